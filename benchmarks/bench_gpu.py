"""On a GPU: photos a second, the share of its bf16 matrix rate, and what takes the most time next to that.

Every function takes a device and runs on the CPU too, which is how a test holds them.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from bench_training import waiting
from timing import Row, Sizes
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from pyramidcolor.checkpoints import load_pretrained
from pyramidcolor.recipes import BEST, PHASES
from pyramidcolor.resident import ResidentPhotos, ResidentReader
from pyramidcolor.speed import Variant, measure, training_step, why_not_compiled
from pyramidcolor.swift import swift_chroma

GOAL = 0.35


def rows(sizes: Sizes, device: torch.device | None = None) -> list[Row]:
    """The rows of this subject, or one that says that there is no GPU.

    Args:
        sizes: what to measure.
        device: where; None for a GPU, if there is one.
    """
    if device is None:
        if not torch.cuda.is_available():
            return [Row("on a GPU: inference, training, matrix rate, waiting", "", note="no GPU here")]
        device = torch.device("cuda")
    rate = matrix_rate(device, sizes.matrix_side)
    found = [inference(sizes, device), *views(sizes, device)]
    for phase in PHASES[:2]:
        found += training(sizes, device, phase, rate)
    larger = replace(sizes, training_side=sizes.network_side, training_batch=sizes.gpu_batch)
    return found + waiting(replace(larger, epoch_photos=max(sizes.epoch_photos, 8 * sizes.gpu_batch)), device)


def matrix_rate(device: torch.device, side: int) -> float:
    """Multiplications and additions a second of a product of two square bf16 matrices."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds, _ = measure(lambda: one @ other)
    return 2 * side**3 / seconds


def inference(sizes: Sizes, device: torch.device) -> Row:
    """Photos a second through the network, gray on the device to chroma on the device."""
    model = load_pretrained().model.to(device)
    gray = torch.rand(sizes.gpu_batch, 1, sizes.network_side, sizes.network_side, device=device) * 2 - 1
    seconds, spread = measure(lambda: swift_chroma(model, gray, "auto"))
    name = f"inference at {sizes.network_side}x{sizes.network_side} on the {device.type}"
    return Row(name, "", sizes.gpu_batch / seconds, unit=" photos/s", note=f"spread {spread:.0%}")


def views(sizes: Sizes, device: torch.device) -> list[Row]:
    """Views a second for either stage, cut from photos in the device's memory, with nothing else to do."""
    generator = torch.Generator().manual_seed(0)
    photos = ResidentPhotos(
        [torch.rand(3, sizes.network_side, sizes.network_side, generator=generator) for _ in range(16)],
        device,
    )
    found = []
    for phase, side in (("stage-one", max(1, sizes.network_side // 4)), ("stage-two", sizes.network_side)):

        def epoch(side: int = side) -> None:
            options = {"seed": 0, "epoch": 0, "epoch_photos": 4 * sizes.gpu_batch}
            for batch in ResidentReader(photos, side, sizes.gpu_batch, **options):
                last = batch
            last[0, 0, 0, 0].item()

        seconds, spread = measure(epoch)
        name = (
            f"views for {phase} from photos of {sizes.network_side}x{sizes.network_side} on the {device.type}"
        )
        found.append(
            Row(name, "", 4 * sizes.gpu_batch / seconds, unit=" photos/s", note=f"spread {spread:.0%}")
        )
    return found


def training(sizes: Sizes, device: torch.device, phase: str, rate: float) -> list[Row]:
    """Photos a second of a phase's step, as it is and compiled where that works, and the last one's share of the matrix rate."""
    factor = 4 if phase == "stage-one" else 1
    config = replace(BEST, size=sizes.network_side // factor)
    can_compile = device.type == "cuda" and not why_not_compiled(device)
    variant = Variant("bf16, channels_last", "bf16", channels_last=True, compiled=can_compile)
    plain = training_step(
        config, replace(variant, compiled=False), device, batch_size=sizes.gpu_batch, phase=phase
    )
    with FlopCounterMode(display=False) as counter:
        plain()
    plain_seconds, plain_spread = measure(plain)
    seconds, found = plain_seconds, []
    name = f"{phase} training at {sizes.network_side}x{sizes.network_side} on the {device.type}"
    note = f"not compiled, spread {plain_spread:.0%}; most time: {most_time(plain, device)}"
    found.append(Row(name, "", sizes.gpu_batch / plain_seconds, unit=" photos/s", note=note))
    if can_compile:
        step = training_step(config, variant, device, batch_size=sizes.gpu_batch, phase=phase)
        seconds, spread = measure(step)
        note = f"compiled, spread {spread:.0%}; most time: {most_time(step, device)}"
        found.append(Row(name, "", sizes.gpu_batch / seconds, unit=" photos/s", note=note))
    return [
        *found,
        Row(
            name,
            "the measured rate of bf16 matrix products: share",
            100 * counter.get_total_flops() / seconds / rate,
            100 * GOAL if phase == "stage-two" else None,
            unit=" %",
            note=f"the rate: {rate / 1e12:.3g} TFLOP/s",
        ),
    ]


def most_time(step, device: torch.device, count: int = 3) -> str:
    """The operations of a step that take the most time of the device, and their shares, in words."""
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    with profile(activities=kinds) as profiler:
        last: Tensor = step()
        last.item()
    key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, key))
    total = sum(getattr(event, key) for event in events) or 1
    return ", ".join(f"{event.key[:40]} {getattr(event, key) / total:.0%}" for event in events[:count])

"""Where the time of a photo, of its network and of a training step goes, and what two threads gain: the profiles behind `docs/performance.md`'s missed goals.

python benchmarks/profiles.py
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from timing import FULL, write_jpeg
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from pyramidcolor import inference
from pyramidcolor.bands import BAND_PIXELS
from pyramidcolor.checkpoints import load_pretrained
from pyramidcolor.color import hsv_to_rgb, rgb_to_hsv
from pyramidcolor.images import read_image, resize, sample_photo, to_image, write_image
from pyramidcolor.inference import colorize
from pyramidcolor.recipes import PHASES, recipe
from pyramidcolor.speed import VARIANTS, Variant, training_step
from pyramidcolor.swift import swift_form

KINDS = {"conv": "convolutions", "batch_norm": "batch norm", "copy_": "copies and casts", "adam": "Adam"}
CHOICES = dict.fromkeys(
    ("where", "masked_fill", "::eq", "::ge", "::gt", "::le", "::lt"), "choices and comparisons"
)
COLOR_KINDS = CHOICES | {
    "::cat": "planes put together",
    "amax": "largest and smallest",
    "amin": "largest and smallest",
}


PHOTO_PARTS = {
    "read_image": "decoding",
    "pixels_and_alpha": "Pillow's pixels to an array",
    "gray_of_pixels": "gray of the pixels",
    "_working_gray": "small gray picture",
    "_chroma_of_working_gray": "network and smoothing",
    "chroma_rows": "chroma made as wide as the photo",
    "fill_pixels": "chroma and gray to pixels",
}
"""The functions that `colorize` calls, and what they are for; the rows of chroma come from what `chroma_rows` returns."""


def photo_profile(path: Path, target: Path, calls: int = 5) -> dict[str, float]:
    """Seconds of each part of `colorize`, from file to file on one core: means of some calls."""
    network, spent, threads = load_pretrained("best"), Counter(), torch.get_num_threads()

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def work(*args, **options):
            started = time.perf_counter()
            result = call(*args, **options)
            spent[part] += (time.perf_counter() - started) / calls
            return timed("rows of chroma", result) if callable(result) else result

        return work

    parts = {name: timed(part, getattr(inference, name)) for name, part in PHOTO_PARTS.items()}
    torch.set_num_threads(1)
    try:
        with mock.patch.multiple(inference, **parts):
            for call in range(-1, calls):
                if call == 0:
                    spent.clear()  # what the first one had to load
                    started = time.perf_counter()
                timed("encoding", write_image)(colorize(path, network), target)
            whole = (time.perf_counter() - started) / calls
    finally:
        torch.set_num_threads(threads)
    return dict(spent) | {"all else": whole - spent.total()}


def step_profile(phase: str, variant: Variant, calls: int = 8) -> Counter[str]:
    """Milliseconds of a training step, 32 of 128x128, by kind of operation; the profiler's own time is in them."""
    config = recipe("best")
    size = 128 // 4 if phase == "stage-one" else 128  # stage one is trained on views as small as its input
    step = training_step(replace(config, size=size), variant, torch.device("cpu"), batch_size=32, phase=phase)
    return time_by_kind(step, KINDS, calls)


def color_profile(calls: int = 8) -> Counter[str]:
    """Likewise of RGB to HSV and back with gradients, for a batch of 16 of 256x256."""
    batch = torch.rand(16, 3, 256, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    return time_by_kind(lambda: hsv_to_rgb(rgb_to_hsv(batch)).sum().backward(), COLOR_KINDS, calls)


def time_by_kind(call: Callable[[], object], kinds: dict[str, str], calls: int) -> Counter[str]:
    """Milliseconds of a call by kind of operation: the first of `kinds` whose word the operation's name contains."""
    for _ in range(3):
        call()
    with profile(activities=[ProfilerActivity.CPU]) as run:
        for _ in range(calls):
            call()
    spent: Counter[str] = Counter()
    for event in run.key_averages():
        kind = next((kind for word, kind in kinds.items() if word in event.key.lower()), "all else")
        spent[kind] += event.self_cpu_time_total / calls / 1000
    return spent


def network_profile(precision: str, side: int = 256, calls: int = 30) -> dict[str, tuple[float, float]]:
    """Milliseconds, and millions of multiplications, of each part of the shipped network for one photo, one look, without norms.

    Stage one is one part; stage two's parts have the names that `PyramidNet` gives them, "the rest" being resizing and joining.
    """
    network = swift_form(load_pretrained("best").model, precision)
    stage_two = network.pyramid_net
    parts = {
        "stage one": network.low_scale_net,
        **{f"stage two: {name}": part for name, part in stage_two.named_children()},
    }
    spent, began = dict.fromkeys(parts, 0.0), {}
    for name, part in parts.items():
        part.register_forward_pre_hook(lambda *_, name=name: began.update({name: time.perf_counter()}))
        part.register_forward_hook(
            lambda *_, name=name: spent.update({name: spent[name] + time.perf_counter() - began[name]})
        )
    gray = torch.rand(1, 1, side, side).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        with FlopCounterMode(display=False) as counter:
            network(gray)
        spent.update(dict.fromkeys(parts, 0.0))
        started = time.perf_counter()
        for _ in range(calls):
            network(gray)
        whole = time.perf_counter() - started
    counts = counter.get_flop_counts()
    paths = {"stage one": "low_scale_net"} | {
        f"stage two: {name}": f"pyramid_net.{name}" for name, _ in stage_two.named_children()
    }
    products = {
        name: sum(sum(count.values()) for module, count in counts.items() if module.endswith(path)) / 2e6
        for name, path in paths.items()
    }
    profile_of = {name: (seconds / calls * 1000, products[name]) for name, seconds in spent.items()}
    return profile_of | {"the rest": ((whole - sum(spent.values())) / calls * 1000, 0.0)}


def two_threads(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Seconds of a call in one thread, and how many times as much two threads of one Python do in the same time."""
    torch.set_num_threads(1)

    def repeat() -> None:
        for _ in range(calls):
            call()

    call()
    started = time.perf_counter()
    repeat()
    alone = time.perf_counter() - started
    threads = [threading.Thread(target=repeat) for _ in range(2)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return alone / calls, 2 * alone / (time.perf_counter() - started)


def main() -> None:
    """Print all profiles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = photo_profile(write_jpeg(folder / "photo.jpg", FULL.photo), folder / "color.jpg")
    print(f"`colorize` of a JPEG, file to file, one core: {sum(parts.values()):.2f} s")
    for name, spent in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"    {name}: {spent:.3f} s")
    for precision in ("fp32", "bf16"):
        parts = network_profile(precision)
        whole, products = (sum(column) for column in zip(*parts.values(), strict=True))
        print(f"network, one photo, {precision}: {whole:.0f} ms, {products:.0f} million multiplications")
        for name, (spent, count) in sorted(parts.items(), key=lambda item: -item[1][0]):
            print(
                f"    {name}: {spent / whole:.0%} of the time, {count / products:.0%} of the multiplications"
            )
    steps = {
        f"{phase}, {variant.name}": step_profile(phase, variant)
        for phase in PHASES
        for variant in (VARIANTS[0], VARIANTS[2])
    }
    for name, spent in (steps | {"RGB to HSV and back with gradients": color_profile()}).items():
        parts = ", ".join(f"{kind} {share / spent.total():.0%}" for kind, share in spent.most_common())
        print(f"{name}: {spent.total():.0f} ms; {parts}")
    network, numbers = load_pretrained("best"), torch.rand(2, BAND_PIXELS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        photo = to_image(resize(sample_photo("rocket"), (1224, 1632)))
        photo.save(path, quality=92)
        pixels = np.asarray(photo)
        jobs = {
            "decoding a photo of 2 megapixels": (lambda: read_image(path).load(), 30),
            "short operations on a band": (lambda: numbers[0] * 1.5 + numbers[1], 10_000),
            "colorizing it": (lambda: colorize(pixels, network), 12),
        }
        for name, (call, calls) in jobs.items():
            seconds, gain = two_threads(call, calls)
            print(f"{name}: {seconds * 1000:.2f} ms; two threads do {gain:.2f} times as much")


if __name__ == "__main__":
    main()

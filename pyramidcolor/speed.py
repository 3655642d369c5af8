"""What a network costs: its multiplications, and its time in other precisions and memory formats, measured where it runs."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from .checkpoints import build_colorizer
from .devices import has_fast_bf16
from .objective import PhaseStep
from .recipes import TrainingConfig


@dataclass(frozen=True)
class Variant:
    """One way to compute a training step.

    Attributes:
        name: what it is called in a table.
        precision: "fp32" or "bf16"; bf16 by autocast, which leaves weights, encoding and loss in fp32.
        channels_last: whether tensors lie in memory pixel by pixel instead of channel by channel.
        compiled: whether `torch.compile` turns the step into machine code first.
    """

    name: str
    precision: str = "fp32"
    channels_last: bool = False
    compiled: bool = False


VARIANTS = (
    Variant("fp32, contiguous"),
    Variant("fp32, channels_last", channels_last=True),
    Variant("bf16, channels_last", "bf16", True),
    Variant("fp32, channels_last, compiled", "fp32", True, True),
    Variant("bf16, channels_last, compiled", "bf16", True, True),
)
"""The first is what PyTorch does when nobody asks for anything else: the one that the others are compared with. On a GPU
its convolutions use TF32, unless the caller has switched that off."""


@dataclass(frozen=True)
class StepTime:
    """How long a variant takes.

    Attributes:
        variant: which.
        seconds: median of a step, or None where it cannot run or was not asked for.
        spread: the middle half of all measurements, from end to end, as a share of the median.
        why_not: why there are no seconds, or empty.
    """

    variant: Variant
    seconds: float | None = None
    spread: float = 0.0
    why_not: str = ""

    def times_faster(self, than: StepTime) -> float | None:
        """How many of its steps fit into one of another variant's; None where either has none."""
        return than.seconds / self.seconds if than.seconds and self.seconds else None


def compare_steps(
    config: TrainingConfig,
    device: torch.device,
    *,
    batch_size: int,
    phase: str = "fine-tune",
    compiled: bool = False,
    seconds: float = 1.0,
) -> list[StepTime]:
    """The time of one training step in each of `VARIANTS`: forward, backward, Adam. The photos are on the device before.

    Args:
        config: which network and loss, and the side of the photos.
        device: where to run.
        batch_size: photos a step.
        phase: one of `recipes.PHASES`.
        compiled: whether to try the compiled variants too; the first step of each then takes a minute or more on a CPU.
        seconds: how long to measure each variant at least, after two steps to warm up.

    Returns:
        One `StepTime` for each variant, in order. What cannot run here says why; nothing is left out.

    Raises:
        ValueError: if an argument does not fit the network.
    """
    times = []
    for variant in VARIANTS:
        why_not = _why_not(variant, device, compiled)
        if why_not:
            times.append(StepTime(variant, why_not=why_not))
            continue
        try:
            step = training_step(config, variant, device, batch_size=batch_size, phase=phase)
            times.append(StepTime(variant, *measure(step, seconds)))
        except (
            RuntimeError,
            OSError,
        ) as error:  # what torch and a compiler raise where a detection was wrong
            if variant == VARIANTS[0]:
                raise
            first_line = str(error).strip().splitlines()[:1]
            times.append(StepTime(variant, why_not=": ".join([type(error).__name__, *first_line])))
    return times


def training_step(
    config: TrainingConfig, variant: Variant, device: torch.device, *, batch_size: int, phase: str
) -> Callable[[], Tensor]:
    """A function that trains a new network by one step on random photos and returns the loss.

    Args:
        config, variant, device, batch_size, phase: as in `compare_steps`.

    Returns:
        The function; its loss is a scalar on `device`. It does not wait for a GPU, as training does not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        colorizer = build_colorizer(config.color_space, config.low_scale_net, config.pyramid_net)
        photos = torch.rand(batch_size, 3, config.size, config.size).to(device)
    memory_format = torch.channels_last if variant.channels_last else torch.contiguous_format
    module = PhaseStep(colorizer, phase, config, memory_format=memory_format)
    module = module.to(device).to(memory_format=memory_format).train()
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-4)
    loss_of = torch.compile(module) if variant.compiled else module

    def step() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=variant.precision == "bf16"):
            loss = loss_of(photos)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def measure(call: Callable[[], Any], seconds: float = 1.0) -> tuple[float, float]:
    """Median time of a call in seconds, and the middle half of all measurements as a share of it.

    Two calls warm up first: they compile, choose algorithms and take memory. On a GPU every measurement ends by waiting for it.

    Args:
        call: takes no arguments.
        seconds: how long to measure at least.
    """
    for _ in range(2):
        call()
    # One thread is Timer's default, and all threads are what training uses.
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    measured = timer.blocked_autorange(min_run_time=seconds)
    return measured.median, measured.iqr / measured.median


def multiplications(module: nn.Module, *inputs: Tensor) -> int:
    """How many multiplications the convolutions and matrix products of a call take; all else is little beside them.

    Args:
        module: called once, without gradients, in evaluation mode; its own mode stays.
        inputs: its arguments, tensors of any shape that it takes.

    Example:
        >>> multiplications(nn.Conv2d(4, 8, 3, padding=1), torch.zeros(1, 4, 10, 10)) == 10 * 10 * 3 * 3 * 4 * 8
        True
    """
    modes = {part: part.training for part in module.modules()}
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module.eval()(*inputs)
    finally:
        for part, mode in modes.items():
            part.training = mode
    return counter.get_total_flops() // 2  # it counts each addition too


def why_not_compiled(device: torch.device) -> str:
    """Why `torch.compile` cannot work for a device here, or empty: it needs tools that PyTorch does not bring along."""
    if device.type == "cuda":
        if find_spec("triton") is None:
            return "no Triton, which writes a GPU's code"
        if torch.cuda.get_device_capability(device) < (7, 0):
            return "Triton writes no code for a GPU this old"
        return ""
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl"]
    if not any(compiler and shutil.which(compiler) for compiler in compilers):
        return "no C++ compiler"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        return "no Python.h: Python's development files are not installed"
    return ""


def _why_not(variant: Variant, device: torch.device, compiled: bool) -> str:
    if variant.compiled and not compiled:
        return "not asked for: compiling takes minutes on a CPU"
    if variant.compiled and variant.precision == "bf16" and not has_fast_bf16(device):
        return "no bf16 units here, so not worth compiling"
    if variant.precision == "bf16" and device.type == "cuda" and not has_fast_bf16(device):
        return "this GPU has no bf16 units"
    return why_not_compiled(device) if variant.compiled else ""

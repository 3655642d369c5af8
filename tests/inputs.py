"""Inputs that several tests share: every 8-bit color, and the devices to compute on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
    ),
]


def every_color(device: str = "cpu") -> Iterator[Tensor]:
    """All 16,777,216 8-bit RGB colors, as 32 pictures `(3, 2048, 256)` of uint8; as one they would fill gigabytes."""
    ramp = torch.arange(256, dtype=torch.uint8, device=device)
    for red in ramp.split(8):
        yield torch.stack(torch.meshgrid(red, ramp, ramp, indexing="ij")).flatten(1, 2)


def pixel(*channels: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """A picture of one pixel, `(C, 1, 1)`."""
    return torch.tensor(channels, dtype=dtype).reshape(-1, 1, 1)


def half_turns_apart(one: Tensor, other: Tensor) -> Tensor:
    """How far apart two hues in half-turns are, measured between points on the circle, as no formula of ours does."""
    chord = torch.polar(torch.ones_like(one), one * torch.pi) - torch.polar(
        torch.ones_like(other), other * torch.pi
    )
    return 2 * (chord.abs() / 2).clamp(max=1).asin() / torch.pi


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch with so many threads. Set and not pretended, since the code under test sets the number back to what it found."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

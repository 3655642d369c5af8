"""What all of `make bench` shares: fair timing of rivals, a row of the table, and pictures to measure with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pyramidcolor.images import SAMPLE_PHOTOS


@dataclass(frozen=True)
class Sizes:
    """How much to measure; `FULL` is the table's, `TINY` lets a test run every line in seconds."""

    photo: tuple[int, int] = (3000, 4000)
    large: tuple[int, int] = (10_000, 10_000)
    album: tuple[int, int] = (1224, 1632)
    album_photos: int = 200
    batch: int = 16
    network_side: int = 256
    training_side: int = 128
    training_batch: int = 32
    epoch_photos: int = 320
    growth_megapixels: tuple[float, ...] = (1, 2, 4, 8, 16, 32)
    growth_photos: tuple[int, ...] = (64, 128, 256, 512)
    rounds: int = 7
    matrix_side: int = 8192
    gpu_batch: int = 128


FULL = Sizes()
TINY = Sizes((48, 64), (60, 80), (32, 48), 4, 2, 32, 32, 2, 4, (0.01, 0.02), (4, 8), 1, 64, 2)


@dataclass(frozen=True)
class Times:
    """Seconds of one rival: their median, and the middle half of them, from end to end, as a share of it."""

    median: float
    spread: float


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        measure: what was measured.
        against: what it is compared with.
        value: the ratio, or what `unit` says; None where it was not measured.
        goal: what it should reach, or None for a row that only informs.
        at_most: whether the goal is the largest allowed value instead of the smallest.
        unit: written behind the value; a ratio is "×".
        seconds: median and spread of each rival by its name.
        note: what else to know; the reason, where there is no value.
    """

    measure: str
    against: str
    value: float | None = None
    goal: float | None = None
    at_most: bool = False
    unit: str = "×"
    seconds: dict[str, Times] | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """ "met", "missed", "not measured", or empty for a row without a goal."""
        if self.value is None:
            return "not measured"
        if self.goal is None:
            return ""
        met = self.value <= self.goal if self.at_most else self.value >= self.goal
        return "met" if met else "missed"


def interleaved(
    rivals: dict[str, Callable[[], Any]], rounds: int, most_seconds: float = 12.0
) -> dict[str, Times]:
    """The time of each rival, measured in turns, so that a busy moment of the machine hits all of them.

    Args:
        rivals: calls without arguments. Each is called once beforehand to warm up, unless that alone takes too long.
        rounds: how often each is measured, if it does not take too long.
        most_seconds: a rival that has used so many, and was measured twice, is left out of further rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for name, call in rivals.items():
        started = time.perf_counter()
        call()
        warming = time.perf_counter() - started
        if warming > most_seconds / 2:
            seconds[name].append(warming)
    for _ in range(rounds):
        for name, call in rivals.items():
            if len(seconds[name]) >= 2 and sum(seconds[name]) > most_seconds:
                continue
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: times(measured) for name, measured in seconds.items()}


def times(seconds: list[float]) -> Times:
    """Median and spread of some measurements."""
    median = statistics.median(seconds)
    if len(seconds) < 4:
        return Times(median, (max(seconds) - min(seconds)) / median)
    low, _, high = statistics.quantiles(seconds, n=4)
    return Times(median, (high - low) / median)


def ratio(measured: dict[str, Times], slow: str, fast: str) -> float:
    """How many times the median of `fast` goes into that of `slow`."""
    return measured[slow].median / measured[fast].median


def picture(size: tuple[int, int], shift: int = 0) -> np.ndarray:
    """A photo `(H, W, 3)` of uint8 at any size with the detail of a real one: scikit-image's photos as tiles.

    Args:
        size: height and width.
        shift: which tile comes first.
    """
    import skimage.data

    height, width = 300, 400
    tiles = [getattr(skimage.data, name)()[:height, :width] for name in SAMPLE_PHOTOS]
    down, right = -(-size[0] // height), -(-size[1] // width)
    rows = [
        np.hstack([tiles[(row + column + shift) % len(tiles)] for column in range(right)])
        for row in range(min(down, len(tiles)))
    ]
    return np.vstack([rows[row % len(rows)] for row in range(down)])[: size[0], : size[1]]


def write_jpeg(path: Path, size: tuple[int, int], shift: int = 0) -> Path:
    """A JPEG of `picture` as `write_image` would write it; the path."""
    Image.fromarray(picture(size, shift)).save(path, quality=95, subsampling=0)
    return path


def kind_of_processor() -> str:
    """The CPU in words that hold for many machines: its cores for PyTorch, and its units for bf16."""
    units = {"_is_amx_tile_supported": "AMX", "_is_avx512_bf16_supported": "AVX-512 bf16"}
    there = [name for probe, name in units.items() if getattr(torch.cpu, probe, lambda: False)()]
    return f"CPU, {torch.get_num_threads()} threads, " + (
        "with " + " and ".join(there) if there else "without units for bf16"
    )


def has_amx() -> bool:
    """Whether the CPU has AMX, units that multiply matrices of bf16."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())

"""A picture in bands that stay in a core's cache, one thread a core; RGB to HSV and back for them by OpenCV, and what OpenCV takes.

`color` holds the formulas as they are read and differentiated. For large pictures on the CPU of which nobody asks a gradient,
OpenCV does the same in one pass of vector code. `tests/test_bands.py` holds it against the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

BAND_PIXELS = 1 << 16
"""Pixels of a band: a plane of 256 KiB, of which some fit into a core's own cache."""

THREADED_PIXELS = 1 << 22
"""Smaller pictures are done by the calling thread alone. So photos of a few megapixels, of which there are many, can share the
cores among them, which wastes less than to share out each."""


@contextmanager
def one_core_each(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads in each of which PyTorch computes with one thread of its own, so that together they fill the cores.

    Args:
        threads: how many.
    """
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        # The setting is a thread's own, but threads that start later, and MKL, take the one that was set last.
        torch.set_num_threads(before)


def in_threads(work: Callable[[int, int], None], count: int, step: int, threads: int) -> None:
    """Call `work(first, last)` for every band of `step` out of `count`, in several threads.

    Args:
        work: is called with neighboring bands in no order. What it raises is raised here.
        count: how many rows or pixels there are.
        step: how many a band has; the last has fewer.
        threads: at most so many; 1 calls it in this thread, in order.

    Example:
        >>> in_threads(lambda first, last: print(first, last), 10, 4, 1)
        0 4
        4 8
        8 10
    """

    def every(number: int) -> None:
        for first in range(number * step, count, threads * step):
            work(first, min(first + step, count))

    threads = max(1, min(threads, -(-count // step)))
    if threads == 1:
        return every(0)
    with one_core_each(threads) as pool:
        list(pool.map(every, range(threads)))


def threads_for(pixels: int) -> int:
    """How many threads a picture of so many pixels is worth: PyTorch's own number, or 1 below `THREADED_PIXELS`."""
    return torch.get_num_threads() if pixels >= THREADED_PIXELS else 1


@cache
def opencv() -> ModuleType | None:
    """OpenCV, loaded when it is first needed; None on a machine without it, where the formulas serve: more slowly."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2


def is_plain(image: Tensor) -> bool:
    """Whether OpenCV can take this picture, `(..., H, W)`: in float32, on the CPU, without gradient, and OpenCV is there."""
    return (
        image.device.type == "cpu"
        and image.dtype == torch.float32
        and not (torch.is_grad_enabled() and image.requires_grad)
        and type(image) is Tensor
        and opencv() is not None
    )


def is_fast(image: Tensor) -> bool:
    """Whether `hsv_in_bands` and `rgb_in_bands` take this picture, `(..., 3, H, W)`: one for OpenCV, and large."""
    return image.numel() >= 3 * BAND_PIXELS and is_plain(image)


def hsv_in_bands(rgb: Tensor) -> Tensor:
    """What `color.rgb_to_hsv` gives, for a picture `(..., 3, H, W)` that `is_fast` takes.

    OpenCV adds 1.2e-7 to what it divides by, which shows near black and near gray. So it gets a picture that is 2^40 times brighter: hue
    and saturation are ratios, and a power of 2 changes no digit of a number.
    """
    return _convert(rgb, _hsv_band)


def rgb_in_bands(hsv: Tensor) -> Tensor:
    """What `color.hsv_to_rgb` gives, for a picture `(..., 3, H, W)` that `is_fast` takes."""
    return _convert(hsv, _rgb_band)


def new_planes(shape: tuple[int, ...]) -> Tensor:
    """A float32 tensor of a shape, unfilled, for a large result; all its shapes and ranges are the caller's: `(...)`.

    By numpy, which asks the system for large pages. To touch memory for the first time in small ones, as PyTorch does, takes longer
    than a conversion.
    """
    return torch.from_numpy(np.empty(shape, np.float32))


def _convert(image: Tensor, convert: Callable[[np.ndarray, np.ndarray], None]) -> Tensor:
    result = new_planes(image.shape)
    # Planes of a single row, which OpenCV does not share out among threads of its own.
    rows = (-1, 3, 1, image.shape[-1] * image.shape[-2])
    sources, targets = image.detach().reshape(rows).numpy(), result.view(rows).numpy()
    for source, target in zip(sources, targets, strict=True):

        def work(first: int, last: int, source=source, target=target) -> None:
            convert(source[..., first:last], target[..., first:last])

        in_threads(work, rows[-1], BAND_PIXELS, threads_for(rows[-1]))
    return result


_BRIGHTER = np.float32(2**40)


def _hsv_band(rgb: np.ndarray, hsv: np.ndarray) -> None:
    cv2 = opencv()
    mixed = cv2.merge(list(rgb))
    np.multiply(mixed, _BRIGHTER, out=mixed)
    mixed = cv2.cvtColor(mixed, cv2.COLOR_RGB2HSV)
    for channel, plane in enumerate(hsv):
        cv2.extractChannel(mixed, channel, dst=plane)
    hue, _, value = hsv
    np.multiply(value, 1 / _BRIGHTER, out=value)
    np.multiply(hue, np.float32(1 / 360), out=hue)
    np.subtract(hue, np.floor(hue), out=hue)  # a whole turn is 0


def _rgb_band(hsv: np.ndarray, rgb: np.ndarray) -> None:
    cv2 = opencv()
    hue, saturation, value = hsv
    degrees = hue - np.floor(hue)
    np.multiply(degrees, np.float32(360), out=degrees)
    mixed = cv2.cvtColor(cv2.merge([degrees, saturation, value]), cv2.COLOR_HSV2RGB)
    for channel, plane in enumerate(rgb):
        cv2.extractChannel(mixed, channel, dst=plane)

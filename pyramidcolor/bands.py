"""A picture in bands that stay in a core's cache, one thread a core; and RGB to HSV and back written for them.

`color` holds the formulas as they are read and differentiated. Here are their twins for pictures on the CPU of which nobody asks a
gradient: computed in place, and only by operations that PyTorch has vector code for, which `where`, comparisons and remainders are
not. `tests/test_bands.py` holds each against its twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

BAND_PIXELS = 1 << 15
"""Pixels of a band: a plane of 128 KiB, of which some fit into a core's own cache."""

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


def is_fast(image: Tensor) -> bool:
    """Whether `hsv_in_bands` and `rgb_in_bands` take this picture, `(..., 3, H, W)`: large, in float32, on the CPU, without gradient."""
    return (
        image.device.type == "cpu"
        and image.dtype == torch.float32
        and image.numel() >= 3 * BAND_PIXELS
        and not (torch.is_grad_enabled() and image.requires_grad)
        and type(image) is Tensor
    )


def hsv_in_bands(rgb: Tensor) -> Tensor:
    """What `color.rgb_to_hsv` gives, for a picture `(..., 3, H, W)` that `is_fast` takes.

    The hue is found without a choice among sextants. With each channel's distance from the largest, as a share of delta, the sum
    green - red + blue + 1 runs evenly from 0 at red up to 3 at cyan, and back; which way, the sign of green - blue tells.
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


def _convert(image: Tensor, convert: Callable[[Tensor, Tensor, Tensor], None]) -> Tensor:
    result = new_planes(image.shape)
    pixels = image.shape[-1] * image.shape[-2]
    for source, target in zip(image.reshape(-1, 3, pixels), result.view(-1, 3, pixels), strict=True):

        def work(first: int, last: int, source=source, target=target) -> None:
            # A thread has its own gradient mode.
            with torch.no_grad():
                convert(source[:, first:last], target[:, first:last], torch.empty(4, last - first))

        in_threads(work, pixels, BAND_PIXELS, threads_for(pixels))
    return result


_SMALLEST = 4 * torch.finfo(torch.float32).tiny  # as in color.rgb_to_hsv
_ONE, _TWO, _THREE = torch.tensor(1.0), torch.tensor(2.0), torch.tensor(3.0)


def _hsv_band(rgb: Tensor, hsv: Tensor, scratch: Tensor) -> None:
    red, green, blue = rgb
    hue, saturation, value = hsv
    delta, divisor, way, rest = scratch
    torch.maximum(red, green, out=value)
    torch.maximum(value, blue, out=value)
    torch.minimum(red, green, out=delta)
    torch.minimum(delta, blue, out=delta)
    torch.sub(value, delta, out=delta)
    torch.clamp(value, min=_SMALLEST, out=divisor)
    torch.div(delta, divisor, out=saturation)
    # way = red - green + value - blue - 2 delta, which is -delta times the sum that runs from 0 to 3
    torch.sub(red, green, out=way)
    torch.sub(value, blue, out=rest)
    torch.add(way, rest, out=way)
    torch.sub(way, delta, alpha=2, out=way)
    torch.clamp(delta, min=_SMALLEST, out=divisor)
    torch.div(way, divisor, out=way)
    torch.add(way, 3, out=way)
    torch.sub(green, blue, out=rest)
    torch.copysign(way, rest, out=way)
    torch.sub(_THREE, way, out=way)
    torch.div(way, 6, out=way)
    torch.frac(way, out=hue)  # a whole turn is 0


def _rgb_band(hsv: Tensor, rgb: Tensor, scratch: Tensor) -> None:
    hue, saturation, value = hsv
    turn, chroma, below, _ = scratch
    torch.floor(hue, out=turn)
    torch.sub(hue, turn, out=turn)
    torch.mul(value, saturation, out=chroma)
    # How far each channel lies below the value, as a share of the chroma: least at the channel's own hue.
    torch.sub(turn, 0.5, out=below).abs_()
    torch.sub(_TWO, below, alpha=6, out=below).clamp_(0, 1)
    torch.addcmul(value, chroma, below, value=-1, out=rgb[0])
    for channel, own in ((1, 1 / 3), (2, 2 / 3)):
        torch.sub(turn, own, out=below).abs_()
        torch.add(-_ONE, below, alpha=6, out=below).clamp_(0, 1)
        torch.addcmul(value, chroma, below, value=-1, out=rgb[channel])

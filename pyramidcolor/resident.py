"""Photos kept as bytes in a device's memory, and their views cut there: what keeps a GPU from waiting.

`batches.BatchReader` cuts every view on the processor, which is enough for a network on the processor and far too slow for one
on a GPU. Here a whole batch of views is two products of matrices: one that resizes rows, one that resizes columns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from .batches import BatchReader
from .photos import Photos, as_photos
from .workers import usable_cores

_SHARE = 0.4  # of the device's free memory; the network and its features need the rest
_SAMPLE = 64  # photos that tell how large the others are
_CHUNK = 512  # photos that travel to the device at a time


class ResidentPhotos:
    """A set of photos in the memory of a device.

    Photos of about one size lie in one block, padded to the same sides. Copies of a photo share one place.

    Args:
        photos: the set. Tensors that are no `Photos`, such as drawn scenes, are rounded to 8 bits.
        device: where to keep them.
        threads: how many threads decode.

    Attributes:
        shapes: height and width of every photo, `(N, 2)`.
        device_bytes: memory in use on the device.

    Raises:
        FileNotFoundError, ValueError: if a photo's file is missing or broken; the message names it.
    """

    def __init__(self, photos: Sequence[Tensor], device: torch.device, threads: int | None = None):
        photos = as_photos(photos)
        self.device = device
        first_of = {name: index for index, name in reversed(list(enumerate(photos.names)))}
        distinct = sorted(first_of.values())
        shapes, blocks, slots = _load(photos, distinct, device, threads or usable_cores())
        place = {photos.names[index]: number for number, index in enumerate(distinct)}
        chosen = np.array([place[name] for name in photos.names], dtype=np.int64)
        self.shapes = shapes[chosen]
        self._block, self._slot = slots[chosen].T
        self._blocks = blocks
        self.device_bytes = sum(block.numel() for block in blocks)

    def __len__(self) -> int:
        return len(self.shapes)

    def views(self, places: np.ndarray, squares: np.ndarray, size: int) -> Tensor:
        """Squares of some photos at a given size, as `batches.square_view` gives them one by one, up to rounding.

        Args:
            places: of the photos, `(B,)`.
            squares: top, left, side and whether to mirror, `(B, 4)`.
            size: side of the views in pixels.

        Returns:
            `(B, 3, size, size)` float32 in [0, 1], on the device.
        """
        numbers = self._block[places]
        used = np.unique(numbers)
        longest = [max(self._blocks[number].shape[axis] for number in used) for axis in (-2, -1)]
        top, left, side, mirrored = self._sent(squares).unbind(1)
        rows, columns = (
            _resizing(start, side, size, length) for start, length in zip((top, left), longest, strict=True)
        )
        columns = torch.where(mirrored.bool()[:, None, None], columns.flip(1), columns)
        batch = torch.empty(len(places), 3, size, size, device=self.device)
        for number in used:
            mine = np.flatnonzero(numbers == number)
            where, slots = self._sent(mine), self._sent(self._slot[places[mine]])
            block = self._blocks[number]
            height, width = block.shape[-2:]
            with torch.autocast(self.device.type, enabled=False):
                half = block[slots].flatten(1, 2).float() @ columns[where, :, :width].mT
                batch[where] = rows[where, None, :, :height] @ half.unflatten(1, (3, height))
        return batch.div_(255).clamp_(0, 1)

    def center_views(self, places: np.ndarray, size: int) -> Tensor:
        """The largest square in the middle of each of some photos, as `batches.center_view` gives it: `(B, 3, size, size)`."""
        shapes = self.shapes[places]
        side = shapes.min(1)
        corners = (shapes - side[:, None]) // 2
        return self.views(places, np.column_stack((corners, side, np.zeros_like(side))), size)

    def _sent(self, numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device, non_blocking=True)


class ResidentReader(BatchReader):
    """`batches.BatchReader` for photos that are on the device: the same photos in the same batches, other random squares.

    Args:
        photos: where they are.
        size, batch_size, options: as for `BatchReader`.
    """

    def __init__(self, photos: ResidentPhotos, size: int, batch_size: int, **options):
        super().__init__(photos, size, batch_size, **options)
        # Drawn for the epoch in one go: a generator for each view would take longer than the view.
        rng = np.random.default_rng([*self._key, 0, 1])
        self._squares = random_squares(photos.shapes[self._order], rng, self._smallest_crop)

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self._batches:
            started = time.perf_counter()
            places = slice(batch.start, batch.stop)
            views = self._photos.views(self._order[places], self._squares[places], self._size)
            self.waited += time.perf_counter() - started
            yield views


def random_squares(shapes: np.ndarray, rng: np.random.Generator, smallest_crop: float) -> np.ndarray:
    """For each of many photos a random square, chosen as by `batches.random_view`.

    Args:
        shapes: height and width of each, `(N, 2)`.
        rng: where the choices come from.
        smallest_crop: the squares' sides are between this share and all of the photos' shorter sides.

    Returns:
        Top, left, side and whether to mirror, `(N, 4)`.
    """
    side = np.rint(shapes.min(1) * rng.uniform(smallest_crop, 1, len(shapes))).astype(np.int64).clip(1)
    top, left = (rng.integers(shapes[:, axis] - side + 1) for axis in (0, 1))
    return np.column_stack((top, left, side, rng.random(len(shapes)) < 0.5))


def on_device(photos: Sequence[Tensor], device: torch.device) -> ResidentPhotos | None:
    """The photos in the memory of a GPU; None if the device is none, or if they would fill more than a part of its free memory.

    Args:
        photos: the set.
        device: where the network is trained.
    """
    if device.type != "cuda":
        return None
    photos = as_photos(photos)
    some = np.unique(np.linspace(0, len(photos) - 1, _SAMPLE).astype(int))
    with ThreadPoolExecutor(usable_cores()) as pool:
        sizes = pool.map(lambda index: 3 * np.prod(_padded(photos.pixels(index).shape[:2])), map(int, some))
        needed = np.mean(list(sizes)) * len(set(photos.names))
    free, _ = torch.cuda.mem_get_info(device)
    return ResidentPhotos(photos, device) if needed < _SHARE * free else None


def _resizing(start: Tensor, side: Tensor, size: int, length: int) -> Tensor:
    """For each of B stretches of a line, the matrix `(B, size, length)` that resizes it as `images.resize` does."""
    scale = side.double() / size
    reach = scale.clamp(min=1)[:, None, None]
    center = start.double()[:, None] + scale[:, None] * (torch.arange(size, device=side.device) + 0.5)
    pixel = torch.arange(length, device=side.device) + 0.5
    weights = (1 - (pixel - center[:, :, None]).abs() / reach).clamp(min=0)
    inside = (pixel > start[:, None]) & (pixel < (start + side)[:, None])
    weights = weights * inside[:, None]
    return (weights / weights.sum(-1, keepdim=True)).float()


def _padded(shape: Sequence[int]) -> tuple[int, int]:
    """The sides of the block for a photo: the next of 1, 1.5, 2, 3, 4, 6, 8, 12 ... times 32, so that blocks are few."""
    sides = []
    for side in shape:
        power = 32
        while side > 2 * power:
            power *= 2
        sides.append(next(step for step in (power, power * 3 // 2, 2 * power) if side <= step))
    return tuple(sides)


def _load(
    photos: Photos, distinct: Sequence[int], device: torch.device, threads: int
) -> tuple[np.ndarray, list[Tensor], np.ndarray]:
    """Shapes `(N, 2)`, blocks `(n, 3, H, W)` of bytes on the device, and for each photo its block and place there `(N, 2)`."""
    shapes = np.empty((len(distinct), 2), np.int64)
    slots = np.empty((len(distinct), 2), np.int64)
    blocks: dict[tuple[int, int], list[Tensor]] = {}
    with ThreadPoolExecutor(threads, thread_name_prefix="decoding") as pool:
        # A bounded stretch at a time, or all photos would lie decoded in the processor's memory too.
        for first in range(0, len(distinct), _CHUNK):
            stretch = list(pool.map(photos.pixels, map(int, distinct[first : first + _CHUNK])))
            padded = [_padded(pixels.shape[:2]) for pixels in stretch]
            for sides in dict.fromkeys(padded):
                mine = [place for place, own in enumerate(padded) if own == sides]
                parts = blocks.setdefault(sides, [])
                number, before = list(blocks).index(sides), sum(map(len, parts))
                part = torch.zeros(len(mine), 3, *sides, dtype=torch.uint8)
                for row, place in enumerate(mine):
                    height, width = stretch[place].shape[:2]
                    part[row, :, :height, :width] = torch.tensor(stretch[place]).permute(2, 0, 1)
                    shapes[first + place], slots[first + place] = (height, width), (number, before + row)
                parts.append(part.to(device))
    # Taken out one by one, or all photos would lie on the device twice.
    return shapes, [torch.cat(blocks.pop(sides)) for sides in list(blocks)], slots

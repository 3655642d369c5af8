"""Photos to training batches: random views, and a reader that prepares the next batches while the network works.

Every random choice comes from (seed, epoch, position), so that any batch of any epoch can be made again: a run that was
killed goes on exactly where it stopped, and several processes share an epoch as if they were one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from .images import resize

_AHEAD = 3  # batches in preparation; more would only take memory


def random_view(photo: Tensor, size: int, rng: np.random.Generator, smallest_crop: float = 0.7) -> Tensor:
    """A random square of a photo at a given size, mirrored half of the time.

    Args:
        photo: `(3, H, W)`, values in [0, 1].
        size: side of the view in pixels.
        rng: where the choices come from.
        smallest_crop: the square's side is between this share and all of the photo's shorter side.

    Returns:
        `(3, size, size)`.
    """
    height, width = photo.shape[-2:]
    shorter = min(height, width)
    side = max(1, round(shorter * rng.uniform(smallest_crop, 1)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    return square_view(photo, (top, left, side, rng.random() < 0.5), size)


def square_view(photo: Tensor, square: Sequence[int], size: int) -> Tensor:
    """A square of a photo at a given size.

    Args:
        photo: `(3, H, W)`.
        square: top, left and side in pixels, and whether to mirror it.
        size: side of the view in pixels.

    Returns:
        `(3, size, size)`.
    """
    top, left, side, mirrored = square
    view = resize(photo[:, top : top + side, left : left + side], (size, size))
    return view.flip(-1) if mirrored else view


def center_view(photo: Tensor, size: int) -> Tensor:
    """The largest square in the middle of a photo, at a given size: `(3, H, W)` to `(3, size, size)`."""
    height, width = photo.shape[-2:]
    side = min(height, width)
    return square_view(photo, ((height - side) // 2, (width - side) // 2, side, False), size)


def mix_views(views: Tensor, parts: Tensor) -> Tensor:
    """Views into each of which the one before it in the batch shines, as in a double exposure.

    Args:
        views: `(B, 3, H, W)`.
        parts: `(B,)` in [0, 1], how much of the other view; 0 leaves a view as it is.

    Returns:
        `(B, 3, H, W)`.

    Source:
        Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018; with a teacher's answers Beyer
        et al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022.
    """
    return views.lerp(views.roll(1, 0), parts[:, None, None, None])


def epoch_order(count: int, epoch_photos: int | None, seed: int, epoch: int) -> np.ndarray:
    """Which photos an epoch visits, in which order.

    Args:
        count: photos in the set.
        epoch_photos: photos an epoch takes, or None for all. Epochs go on through shuffled rounds of the whole set, so that
            every photo is visited equally often.
        seed: of the run.
        epoch: from 0.

    Returns:
        Indices, `(epoch_photos,)`.
    """
    length = epoch_photos or count
    first, last = epoch * length, (epoch + 1) * length
    rounds = range(first // count, (last - 1) // count + 1)
    order = np.concatenate([np.random.default_rng([seed, turn]).permutation(count) for turn in rounds])
    offset = first - rounds[0] * count
    return order[offset : offset + length]


class BatchReader:
    """The batches of one epoch, each a tensor `(B, 3, size, size)` of random views.

    Args:
        photos: a data set of RGB tensors.
        size: side of the views in pixels.
        batch_size: photos a batch in this process; what is left at an epoch's end and fills no batch is left out.
        seed: of the run.
        epoch: from 0.
        epoch_photos: photos an epoch takes from the set, or None for all.
        smallest_crop: as in `random_view`.
        rank: this process's number; with `world` processes each batch is cut from one of `world * batch_size` photos.
        world: how many processes there are.
        threads: how many threads prepare batches.

    Attributes:
        chosen: for each batch the places of its photos in the set, `(B,)`.
        waited: seconds that the caller has waited for batches.

    Raises:
        ValueError: if the epoch is too small to fill one batch.
    """

    def __init__(
        self,
        photos: Sequence[Tensor],
        size: int,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        epoch_photos: int | None = None,
        smallest_crop: float = 0.7,
        rank: int = 0,
        world: int = 1,
        threads: int = 2,
    ):
        order = epoch_order(len(photos), epoch_photos, seed, epoch)
        joint = batch_size * world
        if len(order) < joint:
            raise ValueError(
                f"an epoch of {len(order)} photos does not fill one batch of {joint}; "
                "choose smaller batches or a longer epoch"
            )
        self._photos, self._size, self._smallest_crop, self._threads = photos, size, smallest_crop, threads
        starts = range(0, len(order) - joint + 1, joint)
        self._batches = [
            range(start + rank * batch_size, start + (rank + 1) * batch_size) for start in starts
        ]
        self._order, self._key = order, (seed, epoch)
        self.chosen = [order[batch.start : batch.stop] for batch in self._batches]
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Tensor]:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="batches") as pool:
            waiting = deque(pool.submit(self._make, places) for places in self._batches[:_AHEAD])
            try:
                for following in [*self._batches[_AHEAD:], *[None] * _AHEAD]:
                    if not waiting:
                        return
                    started = time.perf_counter()
                    batch = waiting.popleft().result()
                    self.waited += time.perf_counter() - started
                    if following is not None:
                        waiting.append(pool.submit(self._make, following))
                    yield batch
            finally:
                for future in waiting:
                    future.cancel()

    def _make(self, places: range) -> Tensor:
        return torch.stack([self._view(place) for place in places])

    def _view(self, place: int) -> Tensor:
        rng = np.random.default_rng([*self._key, place])
        return random_view(self._photos[int(self._order[place])], self._size, rng, self._smallest_crop)

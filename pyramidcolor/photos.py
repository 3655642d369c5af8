"""What every set of photos has in common, and sets made of other sets: joined, parts of one, kept in memory.

Every set gives RGB only, `photos[i]`: `(3, H, W)` float32 in [0, 1], each photo at its own size. A set can be read by
several threads, pickled, and used after a fork. Sets that read from disk are in `datasets`.
"""

from __future__ import annotations

import bisect
import operator
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from .images import to_png, to_tensor

_UNITS = {"": 1, "b": 1} | {
    prefix + ending: base**power
    for power, prefix in enumerate("kmgt", start=1)
    for ending, base in (("b", 1000), ("ib", 1024))
}


class Photos(Dataset):
    """The base of all sets of photos. A new kind of set gives its names and sources, and defines `_read` and `files`.

    Args:
        names: one unique name for each photo, for messages and splits; paths have `/` on every system.
        sources: the group that each photo came with. Photos of one source may look alike: see `splits.split_by_source`.
        left_out: how many files were found that are no pictures, or links that lead to none, by suffix.
    """

    def __init__(
        self, names: Sequence[str], sources: Sequence[str], left_out: Mapping[str, int] | None = None
    ):
        self.names, self.sources, self.left_out = names, sources, Counter(left_out)

    def pixels(self, index: int) -> np.ndarray:
        """Photo `index` as `(H, W, 3)` uint8.

        Raises:
            IndexError: if there is no such photo.
            FileNotFoundError, ValueError: if its file is missing or broken; the message names it.
            OSError: if the disk does not give it, such as PermissionError.
        """
        return self._read(self._checked(index))

    def _checked(self, index: int) -> int:
        # Negative indices are refused: a sampler that gives one has a fault, and Python would hide it.
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}")
        return operator.index(index)

    def _read(self, index: int) -> np.ndarray:
        raise NotImplementedError

    def encoded(self, index: int) -> tuple[bytes, str]:
        """Photo `index` as a picture file, and the file's suffix: as it lies on disk, or where it does not, as PNG.

        Raises:
            IndexError, FileNotFoundError: as `pixels`. A broken file is handed over as it is.
        """
        return self._encode(self._checked(index))

    def _encode(self, index: int) -> tuple[bytes, str]:
        return to_png(self[index]), ".png"

    def files(self) -> Iterator[Path]:
        """The files on disk that the photos are read from, none unless a kind of set says otherwise."""
        return iter(())

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        return to_tensor(self.pixels(index))

    def __repr__(self) -> str:
        text = f"{self._title()}: {len(self):,} photos of {len(set(self.sources)):,} sources"
        if self.left_out:
            suffixes = ", ".join(sorted(self.left_out))
            text += f"; {self.left_out.total():,} other files left out ({suffixes})"
        return text

    def _title(self) -> str:
        return type(self).__name__


class PhotoSubset(Photos):
    """Some photos of a set, in the order given.

    Args:
        dataset: the set.
        indices: positions in it.

    Raises:
        IndexError: if there is no photo at one of the positions.
    """

    def __init__(self, dataset: Photos, indices: Iterable[int]):
        self.dataset = dataset
        self.indices = np.fromiter(indices, dtype=np.int64)
        if len(self.indices) and not 0 <= self.indices.min() <= self.indices.max() < len(dataset):
            raise IndexError(
                f"indices must be in [0, {len(dataset)}), got {self.indices.min()} to {self.indices.max()}"
            )
        names, sources = ([of[index] for index in self.indices] for of in (dataset.names, dataset.sources))
        super().__init__(names, sources, dataset.left_out)

    def _read(self, index: int) -> np.ndarray:
        return self.dataset.pixels(int(self.indices[index]))

    def _encode(self, index: int) -> tuple[bytes, str]:
        return self.dataset.encoded(int(self.indices[index]))

    def files(self) -> Iterator[Path]:
        """The files of the whole set."""
        return self.dataset.files()

    def _title(self) -> str:
        return f"part of {self.dataset._title()}"


class JoinedPhotos(Photos):
    """Several sets as one, one after the other; sources keep their names, so equal ones become one.

    Args:
        datasets: the sets. Drawn scenes may be among them; they are rounded to 8 bits.
        copies: how often the joined set shows each photo of each set, so that a small set of large photos is not lost
            beside a large set of small ones. Once each by default. A copy has its photo's name, so split first.

    Attributes:
        names: as in the sets; where two sets share a name, all names get the number of their set in front.

    Raises:
        ValueError: if there are no sets, or `copies` does not hold one whole number of at least 1 for each.

    Example:
        >>> from pyramidcolor.datasets import SamplePhotos
        >>> len(JoinedPhotos([SamplePhotos(), SamplePhotos()], copies=[1, 3]))
        16
    """

    def __init__(self, datasets: Sequence[Dataset], copies: Sequence[int] | None = None):
        self.datasets = [as_photos(dataset) for dataset in datasets]
        copies = [1] * len(self.datasets) if copies is None else list(copies)
        if not self.datasets:
            raise ValueError("datasets must hold at least one set of photos")
        if len(copies) != len(self.datasets) or any(count < 1 or count != int(count) for count in copies):
            raise ValueError(f"copies must be {len(self.datasets)} whole numbers of at least 1, got {copies}")
        order = np.repeat(
            np.arange(len(copies)), np.array(copies, dtype=int)
        )  # two copies of the first: 0 0 1
        names = _unique_names(self.datasets)
        super().__init__(
            names=[name for number in order for name in names[number]],
            sources=[source for number in order for source in self.datasets[number].sources],
            left_out=sum((part.left_out for part in self.datasets), Counter()),
        )
        self._parts = [self.datasets[number] for number in order]
        self._ends = np.cumsum([len(part) for part in self._parts]).tolist()

    def _read(self, index: int) -> np.ndarray:
        part, place = self._part_and_place(index)
        return part.pixels(place)

    def _encode(self, index: int) -> tuple[bytes, str]:
        part, place = self._part_and_place(index)
        return part.encoded(place)

    def _part_and_place(self, index: int) -> tuple[Photos, int]:
        number = bisect.bisect_right(self._ends, index)
        part = self._parts[number]
        return part, index - self._ends[number] + len(part)

    def files(self) -> Iterator[Path]:
        """The files of all sets."""
        return chain.from_iterable(part.files() for part in self.datasets)

    def _title(self) -> str:
        return f"JoinedPhotos of {', '.join(part._title() for part in self.datasets)}"


class CachedPhotos(Photos):
    """A set whose photos stay in memory, decoded, once they were read, until the memory is full.

    Then the photos that are there stay, and the others are read anew each time. An epoch visits every photo once, so of all
    photos the one just used is needed last: keeping the latest ones (LRU) throws out what comes back sooner. With memory
    for half of the photos, and a new order each epoch, LRU finds 15 % of the photos and this policy 50 %.

    Several threads may read at once. A pickled copy begins empty.

    Args:
        dataset: the set. Drawn scenes are rounded to 8 bits.
        memory: bytes, or text such as "500 MB" or "4 GiB".

    Attributes:
        hits: photos that were found in memory.
        misses: photos that were read.
        bytes: memory in use, three for each pixel.

    Raises:
        ValueError: if `memory` is negative or cannot be understood.

    Example:
        >>> from pyramidcolor.datasets import SamplePhotos
        >>> photos = CachedPhotos(SamplePhotos(), "1 MiB")
        >>> first, again = photos[0], photos[0]
        >>> photos.hits, photos.misses, photos.bytes == 3 * 512 * 512
        (1, 1, True)
    """

    def __init__(self, dataset: Dataset, memory: int | str):
        self.dataset, self.memory = as_photos(dataset), bytes_of(memory)
        super().__init__(self.dataset.names, self.dataset.sources, self.dataset.left_out)
        self._start_empty()

    def _start_empty(self) -> None:
        self.hits, self.misses, self.bytes = 0, 0, 0
        self._kept: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def _read(self, index: int) -> np.ndarray:
        name = self.names[index]  # the key, so that copies in a joined set share one place
        with self._lock:
            found = self._kept.get(name)
            self.hits += found is not None
            self.misses += found is None
        if found is not None:
            return found
        # A photo without its transparency is a view of more bytes than it shows.
        pixels = np.ascontiguousarray(self.dataset.pixels(index))
        pixels.flags.writeable = False
        with self._lock:
            if name not in self._kept and self.bytes + pixels.nbytes <= self.memory:
                self._kept[name] = pixels
                self.bytes += pixels.nbytes
        return pixels

    def _encode(self, index: int) -> tuple[bytes, str]:
        return self.dataset.encoded(index)

    def files(self) -> Iterator[Path]:
        """The files of the set."""
        return self.dataset.files()

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name not in ("_kept", "_lock")}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._start_empty()

    def _title(self) -> str:
        return f"{self.dataset._title()} cached in {self.memory:,} bytes"


def rounded(photo: Tensor) -> np.ndarray:
    """A photo as 8-bit pixels.

    Args:
        photo: `(3, H, W)`, values in [0, 1].

    Returns:
        `(H, W, 3)` uint8.
    """
    return (photo * 255).round().byte().movedim(0, -1).numpy()


def bytes_of(memory: int | str, name: str = "memory") -> int:
    """A number of bytes.

    Args:
        memory: bytes, or text such as "500 MB" or "4 GiB".
        name: what the error calls it.

    Raises:
        ValueError: if it is negative or cannot be understood.

    Example:
        >>> bytes_of("1.5 kB"), bytes_of("1 KiB")
        (1500, 1024)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(memory).strip().lower())
    if match is None or match[2] not in _UNITS:
        raise ValueError(
            f"{name} must be bytes, 0 or more, or text such as '500 MB' or '4 GiB', got {memory!r}"
        )
    return int(float(match[1]) * _UNITS[match[2]])


class _RoundedPhotos(Photos):
    """Any data set of RGB tensors, such as drawn scenes, rounded to 8 bits."""

    def __init__(self, dataset: Dataset):
        self.dataset, kind = dataset, type(dataset).__name__
        super().__init__([f"{kind}/{index}" for index in range(len(dataset))], [kind] * len(dataset))

    def _read(self, index: int) -> np.ndarray:
        return rounded(self.dataset[index])

    def _title(self) -> str:
        return type(self.dataset).__name__


def as_photos(dataset: Dataset) -> Photos:
    """A set as it is if it is one of these, else any data set of RGB tensors, such as drawn scenes, rounded to 8 bits."""
    return dataset if isinstance(dataset, Photos) else _RoundedPhotos(dataset)


def _unique_names(datasets: Sequence[Photos]) -> list[list[str]]:
    names = [list(dataset.names) for dataset in datasets]
    if len(set(chain.from_iterable(names))) == sum(map(len, names)):
        return names
    return [[f"{number}/{name}" for name in given] for number, given in enumerate(names, start=1)]

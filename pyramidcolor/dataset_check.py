"""What is in a set of photos: how many, how large, which are gray, which broken, which are there twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import PIL
from tqdm import tqdm

from .files import written_whole
from .images import is_of_the_disk
from .photos import Photos

_BLOCK = 1024  # photos given to the threads at once: all at once would hold a future for each of millions

Fact = TypeVar("Fact")


class BrokenPhoto(NamedTuple):
    """A photo that cannot be read: its position in the set, its name, and why."""

    index: int
    name: str
    reason: str


class Faults(NamedTuple):
    """What training should not see: photos that cannot be read, and groups of names of photos with the same pixels."""

    broken: list[BrokenPhoto]
    duplicates: list[list[str]]


class _Unread(NamedTuple):
    reason: str
    certain: bool  # not so where the disk failed: the photo may be sound


class _Facts(NamedTuple):
    size: tuple[int, int]
    saturation: float
    digest: bytes


@dataclass(frozen=True)
class DataReport:
    """What `check_photos` found; `str` gives a table.

    Attributes:
        title: the set's `repr`.
        photos: how many there are, broken ones included.
        sources: photos of each source, most first.
        sizes: photos of each width and height, most first.
        gray_below: photos whose mean HSV saturation, in [0, 1], is below this count as gray.
        gray: their names.
        broken: photos that cannot be read.
        duplicates: groups of names of photos with the same pixels.
    """

    title: str
    photos: int
    sources: dict[str, int]
    sizes: dict[tuple[int, int], int]
    gray_below: float
    gray: list[str]
    broken: list[BrokenPhoto]
    duplicates: list[list[str]]

    def to_dict(self) -> dict:
        """The same for JSON; a size is written "256x192", width first."""
        sizes = {f"{width}x{height}": count for (width, height), count in self.sizes.items()}
        return asdict(self) | {"sizes": sizes, "broken": [photo._asdict() for photo in self.broken]}

    def __str__(self) -> str:
        sizes = {f"{width} x {height}": count for (width, height), count in self.sizes.items()}
        extra = sum(len(group) - 1 for group in self.duplicates)
        rows = [
            ("photos", f"{self.photos:,}"),
            ("sources", _counted(self.sources)),
            ("sizes", _counted(sizes)),
            (
                "gray",
                f"{len(self.gray):,} with a mean saturation below {self.gray_below:g}{_some(self.gray)}",
            ),
            ("repeated", f"{extra:,}{_some([' = '.join(group) for group in self.duplicates])}"),
            ("broken", f"{len(self.broken):,}"),
        ]
        lines = [self.title, *(f"  {name:<9} {text}" for name, text in rows)]
        return "\n".join(lines + [f"    {photo.name}: {photo.reason}" for photo in self.broken])


def check_photos(photos: Photos, gray_below: float = 0.05, progress: bool = False) -> DataReport:
    """Every photo of a set read once, and what was found.

    Args:
        photos: the set.
        gray_below: mean HSV saturation, in [0, 1], below which a photo counts as gray.
        progress: whether to draw a progress bar.
    """
    sizes, gray, broken, same = Counter(), [], [], {}
    for index, found in enumerate(_each(photos, _facts, progress)):
        name = photos.names[index]
        if isinstance(found, _Unread):
            broken.append(BrokenPhoto(index, name, found.reason))
            continue
        sizes[found.size] += 1
        same.setdefault(found.digest, []).append(name)
        if found.saturation < gray_below:
            gray.append(name)
    return DataReport(
        title=repr(photos),
        photos=len(photos),
        sources=dict(Counter(photos.sources).most_common()),
        sizes=dict(sizes.most_common()),
        gray_below=gray_below,
        gray=gray,
        broken=broken,
        duplicates=[names for names in same.values() if len(names) > 1],
    )


def find_broken(
    photos: Photos, progress: bool = False, remember: str | os.PathLike | None = None
) -> list[BrokenPhoto]:
    """The photos of a set that cannot be read; `splits.without` leaves them out. Arguments and errors as `find_faults`."""
    return find_faults(photos, progress, remember).broken


def find_faults(photos: Photos, progress: bool = False, remember: str | os.PathLike | None = None) -> Faults:
    """The photos of a set that cannot be read, for `splits.without`, and those that are there twice, for `splits.split_photos`.

    Args:
        photos: the set.
        progress: whether to draw a progress bar.
        remember: a JSON file that keeps the result. While the names in the set, the sizes and times of its files and Pillow's
            version stay as they are, the next call reads it instead of the photos. A result in which the disk failed to give a
            photo, as without permission, is not kept: the photo may be sound.

    Raises:
        ValueError: if `remember` holds something else.
        OSError: if it cannot be written.
    """
    fingerprint = _fingerprint(photos) if remember is not None else None
    if remember is not None and Path(remember).exists():
        known = _read_remembered(Path(remember))
        if known["photos"] == fingerprint:
            return Faults([BrokenPhoto(*row) for row in known["broken"]], known["duplicates"])
    faults, certain = _look_for_faults(photos, progress)
    # A file that was there before and is not there now makes another fingerprint, and may come back.
    if remember is not None and certain and (not faults.broken or _fingerprint(photos) == fingerprint):
        note = json.dumps({"photos": fingerprint} | faults._asdict(), indent=1)
        with written_whole(remember) as part:
            part.write_text(note, encoding="utf-8")
    return faults


def _look_for_faults(photos: Photos, progress: bool) -> tuple[Faults, bool]:
    """The faults, and whether none of them may be the disk's."""
    broken, certain, digests = [], True, np.zeros(len(photos), np.uint64)
    for index, found in enumerate(_each(photos, _short_digest, progress)):
        if isinstance(found, _Unread):
            broken.append(BrokenPhoto(index, photos.names[index], found.reason))
            certain &= found.certain
        else:
            digests[index] = found
    read = np.delete(np.arange(len(photos)), [photo.index for photo in broken])
    return Faults(broken, _equal(photos.names, read, digests[read])), certain


def _equal(names: Sequence[str], indices: np.ndarray, digests: np.ndarray) -> list[list[str]]:
    """Groups of names whose digests are equal, in the order of the set."""
    _, which, counts = np.unique(digests, return_inverse=True, return_counts=True)
    groups: dict[int, list[str]] = {}
    for place in np.flatnonzero(counts[which] > 1):
        groups.setdefault(int(which[place]), []).append(names[indices[place]])
    return list(groups.values())


def _each(photos: Photos, fact: Callable[[np.ndarray], Fact], progress: bool) -> Iterator[Fact | _Unread]:
    """The fact about each photo, or the reason why it cannot be read, in order; two threads read."""

    def look(index: int) -> Fact | _Unread:
        try:
            return fact(photos.pixels(index))
        except (OSError, ValueError) as error:
            # Whether a file is missing is part of the fingerprint.
            certain = not is_of_the_disk(error) or isinstance(error, FileNotFoundError)
            return _Unread(str(error), certain)

    with ThreadPoolExecutor(2) as pool, tqdm(total=len(photos), unit="photo", disable=not progress) as bar:
        for start in range(0, len(photos), _BLOCK):
            for found in pool.map(look, range(start, min(start + _BLOCK, len(photos)))):
                bar.update()
                yield found


def _facts(pixels: np.ndarray) -> _Facts:
    height, width = pixels.shape[:2]
    largest, smallest = pixels.max(-1).astype(np.float32), pixels.min(-1)
    saturation = (largest - smallest) / np.maximum(largest, 1)  # black has no color
    return _Facts((width, height), float(saturation.mean()), _digest(pixels, 16))


def _digest(pixels: np.ndarray, size: int) -> bytes:
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=size)
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()


def _short_digest(pixels: np.ndarray) -> int:
    # Eight bytes for each of millions of photos; that any two of two million others share theirs happens once in ten million sets.
    return int.from_bytes(_digest(pixels, 8), "little")


def _fingerprint(photos: Photos) -> str:
    # Another version of Pillow may read what this one cannot. Names that are not UTF-8, as old archives unpack, hold surrogates.
    names = "\n".join([f"Pillow {PIL.__version__}", *photos.names])
    digest = hashlib.sha256(names.encode("utf-8", "surrogateescape"))
    for path in photos.files():
        stat = path.stat() if path.exists() else None
        digest.update(f"\n{stat.st_size} {stat.st_mtime_ns}".encode() if stat else b"\nmissing")
    return digest.hexdigest()


def _read_remembered(path: Path) -> dict:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        known = None
    if not isinstance(known, dict) or not known.keys() >= {"photos", "broken"}:
        raise ValueError(f"{path} does not hold what find_broken writes; name another file or remove it")
    return known


def _counted(counts: dict[str, int], shown: int = 6) -> str:
    text = ", ".join(f"{name} ({count:,})" for name, count in list(counts.items())[:shown])
    return f"{len(counts):,}: {text}" + (" and others" if len(counts) > shown else "")


def _some(names: list[str], shown: int = 4) -> str:
    text = ": " + ", ".join(names[:shown]) if names else ""
    return text + (f" and {len(names) - shown:,} more" if len(names) > shown else "")

"""Training and validation photos that share nothing: neither a file, nor a source, nor the same picture twice."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from .photos import Photos, PhotoSubset


def split_by_source(
    photos: Photos, validation_share: float, seed: int = 0, duplicates: Iterable[Sequence[str]] = ()
) -> tuple[PhotoSubset, PhotoSubset]:
    """Training and validation photos such that no source is on both sides.

    Whole sources go to validation as long as that brings its share closer to the one wanted, which it may miss by half of the
    largest source.

    Args:
        photos: the set; its `sources` say what belongs together.
        validation_share: in (0, 1), of the photos.
        seed: another seed draws others. The same seed draws the same on every machine, whatever the order of the photos.
        duplicates: groups of names of equal pictures (`DataReport.duplicates`). They stay together, and so do their sources.

    Returns:
        Training and validation photos, each in the order of the set.

    Raises:
        ValueError: if `validation_share` is out of range, names occur twice, or a side would be empty.
    """
    return _split(photos, photos.sources, validation_share, seed, duplicates)


def split_by_file(
    photos: Photos, validation_share: float, seed: int = 0, duplicates: Iterable[Sequence[str]] = ()
) -> tuple[PhotoSubset, PhotoSubset]:
    """The same by single photos, for sets without sources that say anything. The share is met within one photo.

    Raises:
        ValueError: as `split_by_source`.
    """
    return _split(photos, photos.names, validation_share, seed, duplicates)


def split_photos(
    photos: Photos,
    validation_share: float,
    seed: int = 0,
    duplicates: Iterable[Sequence[str]] = (),
    fewest_sources: int = 20,
) -> tuple[PhotoSubset, PhotoSubset]:
    """`split_by_source` if there are at least `fewest_sources`, else `split_by_file`.

    Of few sources, one that is held out takes a whole kind of photo out of training. Sources that share a picture count as one:
    one blank page in every folder would leave nothing to hold out.
    """
    duplicates = list(duplicates)
    sources = _joined_groups(dict(zip(photos.names, photos.sources, strict=True)), duplicates)
    split = split_by_source if len(set(sources)) >= fewest_sources else split_by_file
    return split(photos, validation_share, seed, duplicates)


def without(photos: Photos, indices: Iterable[int]) -> PhotoSubset:
    """The photos but for those at `indices`, such as broken ones.

    Raises:
        IndexError: if there is no photo at one of them.
        ValueError: if none would be left.
    """
    left_out = set(PhotoSubset(photos, indices).indices.tolist())
    if len(left_out) == len(photos):
        raise ValueError(f"no photo would be left of {photos!r}")
    return PhotoSubset(photos, (index for index in range(len(photos)) if index not in left_out))


def evenly(photos: Photos, most: int) -> Photos:
    """At most so many of the photos, evenly spread over the set: the set itself, or a part of it.

    Example:
        >>> from pyramidcolor.datasets import SamplePhotos
        >>> evenly(SamplePhotos(), 2).names
        ['astronaut', 'coffee']
    """
    if len(photos) <= most:
        return photos
    return PhotoSubset(photos, (place * len(photos) // most for place in range(most)))


def _split(
    photos: Photos, keys: Sequence[str], share: float, seed: int, duplicates: Iterable[Sequence[str]]
) -> tuple[PhotoSubset, PhotoSubset]:
    if not 0 < share < 1:
        raise ValueError(f"validation_share must lie between 0 and 1, got {share}")
    if len(set(photos.names)) < len(photos):
        raise ValueError("photos must have unique names; split before copies are made")
    groups = _joined_groups(dict(zip(photos.names, keys, strict=True)), duplicates)
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    held_out, count = set(), 0
    for group in sorted(sizes, key=lambda group: _shuffled_place(seed, group)):
        if abs(count + sizes[group] - share * len(photos)) < abs(count - share * len(photos)):
            held_out.add(group)
            count += sizes[group]
    if count in (0, len(photos)):
        side = "training" if count else "validation"
        raise ValueError(
            f"a validation share of {share:g} leaves no photos for {side}: there are {len(photos)} photos in "
            f"{len(sizes)} groups that stay together, the largest of {max(sizes.values())}"
        )
    held = np.array([group in held_out for group in groups])
    return PhotoSubset(photos, np.flatnonzero(~held)), PhotoSubset(photos, np.flatnonzero(held))


def _joined_groups(keys: dict[str, str], duplicates: Iterable[Sequence[str]]) -> list[str]:
    """The key of each photo, where keys that duplicates connect are replaced by the first of them."""
    parent: dict[str, str] = {}

    def first(key: str) -> str:
        while key in parent:
            key = parent[key]
        return key

    for names in duplicates:
        connected = sorted({first(keys[name]) for name in names if name in keys})
        parent.update((other, connected[0]) for other in connected[1:])
    return [first(key) for key in keys.values()]


def _shuffled_place(seed: int, key: Hashable) -> bytes:
    # Not numpy's shuffle, which may differ between its versions: photos would then move between the sides.
    # Names that are not UTF-8, as old archives unpack on Linux, hold surrogates.
    return hashlib.sha256(f"{seed}/{key}".encode("utf-8", "surrogateescape")).digest()

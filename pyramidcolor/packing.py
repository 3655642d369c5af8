"""Sets of photos written to disk: tar shards for millions of files, and a miniature of Places365 to rehearse with.

`datasets` reads both. A set is written into a folder beside its own, which takes the set's name when all of it is there.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from torch.utils.data import Dataset
from tqdm import tqdm

from .datasets import PLACES365_LISTS, PhotoShards
from .files import part_beside, written_whole
from .images import to_image, write_image
from .photos import JoinedPhotos, Photos, bytes_of
from .scenes import SyntheticScenes

DRAWN_CATEGORIES = {
    "coast": "coast",
    "field/wild": "meadow",
    "highway": "road",
    "mountain": "mountains",
    "village": "village",
}
"""The categories of `draw_places365`, by their names in Places365, and which of `scenes.KINDS` stands for each."""


def write_shards(
    photos: Dataset, folder: str | os.PathLike, shard_size: int | str = "1 GB", progress: bool = False
) -> PhotoShards:
    """Write a set of photos as tars, in its order; picture files go in as they are, and drawn scenes as PNG.

    A photo's name in its tar is its source, as a folder, and its file name. There `-` becomes `_`, since `PhotoShards`
    would take what stands before it for the source. So the shards have the photos and the sources of the set.

    Args:
        photos: the set. It is not decoded: look for broken photos before, with `dataset_check.find_broken`.
        folder: where the tars go, `NAME-00000.tar` and so on; it must not exist yet.
        shard_size: the most bytes of a tar, or text such as "500 MB". A photo that is too large for it gets a tar of its own,
            and no tar is smaller than 10,240 bytes.
        progress: whether to draw a progress bar.

    Returns:
        The shards, opened.

    Raises:
        FileExistsError: if the folder exists.
        FileNotFoundError: if the folder above it or a photo's file is missing.
        ValueError: if the set is empty, or `shard_size` cannot be understood.
        OSError: if the disk is full, for instance. After an error none of the tars is left.

    Example:
        >>> import tempfile
        >>> from pyramidcolor.datasets import SamplePhotos
        >>> shards = write_shards(SamplePhotos(), Path(tempfile.mkdtemp()) / "samples")
        >>> shards.names[:2], shards.sources[:2]
        (['samples-00000.tar/astronaut/astronaut.png', 'samples-00000.tar/chelsea/chelsea.png'], ['astronaut', 'chelsea'])
    """
    photos = photos if isinstance(photos, Photos) else JoinedPhotos([photos])
    most, folder = bytes_of(shard_size, "shard_size"), Path(folder)
    if not len(photos):
        raise ValueError("photos must hold at least one photo")
    with _new_folder(folder) as part, tqdm(total=len(photos), unit="photo", disable=not progress) as bar:
        first = number = 0
        while first < len(photos):
            with written_whole(part / f"{folder.name}-{number:05}.tar") as path:
                written = _write_tar(photos, first, path, most)
            first, number = first + written, number + 1
            bar.update(written)
    return PhotoShards(folder)


def draw_places365(
    root: str | os.PathLike, train: int = 40, val: int = 10, test: int = 5, size: int = 256, seed: int = 0
) -> None:
    """Write drawn scenes in exactly the layout of Places365's small edition, to try everything before 24 GB are there.

    Args:
        root: the folder to write; it must not exist yet.
        train, val, test: how many scenes each split gets, 1 or more.
        size: height and width in pixels; Places365 has 256.
        seed: where the scenes come from.

    Raises:
        FileExistsError: if `root` exists, so that no real photos are ever written over.
        FileNotFoundError: if the folder above it is missing.
        ValueError: if a number is out of range.
    """
    counts = dict(zip(PLACES365_LISTS, (train, val, test), strict=True))
    if min(counts.values()) < 1:
        raise ValueError(f"train, val and test must be 1 or more, got {train}, {val} and {test}")
    with _new_folder(Path(root)) as part:
        lines = [f"/{name[0]}/{name} {label}" for label, name in enumerate(DRAWN_CATEGORIES)]
        (part / "categories_places365.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for place, (split, count) in enumerate(counts.items()):
            lines = [
                _write_scene(part, split, number, size, seed + place, label, nth)
                for number, (label, nth) in enumerate(_labels(split, count))
            ]
            (part / PLACES365_LISTS[split]).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _labels(split: str, count: int) -> Iterator[tuple[int, int]]:
    """For each photo of a split its label, and how many photos have had that label with it."""
    labels = [number * 3 % len(DRAWN_CATEGORIES) for number in range(count)]
    used: Counter[int] = Counter()
    # The training list is sorted by category; the photos of the other two come in no order.
    for label in sorted(labels) if split == "train" else labels:
        used[label] += 1
        yield label, used[label]


def _write_scene(root: Path, split: str, number: int, size: int, seed: int, label: int, nth: int) -> str:
    """Draw and write photo `number` of a split, which is the `nth` of its label; its line in the split's list."""
    category = list(DRAWN_CATEGORIES)[label]
    kind = [DRAWN_CATEGORIES[category]]
    if split == "train":
        name, line = f"{category[0]}/{category}/{nth:08}.jpg", f"/{{}} {label}"
    else:
        name, line = f"Places365_{split}_{number + 1:08}.jpg", f"{{}} {label}" if split == "val" else "{}"
    path = root / ("data_256" if split == "train" else f"{split}_256") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(to_image(SyntheticScenes(number + 1, size, seed, kinds=kind)[number]), path)
    return line.format(name)


def _write_tar(photos: Photos, first: int, path: Path, most: int) -> int:
    """Write photos from `first` on until the next would make the tar too large; how many it were, at least one."""
    taken: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for index in range(first, len(photos)):
            content, suffix = photos.encoded(index)
            # Without a time or an owner, so that the same photos give the same tar.
            member = tarfile.TarInfo(_member_name(photos, index, suffix, taken))
            member.size = len(content)
            if taken and _size_with(tar, member) > most:
                break
            tar.addfile(member, io.BytesIO(content))
            taken.add(member.name)
    return len(taken)


def _size_with(tar: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    """Bytes of a tar that ends after one more member."""
    header = len(member.tobuf(tar.format, tar.encoding, tar.errors))  # long names take several blocks
    content = -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    end = tar.offset + header + content + 2 * tarfile.BLOCKSIZE  # two blocks of zeros end a tar
    return -(-end // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _member_name(photos: Photos, index: int, suffix: str, taken: set[str]) -> str:
    # A leading dot would hide the photo from `PhotoShards`.
    folder = re.sub(r"(^|/)\.", r"\1_", photos.sources[index])
    name = PurePosixPath(photos.names[index]).name.removesuffix(suffix).replace("-", "_")
    member, again = f"{folder}/{name}{suffix}", 1
    while member in taken:  # of two files with one name a tar gives only the later
        again += 1
        member = f"{folder}/{name}_{again}{suffix}"
    return member


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its name when the block ends without an error, and is removed otherwise."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists; name a new folder, or remove it first")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"the folder {folder.parent} does not exist; create it before {folder.name}")
    part = part_beside(folder)
    part.mkdir()
    try:
        yield part
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)

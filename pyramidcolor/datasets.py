"""Sets of photos on disk: folders, tar files, Places365; and scikit-image's samples.

What they have in common, and how they are joined and cached, is in `photos`. No set keeps a file open.
"""

from __future__ import annotations

import io
import os
import posixpath
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from .images import SAMPLE_PHOTOS, find_pictures, read_pixels, sample_photo
from .photos import JoinedPhotos, Photos, rounded

PLACES365_LISTS = {
    "train": "places365_train_standard.txt",
    "val": "places365_val.txt",
    "test": "places365_test.txt",
}
"""The file list of each split of Places365-Standard."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class PhotoFolder(Photos):
    """The pictures in a folder and in the folders in it, sorted by name; the source is the folder that holds the photo.

    Raises:
        FileNotFoundError, NotADirectoryError: if there is no such folder.
        ValueError: if it holds no pictures.

    Example:
        >>> import tempfile
        >>> from pyramidcolor.images import to_image, write_image
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_image(to_image(sample_photo("coffee")), folder / "coffee.png")
        >>> photos = PhotoFolder(folder)
        >>> photos.names, photos[0].equal(sample_photo("coffee"))
        (['coffee.png'], True)
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        pictures, others = find_pictures(self.folder)
        if not pictures:
            raise ValueError(f"the folder {folder} holds no pictures{_where_tars_are(self.folder)}")
        # Paths sort differently on Windows, and a seed must visit the photos in the same order everywhere.
        names = sorted(path.relative_to(self.folder).as_posix() for path in pictures)
        whole = self.folder.resolve().name
        sources = [sys.intern(name.rpartition("/")[0] or whole) for name in names]
        super().__init__(names, sources, Counter(path.suffix.lower() or "no suffix" for path in others))

    def _read(self, index: int) -> np.ndarray:
        return _read_file(self.folder / self.names[index])

    def _encode(self, index: int) -> tuple[bytes, str]:
        return _bytes_of_file(self.folder / self.names[index])

    def files(self) -> Iterator[Path]:
        """The pictures."""
        return (self.folder / name for name in self.names)

    def _title(self) -> str:
        return f"PhotoFolder({str(self.folder)!r})"


class PhotoShards(Photos):
    """The pictures in plain tar files, read where they lie, in the order of the tars.

    Each tar is walked through once, from header to header. What stays in memory is the photos' names and 24 bytes for each.
    The source is what stands before the first `-` of the file's name (`houses` for `train/houses-12.jpg`); where there is
    no `-`, the folder in the tar; where there is no folder, the tar.

    Args:
        paths: a tar, several tars, or a folder that holds `*.tar`.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if a tar is compressed, damaged or given twice, or if there are no tars or no pictures.
    """

    def __init__(self, paths: str | os.PathLike | Iterable[str | os.PathLike]):
        self.paths = _tars_of(paths)
        labels = [path.name for path in self.paths]
        if len(set(labels)) < len(labels):
            labels = [path.as_posix() for path in self.paths]
        names, sources, left_out, places = [], [], Counter(), []
        for number, (path, label) in enumerate(zip(self.paths, labels, strict=True)):
            members, others = _index_tar(path)
            names += (f"{label}/{name}" for name in members)
            sources += (sys.intern(_source_in_tar(name) or path.stem) for name in members)
            left_out += others
            place = np.fromiter(chain.from_iterable(members.values()), np.int64).reshape(-1, 2)
            places.append(np.insert(place, 0, number, axis=1))
        if not names:
            raise ValueError(f"no pictures in {', '.join(str(path) for path in self.paths)}")
        self._places = np.concatenate(places)  # (photos, 3): number of the tar, offset, size
        super().__init__(names, sources, left_out)

    def _read(self, index: int) -> np.ndarray:
        file = io.BytesIO(self._encode(index)[0])
        file.name = self.names[index]
        return read_pixels(file)

    def _encode(self, index: int) -> tuple[bytes, str]:
        number, offset, size = self._places[index].tolist()
        # Opening the tar takes 12 microseconds, and decoding 64 x 64 pixels 400. A tar kept open would have to be shared
        # between threads, opened anew after a fork and closed in time.
        with open(self.paths[number], "rb", buffering=0) as tar:
            tar.seek(offset)
            return tar.read(size), PurePosixPath(self.names[index]).suffix

    def files(self) -> Iterator[Path]:
        """The tars."""
        return iter(self.paths)

    def _title(self) -> str:
        first = repr(str(self.paths[0]))
        return f"PhotoShards({first}{f' and {len(self.paths) - 1} more tars' if len(self.paths) > 1 else ''})"


class Places365(Photos):
    """Places365-Standard in its official layout (`data/README.md` tells how to get it); the source is the category.

    Args:
        root: holds `categories_places365.txt`, the list of the split (one of `PLACES365_LISTS`) and the folder of its photos.
        split: "train", "val" or "test".
        small: photos of 256 x 256 pixels, in `data_256_standard` (or `data_256`, as the archive calls it), `val_256` or
            `test_256`. Otherwise those of full size, whose folders have `large` in place of `256`.

    Attributes:
        categories: names such as "airfield" and "swimming_pool/indoor"; a label is a position in this list.
        labels: `(photos,)` int64, or None for the test split, whose labels were never released.

    Raises:
        FileNotFoundError: if a list or the folder is missing, or the first photo of the list.
        ValueError: if `split` is another, or a line of a list cannot be understood.

    Source: Zhou et al., "Places: A 10 million image database for scene recognition", IEEE TPAMI 2018.
    """

    def __init__(self, root: str | os.PathLike, split: str = "train", small: bool = True):
        if split not in PLACES365_LISTS:
            raise ValueError(f"split must be one of {', '.join(PLACES365_LISTS)}, got {split!r}")
        self.root, self.split, self.small = Path(root), split, small
        self.folder = self._find_folder()
        self.categories = _read_categories(self.root / "categories_places365.txt")
        file_list = self.root / PLACES365_LISTS[split]
        if split == "test":
            names = [line[0] for line in _read_columns(file_list, 1)]
            self.labels, sources = None, ["unknown"] * len(names)
        else:
            names, self.labels = _read_labeled(file_list, len(self.categories))
            sources = [self.categories[label] for label in self.labels]
        if not (self.folder / names[0]).exists():
            raise FileNotFoundError(f"{file_list} lists {names[0]}, which is not in {self.folder}")
        super().__init__(names, sources)

    def _read(self, index: int) -> np.ndarray:
        return _read_file(self.folder / self.names[index])

    def _encode(self, index: int) -> tuple[bytes, str]:
        return _bytes_of_file(self.folder / self.names[index])

    def files(self) -> Iterator[Path]:
        """The pictures."""
        return (self.folder / name for name in self.names)

    def _find_folder(self) -> Path:
        size = "256" if self.small else "large"
        names = (
            [f"data_{size}_standard", f"data_{size}"] if self.split == "train" else [f"{self.split}_{size}"]
        )
        for name in names:
            if (self.root / name).is_dir():
                return self.root / name
        raise FileNotFoundError(f"{self.root} has no folder {' or '.join(names)} of Places365")

    def _title(self) -> str:
        return f"Places365({str(self.root)!r}, split={self.split!r}, small={self.small})"


class SamplePhotos(Photos):
    """scikit-image's own color photos (`images.SAMPLE_PHOTOS`), each a source of its own; nothing is downloaded.

    Example:
        >>> SamplePhotos()
        SamplePhotos: 4 photos of 4 sources
    """

    def __init__(self):
        super().__init__(list(SAMPLE_PHOTOS), list(SAMPLE_PHOTOS))

    def _read(self, index: int) -> np.ndarray:
        return rounded(sample_photo(self.names[index]))


def open_photos(*paths: str | os.PathLike) -> Photos:
    """The photos at one or several paths, whatever they are; the `repr` of the set says what was found.

    Args:
        paths: a tar; a folder of tars; the root of Places365 (its training photos, or where there are none its validation
            photos); any other folder of pictures. Several are joined.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if no path is given, if nothing is found at one, or if a folder holds both tars and pictures.
    """
    if not paths:
        raise ValueError("paths must name at least one folder or tar")
    opened = [_open_path(Path(path)) for path in paths]
    return opened[0] if len(opened) == 1 else JoinedPhotos(opened)


def _read_file(path: Path) -> np.ndarray:
    with open(path, "rb") as file:  # given a path, Pillow leaves the file of a damaged picture open
        return read_pixels(file)


def _bytes_of_file(path: Path) -> tuple[bytes, str]:
    return path.read_bytes(), path.suffix


def _open_path(path: Path) -> Photos:
    if path.is_dir():
        if (path / "categories_places365.txt").exists():
            untrainable = (path / "val_256").is_dir() and not any(path.glob("data_256*"))
            return Places365(path, "val" if untrainable else "train")
        if not any(path.glob("*.tar")):
            return PhotoFolder(path)
        if find_pictures(path)[0]:
            raise ValueError(f"the folder {path} holds both pictures and tars; name the ones to use")
    elif path.exists() and path.suffix.lower() in _picture_suffixes():
        raise ValueError(f"{path} is a single picture; name the folder that holds it")
    return PhotoShards(path)


def _tars_of(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    tars = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    if len(tars) == 1 and tars[0].is_dir():
        folder = tars[0]
        tars = [folder / name for name in sorted(path.name for path in folder.glob("*.tar"))]
        if not tars:
            raise ValueError(f"the folder {folder} holds no tars{_where_tars_are(folder)}")
    if not tars:
        raise ValueError("paths must name at least one tar")
    for tar in tars:
        if not tar.is_file():
            raise FileNotFoundError(f"{tar} {'is a folder, not a tar' if tar.is_dir() else 'does not exist'}")
    if len({tar.resolve() for tar in tars}) < len(tars):
        raise ValueError(f"one tar is given twice: {', '.join(str(tar) for tar in tars)}")
    return tars


def _where_tars_are(folder: Path) -> str:
    folders = sorted({tar.parent.name for tar in folder.glob("*/*.tar")})
    return f"; there are tars in its folders {', '.join(folders)}" if folders else ""


def _index_tar(path: Path) -> tuple[dict[str, tuple[int, int]], Counter[str]]:
    """Offset and size of each picture in a tar by its name, and how many other files there are by suffix.

    Of two files with one name the later counts, as when a tar is unpacked. Hidden files are left out: tars made on a Mac
    have one beside each photo. Links to pictures in the tar are pictures, and other links are other files.
    """
    _check_not_compressed(path)
    suffixes, members, links, left_out = _picture_suffixes(), {}, {}, Counter()
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # which would grow by about a kilobyte for each photo
                _sort_in(member, suffixes, members, links, left_out)
            # tarfile takes a damaged header for the end, and would leave out the rest in silence.
            tar.fileobj.seek(tar.offset)
            if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise ValueError(f"{path} is cut off or damaged after {tar.offset:,} bytes")
    except tarfile.TarError as error:
        raise ValueError(f"{path} is not a tar file, or it is cut off: {error}") from error
    _follow_links(links, members, left_out)
    return members, left_out


def _sort_in(
    member: tarfile.TarInfo,
    suffixes: set[str],
    members: dict[str, tuple[int, int]],
    links: dict[str, str],
    left_out: Counter[str],
) -> None:
    """Add a member of a tar to the pictures, to the symbolic links that may be some, or to what is left out."""
    path = PurePosixPath(member.name)
    if member.isdir() or any(part[0] == "." for part in path.parts):
        return
    name, suffix = path.as_posix(), path.suffix.lower()
    links.pop(name, None)
    if suffix in suffixes and member.isfile():
        members[name] = (member.offset_data, member.size)
    elif suffix in suffixes and member.islnk() and (whole := posixpath.normpath(member.linkname)) in members:
        members[name] = members[whole]  # a hard link, which comes after its file
    elif suffix in suffixes and member.issym():
        members.pop(name, None)
        links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    else:
        left_out[suffix or "no suffix"] += 1


def _follow_links(links: dict[str, str], members: dict[str, tuple[int, int]], left_out: Counter[str]) -> None:
    """Add the symbolic links of a tar that lead to its pictures, over other links or not; count those that do not."""
    for name, target in links.items():
        passed = {name}
        while target in links and target not in passed:
            passed.add(target)
            target = links[target]
        if target in members:
            members[name] = members[target]
        else:
            left_out[PurePosixPath(name).suffix.lower()] += 1


def _check_not_compressed(path: Path) -> None:
    with open(path, "rb") as file:
        start = file.read(8)
    for mark, name in _COMPRESSED.items():
        if start.startswith(mark):
            raise ValueError(
                f"{path} is compressed with {name}, so no single photo can be read from it; decompress it first"
            )


def _source_in_tar(name: str) -> str:
    folder, _, base = name.rpartition("/")
    before, dash, _ = base.partition("-")
    return before if dash and before else folder


def _picture_suffixes() -> set[str]:
    return {suffix for suffix, name in Image.registered_extensions().items() if name in Image.OPEN}


def _read_categories(path: Path) -> list[str]:
    """Lines such as `/s/swimming_pool/indoor 335`, whose first letter is only a folder."""
    lines = list(_read_columns(path, 2))
    if [number for _, number in lines] != [str(number) for number in range(len(lines))]:
        raise ValueError(f"{path}: the categories must be numbered 0, 1, 2 and so on")
    return [name.split("/", 2)[-1] for name, _ in lines]


def _read_labeled(path: Path, categories: int) -> tuple[list[str], np.ndarray]:
    labels = {str(label): label for label in range(categories)}
    names, found = [], []
    for name, label in _read_columns(path, 2):
        if label not in labels:
            raise ValueError(f"{path}: {name} has the label {label}; wanted 0 to {categories - 1}")
        names.append(name.lstrip("/"))  # `/a/airfield/00000001.jpg` in the training list
        found.append(labels[label])
    return names, np.array(found, dtype=np.int64)


def _read_columns(path: Path, columns: int) -> Iterator[list[str]]:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; it is one of the file lists of Places365")
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split()
            if len(words) != columns:
                raise ValueError(f"{path}, line {number}: wanted {columns} words, got {line.strip()!r}")
            yield words
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty")

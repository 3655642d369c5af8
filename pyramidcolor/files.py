"""Files that are written whole or not at all, and result files that say what made them when they are not there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .shipped import stored_result

_LONGEST = 200  # bytes of a name that its temporary name repeats; most file systems allow 255 in all


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    Whatever goes wrong before, a full disk or a killed process, leaves the old file as it was. After an error the
    temporary file is removed; after a kill it stays behind as `.NAME.XXXXXXXX.part`, a long name cut short.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        The path to write to.

    Raises:
        FileNotFoundError: if the folder does not exist.
        IsADirectoryError: if `path` is a folder.
        OSError: from writing or from moving the file.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with written_whole(target) as part:
        ...     _ = part.write_text("complete")
        >>> target.read_text()
        'complete'
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"the folder {path.parent} does not exist; create it before writing {path.name}"
        )
    part = part_beside(path)
    try:
        part.touch()
        mode = part.stat().st_mode
        part.unlink()
        yield part
        part.chmod(mode)  # some libraries write files that nobody else may read
        with open(part, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut can leave the new name on an empty file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def part_beside(path: Path) -> Path:
    """A new hidden name beside `path`, under which it is written: `.NAME.XXXXXXXX.part`, where a long name is cut short.

    Example:
        >>> part = part_beside(Path("photos/sea.png"))
        >>> part.parent.name, part.name[:9], part.suffix
        ('photos', '.sea.png.', '.part')
    """
    name = path.name
    while len(os.fsencode(name)) > _LONGEST:  # by whole characters: half of one is no name on every system
        name = name[:-1]
    return path.with_name(f".{name}.{secrets.token_hex(4)}.part")


def read_result(path: str | os.PathLike, maker: str, parse: Callable[[Any], Any]) -> Any:
    """What is stored in the result file of a benchmark.

    Args:
        path: the JSON file, or the name of one that comes with the package, as in `shipped.stored_result`.
        maker: the command that writes such files, without its arguments.
        parse: takes the file's content and returns what the caller wants of it; whatever it stumbles over is the file's fault.

    Raises:
        FileNotFoundError: if there is no such file; says which command makes it.
        ValueError: if the file is something else.
    """
    path = stored_result(path)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}: it comes with a checkout of pyramidcolor, and from there "
            f"`python {maker} --help` says how to make it anew"
        )
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is no result of {maker}: {error!r}") from error

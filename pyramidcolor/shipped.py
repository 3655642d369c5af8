"""What comes with the package beside its modules: the notebooks, and the stored results that they read.

A wheel holds both inside the package, as pyproject.toml says; a checkout has them beside it.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_A_CHECKOUT = {"notebooks": "notebooks", "results": "benchmarks/results"}


def shipped_folder(kind: str) -> Path:
    """The folder of the notebooks, or of the stored results, that come with this package.

    Args:
        kind: "notebooks" or "results".

    Raises:
        ValueError: if `kind` is neither.
        FileNotFoundError: if the package has come without it, such as from a copy of its modules alone.
    """
    if kind not in _IN_A_CHECKOUT:
        raise ValueError(f"kind must be one of {', '.join(_IN_A_CHECKOUT)}, got {kind!r}")
    places = (_PACKAGE / "lessons" / kind, _PACKAGE.parent / _IN_A_CHECKOUT[kind])
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"this pyramidcolor has come without its {kind}, which would be in {places[0]} or, in a checkout, in {places[1]}"
    )


def stored_result(name: str | os.PathLike) -> Path:
    """The path of a benchmark's result file: one that comes with the package, by its name alone, or the reader's own.

    Args:
        name: such as "color_spaces-photos" for a file of `benchmarks/results`. A path that ends in .json is returned as it is.

    Raises:
        FileNotFoundError: if no result of that name comes with the package; says which do.

    Example:
        >>> stored_result("color_spaces-photos").name
        'color_spaces-photos.json'
        >>> stored_result("mine/results.json").as_posix()
        'mine/results.json'
    """
    if Path(name).suffix == ".json":
        return Path(name)
    folder = shipped_folder("results")
    names = sorted(path.stem for path in folder.glob("*.json"))
    if str(name) not in names:
        raise FileNotFoundError(
            f"no result {str(name)!r} comes with pyramidcolor; there are {', '.join(names)}. A file of your own goes by its path, "
            "which ends in .json"
        )
    return folder / f"{name}.json"

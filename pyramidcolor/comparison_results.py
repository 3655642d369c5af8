"""What a comparison of the systems of `baselines` stored: its plan, its rows, the table, and the pictures on its contact sheet.

    {"protocol": all that was chosen, "methods": {name: title, year, needs, parameters, steps, ...},
     "rows": [{"method": name, "seed": 0, figures of `metrics` by name}], "pictures": {name: {photo: JPEG as base64}}}

Rows named `gray`, `gray-lab` and `tint` were not trained and have no seed. Pictures are of scikit-image's photos and of seed 0.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .baselines import METHODS
from .batches import center_view
from .evaluation import gray_picture
from .files import read_result
from .images import SAMPLE_PHOTOS, read_photo, sample_photo, to_image
from .jobs import COLUMNS
from .plotting import DescribedFigure, contact_sheet
from .space_comparison import spread

UNTRAINED = {"gray": "gray (V)", "gray-lab": "gray (L)", "tint": "one tint"}
"""The rows to beat, and what a table calls them."""

TOLD = {None: "", "scribbles": "true color at dots", "example": "another photo"}
"""What a system is told beside the gray, by its `needs`."""

JPEG = {"quality": 90, "subsampling": 0}
"""How pictures are kept: with color at full size, since color is what there is to see."""

_SHEET_SIDE = 128  # of the pictures that are kept


@dataclass(frozen=True)
class Plan:
    """How large a comparison is.

    Attributes:
        multiplications: of one training, forward and backward, counted over all photos of all steps.
        size: side of the training views in pixels, a multiple of 16.
        batch_size: photos a step.
        measured_photos: how many photos to measure on at most, evenly spread over those held out.
        measured_size: side of the squares that are measured.
        examples: training photos among which a system with `needs` of "example" finds the most similar one.
        scenes: drawn scenes to train on where there are no photos.
    """

    multiplications: float
    size: int = 64
    batch_size: int = 16
    measured_photos: int = 100
    measured_size: int = 128
    examples: int = 500
    scenes: int = 2000


PLANS = {
    "smoke": Plan(2e10, batch_size=4, measured_photos=6, measured_size=64, examples=20, scenes=40),
    "cpu": Plan(2.5e12),
    "gpu": Plan(5e13, size=128, batch_size=32, measured_photos=200, measured_size=256, examples=2000),
    "full": Plan(1e15, size=128, batch_size=32, measured_photos=1000, measured_size=256, examples=2000),
}
"""A plan for each of `budgets.BUDGETS`."""


def kept_pictures(paint: Callable[..., Tensor], plan: Plan) -> dict[str, str]:
    """scikit-image's photos as a function colors them, as small JPEG files in base64, by the photos' names.

    Args:
        paint: takes a true photo `(3, S, S)` in [0, 1] and a seed, returns a colorization of the same shape.
        plan: of the comparison.
    """
    found = {}
    for place, (name, photo) in enumerate(sample_squares(plan).items()):
        buffer = io.BytesIO()
        to_image(paint(photo, place)).save(buffer, "jpeg", **JPEG)
        found[name] = base64.b64encode(buffer.getvalue()).decode("ascii")
    return found


def sample_squares(plan: Plan) -> dict[str, Tensor]:
    """scikit-image's photos, true, `(3, S, S)` in [0, 1] at the size of the kept pictures, by their names."""
    side = min(_SHEET_SIDE, plan.measured_size)
    return {name: center_view(sample_photo(name), side) for name in SAMPLE_PHOTOS}


def pictures_of(results: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    """The pictures of a result: `gray`, the methods in the order of their years, `true`; for each its photos `(3, S, S)` by name."""
    true = sample_squares(Plan(**results["protocol"]["plan"]))
    kept = {
        name: {photo: _decoded(text) for photo, text in results["pictures"][name].items()}
        for name in by_year(results)
        if name in results["pictures"]
    }
    return {"gray": {name: gray_picture(photo) for name, photo in true.items()}} | kept | {"true": true}


def sheet_of(results: Mapping[str, Any], photos: Sequence[str] = SAMPLE_PHOTOS) -> DescribedFigure:
    """The contact sheet of a result: a row for gray, for each method and for the truth, a column a photo.

    Args:
        results: as `compare` returns them.
        photos: which of scikit-image's.
    """
    titles = {"gray": "gray", "true": "true"} | {
        name: facts["title"] for name, facts in results["methods"].items()
    }
    rows = {titles[name]: [row[photo] for photo in photos] for name, row in pictures_of(results).items()}
    return contact_sheet(rows, alt=f"{', '.join(photos)}, one a column; each row another way to color them.")


def _decoded(text: str) -> Tensor:
    return read_photo(io.BytesIO(base64.b64decode(text)))


def by_year(results: Mapping[str, Any]) -> list[str]:
    """The methods of a result in the order of history; those of one year as in `baselines.METHODS`."""
    return sorted(
        results["methods"], key=lambda name: (results["methods"][name]["year"], list(METHODS).index(name))
    )


def read_results(path: str | os.PathLike) -> dict[str, Any]:
    """The results that `python -m pyramidcolor compare` stored.

    Raises:
        FileNotFoundError: if there is no such file; says which command makes it.
        ValueError: if the file is something else.
    """
    return read_result(path, "-m pyramidcolor compare", _parsed)


def _parsed(results: dict[str, Any]) -> dict[str, Any]:
    found = {key: results[key] for key in ("protocol", "methods", "rows", "pictures")}
    Plan(**found["protocol"]["plan"]), by_year(found)
    return found


def markdown_table(results: Mapping[str, Any], names: Sequence[str] | None = None) -> str:
    """A table in Markdown: a line for gray, gray of Lab, the tint and each method, with the mean over seeds and the lowest to the highest.

    Args:
        results: as `compare` returns them.
        names: which methods, and of `UNTRAINED`; None for all, in the order of history.
    """
    names = [*UNTRAINED, *by_year(results)] if names is None else names
    lines = [["", "told", "parameters", "steps", *(title for title, _ in COLUMNS.values())]]
    for name in names:
        rows = [row for row in results["rows"] if row["method"] == name]
        facts = results["methods"].get(name)
        if facts is None:
            start = [UNTRAINED[name], "", "", ""]
        else:
            title = (
                f"{facts['title']} ({_count(len(rows), 'seed')})"
                if _seeds_differ(results)
                else facts["title"]
            )
            learned = [f"{facts['parameters']:,}", f"{facts['steps']:,}"] if facts["trains"] else ["", ""]
            start = [title, TOLD[facts["needs"]], *learned]
        lines.append(
            start + [_cell([row[key] for row in rows], digits) for key, (_, digits) in COLUMNS.items()]
        )
    ruler = ["---", "---", *["---:"] * (len(lines[0]) - 2)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ruler, *lines[1:]])


def _cell(values: Sequence[float | None], digits: int) -> str:
    # JSON has no NaN and no infinity: nothing to measure, as the bleeding of a gray picture.
    finite = [value for value in values if value is not None and abs(value) < float("inf")]
    return spread(finite, digits) if finite and len(finite) == len(values) else "–"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _seeds_differ(results: Mapping[str, Any]) -> bool:
    counts = {sum(row["method"] == name for row in results["rows"]) for name in results["methods"]}
    return len(counts) > 1

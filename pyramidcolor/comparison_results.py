"""What a comparison of the systems of `baselines` stored: its plan, its rows, the table, and the pictures on its contact sheet.

    {"protocol": all that was chosen, "methods": {name: title, year, needs, parameters, steps, ...},
     "rows": [{"method": name, "seed": 0, figures of `metrics` by name}], "pictures": {name: {photo: JPEG as base64}}}

Rows named `gray`, `gray-lab` and `tint` were not trained and have no seed. Pictures are of scikit-image's photos and of seed 0.
"""

from __future__ import annotations

import base64
import io
import math
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
from .space_comparison import spread, values_of

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


def sheet_of(
    results: Mapping[str, Any], photos: Sequence[str] = SAMPLE_PHOTOS, side: float = 1.28
) -> DescribedFigure:
    """The contact sheet of a result: a row for gray, for each method and for the truth, a column a photo.

    Args:
        results: as `compare` returns them.
        photos: which of scikit-image's.
        side: of a picture, as in `plotting.contact_sheet`.
    """
    titles = {"gray": "gray", "true": "true"} | {
        name: facts["title"] for name, facts in results["methods"].items()
    }
    rows = {titles[name]: [row[photo] for photo in photos] for name, row in pictures_of(results).items()}
    return contact_sheet(
        rows, side=side, alt=f"{', '.join(photos)}, one a column; each row another way to color them."
    )


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


def markdown_table(
    results: Mapping[str, Any],
    names: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    facts: bool = True,
) -> str:
    """A table in Markdown: a line for gray, gray of Lab, the tint and each method, with the mean over seeds and the lowest to the highest.

    Args:
        results: as `comparison.compare` returns them.
        names: which methods, and of `UNTRAINED`; None for all, in the order of history.
        measures: keys of `jobs.COLUMNS`; None for all of them.
        facts: whether to say what each is told, how many numbers it learns, and in how many steps.
    """
    names = [*UNTRAINED, *by_year(results)] if names is None else names
    columns = COLUMNS if measures is None else {key: COLUMNS[key] for key in measures}
    given = ["told", "parameters", "steps"] if facts else []
    lines = [["", *given, *(title for title, _ in columns.values())]]
    for name in names:
        rows = [row for row in results["rows"] if row["method"] == name]
        cells = [_cell([row[key] for row in rows], digits) for key, (_, digits) in columns.items()]
        lines.append([*_start_of_line(results, name, len(rows))[: 1 + len(given)], *cells])
    ruler = ["---", *["---"] * facts, *["---:"] * (len(lines[0]) - 1 - facts)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ruler, *lines[1:]])


def _start_of_line(results: Mapping[str, Any], name: str, seeds: int) -> list[str]:
    facts = results["methods"].get(name)
    if facts is None:
        return [UNTRAINED[name], "", "", ""]
    counts = {sum(row["method"] == one for row in results["rows"]) for one in results["methods"]}
    told_seeds = f" ({seeds} seed{'' if seeds == 1 else 's'})" if len(counts) > 1 else ""
    learned = [f"{facts['parameters']:,}", f"{facts['steps']:,}"] if facts["trains"] else ["", ""]
    return [facts["title"] + told_seeds, TOLD[facts["needs"]], *learned]


def _cell(values: Sequence[float | None], digits: int) -> str:
    # JSON has no NaN and no infinity: nothing to measure, as the bleeding of a gray picture.
    finite = [value for value in values if value is not None and abs(value) < float("inf")]
    return spread(finite, digits) if finite and len(finite) == len(values) else "–"


def merit(measure: str, value: float | None) -> float:
    """A figure as a number that is larger where the measure is content; NaN where there is none.

    Ratios are best at 1, as far below it as above, counted in factors; PSNR and SSIM are best high, and all else low.

    Args:
        measure: a key of `jobs.COLUMNS`.
        value: the figure, or None.

    Example:
        >>> merit("psnr", 20.0), merit("delta_e", 12.0), merit("saturation_ratio", 0.5) == merit("saturation_ratio", 2.0)
        (20.0, -12.0, True)
    """
    if value is None:
        return math.nan
    if measure in ("psnr", "ssim"):
        return value
    if measure.endswith("_ratio"):
        return -abs(math.log(max(value, 1e-6)))
    return -value


def verdict(rows: Sequence[Mapping[str, Any]], measure: str, name: str, other: str) -> str:
    """Whether a method's figures are above or below another's in every seed, in words.

    Args:
        rows: as in a result.
        measure: a key of `jobs.COLUMNS`.
        name, other: the two methods.

    Raises:
        ValueError: if one of them has no row.
    """
    one, two = (values_of(rows, which, measure, key="method") for which in (name, other))
    title = COLUMNS[measure][0]
    if None in (*one, *two):
        return f"{title}: nothing to compare"
    means = " against ".join(f"{sum(some) / len(some):.{COLUMNS[measure][1]}f}" for some in (one, two))
    if min(one) > max(two):
        return f"{title}: {means}, {name} above {other} in every seed"
    if max(one) < min(two):
        return f"{title}: {means}, {name} below {other} in every seed"
    return f"{title}: {means}, {name} and {other} overlap"

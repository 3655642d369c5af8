"""The systems of `baselines` side by side: trained from scratch on the same photos for the same compute, over seeds.

Compute is counted in multiplications, forward and backward, as `Method.multiplications` says: a system whose step costs twice as
much takes half as many steps. So nothing depends on how fast a machine is at which layer. What is stored:

    {"protocol": all that was chosen, "methods": {name: title, year, needs, parameters, steps, ...},
     "rows": [{"method": name, "seed": 0, figures of `metrics` by name}], "pictures": {name: {photo: JPEG as base64}}}

Rows named `gray`, `gray-lab` and `tint` were not trained and have no seed. A row is written when its run is over, so that a run that
was stopped goes on; networks are not kept.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .baselines import METHODS, Method, random_scribbles
from .batches import center_view
from .colorspaces import LAB, luminance_gray
from .datasets import open_photos
from .devices import choose_precision, describe, training_device
from .evaluation import best_tint, gray_picture
from .files import read_result
from .images import SAMPLE_PHOTOS, read_photo, sample_photo, to_image, write_image
from .jobs import COLUMNS, begun, versions, write_json
from .metrics import HUE_FAMILIES, Scores
from .photos import CachedPhotos, Photos
from .plotting import DescribedFigure, contact_sheet
from .scenes import SyntheticScenes
from .space_comparison import spread
from .splits import evenly, split_photos

FIGURES = (*COLUMNS, *(f"hue_error_degrees_{family}" for family in HUE_FAMILIES))
"""What every row holds; the table shows those of `jobs.COLUMNS`."""

UNTRAINED = {"gray": "gray (V)", "gray-lab": "gray (L)", "tint": "one tint"}
"""The rows to beat, and what a table calls them."""

TOLD = {None: "", "scribbles": "true color at dots", "example": "another photo"}
"""What a system is told beside the gray, by its `needs`."""

DOTS = 20
"""How many dots of the true color a system with `needs` of "scribbles" is given."""

_SHEET_SIDE = 128  # of the pictures that are kept
_JPEG = {"quality": 90, "subsampling": 0}  # color at full size, which is what there is to see
_BINS = 64
_RUNS_APART = 100_000  # photos of one seed never share a random number with those of another


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
    "cpu": Plan(8e11),
    "gpu": Plan(2e14, size=128, batch_size=64, measured_photos=300, measured_size=256, examples=2000),
    "full": Plan(2e15, size=128, batch_size=64, measured_photos=1000, measured_size=256, examples=2000),
}
"""A plan for each of `budgets.BUDGETS`."""

Report = Callable[[str], object]


def compare_on_photos(
    paths: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    *,
    validation_paths: Sequence[str | os.PathLike] = (),
    budget: str = "cpu",
    multiplications: float | None = None,
    methods: Sequence[str] | None = None,
    seeds: int = 3,
    memory: int | str = "2 GiB",
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Compare on the photos at some paths; the result, a table and a contact sheet. What `pyramidcolor compare` does.

    Args:
        paths: folders or tars as in `datasets.open_photos`; none for drawn scenes.
        out: the result file, `*.json`; the contact sheet of scikit-image's photos is written beside it, as `*.jpg`.
        validation_paths: other photos to measure on, likewise; if none, a tenth of the photos is held out.
        budget: a key of `PLANS`.
        multiplications: of one training, in place of the budget's.
        methods: keys of `baselines.METHODS`; None for all.
        seeds: how many trainings of each.
        memory: for decoded photos, as in `photos.CachedPhotos`.
        report: called with each line worth printing, the table's too.

    Returns:
        What `compare` does.

    Raises:
        FileNotFoundError, ValueError, OSError: as `datasets.open_photos` and `compare`; also for an unknown budget.
    """
    if budget not in PLANS:
        raise ValueError(f"budget must be one of {', '.join(PLANS)}, got {budget!r}")
    if validation_paths and not paths:
        raise ValueError("--validation names photos to measure on; name others to train on with --photos")
    plan = PLANS[budget]
    plan = plan if multiplications is None else Plan(**asdict(plan) | {"multiplications": multiplications})
    if Path(out).suffix != ".json":
        raise ValueError(f"{out} must end in .json")
    if paths:
        photos = open_photos(*paths)
        measured = open_photos(*validation_paths) if validation_paths else None
        if measured is None:
            photos, measured = split_photos(photos, 0.1)
        photos, measured = CachedPhotos(photos, memory), evenly(measured, plan.measured_photos)
        labels = labels_of(photos)
    else:
        side = max(plan.size * 3 // 2, 32)
        scenes = [SyntheticScenes(plan.scenes, side, seed=1).scene(place) for place in range(plan.scenes)]
        photos, labels = [scene.rgb for scene in scenes], [scene.kind for scene in scenes]
        measured = SyntheticScenes(plan.measured_photos, plan.measured_size, seed=2)
    report(f"training on {len(photos):,} photos, measuring on {len(measured):,}")
    results = compare(photos, measured, plan, out, labels=labels, methods=methods, seeds=seeds, report=report)
    report("")
    report(markdown_table(results))
    sheet = Path(out).with_suffix(".jpg")
    write_image(Image.open(io.BytesIO(sheet_of(results).png())), sheet, **_JPEG)
    report(f"\nthe results are in {out}, pictures in {sheet}")
    return results


def compare(
    photos: Sequence[Tensor],
    measured: Sequence[Tensor],
    plan: Plan,
    out: str | os.PathLike,
    *,
    labels: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
    seeds: int = 3,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Train and measure each method over seeds, one row a run; what the file holds already is not repeated.

    All methods take their turn for one seed before the next seed begins: stopped early, every method has as many seeds.

    Args:
        photos: to train on: `len()`, and `[index]` gives RGB `(3, H, W)` in [0, 1].
        measured: others, to measure on; the largest square in the middle of each is used.
        plan: how large.
        out: the result file.
        labels: for each photo the number of its kind, as in `baselines.Method.fit`.
        methods: keys of `baselines.METHODS`; None for all.
        seeds: seeds are 0 to this, without it.
        report: called with a line after every run.

    Returns:
        What is stored; see the module.

    Raises:
        ValueError: if a method is unknown, there are no seeds or no photos, the compute is not enough for a step, or the file is of
            another protocol, or of a method that has changed; the message names what differs.
        OSError: if the file cannot be written; the one before is then untouched.
    """
    names = list(METHODS) if methods is None else list(dict.fromkeys(methods))
    strangers = [name for name in names if name not in METHODS]
    if strangers or not names:
        raise ValueError(
            f"methods must be some of {', '.join(METHODS)}; got {', '.join(strangers) or 'none'}"
        )
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    if not len(photos) or not len(measured):
        raise ValueError(
            f"photos are needed on both sides, got {len(photos)} and {len(measured)} to measure on"
        )
    facts = {name: method_facts(METHODS[name](), plan) for name in names}
    protocol = protocol_of(photos, measured, plan, labels)
    # More seeds may be added later, and on another machine.
    results = begun(out, protocol, passing=("seeds", "machine", "tint")) or {
        "protocol": protocol,
        "methods": {},
        "rows": [],
        "pictures": {},
    }
    for name in names:
        before = results["methods"].get(name, facts[name])
        changed = [key for key in facts[name] if before.get(key) != facts[name][key]]
        if changed:
            raise ValueError(
                f"{out} holds {name} with another {', '.join(changed)}: name another --out, or remove the file to begin anew"
            )
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    squares = [center_view(measured[place], plan.measured_size) for place in range(len(measured))]
    if not results["rows"]:
        _add_untrained(results, squares)
    finished = {(row["method"], row["seed"]) for row in results["rows"]}
    for number in range(seeds):
        examples = None
        for name in names:
            if (name, number) in finished:
                continue
            if facts[name]["needs"] == "example" and examples is None:
                examples = example_photos(photos, plan, number)
            method, row = train_and_measure(
                name, number, photos, squares, plan, labels=labels, examples=examples
            )
            results["rows"].append(row)
            results["methods"][name] = facts[name]
            results["protocol"]["seeds"] = sorted({row["seed"] for row in results["rows"]} - {None})
            if number == 0:
                results["pictures"][name] = sample_pictures(method, plan, examples)
            write_json(results, out)
            report(_run_in_words(row, facts[name]))
    write_json(results, out)
    return results


def train_and_measure(
    name: str,
    seed: int,
    photos: Sequence[Tensor],
    squares: Sequence[Tensor],
    plan: Plan,
    *,
    labels: Sequence[int] | None = None,
    examples: Sequence[Tensor] | None = None,
) -> tuple[Method, dict[str, Any]]:
    """A method trained by a plan from one seed, and its row.

    Args:
        name: a key of `baselines.METHODS`.
        seed: of the training and of all that the method draws or is told.
        photos: to train on, `(3, H, W)` in [0, 1].
        squares: to measure on, `(3, S, S)` in [0, 1].
        plan: how large.
        labels: as in `baselines.Method.fit`.
        examples: as `example_photos` gives them; made from `photos` where they are needed and None.

    Returns:
        The method; and `method`, `seed`, `training_seconds`, `seconds_a_photo` and the figures of `FIGURES`.
    """
    method = METHODS[name]()
    started = time.perf_counter()
    if method.trains:
        method.fit(
            photos,
            steps=steps_within(plan, method),
            batch_size=plan.batch_size,
            size=plan.size,
            seed=seed,
            labels=labels,
        )
    trained = time.perf_counter()
    if method.needs == "example" and examples is None:
        examples = example_photos(photos, plan, seed)
    paint = partial(painted, method, examples=examples)
    figures = measure(
        (paint(square, seed=_own_seed(seed, place)) for place, square in enumerate(squares)), squares
    )
    seconds = {
        "training_seconds": round(trained - started, 1),
        "seconds_a_photo": round((time.perf_counter() - trained) / len(squares), 3),
    }
    return method, {"method": name, "seed": seed} | seconds | figures


def steps_within(plan: Plan, method: Method) -> int:
    """How many steps of a method a plan's multiplications are enough for; 0 for a method that does not train.

    Raises:
        ValueError: if they are not enough for one.
    """
    if not method.trains:
        return 0
    cost = method.multiplications(plan.size) * plan.batch_size
    steps = round(plan.multiplications / cost)
    if steps < 1:
        raise ValueError(
            f"multiplications must be at least {cost:.1e}, which a step of {method.name} takes; got {plan.multiplications:.1e}"
        )
    return steps


def method_facts(method: Method, plan: Plan) -> dict[str, Any]:
    """What a result file says of a method: `title`, `year`, `samples`, `needs`, `trains`, `parameters`, `multiplications` of a step for one photo, `steps`."""
    facts = {
        name: getattr(method, name) for name in ("title", "year", "samples", "needs", "trains", "parameters")
    }
    return facts | {
        "multiplications": method.multiplications(plan.size),
        "steps": steps_within(plan, method),
    }


def painted(
    method: Method, square: Tensor, *, seed: int = 0, examples: Sequence[Tensor] | None = None
) -> Tensor:
    """A photo as a method colors it, told what the method needs to be told.

    Args:
        method: trained, if it trains.
        square: the true photo, `(3, H, W)` in [0, 1].
        seed: of the colors, and of the places of dots.
        examples: photos `(3, h, w)` in color, for a method that needs one.

    Returns:
        `(3, H, W)` in [0, 1].

    Raises:
        ValueError: if the method needs an example and there are none.
    """
    hint = None
    if method.needs == "scribbles":
        hint = random_scribbles(square, DOTS, seed)
    elif method.needs == "example":
        hint = nearest_example(square, examples or ())
    return method.colorize(square, seed=seed, hint=hint)


def measure(painted: Iterable[Tensor], true: Sequence[Tensor]) -> dict[str, float]:
    """The figures of `FIGURES` of colorizations, one by one, against the photos `(3, H, W)` in [0, 1] that they are of."""
    scores = Scores(FIGURES)
    for one, photo in zip(painted, true, strict=True):
        scores.add(one.clamp(0, 1), photo)
    return scores.result()


def example_photos(photos: Sequence[Tensor], plan: Plan, seed: int) -> list[Tensor]:
    """Some of the training photos, drawn anew for each seed, as squares `(3, S, S)` of the measured size, in [0, 1]."""
    order = torch.randperm(len(photos), generator=torch.Generator().manual_seed(seed))
    return [center_view(photos[place], plan.measured_size) for place in order[: plan.examples].tolist()]


def nearest_example(photo: Tensor, examples: Sequence[Tensor]) -> Tensor:
    """The example whose grays are distributed most like a photo's: the least earth that must be moved between both histograms.

    Args:
        photo: `(3, H, W)` in [0, 1]; only its luminance is looked at.
        examples: likewise.

    Returns:
        One of the examples.

    Raises:
        ValueError: if there are none.
    """
    if not len(examples):
        raise ValueError("examples must hold at least one photo")
    wanted = _gray_distribution(photo)
    return min(examples, key=lambda one: (_gray_distribution(one) - wanted).abs().sum().item())


def _gray_distribution(photo: Tensor) -> Tensor:
    gray = (luminance_gray(photo) + 1) / 2
    counts = torch.histc(gray.double(), _BINS, 0, 1)
    return (counts / counts.sum()).cumsum(0)


def labels_of(photos: Photos) -> list[int] | None:
    """For each photo the number of its source, such as its folder or its category; None if all are of one."""
    numbers = {source: number for number, source in enumerate(sorted(set(photos.sources)))}
    return [numbers[source] for source in photos.sources] if len(numbers) > 1 else None


def protocol_of(
    photos: Sequence[Tensor], measured: Sequence[Tensor], plan: Plan, labels: Sequence[int] | None
) -> dict[str, Any]:
    """All that was chosen, and what it runs on; no path and no name of a machine. Photos are told by count and by a hash of their names.

    Args:
        photos: to train on, `(3, H, W)` in [0, 1].
        measured: to measure on, likewise.
        plan: how large.
        labels: of the photos, or None.
    """
    device = training_device()
    return {
        "training": _set_in_words(photos),
        "measured": _set_in_words(measured),
        "labels": None if labels is None else len(set(labels)),
        "plan": asdict(plan),
        "compute": "multiplications of one training, forward and backward; steps = multiplications / (those of a step for one photo * batch_size)",
        "training_views": "a random square, its side 0.7 to 1 of the photo's shorter side, resized to size (bilinear, antialiased), mirrored half of the time",
        "measured_views": "the largest square in the middle, resized to measured_size (bilinear, antialiased)",
        "dots": f"{DOTS} dots of 3 x 3 pixels of the true photo, at random places",
        "example": f"of so many training photos, drawn by the seed, the one with the nearest gray histogram ({_BINS} bins, earth mover's)",
        "precision": choose_precision("auto", device),
        "seeds": [],
        "versions": versions(),
        "machine": f"{platform.machine()}, {describe(device)}",
    }


def _set_in_words(photos: Sequence[Tensor]) -> dict[str, Any]:
    if not isinstance(photos, Photos):
        return {"photos": len(photos), "sources": "drawn scenes"}
    names = hashlib.sha256("\n".join(photos.names).encode()).hexdigest()
    return {"photos": len(photos), "sources": len(set(photos.sources)), "names": names[:16]}


def _own_seed(seed: int, place: int) -> int:
    return seed * _RUNS_APART + place


def _add_untrained(results: dict[str, Any], squares: Sequence[Tensor]) -> None:
    tint = best_tint(squares, squares[0].shape[-1])
    results["protocol"]["tint"] = {"hue_degrees": round(360 * tint.hue), "saturation": tint.saturation}
    ways = {"gray": gray_picture, "gray-lab": partial(gray_picture, space=LAB), "tint": tint}
    for name, way in ways.items():
        results["rows"].append({"method": name, "seed": None} | measure(map(way, squares), squares))


def sample_pictures(method: Method, plan: Plan, examples: Sequence[Tensor] | None = None) -> dict[str, str]:
    """How a method colors scikit-image's photos, as small JPEG files in base64, by the photos' names; `examples` as in `painted`."""
    found = {}
    for place, (name, photo) in enumerate(sample_squares(plan).items()):
        buffer = io.BytesIO()
        to_image(painted(method, photo, seed=place, examples=examples)).save(buffer, "jpeg", **_JPEG)
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
            title = f"{facts['title']} ({len(rows)} seeds)" if _seeds_differ(results) else facts["title"]
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


def _seeds_differ(results: Mapping[str, Any]) -> bool:
    counts = {sum(row["method"] == name for row in results["rows"]) for name in results["methods"]}
    return len(counts) > 1


def _run_in_words(row: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    told = f", told: {TOLD[facts['needs']]}" if facts["needs"] else ""
    return (
        f"{row['method']}, seed {row['seed']}: {facts['steps']:,} steps in {row['training_seconds']:.0f} s, "
        f"{row['seconds_a_photo']:.2f} s a photo; saturation {row['saturation_ratio']:.2f}, "
        f"hue error {row['hue_error_degrees']:.1f}°, PSNR {row['psnr']:.1f} dB{told}"
    )

"""The systems of `baselines` side by side: trained from scratch on the same photos for the same compute, over seeds.

Compute is counted in multiplications, forward and backward, as `Method.multiplications` says: a system whose step costs twice as
much takes half as many steps. So nothing depends on how fast a machine is at which layer. A row is written when its run is
over, so that a comparison that was stopped goes on; networks are not kept. `comparison_results` says what is stored.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .baselines import METHODS, Method, random_scribbles
from .batches import center_view
from .colorspaces import LAB, luminance_gray
from .comparison_results import JPEG, PLANS, TOLD, Plan, kept_pictures, markdown_table, sheet_of
from .datasets import open_photos
from .devices import choose_precision, describe, training_device
from .evaluation import best_tint, gray_picture
from .images import write_image
from .jobs import COLUMNS, begun, versions, write_json
from .metrics import HUE_FAMILIES, Scores
from .photos import CachedPhotos, Photos
from .scenes import SyntheticScenes
from .splits import evenly, split_photos

FIGURES = (*COLUMNS, *(f"hue_error_degrees_{family}" for family in HUE_FAMILIES))
"""What every row holds; the table shows those of `jobs.COLUMNS`."""

DOTS = 20
"""How many dots of the true color a system with `needs` of "scribbles" is given."""

_BINS = 64
_RUNS_APART = 100_000  # photos of one seed never share a random number with those of another

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
    processes: int = 1,
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
        memory: for decoded photos, as in `photos.CachedPhotos`; each process takes as much.
        processes: as in `compare`.
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
    if multiplications is not None:
        plan = replace(plan, multiplications=multiplications)
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
    results = compare(
        photos,
        measured,
        plan,
        out,
        labels=labels,
        methods=methods,
        seeds=seeds,
        processes=processes,
        report=report,
    )
    report("")
    report(markdown_table(results))
    sheet = Path(out).with_suffix(".jpg")
    write_image(Image.open(io.BytesIO(sheet_of(results).png())), sheet, **JPEG)
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
    processes: int = 1,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Train and measure each method over seeds, one row a run; what the file holds already is not repeated.

    All methods take their turn for one seed before the next seed begins: stopped early, every method has as many seeds.

    Args:
        photos: to train on: `len()`, and `[index]` gives RGB `(3, H, W)` in [0, 1].
        measured: others, to measure on; the largest square in the middle of each is used.
        plan: how large.
        out: the result file.
        labels: for each photo the number of its kind, as in `baselines.method.Method.fit`.
        methods: keys of `baselines.METHODS`; None for all.
        seeds: how many; they count from 0.
        processes: how many runs go on at once, each in a process with its share of the threads; photos must then be picklable.
        report: called with a line after every run.

    Returns:
        What is stored; see `comparison_results`.

    Raises:
        ValueError: if an argument is out of range, a method is unknown, there are no photos, the compute is not enough for a step, or
            the file is of another protocol, or of a method that has changed; the message names what differs.
        OSError: if the file cannot be written; the one before is then untouched.
    """
    names = _checked_names(methods)
    for name, count in {"seeds": seeds, "processes": processes}.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if not len(photos) or not len(measured):
        raise ValueError(
            f"photos are needed on both sides, got {len(photos)} and {len(measured)} to measure on"
        )
    facts = {name: method_facts(METHODS[name](), plan) for name in names}
    results = _begun(out, protocol_of(photos, measured, plan, labels), facts)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    squares = [center_view(measured[place], plan.measured_size) for place in range(len(measured))]
    if not results["rows"]:
        _add_untrained(results, squares)
    finished = {(row["method"], row["seed"]) for row in results["rows"]}
    todo = [(name, seed) for seed in range(seeds) for name in names if (name, seed) not in finished]
    for row, pictures in _runs(todo, _Work(photos, squares, plan, labels), processes):
        name = row["method"]
        results["rows"].append(row)
        results["rows"].sort(key=_place_of)
        results["methods"][name] = facts[name]
        if pictures:
            results["pictures"][name] = pictures
        results["protocol"]["seeds"] = _seeds_of(results)
        write_json(results, out)
        report(_run_in_words(row, facts[name]))
    return results


@dataclass(frozen=True)
class _Work:
    """What every run has in common."""

    photos: Sequence[Tensor]
    squares: Sequence[Tensor]
    plan: Plan
    labels: Sequence[int] | None

    def run(self, name: str, seed: int) -> tuple[dict[str, Any], dict[str, str] | None]:
        method = METHODS[name]()
        started = time.perf_counter()
        fit_within(method, self.photos, self.plan, seed=seed, labels=self.labels)
        trained = time.perf_counter()
        paint = painter(method, self.photos, self.plan, seed)
        figures = measure(paint, self.squares, seed)
        row = {
            "method": name,
            "seed": seed,
            "training_seconds": round(trained - started, 1),
            "seconds_a_photo": round((time.perf_counter() - trained) / len(self.squares), 3),
        }
        return row | figures, kept_pictures(paint, self.plan) if seed == 0 else None


_work: _Work | None = None  # of a process that was started for it


def _runs(todo: Sequence[tuple[str, int]], work: _Work, processes: int) -> Iterator[tuple[dict, dict | None]]:
    if processes == 1:
        yield from (work.run(*run) for run in todo)
        return
    threads = max(1, torch.get_num_threads() // processes)
    # Not by fork, which a process that has threads or a GPU does not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare_process, (work, threads)) as pool:
        try:
            for future in as_completed([pool.submit(_run_in_process, *run) for run in todo]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_process(work: _Work, threads: int) -> None:
    global _work
    _work = work
    torch.set_num_threads(threads)


def _run_in_process(name: str, seed: int) -> tuple[dict[str, Any], dict[str, str] | None]:
    return _work.run(name, seed)


def fit_within(
    method: Method, photos: Sequence[Tensor], plan: Plan, *, seed: int, labels: Sequence[int] | None = None
) -> Method:
    """The method itself, trained for as many steps as a plan's multiplications are enough for, if it trains at all.

    Args:
        method: what to train.
        photos: RGB `(3, H, W)` in [0, 1].
        plan: how large.
        seed: of the training.
        labels: as in `baselines.method.Method.fit`.
    """
    if method.trains:
        method.fit(
            photos,
            steps=steps_within(plan, method),
            batch_size=plan.batch_size,
            size=plan.size,
            seed=seed,
            labels=labels,
        )
    return method


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


def painter(method: Method, photos: Sequence[Tensor], plan: Plan, seed: int) -> Callable[..., Tensor]:
    """A function that colors a true photo as a method does, and tells the method what it needs to be told.

    Args:
        method: trained, if it trains.
        photos: the training photos `(3, H, W)` in [0, 1], among which a method with `needs` of "example" finds its examples.
        plan: how many of them it looks at.
        seed: which ones.

    Returns:
        It takes the true photo, `(3, H, W)` in [0, 1], and a seed for the colors and for the places of dots; and returns `(3, H, W)`
        in [0, 1].
    """
    examples = example_photos(photos, plan, seed) if method.needs == "example" else []
    tell = {
        None: lambda photo, seed: None,
        "scribbles": lambda photo, seed: random_scribbles(photo, DOTS, seed),
        "example": lambda photo, seed: nearest_example(photo, examples),
    }[method.needs]
    return lambda photo, seed=0: method.colorize(photo, seed=seed, hint=tell(photo, seed))


def measure(paint: Callable[..., Tensor], squares: Sequence[Tensor], seed: int = 0) -> dict[str, float]:
    """The figures of `FIGURES` of a function's colorizations.

    Args:
        paint: takes a true photo and a number, its own for each photo and seed; `painter` makes such functions.
        squares: the photos, `(3, H, W)` in [0, 1].
        seed: of the run.
    """
    scores = Scores(FIGURES)
    for place, square in enumerate(squares):
        scores.add(paint(square, seed * _RUNS_APART + place).clamp(0, 1), square)
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


def _checked_names(methods: Sequence[str] | None) -> list[str]:
    names = list(METHODS) if methods is None else list(dict.fromkeys(methods))
    strangers = [name for name in names if name not in METHODS]
    if strangers or not names:
        raise ValueError(
            f"methods must be some of {', '.join(METHODS)}; got {', '.join(strangers) or 'none'}"
        )
    return names


def _begun(out: str | os.PathLike, protocol: dict[str, Any], facts: Mapping[str, dict]) -> dict[str, Any]:
    # More seeds may be added later, and on another machine.
    results = begun(out, protocol, passing=("seeds", "machine", "tint"))
    if results is None:
        return {"protocol": protocol, "methods": {}, "rows": [], "pictures": {}}
    results["protocol"]["seeds"] = _seeds_of(results)
    for name in facts.keys() & results["methods"].keys():
        before, now = results["methods"][name], facts[name]
        changed = [
            f"{key} (was {before.get(key)}, now {now[key]})" for key in now if before.get(key) != now[key]
        ]
        if changed:
            raise ValueError(
                f"{out} holds {name} with another {', '.join(changed)}: name another --out, or remove the file to begin anew"
            )
    return results


def _seeds_of(results: Mapping[str, Any]) -> list[int]:
    return sorted({row["seed"] for row in results["rows"]} - {None})


def _add_untrained(results: dict[str, Any], squares: Sequence[Tensor]) -> None:
    tint = best_tint(squares, squares[0].shape[-1])
    results["protocol"]["tint"] = {
        "hue_degrees": round(360 * tint.hue),
        "saturation": round(tint.saturation, 3),
    }
    ways = {"gray": gray_picture, "gray-lab": partial(gray_picture, space=LAB), "tint": tint}
    for name, way in ways.items():
        figures = measure(lambda square, _, way=way: way(square), squares)
        results["rows"].append({"method": name, "seed": None} | figures)


def _place_of(row: Mapping[str, Any]) -> tuple[int, int]:
    name, seed = row["method"], row["seed"]
    return (-1, 0) if seed is None else (list(METHODS).index(name), seed)


def _run_in_words(row: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    steps = facts["steps"]
    trained = (
        f"{steps:,} step{'' if steps == 1 else 's'} in {row['training_seconds']:.0f} s, "
        if facts["trains"]
        else ""
    )
    told = f", told: {TOLD[facts['needs']]}" if facts["needs"] else ""
    return (
        f"{row['method']}, seed {row['seed']}: {trained}{row['seconds_a_photo']:.2f} s a photo; "
        f"saturation {row['saturation_ratio']:.2f}, hue error {row['hue_error_degrees']:.1f}°, PSNR {row['psnr']:.1f} dB{told}"
    )

"""The long jobs from paths to files: training on photos, and a table of figures. What the command line calls."""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .batches import center_view
from .checkpoints import Colorizer, load_checkpoint, save_checkpoint
from .dataset_check import find_faults
from .datasets import open_photos
from .devices import training_device
from .evaluation import best_tint, calibrate_saturation, check_measuring, gray_picture, score_by_source
from .files import written_whole
from .images import to_image, write_image
from .inference import colorize_by_stage
from .metrics import interval
from .photos import CachedPhotos, Photos, as_photos, bytes_of
from .plotting import history
from .recipes import TrainingConfig
from .run_state import run_folder
from .scenes import SyntheticScenes
from .splits import evenly, split_photos, without
from .teachers import Teacher, load_teacher, train_teacher
from .training import EpochRecord, Run, train

_STRIP_PHOTOS = 6
_FEWEST_TO_SPLIT = 200  # a tenth of fewer says nothing, and would end training by chance
_CALIBRATION_PHOTOS = 64
_SCENES = {"training": 4000, "validation": 64}  # drawn where no photos are given

Report = Callable[[str], object]

COLUMNS = {
    "saturation_ratio": ("saturation", 2),
    "colorfulness_ratio": ("colorful", 2),
    "hue_error_degrees": ("hue error°", 1),
    "balanced_hue_error_degrees": ("balanced°", 1),
    "chroma_error": ("ab error", 1),
    "delta_e": ("Delta E", 1),
    "bleeding": ("bleeding", 2),
    "psnr": ("PSNR", 1),
    "ssim": ("SSIM", 3),
}
"""The figures in a table: for each its heading and its decimals."""


def train_on_photos(
    paths: Sequence[str | os.PathLike] | Photos,
    out: str | os.PathLike,
    config: TrainingConfig,
    *,
    validation_paths: Sequence[str | os.PathLike] | Photos = (),
    detail_paths: Sequence[str | os.PathLike] | Photos = (),
    start: str | os.PathLike | None = None,
    teacher: str | os.PathLike | None = None,
    validation_photos: int = 200,
    memory: int | str = "4 GiB",
    check: bool = True,
    about: dict[str, Any] | None = None,
    progress: bool = False,
    report: Report = lambda line: None,
) -> Colorizer:
    """Train a network on the photos at some paths; continue where a killed run of the same arguments stopped.

    Beside the weights, the run's folder gets `history.jsonl`, a plot of the losses, and after every epoch a strip of validation
    photos: gray, stage one, stage two and true.

    Args:
        paths: folders or tars as in `datasets.open_photos`, or a set that is open; none for drawn scenes.
        out: the weights file, `*.safetensors`.
        config: what to compute.
        validation_paths: other photos to validate on, likewise; if none, a tenth of the photos is held out, or of fewer than 200 none.
        detail_paths: photos for the phases after stage one, likewise; the same as `paths` if none.
        start: a weights file to go on with.
        teacher: a file of `train_teacher_on_photos`, for a `config.teacher_share` of more than 0.
        validation_photos: how many photos to validate on at most.
        memory: for decoded photos, as in `photos.CachedPhotos`: of all sets together, shared by how many photos each has. Each of
            several processes takes as much.
        check: whether to decode every picture once before, so that broken ones are named and left out.
        about: stored with the weights.
        progress: whether to draw progress bars.
        report: called with each line worth printing, by the first of several processes only.

    Returns:
        The network, in evaluation mode.

    Raises:
        FileNotFoundError, ValueError, OSError, TrainingDivergedError: as `datasets.open_photos` and `training.train`.
        ValueError: also if `validation_photos`, `memory` or the config's seed is out of range, or its size no multiple of the
            network's low factor; before any photo is read.
    """
    from accelerate import Accelerator

    # All that can be wrong is found before photos are looked through, which takes hours where they are many.
    memory = bytes_of(memory)
    _check_at_least(1, validation_photos=validation_photos)
    _check_seed(config.seed)
    accelerator = Accelerator()
    if not accelerator.is_main_process:  # else several processes would say everything several times
        progress, report = False, _say_nothing
    out = Path(out)
    if start is not None and out.resolve() == Path(start).resolve():
        raise ValueError(
            f"{out} cannot be both the start and the output: a stopped run could not begin there again"
        )
    beginning = None if start is None else load_checkpoint(start)
    run = Run(
        config,
        out,
        start=beginning,
        about=about,
        accelerator=accelerator,
        progress=progress,
        teacher=None if teacher is None else load_teacher(teacher),
    )
    _check_size(config.size, run.colorizer)
    run_folder(out).mkdir(parents=True, exist_ok=True)
    photos, held_out = _open_both(paths, validation_paths, config, out, check, progress, report)
    detail = _open(detail_paths, "detail", config, out, check, progress, report) if detail_paths else photos
    photos, held_out, detail = _cached([photos, _at_most(held_out, validation_photos), detail], memory)
    group = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    report(
        f"training on {len(photos):,} photos, validating on {len(held_out):,}; {accelerator.device}, {run.precision}{group}"
    )
    if run.phase is None:
        report(f"this run is complete; to train anew, choose another output or remove {run_folder(out)}")
    elif run.records:
        report(f"continuing after {run.records[-1].phase} epoch {run.records[-1].epoch}")
    strip = torch.stack(
        [center_view(held_out[place], config.size) for place in range(min(_STRIP_PHOTOS, len(held_out)))]
    )
    for record, colorizer in train(
        photos, held_out, config, out, run=run, detail_photos=detail if detail_paths else None
    ):
        report(str(record))
        if run.accelerator.is_main_process:
            _picture_progress(run_folder(out), run.records, colorizer, strip)
    if not config.calibrate:
        report(f"the weights are in {out}")
        return run.colorizer
    trained = calibrate_saturation(run.colorizer, evenly(held_out, _CALIBRATION_PHOTOS), config.size)
    if run.accelerator.is_main_process:
        save_checkpoint(trained, out)
    report(
        f"saturation gain {trained.saturation_gain:.2f}, so that validation photos come out as vivid as they are"
    )
    report(f"the weights are in {out}")
    return trained


def train_teacher_on_photos(
    paths: Sequence[str | os.PathLike] | Photos,
    out: str | os.PathLike,
    *,
    validation_paths: Sequence[str | os.PathLike] | Photos = (),
    validation_photos: int = 1000,
    epochs: int = 3,
    epoch_photos: int | None = None,
    memory: int | str = "4 GiB",
    check: bool = True,
    seed: int = 0,
    progress: bool = False,
    report: Report = lambda line: None,
) -> Teacher:
    """Show a `teachers.Teacher` the colors of the photos at some paths, and write it into a file.

    Args:
        paths, validation_paths, memory, check, progress, report: as in `train_on_photos`.
        out: the teacher's file, by custom `*.safetensors`.
        validation_photos: on how many photos at most the epoch is chosen that is kept.
        epochs, epoch_photos, seed: as in `teachers.train_teacher`.

    Raises:
        FileNotFoundError, ValueError, OSError: as `datasets.open_photos` and `teachers.train_teacher`; if a number is out of range
            before any photo is read.
        ModuleNotFoundError: if the packages with the large network are missing.
    """
    memory = bytes_of(memory)
    _check_at_least(1, validation_photos=validation_photos, epochs=epochs, epoch_photos=epoch_photos)
    _check_seed(seed)
    out = Path(out)
    run_folder(out).mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(size=64, seed=seed)
    photos, held_out = _open_both(paths, validation_paths, config, out, check, progress, report)
    photos, held_out = _cached([photos, _at_most(held_out, validation_photos)], memory)
    report(f"teaching with {len(photos):,} photos, validating on {len(held_out):,}; {training_device()}")
    teacher = train_teacher(
        photos, held_out, out, epochs=epochs, epoch_photos=epoch_photos, seed=seed, report=report
    )
    report(f"the teacher is in {out}")
    return teacher


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_weights` found; figures stand by their names, as in `metrics.Scores.result`.

    Attributes:
        figures: of each row: the gray picture, the tint, each network.
        by_source: of each row and each source's photos; empty unless asked for.
        differences: of each network but the first, the figures less those of the first, by a title such as "tuned - mine"; empty
            unless intervals were asked for.
        intervals: for each row and each difference the two ends between which a figure lies in 95 % of the sets of photos that
            `metrics.Scores.resampled` draws, the same sets for all; empty unless asked for.
    """

    figures: dict[str, dict[str, float]]
    by_source: dict[str, dict[str, dict[str, float]]]
    differences: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, tuple[float, float]]]


def evaluate_weights(
    weights: Iterable[str | os.PathLike | Colorizer],
    paths: Sequence[str | os.PathLike],
    *,
    size: int = 256,
    saturation: float = 1.0,
    working_size: int | None = None,
    input_scales: Sequence[float] | None = None,
    smoothing: int | None = None,
    limit: int | None = None,
    by_source: bool = False,
    intervals: bool = False,
    json_path: str | os.PathLike | None = None,
    report: Report = lambda line: None,
) -> Evaluation:
    """A table of figures: the gray picture, the best tint, and each network.

    Args:
        weights: weights files, or loaded networks. A file's row has its name without the ending, or where that is another row's, too,
            the path as given; a network's row has the name in `about`, or "network". Rows that are still alike are numbered.
        paths: photos in color, as in `datasets.open_photos`.
        size, saturation, working_size, input_scales, smoothing: as in `evaluation.evaluate`.
        limit: only so many photos, evenly spread over the set.
        by_source: whether the photos of each source, a folder or a name in a tar, are also measured apart.
        intervals: whether to say also how sure the figures are with these photos, and each network's less those of the first.
        json_path: where to write the figures too.
        report: called with each line of the table.

    Returns:
        The figures, by row.

    Raises:
        FileNotFoundError, ValueError, OSError: as `datasets.open_photos`, `checkpoints.load_checkpoint` and `evaluate`; before
            anything is measured if an argument is out of range, or `json_path` cannot be written.
    """
    weights = list(weights)
    _check_at_least(1, limit=limit)
    if json_path is not None:
        _check_writable(json_path)
    loaded = [one if isinstance(one, Colorizer) else load_checkpoint(one) for one in weights]
    options = {
        "size": size,
        "saturation": saturation,
        "working_size": working_size,
        "input_scales": input_scales,
        "smoothing": smoothing,
    }
    for row in (gray_picture, *loaded):
        check_measuring(row, **options)
    photos = open_photos(*paths)
    photos = photos if limit is None else evenly(photos, limit)
    tint = best_tint(photos)
    rows = {"gray": gray_picture, f"tint of {tint.hue * 360:.0f}°": tint}
    networks = dict(zip(_network_names(weights, rows), loaded, strict=True))
    rows |= networks
    report(f"{len(photos)} photos at {size} x {size}")
    counts = dict(sorted(Counter(photos.sources).items())) if by_source else {}
    if counts:
        report("of them " + ", ".join(f"{count} of {source}" for source, count in counts.items()))
    first, *others = networks or [None]
    pairs = dict(zip(_numbered([f"{name} - {first}" for name in others], rows), others, strict=True))
    pairs = pairs if intervals else {}
    titles = [*rows, *(f"{row}, {source}" for row in rows for source in counts), *pairs]
    width = max(16, *map(len, titles))
    report(_line("", [title for title, _ in COLUMNS.values()], width))
    found = Evaluation({}, {}, {}, {})
    drawn: dict[str, dict[str, Tensor]] = {}

    def report_row(title: str, figures: dict[str, float], sign: str = "") -> None:
        report(_figures_line(title, figures, width, sign))
        if title in drawn:
            found.intervals[title] = {key: interval(values) for key, values in drawn[title].items()}
            for words, ends in zip(
                ("  95 % from", "         to"), ends_of(found.intervals[title]), strict=True
            ):
                report(_figures_line(words, ends, width, sign))

    for name, row in rows.items():
        scores, of_sources = score_by_source(row, photos, **options, by_photo=intervals)
        found.figures[name] = scores.result()
        if intervals:
            drawn[name] = scores.resampled()
        if by_source:
            found.by_source[name] = {part: one.result() for part, one in of_sources.items()}
        report_row(name, found.figures[name])
        for part, figures in found.by_source.get(name, {}).items():
            report_row(f"{name}, {part}", figures)
    for title, name in pairs.items():
        less = {key: figure - found.figures[first][key] for key, figure in found.figures[name].items()}
        found.differences[title] = less
        drawn[title] = {key: values - drawn[first][key] for key, values in drawn[name].items()}
        report_row(title, less, "+")
    if json_path is not None:
        content = {"photos": len(photos), "size": size, "figures": found.figures}
        if by_source:
            content |= {"photos_by_source": counts, "figures_by_source": found.by_source}
        if intervals:
            content |= {"differences": found.differences, "intervals": found.intervals}
        write_json(content, json_path)
    return found


def _network_names(weights: Sequence[str | os.PathLike | Colorizer], taken: Iterable[str]) -> list[str]:
    """A name for each network that no other and none of `taken` has: a short one, or the path as given where short ones meet."""
    short = [
        one.about.get("name", "network") if isinstance(one, Colorizer) else Path(one).stem for one in weights
    ]
    uses = Counter([*taken, *short])
    names = [
        os.fspath(one) if uses[name] > 1 and not isinstance(one, Colorizer) else name
        for name, one in zip(short, weights, strict=True)
    ]
    return _numbered(names, taken)


def _numbered(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The names, each with a number behind it if one before it or one of `taken` is the same: a, a 2, a 3."""
    taken, numbered = set(taken), []
    for name in names:
        others = (f"{name} {number}" for number in itertools.count(2))
        while name in taken:
            name = next(others)
        taken.add(name)
        numbered.append(name)
    return numbered


def ends_of(
    intervals: Mapping[str, tuple[float, float]],
) -> tuple[dict[str, float], dict[str, float]]:
    """The lower and the upper ends of a row's intervals, each by the figures' names."""
    low, high = ({key: ends[place] for key, ends in intervals.items()} for place in (0, 1))
    return low, high


def write_json(value: Any, path: str | os.PathLike) -> None:
    """Write a value as JSON, whole or not at all; figures that are NaN or infinite, which JSON lacks, become null."""
    with written_whole(path) as part:
        part.write_text(json.dumps(_finite(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")


class _RehearsedError(Exception):
    """Ends a rehearsal of writing."""


def _check_writable(path: str | os.PathLike) -> None:
    """Raise now the OSError with which a file could not be written after a long job; what the file holds stays."""
    with suppress(_RehearsedError), written_whole(path):
        raise _RehearsedError  # else an empty file would take its place


def begun(
    path: str | os.PathLike, protocol: Mapping[str, Any], passing: Sequence[str] = ()
) -> dict[str, Any] | None:
    """What a result file holds already, so that a benchmark that was stopped goes on there.

    Args:
        path: the JSON file.
        protocol: all that was chosen for the results, which the file holds as its `protocol`.
        passing: keys of the protocol that may be another each time, such as the machine. Where both have text, it is joined.

    Returns:
        The file's content with the protocol as given, or None if there is no file.

    Raises:
        ValueError: if the file is of another protocol; names what differs. Also if it is no result file.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        before = {key: value for key, value in results["protocol"].items() if key not in passing}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is there, but holds no results to go on from: {error!r}") from error
    # As text, because a file gives lists where a protocol has tuples.
    now = {key: value for key, value in json.loads(json.dumps(protocol)).items() if key not in passing}
    changed = [
        _changed(key, before.get(key), now.get(key))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise ValueError(
            f"{path} was made with another {', '.join(changed)}: name another --out, or remove the file to begin anew"
        )
    joined = {
        key: f"{results['protocol'][key]}; {protocol[key]}"
        for key in passing
        if isinstance(protocol.get(key), str)
        and protocol[key] not in results["protocol"].get(key, protocol[key])
    }
    return results | {"protocol": {**protocol, **results["protocol"], **joined}}


def _changed(key: str, before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        inner = sorted(one for one in before.keys() | now.keys() if before.get(one) != now.get(one))
        return ", ".join(_changed(f"{key}: {one}", before.get(one), now.get(one)) for one in inner)
    return f"{key} (was {before}, now {now})"


def versions() -> dict[str, str]:
    """The versions of Python, of this package and of the libraries that decide its figures."""
    names = ("pyramidcolor", "torch", "numpy", "scipy", "scikit-image", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figures_line(title: str, figures: dict[str, float], width: int, sign: str) -> str:
    cells = [f"{figures[key]:{sign}.{digits}f}" for key, (_, digits) in COLUMNS.items()]
    return _line(title, cells, width)


def _line(name: str, cells: Iterable[str], width: int) -> str:
    return f"{name:<{width}}" + "".join(f"{cell:>12}" for cell in cells)


def _say_nothing(line: str) -> None:
    pass


def _check_at_least(lowest: int, **numbers: int | None) -> None:
    """Raise ValueError, with its name, for a number below the lowest that is allowed; None stands for no limit."""
    for name, number in numbers.items():
        if number is not None and number < lowest:
            raise ValueError(f"{name} must be at least {lowest}, got {number}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:  # what both NumPy and PyTorch take, with some thousands added
        raise ValueError(f"seed must be at least 0 and less than 2**63, got {seed}")


def _check_size(size: int, colorizer: Colorizer) -> None:
    # Stage one alone would train with other sizes too, and the first picture after it would fail.
    if size % colorizer.model.low_factor:
        raise ValueError(
            f"size must be a multiple of {colorizer.model.low_factor}, the network's low factor, got {size}"
        )


def _at_most(photos: Dataset, most: int) -> Photos:
    return evenly(as_photos(photos), most)


def _cached(sets: Sequence[Dataset], memory: int) -> list[CachedPhotos]:
    """The sets kept in memory, each in its share by how many photos it has; sets that are one and the same share one place."""
    counts = {id(photos): len(set(as_photos(photos).names)) for photos in sets}  # a copy takes no memory
    whole = max(1, sum(counts.values()))
    caches = {id(photos): CachedPhotos(photos, memory * counts[id(photos)] // whole) for photos in sets}
    return [caches[id(photos)] for photos in sets]


def _open_both(
    paths, validation_paths, config: TrainingConfig, out: Path, check: bool, progress: bool, report: Report
) -> tuple[Dataset, Dataset]:
    """The photos to train on and those to validate on, held out of the first where no others are given."""
    photos, duplicates = _open_with_duplicates(paths, "training", config, out, check, progress, report)
    if validation_paths or not paths:
        return photos, _open(validation_paths, "validation", config, out, check, progress, report)
    if len(photos) < _FEWEST_TO_SPLIT:
        report(
            f"fewer than {_FEWEST_TO_SPLIT} photos: none is held out, validation only tells how well they are remembered"
        )
        return photos, photos
    return split_photos(photos, 0.1, config.seed, duplicates)


def _open(
    paths, role: str, config: TrainingConfig, out: Path, check: bool, progress: bool, report: Report
) -> Dataset:
    return _open_with_duplicates(paths, role, config, out, check, progress, report)[0]


def _open_with_duplicates(
    paths, role: str, config: TrainingConfig, out: Path, check: bool, progress: bool, report: Report
) -> tuple[Dataset, list[list[str]]]:
    """The photos, and groups of names of equal pictures among them, as far as `check` has looked."""
    if not paths:
        seed = config.seed if role == "training" else config.seed + 1
        return SyntheticScenes(_SCENES[role], max(config.size, 32), seed), []
    photos = paths if isinstance(paths, Photos) else open_photos(*paths)
    report(f"{role}: {photos!r}")
    duplicates = []
    if check:
        broken, duplicates = find_faults(photos, progress, remember=run_folder(out) / f"broken-{role}.json")
        for photo in broken:
            report(f"left out: {photo.name}: {photo.reason}")
        if broken:
            photos = without(photos, [photo.index for photo in broken])
    return photos, duplicates


def _picture_progress(folder: Path, records: list[EpochRecord], colorizer: Colorizer, photos: Tensor) -> None:
    with written_whole(folder / "history.png") as part:
        part.write_bytes(history(records).png())
    columns = [[*colorize_by_stage(photo, colorizer).values(), photo] for photo in photos]
    strip = torch.cat([torch.cat(column, -2) for column in columns], -1)
    write_image(to_image(strip), folder / f"epoch-{len(records):03d}.png")

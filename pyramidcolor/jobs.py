"""The long jobs from paths to files: training on photos, and a table of figures. What the command line calls."""

from __future__ import annotations

import json
import math
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .batches import center_view
from .checkpoints import Colorizer, load_checkpoint, save_checkpoint
from .dataset_check import find_broken
from .datasets import open_photos
from .devices import training_device
from .evaluation import best_tint, calibrate_saturation, gray_picture, score_by_source
from .files import written_whole
from .images import to_image, write_image
from .inference import colorize_by_stage
from .metrics import interval
from .photos import CachedPhotos, Photos
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
        memory: for decoded photos, as in `photos.CachedPhotos`.
        check: whether to decode every picture once before, so that broken ones are named and left out.
        about: stored with the weights.
        progress: whether to draw progress bars.
        report: called with each line worth printing, by the first of several processes only.

    Returns:
        The network, in evaluation mode.

    Raises:
        FileNotFoundError, ValueError, OSError, TrainingDivergedError: as `datasets.open_photos` and `training.train`.
    """
    from accelerate import Accelerator

    accelerator = Accelerator()
    if not accelerator.is_main_process:  # else several processes would say everything several times
        progress, report = False, _say_nothing
    out = Path(out)
    run_folder(out).mkdir(parents=True, exist_ok=True)
    photos, held_out = _open_both(paths, validation_paths, config, out, check, progress, report)
    detail = _open(detail_paths, "detail", config, out, check, progress, report) if detail_paths else None
    photos, held_out = CachedPhotos(photos, memory), CachedPhotos(held_out, memory)
    held_out = evenly(held_out, validation_photos)
    detail = None if detail is None else CachedPhotos(detail, memory)
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
    group = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    report(
        f"training on {len(photos):,} photos, validating on {len(held_out):,}; {accelerator.device}, {run.precision}{group}"
    )
    if run.records:
        report(f"continuing after {run.records[-1].phase} epoch {run.records[-1].epoch}")
    strip = torch.stack(
        [center_view(held_out[place], config.size) for place in range(min(_STRIP_PHOTOS, len(held_out)))]
    )
    for record, colorizer in train(photos, held_out, config, out, run=run, detail_photos=detail):
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
        FileNotFoundError, ValueError, OSError: as `datasets.open_photos` and `teachers.train_teacher`.
        ModuleNotFoundError: if the packages with the large network are missing.
    """
    out = Path(out)
    run_folder(out).mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(size=64, seed=seed)
    photos, held_out = _open_both(paths, validation_paths, config, out, check, progress, report)
    held_out = evenly(held_out, validation_photos)
    report(f"teaching with {len(photos):,} photos, validating on {len(held_out):,}; {training_device()}")
    photos, held_out = CachedPhotos(photos, memory), CachedPhotos(held_out, memory)
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
        weights: weights files, or loaded networks.
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
        FileNotFoundError, ValueError, OSError: as `datasets.open_photos`, `checkpoints.load_checkpoint` and `evaluate`.
    """
    networks = {
        one.about.get("name", "network") if isinstance(one, Colorizer) else Path(one).stem: one
        for one in weights
    }
    networks = {
        name: one if isinstance(one, Colorizer) else load_checkpoint(one) for name, one in networks.items()
    }
    photos = open_photos(*paths)
    photos = photos if limit is None else evenly(photos, limit)
    tint = best_tint(photos)
    rows = {"gray": gray_picture, f"tint of {tint.hue * 360:.0f}°": tint} | networks
    report(f"{len(photos)} photos at {size} x {size}")
    counts = dict(sorted(Counter(photos.sources).items())) if by_source else {}
    if counts:
        report("of them " + ", ".join(f"{count} of {source}" for source, count in counts.items()))
    first, *others = networks or [None]
    pairs = {f"{name} - {first}": name for name in others} if intervals else {}
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
        scores, of_sources = score_by_source(
            row,
            photos,
            size=size,
            saturation=saturation,
            working_size=working_size,
            input_scales=input_scales,
            smoothing=smoothing,
            by_photo=intervals,
        )
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


def _open_both(
    paths, validation_paths, config: TrainingConfig, out: Path, check: bool, progress: bool, report: Report
) -> tuple[Dataset, Dataset]:
    """The photos to train on and those to validate on, held out of the first where no others are given."""
    photos = _open(paths, "training", config, out, check, progress, report)
    if validation_paths or not paths:
        return photos, _open(validation_paths, "validation", config, out, check, progress, report)
    if len(photos) < _FEWEST_TO_SPLIT:
        report(
            f"fewer than {_FEWEST_TO_SPLIT} photos: none is held out, validation only tells how well they are remembered"
        )
        return photos, photos
    return split_photos(photos, 0.1, config.seed)


def _open(
    paths, role: str, config: TrainingConfig, out: Path, check: bool, progress: bool, report: Report
) -> Dataset:
    if not paths:
        seed = config.seed if role == "training" else config.seed + 1
        return SyntheticScenes(_SCENES[role], max(config.size, 32), seed)
    photos = paths if isinstance(paths, Photos) else open_photos(*paths)
    report(f"{role}: {photos!r}")
    if check:
        broken = find_broken(photos, progress, remember=run_folder(out) / f"broken-{role}.json")
        for photo in broken:
            report(f"left out: {photo.name}: {photo.reason}")
        if broken:
            photos = without(photos, [photo.index for photo in broken])
    return photos


def _picture_progress(folder: Path, records: list[EpochRecord], colorizer: Colorizer, photos: Tensor) -> None:
    with written_whole(folder / "history.png") as part:
        part.write_bytes(history(records).png())
    columns = [[*colorize_by_stage(photo, colorizer).values(), photo] for photo in photos]
    strip = torch.cat([torch.cat(column, -2) for column in columns], -1)
    write_image(to_image(strip), folder / f"epoch-{len(records):03d}.png")

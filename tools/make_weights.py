#!/usr/bin/env python3
"""Train the weights that come with the package, measure them, and write their model cards.

    make weights PHOTOS=folder                         # folder/train and folder/val: pictures or tars of pictures
    python tools/make_weights.py folder --recipes best --budget gpu --repeat scenes=3

Unless told otherwise it trains networks like those that are shipped, from random weights. A run that was stopped is
continued by the same command. Its state stays in `runs/`; the weights and the card go to `pyramidcolor/pretrained/`. The card says what was run, on what, for how long, and what came out.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import shlex
import sys
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from pyramidcolor.budgets import budget
from pyramidcolor.checkpoints import load_checkpoint, save_checkpoint
from pyramidcolor.datasets import PhotoShards, open_photos
from pyramidcolor.files import written_whole
from pyramidcolor.jobs import (
    COLUMNS,
    ends_of,
    evaluate_weights,
    train_on_photos,
    train_teacher_on_photos,
    write_json,
)
from pyramidcolor.photos import JoinedPhotos, Photos
from pyramidcolor.recipes import LIKELY_HUES, PHASES, TrainingConfig, recipe
from pyramidcolor.run_state import run_folder
from pyramidcolor.splits import split_by_file, split_photos
from pyramidcolor.training import read_history

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 12_000_000  # bytes; a file that travels with every clone
HELD_OUT = 0.05  # share of the training photos
WIDER = 1.9  # the shipped networks' layers, beside the recipes', which also serve short trainings
LESS = {"best": {9: 16}}
"""How many channels less than that come out of a convolution, by its place: they pay for the bins of hue, so that `best` has no more
numbers than `paper`. Still a multiple of 16, which processors compute fastest."""

STAGE_ONE = {"best": {"input_factor": 2, **LIKELY_HUES}}
"""In what the shipped networks' stage one differs from the recipe's, apart from its widths."""

SHIPPED = {
    "best": {
        "contrast": 0.25,
        "weigh_by_value": True,
        "rebalance": 0.6,
        "rebalancing": "power",
        "smoothing": 4,
    }
}
"""In what else they, and the training of their stage one, differ."""


def open_training(folder: Path, repeat: dict[str, int], detail: list[str]) -> tuple[Photos, Photos, Photos]:
    """The photos of `folder/train`, those of them with fine detail, and others held out, which choose epochs and the gain.

    The photos of `folder/val` choose nothing, so that the card's figures are of photos apart.

    Args:
        folder: holds `train`, tars or pictures.
        repeat: how many times tars count whose names begin with a word.
        detail: words with which the names of tars begin that hold the photos for the phases after stage one; none for all.

    Raises:
        ValueError: if a word begins no tar's name.
    """
    train = folder / "train"
    tars = sorted(train.glob("*.tar"))
    for word in (*repeat, *detail):
        if not any(tar.name.startswith(word) for tar in tars):
            raise ValueError(f"no tar in {train} begins with {word}")
    if not tars:
        photos, held_out = split_photos(open_photos(train), HELD_OUT)
        return photos, photos, held_out
    parts, fine = [], []
    for tar in tars:
        part = split_by_file(PhotoShards([tar]), HELD_OUT)  # photos of one source are many, and not alike
        times = next((times for word, times in repeat.items() if tar.name.startswith(word)), 1)
        parts.append((*part, times))
        if not detail or tar.name.startswith(tuple(detail)):
            fine.append(part)
    photos = JoinedPhotos([photos for photos, _, _ in parts], [times for _, _, times in parts])
    return photos, *(JoinedPhotos(sets) for sets in zip(*fine, strict=True))


def arguments() -> argparse.ArgumentParser:
    """What the command line knows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="a folder with train and val")
    parser.add_argument("--recipes", nargs="+", default=["paper", "best"])
    parser.add_argument("--budget", default="gpu")
    parser.add_argument("--epochs", type=int, nargs=3)
    parser.add_argument("--epoch-photos", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--patience", type=int, help="at least the epochs, for a cycle that runs to its end")
    parser.add_argument("--learning-rates", type=float, nargs=3)
    parser.add_argument("--phases", nargs="+", default=list(PHASES), choices=PHASES)
    parser.add_argument("--start", help="weights to go on with")
    parser.add_argument(
        "--teacher",
        type=float,
        default=0.8,
        metavar="SHARE",
        help="share of stage one's loss, where hue is a point, that is the distance to the answers of a teacher, which is made of the "
        "same photos first, with seed 0, so that it serves runs with other seeds, too (default: %(default)s; 0 for none)",
    )
    parser.add_argument("--teacher-epochs", type=int, default=3)
    parser.add_argument(
        "--teacher-photos", type=int, help="photos that an epoch of the teacher visits; all if not given"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another one when going on, else the same views come again"
    )
    parser.add_argument(
        "--repeat", nargs="*", default=[], metavar="WORD=N", help="count tars named WORD* N times"
    )
    parser.add_argument(
        "--detail", nargs="*", default=[], metavar="WORD", help="tars for the phases after stage one"
    )
    parser.add_argument(
        "--wider",
        type=float,
        default=WIDER,
        help="how many times wider stage one's layers are than the recipe's (default: %(default)s)",
    )
    parser.add_argument(
        "--change",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="other arguments of TrainingConfig, as JSON: rebalance=0.8 weigh_by_value=true",
    )
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs", help="where the state of the runs is kept"
    )
    parser.add_argument(
        "--train-only",
        action="store_true",
        help="measure and publish later, by the same command without this",
    )
    parser.add_argument("--memory", default="6 GiB")
    parser.add_argument("--before", default="", help="for the card: what was trained before --start, and how")
    parser.add_argument("--data", default="", help="for the card: what the photos are, and on what terms")
    return parser


def main() -> None:
    """Train, measure and write each recipe that was asked for."""
    parser = arguments()
    args = parser.parse_args()
    try:
        repeat = read_repeats(args.repeat)
        other_changes = read_changes(args.change)
    except ValueError as error:
        parser.error(str(error))
    photos, detail, held_out = open_training(args.photos, repeat, args.detail)
    configs = {name: configure(name, args, other_changes) for name in args.recipes}
    teacher = args.runs / "teacher.safetensors"
    if any(config.teacher_share for config in configs.values()):
        train_teacher_on_photos(
            photos,
            teacher,
            validation_paths=held_out,
            epochs=args.teacher_epochs,
            epoch_photos=args.teacher_photos,
            memory=args.memory,
            check=False,
            report=lambda line: print(line, flush=True),
        )
    for name, config in configs.items():
        out = args.runs / f"{name}.safetensors"
        run_folder(out).mkdir(parents=True, exist_ok=True)
        machine = run_folder(out) / "machine.txt"
        if not machine.exists():  # a run may be measured on another one
            with written_whole(machine) as part:
                part.write_text(f"{hardware()}; torch {torch.__version__}", encoding="utf-8")
        train_on_photos(
            photos,
            out,
            config,
            validation_paths=held_out,
            detail_paths=detail,
            start=args.start,
            teacher=teacher if config.teacher_share else None,
            memory=args.memory,
            check=False,
            about={"name": name},
            report=lambda line: print(line, flush=True),
        )
        if not args.train_only:
            publish(name, out, config, args, machine.read_text(encoding="utf-8"))


def configure(name: str, args: argparse.Namespace, other_changes: dict[str, Any]) -> TrainingConfig:
    """What a recipe's network is trained with: as the shipped one was, where the command line says nothing else."""
    plain = recipe(name)
    asked = {
        key: tuple(value) if isinstance(value, list) else value
        for key in ("epochs", "epoch_photos", "size", "batch_size", "patience", "learning_rates", "seed")
        if (value := getattr(args, key)) is not None
    }
    learns = "stage-one" in args.phases and plain.color_space == "hsv-point"
    return replace(
        plain,
        phases=tuple(args.phases),
        **{
            "low_scale_net": wider(plain.low_scale_net, args.wider, LESS.get(name, {}))
            | STAGE_ONE.get(name, {}),
            "teacher_share": args.teacher if learns else 0.0,
            **SHIPPED.get(name, {}),
            **budget(args.budget).training(),
            **asked,
            **other_changes,
        },
    )


def read_repeats(pairs: list[str]) -> dict[str, int]:
    """How many times tars count, by the word that begins their names, from words such as `scenes=3`; ValueError names one that is none."""
    repeats = {}
    for pair in pairs:
        word, _, times = pair.partition("=")
        if not word or not times.isdecimal() or int(times) < 1:
            raise ValueError(
                f"--repeat {pair}: write WORD=N with a whole number of at least 1, such as scenes=3"
            )
        repeats[word] = int(times)
    return repeats


def read_changes(pairs: list[str]) -> dict[str, Any]:
    """Arguments of `TrainingConfig` from words such as `rebalance=0.8`; ValueError names a word that is none."""
    changes = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in {field.name for field in fields(TrainingConfig)}:
            raise ValueError(f"--change {pair}: TrainingConfig has no argument {name!r}")
        try:
            changes[name] = json.loads(value)
        except ValueError:
            raise ValueError(
                f"--change {pair}: write NAME=VALUE with a value in JSON, such as 0.8 or true"
            ) from None
    return changes


def wider(low_scale_net: dict[str, Any], factor: float, less: dict[int, int]) -> dict[str, Any]:
    """Arguments of a stage one whose layers are so many times wider, in steps of 8 channels; less `less` channels, by the layer's place."""
    widths = [max(8, 8 * round(width * factor / 8)) for width in low_scale_net["widths"]]
    return low_scale_net | {
        "widths": tuple(max(8, width - less.get(place, 0)) for place, width in enumerate(widths))
    }


def publish(name: str, out: Path, config: TrainingConfig, args: argparse.Namespace, machine: str) -> None:
    """Write finished weights, rounded to half precision, into the package, measure them there, and write their card."""
    folder = ROOT / "pyramidcolor" / "pretrained"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_checkpoint(load_checkpoint(out), path, half=True)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, and {LARGEST:,} are the most")
    colorizer = load_checkpoint(path)
    measured = [colorizer]
    # What the other looks, the smoothing and the agreement are worth.
    for words, plain in (("one look", {"input_scales": (1.0,)}), ("not smoothed", {"smoothing": 0})):
        if any(getattr(colorizer, key) != value for key, value in plain.items()):
            measured.append(replace(colorizer, about=colorizer.about | {"name": f"{name}, {words}"}, **plain))
    if colorizer.model.low_scale_net.agreement:
        alone = copy.deepcopy(colorizer.model)
        alone.low_scale_net.agreement = 0.0
        about = colorizer.about | {"name": f"{name}, no agreement"}
        measured.append(replace(colorizer, about=about, model=alone))
    validation = args.photos / "val"
    found = evaluate_weights(
        measured, [validation], by_source=True, intervals=True, report=lambda line: print(line, flush=True)
    )
    counts = Counter(open_photos(validation).sources)
    records = read_history(out)
    parameters = sum(weight.numel() for weight in colorizer.model.parameters())
    seen = sum(round(record.photos_per_second * record.seconds) for record in records)
    minutes = sum(record.seconds for record in records) / 60
    words = [
        Path(sys.argv[0]).name,
        *("PHOTOS" if word == str(args.photos) else word for word in sys.argv[1:]),
    ]
    by_source = {f"{source} ({counts[source]})": figures for source, figures in found.by_source[name].items()}
    low, high = ends_of(found.intervals[name])
    lines = [
        f"# Model card: `{name}`",
        "",
        f"{parameters:,} parameters, color space `{colorizer.color_space.name}`, {path.stat().st_size:,} bytes.",
        "",
        f"- **Command**: `python tools/{shlex.join(without(words, '--before', '--data', '--runs'))}`",
        *([f"- **Before**: {args.before}"] if args.before else []),
        f"- **Photos**: {args.data or 'not said'}",
        f"- **Seed** {config.seed}; {seen:,} photos seen in {len(records)} epochs, {minutes:.0f} minutes of training",
        f"- **Machine**: {machine}",
        "",
        f"Figures on {args.photos.name}/val at 256 x 256, by `python -m pyramidcolor evaluate`:",
        "",
        *table(found.figures | {f"{name}, 95 % from": low, f"{name}, 95 % to": high}),
        "",
        "Between the last two rows lie 95 % of the figures on photos drawn anew from these, by the same command with `--intervals`.",
        "",
        "By source, how many photos in brackets; the same command with `--by-source`:",
        "",
        *table(by_source),
    ]
    notes = folder / f"{name}-notes.md"
    lines += ["", notes.read_text(encoding="utf-8").strip() if notes.exists() else "Looked at: not yet."]
    with written_whole(folder / f"{name}.md") as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(found.figures, folder / f"{name}.json")


def table(rows: dict[str, dict[str, float]]) -> list[str]:
    """Figures as lines of Markdown, one for each row."""
    lines = [
        "| | " + " | ".join(title for title, _ in COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for row, figures in rows.items():
        cells = (f"{figures[key]:.{digits}f}" for key, (_, digits) in COLUMNS.items())
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines


def without(words: list[str], *options: str) -> list[str]:
    """A command without some options that take one value each."""
    return [
        word for place, word in enumerate(words) if word not in options and words[place - 1] not in options
    ]


def hardware() -> str:
    """The GPU's name, or the processor's kind and how many threads were used."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()

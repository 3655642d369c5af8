"""Does the paper's "1/16" mean the side or the area? Stage one by both readings, of the same widths, over seeds.

    python benchmarks/scale_readings.py [PHOTOS ...] [--validation PHOTOS ...] [--size 256] [--seeds 3] [--out FILE.json]

Without photos it draws scenes. Both see the same photos as often. By area, stage one computes on a grid of 16 times as many cells; what
that costs is counted in multiplications, not timed. Only stage one is trained, since there the readings differ: its chroma is enlarged and
joined with the gray. A run that is already in the result file is not repeated, so a stopped command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from pyramidcolor.datasets import open_photos
from pyramidcolor.devices import choose_precision, training_device
from pyramidcolor.evaluation import evaluate
from pyramidcolor.inference import colorize_by_stage
from pyramidcolor.jobs import write_json
from pyramidcolor.models import LowScaleNet
from pyramidcolor.photos import CachedPhotos
from pyramidcolor.recipes import TrainingConfig, recipe
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.splits import split_photos
from pyramidcolor.training import train

BATCH = 32  # photos a step; an epoch takes whole batches only

MEASURES = [
    "hue_error_degrees",
    "balanced_hue_error_degrees",
    "saturation_ratio",
    "colorfulness_ratio",
    "chroma_error",
]


def network(reading: str, width: int) -> dict:
    """The recipes' stage one at another width, by one reading."""
    return recipe("paper").low_scale_net | {"scales": reading, "widths": (width // 2, *(width,) * 10)}


def multiplications(reading: str, width: int, size: int) -> int:
    """How many multiplications stage one does for one photo of size x size pixels."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        LowScaleNet(**network(reading, width)).eval()(torch.zeros(1, 1, size, size))
    return counter.get_total_flops() // 2  # it counts a multiplication and its addition as two


def config_for(reading: str, args: argparse.Namespace, seed: int) -> TrainingConfig:
    """Hue as a point, weighed by saturation; all but the scales is the same."""
    return TrainingConfig(
        color_space="hsv-point",
        low_scale_net=network(reading, args.width),
        pyramid_net={"scales": reading},
        phases=("stage-one",),
        epochs=(args.epochs, 1, 1),
        epoch_photos=args.epoch_photos,
        batch_size=BATCH,
        size=args.size,
        weigh_by_saturation=True,
        hue_factor=3.0,
        seed=seed,
    )


def run(photos, held_out, config: TrainingConfig) -> dict[str, float]:
    """The figures of one trained network."""
    *_, (record, colorizer) = train(photos, held_out, config)

    def stage_one(rgb):
        return colorize_by_stage(rgb, colorizer)["stage one"]

    figures = evaluate(stage_one, held_out, size=config.size, measures=MEASURES)
    return {"epochs": record.epoch} | {name: figures[name] for name in MEASURES}


def main() -> None:
    """Train, measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--validation", nargs="+", default=[])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--epoch-photos", type=int, default=1600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory", default="2 GiB")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale_readings.json"))
    args = parser.parse_args()
    if args.photos and args.validation:
        photos, held_out = open_photos(*args.photos), open_photos(*args.validation)
    elif args.photos:
        photos, held_out = split_photos(open_photos(*args.photos), 0.1)
    else:
        photos, held_out = SyntheticScenes(4000, args.size), SyntheticScenes(200, args.size, seed=1)
    photos, held_out = CachedPhotos(photos, args.memory), CachedPhotos(held_out, "1 GiB")
    work = {reading: multiplications(reading, args.width, args.size) for reading in ("side", "area")}
    setting = {
        "photos": f"{len(photos)} from {len(set(photos.sources))} sources" if args.photos else "drawn scenes",
        "validation": len(held_out),
        "multiplications a photo": work,
        **{name: getattr(args, name) for name in ("size", "width", "epochs", "epoch_photos")},
        "precision": choose_precision("auto", training_device()),
        "torch": torch.__version__,
    }
    rows = stored_rows(args.out, setting)
    for reading in work:
        for seed in range(args.seeds):
            if any((row["reading"], row["seed"]) == (reading, seed) for row in rows):
                continue
            rows.append(
                {"reading": reading, "seed": seed} | run(photos, held_out, config_for(reading, args, seed))
            )
            write_json(setting | {"rows": rows}, args.out)
            print(rows[-1], flush=True)
    print("\n" + table(rows, setting))


def stored_rows(path: Path, setting: dict) -> list[dict]:
    """The finished runs in a result file of the same setting; ValueError for another setting's, which would be mixed in."""
    if not path.exists():
        return []
    stored = json.loads(path.read_text(encoding="utf-8"))
    rows = stored.pop("rows")
    if stored != setting:
        raise ValueError(f"{path} holds runs of another setting; name another file with --out, or move it")
    return rows


def table(rows: list[dict], setting: dict) -> str:
    """Mean, lowest and highest of every measure, a line a row of the plan, as Markdown."""
    lines = [
        f"{setting['validation']} pictures ({setting['photos']} to train) at {setting['size']} x {setting['size']}: "
        "mean (lowest to highest)",
        "",
        "| reading | multiplications a photo | photos seen | seeds | " + " | ".join(MEASURES) + " |",
        "|---" * (len(MEASURES) + 4) + "|",
    ]
    seen = setting["epochs"] * (setting["epoch_photos"] // BATCH * BATCH)
    for reading, work in setting["multiplications a photo"].items():
        chosen = [row for row in rows if row["reading"] == reading]
        spans = ([row[measure] for row in chosen] for measure in MEASURES)
        cells = [f"{statistics.mean(span):.2f} ({min(span):.2f} to {max(span):.2f})" for span in spans]
        lines.append(
            f"| {reading} | {work / 1e6:.0f} million | {seen} | {len(chosen)} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

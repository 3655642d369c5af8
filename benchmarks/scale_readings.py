"""Does the paper's "1/16" mean the side or the area? Both readings, of the same widths, over seeds.

    python benchmarks/scale_readings.py [PHOTOS ...] [--validation PHOTOS ...] [--size 128] [--seeds 2] [--out FILE.json]

Without photos it draws scenes. By area, stage one computes on a grid of 16 times as many cells, so both comparisons are made:
after the same number of photos ("area"), and with a quarter of the epochs in stage one ("area, same time"). The quarter is a guess
at equal time, not a measurement: compare the seconds, which are of whole runs. Networks
are narrow, so that a run takes minutes on one core: the table says which reading does better at that size and budget, not how
good either can become. Seconds are of one run on one machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from pyramidcolor.datasets import open_photos
from pyramidcolor.evaluation import evaluate
from pyramidcolor.jobs import write_json
from pyramidcolor.photos import CachedPhotos
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.splits import split_photos
from pyramidcolor.training import train

READINGS = {"side": ("side", (8, 3, 1)), "area": ("area", (8, 3, 1)), "area, same time": ("area", (2, 3, 1))}
"""For each row the reading and the epochs of the three phases."""

MEASURES = [
    "hue_error_degrees",
    "balanced_hue_error_degrees",
    "saturation_ratio",
    "colorfulness_ratio",
    "chroma_error",
]


def config_for(
    reading: str, epochs: tuple[int, int, int], space: str, size: int, seed: int
) -> TrainingConfig:
    """The same widths and photos for both readings; only the scales differ."""
    low = {"scales": reading, "norm": True, "widths": (16, *(32,) * 10), "input_factor": 4}
    return TrainingConfig(
        color_space=space,
        low_scale_net=low,
        pyramid_net={"scales": reading, "norm": True, "low_width": 24, "middle_width": 24, "depth": 2},
        epochs=epochs,
        epoch_photos=1600,
        size=size,
        weigh_by_saturation=True,
        hue_factor=3.0,
        seed=seed,
    )


def main() -> None:
    """Train, measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--validation", nargs="+", default=[])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--spaces", nargs="+", default=["hsv-point"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scale_readings.json"))
    args = parser.parse_args()
    if args.photos and args.validation:
        photos, held_out = open_photos(*args.photos), open_photos(*args.validation)
    elif args.photos:
        photos, held_out = split_photos(open_photos(*args.photos), 0.1)
    else:
        photos, held_out = SyntheticScenes(4000, args.size), SyntheticScenes(200, args.size, seed=1)
    photos, held_out = CachedPhotos(photos, "2 GiB"), CachedPhotos(held_out, "1 GiB")
    source = f"{len(set(held_out.sources))} sources of photos" if args.photos else "drawn scenes"
    rows = []
    for space in args.spaces:
        for reading, (scales, epochs) in READINGS.items():
            for seed in range(args.seeds):
                started = time.perf_counter()
                *_, (_, colorizer) = train(
                    photos, held_out, config_for(scales, epochs, space, args.size, seed)
                )
                figures = evaluate(
                    colorizer, held_out, size=args.size, working_size=args.size, measures=MEASURES
                )
                rows.append(
                    {
                        "space": space,
                        "reading": reading,
                        "seed": seed,
                        "seconds": time.perf_counter() - started,
                    }
                )
                rows[-1] |= {name: figures[name] for name in MEASURES}
                print(rows[-1], flush=True)
    print(
        f"\n{len(held_out)} pictures of {source} at {args.size} x {args.size}, {args.seeds} seeds: mean (lowest to highest)"
    )
    for space in args.spaces:
        for reading in READINGS:
            chosen = [row for row in rows if (row["space"], row["reading"]) == (space, reading)]
            spans = {name: [row[name] for row in chosen] for name in ("seconds", *MEASURES)}
            cells = (
                f"{name} {statistics.mean(v):.2f} ({min(v):.2f} to {max(v):.2f})" for name, v in spans.items()
            )
            print(f"{space}, 1/16 of the {reading}: " + ", ".join(cells))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    setting = {
        "photos": source,
        "validation": len(held_out),
        "size": args.size,
        "torch": torch.__version__,
    }
    write_json(setting | {"rows": rows}, args.out)


if __name__ == "__main__":
    main()

"""The paper's Fig. 5 in numbers: one network trained in several color spaces, over seeds, on photos.

    python benchmarks/color_spaces.py [PHOTOS ...] [--validation PHOTOS ...] [--seeds 3] [--out FILE.json]

Without photos it draws scenes. Only stage one is trained, since it decides the colors; only the color space differs between rows.
`lab-polar` and `hsv-point` are not the paper's: Lab told as angle and strength, and HSV with its hue as a point. Beside them stand
the gray picture and the best tint of the validation photos. Every network is measured twice: as it predicts (`rows`), and with
its chroma multiplied by the gain at which it is as vivid as the measured photos themselves (`vivid_rows`), which no one could know
beforehand: that asks who errs least at equal saturation.

The file is written after every run, with all that was chosen. A run that was stopped goes on: finished rows are kept, and a
file of another protocol is refused. Networks are small, so that a run takes minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

import torch

from pyramidcolor.batches import center_view
from pyramidcolor.datasets import open_photos
from pyramidcolor.devices import has_fast_bf16
from pyramidcolor.evaluation import best_tint, evaluate, gray_picture
from pyramidcolor.images import SAMPLE_PHOTOS, sample_photo
from pyramidcolor.jobs import begun, versions, write_json
from pyramidcolor.metrics import HUE_FAMILIES
from pyramidcolor.photos import CachedPhotos
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.space_comparison import MEASURES, matching_gain, paint, spread_table, stage_one_chroma
from pyramidcolor.splits import evenly, split_photos
from pyramidcolor.training import train

SPACES = ("hsv", "lab", "yuv", "lab-polar", "hsv-point")
PAPERS = SPACES[:3]
FIGURES = [*MEASURES, "chroma_error", *(f"hue_error_degrees_{family}" for family in HUE_FAMILIES)]
TUNING_PHOTOS = 128  # held out of the training photos to choose an epoch by; not the photos that are measured


def config_for(space: str, seed: int, size: int, epochs: int, epoch_photos: int) -> TrainingConfig:
    """The same network, photos and steps for every space: sees a copy with sides of a quarter, and answers at 1/16 of the side."""
    return TrainingConfig(
        color_space=space,
        low_scale_net={
            "scales": "side",
            "widths": (16, *(32,) * 10),
            "input_factor": 4,
            "dilations": (1, 1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1),
            "norm": True,
        },
        pyramid_net={"scales": "side"},
        phases=("stage-one",),
        epochs=(epochs, 1, 1),
        patience=epochs,
        epoch_photos=epoch_photos,
        batch_size=16,  # more steps for the same photos: a small network that trains briefly needs them
        learning_rates=(2e-3,) * 3,
        size=size,
        precision="fp32",
        seed=seed,
    )


def protocol_of(args: argparse.Namespace, photos, tuning, measured) -> dict:
    """All that was chosen, and what it ran on."""
    config = asdict(config_for(SPACES[0], 0, args.size, args.epochs, args.epoch_photos))
    processor = "with" if has_fast_bf16(torch.device("cpu")) else "without"
    return {
        "training_photos": len(photos),
        "tuning_photos": len(tuning),
        "measured_photos": len(measured),
        "sources": [len(set(one.sources)) for one in (photos, measured)] if args.photos else "drawn scenes",
        "views": "random squares for training, middle squares for measuring",
        "config": {key: value for key, value in config.items() if key not in ("color_space", "seed")},
        "photos_seen": args.epochs * args.epoch_photos,
        "versions": versions(),
        "machine": f"{platform.machine()} CPU {processor} fast bf16, {torch.get_num_threads()} threads",
    }


def run(space: str, seed: int, args: argparse.Namespace, photos, tuning, measured) -> tuple[dict, dict, dict]:
    """Train and measure one network: its row, its row at the matching gain, and its chroma for the sample photos."""
    started = time.perf_counter()
    config = config_for(space, seed, args.size, args.epochs, args.epoch_photos)
    for record, colorizer in train(photos, tuning, config):  # noqa: B007
        print(f"{space}, seed {seed}: {record}", flush=True)
    seconds = time.perf_counter() - started
    gain = matching_gain(colorizer, measured, args.size)
    rows = [
        {"space": space, "seed": seed, "gain": one, "training_seconds": seconds}
        | evaluate(partial(paint, colorizer=colorizer, gain=one), measured, size=args.size, measures=FIGURES)
        for one in (1.0, gain)
    ]
    print(rows[0], flush=True)
    squares = {name: center_view(sample_photo(name), args.size) for name in SAMPLE_PHOTOS}
    chroma = {name: stage_one_chroma(square, colorizer) for name, square in squares.items()}
    return *rows, {
        name: [[[round(x, 3) for x in row] for row in c] for c in one.tolist()]
        for name, one in chroma.items()
    }


def main() -> None:
    """Train and measure what is not in the file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--validation", nargs="+", default=[], help="photos to measure on")
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=SPACES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--size", type=int, default=128, help="side of the photos in pixels (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--epoch-photos", type=int, default=1600)
    parser.add_argument(
        "--limit", type=int, default=100, help="photos to measure on at most (default: %(default)s)"
    )
    parser.add_argument("--memory", default="2 GiB", help="for decoded photos (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/color_spaces.json"))
    args = parser.parse_args()
    if bool(args.photos) != bool(args.validation):
        parser.error("name photos to train on and, with --validation, others to measure on; or none of both")
    if args.photos:
        every, measured = open_photos(*args.photos), open_photos(*args.validation)
        photos, tuning = split_photos(every, min(0.1, TUNING_PHOTOS / len(every)))
    else:
        photos, tuning, measured = (
            SyntheticScenes(count, args.size, seed=seed)
            for seed, count in enumerate((4000, TUNING_PHOTOS, 100))
        )
    photos = CachedPhotos(photos, args.memory)
    tuning, measured = CachedPhotos(tuning, "1 GiB"), CachedPhotos(measured, "1 GiB")
    measured = evenly(measured, args.limit)
    protocol = protocol_of(args, photos, tuning, measured)
    try:  # the machine may be another one each time
        results = begun(args.out, protocol, passing=("machine", "tint"))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    results = results or {"protocol": protocol, "rows": [], "vivid_rows": [], "chroma": {}}
    if not results["rows"]:
        tint = best_tint(measured, args.size)
        for name, function in {"gray": gray_picture, "tint": tint}.items():
            figures = evaluate(function, measured, size=args.size, measures=FIGURES)
            results["rows"].append({"space": name, "seed": None} | figures)
        results["protocol"]["tint"] = {"hue_degrees": round(360 * tint.hue), "saturation": tint.saturation}
    # The paper's spaces over all seeds first: a run that is stopped early then still answers its question.
    order = sorted(product(args.spaces, range(args.seeds)), key=lambda one: (one[0] not in PAPERS, one[1]))
    for space, seed in order:
        if any((row["space"], row["seed"]) == (space, seed) for row in results["rows"]):
            continue
        row, vivid, chroma = run(space, seed, args, photos, tuning, measured)
        results["rows"].append(row)
        results["vivid_rows"].append(vivid)
        results["chroma"].setdefault(space, chroma)  # the first seed's
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(results, args.out)
    names = ("gray", "tint", *args.spaces)
    print(f"\n{len(measured)} photos, {args.seeds} seeds: mean (lowest–highest)")
    print(spread_table(results["rows"], names))
    print("\nthe same, each as vivid as the photos")
    print(spread_table(results["vivid_rows"], args.spaces))


if __name__ == "__main__":
    main()

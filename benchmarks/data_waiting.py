"""How long does a training step wait for photos? The share of an epoch's seconds, in each phase.

    python benchmarks/data_waiting.py [PHOTOS ...] [--memory "4 GiB"] [--out benchmarks/results/data_waiting.json]

Without photos it draws scenes. Two epochs of each phase: in the first every photo is decoded, from the second on it comes from
the cache. The goal is under 5 %.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from pyramidcolor.datasets import open_photos
from pyramidcolor.devices import has_fast_bf16
from pyramidcolor.jobs import write_json
from pyramidcolor.photos import CachedPhotos, PhotoSubset
from pyramidcolor.recipes import BEST
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.training import Run, train


def main() -> None:
    """Train two short epochs of each phase and print how long each waited."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--memory", default="4 GiB")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epoch-photos", type=int, default=640)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/data_waiting.json"))
    args = parser.parse_args()
    photos = open_photos(*args.photos) if args.photos else SyntheticScenes(args.epoch_photos + 16, args.size)
    photos = CachedPhotos(photos, args.memory)
    held_out = PhotoSubset(photos, range(16))
    seen = PhotoSubset(photos, range(16, 16 + args.epoch_photos))
    config = replace(BEST, size=args.size, epochs=(2, 2, 2), epoch_photos=args.epoch_photos)
    run = Run(config)
    print(
        f"{photos!r}; {run.accelerator.device}, {run.precision}, fast bf16: {has_fast_bf16(run.accelerator.device)}"
    )
    records = []
    for record, _ in train(seen, held_out, config, run=run):
        records.append(record)
        print(record, flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json([asdict(record) for record in records], args.out)


if __name__ == "__main__":
    main()

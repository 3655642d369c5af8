"""Training: a step against plain fp32, the wait for photos, the time of an import, and how epochs grow with photos."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import Row, Sizes, has_amx, interleaved, picture, ratio, times

from pyramidcolor.datasets import open_photos
from pyramidcolor.devices import has_fast_bf16
from pyramidcolor.photos import CachedPhotos, Photos, PhotoSubset
from pyramidcolor.recipes import BEST, PHASES, TrainingConfig
from pyramidcolor.speed import VARIANTS, training_step
from pyramidcolor.training import train


def rows(sizes: Sizes) -> list[Row]:
    """The rows of this subject, growth apart."""
    return steps(sizes) + waiting(sizes, torch.device("cpu")) + imports(sizes)


def view_config(sizes: Sizes, phase: str) -> TrainingConfig:
    """The recipe at the size of this phase's views: stage one alone sees small ones."""
    factor = BEST.low_scale_net.get("input_factor", 4) if phase == "stage-one" else 1
    return replace(BEST, size=max(16, sizes.training_side // factor))


def steps(sizes: Sizes) -> list[Row]:
    """A step of every phase as training does it here, against fp32 in the contiguous format."""
    cpu = torch.device("cpu")
    used = VARIANTS[2] if has_fast_bf16(cpu) else VARIANTS[1]
    goal = 3.0 if has_amx() else 2.0 if has_fast_bf16(cpu) else 1.0
    found = []
    for phase in PHASES:
        calls = {
            variant.name: training_step(
                view_config(sizes, phase), variant, cpu, batch_size=sizes.training_batch, phase=phase
            )
            for variant in (used, VARIANTS[0])
        }
        measured = interleaved(calls, sizes.rounds)
        found.append(
            Row(
                f"training step, {phase}, {sizes.training_batch} of {sizes.training_side}x{sizes.training_side}, {used.name}",
                f"{VARIANTS[0].name}: times faster",
                ratio(measured, VARIANTS[0].name, used.name),
                goal,
                seconds=measured,
            )
        )
    return found


def waiting(sizes: Sizes, device: torch.device) -> list[Row]:
    """The largest share of an epoch's time in which the network waited for photos, over all phases."""
    with tempfile.TemporaryDirectory() as folder:
        photos = photo_files(Path(folder), sizes.epoch_photos + 16, 2 * sizes.training_side)
        config = replace(
            BEST,
            size=sizes.training_side,
            epochs=(2, 2, 2),
            epoch_photos=sizes.epoch_photos,
            batch_size=min(sizes.training_batch, sizes.epoch_photos),
        )
        records = [record for record, _ in train(*halves(photos, sizes.epoch_photos), config)]
    shares = ", ".join(f"{record.phase} {record.waiting:.1%}" for record in records)
    row = Row(
        f"waiting for photos while training at {sizes.training_side}x{sizes.training_side} on the {device.type}",
        "the step's time: share",
        100 * max(record.waiting for record in records),
        5,
        at_most=True,
        unit=" %",
        note=f"JPEG files, decoded in each phase's first epoch; {shares}",
    )
    return [row]


def photo_files(folder: Path, count: int, side: int) -> Photos:
    """A data set of JPEG files, cut from scikit-image's photos."""
    source, rng = picture((1200, 1600)), np.random.default_rng(0)
    for number in range(count):
        y, x = rng.integers(0, source.shape[0] - side), rng.integers(0, source.shape[1] - side)
        Image.fromarray(source[y : y + side, x : x + side]).save(folder / f"{number:04}.jpg", quality=90)
    return CachedPhotos(open_photos(folder), "1 GiB")


def halves(photos: Photos, count: int) -> tuple[Photos, Photos]:
    """The first `count` photos to train on, and the rest to validate with."""
    return PhotoSubset(photos, range(count)), PhotoSubset(photos, range(count, len(photos)))


def imports(sizes: Sizes) -> list[Row]:
    """The time of the imports, each in a new process, in turns."""
    lines = {
        "torch": "import torch",
        "package": "import pyramidcolor",
        "colorize": "from pyramidcolor import colorize",
    }
    found: dict[str, list[float]] = {name: [] for name in lines}
    for number in range(1 + max(1, sizes.rounds - 2)):
        for name, line in lines.items():
            code = f"import time; started = time.perf_counter(); {line}; print(time.perf_counter() - started)"
            seconds = float(
                subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
            )
            if number:  # the first round reads the files from the disk
                found[name].append(seconds)
    measured = {name: times(seconds) for name, seconds in found.items()}
    return [
        Row(
            f"`{lines[name]}`",
            "`import torch`: times as long",
            ratio(measured, name, "torch"),
            1.15,
            at_most=True,
            seconds=measured,
        )
        for name in ("package", "colorize")
    ]


def growth(sizes: Sizes) -> dict[str, list[float]]:
    """Photos of an epoch and the seconds that it takes: stage two, after an epoch in which they were decoded."""
    with tempfile.TemporaryDirectory() as folder:
        most = max(sizes.growth_photos)
        photos = photo_files(Path(folder), most + 4, sizes.training_side)
        seconds = []
        for count in sizes.growth_photos:
            config = replace(
                BEST,
                size=sizes.training_side,
                phases=("stage-two",),
                epochs=(1, 3, 1),
                epoch_photos=count,
                batch_size=min(sizes.training_batch, min(sizes.growth_photos)),
                calibrate=False,
            )
            records = [record for record, _ in train(*halves(photos, most), config)]
            seconds.append(times([record.seconds for record in records[1:]]).median)
    return {"photos": [float(count) for count in sizes.growth_photos], "seconds": seconds}

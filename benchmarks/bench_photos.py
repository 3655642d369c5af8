"""Whole photos: file to file, memory, very large ones, folders, and how time grows with pixels."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from bench_colors import megapixels
from PIL import Image
from timing import Row, Sizes, Times, interleaved, picture, ratio, times, write_jpeg

from pyramidcolor.checkpoints import load_pretrained
from pyramidcolor.images import write_image
from pyramidcolor.inference import colorize, colorize_files

GIB = 2**30


def rows(sizes: Sizes) -> list[Row]:
    """The rows of this subject, growth apart."""
    with tempfile.TemporaryDirectory() as folder:
        return (
            file_to_file(sizes, Path(folder)) + very_large(sizes, Path(folder)) + album(sizes, Path(folder))
        )


def file_to_file(sizes: Sizes, folder: Path) -> list[Row]:
    """One large JPEG: its time against decoding and encoding it, its memory against the decoded float picture."""
    source, target, network = (
        write_jpeg(folder / "photo.jpg", sizes.photo),
        folder / "color.jpg",
        load_pretrained(),
    )

    def decode_and_encode() -> None:
        with Image.open(source) as image:
            image.load()
            image.save(target, quality=95, subsampling=0)

    measured = interleaved(
        {
            "colorize": lambda: write_image(colorize(source, network), target),
            "decode and encode": decode_and_encode,
        },
        sizes.rounds,
    )
    name = f"`colorize` of a JPEG of {megapixels(sizes.photo)}, file to file"
    float_picture = 12 * sizes.photo[0] * sizes.photo[1]
    memory = peak_memory(source, target)
    return [
        Row(
            name,
            "decoding and encoding the file: times as long",
            ratio(measured, "colorize", "decode and encode"),
            2.5,
            at_most=True,
            seconds=measured,
        ),
        Row(
            "peak memory of that",
            "the decoded float picture: times as much",
            None if memory is None else memory / float_picture,
            3,
            at_most=True,
            note=_NO_MEMORY if memory is None else f"{memory / 2**20:.0f} MiB above what the imports took",
        ),
    ]


def very_large(sizes: Sizes, folder: Path) -> list[Row]:
    """A JPEG of a hundred megapixels: the memory of the whole process."""
    source = write_jpeg(folder / "large.jpg", sizes.large)
    started = time.perf_counter()
    memory = peak_memory(source, folder / "large-color.jpg", whole=True)
    seconds = time.perf_counter() - started
    return [
        Row(
            f"`colorize` of {megapixels(sizes.large)}, the whole process",
            "memory",
            None if memory is None else memory / GIB,
            4,
            at_most=True,
            unit=" GiB",
            note=_NO_MEMORY if memory is None else f"{seconds:.0f} s with the imports",
        )
    ]


_NO_MEMORY = "this system does not tell a process's peak memory"
_MEASURE = """
import json, sys
from pathlib import Path
import torch
from pyramidcolor.images import write_image
from pyramidcolor.inference import colorize, load_pretrained

def peak():
    # Not getrusage: a new process inherits there the peak of the one that started it.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])

network, before = load_pretrained(), peak()
write_image(colorize(sys.argv[1], network), sys.argv[2])
print(json.dumps([before, peak()]))
"""


def peak_memory(source: Path, target: Path, whole: bool = False) -> int | None:
    """Bytes that colorizing a file takes at its peak, in a process of its own.

    Args:
        source: the photo.
        target: where its colors go.
        whole: of the whole process, instead of what it takes beyond its imports and the weights.
    """
    if not Path("/proc/self/status").exists():
        return None
    command = [sys.executable, "-c", _MEASURE, str(source), str(target)]
    before, after = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return after if whole else after - before


def album(sizes: Sizes, folder: Path) -> list[Row]:
    """Many photos: a folder against a loop over its files, and against the same loop on one core."""
    (folder / "album").mkdir()
    kinds = [write_jpeg(folder / f"kind{shift}.jpg", sizes.album, shift).read_bytes() for shift in range(4)]
    paths = [folder / "album" / f"{number:03}.jpg" for number in range(sizes.album_photos)]
    for number, path in enumerate(paths):
        path.write_bytes(kinds[number % 4])
    network, threads = load_pretrained(), torch.get_num_threads()

    def together(some: list[Path]) -> None:
        failed = [result for result in colorize_files(some, folder / "out", network) if result.error]
        if failed:
            raise RuntimeError(f"{failed[0].source}: {failed[0].error}")

    def one_by_one(some: list[Path]) -> None:
        for path in some:
            write_image(colorize(path, network), folder / "single.jpg")

    def on_one_core(some: list[Path]) -> None:
        torch.set_num_threads(1)
        try:
            one_by_one(some)
        finally:
            torch.set_num_threads(threads)

    one_by_one(paths[:2])
    seconds: dict[str, list[float]] = {}
    busy = 0.0
    share = -(-len(paths) // 4)
    for first in range(0, len(paths), share):
        some = paths[first : first + share]
        # The loops do a quarter of each part: a photo's time in them is what counts, and ten minutes are all there is.
        for call, part in ((together, some), (one_by_one, some[::4]), (on_one_core, some[::4])):
            computing, started = time.process_time(), time.perf_counter()
            call(part)
            elapsed = time.perf_counter() - started
            seconds.setdefault(call.__name__, []).append(elapsed / len(part))
            busy = max(busy, (time.process_time() - computing) / elapsed) if call is together else busy
    measured: dict[str, Times] = {name: times(some) for name, some in seconds.items()}
    name = f"a folder of {len(paths)} photos of {megapixels(sizes.album)}"
    note = f"{busy:.1f} cores busy of {threads}"
    return [
        Row(
            name,
            "one by one: times faster",
            ratio(measured, "one_by_one", "together"),
            1.7,
            seconds=measured,
            note=note,
        ),
        Row(
            name,
            "one by one on one core: times faster",
            ratio(measured, "on_one_core", "together"),
            seconds=measured,
            note="the difference to the row above is what a single photo already gains from the other core",
        ),
    ]


def growth(sizes: Sizes) -> dict[str, list[float]]:
    """Megapixels and the seconds that `colorize` takes for them, from array to array."""
    network, megapixel_counts, seconds = load_pretrained(), [], []
    for millions in sizes.growth_megapixels:
        height = round((millions * 1e6 * 3 / 4) ** 0.5)
        photo = np.ascontiguousarray(picture((height, height * 4 // 3))[..., 0])
        measured = interleaved(
            {"colorize": lambda photo=photo: colorize(photo, network)}, max(3, sizes.rounds // 2)
        )
        megapixel_counts.append(photo.size / 1e6)
        seconds.append(measured["colorize"].median)
    return {"megapixels": megapixel_counts, "seconds": seconds}


def growth_row(measure: str, amounts: list[float], seconds: list[float]) -> Row:
    """How time grows, as the exponent of the amount between the larger half of the measurements: 1 is linear."""
    half = len(amounts) // 2 if len(amounts) > 2 else 0
    exponent = math.log(seconds[-1] / seconds[half]) / math.log(amounts[-1] / amounts[half])
    return Row(measure, "linear growth: exponent", exponent, 1.1, at_most=True, unit="")

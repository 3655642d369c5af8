"""Four ways to enlarge chroma beside a larger gray picture: their errors and their time.

    python benchmarks/enlarging.py [PHOTOS ...] [--size 256] [--factors 4 16] [--limit 100] [--out FILE.json]

The true chroma of photos is shrunk, enlarged again, and compared with itself, so that what is measured is the enlarging alone. Without
photos it takes scikit-image's four. Times are ratios to bilinear enlarging, whole pictures, one thread, medians of one run on one
machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from pyramidcolor.batches import center_view
from pyramidcolor.colorspaces import HSV_POINT, shrink_chroma
from pyramidcolor.datasets import SamplePhotos, open_photos
from pyramidcolor.images import hue_of_point, resize
from pyramidcolor.inference import chroma_rows
from pyramidcolor.jobs import write_json
from pyramidcolor.metrics import Scores

MEASURES = ["hue_error_degrees", "chroma_error", "bleeding", "colorfulness_ratio"]


def bilinear(chroma: Tensor, gray: Tensor) -> Tensor:
    """Gray is not looked at."""
    return resize(chroma, gray.shape[-2:])


def joint_bilateral(chroma: Tensor, gray: Tensor, nearness: float = 0.75, likeness: float = 0.2) -> Tensor:
    """The mean of the nine nearest small pixels, each weighed by its distance and its difference in gray.

    Kopf, Cohen, Lischinski and Uyttendaele, "Joint bilateral upsampling", SIGGRAPH 2007.
    """
    (height, width), (low_height, low_width) = gray.shape[-2:], chroma.shape[-2:]
    small = pad(torch.cat((chroma, resize(gray, (low_height, low_width)))), (1, 1, 1, 1), mode="replicate")
    y = (torch.arange(height) + 0.5) * low_height / height - 0.5
    x = (torch.arange(width) + 0.5) * low_width / width - 0.5
    total, weights = torch.zeros(len(chroma), height, width), torch.zeros(1, height, width)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            row, column = y.round().long() + down, x.round().long() + right
            near = ((y - row) ** 2)[:, None] + (x - column) ** 2
            there = small[:, (row + 1)[:, None], column + 1]
            unlike = (gray - there[-1:]) ** 2
            weight = (-near / (2 * nearness**2) - unlike / (2 * likeness**2)).exp() + 1e-12
            total += weight * there[:-1]
            weights += weight
    return total / weights


def guided_filter(chroma: Tensor, gray: Tensor, flat: float = 0.003) -> Tensor:
    """Chroma as a linear function of gray in each 3x3 window, the functions averaged and enlarged.

    He and Sun, "Fast guided filter", 2015, with the radius that is best here.
    """

    def mean(image: Tensor) -> Tensor:
        return avg_pool2d(image, 3, 1, 1, count_include_pad=False)

    small = resize(gray, chroma.shape[-2:])
    slope = (mean(small * chroma) - mean(small) * mean(chroma)) / (mean(small**2) - mean(small) ** 2 + flat)
    offset = mean(chroma) - slope * mean(small)
    slope, offset = (
        interpolate(mean(part)[None], gray.shape[-2:], mode="bilinear")[0] for part in (slope, offset)
    )
    return slope * gray + offset


def ours(chroma: Tensor, gray: Tensor) -> Tensor:
    """What `colorize` does: enlarged bilinearly, and moved along with the gray that the small picture lacks."""
    return chroma_rows(chroma, gray, HSV_POINT)(0, gray.shape[-2])


WAYS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bilinear": bilinear,
    "joint bilateral": joint_bilateral,
    "guided filter": guided_filter,
    "ours": ours,
}


def on_circle(chroma: Tensor) -> Tensor:
    """The hue's point at full length, so that saturation does not fade where two hues were mixed."""
    angle = hue_of_point(chroma[0], chroma[1]) * torch.pi
    return torch.stack((angle.cos(), angle.sin(), chroma[2].clamp(-1, 1)))


def main() -> None:
    """Measure every way at every factor, print a table and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--factors", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    photos = open_photos(*args.photos) if args.photos else SamplePhotos()
    count = min(len(photos), args.limit)
    squares = [center_view(photos[place * len(photos) // count], args.size) for place in range(count)]
    rows = [measure(name, factor, squares) for factor in args.factors for name in WAYS]
    print(f"{count} photos at {args.size} x {args.size}\n")
    print("| shrunk by | enlarged by | " + " | ".join(MEASURES) + " | time |")
    print("|---" * (len(MEASURES) + 3) + "|")
    for row in rows:
        base = next(r for r in rows if (r["factor"], r["way"]) == (row["factor"], "bilinear"))
        cells = [f"{row[name]:.2f}" for name in MEASURES]
        print(
            f"| {row['factor']} | {row['way']} | {' | '.join(cells)} | {row['seconds'] / base['seconds']:.1f} |"
        )
    if args.out:
        write_json({"photos": count, "size": args.size, "torch": torch.__version__, "rows": rows}, args.out)


def measure(name: str, factor: int, squares: list[Tensor]) -> dict[str, float | str | int]:
    """The figures of one way for chroma that is `factor` times smaller than the photo."""
    scores, seconds = Scores(MEASURES), []
    for square in squares:
        gray, chroma = HSV_POINT.encode(square)
        small = shrink_chroma(chroma[None], factor, HSV_POINT)[0]
        started = time.perf_counter()
        enlarged = WAYS[name](small, gray)
        seconds.append(time.perf_counter() - started)
        scores.add(HSV_POINT.decode(gray, on_circle(enlarged)), square)
    figures = scores.result()
    return {"way": name, "factor": factor, "seconds": statistics.median(seconds)} | {
        measure: figures[measure] for measure in MEASURES
    }


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Draw the pictures of README and docs: scikit-image's photos as gray, stage one, stage two, and true.

python tools/make_pictures.py [--weights FILE] [--out docs/pictures]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pyramidcolor.batches import center_view
from pyramidcolor.checkpoints import load_checkpoint, load_pretrained
from pyramidcolor.images import SAMPLE_PHOTOS, sample_photo, to_image, write_image
from pyramidcolor.inference import colorize_by_stage

SIDE = 256  # pixels of each square


def main() -> None:
    """Write one sheet with a row for each photo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", help="a weights file (default: the best of the package)")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    args = parser.parse_args()
    colorizer = load_checkpoint(args.weights) if args.weights else load_pretrained()
    rows = []
    for name in SAMPLE_PHOTOS:
        photo = center_view(sample_photo(name), SIDE)
        rows.append(torch.cat([*colorize_by_stage(photo, colorizer).values(), photo], -1))
    args.out.mkdir(parents=True, exist_ok=True)
    write_image(to_image(torch.cat(rows, -2)), args.out / "stages.jpg", quality=88)
    print(f"{args.out / 'stages.jpg'}: {', '.join(SAMPLE_PHOTOS)}; gray, stage one, stage two, true")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Draw the pictures of README and docs: scikit-image's photos as gray, stage one, stage two, and true.

python tools/make_pictures.py [--weights FILE] [--out docs/pictures]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pyramidcolor.checkpoints import load_checkpoint, load_pretrained
from pyramidcolor.images import SAMPLE_PHOTOS, resize, sample_photo, to_image, write_image
from pyramidcolor.inference import colorize_by_stage

SIZE = (192, 288)  # height and width of each tile in pixels: multiples of 16, for the network
TITLES = ("gray", "stage one", "stage two", "true")
TITLE_HEIGHT = 44  # pixels


def tile(photo: Tensor) -> Tensor:
    """The upper middle of a photo `(3, H, W)`, where faces are: as much as a tile's shape takes, at its size."""
    height, width = photo.shape[-2:]
    rows, columns = min(height, width * SIZE[0] // SIZE[1]), min(width, height * SIZE[1] // SIZE[0])
    left = (width - columns) // 2
    return resize(photo[:, :rows, left : left + columns], SIZE)


def with_titles(sheet: Image.Image) -> Image.Image:
    """The sheet below a white band that names its columns."""
    titled = Image.new("RGB", (sheet.width, sheet.height + TITLE_HEIGHT), "white")
    titled.paste(sheet, (0, TITLE_HEIGHT))
    draw, font = ImageDraw.Draw(titled), ImageFont.load_default(size=28)
    for column, title in enumerate(TITLES):
        draw.text(((column + 0.5) * SIZE[1], TITLE_HEIGHT / 2), title, "black", font, anchor="mm")
    return titled


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
        photo = tile(sample_photo(name))
        rows.append(torch.cat([*colorize_by_stage(photo, colorizer).values(), photo], -1))
    args.out.mkdir(parents=True, exist_ok=True)
    write_image(with_titles(to_image(torch.cat(rows, -2))), args.out / "stages.jpg", quality=88)
    print(f"{args.out / 'stages.jpg'}: {', '.join(SAMPLE_PHOTOS)}; {', '.join(TITLES)}")


if __name__ == "__main__":
    main()

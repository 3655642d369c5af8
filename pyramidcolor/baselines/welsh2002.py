"""Welsh, Ashikhmin and Mueller 2002: each pixel takes the color of a pixel of an example photo that looks like it in gray.

"Transferring color to greyscale images", ACM Transactions on Graphics 21 (SIGGRAPH 2002); its section 2. Alike is what has a
similar luminance and a similar texture, by which it means the deviation of luminance in 5x5 pixels around; both count half. It
needs no training and no person, but a well-chosen example. It stands for all methods that take colors from another photo.

Left out: swatches, by which a person says which part is like which, and the color space l-alpha-beta, for which Lab stands.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from ..colorspaces import LAB
from .method import Scribbles, UntrainedMethod, check_photo, painted

SAMPLES = 200
"""Pixels of the example among which each pixel of the photo finds its like."""

_CHUNK = 1 << 16  # pixels that are compared with all samples at once


def remapped(example: Tensor, photo: Tensor) -> Tensor:
    """The example's luminance moved and stretched to the mean and deviation of the photo's.

    Args:
        example: `(1, h, w)`.
        photo: `(1, H, W)`.

    Returns:
        `(1, h, w)`.
    """
    spread = photo.std(correction=0) / example.std(correction=0).clamp(min=1e-6)
    return (example - example.mean()) * spread + photo.mean()


def texture(gray: Tensor, size: int = 5) -> Tensor:
    """The standard deviation of gray `(1, H, W)` in a square around each pixel, same shape."""
    half = size // 2
    around = pad(gray[None].double(), (half,) * 4, mode="replicate")
    mean, square = (avg_pool2d(image, size, 1)[0] for image in (around, around**2))
    return (square - mean**2).clamp(min=0).sqrt().float()


def jittered_places(size: tuple[int, int], count: int, seed: int) -> Tensor:
    """One random place in each cell of a grid over a picture: spread evenly, but in no pattern.

    Args:
        size: height and width.
        count: of places, about.
        seed: of the places.

    Returns:
        Pixels counted row by row, `(n,)`, n at most `count` where the picture is about square.
    """
    height, width = size
    rows = min(height, max(1, round((count * height / width) ** 0.5)))
    columns = min(width, max(1, count // rows))
    jitter = np.random.default_rng(seed).random((2, rows, columns))
    down = ((np.arange(rows)[:, None] + jitter[0]) * height / rows).astype(int)
    right = ((np.arange(columns) + jitter[1]) * width / columns).astype(int)
    return torch.from_numpy((down * width + right).ravel())


class Welsh2002(UntrainedMethod):
    """Welsh, Ashikhmin and Mueller 2002.

    Args:
        count: how many pixels of the example are looked at.
    """

    name, title, year = "welsh2002", "Welsh, Ashikhmin, Mueller 2002 (example)", 2002
    needs = "example"

    def __init__(self, count: int = SAMPLES):
        self.count = count

    def colorize(self, photo: Tensor, *, seed: int = 0, hint: Scribbles | Tensor | None = None) -> Tensor:
        check_photo(photo)
        if not isinstance(hint, Tensor):
            raise ValueError("welsh2002 needs an example: give hint=another photo (3, h, w) in color")
        check_photo(hint, "the example")
        gray = LAB.gray(photo)
        example_gray, example_chroma = LAB.encode(hint)
        places = jittered_places(hint.shape[-2:], self.count, seed=0)
        matched = remapped(example_gray, gray)
        known = torch.stack((matched, texture(matched))).flatten(1)[:, places].T
        wanted = torch.stack((gray, texture(gray))).flatten(1).T
        nearest = torch.cat([_nearest(part, known) for part in wanted.split(_CHUNK)])
        chroma = example_chroma.flatten(1)[:, places[nearest]]
        return painted(photo, chroma.reshape(-1, *photo.shape[-2:]), LAB)


def _nearest(wanted: Tensor, known: Tensor) -> Tensor:
    # Squared differences of luminance and of texture, weighted alike (section 2.1).
    return (wanted[:, None] - known).square().sum(-1).argmin(1)

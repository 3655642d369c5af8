"""Figures of notebook 07: dots that spread, and colorizations without their names, to be ranked.

A ranking is an order of letters, best first; each letter stands for one picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import numpy as np
import torch
from scipy.stats import rankdata, spearmanr
from torch import Tensor

from .baselines import random_scribbles
from .baselines.levin2004 import Levin2004
from .colorspaces import YUV
from .evaluation import gray_picture
from .metrics import chroma_error, psnr, ssim
from .plotting import DescribedFigure, pictures

_PAGE_WIDTH = 2.8  # inches; a notebook holds the page twice, once in its panel
_DOTS_WIDTH = 3.2


def scribbled(photo: Tensor, dots: int = 20, seed: int = 0) -> DescribedFigure:
    """A gray photo with dots of its true color, what Levin's method makes of them with its ab error, and the true photo.

    Args:
        photo: the true photo, `(3, H, W)` in [0, 1].
        dots: how many.
        seed: of their places.
    """
    mask, true = random_scribbles(photo, dots, seed)
    colored = Levin2004().colorize(photo, hint=(mask, true))
    dotted = torch.where(mask, true, gray_picture(photo, YUV))
    error = chroma_error(colored, photo)
    panels = {f"{dots} dots": dotted, f"ab error {error:.1f}": colored, "true": photo}
    return pictures(
        panels,
        width=_DOTS_WIDTH,
        alt="A gray photo with dots of true color, those colors spread over it, and the photo.",
    )


def lettered(names: Sequence[str], seed: int = 0) -> dict[str, str]:
    """The names by letters from A, in an order that the seed chooses.

    Raises:
        ValueError: if there are no names or more than letters.

    Example:
        >>> lettered(["zhang2016", "cao2017"], seed=1)
        {'A': 'zhang2016', 'B': 'cao2017'}
    """
    if not 1 <= len(names) <= len(ascii_uppercase):
        raise ValueError(f"wanted 1 to {len(ascii_uppercase)} names, got {len(names)}")
    order = np.random.default_rng(seed).permutation(len(names))
    return {letter: names[place] for letter, place in zip(ascii_uppercase, order, strict=False)}


def blind_page(
    images: Mapping[str, Tensor],
    true: Tensor,
    names: Mapping[str, str],
    order: Sequence[str] | None = None,
    reveal: bool = False,
) -> DescribedFigure:
    """Colorizations of one photo in the order of a ranking, told apart by letters; after all is revealed, with names and the places that PSNR and SSIM give them.

    Args:
        images: for each letter its picture `(3, H, W)` in [0, 1].
        true: the true photo, of the same size.
        names: what each letter stands for.
        order: the letters, best first; as in `images` if None.
        reveal: whether to tell the names.

    Raises:
        ValueError: if `order` is not an order of the letters.
    """
    order = list(images) if order is None else list(order)
    if sorted(order) != sorted(images):
        raise ValueError(f"order must hold each of {''.join(images)} once, got {''.join(order)!r}")
    places = {
        measure.__name__: dict(
            zip(images, rankdata([-measure(image, true) for image in images.values()], "min"), strict=True)
        )
        for measure in (psnr, ssim)
    }
    titles = {}
    for number, letter in enumerate(order, 1):
        told = (
            f" is {names[letter]}, by PSNR {places['psnr'][letter]:.0f}, by SSIM {places['ssim'][letter]:.0f}"
        )
        titles[f"{number}: {letter}{told if reveal else ''}"] = images[letter]
    alt = "One photo colored in several ways, the best first as ranked so far."
    return pictures(titles, alt=alt, width=_PAGE_WIDTH)


def agreement(order: Sequence[str], figures: Mapping[str, float]) -> float:
    """How far a ranking and a measure agree: Spearman's rank correlation, 1 for the same order, -1 for the opposite.

    Args:
        order: letters or names, best first; at least two.
        figures: for each of them a number, the larger the better.

    Raises:
        ValueError: if there are fewer than two, or one has no figure.

    Example:
        >>> agreement("BAC", {"A": 20.0, "B": 21.0, "C": 18.0}), agreement("CAB", {"A": 20.0, "B": 21.0, "C": 18.0})
        (1.0, -1.0)
    """
    missing = [one for one in order if one not in figures]
    if len(order) < 2 or missing:
        raise ValueError(
            f"order must hold at least two that have figures; missing: {', '.join(missing) or 'none'}"
        )
    return float(spearmanr(-np.arange(len(order)), [figures[one] for one in order]).statistic)

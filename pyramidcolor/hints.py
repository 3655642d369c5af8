"""Color hints: a reader pins a color on a point, and the photo is recolored around it where the gray is similar.

After Levin, Lischinski and Weiss, "Colorization Using Optimization" (2004): a pixel's chroma should be the mean of its
neighbors', each weighted by exp(-(gray difference)^2 / (2 contrast^2)), as least squares. Two things differ. Theirs is the
variance of the gray around each pixel, ours one number for the photo, which holds better at edges (a step makes its own
variance large). And away from the pins, where they leave pixels free, each is weakly drawn to the network's color.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import ImageColor
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu
from torch import Tensor

from .checkpoints import Colorizer
from .colorspaces import HSV, ColorSpace, amplify
from .images import hue_of_point, resize
from .inference import chroma_rows, predict_chroma

REACH = 0.25
"""Distance at which a hint has faded to 0.6 where the gray is flat (at twice it: 0.3), as a part of a square photo's side."""

CONTRAST = 0.03
"""Neighbors whose gray differs by this much, of 1, count as alike; three times as much is an edge."""

_SIDE = 256  # hints spread on the area of a square of this side at most; factoring takes seconds there


@dataclass(frozen=True)
class Hint:
    """A color pinned on a point of a photo; only its chroma counts, since the photo keeps its gray.

    Attributes:
        x: from the left edge, 0, to the right, 1.
        y: from the top edge, 0, to the bottom, 1.
        color: as in CSS: `#rrggbb`, or a name such as `teal`.

    Raises:
        ValueError: if x or y is out of range, or `color` is no color.
    """

    x: float
    y: float
    color: str

    def __post_init__(self):
        for name in ("x", "y"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        ImageColor.getrgb(self.color)  # raises a ValueError that names it

    def rgb(self) -> Tensor:
        """The color as a tensor `(3, 1, 1)` in [0, 1]."""
        return torch.tensor(ImageColor.getrgb(self.color)[:3]).reshape(3, 1, 1) / 255


class HintedPhoto:
    """A photo that takes hints: making it takes seconds, since a matrix is factored; each set of hints is then quick.

    Args:
        photo: `(3, H, W)` in [0, 1]; only its gray channel is used.
        colorizer: the network that colors what no hint reaches.
        reach: see `REACH`.
        contrast: see `CONTRAST`.
        working_size: as in `inference.colorize`.

    Raises:
        ValueError: if `photo` has another shape, or a number is not positive.
    """

    def __init__(
        self,
        photo: Tensor,
        colorizer: Colorizer,
        *,
        reach: float = REACH,
        contrast: float = CONTRAST,
        working_size: int | None = None,
    ):
        if photo.ndim != 3 or photo.shape[0] != 3:
            raise ValueError(f"photo must have the shape (3, H, W), got {tuple(photo.shape)}")
        if not reach > 0:
            raise ValueError(f"reach must be positive, got {reach}")
        space = colorizer.color_space
        self._gray = space.gray(photo)
        chroma = predict_chroma(self._gray, colorizer, working_size)
        chroma = amplify(chroma, colorizer.saturation_gain, space)
        if space.gray is HSV.gray:
            # At V = 1 the picture keeps the hue and saturation that will be shown, however the network writes them.
            chroma, space = HSV.encode(space.decode(torch.ones_like(chroma[:1]), chroma))[1], HSV
        self._space, self._plane = space, _shrink_to_area(_to_plane(chroma, space))
        small = (resize(self._gray, self._plane.shape[-2:])[0] + 1) / 2
        self._factors = _energy_factors(small.double().numpy(), contrast, reach)

    def colorize(self, hints: Sequence[Hint] = ()) -> Tensor:
        """The photo in color, `(3, H, W)` in [0, 1]: the network's colors, and those of the hints around them.

        Args:
            hints: where two fall on the same spot, the later one counts.
        """
        share, color = self._spread(hints)
        chroma = _from_plane(color + (1 - share) * self._plane, self._space)
        # Under a hint the color is what the reader pinned, to the last digit, and follows nothing.
        rows = chroma_rows(chroma, self._gray, self._space, follow=1 - share)
        return self._space.decode(self._gray, rows(0, self._gray.shape[-2]))

    def influence(self, hints: Sequence[Hint]) -> Tensor:
        """How far the hints reach, `(1, H, W)` in [0, 1]: 1 where one is pinned, 0 where the network's color stays.

        Args:
            hints: as in `colorize`.
        """
        share, _ = self._spread(hints)
        return resize(share.clamp(0, 1), self._gray.shape[-2:])

    def _spread(self, hints: Sequence[Hint]) -> tuple[Tensor, Tensor]:
        """The hints' share of each pixel's color `(1, h, w)`, and that share of their color `(2, h, w)`."""
        shape = self._plane.shape[-2:]
        pinned = {}
        for hint in hints:
            plane = _to_plane(self._space.encode(hint.rgb())[1], self._space)
            for pixel in _pixels_around(hint, self._gray.shape[-2:], shape):
                pinned[pixel] = [1, *plane.flatten()]
        if not pinned:
            return torch.zeros(1, *shape), torch.zeros(2, *shape)
        pins, wanted = list(pinned), np.array(list(pinned.values()), dtype=float)
        pulses = np.zeros((shape.numel(), len(pins)))
        pulses[pins, range(len(pins))] = 1
        # The smallest energy under exact pins is a mixture of the answers to a pulse at each pin.
        answers = self._factors.solve(pulses)
        spread = answers @ np.linalg.solve(answers[pins], wanted)
        return torch.from_numpy(spread.T.reshape(3, *shape)).float().split((1, 2))


def neighbor_weights(gray: np.ndarray, contrast: float | np.ndarray = CONTRAST) -> sparse.csr_matrix:
    """How much each of its eight neighbors counts for a pixel: exp(-(gray difference)^2 / (2 contrast^2)), summing to 1.

    Args:
        gray: `(H, W)` in [0, 1].
        contrast: see `CONTRAST`; or `(H, W)`, one for each pixel.

    Returns:
        `(H * W, H * W)`; row r holds the weights of pixel r's neighbors, pixels counted row by row.

    Raises:
        ValueError: if `contrast` is not positive.
    """
    if not np.all(np.asarray(contrast) > 0):
        raise ValueError(f"contrast must be positive, got {contrast}")
    height, width = gray.shape
    scale = np.broadcast_to(contrast, gray.shape).ravel()
    number = np.arange(gray.size).reshape(gray.shape)
    ones, others = [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ones.append(number[: height - down, max(0, -right) : width - max(0, right)].ravel())
        others.append(number[down:, max(0, right) : width + min(0, right)].ravel())
    ones, others = np.concatenate(ones), np.concatenate(others)
    # A floor, because an extreme pixel between unlike neighbors would else divide 0 by 0.
    rows, columns = np.concatenate((ones, others)), np.concatenate((others, ones))
    step = gray.ravel()[rows] - gray.ravel()[columns]
    weight = np.maximum(np.exp(-(step**2) / (2 * scale[rows] ** 2)), 1e-6)
    both = sparse.coo_matrix((weight, (rows, columns)), (gray.size, gray.size)).tocsr()
    return sparse.diags(1 / np.asarray(both.sum(1)).ravel()) @ both


def _energy_factors(gray: np.ndarray, contrast: float, reach: float) -> SuperLU:
    """The factored matrix E of the energy x'Ex: how much x, a number a pixel, differs from its neighbors' mean and from 0."""
    eye = sparse.identity(gray.size)
    residual = eye - neighbor_weights(gray, contrast)
    # In flat gray the residual is 3/8 of the Laplacian, so this pull sets the length over which a pulse fades.
    pull = (0.375 / (reach**2 * gray.size)) ** 2
    energy = (residual.T @ residual + pull * eye).tocsc()
    # Symmetric and positive, so rows need no exchange, and the ordering for such matrices keeps the factors small.
    return splu(energy, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _pixels_around(hint: Hint, size: tuple[int, int], shape: tuple[int, int]) -> list[int]:
    """The pixels of a small picture between which enlarging finds the color of the photo's pixel under a hint."""
    sides = []
    for part, long, short in zip((hint.y, hint.x), size, shape, strict=True):
        pixel = min(int(part * long), long - 1)
        place = (pixel + 0.5) * short / long - 0.5
        sides.append({min(max(int(near(place)), 0), short - 1) for near in (np.floor, np.ceil)})
    return [row * shape[1] + column for row in sides[0] for column in sides[1]]


def _shrink_to_area(plane: Tensor) -> Tensor:
    height, width = plane.shape[-2:]
    scale = min(1, _SIDE / (height * width) ** 0.5)
    return resize(plane, (max(1, round(height * scale)), max(1, round(width * scale))))


def _to_plane(chroma: Tensor, space: ColorSpace) -> Tensor:
    """Chroma `(C, h, w)` as two numbers that may be averaged: hues become points, as far out as they are saturated."""
    if space.hue_channel is None:
        return chroma
    hue, saturation = chroma
    angle, radius = hue * torch.pi, (saturation + 1) / 2
    return torch.stack((radius * angle.cos(), radius * angle.sin()))


def _from_plane(plane: Tensor, space: ColorSpace) -> Tensor:
    if space.hue_channel is None:
        return plane
    radius = plane.square().sum(0).sqrt().clamp(max=1)
    return torch.stack((hue_of_point(*plane), 2 * radius - 1))

"""Levin, Lischinski and Weiss 2004: a person scribbles colors, and each spreads until the gray changes.

"Colorization using optimization", ACM Transactions on Graphics 23 (SIGGRAPH 2004). It assumes one thing: neighbors of similar gray
have similar colors. So the chroma U of a pixel r should be the weighted mean of that of its neighbors s, or the sum over r of
(U(r) - sum over s of w(r, s) U(s))^2 be small (Eq. 1), where w(r, s) is proportional to exp(-(Y(r) - Y(s))^2 / (2 variance(r)))
(Eq. 2), and the variance is that of the gray around r, times 0.6 as in the code that the authors released. Under the scribbles U is what was scribbled; the rest is one system of
linear equations. It stands for all methods that take colors from a person; `hints` builds on it with a network behind.

Left out: the other weight of the paper, of a correlation (Eq. 3), movies, and the multigrid solver. Photos of more than 256x256
pixels are solved at that area, and the chroma is enlarged.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, avg_pool2d

from ..colorspaces import YUV
from ..hints import neighbor_weights
from ..images import resize
from ..inference import working_shape
from .method import Scribbles, UntrainedMethod, check_photo, painted

LARGEST = 256
"""Photos of more than the area of a square of this side are solved at this area."""

_SHARPER = (
    0.6  # what the variance is multiplied by, as in the code that the authors released; edges hold better
)
_LEAST_DEVIATION = 0.003  # of gray in [0, 1]: where gray is flat, so that all neighbors count


def spread(gray: np.ndarray, mask: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Chroma everywhere from chroma under scribbles (Eq. 1 and 2).

    Args:
        gray: Y, `(H, W)` in [0, 1].
        mask: `(H, W)` of bool, where chroma is given; somewhere at least.
        chroma: `(C, H, W)`, read under the mask only.

    Returns:
        `(C, H, W)`; under the mask as given.
    """
    fixed = mask.ravel()
    # The least squares under exact scribbles have as many equations as unknowns, so all of them can hold: every free pixel
    # is its neighbors' weighted mean.
    rows = sparse.diags((~fixed).astype(float)) @ neighbor_weights(gray, allowed_step(gray))
    given = np.where(fixed, chroma.reshape(len(chroma), -1), 0.0)
    factors = splu((sparse.identity(gray.size) - rows).tocsc(), "MMD_AT_PLUS_A")
    found = factors.solve(given.T.astype(float)).T
    return np.where(fixed, given, found).reshape(chroma.shape)


def allowed_step(gray: np.ndarray) -> np.ndarray:
    """The steps of gray that count as alike: 0.77 of its standard deviation in the 3x3 pixels around each; `(H, W)` both."""
    pixels = torch.from_numpy(gray)[None, None].double()
    mean, square = (
        avg_pool2d(image, 3, 1, 1, count_include_pad=False)[0, 0] for image in (pixels, pixels**2)
    )
    variance = _SHARPER * (square - mean**2)
    return variance.clamp(min=_LEAST_DEVIATION**2).sqrt().numpy()


class Levin2004(UntrainedMethod):
    """Levin, Lischinski and Weiss 2004."""

    name, title, year = "levin2004", "Levin, Lischinski, Weiss 2004 (scribbles)", 2004
    needs = "scribbles"

    def colorize(self, photo: Tensor, *, seed: int = 0, hint: Scribbles | Tensor | None = None) -> Tensor:
        check_photo(photo)
        mask, chroma = self._checked(hint, photo.shape[-2:])
        gray = (YUV.gray(photo) + 1) / 2
        size = photo.shape[-2:]
        if size.numel() > LARGEST**2:
            size = working_shape(size, LARGEST, 1)
            # The mean of what is scribbled in a small pixel, wherever there is anything.
            share = resize(mask.float(), size).clamp(min=1e-6)
            chroma = resize(chroma * mask, size) / share
            mask = (adaptive_max_pool2d(mask.float(), size) > 0) & (share > 1e-3)
            gray = resize(gray, size)
        found = spread(gray[0].numpy(), mask[0].numpy(), chroma.numpy())
        return painted(photo, torch.from_numpy(found).float().clamp(-1, 1), YUV)

    def _checked(self, hint, size: torch.Size) -> tuple[Tensor, Tensor]:
        if not isinstance(hint, tuple) or len(hint) != 2:
            raise ValueError(
                "levin2004 needs scribbles: give hint=(mask, rgb), such as random_scribbles(photo)"
            )
        mask, rgb = hint
        check_photo(rgb, "the scribbles' rgb")
        if mask.dtype != torch.bool or mask.shape != size or rgb.shape[-2:] != size:
            raise ValueError(
                f"scribbles must be a mask of bool and RGB of the photo's size {tuple(size)}, "
                f"got {tuple(mask.shape)} of {mask.dtype} and {tuple(rgb.shape)}"
            )
        if not mask.any():
            raise ValueError("scribbles must hold at least one colored pixel, got an empty mask")
        return mask[None], YUV.encode(rgb)[1]

"""A photo's pixels to gray, and gray and chroma to pixels: by the color space's own formulas, or where gray is V by OpenCV."""

from __future__ import annotations

from functools import reduce
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from .bands import opencv
from .colorspaces import HSV, HSV_POINT, ColorSpace, decode_luminance, luminance_gray
from .images import to_tensor

_BY_OPENCV = (HSV, HSV_POINT)


def gray_of_pixels(pixels: np.ndarray, space: ColorSpace) -> Tensor:
    """The gray `(1, rows, W)` in [-1, 1] that a network sees of some rows of a photo.

    Args:
        pixels: `(rows, W, 1)` or `(rows, W, 3)` of uint8, uint16 or float in [0, 1].
        space: what gray means.
    """
    cv2 = opencv()
    if cv2 is None or space not in _BY_OPENCV or pixels.dtype != np.uint8 or pixels.shape[-1] != 3:
        return space.gray(to_tensor(pixels).expand(3, -1, -1))
    value = reduce(cv2.max, (cv2.extractChannel(pixels, channel) for channel in range(3)))
    return torch.from_numpy(value / np.float32(255))[None].mul_(2).sub_(1)


def luminance_of_pixels(pixels: np.ndarray) -> Tensor:
    """The luminance `(1, rows, W)` in [-1, 1] of some rows of a photo, `(rows, W, 1)` or `(rows, W, 3)` as of `gray_of_pixels`."""
    return luminance_gray(to_tensor(pixels).expand(3, -1, -1))


def fill_pixels(
    pixels: np.ndarray, gray: Tensor, chroma: Tensor, space: ColorSpace, by_luminance: bool = False
) -> None:
    """Write the colors of some rows of a photo into its pixels.

    Args:
        pixels: `(rows, W, 3)` of uint8, uint16 or float in one piece; filled here, rounded where they are whole numbers.
        gray: `(1, rows, W)`, float32 in [-1, 1].
        chroma: `(C, rows, W)`, likewise.
        space: what gray and chroma mean.
        by_luminance: whether gray is luminance instead, as of `luminance_of_pixels`.
    """
    cv2 = opencv()
    if by_luminance:
        rgb = decode_luminance(gray, chroma, space).movedim(0, -1).numpy()
    elif cv2 is None or space not in _BY_OPENCV:
        rgb = space.decode(gray, chroma).movedim(0, -1).numpy()
    else:
        rgb = _decode(cv2, gray, chroma, space).reshape(pixels.shape)
    if pixels.dtype.kind == "f":
        pixels[:] = rgb
    elif cv2 is not None and pixels.dtype == np.uint8:
        cv2.convertScaleAbs(np.ascontiguousarray(rgb), dst=pixels, alpha=255)
    else:
        pixels[:] = np.rint(rgb * np.iinfo(pixels.dtype).max)


def _decode(cv2: ModuleType, gray: Tensor, chroma: Tensor, space: ColorSpace) -> np.ndarray:
    """What `space.decode` gives, one pixel after the other, `(1, pixels, 3)`; hues differ by up to 0.01 degrees."""
    # Pictures of a single row, which OpenCV does not share out among threads of its own.
    row = (1, gray.numel())
    value, *first, saturation = (plane.reshape(row).numpy() for plane in (*gray, *chroma))
    value, saturation = (value + 1) / 2, (saturation + 1) / 2
    if space is HSV:
        (half_turns,) = first
        degrees = 180 * half_turns - 360 * np.floor(half_turns / 2)
    else:
        length, degrees = cv2.cartToPolar(*first, angleInDegrees=True)
        saturation *= np.sqrt(np.clip(length, 1e-3, 1))  # as HSV_POINT decodes
    return cv2.cvtColor(cv2.merge([degrees, saturation, value]), cv2.COLOR_HSV2RGB)

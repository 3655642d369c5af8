"""RGB to and from HSV, Lab and YUV, as differentiable functions of tensors.

Every function takes and returns `(..., 3, H, W)` on any device. RGB is sRGB with values in [0, 1]. Values outside
that range are neither rejected nor clipped: clipping would hide an error of the caller and stop the gradient.
Half-precision tensors are computed in float32 and rounded once, at the end. Large pictures that need no gradient take a faster way
between RGB and HSV, in `bands`, with the same results up to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bands import hsv_in_bands, is_fast, rgb_in_bands

# Rows are the outputs. XYZ as in IEC 61966-2-1 with the D65 white of the 2-degree observer, YUV as in ITU-R BT.601 with
# the analog scale of U and V; the digits are those of scikit-image, so that it can serve as the oracle.
_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_WHITE = (0.95047, 1.0, 1.08883)
_YUV_FROM_RGB = (
    (0.299, 0.587, 0.114),
    (-0.14714119, -0.28886916, 0.43601035),
    (0.61497538, -0.51496512, -0.10001026),
)
_LAB_KNEE = 6 / 29  # where CIE's cube root meets its linear part, on the root's scale


def rgb_to_hsv(rgb: Tensor) -> Tensor:
    """Hue, saturation and value of an RGB image.

    Args:
        rgb: `(..., 3, H, W)`, float, values in [0, 1].

    Returns:
        Same shape and type. Hue in turns, [0, 1), 0 is red and also stands for gray; saturation and value in [0, 1].
        Gradients are finite everywhere; a gray pixel passes none to its hue.

    Raises:
        TypeError: if `rgb` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Source:
        A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978; the same branches as Python's `colorsys`.

    Example:
        >>> rgb_to_hsv(torch.tensor([0.0, 0.5, 0.5]).reshape(3, 1, 1)).flatten()
        tensor([0.5000, 1.0000, 0.5000])
    """
    image = _computable(rgb, "rgb")
    if is_fast(image):
        return hsv_in_bands(image).to(rgb.dtype)
    red, green, blue = image.unbind(-3)
    value = image.amax(-3)
    delta = value - image.amin(-3)
    # Dividing by less than this overflows the gradient, and no picture file can hold so small a difference.
    smallest = 4 * torch.finfo(image.dtype).tiny
    colored = delta >= smallest
    divisor = torch.where(colored, delta, 1)
    sextant = torch.where(
        red == value,
        (green - blue) / divisor,
        torch.where(green == value, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = torch.where(colored, sextant / 6, 0)
    saturation = torch.where(colored, delta, 0) / torch.where(value >= smallest, value, 1)
    hue = (hue - hue.floor()).to(rgb.dtype)
    # A hue one rounding step below a whole turn has become 1, which is 0.
    hue = torch.where(hue < 1, hue, hue - 1)
    return torch.stack((hue, saturation.to(rgb.dtype), value.to(rgb.dtype)), -3)


def hsv_to_rgb(hsv: Tensor) -> Tensor:
    """The RGB image with the given hue, saturation and value.

    Args:
        hsv: `(..., 3, H, W)`, float; hue in turns, any real number (it wraps); saturation and value in [0, 1].

    Returns:
        Same shape and type, values in [0, 1]. The largest of the three channels is the value, exactly.

    Raises:
        TypeError: if `hsv` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Example:
        >>> hsv_to_rgb(torch.tensor([0.5, 1.0, 0.5]).reshape(3, 1, 1)).flatten()
        tensor([0.0000, 0.5000, 0.5000])
    """
    image = _computable(hsv, "hsv")
    if is_fast(image):
        return rgb_in_bands(image).to(hsv.dtype)
    hue, saturation, value = image.unbind(-3)
    sextant, chroma = 6 * (hue - hue.floor()), value * saturation
    # How far each channel lies below the value: a trapezoid over the six sextants, 0 on two, 1 on two.
    red = value - chroma * (2 - (sextant - 3).abs()).clamp(0, 1)
    green = value - chroma * ((sextant - 2).abs() - 1).clamp(0, 1)
    blue = value - chroma * ((sextant - 4).abs() - 1).clamp(0, 1)
    return torch.stack((red, green, blue), -3).to(hsv.dtype)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """CIE L*a*b* of an sRGB image, white D65.

    Args:
        rgb: `(..., 3, H, W)`, float, values in [0, 1].

    Returns:
        Same shape and type. L in [0, 100]; over all sRGB colors a is in [-86.2, 98.3] and b in [-107.9, 94.5].

    Raises:
        TypeError: if `rgb` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Source:
        IEC 61966-2-1 (sRGB) and CIE 15:2004 (L*a*b*).

    Example:
        >>> rgb_to_lab(torch.ones(3, 1, 1)).flatten().round().abs()
        tensor([100.,   0.,   0.])
    """
    image = _computable(rgb, "rgb")
    linear = torch.where(image > 0.04045, ((image.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, image / 12.92)
    xyz = _mix(_divided_by_white(_XYZ_FROM_RGB), linear)
    root = xyz.clamp(min=_LAB_KNEE**3) ** (1 / 3)
    x, y, z = torch.where(xyz > _LAB_KNEE**3, root, xyz / (3 * _LAB_KNEE**2) + 4 / 29).unbind(-3)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), -3).to(rgb.dtype)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The sRGB image with the given CIE L*a*b* values, white D65.

    Args:
        lab: `(..., 3, H, W)`, float; L in [0, 100], a and b about [-108, 98].

    Returns:
        Same shape and type. Values are in [0, 1] for colors that sRGB can show and outside it for all others.

    Raises:
        TypeError: if `lab` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Example:
        >>> lab_to_rgb(torch.tensor([100.0, 0.0, 0.0]).reshape(3, 1, 1)).flatten().round()
        tensor([1., 1., 1.])
    """
    lightness, a, b = _computable(lab, "lab").unbind(-3)
    y = (lightness + 16) / 116
    root = torch.stack((y + a / 500, y, y - b / 200), -3)
    xyz = torch.where(root > _LAB_KNEE, root**3, (root - 4 / 29) * (3 * _LAB_KNEE**2))
    linear = _mix(_inverse(_divided_by_white(_XYZ_FROM_RGB)), xyz)
    curved = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear).to(lab.dtype)


def rgb_to_yuv(rgb: Tensor) -> Tensor:
    """Luma and the two color differences of an RGB image.

    Args:
        rgb: `(..., 3, H, W)`, float, values in [0, 1].

    Returns:
        Same shape and type. Y in [0, 1], U in [-0.4361, 0.4361], V in [-0.615, 0.615].

    Raises:
        TypeError: if `rgb` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Source:
        ITU-R BT.601, with the scale of analog PAL for U and V.

    Example:
        >>> rgb_to_yuv(torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)).flatten()
        tensor([ 0.2990, -0.1471,  0.6150])
    """
    return _mix(_YUV_FROM_RGB, _computable(rgb, "rgb")).to(rgb.dtype)


def yuv_to_rgb(yuv: Tensor) -> Tensor:
    """The RGB image with the given luma and color differences.

    Args:
        yuv: `(..., 3, H, W)`, float; Y in [0, 1], U in [-0.4361, 0.4361], V in [-0.615, 0.615].

    Returns:
        Same shape and type. Values are in [0, 1] for colors that RGB can show and outside it for all others.

    Raises:
        TypeError: if `yuv` is not a floating-point tensor.
        ValueError: if its third dimension from the end is not 3.

    Example:
        >>> yuv_to_rgb(torch.tensor([0.299, -0.14714119, 0.61497538]).reshape(3, 1, 1)).flatten().round().abs()
        tensor([1., 0., 0.])
    """
    return _mix(_inverse(_YUV_FROM_RGB), _computable(yuv, "yuv")).to(yuv.dtype)


def _computable(image: Tensor, name: str) -> Tensor:
    if not isinstance(image, Tensor) or not image.is_floating_point():
        kind = f"a tensor of {image.dtype}" if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got {kind}")
    if image.ndim < 3 or image.shape[-3] != 3:
        raise ValueError(f"{name} must have the shape (..., 3, H, W), got {tuple(image.shape)}")
    return image.float() if image.dtype in (torch.float16, torch.bfloat16) else image


def _mix(matrix, image: Tensor) -> Tensor:
    # Written out instead of a matrix product, which autocast would silently run in half precision.
    one, two, three = image.unbind(-3)
    return torch.stack([row[0] * one + row[1] * two + row[2] * three for row in matrix], -3)


def _inverse(matrix) -> list[list[float]]:
    return torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64)).tolist()


def _divided_by_white(matrix) -> list[list[float]]:
    return [[entry / white for entry in row] for row, white in zip(matrix, _WHITE, strict=True)]

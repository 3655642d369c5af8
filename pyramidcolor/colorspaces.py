"""What a network reads and what it predicts: RGB to gray and chroma in [-1, 1], and back.

All scaling constants of the project live here. A `ColorSpace` knows how to encode an RGB image as one gray channel and
some chroma channels, each in [-1, 1], and how to decode them. Training encodes, inference decodes; no other code may
scale a channel by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .color import hsv_to_rgb, lab_to_rgb, rgb_to_hsv, rgb_to_lab, rgb_to_yuv, yuv_to_rgb
from .images import enlarge_chroma, hue_of_point, shrink

LAB_REACH = 110.0
"""What a and b of Lab are divided by: no sRGB color has one farther than 107.9 from 0."""

_LAB_RADIUS = 134.0  # nor a point (a, b) farther than 133.9 from gray: pure blue's
_U_REACH, _V_REACH = 0.4361, 0.615  # a hair above the U of pure blue, 0.43601, and the V of pure red, 0.61498


@dataclass(frozen=True)
class ColorSpace:
    """How RGB becomes gray and chroma in [-1, 1], and back.

    Attributes:
        name: the key under which it stands in `COLOR_SPACES`, and which a weights file stores.
        chroma_channels: how many channels a network predicts.
        hue_channel: index of the chroma channel that wraps (-1 and 1 are the same), or None.
        point_channels: indices of two channels that are the cosine and sine of the hue, or None.
        saturation_channel: index of the channel that is the saturation (in polar Lab the distance from gray), or None.
        gray: RGB `(..., 3, H, W)` in [0, 1] to the gray `(..., 1, H, W)` alone, in [-1, 1].
        encode: RGB `(..., 3, H, W)` in [0, 1] to gray `(..., 1, H, W)` and chroma `(..., C, H, W)`, both in [-1, 1].
        decode: the same gray and chroma to RGB in [0, 1]. Lab and YUV can name colors that RGB lacks; those are clipped
            channel by channel.

    Example:
        >>> gray, chroma = HSV.encode(torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1))
        >>> gray.item(), [round(number, 3) for number in chroma.flatten().tolist()]
        (1.0, [-0.667, 1.0])
    """

    name: str
    chroma_channels: int
    hue_channel: int | None
    point_channels: tuple[int, int] | None
    saturation_channel: int | None
    gray: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], tuple[Tensor, Tensor]]
    decode: Callable[[Tensor, Tensor], Tensor]


def turns_to_half_turns(hue: Tensor) -> Tensor:
    """Hue in [0, 1) turns as the paper's [-1, 1) half-turns: red at 0, the seam at cyan.

    Args:
        hue: any shape, turns.

    Returns:
        Same shape, half-turns in [-1, 1).
    """
    return torch.where(hue < 0.5, 2 * hue, 2 * hue - 2)


def half_turns_to_turns(hue: Tensor) -> Tensor:
    """Hue in half-turns, [-1, 1] or any real number, as turns in [0, 1].

    Args:
        hue: any shape, half-turns.

    Returns:
        Same shape, turns; 1 can come of a half-turn a rounding step below 0 and stands for 0.
    """
    return torch.remainder(hue, 2) / 2


def luminance_gray(rgb: Tensor) -> Tensor:
    """The gray of a photo as a panchromatic film or a scanner sees it, not as its V: luma of BT.601.

    Args:
        rgb: `(..., 3, H, W)`, values in [0, 1].

    Returns:
        `(..., 1, H, W)` in [-1, 1], to feed to a network in place of the gray of `HSV.encode`.
    """
    return 2 * rgb_to_yuv(rgb)[..., :1, :, :] - 1


def decode_luminance(luminance: Tensor, chroma: Tensor, space: ColorSpace) -> Tensor:
    """RGB of given hues and saturations that is as bright as a scanned photo, whose gray is luminance and not V.

    A pixel of luminance L and a color that has luminance C at V = 1 need V = L / C, for luminance is proportional to V. Where
    that is more than 1, the color is darker than the pixel even at full V; then it is mixed with white until both agree.

    Args:
        luminance: gray as of `luminance_gray`, `(..., 1, H, W)` in [-1, 1].
        chroma: `(..., C, H, W)` in [-1, 1].
        space: what the chroma's channels mean; one with a saturation, whose gray is V.

    Returns:
        `(..., 3, H, W)` in [0, 1]; its `luminance_gray` is the one given.

    Raises:
        ValueError: if the space has no saturation.

    Example:
        >>> red, gray = torch.tensor([0.0, 1.0]).reshape(2, 1, 1), torch.full((1, 1, 1), -0.701)
        >>> decode_luminance(gray, red, HSV).flatten(), HSV.decode(gray, red).flatten()
        (tensor([0.5000, 0.0000, 0.0000]), tensor([0.1495, 0.0000, 0.0000]))
    """
    check_has_saturation(space)
    bright = space.decode(torch.ones_like(luminance), chroma)
    wanted, found = ((gray + 1) / 2 for gray in (luminance, luminance_gray(bright)))
    # White has luminance 1 and needs no mixing; the clamp only keeps the branch that is not taken free of 0 / 0.
    paled = 1 - (1 - bright) * ((1 - wanted) / (1 - found).clamp(min=1e-6))
    return torch.where(wanted <= found, bright * (wanted / found.clamp(min=1e-6)), paled).clamp(0, 1)


def check_has_saturation(space: ColorSpace) -> None:
    """ValueError unless the color space has a saturation, whose gray is V."""
    if space.saturation_channel is None:
        raise ValueError(f"the color space {space.name!r} has no saturation, so its gray is not V")


def amplify(chroma: Tensor, gain: float, space: ColorSpace) -> Tensor:
    """Chroma made more or less vivid: its saturation, or else all of it, times a gain.

    Args:
        chroma: `(..., C, H, W)` in [-1, 1].
        gain: 1 changes nothing, 0 gives gray.
        space: what the chroma's channels mean.

    Returns:
        Same shape; saturation stops at its largest, Lab and YUV chroma may leave [-1, 1] and are clipped when decoded.

    Raises:
        ValueError: if `gain` is negative.
    """
    if not gain >= 0:
        raise ValueError(f"gain must be at least 0, got {gain}")
    if space.saturation_channel is None:
        return chroma * gain
    channels = list(chroma.unbind(-3))
    saturation = (channels[space.saturation_channel] + 1) / 2
    channels[space.saturation_channel] = (saturation * gain).clamp(max=1) * 2 - 1
    return torch.stack(channels, -3)


def join_chroma(gray: Tensor, chroma: Tensor, space: ColorSpace, gain: float = 1.0) -> Tensor:
    """Chroma of any smaller size, made more or less vivid and enlarged, joined with a gray picture.

    Args:
        gray: `(1, H, W)` in [-1, 1].
        chroma: `(C, h, w)` in [-1, 1], such as stage one's, with h and w at most H and W.
        space: what both mean.
        gain: as in `amplify`.

    Returns:
        RGB `(3, H, W)` in [0, 1].

    Raises:
        ValueError: if `gain` is negative.
    """
    vivid = amplify(chroma, gain, space)[None]
    return space.decode(gray, enlarge_chroma(vivid, gray.shape[-2:], space.hue_channel)[0])


def hue_of(chroma: Tensor, space: ColorSpace) -> Tensor | None:
    """The hue in half-turns `(..., 1, H, W)` of chroma `(..., C, H, W)`, or None where the space has none."""
    if space.point_channels is not None:
        cosine, sine = space.point_channels
        return hue_of_point(chroma[..., cosine, :, :], chroma[..., sine, :, :]).unsqueeze(-3)
    return None if space.hue_channel is None else chroma[..., space.hue_channel, :, :].unsqueeze(-3)


def shrink_chroma(chroma: Tensor, factor: int, space: ColorSpace) -> Tensor:
    """Chroma made `factor` times smaller: hues averaged as points, each as heavy as its saturation; all else as numbers.

    The mean of the numbers -0.95 and 0.95, both nearly cyan, would be red; and a gray pixel's hue should not count.

    Args:
        chroma: `(B, C, H, W)` in [-1, 1]; H and W are multiples of `factor`.
        factor: 1 or more.
        space: what the channels mean.

    Returns:
        `(B, C, H / factor, W / factor)`; a hue as a point lies on the unit circle again.
    """
    hue = hue_of(chroma, space)
    smaller = shrink(chroma, factor)
    if hue is None or factor == 1:
        return smaller
    # A trace of weight for gray pixels keeps the hue of an all-gray square defined.
    weight = (chroma[:, space.saturation_channel].unsqueeze(1) + 1) / 2 + 1e-4
    angle = hue * torch.pi
    mean_hue = hue_of_point(shrink(angle.cos() * weight, factor), shrink(angle.sin() * weight, factor))
    channels = list(smaller.split(1, 1))
    if space.point_channels is None:
        channels[space.hue_channel] = mean_hue
    else:
        cosine, sine = space.point_channels
        channels[cosine], channels[sine] = (mean_hue * torch.pi).cos(), (mean_hue * torch.pi).sin()
    return torch.cat(channels, 1)


def _value_gray(rgb: Tensor) -> Tensor:
    red, green, blue = rgb.split(
        1, -3
    )  # amax over three planes is computed pixel by pixel, thirty times slower
    return 2 * torch.maximum(torch.maximum(red, green), blue) - 1


def _lightness_gray(rgb: Tensor) -> Tensor:
    return rgb_to_lab(rgb)[..., :1, :, :] / 50 - 1


def _encode_hsv(rgb: Tensor) -> tuple[Tensor, Tensor]:
    hue, saturation, value = rgb_to_hsv(rgb).split(1, -3)
    return 2 * value - 1, torch.cat((turns_to_half_turns(hue), 2 * saturation - 1), -3)


def _decode_hsv(gray: Tensor, chroma: Tensor) -> Tensor:
    hue, saturation = chroma.split(1, -3)
    return hsv_to_rgb(torch.cat((hue / 2, (saturation + 1) / 2, (gray + 1) / 2), -3))


def _encode_hsv_point(rgb: Tensor) -> tuple[Tensor, Tensor]:
    gray, chroma = _encode_hsv(rgb)
    angle = chroma[..., :1, :, :] * torch.pi
    return gray, torch.cat((angle.cos(), angle.sin(), chroma[..., 1:, :, :]), -3)


def _decode_hsv_point(gray: Tensor, chroma: Tensor) -> Tensor:
    cosine, sine, saturation = chroma.split(1, -3)
    # A point near the center is an undecided hue. At full saturation it would show every flip between two hues as a rainbow,
    # so saturation fades with the square root of the point's length. (The clamp keeps the slope finite at the center.)
    certainty = (cosine.square() + sine.square()).clamp(1e-6, 1).sqrt().sqrt()
    faded = (saturation + 1) * certainty - 1
    return _decode_hsv(gray, torch.cat((hue_of_point(cosine, sine), faded), -3))


def _encode_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    lab = rgb_to_lab(rgb)
    return lab[..., :1, :, :] / 50 - 1, lab[..., 1:, :, :] / LAB_REACH


def _decode_lab(gray: Tensor, chroma: Tensor) -> Tensor:
    return lab_to_rgb(torch.cat((50 * (gray + 1), chroma * LAB_REACH), -3)).clamp(0, 1)


def _encode_lab_polar(rgb: Tensor) -> tuple[Tensor, Tensor]:
    lightness, a, b = rgb_to_lab(rgb).split(1, -3)
    distance = torch.hypot(a, b) / _LAB_RADIUS
    return lightness / 50 - 1, torch.cat((hue_of_point(a, b), 2 * distance - 1), -3)


def _decode_lab_polar(gray: Tensor, chroma: Tensor) -> Tensor:
    hue, strength = chroma.split(1, -3)
    angle, distance = hue * torch.pi, (strength + 1) / 2 * _LAB_RADIUS
    lab = torch.cat((50 * (gray + 1), distance * angle.cos(), distance * angle.sin()), -3)
    return lab_to_rgb(lab).clamp(0, 1)


def _encode_yuv(rgb: Tensor) -> tuple[Tensor, Tensor]:
    y, u, v = rgb_to_yuv(rgb).split(1, -3)
    return 2 * y - 1, torch.cat((u / _U_REACH, v / _V_REACH), -3)


def _decode_yuv(gray: Tensor, chroma: Tensor) -> Tensor:
    u, v = chroma.split(1, -3)
    return yuv_to_rgb(torch.cat(((gray + 1) / 2, u * _U_REACH, v * _V_REACH), -3)).clamp(0, 1)


HSV = ColorSpace("hsv", 2, 0, None, 1, _value_gray, _encode_hsv, _decode_hsv)
"""The paper's: gray is V; chroma is hue in half-turns (red 0, seam at cyan) and saturation."""

HSV_POINT = ColorSpace("hsv-point", 3, None, (0, 1), 2, _value_gray, _encode_hsv_point, _decode_hsv_point)
"""Not the paper's: gray is V; chroma is the hue as a point (cosine, sine) on the unit circle, and saturation. A point inside the
circle is an undecided hue, and is decoded to less saturation: times the square root of its length."""

LAB = ColorSpace("lab", 2, None, None, None, _lightness_gray, _encode_lab, _decode_lab)
"""Gray is L; chroma is a and b, divided by 110."""

LAB_POLAR = ColorSpace("lab-polar", 2, 0, None, 1, _lightness_gray, _encode_lab_polar, _decode_lab_polar)
"""Lab with its chroma told as HSV tells it: the angle of (a, b) in half-turns, and its distance from gray, divided by 134. Not the
paper's; a control, to see whether HSV's way of telling matters or HSV itself."""

YUV = ColorSpace("yuv", 2, None, None, None, luminance_gray, _encode_yuv, _decode_yuv)
"""Gray is Y; chroma is U and V, divided by 0.4361 and 0.615, just above the largest that they can be."""

COLOR_SPACES = {space.name: space for space in (HSV, HSV_POINT, LAB, LAB_POLAR, YUV)}
"""Every color space by its name."""

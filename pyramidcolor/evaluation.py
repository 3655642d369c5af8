"""How well a network colorizes photos whose colors are known, beside the two rows that every network must beat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from .batches import center_view
from .checkpoints import Colorizer
from .color import hsv_to_rgb, rgb_to_hsv
from .colorspaces import HSV, ColorSpace, join_chroma
from .inference import colorize
from .metrics import Scores, mean_saturation
from .photos import Photos

_LARGE_ENOUGH = 32  # pixels; no measure refuses a photo of this side for its size


@dataclass(frozen=True)
class Tint:
    """One hue and one saturation for every pixel.

    Attributes:
        hue: turns, [0, 1).
        saturation: [0, 1].
    """

    hue: float
    saturation: float

    def __call__(self, rgb: Tensor) -> Tensor:
        """A photo `(3, H, W)` in this tint, with its own value."""
        value = rgb.amax(-3)
        hue, saturation = (torch.full_like(value, number) for number in (self.hue, self.saturation))
        return hsv_to_rgb(torch.stack((hue, saturation, value), -3))


def gray_picture(rgb: Tensor, space: ColorSpace = HSV) -> Tensor:
    """A photo without its colors: the row that knows nothing and risks nothing.

    Args:
        rgb: `(3, H, W)` in [0, 1].
        space: whose gray it keeps, V unless told; L or Y is closer to the photo.

    Returns:
        `(3, H, W)` in [0, 1].
    """
    colorless = space.encode(torch.full((3, 1, 1), 0.5))[1]
    # Lab's way there and back leaves a trace of color, which would have a hue.
    return join_chroma(space.gray(rgb), colorless, space).amax(-3, keepdim=True).expand(3, -1, -1)


def best_tint(photos: Sequence[Tensor], size: int = 128) -> Tint:
    """The tint with the smallest hue error over photos, and their mean saturation: what knowing nothing can reach.

    For photos of this world it is a sepia. A network that does not beat it has learned brown.

    Args:
        photos: a data set of RGB `(3, H, W)` in [0, 1].
        size: photos are looked at as squares of this side.

    Raises:
        ValueError: if there are no photos or `size` is less than 1.
    """
    _check_size(size)
    if not len(photos):
        raise ValueError("a tint needs photos, got none")
    degrees = torch.arange(360)
    counts, saturations = torch.zeros(360, dtype=torch.float64), []
    for index in range(len(photos)):
        hue, saturation, value = rgb_to_hsv(center_view(photos[index], size)).unbind(-3)
        places = (hue * 360).long().clamp(max=359).flatten()
        counts.scatter_add_(0, places, (saturation * value).flatten().double())
        saturations.append(saturation.mean().item())
    apart = (degrees[:, None] - degrees).abs()
    errors = torch.minimum(apart, 360 - apart).double() @ counts
    return Tint(errors.argmin().item() / 360, sum(saturations) / len(saturations))


def evaluate(
    colorizer: Colorizer | Callable[[Tensor], Tensor],
    photos: Sequence[Tensor],
    *,
    size: int = 256,
    saturation: float = 1.0,
    working_size: int | None = None,
    input_scales: Sequence[float] | None = None,
    smoothing: int | None = None,
    measures: Iterable[str] | None = None,
) -> dict[str, float]:
    """The figures of a network on photos in color, of which it sees the gray channel only.

    Args:
        colorizer: a network, or any function from a photo `(3, H, W)` to its colorization of the same shape.
        photos: a data set of RGB `(3, H, W)` in [0, 1]; the largest square in the middle of each is used.
        size: side to which the squares are resized.
        saturation: gain, as in `inference.colorize`.
        working_size, input_scales, smoothing: as in `inference.colorize`.
        measures: names of figures of `metrics.Scores`; None for all.

    Returns:
        The figures by name, as `metrics.Scores.result` defines them.

    Raises:
        ValueError: if there are no photos, a measure is unknown or another argument is out of range.
    """
    _check_size(size)
    function = _colorize_with(colorizer, saturation, working_size, input_scales, smoothing)
    scores = Scores(measures)
    for index in range(len(photos)):
        photo = center_view(photos[index], size)
        scores.add(function(photo), photo)
    return scores.result()


def score_by_source(
    colorizer: Colorizer | Callable[[Tensor], Tensor],
    photos: Photos,
    *,
    size: int = 256,
    saturation: float = 1.0,
    working_size: int | None = None,
    input_scales: Sequence[float] | None = None,
    smoothing: int | None = None,
    measures: Iterable[str] | None = None,
    by_photo: bool = False,
) -> tuple[Scores, dict[str, Scores]]:
    """What the figures of `evaluate` come of, of all photos and of each source's: a network does worse on kinds it never saw.

    Args:
        colorizer, size, saturation, working_size, input_scales, smoothing, measures: as in `evaluate`.
        photos: a data set that says where each photo comes from.
        by_photo: as in `metrics.Scores`: whether the scores can be resampled.

    Returns:
        The scores of all photos, and by source, in the order of their names; `result()` of each gives the figures. The photos of
        all stand in the order of the sources, whatever the network.

    Raises:
        ValueError: as `evaluate`, but where there are no photos.
    """
    _check_size(size)
    function = _colorize_with(colorizer, saturation, working_size, input_scales, smoothing)
    measures = None if measures is None else tuple(measures)
    parts = {source: Scores(measures, by_photo) for source in sorted(set(photos.sources))}
    for index, source in enumerate(photos.sources):
        photo = center_view(photos[index], size)
        parts[source].add(function(photo), photo)
    whole = Scores(measures, by_photo)
    for part in parts.values():
        whole.merge(part)
    return whole, parts


def check_measuring(
    colorizer: Colorizer | Callable[[Tensor], Tensor],
    *,
    size: int = 256,
    saturation: float = 1.0,
    working_size: int | None = None,
    input_scales: Sequence[float] | None = None,
    smoothing: int | None = None,
    measures: Iterable[str] | None = None,
) -> None:
    """Raise now the ValueError with which arguments would be refused once photos are measured.

    A network looks at one blank photo, because it alone knows what fits it.

    Args:
        colorizer, size, saturation, working_size, input_scales, smoothing, measures: as in `evaluate`.

    Raises:
        ValueError: if one is out of range; names it.

    Example:
        >>> check_measuring(gray_picture, size=6)
        Traceback (most recent call last):
        ValueError: size 6 is too small: ssim needs photos of at least 7x7 pixels, got 6x6
    """
    _check_size(size)
    function = _colorize_with(colorizer, saturation, working_size, input_scales, smoothing)
    scores, side = Scores(measures), min(size, _LARGE_ENOUGH)
    blank = torch.zeros(3, side, side)
    function(blank)
    try:
        scores.add(blank, blank)
    except ValueError as error:
        raise ValueError(f"size {size} is too small: {error}") from None


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")


def _colorize_with(colorizer, saturation, working_size, input_scales, smoothing):
    if not isinstance(colorizer, Colorizer):
        return colorizer
    return partial(
        colorize,
        weights=colorizer,
        saturation=saturation,
        working_size=working_size,
        input_scales=input_scales,
        smoothing=smoothing,
    )


def calibrate_saturation(colorizer: Colorizer, photos: Sequence[Tensor], size: int = 256) -> Colorizer:
    """The same network with the gain at which it colors photos as vividly as they truly are, on average.

    Args:
        colorizer: a network whose color space has a saturation.
        photos: a data set of RGB `(3, H, W)` in [0, 1]; some tens are enough.
        size: side to which their middle squares are resized.

    Returns:
        A colorizer with another `saturation_gain`, between 1/4 and 4; the network is shared.

    Raises:
        ValueError: if the color space has no saturation, there are no photos, or `size` is less than 1.
    """
    _check_size(size)
    if colorizer.color_space.saturation_channel is None:
        raise ValueError(f"the color space {colorizer.color_space.name!r} has no saturation to calibrate")
    if not len(photos):
        raise ValueError("calibrating needs photos")
    squares = [center_view(photos[index], size) for index in range(len(photos))]
    wanted = sum(mean_saturation(square) for square in squares)
    gain = 1.0
    for _ in range(4):  # saturation that stops at 1 makes one step fall a little short
        colored = [colorize(square, replace(colorizer, saturation_gain=gain)) for square in squares]
        gain *= wanted / max(sum(mean_saturation(square) for square in colored), 1e-6)
        gain = min(max(gain, 0.25), 4.0)
    return replace(colorizer, saturation_gain=round(gain, 4))

"""How good a colorization is: figures that compare predicted with true photos, each with its blind spot.

No figure here decides alone. Gray wins PSNR, noise wins colorfulness, sepia does well on the plain hue error;
every docstring says what its figure rewards wrongly, and a table should show several beside gray and sepia.

All functions take RGB photos `(3, H, W)` or `(B, 3, H, W)`, floating-point, in [0, 1], compute on the CPU
without gradients and return Python floats, or, `hue_errors` and `chroma_errors`, a map. Figures add up from sums over photos, so `Scores` gives the same
numbers for photos that come one by one and differ in size. A figure is NaN where the photos cannot tell: a
hue error of gray photos.

Every function raises TypeError for anything but floating-point tensors, and ValueError, with the argument's
name, for a wrong or empty shape, for shapes that differ, and for values that are NaN or outside [0, 1] by
more than 1e-5 (less is the rounding of a resize).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import max_pool1d

from .color import rgb_to_hsv, rgb_to_lab

HUE_FAMILIES = ("red", "yellow", "green", "cyan", "blue", "magenta")
"""The six families of hues, each 60 degrees wide, centered at 0, 60, 120, 180, 240 and 300 degrees."""

_ROUNDING = 1e-5  # far below the step of an 8-bit file, far above what resizing in float32 adds
_SSIM_WINDOW = 7  # scikit-image's default
_EDGE_STEP = 10.0  # ab change between neighbors that makes an edge: about four just noticeable differences
_EDGE_REACH = 4  # pairs on both sides of an edge that lie beside it: one cell of chroma at 1/4 of the side
_NO_STEP = 0.01  # grays differ by up to 0.005 in ab: the matrix and the white are rounded numbers


def psnr(predicted: Tensor, true: Tensor) -> float:
    """Peak signal-to-noise ratio in decibels, 10 log10(1 / mean squared RGB error); higher is better.

    The mean over photos of each photo's PSNR. At least 0; infinite as soon as one photo is exact.

    Rewards wrongly: caution. Where a pixel may be red or green, gray lies between both and beats a vivid
    guess that errs half of the time.

    Example:
        >>> round(psnr(torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), 0.6)), 3)
        20.0
    """
    return _figure("psnr", predicted, true)


def ssim(predicted: Tensor, true: Tensor) -> float:
    """Structural similarity, higher is better: the mean over photos, channels and 7x7 windows.

    In [-1, 1]; 1 means equal photos. Each photo needs at least 7x7 pixels, or ValueError.

    Rewards wrongly: the brightness that every colorization is given. Texture agrees whatever the color, so
    gray and false colors score high too.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", IEEE Trans. Image Processing 13
        (2004); computed by scikit-image with its default uniform window.

    Example:
        >>> photo = torch.linspace(0, 1, 192).reshape(3, 8, 8)
        >>> round(ssim(photo, photo), 3)
        1.0
    """
    return _figure("ssim", predicted, true)


def mean_saturation(images: Tensor) -> float:
    """Mean HSV saturation over all pixels of all photos, in [0, 1]; 0 is gray.

    Rewards wrongly: any strong color in any place. Dark pixels count as much as bright ones, and their
    saturation is mostly noise.

    Example:
        >>> mean_saturation(torch.tensor([1.0, 0.5, 0.5]).reshape(3, 1, 1))
        0.5
    """
    return _ratio(_total(_saturation_sums, images=images))


def saturation_ratio(predicted: Tensor, true: Tensor) -> float:
    """Mean predicted over mean true HSV saturation, both over all pixels of all photos; 1 is right.

    At least 0: gray scores 0, and more than 1 is more vivid than the truth. NaN or infinite where the truth
    is gray.

    Rewards wrongly: any colors of the right strength. A sepia tint of the right mean saturation scores 1, and
    too strong colors in one photo make up for gray in another.

    Example:
        >>> red, pale = (torch.tensor([1.0, low, low]).reshape(3, 1, 1) for low in (0.0, 0.5))
        >>> saturation_ratio(pale, red)
        0.5
    """
    return _figure("saturation_ratio", predicted, true)


def colorfulness(images: Tensor) -> float:
    """How colorful people find a photo: spread and mean of its opponent colors; the mean over photos.

    sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2) with rg = R - G and yb = (R + G) / 2 - B, all
    on the scale of 0 to 255. Gray scores 0; the authors call 15 slightly, 45 averagely and 109
    extremely colorful.

    Rewards wrongly: variety for its own sake. Random colors score higher than any photo.

    Source:
        Hasler and Suesstrunk, "Measuring colourfulness in natural images", Human Vision and Electronic
        Imaging (2003).

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
        >>> round(colorfulness(red), 2)  # 0.3 * 255 * sqrt(1 + 1/4)
        85.53
    """
    return _ratio(_total(_colorfulness_sums, images=images))


def colorfulness_ratio(predicted: Tensor, true: Tensor) -> float:
    """Mean predicted over mean true colorfulness; 1 is right. See `colorfulness`.

    At least 0: gray scores 0. NaN or infinite where every true photo is gray.

    Rewards wrongly: colors as varied as the true ones, wherever they are. Noise passes 1 with ease.

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
        >>> colorfulness_ratio(red / 2, red)
        0.5
    """
    return _figure("colorfulness_ratio", predicted, true)


def hue_error_degrees(predicted: Tensor, true: Tensor) -> float:
    """Mean hue difference the short way round, weighted by true saturation times value; lower is better.

    In [0, 180] degrees; 90 knows nothing, and 180 has every hue opposite. One weighted mean over all pixels
    of all photos: vivid photos count more than dull ones. A predicted pixel without hue (gray) counts as 90.
    NaN where the truth is gray.

    Rewards wrongly: brown. Most color in photos is red to yellow, so one orange tint for everything scores
    about 60. Saturation does not enter: a trace of the right hue is as good as the color itself.

    Example:
        >>> red, yellow = (torch.tensor([1.0, green, 0.0]).reshape(3, 1, 1) for green in (0.0, 1.0))
        >>> round(hue_error_degrees(red, yellow), 3)
        60.0
    """
    return _figure("hue_error_degrees", predicted, true)


def hue_errors(predicted: Tensor, true: Tensor) -> Tensor:
    """How far the hue of each pixel is off, the short way round: the map whose weighted mean is `hue_error_degrees`.

    Returns:
        `(H, W)` or `(B, H, W)`, degrees in [0, 180]. A predicted pixel without hue (gray) counts as 90.

    Rewards wrongly: nothing is weighted here, so the restless hues of gray and dark true pixels count like any
    other. Weigh before you average.

    Example:
        >>> red, yellow = (torch.tensor([1.0, green, 0.0]).reshape(3, 1, 1) for green in (0.0, 1.0))
        >>> hue_errors(red, yellow)
        tensor([[60.]])
    """
    return _maps(_hue_degrees, predicted, true)


def chroma_errors(predicted: Tensor, true: Tensor) -> Tensor:
    """The ab distance of each pixel from its true color: the map whose mean is `chroma_error`.

    Returns:
        `(H, W)` or `(B, H, W)`, at least 0.

    Rewards wrongly: caution, as `chroma_error`.

    Example:
        >>> red, blue = (torch.tensor(rgb).reshape(3, 1, 1) for rgb in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))
        >>> chroma_errors(red, blue).round()
        tensor([[175.]])
    """
    return _maps(_chroma_distance, predicted, true)


def hue_family_errors_degrees(predicted: Tensor, true: Tensor) -> dict[str, float]:
    """`hue_error_degrees` within each family of true hues, by the names in `HUE_FAMILIES`; lower is better.

    Each in [0, 180] degrees. A family that no true pixel belongs to is NaN.

    Rewards wrongly: each family alone is won by a tint of its color, so read all six together. A family of
    few pixels tells little: its figure hangs on whether those few are noise.

    Example:
        >>> red, yellow = (torch.tensor([1.0, green, 0.0]).reshape(3, 1, 1) for green in (0.0, 1.0))
        >>> errors = hue_family_errors_degrees(torch.cat((red, red), -1), torch.cat((red, yellow), -1))
        >>> round(errors["red"]), round(errors["yellow"]), errors["blue"]
        (0, 60, nan)
    """
    errors = _family_errors(_total(_hue_sums, predicted=predicted, true=true))
    return dict(zip(HUE_FAMILIES, errors, strict=True))


def balanced_hue_error_degrees(predicted: Tensor, true: Tensor) -> float:
    """Mean of `hue_family_errors_degrees` over the families that occur in the truth; lower is better.

    In [0, 180] degrees; 90 knows nothing, and every single tint scores about 90. NaN where the truth is gray.

    Rewards wrongly: bets on rare colors, since little magenta weighs as much as much brown; few noisy pixels
    can be a whole family, so judge on many photos. Like the plain hue error it does not see saturation.

    Example:
        >>> red, yellow = (torch.tensor([1.0, green, 0.0]).reshape(3, 1, 1) for green in (0.0, 1.0))
        >>> tint, photo = torch.cat((red, red, red, red), -1), torch.cat((red, red, red, yellow), -1)
        >>> round(hue_error_degrees(tint, photo)), round(balanced_hue_error_degrees(tint, photo))
        (15, 30)
    """
    return _figure("balanced_hue_error_degrees", predicted, true)


def delta_e(predicted: Tensor, true: Tensor) -> float:
    """Mean color difference as seen, CIEDE2000: the mean over pixels, then over photos; lower is better.

    At least 0; 1 is about the smallest difference that one sees, black and white are 100 apart.

    Rewards wrongly: caution, like PSNR. It was made for small differences between uniform patches.

    Source:
        Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", Color Research and Application 30
        (2005); computed by scikit-image.

    Example:
        >>> round(delta_e(torch.zeros(3, 1, 1), torch.ones(3, 1, 1)), 3)
        100.0
    """
    return _figure("delta_e", predicted, true)


def chroma_error(predicted: Tensor, true: Tensor) -> float:
    """Mean Euclidean distance in the ab plane of CIE L*a*b*: over pixels, then over photos; lower is better.

    At least 0. The yardstick is `chroma_error_of_gray`: what is above it is worse than no color.

    Rewards wrongly: caution. The middle of all likely colors, a dull brown, minimizes it. Lightness does not
    enter.

    Example:
        >>> red, blue = (torch.tensor(rgb).reshape(3, 1, 1) for rgb in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))
        >>> round(chroma_error(red, blue))
        175
    """
    return _figure("chroma_error", predicted, true)


def chroma_error_of_gray(true: Tensor) -> float:
    """The `chroma_error` of a gray picture: the mean ab distance of the true colors from gray.

    At least 0. It judges no colorization; it says how much color there is to find.

    Example:
        >>> round(chroma_error_of_gray(torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)))
        105
    """
    return _ratio(_total(_gray_chroma_sums, true=true))


def chroma_error_at_edges(predicted: Tensor, true: Tensor) -> float:
    """The `chroma_error` of the pixels beside true edges alone; lower is better.

    A pixel counts if a pair of neighbors whose true ab distance is at least 10, as in `bleeding`, lies at most 4
    pixels away on its row or its column. All such pixels of all photos count the same, so a photo without edges
    counts nothing. At least 0; NaN where the truth has no edges.

    What is blurred errs here and `chroma_error_off_edges` hardly sees it; what has the wrong color errs in both.
    So read the two together.

    Rewards wrongly: caution, like `chroma_error`. The reach is in pixels, so compare at one size only.

    Raises:
        ValueError: also for photos of less than 2x2 pixels.

    Example:
        >>> sharp = torch.zeros(3, 8, 24)  # half red, half blue
        >>> sharp[0, :, :12] = sharp[2, :, 12:] = 1
        >>> moved = sharp.roll(1, -1)  # one column of the eight beside the edge has the other color
        >>> round(8 * chroma_error_at_edges(moved, sharp))
        175
    """
    return _figure("chroma_error_at_edges", predicted, true)


def chroma_error_off_edges(predicted: Tensor, true: Tensor) -> float:
    """The `chroma_error` of all pixels that `chroma_error_at_edges` leaves out; lower is better.

    At least 0; NaN where every pixel lies beside an edge.

    Rewards wrongly: as `chroma_error`, and it sees no blur.

    Raises:
        ValueError: also for photos of less than 2x2 pixels.

    Example:
        >>> red, blue = (torch.tensor(rgb).reshape(3, 1, 1).expand(3, 2, 2) for rgb in ([1.0, 0, 0], [0, 0, 1.0]))
        >>> round(chroma_error_off_edges(red, blue))
        175
    """
    return _figure("chroma_error_off_edges", predicted, true)


def bleeding(predicted: Tensor, true: Tensor) -> float:
    """How evenly the predicted chroma changes around true edges instead of across them; lower is better.

    Each row and each column of pixels is read as a line. A pair of neighbors on it whose true ab distance is
    at least 10 lies across an edge; the other pairs within 4 steps on the same line lie beside it. With r as
    the mean chroma change (ab distance) of the pairs beside edges over that of the pairs across them, the
    figure is

        (r of the prediction - r of the truth) / (1 - r of the truth)

    with the changes summed over all photos before they are divided. The truth scores 0, as does any chroma
    that keeps its proportions. Chroma that changes as much beside edges as across them scores 1: random
    colors, a broad blur of flat areas. Chroma that changes across edges alone scores below 0. Edges that lie
    a little off score above 1, up to infinity. NaN where the truth has no edges, and where the prediction has
    no chroma: gray cannot bleed.

    Read it beside a tint, because brightness moves chroma too: what is dark cannot be vivid. On 300 photos of
    256x256 random colors score 0.97, but a sepia tint scores 0.28 and the true ab blurred by 0.5, 1, 2, 4 and
    8 pixels scores 0.01, 0.13, 0.33, 0.43 and 0.37: it tells narrow bleeding apart, broad bleeding no more.

    Rewards wrongly: any color that follows edges, also of the wrong hue, and edges that are left out
    altogether. The reach is in pixels, so compare at one size only.

    Source:
        Our own; the literature shows bleeding in pictures.

    Raises:
        ValueError: also for photos of less than 2x2 pixels.

    Example:
        >>> sharp = torch.zeros(3, 8, 16)  # half red, half blue
        >>> sharp[0, :, :8] = sharp[2, :, 8:] = 1
        >>> bleeding(sharp, sharp), bleeding(sharp.roll(2, -1), sharp)
        (0.0, inf)
    """
    return _figure("bleeding", predicted, true)


class Scores:
    """All figures of this module over photos that come one by one or in batches, of any sizes, in any order.

    Only sums are kept, so any number of photos fits. Each figure is what the function of its name returns for
    all photos at once. With `by_photo` each photo's sums are kept, some hundred numbers, so that the figures can be `resampled`. `mean_saturation` and `colorfulness` are those of the predictions, and
    `hue_error_degrees_red` and its five sisters are the members of `hue_family_errors_degrees`.

    Args:
        measures: the names of the figures to compute, of `MEASURES`; None for all. `ssim` and `delta_e` take
            nearly half of the time, so leave them out where it counts.
        by_photo: whether to keep what `resampled` needs.

    Raises:
        ValueError: if `measures` names something else, or nothing.

    Example:
        >>> scores = Scores(measures=["saturation_ratio", "colorfulness_ratio"])
        >>> for size in (8, 16):
        ...     photo = torch.tensor([0.8, 0.4, 0.2]).reshape(3, 1, 1).expand(3, size, size)
        ...     scores.add(photo, photo)
        >>> scores.result()
        {'saturation_ratio': 1.0, 'colorfulness_ratio': 1.0}
    """

    def __init__(self, measures: Iterable[str] | None = None, by_photo: bool = False) -> None:
        names = tuple(MEASURES if measures is None else measures)
        strangers = [name for name in names if name not in MEASURES]
        if strangers or not names:
            got = ", ".join(strangers) or "none"
            raise ValueError(f"measures must be some of {', '.join(MEASURES)}; got {got}")
        self._measures = {name: _MEASURES[name] for name in names}
        self._totals: dict[_Sums, Tensor] = {}
        self._photos: list[dict[_Sums, Tensor]] | None = [] if by_photo else None

    def add(self, predicted: Tensor, true: Tensor) -> None:
        """Take one photo `(3, H, W)` or a batch `(B, 3, H, W)` into account.

        Raises:
            TypeError, ValueError: as all functions here; then nothing of the batch has been counted.
        """
        wanted = {sums for sums, _ in self._measures.values()}
        self._count(list(_sums_by_photo(wanted, predicted=predicted, true=true)))

    def merge(self, other: Scores) -> None:
        """Take the photos into account that another one has counted.

        Raises:
            ValueError: if it counts for other measures, or has not kept each photo's sums where this one keeps them.
        """
        if other._measures.keys() != self._measures.keys():
            raise ValueError(
                f"scores of {', '.join(other._measures)} cannot be merged into scores of {', '.join(self._measures)}"
            )
        if self._photos is None:
            self._count([other._totals])
        elif other._photos is None:
            raise ValueError("scores without by_photo cannot be merged into scores with it")
        else:
            self._count(other._photos)

    def _count(self, photos: list[dict[_Sums, Tensor]]) -> None:
        for photo in photos:
            for sums, amount in photo.items():
                self._totals[sums] = self._totals.get(sums, 0) + amount
        if self._photos is not None:
            self._photos += photos

    def result(self) -> dict[str, float]:
        """The figures so far, by name.

        Raises:
            ValueError: if no photo has been added.
        """
        if not self._totals:
            raise ValueError("no photos to score: call add(predicted, true) first")
        return {name: finish(self._totals[sums]) for name, (sums, finish) in self._measures.items()}

    def resampled(self, times: int = 1000, seed: int = 0) -> dict[str, Tensor]:
        """The figures of as many other sets of photos, each drawn with replacement from those that were added: the bootstrap.

        How far they lie apart says how much a figure hangs on which photos it was measured on. It does not say how
        much another training of the network would change it, and photos of one kind, or of one place, make it too sure.

        Args:
            times: how many sets.
            seed: of the draw. Scores of the same photos in the same order draw the same sets, so that the difference of two
                networks' figures is one on the same photos in each.

        Returns:
            By name, float64 `(times,)`; NaN where a set's photos cannot tell. `interval` says between which numbers most of them lie.

        Raises:
            ValueError: without `by_photo`, if no photo has been added, or if `times` is less than 1.

        Source:
            Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 6 and 13.
        """
        if not self._photos:
            raise ValueError(
                "no photos to draw from: create Scores(by_photo=True) and call add(predicted, true) first"
            )
        if times < 1:
            raise ValueError(f"times must be at least 1, got {times}")
        count = len(self._photos)
        draws = torch.from_numpy(np.random.default_rng(seed).integers(count, size=(times, count)))
        sums_of = {
            sums: torch.stack([photo[sums].double() for photo in self._photos]) for sums in self._totals
        }
        # Added up, not multiplied by how often they were drawn: a PSNR can be infinite, and 0 times that is NaN.
        sets = {sums: [photos[draw].sum(0) for draw in draws] for sums, photos in sums_of.items()}
        return {
            name: torch.tensor([finish(one) for one in sets[sums]], dtype=torch.float64)
            for name, (sums, finish) in self._measures.items()
        }


def interval(values: Tensor, level: float = 0.95) -> tuple[float, float]:
    """Between which two of some values the middle share of them lies, such as of `Scores.resampled`: the percentile interval.

    Args:
        values: `(N,)`. NaN are left out.
        level: the share, in (0, 1).

    Returns:
        The lower and the upper one, both among the values; NaN if all are.

    Raises:
        ValueError: if there are no values or `level` is out of range.

    Example:
        >>> interval(torch.arange(101.0), 0.9)
        (5.0, 95.0)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values must be (N,), not empty, got {tuple(values.shape)}")
    known = values[~values.isnan()].sort().values
    if not len(known):
        return float("nan"), float("nan")
    last, outside = len(known) - 1, (1 - level) / 2
    # No mean of two neighbors: a PSNR can be infinite.
    return known[round(outside * last)].item(), known[round((1 - outside) * last)].item()


class _Photo:
    """One photo, `(3, H, W)`, with its HSV and Lab, each computed once and only where a figure needs it."""

    def __init__(self, rgb: Tensor) -> None:
        self.rgb = rgb

    @cached_property
    def hsv(self) -> Tensor:
        return rgb_to_hsv(self.rgb)

    @cached_property
    def lab(self) -> Tensor:
        return rgb_to_lab(self.rgb)


# From one photo, or a predicted and a true one, to numbers that add up over photos.
_Sums = Callable[..., Tensor]


def _psnr_sums(predicted: _Photo, true: _Photo) -> Tensor:
    error = (predicted.rgb - true.rgb).double().square().mean()
    return _once(-10 * error.log10())


def _ssim_sums(predicted: _Photo, true: _Photo) -> Tensor:
    _check_size(true, _SSIM_WINDOW, "ssim")
    options = {"win_size": _SSIM_WINDOW, "channel_axis": 0, "data_range": 1.0}
    return _once(structural_similarity(predicted.rgb.numpy(), true.rgb.numpy(), **options))


def _saturation_sums(photo: _Photo, *_: _Photo) -> Tensor:
    saturation = photo.hsv[1].double()
    return torch.stack((saturation.sum(), torch.tensor(saturation.numel())))


def _saturation_pair_sums(predicted: _Photo, true: _Photo) -> Tensor:
    return torch.stack((_saturation_sums(predicted)[0], _saturation_sums(true)[0]))


def _colorfulness_sums(photo: _Photo, *_: _Photo) -> Tensor:
    red, green, blue = (255 * photo.rgb.double()).unbind(0)
    opponents = torch.stack((red - green, (red + green) / 2 - blue)).flatten(1)
    spread = opponents.var(1, correction=0).sum().sqrt()
    return _once(spread + 0.3 * opponents.mean(1).square().sum().sqrt())


def _colorfulness_pair_sums(predicted: _Photo, true: _Photo) -> Tensor:
    return torch.stack((_colorfulness_sums(predicted)[0], _colorfulness_sums(true)[0]))


def _hue_sums(predicted: _Photo, true: _Photo) -> Tensor:
    """Weighted hue errors in degrees, and weights, of each family: `(2, 6)`."""
    degrees = _hue_degrees(predicted, true)
    true_hue, true_saturation, true_value = true.hsv
    weight = (true_saturation * true_value).double().flatten()
    family = (6 * true_hue + 0.5).long().flatten() % len(HUE_FAMILIES)
    sums = [torch.bincount(family, part, len(HUE_FAMILIES)) for part in (weight * degrees.flatten(), weight)]
    return torch.stack(sums)


def _hue_degrees(predicted: _Photo, true: _Photo) -> Tensor:
    hue, saturation, _ = predicted.hsv
    apart = (hue - true.hsv[0]).abs()
    # Gray is stored with hue 0; taken for a red tint, it would do well on faces.
    return torch.where(saturation > 0, 360 * torch.minimum(apart, 1 - apart), 90)


def _delta_e_sums(predicted: _Photo, true: _Photo) -> Tensor:
    difference = deltaE_ciede2000(predicted.lab.numpy(), true.lab.numpy(), channel_axis=0)
    return _once(difference.mean(dtype=np.float64))


def _chroma_sums(predicted: _Photo, true: _Photo) -> Tensor:
    return _once(_chroma_distance(predicted, true).double().mean())


def _chroma_distance(predicted: _Photo, true: _Photo) -> Tensor:
    return _length(predicted.lab[1:] - true.lab[1:])


def _gray_chroma_sums(*photos: _Photo) -> Tensor:
    return _once(_length(photos[-1].lab[1:]).double().mean())


def _edge_chroma_sums(predicted: _Photo, true: _Photo) -> Tensor:
    """Errors and number of pixels (columns) at edges and off them (rows): `(2, 2)`."""
    _check_size(true, 2, "a chroma error at edges")
    error, true_chroma = _length(predicted.lab[1:] - true.lab[1:]).double(), true.lab[1:]
    edges = _beside_edges_of_rows(true_chroma) | _beside_edges_of_rows(true_chroma.mT).mT
    return torch.stack([torch.stack((error[part].sum(), part.sum())) for part in (edges, ~edges)])


def _beside_edges_of_rows(true_chroma: Tensor) -> Tensor:
    across = (_length(true_chroma.diff(dim=-1)) >= _EDGE_STEP).float()[:, None]
    # A pair stands for the border between its pixels: its reach goes as far to the left as to the right.
    reach = 2 * _EDGE_REACH
    return max_pool1d(across, reach, stride=1, padding=_EDGE_REACH)[:, 0] > 0


def _bleeding_sums(predicted: _Photo, true: _Photo) -> Tensor:
    """Pairs, predicted change and true change (columns) across and beside edges (rows): `(2, 3)`."""
    _check_size(true, 2, "bleeding")
    chroma, true_chroma = predicted.lab[1:], true.lab[1:]
    return _bleeding_along_rows(chroma, true_chroma) + _bleeding_along_rows(chroma.mT, true_chroma.mT)


def _bleeding_along_rows(chroma: Tensor, true_chroma: Tensor) -> Tensor:
    steps = [_length(image.diff(dim=-1)) for image in (chroma, true_chroma)]
    change, true_change = (torch.where(step < _NO_STEP, 0, step) for step in steps)
    across = true_change >= _EDGE_STEP
    near = across.clone()
    for reach in range(1, _EDGE_REACH + 1):
        near[..., reach:] |= across[..., :-reach]
        near[..., :-reach] |= across[..., reach:]
    columns = torch.stack((torch.ones_like(change), change, true_change)).double()
    return torch.stack([columns[:, place].sum(-1) for place in (across, near & ~across)])


def _length(chroma: Tensor) -> Tensor:
    # `norm` over the two channels takes seventy times as long.
    return torch.hypot(chroma[0], chroma[1])


def _ratio(sums: Tensor) -> float:
    return (sums[0] / sums[1]).item()


def _hue_error(sums: Tensor) -> float:
    return _ratio(sums.sum(1))


def _family_errors(sums: Tensor) -> list[float]:
    return (sums[0] / sums[1]).tolist()


def _balanced_hue_error(sums: Tensor) -> float:
    return (sums[0] / sums[1]).nanmean().item()


def _bleeding_ratio(sums: Tensor) -> float:
    pairs, change, true_change = sums[1] / sums[0]
    ratio, true_ratio = change / pairs, true_change / pairs
    return ((ratio - true_ratio) / (1 - true_ratio)).item()


_MEASURES: dict[str, tuple[_Sums, Callable[[Tensor], float]]] = {
    "psnr": (_psnr_sums, _ratio),
    "ssim": (_ssim_sums, _ratio),
    "mean_saturation": (_saturation_sums, _ratio),
    "saturation_ratio": (_saturation_pair_sums, _ratio),
    "colorfulness": (_colorfulness_sums, _ratio),
    "colorfulness_ratio": (_colorfulness_pair_sums, _ratio),
    "hue_error_degrees": (_hue_sums, _hue_error),
    "balanced_hue_error_degrees": (_hue_sums, _balanced_hue_error),
    **{
        f"hue_error_degrees_{family}": (_hue_sums, lambda sums, place=place: _family_errors(sums)[place])
        for place, family in enumerate(HUE_FAMILIES)
    },
    "delta_e": (_delta_e_sums, _ratio),
    "chroma_error": (_chroma_sums, _ratio),
    "chroma_error_of_gray": (_gray_chroma_sums, _ratio),
    "chroma_error_at_edges": (_edge_chroma_sums, lambda sums: _ratio(sums[0])),
    "chroma_error_off_edges": (_edge_chroma_sums, lambda sums: _ratio(sums[1])),
    "bleeding": (_bleeding_sums, _bleeding_ratio),
}

MEASURES = tuple(_MEASURES)
"""The names of all figures of `Scores`, in the order of its result."""


def _maps(measure: Callable[[_Photo, _Photo], Tensor], predicted: Tensor, true: Tensor) -> Tensor:
    maps = [measure(*pair) for pair in _photos(predicted=predicted, true=true)]
    return maps[0] if predicted.ndim == 3 else torch.stack(maps)


def _figure(name: str, predicted: Tensor, true: Tensor) -> float:
    sums, finish = _MEASURES[name]
    return finish(_total(sums, predicted=predicted, true=true))


def _total(sums: _Sums, **images: Tensor) -> Tensor:
    return sum(photo[sums] for photo in _sums_by_photo([sums], **images))


def _sums_by_photo(wanted: Iterable[_Sums], **images: Tensor) -> Iterator[dict[_Sums, Tensor]]:
    for group in _photos(**images):
        yield {sums: sums(*group) for sums in wanted}


def _once(figure: Tensor | float) -> Tensor:
    # Divided in the end, the sums are the mean over photos.
    return torch.tensor([float(figure), 1.0], dtype=torch.float64)


def _photos(**images: Tensor) -> Iterator[tuple[_Photo, ...]]:
    """The checked photos of one batch, or the pairs of two: one by one, so that few are kept in Lab."""
    batches = [_checked_batch(name, batch) for name, batch in images.items()]
    shapes = {name: tuple(batch.shape) for name, batch in images.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{' and '.join(shapes)} differ in shape: {' and '.join(map(str, shapes.values()))}")
    for group in zip(*batches, strict=True):
        yield tuple(_Photo(photo) for photo in group)


def _checked_batch(name: str, images: Tensor) -> Tensor:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got {kind}")
    if images.ndim not in (3, 4) or images.shape[-3] != 3 or images.numel() == 0:
        raise ValueError(f"{name} must be (3, H, W) or (B, 3, H, W), not empty, got {tuple(images.shape)}")
    lowest, highest = (bound.item() for bound in images.detach().aminmax())
    # Written so that NaN fails too.
    if not (lowest >= -_ROUNDING and highest <= 1 + _ROUNDING):
        raise ValueError(f"{name} must have values in [0, 1], got values from {lowest:g} to {highest:g}")
    photos = images.detach().cpu()
    photos = photos.float() if photos.dtype in (torch.float16, torch.bfloat16) else photos
    return photos[None] if photos.ndim == 3 else photos


def _check_size(photo: _Photo, side: int, measure: str) -> None:
    height, width = photo.rgb.shape[-2:]
    if min(height, width) < side:
        raise ValueError(f"{measure} needs photos of at least {side}x{side} pixels, got {height}x{width}")

"""One network, several color spaces: how stage one paints in each, at which gain they are equally vivid, and tables over seeds.

What notebook 06 and `benchmarks/color_spaces.py` share. A row is a dictionary: `space`, `seed` (None for a row that was not
trained), and figures of `metrics` by their names.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .batches import center_view
from .checkpoints import Colorizer
from .colorspaces import ColorSpace, join_chroma
from .files import read_result
from .metrics import mean_saturation

MEASURES = {
    "saturation_ratio": ("saturation ratio", 2),
    "colorfulness_ratio": ("colorfulness ratio", 2),
    "hue_error_degrees": ("hue error (°)", 1),
    "balanced_hue_error_degrees": ("balanced hue error (°)", 1),
    "delta_e": ("Delta E 2000", 1),
    "psnr": ("PSNR (dB)", 1),
    "ssim": ("SSIM", 3),
}
"""What color spaces are compared by: for each figure of `metrics` its words and its decimals."""

_MOST_GAIN = 20.0
_CORRECTIONS = 30
_CLOSE = 0.002  # of the wanted saturation; tables show two decimals of its ratio


@torch.inference_mode()
def stage_one_chroma(photo: Tensor, colorizer: Colorizer) -> Tensor:
    """What stage one alone predicts for a photo, of which it sees the gray at the photo's own size.

    Args:
        photo: `(3, H, W)` in [0, 1]; H and W are multiples of the network's low factor.
        colorizer: the network.

    Returns:
        `(C, H / low_factor, W / low_factor)` in [-1, 1], on the CPU.
    """
    device = next(colorizer.model.parameters()).device
    gray = colorizer.color_space.gray(photo)[None].to(device)
    return colorizer.model.low_scale_net(gray)[0].float().cpu()


def paint(photo: Tensor, colorizer: Colorizer, gain: float = 1.0) -> Tensor:
    """A photo in stage one's colors alone: its chroma, amplified and enlarged, joined with the photo's own gray.

    Args:
        photo: `(3, H, W)` in [0, 1]; H and W are multiples of the network's low factor.
        colorizer: the network.
        gain: as in `colorspaces.amplify`.

    Returns:
        `(3, H, W)` in [0, 1].
    """
    space = colorizer.color_space
    return join_chroma(space.gray(photo), stage_one_chroma(photo, colorizer), space, gain)


def constant_chroma(photos: Sequence[Tensor], space: ColorSpace, size: int) -> Tensor:
    """The one chroma for all pixels of all photos with the least L1 error: the median of each channel.

    It is what a network that learns nothing of its pictures answers. A hue's median is that of its numbers, not the wrapped one.

    Args:
        photos: RGB `(3, H, W)` in [0, 1].
        space: what to encode as.
        size: side to which their middle squares are resized.

    Returns:
        `(C, 1, 1)` in [-1, 1], which `colorspaces.join_chroma` joins with any gray.

    Raises:
        ValueError: if there are no photos.
    """
    if not len(photos):
        raise ValueError("a median needs photos")
    chromas = [space.encode(center_view(photos[index], size))[1].flatten(1) for index in range(len(photos))]
    return torch.cat(chromas, 1).median(1).values[:, None, None]


def matching_gain(colorizer: Colorizer, photos: Sequence[Tensor], size: int, ratio: float = 1.0) -> float:
    """The gain at which stage one's colors have a wanted saturation ratio on these very photos.

    Args:
        colorizer: the network.
        photos: RGB `(3, H, W)` in [0, 1].
        size: side to which their middle squares are resized.
        ratio: the mean painted over the mean true saturation to reach.

    Returns:
        A gain in [0, 20], which misses the ratio by a five-hundredth of it at most.

    Raises:
        ValueError: if there are no photos, or no gain up to 20 is enough.
    """
    if not len(photos):
        raise ValueError("matching the saturation needs photos")
    space = colorizer.color_space
    squares = [center_view(photos[index], size) for index in range(len(photos))]
    wanted = ratio * sum(mean_saturation(square) for square in squares)
    seen = [(space.gray(square), stage_one_chroma(square, colorizer)) for square in squares]

    def painted(gain: float) -> float:
        return sum(mean_saturation(join_chroma(gray, chroma, space, gain)) for gray, chroma in seen)

    gain = 1.0
    for _ in range(_CORRECTIONS):  # saturation that cannot grow any more makes one correction fall short
        reached = painted(gain)
        if abs(reached - wanted) <= _CLOSE * wanted:
            return gain
        gain *= wanted / max(reached, 1e-9)
        if gain > _MOST_GAIN:
            break
    raise ValueError(
        f"no gain up to {_MOST_GAIN:.0f} gives a saturation ratio of {ratio}: the colors are too near gray"
    )


def spread_table(
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    measures: Mapping[str, tuple[str, int]] = MEASURES,
    key: str = "space",
) -> str:
    """A table of figures, a line for each measure: the mean over seeds, and the lowest to the highest in parentheses.

    Args:
        rows: with `key` and the measures' figures.
        names: which of its values, such as color spaces, in the order of the columns.
        measures: as `MEASURES`.
        key: what the rows are told apart by.

    Returns:
        Lines of one width; a column of a single row has no parentheses.

    Raises:
        ValueError: if a name has no row.
    """
    lines = [["", *names]]
    for measure, (title, digits) in measures.items():
        cells = [spread(values_of(rows, name, measure, key), digits) for name in names]
        lines.append([title, *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def values_of(rows: Sequence[Mapping[str, Any]], name: str, measure: str, key: str = "space") -> list[float]:
    """The figures of one measure of all rows of a color space, or of whatever `key` tells apart, in their order.

    Raises:
        ValueError: if there is no such row.
    """
    values = [row[measure] for row in rows if row[key] == name]
    if not values:
        there = ", ".join(dict.fromkeys(row[key] for row in rows)) or "none"
        raise ValueError(f"no row of {name!r}; there are rows of {there}")
    return values


def spread(values: Sequence[float], digits: int) -> str:
    """The mean of some values, and the lowest to the highest in parentheses where there are several.

    Example:
        >>> spread([1.0, 2.0, 4.5], 1), spread([2.0], 1)
        ('2.5 (1.0–4.5)', '2.0')
    """
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def read_results(path: str | os.PathLike) -> dict[str, Any]:
    """The stored figures that `benchmarks/color_spaces.py` writes.

    Args:
        path: the JSON file, or the name of one that comes with the package, as in `shipped.stored_result`.

    Returns:
        `protocol`, how they were made; `rows` as predicted; `vivid_rows`, amplified until as vivid as the photos; `chroma`, by
        space stage one's answers `(C, h, w)` in [-1, 1] for scikit-image's photos, by their names.

    Raises:
        FileNotFoundError: if there is no such file; says which command makes it.
        ValueError: if the file is something else.
    """
    return read_result(path, "benchmarks/color_spaces.py", _parsed)


def _parsed(results: dict[str, Any]) -> dict[str, Any]:
    results["chroma"] = {
        space: {name: torch.tensor(chroma) for name, chroma in photos.items()}
        for space, photos in results["chroma"].items()
    }
    return {key: results[key] for key in ("protocol", "rows", "vivid_rows", "chroma")}

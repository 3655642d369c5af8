"""Figures of stage two at work: the pyramid drawn, its features, and the colors along one row of pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from .color import rgb_to_hsv
from .plotting import WIDTH, DescribedFigure

_ROW_HEIGHT, _BOX = 1.15, (0.86, 0.62)  # inches; width and height of a box
# Where each tensor stands: column from the left, row from the bottom, and its title; a gray's is its scale.
_PLACES = {
    "gray": (0, 3, ""),
    "middle gray": (0, 2, ""),
    "low gray": (0, 1, ""),
    "low chroma": (1, 0, "stage one:\nchroma"),
    "low input": (1, 1, "joined"),
    "middle input": (1, 2, "joined"),
    "low features": (2, 1, "low\nfeatures"),
    "middle features": (2, 2, "middle\nfeatures"),
    "joined input": (3, 2, "both\njoined"),
    "joined features": (4, 2, "features"),
    "full input": (4, 3, "joined"),
    "chroma": (5, 3, "stage two:\nchroma"),
}
# From, to, what happens between, and where those words stand from the middle of the arrow, in inches.
_ARROWS = (
    ("gray", "middle gray", "shrink", (0.3, 0.0)),
    ("middle gray", "low gray", "shrink", (0.3, 0.0)),
    ("low gray", "low input", "", (0, 0)),
    ("middle gray", "middle input", "", (0, 0)),
    ("low chroma", "low input", "", (0, 0)),
    ("low input", "middle input", "enlarge", (0.3, 0.0)),
    ("low input", "low features", "", (0, 0)),
    ("middle input", "middle features", "", (0, 0)),
    ("middle features", "joined input", "", (0, 0)),
    ("low features", "joined input", "deconvolve", (0.42, -0.1)),
    ("joined input", "joined features", "", (0, 0)),
    ("joined features", "full input", "deconvolve", (0.42, 0.0)),
    ("gray", "full input", "", (0, 0)),
    ("full input", "chroma", "", (0, 0)),
)
_TO_CHROMA_AT_ONCE = ("joined features", "chroma", "deconvolve", (-0.42, 0.2))


def pyramid_diagram(features: Mapping[str, Tensor], *, residual: bool = False) -> DescribedFigure:
    """The pyramid drawn from the tensors of a real pass: gray at the left, chroma at the upper right, a row a scale.

    Args:
        features: what `features.pyramid_features` gives.
        residual: whether stage two adds to stage one's chroma, as a network built with `residual=True` does.
    """
    shapes = {name: tuple(tensor.shape[-3:]) for name, tensor in features.items()}
    # The gray of a scale is the last channel of what is joined there.
    shapes |= {f"{scale} gray": (1, *shapes[f"{scale} input"][1:]) for scale in ("low", "middle")}
    said = ", ".join(f"{name} {_shape(shapes[name])}" for name in _PLACES if name in shapes)
    figure = DescribedFigure(
        f"The pyramid in four rows, each tensor with its shape: {said}.", 4 * _ROW_HEIGHT
    )
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, 4 * _ROW_HEIGHT))
    axes.set_axis_off()
    for name, (column, row, title) in _PLACES.items():
        if name in shapes:
            factor = shapes["gray"][1] // shapes[name][1]
            title = f"gray,\n{_scale(factor)}" if "gray" in name else title
            _draw_box(axes, _center(column, row), f"{title}\n{_shape(shapes[name])}", "chroma" in name)
    arrows = _ARROWS if "full input" in shapes else (*_ARROWS, _TO_CHROMA_AT_ONCE)
    for start, end, words, offset in arrows:
        if start in shapes and end in shapes:
            _draw_arrow(axes, start, end, words, offset)
    axes.text(*_center(0, 0), "from the gray,\nby twelve\nconvolutions", ha="center", va="center", fontsize=7)
    if residual:
        _draw_addition(axes)
    return figure


def feature_maps(features: Mapping[str, Tensor], name: str) -> DescribedFigure:
    """All channels of one tensor of a pass as tiles of one picture, beside the gray picture that caused them.

    Args:
        features: what `features.pyramid_features` gives for one picture.
        name: which of them.

    Raises:
        ValueError: if there is no such tensor.
    """
    if name not in features:
        raise ValueError(f"name must be one of {', '.join(features)}, got {name!r}")
    maps, gray = features[name][0], features["gray"][0, 0]
    count, height, width = maps.shape
    alt = (
        f"A gray picture, and {name}: {count} channels of {height} x {width}, "
        f"with values from {maps.min():.1f} to {maps.max():.1f}."
    )
    figure = DescribedFigure(alt, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(1, 2))
    left.imshow(gray.numpy(), cmap="gray", vmin=-1, vmax=1)
    left.set_title("gray", fontsize=10)
    shown = right.imshow(_tiles(maps), cmap="viridis", interpolation="nearest")
    right.set_title(f"{name}: {count} of {height} × {width}", fontsize=10)
    figure.colorbar(shown, ax=right, shrink=0.8)
    for axes in (left, right):
        axes.set_axis_off()
    return figure


def row_colors(images: Mapping[str, Tensor], row: float = 0.5) -> DescribedFigure:
    """Pictures with one row of pixels marked, and below them that row's colors (at V = 1) and saturations.

    Args:
        images: two to four pictures `(3, H, W)` in [0, 1] of one size, by their titles.
        row: which row, from the top (0) to the bottom (1).

    Raises:
        ValueError: if there are fewer or more pictures, they differ in size, or there is no such row.
    """
    shapes = {tuple(image.shape) for image in images.values()}
    if not 2 <= len(images) <= len(_LINES) or len(shapes) > 1 or not 0 <= row <= 1:
        raise ValueError(
            f"wanted 2 to 4 pictures of one shape and a row in [0, 1], got {len(images)}, {shapes}, {row}"
        )
    ((_, height, width),) = shapes
    place = min(int(row * height), height - 1)
    alt = f"{', '.join(images)}, with row {place} of {height} marked; below it the colors and the saturation along that row."
    tall = 0.7 * WIDTH / len(images) * height / width  # so small, a notebook can hold several such figures
    figure = DescribedFigure(alt, tall + 0.24 * len(images) + 2.1)
    heights = (tall, 0.22 * len(images), 1.7)
    grid = figure.add_gridspec(3, len(images), height_ratios=heights)
    strips, curves = figure.add_subplot(grid[1, :]), figure.add_subplot(grid[2, :])
    for number, (title, image) in enumerate(images.items()):
        color, dash = _LINES[number]
        axes = figure.add_subplot(grid[0, number])
        axes.imshow(image.clamp(0, 1).movedim(0, -1).numpy())
        axes.axhline(place, color="white", linewidth=1)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
        line = image[:, place].clamp(0, 1)
        bright = line / line.amax(0).clamp(min=1e-6)
        strips.imshow(bright.T[None].numpy(), extent=(0, width, -number - 0.9, -number), aspect="auto")
        curves.plot(rgb_to_hsv(image)[1, place].numpy(), color=color, linestyle=dash, label=title)
    strips.set(xlim=(0, width), ylim=(-len(images), 0), xticks=[])
    strips.set_yticks([-number - 0.45 for number in range(len(images))], list(images), fontsize=8)
    strips.spines[:].set_visible(False)
    curves.set(xlim=(0, width), ylim=(0, 1.02), xlabel="column (pixels)", ylabel="saturation")
    curves.spines[["top", "right"]].set_visible(False)
    curves.legend(frameon=False, fontsize=8, ncols=len(images))
    return figure


_LINES = (("#000000", "-"), ("#D55E00", "--"), ("#0072B2", "-."), ("#009E73", ":"))


def _scale(factor: int) -> str:
    return "full size" if factor == 1 else f"1/{factor} of the side"


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in shape)


def _center(column: int, row: int) -> tuple[float, float]:
    """The middle of a box, in inches from the lower left."""
    return WIDTH * (column + 0.5) / 6, _ROW_HEIGHT * (row + 0.45)


def _draw_box(axes: Axes, center: tuple[float, float], text: str, is_chroma: bool) -> None:
    corner = (center[0] - _BOX[0] / 2, center[1] - _BOX[1] / 2)
    fill = "#FFF2CC" if is_chroma else "#F2F2F2"
    axes.add_patch(Rectangle(corner, *_BOX, facecolor=fill, edgecolor="black", linewidth=0.8))
    axes.text(*center, text, ha="center", va="center", fontsize=7.5)


def _draw_arrow(axes: Axes, start: str, end: str, words: str, offset: tuple[float, float]) -> None:
    (x, y), (to_x, to_y) = (_center(*_PLACES[name][:2]) for name in (start, end))
    if x == to_x:  # upward or downward
        way = math.copysign(_BOX[1] / 2, to_y - y)
        ends = (x, y + way), (to_x, to_y - way)
    elif y == to_y:
        ends = (x + _BOX[0] / 2, y), (to_x - _BOX[0] / 2, to_y)
    else:  # to the right, then up
        ends = (x + _BOX[0] / 2, y), (to_x, to_y - _BOX[1] / 2)
    bend = "arc3" if x == to_x or y == to_y else "angle,angleA=0,angleB=90"
    style = {"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0, "connectionstyle": bend}
    axes.annotate("", ends[1], ends[0], arrowprops=style)
    if words:
        middle = (to_x, (ends[0][1] + ends[1][1]) / 2) if x == to_x or y == to_y else (to_x, to_y - 0.75)
        axes.text(middle[0] + offset[0], middle[1] + offset[1], words, ha="center", va="center", fontsize=7)


def _draw_addition(axes: Axes) -> None:
    """A dashed way from stage one's chroma to stage two's, along the bottom and up at the right."""
    (x, y), (to_x, to_y) = (_center(*_PLACES[name][:2]) for name in ("low chroma", "chroma"))
    axes.plot(
        [x + _BOX[0] / 2, to_x, to_x], [y, y, to_y - _BOX[1] / 2 - 0.08], "--", color="black", linewidth=1
    )
    axes.annotate(
        "", (to_x, to_y - _BOX[1] / 2), (to_x, to_y - _BOX[1] / 2 - 0.12), arrowprops={"arrowstyle": "->"}
    )
    axes.text((x + to_x) / 2, y + 0.1, "enlarged, and corrected by stage two", ha="center", fontsize=7)


def _tiles(maps: Tensor) -> np.ndarray:
    """Maps `(C, h, w)` side by side in rows, with empty lines between them and NaN where none is left."""
    count, height, width = maps.shape
    columns = math.ceil(math.sqrt(count))
    enlarge = max(1, 48 // height)  # else the lines between small maps would be as wide as the maps
    rows = math.ceil(count / columns)
    tile = (height * enlarge + 2, width * enlarge + 2)
    picture = torch.full((rows * tile[0], columns * tile[1]), math.nan)
    for number, channel in enumerate(maps):
        top, left = number // columns * tile[0], number % columns * tile[1]
        large = channel.repeat_interleave(enlarge, 0).repeat_interleave(enlarge, 1)
        picture[top : top + tile[0] - 2, left : left + tile[1] - 2] = large
    return picture.numpy()

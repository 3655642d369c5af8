"""Every figure of the notebooks: tensors in, a closed figure with alt text out.

Figures are built without pyplot. So none stays open, `show` is never needed, no backend matters, and a figure is seen by
being the last line of a cell. Pictures are float tensors `(3, H, W)` or `(1, H, W)` in [0, 1]; every function raises
ValueError for another shape. Curves differ in dash as well as in color.
"""

from __future__ import annotations

import base64
import copy
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .color import hsv_to_rgb, rgb_to_hsv
from .colorspaces import (
    COLOR_SPACES,
    HSV,
    ColorSpace,
    amplify,
    half_turns_to_turns,
    join_chroma,
    luminance_gray,
    shrink_chroma,
    turns_to_half_turns,
)
from .costs import duration, training_cost
from .images import enlarge_chroma, resize, shrink, to_image
from .losses import hue_difference
from .metrics import delta_e, psnr, saturation_ratio
from .scenes import draw_scene

WIDTH = 6.0
"""Inches across every figure, at 100 dots an inch: large enough to see, and a notebook of eight stays under a megabyte."""

HUE_NAMES = {"red": 0, "yellow": 1 / 3, "green": 2 / 3, "cyan": -1, "blue": -2 / 3, "magenta": -1 / 3}
"""The hues halfway between the corners of the RGB cube, in half-turns; cyan is 1 as well as -1."""

# Okabe and Ito's colors that readers with any color vision tell apart, each with a dash of its own for print.
_LINES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#000000", ":"))
_FAINTEST = -4  # power of ten below which a map of influences does not tell pixels apart
_HUE_TICKS = {
    -1: "−1\ncyan",
    -2 / 3: "−2/3\nblue",
    -1 / 3: "−1/3\nmagenta",
    0: "0\nred",
    1 / 3: "1/3\nyellow",
}
_HUE_TICKS |= {2 / 3: "2/3\ngreen", 1: "1\ncyan"}


class DescribedFigure(Figure):
    """A matplotlib figure that knows its alt text, and shows itself in a notebook as a PNG with it.

    The alt text is the output's plain text, which terminals print and nbval compares, and lies in its metadata as `alt` of
    `image/png`, for pages to use. (nbconvert's classic template does; its lab template and JupyterLab 4 do not.)

    Attributes:
        alt: what the figure shows, in words.
    """

    def __init__(self, alt: str, height: float, width: float = WIDTH):
        super().__init__(figsize=(width, height), dpi=100, layout="constrained")
        FigureCanvasAgg(self)
        self.alt = alt

    def png(self) -> bytes:
        """The figure as a PNG file. It has no alpha channel, which `savefig` would add for a tenth of the file's size."""
        self.canvas.draw()
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB").save(
            buffer, "png", optimize=True
        )
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data = {"image/png": base64.b64encode(self.png()).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def pictures(
    images: Mapping[str, Tensor], *, columns: int = 4, alt: str = "", width: float = WIDTH
) -> DescribedFigure:
    """Pictures side by side, each under its title.

    Args:
        images: a picture for each title; gray ones are shown from black (0) to white (1).
        columns: how many stand in one row.
        alt: what there is to see; the titles follow it.
        width: of a full row, in inches.

    Raises:
        ValueError: if there is no picture, or `columns` is less than 1.
    """
    if not images or columns < 1:
        raise ValueError(f"wanted at least one picture and one column, got {len(images)} and {columns}")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    panel = width / max(columns, 3)  # one or two pictures stay small
    titles = [textwrap.fill(title, int(13 * panel)) for title in images]  # 13 letters an inch
    lines = max(title.count("\n") + 1 for title in titles)
    tallest = max(image.shape[-2] / image.shape[-1] for image in images.values())
    alt = f"{alt} Pictures: {'; '.join(images)}.".strip()
    figure = DescribedFigure(alt, rows * (panel * tallest + 0.1 + 0.15 * lines), columns * panel)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, title, image in zip(grid, titles, images.values(), strict=False):
        _show(axes, image, title)
    for empty in grid[len(images) :]:
        empty.remove()
    return figure


def contact_sheet(
    rows: Mapping[str, Sequence[Tensor]], *, side: float = 1.28, alt: str = ""
) -> DescribedFigure:
    """Many small pictures in a grid, a row a title, which stands to the left.

    Args:
        rows: for each title its pictures, equally many and all of one size.
        side: of a picture's place, in inches; at 100 dots an inch 1.28 shows 128 pixels as they are.
        alt: what there is to see; the titles follow it.

    Raises:
        ValueError: if there are no pictures, or a row has more than another.
    """
    counts = {len(row) for row in rows.values()}
    if len(counts) != 1 or not max(counts):
        raise ValueError(f"wanted rows of equally many pictures, got {sorted(counts) or 'none'}")
    (columns,) = counts
    # Space for titles; the pictures fill the rest to its edges, without a margin that would make them smaller.
    titles = [textwrap.fill(title, 19) for title in rows]
    left, gap = 1.45, 0.04
    width, height = left + columns * (side + gap), len(rows) * (side + gap)
    figure = DescribedFigure(f"{alt} Rows: {'; '.join(rows)}.".strip(), height, width)
    figure.set_layout_engine("none")
    for row, (title, images) in enumerate(zip(titles, rows.values(), strict=True)):
        bottom = (height - (row + 1) * (side + gap)) / height
        figure.text(
            (left - 0.08) / width, bottom + side / height / 2, title, ha="right", va="center", fontsize=9
        )
        for column, image in enumerate(images):
            place = ((left + column * (side + gap)) / width, bottom, side / width, side / height)
            axes = figure.add_axes(place)
            axes.imshow(_pixels(image), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            axes.set_axis_off()
    return figure


def curves(
    x: Tensor,
    lines: Mapping[str, Tensor],
    *,
    x_label: str,
    y_label: str,
    alt: str,
    y_scale: str = "linear",
    legend_above: bool = False,
) -> DescribedFigure:
    """Up to four curves over the same x, each named in a legend.

    Args:
        x: `(N,)`.
        lines: for each name its y, `(N,)`; NaN leaves a gap.
        x_label, y_label: what the axes measure, with the unit.
        alt: what there is to see.
        y_scale: "linear", or "log" for numbers above 0 of very different size.
        legend_above: whether the legend stands above the axes, for curves that leave no room among them.

    Raises:
        ValueError: if there are no curves or more than four, which nobody could tell apart.
    """
    _check_line_count(lines)
    figure = DescribedFigure(alt, 3.2)
    axes = figure.subplots()
    for (name, y), (color, dash) in zip(lines.items(), _LINES, strict=False):
        axes.plot(x.numpy(), y.numpy(), color=color, linestyle=dash, marker="o", markersize=3, label=name)
    axes.set_yscale(y_scale)
    _finish(axes, x_label, y_label)
    if legend_above:
        axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def spread_curves(
    x: Tensor, samples: Mapping[str, Tensor], *, x_label: str, y_label: str, alt: str
) -> DescribedFigure:
    """Up to four curves of means over an axis that doubles, each with a band from the lower to the upper quartile.

    Args:
        x: `(N,)`, above 0 and rising; each gets a tick.
        samples: for each name its numbers, `(K, N)`: K measurements at each x.
        x_label, y_label: what the axes measure, with the unit.
        alt: what there is to see; the means at both ends follow it.

    Raises:
        ValueError: if there are no curves or more than four.
    """
    _check_line_count(samples)
    means = {name: numbers.mean(0) for name, numbers in samples.items()}
    said = ", ".join(f"{name} from {mean[0]:.0f} to {mean[-1]:.0f}" for name, mean in means.items())
    figure = DescribedFigure(f"{alt} Means: {said}.", 3.2)
    axes = figure.subplots()
    for (name, numbers), (color, dash) in zip(samples.items(), _LINES, strict=False):
        low, high = np.quantile(numbers.numpy(), (0.25, 0.75), axis=0)
        axes.fill_between(x.numpy(), low, high, color=color, alpha=0.15, linewidth=0)
        axes.plot(
            x.numpy(), means[name].numpy(), color=color, linestyle=dash, marker="o", markersize=3, label=name
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(x.tolist(), [f"{number:g}" for number in x.tolist()])
    axes.minorticks_off()
    _finish(axes, x_label, y_label)
    return figure


def history(records: Sequence[Any]) -> DescribedFigure:
    """Training and validation loss over the epochs of a run, one panel a phase, since the phases' losses differ in kind.

    Args:
        records: `training.EpochRecord`s, or anything with their `phase`, `train_loss` and `validation_loss`.

    Raises:
        ValueError: if there are none.
    """
    if not records:
        raise ValueError("no epochs to plot")
    phases = list(dict.fromkeys(record.phase for record in records))
    first, last = records[0].validation_loss, records[-1].validation_loss
    alt = (
        f"Losses of {len(records)} epochs in {', '.join(phases)}; validation from {first:.3f} to {last:.3f}."
    )
    figure = DescribedFigure(alt, 2.8)
    for axes, phase in zip(figure.subplots(1, len(phases), squeeze=False)[0], phases, strict=True):
        _draw_losses(axes, [record for record in records if record.phase == phase])
        axes.set_title(phase)
    return figure


def histograms(values: Mapping[str, Tensor], *, x_label: str, alt: str, bins: int = 32) -> DescribedFigure:
    """How often each number in [0, 1] occurs: up to four outlines, in percent of all numbers.

    Args:
        values: for each name a tensor of any shape with values in [0, 1].
        x_label: what the numbers measure.
        alt: what there is to see.
        bins: into how many equal steps [0, 1] is cut.

    Raises:
        ValueError: if there are no outlines or more than four.
    """
    _check_line_count(values)
    figure = DescribedFigure(alt, 3.0)
    axes = figure.subplots()
    edges = np.linspace(0, 1, bins + 1)
    for (name, numbers), (color, dash) in zip(values.items(), _LINES, strict=False):
        # Rounding in a resize can leave [0, 1] by a millionth, and numpy would drop those numbers in silence.
        counts, _ = np.histogram(numbers.flatten().clamp(0, 1).numpy(), edges)
        axes.stairs(
            100 * counts / counts.sum(), edges, color=color, linestyle=dash, linewidth=1.5, label=name
        )
    _finish(axes, x_label, "pixels (%)")
    return figure


def hsv_planes(rgb: Tensor, hue_shift: float = 0.0, saturation_gain: float = 1.0) -> DescribedFigure:
    """A photo, its hue as pure color, its saturation and its value, after a change of hue and saturation.

    Args:
        rgb: `(3, H, W)` in [0, 1].
        hue_shift: half-turns added to every hue; 1 gives the opposite hues.
        saturation_gain: factor of every saturation, which stops at 1; 0 gives the gray picture V.

    Raises:
        ValueError: if the gain is negative.
    """
    changed = shift_hsv(rgb, hue_shift, saturation_gain)
    _, saturation, value = rgb_to_hsv(changed).split(1)
    panels = {"photo": changed, "hue H": hue_colors(changed), "saturation S": saturation, "value V": value}
    alt = f"A photo and its planes, with hues shifted by {hue_shift:+.2f} half-turns and saturation times {saturation_gain:.2f}."
    return pictures(panels, alt=alt)


def hue_circle(marks: Mapping[str, float] | None = None) -> DescribedFigure:
    """The color disc at full value: hue is the angle, saturation the distance from the center; with its seam.

    Args:
        marks: hues in half-turns to mark near the rim, each by its label.
    """
    marks = marks or {}
    said = "".join(f" Marked: {name} at {hue:+.2f}." for name, hue in marks.items())
    alt = (
        "A color disc. Red lies at the right at hue 0, yellow at 1/3, green at 2/3, blue at -2/3, magenta at -1/3. "
        f"The seam, where 1 meets -1, runs from the center to cyan at the left.{said}"
    )
    figure = DescribedFigure(alt, 4.2)
    axes = figure.subplots()
    axes.imshow(_color_disc(400), extent=(-1, 1, -1, 1))
    axes.plot([-1.12, 0], [0, 0], color="black", linewidth=2, linestyle="--")
    for name, hue in HUE_NAMES.items():
        text = "seam: cyan\n1 is −1" if name == "cyan" else f"{name}\n{_HUE_TICKS[hue].splitlines()[0]}"
        axes.text(
            1.3 * math.cos(math.pi * hue), 1.2 * math.sin(math.pi * hue), text, ha="center", va="center"
        )
    for name, hue in marks.items():
        place = (0.8 * math.cos(math.pi * hue), 0.8 * math.sin(math.pi * hue))
        axes.plot(*place, marker="o", markersize=9, color="black", markeredgecolor="white")
        axes.annotate(
            f"{name} ({hue:+.2f})",
            place,
            xytext=(0, 9 if place[1] >= 0 else -9),
            textcoords="offset points",
            fontsize=8.5,
            ha="right" if place[0] >= 0 else "left",
            va="bottom" if place[1] >= 0 else "top",
            bbox={"boxstyle": "round", "facecolor": "white", "alpha": 0.85},
        )
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.35, 1.35), aspect="equal")
    axes.set_axis_off()
    return figure


def hue_ramps() -> DescribedFigure:
    """Red, green and blue of the pure colors, once round the color wheel, above those colors."""
    alt = (
        "Three trapezoids over the hue from -1 to 1: each of red, green and blue is 1 on two sixths of the circle, 0 on "
        "two sixths, and a straight slope between. Below them the pure colors, red in the middle and cyan at both ends."
    )
    figure = DescribedFigure(alt, 3.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    hue = torch.linspace(-1, 1, 601)
    colors = pure_colors(hue[None])
    styles = (("R", "#D00000", "-"), ("G", "#008000", "--"), ("B", "#0040D0", ":"))
    for channel, (name, shade, dash) in zip(colors[:, 0], styles, strict=True):
        above.plot(hue.numpy(), channel.numpy(), color=shade, linestyle=dash, linewidth=2.5, label=name)
    above.set(ylabel="channel, of V", ylim=(-0.05, 1.1))
    above.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    _show_hue_axis(below, "hue (half-turns)")
    return figure


def faint_hues(rgb: Tensor, saturation_below: float = 0.1) -> DescribedFigure:
    """The hues of a photo's faint pixels, drawn as pure colors; all other pixels are white.

    Args:
        rgb: `(3, H, W)` in [0, 1].
        saturation_below: which pixels count as faint.
    """
    faint = rgb_to_hsv(rgb)[1] < saturation_below
    alt = f"The faint pixels, {100 * faint.float().mean():.0f} % of the photo, have restless hues."
    return pictures({f"hue where S < {saturation_below:g}": torch.where(faint, hue_colors(rgb), 1)}, alt=alt)


def gray_comparison(rgb: Tensor) -> DescribedFigure:
    """The V of a photo, its luminance, and how much darker the luminance is.

    Args:
        rgb: `(3, H, W)` in [0, 1].
    """
    value = rgb_to_hsv(rgb)[2:]
    luminance = (luminance_gray(rgb) + 1) / 2
    loss = value - luminance
    alt = (
        f"The V of a photo, its luminance, and a map of V minus luminance, which is {loss.mean():.2f} on average, {loss.max():.2f} "
        "at most, and largest where the colors are vivid."
    )
    figure = DescribedFigure(alt, WIDTH / 3 * rgb.shape[-2] / rgb.shape[-1] + 0.2)
    left, middle, right = figure.subplots(1, 3)
    _show(left, value, "V")
    _show(middle, luminance, "luminance")
    shown = right.imshow(loss[0].numpy(), cmap="viridis", vmin=0)
    right.set_title("V − luminance", fontsize=10)
    right.set_axis_off()
    figure.colorbar(shown, ax=right, shrink=0.8)
    return figure


def scale_planes(rgb: Tensor, gray_factor: int = 1, chroma_factor: int = 1) -> DescribedFigure:
    """A photo's gray and its chroma (at V = 1), each at a scale of its own, what they give together, and the photo.

    Args:
        rgb: `(3, H, W)` in [0, 1]; H and W are multiples of both factors.
        gray_factor: how many times shorter the gray's sides become before it is enlarged again.
        chroma_factor: the same for hue and saturation.

    Raises:
        ValueError: as `coarsen`.
    """
    together = coarsen(rgb, gray_factor, chroma_factor)
    bright = _coarse_chroma(rgb, chroma_factor)
    gray, chroma = _fraction(gray_factor), _fraction(chroma_factor)
    decibels = "exact" if gray_factor == chroma_factor == 1 else f"{psnr(together, rgb):.1f} dB"
    panels = {
        f"gray {gray}": together.amax(0, keepdim=True),
        f"chroma {chroma}": bright,
        f"together: {decibels}": together,
        "photo": rgb,
    }
    return pictures(panels, alt=f"A photo whose gray is {gray} and whose chroma is {chroma}.")


def hue_pair(predicted: float, target: float) -> DescribedFigure:
    """Two hues on the color disc, the way between them in numbers and the short way, and both lengths beside it.

    Args:
        predicted, target: hues in half-turns, in [-1, 1].

    Raises:
        ValueError: if a hue is out of range.
    """
    _check_hues(predicted, target)
    plain = abs(predicted - target)
    wrapped = hue_difference(torch.tensor(predicted), torch.tensor(target)).item()
    lengths = {"plain": plain, "wrapped": wrapped}
    alt = (
        f"A predicted hue of {predicted:+.2f} and a true one of {target:+.2f} on the color disc. As numbers they differ by "
        f"{plain:.2f} half-turns, the short way round by {wrapped:.2f}."
    )
    figure = DescribedFigure(alt, 3.1)
    wheel, legend = figure.subplots(1, 2)
    wheel.imshow(_color_disc(300), extent=(-1, 1, -1, 1))
    wheel.plot([-1, 0], [0, 0], color="black", linestyle="--", linewidth=1)
    # Where the numbers differ by more than 1, the short way leaves the target on its other side.
    short_end = predicted if plain <= 1 else predicted + math.copysign(2, target - predicted)
    ends, radii = {"plain": predicted, "wrapped": short_end}, {"plain": 1.1, "wrapped": 1.25}
    for (name, end), (color, dash) in zip(ends.items(), _LINES, strict=False):
        arc = _on_wheel(torch.linspace(end, target, 100), radii[name])
        wheel.plot(*arc, color=color, linestyle=dash, linewidth=2.5)
    for hue, shape in ((predicted, "o"), (target, "s")):
        wheel.plot(*_on_wheel(torch.tensor(hue), 0.8), shape, markersize=10, color="black", mec="white")
    wheel.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
    wheel.set_axis_off()
    swatches = pure_colors(torch.tensor([[predicted, target]]))
    legend.imshow(_pixels(swatches), extent=(0, 2, 0, 1))
    legend.set(xlim=(0, 2), ylim=(-0.9, 1.3))
    for place, text in enumerate((f"● predicted\n{predicted:+.2f}", f"■ true\n{target:+.2f}")):
        legend.text(place + 0.5, 0.5, text, ha="center", va="center", fontsize=10)
    for row, ((name, length), (color, _)) in enumerate(zip(lengths.items(), _LINES, strict=False)):
        text = f"{name}: {length:.2f} half-turns = {180 * length:.0f}°"
        legend.text(0, -0.25 - 0.35 * row, text, color=color, fontsize=12, va="center", weight="bold")
    legend.set_axis_off()
    return figure


def hue_losses(truths: Mapping[str, tuple[float, float]], *, point: bool = False) -> DescribedFigure:
    """The expected loss over every hue that may be predicted for a pixel of several possible hues.

    Args:
        truths: for each possible hue its name, the hue in half-turns in [-1, 1], and its share; shares add up to 1.
        point: add the loss of a hue predicted as a point: on the rim of the disc, and at its center, which is no hue.

    Raises:
        ValueError: if a hue is out of range, or the shares are negative or do not add up to 1.
    """
    hues, shares = zip(*truths.values(), strict=True)
    _check_hues(*hues)
    if min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise ValueError(f"shares must be at least 0 and add up to 1, got {shares}")
    predicted = torch.linspace(-1, 1, 401)
    lines = _expected_losses(predicted, torch.tensor(hues)[:, None], torch.tensor(shares)[:, None])
    if not point:
        lines = {name: lines[name] for name in ("plain L1", "wrapped (Eq. 2)")}
    said = ", ".join(f"{name} at {hue:+.2f} with share {share:.2f}" for name, (hue, share) in truths.items())
    seen = "; ".join(f"{name} from {line.min():.2f} to {line.max():.2f}" for name, line in lines.items())
    figure = DescribedFigure(f"Expected loss over the predicted hue for {said}: {seen}.", 3.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(6, 1))
    for (name, line), (color, dash) in zip(lines.items(), _LINES, strict=False):
        above.plot(predicted.numpy(), line.numpy(), color=color, linestyle=dash, linewidth=2, label=name)
    for name, (hue, share) in truths.items():
        for axes in (above, below):
            axes.axvline(hue, color="black", linewidth=1, alpha=0.6)
        side = "right" if hue > 0.5 else "left"
        above.text(hue, 1.98, f" {name}, {100 * share:.0f} % ", ha=side, va="top", fontsize=9)
    above.set(ylabel="expected loss", ylim=(0, 2))
    above.spines[["top", "right"]].set_visible(False)
    above.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=9)
    _show_hue_axis(below, "predicted hue (half-turns)")
    return figure


def learned_chroma(gray: Tensor, truth: Tensor, learned: Tensor) -> DescribedFigure:
    """Hue and saturation as curves over the gray: the true ones, and one thin line for each network that learned them.

    Args:
        gray: `(T,)`, the grays that the networks saw.
        truth: `(2, T)`, hue in half-turns and saturation, in [-1, 1].
        learned: `(N, 2, T)`, the same from N networks.

    Raises:
        ValueError: if the shapes do not fit together.
    """
    if learned.ndim != 3 or truth.shape != (2, len(gray)) or learned.shape[1:] != truth.shape:
        raise ValueError(
            f"truth must be (2, {len(gray)}) and learned (N, 2, {len(gray)}) for gray of {tuple(gray.shape)}, "
            f"got {tuple(truth.shape)} and {tuple(learned.shape)}"
        )
    hue_error = hue_difference(learned[:, 0], truth[0].expand_as(learned[:, 0])).mean()
    errors = (hue_error, (learned[:, 1] - truth[1]).abs().mean())
    titles = [
        f"{name}: mean error {error:.2f}" for name, error in zip(("hue", "saturation"), errors, strict=True)
    ]
    figure = DescribedFigure(
        f"{len(learned)} networks' curves beside the true ones over the gray. {'; '.join(titles)}.", 2.8
    )
    for channel, axes in enumerate(figure.subplots(1, 2, sharey=True)):
        (color, _), (true_color, dash) = _LINES[channel], _LINES[3]
        axes.plot(gray.numpy(), learned[:, channel].T.numpy(), color=color, linewidth=1, alpha=0.6)
        axes.plot(
            gray.numpy(), truth[channel].numpy(), color=true_color, linestyle=dash, linewidth=2, label="true"
        )
        axes.set_title(titles[channel], fontsize=10)
        axes.set_ylim(-1, 1)
        _finish(axes, "gray", "half-turns; saturation −1 to 1" if channel == 0 else "")
    return figure


def color_strips(
    strips: Mapping[str, Tensor], *, x_label: str, x_range: tuple[float, float], alt: str
) -> DescribedFigure:
    """Pictures whose rows are learners and whose columns are steps or inputs, one below the other.

    Args:
        strips: a picture `(3, N, T)` in [0, 1] for each title; its N rows are kept apart, its T columns spread over x.
        x_label: what the columns are, with the unit.
        x_range: x of the left and of the right edge.
        alt: what there is to see; the titles follow it.

    Raises:
        ValueError: if there are none.
    """
    if not strips:
        raise ValueError("no strips to show")
    heights = [0.2 + 0.05 * strip.shape[-2] for strip in strips.values()]
    figure = DescribedFigure(f"{alt} Strips: {'; '.join(strips)}.", sum(heights) + 0.27 * len(strips) + 0.5)
    panels = figure.subplots(len(strips), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, strip) in zip(panels, strips.items(), strict=True):
        axes.imshow(
            _pixels(strip), extent=(*x_range, 0, strip.shape[-2]), aspect="auto", interpolation="nearest"
        )
        axes.set_title(title, fontsize=10, loc="left")
        axes.set(yticks=[])
    panels[-1].set_xlabel(x_label)
    return figure


def disc_paths(
    paths: Mapping[str, Tensor], targets: Mapping[str, float], *, alt: str, columns: int = 2
) -> DescribedFigure:
    """The ways of hues as points over the color disc, from open circles to filled ones, one disc a title.

    Args:
        paths: for each title the ways of N points in T steps, `(2, N, T)`: cosine and sine.
        targets: true hues in half-turns, each by its name; squares on the rim.
        alt: what there is to see; the titles follow it.
        columns: how many discs stand in one row.

    Raises:
        ValueError: if there are no paths.
    """
    if not paths:
        raise ValueError("no paths to show")
    rows = math.ceil(len(paths) / columns)
    figure = DescribedFigure(f"{alt} Discs: {'; '.join(paths)}.", rows * (WIDTH / columns + 0.3))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, path) in zip(grid, paths.items(), strict=False):
        axes.imshow(_color_disc(300), extent=(-1, 1, -1, 1), alpha=0.6)
        x, y = path.numpy()
        axes.plot(x.T, y.T, color="black", linewidth=1)
        axes.plot(x[:, 0], y[:, 0], "o", color="white", mec="black", markersize=4, linestyle="none")
        for name, hue in targets.items():
            corner = _on_wheel(torch.tensor(hue))
            axes.plot(*corner, "s", color="white", mec="black", markersize=10)
            axes.annotate(
                name,
                corner,
                (0, math.copysign(13, hue)),
                textcoords="offset points",
                ha="center",
                va="center",
            )
        axes.plot(x[:, -1], y[:, -1], "o", color="black", markersize=5, linestyle="none")
        axes.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    for empty in grid[len(paths) :]:
        empty.remove()
    return figure


def seed_dots(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    marks: Mapping[str, Mapping[str, float]] | None = None,
    columns: int = 2,
) -> DescribedFigure:
    """What several seeds measured: a panel a measure, a line a name, an open circle a seed, and a bar for their mean.

    Args:
        panels: for each measure, for each name, its values.
        marks: for some measures values to compare with, each by its label; dashed lines.
        columns: how many panels stand in one row.

    Raises:
        ValueError: if there are no panels, or a name has no values.
    """
    if not panels or not all(len(values) for lines in panels.values() for values in lines.values()):
        raise ValueError("wanted at least one panel, and a value for each name in it")
    said = [_seeds_in_words(title, lines, (marks or {}).get(title, {})) for title, lines in panels.items()]
    rows, most = math.ceil(len(panels) / columns), max(len(lines) for lines in panels.values())
    figure = DescribedFigure(" ".join(said), rows * (0.95 + 0.27 * most))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, lines) in zip(grid, panels.items(), strict=False):
        for place, values in enumerate(lines.values()):
            axes.plot(values, [place] * len(values), "o", color=_LINES[0][0], markerfacecolor="none")
            axes.plot(
                [sum(values) / len(values)], [place], "|", color="black", markersize=14, markeredgewidth=2
            )
        for label, value in (marks or {}).get(title, {}).items():
            axes.axvline(value, color="black", linestyle="--", linewidth=1)
            axes.text(value, -0.9, f" {label}", fontsize=8.5, va="top")
        axes.set_yticks(range(len(lines)), lines)
        axes.set(ylim=(len(lines) - 0.5, -0.95))
        axes.margins(x=0.12)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    for empty in grid[len(panels) :]:
        empty.remove()
    return figure


def painted_at_gains(rgb: Tensor, chromas: Mapping[str, Tensor], **gains: float) -> DescribedFigure:
    """A photo painted with chroma in several color spaces, each amplified, with what that does to its saturation ratio and Delta E.

    Args:
        rgb: the true photo, `(3, H, W)` in [0, 1].
        chromas: for each of some `COLOR_SPACES`, by name, chroma `(C, h, w)` in [-1, 1], such as stage one's.
        gains: by the same names, as in `colorspaces.amplify`; 1 where a name is left out.

    Raises:
        ValueError: if a gain has no chroma, or is negative.
    """
    strangers = gains.keys() - chromas.keys()
    if strangers:
        raise ValueError(f"gains must be of {', '.join(chromas)}, got {', '.join(sorted(strangers))}")
    panels = {"photo": rgb}
    for name, chroma in chromas.items():
        space, gain = COLOR_SPACES[name], gains.get(name, 1.0)
        painted = join_chroma(space.gray(rgb), chroma, space, gain)
        ratio, error = saturation_ratio(painted, rgb), delta_e(painted, rgb)
        panels[f"{name} × {gain:.2f}: S {ratio:.2f}, ΔE {error:.1f}"] = painted
    alt = "A photo, and the same painted in several color spaces; S is its saturation ratio, ΔE its Delta E 2000."
    return pictures(panels, alt=alt)


def training_progress(records: Sequence[Any], images: Mapping[str, Tensor]) -> DescribedFigure:
    """What a network paints now, above the losses of one phase that led there: one frame of a training to watch.

    Args:
        records: epochs of one phase, as in `history`.
        images: up to five pictures of one shape, by their titles.

    Raises:
        ValueError: if there are no epochs, or no pictures or more than five.
    """
    if not records or not 1 <= len(images) <= 5:
        raise ValueError(f"wanted epochs and 1 to 5 pictures, got {len(records)} and {len(images)}")
    last = records[-1]
    alt = (
        f"Pictures after epoch {last.epoch} of {last.phase}: {'; '.join(images)}. Below them the losses over the epochs; "
        f"the validation loss is {last.validation_loss:.3f}."
    )
    figure = DescribedFigure(alt, WIDTH / len(images) + 2.6)
    grid = figure.add_gridspec(2, len(images), height_ratios=(WIDTH / len(images), 2.3))
    for place, (title, image) in enumerate(images.items()):
        _show(figure.add_subplot(grid[0, place]), image, title)
    _draw_losses(figure.add_subplot(grid[1, :]), records)
    return figure


def training_costs(
    photos: float, epochs: float, photos_per_second: float, devices: int = 1, efficiency: float = 1.0
) -> DescribedFigure:
    """Days until a training is over, and device-days that it takes, for 1 to 64 devices; a dot marks the chosen number.

    Args:
        photos, epochs, photos_per_second, devices, efficiency: as in `costs.training_cost`.

    Raises:
        ValueError: as `costs.training_cost`.
    """
    cost = training_cost(photos, epochs, photos_per_second, devices, efficiency)
    plural = "s" if devices > 1 else ""
    alt = (
        f"{photos:,.0f} photos, {epochs:g} epochs, {photos_per_second:,.0f} photos/s a device, {devices} device{plural}: "
        f"{duration(cost.days)}, {cost.device_days:,.1f} device-days. Days fall with every device and device-days rise, "
        "unless each doubling doubles the speed."
    )
    figure = DescribedFigure(alt, 3.3)
    counts = sorted({1, 2, 4, 8, 16, 32, 64, devices})
    lines = (("each doubling doubles the speed", 1.0), (f"{efficiency:.0%} of that is left", efficiency))
    panels = figure.subplots(1, 2)
    for axes, name, label in zip(panels, ("days", "device_days"), ("days", "device-days"), strict=True):
        for (title, share), (color, dash) in zip(lines, _LINES[2::-2], strict=True):
            costs = [training_cost(photos, epochs, photos_per_second, count, share) for count in counts]
            values = [getattr(one, name) for one in costs]
            axes.plot(counts, values, color=color, linestyle=dash, label=title)
        axes.plot(devices, getattr(cost, name), "o", color=_LINES[0][0], markersize=7)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
        _finish(axes, "devices", label)
        axes.get_legend().remove()
        axes.set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"{duration(cost.days)}, {cost.device_days:,.1f} device-days", fontsize=11)
    return figure


def receptive_field(
    layers: nn.Sequential, gray: Tensor, depth: int, row: float = 0.5, column: float = 0.5
) -> DescribedFigure:
    """What one output after some convolutions sees: its frame in the picture, and how strongly each pixel acts on it.

    Args:
        layers, gray, depth, row, column: as in `pixel_influence`.

    Raises:
        ValueError: as `pixel_influence`.
    """
    influence = pixel_influence(layers, gray, depth, row, column)
    rows, columns = ((influence.amax(axis) > 0).nonzero()[:, 0] for axis in (1, 0))
    height, width = len(rows), len(columns)
    alt = (
        f"After convolution {depth}, one output sees {width} x {height} of the picture's {gray.shape[-1]} x {gray.shape[-2]} "
        "pixels. A map shows how strongly each acts on it: most near the middle, faintly toward the frame."
    )
    figure = DescribedFigure(alt, 3.1)
    axes = figure.subplots(1, 2)
    _show(axes[0], (gray + 1) / 2, f"seen: {width} × {height} pixels")
    corner = (columns.min() - 0.5, rows.min() - 0.5)
    axes[0].add_patch(Rectangle(corner, width, height, fill=False, edgecolor=_LINES[1][0], linewidth=3))
    relative = (influence / influence.max()).clamp(min=10**_FAINTEST).log10()
    shown = axes[1].imshow(relative.numpy(), cmap="viridis", vmin=_FAINTEST, vmax=0)
    axes[1].set_title("influence of each pixel", fontsize=10)
    axes[1].set_axis_off()
    bar = figure.colorbar(shown, ax=axes[1], ticks=range(_FAINTEST, 1), shrink=0.8)
    bar.set_ticklabels(["1" if power == 0 else f"$10^{{{power}}}$" for power in range(_FAINTEST, 1)])
    return figure


def pixel_influence(
    layers: nn.Sequential, gray: Tensor, depth: int, row: float = 0.5, column: float = 0.5
) -> Tensor:
    """How strongly each pixel of a picture acts on one output of a network: the size of the gradient.

    Args:
        layers: the network's layers in order, such as `LowScaleNet().layers`; they stay as they are.
        gray: `(1, H, W)` in [-1, 1], what the first layer sees.
        depth: after which convolution the output is taken, from 1; before its activation, and its channels added.
        row: which output: its place from the top (0) to the bottom (1).
        column: the same from left (0) to right (1).

    Returns:
        `(H, W)`, 0 or more; exactly 0 where a pixel is not seen at all.

    Raises:
        ValueError: if there is no such convolution or place.
    """
    ends = [index for index, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    if not 1 <= depth <= len(ends):
        raise ValueError(f"depth must be one of 1 to {len(ends)}, got {depth}")
    if not (0 <= row <= 1 and 0 <= column <= 1):
        raise ValueError(f"row and column must lie in [0, 1], got {row} and {column}")
    # A copy, because batch statistics would let every pixel act on every output, and the caller's mode is the caller's.
    part = copy.deepcopy(layers[: ends[depth - 1] + 1]).eval()
    gray = gray.clone().requires_grad_()
    output = part(gray[None])[0].sum(0)
    place = (
        min(int(share * side), side - 1) for share, side in zip((row, column), output.shape, strict=True)
    )
    (slope,) = torch.autograd.grad(output[tuple(place)], gray)
    return slope[0].abs()


def scene_at_scales(seed: int, object_scale: float = 1.0, size: int = 256) -> DescribedFigure:
    """A drawn scene, the same gray with the scene's true chroma at 1/4 and at 1/16, and the latter alone (at V = 1).

    Args:
        seed: which scene, as in `scenes.draw_scene`.
        object_scale: enlarges the scene's objects and nothing else.
        size: height and width in pixels, a multiple of 16.

    Raises:
        ValueError: if an argument is out of range.
    """
    rgb = draw_scene(seed, size, object_scale=object_scale).rgb
    panels = {f"chroma {_fraction(factor)}": coarsen(rgb, 1, factor) for factor in (1, 4, 16)}
    panels["1/16, chroma alone"] = _coarse_chroma(rgb, 16)
    return pictures(panels, alt=f"Scene {seed}, its objects {object_scale:.2f} times as large as usual.")


def side_by_side(images: Mapping[str, Tensor], *, alt: str = "") -> DescribedFigure:
    """Pictures in one row as wide as a figure can be: two or three that deserve a close look.

    Args:
        images: a picture for each title.
        alt: what there is to see; the titles follow it.

    Raises:
        ValueError: if there is no picture.
    """
    if not images:
        raise ValueError("wanted at least one picture")
    tallest = max(image.shape[-2] / image.shape[-1] for image in images.values())
    figure = DescribedFigure(
        f"{alt} Pictures: {'; '.join(images)}.".strip(), WIDTH / len(images) * tallest + 0.3
    )
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    for axes, (title, image) in zip(panels, images.items(), strict=True):
        _show(axes, image, title)
    return figure


def chroma_at_scales(low: Tensor, full: Tensor, gray: Tensor, space: ColorSpace) -> DescribedFigure:
    """A network's chroma at its low scale, at 1/4 and at full size: alone (above, at V = 1), and joined with one gray.

    Args:
        low: what stage one predicts, `(C, H / k, W / k)` in [-1, 1].
        full: what stage two makes of it, `(C, H, W)` in [-1, 1]; shrunk for the middle.
        gray: `(1, H, W)` in [-1, 1]; H and W are multiples of 4.
        space: what they mean.
    """
    size = gray.shape[-2:]
    # A short point is an undecided hue and has to stay short; a hue as a number must not be averaged as one.
    middle = shrink(full, 4) if space.hue_channel is None else shrink_chroma(full[None], 4, space)[0]
    chromas = {_fraction(size[0] // low.shape[-2]): low, _fraction(4): middle, _fraction(1): full}
    alone, joined = {}, {}
    for title, chroma in chromas.items():
        colors = space.decode(torch.ones_like(chroma[:1]), chroma)
        alone[f"chroma {title}"] = interpolate(colors[None], size, mode="nearest")[0]
        enlarged = enlarge_chroma(chroma[None], size, space.hue_channel)[0]
        joined[f"gray and chroma {title}"] = space.decode(gray, enlarged)
    alt = "Above chroma alone, from large squares to single pixels; below each joined with the same gray."
    return pictures(alone | joined, columns=3, alt=alt)


def hinted_photo(
    plain: Tensor, hinted: Tensor, influence: Tensor, hints: Sequence[tuple[float, float, str]]
) -> DescribedFigure:
    """A photo in the network's colors with its hints marked, the photo with them, and how far they reach.

    Args:
        plain, hinted: `(3, H, W)` in [0, 1].
        influence: `(1, H, W)` in [0, 1].
        hints: x and y as parts of width and height, and a CSS color, each.
    """
    said = ", ".join(f"{color} at ({x:.2f}, {y:.2f})" for x, y, color in hints) or "none"
    panels = {"network and hints": plain, "recolored": hinted, "influence": influence}
    figure = side_by_side(panels, alt=f"A photo and its color hints: {said}.")
    axes, _, _ = figure.axes
    height, width = plain.shape[-2:]
    for x, y, color in hints:
        axes.plot(x * width - 0.5, y * height - 0.5, "o", color=color, markeredgecolor="white", markersize=8)
    return figure


def shift_hsv(rgb: Tensor, hue_shift: float, saturation_gain: float) -> Tensor:
    """The photo with all hues turned and all saturations multiplied; its V stays.

    Args:
        rgb: `(..., 3, H, W)` in [0, 1].
        hue_shift: half-turns, any number.
        saturation_gain: factor of at least 0; saturations stop at 1.

    Returns:
        Same shape and range.

    Raises:
        ValueError: if the gain is negative.
    """
    gray, chroma = HSV.encode(rgb)
    hue, saturation = amplify(chroma, saturation_gain, HSV).split(1, -3)
    return HSV.decode(gray, torch.cat((hue + hue_shift, saturation), -3))


def hue_colors(rgb: Tensor) -> Tensor:
    """The hue of each pixel as a pure color, whose saturation and value are 1.

    Args:
        rgb: `(3, H, W)` in [0, 1].

    Returns:
        Same shape and range. Gray pixels, which have no hue, become red.
    """
    return pure_colors(turns_to_half_turns(rgb_to_hsv(rgb)[0]))


def pure_colors(hue: Tensor) -> Tensor:
    """Hues as colors whose saturation and value are 1.

    Args:
        hue: `(H, W)` in half-turns.

    Returns:
        `(3, H, W)` in [0, 1].
    """
    return hsv_to_rgb(torch.stack((half_turns_to_turns(hue), torch.ones_like(hue), torch.ones_like(hue))))


def coarsen(rgb: Tensor, gray_factor: int, chroma_factor: int, space: ColorSpace = HSV) -> Tensor:
    """The photo with its gray and its chroma shrunk, each by a factor of its own, and enlarged again.

    Args:
        rgb: `(3, H, W)` in [0, 1]; H and W are multiples of both factors.
        gray_factor: how many times shorter the gray's sides become; 1 leaves it.
        chroma_factor: the same for the chroma, whose hue is averaged and enlarged as a point.
        space: what gray and chroma are.

    Returns:
        Same shape and range.

    Raises:
        ValueError: if a factor is no whole number of at least 1, or does not divide H and W.
    """
    size = rgb.shape[-2:]
    for name, factor in {"gray_factor": gray_factor, "chroma_factor": chroma_factor}.items():
        if factor < 1 or size[0] % factor or size[1] % factor:
            raise ValueError(f"{name} must divide height and width, {size[0]} and {size[1]}; got {factor}")
    gray, chroma = space.encode(rgb[None])
    gray = resize(shrink(gray, gray_factor), size)
    chroma = enlarge_chroma(shrink_chroma(chroma, chroma_factor, space), size, space.hue_channel)
    return space.decode(gray, chroma)[0]


def _coarse_chroma(rgb: Tensor, factor: int) -> Tensor:
    """Hue and saturation at a scale, at V = 1: black pixels too, whose color RGB would not keep."""
    _, chroma = HSV.encode(rgb[None])
    chroma = enlarge_chroma(shrink_chroma(chroma, factor, HSV), rgb.shape[-2:], HSV.hue_channel)
    return HSV.decode(torch.ones_like(chroma[:, :1]), chroma)[0]


def _fraction(factor: int) -> str:
    return "at full size" if factor == 1 else f"at 1/{factor}"


def _color_disc(side: int) -> np.ndarray:
    """RGBA pixels of the disc of all hues and saturations at value 1, transparent around it."""
    axis = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    radius = torch.hypot(x, y)
    hue = half_turns_to_turns(torch.atan2(y, x) / torch.pi)
    rgb = hsv_to_rgb(torch.stack((hue, radius.clamp(max=1), torch.ones_like(hue))))
    return torch.cat((rgb, (radius <= 1).float()[None])).movedim(0, -1).numpy()


def _pixels(image: Tensor) -> np.ndarray:
    return np.asarray(to_image(image))


def _show(axes: Axes, image: Tensor, title: str) -> None:
    axes.imshow(_pixels(image), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def _show_hue_axis(axes: Axes, label: str) -> None:
    """The pure colors from -1 to 1 with their names, to stand below a graph over the hue."""
    axes.imshow(_pixels(pure_colors(torch.linspace(-1, 1, 601)[None])), extent=(-1, 1, 0, 1), aspect="auto")
    axes.set(xlabel=label, yticks=[], xlim=(-1, 1))
    axes.set_xticks(list(_HUE_TICKS), _HUE_TICKS.values())


def _on_wheel(hue: Tensor, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of hues in half-turns on a circle around the color disc's center."""
    angle = hue.numpy() * math.pi
    return radius * np.cos(angle), radius * np.sin(angle)


def _seeds_in_words(title: str, lines: Mapping[str, Sequence[float]], marks: Mapping[str, float]) -> str:
    spans = [f"{name} {min(values):.3g} to {max(values):.3g}" for name, values in lines.items()]
    beside = [f"{label} {value:.3g}" for label, value in marks.items()]
    return f"{title}: {', '.join(spans + beside)}."


def _draw_losses(axes: Axes, records: Sequence[Any]) -> None:
    epochs = range(1, len(records) + 1)
    losses = (
        ("training", [record.train_loss for record in records]),
        ("validation", [record.validation_loss for record in records]),
    )
    for (name, loss), (color, dash) in zip(losses, _LINES, strict=False):
        axes.plot(epochs, loss, color=color, linestyle=dash, marker="o", markersize=3, label=name)
    axes.set_xlim(0.8, max(len(records), 2) + 0.2)
    axes.xaxis.get_major_locator().set_params(integer=True)
    _finish(axes, "epoch", "loss")


def _finish(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _expected_losses(predicted: Tensor, hues: Tensor, shares: Tensor) -> dict[str, Tensor]:
    """The losses of every predicted hue `(N,)`, averaged over possible hues `(K, 1)` by their shares `(K, 1)`."""
    predicted, hues = torch.broadcast_tensors(predicted, hues)
    cosine, sine = (math.pi * hues).cos(), (math.pi * hues).sin()
    rim = ((math.pi * predicted).cos() - cosine).abs() + ((math.pi * predicted).sin() - sine).abs()
    errors = {
        "plain L1": (predicted - hues).abs(),
        "wrapped (Eq. 2)": hue_difference(predicted, hues),
        "point on the rim": rim / 2,
        "point at the center": (cosine.abs() + sine.abs()) / 2,
    }
    return {name: (shares * error).sum(0) for name, error in errors.items()}


def _check_hues(*hues: float) -> None:
    for hue in hues:
        if not -1 <= hue <= 1:
            raise ValueError(f"hues must be half-turns in [-1, 1], got {hue}")


def _check_line_count(lines: Mapping[str, Tensor]) -> None:
    if not 1 <= len(lines) <= len(_LINES):
        raise ValueError(f"wanted 1 to {len(_LINES)} curves in one figure, got {len(lines)}")

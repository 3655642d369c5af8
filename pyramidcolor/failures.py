"""Where a network fails, measured on drawn scenes, which know their answer: by the size of a thing, by place, by color.

Pictures are RGB `(3, H, W)` in [0, 1]. Widths are in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from .checkpoints import Colorizer
from .color import rgb_to_hsv
from .inference import colorize_by_stage
from .metrics import hue_errors
from .plotting import DescribedFigure, pictures
from .scenes import CLASSES, Scene, draw_scene

RIGHT_HUE = 30.0
"""Degrees within which a hue counts as right: half of a hue family."""

LEAST_SATURATION = 0.2
"""Saturation below which a pixel counts as left gray, whatever its hue."""

_WIDEST = 0.6  # of the picture's side; wider balls would leave a square picture


def meadows(count: int, size: int, seed: int = 0) -> list[Scene]:
    """Meadows to learn from: sky, grass, trees, gray rocks, teal tents, balloons of any color, and red balls of all widths.

    Two of three have one ball in front of their middle, 1/32 to 1/2 of the picture wide, each octave equally often; the
    third has none or some small ones. Tents, balloons and small balls are 0.7 to 2.8 times their usual size.

    Args:
        count: how many.
        size: height and width in pixels.
        seed: meadows of different seeds have nothing in common; those of one seed are the same at every size.

    Example:
        >>> tuple(meadows(3, 32)[2].rgb.shape)
        (3, 32, 32)
    """
    drawn = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        scale, width = 2 ** rng.uniform(-0.5, 1.5), 2 ** rng.uniform(-5, -1)
        radius = width / 2 if index % 3 else None
        drawn.append(draw_scene(rng, size, object_scale=scale, kinds=["meadow"], ball_radius=radius))
    return drawn


def ball_meadow(seed: int, width: float, size: int = 128) -> Scene:
    """A meadow with one red ball of this width in front; all else is the same whatever the width.

    Args:
        seed: which meadow.
        width: of the ball in pixels, at most 0.6 of the size.
        size: height and width of the picture in pixels.

    Raises:
        ValueError: if the ball would be less than a pixel wide or would not fit into the picture.
    """
    if not 1 <= width <= _WIDEST * size:
        raise ValueError(f"width must be from 1 to {_WIDEST * size:.0f} pixels, got {width}")
    rng = np.random.default_rng([seed, 0, 1])  # three numbers, so that none of `meadows` is the same
    return draw_scene(rng, size, kinds=["meadow"], ball_radius=width / 2 / size)


def right_shares(
    paint: Callable[[Tensor], Mapping[str, Tensor]],
    widths: Sequence[float],
    seeds: Sequence[int],
    size: int = 128,
) -> dict[str, Tensor]:
    """How much of a red ball comes out red, over the ball's width: the paper's Fig. 7 as a measurement.

    Args:
        paint: from a picture `(3, H, W)` to colorizations of it, each by its name.
        widths: of the ball, in pixels.
        seeds: meadows to put it into, one after the other.
        size: height and width of the pictures.

    Returns:
        By the names of `paint`, `(len(seeds), len(widths))`: `ball_share` in percent.
    """
    shares: dict[str, list[float]] = {}
    for seed in seeds:
        for width in widths:
            scene = ball_meadow(seed, width, size)
            for name, painted in paint(scene.rgb).items():
                shares.setdefault(name, []).append(ball_share(painted, scene))
    return {name: torch.tensor(found).reshape(len(seeds), len(widths)) for name, found in shares.items()}


def ball_share(painted: Tensor, scene: Scene) -> float:
    """Percent of the pixels of a scene's balls that come out right; NaN if it has no ball.

    Right is a hue within `RIGHT_HUE` degrees of the true one and a saturation of at least `LEAST_SATURATION`, so that gray
    with a trace of red does not count.

    Args:
        painted: `(3, H, W)` in [0, 1].
        scene: what was painted, with its labels.
    """
    ball = scene.labels == CLASSES.index("ball")
    right = (hue_errors(painted, scene.rgb) < RIGHT_HUE) & (rgb_to_hsv(painted)[1] >= LEAST_SATURATION)
    return 100 * right[ball].float().mean().item()


def painted_ball(colorizer: Colorizer, seed: int, width: float, size: int = 128) -> DescribedFigure:
    """A meadow with a red ball: its gray, what each stage paints, and the truth.

    Args:
        colorizer: the network.
        seed, width, size: as in `ball_meadow`; the size is a multiple of the network's low factor.

    Raises:
        ValueError: if an argument is out of range.
    """
    scene = ball_meadow(seed, width, size)
    panels, shares = {}, {}
    for title, painted in colorize_by_stage(scene.rgb, colorizer).items():
        if title != "gray":
            shares[title] = ball_share(painted, scene)
            title = f"{title}: {shares[title]:.0f} % right"
        panels[title] = painted
    panels["true"] = scene.rgb
    cells = width / colorizer.model.low_factor
    said = ", ".join(f"{share:.0f} % in {stage}" for stage, share in shares.items())
    return pictures(
        panels, alt=f"A ball {width:.0f} pixels or {cells:.2g} cells wide; painted in its hue: {said}."
    )


def edge_distance(labels: Tensor) -> Tensor:
    """How far each pixel lies from what is another thing, in pixels: 1 beside an edge.

    Args:
        labels: `(H, W)`, whole numbers.

    Returns:
        `(H, W)` float32, the Euclidean distance to the nearest pixel of another label; infinite if there is none.
    """
    if labels.min() == labels.max():
        return torch.full(labels.shape, torch.inf)
    distance = np.zeros(labels.shape)
    for label in labels.unique():
        inside = (labels == label).numpy()
        distance[inside] = distance_transform_edt(inside)[inside]
    return torch.from_numpy(distance).float()


def means_by(values: Tensor, by: Tensor, steps: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean of some numbers in each step of another: errors by distance, by saturation.

    Args:
        values: any shape.
        by: same shape.
        steps: `(N + 1,)`, rising; step n holds what lies in [steps[n], steps[n + 1]).
        weight: same shape, how much each value counts, or None for 1.

    Returns:
        `(N,)`; NaN where a step holds nothing.

    Example:
        >>> means_by(torch.tensor([1.0, 3.0, 8.0]), torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0, 0.5, 1, 2]))
        tensor([2., 8., nan])
    """
    weight = torch.ones_like(values) if weight is None else weight
    place = torch.bucketize(by.flatten(), steps, right=True) - 1
    inside = (place >= 0) & (place < len(steps) - 1)
    sums = [
        torch.bincount(place[inside], part.flatten()[inside].double(), len(steps) - 1)
        for part in (values * weight, weight)
    ]
    return (sums[0] / sums[1]).float()

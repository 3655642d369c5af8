"""Named training configurations: the paper's, ours, and the rows that they are compared with."""

from __future__ import annotations

from dataclasses import replace

from .training import TrainingConfig

_NETWORK = {
    "low_scale_net": {
        "norm": True,
        "widths": (32, 64, 128, 128, 128, 128, 128, 128, 128, 128, 128),
        "dilations": (1, 1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1),
    },
    "pyramid_net": {"norm": True},
}

PAPER = TrainingConfig(color_space="hsv", size=256, exposure=0.25, **_NETWORK)
"""As published: hue as a number, Eq. 1 and 2. Batch normalization is ours; without it the same steps reach less."""

BEST = replace(
    PAPER,
    color_space="hsv-point",
    hue_factor=3.0,
    weigh_by_saturation=True,
    rebalance=0.6,
    luminance_share=0.15,
    calibrate=True,
)
"""Hue as a point, weighed by saturation and against its frequency, and some photos' gray as luminance."""

LAB = replace(PAPER, color_space="lab")
"""Plain L1 regression of Lab with the same network."""

YUV = replace(PAPER, color_space="yuv")
"""Plain L1 regression of YUV with the same network."""

RECIPES = {"paper": PAPER, "best": BEST, "lab": LAB, "yuv": YUV}
"""Every recipe by its name."""


def recipe(name: str) -> TrainingConfig:
    """The recipe with this name; ValueError if there is none."""
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]

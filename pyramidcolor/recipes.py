"""What a training run can be told, and four named ways to be told: the paper's, ours, and two to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .colorspaces import COLOR_SPACES

PHASES = ("stage-one", "stage-two", "fine-tune")
"""The paper's three: stage one alone; stage two on a frozen stage one; both."""

HUE_BINS = 24
"""Bins of 15 degrees: in which `rebalance` counts how often a hue occurs, a teacher says how likely each is, and so does a stage one
with `hue_bins`."""

LIKELY_HUES = {"hue_bins": HUE_BINS, "agreement": 0.1}
"""Arguments with which a `LowScaleNet` says how likely each hue is, and cells that look alike agree on it. The strength was chosen among
0.03 to 1 on photos held out of the shipped weights' training and on those of their cards, seen as they are and in a mirror: on all, 0.06 to
0.15 do as well."""

REBALANCINGS = ("mixture", "power")
"""How a hue's frequency becomes its weight: Zhang's mixture with a uniform distribution, inverted; or a power of how often hues
around it occur."""

SHRINKINGS = ("point", "number", "rgb")
"""How the truth shrinks to the low scale: hues as points, hues as numbers (the letter of the paper), or before encoding."""


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides what a run computes; two runs with the same config, photos and threads get the same weights.

    Attributes:
        color_space: name of one of `COLOR_SPACES`.
        low_scale_net: arguments for `LowScaleNet`.
        pyramid_net: arguments for `PyramidNet`.
        phases: which of `PHASES` to run, in order.
        epochs: the most epochs of each phase of `PHASES`.
        patience: a phase ends when its validation loss has not fallen for this many epochs.
        epoch_photos: photos an epoch visits, or None for all.
        batch_size: photos a step, over all processes.
        learning_rates: Adam's peak rate for each phase of `PHASES`; it rises for a tenth of the phase, then falls as a cosine.
        size: side of the training views in pixels; stage one alone is trained on views as small as its input.
        smallest_crop: side of the smallest view as a share of the photo's shorter side.
        hue_factor: lambda of Eq. 1.
        wrap: whether the hue's distance is the wrapped one of Eq. 2; only for the color space "hsv".
        weigh_by_saturation: whether a pixel's hue error counts as much as its true saturation.
        weigh_by_value: whether it also counts as much as the pixel is bright, since dark pixels' hue is noise as well.
        rebalance: from 0, every pixel's hue counts the same, toward 1, every hue does; 0.5 is Zhang's mixture of both.
        rebalancing: one of `REBALANCINGS`: how a frequency becomes a weight.
        shrinking: one of `SHRINKINGS`.
        exposure: gray is darkened by up to this share, at random, so that dim photos are known too.
        contrast: gray is raised to a power between 1 / (1 + contrast) and 1 + contrast, at random, so that flat and hard prints are
            known too.
        luminance_share: share of photos whose gray is luminance instead of the color space's own, as in scanned photos.
        mixing: share of stage one's views that are double exposures, up to half of them another view: new to a network, and to a
            teacher, that knows all photos by heart.
        teacher_share: how much of stage one's loss is the distance to a teacher's answers instead of the truth, in [0, 1]; more than
            0 takes a `teachers.Teacher`, and the color space "hsv-point", in which it answers.
        calibrate: whether a finished network gets the `saturation_gain` that makes the validation photos as vivid as they are.
        input_scales: at which multiples of its usual input size stage one looks at a photo once it is trained, as in
            `checkpoints.Colorizer`; training itself looks once.
        smoothing: radius with which the trained network's chroma is smoothed along gray, likewise.
        precision: "fp32", "bf16", or "auto" for bf16 where the processor is fast at it.
        seed: of the weights, the order of photos and the views.
    """

    color_space: str = "hsv"
    low_scale_net: dict[str, Any] = field(default_factory=dict)
    pyramid_net: dict[str, Any] = field(default_factory=dict)
    phases: tuple[str, ...] = PHASES
    epochs: tuple[int, int, int] = (20, 10, 5)
    patience: int = 5
    epoch_photos: int | None = None
    batch_size: int = 32
    learning_rates: tuple[float, float, float] = (1e-3, 1e-3, 3e-4)
    size: int = 128
    smallest_crop: float = 0.7
    hue_factor: float = 1.0
    wrap: bool = True
    weigh_by_saturation: bool = False
    weigh_by_value: bool = False
    rebalance: float = 0.0
    rebalancing: str = "mixture"
    shrinking: str = "point"
    exposure: float = 0.0
    contrast: float = 0.0
    luminance_share: float = 0.0
    mixing: float = 0.0
    teacher_share: float = 0.0
    calibrate: bool = False
    input_scales: tuple[float, ...] = (1.0,)
    smoothing: int = 0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        unknown, bins = set(self.phases) - set(PHASES), self.low_scale_net.get("hue_bins", 0)
        checks = {
            f"phases must be of {', '.join(PHASES)}, got {', '.join(map(str, sorted(unknown)))}": not unknown
            and self.phases,
            f"color_space must be one of {', '.join(COLOR_SPACES)}, got {self.color_space!r}": self.color_space
            in COLOR_SPACES,
            f"shrinking must be one of {', '.join(SHRINKINGS)}, got {self.shrinking!r}": self.shrinking
            in SHRINKINGS,
            f"epochs must be three numbers of at least 1, got {self.epochs}": len(self.epochs) == 3
            and min(self.epochs) > 0,
            f"learning_rates must be three positive numbers, got {self.learning_rates}": len(
                self.learning_rates
            )
            == 3
            and min(self.learning_rates) > 0,
            f"patience must be at least 1, got {self.patience}": self.patience > 0,
            f"batch_size must be at least 1, got {self.batch_size}": self.batch_size > 0,
            f"epoch_photos must be at least 1, got {self.epoch_photos}": self.epoch_photos is None
            or self.epoch_photos > 0,
            f"size must be at least 1, got {self.size}": self.size > 0,
            f"smallest_crop must lie in (0, 1], got {self.smallest_crop}": 0 < self.smallest_crop <= 1,
            f"hue_factor (lambda) must be at least 0, got {self.hue_factor}": self.hue_factor >= 0,
            f"rebalance must lie in [0, 1), got {self.rebalance}": 0 <= self.rebalance < 1,
            f"rebalancing must be one of {', '.join(REBALANCINGS)}, got {self.rebalancing!r}": self.rebalancing
            in REBALANCINGS,
            f"exposure must lie in [0, 1), got {self.exposure}": 0 <= self.exposure < 1,
            f"contrast must be at least 0, got {self.contrast}": self.contrast >= 0,
            f"luminance_share must lie in [0, 1], got {self.luminance_share}": 0 <= self.luminance_share <= 1,
            f"mixing must lie in [0, 1], got {self.mixing}": 0 <= self.mixing <= 1,
            f"teacher_share must lie in [0, 1], got {self.teacher_share}": 0 <= self.teacher_share <= 1,
            f'hue_bins of low_scale_net must be 0, or {HUE_BINS} with the color space "hsv-point", got {bins} for '
            f"{self.color_space!r}": not bins or (bins == HUE_BINS and self.color_space == "hsv-point"),
            f'a teacher answers in the color space "hsv-point": teacher_share must be 0 for {self.color_space!r}, got '
            f"{self.teacher_share}": not self.teacher_share or self.color_space == "hsv-point",
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)


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
    pyramid_net={"norm": True, "residual": True},
    hue_factor=3.0,
    weigh_by_saturation=True,
    rebalance=0.7,
    luminance_share=0.15,
    calibrate=True,
)
"""Hue as a point, weighed by saturation and against its frequency; stage two as a correction of stage one; some photos'
gray as luminance."""

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

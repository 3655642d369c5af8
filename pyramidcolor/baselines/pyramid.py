"""Kuo, Wei and You 2020: the two-stage pyramid itself, trained by `training.train` and dressed as the other systems are.

Nothing of the network or its training is written here; see `models`, `objective` and `training`. Its four recipes are the
paper's, ours, and the paper's question: the same network in Lab and in YUV.

Left out, beside what `recipes` says: training "to convergence". The steps given are shared among the paper's three phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.data import Subset
from torch.utils.flop_counter import FlopCounterMode

from ..checkpoints import Colorizer, build_colorizer
from ..evaluation import calibrate_saturation
from ..inference import colorize
from ..objective import PhaseStep
from ..recipes import TrainingConfig, recipe
from ..training import train
from .method import Method, Scribbles, check_photo

TITLES = {
    "paper": "Pyramid in HSV (the paper)",
    "best": "Pyramid, hue as a point (ours)",
    "lab": "Pyramid in Lab",
    "yuv": "Pyramid in YUV",
}

SHARES = (0.4, 0.35, 0.25)
"""Of the steps, what stage one gets, stage two, and both together. Stage one learns faster; with too few steps for stage two its
deconvolutions still show as a pattern."""

_EPOCHS = 20
_HELD_OUT = 64


class Pyramid(Method):
    """The two-stage pyramid, trained by one of `recipes.RECIPES`.

    Args:
        recipe_name: which recipe.
        changes: fields of `TrainingConfig` to set otherwise.
    """

    year = 2020

    def __init__(self, recipe_name: str, **changes):
        self.name, self.title = f"pyramid-{recipe_name}", TITLES[recipe_name]
        self._recipe = replace(recipe(recipe_name), **changes)
        self.colorizer: Colorizer | None = None

    def steps_of(
        self,
        photos: Sequence[Tensor],
        *,
        steps: int,
        batch_size: int = 16,
        size: int = 64,
        seed: int = 0,
        labels: Sequence[int] | None = None,
    ) -> Iterator[tuple[int, float]]:
        """As in `Method`, an item an epoch. A sixteenth of the photos, 64 at most, is held out: each phase keeps the weights that did best on it.

        Up to a twentieth of the steps is not done, so that all epochs are equally long. At least 3 are needed.
        """
        if steps < 3:
            raise ValueError(f"steps must be at least 3, one for each phase, got {steps}")
        held_out = min(_HELD_OUT, max(1, len(photos) // 16))
        known = Subset(photos, range(len(photos) - held_out))
        unknown = Subset(photos, range(len(photos) - held_out, len(photos)))
        config, done = self.config(steps, batch_size, size, seed), 0
        for record, self.colorizer in train(known, unknown, config):
            done += config.epoch_photos // batch_size
            yield done, record.train_loss
        if config.calibrate:
            self.colorizer = calibrate_saturation(self.colorizer, unknown, size)

    def config(self, steps: int, batch_size: int, size: int, seed: int) -> TrainingConfig:
        """The recipe with its epochs set so that they make a number of steps."""
        epoch_steps = max(1, steps // _EPOCHS)
        epochs = steps // epoch_steps
        two, both = (max(1, round(share * epochs)) for share in SHARES[1:])
        return replace(
            self._recipe,
            epochs=(epochs - two - both, two, both),
            patience=epochs,
            epoch_photos=epoch_steps * batch_size,
            batch_size=batch_size,
            size=size,
            seed=seed,
        )

    def colorize(self, photo: Tensor, *, seed: int = 0, hint: Scribbles | Tensor | None = None) -> Tensor:
        check_photo(photo)
        if self.colorizer is None:
            raise RuntimeError(f"{self.name} has not been trained: call fit first")
        return colorize(photo, self.colorizer)

    def _untrained(self) -> Colorizer:
        with torch.random.fork_rng(devices=[]):
            return build_colorizer(
                self._recipe.color_space, self._recipe.low_scale_net, self._recipe.pyramid_net
            )

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._untrained().model.parameters())

    def multiplications(self, size: int = 64) -> int:
        colorizer, photos = self._untrained(), torch.rand(2, 3, size, size, generator=torch.Generator())
        factor, mean = colorizer.model.low_scale_net.input_factor, 0.0
        for phase, share in zip(self._recipe.phases, SHARES, strict=True):
            views = photos[..., ::factor, ::factor] if phase == "stage-one" else photos
            with FlopCounterMode(display=False) as counter:
                PhaseStep(colorizer, phase, self._recipe)(views).backward()
            mean += share * counter.get_total_flops() / 2 / len(photos)
        return round(mean)

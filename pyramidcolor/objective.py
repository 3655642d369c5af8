"""What training makes small: the loss of each phase, from a batch of RGB photos."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .batches import center_view
from .checkpoints import Colorizer
from .colorspaces import ColorSpace, hue_of, luminance_gray, shrink_chroma
from .images import resize, shrink
from .losses import chroma_loss, hue_point_loss, saturation_weight
from .recipes import TrainingConfig

HUE_BINS = 24
"""Bins of 15 degrees in which `rebalance` counts how often a hue occurs."""


class PhaseStep(nn.Module):
    """The loss of one phase for a batch of RGB photos; a module, so that several processes can share it.

    Args:
        colorizer: the network to train.
        phase: one of `PHASES`. Parameters that the phase leaves alone are frozen, batch statistics too.
        config: the loss's arguments.
        hue_weights: weight of each of `HUE_BINS` bins of hue, or None.
        memory_format: of the gray pictures, which all features of the network inherit.
        teacher: what `config.teacher_share` of stage one's loss measures its answers against: gives probable chroma, smaller,
            for gray views, as `teachers.Teacher`. Only in training mode; a validation loss is of the truth alone.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        phase: str,
        config: TrainingConfig,
        hue_weights: list[float] | None = None,
        memory_format: torch.memory_format = torch.channels_last,
        teacher: nn.Module | None = None,
    ):
        super().__init__()
        self._memory_format = memory_format
        self.model, self.space, self.phase, self.config = (
            colorizer.model,
            colorizer.color_space,
            phase,
            config,
        )
        self.teacher = teacher if phase == "stage-one" and config.teacher_share else None
        self.register_buffer(
            "hue_weights", None if hue_weights is None else torch.tensor(hue_weights), persistent=False
        )
        self.model.low_scale_net.requires_grad_(phase != "stage-two")
        self.model.pyramid_net.requires_grad_(phase != "stage-one")

    def train(self, mode: bool = True) -> PhaseStep:
        """Training mode for what the phase trains; the rest keeps its batch statistics."""
        super().train(mode)
        self.model.low_scale_net.train(mode and self.phase != "stage-two")
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def forward(
        self,
        rgb: Tensor,
        gray_scale: Tensor | None = None,
        luminance: Tensor | None = None,
        gray_power: Tensor | None = None,
    ) -> Tensor:
        """The loss.

        Args:
            rgb: `(B, 3, H, W)` in [0, 1]; in stage one already as small as its input, or in training with a teacher as large as
                the teacher's.
            gray_scale: `(B,)`, brightness of each gray picture as a share of the photo's, or None for 1.
            luminance: `(B,)` of bool, which photos' gray is luminance, or None for none.
            gray_power: `(B,)`, what each gray picture, from 0 for black to 1, is raised to, or None for 1.

        Returns:
            Scalar; in the last phase the sum of both stages' losses, so that stage one's own output stays meaningful.
        """
        net = self.model.low_scale_net
        answer = None
        if self.teacher is not None and self.training:
            # It sees the photo's own gray, in more detail than stage one does.
            answer = self.teacher(self.space.gray(rgb)).float()
            side = self.config.size // net.input_factor
            rgb = resize(rgb, (side, side))
        # Encoding stays in full precision: a hue in bf16 is coarse, and its gradient is not needed.
        with torch.autocast(rgb.device.type, enabled=False):
            gray, chroma = self.space.encode(rgb)
            value = rgb.amax(-3, keepdim=True)
            if luminance is not None:
                gray = torch.where(luminance[:, None, None, None], luminance_gray(rgb), gray)
            if gray_power is not None:
                gray = 2 * ((gray + 1) / 2).clamp(min=0) ** gray_power[:, None, None, None] - 1
            if gray_scale is not None:
                gray = (gray + 1) * gray_scale[:, None, None, None] - 1
            gray = gray.contiguous(memory_format=self._memory_format)
        if self.phase == "stage-one":
            factor = net.low_factor // net.input_factor
            predicted, truth = net(gray, shrunk=True), self._low_truth(rgb, chroma, factor)
            low_value = shrink(value, factor)
            loss = self._loss(predicted, truth, low_value)
            if answer is None:
                return loss
            # As heavy as the true colors are, which say how saturated and how rare a hue is.
            answer = resize(answer, truth.shape[-2:])
            taught = self._loss(predicted, answer, low_value, weighed_by=truth)
            return loss + self.config.teacher_share * (taught - loss)
        if self.phase == "stage-two":
            with torch.no_grad():
                low_chroma = net(gray)
            return self._loss(self.model.pyramid_net(low_chroma, gray), chroma, value)
        low_chroma, full_chroma = self.model.both_scales(gray)
        low_truth, low_value = self._low_truth(rgb, chroma, net.low_factor), shrink(value, net.low_factor)
        return self._loss(full_chroma, chroma, value) + self._loss(low_chroma, low_truth, low_value)

    def _low_truth(self, rgb: Tensor, chroma: Tensor, factor: int) -> Tensor:
        with torch.autocast(rgb.device.type, enabled=False):
            if self.config.shrinking == "rgb":
                return self.space.encode(shrink(rgb, factor))[1]
            if self.config.shrinking == "number":
                return shrink(chroma, factor)
            return shrink_chroma(chroma, factor, self.space)

    def _loss(
        self, predicted: Tensor, target: Tensor, value: Tensor, weighed_by: Tensor | None = None
    ) -> Tensor:
        config, space = self.config, self.space
        with torch.autocast(predicted.device.type, enabled=False):
            weight = self._hue_weight(target if weighed_by is None else weighed_by, value)
            options = {"hue_factor": config.hue_factor, "hue_weight": weight}
            if space.point_channels is not None:
                return hue_point_loss(
                    predicted.float(), target, point_channels=space.point_channels, **options
                )
            return chroma_loss(
                predicted.float(), target, hue_channel=space.hue_channel, wrap=config.wrap, **options
            )

    def _hue_weight(self, target: Tensor, value: Tensor) -> Tensor | None:
        hue = hue_of(target, self.space)
        if hue is None:
            return None
        factors = []
        if self.config.weigh_by_saturation:
            factors.append(saturation_weight(target[:, self.space.saturation_channel].unsqueeze(1)))
        if self.config.weigh_by_value:
            factors.append(value)
        if self.hue_weights is not None:
            factors.append(self.hue_weights[hue_bin(hue)])
        return math.prod(factors) if factors else None


def hue_weights(
    photos: Sequence[Tensor], rebalance: float, space: ColorSpace, seed: int = 0, sample: int = 1000
) -> list[float]:
    """How much each bin of hue should count so that rare hues are learned too.

    Args:
        photos: the training set; a sample of it is read.
        rebalance: 0 gives 1 for every bin; toward 1 the weights go as 1 over the hue's frequency.
        space: one with a hue; for any other all weights are 1.
        seed: of the sample.
        sample: how many photos to read at most.

    Returns:
        `HUE_BINS` weights whose mean over pixels, each as heavy as its saturation times its value, is 1.

    Source:
        Zhang, Isola and Efros, "Colorful image colorization", ECCV 2016, Eq. 4, with bins of hue in place of bins of ab.
    """
    counts = torch.zeros(HUE_BINS, dtype=torch.float64)
    for index in np.random.default_rng([seed, 1]).permutation(len(photos))[:sample]:
        gray, chroma = space.encode(center_view(photos[int(index)], 32)[None])
        hue = hue_of(chroma, space)
        if hue is None:
            return [1.0] * HUE_BINS
        weight = (chroma[:, space.saturation_channel].unsqueeze(1) + 1) * (gray + 1) / 4
        counts.scatter_add_(0, hue_bin(hue).flatten(), weight.flatten().double())
    share = counts / counts.sum().clamp(min=1e-12)
    # Zhang mixes the frequencies with a uniform distribution, then inverts: more of the uniform is less rebalancing.
    weights = 1 / (rebalance * share + (1 - rebalance) / HUE_BINS)
    return (weights / (weights * share).sum()).tolist()


def hue_bin(hue: Tensor) -> Tensor:
    """In which of `HUE_BINS` bins a hue in half-turns lies: whole numbers of the same shape; bin 0 is centered on the seam."""
    # Centered on red, so that the seam of numbers lies between two bins.
    return ((hue + 1) / 2 * HUE_BINS + 0.5).long() % HUE_BINS

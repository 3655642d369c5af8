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
from .recipes import HUE_BINS, TrainingConfig


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
            answer = self._taught(self.space.gray(rgb))
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
            return self._low_loss(net.answers(gray, shrunk=True), rgb, chroma, value, factor, answer)
        if self.phase == "stage-two":
            with torch.no_grad():
                low_chroma = net(gray)
            return self._loss(self.model.pyramid_net(low_chroma, gray), chroma, value)
        answers = net.answers(gray)
        full_chroma = self.model.pyramid_net(net.chroma(answers, gray), gray)
        return self._loss(full_chroma, chroma, value) + self._low_loss(
            answers, rgb, chroma, value, net.low_factor
        )

    def _low_loss(
        self,
        answers: Tensor,
        rgb: Tensor,
        chroma: Tensor,
        value: Tensor,
        factor: int,
        taught: Tensor | None = None,
    ) -> Tensor:
        """Stage one's loss: of its answers, from a photo `factor` times as large, and of the teacher's, if there are such."""
        net, truth = self.model.low_scale_net, self._low_truth(rgb, chroma, factor)
        if taught is not None:
            taught = resize(taught, truth.shape[-2:])
        if net.hue_bins:
            return self._bins_loss(answers, truth, chroma, value, factor, taught)
        predicted, low_value = net.layers[-1](answers), shrink(value, factor)
        loss = self._loss(predicted, truth, low_value)
        if taught is None:
            return loss
        # As heavy as the true colors are, which say how saturated and how rare a hue is.
        teaching = self._loss(predicted, taught, low_value, weighed_by=truth)
        return loss + self.config.teacher_share * (teaching - loss)

    def _bins_loss(
        self,
        answers: Tensor,
        truth: Tensor,
        chroma: Tensor,
        value: Tensor,
        factor: int,
        taught: Tensor | None,
    ) -> Tensor:
        """Cross-entropy of the hues' shares, times `hue_factor`, and L1 of the saturation."""
        config, bins = self.config, self.model.low_scale_net.hue_bins
        with torch.autocast(answers.device.type, enabled=False):
            shares, saturation = answers[:, :bins].float().log_softmax(1), answers[:, bins:].float().tanh()
            true = hue_histogram(hue_of(chroma, self.space), self._pixel_weight(chroma, value), factor)
            loss = [hue_entropy(shares, true, self.hue_weights), (saturation - truth[:, 2:]).abs().mean()]
            if taught is not None:
                # Not weighed anew: the teacher has learned to weigh hues against their frequency.
                likely = taught[:, :bins] * true.sum(1, keepdim=True)
                teaching = hue_entropy(shares, likely), (saturation - taught[:, bins:]).abs().mean()
                share = config.teacher_share
                loss = [part + share * (other - part) for part, other in zip(loss, teaching, strict=True)]
            return config.hue_factor * loss[0] + loss[1]

    def _taught(self, gray: Tensor) -> Tensor:
        """The teacher's answers: the shares of hues and the saturation, where stage one tells such, or else chroma."""
        if not self.model.low_scale_net.hue_bins:
            return self.teacher(gray).float()
        shares, saturation = self.teacher.shares(gray)
        return torch.cat((shares.exp(), saturation), 1).float()

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
        if self.config.weigh_by_saturation or self.config.weigh_by_value:
            factors.append(self._pixel_weight(target, value))
        if self.hue_weights is not None:
            factors.append(self.hue_weights[hue_bin(hue)])
        return math.prod(factors) if factors else None

    def _pixel_weight(self, chroma: Tensor, value: Tensor) -> Tensor:
        """How much a pixel's hue counts, whatever it is: `(B, 1, H, W)`."""
        weight = torch.ones_like(value)
        if self.config.weigh_by_saturation:
            weight = weight * saturation_weight(chroma[:, self.space.saturation_channel].unsqueeze(1))
        return weight * value if self.config.weigh_by_value else weight


def hue_weights(
    photos: Sequence[Tensor],
    rebalance: float,
    space: ColorSpace,
    seed: int = 0,
    sample: int = 1000,
    rebalancing: str = "mixture",
) -> list[float]:
    """How much each bin of hue should count so that rare hues are learned too.

    Args:
        photos: the training set; a sample of it is read.
        rebalance: 0 gives 1 for every bin; toward 1 the weights go as 1 over the hue's frequency.
        space: one with a hue; for any other all weights are 1.
        seed: of the sample.
        sample: how many photos to read at most.
        rebalancing: "mixture": 1 over the frequency mixed with a uniform one, as Zhang; or "power": the frequency of all hues up to 30
            degrees away, to the power of -`rebalance`. A mixture hardly tells rare hues from rarer ones, and by a bin's own frequency
            a hue would lose to its neighbors.

    Returns:
        `HUE_BINS` weights whose mean over pixels, each as heavy as its saturation times its value, is 1.

    Raises:
        ValueError: if all photos that are read are gray.

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
    if not counts.sum():
        raise ValueError("the photos have no color to learn from: all that were looked at are gray")
    share = counts / counts.sum()
    if rebalancing == "power":
        near = {-2: 0.5, -1: 1, 0: 1, 1: 1, 2: 0.5}  # bins of 15 degrees, the outermost by half
        around = sum(part * share.roll(step) for step, part in near.items())
        weights = around.clamp(min=1e-6) ** -rebalance
    else:
        # Zhang mixes the frequencies with a uniform distribution, then inverts: more of the uniform is less rebalancing.
        weights = 1 / (rebalance * share + (1 - rebalance) / HUE_BINS)
    return (weights / (weights * share).sum()).tolist()


def hue_bin(hue: Tensor) -> Tensor:
    """In which of `HUE_BINS` bins a hue in half-turns lies: whole numbers of the same shape; bin 0 is centered on the seam."""
    # Centered on red, so that the seam of numbers lies between two bins.
    return ((hue + 1) / 2 * HUE_BINS + 0.5).long() % HUE_BINS


def hue_histogram(hue: Tensor, weight: Tensor, factor: int) -> Tensor:
    """How much of each hue there is in each square of a picture.

    Args:
        hue: `(B, 1, H, W)` in half-turns.
        weight: how much each pixel counts, same shape.
        factor: side of a square in pixels.

    Returns:
        `(B, 24, H / factor, W / factor)`: the mean over the square of the weights of the pixels in each bin of hue, 0 for the others.
    """
    counts = torch.zeros(len(hue), HUE_BINS, *hue.shape[-2:], device=hue.device)
    return shrink(counts.scatter_(1, hue_bin(hue), weight), factor)


def hue_entropy(shares: Tensor, true: Tensor, bin_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of predicted shares of hues, in nats; squares count as much as they are colored.

    Args:
        shares: logarithms, `(B, 24, h, w)`.
        true: how much of each hue there is, same shape; as of `hue_histogram`.
        bin_weights: how much each hue counts, `(24,)`, or None for 1.

    Returns:
        Scalar of at least 0; 0 where nothing is colored.
    """
    weighed = true if bin_weights is None else true * bin_weights[:, None, None]
    return -(weighed * shares).sum() / true.sum().clamp(min=1e-6)

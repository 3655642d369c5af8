"""Zhang, Isola and Efros 2016: not one color for a pixel but a probability for each of some hundred, the rare ones made to count.

"Colorful image colorization", ECCV 2016; its section 2. A regression must answer an undecided pixel with the mean of its
possible colors, which is grayish. A classification can say "green or red", and what it says is turned into a color only at
the end. Since most pixels of most photos are nearly gray, rare colors weigh more in the loss.

Left out: three quarters of every width, and so 30 of 32 million parameters; ImageNet's 1.3 million photos; the released list
of 313 bins (we count 262 that an sRGB color falls into); k-means initialization.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from ..batches import center_view
from ..color import rgb_to_lab
from ..colorspaces import LAB, LAB_REACH
from ..images import resize
from ..models import initialize_he
from .learned import LearnedMethod

GRID = 10.0
"""Side of a bin in the ab plane."""

SIGMA = 5.0
"""Of the Gaussians over ab distance with which a color is shared among bins and the frequencies are smoothed."""

NEIGHBORS = 5
"""Bins among which a color is shared."""

_SAMPLE = 500  # photos whose colors are counted


@lru_cache(maxsize=1)
def ab_bins() -> Tensor:
    """The Q centers of all 10x10 bins of the ab plane that an sRGB color falls into (section 2.1).

    Returns:
        `(Q, 2)`: a and b, multiples of 10.
    """
    level = torch.linspace(0, 1, 128)
    rgb = torch.stack(torch.meshgrid(level, level, level, indexing="ij")).flatten(2)
    a, b = (rgb_to_lab(rgb)[1:].flatten(1) / GRID).round().long() + 11  # no a or b lies beyond 11 bins from 0
    occurs = torch.zeros(23, 23, dtype=torch.bool)
    occurs[a, b] = True
    return (occurs.nonzero() - 11) * GRID


def soft_encoding(ab: Tensor, bins: Tensor) -> Tensor:
    """Z: each color as shares of its nearest bins, by a Gaussian of its distances to them (section 2.1).

    Args:
        ab: `(B, 2, H, W)`.
        bins: `(Q, 2)`.

    Returns:
        `(B, Q, H, W)`; the shares of a pixel are at least 0, and their sum is 1.
    """
    batch, _, height, width = ab.shape
    distance, nearest = torch.cdist(ab.movedim(1, -1).reshape(-1, 2), bins).topk(NEIGHBORS, largest=False)
    share = (-distance.square() / (2 * SIGMA**2)).softmax(-1)
    shares = torch.zeros(len(share), len(bins), device=ab.device).scatter_(1, nearest, share)
    return shares.reshape(batch, height, width, len(bins)).movedim(-1, 1)


def rebalancing_weights(frequency: Tensor, bins: Tensor, mix: float = 0.5) -> Tensor:
    """w: how much each bin counts, 1 over its smoothed frequency mixed with a uniform one (Eq. 4).

    Args:
        frequency: p, `(Q,)`, with the sum 1.
        bins: `(Q, 2)`.
        mix: lambda, the share of the uniform distribution. 1 makes all weights 1.

    Returns:
        `(Q,)`; their mean over pixels, as frequent as they are, is 1.
    """
    kernel = (-torch.cdist(bins, bins).square() / (2 * SIGMA**2)).exp()
    smooth = (kernel / kernel.sum(0)) @ frequency  # each bin hands out all that it has
    weights = 1 / ((1 - mix) * smooth + mix / len(bins))
    return weights / (weights * smooth).sum()


def annealed_mean(logits: Tensor, bins: Tensor, temperature: float = 0.38) -> Tensor:
    """One color for each distribution: the mean after its probabilities were made more extreme (Eq. 5).

    Args:
        logits: `(B, Q, H, W)`.
        bins: `(Q, 2)`.
        temperature: T. 1 gives the mean, which is grayish; toward 0 comes the mode, vivid but jumping from pixel to pixel.

    Returns:
        ab, `(B, 2, H, W)`.

    Example:
        >>> bins, logits = torch.tensor([[0.0, 60.0], [60.0, 0.0]]), torch.tensor([0.75, 0.25]).log()
        >>> [annealed_mean(logits.reshape(1, 2, 1, 1), bins, T).flatten().round().tolist() for T in (1, 0.38, 0.01)]
        [[15.0, 45.0], [3.0, 57.0], [0.0, 60.0]]
    """
    return torch.einsum("bqhw,qc->bchw", (logits / temperature).softmax(1), bins)


class Zhang2016(LearnedMethod):
    """Zhang, Isola and Efros 2016.

    Args:
        width: channels of the first block; the others have 2, 4 or 8 times as many. The paper's is 64.
        temperature: of the annealed mean.
        mix: of `rebalancing_weights`; 1 turns rebalancing off.
    """

    name, title, year = "zhang2016", "Zhang, Isola, Efros 2016", 2016
    color_space = LAB

    def __init__(self, width: int = 16, temperature: float = 0.38, mix: float = 0.5):
        self.width, self.temperature, self.mix = width, temperature, mix
        self.bins = ab_bins()
        self.weights = torch.ones(len(self.bins))
        super().__init__()

    def build(self) -> nn.Module:
        """Blocks 1 to 8 of the paper's table: at 1, 1/2, 1/4, then 1/8 of the side, dilated twice, and up again to 1/4."""
        one, two, four, eight = (self.width * times for times in (1, 2, 4, 8))
        network = nn.Sequential(
            *_block(1, one, convolutions=2, halves=True),
            *_block(one, two, convolutions=2, halves=True),
            *_block(two, four, convolutions=3, halves=True),
            *_block(four, eight, convolutions=3),
            *_block(eight, eight, convolutions=3, dilation=2),
            *_block(eight, eight, convolutions=3, dilation=2),
            *_block(eight, eight, convolutions=3),
            nn.ConvTranspose2d(eight, four, 4, stride=2, padding=1),
            nn.ReLU(),
            *_block(four, four, convolutions=2, norm=False),
            nn.Conv2d(four, len(self.bins), 1),
        )
        initialize_he(network)
        nn.init.zeros_(network[-1].weight)  # all bins alike at first
        return network

    def prepare(self, photos: Sequence[Tensor], labels: Sequence[int] | None, seed: int) -> None:
        """Count how often each bin occurs among the training photos, as the paper does in ImageNet."""
        chosen = np.random.default_rng([seed, 1]).permutation(len(photos))[:_SAMPLE]
        frequency = torch.zeros(len(self.bins))
        for place in chosen:
            ab = rgb_to_lab(center_view(photos[int(place)], 16))[None, 1:]
            frequency += soft_encoding(ab, self.bins).mean((0, 2, 3))
        self.weights = rebalancing_weights(frequency / len(chosen), self.bins, self.mix)

    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """The cross-entropy of Eq. 2, each pixel weighted by its most likely bin's rarity (Eq. 3)."""
        logits = self.network(gray).float()
        truth = soft_encoding(resize(chroma, logits.shape[-2:]) * LAB_REACH, self.bins.to(logits.device))
        weight = self.weights.to(logits.device)[truth.argmax(1)]
        return -(weight * (truth * logits.log_softmax(1)).sum(1)).mean()

    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """Chroma at 1/4 of the side."""
        return annealed_mean(self.network(gray), self.bins.to(gray.device), self.temperature) / LAB_REACH


def _block(
    ins: int, outs: int, convolutions: int, halves: bool = False, dilation: int = 1, norm: bool = True
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number in range(convolutions):
        stride = 2 if halves and number == convolutions - 1 else 1
        layers += [nn.Conv2d(ins, outs, 3, stride, dilation, dilation), nn.ReLU()]
        ins = outs
    return [*layers, nn.BatchNorm2d(outs)] if norm else layers

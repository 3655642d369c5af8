"""PixColor 2017: colors drawn one after the other, each knowing all that were drawn before it.

Guadarrama, Dahl, Bieber, Norouzi, Shlens and Murphy, "PixColor: pixel recursive colorization", BMVC 2017. Chroma is coarse: a
small grid of it is enough for the eye. So the grid is drawn from a distribution, and a second network gives it the picture's
size. The distribution of the grid is a product, p(y | x) = product over places i of p(first_i | all before) p(second_i | first_i,
all before), by a PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel recurrent neural networks", ICML 2016): its
kernels are masked so that no output depends on itself or on what comes later. What the gray picture shows enters through a
conditioning network. Drawing again gives other colors, which agree with each other inside one picture.

Left out: the conditioning network's 101 layers (here nine) and its pretraining, a 28x28 grid (here 16x16), the gates of
newer PixelCNNs, and YCbCr, for which YUV stands, the same plane at another scale.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..colorspaces import YUV
from ..images import enlarge_chroma, resize
from ..inference import working_shape
from ..models import initialize_he
from .learned import LearnedMethod

BINS = 32
"""Values that each of both channels of chroma can take."""

GRID = 16
"""Side of the grid of chroma; of a photo that is not square, of the square of the same area."""

_SEEN = 4 * GRID  # the conditioning network looks at a picture of this side
_REACH = 9  # rows above its own that a PixelCNN's output can see: 3 of the first kernel, 1 of each other


def to_bins(chroma: Tensor) -> Tensor:
    """The bin, from 0, of each value of chroma in [-1, 1]; any shape, and the same shape comes back."""
    return ((chroma + 1) / 2 * BINS).long().clamp(0, BINS - 1)


def of_bins(bins: Tensor) -> Tensor:
    """The value in the middle of each bin, in [-1, 1]; same shape."""
    return (bins + 0.5) * 2 / BINS - 1


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees only what was drawn before: rows above, and places to the left.

    Its channels come in two halves, one for each channel of chroma. At its own place the second half may see the first. With
    `itself` each half also sees itself there: right for all layers but the first, whose inputs are the colors themselves.
    """

    def __init__(self, ins: int, outs: int, size: int, itself: bool):
        super().__init__(ins, outs, size, padding=size // 2)
        mask, middle = torch.zeros(outs, ins, size, size), size // 2
        mask[:, :, :middle] = 1
        mask[:, :, middle, :middle] = 1
        mask[outs // 2 :, : ins // 2, middle, middle] = 1
        if itself:
            mask[: outs // 2, : ins // 2, middle, middle] = 1
            mask[outs // 2 :, ins // 2 :, middle, middle] = 1
        self.register_buffer("mask", mask)

    def forward(self, features: Tensor) -> Tensor:
        """Same height and width."""
        return self._conv_forward(features, self.weight * self.mask, self.bias)


class PixelCNN(nn.Module):
    """Logits of every color of a grid, given those before it: masked 7x7, then six masked 3x3, each told what the gray shows.

    Args:
        width: channels of each layer, an even number.
        told: channels of the conditioning features.
    """

    def __init__(self, width: int, told: int):
        super().__init__()
        self.layers = nn.ModuleList([MaskedConv2d(2, width, 7, itself=False)])
        self.layers.extend(MaskedConv2d(width, width, 3, itself=True) for _ in range(6))
        self.conditions = nn.ModuleList(nn.Conv2d(told, width, 1) for _ in self.layers)
        self.last = MaskedConv2d(width, 2 * BINS, 1, itself=True)

    def forward(self, chroma: Tensor, told: Tensor) -> Tensor:
        """Logits `(B, 2, BINS, h, w)` for chroma `(B, 2, h, w)` and conditioning features `(B, told, h, w)`."""
        features = chroma
        for number, (layer, condition) in enumerate(zip(self.layers, self.conditions, strict=True)):
            answer = (layer(features) + condition(told)).relu()
            features = answer if number == 0 else features + answer
        return self.last(features).unflatten(1, (2, BINS))


class PixColorNets(nn.Module):
    """The three networks: conditioning, PixelCNN, refinement."""

    def __init__(self, width: int):
        super().__init__()
        self.conditioning = nn.Sequential(
            *_convolution(1, width // 2),
            *_convolution(width // 2, width, stride=2),
            *_convolution(width, 2 * width, stride=2),
            *(
                layer
                for dilation in (1, 2, 4, 2, 4, 1)
                for layer in _convolution(2 * width, 2 * width, dilation=dilation)
            ),
        )
        self.pixel_cnn = PixelCNN(width, 2 * width)
        self.refinement = nn.Sequential(
            *_convolution(3, width // 2),
            *_convolution(width // 2, width // 2, dilation=2),
            *_convolution(width // 2, width // 2),
            nn.Conv2d(width // 2, 2, 3, padding=1),
        )
        initialize_he(self.conditioning)
        initialize_he(self.refinement)
        # All colors alike at first, and no correction: else the first hundred steps only unlearn.
        for last in (self.pixel_cnn.last, self.refinement[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def refine(self, gray: Tensor, low_chroma: Tensor) -> Tensor:
        """Chroma `(B, 2, H, W)` for gray `(B, 1, H, W)`: the grid `(B, 2, h, w)`, enlarged and corrected along the picture's edges."""
        enlarged = enlarge_chroma(low_chroma, gray.shape[-2:], None)
        return (enlarged + self.refinement(torch.cat((gray, enlarged), 1))).clamp(-1, 1)


class PixColor2017(LearnedMethod):
    """PixColor 2017.

    Args:
        width: channels of the PixelCNN.
        temperature: of the drawing. 1 draws as likely as learned, toward 0 the likeliest color is taken at each place. A
            network that was trained for minutes doubts more than it should, so less than 1 it is.
    """

    name, title, year = "pixcolor2017", "PixColor (Guadarrama et al.) 2017", 2017
    samples = True
    color_space = YUV
    learning_rate = 2e-3

    def __init__(self, width: int = 48, temperature: float = 0.5):
        self.width, self.temperature = width, temperature
        super().__init__()

    def build(self) -> nn.Module:
        """All three networks."""
        return PixColorNets(self.width)

    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """The cross-entropy of the grid's colors, plus the L1 of the refinement, which is given the true grid.

        No parameter is in both parts, so it is as if the networks were trained one by one.
        """
        low = of_bins(to_bins(resize(chroma, (GRID, GRID))))
        told = self.network.conditioning(resize(gray, (_SEEN, _SEEN)))
        logits = self.network.pixel_cnn(low, told).float()
        drawing = cross_entropy(logits.movedim(2, 1), to_bins(low))
        return drawing + (self.network.refine(gray, low).float() - chroma).abs().mean()

    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """A drawn grid, refined: chroma at full size."""
        return self.network.refine(gray, self.sample(gray, noise))

    def sample(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """A grid of chroma `(B, 2, h, w)`, drawn color by color."""
        height, width = working_shape(gray.shape[-2:], GRID, 1)
        told = self.network.conditioning(resize(gray, (4 * height, 4 * width)))
        chroma = torch.zeros(len(gray), 2, height, width, device=gray.device)
        for row, column, channel in itertools.product(range(height), range(width), range(2)):
            seen = slice(max(0, row - _REACH), row + 1)
            logits = self.network.pixel_cnn(chroma[:, :, seen], told[:, :, seen])
            chances = (logits[:, channel, :, -1, column].float().cpu() / self.temperature).softmax(1)
            drawn = torch.multinomial(chances, 1, generator=noise)[:, 0]
            chroma[:, channel, row, column] = of_bins(drawn).to(chroma.device)
        return chroma


def _convolution(ins: int, outs: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(ins, outs, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(outs),
        nn.ReLU(),
    ]

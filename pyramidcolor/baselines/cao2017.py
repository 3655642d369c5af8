"""Cao, Zhou, Zhang and Yu 2017: a second network judges whether colors look real, and noise decides which real colors they are.

"Unsupervised diverse colorization via generative adversarial networks", ECML PKDD 2017; its section on the generator names
three things, all here: no layer shrinks the picture (stride 1 everywhere), so no place is lost; gray is joined to the input of
every layer, so that colors keep to it; noise enters several layers, so that it is not forgotten. The discriminator sees Y, U and V.

Left out: the released code's WGAN, for which a hinge loss stands (Lim and Ye, "Geometric GAN", 2017) with spectral normalization
(Miyato et al., ICLR 2018), and an L1 that leads the way, since minutes must do. Kernels are dilated instead of many. The noise is the
same in all places of a picture, so it decides on the picture's mood and not on grains.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..colorspaces import YUV
from ..models import initialize_he
from .learned import LearnedMethod, descend

DILATIONS = (1, 2, 4, 8, 4, 2, 1)
"""Of the generator's convolutions, all of stride 1."""


class Generator(nn.Module):
    """Gray `(B, 1, H, W)` and noise `(B, N)` to chroma `(B, 2, H, W)`, never at another size.

    Args:
        width: channels of each layer.
        noise: N, how many numbers of noise; they enter the first half of the layers.
    """

    def __init__(self, width: int, noise: int):
        super().__init__()
        self.layers, self.norms, ins = nn.ModuleList(), nn.ModuleList(), 0
        for number, dilation in enumerate(DILATIONS):
            joined = ins + 1 + (noise if self._takes_noise(number) else 0)
            last = number == len(DILATIONS) - 1
            self.layers.append(
                nn.Conv2d(joined, 2 if last else width, 3, padding=dilation, dilation=dilation)
            )
            if not last:
                self.norms.append(nn.BatchNorm2d(width))
            ins = width
        initialize_he(self)
        nn.init.zeros_(self.layers[-1].weight)  # gray at first

    def forward(self, gray: Tensor, noise: Tensor) -> Tensor:
        """In [-1, 1] by a tanh."""
        everywhere = noise[:, :, None, None].expand(-1, -1, *gray.shape[-2:])
        features: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            joined = [*features, gray, *([everywhere] if self._takes_noise(number) else [])]
            answer = layer(torch.cat(joined, 1))
            if number < len(self.norms):
                features = [self.norms[number](answer).relu()]
        return answer.tanh()

    @staticmethod
    def _takes_noise(number: int) -> bool:
        return number <= len(DILATIONS) // 2


class Discriminator(nn.Module):
    """Y, U and V `(B, 3, H, W)` to a number for each of some overlapping parts `(B, 1, H / 16, W / 16)`: above 0 where it looks real."""

    def __init__(self, width: int):
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 6 * width)
        layers: list[nn.Module] = []
        for ins, outs in itertools.pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(ins, outs, 5, 2, 2)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 1)))

    def forward(self, gray: Tensor, chroma: Tensor) -> Tensor:
        """Gray and chroma as of `YUV.encode`."""
        return self.layers(torch.cat((gray, chroma), 1))


class Cao2017(LearnedMethod):
    """Cao, Zhou, Zhang and Yu 2017.

    Args:
        width: channels of the generator.
        noise: how many numbers of noise.
        leading: what the L1 is multiplied by beside the discriminator's verdict. More of it is more accurate and less diverse.
    """

    name, title, year = "cao2017", "Cao, Zhou, Zhang, Yu 2017", 2017
    samples = True
    color_space = YUV
    multiple = 16
    learning_rate = 2e-3

    def __init__(self, width: int = 32, noise: int = 8, leading: float = 30.0):
        self.width, self.noise, self.leading = width, noise, leading
        super().__init__()

    def build(self) -> nn.Module:
        """Both networks."""
        return nn.ModuleDict(
            {"generator": Generator(self.width, self.noise), "discriminator": Discriminator(24)}
        )

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each network; a discriminator that learns as fast as the generator would win."""
        rates = self.learning_rate, self.learning_rate / 4
        return [
            torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.9))
            for network, rate in zip(self.network.values(), rates, strict=True)
        ]

    def learn(
        self,
        optimizers: list[torch.optim.Optimizer],
        gray: Tensor,
        chroma: Tensor,
        labels: Tensor | None,
        noise: torch.Generator,
    ) -> Tensor:
        """A step of the discriminator, then one of the generator; returns the generator's L1, the only part that should fall."""
        generator, discriminator = self.network["generator"], self.network["discriminator"]
        painted = generator(gray, self._draw(gray, noise))
        real, false = discriminator(gray, chroma), discriminator(gray, painted.detach())
        descend(optimizers[1], ((1 - real).relu() + (1 + false).relu()).float().mean())
        error = (painted.float() - chroma).abs().mean()
        descend(optimizers[0], self.leading * error - discriminator(gray, painted).float().mean())
        return error.detach()

    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """The L1 alone, for looking at; `learn` has the two losses of which neither is a measure."""
        return (self.predict(gray, noise).float() - chroma).abs().mean()

    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """Chroma at full size, as the noise says."""
        return self.network["generator"](gray, self._draw(gray, noise))

    def _draw(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        return torch.randn(len(gray), self.noise, generator=noise).to(gray.device)

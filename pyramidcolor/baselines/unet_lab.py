"""A plain U-Net in Lab: what most tutorials on colorization begin with.

The network is that of Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation",
MICCAI 2015 (Fig. 1): two convolutions and a halving, again and again, then back up, each level joined with the features of the
same size from the way down. For colors it became usual through Isola, Zhu, Zhou and Efros, "Image-to-image translation with
conditional adversarial networks", CVPR 2017 (section 3.2). It is trained here as the paper's pyramid in Lab is, with plain L1
on ab, and is as large; so a difference between the two is the pyramid's.

Left out: the discriminator of the second source; three quarters of the first one's widths, and its unpadded convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..colorspaces import LAB
from ..losses import chroma_loss
from ..models import initialize_he
from .learned import LearnedMethod

WIDTHS = (16, 32, 64, 128, 204)
"""Features at each level of the U-Net, from full size down."""


class UNet(nn.Module):
    """A U-Net with batch normalization: gray `(B, 1, H, W)` to chroma `(B, channels, H, W)`, both in [-1, 1].

    Args:
        channels: how many to predict.
        widths: features at each level, from full size down; each level halves the sides.
    """

    def __init__(self, channels: int = 2, widths: tuple[int, ...] = WIDTHS):
        super().__init__()
        self.down, self.up, self.joined = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        ins = 1
        for width in widths:
            self.down.append(_two_convolutions(ins, width))
            ins = width
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(ins, width, 2, stride=2))
            self.joined.append(_two_convolutions(2 * width, width))
            ins = width
        self.last = nn.Conv2d(ins, channels, 1)
        self.halve = nn.MaxPool2d(2)
        initialize_he(self)
        nn.init.zeros_(self.last.weight)  # gray at first; a random answer would have to be unlearned

    def forward(self, gray: Tensor) -> Tensor:
        """H and W are multiples of 2 for each level but the first."""
        kept: list[Tensor] = []
        features = gray
        for level in self.down:
            features = level(self.halve(features) if kept else features)
            kept.append(features)
        for up, joined, same_size in zip(self.up, self.joined, reversed(kept[:-1]), strict=True):
            features = joined(torch.cat((up(features), same_size), 1))
        return self.last(features).tanh()


class UNetLab(LearnedMethod):
    """A plain U-Net in Lab.

    Args:
        widths: as in `UNet`. The default has as many parameters as "pyramid-lab", to a hundredth.
    """

    name, title, year = "unet-lab", "Plain U-Net in Lab", 2015
    color_space = LAB
    multiple = 16

    def __init__(self, widths: tuple[int, ...] = WIDTHS):
        self.widths = widths
        super().__init__()

    def build(self) -> nn.Module:
        """The network."""
        return UNet(LAB.chroma_channels, self.widths)

    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """L1, as for the pyramid in Lab."""
        return chroma_loss(self.network(gray).float(), chroma, hue_channel=None)

    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """Chroma at full size."""
        return self.network(gray)


def _two_convolutions(ins: int, outs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (ins, outs):
        layers += [nn.Conv2d(before, outs, 3, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]
    return nn.Sequential(*layers)

"""The network of Zhang, Isola and Efros (2016), as published, with random weights: for its time, memory and size only."""

from __future__ import annotations

from torch import nn

AB_BINS = 313
"""In-gamut bins of 10 x 10 in the ab plane that the network chooses among."""


def zhang_2016() -> nn.Sequential:
    """The classifying network: L `(B, 1, H, W)` to scores `(B, 313, H / 4, W / 4)`; H and W are multiples of 8.

    Eight blocks of 22 convolutions: 21 of 3x3, and a 4x4 deconvolution that opens the last block. The first three blocks end with
    stride 2, the fifth and the sixth see farther by dilation 2, and all but the last end with batch normalization. A 1x1 convolution
    gives the scores.

    Source:
        Zhang, Isola and Efros, "Colorful image colorization", ECCV 2016, Fig. 2 and the published model definition.
    """
    return nn.Sequential(
        *_block(1, 64, 2, last_stride=2),
        *_block(64, 128, 2, last_stride=2),
        *_block(128, 256, 3, last_stride=2),
        *_block(256, 512, 3),
        *_block(512, 512, 3, dilation=2),
        *_block(512, 512, 3, dilation=2),
        *_block(512, 512, 3),
        nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1),
        nn.ReLU(),
        *_block(256, 256, 2, norm=False),
        nn.Conv2d(256, AB_BINS, 1),
    )


def _block(
    ins: int, width: int, depth: int, last_stride: int = 1, dilation: int = 1, norm: bool = True
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for number in range(depth):
        stride = last_stride if number == depth - 1 else 1
        layers += [nn.Conv2d(ins, width, 3, stride, dilation, dilation), nn.ReLU()]
        ins = width
    return [*layers, nn.BatchNorm2d(width)] if norm else layers

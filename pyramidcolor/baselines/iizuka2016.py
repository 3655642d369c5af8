"""Iizuka, Simo-Serra and Ishikawa 2016: what the whole picture shows decides the color of every place in it.

"Let there be color!", ACM Transactions on Graphics 35 (SIGGRAPH 2016); its section 3. One branch keeps the picture's
places; another shrinks the picture to one vector, which is joined to the features of every place (the fusion layer). The vector
also has to tell what kind of scene it is, so it learns what sky at dusk and a meadow in June have to do with color. Colors
are a regression: squared error on ab, scaled to [0, 1].

Left out: three quarters of every width; the global branch's own copy of the picture at 224x224, and its flattening, for
which a mean over all places stands, so that any size will do; Places' 205 kinds of scenes (`labels` may name any); Adadelta.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, mse_loss

from ..colorspaces import LAB
from ..models import initialize_he
from .learned import LearnedMethod

CLASS_FACTOR = 1 / 300
"""Alpha, what the class's cross-entropy is multiplied by in the loss."""


class FusionNet(nn.Module):
    """The four networks of the paper's table 1, joined: gray `(B, 1, H, W)`, sides multiples of 8, to ab in [0, 1] and class logits.

    Args:
        width: channels of the first layer. The paper's is 64.
        kinds: how many classes there are, at least 1.
    """

    def __init__(self, width: int, kinds: int):
        super().__init__()
        one, two, four, eight = (width * times for times in (1, 2, 4, 8))
        self.low = nn.Sequential(
            *_convolution(1, one, stride=2),
            *_convolution(one, two),
            *_convolution(two, two, stride=2),
            *_convolution(two, four),
            *_convolution(four, four, stride=2),
            *_convolution(four, eight),
        )
        self.middle = nn.Sequential(*_convolution(eight, eight), *_convolution(eight, four))
        self.whole = nn.Sequential(
            *_convolution(eight, eight, stride=2),
            *_convolution(eight, eight),
            *_convolution(eight, eight, stride=2),
            *_convolution(eight, eight),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            *(nn.Linear(eight, 2 * eight), nn.ReLU(), nn.Linear(2 * eight, eight), nn.ReLU()),
        )
        self.summary = nn.Sequential(nn.Linear(eight, four), nn.ReLU())
        self.classes = nn.Sequential(nn.Linear(eight, four), nn.ReLU(), nn.Linear(four, kinds))
        self.fusion = nn.Sequential(nn.Conv2d(2 * four, four, 1), nn.ReLU())
        self.color = nn.Sequential(
            *_convolution(four, two),
            nn.Upsample(scale_factor=2),
            *_convolution(two, one),
            *_convolution(one, one),
            nn.Upsample(scale_factor=2),
            *_convolution(one, one // 2),
            nn.Conv2d(one // 2, 2, 3, padding=1),
            nn.Sigmoid(),
        )
        initialize_he(self)

    def forward(self, gray: Tensor) -> tuple[Tensor, Tensor]:
        """ab `(B, 2, H / 2, W / 2)` in [0, 1], and logits `(B, kinds)`."""
        low = self.low(gray)
        whole = self.whole(low)
        return self.join(self.middle(low), self.summary(whole)), self.classes(whole)

    def join(self, middle: Tensor, summary: Tensor) -> Tensor:
        """The fusion layer and all after it: the one vector `(B, F)` beside the features `(B, F, H / 8, W / 8)` of every place."""
        everywhere = summary[:, :, None, None].expand(-1, -1, *middle.shape[-2:])
        return self.color(self.fusion(torch.cat((middle, everywhere), 1)))


class Iizuka2016(LearnedMethod):
    """Iizuka, Simo-Serra and Ishikawa 2016. Without labels it is trained on color alone.

    Args:
        width: as in `FusionNet`.
    """

    name, title, year = "iizuka2016", "Iizuka, Simo-Serra, Ishikawa 2016", 2016
    color_space = LAB

    def __init__(self, width: int = 16):
        self.width, self.kinds = width, 1
        super().__init__()

    def build(self) -> nn.Module:
        """The joined networks, with as many classes as the labels that `fit` was given."""
        return FusionNet(self.width, self.kinds)

    def prepare(self, photos: Sequence[Tensor], labels: Sequence[int] | None, seed: int) -> None:
        """Count the kinds."""
        self.kinds = 1 if labels is None else int(max(labels)) + 1

    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """Squared error of color plus alpha times the cross-entropy of the class (section 3, colorization with classification)."""
        ab, logits = self.network(gray)
        enlarged = interpolate(ab.float(), gray.shape[-2:], mode="nearest")
        error = mse_loss(enlarged, (chroma + 1) / 2)
        return error if labels is None else error + CLASS_FACTOR * cross_entropy(logits.float(), labels)

    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """Chroma at half the side."""
        return 2 * self.network(gray)[0] - 1

    @torch.no_grad()
    def classify(self, gray: Tensor) -> Tensor:
        """The most likely kinds `(B,)` of gray pictures `(B, 1, H, W)` in [-1, 1]."""
        self.network.eval()
        return self.network(gray.to(next(self.network.parameters()).device))[1].argmax(1).cpu()


def _convolution(ins: int, outs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]

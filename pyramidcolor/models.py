"""The two networks of the paper's section II.A, and the two joined.

Models know nothing of color: one gray channel in, some chroma channels out, all in [-1, 1]. Which of the chroma channels
is a hue matters only where chroma is enlarged, and is an argument.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from .images import enlarge_chroma, mean_chroma, resize, shrink

SCALE_READINGS = {"side": (16, 4), "area": (4, 2)}
"""The two readings of the paper's "1/16" and "1/4": how much shorter the low and the middle scale's sides are."""

HUE_TEMPERATURE = 0.6
"""How much the likeliest hues count before the others in `LikelyPoint`; near 0 only the likeliest does, at 1 all as they are."""

# By how much two cells differ that are alike by exp(-1/2): in place, in cells; in mean gray, of [-1, 1]; in the grays' standard deviation.
_NEAR, _LIKE_GRAY, _LIKE_SPREAD = 6.0, 0.1, 0.04
_ROWS = 1024  # cells whose likeness to all others is held in memory at a time


class LowScaleNet(nn.Module):
    """Stage one: the chroma of a gray picture at the low scale, by twelve 3x3 convolutions (Fig. 2).

    Eleven ReLU follow the first eleven convolutions, a tanh the twelfth (but see `hue_bins`). The paper does not say how the low scale is
    reached; here the gray picture is shrunk by `input_factor`, and the first convolutions have stride 2 until the low
    scale is reached.

    Args:
        chroma_channels: how many channels to predict: 2 for hue and saturation.
        scales: a key of `SCALE_READINGS`: whether "1/16" means the side (16 times shorter) or the area (4 times shorter).
        widths: channels after each of the first eleven convolutions.
        input_factor: how many times shorter the sides of the picture are that the first convolution sees; a power of 2
            that divides the low scale's factor.
        dilations: dilation of each of the twelve convolutions; more than 1 lets an output see farther.
        norm: whether each of the first eleven convolutions is followed by batch normalization. The paper names none.
        hue_bins: 0, or into how many bins of hue, all round the circle, the twelfth convolution sorts instead of giving the two
            coordinates of a hue as a point, which are then the first two chroma channels: `LikelyPoint` gives them. A point can
            only name the middle of two likely hues, bins name both. The paper has none.
        agreement: 0, or how much each other cell that looks the same counts where a cell says how likely the bins are, as in `agree`;
            only with `hue_bins`.

    Raises:
        ValueError: if `scales` is unknown, `widths` or `dilations` have the wrong length, or `input_factor`, `hue_bins` or `agreement`
            does not fit.

    Example:
        >>> LowScaleNet()(torch.zeros(1, 1, 64, 96)).shape
        torch.Size([1, 2, 4, 6])
    """

    def __init__(
        self,
        chroma_channels: int = 2,
        scales: str = "side",
        widths: tuple[int, ...] = (32, 64, 64, 128, 128, 128, 128, 128, 128, 128, 64),
        input_factor: int = 4,
        dilations: tuple[int, ...] = (1,) * 12,
        norm: bool = False,
        hue_bins: int = 0,
        agreement: float = 0.0,
    ):
        super().__init__()
        low_factor, _ = scale_factors(scales)
        if not agreement >= 0 or (agreement and not hue_bins):
            raise ValueError(
                f"agreement must be 0, or more with hue_bins, got {agreement} for {hue_bins} bins"
            )
        if hue_bins and (hue_bins < 3 or chroma_channels < 2):
            raise ValueError(
                "hue_bins must be 0, or at least 3 where two of the chroma channels are a point, "
                f"got {hue_bins} for {chroma_channels} channels"
            )
        if len(widths) != 11:
            raise ValueError(
                f"widths must name the channels after the first 11 convolutions, got {len(widths)} numbers"
            )
        if len(dilations) != 12:
            raise ValueError(f"dilations must hold 12 numbers, one a convolution, got {len(dilations)}")
        if input_factor < 1 or input_factor & (input_factor - 1) or low_factor % input_factor:
            raise ValueError(
                f"input_factor must be a power of 2 that divides {low_factor}, got {input_factor}"
            )
        self.chroma_channels, self.low_factor, self.input_factor = chroma_channels, low_factor, input_factor
        self.hue_bins, self.agreement = hue_bins, agreement
        answers = hue_bins + chroma_channels - 2 if hue_bins else chroma_channels
        halvings = (low_factor // input_factor).bit_length() - 1
        layers: list[nn.Module] = []
        for index, (ins, outs) in enumerate(itertools.pairwise((1, *widths, answers))):
            stride, dilation, last = 2 if index < halvings else 1, dilations[index], index == 11
            # A bias before batch normalization would be subtracted again.
            layers.append(nn.Conv2d(ins, outs, 3, stride, dilation, dilation, bias=last or not norm))
            if norm and not last:
                layers.append(nn.BatchNorm2d(outs))
            if not last:
                layers.append(nn.ReLU())
        layers.append(LikelyPoint(hue_bins) if hue_bins else nn.Tanh())
        self.layers = nn.Sequential(*layers)
        initialize_he(self)

    def forward(self, gray: Tensor, shrunk: bool = False) -> Tensor:
        """Low-scale chroma of a gray picture.

        Args:
            gray: `(B, 1, H, W)` in [-1, 1]; H and W are multiples of `low_factor`.
            shrunk: whether the picture is already `input_factor` times smaller, as where stage one is trained alone; its
                sides are then multiples of `low_factor / input_factor`.

        Returns:
            `(B, C, H / low_factor, W / low_factor)` in [-1, 1], where H and W are those of the full-size picture.

        Raises:
            ValueError: if the shape does not fit.
        """
        seen = self._seen(gray, shrunk)
        return self.chroma(self.layers[:-1](seen), seen) if self.agreement else self.layers(seen)

    def chroma(self, answers: Tensor, gray: Tensor) -> Tensor:
        """The chroma that answers come to: by the last activation, and before it, with `agreement`, by those of cells that look alike.

        Args:
            answers: as `answers` gives them.
            gray: the picture that they are about, `(B, 1, H, W)` in [-1, 1], of any size that is a multiple of theirs.

        Returns:
            `(B, C, H / low_factor, W / low_factor)` in [-1, 1].
        """
        if self.agreement:
            # Whatever the picture's size, what is compared are the grays that the network sees.
            size = [side * self.low_factor // self.input_factor for side in answers.shape[-2:]]
            shares = agree(answers[:, : self.hue_bins], resize(gray, size), self.agreement)
            answers = torch.cat((shares, answers[:, self.hue_bins :].float()), 1)
        return self.layers[-1](answers)

    def answers(self, gray: Tensor, shrunk: bool = False) -> Tensor:
        """What the twelfth convolution gives, before the last activation makes chroma of it.

        Args:
            gray, shrunk: as `forward`.

        Returns:
            `(B, C, H / low_factor, W / low_factor)`, any numbers; with `hue_bins` the first of as many channels are the logarithms of the
            bins' shares, up to a constant, and those of the other chroma channels follow.

        Raises:
            ValueError: if the shape does not fit.
        """
        return self.layers[:-1](self._seen(gray, shrunk))

    def _seen(self, gray: Tensor, shrunk: bool) -> Tensor:
        """What the first convolution sees of a gray picture."""
        check_gray(gray, self.low_factor // (self.input_factor if shrunk else 1))
        if shrunk:
            return gray
        # By the filter that makes the small views of stage one's training; the means of squares would be sharper pictures
        # than it has learned from.
        height, width = (side // self.input_factor for side in gray.shape[-2:])
        return resize(gray, (height, width))


class LikelyPoint(nn.Module):
    """A hue as a point from how likely each bin of hue is: the mean of the bins' points, the likeliest ones counting most.

    Args:
        hue_bins: how many bins, all round the circle; the first is centered on half a turn, where hues in half-turns begin.

    Source:
        Zhang, Isola and Efros, "Colorful image colorization", ECCV 2016, Eq. 5, the annealed mean, with bins of hue in place of
        bins of ab.

    Example:
        >>> likely = torch.tensor([0.0, 9.0, 0.0, 0.0, 0.5]).reshape(1, 5, 1, 1)  # four hues, and saturation
        >>> [round(number, 3) + 0.0 for number in LikelyPoint(4)(likely).flatten().tolist()]
        [0.0, -1.0, 0.462]
    """

    def __init__(self, hue_bins: int):
        super().__init__()
        self.hue_bins = hue_bins
        angle = (torch.arange(hue_bins) / hue_bins * 2 - 1) * math.pi
        self.register_buffer("points", torch.stack((angle.cos(), angle.sin())), persistent=False)

    def forward(self, answers: Tensor) -> Tensor:
        """Chroma of a network's answers.

        Args:
            answers: `(B, hue_bins + N, h, w)`: logarithms of the bins' shares, up to a constant, and N other channels, any numbers.

        Returns:
            `(B, 2 + N, h, w)` in [-1, 1], float32: cosine and sine of the hue, nearer to 0 where it is less certain, and the hyperbolic
            tangents of the other channels.
        """
        answers = answers.float()  # in bf16 the hues would come in steps
        shares = (answers[:, : self.hue_bins] / HUE_TEMPERATURE).softmax(1)
        point = [(shares * axis[:, None, None]).sum(1) for axis in self.points]
        return torch.cat((torch.stack(point, 1), answers[:, self.hue_bins :].tanh()), 1)


def agree(answers: Tensor, gray: Tensor, strength: float) -> Tensor:
    """Shares of hues of which each cell has taken over something from all cells that look like it: one sky has one blue.

    A cell's logarithms of shares become the weighed mean of its own, of weight 1, and those of all others. The weight of another is
    `strength` times how much both are alike: a Gaussian of their distance, of the difference of their mean grays, and
    of that of their grays' standard deviations, which tells even from rough. Many that are alike outvote one.

    Args:
        answers: `(B, bins, h, w)`, logarithms of shares up to a constant.
        gray: the picture, `(B, 1, H, W)` in [-1, 1]; H and W are multiples of h and w.
        strength: 0 changes nothing but the constant.

    Returns:
        Logarithms of shares up to a constant, `(B, bins, h, w)`, float32.

    Source:
        Kraehenbuehl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", NIPS 2011: the
        kernel of Eq. 3, and one step of mean field, here as a mean of logarithms.

    Example:
        >>> sky = torch.tensor([[2.0, 2.0, 0.0], [0.0, 0.0, 1.0]]).reshape(1, 2, 1, 3)  # two say blue, one brown
        >>> agree(sky, torch.zeros(1, 1, 8, 24), 1.0).argmax(1).tolist()
        [[[0, 0, 0]]]
    """
    height, width = answers.shape[-2:]
    with torch.autocast(answers.device.type, enabled=False):
        gray, own = gray.float(), answers.float().log_softmax(1).flatten(2).mT
        factor = gray.shape[-1] // width
        mean = shrink(gray, factor)
        spread = (shrink(gray.square(), factor) - mean.square()).clamp(min=0).sqrt()
        places = torch.meshgrid(
            *(torch.arange(side, device=gray.device) / _NEAR for side in (height, width)), indexing="ij"
        )
        places = torch.stack(places).expand(len(gray), -1, -1, -1)
        looks = torch.cat((places, mean / _LIKE_GRAY, spread / _LIKE_SPREAD), 1).flatten(2).mT
        agreed = []
        for look, shares in zip(looks.split(_ROWS, 1), own.split(_ROWS, 1), strict=True):
            alike = torch.exp(torch.cdist(look, looks).square() / -2)
            # A cell is like itself, which must not count as another.
            others, count = alike @ own - shares, alike.sum(-1, keepdim=True) - 1
            agreed.append((shares + strength * others) / (1 + strength * count))
        return torch.cat(agreed, 1).mT.reshape(answers.shape)


class PyramidNet(nn.Module):
    """Stage two: full-size chroma from stage one's chroma and the gray picture, through an image pyramid (Fig. 3).

    The low-scale chroma is joined with the gray picture at the low scale; the joined maps are also enlarged to the middle
    scale. Each goes through its own convolutions. The low features are deconvolved to the middle scale and joined with the
    middle ones; more convolutions follow, and a deconvolution to full size.

    Args:
        chroma_channels: channels of stage one's output and of this one's.
        scales: a key of `SCALE_READINGS`, the same as stage one's.
        low_width: channels of the low branch.
        middle_width: channels of the middle branch and of the joined one.
        full_width: channels at full size.
        depth: 3x3 convolutions in each of the low, the middle and the joined part.
        middle_gray: whether the middle branch sees the gray picture at its own scale. False is the letter of the paper: the
            gray of the low scale, enlarged with the chroma.
        full_gray: whether the gray picture joins once more at full size, before the last two convolutions. False is the
            letter of the paper: the deconvolution itself gives the chroma, which then cannot follow edges.
        residual: whether the result is a correction, added to stage one's chroma enlarged; it begins as none. The paper says
            nothing of it. Without, stage two has to learn first to repeat what stage one knows.
        norm: whether batch normalization follows every convolution but the last.
        hue_channel: index of the chroma channel that is a hue in half-turns, or None: it is enlarged as a point on the
            circle, so that no false hues appear where it crosses the seam.

    Raises:
        ValueError: if `scales` is unknown or `hue_channel` is not a chroma channel.

    Example:
        >>> low_chroma, gray = torch.zeros(1, 2, 4, 6), torch.zeros(1, 1, 64, 96)
        >>> PyramidNet()(low_chroma, gray).shape
        torch.Size([1, 2, 64, 96])
    """

    def __init__(
        self,
        chroma_channels: int = 2,
        scales: str = "side",
        low_width: int = 64,
        middle_width: int = 48,
        full_width: int = 16,
        depth: int = 3,
        middle_gray: bool = True,
        full_gray: bool = True,
        residual: bool = False,
        norm: bool = False,
        hue_channel: int | None = 0,
    ):
        super().__init__()
        if hue_channel is not None and not 0 <= hue_channel < chroma_channels:
            raise ValueError(
                f"hue_channel must be one of 0 to {chroma_channels - 1} or None, got {hue_channel}"
            )
        self.low_factor, self.middle_factor = scale_factors(scales)
        self.chroma_channels = chroma_channels
        self.middle_gray, self.full_gray, self.hue_channel = middle_gray, full_gray, hue_channel
        self.residual = residual
        joined = chroma_channels + 1
        self.low = _convolutions(joined, low_width, depth, norm)
        self.middle = _convolutions(joined, middle_width, depth, norm)
        self.low_to_middle = _deconvolution(low_width, low_width, self.low_factor // self.middle_factor)
        self.joined = _convolutions(low_width + middle_width, middle_width, depth, norm)
        last_width = full_width if full_gray else chroma_channels
        self.middle_to_full = _deconvolution(middle_width, last_width, self.middle_factor)
        if full_gray:
            self.full = _WithGray(
                *_convolutions(full_width + 1, full_width, 1, norm),
                nn.Conv2d(full_width, chroma_channels, 3, padding=1),
            )
        initialize_he(self)
        if residual:
            nn.init.zeros_((self.full if full_gray else self.middle_to_full)[-1].weight)

    def forward(self, low_chroma: Tensor, gray: Tensor) -> Tensor:
        """Full-size chroma of a gray picture whose low-scale chroma is known.

        Args:
            low_chroma: `(B, C, H / low_factor, W / low_factor)` in [-1, 1].
            gray: `(B, 1, H, W)` in [-1, 1]; H and W are multiples of `low_factor`.

        Returns:
            `(B, C, H, W)` in [-1, 1].

        Raises:
            ValueError: if the shapes do not fit.
        """
        check_gray(gray, self.low_factor)
        height, width = gray.shape[-2:]
        middle_size = (height // self.middle_factor, width // self.middle_factor)
        low_shape = (len(gray), self.chroma_channels, height // self.low_factor, width // self.low_factor)
        if low_chroma.shape != low_shape:
            raise ValueError(
                f"low_chroma must be {low_shape} for gray of {tuple(gray.shape)}, got {tuple(low_chroma.shape)}"
            )
        low_gray = shrink(gray, self.low_factor)
        low_input = torch.cat((low_chroma, low_gray), 1)
        enlarged = enlarge_chroma(low_input, middle_size, self.hue_channel)
        if self.middle_gray:
            enlarged = torch.cat((enlarged[:, :-1], shrink(gray, self.middle_factor)), 1)
        low = self.low_to_middle(self.low(low_input))
        features = self.middle_to_full(self.joined(torch.cat((low, self.middle(enlarged)), 1)))
        if self.full_gray:
            features = self.full(features.relu(), gray)
        if not self.residual:
            return features.tanh()
        return self._corrected(enlarge_chroma(low_chroma, (height, width), self.hue_channel), features.tanh())

    def _corrected(self, chroma: Tensor, correction: Tensor) -> Tensor:
        channels = list((chroma + correction).unbind(1))
        for index, channel in enumerate(channels):
            # A hue that is turned beyond the seam comes in again on its other side; all else ends at -1 and 1.
            wraps = index == self.hue_channel
            channels[index] = torch.remainder(channel + 1, 2) - 1 if wraps else channel.clamp(-1, 1)
        return torch.stack(channels, 1)


class TwoStageColorizer(nn.Module):
    """Both stages joined: gray in, full-size chroma out.

    Args:
        low_scale_net: stage one.
        pyramid_net: stage two, for the same scales and chroma channels.

    Raises:
        ValueError: if the two stages were built for different scales or numbers of chroma channels.

    Example:
        >>> TwoStageColorizer(LowScaleNet(), PyramidNet())(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2, 32, 32])
    """

    def __init__(self, low_scale_net: LowScaleNet, pyramid_net: PyramidNet):
        super().__init__()
        if low_scale_net.low_factor != pyramid_net.low_factor:
            raise ValueError(
                f"the stages differ in scale: 1/{low_scale_net.low_factor} and 1/{pyramid_net.low_factor} of the side"
            )
        if low_scale_net.chroma_channels != pyramid_net.chroma_channels:
            raise ValueError(
                "the stages differ in chroma channels: "
                f"{low_scale_net.chroma_channels} and {pyramid_net.chroma_channels}"
            )
        self.low_scale_net, self.pyramid_net = low_scale_net, pyramid_net

    @property
    def low_factor(self) -> int:
        """How many times shorter the low scale's sides are; the gray picture's sides are multiples of it."""
        return self.low_scale_net.low_factor

    def forward(self, gray: Tensor, input_scales: tuple[float, ...] = (1.0,)) -> Tensor:
        """Full-size chroma `(B, C, H, W)` in [-1, 1] of gray `(B, 1, H, W)` in [-1, 1]; `input_scales` as in `low_chroma`."""
        return self.both_scales(gray, input_scales)[1]

    def both_scales(self, gray: Tensor, input_scales: tuple[float, ...] = (1.0,)) -> tuple[Tensor, Tensor]:
        """Stage one's chroma `(B, C, H / low_factor, W / low_factor)` and stage two's `(B, C, H, W)`."""
        low_chroma = self.low_chroma(gray, input_scales)
        return low_chroma, self.pyramid_net(low_chroma, gray)

    def low_chroma(self, gray: Tensor, input_scales: tuple[float, ...] = (1.0,)) -> Tensor:
        """Stage one's chroma, or the mean of what it answers to copies of the picture at several sizes.

        A thing that is too small to be recognized in one copy may be known in a larger one, and the whole in a smaller one.

        Args:
            gray: `(B, 1, H, W)` in [-1, 1]; H and W are multiples of `low_factor`.
            input_scales: sides of the copies as multiples of what stage one sees otherwise, each above 0 and at most its
                `input_factor`, which is the picture itself.

        Returns:
            `(B, C, H / low_factor, W / low_factor)` in [-1, 1]; a hue is the mean of points on the circle.

        Raises:
            ValueError: if there is no scale or one is out of range.
        """
        stage = self.low_scale_net
        check_input_scales(input_scales, stage.input_factor)
        if tuple(input_scales) == (1,):
            return stage(gray)
        check_gray(gray, stage.low_factor)
        multiple = stage.low_factor // stage.input_factor
        answers = []
        for scale in input_scales:
            size = [multiple * max(1, round(side * scale / stage.low_factor)) for side in gray.shape[-2:]]
            answers.append(stage(resize(gray, size), shrunk=True))
        low_size = tuple(side // stage.low_factor for side in gray.shape[-2:])
        return mean_chroma(answers, low_size, self.pyramid_net.hue_channel)


class _WithGray(nn.Sequential):
    """Layers, the first a 3x3 convolution, for features that the gray picture joins as one more channel.

    That convolution is computed as the sum of two, one of the features and one of gray. To join them at full size first would take
    longer than to convolve them: in bf16 half of the whole network's time.
    """

    def forward(self, features: Tensor, gray: Tensor) -> Tensor:
        first, *others = self
        of_features, of_gray = first.weight.split((features.shape[1], gray.shape[1]), 1)
        result = conv2d(features, of_features, first.bias, padding=1) + conv2d(gray, of_gray, padding=1)
        for layer in others:
            result = layer(result)
        return result


def initialize_he(module: nn.Module) -> None:
    """Draw the weights of all convolutions from He's normal distribution for ReLU, and set all biases to 0.

    Args:
        module: changed in place; its convolutions and deconvolutions get a standard deviation of sqrt(2 / n), where n is
            the number of inputs that one output sums. Uses torch's global generator.

    Source:
        He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, Eq. 10.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            inputs = part.in_channels * part.kernel_size[0] * part.kernel_size[1]
            if isinstance(part, nn.ConvTranspose2d):  # each output sums only every stride-th input
                inputs /= part.stride[0] * part.stride[1]
            nn.init.normal_(part.weight, std=(2 / inputs) ** 0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def scale_factors(scales: str) -> tuple[int, int]:
    """How many times shorter the sides of the low and of the middle scale are.

    Args:
        scales: "side" or "area", a key of `SCALE_READINGS`.

    Raises:
        ValueError: if it is neither.
    """
    if scales not in SCALE_READINGS:
        raise ValueError(f"scales must be one of {', '.join(SCALE_READINGS)}, got {scales!r}")
    return SCALE_READINGS[scales]


def check_input_scales(input_scales: Sequence[float], largest: float) -> None:
    """Raise ValueError unless there are scales, all above 0 and at most `largest`."""
    if not input_scales or not all(0 < scale <= largest for scale in input_scales):
        raise ValueError(f"input_scales must be numbers above 0 and at most {largest}, got {input_scales}")


def check_gray(gray: Tensor, multiple: int) -> None:
    """Raise ValueError unless `gray` is `(B, 1, H, W)` with H and W multiples of `multiple`."""
    if gray.ndim != 4 or gray.shape[1] != 1:
        raise ValueError(f"gray must have the shape (B, 1, H, W), got {tuple(gray.shape)}")
    if not all(side and side % multiple == 0 for side in gray.shape[-2:]):
        raise ValueError(f"the sides of gray must be multiples of {multiple}, got {tuple(gray.shape[-2:])}")


def _convolutions(ins: int, width: int, depth: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers.append(nn.Conv2d(ins, width, 3, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        ins = width
    return nn.Sequential(*layers)


def _deconvolution(ins: int, outs: int, factor: int) -> nn.Sequential:
    # Doublings with a 4x4 kernel: every output sums the same number of inputs, so no checkerboard is built in.
    layers: list[nn.Module] = []
    for _ in range(factor.bit_length() - 1):
        layers += [nn.ReLU()] if layers else []
        layers.append(nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1))
        ins = outs
    return nn.Sequential(*layers)

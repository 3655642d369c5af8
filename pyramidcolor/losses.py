"""The losses: the wrapped hue distance (Eq. 2), hue and saturation together (Eq. 1), and the variants we compare.

All of them are means of absolute differences (the paper prefers L1 to L2) over every pixel of a batch. They take tensors
and know no color space; which channel is a hue is an argument.
"""

from __future__ import annotations

import torch
from torch import Tensor


def hue_difference(predicted: Tensor, target: Tensor) -> Tensor:
    """How far apart two hues are, the short way round the color wheel, pixel by pixel (Eq. 2).

    Args:
        predicted: hue in half-turns, any shape, values in [-1, 1].
        target: same shape, same unit.

    Returns:
        Same shape, half-turns in [0, 1]; 1 means opposite hues.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> hue_difference(torch.tensor([-0.9, 0.1]), torch.tensor([0.9, 0.4]))
        tensor([0.2000, 0.3000])
    """
    _same_shape(predicted, target)
    difference = (predicted - target).abs()
    return torch.where(difference > 1, 2 - difference, difference)


def hue_loss(predicted: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean hue error measured the short way round the color wheel (Eq. 2).

    Args:
        predicted: hue in half-turns, any shape, values in [-1, 1].
        target: same shape, same unit.
        weight: factor for each pixel, of a shape that broadcasts to theirs, or None for 1 everywhere. The weighted errors
            are averaged as they are, not divided by the sum of the weights, so that batches can be joined.

    Returns:
        Scalar, in [0, 1] without weights; 1 means every pixel has the opposite hue.

    Raises:
        ValueError: if the shapes differ, or the weight's does not broadcast to theirs.

    Example:
        >>> hue_loss(torch.tensor([-0.9]), torch.tensor([0.9]))
        tensor(0.2000)
    """
    return _weighted_mean(hue_difference(predicted, target), weight)


def chroma_loss(
    predicted: Tensor,
    target: Tensor,
    *,
    hue_channel: int | None = 0,
    hue_factor: float = 1.0,
    wrap: bool = True,
    hue_weight: Tensor | None = None,
) -> Tensor:
    """Saturation error plus lambda times hue error (Eq. 1), or plain L1 where no channel is a hue.

    Args:
        predicted: `(B, C, H, W)`, values in [-1, 1].
        target: same shape.
        hue_channel: index of the channel that is a hue in half-turns; None for Lab and YUV, whose loss is the sum over
            channels of the mean absolute difference.
        hue_factor: the paper's lambda, which it does not state.
        wrap: measure hue the short way round (Eq. 2). False is the plain difference, for comparison: it takes the hues
            -0.9 and 0.9, both nearly cyan, for almost opposite.
        hue_weight: factor of the hue error for each pixel, `(B, 1, H, W)` or None; see `saturation_weight`.

    Returns:
        Scalar of at least 0.

    Raises:
        ValueError: if the shapes do not fit, `hue_channel` is out of range or `hue_factor` is negative.

    Example:
        >>> target = torch.tensor([0.9, 0.5]).reshape(1, 2, 1, 1)
        >>> chroma_loss(torch.tensor([-0.9, 0.4]).reshape(1, 2, 1, 1), target, hue_factor=2.0)
        tensor(0.5000)
    """
    _check_chroma(predicted, target, hue_factor)
    error = (predicted - target).abs()
    channels = predicted.shape[-3]
    if hue_channel is None:
        return error.mean() * channels
    if not 0 <= hue_channel < channels:
        raise ValueError(
            f"hue_channel must be one of 0 to {channels - 1} for chroma of {channels} channels, got {hue_channel}"
        )
    hue, hue_target = (chroma[..., hue_channel : hue_channel + 1, :, :] for chroma in (predicted, target))
    hue_error = hue_difference(hue, hue_target) if wrap else (hue - hue_target).abs()
    others = [error[..., channel, :, :].mean() for channel in range(channels) if channel != hue_channel]
    return sum(others) + hue_factor * _weighted_mean(hue_error, hue_weight)


def hue_point_loss(
    predicted: Tensor,
    target: Tensor,
    *,
    point_channels: tuple[int, int] = (0, 1),
    hue_factor: float = 1.0,
    hue_weight: Tensor | None = None,
) -> Tensor:
    """Eq. 1 with the hue as a point in the plane: L1 on its cosine and sine, and L1 on all other channels.

    Not the paper's. Between two opposite hues the distance of Eq. 2 is the same everywhere on the circle, so an undecided
    network gets no slope; the point can move through the middle of the disc instead.

    Args:
        predicted: `(B, C, H, W)`; two channels are the hue's cosine and sine, the point may lie anywhere in the disc.
        target: same shape; the point lies on the unit circle.
        point_channels: indices of the cosine and of the sine.
        hue_factor: lambda, as in `chroma_loss`.
        hue_weight: factor of the hue error for each pixel, `(B, 1, H, W)` or None; see `saturation_weight`.

    Returns:
        Scalar of at least 0. The hue's part is the mean of both coordinates, so it lies in [0, 2] for points in the square.

    Raises:
        ValueError: if the shapes do not fit, the indices are not two different channels, or `hue_factor` is negative.

    Example:
        >>> target = torch.tensor([1.0, 0.0, 0.5]).reshape(1, 3, 1, 1)
        >>> hue_point_loss(torch.tensor([0.0, 0.0, 0.4]).reshape(1, 3, 1, 1), target)
        tensor(0.6000)
    """
    _check_chroma(predicted, target, hue_factor)
    channels = predicted.shape[-3]
    if len(set(point_channels)) != 2 or not all(0 <= channel < channels for channel in point_channels):
        raise ValueError(f"point_channels must be two of 0 to {channels - 1}, got {point_channels}")
    error = (predicted - target).abs()
    point_error = error[..., list(point_channels), :, :].mean(-3, keepdim=True)
    others = [
        error[..., channel, :, :].mean() for channel in range(channels) if channel not in point_channels
    ]
    return sum(others) + hue_factor * _weighted_mean(point_error, hue_weight)


def saturation_weight(saturation: Tensor) -> Tensor:
    """The weight that silences the hue of gray pixels, where it is noise: the true saturation itself.

    Args:
        saturation: true saturation as a network sees it, any shape, values in [-1, 1].

    Returns:
        Same shape, in [0, 1]: 0 for gray, 1 for a pure color.

    Example:
        >>> saturation_weight(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return (saturation + 1) / 2


def _weighted_mean(error: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return error.mean()
    # A weight with more channels or a larger picture would enlarge the error in silence.
    sides = zip(reversed(weight.shape), reversed(error.shape), strict=False)
    if weight.ndim > error.ndim or not all(weights in (1, errors) for weights, errors in sides):
        raise ValueError(
            f"the hue weight of shape {tuple(weight.shape)} does not fit errors of {tuple(error.shape)}"
        )
    return (error * weight).mean()


def _same_shape(predicted: Tensor, target: Tensor) -> None:
    if predicted.shape != target.shape:
        raise ValueError(
            f"predicted and target differ in shape: {tuple(predicted.shape)} and {tuple(target.shape)}"
        )


def _check_chroma(predicted: Tensor, target: Tensor, hue_factor: float) -> None:
    _same_shape(predicted, target)
    if predicted.ndim < 3:
        raise ValueError(f"predicted must have the shape (B, C, H, W), got {tuple(predicted.shape)}")
    if not hue_factor >= 0:
        raise ValueError(f"hue_factor (lambda) must be at least 0, got {hue_factor}")

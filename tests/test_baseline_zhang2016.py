"""Zhang 2016 does what its section 2 says: soft bins, rare colors that count, and a mean between mean and mode."""

import math

import pytest
import torch

from pyramidcolor.baselines.zhang2016 import (
    Zhang2016,
    ab_bins,
    annealed_mean,
    rebalancing_weights,
    soft_encoding,
)
from pyramidcolor.color import rgb_to_lab
from pyramidcolor.colorspaces import LAB

BINS = ab_bins()


def test_every_color_has_its_bin_and_every_bin_a_color():
    rgb = torch.rand(3, 100, 100, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    ab = rgb_to_lab(rgb)[1:].flatten(1).T
    nearest = torch.cdist(ab, BINS).min(1).values
    assert nearest.max() <= math.hypot(5, 5) + 1e-3  # the corner of a bin
    assert (BINS % 10 == 0).all()
    assert len(torch.unique(BINS, dim=0)) == len(BINS) == 262  # the paper counts 313
    assert BINS.abs().max() <= 110


def test_soft_shares_sum_to_one_over_five_neighbors():
    ab = 60 * torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    shares = soft_encoding(ab, BINS)
    assert shares.shape == (2, len(BINS), 3, 4)
    torch.testing.assert_close(shares.sum(1), torch.ones(2, 3, 4))
    assert ((shares > 0).sum(1) <= 5).all()


def test_soft_shares_are_those_of_a_slow_twin():
    color = torch.tensor([12.0, -3.0])
    weights = {}
    for number, center in enumerate(BINS.tolist()):
        weights[number] = math.exp(-(math.dist(color.tolist(), center) ** 2) / (2 * 5**2))
    largest = sorted(weights, key=weights.get)[-5:]
    total = sum(weights[number] for number in largest)
    shares = soft_encoding(color.reshape(1, 2, 1, 1), BINS).flatten()
    for number in largest:
        assert shares[number] == pytest.approx(weights[number] / total, rel=1e-4)


def test_a_color_in_the_middle_of_a_bin_belongs_to_it_most():
    center = BINS[100]
    shares = soft_encoding(center.reshape(1, 2, 1, 1), BINS).flatten()
    assert shares.argmax() == 100
    assert shares[100] > 0.6  # 1 / (1 + 4 exp(-2)) = 0.65


def test_weights_follow_equation_4_where_nothing_is_smoothed():
    far_apart = torch.tensor([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0]])
    frequency = torch.tensor([0.7, 0.2, 0.1, 0.0])
    raw = 1 / (0.5 * frequency + 0.5 / 4)
    expected = raw / (raw * frequency).sum()
    torch.testing.assert_close(rebalancing_weights(frequency, far_apart), expected)


def test_rare_colors_weigh_more_and_the_mean_over_pixels_is_one():
    frequency = torch.rand(len(BINS), generator=torch.Generator().manual_seed(0)) ** 4
    frequency /= frequency.sum()
    weights = rebalancing_weights(frequency, BINS)
    kernel = (-torch.cdist(BINS, BINS).square() / 50).exp()
    smooth = (kernel / kernel.sum(0)) @ frequency
    assert (weights * smooth).sum() == pytest.approx(1, abs=1e-5)
    assert weights[smooth.argmin()] == weights.max()
    assert weights[smooth.argmax()] == weights.min()
    torch.testing.assert_close(rebalancing_weights(frequency, BINS, mix=1.0), torch.ones(len(BINS)))


def test_training_counts_how_often_the_photos_have_each_color():
    blue, red = (
        torch.tensor(color).reshape(3, 1, 1).expand(3, 16, 16).clone()
        for color in ([0.2, 0.3, 0.9], [0.9, 0.2, 0.2])
    )
    method = Zhang2016(width=2)
    method.prepare([blue] * 9 + [red], None, seed=0)
    of_blue, of_red = (
        method.weights[torch.cdist(rgb_to_lab(photo)[1:, 0, 0][None], BINS).argmin()] for photo in (blue, red)
    )
    assert of_red > 2 * of_blue


def test_the_annealed_mean_lies_between_the_mean_and_the_mode():
    bins = torch.tensor([[0.0, 0.0], [80.0, 0.0]])
    logits = torch.tensor([0.7, 0.3]).log().reshape(1, 2, 1, 1)
    mean, annealed, mode = (annealed_mean(logits, bins, T)[0, 0].item() for T in (1.0, 0.38, 0.001))
    assert mean == pytest.approx(24, abs=1e-3)
    assert mode == pytest.approx(0, abs=1e-3)
    # By hand: 0.3^(1/0.38) / (0.3^(1/0.38) + 0.7^(1/0.38)) = 0.0971.
    assert annealed == pytest.approx(80 * 0.0971, abs=0.05)


def test_an_undecided_pixel_keeps_its_color_where_a_mean_would_be_gray():
    green, magenta = torch.tensor([[-60.0, 60.0], [60.0, -60.0]])
    logits = torch.tensor([0.6, 0.4]).log().reshape(1, 2, 1, 1)
    bins = torch.stack((green, magenta))
    mean, annealed = (annealed_mean(logits, bins, T).norm() for T in (1.0, 0.38))
    assert annealed > 2 * mean


def test_the_loss_is_least_where_the_network_says_the_soft_truth():
    method = Zhang2016(width=2)
    rgb = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    gray, chroma = LAB.encode(rgb)
    truth = soft_encoding(chroma * 110, method.bins)
    said = {}
    for name, logits in (
        ("truth", truth.clamp(min=1e-9).log()),
        ("sharper", 2 * truth.clamp(min=1e-9).log()),
    ):
        method.network = torch.nn.Module()
        method.network.forward = lambda gray, logits=logits: logits
        said[name] = method.loss(gray, chroma, None, torch.Generator()).item()
    entropy = -(truth * truth.clamp(min=1e-9).log()).sum(1).mean().item()
    assert said["truth"] == pytest.approx(entropy, rel=1e-4)  # weights are 1 before any photos were counted
    assert said["sharper"] > said["truth"]


def test_the_network_has_the_papers_layers():
    network = Zhang2016(width=64).network
    convolutions = [part for part in network if isinstance(part, torch.nn.Conv2d)]
    assert len([part for part in convolutions if part.kernel_size == (3, 3)]) == 21
    assert len([part for part in network if isinstance(part, torch.nn.ConvTranspose2d)]) == 1
    assert sum(part.stride == (2, 2) for part in convolutions) == 3
    assert sum(part.dilation == (2, 2) for part in convolutions) == 6
    assert len([part for part in network if isinstance(part, torch.nn.BatchNorm2d)]) == 7
    # 32.24 million with 313 bins; each of the other 51 bins has 256 weights and a bias.
    assert sum(part.numel() for part in network.parameters()) == pytest.approx(32.24e6 - 51 * 257, rel=0.001)

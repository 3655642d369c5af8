"""PixColor 2017: no color sees itself or a later one, drawing again gives others, and the refinement follows the picture."""

import pytest
import torch

from pyramidcolor.baselines.pixcolor2017 import (
    BINS,
    GRID,
    MaskedConv2d,
    PixColor2017,
    PixelCNN,
    of_bins,
    to_bins,
)
from pyramidcolor.colorspaces import YUV

SIDE, WIDTH = 12, 4


@pytest.fixture(scope="module")
def pixel_cnn():
    torch.manual_seed(0)
    network = PixelCNN(WIDTH, told=3).double()
    torch.nn.init.normal_(network.last.weight)
    return network


def influences(network, channel, row, column):
    """Which of the colors `(2, SIDE, SIDE)` change the logits of one color at all."""
    chroma = torch.zeros(1, 2, SIDE, SIDE, dtype=torch.double)
    chroma += 0.1 * torch.randn(chroma.shape, generator=torch.Generator().manual_seed(1))
    chroma.requires_grad_(True)
    told = torch.ones(1, 3, SIDE, SIDE, dtype=torch.double)
    logits = network(chroma, told)[0, channel, :, row, column]
    # Squares, because logits whose slopes are opposite would cancel in a sum.
    (slope,) = torch.autograd.grad(logits.square().sum(), chroma)
    return slope[0] != 0


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("place", [(0, 0), (5, 6), (6, 0), (6, SIDE - 1), (SIDE - 1, SIDE - 1)])
def test_a_color_depends_on_those_drawn_before_it_and_on_no_other(pixel_cnn, channel, place):
    row, column = place
    seen = influences(pixel_cnn, channel, row, column)
    order = torch.arange(SIDE * SIDE * 2).reshape(SIDE, SIDE, 2).movedim(-1, 0)
    assert not seen[order >= order[channel, row, column]].any()
    if column > 0:
        assert seen[:, row, column - 1].all()
    if row > 0:
        assert seen[:, row - 1, column].all()
    assert bool(seen[0, row, column]) == (channel == 1)


def test_no_color_sees_farther_up_than_the_rows_that_are_drawn_with(pixel_cnn):
    reach = 9
    seen = influences(pixel_cnn, 1, 11, 6).any(0).any(1)
    assert not seen[: 11 - reach].any()
    assert seen[11 - reach + 2 :].all()  # the very farthest may be silenced by a ReLU


def test_a_masked_kernel_is_zero_where_the_order_forbids():
    layer = MaskedConv2d(2, 2, 3, itself=False)
    torch.nn.init.ones_(layer.weight)
    allowed = layer.mask[1, 0]
    assert allowed.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert layer.mask[0, 0].tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]


def test_bins_are_the_nearest_of_32_values():
    values = torch.linspace(-1, 1, 1001)
    back = of_bins(to_bins(values))
    assert (back - values).abs().max() <= 1 / BINS + 1e-6
    assert len(back.unique()) == BINS
    assert torch.equal(to_bins(of_bins(torch.arange(BINS))), torch.arange(BINS))


def gray_picture(height=32, width=32):
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(2)) * 2 - 1


@torch.no_grad()
def test_drawing_a_row_at_a_time_is_drawing_with_the_whole_grid():
    method = PixColor2017(width=WIDTH, temperature=0.7)
    torch.nn.init.normal_(method.network.pixel_cnn.last.weight, generator=torch.Generator().manual_seed(0))
    method.network.eval()
    drawn = method.sample(gray_picture(), torch.Generator().manual_seed(5))
    told = method.network.conditioning(
        torch.nn.functional.interpolate(gray_picture(), (4 * GRID,) * 2, mode="bilinear")
    )
    # The slow twin: all logits of the finished grid at once. They must be those that each color was drawn from.
    logits = method.network.pixel_cnn(drawn, told)[0] / 0.7
    noise = torch.Generator().manual_seed(5)
    for row in range(GRID):
        for column in range(GRID):
            for channel in range(2):
                chances = logits[channel, :, row, column].softmax(0)[None]
                same = of_bins(torch.multinomial(chances, 1, generator=noise)[0, 0])
                assert drawn[0, channel, row, column] == same


@torch.no_grad()
def test_samples_differ_and_a_low_temperature_takes_the_likeliest():
    method = PixColor2017(width=WIDTH)
    method.network.eval()
    gray = gray_picture()
    one, other = (method.sample(gray, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert one.shape == (1, 2, GRID, GRID)
    assert (one != other).float().mean() > 0.8  # all colors are equally likely before training
    method.network.pixel_cnn.last.bias[BINS - 3] = method.network.pixel_cnn.last.bias[2 * BINS - 5] = 3.0
    method.temperature = 0.05
    drawn = to_bins(method.sample(gray, torch.Generator().manual_seed(1)))
    assert (drawn[:, 0] == BINS - 3).all()
    assert (drawn[:, 1] == BINS - 5).all()


@torch.no_grad()
def test_the_grid_has_the_photos_shape_at_its_area():
    method = PixColor2017(width=WIDTH)
    method.network.eval()
    assert method.sample(gray_picture(32, 128), torch.Generator()).shape == (1, 2, 8, 32)


def test_the_refinement_begins_as_enlarging_and_learns_to_follow_edges():
    generator = torch.Generator().manual_seed(0)
    method = PixColor2017(width=16)
    nets = method.network.train()

    # Blocks of 2x2 pixels that are bright and colored or dark and gray; the grid is too coarse to hold them.
    blocks = (torch.rand(8, 1, 32, 32, generator=generator) < 0.5).float()
    bright = blocks.repeat_interleave(2, -1).repeat_interleave(2, -2)
    gray, chroma = 1.2 * bright - 0.6, torch.cat((0.6 * bright, -0.4 * bright), 1)
    low = torch.nn.functional.avg_pool2d(chroma, 4)
    before = (nets.refine(gray, low) - chroma).abs().mean().item()
    enlarged = torch.nn.functional.interpolate(low, (64, 64), mode="bilinear")
    assert before == pytest.approx((enlarged - chroma).abs().mean().item(), rel=1e-4)
    optimizer = torch.optim.Adam(nets.refinement.parameters(), lr=1e-2)
    for _ in range(15):
        optimizer.zero_grad()
        (nets.refine(gray, low) - chroma).abs().mean().backward()
        optimizer.step()
    refined = nets.refine(gray, low)
    assert (refined - chroma).abs().mean().item() < 0.5 * before
    # It follows the grid that it is given: without color there, there is less in the picture.
    assert nets.refine(gray, 0 * low)[:, 0].mean() < refined[:, 0].mean() - 0.1


def test_the_loss_is_that_of_guessing_among_all_bins_at_first():
    method = PixColor2017(width=WIDTH)
    gray, chroma = YUV.encode(torch.full((2, 3, 32, 32), 0.4))
    loss = method.loss(gray, chroma, None, torch.Generator()).item()
    # log 32 for the drawing; gray is half a bin from the nearest value, which the refinement does not correct yet.
    assert loss == pytest.approx(torch.tensor(32.0).log().item() + 1 / BINS, abs=1e-3)

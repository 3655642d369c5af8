"""Failures measured on drawn scenes: against slow twins, by hand, and with painters whose result is known."""

import pytest
import torch

from pyramidcolor.failures import (
    ball_meadow,
    ball_share,
    edge_distance,
    meadows,
    means_by,
    right_shares,
)
from pyramidcolor.plotting import shift_hsv
from pyramidcolor.scenes import CLASSES

BALL = CLASSES.index("ball")


def test_meadows_are_the_same_at_every_size_and_differ_between_seeds():
    small, large = meadows(3, 32, seed=1)[2], meadows(3, 64, seed=1)[2]
    assert (small.kind, small.light, small.season) == (large.kind, large.light, large.season)
    shrunk = torch.nn.functional.avg_pool2d(large.rgb[None], 2)[0]
    assert (small.rgb - shrunk).abs().mean() < 0.03
    assert not torch.equal(meadows(1, 32, seed=1)[0].rgb, meadows(1, 32, seed=2)[0].rgb)


def test_meadows_hold_what_the_notebook_measures_with_balls_of_all_widths():
    drawn = meadows(60, 64)
    there = torch.cat([one.labels.unique() for one in drawn]).unique()
    assert {CLASSES.index(name) for name in ("ball", "balloon", "tent", "rock", "grass", "sky")} <= set(
        there.tolist()
    )
    areas = torch.stack([(one.labels == BALL).sum() for one in drawn[1::3] + drawn[2::3]])
    assert areas.min() < 30
    assert areas.max() > 500


@pytest.mark.parametrize("width", [4, 17, 64])
def test_a_ball_is_as_wide_as_it_was_asked_to_be(width):
    ball = ball_meadow(3, width, 128).labels == BALL
    for across in (ball.any(0).sum(), ball.any(1).sum()):
        assert abs(across - width) <= 1


def test_a_ball_changes_nothing_but_itself_and_its_shadow():
    small, large = ball_meadow(3, 8, 64), ball_meadow(3, 30, 64)
    assert torch.equal(small.rgb[:, :16], large.rgb[:, :16])
    assert torch.equal(small.labels[:16], large.labels[:16])


def test_no_meadow_to_judge_by_is_one_to_learn_from():
    learned = meadows(3, 32, seed=5)
    assert not any(torch.equal(ball_meadow(5, 8, 32).labels[:8], one.labels[:8]) for one in learned)


@pytest.mark.parametrize("width", [0.5, 39])
def test_a_ball_that_does_not_fit_is_refused(width):
    with pytest.raises(ValueError, match=r"width must be from 1 to 38 pixels, got"):
        ball_meadow(0, width, 64)


def test_the_share_of_a_ball_counts_hues_within_thirty_degrees_and_no_gray():
    scene = ball_meadow(1, 30, 64)
    assert ball_share(scene.rgb, scene) == 100
    assert ball_share(shift_hsv(scene.rgb, 29 / 180, 1), scene) > 99
    assert ball_share(shift_hsv(scene.rgb, 31 / 180, 1), scene) < 1
    assert ball_share(shift_hsv(scene.rgb, 0, 0.1), scene) == 0
    half = torch.where(torch.arange(64) % 2 == 0, scene.rgb, shift_hsv(scene.rgb, 1, 1))
    assert ball_share(half, scene) == pytest.approx(50, abs=3)


def test_shares_come_by_painter_with_a_row_a_meadow_and_a_column_a_width():
    def paint(rgb):
        # Red only where the top left pixel, which no ball reaches, is the first meadow's.
        known = torch.equal(rgb[:, 0, 0], first)
        return {"truth": rgb, "first alone": rgb if known else shift_hsv(rgb, 1, 1)}

    first = ball_meadow(0, 8, 64).rgb[:, 0, 0]
    shares = right_shares(paint, [8, 16, 24], [0, 1], size=64)
    assert torch.equal(shares["truth"], torch.full((2, 3), 100.0))
    assert torch.equal(shares["first alone"], torch.tensor([[100.0] * 3, [0.0] * 3]))


def test_the_distance_from_an_edge_is_that_of_the_nearest_pixel_of_another_label():
    labels = torch.randint(0, 3, (9, 11), generator=torch.Generator().manual_seed(0))
    labels[:5, :6] = 1
    places = torch.cartesian_prod(torch.arange(9), torch.arange(11)).float()
    apart = torch.cdist(places, places)
    apart[labels.flatten()[:, None] == labels.flatten()] = torch.inf
    torch.testing.assert_close(edge_distance(labels), apart.amin(1).reshape(9, 11))


def test_the_picture_s_border_is_no_edge():
    assert edge_distance(torch.zeros(4, 5, dtype=torch.long)).isinf().all()
    labels = torch.zeros(1, 6, dtype=torch.long)
    labels[0, 5] = 1
    assert edge_distance(labels).tolist() == [[5, 4, 3, 2, 1, 1]]


def test_means_by_steps_are_those_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    values, by, weight = torch.rand(3, 7, 8, generator=generator)
    steps = torch.tensor([0.1, 0.3, 0.35, 0.9])
    found = means_by(values, by, steps, weight)
    for mean, low, high in zip(found, steps[:-1], steps[1:], strict=True):
        inside = (by >= low) & (by < high)
        torch.testing.assert_close(mean, (values * weight)[inside].sum() / weight[inside].sum())


def test_means_by_leave_out_what_lies_in_no_step_and_take_a_lower_end_in():
    values, by = torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([1.0, 2.0, 0.5, torch.inf])
    found = means_by(values, by, torch.tensor([1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, torch.nan]), equal_nan=True)

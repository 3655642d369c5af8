"""The losses against slow loops by hand, invariants, and the slopes that a network would feel."""

import math

import pytest
import torch
from inputs import DEVICES, half_turns_apart

from pyramidcolor.losses import chroma_loss, hue_difference, hue_loss, hue_point_loss, saturation_weight


def uniform(*shape, seed=0, dtype=torch.float64):
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) - 1


def two_pictures(channels=2):
    return uniform(2, channels, 5, 7, seed=1), uniform(2, channels, 5, 7, seed=2)


def turned(hue, by):
    return (hue + by + 1) % 2 - 1


def as_point(hue):
    """Hue `(B, 1, H, W)` in half-turns as its point on the unit circle, `(B, 2, H, W)`."""
    return torch.cat(((hue * math.pi).cos(), (hue * math.pi).sin()), 1)


def slope(loss, at):
    at = at.clone().requires_grad_()
    loss(at).backward()
    return at.grad


# Eq. 2


@pytest.mark.parametrize(
    ("predicted", "target", "apart"),
    [
        (-0.9, 0.9, 0.2),
        (0.1, 0.4, 0.3),
        (0.5, -0.5, 1.0),
        (-1.0, 1.0, 0.0),
        (1.0, -1.0, 0.0),
        (-1.0, 0.0, 1.0),
        (0.75, -0.5, 0.75),
        (0.3, 0.3, 0.0),
    ],
)
def test_hue_difference_is_as_worked_out_by_hand(predicted, target, apart):
    result = hue_difference(torch.tensor([predicted]), torch.tensor([target]))
    torch.testing.assert_close(result, torch.tensor([apart]))


def test_hue_difference_is_the_angle_between_two_points_on_the_circle():
    one, other = uniform(100, 100), uniform(100, 100, seed=1)
    # An arc sine of nearly 1 keeps half of the digits.
    torch.testing.assert_close(hue_difference(one, other), half_turns_apart(one, other), rtol=0, atol=1e-7)


@pytest.mark.parametrize("by", [-1.2, 0.3, 1.0, 1.7])
def test_hue_difference_does_not_change_when_both_hues_turn_together(by):
    one, other = uniform(100, 100), uniform(100, 100, seed=1)
    torch.testing.assert_close(hue_difference(turned(one, by), turned(other, by)), hue_difference(one, other))


def test_hue_difference_is_symmetric_zero_only_for_equal_hues_and_at_most_1():
    one, other = uniform(100, 100), uniform(100, 100, seed=1)
    difference = hue_difference(one, other)
    assert hue_difference(other, one).equal(difference)
    assert hue_difference(-one, -other).equal(difference)
    assert not hue_difference(one, one).any()
    assert difference.min() > 0
    assert difference.max() <= 1


def test_hue_difference_obeys_the_triangle_inequality():
    one, other, third = (uniform(100, 100, seed=seed) for seed in range(3))
    assert (
        hue_difference(one, third) <= hue_difference(one, other) + hue_difference(other, third) + 1e-12
    ).all()


def test_the_slope_leads_the_short_way_round():
    target = torch.full((1, 1), 0.9)
    for hue, direction in ((0.7, -1), (-0.9, 1), (-0.2, 1), (0.0, -1), (0.95, 1)):
        assert slope(lambda hue: hue_loss(hue, target), torch.full((1, 1), hue)).item() == direction


def test_following_the_slope_across_the_seam_reaches_the_target():
    hue, target, steps = torch.tensor(-0.8, dtype=torch.float64), torch.tensor(0.85, dtype=torch.float64), 0
    while hue_difference(hue, target) > 0.01:
        hue = turned(hue - 0.01 * slope(lambda hue: hue_loss(hue, target), hue), 0)
        steps += 1
        assert steps <= 35  # 0.35 half-turns in steps of 0.01


def test_hue_loss_is_the_mean_of_a_slow_loop():
    one, other = uniform(4, 5), uniform(4, 5, seed=1)
    total = 0.0
    for hue, target in zip(one.flatten().tolist(), other.flatten().tolist(), strict=True):
        total += min(abs(hue - target - 2 * turns) for turns in (-1, 0, 1))
    assert hue_loss(one, other).item() == pytest.approx(total / 20)


def test_weights_multiply_each_pixels_hue_error():
    one, other = uniform(2, 1, 3, 4), uniform(2, 1, 3, 4, seed=1)
    weight = uniform(2, 1, 3, 4, seed=2).abs()
    expected = (weight * hue_difference(one, other)).sum() / 24
    torch.testing.assert_close(hue_loss(one, other, weight), expected)
    torch.testing.assert_close(hue_loss(one, other, torch.ones(1)), hue_loss(one, other))
    assert hue_loss(one, other, torch.zeros(1, 1, 1, 1)) == 0
    left = torch.cat((torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)), -1)
    torch.testing.assert_close(hue_loss(one, other, left), hue_loss(one[..., :2], other[..., :2]) / 2)


def test_weighted_losses_of_two_batches_average_to_that_of_both():
    one, other, weight = (uniform(6, 1, 3, 4, seed=seed) for seed in range(3))
    halves = [hue_loss(one[part], other[part], weight[part].abs()) for part in (slice(3), slice(3, 6))]
    torch.testing.assert_close(hue_loss(one, other, weight.abs()), sum(halves) / 2)


# Eq. 1


def test_chroma_loss_equals_a_slow_loop():
    predicted, target = two_pictures()
    weight = uniform(2, 1, 5, 7, seed=3).abs()
    hue_errors, saturation_errors = [], []
    for photo in range(2):
        for row in range(5):
            for column in range(7):
                (hue, saturation), (true_hue, true_saturation) = (
                    picture[photo, :, row, column].tolist() for picture in (predicted, target)
                )
                direct = abs(hue - true_hue)
                wrapped = direct if direct <= 1 else 2 - direct
                hue_errors.append(wrapped * weight[photo, 0, row, column].item())
                saturation_errors.append(abs(saturation - true_saturation))
    expected = sum(saturation_errors) / 70 + 2.5 * sum(hue_errors) / 70
    assert chroma_loss(predicted, target, hue_factor=2.5, hue_weight=weight).item() == pytest.approx(expected)


@pytest.mark.parametrize("hue_channel", [0, 1, 2])
def test_chroma_loss_is_the_sum_of_its_parts_wherever_the_hue_stands(hue_channel):
    predicted, target = two_pictures(channels=3)
    others = [channel for channel in range(3) if channel != hue_channel]
    parts = sum((predicted[:, channel] - target[:, channel]).abs().mean() for channel in others)
    parts += 0.7 * hue_loss(predicted[:, hue_channel], target[:, hue_channel])
    torch.testing.assert_close(chroma_loss(predicted, target, hue_channel=hue_channel, hue_factor=0.7), parts)


def test_chroma_loss_grows_in_proportion_to_lambda():
    predicted, target = two_pictures()
    at_0, at_1, at_3 = (chroma_loss(predicted, target, hue_factor=factor) for factor in (0, 1, 3))
    torch.testing.assert_close(at_0, (predicted[:, 1] - target[:, 1]).abs().mean())
    torch.testing.assert_close(at_3 - at_0, 3 * (at_1 - at_0))
    torch.testing.assert_close(at_1 - at_0, hue_loss(predicted[:, 0], target[:, 0]))


@pytest.mark.parametrize("by", [0.3, 1.0, -1.7])
def test_chroma_loss_does_not_change_when_all_hues_turn_together(by):
    predicted, target = two_pictures()
    turn = torch.tensor([by, 0], dtype=torch.float64).reshape(2, 1, 1)
    saturation = torch.tensor([0, 1]).reshape(2, 1, 1)
    both = (torch.where(saturation == 1, chroma, turned(chroma, turn)) for chroma in (predicted, target))
    torch.testing.assert_close(chroma_loss(*both), chroma_loss(predicted, target))


def test_without_the_wrap_two_cyans_are_taken_for_opposites():
    predicted, target = (torch.tensor([hue, 0.5]).reshape(1, 2, 1, 1) for hue in (-0.9, 0.9))
    assert chroma_loss(predicted, target).item() == pytest.approx(0.2)
    assert chroma_loss(predicted, target, wrap=False).item() == pytest.approx(1.8)


def test_the_wrap_changes_nothing_where_hues_are_less_than_a_half_turn_apart():
    predicted, target = (chroma / 2 for chroma in two_pictures())
    assert chroma_loss(predicted, target, wrap=False).equal(chroma_loss(predicted, target))


def test_the_hue_weight_reaches_the_hue_alone_wrapped_or_not():
    predicted, target = two_pictures()
    saturation_error = (predicted[:, 1] - target[:, 1]).abs().mean()
    silent = torch.zeros(2, 1, 5, 7)
    for wrap in (True, False):
        torch.testing.assert_close(
            chroma_loss(predicted, target, wrap=wrap, hue_weight=silent), saturation_error
        )


def test_without_a_hue_every_channel_counts_as_plain_l1():
    predicted, target = two_pictures(channels=3)
    error = (predicted - target).abs()
    expected = error[:, 0].mean() + error[:, 1].mean() + error[:, 2].mean()
    result = chroma_loss(predicted, target, hue_channel=None, hue_factor=9)
    torch.testing.assert_close(result, expected)


def test_the_weight_of_a_gray_pixel_is_0_and_of_a_pure_color_1():
    assert saturation_weight(torch.tensor([-1.0, -0.5, 1.0])).tolist() == [0, 0.25, 1]
    predicted, target = two_pictures()
    target[:, 1] = -1
    weight = saturation_weight(target[:, 1:])
    torch.testing.assert_close(
        chroma_loss(predicted, target, hue_weight=weight), chroma_loss(predicted, target, hue_factor=0)
    )


# The hue as a point


def test_hue_point_loss_equals_a_slow_loop():
    predicted, target = two_pictures(channels=3)
    weight = uniform(2, 1, 5, 7, seed=3).abs()
    total = 0.0
    for photo in range(2):
        for row in range(5):
            for column in range(7):
                ours, truth = (picture[photo, :, row, column].tolist() for picture in (predicted, target))
                point = (abs(ours[0] - truth[0]) + abs(ours[1] - truth[1])) / 2
                total += abs(ours[2] - truth[2]) + 2.5 * weight[photo, 0, row, column].item() * point
    result = hue_point_loss(predicted, target, hue_factor=2.5, hue_weight=weight)
    assert result.item() == pytest.approx(total / 70)


def test_the_point_may_stand_in_any_two_channels():
    predicted, target = two_pictures(channels=3)
    order = [2, 0, 1]  # channel 1 is now the cosine, channel 2 the sine
    moved = hue_point_loss(predicted[:, order], target[:, order], point_channels=(1, 2), hue_factor=0.3)
    torch.testing.assert_close(moved, hue_point_loss(predicted, target, hue_factor=0.3))


def test_hue_point_loss_does_not_notice_the_seam():
    saturation = torch.zeros(1, 1, 1, 1)
    cyans, reds = (
        [torch.cat((as_point(torch.full((1, 1, 1, 1), hue)), saturation), 1) for hue in pair]
        for pair in ((0.95, -0.95), (0.05, -0.05))
    )
    torch.testing.assert_close(hue_point_loss(*cyans), hue_point_loss(*reds))


@pytest.mark.parametrize("hue", [0.1, 0.3, 0.5, 0.7, -0.4, -0.9])
def test_between_two_opposite_hues_eq_2_has_no_slope_but_the_point_has(hue):
    red_and_cyan = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    between = torch.full((1, 1, 1, 1), hue)
    wrapped_slope = slope(lambda hue: hue_loss(hue.expand(2, 1, 1, 1), red_and_cyan), between)
    assert wrapped_slope.item() == 0
    assert hue_loss(between.expand(2, 1, 1, 1), red_and_cyan).item() == pytest.approx(0.5)
    targets = as_point(red_and_cyan)
    point_slope = slope(lambda point: hue_point_loss(point.expand(2, 2, 1, 1), targets), as_point(between))
    cosine, sine = point_slope.flatten().tolist()
    assert cosine == 0
    assert sine == pytest.approx(math.copysign(0.5, hue))  # inward, toward the diameter between the two


# Gradients, types, devices


def test_gradients_are_right_away_from_kinks():
    predicted = torch.tensor([-0.9, -0.35, 0.2, 0.8], dtype=torch.float64).reshape(1, 1, 2, 2)
    target = torch.tensor([0.7, 0.25, -0.6, 0.45], dtype=torch.float64).reshape(1, 1, 2, 2)
    weight = torch.tensor([0.1, 0.5, 2, 1], dtype=torch.float64).reshape(1, 1, 2, 2).requires_grad_()
    hue = predicted.clone().requires_grad_()
    chroma, chroma_target = (torch.cat((hues, hues / 3, hues / 7), 1) for hues in (predicted, target))
    chroma = chroma.requires_grad_()
    check = torch.autograd.gradcheck
    assert check(hue_difference, (hue, target))
    assert check(hue_loss, (hue, target, weight))
    assert check(saturation_weight, hue)
    for options in ({}, {"wrap": False}, {"hue_channel": None}, {"hue_weight": weight, "hue_factor": 0.3}):
        assert check(lambda chroma, options=options: chroma_loss(chroma, chroma_target, **options), chroma)
    assert check(
        lambda chroma: hue_point_loss(chroma, chroma_target, hue_weight=weight, hue_factor=3.0), chroma
    )


def test_gradients_are_finite_at_the_kinks():
    hues = torch.tensor([-1, -0.5, 0, 0.5, 1])
    predicted, target = torch.cartesian_prod(hues, hues).T.reshape(2, 1, 1, 1, 25)
    chroma, chroma_target = predicted.expand(-1, 3, -1, -1), target.expand(-1, 3, -1, -1)
    for loss in (chroma_loss, hue_point_loss):
        assert slope(lambda chroma, loss=loss: loss(chroma, chroma_target), chroma).isfinite().all()
    assert not slope(lambda hue: hue_loss(hue, predicted), predicted).any()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", [chroma_loss, hue_point_loss])
def test_a_loss_is_a_scalar_of_the_inputs_type_on_its_device(loss, device):
    predicted, target = (picture.to(device) for picture in two_pictures(channels=3))
    exact = loss(predicted, target).cpu()
    for dtype in (torch.float32, torch.float64):
        result = loss(predicted.to(dtype), target.to(dtype))
        assert (result.shape, result.dtype, result.device) == ((), dtype, predicted.device)
        torch.testing.assert_close(result.cpu().double(), exact, rtol=1e-6, atol=0)


def test_memory_layout_does_not_matter():
    predicted, target = two_pictures()
    expected = chroma_loss(predicted, target)
    last = torch.channels_last
    torch.testing.assert_close(
        chroma_loss(predicted.to(memory_format=last), target.to(memory_format=last)), expected
    )
    flipped = (picture.flip(-1).transpose(-1, -2) for picture in (predicted, target))
    torch.testing.assert_close(chroma_loss(*flipped), expected)


# Errors


@pytest.mark.parametrize("loss", [hue_difference, hue_loss, chroma_loss, hue_point_loss])
def test_shapes_that_differ_are_refused_even_if_they_would_broadcast(loss):
    with pytest.raises(ValueError, match=r"differ in shape: \(2, 3, 4, 4\) and \(1, 3, 4, 4\)"):
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize("loss", [chroma_loss, hue_point_loss])
def test_tensors_without_a_channel_dimension_are_refused(loss):
    with pytest.raises(ValueError, match=r"predicted must have the shape \(B, C, H, W\), got \(5,\)"):
        loss(torch.zeros(5), torch.zeros(5))


@pytest.mark.parametrize("loss", [chroma_loss, hue_point_loss])
@pytest.mark.parametrize("factor", [-0.1, math.nan])
def test_a_negative_lambda_is_refused(loss, factor):
    with pytest.raises(ValueError, match=rf"hue_factor \(lambda\) must be at least 0, got {factor}"):
        loss(*two_pictures(3), hue_factor=factor)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_hue_channel_out_of_range_is_refused(channel):
    with pytest.raises(ValueError, match=f"hue_channel must be one of 0 to 1 .* got {channel}"):
        chroma_loss(*two_pictures(), hue_channel=channel)


@pytest.mark.parametrize("channels", [(0, 0), (0, 3), (-1, 1)])
def test_point_channels_that_are_not_two_channels_are_refused(channels):
    with pytest.raises(ValueError, match=r"point_channels must be two of 0 to 2, got \("):
        hue_point_loss(*two_pictures(3), point_channels=channels)


@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 7), (2, 1, 5, 1, 7), (4, 1, 5, 7), (2, 1, 5, 6), (3,), (1, 1, 1, 5, 7)]
)
@pytest.mark.parametrize("loss", [chroma_loss, hue_point_loss])
def test_a_weight_that_does_not_fit_the_pixels_is_refused(loss, shape):
    with pytest.raises(
        ValueError, match=r"the hue weight of shape \(.*\) does not fit errors of \(2, 1, 5, 7\)"
    ):
        loss(*two_pictures(3), hue_weight=torch.ones(shape))

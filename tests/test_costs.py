"""Estimates of cost, against sums done by hand."""

import math

import pytest

from pyramidcolor.costs import duration, training_cost


def test_one_device_takes_photos_times_epochs_over_speed():
    cost = training_cost(photos=1000, epochs=86.4, photos_per_second=10)
    assert cost.days == pytest.approx(0.1)
    assert cost.device_days == cost.days
    assert cost.photos_per_second == 10


def test_each_doubling_of_the_devices_leaves_its_share():
    speeds = [training_cost(1000, 1, 10, devices, 0.9).photos_per_second for devices in (1, 2, 4, 8)]
    assert speeds == pytest.approx([10, 18, 32.4, 58.32])


def test_perfect_devices_cost_the_same_in_any_number_and_others_more():
    alone = training_cost(1000, 1, 10)
    assert training_cost(1000, 1, 10, 8).device_days == pytest.approx(alone.device_days)
    assert training_cost(1000, 1, 10, 8, 0.5).days == pytest.approx(alone.days)
    assert training_cost(1000, 1, 10, 8, 0.5).device_days == pytest.approx(8 * alone.device_days)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("photos", 0),
        ("epochs", 0),
        ("photos_per_second", -1),
        ("devices", 0),
        ("efficiency", 0),
        ("efficiency", 1.1),
        ("photos", math.nan),
        ("epochs", math.inf),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    values = {"photos": 10, "epochs": 1, "photos_per_second": 1, "devices": 2, "efficiency": 0.9}
    with pytest.raises(ValueError, match=f"{name} must be"):
        training_cost(**values | {name: value})


def test_a_duration_has_the_unit_that_a_person_would_choose():
    said = [duration(days) for days in (400, 99.94, 1, 0.999, 1 / 24, 1 / 25, 0.0001)]
    assert said == [
        "400 days",
        "99.9 days",
        "1.0 days",
        "24.0 hours",
        "1.0 hours",
        "57.6 minutes",
        "0.1 minutes",
    ]

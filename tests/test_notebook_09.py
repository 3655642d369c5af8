"""What notebook 09 needs: the figure and the panel of costs, and the judge of shared epochs."""

import numpy as np
import pytest

from pyramidcolor.batches import BatchReader
from pyramidcolor.costs import training_cost
from pyramidcolor.exercises import check_share_epoch
from pyramidcolor.plotting import training_costs
from pyramidcolor.widgets import cost_explorer


class TestTheFigureOfCosts:
    def test_draws_days_and_device_days_for_every_number_of_devices(self):
        days, device_days = training_costs(864_000, 10, 100, devices=4, efficiency=0.5).axes
        ideal, chosen, dot = days.lines
        np.testing.assert_allclose(ideal.get_ydata(), [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64])
        np.testing.assert_allclose(chosen.get_ydata(), [1] * 7)
        assert (dot.get_xdata(), dot.get_ydata()) == ([4], [1])
        np.testing.assert_allclose(device_days.lines[0].get_ydata(), [1] * 7)
        np.testing.assert_allclose(device_days.lines[1].get_ydata(), [1, 2, 4, 8, 16, 32, 64])

    def test_says_the_sum_in_words(self):
        alt = training_costs(1_803_460, 10, 100, devices=8, efficiency=0.9).alt
        cost = training_cost(1_803_460, 10, 100, 8, 0.9)
        assert "1,803,460 photos, 10 epochs, 100 photos/s a device, 8 devices: 8.6 hours" in alt
        assert f"{cost.device_days:.1f} device-days" in alt

    def test_marks_a_number_of_devices_that_is_no_power_of_two(self):
        assert 6 in training_costs(1000, 1, 1, devices=6).axes[0].lines[0].get_xdata()


def test_the_panel_of_costs_draws_what_its_function_draws_over_its_whole_range():
    panel = cost_explorer(1_000_000, 10, 100, devices=2, efficiency=0.8)
    assert panel.picture.value == training_costs(1_000_000, 10, 100, 2, 0.8).png()
    for name in ("photos", "photos_per_second"):
        control = panel.controls[name]
        for power in (control.min, control.max):
            control.value = control.base**power
            assert panel.message.value == ""
    for name in ("epochs", "efficiency"):
        for value in (panel.controls[name].min, panel.controls[name].max):
            panel.controls[name].value = value
            assert panel.message.value == ""
    panel.controls["devices"].value = 64
    values = {name: control.value for name, control in panel.controls.items()}
    assert panel.picture.value == training_costs(**values).png()


def in_turns(order, batch_size, rank, world):
    count = len(order) // batch_size
    return [
        order[start : start + batch_size][rank::world] for start in range(0, count * batch_size, batch_size)
    ]


def in_blocks(order, batch_size, rank, world):
    share = batch_size // world
    starts = range(rank * share, len(order) - batch_size + rank * share + 1, batch_size)
    return [order[start : start + share] for start in starts]


def as_the_library_does(order, batch_size, rank, world):
    reader = BatchReader(order, 1, batch_size // world, seed=0, epoch=0, rank=rank, world=world)
    return [[order[place] for place in places] for places in reader._batches]


def chunks(order, size):
    return [order[start : start + size] for start in range(0, len(order), size)]


WRONG = {
    "gives everything to everyone": ("size", lambda o, b, r, w: chunks(o, b)),
    "halves the batches and forgets the others": (
        "twice",
        lambda o, b, r, w: chunks(o, b // w) if w > 1 else in_blocks(o, b, r, w),
    ),
    "cuts the epoch": (
        "batch",
        lambda o, b, r, w: chunks(o[: len(o) // b * b][r * (len(o) // b * b // w) :], b // w)[: len(o) // b],
    ),
    "keeps what is left over": ("size", lambda o, b, r, w: [batch[r::w] for batch in chunks(o, b)]),
    "gives the first process one batch less": (
        "rest",
        lambda o, b, r, w: in_blocks(o, b, r, w)[: -1 if w > 1 and r == 0 else None],
    ),
    "sorts first": ("alone", lambda o, b, r, w: in_turns(sorted(o), b, r, w)),
    "gives one list": ("type", lambda o, b, r, w: o),
    "gives nothing": ("type", lambda o, b, r, w: None),
    "gives no batch": ("alone", lambda o, b, r, w: []),
    "stops": ("runs", lambda o, b, r, w: o[None]),
}


@pytest.mark.parametrize("answer", [in_turns, in_blocks, as_the_library_does])
def test_every_right_way_to_share_an_epoch_passes(answer):
    verdict = check_share_epoch(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_share_an_epoch_is_told_what_it_lacks(missing, answer):
    verdict = check_share_epoch(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in verdict.sentence for word in ("rank *", "::", "//"))

"""A training to watch, in the browser: it starts, shows frames, stops and goes on."""

import re

import pytest
from lab import ANSWER
from playwright.sync_api import expect

NOTEBOOK = "04_stage_one_training"
PARAMETERS = {"BUDGET": "smoke"}
# The panel's training is to last until it is stopped.
BEFORE = {"TrainingPanel(": "config = replace(config, epochs=(1000, 1, 1), patience=1000)"}


@pytest.fixture
def panel(notebook):
    return notebook.panel("TrainingPanel(")


def epoch(panel):
    """The epoch that the panel's message names."""
    return int(re.search(r"epoch (\d+)", panel.output.get_by_role("status").inner_text())[1])


def test_train_shows_frame_after_frame_until_stop_and_then_goes_on(panel):
    train, stop = (panel.output.get_by_role("button", name=name) for name in ("Train", "Stop"))
    expect(stop).to_be_disabled()
    ended = epoch(panel)
    for _ in range(2):
        with panel.redrawn():
            train.click()
        with panel.redrawn():
            expect(train).to_be_disabled()
        stop.click()
        expect(train).to_be_enabled(timeout=ANSWER)
        expect(stop).to_be_disabled(timeout=ANSWER)
        assert epoch(panel) >= ended + 2
        ended = epoch(panel)


def test_other_panels_answer_while_a_training_runs(notebook, panel):
    train, stop = (panel.output.get_by_role("button", name=name) for name in ("Train", "Stop"))
    with panel.redrawn():
        train.click()
    other = notebook.panel("receptive_field_explorer(")
    for label in ("After convolution", "Place from the top"):  # one counts, the other measures
        with other.redrawn():
            other.slider(label).press("Home")
    expect(train).to_be_disabled()
    stop.click()
    expect(train).to_be_enabled(timeout=ANSWER)

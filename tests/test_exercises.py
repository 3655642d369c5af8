"""Checkers: they pass what is right however it is written, and name the property that a wrong answer lacks."""

import math

import pytest
import torch

from pyramidcolor.exercises import Verdict, check_turn_hue

RIGHT = {
    "remainder": lambda hue, shift: (hue + shift + 1) % 2 - 1,
    "on the circle": lambda hue, shift: (
        torch.atan2(torch.sin(math.pi * (hue + shift)), torch.cos(math.pi * (hue + shift))) / math.pi
    ),
    "case by case": lambda hue, shift: torch.where(
        hue + shift > 1, hue + shift - 2, torch.where(hue + shift < -1, hue + shift + 2, hue + shift)
    ),
    "in place": lambda hue, shift: hue.add_(shift + 1).remainder_(2).sub_(1),
}
WRONG = {
    "does nothing": ("slope", lambda hue, shift: hue),
    "turns the other way": ("slope", lambda hue, shift: (hue - shift + 1) % 2 - 1),
    "turns twice as far": ("slope", lambda hue, shift: (hue + 2 * shift + 1) % 2 - 1),
    "leaves the range": ("range", lambda hue, shift: hue + shift),
    "counts from 0 to 2": ("range", lambda hue, shift: (hue + shift) % 2),
    "gives no numbers": ("range", lambda hue, shift: hue * math.nan),
    "stops at the seam": ("wrap", lambda hue, shift: (hue + shift).clamp(-1, 1)),
    "is reflected by the seam": (
        "wrap",
        lambda hue, shift: 1 - ((hue + shift + 1) % 4 - 2).abs(),
    ),
    "wraps on one side": (
        "wrap",
        lambda hue, shift: torch.where(hue + shift > 1, hue + shift - 2, (hue + shift).clamp(min=-1)),
    ),
    "flattens": ("shape", lambda hue, shift: ((hue + shift + 1) % 2 - 1).flatten()),
    "gives one number": ("shape", lambda hue, shift: 0.5),
    "gives nothing": ("shape", lambda hue, shift: None),
    "stops": ("runs", lambda hue, shift: 1 / 0),
    "takes one argument": ("runs", lambda hue: hue),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
def test_every_right_way_to_turn_hues_passes(answer):
    verdict = check_turn_hue(answer)
    assert verdict.passed, verdict
    assert verdict.missing == ""
    assert repr(verdict) == verdict.sentence


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_turn_hues_is_told_what_it_lacks(missing, answer):
    verdict = check_turn_hue(answer)
    assert not verdict.passed
    assert verdict.missing == missing
    assert repr(verdict).startswith(f"Not yet: {missing}. ")
    assert len(verdict.sentence.split()) >= 5


def test_the_error_of_an_answer_is_named_and_goes_no_further():
    assert "ZeroDivisionError: division by zero" in check_turn_hue(lambda hue, shift: 1 / 0).sentence


@pytest.mark.parametrize("answer", [answer for _, answer in WRONG.values()], ids=WRONG)
def test_no_sentence_gives_the_answer_away(answer):
    said = repr(check_turn_hue(answer))
    assert not any(word in said for word in ("%", "remainder", "modulo", "atan2", "subtract 2"))


def test_a_verdict_without_a_missing_property_has_passed():
    assert Verdict("", "Well done.").passed
    assert not Verdict("wrap", "It stopped at the seam.").passed

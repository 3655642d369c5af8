"""Checkers: they pass what is right however it is written, and name the property that a wrong answer lacks."""

import math

import pytest
import torch

from pyramidcolor.exercises import Verdict, check_turn_hue, check_weighted_hue_loss
from pyramidcolor.losses import hue_difference, hue_loss

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


RIGHT_LOSSES = {
    "the library's mean over all pixels": hue_loss,
    "divided by the sum of the weights": lambda p, t, s: (
        (s * hue_difference(p, t)).sum() / s.sum().clamp(min=1e-6)
    ),
    "moved home": lambda p, t, s: (s * ((p - t + 1) % 2 - 1).abs()).mean(),
}
WRONG_LOSSES = {
    "subtracts": ("range", lambda p, t, s: (p - t).abs().mean()),
    "divides zero by zero": ("range", lambda p, t, s: (s * hue_difference(p, t)).sum() / s.sum()),
    "says how near": ("range", lambda p, t, s: (s * (1 - hue_difference(p, t))).mean()),
    "halves the subtraction": ("wrap", lambda p, t, s: (s * (p - t).abs()).mean() / 2),
    "cuts off at 1": ("wrap", lambda p, t, s: (s * (p - t).abs().clamp(max=1)).mean()),
    "goes one way round": ("symmetry", lambda p, t, s: (s * ((p - t) % 2)).mean() / 2),
    "weighs all alike": ("weight", lambda p, t, s: hue_difference(p, t).mean()),
    "weighs by the square": ("weight", lambda p, t, s: (s**2 * hue_difference(p, t)).mean()),
    "never silences gray": ("weight", lambda p, t, s: ((0.2 + 0.8 * s) * hue_difference(p, t)).mean()),
    "silences the vivid": ("weight", lambda p, t, s: ((1 - s) * hue_difference(p, t)).mean()),
    "is a cosine": ("slope", lambda p, t, s: (s * (1 - (math.pi * (p - t)).cos())).mean() / 2),
    "is a square": ("slope", lambda p, t, s: (s * hue_difference(p, t) ** 2).mean()),
    "gives no gradient": ("slope", lambda p, t, s: hue_loss(p.detach(), t, s)),
    "leads away": (
        "slope",
        lambda p, t, s: 2 * hue_loss(p, t, s).detach() - hue_loss(p, t, s),
    ),
    "gives a map": ("shape", lambda p, t, s: s * hue_difference(p, t)),
    "gives a Python number": ("shape", lambda p, t, s: 0.5),
    "gives nothing": ("shape", lambda p, t, s: None),
    "forgets the weights": ("runs", lambda p, t: hue_difference(p, t).mean()),
}


@pytest.mark.parametrize("answer", RIGHT_LOSSES.values(), ids=RIGHT_LOSSES)
def test_every_right_weighted_hue_loss_passes(answer):
    verdict = check_weighted_hue_loss(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
def test_a_wrong_weighted_hue_loss_is_told_what_it_lacks_and_not_how_to_mend_it(missing, answer):
    verdict = check_weighted_hue_loss(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in repr(verdict) for word in ("minimum", "clamp", "2 -", "remainder", "divide"))

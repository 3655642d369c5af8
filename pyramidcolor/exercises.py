"""Checkers for the notebooks' build exercises: they name the property that is missing, and keep the answer to themselves.

Each checker takes the reader's function and returns a `Verdict`. It never raises for what that function does, so a
notebook runs to its end before its exercises are solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .losses import hue_difference

_ROUNDING = 1e-4  # far above float32's, far below any step that an exercise asks for
_AGREEMENT = 0.03  # half-turns; ways of averaging hues that are all right differ by less


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a checker found.

    Attributes:
        missing: the first property that does not hold, such as `wrap`; empty if all do.
        sentence: what was tried and what was seen.
    """

    missing: str
    sentence: str

    @property
    def passed(self) -> bool:
        """Whether every property holds."""
        return not self.missing

    def __repr__(self):
        return self.sentence if self.passed else f"Not yet: {self.missing}. {self.sentence}"


def check_turn_hue(turn_hue: Callable[[Tensor, float], Tensor]) -> Verdict:
    """Judge `turn_hue(hue, shift)`, which turns hues in half-turns by a shift: runs, shape, range, slope, wrap.

    Args:
        turn_hue: takes hues of any shape in [-1, 1] and a number, returns hues of the same shape.
    """
    return _first_missing(_problems_of_turn_hue(turn_hue), "All of it holds: shape, range, slope, wrap.")


def _problems_of_turn_hue(turn_hue) -> Iterable[tuple[str, str | bool]]:
    hue = torch.linspace(-0.95, 0.95, 24).reshape(2, 3, 4)
    turned = turn_hue(hue.clone(), 0.0)
    if not isinstance(turned, Tensor):
        yield "shape", f"A tensor of hues went in, and {type(turned).__name__} came out."
    yield (
        "shape",
        turned.shape != hue.shape and f"{tuple(hue.shape)} went in, {tuple(turned.shape)} came out.",
    )
    for shift in (0.5, -0.5, 1.9):
        low, high = (limit.item() for limit in turn_hue(hue.clone(), shift).aminmax())
        inside = low >= -1 - _ROUNDING and high <= 1 + _ROUNDING  # written so that NaN fails
        yield "range", not inside and f"A shift of {shift} gave hues from {low:.2f} to {high:.2f}."
    inner = hue[hue.abs() < 0.5]
    for shift in (0.25, -0.25):
        moved = (turn_hue(inner.clone(), shift) - inner).mean().item()
        right = torch.allclose(turn_hue(inner.clone(), shift), inner + shift, atol=_ROUNDING)
        yield (
            "slope",
            not right and f"Far from the seam a shift of {shift} moved the hues by {moved:.2f} on average.",
        )
    for there, back in ((0.5, -0.5), (-0.5, 0.5), (1.2, 0.8)):
        returned = turn_hue(turn_hue(hue.clone(), there), back)
        lost = hue_difference(returned, hue).max().item()
        wraps = lost < _ROUNDING
        yield (
            "wrap",
            not wraps and f"A shift of {there}, then of {back}, missed the first hues by up to {lost:.2f}.",
        )


def check_shrink_hue(shrink_hue: Callable[[Tensor, Tensor, int], Tensor]) -> Verdict:
    """Judge `shrink_hue(hue, saturation, factor)`, which shrinks a map of hues: runs, shape, range, mean, wrap, weight.

    Args:
        shrink_hue: takes hues in half-turns, `(1, H, W)` in [-1, 1], their saturations, `(1, H, W)` in [0, 1], and a
            factor that divides H and W; returns hues of `(1, H / factor, W / factor)`.
    """
    return _first_missing(
        _problems_of_shrink_hue(shrink_hue), "All of it holds: shape, range, mean, wrap, weight."
    )


def _problems_of_shrink_hue(shrink_hue) -> Iterable[tuple[str, str | bool]]:
    full = torch.ones(1, 6, 12)
    for factor in (2, 3):
        small = shrink_hue(full / 3, full.clone(), factor)
        wanted = (1, 6 // factor, 12 // factor)
        if not isinstance(small, Tensor):
            yield "shape", f"A tensor of hues went in, and {type(small).__name__} came out."
        yield (
            "shape",
            tuple(small.shape) != wanted
            and f"(1, 6, 12) by a factor of {factor} gave {tuple(small.shape)}, not {wanted}.",
        )
    ramp = torch.linspace(-1, 1, 72).reshape(full.shape)
    for name, saturation in (("vivid pixels", full), ("pixels without any color", 0 * full)):
        low, high = (limit.item() for limit in shrink_hue(ramp.clone(), saturation.clone(), 3).aminmax())
        inside = low >= -1 - _ROUNDING and high <= 1 + _ROUNDING  # written so that NaN fails
        yield "range", not inside and f"Squares of {name} gave hues from {low:.2f} to {high:.2f}."
    # Around these three hues every sensible mean agrees: of angles, of points, of RGB colors.
    for missing, name, hue in (("mean", "yellow", 1 / 3), ("mean", "blue", -2 / 3), ("wrap", "cyan", 1.0)):
        pair = (_columns(hue - 0.1, hue + 0.1, full) + 1) % 2 - 1  # half of each square on either side
        found = shrink_hue(pair, full.clone(), 2)
        missed = hue_difference(found, torch.full_like(found, hue)).max().item()
        right = missed < _AGREEMENT
        yield missing, not right and f"Squares of two hues around {name} missed it by {missed:.2f}."
    for name, faint in (("gray", 0.0), ("nearly gray", 0.02)):
        hue, saturation = _columns(-2 / 3, 0.0, full), _columns(0.9, faint, full)
        found = shrink_hue(hue, saturation, 2)
        missed = hue_difference(found, torch.full_like(found, -2 / 3)).max().item()
        right = missed < _AGREEMENT
        yield (
            "weight",
            not right and f"Squares half vivid blue, half {name}, came out {missed:.2f} away from blue.",
        )


def _columns(even: float, odd: float, like: Tensor) -> Tensor:
    """A map of the same shape whose columns take turns between two numbers."""
    return torch.where(torch.arange(like.shape[-1]) % 2 == 0, even * like, odd * like)


def _first_missing(problems: Iterable[tuple[str, str | bool]], praise: str) -> Verdict:
    """The verdict from (property, sentence) pairs; a sentence that is False stands for a property that holds."""
    try:
        for missing, sentence in problems:
            if sentence:
                return Verdict(missing, str(sentence))
    except Exception as error:  # the reader's code may do anything, and the notebook goes on
        return Verdict("runs", f"It stopped with {type(error).__name__}: {error}")
    return Verdict("", praise)

"""Checkers for the notebooks' build exercises: they name the property that is missing, and keep the answer to themselves.

Each checker takes the reader's function and returns a `Verdict`. It never raises for what that function does, so a
notebook runs to its end before its exercises are solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .color import hsv_to_rgb
from .colorspaces import half_turns_to_turns, luminance_gray
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
    # Around these hues every sensible mean agrees: of angles, of points, of RGB colors.
    for missing, name, hue in (
        ("mean", "yellow", 1 / 3),
        ("mean", "blue", -2 / 3),
        ("wrap", "cyan", 1.0),
        ("wrap", "red", 0.0),  # where hues that were counted from 0 to 2 have their seam
    ):
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


def check_weighted_hue_loss(weighted_hue_loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Judge a hue loss in which pixels count by their saturation: runs, shape, range, wrap, symmetry, weight, slope.

    A mean over all pixels and one divided by the sum of the weights are both right.

    Args:
        weighted_hue_loss: takes predicted and true hues in half-turns, of any shape in [-1, 1], and the true saturations,
            of the same shape in [0, 1]; returns a scalar.
    """
    problems = _problems_of_weighted_hue_loss(weighted_hue_loss)
    return _first_missing(problems, "All of it holds: shape, range, wrap, symmetry, weight, slope.")


def _problems_of_weighted_hue_loss(loss) -> Iterable[tuple[str, str | bool]]:
    generator = torch.Generator().manual_seed(0)
    predicted, true = 2 * torch.rand(2, 4, 6, generator=generator) - 1
    saturation = 0.1 + 0.9 * torch.rand(4, 6, generator=generator)
    vivid = torch.ones(4, 6)

    def measure(predicted, true, saturation):
        return float(loss(predicted.clone(), true.clone(), saturation.clone()))

    answer = loss(predicted.clone(), true.clone(), saturation.clone())
    scalar = isinstance(answer, Tensor) and answer.ndim == 0
    came = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    yield (
        "shape",
        not scalar and f"Three pictures of (4, 6) should give a tensor without dimensions, and gave {came}.",
    )
    for name, low, high, colors in (
        ("vivid hues that agree", 0.0, 0.0, (true, true, vivid)),
        ("vivid hues 0.9 and -0.9", 0.0, 1.0, (-0.9 * vivid, 0.9 * vivid, vivid)),
        ("vivid hues -0.5 and 0.5, which are opposite,", 0.0, 1.0, (-0.5 * vivid, 0.5 * vivid, vivid)),
        ("pixels without any color", 0.0, 1.0, (predicted, true, 0 * vivid)),
    ):
        found = measure(*colors)
        inside = low - _ROUNDING <= found <= high + _ROUNDING  # written so that NaN fails
        yield "range", not inside and f"A picture of {name} gave a loss of {found:.2f}."
    first = measure(predicted, true, saturation)
    for shift in (0.3, 0.7, -0.4):
        turned = ((hue + shift + 1) % 2 - 1 for hue in (predicted, true))
        moved = abs(measure(*turned, saturation) - first)
        kept = moved < _ROUNDING
        yield (
            "wrap",
            not kept and f"Turning all hues by {shift}, true and predicted, moved the loss by {moved:.2f}.",
        )
    swapped = measure(true, predicted, saturation)
    same = abs(swapped - first) < _ROUNDING
    yield "symmetry", not same and f"The loss was {first:.2f}, and {swapped:.2f} with both hues exchanged."
    yield from _problems_of_weight(measure, predicted, true)
    yield from _problems_of_slope(loss, measure, true, saturation)


def _problems_of_weight(measure, predicted: Tensor, true: Tensor) -> Iterable[tuple[str, str | bool]]:
    left = (torch.arange(true.shape[-1]) < true.shape[-1] // 2).expand_as(true)
    half_gray = torch.where(left, 1.0, 0.0)
    moved = abs(measure(torch.where(left, true, predicted), true, half_gray))
    silent = moved < _ROUNDING
    yield "weight", not silent and f"Errors of gray pixels alone gave a loss of {moved:.2f}."
    # Both halves err alike, one after the other; one is twice as saturated.
    saturation, wrong = torch.where(left, 0.8, 0.4), (true + 0.5 + 1) % 2 - 1
    twice, once = (measure(torch.where(chosen, wrong, true), true, saturation) for chosen in (left, ~left))
    fair = abs(twice - 2 * once) < _ROUNDING
    yield (
        "weight",
        not fair and f"Pixels of saturation 0.8 gave {twice:.2f}, and of 0.4 with the same error {once:.2f}.",
    )


def _problems_of_slope(loss, measure, true: Tensor, saturation: Tensor) -> Iterable[tuple[str, str | bool]]:
    vivid = torch.ones_like(true)
    for distance in (0.1, 0.4, 0.8):
        found = measure((true + distance + 1) % 2 - 1, true, vivid)
        straight = abs(found - distance) < _ROUNDING
        yield "slope", not straight and f"Vivid hues {distance:.2f} apart gave a loss of {found:.2f}."
    side = torch.where(torch.arange(true.shape[-1]) % 2 == 0, 0.6, -0.6).expand_as(true)
    predicted = ((true + side + 1) % 2 - 1).requires_grad_()
    error = loss(predicted, true.clone(), saturation.clone())
    yield "slope", not error.requires_grad and "No gradient reaches the predicted hues."
    (slope,) = torch.autograd.grad(error, predicted)
    wanted = side.sign() * saturation / saturation.sum()
    right = torch.allclose(slope / slope.abs().sum(), wanted, atol=_ROUNDING)  # NaN fails
    yield (
        "slope",
        not right and "The gradient does not lead each hue the short way, as steeply as it is saturated.",
    )


def check_tell_apart(tell_apart: Callable[[Tensor], Tensor]) -> Verdict:
    """Judge `tell_apart(chroma)`, which tells two color channels as hue and strength: shape, range, gray, strength, hue.

    Args:
        tell_apart: takes chroma `(2, H, W)` in [-1, 1], where 0 and 0 are gray; returns the same shape: the hue in
            half-turns, 0 along the first channel and 1/2 along the second; and the strength, -1 for gray and 1 for the corners.
    """
    problems = _problems_of_tell_apart(tell_apart)
    return _first_missing(problems, "All of it holds: shape, range, gray, strength, hue.")


def _problems_of_tell_apart(tell_apart) -> Iterable[tuple[str, str | bool]]:
    chroma = 2 * torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0)) - 1
    told = tell_apart(chroma.clone())
    came = tuple(told.shape) if isinstance(told, Tensor) else type(told).__name__
    yield "shape", came != (2, 6, 8) and f"(2, 6, 8) went in, and {came} came out."
    axis = torch.tensor([-1.0, 0.0, 1.0])
    corners = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))
    for name, colors in (("random chroma", chroma), ("the square's corners and sides", corners)):
        low, high = (limit.item() for limit in tell_apart(colors.clone()).aminmax())
        inside = low >= -1 - _ROUNDING and high <= 1 + _ROUNDING  # written so that NaN fails
        yield "range", not inside and f"Of {name} came numbers from {low:.2f} to {high:.2f}."
    strength = tell_apart(torch.zeros(2, 1, 1))[1].item()
    yield "gray", abs(strength + 1) > _ROUNDING and f"The strength of gray came out as {strength:.2f}."
    turn = 2 * torch.rand(24, generator=torch.Generator().manual_seed(1)) - 1
    # At one distance from gray, in all directions.
    ring = 0.6 * torch.stack((torch.cos(torch.pi * turn), torch.sin(torch.pi * turn))).reshape(2, 4, 6)
    low, high = (limit.item() for limit in tell_apart(ring.clone())[1].aminmax())
    yield (
        "strength",
        high - low > _ROUNDING
        and f"Colors equally far from gray came out with strengths from {low:.2f} to {high:.2f}.",
    )
    once, twice = (tell_apart(factor * ring)[1].mean().item() + 1 for factor in (0.5, 1.0))
    even = abs(twice - 2 * once) < _ROUNDING
    yield "strength", not even and f"Twice as far from gray is {twice / max(once, 1e-6):.2f} times as strong."
    corner = tell_apart(torch.ones(2, 1, 1))[1].item()
    yield "strength", abs(corner - 1) > _ROUNDING and f"The strength of a corner came out as {corner:.2f}."
    for name, hue, a, b in _DIRECTIONS:
        found = tell_apart(0.5 * torch.tensor([a, b]).reshape(2, 1, 1))[0]
        missed = hue_difference(found, torch.full_like(found, hue)).item()
        right = missed < _ROUNDING
        yield "hue", not right and f"The hue of {name} missed by {missed:.2f} half-turns."
    missed = hue_difference(tell_apart(ring.clone())[0], turn.reshape(4, 6)).max().item()
    right = missed < _ROUNDING
    yield "hue", not right and f"Of many directions one missed its hue by {missed:.2f} half-turns."


_DIRECTIONS = (
    ("a color along the first channel", 0.0, 1.0, 0.0),
    ("a color along the second channel", 0.5, 0.0, 1.0),
    ("a color against the second channel", -0.5, 0.0, -1.0),
    ("a color against the first channel", 1.0, -1.0, 0.0),
)


def check_receptive_field(receptive_field: Callable[[list[tuple[int, int, int]]], int]) -> Verdict:
    """Judge `receptive_field(layers)`, which counts the pixels along a row from the first to the last that one output sees.

    Args:
        receptive_field: takes the convolutions in order, each as (kernel, stride, dilation), whole numbers of at least 1;
            returns a whole number.
    """
    problems = _problems_of_receptive_field(receptive_field)
    return _first_missing(problems, "All of it holds: type, kernel, depth, dilation, stride, order.")


_STACKS = (
    ("kernel", [(1, 1, 1)]),
    ("kernel", [(3, 1, 1)]),
    ("kernel", [(5, 1, 1)]),
    ("depth", [(3, 1, 1), (3, 1, 1)]),
    ("depth", [(3, 1, 1), (5, 1, 1), (2, 1, 1)]),
    ("dilation", [(3, 1, 4)]),
    ("dilation", [(3, 1, 2), (5, 1, 3)]),
    ("stride", [(3, 2, 1)]),  # a last layer's stride leaves pixels out between outputs, and shows none more
    ("stride", [(3, 2, 1), (3, 1, 1)]),
    ("stride", [(3, 2, 1), (3, 2, 1), (3, 1, 1)]),  # strides multiply
    ("stride", [(4, 3, 1), (3, 2, 2), (3, 1, 2)]),
    ("order", [(3, 1, 1), (3, 2, 1)]),
    ("order", [(5, 1, 1), (3, 3, 1), (3, 1, 1)]),
)


def _problems_of_receptive_field(receptive_field) -> Iterable[tuple[str, str | bool]]:
    for missing, layers in _STACKS:
        found, seen = receptive_field(list(layers)), _seen_pixels(layers)
        said = " then ".join(f"kernel {k}, stride {s}, dilation {d}" for k, s, d in layers)
        whole = isinstance(found, int) and not isinstance(found, bool)
        yield "type", not whole and f"A whole number was wanted, and {type(found).__name__} came out."
        more = "more" if seen > found else "fewer"
        yield missing, found != seen and f"For {said} you count {found}; the gradient reaches {more} pixels."


def _seen_pixels(layers: Iterable[tuple[int, int, int]]) -> int:
    """The same number measured: from the first to the last pixel of a row that acts on one output."""
    row = torch.zeros(1, 1, 200, dtype=torch.float64, requires_grad=True)
    output = row
    for kernel, stride, dilation in layers:
        weight = torch.ones(1, 1, kernel, dtype=torch.float64)
        output = torch.nn.functional.conv1d(output, weight, stride=stride, dilation=dilation)
    (slope,) = torch.autograd.grad(output[0, 0, 0], row)
    seen = slope[0, 0].nonzero()
    return int(seen.max() - seen.min()) + 1


def check_share_epoch(share_epoch: Callable[[list[int], int, int, int], list[list[int]]]) -> Verdict:
    """Judge `share_epoch(order, batch_size, rank, world)`, which cuts an epoch for one of several processes: runs, type,
    size, alone, twice, batch, rest.

    Any way to cut a batch is right, since the gradients of its parts are averaged.

    Args:
        share_epoch: takes the numbers of the photos in the order in which one process would visit them, the photos in a
            batch of all processes together (a multiple of `world`), the number of this process from 0, and how many there
            are; returns this process's batches, each a list of photos.
    """
    problems = _problems_of_share_epoch(share_epoch)
    return _first_missing(problems, "All of it holds: type, size, alone, twice, batch, rest.")


def _problems_of_share_epoch(share_epoch) -> Iterable[tuple[str, str | bool]]:
    cases = (
        (24, 8, 1),
        (24, 8, 2),
        (24, 8, 4),
        (30, 6, 3),
        (29, 8, 2),
        (27, 12, 4),
    )  # photos, batch, processes
    for count, size, world in cases:
        order = [(7 * number + 3) % count for number in range(count)]  # 7 divides none of the counts
        whole = [order[start : start + size] for start in range(0, count - size + 1, size)]
        setting = f"{count} photos, batches of {size}, {world} processes"
        shares = []
        for rank in range(world):
            share = share_epoch(list(order), size, rank, world)
            lists = isinstance(share, list | tuple) and all(hasattr(batch, "__len__") for batch in share)
            yield "type", not lists and f"A list of batches was wanted, and {share!r:.40} came out."
            shares.append([[int(photo) for photo in batch] for batch in share])
        yield from _problems_of_shares(shares, whole, size // world, setting)


def _problems_of_shares(shares, whole, wanted: int, setting: str) -> Iterable[tuple[str, str | bool]]:
    for rank, share in enumerate(shares):
        sizes = sorted({len(batch) for batch in share})
        yield (
            "size",
            bool(sizes) and sizes != [wanted] and f"With {setting}, process {rank} has batches of {sizes}.",
        )
    counts = [len(share) for share in shares]
    if len(shares) == 1:
        yield (
            "alone",
            shares[0] != whole and f"With {setting}, the one process does not do what it did alone.",
        )
    seen = [photo for share in shares for batch in share for photo in batch]
    again = len(seen) - len(set(seen))
    yield "twice", again > 0 and f"With {setting}, {again} photos are visited more than once in the epoch."
    for number in range(min([len(whole), *counts])):
        together = sorted(photo for share in shares for photo in share[number])
        same = together == sorted(whole[number])
        yield (
            "batch",
            not same
            and f"With {setting}, batch {number} of all together is {together}, and of one process {sorted(whole[number])}.",
        )
    yield (
        "rest",
        counts != [len(whole)] * len(shares)
        and f"With {setting}, the processes have {counts} batches; one that waits for the others' next never ends.",
    )


def check_value_from_luminance(value_from_luminance: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Judge `value_from_luminance(luminance, hue, saturation)`, the V of a color that was photographed as luminance: runs,
    shape, range, gray, hue, saturation, limit.

    Args:
        value_from_luminance: takes luminances, hues in half-turns and saturations, all `(1, H, W)`, in [0, 1], [-1, 1] and
            [0, 1]; returns V, `(1, H, W)` in [0, 1], as bright as the luminance says, or 1 where no V is.
    """
    problems = _problems_of_value_from_luminance(value_from_luminance)
    return _first_missing(problems, "All of it holds: shape, range, gray, hue, saturation, limit.")


_PURE_HUES = (
    ("red", 0.0),
    ("yellow", 1 / 3),
    ("green", 2 / 3),
    ("cyan", 1.0),
    ("blue", -2 / 3),
    ("magenta", -1 / 3),
)


def _problems_of_value_from_luminance(answer) -> Iterable[tuple[str, str | bool]]:
    true = torch.linspace(0.05, 1, 24).reshape(1, 4, 6)  # V
    hue, full = torch.linspace(-1, 1, 24).reshape(1, 4, 6), torch.ones(1, 4, 6)

    def seen(hue, saturation):
        rgb = hsv_to_rgb(torch.cat((half_turns_to_turns(hue), saturation, true)))
        return (luminance_gray(rgb) + 1) / 2

    def missed(hue, saturation):
        found = answer(seen(hue, saturation), hue.clone(), saturation.clone())
        return (found - true).abs().max().item()

    value = answer(seen(hue, full / 2), hue.clone(), full / 2)
    came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    yield "shape", came != (1, 4, 6) and f"Three maps of (1, 4, 6) should give one more, and gave {came}."
    for name, luminance in (("black", 0 * full), ("middle", full / 2), ("white", full)):
        low, high = (limit.item() for limit in answer(luminance, hue.clone(), full.clone()).aminmax())
        inside = low >= -_ROUNDING and high <= 1 + _ROUNDING  # written so that NaN fails
        yield (
            "range",
            not inside and f"{name.capitalize()} pixels of vivid hues got V from {low:.2f} to {high:.2f}.",
        )
    off = missed(hue, 0 * full)
    yield "gray", not off < _ROUNDING and f"Pixels without any color missed their V by up to {off:.2f}."
    for missing, word, amount in (("hue", "Vivid", 1.0), ("saturation", "Pale", 0.4)):
        for name, one in _PURE_HUES:
            off = missed(one * full, amount * full)
            yield missing, not off < _ROUNDING and f"{word} {name} pixels missed their V by up to {off:.2f}."
        off = missed(hue, amount * full)
        yield missing, not off < _ROUNDING and f"{word} pixels of all hues missed their V by up to {off:.2f}."
    least = answer(0.5 * full, -2 / 3 * full, full.clone()).min().item()
    yield "limit", least < 1 - _ROUNDING and f"Vivid blue as light as a middle gray got a V of {least:.2f}."


def check_deconvolve(deconvolve: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Judge `deconvolve(features, weight)`, which doubles the sides of features: runs, shape, stamp, place, overlap, channels.

    Args:
        deconvolve: takes features `(B, I, H, W)` and a kernel `(I, O, 4, 4)`; returns `(B, O, 2 H, 2 W)`, where each input
            has added the kernel, times itself, around its place, and what stands over at the rim is cut off by one pixel.
    """
    problems = _problems_of_deconvolve(deconvolve)
    return _first_missing(problems, "All of it holds: shape, stamp, place, overlap, channels.")


def _problems_of_deconvolve(deconvolve) -> Iterable[tuple[str, str | bool]]:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.rand(1, 1, 4, 4, generator=generator) + 0.5
    for batch, ins, outs, height, width in ((1, 1, 1, 3, 3), (2, 3, 5, 2, 4)):
        found = deconvolve(torch.rand(batch, ins, height, width), torch.rand(ins, outs, 4, 4))
        came = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        wanted = (batch, outs, 2 * height, 2 * width)
        said = f"{(batch, ins, height, width)} and a kernel of {(ins, outs, 4, 4)} gave {came}, not {wanted}."
        yield "shape", came != wanted and said
    for value in (1.0, -2.0):
        single = torch.zeros(1, 1, 5, 5)
        single[0, 0, 2, 2] = value
        found = deconvolve(single.clone(), kernel.clone())
        left = found[found.abs() > _ROUNDING]
        whole = len(left) == 16 and torch.allclose(
            left.sort().values, (value * kernel).flatten().sort().values
        )
        said = f"A single {value:g} should leave the kernel's 16 numbers, times itself; it left {len(left)} other than 0."
        yield "stamp", not whole and said
        right = _agrees(found, single, kernel)
        yield "place", not right and f"The numbers that a single {value:g} leaves are not where they belong."
    for name, features in (
        ("two neighbors", torch.tensor([[0.0, 0, 0], [0, 1, 1], [0, 0, 0]])),
        ("ones everywhere", torch.ones(3, 4)),
    ):
        found = deconvolve(features[None, None].clone(), kernel.clone())
        right = _agrees(found, features[None, None], kernel)
        yield "overlap", not right and f"For {name} the result is not the sum of what each leaves alone."
    features = torch.rand(2, 3, 4, 5, generator=generator) - 0.5
    kernels = torch.rand(3, 5, 4, 4, generator=generator) - 0.5
    right = _agrees(deconvolve(features.clone(), kernels.clone()), features, kernels)
    yield (
        "channels",
        not right and "With 2 pictures, 3 channels in and 5 out, numbers went to the wrong channels.",
    )


def check_annealed_mean(annealed_mean: Callable[[Tensor, Tensor, float], Tensor]) -> Verdict:
    """Judge `annealed_mean(chances, colors, temperature)`, Zhang's answer from a distribution: runs, shape, mean, mode, temperature, zero.

    Args:
        annealed_mean: takes the chances of some colors, `(Q,)` with the sum 1, the colors, `(Q, 2)`, and a temperature in
            (0, 1]; returns one color, `(2,)`.
    """
    problems = _problems_of_annealed_mean(annealed_mean)
    return _first_missing(problems, "All of it holds: shape, mean, mode, temperature, zero.")


def _problems_of_annealed_mean(annealed_mean) -> Iterable[tuple[str, str | bool]]:
    generator = torch.Generator().manual_seed(0)
    chances = torch.rand(6, generator=generator)
    chances, colors = chances / chances.sum(), 200 * torch.rand(6, 2, generator=generator) - 100

    def missed(answer: Tensor, wanted: Tensor) -> float:
        distance = torch.dist(answer, wanted).item()
        return distance if distance == distance else float("inf")  # NaN

    answer = annealed_mean(chances.clone(), colors.clone(), 1.0)
    came = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    yield "shape", came != (2,) and f"Chances of six colors went in, and {came} came out, not (2,)."
    off = missed(answer, chances @ colors)
    yield "mean", off > 0.01 and f"At a temperature of 1 the answer was {off:.1f} away from the mean color."
    off = missed(annealed_mean(chances.clone(), colors.clone(), 0.02), colors[chances.argmax()])
    yield (
        "mode",
        off > 1 and f"At a temperature of 0.02 the answer was {off:.1f} away from the likeliest color.",
    )
    # Half the temperature squares the chances: 0.8 and 0.2 stand like 16 to 1.
    pair, ends = torch.tensor([0.8, 0.2]), torch.tensor([[17.0, 0.0], [0.0, 17.0]])
    found = annealed_mean(pair.clone(), ends.clone(), 0.5)
    yield (
        "temperature",
        missed(found, torch.tensor([16.0, 1.0])) > 0.01
        and f"At 0.5 the chances 0.8 and 0.2 came to count as {found[0] / 17:.2f} and {found[1] / 17:.2f}.",
    )
    certain = annealed_mean(torch.tensor([0.0, 1.0]), ends.clone(), 0.38)
    off = missed(certain, ends[1])
    yield (
        "zero",
        off > 0.01 and f"A color with the chance 1 beside one with the chance 0 was missed by {off:.1f}.",
    )


def _agrees(found: Tensor, features: Tensor, kernel: Tensor) -> bool:
    wanted = torch.nn.functional.conv_transpose2d(features, kernel, stride=2, padding=1)
    return found.shape == wanted.shape and torch.allclose(found, wanted, atol=_ROUNDING)  # NaN fails


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

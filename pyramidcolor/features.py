"""What flows through the two stages: the tensors between a gray picture and its chroma, by name."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from .models import TwoStageColorizer

FEATURES = (
    "gray",
    "low chroma",
    "low input",
    "low features",
    "deconvolved",
    "middle input",
    "middle features",
    "joined input",
    "joined features",
    "full features",
    "full input",
    "chroma",
)
"""The names that `pyramid_features` gives, in the order of the paper's Fig. 3: low branch, middle branch, both, full size."""


@torch.no_grad()
def pyramid_features(model: TwoStageColorizer, gray: Tensor) -> dict[str, Tensor]:
    """Every tensor on the way from a gray picture to its chroma, as the network computes it in evaluation mode.

    Args:
        model: the network; it stays as it is.
        gray: `(B, 1, H, W)` in [-1, 1]; H and W are multiples of the low factor.

    Returns:
        For each of `FEATURES` a tensor `(B, C, h, w)` on the CPU:

        - "gray" is what came in;
        - "low chroma" is stage one's answer, and "low input" that joined with the gray of the low scale;
        - "low features" come out of the low branch, and "deconvolved" is the same at the middle scale;
        - "middle input" is the low input enlarged, and "middle features" come out of the middle branch;
        - "joined input" is both branches' features, and "joined features" come out of the convolutions behind them;
        - "full features" is what the last deconvolution gives, and "full input" that joined with the gray at full size;
        - "chroma" is the network's answer, in [-1, 1].

        A network built with `full_gray=False` has no "full input".

    Raises:
        ValueError: if the shape does not fit.
    """
    # A copy in evaluation mode, since batch statistics and the caller's mode are the caller's.
    model = copy.deepcopy(model).eval()
    net, pyramid = model.low_scale_net, model.pyramid_net
    found: dict[str, Tensor] = {"gray": gray}
    outputs = {
        "low chroma": net,
        "low features": pyramid.low,
        "deconvolved": pyramid.low_to_middle,
        "middle features": pyramid.middle,
        "joined features": pyramid.joined,
        "full features": pyramid.middle_to_full,
    }
    inputs = {"low input": pyramid.low, "middle input": pyramid.middle, "joined input": pyramid.joined}
    if pyramid.full_gray:
        inputs["full input"] = pyramid.full
    for name, part in outputs.items():
        part.register_forward_hook(lambda _, ins, out, name=name: found.update({name: out}))
    for name, part in inputs.items():
        part.register_forward_pre_hook(lambda _, ins, name=name: found.update({name: torch.cat(ins, 1)}))
    found["chroma"] = model(gray.to(next(model.parameters()).device))
    return {name: found[name].float().cpu() for name in FEATURES if name in found}

"""A finished network in the form in which a processor computes it fastest: for use, not for training."""

from __future__ import annotations

from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .devices import choose_precision
from .models import TwoStageColorizer

_KEPT: WeakKeyDictionary[TwoStageColorizer, dict[str, tuple]] = WeakKeyDictionary()


@torch.inference_mode()
def swift_chroma(
    model: TwoStageColorizer,
    gray: Tensor,
    precision: str = "fp32",
    input_scales: tuple[float, ...] = (1.0,),
) -> Tensor:
    """What the network gives, up to rounding: computed by its `swift_form`, with bf16 where that is asked for.

    Args:
        model: the network. The form is kept until its weights change; a network in training mode is used as it is.
        gray: `(B, 1, H, W)` in [-1, 1], on the network's device.
        precision: "fp32", "bf16", or "auto" for bf16 where the processor is fast at it.
        input_scales: as in `models.TwoStageColorizer.low_chroma`.

    Returns:
        Chroma `(B, C, H, W)` float32 in [-1, 1].

    Raises:
        ValueError: if `precision` is none of these, or `input_scales` are out of range.
    """
    precision = choose_precision(precision, gray.device)
    form = model if model.training else _kept_form(model, precision)
    with torch.autocast(gray.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return form(gray.contiguous(memory_format=torch.channels_last), input_scales).float()


def swift_form(model: TwoStageColorizer, precision: str) -> TwoStageColorizer:
    """A copy of a network with batch normalization folded into the convolutions before it, pixel by pixel in memory.

    Args:
        model: in evaluation mode; stays as it is.
        precision: with "bf16" the convolutions' weights are rounded once, here, and not at every call. It is for use under autocast.
    """
    form = _folded(deepcopy(model)).requires_grad_(False).to(memory_format=torch.channels_last)
    for part in form.modules() if precision == "bf16" else ():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data = part.weight.data.bfloat16()
    return form


def _kept_form(model: TwoStageColorizer, precision: str) -> TwoStageColorizer:
    tensors = [*model.parameters(), *model.buffers()]
    if any(tensor.is_inference() for tensor in tensors):  # such tensors do not tell when they change
        return swift_form(model, precision)
    state = [(tensor.data_ptr(), tensor._version) for tensor in tensors]
    kept = _KEPT.setdefault(model, {})
    if precision not in kept or kept[precision][0] != state:
        kept[precision] = state, swift_form(model, precision)
    return kept[precision][1]


def _folded(module: nn.Module) -> nn.Module:
    for name, part in module.named_children():
        if not isinstance(part, nn.Sequential):
            setattr(module, name, _folded(part))
            continue
        layers: list[nn.Module] = []
        for layer in part:
            if isinstance(layer, nn.BatchNorm2d) and layers and isinstance(layers[-1], nn.Conv2d):
                layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
            else:
                layers.append(layer)
        setattr(module, name, type(part)(*layers))
    return module

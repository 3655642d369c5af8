"""How a network's numbers lie in memory while it trains, and that its gradients are right like that on the machine at hand."""

import pytest
import torch
from torch import nn

from pyramidcolor.devices import has_fast_bf16, training_layout
from pyramidcolor.models import LowScaleNet

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("channels", "dilation", "layout"),
    [
        (41, 1, torch.channels_last),
        (48, 2, torch.channels_last),
        (41, 2, torch.contiguous_format),
        (24, (1, 3), torch.contiguous_format),
    ],
)
def test_one_unsafe_convolution_decides(channels, dilation, layout):
    network = nn.Sequential(
        nn.Conv2d(1, channels, 3), nn.ModuleList([nn.Conv2d(channels, 8, 3, dilation=dilation)])
    )
    assert training_layout(network) == layout


def test_stage_one_is_safe_as_it_comes_and_where_its_widths_are_odd():
    assert training_layout(LowScaleNet(dilations=(1, *(2,) * 11))) == torch.channels_last
    assert (
        training_layout(LowScaleNet(widths=(20,) * 11, dilations=(1, *(2,) * 11))) == torch.contiguous_format
    )


@pytest.mark.skipif(not has_fast_bf16(CPU), reason="no bf16 units here")
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3, 24, 33, 41, 48, 64])
def test_gradients_in_bf16_are_those_of_fp32(channels, dilation):
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, 32, 3, padding=dilation, dilation=dilation)
    layout = training_layout(layer)
    layer = layer.to(memory_format=layout)
    pictures = torch.randn(8, channels, 32, 32).contiguous(memory_format=layout)
    wanted = torch.randn(8, 32, 32, 32).contiguous(memory_format=layout)
    gradients = {}
    for enabled in (False, True):
        layer.zero_grad()
        # Memory that is handed out next is full of what no gradient may contain.
        poison = [torch.full((1 << power,), torch.nan) for power in range(10, 21) for _ in range(6)]
        del poison
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            answers = layer(pictures)
        answers.backward(wanted.to(answers.dtype))
        gradients[enabled] = layer.weight.grad.clone()
    assert (gradients[True] - gradients[False]).norm() < 0.02 * gradients[False].norm()

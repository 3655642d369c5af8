"""The network on one photo: against Zhang 2016's published layout."""

from __future__ import annotations

import copy

import torch
from timing import Row, Sizes, interleaved, ratio
from torch import nn
from zhang import zhang_2016

from pyramidcolor.checkpoints import load_pretrained
from pyramidcolor.devices import choose_precision
from pyramidcolor.swift import swift_chroma


def rows(sizes: Sizes) -> list[Row]:
    """The rows of this subject."""
    side = sizes.network_side
    gray = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    best, theirs = load_pretrained(), zhang_2016().eval()
    ours = best.model
    alike = copy.deepcopy(theirs).to(memory_format=torch.channels_last)
    precision = choose_precision("auto", gray.device)

    @torch.inference_mode()
    def at_our_precision() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            alike(gray.contiguous(memory_format=torch.channels_last))

    @torch.inference_mode()
    def as_published() -> None:
        theirs(gray)

    measured = interleaved(
        {
            "ours": lambda: swift_chroma(ours, gray, precision),
            "ours, fp32": lambda: swift_chroma(ours, gray, "fp32", best.input_scales),
            "Zhang 2016, fp32 contiguous": as_published,
            f"Zhang 2016, {precision} channels_last": at_our_precision,
        },
        3 * sizes.rounds,
    )
    name = f"network, one {side}x{side} photo"
    goals = {"Zhang 2016, fp32 contiguous": 40, f"Zhang 2016, {precision} channels_last": 4}
    return [
        *(
            Row(
                f"{name}, {precision}",
                f"{peer}: times faster",
                ratio(measured, peer, "ours"),
                goal,
                seconds=measured,
            )
            for peer, goal in goals.items()
        ),
        Row(
            f"{name}, fp32",
            "Zhang 2016, fp32 contiguous: times faster",
            ratio(measured, "Zhang 2016, fp32 contiguous", "ours, fp32"),
            seconds=measured,
            note="what `colorize` does unless it is told otherwise",
        ),
        Row(
            "parameters",
            "Zhang 2016: times fewer",
            parameters(theirs) / parameters(ours),
            6,
            note=f"the network in all rows is `best`, then of {parameters(ours):,} numbers",
        ),
    ]


def parameters(network: nn.Module) -> int:
    """How many numbers a network has learned."""
    return sum(parameter.numel() for parameter in network.parameters())

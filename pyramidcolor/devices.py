"""Which numbers a processor is fast at: detected, never assumed."""

from __future__ import annotations

import torch
from torch import nn

PRECISIONS = ("auto", "fp32", "bf16")
"""What a caller may ask for; "auto" takes bf16 where the processor has units for it."""


def has_fast_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 in hardware: a GPU from Ampere on, or a CPU with AMX or AVX-512 bf16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # Not public, and absent from some builds of torch; then fp32 is the answer that is always right.
        probes = (
            getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        )
        return any(probe() for probe in probes if probe)
    return False


def choose_precision(asked: str, device: torch.device) -> str:
    """ "bf16" or "fp32" for a device.

    Args:
        asked: one of `PRECISIONS`.
        device: where the network runs.

    Raises:
        ValueError: if `asked` is none of them.
    """
    if asked not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {asked!r}")
    if asked == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    return asked


def training_layout(network: nn.Module) -> torch.memory_format:
    """How a network's numbers lie in memory while it trains: pixel by pixel, which processors are fast at, where that is safe.

    On a CPU with AVX-512 bf16 and no AMX, PyTorch's library for convolutions (oneDNN, as of torch 2.13) reads memory that nobody has
    written when it computes in bf16, pixel by pixel, the gradient of a dilated convolution's weights, if its input channels are no
    multiple of 16 and its pictures larger than 16 pixels: the gradient is wrong, or NaN. Channel by channel it is right.

    Args:
        network: all its convolutions are looked at.

    Returns:
        `torch.channels_last`, or `torch.contiguous_format` for a network with such a convolution.
    """
    convolutions = (part for part in network.modules() if isinstance(part, nn.Conv2d))
    unsafe = any(max(part.dilation) > 1 and part.in_channels % 16 for part in convolutions)
    return torch.contiguous_format if unsafe else torch.channels_last


def training_device() -> torch.device:
    """Where training runs: what Hugging Face accelerate finds, a GPU before the CPU."""
    from accelerate import Accelerator

    return Accelerator().device


def describe(device: torch.device) -> str:
    """A device in words: its kind, its threads or its name, and whether it has units for bf16."""
    units = "with bf16 units" if has_fast_bf16(device) else "without bf16 units"
    if device.type == "cuda":
        return f"a GPU, {torch.cuda.get_device_name(device)}, {units}"
    if device.type == "cpu":
        return f"the CPU, {torch.get_num_threads()} threads, {units}"
    return f"{device.type}, {units}"


def tells_of_full_memory(error: RuntimeError) -> bool:
    """Whether PyTorch raised an error because a GPU's memory or the machine's is full."""
    # The processor's allocator has no error of its own, and its words differ between systems.
    words = ("not enough memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)

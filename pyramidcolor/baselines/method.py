"""What all systems in this folder have in common: `fit` on photos, then `colorize` one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..colorspaces import ColorSpace
from ..inference import chroma_rows

Scribbles = tuple[Tensor, Tensor]
"""A mask `(H, W)` of bool, true where a color is given, and RGB `(3, H, W)` in [0, 1], which is read there and nowhere else."""


class Method(ABC):
    """One system that gives a gray photo color.

    Attributes:
        name: its key in `METHODS`, such as "zhang2016".
        title: its heading in a table, such as "Zhang, Isola, Efros 2016".
        year: of the publication.
        samples: whether different seeds give one photo different colors.
        needs: None, or what `colorize` must be given beside the photo: "scribbles" or "example".
        trains: whether `fit` learns anything; the systems of before 2012 do not.
    """

    name: str
    title: str
    year: int
    samples: bool = False
    needs: str | None = None
    trains: bool = True

    def fit(
        self,
        photos: Sequence[Tensor],
        *,
        steps: int,
        batch_size: int = 16,
        size: int = 64,
        seed: int = 0,
        labels: Sequence[int] | None = None,
        report: Callable[[int, float], object] | None = None,
    ) -> Self:
        """Train from scratch; whatever was learned before is forgotten.

        Args:
            photos: a data set: `len()`, and `[index]` gives RGB `(3, H, W)` in [0, 1].
            steps: steps of the optimizer, 1 or more.
            batch_size: photos a step.
            size: side of the training views in pixels, a multiple of 16. `colorize` looks at photos at this area too.
            seed: of the weights, the order of photos, the views and all noise. The same seed, photos and threads give the
                same weights; torch's global generator is left as it was.
            labels: for each photo the number of its kind, from 0, such as `scenes.scene(index).kind`; read by
                "iizuka2016" alone.
            report: called with a step, from 1, and the loss there. How often is the method's own affair.

        Returns:
            The method itself.

        Raises:
            ValueError: if an argument is out of range or there are fewer photos than a batch holds.
        """
        for step, loss in self.steps_of(
            photos, steps=steps, batch_size=batch_size, size=size, seed=seed, labels=labels
        ):
            if report is not None:
                report(step, loss)
        return self

    @abstractmethod
    def steps_of(
        self,
        photos: Sequence[Tensor],
        *,
        steps: int,
        batch_size: int = 16,
        size: int = 64,
        seed: int = 0,
        labels: Sequence[int] | None = None,
    ) -> Iterator[tuple[int, float]]:
        """The training of `fit` as a loop to follow: it goes on only while the caller asks for more.

        Between two steps the method may colorize. A method that does not train yields nothing.

        Yields:
            A step, from 1, and the loss there (where one item stands for several steps, the last of them and their mean
            loss). The last item is the last step.
        """

    @abstractmethod
    def colorize(self, photo: Tensor, *, seed: int = 0, hint: Scribbles | Tensor | None = None) -> Tensor:
        """A photo in color, with its own gray.

        Args:
            photo: `(3, H, W)` in [0, 1], of any size; only the gray of the method's own color space is read.
            seed: of the colors, where the method samples.
            hint: what `needs` names: `Scribbles` of the photo's size, or an example, another photo `(3, h, w)` in color.

        Returns:
            `(3, H, W)` in [0, 1], on the CPU. Its gray is the photo's, up to what RGB can show.

        Raises:
            ValueError: if the photo's shape is wrong, or the hint is missing or of the wrong kind.
            RuntimeError: if the method must be trained and was not.
        """

    @property
    def parameters(self) -> int:
        """How many numbers `fit` learns."""
        return 0

    def multiplications(self, size: int = 64) -> int:
        """Multiplications of one training step, forward and backward, for one photo; so that methods can be given the same.

        Convolutions and matrix products, as torch counts them; where phases differ, their mean.

        Args:
            size: side of the training views in pixels.
        """
        return 0


class UntrainedMethod(Method):
    """A method that learns nothing: `fit` returns at once, whatever it is given."""

    trains = False

    def steps_of(
        self,
        photos: Sequence[Tensor],
        *,
        steps: int,
        batch_size: int = 16,
        size: int = 64,
        seed: int = 0,
        labels: Sequence[int] | None = None,
    ) -> Iterator[tuple[int, float]]:
        """Nothing."""
        return iter(())


def check_photo(photo: Tensor, name: str = "photo") -> None:
    """Raise ValueError, naming `name`, unless `photo` is a tensor `(3, H, W)` of values in [0, 1]."""
    if photo.ndim != 3 or photo.shape[0] != 3 or not photo.numel():
        raise ValueError(f"{name} must have the shape (3, H, W), got {tuple(photo.shape)}")
    low, high = photo.min().item(), photo.max().item()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name} must have values in [0, 1], got values from {low:g} to {high:g}")


def painted(photo: Tensor, chroma: Tensor, space: ColorSpace) -> Tensor:
    """A photo's own gray with chroma of another size, enlarged as `inference.colorize` does.

    Args:
        photo: `(3, H, W)` in [0, 1].
        chroma: `(C, h, w)` in [-1, 1].
        space: what the chroma means.

    Returns:
        `(3, H, W)` in [0, 1].
    """
    gray = space.gray(photo)
    return space.decode(gray, chroma_rows(chroma, gray, space)(0, gray.shape[-2]))


def random_scribbles(photo: Tensor, count: int = 20, seed: int = 0, radius: int = 1) -> Scribbles:
    """Dots of a photo's true color in random places, as a person with much patience would pin them.

    Args:
        photo: `(3, H, W)` in [0, 1], the true one.
        count: how many dots.
        seed: of the places.
        radius: a dot is a square of 2 radius + 1 pixels, cut off at the rim.

    Returns:
        The mask `(H, W)` and the photo itself, `(3, H, W)`, as `Scribbles`.
    """
    height, width = photo.shape[-2:]
    rng = np.random.default_rng(seed)
    mask = torch.zeros(height, width, dtype=torch.bool)
    for row, column in zip(rng.integers(height, size=count), rng.integers(width, size=count), strict=True):
        mask[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1] = True
    return mask, photo

"""The training loop that all systems with a network of their own share: Adam, one cycle, random views, bf16 where it is fast.

So a difference between two of them is one of network and loss, not of how often or how carefully they were trained.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..batches import BatchReader
from ..colorspaces import ColorSpace
from ..devices import choose_precision, training_device, training_layout
from ..images import resize
from ..inference import working_shape
from ..training import one_cycle
from .method import Method, Scribbles, check_photo, painted


class LearnedMethod(Method):
    """A method with a network: a subclass says how to build it, what its loss is and how it answers.

    Attributes:
        network: all that is learned.
        color_space: what the network reads and what its chroma means.
        multiple: what the sides of the network's picture must be divisible by.
        learning_rate: Adam's peak.
    """

    color_space: ColorSpace
    multiple: int = 8
    learning_rate: float = 1e-3

    def __init__(self):
        self.network = self._built(0)
        self.working_size: int | None = None

    @abstractmethod
    def build(self) -> nn.Module:
        """A new network with random weights, drawn from torch's global generator."""

    @abstractmethod
    def loss(self, gray: Tensor, chroma: Tensor, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """What a step makes smaller: a scalar.

        Args:
            gray: `(B, 1, H, W)` in [-1, 1].
            chroma: the truth, `(B, C, H, W)` in [-1, 1].
            labels: `(B,)` int64, or None.
            noise: a generator on the CPU, for whatever is random.
        """

    @abstractmethod
    def predict(self, gray: Tensor, noise: torch.Generator) -> Tensor:
        """Chroma `(B, C, h, w)` in [-1, 1] for gray `(B, 1, H, W)`; h and w may be smaller."""

    def prepare(self, photos: Sequence[Tensor], labels: Sequence[int] | None, seed: int) -> None:
        """Look at the training photos before the network is built; nothing by default."""

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Those that `learn` steps; one Adam for the whole network by default."""
        return [torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)]

    def learn(
        self,
        optimizers: list[torch.optim.Optimizer],
        gray: Tensor,
        chroma: Tensor,
        labels: Tensor | None,
        noise: torch.Generator,
    ) -> Tensor:
        """One step of training; returns the loss before it. Arguments as `loss`."""
        loss = self.loss(gray, chroma, labels, noise)
        descend(optimizers[0], loss)
        return loss.detach()

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
        """As in `Method`, an item a step."""
        self._check(photos, steps, size, labels)
        device = training_device()
        precision = choose_precision("auto", device)
        self.prepare(photos, labels, seed)
        network = self._built(seed)
        layout = training_layout(network)
        self.network = network.to(device, memory_format=layout)
        self.working_size = size
        optimizers, noise = self.optimizers(), torch.Generator().manual_seed(seed)
        peaks = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
        reader = BatchReader(photos, size, batch_size, seed=seed, epoch=0, epoch_photos=steps * batch_size)
        for step, (rgb, chosen) in enumerate(zip(reader, reader.chosen, strict=True), start=1):
            for optimizer, peak in zip(optimizers, peaks, strict=True):
                optimizer.param_groups[0]["lr"] = peak * one_cycle((step - 0.5) / steps)
            kinds = None if labels is None else torch.tensor([labels[int(place)] for place in chosen])
            self.network.train()
            # Encoding stays in full precision, as in `objective`.
            gray, chroma = self.color_space.encode(rgb.to(device))
            gray = gray.contiguous(memory_format=layout)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                loss = self.learn(
                    optimizers, gray, chroma, None if kinds is None else kinds.to(device), noise
                )
            yield step, loss.item()

    @torch.no_grad()
    def colorize(self, photo: Tensor, *, seed: int = 0, hint: Scribbles | Tensor | None = None) -> Tensor:
        check_photo(photo)
        if self.working_size is None:
            raise RuntimeError(f"{self.name} has not been trained: call fit first")
        self.network.eval()
        gray = self.color_space.gray(photo)[None]
        small = resize(gray, working_shape(photo.shape[-2:], self.working_size, self.multiple))
        device = next(self.network.parameters()).device
        chroma = self.predict(small.to(device), torch.Generator().manual_seed(seed))
        return painted(photo, chroma[0].float().cpu(), self.color_space)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def multiplications(self, size: int = 64) -> int:
        trial, photos = copy.copy(self), 2  # batch norm needs two
        trial.network = self._built(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            gray, chroma = self.color_space.encode(torch.rand(photos, 3, size, size))
        labels = torch.zeros(photos, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter:
            trial.learn(trial.optimizers(), gray, chroma, labels, torch.Generator().manual_seed(0))
        return counter.get_total_flops() // 2 // photos

    def _built(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build()

    def _check(self, photos: Sequence[Tensor], steps: int, size: int, labels: Sequence[int] | None) -> None:
        if not len(photos):
            raise ValueError("photos must hold at least one photo")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if size < self.multiple or size % self.multiple:
            raise ValueError(f"size must be a multiple of {self.multiple} for {self.name}, got {size}")
        if labels is not None and len(labels) != len(photos):
            raise ValueError(f"labels must be one for each of the {len(photos)} photos, got {len(labels)}")


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of an optimizer down a loss, a scalar tensor `()`."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()

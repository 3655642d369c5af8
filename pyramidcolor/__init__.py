"""Colorize gray photos with a two-stage pyramid network, and learn how it works.

After Kuo, Wei and You, "Chroma Component Generation of Gray Images Using Multi-Scale Convolutional Neural Network" (2020).

- `color`, `colorspaces`: RGB to HSV, Lab and YUV; gray and chroma as a network sees them
- `losses`: the wrapped hue loss (Eq. 2) and the chroma loss (Eq. 1)
- `models`: stage one, stage two, and the two joined
- `images`, `photos`, `datasets`, `splits`, `dataset_check`, `scenes`, `batches`: from files and drawn scenes to batches
- `recipes`, `objective`, `training`, `evaluation`, `metrics`: three phases, and how well they went
- `space_comparison`: one network in several color spaces, over seeds
- `baselines`: small versions of the systems that the paper compares with or cites
- `comparison`, `comparison_results`, `comparison_views`: those and the pyramid, trained for the same compute, and their table
- `checkpoints`, `inference`, `hints`: weights files, color for photos of any size, and a reader's own colors in them
- `bands`, `pixels`, `swift`, `resident`: the fast ways of a processor and of a GPU, each held by a test to its slow twin
- `plotting`, `widgets`, `exercises`, `budgets`, `notebooks`, `workers`: what the notebooks stand on
- `shipped`: where the notebooks and the stored results lie that come with the package
- `jobs`: the long jobs behind the command line, `python -m pyramidcolor --help`
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoints import load_pretrained as load_pretrained
    from .inference import colorize as colorize

__version__ = "0.1.0"
__all__ = ["__version__", "colorize", "load_pretrained"]

_HOMES = {"colorize": "inference", "load_pretrained": "checkpoints"}


def __getattr__(name: str) -> Any:
    # Torch takes seconds to import; a caller that only asks for the version should not wait for it.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

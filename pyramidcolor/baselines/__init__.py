"""Small teaching versions of the systems that the paper compares with or cites, one file each, all with `fit` and `colorize`.

`METHODS` makes each by its name; `Method` says what all of them can be asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..recipes import RECIPES
from .method import Method as Method
from .method import random_scribbles as random_scribbles
from .pyramid import Pyramid

METHODS: dict[str, Callable[[], Method]] = {
    **{f"pyramid-{name}": partial(Pyramid, name) for name in RECIPES},
}
"""Every system by its name; a call without arguments makes one at its teaching size, untrained."""

"""Small teaching versions of the systems that the paper compares with or cites, one file each, all with `fit` and `colorize`.

`METHODS` makes each by its name; `Method` says what all of them can be asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..recipes import RECIPES
from .cao2017 import Cao2017
from .iizuka2016 import Iizuka2016
from .levin2004 import Levin2004
from .method import Method as Method
from .method import random_scribbles as random_scribbles
from .pixcolor2017 import PixColor2017
from .pyramid import Pyramid
from .unet_lab import UNetLab
from .welsh2002 import Welsh2002
from .zhang2016 import Zhang2016

METHODS: dict[str, Callable[[], Method]] = {
    **{f"pyramid-{name}": partial(Pyramid, name) for name in RECIPES},
    "unet-lab": UNetLab,
    "zhang2016": Zhang2016,
    "iizuka2016": Iizuka2016,
    "pixcolor2017": PixColor2017,
    "cao2017": Cao2017,
    "levin2004": Levin2004,
    "welsh2002": Welsh2002,
}
"""Every system by its name; a call without arguments makes one at its teaching size, untrained."""

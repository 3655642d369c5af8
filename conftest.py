"""Settings of every test run, and the two things that nbval lets pass: other pictures, and cells that were never run."""

import base64
import io
import os

import numpy as np
import pytest
from nbval.plugin import IPyNbCell
from PIL import Image

os.environ["PYRAMIDCOLOR_QUIET"] = "1"  # a progress bar would not be the same twice
os.environ["MPLBACKEND"] = "Agg"  # no test opens a window
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # else every worker takes all cores

BLOCK = 8  # pixels; smaller differences than a block's mean shows, such as smoothed edges, do not count
BLOCK_TOLERANCE = 16  # of 255, in any channel
CHANGED_SHARE = 0.005  # of all blocks; two curves that differ along a whole axis take ten times as many


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Start nbval's kernels without a GPU, as the stored outputs were made, and with figures in the notebook."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "")
        environment.delenv("MPLBACKEND")
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a notebook cell that was stored without being run, or whose pictures are not the stored ones."""
    result = yield
    if isinstance(item, IPyNbCell):
        if item.cell.execution_count is None:
            item.raise_cell_error(
                "stored without having been run; `make refresh` runs it and stores its outputs"
            )
        if item.options["check"]:
            compare_pictures(item)
    return result


def compare_pictures(item):
    """Raise nbval's error unless the cell shows the stored pictures."""
    stored, shown = pictures(item.cell.outputs), pictures(item.test_outputs)
    sizes = [[picture.size for picture in some] for some in (stored, shown)]
    if sizes[0] != sizes[1]:
        item.raise_cell_error(f"pictures of sizes {sizes[0]} are stored, now they are {sizes[1]}")
    for number, pair in enumerate(zip(stored, shown, strict=True), 1):
        share = changed_share(*pair)
        if share > CHANGED_SHARE:
            item.raise_cell_error(f"picture {number} of {len(stored)} has changed on {share:.1%} of its area")


def pictures(outputs):
    """The PNG and JPEG pictures among a cell's outputs."""
    encoded = [
        output["data"][kind] for output in outputs for kind in _KINDS if kind in output.get("data", {})
    ]
    return [Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB") for picture in encoded]


def changed_share(one, other):
    """The share of blocks, in [0, 1], in which two RGB pictures of one size differ."""
    blocks = [np.asarray(picture.reduce(BLOCK), dtype=float) for picture in (one, other)]
    return (abs(blocks[0] - blocks[1]).max(-1) > BLOCK_TOLERANCE).mean()


_KINDS = ("image/png", "image/jpeg")

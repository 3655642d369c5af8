"""A photo's pixels by OpenCV against the color spaces' own formulas."""

import numpy as np
import pytest
import torch

from pyramidcolor import pixels
from pyramidcolor.colorspaces import COLOR_SPACES
from pyramidcolor.pixels import fill_pixels, gray_of_pixels

SHAPE = (60, 90)


@pytest.fixture(params=COLOR_SPACES)
def space(request):
    return COLOR_SPACES[request.param]


def gray_and_chroma(space):
    """Every number that a network can give, with undecided points, the seam and the ends of each channel."""
    generator = torch.Generator().manual_seed(0)
    gray, chroma = (
        2 * torch.rand(channels, *SHAPE, generator=generator) - 1 for channels in (1, space.chroma_channels)
    )
    gray[:, 0], gray[:, 1] = -1, 1
    chroma[:, :, 0], chroma[:, :, 1], chroma[:, :, 2] = -1, 1, 0
    chroma[:, :, 3] *= 1e-4
    return gray, chroma


def filled(kind, gray, chroma, space):
    result = np.zeros((*SHAPE, 3), kind)
    fill_pixels(result, gray, chroma, space)
    return result


# A hundredth of a degree is a 6,000th of the way from one channel's hue to the next.
@pytest.mark.parametrize(
    ("kind", "steps", "apart"), [("uint8", 255, 1), ("uint16", 65535, 12), ("f4", 1, 2e-4)]
)
def test_pixels_are_those_of_the_formulas(space, kind, steps, apart, monkeypatch):
    gray, chroma = gray_and_chroma(space)
    fast = filled(kind, gray, chroma, space).astype(float)
    monkeypatch.setattr(pixels, "opencv", lambda: None)
    slow = filled(kind, gray, chroma, space).astype(float)
    wanted = space.decode(gray, chroma).movedim(0, -1).numpy() * steps
    assert np.abs(slow - wanted).max() <= (0.501 if steps > 1 else 0)
    assert np.abs(fast - slow).max() <= apart
    assert np.mean(fast != slow) < 0.02 or kind != "uint8"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "f4"])
def test_gray_is_that_of_the_formulas(space, kind, channels, monkeypatch):
    scale = 1 if kind == "f4" else np.iinfo(kind).max
    photo = (np.random.default_rng(0).random((*SHAPE, channels)) * scale).astype(kind)
    fast = gray_of_pixels(photo, space)
    monkeypatch.setattr(pixels, "opencv", lambda: None)
    assert fast.equal(gray_of_pixels(photo, space))
    assert fast.shape == (1, *SHAPE)


@pytest.mark.parametrize("name", ["hsv", "hsv-point"])
def test_value_stays_to_the_last_step(name):
    space = COLOR_SPACES[name]
    _, chroma = gray_and_chroma(space)
    value = torch.arange(60 * 90).reshape(1, *SHAPE) % 256
    result = filled("uint8", 2 * (value / 255) - 1, chroma, space)
    assert np.array_equal(result.max(-1), value[0].numpy())

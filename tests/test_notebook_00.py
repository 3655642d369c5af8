"""The figures of `00_quickstart`, on chroma and photos whose panels can be worked out by hand."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from pyramidcolor.color import hsv_to_rgb
from pyramidcolor.colorspaces import HSV, HSV_POINT
from pyramidcolor.plotting import WIDTH, chroma_at_scales, hinted_photo, side_by_side

PHOTO = torch.rand(3, 16, 32, generator=torch.Generator().manual_seed(0))


def panel(figure, number):
    """The array behind a panel's picture, in [0, 1]."""
    return np.asarray(figure.axes[number].images[0].get_array(), dtype=float) / 255


def test_pictures_side_by_side_fill_the_width_and_say_their_titles():
    figure = side_by_side({"before": PHOTO, "after": 1 - PHOTO}, alt="Inverted.")
    assert figure.alt == "Inverted. Pictures: before; after."
    assert figure.get_size_inches()[0] == WIDTH
    widths = [axes.get_window_extent().width / 100 for axes in figure.axes if figure.canvas.draw() is None]
    assert widths == pytest.approx([WIDTH / 2] * 2, rel=0.1)
    np.testing.assert_allclose(panel(figure, 1), 1 - PHOTO.movedim(0, -1).numpy(), atol=0.003)


def test_no_pictures_side_by_side_are_an_error():
    with pytest.raises(ValueError, match="at least one picture"):
        side_by_side({})


def test_low_scale_chroma_stands_as_squares_of_its_own_color_at_full_value():
    low = torch.tensor([[[1 / 3, -2 / 3]], [[1.0, 0.0]]])  # vivid yellow and half-saturated blue
    full = torch.zeros(2, 16, 32)
    figure = chroma_at_scales(low, full, torch.zeros(1, 16, 32), HSV)
    squares = panel(figure, 0)
    assert squares[:, :16] == pytest.approx(np.broadcast_to([1, 1, 0], (16, 16, 3)), abs=0.003)
    assert squares[:, 16:] == pytest.approx(np.broadcast_to([0.5, 0.5, 1], (16, 16, 3)), abs=0.003)
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
    assert titles[:3] == ["chroma at 1/16", "chroma at 1/4", "chroma at full size"]
    assert titles[3] == "gray and chroma at 1/16"


def test_full_chroma_joined_with_its_gray_is_the_photo():
    gray, chroma = HSV.encode(PHOTO)
    figure = chroma_at_scales(chroma[:, ::16, ::16], chroma, gray, HSV)
    np.testing.assert_allclose(panel(figure, 5), PHOTO.movedim(0, -1).numpy(), atol=0.003)


@pytest.mark.parametrize("space", [HSV, HSV_POINT], ids=lambda space: space.name)
def test_chroma_shrunk_to_a_quarter_keeps_a_hue_at_the_seam(space):
    turns = 0.5 + 0.04 * (
        torch.arange(32) % 2 - 0.5
    )  # cyan, now on one side of the seam and now on the other
    cyan = hsv_to_rgb(torch.stack((turns, torch.ones(32), torch.ones(32)))[:, None].expand(3, 16, 32))
    gray, chroma = space.encode(cyan)
    shrunk = panel(chroma_at_scales(chroma[:, ::16, ::16], chroma, gray, space), 1)
    assert shrunk == pytest.approx(np.broadcast_to([0, 1, 1], shrunk.shape), abs=0.02)


def test_every_hint_is_marked_on_its_pixel_in_its_color():
    figure = hinted_photo(PHOTO, 1 - PHOTO, PHOTO[:1], [(0.25, 0.75, "teal"), (1.0, 0.0, "#ff0000")])
    marks = figure.axes[0].lines
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [(7.5, 11.5), (31.5, -0.5)]
    assert [to_rgba(mark.get_markerfacecolor()) for mark in marks] == [to_rgba("teal"), (1, 0, 0, 1)]
    assert "teal at (0.25, 0.75), #ff0000 at (1.00, 0.00)" in figure.alt

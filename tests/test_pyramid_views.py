"""Figures of stage two: the drawing says the real shapes, the maps the real numbers, the row its own colors."""

import re

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.features import FEATURES, pyramid_features
from pyramidcolor.plotting import WIDTH
from pyramidcolor.pyramid_views import feature_maps, pyramid_diagram, row_colors

GENERATOR = torch.Generator().manual_seed(0)
GRAY = 2 * torch.rand(1, 1, 32, 48, generator=GENERATOR) - 1


def features_of(scales="side", **pyramid):
    torch.manual_seed(0)
    low_scale_net = {"scales": scales, "widths": (4,) * 11}
    pyramid_net = {"scales": scales, "low_width": 6, "middle_width": 5, "full_width": 4, "depth": 1} | pyramid
    return pyramid_features(build_colorizer("hsv", low_scale_net, pyramid_net).model, GRAY)


FEATURES_OF_SIDE = features_of()
HALVES = torch.zeros(3, 8, 16)
HALVES[0, :, :8] = HALVES[2, 4:, 8:] = 1  # red at the left; at the right black, and blue below
FIGURES = {
    "pyramid_diagram": lambda: pyramid_diagram(FEATURES_OF_SIDE, residual=True),
    "feature_maps": lambda: feature_maps(FEATURES_OF_SIDE, "joined features"),
    "row_colors": lambda: row_colors({"a": HALVES, "b": HALVES.flip(-1)}),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_figure_has_words_and_the_width_of_a_notebook_and_draws_the_same_each_time(draw):
    figure = draw()
    assert figure.get_size_inches()[0] == WIDTH
    assert len(figure.alt.split()) > 8
    assert figure.alt.endswith(".")
    assert figure.png() == draw().png()


class TestTheDiagram:
    def texts(self, figure):
        return [text.get_text() for text in figure.axes[0].texts]

    def test_writes_into_each_box_the_shape_that_the_tensor_has(self):
        texts = self.texts(pyramid_diagram(FEATURES_OF_SIDE))
        boxes = [text.rsplit("\n", 1)[-1] for text in texts if re.search(r"\d × \d", text)]
        wanted = [
            "1 × 32 × 48",
            "1 × 8 × 12",
            "1 × 2 × 3",
            "2 × 2 × 3",
            "3 × 2 × 3",
            "3 × 8 × 12",
            "6 × 2 × 3",
        ]
        wanted += ["5 × 8 × 12", "11 × 8 × 12", "5 × 8 × 12", "5 × 32 × 48", "2 × 32 × 48"]
        assert boxes == wanted

    @pytest.mark.parametrize(("scales", "low", "middle"), [("side", 16, 4), ("area", 4, 2)])
    def test_names_the_scales_by_their_sides(self, scales, low, middle):
        said = " ".join(self.texts(pyramid_diagram(features_of(scales))))
        assert f"1/{low} of the side" in said
        assert f"1/{middle} of the side" in said
        assert "full size" in said

    def test_shows_the_correction_only_where_there_is_one(self):
        plain, corrected = (
            self.texts(pyramid_diagram(FEATURES_OF_SIDE, residual=one)) for one in (False, True)
        )
        assert [text for text in corrected if text not in plain] == ["enlarged, and corrected by stage two"]

    def test_leaves_out_the_box_that_a_network_does_not_have(self):
        counts = [
            len([patch for patch in pyramid_diagram(one).axes[0].patches if isinstance(patch, Rectangle)])
            for one in (FEATURES_OF_SIDE, features_of(full_gray=False))
        ]
        assert counts == [12, 11]

    def test_reaches_the_chroma_of_a_network_without_gray_at_full_size_too(self):
        texts = self.texts(pyramid_diagram(features_of(full_gray=False)))
        assert texts.count("deconvolve") == 2


class TestTheMaps:
    @pytest.mark.parametrize("name", FEATURES)
    def test_hold_every_number_of_a_tensor_once_or_enlarged(self, name):
        tiles = np.asarray(feature_maps(FEATURES_OF_SIDE, name).axes[1].images[0].get_array().filled(np.nan))
        found = np.unique(tiles[~np.isnan(tiles)])
        np.testing.assert_allclose(found, np.unique(FEATURES_OF_SIDE[name].numpy()))

    def test_stand_in_the_order_of_their_channels(self):
        maps = torch.arange(5.0)[None, :, None, None].expand(1, 5, 48, 48)
        tiles = feature_maps({"gray": GRAY, "x": maps}, "x").axes[1].images[0].get_array()
        assert tiles[0, 0] == 0
        assert tiles[0, 101] == 2
        assert tiles[51, 0] == 3

    def test_of_a_place_that_is_not_there_are_refused_with_those_that_are(self):
        with pytest.raises(ValueError, match=r"name must be one of gray, low chroma, .*, got 'middle'"):
            feature_maps(FEATURES_OF_SIDE, "middle")


class TestTheRow:
    def test_is_the_one_that_the_line_marks_with_its_saturation(self):
        figure = row_colors({"a": HALVES, "b": HALVES.flip(-1)}, row=0.2)
        _, curves, first, _ = figure.axes
        assert first.lines[0].get_ydata()[0] == 1
        np.testing.assert_allclose(curves.lines[0].get_ydata(), [1.0] * 8 + [0.0] * 8)
        np.testing.assert_allclose(curves.lines[1].get_ydata(), [0.0] * 8 + [1.0] * 8)

    def test_has_its_colors_at_full_value(self):
        dim = HALVES / 4
        strip = row_colors({"a": dim, "b": HALVES}, row=1.0).axes[0].images[0].get_array()
        np.testing.assert_allclose(strip[0, [0, 15]], [[1, 0, 0], [0, 0, 1]], atol=1e-6)

    @pytest.mark.parametrize(
        ("images", "row"),
        [({"a": HALVES}, 0.5), ({"a": HALVES, "b": HALVES[:, 1:]}, 0.5), ({"a": HALVES, "b": HALVES}, 1.5)],
    )
    def test_needs_two_pictures_of_one_shape_and_a_place_inside(self, images, row):
        with pytest.raises(ValueError, match="wanted 2 to 4 pictures of one shape"):
            row_colors(images, row)

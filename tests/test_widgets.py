"""Panels without a browser: every control is moved as the front end would, by setting its value."""

import base64
import io

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from pyramidcolor.plotting import DescribedFigure, hsv_planes
from pyramidcolor.widgets import PicturePanel, hsv_explorer, slider

PHOTO = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(0))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def drawing(seen):
    """A function to draw with that keeps the values it was called with, and fails for numbers above 5."""

    def draw(size, label):
        if size > 5:
            raise ValueError(f"size must be at most 5, got {size} <b>")
        seen.append((size, label))
        return DescribedFigure(f"{label} {size}.", height=size)

    return draw


@pytest.fixture
def seen():
    return []


@pytest.fixture
def panel(seen):
    return PicturePanel(
        drawing(seen),
        size=slider("Size", 1, 9, 1, 1),
        label=ipywidgets.Dropdown(options=["cat", "dog"], description="Label"),
    )


class TestPicturePanel:
    def test_draws_once_with_the_first_values(self, panel, seen):
        assert seen == [(1, "cat")]
        assert pixels(panel.picture.value).shape == (100, 600, 3)

    def test_draws_again_with_all_values_when_one_control_moves(self, panel, seen):
        panel.controls["size"].value = 3
        panel.controls["label"].value = "dog"
        assert seen == [(1, "cat"), (3, "cat"), (3, "dog")]
        assert pixels(panel.picture.value).shape == (300, 600, 3)
        assert panel.alt == "dog 3.0."

    def test_says_in_words_what_the_picture_shows(self, panel):
        panel.controls["size"].value = 3
        assert '<span role="status"' in panel.children[-1].value
        assert "cat 3.0." in panel.children[-1].value

    def test_gives_its_picture_no_tooltip_since_no_browser_would_then_show_it(self, panel):
        assert panel.picture.tooltip is None

    def test_shows_an_error_as_red_text_and_keeps_the_picture(self, panel):
        before = panel.picture.value
        panel.controls["size"].value = 7
        assert "ValueError: size must be at most 5, got 7.0" in panel.message.value
        assert 'role="alert"' in panel.message.value
        assert "color: #B00020" in panel.message.value
        assert panel.picture.value == before

    def test_shows_an_error_as_text_and_not_as_html(self, panel):
        panel.controls["size"].value = 7
        assert "&lt;b&gt;" in panel.message.value
        assert "<b>" not in panel.message.value

    def test_takes_the_error_away_once_a_picture_is_drawn(self, panel):
        panel.controls["size"].value = 7
        panel.controls["size"].value = 2
        assert panel.message.value == ""

    def test_raises_when_the_first_picture_cannot_be_drawn(self, seen):
        with pytest.raises(ValueError, match="at most 5"):
            PicturePanel(drawing(seen), size=slider("Size", 1, 9, 8, 1), label=ipywidgets.Text("cat"))

    def test_stands_as_its_picture_with_alt_text_where_no_widget_runs(self, panel):
        panel.controls["size"].value = 2
        data, metadata = panel._repr_mimebundle_()
        assert base64.b64decode(data["image/png"]) == panel.picture.value
        assert metadata["image/png"]["alt"] == "cat 2.0."
        assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id

    def test_reads_the_same_in_every_run(self, panel):
        assert (
            repr(panel) == panel._repr_mimebundle_()[0]["text/plain"] == "PicturePanel(size=1.0, label='cat')"
        )

    def test_puts_the_controls_before_the_message_and_the_picture(self, panel):
        assert panel.children[:-1] == (*panel.controls.values(), panel.message, panel.picture)


class TestHsvExplorer:
    def test_begins_with_the_static_figure(self):
        assert hsv_explorer(PHOTO).picture.value == hsv_planes(PHOTO).png()

    @pytest.mark.parametrize(
        ("name", "value"), [("hue_shift", 0.5), ("hue_shift", -1), ("saturation_gain", 0)]
    )
    def test_draws_what_its_function_draws_for_the_value_of_a_slider(self, name, value):
        panel = hsv_explorer(PHOTO)
        panel.controls[name].value = value
        assert panel.message.value == ""
        assert panel.picture.value == hsv_planes(PHOTO, **{name: value}).png()
        assert panel.picture.value != hsv_planes(PHOTO).png()

    def test_can_begin_elsewhere(self):
        panel = hsv_explorer(PHOTO, hue_shift=1.0, saturation_gain=0.5)
        assert repr(panel) == "PicturePanel(hue_shift=1.0, saturation_gain=0.5)"
        assert panel.picture.value == hsv_planes(PHOTO, 1.0, 0.5).png()

    def test_labels_every_slider_with_its_unit_and_draws_over_their_whole_range(self):
        panel = hsv_explorer(PHOTO)
        for control in panel.controls.values():
            assert "(" in control.description
            for value in (control.min, control.max):
                control.value = value
                assert panel.message.value == ""

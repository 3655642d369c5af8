"""Panels without a browser: every control is moved as the front end would, by setting its value."""

import base64
import io
from datetime import UTC, datetime

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.hints import Hint, HintedPhoto
from pyramidcolor.images import to_png
from pyramidcolor.inference import colorize
from pyramidcolor.plotting import (
    DescribedFigure,
    hinted_photo,
    hsv_planes,
    hue_losses,
    hue_pair,
    learned_chroma,
)
from pyramidcolor.widgets import (
    PicturePanel,
    hint_panel,
    hsv_explorer,
    hue_mixture_explorer,
    hue_pair_explorer,
    lambda_explorer,
    slider,
    upload_panel,
)

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
        words = panel.children[len(panel.controls) + 2]
        assert '<span role="status"' in words.value
        assert "cat 3.0." in words.value

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
            PicturePanel(
                drawing(seen),
                size=slider("Size", 1, 9, 8, 1),
                label=ipywidgets.Text("cat", description="Label"),
            )

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
        controls = tuple(panel.controls.values())
        assert panel.children[: len(controls) + 2] == (*controls, panel.message, panel.picture)

    def test_has_its_sliders_named_in_the_browser_and_only_those(self, panel):
        assert panel.children[-1].sliders == 1, "of two controls"
        without = PicturePanel(
            lambda label: DescribedFigure(label, height=1), label=ipywidgets.Text("cat", description="Label")
        )
        assert not [child for child in without.children if hasattr(child, "sliders")]


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


@pytest.fixture(scope="module")
def colorizer():
    torch.manual_seed(0)
    return build_colorizer("hsv-point")


def uploaded(name, content):
    """What the browser sends for one chosen file."""
    file = {"name": name, "type": "", "size": len(content), "content": memoryview(content)}
    return (file | {"last_modified": datetime.now(UTC)},)


class TestUploadPanel:
    def test_shows_the_given_photo_until_one_is_uploaded_and_then_that_one(self, colorizer):
        panel = upload_panel(PHOTO, colorizer)
        before = panel.picture.value
        tall = torch.rand(3, 900, 300, generator=torch.Generator().manual_seed(1))
        panel.controls["upload"].value = uploaded("tall.png", to_png(tall))
        assert panel.message.value == ""
        assert pixels(panel.picture.value).shape[0] > 2 * pixels(before).shape[0]

    def test_draws_again_with_another_saturation_and_gray_at_none(self, colorizer):
        panel = upload_panel(PHOTO, colorizer)
        before = panel.picture.value
        panel.controls["saturation"].value = 0
        assert panel.picture.value != before
        shown = pixels(panel.picture.value).astype(int)
        assert (shown.max(-1) - shown.min(-1)).max() == 0

    def test_names_an_uploaded_file_that_is_no_picture(self, colorizer):
        panel = upload_panel(PHOTO, colorizer)
        panel.controls["upload"].value = uploaded("notes.txt", b"no picture")
        assert "notes.txt is not a picture" in panel.message.value

    def test_saves_the_uploaded_photo_colorized_at_its_own_size_with_its_alpha(self, colorizer, monkeypatch):
        panel = upload_panel(PHOTO, colorizer, saturation=0.5)
        photo = Image.new("RGBA", (700, 40), (80, 90, 100, 77))
        buffer = io.BytesIO()
        photo.save(buffer, "png")
        panel.controls["upload"].value = uploaded("old.street.png", buffer.getvalue())
        sent = []
        monkeypatch.setattr(panel.download, "send", lambda message, buffers: sent.append((message, buffers)))
        panel.download._handle_custom_msg("make", [])
        ((message, (content,)),) = sent
        assert message == {"name": "old.street-color.png"}
        wanted = colorize(photo, colorizer, saturation=0.5)
        assert (pixels(content) == np.asarray(wanted)).all()
        assert panel.download.error == ""

    def test_says_beside_the_button_why_nothing_was_saved(self, colorizer, monkeypatch):
        panel = upload_panel(PHOTO, colorizer)
        panel.controls["upload"].value = uploaded("notes.txt", b"no picture")
        monkeypatch.setattr(panel.download, "send", lambda *_: pytest.fail("sent all the same"))
        panel.download._handle_custom_msg("make", [])
        assert "ValueError: notes.txt is not a picture" in panel.download.error


class TestHintPanel:
    @pytest.fixture
    def panel(self, colorizer):
        return hint_panel(PHOTO, colorizer, [Hint(0.25, 0.5, "teal")], working_size=16)

    def widgets_of(self, panel, kind):
        return [child for box in panel.children[1:3] for child in box.children if isinstance(child, kind)]

    def press(self, panel, text):
        (button,) = [
            button for button in self.widgets_of(panel, ipywidgets.Button) if button.description == text
        ]
        button.click()

    def test_begins_with_the_figure_of_its_hints(self, panel, colorizer):
        photo, hint = HintedPhoto(PHOTO, colorizer, working_size=16), Hint(0.25, 0.5, "teal")
        wanted = hinted_photo(
            photo.colorize(), photo.colorize([hint]), photo.influence([hint]), [(0.25, 0.5, "teal")]
        )
        assert panel.picture.value == wanted.png()
        assert "teal at (0.25, 0.50)" in panel.alt
        assert panel.controls["hints"].image == to_png(photo.colorize([hint]))

    def test_recolors_pad_and_figure_when_a_click_adds_a_hint(self, panel):
        pad, picture = panel.controls["hints"], panel.picture.value
        image = pad.image
        pad.value = [*pad.value, [0.9, 0.1, "#ff0000"]]
        assert panel.message.value == ""
        assert pad.image != image
        assert panel.picture.value != picture

    def test_pins_the_chosen_color_from_its_fields_without_a_mouse(self, panel):
        x, y = self.widgets_of(panel, ipywidgets.BoundedFloatText)
        (color,) = self.widgets_of(panel, ipywidgets.ColorPicker)
        x.value, y.value, color.value = 0.75, 0.1, "#ff8000"
        self.press(panel, "Pin the color")
        assert panel.controls["hints"].value == [[0.25, 0.5, "teal"], [0.75, 0.1, "#ff8000"]]
        assert "#ff8000 at (0.75, 0.10)" in panel.alt
        self.press(panel, "Undo")
        assert panel.controls["hints"].value == [[0.25, 0.5, "teal"]]
        self.press(panel, "Remove all")
        assert panel.controls["hints"].value == []
        assert "hints: none" in panel.alt

    def test_gives_clicks_the_color_of_the_picker_in_the_browser(self, panel):
        (color,) = self.widgets_of(panel, ipywidgets.ColorPicker)
        assert color.link.source == (color, "value")
        assert color.link.target == (panel.controls["hints"], "color")

    def test_shows_a_hint_that_cannot_be_pinned_as_an_error(self, panel):
        panel.controls["hints"].value = [[0.5, 1.5, "red"]]
        assert "y must lie in [0, 1], got 1.5" in panel.message.value

    def test_stands_as_its_picture_where_no_widget_runs_and_reads_the_same_in_every_run(self, panel):
        data, _ = panel._repr_mimebundle_()
        assert base64.b64decode(data["image/png"]) == panel.picture.value
        assert data["text/plain"] == "PicturePanel(hints=[[0.25, 0.5, 'teal']])"


class TestHuePairExplorer:
    def test_begins_with_the_static_figure_and_follows_both_hues(self):
        panel = hue_pair_explorer(predicted=-0.9, target=0.9)
        assert panel.picture.value == hue_pair(-0.9, 0.9).png()
        panel.controls["predicted"].value = 0.5
        panel.controls["target"].value = -0.25
        assert panel.message.value == ""
        assert panel.picture.value == hue_pair(0.5, -0.25).png()


class TestHueMixtureExplorer:
    def test_shows_the_losses_of_both_hues_in_their_shares(self):
        panel = hue_mixture_explorer(-0.8, 0.2)
        figure = hue_losses({"first": (-0.8, 0.5), "second": (0.2, 0.5)}, point=True)
        assert panel.picture.value == figure.png()
        panel.controls["share"].value = 0.8
        panel.controls["second"].value = 0.6
        figure = hue_losses({"first": (-0.8, 0.8), "second": (0.6, 0.2)}, point=True)
        assert panel.picture.value == figure.png()


class TestLambdaExplorer:
    def test_shows_what_the_networks_of_the_chosen_lambda_learned(self):
        gray, learned = torch.linspace(0, 1, 9), {0.25: torch.zeros(3, 2, 9), 4.0: torch.full((3, 2, 9), 0.5)}
        truth = torch.full((2, 9), 0.5)
        panel = lambda_explorer(gray, truth, learned, hue_factor=0.25)
        assert panel.picture.value == learned_chroma(gray, truth, learned[0.25]).png()
        panel.controls["hue_factor"].value = 4.0
        assert panel.message.value == ""
        assert panel.picture.value == learned_chroma(gray, truth, learned[4.0]).png()
        assert [label for label, _ in panel.controls["hue_factor"].options] == ["0.25", "4"]


@pytest.mark.parametrize(
    "panel", [hue_pair_explorer(), hue_mixture_explorer(-0.8, 0.2)], ids=["pair", "mixture"]
)
def test_the_panels_of_hues_draw_over_the_whole_range_of_every_slider(panel):
    for control in panel.controls.values():
        for value in (control.min, control.max):
            control.value = value
            assert panel.message.value == ""

"""What a reader does in the first notebook: color a photo of their own, save it, and pin colors on it."""

import base64
import io

import numpy as np
import pytest
from lab import ANSWER, pixels
from PIL import Image

from pyramidcolor.images import to_image
from pyramidcolor.scenes import SyntheticScenes

NOTEBOOK = "00_quickstart"


def spread(picture):
    """How far each pixel of an array `(H, W, 3)` is from gray, in 0 to 255."""
    return picture.max(-1) - picture.min(-1)


class TestYourOwnPhoto:
    @pytest.fixture
    def panel(self, notebook):
        return notebook.panel("upload_panel(")

    def test_the_slider_takes_all_color_away_and_gives_it_back(self, panel):
        with panel.redrawn():
            panel.slider("Saturation gain").press("Home")
        assert spread(panel.pixels()).max() == 0
        with panel.redrawn():
            panel.slider("Saturation gain").press("End")
        assert spread(panel.pixels()).max() > 100

    def test_an_uploaded_gray_photo_is_colorized_and_saved_at_its_own_size(self, panel, page):
        photo = to_image(SyntheticScenes(1, 240, seed=3)[0]).convert("L").crop((0, 0, 240, 160))
        file = io.BytesIO()
        photo.save(file, "jpeg", quality=95)
        with panel.redrawn():
            with page.expect_file_chooser(timeout=ANSWER) as chooser:
                panel.output.get_by_role("button", name="Choose a photo").click()
            chooser.value.set_files(
                {"name": "old street.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
            )
        gray, colored = np.array_split(panel.pixels(), 2, axis=1)
        assert spread(gray).max() == 0
        assert spread(colored).max() > 20

        with page.expect_download(timeout=ANSWER) as download:
            panel.output.get_by_role("button", name="Save the colorized photo").click()
        assert download.value.suggested_filename == "old street-color.png"
        saved = pixels(download.value.path().read_bytes())
        assert saved.shape == (160, 240, 3)
        assert spread(saved).max() > 20
        uploaded = np.asarray(Image.open(file), dtype=int)
        assert abs(saved.max(-1) - uploaded).max() <= 1, "the photo keeps its own brightness"


class TestPinningColors:
    @pytest.fixture
    def panel(self, notebook):
        return notebook.panel("hint_panel(")

    @pytest.fixture
    def pad(self, panel):
        return panel.output.get_by_role("img", name="a click pins the color")

    def seen(self, pad):
        """What stands on the pad, `(H, W, 3)` in 0 to 255."""
        return pixels(base64.b64decode(pad.evaluate("canvas => canvas.toDataURL().split(',')[1]")))

    def test_a_click_pins_the_chosen_color_and_recolors_the_photo_around_it(self, panel, pad, page):
        panel.output.locator("input[type=color]").fill("#ff00ff")
        before, box = self.seen(pad), pad.bounding_box()
        with panel.redrawn():
            pad.click(position={"x": 0.2 * box["width"], "y": 0.75 * box["height"]})
        after = self.seen(pad)
        height, width = after.shape[:2]
        row, column = round(0.75 * height), round(0.2 * width)
        assert after[row, column].tolist() == [255, 0, 255], "a dot in the pinned color"
        around = np.s_[row + width // 40 : row + width // 20, column - width // 20 : column + width // 20]
        assert abs(after[around] - before[around]).max() > 20, "more than the dot has changed"
        with panel.redrawn():
            panel.output.get_by_role("button", name="Undo").click()
        assert np.array_equal(self.seen(pad), before)

    def test_the_fields_pin_a_color_without_a_mouse(self, panel, pad):
        with panel.redrawn():
            panel.output.get_by_role("button", name="Remove all").press("Enter")
        for label, value in {"x, 0 to 1": "0.9", "y, 0 to 1": "0.1"}.items():
            panel.output.get_by_label(label).fill(value)
            panel.output.get_by_label(label).press("Tab")
        with panel.redrawn():
            panel.output.get_by_role("button", name="Pin the color").press("Enter")
        height, width = self.seen(pad).shape[:2]
        assert self.seen(pad)[round(0.1 * height), round(0.9 * width)].tolist() == [255, 0, 255]

"""What readers need who see no pictures, few colors, or use no mouse: alt text, curves that can be told apart, labels."""

import html
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pytest
import skimage.color
import torch
from matplotlib.colors import to_rgb

from pyramidcolor import plotting
from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.notebooks import _write_page
from pyramidcolor.widgets import (
    DownloadButton,
    HintPad,
    PicturePanel,
    cost_explorer,
    hint_panel,
    hsv_explorer,
    hue_mixture_explorer,
    hue_pair_explorer,
    upload_panel,
)

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [
    path for path in sorted((ROOT / "notebooks").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
]
PHOTO = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


def stored_pictures(path):
    """The alt text of every picture among the outputs of a notebook; empty where there is none."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    yield output.metadata.get(kind, {}).get("alt", "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_picture_in_a_notebook_has_alt_text_that_says_more_than_that_it_is_one(path):
    for alt in stored_pictures(path):
        assert len(alt.split()) >= 5, (
            alt or "a picture without alt text: show figures of `plotting`, by the last line of a cell"
        )
        assert alt.endswith("."), alt


def test_a_page_gives_every_picture_its_own_alt_text(tmp_path):
    figure = plotting.pictures({"left": PHOTO}, alt='A "small" photo & nothing else.')
    data, metadata = figure._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("figure", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "one.ipynb")
    _write_page(tmp_path / "one.ipynb", tmp_path / "one.html")
    found = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: tag == "img" and found.append(dict(attributes)["alt"])
    reader.feed((tmp_path / "one.html").read_text(encoding="utf-8"))
    assert found == [figure.alt] == ['A "small" photo & nothing else. Pictures: left.']


# Curves

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency", 2009: their
# matrices for linear RGB at full severity.
SEEN_BY = {
    "normal vision": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(color, matrix):
    seen = (matrix @ linear(color)).clip(0, 1)
    rgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return skimage.color.rgb2lab(rgb)


@pytest.fixture(scope="module")
def lines():
    """The four lines of a figure with as many curves as one may have."""
    x = torch.linspace(0, 1, 3)
    many = {name: x * number for number, name in enumerate("abcd")}
    return plotting.curves(x, many, x_label="x", y_label="y", alt="Four.").axes[0].lines


@pytest.mark.parametrize("matrix", SEEN_BY.values(), ids=SEEN_BY)
def test_curves_can_be_told_apart_by_color_with_any_color_vision(lines, matrix):
    for one, other in itertools.combinations([line.get_color() for line in lines], 2):
        # 2.3 is just noticeable side by side; lines are thin and apart.
        assert np.linalg.norm(lab(one, matrix) - lab(other, matrix)) > 15, (one, other)


def test_curves_can_be_told_apart_without_any_color_and_stand_out_from_the_page(lines):
    assert len({line.get_linestyle() for line in lines}) == len(lines) == 4
    for line in lines:
        luminance = linear(line.get_color()) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) >= 3, "WCAG 2.2, 1.4.11: graphics need a contrast of 3 to 1"


# Widgets


@pytest.fixture(scope="module")
def panels():
    torch.manual_seed(0)
    colorizer = build_colorizer("hsv-point")
    return [
        hsv_explorer(PHOTO),
        hue_pair_explorer(),
        hue_mixture_explorer(-0.8, 0.2),
        cost_explorer(1_000_000, 10, 100),
        upload_panel(PHOTO, colorizer),
        hint_panel(PHOTO, colorizer, working_size=16),
    ]


def inside(box):
    """All that a panel shows, however deep."""
    for child in box.children:
        yield child
        if isinstance(child, ipywidgets.Box):
            yield from inside(child)


def test_everything_that_takes_a_value_or_a_click_has_a_label(panels):
    for panel in panels:
        for widget in inside(panel):
            takes = isinstance(widget, ipywidgets.ValueWidget | ipywidgets.Button)
            if takes and not isinstance(widget, ipywidgets.HTML | ipywidgets.Image):
                assert widget.description, f"{widget!r} in {panel!r}"


def test_what_can_be_done_with_a_mouse_alone_can_be_done_otherwise_too(panels):
    pad = next(widget for widget in inside(panels[-1]) if isinstance(widget, HintPad))
    fields = {
        widget.description: widget for widget in inside(panels[-1]) if getattr(widget, "description", "")
    }
    fields["x, 0 to 1"].value, fields["y, 0 to 1"].value = 0.25, 0.75
    fields["Pin the color"].click()
    assert pad.value == [[0.25, 0.75, fields["Color"].value]]


@pytest.mark.parametrize("widget", [HintPad, DownloadButton])
def test_our_own_widgets_say_what_they_are_in_the_browser(widget):
    source = str(widget._esm)
    assert 'createElement("button")' in source or re.search(
        r'setAttribute\("aria-label", "[^"]{20,}"\)', source
    )


def test_a_panel_holds_its_alt_text_for_screen_readers(panels):
    for panel in panels:
        assert panel.words in panel.children
        assert html.unescape(re.sub(r"<[^>]*>", "", panel.words.value)) == panel.alt


def test_a_control_without_a_label_is_refused():
    def draw(size):
        return plotting.DescribedFigure(f"{size}.", height=1)

    with pytest.raises(ValueError, match="give a description to size"):
        PicturePanel(draw, size=ipywidgets.IntSlider(3))

"""The panels of notebook 02 in the browser."""

import pytest

NOTEBOOK = "02_hue_loss"
PARAMETERS = {"BUDGET": "smoke"}  # its panels depend on none


@pytest.mark.parametrize(
    ("panel", "label"),
    [
        ("hue_pair_explorer(", "Predicted hue"),
        ("hue_pair_explorer(", "True hue"),
        ("hue_mixture_explorer(", "Share of the first hue"),
        ("hue_mixture_explorer(", "Second hue"),
    ],
)
def test_a_slider_moves_the_picture(notebook, panel, label):
    panel = notebook.panel(panel)
    with panel.redrawn():
        panel.slider(label).press("ArrowRight")

"""The sliders of notebook 03 in the browser: steps of a list, and whole numbers."""

import pytest

NOTEBOOK = "03_data_prep"
PARAMETERS = {"BUDGET": "smoke"}


@pytest.mark.parametrize(
    ("panel", "label"),
    [("scale_explorer(", "Gray (of full size)"), ("object_size_explorer(", "Scene (its seed)")],
)
def test_a_slider_moves_the_picture(notebook, panel, label):
    panel = notebook.panel(panel)
    with panel.redrawn():
        panel.slider(label).press("ArrowLeft")

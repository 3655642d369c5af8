"""The panels of notebook 07 in the browser: dots that follow their slider, and a ranking made with the keyboard alone."""

from pathlib import Path

from lab import ANSWER

NOTEBOOK = "07_method_comparison"
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "methods-photos.json"
PARAMETERS = {"BUDGET": "smoke", "RESULTS": RESULTS.as_posix()}


def test_the_slider_of_the_dots_moves_the_picture(notebook):
    panel = notebook.panel("dots_explorer(")
    with panel.redrawn():
        panel.slider("Dots of true color").press("ArrowRight")


def test_a_ranking_is_made_and_revealed_without_a_mouse(notebook):
    panel = notebook.panel("ranking_panel(")
    panel.output.get_by_role("button", name="B", exact=True).press("Enter", timeout=ANSWER)
    with panel.redrawn():
        panel.output.get_by_role("button", name="Move up").press("Enter")
    with panel.redrawn():
        panel.output.get_by_role("button", name="Tell the names").press("Enter")

"""What notebook 08 needs: curves with their spread, a ball to enlarge, and the judge of the V of a scanned color."""

import numpy as np
import pytest
import torch

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.colorspaces import luminance_gray
from pyramidcolor.exercises import check_value_from_luminance
from pyramidcolor.failures import ball_meadow, painted_ball
from pyramidcolor.inference import colorize_by_stage
from pyramidcolor.metrics import hue_errors
from pyramidcolor.plotting import curves, pure_colors, spread_curves
from pyramidcolor.scenes import CLASSES
from pyramidcolor.widgets import ball_size_explorer


@pytest.fixture(scope="module")
def colorizer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        colorizer = build_colorizer(
            "hsv", {"widths": (8,) * 11, "scales": "side"}, {"scales": "side", "low_width": 8}
        )
    colorizer.model.eval()
    return colorizer


class TestSpreadCurves:
    X = torch.tensor([4, 8, 16])
    SAMPLES = torch.tensor([[0.0, 10, 50], [2, 20, 60], [4, 30, 70], [6, 40, 80], [8, 50, 90]])

    def draw(self, count=1):
        samples = {f"line {number}": self.SAMPLES for number in range(count)}
        return spread_curves(self.X, samples, x_label="width", y_label="share", alt="Rising.")

    def test_draw_the_mean_with_a_band_between_the_quartiles(self):
        (axes,) = self.draw().axes
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [4, 30, 70])
        corners = axes.collections[0].get_paths()[0].vertices
        at_8 = corners[np.isclose(corners[:, 0], 8), 1]
        assert (at_8.min(), at_8.max()) == (20, 40)

    def test_put_a_tick_on_every_x_of_a_doubling_axis(self):
        (axes,) = self.draw().axes
        assert axes.get_xscale() == "log"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8", "16"]

    def test_say_in_words_where_the_means_begin_and_end(self):
        assert self.draw().alt == "Rising. Means: line 0 from 4 to 70."

    @pytest.mark.parametrize("count", [0, 5])
    def test_are_one_to_four(self, count):
        with pytest.raises(ValueError, match="wanted 1 to 4 curves"):
            self.draw(count)


def test_a_legend_above_the_axes_hides_no_curve():
    x = torch.arange(4.0)
    figure = curves(x, {"a": x, "b": 3 - x}, x_label="x", y_label="y", alt="A cross.", legend_above=True)
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1


def test_a_painted_ball_is_shown_gray_by_both_stages_and_true_with_the_shares_that_are_right(colorizer):
    figure = painted_ball(colorizer, 3, 24, 64)
    scene = ball_meadow(3, 24, 64)
    ball = scene.labels == CLASSES.index("ball")
    painted = colorize_by_stage(scene.rgb, colorizer)["stage one"]
    assert [axes.get_title().split(":")[0] for axes in figure.axes] == [
        "gray",
        "stage one",
        "stage two",
        "true",
    ]
    vivid = painted.amax(0) - painted.amin(0) >= 0.2 * painted.amax(0)
    share = 100 * ((hue_errors(painted, scene.rgb) < 30) & vivid)[ball].float().mean()
    assert f"{share:.0f} % in stage one" in figure.alt
    assert "24 pixels or 1.5 cells wide" in figure.alt


def test_the_panel_of_the_ball_draws_what_its_function_draws_over_its_whole_range(colorizer):
    panel = ball_size_explorer(colorizer, seed=2, width=12, size=64)
    assert panel.picture.value == painted_ball(colorizer, 2, 12, 64).png()
    for control in panel.controls.values():
        for value in (control.min, control.max):
            control.value = value
            assert panel.message.value == ""
    assert panel.picture.value == painted_ball(colorizer, 99, 32, 64).png()


def by_formula(luminance, hue, saturation):
    pure = (luminance_gray(pure_colors(hue[0])) + 1) / 2
    return (luminance / (1 - saturation * (1 - pure))).clamp(max=1)


def by_search(luminance, hue, saturation):
    """The smallest V that is bright enough, by halving."""
    from pyramidcolor.color import hsv_to_rgb

    low, high = torch.zeros_like(luminance), torch.ones_like(luminance)
    for _ in range(30):
        value = (low + high) / 2
        rgb = hsv_to_rgb(torch.cat((torch.remainder(hue, 2) / 2, saturation, value)))
        enough = (luminance_gray(rgb) + 1) / 2 >= luminance
        low, high = torch.where(enough, low, value), torch.where(enough, value, high)
    return high


def pure_luminance(hue):
    return (luminance_gray(pure_colors(hue[0])) + 1) / 2


WRONG = {
    "does nothing": ("hue", lambda y, h, s: y),
    "takes all for white": ("range", lambda y, h, s: y / pure_luminance(h)),
    "forgets the saturation": ("gray", lambda y, h, s: (y / pure_luminance(h)).clamp(max=1)),
    "forgets the hue": ("hue", lambda y, h, s: (y / (1 - 0.5 * s)).clamp(max=1)),
    "squares the saturation": ("saturation", lambda y, h, s: by_formula(y, h, s * s)),
    "multiplies": ("hue", lambda y, h, s: y * (1 - s * (1 - pure_luminance(h)))),
    "stops below 1": ("gray", lambda y, h, s: by_formula(y, h, s).clamp(max=0.9)),
    "leaves the hopeless": (
        "limit",
        lambda y, h, s: torch.where(y > 1.01 * pure_luminance(h).lerp(torch.ones(()), 1 - s), y, by_formula(y, h, s)),
    ),
    "gives no numbers": ("range", lambda y, h, s: y * torch.nan),
    "flattens": ("shape", lambda y, h, s: by_formula(y, h, s).flatten()),
    "gives nothing": ("shape", lambda y, h, s: None),
    "stops": ("runs", lambda y, h, s: y.no_such_name),
}  # fmt: skip


@pytest.mark.parametrize("answer", [by_formula, by_search])
def test_every_right_way_to_find_the_value_passes(answer):
    verdict = check_value_from_luminance(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_find_the_value_is_told_what_it_lacks_and_not_how_to_mend_it(missing, answer):
    verdict = check_value_from_luminance(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in repr(verdict) for word in ("divide", "/", "clamp", "minimum", "1 -"))

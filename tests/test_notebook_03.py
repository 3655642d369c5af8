"""What notebook 03 needs: photos at two scales, the panels around them, and the judge of shrunken hues."""

import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2hsv, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from pyramidcolor.color import hsv_to_rgb, rgb_to_hsv
from pyramidcolor.colorspaces import HSV, LAB, shrink_chroma
from pyramidcolor.exercises import check_shrink_hue
from pyramidcolor.images import hue_of_point, shrink
from pyramidcolor.plotting import coarsen, scale_planes, scene_at_scales
from pyramidcolor.scenes import CLASSES, draw_scene
from pyramidcolor.widgets import object_size_explorer, scale_explorer

PHOTO = 0.1 + 0.8 * torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0))


def last_axis(rgb):
    return rgb.movedim(0, -1).numpy()


def shown(figure, panel):
    return np.asarray(figure.axes[panel].images[0].get_array(), dtype=float) / 255


def titles(figure):
    return [axes.get_title().replace("\n", " ") for axes in figure.axes]


class TestCoarsen:
    @pytest.mark.parametrize("space", [HSV, LAB], ids=lambda space: space.name)
    def test_changes_nothing_when_both_factors_are_1(self, space):
        torch.testing.assert_close(coarsen(PHOTO, 1, 1, space), PHOTO, atol=1e-4, rtol=0)

    def test_of_the_chroma_leaves_the_value_of_every_pixel(self):
        coarse = coarsen(PHOTO, 1, 16)
        np.testing.assert_allclose(rgb2hsv(last_axis(coarse))[..., 2], last_axis(PHOTO).max(-1), atol=1e-6)
        assert (coarse - PHOTO).abs().max() > 0.1

    def test_of_the_gray_leaves_hue_and_saturation_of_every_pixel(self):
        before, after = (rgb2hsv(last_axis(rgb)) for rgb in (PHOTO, coarsen(PHOTO, 16, 1)))
        apart = abs(before[..., 0] - after[..., 0])
        assert np.minimum(apart, 1 - apart).max() < 1e-4
        np.testing.assert_allclose(after[..., 1], before[..., 1], atol=1e-5)
        assert abs(after[..., 2] - before[..., 2]).max() > 0.1

    def test_of_the_chroma_in_lab_leaves_the_lightness(self):
        pale = 0.5 + 0.1 * (PHOTO - 0.5)  # no mixture of these leaves RGB, where decoding would clip
        before, after = (rgb2lab(last_axis(rgb))[..., 0] for rgb in (pale, coarsen(pale, 1, 16, LAB)))
        np.testing.assert_allclose(after, before, atol=0.02)  # of 100; the matrices are rounded numbers

    def test_makes_no_red_of_two_cyans(self):
        hue = torch.tensor([-0.95, 0.95]).repeat(4, 2)
        cyans = HSV.decode(torch.zeros(1, 4, 4), torch.stack((hue, torch.full_like(hue, 0.5))))
        turns = rgb_to_hsv(coarsen(cyans, 1, 4))[0]
        torch.testing.assert_close(turns, torch.full_like(turns, 0.5), atol=1e-4, rtol=0)

    @pytest.mark.parametrize(("factors", "name"), [((5, 1), "gray_factor"), ((1, 32), "chroma_factor")])
    def test_needs_sides_that_are_multiples_of_its_factors(self, factors, name):
        with pytest.raises(ValueError, match=f"{name} must divide height and width, 32 and 48; got"):
            coarsen(PHOTO, *factors)

    def test_needs_factors_of_at_least_1(self):
        with pytest.raises(ValueError, match=r"gray_factor .* got 0"):
            coarsen(PHOTO, 0, 1)


class TestScalePlanes:
    def test_show_both_parts_what_they_give_together_and_the_photo(self):
        figure = scale_planes(PHOTO, gray_factor=4, chroma_factor=16)
        together = last_axis(coarsen(PHOTO, 4, 16))
        np.testing.assert_allclose(shown(figure, 0), together.max(-1), atol=0.5 / 255 + 1e-6)
        np.testing.assert_allclose(shown(figure, 2), together, atol=0.5 / 255 + 1e-6)
        np.testing.assert_allclose(shown(figure, 3), last_axis(PHOTO), atol=0.5 / 255 + 1e-6)
        decibels = peak_signal_noise_ratio(last_axis(PHOTO), together, data_range=1)
        assert titles(figure)[:3] == ["gray at 1/4", "chroma at 1/16", f"together: {decibels:.1f} dB"]

    def test_show_the_chroma_of_black_pixels_too(self):
        photo = torch.zeros(3, 16, 16)
        photo[0, 0, 0] = 1.0  # one red pixel, all others black
        panel = shown(scale_planes(photo, chroma_factor=16), 1)
        expected = np.array([1, 1 - 1 / 256, 1 - 1 / 256])  # its saturation, spread over 256 pixels
        np.testing.assert_allclose(panel, np.broadcast_to(expected, panel.shape), atol=1 / 255)

    def test_call_the_untouched_photo_exact_instead_of_infinite(self):
        assert titles(scale_planes(PHOTO)) == [
            "gray at full size",
            "chroma at full size",
            "together: exact",
            "photo",
        ]


class TestSceneAtScales:
    def test_begins_with_the_scene_and_goes_on_to_coarser_chroma(self):
        figure, rgb = scene_at_scales(3, object_scale=1.5, size=64), draw_scene(3, 64, object_scale=1.5).rgb
        for panel, factor in enumerate((1, 4, 16)):
            expected = last_axis(coarsen(rgb, 1, factor))
            np.testing.assert_allclose(shown(figure, panel), expected, atol=0.5 / 255 + 1e-6)
        assert "1.50 times" in figure.alt

    def test_passes_on_what_the_scenes_refuse(self):
        with pytest.raises(ValueError, match="object_scale"):
            scene_at_scales(3, object_scale=0)

    @pytest.mark.parametrize(("factor", "kept"), [(4, (0.5, 1.0)), (16, (0.0, 0.4))])
    def test_a_ball_of_8_pixels_keeps_its_red_at_a_quarter_and_loses_it_at_a_sixteenth(self, factor, kept):
        scene = draw_scene(1, 256, kinds=["meadow"], ball_radius=4 / 256)
        hue = rgb_to_hsv(coarsen(scene.rgb, 1, factor))[0][scene.labels == CLASSES.index("ball")]
        reddish = ((hue < 1 / 12) | (hue > 11 / 12)).float().mean().item()
        assert kept[0] <= reddish <= kept[1]


class TestThePanels:
    def test_of_scales_draws_what_its_function_draws(self):
        panel = scale_explorer(PHOTO[..., :32], chroma_factor=16)
        assert panel.picture.value == scale_planes(PHOTO[..., :32], chroma_factor=16).png()
        panel.controls["gray_factor"].value = 8
        assert panel.message.value == ""
        assert panel.picture.value == scale_planes(PHOTO[..., :32], 8, 16).png()

    def test_of_object_sizes_draws_what_its_function_draws(self):
        panel = object_size_explorer(5, object_scale=2.0, size=64)
        assert panel.picture.value == scene_at_scales(5, 2.0, 64).png()
        panel.controls["seed"].value = 6
        panel.controls["object_scale"].value = 0.5
        assert panel.message.value == ""
        assert panel.picture.value == scene_at_scales(6, 0.5, 64).png()

    def test_of_scales_has_every_scale_of_the_pyramid_and_labels_it(self):
        for control in scale_explorer(PHOTO).controls.values():
            assert control.description.endswith("(of full size)")
            assert control.options == (("1", 1), ("1/2", 2), ("1/4", 4), ("1/8", 8), ("1/16", 16))

    def test_of_object_sizes_draws_over_its_whole_range(self):
        panel = object_size_explorer(5, size=64)
        for control in panel.controls.values():
            assert "(" in control.description
            for value in (control.min, control.max):
                control.value = value
                assert panel.message.value == ""


def as_points(hue, saturation, factor):
    angle = math.pi * hue
    return hue_of_point(shrink(saturation * angle.cos(), factor), shrink(saturation * angle.sin(), factor))


def as_complex_numbers(hue, saturation, factor):
    folded = torch.polar(saturation, math.pi * hue).unfold(1, factor, factor).unfold(2, factor, factor)
    return folded.sum((-1, -2)).angle() / math.pi


def as_paint(hue, saturation, factor):
    paint = hsv_to_rgb(torch.cat((hue % 2 / 2, saturation, torch.ones_like(hue))))
    return (rgb_to_hsv(shrink(paint, factor))[:1] + 0.5) % 1 * 2 - 1


def as_the_library(hue, saturation, factor):
    return shrink_chroma(torch.cat((hue, 2 * saturation - 1))[None], factor, HSV)[0, :1]


def flipping_the_seam_to_red(hue, saturation, factor):
    """Right at the seam and wrong at red, as a mean of numbers from 0 to 2 is."""
    return (shrink(saturation * (hue % 2), factor) / (shrink(saturation, factor) + 1e-6) + 1) % 2 - 1


RIGHT = (as_points, as_complex_numbers, as_paint, as_the_library)
WRONG = {
    "averages numbers": ("wrap", lambda hue, saturation, factor: shrink(hue, factor)),
    "takes one pixel": ("mean", lambda hue, saturation, factor: hue[:, ::factor, ::factor]),
    "takes the largest": ("mean", lambda hue, saturation, factor: -torch.max_pool2d(-hue, factor)),
    "turns the hue": ("mean", lambda *of: (as_points(*of) + 1.5) % 2 - 1),
    "does not weigh": ("weight", lambda hue, saturation, factor: as_points(hue, hue * 0 + 1, factor)),
    "moves the seam to red": ("wrap", flipping_the_seam_to_red),
    "divides by no color": (
        "range",
        lambda hue, saturation, factor: shrink(saturation * hue, factor) / shrink(saturation, factor),
    ),
    "counts in turns of 0 to 2": ("range", lambda *of: as_points(*of) % 2),
    "does not shrink": ("shape", lambda hue, saturation, factor: hue),
    "shrinks by 2 at all times": ("shape", lambda hue, saturation, factor: as_points(hue, saturation, 2)),
    "gives nothing": ("shape", lambda hue, saturation, factor: None),
    "stops": ("runs", lambda hue, saturation, factor: hue.no_such_name),
}


@pytest.mark.parametrize("answer", RIGHT)
def test_every_right_way_to_shrink_hues_passes(answer):
    verdict = check_shrink_hue(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_shrink_hues_is_told_what_it_lacks(missing, answer):
    verdict = check_shrink_hue(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in repr(verdict) for word in ("cos", "atan2", "point", "angle", "multiply"))

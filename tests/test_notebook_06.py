"""What notebook 06 needs: dots over seeds, a photo at several gains, and the judge of hue and strength told apart."""

import math

import numpy as np
import pytest
import torch

from pyramidcolor.colorspaces import COLOR_SPACES, LAB, LAB_POLAR
from pyramidcolor.exercises import check_tell_apart
from pyramidcolor.plotting import painted_at_gains, seed_dots
from pyramidcolor.widgets import gain_explorer

GENERATOR = torch.Generator().manual_seed(0)
PHOTO = torch.rand(3, 32, 48, generator=GENERATOR)
CHROMAS = {
    name: 0.5 * (2 * torch.rand(COLOR_SPACES[name].chroma_channels, 2, 3, generator=GENERATOR) - 1)
    for name in ("hsv", "lab-polar", "yuv")
}
PANELS = {"PSNR (dB)": {"hsv": [21.0, 22.0, 23.0], "lab": [25.0]}, "SSIM": {"hsv": [0.9], "lab": [0.8]}}


class TestDotsOverSeeds:
    def test_have_a_circle_for_each_seed_and_a_bar_at_their_mean(self):
        axes = seed_dots(PANELS).axes[0]
        circles, mean, lonely, its_mean = axes.lines
        np.testing.assert_allclose(circles.get_xdata(), [21, 22, 23])
        assert list(mean.get_xdata()) == [22]
        assert list(lonely.get_xdata()) == list(its_mean.get_xdata()) == [25]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["hsv", "lab"]
        assert axes.yaxis_inverted()

    def test_stand_beside_the_marks_of_their_measure(self):
        first, second = seed_dots(PANELS, marks={"SSIM": {"tint": 0.85}}).axes
        assert not [text.get_text() for text in first.texts]
        assert [text.get_text().strip() for text in second.texts] == ["tint"]
        assert second.lines[-1].get_xdata() == [0.85, 0.85]

    def test_say_their_spans_in_words(self):
        alt = seed_dots(PANELS, marks={"SSIM": {"tint": 0.85}}).alt
        assert (
            alt == "PSNR (dB): hsv 21 to 23, lab 25 to 25. SSIM: hsv 0.9 to 0.9, lab 0.8 to 0.8, tint 0.85."
        )

    @pytest.mark.parametrize("panels", [{}, {"SSIM": {"hsv": []}}])
    def test_need_values(self, panels):
        with pytest.raises(ValueError, match="at least one panel, and a value"):
            seed_dots(panels)


class TestAPhotoAtSeveralGains:
    def test_shows_the_photo_and_one_picture_a_color_space_with_its_figures(self):
        figure = painted_at_gains(PHOTO, CHROMAS, hsv=0.0)
        titles = [axes.get_title().replace("\n", " ") for axes in figure.axes]
        assert titles[0] == "photo"
        assert titles[1].startswith("hsv × 0.00: S 0.00, ΔE")
        assert titles[2].startswith("lab-polar × 1.00: S ")

    def test_is_more_saturated_at_a_larger_gain(self):
        def ratio(gain):
            title = painted_at_gains(PHOTO, CHROMAS, yuv=gain).axes[3].get_title().replace("\n", " ")
            return float(title.split("S ")[1].split(",")[0])

        assert ratio(0) < ratio(1) < ratio(2)

    def test_refuses_a_gain_of_nothing(self):
        with pytest.raises(ValueError, match="gains must be of hsv, lab-polar, yuv, got lab"):
            painted_at_gains(PHOTO, CHROMAS, lab=1.0)

    def test_has_a_slider_for_every_gain_that_draws_over_its_whole_range(self):
        panel = gain_explorer(PHOTO, CHROMAS, yuv=2.0)
        assert repr(panel) == "PicturePanel(hsv=1.0, lab-polar=1.0, yuv=2.0)"
        assert panel.picture.value == painted_at_gains(PHOTO, CHROMAS, yuv=2.0).png()
        for control in panel.controls.values():
            for value in (control.min, control.max):
                control.value = value
                assert panel.message.value == ""
        gains = dict.fromkeys(CHROMAS, 4.0)
        assert panel.picture.value == painted_at_gains(PHOTO, CHROMAS, **gains).png()


def test_polar_lab_holds_the_colors_of_lab_as_angle_and_distance():
    gray, chroma = LAB_POLAR.encode(PHOTO)
    lab_gray, (a, b) = LAB.encode(PHOTO)
    torch.testing.assert_close(gray, lab_gray)
    hue, strength = chroma
    torch.testing.assert_close(134 * (strength + 1) / 2 * (math.pi * hue).cos(), 110 * a, atol=1e-3, rtol=0)
    torch.testing.assert_close(134 * (strength + 1) / 2 * (math.pi * hue).sin(), 110 * b, atol=1e-3, rtol=0)


def test_twice_the_gain_doubles_the_distance_from_gray_in_lab_and_in_polar_lab_alike():
    faint = torch.tensor([0.5, 0.45, 0.4]).reshape(3, 1, 1)
    found = []
    for space in (LAB, LAB_POLAR):
        chroma = space.encode(faint)[1]
        figure = painted_at_gains(faint.expand(3, 32, 32), {space.name: chroma}, **{space.name: 2.0})
        found.append(figure.axes[1].get_title().split(":")[1].split())
    assert found[0] == found[1]


def by_angle(chroma):
    a, b = chroma
    return torch.stack((torch.atan2(b, a) / math.pi, 2 * torch.hypot(a, b) / 2**0.5 - 1))


def by_complex_numbers(chroma):
    number = torch.complex(*chroma)
    return torch.stack((number.angle() / math.pi, number.abs() * 2**0.5 - 1))


WRONG = {
    "does nothing": ("gray", lambda chroma: chroma.clone()),
    "gives nothing": ("shape", lambda chroma: None),
    "gives the hue alone": ("shape", lambda chroma: by_angle(chroma)[:1]),
    "gives degrees": ("range", lambda chroma: by_angle(chroma) * torch.tensor([180.0, 1.0])[:, None, None]),
    "counts in turns from 0 to 2": (
        "range",
        lambda chroma: by_angle(chroma) % torch.tensor([2.0, 9.0])[:, None, None],
    ),
    "divides by the side": (
        "range",
        lambda chroma: torch.stack((by_angle(chroma)[0], 2 * torch.hypot(*chroma) - 1)),
    ),
    "gives strength from 0": (
        "gray",
        lambda chroma: torch.stack((by_angle(chroma)[0], torch.hypot(*chroma) / 2**0.5)),
    ),
    "measures along the sides": (
        "strength",
        lambda chroma: torch.stack((by_angle(chroma)[0], 2 * chroma.abs().amax(0) - 1)),
    ),
    "squares": (
        "strength",
        lambda chroma: torch.stack((by_angle(chroma)[0], chroma.square().sum(0) - 1)),
    ),
    "is too weak": (
        "strength",
        lambda chroma: torch.stack((by_angle(chroma)[0], torch.hypot(*chroma) - 1)),
    ),
    "exchanges the channels": ("hue", lambda chroma: by_angle(chroma.flip(0))),
    "turns the other way": (
        "hue",
        lambda chroma: by_angle(chroma * torch.tensor([1.0, -1.0])[:, None, None]),
    ),
    "knows half of the circle": (
        "hue",
        lambda chroma: torch.stack(
            (torch.atan(chroma[1] / (chroma[0] + 1e-9)) / math.pi, by_angle(chroma)[1])
        ),
    ),
    "stops": ("runs", lambda chroma: chroma.no_such_name),
}


@pytest.mark.parametrize("answer", [by_angle, by_complex_numbers])
def test_every_right_way_to_tell_hue_and_strength_apart_passes(answer):
    verdict = check_tell_apart(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_tell_them_apart_is_told_what_it_lacks_and_not_how_to_mend_it(missing, answer):
    verdict = check_tell_apart(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in repr(verdict) for word in ("atan2", "hypot", "square root", "sqrt"))

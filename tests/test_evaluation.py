"""The figures of a network beside the rows that it must beat."""

import colorsys

import pytest
import torch

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.colorspaces import HSV, LAB, YUV
from pyramidcolor.evaluation import (
    Tint,
    best_tint,
    calibrate_saturation,
    check_measuring,
    evaluate,
    gray_picture,
    score_by_source,
)
from pyramidcolor.images import sample_photo
from pyramidcolor.inference import colorize
from pyramidcolor.metrics import hue_error_degrees, mean_saturation

PHOTOS = [sample_photo(name)[:, ::4, ::4] for name in ("astronaut", "coffee", "chelsea")]


def test_no_other_tint_has_a_smaller_hue_error():
    tint = best_tint(PHOTOS, 64)
    errors = {
        degrees: evaluate(Tint(degrees / 360, 0.3), PHOTOS, size=64, measures=["hue_error_degrees"])[
            "hue_error_degrees"
        ]
        for degrees in range(0, 360, 10)
    }
    best = evaluate(tint, PHOTOS, size=64, measures=["hue_error_degrees"])["hue_error_degrees"]
    assert best <= min(errors.values()) + 0.3  # bins of one degree
    assert tint.saturation == pytest.approx(sum(mean_saturation(photo) for photo in PHOTOS) / 3, abs=0.05)


def test_a_tint_is_what_it_says_at_every_pixel():
    tinted = Tint(0.1, 0.4)(PHOTOS[0])
    hue, saturation, value = colorsys.rgb_to_hsv(*tinted[:, 50, 60].tolist())
    assert (hue, saturation, value) == pytest.approx((0.1, 0.4, PHOTOS[0][:, 50, 60].max().item()), abs=1e-5)


def test_the_true_colors_score_perfectly():
    figures = evaluate(lambda photo: photo, PHOTOS, size=64)
    assert figures["saturation_ratio"] == figures["colorfulness_ratio"] == 1
    assert figures["hue_error_degrees"] == figures["delta_e"] == 0


def test_a_network_is_scored_on_what_colorize_makes_of_the_photos():
    colorizer = build_colorizer("hsv", {"widths": (4,) * 11}, {"low_width": 4, "middle_width": 4})
    colorizer.model.eval()
    square = PHOTOS[0]
    figures = evaluate(colorizer, [square], size=128, working_size=64, measures=["hue_error_degrees"])
    wanted = hue_error_degrees(colorize(square, colorizer, working_size=64), square)
    assert square.shape == (3, 128, 128)
    assert figures["hue_error_degrees"] == pytest.approx(wanted)


def test_a_source_is_measured_by_its_own_photos_and_all_by_all():
    class Named(list):
        sources = ("people", "things", "people")

    photos, measures = Named(PHOTOS), ["hue_error_degrees", "delta_e"]
    whole, parts = score_by_source(Tint(0.1, 0.4), photos, size=64, measures=iter(measures))
    assert list(parts) == ["people", "things"]
    for figures, chosen in ((whole, PHOTOS), (parts["people"], PHOTOS[::2]), (parts["things"], PHOTOS[1:2])):
        assert figures.result() == pytest.approx(evaluate(Tint(0.1, 0.4), chosen, size=64, measures=measures))
    empty = Named()
    empty.sources = ()
    with pytest.raises(ValueError, match="no photos to score"):
        score_by_source(Tint(0.1, 0.4), empty)[0].result()


@pytest.mark.parametrize("space", [HSV, LAB, YUV], ids=lambda space: space.name)
def test_a_gray_picture_has_its_spaces_gray_and_no_color_at_all(space):
    gray = gray_picture(PHOTOS[0], space)
    assert gray[0].equal(gray[1])
    assert gray[1].equal(gray[2])
    torch.testing.assert_close(space.gray(gray), space.gray(PHOTOS[0]), atol=2e-4, rtol=0)


def test_no_photos_is_an_error():
    with pytest.raises(ValueError, match="no photos"):
        evaluate(lambda photo: photo, [], size=64)
    with pytest.raises(ValueError, match="a tint needs photos, got none"):
        best_tint([])


def test_a_size_of_nothing_is_refused_by_name():
    class Named(list):
        sources = ("people",) * len(PHOTOS)

    photos, network = Named(PHOTOS), build_colorizer("hsv")
    for size in (0, -5):
        for measure in (
            lambda size: best_tint(photos, size),
            lambda size: evaluate(gray_picture, photos, size=size),
            lambda size: score_by_source(gray_picture, photos, size=size),
            lambda size: calibrate_saturation(network, photos, size),
        ):
            with pytest.raises(ValueError, match=f"size must be at least 1, got {size}"):
                measure(size)


def test_what_can_be_measured_passes_the_check_and_what_cannot_does_not():
    colorizer = build_colorizer("hsv", {"widths": (4,) * 11}, {"low_width": 4, "middle_width": 4})
    colorizer.model.eval()
    for options in ({"size": 7}, {"size": 3, "measures": ["bleeding"]}, {"size": 8, "smoothing": 9}):
        check_measuring(colorizer, **options)
        if "smoothing" not in options:
            evaluate(gray_picture, PHOTOS[:1], **options)
    for options in ({"size": 6}, {"size": 1, "measures": ["bleeding"]}):
        with pytest.raises(ValueError, match=f"size {options['size']} is too small"):
            check_measuring(colorizer, **options)
    with pytest.raises(ValueError, match="measures must be some of"):
        check_measuring(gray_picture, measures=["beauty"])


def test_a_photo_of_one_color_gives_its_own_tint():
    photo = torch.tensor([0.2, 0.4, 0.8]).reshape(3, 1, 1).expand(3, 16, 16)
    tint = best_tint([photo], 16)
    assert tint.hue * 360 == pytest.approx(220, abs=1.01)
    assert tint.saturation == pytest.approx(0.75)


@pytest.mark.parametrize("space", ["hsv", "hsv-point"])
def test_a_calibrated_network_colors_photos_as_vividly_as_they_are(space):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        colorizer = build_colorizer(space, {"widths": (8,) * 11}, {"low_width": 4, "middle_width": 4})
    colorizer.model.eval()
    # Faint photos, which even a network with undecided hues can match.
    faint = [photo + 0.6 * (photo.amax(0) - photo) for photo in PHOTOS]
    before = evaluate(colorizer, faint, size=64, measures=["saturation_ratio"])["saturation_ratio"]
    calibrated = calibrate_saturation(colorizer, faint, size=64)
    after = evaluate(calibrated, faint, size=64, measures=["saturation_ratio"])["saturation_ratio"]
    assert abs(before - 1) > 0.1
    assert after == pytest.approx(1, abs=0.02)


def test_only_a_saturation_can_be_calibrated():
    with pytest.raises(ValueError, match="'lab' has no saturation"):
        calibrate_saturation(build_colorizer("lab"), PHOTOS)
    with pytest.raises(ValueError, match="needs photos"):
        calibrate_saturation(build_colorizer("hsv"), [])

"""The figures, against scikit-image, colorsys, slow twins, published pairs and cases worked out by hand."""

import colorsys
import math
from functools import cache

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.filters
import skimage.metrics
import torch
from inputs import pixel

from pyramidcolor import metrics
from pyramidcolor.color import hsv_to_rgb, lab_to_rgb, rgb_to_hsv, rgb_to_lab
from pyramidcolor.metrics import HUE_FAMILIES, MEASURES, Scores, interval

OF_ONE = [metrics.mean_saturation, metrics.colorfulness, metrics.chroma_error_of_gray]
OF_PAIRS = [
    metrics.psnr,
    metrics.ssim,
    metrics.saturation_ratio,
    metrics.colorfulness_ratio,
    metrics.hue_error_degrees,
    metrics.hue_family_errors_degrees,
    metrics.balanced_hue_error_degrees,
    metrics.delta_e,
    metrics.chroma_error,
    metrics.chroma_error_at_edges,
    metrics.chroma_error_off_edges,
    metrics.bleeding,
]
SAMPLES = ["astronaut", "coffee", "chelsea", "rocket"]

# L, a, b of two colors and their CIEDE2000 difference: pairs of Table 1 in Sharma, Wu and Dalal (2005) that
# sRGB can show.
PUBLISHED_DIFFERENCES = [
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def random_photos(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@cache
def sample(name):
    """One of scikit-image's photos, every third pixel."""
    return torch.from_numpy(getattr(skimage.data, name)()[::3, ::3].copy()).movedim(-1, 0) / 255


def turned(photo, degrees):
    hue, saturation, value = rgb_to_hsv(photo).unbind(-3)
    return hsv_to_rgb(torch.stack((hue + degrees / 360, saturation, value), -3))


def tint(photo, degrees, saturation):
    value = photo.amax(0)
    tone = torch.full_like(value, degrees / 360), torch.full_like(value, saturation)
    return hsv_to_rgb(torch.stack((*tone, value)))


def gray_of(photo):
    return photo.amax(-3, keepdim=True).expand_as(photo)


def noise_with_the_value_of(photo):
    hue, saturation = random_photos(2, *photo.shape[1:], dtype=photo.dtype)
    return hsv_to_rgb(torch.stack((hue, saturation, photo.amax(0))))


def pure_hues(*degrees):
    """A row of fully saturated pixels, `(3, 1, W)`."""
    hue = torch.tensor(degrees, dtype=torch.float64) / 360
    return hsv_to_rgb(torch.stack((hue, torch.ones_like(hue), torch.ones_like(hue)))[:, None])


def rows_with_steps(*steps):
    """A picture of L = 60 and b = 0 whose a rises along every row by the given steps: `(3, 4, 1 + steps)`."""
    a = torch.cat((torch.zeros(1), torch.tensor(steps))).cumsum(0).double()
    lab = torch.stack((torch.full_like(a, 60), a, torch.zeros_like(a)))
    return lab_to_rgb(lab[:, None].expand(3, 4, -1))


def two_batches(photos):
    """Photos with edges and with places beside them, `(photos, 3, 12, 9)`, and other ones."""
    return (0.4 + 0.2 * random_photos(photos, 3, 12, 9, seed=seed) ** 4 for seed in (1, 2))


def figures(predicted, true, measures=None):
    scores = Scores(measures)
    scores.add(predicted, true)
    return scores.result()


def test_psnr_is_the_mean_over_photos_of_scikit_images():
    predicted, true = random_photos(4, 3, 9, 8, seed=1), random_photos(4, 3, 9, 8, seed=2)
    one_by_one = [
        skimage.metrics.peak_signal_noise_ratio(photo.numpy(), guess.numpy(), data_range=1)
        for guess, photo in zip(predicted, true, strict=True)
    ]
    assert metrics.psnr(predicted, true) == pytest.approx(np.mean(one_by_one))


def test_ssim_is_the_mean_over_all_windows_of_the_published_formula():
    one, two = random_photos(3, 9, 8, seed=1).numpy(), random_photos(3, 9, 8, seed=2).numpy()
    two = (one + two) / 2
    windows = [(slice(row, row + 7), slice(column, column + 7)) for row in range(3) for column in range(2)]
    similarities = []
    for channel in range(3):
        for window in windows:
            a, b = one[channel][window].ravel(), two[channel][window].ravel()
            covariance = np.cov(a, b)
            means = (2 * a.mean() * b.mean() + 0.01**2) / (a.mean() ** 2 + b.mean() ** 2 + 0.01**2)
            spreads = (2 * covariance[0, 1] + 0.03**2) / (covariance[0, 0] + covariance[1, 1] + 0.03**2)
            similarities.append(means * spreads)
    assert metrics.ssim(torch.tensor(one), torch.tensor(two)) == pytest.approx(np.mean(similarities))


def test_saturation_is_that_of_colorsys():
    predicted, true = random_photos(2, 3, 3, 4, seed=1), random_photos(2, 3, 3, 4, seed=2) ** 2
    means = [
        np.mean([colorsys.rgb_to_hsv(*rgb)[1] for rgb in photos.movedim(1, -1).reshape(-1, 3).tolist()])
        for photos in (predicted, true)
    ]
    assert metrics.mean_saturation(predicted) == pytest.approx(means[0])
    assert metrics.saturation_ratio(predicted, true) == pytest.approx(means[0] / means[1])


def test_colorfulness_of_half_red_and_half_blue_is_as_worked_out_by_hand():
    # rg is 255 and 0, yb is 127.5 and -255: spreads 127.5 and 191.25, means 127.5 and -63.75.
    expected = math.hypot(127.5, 191.25) + 0.3 * math.hypot(127.5, 63.75)
    assert metrics.colorfulness(pure_hues(0, 240)) == pytest.approx(expected)


def test_the_colorfulness_of_a_batch_is_the_mean_over_its_photos():
    photos = random_photos(3, 3, 5, 5) * torch.tensor([1.0, 0.5, 0.1]).reshape(3, 1, 1, 1)
    assert metrics.colorfulness(photos) == pytest.approx(np.mean([metrics.colorfulness(p) for p in photos]))
    ratio = metrics.colorfulness(photos) / metrics.colorfulness(photos**2)
    assert metrics.colorfulness_ratio(photos, photos**2) == pytest.approx(ratio)


def test_hue_errors_are_those_of_a_loop_with_colorsys():
    predicted, true = random_photos(2, 3, 6, 5, seed=1), random_photos(2, 3, 6, 5, seed=2)
    errors, weights = dict.fromkeys(HUE_FAMILIES, 0.0), dict.fromkeys(HUE_FAMILIES, 0.0)
    pixels = [photos.movedim(1, -1).reshape(-1, 3).tolist() for photos in (predicted, true)]
    for guess, truth in zip(*pixels, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*truth)
        apart = math.radians(360 * (colorsys.rgb_to_hsv(*guess)[0] - hue))
        family = min(
            HUE_FAMILIES,
            key=lambda name: -math.cos(math.radians(360 * hue - 60 * HUE_FAMILIES.index(name))),
        )
        errors[family] += saturation * value * math.degrees(math.acos(math.cos(apart)))
        weights[family] += saturation * value
    by_family = {name: errors[name] / weights[name] for name in HUE_FAMILIES}
    assert metrics.hue_family_errors_degrees(predicted, true) == pytest.approx(by_family)
    assert metrics.balanced_hue_error_degrees(predicted, true) == pytest.approx(
        np.mean(list(by_family.values()))
    )
    plain = sum(errors.values()) / sum(weights.values())
    assert metrics.hue_error_degrees(predicted, true) == pytest.approx(plain)


@pytest.mark.parametrize(
    ("one", "other", "degrees"), [(0, 180, 180), (77, 257, 180), (350, 10, 20), (170, 200, 30)]
)
def test_a_hue_error_is_measured_the_short_way_round(one, other, degrees):
    assert metrics.hue_error_degrees(pure_hues(one), pure_hues(other)) == pytest.approx(degrees)
    assert metrics.hue_error_degrees(pure_hues(other), pure_hues(one)) == pytest.approx(degrees)


def test_a_hue_counts_by_true_saturation_times_true_value():
    true = hsv_to_rgb(
        torch.tensor([[0.0, 0.0], [0.5, 1.0], [0.8, 0.2]]).reshape(3, 1, 2)
    )  # weights 0.4 and 0.2
    assert metrics.hue_error_degrees(pure_hues(30, 90).float(), true) == pytest.approx(
        (0.4 * 30 + 0.2 * 90) / 0.6
    )


@pytest.mark.parametrize(
    ("hue", "family"),
    [(60 * place + offset, family) for place, family in enumerate(HUE_FAMILIES) for offset in (-29, 0, 29)],
)
def test_a_hue_belongs_to_the_family_within_thirty_degrees(hue, family):
    errors = metrics.hue_family_errors_degrees(pure_hues(hue + 5), pure_hues(hue))
    assert errors.pop(family) == pytest.approx(5)
    assert all(math.isnan(error) for error in errors.values())
    assert metrics.balanced_hue_error_degrees(pure_hues(hue + 5), pure_hues(hue)) == pytest.approx(5)


@pytest.mark.parametrize("degrees", [25, 60, 180, 311])
def test_hue_errors_do_not_change_when_both_hues_turn_together(degrees):
    predicted, true = random_photos(3, 20, 20, seed=1), random_photos(3, 20, 20, seed=2)
    error = metrics.hue_error_degrees(turned(predicted, degrees), turned(true, degrees))
    assert error == pytest.approx(metrics.hue_error_degrees(predicted, true))


def test_hue_families_move_on_by_one_when_both_hues_turn_by_sixty_degrees():
    predicted, true = random_photos(3, 20, 20, seed=1), random_photos(3, 20, 20, seed=2)
    before = list(metrics.hue_family_errors_degrees(predicted, true).values())
    after = list(metrics.hue_family_errors_degrees(turned(predicted, 60), turned(true, 60)).values())
    assert after == pytest.approx(before[-1:] + before[:-1])


@pytest.mark.parametrize("degrees", range(0, 360, 60))
def test_no_tint_beats_ninety_degrees_on_a_rainbow(degrees):
    rainbow = pure_hues(*range(0, 360, 60))
    guess = pure_hues(degrees).expand_as(rainbow)
    assert metrics.balanced_hue_error_degrees(guess, rainbow) == pytest.approx(90)


def test_a_gray_prediction_has_no_hue_and_counts_as_ninety_degrees():
    photo = sample("astronaut")
    assert metrics.hue_error_degrees(gray_of(photo), photo) == pytest.approx(90)
    assert metrics.balanced_hue_error_degrees(gray_of(photo), photo) == pytest.approx(90)


def test_figures_that_need_true_color_are_nan_for_a_gray_truth():
    photo = random_photos(3, 8, 8)
    found = figures(photo, gray_of(photo))
    nan = {name for name, figure in found.items() if math.isnan(figure)}
    assert nan == {name for name in MEASURES if "hue" in name} | {
        "bleeding",
        "chroma_error_at_edges",
    }
    assert found["saturation_ratio"] == found["colorfulness_ratio"] == math.inf


@pytest.mark.parametrize("pair", PUBLISHED_DIFFERENCES)
def test_delta_e_is_the_published_difference(pair):
    *lab, expected = pair
    one, two = (lab_to_rgb(pixel(*color, dtype=torch.float64)) for color in (lab[:3], lab[3:]))
    assert metrics.delta_e(one, two) == pytest.approx(expected, abs=5e-5)  # published to four places
    assert metrics.delta_e(two, one) == pytest.approx(expected, abs=5e-5)


def test_delta_e_and_chroma_error_are_means_over_pixels_of_the_lab_of_scikit_image():
    predicted, true = random_photos(2, 3, 6, 5, seed=1), random_photos(2, 3, 6, 5, seed=2)
    one, two = (skimage.color.rgb2lab(photos.numpy(), channel_axis=1) for photos in (predicted, true))
    assert metrics.delta_e(predicted, true) == pytest.approx(
        skimage.color.deltaE_ciede2000(one, two, channel_axis=1).mean()
    )
    distance = np.sqrt(((one - two)[:, 1:] ** 2).sum(1))
    assert metrics.chroma_error(predicted, true) == pytest.approx(distance.mean())


def test_the_chroma_error_of_gray_is_that_of_a_gray_picture_with_the_same_lightness():
    photo = sample("coffee").double()
    lab = rgb_to_lab(photo)
    gray = lab_to_rgb(torch.cat((lab[:1], torch.zeros_like(lab[1:])))).clamp(0, 1)
    assert metrics.chroma_error(gray, photo) == pytest.approx(metrics.chroma_error_of_gray(photo), rel=1e-3)


EDGE = (0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0)
SOFT_EDGE = (0, 0, 2, 2, 2, 2, 20, 2, 2, 2, 2, 0, 0)


@pytest.mark.parametrize(
    ("steps", "true_steps", "expected"),
    [
        (EDGE, EDGE, 0),
        ((0, 0, 0, 0, 0, 10, 10, 10, 0, 0, 0, 0, 0), EDGE, 0.25),  # 20 over eight pairs beside, 10 across
        ((0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0), EDGE, 1),
        (
            (9, 9, 0, 0, 0, 0, 10, 0, 0, 0, 0, 9, 9),
            EDGE,
            0,
        ),  # farther away than four pairs: no matter of this edge
        ((0, 0, 0, 0, 0, 20, 10, 0, 0, 0, 0, 0, 0), EDGE, 0.25),  # mostly a pixel off
        ((0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0), EDGE, math.inf),  # wholly
        ((0, 0, 5, 5, 5, 5, 10, 5, 5, 5, 5, 0, 0), SOFT_EDGE, (0.5 - 0.1) / (1 - 0.1)),
        ((0, 0, 1, 1, 1, 1, 10, 1, 1, 1, 1, 0, 0), SOFT_EDGE, 0),  # half as strong
        (EDGE, SOFT_EDGE, -0.1 / 0.9),
    ],
)
def test_bleeding_at_one_edge_is_as_worked_out_by_hand(steps, true_steps, expected):
    predicted, true = rows_with_steps(*steps), rows_with_steps(*true_steps)
    assert metrics.bleeding(predicted, true) == pytest.approx(expected, abs=1e-9)
    assert metrics.bleeding(predicted.mT, true.mT) == pytest.approx(expected, abs=1e-9)


def test_bleeding_grows_with_a_narrow_blur_of_the_true_chroma():
    photo = sample("astronaut").double()
    lab = rgb_to_lab(photo).numpy()
    found = []
    for sigma in (0.5, 1, 2):
        chroma = skimage.filters.gaussian(lab[1:], sigma, channel_axis=0, mode="nearest")
        blurred = lab_to_rgb(torch.from_numpy(np.concatenate((lab[:1], chroma)))).clamp(0, 1)
        found.append(metrics.bleeding(blurred, photo))
    assert 0 < found[0] < found[1] < found[2] < 1


def test_random_colors_bleed_as_if_there_were_no_edges():
    scores = Scores(["bleeding"])
    for name in SAMPLES:
        scores.add(noise_with_the_value_of(sample(name)), sample(name))
    assert scores.result()["bleeding"] == pytest.approx(
        1, abs=0.1
    )  # the edges of four photos are a small sample


def test_bleeding_is_nan_for_a_gray_prediction_and_for_a_truth_without_edges():
    photo = sample("rocket")
    assert math.isnan(metrics.bleeding(gray_of(photo), photo))
    assert math.isnan(metrics.bleeding(photo, torch.full_like(photo, 0.3)))


def test_chroma_errors_at_and_off_edges_are_those_of_pixels_found_one_by_one():
    true = sample("rocket")[:, 40:70, 60:100]
    predicted = random_photos(*true.shape, seed=1)
    one, two = (skimage.color.rgb2lab(photo.numpy(), channel_axis=0)[1:] for photo in (predicted, true))

    def is_edge(y, x, to_y, to_x):
        inside = to_y < two.shape[1] and to_x < two.shape[2]
        return inside and np.linalg.norm(two[:, y, x] - two[:, to_y, to_x]) >= 10

    near = np.zeros(two.shape[1:], bool)
    for y, x in np.ndindex(near.shape):
        if is_edge(y, x, y, x + 1):
            near[y, max(0, x - 3) : x + 5] = True
        if is_edge(y, x, y + 1, x):
            near[max(0, y - 3) : y + 5, x] = True
    assert 0 < near.mean() < 1
    error = np.linalg.norm(one - two, axis=0)
    assert metrics.chroma_error_at_edges(predicted, true) == pytest.approx(error[near].mean(), rel=1e-4)
    assert metrics.chroma_error_off_edges(predicted, true) == pytest.approx(error[~near].mean(), rel=1e-4)


def test_a_narrow_blur_of_the_true_chroma_errs_at_edges_far_more_than_off_them():
    photo = sample("astronaut").double()
    lab = rgb_to_lab(photo).numpy()
    chroma = skimage.filters.gaussian(lab[1:], 1, channel_axis=0, mode="nearest")
    blurred = lab_to_rgb(torch.from_numpy(np.concatenate((lab[:1], chroma)))).clamp(0, 1)
    assert metrics.chroma_error_at_edges(blurred, photo) > 2 * metrics.chroma_error_off_edges(blurred, photo)


@pytest.mark.parametrize("name", SAMPLES)
def test_gray_wins_psnr_against_a_photo_of_opposite_hues(name):
    photo = sample(name)
    assert metrics.psnr(gray_of(photo), photo) > metrics.psnr(turned(photo, 180), photo) + 1


@pytest.mark.parametrize("name", SAMPLES)
def test_noise_wins_colorfulness(name):
    assert metrics.colorfulness_ratio(noise_with_the_value_of(sample(name)), sample(name)) > 1


def test_sepia_does_far_better_on_the_plain_hue_error_than_on_the_balanced_one():
    scores = Scores(["hue_error_degrees", "balanced_hue_error_degrees"])
    for name in SAMPLES:
        photo = sample(name)
        scores.add(tint(photo, 30, metrics.mean_saturation(photo)), photo)
    found = scores.result()
    assert found["hue_error_degrees"] < 45
    assert found["balanced_hue_error_degrees"] > 80


def test_a_photo_scores_perfectly_against_itself():
    photo = sample("astronaut")
    perfect = dict.fromkeys((name for name in MEASURES if "hue" in name), 0.0) | {
        "psnr": math.inf,
        "ssim": 1,
        "saturation_ratio": 1,
        "colorfulness_ratio": 1,
        "delta_e": 0,
        "chroma_error": 0,
        "chroma_error_at_edges": 0,
        "chroma_error_off_edges": 0,
        "bleeding": 0,
    }
    found = figures(photo, photo)
    assert {name: found[name] for name in perfect} == pytest.approx(perfect)


def test_photos_scored_one_by_one_in_any_order_and_as_one_batch_have_the_same_figures():
    predicted, true = two_batches(5)
    at_once = figures(predicted, true)
    streamed = Scores()
    for photo in (3, 0, 4):
        streamed.add(predicted[photo], true[photo])
    streamed.add(predicted[1:3], true[1:3])
    # Of noise no pixel lies off all edges, so that one figure is NaN.
    assert at_once == pytest.approx(streamed.result(), rel=1e-12, nan_ok=True)


def test_scores_of_parts_merge_into_those_of_the_whole():
    predicted, true = two_batches(4)
    whole, parts = Scores(), [Scores(), Scores(), Scores()]
    parts[0].add(predicted[:1], true[:1])
    parts[2].add(predicted[1:], true[1:])
    for part in parts:  # the second has seen nothing
        whole.merge(part)
    assert whole.result() == pytest.approx(figures(predicted, true), rel=1e-12, nan_ok=True)
    with pytest.raises(ValueError, match="scores of psnr cannot be merged into scores of psnr, ssim"):
        Scores(["psnr", "ssim"]).merge(Scores(["psnr"]))


def test_figures_are_resampled_from_whole_photos():
    # Half of the photos err by 20 degrees, half by 40, so that a set of n photos has an error of 20 + 20 k / n, k binomial.
    photos, scores = 64, Scores(["hue_error_degrees", "psnr"], by_photo=True)
    for photo in range(photos):
        scores.add(pure_hues(20 + 20 * (photo % 2)), pure_hues(0))
    drawn = scores.resampled(times=2000, seed=1)
    errors = drawn["hue_error_degrees"]
    assert errors.mean().item() == pytest.approx(30, abs=0.1)
    assert errors.std().item() == pytest.approx(20 * 0.5 / photos**0.5, rel=0.06)
    ks = (errors - 20) * photos / 20
    assert ks.numpy() == pytest.approx(ks.round().numpy(), abs=1e-4)
    low, high = interval(errors)
    assert (low, high) == pytest.approx((30 - 1.96 * 1.25, 30 + 1.96 * 1.25), abs=0.35)
    # Each set is one and the same for all figures: the PSNR of a set follows from its k.
    psnrs = [scores_of(hue)["psnr"] for hue in (20, 40)]
    expected = psnrs[0] + (psnrs[1] - psnrs[0]) * ks / photos
    assert drawn["psnr"].numpy() == pytest.approx(expected.numpy())
    assert (scores.resampled(2000, 2)["psnr"] != drawn["psnr"]).any()


def scores_of(hue):
    return figures(pure_hues(hue), pure_hues(0), ["psnr"])


def test_two_networks_are_resampled_on_the_same_photos():
    predicted, true = two_batches(6)
    sides = [Scores(["chroma_error"], by_photo=True) for _ in range(2)]
    better = predicted + (true - predicted) / 2
    for photo in range(6):
        sides[0].add(predicted[photo], true[photo])
    parts = [Scores(["chroma_error"], by_photo=True) for _ in range(2)]
    parts[0].add(better[:2], true[:2])
    parts[1].add(better[2:], true[2:])
    for part in parts:
        sides[1].merge(part)
    worse, less = (side.resampled()["chroma_error"] for side in sides)
    apart = worse - less
    assert apart.min() > 0  # better on every photo, so in every set
    assert apart.std() < 0.9 * worse.std()
    one = Scores(["chroma_error"], by_photo=True)
    one.add(predicted[0], true[0])
    assert set(one.resampled(5)["chroma_error"].tolist()) == {one.result()["chroma_error"]}


def test_an_interval_leaves_out_what_is_not_known_and_keeps_what_is_infinite():
    nan, infinite = float("nan"), float("inf")
    assert interval(torch.tensor([nan, 3.0, 1.0, 2.0, nan]), 0.9) == (1, 3)
    assert interval(torch.tensor([1.0, infinite]), 0.5) == (1, infinite)
    assert all(math.isnan(end) for end in interval(torch.tensor([nan])))
    photo = torch.full((3, 8, 8), 0.5)
    scores = Scores(["psnr", "hue_error_degrees"], by_photo=True)
    scores.add(photo, photo)
    scores.add(photo, random_photos(3, 8, 8))
    drawn = scores.resampled()
    low, high = interval(drawn["psnr"])
    assert math.isfinite(low)
    assert high == infinite
    assert drawn["hue_error_degrees"].isnan().any()  # a set of gray photos alone
    assert interval(drawn["hue_error_degrees"]) == pytest.approx((90, 90))


def test_what_cannot_be_resampled_is_an_error():
    photo = random_photos(3, 8, 8)
    with pytest.raises(ValueError, match=r"no photos to draw from: create Scores\(by_photo=True\)"):
        Scores(by_photo=True).resampled()
    sums_alone, kept = Scores(["psnr"]), Scores(["psnr"], by_photo=True)
    sums_alone.add(photo, photo)
    with pytest.raises(ValueError, match="no photos to draw from"):
        sums_alone.resampled()
    with pytest.raises(ValueError, match="without by_photo cannot be merged"):
        kept.merge(sums_alone)
    kept.add(photo, photo)
    with pytest.raises(ValueError, match="times must be at least 1, got 0"):
        kept.resampled(0)
    for level in (0, 1, float("nan")):
        with pytest.raises(ValueError, match="level must lie in"):
            interval(torch.ones(3), level)
    for values in (torch.ones(0), torch.ones(2, 2)):
        with pytest.raises(ValueError, match=r"values must be \(N,\), not empty"):
            interval(values)


def test_the_functions_return_the_figures_of_scores():
    predicted, true = two_batches(2)
    found = figures(predicted, true)
    by_family = metrics.hue_family_errors_degrees(predicted, true)
    assert {family: found.pop(f"hue_error_degrees_{family}") for family in HUE_FAMILIES} == by_family
    assert found.pop("mean_saturation") == metrics.mean_saturation(predicted)
    assert found.pop("colorfulness") == metrics.colorfulness(predicted)
    assert found.pop("chroma_error_of_gray") == metrics.chroma_error_of_gray(true)
    alone = {name: getattr(metrics, name)(predicted, true) for name in found}
    assert found == pytest.approx(alone, rel=0, abs=0, nan_ok=True)


def test_of_photos_that_differ_in_size_the_pixels_share_hue_and_saturation_and_the_photos_share_psnr():
    scores = Scores(["mean_saturation", "hue_error_degrees", "psnr"])
    scores.add(pure_hues(80), pure_hues(60))
    scores.add(gray_of(pure_hues(0, 0, 0)), pure_hues(0, 0, 0))
    found = scores.result()
    assert found["mean_saturation"] == pytest.approx(1 / 4)
    assert found["hue_error_degrees"] == pytest.approx((20 + 3 * 90) / 4)
    # One channel of three errs by 1/3 in the first photo, two by 1 in the second.
    errors = (1 / 3) ** 2 / 3, 2 / 3
    assert found["psnr"] == pytest.approx(np.mean([-10 * math.log10(error) for error in errors]))


def test_scores_hold_only_what_was_asked_for_in_the_order_asked_for():
    photo = random_photos(3, 1, 1)  # too small for ssim, which is not asked for
    assert list(figures(photo, photo, ["delta_e", "psnr"])) == ["delta_e", "psnr"]
    assert list(figures(sample("coffee"), sample("coffee"))) == list(MEASURES)


def test_a_batch_that_is_refused_leaves_the_scores_as_they_were():
    scores = Scores()
    scores.add(random_photos(3, 8, 8, seed=1), random_photos(3, 8, 8, seed=2))
    before = scores.result()
    with pytest.raises(ValueError, match="ssim needs photos of at least 7x7 pixels, got 6x8"):
        scores.add(random_photos(3, 6, 8), random_photos(3, 6, 8))
    assert scores.result() == pytest.approx(before, rel=0, abs=0, nan_ok=True)


def test_scores_of_nothing_are_an_error():
    with pytest.raises(ValueError, match="no photos"):
        Scores().result()


@pytest.mark.parametrize("measures", [["psnr", "beauty"], []])
def test_unknown_measures_and_none_at_all_are_errors(measures):
    with pytest.raises(ValueError, match=r"measures must be some of psnr, .*; got (beauty|none)"):
        Scores(measures)


def test_bleeding_needs_two_pixels_each_way():
    with pytest.raises(ValueError, match="bleeding needs photos of at least 2x2 pixels, got 1x5"):
        metrics.bleeding(random_photos(3, 1, 5), random_photos(3, 1, 5))


BROKEN = [
    pytest.param(torch.zeros(8, 8), r"\(3, H, W\)", id="two dimensions"),
    pytest.param(torch.zeros(1, 1, 3, 8, 8), r"\(3, H, W\)", id="five dimensions"),
    pytest.param(torch.zeros(8, 8, 3), r"\(3, H, W\)", id="channels last"),
    pytest.param(torch.zeros(0, 3, 8, 8), "not empty", id="no photos"),
    pytest.param(torch.zeros(3, 0, 8), "not empty", id="no pixels"),
    pytest.param(torch.full((3, 8, 8), 1.01), r"\[0, 1\]", id="too bright"),
    pytest.param(torch.full((3, 8, 8), -0.01), r"\[0, 1\]", id="negative"),
    pytest.param(torch.zeros(3, 8, 8).index_fill(0, torch.tensor(1), math.nan), "nan", id="nan"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
@pytest.mark.parametrize("measure", OF_PAIRS)
def test_a_broken_picture_of_a_pair_is_an_error_that_names_it(measure, broken, reason):
    with pytest.raises(ValueError, match=f"^predicted must .*{reason}"):
        measure(broken, torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match=f"^true must .*{reason}"):
        measure(torch.zeros(3, 8, 8), broken)


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
@pytest.mark.parametrize("measure", OF_ONE)
def test_a_broken_picture_on_its_own_is_an_error_that_names_it(measure, broken, reason):
    with pytest.raises(ValueError, match=f"^(images|true) must .*{reason}"):
        measure(broken)


@pytest.mark.parametrize("measure", OF_PAIRS)
def test_pictures_of_different_shapes_are_an_error(measure):
    with pytest.raises(ValueError, match=r"predicted and true differ in shape: \(3, 8, 8\) and \(3, 8, 9\)"):
        measure(torch.zeros(3, 8, 8), torch.zeros(3, 8, 9))


@pytest.mark.parametrize("picture", [torch.zeros(3, 8, 8, dtype=torch.uint8), np.zeros((3, 8, 8))])
def test_a_picture_that_is_no_floating_point_tensor_is_a_type_error(picture):
    with pytest.raises(TypeError, match=r"^true must be a floating-point tensor, got"):
        metrics.psnr(torch.zeros(3, 8, 8), picture)


def test_rounding_errors_of_a_resize_are_no_error():
    photo = torch.ones(3, 8, 8) + 1e-6
    assert metrics.psnr(photo, torch.ones(3, 8, 8)) > 100


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_pictures_are_scored_as_the_float_pictures_that_they_hold(dtype):
    predicted, true = random_photos(3, 8, 8, seed=1).to(dtype), random_photos(3, 8, 8, seed=2).to(dtype)
    expected = figures(predicted.float(), true.float())
    assert figures(predicted, true) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_predictions_may_still_carry_their_gradient():
    photo = random_photos(3, 8, 8, seed=1)
    guess = random_photos(3, 8, 8, seed=2)
    expected = figures(guess, photo)
    assert figures(guess.clone().requires_grad_(), photo) == pytest.approx(
        expected, rel=0, abs=0, nan_ok=True
    )


def test_the_map_of_hue_errors_has_the_weighted_mean_that_is_the_hue_error():
    predicted, true = sample("coffee").flip(-1), sample("coffee")
    _, saturation, value = rgb_to_hsv(true)
    weight = (saturation * value).double()
    mean = (weight * metrics.hue_errors(predicted, true)).sum() / weight.sum()
    assert mean.item() == pytest.approx(metrics.hue_error_degrees(predicted, true))


def test_the_map_of_hue_errors_counts_gray_as_knowing_nothing():
    red, gray = pixel(1.0, 0.0, 0.0), pixel(0.5, 0.5, 0.5)
    assert metrics.hue_errors(gray, red).tolist() == [[90.0]]


def test_the_map_of_chroma_errors_has_the_mean_that_is_the_chroma_error():
    predicted, true = sample("coffee").flip(-1), sample("coffee")
    mean = metrics.chroma_errors(predicted, true).double().mean().item()
    assert mean == pytest.approx(metrics.chroma_error(predicted, true))


@pytest.mark.parametrize("measure", [metrics.hue_errors, metrics.chroma_errors])
def test_maps_of_a_batch_are_those_of_its_photos_and_inputs_are_checked(measure):
    batch = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    maps = measure(batch.flip(0), batch)
    assert maps.shape == (2, 5, 4)
    torch.testing.assert_close(maps[1], measure(batch[0], batch[1]))
    with pytest.raises(ValueError, match="differ in shape"):
        measure(batch, batch[..., :3])

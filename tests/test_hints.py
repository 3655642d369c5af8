"""Hints: exact where they are pinned, as far as the gray is alike, and nowhere else."""

import math

import numpy as np
import pytest
import torch
from scipy.special import kei

from pyramidcolor import hints
from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.color import rgb_to_hsv
from pyramidcolor.colorspaces import COLOR_SPACES
from pyramidcolor.hints import Hint, HintedPhoto, neighbor_weights
from pyramidcolor.inference import colorize


@pytest.fixture(scope="module")
def colorizer():
    torch.manual_seed(0)
    return build_colorizer("hsv-point", saturation_gain=1.2)


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def halves(height=48, width=64):
    """A photo that is dark on its left half and light on its right."""
    gray = torch.where(torch.arange(width) < width // 2, 0.3, 0.8)
    return gray.expand(3, height, width)


def pixel(image, x, y):
    return image[:, int(y * image.shape[-2]), int(x * image.shape[-1])]


class TestWeights:
    def test_of_every_pixel_agree_with_a_slow_twin(self):
        gray, contrast = noise(4, 5).double().numpy(), 0.3
        slow = np.zeros((20, 20))
        for y, x in np.ndindex(4, 5):
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    if (down or right) and 0 <= y + down < 4 and 0 <= x + right < 5:
                        step = gray[y, x] - gray[y + down, x + right]
                        weight = math.exp(-(step**2) / (2 * contrast**2))
                        slow[5 * y + x, 5 * (y + down) + x + right] = weight
        slow /= slow.sum(1, keepdims=True)
        np.testing.assert_allclose(neighbor_weights(gray, contrast).toarray(), slow)

    def test_are_an_eighth_each_where_the_gray_is_flat(self):
        weights = neighbor_weights(np.full((5, 5), 0.4)).toarray()[12]
        assert sorted(weights)[-9:] == pytest.approx([0] + [1 / 8] * 8)

    def test_of_a_pixel_unlike_all_its_neighbors_still_sum_to_1(self):
        gray = np.zeros((3, 3))
        gray[1, 1] = 1
        np.testing.assert_allclose(neighbor_weights(gray, 0.001).sum(1), 1)


class TestColorizing:
    @pytest.mark.parametrize("space", COLOR_SPACES)
    def test_without_hints_gives_the_networks_colors(self, space):
        torch.manual_seed(0)
        network, photo = build_colorizer(space, saturation_gain=1.2), noise(3, 32, 32)
        found = HintedPhoto(photo, network, working_size=32).colorize()
        torch.testing.assert_close(found, colorize(photo, network, working_size=32), atol=2e-4, rtol=0)

    @pytest.mark.parametrize("x", [0.0, 0.26, 0.5, 0.99, 1.0])
    def test_gives_a_pinned_pixel_the_hue_and_the_saturation_of_its_hint(self, colorizer, x):
        photo, hint = halves(), Hint(x, 0.4, "#40c080")
        hinted = HintedPhoto(photo, colorizer, working_size=32).colorize([hint])
        found = rgb_to_hsv(pixel(hinted, min(x, 0.999), 0.4).reshape(3, 1, 1)).flatten()
        assert found[:2].tolist() == pytest.approx(rgb_to_hsv(hint.rgb())[:2].flatten().tolist(), abs=1e-3)

    @pytest.mark.parametrize("space", ["lab", "yuv"])
    def test_gives_a_pinned_pixel_the_chroma_of_its_hint_in_other_color_spaces(self, space):
        hint = Hint(0.3, 0.4, "#40c080")
        space_of = COLOR_SPACES[space]
        gray, chroma = space_of.encode(hint.rgb())
        photo = space_of.decode(gray, torch.zeros_like(chroma)).expand(3, 48, 64)  # the hint's own lightness
        hinted = HintedPhoto(photo, build_colorizer(space), working_size=32).colorize([hint])
        torch.testing.assert_close(pixel(hinted, 0.3, 0.4), hint.rgb().flatten(), atol=2e-3, rtol=0)

    def test_keeps_the_photos_v(self, colorizer):
        photo = noise(3, 40, 56)
        hinted = HintedPhoto(photo, colorizer, working_size=32).colorize([Hint(0.5, 0.5, "red")])
        torch.testing.assert_close(hinted.amax(0), photo.amax(0))

    def test_takes_a_color_away_where_a_gray_is_pinned(self, colorizer):
        hinted = HintedPhoto(halves(), colorizer, working_size=32).colorize([Hint(0.2, 0.5, "gray")])
        red, green, blue = pixel(hinted, 0.2, 0.5).tolist()
        assert red == pytest.approx(green, abs=1e-4)
        assert green == pytest.approx(blue, abs=1e-4)

    def test_keeps_the_networks_color_beyond_an_edge(self, colorizer):
        photo = HintedPhoto(halves(), colorizer, working_size=32)
        changed = (photo.colorize([Hint(0.2, 0.5, "blue")]) - photo.colorize()).abs().amax(0)
        assert changed[:, 36:].max() < 0.01
        assert changed[:, 8:20].min() > 0.05

    def test_keeps_two_hints_apart(self, colorizer):
        pair = [Hint(0.2, 0.5, "blue"), Hint(0.8, 0.5, "lime")]
        photo = HintedPhoto(halves(), colorizer, working_size=32)
        both, turned = photo.colorize(pair), photo.colorize(pair[::-1])
        torch.testing.assert_close(both, turned, atol=1e-4, rtol=0)
        assert pixel(both, 0.2, 0.5).argmax() == 2
        assert pixel(both, 0.8, 0.5).argmax() == 1

    def test_lets_the_later_of_two_hints_on_one_spot_win(self, colorizer):
        photo = HintedPhoto(halves(), colorizer, working_size=32)
        blue, lime = Hint(0.2, 0.5, "blue"), Hint(0.2, 0.5, "lime")
        assert torch.equal(photo.colorize([blue, lime]), photo.colorize([lime]))

    def test_spreads_hints_in_a_picture_of_bounded_size_however_large_the_network_sees_the_photo(
        self, colorizer, monkeypatch
    ):
        monkeypatch.setattr(hints, "_SIDE", 32)
        hint = [Hint(0.2, 0.5, "blue")]
        shares = [
            HintedPhoto(halves(64, 64), colorizer, working_size=size).influence(hint) for size in (32, 64)
        ]
        torch.testing.assert_close(*shares)


class TestInfluence:
    def test_is_the_least_energy_under_its_pins(self, colorizer):
        """The slow twin: the whole quadratic program as one dense system with multipliers."""
        photo, reach, contrast = noise(3, 16, 16), 0.5, 0.2
        hinted = HintedPhoto(photo, colorizer, working_size=16, reach=reach, contrast=contrast)
        residual = np.eye(256) - neighbor_weights(photo.amax(0).double().numpy(), contrast).toarray()
        pull = (3 / 8 / (reach * 16) ** 2) ** 2
        pins = [16 * 8 + 3, 16 * 2 + 12]
        pinning = np.eye(256)[pins]
        system = np.block(
            [[residual.T @ residual + pull * np.eye(256), pinning.T], [pinning, np.zeros((2, 2))]]
        )
        slow = np.linalg.solve(system, np.append(np.zeros(256), [1, 1]))[:256].reshape(1, 16, 16)
        pair = [Hint(3.5 / 16, 8.5 / 16, "red"), Hint(12.5 / 16, 2.5 / 16, "red")]
        found = hinted.influence(pair)
        np.testing.assert_allclose(found.numpy(), slow.clip(0, 1), atol=1e-5)

    @pytest.mark.parametrize("reach", [0.08, 0.12])
    def test_in_flat_gray_fades_as_the_kelvin_function_that_solves_the_continuous_problem(
        self, colorizer, reach
    ):
        photo = HintedPhoto(torch.full((3, 80, 80), 0.5), colorizer, working_size=80, reach=reach)
        along = photo.influence([Hint(0.506, 0.506, "red")])[0, 40, 40:]  # the pixel in column 40 and row 40
        distance = torch.arange(40) / (80 * reach)
        continuous = torch.from_numpy(kei(distance.numpy()) / kei(0)).float().clamp(min=0)
        # Pixels are coarse near the pin, and the photo ends after four to six reaches.
        torch.testing.assert_close(along, continuous, atol=0.03, rtol=0)

    def test_is_none_without_hints(self, colorizer):
        assert HintedPhoto(halves(), colorizer, working_size=32).influence([]).max() == 0

    def test_goes_farther_over_steps_that_the_contrast_calls_alike(self, colorizer):
        hint = [Hint(0.2, 0.5, "red")]
        shares = [
            HintedPhoto(halves(), colorizer, working_size=32, contrast=contrast, reach=1).influence(hint)
            for contrast in (0.03, 1.0)
        ]
        assert pixel(shares[0], 0.6, 0.5) < 0.02
        assert pixel(shares[1], 0.6, 0.5) > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.2, 0.5, "red"), r"x must lie in \[0, 1\], got 1.2"),
        ((0.5, math.nan, "red"), r"y must lie in \[0, 1\], got nan"),
        ((0.5, 0.5, "reddish"), "reddish"),
    ],
)
def test_a_hint_that_cannot_be_pinned_says_why(arguments, message):
    with pytest.raises(ValueError, match=message):
        Hint(*arguments)


@pytest.mark.parametrize(
    ("photo", "options", "message"),
    [
        (torch.zeros(16, 16), {}, r"photo must have the shape \(3, H, W\), got \(16, 16\)"),
        (torch.zeros(3, 16, 16), {"reach": 0}, "reach must be positive, got 0"),
        (torch.zeros(3, 16, 16), {"contrast": -1}, "contrast must be positive, got -1"),
    ],
)
def test_a_wrong_argument_is_named(colorizer, photo, options, message):
    with pytest.raises(ValueError, match=message):
        HintedPhoto(photo, colorizer, working_size=16, **options)

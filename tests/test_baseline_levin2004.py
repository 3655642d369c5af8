"""Levin 2004: exact under the scribbles, one color up to an edge, the weighted mean of the neighbors everywhere else."""

import numpy as np
import pytest
import torch

from pyramidcolor.baselines.levin2004 import Levin2004, allowed_step, spread
from pyramidcolor.baselines.method import random_scribbles
from pyramidcolor.colorspaces import YUV
from pyramidcolor.hints import neighbor_weights
from pyramidcolor.images import sample_photo


def scribbled(shape, *dots):
    """A mask and chroma `(2, H, W)` from (row, column, u, v)."""
    mask, chroma = np.zeros(shape, bool), np.zeros((2, *shape))
    for row, column, *color in dots:
        mask[row, column] = True
        chroma[:, row, column] = color
    return mask, chroma


def halves(height=16, width=24):
    return np.where(np.arange(width) < width // 2, 0.3, 0.8) * np.ones((height, 1))


def test_color_under_the_scribbles_is_what_was_scribbled():
    gray = np.random.default_rng(0).random((12, 15))
    mask, chroma = scribbled((12, 15), (2, 3, 0.5, -0.2), (9, 11, -0.4, 0.3))
    assert np.array_equal(spread(gray, mask, chroma)[:, mask], chroma[:, mask])


def test_every_other_pixel_is_the_weighted_mean_of_its_neighbors():
    gray = np.random.default_rng(0).random((12, 15))
    mask, chroma = scribbled((12, 15), (2, 3, 0.5, -0.2), (9, 11, -0.4, 0.3))
    found = spread(gray, mask, chroma)
    means = neighbor_weights(gray, allowed_step(gray)) @ found.reshape(2, -1).T
    free = ~mask.ravel()
    np.testing.assert_allclose(means[free], found.reshape(2, -1).T[free], atol=1e-9)


def test_color_fills_what_is_flat_and_stops_at_an_edge():
    lines = [(row, column, color, 0.1) for row in range(16) for column, color in ((3, 0.5), (20, -0.5))]
    mask, chroma = scribbled((16, 24), *lines)
    found = spread(halves(), mask, chroma)[0]
    # A color that takes no notice of the edge is a slope from 0.5 to -0.5, one 17th of it a step.
    slope = spread(np.full((16, 24), 0.5), mask, chroma)[0]
    np.testing.assert_allclose(np.diff(slope[:, 3:21]), -1 / 17, atol=1e-6)
    assert (found[:, 11] - found[:, 12]).min() > 0.5
    assert found[:, :12].min() > 0.25
    assert found[:, 12:].max() < -0.25


def test_one_scribble_colors_the_whole_photo():
    gray = np.random.default_rng(0).random((10, 10))
    mask, chroma = scribbled((10, 10), (5, 5, 0.5, -0.2))
    np.testing.assert_allclose(spread(gray, mask, chroma)[0], 0.5, atol=1e-6)


def test_the_deviation_is_that_of_the_nine_pixels_around():
    gray = np.random.default_rng(0).random((6, 7))
    deviation = allowed_step(gray)
    assert deviation[3, 4] ** 2 == pytest.approx(0.6 * gray[2:5, 3:6].var())
    assert deviation[0, 0] ** 2 == pytest.approx(0.6 * gray[:2, :2].var())
    assert allowed_step(np.full((4, 4), 0.5)).min() > 0


def test_neighbors_count_by_the_deviation_around_the_pixel_itself():
    gray = np.random.default_rng(0).random((5, 6))
    deviation = allowed_step(gray)
    weights = neighbor_weights(gray, deviation).toarray()
    one, other, third = 2 * 6 + 3, 2 * 6 + 4, 3 * 6 + 3
    steps = [(gray.ravel()[one] - gray.ravel()[place]) ** 2 for place in (other, third)]
    ratio = np.exp((steps[1] - steps[0]) / (2 * deviation[2, 3] ** 2))
    assert weights[one, other] / weights[one, third] == pytest.approx(ratio)


def test_a_photo_is_near_its_true_colors_after_a_few_dots_and_exact_under_them():
    photo = sample_photo("astronaut")[:, :128, 150:300]
    mask, rgb = random_scribbles(photo, 40, seed=0)
    colored = Levin2004().colorize(photo, hint=(mask, rgb))
    gray = YUV.decode(YUV.gray(photo), torch.zeros(2, 128, 150))
    torch.testing.assert_close(colored[:, mask], photo[:, mask], atol=2e-3, rtol=0)
    assert (colored - photo).abs().mean() < 0.6 * (gray - photo).abs().mean()


def test_a_large_photo_is_solved_small_and_still_near_its_scribbles():
    photo = torch.full((3, 400, 500), 0.5)
    photo[:, :, 250:] = torch.tensor([0.8, 0.3, 0.3])[:, None, None]
    mask = torch.zeros(400, 500, dtype=torch.bool)
    mask[:, 100] = mask[:, 400] = True
    colored = Levin2004().colorize(photo, hint=(mask, photo))
    torch.testing.assert_close(colored[:, 150, 450], photo[:, 150, 450], atol=0.05, rtol=0)
    torch.testing.assert_close(colored[:, 150, 50], photo[:, 150, 50], atol=0.05, rtol=0)


def test_scribbles_that_do_not_fit_are_refused():
    photo = torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(8, 9, dtype=torch.bool)
    for hint, message in (
        (None, "needs scribbles"),
        (photo, "needs scribbles"),
        ((mask[:4], photo), "photo's size"),
        ((mask.float(), photo), "mask of bool"),
        ((mask, photo[:, :4]), "photo's size"),
        ((~mask, photo), "at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            Levin2004().colorize(photo, hint=hint)

"""The fast ways between RGB and HSV against their slow twins in `color`, and bands in threads."""

import threading

import pytest
import torch
from inputs import every_color, half_turns_apart, torch_threads

from pyramidcolor import bands, color
from pyramidcolor.bands import BAND_PIXELS, hsv_in_bands, in_threads, is_fast, one_core_each, rgb_in_bands


@pytest.fixture
def slowly(monkeypatch):
    """The formulas of `color`, whatever the picture's size."""
    monkeypatch.setattr(color, "is_fast", lambda image: False)


def assert_same_hsv(one, other):
    apart = half_turns_apart(2 * one[..., 0, :, :].double(), 2 * other[..., 0, :, :].double())
    assert apart.max() < 2e-6  # some roundings of float32, in half-turns
    torch.testing.assert_close(one[..., 1, :, :], other[..., 1, :, :], rtol=0, atol=3e-7)
    assert one[..., 2, :, :].equal(other[..., 2, :, :])


def test_every_8_bit_color_has_the_hsv_of_the_formula_and_comes_back(slowly):
    for colors in list(every_color())[::11]:
        rgb = colors / 255
        hsv = hsv_in_bands(rgb)
        assert hsv[0].min() >= 0
        assert hsv[0].max() < 1
        assert_same_hsv(hsv, color.rgb_to_hsv(rgb))
        torch.testing.assert_close(rgb_in_bands(hsv), color.hsv_to_rgb(hsv), rtol=0, atol=1e-6)
        assert (rgb_in_bands(hsv) * 255).round().byte().equal(colors)


def test_random_colors_and_hues_that_wrap_are_those_of_the_formula(slowly):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 3, 200, 257, generator=generator)
    assert_same_hsv(hsv_in_bands(image), color.rgb_to_hsv(image))
    image[..., 0, :, :] = 6 * image[..., 0, :, :] - 3
    torch.testing.assert_close(rgb_in_bands(image), color.hsv_to_rgb(image), rtol=0, atol=2e-6)
    assert rgb_in_bands(image).amax(-3).equal(image[..., 2, :, :])


@pytest.mark.parametrize(("darkest", "spread"), [(0, 1e-3), (0, 1e-9), (0.5, 1e-3), (0.5, 1e-6)])
def test_almost_black_and_almost_gray_pictures_are_those_of_the_formula(darkest, spread, slowly):
    image = darkest + spread * torch.rand(3, 200, 400, generator=torch.Generator().manual_seed(0))
    assert_same_hsv(hsv_in_bands(image), color.rgb_to_hsv(image))


def test_a_large_picture_takes_the_fast_way_in_any_layout_and_number_of_threads(monkeypatch):
    taken = []
    monkeypatch.setattr(color, "hsv_in_bands", lambda image: taken.append(image.shape) or hsv_in_bands(image))
    monkeypatch.setattr(bands, "THREADED_PIXELS", 1)
    image = torch.rand(3, 300, 400, generator=torch.Generator().manual_seed(0))
    with torch_threads(3):
        result = color.rgb_to_hsv(image)
    assert taken == [(3, 300, 400)]
    with torch_threads(1):
        assert color.rgb_to_hsv(image.movedim(0, -1).contiguous().movedim(-1, 0)).equal(result)


@pytest.mark.parametrize(
    "image",
    [
        torch.rand(3, 10, 10),
        torch.rand(3, 1, BAND_PIXELS).double(),
        torch.rand(3, 1, BAND_PIXELS).requires_grad_(),
    ],
    ids=["small", "float64", "with gradient"],
)
def test_other_pictures_take_the_formula(image):
    assert not is_fast(image)


def test_without_opencv_every_picture_takes_the_formula(monkeypatch):
    image = torch.rand(3, 1, BAND_PIXELS)
    assert is_fast(image)
    fast = color.hsv_to_rgb(image)
    monkeypatch.setattr(bands, "opencv", lambda: None)
    assert not is_fast(image)
    torch.testing.assert_close(color.hsv_to_rgb(image), fast, rtol=0, atol=2e-6)


def test_a_picture_that_could_have_a_gradient_is_fast_where_none_is_recorded():
    image = torch.rand(3, 1, BAND_PIXELS).requires_grad_()
    with torch.no_grad():
        assert is_fast(image)
        assert not color.rgb_to_hsv(image).requires_grad


@pytest.mark.parametrize("threads", [1, 2, 5, 50])
def test_every_row_is_done_once(threads):
    done = []
    in_threads(lambda first, last: done.extend(range(first, last)), 23, 4, threads)
    assert sorted(done) == list(range(23))


def test_what_a_band_raises_is_raised():
    def fail(first, last):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        in_threads(fail, 10, 2, 3)


def test_threads_of_the_pool_compute_with_one_and_the_caller_keeps_its_own():
    before = torch.get_num_threads()
    with one_core_each(3) as pool:
        assert set(pool.map(lambda _: torch.get_num_threads(), range(9))) == {1}
    assert torch.get_num_threads() == before
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [before]

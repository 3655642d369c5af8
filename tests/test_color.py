"""RGB to and from HSV, Lab and YUV, against colorsys, scikit-image, hand-worked values and every 8-bit color."""

import colorsys
import itertools

import numpy as np
import pytest
import skimage.color
import torch
from inputs import DEVICES, every_color, half_turns_apart, pixel

from pyramidcolor.color import hsv_to_rgb, lab_to_rgb, rgb_to_hsv, rgb_to_lab, rgb_to_yuv, yuv_to_rgb

THERE_AND_BACK = [
    pytest.param(rgb_to_hsv, hsv_to_rgb, id="hsv"),
    pytest.param(rgb_to_lab, lab_to_rgb, id="lab"),
    pytest.param(rgb_to_yuv, yuv_to_rgb, id="yuv"),
]
CONVERSIONS = [function for pair in THERE_AND_BACK for function in pair.values]
RAMP = torch.linspace(0, 1, 17, dtype=torch.float64)
# 4,913 colors: black, white, all grays of the ramp, both ends of every sextant, and every tie between channels.
GRID = torch.stack(torch.meshgrid(RAMP, RAMP, RAMP, indexing="ij")).flatten(2)


def random_colors(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def suitable_input(function, *lead):
    """Random pictures that a conversion can read: RGB, or what its inverse makes of RGB."""
    rgb = random_colors(*lead, 3, 4, 5)
    inverse = {back: there for there, back in (pair.values for pair in THERE_AND_BACK)}.get(function)
    return inverse(rgb) if inverse else rgb


def by_colorsys(function, image):
    pixels = [function(*color) for color in image.flatten(1).T.tolist()]
    return torch.tensor(pixels, dtype=image.dtype).T.reshape(image.shape)


def by_skimage(function, image):
    return torch.from_numpy(np.moveaxis(function(image.movedim(0, -1).numpy()), -1, 0))


# Every 8-bit color


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("there", "back"), THERE_AND_BACK)
def test_every_8_bit_color_comes_back_within_half_a_step(there, back, device):
    for colors in every_color(device):
        rgb = colors / 255
        returned = back(there(rgb))
        assert (returned - rgb).abs().max() < 0.5 / 255
        assert (returned * 255).round().byte().equal(colors)


@pytest.mark.parametrize(
    ("there", "lowest", "highest"),
    [
        pytest.param(rgb_to_hsv, (0, 0, 0), (1, 1, 1), id="hsv"),
        # A float32 L of white may lie a rounding step above 100.
        pytest.param(rgb_to_lab, (0, -86.2, -107.9), (100.00001, 98.3, 94.5), id="lab"),
        pytest.param(rgb_to_yuv, (0, -0.4361, -0.615), (1, 0.4361, 0.615), id="yuv"),
    ],
)
def test_every_8_bit_color_lies_in_the_range_that_the_docstring_states(there, lowest, highest):
    lowest, highest = torch.tensor(lowest), torch.tensor(highest)
    for colors in every_color():
        converted = there(colors / 255)
        assert (converted.amin((1, 2)) >= lowest).all()
        assert (converted.amax((1, 2)) <= highest).all()
        if there is rgb_to_hsv:
            assert converted[0].max() < 1


# Independent implementations


@pytest.mark.parametrize(
    "rgb", [pytest.param(GRID, id="grid"), pytest.param(random_colors(3, 50, 100), id="random")]
)
def test_hsv_agrees_with_colorsys(rgb):
    hsv = rgb_to_hsv(rgb)
    torch.testing.assert_close(hsv, by_colorsys(colorsys.rgb_to_hsv, rgb), rtol=0, atol=1e-12)
    torch.testing.assert_close(hsv_to_rgb(hsv), by_colorsys(colorsys.hsv_to_rgb, hsv), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sixths", [*range(7), *(sextant + 0.5 for sextant in range(6)), 1e-7, 5.9999999])
def test_hsv_agrees_with_colorsys_in_every_sextant_and_at_its_ends(sixths):
    hue, saturation, value = sixths / 6, 0.6, 0.8
    rgb = hsv_to_rgb(pixel(hue, saturation, value, dtype=torch.float64))
    expected = colorsys.hsv_to_rgb(hue, saturation, value)
    torch.testing.assert_close(rgb.flatten().tolist(), list(expected), rtol=0, atol=1e-12)
    returned = rgb_to_hsv(rgb).flatten()
    assert half_turns_apart(2 * returned[0], torch.tensor(2 * hue, dtype=torch.float64)) < 1e-12
    torch.testing.assert_close(returned[1:].tolist(), [saturation, value], rtol=0, atol=1e-12)


# scikit-image rounds the two constants of the cube root's linear part, 7.787 and 0.008856; that shows up to 2e-4 in
# dark colors, on a scale of 100. Its other constants are ours, and so is its order of operations up to rounding.
@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance"),
    [
        pytest.param(rgb_to_hsv, skimage.color.rgb2hsv, 1e-12, id="rgb_to_hsv"),
        pytest.param(rgb_to_lab, skimage.color.rgb2lab, 2e-4, id="rgb_to_lab"),
        pytest.param(rgb_to_yuv, skimage.color.rgb2yuv, 1e-12, id="rgb_to_yuv"),
    ],
)
def test_conversions_from_rgb_agree_with_scikit_image(ours, theirs, tolerance):
    for rgb in (GRID, random_colors(3, 100, 100)):
        torch.testing.assert_close(ours(rgb), by_skimage(theirs, rgb), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("ours", "there", "theirs", "tolerance"),
    [
        pytest.param(hsv_to_rgb, rgb_to_hsv, skimage.color.hsv2rgb, 1e-12, id="hsv_to_rgb"),
        pytest.param(lab_to_rgb, rgb_to_lab, skimage.color.lab2rgb, 2e-5, id="lab_to_rgb"),
        pytest.param(yuv_to_rgb, rgb_to_yuv, skimage.color.yuv2rgb, 1e-12, id="yuv_to_rgb"),
    ],
)
def test_conversions_to_rgb_agree_with_scikit_image(ours, there, theirs, tolerance):
    for rgb in (GRID, random_colors(3, 100, 100)):
        image = there(rgb)
        torch.testing.assert_close(ours(image), by_skimage(theirs, image), rtol=0, atol=tolerance)


# Invariants and values worked out by hand


def test_gray_has_hue_0_and_saturation_0():
    gray = (torch.arange(256) / 255).expand(3, 1, 256)
    hue, saturation, value = rgb_to_hsv(gray)
    assert not hue.any()
    assert not saturation.any()
    assert value.equal(gray[0])


def test_passing_red_to_green_to_blue_turns_the_hue_by_a_third():
    rgb = random_colors(3, 40, 50)
    before, after = rgb_to_hsv(rgb), rgb_to_hsv(rgb.roll(1, 0))
    third = torch.full_like(before[0], 2 / 3)
    assert half_turns_apart(2 * after[0], 2 * before[0] + third).max() < 1e-12
    assert after[1:].equal(before[1:])


def test_dimming_and_mixing_with_white_leave_the_hue_alone():
    rgb = random_colors(3, 40, 50)
    hue, saturation, _ = rgb_to_hsv(rgb)
    dimmed, paler = rgb_to_hsv(rgb / 4), rgb_to_hsv(0.5 + rgb / 2)
    assert dimmed[:2].equal(torch.stack((hue, saturation)))
    assert half_turns_apart(2 * paler[0], 2 * hue).max() < 1e-10
    assert (paler[1] < saturation).all()


def test_hue_wraps_in_hsv_to_rgb():
    hsv = rgb_to_hsv(random_colors(3, 40, 50))
    turned = hsv + torch.tensor([1.0, 0, 0]).reshape(3, 1, 1) * torch.tensor([-3, -1, 1, 2]).reshape(
        4, 1, 1, 1
    )
    torch.testing.assert_close(hsv_to_rgb(turned), hsv_to_rgb(hsv).expand(4, -1, -1, -1), rtol=0, atol=1e-12)


def test_the_largest_channel_is_the_value_exactly():
    generator = torch.Generator().manual_seed(1)
    hsv = torch.rand(3, 500, 500, generator=generator)
    hsv[0] = 3 * hsv[0] - 1  # hues that wrap too
    hsv[0, 0] = (torch.arange(500) % 24 - 6) / 6  # and the ends of sextants, where two channels are largest
    hsv[0, 1] = torch.nextafter(hsv[0, 0], torch.tensor(9.0))
    hsv[0, 2] = torch.nextafter(hsv[0, 0], torch.tensor(-9.0))
    assert hsv_to_rgb(hsv).amax(0).equal(hsv[2])


def test_lab_of_black_white_and_middle_gray_is_as_worked_out_by_hand():
    grays = torch.tensor([0, 0.5, 1], dtype=torch.float64).expand(3, 1, 3)
    lightness, a, b = rgb_to_lab(grays)
    luminance = ((0.5 + 0.055) / 1.055) ** 2.4
    expected = [0.0, 116 * luminance ** (1 / 3) - 16, 100.0]
    torch.testing.assert_close(lightness.flatten().tolist(), expected, rtol=0, atol=1e-9)
    assert torch.stack((a, b)).abs().max() < 0.01  # the matrix has six digits, and so has its white


def test_yuv_of_gray_has_no_chroma_and_its_own_luma():
    grays = (torch.arange(256, dtype=torch.float64) / 255).expand(3, 1, 256)
    y, u, v = rgb_to_yuv(grays)
    torch.testing.assert_close(y, grays[0])
    assert torch.stack((u, v)).abs().max() < 1e-7  # rows of eight digits that sum to 0


def test_colors_beyond_srgb_are_not_clipped():
    assert lab_to_rgb(pixel(50.0, 100.0, -100.0)).min() < -0.1
    assert yuv_to_rgb(pixel(0.9, 0.4, 0.0)).max() > 1.1


# Gradients


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("there", [rgb_to_hsv, rgb_to_lab, rgb_to_yuv])
def test_gradients_from_rgb_are_finite_even_where_the_formula_is_not(there, device):
    levels = (0, 1e-45, 1e-40, 1e-38, 5e-38, 1e-30, 1e-7, 0.04045, 0.5, 0.5 + 6e-8, 1)
    colors = torch.tensor(list(itertools.product(levels, repeat=3)), device=device).T.unsqueeze(-1)
    assert_finite_gradients(there, colors)


@pytest.mark.parametrize("there", [rgb_to_lab, rgb_to_yuv])
def test_gradients_are_finite_for_rgb_outside_its_range(there):
    colors = torch.cartesian_prod(*[torch.tensor([-0.5, 0.0, 1.5])] * 3).T.unsqueeze(-1)
    assert_finite_gradients(there, colors)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("back", "levels"),
    [
        (hsv_to_rgb, [[-1.0, -1e-40, 0.0, 1e-40, 1 / 6, 0.5, 1.0], [0.0, 1e-40, 1.0], [0.0, 1e-40, 1.0]]),
        (lab_to_rgb, [[0.0, 1e-40, 8.0, 50.0, 100.0], [-110.0, 0.0, 110.0], [-110.0, 0.0, 110.0]]),
        (yuv_to_rgb, [[0.0, 1e-40, 1.0], [-0.436, 0.0, 0.436], [-0.615, 0.0, 0.615]]),
    ],
)
def test_gradients_to_rgb_are_finite_even_beyond_srgb(back, levels, device):
    colors = torch.tensor(list(itertools.product(*levels)), device=device).T.unsqueeze(-1)
    assert_finite_gradients(back, colors)


def assert_finite_gradients(function, colors):
    colors = colors.requires_grad_()
    for channel in function(colors).unbind(0):
        assert channel.isfinite().all()
        (gradient,) = torch.autograd.grad(channel.sum(), colors, retain_graph=True)
        assert gradient.isfinite().all()


def test_gray_pixels_pass_no_gradient_to_their_hue():
    gray = torch.full((3, 1, 4), 0.5).requires_grad_()
    rgb_to_hsv(gray)[0].sum().backward()
    assert not gray.grad.any()


def colors_away_from_ties():
    """Colors in all six orders of the channels, bright ones and ones below the knees of sRGB and L*a*b*."""
    orders = list(itertools.permutations((0.15, 0.47, 0.83)))
    dark = [[0.03 * channel for channel in color] for color in orders]
    return torch.tensor(orders + dark, dtype=torch.float64).T.unsqueeze(-1)


@pytest.mark.parametrize("there", [rgb_to_hsv, rgb_to_lab, rgb_to_yuv])
def test_gradients_from_rgb_are_right(there):
    assert torch.autograd.gradcheck(there, colors_away_from_ties().requires_grad_(), eps=1e-7)


@pytest.mark.parametrize(("there", "back"), THERE_AND_BACK)
def test_gradients_to_rgb_are_right(there, back):
    assert torch.autograd.gradcheck(back, there(colors_away_from_ties()).requires_grad_(), eps=1e-7)


def test_the_gradient_to_rgb_is_right_for_hues_that_wrap():
    hsv = rgb_to_hsv(colors_away_from_ties())
    wrapped = torch.cat((hsv[:1] - 2, hsv[1:])).requires_grad_()
    assert torch.autograd.gradcheck(hsv_to_rgb, wrapped, eps=1e-7)


# Types, shapes, devices


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_rounded_once(function, dtype):
    image = suitable_input(function, 50).to(dtype)
    result, exact = function(image), function(image.float())
    assert result.dtype == dtype
    if function is rgb_to_hsv:
        assert ((result[:, 0] >= 0) & (result[:, 0] < 1)).all()
        # Near the full turn a rounded hue may be 0, so it is measured the short way round.
        assert half_turns_apart(2 * result[:, 0].float(), 2 * exact[:, 0]).max() <= torch.finfo(dtype).eps
        result, exact = result[:, 1:], exact[:, 1:]
    assert result.equal(exact.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_hue_that_rounds_to_a_whole_turn_is_0(dtype):
    almost_red = pixel(1, 0, torch.finfo(dtype).tiny, dtype=dtype)
    assert rgb_to_hsv(almost_red).flatten().tolist() == [0, 1, 1]


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize("device", DEVICES)
def test_autocast_does_not_change_the_result(function, device):
    image = suitable_input(function).float().to(device)
    with torch.autocast(device, torch.bfloat16):
        result = function(image)
    assert result.dtype == torch.float32
    assert result.equal(function(image))


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize("device", DEVICES)
def test_the_type_and_the_device_are_kept(function, device):
    image = suitable_input(function).to(device)
    for dtype in (torch.float32, torch.float64):
        result = function(image.to(dtype))
        assert (result.dtype, result.device) == (dtype, image.device)
        # Twenty roundings of float32, on Lab's scale of 100.
        torch.testing.assert_close(result.cpu().double(), function(image.cpu()), rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize("lead", [(2,), (2, 3), (1, 1, 2), (0,), (2, 0)])
def test_every_picture_of_a_batch_is_converted_by_itself(function, lead):
    batch = suitable_input(function, *lead)
    result = function(batch)
    assert result.shape == batch.shape
    for place in itertools.product(*map(range, lead)):
        # Not to the last bit: powers of long and of short rows are computed by different instructions.
        torch.testing.assert_close(result[place], function(batch[place]))


@pytest.mark.parametrize("function", CONVERSIONS)
def test_the_layout_in_memory_does_not_matter_and_the_input_is_left_alone(function):
    image = suitable_input(function, 2)
    before, expected = image.clone(), function(image)
    channels_last = image.to(memory_format=torch.channels_last)
    strided = torch.stack((image, image), -1)[..., 1]
    assert function(channels_last).equal(expected)
    assert function(strided).equal(expected)
    assert function(image[:1].expand(5, -1, -1, -1)).equal(expected[:1].expand(5, -1, -1, -1))
    assert image.equal(before)


# Errors


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize("shape", [(3,), (3, 4), (4, 4, 3), (1, 1, 4, 4), (2, 4, 3, 3)])
def test_another_shape_is_refused_by_name(function, shape):
    name = function.__name__.split("_to_")[0]
    with pytest.raises(
        ValueError, match=rf"^{name} must have the shape \(\.\.\., 3, H, W\), got \({shape[0]},"
    ):
        function(torch.zeros(shape))


@pytest.mark.parametrize("function", CONVERSIONS)
@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "a tensor of torch.uint8"),
        (np.zeros((3, 4, 4)), "ndarray"),
        (None, "NoneType"),
    ],
)
def test_anything_but_a_floating_point_tensor_is_refused_by_name(function, image, kind):
    name = function.__name__.split("_to_")[0]
    with pytest.raises(TypeError, match=f"^{name} must be a floating-point tensor, got {kind}$"):
        function(image)

"""What a network reads and predicts: ranges, the seam, what decoding keeps, over every 8-bit color."""

import math

import pytest
import torch
from inputs import DEVICES, every_color, half_turns_apart, pixel

from pyramidcolor.color import rgb_to_hsv
from pyramidcolor.colorspaces import (
    COLOR_SPACES,
    HSV,
    HSV_POINT,
    LAB,
    LAB_POLAR,
    YUV,
    amplify,
    decode_luminance,
    half_turns_to_turns,
    hue_of,
    join_chroma,
    luminance_gray,
    shrink_chroma,
    turns_to_half_turns,
)

SPACES = [pytest.param(space, id=name) for name, space in COLOR_SPACES.items()]
HUE_SPACES = [pytest.param(HSV, id="hsv"), pytest.param(HSV_POINT, id="hsv-point")]
PLAIN_SPACES = [pytest.param(LAB, id="lab"), pytest.param(YUV, id="yuv")]
EIGHT_BIT_VALUES = torch.arange(256) / 255


def uniform(*shape, low=-1.0, high=1.0, seed=0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def eight_bit(rgb):
    return (rgb * 255).round()


# Every 8-bit color


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("space", SPACES)
def test_every_8_bit_color_survives_encoding_and_decoding(space, device):
    for colors in every_color(device):
        rgb = colors / 255
        decoded = space.decode(*space.encode(rgb))
        assert (decoded - rgb).abs().max() < 0.5 / 255
        assert eight_bit(decoded).byte().equal(colors)


@pytest.mark.parametrize("space", SPACES)
def test_what_a_network_sees_of_every_8_bit_color_lies_in_minus_1_to_1(space):
    for colors in every_color():
        for tensor in space.encode(colors / 255):
            assert tensor.abs().max() <= 1


@pytest.mark.parametrize("space", SPACES)
def test_the_colors_of_rgb_use_most_of_the_range(space):
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3).T.unsqueeze(-1)
    gray, chroma = space.encode(corners)
    torch.testing.assert_close(gray.aminmax(), (torch.tensor(-1.0), torch.tensor(1.0)))
    assert (chroma.amax((1, 2)) > 0.66).all()
    assert (chroma.amin((1, 2)) < -0.66).all()


# Hue in half-turns


@pytest.mark.parametrize(
    ("color", "hue"),
    [
        ((1, 0, 0), 0),
        ((1, 1, 0), 1 / 3),
        ((0, 1, 0), 2 / 3),
        ((0, 1, 1), -1),
        ((0, 0, 1), -2 / 3),
        ((1, 0, 1), -1 / 3),
    ],
    ids=["red", "yellow", "green", "cyan", "blue", "magenta"],
)
def test_red_is_0_and_each_third_of_a_half_turn_is_the_next_of_six_colors(color, hue):
    gray, chroma = HSV.encode(pixel(*map(float, color)))
    torch.testing.assert_close(chroma, pixel(hue, 1.0))
    assert gray.item() == 1


def test_the_seam_is_at_cyan_on_both_sides():
    nearly_one, step = (
        254 / 255,
        1 / 255 / 3,
    )  # one 8-bit step below the largest channel is a 3 * 255th of a half-turn
    greenish, cyan, bluish = (
        HSV.encode(pixel(0.0, *color))[1][0].item() for color in ((1, nearly_one), (1, 1), (nearly_one, 1))
    )
    assert (greenish, cyan, bluish) == pytest.approx((1 - step, -1, -1 + step))
    for hue in (1.0, -1.0):
        torch.testing.assert_close(HSV.decode(pixel(1.0), pixel(hue, 1.0)), pixel(0.0, 1.0, 1.0))


def test_hues_across_the_seam_decode_to_nearly_the_same_color():
    gray = torch.ones(1, 1, 100)
    inward = torch.linspace(0, 1e-3, 100).reshape(1, 1, 100)
    one, other = (HSV.decode(gray, torch.cat((hue, gray))) for hue in (1 - inward, inward - 1))
    assert (one - other).abs().max() <= 3e-3 + 1e-6


def test_turns_and_half_turns_undo_each_other():
    turns = torch.arange(1 << 16) / (1 << 16)
    half_turns = turns_to_half_turns(turns)
    assert half_turns.min() == -1
    assert half_turns.max() < 1
    assert half_turns_to_turns(half_turns).equal(turns)
    assert half_turns_to_turns(half_turns + 2).equal(turns)


def test_the_largest_hue_below_a_seam_stays_below_it():
    below_cyan, below_red = torch.nextafter(torch.tensor([0.5, 1.0]), torch.tensor(0.0))
    assert turns_to_half_turns(below_cyan) < 1
    assert -1e-6 < turns_to_half_turns(below_red) < 0


# Gray


@pytest.mark.parametrize("space", SPACES)
def test_gray_alone_is_the_gray_of_encode(space):
    rgb = uniform(2, 3, 5, 7, low=0)
    assert space.gray(rgb).equal(space.encode(rgb)[0])


def test_the_gray_of_hsv_is_the_largest_channel():
    rgb = uniform(2, 3, 5, 7, low=0)
    for space in (HSV, HSV_POINT):
        torch.testing.assert_close(space.gray(rgb), 2 * rgb.max(1, keepdim=True).values - 1)


def test_luminance_gray_weighs_green_most_and_leaves_gray_pictures_as_they_are():
    red, green, blue = (
        luminance_gray(pixel(*color)).item() for color in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    )
    assert (red, green, blue) == pytest.approx((2 * 0.299 - 1, 2 * 0.587 - 1, 2 * 0.114 - 1))
    gray = EIGHT_BIT_VALUES.expand(3, 1, 256)
    torch.testing.assert_close(luminance_gray(gray), HSV.gray(gray))
    rgb = uniform(2, 3, 5, 7, low=0)
    assert (luminance_gray(rgb) <= HSV.gray(rgb) + 1e-6).all()


@pytest.mark.parametrize("space", HUE_SPACES)
def test_a_color_decoded_by_luminance_has_that_luminance_and_the_hue_of_its_chroma(space):
    luminance = uniform(1, 40, 50, seed=1)
    chroma = space.encode(uniform(3, 40, 50, low=0.0))[1]
    rgb = decode_luminance(luminance, chroma, space)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    torch.testing.assert_close(luminance_gray(rgb), luminance, atol=1e-5, rtol=0)
    sure = rgb.amax(0) - rgb.amin(0) > 0.05
    apart = half_turns_apart(hue_of(HSV.encode(rgb)[1], HSV), hue_of(chroma, space))[0]
    assert apart[sure].max() < 1e-3


@pytest.mark.parametrize("space", HUE_SPACES)
def test_decoding_by_luminance_gives_a_photo_back_from_its_own(space):
    rgb = uniform(3, 40, 50, low=0.0)
    restored = decode_luminance(luminance_gray(rgb), space.encode(rgb)[1], space)
    torch.testing.assert_close(restored, rgb, atol=1e-4, rtol=0)


def test_a_pixel_that_is_lighter_than_its_color_can_be_is_paled():
    blue, middle = pixel(-2 / 3, 1.0), torch.zeros(1, 1, 1)
    red, green, value = decode_luminance(middle, blue, HSV).flatten().tolist()
    assert value == 1
    assert red == pytest.approx(green, abs=1e-5)
    assert red == pytest.approx((0.5 - 0.114) / (1 - 0.114), abs=1e-5)


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_black_and_white_stay_when_decoded_by_luminance(end):
    chroma = torch.stack((torch.linspace(-1, 1, 7), torch.linspace(-1, 1, 7)))[..., None]
    rgb = decode_luminance(torch.full((1, 7, 1), end), chroma, HSV)
    torch.testing.assert_close(rgb, torch.full((3, 7, 1), (end + 1) / 2))


@pytest.mark.parametrize("space", PLAIN_SPACES)
def test_a_space_whose_gray_is_no_value_cannot_be_decoded_by_luminance(space):
    with pytest.raises(ValueError, match="has no saturation, so its gray is not V"):
        decode_luminance(torch.zeros(1, 2, 2), torch.zeros(2, 2, 2), space)


# What a space says of itself


def test_every_space_stands_under_its_own_name():
    assert {name: space.name for name, space in COLOR_SPACES.items()} == {name: name for name in COLOR_SPACES}


@pytest.mark.parametrize("space", SPACES)
def test_a_space_predicts_the_channels_that_it_names(space):
    gray, chroma = space.encode(uniform(2, 3, 5, 7, low=0))
    assert (gray.shape, chroma.shape) == ((2, 1, 5, 7), (2, space.chroma_channels, 5, 7))


@pytest.mark.parametrize("space", HUE_SPACES)
def test_the_saturation_channel_is_minus_1_for_gray_and_1_for_pure_colors(space):
    colors = torch.stack((pixel(0.3, 0.3, 0.3), pixel(0.0, 0.2, 0.1), pixel(0.4, 0.4, 0.2)))
    saturation = space.encode(colors)[1][:, space.saturation_channel].flatten()
    torch.testing.assert_close(saturation, torch.tensor([-1.0, 1.0, 0.0]))


@pytest.mark.parametrize("space", HUE_SPACES)
def test_saturation_of_minus_1_decodes_to_gray_at_every_hue(space):
    chroma = uniform(space.chroma_channels, 20, 30)
    chroma[space.saturation_channel] = -1
    gray = uniform(1, 20, 30, seed=1)
    assert space.decode(gray, chroma).equal(((gray + 1) / 2).expand(3, -1, -1))


# Hue as a point


def test_a_hue_as_a_point_lies_on_the_unit_circle_at_the_hues_angle():
    rgb = uniform(3, 50, 60, low=0)
    cosine, sine, saturation = HSV_POINT.encode(rgb)[1]
    hue, saturation_of_hsv = HSV.encode(rgb)[1]
    torch.testing.assert_close(cosine**2 + sine**2, torch.ones(50, 60))
    assert half_turns_apart(torch.atan2(sine, cosine) / math.pi, hue).max() < 1e-5
    assert saturation.equal(saturation_of_hsv)


@pytest.mark.parametrize("length", [0.01, 0.25, 1.0, 1.4])
def test_the_length_of_the_point_changes_saturation_by_its_root_and_nothing_else(length):
    chroma = HSV_POINT.encode(torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)))[1]
    gray = torch.rand(1, 8, 8)
    stretched = torch.cat((chroma[:2] * length, chroma[2:]))
    hsv, decoded = (rgb_to_hsv(HSV_POINT.decode(gray, one)) for one in (chroma, stretched))
    wanted = torch.stack((hsv[0], hsv[1] * min(length, 1) ** 0.5, hsv[2]))
    torch.testing.assert_close(decoded, wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", [0.0, 1e-30])  # the square of the second is 0 in float32
def test_the_center_of_the_disc_has_a_color_and_a_finite_gradient(length):
    chroma = pixel(length, length, 0.0).requires_grad_()
    rgb = HSV_POINT.decode(torch.ones(1, 1, 1), chroma)
    assert rgb.amax() == 1
    assert rgb.amin() > 0.97  # undecided, so nearly gray
    rgb.sum().backward()
    assert chroma.grad.isfinite().all()


@pytest.mark.parametrize("space", HUE_SPACES)
def test_hue_of_reads_the_hue_of_either_form(space):
    rgb = uniform(2, 3, 20, 30, low=0)
    hue = hue_of(space.encode(rgb)[1], space)
    assert hue.shape == (2, 1, 20, 30)
    assert half_turns_apart(hue, 2 * rgb_to_hsv(rgb)[:, :1]).max() < 1e-5


@pytest.mark.parametrize("space", PLAIN_SPACES)
def test_hue_of_is_none_where_there_is_no_hue(space):
    assert hue_of(torch.zeros(2, 4, 4), space) is None


# Decoding what a network predicts


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("space", HUE_SPACES)
def test_whatever_the_chroma_the_photos_own_value_comes_back(space, device):
    value = EIGHT_BIT_VALUES.to(device).reshape(1, 256, 1)
    chroma = uniform(space.chroma_channels, 1, 8000).to(device)
    chroma[:, :, :4] = torch.tensor(
        [-1, 1, 0, 1 / 3], device=device
    )  # the seam, red, and the end of a sextant
    decoded = space.decode((2 * value - 1).expand(-1, -1, 8000), chroma.expand(-1, 256, -1))
    assert eight_bit(decoded.amax(0)).equal(eight_bit(value[0]).expand(-1, 8000))
    assert decoded.min() >= 0


@pytest.mark.parametrize("space", PLAIN_SPACES)
def test_colors_that_rgb_lacks_are_clipped_channel_by_channel(space):
    gray, chroma = uniform(1, 100, 100), uniform(2, 100, 100, seed=1)
    decoded = space.decode(gray, chroma)
    assert (decoded.min(), decoded.max()) == (0, 1)
    shown = ((decoded > 0) & (decoded < 1)).all(0)
    assert 0 < shown.float().mean() < 1
    returned = space.encode(decoded)  # a pixel in which no channel was clipped is what was asked for
    for before, after in zip((gray, chroma), returned, strict=True):
        torch.testing.assert_close(after[:, shown], before[:, shown], rtol=0, atol=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_encoding_and_decoding_take_any_batch(space):
    rgb = uniform(2, 2, 3, 4, 5, low=0)
    gray, chroma = space.encode(rgb)
    one_by_one = [[space.encode(rgb[row, column]) for column in range(2)] for row in range(2)]
    for row in range(2):
        for column in range(2):
            torch.testing.assert_close((gray[row, column], chroma[row, column]), one_by_one[row][column])
    torch.testing.assert_close(space.decode(gray, chroma), rgb, rtol=0, atol=1e-5)
    assert space.decode(*space.encode(rgb[:0])).shape == (0, 2, 3, 4, 5)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_in_range(space, dtype):
    rgb = torch.cartesian_prod(*[torch.linspace(0, 1, 17)] * 3).T.unsqueeze(-1).to(dtype)
    gray, chroma = space.encode(rgb)
    assert gray.dtype == chroma.dtype == dtype
    assert max(gray.abs().max(), chroma.abs().max()) <= 1
    decoded = space.decode(gray, chroma)
    # Lab's dark colors rest on small differences of large numbers: they lose three of the eleven or eight bits. As an angle they
    # lose more: a hue's last bit moves a vivid color by one and a half steps of a or b.
    steps = 16 if space is LAB_POLAR else 10
    assert (decoded.float() - rgb.float()).abs().max() < steps * torch.finfo(dtype).eps


# Vividness


@pytest.mark.parametrize("space", SPACES)
def test_a_gain_of_1_changes_nothing_and_0_gives_gray(space):
    gray, chroma = space.encode(uniform(3, 20, 30, low=0))
    torch.testing.assert_close(amplify(chroma, 1, space), chroma)
    dull = space.decode(gray, amplify(chroma, 0, space))
    # Gray to the third digit: the rows of Lab's and YUV's matrices are rounded.
    assert (dull.amax(0) - dull.amin(0)).max() < 1e-3


@pytest.mark.parametrize("space", HUE_SPACES)
def test_a_gain_multiplies_saturation_up_to_1_and_leaves_the_hue(space):
    chroma = space.encode(uniform(3, 20, 30, low=0))[1]
    channel = space.saturation_channel
    amplified = amplify(chroma, 1.5, space)
    expected = (1.5 * (chroma[channel] + 1) / 2).clamp(max=1)
    torch.testing.assert_close((amplified[channel] + 1) / 2, expected)
    assert amplified[:channel].equal(chroma[:channel])


@pytest.mark.parametrize("space", PLAIN_SPACES)
def test_a_gain_multiplies_both_chroma_channels_of_lab_and_yuv(space):
    chroma = uniform(2, 20, 30)
    assert amplify(chroma, 2, space).equal(2 * chroma)


@pytest.mark.parametrize("gain", [-0.1, math.nan])
def test_a_gain_below_0_is_refused(gain):
    with pytest.raises(ValueError, match=f"gain must be at least 0, got {gain}"):
        amplify(torch.zeros(2, 1, 1), gain, LAB)


# Shrinking


def chroma_row(*pairs):
    """A picture of one row, `(1, 2, 1, W)`, from pairs of hue in half-turns and saturation in [-1, 1]."""
    return torch.tensor(pairs).T.reshape(1, 2, 1, -1).expand(-1, -1, len(pairs), -1)


def as_point(chroma):
    angle = chroma[:, :1] * math.pi
    return torch.cat((angle.cos(), angle.sin(), chroma[:, 1:]), 1)


@pytest.mark.parametrize(
    ("pairs", "hue", "saturation"),
    [
        pytest.param([(-0.95, 1.0), (0.95, 1.0)], 1.0, 1.0, id="across the seam"),
        pytest.param([(0.2, 0.0), (0.4, 0.0)], 0.3, 0.0, id="on one side of it"),
        pytest.param([(0.5, -1.0), (-0.2, 0.6)], -0.2, -0.2, id="gray beside a color"),
        pytest.param([(0.0, 1.0), (0.5, -0.5)], math.atan2(0.25, 1) / math.pi, 0.25, id="unequal saturation"),
        pytest.param([(0.3, -1.0), (0.3, -1.0)], 0.3, -1.0, id="all gray"),
    ],
)
@pytest.mark.parametrize("space", HUE_SPACES)
def test_hues_shrink_as_points_as_heavy_as_their_saturation(space, pairs, hue, saturation):
    chroma = chroma_row(*pairs)
    shrunk = shrink_chroma(chroma if space is HSV else as_point(chroma), 2, space)
    assert shrunk.shape == (1, space.chroma_channels, 1, 1)
    # A gray pixel keeps a weight of 1e-4, which may turn the hue by as much.
    assert half_turns_apart(hue_of(shrunk, space), torch.full((1, 1, 1, 1), hue)).item() < 2e-4
    assert shrunk[0, space.saturation_channel].item() == pytest.approx(saturation)
    if space is HSV_POINT:
        assert shrunk[0, :2].norm().item() == pytest.approx(1)


@pytest.mark.parametrize("space", PLAIN_SPACES)
def test_lab_and_yuv_shrink_to_the_mean_of_each_square(space):
    chroma = uniform(2, 2, 6, 9)
    squares = chroma.reshape(2, 2, 2, 3, 3, 3)
    torch.testing.assert_close(shrink_chroma(chroma, 3, space), squares.mean((3, 5)))


@pytest.mark.parametrize("space", SPACES)
def test_shrinking_by_1_changes_nothing_and_a_flat_picture_keeps_its_chroma(space):
    chroma = space.encode(uniform(2, 3, 1, 1, low=0).expand(-1, -1, 8, 8))[1]
    assert shrink_chroma(chroma, 1, space).equal(chroma)
    torch.testing.assert_close(shrink_chroma(chroma, 4, space), chroma[..., :2, :2])


# Joining


@pytest.mark.parametrize("space", SPACES)
def test_chroma_at_full_size_joined_with_its_gray_is_the_photo_again(space):
    rgb = uniform(3, 6, 8, low=0)
    torch.testing.assert_close(join_chroma(*space.encode(rgb), space), rgb, atol=2e-3, rtol=0)


@pytest.mark.parametrize("space", [HSV, LAB_POLAR], ids=["hsv", "lab-polar"])
def test_joining_enlarges_hues_on_both_sides_of_the_seam_without_passing_red(space):
    strength = torch.full((1, 2), -0.5)
    chroma = torch.stack((torch.tensor([[0.95, -0.95]]), strength))
    joined = join_chroma(torch.zeros(1, 2, 8), chroma, space)
    hues = hue_of(space.encode(joined)[1], space)
    assert hues.abs().min() > 0.9


def test_joining_amplifies_what_it_joins():
    gray, chroma = HSV.encode(uniform(3, 6, 8, low=0))
    assert join_chroma(gray, chroma, HSV, gain=0).equal(((gray + 1) / 2).expand(3, -1, -1))

"""The two stages: what they are built of, what each output sees, what they refuse."""

import copy
import itertools
import math

import pytest
import torch
from inputs import DEVICES
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from pyramidcolor import models
from pyramidcolor.images import enlarge_chroma, resize
from pyramidcolor.models import (
    LikelyPoint,
    LowScaleNet,
    PyramidNet,
    TwoStageColorizer,
    agree,
    initialize_he,
    scale_factors,
)

THIN = (6,) * 11  # enough for questions of place and shape
LOW_FACTORS = {"side": 16, "area": 4}
MIDDLE_FACTORS = {"side": 4, "area": 2}
VARIANTS = [
    pytest.param({}, {}, id="default"),
    pytest.param({"scales": "area"}, {"scales": "area"}, id="area"),
    pytest.param({"norm": True}, {"norm": True}, id="norm"),
    pytest.param({"chroma_channels": 3}, {"chroma_channels": 3, "hue_channel": None}, id="point"),
    pytest.param(
        {"chroma_channels": 3, "hue_bins": 24}, {"chroma_channels": 3, "hue_channel": None}, id="bins"
    ),
    pytest.param({"input_factor": 16, "dilations": (1,) * 4 + (2,) * 8}, {}, id="dilated"),
    pytest.param({}, {"middle_gray": False, "full_gray": False}, id="letter of the paper"),
]


def built(kind, seed=0, **options):
    torch.manual_seed(seed)
    return kind(**options)


def two_stages(low_options, pyramid_options, seed=0):
    return TwoStageColorizer(
        built(LowScaleNet, seed, **low_options), built(PyramidNet, seed + 1, **pyramid_options)
    )


def uniform(*shape, seed=0):
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def layers_of(net, kind):
    return [layer for layer in net.modules() if isinstance(layer, kind)]


def seen_by(part, net, *inputs):
    """What a part of a network receives while the network runs."""
    received = []
    hook = part.register_forward_pre_hook(lambda _, arguments: received.append(arguments[0]))
    with torch.no_grad():
        net(*inputs)
    hook.remove()
    (tensor,) = received
    return tensor


# Sizes


@pytest.mark.parametrize("scales", ["side", "area"])
@pytest.mark.parametrize("size", [(64, 64), (16, 112), (80, 48)])
def test_stage_one_answers_at_the_low_scale_and_stage_two_at_full_size(scales, size):
    gray = uniform(2, 1, *size)
    model = two_stages({"scales": scales, "widths": THIN}, {"scales": scales})
    low_chroma, chroma = model.both_scales(gray)
    assert model.low_factor == LOW_FACTORS[scales]
    assert low_chroma.shape == (2, 2, size[0] // LOW_FACTORS[scales], size[1] // LOW_FACTORS[scales])
    assert chroma.shape == (2, 2, *size)
    assert scale_factors(scales) == (LOW_FACTORS[scales], MIDDLE_FACTORS[scales])


@pytest.mark.parametrize(
    ("scales", "input_factor"),
    [("side", 1), ("side", 2), ("side", 4), ("side", 16), ("area", 1), ("area", 4)],
)
def test_the_low_scale_is_reached_from_whatever_size_the_first_convolution_sees(scales, input_factor):
    net = built(LowScaleNet, scales=scales, widths=THIN, input_factor=input_factor)
    gray = uniform(1, 1, 48, 80)
    sides = (48 // input_factor, 80 // input_factor)
    small = interpolate(gray, sides, mode="bilinear", antialias=True) if input_factor > 1 else gray
    torch.testing.assert_close(seen_by(net.layers, net, gray), small)
    assert net(gray).shape[-2:] == (48 // LOW_FACTORS[scales], 80 // LOW_FACTORS[scales])
    # What training does: a picture that is already shrunk gives the same chroma.
    torch.testing.assert_close(net(small, shrunk=True), net(gray))


def test_the_widths_are_the_channels_after_each_convolution():
    widths = tuple(range(3, 14))
    net = LowScaleNet(chroma_channels=5, widths=widths)
    assert [layer.out_channels for layer in layers_of(net, nn.Conv2d)] == [*widths, 5]
    assert net(torch.zeros(1, 1, 32, 32)).shape == (1, 5, 2, 2)


# All variants


@pytest.mark.parametrize(("low_options", "pyramid_options"), VARIANTS)
@pytest.mark.parametrize("device", DEVICES)
def test_every_parameter_gets_a_gradient_and_every_output_is_a_number(low_options, pyramid_options, device):
    model = two_stages(low_options, pyramid_options).to(device).train()
    chroma = model(uniform(4, 1, 64, 96).to(device))
    assert chroma.abs().max() <= 1  # fails for NaN too
    chroma.square().mean().backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any() or not parameter.grad.isfinite().all()
    ]
    assert without == []


@pytest.mark.parametrize(("low_options", "pyramid_options"), VARIANTS)
def test_a_picture_gets_the_same_chroma_alone_and_in_a_batch(low_options, pyramid_options):
    model = two_stages(low_options, pyramid_options)
    batch = uniform(3, 1, 32, 64)
    model.train()(uniform(8, 1, 32, 64, seed=1))  # lets batch norm take up statistics
    with torch.no_grad():
        together = model.eval()(batch)
        alone = torch.cat([model(picture) for picture in batch.split(1)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("low_options", "pyramid_options"), VARIANTS)
def test_the_layout_in_memory_does_not_matter(low_options, pyramid_options):
    model, gray = two_stages(low_options, pyramid_options).eval(), uniform(2, 1, 32, 64)
    with torch.no_grad():
        expected = model(gray)
        model.to(memory_format=torch.channels_last)
        result = model(gray.to(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_bf16_stays_near_full_precision(device):
    model, gray = two_stages({}, {}).eval().to(device), uniform(2, 1, 64, 64).to(device)
    with torch.no_grad():
        exact = model(gray)
        with torch.autocast(device, torch.bfloat16):
            rough = model(gray)
    assert (rough.float() - exact).abs().mean() < 0.03


def test_the_two_joined_do_what_one_after_the_other_does():
    model, gray = two_stages({}, {}).eval(), uniform(2, 1, 32, 64)
    with torch.no_grad():
        low_chroma = model.low_scale_net(gray)
        chroma = model.pyramid_net(low_chroma, gray)
        low_of_both, full_of_both = model.both_scales(gray)
        assert model(gray).equal(chroma)
    assert low_of_both.equal(low_chroma)
    assert full_of_both.equal(chroma)


@pytest.mark.parametrize(("low_options", "pyramid_options"), VARIANTS)
def test_stage_one_s_answers_to_copies_of_several_sizes_are_averaged(low_options, pyramid_options):
    model = two_stages(low_options | {"widths": THIN}, pyramid_options).eval()
    gray, scales = uniform(2, 1, 96, 64), (0.5, 1.0)
    stage, hue = model.low_scale_net, model.pyramid_net.hue_channel
    with torch.no_grad():
        assert model.low_chroma(gray, (1,)).equal(stage(gray))
        half = interpolate(gray, (48, 32), mode="bilinear", antialias=True)  # half of all that stage one sees
        answers = [
            enlarge_chroma(stage(half), (96 // model.low_factor, 64 // model.low_factor), hue),
            stage(gray),
        ]
        low_chroma, chroma = model.both_scales(gray, scales)
        assert model(gray, scales).equal(chroma)
        assert model.pyramid_net(low_chroma, gray).equal(chroma)
    numbers = [index for index in range(low_chroma.shape[1]) if index != hue]
    # A copy that is shrunk twice is not quite one that is shrunk at once.
    wanted = sum(answers) / 2
    assert (low_chroma - wanted)[:, numbers].abs().mean() < 0.1 * wanted[:, numbers].abs().mean()
    if hue is not None:
        points = [
            torch.polar(torch.ones_like(answer[:, hue]), answer[:, hue] * torch.pi) for answer in answers
        ]
        turned = (low_chroma[:, hue] - sum(points).angle() / torch.pi).abs()
        assert torch.minimum(turned, 2 - turned).mean() < 0.05


def test_a_copy_is_seen_at_its_share_of_the_usual_size():
    model = two_stages({"widths": THIN}, {})
    for scale, sides in ((0.5, (8, 12)), (1, (16, 24)), (2, (32, 48)), (4, (64, 96)), (0.01, (4, 4))):
        seen = seen_by(model.low_scale_net.layers, model, uniform(1, 1, 64, 96), (scale,))
        assert seen.shape[-2:] == sides


@pytest.mark.parametrize("scales", [(), (0,), (1, -1), (4.5,)])
def test_scales_that_no_copy_can_have_are_refused(scales):
    with pytest.raises(ValueError, match="input_scales must be numbers above 0 and at most 4"):
        two_stages({"widths": THIN}, {}).low_chroma(uniform(1, 1, 32, 32), scales)


@pytest.mark.parametrize("norm", [True, False])
def test_gray_joins_at_full_size_as_one_more_channel(norm):
    net = built(PyramidNet, norm=norm).eval()
    features, gray = uniform(2, 16, 32, 48), uniform(2, 1, 32, 48, seed=1)
    with torch.no_grad():
        first, *others = net.full
        joined = nn.Sequential(*others)(first(torch.cat((features, gray), 1)))
        torch.testing.assert_close(net.full(features, gray), joined, rtol=0, atol=1e-5)


# He initialization


@pytest.mark.parametrize(
    ("kind", "options"), [(LowScaleNet, {}), (PyramidNet, {}), (PyramidNet, {"scales": "area", "norm": True})]
)
def test_weights_have_he_standard_deviation_and_biases_are_0(kind, options):
    net = built(kind, **options)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 7)  # which nothing may keep
    initialize_he(net)
    for layer in layers_of(net, nn.Conv2d | nn.ConvTranspose2d):
        expected = (2 / inputs_of_one_output(layer)) ** 0.5
        # The standard deviation of n normal numbers is itself uncertain by 1 / sqrt(2 n); here five times that.
        tolerance = 5 / (2 * layer.weight.numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=tolerance)
        assert abs(layer.weight.mean()) < 5 * expected / layer.weight.numel() ** 0.5
        assert layer.bias is None or not layer.bias.any()


def inputs_of_one_output(layer):
    """Counted, not computed: with weights of 1, a picture of ones sums to it, away from the border."""
    counter = copy.deepcopy(layer)
    nn.init.ones_(counter.weight)
    counter.bias = None
    with torch.no_grad():
        return counter(torch.ones(1, layer.in_channels, 16, 16))[0, 0, 4, 4].item()


def test_the_strength_of_activations_is_kept_through_twelve_convolutions():
    gray = uniform(1, 1, 160, 160)
    first, last = [], []
    for seed in range(4):
        net = built(LowScaleNet, seed, scales="area", widths=(64,) * 11)
        convolutions = layers_of(net, nn.Conv2d)
        inputs = [seen_by(layer, net, gray) for layer in (convolutions[1], convolutions[11])]
        # Away from the border, where zeros are padded.
        squares = [tensor[..., 13:-13, 13:-13].square().mean().item() for tensor in inputs]
        first.append(squares[0])
        last.append(squares[1])
    # With a variance of 1 / n instead of 2 / n it would be 1000 times weaker.
    assert 0.25 < sum(last) / sum(first) < 4


# What an output sees


@pytest.mark.parametrize(
    ("options", "pixels"),
    [
        # First what one pixel of the shrunk picture sees: the triangle of bilinear shrinking is two of its pixels wide.
        ({"scales": "side"}, 2 * 4 + 2 * 4 + 2 * 8 + 10 * 2 * 16),
        ({"scales": "side", "input_factor": 16}, 2 * 16 + 12 * 2 * 16),
        ({"scales": "area"}, 2 * 4 + 12 * 2 * 4),
        ({"scales": "area", "input_factor": 1}, 1 + 2 * 1 + 2 * 2 + 10 * 2 * 4),
        (
            {"scales": "side", "input_factor": 16, "dilations": (1,) * 8 + (2,) * 4},
            2 * 16 + 8 * 2 * 16 + 4 * 2 * 32,
        ),
    ],
)
def test_one_low_scale_output_sees_as_many_pixels_as_its_kernels_add_up_to(options, pixels):
    net = LowScaleNet(widths=(1,) * 11, **options).double()
    for layer in layers_of(net, nn.Conv2d):
        nn.init.constant_(layer.weight, 1 / 9)  # all positive, so that no two ways cancel and no ReLU closes
    gray = torch.ones(1, 1, 640, 640, dtype=torch.float64, requires_grad=True)
    low_chroma = net(gray)
    middle = low_chroma.shape[-1] // 2
    low_chroma[0, 0, middle, middle].backward()
    seen = gray.grad[0, 0] != 0
    assert seen.any(0).sum() == seen.any(1).sum() == pixels


@pytest.mark.parametrize(
    ("scales", "input_factor", "margin"),
    [("side", 4, 12), ("side", 16, 13), ("area", 4, 13), ("area", 1, 12)],
)
def test_a_picture_moved_by_one_low_scale_pixel_moves_its_low_chroma_by_one(scales, input_factor, margin):
    net = built(LowScaleNet, scales=scales, widths=THIN, input_factor=input_factor).double()
    factor = LOW_FACTORS[scales]
    side = 30 * factor
    gray = uniform(1, 1, side + factor, side + factor).double()
    with torch.no_grad():
        still, moved = net(gray[..., :side, :side]), net(gray[..., factor:, factor:])
    inner = slice(margin, -margin)
    torch.testing.assert_close(still[..., 1:, 1:][..., inner, inner], moved[..., :-1, :-1][..., inner, inner])
    assert not still[..., inner, inner].allclose(moved[..., inner, inner])


def test_the_middle_branch_reads_gray_of_its_own_scale():
    net, gray = built(PyramidNet), uniform(1, 1, 64, 96)
    torch.testing.assert_close(
        seen_by(net.middle, net, uniform(1, 2, 4, 6), gray)[:, 2:], avg_pool2d(gray, 4)
    )


def test_full_size_detail_of_gray_reaches_the_chroma_only_where_gray_joins_at_full_size():
    checkerboard = (
        torch.arange(32)[:, None] + torch.arange(32)
    ) % 2 * 0.5 - 0.25  # its mean is 0 at lower scales
    low_chroma, flat = uniform(1, 2, 2, 2), torch.zeros(1, 1, 32, 32)
    for full_gray in (True, False):
        net = built(PyramidNet, full_gray=full_gray)
        with torch.no_grad():
            same = net(low_chroma, flat + checkerboard).allclose(net(low_chroma, flat))
        assert same != full_gray


# The hue's seam


@pytest.mark.parametrize("hue_channel", [0, 1])
def test_hues_on_both_sides_of_the_seam_are_enlarged_without_false_red(hue_channel):
    net = built(PyramidNet, hue_channel=hue_channel)
    low_chroma = torch.zeros(1, 2, 4, 4)
    low_chroma[:, hue_channel] = torch.tensor([0.95, -0.95]).repeat(2)
    gray = torch.zeros(1, 1, 64, 64)
    assert seen_by(net.middle, net, low_chroma, gray)[:, hue_channel].abs().min() > 0.94
    net.hue_channel = None
    assert (
        seen_by(net.middle, net, low_chroma, gray)[:, hue_channel].abs().min() < 0.3
    )  # reds, as numbers mix


def test_opposite_hues_side_by_side_have_finite_gradients():
    net = built(PyramidNet)
    low_chroma = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(1, 2, 4, 4).clone().requires_grad_()
    net(low_chroma, uniform(1, 1, 64, 64)).sum().backward()
    assert low_chroma.grad.isfinite().all()
    assert low_chroma.grad.any()


# Bins of hue


def test_the_point_is_the_likely_hue_and_the_shorter_the_less_is_known():
    point = LikelyPoint(24)

    def angle_and_length(shares):
        cosine, sine, saturation = point(
            torch.cat((shares, torch.tensor([0.3])))[None, :, None, None]
        ).flatten()
        assert saturation.item() == pytest.approx(math.tanh(0.3))
        return math.degrees(math.atan2(sine, cosine)) % 360, math.hypot(cosine, sine)

    for number in range(24):  # the first bin lies half a turn from red
        sure = torch.zeros(24)
        sure[number] = 30
        angle, length = angle_and_length(sure)
        assert (angle - 180 - 15 * number + 1) % 360 == pytest.approx(1, abs=1e-3)
        assert length == pytest.approx(1, abs=1e-3)
    two = torch.full((24,), -30.0)
    two[12], two[6] = (
        1.0,
        0.0,
    )  # red, and half as likely violet: their mean, without temperature 20 degrees from red, is near red
    angle, length = angle_and_length(two)
    assert -15 < (angle + 180) % 360 - 180 < 0
    assert 0.8 < length < 1
    assert angle_and_length(torch.zeros(24))[1] == pytest.approx(0, abs=1e-6)


def test_with_bins_the_answers_are_shares_and_the_chroma_is_their_point():
    net = built(LowScaleNet, chroma_channels=3, hue_bins=24, widths=THIN)
    gray = uniform(2, 1, 32, 48)
    answers = net.answers(gray)
    assert answers.shape == (2, 25, 2, 3)
    assert net(gray).equal(LikelyPoint(24)(answers))
    plain = built(LowScaleNet, widths=THIN)
    assert plain(gray).equal(plain.answers(gray).tanh())


def agree_slowly(answers, gray, strength):
    """By the words of its docstring, cell by cell."""
    height, width = answers.shape[-2:]
    factor = gray.shape[-1] // width
    squares = gray[0].unfold(0, factor, factor).unfold(1, factor, factor).reshape(height, width, -1)
    mean, spread = squares.mean(-1), squares.std(-1, correction=0)
    own, found = answers.log_softmax(0), torch.empty_like(answers)
    for row, column in itertools.product(range(height), range(width)):
        total, weights = own[:, row, column].clone(), 1.0
        for i, j in itertools.product(range(height), range(width)):
            if (i, j) != (row, column):
                apart = ((i - row) ** 2 + (j - column) ** 2) / 6.0**2
                apart += ((mean[i, j] - mean[row, column]) / 0.1) ** 2
                apart += ((spread[i, j] - spread[row, column]) / 0.04) ** 2
                weight = strength * math.exp(-apart / 2)
                total, weights = total + weight * own[:, i, j], weights + weight
        found[:, row, column] = total / weights
    return found


@pytest.mark.parametrize("rows", [1024, 7])
def test_cells_agree_with_those_that_look_alike(rows, monkeypatch):
    monkeypatch.setattr(models, "_ROWS", rows)  # a large picture's cells are taken in parts
    answers, gray = 4 * uniform(2, 5, 3, 4), uniform(2, 1, 24, 32) * 0.3
    expected = torch.stack([agree_slowly(*one, 0.4) for one in zip(answers, gray, strict=True)])
    torch.testing.assert_close(agree(answers, gray, 0.4), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(agree(answers, gray, 0), answers.log_softmax(1), rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):  # in bf16 the hues would come in steps
        torch.testing.assert_close(agree(answers, gray, 0.4), expected, rtol=1e-4, atol=1e-4)


def test_one_sky_has_one_hue_and_what_stands_before_it_has_its_own():
    answers = torch.zeros(1, 24, 4, 8)
    answers[:, 3] = 2.0  # the sky: blue
    answers[0, [3, 9], 1, 2] = answers.new_tensor([0.0, 2.0])  # but for one cell
    gray = torch.full((1, 1, 64, 128), 0.5)
    answers[0, [3, 9], :, 6:] = answers.new_tensor([0.0, 2.0])[:, None, None]  # a dark wall
    gray[..., 96:] = -0.5
    hues = agree(answers, gray, 0.1)[0].argmax(0)
    assert (hues[:, :6] == 3).all()
    assert (hues[:, 6:] == 9).all()
    rough = gray.clone()  # of the same mean gray
    rough[..., 16:32, 32:48] += uniform(16, 16).sign() * 0.3
    assert agree(answers, rough, 0.1)[0, :, 1, 2].argmax() == 9


@pytest.mark.parametrize("input_factor", [1, 2, 4])
def test_a_network_whose_cells_agree_gives_the_point_of_what_they_agree_on(input_factor):
    options = {"chroma_channels": 3, "hue_bins": 24, "widths": THIN, "input_factor": input_factor}
    net, alone = built(LowScaleNet, agreement=0.3, **options), built(LowScaleNet, **options)
    gray = uniform(2, 1, 32, 48)
    answers, seen = net.answers(gray), resize(gray, (32 // input_factor, 48 // input_factor))
    assert answers.equal(alone.answers(gray))  # what is trained by cross-entropy stays each cell's own
    agreed = torch.cat((agree(answers[:, :24], seen, 0.3), answers[:, 24:]), 1)
    assert net(gray).equal(LikelyPoint(24)(agreed))
    assert not net(gray).allclose(alone(gray), atol=1e-3)
    assert net(seen, shrunk=True).equal(net(gray))
    assert net.chroma(answers, gray).equal(net(gray))  # as the last phase of training has it
    assert net(gray[:1]).allclose(net(gray)[:1], atol=1e-6)


# Errors


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (LowScaleNet, {"scales": "volume"}, "scales must be one of side, area, got 'volume'"),
        (PyramidNet, {"scales": 16}, "scales must be one of side, area, got 16"),
        (LowScaleNet, {"widths": (8,) * 12}, "widths .* first 11 convolutions, got 12"),
        (LowScaleNet, {"dilations": (1,) * 11}, "dilations must hold 12 numbers.*got 11"),
        (LowScaleNet, {"input_factor": 0}, "input_factor must be a power of 2 that divides 16, got 0"),
        (LowScaleNet, {"input_factor": 3}, "input_factor must be a power of 2 that divides 16, got 3"),
        (LowScaleNet, {"input_factor": 32}, "input_factor must be a power of 2 that divides 16, got 32"),
        (LowScaleNet, {"input_factor": 8, "scales": "area"}, "input_factor .* divides 4, got 8"),
        (LowScaleNet, {"hue_bins": 2, "chroma_channels": 3}, "hue_bins must be .*, got 2 for 3 channels"),
        (LowScaleNet, {"hue_bins": -1, "chroma_channels": 3}, "hue_bins must be .*, got -1 for 3 channels"),
        (LowScaleNet, {"hue_bins": 24, "chroma_channels": 1}, "hue_bins must be .*, got 24 for 1 channels"),
        (LowScaleNet, {"agreement": 0.1}, "agreement must be .* with hue_bins, got 0.1 for 0 bins"),
        (
            LowScaleNet,
            {"hue_bins": 24, "chroma_channels": 3, "agreement": -1.0},
            "agreement must be 0, or more .*, got -1.0",
        ),
        (PyramidNet, {"hue_channel": 2}, "hue_channel must be one of 0 to 1 or None, got 2"),
        (PyramidNet, {"hue_channel": -1}, "hue_channel must be one of 0 to 1 or None, got -1"),
    ],
)
def test_arguments_that_make_no_network_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


@pytest.mark.parametrize(
    ("low_options", "pyramid_options", "message"),
    [
        ({"scales": "area"}, {}, "differ in scale: 1/4 and 1/16 of the side"),
        ({"chroma_channels": 3}, {}, "differ in chroma channels: 3 and 2"),
    ],
)
def test_stages_that_do_not_fit_each_other_are_refused(low_options, pyramid_options, message):
    with pytest.raises(ValueError, match=message):
        two_stages(low_options, pyramid_options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 32, 32), r"gray must have the shape \(B, 1, H, W\), got \(1, 32, 32\)"),
        ((1, 3, 32, 32), r"gray must have the shape \(B, 1, H, W\), got \(1, 3, 32, 32\)"),
        ((1, 1, 32, 40), r"sides of gray must be multiples of 16, got \(32, 40\)"),
        ((1, 1, 0, 16), r"sides of gray must be multiples of 16, got \(0, 16\)"),
    ],
)
def test_gray_of_another_shape_is_refused(shape, message):
    for model in (LowScaleNet(widths=THIN), two_stages({}, {})):
        with pytest.raises(ValueError, match=message):
            model(torch.zeros(shape))
    with pytest.raises(ValueError, match=message):
        PyramidNet()(torch.zeros(1, 2, 2, 2), torch.zeros(shape))


def test_a_shrunk_picture_must_have_sides_that_reach_the_low_scale():
    with pytest.raises(ValueError, match=r"multiples of 4, got \(8, 10\)"):
        LowScaleNet(widths=THIN)(torch.zeros(1, 1, 8, 10), shrunk=True)


@pytest.mark.parametrize("shape", [(1, 2, 4, 3), (1, 3, 4, 2), (2, 2, 4, 2), (2, 4, 2)])
def test_low_chroma_of_another_shape_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"low_chroma must be \(1, 2, 4, 2\) for gray of \(1, 1, 64, 32\), got"
    ):
        PyramidNet()(torch.zeros(shape), torch.zeros(1, 1, 64, 32))


@pytest.mark.parametrize("full_gray", [True, False])
@pytest.mark.parametrize("hue_channel", [0, None])
def test_a_residual_stage_two_begins_as_stage_one_enlarged(full_gray, hue_channel):
    low_chroma = torch.rand(2, 2, 2, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    gray = torch.rand(2, 1, 32, 48)
    net = PyramidNet(residual=True, full_gray=full_gray, hue_channel=hue_channel)
    torch.testing.assert_close(net(low_chroma, gray), enlarge_chroma(low_chroma, (32, 48), hue_channel))


def test_a_residual_correction_turns_hues_across_the_seam_and_stops_saturation_at_its_ends():
    net = PyramidNet(residual=True)
    chroma = torch.tensor([0.9, 0.9]).reshape(1, 2, 1, 1)
    hue, saturation = net._corrected(chroma, torch.full((1, 2, 1, 1), 0.3)).flatten().tolist()
    assert hue == pytest.approx(-0.8)
    assert saturation == 1

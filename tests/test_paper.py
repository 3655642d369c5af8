"""One test for each sentence of Kuo, Wei and You (2020) that a program can check, in the paper's order.

What the paper leaves open, and what only a long training could show, is in docs/paper_notes.md.
"""

import colorsys
import math
import re
from pathlib import Path

import pytest
import torch
from inputs import pixel
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.colorspaces import HSV, LAB, YUV, shrink_chroma
from pyramidcolor.losses import chroma_loss, hue_difference
from pyramidcolor.models import LowScaleNet, PyramidNet, TwoStageColorizer, scale_factors
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.training import train

READINGS = ["side", "area"]  # of "1/16" and "1/4"
THIN = {
    "low_scale_net": {"widths": (4,) * 11},
    "pyramid_net": {"low_width": 4, "middle_width": 4, "full_width": 4, "depth": 1},
}


def uniform(*shape, seed=0, low=-1.0):
    return low + (1 - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def built(kind, seed=0, **options):
    torch.manual_seed(seed)
    return kind(**options)


def seen_by(part, net, *inputs):
    """What a part of a network receives while the network runs."""
    received = []
    hook = part.register_forward_pre_hook(lambda _, arguments: received.append(arguments[0]))
    with torch.no_grad():
        net(*inputs)
    hook.remove()
    (tensor,) = received
    return tensor


def multiplications(net, *inputs):
    """How many a network's convolutions need for a picture."""
    counts = []

    def count(layer, _, output):
        counts.append(output[0].numel() * layer.in_channels * math.prod(layer.kernel_size))

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    net(*inputs)
    return sum(counts)


# II. Proposed method


def test_we_use_the_v_component_of_hsv_as_the_gray_scale_image_and_predict_h_and_s():
    """Section II: V goes in; H and S come out."""
    for color in uniform(20, 3, low=0).tolist():
        gray, chroma = HSV.encode(pixel(*color))
        hue, saturation, value = colorsys.rgb_to_hsv(*color)
        assert gray.item() == pytest.approx(2 * value - 1, abs=1e-6)
        assert chroma[0].item() % 2 == pytest.approx(2 * hue, abs=1e-5)
        assert chroma[1].item() == pytest.approx(2 * saturation - 1, abs=1e-6)


def test_h_and_s_are_used_to_colorize_the_gray_scale_input():
    """Section II.A, end: the gray picture itself stays; its V comes back from whatever a network predicts."""
    model, gray = TwoStageColorizer(built(LowScaleNet), built(PyramidNet)), uniform(1, 1, 32, 32)
    with torch.no_grad():
        colorized = HSV.decode(gray, model(gray))
    assert HSV.gray(colorized).sub(gray).abs().max() < 1e-6
    assert (colorized.amax(1) - colorized.amin(1)).max() > 0.1  # it is not gray


# II.A. Modelling


@pytest.mark.parametrize("scales", READINGS)
def test_our_model_starts_with_low_scale_chroma_maps_of_1_16_size(scales):
    """Section II.A, first sentence: 1/16, of the side or of the area."""
    chroma = built(LowScaleNet, scales=scales)(torch.zeros(1, 1, 256, 256))
    assert chroma.shape == ((1, 2, 16, 16) if scales == "side" else (1, 2, 64, 64))
    shrunk = {"side": 256 / chroma.shape[-1], "area": 256 * 256 / chroma[0, 0].numel()}
    assert shrunk[scales] == 16


def test_the_first_stage_is_composed_of_12_layers_of_3x3_convolutions():
    """Section II.A, Fig. 2."""
    layers = [layer for layer in LowScaleNet().layers if not isinstance(layer, nn.ReLU | nn.Tanh)]
    assert len(layers) == 12
    for layer in layers:
        assert isinstance(layer, nn.Conv2d)
        assert layer.kernel_size == (3, 3)


def test_the_first_11_layers_take_relu_whereas_the_12th_takes_tanh():
    """Section II.A, Fig. 2."""
    activations = [type(layer) for layer in list(LowScaleNet().layers)[1::2]]
    assert activations == [nn.ReLU] * 11 + [nn.Tanh]


@pytest.mark.parametrize("scales", READINGS)
def test_predicting_low_scale_chroma_reduces_the_complexity_of_the_model(scales):
    """Section II.A: the same twelve convolutions over the full size would need more than 16 times the work."""
    net = built(LowScaleNet, scales=scales)
    work = multiplications(net, torch.zeros(1, 1, 64, 64))
    at_full_size = sum(64 * 64 * layer.weight.numel() for layer in net.layers if isinstance(layer, nn.Conv2d))
    assert work * 15 < at_full_size


@pytest.mark.parametrize("scales", READINGS)
def test_we_concatenate_the_first_stage_output_with_the_gray_image_downsized_to_1_16(scales):
    """Section II.A: the input of the low branch."""
    net = built(PyramidNet, scales=scales)
    low_chroma, gray = uniform(2, 2, 64 // net.low_factor, 32 // net.low_factor), uniform(2, 1, 64, 32)
    expected = torch.cat((low_chroma, avg_pool2d(gray, net.low_factor)), 1)
    torch.testing.assert_close(seen_by(net.low, net, low_chroma, gray), expected)


@pytest.mark.parametrize("scales", READINGS)
def test_we_also_up_scale_the_concatenated_first_stage_output_to_the_middle_scale_of_1_4(scales):
    """Section II.A, to the letter: the gray of the low scale is enlarged along with the chroma."""
    net = built(PyramidNet, scales=scales, middle_gray=False, hue_channel=None)
    low_chroma, gray = uniform(1, 2, 128 // net.low_factor, 64 // net.low_factor), uniform(1, 1, 128, 64)
    middle_size = {"side": (32, 16), "area": (64, 32)}[scales]
    concatenated = torch.cat((low_chroma, avg_pool2d(gray, net.low_factor)), 1)
    expected = interpolate(concatenated, middle_size, mode="bilinear")
    torch.testing.assert_close(seen_by(net.middle, net, low_chroma, gray), expected)


@pytest.mark.parametrize("scales", READINGS)
@pytest.mark.parametrize("branch", ["low", "middle"])
def test_we_generate_the_full_size_using_all_of_the_lower_scales_directly(scales, branch):
    """Section II.A: unlike a standard pyramid, where only the neighboring scale counts."""
    net = built(PyramidNet, scales=scales)
    inputs = uniform(1, 2, 64 // net.low_factor, 64 // net.low_factor), uniform(1, 1, 64, 64, seed=1)
    with torch.no_grad():
        whole = net(*inputs)
        getattr(net, branch).register_forward_pre_hook(lambda _, arguments: torch.zeros_like(arguments[0]))
        without = net(*inputs)
    changed = (whole - without).abs().amax((0, 1)) > 1e-6
    assert changed.float().mean() > 0.99


def test_the_low_and_the_middle_scale_go_through_their_own_networks():
    """Section II.A: two convolutional sub-networks, which share no weight."""
    net = PyramidNet(depth=4)
    sub_networks = [
        [layer for layer in part if isinstance(layer, nn.Conv2d)] for part in (net.low, net.middle)
    ]
    assert [len(layers) for layers in sub_networks] == [4, 4]
    low, middle = ({id(layer.weight) for layer in layers} for layers in sub_networks)
    assert not low & middle


@pytest.mark.parametrize("scales", READINGS)
def test_both_features_are_concatenated_by_de_convolving_the_smaller_from_1_16_to_1_4(scales):
    """Section II.A."""
    net = built(PyramidNet, scales=scales, low_width=5, middle_width=7)
    _, middle_factor = scale_factors(scales)
    inputs = uniform(1, 2, 64 // net.low_factor, 64 // net.low_factor), uniform(1, 1, 64, 64)
    joined = seen_by(net.joined, net, *inputs)
    assert joined.shape == (1, 5 + 7, 64 // middle_factor, 64 // middle_factor)
    assert all(isinstance(layer, nn.ConvTranspose2d | nn.ReLU) for layer in net.low_to_middle)
    low = net.low_to_middle(net.low(seen_by(net.low, net, *inputs)))
    middle = net.middle(seen_by(net.middle, net, *inputs))
    torch.testing.assert_close(joined, torch.cat((low, middle), 1))


@pytest.mark.parametrize("scales", READINGS)
def test_the_concatenated_feature_passes_a_convolutional_network_to_be_deconvolved_into_full_scale_h_and_s(
    scales,
):
    """Section II.A, to the letter: no gray joins after the deconvolution, which itself gives H and S."""
    net = built(PyramidNet, scales=scales, full_gray=False)
    inputs = uniform(1, 2, 64 // net.low_factor, 64 // net.low_factor), uniform(1, 1, 64, 64)
    assert any(isinstance(layer, nn.Conv2d) for layer in net.joined)
    assert all(isinstance(layer, nn.ConvTranspose2d | nn.ReLU) for layer in net.middle_to_full)
    with torch.no_grad():
        deconvolved = net.middle_to_full(net.joined(seen_by(net.joined, net, *inputs)))
        assert deconvolved.shape == (1, 2, 64, 64)
        torch.testing.assert_close(net(*inputs), deconvolved.tanh())


# II.B. Training


def test_the_values_of_three_channels_are_normalized_in_the_range_between_minus_1_and_1():
    """Section II.B: and no end of the range is wasted."""
    rgb = torch.cartesian_prod(*[torch.linspace(0, 1, 33)] * 3).T.unsqueeze(-1)
    value, hue, saturation = torch.cat(HSV.encode(rgb))
    assert hue.min() == saturation.min() == value.min() == -1
    assert saturation.max() == value.max() == 1
    assert 0.98 < hue.max() < 1


def test_h_represents_minus_180_to_179_degrees_of_the_color_ring():
    """Section II.B: red is 0, 180° is -180°."""
    for degrees in range(-180, 180):
        rgb = pixel(*colorsys.hsv_to_rgb(degrees % 360 / 360, 0.8, 0.9))
        hue = HSV.encode(rgb)[1][0].item()
        # At the seam one rounding step decides the sign.
        assert hue == pytest.approx(degrees / 180, abs=1e-6) or (degrees == -180 and abs(hue) > 1 - 1e-6)


@pytest.mark.parametrize("scales", READINGS)
def test_the_ground_truth_is_shrunk_into_1_16_size_as_bilinear_interpolation_does(scales):
    """Section II.B: where chroma changes evenly, the mean of each square is what bilinear interpolation reads."""
    low_factor, _ = scale_factors(scales)
    slope = torch.linspace(-1, 1, 64)
    chroma = torch.stack((slope.expand(64, 64), (slope[:, None] - slope) / 2))[None]
    expected = interpolate(chroma, scale_factor=1 / low_factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(shrink_chroma(chroma, low_factor, LAB), expected)


def little_training(**options):
    """Three phases of a thin network on four noisy pictures: the records, and the weights after every epoch."""
    photos = list(uniform(4, 3, 32, 32, low=0))
    options = {"epochs": (1, 1, 1), "batch_size": 2, "size": 32, "precision": "fp32"} | THIN | options
    epochs = []
    for record, colorizer in train(photos[:2], photos[2:], TrainingConfig(**options)):
        epochs.append(
            (record, {name: tensor.clone() for name, tensor in colorizer.model.state_dict().items()})
        )
    return epochs


def changed_stages(before, after):
    return {name.split(".")[0] for name in before if not before[name].equal(after[name])}


def test_we_first_train_the_first_stage_and_then_the_second_and_fine_tune_the_first_during_it():
    """Section II.B: three phases, each of which changes the weights that it should and no others."""
    epochs = little_training()
    assert [record.phase for record, _ in epochs] == ["stage-one", "stage-two", "fine-tune"]
    one, two, three = (weights for _, weights in epochs)
    assert changed_stages(one, two) == {"pyramid_net"}
    assert changed_stages(two, three) == {"low_scale_net", "pyramid_net"}
    torch.manual_seed(TrainingConfig().seed)
    untrained = build_colorizer("hsv", **THIN).model.state_dict()
    assert changed_stages(untrained, one) == {"low_scale_net"}


def test_the_first_stage_is_trained_until_it_converges():
    """Section II.B: a phase ends when its validation loss no longer falls, however many epochs are allowed."""
    standstill = (1e-30, 1e-30, 1e-30)  # no weight moves, so no epoch is better than the first
    epochs = little_training(epochs=(9, 1, 1), patience=2, learning_rates=standstill)
    assert [record.phase for record, _ in epochs].count("stage-one") == 3


def test_adam_is_adopted_in_our_model_training(monkeypatch):
    """Section II.B: the only optimizer there is, one for each phase."""
    made = []

    class Adam(torch.optim.Adam):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    little_training()
    assert len(made) == 3
    assert all(optimizer.state for optimizer in made)  # each has taken steps


def test_the_he_initialization_is_adopted():
    """Section II.B: a normal distribution of variance 2 / n in every layer; a layer of twelve, as numbers."""
    weights = built(LowScaleNet).layers[12].weight  # the seventh convolution: 128 channels in
    assert weights.shape == (128, 128, 3, 3)
    assert weights.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)
    within_one = (weights.abs() < weights.std()).float().mean().item()
    assert within_one == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.005)  # 68 %: normal, not uniform


def test_l1_loss_is_chosen():
    """Section II.B: an error twice as large costs twice as much, not four times."""
    target = torch.zeros(1, 2, 4, 4)
    error = uniform(1, 2, 4, 4) / 2
    torch.testing.assert_close(chroma_loss(2 * error, target), 2 * chroma_loss(error, target))


def test_loss_is_the_saturation_loss_plus_lambda_times_the_hue_loss():
    """Eq. 1, worked out by hand: 0.3 + lambda * 0.25."""
    predicted, target = (pixel(*chroma)[None] for chroma in ((0.5, 0.1), (0.25, 0.4)))
    for factor in (0.0, 1.0, 4.0):
        expected = 0.3 + factor * 0.25
        assert chroma_loss(predicted, target, hue_factor=factor).item() == pytest.approx(expected)


def test_hues_of_minus_0_9_and_0_9_are_almost_the_same():
    """Section II.B, the paper's own example: subtraction says 1.8, the color ring says 0.2."""
    predicted, target = torch.tensor(-0.9), torch.tensor(0.9)
    assert (predicted - target).abs().item() == pytest.approx(1.8)
    assert hue_difference(predicted, target).item() == pytest.approx(0.2)


def test_the_hue_loss_is_the_absolute_difference_up_to_1_and_2_minus_it_beyond():
    """Eq. 2, both of its lines."""
    predicted, target = uniform(1000, seed=1), uniform(1000, seed=2)
    for ours, hue, truth in zip(
        hue_difference(predicted, target).tolist(), predicted.tolist(), target.tolist(), strict=True
    ):
        difference = abs(hue - truth)
        assert ours == pytest.approx(difference if difference <= 1 else 2 - difference, abs=1e-6)


# III. Experimental results


def test_color_spaces_are_compared_under_the_same_network():
    """Section III: HSV, Lab and YUV differ in nothing but what the channels mean."""
    shapes = []
    for space in (HSV, LAB, YUV):
        model = build_colorizer(space.name, {}, {}).model
        shapes.append({name: tensor.shape for name, tensor in model.state_dict().items()})
    assert shapes[0] == shapes[1] == shapes[2]


def test_the_paper_notes_name_every_test_of_this_file_and_no_other():
    """docs/paper_notes.md: its table and this file change together."""
    folder = Path(__file__).parent
    here = set(re.findall(r"^def (test_\w+)", Path(__file__).read_text(), re.MULTILINE))
    notes = (folder.parent / "docs" / "paper_notes.md").read_text(encoding="utf-8")
    table = notes.partition("## What the paper leaves open")[0]
    named = set(re.findall(r"`(test_\w+)`", table))
    assert named == here - {"test_the_paper_notes_name_every_test_of_this_file_and_no_other"}

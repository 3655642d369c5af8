"""A network's swift form against the network itself, in fp32 and in bf16."""

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from pyramidcolor import swift
from pyramidcolor.checkpoints import build_colorizer, load_pretrained
from pyramidcolor.images import SAMPLE_PHOTOS
from pyramidcolor.inference import colorize
from pyramidcolor.swift import swift_chroma, swift_form

GRAY = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1


def network(norm=True, hue_bins=0):
    """A small network whose batch statistics are those of some pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        widths = {"low_width": 8, "middle_width": 8, "full_width": 8}
        model = build_colorizer(
            "hsv-point",
            {"norm": norm, "widths": (8,) * 11, "hue_bins": hue_bins, "agreement": 0.1 if hue_bins else 0.0},
            widths | {"norm": norm},
        ).model
    with torch.no_grad():
        model.train()(GRAY)
    return model.eval()


@pytest.mark.parametrize(("norm", "hue_bins"), [(True, 0), (False, 0), (True, 24)])
def test_the_swift_form_gives_the_chroma_of_the_network(norm, hue_bins):
    model = network(norm, hue_bins)
    with torch.no_grad():
        torch.testing.assert_close(swift_chroma(model, GRAY), model(GRAY), rtol=0, atol=1e-5)
        several = swift_chroma(model, GRAY, input_scales=(0.5, 2))
        torch.testing.assert_close(several, model(GRAY, (0.5, 2)), rtol=0, atol=1e-5)
        assert (several - model(GRAY)).abs().mean() > 1e-3


def test_the_swift_form_has_no_norms_and_the_network_keeps_its_own():
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    form = swift_form(model, "bf16")
    assert not [part for part in form.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {part.weight.dtype for part in form.modules() if isinstance(part, nn.Conv2d)} == {torch.bfloat16}
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_the_form_is_kept_until_the_weights_change(monkeypatch):
    made = []
    monkeypatch.setattr(swift, "swift_form", lambda *given: made.append(given) or swift_form(*given))
    model = network()
    for _ in range(3):
        swift_chroma(model, GRAY)
    assert len(made) == 1
    with torch.no_grad():
        model.pyramid_net.full[-1].bias.add_(0.5)
    with torch.no_grad():
        torch.testing.assert_close(swift_chroma(model, GRAY), model(GRAY), rtol=0, atol=1e-5)
    assert len(made) == 2
    model.load_state_dict(network(True).state_dict())
    swift_chroma(model, GRAY)
    assert len(made) == 3


def test_a_network_in_training_mode_is_used_as_it_is():
    model = network()
    with torch.no_grad():
        wanted = network().train()(GRAY)
    torch.testing.assert_close(swift_chroma(model.train(), GRAY), wanted, rtol=0, atol=1e-5)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be one of auto, fp32, bf16, got 'half'"):
        swift_chroma(network(), GRAY, "half")


def test_bf16_moves_the_colors_of_real_photos_by_a_few_steps():
    network, differences = load_pretrained(), []
    for name in SAMPLE_PHOTOS:
        photo = getattr(skimage.data, name)()
        exact, rounded = (colorize(photo, network, precision=one).astype(int) for one in ("fp32", "bf16"))
        np.testing.assert_array_equal(exact.max(-1), rounded.max(-1))  # V is the photo's in both
        differences.append(abs(exact - rounded).ravel())
    together = np.concatenate(differences)
    assert together.max() > 0  # otherwise it was not bf16
    # docs/performance.md states these bounds.
    assert together.max() <= 8
    assert np.quantile(together, 0.999) <= 4
    assert together.mean() < 0.5

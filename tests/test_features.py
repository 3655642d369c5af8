"""The tensors inside the pyramid: they are those of the real pass, and looking changes nothing."""

import pytest
import torch

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.features import FEATURES, pyramid_features
from pyramidcolor.images import enlarge_chroma, shrink

GRAY = 2 * torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0)) - 1
NARROW = {"low_width": 6, "middle_width": 5, "full_width": 4, "depth": 1}


def network(scales="side", **pyramid):
    torch.manual_seed(0)
    low_scale_net = {"scales": scales, "norm": True, "widths": (4,) * 11}
    return build_colorizer("hsv", low_scale_net, {"scales": scales, "norm": True} | NARROW | pyramid).model


def test_every_place_has_its_tensor_at_the_shape_of_its_scale():
    features = pyramid_features(network(), GRAY)
    assert tuple(features) == FEATURES
    sizes = {"low": (2, 3), "middle": (8, 12), "joined": (8, 12), "full": (32, 48)}
    for name, tensor in features.items():
        size = sizes.get(name.split()[0], (8, 12) if name == "deconvolved" else (32, 48))
        assert tuple(tensor.shape[-2:]) == size, name
    channels = [features[name].shape[1] for name in ("low input", "joined input", "full input", "chroma")]
    assert channels == [3, 6 + 5, 4 + 1, 2]


@pytest.mark.parametrize("residual", [False, True])
def test_the_ends_are_what_the_network_itself_gives(residual):
    model = network(residual=residual).eval()
    features = pyramid_features(model, GRAY)
    with torch.no_grad():
        low_chroma, chroma = model.both_scales(GRAY)
    torch.testing.assert_close(features["low chroma"], low_chroma, atol=0, rtol=0)
    torch.testing.assert_close(features["chroma"], chroma, atol=0, rtol=0)


def test_the_inputs_of_both_branches_are_chroma_joined_with_the_gray_of_their_scale():
    features = pyramid_features(network(), GRAY)
    low, middle = features["low chroma"], enlarge_chroma(features["low chroma"], (8, 12), 0)
    torch.testing.assert_close(features["low input"], torch.cat((low, shrink(GRAY, 16)), 1))
    torch.testing.assert_close(features["middle input"], torch.cat((middle, shrink(GRAY, 4)), 1))


def test_a_network_to_the_letter_of_the_paper_joins_no_gray_at_full_size():
    features = pyramid_features(network(full_gray=False), GRAY)
    assert set(FEATURES) - set(features) == {"full input"}
    torch.testing.assert_close(features["full features"].tanh(), features["chroma"])


def test_looking_leaves_the_network_and_its_mode_as_they_were():
    model = network().train()
    model.low_scale_net.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pyramid_features(model, GRAY)
    assert model.pyramid_net.training
    assert not model.low_scale_net.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())

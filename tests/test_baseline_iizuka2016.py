"""Iizuka 2016: the global features reach every place, and the class loss teaches them the kind of scene."""

import math

import pytest
import torch

from pyramidcolor.baselines.iizuka2016 import CLASS_FACTOR, FusionNet, Iizuka2016
from pyramidcolor.colorspaces import LAB


def net(kinds=3, width=4):
    torch.manual_seed(0)
    return FusionNet(width, kinds).eval()


def test_another_global_feature_changes_the_color_of_every_place():
    network = net(width=16)
    generator = torch.Generator().manual_seed(1)
    middle = torch.rand(1, 64, 5, 6, generator=generator)
    one, other = torch.rand(2, 1, 64, generator=generator)
    with torch.no_grad():
        difference = (network.join(middle, one) - network.join(middle, other)).abs().amax(1)
    assert difference.shape == (1, 20, 24)
    assert difference.min() > 0


def test_a_change_in_one_corner_reaches_the_other_through_the_global_features_alone():
    network = net()
    gray = torch.rand(1, 1, 192, 192, generator=torch.Generator().manual_seed(1)) * 2 - 1
    changed = gray.clone()
    changed[..., :32, :32] *= -1
    with torch.no_grad():
        both = network(gray)[0], network(changed)[0]
        low = network.low(gray)
        fixed = network.summary(network.whole(low))
        local = [network.join(network.middle(network.low(picture)), fixed) for picture in (gray, changed)]
    corner = (slice(None), slice(None), slice(-8, None), slice(-8, None))
    assert (both[0][corner] - both[1][corner]).abs().max() > 0
    assert torch.equal(local[0][corner], local[1][corner])


def test_the_answer_has_half_the_side_and_a_logit_for_each_kind():
    ab, logits = net(kinds=5)(torch.zeros(2, 1, 32, 48))
    assert ab.shape == (2, 2, 16, 24)
    assert logits.shape == (2, 5)
    assert 0 <= ab.min() <= ab.max() <= 1


def test_the_loss_is_squared_error_plus_a_three_hundredth_of_the_class():
    method = Iizuka2016(width=2)
    gray, chroma = LAB.encode(torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    method.network = torch.nn.Module()
    method.network.forward = lambda gray: (torch.full((2, 2, 4, 4), 0.5), torch.zeros(2, 4))
    squared = ((chroma / 2) ** 2).mean().item()  # 0.5 is gray, and chroma in [0, 1] is half as long
    labels = torch.tensor([0, 3])
    without, with_class = (
        method.loss(gray, chroma, kinds, torch.Generator()).item() for kinds in (None, labels)
    )
    assert without == pytest.approx(squared, rel=1e-5)
    assert with_class == pytest.approx(squared + CLASS_FACTOR * math.log(4), rel=1e-5)
    assert pytest.approx(1 / 300) == CLASS_FACTOR


def kinds_of_photos(count):
    """Photos whose kind is told by the whole: coarse or fine stripes, all of one color."""
    generator = torch.Generator().manual_seed(0)
    photos, labels = [], []
    for number in range(count):
        kind = number % 2
        period = (16, 4)[kind]
        shift = int(torch.randint(16, (1,), generator=generator))
        stripes = ((torch.arange(32) + shift) // (period // 2) % 2).float() * 0.6 + 0.2
        photos.append(stripes.expand(3, 32, 32) * torch.tensor([1.0, 0.8, 0.6]).reshape(3, 1, 1))
        labels.append(kind)
    return photos, labels


def test_the_class_is_learned_from_its_loss():
    photos, labels = kinds_of_photos(32)
    method = Iizuka2016(width=4)
    method.learning_rate = 1e-2
    method.fit(photos, steps=40, batch_size=16, size=32, labels=labels)
    assert method.kinds == 2
    gray = torch.stack([LAB.gray(photo) for photo in photos])
    right = method.classify(gray) == torch.tensor(labels)
    assert right.float().mean() > 0.9


def test_without_labels_color_alone_is_trained():
    photos, _ = kinds_of_photos(8)
    method = Iizuka2016(width=2).fit(photos, steps=2, batch_size=4, size=32)
    assert method.kinds == 1
    assert method.network.classes[-1].bias.grad is None


def test_at_full_width_the_layers_are_the_papers():
    network = FusionNet(64, 205)
    widths = [part.out_channels for part in network.low if isinstance(part, torch.nn.Conv2d)]
    strides = [part.stride[0] for part in network.low if isinstance(part, torch.nn.Conv2d)]
    assert widths == [64, 128, 128, 256, 256, 512]
    assert strides == [2, 1, 2, 1, 2, 1]
    assert [part.out_channels for part in network.middle if isinstance(part, torch.nn.Conv2d)] == [512, 256]
    whole = [part for part in network.whole if isinstance(part, torch.nn.Conv2d)]
    assert [(part.out_channels, part.stride[0]) for part in whole] == [(512, 2), (512, 1), (512, 2), (512, 1)]
    dense = [part for part in (*network.whole, *network.summary) if isinstance(part, torch.nn.Linear)]
    assert [part.out_features for part in dense] == [1024, 512, 256]
    color = [part.out_channels for part in network.color if isinstance(part, torch.nn.Conv2d)]
    assert color == [128, 64, 64, 32, 2]

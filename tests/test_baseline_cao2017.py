"""Cao 2017: nothing is shrunk, gray enters every layer, noise decides the colors, and a discriminator judges them."""

import itertools

import pytest
import torch

from pyramidcolor.baselines.cao2017 import DILATIONS, Cao2017, Discriminator, Generator


def generator_net(width=8, noise=4):
    torch.manual_seed(0)
    network = Generator(width, noise).eval()
    torch.nn.init.normal_(network.layers[-1].weight, std=0.2)
    return network


def gray_pictures(count=1, height=16, width=24):
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_different_noise_gives_different_colors_everywhere():
    network, gray = generator_net(), gray_pictures()
    one, other = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(2))
    difference = (network(gray, one) - network(gray, other)).abs().amax(1)
    assert difference.min() > 0
    assert torch.equal(network(gray, one), network(gray, one))


def test_no_layer_changes_the_size():
    network, sizes = generator_net(), []
    for layer in network.layers:
        assert layer.stride == (1, 1)
        layer.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[-2:])))
    network(gray_pictures(), torch.zeros(1, 4))
    assert sizes == [(16, 24)] * len(DILATIONS)


def test_a_gray_pixel_reaches_its_own_color_through_every_layer_alone():
    network = generator_net()
    for number, layer in enumerate(network.layers):
        features = 0 if number == 0 else 8
        noise = 4 if number <= len(DILATIONS) // 2 else 0
        assert layer.in_channels == features + 1 + noise  # the layer before, gray, noise in the first half
    # Cut off after the last layer but one, gray still moves the color.
    with torch.no_grad():
        network.layers[-1].weight[:, :-1] = 0
        one, other = (network(gray, torch.zeros(1, 4)) for gray in (gray_pictures(), -gray_pictures()))
    assert (one - other).abs().max() > 0.01


def test_all_noise_enters_as_one_number_for_the_whole_picture():
    network = generator_net()
    with torch.no_grad():
        colors = network(
            torch.zeros(1, 1, 64, 64), torch.randn(1, 4, generator=torch.Generator().manual_seed(3))
        )
    far = sum(DILATIONS)  # from the rim, where the padding shows
    middle = colors[..., far : 64 - far, far : 64 - far]
    assert (middle - middle[..., :1, :1]).abs().max() < 1e-5  # flat gray gets one color


def test_the_discriminator_halves_four_times_and_sees_all_three_channels():
    torch.manual_seed(0)
    judge = Discriminator(4)
    convolutions = [part for part in judge.layers if isinstance(part, torch.nn.Conv2d)]
    assert [(part.kernel_size, part.stride) for part in convolutions[:4]] == [((5, 5), (2, 2))] * 4
    gray, chroma = gray_pictures(1, 32, 48), torch.zeros(1, 2, 32, 48, requires_grad=True)
    gray.requires_grad_(True)
    verdict = judge(gray, chroma)
    assert verdict.shape == (1, 1, 2, 3)
    for slope in torch.autograd.grad(verdict.sum(), (gray, chroma)):
        assert slope.abs().amax((2, 3)).min() > 0


def test_the_discriminator_learns_to_tell_false_colors():
    """Real colors follow the gray; the generator of a single layer's width cannot know that yet."""
    method = Cao2017(width=2, noise=2, leading=0.0)
    method.network.train()
    gray = gray_pictures(16, 32, 32)
    chroma = torch.cat((0.8 * gray, -0.8 * gray), 1)
    judge = method.network["discriminator"]
    optimizers = method.optimizers()
    optimizers[0].param_groups[0]["lr"] = 0.0
    optimizers[1].param_groups[0]["lr"] = 2e-3
    noise = torch.Generator().manual_seed(0)
    for _ in range(30):
        method.learn(optimizers, gray, chroma, None, noise)
    with torch.no_grad():
        false = method.predict(gray, noise)
        assert (judge(gray, chroma).mean() - judge(gray, false).mean()) > 0.5


def test_the_generator_climbs_where_the_discriminator_likes_it():
    method = Cao2017(width=4, noise=2, leading=0.0)
    method.network.train()

    class LikesRed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, gray, chroma):
            return self.weight * chroma[:, 1:].mean((2, 3), keepdim=True)

    method.network["discriminator"] = LikesRed()
    optimizers = method.optimizers()
    optimizers[1].param_groups[0]["lr"] = 0.0
    gray, noise = gray_pictures(4), torch.Generator().manual_seed(0)
    redness = []
    for _ in range(10):
        method.learn(optimizers, gray, torch.zeros(4, 2, 16, 24), None, noise)
        redness.append(method.predict(gray, noise)[:, 1].mean().item())
    assert redness[-1] > redness[0] + 0.05
    assert all(later > sooner - 0.02 for sooner, later in itertools.pairwise(redness))


def test_samples_of_one_photo_differ_by_their_seed():
    photo = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    method = Cao2017(width=4, noise=2).fit([photo] * 4, steps=3, batch_size=4, size=32)
    torch.nn.init.normal_(
        method.network["generator"].layers[-1].weight, generator=torch.Generator().manual_seed(0)
    )
    one, again, other = (method.colorize(photo, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert (one - other).abs().mean() > 0.01


@pytest.mark.parametrize("leading", [0.0, 30.0])
def test_one_step_moves_both_networks(leading):
    method = Cao2017(width=4, noise=2, leading=leading)
    method.network.train()
    before = {name: [p.clone() for p in net.parameters()] for name, net in method.network.items()}
    gray = gray_pictures(4)
    for _ in range(2):
        method.learn(method.optimizers(), gray, torch.full((4, 2, 16, 24), 0.3), None, torch.Generator())
    for name, net in method.network.items():
        assert any(not torch.equal(old, new) for old, new in zip(before[name], net.parameters(), strict=True))

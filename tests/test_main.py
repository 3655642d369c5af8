"""The command line, as a person calls it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import pyramidcolor
from pyramidcolor.__main__ import main
from pyramidcolor.checkpoints import build_colorizer, load_checkpoint, load_tensors, save_checkpoint
from pyramidcolor.images import sample_photo, to_image
from pyramidcolor.packing import draw_places365

TINY = [
    "--budget",
    "smoke",
    "--size",
    "32",
    "--batch-size",
    "4",
    "--epoch-photos",
    "4",
    "--precision",
    "fp32",
]


@pytest.fixture
def weights(tmp_path):
    colorizer = build_colorizer("hsv", {"widths": (4,) * 11}, {"low_width": 4, "middle_width": 4})
    save_checkpoint(colorizer, tmp_path / "weights.safetensors")
    return str(tmp_path / "weights.safetensors")


@pytest.fixture
def album(tmp_path):
    (tmp_path / "album").mkdir()
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        for number in range(5):
            photo = sample_photo(name)[:, 20 * number :: 4, 20 * number :: 4]
            to_image(photo).save(tmp_path / "album" / f"{name}-{number}.png")
    return tmp_path / "album"


def test_one_photo_is_colorized_to_the_file_that_was_named(tmp_path, weights, capsys):
    gray = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.jpg")
    assert (
        main(
            ["colorize", str(tmp_path / "gray.jpg"), "--weights", weights, "-o", str(tmp_path / "color.png")]
        )
        == 0
    )
    with Image.open(tmp_path / "color.png") as colored, Image.open(tmp_path / "gray.jpg") as source:
        np.testing.assert_array_equal(np.asarray(colored).max(-1), np.asarray(source))
    assert capsys.readouterr().out == f"1 colorized: {tmp_path / 'color.png'}\n"


def test_a_bad_file_is_reported_with_its_reason_and_the_status_tells(album, tmp_path, weights, capsys):
    (album / "bad.jpg").write_text("no photo")
    assert main(["colorize", str(album), "--weights", weights, "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "20 colorized" in said.out
    assert "bad.jpg is not a picture" in said.err
    assert len(list((tmp_path / "out").iterdir())) == 20


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["colorize", "nowhere.jpg", "--weights", "{weights}"], "nowhere.jpg does not exist"),
        (
            ["colorize", "nowhere.jpg", "--weights", "nowhere.safetensors"],
            "the weights file nowhere.safetensors",
        ),
        (["train", "nowhere", "-o", "{folder}/my.safetensors"], "nowhere"),
        (["train", "stage-two", "{album}", "-o", "{folder}/my.safetensors"], "give its weights with --start"),
        (["train", "{album}", "-o", "{folder}/my.pt"], "must end in .safetensors"),
        (["train", "{album}", "-o", "{folder}/my.safetensors", "--recipe", "magic"], "recipe must be one of"),
        (["train", "{album}", "-o", "{folder}/my.safetensors", "--seed", "-1"], "seed must be at least 0"),
        (
            ["train", "{album}", "-o", "{folder}/my.safetensors", "--validation-photos", "0"],
            "validation_photos must be at least 1, got 0",
        ),
        (["train", "{album}", "-o", "{folder}/my.safetensors", *TINY, "--size", "66"], "a multiple of 16"),
        (["evaluate", "nowhere", "--weights", "{weights}"], "nowhere"),
        (["evaluate", "{album}", "--weights", "{weights}", "--size", "0"], "size must be at least 1, got 0"),
        (
            ["evaluate", "{album}", "--weights", "{weights}", "--limit", "0"],
            "limit must be at least 1, got 0",
        ),
        (
            ["evaluate", "{album}", "--weights", "{weights}", "--json", "{folder}/none/x.json"],
            "none does not exist",
        ),
        (
            ["evaluate", "{album}", "--weights", "{weights}", "--size", "10000000"],
            "not enough memory: try a smaller --size or --working-size",
        ),
        (["data", "check", "nowhere"], "nowhere"),
        (["data", "shards", "{album}", "-o", "{folder}"], "exists; name a new folder"),
        (["data", "shards", "{album}", "{album}", "-o", "{folder}/new", "--split", "val"], "several paths"),
    ],
)
def test_a_mistake_ends_with_one_line_that_names_it(album, tmp_path, weights, words, reason, capsys):
    words = [word.format(weights=weights, folder=tmp_path, album=album) for word in words]
    if words[0] == "colorize":
        words += ["-o", str(tmp_path / "out")]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
)
def test_a_full_memory_ends_with_one_line_that_names_what_to_make_smaller(
    album, tmp_path, monkeypatch, capsys, error
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("pyramidcolor.jobs.train_on_photos", fail)
    assert main(["train", str(album), "-o", str(tmp_path / "my.safetensors")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("pyramidcolor: not enough memory: try a smaller --size or --batch-size")
    assert said.count("\n") == 1


def test_a_fault_of_the_package_is_not_taken_for_a_mistake(album, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a fault")

    monkeypatch.setattr("pyramidcolor.jobs.train_on_photos", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["train", str(album), "-o", str(tmp_path / "my.safetensors")])


def test_training_goes_from_photos_to_weights_and_colors(album, tmp_path, capsys):
    out = tmp_path / "my.safetensors"
    assert main(["train", str(album), "-o", str(out), *TINY]) == 0
    said = capsys.readouterr().out
    for phase in ("stage-one", "stage-two", "fine-tune"):
        assert f"{phase} epoch 1: loss" in said
    assert sorted(path.name for path in (tmp_path / "my-run").iterdir()) == [
        "broken-training.json",
        "epoch-001.png",
        "epoch-002.png",
        "epoch-003.png",
        "history.jsonl",
        "history.png",
        "state.safetensors",
    ]
    assert (
        main(["colorize", str(album / "coffee-0.png"), "--weights", str(out), "-o", str(tmp_path / "c.png")])
        == 0
    )


def test_the_command_of_a_run_that_is_over_leaves_its_weights_as_they_are(tmp_path, album):
    out = tmp_path / "my.safetensors"
    command = ["train", str(album), "-o", str(out), *TINY]
    assert main(command) == 0
    tensors, said = load_tensors(out)
    assert main(command) == 0
    again, said_again = load_tensors(out)
    assert said_again == said
    for name, tensor in tensors.items():
        assert torch.equal(again[name], tensor), name


def test_stages_can_be_trained_one_by_one(album, tmp_path):
    one, two = str(tmp_path / "one.safetensors"), str(tmp_path / "two.safetensors")
    assert main(["train", "stage-one", str(album), "-o", one, *TINY]) == 0
    assert main(["train", "stage-two", str(album), "--start", one, "-o", two, *TINY]) == 0
    assert load_checkpoint(two).color_space.name == "hsv-point"


def test_the_weights_of_the_package_can_be_trained_on(album, tmp_path, capsys):
    out, shipped = (
        tmp_path / "tuned.safetensors",
        Path(pyramidcolor.__file__).parent / "pretrained" / "best.safetensors",
    )
    command = ["train", str(album), "--start", str(shipped), "-o", str(out), *TINY]
    assert main(command) == 0
    tuned, before = load_checkpoint(out), load_checkpoint(shipped)
    assert json.loads(json.dumps(tuned.settings)) == json.loads(json.dumps(before.settings))
    assert (tuned.smoothing, tuned.working_size) == (before.smoothing, before.working_size)
    weights = [colorizer.model.low_scale_net.layers[0].weight for colorizer in (tuned, before)]
    assert 0 < (weights[0] - weights[1]).abs().max() < 0.1  # on from there, not from random ones
    assert main(command) == 0  # it is over, and nothing is trained again
    capsys.readouterr()
    assert main([*command, "--recipe", "paper", "-o", str(tmp_path / "other.safetensors")]) == 1
    assert "color space hsv-point, and the recipe paper trains hsv" in capsys.readouterr().err


def test_a_teacher_is_made_and_learned_from(album, tmp_path, capsys):
    teacher, out = str(tmp_path / "teacher.safetensors"), str(tmp_path / "taught.safetensors")
    assert main(["teach", str(album), "-o", teacher, "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert "teaching with 20 photos" in said
    assert "teacher epoch 2: loss" in said
    assert f"the teacher is in {teacher}" in said
    assert main(["train", "stage-one", str(album), "--teacher", teacher, "-o", out, *TINY]) == 0
    kept = json.loads(load_tensors(tmp_path / "taught-run" / "state.safetensors")[1]["config"])
    assert kept["teacher_share"] == 0.8
    capsys.readouterr()
    assert main(["train", "stage-one", str(album), "--teacher-share", "0.5", "-o", out + "2", *TINY]) == 1
    assert "there is no teacher: give both, or neither" in capsys.readouterr().err


def test_without_photos_scenes_are_drawn(tmp_path, capsys):
    assert (
        main(
            ["train", "stage-one", "-o", str(tmp_path / "my.safetensors"), *TINY, "--validation-photos", "4"]
        )
        == 0
    )
    assert "training on 4,000 photos, validating on 4" in capsys.readouterr().out


def test_broken_photos_are_named_and_left_out(album, tmp_path, capsys):
    (album / "bad.jpg").write_text("no photo")
    assert main(["train", "stage-one", str(album), "-o", str(tmp_path / "my.safetensors"), *TINY]) == 0
    said = capsys.readouterr().out
    assert "left out: bad.jpg: " in said
    assert "fewer than 200 photos: none is held out" in said
    assert "training on 20 photos, validating on 20" in said


def test_of_many_photos_a_tenth_is_held_out(tmp_path, capsys):
    (tmp_path / "many").mkdir()
    for number in range(200):
        to_image(sample_photo("coffee")[:, number : number + 16, number : number + 16]).save(
            tmp_path / "many" / f"{number}.png"
        )
    assert (
        main(["train", "stage-one", str(tmp_path / "many"), "-o", str(tmp_path / "my.safetensors"), *TINY])
        == 0
    )
    assert "training on 180 photos, validating on 20" in capsys.readouterr().out


def test_the_table_has_gray_a_tint_and_the_networks(album, tmp_path, weights, capsys):
    words = [
        "evaluate",
        str(album),
        "--weights",
        weights,
        "--size",
        "64",
        "--limit",
        "3",
        "--json",
        str(tmp_path / "f.json"),
    ]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 photos at 64 x 64"
    assert [line.split()[0] for line in lines[2:]] == ["gray", "tint", "weights"]
    figures = json.loads((tmp_path / "f.json").read_text())["figures"]
    assert figures["gray"]["saturation_ratio"] == 0
    assert figures["gray"]["bleeding"] is None  # not a number, which JSON lacks
    assert figures["weights"]["balanced_hue_error_degrees"] > 0


def test_the_table_tells_sources_apart_when_asked(album, tmp_path, weights, capsys):
    both, json_path = tmp_path / "both", tmp_path / "f.json"
    for name, count in (("garden", 2), ("street", 1)):
        (both / name).mkdir(parents=True)
        for file in sorted(album.rglob("*.png"))[:count]:
            shutil.copy(file, both / name)
    words = ["evaluate", str(both), "--weights", weights, "--size", "64"]
    assert main([*words, "--by-source", "--json", str(json_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["3 photos at 64 x 64", "of them 2 of garden, 1 of street"]
    assert [line[:18].split("  ")[0] for line in lines[-3:]] == [
        "weights",
        "weights, garden",
        "weights, street",
    ]
    assert len({len(line) for line in lines[2:]}) == 1
    found = json.loads(json_path.read_text())
    assert found["photos_by_source"] == {"garden": 2, "street": 1}
    alone = tmp_path / "alone.json"
    words[1] = str(both / "street")
    assert main([*words, "--json", str(alone)]) == 0
    assert (
        found["figures_by_source"]["weights"]["street"] == json.loads(alone.read_text())["figures"]["weights"]
    )


def test_the_table_tells_how_sure_its_figures_are_when_asked(album, tmp_path, weights, capsys):
    other, json_path = tmp_path / "other.safetensors", tmp_path / "f.json"
    save_checkpoint(replace(load_checkpoint(weights), saturation_gain=2.0), other)
    words = [
        "evaluate",
        str(album),
        "--weights",
        weights,
        str(other),
        "--size",
        "64",
        "--limit",
        "8",
        "--json",
        str(json_path),
    ]
    assert main([*words, "--intervals"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines[1:]}) == 1
    ends = ["95 % from", "to"]
    names = [line[:16].strip() for line in lines[2:]]
    assert names[6:] == ["weights", *ends, "other", *ends, "other - weights", *ends]
    found = json.loads(json_path.read_text())
    figures, differences, intervals = found["figures"], found["differences"], found["intervals"]
    assert list(intervals) == [*figures, "other - weights"]
    for title, row in (figures | differences).items():
        low, high = intervals[title]["chroma_error"]
        assert low <= row["chroma_error"] <= high
    name, row = "saturation_ratio", "other - weights"
    assert differences[row][name] == figures["other"][name] - figures["weights"][name] > 0
    low, high = intervals[row][name]
    assert 0 < low < high  # more vivid on every photo
    cells = [line.split()[-9] for line in lines[-3:]]
    assert cells == [f"{differences[row][name]:+.2f}", f"{low:+.2f}", f"{high:+.2f}"]
    assert main(words) == 0
    assert "intervals" not in json.loads(json_path.read_text())


def test_how_a_network_looks_and_smooths_can_be_told(album, tmp_path, weights, capsys):
    def table(*words):  # every digit, since a network of random weights answers nearly alike everywhere
        json_path = tmp_path / "figures.json"
        words = ["--size", "64", "--limit", "3", "--json", str(json_path), "--weights", *words]
        assert main(["evaluate", str(album), *words]) == 0
        *_, figures = json.loads(json_path.read_text())["figures"].values()
        return figures

    once = table(weights)
    assert table(weights, "--input-scales", "1") == once
    assert table(weights, "--input-scales", "0.5", "2") != once
    assert table(weights, "--smoothing", "0") == once
    assert table(weights, "--smoothing", "4") != once
    own = str(tmp_path / "own.safetensors")
    assert (
        main(["train", str(album), "-o", own, *TINY, "--input-scales", "0.5", "2", "--smoothing", "4"]) == 0
    )
    capsys.readouterr()
    assert table(own) == table(own, "--input-scales", "0.5", "2") != table(own, "--input-scales", "1")
    assert table(own) == table(own, "--smoothing", "4") != table(own, "--smoothing", "0")
    photo, out = str(sorted(album.iterdir())[0]), tmp_path / "color.png"
    pictures = []
    for how in (["--input-scales", "1"], ["--input-scales", "2"], ["--smoothing", "0"]):
        assert main(["colorize", photo, "--weights", own, "-o", str(out), *how]) == 0
        pictures.append(out.read_bytes())
    assert len(set(pictures)) == 3


def test_a_scan_keeps_its_luminance_and_any_other_photo_its_v(weights, tmp_path):
    ramp = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "gray.png")
    for how, kept in (([], lambda image: np.asarray(image).max(-1)), (["--scan"], luma)):
        out = str(tmp_path / "color.png")
        assert main(["colorize", str(tmp_path / "gray.png"), "--weights", weights, "-o", out, *how]) == 0
        with Image.open(out) as image:
            assert abs(kept(image).astype(int) - ramp).max() <= 1
            assert np.ptp(np.asarray(image).astype(int), axis=-1).max() > 5


def luma(image):
    return np.asarray(image.convert("L"))


def test_a_set_of_photos_is_described_and_its_faults_set_the_status(album, capsys):
    assert main(["data", "check", str(album)]) == 0
    assert "20" in capsys.readouterr().out
    (album / "bad.jpg").write_text("no photo")
    assert main(["data", "check", str(album)]) == 1
    assert "bad.jpg" in capsys.readouterr().out


def test_photos_are_packed_into_tars_that_training_reads(album, tmp_path, capsys):
    packed = str(tmp_path / "packed")
    assert main(["data", "shards", str(album), "-o", packed, "--shard-size", "20 kB"]) == 0
    said = capsys.readouterr().out
    assert "packing PhotoFolder(" in said
    assert f"20 photos in {len(list((tmp_path / 'packed').iterdir()))} tars: {packed}" in said
    out = tmp_path / "my.safetensors"
    assert main(["train", "stage-one", packed, "-o", str(out), *TINY]) == 0


def test_each_split_of_places365_can_be_packed(tmp_path, capsys):
    draw_places365(tmp_path / "places365", train=6, val=5, test=1, size=16)
    for split, count in (("train", 6), ("val", 5), ("test", 1)):
        words = ["data", "shards", str(tmp_path / "places365"), "--split", split]
        assert main([*words, "-o", str(tmp_path / split)]) == 0
        assert f"{count} photos in 1 tars" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "has"), [(["--norm"], True), (["--no-norm"], False), ([], True)])
def test_batch_normalization_can_be_left_out_of_a_recipe(album, tmp_path, option, has):
    out = tmp_path / "my.safetensors"
    assert main(["train", "stage-one", str(album), "-o", str(out), *TINY, *option]) == 0
    model = load_checkpoint(out).model
    for stage in (model.low_scale_net, model.pyramid_net):
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in stage.modules()) == has


def test_stage_one_can_be_told_to_say_how_likely_each_hue_is(album, tmp_path, capsys):
    out = tmp_path / "my.safetensors"
    words = ["train", "stage-one", str(album), "-o", str(out), *TINY, "--rebalancing", "power"]
    assert main([*words, "--hue-bins"]) == 0
    trained = load_checkpoint(out)
    assert trained.model.low_scale_net.hue_bins == 24
    assert trained.model.low_scale_net.agreement == 0.1
    assert main([*words[:3], "-o", str(tmp_path / "other.safetensors"), *TINY, "--no-hue-bins"]) == 0
    assert load_checkpoint(tmp_path / "other.safetensors").model.low_scale_net.hue_bins == 0
    capsys.readouterr()
    assert main([*words, "--hue-bins", "--recipe", "paper"]) == 1
    assert 'with the color space "hsv-point", got 24' in capsys.readouterr().err


def test_help_is_there_for_every_command():
    for words in (
        [],
        ["colorize"],
        ["train"],
        ["evaluate"],
        ["data", "check"],
        ["data", "shards"],
        ["notebooks", "run"],
    ):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--help"])
        assert stop.value.code == 0


def test_the_package_is_imported_without_torch_until_it_is_needed():
    code = "import sys, pyramidcolor; assert 'torch' not in sys.modules; pyramidcolor.colorize; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    code = "import pyramidcolor\ntry:\n    pyramidcolor.nothing\nexcept AttributeError as error:\n    print(error)"
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert said.stdout == "module 'pyramidcolor' has no attribute 'nothing'\n"


def test_a_name_that_is_no_text_is_printed_all_the_same(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no picture")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    said = subprocess.run(
        [sys.executable, "-m", "pyramidcolor", "data", "check", tmp_path],
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.returncode == 1
    assert r"caf\udce9.jpg is not a picture" in said.stdout
    assert not said.stderr

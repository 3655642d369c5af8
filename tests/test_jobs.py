"""The long jobs: what they refuse before they begin, and what they share out."""

import os

import pytest
import torch

from pyramidcolor import jobs
from pyramidcolor.checkpoints import build_colorizer, save_checkpoint
from pyramidcolor.images import to_image
from pyramidcolor.jobs import evaluate_weights, train_on_photos, train_teacher_on_photos
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.scenes import SyntheticScenes

SMALL = {
    "low_scale_net": {"widths": (4,) * 11},
    "pyramid_net": {"low_width": 4, "middle_width": 4, "full_width": 4},
}


def photos_in(folder, count, seed=0):
    folder.mkdir(parents=True)
    scenes = SyntheticScenes(count, 32, seed)
    for index in range(count):
        to_image(scenes[index]).save(folder / f"{seed}-{index}.png")
    return folder


@pytest.fixture
def album(tmp_path):
    return photos_in(tmp_path / "album", 4)


def a_network(color_space="hsv", **about):
    return build_colorizer(color_space, **SMALL, about=about)


def saved(path, color_space):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(a_network(color_space), path)
    return str(path)


def rows_of(weights, album):
    return evaluate_weights(weights, [album], size=16).figures


def test_files_of_the_same_name_are_measured_each_under_its_path(album, tmp_path):
    one, other = (
        saved(tmp_path / "a" / "best.safetensors", "hsv"),
        saved(tmp_path / "b" / "best.safetensors", "lab"),
    )
    alone = [list(rows_of([path], album).values())[-1] for path in (one, other)]
    figures = rows_of([one, other], album)
    assert list(figures)[2:] == [one, other]
    assert [figures[one], figures[other]] == alone
    assert alone[0] != alone[1]


def test_a_network_that_is_called_gray_leaves_the_gray_picture_its_row(album, tmp_path):
    path = saved(tmp_path / "gray.safetensors", "hsv")
    figures = rows_of([path], album)
    assert list(figures)[::2] == ["gray", path]
    assert figures["gray"]["saturation_ratio"] == 0 < figures[path]["saturation_ratio"]


def test_names_that_nothing_tells_apart_are_numbered(album, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "mine.safetensors", "hsv")
    bare = saved(tmp_path / "gray", "hsv")
    named = a_network(name="network 2")
    weights = [path, path, os.path.basename(bare), a_network(), a_network(), named]
    assert list(rows_of(weights, album))[2:] == [
        path,
        f"{path} 2",
        "gray 2",
        "network",
        "network 2",
        "network 2 2",
    ]


def test_a_difference_between_networks_does_not_take_the_place_of_a_row(album):
    networks = [a_network(name=name) for name in ("a", "b", "b - a")]
    found = evaluate_weights(networks, [album], size=16, intervals=True)
    assert list(found.differences) == ["b - a 2", "b - a - a"]
    assert list(found.intervals) == [*found.figures, *found.differences]


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("size", 0, "size must be at least 1, got 0"),
        ("size", 6, "size 6 is too small: ssim needs photos of at least 7x7"),
        ("limit", 0, "limit must be at least 1, got 0"),
        ("limit", -2, "limit must be at least 1, got -2"),
        ("smoothing", -1, "smoothing must be a radius in whole pixels of at least 0, got -1"),
        ("working_size", 8, "working_size must be at least 16"),
        ("input_scales", (9.0,), "input_scales must be numbers above 0 and at most 4"),
        ("saturation", -1.0, "saturation must be at least 0, got -1"),
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_measured(album, argument, value, reason):
    lines = []
    options = {"size": 16, argument: value}
    with pytest.raises(ValueError, match=reason):
        evaluate_weights([a_network()], [album], **options, report=lines.append)
    assert lines == []


def test_figures_that_could_not_be_written_are_not_measured_and_old_ones_are_kept(album, tmp_path):
    lines, old = [], tmp_path / "old.json"
    for path, error in ((tmp_path / "none" / "x.json", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error, match=r"none|is a folder"):
            evaluate_weights([], [album], size=16, json_path=path, report=lines.append)
    assert lines == []
    old.write_text("old")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate_weights([], [tmp_path / "nowhere"], size=16, json_path=old)
    assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "old.json"]  # nothing half-written


@pytest.mark.parametrize(
    ("changes", "options", "reason"),
    [
        ({}, {"validation_photos": 0}, "validation_photos must be at least 1, got 0"),
        ({}, {"memory": "much"}, "memory must be bytes"),
        ({"seed": -1}, {}, "seed must be at least 0 and less than"),
        ({"seed": 2**64}, {}, "seed must be at least 0 and less than"),
        ({"size": 66}, {}, "size must be a multiple of 16, the network's low factor, got 66"),
        ({"size": 8}, {}, "size must be a multiple of 16"),
    ],
)
def test_a_training_that_would_fail_is_refused_before_a_photo_is_read(
    album, tmp_path, changes, options, reason
):
    lines = []
    config = TrainingConfig(**{"size": 32, **SMALL, **changes})
    with pytest.raises(ValueError, match=reason):
        train_on_photos([album], tmp_path / "my.safetensors", config, **options, report=lines.append)
    assert lines == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"validation_photos": 0}, "validation_photos must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epoch_photos": -1}, "epoch_photos must be at least 1, got -1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"memory": -1}, "memory must be bytes"),
    ],
)
def test_a_teacher_that_would_fail_is_refused_before_a_photo_is_read(album, tmp_path, options, reason):
    lines = []
    with pytest.raises(ValueError, match=reason):
        train_teacher_on_photos([album], tmp_path / "teacher.safetensors", **options, report=lines.append)
    assert lines == []


def test_all_sets_of_a_training_together_keep_within_its_memory(tmp_path, monkeypatch):
    sets = []

    def look_on(photos, held_out, *_, detail_photos, **__):
        sets.extend((photos, held_out, detail_photos))
        return iter(())

    monkeypatch.setattr(jobs, "train", look_on)
    folders = [photos_in(tmp_path / name, count, count) for name, count in (("t", 12), ("v", 4), ("d", 8))]
    a_photo = 3 * 32 * 32
    train_on_photos(
        folders[:1],
        tmp_path / "my.safetensors",
        TrainingConfig(size=32, **SMALL),
        validation_paths=folders[1:2],
        detail_paths=folders[2:],
        memory=12 * a_photo,
    )
    for photos in sets:
        for index in range(len(photos)):
            photos[index]
    assert [photos.bytes // a_photo for photos in sets] == [6, 2, 4]  # half of each


def test_few_photos_that_are_also_validated_on_are_in_memory_once(album, tmp_path, monkeypatch):
    sets = []
    monkeypatch.setattr(
        jobs, "train", lambda photos, held_out, *_, **__: sets.extend((photos, held_out)) or ()
    )
    memory = 4 * 3 * 32 * 32
    train_on_photos([album], tmp_path / "my.safetensors", TrainingConfig(size=32, **SMALL), memory=memory)
    photos, held_out = sets
    assert held_out is photos
    assert torch.stack([photos[index] for index in range(4)]).shape == (4, 3, 32, 32)
    assert photos.bytes == memory


def test_a_complete_run_says_that_nothing_is_left_to_do(album, tmp_path):
    config = TrainingConfig(
        **SMALL, epochs=(1, 1, 1), epoch_photos=4, batch_size=4, size=32, precision="fp32"
    )
    out, lines = tmp_path / "my.safetensors", []
    train_on_photos([album], out, config)
    before = out.read_bytes()
    train_on_photos([album], out, config, report=lines.append)
    assert "this run is complete; to train anew, choose another output or remove" in "\n".join(lines)
    assert out.read_bytes() == before


def test_weights_are_not_both_where_a_run_begins_and_what_it_writes(album, tmp_path):
    path = saved(tmp_path / "my.safetensors", "hsv")
    with pytest.raises(ValueError, match=r"my\.safetensors cannot be both the start and the output"):
        train_on_photos([album], path, TrainingConfig(**SMALL, phases=("stage-two",)), start=path)


def test_copies_of_a_picture_are_not_trained_on_and_validated_on(tmp_path, monkeypatch):
    folder = photos_in(tmp_path / "album", 12)
    for path in sorted(folder.iterdir())[:8]:
        path.with_name(f"copy of {path.name}").write_bytes(path.read_bytes())
    monkeypatch.setattr(jobs, "_FEWEST_TO_SPLIT", 10)
    sides = []
    monkeypatch.setattr(
        jobs, "train", lambda photos, validation, *_, **__: sides.append((photos, validation)) or []
    )
    for seed in range(5):
        config = TrainingConfig(**SMALL, epochs=(1, 1, 1), size=32, precision="fp32", seed=seed)
        train_on_photos([folder], tmp_path / f"{seed}.safetensors", config)
    for photos, validation in sides:
        shown = [{name.removeprefix("copy of ") for name in side.names} for side in (photos, validation)]
        assert all(shown)
        assert not set.intersection(*shown)

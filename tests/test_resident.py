"""Views cut on the device against those cut one by one, and a training that takes them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pyramidcolor import resident, training
from pyramidcolor.batches import BatchReader, center_view, random_view, square_view
from pyramidcolor.photos import JoinedPhotos, as_photos
from pyramidcolor.recipes import BEST
from pyramidcolor.resident import ResidentPhotos, ResidentReader, on_device, random_squares
from pyramidcolor.scenes import SyntheticScenes
from pyramidcolor.training import train

CPU = torch.device("cpu")


def photos_of_many_sizes(count=24):
    sides = np.random.default_rng(0).integers(9, 200, (count, 2))
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(3, int(height), int(width), generator=generator) * 255).round() / 255
        for height, width in sides
    ]


@pytest.mark.parametrize("size", [1, 16, 50, 128])
def test_views_are_those_of_the_obvious_way(size):
    photos = photos_of_many_sizes()
    kept = ResidentPhotos(photos, CPU)
    squares = random_squares(kept.shapes, np.random.default_rng(1), 0.3)
    places = np.random.default_rng(2).permutation(len(photos))
    views = kept.views(places, squares[places], size)
    slow = torch.stack([square_view(photos[place], squares[place], size) for place in places])
    torch.testing.assert_close(views, slow, atol=2e-5, rtol=0)
    centers = torch.stack([center_view(photos[place], size) for place in places])
    torch.testing.assert_close(kept.center_views(places, size), centers, atol=2e-5, rtol=0)


def test_squares_are_chosen_as_random_view_chooses_them():
    shapes = np.tile([[60, 90]], (4000, 1))
    top, left, side, mirrored = random_squares(shapes, np.random.default_rng(0), 0.5).T
    assert side.min() == 30
    assert side.max() == 60
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + side).max() == 60
    assert (left + side).max() == 90
    assert abs(mirrored.mean() - 0.5) < 0.05
    ramp = torch.linspace(0, 1, 90).expand(3, 60, 90)
    one_by_one = torch.stack(
        [random_view(ramp, 4, np.random.default_rng(seed), 0.5)[0, 0].aminmax().min for seed in range(1000)]
    )
    together = ResidentPhotos([ramp], CPU).views(
        np.zeros(4000, int), np.column_stack((top, left, side, mirrored)), 4
    )
    lows = together[:, 0, 0].amin(-1)
    for share in (0.1, 0.5, 0.9):
        assert abs(lows.quantile(share) - one_by_one.quantile(share)) < 0.04


def test_copies_of_a_photo_share_its_bytes():
    scenes = as_photos([torch.rand(3, 32, 32) for _ in range(5)])
    kept = ResidentPhotos(JoinedPhotos([scenes], [3]), CPU)
    assert len(kept) == 15
    assert kept.device_bytes == 5 * 3 * 32 * 32
    views = kept.center_views(np.array([1, 6, 11]), 32)
    assert torch.equal(views[0], views[1])
    assert torch.equal(views[0], views[2])
    assert not torch.equal(views[0], kept.center_views(np.array([2]), 32)[0])


def test_many_photos_arrive_in_their_places(monkeypatch):
    monkeypatch.setattr(resident, "_CHUNK", 4)  # else this would need thousands
    photos = photos_of_many_sizes(30)
    kept = ResidentPhotos(photos, CPU, threads=3)
    for place, photo in enumerate(photos):
        view = kept.center_views(np.array([place]), min(photo.shape[1:]))[0]
        torch.testing.assert_close(view, center_view(photo, min(photo.shape[1:])), atol=2e-5, rtol=0)


@pytest.mark.parametrize("world", [1, 2])
def test_its_batches_are_of_the_photos_that_the_other_reader_takes(world):
    photos = [torch.full((3, 8, 8), number / 255) for number in range(40)]
    kept = ResidentPhotos(photos, CPU)
    options = {"seed": 3, "epoch": 1, "epoch_photos": 24}
    joint = list(ResidentReader(kept, 4, 8, **options))
    for rank in range(world):
        shared = {**options, "rank": rank, "world": world}
        readers = [
            kind(of, 4, 8 // world, **shared) for kind, of in ((ResidentReader, kept), (BatchReader, photos))
        ]
        mine = slice(rank * 8 // world, (rank + 1) * 8 // world)
        for fast, slow, whole in zip(*readers, joint, strict=True):
            torch.testing.assert_close(fast, slow, atol=1e-6, rtol=0)
            torch.testing.assert_close(fast, whole[mine], atol=1e-6, rtol=0)


def test_an_epoch_can_be_read_again_and_the_next_one_differs():
    kept = ResidentPhotos(photos_of_many_sizes(), CPU)
    first, again, later = (
        torch.cat(list(ResidentReader(kept, 16, 8, seed=1, epoch=epoch))) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_a_broken_photo_is_named(tmp_path):
    from pyramidcolor.datasets import open_photos
    from pyramidcolor.images import to_image

    to_image(torch.rand(3, 16, 16)).save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"bad\.jpg"):
        ResidentPhotos(open_photos(tmp_path), CPU)


def test_photos_stay_where_they_are_without_a_gpu():
    assert on_device(photos_of_many_sizes(3), CPU) is None


class _Graphics:
    """Stands for a device of another kind, so that a machine without a GPU runs what is done for one."""

    type = "cuda"


@pytest.mark.parametrize(("free", "fits"), [(10**9, True), (1000, False)])
def test_photos_go_to_a_gpu_where_its_memory_is_large_enough(monkeypatch, free, fits):
    photos = photos_of_many_sizes(6)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(resident, "ResidentPhotos", lambda photos, device: "kept")
    assert (on_device(photos, _Graphics()) == "kept") is fits


def test_training_on_resident_photos_learns_and_resumes(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "on_device", ResidentPhotos)
    scenes, held_out = SyntheticScenes(64, 32, seed=0), SyntheticScenes(16, 32, seed=1)
    config = replace(
        BEST, size=32, epochs=(4, 1, 1), phases=("stage-one",), batch_size=16, contrast=0.3, calibrate=False
    )

    def run(out, stop=None):
        losses = []
        for record, colorizer in train(scenes, held_out, config, out):
            losses.append(record.train_loss)
            weights = {name: tensor.clone() for name, tensor in colorizer.model.state_dict().items()}
            if stop == len(losses):
                break
        return losses, weights

    losses, weights = run(tmp_path / "whole.safetensors")
    assert losses[-1] < losses[0]
    run(tmp_path / "cut.safetensors", stop=2)
    rest, resumed = run(tmp_path / "cut.safetensors")
    assert rest == losses[2:]
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)

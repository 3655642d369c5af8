"""Views, the order of an epoch, and a reader that several processes share as if they were one."""

import numpy as np
import pytest
import torch

from pyramidcolor.batches import BatchReader, center_view, epoch_order, mix_views, random_view


def numbered_photos(count, side=8):
    """Photos that tell their number: every pixel is number / count."""
    return [torch.full((3, side, side + 2), number / count) for number in range(count)]


def test_a_random_view_is_a_square_of_the_photo_at_the_asked_size():
    ramp = torch.linspace(0, 1, 90).expand(3, 60, 90)
    views = [random_view(ramp, 16, np.random.default_rng(seed), 0.5) for seed in range(200)]
    assert all(view.shape == (3, 16, 16) for view in views)
    rising = [bool(view[0, 0, -1] > view[0, 0, 0]) for view in views]
    assert 70 < sum(rising) < 130  # mirrored half of the time
    spans = torch.stack([view.amax() - view.amin() for view in views])
    # A square of 30 to 60 of 90 pixels spans a third to two thirds of the ramp, less a sixteenth at the rim.
    assert 0.25 < spans.min() < 0.4
    assert 0.55 < spans.max() < 0.68


def test_the_same_numbers_give_the_same_view():
    photo = torch.rand(3, 40, 30)
    one, same, other = (random_view(photo, 8, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_center_view_leaves_both_sides_out_alike():
    photo = torch.arange(12.0).expand(3, 6, 12) / 12
    torch.testing.assert_close(center_view(photo, 6), photo[:, :, 3:9])
    assert center_view(photo.mT, 3).shape == (3, 3, 3)


@pytest.mark.parametrize("epoch_photos", [None, 4, 7, 10, 23])
def test_epochs_visit_every_photo_equally_often(epoch_photos):
    length = epoch_photos or 10
    visits = np.concatenate([epoch_order(10, epoch_photos, 5, epoch) for epoch in range(10)])
    assert len(visits) == 10 * length
    assert (np.bincount(visits, minlength=10) == length).all()
    assert not np.array_equal(epoch_order(10, None, 5, 0), epoch_order(10, None, 6, 0))


def test_a_reader_gives_the_batches_of_its_epoch_again():
    photos = numbered_photos(10)
    first, again = (list(BatchReader(photos, 8, 3, seed=1, epoch=2)) for _ in range(2))
    assert len(first) == 3
    for one, same in zip(first, again, strict=True):
        assert one.shape == (3, 3, 8, 8)
        assert torch.equal(one, same)


@pytest.mark.parametrize("world", [2, 4])
def test_several_processes_read_what_one_would(world):
    photos = [torch.rand(3, 12, 12) for _ in range(20)]
    alone = list(BatchReader(photos, 8, 8, seed=1, epoch=0))
    shares = [
        BatchReader(photos, 8, 8 // world, seed=1, epoch=0, rank=rank, world=world) for rank in range(world)
    ]
    for joint, *parts in zip(alone, *shares, strict=True):
        assert torch.equal(joint, torch.cat(parts))


def test_a_photo_that_cannot_be_read_stops_the_epoch_with_its_error():
    class Broken(list):
        def __getitem__(self, index):
            raise ValueError("photo.jpg is damaged")

    with pytest.raises(ValueError, match=r"photo\.jpg is damaged"):
        list(BatchReader(Broken(numbered_photos(8)), 8, 2, seed=0, epoch=0))


def test_an_epoch_that_fills_no_batch_is_an_error():
    with pytest.raises(ValueError, match="an epoch of 3 photos does not fill one batch of 4"):
        BatchReader(numbered_photos(3), 8, 4, seed=0, epoch=0)


def test_a_reader_may_be_left_early():
    reader = BatchReader(numbered_photos(40), 8, 2, seed=0, epoch=0)
    assert next(iter(reader)).shape == (2, 3, 8, 8)
    assert len(list(reader)) == 20


def test_a_reader_says_which_photos_are_in_each_batch():
    photos = numbered_photos(10)
    reader = BatchReader(photos, 8, 4, seed=1, epoch=0, epoch_photos=24)
    assert len(reader.chosen) == len(reader) == 6
    for batch, places in zip(reader, reader.chosen, strict=True):
        numbers = (batch[:, 0, 0, 0] * 10).round().long()
        assert numbers.tolist() == places.tolist()


def test_a_mixed_view_has_its_part_of_the_one_before_it_and_the_first_of_the_last():
    views = torch.stack([torch.full((3, 2, 2), level) for level in (0.0, 0.4, 1.0)])
    mixed = mix_views(views, torch.tensor([0.5, 0.25, 0.0]))
    assert mixed[:, 0, 0, 0].tolist() == pytest.approx([0.5, 0.3, 1.0])
    assert mixed.shape == views.shape

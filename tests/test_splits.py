import hashlib
import random

import numpy as np
import pytest

from pyramidcolor.photos import Photos, PhotoSubset
from pyramidcolor.splits import split_by_file, split_by_source, split_photos, without


class Named(Photos):
    """Photos that have names and sources and are never read."""


def photos_of(**sizes):
    names = [f"{source}-{index}" for source, size in sizes.items() for index in range(size)]
    return Named(names, [name.partition("-")[0] for name in names])


def shuffled(photos, seed):
    return PhotoSubset(photos, random.Random(seed).sample(range(len(photos)), len(photos)))


MANY = {f"s{number}": 3 + number % 5 for number in range(40)}


@pytest.mark.parametrize("split", [split_by_file, split_by_source])
@pytest.mark.parametrize("seed", range(5))
def test_every_photo_is_on_exactly_one_side_and_the_share_is_met(split, seed):
    photos = photos_of(**MANY)
    training, validation = split(photos, 0.2, seed)
    assert sorted(training.names + validation.names) == sorted(photos.names)
    slack = 0.5 if split is split_by_file else max(MANY.values()) / 2
    assert abs(len(validation) - 0.2 * len(photos)) <= slack


@pytest.mark.parametrize("seed", range(5))
def test_no_source_is_on_both_sides(seed):
    training, validation = split_by_source(photos_of(**MANY), 0.3, seed)
    assert not set(training.sources) & set(validation.sources)


@pytest.mark.parametrize("split", [split_by_file, split_by_source])
def test_the_order_of_the_photos_does_not_change_who_validates(split):
    photos = photos_of(**MANY)
    _, validation = split(photos, 0.2, seed=3)
    _, again = split(shuffled(photos, seed=8), 0.2, seed=3)
    assert set(validation.names) == set(again.names)


def test_another_seed_draws_other_photos():
    photos = photos_of(**MANY)
    drawn = {tuple(split_by_file(photos, 0.2, seed)[1].names) for seed in range(20)}
    assert len(drawn) == 20


def test_every_photo_validates_about_as_often_as_its_share_says():
    photos, times = photos_of(a=50), np.zeros(50)
    for seed in range(400):
        times[split_by_file(photos, 0.2, seed)[1].indices] += 1
    # Binomial with mean 80 and deviation 8; 50 draws stay within 4.5 deviations but for one time in 3,000.
    assert np.abs(times - 80).max() < 36


def test_both_sides_keep_the_order_of_the_set():
    for side in split_by_file(photos_of(**MANY), 0.4):
        assert (np.diff(side.indices) > 0).all()


def test_equal_pictures_stay_on_one_side():
    photos = photos_of(a=100)
    groups = [[f"a-{index}", f"a-{99 - index}"] for index in range(40)] + [
        ["a-0", "a-1", "a-2"],
        ["gone", "a-3"],
    ]
    for seed in range(10):
        for side in split_by_file(photos, 0.5, seed, duplicates=groups):
            names = set(side.names)
            assert all(len(names & set(group)) in (0, len(set(group) - {"gone"})) for group in groups)


def test_sources_that_share_a_picture_stay_together():
    photos = photos_of(**MANY)
    chain = [[f"s{number}-0", f"s{number + 1}-1"] for number in range(0, 12)]
    for seed in range(10):
        _, validation = split_by_source(photos, 0.5, seed, duplicates=chain)
        assert len(set(validation.sources) & {f"s{number}" for number in range(13)}) in (0, 13)


def test_few_sources_are_split_by_file_and_many_by_source():
    few, many = photos_of(a=50, b=50), photos_of(**MANY)
    assert set(split_photos(few, 0.2)[1].sources) == {"a", "b"}
    assert split_photos(many, 0.2)[1].names == split_by_source(many, 0.2)[1].names
    assert split_photos(few, 0.5, fewest_sources=2)[1].names == split_by_source(few, 0.5)[1].names


def test_a_picture_that_all_sources_share_does_not_keep_photos_from_being_held_out():
    photos = photos_of(**MANY)
    blank = [f"{source}-0" for source in MANY]
    training, validation = split_photos(photos, 0.2, duplicates=iter([blank]))
    assert len(set(blank) & set(validation.names)) in (0, len(blank))
    assert len(training.names) > len(validation.names) > 10


def test_names_that_are_not_utf_8_are_split_and_other_names_as_ever():
    latin = [b"caf\xe9-%d.jpg" % number for number in range(20)]
    names = [name.decode("utf-8", "surrogateescape") for name in latin]
    training, validation = split_by_file(Named(names, names), 0.3)
    assert sorted(training.names + validation.names) == sorted(names)
    # By hand: the photos whose names, after the seed, have the smallest SHA-256.
    plain = [f"café-{number}" for number in range(20)]
    first = sorted(plain, key=lambda name: hashlib.sha256(f"0/{name}".encode()).digest())[:6]
    assert set(split_by_file(Named(plain, plain), 0.3)[1].names) == set(first)


@pytest.mark.parametrize("share", [0, 1, -0.1, 2, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="validation_share"):
        split_by_file(photos_of(a=10), share)


@pytest.mark.parametrize(
    ("split", "photos", "share", "side"),
    [
        (split_by_file, photos_of(a=3), 0.1, "validation"),
        (split_by_file, photos_of(a=3), 0.9, "training"),
        (split_by_source, photos_of(a=100, b=90), 0.1, "validation"),
        (split_by_source, photos_of(a=100), 0.6, "training"),
    ],
)
def test_a_side_without_photos_is_refused(split, photos, share, side):
    with pytest.raises(ValueError, match=f"no photos for {side}"):
        split(photos, share)


def test_copies_cannot_be_split():
    with pytest.raises(ValueError, match="unique names"):
        split_by_file(PhotoSubset(photos_of(a=10), [0, 1, 2, 0]), 0.5)


def test_without_leaves_out_what_it_is_told():
    rest = without(photos_of(a=5), [3, 0, 3])
    assert rest.names == ["a-1", "a-2", "a-4"]
    assert without(photos_of(a=2), []).names == ["a-0", "a-1"]


def test_without_refuses_photos_that_are_not_there_and_leaving_nothing():
    with pytest.raises(IndexError):
        without(photos_of(a=2), [2])
    with pytest.raises(ValueError, match="no photo would be left"):
        without(photos_of(a=2), [0, 1])

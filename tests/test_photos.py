import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
import torch

from pyramidcolor.photos import CachedPhotos, JoinedPhotos, Photos, PhotoSubset


class Squares(Photos):
    """Photos of one color each, whose red says which one it is; it counts how often each was read."""

    def __init__(self, count, side=4, label="square"):
        super().__init__([f"{label}-{index}" for index in range(count)], [label] * count)
        self.side, self.read = side, [0] * count

    def _read(self, index):
        self.read[index] += 1
        return np.full((self.side, self.side, 3), (index, 0, 255), dtype=np.uint8)


class Drawn:
    """A data set that knows nothing of names, as drawn scenes are."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.full((3, 2, 2), 0.3 + 0.1 * index)


def red(photo):
    return round(float(photo[0, 0, 0]) * 255)


def test_a_photo_is_a_float_tensor_with_channels_first():
    photo = Squares(3)[2]
    assert photo.dtype == torch.float32
    assert photo.shape == (3, 4, 4)
    torch.testing.assert_close(photo[:, 1, 1], torch.tensor([2 / 255, 0, 1]))


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_outside_is_an_index_error(index):
    for photos in (
        Squares(3),
        PhotoSubset(Squares(5), [1, 2, 3]),
        JoinedPhotos([Squares(3)]),
        CachedPhotos(Squares(3), 9),
    ):
        with pytest.raises(IndexError, match=r"\[0, 3\)"):
            photos[index]


def test_a_for_loop_visits_each_photo_once_and_ends():
    assert [red(photo) for photo in Squares(4)] == [0, 1, 2, 3]


def test_a_subset_keeps_the_order_given_with_names_and_sources():
    subset = PhotoSubset(Squares(5), [4, 0, 4])
    assert [red(photo) for photo in subset] == [4, 0, 4]
    assert subset.names == ["square-4", "square-0", "square-4"]
    assert subset.sources == ["square"] * 3


def test_a_subset_of_a_photo_that_is_not_there_is_an_index_error():
    with pytest.raises(IndexError):
        PhotoSubset(Squares(5), [0, 5])


def test_joined_sets_follow_each_other_with_their_copies():
    joined = JoinedPhotos([Squares(2, label="a"), Squares(3, label="b")], copies=[2, 1])
    assert joined.names == ["a-0", "a-1", "a-0", "a-1", "b-0", "b-1", "b-2"]
    assert joined.sources == ["a"] * 4 + ["b"] * 3
    assert [red(photo) for photo in joined] == [0, 1, 0, 1, 0, 1, 2]


def test_joined_sets_with_equal_names_get_numbers_in_front():
    joined = JoinedPhotos([Squares(1), Squares(2)])
    assert joined.names == ["1/square-0", "2/square-0", "2/square-1"]
    assert joined.sources == ["square"] * 3


def test_an_empty_set_among_joined_ones_is_passed_over():
    joined = JoinedPhotos([Squares(0, label="none"), Squares(2)])
    assert [red(photo) for photo in joined] == [0, 1]


@pytest.mark.parametrize("copies", [[1], [1, 0], [1, 1.5], [1, -1]])
def test_copies_must_be_one_whole_number_for_each_set(copies):
    with pytest.raises(ValueError, match="copies must be 2 whole numbers"):
        JoinedPhotos([Squares(1), Squares(1)], copies)


def test_joining_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        JoinedPhotos([])


def test_drawn_scenes_join_photos_rounded_to_eight_bits():
    joined = JoinedPhotos([Squares(1), Drawn()])
    assert joined.names[1:] == ["Drawn/0", "Drawn/1"]
    torch.testing.assert_close(joined[2], torch.full((3, 2, 2), 102 / 255))


def test_a_full_cache_keeps_what_it_has():
    squares = Squares(10)
    cached = CachedPhotos(squares, 4 * 48)  # a square has 4 x 4 x 3 = 48 bytes
    order = np.random.default_rng(0)
    for _ in range(5):
        for index in order.permutation(10):
            assert red(cached[int(index)]) == index
    assert sorted(squares.read) == [1] * 4 + [5] * 6
    assert (cached.hits, cached.misses, cached.bytes) == (16, 34, 192)


def test_a_photo_that_is_too_large_for_the_rest_leaves_room_for_smaller_ones():
    cached = CachedPhotos(JoinedPhotos([Squares(1, side=100, label="large"), Squares(1)]), 48)
    for _ in range(2):
        for index in range(2):
            cached[index]
    assert (cached.hits, cached.misses, cached.bytes) == (1, 3, 48)


def test_copies_of_a_photo_share_one_place_in_the_cache():
    cached = CachedPhotos(JoinedPhotos([Squares(1)], copies=[3]), "1 kB")
    assert [red(photo) for photo in cached] == [0, 0, 0]
    assert (cached.hits, cached.bytes) == (2, 48)


def test_writing_into_a_photo_leaves_the_cache_as_it_was():
    cached = CachedPhotos(Squares(1), "1 kB")
    cached[0].fill_(0.5)
    cached[0].fill_(0.5)
    assert cached[0].equal(Squares(1)[0])
    with pytest.raises(ValueError, match="read-only"):
        cached.pixels(0)[:] = 0


def test_the_cache_counts_no_more_than_it_holds_when_threads_share_it():
    cached = CachedPhotos(Squares(50), 20 * 48)
    wrong = []

    def read():
        for index in np.random.default_rng().permutation(50):
            if red(cached[int(index)]) != index:
                wrong.append(index)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cached.hits + cached.misses == 8 * 50
    assert cached.bytes == sum(pixels.nbytes for pixels in cached._kept.values()) == 20 * 48


def test_a_photo_that_two_threads_read_at_once_is_counted_once():
    both_read = threading.Barrier(2, timeout=20)

    class Slow(Squares):
        def _read(self, index):
            both_read.wait()
            return super()._read(index)

    cached = CachedPhotos(Slow(1), "1 kB")
    threads = [threading.Thread(target=cached.pixels, args=(0,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cached.misses, cached.bytes) == (2, 48)


def test_the_cache_does_not_hold_on_to_transparency():
    class Views(Squares):
        def _read(self, index):
            whole = np.zeros((4, 4, 4), dtype=np.uint8)
            self.whole = weakref.ref(whole)
            return whole[..., :3]

    views = Views(1)
    cached = CachedPhotos(views, "1 kB")
    cached.pixels(0)
    gc.collect()
    assert cached.bytes == 48
    assert views.whole() is None


def test_a_pickled_cache_begins_empty_and_reads_the_same():
    cached = CachedPhotos(Squares(2), "1 kB")
    cached[1]
    copy = pickle.loads(pickle.dumps(cached))
    assert (copy.hits, copy.misses, copy.bytes) == (0, 0, 0)
    assert copy[1].equal(cached[1])


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (7, 7),
        ("7", 7),
        ("3 kB", 3000),
        ("3KiB", 3072),
        ("1.5 MB", 1_500_000),
        ("4 GiB", 4 * 2**30),
        ("1 tb", 10**12),
    ],
)
def test_memory_may_be_a_number_or_text_with_a_unit(text, size):
    assert CachedPhotos(Squares(1), text).memory == size


@pytest.mark.parametrize("text", [-1, "", "much", "4 GG", "GiB", "-4 GiB"])
def test_memory_that_cannot_be_understood_is_refused(text):
    with pytest.raises(ValueError, match="memory must be"):
        CachedPhotos(Squares(1), text)

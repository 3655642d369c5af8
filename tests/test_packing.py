"""Sets written to disk come back with their photos and sources, or not at all."""

import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from pyramidcolor import packing
from pyramidcolor.datasets import PhotoFolder, PhotoShards, Places365, SamplePhotos
from pyramidcolor.packing import DRAWN_CATEGORIES, draw_places365, write_shards
from pyramidcolor.photos import CachedPhotos, JoinedPhotos, PhotoSubset
from pyramidcolor.scenes import KINDS, SyntheticScenes


def save(path, value, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 100, 200)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    for value, name in enumerate(["a.png", "sea-2/IMG-1.jpg", "sea-2/IMG_1.jpg", "in/side/b.png"]):
        save(tmp_path / "album" / name, 40 * value)
    return PhotoFolder(tmp_path / "album")


def same_photos(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_shards_hold_the_photos_and_the_sources_of_a_folder_in_its_order(photos, tmp_path):
    shards = write_shards(photos, tmp_path / "packed")
    assert same_photos(shards, photos)
    assert shards.sources == photos.sources
    assert [path.name for path in shards.paths] == ["packed-00000.tar"]
    assert same_photos(PhotoShards(tmp_path / "packed"), photos)


def test_files_go_in_byte_for_byte_under_source_and_name(photos, tmp_path):
    (path,) = write_shards(photos, tmp_path / "packed").paths
    with tarfile.open(path) as tar:
        assert tar.getnames() == [
            "album/a.png",
            "in/side/b.png",
            "sea-2/IMG_1.jpg",
            "sea-2/IMG_1_2.jpg",
        ]
        for name, index in (("album/a.png", 0), ("sea-2/IMG_1.jpg", 2), ("sea-2/IMG_1_2.jpg", 3)):
            assert tar.extractfile(name).read() == (photos.folder / photos.names[index]).read_bytes()


def test_a_new_tar_begins_where_the_next_photo_would_make_one_too_large(photos, tmp_path):
    one = 512 + max(len(photos.encoded(index)[0]) for index in range(4))
    shards = write_shards(photos, tmp_path / "packed", shard_size=one)
    assert len(shards.paths) == 4
    assert same_photos(shards, photos)
    tiny = write_shards(photos, tmp_path / "tiny", shard_size=1)
    assert len(tiny.paths) == 4


@pytest.mark.parametrize("most", [20_480, 30_000, 100_000])
def test_no_tar_of_several_photos_has_more_bytes_than_wanted(tmp_path, most):
    for number in range(60):
        folder = "a long name takes more blocks " * (number % 5)
        (tmp_path / "album" / folder.strip()).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (20, 20 + number, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "album" / folder.strip() / f"{number}.png")
    photos = PhotoFolder(tmp_path / "album")
    shards = write_shards(photos, tmp_path / "packed", shard_size=most)
    assert same_photos(shards, photos)
    sizes = [path.stat().st_size for path in shards.paths]
    assert max(sizes) <= most
    # The next photo, of at most 5 kB and its header, did not fit.
    assert min(sizes[:-1]) > most - tarfile.RECORDSIZE - 8_000


def test_a_photo_larger_than_a_tar_may_be_has_a_tar_of_its_own(tmp_path):
    for number, side in enumerate([4, 90, 4, 4]):
        noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        save(tmp_path / "album" / f"{number}.png", 0)
        Image.fromarray(noise).save(tmp_path / "album" / f"{number}.png")
    shards = write_shards(PhotoFolder(tmp_path / "album"), tmp_path / "packed", shard_size="15 kB")
    assert [name.partition("/")[0][-5:-4] for name in shards.names] == ["0", "1", "2", "2"]


def test_the_same_photos_give_the_same_tars(photos, tmp_path):
    (tmp_path / "again").mkdir()
    one, other = (write_shards(photos, tmp_path / name) for name in ("packed", "again/packed"))
    assert one.paths[0].read_bytes() == other.paths[0].read_bytes()


def test_photos_of_a_hidden_folder_are_not_hidden_in_the_tar(tmp_path):
    save(tmp_path / ".mine" / "a.png", 1)
    assert write_shards(PhotoFolder(tmp_path / ".mine"), tmp_path / "packed").sources == ["_mine"]


def test_every_kind_of_set_can_be_packed(photos, tmp_path):
    first = write_shards(photos, tmp_path / "first")
    scenes = SyntheticScenes(2, 16)
    joined = JoinedPhotos([photos, SamplePhotos(), scenes], copies=[2, 1, 1])
    for number, one in enumerate([first, PhotoSubset(photos, [3, 1]), CachedPhotos(photos, "1 MB"), joined]):
        packed = write_shards(one, tmp_path / f"packed{number}")
        assert same_photos(packed, one)
        assert packed.sources == one.sources
    assert len(write_shards(scenes, tmp_path / "scenes")) == 2


def test_an_encoded_photo_is_its_file_and_no_photo_is_counted_from_the_end(photos):
    assert photos.encoded(0) == ((photos.folder / "a.png").read_bytes(), ".png")
    for one in (photos, PhotoSubset(photos, [0]), JoinedPhotos([photos])):
        with pytest.raises(IndexError, match="got -1"):
            one.encoded(-1)


def test_a_photo_that_is_gone_is_named_and_no_tar_is_left(photos, tmp_path):
    (photos.folder / "sea-2" / "IMG_1.jpg").unlink()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError, match=r"IMG_1\.jpg"):
        write_shards(photos, tmp_path / "packed", shard_size=1)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_exists_or_has_none_above_it_is_refused(photos, tmp_path):
    (tmp_path / "packed").mkdir()
    with pytest.raises(FileExistsError, match="packed exists"):
        write_shards(photos, tmp_path / "packed")
    with pytest.raises(FileNotFoundError, match="absent does not exist"):
        write_shards(photos, tmp_path / "absent" / "packed")
    with pytest.raises(ValueError, match="at least one photo"):
        write_shards(PhotoSubset(photos, []), tmp_path / "none")
    with pytest.raises(ValueError, match="shard_size must be bytes"):
        write_shards(photos, tmp_path / "none", shard_size="a lot")


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    root = tmp_path_factory.mktemp("miniature") / "places365"
    draw_places365(root, train=12, val=6, test=2, size=32, seed=3)
    return root


def test_the_miniature_has_the_files_of_places365(miniature):
    lines = {path.name: path.read_text().splitlines() for path in miniature.glob("*.txt")}
    assert lines["categories_places365.txt"][:2] == ["/c/coast 0", "/f/field/wild 1"]
    assert lines["places365_train_standard.txt"][:2] == ["/c/coast/00000001.jpg 0", "/c/coast/00000002.jpg 0"]
    assert lines["places365_val.txt"][1] == "Places365_val_00000002.jpg 3"
    assert lines["places365_test.txt"] == ["Places365_test_00000001.jpg", "Places365_test_00000002.jpg"]
    assert sorted(path.name for path in miniature.iterdir() if path.is_dir()) == [
        "data_256",
        "test_256",
        "val_256",
    ]


def test_the_miniature_is_read_as_places365_with_all_its_photos(miniature):
    for split, count in (("train", 12), ("val", 6), ("test", 2)):
        photos = Places365(miniature, split)
        assert len(photos) == count
        assert all(photo.shape == (3, 32, 32) for photo in photos)
        listed = {photos.folder / name for name in photos.names}
        assert listed == {path for path in photos.folder.rglob("*") if path.is_file()}
    train = Places365(miniature, "train")
    assert train.sources == sorted(train.sources)
    assert set(train.sources) == set(DRAWN_CATEGORIES)


def test_the_miniature_s_categories_show_what_they_are_called(miniature):
    val = Places365(miniature, "val")
    kinds = [KINDS[SyntheticScenes(6, 32, 4, kinds=[kind]).scene(0).kind] for kind in KINDS]
    assert kinds == list(KINDS)
    scene = SyntheticScenes(6, 32, 4, kinds=[DRAWN_CATEGORIES[val.sources[5]]])[5]
    assert (val[5] - scene).abs().mean() < 0.03  # JPEG


def test_a_packed_miniature_keeps_the_categories_even_of_the_flat_splits(miniature, tmp_path):
    val = Places365(miniature, "val")
    assert write_shards(val, tmp_path / "val").sources == val.sources


def test_a_miniature_is_never_written_over_anything(miniature, tmp_path):
    with pytest.raises(FileExistsError, match="places365 exists"):
        draw_places365(miniature)
    with pytest.raises(ValueError, match="must be 1 or more, got 1, 0 and 1"):
        draw_places365(tmp_path / "new", train=1, val=0, test=1)


def test_a_full_disk_leaves_no_shards(photos, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing.tarfile.TarFile, "addfile", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        write_shards(photos, tmp_path / "packed")
    assert sorted(tmp_path.iterdir()) == before

import io
import pickle
import random
import tarfile
import threading
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from pyramidcolor.datasets import PhotoFolder, PhotoShards, Places365, SamplePhotos, open_photos
from pyramidcolor.images import sample_photo
from pyramidcolor.photos import CachedPhotos


def plain(value, size=(5, 4)):
    """A picture whose red tells it from the others."""
    return Image.new("RGB", size, (value, 100, 200))


def encoded(value):
    file = io.BytesIO()
    plain(value).save(file, "png")
    return file.getvalue()


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(value))


def write_tar(path, members):
    """A tar of `{name: bytes}`, or of pairs where a name comes twice."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items() if isinstance(members, dict) else members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def reds(photos):
    return [int(photos.pixels(index)[0, 0, 0]) for index in range(len(photos))]


def test_a_folder_gives_its_pictures_sorted_with_the_folder_as_source(tmp_path):
    for value, name in enumerate(["sea/b.png", "a.png", "sea/a.png", "sea-2/c.png"]):
        save(tmp_path / "set" / name, value)
    photos = PhotoFolder(tmp_path / "set")
    assert photos.names == ["a.png", "sea-2/c.png", "sea/a.png", "sea/b.png"]
    assert photos.sources == ["set", "sea-2", "sea", "sea"]
    assert reds(photos) == [1, 3, 2, 0]
    assert photos[0].shape == (3, 4, 5)


def test_files_that_are_no_pictures_are_left_out_and_counted(tmp_path):
    save(tmp_path / "a.png", 1)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "LICENSE").write_text("")
    photos = PhotoFolder(tmp_path)
    assert photos.left_out == {".txt": 1, "no suffix": 1}
    assert "2 other files left out (.txt, no suffix)" in repr(photos)


def test_a_folder_without_pictures_says_so(tmp_path):
    with pytest.raises(ValueError, match="no pictures"):
        PhotoFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="absent"):
        PhotoFolder(tmp_path / "absent")


def test_a_broken_picture_in_a_folder_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.jpg"):
        PhotoFolder(tmp_path)[0]


@pytest.fixture
def shards(tmp_path):
    write_tar(
        tmp_path / "b.tar",
        {
            "set/houses-1.png": encoded(1),
            "./cars-7-x.png": encoded(2),
            "deep/er/plain.PNG": encoded(3),
            "n.txt": b"words",
        },
    )
    write_tar(
        tmp_path / "a.tar",
        {"plain.png": encoded(4), "._plain.png": b"of a Mac", "set/houses-1.png": encoded(5)},
    )
    return tmp_path


def test_shards_give_the_pictures_in_the_order_of_the_tars(shards):
    photos = PhotoShards(shards)
    assert reds(photos) == [4, 5, 1, 2, 3]
    assert photos.names == [
        "a.tar/plain.png",
        "a.tar/set/houses-1.png",
        "b.tar/set/houses-1.png",
        "b.tar/cars-7-x.png",
        "b.tar/deep/er/plain.PNG",
    ]
    assert photos.left_out == {".txt": 1}


def test_the_source_in_a_shard_stands_before_the_dash_else_it_is_the_folder_or_the_tar(shards):
    assert PhotoShards(shards).sources == ["a", "houses", "houses", "cars", "deep/er"]


def test_a_name_that_begins_with_a_dash_names_no_source(tmp_path):
    write_tar(tmp_path / "a.tar", {"sea/-x.png": encoded(1), "-y.png": encoded(2)})
    assert PhotoShards(tmp_path / "a.tar").sources == ["sea", "a"]


def test_walking_through_a_tar_takes_little_memory_for_each_photo(tmp_path):
    tar = write_tar(tmp_path / "a.tar", {f"set/photo-{number:07}.png": b"" for number in range(800)})
    tracemalloc.start()
    try:
        photos = PhotoShards(tar)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / len(photos) < 600  # 300 on Python 3.11; what tarfile keeps for each member is over 1,000


def test_shards_may_be_one_tar_or_several_in_any_order(shards):
    assert reds(PhotoShards(shards / "b.tar")) == [1, 2, 3]
    assert reds(PhotoShards([shards / "b.tar", str(shards / "a.tar")])) == [1, 2, 3, 4, 5]


def test_tars_of_one_name_in_two_folders_keep_their_photos_apart(shards):
    (shards / "more").mkdir()
    other = write_tar(shards / "more" / "a.tar", {"plain.png": encoded(9)})
    photos = PhotoShards([shards / "a.tar", other])
    assert len(set(photos.names)) == 3
    assert reds(photos) == [4, 5, 9]


def test_what_is_read_from_a_shard_equals_the_unpacked_folder(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        size = (*rng.integers(1, 40, 2), 3)
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"{number:02}.jpg")
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "photos.tar", "w", format=form) as tar:
            for path in sorted(folder.iterdir()):
                tar.add(
                    path, f"{'long/' * 18}{path.name}"
                )  # some forms write long names as members of their own
        for packed, plain_photo in zip(
            PhotoShards(tmp_path / "photos.tar"), PhotoFolder(folder), strict=True
        ):
            assert packed.equal(plain_photo)


def test_of_two_members_with_one_name_the_later_counts(tmp_path):
    write_tar(tmp_path / "a.tar", [("x.png", encoded(1)), ("y.png", encoded(2)), ("x.png", encoded(3))])
    photos = PhotoShards(tmp_path / "a.tar")
    assert dict(zip(photos.names, reds(photos), strict=True)) == {"a.tar/x.png": 3, "a.tar/y.png": 2}


def write_links(path, *links):
    """Add links `(name, type, target)` to a tar."""
    with tarfile.open(path, "a") as tar:
        for name, kind, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)


def test_links_in_a_tar_show_the_pictures_that_they_lead_to(tmp_path):
    tar = write_tar(tmp_path / "a.tar", {"./train/x.png": encoded(1), "train/y.png": encoded(2)})
    write_links(
        tar,
        ("val/hard.png", tarfile.LNKTYPE, "./train/x.png"),
        ("val/over.png", tarfile.SYMTYPE, "soft.png"),
        ("val/soft.png", tarfile.SYMTYPE, "../train/y.png"),
    )
    photos = PhotoShards(tar)
    assert dict(zip(photos.names, reds(photos), strict=True)) == {
        "a.tar/train/x.png": 1,
        "a.tar/train/y.png": 2,
        "a.tar/val/hard.png": 1,
        "a.tar/val/over.png": 2,
        "a.tar/val/soft.png": 2,
    }
    assert not photos.left_out
    with tarfile.open(tar) as unpacked:
        unpacked.extractall(tmp_path / "a.tar.d", filter="data")
    assert sorted(reds(PhotoFolder(tmp_path / "a.tar.d"))) == sorted(reds(photos))


def test_links_in_a_tar_that_lead_out_of_it_or_in_a_circle_are_counted_as_left_out(tmp_path):
    tar = write_tar(tmp_path / "a.tar", {"x.png": encoded(1), "y.png": encoded(2)})
    write_links(
        tar,
        ("hard.png", tarfile.LNKTYPE, "gone.png"),
        ("out.jpg", tarfile.SYMTYPE, "../elsewhere/x.png"),
        ("one.png", tarfile.SYMTYPE, "two.png"),
        ("two.png", tarfile.SYMTYPE, "one.png"),
        ("folder", tarfile.SYMTYPE, "elsewhere"),
        ("y.png", tarfile.SYMTYPE, "x.png"),  # in place of the file, as when it is unpacked
    )
    photos = PhotoShards(tar)
    assert reds(photos) == [1, 1]
    assert photos.left_out == {".png": 3, ".jpg": 1, "no suffix": 1}


def test_links_that_lead_nowhere_are_counted_as_left_out(tmp_path):
    save(tmp_path / "a.png", 1)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert PhotoFolder(tmp_path).left_out == {".jpg": 1}


def test_a_broken_picture_in_a_shard_is_named_with_its_tar(tmp_path):
    write_tar(tmp_path / "a.tar", {"good.png": encoded(1), "bad.png": encoded(2)[:-30]})
    with pytest.raises(ValueError, match=r"a\.tar/bad\.png"):
        PhotoShards(tmp_path / "a.tar")[1]


def test_a_picture_in_a_shard_whose_values_cannot_be_shown_is_named(tmp_path):
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 254_000]], np.int32)).save(file, "tiff")
    write_tar(tmp_path / "a.tar", {"deep.tif": file.getvalue()})
    with pytest.raises(ValueError, match=r"a\.tar/deep\.tif: the values reach from 0 to 254000"):
        PhotoShards(tmp_path / "a.tar").pixels(0)


def test_a_tar_cut_off_anywhere_is_an_error(shards, tmp_path):
    whole = (shards / "b.tar").read_bytes()
    used = len(whole.rstrip(b"\0"))
    for length in range(0, used + 1, 128):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut\.tar"):
            PhotoShards(tmp_path / "cut.tar")


def test_a_damaged_header_inside_a_tar_is_an_error_and_no_early_end(shards):
    whole = bytearray((shards / "b.tar").read_bytes())
    second = whole.index(b"cars-7-x.png")
    whole[second : second + 4] = b"\xff" * 4
    (shards / "b.tar").write_bytes(whole)
    with pytest.raises(ValueError, match=r"b\.tar is cut off or damaged"):
        PhotoShards(shards / "b.tar")


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_an_error_that_says_so(tmp_path, mode):
    with tarfile.open(tmp_path / "a.tar", f"w:{mode}") as tar:
        tar.addfile(tarfile.TarInfo("x.png"))
    with pytest.raises(ValueError, match=r"a\.tar is compressed with \w+.*decompress it"):
        PhotoShards(tmp_path / "a.tar")


def test_shards_that_are_missing_empty_or_given_twice_are_errors(shards):
    with pytest.raises(FileNotFoundError, match=r"absent\.tar does not exist"):
        PhotoShards(shards / "absent.tar")
    with pytest.raises(ValueError, match="given twice"):
        PhotoShards([shards / "a.tar", shards / "more" / ".." / "a.tar"][:1] * 2)
    with pytest.raises(ValueError, match="at least one"):
        PhotoShards([])
    write_tar(shards / "empty.tar", {})
    with pytest.raises(ValueError, match="no pictures"):
        PhotoShards(shards / "empty.tar")
    (shards / "hollow").mkdir()
    with pytest.raises(ValueError, match="holds no tars"):
        PhotoShards(shards / "hollow")


def test_threads_read_from_a_shard_what_one_reads_alone(tmp_path):
    photos = PhotoShards(
        write_tar(tmp_path / "a.tar", {f"{value}.png": encoded(value) for value in range(100)})
    )
    wrong = []

    def read(seed):
        for index in random.Random(seed).choices(range(100), k=200):
            if photos.pixels(index)[0, 0, 0] != index:
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_another_process_reads_the_same_photos(shards):
    photos = CachedPhotos(PhotoShards(shards), "1 MB")
    photos[0]
    loader = DataLoader(photos, batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert torch.cat(list(loader)).equal(torch.stack(list(photos)))


def test_every_set_can_be_pickled(shards, places):
    save(shards / "pictures" / "x.png", 8)
    for photos in (PhotoShards(shards), PhotoFolder(shards / "pictures"), Places365(places), SamplePhotos()):
        copy = pickle.loads(pickle.dumps(photos))
        assert copy.names == photos.names
        assert copy[0].equal(photos[0])


@pytest.fixture
def places(tmp_path):
    """Places365-Standard in small: file lists and folders exactly as the release has them."""
    root = tmp_path / "places365"
    root.mkdir()
    (root / "categories_places365.txt").write_text(
        "/a/airfield 0\n/s/swimming_pool/indoor 1\n/z/zen_garden 2\n"
    )
    training = [
        "/a/airfield/00000001.jpg 0",
        "/a/airfield/00000002.jpg 0",
        "/s/swimming_pool/indoor/00000001.jpg 1",
    ]
    (root / "places365_train_standard.txt").write_text(
        "\n".join([*training, "/z/zen_garden/00000007.jpg 2", ""])
    )
    (root / "places365_val.txt").write_text("Places365_val_00000001.jpg 2\nPlaces365_val_00000002.jpg 0\n")
    (root / "places365_test.txt").write_text("Places365_test_00000001.jpg\nPlaces365_test_00000002.jpg\n")
    for value, line in enumerate(open_lines(root / "places365_train_standard.txt")):
        save(root / "data_256_standard" / line.split()[0][1:], value)
    for split in ("val", "test"):
        for value, line in enumerate(open_lines(root / f"places365_{split}.txt")):
            save(root / f"{split}_256" / line.split()[0], 10 + value)
    return root


def open_lines(path):
    return path.read_text().splitlines()


def test_places365_reads_its_training_photos_in_the_order_of_the_list(places):
    photos = Places365(places)
    assert photos.categories == ["airfield", "swimming_pool/indoor", "zen_garden"]
    assert photos.labels.tolist() == [0, 0, 1, 2]
    assert photos.sources == ["airfield", "airfield", "swimming_pool/indoor", "zen_garden"]
    assert photos.names[2] == "s/swimming_pool/indoor/00000001.jpg"
    assert reds(photos) == [0, 1, 2, 3]


def test_places365_validation_photos_have_labels_and_test_photos_none(places):
    validation, test = Places365(places, "val"), Places365(places, "test")
    assert validation.labels.tolist() == [2, 0]
    assert validation.sources == ["zen_garden", "airfield"]
    assert (test.labels, test.sources) == (None, ["unknown", "unknown"])
    assert reds(validation) == reds(test) == [10, 11]


def test_places365_takes_the_training_folder_as_the_archive_names_it(places):
    (places / "data_256_standard").rename(places / "data_256")
    assert reds(Places365(places)) == [0, 1, 2, 3]


def test_places365_finds_the_large_photos(places):
    (places / "val_256").rename(places / "val_large")
    assert reds(Places365(places, "val", small=False)) == [10, 11]
    with pytest.raises(FileNotFoundError, match="val_256"):
        Places365(places, "val")


def test_places365_names_the_file_that_is_missing(places):
    (places / "val_256" / "Places365_val_00000001.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"Places365_val_00000001\.jpg"):
        Places365(places, "val")
    (places / "places365_val.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"places365_val\.txt"):
        Places365(places, "val")
    with pytest.raises(ValueError, match="train, val, test"):
        Places365(places, "train-standard")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("places365_val.txt", "Places365_val_00000001.jpg 3\n", "label 3; wanted 0 to 2"),
        ("places365_val.txt", "Places365_val_00000001.jpg -1\n", "label -1"),
        (
            "places365_val.txt",
            "Places365_val_00000001.jpg 0\nPlaces365_val_00000002.jpg\n",
            "line 2: wanted 2 words",
        ),
        ("places365_val.txt", "", "empty"),
        ("categories_places365.txt", "/a/airfield 0\n/z/zen_garden 2\n", "numbered"),
    ],
)
def test_places365_lists_that_cannot_be_understood_are_errors(places, file, text, message):
    (places / file).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        Places365(places, "val")
    assert file in str(error.value)


def test_sample_photos_are_those_of_scikit_image():
    photos = SamplePhotos()
    for name, photo in zip(photos.names, photos, strict=True):
        assert photo.equal(sample_photo(name))


def test_open_photos_knows_what_is_at_a_path(shards, places):
    save(shards / "pictures" / "x.png", 8)
    (shards / "more").mkdir()
    (shards / "a.tar").rename(shards / "more" / "a.tar")
    found = {
        shards / "pictures": PhotoFolder,
        shards / "b.tar": PhotoShards,
        shards / "more": PhotoShards,
        places: Places365,
        places / "val_256": PhotoFolder,
    }
    assert {path: type(open_photos(str(path))) for path in found} == found


def test_open_photos_takes_the_validation_photos_of_places365_where_no_others_are(places):
    assert open_photos(places).split == "train"
    (places / "data_256_standard").rename(places.parent / "elsewhere")
    assert "split='val'" in repr(open_photos(places))


def test_open_photos_joins_several_paths_in_the_order_given(shards):
    save(shards / "pictures" / "x.png", 8)
    photos = open_photos(shards / "pictures", shards / "b.tar")
    assert reds(photos) == [8, 1, 2, 3]
    assert photos.sources == ["pictures", "houses", "cars", "deep/er"]
    assert all(title in repr(photos) for title in ("PhotoFolder(", "PhotoShards(", "4 photos"))


def test_open_photos_says_what_is_wrong_with_a_path(shards):
    with pytest.raises(FileNotFoundError, match="absent does not exist"):
        open_photos(shards / "absent")
    with pytest.raises(ValueError, match="at least one"):
        open_photos()
    (shards / "words.txt").write_text("words " * 200)
    with pytest.raises(ValueError, match=r"words\.txt is not a tar"):
        open_photos(shards / "words.txt")
    save(shards / "x.png", 8)
    with pytest.raises(ValueError, match="single picture"):
        open_photos(shards / "x.png")
    with pytest.raises(ValueError, match="both pictures and tars"):
        open_photos(shards)


def test_a_folder_whose_folders_hold_tars_says_so(shards):
    (shards / "root" / "train").mkdir(parents=True)
    (shards / "b.tar").rename(shards / "root" / "train" / "b.tar")
    for read in (open_photos, PhotoShards, PhotoFolder):
        with pytest.raises(ValueError, match="there are tars in its folders train"):
            read(shards / "root")

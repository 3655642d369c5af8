import errno
import json
import os

import numpy as np
import PIL
import pytest
from PIL import Image
from skimage.color import rgb2hsv

from pyramidcolor.dataset_check import BrokenPhoto, check_photos, find_broken, find_faults
from pyramidcolor.datasets import PhotoFolder, SamplePhotos
from pyramidcolor.photos import CachedPhotos, Photos
from pyramidcolor.splits import split_by_file, without


@pytest.fixture
def photos(tmp_path):
    """Twelve pictures: eight of random colors, a copy of one, a gray one, one cut off, one that is text."""
    rng = np.random.default_rng(0)
    for number in range(8):
        size = (6, 8, 3) if number < 5 else (4, 4, 3)
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / f"color-{number}.png")
    (tmp_path / "again").mkdir()
    Image.open(tmp_path / "color-2.png").save(tmp_path / "again" / "copy.bmp")
    Image.new("L", (8, 6), 90).save(tmp_path / "gray.png")
    whole = (tmp_path / "color-0.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no picture")
    return PhotoFolder(tmp_path)


@pytest.fixture
def broken_names():
    return ["short.png", "text.jpg"]


def test_broken_photos_are_found_by_position_name_and_reason(photos, broken_names):
    broken = find_broken(photos)
    assert [photo.name for photo in broken] == broken_names
    for photo in broken:
        assert photos.names[photo.index] == photo.name
        with pytest.raises(ValueError, match=r"damaged|not a picture") as error:
            photos[photo.index]
        assert str(error.value) == photo.reason


def test_what_is_left_without_the_broken_ones_can_be_read(photos):
    whole = without(photos, (photo.index for photo in find_broken(photos)))
    assert len(whole) == 10
    assert all(photo.shape[0] == 3 for photo in whole)


def test_a_file_that_is_gone_counts_as_broken(photos):
    (photos.folder / "color-1.png").unlink()
    assert "color-1.png" in [photo.name for photo in find_broken(photos)]


def test_a_set_without_faults_has_no_broken_photos():
    assert find_broken(SamplePhotos()) == []


def test_more_photos_than_are_read_at_once_keep_their_positions():
    class Odd(Photos):
        def _read(self, index):
            if index % 2:
                raise ValueError(f"{index} is odd")
            return np.zeros((1, 1, 3), np.uint8)

    names = [str(number) for number in range(2500)]
    broken = find_broken(Odd(names, names))
    assert broken == [BrokenPhoto(index, str(index), f"{index} is odd") for index in range(1, 2500, 2)]


def test_an_error_of_another_kind_is_not_taken_for_a_broken_photo():
    class Faulty(Photos):
        def _read(self, index):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        find_broken(Faulty(["a"], ["a"]))


def test_a_remembered_result_saves_reading_until_a_file_changes(photos, tmp_path, monkeypatch):
    notes = tmp_path / "broken.json"
    first = find_broken(photos, remember=notes)
    read = []
    pixels = PhotoFolder.pixels
    monkeypatch.setattr(PhotoFolder, "pixels", lambda self, index: read.append(index) or pixels(self, index))
    assert find_broken(photos, remember=notes) == first
    assert not read
    os.utime(photos.folder / "gray.png", ns=(1, 1))
    find_broken(photos, remember=notes)
    assert sorted(read) == list(range(12))


@pytest.fixture
def fails(monkeypatch):
    """Call it with an error, or None: reading gray.png then ends in it."""
    read, failing = PhotoFolder._read, []

    def fail_or_read(self, index):
        if failing and self.names[index] == "gray.png":
            raise failing[-1]
        return read(self, index)

    monkeypatch.setattr(PhotoFolder, "_read", fail_or_read)
    return lambda error: failing.append(error) if error else failing.clear()


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EIO, "Input/output error"),
        FileNotFoundError(errno.ENOENT, "No such file"),
    ],
    ids=repr,
)
def test_a_photo_that_the_disk_did_not_give_is_tried_again(photos, broken_names, tmp_path, fails, error):
    notes = tmp_path / "broken.json"
    fails(error)
    if isinstance(error, FileNotFoundError):  # a drive that is gone by the time the photo is read
        path = photos.folder / "gray.png"
        content, stat = path.read_bytes(), path.stat()
        look, photos.pixels = photos.pixels, lambda index: path.unlink(missing_ok=True) or look(index)
    assert "gray.png" in [photo.name for photo in find_broken(photos, remember=notes)]
    fails(None)
    if isinstance(error, FileNotFoundError):
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        photos.pixels = look
    assert [photo.name for photo in find_broken(photos, remember=notes)] == broken_names


def test_a_missing_file_is_remembered_as_missing_until_it_comes_back(
    photos, broken_names, tmp_path, monkeypatch
):
    notes, path = tmp_path / "broken.json", photos.folder / "gray.png"
    content = path.read_bytes()
    path.unlink()
    first = find_broken(photos, remember=notes)
    with monkeypatch.context() as patch:
        patch.setattr(PhotoFolder, "pixels", None)
        assert find_broken(photos, remember=notes) == first
    path.write_bytes(content)
    assert [photo.name for photo in find_broken(photos, remember=notes)] == broken_names


def test_another_version_of_pillow_looks_again(photos, tmp_path, monkeypatch):
    notes, read = tmp_path / "broken.json", []
    find_broken(photos, remember=notes)
    monkeypatch.setattr(PIL, "__version__", "0.1")
    monkeypatch.setattr(PhotoFolder, "pixels", lambda self, index: read.append(index) or np.zeros((1, 1, 3)))
    find_broken(photos, remember=notes)
    assert len(read) == 12


def test_names_that_are_not_utf_8_are_remembered(tmp_path):
    class Latin(Photos):
        def _read(self, index):
            raise ValueError("broken")

    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    for _ in range(2):
        assert find_broken(Latin([name], ["a"]), remember=tmp_path / "broken.json")[0].name == name


def test_equal_pictures_are_found_beside_the_broken_ones_and_remembered(
    photos, broken_names, tmp_path, monkeypatch
):
    notes = tmp_path / "broken.json"
    faults = find_faults(photos, remember=notes)
    assert [photo.name for photo in faults.broken] == broken_names
    assert faults.duplicates == check_photos(photos).duplicates == [["again/copy.bmp", "color-2.png"]]
    monkeypatch.setattr(PhotoFolder, "pixels", None)
    assert find_faults(photos, remember=notes) == faults


def test_a_note_of_an_older_version_is_replaced(photos, broken_names, tmp_path):
    notes = tmp_path / "broken.json"
    notes.write_text('{"photos": "0123", "broken": []}')
    assert [photo.name for photo in find_broken(photos, remember=notes)] == broken_names
    assert "duplicates" in json.loads(notes.read_text())


def test_a_note_of_another_set_is_not_believed(photos, tmp_path):
    notes = tmp_path / "broken.json"
    find_broken(photos, remember=notes)
    assert find_broken(SamplePhotos(), remember=notes) == []


@pytest.mark.parametrize("text", ["", "[]", '{"photos": 1}'])
def test_a_file_that_holds_something_else_is_not_overwritten(photos, tmp_path, text):
    notes = tmp_path / "other.json"
    notes.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json"):
        find_broken(photos, remember=notes)
    assert notes.read_text() == text


def test_the_report_counts_what_was_put_there(photos, broken_names, tmp_path):
    report = check_photos(photos)
    assert report.photos == 12
    assert report.sources == {tmp_path.name: 11, "again": 1}
    assert report.sizes == {(8, 6): 7, (4, 4): 3}
    assert report.gray == ["gray.png"]
    assert [photo.name for photo in report.broken] == broken_names
    assert report.duplicates == [["again/copy.bmp", "color-2.png"]]


def test_pictures_of_equal_bytes_and_other_shape_are_no_duplicates(tmp_path):
    Image.new("RGB", (2, 8)).save(tmp_path / "tall.png")
    Image.new("RGB", (8, 2)).save(tmp_path / "wide.png")
    assert check_photos(PhotoFolder(tmp_path)).duplicates == []


def test_gray_is_judged_by_the_mean_hsv_saturation(photos):
    whole = without(photos, (photo.index for photo in find_broken(photos)))
    saturation = {name: rgb2hsv(whole.pixels(index))[..., 1].mean() for index, name in enumerate(whole.names)}
    threshold = sum(sorted(saturation.values())[6:8]) / 2  # far from any photo's own
    expected = [name for name in whole.names if saturation[name] < threshold]
    assert len(expected) == 7
    assert check_photos(whole, gray_below=threshold).gray == expected


def test_the_table_names_every_broken_photo(photos, broken_names):
    text = str(check_photos(photos))
    assert "12" in text
    assert "8 x 6 (7)" in text
    assert "again/copy.bmp = color-2.png" in text
    assert all(f"{name}: " in text for name in broken_names)


def test_a_long_list_in_the_table_says_how_many_more_there_are(tmp_path):
    for value in range(10):
        Image.new("L", (2, 2), value).save(tmp_path / f"{value}.png")
    assert "10 with a mean saturation below 0.05: 0.png, 1.png, 2.png, 3.png and 6 more" in str(
        check_photos(PhotoFolder(tmp_path))
    )


def test_the_report_goes_through_json(photos):
    found = json.loads(json.dumps(check_photos(photos).to_dict()))
    assert found["sizes"] == {"8x6": 7, "4x4": 3}
    assert found["broken"][1]["name"] == "text.jpg"
    assert found["gray_below"] == 0.05


def test_duplicates_in_the_report_do_not_part_in_a_split(photos):
    report = check_photos(photos)
    for seed in range(10):
        sides = split_by_file(photos, 0.5, seed, duplicates=report.duplicates)
        assert sum("color-2.png" in side.names and "again/copy.bmp" in side.names for side in sides) == 1


def test_the_check_of_a_cached_set_fills_the_cache():
    cached = CachedPhotos(SamplePhotos(), "1 GB")
    check_photos(cached)
    assert cached.bytes == sum(photo.numel() for photo in SamplePhotos())

"""A file is written whole or not at all, whatever goes wrong on the way."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyramidcolor.files import part_beside, written_whole


@pytest.fixture
def target(tmp_path):
    """A file that holds b"old", alone in its folder."""
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    return path


def write(target, work):
    with written_whole(target) as part:
        work(part)


def only_the_old_file_is_left(target):
    return [path.name for path in target.parent.iterdir()] == [target.name] and target.read_bytes() == b"old"


def test_a_new_file_appears_complete_and_alone(tmp_path):
    target = tmp_path / "new.bin"
    with written_whole(target) as part:
        part.write_bytes(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["new.bin"]
    assert target.read_bytes() == b"new"


def test_the_old_file_is_readable_until_the_block_ends_and_replaced_then(target):
    with written_whole(target) as part:
        part.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_the_temporary_file_lies_beside_the_target_hidden_and_under_a_name_of_its_own(target):
    with written_whole(target) as one, written_whole(target) as other:
        for part in (one, other):
            assert part.parent == target.parent
            assert part.name.startswith(".weights.bin.")
            assert part.suffix == ".part"
            part.write_bytes(b"new")
        assert one != other


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_inside_the_block_leaves_the_old_file_and_is_passed_on(target, error):
    def break_off(part):
        part.write_bytes(b"half of the n")
        raise error

    with pytest.raises(error):
        write(target, break_off)
    assert only_the_old_file_is_left(target)


def test_an_error_before_anything_is_written_leaves_the_old_file(target):
    def fail(part):
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        write(target, fail)
    assert only_the_old_file_is_left(target)


def test_a_block_that_writes_nothing_is_an_error_and_leaves_the_old_file(target):
    with pytest.raises(FileNotFoundError, match=target.name):
        write(target, lambda part: None)
    assert only_the_old_file_is_left(target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_leaves_the_old_file(target):
    def write_to_a_full_disk(part):
        part.symlink_to("/dev/full")
        part.write_bytes(b"new")

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write(target, write_to_a_full_disk)
    assert only_the_old_file_is_left(target)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_only_at_the_end_leaves_the_old_file(target, monkeypatch, step):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write(target, lambda part: part.write_bytes(b"new"))
    assert only_the_old_file_is_left(target)


def test_a_killed_process_leaves_the_old_file_and_a_part_that_says_so(target):
    program = (
        "import os, sys\n"
        "from pyramidcolor.files import written_whole\n"
        "with written_whole(sys.argv[1]) as part:\n"
        "    part.write_bytes(b'half of the n')\n"
        "    os._exit(9)\n"  # ends as a kill does: nothing is cleaned up
    )
    assert subprocess.run([sys.executable, "-c", program, str(target)], check=False).returncode == 9
    assert target.read_bytes() == b"old"
    (left,) = (path for path in target.parent.iterdir() if path != target)
    assert left.match(".weights.bin.????????.part")
    write(target, lambda part: part.write_bytes(b"new"))
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["a" * 251 + ".jpg", "写" * 83 + ".png"], ids=["latin", "chinese"])
def test_the_longest_names_that_the_disk_takes_can_be_written(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")  # the disk does take it
    write(tmp_path / name, lambda part: part.write_bytes(b"new"))
    assert (tmp_path / name).read_bytes() == b"new"
    part = part_beside(tmp_path / name)
    assert part.name.startswith(f".{name[:50]}")
    assert part.suffix == ".part"
    assert len(os.fsencode(part.name)) <= 255


def test_a_missing_folder_is_named_and_not_made(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=r"the folder .*missing does not exist.*new\.bin"):
        write(missing / "new.bin", pytest.fail)
    assert not missing.exists()


def test_a_folder_in_place_of_a_file_is_named_and_kept(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(IsADirectoryError, match="photos is a folder; name a file to write"):
        write(tmp_path / "photos", pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_string_and_a_path_without_a_folder_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with written_whole("plain.txt") as part:
        part.write_text("complete")
    assert (tmp_path / "plain.txt").read_text() == "complete"


def test_others_may_read_the_file_as_any_other_whatever_wrote_it(tmp_path):
    (tmp_path / "plain.txt").touch()
    with written_whole(tmp_path / "whole.txt") as part:
        part.write_text("new")
        part.chmod(0o600)
    assert (tmp_path / "whole.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode

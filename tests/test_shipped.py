"""What comes with the package beside its modules, found in a checkout and inside an installed package."""

from pathlib import Path

import pytest

from pyramidcolor import shipped
from pyramidcolor.shipped import shipped_folder, stored_result
from pyramidcolor.space_comparison import read_results

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as a wheel unpacks it, with one result, in a folder that has notebooks of somebody else."""
    package = tmp_path / "site-packages" / "pyramidcolor"
    for folder in (
        package / "lessons" / "notebooks",
        package / "lessons" / "results",
        package.parent / "notebooks",
    ):
        folder.mkdir(parents=True)
    (package / "lessons" / "results" / "speed.json").write_text("{}")
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    return package


def test_in_a_checkout_they_are_where_they_are_written():
    assert shipped_folder("notebooks") == ROOT / "notebooks"
    assert shipped_folder("results") == ROOT / "benchmarks" / "results"


def test_in_an_installed_package_they_are_inside_it_whatever_lies_beside_it(installed):
    assert shipped_folder("notebooks") == installed / "lessons" / "notebooks"
    assert stored_result("speed") == installed / "lessons" / "results" / "speed.json"


def test_a_package_that_came_without_them_says_where_they_would_be(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "pyramidcolor")
    with pytest.raises(
        FileNotFoundError, match=r"without its notebooks, which would be in .*lessons.*notebooks"
    ):
        shipped_folder("notebooks")


def test_there_are_two_kinds():
    with pytest.raises(ValueError, match="kind must be one of notebooks, results, got 'weights'"):
        shipped_folder("weights")


def test_a_result_that_does_not_come_along_is_answered_with_those_that_do(installed):
    with pytest.raises(
        FileNotFoundError, match=r"no result 'sped' comes with pyramidcolor; there are speed\."
    ):
        stored_result("sped")


@pytest.mark.parametrize("path", ["mine.json", "../found/mine.json", Path("runs") / "mine.json"])
def test_a_file_of_the_reader_s_own_goes_by_its_path(installed, path):
    assert stored_result(path) == Path(path)


def test_the_comparison_of_color_spaces_is_read_by_its_name_and_by_its_path():
    path = ROOT / "benchmarks" / "results" / "color_spaces-photos.json"
    assert read_results("color_spaces-photos")["rows"] == read_results(path)["rows"]

"""The wheel, built here and installed outside the repository: what is in it, and that it needs nothing else.

The environments are empty but for the wheel and the packages that it requires. Those are links to the installed ones, since
downloading gigabytes of torch would prove no more; what the wheel does not require is not there, nor is this checkout. Every
process in them is refused the network.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

import pyramidcolor
from pyramidcolor.images import sample_photo, to_image

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NO_NETWORK = """
import socket, sys

def refuse(event, args):
    if event == "socket.getaddrinfo" and args[0] not in (None, "localhost", "127.0.0.1"):
        raise OSError(f"no network here: {args[0]}")

sys.addaudithook(refuse)
"""


def run(*words, status=0, **options):
    """What a command prints, after it has ended with the wanted status."""
    result = subprocess.run(
        [str(word) for word in words], text=True, capture_output=True, check=False, **options
    )
    assert result.returncode == status, f"{words}\n{result.stdout}\n{result.stderr}"
    return result.stdout if status == 0 else result.stderr


def required(requirements):
    """The installed packages that these requirements need, and those that they need in turn."""
    found, left = {}, [(Requirement(line), {""}) for line in requirements]
    while left:
        wanted, extras = left.pop()
        needed = not wanted.marker or any(wanted.marker.evaluate({"extra": extra}) for extra in extras)
        key = (wanted.name, *sorted(wanted.extras))
        if needed and key not in found:
            found[key] = distribution(wanted.name)
            lines = found[key].requires or ()
            left += [(Requirement(line), {"", *wanted.extras}) for line in lines]
    return found.values()


class Environment:
    """An environment that holds the wheel, with some of its extras, and what it requires."""

    def __init__(self, folder, wheel, extras=()):
        run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
        self.python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        # Paths to other packages, of the caller and of the machine, would let in what the wheel lacks.
        self.variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        self.variables |= {"HOME": str(self.folder), "PYRAMIDCOLOR_QUIET": "1"}
        packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        lines = [
            *PROJECT["dependencies"],
            *(line for name in extras for line in PROJECT["optional-dependencies"][name]),
        ]
        for installed in required(lines):
            for top in {file.parts[0] for file in installed.files} - {"..", "__pycache__"}:
                self.link(packages / top, installed.locate_file(top))
        if extras:  # nbconvert keeps the frame of its pages beside the packages
            self.link(folder / "env/share/jupyter/nbconvert", Path(sys.prefix, "share/jupyter/nbconvert"))
        (packages / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
        # Not --no-deps: pip refuses the wheel if a requirement of it is missing or of another version.
        target = f"{wheel}[{','.join(extras)}]" if extras else wheel
        run(sys.executable, "-m", "pip", "--python", self.python, "install", "-qq", "--no-index",
            "--disable-pip-version-check", target, env=self.variables)  # fmt: skip

    def link(self, place, source):
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                place.symlink_to(source, target_is_directory=Path(source).is_dir())
            except OSError as error:
                pytest.skip(f"this machine makes no symbolic links: {error}")

    def run(self, *words, status=0):
        """What its Python prints, in a folder outside the repository."""
        return run(self.python, *words, status=status, cwd=self.folder, env=self.variables)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that `python -m build` makes, by way of the source archive; without isolation, which would download hatchling."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    (archive,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    assert archive.name == f"pyramidcolor-{pyramidcolor.__version__}.tar.gz"
    return wheel


@pytest.fixture(scope="module")
def bare(tmp_path_factory, wheel):
    """The wheel without any extra."""
    return Environment(tmp_path_factory.mktemp("bare"), wheel)


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_modules_weights_notebooks_and_results_and_nothing_that_git_ignores(wheel):
    places = {
        "pyramidcolor": "pyramidcolor",
        "notebooks": "pyramidcolor/lessons/notebooks",
        "benchmarks/results": "pyramidcolor/lessons/results",
    }
    ignored = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
    expected = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in places.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not ignored & set(path.parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == expected
    assert {
        "pyramidcolor/pretrained/best.safetensors",
        "pyramidcolor/lessons/notebooks/00_quickstart.ipynb",
    } <= expected
    assert wheel.stat().st_size < 40e6


def test_the_wheel_says_its_license_its_python_its_address_and_its_extras(metadata):
    assert metadata["Version"] == pyramidcolor.__version__
    assert metadata["License-Expression"] == PROJECT["license"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert metadata["Project-URL"] == f"Repository, {PROJECT['urls']['Repository']}"
    assert (
        {"notebooks", "dev"}
        <= set(metadata.get_all("Provides-Extra"))
        == set(PROJECT["optional-dependencies"])
    )


def test_the_wheel_requires_without_any_extra_what_pyproject_does(metadata):
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    assert {str(one) for one in required if one.marker is None} == {
        str(Requirement(line)) for line in PROJECT["dependencies"]
    }


def test_alone_in_an_environment_it_colorizes_a_photo_without_a_network_or_an_extra(bare):
    gray = sample_photo("coffee").amax(0, keepdim=True)
    to_image(gray).save(bare.folder / "gray.png")
    assert (
        bare.run("-m", "pyramidcolor", "colorize", "gray.png", "-o", "color.png")
        == "1 colorized: color.png\n"
    )
    colored = np.asarray(Image.open(bare.folder / "color.png").convert("RGB"))
    np.testing.assert_array_equal(colored.max(-1), np.asarray(Image.open(bare.folder / "gray.png")))
    assert np.ptp(colored.astype(float), -1).mean() > 10, "of 255: no more colorful than gray"


def test_it_is_the_wheel_that_runs_there_and_neither_extras_nor_the_network_are_in_reach(bare):
    place = bare.run("-c", "import pyramidcolor; print(pyramidcolor.__file__)").strip()
    assert Path(place).is_relative_to(bare.python.parents[1])
    for extra in ("ipywidgets", "nbformat", "pytest"):
        assert "ModuleNotFoundError" in bare.run("-c", f"import {extra}", status=1)
    fetch = "from urllib.request import urlopen; urlopen('http://example.org')"
    assert "no network here: example.org" in bare.run("-c", fetch, status=1)


def test_what_needs_an_extra_names_it(bare):
    bare.run("-m", "pyramidcolor", "notebooks", "copy", "some")
    said = bare.run("-m", "pyramidcolor", "notebooks", "run", "00", "--folder", "some", status=1)
    assert re.search(r"this needs \w+: pip install pyramidcolor\[notebooks\]", said)


def test_its_notebooks_can_be_copied_and_are_those_of_the_repository(bare):
    said = bare.run("-m", "pyramidcolor", "notebooks", "copy", "lessons")
    originals = {
        path.relative_to(ROOT / "notebooks"): path for path in (ROOT / "notebooks").rglob("[0-9]*.ipynb")
    }
    originals = {name: path for name, path in originals.items() if ".ipynb_checkpoints" not in name.parts}
    copies = {path.relative_to(bare.folder / "lessons") for path in (bare.folder / "lessons").rglob("*.*")}
    assert copies == set(originals)
    assert all(
        (bare.folder / "lessons" / name).read_bytes() == path.read_bytes() for name, path in originals.items()
    )
    assert said == f"{len(originals)} notebooks and solutions copied to lessons, 0 were there\n"


def test_with_its_extra_a_copied_notebook_runs_where_it_lies_and_finds_the_results_that_it_reads(
    tmp_path, wheel
):
    outside = Environment(tmp_path, wheel, extras=["notebooks"])
    outside.run("-m", "pyramidcolor", "notebooks", "copy", "lessons")
    words = ("notebooks", "run", "06", "--folder", "lessons", "--out", "pages", "--budget", "smoke")
    assert "1 of 1 notebooks ran" in outside.run("-m", "pyramidcolor", *words)
    page = (outside.folder / "pages" / "06_color_space_comparison.html").read_text(encoding="utf-8")
    stored = json.loads((ROOT / "benchmarks/results/color_spaces-photos.json").read_text(encoding="utf-8"))
    assert f"{stored['protocol']['training_photos']} photos for each network" in page

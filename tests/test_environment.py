"""pyproject.toml, constraints.txt, environment.yml and what is installed tell one story."""

import re
import sysconfig
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import pyramidcolor

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in group
]

TEXT = {".cff", ".ipynb", ".md", ".py", ".rst", ".toml", ".txt", ".yaml", ".yml"}


def load_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def pins(name):
    """The pinned requirements of a constraints file by package; a package may have one for each Python or system."""
    by_package = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            by_package.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return by_package


def texts():
    """The files of the project that people read or run, without what git ignores."""
    ignored = {"_build", "build", "dist", "data", "out", "runs"}
    for top in sorted(ROOT.iterdir()):
        if top.name in {".github", ".ci"} or not (top.name.startswith(".") or top.name in ignored):
            for path in [top] if top.is_file() else sorted(top.rglob("*")):
                if path.suffix in TEXT and not ignored & set(path.relative_to(top).parts):
                    yield path


def conda_and_pip():
    """What environment.yml asks of conda, and what of pip."""
    dependencies = load_yaml("environment.yml")["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    return [entry for entry in dependencies if isinstance(entry, str)], pip


@pytest.mark.parametrize("declared", DECLARED, ids=lambda requirement: requirement.name)
def test_every_declared_requirement_is_pinned_within_its_range(declared):
    entries = pins("constraints.txt").get(canonicalize_name(declared.name))
    assert entries, f"{declared.name} is not in constraints.txt; `make lock` writes it anew"
    for entry in entries:
        (specifier,) = entry.specifier
        assert specifier.operator == "=="
        assert declared.specifier.contains(specifier.version), f"{entry} is outside {declared}"


def test_what_is_held_back_on_purpose_is_what_the_lock_holds():
    lock = pins("constraints.txt")
    for package, held in pins("pins.txt").items():
        assert lock[package] == held


def test_every_declared_requirement_is_a_range_that_others_can_install_beside():
    for declared in DECLARED:
        assert ">=" in {specifier.operator for specifier in declared.specifier}, declared
        assert not {"==", "==="} & {specifier.operator for specifier in declared.specifier}, declared


def test_conda_brings_only_python_and_pip_and_a_python_that_the_package_accepts():
    conda, _ = conda_and_pip()
    assert [entry.split("=")[0] for entry in conda] == ["python", "pip"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(conda[0].split("=")[-1])


def test_conda_users_get_the_pinned_versions():
    _, pip = conda_and_pip()
    assert pip == ["--constraint constraints.txt", "--editable .[notebooks,docs,teacher,dev]"]


@pytest.mark.parametrize("name", ["Makefile", "README.md", "environment.yml"])
def test_every_set_up_installs_the_same_extras(name):
    extras = re.findall(r"\.\[([\w,]+)\]", (ROOT / name).read_text(encoding="utf-8"))
    sets = {frozenset(listed.split(",")) for listed in extras} - {frozenset({"bench"})}
    assert sets == {frozenset(PROJECT["optional-dependencies"]) - {"bench"}}


def test_what_is_only_compared_with_is_installed_by_its_own_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count(".[bench]") == 1
    assert "bench: $(RIVALS)" in makefile


def test_the_wheel_is_built_here_by_what_it_asks_for():
    built_with = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"][
        "requires"
    ]
    assert set(built_with) <= set(PROJECT["optional-dependencies"]["dev"]), (
        "the lock and the tests would use another"
    )


def test_what_is_installed_is_what_is_pinned():
    # Not all of sys.path: setuptools, once imported, adds its private copies of other packages to it.
    wrong = [
        f"{installed.name} {installed.version} is not {entry}"
        for installed in distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
        for entry in pins("constraints.txt").get(canonicalize_name(installed.name), [])
        if entry.marker is None or entry.marker.evaluate()
        if not entry.specifier.contains(installed.version)
    ]
    assert not wrong, "`make clean`, then `make test`, installs the pinned versions"


def test_every_mention_of_the_project_s_address_is_the_one_in_pyproject():
    repository = PROJECT["urls"]["Repository"]
    wanted = repository.removeprefix("https://github.com/")
    hosts = (
        r"(?:github\.com|raw\.githubusercontent\.com|mybinder\.org/v2/gh|colab\.research\.google\.com/github)"
    )
    mention = re.compile(hosts + r"/([\w.-]+/pyramidcolor\b|" + re.escape(wanted.split("/")[0]) + r"/[\w-]+)")
    found = {}
    for path in texts():
        for name in mention.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(path.name)
    assert list(found) == [wanted], found
    assert "02_hue_loss.ipynb" in found[wanted], "the search finds what there is"


def test_the_citation_names_this_version_and_license():
    citation = load_yaml("CITATION.cff")
    assert (citation["version"], citation["license"]) == (pyramidcolor.__version__, PROJECT["license"])

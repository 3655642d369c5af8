"""The workflows for CI, ours and the one for other repositories: what they say is valid, and their commands do what they promise."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from pyramidcolor.__main__ import _parser

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT / ".github" / "workflows" / "ci.yml"
THEIRS = ROOT / "docs" / "how-to" / "notebooks-ci-workflow.yml"
PAGE = ROOT / "docs" / "how-to" / "notebooks-in-ci.md"
PAGES = sorted([PAGE, ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md")])
both = pytest.mark.parametrize("path", [OURS, THEIRS], ids=lambda path: path.name)


def jobs(path):
    """The jobs of a workflow. (YAML 1.1 reads the key `on` as True; GitHub does not.)"""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    return workflow["jobs"]


def steps(path, kind):
    return [step[kind] for job in jobs(path).values() for step in job["steps"] if kind in step]


@both
def test_a_workflow_may_only_read_and_ends_some_day(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert all(len({"run", "uses"} & set(step)) == 1 for step in job["steps"])


@both
def test_a_workflow_sets_up_a_python_that_the_package_accepts_and_keeps_the_executed_notebooks(path):
    (job,) = jobs(path).values()
    actions = {step["uses"].split("@")[0]: step for step in job["steps"] if "uses" in step}
    assert list(actions) == ["actions/checkout", "actions/setup-python", "actions/upload-artifact"]
    assert actions["actions/setup-python"]["with"]["python-version"] in ("3.11", "3.12")
    kept = actions["actions/upload-artifact"]
    assert kept["if"] == "${{ !cancelled() }}", "after a failure too"
    assert f"--out {kept['with']['path']}" in " ".join(steps(path, "run")) or path == OURS


def test_ours_is_what_runs_on_every_machine():
    assert steps(OURS, "run") == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.fixture
def shell(tmp_path):
    """Runs a step of the workflow for others as GitHub does, in an empty repository, with this Python."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    programs, repository = tmp_path / "programs", tmp_path / "repository"
    programs.mkdir()
    repository.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (programs / "python").chmod(0o755)
    (job,) = jobs(THEIRS).values()

    def run(step, **changes):
        variables = os.environ | job["env"] | changes
        # Not of the workflow: they let the shell find this Python, and Python this checkout.
        variables |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        words = [bash, "-e", "-o", "pipefail", "-c", step]
        return subprocess.run(
            words, cwd=repository, env=variables, text=True, capture_output=True, check=False
        )

    run.repository = repository
    return run


def test_theirs_installs_the_package_from_its_one_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = f'"pyramidcolor[notebooks] @ git+{project["urls"]["Repository"]}@main"'
    install, *_ = steps(THEIRS, "run")
    assert install == f"python -m pip install {address}"
    assert install in PAGE.read_text(encoding="utf-8")


def test_theirs_copies_the_lessons_only_where_there_are_no_notebooks(shell):
    _, copy, _ = steps(THEIRS, "run")
    assert shell(copy).returncode == 0
    assert (shell.repository / "notebooks" / "00_quickstart.ipynb").exists()
    (shell.repository / "course").mkdir()
    assert shell(copy, FOLDER="course").returncode == 0
    assert list((shell.repository / "course").iterdir()) == []


def test_theirs_executes_what_it_is_told_and_keeps_what_failed(shell):
    folder = shell.repository / "course"
    folder.mkdir()
    for name, source in {
        "01_fine": "print(6 * 7)",
        "02_wrong": "print('so far')\n1 / 0",
        "03_not": "1 / 0",
    }.items():
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    *_, execute = steps(THEIRS, "run")
    result = shell(execute, FOLDER="course", NOTEBOOKS="01 02_wrong", OPTIONS="--timeout 60")
    assert result.returncode == 1, result.stderr
    assert "02_wrong: cell [1] (print('so far')): ZeroDivisionError" in result.stderr
    kept = shell.repository / "executed"
    assert sorted(path.name for path in kept.iterdir()) == [
        "01_fine.html", "01_fine.ipynb", "02_wrong.html", "02_wrong.ipynb",
    ]  # fmt: skip
    assert "42" in (kept / "01_fine.html").read_text(encoding="utf-8")
    assert "so far" in (kept / "02_wrong.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_is_one_that_there_is(path):
    blocks = re.findall(r"```(?:sh|bat)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [line.split("-m pyramidcolor ", 1)[1] for line in lines if "-m pyramidcolor " in line]
    assert commands or path.name == "CONTRIBUTING.md"
    for command in commands:
        _parser().parse_args(shlex.split(command, comments=True))

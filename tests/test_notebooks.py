"""The form that every notebook keeps, and what running and refreshing them does."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

import pyramidcolor.__main__
from pyramidcolor.notebooks import copy_notebooks, find_notebooks, parameter_names, refresh, run_notebooks

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [
    path for path in sorted((ROOT / "notebooks").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
]
WIDGET = "application/vnd.jupyter.widget-view+json"
every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def printed(path):
    """The text that a reader sees in the outputs."""
    return "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs(path)
    )


class TestTheFormOf:
    """Every notebook, as it is stored."""

    def test_the_folder_no_notebook_is_left_out_of_the_runs(self):
        unnumbered = [path.name for path in NOTEBOOKS if not path.name[0].isdigit()]
        assert not unnumbered, "only names that begin with a number are run"

    @every_notebook
    def test_the_file_is_valid_and_small(self, path):
        nbformat.validate(read(path))
        assert path.stat().st_size < 1_000_000

    @every_notebook
    def test_the_title_has_the_number_of_the_file(self, path):
        assert read(path).cells[0].source.startswith(f"# {path.stem.split('_')[0]} · ")

    @every_notebook
    def test_the_cells_were_run_from_top_to_bottom_without_an_error(self, path):
        cells = code_cells(path)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        bad = [o for o in outputs(path) if o.output_type == "error" or o.get("name") == "stderr"]
        assert not bad, "a traceback or a warning is stored"

    @every_notebook
    def test_the_metadata_say_nothing_of_the_machine_or_the_editor(self, path):
        notebook = read(path)
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"
        for cell in notebook.cells:
            assert set(cell.metadata) <= {"tags"}, cell.source
            assert set(cell.metadata.get("tags", [])) <= {"parameters", "nbval-ignore-output"}, cell.source

    @every_notebook
    def test_the_parameters_are_upper_case_literals_each_with_a_comment(self, path):
        (cell,) = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
        lines = cell.source.splitlines()
        for statement in ast.parse(cell.source).body:
            assert isinstance(statement, ast.Assign)
            ast.literal_eval(statement.value)
            assert ast.unparse(statement.targets[0]).isupper()
            assert "  # " in lines[statement.end_lineno - 1], ast.unparse(statement)
        assert {"SEED", "BUDGET"} <= set(parameter_names(path))

    @every_notebook
    def test_the_cells_hold_no_magics_and_capture_no_output(self, path):
        for cell in code_cells(path):
            # Magics and shell commands are not Python, so they do not parse.
            names = {
                ast.unparse(node).split(".")[-1] for node in ast.walk(ast.parse(cell.source)) if is_name(node)
            }
            assert not names & {"interact", "interactive", "interactive_output", "Output"}, cell.source

    @every_notebook
    def test_the_cells_are_short_and_there_is_prose_between_them(self, path):
        prose = in_a_row = 0
        for cell in read(path).cells:
            if cell.cell_type == "code":
                assert len(cell.source.splitlines()) <= 20, cell.source
                in_a_row += 1
                # The opening under the title is imports, parameters and setup.
                assert in_a_row <= (3 if prose == 1 else 2), f"no prose before:\n{cell.source}"
            else:
                assert len(cell.source.split()) <= 120, cell.source
                prose, in_a_row = prose + 1, 0

    @every_notebook
    def test_nothing_in_it_names_a_place_on_one_machine(self, path):
        text = "\n".join([cell.source for cell in read(path).cells] + [printed(path)])
        assert not re.search(r"(?<![\w.:/])/(home|root|tmp|Users|usr|opt|mnt|var)/|[A-Z]:\\", text)
        assert str(ROOT) not in text
        assert not re.search(r"\bat 0x[0-9a-f]+", printed(path)), (
            "an address in memory is another one each time"
        )

    @every_notebook
    def test_its_links_hold_wherever_its_folder_is_copied_to(self, path):
        for cell in read(path).cells:
            for link in re.findall(r"\]\(([^)#\s]+)", cell.source if cell.cell_type == "markdown" else ""):
                if not link.startswith("https://"):
                    target = (path.parent / link).resolve()
                    assert target.is_file(), link
                    assert target.is_relative_to(ROOT / "notebooks"), f"{link} leads out: use an address"

    @every_notebook
    def test_every_widget_has_a_picture_or_text_for_pages_where_nothing_runs(self, path):
        for output in outputs(path):
            data = output.get("data", {})
            if WIDGET in data:
                assert {"image/png", "text/html"} & set(data), data.get("text/plain")


def is_name(node):
    return isinstance(node, ast.Name | ast.Attribute)


PARAMETERS = 'SEED = 0  # of every random choice\nBUDGET = "cpu"  # how much work'
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([SEED, 1])\nplt.show()\nprint(BUDGET)"
PICTURE = 'from PIL import Image\nImage.new("RGB", (80, 80), "red")'


def write_notebook(path, *sources):
    """A notebook with a parameters cell and these code cells, never run."""
    cells = [nbformat.v4.new_code_cell(source) for source in (PARAMETERS, *sources)]
    cells[0].metadata["tags"] = ["parameters"]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder of one notebook that works."""
    write_notebook(tmp_path / "lessons" / "00_fine.ipynb", "print(BUDGET)")
    return tmp_path / "lessons"


def command(*words):
    """What `python -m pyramidcolor notebooks` does with these words; returns its exit status."""
    return pyramidcolor.__main__.main(["notebooks", *(str(word) for word in words)])


class TestFinding:
    def test_notebooks_come_in_the_order_of_their_numbers_and_others_are_left_out(self, folder):
        for name in ("10_last.ipynb", "02_next.ipynb", "draft.ipynb", "03_notes.txt"):
            shutil.copy(folder / "00_fine.ipynb", folder / name)
        assert [path.name for path in find_notebooks(folder)] == [
            "00_fine.ipynb",
            "02_next.ipynb",
            "10_last.ipynb",
        ]

    @pytest.mark.parametrize("name", ["00", "00_fine", "00_fine.ipynb"])
    def test_a_notebook_goes_by_its_number_its_name_and_its_file_name(self, folder, name):
        assert find_notebooks(folder, [name, name]) == [folder / "00_fine.ipynb"]

    def test_an_unknown_name_is_answered_with_the_known_ones(self, folder):
        with pytest.raises(FileNotFoundError, match="no notebook 7; it holds 00_fine"):
            find_notebooks(folder, ["00", "7"])

    def test_a_missing_or_empty_folder_is_named(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r"there is no folder .*nowhere: .*notebooks copy .*nowhere"
        ):
            find_notebooks(tmp_path / "nowhere")
        with pytest.raises(FileNotFoundError, match="begins with a number"):
            find_notebooks(tmp_path)


class TestCopying:
    def test_brings_every_notebook_and_solution_that_can_then_be_found(self, tmp_path):
        written, kept = copy_notebooks(tmp_path / "new" / "lessons")
        assert sorted(path.read_bytes() for path in written) == sorted(
            path.read_bytes() for path in NOTEBOOKS
        )
        assert [path.name for path in find_notebooks(tmp_path / "new" / "lessons")] == [
            path.name for path in find_notebooks(ROOT / "notebooks")
        ]
        assert kept == []

    def test_again_writes_nothing(self, tmp_path):
        written, _ = copy_notebooks(tmp_path)
        times = [path.stat().st_mtime_ns for path in written]
        assert copy_notebooks(tmp_path) == ([], written)
        assert [path.stat().st_mtime_ns for path in written] == times

    def test_never_replaces_a_reader_s_work_unless_told(self, tmp_path):
        copy_notebooks(tmp_path)
        mine, lost = tmp_path / "01_color_in_hsv.ipynb", tmp_path / "02_hue_loss.ipynb"
        mine.write_text("my answers")
        lost.unlink()
        with pytest.raises(
            FileExistsError, match=r"these names: 01_color_in_hsv.ipynb\. Nothing was copied: .*--overwrite"
        ):
            copy_notebooks(tmp_path)
        assert (mine.read_text(), lost.exists()) == ("my answers", False)
        assert copy_notebooks(tmp_path, overwrite=True)[0] == [mine, lost]
        assert mine.read_bytes() == (ROOT / "notebooks" / mine.name).read_bytes()

    def test_by_the_command_says_how_many_and_refuses_with_status_1(self, tmp_path, capsys):
        assert command("copy", tmp_path) == 0
        assert (
            capsys.readouterr().out
            == f"{len(NOTEBOOKS)} notebooks and solutions copied to {tmp_path}, 0 were there\n"
        )
        (tmp_path / "01_color_in_hsv.ipynb").write_text("my answers")
        assert command("copy", tmp_path) == 1
        assert "01_color_in_hsv.ipynb" in capsys.readouterr().err
        assert command("copy", tmp_path, "--overwrite") == 0
        assert (
            f"1 notebooks and solutions copied to {tmp_path}, {len(NOTEBOOKS) - 1} were there"
            in capsys.readouterr().out
        )


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """Two notebooks that show something, run at the same time; their records by name, and the lines that were reported."""
    root, lines = tmp_path_factory.mktemp("two"), []
    folder = root / "lessons"
    write_notebook(folder / "00_figure.ipynb", FIGURE)
    write_notebook(folder / "01_picture.ipynb", PICTURE, "import os\nprint(os.environ['OMP_NUM_THREADS'])")
    before = [path.read_bytes() for path in find_notebooks(folder)]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MPLBACKEND", "Agg")  # which would keep the figure out of the copy
        environment.delenv("OMP_NUM_THREADS", raising=False)
        runs = run_notebooks(
            folder=folder,
            out=root / "out",
            parameters={"SEED": 7},
            budget="smoke",
            jobs=2,
            report=lines.append,
        )
        assert os.environ["MPLBACKEND"] == "Agg"
    assert [path.read_bytes() for path in find_notebooks(folder)] == before
    return {run.name: run for run in runs}, lines


SLEEPS = """import os, pathlib, subprocess, sys, time
words = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(words, stderr=subprocess.DEVNULL)
pathlib.Path(f"{os.getppid()}-{os.getpid()}-{child.pid}.pids").touch()
time.sleep(600)"""


def is_running(pid):
    """Whether there is such a process on Linux; one that has ended and that nobody has asked for is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


class TestRunning:
    def test_a_run_takes_parameters_and_leaves_a_copy_but_not_the_file_changed(self, two_runs):
        executed = two_runs[0]["00_figure"].executed
        assert "SEED = 7" in code_cells(executed)[1].source
        assert "smoke" in printed(executed)
        assert any("image/png" in output.get("data", {}) for output in outputs(executed))

    def test_a_page_holds_its_pictures_and_fetches_nothing_but_the_formulas_script(self, two_runs):
        page = two_runs[0]["01_picture"].page.read_text(encoding="utf-8")
        assert 'src="data:image/png;base64,' in page
        fetched = re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']+)|from ["'](http[^"']+)|@import""", page)
        assert ["MathJax" in str(address) or "mathjax" in str(address) for address in fetched] == [True]

    def test_each_is_reported_on_a_line_when_it_ends_and_all_of_them_on_the_last(self, two_runs):
        *lines, last = two_runs[1]
        assert sorted(line.split(",")[0] for line in lines) == ["00_figure: ok", "01_picture: ok"]
        assert re.fullmatch(r"2 of 2 notebooks ran in \d+ s, 2 at a time", last)

    def test_two_at_a_time_share_the_cores(self, two_runs):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        assert printed(two_runs[0]["01_picture"].executed).split()[-1] == str(max(cores // 2, 1))

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_failure_names_notebook_cell_and_exception_and_the_others_still_run(
        self, folder, tmp_path, jobs
    ):
        write_notebook(folder / "01_wrong.ipynb", "x = 1", "{}['hue']", "print('never')")
        write_notebook(folder / "02_slow.ipynb", "import time\ntime.sleep(60)")
        write_notebook(folder / "03_dead.ipynb", "import os\nos._exit(1)")
        write_notebook(folder / "04_killed.ipynb", "import os\nos.kill(os.getppid(), 9)\nos._exit(1)")
        shutil.copy(folder / "00_fine.ipynb", folder / "05_fine.ipynb")
        lines = []
        with pytest.raises(RuntimeError) as caught:
            run_notebooks(folder=folder, out=tmp_path / "out", timeout=5, jobs=jobs, report=lines.append)
        _, *failures = str(caught.value).splitlines()
        assert failures[0] == "  01_wrong: cell [3] ({}['hue']): KeyError: 'hue'"
        assert failures[1].startswith("  02_slow: cell [2] (import time): CellTimeoutError: ")
        assert failures[2].startswith("  03_dead: cell [2] (import os): DeadKernelError: ")
        assert failures[3] == "  04_killed: its process ended with status -9"
        assert len(failures) == 4
        first_words = sorted(line.split(" ")[:2] for line in lines[:-1])
        assert [word for _, word in first_words] == ["ok,", "cell", "cell", "cell", "its", "ok,"]
        assert lines[-1].startswith("2 of 6 notebooks ran")
        assert "KeyError" in (tmp_path / "out" / "01_wrong.html").read_text(encoding="utf-8")
        left = sorted(path.stem for path in (tmp_path / "out").glob("*.html"))
        assert left == ["00_fine", "01_wrong", "02_slow", "03_dead", "05_fine"]
        assert sorted(path.stem for path in (tmp_path / "out").glob("*.ipynb")) == left

    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists its processes there")
    @pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
    def test_a_run_that_is_stopped_or_killed_leaves_no_process_and_no_half_of_a_file(
        self, folder, tmp_path, how, status
    ):
        for name in ("01_one", "02_two"):
            write_notebook(folder / f"{name}.ipynb", SLEEPS)
        # A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
        code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
        code += "; from pyramidcolor.__main__ import main; sys.exit(main(sys.argv[1:]))"
        words = ["notebooks", "run", "--jobs", "2", "--folder", folder, "--out", tmp_path / "out"]
        with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as run:
            wait_until(lambda: len(list(folder.glob("*.pids"))) == 2, seconds=120)
            run.send_signal(how)
            assert run.wait(60) == status
            pids = [pid for path in folder.glob("*.pids") for pid in path.stem.split("-")]
            wait_until(lambda: not any(is_running(pid) for pid in pids), seconds=60)
            said = run.stderr.read()
        left = list((tmp_path / "out").iterdir())
        if how == signal.SIGINT:
            assert said.splitlines()[-1] == "stopped; what was finished is kept"  # kernels may have said more
            assert "Traceback" not in said
            assert not left
        for path in left:
            nbformat.validate(read(path))

    def test_a_parameter_that_a_notebook_lacks_is_refused_before_any_notebook_runs(self, folder, tmp_path):
        write_notebook(folder / "01_more.ipynb", "STEPS = 1")
        with pytest.raises(ValueError, match=r"00_fine.ipynb has no parameter STEPS; it has BUDGET, SEED"):
            run_notebooks(folder=folder, out=tmp_path / "out", parameters={"STEPS": 2})
        assert not (tmp_path / "out").exists()

    def test_a_notebook_without_a_parameters_cell_cannot_take_any(self, folder, tmp_path):
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("SEED = 0")]), folder / "01_bare.ipynb"
        )
        with pytest.raises(ValueError, match=r"01_bare.ipynb has 0 cells tagged 'parameters', wanted one"):
            run_notebooks(["01"], folder=folder, out=tmp_path / "out", parameters={"SEED": 2})

    @pytest.mark.parametrize(
        ("argument", "value", "message"),
        [
            ("budget", "huge", "budget must be one of smoke, cpu"),
            ("timeout", 0, "timeout must be a positive"),
            ("jobs", 0, "jobs must be at least 1, got 0"),
        ],
    )
    def test_a_wrong_argument_is_named(self, folder, tmp_path, argument, value, message):
        with pytest.raises(ValueError, match=message):
            run_notebooks(folder=folder, out=tmp_path / "out", **{argument: value})


class TestRefreshing:
    def test_a_second_refresh_changes_no_byte(self, tmp_path):
        path = write_notebook(
            tmp_path / "00_all.ipynb",
            PICTURE,
            "import ipywidgets\nipywidgets.IntSlider()",
            "for number in range(5):\n    print(number, flush=True)",
        )
        notebook = read(path)
        notebook.metadata["widgets"] = {}
        notebook.cells[1].metadata["collapsed"] = True
        nbformat.write(notebook, path)

        assert refresh(path)
        first = path.read_bytes()
        assert not refresh(path)
        assert path.read_bytes() == first

        assert set(read(path).metadata) == {"kernelspec", "language_info"}
        assert [dict(cell.metadata) for cell in read(path).cells] == [{"tags": ["parameters"]}, {}, {}, {}]
        assert [cell.execution_count for cell in code_cells(path)] == [1, 2, 3, 4]
        assert [output.output_type for output in outputs(path)] == [
            "execute_result",
            "execute_result",
            "stream",
        ]

    def test_text_stays_on_its_side_of_a_picture(self, tmp_path):
        path = write_notebook(
            tmp_path / "00_order.ipynb",
            "from PIL import Image\nprint(1)\ndisplay(Image.new('1', (9, 9)))\nprint(2)",
        )
        refresh(path)
        assert [output.get("text", "picture") for output in outputs(path)] == ["1\n", "picture", "2\n"]

    def test_a_notebook_that_fails_stays_as_it_was(self, tmp_path):
        path = write_notebook(tmp_path / "00_wrong.ipynb", "print('new output')", "1 / 0")
        before = path.read_bytes()
        with pytest.raises(RuntimeError, match=r"(?s)00_wrong.ipynb is as it was.*ZeroDivisionError"):
            refresh(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


class TestTheCommand:
    def test_values_are_read_as_python_and_else_taken_as_text(self, folder, tmp_path, capsys):
        out = tmp_path / "out"
        words = ["--folder", folder, "--out", out, "--jobs", 1, "-p", "SEED", "0.5", "-p", "BUDGET", "tiny"]
        assert command("run", "00", *words) == 0
        injected = code_cells(out / "00_fine.ipynb")[1].source
        assert "SEED = 0.5" in injected
        assert 'BUDGET = "tiny"' in injected
        assert re.search(r"1 of 1 notebooks ran in \d+ s, 1 at a time", capsys.readouterr().out)

    def test_a_wrong_name_and_a_failing_notebook_both_end_with_a_message_and_status_1(
        self, folder, tmp_path, capsys
    ):
        write_notebook(folder / "01_wrong.ipynb", "1 / 0")
        assert command("run", "99", "--folder", folder) == 1
        assert "no notebook 99" in capsys.readouterr().err
        assert command("run", "01", "--folder", folder, "--out", tmp_path) == 1
        assert "ZeroDivisionError" in capsys.readouterr().err

    def test_refresh_says_which_files_changed(self, folder, capsys):
        assert command("refresh", "--folder", folder) == 0
        assert capsys.readouterr().out == f"{folder / '00_fine.ipynb'}: changed\n"


def test_the_package_imports_without_jupyter_and_a_missing_library_is_named(folder, tmp_path, monkeypatch):
    for library in ("papermill", "nbclient"):
        monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"papermill: pip install pyramidcolor\[notebooks\]"):
        run_notebooks(folder=folder, out=tmp_path / "out")
    with pytest.raises(ImportError, match=r"nbclient: pip install pyramidcolor\[notebooks\]"):
        refresh(folder / "00_fine.ipynb")
    loaded = (
        "import sys, pyramidcolor.notebooks; print({'nbformat', 'nbclient', 'nbconvert'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "set()\n"


def test_nbval_refuses_what_it_would_pass_by_itself(tmp_path):
    bar = 'from PIL import Image\npicture = Image.new("RGB", (80, 80), "white")\npicture.paste({}, (0, 0, 20, {}))\npicture'
    kept = bar.format("(200, 0, 0)", 40)
    path = write_notebook(tmp_path / "00_cells.ipynb", *([kept] * 6))
    refresh(path)
    notebook = read(path)
    _, _, paler, longer, missing, ignored, never_run = notebook.cells
    paler.source = bar.format("(206, 0, 0)", 40)
    longer.source = bar.format("(200, 0, 0)", 48)
    missing.outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": missing.outputs[0].data["text/plain"]})
    ]
    ignored.source = bar.format("(0, 200, 0)", 80)
    ignored.metadata["tags"] = ["nbval-ignore-output"]
    never_run.update(execution_count=None, outputs=[])
    nbformat.write(notebook, path)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    words = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", path.name]
    result = subprocess.run(words, cwd=tmp_path, text=True, capture_output=True, check=False)
    failed = re.findall(r"::Cell (\d) FAILED", result.stdout)
    assert failed == ["3", "4", "6"], result.stdout + result.stderr
    assert "3 failed, 4 passed" in result.stdout
    for reason in ("has changed on", "pictures of sizes", "stored without having been run"):
        assert reason in result.stdout

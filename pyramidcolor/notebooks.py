"""The notebooks without a browser: copy them, run them with other parameters, and store their outputs for readers.

Jupyter's libraries are imported where they are used, so that the package works without them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from .budgets import BUDGETS
from .files import written_whole
from .shipped import shipped_folder
from .workers import Lost, side_by_side, usable_cores

_MOST_JOBS = 4  # by default: each takes up to a gigabyte of memory
_SPARE = 300  # seconds beside its cells that a notebook may take: its kernel's start and end, its page
_WIDGET = "application/vnd.jupyter.widget-view+json"
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# nbconvert's page without the scripts that it fetches from other hosts, and with the alt text that figures carry. MathJax stays: without a network the page still
# opens, and shows formulas as they were typed.
_PAGE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png -%}
<div class="jp-RenderedImage jp-OutputArea-output"><img src="data:image/png;base64,{{ output.data['image/png'] }}"
alt="{{ (output | get_metadata('alt', 'image/png') or 'figure') | escape_html }}"></div>
{%- endblock -%}"""


@dataclass(frozen=True)
class NotebookRun:
    """What became of one notebook.

    Attributes:
        name: the notebook's file name without its suffix.
        executed: the copy with its outputs, up to the cell that failed if one did.
        page: the same as one HTML file.
        seconds: how long it took.
        error: the cell, numbered as in the executed copy, and its exception; None if there was none. If the process that ran the
            notebook was killed, how it ended, and there are no copy and no page.
    """

    name: str
    executed: Path
    page: Path
    seconds: float
    error: str | None

    def __str__(self) -> str:
        """One line for a person: name, result, seconds, and the page to look at."""
        return f"{self.name}: {self.error or 'ok'}, {self.seconds:.1f} s, {self.page}"


def find_notebooks(folder: str | os.PathLike = "notebooks", names: Sequence[str] | None = None) -> list[Path]:
    """The notebooks of a folder whose names begin with a number, in that order.

    Args:
        folder: where to look; folders inside it are left out.
        names: which of them: file names with or without `.ipynb`, or numbers such as `01`. None for all.

    Returns:
        Their paths, sorted by name.

    Raises:
        FileNotFoundError: if there is no such folder, it holds no such notebook, or one of `names` is none of them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}: name the folder of notebooks, or put them there with "
            f"`python -m pyramidcolor notebooks copy {folder}`"
        )
    found = sorted(folder.glob("[0-9]*.ipynb"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no notebook whose name begins with a number")
    if not names:
        return found
    known = {key: path for path in found for key in (path.name, path.stem, path.stem.split("_")[0])}
    strangers = [name for name in names if name not in known]
    if strangers:
        listed = ", ".join(path.stem for path in found)
        raise FileNotFoundError(f"{folder} holds no notebook {', '.join(strangers)}; it holds {listed}")
    return sorted({known[name] for name in names})


def copy_notebooks(folder: str | os.PathLike, *, overwrite: bool = False) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks that come with the package, and their solutions, into a folder.

    Args:
        folder: where to; it is created if it is missing.
        overwrite: whether a file there of the same name and another content is replaced.

    Returns:
        The files that were written, and those that were there already with the same content.

    Raises:
        FileExistsError: if a file would be replaced and `overwrite` is False; names each, and nothing is copied then.
        FileNotFoundError: if the package has come without notebooks.
        OSError: if the folder cannot be made or written to.
    """
    folder, source = Path(folder), shipped_folder("notebooks")
    originals = [
        path for pattern in ("*.ipynb", "solutions/*.ipynb") for path in sorted(source.glob(pattern))
    ]
    targets = {folder / path.relative_to(source): path.read_bytes() for path in originals}
    there = [target for target in targets if target.exists()]
    changed = [target for target in there if target.is_dir() or target.read_bytes() != targets[target]]
    if changed and not overwrite:
        listed = ", ".join(str(path.relative_to(folder)) for path in changed)
        raise FileExistsError(
            f"{folder} has other files of these names: {listed}. Nothing was copied: name another folder, or replace them with --overwrite"
        )
    written = [target for target in targets if target not in there or target in changed]
    for target in written:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as part:
            part.write_bytes(targets[target])
    return written, [target for target in there if target not in changed]


def parameter_names(path: str | os.PathLike) -> list[str]:
    """The names that a notebook's cell tagged `parameters` binds.

    Args:
        path: the notebook.

    Returns:
        The names, sorted.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a notebook or does not have exactly one such cell.
    """
    cells = [cell for cell in _cells(path) if "parameters" in cell["metadata"].get("tags", ())]
    if len(cells) != 1:
        raise ValueError(f"{path} has {len(cells)} cells tagged 'parameters', wanted one")
    names = ast.walk(ast.parse("".join(cells[0]["source"])))
    return sorted(node.id for node in names if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def run_notebooks(
    names: Sequence[str] | None = None,
    *,
    folder: str | os.PathLike = "notebooks",
    out: str | os.PathLike = "out/notebooks",
    parameters: Mapping[str, Any] | None = None,
    budget: str | None = None,
    timeout: int = 600,
    jobs: int | None = None,
    report: Callable[[str], object] | None = None,
) -> list[NotebookRun]:
    """Run notebooks from their first cell to their last, each in a kernel of its own; the files themselves stay as they are.

    A notebook that fails does not keep the others from running. Ctrl-C ends the kernels, and leaves the copies and pages of those
    notebooks only that had ended. Several at a time share the cores evenly, and disturb each other's timings.

    Args:
        names: which notebooks, as in `find_notebooks`; None for all.
        folder: where they are. Each runs with this as its working directory.
        out: the folder for the executed copies and one HTML page each; it is created if it is missing.
        parameters: values to set in place of those in the notebooks' `parameters` cells. Every chosen notebook must have
            every name.
        budget: a key of `budgets.BUDGETS`, short for a parameter `BUDGET`; None leaves each notebook's own.
        timeout: seconds that a cell may take.
        jobs: how many notebooks run at a time; None for as many as there are cores, four at most, and for one where there is a GPU.
        report: called with one line of text after each notebook, and with a summary at the end.

    Returns:
        One record for each notebook, in the order of their names, when all of them succeeded.

    Raises:
        FileNotFoundError: as `find_notebooks`.
        ValueError: if the budget or a parameter is unknown, a file is no notebook, or `timeout` or `jobs` is not
            positive; nothing has run then.
        RuntimeError: after the last notebook, if any failed; names each with its cell and exception.
        ImportError: if papermill or nbconvert is not installed.
    """
    paths = find_notebooks(folder, names)
    values = _checked_parameters(paths, parameters, budget)
    if timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, got {timeout}")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    _require("papermill"), _require("nbconvert")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    jobs = min(jobs or _default_jobs(), len(paths))
    start = time.perf_counter()
    runs = _run_side_by_side(paths, out, values, timeout, jobs, report or (lambda line: None))
    failed = [run for run in runs if run.error]
    if report:
        count = f"{len(runs) - len(failed)} of {len(runs)} notebooks"
        report(f"{count} ran in {time.perf_counter() - start:.0f} s, {jobs} at a time")
    if failed:
        raise RuntimeError("\n".join(["failed:", *(f"  {run.name}: {run.error}" for run in failed)]))
    return runs


def refresh(path: str | os.PathLike, *, timeout: int = 600) -> bool:
    """Run a notebook and store its outputs in it, so that doing it again changes no byte.

    The outputs are those of a CPU. Metadata is reduced to the kernel's name and the cells' tags.

    Args:
        path: the notebook.
        timeout: seconds that a cell may take.

    Returns:
        Whether the file has changed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a notebook.
        RuntimeError: if a cell fails or takes too long; the file is then as it was.
        ImportError: if nbclient or nbformat is not installed.
    """
    nbclient, nbformat = _imported("nbclient"), _imported("nbformat")
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        config=_kernel_config(),
    )
    try:
        with _environment(CUDA_VISIBLE_DEVICES=""):
            client.execute()
    except (nbclient.exceptions.CellControlSignal, nbclient.exceptions.DeadKernelError) as error:
        raise RuntimeError(f"{path} is as it was, since a cell failed: {error}") from error
    text = _steady_text(notebook)
    if text == path.read_text(encoding="utf-8"):
        return False
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return True


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m pyramidcolor notebooks` to a parser."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="copy|run|refresh")
    copy = actions.add_parser("copy", help="put the notebooks that come with the package into a folder")
    copy.add_argument("folder", metavar="DIR", help="where to; it is created if it is missing")
    copy.add_argument("--overwrite", action="store_true", help="replace files there that have other contents")
    run = actions.add_parser("run", help="run notebooks; write executed copies and HTML pages")
    store = actions.add_parser("refresh", help="run notebooks and store their outputs in them")
    for action in (run, store):
        action.add_argument(
            "names", nargs="*", metavar="NAME", help="a notebook's name or number; default: all"
        )
        action.add_argument("--folder", default="notebooks", help="where they are (default: %(default)s)")
        action.add_argument("--timeout", type=int, default=600, help="seconds a cell (default: %(default)s)")
    run.add_argument("--out", default="out/notebooks", help="where to write (default: %(default)s)")
    run.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help=f"notebooks at a time, which share the cores (default: one a core, {_MOST_JOBS} at most; one with a GPU)",
    )
    run.add_argument("--budget", choices=BUDGETS, help="how much work; default: each notebook's own")
    run.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter; VALUE is read as Python (0.5, True, [1, 2]) and else taken as text",
    )


def main(args: argparse.Namespace) -> int:
    """Do what the arguments that `configure` describes ask for.

    Args:
        args: the parsed arguments.

    Returns:
        0, or 1 after a notebook has failed, which is printed. What `copy_notebooks`, `run_notebooks` and `refresh` raise for
        wrong arguments passes through.
    """
    try:
        if args.action == "copy":
            written, kept = copy_notebooks(args.folder, overwrite=args.overwrite)
            print(f"{len(written)} notebooks and solutions copied to {args.folder}, {len(kept)} were there")
        elif args.action == "run":
            run_notebooks(
                args.names,
                folder=args.folder,
                out=args.out,
                parameters={name: _literal(value) for name, value in args.parameters},
                budget=args.budget,
                timeout=args.timeout,
                jobs=args.jobs,
                report=lambda line: print(line, flush=True),
            )
        else:
            for path in find_notebooks(args.folder, args.names):
                print(f"{path}: {'changed' if refresh(path, timeout=args.timeout) else 'same'}", flush=True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _require(name: str) -> None:
    if find_spec(name) is None:
        raise ImportError(f"this needs {name}: pip install pyramidcolor[notebooks]")


def _imported(name: str) -> ModuleType:
    _require(name)
    return importlib.import_module(name)


def _default_jobs() -> int:
    import torch  # which takes seconds

    return 1 if torch.accelerator.is_available() else min(usable_cores(), _MOST_JOBS)


def _results(path: Path, out: Path) -> tuple[Path, Path]:
    return out / path.name, out / f"{path.stem}.html"


def _remove_results(path: Path, out: Path) -> None:
    for file in _results(path, out):
        file.unlink(missing_ok=True)


def _cells(path: str | os.PathLike) -> list[dict]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error


def _checked_parameters(
    paths: list[Path], parameters: Mapping[str, Any] | None, budget: str | None
) -> dict[str, Any]:
    values = dict(parameters or {})
    if budget is not None:
        if budget not in BUDGETS:
            raise ValueError(f"budget must be one of {', '.join(BUDGETS)}, got {budget!r}")
        values["BUDGET"] = budget
    for path in paths if values else ():
        known = parameter_names(path)
        # papermill only warns of a name that a notebook lacks, and then runs it with its defaults.
        for name in values:
            if name not in known:
                raise ValueError(f"{path.name} has no parameter {name}; it has {', '.join(known)}")
    return values


def _run_side_by_side(
    paths: list[Path], out: Path, values: dict[str, Any], timeout: int, jobs: int, report: Callable
) -> list[NotebookRun]:
    threads = max(usable_cores() // jobs, 1) if jobs > 1 else None
    # The later notebooks train more: begun last, one of them would run on alone.
    calls = [(path, out, values, timeout, threads) for path in reversed(paths)]
    limit = _SPARE + timeout * max(len(_cells(path)) for path in paths)
    for path in paths:  # else a notebook that cannot start would seem to have written what an earlier run did
        _remove_results(path, out)
    runs: dict[Path, NotebookRun] = {}
    try:
        with closing(side_by_side(_run, calls, jobs, limit)) as results:
            for place, result in results:
                path = calls[place][0]
                if isinstance(result, Lost):
                    _remove_results(path, out)  # it may have been about to write them
                    result = NotebookRun(path.stem, *_results(path, out), result.seconds, result.why)
                runs[path] = result
                report(str(result))
    finally:
        for path in set(paths) - set(runs):
            _remove_results(path, out)
    return [runs[path] for path in paths]


def _run(path: Path, out: Path, values: dict[str, Any], timeout: int, threads: int | None) -> NotebookRun:
    executed, page = _results(path, out)
    share = {} if threads is None or "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(threads)}
    start, error = time.perf_counter(), None
    try:
        with _environment(**share):
            _imported("papermill").execute_notebook(
                path,
                executed.resolve(),  # papermill changes the working directory before it writes
                parameters=values,
                kernel_name="python3",
                language="python",
                cwd=path.parent,
                progress_bar=False,
                execution_timeout=timeout,
                config=_kernel_config(),
            )
    except Exception as problem:  # whatever stops one notebook, the others still run
        error = _failure(problem, executed)
    if executed.exists():
        _write_page(executed, page)
    return NotebookRun(path.stem, executed, page, time.perf_counter() - start, error)


def _failure(problem: Exception, executed: Path) -> str:
    # A papermill error holds its cell, but one after a timeout or a dead kernel does not: it is the last that was started.
    name = getattr(problem, "ename", type(problem).__name__)
    message = str(getattr(problem, "evalue", problem)).strip().split("\n")[0]
    cells = _cells(executed) if executed.exists() else []
    started = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
    code = [cell for cell in started if cell["cell_type"] == "code"]
    if not code:
        return f"before the first cell: {name}: {message}"
    return f"cell [{len(code)}] ({''.join(code[-1]['source']).strip().splitlines()[0]}): {name}: {message}"


def _write_page(executed: Path, page: Path) -> None:
    nbformat, nbconvert = _imported("nbformat"), _imported("nbconvert")
    notebook = nbformat.read(executed, as_version=4)
    notebook.metadata.pop("widgets", None)
    for output in _outputs(notebook):
        output.get("data", {}).pop(_WIDGET, None)  # a page shows the picture that stands in for the widget
    exporter = nbconvert.HTMLExporter(raw_template=_PAGE)
    text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": executed.stem}})
    page.write_text(text, encoding="utf-8")


def _steady_text(notebook: Any) -> str:
    nbformat = _imported("nbformat")
    models = {o.data[_WIDGET]["model_id"]: None for o in _outputs(notebook) if _WIDGET in o.get("data", {})}
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in ("tags",) if key in cell.metadata}
        )
        if cell.cell_type == "code":
            cell.outputs = _joined_streams(cell.outputs)
    text = nbformat.writes(notebook) + "\n"
    for number, model in enumerate(models, 1):
        text = text.replace(model, f"{number:032x}")  # the ids of widgets are random
    return text


def _joined_streams(outputs: list) -> list:
    # Where printed text is cut into pieces depends on timing. nbclient's own way to join them moves text across pictures.
    joined: list = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _outputs(notebook: Any) -> Iterator[Any]:
    return (output for cell in notebook.cells for output in cell.get("outputs", ()))


def _kernel_config() -> Any:
    # Without it every kernel writes a warning about its unencrypted connection to the terminal.
    return _imported("traitlets.config").Config(KernelManager={"transport_encryption": "auto"})


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Environment variables for the kernels that start meanwhile: no progress bars, figures in the notebook."""
    before = dict(os.environ)
    os.environ.update(variables, PYRAMIDCOLOR_QUIET="1")
    os.environ.pop("MPLBACKEND", None)  # MPLBACKEND=Agg would take the figures away
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

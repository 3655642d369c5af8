"""Brings to the site what lies elsewhere in the repository: notebooks, model cards, other pages, and the library's modules.

The copies are made anew at every build and are ignored by git, so that nothing is written twice. A link between two files of
the repository becomes one between their pages.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PACKAGE = ROOT / "pyramidcolor"
MADE = ("api", "notebooks", "repository")  # folders that hold nothing else
CORE = ("color", "losses", "models", "colorspaces", "training")

_LINK = re.compile(r"(\]\()([^)\s#]+)")


def pages() -> dict[Path, Path]:
    """Each file outside of `docs` that has a page, and that page's file."""
    found = {
        path: DOCS / path.relative_to(ROOT) for path in sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
    }
    found |= {
        card: DOCS / "repository" / f"model-{card.name}"
        for card in sorted((PACKAGE / "pretrained").glob("*.md"))
        if not card.stem.endswith("-notes")  # which the card holds too
    }
    others = {"data/README.md": "data.md", "CONTRIBUTING.md": "contributing.md"}
    found |= {
        ROOT / name: DOCS / "repository" / page for name, page in others.items() if (ROOT / name).exists()
    }
    return found


def gather_pages() -> None:
    """Write all pages that are made from other files."""
    for folder in MADE:
        shutil.rmtree(DOCS / folder, ignore_errors=True)
    for source, page in pages().items():
        page.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        write = _notebook if source.suffix == ".ipynb" else rewrite_links
        page.write_text(write(text, source, page), encoding="utf-8")
    (DOCS / "api").mkdir()
    for name, text in {**module_pages(), "command-line": command_line()}.items():
        (DOCS / "api" / f"{name}.md").write_text(text, encoding="utf-8")


def rewrite_source(app: object, docname: str, content: list[str]) -> None:
    """Sphinx's event `source-read`: links of the pages in `docs` itself."""
    page = DOCS / f"{docname}.md"
    if page.exists() and docname.split("/")[0] not in MADE:
        content[0] = rewrite_links(content[0], page, page)
    if docname == "index":
        content[0] = _readme(page) + without_empty_patterns(content[0])


def rewrite_links(text: str, source: Path, page: Path) -> str:
    """Markdown whose links lead from the page to what they led to from the file it is made of.

    Args:
        text: Markdown.
        source: the file that the text is from.
        page: the file that it will be in.
    """
    known = {**pages(), ROOT / "README.md": DOCS / "index.md"}

    def rewritten(match: re.Match) -> str:
        if ":" in match[2]:
            return match[0]
        target = (source.parent / match[2]).resolve()
        return match[1] + Path(os.path.relpath(known.get(target, target), page.parent)).as_posix()

    return _LINK.sub(rewritten, text)


def without_empty_patterns(text: str) -> str:
    """A table of contents without the patterns, such as `how-to/*`, that take in no page that it does not name: Sphinx warns of them."""
    named = set(text.splitlines())

    def kept(match: re.Match) -> str:
        pages = (path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob(f"{match[1]}.*"))
        return match[0] if set(pages) - named else ""

    return re.sub(r"^([\w/-]+\*)$\n", kept, text, flags=re.MULTILINE)


def _readme(page: Path) -> str:
    """README.md for a page; its badges would be fetched from other hosts."""
    path = ROOT / "README.md"
    text = re.sub(
        r"<!-- badges:.*?<!-- end of badges -->\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    return rewrite_links(text, path, page)


def _notebook(text: str, source: Path, page: Path) -> str:
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewrite_links("".join(cell["source"]), source, page)
        for output in cell.get("outputs", ()):
            # MyST-NB reads the alt text from the cell, and the notebook stores it with the picture.
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    return json.dumps(notebook)


def module_pages() -> dict[str, str]:
    """A page for each module, from its docstrings, and one that lists them."""
    names = sorted(
        path.stem if path.suffix else path.name
        for path in PACKAGE.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    )
    made = {name: _module_page(name) for name in names}
    index = ["# The library", "", "What the paper says stands in five modules; read them first.", ""]
    for title, group in {
        "The paper's": CORE,
        "All others": [name for name in names if name not in CORE],
    }.items():
        index += [f"## {title}", "", "| module | |", "|---|---|"]
        index += [f"| [`{name}`]({name}.md) | {_summary(name)} |" for name in group] + [""]
    index += ["The same from a terminal: [the command line](command-line.md).", ""]
    index += ["```{toctree}", ":hidden:", "", "command-line", *CORE]
    index += [name for name in names if name not in CORE] + ["```", ""]
    return {**made, "index": "\n".join(index)}


def _module_page(name: str) -> str:
    inner = sorted(path.stem for path in (PACKAGE / name).glob("*.py") if not path.stem.startswith("_"))
    lines = [f"# `{name}`", "", "```{eval-rst}", f".. automodule:: pyramidcolor.{name}", "```", ""]
    for part in inner:
        lines += [
            f"## `{name}.{part}`",
            "",
            "```{eval-rst}",
            f".. automodule:: pyramidcolor.{name}.{part}",
            "```",
            "",
        ]
    return "\n".join(lines)


def _summary(name: str) -> str:
    """The first sentence of a module's docstring."""
    path = PACKAGE / f"{name}.py"
    path = path if path.exists() else PACKAGE / name / "__init__.py"
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n\n")[0]
    return re.split(r"\. (?=[A-Z])", " ".join(first.split()))[0].rstrip(".")  # "Eq. 2" ends no sentence


def command_line() -> str:
    """What `--help` prints for each command."""
    from pyramidcolor.__main__ import _parser

    lines = [
        "# The command line",
        "",
        "`python -m pyramidcolor`, and `--help` behind any of its commands.",
        "",
    ]
    for parser in _commands(_parser()):
        parser.formatter_class = type(
            "Narrow", (parser.formatter_class,), {"__init__": _narrow(parser.formatter_class)}
        )
        words = parser.prog.removeprefix("python -m pyramidcolor").strip()
        if words:
            lines += [f"## `{words}`", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _narrow(formatter: type) -> object:
    # Else the page would be as wide as the terminal in which it was built.
    return lambda self, prog: formatter.__init__(self, prog, max_help_position=24, width=96)


def _commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and those of its commands, in their order; one that only chooses among commands is left out."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    below = [one for group in groups for part in group.choices.values() for one in _commands(part)]
    return below or [parser]

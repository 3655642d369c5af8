#!/usr/bin/env python3
"""Write anew what README.md and docs take from elsewhere: figures of the weights, speeds, notebooks, budgets, launch links.

    make pages

Each part stands in a page between two comments, `<!-- NAME: ... -->` and `<!-- end of NAME -->`, and is made from one source:
the model cards' figures, the stored results of `make bench` and `compare`, the first cells of the notebooks, `budgets.BUDGETS`, and the
address in pyproject.toml. So none of it is typed twice, and a test notices what has gone stale.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from pyramidcolor.budgets import BUDGETS
from pyramidcolor.comparison_results import markdown_table, read_results
from pyramidcolor.files import written_whole
from pyramidcolor.jobs import COLUMNS
from pyramidcolor.notebooks import find_notebooks

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/learning_path.md", "docs/how-to/choose-a-budget.md", "docs/comparison.md")

BENCH = ROOT / "benchmarks" / "results" / "bench.json"  # of the last `make bench`

_SHOWN = ("saturation_ratio", "colorfulness_ratio", "hue_error_degrees", "balanced_hue_error_degrees")
_PART = re.compile(r"(<!-- ([\w-]+): made by .*? -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)
_TIMES = re.compile(r"([^.;]*?) on a\s+laptop's CPU; ([^.;]*?) to (?:read and )?play\.")
_BUDGET_TITLES = {
    "photo_side": "photos shown, pixels",
    "train_side": "training views, pixels",
    "epochs": "epochs of stage one, stage two, both",
    "epoch_photos": "photos an epoch visits",
    "scenes": "scenes drawn",
}


def fill(text: str, folder: Path) -> str:
    """A page with its parts made anew.

    Args:
        text: the page.
        folder: where it lies, for its links.

    Raises:
        ValueError: if it asks for a part that nothing here makes.
    """

    def filled(match: re.Match) -> str:
        if match[2] not in PARTS:
            raise ValueError(f"no part is named {match[2]!r}; there are {', '.join(PARTS)}")
        return f"{match[1]}\n{PARTS[match[2]](folder)}\n\n{match[4]}"

    return _PART.sub(filled, text)


def badges(folder: Path) -> str:
    """What opens the project elsewhere: its CI, and the first notebook on Binder and Colab."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"]
    name, first = address.removeprefix("https://github.com/"), find_notebooks(ROOT / "notebooks")[0].name
    python, license_name = project["requires-python"].removeprefix(">="), project["license"]
    shown = {
        "CI": (f"{address}/actions/workflows/ci.yml/badge.svg", f"{address}/actions/workflows/ci.yml"),
        "Open in Binder": (
            "https://mybinder.org/badge_logo.svg",
            f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/notebooks/{first}",
        ),
        "Open in Colab": (
            "https://colab.research.google.com/assets/colab-badge.svg",
            f"https://colab.research.google.com/github/{name}/blob/main/notebooks/{first}",
        ),
        f"Python {python} or newer": (
            f"https://img.shields.io/badge/python-{python}%2B-blue",
            "pyproject.toml",
        ),
        f"{license_name} license": (f"https://img.shields.io/badge/license-{license_name}-green", "LICENSE"),
    }
    return "\n".join(f"[![{title}]({picture})]({link})" for title, (picture, link) in shown.items())


def figures(folder: Path) -> str:
    """How well the package's weights do on photos, beside the two rows that they must beat."""
    lines = ["| | " + " | ".join(COLUMNS[key][0] for key in _SHOWN) + " |"]
    lines += ["|---" + "|---:" * len(_SHOWN) + "|"]
    rows: dict[str, dict] = {}
    for path in sorted((ROOT / "pyramidcolor" / "pretrained").glob("*.json")):
        rows |= json.loads(path.read_text(encoding="utf-8"))
    for name, row in sorted(rows.items(), key=lambda pair: -pair[1]["hue_error_degrees"]):
        weights = ROOT / "pyramidcolor" / "pretrained" / f"{name}.md"
        title = f"`{name}`, [model card]({_relative(weights, folder)})" if weights.exists() else name
        cells = (f"{row[key]:.{COLUMNS[key][1]}f}" for key in _SHOWN)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speeds(folder: Path) -> str:
    """How many times faster than others, or smaller: what `make bench` has a goal for, and found."""
    if not BENCH.exists():
        return "Speeds: `make bench` measures them; not done yet."
    rows = json.loads(BENCH.read_text(encoding="utf-8"))["rows"]
    shown = [
        row for row in rows if row["value"] is not None and row["goal"] is not None and not row["at_most"]
    ]
    page = _relative(ROOT / "docs" / "performance.md", folder)
    lines = [
        f"One run of `make bench` on one machine; [the whole table]({page}) has the goals too, and those that were missed.",
        "",
        "| speed | against | |",
        "|---|---|---:|",
    ]
    return "\n".join(
        lines
        + [f"| {row['measure']} | {row['against']} | {row['value']:.3g}{row['unit']} |" for row in shown]
    )


def notebooks(folder: Path) -> str:
    """The notebooks in their order: what each promises, and how long it takes."""
    lines = ["| notebook | what it teaches | it runs | to read and play |", "|---|---|---|---|"]
    for path in find_notebooks(ROOT / "notebooks"):
        cell = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        promise = " ".join(cell.split("\n\n")[1].split()).rstrip(".")
        times = _TIMES.search(" ".join(cell.split()))
        if times is None:
            raise ValueError(f"{path.name}: its first cell does not say how long it takes on a laptop's CPU")
        runs, reading = (words.strip() for words in times.groups())
        link = f"[`{path.stem}`]({_relative(path, folder)})"
        lines.append(f"| {link} | {promise[0].lower()}{promise[1:]} | {_lower(runs)} | {reading} |")
    return "\n".join(lines)


def budgets(folder: Path) -> str:
    """What each budget sets."""
    lines = [
        "| | " + " | ".join(f"`{name}`" for name in BUDGETS) + " |",
        "|---" + "|---:" * len(BUDGETS) + "|",
    ]
    for field, title in _BUDGET_TITLES.items():
        values = (getattr(one, field) for one in BUDGETS.values())
        cells = (", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:,}" for value in values)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def comparison(folder: Path) -> str:
    """The stored table of `python -m pyramidcolor compare`, and what it was made with."""
    results = read_results("methods-photos")
    protocol, plan = results["protocol"], results["protocol"]["plan"]
    facts = (
        f"{protocol['training']['photos']:,} photos to learn from in views of {plan['size']} pixels, {plan['multiplications']:.1e} "
        f"multiplications a training, seeds {', '.join(map(str, protocol['seeds']))}; {protocol['measured']['photos']} other photos to "
        f"measure on, {plan['measured_size']} pixels wide. Means, and in brackets the lowest and the highest seed."
    )
    return f"{facts}\n\n{markdown_table(results)}"


PARTS: dict[str, Callable[[Path], str]] = {
    part.__name__: part for part in (badges, figures, speeds, notebooks, budgets, comparison)
}


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]


def main() -> None:
    """Fill every page, and say which have changed."""
    for name in PAGES:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = fill(before, path.parent)
        if after != before:
            with written_whole(path) as part:
                part.write_text(after, encoding="utf-8", newline="\n")
        print(f"{name}: {'changed' if after != before else 'same'}")


if __name__ == "__main__":
    main()

"""How fast everything is, against what one would use instead, on this machine in one run.

    make bench [ARGS="--only colors network --write-docs"]
    python benchmarks/bench.py [--only SUBJECT ...] [--write-docs] [--out benchmarks/results/bench.json]

Prints one table of ratios against their goals and writes the figures as JSON. `--write-docs` also puts the table and the plots of growth
into docs/performance.md. Takes under ten minutes on two cores that do nothing else; rivals are measured in turns.
"""

from __future__ import annotations

import argparse
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import bench_colors
import bench_gpu
import bench_network
import bench_photos
import bench_training
import matplotlib as mpl
from timing import FULL, Row, Sizes, kind_of_processor

from pyramidcolor.jobs import write_json

mpl.use("Agg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).resolve().parents[1] / "docs"
PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "kornia", "opencv-python-headless")
SUBJECTS: dict[str, Callable[[Sizes], list[Row]]] = {
    "colors": bench_colors.rows,
    "network": bench_network.rows,
    "photos": bench_photos.rows,
    "training": bench_training.rows,
    "gpu": bench_gpu.rows,
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[*SUBJECTS, "growth"], metavar="SUBJECT")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/bench.json"))
    args = parser.parse_args(arguments)
    if args.write_docs and args.only:
        parser.error("--write-docs needs all subjects: leave out --only")
    started = time.perf_counter()
    found, curves = run(FULL, args.only or [*SUBJECTS, "growth"])
    seconds = time.perf_counter() - started
    print(table(found))
    print(f"\n{kind_of_processor()}; {versions()}; {seconds:.0f} s")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(figures(found, curves, seconds), args.out)
    if args.write_docs:
        plot(curves, DOCS / "pictures" / "growth.png")
        page = DOCS / "performance.md"
        page.write_text(with_table(page.read_text(encoding="utf-8"), found, seconds), encoding="utf-8")


def run(sizes: Sizes, subjects: list[str]) -> tuple[list[Row], dict[str, dict[str, list[float]]]]:
    """The rows of some subjects, and the curves of growth if they are among them."""
    found, curves = [], {}
    for subject in subjects:
        started = time.perf_counter()
        if subject == "growth":
            curves = {"colorize": bench_photos.growth(sizes), "training": bench_training.growth(sizes)}
            pixels, epochs = curves["colorize"], curves["training"]
            found += [
                bench_photos.growth_row("`colorize` with pixels", pixels["megapixels"], pixels["seconds"]),
                bench_photos.growth_row(
                    "an epoch of stage two with photos", epochs["photos"], epochs["seconds"]
                ),
            ]
        else:
            found += SUBJECTS[subject](sizes)
        print(f"{subject}: {time.perf_counter() - started:.0f} s", flush=True)
    return found, curves


def table(found: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| measure | against | result | goal | | spread | note |", "|---|---|---|---|---|---|---|"]
    for row in found:
        value = "" if row.value is None else f"{row.value:.3g}{row.unit}"
        goal = (
            "" if row.goal is None else f"{'at most' if row.at_most else 'at least'} {row.goal:g}{row.unit}"
        )
        spread = f"{max(one.spread for one in row.seconds.values()):.0%}" if row.seconds else ""
        cells = (row.measure, row.against, value, goal, row.verdict, spread, row.note)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_table(page: str, found: list[Row], seconds: float) -> str:
    """The page with a new table between its two markers.

    Raises:
        ValueError: if the page does not have them.
    """
    met, missed = (sum(row.verdict == verdict for row in found) for verdict in ("met", "missed"))
    text = f"{kind_of_processor()}; {versions()}. {met} goals met, {missed} missed, in {seconds:.0f} seconds.\n\n{table(found)}"
    new, count = re.subn(
        r"(<!-- table -->\n).*?(\n<!-- end of table -->)", lambda m: m[1] + text + m[2], page, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError("the page must have the lines <!-- table --> and <!-- end of table -->, once each")
    return new


def versions() -> str:
    """The versions that decide how fast it is, in words."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in PACKAGES)]
    )


def figures(found: list[Row], curves: dict, seconds: float) -> dict:
    """All that was measured, for a JSON file: nothing in it names the machine."""
    return {
        "processor": kind_of_processor(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "seconds": seconds,
        "rows": [asdict(row) | {"verdict": row.verdict} for row in found],
        "growth": curves,
    }


def plot(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw both curves of growth, each beside a straight line from zero through its last point."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    titles = {"colorize": "`colorize`, array to array", "training": "an epoch of stage two"}
    for one, (name, curve) in zip(axes, curves.items(), strict=True):
        (unit, amounts), (_, seconds) = curve.items()
        one.plot([0, amounts[-1]], [0, seconds[-1]], color="0.7", label="linear")
        one.plot(amounts, seconds, "o-", color="tab:blue", label="measured")
        one.set(
            title=titles[name].replace("`", ""), xlabel=unit, ylabel="seconds", xlim=(0, None), ylim=(0, None)
        )
        one.legend(frameon=False)
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _version(package: str) -> str:
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()

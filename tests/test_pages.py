"""README and docs: links that lead somewhere, parts that are not stale, and what the site's checks find."""

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from pyramidcolor.budgets import BUDGETS

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tools")]

import check_pages  # noqa: E402
import fill_pages  # noqa: E402
import gather  # noqa: E402

MADE = {ROOT / "docs" / name for name in (*gather.MADE, "_build")}
IGNORED = {"out", "runs", "data", "build", "dist"}
MARKDOWN = [
    path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("*/**/*.md")])
    if not (path.relative_to(ROOT).parts[0].startswith(".") or MADE & set(path.parents))
    if path.parent == ROOT / "data" or path.relative_to(ROOT).parts[0] not in IGNORED
]
LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
MODULES = [path for path in (ROOT / "pyramidcolor").iterdir() if not path.name.startswith("_")]


def links(text):
    """The targets of a Markdown page's links and pictures, without those in code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [one or other for one, other in LINK.findall(text)]


def anchors(text):
    """What GitHub and MyST call the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", dict.fromkeys(MARKDOWN), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_to_a_file_and_its_heading(path):
    dead = []
    for link in links(path.read_text(encoding="utf-8")):
        if re.match(r"\w+:", link):
            continue
        name, _, heading = link.partition("#")
        target = path.parent / name if name else path
        wanted = {heading} - {""}
        if not target.exists() or wanted - anchors(target.read_text(encoding="utf-8") if wanted else ""):
            dead.append(link)
    assert not dead


def test_the_links_of_a_page_are_found_and_those_in_code_are_not():
    text = 'See [a](b.md) and ![c](d.png), `[e](f)`, <img width="3" src="g.png">\n```\n[h](i)\n```\n'
    assert links(text) == ["b.md", "d.png", "g.png"]


@pytest.mark.parametrize("name", fill_pages.PAGES)
def test_what_a_page_takes_from_elsewhere_is_what_stands_there(name):
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    assert "<!-- end of " in text
    assert fill_pages.fill(text, page.parent) == text, "`make pages` writes it anew"


def test_a_part_that_has_gone_stale_is_made_anew_and_the_rest_stays():
    text = "before\n<!-- budgets: made by hand -->\nold\n<!-- end of budgets -->\nafter\n"
    filled = fill_pages.fill(text, ROOT)
    assert filled.startswith("before\n<!-- budgets: made by hand -->\n")
    assert filled.endswith("<!-- end of budgets -->\nafter\n")
    assert "old" not in filled
    assert f"{BUDGETS['full'].epoch_photos:,}" in filled
    with pytest.raises(ValueError, match="no part is named 'magic'"):
        fill_pages.fill(text.replace("budgets", "magic"), ROOT)


def test_speeds_are_the_ratios_that_were_measured_and_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(fill_pages, "BENCH", tmp_path / "bench.json")
    assert "make bench" in fill_pages.speeds(ROOT)
    shown = {
        "measure": "there",
        "against": "peer: times faster",
        "value": 12.345,
        "unit": "×",
        "goal": 5,
        "at_most": False,
    }
    hidden = [
        {"measure": "gone", "value": None},
        {"measure": "gone", "goal": None},
        {"measure": "gone", "at_most": True},
    ]
    rows = [shown, *({**shown, **one} for one in hidden)]
    (tmp_path / "bench.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    table = fill_pages.speeds(ROOT)
    assert table.endswith("| there | peer: times faster | 12.3× |")
    assert "gone" not in table


def test_the_launch_links_open_the_first_notebook_of_the_address_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = project["urls"]["Repository"].removeprefix("https://github.com/")
    text = fill_pages.badges(ROOT)
    assert f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/notebooks/00_quickstart.ipynb" in text
    assert f"https://colab.research.google.com/github/{name}/blob/main/notebooks/00_quickstart.ipynb" in text
    assert (ROOT / "notebooks" / "00_quickstart.ipynb").exists()


def test_links_lead_from_page_to_page_wherever_their_files_lie():
    data, notebook = ROOT / "data" / "README.md", ROOT / "notebooks" / "02_hue_loss.ipynb"
    pages = gather.pages()
    text = "[a](../notebooks/01_color_in_hsv.ipynb) [b](http://c.org/d) [e](#f) [g](../LICENSE) [h](../README.md#i)"
    assert gather.rewrite_links(text, data, pages[data]) == (
        "[a](../notebooks/01_color_in_hsv.ipynb) [b](http://c.org/d) [e](#f) [g](../../LICENSE) [h](../index.md#i)"
    )
    assert (
        gather.rewrite_links("[a](../docs/glossary.md)", notebook, pages[notebook]) == "[a](../glossary.md)"
    )


def test_a_table_of_contents_takes_in_the_pages_that_are_there_and_asks_for_no_others():
    kept = gather.without_empty_patterns("x\nhow-to/*\nno-such-page*\ny\n")
    assert kept == "x\nhow-to/*\ny\n"
    assert gather.without_empty_patterns("glossary\nglossar*\n") == "glossary\n", "it is named already"


def test_every_module_has_a_page_of_the_reference_with_its_first_sentence():
    made = gather.module_pages()
    names = {path.stem for path in MODULES if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(made) == names | {"index"}
    assert "automodule:: pyramidcolor.losses" in made["losses"]
    assert (
        "| [`losses`](losses.md) | The losses: the wrapped hue distance (Eq. 2), hue and saturation together (Eq. 1), "
        in made["index"]
    )


def test_the_command_line_s_page_has_every_command_and_not_the_terminal_s_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    page = gather.command_line()
    for words in ("colorize", "train", "evaluate", "teach", "data check", "data shards", "notebooks run"):
        assert f"\n## `{words}`\n" in page
    assert "--saturation SATURATION\n" in page
    assert 80 < max(map(len, page.splitlines())) <= 120


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html">x</a>', None),
        ('<a href="b.html#here">x</a>', None),
        ('<a href="b.html#gone">x</a>', "nothing is at b.html#gone"),
        ('<a href="c.html">x</a>', "nothing is at c.html"),
        ('<a href="https://example.org/">x</a>', None),
        (
            '<script src="https://example.org/s.js"></script>',
            "asks another host for https://example.org/s.js",
        ),
        ('<link rel="stylesheet" href="//example.org/s.css">', "asks another host for //example.org/s.css"),
        ('<img src="b.html" alt=" ">', "no alt text for b.html"),
    ],
)
def test_the_built_pages_are_searched_for_what_sphinx_lets_pass(tmp_path, body, fault):
    (tmp_path / "a.html").write_text(body, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="here">', encoding="utf-8")
    faults, external = check_pages.check(tmp_path)
    assert faults == ([f"a.html: {fault}"] if fault else [])
    assert bool(external) == ("example.org" in body)


def test_a_folder_without_pages_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="make docs"):
        check_pages.check(tmp_path)

"""Looks through the built pages for what Sphinx lets pass: dead links, requests to other hosts, pictures without alt text.

    python docs/check_pages.py docs/_build/html

It opens no connection. Links to other hosts are written to `external-links.txt` beside the pages; `make links` tries them.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LISTED = "external-links.txt"
_NAMED_ONLY = {"canonical", "index", "next", "prev", "search"}  # relations of <link> that fetch nothing
_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


class Page(HTMLParser):
    """What a page links to, what it fetches, where it can be linked to, and its pictures without alt text."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.ids: set[str] = set()
        self.silent: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what one tag says; called by the parser."""
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        if given.get(_FETCHED.get(tag, "")) and given.get("rel") not in _NAMED_ONLY:
            self.fetched.add(given[_FETCHED[tag]])
        if tag == "img" and not given.get("alt", "").strip():
            self.silent.append(given.get("src", ""))


def check(folder: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the pages of a folder, and every link to another host.

    Args:
        folder: what Sphinx has built.

    Returns:
        One line for each fault; the addresses, sorted.

    Raises:
        FileNotFoundError: if there are no pages.
    """
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        raise FileNotFoundError(f"{folder} holds no pages; `make docs` builds them")
    faults, external = [], set()
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        faults += [f"{name}: no alt text for {picture}" for picture in page.silent]
        faults += [
            f"{name}: asks another host for {address}"
            for address in sorted(page.fetched)
            if urlsplit(address).netloc
        ]
        for link in sorted(page.links | page.fetched):
            parts = urlsplit(link)
            if parts.netloc:
                external.add(link)
            elif not parts.scheme and not _arrives(path, parts, pages):
                faults.append(f"{name}: nothing is at {link}")
    return faults, sorted(external)


def _arrives(path: Path, parts, pages: dict[Path, Page]) -> bool:
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].ids


def main() -> int:
    """Print the faults and write the list; 1 if there are any."""
    folder = Path(sys.argv[1])
    faults, external = check(folder)
    (folder.parent / LISTED).write_text("".join(f"{link}\n" for link in external), encoding="utf-8")
    print(
        "\n".join(faults)
        or f"no dead link; {len(external)} to other hosts, listed in {folder.parent / LISTED}"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

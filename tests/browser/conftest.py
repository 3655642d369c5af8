"""A JupyterLab, a Chromium and a page for each notebook, and a screenshot wherever a test fails."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest
from lab import Notebook, copy_notebook, jupyterlab
from playwright.sync_api import Error, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "out" / "browser"
NO_CHROMIUM = """There is no Chromium here, and the browser tests need one.
    On Debian and Ubuntu:  apt-get install chromium
    Anywhere:              python -m playwright install chromium   (with the Python of .venv)
    Or name one:           make test-browser CHROMIUM=/path/to/chromium"""
_open_pages = []


def find_chromium(playwrights_own):
    """The Chromium that the variable CHROMIUM names, else the system's, else Playwright's own; ends the session if there is none."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else ["chromium", "chromium-browser", "google-chrome", playwrights_own]
    found = next(filter(None, map(shutil.which, candidates)), None)
    if found is None:
        reason = f"CHROMIUM={named} is no program.\n" if named else ""
        pytest.exit(reason + NO_CHROMIUM, returncode=1)
    return found


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        browser = chromium.launch(executable_path=find_chromium(chromium.executable_path), timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    """The folder that JupyterLab shows, its address and its token. It is started after the browser, whose lack is seen at once."""
    work, settings = (tmp_path_factory.mktemp(name) for name in ("work", "settings"))
    with jupyterlab(work, settings) as (address, token):
        yield work, address, token


@pytest.fixture(scope="module")
def page(browser, server):
    """A page of 1280 x 1000 pixels that keeps what its console says and what it asks of other machines."""
    _, address, _ = server
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(f"{error}"))
    page.on(
        "request",
        lambda request: (
            request.url.startswith((address, "blob:", "data:"))
            or page.complaints.append(f"asks for {request.url}")
        ),
    )
    _open_pages.append(page)
    yield page
    _open_pages.remove(page)
    context.close()


@pytest.fixture(scope="module")
def notebook(request, page, server):
    """The notebook that the module names in NOTEBOOK, opened and run; PARAMETERS and BEFORE change the copy that it runs."""
    folder, address, token = server
    module = request.module
    path = ROOT / "notebooks" / f"{module.NOTEBOOK}.ipynb"
    copy = folder / "notebooks" / path.name
    copy.parent.mkdir(exist_ok=True)
    copy_notebook(path, copy, getattr(module, "PARAMETERS", {}), getattr(module, "BEFORE", {}))
    notebook = Notebook(page, copy)
    notebook.open(f"{address}/lab/workspaces/{path.stem}/tree/notebooks/{path.name}?token={token}&reset")
    notebook.run()
    return notebook


@pytest.fixture(autouse=True)
def quiet_console(page):
    """Fail a test during which the page logged an error, or asked another machine for something."""
    yield
    complaints, page.complaints[:] = list(page.complaints), []
    assert not complaints


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep a screenshot of a failure."""
    report = yield
    if report.failed:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", item.name)
        for page in _open_pages:
            with contextlib.suppress(Error):  # a page that crashed has none, and the failure is to be seen
                page.screenshot(path=SCREENSHOTS / f"{name}-{call.when}.png", timeout=20_000)
    return report

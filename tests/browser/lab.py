"""A JupyterLab of its own and a notebook in it, as a reader has them: what the browser tests drive."""

import base64
import contextlib
import io
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import expect

from pyramidcolor.notebooks import parameter_names

# The session that starts the server may hide progress bars or figures from its own tests. A reader's has neither setting.
_TEST_SETTINGS = ("PYRAMIDCOLOR_QUIET", "MPLBACKEND")
_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
_NO_NEWS = {
    "fetchNews": "false",
    "checkForUpdates": False,
}  # as `make` sets it; its question would cover a corner
_ERRORS = ", ".join(
    f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr")
)

_BYTES = """async image => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""

_IS_SHOWN = "image => image.complete && image.naturalWidth > 0"

START = 90  # seconds, for the server
OPEN = 120_000  # milliseconds, for a notebook with its kernel
RUN = 360_000  # milliseconds, for all cells of a notebook
ANSWER = 60_000  # milliseconds, for the kernel to answer a click


@contextlib.contextmanager
def jupyterlab(root, settings):
    """Run JupyterLab on a free port of this machine alone, away from the user's settings; yield its address and token.

    Args:
        root: the folder that it shows.
        settings: an empty folder for what it writes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, address = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    news = settings / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps(_NO_NEWS), encoding="utf-8")
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    words += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"]
    words += ["--ServerApp.terminals_enabled=False", "--KernelManager.transport_encryption=auto"]
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    # The token goes through the environment: every user of the machine can read a command line.
    environment = {name: value for name, value in os.environ.items() if name not in _TEST_SETTINGS}
    environment |= {name: str(settings / folder) for name, folder in _FOLDERS.items()} | {
        "JUPYTER_TOKEN": token
    }
    environment.setdefault("OMP_NUM_THREADS", "1")  # the browser and the server need the other core
    log = settings / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            _await_server(server, f"{address}/api/status?token={token}", log)
            yield address, token
        finally:
            server.terminate()  # it ends its kernels with it
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_server(server, status, log):
    end = time.monotonic() + START
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(status, timeout=5):
            return
        assert server.poll() is None, f"JupyterLab ended:\n{log.read_text()[-3000:]}"
        assert time.monotonic() < end, f"no JupyterLab after {START} s:\n{log.read_text()[-3000:]}"
        time.sleep(0.2)


def pixels(file):
    """A picture file's bytes as an array `(H, W, 3)` in 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), dtype=int)


def copy_notebook(path, copy, parameters, before):
    """Write a notebook without its outputs, so that none of them passes for a new one.

    Args:
        path, copy: from where and to where.
        parameters: values for names of the notebook's parameters cell.
        before: code that a cell of its own runs before the only cell that has the key in it.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if parameters:
        assert parameters.keys() <= set(parameter_names(path))
        (place,) = [
            number for number, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])
        ]
        lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        cells.insert(place + 1, nbformat.v4.new_code_cell(lines))
    for text, code in before.items():
        (place,) = [
            number for number, cell in enumerate(cells) if text in cell.source and cell.cell_type == "code"
        ]
        cells.insert(place, nbformat.v4.new_code_cell(code))
    nbformat.write(notebook, copy)


class Notebook:
    """A notebook in JupyterLab's page.

    Args:
        page: the browser's page.
        path: the notebook's file.
    """

    def __init__(self, page, path):
        self.page = page
        self._code_cells = sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)

    def open(self, address):
        """Open it and wait until its kernel takes work."""
        self.page.goto(address, timeout=OPEN)
        # The notebook's own indicator says idle before the kernel is connected: cells run then are lost. The status bar does not.
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=OPEN)

    def run(self):
        """Run all cells, wait for the last one, and see that none shows an error or a warning."""
        for item in ("Run", "Run All Cells"):
            self.page.get_by_role("menuitem", name=item, exact=True).click()
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
        # Not the number of prompts in the page: JupyterLab adds the lower cells only when it has time.
        expect(prompts.last).to_have_text(f"[{self._code_cells}]:", timeout=RUN)
        expect(prompts).to_have_count(self._code_cells)
        expect(self.page.locator(_ERRORS)).to_have_count(0)

    def panel(self, code):
        """The panel below the only cell with this text in its code."""
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        cell = cells.filter(has=self.page.locator(".jp-InputArea-editor", has_text=code))
        expect(cell).to_have_count(1)
        cell.scroll_into_view_if_needed()
        return Panel(cell.locator(".jp-OutputArea"))


class Panel:
    """Controls and a picture in the output of a cell.

    Args:
        output: its locator.
    """

    def __init__(self, output):
        self.output, self.page = output, output.page
        self.picture = output.locator("img.widget-image")
        self.alert = output.get_by_role("alert").filter(has_text=re.compile(r"\S"))

    def slider(self, label):
        """The slider with this label, ready for keys."""
        slider = self.output.get_by_role("slider", name=label)
        slider.focus(timeout=ANSWER)
        return slider

    def pixels(self):
        """The picture as the browser shows it, `(H, W, 3)` in 0 to 255."""
        self.page.wait_for_function(_IS_SHOWN, arg=self.picture.element_handle(), timeout=ANSWER)
        return pixels(base64.b64decode(self.picture.evaluate(_BYTES)))

    @contextlib.contextmanager
    def redrawn(self):
        """Wait until what happens inside has changed the picture, and see that no error stands above it."""
        before = self.pixels()
        yield
        end = time.monotonic() + ANSWER / 1000
        while np.array_equal(before, self.pixels()):
            assert time.monotonic() < end, "the picture has not changed"
            self.page.wait_for_timeout(100)
        expect(self.alert).to_have_count(0)

# Needs Python 3.11 or newer, make and git. Everything else goes into .venv; `make clean` removes it again.
# On Windows, or without make, README.md has the same steps as plain pip commands.

PYTHON ?= python3
# More words for the command behind a target: make test ARGS="-k hue"
ARGS ?=

PY := .venv/bin/python
STAMP := .venv/.installed
RIVALS := .venv/.installed-bench

.DEFAULT_GOAL := help
.PHONY: help notebooks test test-notebooks test-browser lab docs links lint refresh pages weights bench lock clean

help: ## show this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

notebooks: $(STAMP) ## run every notebook; executed copies and HTML pages go to out/notebooks
	@$(PY) -m pyramidcolor notebooks run $(ARGS)

# Two processes of one torch thread each (conftest.py); a notebook's cells must stay in one process.
# All notebooks take as long again, so here the first lesson stands for them.
test: $(STAMP) ## run the tests, the examples in docstrings, and a notebook against its stored outputs
	@$(PY) -m pytest -n 2 --dist=loadfile tests pyramidcolor notebooks/01_color_in_hsv.ipynb $(ARGS)

test-notebooks: $(STAMP) ## run all notebooks and their solutions against their stored outputs
	@$(PY) -m pytest -n 2 --dist=loadfile notebooks $(ARGS)

# A test waits for JupyterLab, its kernel and all cells of a notebook, each with a shorter limit that says what is missing.
test-browser: $(STAMP) ## use the notebooks as a reader does, in a real JupyterLab and Chromium (CHROMIUM=path names one)
	@$(PY) -m pytest --timeout=600 tests/browser $(ARGS)

# The message size lets a browser upload photos of more than 10 MB. MPLBACKEND would take the figures away.
# JupyterLab refuses to run as root unless told; exec lets a stop signal reach it.
lab: $(STAMP) ## open JupyterLab on the notebooks (this machine only, with a token)
	@unset MPLBACKEND; root=; [ "$$(id -u)" -ne 0 ] || root=--allow-root; \
	exec $(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks \
	    --ServerApp.tornado_settings='{"websocket_max_message_size": 104857600}' \
	    --KernelManager.transport_encryption=auto $$root $(ARGS)

# Warnings are errors. -E: all pages anew, else an old one keeps its old table of contents. The checks after it find what Sphinx lets pass, and no page asks another host.
docs: $(STAMP) ## build the site from the notebooks as they are stored, offline; pages go to docs/_build/html
	@$(PY) -m sphinx -E -W --keep-going -q -b html docs docs/_build/html $(ARGS)
	@$(PY) docs/check_pages.py docs/_build/html

links: $(STAMP) ## try the links to other hosts, in the site and README; needs a network
	@$(PY) -m sphinx -q -b linkcheck docs docs/_build/linkcheck $(ARGS)

lint: $(STAMP) ## check style and format, notebooks included
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

refresh: $(STAMP) ## run the notebooks and their solutions, and store their outputs in them
	@$(PY) -m pyramidcolor notebooks refresh $(ARGS)
	@$(PY) -m pyramidcolor notebooks refresh --folder notebooks/solutions $(ARGS)

pages: $(STAMP) ## write anew what README.md and docs take from weights, notebooks and benchmarks, and their pictures
	@$(PY) tools/make_pictures.py
	@$(PY) tools/fill_pages.py

weights: $(STAMP) ## train the weights of the package: make weights PHOTOS=folder (with train and val in it)
	@[ -n "$(PHOTOS)" ] || { echo "Name a folder that holds train and val: make weights PHOTOS=..." >&2; exit 1; }
	@$(PY) tools/make_weights.py "$(PHOTOS)" $(ARGS)

# The table on a page that is committed: make bench ARGS=--write-docs, on a machine that does nothing else.
bench: $(RIVALS) ## measure everything against its rivals and its goals, in under ten minutes
	@$(PY) benchmarks/bench.py $(ARGS)

lock: $(STAMP) ## write constraints.txt anew from pyproject.toml and pins.txt (ARGS=--upgrade for newer versions)
	@$(PY) -m pip install -qq --disable-pip-version-check uv
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 -c pins.txt \
	    --no-annotate --no-header --no-emit-index-url --quiet -o constraints.txt $(ARGS)

clean: ## remove .venv, caches, the site and what the notebooks wrote; data, runs and your pictures stay
	rm -rf .venv out/notebooks out/browser docs/_build docs/api docs/notebooks docs/repository .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so that an install that broke off is taken up again by the next call.
# -qq: errors only. With -q pip prints a warning for every package address that it does not use.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	    echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("pyramidcolor needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another one:" \
	    " make PYTHON=..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing the pinned packages into .venv; the first time this takes some minutes."
	@$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[notebooks,docs,teacher,dev]'
	@$(PY) -m ipykernel install --sys-prefix --name python3 >/dev/null
	@mkdir -p .venv/share/jupyter/lab/settings
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
	    >.venv/share/jupyter/lab/settings/overrides.json
	@touch $@

$(RIVALS): $(STAMP)
	@$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

"""Settings of the site. `make docs` builds it from what is in the repository: no notebook is run, no other host is asked."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import gather  # noqa: E402
import references  # noqa: E402

import pyramidcolor  # noqa: E402

project = "pyramidcolor"
author = "The pyramidcolor authors"
version = release = pyramidcolor.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

nb_render_markdown_format = "myst"  # the default knows no tables, and notebook 07 prints two
nb_execution_mode = "off"  # the stored outputs are those that the tests compare
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None)
]  # a widget shows its picture
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]  # of the widgets, whose pictures are shown

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_custom_sections = ["Source", "Rewards wrongly"]
napoleon_use_rtype = False
default_role = "name"  # docstrings write names and code in single backticks
nitpicky = True  # a name of this library that does not exist is an error; those of other libraries have no pages here
nitpick_ignore_regex = [
    ("py:.*", r"(?!pyramidcolor).*"),
    ("py:class", r"pyramidcolor\.\w+\.(_\w+|\w+T)"),  # private bases, and variables that stand for types
]

html_show_copyright = False
html_theme = "furo"
html_title = "pyramidcolor"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"

linkcheck_timeout = 20  # seconds
linkcheck_retries = 2
linkcheck_anchors = False
linkcheck_ignore = [
    # Where notebooks are run for a reader: pages that answer a program with an error, or start a machine.
    r"https://colab\.research\.google\.com/.*",
    r"https://mybinder\.org/v2/.*",
]


def setup(app):
    """Gather the pages that lie elsewhere in the repository, and teach Sphinx how names and formulas are written here."""
    gather.gather_pages()
    app.connect("source-read", gather.rewrite_source)
    references.setup(app)

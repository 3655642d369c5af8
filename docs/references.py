"""How names and formulas are written here: code in single backticks links to what it names, formulas become MathML."""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils import unescape
from latex2mathml.converter import convert
from sphinx.domains.python import PythonDomain
from sphinx.util import logging

_NAME = re.compile(r"[A-Za-z_][\w.]*(\(\))?")
_PACKAGE = "pyramidcolor"
_logger = logging.getLogger(__name__)


def setup(app):
    """Teach Sphinx the role `name`, and formulas that need no script from elsewhere."""
    app.add_role("name", name_role)
    app.connect("missing-reference", find_in_package)
    app.connect("autodoc-skip-member", skip_others)
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_displayed_formula, None))


def name_role(role, raw, text, line, inliner, options=None, content=()):
    """Text in single backticks: a link where it names something of this library, else code as it stands."""
    text = unescape(text, restore_backslashes=True)
    if _NAME.fullmatch(text):
        link = inliner.document.settings.env.domains["py"].role("obj")
        return link("py:obj", raw, text, line, inliner, options or {}, content)
    return [nodes.literal(raw, text)], []


def find_in_package(app, env, node, contnode):
    """What a name means that its own module does not have: another module's, or nothing of this library.

    A name such as `losses.hue_loss`, of a module that exists and of nothing in it, is reported: its docstring has gone stale.
    """
    if node.get("refdomain") != "py":
        return None
    python: PythonDomain = env.domains["py"]
    target = node["reftarget"].removesuffix("()").removeprefix(f"{_PACKAGE}.")
    found = python.resolve_xref(
        env, node.get("refdoc", ""), app.builder, "obj", f"{_PACKAGE}.{target}", node, contnode
    )
    if found is not None or node["reftype"] != "obj":
        return found
    module, _, rest = target.partition(".")
    if rest and f"{_PACKAGE}.{module}" in python.modules and rest not in ("py", "md"):
        _logger.warning("%s has no %s", f"{_PACKAGE}.{module}", rest, location=node)
    return contnode


def skip_others(app, kind, name, member, skip, options):
    """Leave out methods that another library adds to our classes, as matplotlib does to figures."""
    return True if callable(member) and not member.__module__.startswith(_PACKAGE) else None


def _inline_formula(self, node):
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _displayed_formula(self, node):
    self.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode

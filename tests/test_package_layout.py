"""The house rules that a program can check: imports point one way, and what is public explains itself."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pyramidcolor"
# A module imports only from modules above it. A folder of modules counts as one.
ORDER = [
    "shipped",
    "files",
    "workers",
    "budgets",
    "costs",
    "devices",
    "bands",
    "color",
    "images",
    "losses",
    "models",
    "colorspaces",
    "features",
    "scenes",
    "batches",
    "photos",
    "resident",
    "datasets",
    "packing",
    "splits",
    "dataset_check",
    "metrics",
    "plotting",
    "pyramid_views",
    "checkpoints",
    "pixels",
    "swift",
    "inference",
    "failures",
    "hints",
    "recipes",
    "objective",
    "speed",
    "run_state",
    "training",
    "teachers",
    "evaluation",
    "space_comparison",
    "jobs",
    "launching",
    "baselines",
    "comparison_results",
    "comparison",
    "comparison_views",
    "exercises",
    "widgets",
    "notebooks",
    "__init__",
    "__main__",
]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
every_file = pytest.mark.parametrize("file", FILES, ids=str)


def place(file):
    return ORDER.index(file.parts[0].removesuffix(".py"))


def parse(file):
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def imported_modules(tree, depth):
    """The modules of the package that a file imports, wherever in it; `depth` is 1 beside `__init__.py`, 2 in a folder."""
    modules = {path.parts[0].removesuffix(".py") for path in FILES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level in (0, depth):
            stem = (node.module or "").split(".") if node.module else []
            stem = stem if node.level == 0 else ["pyramidcolor", *stem]
            dotted = [[*stem, alias.name] for alias in node.names]
        else:
            continue
        for root, *rest in dotted:
            if root == "pyramidcolor":
                yield rest[0] if rest and rest[0] in modules else "__init__"


@every_file
def test_a_module_has_its_place_and_imports_only_from_modules_before_it(file):
    here = file.parts[0].removesuffix(".py")
    assert here in ORDER, f"{file} has no place in ORDER"
    later = [
        name
        for name in imported_modules(parse(file), len(file.parts))
        if name != here and ORDER.index(name) > ORDER.index(here)
    ]
    assert not later, f"{file} imports from {later}, which come after it"


@pytest.mark.parametrize(
    "source",
    [
        "from .color import rgb_to_hsv",
        "from . import color",
        "import pyramidcolor.color",
        "from pyramidcolor import color",
        "from pyramidcolor.color import rgb_to_hsv",
        "def late():\n    from .color import rgb_to_hsv",
    ],
)
def test_every_way_to_write_an_import_is_seen(source):
    assert list(imported_modules(ast.parse(source), depth=1)) == ["color"]


def test_an_import_of_another_library_or_of_a_neighbor_in_the_same_folder_is_none_of_the_package():
    assert list(imported_modules(ast.parse("import color\nfrom color import x"), depth=1)) == []
    assert list(imported_modules(ast.parse("from .color import x"), depth=2)) == []


def definitions(tree, prefix=""):
    """The public functions, classes and methods of a file, by their dotted names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node, f"{prefix}{node.name}.")


BASES = {
    node.name: [ast.unparse(base).split(".")[-1] for base in node.bases]
    for file in FILES
    for node in ast.walk(parse(file))
    if isinstance(node, ast.ClassDef)
}
DOCUMENTED = {name for file in FILES for name, node in definitions(parse(file)) if ast.get_docstring(node)}


def is_documented(name):
    """Whether a definition, or the method that it overrides in another class of the package, has a docstring."""
    owner, _, method = name.rpartition(".")
    return name in DOCUMENTED or any(is_documented(f"{base}.{method}") for base in BASES.get(owner, []))


@every_file
def test_everything_public_has_a_docstring(file):
    tree = parse(file)
    assert ast.get_docstring(tree), f"{file} does not say what it holds"
    assert not [name for name, _ in definitions(tree) if not is_documented(name)]


@every_file
def test_public_functions_describe_the_tensors_that_go_in_and_come_out(file):
    tree, silent = parse(file), []
    if "All functions take" in ast.get_docstring(tree):  # described once, because they are alike
        return
    for name, node in definitions(tree):
        if (
            not isinstance(node, ast.FunctionDef) or "." in name
        ):  # a class may describe its methods' tensors once
            continue
        text = ast.get_docstring(node) or ""
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for section, annotations in {
            "Args:": [a.annotation for a in arguments],
            "Returns:": [node.returns],
        }.items():
            tensors = [ast.unparse(annotation) for annotation in annotations if annotation is not None]
            # Where one sentence says all, it may name the shape itself: "gray `(B, 1, H, W)` in [-1, 1]".
            said = section in text or re.search(
                r"`\(.*?\)`|same shape|named tensors|tensors of a", text, re.IGNORECASE
            )
            if "Tensor" in " ".join(tensors) and not said:
                silent.append(f"{name} lacks {section}")
    assert not silent

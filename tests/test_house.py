"""The plan of the house: which rooms there are, and that imports go one way between them."""

import ast
from collections import Counter

import pytest

ROOMS = (
    "questions",
    "perturbations",
    "models",
    "evaluation",
    "analysis",
    "figures",
    "training",
    "study",
    "teaching",
    "cli",
)
"""In the order of the data: a room may import from itself and from those before it."""

EVERYWHERE = ("errors", "locks", "provenance", "measures", "intervals")
"""Modules beside the rooms, which any of them may import, and which import none of them."""


@pytest.fixture(scope="module")
def package(root):
    return root / "src" / "companion"


def modules(package):
    """(room, path within the package, syntax tree) of every module; a module beside the rooms is a room of its own."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        yield parts[0], "/".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def imported_rooms(tree):
    """The rooms that a module imports from, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "companion":
            inner = node.module.split(".")[1:2]
            yield from inner or [one.name for one in node.names]
        elif isinstance(node, ast.Import):
            yield from (one.name.split(".")[1] for one in node.names if one.name.startswith("companion."))


def test_the_package_holds_these_rooms_and_nothing_else(package):
    found = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found == {*ROOMS, *EVERYWHERE, "__init__", "__main__"}


def test_imports_between_rooms_go_one_way(package):
    up = [
        f"{name} imports {room}"
        for own, name, tree in modules(package)
        for room in imported_rooms(tree)
        if room in ROOMS and (own in EVERYWHERE or (own in ROOMS and ROOMS.index(room) > ROOMS.index(own)))
    ]
    assert not up


def test_no_two_modules_have_one_name(package):
    names = Counter(name.rsplit("/", 1)[-1] for _, name, _ in modules(package))
    assert not [name for name, count in names.items() if count > 1 and not name.startswith("__")]


NAMED_TWICE = {"Estimate"}
"""Of a statistic, and of what asking costs."""

SAYS_NOTHING = {"answers", "content", "listed", "of", "path", "read", "said", "shown", "table", "told", "work_off"}
"""Names that fit any function."""


def test_no_two_classes_have_one_name(package):
    names = Counter(
        node.name for _, _, tree in modules(package) for node in tree.body if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} <= NAMED_TWICE


def test_no_function_has_a_name_that_says_nothing(package):
    """But `table`, which every figure has."""
    found = {
        f"{name}.{node.name}"
        for room, name, tree in modules(package)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in SAYS_NOTHING - ({"table"} if room == "figures" else set())
    }
    assert not found


def test_every_room_says_what_it_is_for(package):
    assert all(ast.get_docstring(tree) for _, name, tree in modules(package) if name.endswith("__init__"))

"""What `make test FAST=1` leaves out, what it must not, and which tests start first."""

import ast
import subprocess
import sys

import pytest
from conftest import dealt_out
from test_house import ROOMS, imported_rooms


def is_slow(decorator):
    return ast.unparse(decorator).startswith("pytest.mark.slow")


def quick_tests(tree):
    """Names of the test functions of a module that are not marked slow, by themselves or all together."""
    if any(isinstance(node, ast.Assign) and is_slow(node.value) for node in tree.body):
        return []
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [one.name for one in functions if not any(map(is_slow, one.decorator_list))]


def test_every_room_has_quick_tests(root):
    quick = dict.fromkeys(ROOMS, 0)
    for path in sorted((root / "tests").glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for room in {*imported_rooms(tree)} & {*ROOMS}:
            quick[room] += len(quick_tests(tree))
    assert min(quick.values()) > 30, quick


def test_a_quick_test_starts_no_other_python():
    with pytest.raises(pytest.fail.Exception, match="mark it slow"):
        subprocess.Popen([sys.executable, "-c", "0"])
    subprocess.run(["true"], check=True)


@pytest.mark.parametrize(
    ("names", "processes", "expected"),
    [
        ("abcdef", 1, "abcdef"),
        ("abCdef", 1, "Cabdef"),
        ("abCdEf", 2, "EabCdf"),
        ("aBCDef", 2, "DBaCef"),
        ("abcdEFG", 3, "GaFbEcd"),
        ("AB", 3, "BA"),
        ("", 2, ""),
    ],
)
def test_long_tests_are_begun_first_by_every_process(names, processes, expected):
    """Capitals are long, and the later in the alphabet the longer."""
    seconds = {name: ord(name) for name in names if name.isupper()}
    assert "".join(dealt_out(list(names), seconds, processes)) == expected

"""What a clone brings stays light: no committed file is larger than its kind may be."""

import subprocess
from fnmatch import fnmatch

import pytest

BUDGETS = {  # the first pattern that fits counts
    "checkpoints/*.safetensors": 6_700_000,
    "executed/*.ipynb": 1_250_000,
    "results/*.parquet": 820_000,
    "results/*": 300_000,
    "figures/*.png": 110_000,
    "figures/*.svg": 280_000,
    "figures/*": 100_000,
    "docs/*": 200_000,
    "*": 120_000,
}
"""Pattern → bytes. A larger file needs a reason, and then a larger number here."""


@pytest.fixture(scope="module")
def files(root):
    if not (root / ".git").exists():
        pytest.skip("no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout
    return {name: (root / name).stat().st_size for name in listed.split("\0") if name and (root / name).is_file()}


def budget(name):
    return next(most for pattern, most in BUDGETS.items() if fnmatch(name, pattern))


def test_no_file_is_heavier_than_its_kind_may_be(files):
    assert len(files) > 300
    assert not {name: size for name, size in files.items() if size > budget(name)}


def test_the_tree_as_a_whole(files):
    """The records of the study, which are still being made, have 30 MB of their own."""
    study = sum(size for name, size in files.items() if name.startswith("results/study/"))
    assert study < 30_000_000
    assert sum(files.values()) - study < 69_000_000


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("executed/01.ipynb", 1_250_000),
        ("results/rows/a.parquet", 820_000),
        ("results/a.jsonl", 300_000),
        ("a.py", 120_000),
    ],
)
def test_a_file_has_the_budget_of_its_kind(name, most):
    assert budget(name) == most

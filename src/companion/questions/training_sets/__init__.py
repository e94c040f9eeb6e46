"""The sets that the paper trains on, as questions with options. All are read like the benchmarks, by name."""

from __future__ import annotations

from companion.questions.training_sets.geometry3k import GEOMETRY3K
from companion.questions.training_sets.pixmo_count import PIXMO_COUNT
from companion.questions.training_sets.sat2 import SAT2

TRAINING = {benchmark.name: benchmark for benchmark in (SAT2, PIXMO_COUNT, GEOMETRY3K)}
"""In the paper's order."""

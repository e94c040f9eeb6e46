"""The evaluation engine over transformers against the same over vLLM's build for the CPU: same checkpoint, items,
perturbations and process, in turns, letter probabilities included. Only the ratio is comparable between machines.

vLLM batches and caches prefixes by itself; it is asked as `companion evaluate --model vllm:CHECKPOINT` asks it.
Run with the Python of an environment that has vLLM: `make benchmarks VLLM_PYTHON=…`, a few minutes on 2 CPU cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tiny_models

from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.models.interface import Model
from companion.models.open import open_model
from companion.perturbations.perturbation import PERTURBATIONS
from companion.questions.microworld import questions
from companion.questions.question import Question


def timed(model: Model, items: Sequence[Question]) -> tuple[float, pd.DataFrame]:
    """Rows per second, and the rows by perturbation and question."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        rows = evaluate(model, items, list(PERTURBATIONS), Store(Path(folder)), progress=False)
        return len(rows) / (time.perf_counter() - began), rows.set_index(["perturbation", "question"]).sort_index()


def apart(one: pd.DataFrame, other: pd.DataFrame) -> tuple[int, float]:
    """How many texts are the same, and how far letter probabilities of these lie apart at most."""
    pairs = one.join(other[["response", "letter_probs"]], rsuffix="_other")
    same = pairs[pairs["response"] == pairs["response_other"]].dropna(subset=["letter_probs", "letter_probs_other"])
    both = zip(same["letter_probs"], same["letter_probs_other"], strict=True)
    far = max(max(abs(p - q) for p, q in zip(*probs, strict=True)) for probs in both)
    return int((pairs["response"] == pairs["response_other"]).sum()), far


SETTINGS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_LOGGING_LEVEL": "ERROR"}


def main() -> None:
    os.environ |= SETTINGS  # read when vLLM is imported
    tiny_models.declare_torchvision()  # there is none for CPUs
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="checkpoints/base")
    parser.add_argument("--items", type=int, default=48, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    pool = questions("test", options.rounds * options.items)
    models = {"transformers": open_model(options.model, "cpu"), "vLLM": open_model(f"vllm:{options.model}")}
    rates: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        timed(model, pool[:2])  # what the first call sets up
    same, far, asked = 0, 0.0, 0
    for k in range(options.rounds):
        part, rows = pool[k * options.items : (k + 1) * options.items], {}
        for name, model in models.items():
            rate, rows[name] = timed(model, part)
            rates[name].append(rate)
        equal, most = apart(*rows.values())
        same, far, asked = same + equal, max(far, most), asked + len(rows["vLLM"])
    ours, theirs = (statistics.median(found) for found in rates.values())
    print(f"engine over transformers {ours:.1f} rows/s, over vLLM {theirs:.1f} rows/s: {ours / theirs:.1f} × as fast")
    print(f"same text: {same} of {asked}; letter probabilities differ by at most {far:.0e}")


if __name__ == "__main__":
    main()

"""The evaluation engine against lmms-eval: same checkpoint, items, perturbations and machine, in turns.

`llava_hf` is lmms-eval's class for LLaVA; it takes one prompt at a time. `huggingface` takes batches of any model, once
it is repaired (see run.py). A prefill goes to both as the start of an assistant's turn. Of lmms-eval only the time of
its generation counts; of the engine all of it, the letter distributions included, which lmms-eval does not give.

Run: `python compare.py --lmms-python …`, some minutes on 2 CPU cores that do nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.evaluation.engine import evaluate
from companion.evaluation.export.tasks import export_tasks
from companion.evaluation.store import Store
from companion.models.local import LocalModel
from companion.perturbations.perturbation import PERTURBATIONS
from companion.questions.microworld import questions
from companion.questions.question import Question

ONE_AT_A_TIME = 0.25
"""The share of a round's items on which a way without batches is timed."""


def export(model: LocalModel, items: Sequence[Question], folder: Path) -> Path:
    """The prompts of items as tasks of lmms-eval."""
    export_tasks("lmms-eval", items, list(PERTURBATIONS), model.profile, folder, delivery="prefill")
    return folder


def engine(model: LocalModel, items: Sequence[Question]) -> tuple[float, dict[str, str]]:
    """Rows per second, and their texts by perturbation and question."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        rows = evaluate(model, items, list(PERTURBATIONS), Store(Path(folder)), progress=False)
        rate = len(rows) / (time.perf_counter() - began)
        return rate, dict(zip(rows["perturbation"] + "/" + rows["question"], rows["response"], strict=True))


class Lmms:
    """A process of run.py, which keeps its model. way: a model of lmms-eval and its batch size, as "llava_hf:1"."""

    def __init__(self, python: str, checkpoint: str, way: str, folder: Path) -> None:
        name, _, self.batch = way.partition(":")
        self.log = folder / f"{name}-{self.batch}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [python, Path(__file__).with_name("run.py"), checkpoint, "--model", name, "--batch", self.batch],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "HF_DATASETS_CACHE": str(folder / "datasets")},
            )

    def __call__(self, tasks: Path) -> dict[str, Any]:
        print(tasks, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(self.log.read_text()[-2000:])
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(model: LocalModel, ways: dict[str, Lmms], items: int, rounds: int, folder: Path) -> None:
    pool = questions("test", rounds * items)
    ours: list[float] = []
    theirs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    same = dict.fromkeys(ways, 0)
    engine(model, pool[:2])
    for way, lmms in ways.items():  # what the first call sets up
        lmms(export(model, pool[:2], folder / f"first-{way.replace(':', '-')}"))
    for k in range(rounds):
        part = pool[k * items : (k + 1) * items]
        rate, texts = engine(model, part)
        ours.append(rate)
        for way, lmms in ways.items():
            own = part if int(lmms.batch) > 1 else part[: max(1, int(ONE_AT_A_TIME * items))]
            found = lmms(export(model, own, folder / f"{k}-{way.replace(':', '-')}"))
            theirs[way].append(found)
            same[way] += sum(texts[prompt] == text for prompt, text in found["texts"].items())
    rate = statistics.median(ours)
    print(f"{'engine':16} {rate:7.1f} rows/s")
    for way, found in theirs.items():
        generation, evaluation = (statistics.median(one[key] for one in found) for key in ("generation", "evaluation"))
        total = sum(len(one["texts"]) for one in found)
        print(
            f"{way:16} {generation:7.1f} rows/s ({evaluation:.1f} with all that it does); engine is "
            f"{rate / generation:.1f} × as fast; same text: {same[way]} of {total}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lmms-python", required=True, help="the Python of an environment with lmms-eval")
    parser.add_argument("--model", default="checkpoints/base")
    parser.add_argument("--items", type=int, default=24, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=["llava_hf:1", "huggingface:16", "huggingface:64"])
    options = parser.parse_args()
    model = LocalModel(options.model, device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = {way: Lmms(options.lmms_python, options.model, way, folder) for way in options.ways}
        try:
            compare(model, ways, options.items, options.rounds, folder)
        finally:
            for lmms in ways.values():
                lmms.close()


if __name__ == "__main__":
    main()

"""A few texts of the study's models, before and after RL: the records keep none.

Asked again of the checkpoints in the study's scratch folder, and held to what is recorded of the same answers.
Run, when RL from `misread-20` with the first seed is done: `python -m companion.study.transcripts`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from companion.analysis.panel import Checkpoints, RunsPanel
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.records import NONE
from companion.evaluation.store import Store
from companion.models.local import LocalModel
from companion.perturbations.perturbation import THREE_PROMPTS
from companion.questions.question import LETTERS
from companion.study.protocol import PROTOCOL

FILE = "transcripts.parquet"

KEPT = Checkpoints("misread-20", "rl-correct", 1000)
"""The checkpoints of which texts are kept, with those before RL."""

N_ITEMS = 90
"""The first of the study's items: ten of each family."""


def keep_transcripts(scratch: Path, results: Path) -> pd.DataFrame:
    """Write `transcripts.parquet`: step, perturbation, item, id, added (before the question), prefill, response,
    answered, concluded, right (numbers of options, `NONE` for none).

    Raises CompanionError where a checkpoint is not there, or answers otherwise than is recorded.
    """
    seed = PROTOCOL.planned[0].seeds[0]
    work = scratch / f"{KEPT.initial}-{seed}"
    panel, items = RunsPanel(results), PROTOCOL.items()[:N_ITEMS]
    parts = []
    for cell, folder in ((KEPT.before(), work / "initial"), (KEPT, work / KEPT.recipe / f"step-{KEPT.step}")):
        if not (folder / "config.json").exists():
            raise CompanionError(f"no checkpoint in {folder}; `companion study` makes it")
        rows = evaluate(LocalModel(str(folder)), items, list(THREE_PROMPTS), Store(work / "transcripts"))
        for prompt, part in rows.groupby("perturbation", sort=False):
            part = part.set_index("question").loc[[item.id for item in items]].reset_index()
            recorded = panel.run(cell, seed, str(prompt)).iloc[:N_ITEMS].reset_index(drop=True)
            answered = part["answer"].map(LETTERS.index, na_action="ignore").fillna(NONE).astype("int8")
            if (answered != recorded["answered"]).any():
                raise CompanionError(f"{folder} answers otherwise under {prompt} than is recorded of it in {results}")
            parts.append(
                pd.DataFrame(
                    {
                        "step": cell.step,
                        "perturbation": prompt,
                        "item": recorded["item"],
                        "id": part["question"],
                        "added": [
                            text.split(item.text)[0].strip() for text, item in zip(part["prompt"], items, strict=True)
                        ],
                        "prefill": part["prefill"],
                        "response": part["response"],
                        **recorded[["answered", "concluded", "right"]],
                    }
                )
            )
    found = pd.concat(parts, ignore_index=True)
    found.to_parquet(results / FILE, index=False, compression="zstd")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scratch", type=Path, default=Path("runs/study"))
    parser.add_argument("--results", type=Path, default=Path("results/study"))
    options = parser.parse_args()
    print(f"{len(keep_transcripts(options.scratch, options.results))} texts kept")

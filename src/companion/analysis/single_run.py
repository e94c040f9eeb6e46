"""The curves of one training run that is looked at by itself, as it goes or afterwards.

Its intervals are over items alone: nothing is said of another seed. Runs of several seeds are compared in `panel.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from companion.analysis.panel import begun_from
from companion.errors import CompanionError
from companion.evaluation.records import read_answers
from companion.intervals import estimate, resample
from companion.measures import mean
from companion.perturbations.perturbation import THREE_PROMPTS

CURVES = ("right", "agrees", "entropy", "words")
"""Their measures: the answer is right, the reasoning concludes what is answered, letter entropy in [0, 1], and the
number of words of reasoning."""


def run_curves(answers: pd.DataFrame) -> pd.DataFrame:
    """step, perturbation, measure; the mean over items with its 95 % interval (value, low, high, n); chance (of being
    right by guessing), NaN for other measures.

    perturbation: of `THREE_PROMPTS`. answers: of `records.join_items`, with step. What was asked at some steps only is
    left out, so that all steps are about the same items.
    """
    answers = answers[answers["perturbation"].isin(THREE_PROMPTS)].assign(right=answers["correct"])
    steps = answers.groupby("item")["step"].nunique()
    answers = answers[answers["item"].map(steps == answers["step"].nunique())]
    weights = resample([str(item) for item in answers["item"].unique()], np.random.default_rng(0))
    lines = []
    for (step, perturbation), part in answers.groupby(["step", "perturbation"], observed=True):
        for measure in CURVES:
            found = estimate(mean(part[measure]), weights)
            if not np.isnan(found.value):
                chance = float((1 / part["n_options"]).mean()) if measure == "right" else np.nan
                labels = {"step": int(step), "perturbation": str(perturbation), "measure": measure}
                lines.append({**labels, **asdict(found), "chance": chance})
    return pd.DataFrame(lines)


def recorded_curves(run: Path) -> pd.DataFrame:
    """`run_curves` of a recorded run, from the answers of its initial checkpoint on. run: the folder of its record."""
    before = begun_from(run)
    if before is None:
        raise CompanionError(f"{run} has no record of the initial checkpoint beside it")
    return run_curves(pd.concat([read_answers(before), read_answers(run)], ignore_index=True))

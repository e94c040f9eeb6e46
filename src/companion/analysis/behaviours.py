"""What a model does with a question and with a misleading text: one of five behaviours for each answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.evaluation.judges.conflict_judge import Conflict
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.judges.verdicts import case_of
from companion.questions.question import Question

SURE = 0.95
"""From this probability of its own letter on a model is called sure."""

BEHAVIOURS = (
    "right, and its reasoning says so",
    "right, but its reasoning does not say so",
    "says that text and picture disagree",
    "follows what was put there",
    "wrong in another way",
)
"""The first of them that holds, "says" before "right"."""


def with_behaviour(rows: pd.DataFrame, questions: Sequence[Question]) -> pd.DataFrame:
    """Rows with `behaviour`, one of `BEHAVIOURS`, and `sure`: whether its own letter has a probability of `SURE`."""
    by_id = {question.id: question for question in questions}
    cases = [case_of(row, by_id[row["question"]]) for row in rows.to_dict("records")]
    agrees = np.array([verdict is not None and verdict.verdict == "agree" for verdict in Rule().judge(cases)])
    says = [verdict is not None and verdict.verdict == "acknowledges" for verdict in Conflict().judge(cases)]
    right = rows["correct"].to_numpy(dtype=bool)
    follows = (rows["answer"].notna() & (rows["answer"] == rows["suggested"])).to_numpy(dtype=bool)
    behaviour = np.select(
        [np.array(says), right & agrees, right, follows],
        [BEHAVIOURS[2], BEHAVIOURS[0], BEHAVIOURS[1], BEHAVIOURS[3]],
        BEHAVIOURS[4],
    )
    sure = [probs is not None and max(probs) >= SURE for probs in rows["letter_probs"]]
    return rows.assign(behaviour=behaviour, sure=sure)


def behaviours(rows: pd.DataFrame) -> pd.DataFrame:
    """model, perturbation, behaviour, value (share of the model's prompts of that perturbation), sure (share of those),
    n."""
    lines = []
    for (model, perturbation), part in rows.groupby(["model", "perturbation"], sort=False):
        for name in BEHAVIOURS:
            own = part[part["behaviour"] == name]
            lines.append(
                {
                    "model": model,
                    "perturbation": perturbation,
                    "behaviour": name,
                    "value": len(own) / len(part),
                    "sure": own["sure"].mean() if len(own) else np.nan,
                    "n": len(part),
                }
            )
    return pd.DataFrame(lines)

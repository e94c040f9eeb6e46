"""The findings, and what it takes to support or contradict one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.findings.rule import CONTRADICTED, EQUIVALENT, SUPPORTED, UNDECIDED
from companion.intervals import Estimate

FINDINGS = {
    "F1": "misleading captions and wrong reasoning prefixes lower accuracy",
    "F2": "the same perturbations lower the probability of the right option",
    "F3": "the damage is larger when only answers that agree with their reasoning count",
    "F4": "closed models keep more robustness and more consistent reasoning, and say that text and picture disagree: "
    "the gap is one of training recipes (this inference is tested, on two recipes of this project; no closed model is)",
    "F5": "RL raises accuracy while more answers contradict their own reasoning",
    "F6": "letter entropy falls in every recipe, also for prompt forms never trained on",
    "F7": f"after RL with augmentation, accuracy under wrong captions is within {100 * EQUIVALENT:g} points of that "
    "under the plain prompt, that under wrong reasoning prefixes is lower, and more answers contradict their "
    "reasoning than before RL",
    "F8": "with a reward for consistency fewer answers contradict their reasoning than with the plain reward "
    "(*restoring* agreement can be tested only where RL had lowered it: F5)",
    "F9": "after RL with augmentation and that reward, reasoning is shorter, and accuracy under wrong reasoning "
    "prefixes is lower than under the plain prompt",
    "F10": "P(correct) under the plain prompt tells which items are right under a perturbation, and better than low "
    "entropy",
    "F11": "after a wrong reasoning prefix some models are more often stubborn (right against their own wrong "
    "reasoning), others more often brittle (they follow it)",
    "F12": 'an added "I\'m not sure" does not help: accuracy under wrong captions and wrong reasoning falls further',
    "F13": "wrong reasoning prefixes hurt more than wrong captions, while right ones of either kind help",
    "F14": "the seeds of one recipe differ more than recipes do",
}
"""Finding → what of it is tested, and no more. `PAPER` has what the paper says."""

SOURCES = {
    "A": "abstract or authors' summary",
    "A1": "abstract; entropy is in those of arXiv v1 and of the conference alone",
    "A2": "abstract of arXiv v2 and v3, not of v1 nor of the conference",
    "N": "reading notes",
    "A/N": "abstract in part, else reading notes",
}
"""How sure it is that the paper says so: its full text was not at hand."""

PAPER = {
    "F1": (
        "Misleading captions and wrong reasoning prefixes, which a person looking at the picture would ignore, "
        "cost open RL-finetuned models much of their accuracy.",
        "A",
    ),
    "F2": (
        "The same perturbations cost confidence: the right option loses probability, and the entropy over the "
        "letters moves in ways that differ between models.",
        "A1",
    ),
    "F3": (
        "The damage is larger when reasoning counts too: of the right answers, fewer follow from what the model wrote.",
        "A",
    ),
    "F4": (
        "Closed models fail in the same ways, but much less, and their reasoning says openly that text and picture "
        "disagree; so the gap is one of today's open recipes, not of the task.",
        "A2",
    ),
    "F5": (
        "Over RL steps accuracy rises while the share of answers that agree with their own reasoning can fall: a "
        "recipe under which it does not is no contradiction.",
        "A",
    ),
    "F6": (
        "The entropy over the letters falls in every training configuration, also for prompt forms that training "
        "never showed.",
        "N",
    ),
    "F7": (
        "Captions and prefixes, right and wrong, mixed into training bring accuracy under wrong captions back to "
        "about that under the plain prompt, do little under wrong prefixes, and do not stop the drift from the "
        "reasoning.",
        "A/N",
    ),
    "F8": ("A reward that counts only where reasoning and answer agree restores their agreement.", "A"),
    "F9": (
        "That reward and augmentation together train unstably and collapse onto very short or templated reasoning; "
        "robustness stays out of reach.",
        "A/N",
    ),
    "F10": (
        "The probability of the right option under the plain prompt tells which items survive a perturbation "
        "(AUROC up to 0.94); low entropy tells it much worse (0.6 to 0.75).",
        "N",
    ),
    "F11": (
        "Two types of failure: stubborn models ignore a wrong prefix and stay right against their own words, "
        "brittle ones follow it, consistently, to the wrong answer.",
        "N",
    ),
    "F12": (
        'An added option "I\'m not sure" does not help: accuracy under wrong captions and wrong prefixes '
        "falls further (3 to 6 points under wrong prefixes).",
        "N",
    ),
    "F13": (
        "Wrong prefixes cost more than wrong captions (5 to 40 points more), while right ones of both kinds help: "
        "the effect follows what the text says, not that it is there.",
        "N",
    ),
    "F14": ("Seeds often differ more than data recipes do, so conclusions from single seeds mislead.", "N"),
}
"""Finding → what the paper says, and a key of `SOURCES`."""

AT_CHANCE = "not above chance"
"""What stands for the verdict on a single model whose plain accuracy, with its interval, is not above chance: what does
not read the picture cannot be misled about it."""

NOT_MEASURED = "not measured"
"""What stands for the verdict of a test without an estimate: no row has what it is about, as probabilities of a server
that tells none."""


@dataclass(frozen=True)
class Quantity:
    """One test of a finding on a single checkpoint. expected: "up" (above `against`) or "down" (below it). unit: of the
    value: "points" (kept as shares of 1) or "AUROC"."""

    finding: str
    what: str
    expected: str
    found: Estimate
    against: float = 0.0
    unit: str = "points"

    def columns(self) -> dict[str, Any]:
        """what, expected, against, unit, value, low, high: its part of a line of a table of tests."""
        return {
            "what": self.what,
            "expected": self.expected,
            "against": self.against,
            "unit": self.unit,
            "value": self.found.value,
            "low": self.found.low,
            "high": self.found.high,
        }

    @property
    def verdict(self) -> str:
        """*supported* if the whole interval lies on the expected side, *contradicted* if it lies wholly on the other,
        else *undecided*; `NOT_MEASURED` where there is no estimate."""
        if np.isnan(self.found.value):
            return NOT_MEASURED
        low, high = self.found.low - self.against, self.found.high - self.against
        if self.expected == "down":
            low, high = -high, -low
        return SUPPORTED if low > 0 else CONTRADICTED if high < 0 else UNDECIDED


def joint_verdicts_on_rows(tests: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """(…by, finding) → verdict of all its tests on a single checkpoint together: *supported* if all are, *contradicted*
    if one is, `NOT_MEASURED` if none is measured, else *undecided*. by: columns that tell apart what is tested."""

    def joint(parts: pd.Series) -> str:
        for verdict in (AT_CHANCE, CONTRADICTED):
            if (parts == verdict).any():
                return verdict
        for verdict in (SUPPORTED, NOT_MEASURED):
            if (parts == verdict).all():
                return verdict
        return UNDECIDED

    return tests.groupby([*by, "finding"], sort=False)["verdict"].agg(joint)

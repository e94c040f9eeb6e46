"""The findings, and what it takes to support or contradict one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.dynamics import EQUIVALENT
from companion.statistics import Estimate

FINDINGS = {
    "F1": "misleading captions and wrong reasoning starts lower accuracy",
    "F2": "the same perturbations lower the probability of the right option",
    "F3": "the damage is larger when only answers count that their reasoning agrees with",
    "F4": "closed models keep more robustness and more consistent reasoning, and say that text and picture disagree: "
    "the gap is one of training recipes",
    "F5": "RL raises accuracy while fewer answers agree with their own reasoning",
    "F6": "letter entropy falls in every recipe, also for prompt forms never trained on",
    "F7": "augmentation brings accuracy under wrong captions to about the clean level, does little under wrong "
    "reasoning starts, and does not stop the drift",
    "F8": "a reward for consistency restores the agreement of reasoning and answer",
    "F9": "both together: reasoning collapses, runs are unstable, robustness stays out of reach",
    "F10": "P(correct) under the clean prompt tells which items survive a perturbation, and better than low entropy",
    "F11": "some models are stubborn (right against their own false reasoning), others brittle (they follow it)",
    "F12": 'an added "I\'m not sure" does not help: accuracy under wrong captions and wrong reasoning falls further',
    "F13": "wrong reasoning starts hurt more than wrong captions, while right ones of either kind help",
    "F14": "seeds differ more than recipes",
}

ENOUGH_SEEDS = 5
"""A bootstrap over fewer seeds draws too few different samples for its interval to be trusted."""


@dataclass(frozen=True)
class Quantity:
    """One test of a finding. expected: "up" (above `against`), "down" (below it) or "same" (within ±`EQUIVALENT`)."""

    finding: str
    what: str
    expected: str
    found: Estimate
    against: float = 0.0

    @property
    def verdict(self) -> str:
        """supported, contradicted or undecided."""
        low, high = self.found.low - self.against, self.found.high - self.against
        if np.isnan(low):
            return "undecided"
        if self.expected == "same":
            inside = low >= -EQUIVALENT and high <= EQUIVALENT
            outside = high < -EQUIVALENT or low > EQUIVALENT
            return "supported" if inside else "contradicted" if outside else "undecided"
        if self.expected == "down":
            low, high = -high, -low
        return "supported" if low > 0 else "contradicted" if high < 0 else "undecided"


def verdicts(tests: pd.DataFrame, by: Sequence[str] = ("start",)) -> pd.Series:
    """(…by, finding) → verdict of all its quantities together. by: columns that tell apart what was tested."""

    def joint(parts: pd.Series) -> str:
        for verdict in ("too few seeds", "contradicted"):
            if (parts == verdict).any():
                return verdict
        return "supported" if (parts == "supported").all() else "undecided"

    return tests.groupby([*by, "finding"], sort=False)["verdict"].agg(joint)

"""The paper's findings as falsifiable tests: each a few quantities with the direction that the paper reports.

A quantity is *supported* if its whole 95 % interval lies where the finding says, *contradicted* if it lies wholly on
the other side, and else *undecided*. A finding is supported if all its quantities are, contradicted if one is. `runs`
asks GRPO runs, with the seed as the unit; `answers` asks the rows of single models, with the item as the unit, which
makes a verdict about that checkpoint alone; `gap` asks F4 of models
that were made for it, with the seed as the unit. What is shown holds for what was measured: on the microworld it is no
statement about large models.
"""

from companion.claims.answers import of_answers
from companion.claims.findings import ENOUGH_SEEDS, FINDINGS, Quantity, verdicts
from companion.claims.gap import DELIVERIES, answers_of, by_delivery, load_gap, measured, of_gap
from companion.claims.runs import consistency, dynamics, perturbations, table

__all__ = [
    "DELIVERIES", "ENOUGH_SEEDS", "FINDINGS", "Quantity", "answers_of", "by_delivery", "consistency", "dynamics",
    "load_gap", "measured", "of_answers", "of_gap", "perturbations", "table", "verdicts",
]  # fmt: skip

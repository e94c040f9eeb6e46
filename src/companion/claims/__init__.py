"""The paper's findings as falsifiable tests: each a few quantities with the direction that the paper reports.

`findings` holds what the paper says, and the rule by which a test and a finding are *supported*, *contradicted* or
*undecided*. `runs` asks GRPO runs, with the seed as the unit; `answers` asks the rows of single models, with the item
as the unit, which makes a verdict about that checkpoint alone; `gap` asks F4 of models that were made for it, with the
seed as the unit; `power` says what undecided tests could have told; `wording` puts tests and verdicts into words. What
is shown holds for what was measured: on the microworld it is no statement about large models.
"""

from companion.claims.answers import at_chance, of_answers
from companion.claims.findings import (
    AT_CHANCE,
    ENOUGH_SEEDS,
    FINDINGS,
    PAPER,
    RULE,
    SOURCES,
    TESTED,
    Quantity,
    verdicts,
)
from companion.claims.gap import DELIVERIES, answers_of, by_delivery, load_gap, measured, of_gap
from companion.claims.runs import consistency, dynamics, perturbations, table
from companion.claims.wording import delivered, listed, told

__all__ = [
    "AT_CHANCE", "DELIVERIES", "ENOUGH_SEEDS", "FINDINGS", "PAPER", "RULE", "SOURCES", "TESTED", "Quantity",
    "answers_of", "at_chance", "by_delivery", "consistency", "delivered", "dynamics", "listed", "load_gap", "measured",
    "of_answers", "of_gap", "perturbations", "table", "told", "verdicts",
]  # fmt: skip

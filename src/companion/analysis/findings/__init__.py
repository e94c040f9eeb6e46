"""The paper's findings as falsifiable tests: each a few quantities with the direction that the paper reports.

`statements` holds what the paper says, and the rule by which a test and a finding are *supported*, *contradicted* or
*undecided*. `of_runs` tests them on GRPO runs, with the seed as the unit; `of_rows` on the rows of single models, with
the item as the unit, which makes a verdict about that checkpoint alone; `recipe_gap` tests F4 on models that were made
for it, with the seed as the unit; `power` says what undecided tests could have detected; `wording` puts tests and
verdicts into words. What is shown holds for what was measured: on the microworld it is no statement about large
models.
"""

from companion.analysis.findings.of_rows import at_chance, of_answers
from companion.analysis.findings.of_runs import consistency, dynamics, perturbations, table
from companion.analysis.findings.recipe_gap import (
    DELIVERIES,
    answers_of,
    by_delivery,
    load_gap,
    measured,
    of_gap,
)
from companion.analysis.findings.statements import (
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
from companion.analysis.findings.wording import delivered, listed, told

__all__ = [
    "AT_CHANCE", "DELIVERIES", "ENOUGH_SEEDS", "FINDINGS", "PAPER", "RULE", "SOURCES", "TESTED", "Quantity",
    "answers_of", "at_chance", "by_delivery", "consistency", "delivered", "dynamics", "listed", "load_gap", "measured",
    "of_answers", "of_gap", "perturbations", "table", "told", "verdicts",
]  # fmt: skip

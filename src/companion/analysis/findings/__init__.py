"""The paper's findings as falsifiable tests: each a few quantities with the direction that the paper reports.

`definitions` holds what the paper says. `rule` turns estimates over seeds and items into verdicts, as docs/study.md
fixed it; `recipe_gap` tests F4 by it, on models that were made for that, and `study/` all other findings. `of_rows`
tests what a single model can show, with the item as the unit, which makes a verdict about that checkpoint alone.
`wording` puts tests and verdicts into words. What is shown holds for what was measured: on the microworld it is no
statement about large models.
"""

from companion.analysis.findings.definitions import (
    AT_CHANCE,
    FINDINGS,
    NOT_MEASURED,
    PAPER,
    SOURCES,
    Quantity,
    joint_verdicts_on_rows,
)
from companion.analysis.findings.of_rows import at_chance, deliveries, quantities_on_rows
from companion.analysis.findings.recipe_gap import (
    DELIVERIES,
    accuracy_gap,
    answers_of,
    by_delivery,
    load_gap,
    measured,
    verdicts_on_gap,
)
from companion.analysis.findings.rule import joint_verdicts
from companion.analysis.findings.wording import USER_TURN_TOLD, delivered, table_of_tests

__all__ = [
    "AT_CHANCE",
    "DELIVERIES",
    "FINDINGS",
    "NOT_MEASURED",
    "PAPER",
    "SOURCES",
    "USER_TURN_TOLD",
    "Quantity",
    "accuracy_gap",
    "answers_of",
    "at_chance",
    "by_delivery",
    "delivered",
    "deliveries",
    "joint_verdicts",
    "joint_verdicts_on_rows",
    "load_gap",
    "measured",
    "quantities_on_rows",
    "table_of_tests",
    "verdicts_on_gap",
]

"""What every figure about a model's rows says of them in its small print: what could not be read, how prefixes were
given, where a model reasoned though told not to, and how many items were left out."""

from __future__ import annotations

import pandas as pd

from companion.analysis import findings
from companion.measures import UNPARSABLE


def unread(rows: pd.DataFrame) -> str:
    """What every figure says of a run in which too many answers could not be read, else nothing."""
    share = rows["answer"].isna().mean()
    return f"\n{share:.0%} of the answers could not be read" if share > UNPARSABLE else ""


def about_prefixes(rows: pd.DataFrame) -> str:
    """What every figure says where reasoning prefixes stood in the user's turn, and where many responses reasoned under
    `stop-think`; else nothing."""
    told = f"\nreasoning prefixes: {findings.USER_TURN_TOLD}" if "user turn" in findings.deliveries(rows) else ""
    anyway = reasoned_anyway(rows[rows["perturbation"] == "stop-think"])
    many = len(anyway) and anyway.mean() > UNPARSABLE
    return told + (f"\nstop-think: {anyway.sum()} of {len(anyway)} responses reason all the same" if many else "")


def reasoned_anyway(rows: pd.DataFrame) -> pd.Series:
    """Of rows that were told not to reason, whether there is more reasoning than the words that told so."""
    inner = rows["prefill"].str.removeprefix("<think>").str.removesuffix("</think>").str.strip()
    return ~rows["think"].str.strip().isin(["", None]) & (rows["think"].str.strip() != inner)


def items_of(left: int, asked: int) -> str:
    """How many items rows are of: "5 items", or "4 of 5 items" where some were left out."""
    return f"{left} items" if left == asked else f"{left} of {asked} items"

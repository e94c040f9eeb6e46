"""What titles, small print and sentences say: names of perturbations and checkpoints, changes in points, and how many
seeds there are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from companion.analysis.findings.rule import ENOUGH_SEEDS

PHRASES = {
    "plain": "the plain prompt",
    "stop-think": "no reasoning",
    "right-think": "a right reasoning prefix",
    "right-caption": "a right caption",
    "wrong-think": "a wrong reasoning prefix",
    "wrong-caption": "a wrong caption",
    "blank-image": "a blank picture",
}
"""perturbation → what it is, in the middle of a sentence; others go by their names."""


def phrase(perturbation: str) -> str:
    """A perturbation in the middle of a sentence, "a wrong caption"."""
    return PHRASES.get(perturbation, perturbation)


def under(perturbation: str) -> str:
    """Where a perturbation is given: "under the plain prompt", "after a wrong reasoning prefix"."""
    if perturbation == "plain":
        return "under the plain prompt"
    return f"{'after' if perturbation in ('wrong-think', 'right-think') else 'with'} {phrase(perturbation)}"


def opening(words: str) -> str:
    """Words at the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def signed(points: float) -> str:
    """Percentage points as a change, without decimals: "−12", "+3", "0"."""
    return f"{points:+.0f}".replace("-", "−").replace("−0", "0").replace("+0", "0")


def effects(lines: dict[str, Any], of: str = " of accuracy") -> str:
    """What changes do, from their intervals: "A wrong caption costs 10 points of accuracy, a wrong prefix 56".

    lines: what it is that changes something → value, low and high, as shares. Where an interval holds zero it says so.
    """
    told: list[str] = []
    before = ""
    for what, line in lines.items():
        low, value, high = (100 * line[name] for name in ("low", "value", "high"))
        if low > 0 or high < 0:
            verb, size = "adds" if value > 0 else "costs", f"{abs(value):.0f}"
            told.append(f"{what} {size}" if verb == before else f"{what} {verb} {size} points{'' if told else of}")
        else:
            verb = ""
            told.append(f"{what} makes no clear difference ({signed(low)} to {signed(high)} points)")
        before = verb
    return opening(", ".join(told))


def enumeration(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def so_far(done: int, planned: int, unit: str) -> str:
    """What a title begins with until all planned runs are there; "" then."""
    return "" if done >= planned else f"{done} of {planned} {unit} so far. "


def seeds_so_far(table: pd.DataFrame) -> str:
    """The same of a table with the columns seeds and planned, whose lines may rest on different numbers of seeds; what
    is not planned is left out."""
    table = table[table["planned"] > 0]
    if table.empty:
        return ""
    low, high, planned = (int(end) for end in (table["seeds"].min(), table["seeds"].max(), table["planned"].max()))
    return "" if low >= planned else f"{low if low == high else f'{low} to {high}'} of {planned} seeds so far. "


def over_seeds(table: pd.DataFrame) -> str:
    """What the intervals of a table with the column seeds are over."""
    fewest, most = table["seeds"].min(), table["seeds"].max()
    if most == 1:
        return "items; one seed so far"
    return "seeds and items" + ("; where there is one seed, over items" if fewest == 1 else "")


def clearly(table: pd.DataFrame) -> str:
    """The word, with a blank, where all lines of a table with the column seeds rest on enough of them for a verdict;
    else nothing."""
    return "clearly " if table["seeds"].min() >= ENOUGH_SEEDS else ""


def initial_label(initial: str) -> str:
    """An initial checkpoint of the study as figures name it, in two lines: its name, and what it was shown."""
    share, _, kind = initial.removeprefix("misread-").partition("-")
    much = "no" if share == "0" else f"{share} %"
    return f"{initial}\n{much} misread reasoning before RL{f', {kind}' if kind else ''}"


def perturbation_label(perturbation: str) -> str:
    """A perturbation as figures name it."""
    return "plain prompt" if perturbation == "plain" else perturbation

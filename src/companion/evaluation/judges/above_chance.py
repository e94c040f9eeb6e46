"""What labelled pairs have shown of a judge, remembered, so that it is told with the judge's verdicts on rows.

`companion judge PAIRS` writes it, `companion judge ROWS` looks it up by the judge's identity: another model,
instruction or version of the rules is another judge. That of the judges which ship with this package is shipped, as
`above_chance.csv`. Left out: judges without labelled pairs (`JudgeEntry.pairs`).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from companion.evaluation.judges.judge_registry import JUDGES
from companion.evaluation.judges.verdicts import Judge
from companion.locks import atomic_write, locked

FILE = "above_chance.csv"

COLUMNS = ("judge", "name", "pairs", "n", "accuracy", "low", "high", "guessing")
"""judge: its identity. pairs: the name of their file. n: those with a verdict. accuracy, low, high: the share in which
the judge is right, in [0, 1], and its 95 % interval. guessing: the accuracy of that."""


def remember(folder: Path, judge: Judge, pairs: str, scores: pd.DataFrame, guessing: float) -> None:
    """Write down what a judge scored on pairs, in the place of what it scored on them before.

    folder: of `FILE`. pairs: the name of their file. scores: of `labelled_pairs.score`. guessing: of `chance`.
    """
    whole = scores.set_index("pairs").loc["all"]
    line = {
        "judge": judge.identity,
        "name": judge.name,
        "pairs": pairs,
        "n": int(whole["n"]),
        "accuracy": whole["accuracy"],
        "low": whole["low"],
        "high": whole["high"],
        "guessing": guessing,
    }
    with locked(folder):
        others = [one for one in _lines(folder) if (one["judge"], one["pairs"]) != (judge.identity, pairs)]
        with atomic_write(folder / FILE) as part:
            pd.DataFrame([*others, line], columns=list(COLUMNS)).to_csv(part, index=False, lineterminator="\n")


def caution(judge: Judge, folder: Path) -> str:
    """A sentence on verdicts of a judge that is not above chance on labelled pairs, or was never held against any; ""
    where neither is so. folder: of `remember`."""
    pairs = JUDGES[judge.name].pairs if judge.name in JUDGES else ""
    if not pairs:
        return ""
    lines = [*_lines(Path(__file__).parent), *_lines(folder)]  # the last on the same pairs counts
    known = {one["pairs"]: one for one in lines if one["judge"] == judge.identity}.values()
    if not known:
        return (
            f"the judge {judge.name} was never held against labelled pairs, so that nobody knows whether it can judge: "
            f"`companion judge results/labelled/{pairs}`, with the same options of the judge, tells"
        )
    above = [one["pairs"] for one in known if one["low"] > one["guessing"]]
    not_above = [
        f"in {one['accuracy']:.3f} (95 %: {one['low']:.3f} to {one['high']:.3f}) of {one['n']} labelled pairs "
        f"({one['pairs']}), where guessing is right in {one['guessing']:.3f}"
        for one in known
        if not one["low"] > one["guessing"]
    ]
    if not not_above:
        return ""
    where = f"can judge {' and '.join(above)}, but not all" if above else "cannot judge, and its verdicts tell nothing"
    return f"the judge {judge.name} {where}: it is right {'; '.join(not_above)}"


def _lines(folder: Path) -> list[dict]:
    file = folder / FILE
    return pd.read_csv(file).to_dict("records") if file.is_file() else []

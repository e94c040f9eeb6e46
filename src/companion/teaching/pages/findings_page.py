"""FINDINGS.md: what became of each of the paper's findings and of the study's hypotheses, written from tables.

Estimates and verdicts come from `study_tests.csv` (the study of docs/study.md) and `findings_gap.csv` (F4), the
notebooks of figures from the manifest. `make figures` without parameters rewrites the page, `companion findings` does
so alone, and `make report` writes one with a column for its model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.findings import (
    AT_CHANCE,
    FINDINGS,
    NOT_MEASURED,
    PAPER,
    SOURCES,
    USER_TURN_TOLD,
    joint_verdicts_on_rows,
)
from companion.analysis.findings.rule import (
    CONTRADICTED,
    ENOUGH_SEEDS,
    MISSING,
    MIXED,
    NO_MORE,
    SUPPORTED,
    TOO_FEW,
    UNDECIDED,
    joint_verdicts,
)
from companion.analysis.findings.wording import (
    UNITS,
    bound,
    expected,
    markdown_table,
    table_of_tests,
    value,
    verdict_told,
)
from companion.figures.phrases import initial_label
from companion.locks import atomic_write
from companion.study.planned_tests import HYPOTHESES
from companion.teaching.pages.beside_tests import told_beside
from companion.teaching.pages.findings_data import (
    COVERAGE,
    GAP,
    NAME,
    SINGLE,
    STUDY,
    Findings,
    incomplete,
    load,
    read_table,
)
from companion.teaching.pages.main_results import results

ORDER = (MISSING, TOO_FEW, CONTRADICTED, MIXED, UNDECIDED, NO_MORE, SUPPORTED)
"""Verdicts, from the one that a joint verdict hangs on first."""


def write(out: Path, figures: Path, report: Path | None = None) -> None:
    """Write the page. report: the folder of a report (`make report`), whose verdicts become a column."""
    run = None
    if report:
        run = read_table(report / "figures", SINGLE, f"make report MODEL=… BENCHMARK=… OUT={report}")
    way = Path(os.path.relpath(figures.resolve().parent, out.resolve().parent)).as_posix()
    out.parent.mkdir(parents=True, exist_ok=True)
    text = page(load(figures, run, "" if way == "." else f"{way}/"))
    with atomic_write(out) as part:
        part.write_text(text, encoding="utf-8")


def page(found: Findings) -> str:
    """The whole page."""
    return (
        "\n\n".join(
            [
                "# Findings",
                _written(found),
                f"## What was found{' so far' if incomplete(found) else ''}",
                results(found),
                _findings_table(found),
                _legend(found),
                "### The study's hypotheses",
                _hypotheses_table(found),
                "### How sure",
                _how_sure(found),
                "## What “undecided” means",
                *_undecided(found),
                "## Every test",
                *(part for name in (*HYPOTHESES, *FINDINGS) for part in _section(name, found)),
            ]
        )
        + "\n"
    )


def _written(found: Findings) -> str:
    """What wrote the page, and from which tables."""
    project = f"the tables in [`figures/`]({found.prefix}figures)"
    if found.run is None:
        return f"Written by `make figures` from {project}; no number is typed by hand."
    return (
        f"Written by `make report`, or by `companion findings --run`: *your run* from `{SINGLE}.csv` of the "
        f"report, all else from {project} of the project; no number is typed by hand."
    )


def weakest(tests: pd.DataFrame) -> pd.Series:
    """The test on which the joint verdict of some hangs: of those with that verdict, the least as expected.

    How far a test is on the expected side is counted in widths of its interval.
    """
    above = tests["value"] - tests["against"]
    room = above.where(tests["expected"] == "up", -above)
    room = room.where(tests["expected"] != "no more", tests["matters"] - above.abs())
    order = tests.assign(rank=tests["verdict"].map(ORDER.index), room=room / (tests["high"] - tests["low"]))
    return order.sort_values(["rank", "room"], kind="stable").iloc[0]


def _findings_table(found: Findings) -> str:
    heads = [
        "",
        "what of the paper is tested",
        *(initial_label(name).replace("\n", ": ") for name in found.initials),
    ]
    yours = []
    if found.run is not None:
        yours.append("your run" + (f"<br>(reasoning prefixes {USER_TURN_TOLD})" if _told(found.run) else ""))
    lines = []
    for name, statement in FINDINGS.items():
        tests = found.of(name)
        across = tests[tests["initial"] == ""]
        cells = [_cell(tests[tests["initial"] == initial]) for initial in found.initials]
        if len(across):
            cells = [_cell(across), *["as on the left" for _ in found.initials[1:]]]
        own = [] if found.run is None else [_yours(name, found.run)]
        lines.append([f"[{name}](#{name.lower()})", f"{statement} ({SOURCES[PAPER[name][1]]})", *cells, *own])
    return markdown_table([*heads, *yours], lines)


def _hypotheses_table(found: Findings) -> str:
    lines = [[f"[{name}](#{name.lower()})", statement, _cell(found.of(name))] for name, statement in HYPOTHESES.items()]
    return markdown_table(["", "hypothesis, written down before the first run", "verdict"], lines)


def _cell(tests: pd.DataFrame) -> str:
    """The verdict of some tests together, and the effect that it hangs on."""
    if tests.empty:
        return "not planned"
    joint = joint_verdicts(tests.assign(all="all"), ["all"]).iloc[0]
    if joint == MISSING:
        return _so_far(tests)
    hangs = weakest(tests)
    return (
        f"**{joint}** ({(tests['verdict'] == SUPPORTED).sum()} of {len(tests)} tests)<br>"
        f"{hangs['what']} {_effect(hangs)}"
    )


def _so_far(tests: pd.DataFrame) -> str:
    """How many runs those of some tests have that lack some, and the estimate so far of the one least as expected."""
    lacking = tests[tests["verdict"] == MISSING]
    there = lacking[lacking["value"].notna()]
    low, high = lacking["runs"].min(), lacking["runs"].max()
    done = f"{low if low == high else f'{low} to {high}'} of {lacking['planned'].max()} {_unit_of_runs(tests)}"
    if not tests["runs"].any():
        return f"not run yet ({done})"
    some = "" if len(lacking) == len(tests) else f" in {len(lacking)} of {len(tests)} tests"
    if there.empty:
        return f"no verdict yet: {done}{some}"
    hangs = weakest(there)
    return f"no verdict yet: {done}{some}<br>{hangs['what']} {value(hangs)} so far"


def _unit_of_runs(tests: pd.DataFrame) -> str:
    return "runs" if tests["of"].isin(["H1", "H4"]).all() else "seeds"


def _effect(test: pd.Series) -> str:
    """The estimate alone; its interval stands in the test's section."""
    factor, decimals = UNITS[test["unit"]]
    sign = "" if test["against"] else "+"
    return f"{round(factor * test['value'], decimals) + 0:{sign}.{decimals}f} {test['unit']}".replace("-", "−")


def _legend(found: Findings) -> str:
    yours = (
        f"`make report MODEL=… BENCHMARK=…` writes `reports/{NAME}` with a column for your run."
        if found.run is None
        else f"*Your run* is {', '.join(f'`{name}`' for name in found.run['model'].unique())}: one checkpoint, with "
        "the item as the unit, so that its verdicts are about that checkpoint alone."
        + _told(found.run)
        + _unmeasured(found.run)
        + _guessing(found.run)
    )
    until = " While runs are missing it has how many there are, and an estimate so far." if incomplete(found) else ""
    return (
        "A cell has the verdict, how many tests support it, and the effect of the test that decides, which may be "
        f"another in each column.{until} What the paper says stands below, with every test. The columns differ in the "
        "reasoning that the models were shown before RL, in a supervised continuation of `base`, one a seed: none of "
        "it misread the picture (`misread-0`), or 20 % did (`misread-20`). F4 is exploratory: it compares models that "
        "were made for it from `base`, on 300 questions, and one of them, `reference`, was trained on the very kinds "
        f"of text that the test adds. {yours}"
    )


def _told(run: pd.DataFrame) -> str:
    """A sentence on the reasoning prefixes of a report that stood in the user's turn, or nothing."""
    if "delivery" not in run or not run["delivery"].astype(str).str.contains("user turn").any():
        return ""
    return (
        f" Its reasoning prefixes were {USER_TURN_TOLD}: compare its verdicts on them with none of a model that was "
        "prefilled (`DELIVERY=prefill` prefills where the server can go on from a prefix)."
    )


def _unmeasured(run: pd.DataFrame) -> str:
    """A sentence on the tests of a report without an estimate, or nothing."""
    names = run.loc[run["verdict"] == NOT_MEASURED, "finding"].unique()
    if not len(names):
        return ""
    of_letters = [name for name in names if name in ("F2", "F10")]
    why = ""
    if of_letters:
        need = f"{' and '.join(of_letters)} {'need' if len(of_letters) > 1 else 'needs'}"
        why = f": {need} the probabilities of letters, which some servers do not tell"
    if "F10" in of_letters:  # an AUROC
        why += f", and {'F10 ' if len(of_letters) > 1 else ''}right as well as wrong answers"
    return f" Tests of {' and '.join(names)} are *{NOT_MEASURED}*{why}."


def _guessing(run: pd.DataFrame) -> str:
    """A sentence on the benchmarks of a report on which its model is not above chance, or nothing."""
    names = run.loc[run["verdict"] == AT_CHANCE, "benchmark"].unique()
    if not len(names):
        return ""
    return (
        f" On {' and '.join(f'`{name}`' for name in names)} its accuracy under the plain prompt is {AT_CHANCE}, so "
        "that it gets no verdicts there."
    )


def _yours(name: str, run: pd.DataFrame) -> str:
    joint = joint_verdicts_on_rows(run[run["finding"] == name], ["benchmark"])
    told = [
        f"{benchmark}: {verdict if verdict == NOT_MEASURED else f'**{verdict}**'}"
        for (benchmark, _), verdict in joint.items()
    ]
    return "<br>".join(told) or "not asked of one model"


def _how_sure(found: Findings) -> str:
    link, facts = found.prefix, found.manifest[STUDY]
    covered = read_table(found.figures, COVERAGE)["crossed"]
    notes = ", ".join(name for name, (_, source) in PAPER.items() if "N" in source)
    single = " With one seed recorded, they are over questions alone." if (found.tests["seeds"] == 1).any() else ""
    return "\n".join(
        [
            "* All of it is about the *microworld*: pictures of coloured shapes, and models of 1.65 million "
            "parameters. It shows what can happen and by what recipe, and says nothing about large models.",
            f"* {facts['runs']} of {facts['planned_runs']} RL runs are recorded, each asked {facts['items']:,} "
            "questions that nothing was chosen on. Arms, items, tests and the smallest effects that matter were fixed "
            "after a pilot of 35 runs and before the study's first run; what this left open, once the first runs were "
            f"recorded and before any verdict ([study.md]({link}docs/study.md), *Amendments*).",
            "* Intervals are over seeds and questions, both drawn at random; all seeds continue one supervised model."
            f"{single} In simulation 95 % intervals of means over {ENOUGH_SEEDS} seeds or more hold the truth in "
            f"{100 * covered.min():.0f} to {100 * covered.max():.0f} % ([coverage.csv]({link}figures/coverage.csv)).",
            "* A finding is *supported* if all its tests are. It is *contradicted* if at least one test is and none is "
            "supported, *mixed* if some are supported and some contradicted. p-values of contradictions are corrected "
            f"for the number of tests (Holm); those of supported single tests are not. There is no verdict before all "
            f"planned runs of a test are done, nor with fewer than {ENOUGH_SEEDS} seeds.",
            "* Tests overlap. Letters are nearly certain, so that F2 repeats F1. After a prefix that states a wrong "
            "option, reasoning hardly ever concludes the right one, before RL or after it: there *right and its "
            "reasoning says so* cannot change much (F3, H7).",
            "* No arm rewards the form alone, or at random: what the reward for right answers does is not told apart "
            "from what any RL would do.",
            f"* What the paper says is taken from its abstract or its authors' summary; {notes} are wholly or partly "
            "from reading notes, since the full text was not at hand.",
        ]
    )


def _undecided(found: Findings) -> Iterator[str]:
    """Why findings and hypotheses are undecided: their tests that are not supported, and what is open about each."""
    undecided = [place for place, verdict in found.joint.items() if verdict == UNDECIDED]
    tests = found.tests.set_index(["of", "initial"], drop=False).loc[lambda every: every.index.isin(undecided)]
    tests = tests[tests["verdict"] != SUPPORTED]
    yield (
        "*Undecided* is not *no effect*: not all tests of a finding are supported, and none is contradicted. These are "
        "the ones that are not supported."
    )
    if len(tests):
        lines = [
            [test.of, f"`{test.initial}`" if test.initial else "–", test.what, expected(test), value(test), _open(test)]
            for test in tests.itertuples()
        ]
        yield markdown_table(["", "initial checkpoint", "test", "expected", "found", "what that says"], lines)


def _open(test: Any) -> str:
    """What an interval leaves open about a test that is neither supported nor contradicted."""
    if test.verdict == NO_MORE:
        return f"an effect of {bound(test)} or more is excluded"
    factor, decimals = UNITS[test.unit]
    below, above = factor * (test.value - test.low), factor * (test.high - test.value)
    alike = abs(above - below) < 0.1 * (above + below)
    margin = f"±{(below + above) / 2:.{decimals}f}" if alike else f"−{below:.{decimals}f}, +{above:.{decimals}f}"
    if test.expected != "no more":
        matters = "" if np.isnan(test.matters) else f"; it would matter from {bound(test)}"
        return f"neither shown nor excluded, with a 95 % margin of {margin}{matters}"
    if abs(test.value - test.against) > test.matters:
        return f"probably more than {bound(test)}, not surely: the 95 % margin is {margin}"
    return f"not shown to lie within ±{bound(test)}: the 95 % margin is {margin}"


def _section(name: str, found: Findings) -> Iterator[str]:
    """Everything about one finding or hypothesis, paragraph by paragraph."""
    yield f"### {name}"
    if name in PAPER:
        says, source = PAPER[name]
        yield f"*The paper* ({SOURCES[source]}): {says}"
    else:
        yield HYPOTHESES[name]
    tests = found.of(name)
    lines = [
        [f"`{test.initial}`" if test.initial else "–", test.what, expected(test), *_found(test)]
        for test in tests.itertuples()
    ]
    head = ["initial checkpoint", "test", "expected", "found", "p", "seeds", "questions", "verdict"]
    yield markdown_table(head, lines)
    origin = GAP if name == "F4" else STUDY
    yield f"Numbers: [{origin}.csv]({found.prefix}figures/{origin}.csv). " + found.see(name, origin)
    yield from told_beside(name, found)
    if found.run is not None and name in set(found.run["finding"]):
        yield table_of_tests(found.run[found.run["finding"] == name], "benchmark")


def _found(test: Any) -> list[str]:
    """Estimate, p, seeds, questions and verdict of a test, in words."""
    unit = "runs" if test.of in ("H1", "H4") else "seeds"
    count = f"{test.runs} of {test.planned}" + (" runs" if unit == "runs" else "")
    if np.isnan(test.value):
        return ["–", "–", count, "–", "not run yet" if not test.runs else "no estimate yet"]
    verdict = "–" if test.verdict == MISSING else f"**{verdict_told(test)}**" + (", small" if test.small else "")
    found, p = value(test), "–" if np.isnan(test.p) or test.verdict == MISSING else _p_value(test.p)
    if not np.isnan(getattr(test, "value_judge", np.nan)):
        judged = test._replace(value=test.value_judge, low=test.low_judge, high=test.high_judge)
        found += f"<br>as the rule judge reads it: {value(judged)}"
    return [found, p, count, f"{test.items:,.0f}", verdict]


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"

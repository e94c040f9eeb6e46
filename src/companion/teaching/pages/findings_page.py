"""FINDINGS.md: what became of each of the paper's findings and of the study's hypotheses, written from tables.

Estimates and verdicts come from `study_tests.csv` (the study of docs/study.md) and `findings_gap.csv` (F4), the
notebooks of figures from the manifest. `make figures` without parameters rewrites the page, `companion findings` does
so alone, and `make report` writes one with a column for its model. The README's results are made here too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.findings import AT_CHANCE, FINDINGS, PAPER, SOURCES, verdicts
from companion.analysis.findings.rule import ENOUGH_SEEDS, MISSING, SUPPORTED, UNDECIDED, joint_verdicts
from companion.analysis.findings.wording import (
    UNITS,
    delivered,
    expected,
    markdown_table,
    table_of_tests,
    value,
)
from companion.errors import CompanionError
from companion.figures.theme import initial_label
from companion.intervals import points
from companion.study.planned_tests import HYPOTHESES

NAME = "FINDINGS.md"

STUDY, GAP, DELIVERY, COVERAGE = "study_tests", "findings_gap", "gap_delivery", "coverage"
"""Tables of the study's tests, of F4's, of what delivery alone does, and of what the intervals cover in simulation."""

FIRST_STUDY = ("findings_perturbed", "findings_consistency", "findings")
"""Tables of the first study's tests, whose verdicts stand beside the study's until it is complete."""

SINGLE = "your_model_claims"
"""The table of tests of one checkpoint, with the item as the unit: of `base`, or of the model of a report."""

FIGURES = {
    "F1": ("perturbation_drops", "remedies_accuracy"), "F2": ("confidence",), "F3": ("shrinking",), "F4": ("gap",),
    "F5": ("tradeoff", "three_shares"), "F6": ("sharpening",), "F7": ("remedies_accuracy",),
    "F8": ("remedies_agreement",), "F9": ("reasoning_length",), "F10": ("survival_auroc",), "F11": ("failure_types",),
    "F12": ("perturbation_drops",), "F13": ("perturbation_drops", "where_answers_go"), "F14": ("seeds_and_recipes",),
    "H1": ("dose_response",), "H2": ("tradeoff",), "H3": (), "H4": ("overrides",), "H5": (), "H6": (),
    "H7": ("tradeoff", "one_transcript"),
}  # fmt: skip
"""Finding or hypothesis → the figures that show it."""

ORDER = (MISSING, "too few seeds", "contradicted", "mixed", UNDECIDED, "no more than X", SUPPORTED)
"""Verdicts, from the one that a joint verdict hangs on first."""


@dataclass(frozen=True)
class Findings:
    """What the page is written from.

    tests: planned tests with their estimates and verdicts, those of F4 among them. first: (start, finding) → verdict
    of the first study. figures: the folder of tables and manifest. run: the tests of a report. prefix: from the page to
    the project.
    """

    figures: Path
    tests: pd.DataFrame
    first: pd.Series
    manifest: dict[str, Any]
    run: pd.DataFrame | None = None
    prefix: str = ""

    @property
    def initials(self) -> list[str]:
        """Initial checkpoints from which findings are tested, by themselves."""
        return [name for name in self.tests["initial"].unique() if name]

    @property
    def joint(self) -> pd.Series:
        """(of, initial) → verdict."""
        return joint_verdicts(self.tests, ["of", "initial"])

    def of(self, name: str) -> pd.DataFrame:
        """The tests of a finding or hypothesis."""
        return self.tests[self.tests["of"] == name]

    def see(self, name: str) -> str:
        """Links to the figures of a finding, and to their notebooks."""
        figures = [figure for figure in FIGURES[name] if figure in self.manifest]
        shown = [f"[{figure.replace('_', ' ')}]({self.prefix}figures/{figure}.png)" for figure in figures]
        return ", ".join([*shown, *dict.fromkeys(self.notebook(figure) for figure in figures)]) or "–"

    def notebook(self, entry: str) -> str:
        """A link to the notebook that made an entry of the manifest."""
        name = self.manifest[entry]["notebook"]
        return f"[notebook {name.partition('_')[0]}]({self.prefix}executed/{name}.ipynb)"


def load(figures: Path, run: pd.DataFrame | None = None, prefix: str = "") -> Findings:
    """Read tables and manifest. Raises CompanionError for one that is missing."""
    study = read_table(figures, STUDY).fillna({"initial": "", "prompt": ""})
    gap = read_table(figures, GAP).fillna({"delivery": ""}).rename(columns={"finding": "of"}).assign(initial="")
    told = gap["delivery"].map(lambda way: f" (prefix {delivered(way)})" if way else "")
    tests = pd.concat([study, gap.assign(what=gap["what"] + told)], ignore_index=True)
    tests = tests.sort_values("of", key=lambda names: names.map(_place), kind="stable")
    first = pd.concat([read_table(figures, name) for name in FIRST_STUDY], ignore_index=True)
    manifest = json.loads(_there(figures / "manifest.json").read_text("utf-8"))
    return Findings(figures, tests, verdicts(first), manifest, run, prefix)


def read_table(figures: Path, name: str, command: str = "make figures") -> pd.DataFrame:
    """A table of a folder of figures. Raises CompanionError, with the command that makes it, where it is missing."""
    return pd.read_csv(_there(figures / f"{name}.csv", command))


def write(out: Path, figures: Path, report: Path | None = None) -> None:
    """Write the page. report: the folder of a report (`make report`), whose verdicts become a column."""
    run = None
    if report:
        run = read_table(report / "figures", SINGLE, f"make report MODEL=… BENCHMARK=… OUT={report}")
    way = Path(os.path.relpath(figures.resolve().parent, out.resolve().parent)).as_posix()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(load(figures, run, "" if way == "." else f"{way}/")), encoding="utf-8")


def page(found: Findings) -> str:
    """The whole page."""
    link = found.prefix
    return "\n\n".join([
        "# Findings",
        f"Written by `make figures` from the tables in [`figures/`]({link}figures); no number is typed by hand.",
        f"## What was found{' so far' if _open(found) else ''}", results(found),
        _findings_table(found), _legend(found), "### The study's hypotheses", _hypotheses_table(found),
        "### How sure", _how_sure(found),
        "## What “undecided” means", *_undecided(found.tests),
        "## Every test", *(part for name in (*HYPOTHESES, *FINDINGS) for part in _section(name, found)),
    ]) + "\n"  # fmt: skip


def findings_summary(figures: Path) -> str:
    """The README's part: how sure the results are, and three of them."""
    found = load(figures)
    return f"{_status(found)}\n\n{results(found)}"


TRADEOFF = {
    ("right", "plain"): "right",
    ("contradicts", "plain"): "contradicts its reasoning",
    ("contradicts", "wrong-caption"): "… under a wrong caption",
    ("contradicts", "wrong-think"): "… after a wrong reasoning prefix",
}
"""Measure and prompt of a test of F5 → what the table of the trade-off calls the share of answers."""


def results(found: Findings) -> str:
    """Three results, in words that follow from their intervals."""
    clean, misread = found.initials
    tests = found.tests.set_index(["of", "initial", "measure", "contrast", "prompt"]).sort_index()

    def hurts(prompt: str) -> str:
        change = tests.loc[
            ("F1" if prompt.startswith("wrong") else "F13", clean, "right", f"{prompt} minus plain, `rl-correct`", "")
        ]
        return in_words(change, "raises accuracy", "lowers accuracy", "does not clearly change accuracy")

    def over_rl(initial: str, measure: str, prompt: str) -> str:
        change = tests.loc[("F5", initial, measure, "step 1,000 minus step 0 of `rl-correct`", prompt)]
        return in_words(change, "more", "fewer", "no clear change")

    table = markdown_table(
        ["share of answers, change over RL", "*clean*", "*misread*"],
        [[told, *(over_rl(initial, *place) for initial in (clean, misread))] for place, told in TRADEOFF.items()],
    )
    doses = found.of("F5").query("measure == 'contradicts'").set_index(["initial", "prompt"])
    further = all(
        doses.loc[(misread, prompt), "value"] > doses.loc[(clean, prompt), "value"]
        for prompt in ("plain", "wrong-caption", "wrong-think")
    )
    return "\n".join([
        f"1. **Misleading text.** For *clean* after RL, against the plain prompt: a wrong caption "
        f"{hurts('wrong-caption')}. Starting the model's reasoning with a false sentence, a *wrong reasoning prefix*, "
        f"{hurts('wrong-think')}. A right caption {hurts('right-caption')}, and a right prefix {hurts('right-think')}.",
        "2. **The trade-off.** Do more answers become right, and more contradict their own reasoning?",
        "",
        *(f"   {line}" for line in table.splitlines()),
        "",
        f"3. **What it depends on.** Under {'all three prompts' if further else 'not all of the three prompts'}, RL "
        "adds more contradictions from *misread* than from *clean*, with the same reward, questions and steps.",
    ])  # fmt: skip


def in_words(change: pd.Series, up: str, down: str, neither: str) -> str:
    """A change in words that follow from its interval, and its numbers. change: value, low, high, as shares of 1."""
    words = up if change["low"] > 0 else down if change["high"] < 0 else neither
    return f"{words} (**{points(change)}**)"


def weakest(tests: pd.DataFrame) -> pd.Series:
    """The test on which the joint verdict of some hangs: of those with that verdict, the least as expected.

    How far a test is on the expected side is counted in widths of its interval.
    """
    above = tests["value"] - tests["against"]
    room = above.where(tests["expected"] == "up", -above)
    room = room.where(tests["expected"] != "no more", tests["matters"] - above.abs())
    order = tests.assign(rank=tests["verdict"].map(ORDER.index), room=room / (tests["high"] - tests["low"]))
    return order.sort_values(["rank", "room"], kind="stable").iloc[0]


def _open(found: Findings) -> bool:
    return bool((found.tests["verdict"] == MISSING).any())


def _status(found: Findings) -> str:
    """How sure the results are."""
    facts = found.manifest[STUDY]
    shown = found.tests[found.tests["of"].isin(["F1", "F5", "H7"])]
    low, high = int(shown["seeds"].min()), int(shown["seeds"].max())
    seeds = f"{low}" if low == high else f"{low} to {high}"
    over = "questions alone" if high == 1 else "seeds and questions"
    running = (
        f"**Preliminary:** {facts['runs']} of {facts['planned_runs']} planned RL runs are done, and these results rest "
        f"on {seeds} of {shown['planned'].max()} training seeds."
        if _open(found)
        else f"These are means over {seeds} training seeds."
    )
    return (
        f"{running} Numbers are percentage points, in brackets 95 % intervals over {over}. The tests were fixed "
        f"before the [study](docs/study.md) began; [{NAME}]({NAME}) gives each result, and says which of the paper's "
        f"{len(FINDINGS)} findings are seen here. Small models show what can happen; they are no evidence about large "
        "ones."
    )


def _findings_table(found: Findings) -> str:
    heads = [
        "",
        "the paper says",
        *(f"{initial_label(name)}" for name in found.initials),
        "first study: `base`, `noisy`",
    ]
    yours = [] if found.run is None else ["your run"]
    lines = []
    for name, statement in FINDINGS.items():
        tests = found.of(name)
        across = tests[tests["initial"] == ""]
        cells = [_cell(tests[tests["initial"] == initial]) for initial in found.initials]
        if len(across):
            cells = [_cell(across), *["as on the left" for _ in found.initials[1:]]]
        old = ", ".join(str(found.first.get((start, name), "–")) for start in ("base", "noisy"))
        own = [] if found.run is None else [_yours(name, found.run)]
        lines.append([f"[{name}](#{name.lower()})", f"{statement} ({SOURCES[PAPER[name][1]]})", *cells, old, *own])
    return markdown_table([*heads, *yours], lines)


def _hypotheses_table(found: Findings) -> str:
    lines = [[f"[{name}](#{name.lower()})", statement, _cell(found.of(name))] for name, statement in HYPOTHESES.items()]
    return markdown_table(["", "hypothesis, written down before the first run", "verdict"], lines)


def _cell(tests: pd.DataFrame) -> str:
    """The verdict of some tests together, and the effect that it hangs on."""
    if tests.empty:
        return "not planned"
    joint = joint_verdicts(tests.assign(all="all"), ["all"]).iloc[0]
    count = f"{(tests['verdict'] == SUPPORTED).sum()} of {len(tests)} tests"
    if joint != MISSING:
        hangs = weakest(tests)
        return f"**{joint}** ({count})<br>{hangs['what']} {_effect(hangs)}"
    there = tests[tests["value"].notna()]
    runs = f"{tests['runs'].min()} of {tests['planned'].max()} {_unit_of_runs(tests)}"
    if there.empty:
        return f"not run yet ({runs})"
    hangs = weakest(there)
    return f"{runs}<br>{hangs['what']} {_effect(hangs)}"


def _unit_of_runs(tests: pd.DataFrame) -> str:
    return "runs" if tests["of"].isin(["H1", "H4"]).all() else "seeds"


def _effect(test: pd.Series) -> str:
    """The estimate alone; its interval stands in the test's section."""
    factor, decimals = UNITS[test["unit"]]
    sign = "" if test["against"] else "+"
    return f"{factor * test['value']:{sign}.{decimals}f} {test['unit']}".replace("-", "−")


def _legend(found: Findings) -> str:
    yours = (
        f"`make report MODEL=… BENCHMARK=…` writes `reports/{NAME}` with a column for your run."
        if found.run is None
        else f"*Your run* is {', '.join(f'`{name}`' for name in found.run['model'].unique())}: one checkpoint, with "
        "the item as the unit, so that its verdicts are about that checkpoint alone." + _guessing(found.run)
    )
    return (
        "A cell has the verdict, how many tests support it, and the effect that it hangs on. The columns differ in the "
        "reasoning that the model was shown before RL. *The first study* had 35 runs of 250 steps, and its items had "
        f"been looked at; its verdicts go when the study is complete. F4 tests the paper's inference only. {yours}"
    )


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
    joint = verdicts(run[run["finding"] == name], ["benchmark"])
    told = [f"{benchmark}: **{verdict}**" for (benchmark, _), verdict in joint.items()]
    return "<br>".join(told) or "not asked of one model"


def _how_sure(found: Findings) -> str:
    link, facts = found.prefix, found.manifest[STUDY]
    covered = read_table(found.figures, COVERAGE)["crossed"]
    notes = ", ".join(name for name, (_, source) in PAPER.items() if "N" in source)
    return "\n".join([
        "* All of it is about the *microworld*: pictures of coloured shapes, and models of 1.65 million parameters. It "
        "shows what can happen and by what recipe, and says nothing about large models.",
        f"* {facts['runs']} of {facts['planned_runs']} RL runs are recorded, each asked {facts['items']:,} questions "
        "that nothing was chosen on. Arms, items, tests and the smallest effects that matter were fixed before the "
        f"first run ([study.md]({link}docs/study.md)).",
        "* Intervals are over seeds and questions, both drawn at random. In simulation 95 % intervals hold the truth "
        f"in {100 * covered.min():.0f} to {100 * covered.max():.0f} % ([coverage.csv]({link}figures/coverage.csv)).",
        f"* *Supported* needs all tests of a finding; *contradicted* one, after Holm's correction, and none supported; "
        f"*mixed* both. With fewer than {ENOUGH_SEEDS} seeds there is no verdict.",
        f"* What the paper says is taken from its abstract or its authors' summary; {notes} are wholly or partly as "
        "quoted in reading notes, since the full text was not at hand.",
    ])  # fmt: skip


def _undecided(tests: pd.DataFrame) -> Iterator[str]:
    """What the undecided tests could have told."""
    undecided = tests[tests["verdict"] == UNDECIDED]
    yield (
        f"*Undecided* is not *no effect*. {len(undecided)} of {(tests['verdict'] != MISSING).sum()} tests that have "
        "their runs are undecided. Half the width of an interval is about the smallest effect that these seeds and "
        "questions could have detected."
    )
    if len(undecided):
        lines = [
            [test.of, test.what, value(test), _detectable(test), _matters(test)] for test in undecided.itertuples()
        ]
        yield markdown_table(["", "test", "found", "detectable effect", "would matter from"], lines)


def _detectable(test: Any) -> str:
    factor, decimals = UNITS[test.unit]
    return f"±{factor * (test.high - test.low) / 2:.{decimals}f} {test.unit}"


def _matters(test: Any) -> str:
    factor, decimals = UNITS[test.unit]
    return "none fixed" if np.isnan(test.matters) else f"{factor * test.matters:.{decimals}f} {test.unit}"


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
    head = ["initial checkpoint", "test", "expected", "found", "p", "seeds", "verdict"]
    yield markdown_table(head, lines)
    origin = GAP if name == "F4" else STUDY
    yield f"From [{origin}.csv]({found.prefix}figures/{origin}.csv), {found.notebook(origin)}; see {found.see(name)}."
    if name == "F4":
        yield _deliver(found.figures)
    if found.run is not None and name in set(found.run["finding"]):
        yield table_of_tests(found.run[found.run["finding"] == name], "benchmark")


def _found(test: Any) -> list[str]:
    """Estimate, p, seeds and verdict of a test, in words."""
    unit = "runs" if test.of in ("H1", "H4") else "seeds"
    count = f"{test.runs} of {test.planned}" + (" runs" if unit == "runs" else "")
    if np.isnan(test.value):
        return ["–", "–", count, "not run yet" if not test.runs else "no estimate yet"]
    verdict = "–" if test.verdict == MISSING else f"**{test.verdict}**" + (", small" if test.small else "")
    return [value(test), "–" if np.isnan(test.p) else _p_value(test.p), count, verdict]


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _deliver(figures: Path) -> str:
    """What delivery alone does."""
    moved = read_table(figures, DELIVERY).set_index(["recipe", "perturbation"]).loc[("accuracy", "wrong-think")]
    return (
        "**Before you compare a closed model with an open one:** give both the false reasoning prefix in the same way. "
        "Moved from the beginning of the model's own turn into the user's, the same words change the accuracy of the "
        f"same RL models by {points(moved)} points."
    )


def _place(name: str) -> tuple[int, int]:
    return name[0] != "H", int(name[1:])


def _there(file: Path, command: str = "make figures") -> Path:
    if not file.exists():
        raise CompanionError(f"{file} is missing; make it with `{command}`")
    return file

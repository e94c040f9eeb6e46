"""FINDINGS.md: what became of each of the paper's findings, on one page, written from the tables of the figures.

Verdicts and numbers come from the tables of tests (`TESTS`), the notebooks of figures from the manifest, statements
and the rule from `findings.statements`. `make figures` without parameters rewrites the page, `companion findings` does
so alone, and `make report` writes one with a column for its model. The README's part on findings is made here too.
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

from companion.analysis.findings import (
    AT_CHANCE,
    DELIVERIES,
    ENOUGH_SEEDS,
    FINDINGS,
    PAPER,
    RULE,
    SOURCES,
    TESTED,
    verdicts,
)
from companion.analysis.findings.power import (
    OPEN,
    SMALL,
    UNBOUNDED,
    detectable,
    kind_of_bound,
    needed,
    stretch,
    stretched,
)
from companion.analysis.findings.wording import delivered, expected, markdown_table, table_of_tests, value
from companion.analysis.training_runs import EQUIVALENT
from companion.errors import CompanionError
from companion.intervals import points

NAME = "FINDINGS.md"

TESTS = ("findings_perturbed", "findings_consistency", "findings_gap", "findings")
"""The tables of tests with the seed as the unit."""

SINGLE = "your_model_claims"
"""The table of tests of one checkpoint, with the item as the unit: of `base`, or of the model of a report."""

GLOSSARY = """Words. *Plain prompt*: nothing is added to the question. *Wrong start*: the first sentence of the \
reasoning is written for the model, and is false. *Change*: under a lie, against the plain prompt; over RL, since step \
0. *Consistency*: the share of answers that agree with their own reasoning. *P(correct)*: the probability of the right \
option's letter; *entropy*: how evenly the probability is spread over the letters. Recipes of RL: `accuracy` rewards \
right answers; `more-tasks` does so on one family of questions more; `augmented` does so with right and wrong captions \
and starts mixed into the prompts; `faithful` rewards right answers only where the reasoning leads to them; \
`augmented-faithful` is both; `grounded` rewards them only where the reasoning is true of the picture. `reference` had \
no RL: it was taught to contradict false captions and starts."""

FIGURES = {
    "F1": ("perturbation_drops", "remedies_accuracy"), "F2": ("confidence",), "F3": ("shrinking",), "F4": ("gap",),
    "F5": ("tradeoff_paths", "clean_and_noisy_start"), "F6": ("sharpening",), "F7": ("remedies_accuracy",),
    "F8": ("remedies_agreement",), "F9": ("reasoning_length",), "F10": ("survival_auroc",), "F11": ("failure_types",),
    "F12": ("perturbation_drops",), "F13": ("perturbation_drops", "where_answers_go"), "F14": ("seeds_and_recipes",),
}  # fmt: skip
"""Finding → the figures that show it."""

WORST_FIRST = ("too few seeds", "contradicted", "undecided", "supported")


@dataclass(frozen=True)
class Findings:
    """What the page is written from. tests: over seeds, in the order of the findings, `table` says where each stands.

    figures: the folder of tables and manifest. run: the tests of a report. prefix: from the page to the project.
    """

    figures: Path
    tests: pd.DataFrame
    manifest: dict[str, Any]
    run: pd.DataFrame | None = None
    prefix: str = ""

    @property
    def starts(self) -> list[str]:
        return sorted(self.tests["start"].unique())

    def of(self, name: str) -> pd.DataFrame:
        """The tests of a finding."""
        return self.tests[self.tests["finding"] == name]

    def see(self, name: str, most: int | None = None) -> str:
        """Links to the figures of a finding, the first so many, and to their notebooks."""
        figures = FIGURES[name][:most]
        shown = [f"[{figure.replace('_', ' ')}]({self.prefix}figures/{figure}.png)" for figure in figures]
        return ", ".join([*shown, *dict.fromkeys(self.notebook(figure) for figure in figures)])

    def verdict(self, name: str, start: str) -> str:
        """The joint verdict in RL from one model, and where only some of the recipes were run from there, which."""
        tests = self.of(name)
        own = tests[tests["start"] == start]
        if own.empty:
            return "not run"
        recipes, run = (set(part["what"].str.extract("^(`.*?`):")[0].dropna()) for part in (tests, own))
        only = f" for {' and '.join(sorted(run))} alone" if run < recipes else ""
        return f"**{verdicts(own).iloc[0]}**{only}"

    def notebook(self, entry: str) -> str:
        """A link to the notebook that made an entry of the manifest."""
        name = self.manifest[entry]["notebook"]
        return f"[notebook {name.partition('_')[0]}]({self.prefix}executed/{name}.ipynb)"


def load(figures: Path, run: pd.DataFrame | None = None, prefix: str = "") -> Findings:
    """Read tables and manifest. Raises CompanionError for one that is missing.

    Quantities that are told and not tested are left out. F4's models all come from `base`; which delivery a test is
    about is added to what it says.
    """
    tests = pd.concat([read_table(figures, name).assign(table=name) for name in TESTS], ignore_index=True)
    tests = tests[tests["expected"].notna()].copy()
    tests["what"] += (
        tests["delivery"].map({way: f" (start {delivered(way)})" for way in DELIVERIES.values()}).fillna("")
    )
    tests["start"] = tests["start"].fillna("base")
    tests = tests.sort_values("finding", key=lambda names: names.map(list(FINDINGS).index), kind="stable")
    return Findings(figures, tests, json.loads(_there(figures / "manifest.json").read_text("utf-8")), run, prefix)


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
        "# Findings", "Written by `make figures` from the tables in "
        f"[`figures/`]({link}figures); no number here is typed by hand.",
        f"**What was found.** {_what(found)}", _by_verdict(found), _how_sure(found),
        "**How to run it.** `make figures` makes everything on this page again, without a GPU, from the shipped "
        "checkpoints and records; `make report MODEL=… BENCHMARK=…` puts the same questions to a model of yours and "
        "writes this page with its verdicts beside ours; `make train` makes the models again "
        f"([README]({link}README.md)).",
        "## Finding by finding", _legend(found.run), GLOSSARY, _overview(found),
        "## The rule",
        f"{RULE} The rule stands in [statements.py]({link}src/companion/analysis/findings/statements.py) and "
        f"is older than the first run; when tests were written down is in the [log]({link}docs/LOG.md).",
        "## What “undecided” means", *_power(found.tests),
        "## Every test", *(part for name in FINDINGS for part in _section(name, found)),
    ]) + "\n"  # fmt: skip


def findings_summary(figures: Path) -> str:
    """The README's part: what was found, how sure it is, and one line a finding."""
    found = load(figures)
    lines = []
    for name, statement in FINDINGS.items():
        cells = [found.verdict(name, start) for start in found.starts]
        lines.append([f"[{name}]({NAME}#{name.lower()}): {statement}", *cells, found.see(name, 1)])
    return "\n\n".join([
        f"**What was found.** {_what(found)}",
        f"{_how_sure(found)}\n* A finding is *supported* if all of its tests are, and *contradicted* if one is: in "
        f"these models, not in the paper's. *Undecided* is not *no effect*. **[{NAME}]({NAME})** has every test with "
        "its interval, and the rule.",
        f"What the paper says is taken from its abstract or its authors' summary; {_from_notes()} it is as quoted in "
        "reading notes, since the full text was not at hand.",
        markdown_table(["the paper says", *(f"RL from `{start}`" for start in found.starts), "see"], lines),
        _deliver(figures),
    ])  # fmt: skip


def weakest(tests: pd.DataFrame) -> pd.Series:
    """The test on which the joint verdict of some hangs: of those with that verdict, the least on the paper's side.

    How far a test is on that side is counted in widths of its interval.
    """
    above = tests["value"] - tests["against"]
    room = above.where(tests["expected"] == "up", -above).where(tests["expected"] != "same", EQUIVALENT - above.abs())
    order = tests.assign(rank=tests["verdict"].map(WORST_FIRST.index), room=room / (tests["high"] - tests["low"]))
    return order.sort_values(["rank", "room"], kind="stable").iloc[0]


def _what(found: Findings) -> str:
    joint = verdicts(found.tests)
    f1 = found.of("F1")
    change = f1[f1["start"] == "base"].set_index("what")
    lies = ("wrong-caption", "wrong-think")
    caption, start = (value(change.loc[f"{lie}: change of accuracy"]) for lie in lies)
    before = read_table(found.figures, "remedies_accuracy").set_index(["recipe", "perturbation", "measure"])
    was = " and ".join(points(before.loc[("before RL", lie, "change")]) for lie in lies)
    own = joint["base"]
    kinds = [kind for kind in WORST_FIRST[::-1] if kind in set(own)]
    counted = ", ".join(f"{(own == kind).sum()} {kind} ({', '.join(own.index[own == kind])})" for kind in kinds)
    both = [name for name in FINDINGS if all(joint.get((start, name)) == "supported" for start in found.starts)]
    return (
        "After RL that rewards right answers alone, one false caption changes the accuracy of a small vision-language "
        f"model by {caption}, and one false sentence at the start of its own reasoning by {start} (before RL: by {was} "
        f"on the same questions). Of the paper's {len(FINDINGS)} findings, in models that RL made from `base`: "
        f"{counted}. Supported in those made from `noisy` as well: "
        f"{'; '.join(f'{FINDINGS[name]} ({name})' for name in both) or 'none'}."
    )


def _how_sure(found: Findings) -> str:
    runs, factor = found.manifest["findings"], stretch()
    f6 = found.of("F6")
    trained = " and ".join(f6[f6["start"] == "noisy"]["what"].str.extract("(`.*?`)")[0].unique())
    return "\n".join([
        "**How sure.**\n",
        "* All of it is about the *microworld*, pictures of coloured shapes and small models of this project's making: "
        "it shows what can happen and by what recipe, and is no statement about large models.",
        f"* {found.tests['seeds'].min()} training seeds a recipe ({runs['runs']} RL runs, up to {runs['items']} "
        "questions each); 95 % intervals over seeds and questions. Intervals from so few seeds are too narrow, by a "
        f"factor of at most {factor:.1f}; widened that much, {_changed(found.tests, factor)}.",
        "* RL began from two models: `base` learned from reasoning that was always true, `noisy` from reasoning of "
        f"which a fifth misread the picture. From `noisy` only {trained} was trained; what needs other "
        "recipes is *not run* there.",
    ])  # fmt: skip


def _changed(tests: pd.DataFrame, factor: float) -> str:
    """Which findings would have which verdict if intervals were stretched."""
    now, then = verdicts(tests), verdicts(stretched(tests, factor))
    told = [f"{name} from `{start}` would be {then[start, name]}" for start, name in now.index[now != then]]
    return " and ".join([*told, f"every {'other ' if told else ''}finding would keep its verdict"])


def _by_verdict(found: Findings) -> str:
    """A line for each start: which findings have which verdict."""
    joint = verdicts(found.tests)
    kinds = [kind for kind in WORST_FIRST[::-1] if kind in set(joint)]
    lines = []
    for start in found.starts:
        own = joint[start]
        cells = [", ".join(f"[{name}](#{name.lower()})" for name in own.index[own == kind]) or "none" for kind in kinds]
        lines.append([f"RL from `{start}`", *cells])
    return markdown_table(["in the microworld", *kinds], lines)


def _legend(run: pd.DataFrame | None) -> str:
    yours = (
        f"`make report MODEL=… BENCHMARK=…` writes `reports/{NAME}` with a column for your run."
        if run is None
        else f"*Your run* is {', '.join(f'`{name}`' for name in run['model'].unique())}: one checkpoint, with the item "
        "as the unit, so that its verdicts are about that checkpoint alone." + _guessing(run)
    )
    return (
        "Each cell has the verdict, how many of its tests are supported, and the deciding test that is least on the "
        f"paper's side. {yours}"
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


def _overview(found: Findings) -> str:
    lines = []
    for name, statement in FINDINGS.items():
        tests = found.of(name)
        cells = [_cell(name, start, found) for start in found.starts]
        said = f"{statement} ({SOURCES[PAPER[name][1]]})"
        yours = [] if found.run is None else [_yours(name, found.run)]
        lines.append([
            f"[{name}](#{name.lower()})", said, *cells, str(tests["seeds"].min()), *yours, found.see(name),
        ])  # fmt: skip
    starts = [f"RL from `{start}`" for start in found.starts]
    yours = [] if found.run is None else ["your run"]
    return markdown_table(["", "the paper says (how sure it is that it does)", *starts, "seeds", *yours, "see"], lines)


def _cell(name: str, start: str, found: Findings) -> str:
    tests = found.of(name)
    tests = tests[tests["start"] == start]
    verdict = found.verdict(name, start)
    if tests.empty:
        return verdict
    hangs = weakest(tests)
    count = f"{(tests['verdict'] == 'supported').sum()} of {len(tests)}"
    ways = f"<br>{_deliveries(tests)}" if name == "F4" else ""
    return f"{verdict} ({count}){ways}<br>{hangs.what} {value(hangs)}; the paper: {expected(hangs)}"


def _yours(name: str, run: pd.DataFrame) -> str:
    joint = verdicts(run[run["finding"] == name], ["benchmark"])
    told = [f"{benchmark}: **{verdict}**" for (benchmark, _), verdict in joint.items()]
    return "<br>".join(told) or "not asked of one model"


def _section(name: str, found: Findings) -> Iterator[str]:
    """Everything about one finding, paragraph by paragraph."""
    says, source = PAPER[name]
    tests = found.of(name)
    yield f"### {name}"
    yield f"*The paper* ({SOURCES[source]}): {says}"
    yield f"*The test*: {TESTED[name]}"
    yield table_of_tests(tests, "start")
    origin = [
        f"[{made}.csv]({found.prefix}figures/{made}.csv) ({found.notebook(made)})" for made in tests["table"].unique()
    ]
    yield f"From {', '.join(origin)}; see {found.see(name)}."
    outside = tests[(tests["value"] < tests["low"]) | (tests["value"] > tests["high"])]
    if len(outside):
        yield (
            f"A value outside its own interval ({'; '.join(map(value, outside.itertuples()))}) is no slip: spreads of "
            "a few means grow when items are drawn anew, so that the interval of a ratio of spreads leans to one side. "
            "The test is as it was written down."
        )
    if name == "F4":
        yield f"By delivery: {_deliveries(tests)}."
        yield _deliver(found.figures)
    one = read_table(found.figures, SINGLE)
    one = one[one["finding"] == name]
    if len(one):
        told = "; ".join(f"{test.what} {value(test)}" for test in one.itertuples())
        model = one["model"].iloc[0]
        yield f"*One checkpoint before RL* (`{model}`, the item as the unit: an observation): {told}."
    if found.run is not None and name in set(found.run["finding"]):
        yield table_of_tests(found.run[found.run["finding"] == name], "benchmark")


def _power(tests: pd.DataFrame) -> Iterator[str]:
    """What the undecided tests could have told, and how far intervals and verdicts are to be trusted."""
    undecided = tests[tests["verdict"] == "undecided"]
    lines = [
        [test.finding, f"`{test.start}`", test.what, value(test), detectable(test), kind_of_bound(test)]
        for test in undecided.itertuples()
    ]
    count = {kind: sum(line[-1] == kind for line in lines) for kind in (SMALL, OPEN, UNBOUNDED)}
    yield (
        f"*Undecided* is not *no effect*. {len(undecided)} of {len(tests)} tests are undecided. Half the width of an "
        "interval is about the smallest distance from the value tested against that these seeds and items could have "
        "told from none; it stands under *could have told*. *Small*: the whole interval lies within "
        f"±{100 * EQUIVALENT:g} points, so whatever it is, it is no more ({count[SMALL]} tests). *Open*: it may well "
        f"be larger; more seeds or items are needed to tell ({count[OPEN]}). That bound is for tests in points; for "
        f"the other {count[UNBOUNDED]} none was fixed."
    )
    yield markdown_table(["", "RL from", "test", "found", "could have told", "so it is"], lines)
    factor = stretch()
    decided = tests["verdict"].isin(["supported", "contradicted"])
    lost = decided & (stretched(tests, factor)["verdict"] == "undecided")
    yield (
        f"Two cautions. Intervals from {ENOUGH_SEEDS} seeds are too narrow: if all variation is between seeds and none "
        f"between items, 95 % intervals hold the truth in {100 * np.mean(needed(ENOUGH_SEEDS) <= 1):.0f} % of "
        f"simulated cases, and widened by {factor:.1f} in 95 %. So widened, {lost.sum()} of the {decided.sum()} "
        f"decided tests would be undecided, and {_changed(tests, factor)}. And {len(tests)} tests are many: were "
        f"every effect nil, at least {0.05 * len(tests):.0f} of them or so would come out decided by chance alone; no "
        "correction is made for that."
    )


def _deliveries(tests: pd.DataFrame) -> str:
    """F4's verdict for each way of giving a start."""
    joint = verdicts(tests, ["delivery"])
    return ", ".join(f"start {delivered(way)} **{joint[way, 'F4']}**" for way in DELIVERIES.values())


def _from_notes() -> str:
    """Which of the paper's findings are known from notes alone, and which in part."""
    told = {kind: [name for name, (_, source) in PAPER.items() if source == kind] for kind in ("N", "A/N")}
    return f"for {', '.join(told['N'])}, and for parts of {' and '.join(told['A/N'])},"


def _deliver(figures: Path) -> str:
    """What delivery alone does."""
    moved = read_table(figures, "gap_delivery").set_index(["recipe", "perturbation"]).loc[("accuracy", "wrong-think")]
    return (
        "**Before you compare a closed model with an open one:** give both the false start of the reasoning in the "
        "same way. Moved from the beginning of the model's own turn into the user's, the same words change the "
        f"accuracy of the same RL models by {points(moved)} points (F4)."
    )


def _there(file: Path, command: str = "make figures") -> Path:
    if not file.exists():
        raise CompanionError(f"{file} is missing; make it with `{command}`")
    return file

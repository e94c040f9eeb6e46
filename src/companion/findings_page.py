"""FINDINGS.md: what became of each of the paper's findings, on one page, written from the tables of the figures.

Verdicts and numbers come from the tables of tests (`TESTS`), claims and notebooks of figures from the manifest, rule
and statements from `claims.findings`. `make figures` without parameters rewrites the page, `companion findings` does so
alone, and `make report` writes another one with a column for its model. The README's table of findings is made here too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.claims import DELIVERIES, ENOUGH_SEEDS, FINDINGS, PAPER, RULE, SOURCES, verdicts
from companion.dynamics import EQUIVALENT
from companion.errors import CompanionError
from companion.statistics import resample

NAME = "FINDINGS.md"

TESTS = ("findings_perturbed", "findings_consistency", "findings_gap", "findings")
"""The tables of tests with the seed as the unit."""

SINGLE = "your_model_claims"
"""The table of tests of one checkpoint, with the item as the unit: of `base`, or of the model of a report."""

FIGURES = {
    "F1": ("perturbation_drops", "remedies_accuracy"), "F2": ("confidence",), "F3": ("shrinking",), "F4": ("gap",),
    "F5": ("tradeoff_paths", "clean_and_noisy_start"), "F6": ("sharpening",), "F7": ("remedies_accuracy",),
    "F8": ("remedies_agreement",), "F9": ("reasoning_length",), "F10": ("survival_auroc",), "F11": ("failure_types",),
    "F12": ("perturbation_drops",), "F13": ("perturbation_drops", "where_answers_go"), "F14": ("seeds_and_recipes",),
}  # fmt: skip
"""Finding → the figures that show it."""

UNITS = {"points": (100, 1), "points of entropy": (100, 2), "AUROC": (1, 2), "words": (1, 2), "times": (1, 2)}
"""Unit of a test → the factor by which its value is shown, and decimals."""

WEAKEST_FIRST = ("too few seeds", "contradicted", "undecided", "supported")


def load(figures: Path) -> pd.DataFrame:
    """All tests of the findings over seeds, in the order of the findings; `table` says where each stands.

    Quantities that are told and not tested are left out. F4's models all come from `base`; which delivery a test is
    about is added to what it says.
    """
    tests = pd.concat([read_table(figures, name).assign(table=name) for name in TESTS], ignore_index=True)
    tests = tests[tests["expected"].notna()].copy()
    given = tests["delivery"].map({way: _delivery(way) for way in DELIVERIES.values()})
    tests["what"] = tests["what"].where(given.isna(), tests["what"] + " (" + given + ")")
    tests["start"] = tests["start"].fillna("base")
    return tests.sort_values("finding", key=lambda names: names.map(list(FINDINGS).index), kind="stable")


def read_table(figures: Path, name: str, command: str = "make figures") -> pd.DataFrame:
    """A table of the figures. Raises CompanionError, with the command that makes it, where it is missing."""
    file = figures / f"{name}.csv"
    if not file.exists():
        raise CompanionError(f"{file} is missing; make it with `{command}`")
    return pd.read_csv(file)


def weakest(tests: pd.DataFrame) -> pd.Series:
    """The test on which the joint verdict of some hangs: of those with that verdict, the least on the paper's side.

    How far a test is on that side is counted in widths of its interval.
    """
    above = tests["value"] - tests["against"]
    room = above.where(tests["expected"] == "up", -above).where(tests["expected"] != "same", EQUIVALENT - above.abs())
    order = tests.assign(rank=tests["verdict"].map(WEAKEST_FIRST.index), room=room / (tests["high"] - tests["low"]))
    return order.sort_values(["rank", "room"], kind="stable").iloc[0]


def found(test: Any) -> str:
    """A test's value and interval in its unit: "−7.2 [−9.7, −4.7] points"; differences have a sign."""
    factor, decimals = UNITS[test.unit]
    sign = "" if test.against else "+"
    value, low, high = (f"{factor * x:{sign}.{decimals}f}" for x in (test.value, test.low, test.high))
    return f"{value} [{low}, {high}] {test.unit}".replace("-", "−")


def expected(test: Any) -> str:
    """Where the paper has a test's value: "below 0", "above 0.5", "within ±3 points"."""
    if test.expected == "same":
        return f"within ±{100 * EQUIVALENT:g} points"
    return f"{'above' if test.expected == 'up' else 'below'} {test.against:g}"


def summary(tests: pd.DataFrame, page: str = "") -> str:
    """A table: RL from each start, and the findings by verdict. page: the file that the links lead to."""
    joint = verdicts(tests)
    names = [name for name in WEAKEST_FIRST[::-1] if name in set(joint)]
    lines = []
    for start in sorted(tests["start"].unique()):
        by_verdict = {name: [f for f in joint[start].index if joint[start, f] == name] for name in names}
        cells = [", ".join(f"[{f}]({page}#{f.lower()})" for f in by_verdict[name]) or "none" for name in names]
        lines.append([f"RL from `{start}`", *cells])
    return table(["in the microworld", *names], lines)


def short(figures: Path) -> str:
    """The README's part: one line a finding, with what is said, its verdict from each start, and where to see it."""
    tests, manifest = load(figures), _manifest(figures)
    joint, starts = verdicts(tests), sorted(tests["start"].unique())
    lines = []
    for name, statement in FINDINGS.items():
        cells = [f"**{joint[start, name]}**" if (start, name) in joint else "not run" for start in starts]
        lines.append([f"[{name}](FINDINGS.md#{name.lower()}): {statement}", *cells, _pictures(name, manifest, "")])
    head = ["the paper says", *(f"RL from `{start}`" for start in starts), "see"]
    return "\n\n".join([_what(tests), table(head, lines), _how_sure(tests, manifest)])


def write(out: Path, figures: Path, report: Path | None = None) -> None:
    """Write the page. report: the folder of a report (`make report`), whose verdicts become a column."""
    run = None
    if report:
        run = read_table(report / "figures", SINGLE, f"make report MODEL=… BENCHMARK=… OUT={report}")
    out.write_text(page(figures, run, _prefix(out, figures)), encoding="utf-8")


def page(figures: Path, run: pd.DataFrame | None = None, prefix: str = "") -> str:
    """The whole page. run: the table of tests of a report. prefix: from the page to the project's folder."""
    tests, manifest = load(figures), _manifest(figures)
    checkpoint = read_table(figures, SINGLE)
    parts = [
        "# What was found", "Written by `make figures` from the tables in "
        f"[`figures/`]({prefix}figures); nothing here is typed by hand.",
        f"**What was found.** {_what(tests)}", summary(tests), f"**How sure.** {_how_sure(tests, manifest)}",
        f"**How to run it.** {_how_to_run(prefix)}", "## Finding by finding", _legend(run),
        _overview(tests, run, manifest, prefix), "## The rule", f"{RULE} The rule stands in "
        f"[`claims/findings.py`]({prefix}src/companion/claims/findings.py) and was there before the numbers; when each "
        f"test was written down is in the [log]({prefix}docs/LOG.md).", "## What “undecided” means", _power(tests),
        "## Every test", *(_section(name, tests, checkpoint, run, manifest, prefix) for name in FINDINGS),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _what(tests: pd.DataFrame) -> str:
    def change(lie: str) -> str:
        f1 = tests[(tests["finding"] == "F1") & (tests["start"] == "base")].set_index("what")
        return found(f1.loc[f"{lie}: change of accuracy"])

    joint = verdicts(tests)
    both = [
        name for name in FINDINGS
        if all(joint.get((start, name)) == "supported" for start in sorted(tests["start"].unique()))
    ]  # fmt: skip
    kinds = joint["base"].value_counts()
    counted = ", ".join(f"{kinds[name]} {name}" for name in WEAKEST_FIRST[::-1] if name in kinds)
    return (
        "After RL for right answers, one false caption changes the accuracy of a small vision-language model by "
        f"{change('wrong-caption')}, and one false sentence at the start of its own reasoning by "
        f"{change('wrong-think')}. Of the paper's {len(FINDINGS)} findings, {counted} for models that RL made from "
        f"`base`; from both starts {', '.join(both) or 'none'} are supported."
    )


def _how_sure(tests: pd.DataFrame, manifest: dict[str, Any]) -> str:
    entry = manifest["findings"]
    return (
        f"Each verdict rests on {tests['seeds'].min()} training seeds a recipe ({entry['runs']} RL runs, up to "
        f"{entry['items']} items each), and every interval is a 95 % one over seeds and items. All of it is about the "
        "*microworld*, pictures of coloured shapes and models of this project's making: it shows what can happen and by "
        "what recipe, and is no statement about large models. `base` learned from reasoning that was always true, "
        "`noisy` from reasoning of which a fifth misread the picture."
    )


def _how_to_run(prefix: str) -> str:
    return (
        "`make figures` makes everything on this page again, without a GPU, from the shipped checkpoints and records; "
        "`make report MODEL=… BENCHMARK=…` puts the same questions to a model of yours and writes this page with its "
        f"verdicts beside ours; `make train` makes the models again ([README]({prefix}README.md))."
    )


def _legend(run: pd.DataFrame | None) -> str:
    yours = (
        "*Your run* is empty until there is one: `make report MODEL=… BENCHMARK=…` writes this page, with it, into its "
        "folder."
        if run is None
        else f"*Your run* is {', '.join(f'`{name}`' for name in _models(run))}: one checkpoint, with the item as the "
        "unit, so its verdicts are about that checkpoint alone."
    )
    return (
        "Each cell shows the verdict, how many of its tests are supported, and the test on which the verdict hangs: of "
        f"those that decide it, the one least on the paper's side. All tests stand further down. {yours}"
    )


def _overview(tests: pd.DataFrame, run: pd.DataFrame | None, manifest: dict[str, Any], prefix: str) -> str:
    starts = sorted(tests["start"].unique())
    lines = []
    for name, statement in FINDINGS.items():
        part = tests[tests["finding"] == name]
        cells = [_cell(part[part["start"] == start]) for start in starts]
        said = f"{statement} ({SOURCES[PAPER[name][1]]})"
        yours = "not run" if run is None else _yours(name, run)
        pictures = _pictures(name, manifest, prefix)
        lines.append([f"[{name}](#{name.lower()})", said, *cells, str(part["seeds"].min()), yours, pictures])
    head = ["", "the paper says (how sure)", *(f"RL from `{start}`" for start in starts), "seeds", "your run", "see"]
    return table(head, lines)


def _cell(tests: pd.DataFrame) -> str:
    if tests.empty:
        return "not run"
    hangs = weakest(tests)
    count = f"{(tests['verdict'] == 'supported').sum()} of {len(tests)}"
    return f"**{verdicts(tests).iloc[0]}** ({count})<br>{hangs.what}: {found(hangs)}, expected {expected(hangs)}"


def _yours(name: str, run: pd.DataFrame) -> str:
    joint = verdicts(run[run["finding"] == name], ["benchmark", "model"])
    return "<br>".join(f"{benchmark}: **{verdict}**" for (benchmark, _, _), verdict in joint.items()) or "not asked"


def _section(
    name: str, tests: pd.DataFrame, checkpoint: pd.DataFrame, run: pd.DataFrame | None, manifest: dict[str, Any],
    prefix: str,
) -> str:  # fmt: skip
    says, source = PAPER[name]
    part = tests[tests["finding"] == name]
    lines = [
        [f"`{test.start}`", test.what, expected(test), found(test), str(test.seeds), f"**{test.verdict}**"]
        for test in part.itertuples()
    ]
    where = ", ".join(
        f"[{made}]({prefix}figures/{made}.csv), {_notebook(manifest[made]['notebook'], prefix)}"
        for made in part["table"].unique()
    )
    parts = [
        f"### {name}", f"The paper: {says} ({SOURCES[source]}.) See {_pictures(name, manifest, prefix)}.",
        table(["RL from", "test", "the paper has it", "found", "seeds", "verdict"], lines),
        f"All of it in {where}.",
    ]  # fmt: skip
    if name == "F4":
        parts.append(_deliveries(part))
    one = checkpoint[checkpoint["finding"] == name]
    if len(one):
        told = "; ".join(f"{test.what} {found(test)}" for test in one.itertuples())
        parts.append(
            f"*One checkpoint before RL* (`{one['model'].iloc[0]}`, the item as the unit: an observation): {told}."
        )
    own = [] if run is None else [
        [test.benchmark, test.what, expected(test), found(test), str(test.n), f"**{test.verdict}**"]
        for test in run[run["finding"] == name].itertuples()
    ]  # fmt: skip
    if own:
        head = ["your run on", "test", "the paper has it", "found", "items", "verdict"]
        parts.append(table(head, own))
    parts.append(f"*What would change the verdict.* {' '.join(_change(part))}")
    return "\n\n".join(parts)


def _deliveries(tests: pd.DataFrame) -> str:
    joint = [
        f"{_delivery(way)} **{verdicts(tests[tests['what'].str.endswith(f'({_delivery(way)})')]).iloc[0]}**"
        for way in DELIVERIES.values()
    ]
    return (
        f"By delivery: {', '.join(joint)}. What is tested is the *inference*, that recipes make such a gap: a "
        "*reference* of this project, which was taught to contradict false captions and starts, against RL for right "
        "answers. It stands for no closed model."
    )


def _change(tests: pd.DataFrame) -> Iterable[str]:
    """For each start, what its tests would have to give for another verdict."""
    for start, part in tests.groupby("start"):
        verdict = verdicts(part).iloc[0]
        hangs = weakest(part)
        if verdict == "supported":
            what = f"undecided, if the interval of “{hangs.what}” came to hold a value that is not {expected(hangs)}"
        elif verdict == "contradicted":
            against = part[part["verdict"] == "contradicted"]["what"]
            each = " and ".join(f"“{what}”" for what in against)
            what = (
                f"no longer contradicted, if the interval{'s' * (len(against) > 1)} of {each} reached what is expected"
            )
        elif verdict == "undecided":
            count = (part["verdict"] == "undecided").sum()
            which = "the test that is undecided" if count == 1 else f"all {count} tests that are undecided"
            what = f"supported, if {which} came to lie wholly where expected; contradicted, if one came to lie wholly outside"
        else:
            what = f"any, with {ENOUGH_SEEDS} seeds"
        yield f"From `{start}` (**{verdict}**): {what}."


def _power(tests: pd.DataFrame) -> str:
    undecided = tests[tests["verdict"] == "undecided"]
    reading = undecided.apply(_reading, axis=1)
    lines = [
        [f"[{test.finding}](#{test.finding.lower()})", f"`{test.start}`", test.what, found(test), _half(test), meaning]
        for test, meaning in zip(undecided.itertuples(), reading, strict=True)
    ]
    head = ["", "RL from", "test", "found", "could have told", "so it is"]
    outside = tests[(tests["value"] < tests["low"]) | (tests["value"] > tests["high"])]
    parts = [
        f"*Undecided* is not *no effect*. {len(undecided)} of {len(tests)} tests are. Half the width of an interval is "
        "about the smallest distance from the value tested against that these seeds and items could have told from "
        f"nothing; it stands under *could have told*. *Small*: the whole interval lies within ±{100 * EQUIVALENT:g} "
        f"points, so whatever it is, it is no more ({(reading == SMALL).sum()} tests). *Open*: it may well be larger, and "
        f"more seeds or items are needed ({(reading == OPEN).sum()}). For other units no such bound was fixed "
        f"({(reading == UNBOUNDED).sum()}).",
        table(head, lines),
        f"Two cautions. With {ENOUGH_SEEDS} seeds a bootstrap is too sure: where all doubt is between seeds and none "
        f"between items, its 95 % intervals hold the truth in {100 * coverage(ENOUGH_SEEDS):.0f} % of simulated cases. "
        f"And {len(tests)} tests are many: were every effect nil, about {0.05 * len(tests):.0f} of them or more would "
        "come out decided by chance alone, and no correction is made for that.",
    ]
    if len(outside):
        told = "; ".join(f"{test.finding}, {test.what}: {found(test)}" for test in outside.itertuples())
        parts.append(
            f"A value outside its own interval ({told}) is no slip: a spread of a few means grows when items are drawn "
            "anew, so that the interval of a ratio of spreads leans to one side. The test was left as it was written down."
        )
    return "\n\n".join(parts)


SMALL, OPEN, UNBOUNDED = "small", "open", "no bound fixed"


def _reading(test: Any) -> str:
    if test.unit != "points":
        return UNBOUNDED
    return SMALL if -EQUIVALENT <= test.low and test.high <= EQUIVALENT else OPEN


def _half(test: Any) -> str:
    factor, decimals = UNITS[test.unit]
    return f"±{factor * (test.high - test.low) / 2:.{decimals}f} {test.unit}"


def coverage(seeds: int, cases: int = 4000) -> float:
    """How often a 95 % bootstrap interval of a mean holds the truth, in simulated cases of normal values."""
    rng = np.random.default_rng(0)
    weights = resample([str(seed) for seed in range(seeds)], rng)
    means = rng.normal(size=(cases, seeds)) @ weights.T / seeds
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return float(np.mean((low <= 0) & (high >= 0)))


def _pictures(name: str, manifest: dict[str, Any], prefix: str) -> str:
    """The figures of a finding, each with its notebook."""
    shown = [f"[{figure.replace('_', ' ')}]({prefix}figures/{figure}.png)" for figure in FIGURES[name]]
    notebooks = dict.fromkeys(_notebook(manifest[figure]["notebook"], prefix) for figure in FIGURES[name])
    return ", ".join([*shown, *notebooks])


def _notebook(name: str, prefix: str) -> str:
    return f"[notebook {name.partition('_')[0]}]({prefix}executed/{name}.ipynb)"


def _delivery(way: str) -> str:
    return "start prefilled" if way == "prefill" else f"start in the {way}"


def _models(run: pd.DataFrame) -> list[str]:
    return list(run["model"].unique())


def _manifest(figures: Path) -> dict[str, Any]:
    file = figures / "manifest.json"
    if not file.exists():
        raise CompanionError(f"{file} is missing; make it with `make figures`")
    return json.loads(file.read_text(encoding="utf-8"))


def _prefix(out: Path, figures: Path) -> str:
    """From the folder of the page to that which holds `figures`: "" or such as "../"."""
    way = os.path.relpath(figures.resolve().parent, out.resolve().parent)
    return "" if way == "." else f"{Path(way).as_posix()}/"

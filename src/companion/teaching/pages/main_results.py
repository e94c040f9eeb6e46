"""The main results of the study, in words that follow from their intervals: of the README, and of FINDINGS.md."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from companion.analysis.findings import FINDINGS
from companion.analysis.findings.rule import MISSING, SUPPORTED
from companion.analysis.findings.wording import markdown_table
from companion.figures.phrases import enumeration
from companion.intervals import points
from companion.study.estimands import DOSES
from companion.study.protocol import FOLLOWED, MISREAD_0, MISREAD_20, OVERRIDDEN
from companion.teaching.pages.findings_data import KINDS, NAME, OVER_RL, STUDY, Findings, incomplete, load, read_table


def findings_summary(figures: Path) -> str:
    """The README's part: how sure the results are, and what they are."""
    found = load(figures)
    return f"{_status(found)}\n\n{results(found)}"


ENDS = {
    ("right", "plain"): "right: plain prompt",
    ("right", "wrong-caption"): "right: wrong caption",
    ("right", "wrong-think"): "right: wrong prefix",
    ("contradicts", "plain"): "contradicts its reasoning: plain prompt",
    ("contradicts", "wrong-caption"): "contradicts it: wrong caption",
    ("contradicts", "wrong-think"): "contradicts it: wrong prefix",
    ("agrees", "plain"): "agrees with it: plain prompt",
}
"""Measure and prompt → what the table of the trade-off calls the share of answers."""


PROMPTS = {"plain": "plain prompt", "wrong-caption": "wrong caption", "wrong-think": "wrong prefix"}
"""Prompt of a test of H1, H3 or F8 → what a result calls it."""


def results(found: Findings) -> str:
    """The main results, numbered; those of the kinds and of the remedy once their runs are all there."""
    zero = found.initials[0]
    ends = read_table(found.figures, OVER_RL).set_index(["initial", "measure", "prompt"])

    def effect(prompt: str) -> str:
        tests = found.of("F1").set_index(["initial", "contrast"])
        return f"**{points(tests.loc[(zero, f'{prompt} minus plain, `rl-correct`')])}**"

    def over_rl(initial: str, measure: str, prompt: str) -> str:
        line = ends.loc[(initial, measure, prompt)]
        return f"{100 * line['before']:.1f} → {100 * line['after']:.1f} (**{points(line)}**)"

    table = markdown_table(
        ["% of answers, before → after 1,000 steps", *(f"`{initial}`" for initial in found.initials)],
        [[told, *(over_rl(initial, *place) for initial in found.initials)] for place, told in ENDS.items()],
    )
    parts = [
        [
            f"**Misleading text.** Accuracy of `{zero}` after RL, against the plain prompt: {effect('wrong-caption')} "
            "with a wrong caption; behind a prefilled sentence stating a wrong option (a *wrong reasoning "
            f"prefix*) {effect('wrong-think')}."
        ],
        [
            "**The trade-off.** A prefix counts as reasoning: after a wrong one, right answers contradict it.",
            "",
            *table.splitlines(),
            "",
        ],
        _dose(found),
        _kind(found),
        _remedy(found),
    ]
    numbered = [f"{number}. " + "\n   ".join(part) for number, part in enumerate(filter(None, parts), 1)]
    return "\n".join(line.rstrip() for line in "\n".join(numbered).splitlines())


def _dose(found: Findings) -> list[str]:
    """What RL adds to contradictions, by the share of misread reasoning before it."""
    slopes = found.of("H1")
    runs, planned = int(slopes["runs"].min()), int(slopes["planned"].max())
    so_far = f" ({runs} of {planned} runs)" if runs < planned else ""
    grows = (
        "The more misread reasoning before RL, the more contradictions RL adds"
        if (slopes["low"] > 0).all()
        else "More misread reasoning before RL does not clearly add contradictions under every prompt"
    )
    drifts = read_table(found.figures, "dose_response").groupby(["prompt", "share"])["drift"].mean()
    doses = enumeration([f"{100 * share:.0f}" for share in sorted(DOSES.values())])
    told = "; ".join(
        f"{name} **{', '.join(f'{100 * drift:+.1f}' for drift in drifts.loc[prompt].sort_index())}**"
        for prompt, name in PROMPTS.items()
    )
    return [f"**The dose{so_far}.** {grows}. At {doses} %: {told}.".replace("-", "−")]


def _kind(found: Findings) -> list[str]:
    """What is known of which half of the misread examples adds contradictions; nothing while runs of it are missing."""
    tests = found.of("H3")
    if (tests["verdict"] == MISSING).any():
        return []
    drifts = read_table(found.figures, KINDS).groupby(["prompt", "initial"], sort=False)["drift"].mean().unstack()
    mixed = [PROMPTS[str(prompt)] for prompt in drifts.index[drifts.idxmax(axis=1) == MISREAD_20.name]]
    settled = f" Not settled: RL adds most to the mixture ({', '.join(mixed)})." if mixed else ""
    return [
        f"**Which half does it?**{settled} Columns: misread examples answered rightly; 500 steps. Added, all minus "
        f"none: **{', '.join(points(test) for test in tests.itertuples())}**.",
        "",
        *levels_by_kind(found).splitlines(),
        "",
    ]


KIND_HEADS = {
    MISREAD_0.name: f"`{MISREAD_0.name}`",
    FOLLOWED.name: "none",
    MISREAD_20.name: f"half (`{MISREAD_20.name}`)",
    OVERRIDDEN.name: "all",
}
"""Initial checkpoint → of its misread examples, those that were answered rightly all the same."""


def levels_by_kind(found: Findings) -> str:
    """How many answers contradict their reasoning, before RL and after it, by how many of the misread examples had been
    answered rightly: a Markdown table."""
    means = 100 * read_table(found.figures, KINDS).groupby(["prompt", "initial"])[["before", "after"]].mean()
    rows = [
        [told, *("{before:.1f} → {after:.1f}".format(**means.loc[(prompt, initial)]) for initial in KIND_HEADS)]
        for prompt, told in PROMPTS.items()
    ]
    return markdown_table(["contradicts, % before → after", *KIND_HEADS.values()], rows)


def _remedy(found: Findings) -> list[str]:
    """What the reward for consistency buys, and at which price; nothing while runs of it are missing."""
    tests = found.of("F8")
    if (tests["verdict"] == MISSING).any():
        return []
    changes = read_table(found.figures, "remedies").query("recipe == 'rl-consistent' and seed < 0")
    changes = changes.set_index(["prompt", "measure"])
    levels = pd.concat(read_table(found.figures, name) for name in ("remedies_accuracy", "remedies_agreement"))
    levels = 100 * levels.query("contrast == 'level'").set_index(["prompt", "measure", "recipe"])["value"]

    def cell(*place: str) -> str:
        without, paid = (levels.loc[(*place, recipe)] for recipe in ("rl-correct", "rl-consistent"))
        return f"{without:.1f} → {paid:.1f} (**{points(changes.loc[place])}**)"

    rows = [[told, cell(prompt, "contradicts"), cell(prompt, "right")] for prompt, told in PROMPTS.items()]
    table = markdown_table(["%, `rl-correct` → `rl-consistent`", "contradicts", "right"], rows)
    return [
        "**A remedy and its price.** `rl-consistent` pays a right answer only if its reasoning concludes it; "
        f"from `{tests['initial'].iloc[0]}`, 500 steps.",
        "",
        *table.splitlines(),
    ]


def _status(found: Findings) -> str:
    """How sure the results are."""
    facts = found.manifest[STUDY]
    shown = found.tests[found.tests["of"].isin(["F1", "F5", "H1"])]
    per_dose = read_table(found.figures, "dose_response").groupby("initial")["seed"].nunique()
    few, many = per_dose.min(), per_dose.max()
    seeds = f"{many} seeds each" if few == many else f"{few} to {many} seeds each"
    if (shown["verdict"] == MISSING).any():
        state = f"**Preliminary:** {facts['runs']} of {facts['planned_runs']} planned RL runs are finished, {seeds}."
    elif incomplete(found):
        state = (
            f"{facts['runs']} of {facts['planned_runs']} planned RL runs are finished, all that these results "
            f"take among them: {seeds}."
        )
    else:
        state = f"All {facts['planned_runs']} planned RL runs are there: {seeds}."
    return (
        f"{state}{_taught(found.of('H3'))} Changes: percentage points [95 % intervals over seeds and questions]. "
        f"Tests were fixed before the [study](docs/study.md), after a pilot. {_supported(found)} Small "
        "models show what can happen, not what large ones do."
    )


def _supported(found: Findings) -> str:
    """How many of the paper's findings are supported, of those tested from each initial checkpoint; those that compare
    models are left out."""
    verdicts = found.joint[lambda joint: joint.index.get_level_values("of").isin(list(FINDINGS))]
    told = []
    for initial in found.initials:
        own = verdicts.xs(initial, level="initial")
        told.append(f"{(own == SUPPORTED).sum()} of {len(own)} from `{initial}`")
    so_far = " so far" if incomplete(found) else ""
    return f"Of the paper's [findings]({NAME}), *supported*{so_far}: {enumeration(told)}."


def _taught(tests: pd.DataFrame) -> str:
    """That H3 has no verdict yet, or nothing. tests: of H3.

    Without it nobody knows whether RL brings the contradictions about, or the supervised data that showed some.
    """
    if not (tests["verdict"] == MISSING).any():
        return ""
    done, planned = int(tests["runs"].min()), int(tests["planned"].max())
    state = f"{done} of {planned} seeds" if done else "not run yet"
    return f" Which half of the misread examples does it (H3): {state}."

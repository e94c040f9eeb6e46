"""The main results of the study, in words that follow from their intervals: of the README, and of FINDINGS.md."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from companion.analysis.findings import FINDINGS
from companion.analysis.findings.rule import MISSING, SUPPORTED
from companion.analysis.findings.wording import markdown_table
from companion.intervals import points, side
from companion.study.estimands import DOSES
from companion.teaching.pages.findings_data import NAME, STUDY, Findings, incomplete, load, read_table


def findings_summary(figures: Path) -> str:
    """The README's part: how sure the results are, and what they are."""
    found = load(figures)
    return f"{_status(found)}\n\n{results(found)}"


TRADEOFF = {
    ("right", "plain"): "right, plain prompt",
    ("contradicts", "plain"): "contradicts its reasoning, plain prompt",
    ("contradicts", "wrong-caption"): "contradicts it, wrong caption",
    ("contradicts", "wrong-think"): "contradicts it, wrong prefix",
}
"""Measure and prompt of a test of F5 → what the table of the trade-off calls the share of answers."""


PROMPTS = {"plain": "plain prompt", "wrong-caption": "wrong caption", "wrong-think": "wrong prefix"}
"""Prompt of a test of H1 or F8 → what a result calls it."""


def results(found: Findings) -> str:
    """The main results, in words that follow from their intervals; that of the remedy once its runs are all there."""
    zero, twenty = found.initials
    tests = found.tests.set_index(["of", "initial", "measure", "contrast", "prompt"]).sort_index()

    def effect(prompt: str) -> str:
        finding = "F1" if prompt.startswith("wrong") else "F13"
        return f"**{points(tests.loc[(finding, zero, 'right', f'{prompt} minus plain, `rl-correct`', '')])}**"

    def over_rl(initial: str, measure: str, prompt: str) -> str:
        change = tests.loc[("F5", initial, measure, "step 1,000 minus step 0 of `rl-correct`", prompt)]
        most = 100 * max(abs(change["low"]), abs(change["high"]))
        return in_words(change, "more", "fewer", f"no change beyond ±{most:.1f}")

    table = markdown_table(
        ["change over RL", f"`{zero}`", f"`{twenty}`"],
        [[told, *(over_rl(initial, *place) for initial in found.initials)] for place, told in TRADEOFF.items()],
    )
    slopes = found.of("H1").set_index("prompt")
    runs, planned = int(slopes["runs"].min()), int(slopes["planned"].max())
    so_far = f" ({runs} of {planned} runs)" if runs < planned else ""
    grows = (
        "The more misread reasoning before RL, the more contradictions RL adds"
        if (slopes["low"] > 0).all()
        else "More misread reasoning before RL does not clearly add contradictions under every prompt"
    )
    per_dose = ", ".join(f"{told} **{points(slopes.loc[prompt])}**" for prompt, told in PROMPTS.items())
    return "\n".join(
        [
            f"1. **Misleading text.** Accuracy of `{zero}` after RL, against the plain prompt: with a wrong caption "
            f"{effect('wrong-caption')}, a right one {effect('right-caption')}; where its reasoning is made to begin "
            f"with a false sentence (a *wrong reasoning prefix*) {effect('wrong-think')}, with a true one "
            f"{effect('right-think')}.",
            "2. **The trade-off.** A prefix counts as reasoning here.",
            "",
            *(f"   {line}" for line in table.splitlines()),
            "",
            f"3. **The dose{so_far}.** {grows}. Per 20 points ({runs} runs, {len(DOSES)} doses): {per_dose}.",
            *_remedy(found),
        ]
    )


def _remedy(found: Findings) -> list[str]:
    """What the reward for consistency buys, and at which price; nothing while runs of it are missing."""
    tests = found.of("F8")
    if (tests["verdict"] == MISSING).any():
        return []
    changes = read_table(found.figures, "remedies").query("recipe == 'rl-consistent' and seed < 0")
    changes = changes.set_index(["prompt", "measure"])
    rows = [
        [told, *(f"**{points(changes.loc[(prompt, measure)])}**" for measure in ("contradicts", "right"))]
        for prompt, told in PROMPTS.items()
    ]
    table = markdown_table(["`rl-consistent` minus `rl-correct`", "contradicts", "right"], rows)
    return [
        "4. **A remedy and its price.** `rl-consistent` pays a right answer only where its reasoning concludes it; "
        f"from `{tests['initial'].iloc[0]}`, 500 steps.",
        "",
        *(f"   {line}" for line in table.splitlines()),
    ]


def in_words(change: pd.Series, up: str, down: str, neither: str) -> str:
    """A change in words that follow from its interval, and its numbers. change: value, low, high, as shares of 1."""
    return f"{side(change, up, down, neither)} (**{points(change)}**)"


OVER = {
    (False, False): "questions alone",
    (False, True): "questions, and seeds where several",
    (True, True): "seeds and questions",
}
"""Whether all results, and whether some, rest on several seeds → what their intervals are over."""


def _status(found: Findings) -> str:
    """How sure the results are."""
    facts = found.manifest[STUDY]
    shown = found.tests[found.tests["of"].isin(["F1", "F5", "F13"])]
    low, high = int(shown["seeds"].min()), int(shown["seeds"].max())
    seeds = f"{low}" if low == high else f"{low} to {high}"
    over = OVER[low > 1, high > 1]
    runs = f"{facts['runs']} of {facts['planned_runs']} planned RL runs are done"
    if MISSING in {*shown["verdict"], *found.of("H1")["verdict"]}:
        running = f"**Preliminary:** {runs}; these results rest on {seeds} of {shown['planned'].max()} training seeds."
    elif incomplete(found):
        running = f"{runs}; these results have all of theirs, over {seeds} training seeds."
    else:
        running = f"These are means over {seeds} training seeds."
    return (
        f"{running}{_taught(found.of('H3'))} Numbers are percentage points [95 % intervals over {over}]. Tests were "
        f"fixed before the [study](docs/study.md). {_supported(found)}Small models show what can happen; they are no "
        "evidence about large ones."
    )


def _supported(found: Findings) -> str:
    """How many of the paper's findings are supported so far, from each initial checkpoint."""
    verdicts = found.joint
    count = {
        initial: sum(verdicts.get((name, place)) == SUPPORTED for name in FINDINGS for place in (initial, ""))
        for initial in found.initials
    }
    told = ", ".join(f"{number} from `{initial}`" for initial, number in count.items())
    return f"Of the paper's {len(FINDINGS)} [findings]({NAME}), so far {told} are *supported*. "


def _taught(tests: pd.DataFrame) -> str:
    """That H3 has no verdict yet, or nothing. tests: of H3.

    Without it nobody knows whether RL brings the contradictions about, or the supervised data that showed some.
    """
    if not (tests["verdict"] == MISSING).any():
        return ""
    done, planned = int(tests["runs"].min()), int(tests["planned"].max())
    state = f"{done} of {planned} seeds" if done else "not run yet"
    return f" Whether the supervised data *taught* answering against the reasoning: {state}."

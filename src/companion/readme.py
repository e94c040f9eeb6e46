"""The part of the README that holds numbers: written from the tables of the figures, never by hand.

`make figures` without parameters rewrites it; with other parameters the README is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from companion.claims import DELIVERIES, ENOUGH_SEEDS, FINDINGS, verdicts
from companion.errors import CompanionError
from companion.statistics import Estimate


def headline(figures: Path) -> str:
    """The main figure and what it says, from its table and its entry in the manifest."""
    name = "perturbation_drops"
    table = pd.read_csv(figures / f"{name}.csv").set_index(["variant", "measure"])
    entry = json.loads((figures / "manifest.json").read_text())[name]

    def change(variant: str) -> str:
        line = table.loc[(variant, "change")] * 100
        return f"**{line['value']:+.1f}** [{line['low']:+.1f}, {line['high']:+.1f}]".replace("-", "−")

    base = table.loc[("base", "accuracy"), "value"] * 100
    return "\n".join(
        [
            f"![{entry['claim']}](figures/{name}.png)",
            "",
            f"*What it says.* Undisturbed, this small model answers {base:.1f} % of {entry['items']} questions right. "
            f"One false caption changes that by {change('wrong-caption')} points, and a false first sentence put into "
            f"its own reasoning by {change('wrong-think')}. The same sentences, when true, change it by "
            f"{change('right-caption')} and {change('right-think')}. (95 % intervals over items; one checkpoint of one "
            "training seed of the *microworld*: an observation, not a finding about large models.)",
        ]
    )


def findings(figures: Path) -> str:
    """What became of the paper's findings on RL: one line each, from the tables of tests."""
    tests = pd.concat([pd.read_csv(figures / f"{name}.csv") for name in TESTS])
    entry = json.loads((figures / "manifest.json").read_text())[TESTS[0]]
    joint = verdicts(tests)
    supported = (tests["verdict"] == "supported").groupby([tests["start"], tests["finding"]]).agg(["sum", "size"])
    starts = sorted(tests["start"].unique())
    lines = [
        "| the paper says | " + " | ".join(f"in the microworld, RL from `{start}`" for start in starts) + " |",
        "|---" * (1 + len(starts)) + "|",
    ]
    for name in sorted(tests["finding"].unique(), key=lambda name: int(name.removeprefix("F"))):
        cells = [f"{name}: {FINDINGS[name]}"]
        for place in ((start, name) for start in starts):
            count = "{sum} of {size}".format(**supported.loc[place]) if place in joint else ""
            cells.append(f"**{joint[place]}** ({count} tests supported)" if count else "not run")
        lines.append(f"| {' | '.join(cells)} |")
    source = (
        f"From {entry['runs']} GRPO runs, {tests['seeds'].min()} seeds a recipe (a verdict takes {ENOUGH_SEEDS}). All "
        "recipes ran from `base`, whose supervised reasoning was always true; `accuracy` also from `noisy`, a fifth of "
        "whose supervised reasoning misread the picture. *Contradicted*: at least one test is. Every test with "
    )
    tables = " and ".join(f"[{name}.csv](figures/{name}.csv)" for name in TESTS)
    lines += ["", source + f"its interval is in {tables}, and in notebooks 03, 05 and 06."]
    return "\n".join(lines)


TESTS = ("findings", "findings_consistency")
"""The tables of tests that notebooks 06 and 03 write."""


def gap(figures: Path) -> str:
    """What became of F4, which is tested on models of its own: a line for each way of giving a start."""
    name = "findings_gap"
    tests = pd.read_csv(figures / f"{name}.csv")
    tests = tests[tests["expected"].notna()]
    head, cells = ["the paper says"], [f"F4: {FINDINGS['F4']}"]
    for way in DELIVERIES.values():
        part = tests[tests["delivery"] == way]
        count = f"{(part['verdict'] == 'supported').sum()} of {len(part)}"
        head.append("in the microworld, start " + ("prefilled" if way == "prefill" else f"in the {way}"))
        cells.append(f"**{verdicts(part, ['delivery'])[way, 'F4']}** ({count} tests supported)")
    source = (
        f"F4's *inference*, {tests['seeds'].min()} seeds a recipe: a *reference* that was taught to contradict false "
        "captions and starts, against RL for right answers, opened (a start of the reasoning is prefilled) and behind "
        "a server (it stands in the user's turn). The reference is no stand-in for any closed model. Every test is in "
        f"[{name}.csv](figures/{name}.csv) and in notebook 04. "
    )
    moved = pd.read_csv(figures / "gap_delivery.csv").set_index(["recipe", "variant"]).loc[("accuracy", "wrong-think")]
    source += (
        "**Before you compare a closed model with an open one:** delivery alone moves the accuracy of the RL models "
        f"under a false start by {Estimate(*moved[['value', 'low', 'high', 'n']]).points()} points."
    )
    return "\n".join([f"| {' | '.join(head)} |", "|---|---|---|", f"| {' | '.join(cells)} |", "", source])


SECTIONS = {"headline": headline, "findings": findings, "gap": gap}
"""What stands between `<!-- name: written by `make figures` -->` and `<!-- end of name -->`."""


def update_readme(readme: Path, figures: Path) -> None:
    """Replace what stands between the marks of each section."""
    fill(readme, {name: write(figures) for name, write in SECTIONS.items()})


def fill(page: Path, sections: Mapping[str, str]) -> None:
    """Replace what stands between the marks of some sections of a page. Raises CompanionError where a mark is gone."""
    text = page.read_text(encoding="utf-8")
    for name, written in sections.items():
        start, end = f"<!-- {name}: written by `make figures` -->", f"<!-- end of {name} -->"
        if start not in text or end not in text:
            raise CompanionError(f"{page} lacks the line {start!r} or {end!r}; put both back")
        head, rest = text.split(start, 1)
        text = f"{head}{start}\n{written}\n{end}{rest.split(end, 1)[1]}"
    page.write_text(text, encoding="utf-8")

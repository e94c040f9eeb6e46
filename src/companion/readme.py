"""The part of the README that holds numbers: written from the tables of the figures, never by hand.

`make figures` without parameters rewrites it; with other parameters the README is left as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from companion.errors import CompanionError

START, END = "<!-- measured: written by `make figures` -->", "<!-- end of measured -->"


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


def update_readme(readme: Path, figures: Path) -> None:
    """Replace what stands between the two marks."""
    text = readme.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise CompanionError(f"{readme} lacks the line {START!r} or {END!r}; put both back around the main figure")
    head, rest = text.split(START, 1)
    tail = rest.split(END, 1)[1]
    readme.write_text(f"{head}{START}\n{headline(figures)}\n{END}{tail}", encoding="utf-8")

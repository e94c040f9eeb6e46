"""The part of the README that holds numbers: written from the tables of the figures, never by hand.

`make figures` without parameters rewrites it; with other parameters the README is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from companion.errors import CompanionError
from companion.teaching.pages import findings_page


def headline(figures: Path) -> str:
    """The main figure and what it says, from its table and its entry in the manifest."""
    name = "perturbation_drops"
    table = pd.read_csv(figures / f"{name}.csv").set_index(["perturbation", "measure"])
    entry = json.loads((figures / "manifest.json").read_text(encoding="utf-8"))[name]

    def change(perturbation: str) -> str:
        line = table.loc[(perturbation, "change")] * 100
        return f"**{line['value']:+.1f}** [{line['low']:+.1f}, {line['high']:+.1f}]".replace("-", "−")

    base = table.loc[("plain", "accuracy"), "value"] * 100
    return "\n".join(
        [
            f"![{entry['caption']}](figures/{name}.png)",
            "",
            f"*The model `base`, before any RL.* Asked plainly, it answers {base:.1f} % of {entry['items']} questions "
            f"right. A false caption (`wrong-caption`) changes that by {change('wrong-caption')} points, a false first "
            f"sentence of its own reasoning (`wrong-think`) by {change('wrong-think')}. True ones change it by "
            f"{change('right-caption')} and {change('right-think')}. (One model, one training seed; 95 % "
            "intervals over questions. What follows is about models after RL.)",
        ]
    )


SECTIONS = {"headline": headline, "findings": findings_page.findings_summary}
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

"""The contact sheet docs/figures.md: every figure with its title, by notebook.

`make figures` without parameters writes it; `python -m companion.teaching.pages.figures_page` does that alone.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from companion.figures.gallery import MANIFEST
from companion.figures.theme import set_theme
from companion.locks import atomic_write
from companion.teaching.pages.readme import question_of

NAME = Path("docs/figures.md")

COLUMNS = 2
"""Figures beside each other."""

HEAD = """# All figures

Each figure under its title, by the notebook that draws it. The titles are made from the figures' tables, which lie
beside the pictures in [figures/](../figures); `companion figures NAME` draws one again.
This page is written by `make figures`, or by `python -m companion.teaching.pages.figures_page`.
"""


def page(project: Path) -> str:
    """The page, from the manifest and the tables of the figures."""
    set_theme()
    entries = json.loads((project / "figures" / MANIFEST).read_text(encoding="utf-8"))
    drawn = {name: entry for name, entry in entries.items() if "about" in entry}
    parts = [HEAD]
    for notebook in sorted({entry["notebook"] for entry in drawn.values()}):
        own = [name for name, entry in drawn.items() if entry["notebook"] == notebook]
        heading = f"{notebook[:2]} {question_of(project / 'notebooks' / f'{notebook}.ipynb')}"
        parts += [f"## [{heading}](../executed/{notebook}.ipynb)\n", _sheet(project, own, drawn)]
    return "\n".join(parts)


def write(project: Path) -> None:
    """Write the page into a project's docs/."""
    text = page(project)
    with atomic_write(project / NAME) as part:
        part.write_text(text, encoding="utf-8")


def _sheet(project: Path, names: list[str], entries: dict[str, Any]) -> str:
    """A table of pictures, over each its title."""
    lines = [f"{'| ' * COLUMNS}|", f"{'|---' * COLUMNS}|"]
    for start in range(0, len(names), COLUMNS):
        beside = names[start : start + COLUMNS]
        titles = [f"**{_title(project, name, entries[name]['about'])}** (`{name}`)" for name in beside]
        pictures = [f"![{entries[name]['caption']}](../figures/{name}.png)" for name in beside]
        for cells in (titles, pictures):
            lines.append(f"| {' | '.join(cells + [''] * (COLUMNS - len(cells)))} |")
    return "\n".join(lines) + "\n"


def _title(project: Path, name: str, about: str) -> str:
    """The title of a figure, as a cell of a table."""
    table = pd.read_csv(project / "figures" / f"{name}.csv", keep_default_na=False, na_values=[""])
    figure = importlib.import_module(f"companion.figures.{name}").draw(table, about)
    return "<br>".join(figure.get_suptitle().splitlines()).replace("|", "\\|")


if __name__ == "__main__":
    write(Path())

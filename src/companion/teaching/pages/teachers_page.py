"""The part of the teacher's page that is measured: what each notebook takes, and which exercises it has.

`make figures` without parameters rewrites it, from the notebooks;
`python -m companion.teaching.pages.teachers_page` does that alone.
"""

from __future__ import annotations

from pathlib import Path

import nbformat

from companion.teaching.exercises import EXERCISES
from companion.teaching.pages.readme import fill, question_of

PACE = 150
"""Words of a notebook that are read in a minute, by somebody who also thinks; notebook 00 counts with the same."""


def notebooks(sources: Path) -> str:
    """One line a notebook: its question, words, cells, exercises and minutes of reading."""
    lines = [
        "| notebook | question | words | cells | exercises | minutes to read |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted(sources.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        words = sum(len(text.split()) for text in texts)
        own = sum(id[:2] == path.stem[:2] for id in EXERCISES)
        link = f"[{path.stem[:2]}](../executed/{path.name})"
        minutes = max(1, round(words / PACE))
        lines.append(f"| {link} | {question_of(path)} | {words:,} | {len(cells)} | {own} | {minutes} |")
    return "\n".join(lines)


def exercises() -> str:
    """One line a notebook: the titles of its exercises."""
    numbers = dict.fromkeys(id[:2] for id in EXERCISES)
    told = {n: ", ".join(f"{one.id} *{one.title}*" for id, one in EXERCISES.items() if id[:2] == n) for n in numbers}
    return "\n".join(f"* {titles}" for titles in told.values())


def update_teaching(page: Path, sources: Path) -> None:
    """Replace what stands between the marks of the two tables."""
    fill(page, {"notebooks": notebooks(sources), "exercises": exercises()})


if __name__ == "__main__":
    update_teaching(Path("docs/teaching.md"), Path("notebooks"))

"""Writes the exercises into the notebooks, and teachers' copies with the solutions.

An exercise's cells carry the tag `exercise` and ids of their own ("01-x2", "01-x2-answer"): whatever carries the tag is
replaced, all else stays as it is. They stand last.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat

from companion.errors import CompanionError
from companion.teaching.exercises import EXERCISES, Exercise

TAG = "exercise"

INTRODUCTION = (
    "## Exercises\n\nPut your answer in the place of `...` and run the cell: the check says what is right, or what "
    "went wrong."
)

Cells = list[nbformat.NotebookNode]


def exercise_cells(stem: str, solved: bool = False) -> Cells:
    """The cells of a notebook's exercises; none where it has no exercises. solved: as a teacher has them."""
    number = stem[:2]
    own = [one for one in EXERCISES.values() if one.id.partition(".")[0] == number]
    cells = []
    if own:
        cells.append(_cell(nbformat.v4.new_markdown_cell, INTRODUCTION, f"{number}-x0"))
        imported = "from companion.teaching.exercises import check"
        cells.append(_cell(nbformat.v4.new_code_cell, imported, f"{number}-x0-check"))
    for one in own:
        id = one.id.replace(".", "-x")
        cells.append(_cell(nbformat.v4.new_markdown_cell, f"### {one.id} {one.title}\n\n{one.task}", id))
        code = one.cell(one.solution if solved else one.starter)
        cells.append(_cell(nbformat.v4.new_code_cell, code, f"{id}-answer"))
        if solved:
            cells.append(_cell(nbformat.v4.new_markdown_cell, _slips(one), f"{id}-slips"))
    return cells


def _cell(make: Callable[..., nbformat.NotebookNode], source: str, id: str) -> nbformat.NotebookNode:
    return make(source, id=id, metadata={"tags": [TAG]})


def _slips(exercise: Exercise) -> str:
    told = [f"```python\n{slip.code}\n```\n\n“… {slip.says} …”" for slip in exercise.slips]
    return "**Typical wrong answers**, and words of what the check says\n\n" + "\n\n".join(told)


def update_notebook(text: str, stem: str, solved: bool = False) -> str:
    """A notebook's text with its exercises as they are now."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    notebook.cells += exercise_cells(stem, solved)
    return str(nbformat.writes(notebook)) + "\n"


def write_exercises(notebooks: Path) -> list[Path]:
    """Bring the exercises of all notebooks in a folder up to date; returns those that changed."""
    changed = []
    for path in _found(notebooks):
        text = path.read_text(encoding="utf-8")
        if (new := update_notebook(text, path.stem)) != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def write_solutions(notebooks: Path, folder: Path) -> list[Path]:
    """Write teachers' copies of all notebooks to another folder; returns them."""
    if folder.resolve() == notebooks.resolve():
        raise CompanionError(f"{folder} holds the readers' notebooks; name another folder for the solutions")
    found = _found(notebooks)
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        solved = update_notebook(path.read_text(encoding="utf-8"), path.stem, solved=True)
        (folder / path.name).write_text(solved, encoding="utf-8")
    return [folder / path.name for path in found]


def _found(notebooks: Path) -> list[Path]:
    found = sorted(notebooks.glob("*.ipynb"))
    if not found:
        raise CompanionError(f"no notebook in {notebooks}; start the command in the project's folder")
    return found

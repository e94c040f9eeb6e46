"""The parts of the README that are generated: one item, the first figure, the main results, the list of notebooks.

`make figures` without parameters rewrites them, from committed rows and the tables of the figures;
`python -m companion.teaching.pages.readme` does that alone, in seconds. With other parameters the README is left as
it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pandas as pd

from companion.analysis.leaderboard import load
from companion.errors import CompanionError
from companion.figures import single_items
from companion.figures.theme import png, set_theme
from companion.locks import atomic_write
from companion.questions.registry import find_questions
from companion.teaching.pages.main_results import findings_summary

ITEM, ANSWERS = "test-0-4", Path("results/gap/opened")
"""The item that the README shows, which is that of notebook 00, and where the answers to it are committed."""

PICTURE = Path("docs/one_item.png")
"""Not in figures/, which holds what is drawn from a table of measurements."""

MODEL, CAPTION = "base", "wrong-caption"

AGREEMENT = {"agree": "The answer agrees with the reasoning", "disagree": "The answer contradicts the reasoning"}
"""Verdict of the rule judge → what it says of an answer."""


def one_item(project: Path) -> str:
    """The picture of one item, drawn anew into docs/, and what the model answered without and with a wrong caption.

    Raises CompanionError where the committed answers lack the item.
    """
    rows = load([str(project / ANSWERS)])
    rows = rows[(rows["model"] == MODEL) & (rows["question"] == ITEM)].set_index("perturbation")
    if not {"plain", CAPTION} <= set(rows.index):
        raise CompanionError(f"{project / ANSWERS} holds no answers of {MODEL} to {ITEM}; make them with `make gap`")
    (question,) = find_questions("microworld", [ITEM])

    set_theme()
    figure = single_items.example(question, rows.loc[["plain", CAPTION]])
    with atomic_write(project / PICTURE) as part:
        part.write_bytes(png(figure, dpi=150))

    plain, misled = rows.loc["plain"], rows.loc[CAPTION]
    added = misled["prompt"].split(question.text)[0].strip()
    alt = f"A picture of shapes, the question “{question.text}”, and the model's two answers"
    same = "the same" if misled["think"] == plain["think"] else f"“{misled['think']}”"
    return (
        f"![{alt}]({PICTURE.as_posix()})\n\n"
        f"One of the small models, before reinforcement learning. With no added text it writes “{plain['think']}” "
        f"and answers **{_answer(plain)}**. With a wrong caption, “{added}”, it writes {same} and "
        f"answers **{_answer(misled)}**. "
        f"{AGREEMENT[misled['rule']]}."
    )


def _answer(row: pd.Series) -> str:
    option = row["options"][ord(row["answer"]) - ord("A")]
    return f"{row['answer']} ({option})**, which is **{'right' if row['correct'] else 'wrong'}"


def tradeoff(project: Path) -> str:
    """The first figure and a transcript beneath it, their descriptions as alt texts; one line until they are drawn."""
    entries = json.loads((project / "figures" / "manifest.json").read_text(encoding="utf-8"))
    names = ("tradeoff", "one_transcript")
    if not set(names) <= set(entries):
        return f"*The first figure, `figures/{names[0]}.png`, has not been drawn yet.*"
    return "\n\n".join(f"![{entries[name]['caption']}](figures/{name}.png)" for name in names)


def results(project: Path) -> str:
    """The main results, and how sure they are; those of FINDINGS.md."""
    return findings_summary(project / "figures")


def notebooks(project: Path) -> str:
    """One line a notebook: its number and its question, which is its heading."""
    lines = ["| notebook | question |", "|---|---|"]
    for path in sorted((project / "notebooks").glob("*.ipynb")):
        lines.append(f"| [{path.stem[:2]}](executed/{path.name}) | {question_of(path)} |")
    return "\n".join(lines)


def question_of(notebook: Path) -> str:
    """The question of a notebook, which is its heading without the number: "# 1 · Why?" gives "Why?"."""
    heading = nbformat.read(notebook, as_version=4).cells[0].source.splitlines()[0]
    return heading.removeprefix("# ").split(" · ", 1)[-1]


SECTIONS = {"one item": one_item, "tradeoff": tradeoff, "results": results, "notebooks": notebooks}
"""What stands between `<!-- name: written by `make figures` -->` and `<!-- end of name -->`."""


def update_readme(readme: Path, figures: Path) -> None:
    """Replace what stands between the marks of each section. figures: the folder of that name of the project."""
    fill(readme, {name: write(figures.parent) for name, write in SECTIONS.items()})


def fill(page: Path, sections: Mapping[str, str]) -> None:
    """Replace what stands between the marks of some sections of a page. Raises CompanionError where a mark is gone."""
    text = page.read_text(encoding="utf-8")
    for name, written in sections.items():
        start, end = f"<!-- {name}: written by `make figures` -->", f"<!-- end of {name} -->"
        if start not in text or end not in text:
            raise CompanionError(f"{page} lacks the line {start!r} or {end!r}; put both back")
        head, rest = text.split(start, 1)
        text = f"{head}{start}\n{written}\n{end}{rest.split(end, 1)[1]}"
    with atomic_write(page) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    update_readme(Path("README.md"), Path("figures"))

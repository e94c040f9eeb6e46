"""The parts of the README that are generated: one item, the first figure, three results, the list of notebooks.

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

from companion.analysis.findings import verdicts
from companion.analysis.findings.wording import markdown_table
from companion.analysis.leaderboard import load
from companion.errors import CompanionError
from companion.figures import single_items
from companion.figures.theme import set_theme
from companion.intervals import points
from companion.questions.registry import find_questions

ITEM, ANSWERS = "test-0-4", Path("results/gap/opened")
"""The item that the README shows, which is that of notebook 00, and where the answers to it are committed."""

PICTURE = Path("docs/one_item.png")
"""Not in figures/, which holds what is drawn from a table of measurements."""

MODEL, CAPTION = "base", "wrong-caption"

TESTS = ("findings_perturbed", "findings_consistency", "findings_gap", "findings")
"""The tables of tests on RL runs, with the seed as the unit. The models of findings_gap all come from `CLEAN`."""

CLEAN, NOISY = "base", "noisy"
"""The initial checkpoints of RL."""

TRADEOFF = {
    "accuracy, plain prompt": "accuracy",
    "consistency, plain prompt": "share of answers that agree with their reasoning",
    "consistency, wrong-think": "that share under a wrong reasoning prefix",
}
"""Measure and prompt → what the README calls it."""

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
    figure.savefig(project / PICTURE, dpi=150, metadata={"Software": None})

    plain, misled = rows.loc["plain"], rows.loc[CAPTION]
    added = misled["prompt"].split(question.text)[0].strip()
    alt = f"A picture of shapes, the question “{question.text}”, and the model's two answers"
    same = "the same" if misled["think"] == plain["think"] else f"“{misled['think']}”"
    return (
        f"![{alt}]({PICTURE.as_posix()})\n\n"
        f"Asked plainly, a model before RL writes “{plain['think']}” and answers **{_answer(plain)}**. "
        f"Under the wrong caption “{added}” it writes {same} and answers **{_answer(misled)}**. "
        f"{AGREEMENT[misled['rule']]}."
    )


def _answer(row: pd.Series) -> str:
    option = row["options"][ord(row["answer"]) - ord("A")]
    return f"{row['answer']} ({option})**, which is **{'right' if row['correct'] else 'wrong'}"


def tradeoff(project: Path) -> str:
    """The first figure, with its caption as alt text; one line in its place until it has been drawn."""
    name = "tradeoff"
    entry = json.loads((project / "figures" / "manifest.json").read_text(encoding="utf-8")).get(name)
    if not entry:
        return f"*The first figure, `figures/{name}.png`, has not been drawn yet.*"
    return f"![{entry['caption']}](figures/{name}.png)"


def results(project: Path) -> str:
    """Three results, and how sure they are."""
    tables = [pd.read_csv(project / "figures" / f"{name}.csv") for name in TESTS]
    tests = pd.concat(tables).query("expected.notna()").fillna({"start": CLEAN})
    joint = verdicts(tests)

    def test(start: str, what: str) -> pd.Series:
        lines = tests[(tests["start"] == start) & (tests["what"] == what)]
        if lines.empty:
            raise CompanionError(f"no test {what!r} from {start!r} in the tables of figures/; run `make figures`")
        return lines.iloc[0]

    def hurts(perturbation: str) -> str:
        change = test(CLEAN, f"{perturbation}: change of accuracy")
        return in_words(change, "raises accuracy", "lowers accuracy", "does not clearly change accuracy")

    table = markdown_table(
        ["change over RL", "from *clean*", "from *noisy*"],
        [[told, *(in_words(test(start, f"`accuracy`: change of {what}"), "rises", "falls", "no clear change")
                  for start in (CLEAN, NOISY))]
         for what, told in TRADEOFF.items()],
    )  # fmt: skip
    remedy = in_words(
        test(CLEAN, "consistency, plain prompt: `faithful` minus `accuracy`"),
        "more answers agree", "fewer answers agree", "not clearly more or fewer answers agree",
    )  # fmt: skip
    counts = joint[CLEAN].value_counts()
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("supported", "undecided", "contradicted"))
    return "\n".join([
        f"1. **Misleading text.** After RL from *clean*, a wrong caption {hurts('wrong-caption')}. A *wrong reasoning "
        f"prefix*, a false first sentence of the reasoning that is written for the model, {hurts('wrong-think')}. A "
        f"right caption {hurts('right-caption')}, and a right prefix {hurts('right-think')}.",
        "2. **The trade-off.** Does accuracy rise while fewer answers agree with their reasoning?",
        "",
        *(f"   {line}" for line in table.splitlines()),
        "",
        "3. **A remedy.** RL from *clean* can reward a right answer only if the reasoning leads to it. Afterwards "
        f"{remedy} than after ordinary RL.",
        "",
        f"**How sure?** Numbers are percentage points: means over {tests['seeds'].min()} training seeds "
        "[95 % intervals over seeds and questions]. *No clear change*: the interval includes 0. "
        f"Of the paper's {len(joint[CLEAN])} findings, tested on RL from *clean*: {told}. "
        "[FINDINGS.md](FINDINGS.md) has each test. Small models show what can happen. They are no evidence about "
        "large ones.",
    ])  # fmt: skip


def in_words(change: pd.Series, up: str, down: str, neither: str) -> str:
    """A change in words that follow from its interval, and its numbers. change: value, low, high, as shares of 1."""
    words = up if change["low"] > 0 else down if change["high"] < 0 else neither
    return f"{words} (**{points(change)}**)"


def notebooks(project: Path) -> str:
    """One line a notebook: its number and its question, which is its heading."""
    lines = ["| notebook | question |", "|---|---|"]
    for path in sorted((project / "notebooks").glob("*.ipynb")):
        heading = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        lines.append(f"| [{path.stem[:2]}](executed/{path.name}) | {heading.removeprefix('# ').split(' · ', 1)[-1]} |")
    return "\n".join(lines)


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
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    update_readme(Path("README.md"), Path("figures"))

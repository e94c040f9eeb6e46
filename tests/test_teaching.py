"""The teacher's page and what it hands out: tables are those of the notebooks, solutions those of the package."""

import re
import shutil

import nbformat
import numpy as np
import pytest

from companion.analysis.findings import Quantity
from companion.errors import CompanionError
from companion.evaluation.judges.grounding_judge import grounded
from companion.evaluation.judges.rule_judge import final_commitment
from companion.intervals import Estimate
from companion.questions.registry import find_questions
from companion.teaching.exercises import EXERCISES
from companion.teaching.pages import teachers_page


def notebook(path):
    cells = [
        nbformat.v4.new_markdown_cell("# 1 · Does it see?\n\n" + "word " * 299),
        nbformat.v4.new_code_cell("n = 1", metadata={"tags": ["parameters"]}),
    ]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_a_notebook_is_measured(tmp_path):
    notebook(tmp_path / "notebooks" / "99_seeing.ipynb")
    line = teachers_page.notebooks(tmp_path / "notebooks").splitlines()[-1]
    assert line == "| [99](../executed/99_seeing.ipynb) | Does it see? | 305 | 2 | 0 | 2 |"


def test_the_committed_page_is_what_is_written(root, tmp_path):
    page = tmp_path / "teaching.md"
    shutil.copy(root / "docs" / "teaching.md", page)
    teachers_page.update_teaching(page, root / "notebooks")
    assert page.read_text() == (root / "docs" / "teaching.md").read_text()


def test_a_page_without_its_marks_is_an_error(tmp_path, root):
    (tmp_path / "teaching.md").write_text("# Teaching\n")
    with pytest.raises(CompanionError, match=r"teaching\.md lacks the line '<!-- notebooks"):
        teachers_page.update_teaching(tmp_path / "teaching.md", root / "notebooks")


def test_cells_and_exercises_that_it_names_are_there(root):
    page = (root / "docs" / "teaching.md").read_text()
    paths = {path.stem[:2]: path for path in (root / "notebooks").glob("*.ipynb")}
    cells = {id for path in paths.values() for id in (cell.id for cell in nbformat.read(path, 4).cells)}
    named = {id for id in re.findall(r"\b\d\d-\d\d\b", page) if id[:2] in paths}
    assert len(named) > 20
    assert not named - cells
    exercises = set(re.findall(r"(?<![\d.])0\d\.\d\b", page))
    assert len(exercises) > 10
    assert not exercises - set(EXERCISES)


@pytest.mark.parametrize("name", ["teaching", "handout", "worksheet", "quiz", "glossary"])
def test_links_lead_somewhere(root, name):
    page = (root / "docs" / f"{name}.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert link.startswith("http") or (root / "docs" / link).exists(), link


def tables(page):
    """The tables of a page, each as its rows of cells, without the head, and without the stars of a bold cell."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", page, re.MULTILINE)
    return [
        [
            [re.sub(r"^\*\*([^*]*)\*\*$", r"\1", cell.strip()) for cell in line.split("|")[1:-1]]
            for line in block.splitlines()[2:]
        ]
        for block in blocks
    ]


def advantages(rewards):
    """With the standard deviation as TRL has it, or 0 where all rewards are the same."""
    spread = np.std(rewards, ddof=1)
    return (np.array(rewards) - np.mean(rewards)) / spread if spread else np.zeros(len(rewards))


def reward(answer, reasoning, gated, form, right):
    return 0 if gated and reasoning != "agrees" else form + right * (answer == "right")


def test_the_handouts_advantages_are_grpos(root):
    lines = next(table for table in tables((root / "docs" / "handout.md").read_text()) if len(table[0]) == 7)
    assert sum(int(line[0]) for line in lines) == 8
    for gated, column in ((False, 3), (True, 5)):
        one = [reward(line[1], line[2], gated, 0.1, 1.0) for line in lines]
        each = np.repeat(one, [int(line[0]) for line in lines])
        found = dict(zip(each.tolist(), advantages(each).tolist(), strict=True))
        for line, r in zip(lines, one, strict=True):
            assert (line[column], line[column + 1]) == (f"{r:g}", f"{found[r]:+.2f}".replace("-", "−"))


def test_the_handout_is_one_page(root):
    assert len(re.findall(r"\w+", (root / "docs" / "handout.md").read_text())) < 600


def test_the_worksheets_solutions_are_those_of_the_judges(root):
    """Task B, by the item that the page describes, the rule judge, and the scene."""
    page = (root / "docs" / "worksheet.md").read_text()
    asked, solved = (part for part in tables(page) if [line[0] for line in part] == list("12345"))
    (question,) = find_questions("microworld", ["test-0-4"])
    assert question.text in page
    assert "A: 0, B: 1, C: 2, D: 3" in page
    assert (question.options, question.letter) == (("0", "1", "2", "3"), "A")
    for (_, think, letter, *_), (_, right, agrees, true) in zip(asked, solved, strict=True):
        concluded = final_commitment(think, question.options, question.claims, question.text).option
        found = "names no option" if concluded is None else "agrees" if "ABCD"[concluded] == letter else "contradicts"
        truth = {True: "yes", False: "no", None: "says nothing"}[grounded(think, question.scene)]
        assert (right, agrees, true) == ("yes" if letter == question.letter else "no", found, truth), think


def test_the_worksheets_signs_are_those_of_the_advantages(root):
    lines = [part for part in tables((root / "docs" / "worksheet.md").read_text()) if len(part) == 4]
    asked, solved = (part for part in lines if part[0][0] == "1")
    for gated, column in ((False, 1), (True, 3)):
        rewards = [reward(line[1], line[2], gated, 0, 1) for line in asked]
        signs = ["+" if one > 0 else "−" for one in advantages(rewards)]
        assert [line[column : column + 2] for line in solved] == [
            [str(r), sign] for r, sign in zip(rewards, signs, strict=True)
        ]


def test_the_worksheets_verdicts_are_those_of_the_rule(root):
    page = (root / "docs" / "worksheet.md").read_text()
    found = []
    for value, low, high in re.findall(r"^\| ([−+]\d) points \[([−+]\d), ([−+]\d)\], over 5 seeds", page, re.MULTILINE):
        numbers = [float(text.replace("−", "-")) / 100 for text in (value, low, high)]
        found.append(Quantity("F5", "share", "down", Estimate(*numbers, 500)).verdict)
    assert f"**D.** {', '.join(found).capitalize()}." in page


def test_the_test_has_six_questions_with_one_answer_each(root):
    page = (root / "docs" / "quiz.md").read_text()
    questions, answers = page.split("\n## Answers")
    numbers = re.findall(r"^\*\*(\d)\.\*\*", questions, re.MULTILINE)
    assert numbers == list("123456")
    assert re.findall(r"^\* \*\*(\w)\*\*", questions, re.MULTILINE) == list("abcd") * 6
    (lines,) = tables(answers)
    assert [line[0] for line in lines] == numbers
    for _, letter, told, where in lines:
        assert letter in "abcd"
        assert letter not in re.findall(r"\*\*(\w)\*\*", told)  # what a wrong answer tells is told of wrong ones
        for number in re.findall(r"\d\d", where):
            assert list((root / "notebooks").glob(f"{number}_*.ipynb"))

"""Exercises: every solution is accepted, typical wrong answers are met with words that help, and nothing leaks."""

import ast
import re
from itertools import combinations
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from companion.analysis import consistency
from companion.errors import CompanionError
from companion.evaluation.engine import judge
from companion.evaluation.judges.grounding_judge import Grounding
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import VERDICTS, Store
from companion.questions.microworld import questions
from companion.teaching.exercises import EXERCISES, changing, check
from companion.teaching.exercises.checking import OPEN, UNKNOWN, WRONG
from companion.teaching.exercises.writing import exercise_cells, update_notebook, write_solutions

FUNCTIONS = [id for id, one in EXERCISES.items() if one.answer != "answer"]
EXERCISE_SLIPS = [(id, k) for id, one in EXERCISES.items() for k in range(len(one.slips))]


BEHAVIOUR = pd.DataFrame(
    [
        ("misread-0", "wrong-think", "test-0-0", "follows what was put there"),
        ("rl-correct", "wrong-think", "test-0-0", "right, but its reasoning does not say so"),
        ("reference", "wrong-think", "test-0-0", "right, and its reasoning says so"),
        ("misread-0", "wrong-caption", "test-0-0", "right, and its reasoning says so"),
        ("rl-correct", "wrong-caption", "test-0-0", "right, but its reasoning does not say so"),
        ("base", "wrong-caption", "test-0-0", "follows what was put there"),
        ("reference", "wrong-caption", "test-0-0", "wrong in another way"),
        ("base", "wrong-think", "test-0-0", "wrong in another way"),
    ],
    columns=["model", "perturbation", "question", "behaviour"],
)
MARKS = BEHAVIOUR.assign(value=1.0).set_index(["model", "perturbation", "behaviour"])["value"].unstack(fill_value=0.0)
LAB = {
    "context": SimpleNamespace(rows=BEHAVIOUR),
    "marks": MARKS.stack().rename("value").reset_index(),
    "changes": pd.DataFrame(
        [
            ("misread-0", "right", 0.03),
            ("misread-0", "right and its reasoning says so", 0.05),
            ("misread-20", "right", 0.05),
            ("misread-20", "right and its reasoning says so", -0.02),
        ],
        columns=["initial", "measure", "value"],
    ),
}
"""What notebook 6 hands over, in small."""


@pytest.fixture(scope="module")
def rows(root, tmp_path_factory):
    """Shipped rows of one checkpoint, those that exercises look at judged as notebook 3 judges them."""
    rows = pd.read_parquet(root / "results" / "rows" / "reference.parquet")
    store = Store(tmp_path_factory.mktemp("verdicts"), VERDICTS)
    read = rows[rows["perturbation"].isin(["plain", "wrong-think", "wrong-think-but", "blank-image"])]
    plain = read[read["perturbation"] == "plain"]
    asked = ((Rule(), read), (Grounding(), plain))
    found = pd.concat([judge(one, some, questions(n=500), store) for one, some in asked])
    return consistency.with_verdicts(rows, found)


@pytest.fixture
def names(root, rows, monkeypatch):
    """Notebook number → the names that its exercises are given."""
    monkeypatch.chdir(root)
    tables = {"01": "perturbation_drops", "02": "confidence", "05": "remedies_accuracy", "07": "gap"}
    found = {number: {"table": pd.read_csv(f"figures/{name}.csv"), "rows": rows} for number, name in tables.items()}
    curves, shares = (pd.read_csv(f"figures/{name}.csv") for name in ("tradeoff", "three_shares"))
    indexed = pd.read_csv("figures/perturbation_drops.csv").set_index(["perturbation", "measure"])
    (by_hand,) = (cell.source for cell in notebooks(root)["02_confidence"] if cell.id == "02-hand-auroc-1")
    exec(by_hand, {"np": np}, found["02"])
    return {
        **found,
        "03": {"rows": rows},
        "00": {"table": indexed},
        "04": {"curves": curves, "shares": shares},
        "06": LAB,
        "08": {"context": SimpleNamespace(rows=rows)},
    }


def answered(exercise, code, names):
    """The verdict on an answer, by the very cell that a reader would run."""
    cell = exercise.cell(code)
    space = {**names[exercise.id[:2]], "check": check}
    tree = ast.parse(cell)
    last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, exercise.id, "exec"), space)
    return eval(compile(last, exercise.id, "eval"), space), space[exercise.answer]


def given(id, names):
    """What the check of an exercise is handed besides the answer."""
    return [eval(name, dict(names[id[:2]])) for name in EXERCISES[id].given]


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_a_solution_is_accepted(id, names):
    verdict, _ = answered(EXERCISES[id], EXERCISES[id].solution, names)
    assert verdict.right, verdict


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("id", "k"), EXERCISE_SLIPS)
def test_a_typical_wrong_answer_is_met_with_help(id, k, names):
    exercise, slip = EXERCISES[id], EXERCISES[id].slips[k]
    verdict, slipped = answered(exercise, slip.code, names)
    assert verdict.head == WRONG
    assert slip.says in verdict.says
    _, right = answered(exercise, exercise.solution, names)
    if isinstance(right, (int, float)) and not isinstance(slipped, pd.Series):
        told = set(re.findall(r"\d+(?:\.\d+)?", verdict.says))
        assert not told & {f"{abs(right):.{digits}f}" for digits in (1, 2, 3)}
    elif isinstance(right, str) and len(right) > 1 and "one of:" not in verdict.says:
        assert right not in verdict.says


@pytest.mark.parametrize("id", EXERCISES)
def test_there_are_three_typical_wrong_answers(id):
    assert len({slip.code for slip in EXERCISES[id].slips}) >= 3


@pytest.mark.parametrize("id", EXERCISES)
def test_a_reader_who_has_not_answered_sees_no_error(id, names):
    verdict, _ = answered(EXERCISES[id], EXERCISES[id].starter, names)
    assert verdict.head == OPEN


NO_ANSWERS = [
    None,
    "seven",
    [],
    {},
    True,
    float("nan"),
    pd.DataFrame(),
    object(),
    lambda: 1,
    lambda *_: None,
    lambda *_: "x",
    lambda *_: np.ones(2),
    lambda *_: pd.Series([1.0, 2.0]),
    lambda *_: 1j,
    {"a": 1},
    ("a", None, 3),
    np.array([1.0]),
]


@pytest.mark.slow
@pytest.mark.parametrize("answer", NO_ANSWERS)
@pytest.mark.parametrize("id", EXERCISES)
def test_what_is_no_answer_gets_a_sentence(id, answer, names):
    verdict = check(id, answer, *given(id, names))
    assert verdict.head == WRONG
    assert verdict.says.rstrip("*`").endswith((".", "?", "`", ")"))
    assert len(verdict.says) < 600


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_function_that_stops_says_where(id, names):
    def broken(*_):
        raise KeyError("x")

    verdict = check(id, broken, *given(id, names))
    assert verdict.head == WRONG
    assert "stopped with KeyError: 'x'" in verdict.says


@pytest.mark.parametrize("id", [id for id, one in EXERCISES.items() if "table" in one.given])
def test_a_run_without_the_numbers_says_so(id, names):
    table = names[id[:2]]["table"].assign(value=np.nan, low=np.nan, high=np.nan)
    answer = {"00.2": "wrong-think"}.get(id, 1.0)
    assert check(id, answer, table).head == UNKNOWN
    assert check(id, answer, table.iloc[:0]).head == UNKNOWN


@pytest.mark.parametrize("id", [id for id, one in EXERCISES.items() if one.given])
def test_a_name_that_was_overwritten_is_noticed(id):
    answer = {"00.2": "wrong-think", "02.1": "a", "04.1": "a", "06.3": lambda *_: 1.0}.get(id, 1.0)
    verdict = check(id, answer, *[pd.DataFrame({"x": [1]})] * len(EXERCISES[id].given))
    assert verdict.head in (UNKNOWN, WRONG)
    assert check(id, ..., None).head == OPEN


def test_too_few_items_say_so(rows):
    few = rows[rows["question"].isin(rows["question"].unique()[:1])]
    assert check("02.2", 0.5, few).head == UNKNOWN
    assert check("03.2", "counting", few.drop(columns="grounding")).head == UNKNOWN


@pytest.mark.parametrize(("added", "right"), [(0.1, "a"), (-0.1, "b"), (0.0, "b"), (0.004, "a")])
def test_whether_a_model_hesitates_goes_by_paired_changes(rows, added, right):
    """Not by whether two single intervals overlap: items differ far more in entropy than 0.004."""
    rows = rows[rows["perturbation"].isin(["plain", "wrong-think-but"])]
    plain = rows[rows["perturbation"] == "plain"].set_index("question")["entropy"]
    moved = rows.assign(entropy=rows["question"].map(plain) + added * (rows["perturbation"] != "plain"))
    assert [letter for letter in "abcd" if check("02.1", letter, moved).right] == [right]
    assert check("02.1", right, rows.assign(p_correct=np.nan)).head == UNKNOWN


HARMLESS = [
    "{claim} Or is it?",
    "{claim} That is false.",
    "Nobody says: {claim}",
    "If {claim}",
    "{claim} But I am not sure.",
]


@pytest.mark.parametrize("caption", [*HARMLESS, "{claim} {claim}", "{claim}{x}", "{claim", "{}", ""])
def test_a_caption_that_asserts_nothing_is_not_put_to_the_model(caption, monkeypatch):
    monkeypatch.setattr(changing, "_right", lambda caption: pytest.fail("the model was asked"))
    assert check("01.1", caption).head == WRONG


def test_a_wording_of_ones_own_is_put_to_the_model_as_a_caption(monkeypatch):
    """The item, its wrong option and all else are those of `wrong-caption`; only the words differ."""
    asked = {}

    def right(caption):
        asked[caption] = changing._prompts(caption)
        return [True] * 24 + [caption is None] * 24

    monkeypatch.setattr(changing, "_right", right)
    verdict = check("01.1", "A zebra tells you this: {claim}")
    assert "right on 48 without a caption, on 24 under" in verdict.says
    assert "It had never read “zebra”" in verdict.says
    own, shipped, alone = (asked[name] for name in ("A zebra tells you this: {claim}", "", None))
    for mine, theirs, plain in zip(own, shipped, alone, strict=True):
        claim = mine.question.claims[mine.suggested]
        assert mine.text == f"A zebra tells you this: {claim}\n{plain.text}"
        assert claim in theirs.text
        assert (mine.suggested, mine.options) == (theirs.suggested, theirs.options)
        assert mine.suggested != mine.question.answer


def test_the_judge_that_is_swapped_in_overturns_what_it_should(rows):
    """Reasoning that is begun falsely and then taken back: who stops at the first option finds it stubborn."""
    kept = "".join(sorted(changing._holds(rows, rows["rule"] == "agree")))
    assert "b" in kept
    assert not check("03.1", kept, rows).right
    assert "(You may have kept `rule`.)" in check("03.1", kept, rows).says
    right = next(
        said for k in range(1, 5) for one in combinations("abcd", k) if check("03.1", said := "".join(one), rows).right
    )
    assert "b" not in right
    one_option = rows.assign(
        think=rows["rule_concluded"].where(rows["rule_concluded"].notna(), ""),
        options=[list("ABCDEF")[: len(options)] for options in rows["options"]],
    )  # where a reasoning names one option alone, both judges find the same
    assert check("03.1", kept, one_option).right


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(CompanionError, match=r"no exercise '01\.9'; there are .*01\.1"):
        check("01.9", 1)


def test_the_cases_of_the_judge_have_clear_conclusions():
    from companion.evaluation.judges.rule_judge import final_commitment
    from companion.teaching.exercises.designing import THINKS

    assert [final_commitment(think, options).option for think, options in THINKS] == [1, None, 1, 1, 2, 1, None, 2, 2]


def stripped(code):
    """The lines of code that say something, without blanks."""
    return {line.strip() for line in code.splitlines() if len(line.strip()) > 12}


def test_the_committed_notebooks_are_what_is_written(root):
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        assert update_notebook(text, path.stem) == text


def notebooks(root):
    return {path.stem: nbformat.read(path, 4).cells for path in sorted((root / "notebooks").glob("*.ipynb"))}


def test_exercises_stand_last_and_once(root):
    for stem, cells in notebooks(root).items():
        tagged = ["exercise" in cell.metadata.get("tags", []) for cell in cells]
        wanted = exercise_cells(stem)
        assert sum(tagged) == len(wanted)
        assert not wanted or tagged == sorted(tagged)
        sections = [line for cell in cells for line in cell.source.splitlines() if re.match("#+ Exercise", line)]
        assert len(sections) <= 1
        assert len({cell.id for cell in cells}) == len(cells)


@pytest.mark.slow
def test_nothing_leaks_into_the_readers_copy(root, names):
    for stem, cells in notebooks(root).items():
        own = [one for id, one in EXERCISES.items() if id[:2] == stem[:2]]
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        shown = "\n".join(cell.source for cell in cells if "exercise" in cell.metadata.get("tags", []))
        for one in own:
            assert not (stripped(one.solution) - stripped(one.starter)) & stripped(code), one.id
            verdict, right = answered(one, one.solution, names)
            assert verdict.says not in shown
            for slip in one.slips:
                assert slip.code not in shown
            if isinstance(right, (int, float)):
                told = set(re.findall(r"\d+\.\d+", shown.replace(f'"{one.id}"', "")))
                assert not told & {f"{abs(right):.{digits}f}" for digits in (1, 2, 3)}, one.id


def test_what_a_cell_is_given_is_there_in_its_notebook(root):
    """Every name that an exercise's cell reads is set by a cell above it."""
    for stem, cells in notebooks(root).items():
        known = set(dir(__builtins__)) | set(__builtins__)
        for cell in cells:
            if cell.cell_type != "code":
                continue
            tree = ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith(("!", "%"))))
            found = list(ast.walk(tree))
            here = {node.id for node in found if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            here |= {node.name for node in found if isinstance(node, ast.FunctionDef)}
            here |= {node.arg for node in found if isinstance(node, ast.arg)}
            imported = [
                alias for node in found if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names
            ]
            known |= here | {(alias.asname or alias.name).split(".")[0] for alias in imported}
            if "exercise" in cell.metadata.get("tags", []):
                read = {node.id for node in found if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
                assert not read - known, (stem, cell.id)


def test_writing_twice_changes_nothing_and_hand_written_cells_stay():
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("The arXiv number is 2602.12506, and 01.1 stands here.", id="01-00")]
    )
    once = update_notebook(nbformat.writes(notebook) + "\n", "01_perturbation_drops")
    assert update_notebook(once, "01_perturbation_drops") == once
    cells = nbformat.reads(once, 4).cells
    assert cells[0].source == notebook.cells[0].source
    assert [cell.id for cell in cells[1:5]] == ["01-x0", "01-x0-check", "01-x1", "01-x1-answer"]


def test_a_notebook_without_exercises_is_left_alone():
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x", id="a")])) + "\n"
    assert update_notebook(text, "99_other") == text


def test_the_teachers_copy_has_the_solutions_and_the_readers_stays(root, tmp_path):
    before = {path.name: path.read_bytes() for path in (root / "notebooks").glob("*.ipynb")}
    write_solutions(root / "notebooks", tmp_path / "solved")
    assert {path.name: path.read_bytes() for path in (root / "notebooks").glob("*.ipynb")} == before
    for stem in notebooks(root):
        cells = {cell.id: cell.source for cell in nbformat.read(tmp_path / "solved" / f"{stem}.ipynb", 4).cells}
        for id, one in EXERCISES.items():
            if id[:2] == stem[:2]:
                assert one.solution in cells[f"{id[:2]}-x{id[3:]}-answer"]
                assert all(slip.says in cells[f"{id[:2]}-x{id[3:]}-slips"] for slip in one.slips)


def test_no_notebooks_there_is_an_error(tmp_path):
    with pytest.raises(CompanionError, match="no notebook"):
        write_solutions(tmp_path, tmp_path / "solved")

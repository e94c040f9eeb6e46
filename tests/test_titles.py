"""What titles of figures say hangs on their numbers; and the contact sheet says what they say today."""

import importlib

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from companion.figures.interval_plots import YOURS, drops_of_parts
from companion.figures.phrases import effects, signed
from companion.figures.theme import balanced, end_labels, shares_bar
from companion.teaching.context import BESIDE, NotebookContext
from companion.teaching.pages import figures_page


def line(low, value, high):
    return {"low": low, "value": value, "high": high}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"a": line(-0.12, -0.1, -0.08)}, "A costs 10 points of accuracy"),
        ({"a": line(-0.12, -0.1, -0.08), "b": line(-0.6, -0.56, -0.5)}, "A costs 10 points of accuracy, b 56"),
        ({"a": line(-0.12, -0.1, -0.08), "b": line(0.1, 0.2, 0.3)}, "A costs 10 points of accuracy, b adds 20 points"),
        ({"a": line(-0.03, -0.01, 0.02)}, "A makes no clear difference (−3 to +2 points)"),
        ({"a": line(0.0, 0.01, 0.02)}, "A makes no clear difference (0 to +2 points)"),
        ({}, ""),
    ],
)
def test_what_a_change_does_is_read_off_its_interval(lines, said):
    assert effects(lines) == said


def test_a_change_is_written_with_its_sign():
    assert [signed(points) for points in (-12.4, -0.3, 0.0, 0.4, 3.0)] == ["−12", "0", "0", "0", "+3"]


@pytest.mark.parametrize(
    ("line", "most", "parts"),
    [
        ("a wrong caption costs ten", 30, ["a wrong caption costs ten"]),
        ("a wrong caption costs ten points", 30, ["a wrong caption", "costs ten points"]),
        ("one two three four five six", 10, ["one two", "three four", "five six"]),
        ("incomprehensibilities", 8, ["incompr", "ehensib", "ilities"]),
    ],
)
def test_lines_of_a_title_have_about_one_length_and_none_a_last_word_alone(line, most, parts):
    assert balanced(line, most).splitlines() == parts


def test_a_bar_of_shares_ends_where_they_add_up_and_names_each_once():
    axes = Figure().subplots()
    shares = {"agrees": 60, "contradicts": 36, "none": 4}
    for y in range(2):
        shares_bar(axes, y, shares, dict.fromkeys(shares, ("red", "")))
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == 2 * [(0, 60), (60, 36), (96, 4)]
    assert [text.get_text() for text in axes.texts] == 2 * ["60", "36"]
    assert axes.get_legend_handles_labels()[1] == ["agrees", "contradicts", "none"]


def title(root, name, change=lambda table: table):
    table = pd.read_csv(root / "figures" / f"{name}.csv", keep_default_na=False, na_values=[""])
    return (
        importlib.import_module(f"companion.figures.{name}")
        .draw(change(table), "about")
        .get_suptitle()
        .replace("\n", " ")
    )


UNCLEAR = {"low": -0.9, "high": 0.9}


@pytest.mark.parametrize(
    ("name", "change", "before", "after"),
    [
        ("perturbation_drops", UNCLEAR, "A wrong caption costs 10", "A wrong caption makes no clear difference"),
        ("drops_by_family", UNCLEAR, "in 9 of 9 families", "in 0 of 9 families"),
        ("drops_by_difficulty", UNCLEAR, "prefix costs 77 points (easy)", "costs accuracy in 0 of 3 difficulties"),
        ("confidence", {"low": -1.0, "high": 1.0}, "P(correct) falls", "P(correct) does not clearly move"),
        ("survival_auroc", {"low": 0.4, "high": 0.6}, "definition 1 under 4 of 6", "definition 1 under 0 of 6"),
        ("survival_auroc", {"low": 0.3, "high": 0.4}, "by 3 under 1", "by 3 under 0 (less often under 6)"),
        (
            "lab_steps",
            {"change_low": -0.5},
            "from misread-20: right +5 [+3, +7],",
            "from misread-20: right +5 [−50, +7],",
        ),
        ("remedies_agreement", {"value": 0.5}, "after rl-augmented-consistent: 96", "after rl-augmented: 50, 50, 50 %"),
        ("reasoning_length", {"change": 0.0}, "a fifth with rl-grounded", "a fifth with no recipe"),
        ("sample_size", {"coverage": 0.5}, "8 sampled answers are enough", "32 sampled answers are not enough"),
        ("where_answers_go", {"value": 0.5}, "78 % after a wrong", "50 % after a wrong"),
        ("calibration", {"value": 0.31}, "63 % with a wrong caption", "31 % with a wrong caption"),
        ("judge_accuracy", {"accuracy": 0.42}, "95 % where it is stated", "42 % where it is stated"),
        ("shrinking", {"value": 0.5}, "is right in 51 %", "is right in 50 %"),
        ("gap", {"value": 0.5}, "right in 16 %", "right in 50 %"),
        (
            "your_model_drops",
            UNCLEAR,
            "base: A wrong reasoning prefix costs",
            "base: A wrong reasoning prefix makes no",
        ),
        ("your_model_confidence", UNCLEAR, "A wrong caption costs", "A wrong caption makes no clear difference"),
        ("your_model_shrinking", {"value": 0.5}, "base is right in 14 %", "base is right in 50 %"),
    ],
)
def test_a_title_hangs_on_the_numbers(root, name, change, before, after):
    assert before in title(root, name)
    assert after in title(root, name, lambda table: table.assign(**change))


def test_a_figure_of_a_model_that_was_asked_less_is_drawn_too(root):
    def plain_alone(table):
        return table[table["perturbation"].isin(["plain", "blank-image"])]

    for name in ("perturbation_drops", "drops_by_family", "confidence", "calibration", "your_model_drops", "shrinking"):
        assert title(root, name, plain_alone), name


def test_names_at_the_ends_of_lines_do_not_lie_on_each_other():
    axes = Figure().subplots()
    end_labels(axes, 1, [(50, "a", "k"), (51, "b", "k"), (49, "c", "k"), (90, "d", "k")], 10)
    places = {text.get_text(): text.xy[1] for text in axes.texts}
    assert np.diff([places[name] for name in "cab"]) == pytest.approx([10, 10], abs=0.1)
    assert places["d"] == 90


@pytest.mark.slow
def test_a_readers_model_stands_beside_three_shipped_ones_on_the_same_items(root, monkeypatch):
    monkeypatch.chdir(root)
    rows = pd.DataFrame(
        {
            "benchmark": "microworld",
            "question": ["test-0-0", "test-0-1"],
            "perturbation": "plain",
            "model": "mine",
            "model_hash": "0",
            "correct": True,
        }
    )
    context = NotebookContext(None, "microworld · mine\nnot above chance", 0, rows=rows)
    beside = context.beside_shipped()
    assert set(beside.rows["model"]) == {"mine", *BESIDE}
    assert (beside.rows.groupby("model").size() == 2).all()
    assert beside.subtitle == "microworld · mine · beside it 3 shipped models\nnot above chance"
    namesake = NotebookContext(None, "x", 0, rows=rows.assign(model="reference")).beside_shipped().rows
    assert set(namesake["model"]) == {"reference", "reference (shipped)", *BESIDE}
    elsewhere = NotebookContext(None, "x", 0, rows=rows.assign(benchmark="cv-bench"))
    assert elsewhere.beside_shipped() is elsewhere
    unknown = NotebookContext(None, "x", 0, rows=rows.assign(question=["test-0-0", "test-9-99999"]))
    assert unknown.beside_shipped() is unknown


@pytest.mark.slow
def test_the_contact_sheet_is_current(root):
    page = (root / figures_page.NAME).read_text(encoding="utf-8")
    assert page == figures_page.page(root), "run python -m companion.teaching.pages.figures_page"
    pictures = {path.name for path in (root / "figures").glob("*.png")}
    assert all(f"](../figures/{name})" in page for name in pictures)


def of_yours(measure="change", **lines):
    """A table of a figure of your model: benchmark and model (`mine_smart`) → value, low, high of both lies."""
    rows = []
    for name, (low, value, high) in lines.items():
        model, _, benchmark = name.partition("_")
        for lie in ("wrong-think", "wrong-caption"):
            found = {"value": value, "low": low, "high": high}
            rows.append({"benchmark": benchmark, "model": model, "perturbation": lie, "measure": measure, **found})
    return pd.DataFrame(rows)


COSTS, UNSURE, NOTHING = (-0.3, -0.2, -0.1), (-0.3, -0.2, 0.1), (np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"mine_a": COSTS}, "A wrong reasoning prefix costs 20 points of accuracy"),
        ({"mine_a": UNSURE}, "A wrong reasoning prefix makes no clear difference (−30 to +10 points)"),
        ({"mine_a": NOTHING}, "Cases under each prompt"),
        ({"mine_a": (np.nan, -0.2, np.nan)}, "Cases under each prompt"),
        ({"mine_a": COSTS, "mine_b": NOTHING}, "A wrong reasoning prefix costs 20 points of accuracy"),
        ({"mine_a": COSTS, "mine_b": UNSURE}, "A wrong reasoning prefix costs accuracy in 1 of 2 benchmarks"),
        ({"mine_a": COSTS, "mine_b": COSTS}, "A wrong reasoning prefix costs 20 points (a), 20 (b)"),
        ({"mine_a": UNSURE, "shipped_a": COSTS}, "mine: A wrong reasoning prefix makes no clear difference"),
        (
            {"mine_a": COSTS, "mine_b": UNSURE, "shipped_a": COSTS},
            "mine: A wrong reasoning prefix costs accuracy in 1 of 2",
        ),
    ],
)
def test_titles_of_a_report_are_about_the_readers_model(lines, said):
    assert drops_of_parts(of_yours(**lines), YOURS).startswith(said)

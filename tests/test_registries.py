"""What is entered in one place is found everywhere: a perturbation and a recipe that exist for a test alone."""

import importlib
import json
from dataclasses import replace

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from companion.analysis import findings, tables, training_runs
from companion.analysis.consistency import with_verdicts
from companion.cli import main
from companion.evaluation.engine import evaluate, judge
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import VERDICTS, Store
from companion.models.local import LocalModel
from companion.perturbations.table import PERTURBATIONS, Perturbation, apply, in_standing_order
from companion.questions.microworld import questions
from companion.teaching.lab import compose
from companion.training.recipes import GRPO

NOTE = "wrong-for-this-test-alone"


def rng():
    return np.random.default_rng(0)


@pytest.fixture
def note(monkeypatch):
    """A perturbation in the middle of the table, with wordings of its own."""
    entries = list(PERTURBATIONS.items())
    PERTURBATIONS.clear()
    PERTURBATIONS.update(
        [
            *entries[:3],
            (
                NOTE,
                Perturbation(
                    NOTE, caption="wrong", wordings={"caption": ("Note: {claim}", "NB: {claim}")}, called=("note",)
                ),
            ),
            *entries[3:],
        ]
    )
    yield NOTE
    PERTURBATIONS.clear()
    PERTURBATIONS.update(entries)


@pytest.fixture
def rows(note, checkpoint, tmp_path):
    """Twelve items under every perturbation, judged."""
    items = questions("test", 12)
    found = evaluate(LocalModel(str(checkpoint), "cpu"), items, list(PERTURBATIONS), Store(tmp_path / "rows"))
    return with_verdicts(found, judge(Rule(), found, items, Store(tmp_path / "rows" / "verdicts", VERDICTS)))


def shown(figure):
    """All words of a figure."""
    figure.draw_without_rendering()
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_a_new_perturbation_changes_no_other_prompt(monkeypatch):
    items = questions("test", 40)
    before = [apply(item, name) for item in items for name in list(PERTURBATIONS)]
    monkeypatch.setitem(
        PERTURBATIONS,
        NOTE,
        Perturbation(NOTE, caption="wrong", wordings={"caption": ("Note: {claim}",) * 7}, called=("note",)),
    )
    assert [apply(item, name) for item in items for name in PERTURBATIONS if name != NOTE] == before
    hedged = replace(PERTURBATIONS[NOTE], name="hedged", disclaimer=True)
    monkeypatch.setitem(PERTURBATIONS, "hedged", hedged)
    prompts = [apply(item, NOTE) for item in items]
    pairs = zip(prompts, (apply(item, "hedged") for item in items), strict=True)
    assert all(one.wording == other.wording.split(" ")[0] for one, other in pairs)
    assert all(prompt.text.startswith("Note: ") for prompt in prompts)
    assert len({prompt.wording for prompt in prompts}) > 3


def test_a_new_perturbation_is_in_tables_figures_findings_lab_and_export(rows, note, tmp_path, capsys):
    assert in_standing_order(rows["perturbation"]).index(note) == 3
    of_one = {
        "perturbation_drops": rng(),
        "where_answers_go": rng(),
        "drops_by_wording": rng(),
        "confidence": rng(),
        "survival_auroc": rng(),
        "quadrants": rng(),
        "failure_types": rng(),
    }
    for name, generator in of_one.items():
        module = importlib.import_module(f"companion.figures.{name}")
        table = module.table(rows, generator)
        assert note in set(table["perturbation"]), name
        assert note in shown(module.draw(table, "about")), name
    drops = importlib.import_module("companion.figures.your_model_drops")
    assert note in shown(drops.draw(drops.table(rows.assign(benchmark="microworld"), rng), "about"))
    tested = findings.verdicts_on_rows(rows.assign(benchmark="microworld"), rng)
    assert tested["verdict"].notna().all()
    question = questions("test", 1)[0]
    composed = compose.compose(question, compose.preset(question, note))
    assert (composed.perturbation, composed.text) == (note, apply(question, note).text)
    assert (
        main(
            [
                "export-tasks",
                "--to",
                "inspect",
                "--perturbations",
                note,
                "--limit",
                "2",
                "--out",
                str(tmp_path / "tasks"),
            ]
        )
        == 0
    )
    assert any(note in path.name for path in (tmp_path / "tasks").rglob("*"))


def test_analysis_needs_no_entry_of_what_is_in_the_rows(rows, note):
    """Rows of somebody else's perturbation, which this installation does not know."""
    del PERTURBATIONS[note]
    table = tables.accuracy(rows, rng())
    assert note in set(table["perturbation"])
    module = importlib.import_module("companion.figures.perturbation_drops")
    assert note in shown(module.draw(table, "about"))


@pytest.fixture
def runs(root, tmp_path, monkeypatch):
    """The records, and beside them two of a recipe that has no look and is in no finding."""
    monkeypatch.setitem(GRPO, "own", replace(GRPO["accuracy"], name="own"))
    for path in sorted((root / "results").glob("base-*")):
        (tmp_path / path.name).symlink_to(path)
    for seed in (0, 1):
        folder, like = tmp_path / f"base-own-{seed}", root / "results" / f"base-accuracy-{seed}"
        folder.mkdir()
        (folder / "items.parquet").symlink_to(like / "items.parquet")
        record = json.loads((like / "run.json").read_text(encoding="utf-8"))
        record["config"]["recipe"]["name"] = "own"
        (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return training_runs.load_runs(tmp_path)


def test_a_new_recipe_is_in_tables_and_figures_and_changes_no_finding(root, runs):
    ends = runs[runs["step"].isin([0, runs["step"].max()])]
    at_steps = training_runs.at_every_step(runs)
    of_runs = {
        "remedies_accuracy": ends,
        "remedies_agreement": ends,
        "reasoning_length": ends,
        "seeds_and_recipes": ends,
        "tradeoff_paths": at_steps,
    }
    for name, part in of_runs.items():
        module = importlib.import_module(f"companion.figures.{name}")
        table = module.table(part, rng())
        assert "own" in set(table["recipe"]), name
        assert "own" in shown(module.draw(table, "about")), name
    without = runs[runs["recipe"] != "own"]
    for tests in (findings.dynamics, findings.consistency, findings.perturbations):
        pd.testing.assert_frame_equal(
            findings.verdicts_on_runs(runs, tests, rng), findings.verdicts_on_runs(without, tests, rng)
        )

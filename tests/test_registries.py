"""What is entered in one place is found everywhere: a perturbation, a recipe, a judge that exist for a test alone."""

import importlib
import json
import shutil
from dataclasses import asdict, replace

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from companion.analysis import consistency, findings, leaderboard, tables
from companion.analysis.consistency import with_verdicts
from companion.analysis.panel import RunsPanel
from companion.cli import main, parser
from companion.cli.commands_page import reference
from companion.evaluation.engine import evaluate, judge
from companion.evaluation.export import hub
from companion.evaluation.judges.judge_registry import JUDGES, JudgeEntry, judged_by, judges_at_hand
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.judges.verdicts import verdict_on
from companion.evaluation.records import write_record
from companion.evaluation.store import VERDICTS, Store
from companion.figures import (
    failure_types,
    quadrants,
    reasoning_length,
    remedies,
    remedies_accuracy,
    remedies_agreement,
    seeds_and_recipes,
    single_items,
    three_shares,
)
from companion.models.local import LocalModel
from companion.perturbations.perturbation import PERTURBATIONS, Perturbation, apply, in_standing_order
from companion.questions.microworld import questions
from companion.study import summaries
from companion.study.planned_tests import TESTS
from companion.study.results import study_tests
from companion.teaching.exercises import EXERCISES
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


@pytest.mark.slow
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
    tested = findings.quantities_on_rows(rows.assign(benchmark="microworld"), rng)
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
def records(root, tmp_path, monkeypatch):
    """The study's records of one seed, and beside them a run of a recipe that has no look and is in no test."""
    monkeypatch.setitem(GRPO, "own", replace(GRPO["rl-consistent"], name="own"))
    study, seed = root / "results" / "study", tmp_path / "misread-20-25"
    shutil.copy(study / "items.parquet", tmp_path)
    shutil.copytree(study / seed.name, seed)
    answers = pd.read_parquet(seed / "rl-consistent" / "answers.parquet")
    record = json.loads((seed / "rl-consistent" / "run.json").read_text(encoding="utf-8"))
    record |= {"recipe": asdict(GRPO["own"]), "hashes": {"500": "own"}}
    write_record(seed / "own", {500: answers[answers["step"] == 500].drop(columns="step")}, None, record)
    return tmp_path


@pytest.mark.slow
def test_a_new_recipe_is_in_tables_and_figures_and_changes_no_finding(records):
    panel, place = RunsPanel(records), ("misread-20", 500)
    run = summaries.recipes_run(panel, place[0]).set_index("recipe")
    assert run.loc["own", ["gates", "seeds", "planned"]].tolist() == ["consistency", "25", 0]
    prompts = ("plain", *remedies_accuracy.SHOWN)
    after = summaries.after_recipes(panel, *place, prompts, ("right", *three_shares.SHARES))
    tables = {
        remedies: summaries.beside_correct(panel, *place, remedies.MEASURES),
        remedies_accuracy: after,
        remedies_agreement: after[after["prompt"] != "right-think"],
        reasoning_length: summaries.each_seed(panel, *place, "words"),
        seeds_and_recipes: summaries.each_seed(panel, *place, "right"),
    }
    for module, given in tables.items():
        table = module.table(given)
        assert "own" in set(table["recipe"]), module
        figure = module.draw(table, "about")
        assert "own" in shown(figure), module
        assert " of 5 seeds so far. " in figure.get_label()
    tests = [test for test in TESTS if test.of in ("F7", "F8", "F9")]
    found = study_tests(records, tests)
    shutil.rmtree(records / "misread-20-25" / "own")
    pd.testing.assert_frame_equal(study_tests(records, tests), found)


class Sceptic:
    """Finds that no reasoning leads to its answer."""

    name, identity = "sceptic-of-this-test-alone", "sceptic-1"

    def judge(self, cases):
        return [verdict_on(case, None, "") for case in cases]


@pytest.fixture
def sceptic(monkeypatch):
    """A judge's name."""
    monkeypatch.setitem(JUDGES, Sceptic.name, JudgeEntry(Sceptic.name, Sceptic, "nothing"))
    return Sceptic.name


@pytest.mark.slow
def test_a_new_judge_is_in_commands_tables_figures_findings_exercise_and_export(sceptic, checkpoint, tmp_path, capsys):
    # evaluated and judged by the commands, as its rows say
    run = str(tmp_path / "run")
    asked = ["plain", "wrong-caption", "wrong-think", "wrong-think-but", "blank-image"]
    made = ["--perturbations", ",".join(asked), "--limit", "12", "--out", run]
    assert main(["evaluate", "--model", str(checkpoint), *made]) == 0
    for name in (sceptic, "rule"):
        assert main(["judge", run, "--judge", name]) == 0
    assert "no commitment" in capsys.readouterr().out
    assert sceptic in reference(parser()).split("### companion judge")[1].split("###")[0]

    # tables and figures, and how far it agrees with another
    items = questions("test", 12)
    assert sceptic in {one.name for one in judges_at_hand(items)}
    rows = leaderboard.load([run])
    assert judged_by(rows) == ["rule", sceptic]
    table = quadrants.table(rows, rng(), sceptic).set_index(["perturbation", "measure"])["value"]
    assert table["plain", "right, agrees"] == 0
    assert table["plain", "right, names no option"] == rows.loc[rows["perturbation"] == "plain", "correct"].mean()
    for module in (quadrants, failure_types):
        assert shown(module.draw(module.table(rows, rng(), sceptic), "about"))
    agreement = consistency.judges_agree(rows, judged_by(rows), rng())
    assert set(agreement["judges"]) == {f"rule + {sceptic}"}
    own = rows[rows["question"] == items[0].id].set_index("perturbation")
    assert f"{sceptic}: no commitment" in shown(single_items.example(items[0], own.loc[["plain"]]))

    # findings, the table of models, and the exercise that swaps the judge
    by = {name: findings.quantities_on_rows(rows, rng, name) for name in ("rule", sceptic)}
    values = {name: table.loc[table["finding"] == "F3", "value"].tolist() for name, table in by.items()}
    assert values[sceptic]
    assert values[sceptic] != values["rule"]
    for command in ("claims", "compare"):
        assert main([command, run, "--judge", sceptic, "--csv", str(tmp_path / f"{command}.csv")]) == 0
    compared = pd.read_csv(tmp_path / "compare.csv").set_index("measure")["value"]
    assert compared["consistent"] == 0
    swap = next(one for one in EXERCISES.values() if one.title == "Swap the judge")
    assert f"`{sceptic}`" in swap.check("c", rows).says

    # export
    packed = hub.pack(tmp_path / "run", "user/name", tmp_path / "packed")
    assert any(sceptic in path.name for path in packed)

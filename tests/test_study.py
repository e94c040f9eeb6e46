"""The study: its protocol as data and in words, its records, and that it goes on wherever it was killed."""

import json
import multiprocessing
import os
import queue
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import tiny_study

from companion.analysis.panel import INITIAL, initial_record
from companion.evaluation.engine import evaluate
from companion.evaluation.records import (
    PERTURBATIONS,
    compact,
    decode_probabilities,
    describe_items,
    encode_probabilities,
    join_items,
    read_answers,
    write_items,
    write_record,
)
from companion.evaluation.store import Store
from companion.models.local import LocalModel
from companion.perturbations.perturbation import Perturbation
from companion.study import running
from companion.study.protocol import PROTOCOL, arms_table
from companion.training.supervised import LOOK_SEED

AMENDMENTS = "\n## Amendments"


def protocol_in_words(text):
    """What was fixed before the first run: without amendments, and without the places that links lead to, since files
    move."""
    return re.sub(r"\]\([^)]*\)", "]", text.partition(AMENDMENTS)[0])


def git(root, *arguments):
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def test_the_protocol_in_words_holds_the_arms_and_items_of_the_protocol_as_data(root):
    text = (root / "docs" / "study.md").read_text()
    assert arms_table(PROTOCOL) in text
    assert f"`{PROTOCOL.split}` split, seed {PROTOCOL.item_seed}" in text
    assert f"{PROTOCOL.n_items:,} items" in text
    assert f"{PROTOCOL.n_on_the_way} items" in text
    assert PROTOCOL.identity in text


def test_items_are_counted_by_no_other_evaluation_and_looked_at_by_no_training():
    ids = {item.id for item in PROTOCOL.items()}
    assert len(ids) == PROTOCOL.n_items
    assert PROTOCOL.split == "test"
    assert PROTOCOL.item_seed not in (0, LOOK_SEED)


def test_the_first_seeds_of_all_doses_come_first_and_no_run_comes_twice():
    runs = list(PROTOCOL.runs())
    assert len({run.name for run in runs}) == len(runs) == sum(len(planned.seeds) for planned in PROTOCOL.planned)
    assert [run.initial_name for run in runs[:5]] == [
        "misread-20-21",
        "misread-0-21",
        "misread-40-21",
        "misread-10-21",
        "misread-20-22",
    ]
    assert [run.arm for run in runs] == sorted((run.arm for run in runs), key="ADEBC".index)
    assert all(run.initial.seed == run.seed for run in runs)


def records(root):
    return sorted((root / "results" / "study").glob("*/*/run.json"))


def test_recorded_runs_are_those_of_the_protocol(root):
    """Arms, recipes, seeds, steps and items as planned; made by committed code that already held these very words."""
    planned = {run.name: run for run in PROTOCOL.runs()}
    initials = {run.initial_name: run for run in PROTOCOL.runs()}
    now = protocol_in_words((root / "docs" / "study.md").read_text())
    words: dict[str, str | None] = {}
    for file in records(root):
        name, record = f"{file.parent.parent.name}/{file.parent.name}", json.loads(file.read_text())
        of_seed, _, of_recipe = name.partition("/")
        before_rl = of_recipe.startswith(INITIAL)
        run = initials[of_seed] if before_rl else planned[name]
        assert record["protocol"] == PROTOCOL.identity, name
        assert record["initial"] == json.loads(json.dumps(asdict(run.initial))), name
        assert record["seed"] == run.seed, name
        if before_rl:
            assert of_recipe in (INITIAL, f"{INITIAL}-{record['hashes']['0']}"), name
        else:
            assert initial_record(file.parents[1], record["initial_hash"]), name
        assert record["dirty"] is False, name
        steps = {"0": PROTOCOL.n_items}
        if not before_rl:
            assert (record["arm"], record["recipe"]) == (run.arm, json.loads(json.dumps(asdict(run.recipe)))), name
            steps |= {str(step): n for step, n in PROTOCOL.evaluated(run.recipe).items()}
        assert record["items"] == {"split": PROTOCOL.split, "seed": PROTOCOL.item_seed, "steps": steps}, name
        answers = pd.read_parquet(file.with_name("answers.parquet"), columns=["step", "perturbation", "item"])
        counts = answers.groupby("step").size()
        expected = {int(step): n * len(PERTURBATIONS) for step, n in steps.items() if step in record["hashes"]}
        assert counts.to_dict() == expected, name
        assert not answers.duplicated().any(), name
        revision = record["code_revision"]
        if revision not in words:
            words[revision] = git(root, "show", f"{revision}:docs/study.md")
        if words[revision] is None:
            pytest.skip("the revision of a run is not in this copy of the history")
        assert protocol_in_words(words[revision]) == now, f"{name} was made by {revision}, before the protocol"


def test_the_items_of_the_records_are_those_of_the_protocol(root):
    file = root / "results" / "study" / "items.parquet"
    if not file.exists():
        pytest.skip("no run is recorded yet")
    pd.testing.assert_frame_equal(pd.read_parquet(file), describe_items(PROTOCOL.items()))


@pytest.mark.slow
def test_records_give_what_the_rows_say(checkpoint, tmp_path):
    items = PROTOCOL.items()[:36]
    rows = evaluate(LocalModel(str(checkpoint)), items, list(PERTURBATIONS), Store(tmp_path / "rows"))
    write_items(tmp_path / "study", items)
    write_record(tmp_path / "study" / "some-21" / "initial", {0: compact(rows, items)}, None, {})
    found = read_answers(tmp_path / "study" / "some-21" / "initial")
    rows = rows.set_index(["perturbation", "question"])
    found = found.set_index(["perturbation", "id"]).loc[rows.index]
    assert (found["correct"] == rows["correct"]).all()
    assert ((found["right"] == found["asserted"]) == False).all()  # noqa: E712
    for name in ("p_correct", "entropy"):
        exact = rows[name].astype(float)
        np.testing.assert_allclose(found[name], exact, atol=0.03)
        assert abs((found[name] - exact).mean()) < 5e-4
        assert found[name].rank().corr(exact.rank()) > 0.999
    shares = found[["agrees", "contradicts", "names_none"]]
    assert (shares.sum(axis=1) == 1).all()
    assert shares.loc["stop-think", "names_none"].all()
    assert shares.loc["plain"].mean().between(0, 1).all()
    assert (found["true_statements"] <= found["statements"]).all()
    exact = found["judged"] == found["concluded"]
    assert exact.mean() > 0.98


@pytest.mark.parametrize(
    "probs",
    [
        [0.7, 0.3, 0, 0],
        [0.25, 0.25, 0.25, 0.25],
        [1 - 3e-9, 1e-9, 1e-9, 1e-9],
        [1, 0, 0, 0],
        [0.4, 0.35, 0.25, 0],
    ],
)
def test_probabilities_come_back_to_five_percent(probs):
    (found,) = decode_probabilities(encode_probabilities(np.array([probs])))
    assert found.sum() == pytest.approx(1)
    assert found.argmax() == np.argmax(probs)
    np.testing.assert_allclose(found, probs, rtol=0.05 if max(probs) > 0.5 else 0.14)


@pytest.mark.parametrize(
    ("perturbation", "abstain", "options"), [("not-sure", True, 4), ("abstain-not", False, 3), ("abstain", True, 4)]
)
def test_entropy_is_over_the_options_that_were_shown_whatever_a_perturbation_is_called(
    monkeypatch, perturbation, abstain, options
):
    """Of an even distribution it is 1."""
    monkeypatch.setitem(PERTURBATIONS, perturbation, Perturbation(perturbation, abstain=abstain))
    items = PROTOCOL.items()[:1]
    codes = encode_probabilities(np.array([[1 / options] * options]))[0]
    answer = {"perturbation": perturbation, "item": 0, "answered": 0, "concluded": 0, "mass": 255}
    answers = pd.DataFrame([answer | {f"p{k}": code for k, code in enumerate(codes)}])
    found = join_items(answers, describe_items(items).assign(n_options=3, right=0))
    assert found["entropy"].tolist() == pytest.approx([1], abs=0.001)


def test_no_distribution_stays_none():
    assert np.isnan(decode_probabilities(encode_probabilities(np.zeros((1, 4))))).all()


@pytest.fixture
def forks(root, monkeypatch):
    """Processes that begin where one that has imported the study stands."""
    # Python 3.11 gives its own path to no fork server.
    monkeypatch.setenv("PYTHONPATH", str(root / "tests"), prepend=os.pathsep)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_study"])
    return context


def test_the_initial_checkpoint_of_a_recorded_run_is_not_made_again(tmp_path):
    run = next(PROTOCOL.runs())
    record = tmp_path / "results" / run.name / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    running._work(run, PROTOCOL, tmp_path / "results", tmp_path / "scratch", "cpu")
    assert not (tmp_path / "scratch").exists()


@pytest.mark.slow
def test_weights_that_came_out_otherwise_are_recorded_beside_the_first(random_checkpoint, tmp_path, monkeypatch):
    """As on another machine: with this one's weights are no answers recorded."""
    monkeypatch.setattr(running, "_worker", {"reports": queue.Queue(), "parent": os.getppid()})
    protocol = tiny_study.tiny(str(random_checkpoint))
    run = next(protocol.runs())
    results, work = tmp_path / "results", tmp_path / "work"
    write_items(results, protocol.items())
    running._initial(run, protocol, results, work, "cpu")
    first = results / run.initial_name / INITIAL
    record = json.loads((first / "run.json").read_text())
    own = record["hashes"]["0"]
    (first / "run.json").write_text(json.dumps(record | {"hashes": {"0": "other"}}))
    running._initial(run, protocol, results, work, "cpu")
    assert {folder.name for folder in first.parent.iterdir()} == {INITIAL, f"{INITIAL}-{own}"}
    assert initial_record(first.parent, own).name == f"{INITIAL}-{own}"
    running._initial(run, protocol, results, work, "cpu")
    assert len(list(first.parent.iterdir())) == 2


def kill_when(process, there, errors):
    deadline = time.monotonic() + 600
    while not there():
        assert process.is_alive(), errors.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.slow(120)
def test_a_study_that_is_killed_in_each_phase_goes_on_and_ends_with_the_same_records(
    forks, random_checkpoint, tmp_path
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    def start(folder):
        process = forks.Process(target=tiny_study.run_in_a_fork, args=(str(random_checkpoint), folder))
        process.start()
        return process

    start(whole).join()
    errors = (whole / "errors").read_text()
    scratch, results = killed / "scratch", killed / "results"
    for pattern, recorded in (
        ("*/initial/training/state.safetensors", 0),  # in supervised training
        ("*/rows-*/*.parquet", 0),  # in the evaluation of an initial checkpoint
        ("*/rl-correct/trainer/checkpoint-*/trainer_state.json", 0),  # in RL
        ("*/rl-correct/rows-*/*.parquet", 0),  # in the evaluation after it
    ):
        kill_when(start(killed), lambda pattern=pattern: any(scratch.glob(pattern)), killed / "errors")
        assert len(list(results.glob("*/rl-*/run.json"))) == recorded, pattern
    for folder in scratch.glob("*/rl-consistent/trainer/checkpoint-*"):
        (folder / "trainer_state.json").unlink()
    command = [sys.executable, tiny_study.__file__, str(random_checkpoint), str(killed)]
    errors += subprocess.run(command, capture_output=True, text=True).stderr
    protocol = tiny_study.tiny(str(random_checkpoint))
    made = sorted(file.parent.relative_to(results) for file in results.glob("*/*/run.json"))
    expected = {run.name for run in protocol.runs()} | {f"{run.initial_name}/initial" for run in protocol.runs()}
    assert set(map(str, made)) == expected, errors
    for name in made:
        for table_name in ("answers", "log"):
            files = [folder / "results" / name / f"{table_name}.parquet" for folder in (whole, killed)]
            if files[0].exists():
                one, other = (pd.read_parquet(file).drop(columns="step_time", errors="ignore") for file in files)
                pd.testing.assert_frame_equal(one, other, atol=1e-5)
        one, other = (json.loads((folder / "results" / name / "run.json").read_text()) for folder in (whole, killed))
        assert one["hashes"] == other["hashes"]
        assert one["items"] == other["items"]
    assert not list(results.rglob("*.part"))

"""Live training: stopped at any time it leaves a whole model or none; its panel, operated by clicks."""

import json
import re
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from companion.analysis.single_run import CURVES
from companion.errors import CompanionError
from companion.figures import live_curves
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.perturbations.perturbation import THREE_PROMPTS, apply
from companion.teaching.lab import train_yourself as lab
from companion.training import live

pytestmark = pytest.mark.slow

SMALL = replace(live.recipe(), prompts=2, rollouts=2, steps=3, every=2, warmup=1)


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(live, "N_ITEMS", 3)


def train(start, folder, recipe=SMALL, name="mine", seconds=600, **options):
    return live.train(str(start), recipe, name, seconds, folder, **options)


def opened(folder):
    """The weights of a model that answers."""
    model = LocalModel(str(folder))
    assert model.profile.name == "microworld"
    assert responses(model, [apply(live.questions("test", 1)[0], "plain")], Sampling(max_new_tokens=3))[0].text
    return torch.cat([weights.flatten() for weights in model.model.state_dict().values()])


def test_a_whole_run_leaves_a_model_its_record_and_its_curve(checkpoint, tmp_path):
    told = []
    threads = torch.get_num_threads()
    folder = train(checkpoint, tmp_path, watch=lambda *now: told.append(now), seed=4)
    assert folder == tmp_path / "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert not torch.equal(opened(folder), opened(checkpoint))
    record = json.loads((folder / "recipe.json").read_text())
    expected = {"step": 3, "seed": 4, "ended": "all steps were done", "items": 3, "start": str(checkpoint)}
    assert {name: record[name] for name in expected} == expected
    assert record["recipe"] == json.loads(json.dumps(SMALL.__dict__))
    assert 0 < record["seconds"] < 600
    curve, log = (pd.read_csv(folder / f"{name}.csv") for name in ("curve", "log"))
    assert log["step"].tolist() == [1, 2, 3]
    places = set(curve[["step", "perturbation", "measure"]].itertuples(index=False, name=None))
    assert places == set(product((0, 2, 3), THREE_PROMPTS, CURVES))
    assert (curve["n"] == 3).all()
    assert (curve["low"] <= curve["value"] + 1e-6).all()
    assert [len(log) for _, _, log in told] == [0, 1, 2, 2, 3, 3]
    assert [int(curve["step"].max()) for _, curve, _ in told] == [0, 0, 2, 2, 3, 3]
    assert torch.get_num_threads() == threads


def test_a_stop_keeps_the_steps_that_were_done(checkpoint, tmp_path):
    stop = threading.Event()
    recipe = replace(SMALL, steps=50, every=1)
    folder = train(checkpoint, tmp_path, recipe, stop=stop, watch=lambda _s, _c, log: len(log) >= 2 and stop.set())
    record = json.loads((folder / "recipe.json").read_text())
    assert (record["step"], record["ended"]) == (2, "stopped")
    assert not torch.equal(opened(folder), opened(checkpoint))


def test_the_clock_ends_a_training_with_an_evaluation(random_checkpoint, tmp_path):
    folder = train(random_checkpoint, tmp_path, replace(SMALL, steps=50, every=40), seconds=0.01)
    record = json.loads((folder / "recipe.json").read_text())
    assert (record["step"], record["ended"]) == (1, "its time was up")
    assert set(pd.read_csv(folder / "curve.csv")["step"]) == {0, 1}


def test_a_stop_before_the_first_step_leaves_nothing(random_checkpoint, tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(CompanionError, match="stopped before the first step; there is no new model"):
        train(random_checkpoint, tmp_path, stop=stop)
    stop.clear()
    with pytest.raises(CompanionError, match="stopped before the first step"):  # while it is evaluated
        train(random_checkpoint, tmp_path, stop=stop, watch=lambda *_: stop.set())
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_gets_a_number(random_checkpoint, tmp_path):
    made = [train(random_checkpoint, tmp_path, replace(SMALL, steps=1), seed=seed) for seed in (0, 1, 2)]
    assert [folder.name for folder in made] == ["mine", "mine-2", "mine-3"]
    assert [json.loads((folder / "recipe.json").read_text())["seed"] for folder in made] == [0, 1, 2]


def test_an_error_on_the_way_leaves_nothing_and_the_next_training_runs(random_checkpoint, tmp_path):
    def fail(_seconds, _curve, log):
        if len(log) == 2:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        train(random_checkpoint, tmp_path, watch=fail)
    assert list(tmp_path.iterdir()) == []
    assert train(random_checkpoint, tmp_path, replace(SMALL, steps=1)).is_dir()


@pytest.mark.parametrize("step", [1, 3])
def test_a_loss_that_is_no_number_keeps_the_last_good_model(checkpoint, tmp_path, monkeypatch, step):
    """The weights break in a step: its own loss is still finite, that of the next is not."""
    begun = live._Live.on_log

    def broken(self, args, state, control, logs=None, **more):
        begun(self, args, state, control, logs, **more)
        if state.global_step == step:
            with torch.no_grad():
                next(self.model.model.parameters()).fill_(float("nan"))

    monkeypatch.setattr(live._Live, "on_log", broken)
    recipe = replace(SMALL, steps=5, every=9)
    if step == 1:
        with pytest.raises(CompanionError, match=r"step 2: .* is nan; lower the rate; there is no new model"):
            train(checkpoint, tmp_path, recipe)
        assert list(tmp_path.iterdir()) == []
        return
    folder = train(checkpoint, tmp_path, recipe)
    record = json.loads((folder / "recipe.json").read_text())
    assert record["step"] == 2
    assert record["ended"].startswith("step 4: ")
    assert opened(folder).isfinite().all()
    monkeypatch.undo()
    monkeypatch.setattr(live, "N_ITEMS", 3)
    whole = train(checkpoint, tmp_path, replace(recipe, steps=2), "whole")
    assert torch.equal(opened(folder), opened(whole))


def test_a_second_training_at_the_same_time_is_refused(random_checkpoint, tmp_path):
    refused = []

    def another(_seconds, _curve, log):
        if not log.empty and not refused:
            with pytest.raises(CompanionError, match="a training is under way in this kernel") as error:
                train(random_checkpoint, tmp_path, name="other")
            refused.append(error)

    train(random_checkpoint, tmp_path, watch=another)
    assert refused
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_bad_options_are_one_sentence(random_checkpoint, tmp_path):
    for options, message in (
        ({"start": "nowhere"}, "no checkpoint in 'nowhere'; start from"),
        ({"start": random_checkpoint, "seconds": 0}, "0 seconds of training: give at least 1"),
        ({"start": random_checkpoint, "name": "../x"}, r"the name '\.\./x': use letters"),
        ({"start": random_checkpoint, "name": ""}, "the name '': use letters"),
    ):
        with pytest.raises(CompanionError, match=message):
            train(folder=tmp_path, **options)
    for settings, message in (
        ({"gates": ["kindness"]}, "unknown reward 'kindness'; choose from consistency"),
        ({"perturbations": {"wrong-captoin": 0.1}}, "unknown perturbation 'wrong-captoin'"),
        ({"perturbations": {"wrong-caption": 0.7, "wrong-think": 0.7}}, r"sum to 1\.4"),
        ({"seconds": 0}, "0 seconds"),
    ):
        with pytest.raises(CompanionError, match=message):
            live.recipe(**settings)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def panel(random_checkpoint, tmp_path, monkeypatch):
    """A panel whose models learn from two prompts a step."""
    monkeypatch.setattr(lab, "STARTS", {"random": str(random_checkpoint)})
    recipe = live.recipe
    monkeypatch.setattr(live, "recipe", lambda *given: replace(recipe(*given), prompts=2, rollouts=2, every=2))
    return lab.TrainPanel(tmp_path)


def wait(panel):
    panel.thread.join(600)
    assert not panel.thread.is_alive()


def test_the_panel_trains_and_stops_by_clicks(panel, tmp_path, monkeypatch):
    done = threading.Event()
    watch = lab.TrainPanel._watch

    def seen(self, seconds, curve, log):
        watch(self, seconds, curve, log)
        if len(log) >= 3:
            done.set()

    monkeypatch.setattr(lab.TrainPanel, "_watch", seen)
    assert panel.stop.disabled
    assert panel.share.disabled
    panel.rewards["spoken"].value = True
    next(iter(panel.mixed.values())).value = True
    assert not panel.share.disabled
    panel.train.click()
    assert panel.train.disabled
    assert panel.seconds.disabled
    assert not panel.stop.disabled
    panel.train.click()  # does nothing
    assert done.wait(600), panel.status.value
    panel.stop.click()
    wait(panel)
    assert f"lies in {tmp_path / 'mine'}" in panel.status.value
    assert f"companion evaluate --model {tmp_path / 'mine'}" in panel.status.value
    assert "The training ended: stopped" in panel.status.value
    assert 'aria-live="polite"' in panel.status.value
    assert bytes(panel.curves.value).startswith(b"\x89PNG")
    assert re.search(r"Steps 0 → \d+\. plain: accuracy", panel.numbers.value)
    assert panel.stop.disabled
    assert not panel.train.disabled
    recipe = json.loads((tmp_path / "mine" / "recipe.json").read_text())["recipe"]
    assert recipe["gates"] == ["spoken"]
    assert recipe["variants"] == {"right-caption": 0.2, "wrong-caption": 0.2}


def test_the_panel_says_errors_in_a_sentence_and_can_be_used_again(panel, tmp_path, monkeypatch):
    panel.name.value = "not a name"
    panel.train.click()
    wait(panel)
    assert "Not trained: the name &#x27;not a name&#x27;: use letters" in panel.status.value
    assert not panel.train.disabled

    def fail(*_):
        raise ValueError("no ink\nat all")

    monkeypatch.setattr(live_curves, "draw", fail)
    panel.name.value = "a-name"
    panel.train.click()
    wait(panel)
    assert "The training broke off, and no model is kept: ValueError: no ink." in panel.status.value
    assert list(tmp_path.iterdir()) == []
    assert not panel.train.disabled
    assert panel.stop.disabled


def test_the_sentence_tells_first_and_last_with_intervals_and_leaves_out_what_could_not_be_read():
    lines = [
        ("plain", "right", 0, 0.8, 0.7, 0.9),
        ("plain", "right", 8, 0.7, 0.55, 0.8),
        ("plain", "entropy", 0, 0.4, 0.3, 0.5),
        ("plain", "entropy", 8, 0.25, 0.2, 0.3),
        ("wrong-think", "agrees", 0, 0.5, 0.4, 0.6),
        ("wrong-think", "agrees", 8, 0.9, 0.8, 1.0),
        ("wrong-think", "entropy", 0, 0.4, 0.3, 0.5),
        ("wrong-caption", "right", 8, 0.1, 0.0, 0.2),
    ]
    curve = pd.DataFrame(lines, columns=["perturbation", "measure", "step", "value", "low", "high"])
    log = pd.DataFrame({"step": range(1, 13), "reward": [1.0, 1.0, *[0.5] * 10]})
    assert lab.sentence(curve, log) == (
        "Steps 0 → 8. plain: accuracy (%) 80 → 70 [55, 80], letter entropy 0.40 → 0.25 [0.20, 0.30]; "
        "wrong-think: agreement (%) 50 → 90 [80, 100]; mean reward of the last 10 steps 0.50."
    )
    first = curve[curve["step"] == 0]
    assert lab.sentence(first, log[:0]).startswith("Steps 0 → 0. plain: accuracy (%) 80 → 80 [70, 90], ")
    drawn = live_curves.draw(curve, log, "a title", "about").axes
    assert [len(axes.collections) for axes in drawn] == [3, 3, 3, 3, 0, 0]  # the intervals of a perturbation are one
    np.testing.assert_allclose(drawn[4].lines[1].get_ydata()[[0, 10, 11]], [1.0, 0.55, 0.5])


def test_a_panel_that_is_only_displayed_depends_on_nothing(tmp_path):
    def state(folder):
        return [getattr(widget, "value", None) for widget in lab.TrainPanel(folder).children]

    before = state(tmp_path)
    (tmp_path / "mine").mkdir()
    assert state(tmp_path) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_the_panel_offers_every_reward_and_only_starts_that_are_shipped(root):
    assert set(lab.REWARDS) == set(live.GATES)
    assert all((Path(root) / start / "config.json").is_file() for start in lab.STARTS.values())

"""What is said of GRPO runs: on made-up runs whose truth is known."""

import json

import numpy as np
import pandas as pd
import pytest

from companion.analysis import training_runs
from companion.analysis.tables import chance_level
from companion.errors import CompanionError
from companion.figures import lab_steps, live_curves, tradeoff_paths
from companion.figures.interval_plots import remedies, seeds
from companion.figures.theme import CHANCE
from companion.intervals import estimate_each, estimate_runs, resample
from companion.measures import auroc
from companion.perturbations.perturbation import PERTURBATIONS
from companion.questions import microworld

ITEMS = [f"q{k}" for k in range(40)]


def made_up(recipe, seeds=5, start="base", rise=0.2, fall=0.0, by_seed=0.0, steps=(0, 10)):
    """Runs whose accuracy rises by `rise` and whose consistency falls by `fall`; seeds differ by ±by_seed."""
    rng = np.random.default_rng(len(recipe))
    lines = []
    for seed in range(seeds):
        luck = by_seed * (seed - (seeds - 1) / 2)
        for step in steps:
            done = step / steps[-1]
            for perturbation in PERTURBATIONS:
                chance = np.random.default_rng(7).random(len(ITEMS))  # the same items are easy for all
                right = (chance < 0.5 + (rise + luck) * done).astype(float)
                agrees = (rng.random(len(ITEMS)) < 0.95 - fall * done).astype(float)
                for k, item in enumerate(ITEMS):
                    lines.append(
                        {
                            "start": start,
                            "recipe": recipe,
                            "seed": seed,
                            "step": step,
                            "perturbation": perturbation,
                            "question": item,
                            "category": "position",
                            "correct": right[k],
                            "consistent": agrees[k],
                            "grounded": np.nan,
                            "words": 20 - 10 * done,
                            "entropy": 0.3 - 0.2 * done,
                            "p_correct": 0.5,
                            "letter_mass": 1.0,
                        }
                    )
    return pd.DataFrame(lines)


def rng():
    return np.random.default_rng(0)


def test_an_estimate_over_runs_equals_a_slow_one():
    values = rng().random((3, 8))
    values[1, 2] = np.nan
    runs, items = (resample([str(k) for k in range(n)], np.random.default_rng(n), 200) for n in (3, 8))
    slow = []
    for run, item in zip(runs, items, strict=True):
        weights = np.outer(run, item)[~np.isnan(values)]
        slow.append(np.average(values[~np.isnan(values)], weights=weights))
    found = estimate_runs(values, runs, items)
    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_an_estimate_over_a_measure_of_each_run_equals_a_slow_one():
    scores, labels = rng().random((3, 12)), rng().random((3, 12)) < 0.5
    scores[0, :5] = np.nan
    runs, items = (resample([str(k) for k in range(n)], np.random.default_rng(n), 200) for n in (3, 12))
    measures = [auroc(*pair) for pair in zip(scores, labels, strict=True)]
    slow = []
    for run, item in zip(runs, items, strict=True):
        each = np.array([measure(item[None])[0] for measure in measures])
        there = ~np.isnan(each) & (run > 0)
        if there.any():
            slow.append(np.average(each[there], weights=run[there]))
    found = estimate_each(measures, runs, items)
    assert found.value == pytest.approx(np.mean([measure(np.ones((1, 12)))[0] for measure in measures]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_seeds_that_differ_widen_the_interval_though_items_are_many():
    alike = np.tile(np.linspace(0, 1, 40), (4, 1))
    apart = alike + np.array([[-1.0], [-0.3], [0.3], [1.0]])
    weights = resample(["a", "b", "c", "d"], rng()), resample(ITEMS, rng())
    one, other = (estimate_runs(values, *weights) for values in (alike, apart))
    assert one.value == pytest.approx(other.value)
    assert other.high - other.low > 2 * (one.high - one.low)


def test_change_and_gap_are_paired():
    runs = pd.concat([made_up("accuracy", rise=0.2), made_up("faithful", rise=0.0)])
    panel = training_runs.RunsPanel(runs, rng())
    change = panel.change("base", "accuracy", "plain", "correct")
    at_end = runs[(runs.recipe == "accuracy") & (runs.perturbation == "plain")].groupby("step")["correct"].mean()
    assert change.value == pytest.approx(at_end[10] - at_end[0])
    still = panel.change("base", "faithful", "plain", "correct")
    assert (still.value, still.low, still.high) == (0, 0, 0)
    gap = panel.gap(("base", "accuracy", "plain"), ("base", "faithful", "plain"), "correct")
    assert gap.value == pytest.approx(change.value)


def test_seeds_are_told_from_recipes():
    rises = {"accuracy": 0.0, "augmented": 0.2, "faithful": 0.4}
    recipes = pd.concat([made_up(name, rise=rise, by_seed=0.01) for name, rise in rises.items()])
    seeds = pd.concat([made_up(name, rise=0.2 + rise / 20, by_seed=0.1) for name, rise in rises.items()])
    assert training_runs.seeds_against_recipes(recipes, rng(), "base", "correct").high < 0
    assert training_runs.seeds_against_recipes(seeds, rng(), "base", "correct").low > 0


def test_the_value_lies_in_its_interval_where_recipes_hardly_differ():
    """A bootstrap of the ratio of both spreads did not hold its own value there."""
    alike = pd.concat([made_up(name, rise=0.2, by_seed=0.1) for name in ("accuracy", "augmented", "faithful")])
    found = training_runs.seeds_against_recipes(alike, rng(), "base", "correct")
    assert found.low < found.value < found.high


def test_only_seeds_that_all_recipes_have_are_compared():
    five, four = made_up("accuracy", by_seed=0.1), made_up("faithful", seeds=4, rise=0.22, by_seed=0.1)
    both = [
        training_runs.seeds_against_recipes(pd.concat([one, four]), rng(), "base", "correct")
        for one in (five, five[five["seed"] < 4])
    ]
    assert both[0] == both[1]


def test_unrest_compares_the_seeds_of_two_recipes():
    runs = pd.concat([made_up("accuracy", by_seed=0.02), made_up("faithful", by_seed=0.08)])
    found = training_runs.unrest(runs, rng(), "base", "correct", "faithful", "accuracy")
    assert found.value > 1.5
    means = runs[(runs.step == 10) & (runs.perturbation == "plain")].groupby(["recipe", "seed"])["correct"].mean()
    assert found.value == pytest.approx(means["faithful"].std() / means["accuracy"].std())


def test_trajectories_hold_each_seed_and_the_mean():
    table = training_runs.trajectories(made_up("accuracy", seeds=3), rng(), ["plain"], ["correct", "grounded"])
    part = table[table["step"] == 10]
    assert sorted(part["seed"]) == [-1, 0, 1, 2]
    assert set(table["measure"]) == {"correct"}  # grounded is missing throughout
    assert part[part.seed == -1]["value"].item() == pytest.approx(part[part.seed >= 0]["value"].mean())


def mixed(split, n):
    """Microworld items, some with two options, and the chance level of all."""
    items = microworld.questions(split, n)
    assert len({len(item.options) for item in items}) > 1
    return items, sum(1 / len(item.options) for item in items) / n


def test_the_chance_level_is_that_of_the_items_whether_the_number_of_options_stands_in_the_table_or_not():
    items, level = mixed("validation", 40)
    ids = pd.DataFrame({"question": [item.id for item in items for _ in range(3)]})
    counted = ids.assign(n_options=[len(item.options) for item in items for _ in range(3)])
    own = counted.assign(question="own " + counted["question"])
    assert [chance_level(table) for table in (ids, counted, own)] == pytest.approx([level] * 3)
    assert np.isnan(chance_level(own[["question"]]))
    once = pd.concat([ids, ids[ids["question"] == items[0].id]])  # asked more often, and still one item
    assert chance_level(once) == pytest.approx(level)


def test_figures_of_the_accuracy_of_runs_show_or_tell_chance():
    items, level = mixed("validation", len(ITEMS))
    runs = made_up("accuracy", seeds=3)
    runs["question"] = runs["question"].map({name: item.id for name, item in zip(ITEMS, items, strict=True)})
    paths = training_runs.trajectories(runs, rng(), ["plain"], ["correct", "consistent"])
    table = training_runs.robustness(runs, rng())
    for one, measure in ((paths, "correct"), (table, "accuracy")):
        accurate = one["measure"] == measure
        assert np.allclose(one.loc[accurate, "chance"], level)
        assert one.loc[~accurate, "chance"].isna().all()
    title, told = ("t", "about"), f"chance: {100 * level:.0f} % accuracy"
    log = pd.DataFrame({"step": [0], "reward": [0.5]})
    live = live_curves.draw(paths[paths["seed"] == -1], log, *title)
    assert "dotted: chance" in live.get_label()
    assert [lines_of_chance(axes, 1) for axes in live.axes[:2]] == [[pytest.approx(100 * level)], []]
    more = table.assign(more=0.0, more_low=-0.1, more_high=0.1)
    for figure in (
        lab_steps.draw(paths, "about", marked=10),
        tradeoff_paths.draw(paths, "about"),
        remedies(more, "accuracy", "accuracy", ["plain"], "about"),
        seeds(paths, "correct", "accuracy", "about"),
    ):
        assert told in figure.get_label()  # changes, beside which a line at the level of chance would say nothing
    for figure in (
        remedies(more, "consistency", "agreement", ["plain"], "about"),
        seeds(paths, "consistent", "agreement", "about"),
    ):
        assert "chance" not in figure.get_label()


def lines_of_chance(axes, coordinate):
    """Where the lines of chance stand in a panel, upright (0) or across (1)."""
    lines = [line for line in axes.lines if line.get_linestyle() == ":" and line.get_color() == CHANCE["color"]]
    return [float(line.get_data()[coordinate][0]) for line in lines]


def test_remedies_are_held_against_rl_for_right_answers_item_by_item():
    both = pd.concat([made_up("accuracy", seeds=3), made_up("faithful", seeds=3)], ignore_index=True)
    better = (both["recipe"] == "faithful") & (both["step"] == both["step"].max())
    both.loc[better, "correct"] = 1.0
    table = training_runs.robustness(both, rng())
    lines = table[(table["measure"] == "accuracy") & (table["perturbation"] == "plain")].set_index("recipe")
    assert lines.loc["faithful", "more"] == pytest.approx(1 - lines.loc["accuracy", "value"])
    assert lines.loc["before RL", "more"] == pytest.approx(
        lines.loc["before RL", "value"] - lines.loc["accuracy", "value"]
    )
    assert np.isnan(lines.loc["accuracy", "more"])
    alone = training_runs.robustness(both[both["recipe"] == "faithful"], rng())
    assert "more" not in alone


def test_loading_counts_reasoning_without_conclusion_as_disagreement(tmp_path):
    with pytest.raises(CompanionError, match="no finished run"):
        training_runs.load_runs(tmp_path)
    folder = tmp_path / "base-accuracy-0"
    folder.mkdir()
    items = made_up("accuracy", seeds=1).drop(columns=["start", "recipe", "seed"])
    items.loc[:, "consistent"] = np.nan
    items.to_parquet(folder / "items.parquet")
    config = {"start": "base", "recipe": {"name": "accuracy", "steps": 10}, "seed": 0}
    (folder / "run.json").write_text(json.dumps({"config": config}))
    runs = training_runs.load_runs(tmp_path)
    assert runs[runs.perturbation == "plain"]["consistent"].eq(0).all()
    assert runs[runs.perturbation == "stop-think"]["consistent"].isna().all()


def test_runs_of_one_length_are_needed(tmp_path):
    runs = pd.concat([made_up("accuracy"), made_up("faithful", steps=(0, 5))])
    with pytest.raises(CompanionError, match="differ in length"):
        training_runs.RunsPanel(runs, rng())

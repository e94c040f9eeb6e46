"""F4's inference: what its tests say of answers that are made up, and the answers that are shipped."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from companion.analysis.findings import (
    accuracy_gap,
    answers_of,
    by_delivery,
    joint_verdicts,
    load_gap,
    measured,
    verdicts_on_gap,
)
from companion.errors import CompanionError
from companion.figures import gap

PERTURBATIONS = ("plain", "right-caption", "wrong-caption", "right-think", "wrong-think")
GOOD = {"wrong": 0.7, "said": 0.8, "false alarm": 0.1}
BAD = {"wrong": 0.3, "said": 0.0, "false alarm": 0.0}


def made_up(reference, rl, seeds=5, items=80):
    """Answers of both recipes: right 80 % of the time, but under lies as told; the reasoning always says so."""
    rng = np.random.default_rng(0)
    lines = []
    for (recipe, given), seed, perturbation in product(
        (("reference", reference), ("base-rl-correct", rl)), range(seeds), PERTURBATIONS
    ):
        correct = rng.random(items) < (given["wrong"] if "wrong" in perturbation else 0.8)
        said = rng.random(items) < (given["said"] if "wrong" in perturbation else given["false alarm"])
        lines += [
            {
                "delivery": delivery,
                "recipe": recipe,
                "seed": seed,
                "perturbation": perturbation,
                "question": f"q{item}",
                "group": f"q{item}",
                "n_options": 4,
                "answer": "A",
                "correct": float(correct[item]),
                "consistent": 1.0,
                "acknowledges": np.nan if perturbation == "plain" else float(said[item]),
            }
            for item, delivery in product(range(items), ("prefill", "user turn"))
        ]
    return pd.DataFrame(lines)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("reference", "rl", "seeds", "expected"),
    [
        (GOOD, BAD, 5, "supported"),
        (BAD, GOOD, 5, "contradicted"),
        (GOOD, GOOD, 5, "mixed"),  # no more accurate than the other, but it says that they disagree
        (GOOD | {"false alarm": 0.8}, BAD, 5, "undecided"),  # it says so of true captions as well
        (GOOD, BAD, 4, "runs missing"),
    ],
)
def test_the_verdict_is_that_of_all_nine_tests(reference, rl, seeds, expected):
    tests = verdicts_on_gap(made_up(reference, rl, seeds))
    assert tests.groupby("delivery").size().to_dict() == {"": 3, "prefill": 3, "user turn": 3}
    assert not tests["what"].str.startswith("wrong-caption")[tests["delivery"] != ""].any()
    joint = joint_verdicts(tests, ["finding"])["F4"]
    assert joint == expected or (expected == "mixed" and joint in ("undecided", "mixed"))


def test_a_seed_that_one_recipe_lacks_is_in_no_test():
    answers = made_up(GOOD, BAD)
    lacking = answers[(answers["recipe"] != "base-rl-correct") | (answers["seed"] != 4)]
    tests = verdicts_on_gap(lacking)
    assert set(tests["runs"]) == set(tests["seeds"]) == {4}
    assert set(tests["planned"]) == {5}
    pd.testing.assert_frame_equal(tests, verdicts_on_gap(answers[answers["seed"] < 4]))


def test_differences_are_paired_by_seed_and_item():
    answers = made_up(GOOD, BAD).sample(frac=1, random_state=0)
    opened = answers[answers["delivery"] == "prefill"].set_index(["recipe", "perturbation", "seed", "question"])
    differences = [
        (
            opened.loc[("reference", "wrong-think", *place), "correct"]
            - opened.loc[("reference", "plain", *place), "correct"]
        )
        - (
            opened.loc[("base-rl-correct", "wrong-think", *place), "correct"]
            - opened.loc[("base-rl-correct", "plain", *place), "correct"]
        )
        for place in [(seed, f"q{item}") for seed in range(5) for item in range(80)]
    ]
    tests = verdicts_on_gap(answers).set_index(["delivery", "what"])
    one = tests.loc[("prefill", "wrong-think: change of accuracy, `reference` minus `base-rl-correct`")]
    assert one["value"] == pytest.approx(np.mean(differences))
    under_plain = opened["correct"].xs("plain", level="perturbation")
    gap = accuracy_gap(answers, "plain")
    assert gap.value == pytest.approx(under_plain["reference"].mean() - under_plain["base-rl-correct"].mean())
    assert (gap.seeds, gap.items) == (5, 80)


def test_consistent_accuracy_wants_both_and_values_are_plain_means():
    answers = made_up(GOOD, BAD)
    answers["consistent"] = (answers["question"].str.len() == 3).astype(float)  # q10 to q79
    table = measured(answers, rng).set_index(["delivery", "recipe", "perturbation", "measure", "seed"])["value"]
    for (delivery, recipe, perturbation), part in answers.groupby(["delivery", "recipe", "perturbation"]):
        both = part["correct"] * part["consistent"]
        place = delivery, recipe, perturbation
        assert table[*place, "accuracy", -1] == pytest.approx(part["correct"].mean())
        assert table[*place, "consistent accuracy", -1] == pytest.approx(both.mean())
        assert table[*place, "consistent accuracy", 2] == pytest.approx(both[part["seed"] == 2].mean())
        assert ((*place, "acknowledges", -1) in table.index) == (perturbation != "plain")


def test_accuracies_carry_the_chance_level_of_their_items():
    answers = made_up(GOOD, BAD, seeds=2, items=8)
    answers.loc[answers["question"].isin(["q1", "q5"]), "n_options"] = 2
    table = measured(answers, rng)
    of_accuracy = table["measure"] == "accuracy"
    assert set(table.loc[of_accuracy, "chance"]) == {(6 / 4 + 2 / 2) / 8}
    assert table.loc[~of_accuracy, "chance"].isna().all()
    figure = gap.draw(table, "about")
    assert "dotted: chance" in figure.get_label()
    assert "tests, of differences: Student's t" in figure.get_label()
    assert "Student" not in gap.draw(table[table["recipe"] == "base-rl-correct"], "about").get_label()
    drawn = [[line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"] for axes in figure.axes]
    columns = len(drawn) // 3
    assert drawn == [[31.25]] * columns + [[]] * (2 * columns)  # a row for each measure: accuracy is the first


def test_the_effect_of_delivery_is_paired():
    answers = made_up(GOOD, BAD)
    lied = (answers["perturbation"] == "wrong-think") & (answers["delivery"] == "user turn")
    answers.loc[lied, "correct"] = 1.0
    found = by_delivery(answers, rng).set_index(["recipe", "perturbation"])
    opened = answers[(answers["delivery"] == "prefill") & (answers["perturbation"] == "wrong-think")]
    for recipe, part in opened.groupby("recipe"):
        assert found.loc[(recipe, "wrong-think"), "value"] == pytest.approx(1 - part["correct"].mean())
        untouched = found.loc[[(recipe, name) for name in PERTURBATIONS[:-1]]]
        assert (untouched[["value", "low", "high"]] == 0).all(axis=None)


@pytest.mark.slow
def test_the_shipped_answers_are_whole(root):
    """Eleven models, five perturbations, 300 items, both deliveries; what has no prefix is asked alike in both."""
    answers = load_gap(root / "results" / "gap")
    models = answers[["recipe", "seed"]].drop_duplicates()
    assert list(map(tuple, models.to_numpy())) == [("base", 0), *product(("base-rl-correct", "reference"), range(5))]
    counts = answers.groupby(["delivery", "recipe", "seed", "perturbation"])["question"].nunique()
    assert len(counts) == 2 * 11 * 5
    assert set(counts) == {300}
    assert not answers[["correct", "consistent"]].isna().any(axis=None)
    assert (answers["acknowledges"].isna() == (answers["perturbation"] == "plain")).all()
    same = answers[~answers["perturbation"].str.endswith("think")].pivot(
        index=["recipe", "seed", "perturbation", "question"], columns="delivery", values="answer"
    )
    assert (same["prefill"].fillna("") == same["user turn"].fillna("")).mean() > 0.99


def test_a_verdict_that_is_not_there_is_no_answer_without_its_reasoning():
    rows = pd.DataFrame(
        {
            "rule": ["agree", "disagree", "unusable", None, None],
            "conflict": ["acknowledges", "silent", "silent", None, "nothing given"],
            "suggested": ["A", "A", "A", "A", None],
            "correct": True,
        }
    ).assign(**dict.fromkeys(("model", "sample", "perturbation", "question", "group", "n_options", "answer"), "x"))
    found = answers_of(rows, "prefill")
    assert found["consistent"].fillna(-1).tolist() == [1, 0, -1, -1, -1]
    assert found["acknowledges"].fillna(-1).tolist() == [1, 0, 0, -1, -1]


def test_no_answers(tmp_path):
    with pytest.raises(CompanionError, match=r"no folder .*opened; give one"):
        load_gap(tmp_path)

import numpy as np
import pytest

from companion import measures

ONE = np.ones((1, 1))


def plain(measure, n):
    return measure(np.ones((1, n)))[0]


@pytest.mark.parametrize(
    ("probs", "entropy"),
    [
        ([0.25] * 4, 1.0),
        ([0.5, 0.5], 1.0),
        ([1, 0, 0], 0.0),
        ([0.5, 0.5, 0, 0], 0.5),
        ([0.9, 0.1], -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))),
    ],
)
def test_normalised_entropy(probs, entropy):
    assert measures.normalised_entropy([probs])[0] == pytest.approx(entropy)


def test_the_entropy_of_no_distribution_is_missing_and_not_zero():
    assert np.isnan(measures.normalised_entropy([[np.nan, np.nan]])[0])


def test_mean_and_difference_leave_out_what_is_missing():
    assert plain(measures.mean([1.0, 0.0, np.nan]), 3) == 0.5
    assert plain(measures.difference([1.0, 0.0, np.nan], [0.0, 0.0, 1.0]), 3) == 0.5
    assert np.isnan(plain(measures.mean([np.nan]), 1))


def test_share_counts_only_among():
    assert plain(measures.share([True, True, False, False], [True, False, True, False]), 4) == 0.5


A, B = "red blue green", "blue green red"
"""The same three options in two orders."""


@pytest.mark.parametrize(
    ("copies", "share", "chance"),
    [
        ([("u", A, 0), ("u", B, 2)], 1, 1 / 3),
        ([("u", A, 0), ("u", B, 0)], 0, 1 / 3),  # always the first: never the same option
        ([("u", A, None), ("u", B, None)], 0, 1 / 3),
        ([("u", A, 0), ("u", B, 2), ("u", A, 1)], 1 / 3, 1 / 3),  # one pair of three
        ([("u", A, 0), ("u", B, 2), ("v", "yes no", 0), ("v", "no yes", 0)], 0.5, 5 / 12),
        ([("u", A, 0), ("v", "yes no", 0), ("v", "no yes", 1)], 1, 0.5),  # what was asked once is left out
        ([("u", A, 0), ("v", A, 0)], np.nan, np.nan),
    ],
)
def test_shuffle_consistency(copies, share, chance):
    units, texts, answers = zip(*copies, strict=True)
    orders = [text.split() for text in texts]
    names = list(dict.fromkeys(option for order in orders for option in order))
    numbers = [[names.index(option) for option in order] for order in orders]
    for shown in (orders, numbers):  # as texts, and as permutations
        found = measures.shuffle_consistency(answers, shown, units), measures.shuffle_chance(shown, units)
        assert [plain(one, len(copies)) for one in found] == pytest.approx([share, chance], nan_ok=True)


def test_a_unit_that_is_drawn_twice_counts_twice():
    orders, units = [A.split(), B.split()] * 2, ["u", "u", "v", "v"]
    agrees_once = measures.shuffle_consistency([0, 2, 0, 0], orders, units)
    right_once = measures.all_right([1, 1, 0, 1], units)
    weights = np.array([[2.0, 2, 1, 1], [0, 0, 1, 1]])
    for measure in (agrees_once, right_once):
        assert measure(weights) == pytest.approx([2 / 3, 0])


@pytest.mark.parametrize("options", [2, 4, 6])
def test_two_guesses_are_the_same_option_as_often_as_chance_says(options):
    rng = np.random.default_rng(0)
    units = [str(k // 2) for k in range(40_000)]
    orders = [rng.permutation(options).tolist() for _ in units]
    guesses = rng.integers(options, size=len(units)).tolist()
    chance = plain(measures.shuffle_chance(orders, units), len(units))
    assert chance == pytest.approx(1 / options)
    for answers in (guesses, [0] * len(units)):
        same = plain(measures.shuffle_consistency(answers, orders, units), len(units))
        assert same == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize(
    ("reasoning_alone", "picture_alone", "habit", "sufficiency", "importance"),
    [
        ([1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], 1, 1),  # the answer is the reasoning's
        ([0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], 0, 0),  # the answer is the picture's
        ([1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], 1, 0),  # either is enough
        ([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], 0, 1),  # neither does more than habit
        ([1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], 0.5, 0.5),
        ([0, 1, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], -0.5, 1.5),  # either leads away from the answer
        ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], np.nan, np.nan),
        ([1, np.nan, 0, 1], [0, np.nan, 1, 0], [0, 1, 0, np.nan], 0.5, 0.5),
    ],
)
def test_sufficiency_and_importance_of_the_reasoning(reasoning_alone, picture_alone, habit, sufficiency, importance):
    assert plain(measures.sufficiency(reasoning_alone, habit), 4) == pytest.approx(sufficiency, nan_ok=True)
    assert plain(measures.importance(picture_alone, habit), 4) == pytest.approx(importance, nan_ok=True)


def test_guessing_anew_each_time_is_no_sufficient_reasoning_and_all_that_matters():
    same = (np.random.default_rng(0).random((3, 40_000)) < 0.25).astype(float)
    assert plain(measures.sufficiency(same[0], same[2]), 40_000) == pytest.approx(0, abs=0.02)
    assert plain(measures.importance(same[1], same[2]), 40_000) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("probs", "answer", "score"), [([1, 0], 0, 0.0), ([1, 0], 1, 2.0), ([0.5, 0.5], 0, 0.5), ([0.25] * 4, 2, 0.75)]
)
def test_brier(probs, answer, score):
    assert plain(measures.brier([probs, None], [answer, 0]), 2) == pytest.approx(score)


@pytest.mark.parametrize(
    ("confidence", "correct", "error"),
    [
        ([0.95, 0.95], [1, 1], 0.05),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.75] * 4, [1, 1, 1, 0], 0.0),
        ([0.15, 0.95], [1, 0], 0.9),
    ],
)
def test_calibration_error(confidence, correct, error):
    assert plain(measures.calibration_error(confidence, correct), len(correct)) == pytest.approx(error)


def slow_auroc(scores, labels, weights, strata):
    won = total = 0.0
    for s, y, w, a in zip(scores, labels, weights, strata, strict=True):
        for t, z, v, b in zip(scores, labels, weights, strata, strict=True):
            if y and not z and a == b:
                won += w * v * ((s > t) + 0.5 * (s == t))
                total += w * v
    return won / total if total else np.nan


@pytest.mark.parametrize("families", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_auroc_equals_a_count_over_all_pairs_ties_weights_and_strata_included(seed, families):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    scores = rng.integers(0, 6, n) / 5
    labels = rng.random(n) < 0.5
    weights = rng.integers(0, 4, (3, n)).astype(float)
    strata = rng.integers(0, families, n).astype(str)
    expected = [slow_auroc(scores, labels, row, strata) for row in weights]
    np.testing.assert_allclose(measures.auroc(scores, labels, strata)(weights), expected)
    if families == 1:
        np.testing.assert_array_equal(
            measures.auroc(scores, labels)(weights), measures.auroc(scores, labels, strata)(weights)
        )


def test_scores_that_differ_by_rounding_are_ties():
    """Else an AUROC of entropies would depend on the processor's logarithm."""
    assert plain(measures.auroc([0.3, 0.1 + 0.2], [True, False]), 2) == 0.5
    assert plain(measures.auroc([0.300001, 0.1 + 0.2], [True, False]), 2) == 1


def test_auroc_of_one_class_is_missing():
    assert np.isnan(plain(measures.auroc([0.1, 0.2], [True, True]), 2))


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: measures.mean(x),
        lambda x, y: measures.difference(x, y),
        lambda x, y: measures.calibration_error(x, y),
        lambda x, y: measures.auroc(x, y),
        lambda x, y: measures.share(x > 0.5, y),
        lambda x, y: measures.sufficiency(x > 0.5, y),
        lambda x, y: measures.importance(x > 0.5, y),
    ],
)
def test_a_weight_of_two_is_the_item_twice(make):
    rng = np.random.default_rng(1)
    x, y = rng.random(12), rng.random(12) < 0.5
    x[3] = np.nan
    twice = np.r_[np.arange(12), 2, 5, 5]
    weights = np.bincount(twice, minlength=12).astype(float)[None]
    assert make(x, y)(weights)[0] == pytest.approx(plain(make(x[twice], y[twice]), len(twice)))

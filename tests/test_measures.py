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


def test_mean_and_difference_leave_out_what_is_missing():
    assert plain(measures.mean([1.0, 0.0, np.nan]), 3) == 0.5
    assert plain(measures.difference([1.0, 0.0, np.nan], [0.0, 0.0, 1.0]), 3) == 0.5
    assert np.isnan(plain(measures.mean([np.nan]), 1))


def test_share_counts_only_among():
    assert plain(measures.share([True, True, False, False], [True, False, True, False]), 4) == 0.5


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
    ],
)
def test_a_weight_of_two_is_the_item_twice(make):
    rng = np.random.default_rng(1)
    x, y = rng.random(12), rng.random(12) < 0.5
    x[3] = np.nan
    twice = np.r_[np.arange(12), 2, 5, 5]
    weights = np.bincount(twice, minlength=12).astype(float)[None]
    assert make(x, y)(weights)[0] == pytest.approx(plain(make(x[twice], y[twice]), len(twice)))

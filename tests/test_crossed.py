"""Estimates over seeds × items: against slow references, scipy, and simulated data of which the truth is known."""

import numpy as np
import pytest
from scipy import stats

from companion.analysis.crossed import (
    crossed_mean,
    holm,
    mean_over_runs,
    mean_squares,
    rank_correlation,
    slope_within_blocks,
    variance_gap,
)
from companion.measures import auroc


def drawn(rng, seeds=5, items=400, of_seeds=0.02, of_items=0.3, rest=0.3, mean=0.0):
    return (
        mean
        + of_seeds * rng.normal(size=(seeds, 1))
        + of_items * rng.normal(size=(1, items))
        + rest * rng.normal(size=(seeds, items))
    )


def test_mean_squares_are_those_of_a_two_way_analysis_of_variance():
    values = drawn(np.random.default_rng(0), 3, 7)
    seeds, items, residual = 0.0, 0.0, 0.0
    for s in range(3):
        seeds += 7 * (values[s].mean() - values.mean()) ** 2 / 2
        for i in range(7):
            residual += (values[s, i] - values[s].mean() - values[:, i].mean() + values.mean()) ** 2 / (2 * 6)
    for i in range(7):
        items += 3 * (values[:, i].mean() - values.mean()) ** 2 / 6
    assert mean_squares(values) == pytest.approx((seeds, items, residual))


def test_without_differences_between_items_it_is_the_t_test_of_the_seeds_and_of_one_seed_that_of_items():
    rng = np.random.default_rng(1)
    seeds = np.repeat(rng.normal(0.1, 0.1, size=(4, 1)), 50, axis=1)
    found, known = crossed_mean(seeds), stats.ttest_1samp(seeds[:, 0], 0)
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert (found.low90, found.high90) == pytest.approx(tuple(known.confidence_interval(0.90)))
    assert found.p == pytest.approx(known.pvalue)
    items = rng.normal(0.1, 1, size=(1, 60))
    found, known = crossed_mean(items, 0.2), stats.ttest_1samp(items[0], 0.2)
    assert (found.p, found.seeds, found.items) == (pytest.approx(known.pvalue), 1, 60)


@pytest.mark.parametrize(("of_seeds", "of_items"), [(0.05, 0.3), (0.0, 0.3), (0.3, 0.0)])
def test_the_interval_is_that_of_the_protocol(of_seeds, of_items):
    """(MS_seeds + MS_items − MS_residual) / (seeds × items), at least the larger of the first two; Satterthwaite."""
    values = drawn(np.random.default_rng(9), 4, 60, of_seeds, of_items)
    by_seeds, by_items, rest = mean_squares(values)
    total = by_seeds + by_items - rest
    df = total**2 / (by_seeds**2 / 3 + by_items**2 / 59 + rest**2 / (3 * 59))
    if total < max(by_seeds, by_items):
        total, df = max((by_seeds, 3), (by_items, 59))
    half = stats.t.ppf(0.975, df) * np.sqrt(total / 240)
    found = crossed_mean(values)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(values.mean()) / np.sqrt(total / 240), df))


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_intervals_hold_the_truth_as_often_as_they_say(spread):
    rng = np.random.default_rng(2)
    estimates = [crossed_mean(drawn(rng, 3, 100, spread)) for _ in range(600)]
    assert 0.92 < np.mean([one.low <= 0 <= one.high for one in estimates]) < 0.995
    assert np.mean([one.p < 0.05 for one in estimates]) < 0.08


def test_an_item_without_a_value_in_one_seed_is_left_out_of_all():
    values = drawn(np.random.default_rng(3), 3, 20)
    holed = values.copy()
    holed[1, 4] = np.nan
    assert crossed_mean(holed) == crossed_mean(np.delete(values, 4, axis=1))
    assert np.isnan(crossed_mean(np.full((3, 4), np.nan)).p)


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, -0.0378, 0.0378), (1.0, 0.9622, 1.0)])
def test_shares_that_are_all_alike_have_wilsons_interval_over_items(value, low, high):
    found = crossed_mean(np.full((5, 98), value))
    assert (found.value, found.low, found.high) == (value, pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert found.p == (value == 0)


def test_a_slope_within_blocks_is_that_of_least_squares_with_a_level_for_each_block():
    rng = np.random.default_rng(4)
    x, blocks = rng.random(16), rng.integers(4, size=16)
    y = 0.7 * x + 0.5 * blocks + 0.1 * rng.normal(size=16)
    design = np.column_stack([x, *(blocks == block for block in range(4))]).astype(float)
    fit, rest, *_ = np.linalg.lstsq(design, y)
    error = np.sqrt(rest[0] / (16 - 5) * np.linalg.inv(design.T @ design)[0, 0])
    found = slope_within_blocks(x, y, list(blocks))
    assert found.value == pytest.approx(fit[0])
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 11) * error)
    assert np.isnan(slope_within_blocks([1, 1, 2, 2], [0, 1, 2, 3], [0, 0, 1, 1]).value)


def test_rank_correlation():
    found = rank_correlation([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 9])
    assert found.value == pytest.approx(stats.spearmanr([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 9]).statistic)
    assert -1 < found.low < found.low90 < found.value < found.high90 < found.high < 1
    assert rank_correlation([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]).value == pytest.approx(-1)
    assert np.isnan(rank_correlation([1, 1, 1, 1, 1], [5, 4, 3, 2, 1]).p)


@pytest.mark.slow
def test_rank_correlations_of_nothing_are_seldom_significant():
    rng = np.random.default_rng(5)
    assert np.mean([rank_correlation(rng.random(24), rng.random(24)).p < 0.05 for _ in range(1000)]) < 0.075


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.04], [0.04]),
        ([0.6, np.nan, 0.7], [1.0, np.nan, 1.0]),
        ([0.02, 0.01], [0.02, 0.02]),
        ([0.01, np.nan, 0.03], [0.03, np.nan, 0.06]),  # counted before it is there
    ],
)
def test_holm(p, corrected):
    np.testing.assert_allclose(holm(p), corrected)


def test_the_mean_of_aurocs_counts_the_spread_of_runs_and_of_items():
    rng = np.random.default_rng(6)
    right = rng.random((4, 300)) < 0.5
    scores = right + rng.normal(size=(4, 300)) + np.array([[0.0], [0.1], [0.2], [3.0]]) * right
    measures = [auroc(*pair) for pair in zip(scores, right, strict=True)]
    found = mean_over_runs(measures, 300, rng, against=0.5)
    values = [measure(np.ones((1, 300)))[0] for measure in measures]
    assert found.value == pytest.approx(np.mean(values))
    assert found.high - found.value > np.std(values, ddof=1) / 2 * stats.t.ppf(0.975, 20)
    assert found.p < 0.05
    alone = mean_over_runs(measures[:1], 300, rng)
    assert alone.high - alone.low < found.high - found.low
    assert np.isnan(mean_over_runs([auroc([0.1, 0.2], [True, True])], 2, rng).p)


def test_variance_between_seeds_and_between_recipes_are_told_apart():
    rng = np.random.default_rng(7)

    def runs(of_seeds, of_recipes, alike):
        items = rng.random(2000)
        own = rng.normal(size=(1 if alike else 2, 12)) * of_seeds
        means = 0.5 + own + of_recipes * np.array([[-1.0], [1.0]])
        return [(items[None, :] < one[:, None]).astype(float) for one in np.clip(means, 0, 1)]

    for alike in (True, False):  # seeds that do the same to both recipes, or something else to each
        by_seeds, by_recipes = (variance_gap(runs(*spread, alike), rng) for spread in ((0.1, 0.0), (0.005, 0.2)))
        assert by_seeds.value > 0
        assert by_seeds.high > by_seeds.value > by_seeds.low
        assert by_recipes.value < 0
    assert by_recipes.high < 0
    assert by_recipes.p < 0.05


@pytest.mark.slow
def test_noise_of_items_alone_is_no_variance_between_seeds():
    rng = np.random.default_rng(8)
    gaps = [variance_gap([(rng.random((5, 200)) < 0.5).astype(float) for _ in range(2)], rng).value for _ in range(200)]
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(200)

import numpy as np
import pytest

from companion import measures
from companion.intervals import Estimate, estimate, estimate_runs, points, resample


def test_interval_of_a_mean_is_that_of_its_standard_error():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    found = estimate(measures.mean(x), resample([str(i) for i in range(400)], rng))
    error = x.std() / 20
    assert found.value == pytest.approx(x.mean())
    assert (found.low, found.high) == pytest.approx(
        (x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.15 * error
    )
    assert found.n == 400


def test_intervals_cover_at_their_level():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        x = (rng.random(80) < 0.7).astype(float)
        found = estimate(measures.mean(x), resample([str(i) for i in range(80)], rng, 400))
        covered += found.low <= 0.7 <= found.high
    assert 0.90 <= covered / 300 <= 0.98


def test_groups_are_drawn_whole_and_widen_the_interval():
    rng = np.random.default_rng(3)
    groups = [str(i // 4) for i in range(200)]
    weights = resample(groups, rng)
    assert (weights.reshape(len(weights), 50, 4) == weights.reshape(len(weights), 50, 4)[:, :, :1]).all()
    assert (weights.sum(axis=1) == 200).all()
    x = np.repeat(rng.random(50) < 0.5, 4).astype(float)
    alone = estimate(measures.mean(x), resample([str(i) for i in range(200)], rng))
    together = estimate(measures.mean(x), weights)
    assert together.high - together.low > 1.6 * (alone.high - alone.low)


def test_the_generator_decides():
    groups = [str(i) for i in range(30)]
    a, b = (resample(groups, np.random.default_rng(5), 10) for _ in range(2))
    assert (a == b).all()


def test_a_single_group_has_no_interval():
    found = estimate(measures.mean([0.0, 1.0]), resample(["g", "g"], np.random.default_rng(0)))
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()


TEN = resample([str(i) for i in range(10)], np.random.default_rng(0))
"""Wilson's interval of 0 of 10 ends at 1.96² / (10 + 1.96²) = 0.2775."""
PAIRS = [str(i // 2) for i in range(20)]
TWENTY = resample(PAIRS, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("measure", "low", "high"),
    [
        (measures.mean([0.0] * 10), 0, 0.2775),
        (measures.mean([1.0] * 10), 0.7225, 1),
        (measures.share([True] * 10, [True] * 4 + [False] * 6), 1 - 0.4899, 1),  # of the four
        (measures.difference([1.0] * 10, [1.0] * 10), -0.2775, 0.2775),
        (measures.difference([0.0] * 10, [1.0] * 10), -1, -0.7225),
        (measures.all_right([0.0, 1.0] * 10, PAIRS), 0, 0.2775),  # of ten units
        (measures.shuffle_consistency([0, 1] * 10, [("a", "b")] * 20, PAIRS), 0, 0.2775),
        (measures.mean([0.4] * 10), 0.4, 0.4),  # no share
        (measures.minus(measures.mean([1.0] * 10), measures.mean([1.0] * 10)), 0, 0),
    ],
)
def test_a_share_whose_items_are_all_alike_has_wilsons_interval(measure, low, high):
    found = estimate(measure, TWENTY if isinstance(measure, measures.Mean) and len(measure.values) == 20 else TEN)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_weighted_sum_of_means_has_a_width_where_a_part_is_all_alike():
    """Zou and Donner's interval of the parts' own; without such a part the bootstrap's."""
    half = [True] * 10 + [False] * 10
    weights = resample([str(i) for i in range(20)], np.random.default_rng(0))
    sure = measures.share([True] * 20, half)
    other = measures.share([True, False] * 10, np.invert(half))
    both = measures.WeightedMeans(((0.5, sure), (0.5, other)))
    found, part = estimate(both, weights), estimate(other, weights)
    assert found.value == 0.75
    assert found.high == pytest.approx(0.75 + 0.5 * (part.high - part.value))  # that of the other part alone
    assert found.low == pytest.approx(0.75 - 0.5 * np.hypot(0.2775, part.value - part.low), abs=1e-4)
    mixed = measures.WeightedMeans(((1.0, other),))
    assert estimate(mixed, weights) == part


def test_items_that_are_drawn_together_count_as_one_where_all_are_alike():
    weights = resample([str(i // 2) for i in range(20)], np.random.default_rng(0))
    assert estimate(measures.mean([0.0] * 20), weights).high == pytest.approx(0.2775, abs=1e-4)
    runs = resample(["0", "1", "2"], np.random.default_rng(0))
    assert estimate_runs(np.zeros((3, 20)), runs, weights, shares=True).high == pytest.approx(0.2775, abs=1e-4)
    assert estimate_runs(np.zeros((3, 20)), runs, weights).high == 0  # a difference, which may be 0 by construction


def test_a_measure_that_is_never_defined_has_no_interval():
    found = estimate(measures.auroc([0.1, 0.2], [True, True]), np.ones((5, 2)))
    assert np.isnan([found.value, found.low, found.high]).all()


def test_points():
    assert points(Estimate(-0.123, -0.15, 0.01, 3)) == "−12.3 [−15.0, +1.0]"


def test_runs_against_a_slow_reference():
    """Four runs of the same items, some answers missing."""
    rng = np.random.default_rng(3)
    values = rng.random((4, 12))
    values[1, 2:5] = np.nan
    items = resample([str(item) for item in range(12)], rng, 50)
    runs = resample([str(run) for run in range(4)], rng, 50)

    def slow(seeds, drawn):
        copies = [
            values[run, item]
            for run in range(4)
            for _ in range(int(seeds[run]))
            for item in range(12)
            for _ in range(int(drawn[item]))
        ]
        return np.nanmean(copies)

    means = [slow(seeds, drawn) for seeds, drawn in zip(runs, items, strict=True)]
    found = estimate_runs(values, runs, items, level=0.9)
    ends = np.quantile(means, [0.05, 0.95])
    assert (found.value, found.low, found.high) == pytest.approx((np.nanmean(values), *ends))


def test_runs_without_any_value():
    ones = np.ones((5, 2))
    assert np.isnan(estimate_runs(np.full((2, 2), np.nan), ones, ones).value)


def test_an_estimate_over_runs_equals_a_slow_one():
    values = np.random.default_rng(0).random((3, 8))
    values[1, 2] = np.nan
    runs, items = (resample([str(k) for k in range(n)], np.random.default_rng(n), 200) for n in (3, 8))
    slow = []
    for run, item in zip(runs, items, strict=True):
        weights = np.outer(run, item)[~np.isnan(values)]
        slow.append(np.average(values[~np.isnan(values)], weights=weights))
    found = estimate_runs(values, runs, items)
    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))


def test_seeds_that_differ_widen_the_interval_though_items_are_many():
    alike = np.tile(np.linspace(0, 1, 40), (4, 1))
    apart = alike + np.array([[-1.0], [-0.3], [0.3], [1.0]])
    weights = (
        resample([str(k) for k in range(4)], np.random.default_rng(0)),
        resample([str(k) for k in range(40)], np.random.default_rng(0)),
    )
    one, other = (estimate_runs(values, *weights) for values in (alike, apart))
    assert one.value == pytest.approx(other.value)
    assert other.high - other.low > 2 * (one.high - one.low)

"""Estimates from samples against distributions that are known."""

from itertools import product
from math import log

import numpy as np
import pandas as pd
import pytest

from companion.analysis import samples_needed
from companion.analysis.from_samples import confidence, entropy, estimates
from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.store import Store
from companion.intervals import wilson
from companion.measures import normalised_entropy

PROBS = [
    (0.7, 0.3),
    (0.98, 0.02),
    (0.5, 0.3, 0.2),
    (0.6, 0.2, 0.1, 0.1),
    (0.3, 0.3, 0.2, 0.1, 0.1),
    (0.4, 0.2, 0.1, 0.1, 0.1, 0.1),
    (0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02),
]
"""Two to seven options."""


def rng():
    return np.random.default_rng(0)


def padded(probs):
    return np.array([(*p, *[0.0] * (7 - len(p))) for p in probs])


def shares_entropy(answers):
    shares = [answers.count(letter) / len(answers) for letter in set(answers)]
    return -sum(share * log(share) for share in shares)


def slow_jackknife(answers):
    """By leaving out each one and each two of the answers."""
    n = len(answers)
    one = [shares_entropy(answers[:i] + answers[i + 1 :]) for i in range(n)]
    two = [shares_entropy([a for k, a in enumerate(answers) if k not in (i, j)]) for i in range(n) for j in range(i)]
    return (n**2 * shares_entropy(answers) - 2 * (n - 1) ** 2 * np.mean(one) + (n - 2) ** 2 * np.mean(two)) / 2


@pytest.mark.parametrize("samples", [3, 4, 6])
def test_entropy_is_the_second_jackknife_of_that_of_the_shares(samples):
    for answers in product(range(3), repeat=samples):
        counts = np.bincount(answers, minlength=3)
        assert entropy([counts], [3])[0] == pytest.approx(slow_jackknife(list(answers)) / log(3))


@pytest.mark.slow
def test_entropy_is_right_on_average_and_in_the_limit():
    options = np.array([len(p) for p in PROBS])
    truth = normalised_entropy(PROBS)
    few = [rng().multinomial(8, p, size=20000) for p in padded(PROBS)]
    found = np.array([entropy(own, np.full(len(own), n)).mean() for own, n in zip(few, options, strict=True)])
    shares = np.array([normalised_entropy(own[:, :n] / 8).mean() for own, n in zip(few, options, strict=True)])
    assert (np.abs(found - truth) < 0.025).all()
    assert (np.abs(found - truth) < (truth - shares) / 2).all()
    many = entropy(np.round(1e4 * padded(PROBS)), options)
    assert many == pytest.approx(truth, abs=1e-3)


def test_entropy_at_the_edges():
    same, split, one, none = entropy([[5, 0, 0], [0, 2, 2], [1, 0, 0], [0, 0, 0]], [3, 3, 3, 3])
    assert same == pytest.approx(0)
    assert split > 0
    assert np.isnan([one, none]).all()
    assert entropy([[8] + 6 * [0]] * 6, range(2, 8)) == pytest.approx(np.zeros(6))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634), (1, 1, 0.2065, 1)],
)
def test_the_interval_of_a_share(hits, n, low, high):
    assert np.ravel(wilson([hits], [n])) == pytest.approx([low, high], abs=1e-4)


@pytest.mark.parametrize("k", [1, 2, 4, 8, 32])
def test_intervals_of_items_cover_on_average_whether_models_are_sure_or_not(k):
    for sharpness in (0.2, 1.0):
        p = rng().beta(sharpness, sharpness, 20000)
        low, high = wilson(rng().binomial(k, p), np.full(len(p), k))
        assert ((low <= p) & (p <= high)).mean() > 0.94


def asked(probs, k, generator, groups=None, model="m"):
    """Rows of k answers of each item; what the probabilities lack to 1 is the share of unreadable answers."""
    parts = []
    for item, p in enumerate(probs):
        letters = generator.choice([*"ABCDEFG"[: len(p)], None], size=k, p=[*p, max(0.0, 1 - sum(p))])
        group = groups[item] if groups else f"q{item}"
        parts += [(f"q{item}", group, ["x"] * len(p), sample, letter) for sample, letter in enumerate(letters)]
    rows = pd.DataFrame(parts, columns=["question", "group", "options", "sample", "answer"])
    return rows.assign(model=model, perturbation="plain", temperature=1.0, right="A", correct=rows["answer"] == "A")


def test_one_line_for_each_item_whatever_the_order_of_its_rows():
    rows = asked([(1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0)], 6, rng())
    rows = pd.concat([rows, rows.assign(perturbation="stop-think")]).sample(frac=1, random_state=0)
    found = estimates(rows).set_index(["perturbation", "question"]).loc["plain"].loc[["q0", "q1", "q2"]]
    assert found["samples"].tolist() == [6, 6, 6]
    assert found["read"].tolist() == [6, 6, 0]
    assert found["p_correct"].tolist()[:2] == [1.0, 0.0]
    assert found["entropy"].tolist()[:2] == pytest.approx([0.0, 0.0])
    assert found.loc["q2", ["p_correct", "entropy"]].isna().all()
    assert found.loc["q2", ["low", "high"]].tolist() == [0.0, 1.0]
    assert len(estimates(rows)) == 6


def test_unreadable_answers_are_left_out_and_counted():
    found = confidence(asked([(0.6, 0.15)] * 400, 16, rng()), rng()).set_index("measure")
    assert found.loc["p_correct", "value"] == pytest.approx(0.8, abs=0.02)
    assert found.loc["no_answer", "value"] == pytest.approx(0.25, abs=0.02)
    assert found.loc["entropy", "value"] == pytest.approx(normalised_entropy([(0.8, 0.2)])[0], abs=0.02)


def test_rows_that_are_no_samples_of_one_model_are_refused():
    rows = asked([(0.5, 0.5)], 4, rng())
    with pytest.raises(CompanionError, match="several models"):
        estimates(pd.concat([rows, asked([(0.5, 0.5)], 4, rng(), model="n")]))
    with pytest.raises(CompanionError, match="are no samples"):
        estimates(rows.assign(temperature=0.0))


@pytest.mark.slow
def test_intervals_of_means_hold_the_error_of_items_and_of_samples_once_each():
    """Items come in groups that are alike; groups and answers are drawn anew each time."""
    generator, found = rng(), []
    for _ in range(100):
        p = np.repeat(generator.choice([0.95, 0.6], 30), 3)
        rows = asked([(one, 1 - one) for one in p], 4, generator, groups=[f"g{n // 3}" for n in range(90)])
        found.append(confidence(rows, generator).assign(truth=[0.775, np.nan, 0.0]))
    means = pd.concat(found).groupby("measure")
    spread = means["value"].std() * 2 * 1.96
    for name in ("p_correct", "entropy"):
        width = (means["high"].mean() - means["low"].mean())[name]
        assert 0.8 < width / spread[name] < 1.2
    own = means.get_group("p_correct")
    assert ((own["low"] <= own["truth"]) & (own["truth"] <= own["high"])).mean() > 0.88


def test_draws_say_how_many_samples_are_enough():
    probs = padded([PROBS[n % 7] for n in range(70)])
    options = np.array([len(PROBS[n % 7]) for n in range(70)])
    known = samples_needed.Truth(np.arange(70), probs, options, np.zeros(70, dtype=int), np.zeros(70))
    table = samples_needed.estimates_drawn(known, rng(), draws=60).assign(source="drawn")
    bias = table.set_index(["of", "measure", "k"])["bias"].abs()
    error = table.set_index(["of", "measure", "k"])["rmse"]
    assert bias["mean", "entropy", 2] > 0.05 > 0.02 > bias["mean", "entropy", 32]
    assert error["item", "p_correct", 4] == pytest.approx(
        2 * error["item", "p_correct", 16], rel=0.05
    )  # a share's error halves with four times the samples
    assert (1, "entropy") not in set(zip(table["k"], table["measure"], strict=True))


@pytest.mark.parametrize(
    ("spoilt", "column", "value", "k"),
    [(2, "bias", -0.02, 4), (8, "coverage", 0.9, 16), (32, "bias", 0.01, None), (None, "bias", 0.0, 2)],
)
def test_enough_is_where_bias_and_coverage_are_good_from_there_on(spoilt, column, value, k):
    lines = [
        {"source": "drawn", "of": "mean", "k": n, "measure": measure, "bias": 0.001, "coverage": 0.94}
        for n in samples_needed.KS
        for measure in (["p_correct", "entropy"] if n > 1 else ["p_correct"])
    ]
    table = pd.DataFrame(lines)
    table.loc[(table["k"] == spoilt) & (table["measure"] == "entropy"), column] = value
    assert samples_needed.enough(table) == k


@pytest.mark.slow
def test_the_truth_of_a_microworld_model_is_what_its_samples_show(checkpoint, tmp_path, monkeypatch):
    from companion.models.local import LocalModel
    from companion.questions.microworld import questions

    monkeypatch.setattr(samples_needed, "ASKED", 2)
    model = LocalModel(str(checkpoint), device="cpu")
    checks, truths = samples_needed.study([model], questions("test", 40), Store(tmp_path), reasonings=4, draws=3)
    at_once, reasoned = truths.to_dict("records")
    assert (at_once["reasonings"], reasoned["reasonings"]) == (1, 4)
    assert at_once["error_mean"] == 0 < reasoned["error_mean"]
    assert at_once["p_correct"] == pytest.approx(at_once["greedy_p_correct"])
    assert reasoned["after_entropy"] < reasoned["entropy"]
    found = checks[(checks["source"] == "asked") & (checks["measure"] == "p_correct")]
    assert found["perturbation"].tolist() == ["stop-think", "plain"]
    assert (found["bias"].abs() < 0.12).all()


def test_samples_on_the_command_line(capsys, tmp_path, random_checkpoint):
    command = ["evaluate", "--model", str(random_checkpoint), "--perturbations", "plain,stop-think", "--limit", "3"]
    command += ["--max-new-tokens", "3", "--out", str(tmp_path)]
    assert main(command) == 0
    greedy = set(Store(tmp_path).read())
    capsys.readouterr()
    assert main([*command, "--temperature", "1", "--samples", "2"]) == 0
    two = set(Store(tmp_path).read())
    assert main([*command, "--temperature", "1", "--samples", "3"]) == 0
    rows = Store(tmp_path).read()
    assert greedy < two < set(rows)
    assert sorted(row["sample"] for row in rows.values()) == [0] * 12 + [1] * 6 + [2] * 6
    assert "p_correct" in capsys.readouterr().out
    parts = set(tmp_path.iterdir())
    assert main([*command, "--temperature", "1", "--samples", "3"]) == 0
    assert set(tmp_path.iterdir()) == parts
    capsys.readouterr()
    for more, sentence in (([], "greedy answers are all the same"), (["--ray"], "does not go with --ray")):
        assert main([*command, "--samples", "3", *more]) == 2
        assert sentence in capsys.readouterr().err

"""The tables of answers, on rows whose numbers are known: shares, paired changes, and what they are shares of."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis import tables
from companion.errors import CompanionError


def rng():
    return np.random.default_rng(0)


def rows(**perturbations):
    """perturbations: name → one (answer, P(A), wording) for each item. A is right, B suggested; families of two
    items."""
    lines = []
    for name, items in perturbations.items():
        for k, (answer, sure, wording) in enumerate(items):
            lines.append(
                {
                    "model": "m",
                    "question": f"q{k}",
                    "group": f"q{k}",
                    "category": f"family {k // 2}",
                    "n_options": 4,
                    "perturbation": name.replace("_", "-"),
                    "wording": wording,
                    "answer": answer,
                    "right": "A",
                    "suggested": "B" if "wrong" in name else None,
                    "correct": answer == "A",
                    "p_correct": sure,
                    "letter_probs": [sure, 1 - sure, 0.0, 0.0] if answer else None,
                    "letter_mass": 1.0,
                    "entropy": sure,
                }
            )
    return pd.DataFrame(lines)


ROWS = rows(
    plain=[("A", 0.9, ""), ("A", 0.8, ""), ("A", 0.7, ""), ("A", 0.6, ""), ("B", 0.3, ""), ("C", 0.2, "")],
    wrong_caption=[
        ("A", 0.8, "0"),
        ("B", 0.1, "0"),
        ("C", 0.2, "1"),
        (None, np.nan, "1"),
        ("A", 0.9, "0"),
        ("B", 0.1, "1"),
    ],
)
"""Of the four that were right one is kept, and one each goes to B, to C and to nothing; one that was wrong is won."""


def look(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    (line,) = table.itertuples()
    return line


def test_accuracy_and_its_paired_change():
    table = tables.accuracy(ROWS, rng())
    assert look(table, perturbation="plain", measure="accuracy").value == pytest.approx(4 / 6)
    assert look(table, perturbation="wrong-caption", measure="change").value == pytest.approx(-2 / 6)
    assert look(table, perturbation="wrong-caption", measure="no_answer").value == pytest.approx(1 / 6)
    same = look(table, perturbation="plain", measure="change")
    assert (same.value, same.low, same.high) == (0, 0, 0)  # an item is compared with itself
    assert tables.contrast(ROWS, "wrong-caption", "plain", rng()).value == pytest.approx(-2 / 6)


def test_fates_are_shares_of_what_was_right():
    table = tables.fates(ROWS, rng())
    assert set(table["perturbation"]) == {"wrong-caption"}
    assert dict(zip(table["fate"], table["value"], strict=True)) == dict.fromkeys(
        ("right", "suggested", "other", "none"), 0.25
    )
    assert set(table["among"]) == {4}


def test_confidence_changes_item_by_item_and_leaves_out_what_has_none():
    table = tables.confidence(ROWS, rng())
    change = look(table, perturbation="wrong-caption", measure="change")
    assert change.value == pytest.approx(np.mean([-0.1, -0.7, -0.5, 0.6, -0.1]))
    levels = [look(table, perturbation=name, measure="p_correct").value for name in ("wrong-caption", "plain")]
    assert change.value != pytest.approx(levels[0] - levels[1])  # the item without a letter counts in one alone
    assert look(table, perturbation="plain", measure="change").value == 0


def test_overconfidence_is_the_probability_of_the_given_letter_minus_accuracy():
    found = look(tables.confidence(ROWS, rng()), perturbation="plain", measure="overconfidence")
    assert found.value == pytest.approx((0.9 + 0.8 + 0.7 + 0.6 + 0.7 + 0.0) / 6 - 4 / 6)


def test_survival_is_told_of_all_items_of_those_right_before_and_within_families():
    """Pairs of an item that ends right and one that ends wrong, and how many of them the surer item wins."""
    table = tables.survival(ROWS, rng())
    found = table[table["predictor"] == "P(correct)"].set_index("definition")
    assert found["n"].to_dict() == dict(zip(tables.DEFINITIONS, (6, 4, 4), strict=True))
    assert found["survived"].to_dict() == dict(zip(tables.DEFINITIONS, (2, 1, 1), strict=True))
    # ends right: 0.9 and 0.3, ends wrong: 0.8, 0.7, 0.6 and 0.2
    assert found["value"].to_dict() == dict(zip(tables.DEFINITIONS, (5 / 8, 1, 1), strict=True))


def test_parts_and_wordings_count_their_own_items():
    families = tables.by_column(ROWS, "category", rng())
    one = look(families, category="family 1", perturbation="wrong-caption", measure="change")
    assert (one.value, one.n, one.chance) == (-1, 2, 0.25)
    wordings = tables.by_wording(ROWS, rng()).set_index("wording")
    assert wordings["n"].to_dict() == {"0": 3, "1": 3}
    assert wordings["value"].to_dict() == {"0": 0, "1": pytest.approx(-2 / 3)}


def test_what_cannot_be_paired_is_an_error():
    with pytest.raises(CompanionError, match="no rows under the plain prompt"):
        tables.accuracy(ROWS[ROWS["perturbation"] != "plain"], rng())
    with pytest.raises(CompanionError, match="wrong-caption has other items than the plain prompt"):
        tables.accuracy(ROWS.drop(index=ROWS.index[-1]), rng())
    with pytest.raises(CompanionError, match="several models or samples"):
        tables.accuracy(pd.concat([ROWS, ROWS.assign(model="n")]), rng())

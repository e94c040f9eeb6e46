"""Quadrants, failure types, drift and agreement of judges: on rows whose truth is known."""

import json

import numpy as np
import pandas as pd
import pytest

from companion.analysis import consistency
from companion.analysis.tables import RowsPanel
from companion.evaluation.engine import evaluate, judge
from companion.evaluation.judges.grounding_judge import Grounding
from companion.evaluation.judges.replay_judge import PROBES
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import VERDICTS, Store
from companion.figures import replay
from companion.measures import fleiss_kappa
from companion.questions.microworld import questions

N = 40


def rng():
    return np.random.default_rng(0)


def rows(**perturbations):
    """perturbations: name → list of (correct, verdict, answered the suggestion), one for each item."""
    lines = []
    for name, items in perturbations.items():
        for k, (correct, verdict, misled) in enumerate(items):
            lines.append(
                {
                    "key": f"{name}-{k}",
                    "model": "m",
                    "question": f"q{k}",
                    "group": f"q{k}",
                    "category": "position",
                    "perturbation": name.replace("_", "-"),
                    "correct": correct,
                    "answer": "B" if misled else "A",
                    "suggested": {"right": "A", "wrong": "B"}.get(name.split("_")[0]),
                    "right": "A",
                    "rule": verdict,
                    "prefill": "<think></think>" if name == "stop_think" else "",
                    "n_options": 4,
                }
            )
    return pd.DataFrame(lines)


def look(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    (value,) = table["value"]
    return value


RIGHT_AND_SAYS_SO, RIGHT_ALL_THE_SAME = (True, "agree", False), (True, "disagree", False)
MISLED, CONFUSED = (False, "agree", True), (False, "no commitment", False)


def test_quadrants_sum_to_one_and_consistent_accuracy_falls_further():
    table = consistency.quadrants(
        rows(
            plain=[RIGHT_AND_SAYS_SO] * 30 + [CONFUSED] * 10,
            wrong_think=[RIGHT_AND_SAYS_SO] * 5 + [RIGHT_ALL_THE_SAME] * 15 + [MISLED] * 16 + [CONFUSED] * 4,
            stop_think=[(True, "no commitment", False)] * 40,
        ),
        "rule",
        rng(),
    )
    assert set(table["perturbation"]) == {"plain", "wrong-think"}  # no reasoning, no quadrant
    quadrants = ("consistent right", "inconsistent right", "consistent wrong", "inconsistent wrong")
    shares = [look(table, perturbation="wrong-think", measure=name) for name in quadrants]
    assert shares == [5 / N, 15 / N, 16 / N, 4 / N]
    assert look(table, perturbation="wrong-think", measure="change") == pytest.approx(-10 / N)
    assert look(table, perturbation="wrong-think", measure="consistent_change") == pytest.approx(-25 / N)
    assert look(table, perturbation="wrong-think", measure="extra") == pytest.approx(-15 / N)


def test_shares_part_all_answers_by_right_and_verdict():
    unread = (False, "no answer", False)
    table = consistency.shares(
        rows(
            plain=[RIGHT_AND_SAYS_SO] * 20
            + [RIGHT_ALL_THE_SAME] * 4
            + [(True, "no commitment", False)] * 6
            + [CONFUSED] * 3
            + [(False, "disagree", True)] * 1
            + [MISLED] * 4
            + [unread] * 2,
            stop_think=[(True, "no commitment", False)] * 40,
        ),
        "rule",
        rng(),
    )
    assert set(table["perturbation"]) == {"plain"}
    assert table.set_index("measure")["value"].mul(N).round(9).to_dict() == {
        "right, agrees": 20,
        "right, contradicts": 4,
        "right, names no option": 6,
        "wrong, names no option": 3,
        "wrong, contradicts": 1,
        "wrong, agrees": 4,
        "no answer": 2,
    }
    left = consistency.shares(rows(plain=[RIGHT_AND_SAYS_SO] * 10 + [(True, "unusable", False)] * 30), "rule", rng())
    assert look(left, perturbation="plain", measure="right, agrees") == 1


def test_verdicts_that_are_unusable_are_left_out_not_counted_as_inconsistent():
    table = consistency.quadrants(
        rows(plain=[RIGHT_AND_SAYS_SO] * 10 + [(True, "unusable", False)] * 10), "rule", rng()
    )
    assert look(table, perturbation="plain", measure="consistency") == 1
    assert look(table, perturbation="plain", measure="accuracy") == 1


def test_failure_types_are_shares_of_what_was_right():
    table = consistency.failure_types(
        rows(
            plain=[RIGHT_AND_SAYS_SO] * 30 + [CONFUSED] * 10,
            wrong_think=[RIGHT_ALL_THE_SAME] * 4
            + [(True, "no commitment", False)] * 2
            + [MISLED] * 12
            + [RIGHT_AND_SAYS_SO] * 9
            + [CONFUSED] * 3
            + [MISLED] * 10,
        ),
        "rule",
        rng(),
    )
    shares = {name: look(table, type=name) for name in ("stubborn", "brittle", "recovered", "other")}
    assert shares == {"stubborn": 4 / 30, "brittle": 12 / 30, "recovered": 9 / 30, "other": 5 / 30}


RIGHT_UNJUDGED = (True, None, False)


def test_what_was_not_judged_is_neither_stubborn_nor_untrue():
    """30 of 40 items were asked after the judge had been there; the rest are 4 stubborn, 3 brittle and 3 recovered."""
    judged = [RIGHT_ALL_THE_SAME] * 4 + [MISLED] * 3 + [RIGHT_AND_SAYS_SO] * 3
    unjudged = [RIGHT_UNJUDGED] * 20 + [(False, None, True)] * 5 + [(True, "unusable", False)] * 5
    given = rows(plain=[RIGHT_AND_SAYS_SO] * N, wrong_think=judged + unjudged)
    table = consistency.failure_types(given, "rule", rng())
    shares = {name: look(table, type=name) for name in ("stubborn", "brittle", "recovered", "other")}
    assert shares == {"stubborn": 0.4, "brittle": 0.3, "recovered": 0.3, "other": 0}
    assert set(table["among"]) == {10}
    leans = consistency.leaning(RowsPanel(given, rng()), "wrong-think", "rule")
    assert leans[:10].tolist() == [1] * 4 + [-1] * 3 + [0] * 3
    assert np.isnan(leans[10:]).all()
    given["grounding"] = given["rule"]
    quadrants = consistency.quadrants(given, "rule", rng())
    assert look(quadrants, perturbation="wrong-think", measure="grounded_accuracy") == 0.3


@pytest.mark.parametrize(
    ("verdict", "expected"), [("agree", 1), ("disagree", 0), ("no answer", 0), ("unusable", None), (None, None)]
)
def test_a_verdict_that_is_not_there_is_no_number(verdict, expected):
    (found,) = consistency.where_judged(pd.Series([verdict], dtype=object), "agree")
    assert np.isnan(found) if expected is None else found == expected


def test_conflicts_acknowledged_are_shares_of_all_of_those_that_stay_right_and_of_those_that_follow():
    table = rows(
        plain=[RIGHT_AND_SAYS_SO] * 30 + [CONFUSED] * 10,
        wrong_caption=[RIGHT_AND_SAYS_SO] * 15 + [MISLED] * 20 + [CONFUSED] * 5,
        right_caption=[RIGHT_AND_SAYS_SO] * 40,
        blank_image=[CONFUSED] * 40,
    )
    table["conflict"] = (
        ["nothing given"] * 40
        + ["acknowledges"] * 12
        + ["silent"] * 3
        + ["acknowledges"] * 5
        + ["silent"] * 15
        + ["acknowledges"] * 5
        + ["acknowledges"] * 2
        + ["silent"] * 36
        + [None] * 2
        + ["nothing given"] * 40
    )
    found = consistency.acknowledged(table, rng())
    assert found["perturbation"].unique().tolist() == ["wrong-caption", "right-caption"]
    assert look(found, perturbation="wrong-caption", measure="all") == 22 / 40
    assert look(found, perturbation="wrong-caption", measure="stay right") == 12 / 15
    assert look(found, perturbation="wrong-caption", measure="follow") == 5 / 20
    assert found.query("perturbation == 'wrong-caption'")["n"].tolist() == [40, 15, 20, 40]
    assert look(found, perturbation="wrong-caption", measure="above false alarms") == (20 - 2) / 38
    assert look(found, perturbation="right-caption", measure="all") == 2 / 38  # without those that are not judged
    assert (found["low"] <= found["value"]).sum() == (found["high"] >= found["value"]).sum() == 7
    assert look(found, perturbation="right-caption", measure="follow") == 2 / 38


def test_fleiss_kappa_of_the_published_example():
    """Fleiss 1971, as tabulated in the literature: 10 subjects, 14 raters, 5 categories: 0.210."""
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    labels = [np.repeat(np.arange(5), line) for line in counts]
    assert fleiss_kappa(labels, 5)(np.ones((1, 10)))[0] == pytest.approx(0.210, abs=5e-4)


def test_agreement_of_judges():
    table = rows(plain=[RIGHT_AND_SAYS_SO] * 20 + [RIGHT_ALL_THE_SAME] * 20)
    table["llm"] = table["rule"]
    table["replay"] = ["agree"] * 10 + ["disagree"] * 10 + ["agree"] * 10 + ["disagree"] * 10
    found = consistency.judges_agree(table, ["rule", "llm", "replay"], rng())
    assert look(found, judges="rule + llm", measure="strict") == look(found, judges="rule + llm", measure="kappa") == 1
    assert look(found, judges="rule + replay", measure="strict") == 0.5
    assert look(found, judges="rule + replay", measure="kappa") == pytest.approx(0, abs=0.05)
    assert look(found, judges="rule + llm + replay", measure="strict") == 0.5


def test_replays_count_each_probe_among_the_cases_that_were_put_to_it():
    table = rows(plain=[RIGHT_AND_SAYS_SO] * 4)
    table["replay"] = "agree"
    probes = {"blank": "A", "blank-empty": "C", "empty": "A", "half": None, "flipped": "B", "turned_to": "B"}
    unflipped = {name: value for name, value in probes.items() if name != "flipped"} | {"turned_to": None}
    table["replay_details"] = [json.dumps(probes)] * 3 + [json.dumps(unflipped)]
    found = consistency.replays(table, rng())
    assert look(found, probe="blank", measure="same") == 1
    assert look(found, probe="half", measure="same") == 0
    assert look(found, probe="flipped", measure="follows") == 1
    assert found[found["probe"] == "flipped"]["n"].tolist() == [3, 3]
    assert look(found, measure="sufficiency") == 1
    assert look(found, measure="importance") == 0
    assert found.set_index("measure").loc[["sufficiency", "importance"], "n"].tolist() == [4, 4]


def replayed(blank, empty, habit):
    """Rows that were first answered A. blank, empty, habit: the letters answered under those probes, one an item."""
    table = rows(plain=[RIGHT_AND_SAYS_SO] * len(blank))
    table["replay"] = "agree"
    table["replay_details"] = [
        json.dumps({"blank": b, "blank-empty": h, "empty": e, "half": "A", "flipped": None, "turned_to": None})
        for b, e, h in zip(blank, empty, habit, strict=True)
    ]
    return table


@pytest.mark.parametrize(
    ("blank", "empty", "habit", "sufficiency", "importance"),
    [
        ("AAAA", "CCCC", "CCCC", 1, 1),
        ("CCCC", "AAAA", "CCCC", 0, 0),
        ("AAAC", "AACC", "AACC", 0.5, 1),
        ("AAAC", "AAAC", "CCCC", 0.75, 0.25),
    ],
)
def test_sufficiency_and_importance_take_off_what_habit_does(blank, empty, habit, sufficiency, importance):
    found = consistency.replays(replayed(blank, empty, habit), rng())
    assert look(found, probe="blank", measure="sufficiency") == pytest.approx(sufficiency)
    assert look(found, probe="empty", measure="importance") == pytest.approx(importance)


def test_gaps_of_sufficiency_and_importance_are_those_of_the_items_that_both_were_probed_on():
    one, two = replayed("AAAA" + "C", "CCCC" + "A", "CCCC" + "A"), replayed("AAAC", "AACC", "AACC")
    found = consistency.replay_gaps({"one": one, "two": two}, rng())
    assert look(found, measure="sufficiency") == pytest.approx(0.5 - 1)
    assert look(found, measure="importance") == pytest.approx(1 - 1)
    assert set(found.query("measure in ['sufficiency', 'importance']")["n"]) == {4}
    same = consistency.replay_gaps({"one": two, "two": two}, rng())
    assert (same.query("measure in ['sufficiency', 'importance']")[["value", "low", "high"]] == 0).all(axis=None)


def test_replay_gaps_are_paired_over_the_items_that_both_were_probed_on():
    found = consistency.replay_gaps(
        {"one": replayed("AAAAA", "AAAAA", "CCCCC"), "two": replayed("AABB", "AAAA", "CCCC")}, rng()
    )
    assert look(found, probe="blank", measure="same") == -0.5
    assert dict(zip(found["probe"], found["n"], strict=True)) == dict.fromkeys(PROBES, 4) | {"flipped": 0}
    assert found.query("probe == 'flipped'")["value"].isna().all()
    elsewhere = replayed("A", "A", "C").assign(question="another")
    assert consistency.replay_gaps({"one": replayed("A", "A", "C"), "two": elsewhere}, rng()).empty


def test_an_item_that_one_of_two_was_not_probed_on_counts_in_neither():
    """Turned reasoning: followed in 1 of 4 and in 2 of 3; of the three items that both were asked, in 0 and 2."""
    tables = {}
    for name, turned in (("one", "AAAB"), ("two", "ABB-")):
        tables[name] = rows(plain=[RIGHT_AND_SAYS_SO] * 4).assign(
            replay="agree",
            replay_details=[
                json.dumps(
                    dict.fromkeys(("blank", "blank-empty", "empty", "half"), "A")
                    | {"flipped": None if to == "-" else to, "turned_to": None if to == "-" else "B"}
                )
                for to in turned
            ],
        )
    found = consistency.replay_gaps(tables, rng())
    assert look(found, probe="flipped", measure="follows") == pytest.approx(2 / 3)
    assert found[found["probe"] == "flipped"]["n"].tolist() == [3, 3]


def test_judges_on_stored_rows_end_to_end(tmp_path):
    """Rows of a model that reasons truly: each judge's verdicts come back as columns, and nothing is judged twice."""
    from test_llm_judge import Thinking

    items = questions("test", 18)
    table = evaluate(Thinking(), items, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    store = Store(tmp_path / "verdicts", VERDICTS)
    verdicts = pd.concat([judge(one, table, items, store, progress=False) for one in (Rule(), Grounding())])
    judged = consistency.with_verdicts(table, verdicts)
    assert judged["key"].tolist() == table["key"].tolist()
    assert set(judged["grounding"]) == {"no commitment"}
    assert (judged["rule"] == "agree").tolist() == (judged["answer"] == "B").tolist()
    parts = sorted(p.name for p in (tmp_path / "verdicts").iterdir())
    judge(Rule(), table, items, store, progress=False)
    assert sorted(p.name for p in (tmp_path / "verdicts").iterdir()) == parts
    shipped = Store(tmp_path / "new", VERDICTS, shipped=[tmp_path / "verdicts"])
    judge(Rule(), table, items, shipped, progress=False)
    assert not list((tmp_path / "new").iterdir())


def test_a_judge_against_the_grammar():
    item = questions("test", 2)[0]
    right, wrong = item.claims[0], f"So the answer is {item.options[1]}."
    said = [
        (right, "A", "A", "right"),
        (f"{right} {wrong}", "B", "B", "right"),
        ("Let me see.", "", None, "right"),
        ("Let me see.", "", "A", "invented"),
        (right, "A", None, "missed"),
        (right, "A", "C", "another"),
    ]
    table = pd.DataFrame(
        [
            {
                "model": "m",
                "perturbation": "plain",
                "question": item.id,
                "think": think,
                "options": item.options,
                "rule_concluded": concluded,
                "prefill": "",
            }
            for think, _, concluded, _ in said
        ]
    )
    found = consistency.against_truth(table, {item.id: item})
    assert found["truth"].fillna("").tolist() == [truth for _, truth, _, _ in said]
    assert found["outcome"].tolist() == [outcome for *_, outcome in said]
    table = consistency.truth_table(found, rng()).set_index("outcome")
    assert table["count"].to_dict() == {"right": 3, "invented": 1, "missed": 1, "another": 1}
    assert table.loc["right", "value"] == 0.5


def test_the_replay_figure_parts_what_is_made_of_the_probes_from_the_probes_and_leaves_out_what_a_table_lacks():
    table = replay.table(replayed("AAAC", "AACC", "AACC"), rng())
    axes = replay.draw(table, "made up").axes[0]
    labels = [label.get_text().split("\n")[0] for label in axes.get_yticklabels()]
    assert labels[-2:] == ["sufficiency of the reasoning:", "importance of the reasoning:"]
    places = {
        float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() != "None"
    }
    assert (places[6.0], places[7.0]) == (50, 100)
    assert axes.get_xlim()[0] <= 100 * table["low"].min()
    without = table[~table["measure"].isin(["sufficiency", "importance"])]
    assert len(replay.draw(without, "made up").axes[0].get_yticks()) == len(labels) - 2

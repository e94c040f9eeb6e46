"""Runs side by side, and the findings tested on them: on rows whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from companion.analysis import consistency, findings, leaderboard, tables
from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import ROWS, VERDICTS, Store

N = 60


def rng():
    return np.random.default_rng(0)


def made_up(
    right,
    sure=lambda perturbation, k: 0.5,
    agrees=lambda perturbation, k: True,
    model="m",
    benchmark="cv-bench",
    **settings,
):
    """Rows and verdicts. right, agrees: perturbation, item → bool; sure: → P(correct). Items are in groups of two."""
    rows, verdicts = [], []
    for perturbation in (name for name in right("", 0)):
        for k in range(N):
            correct, p = bool(right(perturbation, k)), sure(perturbation, k)
            key = f"{model}-{benchmark}-{perturbation}-{k}-{settings}"
            rows.append(
                dict.fromkeys(ROWS.names)
                | {
                    "key": key,
                    "model": model,
                    "model_hash": "h",
                    "profile": "generic",
                    "benchmark": benchmark,
                    "question": f"q{k}",
                    "group": f"g{k // 2}",
                    "category": ("Count/ADE20K", "Depth/Omni3D")[k % 2],
                    "n_options": 2,
                    "options": ["x", "y"],
                    "perturbation": perturbation,
                    "suggested": "B",
                    "temperature": 0.0,
                    "sample": 0,
                    "seed": 0,
                    "tokens": 10,
                    "right": "A",
                    "answer": "A" if correct else "B",
                    "correct": correct,
                    "letter_probs": [p, 1 - p],
                    "p_correct": p,
                    "entropy": float(-np.log2(p) * p - np.log2(1 - p) * (1 - p)),
                }
                | settings
            )
            verdicts.append(
                {
                    "key": key,
                    "row": key,
                    "judge": "rule",
                    "judge_hash": "rule-1",
                    "verdict": "agree" if agrees(perturbation, k) else "disagree",
                    "concluded": None,
                    "reason": "",
                    "details": "{}",
                }
            )
    return rows, verdicts


def stored(folder, *parts):
    for rows, verdicts in parts:
        Store(folder).append(rows)
        Store(folder / "verdicts", VERDICTS).append(verdicts)
    return str(folder)


NAMES = (
    "plain",
    "wrong-caption",
    "wrong-think",
    "wrong-caption-abstain",
    "wrong-think-abstain",
    "right-caption",
    "right-think",
)


def paperlike(perturbation, k):
    """Of 60 items the share that is right, as the paper has it."""
    if not perturbation:
        return NAMES
    share = dict(zip(NAMES, (0.7, 0.5, 0.3, 0.3, 0.1, 0.9, 0.95), strict=True))[perturbation]
    return k < share * N


def opposite(perturbation, k):
    if not perturbation:
        return NAMES
    share = dict(zip(NAMES, (0.5, 0.7, 0.8, 0.9, 1.0, 0.3, 0.2), strict=True))[perturbation]
    return k < share * N


def confident(perturbation, k):
    """The more sure of an item, the longer it survives; less sure under perturbations."""
    return (0.98 - 0.9 * k / N) * (1 if perturbation == "plain" else 0.8)


@pytest.mark.parametrize(
    ("right", "sure", "verdict"),
    [(paperlike, confident, "supported"), (opposite, lambda v, k: 0.3 if v == "plain" else 0.6, "contradicted")],
)
def test_the_findings_on_one_models_rows(tmp_path, right, sure, verdict):
    run = stored(tmp_path / "run", made_up(right, sure, agrees=lambda v, k: v == "plain" or k % 3 > 0, n_options=4))
    tests = findings.quantities_on_rows(leaderboard.load([run]), rng)
    joint = findings.joint_verdicts_on_rows(tests, ["benchmark", "model"])["cv-bench", "m"]
    assert joint[["F1", "F2", "F12", "F13"]].eq(verdict).all()
    assert joint["F3"] == "supported"
    assert list(joint.index) == ["F1", "F2", "F3", "F10", "F12", "F13"]


def test_what_confidence_tells_of_survival(tmp_path):
    """P(correct) orders the survivors; entropy does not where a model is surely wrong on some of its items."""
    run = stored(tmp_path / "run", made_up(paperlike, confident))
    tests = findings.quantities_on_rows(leaderboard.load([run]), rng).set_index("what")
    found = tests.loc["AUROC for right under wrong-think: of P(correct) under plain"]
    assert found[["value", "n", "verdict"]].tolist() == [1.0, N, "supported"]  # over all items, as the study has it


def test_types_of_models_take_more_than_one(tmp_path):
    def obeys(perturbation, k):
        return NAMES if not perturbation else perturbation != "wrong-think"

    stubborn = made_up(lambda v, k: True if v else NAMES, agrees=lambda v, k: v != "wrong-think", model="firm")
    brittle = made_up(obeys, model="soft")
    one = findings.quantities_on_rows(leaderboard.load([stored(tmp_path / "one", stubborn)]), rng)
    both = findings.quantities_on_rows(leaderboard.load([stored(tmp_path / "two", stubborn, brittle)]), rng)
    assert "F11" not in set(one["finding"])
    types = both[both["finding"] == "F11"]
    assert types["what"].str.extract(r"\((\w+)\)")[0].tolist() == ["firm", "soft"]
    assert types["value"].tolist() == [1.0, -1.0]
    assert set(types["verdict"]) == {"supported"}


def test_models_of_which_nothing_is_judged_are_no_types_and_say_nothing_of_reasoning(tmp_path):
    firm = made_up(lambda v, k: True if v else NAMES, agrees=lambda v, k: v != "wrong-think", model="firm")
    soft = made_up(lambda v, k: NAMES if not v else v != "wrong-think", model="soft")
    unjudged = made_up(paperlike, model="unjudged")[0], []
    run = stored(tmp_path / "run", firm, soft, unjudged)
    tests = findings.quantities_on_rows(leaderboard.load([run]), rng)
    assert tests.loc[tests["finding"] == "F11", "what"].str.extract(r"\((\w+)\)")[0].tolist() == ["firm", "soft"]
    assert set(tests.loc[tests["finding"] == "F3", "model"]) == {"firm", "soft"}


def test_items_asked_after_the_judge_was_there_make_no_model_stubborn(tmp_path):
    """Of the right answers to a wrong reasoning prefix a third are judged, and their reasoning says so."""
    parts = []
    for model in ("one", "other"):
        rows, verdicts = made_up(lambda v, k: True if v else NAMES, model=model)
        judged = {row["key"] for row in rows if int(row["question"][1:]) % 3 == 0}
        parts.append((rows, [verdict for verdict in verdicts if verdict["row"] in judged]))
    tests = findings.quantities_on_rows(leaderboard.load([stored(tmp_path / "run", *parts)]), rng)
    assert tests.loc[tests["finding"] == "F11", "value"].tolist() == [0, 0]


def test_where_all_reasoning_agrees_the_extra_loss_may_be_off_on_both_sides(tmp_path):
    run = stored(tmp_path / "run", made_up(paperlike))
    rows = leaderboard.load([run])
    tests = findings.quantities_on_rows(rows, rng).set_index("what")
    found = tests.loc["wrong-think: change of consistent accuracy minus change of accuracy"]
    assert found["value"] == 0
    assert found["low"] == -found["high"] < 0
    table = consistency.quadrants(rows.assign(prefill=""), "rule", rng())
    line = table[(table["perturbation"] == "wrong-think") & (table["measure"] == "extra")].iloc[0]
    assert line[["value", "low", "high"]].tolist() == found[["value", "low", "high"]].tolist()


def guesses(perturbation, k):
    return NAMES if not perturbation else k % 2 == 0


@pytest.mark.parametrize(
    ("right", "options", "above"),
    [
        (guesses, 2, False),
        (guesses, 4, True),
        (paperlike, 2, True),
        (lambda v, k: NAMES if not v else k == 0, 2, False),
    ],
)
def test_a_model_that_is_not_above_chance_gets_no_verdicts(tmp_path, capsys, right, options, above):
    """Half of the items right is chance with two options, and is not with four."""
    run = stored(tmp_path / "run", made_up(right, confident, n_options=options))
    tests = findings.quantities_on_rows(leaderboard.load([run]), rng)
    assert (set(tests["verdict"]) == {"not above chance"}) is not above
    assert (findings.joint_verdicts_on_rows(tests, ["benchmark"]) == "not above chance").all() == (not above)
    sentences = findings.at_chance(leaderboard.load([run]), rng)
    assert list(sentences) == ([] if above else [("cv-bench", "m")])
    assert main(["claims", run, "--csv", str(tmp_path / "tests.csv")]) == 0
    out = capsys.readouterr().out
    if above:
        assert "F1" in out
    else:
        assert "m on cv-bench is not above chance: right in" in out
        assert "where guessing gives 50.0 %" in out.replace("%", " %")
        assert "F1" not in out


def test_chance_is_that_of_each_item(tmp_path):
    """Of two options and of four, half each: V* has 8 attributes of two options among those of four."""
    rows, verdicts = made_up(lambda v, k: NAMES if not v else k % 4 == 0)
    for row in rows:
        row["n_options"] = 2 if int(row["question"][1:]) % 2 else 4
    run = stored(tmp_path / "run", (rows, verdicts))
    table = leaderboard.leaderboard(leaderboard.load([run]), rng).set_index("measure")
    assert table.loc["chance", "value"] == pytest.approx(0.375)
    assert leaderboard.wide(table.reset_index())["chance"].tolist() == ["37.5"]
    over = tables.over_chance(leaderboard.load([run]), rng())
    assert over.value == pytest.approx(0.25 - 0.375)
    assert set(tables.accuracy(leaderboard.load([run]), rng())["chance"].dropna()) == {0.375}


def test_models_that_guess_are_no_types(tmp_path):
    """F11 picks the most extreme of the models; one that guesses is none of them."""
    firm = made_up(lambda v, k: True if v else NAMES, agrees=lambda v, k: v != "wrong-think", model="firm")
    soft = made_up(lambda v, k: NAMES if not v else v != "wrong-think", model="soft")
    run = stored(tmp_path / "run", firm, soft, made_up(guesses, agrees=lambda v, k: k % 2, model="guesser"))
    tests = findings.quantities_on_rows(leaderboard.load([run]), rng)
    types = tests[tests["finding"] == "F11"]
    assert types["what"].str.extract(r"\((\w+)\)")[0].tolist() == ["firm", "soft"]


def test_the_plain_prompt_alone_tests_nothing(tmp_path, capsys):
    run = stored(tmp_path / "run", made_up(lambda v, k: ("plain",) if not v else True))
    assert main(["claims", run]) == 2
    assert "these rows are of the plain prompt alone; evaluate wrong-caption" in capsys.readouterr().err


def test_what_macos_puts_beside_files_is_no_part(tmp_path):
    run = stored(tmp_path / "run", made_up(paperlike))
    count = len(leaderboard.load([run]))
    for folder in (tmp_path / "run", tmp_path / "run" / "verdicts"):
        (part,) = folder.glob("*.parquet")
        (folder / f"._{part.name}").write_bytes(b"\0\5\x16\7")
    assert len(leaderboard.load([run])) == count
    Store(tmp_path / "run").pack("model")
    assert len(Store(tmp_path / "run").read()) == count


def test_the_leaderboard_against_plain_counting(tmp_path):
    """Accuracy, worst case, consistency and the benchmark's own score, each counted again with pandas."""
    run = stored(tmp_path / "run", made_up(paperlike, agrees=lambda v, k: k % 4 > 0, model="a/SpaceR"))
    rows = leaderboard.load([run])
    table = leaderboard.leaderboard(rows, rng).set_index("measure")
    right = rows.pivot(index="question", columns="perturbation", values="correct").astype(bool)
    agrees = rows[rows["perturbation"] == "plain"].set_index("question")["rule"] == "agree"
    assert table.loc["accuracy", "value"] == right["plain"].mean()
    assert table.loc["wrong-think", "value"] == pytest.approx(right["wrong-think"].mean() - right["plain"].mean())
    assert table.loc["robust", "value"] == (right["plain"] & right["wrong-caption"] & right["wrong-think"]).mean()
    assert table.loc["consistent", "value"] == (right["plain"] & agrees).mean()
    assert table.loc["no answer", "value"] == 0
    assert table.loc["paper", "value"] == pytest.approx(0.7812)
    assert np.isnan(table.loc["paper", "low"])
    shown = leaderboard.wide(leaderboard.leaderboard(rows, rng)).iloc[0]
    assert shown["items"] == N
    assert shown["paper"] == "78.12"
    assert shown["accuracy"].startswith("70.0 [")


ROTATED = {"mmbench": "mmbench-{unit}{copy:06d}", "3dsrbench-circular": "3dsrbench-circular-UNIT{unit:04d}-{copy}"}
"""Benchmark → the id of a rotated copy; copy 0 of MMBench's is the item itself."""


@pytest.mark.parametrize("benchmark", ROTATED)
@pytest.mark.parametrize(("by", "same"), [("option", "100.0"), ("place", "0.0"), ("half", "50.0")])
def test_where_options_are_rotated_the_leaderboard_says_how_often_the_same_one_is_chosen(tmp_path, benchmark, by, same):
    """Every item in both orders of its two options; its second copy chosen by what stands there, or by its place."""

    def rows():
        made, verdicts = made_up(paperlike, benchmark=benchmark)
        for row in made:
            unit, copy = divmod(int(row["question"][1:]), 2)
            by_place = by == "place" or (by == "half" and unit % 2)
            row["question"] = ROTATED[benchmark].format(unit=unit + 1, copy=copy)
            row["group"] = f"g{unit}"
            row["options"] = ["y", "x"] if copy else ["x", "y"]
            row["answer"] = "A" if by_place or not copy else "B"
        return made, verdicts

    found = leaderboard.leaderboard(leaderboard.load([stored(tmp_path / "run", rows())]), rng)
    shown = leaderboard.wide(found).iloc[0]
    assert shown[leaderboard.SHUFFLED].split()[0] == same
    assert shown[leaderboard.SHUFFLED_CHANCE] == "50.0"


def test_without_rotated_copies_nothing_is_said_of_them(tmp_path):
    runs = [stored(tmp_path / name, made_up(paperlike, benchmark=name)) for name in ("mine", "cv-bench")]
    alone, verdicts = made_up(paperlike, benchmark="mmbench")
    for row in alone:
        row["question"] = row["group"] = f"mmbench-{row['question'][1:]}"
    found = leaderboard.leaderboard(leaderboard.load([*runs, stored(tmp_path / "alone", (alone, verdicts))]), rng)
    assert set(found["benchmark"]) == {"mine", "cv-bench", "mmbench"}
    assert not set(found["measure"]) & {leaderboard.SHUFFLED, leaderboard.SHUFFLED_CHANCE}


@pytest.mark.parametrize("beside", [(), ({"model": "whole"},), ({"benchmark": "mine"},)])
def test_a_model_without_the_plain_prompt_is_named_and_does_not_vanish(tmp_path, capsys, beside):
    """Alone, beside another model, and beside its own rows on another benchmark."""
    part = made_up(lambda v, k: k % 2 if v else ("wrong-caption", "wrong-think"))
    run = stored(tmp_path / "run", part, *(made_up(paperlike, **other) for other in beside))
    assert main(["compare", run]) == 2
    said = capsys.readouterr().err
    assert "no rows under the plain prompt, which all others are compared with, of m on cv-bench; evaluate it" in said


def test_models_stand_by_accuracy_and_benchmarks_apart(tmp_path):
    run = stored(
        tmp_path / "run",
        made_up(paperlike, model="weak"),
        made_up(opposite, model="weak", benchmark="mine"),
        made_up(lambda v, k: True if v else NAMES, model="strong"),
    )
    shown = leaderboard.wide(leaderboard.leaderboard(leaderboard.load([run]), rng))
    assert shown[["benchmark", "model"]].to_numpy().tolist() == [
        ["cv-bench", "strong"],
        ["cv-bench", "weak"],
        ["mine", "weak"],
    ]


def test_only_items_asked_under_every_perturbation_count_and_settings_tell_runs_apart(tmp_path):
    rows, verdicts = made_up(paperlike)
    cut = [row for row in rows if row["perturbation"] != "wrong-think" or row["question"] not in ("q0", "q1")]
    other = made_up(paperlike, seed=1)
    found = leaderboard.load([stored(tmp_path / "a", (cut, verdicts)), stored(tmp_path / "b", other)])
    assert found.groupby("model")["question"].nunique().to_dict() == {"m, seed 0": N - 2, "m, seed 1": N}


def test_a_perturbation_on_fewer_items_takes_none_from_the_others(tmp_path, capsys):
    """Each measure is of the items that were asked under all that it needs; what it is not of does not matter."""
    rows, verdicts = made_up(paperlike)
    few = {"wrong-think": 10, "right-caption": 3}
    cut = [row for row in rows if int(row["question"][1:]) < few.get(row["perturbation"], N)]
    run = stored(tmp_path / "run", (cut, verdicts))
    shown = leaderboard.leaderboard(leaderboard.load([run], whole=False), rng).set_index("measure")
    expected = {"accuracy": N, "wrong-caption": N, "wrong-think": 10, "robust": 10, "consistent": N, "chance": N}
    assert shown.loc[list(expected), "n"].to_dict() == expected
    assert shown.loc["accuracy", "value"] == pytest.approx(0.7)
    assert shown.loc["wrong-caption", "value"] == pytest.approx(-0.2)
    assert main(["compare", run]) == 0
    out = capsys.readouterr().out
    assert "of 10" in out
    assert "of 60" not in out
    # The tests of findings compare all perturbations on the same items, and say which of them left some out.
    assert main(["claims", run]) == 0
    assert (
        "m on cv-bench: 3 of 60 items were asked under every perturbation, and count (right-caption on 3, wrong-t"
        in (capsys.readouterr().err)
    )


@pytest.mark.parametrize("twice", [True, False])
def test_two_deliveries_of_a_model_are_two_lines(tmp_path, twice):
    """The plain prompt has no delivery: an answer to it, or one of two, counts for each."""
    made = {}
    for way, share in (("prefill", 0.2), ("user turn", 0.4)):
        rows, verdicts = made_up(lambda v, k, share=share: NAMES if not v else k < (0.7 if v == "plain" else share) * N)
        for row, verdict in zip(rows, verdicts, strict=True):
            row["key"] = verdict["key"] = verdict["row"] = f"{way}-{row['key']}"
            row["delivery"] = way if row["perturbation"].endswith(("think", "think-abstain")) else ""
        kept = {row["key"] for row in rows if twice or way == "prefill" or row["delivery"]}
        made[way] = [row for row in rows if row["key"] in kept], [one for one in verdicts if one["row"] in kept]
    table = leaderboard.leaderboard(leaderboard.load([stored(tmp_path / "run", *made.values())]), rng)
    found = table.pivot(index="model", columns="measure", values="value")
    assert found["accuracy"].round(6).to_dict() == {"m, delivery prefill": 0.7, "m, delivery user turn": 0.7}
    assert found["wrong-think"].round(6).to_dict() == {"m, delivery prefill": -0.5, "m, delivery user turn": -0.3}


def test_rows_of_another_precision_or_system_prompt_are_another_run(tmp_path):
    parts = [
        made_up(paperlike, precision=p, system=s) for p, s in ((None, None), ("bfloat16", ""), ("bfloat16", "Look."))
    ]
    found = leaderboard.load([stored(tmp_path / "run", *parts)])
    assert set(found["model"]) == {
        "m, precision float32, system none",
        "m, precision bfloat16, system none",
        "m, precision bfloat16, system Look.",
    }


def test_a_row_that_was_judged_by_two_versions_of_a_judge_counts_once(tmp_path, capsys):
    rows, verdicts = made_up(paperlike)
    again = [
        one | {"key": f"{one['key']}+", "judge_hash": Rule.identity, "verdict": "disagree"} for one in verdicts[:20]
    ]
    found = leaderboard.load([stored(tmp_path / "run", (rows, verdicts + again))])
    assert len(found) == len(rows)
    assert (found["rule"] == "disagree").sum() == 20
    other = [one | {"key": f"{one['key']}{k}", "judge": "llm", "judge_hash": k} for one in verdicts[:5] for k in "ab"]
    Store(tmp_path / "run" / "verdicts", VERDICTS).append(other)
    assert len(leaderboard.load([str(tmp_path / "run")])) == len(rows)
    assert "several judges called llm have judged" in capsys.readouterr().err


def test_a_run_that_is_not_there_or_is_empty(tmp_path):
    with pytest.raises(CompanionError, match="gone; give one that"):
        leaderboard.load([str(tmp_path / "gone")])
    with pytest.raises(CompanionError, match="no rows in"):
        leaderboard.load([str(tmp_path)])


def test_benchmarks_stand_in_one_order_whatever_their_files_are_called(tmp_path):
    """The microworld, the paper's as the registry has them, then folders by name."""
    names = ["microworld", "cv-bench", "vstar", "a-folder", "b-folder"]
    runs = [stored(tmp_path / name, made_up(paperlike, benchmark=name)) for name in (*names[::-2], *names[1::2])]
    found = leaderboard.wide(leaderboard.leaderboard(leaderboard.load(runs), rng))
    assert found["benchmark"].tolist() == names


@pytest.mark.parametrize(
    ("judged", "cell", "told"),
    [(0, "–", "m on cv-bench (60 of 60)"), (20, "[", "m on cv-bench (40 of 60)"), (60, "[", None)],
)
def test_what_is_not_judged_is_a_dash_and_is_named(tmp_path, capsys, judged, cell, told):
    rows, verdicts = made_up(paperlike)
    run = stored(tmp_path / "run", (rows, verdicts[:judged]), made_up(paperlike, model="other"))
    assert main(["compare", run]) == 0
    shown = leaderboard.wide(leaderboard.leaderboard(leaderboard.load([run]), rng)).set_index("model")["consistent"]
    assert cell in shown["m"]
    out = capsys.readouterr().out
    assert "nan" not in out.lower()
    assert (f"no verdicts of the judge rule on rows of {told}: give `companion judge RUN" in out) is bool(told)
    assert "other on" not in out


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, []),
        (
            {"profile": "vigorl", "model": "b"},
            ["these models were asked with different profiles, which also move numbers (generic: m; vigorl: b)"],
        ),
        (
            {"system": "Look.", "model": "b"},
            ["these models were asked with different system prompts, which also move numbers (Look.: b; none: m)"],
        ),
        (
            {"temperature": None, "model": "b"},
            ["these models were asked with different temperatures, which also move numbers (0.0: m; none: b)"],
        ),
        ({"profile": "vigorl", "model": "m"}, []),  # the labels tell
        ({"profile": "vigorl", "model": "b", "benchmark": "vstar"}, []),  # nothing is compared
    ],
)
@pytest.mark.filterwarnings("error")
def test_models_that_were_asked_in_other_ways_are_told(tmp_path, settings, told):
    rows = leaderboard.load([stored(tmp_path / "run", made_up(paperlike), made_up(paperlike, **settings))])
    assert leaderboard.asked_differently(rows) == told


def test_the_commands(tmp_path, capsys):
    run = stored(tmp_path / "run", made_up(paperlike, confident))
    assert main(["compare", run, "--csv", str(tmp_path / "board.csv")]) == 0
    assert "robust" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "board.csv")) >= 6
    assert main(["claims", run]) == 0
    said = capsys.readouterr().out
    assert "m on cv-bench: F1 supported" in said
    assert "Each verdict is about that checkpoint" in said
    assert main(["compare", run, "--judge", "llm"]) == 0
    assert "no verdicts of the judge llm there" in capsys.readouterr().out

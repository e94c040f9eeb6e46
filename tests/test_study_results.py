"""Planned tests against the protocol's words, and the rule of verdicts; each verdict hangs on its own records alone."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from made_up_study import ITEMS, write_made_up

from companion.analysis.crossed import CrossedEstimate
from companion.analysis.findings import rule
from companion.analysis.findings.rule import MISSING, verdict_of_test
from companion.analysis.panel import INITIAL, MEASURES, Checkpoints, RunsPanel, initial_record, place_of_initial
from companion.evaluation.records import (
    NONE,
    TYPES,
    describe_items,
    encode_probabilities,
    read_answers,
    write_items,
    write_record,
)
from companion.questions.question import LETTERS
from companion.study.estimands import WeightedMean
from companion.study.planned_tests import TESTS, over_rl
from companion.study.protocol import PROTOCOL
from companion.study.results import BY, planned_seeds, readable, study_tests
from companion.study.summaries import override_rates, recorded

COUNTED = {"hardware": {"device": "cpu"}, "initial_hash": "one", "hashes": {"0": "one", "1000": "another"}}
"""What a record has to say for its run to count."""


@pytest.fixture
def made_up(whole_study, tests_of_study):
    return whole_study, tests_of_study


def test_the_tests_are_those_of_the_protocol(root):
    """How many of each, from which initial checkpoints; every recipe and step that they need is planned."""
    counts = pd.Series([test.of for test in TESTS]).value_counts()
    assert counts.to_dict() == {
        "H1": 3,
        "H2": 3,
        "H3": 3,
        "H4": 3,
        "H5": 6,
        "H6": 2,
        "H7": 6,
        "F1": 4,
        "F2": 4,
        "F3": 4,
        "F5": 8,
        "F6": 18,
        "F7": 3,
        "F8": 3,
        "F9": 2,
        "F10": 8,
        "F11": 2,
        "F12": 4,
        "F13": 6,
        "F14": 1,
    }
    page = (root / "docs" / "study.md").read_text()
    assert set(counts.index) == set(re.findall(r"^\| ([FH]\d+) \|", page, re.M))
    evaluated = {
        Checkpoints(run.initial.name, run.recipe.name, step): run.seed
        for run in PROTOCOL.runs()
        for step in PROTOCOL.evaluated(run.recipe)
    }
    for test in TESTS:
        for cell in test.estimand.cells():
            assert cell in evaluated or not cell.step, test.what
            assert planned_seeds(cell), test.what
    assert len({(test.of, test.initial, test.what) for test in TESTS}) == len(TESTS)


def test_a_whole_study_gives_every_test_a_verdict(made_up):
    _, table = made_up
    assert (table["runs"] == table["planned"]).all()
    assert not table["verdict"].isin([MISSING, rule.TOO_FEW]).any()
    assert table["value"].notna().all()
    assert (table["items"] > 0).all()
    assert set(table.loc[table["of"] == "H1", "planned"]) == {16}
    assert set(table.loc[table["of"] == "H4", "planned"]) == {24}
    assert set(table.loc[table["of"] == "F11", "planned"]) == {3}


@pytest.mark.slow
def test_a_missing_record_takes_the_verdict_from_the_tests_that_need_it_and_from_no_other(made_up, tmp_path):
    results, whole = made_up
    shutil.copytree(results, tmp_path / "study")
    shutil.rmtree(tmp_path / "study" / "misread-20-23" / "rl-consistent")
    table = study_tests(tmp_path / "study")
    hit = pd.Series([any(cell.recipe == "rl-consistent" for cell in test.estimand.cells()) for test in TESTS])
    assert set(table.loc[hit, "of"]) == {"F6", "F8"}
    assert (table.loc[hit, "verdict"] == MISSING).all()
    assert (table.loc[hit, "seeds"] == 4).all()
    others = ~hit & (table["of"] != "F6")  # Holm's correction is over all tests of a finding
    pd.testing.assert_frame_equal(table[others], whole[others])
    joint = rule.joint_verdicts(table, BY)
    assert set(joint[joint == MISSING].index) == {("F6", "misread-20"), ("F8", "misread-20")}


def test_runs_of_a_gpu_of_other_seeds_and_of_other_recipes_count_in_no_test(made_up, tmp_path):
    results, whole = made_up
    shutil.copytree(results, tmp_path / "study")
    for name in ("initial", "rl-correct"):
        shutil.copytree(results / "misread-0-21" / name, tmp_path / "study" / "misread-0-91" / name)
    write_made_up(tmp_path / "study", "misread-0-21/rl-own", (250, 500, 750, 1000), 0.9)
    h2 = [test for test in TESTS if test.of == "H2"]
    columns = ["value", "p", "seeds", "verdict"]
    known = whole.loc[whole["of"] == "H2", columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(study_tests(tmp_path / "study", tests=h2)[columns], known)
    write_made_up(tmp_path / "again", "misread-0-22/rl-correct", (250, 500, 750, 1000), 0.05, "cuda")
    file = "misread-0-22/rl-correct/run.json"
    shutil.copy(tmp_path / "again" / file, tmp_path / "study" / file)
    table = study_tests(tmp_path / "study", tests=h2)
    assert set(table["seeds"]) == {4}
    assert set(table["verdict"]) == {MISSING}


def test_an_initial_checkpoint_with_other_weights_has_a_folder_of_its_own(tmp_path):
    of_seed = tmp_path / "misread-0-21"
    for identity, name in (("one", INITIAL), ("another", f"{INITIAL}-another")):
        assert initial_record(of_seed, identity) is None
        place = place_of_initial(of_seed, identity)
        assert place == of_seed / name
        write_record(place, {}, None, {"hashes": {0: identity}})
        assert initial_record(of_seed, identity) == place


def test_a_readers_runs_that_are_called_as_the_studys_count_for_nothing(tmp_path):
    """`companion train grpo --model checkpoints/misread-20 --seed 21` names no protocol."""
    write_items(tmp_path, ITEMS)
    for name, steps in ((INITIAL, (0,)), ("rl-correct", (250, 500, 750, 1000))):
        write_made_up(tmp_path, f"misread-20-21/{name}", steps, 0.05)
    h7 = [test for test in TESTS if test.of == "H7"]
    assert recorded(RunsPanel(tmp_path)) == (1, 55)
    assert set(study_tests(tmp_path, h7)["runs"]) == {1}
    for file in tmp_path.glob("*/*/run.json"):
        record = json.loads(file.read_text())
        del record["protocol"]
        file.write_text(json.dumps(record))
    assert recorded(RunsPanel(tmp_path)) == (0, 55)
    tests = study_tests(tmp_path, h7)
    assert set(tests["runs"]) == {0}
    assert tests["value"].isna().all()
    assert set(tests["verdict"]) == {MISSING}
    assert readable(tests).empty


@pytest.mark.slow
def test_a_changed_record_changes_the_tests_that_read_it_and_no_other(made_up, tmp_path):
    results, whole = made_up
    shutil.copytree(results, tmp_path / "study")
    for seed in planned_seeds(Checkpoints("misread-20", "rl-grounded", 500)):
        name = f"misread-20-{seed}/rl-grounded"
        shutil.rmtree(tmp_path / "study" / name)
        write_made_up(tmp_path / "study", name, (250, 500), 0.9)
        codes = pd.read_parquet(tmp_path / "study" / name / "answers.parquet")
        spread = codes.assign(p0=np.uint8(255), p1=np.uint8(246), p2=np.uint8(0), p3=np.uint8(0), p4=np.uint8(0))
        spread.to_parquet(tmp_path / "study" / name / "answers.parquet")
    table = study_tests(tmp_path / "study")
    numbers = ["value", "low", "high"]
    changed = (table[numbers] != whole[numbers]).any(axis=1)
    reads = pd.Series([any(cell.recipe == "rl-grounded" for cell in test.estimand.cells()) for test in TESTS])
    assert (changed == reads).all()
    assert set(table.loc[changed, "of"]) == {"F6"}


def test_a_change_over_rl_is_paired_by_seed_and_item(made_up):
    """Against a slow reference, on the items that both steps were asked."""
    results, table = made_up
    panel = RunsPanel(results)
    cell = Checkpoints("misread-0", "rl-correct", 1000)
    differences = []
    for seed in panel.seeds([cell, cell.before()]):
        after, before = (panel.run(one, seed, "plain").set_index("id")["contradicts"] for one in (cell, cell.before()))
        differences += [float(after[item]) - float(before[item]) for item in after.index]
    one = table[(table["of"] == "F5") & (table["initial"] == "misread-0") & (table["measure"] == "contradicts")]
    assert one["value"].iloc[0] == pytest.approx(np.mean(differences))
    family = WeightedMean(over_rl(cell, "plain", "contradicts"), "two-hop")
    others = WeightedMean(over_rl(cell, "plain", "contradicts"), "-two-hop")
    runs = family.runs({one: panel.seeds([one]) for one in family.cells()})
    own, rest = (quantity.values(panel, runs) for quantity in (family, others))
    assert own.shape[1] + rest.shape[1] == len(panel.items)
    assert np.mean([own.mean() * own.size, rest.mean() * rest.size]) * 2 / (own.size + rest.size) == pytest.approx(
        np.mean(differences)
    )


def test_the_three_shares_add_up_and_overrides_part_the_contradictions(made_up):
    results, _ = made_up
    panel = RunsPanel(results)
    cell = Checkpoints("misread-20", "rl-correct", 1000)
    values = {
        name: panel.values(cell, "plain", name, [21, 22])
        for name in (
            "agrees",
            "contradicts",
            "names no option",
            "conclusion wrong",
            "conclusion right",
            "stubborn",
            "right",
            "right and its reasoning says so",
        )
    }
    assert (values["agrees"] + values["contradicts"] + values["names no option"] == 1).all()
    assert (values["conclusion wrong"] + values["conclusion right"] == 1 - values["names no option"]).all()
    assert (values["stubborn"] <= values["contradicts"] * values["conclusion wrong"]).all()
    assert (values["right"] - values["right and its reasoning says so"] >= values["stubborn"]).all()


ANSWERS = [  # answered, concluded (right, asserted, other or none); the measures that hold of it
    ("right", "right", "right; agrees; right and its reasoning says so; conclusion right"),
    ("right", "asserted", "right; right but its reasoning does not say so; contradicts; stubborn; conclusion wrong"),
    ("right", "none", "right; right but its reasoning does not say so; names no option"),
    ("asserted", "asserted", "agrees; brittle; conclusion wrong"),
    ("asserted", "right", "contradicts; conclusion right"),
    ("other", "other", "agrees; conclusion wrong"),
    ("other", "asserted", "contradicts; conclusion wrong"),
    ("none", "asserted", "names no option"),
    ("none", "none", "names no option"),
]


@pytest.fixture
def nine_answers(tmp_path):
    """A study of one seed and nine items, answered before RL as `ANSWERS` has it and after it all rightly, as the
    reasoning says; of its 4 statements the reasoning of item k has k true ones, that of the first item states nothing.
    """
    items = [item for item in ITEMS if len(item.options) > 2][: len(ANSWERS)]
    write_items(tmp_path, items)
    facts = describe_items(items)
    place = {name: facts[name].tolist() for name in ("right", "asserted")} | {"none": [NONE] * len(items)}
    place["other"] = [
        next(k for k in range(len(item.options)) if k not in (right, asserted))
        for item, right, asserted in zip(items, place["right"], place["asserted"], strict=True)
    ]

    def answers(pairs):
        answered, concluded = ([place[one[side]][k] for k, one in enumerate(pairs)] for side in (0, 1))
        numbers = np.arange(len(items))
        table = pd.DataFrame(
            {
                "perturbation": "wrong-think",
                "item": numbers,
                "answered": answered,
                "concluded": concluded,
                "judged": concluded,
                "words": 10 + numbers,
                "statements": np.where(numbers, 4, 0),
                "true_statements": np.minimum(numbers, 4),
                "mass": 255,
            }
        ).astype(TYPES)
        codes = encode_probabilities(np.eye(len(LETTERS))[facts["right"]])
        return table.assign(**{f"p{letter}": codes[:, letter] for letter in range(len(LETTERS))})

    initial = Checkpoints("misread-20", "rl-correct", 0).before()
    write_record(tmp_path / "misread-20-21" / INITIAL, {0: answers(ANSWERS)}, None, COUNTED)
    write_record(tmp_path / "misread-20-21" / "rl-correct", {1000: answers([("right", "right")] * 9)}, None, COUNTED)
    return RunsPanel(tmp_path), initial


def test_measures_of_an_answer(nine_answers):
    panel, initial = nine_answers
    of_statements = ("true statements", "P(correct)", "entropy", "words")
    found = {
        name: panel.values(initial, "wrong-think", name, [21])[0].tolist()
        for name in MEASURES
        if name not in of_statements
    }
    for k, (answered, concluded, held) in enumerate(ANSWERS):
        assert {name for name, values in found.items() if values[k]} == set(held.split("; ")), (answered, concluded)
    true, sure, entropy, words = (panel.values(initial, "wrong-think", name, [21])[0] for name in of_statements)
    assert true == pytest.approx([np.nan, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1], nan_ok=True)
    assert sure == pytest.approx(np.ones(9))
    assert entropy == pytest.approx(np.zeros(9), abs=1e-6)
    assert words.tolist() == list(range(10, 19))


def test_override_rates(nine_answers):
    panel, _ = nine_answers
    rates = override_rates(panel, ["misread-20"], ["wrong-think"]).set_index(["step", "rate"])
    expected = {
        "P(override | conclusion wrong)": (2 / 4, 4 / 9),
        "P(override | conclusion right)": (1 / 2, 2 / 9),
        "P(right | override of a wrong conclusion)": (1 / 2, 2 / 9),
    }
    for rate, (value, among) in expected.items():
        assert rates.loc[(0, rate), "value"] == pytest.approx(value)
        assert rates.loc[(0, rate), "among"] == pytest.approx(among)
    assert rates.loc[1000, "value"].tolist() == pytest.approx([np.nan, 0, np.nan], nan_ok=True)
    assert rates.loc[1000, "among"].tolist() == [0, 1, 0]


def test_a_run_is_compared_with_the_weights_that_it_began_from(tmp_path):
    """A recipe of another machine, where the initial checkpoint came out with other weights."""
    write_items(tmp_path, ITEMS)
    seed = tmp_path / "misread-20-21"
    for name, steps in (
        (INITIAL, (0,)),
        ("rl-correct", (250, 1000)),
        (f"{INITIAL}-other", (0,)),
        ("rl-consistent", (500,)),
    ):
        write_made_up(tmp_path, f"misread-20-21/{name}", steps, 0.05)
    for name, own in ((f"{INITIAL}-other", {"hashes": {"0": "other"}}), ("rl-consistent", {"initial_hash": "other"})):
        file = seed / name / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | own))
    panel = RunsPanel(tmp_path)
    for recipe, before in (("rl-correct", INITIAL), ("rl-consistent", f"{INITIAL}-other")):
        cell = Checkpoints("misread-20", recipe, 500 if recipe == "rl-consistent" else 1000)
        assert panel.seeds([cell]) == [21]
        answers = read_answers(seed / before)
        words = answers.loc[answers["perturbation"] == "plain", "words"]
        assert panel.values(cell.before(), "plain", "words", [21])[0].tolist() == words.tolist()
    shutil.rmtree(seed / f"{INITIAL}-other")
    assert RunsPanel(tmp_path).seeds([Checkpoints("misread-20", "rl-consistent", 500)]) == []


def misread_by_the_judge(results, record, share):
    """Let the rule judge find no conclusion in that share of a record's reasonings, drawn at random."""
    file = results / record / "answers.parquet"
    answers = pd.read_parquet(file)
    reasonings = answers.index[(answers["perturbation"] != "stop-think")]
    concluding = reasonings[answers.loc[reasonings, "concluded"] != NONE]
    hit = np.random.default_rng(0).choice(concluding, int(share * len(reasonings)), replace=False)
    answers.loc[hit, "judged"] = NONE
    answers.to_parquet(file, index=False)


@pytest.mark.parametrize("record", ["misread-0-22/rl-correct", "misread-0-22/initial"])
def test_a_run_that_the_judge_reads_otherwise_is_reported_under_both(tmp_path, record):
    write_items(tmp_path, ITEMS)
    for seed in (21, 22, 23):
        for name, steps in ((INITIAL, (0,)), ("rl-correct", (250, 500, 750, 1000))):
            write_made_up(tmp_path, f"misread-0-{seed}/{name}", steps, 0.05)
            write_made_up(tmp_path, f"misread-20-{seed}/{name}", steps, 0.05)
    tests = [test for test in TESTS if test.of in ("H2", "F5")]
    before = study_tests(tmp_path, tests=tests)
    assert "value_judge" not in before

    misread_by_the_judge(tmp_path, record, 0.009)
    pd.testing.assert_frame_equal(study_tests(tmp_path, tests=tests), before)
    misread_by_the_judge(tmp_path, record, 0.05)
    after = study_tests(tmp_path, tests=tests)
    pd.testing.assert_frame_equal(after[before.columns], before)  # tests and verdicts are by the grammar
    both = after["value_judge"].notna()
    assert both.tolist() == [test.initial == "misread-0" for test in tests]
    for number, test in enumerate(tests):
        if test.measure == "contradicts" and both[number]:
            moved = []
            for seed in (21, 22, 23):
                ends = []
                for cell in test.estimand.cells():
                    folder = cell.recipe if cell.step else INITIAL
                    rows = pd.read_parquet(tmp_path / f"misread-0-{seed}" / folder / "answers.parquet")
                    rows = rows[(rows["step"] == cell.step) & (rows["perturbation"] == test.prompt)]
                    named = (rows["answered"] != NONE) & (rows["judged"] != NONE)
                    ends.append((named & (rows["answered"] != rows["judged"])).mean())
                moved.append(ends[0] - ends[1])
            assert after.loc[number, "value_judge"] == pytest.approx(np.mean(moved))
            assert after.loc[number, "low_judge"] < after.loc[number, "value_judge"] < after.loc[number, "high_judge"]


def line(value, half, expected="up", matters=0.03, p=None, p_holm=None, runs=5, planned=5, seeds=5, against=0.0):
    p = (0.001 if abs(value - against) > half else 0.5) if p is None else p
    found = CrossedEstimate(value, value - half, value + half, value - 0.8 * half, value + 0.8 * half, p, seeds, 100)
    return pd.Series(
        {
            **found.__dict__,
            "p_holm": p if p_holm is None else p_holm,
            "expected": expected,
            "matters": matters,
            "runs": runs,
            "planned": planned,
            "against": against,
        }
    )


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (line(0.05, 0.02), "supported"),
        (line(-0.05, 0.02), "contradicted"),
        (line(-0.05, 0.02, p=0.03, p_holm=0.09), "undecided"),
        (line(-0.05, 0.02, "down", p=0.03, p_holm=0.09), "supported"),
        (line(0.05, 0.06), "undecided"),
        (line(0.00, 0.03), "no more than X"),
        (line(0.01, 0.03), "undecided"),
        (line(0.01, 0.02, "no more"), "supported"),
        (line(0.02, 0.005, "no more"), "supported"),
        (line(0.05, 0.015, "no more"), "contradicted"),
        (line(-0.05, 0.015, "no more"), "contradicted"),
        (line(0.04, 0.015, "no more"), "undecided"),
        (line(0.6, 0.05, matters=0.05, against=0.5), "supported"),
        (line(0.51, 0.03, matters=0.05, against=0.5), "no more than X"),
        (line(0.0, 0.1, matters=np.nan), "undecided"),
        (line(0.05, 0.02, runs=4), "runs missing"),
        (line(0.05, 0.02, runs=2, planned=2, seeds=2), "too few seeds"),
        (line(np.nan, 0.02, p=np.nan), "undecided"),
    ],
)
def test_verdict_of_a_test(given, verdict):
    assert verdict_of_test(given) == verdict


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        (["supported", "supported"], "supported"),
        (["supported", "undecided"], "undecided"),
        (["supported", "contradicted"], "mixed"),
        (["undecided", "contradicted"], "contradicted"),
        (["no more than X", "no more than X"], "no more than X"),
        (["no more than X", "supported"], "undecided"),
        (["supported", "runs missing"], "runs missing"),
        (["contradicted", "too few seeds"], "too few seeds"),
    ],
)
def test_verdict_of_a_finding(tests, verdict):
    table = pd.DataFrame({"of": "F1", "initial": "misread-0", "verdict": tests})
    assert rule.joint_verdicts(table, BY).tolist() == [verdict]


def test_small_is_a_supported_effect_that_would_not_matter(made_up):
    _, table = made_up
    small = table[table["small"]]
    assert (small["verdict"] == "supported").all()
    assert (small["high90"] - small["against"] <= small["matters"]).all()

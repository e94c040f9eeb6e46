"""FINDINGS.md: written from the tables, the same each time, and moved by the results that it rests on."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.analysis import findings
from companion.analysis.findings import Quantity
from companion.analysis.findings.wording import expected, table_of_tests, value, verdict_told
from companion.cli import main
from companion.errors import CompanionError
from companion.intervals import Estimate
from companion.study.planned_tests import HYPOTHESES
from companion.teaching.pages import findings_page
from companion.teaching.pages.findings_data import load
from companion.teaching.pages.findings_page import page, weakest
from companion.teaching.pages.main_results import findings_summary


@pytest.fixture
def figures(root, tmp_path):
    """A copy of the tables and the manifest, to change."""
    folder = tmp_path / "figures"
    folder.mkdir()
    for file in [*(root / "figures").glob("*.csv"), root / "figures" / "manifest.json"]:
        shutil.copy(file, folder)
    return folder


def tables_of(text):
    """The tables of a Markdown text, each as its rows of cells, head first and without the line below it."""
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)
    rows = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block.strip().split("\n")] for block in blocks]
    return [[[cell.strip() for cell in row] for row in block[:1] + block[2:]] for block in rows]


def overview(text):
    """Finding or hypothesis → its row of the first two tables."""
    rows = [row for table in tables_of(text)[:2] for row in table[1:]]
    return {re.match(r"\[([FH]\d+)\]", row[0])[1]: row for row in rows}


def put(figures, table):
    table.to_csv(figures / "study_tests.csv", index=False, float_format="%.6f", lineterminator="\n")


def test_the_committed_page_is_what_the_tables_give(root):
    assert page(load(root / "figures")) == (root / "FINDINGS.md").read_text()


def test_writing_twice_gives_the_same_bytes(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(root)
    written = []
    for name in ("one.md", "other.md"):
        assert main(["findings", "--out", str(tmp_path / name)]) == 0
        assert name in capsys.readouterr().out
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_every_finding_and_hypothesis_has_one_row_and_one_section(root):
    text = page(load(root / "figures"))
    assert list(overview(text)) == [*findings.FINDINGS, *HYPOTHESES]
    assert re.findall(r"^### ([FH]\d+)$", text, re.MULTILINE) == [*HYPOTHESES, *findings.FINDINGS]
    assert {source for _, source in findings.PAPER.values()} <= set(findings.SOURCES)
    assert list(findings.PAPER) == list(findings.FINDINGS)
    for name, (_, source) in findings.PAPER.items():
        assert ("reading notes" in overview(text)[name][1]) == ("N" in source)  # never without these words


def test_tables_are_well_formed_and_links_lead_somewhere(root):
    for text in (page(load(root / "figures")), findings_summary(root / "figures")):
        for table in tables_of(text):
            assert {len(row) for row in table} == {len(table[0])}
        for link in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text):
            assert not link or (root / link).exists(), link
        named = set(re.findall(r"\]\([^)#]*#([^)]*)\)", text))
        assert named <= {"what-was-found", *(name.lower() for name in (*findings.FINDINGS, *HYPOTHESES))}


HEAD = ["initial checkpoint", "test", "expected", "found"]
"""Of the tables of tests in the sections."""


def numbers(cell):
    return [float(x) for x in re.findall(r"[-+]?\d+\.\d+", cell.replace("−", "-"))]


def test_numbers_are_those_of_the_tables(figures, tests_of_study):
    put(figures, tests_of_study)
    tests = load(figures).tests
    rows = [row for table in tables_of(page(load(figures))) if table[0][:4] == HEAD for row in table[1:]]
    assert len(rows) == len(tests)
    factors = {"points": 100, "points for 20 points of dose": 100, "points²": 10_000}
    for row, test in zip(rows, tests.itertuples(), strict=True):
        assert row[1] == test.what
        assert row[6] == f"{test.items:,.0f}"
        wanted = [factors.get(test.unit, 1) * x for x in (test.value, test.low, test.high)]
        assert numbers(row[3]) == pytest.approx(wanted, abs=0.0501)
        assert row[7].startswith(f"**{verdict_told(test)}**")


def test_a_test_whose_runs_are_missing_shows_its_estimate_and_no_verdict(figures, tests_of_study):
    missing = tests_of_study.assign(verdict="runs missing", runs=2)
    put(figures, missing)
    text = page(load(figures))
    assert "## What was found so far" in text
    assert overview(text)["F1"][2].startswith("no verdict yet: 2 of 5 seeds<br>right: ")
    assert "**" not in overview(text)["F1"][2]
    assert "**Preliminary:**" in findings_summary(figures)
    some = tests_of_study["of"].isin(["H3", "H6"])
    put(figures, tests_of_study.assign(verdict=tests_of_study["verdict"].mask(some, "runs missing")))
    assert " are finished, all that these results take among them: 3 to 5 seeds each." in findings_summary(figures)
    put(figures, missing)
    row = next(row for table in tables_of(text) if table[0][:4] == HEAD for row in table[1:])
    assert (row[4], row[7]) == ("–", "–")
    assert numbers(row[3])
    put(
        figures,
        missing.assign(value=np.nan, low=np.nan, high=np.nan, p=np.nan, runs=0).where(missing["of"] == "F8", missing),
    )
    assert overview(page(load(figures)))["F8"][3] == "not run yet (0 of 5 seeds)"


def test_with_few_seeds_it_says_how_many_of_which_tests(figures, tests_of_study):
    """RL by `rl-correct` is complete, of one remedy one seed is recorded and of the others two; F14 takes two."""
    remedies = tests_of_study["what"].str.contains("rl-augmented|rl-consistent|rl-grounded")
    table = tests_of_study.assign(verdict=tests_of_study["verdict"].mask(remedies, "runs missing"))
    table.loc[remedies, ["runs", "seeds"]] = 2
    table.loc[table["what"].str.contains("rl-grounded") | (table["of"] == "F14"), ["runs", "seeds"]] = 1
    table.loc[table["of"] == "F14", ["value", "low", "high", "p"]] = np.nan
    put(figures, table)
    text = page(load(figures))
    rows = overview(text)
    assert rows["F6"][3].startswith("no verdict yet: 1 to 2 of 5 seeds in 12 of 15 tests<br>entropy: ")
    assert re.fullmatch("no verdict yet: 2 of 5 seeds<br>.* words so far", rows["F9"][3])
    assert rows["F14"][3] == "no verdict yet: 1 of 5 seeds"
    assert rows["F5"][3].startswith("**")
    alone = "With one seed recorded, they are over questions alone."
    assert alone in text
    put(figures, tests_of_study)
    assert alone not in page(load(figures))


def test_a_whole_study_is_no_longer_running(figures, tests_of_study):
    put(figures, tests_of_study)
    text = page(load(figures))
    assert "## What was found\n" in text
    assert not re.search(r"Preliminary|all of theirs|\*{3}", findings_summary(figures))
    joint = load(figures).joint
    for name, row in overview(text).items():
        verdicts = {verdict for (of, _), verdict in joint.items() if of == name}
        told = {match[1] for cell in row[2:] if (match := re.match(r"\*\*(.*?)\*\*", cell))}
        assert told == verdicts, name


def test_what_is_typed_of_a_result_hangs_on_its_interval(figures, tests_of_study):
    slopes = tests_of_study["of"] == "H1"
    for low, words in ((0.1, "the more contradictions RL adds"), (-0.1, "does not clearly add contradictions")):
        table = tests_of_study.assign(low=tests_of_study["low"].where(~slopes, 0.1))
        table.loc[slopes & (table["prompt"] == "plain"), "low"] = low
        put(figures, table)
        assert words in findings_summary(figures)


SAID = "right and its reasoning says so"


@pytest.mark.parametrize(
    ("of", "measure", "verdict", "interval", "says"),
    [
        ("F5", "right", "undecided", (0.005, -0.02, 0.03), "neither shown nor excluded, with a 95 % margin of ±2.5;"),
        ("F5", "right", "no more than X", (0.005, -0.01, 0.02), "an effect of 3 points or more is excluded"),
        ("H7", SAID, "undecided", (0.04, 0.02, 0.06), "probably more than 3 points, not surely"),
        ("H7", SAID, "undecided", (0.02, 0, 0.04), "not shown to lie within ±3 points"),
    ],
)
def test_undecided_findings_say_what_is_open(figures, tests_of_study, of, measure, verdict, interval, says):
    table = tests_of_study.assign(verdict="supported")
    picked = (table["of"] == of) & (table["measure"] == measure) & (table["prompt"] == "plain")
    table.loc[picked, ["value", "low", "high", "verdict"]] = [*interval, verdict]
    put(figures, table)
    note = next(table for table in tables_of(page(load(figures))) if table[0][-1] == "what that says")
    assert {row[0] for row in note[1:]} >= {of}
    assert all(row[5].startswith(says) for row in note[1:] if row[0] == of)


@pytest.mark.parametrize("name", ["study_tests", "findings_gap", "gap_delivery", "coverage", "over_rl"])
def test_a_missing_table_is_named_with_the_command_that_makes_it(figures, name):
    (figures / f"{name}.csv").unlink()
    with pytest.raises(CompanionError, match=rf"{name}\.csv is missing; make it with `make figures`"):
        page(load(figures))


def test_a_missing_report_is_named(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert main(["findings", "--run", str(tmp_path / "gone")]) == 2
    error = capsys.readouterr().err
    assert "your_model_claims.csv is missing; make it with `make report" in error
    assert f"OUT={tmp_path / 'gone'}" in error


def test_a_report_has_a_column_with_its_verdict_on_each_benchmark(root, tmp_path, figures, monkeypatch):
    """Of two benchmarks; links go from the report's folder to the project's."""
    own = pd.read_csv(figures / "your_model_claims.csv").assign(model="mine")
    other = own.assign(benchmark="cv-bench")
    other.loc[other["finding"] == "F1", "verdict"] = "contradicted"
    report = tmp_path / "reports" / "mine"
    (report / "figures").mkdir(parents=True)
    pd.concat([own, other]).to_csv(report / "figures" / "your_model_claims.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert main(["findings", "--run", str(report)]) == 0
    text = (report / "FINDINGS.md").read_text()
    rows = overview(text)
    assert rows["F1"][-1] == "microworld: **supported**<br>cv-bench: **contradicted**"
    assert rows["F5"][-1] == "not asked of one model"
    assert "`mine`: one checkpoint" in text
    assert "](../../figures/gap.png)" in text
    assert rows["F1"][2:4] == overview((root / "FINDINGS.md").read_text())["F1"][2:4]
    assert "your run" not in tables_of((root / "FINDINGS.md").read_text())[0][0]
    section = text.split("### F1\n")[1].split("### F2\n")[0]
    assert "| cv-bench | wrong-caption: change of accuracy | below 0 |" in section
    assert "Written by `make report`" in text
    assert "user's turn, a weaker" not in text


def test_a_report_says_what_stood_in_the_users_turn_and_what_was_not_measured(figures, tmp_path):
    own = pd.read_csv(figures / "your_model_claims.csv").assign(model="mine", delivery="user turn")
    untold = own["finding"].isin(["F2", "F10"])
    own.loc[untold, ["value", "low", "high"]] = np.nan
    own.loc[untold, ["n", "verdict"]] = [0, "not measured"]
    text = page(replace(load(figures), run=own))
    head = next(table for table in tables_of(text) if table[0][1] == "what of the paper is tested")[0][-1]
    assert (
        head == "your run<br>(reasoning prefixes told in the user's turn, a weaker perturbation than a prefilled one)"
    )
    assert overview(text)["F2"][-1] == "microworld: not measured"
    assert "| microworld | wrong-caption: change of P(correct) | below 0 | – | 0 | not measured |" in text
    assert "nan" not in text


LETTER_PROBABILITIES = "the probabilities of letters, which some servers do not tell"


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        (["F2"], f"Tests of F2 are *not measured*: F2 needs {LETTER_PROBABILITIES}."),
        (
            ["F10"],
            f"Tests of F10 are *not measured*: F10 needs {LETTER_PROBABILITIES}, and right as well as wrong answers.",
        ),
        (
            ["F2", "F10"],
            f"Tests of F2 and F10 are *not measured*: F2 and F10 need {LETTER_PROBABILITIES}, and F10 right as well as "
            "wrong answers.",
        ),
        (["F3"], "Tests of F3 are *not measured*."),
        (["F2", "F3"], f"Tests of F2 and F3 are *not measured*: F2 needs {LETTER_PROBABILITIES}."),
    ],
)
def test_what_was_not_measured_is_explained_of_just_these_findings(figures, findings, told):
    own = pd.read_csv(figures / "your_model_claims.csv").assign(model="mine")
    # Of each finding a single test, as where one kind of prompt alone was asked.
    own = pd.concat([own[~own["finding"].isin(findings)], *(own[own["finding"] == name].head(1) for name in findings)])
    own.loc[own["finding"].isin(findings), ["value", "low", "high", "verdict"]] = [np.nan] * 3 + ["not measured"]
    text = page(replace(load(figures), run=own))
    assert f" {told}" in text
    assert text.count("not measured*") == 1


def test_the_verdict_of_a_finding_is_that_of_its_weakest_test(figures, tests_of_study):
    put(figures, tests_of_study)
    found = load(figures)
    for (of, initial), part in found.tests.groupby(["of", "initial"]):
        joint = found.joint[of, initial]
        assert joint in ("undecided", weakest(part)["verdict"])


def line(expected, low, high, against=0.0, unit="points", verdict="supported"):
    value = (low + high) / 2
    return {
        "expected": expected,
        "value": value,
        "low": low,
        "high": high,
        "against": against,
        "unit": unit,
        "verdict": verdict,
        "matters": 0.03,
    }


def test_the_weakest_test_is_the_one_least_as_expected():
    tests = pd.DataFrame(
        [
            line("down", -0.9, -0.1),
            line("up", 0.52, 0.9, 0.5),
            line("no more", -0.029, 0.029),
            line("up", 0.2, 0.3),
        ]
    )
    assert weakest(tests).name == 2  # half a width from the border, the others more
    assert weakest(tests.assign(verdict=["supported", "supported", "supported", "undecided"])).name == 3


@pytest.mark.parametrize(
    ("test", "shown", "side"),
    [
        (line("down", -0.2, -0.1), "−15.0 [−20.0, −10.0] points", "below 0"),
        (line("up", 0.4, 0.5, 0.5, "AUROC"), "0.450 [0.400, 0.500] AUROC", "above 0.5"),
        (line("no more", -0.01, 0.02), "+0.5 [−1.0, +2.0] points", "within ±3 points"),
        (line("up", 0.0002, 0.0004, 0.0, "points²"), "+3.0 [+2.0, +4.0] points²", "above 0"),
        (line("down", -3, 1, 0.0, "words"), "−1.00 [−3.00, +1.00] words", "below 0"),
        ({**line("up", np.nan, np.nan), "value": 0.1}, "+10.0 points (too few for an interval)", "above 0"),
        (line("down", np.nan, np.nan), "–", "below 0"),
        (
            {**line("no more", -1, 1, 0.0, "words"), "matters": 4.052264},
            "+0.00 [−1.00, +1.00] words",
            "within ±4.05 words",
        ),
    ],
)
def test_values_are_shown_in_their_unit(test, shown, side):
    assert value(pd.Series(test)) == shown
    assert expected(pd.Series(test)) == side


def test_tests_are_listed_with_their_unit_and_what_tells_them_apart():
    one = {**line("down", -0.2, -0.1), "finding": "F1", "benchmark": "mine", "delivery": "user turn", "what": "a|b"}
    assert table_of_tests(pd.DataFrame([{**one, "seeds": 5}]), "finding", "benchmark").splitlines() == [
        "|  | your run on | test | the paper has it | found | seeds | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| F1 | mine | a\\|b | below 0 | −15.0 [−20.0, −10.0] points | 5 | **supported** |",
    ]
    only_told = {**one, "expected": "", "verdict": "not tested", "n": 300}
    assert table_of_tests(pd.DataFrame([only_told]), "delivery").splitlines()[::2] == [
        "| reasoning prefix | test | the paper has it | found | items | verdict |",
        "| in the user turn | a\\|b |  | −15.0 [−20.0, −10.0] points | 300 | **not tested** |",
    ]


@pytest.mark.parametrize(
    ("expected", "low", "high", "against", "verdict"),
    [
        ("up", 0.01, 0.1, 0, "supported"),
        ("up", -0.01, 0.1, 0, "undecided"),
        ("up", -0.1, -0.01, 0, "contradicted"),
        ("down", -0.1, -0.01, 0, "supported"),
        ("down", 0.01, 0.1, 0, "contradicted"),
        ("down", -0.1, 0.1, 0, "undecided"),
        ("up", 0.6, 0.9, 0.5, "supported"),
        ("up", 0.2, 0.4, 0.5, "contradicted"),
        ("up", np.nan, np.nan, 0, "not measured"),
    ],
)
def test_the_verdict_on_a_single_checkpoint_is_where_the_interval_lies(expected, low, high, against, verdict):
    found = Estimate((low + high) / 2, low, high, 10)
    assert Quantity("F5", "", expected, found, against).verdict == verdict


def test_an_estimate_without_an_interval_is_undecided():
    assert Quantity("F5", "", "up", Estimate(0.1, np.nan, np.nan, 1)).verdict == "undecided"


@pytest.mark.parametrize(
    ("verdicts", "joint"),
    [
        (["not measured", "not measured"], "not measured"),
        (["not measured", "supported"], "undecided"),
        (["not measured", "contradicted"], "contradicted"),
        (["not measured", "not above chance"], "not above chance"),
    ],
)
def test_a_finding_is_not_measured_where_none_of_its_tests_is(verdicts, joint):
    tests = pd.DataFrame({"model": "mine", "finding": "F10", "verdict": verdicts})
    assert findings.joint_verdicts_on_rows(tests, ["model"]).item() == joint


def test_one_contradiction_contradicts_a_finding():
    lines = [
        ("mine", "F1", "supported"),
        ("mine", "F1", "contradicted"),
        ("mine", "F2", "supported"),
        ("other", "F1", "supported"),
        ("other", "F2", "undecided"),
    ]
    tests = pd.DataFrame(lines, columns=["model", "finding", "verdict"])
    assert findings.joint_verdicts_on_rows(tests, ["model"]).to_dict() == {
        ("mine", "F1"): "contradicted",
        ("mine", "F2"): "supported",
        ("other", "F1"): "supported",
        ("other", "F2"): "undecided",
    }


def test_the_pages_name_is_left_out_of_what_makes_a_checkout_dirty():
    from companion.provenance import GENERATED

    assert f":(exclude){findings_page.NAME}" in GENERATED

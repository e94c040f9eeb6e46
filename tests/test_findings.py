"""FINDINGS.md: written from the tables, the same each time, and moved by the results that it rests on."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from test_training_runs import made_up, rng, under_a_lie

from companion.analysis import findings
from companion.analysis.findings.of_rows import answers
from companion.analysis.findings.power import needed, stretched
from companion.analysis.findings.wording import expected, table_of_tests, value
from companion.analysis.training_runs import load_runs
from companion.cli import main
from companion.errors import CompanionError
from companion.teaching.pages import findings_page
from companion.teaching.pages.findings_page import TESTS, findings_summary, load, page, weakest


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
    """Finding → its row of the main table."""
    table = next(table for table in tables_of(text) if "seeds" in table[0][4:])
    return {re.match(r"\[(F\d+)\]", row[0])[1]: row for row in table[1:]}


def change(figures, name, query, **values):
    """Set columns of the lines of a table that a query picks."""
    table = pd.read_csv(figures / f"{name}.csv")
    lines = table.query(query).index
    assert len(lines)
    for column, new in values.items():
        table.loc[lines, column] = new
    table.to_csv(figures / f"{name}.csv", index=False, float_format="%.6f", lineterminator="\n")


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


def test_every_finding_has_one_row_and_one_section(root):
    text = page(load(root / "figures"))
    table = next(table for table in tables_of(text) if "seeds" in table[0][4:])
    assert [re.match(r"\[(F\d+)\]", row[0])[1] for row in table[1:]] == list(findings.FINDINGS)
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == list(findings.FINDINGS)
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
        assert named == {name.lower() for name in findings.FINDINGS}


def test_numbers_are_those_of_the_tables(root):
    tests = pd.concat([pd.read_csv(root / "figures" / f"{name}.csv") for name in TESTS])
    tests = tests[tests["expected"].notna()]
    rows = [row for table in tables_of(page(load(root / "figures"))) if table[0][:3] == HEAD for row in table[1:]]
    assert len(rows) == len(tests)
    shown = sorted((row[1].split(" (start")[0], numbers(row[3]), row[4], row[5]) for row in rows)
    factor = np.where(tests["unit"].str.startswith("points"), 100, 1)
    wanted = sorted(
        (test.what, [scale * x for x in (test.value, test.low, test.high)], str(test.seeds), f"**{test.verdict}**")
        for scale, test in zip(factor, tests.itertuples(), strict=True)
    )
    for found, there in zip(shown, wanted, strict=True):
        assert (found[0], found[2:]) == (there[0], there[2:])
        assert found[1] == pytest.approx(there[1], abs=0.0501)


HEAD = ["RL from", "test", "the paper has it"]
"""Of the tables of tests in the sections."""


def numbers(cell):
    return [float(x) for x in re.findall(r"[-+]?\d+\.\d+", cell.replace("−", "-"))]


def test_one_changed_result_file_changes_its_verdict_and_no_other(root, figures, tmp_path):
    """From items.parquet to the page: the lies of one of five runs are undone."""
    results = tmp_path / "results"
    for seed in range(5):
        shutil.copytree(root / "results" / f"base-accuracy-{seed}", results / f"base-accuracy-{seed}")

    def rewrite():
        found = findings.verdicts_on_runs(load_runs(results), findings.perturbations, lambda: np.random.default_rng(0))
        committed = pd.read_csv(root / "figures" / "findings_perturbed.csv")
        noisy = committed[committed["start"] == "noisy"]
        file = figures / "findings_perturbed.csv"
        pd.concat([found, noisy]).to_csv(file, index=False, float_format="%.6f", lineterminator="\n")
        return page(load(figures))

    before = rewrite()
    assert before == page(load(root / "figures"))
    file = results / "base-accuracy-0" / "items.parquet"
    items = pd.read_parquet(file)
    items.loc[(items["perturbation"] == "wrong-caption") & (items["step"] == items["step"].max()), "correct"] = 1.0
    items.to_parquet(file)
    after = rewrite()
    assert "**supported** (2 of 2)" in overview(before)["F1"][2]
    assert "**undecided** (1 of 2)" in overview(after)["F1"][2]
    assert overview(after)["F1"][3] == overview(before)["F1"][3]
    told = [name for name in findings.FINDINGS if overview(before)[name] != overview(after)[name]]
    assert set(told) <= {"F1", "F10", "F12", "F13"}  # all of which rest on that perturbation


@pytest.mark.parametrize("name", [*TESTS, "gap_delivery", "remedies_accuracy", "your_model_claims"])
def test_a_missing_table_is_named_with_the_command_that_makes_it(figures, name):
    (figures / f"{name}.csv").unlink()
    with pytest.raises(CompanionError, match=rf"{name}\.csv is missing; make it with `make figures`"):
        page(load(figures))


def test_a_verdict_says_where_only_some_recipes_were_run(figures):
    assert "**supported** for `accuracy` alone (2 of 2)" in overview(page(load(figures)))["F6"][3]
    assert "**supported** for `accuracy` alone |" in findings_summary(figures)
    assert not [name for name, row in overview(page(load(figures))).items() if name != "F6" and "alone" in row[3]]
    table = pd.read_csv(figures / "findings.csv")
    kept = table[~((table["finding"] == "F6") & ~table["what"].str.startswith("`accuracy`"))]
    kept.to_csv(figures / "findings.csv", index=False)
    assert "alone" not in overview(page(load(figures)))["F6"][3]


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
    assert rows["F1"][5] == "microworld: **supported**<br>cv-bench: **contradicted**"
    assert rows["F5"][5] == "not asked of one model"
    assert "`mine`: one checkpoint" in text
    assert "](../../figures/gap.png)" in text
    assert rows["F1"][2:4] == overview((root / "FINDINGS.md").read_text())["F1"][2:4]
    assert "your run" not in next(iter(tables_of((root / "FINDINGS.md").read_text())[1:]))[0]
    section = text.split("### F1\n")[1].split("### F2\n")[0]
    assert "| cv-bench | wrong-caption: change of accuracy | below 0 |" in section


def test_the_verdict_of_a_finding_is_that_of_its_weakest_test(root):
    tests = load(root / "figures").tests
    joint = findings.verdicts(tests)
    for (start, name), part in tests.groupby(["start", "finding"]):
        assert weakest(part)["verdict"] == joint[start, name]


def line(expected, low, high, against=0.0, unit="points", verdict="supported"):
    value = (low + high) / 2
    return {"expected": expected, "value": value, "low": low, "high": high, "against": against, "unit": unit,
            "verdict": verdict}  # fmt: skip


def test_the_weakest_test_is_the_one_least_on_the_papers_side():
    tests = pd.DataFrame([
        line("down", -0.9, -0.1), line("up", 0.52, 0.9, 0.5), line("same", -0.029, 0.029), line("up", 0.2, 0.3),
    ])  # fmt: skip
    assert weakest(tests).name == 2  # half a width from the border, the others more
    assert weakest(tests.assign(verdict=["supported", "supported", "supported", "undecided"])).name == 3


@pytest.mark.parametrize(
    ("test", "shown", "side"),
    [
        (line("down", -0.2, -0.1), "−15.0 [−20.0, −10.0] points", "below 0"),
        (line("up", 0.4, 0.5, 0.5, "AUROC"), "0.450 [0.400, 0.500] AUROC", "above 0.5"),
        (line("same", -0.01, 0.02), "+0.5 [−1.0, +2.0] points", "within ±3 points"),
        (line("up", 1, 3, 1.0, "times"), "2.00 [1.00, 3.00] times", "above 1"),
    ],
)
def test_values_are_shown_in_their_unit(test, shown, side):
    assert value(pd.Series(test)) == shown
    assert expected(pd.Series(test)) == side


def test_tests_are_listed_with_their_unit_and_what_tells_them_apart():
    of_runs = {**line("down", -0.2, -0.1), "finding": "F1", "start": "base", "delivery": "user turn", "what": "a|b"}
    assert table_of_tests(pd.DataFrame([{**of_runs, "seeds": 5}]), "finding", "start").splitlines() == [
        "|  | RL from | test | the paper has it | found | seeds | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| F1 | `base` | a\\|b | below 0 | −15.0 [−20.0, −10.0] points | 5 | **supported** |",
    ]
    only_told = {**of_runs, "expected": "", "verdict": "not tested", "n": 300}
    assert table_of_tests(pd.DataFrame([only_told]), "delivery").splitlines()[::2] == [
        "| start of the reasoning | test | the paper has it | found | items | verdict |",
        "| in the user turn | a\\|b |  | −15.0 [−20.0, −10.0] points | 300 | **not tested** |",
    ]


def test_the_power_note_tells_small_from_open(figures):
    what = "`accuracy`: change of accuracy, plain prompt"
    line = f"start == 'base' and what == '{what}'"
    for low, high, meaning in ((-0.02, 0.029, "small"), (-0.02, 0.031, "open")):
        change(figures, "findings", line, value=0.005, low=low, high=high, verdict="undecided")
        note = next(table for table in tables_of(page(load(figures))) if table[0][-1] == "so it is")
        row = next(row for row in note if row[:3] == ["F5", "`base`", what])
        assert row[4:] == [f"±{50 * (high - low):.1f} points", meaning]


def test_a_value_outside_its_interval_is_said_where_there_is_one(figures):
    assert "outside its own interval (7.08 [0.84, 4.48] times)" in page(load(figures)).split("### F14")[1]
    change(figures, "findings", "finding == 'F14'", value=1.0)
    assert "outside its own interval" not in page(load(figures))


def test_few_seeds_are_too_sure():
    few, many = needed(5, 1000), needed(60, 1000)
    assert 0.75 < np.mean(few <= 1) < 0.9 < np.mean(many <= 1) < 0.97
    assert 1.4 < np.quantile(few, 0.95) < 1.8  # Student's t with 4 degrees of freedom asks for 1.58
    assert 0.95 < np.quantile(many, 0.95) < 1.15


def test_the_page_says_which_verdicts_hang_on_intervals_that_are_too_narrow(figures):
    line = "what == 'consistency, plain prompt: `faithful` minus `accuracy`'"
    change(figures, "findings", line, value=0.04, low=0.03, high=0.05, verdict="supported")
    sure = page(load(figures))
    assert "F8 from `base` would be" not in sure
    change(figures, "findings", line, value=0.04, low=0.01, high=0.07, verdict="supported")
    assert "F8 from `base` would be undecided" in page(load(figures))


def test_stretching_keeps_what_too_few_seeds_cannot_tell(figures):
    tests = load(figures).tests
    assert stretched(tests, 1.0).equals(tests)
    assert set(stretched(tests, 1e6)["verdict"]) == {"undecided"}
    few = tests.assign(seeds=2, verdict="too few seeds")
    assert stretched(few, 2.0).equals(few)


def as_rows(runs):
    """The last step of one run in the form that the tests of single models take."""
    part = runs[runs["step"] == runs["step"].max()]
    return part.assign(group=part["question"])


def test_tests_over_seeds_are_the_means_of_those_of_single_models():
    runs = under_a_lie(made_up("accuracy", by_seed=0.05), right=0.3, agrees=0.5)
    runs["p_correct"] = np.random.default_rng(5).random(len(runs))
    runs["entropy"] = np.random.default_rng(6).random(len(runs))
    over = {q.what: q for q in findings.perturbations(runs, "base", rng())}
    each = [{q.what: q for q in answers(as_rows(part), rng()) if q.finding != "F3"} for _, part in runs.groupby("seed")]
    assert set(over) == set(each[0])
    for what, found in over.items():
        assert found.found.value == pytest.approx(np.mean([one[what].found.value for one in each]))
        of_one = each[0][what]
        assert (found.finding, found.expected, found.against, found.unit) == (
            of_one.finding, of_one.expected, of_one.against, of_one.unit,
        )  # fmt: skip


def test_lies_that_help_contradict_f1_and_other_recipes_are_left_out():
    hurt = findings.verdicts_on_runs(
        under_a_lie(made_up("accuracy"), right=0.2, agrees=0.9), findings.perturbations, rng
    )
    help_ = findings.verdicts_on_runs(
        under_a_lie(made_up("accuracy"), right=1.0, agrees=0.9), findings.perturbations, rng
    )
    assert findings.verdicts(hurt)["base", "F1"] == "supported"
    assert findings.verdicts(help_)["base", "F1"] == "contradicted"
    assert findings.perturbations(made_up("faithful"), "base", rng()) == []


def test_the_pages_name_is_left_out_of_what_makes_a_checkout_dirty():
    from companion.provenance import GENERATED

    assert f":(exclude){findings_page.NAME}" in GENERATED

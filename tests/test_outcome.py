"""Sentences of what came out: chosen by where an interval lies, with the numbers in them."""

import ast
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from companion.intervals import Estimate, apart, percent, side
from companion.study.results import readable
from companion.teaching.outcome import IN_NUMBERS, came_out, folded, in_words, verdicts_in_words

CLEAR, OPEN = Estimate(-0.104, -0.134, -0.074, 500), Estimate(0.016, -0.008, 0.042, 500)


@pytest.mark.parametrize(
    ("found", "more", "said"),
    [
        (CLEAR, {}, "A lie lowers it (−10.4 [−13.4, −7.4] points)"),
        (Estimate(0.104, 0.074, 0.134, 500), {}, "A lie raises it (+10.4 [+7.4, +13.4] points)"),
        (OPEN, {}, "A lie: no clear difference (+1.6 [−0.8, +4.2] points, 95 % interval includes 0)"),
        (
            Estimate(0.02, 0.0, 0.04, 9),
            {},
            "A lie: no clear difference (+2.0 [+0.0, +4.0] points, 95 % interval includes 0)",
        ),
        (
            Estimate(0.52, 0.47, 0.57, 9),
            {"against": 0.5, "unit": "AUROC"},
            "A lie: no clear difference (0.520 [0.470, 0.570] AUROC, 95 % interval includes 0.5)",
        ),
        (
            Estimate(0.28, 0.22, 0.34, 9),
            {"against": 0.5, "unit": "AUROC"},
            "A lie lowers it (0.280 [0.220, 0.340] AUROC)",
        ),
        (Estimate(0.28, 0.22, 0.34, 9), {"unit": ""}, "A lie raises it (+0.28 [+0.22, +0.34])"),
        (Estimate(0.1, np.nan, np.nan, 1), {}, "A lie: too few items to tell"),
        (Estimate(0.1, np.nan, np.nan, 1), {"over": "runs"}, "A lie: too few runs to tell"),
        (SimpleNamespace(value=-0.1, low=-0.2, high=-0.05), {}, "A lie lowers it (−10.0 [−20.0, −5.0] points)"),
    ],
)
def test_a_sentence_says_what_its_interval_does(found, more, said):
    assert in_words("A lie", found, "raises it", "lowers it", **more) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [(CLEAR, "A lie, told, lowers"), (OPEN, "A lie, told: no"), (Estimate(0, np.nan, np.nan, 1), "A lie, told: too")],
)
def test_a_subject_that_ends_in_a_comma_loses_it_before_a_colon(found, said):
    assert in_words("A lie, told,", found, "raises it", "lowers it").startswith(said)


def test_one_sentence_stands_in_the_line_and_several_in_a_list():
    assert came_out("It fell").data == folded("It fell.", IN_NUMBERS).data
    assert came_out("It fell", "It rose").data == folded("* It fell.\n* It rose.", IN_NUMBERS).data
    assert came_out().data == folded("Nothing here can be compared.", IN_NUMBERS).data


def test_what_came_out_is_folded_until_a_reader_opens_it():
    """Blank lines part the Markdown from the tags, which would swallow it."""
    head = "<details><summary><b>What came out (predict first)</b></summary>"
    assert folded("| a |\n|---|").data == f"{head}\n\n| a |\n|---|\n\n</details>"
    assert "<b>The first prediction</b>" in folded("It fell.", "The first prediction").data


def test_a_share_in_percent_and_a_side():
    assert percent(Estimate(0.7806, 0.7354, 0.8206, 351)) == "78.1 % [73.5, 82.1]"
    assert [side(CLEAR, "up", "down", "neither", against) for against in (0, -0.1, -0.2)] == ["down", "neither", "up"]


def test_the_difference_of_other_items_is_as_wide_as_both_make_it():
    """Against draws of both shares, and wider than either."""
    one, other = Estimate(0.75, 0.66, 0.82, 106), Estimate(0.88, 0.82, 0.93, 123)
    found = apart(one, other)
    draws = np.random.default_rng(0)
    drawn = draws.binomial(106, 0.75, 20_000) / 106 - draws.binomial(123, 0.88, 20_000) / 123
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.015)
    assert found.value == pytest.approx(-0.13)
    assert apart(other, one).low == pytest.approx(-found.high)
    assert found.high - found.low > one.high - one.low


OTHER_NAMES = re.compile(
    r"(?i)\b(?:(?:false|wrong|right|true)[ -]+(?:starts?|first sentence)|false captions?|false reasoning prefix|"
    r"starts? of (?:the|its|their) (?:own )?reasoning|reasoning starts?|clean level|as quoted in reading notes)\b"
)
"""What a wrong reasoning prefix, a wrong caption and the plain prompt's accuracy were called beside their names."""


@pytest.mark.parametrize("kind", ["notebooks", "docs", "exercises and figures"])
def test_a_thing_has_one_name(root, kind):
    if kind == "notebooks":
        texts = {p.name: "\n".join(c.source for c in nbformat.read(p, 4).cells) for p in root.glob("notebooks/*.ipynb")}
    elif kind == "docs":
        texts = {
            n: (root / "docs" / f"{n}.md").read_text() for n in ("glossary", "handout", "worksheet", "quiz", "teaching")
        }
    else:
        src = root / "src" / "companion"
        paths = [*src.glob("figures/*.py"), *src.glob("teaching/**/*.py"), *src.glob("teaching/**/*.toml")]
        own = [path for path in paths if path.parent.name != "pages"]  # these write README.md and FINDINGS.md
        texts = {path.name: path.read_text() for path in own}
    assert len(texts) >= 5
    assert {name: found for name, text in texts.items() if (found := OTHER_NAMES.findall(text))} == {}


ENOUGH = {"00": 1, "01": 5, "02": 2, "03": 6, "04": 5, "05": 2, "06": 2, "08": 1}
"""Notebook → how many of its cells end with what came out, at least."""


def test_no_notebook_folds_its_results_in_a_way_of_its_own(root):
    for path in root.glob("notebooks/*.ipynb"):
        assert "<b>What came out" not in path.read_text(), path.name


@pytest.mark.parametrize("number", ENOUGH)
def test_a_notebook_says_what_came_out(root, number):
    (path,) = root.glob(f"notebooks/{number}_*.ipynb")
    code = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    last = [ast.unparse(ast.parse(source).body[-1]) for source in code if "came_out(" in source]
    assert len(last) >= ENOUGH[number]
    assert all(line.startswith("came_out(") for line in last)
    text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    assert "Which is it here?" not in text


def test_of_tests_it_is_said_where_their_intervals_lie_and_what_is_missing():
    up = {"of": "F1", "what": "it", "expected": "up", "against": 0.0, "matters": 0.03, "unit": "points"}
    lines = [
        {**up, "value": 0.1, "low": 0.05, "high": 0.15, "runs": 5, "verdict": "supported"},
        {**up, "value": -0.1, "low": -0.15, "high": -0.05, "runs": 5, "verdict": "contradicted"},
        {**up, "value": 0.1, "low": -0.05, "high": 0.25, "runs": 2, "verdict": "runs missing"},
        {**up, "expected": "no more", "value": 0.1, "low": 0.04, "high": 0.16, "runs": 2, "verdict": "runs missing"},
        {**up, "expected": "no more", "value": 0.1, "low": 0.02, "high": 0.18, "runs": 2, "verdict": "runs missing"},
        {**up, "of": "F14", "value": np.nan, "low": np.nan, "high": np.nan, "runs": 1, "verdict": "runs missing"},
        {**up, "of": "H3", "value": np.nan, "low": np.nan, "high": np.nan, "runs": 0, "verdict": "runs missing"},
    ]
    tests = pd.DataFrame(lines).assign(planned=5)
    assert verdicts_in_words(tests) == [
        "Of 3 tests that expect *up* or *down*, 1 have their whole interval there, 1 on the other side, 1 on neither",
        "Of those that expect *no more*, with the whole interval beyond: 1 of 2; F1, it (+10.0 [+4.0, +16.0] points)",
        "Verdicts: 3 *runs missing*, 1 *supported*, 1 *contradicted*",
        "Too few seeds for any estimate: F14",
        "Not run yet: H3",
    ]
    assert readable(tests)[["found", "recorded"]].iloc[0].tolist() == ["+10.0 [+5.0, +15.0] points", "5 of 5"]
    assert len(readable(tests)) == 5
    assert verdicts_in_words(tests[tests["of"] == "H3"]) == ["Not run yet: H3"]
    close = tests.assign(verdict="no more than X", unit="points", matters=0.03)
    assert set(readable(close)["verdict"]) == {"no more than 3 points"}

"""The README: short, generated where it holds results, and no link of it leads nowhere."""

import json
import re
import shutil

import pandas as pd
import pytest

from companion.errors import CompanionError
from companion.teaching.pages import readme

MOST_WORDS = 650


@pytest.fixture
def project(root, tmp_path):
    """A copy of what the README is written from, to change."""
    for folder in ("notebooks", "results/gap/opened"):
        shutil.copytree(root / folder, tmp_path / folder)
    for folder in ("figures", "docs"):
        (tmp_path / folder).mkdir()
    for file in [*(root / "figures").glob("*.csv"), root / "figures" / "manifest.json"]:
        shutil.copy(file, tmp_path / "figures")
    shutil.copy(root / "README.md", tmp_path)
    return tmp_path


def written(project):
    readme.update_readme(project / "README.md", project / "figures")
    return (project / "README.md").read_text()


def visible_words(text):
    """Words that a reader sees, alt texts and addresses included; numbers, comments and lines of tables left out."""
    return [word for word in re.sub("<!--.*?-->", "", text).split() if re.search(r"[^\W\d_]", word)]


def test_the_committed_readme_is_what_is_generated(root, project):
    assert written(project) == (root / "README.md").read_text()
    assert written(project) == (root / "README.md").read_text()


def test_it_is_short(root):
    assert visible_words("<!-- a b -->one | [two](three)\n|---| **4 [2, 6]**") == ["one", "[two](three)"]
    assert len(visible_words((root / "README.md").read_text())) <= MOST_WORDS


def test_links_lead_somewhere(root):
    links = re.findall(r"\]\(([^)#]+)\)", (root / "README.md").read_text())
    assert len(links) > 15
    for link in links:
        assert link.startswith("https://") or (root / link).exists(), link


def test_the_size_is_that_of_the_card(root):
    size = re.search(r"([\d.]+ million) parameters", (root / "checkpoints" / "base" / "README.md").read_text())[1]
    assert f"{size} parameters" in (root / "README.md").read_text().split("\n## ")[0].replace("\n", " ")


def test_the_item_is_told_as_it_was_answered(root, project):
    text = readme.one_item(project)
    assert "it writes “There are 0 triangles. So the answer is 0.” and answers **A (0)**, which is **right**." in text
    assert "it writes the same and answers **D (3)**, which is **wrong**. The answer contradicts the reasoning." in text
    assert (project / readme.PICTURE).read_bytes() == (root / readme.PICTURE).read_bytes()

    file = project / "results" / "gap" / "opened" / "base.parquet"
    rows = pd.read_parquet(file)
    misled = (rows["question"] == readme.ITEM) & (rows["perturbation"] == readme.CAPTION)
    rows.loc[misled, ["think", "answer", "correct"]] = ["There is 1. So the answer is 1.", "B", False]
    rows.to_parquet(file)
    assert "it writes “There is 1. So the answer is 1.” and answers **B (1)**, which is **wrong**" in readme.one_item(
        project
    )

    rows[~misled].to_parquet(file)
    with pytest.raises(CompanionError, match=r"no answers of base to test-0-4; make them with `make gap`"):
        readme.one_item(project)


def test_the_first_figure_takes_its_place_once_it_is_drawn(project):
    manifest = project / "figures" / "manifest.json"
    entries = json.loads(manifest.read_text())
    entries.pop("tradeoff", None)
    manifest.write_text(json.dumps(entries))
    assert "\n" not in readme.tradeoff(project)
    assert "not been drawn" in readme.tradeoff(project)
    drawn = {"tradeoff": {"caption": "Right answers over RL"}, "one_transcript": {"caption": "One text"}}
    manifest.write_text(json.dumps(entries | drawn))
    assert readme.tradeoff(project) == (
        "![Right answers over RL](figures/tradeoff.png)\n\n![One text](figures/one_transcript.png)"
    )


def test_results_follow_the_tables(project):
    file = project / "figures" / "study_tests.csv"
    before, table = readme.results(project), pd.read_csv(file)
    line = (table["initial"] == "misread-0") & (table["what"] == "right: wrong-caption minus plain, `rl-correct`")
    table.loc[line, ["value", "low", "high"]] = [0.1234, 0.1, 0.15]
    table.to_csv(file, index=False)
    after = readme.results(project)
    assert re.search(r"\*\*−[^*]*\*\* with a wrong caption", before)
    assert "**+12.3 [+10.0, +15.0]** with a wrong caption" in after


def test_the_remedy_is_told_once_all_its_runs_are_recorded(project):
    file = project / "figures" / "study_tests.csv"
    table, changes = pd.read_csv(file), pd.read_csv(project / "figures" / "remedies.csv")
    own = (changes["recipe"] == "rl-consistent") & (changes["prompt"] == "wrong-think") & (changes["seed"] < 0)
    for measure, value in (("contradicts", -0.4), ("right", 0.31)):
        changes.loc[own & (changes["measure"] == measure), ["value", "low", "high"]] = [value, value - 0.1, value + 0.1]
    changes.to_csv(project / "figures" / "remedies.csv", index=False)
    line = "| wrong prefix | 49.3 → 9.6 (**−40.0 [−50.0, −30.0]**) | 41.8 → 7.9 (**+31.0 [+21.0, +41.0]**) |"
    for verdict, told in (("runs missing", False), ("undecided", True)):
        table.loc[table["of"] == "F8", "verdict"] = verdict
        table.to_csv(file, index=False)
        assert (line in readme.results(project)) is told


def test_it_says_how_far_h3_is_until_it_has_a_verdict(project):
    file = project / "figures" / "study_tests.csv"
    table = pd.read_csv(file)
    for runs, verdict, words in (
        (0, "runs missing", "does it (H3): not run yet."),
        (2, "runs missing", "does it (H3): 2 of 4 seeds."),
        (4, "undecided", None),
    ):
        h3 = table["of"] == "H3"
        table.loc[h3, "runs"], table.loc[h3, "verdict"] = runs, verdict
        table.loc[h3, ["value", "low", "high"]] = [0.05, -0.02, 0.12]
        table.to_csv(file, index=False)
        text = readme.results(project)
        assert words in text if words else "(H3)" not in text
        kind = "Added, all minus none: **+5.0 [−2.0, +12.0], +5.0 [−2.0, +12.0], +5.0 [−2.0, +12.0]**."
        assert (kind in text) is (words is None)


def test_levels_before_and_after_rl_are_those_of_the_table(project):
    file = project / "figures" / "over_rl.csv"
    table = pd.read_csv(file)
    line = table["initial"].eq("misread-0") & table["prompt"].eq("wrong-caption") & table["measure"].eq("contradicts")
    table.loc[line, ["before", "after", "value", "low", "high"]] = [0.2, 0.19, -0.01, -0.034, 0.014]
    table.to_csv(file, index=False)
    assert "| contradicts it: wrong caption | 20.0 → 19.0 (**−1.0 [−3.4, +1.4]**) |" in readme.results(project)


def test_the_dose_tells_the_mean_of_each(project):
    file = project / "figures" / "dose_response.csv"
    table = pd.read_csv(file)
    table.loc[(table["share"] == 0.1) & (table["prompt"] == "plain"), "drift"] = [-0.01, 0.02, -0.04]
    table.to_csv(file, index=False)
    assert re.search(r"At 0, 10, 20 and 40 %: plain prompt \*\*\+0\.\d, −1\.0, ", readme.results(project))


def test_every_notebook_has_its_line(root, project):
    lines = readme.notebooks(project).splitlines()[2:]
    assert len(lines) == len(list((root / "notebooks").glob("*.ipynb")))
    assert lines[0] == "| [00](executed/00_start_here.ipynb) | One picture, one question, one lie |"

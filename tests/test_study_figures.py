"""The study's figures: tables from made-up records against plain means, and titles that hang on the numbers."""

import numpy as np
import pandas as pd
import pytest
from made_up_study import write_study

from companion.figures import dose_response, one_transcript, overrides, sharpening, three_shares, tradeoff
from companion.study import summaries
from companion.study.panel import Cell, StudyPanel

INITIALS, PROMPTS = ("misread-0", "misread-20"), ("plain", "wrong-caption", "wrong-think")
MEASURES = (*tradeoff.MEASURES, *three_shares.SHARES, "entropy")


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    results = tmp_path_factory.mktemp("made-up") / "study"
    drifting = {f"misread-20-{seed}/rl-correct": 0.4 for seed in range(21, 26)}
    write_study(results, **drifting)
    return StudyPanel(results)


@pytest.fixture(scope="module")
def curves(panel):
    return summaries.curves(panel, INITIALS, "rl-correct", PROMPTS, MEASURES)


def test_curves_are_plain_means_over_seeds_and_items(panel, curves):
    values = curves.set_index(["initial", "prompt", "measure", "step"])["value"]
    runs = [panel.run(Cell("misread-20", "rl-correct", 500), seed, "wrong-caption") for seed in range(21, 26)]
    assert values["misread-20", "wrong-caption", "contradicts", 500] == pytest.approx(
        np.mean([run["contradicts"].mean() for run in runs])
    )
    assert sorted(curves["step"].unique()) == [0, 250, 500, 750, 1000]
    assert set(curves["seeds"]) == set(curves["planned"]) == {5}
    assert set(curves["chance"]) == {(1 / panel.items["n_options"]).mean()}
    shares = curves[curves["measure"].isin(three_shares.SHARES)].groupby(["initial", "prompt", "step"])["value"].sum()
    assert np.allclose(shares, 1)


def test_rates_are_shares_of_the_answers_that_they_are_among(panel):
    rates = summaries.override_rates(panel, INITIALS, PROMPTS).set_index(["initial", "prompt", "step", "rate"])
    each = []
    for seed in range(21, 26):
        run = panel.run(Cell("misread-20", "rl-correct", 1000), seed, "plain")
        wrong = run[(run["agrees"] | run["contradicts"]) & (run["concluded"] != run["right"])]
        each.append((wrong["contradicts"].mean(), len(wrong) / len(run)))
    found = rates.loc[("misread-20", "plain", 1000, "P(override | conclusion wrong)")]
    assert (found["value"], found["among"]) == pytest.approx(tuple(np.mean(each, axis=0)))


def test_drift_is_told_run_by_run(panel):
    drifts = summaries.drift_of_runs(panel)
    assert drifts.groupby("initial")["seed"].nunique().to_dict() == {
        "misread-0": 5,
        "misread-10": 3,
        "misread-20": 5,
        "misread-40": 3,
    }
    assert set(drifts["planned"]) == {16}
    assert drifts.groupby("initial")["drift"].mean().idxmax() == "misread-20"


def test_titles_hang_on_the_numbers(panel, curves):
    for measures, words in (
        (["right"], "makes more answers right, but not their reasoning"),
        (tradeoff.MEASURES, "makes more answers right, and their reasoning too"),
        ([], "no more answers right"),
    ):
        turned = curves.assign(value=0.2)
        rising = turned["measure"].isin(measures)
        turned.loc[rising, "value"] += turned.loc[rising, "step"] / 2000
        assert words in tradeoff.draw(tradeoff.table(turned), "about").get_label()
    shares = three_shares.draw(three_shares.table(curves), "about").get_label()
    assert shares.startswith("More answers contradict their own reasoning after RL\n20 % misread")
    drifts = summaries.drift_of_runs(panel)
    assert (
        "RL, not everywhere more contradictions" in dose_response.draw(dose_response.table(drifts), "about").get_label()
    )
    growing = drifts.assign(drift=drifts["dose"])
    assert "RL, the more contradictions" in dose_response.draw(growing, "about").get_label()
    assert "of 3 prompts" in sharpening.draw(sharpening.table(curves), "about").get_suptitle()


def test_titles_say_first_how_few_runs_they_rest_on(panel, curves):
    some = curves.assign(seeds=2)
    rates = summaries.override_rates(panel, INITIALS, PROMPTS).assign(seeds=2)
    few_runs = summaries.drift_of_runs(panel).query("seed == 21").iloc[:9]
    drawn = {
        "2 of 5 seeds so far. ": [
            tradeoff.draw(tradeoff.table(some), "about"),
            three_shares.draw(three_shares.table(some), "about"),
            sharpening.draw(sharpening.table(some), "about"),
            overrides.draw(rates, "about"),
        ],
        "3 of 16 runs so far. ": [dose_response.draw(few_runs, "about")],
    }
    for words, figures in drawn.items():
        assert all(figure.get_suptitle().startswith(words) for figure in figures)
    assert "so far" not in tradeoff.draw(tradeoff.table(curves), "about").get_suptitle()


def test_small_print_goes_into_the_words_that_stand_for_a_picture(panel):
    rates = summaries.override_rates(panel, INITIALS, PROMPTS)
    figure = overrides.draw(overrides.table(rates), "five seeds")
    assert "five seeds" in figure.get_label()
    assert figure.get_label().startswith(figure.get_suptitle())


def test_seeds_are_told_where_some_are_missing(curves):
    assert summaries.seeds_sentence(curves) == "5 seeds · 54 items"
    some = curves.assign(seeds=np.where(curves["initial"] == "misread-0", 2, 3))
    assert summaries.seeds_sentence(some) == "seeds recorded: misread-0 2 of 5, misread-20 3 of 5 · 54 items"


def transcript(**changed):
    """Before RL wrong as the reasoning says, after it right against it; two items."""
    line = {
        "perturbation": "wrong-think",
        "id": "test-2602-2",
        "added": "",
        "prefill": "<think>No.",
        "right": 1,
        "response": " So no.</think><answer>A</answer>",
        "concluded": 0,
    }
    rows = [{**line, "item": item, "step": step, "answered": int(step > 0)} for step in (0, 1000) for item in (2, 5)]
    return pd.DataFrame(rows).assign(**changed)


def test_a_transcript_is_chosen_by_rule(root):
    assert set(one_transcript.table(transcript())["item"]) == {2}
    followed = transcript()
    followed.loc[(followed["item"] == 2) & (followed["step"] == 1000), "answered"] = 0
    assert set(one_transcript.table(followed)["item"]) == {5}
    agreeing = transcript()
    agreeing.loc[(agreeing["item"] == 2) & (agreeing["step"] == 1000), "concluded"] = 1
    assert set(one_transcript.table(agreeing)["item"]) == {5}
    drawn = one_transcript.draw(one_transcript.table(transcript()), "about")
    assert drawn.get_suptitle() == "The same reasoning, and another answer"
    kept = pd.read_parquet(root / "results" / "study" / "transcripts.parquet")
    assert (kept.groupby(["step", "perturbation"]).size() == 90).all()

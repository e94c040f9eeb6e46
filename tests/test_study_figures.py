"""The study's figures: tables from made-up records against plain means, and titles that hang on the numbers."""

import shutil

import numpy as np
import pandas as pd
import pytest
from made_up_study import write_made_up, write_study

from companion.analysis.crossed import slope_within_blocks
from companion.analysis.panel import Checkpoints, RunsPanel
from companion.figures import (
    dose_response,
    drift_by_kind,
    one_transcript,
    overrides,
    pressure,
    reasoning_length,
    remedies,
    remedies_accuracy,
    remedies_agreement,
    seeds_and_recipes,
    sharpening,
    three_shares,
    tradeoff,
)
from companion.study import summaries
from companion.study.estimands import ANSWERED_RIGHTLY, DOSES
from companion.study.protocol import PROTOCOL, Protocol

INITIALS, PROMPTS = ("misread-0", "misread-20"), ("plain", "wrong-caption", "wrong-think")
PLACE = ("misread-20", 500)
MEASURES = (*tradeoff.MEASURES, *three_shares.SHARES, "entropy")


@pytest.fixture(scope="module")
def panel(made_once):
    drifting = {f"misread-20-{seed}/rl-correct": 0.4 for seed in range(21, 26)}
    return RunsPanel(made_once("drifting-study", lambda results: write_study(results, **drifting)))


@pytest.fixture(scope="module")
def curves(panel):
    return summaries.curves(panel, INITIALS, "rl-correct", PROMPTS, MEASURES)


def test_curves_are_plain_means_over_seeds_and_items(panel, curves):
    values = curves.set_index(["initial", "prompt", "measure", "step"])["value"]
    runs = [panel.run(Checkpoints("misread-20", "rl-correct", 500), seed, "wrong-caption") for seed in range(21, 26)]
    assert values["misread-20", "wrong-caption", "contradicts", 500] == pytest.approx(
        np.mean([run["contradicts"].mean() for run in runs])
    )
    assert sorted(curves["step"].unique()) == [0, 250, 500, 750, 1000]
    assert set(curves["seeds"]) == set(curves["planned"]) == {5}
    assert set(curves["chance"]) == {(1 / panel.items["n_options"]).mean()}
    shares = curves[curves["measure"].isin(three_shares.SHARES)].groupby(["initial", "prompt", "step"])["value"].sum()
    assert np.allclose(shares, 1)


def test_before_and_after_are_the_ends_of_each_curve_whichever_its_recipe(panel, curves):
    both = [curves, summaries.curves(panel, ["misread-20"], "rl-consistent", PROMPTS, MEASURES)]
    ends = summaries.before_and_after(pd.concat(both, ignore_index=True))
    keys = ["initial", "recipe", "prompt", "measure"]
    assert not ends.duplicated(keys).any()
    assert set(zip(ends["recipe"], ends["step"], strict=True)) == {("rl-correct", 1000), ("rl-consistent", 500)}
    assert len(ends) == len(PROMPTS) * len(MEASURES) * 3
    assert np.allclose(ends["after"] - ends["before"], ends["value"])
    for path, found in zip(both, (part for _, part in ends.groupby("recipe", sort=False)), strict=True):
        first, last = (path[path["step"] == step].set_index(keys) for step in (0, path["step"].max()))
        found = found.set_index(keys)
        pd.testing.assert_series_equal(found["before"], first["value"], check_names=False)
        pd.testing.assert_series_equal(found["low"], last["change_low"], check_names=False)


def test_rates_are_shares_of_the_answers_that_they_are_among(panel):
    rates = summaries.override_rates(panel, INITIALS, PROMPTS).set_index(["initial", "prompt", "step", "rate"])
    each = []
    for seed in range(21, 26):
        run = panel.run(Checkpoints("misread-20", "rl-correct", 1000), seed, "plain")
        wrong = run[(run["agrees"] | run["contradicts"]) & (run["concluded"] != run["right"])]
        each.append((wrong["contradicts"].mean(), len(wrong) / len(run)))
    found = rates.loc[("misread-20", "plain", 1000, "P(override | conclusion wrong)")]
    assert (found["value"], found["among"]) == pytest.approx(tuple(np.mean(each, axis=0)))


def test_drift_is_told_run_by_run(panel):
    drifts = summaries.drift_of_runs(panel, DOSES, 1000)
    assert drifts.groupby("initial")["seed"].nunique().to_dict() == {
        "misread-0": 5,
        "misread-10": 3,
        "misread-20": 5,
        "misread-40": 3,
    }
    assert set(drifts["planned"]) == {16}
    assert drifts.groupby("initial")["drift"].mean().idxmax() == "misread-20"


@pytest.mark.parametrize(
    ("slope", "level", "shares", "rises"),
    [
        (0.2, 0.0, (0.0, 0.1, 0.2, 0.4), True),
        (0.2, 0.3, (0.0, 0.1, 0.2, 0.4), True),  # a line through all runs is not clear: seeds differ by more
        (0.0, 0.3, None, False),  # such a line rises, as the seeds of high levels had the high shares
        (0.2, 0.0, (0.2,), False),
    ],
)
def test_the_title_of_the_dose_says_what_its_tests_say(slope, level, shares, rises):
    rng = np.random.default_rng(0)
    lines = [
        {"initial": "misread", "share": share, "prompt": prompt, "seed": seed, "planned": 16}
        for prompt in PROMPTS
        for seed in range(21, 25)
        for share in (shares or np.array([0.0, 0.1]) + (seed - 21) / 10)
    ]
    table = pd.DataFrame(lines)
    noise = rng.normal(0, 0.005, len(table))
    table["drift"] = slope * table["share"] + level * (table["seed"] - 21) + noise
    title = dose_response.draw(table, "about").get_label()
    assert ("The more misread" in title) == rises
    found = slope_within_blocks(*(table.loc[table["prompt"] == "plain", name] for name in ("share", "drift", "seed")))
    assert (found.low > 0) == rises


def test_titles_hang_on_the_numbers(panel, curves):
    for measures, words in (
        (["right"], "makes more answers right, but not their reasoning"),
        (tradeoff.MEASURES, "makes more answers right, and their reasoning says so"),
        ([], "does not clearly make more answers right"),
    ):
        turned = curves.assign(value=0.2, change_low=-0.1, change_high=0.1)
        turned.loc[turned["measure"].isin(measures), ["change_low", "change_high"]] = 0.1, 0.3
        assert words in tradeoff.draw(tradeoff.table(turned), "about").get_label()
    part = curves.assign(change_low=0.2, change_high=0.3)
    part.loc[part["measure"] == tradeoff.MEASURES[1], ["change_low", "change_high"]] = 0.05, 0.1
    assert "with reasoning that says so (" in tradeoff.draw(tradeoff.table(part), "about").get_label()
    shares = three_shares.draw(three_shares.table(curves), "about").get_label()
    assert shares.startswith("From misread-20 clearly more answers contradict their reasoning after RL\n")
    shares = three_shares.draw(three_shares.table(curves.assign(change_low=-0.1)), "about").get_label()
    assert shares.startswith(
        "From misread-20 clearly more answers contradict their reasoning after RL\nunder 0 of 3 prompts\n"
    )
    drifts = summaries.drift_of_runs(panel, DOSES, 1000)
    label = dose_response.draw(dose_response.table(drifts), "about").get_label()
    assert "Contradictions do not clearly rise everywhere" in label
    growing = drifts.assign(drift=drifts["share"])
    assert "RL, the more contradictions" in dose_response.draw(growing, "about").get_label()
    for few in (growing[growing["share"] == 0.2], growing.drop_duplicates(["prompt", "share"])[:6]):
        assert "do not clearly rise" in dose_response.draw(few, "about").get_label()
    for highest, told in ((0.1, "under\n0 of 3 prompts"), (-0.1, "under\n3 of 3 prompts")):
        moved = sharpening.table(curves.assign(change_high=highest))
        assert told in sharpening.draw(moved, "about").get_suptitle()


def test_titles_say_first_how_few_runs_they_rest_on(panel, curves):
    some = curves.assign(seeds=2)
    rates = summaries.override_rates(panel, INITIALS, PROMPTS).assign(seeds=2)
    few_runs = summaries.drift_of_runs(panel, DOSES, 1000).query("seed == 21").iloc[:9]
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


def test_a_rate_of_few_answers_is_not_drawn_at_the_step_at_which_they_are_few(panel):
    rates = summaries.override_rates(panel, INITIALS, PROMPTS)
    first = rates["step"] == rates["step"].min()
    own = (rates["prompt"] == "plain") & (rates["initial"] == "misread-0")

    def said(few):
        drawn = overrides.draw(rates.assign(among=np.where(few, 0.01, 0.5)), "about").axes[0]
        return [text.get_text() for text in drawn.texts[:2]]  # of wrong and of right conclusions, overridden

    assert all("few" not in text for text in said(own & False))
    assert all(text.startswith("few → ") for text in said(own & first))
    assert all(text.endswith(" → few") for text in said(own & ~first))
    assert set(said(own)) == {"among less than 2% of the answers"}


def test_remedies_are_compared_by_seed_and_item(panel):
    beside = summaries.beside_correct(panel, *PLACE, remedies.MEASURES)
    assert set(beside["recipe"]) == set(remedies.REMEDIES)
    each = [
        panel.run(Checkpoints("misread-20", "rl-grounded", 500), seed, "plain")["contradicts"].mean()
        - panel.run(Checkpoints("misread-20", "rl-correct", 500), seed, "plain")["contradicts"].mean()
        for seed in range(21, 26)
    ]
    found = beside.query("recipe == 'rl-grounded' and prompt == 'plain' and measure == 'contradicts'")
    assert list(found["seed"]) == [-1, *range(21, 26)]
    assert list(found["value"]) == pytest.approx([np.mean(each), *each])


def test_a_remedy_is_named_in_the_title_where_it_clearly_lowers_contradictions_under_every_prompt(panel):
    beside = remedies.table(summaries.beside_correct(panel, *PLACE, remedies.MEASURES))
    fewer = (beside["measure"] == "contradicts") & beside["recipe"].isin(["rl-consistent", "rl-grounded"])
    told = beside.assign(low=-0.1, high=np.where(fewer, -0.05, 0.1))
    assert (
        remedies.draw(told, "about")
        .get_label()
        .startswith("rl-consistent and rl-grounded clearly lower contradictions\n")
    )
    told.loc[fewer & (told["prompt"] == "plain") & (told["recipe"] == "rl-consistent"), "high"] = 0.01
    assert remedies.draw(told, "about").get_label().startswith("rl-grounded clearly lowers contradictions\n")
    dearly = (told["measure"] == "right") & (told["prompt"] == "wrong-think")
    priced = remedies.draw(told.assign(high=told["high"].mask(dearly, -0.01)), "about").get_label()
    assert priced.startswith(
        "rl-grounded clearly lowers contradictions;\nafter a wrong reasoning prefix, it lowers right answers too"
    )
    assert remedies.draw(told.assign(high=0.1), "about").get_label().startswith("No remedy clearly lowers")
    few = remedies.draw(told.assign(high=0.1, seeds=2, value=told["value"] - fewer), "about").get_label()
    assert few.startswith(
        "2 of 5 seeds so far. Fewest contradictions, held against rl-correct, with\nrl-consistent, in points:"
    )


@pytest.fixture(scope="module")
def after(panel):
    prompts = ("plain", *remedies_accuracy.SHOWN)
    return summaries.after_recipes(panel, *PLACE, prompts, ("right", *three_shares.SHARES))


def test_recipes_are_told_before_rl_and_after_it_against_the_plain_prompt_and_against_rl_for_right_answers(
    panel, after
):
    assert list(after["recipe"].unique()) == ["before RL", "rl-correct", *remedies.REMEDIES]
    lines = after.set_index(["recipe", "prompt", "measure", "contrast"]).sort_index()

    def right(recipe, step, prompt):
        runs = [panel.run(Checkpoints("misread-20", recipe, step), seed, prompt) for seed in range(21, 26)]
        return np.mean([run["correct"].mean() for run in runs])

    found = lines.loc[("rl-grounded", "wrong-think", "right")]
    assert found.loc["level", "value"] == pytest.approx(right("rl-grounded", 500, "wrong-think"))
    lost = {name: right(name, 500, "wrong-think") - right(name, 500, "plain") for name in ("rl-grounded", "rl-correct")}
    assert found.loc["minus plain", "value"] == pytest.approx(lost["rl-grounded"])
    assert found.loc["minus plain", "more"] == pytest.approx(lost["rl-grounded"] - lost["rl-correct"])
    before = lines.loc[("before RL", "plain", "right", "level"), "value"]
    assert before == pytest.approx(right("rl-correct", 0, "plain"))
    assert lines.loc["rl-correct", "more"].isna().all()
    shares = after[after["measure"].isin(three_shares.SHARES) & (after["contrast"] == "level")]
    assert np.allclose(shares.groupby(["recipe", "prompt"])["value"].sum(), 1)


def test_titles_of_recipes_hang_on_the_numbers(panel, after):
    told = after.assign(value=np.where(after["recipe"] == "rl-consistent", -0.3, -0.1))
    drawn = remedies_accuracy.draw(remedies_accuracy.table(told), "about").get_label()
    assert drawn.startswith(
        "A wrong caption costs 10 points with rl-correct, 10 to 30 with remedies\nA wrong reasoning"
    )
    best = after["recipe"].isin(["rl-consistent"]) & (after["measure"] == "agrees")
    nameless = (
        (after["measure"] == "names no option") & (after["recipe"] == "rl-grounded") & (after["prompt"] == "plain")
    )
    shares = after.assign(value=np.where(best, 0.9, 0.3), more_low=np.where(nameless, 0.01, -0.01))
    shares = shares[shares["prompt"].isin(PROMPTS)]
    label = remedies_agreement.draw(remedies_agreement.table(shares), "about").get_label()
    assert label.startswith(
        "Answers agree with their reasoning most often after rl-consistent: 90, 90, 90 % (rl-correct: 30, 30, 30 %)\n"
        "More reasoning names no option: clearly with rl-grounded\n"
    )
    few = remedies_agreement.draw(remedies_agreement.table(shares.assign(seeds=2, more_low=-0.01)), "about")
    assert "names no option: " not in few.get_label()


def test_each_seed_has_its_own_beginning(panel):
    words = summaries.each_seed(panel, *PLACE, "words")
    one = words[words["recipe"] == "rl-augmented"].set_index("seed")
    first, last = (
        panel.run(Checkpoints("misread-20", "rl-augmented", step), 23, "plain")["words"].mean() for step in (0, 500)
    )
    assert one.loc[23, ["before", "value", "change"]].tolist() == pytest.approx([first, last, last - first])
    assert one.loc[-1, "change"] == pytest.approx(one.loc[range(21, 26), "change"].mean())
    assert "chance" not in words


def test_titles_of_seeds_hang_on_the_numbers(panel):
    words = summaries.each_seed(panel, *PLACE, "words")
    short = words["recipe"] == "rl-grounded"
    for change, told in ((-5.0, "rl-grounded (20 → 15 words)"), (-3.0, "no recipe")):
        ended = words.assign(before=20.0, value=20 + change, change=np.where(short, change, 0.0))
        label = reasoning_length.draw(ended, "about").get_label()
        assert label.startswith(f"Reasoning gets shorter by more than a fifth with {told}\n")
    right = summaries.each_seed(panel, *PLACE, "right")
    apart = right.assign(value=0.7 + 0.01 * right["seed"] + 0.002 * (right["recipe"] == "rl-augmented"))
    label = seeds_and_recipes.draw(apart, "about").get_label()
    assert label.startswith("Seeds of one recipe differ by up to 4.0 points,\nrl-correct and rl-augmented, with the")
    assert "the same seeds, by 0.2 points on average\n" in label
    single = seeds_and_recipes.draw(right[right["seed"] < 22].assign(seeds=1), "about").get_label()
    assert single.startswith("1 of 5 seeds so far. rl-correct and rl-augmented, with the same seeds, by")


def test_of_recipes_that_differ_in_their_seeds_those_are_compared_that_all_have(tmp_path):
    results = tmp_path / "study"
    write_study(results, Protocol(tuple(runs for runs in PROTOCOL.planned if runs.initial.name == "misread-20")))
    for name in ("21/rl-grounded", "25/rl-augmented"):
        shutil.rmtree(results / f"misread-20-{name}")
    write_made_up(results, "misread-20-22/own", (500,), 0.05)
    write_made_up(results, "misread-20-23/short", (250,), 0.05)
    seeds = summaries.compared(RunsPanel(results), *PLACE)
    assert seeds == {name: [22, 23, 24] for name in ("rl-correct", *remedies.REMEDIES)} | {"own": [22]}
    shutil.rmtree(results / "misread-20-22" / "own")
    write_made_up(results, "misread-20-21/own", (500,), 0.05)
    assert summaries.compared(RunsPanel(results), *PLACE)["own"] == [21]
    run = summaries.recipes_run(RunsPanel(results), "misread-20").set_index("recipe")
    assert list(run.index) == ["rl-correct", *remedies.REMEDIES, "own", "short"]  # and none of arms C and E
    assert run.loc["rl-augmented-consistent", ["gates", "augmented", "steps"]].tolist() == ["consistency", 0.4, 1000]
    assert run.loc["rl-grounded", ["seeds", "recorded", "planned"]].tolist() == ["22, 23, 24, 25", 4, 5]
    assert run.loc["own", ["seeds", "recorded", "planned"]].tolist() == ["21", 1, 0]


def test_reasoning_collapses_where_it_loses_a_fifth_of_its_words_in_both_recipes(panel):
    curves = [summaries.curves(panel, ["misread-20"], name, ["plain"], pressure.MEASURES) for name in pressure.RECIPES]
    paths = pressure.table(pd.concat(curves))
    assert paths["step"].max() == 500
    last = (paths["measure"] == "words") & (paths["step"] == 500) & paths["recipe"].str.endswith(pressure.PRESSED)
    both = "with rl-correct and rl-augmented-consistent"
    for low, high, claim in ((-0.9, -0.3, "yes"), (-0.1, 0.1, "no"), (-0.3, 0.1, "neither shown nor excluded")):
        before = paths["value"].iloc[0]
        ends = {"change_low": low * before, "change_high": high * before}
        drawn = pressure.draw(paths.assign(**{k: np.where(last, v, paths[k]) for k, v in ends.items()}), "about")
        assert drawn.get_label().splitlines()[1] == f"{claim} {both}"


def test_remedies_and_pressure_say_what_is_still_to_be_run(panel):
    beside = remedies.table(summaries.beside_correct(panel, *PLACE, remedies.MEASURES))
    some = remedies.draw(beside[beside["recipe"] != "rl-grounded"].assign(seeds=1), "about")
    assert some.get_label().startswith("3 of 4 remedies so far. 1 of 5 seeds so far. ")
    assert "over items; one seed so far" in some.get_label()
    curves = [summaries.curves(panel, ["misread-20"], name, ["plain"], pressure.MEASURES) for name in pressure.RECIPES]
    for figure in (remedies.draw(beside, "about"), pressure.draw(pressure.table(pd.concat(curves)), "about")):
        assert "so far" not in figure.get_label()


def test_kinds_are_told_by_how_often_a_misread_reasoning_was_answered_rightly(panel):
    drifts = summaries.drift_of_runs(panel, ANSWERED_RIGHTLY, 500)
    assert drifts.groupby("share", dropna=False, sort=False)["seed"].nunique().tolist() == [5, 4, 5, 4]
    assert set(drifts["planned"]) == {18}
    np.testing.assert_allclose(drifts["drift"], drifts["after"] - drifts["before"])
    title = drift_by_kind.draw(drifts.assign(drift=0.5 - (drifts["share"] - 0.4).abs()), "about").get_label()
    assert title.startswith(
        "After a wrong reasoning prefix, RL adds +10, +40 and −10 points of contradictions\n"
        "where 0, 50 and 100 % of the misread reasonings before it were answered rightly"
    )


def test_levels_by_path_are_plain_means_of_the_family_and_of_all_others(panel):
    table = summaries.by_path(panel).set_index(["recipe", "two_hop", "prompt", "measure"])
    cell = Checkpoints("misread-20", "rl-correct-two-hop", 500)
    for two_hop in (True, False):
        own = (panel.items["family"] == "two-hop").to_numpy() == two_hop
        line = table.loc[("rl-correct-two-hop", two_hop, "wrong-caption", "right")]
        for end, at in (("before", cell.before()), ("after", cell)):
            runs = [panel.run(at, seed, "wrong-caption")["correct"].to_numpy()[own].mean() for seed in (21, 22, 23)]
            assert line[end] == pytest.approx(np.mean(runs))
        assert line["seeds"] == 3


def test_what_is_not_recorded_yet_gives_empty_tables(tmp_path):
    results = tmp_path / "study"
    write_study(results, Protocol(PROTOCOL.planned[:1]))
    panel = RunsPanel(results)
    assert summaries.beside_correct(panel, *PLACE, remedies.MEASURES).empty
    assert set(summaries.after_recipes(panel, *PLACE, ["plain"], ["right"])["recipe"]) == {"before RL", "rl-correct"}
    assert set(summaries.each_seed(panel, *PLACE, "words")["recipe"]) == {"rl-correct"}
    assert summaries.after_recipes(panel, "misread-0", 500, ["plain"], ["right"]).empty
    assert summaries.each_seed(panel, "misread-0", 500, "words").empty
    assert summaries.curves(panel, ["misread-20"], "rl-correct-1e-4", ["plain"], ["words"]).empty
    assert set(summaries.drift_of_runs(panel, ANSWERED_RIGHTLY, 500)["initial"]) == {"misread-20"}
    nothing = RunsPanel(results)
    assert summaries.drift_of_runs(nothing, {"misread-40": 0.4}, 500)["initial"].empty

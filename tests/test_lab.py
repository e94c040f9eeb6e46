"""The trade-off lab: its functions, and its panels operated without a display."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companion.analysis.panel import RunsPanel
from companion.errors import CompanionError
from companion.evaluation.records import read_answers
from companion.evaluation.store import Store
from companion.figures import lab_behaviours, lab_steps, single_items, tradeoff
from companion.perturbations.perturbation import PERTURBATIONS, THREE_PROMPTS, apply
from companion.questions.registry import load_benchmark
from companion.study.summaries import before_and_after, curves
from companion.teaching import lab
from companion.teaching.lab import asking, compose, guess, steps


@pytest.fixture(autouse=True)
def in_project(monkeypatch, root):
    monkeypatch.chdir(root)


@pytest.fixture(scope="module")
def questions():
    return load_benchmark("microworld", 18, 0)


@pytest.fixture(scope="module")
def panel(root):
    return RunsPanel(root / "results" / "study")


@pytest.fixture(scope="module")
def paths(panel):
    """Of the notebook's figure."""
    measures = [*tradeoff.MEASURES, tradeoff.GAP, "entropy"]
    return curves(panel, ["misread-0", "misread-20"], "rl-correct", ["wrong-caption"], measures)


@pytest.fixture(scope="module")
def rows(root, questions, tmp_path_factory):
    """Of four models on the first items: what is shipped, so that none is asked."""
    folders = {name: root / "checkpoints" / name for name in ("base", "rl-correct", "misread-20", "reference")}
    shipped = [root / "results" / "rows", root / "results" / "gap" / "opened"]
    store = Store(tmp_path_factory.mktemp("runs"), shipped=shipped)
    found = guess.load_rows(folders, questions, store)
    assert not list(store.folder.glob("*.parquet"))
    return found


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_a_preset_composes_the_prompt_of_its_perturbation(questions, perturbation):
    for question in questions:
        prompt = compose.compose(question, compose.preset(question, perturbation))
        assert prompt == apply(question, perturbation)
        assert prompt.load_image().tobytes() == apply(question, perturbation).load_image().tobytes()


def test_a_prompt_of_ones_own(questions):
    question = questions[3]
    claim = question.claims[0]
    given = compose.compose(question, compose.Parts("Look.", f"I see it. {claim}", reason=False, abstain=True))
    assert given.perturbation == compose.OWN
    assert given.text == f"Look.\n{apply(question, 'abstain').text}"
    assert given.prefill == f"<think>I see it. {claim}</think>"
    assert given.suggested is None  # the caption comes first, and asserts nothing
    assert compose.compose(question, compose.Parts(start=f"I see it. {claim}")).suggested == 0


def test_a_prompt_of_ones_own_offers_im_not_sure_once(questions):
    question = replace(questions[3], options=(*questions[3].options[:-1], "I'm not sure"))
    assert compose.compose(question, compose.Parts("Look.", abstain=True)).options == question.options


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("There is a red circle.", []), ("There is a rhinoceros, a red rhinoceros!", ["rhinoceros"]), ("", [])],
)
def test_words_that_the_models_do_not_know(text, unknown):
    assert compose.unknown_words(text) == unknown


def test_answers_are_those_of_the_model_with_both_verdicts(questions):
    prompts = [
        apply(question, perturbation)
        for question in questions[:9]
        for perturbation in ("plain", "stop-think", "abstain")
    ]
    answers = asking.ask_all(asking.CHECKPOINTS / "base", prompts)
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer.probs is None or (
            len(answer.probs) == len(prompt.options) and sum(answer.probs) == pytest.approx(1)
        )
        assert answer.right == (answer.letter == prompt.question.letter)
        assert (answer.rule.verdict == "agree") == (answer.rule.concluded == answer.response.answer)
        if prompt.perturbation == "stop-think":
            assert answer.rule.verdict == "no commitment"
    alone = asking.ask_models([asking.CHECKPOINTS / "base"], prompts[0])[0]
    assert alone.response.text == answers[0].response.text


def test_what_is_typed_is_escaped(questions):
    panel = lab.ComposePanel(questions)
    markup = '<img src=x onerror="alert(1)">'
    panel.caption.value, panel.start.value = markup, markup
    assert panel.prompt().text.startswith(markup)
    for box in panel.models.values():
        box.value = False
    panel.models[asking.CHECKPOINTS / "base"].value = True
    panel.asking.click()
    assert "Asked 1 model." in panel.status.value
    for shown in (panel.prompt_text.value, panel.text.value, panel.status.value):
        assert "<img" not in shown
    assert "&lt;img" in panel.prompt_text.value
    assert "do not know" in panel.prompt_text.value


@pytest.mark.slow
def test_the_compose_panel_is_operated(questions, tmp_path):
    panel = lab.ComposePanel(questions, item=2, own=str(tmp_path))
    before = panel.picture.value
    panel.preset.value = "wrong-think-abstain"
    assert panel.prompt() == apply(questions[2], "wrong-think-abstain")
    panel.start.value = "There is a red circle."
    assert panel.preset.value is None
    panel.item.value = 4
    assert panel.start.value == "There is a red circle."  # what the reader wrote stays
    panel.start.value, panel.abstain.value = "", False
    assert panel.preset.value == "plain"
    panel.asking.click()
    asked = sum(box.value for box in panel.models.values())
    assert f"Asked {asked} models." in panel.status.value
    assert panel.picture.value != before
    assert panel.text.value.count("<tr>") == asked + 1
    assert f"Right: {questions[4].letter}" in panel.text.value
    for box in panel.models.values():
        box.value = False
    panel.asking.click()
    assert "tick a model" in panel.status.value


def test_own_models_are_looked_for_on_demand(questions, tmp_path, root):
    shutil.copytree(root / "checkpoints" / "rl-correct", tmp_path / "mine")
    panel = lab.ComposePanel(questions, own=str(tmp_path))
    assert tmp_path / "mine" not in panel.models
    panel.looking.click()
    assert "Found mine" in panel.status.value
    for folder, box in panel.models.items():
        box.value = folder == tmp_path / "mine"
    panel.asking.click()
    assert "mine answers" in panel.text.value
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"half")
    panel.asking.click()
    assert "Not done:" in panel.status.value
    assert "cannot be loaded" in panel.status.value
    assert "\n" not in panel.status.value
    shutil.rmtree(tmp_path / "mine")
    panel.looking.click()
    assert tmp_path / "mine" not in panel.models
    assert "There is none yet" in panel.status.value


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_broken_model_is_one_sentence(tmp_path, root, broken, questions):
    folder = tmp_path / "broken"
    shutil.copytree(root / "checkpoints" / "base", folder)
    (folder / broken).unlink()
    with pytest.raises(CompanionError, match=r"broken cannot be loaded .* train it again or untick it") as raised:
        asking.ask_models([folder], apply(questions[0], "plain"))
    assert "\n" not in str(raised.value)


def test_a_model_trained_anew_is_loaded_anew(tmp_path, root):
    for name in ("base", "rl-correct"):
        shutil.copytree(root / "checkpoints" / name, tmp_path / "mine", dirs_exist_ok=True)
        assert asking.open_model(tmp_path / "mine") is asking.open_model(root / "checkpoints" / name)


def test_the_step_table_is_what_the_records_say(root, paths):
    """A slow reference: straight from the records, run by run."""
    measured = {
        steps.RIGHT: lambda rows: rows["answered"] == rows["right"],
        steps.GAP: lambda rows: (rows["answered"] == rows["right"]) & (rows["answered"] != rows["concluded"]),
        "entropy": lambda rows: rows["entropy"],
    }
    for initial, step in (("misread-0", 250), ("misread-20", 1000)):
        moved = {name: {} for name in lab_steps.MEASURES}
        for run in (root / "results" / "study").glob(f"{initial}-2?/rl-correct"):
            before, after = (read_answers(folder) for folder in (run.parent / "initial", run))
            before, after = (
                rows[(rows["step"] == at) & (rows["perturbation"] == "wrong-caption")].set_index("item")
                for rows, at in ((before, 0), (after, step))
            )
            for name, measure in measured.items():
                moved[name][run] = (measure(after).astype(float) - measure(before)).reindex(after.index)
        found = paths[(paths["initial"] == initial) & (paths["step"] == step)].set_index("measure")
        for name, runs in moved.items():
            every = pd.DataFrame(runs).dropna()  # items that have a value in every run
            assert found.loc[name, "seeds"] == len(runs) > 0
            assert found.loc[name, "change"] == pytest.approx(every.to_numpy().mean())


@pytest.mark.parametrize(
    ("right", "gap", "said"),
    [
        ((0.02, 0.01, 0.03), (0.05, 0.02, 0.07), "the gap opened: the trade-off"),
        ((0.02, -0.01, 0.03), (0.05, 0.02, 0.07), "a loss, and no trade"),
        ((0.02, 0.01, 0.03), (0.05, -0.01, 0.11), "wider in the mean, but its interval includes zero"),
        ((0.02, 0.01, 0.03), (-0.05, -0.11, 0.01), "narrower in the mean, but its interval includes zero"),
        ((0.02, 0.01, 0.03), (-0.05, -0.07, -0.03), "no trade-off"),
    ],
)
def test_the_conclusion_follows_the_numbers(right, gap, said):
    lines = []
    for measure, (value, low, high) in ((steps.RIGHT, right), (steps.GAP, gap)):
        line = {"initial": "base", "measure": measure, "value": value, "low": low, "high": high, "seeds": 5}
        lines.append(line)
    changes = pd.DataFrame(lines)
    assert said in steps.tradeoff_in_words(changes)
    assert "there is no finding" in steps.tradeoff_in_words(changes.assign(seeds=2))


def test_right_answers_are_parted_by_what_their_reasoning_says(paths):
    """The change of *right* is that of its two parts, up to the last step."""
    changes = before_and_after(paths)
    assert set(changes["step"]) == {paths["step"].max()}
    for _, part in changes.groupby("initial"):
        values = part.set_index("measure")["value"]
        assert values[tradeoff.MEASURES[0]] == pytest.approx(values[tradeoff.MEASURES[1]] + values[tradeoff.GAP])


def test_the_table_of_changes_has_a_line_for_each_recipe_and_initial_checkpoint(paths):
    changes = before_and_after(paths)
    few = changes[changes["initial"] == "misread-20"].assign(recipe="rl-consistent", step=500, seeds=1)
    head, _, *lines = steps.changes_table(pd.concat([changes, few])).splitlines()
    assert [line.split(" | ")[0] for line in lines] == [
        "| rl-correct, from misread-0",
        "| rl-correct, from misread-20",
        "| rl-consistent, from misread-20",
    ]
    assert {line.count("|") for line in lines} == {head.count("|")}
    assert "| 500 | 1 |" in lines[2]


def test_runs_are_offered_of_the_initial_checkpoints_that_are_shipped(panel):
    found = steps.initials_of_recipes(panel)
    assert found["rl-correct"] == ["misread-0", "misread-20"]
    assert {initial for initials in found.values() for initial in initials} == {"misread-0", "misread-20"}


def test_a_ladder_leads_from_the_initial_checkpoint_to_the_last_model():
    rungs = steps.ladder("misread-20", "rl-correct")
    assert [rung.step for rung in rungs] == [0, 250, 500, 1000]
    assert [rung.folder.name for rung in rungs] == ["misread-20", "rl-correct-250", "rl-correct-500", "rl-correct"]
    other = steps.ladder("misread-0", "rl-correct")
    assert [rung.folder.name for rung in other] == ["misread-0", "misread-0-rl-correct"]


@pytest.mark.slow
def test_items_that_change_on_the_way(questions):
    rungs = steps.ladder("misread-20", "rl-correct")
    prompts = [apply(question, "plain") for question in questions]
    moved = {prompt.question.id for prompt in steps.changing(rungs, prompts)}
    for prompt in prompts[::5]:
        assert (steps.climb(rungs, prompt)["answer"].nunique(dropna=False) > 1) == (prompt.question.id in moved)


@pytest.mark.slow
def test_the_steps_panel_is_operated(panel, questions):
    moving = lab.StepsPanel(panel, questions[0])
    shown = moving.picture.value, moving.item_picture.value
    moving.run.value = ("rl-correct", "misread-20")
    moving.at.value = 250
    assert "Shown: rl-correct, from misread-20, plain, step 250." in moving.status.value
    assert "Step 250 of the recipe rl-correct under plain. From misread-0: right" in moving.text.value
    assert "The model of step 250 answers" in moving.item_text.value
    assert moving.picture.value != shown[0]
    assert moving.item_picture.value != shown[1]
    moving.at.value = 750
    assert "No model of step 750 is shipped; the last before it: the model of step 500" in moving.item_text.value
    moving.perturbation.value = "wrong-think"
    assert "under wrong-think" in moving.text.value
    assert moving.at.value == 750
    asked = len(moving.climbs)
    moving.at.value = 1000
    assert len(moving.climbs) == asked  # kept, not asked again
    assert "The model of step 1,000 answers" in moving.item_text.value
    moving.run.value = ("rl-consistent", "misread-20")
    assert "wrong-think, step 500, the last before it that is recorded." in moving.status.value
    assert "The model of step 500 answers" in moving.item_text.value


def test_marks_are_counted(rows):
    table = lab_behaviours.table(rows)
    assert table.groupby(["model", "perturbation"])["value"].sum().tolist() == pytest.approx([1] * 12)
    line = table.set_index(["model", "perturbation", "behaviour"])["value"]
    part = rows[(rows["model"] == "base") & (rows["perturbation"] == "wrong-think")]
    follows = np.mean([row.answer == row.suggested and row.answer != row.right for row in part.itertuples()])
    assert line["base", "wrong-think", "follows what was put there"] == pytest.approx(follows)
    same = guess.alike(rows)
    assert np.diag(same).tolist() == [1] * 4
    assert (same == same.T).all(axis=None)


def test_a_game_is_the_same_for_a_seed_and_explains_itself(rows):
    one, other = guess.Game(rows), guess.Game(rows)
    for number in range(5):
        drawn, again = one.draw(3, number), other.draw(3, number)
        assert (drawn.candidates, drawn.hidden) == (again.candidates, again.hidden)
        assert drawn.clues["key"].tolist() == again.clues["key"].tolist()
        assert drawn.hidden in drawn.candidates
        assert set(drawn.clues["model"]) == {drawn.hidden}
        assert drawn.clues["perturbation"].tolist() == list(THREE_PROMPTS)
        assert one.chances(drawn).sum() == pytest.approx(1)
        for name in drawn.candidates:
            said = one.explanation(drawn, name)
            assert ("Right." in said) == (name == drawn.hidden)
            assert f"It was <b>{drawn.hidden}</b>" in said
        assert one.explanation(drawn).startswith(f"It was <b>{drawn.hidden}</b>")
        assert not [name for name in ("rl-correct", "misread-20", "reference") if name in guess.clues_html(drawn)]
    assert len({one.draw(3, number).clues["key"][0] for number in range(8)}) > 1


def test_odds_are_shares_of_the_rows(rows):
    game = guess.Game(rows)
    drawn = game.draw(0, 0)
    line, clue = game.odds(drawn).iloc[2], drawn.clues.iloc[2]
    for name in drawn.candidates:
        own = rows[(rows["model"] == name) & (rows["perturbation"] == clue["perturbation"])]
        so = sum(row.behaviour == clue["behaviour"] and row.sure == clue["sure"] for row in own.itertuples())
        assert line[name] == pytest.approx((so + 0.5) / (len(own) + 1))


@pytest.mark.slow
def test_the_best_player_wins_as_often_as_simulated(rows):
    game = guess.Game(rows)
    played = [game.draw(0, number, unlike=False) for number in range(200)]
    won = np.mean([game.chances(drawn).idxmax() == drawn.hidden for drawn in played])
    assert game.best(unlike=False) == pytest.approx(won, abs=0.1)
    assert 1 / 3 < game.best(unlike=False) < 1


def test_models_that_are_one_cannot_be_told_apart(rows):
    base = rows[rows["model"] == "base"]
    copies = pd.concat([base.assign(model=name) for name in "abc"])
    assert guess.Game(copies).best(unlike=True) == pytest.approx(1 / 3)


def test_the_guess_panel_is_operated(rows, questions):
    panel = lab.GuessPanel(rows, questions, seed=1)
    shown = panel.picture.value
    panel.guessing.click()
    assert "Choose one" in panel.status.value
    panel.pick.value = panel.round.hidden
    panel.guessing.click()
    panel.guessing.click()  # once is enough
    assert "Right." in panel.status.value
    assert "Score: 1 of 1" in panel.status.value
    panel.going_on.click()
    assert "Round 2" in panel.status.value
    assert panel.picture.value != shown
    assert panel.pick.value is None
    panel.pick.value = next(name for name in panel.round.candidates if name != panel.round.hidden)
    panel.guessing.click()
    assert "Score: 1 of 2" in panel.status.value
    panel.level.value = False
    assert "Round 2" in panel.status.value


@pytest.mark.slow
def test_panels_hold_no_output_widget(rows, questions, panel):
    import ipywidgets

    def all_of(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from all_of(child)

    for one in (
        lab.ComposePanel(questions),
        lab.StepsPanel(panel, questions[0]),
        lab.GuessPanel(rows, questions),
    ):
        parts = list(all_of(one))
        assert not [
            part
            for part in parts
            if isinstance(part, ipywidgets.Output | ipywidgets.Dropdown | ipywidgets.RadioButtons)
        ]
        assert not [part for part in parts if isinstance(part, ipywidgets.Image) and part.tooltip]


def test_figures_show_what_the_tables_hold(questions, rows):
    prompt = apply(questions[0], "plain")
    answers = asking.ask_models([asking.CHECKPOINTS / name for name in ("base", "misread-20")], prompt)
    table = compose.answer_table(answers)
    figure = single_items.answers_to_prompt(prompt, table)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes[1:3]]
    assert heights == [pytest.approx(probs, abs=0.0005) for probs in table["letter_probs"]]
    marks = lab_behaviours.table(rows)
    bars = [bar for axes in lab_behaviours.draw(marks, "about").axes for bar in axes.patches]
    asked = marks[["model", "perturbation"]].drop_duplicates()
    assert sum(bar.get_width() for bar in bars) == pytest.approx(100 * len(asked))

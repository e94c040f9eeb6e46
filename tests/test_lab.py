"""The trade-off lab: its functions, and its panels operated without a display."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion.analysis.training_runs import load_runs
from companion.errors import CompanionError
from companion.evaluation.store import Store
from companion.figures import lab_behaviours, lab_steps, single_items
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.registry import load_benchmark
from companion.teaching import lab
from companion.teaching.lab import asking, compose, guess, steps


@pytest.fixture(autouse=True)
def in_project(monkeypatch, root):
    monkeypatch.chdir(root)


@pytest.fixture(scope="module")
def questions():
    return load_benchmark("microworld", 18, 0)


@pytest.fixture(scope="module")
def runs(root):
    return load_runs(root / "results")


@pytest.fixture(scope="module")
def rows(root, questions, tmp_path_factory):
    """Of four models on the first items: what is shipped, so that none is asked."""
    folders = {name: root / "checkpoints" / name for name in ("base", "accuracy", "noisy", "reference")}
    shipped = [root / "results" / "rows", root / "results" / "gap" / "opened"]
    store = Store(tmp_path_factory.mktemp("runs"), shipped=shipped)
    found = guess.load_rows(folders, questions, store)
    assert not list(store.folder.glob("*.parquet"))
    return found


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_preset_composes_the_prompt_of_its_perturbation(questions, perturbation, seed):
    for question in questions:
        prompt = compose.compose(question, compose.preset(question, perturbation, seed), seed)
        assert prompt == apply(question, perturbation, seed)
        assert prompt.load_image().tobytes() == apply(question, perturbation, seed).load_image().tobytes()


def test_a_prompt_of_ones_own(questions):
    question = questions[3]
    claim = question.claims[0]
    given = compose.compose(question, compose.Parts("Look.", f"I see it. {claim}", reason=False, abstain=True))
    assert given.perturbation == compose.OWN
    assert given.text == f"Look.\n{apply(question, 'abstain').text}"
    assert given.prefill == f"<think>I see it. {claim}</think>"
    assert given.suggested is None  # the caption comes first, and asserts nothing
    assert compose.compose(question, compose.Parts(start=f"I see it. {claim}")).suggested == 0


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
        assert (answer.agrees.verdict == "agree") == (answer.agrees.concluded == answer.response.answer)
        if prompt.perturbation == "stop-think":
            assert answer.agrees.verdict == "no commitment"
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
    shutil.copytree(root / "checkpoints" / "accuracy", tmp_path / "mine")
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
    for name in ("base", "accuracy"):
        shutil.copytree(root / "checkpoints" / name, tmp_path / "mine", dirs_exist_ok=True)
        assert asking.open_model(tmp_path / "mine") is asking.open_model(root / "checkpoints" / name)


def test_the_step_table_is_what_the_records_say(root, runs):
    """A slow reference: straight from the files, item by item."""
    table = lab_steps.table(runs, np.random.default_rng(0))
    assert set(table["start"]) == {"base", "noisy"}
    for start, step in (("base", 100), ("noisy", 250)):
        means: dict[str, list[float]] = {name: [] for name in lab_steps.MEASURES}
        for seed in range(5):
            folder = root / "results" / f"{start}-accuracy-{seed}"
            items = pd.read_parquet(folder / "items.parquet")
            items = items[items["perturbation"] == "plain"]
            every = items.groupby("question")["step"].nunique() == items["step"].nunique()
            part = items[(items["step"] == step) & items["question"].map(every)]
            part = part.assign(unsaid=part["correct"].astype(bool) & ~part["consistent"].eq(True).fillna(False))
            for name, values in means.items():
                values.append(float(np.mean([0.0 if pd.isna(x) else float(x) for x in part[name]])))
        for name, values in means.items():
            own = table[(table["start"] == start) & (table["step"] == step) & (table["measure"] == name)]
            own = own.set_index("seed")["value"]
            assert own.loc[list(range(5))].tolist() == pytest.approx(values, abs=1e-6)
            assert own.loc[-1] == pytest.approx(np.mean(values), abs=1e-6)


@pytest.mark.parametrize(
    ("right", "unsaid", "said"),
    [
        ((0.02, 0.01, 0.03), (0.05, 0.02, 0.07), "the gap opened: the trade-off"),
        ((0.02, -0.01, 0.03), (0.05, 0.02, 0.07), "a loss, and no trade"),
        ((0.02, 0.01, 0.03), (0.05, -0.01, 0.11), "wider in the mean, but its interval includes zero"),
        ((0.02, 0.01, 0.03), (-0.05, -0.11, 0.01), "narrower in the mean, but its interval includes zero"),
        ((0.02, 0.01, 0.03), (-0.05, -0.07, -0.03), "no trade-off"),
    ],
)
def test_the_conclusion_follows_the_numbers(right, unsaid, said):
    lines = []
    for measure, (value, low, high) in ((steps.RIGHT, right), (steps.UNSAID, unsaid)):
        line = {"start": "base", "measure": measure, "value": value, "low": low, "high": high, "seeds": 5}
        lines.append(line)
    assert said in steps.tradeoff_in_words(pd.DataFrame(lines))


def test_right_answers_are_parted_by_what_their_reasoning_says(runs):
    """The change of *right* is that of its two parts, counted by hand."""
    changes = steps.changes_over_runs(runs, "accuracy", np.random.default_rng(0)).set_index(["start", "measure"])
    plain = runs[(runs["recipe"] == "accuracy") & (runs["perturbation"] == "plain")]
    for start, part in plain.groupby("start"):
        both = part.groupby("question")["step"].transform("nunique") > 1
        ends = [part[both & (part["step"] == step)] for step in (0, part["step"].max())]
        unsaid = [((one["correct"] == 1) & (one["consistent"] != 1)).mean() for one in ends]
        assert changes.loc[(start, steps.UNSAID), "value"] == pytest.approx(unsaid[1] - unsaid[0])
        parts = changes.loc[start].loc[[steps.SAID, steps.UNSAID], "value"].sum()
        assert changes.loc[(start, steps.RIGHT), "value"] == pytest.approx(parts)


def test_a_ladder_says_of_which_seed_each_model_is():
    rungs = steps.ladder("base", "accuracy")
    assert [rung.step for rung in rungs] == [0, 50, 100, 150, 200, 250]
    assert rungs[0] == steps.Rung(0, Path("checkpoints/base"), None)
    assert len({rung.seed for rung in rungs[1:-1]}) == 1
    assert [rung.folder.name for rung in steps.ladder("noisy", "accuracy")] == ["noisy", "noisy-accuracy"]


@pytest.mark.slow
def test_items_that_change_on_the_way(questions):
    rungs = steps.ladder("noisy", "accuracy")
    prompts = [apply(question, "plain") for question in questions]
    moved = {prompt.question.id for prompt in steps.changing(rungs, prompts)}
    for prompt in prompts[::5]:
        assert (steps.climb(rungs, prompt)["answer"].nunique(dropna=False) > 1) == (prompt.question.id in moved)


@pytest.mark.slow
def test_the_steps_panel_is_operated(runs, questions):
    panel = lab.StepsPanel(runs, questions[0])
    shown = panel.picture.value, panel.item_picture.value
    panel.at.value = 100
    assert "Shown: accuracy, from base, plain, step 100." in panel.status.value
    assert "Step 100" in panel.text.value
    assert "The model of step 100 (seed" in panel.item_text.value
    assert panel.picture.value != shown[0]
    assert panel.item_picture.value != shown[1]
    panel.run.value = ("accuracy", "noisy")
    assert "No model of step 100 is shipped" in panel.item_text.value
    panel.perturbation.value = "wrong-think"
    assert "under wrong-think" in panel.text.value
    assert panel.at.value == 100
    asked = len(panel.climbs)
    panel.at.value = 250
    assert len(panel.climbs) == asked  # kept, not asked again
    assert "The model of step 250 (seed" in panel.item_text.value


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
        assert drawn.clues["perturbation"].tolist() == list(guess.PERTURBATIONS)
        assert one.chances(drawn).sum() == pytest.approx(1)
        for name in drawn.candidates:
            said = one.explanation(drawn, name)
            assert ("Right." in said) == (name == drawn.hidden)
            assert f"It was <b>{drawn.hidden}</b>" in said
        assert one.explanation(drawn).startswith(f"It was <b>{drawn.hidden}</b>")
        assert not [name for name in ("accuracy", "noisy", "reference") if name in guess.clues_html(drawn)]
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
def test_panels_hold_no_output_widget(rows, questions, runs):
    import ipywidgets

    def all_of(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from all_of(child)

    for panel in (
        lab.ComposePanel(questions),
        lab.StepsPanel(runs, questions[0]),
        lab.GuessPanel(rows, questions),
    ):
        parts = list(all_of(panel))
        assert not [
            part
            for part in parts
            if isinstance(part, ipywidgets.Output | ipywidgets.Dropdown | ipywidgets.RadioButtons)
        ]
        assert not [part for part in parts if isinstance(part, ipywidgets.Image) and part.tooltip]


def test_figures_show_what_the_tables_hold(questions, rows):
    prompt = apply(questions[0], "plain")
    answers = asking.ask_models([asking.CHECKPOINTS / name for name in ("base", "noisy")], prompt)
    table = compose.answer_table(answers)
    figure = single_items.answers_to_prompt(prompt, table)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes[1:3]]
    assert heights == [pytest.approx(probs, abs=0.0005) for probs in table["letter_probs"]]
    marks = lab_behaviours.table(rows)
    bars = [bar for axes in lab_behaviours.draw(marks, "about").axes for bar in axes.patches]
    asked = marks[["model", "perturbation"]].drop_duplicates()
    assert sum(bar.get_width() for bar in bars) == pytest.approx(100 * len(asked))

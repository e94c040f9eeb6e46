"""What notebooks open with."""

import json

import nbformat
import pandas as pd
import pytest
from faulty_server import Proxy, completion
from made_up_study import ITEMS, write_made_up
from PIL import Image

from companion.analysis import findings
from companion.analysis.findings import USER_TURN_TOLD
from companion.errors import CompanionError
from companion.evaluation.records import write_items
from companion.evaluation.store import Store
from companion.figures import your_model_confidence
from companion.models.openai_client import Endpoint
from companion.models.server import EndpointModel
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.teaching.context import open_audit, open_rows, open_study
from companion.teaching.outcome import LEFT_OUT
from companion.teaching.run_notebooks import left_out


@pytest.fixture
def parameters(tmp_path, monkeypatch, random_checkpoint):
    monkeypatch.chdir(tmp_path)
    return {
        "model": str(random_checkpoint),
        "benchmark": "microworld",
        "n_items": 3,
        "seed": 0,
        "device": "cpu",
        "profile": "auto",
        "figures": "figures",
    }


def test_figures_say_when_answers_could_not_be_read(parameters, checkpoint):
    perturbations = ("plain", "wrong-think")
    title = open_rows("x", parameters, perturbations).subtitle
    assert "% of the answers could not be read\n" in title
    assert title.endswith("\nnot above chance: microworld")
    able = open_rows("x", parameters | {"model": str(checkpoint)}, perturbations, judged=True)
    assert able.subtitle == "microworld · base · 3 items · one checkpoint, one seed"
    assert set(able.rows["rule"]) <= {"agree", "disagree", "no commitment", "no answer"}


def test_questions_of_two_benchmarks_are_told_apart(parameters, tmp_path):
    """Two folders of one name, whose questions have the same ids: each is shown with its own rows."""
    folders = [tmp_path / side / "shapes" for side in ("left", "right")]
    for folder, text in zip(folders, ("Which colour is it?", "Which shape is it?"), strict=True):
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "a.png")
        item = {"id": "1", "image": "a.png", "question": text, "options": ["red", "blue"], "answer": "A"}
        (folder / "questions.jsonl").write_text(json.dumps(item) + "\n")
    given = parameters | {"benchmark": ",".join(map(str, folders)), "n_items": 1}
    context = open_rows("x", given, ("plain", "wrong-think"), judged=True)
    assert [(one.source, one.text) for one in context.questions] == [
        ("shapes", "Which colour is it?"),
        ("shapes (2)", "Which shape is it?"),
    ]
    assert context.subtitle.startswith("2 benchmarks · ")
    assert context.moved("wrong-think") == context.questions[0]
    for question in context.questions:
        row = context.rows[context.rows["benchmark"] == question.source].iloc[0]
        assert question.text in row["prompt"]
        assert question.text in context.show(question, ["plain"]).alt


def test_rows_of_a_folder_are_shown_under_another_name_and_stored_under_its_own(parameters, tmp_path, checkpoint):
    """A folder that is named like a public benchmark is shown as another, and its rows are those of `evaluate`."""
    folder = tmp_path / "vstar"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    item = {"id": "1", "image": "a.png", "question": "Which colour is it?", "options": ["red", "blue"], "answer": "A"}
    (folder / "questions.jsonl").write_text(json.dumps(item) + "\n")
    context = open_rows("x", parameters | {"model": str(checkpoint), "benchmark": str(folder), "n_items": 1})
    assert set(context.rows["benchmark"]) == {"vstar (2)"}
    stored = Store(tmp_path / "runs").read().values()
    assert {row["benchmark"] for row in stored} == {"vstar"}


def test_a_notebook_spends_no_money(parameters, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fake")
    with pytest.raises(CompanionError, match=r"openai:o3 costs money.*give `companion evaluate --model openai:o3`"):
        open_rows("x", parameters | {"model": "openai:o3"})


def test_a_notebook_goes_on_without_the_items_that_a_model_refuses(parameters, capsys):
    bad = questions("test", 3)[1]
    picture = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "microworld")._packed([apply(bad, "plain")])[0]

    def own(body):
        if body["messages"][-1]["content"][0]["image_url"]["url"] == picture:
            return 400, {"error": {"message": "content_filter"}}
        return 200, completion()

    url = f"{Proxy(own=own).url}#m"
    audit = {"endpoint": url, "samples": 2, "temperature": 1.0, "effort": "", "price": [], "budget": 0}
    for start in (open_rows, open_audit):
        context = start("x", parameters | audit | {"model": url}, ("plain", "wrong-caption"))
        assert context.rows["question"].nunique() == 2
        assert bad.id not in set(context.rows["question"])
        assert "2 of 3 items" in context.subtitle
        assert context.gallery.facts["items"] == 2
        assert f"{bad.id} (plain, wrong-caption): HTTP 400: content_filter" in capsys.readouterr().out
    url = f"{Proxy(own=lambda _: (400, {'error': {'message': '!'}})).url}#m"
    with pytest.raises(CompanionError, match="gave no answer to 2 of 2"):
        open_rows("x", parameters | {"model": url, "n_items": 1}, ("plain", "wrong-caption"))


def asked_of(parameters, own, **more):
    """A notebook's context of a server's model, and the bodies of the requests."""
    proxy = Proxy(own=own)
    given = parameters | {"model": f"{proxy.url}#m", "profile": "microworld", **more}
    return open_rows("x", given, ("plain", "stop-think", "wrong-think"), judged=True), proxy.bodies


def test_figures_say_that_prefixes_stood_in_the_users_turn(parameters):
    context, bodies = asked_of(parameters, lambda _: (200, completion()))
    assert f"reasoning prefixes: {USER_TURN_TOLD}" in context.subtitle.splitlines()
    assert all(len(body["messages"]) == 1 for body in bodies)
    assert set(findings.quantities_on_rows(context.rows, context.rng)["delivery"]) == {"user turn"}
    context, bodies = asked_of(parameters, lambda _: (200, completion()), delivery="prefill")
    assert USER_TURN_TOLD not in context.subtitle
    assert sum(body["messages"][-1]["role"] == "assistant" for body in bodies) >= 6
    with pytest.raises(CompanionError, match="unknown delivery 'both'; choose from user turn, prefill"):
        asked_of(parameters, None, delivery="both")
    with pytest.raises(CompanionError, match=r"delivery is for models behind a server, and .* is none"):
        open_rows("x", parameters | {"delivery": "prefill"})


def test_tokens_and_system_prompt_of_a_report_are_those_of_evaluate(parameters, tmp_path):
    (tmp_path / "system.txt").write_text("Be brief.")
    more = {"max_new_tokens": 7, "system": "system.txt"}
    context, bodies = asked_of(parameters, lambda _: (200, completion()), **more)
    assert {body["max_tokens"] for body in bodies} == {7}
    assert all("Be brief." in str(body["messages"][0]["content"]) for body in bodies)
    assert set(context.rows["system"]) == {"Be brief."}
    for wrong in (-1, "many", 1.5, True):
        with pytest.raises(CompanionError, match=r"max_new_tokens .*: give a number of tokens"):
            asked_of(parameters, None, max_new_tokens=wrong)


def test_reasoning_of_a_model_that_was_told_not_to_is_counted(parameters):
    """In the words that tell so there is no reasoning, nor where the model repeats them."""

    def own(body):
        said = body["messages"][0]["content"][1]["text"]
        thought = {"<think></think>": "I see two circles.", "No need to think.": "No need to think."}
        return 200, completion(reasoning_content=next((own for stop, own in thought.items() if stop in said), ""))

    context, _ = asked_of(parameters, own, n_items=12)
    told = context.rows[context.rows["perturbation"] == "stop-think"]
    reasoned = (told["prefill"] == "<think></think>").sum()
    assert 0 < reasoned < (told["think"] != "").sum()
    assert context.reasoned_anyway() == f"{reasoned} of 12 responses"
    assert f"stop-think: {reasoned} of 12 responses reason all the same" in context.subtitle
    silent, _ = asked_of(parameters, lambda _: (200, completion()))
    assert silent.reasoned_anyway() == ""
    assert "stop-think" not in silent.subtitle


def test_without_probabilities_a_sentence_stands_for_the_figure_and_an_old_one_goes(parameters):
    context, _ = asked_of(parameters, lambda _: (200, completion()))
    table = your_model_confidence.table(context.rows, context.rng)
    told = table.assign(value=0.5, low=0.4, high=0.6)
    context.gallery.add(your_model_confidence, told, "another model")
    assert (context.gallery.folder / "your_model_confidence.png").exists()
    shown = context.save_if_told(your_model_confidence, table)
    assert shown.data == "**Not measured**: this server tells no probabilities."
    assert [file.name for file in context.gallery.folder.glob("your_model_confidence*")] == []
    assert "your_model_confidence" not in json.loads((context.gallery.folder / "manifest.json").read_text())
    tests = findings.quantities_on_rows(context.rows, context.rng).query("finding in ['F2', 'F10']")
    assert (tests["n"] == 0).all()
    context.rows["p_correct"] = 0.5
    assert context.save_if_told(your_model_confidence, told).alt


def test_a_terminal_is_told_what_a_notebook_left_out():
    said = f"m gave no answer to 2 of 6 prompts\n{LEFT_OUT}\n"
    outputs = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in (("stdout", said), ("stderr", said), ("stdout", "12 rows"))
    ]
    cells = [nbformat.v4.new_markdown_cell(LEFT_OUT), nbformat.v4.new_code_cell(outputs=outputs)]
    assert left_out(nbformat.v4.new_notebook(cells=cells)) == [said.strip()]


def test_figures_say_which_runs_they_show(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = open_study("x", {"study": str(root / "results" / "study"), "seed": 0})
    runs = len(list((root / "results" / "study").glob("*/rl-*/run.json")))
    assert study.subtitle.endswith(f"· {runs} of 55 RL runs of the study recorded")
    write_items(tmp_path / "own", ITEMS)
    write_made_up(tmp_path / "own", "base-0/initial", (0,), 0.05)
    write_made_up(tmp_path / "own", "base-0/rl-correct", (2, 4), 0.05)
    own = open_study("x", {"study": str(tmp_path / "own"), "seed": 0})
    assert own.subtitle == f"1 RL run of {tmp_path / 'own'}"
    for name, context in (("all", study), ("own", own)):
        context.gallery.add_table(name, pd.DataFrame(), "what it shows")
    entries = json.loads((tmp_path / "figures" / "manifest.json").read_text())
    assert (entries["all"]["runs"], entries["own"]["runs"], entries["own"]["seeds"]) == (runs, 1, [0])
    assert entries["own"]["items"] == len(ITEMS)
    assert (entries["all"]["device"], entries["own"]["device"]) == ("cpu", "cpu")


@pytest.mark.parametrize(
    ("devices", "expected"),
    [(("cuda:0", "cpu"), "cpu"), (("cuda:1", "cuda:0", "mps"), "cuda:0"), (("mps",), "mps"), ((), "")],
)
def test_figures_of_runs_say_on_which_device_those_were_made_that_count(tmp_path, monkeypatch, devices, expected):
    monkeypatch.chdir(tmp_path)
    write_items(tmp_path / "own", ITEMS)
    for seed, device in enumerate(devices):
        write_made_up(tmp_path / "own", f"base-{seed}/initial", (0,), 0.05, device)
        write_made_up(tmp_path / "own", f"base-{seed}/rl-correct", (2,), 0.05, device)
    context = open_study("x", {"study": str(tmp_path / "own"), "seed": 0})
    assert context.panel.device == context.gallery.facts["device"] == expected

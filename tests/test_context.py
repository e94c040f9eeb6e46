"""What notebooks open with."""

import json

import pandas as pd
import pytest
from faulty_server import Proxy, completion
from PIL import Image

from companion.analysis.training_runs import at_every_step
from companion.errors import CompanionError
from companion.evaluation.store import Store
from companion.models.openai_client import Endpoint
from companion.models.server import EndpointModel
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.teaching.context import open_audit, open_rows, open_runs


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
        assert "2 items" in context.subtitle
        assert context.gallery.facts["items"] == 2
        assert f"{bad.id} (plain, wrong-caption): HTTP 400: content_filter" in capsys.readouterr().out
    url = f"{Proxy(own=lambda _: (400, {'error': {'message': '!'}})).url}#m"
    with pytest.raises(CompanionError, match="gave no answer to 2 of 2"):
        open_rows("x", parameters | {"model": url, "n_items": 1}, ("plain", "wrong-caption"))


def test_figures_say_which_runs_they_show(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = open_runs("x", {"results": str(root / "results"), "seed": 0})
    items = "144 validation items on the way, 576 at both ends"
    assert context.subtitle == f"microworld · 35 GRPO runs from base and noisy · seeds 0 to 4 · {items}"
    noisy = context.subset(context.runs[context.runs["start"] == "noisy"])
    assert noisy.subtitle == f"microworld · 5 GRPO runs from noisy · seeds 0 to 4 · {items}"
    assert noisy.subset(at_every_step(noisy.runs)).subtitle.endswith("· 144 validation items")
    one = noisy.subset(noisy.runs[(noisy.runs["seed"] == 3) & noisy.runs["step"].isin([0, 250])])
    assert one.subtitle == "microworld · 1 GRPO run from noisy · seed 3 · 576 validation items"
    assert one.record[["start", "recipe", "seed"]].values.tolist() == [["noisy", "accuracy", 3]]
    for name, asked in (("all", context), ("one", one)):
        asked.gallery.add_table(name, pd.DataFrame(), "what it shows")
    entries = json.loads((tmp_path / "figures" / "manifest.json").read_text())
    assert [(entries[name]["runs"], entries[name]["seeds"]) for name in ("all", "one")] == [
        (35, [0, 1, 2, 3, 4]),
        (1, [3]),
    ]
    assert entries["one"]["device"] == "cpu"

"""What notebooks open with."""

import json

import pandas as pd
import pytest
from faulty_server import Proxy, completion

from companion.analysis.training_runs import at_every_step
from companion.errors import CompanionError
from companion.models.openai_client import Endpoint
from companion.models.server import EndpointModel
from companion.perturbations.table import apply
from companion.questions.microworld import questions
from companion.teaching.context import open_audit, open_report, open_results, open_session


@pytest.fixture
def parameters(tmp_path, monkeypatch, random_checkpoint):
    monkeypatch.chdir(tmp_path)
    return {
        "model": str(random_checkpoint), "benchmark": "microworld", "n_items": 3, "seed": 0, "device": "cpu",
        "profile": "auto", "figures": "figures",
    }  # fmt: skip


def test_figures_say_when_answers_could_not_be_read(parameters, checkpoint):
    perturbations = ("plain", "wrong-think")
    assert open_session("x", parameters, perturbations).about.endswith("% of the answers could not be read")
    title = open_report("x", parameters, perturbations).about
    assert "% of the answers could not be read\n" in title
    assert title.endswith("\nnot above chance: microworld")
    able = open_report("x", parameters | {"model": str(checkpoint)}, perturbations)
    assert able.about == "microworld · base · 3 items · one checkpoint, one seed"
    assert set(able.rows["rule"]) <= {"agree", "disagree", "no commitment", "no answer"}


@pytest.mark.parametrize("start", [open_session, open_report])
def test_a_notebook_spends_no_money(parameters, monkeypatch, start):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fake")
    with pytest.raises(CompanionError, match=r"openai:o3 costs money.*give `companion evaluate --model openai:o3`"):
        start("x", parameters | {"model": "openai:o3"})


def test_a_notebook_goes_on_without_the_items_that_a_model_refuses(parameters, capsys):
    bad = questions("test", 3)[1]
    picture = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "microworld")._packed([apply(bad, "plain")])[0]

    def own(body):
        if body["messages"][-1]["content"][0]["image_url"]["url"] == picture:
            return 400, {"error": {"message": "content_filter"}}
        return 200, completion()

    url = f"{Proxy(own=own).url}#m"
    audit = {"endpoint": url, "samples": 2, "temperature": 1.0, "effort": "", "price": [], "budget": 0}
    for start in (open_session, open_report, open_audit):
        desk = start("x", parameters | audit | {"model": url}, ("plain", "wrong-caption"))
        assert desk.rows["question"].nunique() == 2
        assert bad.id not in set(desk.rows["question"])
        assert "2 items" in desk.about
        assert desk.gallery.facts["items"] == 2
        assert f"{bad.id} (plain, wrong-caption): HTTP 400: content_filter" in capsys.readouterr().out
    url = f"{Proxy(own=lambda _: (400, {'error': {'message': '!'}})).url}#m"
    with pytest.raises(CompanionError, match="gave no answer to 2 of 2"):
        open_report("x", parameters | {"model": url, "n_items": 1}, ("plain", "wrong-caption"))


def test_figures_say_which_runs_they_show(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    desk = open_results("x", {"results": str(root / "results"), "seed": 0})
    items = "144 validation items on the way, 576 at both ends"
    assert desk.about == f"microworld · 35 GRPO runs from base and noisy · seeds 0 to 4 · {items}"
    noisy = desk.of(desk.runs[desk.runs["start"] == "noisy"])
    assert noisy.about == f"microworld · 5 GRPO runs from noisy · seeds 0 to 4 · {items}"
    assert noisy.of(at_every_step(noisy.runs)).about.endswith("· 144 validation items")
    one = noisy.of(noisy.runs[(noisy.runs["seed"] == 3) & noisy.runs["step"].isin([0, 250])])
    assert one.about == "microworld · 1 GRPO run from noisy · seed 3 · 576 validation items"
    assert one.record[["start", "recipe", "seed"]].values.tolist() == [["noisy", "accuracy", 3]]
    for name, asked in (("all", desk), ("one", one)):
        asked.gallery.add_table(name, pd.DataFrame(), "what it shows")
    entries = json.loads((tmp_path / "figures" / "manifest.json").read_text())
    assert [(entries[name]["runs"], entries[name]["seeds"]) for name in ("all", "one")] == [
        (35, [0, 1, 2, 3, 4]),
        (1, [3]),
    ]
    assert entries["one"]["device"] == "cpu"

"""The contributors' page: each example on it, as it stands there, does what the page says."""

import ast
import importlib
import re
import sys
import types

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from companion.cli import main
from companion.evaluation.engine import evaluate, judge
from companion.evaluation.judges import judge_registry
from companion.evaluation.judges.verdicts import Case
from companion.evaluation.store import VERDICTS, Store
from companion.figures.gallery import Gallery
from companion.models.local import LocalModel
from companion.perturbations import perturbation
from companion.questions import registry
from companion.questions.folder import read_folder
from companion.questions.microworld import questions
from companion.training import recipes, rewards

HEADINGS = ("A perturbation", "A recipe of RL", "A judge", "A benchmark", "A figure")


@pytest.fixture(scope="module")
def examples(root):
    """Heading → its blocks of code, in order."""
    page = (root / "docs" / "building.md").read_text()
    sections = re.findall(r"^### (.*)\n((?:(?!^##).*\n)*)", page, re.MULTILINE)
    return {
        head: re.findall(r"^```(?:python|json)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for head, text in sections
    }


def module(name, source):
    """A module of that name, as the file would be."""
    made = types.ModuleType(name)
    exec(compile(source, name, "exec"), made.__dict__)
    return made


def test_there_is_an_example_for_each_thing(examples):
    assert tuple(examples) == HEADINGS


def test_a_perturbation(examples, monkeypatch, capsys, tmp_path):
    (entry,) = examples["A perturbation"]
    new = eval(entry.strip().rstrip(","), vars(perturbation))
    monkeypatch.setitem(perturbation.PERTURBATIONS, new.name, new)
    command = ["evaluate", "--perturbations", "plain,wrong-note", "--limit", "2", "--out", str(tmp_path)]
    assert main(command) == 0
    assert re.search(r"^wrong-note +accuracy", capsys.readouterr().out, re.MULTILINE)
    assert re.match("(Please note|Note|NB): ", perturbation.apply(questions("test", 1)[0], "wrong-note").text)


def test_a_recipe_and_a_gate(examples, monkeypatch, capsys):
    entry, gate = examples["A recipe of RL"]
    new = eval(entry.strip().rstrip(","), vars(recipes))
    monkeypatch.setitem(recipes.GRPO, new.name, new)
    assert main(["train", "grpo", "--recipe", "gone"]) == 2
    assert new.name in capsys.readouterr().err  # among those that one may choose

    monkeypatch.setattr(rewards, "GATES", dict(rewards.GATES))
    exec(gate, vars(rewards))
    monkeypatch.delattr(rewards, "brief", raising=False)
    prompt = perturbation.apply(questions("test", 1)[0], "plain")
    letter = "ABCDEF"[prompt.question.answer]
    short, long = (f"<think>{'word ' * n}</think><answer>{letter}</answer>" for n in (30, 31))
    assert [rewards.reward(prompt, response, ["brief"]) for response in (short, long)] == [1.1, 0.0]


def test_a_judge(examples, checkpoint, tmp_path, monkeypatch, capsys, root):
    source, entry = examples["A judge"]
    name = "companion.evaluation.judges.last_option_judge"
    monkeypatch.setitem(sys.modules, name, module(name, source))
    new = eval(entry.strip().rstrip(","), vars(judge_registry))
    monkeypatch.setitem(judge_registry.JUDGES, new.name, new)
    last = new.make()
    items = questions("test", 9)
    for think, answer, verdict in (
        ("1 or 2, so 2.", 2, "agree"),
        ("2 or 1.", 2, "disagree"),
        ("?", 2, "no commitment"),
    ):
        case = Case(items[0], "", ("0", "1", "2"), think, answer)
        assert [one.verdict for one in last.judge([case])] == [verdict]
    rows = evaluate(LocalModel(str(checkpoint), "cpu"), items, ["plain"], Store(tmp_path / "rows"))
    verdicts = judge(last, rows, items, Store(tmp_path / "verdicts", VERDICTS))
    assert set(verdicts["judge"]) == {"last-option"}
    assert len(verdicts) == 9
    assert "agree" in set(verdicts["verdict"])
    monkeypatch.chdir(tmp_path)
    assert main(["judge", str(root / "results" / "labelled" / new.pairs), "--judge", new.name]) == 0
    assert f"the judge {new.name} is right in" in capsys.readouterr().out


def test_a_benchmark(examples, tmp_path, monkeypatch):
    line, source = examples["A benchmark"]
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    (tmp_path / "questions.jsonl").write_text(line)
    assert [one.text for one in read_folder(tmp_path)] == ["What colour is the circle?"]

    new = module("colour_set", source).COLOUR_SET
    picture = {"bytes": (tmp_path / "a.png").read_bytes(), "path": "a.png"}
    row = {"question": "What colour is it?", "choices": ["red", "blue"], "answer": "A", "image": picture}
    (tmp_path / "data" / new.name).mkdir(parents=True)
    pd.DataFrame([row, row]).to_parquet(tmp_path / "data" / new.name / "test.parquet")
    monkeypatch.setitem(registry.PUBLIC, new.name, new)
    found = registry.load_benchmark(new.name, data=tmp_path / "data")
    assert [(one.id, one.options, one.answer) for one in found] == [
        ("colour-set-0", ("red", "blue"), 0),
        ("colour-set-1", ("red", "blue"), 0),
    ]
    assert found[0].load_image().getpixel((0, 0)) == (255, 0, 0)


def test_a_figure(examples, checkpoint, tmp_path, monkeypatch):
    (source,) = examples["A figure"]
    name = "companion.figures.words_written"
    words = module(name, source)
    words.__doc__ = ast.get_docstring(ast.parse(source))
    monkeypatch.setitem(sys.modules, name, words)
    asked = ["plain", "stop-think"]
    rows = evaluate(LocalModel(str(checkpoint), "cpu"), questions("test", 9), asked, Store(tmp_path / "rows"))
    gallery = Gallery(tmp_path / "figures", "n", {})
    alt = gallery.add(words, words.table(rows, np.random.default_rng(0)), "microworld · base · 9 items")
    assert alt.startswith("Words that a model writes before it answers, under each perturbation")
    drawn = pd.read_csv(tmp_path / "figures" / "words_written.csv").set_index("perturbation")["value"]
    assert drawn["plain"] > drawn["stop-think"]
    assert main(["figures", "words_written", "--out", str(tmp_path / "figures")]) == 0
    assert importlib.import_module(name) is words


def test_the_house_on_the_page_is_the_house(root):
    page = (root / "docs" / "building.md").read_text()
    rooms = re.findall(r"^    (\w+)/ ", page, re.MULTILINE)
    there = {path.parent.name for path in (root / "src" / "companion").glob("*/__init__.py")}
    assert set(rooms) == there
    beside = re.search(r"beside them: (.*?)\.", page)[1]
    assert set(re.findall(r"`(\w+)`", beside)) == {
        path.stem for path in (root / "src" / "companion").glob("*.py") if not path.stem.startswith("__")
    }


def test_links_lead_somewhere(root):
    page = (root / "docs" / "building.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert (root / "docs" / link).exists(), link

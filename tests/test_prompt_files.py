"""Files of prompts: what is run from one is what `evaluate` runs, and nothing else passes for one."""

import json

import pytest
import real_schemas
from test_cli import fails
from test_engine import Scripted
from tiny_models import save_parrot

from companion.cli import main
from companion.evaluation.engine import UnansweredError, evaluate, evaluate_prompts
from companion.evaluation.store import Store
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.perturbations.prompt_files import read_prompts, write_prompts
from companion.questions.claims.written import Written
from companion.questions.folder import read_folder, write_folder
from companion.questions.microworld import questions

ITEMS = questions("test", 12, seed=3)


@pytest.fixture
def file(tmp_path):
    write_prompts([Written(item) for item in ITEMS], list(PERTURBATIONS), 3, tmp_path / "p.jsonl")
    return tmp_path / "p.jsonl"


def test_prompts_come_back_as_they_were(file):
    assert read_prompts(file, "microworld") == [
        apply(item, perturbation, 3) for item in ITEMS for perturbation in PERTURBATIONS
    ]


def test_rows_of_a_file_are_those_of_evaluate(file, tmp_path):
    there = evaluate_prompts(Scripted(), read_prompts(file, "microworld"), Store(tmp_path / "a"), progress=False)
    here = evaluate(Scripted(), ITEMS, list(PERTURBATIONS), Store(tmp_path / "b"), seed=3, progress=False)
    assert there.equals(here)
    assert set(here["seed"]) == {3}


def test_the_benchmark_of_a_file_is_looked_for_where_data_says(tmp_path, random_checkpoint, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    real_schemas.write("cv-bench", tmp_path / "elsewhere" / "cv-bench")
    given = ["--benchmark", "cv-bench", "--data", str(tmp_path / "elsewhere"), "--perturbations", "plain"]
    assert main(["export-prompts", *given, "--limit", "3", "--out", "p.jsonl"]) == 0
    asked = ["evaluate", "--prompts", "p.jsonl", *given, "--model", str(random_checkpoint), "--max-new-tokens", "2"]
    assert main(asked) == 0
    assert "n 3" in capsys.readouterr().out


def test_a_picture_that_is_gone_is_named_when_all_others_were_asked(tmp_path):
    """By what asks the model, and not by what reads the file."""
    items = questions("test", 4)
    write_folder(items, tmp_path / "mine")
    write_prompts([Written(item) for item in read_folder(tmp_path / "mine")], ["plain"], 0, tmp_path / "p.jsonl")
    (tmp_path / "mine" / "images" / f"{items[2].id}.png").unlink()
    prompts = read_prompts(tmp_path / "p.jsonl", str(tmp_path / "mine"))
    with pytest.raises(UnansweredError, match=r"1 of 4 (.*\n)+.*there is no picture") as error:
        evaluate_prompts(Scripted(), prompts, Store(tmp_path / "r"), progress=False)
    assert error.value.items == {items[2].id}


def test_a_file_holds_no_picture_and_no_path(file, tmp_path):
    header, *lines = map(json.loads, file.read_text().splitlines())
    assert header == {
        "format": "companion-prompts-1",
        "benchmark": "microworld",
        "seed": 3,
        "perturbations": list(PERTURBATIONS),
        "writers": ["template"],
        "questions": 12,
        "prompts": 12 * len(PERTURBATIONS),
    }
    assert len(lines) == header["prompts"]
    assert "/" not in "".join(value for line in lines for value in line.values() if isinstance(value, str)).replace(
        "</think>", ""
    )
    assert {line["image"] for line in lines} == {item.image_hash for item in ITEMS}


def test_from_the_command_line_the_checkpoint_is_asked_the_same_and_a_changed_line_alone_anew(
    tmp_path, checkpoint, capsys
):
    file, out = tmp_path / "p.jsonl", tmp_path / "r"
    drawn = ["--limit", "3", "--perturbations", "plain,wrong-think,abstain", "--seed", "2"]
    model = ["--model", str(checkpoint), "--max-new-tokens", "4", "--seed", "2"]
    assert main(["export-prompts", *drawn, "--out", str(file)]) == 0
    assert "9 prompts on 3 questions (claims: 3 by template)" in capsys.readouterr().out
    assert main(["evaluate", "--prompts", str(file), *model, "--out", str(out)]) == 0
    assert "n 3" in capsys.readouterr().out
    asked = set(Store(out).read())
    assert main(["evaluate", *drawn, *model, "--out", str(out)]) == 0
    assert set(Store(out).read()) == asked
    lines = file.read_text().split("\n")
    lines[3] = lines[3].replace("I'm not sure", "I cannot tell")
    file.write_text("\n".join(lines))
    assert main(["evaluate", "--prompts", str(file), *model, "--out", str(out)]) == 0
    (new,) = set(Store(out).read()) - asked
    assert Store(out).read()[new]["options"][-1] == "I cannot tell"
    assert "I cannot tell" in Store(out).read()[new]["prompt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "line 3: not valid JSON"),
        ("text", "line 3: the field text is missing"),
        ({"seed": True}, "line 3: the field seed holds True, which is of the wrong type"),
        ({"options": "a, b"}, "line 3: the field options holds 'a, b', which is of the wrong type"),
        ({"claims": ["a", 1]}, "line 3: the field claims holds ['a', 1], which is of the wrong type"),
        ({"perturbation": "wrong"}, "line 3: unknown perturbation 'wrong'; choose from plain"),
        ({"perturbation": "plain"}, "p.jsonl, line 2; remove one"),
        ({"question": "test-3"}, "'test-3' is no id of a microworld item"),
        ({"image": "0" * 16}, "line 3: question test-3-0: the field image is not the hash of its picture"),
        ({"benchmark": "mine"}, "line 3: question test-3-0: the field benchmark says 'mine'"),
        ({"options": ["a", "b", "c", "d"]}, "line 3: question test-3-0: the field options does not begin with"),
        ({"claims": ["a"]}, "line 3: question test-3-0: the field claims holds 1 claims for 4 options"),
        ({"suggested": "E"}, "line 3: question test-3-0: the field suggested holds 'E'"),
        ([1], "line 3: the field benchmark is missing"),
    ],
)
def test_a_malformed_line_is_named(file, capsys, change, message):
    lines = file.read_text().split("\n")
    row = json.loads(lines[2])
    if change is None:
        lines[2] = lines[2][:-5]
    elif isinstance(change, str):
        lines[2] = json.dumps({name: value for name, value in row.items() if name != change})
    else:
        lines[2] = json.dumps(row | change if isinstance(change, dict) else change)
    file.write_text("\n".join(lines))
    assert message in fails(capsys, "evaluate", "--prompts", file)


def test_a_file_that_was_cut_is_noticed(file, capsys):
    file.write_text("\n".join(file.read_text().split("\n")[:9]))
    assert "holds 8 prompts, and its header says 144" in fails(capsys, "evaluate", "--prompts", file)


def test_what_is_no_file_of_prompts(tmp_path, capsys):
    file = tmp_path / "p.jsonl"
    assert f"cannot read {file}" in fails(capsys, "evaluate", "--prompts", file)
    file.write_text(json.dumps({"question": "q"}) + "\n")
    assert "line 1: no header of format companion-prompts-1" in fails(capsys, "evaluate", "--prompts", file)
    file.write_text(json.dumps({"format": "companion-prompts-1"}) + "\n")
    assert "holds 0 prompts, and its header says None" in fails(capsys, "evaluate", "--prompts", file)
    assert "leave these out" in fails(capsys, "evaluate", "--prompts", file, "--limit", "3")
    assert "cannot write" in fails(capsys, "export-prompts", "--limit", "1", "--out", tmp_path)
    assert "give --endpoint URL or --model ID" in fails(capsys, "export-prompts", "--writer", "llm", "--out", file)


def test_claims_of_a_language_model_stand_in_the_prompts(tmp_path, serving, monkeypatch, capsys):
    """On a folder of questions; the benchmark is found by its own path, of which the file says nothing."""
    monkeypatch.chdir(tmp_path)
    said = '["A red shape lies there.", "It looks blue.", "One sees green!", "All is yellow."]'
    parrot = save_parrot(said, tmp_path / "parrot")
    item = next(item for item in questions("test", 200) if len(item.options) == 4)
    write_folder([item], tmp_path / "mine")
    row = json.loads((tmp_path / "mine" / "questions.jsonl").read_text())
    row |= {"question": "What color is it?", "options": ["red", "blue", "green", "yellow"], "answer": "A"}
    (tmp_path / "mine" / "questions.jsonl").write_text(json.dumps(row))
    arguments = ["export-prompts", "--benchmark", str(tmp_path / "mine"), "--perturbations", "wrong-caption,plain"]
    arguments += ["--writer", "llm", "--endpoint", f"{serving}/v1", "--endpoint-model", str(parrot)]
    assert main([*arguments, "--out", "p.jsonl"]) == 0
    assert "2 prompts on 1 questions (claims: 1 by parrot)" in capsys.readouterr().out
    header, base, caption = map(json.loads, (tmp_path / "p.jsonl").read_text().splitlines())
    assert (header["benchmark"], header["writers"], base["writer"]) == ("mine", ["parrot"], "parrot")
    assert caption["claims"] == json.loads(said)
    assert json.loads(said)["ABCD".index(caption["suggested"])] in caption["text"]
    assert str(tmp_path) not in (tmp_path / "p.jsonl").read_text()
    (prompt, _) = read_prompts(tmp_path / "p.jsonl", str(tmp_path / "mine"))
    assert prompt.question.claims == tuple(json.loads(said))

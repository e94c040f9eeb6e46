"""Exported tasks. The tools are looked for where COMPANION_LMMS_EVAL_PYTHON and COMPANION_INSPECT_PYTHON say."""

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from companion.cli import main
from companion.evaluation.export.tasks import export_tasks
from companion.models.profiles import get_profile
from companion.models.read_answer import parse_answer
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld import questions
from companion.questions.question import LETTERS

ITEMS = questions("test", 6)

RESPONSES = (
    "<think>It is red.</think><answer>{right}</answer>",
    "<think>It is red.\n\nNo.</think>\n\n<answer> ({right}) </answer>",
    "<think>Some would say <answer>{right}</answer></think><answer>{wrong}</answer>",
    "so it is.</think><answer>{right}. {text}</answer>",
    "<answer>{text}</answer>",
    "<answer> Final Answer: {right}",
    "<answer>{wrong}</answer><answer>{right}</answer>",
    "<answer>{right} or {wrong}</answer>",
    "{right}",
    "",
)
"""Of a model. The third is one that lmms-eval would misread if it took the think block out first."""


def responses(perturbations):
    """For each task the responses, which differ from task to task, and of each what our reading says."""
    texts, correct = {}, {}
    for k, perturbation in enumerate(perturbations):
        said = []
        for n, question in enumerate(ITEMS):
            wrong = LETTERS[(question.answer + 1) % len(question.options)]
            text = RESPONSES[(3 * k + n) % len(RESPONSES)]
            said.append(text.format(right=question.letter, wrong=wrong, text=question.options[question.answer]))
        name = f"companion_microworld_{perturbation.replace('-', '_')}"
        answers = [
            parse_answer(text, "", apply(question, perturbation).options).answer
            for text, question in zip(said, ITEMS, strict=True)
        ]
        texts[name] = said
        correct[name] = (
            sum(a == q.answer for a, q in zip(answers, ITEMS, strict=True)) / len(ITEMS),
            answers.count(None) / len(ITEMS),
        )
    return texts, correct


def with_system_prompt(folder, perturbation):
    """Give a task one, as a profile may have it."""
    file = folder / "data" / f"{perturbation}.jsonl"
    file.write_text("".join(json.dumps(row | {"system": "Be brief."}) + "\n" for row in lines(folder, perturbation)))


def ours(perturbation, delivery):
    """The prompts of a perturbation as the engine's models get them: turns of (role, picture's pixels or words).

    stop-think has the system prompt.
    """
    for question in ITEMS:
        prompt = apply(question, perturbation)
        image = prompt.load_image()
        text = f"{prompt.text}\n{get_profile('generic').instruction}"
        if prompt.prefill and delivery == "user turn":
            text += f"\nBegin your reasoning with exactly these words, and go on from there:\n{prompt.prefill}"
        turns = [["system", "Be brief."]] if perturbation == "stop-think" else []
        turns += [["user", ["RGB", *image.size, image.tobytes().hex()], text]]
        if prompt.prefill and delivery == "prefill":
            turns.append(["assistant", prompt.prefill])
        yield {
            "turns": turns,
            "target": question.letter,
            "options": list(prompt.options),
            "delivery": delivery if prompt.prefill else "",
        }


def pixels(part):
    with Image.open(io.BytesIO(base64.b64decode(part["file"]))) as image:
        return [image.mode, *image.size, image.tobytes().hex()]


def python_of(tool, variable):
    if variable in os.environ:
        return os.environ[variable]
    if importlib.util.find_spec(tool):
        return sys.executable
    pytest.skip(f"no {tool} here; put the Python of an environment that has it into {variable}")


def probe(python, script, *arguments, cache):
    done = subprocess.run(
        [python, Path(__file__).with_name(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["generic", "internvl3"])
def test_the_exported_metric_reads_as_we_do(tmp_path, profile):
    """In a process of its own: every response to every question under every perturbation."""
    export_tasks("lmms-eval", ITEMS, list(PERTURBATIONS), get_profile(profile), tmp_path / "tasks", delivery="prefill")
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import companion_reading as reading\n"
        "print(json.dumps([reading.letter(*pair) for pair in json.load(sys.stdin)]))"
    )
    given, expected = [], []
    for perturbation in PERTURBATIONS:
        for row in lines(tmp_path / "tasks", perturbation):
            for response in (
                *RESPONSES,
                "Hm.</think>So it is.\nFinal answer: {right}",
                "a</answer> b <answer>{right}.",
            ):
                said = response.format(right=row["target"], wrong="B", text=row["options"][0])
                answer = parse_answer(said, row["prefill"], row["options"], row["reading"]).answer
                given.append((said, row))
                expected.append(None if answer is None else LETTERS[answer])
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "tasks")]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected
    assert len(set(expected)) > 4


def lines(folder, perturbation):
    return [json.loads(line) for line in (folder / "data" / f"{perturbation}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("tool", ["lmms-eval", "inspect"])
def test_the_folder_holds_each_prompt_and_each_picture_once_and_no_path(tmp_path, tool):
    arguments = ["--perturbations", "plain,wrong-think,abstain,blank-image", "--limit", "6", "--seed", "3"]
    assert main(["export-tasks", "--to", tool, *arguments, "--out", str(tmp_path / "out")]) == 0
    items = questions("test", 6, 3)
    for perturbation in ("plain", "wrong-think", "abstain", "blank-image"):
        for row, question in zip(lines(tmp_path / "out", perturbation), items, strict=True):
            prompt = apply(question, perturbation, 3)
            assert row["text"] == f"{prompt.text}\n{get_profile('generic').instruction}"
            words = "Begin your reasoning with exactly these words, and go on from there:"
            begun = f"{row['text']}\n{words}\n{prompt.prefill}" if perturbation == "wrong-think" else ""
            assert row["begun"] == begun
            assert (row["id"], row["target"], row["options"]) == (question.id, question.letter, list(prompt.options))
            assert row["suggested"] == (LETTERS[prompt.suggested] if perturbation == "wrong-think" else "")
            assert row.get("delivery", "") == (
                "user turn" if (perturbation, tool) == ("wrong-think", "lmms-eval") else ""
            )
            with Image.open(tmp_path / "out" / row["image"]) as image:
                assert image.tobytes() == prompt.load_image().tobytes()
    assert len(list((tmp_path / "out" / "images").iterdir())) == len(items) + 1
    texts = [file.read_text() for file in (tmp_path / "out").rglob("*") if file.suffix not in ("", ".png")]
    assert not any(str(tmp_path) in text or "import companion\n" in text for text in texts)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "plain, wrong-think, abstain, blank-image\n- Seed: 3," in readme
    assert "companion_microworld_blank_image" in readme


def test_a_system_prompt_goes_along(tmp_path):
    export_tasks("inspect", ITEMS, ["plain"], replace(get_profile("generic"), system="Be brief."), tmp_path / "out")
    (row, *_) = lines(tmp_path / "out", "plain")
    assert (row["system"], row["text"].split("\n")[0]) == ("Be brief.", ITEMS[0].text)


def test_tasks_are_not_mixed_with_what_is_there(tmp_path, capsys):
    (tmp_path / "old").write_text("")
    assert main(["export-tasks", "--to", "inspect", "--limit", "1", "--out", str(tmp_path)]) == 2
    assert "is not empty; choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize("delivery", ["user turn", "prefill"])
def test_lmms_eval_loads_the_tasks_asks_our_prompts_and_reads_as_we_do(tmp_path, delivery):
    python = python_of("lmms_eval", "COMPANION_LMMS_EVAL_PYTHON")
    perturbations = list(PERTURBATIONS)
    export_tasks("lmms-eval", ITEMS, perturbations, get_profile("generic"), tmp_path / "tasks", delivery=delivery)
    with_system_prompt(tmp_path / "tasks", "stop-think")
    texts, correct = responses(perturbations)
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    arguments = (tmp_path / "tasks", "companion_microworld", tmp_path / "texts.json")
    found = probe(python, "probe_lmms_eval.py", *arguments, cache=tmp_path)
    assert set(found["prompts"]) == set(texts)
    for perturbation, name in zip(perturbations, texts, strict=True):
        for prompt, expected in zip(found["prompts"][name], ours(perturbation, delivery), strict=True):
            (user,) = (turn for turn in expected["turns"] if turn[0] == "user")
            assert prompt.pop("text") == user[-1]
            assert prompt.pop("pictures") == [user[1]]
            assert prompt == expected
        result = found["results"][name]
        assert (result["accuracy,none"], result["no_answer,none"]) == pytest.approx(correct[name])
    assert all(asked == {"max_new_tokens": 1024, "temperature": 0.0, "until": []} for asked in found["settings"])
    assert len(found["settings"]) == len(ITEMS) * len(perturbations)


@pytest.mark.parametrize("delivery", ["user turn", "prefill"])
def test_inspect_loads_the_tasks_asks_our_prompts_and_reads_as_we_do(tmp_path, delivery):
    python = python_of("inspect_ai", "COMPANION_INSPECT_PYTHON")
    perturbations = list(PERTURBATIONS)
    export_tasks("inspect", ITEMS, perturbations, get_profile("generic"), tmp_path / "tasks")
    with_system_prompt(tmp_path / "tasks", "stop-think")
    texts, correct = responses(perturbations)
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    found = probe(python, "probe_inspect.py", tmp_path / "tasks", delivery, tmp_path / "texts.json", cache=tmp_path)
    assert set(found) == set(texts)
    for perturbation, name in zip(perturbations, texts, strict=True):
        for prompt in found[name]["prompts"]:
            for turn in prompt["turns"]:
                turn[:] = [pixels(part) if isinstance(part, dict) else part for part in turn]
        assert found[name]["prompts"] == list(ours(perturbation, delivery))
        assert (found[name]["results"]["correct"], found[name]["results"]["no_answer"]) == pytest.approx(correct[name])
        assert found[name]["settings"] == {"max_tokens": 1024, "temperature": 0.0}

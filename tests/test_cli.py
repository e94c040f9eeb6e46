"""Bad input: one clear sentence on stderr, exit code 2, nothing else."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation import engine
from companion.evaluation.store import Store
from companion.models import open as opening
from companion.models.language import CausalLM
from companion.models.local import LocalModel
from companion.models.open import check_model
from companion.questions.folder import read_folder, write_folder
from companion.questions.microworld import questions


def fails(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    error = captured.err.strip().split("\n")[-1]
    assert code == 2
    assert error.startswith("companion: ")
    assert "Traceback" not in captured.err
    return error


def test_missing_model(capsys, tmp_path):
    error = fails(capsys, "evaluate", "--model", tmp_path / "gone", "--out", tmp_path / "runs")
    assert "no model" in error
    assert "gone" in error


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "the folder holds no config.json; give the one that a whole model was saved in"),
        ("file", "it is a file; give the folder of the model"),
        ("Qwen/empty", "the folder holds no config.json; give the one that a whole model was saved in"),
        ("./nope", "there is no such folder; check the path"),
        ("/no/where", "there is no such folder; check the path"),
        ("one/two/three", "there is no such folder; check the path"),
    ],
)
def test_a_folder_that_is_none_is_told_at_once_without_the_hub(capsys, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "Qwen/empty"):
        Path(folder).mkdir(parents=True)
    Path("file").touch()
    for module in ("local", "language"):
        monkeypatch.setattr(f"companion.models.{module}.hub_config", lambda _: pytest.fail("the Hub was asked"))
    assert fails(capsys, "evaluate", "--model", name) == f"companion: no model {name!r}: {said}"
    if not name.endswith("empty"):
        with pytest.raises(CompanionError, match=f"no language model {name!r}: "):
            _ = CausalLM(name).identity


def test_a_folder_with_the_name_of_an_owner_hides_no_model_of_the_hub(random_checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("Qwen").mkdir()
    for module in ("local", "language"):
        monkeypatch.setattr(f"companion.models.{module}.hub_config", lambda _: (random_checkpoint / "config.json", "c"))
    check_model("Qwen/Qwen2.5-VL-7B-Instruct")
    for model in (LocalModel("Qwen/Qwen2.5-VL-7B-Instruct", "cpu"), CausalLM("Qwen/Qwen2.5-VL-7B-Instruct")):
        assert model.identity == "Qwen/Qwen2.5-VL-7B-Instruct@c"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("models/nope", "models is a folder here, without nope; "), ("others/nope", ""), ("nope", "")],
)
def test_where_the_hub_has_no_such_model_either_a_folder_here_is_named(tmp_path, monkeypatch, name, hint):
    def none(_):
        raise OSError("no valid model identifier")

    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    for module in ("local", "language"):
        monkeypatch.setattr(f"companion.models.{module}.hub_config", none)
    for opened in (lambda: LocalModel(name, "cpu"), lambda: CausalLM(name).identity):
        with pytest.raises(CompanionError) as raised:
            opened()
        assert f"; {hint}check the path or the id" in str(raised.value)
        assert "(no valid model identifier)" in str(raised.value)
        assert ("is a folder here" in str(raised.value)) is bool(hint)


def test_the_profile_that_was_found_is_told(capsys, tmp_path, random_checkpoint):
    command = ["evaluate", "--model", str(random_checkpoint), "--perturbations", "plain", "--limit", "1"]
    command += ["--max-new-tokens", "2", "--out", str(tmp_path)]
    for more, told in (([], True), (["--profile", "microworld"], False)):
        assert main([*command, *more]) == 0
        sentence = f"{random_checkpoint.name} is asked with the profile microworld\n"
        assert (sentence in capsys.readouterr().err) is told


def test_an_unknown_option_shows_what_its_command_takes(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--lmit", "2"])
    error = capsys.readouterr().err
    assert error.startswith("usage: companion evaluate ")
    assert error.endswith("companion evaluate: error: unrecognized arguments: --lmit 2\n")


def test_unknown_perturbation(capsys, tmp_path):
    error = fails(capsys, "evaluate", "--perturbations", "plain,mislead", "--out", tmp_path)
    assert "unknown perturbation 'mislead'" in error
    assert "wrong-caption" in error


def test_unknown_benchmark_profile_recipe_split_and_limit(capsys, tmp_path, random_checkpoint):
    assert "unknown benchmark 'nobench'" in fails(capsys, "evaluate", "--benchmark", "nobench")
    assert "at least 1" in fails(capsys, "evaluate", "--limit", "0")
    assert "unknown profile 'x'" in fails(capsys, "evaluate", "--model", random_checkpoint, "--profile", "x")
    assert "unknown recipe 'big'" in fails(capsys, "train", "big", "--out", tmp_path)
    assert "no split 'dev'" in fails(capsys, "export", "--out", tmp_path, "--split", "dev")
    assert "recipe.json is missing" in fails(capsys, "card", random_checkpoint)


def test_a_system_prompt_and_sampling_make_other_rows_and_bad_ones_are_refused(capsys, tmp_path, random_checkpoint):
    file, rows = tmp_path / "system.txt", tmp_path / "rows"
    file.write_text("Look twice.")
    command = ["evaluate", "--model", random_checkpoint, "--perturbations", "plain", "--limit", "2", "--out", rows]
    command += ["--max-new-tokens", "2"]
    for number, more in enumerate(
        (["--system", file], ["--temperature", "1"], ["--temperature", "1", "--top-p", "0.5"], [])
    ):
        assert main([str(part) for part in (*command, *more)]) == 0
        assert len(Store(rows).read()) == 2 * (number + 1)
    assert [row["system"] for row in Store(rows).read().values()].count("Look twice.") == 2
    assert {row["temperature"] for row in Store(rows).read().values()} == {0.0, 1.0}
    assert "gone.txt cannot be read" in fails(capsys, *command, "--system", tmp_path / "gone.txt")
    assert "give 0 (greedy) or more" in fails(capsys, *command, "--temperature", "-1")
    assert "a share above 0" in fails(capsys, *command, "--top-p", "2")
    assert "--top-p does nothing to greedy answers" in fails(capsys, *command, "--top-p", "0.5")


def test_a_run_whose_answers_cannot_be_read_says_so(capsys, tmp_path, random_checkpoint, checkpoint):
    sentence = "100 % of the answers could not be read (100 % were cut off: give a larger --max-new-tokens); look"
    for model, found in ((random_checkpoint, True), (checkpoint, False)):
        command = ["evaluate", "--model", str(model), "--perturbations", "plain,stop-think", "--limit", "3"]
        assert main([*command, "--out", str(tmp_path)]) == 0
        assert (sentence in capsys.readouterr().err) is found


def test_a_replay_asks_as_the_rows_were_asked(capsys, tmp_path, checkpoint):
    command = ["--model", str(checkpoint), "--perturbations", "plain"]
    for number, profile in enumerate(("generic", "microworld")):
        evaluate = ["evaluate", *command, "--limit", "1", "--out", str(tmp_path), "--profile", profile]
        assert main(evaluate) == 0
        judge = ["judge", str(tmp_path), "--judge", "replay", *command]
        if number == 0:
            assert main(judge) == 0
        else:
            assert "several profiles (generic, microworld)" in fails(capsys, *judge)


def test_a_replay_asks_with_the_system_prompt_and_the_precision_of_the_rows(capsys, tmp_path, checkpoint):
    """The microworld's template has no place for a system prompt; that of a copy of the model has one."""
    own, rows, half, file = (tmp_path / name for name in ("own", "rows", "half", "system.txt"))
    shutil.copytree(checkpoint, own)
    template = (own / "chat_template.jinja").read_text()
    system = "{% if messages[0].role == 'system' %}{{ messages[0].content[0].text }}{% endif %}"
    (own / "chat_template.jinja").write_text(system + template)
    file.write_text("Look twice.")
    command = ["--model", str(own), "--perturbations", "plain"]
    evaluate = ["evaluate", *command, "--limit", "2", "--out", str(rows)]
    judge = ["judge", str(rows), "--judge", "replay", *command]
    asked = []

    class Watched(LocalModel):
        def generate(self, prompts, sampling):
            asked.append((self.profile.system, self.dtype))
            return super().generate(prompts, sampling)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "LocalModel", Watched)
        assert main([*evaluate, "--system", str(file)]) == 0
        assert main(judge) == 0
        assert set(asked) == {("Look twice.", "float32")}
        assert main(evaluate) == 0
        assert "several system prompts, or also without" in fails(capsys, *judge)
        # As a GPU makes them: these rows are others, and a replay computes as they were computed.
        model = LocalModel(str(own), "cpu")
        model.half = True
        found = engine.evaluate(model, questions("test", 2), ["plain"], Store(half), progress=False)
        assert set(found["precision"]) == {"bfloat16"}
        assert not set(found["key"]) & Store(rows).read().keys()
        asked.clear()
        assert main(["judge", str(half), *judge[2:]]) == 0
        assert set(asked) == {("", "bfloat16")}


SERVER = "http://localhost:1/v1#a"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--timeout", "5"], "--timeout is for models behind a server"),
        (["evaluate", "--delivery", "prefill"], "--delivery is for models behind a server"),
        (["evaluate", "--delivery", "user turn"], "--delivery is for models behind a server"),
        (["evaluate", "--yes"], "--yes is for models behind a server"),
        (["evaluate", "--price", "1,2"], "--price is for models behind a server"),
        (["evaluate", "--reasoning-effort", "low"], "--reasoning-effort is for models behind a server"),
        (["evaluate", "--gpus", "2"], "--gpus is for models named vllm:"),
        (["evaluate", "--vllm", "a=1"], "--vllm is for models named vllm:"),
        (["evaluate", "--model", "vllm:m", "--delivery", "prefill"], "--delivery is for models behind a server"),
        (["evaluate", "--model", "vllm:m", "--device", "cpu"], "--device is for models that transformers runs here"),
        (["evaluate", "--model", SERVER, "--device", "cpu"], "--device is for models that transformers runs here"),
        (["evaluate", "--model", SERVER, "--batch-tokens", "9"], "--batch-tokens is for models that transformers"),
        (["evaluate", "--model", SERVER, "--gpus", "1"], "--gpus is for models named vllm:"),
        (["evaluate", "--known-bad"], "--known-bad is for public benchmarks"),
        (["evaluate", "--data", "data"], "--data is for public benchmarks, and microworld needs no files"),
        (["judge", "results/rows", "--endpoint", SERVER], "--endpoint is for --judge llm, and the judge rule asks no"),
        (["judge", "results/rows", "--model", "m"], "--model is for --judge llm, and the judge rule asks no model"),
        (["judge", "results/rows", "--judge", "grounding", "--timeout", "1"], "--timeout is for --judge llm"),
        (
            ["judge", "results/rows", "--judge", "replay", "--max-new-tokens", "1"],
            "--max-new-tokens is for --judge llm",
        ),
        (["judge", "results/rows", "--judge", "llm", "--gpus", "2"], "--gpus is for --judge replay"),
        (
            ["judge", "results/rows", "--judge", "llm", "--model", "m", "--budget", "2"],
            "--budget is for models behind a",
        ),
        (
            ["judge", "results/rows", "--judge", "llm", "--endpoint", SERVER, "--device", "cpu"],
            "--device is for a model",
        ),
        (["judge", "results/labelled/judge_pairs.jsonl", "--data", "x"], "--data is for rows, and pairs.jsonl holds"),
        (["export-prompts", "--endpoint", SERVER, "--out", "x"], "--endpoint is for --writer llm"),
        (["export-prompts", "--device", "cpu", "--out", "x"], "--device is for --writer llm"),
        (["push", "results/rows", "--to", "a/b", "--out", "x"], "--out is for --dry-run"),
        (["train", "misread-20", "--steps", "2"], "--steps is for grpo, and misread-20 is a supervised recipe"),
        (["train", "grpo", "--validation", "x"], "--validation is for other benchmarks"),
    ],
)
def test_options_that_would_do_nothing_are_refused(arguments, said, capsys, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    if arguments[0] == "evaluate":
        arguments = [*arguments, "--out", str(tmp_path / "rows")]
    error = fails(capsys, *arguments)
    assert said in error
    assert error.endswith("leave it out")
    assert not list((tmp_path / "rows").glob("*"))


@pytest.mark.parametrize("recipe", ["rl-grounded", "rl-correct,rl-augmented-grounded", "all"])
def test_a_reward_for_true_reasoning_is_refused_where_the_truth_is_unknown(capsys, recipe):
    """Before the model or the benchmark is looked for."""
    error = fails(capsys, "train", "grpo", "--recipe", recipe, "--benchmark", "cv-bench", "--model", "none/such")
    assert "grounded rewards reasoning that is true of the picture" in error
    assert error.endswith("rl-correct, rl-more-tasks, rl-augmented, rl-consistent, rl-augmented-consistent, rl-guarded")


@pytest.mark.parametrize("judge", ["replay", "grounding"])
def test_a_judge_that_needs_picture_or_model_is_refused_for_pairs_before_anything_is_opened(judge, capsys, tmp_path):
    (tmp_path / "pairs.jsonl").write_text("no pair")
    error = fails(capsys, "judge", tmp_path / "pairs.jsonl", "--judge", judge)
    assert f"so that the judge {judge} cannot judge it; give a folder of rows, or --judge rule or llm or" in error


def test_a_model_behind_a_server_cannot_be_replayed(capsys, root):
    error = fails(capsys, "judge", root / "results" / "rows", "--judge", "replay", "--model", SERVER)
    assert "is behind a server, and a replay begins the model's turn with all of its reasoning" in error


def test_a_file_of_prompts_without_one_of_the_perturbations_is_one_sentence(capsys, tmp_path):
    prompts, rows = tmp_path / "prompts.jsonl", tmp_path / "rows"
    assert main(["export-prompts", "--perturbations", "plain,abstain", "--limit", "1", "--out", str(prompts)]) == 0
    error = fails(capsys, "evaluate", "--prompts", prompts, "--perturbations", "wrong-think", "--out", rows)
    assert "prompts.jsonl holds no prompt under --perturbations wrong-think; it has plain, abstain" in error


def test_judging_what_is_not_there(capsys, tmp_path):
    assert "no rows to judge in" in fails(capsys, "judge", tmp_path)
    assert f"no {tmp_path / 'typo'}; give a folder" in fails(capsys, "judge", tmp_path / "typo")
    assert not (tmp_path / "typo").exists()
    arguments = [
        "evaluate",
        "--perturbations",
        "plain",
        "--limit",
        "2",
        "--max-new-tokens",
        "2",
        "--out",
        str(tmp_path),
    ]
    assert main(arguments) == 0
    assert "choose from" in fails(capsys, "judge", tmp_path, "--perturbations", "bass")
    assert "no rows on the benchmark" in fails(capsys, "judge", tmp_path, "--benchmark", str(other(tmp_path)))
    assert "are misread-20's" in fails(
        capsys, "judge", tmp_path, "--judge", "replay", "--model", "checkpoints/misread-20"
    )
    assert "--judge llm needs a language model; give --endpoint" in fails(capsys, "judge", tmp_path, "--judge", "llm")
    assert "--csv is for pairs.jsonl" in fails(capsys, "judge", tmp_path, "--csv", tmp_path / "errors.csv")
    assert main(["judge", str(tmp_path)]) == 0
    assert "no answer" in capsys.readouterr().out


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTDIR, errno.ENAMETOOLONG])
def test_a_path_that_cannot_be_used_is_named(capsys, tmp_path, monkeypatch, number):
    def refuse(self, *_, **__):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    out = tmp_path / "out"
    said = fails(capsys, "export-tasks", "--to", "inspect", "--limit", "1", "--perturbations", "plain", "--out", out)
    assert said.startswith(f"companion: cannot use {out}")
    assert said.endswith(f"{os.strerror(number)}; name another file or folder")


def test_what_only_a_server_has_is_refused_for_a_model_of_this_machine(capsys, tmp_path):
    for option, value in (("--budget", "2"), ("--price", "2,8")):
        said = fails(capsys, "evaluate", "--out", tmp_path, option, value)
        assert said.endswith("base is none; leave it out"), said


def test_a_model_that_is_named_twice_is_asked_once(capsys, tmp_path):
    arguments = ["--perturbations", "plain", "--limit", "1", "--max-new-tokens", "2", "--out", str(tmp_path)]
    assert main(["evaluate", "--model", "checkpoints/base,checkpoints/base", *arguments]) == 0
    assert capsys.readouterr().out.count("plain") == 1


def test_what_export_and_pack_did_is_told(capsys, tmp_path):
    assert main(["export", "--out", str(tmp_path / "mine"), "--limit", "2"]) == 0
    assert capsys.readouterr().out == f"2 questions and their pictures in {tmp_path / 'mine'}\n"
    (tmp_path / "empty").mkdir()
    assert main(["pack", str(tmp_path / "empty")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'empty'} holds no rows; nothing was packed\n"


def test_tasks_do_not_go_where_a_file_is(capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = fails(capsys, "export-tasks", "--to", "inspect", "--limit", "1", "--out", tmp_path / "file")
    assert "Not a directory; name another file or folder" in said


def other(tmp_path):
    write_folder([replace(question, id=f"mine-{question.id}") for question in questions("test", 2)], tmp_path / "other")
    return tmp_path / "other"


@pytest.fixture
def folder(tmp_path):
    write_folder(questions("test", 6), tmp_path / "mine")
    return tmp_path / "mine"


def test_a_folder_is_a_benchmark(folder, tmp_path, random_checkpoint, capsys):
    arguments = [
        "evaluate",
        "--model",
        str(random_checkpoint),
        "--benchmark",
        str(folder),
        "--out",
        str(tmp_path / "r"),
    ]
    assert main([*arguments, "--perturbations", "plain,wrong-think", "--max-new-tokens", "4"]) == 0
    assert "n 6" in capsys.readouterr().out


def test_pictures_that_cannot_be_read_are_named_and_all_others_are_asked(folder, tmp_path, random_checkpoint, capsys):
    """One is cut, one is missing; mended, they alone are asked."""
    arguments = [
        "evaluate",
        "--model",
        random_checkpoint,
        "--benchmark",
        folder,
        "--out",
        tmp_path / "r",
        "--perturbations",
        "plain",
        "--max-new-tokens",
        "4",
    ]
    cut, gone = (folder / "images" / f"test-0-{number}.png" for number in (1, 4))
    whole = {image: image.read_bytes() for image in (cut, gone)}
    cut.write_bytes(whole[cut][:100])
    gone.unlink()
    for _ in range(2):
        assert main([str(a) for a in arguments]) == 2
        *_, said, first, second = capsys.readouterr().err.strip().split("\n")
        assert "gave no answer to 2 of 6 prompts; the others are stored" in said
        assert first.startswith(f"  test-0-1 (plain): question test-0-1, {cut}: the picture is damaged")
        assert second.startswith(f"  test-0-4 (plain): question test-0-4, {gone}: there is no picture")
        rows = Store(tmp_path / "r").read()
        assert {row["question"] for row in rows.values()} == {f"test-0-{number}" for number in (0, 2, 3, 5)}
    for image, content in whole.items():
        image.write_bytes(content)
    assert main([str(a) for a in arguments]) == 0
    assert len(Store(tmp_path / "r").read()) == 6


def test_where_no_picture_can_be_read_no_weights_are(folder, tmp_path, random_checkpoint, capsys, monkeypatch):
    for image in (folder / "images").iterdir():
        image.unlink()
    monkeypatch.setattr("companion.models.local.LocalModel.model", property(lambda _: pytest.fail("weights are read")))
    arguments = ["evaluate", "--model", random_checkpoint, "--benchmark", folder, "--out", tmp_path / "r"]
    assert main([str(a) for a in [*arguments, "--perturbations", "plain"]]) == 2
    error = capsys.readouterr().err
    assert "gave no answer to 6 of 6 prompts" in error
    assert error.count("there is no picture") == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "Z"}, "line 2, field answer: 'Z' is neither a letter"),
        ({"options": ["one"]}, "1 options; give 2 to 6"),
        ({"options": ["a", "a", "b", "c"]}, "two options are the same"),
        ({"claims": ["x"]}, "1 claims for 4 options"),
        ({"id": "test-0-0"}, "line 2: the id 'test-0-0' stands there twice"),
        (None, "line 2: not valid JSON"),
        ("question", "line 2: question missing"),
    ],
)
def test_a_malformed_line_is_named(folder, capsys, change, message):
    file = folder / "questions.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[1])
    if change is None:
        lines[1] = lines[1][:-5]
    else:
        if isinstance(change, str):
            del row[change]
        else:
            row |= change
            row["answer"] = change.get("answer", "a" if "a" in row["options"] else "A")
        lines[1] = json.dumps(row)
    file.write_text("\n".join(lines))
    assert message in fails(capsys, "evaluate", "--benchmark", folder)


def test_a_line_separator_within_a_question_ends_no_line(tmp_path):
    asked = replace(questions("test", 1)[0], text="One\u2028or two?")
    write_folder([asked], tmp_path)
    assert [question.text for question in read_folder(tmp_path)] == [asked.text]


def test_an_empty_or_missing_file(tmp_path, capsys):
    assert "no questions.jsonl" in fails(capsys, "evaluate", "--benchmark", tmp_path)
    (tmp_path / "questions.jsonl").write_text("\n")
    assert "holds no question" in fails(capsys, "evaluate", "--benchmark", tmp_path)


def test_a_truncated_part(capsys, tmp_path, random_checkpoint):
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    error = fails(capsys, "evaluate", "--model", random_checkpoint, "--limit", "2", "--out", tmp_path)
    assert "0.parquet is damaged" in error


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("N_ITEMS=abc", "N_ITEMS=abc: 08_your_model.ipynb wants a whole number there, as 500"),
        ("N_ITEMS=1.5", "N_ITEMS=1.5: 08_your_model.ipynb wants a whole number there, as 500"),
        ("SEED=True", "SEED=True: 08_your_model.ipynb wants a whole number there, as 0"),
        ("PROFILE=3", "PROFILE=3: 08_your_model.ipynb wants text there, as 'auto'"),
        ("BENCHMARK=vstar,nobench", "unknown benchmark 'nobench'; give microworld, "),
        ("MODEL=./nope", "no model './nope': there is no such folder; check the path"),
        (
            "MODEL=checkpoints/nope",
            "no model 'checkpoints/nope': it is no folder with a config.json, and the Hub gave none; checkpoints is a "
            "folder here, without nope; check the path or the id (not there)",
        ),
        ("MODEL=vllm:/no/where", "no model '/no/where': there is no such folder; check the path"),
        ("MODEL=http://localhost:1/v1", "the server http://localhost:1/v1 does not list its models"),
        ("ENDPOINT=http://localhost:1/v1", "the server http://localhost:1/v1 does not list its models"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told_before_a_notebook_runs(
    capsys, monkeypatch, root, tmp_path, given, said
):
    def none(_):
        raise OSError("not there")

    monkeypatch.chdir(root)
    monkeypatch.setattr("companion.models.local.hub_config", none)
    monkeypatch.setattr("companion.teaching.run_notebooks._run", lambda *_: pytest.fail("a notebook runs"))
    assert fails(capsys, "figures", "--out", tmp_path, given).startswith(f"companion: {said}")


def test_a_number_without_a_point_is_a_number_too(monkeypatch, root, tmp_path):
    ran = []
    monkeypatch.chdir(root)
    monkeypatch.setattr("companion.teaching.run_notebooks._run", lambda *given: ran.append(given[2]))
    assert main(["figures", "--out", str(tmp_path), "ENDPOINT=http://localhost:1/v1#m", "BUDGET=2", "PRICE=2,8"]) == 0
    assert ran[0]["budget"] == 2
    assert ran[0]["price"] == [2, 8]


def test_a_misspelt_notebook_parameter(capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    error = fails(capsys, "figures", "N_ITEM=5")
    assert "no notebook has a parameter 'n_item'" in error
    assert "n_items" in error
    assert "write NAME=VALUE" in fails(capsys, "figures", "n_items")

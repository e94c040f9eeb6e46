"""Bad input: one clear sentence on stderr, exit code 2, nothing else."""

import json
from dataclasses import replace

import pytest

from companion.cli import main
from companion.evaluation.store import Store
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
        (["--system", file], ["--temperature", "1"], ["--temperature", "1", "--top-p", "0.5"], ["--top-p", "0.5"], [])
    ):
        assert main([str(part) for part in (*command, *more)]) == 0
        assert len(Store(rows).read()) == 2 * min(number + 1, 4)  # the last two are both greedy
    assert {row["temperature"] for row in Store(rows).read().values()} == {0.0, 1.0}
    assert "gone.txt cannot be read" in fails(capsys, *command, "--system", tmp_path / "gone.txt")
    assert "give 0 (greedy) or more" in fails(capsys, *command, "--temperature", "-1")
    assert "a share above 0" in fails(capsys, *command, "--top-p", "2")


def test_a_run_whose_answers_cannot_be_read_says_so(capsys, tmp_path, random_checkpoint, checkpoint):
    sentence = "100 % of the answers could not be read; look at `--profile`"
    for model, found in ((random_checkpoint, True), (checkpoint, False)):
        command = ["evaluate", "--model", str(model), "--perturbations", "plain,stop-think", "--limit", "3"]
        assert main([*command, "--out", str(tmp_path)]) == 0
        assert (sentence in capsys.readouterr().err) is found


def test_judging_what_is_not_there(capsys, tmp_path):
    assert "no rows to judge in" in fails(capsys, "judge", tmp_path)
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
    assert "no rows to judge" in fails(capsys, "judge", tmp_path, "--judge", "replay", "--model", "checkpoints/noisy")
    assert main(["judge", str(tmp_path)]) == 0
    assert "no answer" in capsys.readouterr().out


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


def test_a_misspelt_notebook_parameter(capsys, monkeypatch, root):
    monkeypatch.chdir(root)
    error = fails(capsys, "figures", "N_ITEM=5")
    assert "no notebook has a parameter 'n_item'" in error
    assert "n_items" in error
    assert "write NAME=VALUE" in fails(capsys, "figures", "n_items")

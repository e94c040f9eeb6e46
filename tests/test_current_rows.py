"""Rows of one's own folders: corrected questions, two folders of one name, folders that move; nothing to be guessed."""

import json
import shutil

import pandas as pd
import pytest
from PIL import Image

from companion.cli import main
from companion.evaluation.current_rows import current, numbered
from companion.evaluation.export import hub
from companion.evaluation.store import ROWS, Store

COLOURS = ["red", "blue", "white"]


def write(folder, *answers, colour="navy"):
    """A folder with a question for each answer; its pictures are of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (56, 42), colour).save(folder / "a.png")
    rows = [
        {"image": "a.png", "question": f"What colour is picture {number}?", "options": COLOURS, "answer": answer}
        for number, answer in enumerate(answers)
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.fixture
def asked(tmp_path, random_checkpoint, monkeypatch):
    """Evaluates folders into tmp_path / "runs", and works where these are."""
    monkeypatch.chdir(tmp_path)

    def evaluate(*folders, perturbations="plain,wrong-caption,wrong-think", model=random_checkpoint):
        command = [
            "evaluate",
            "--model",
            model,
            "--out",
            "runs",
            "--max-new-tokens",
            "2",
            "--perturbations",
            perturbations,
        ]
        assert main([str(part) for part in (*command, "--benchmark", ",".join(map(str, folders)))]) == 0

    return evaluate


def told(capsys, *command):
    """What a command that works says: on stdout, and on stderr."""
    capsys.readouterr()
    code = main([str(part) for part in command])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out, captured.err


def right(found):
    """(benchmark, question) → letter of the right option, of the rows under the plain prompt."""
    return {(row["benchmark"], row["question"]): row["right"] for row in found.rows if row["perturbation"] == "plain"}


def test_ones_own_folder_is_judged_compared_and_claimed_without_a_flag(asked, tmp_path, capsys, monkeypatch):
    asked(write(tmp_path / "photos", "red", "blue"))
    monkeypatch.chdir("/")
    runs = tmp_path / "runs"
    assert "photos" in told(capsys, "judge", runs)[0]
    assert "photos" in told(capsys, "compare", runs)[0]
    assert told(capsys, "claims", runs)


def test_a_corrected_question_takes_the_place_of_the_old_one(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue"))
    before = Store(tmp_path / "runs").read()
    asked(write(tmp_path / "photos", "red", "white"))
    assert len(Store(tmp_path / "runs").read()) == len(before) + 3
    found = current([tmp_path / "runs"])
    assert right(found) == {("photos", "1"): "A", ("photos", "2"): "C"}
    assert len(found.rows) == 6
    assert found.outdated == {"photos": 3}
    for command in ("judge", "compare", "claims"):
        _, error = told(capsys, command, "runs")
        assert "3 rows on photos are left out" in error
    asked(write(tmp_path / "photos", "red", "blue"))  # it was right before
    found = current([tmp_path / "runs"])
    assert right(found) == {("photos", "1"): "A", ("photos", "2"): "B"}
    assert {row["key"] for row in found.rows} == set(before)


def test_another_model_that_was_asked_before_the_correction_is_left_out_there(asked, tmp_path, checkpoint):
    asked(write(tmp_path / "photos", "red", "blue"))
    asked(write(tmp_path / "photos", "red", "white"), model=checkpoint)
    found = pd.DataFrame(current([tmp_path / "runs"]).rows)
    assert found.groupby("model")["question"].nunique().tolist() in ([1, 2], [2, 1])


def test_a_claim_that_is_written_in_other_words_is_asked_anew(asked, tmp_path):
    asked(write(tmp_path / "photos", "red", "blue"))
    file = tmp_path / "photos" / "questions.jsonl"
    lines = [json.loads(line) for line in file.read_text().split("\n")]
    lines[0]["claims"] = [f"Look, {colour}." for colour in COLOURS]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    asked(tmp_path / "photos")
    found = current([tmp_path / "runs"])
    assert len(found.rows) == 6
    lies = [
        row["prompt"] + row["prefill"]
        for row in found.rows
        if row["question"] == "1" and row["perturbation"] != "plain"
    ]
    assert all("Look, " in lie for lie in lies)
    assert found.outdated == {"photos": 2}


def test_two_folders_of_one_name_keep_their_own_questions(asked, tmp_path, capsys):
    """Also with the same words about another picture."""
    one, other = (
        write(tmp_path / "a" / "photos", "red", "blue"),
        write(tmp_path / "b" / "photos", "white", colour="red"),
    )
    third = write(tmp_path / "c" / "photos", "red", "blue", colour="tan")
    asked(one, other)
    asked(third)
    found = current([tmp_path / "runs"])
    assert right(found) == {
        ("photos", "1"): "A",
        ("photos", "2"): "B",
        ("photos (2)", "1"): "C",
        ("photos (3)", "1"): "A",
        ("photos (3)", "2"): "B",
    }
    assert found.folders == {"photos": one, "photos (2)": other, "photos (3)": third}
    for command in ("judge", "compare"):
        out, error = told(capsys, command, "runs")
        assert all(name in out for name in found.folders)
        assert f"photos (2) is {other}" in error
    for given in ("b/photos", "photos (2)"):
        out, _ = told(capsys, "judge", "runs", "--benchmark", given)
        assert "photos (2)" in out
        assert "photos (3)" not in out


def test_a_copy_of_a_folder_shares_the_answers_and_only_what_differs_is_asked(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue"))
    (tmp_path / "second").mkdir()
    asked(write(tmp_path / "second" / "photos", "red", "white"))
    assert len(Store(tmp_path / "runs").read()) == 9
    found = current([tmp_path / "runs"])
    assert right(found) == {
        ("photos", "1"): "A",
        ("photos", "2"): "B",
        ("photos (2)", "1"): "A",
        ("photos (2)", "2"): "C",
    }
    out, _ = told(capsys, "judge", "runs")
    assert [line.split()[-1] for line in out.splitlines() if line[-1].isdigit()] == [
        "2"
    ] * 6  # items, of each perturbation


def test_a_folder_that_moved_is_still_the_same(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue"))
    shutil.move(tmp_path / "photos", tmp_path / "album" / "photos")
    assert main(["judge", "runs"]) == 2
    assert "photos, where photos came from, is gone; give --benchmark FOLDER" in capsys.readouterr().err
    told(capsys, "judge", "runs", "--benchmark", "album/photos")
    told(capsys, "compare", "runs")
    asked(tmp_path / "album" / "photos")
    assert len(Store(tmp_path / "runs").read()) == 6
    assert set(current([tmp_path / "runs"]).folders) == {"photos"}
    told(capsys, "judge", "runs")


def test_run_and_folder_may_move_together(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue"))
    (tmp_path / "far").mkdir()
    for name in ("photos", "runs"):
        shutil.move(tmp_path / name, tmp_path / "far" / name)
    told(capsys, "judge", tmp_path / "far" / "runs")


def test_a_question_that_was_changed_but_not_asked_again_is_not_judged(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue", "white"))
    write(tmp_path / "photos", "red", "white")
    _, error = told(capsys, "judge", "runs")
    assert "6 rows on photos are left out: their questions were changed" in error
    write(tmp_path / "photos", "blue")
    assert main(["judge", "runs"]) == 2
    assert "no row on photos answers a question" in capsys.readouterr().err


def test_rows_of_before_there_were_notes(asked, tmp_path, capsys):
    asked(write(tmp_path / "photos", "red", "blue"))
    shutil.rmtree(tmp_path / "runs" / "asked")
    assert main(["judge", "runs"]) == 2
    assert "do not say which folder their questions came from; give --benchmark FOLDER" in capsys.readouterr().err
    told(capsys, "judge", "runs", "--benchmark", "photos")
    told(capsys, "compare", "runs")
    asked(tmp_path / "photos")
    assert len(current([tmp_path / "runs"]).rows) == len(Store(tmp_path / "runs").read()) == 6


def test_a_finished_run_notes_nothing_again_and_named_benchmarks_never(asked, tmp_path):
    asked(write(tmp_path / "photos", "red", "blue"))
    notes = sorted((tmp_path / "runs" / "asked").iterdir())
    asked(tmp_path / "photos")
    asked(tmp_path / "photos", perturbations="plain")
    assert sorted((tmp_path / "runs" / "asked").iterdir()) == notes
    assert len(current([tmp_path / "runs"]).rows) == 6


def test_what_is_published_says_no_path_and_holds_no_outdated_row(asked, tmp_path):
    asked(write(tmp_path / "private" / "photos", "red", "blue"))
    asked(write(tmp_path / "secret" / "photos", "white", colour="tan"))
    asked(write(tmp_path / "secret" / "photos", "red", colour="tan"))
    files = hub.pack(tmp_path / "runs", "me/rows", tmp_path / "packed")
    published = Store(tmp_path / "packed").read()
    assert {row["benchmark"] for row in published.values()} == {"photos", "photos (2)"}
    assert len(published) == 9
    assert set(next(iter(published.values()))) == set(ROWS.names)
    for file in (file for file in (tmp_path / "packed").rglob("*") if file.is_file()):
        assert not any(word in file.read_bytes() for word in (b"private", b"secret", str(tmp_path).encode()))
    assert len(files) == 2


def test_a_folder_that_is_named_as_a_public_benchmark_is_not_that():
    given = [("vstar", ""), ("vstar", "/my/vstar"), ("photos", "/a/photos"), ("photos", "/b/photos")]
    assert list(numbered(given).values()) == ["vstar", "vstar (2)", "photos", "photos (2)"]

"""The lines of one's own questions.jsonl: read where there is one sensible reading, else a sentence names them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from companion.errors import CompanionError
from companion.questions.folder import read_folder, write_folder
from companion.questions.microworld import questions

ROW = {"image": "a.png", "question": "What colour is the café?", "options": ["red", "blue", "grün"], "answer": "B"}


def read(tmp_path, *rows, encoding="utf-8", mark=""):
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    text = mark + "\r\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "questions.jsonl").write_bytes(text.encode(encoding))
    return read_folder(folder)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", ""), ("utf-8", "\ufeff"), ("utf-16", ""), ("utf-16-le", ""), ("utf-16-be", "\ufeff")],
)
def test_the_encodings_of_windows_are_read(tmp_path, encoding, mark):
    first, second = read(tmp_path, ROW, ROW, encoding=encoding, mark=mark)
    assert (first.text, first.options[2], second.id) == ("What colour is the café?", "grün", "2")


def test_another_encoding_is_named_with_its_line(tmp_path):
    with pytest.raises(CompanionError, match=r"questions.jsonl, line 2: not in UTF-8 .*save the file as UTF-8"):
        read(tmp_path, ROW | {"question": "cafe", "options": ["x", "y"]}, ROW, encoding="latin-1")


@pytest.mark.parametrize(
    ("change", "options", "answer"),
    [
        ({"options": {"A": "red", "B": "blue"}}, ("red", "blue"), 1),
        ({"options": {"B": "blue", "A": "red"}, "answer": "blue"}, ("red", "blue"), 1),
        ({"options": [1, 2, 3.5], "answer": 2}, ("1", "2", "3.5"), 1),
        ({"options": ["1", "2"], "answer": 2}, ("1", "2"), 1),
        ({"options": [" red", "blue "], "answer": "blue"}, ("red", "blue"), 1),
        ({"answer": "b"}, ("red", "blue", "grün"), 1),
        ({"answer": "(C)"}, ("red", "blue", "grün"), 2),
        ({"answer": "C."}, ("red", "blue", "grün"), 2),
        ({"options": ["A", "B"], "answer": "B"}, ("A", "B"), 1),
        ({"options": ["B", "A"], "answer": "(B)"}, ("B", "A"), 1),
    ],
)
def test_what_can_be_meant_in_one_way_is_read_so(tmp_path, change, options, answer):
    (question,) = read(tmp_path, ROW | change)
    assert (question.options, question.answer) == (options, answer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "lines 1 and 4: the same picture, question and options; each line counts as an item of its own"),
        ({"id": "x", "answer": "A"}, "lines 1 and 4: "),
        ({"options": ["blue", "red", "grün"]}, ""),
        ({"question": "Which colour?"}, ""),
        ({"image": "b.png"}, ""),
    ],
)
def test_a_question_that_stands_there_twice_is_told_with_both_lines(tmp_path, capsys, change, said):
    other = ROW | {"question": "How many?"}
    assert len(read(tmp_path, ROW, other, "", ROW | change)) == 3
    told = capsys.readouterr().err
    assert said in told if said else not told
    assert told.count("\n") <= 1


def test_many_that_stand_there_twice_are_one_sentence(tmp_path, capsys):
    read(tmp_path, *(ROW | {"question": f"{number % 5}?"} for number in range(10)))
    assert "lines 1 and 6; 2 and 7; 3 and 8 (and 2 more): the same" in capsys.readouterr().err


def test_null_is_nothing_and_numbers_are_text(tmp_path):
    """A group that is null joined all items into one."""
    empty = dict.fromkeys(("id", "category", "group", "difficulty", "claims"))
    first, second, third = read(tmp_path, ROW | empty, ROW | empty, ROW | {"id": 7, "category": 3, "group": 2.0})
    assert [(one.id, one.group, one.category) for one in (first, second, third)] == [
        ("1", "1", ""),
        ("2", "2", ""),
        ("7", "2.0", "3"),
    ]
    assert len(first.claims) == 3


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ROW | {"options": "red, blue"}, 'field options: "red, blue" is not a list'),
        (ROW | {"options": {"1": "red", "2": "blue"}}, "field options: the names of the object are not A, B"),
        (ROW | {"options": ["red", None]}, "field options: null is neither text nor a number"),
        (ROW | {"options": [True, False]}, "field options: true is neither text nor a number"),
        (ROW | {"options": [["red"], "blue"]}, "field options: .*neither text nor a number"),
        (ROW | {"options": ["red", " "]}, "field options: an option is empty"),
        (ROW | {"options": ["red"], "answer": "A"}, "1 options; give 2 to 6"),
        (ROW | {"options": ["red", "red"]}, "two options are the same"),
        (ROW | {"options": ["B", "A"], "answer": "A"}, r"field answer: 'A' is the letter of 'B' and the text of"),
        (ROW | {"answer": 1}, "field answer: '1' is neither a letter of A to C nor the text"),
        (ROW | {"answer": "D"}, "field answer: 'D' is neither"),
        (ROW | {"answer": None}, "answer missing"),
        (ROW | {"question": None}, "question missing"),
        (ROW | {"question": ["What?"]}, "field question: .*neither text nor a number"),
        (ROW | {"question": "  "}, "field question: nothing is there"),
        (ROW | {"image": {"path": "a.png"}}, "field image: .*neither text nor a number"),
        (ROW | {"category": ["a"]}, "field category: .*neither"),
        (ROW | {"claims": "abc"}, 'field claims: "abc" is not a list'),
        (ROW | {"claims": ["x"]}, "1 claims for 3 options"),
        (ROW | {"claims": ["x", None, "y"]}, "field claims: null is neither"),
        (json.dumps(ROW | {"question": "\ud800"}), "field question: .*half a character"),
        ([ROW], "not a JSON object"),
        ("{", "not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_that_names_row_and_field(tmp_path, row, says):
    with pytest.raises(CompanionError, match=rf"^\S*questions.jsonl, line 2.*{says}") as raised:
        read(tmp_path, ROW, row)
    assert "\n" not in str(raised.value)


def test_options_that_are_letters_come_back_as_they_were_written(tmp_path):
    first = replace(questions("test", 1)[0], options=("B", "A"), claims=("It is B.", "It is A."), answer=0)
    write_folder([first], tmp_path / "mine")
    (again,) = read_folder(tmp_path / "mine")
    assert (again.options, again.answer, again.claims) == (first.options, first.answer, first.claims)


def test_a_folder_is_named_however_it_is_given(tmp_path, monkeypatch):
    read(tmp_path, ROW)
    monkeypatch.chdir(tmp_path / "mine")
    assert {read_folder(Path(name))[0].source for name in (".", "../mine", str(tmp_path / "mine" / ""))} == {"mine"}


@pytest.mark.parametrize("name", ["questions.jsonl", "images/test-0-0.png"])
def test_a_full_disk_is_one_sentence(tmp_path, name):
    """/dev/full takes nothing, as a disk on which nothing is left."""
    (tmp_path / "out" / "images").mkdir(parents=True)
    (tmp_path / "out" / name).symlink_to("/dev/full")
    with pytest.raises(CompanionError, match=r"cannot write .*out.*: No space left on device; free some space"):
        write_folder(questions("test", 1), tmp_path / "out")

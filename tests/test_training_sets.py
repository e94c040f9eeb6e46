"""The sets that the paper trains on, in their real schemas; PixMo-Count's pictures from a server on this machine."""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import real_schemas

from companion.cli import main
from companion.errors import CompanionError
from companion.questions.registry import TRAINING, listing, load_benchmark
from companion.questions.training_sets import pixmo_count
from companion.questions.training_sets.geometry3k import value


@pytest.fixture
def copies(tmp_path):
    """Writes a copy into its folder of tmp_path / "data" and returns that."""

    def write(name, rows=None):
        real_schemas.write(name, tmp_path / "data" / name, rows)
        return tmp_path / "data"

    return write


def test_every_training_set_has_a_fixture_and_is_listed():
    assert tuple(TRAINING) == real_schemas.TRAINING
    assert set(TRAINING) < set(listing()["name"])


def test_sat2_has_letters_a_drawn_order_and_one_picture(copies, capsys):
    questions = load_benchmark("sat2", data=copies("sat2"))
    assert capsys.readouterr().err == "sat2: 2 questions have more than one picture and are left out\n"
    rows = [row for row in real_schemas.rows("sat2") if len(row["images"]) == 1]
    assert len(questions) == len(rows) == 12
    for question, row in zip(questions, rows, strict=True):
        assert question.options[question.answer] == row["correct_answer"]
        assert set(question.options) == set(row["answers"])
        assert question.category == row["question_type"]
        assert question.load_image().size == (56, 42)
    assert any(question.options != tuple(row["answers"]) for question, row in zip(questions, rows, strict=True))
    assert (questions[0].id, questions[-1].id) == ("sat2-00000-0", "sat2-00001-6")


@pytest.mark.parametrize(
    ("name", "column", "wrong", "says"),
    [
        ("sat2", "correct_answer", "up", r"column correct_answer: 'up' is none of \['left', 'right'\]"),
        ("sat2", "images", [], "column images: nothing is there"),
        ("sat2", "answers", ["left"], "column answers: 1 options"),
        ("pixmo-count", "count", -1, "column count: '-1' is not a whole number"),
        ("pixmo-count", "image_sha256", "../x", "column image_sha256: '../x' is not 64 hex digits"),
        ("geometry3k", "answer", None, "column answer: nothing is there"),
    ],
)
def test_a_malformed_row_is_named(name, column, wrong, says, copies, capsys):
    rows = real_schemas.rows(name)
    rows[0] = {**rows[0], column: wrong}
    questions = load_benchmark(name, data=copies(name, rows))
    assert re.search(f"{name}, .*, row 0, {says}", capsys.readouterr().err)
    assert "row 0" not in {question.id for question in questions}


def test_geometry3k_has_options_of_its_kind_and_of_other_values(copies):
    questions = load_benchmark("geometry3k", data=copies("geometry3k"))
    answers = [row["answer"] for row in real_schemas.rows("geometry3k")]
    assert len(questions) == len(answers)
    for question, right in zip(questions, answers, strict=True):
        assert "<image>" not in question.text
        assert question.options[question.answer] == right
        assert set(question.options) <= set(answers)
        assert len(question.options) == len({value(option) for option in question.options}) == 4
        assert len({isinstance(value(option), float) for option in question.options}) == 1
    assert {question.answer for question in questions} == {0, 1, 2, 3}


def test_counts_are_asked_for_among_four_in_a_row(copies):
    questions = load_benchmark("pixmo-count", data=copies("pixmo-count"))
    assert len(questions) == 10
    for count, question in enumerate(questions):
        numbers = [int(option) for option in question.options]
        assert numbers == list(range(numbers[0], numbers[0] + 4))
        assert numbers[0] >= 0
        assert numbers[question.answer] == count
        assert question.text == f"How many {'people' if count % 2 else 'dogs'} are there in the picture?"
        assert question.load_image().size == (56, 42)
    assert questions[0].group == questions[5].group != questions[1].group


class Web:
    """Serves pictures at /0, /1 …; `faults` says by number what else it does. asked: numbers of the pages asked for."""

    def __init__(self, faults):
        self.faults, self.asked = faults, []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                number = int(self.path[1:])
                web.asked.append(number)
                fault, content = web.faults.get(number), real_schemas.content(number)
                self.send_response(fault if isinstance(fault, int) else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if fault == "other":
                    content = content[:-1] + b"x"
                if fault == "cut":
                    content = content[:20]
                for byte in content[:1] if fault == "slow" else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(3)
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def on_the_web(copies, monkeypatch):
    """Writes a copy of PixMo-Count without its pictures, whose addresses are those of a server."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(pixmo_count, "PATIENCE", 1.0)

    def write(web, others=()):
        rows = real_schemas.rows("pixmo-count")
        for number, row in enumerate(rows):
            row["image_url"] = f"{web.url}/{0 if number == 5 else number}"
        for number, url in others:
            rows[number]["image_url"] = url
        data = copies("pixmo-count", rows)
        for file in (data / "pixmo-count" / "images").iterdir():
            file.unlink()
        return data

    return write


def test_pictures_are_fetched_by_hash_and_what_cannot_be_had_is_told_and_only_tried_again_if_it_may_come(
    on_the_web, capsys
):
    with Web({1: 404, 2: "other", 3: "slow", 4: 503, 6: "cut"}) as web:
        data = on_the_web(web, [(7, "file:///etc/hostname"), (8, "http://")])
        questions = load_benchmark("pixmo-count", data=data)
        assert "7 of 9 pictures are not there, and their questions are left out: 3 dead link, 3 not now, 1 other" in (
            capsys.readouterr().err
        )
        assert [question.id for question in questions] == [f"pixmo-count-{number}" for number in (0, 5, 9)]
        images = data / "pixmo-count" / "images"
        assert {file.name for file in images.iterdir()} == {
            hashlib.sha256(real_schemas.content(number)).hexdigest() for number in (0, 9)
        }
        assert set(json.loads((images.parent / "missing.json").read_text()).values()) == {"dead link", "other content"}
        web.faults, web.asked = {}, []
        assert len(load_benchmark("pixmo-count", data=data)) == 6
        assert "4 of 9 pictures are not there" in capsys.readouterr().err
        assert sorted(web.asked) == [3, 4, 6]
        (images.parent / "missing.json").unlink()
        assert len(load_benchmark("pixmo-count", data=data)) == 8
        assert "2 of 9 pictures are not there" in capsys.readouterr().err


def test_without_a_network_the_pictures_that_are_there_are_all(on_the_web, monkeypatch, capsys):
    import huggingface_hub.constants

    with Web({}) as web:
        data = on_the_web(web)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        (data / "pixmo-count" / "images" / hashlib.sha256(real_schemas.content(3)).hexdigest()).write_bytes(
            real_schemas.content(3)
        )
        assert [question.id for question in load_benchmark("pixmo-count", data=data)] == ["pixmo-count-3"]
        assert re.search("8 of 9 pictures are not there.*: 8 not now", capsys.readouterr().err)
        assert web.asked == []


def test_no_picture_at_all_is_an_error_and_none_is_given_up(on_the_web):
    with Web({}) as web:
        data = on_the_web(web)
    with pytest.raises(CompanionError, match="none of its 9 pictures could be fetched"):
        load_benchmark("pixmo-count", data=data)
    assert json.loads((data / "pixmo-count" / "missing.json").read_text()) == {}


def test_training_asks_for_questions_to_evaluate_on(copies, capsys):
    assert main(["train", "grpo", "--benchmark", "geometry3k", "--data", str(copies("geometry3k"))]) == 2
    assert "give --validation, benchmarks to evaluate on" in capsys.readouterr().err

"""The public benchmarks, on small copies in their real schemas."""

import errno
import io
import itertools
import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import real_schemas
from hub_server import Hub
from PIL import Image
from test_engine import Scripted

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.engine import UnansweredError, evaluate
from companion.evaluation.store import Store
from companion.intervals import resample
from companion.questions.public.spatial_mm import alike, kind
from companion.questions.registry import BENCHMARKS, draw_groups, find_questions, listing, load_benchmark

EVERY = [(name, form) for name, forms in real_schemas.FORMS.items() for form in forms]


@pytest.fixture
def copies(tmp_path):
    """Writes a copy into its folder of tmp_path / "data" and returns that."""

    def write(name, rows=None, form=None):
        real_schemas.write(name, tmp_path / "data" / name, rows, form)
        return tmp_path / "data"

    return write


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    """What lies in this machine's own cache does not count."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def test_every_benchmark_has_a_fixture():
    assert list(real_schemas.FORMS) == list(BENCHMARKS)


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_every_row_becomes_a_question_with_its_own_picture(name, form, copies):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        questions = load_benchmark(name, data=copies(name, form=form), known_bad=True)
    rows = real_schemas.rows(name)
    assert len(questions) == len(rows) >= 8
    assert len({question.id for question in questions}) == len(rows)
    for number, (question, row) in enumerate(zip(questions, rows, strict=True)):
        assert question.source == name
        assert question.id.startswith(f"{name}-")
        assert question.group.startswith(f"{name}-")
        assert not {"nan", "", None} & {*question.options, question.text}
        assert not any(option.startswith(("(A)", "A.")) for option in question.options)
        if "image_name" not in row and "image_path" not in row:
            content = row["image" if "image" in row else "bytes"]
            assert question.load_image().mode == "RGB"
            assert question.load_image().tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes(), number


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_all_forms_of_a_benchmark_give_the_same_questions(name, form, copies):
    first = load_benchmark(name, data=copies(name, form="parquet" if form == "tsv" else form).parent / "data")
    again = load_benchmark(name, data=copies(name, form=form))
    assert [(q, q.image_hash) for q in first] == [(q, q.image_hash) for q in again]


@pytest.mark.parametrize(
    ("name", "id", "text", "options", "right", "category", "group"),
    [
        (
            "3dsrbench",
            "VIN6MS3J-flip",
            "Which one is it in picture 0,\nas you see it?",
            ("the dog", "the cat"),
            "the cat",
            "height/height_higher",
            "VIN6MS3J",
        ),
        (
            "3dsrbench",
            "A2C4E6G8",
            None,
            ("left", "right", "front", "back"),
            "left",
            "location/location_above",
            "A2C4E6G8",
        ),
        (
            "3dsrbench-circular",
            "QWERTY77-flip-3",
            None,
            ("back", "left", "right", "front"),
            "right",
            "multi_object/multi_object_facing",
            "QWERTY77",
        ),
        ("cv-bench", "2D-0", "What does picture 0 show?", ("3", "2", "1", "0", "4", "5"), "5", "Count/ADE20K", "2D-0"),
        ("cv-bench", "3D-6", None, ("chair", "table"), "table", "Depth/Omni3D", "3D-6"),
        (
            "spatial-mm",
            "one_obj-0",
            "Which direction is cat looking at from camera's perspective?",
            ("bottom left", "left", "right", "upwards"),
            "upwards",
            "one_obj",
            "one_obj-0",
        ),
        (
            "spatial-mm",
            "one_obj-1",
            "Where is dog No. 2 located?",
            ("left", "right", "behind", "top left"),
            "right",
            "one_obj",
            "one_obj-1",
        ),
        ("spatial-mm", "two_obj-1", "Is the glass touching the watch?", ("yes", "no"), "no", "two_obj", "two_obj-1"),
        (
            "whatsup",
            "B-bowl_in-front_of_can",
            "Which caption describes the picture?",
            None,
            "A bowl to the in-front of a can",
            "B/in-front",
            "B-bowl-can",
        ),
        ("whatsup", "A-mug_left_of_table", None, None, "A mug to the left of a table", "A/left", "A-mug-table"),
        (
            "vstar",
            "direct_attributes-1",
            "What is the color of the sign?",
            ("red (dark)", "blue (light)", "green", "white"),
            "blue (light)",
            "direct_attributes",
            "direct_attributes-1",
        ),
        (
            "vstar",
            "relative_position-0",
            "Is the red car on the left or right side of the dog?",
            ("right", "left"),
            "left",
            "relative_position",
            "relative_position-0",
        ),
        (
            "vstar",
            "direct_attributes-2",
            "What is the flag (on the boat)?",
            ("of (B)elgium", "of France", "none", "both (A and B)"),
            "both (A and B)",
            "direct_attributes",
            "direct_attributes-2",
        ),
        (
            "mme-realworld-lite",
            "1",
            "Which number is in picture 1?",
            ('1, or "one"', "It's 2 (two)", "3", "4", "The image does not feature the number"),
            "It's 2 (two)",
            "Reasoning/OCR with Complex Context",
            "1",
        ),
        (
            "mmbench",
            "1000241",
            "The picture was taken at night.\nWhat is in picture 241?",
            ("option 1 of 241", "option 0 of 241"),
            "option 0 of 241",
            "finegrained_perception (instance-level)/object_localization",
            "241",
        ),
        ("mmbench", "3", "What is in picture 3?", None, "option 0 of 3", None, "3"),
    ],
)
def test_quirks_are_read(name, id, text, options, right, category, group, copies):
    (question,) = find_questions(name, [f"{name}-{id}"], copies(name))
    assert question.text == (text or question.text)
    assert question.options == (options or question.options)
    assert question.options[question.answer] == right
    assert question.category == (category or question.category)
    assert question.group == f"{name}-{group}"


def test_rows_that_are_known_to_be_wrong_are_left_out_unless_asked_for(copies):
    data = copies("spatial-mm")
    left_out = ["one_obj-2", "one_obj-5", "two_obj-2", "two_obj-5"]
    plain, whole = (load_benchmark("spatial-mm", data=data, known_bad=asked) for asked in (False, True))
    assert [q.id for q in whole if q not in plain] == [f"spatial-mm-{id}" for id in left_out]
    contradicting, _, twice, _ = (q for q in whole if q not in plain)
    assert contradicting.letter == "A"
    assert (twice.options, twice.letter) == (("front", "left", "top"), "A")


def test_the_right_caption_stands_in_every_place_and_in_the_same_one_for_every_seed(copies):
    data = copies("whatsup")
    first, second = ({q.id: q for q in load_benchmark("whatsup", 15, seed, data)} for seed in (0, 1))
    assert first == second
    assert {question.answer for question in first.values()} == {0, 1, 2, 3}


def test_options_made_for_open_questions_are_of_the_same_kind_and_none_means_another(copies):
    questions = load_benchmark("spatial-mm-multihop", data=copies("spatial-mm-multihop"))
    answers = {row["answer"].lower() for row in real_schemas.rows("spatial-mm-multihop")}
    for question in questions:
        assert set(question.options) <= answers
        assert len({kind(option) for option in question.options}) == 1
        assert not any(alike(one, other) for one, other in itertools.permutations(question.options, 2) if one != "yes")
        assert (len(question.options) == 2) == (kind(question.options[0]) in ("yes or no", "person"))
    assert {question.answer for question in questions} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("left", "left back", True),
        ("back", "behind", True),
        ("left back", "left behind", True),
        ("grey", "gray", True),
        ("glass", "glass of milk", True),
        ("black and white", "white", True),
        ("under", "below", True),
        ("light brown", "brown", True),
        ("left", "right", False),
        ("red", "pink", False),
        ("top", "bottom", False),
    ],
)
def test_answers_that_mean_the_same(one, other, same):
    assert alike(one, other) == alike(other, one) == same


@pytest.mark.parametrize(
    ("name", "column", "value", "says"),
    [
        ("3dsrbench", "answer", "D", "column answer: 'D' is not the letter of an option (A, B)"),
        ("3dsrbench", "B", "nan", "column A to D: 1 options, which should be 2 to 6"),
        ("3dsrbench", "question", None, "column question: nothing is there"),
        ("cv-bench", "answer", "(G)", "column answer: '(G)' is not the letter of an option (A, B, C, D, E, F)"),
        ("cv-bench", "choices", ["3", "3"], "column choices: two options are the same"),
        ("cv-bench", "idx", 1, "its id cv-bench-2D-1 is there twice"),
        ("spatial-mm", "answer", "upwards", "column answer: 'upwards' names no option"),
        ("spatial-mm", "question", "Where is it?", "column answer"),
        ("spatial-mm-multihop", "answer", "", "column answer: nothing is there"),
        ("whatsup", "caption_options", "a caption", "column caption_options: 'a caption' is not a list"),
        ("whatsup", "image_path", "data/controlled_images/mug.jpeg", "column image_path: 'mug' is not named as"),
        ("vstar", "text", "What is it?", "column text: 0 options"),
        ("vstar", "label", "E", "column label: 'E' is not the letter"),
        ("mme-realworld-lite", "multi-choice options", "__import__('os')", "does not hold a list"),
        ("mme-realworld-lite", "multi-choice options", "['(A) one', 'two']", "begins with its letter, as (A)"),
        ("mmbench", "category", "nan", "column category: nothing is there"),
    ],
)
def test_a_malformed_row_is_named_and_left_out_and_two_are_too_many(name, column, value, says, copies, capsys):
    rows = real_schemas.rows(name)
    rows[0] = {**rows[0], column: value}
    questions = load_benchmark(name, data=copies(name, rows), known_bad=True)
    (caution,) = capsys.readouterr().err.splitlines()
    assert caution.startswith(f"{name}: 1 of {len(rows)} rows are malformed and left out: {name}, ")
    assert says in caution
    assert ", row " in caution
    assert len(questions) == len(rows) - 1
    second = 1 if name == "3dsrbench" else 2  # one that has as many options
    rows[second] = {**rows[second], column: value}
    with pytest.raises(CompanionError, match=f"{name}: 2 of {len(rows)} rows are malformed"):
        load_benchmark(name, data=copies(name, rows), known_bad=True)


def test_of_many_malformed_rows_the_first_five_are_shown(copies):
    rows = [{**row, "label": "X"} for row in real_schemas.rows("vstar")]
    with pytest.raises(CompanionError) as caught:
        load_benchmark("vstar", data=copies("vstar", rows))
    assert str(caught.value).count("is not the letter") == 5
    assert "12 of 12" in str(caught.value)


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_a_missing_column_is_an_error_that_names_it(name, form, copies):
    column = "image_name" if name.startswith("spatial") else "image_path" if name == "whatsup" else "question"
    column = "text" if name == "vstar" else column
    data = copies(name, form=form)
    for file in (data / name).rglob("*"):
        if file.suffix == ".json":
            file.write_text(file.read_text().replace(f'"{column}"', '"other"'))
        elif file.suffix == ".tsv":
            file.write_text(file.read_text().replace(f"\t{column}\t", "\tother\t", 1))
        elif file.suffix == ".parquet":
            table = pq.read_table(file)
            pq.write_table(table.rename_columns([c if c != column else "other" for c in table.column_names]), file)
    with pytest.raises(CompanionError, match=f"{name}: .* has no column '{column}'"):
        load_benchmark(name, data=data)


@pytest.mark.parametrize(
    ("name", "form", "column"),
    [("cv-bench", "parquet", "image"), ("mme-realworld-lite", "parquet", "bytes"), ("3dsrbench", "tsv", "image")],
)
def test_a_damaged_picture_is_named_when_it_is_asked_for_and_all_others_are_asked(name, form, column, copies, tmp_path):
    rows = real_schemas.rows(name)
    for number, content in enumerate((b"no picture", rows[1][column][:60], b"")):
        rows[number] = {**rows[number], column: content}
    questions = load_benchmark(name, data=copies(name, rows, form))
    for number in range(3):
        with pytest.raises(CompanionError, match=rf"{name}, .*, row {number}, column {column}: .* is damaged"):
            questions[number].load_image()
    assert questions[3].load_image().size == (56, 42)
    bad = {question.id for question in questions[:3]}
    with pytest.raises(UnansweredError, match=rf"{name}, .*, row 1, column {column}: .* is damaged") as error:
        evaluate(Scripted(), questions, ["plain"], Store(tmp_path / "r"), progress=False)
    assert error.value.items == bad
    assert set(error.value.found["question"]) == {question.id for question in questions} - bad


def test_damaged_files_are_named(copies):
    data = copies("cv-bench")
    file = data / "cv-bench" / "test_3d.parquet"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CompanionError, match=r"test_3d.parquet is damaged"):
        load_benchmark("cv-bench", data=data)
    file = copies("whatsup") / "whatsup" / "controlled_clevr_dataset.json"
    file.write_text(file.read_text()[:-3])
    with pytest.raises(CompanionError, match=r"controlled_clevr_dataset.json is damaged"):
        load_benchmark("whatsup", data=data)


def test_a_tsv_file_that_was_replaced_is_read_anew_also_by_an_older_one(copies):
    """A file that is copied with its date is older than the Parquet file that was made of the one before."""
    rows = real_schemas.rows("mmbench")
    before = load_benchmark("mmbench", data=copies("mmbench", rows, "tsv"))
    (file,) = (copies("mmbench", rows, "tsv") / "mmbench").glob("*.tsv")
    file.write_text(file.read_text(encoding="utf-8").replace(before[0].text, "What else is there?"), encoding="utf-8")
    os.utime(file, (1e9, 1e9))
    after = load_benchmark("mmbench", data=file.parent.parent)
    assert after[0].text == "What else is there?"
    made = file.with_suffix(".parquet").stat()
    assert load_benchmark("mmbench", data=file.parent.parent) == after
    assert file.with_suffix(".parquet").stat().st_mtime_ns == made.st_mtime_ns  # not made again


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_tsv_file_in_a_folder_that_takes_nothing_is_read(copies, tmp_path, monkeypatch, refusal):
    data = copies("mmbench", form="tsv")
    writer = pq.ParquetWriter

    def refuse(place, *arguments, **settings):
        if str(place).startswith(str(data)):
            raise OSError(refusal, os.strerror(refusal), str(place))
        return writer(place, *arguments, **settings)

    monkeypatch.setattr(pq, "ParquetWriter", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    if refusal == errno.ENOSPC:
        with pytest.raises(
            CompanionError, match=r"cannot be turned into Parquet at .*No space left.*the disk not full"
        ):
            load_benchmark("mmbench", data=data)
        return
    assert len(load_benchmark("mmbench", data=data)) == len(real_schemas.rows("mmbench"))
    assert len(list((tmp_path / "own" / "companion").iterdir())) == 1


@pytest.mark.parametrize(("name", "form"), [("cv-bench", "parquet"), ("mmbench", "tsv"), ("whatsup", "json")])
def test_what_macos_puts_beside_files_is_passed_over(name, form, copies):
    data = copies(name, form=form)
    before = load_benchmark(name, data=data)
    for file in [file for file in data.rglob("*") if file.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7")
    after = load_benchmark(name, data=data)
    assert after == before
    assert after[0].image_hash == before[0].image_hash


def test_chance_of_the_attributes_of_vstar_with_two_options(copies):
    """8 of the 115 have two options only; each item has the number that it has."""
    rows = real_schemas.rows("vstar")
    rows[0] = {**rows[0], "text": "Is the glove blue or red? (A) blue (B) red", "label": "B"}
    question = load_benchmark("vstar", data=copies("vstar", rows))[0]
    assert (question.category, question.options, question.letter) == ("direct_attributes", ("blue", "red"), "B")
    assert "8 of the 115" in BENCHMARKS["vstar"].note


def test_pictures_are_read_from_several_threads_and_few_of_them_are_kept(copies):
    questions = load_benchmark("mmbench", data=copies("mmbench"))
    alone = [question.load_image().tobytes() for question in questions]
    barrier = threading.Barrier(8)

    def look(order):
        barrier.wait()
        return {number: questions[number].load_image().tobytes() for number in order}

    orders = [np.random.default_rng(seed).permutation(len(questions)) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(look, orders):
            assert [found[number] for number in range(len(questions))] == alone
    table = questions[0].load_image.func.__self__
    assert len(table._groups) > table._read.cache_info().currsize == 2


@pytest.mark.parametrize("name", ["3dsrbench-circular", "mmbench", "whatsup", "cv-bench"])
def test_a_drawn_part_has_whole_groups_and_is_the_beginning_of_a_larger_one(name, copies):
    data = copies(name)
    whole = load_benchmark(name, data=data)
    sizes = {group: sum(q.group == group for q in whole) for group in {q.group for q in whole}}
    largest = load_benchmark(name, len(whole), 0, data)
    assert set(largest) == set(whole)
    for n in range(1, len(whole)):
        drawn = load_benchmark(name, n, 0, data)
        assert n <= len(drawn) < n + max(sizes.values())
        assert drawn == largest[: len(drawn)]
        assert all(sum(q.group == group for q in drawn) == sizes[group] for group in {q.group for q in drawn})
    assert len({tuple(q.id for q in draw_groups(whole, 1, seed)) for seed in range(20)}) > 1


def frame(questions, correct):
    """Rows as the store has them, as far as scores look at them."""
    return pd.DataFrame(
        [
            {"question": q.id, "group": q.group, "category": q.category, "correct": bool(c)}
            for q, c in zip(questions, correct, strict=True)
        ]
    )


def mean_of(values):
    return sum(values) / len(values) if values else None


def units_right(rows, unit):
    units = {}
    for row in rows:
        units.setdefault(unit(row), []).append(row["correct"])
    return mean_of([all(each) for each in units.values()])


def official_3dsrbench(rows):
    def qid(row):
        return row["question"].split("bench-")[1].removeprefix("circular-")

    return {
        "accuracy": mean_of([row["correct"] for row in rows]),
        "flip": units_right(rows, lambda row: (row["copy"], qid(row).replace("-flip", ""))),
        "circular": units_right(rows, lambda row: (row["copy"], qid(row)[: 13 if "-flip" in qid(row) else 8])),
        "flip+circular": units_right(rows, lambda row: (row["copy"], qid(row)[:8])),
    }


def official_cv_bench(rows):
    ade, coco, omni = (
        mean_of([row["correct"] for row in rows if row["category"].endswith(source)])
        for source in ("/ADE20K", "/COCO", "/Omni3D")
    )
    return {
        "mean of 2D and 3D": 1 / 2 * ((ade + coco) / 2 + omni),
        "2D": (ade + coco) / 2,
        "3D": omni,
        "accuracy": mean_of([row["correct"] for row in rows]),
    }


def official_mmbench(rows):
    return {
        "circular": units_right(rows, lambda row: (row["copy"], int(row["question"].split("-")[1]) % 1_000_000)),
        "accuracy": mean_of([row["correct"] for row in rows]),
    }


def official_whatsup(rows):
    found = {}
    for name, part in (("", "AB"), ("A ", "A"), ("B ", "B")):
        chosen = [row for row in rows if row["category"][0] in part]
        sets = {}
        for row in chosen:
            sets.setdefault((row["copy"], row["group"]), {})[row["category"][2:]] = row["correct"]
        pairs = 0
        for each in sets.values():
            pairs += bool(each.get("left") and each.get("right"))
            pairs += bool((each.get("on") and each.get("under")) or (each.get("in-front") and each.get("behind")))
        found[f"{name}accuracy"] = mean_of([row["correct"] for row in chosen])
        found[f"{name}pair"] = pairs / (len(chosen) / 2)
        found[f"{name}set"] = sum(sum(each.values()) == 4 for each in sets.values()) / (len(chosen) / 4)
    return found


def official_by_category(rows):
    """V*, MME-RealWorld and Spatial-MM: accuracy, and that of each level of the categories."""
    found = {"accuracy": mean_of([row["correct"] for row in rows])}
    for row in rows:
        for label in {row["category"], row["category"].split("/")[0]}:
            found[label] = mean_of([one["correct"] for one in rows if f"{one['category']}/".startswith(f"{label}/")])
    return found


OFFICIAL = {
    "3dsrbench-circular": official_3dsrbench,
    "cv-bench": official_cv_bench,
    "mmbench": official_mmbench,
    "whatsup": official_whatsup,
    "vstar": official_by_category,
    "mme-realworld-lite": official_by_category,
    "spatial-mm": official_by_category,
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_scores_are_those_of_the_official_definition(name, copies):
    """Plainly, and resampled: a group that was drawn twice counts as two."""
    questions = load_benchmark(name, data=copies(name))
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.8, 0.95, 1.0):
        rows = frame(questions, rng.random(len(questions)) < share).sample(frac=1, random_state=1)
        weights = np.vstack([np.ones(len(rows)), resample(rows["group"], rng, 20)])
        found = {score: measure(weights) for score, measure in BENCHMARKS[name].scores(rows).items()}
        for number, times in enumerate(weights.astype(int)):
            each = zip(rows.to_dict("records"), times, strict=True)
            drawn = [{**row, "copy": copy} for row, count in each for copy in range(count)]
            if name == "cv-bench" and len({row["category"].rsplit("/")[-1] for row in drawn}) < 3:
                continue
            if name == "whatsup" and len({row["category"][0] for row in drawn}) < 2:
                continue
            expected = OFFICIAL[name](drawn)
            assert set(expected) <= set(found)
            for score, value in expected.items():
                assert found[score][number] == pytest.approx(value), (score, number)


def test_scores_that_the_rows_do_not_allow_are_left_out(copies):
    data = copies("cv-bench")
    flat = [q for q in load_benchmark("cv-bench", data=data) if "Omni3D" not in q.category]
    assert set(BENCHMARKS["cv-bench"].scores(frame(flat, [True] * len(flat)))) == {"2D", "accuracy"}
    plain = load_benchmark("3dsrbench", data=copies("3dsrbench"))
    assert set(BENCHMARKS["3dsrbench"].scores(frame(plain, [True] * len(plain)))) == {"accuracy", "flip"}
    for name in OFFICIAL:
        drawn = load_benchmark(name, 1, 0, copies(name))
        for measure in BENCHMARKS[name].scores(frame(drawn, [True] * len(drawn))).values():
            assert measure(np.ones((1, len(drawn))))[0] in (0, 1)


def test_a_copy_may_have_its_files_side_by_side_or_in_the_folder_of_its_sibling(copies, tmp_path):
    data = copies("mmbench")
    (data / "mmbench" / "en" / "dev-00000-of-00001.parquet").rename(data / "mmbench" / "dev-00000-of-00001.parquet")
    assert len(load_benchmark("mmbench", data=data)) == 13
    real_schemas.write("spatial-mm-multihop", data / "spatial-mm")
    assert len(load_benchmark("spatial-mm-multihop", data=data)) == 20


def test_what_is_missing_is_said_with_where_to_put_it(copies, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    empty = tmp_path / "empty"
    with pytest.raises(CompanionError, match=r"HF_HUB_OFFLINE is set.*put test_2d.parquet and test_3d.parquet"):
        load_benchmark("cv-bench", data=empty)
    with pytest.raises(CompanionError, match=r"get them from https://github.com/amitakamath/whatsup_vlms"):
        load_benchmark("whatsup", data=empty)
    data = copies("mme-realworld-lite")
    (data / "mme-realworld-lite" / "data" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(CompanionError, match=r"part 1 of train \(of 2, counted from 0\) is missing"):
        load_benchmark("mme-realworld-lite", data=data)
    for file in (copies("spatial-mm") / "spatial-mm" / "images").iterdir():
        file.unlink()
    with pytest.raises(CompanionError, match=r"6 of 6 pictures are not in .* get them from the authors' shared"):
        load_benchmark("spatial-mm", data=data)


LOAD = """
import sys
from pathlib import Path
from companion.questions.registry import load_benchmark, listing
from companion.errors import CompanionError
try:
    questions = load_benchmark(sys.argv[1], data=Path(sys.argv[2]))
    print(len(questions), questions[-1].load_image().size, *listing(Path(sys.argv[2])).set_index("name")["cached"])
except CompanionError as error:
    print(error)
"""


def fetch(hub, name, tmp_path, offline="0"):
    """What a process prints that loads a benchmark from a hub, with its own cache."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": offline,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", LOAD, name, str(tmp_path / "data")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def published(folder):
    """The files of a folder as a hub takes them."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_a_download_goes_on_where_it_broke_and_notes_its_commit(tmp_path):
    rows = real_schemas.rows("vstar")
    noise = Image.frombytes("RGB", (2048, 2048), np.random.default_rng(0).bytes(3 * 2048 * 2048))
    noise.save(tmp_path / "noise.bmp")  # huggingface_hub keeps what it has in steps of 10 MiB
    rows[0]["image"] = (tmp_path / "noise.bmp").read_bytes()
    real_schemas.write("vstar", tmp_path / "repository", rows)
    files, home = published(tmp_path / "repository") | {"README.md": b"not wanted"}, BENCHMARKS["vstar"].home
    with Hub(cut=11 << 20) as hub:
        revision = hub.commit(home, files)
        assert "12 (56, 42)" in fetch(hub, "vstar", tmp_path)
        assert hub.ranges == [10 << 20]
        assert set(hub.given) == {"data/test-00000-of-00001.parquet"}
        assert json.loads((tmp_path / "data" / "revisions.json").read_text()) == {home: revision}
        hub.asked.clear()
        assert "1 file in the Hub's cache" in fetch(hub, "vstar", tmp_path, offline="1")
        hub.commit(home, files | {"README.md": b"newer"})
        assert "12 (56, 42)" in fetch(hub, "vstar", tmp_path)
        assert hub.asked == []


@pytest.mark.slow
def test_after_a_download_that_was_stopped_only_what_is_missing_is_fetched(tmp_path):
    name, second = "mme-realworld-lite", "data/train-00001-of-00002.parquet"
    real_schemas.write(name, tmp_path / "repository")
    pinned = BENCHMARKS[name]
    with Hub(refused={second}) as hub:
        hub.commit(pinned.home, published(tmp_path / "repository"), pinned.revision)
        assert "cannot be downloaded from yifanzhang114/MME-RealWorld-lite-lmms-eval" in fetch(hub, name, tmp_path)
        assert "HF_HUB_OFFLINE is set" in fetch(hub, name, tmp_path, offline="1")
        hub.refused = ()
        hub.given.clear()
        assert "10 (56, 42)" in fetch(hub, name, tmp_path)
        assert hub.given == [second]


def test_the_listing_says_what_is_here_and_the_command_prints_it(copies, tmp_path, capsys):
    data = copies("cv-bench")
    found = listing(data).set_index("name")
    assert list(found.columns) == ["title", "items", "options", "licence", "cached", "note"]
    assert found.loc["cv-bench", "cached"] == f"2 files in {data / 'cv-bench'}"
    assert found.loc["vstar", "cached"] == "no"
    assert main(["benchmarks", "--data", str(data)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BENCHMARKS)
    assert "academic research only" in printed


def test_a_public_benchmark_is_evaluated_and_judged_by_its_name(copies, tmp_path, random_checkpoint, capsys):
    data = str(copies("spatial-mm"))
    arguments = ["evaluate", "--model", str(random_checkpoint), "--benchmark", "spatial-mm", "--data", data]
    arguments += ["--perturbations", "plain", "--max-new-tokens", "2", "--out", str(tmp_path / "rows")]
    assert main(arguments) == 0
    assert "n 9" in capsys.readouterr().out
    assert main([*arguments, "--known-bad"]) == 0
    assert "n 13" in capsys.readouterr().out
    assert main(["judge", str(tmp_path / "rows"), "--benchmark", "spatial-mm", "--data", data]) == 0

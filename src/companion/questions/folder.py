"""A benchmark in a folder: `questions.jsonl` and the pictures that it names. The way to bring one's own questions.

One JSON object a line: `image` (path within the folder), `question`, `options` (2 to 6), `answer` (a letter, or the
text of an option), and, where wanted, `id`, `category`, `group`, `difficulty` and `claims` (a sentence for each option
that asserts it). Options may also be an object of the letters, {"A": …, "B": …}; numbers are read as text. UTF-8, or
UTF-16 as Windows writes it. The microworld is written in this form by `companion export`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from companion.errors import CompanionError
from companion.questions.claims.template import claims
from companion.questions.pictures import picture
from companion.questions.question import LETTERS, Question

FILE = "questions.jsonl"
FIELDS = ("image", "question", "options", "answer")
"""What each line needs."""

TOLD = 3
"""Sets of lines that ask the same are named, at most."""


def own_folder(name: str) -> Path | None:
    """The folder of questions that is meant: the one of this name, or the one of this questions.jsonl, or None."""
    path = Path(name)
    if path.is_dir():
        return path
    return path.parent if path.name == FILE and path.is_file() else None


def read_folder(folder: Path) -> list[Question]:
    """All questions of a folder; an error names the line, and the field, that is malformed."""
    file = folder / FILE
    if not file.is_file():
        raise CompanionError(f"no {FILE} in {folder}; write one line of JSON for each question there")
    found: dict[str, Question] = {}
    lines: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CompanionError(
                f"{place}: not valid JSON ({error.msg}); mend or remove the line, which has to hold one whole question"
            ) from error
        if not isinstance(row, dict):
            raise CompanionError(f"{place}: not a JSON object; each line holds one question, as {{…}}")
        question = _question(row, folder, place, default_id=str(number))
        if question.id in found:
            raise CompanionError(f"{place}: the id {question.id!r} stands there twice; give each question its own")
        found[question.id] = question
        lines.setdefault((str(row["image"]), question.text, question.options), []).append(number)
    if not found:
        raise CompanionError(f"{file} holds no question; write one line of JSON for each")
    if twice := [numbers for numbers in lines.values() if len(numbers) > 1]:
        print(_twice(file, twice), file=sys.stderr)
    return list(found.values())


def _twice(file: Path, twice: list[list[int]]) -> str:
    """What is said of lines that ask the same, each set of them by its numbers."""
    named = "; ".join(" and ".join(map(str, numbers)) for numbers in twice[:TOLD])
    more = f" (and {len(twice) - TOLD} more)" if len(twice) > TOLD else ""
    return (
        f"{file}, lines {named}{more}: the same picture, question and options; each line counts as an item of its own, "
        "so remove those that are there by mistake"
    )


def _lines(file: Path) -> list[str]:
    """The lines of a text file in UTF-8, or in UTF-16 or UTF-32, with or without a mark at its beginning."""
    content = file.read_bytes()
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding).split("\n")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise CompanionError(
            f"{file}, line {number}: not in UTF-8 ({error.reason}, byte {error.object[error.start]:#04x}); save the "
            "file as UTF-8"
        ) from error


def _question(row: dict[str, Any], folder: Path, place: str, default_id: str) -> Question:
    missing = [key for key in FIELDS if row.get(key) is None]
    if missing:
        raise CompanionError(f"{place}: {', '.join(missing)} missing; each question needs it")

    def text(field: str, default: str = "") -> str:
        value = row.get(field)
        return default if value is None else _text(value, f"{place}, field {field}") or default

    def needed(field: str) -> str:
        if not (found := text(field)):
            raise CompanionError(f"{place}, field {field}: nothing is there; each question needs it")
        return found

    words, options = needed("question"), _options(row["options"], f"{place}, field options")
    asserted = row.get("claims") or claims(words, options)
    if not isinstance(asserted, list | tuple):
        raise CompanionError(
            f"{place}, field claims: {_shown(asserted)} is not a list; give a sentence for each option"
        )
    id, whole = text("id", default_id), os.path.abspath(folder)
    try:
        return Question(
            id=id,
            text=words,
            options=options,
            answer=_answer(needed("answer"), options, place),
            claims=tuple(_text(one, f"{place}, field claims") for one in asserted),
            load_image=partial(read_image, folder / needed("image"), id),
            source=Path(whole).name,
            category=text("category"),
            group=text("group", id),
            difficulty=text("difficulty"),
            folder=whole,
        )
    except CompanionError as error:
        raise error if str(error).startswith(place) else CompanionError(f"{place}: {error}") from error


def _text(value: Any, where: str) -> str:
    """Text or a number, as text without space around it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise CompanionError(f"{where}: {_shown(value)} is neither text nor a number; put text in quotation marks")
    found = str(value).strip()
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise CompanionError(f"{where}: {_shown(value)} holds half a character; write it anew") from error
    return found


def _options(value: Any, where: str) -> tuple[str, ...]:
    """A list, or an object from the letters, in their order, to the options."""
    if isinstance(value, dict):
        letters = sorted(value)
        if letters != list(LETTERS[: len(letters)]):
            raise CompanionError(f"{where}: the names of the object are not A, B and so on; give a list of the options")
        value = [value[letter] for letter in letters]
    if not isinstance(value, list):
        raise CompanionError(f'{where}: {_shown(value)} is not a list; give one, as ["red", "blue"]')
    options = tuple(_text(option, where) for option in value)
    if not all(options):
        raise CompanionError(f"{where}: an option is empty; remove it or write it out")
    return options


def _answer(answer: str, options: tuple[str, ...], place: str) -> int:
    """Which option is right, of its text, or its letter, as "B", "b" or "(B)"; in brackets it is always the letter."""
    letters = LETTERS[: len(options)]
    bare = answer.removeprefix("(").removesuffix(")").rstrip(".").upper()
    by_letter = letters.index(bare) if len(bare) == 1 and bare in letters else None
    if answer in options:
        by_text = options.index(answer)
        if by_letter not in (None, by_text):
            raise CompanionError(
                f"{place}, field answer: {answer!r} is the letter of {options[by_letter or 0]!r} and the text of "
                f"another option; write ({answer}) for the letter, or the letter of that option in brackets"
            )
        return by_text
    if by_letter is None:
        raise CompanionError(
            f"{place}, field answer: {answer!r} is neither a letter of {letters[0]} to {letters[-1]} nor the text of "
            f"one of {list(options)}"
        )
    return by_letter


def _shown(value: Any) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"


def read_image(file: Path, id: str) -> Image.Image:
    """A picture as RGB (`pictures.picture`); an error names the file and the question."""
    return picture(lambda: file, f"question {id}, {file}", "replace it by a JPEG or PNG, or remove the question")


def write_folder(questions: Iterable[Question], folder: Path) -> None:
    """Write questions and their pictures in this form. Raises CompanionError where the folder cannot be written."""
    images = folder / "images"
    try:
        images.mkdir(parents=True, exist_ok=True)
        with (folder / FILE).open("w", encoding="utf-8") as file:
            for question in questions:
                question.load_image().save(images / f"{question.id}.png")
                answer = f"({question.letter})" if question.letter in question.options else question.letter
                row = {
                    "id": question.id,
                    "image": f"images/{question.id}.png",
                    "question": question.text,
                    "options": question.options,
                    "answer": answer,
                    "category": question.category,
                    "difficulty": question.difficulty,
                    "group": question.group,
                    "claims": question.claims,
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CompanionError(
            f"cannot write {error.filename or folder}: {error.strerror or error}; free some space or choose another "
            "--out"
        ) from error

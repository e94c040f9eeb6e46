"""Files of prompts, so that others run the very same ones: JSON Lines, a header and then one line a prompt.

A line holds all that a model is asked but the picture, of which it has the hash: a file can be passed on where the
pictures cannot. It does hold the questions and options of the benchmark, word for word. Who runs the file brings the
benchmark; that the pictures are the same is checked.

Run: `companion export-prompts --benchmark … --out prompts.jsonl`, then `companion evaluate --prompts prompts.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, PictureError
from companion.perturbations.perturbation import PERTURBATIONS, Prompt, apply
from companion.questions.claims.written import Written
from companion.questions.public.files import DATA
from companion.questions.question import LETTERS, Question
from companion.questions.registry import find_questions

FORMAT = "companion-prompts-1"

FIELDS: dict[str, tuple[type, ...]] = {
    "benchmark": (str,),
    "question": (str,),
    "perturbation": (str,),
    "seed": (int,),
    "text": (str,),
    "prefill": (str,),
    "options": (list,),
    "suggested": (str, type(None)),
    "wording": (str,),
    "blank": (bool,),
    "image": (str,),
    "claims": (list,),
    "writer": (str,),
}
"""Of a line. `text`: the user's turn; `prefill`: the start of the model's; `suggested`: a letter, or null; `image`:
`Question.image_hash`; `claims`: a sentence for each option of the question, of `writer`."""


def write_prompts(written: Sequence[Written], perturbations: Sequence[str], seed: int, file: Path) -> None:
    """Write the prompts of questions under perturbations, in the order in which `engine.evaluate` asks them.

    Raises CompanionError where the file cannot be written.
    """
    header = {
        "format": FORMAT,
        "benchmark": written[0].question.source,
        "seed": seed,
        "perturbations": list(perturbations),
        "writers": sorted({one.writer for one in written}),
        "questions": len(written),
        "prompts": len(written) * len(perturbations),
    }
    lines = [
        _line(apply(one.question, perturbation, seed), one.writer) for one in written for perturbation in perturbations
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in (header, *lines))
    except OSError as error:
        raise CompanionError(f"cannot write {file}: {error.strerror}; choose another --out") from error


def _line(prompt: Prompt, writer: str) -> dict[str, Any]:
    question = prompt.question
    return {
        "benchmark": question.source,
        "question": question.id,
        "perturbation": prompt.perturbation,
        "seed": prompt.seed,
        "text": prompt.text,
        "prefill": prompt.prefill,
        "options": prompt.options,
        "suggested": None if prompt.suggested is None else LETTERS[prompt.suggested],
        "wording": prompt.wording,
        "blank": prompt.blank,
        "image": question.image_hash,
        "claims": question.claims,
        "writer": writer,
    }


def read_prompts(file: Path, benchmark: str, data: Path = DATA) -> list[Prompt]:
    """The prompts of a file, word for word, on the questions of a benchmark (`registry.load_benchmark`).

    Raises CompanionError, naming line and field, where the file is malformed, and naming the question where the
    benchmark does not hold it with the same options and picture.
    """
    rows = _rows(file)
    ids = [row["question"] for row in rows.values()]
    found = {question.id: question for question in find_questions(benchmark, ids, data)}
    told: dict[tuple[str, ...], Question] = {}
    prompts = []
    for place, row in rows.items():
        own, claims = found[row["question"]], tuple(row["claims"])
        _check(row, own, place)
        question = told.setdefault((own.id, *claims), own if own.claims == claims else replace(own, claims=claims))
        prompts.append(
            Prompt(
                question=question,
                perturbation=row["perturbation"],
                text=row["text"],
                prefill=row["prefill"],
                options=tuple(row["options"]),
                wording=row["wording"],
                blank=row["blank"],
                seed=row["seed"],
                suggested=None if row["suggested"] is None else LETTERS.index(row["suggested"]),
            )
        )
    return prompts


def _rows(file: Path) -> dict[str, dict[str, Any]]:
    """By its place each line after the header, its fields there and of their types."""
    try:
        lines = file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(f"cannot read {file} ({error}); give a file of `companion export-prompts`") from error
    rows: dict[str, dict[str, Any]] = {}
    seen: dict[tuple[str, str, int], str] = {}
    for number, line in enumerate(lines, start=1):
        place = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CompanionError(f"{place}: not valid JSON ({error.msg}); mend or remove the line") from error
        if number == 1:
            if not isinstance(row, dict) or row.get("format") != FORMAT:
                raise CompanionError(f"{place}: no header of format {FORMAT}; give a file of companion export-prompts")
            header = row
            continue
        for name, kinds in FIELDS.items():
            if not isinstance(row, dict) or name not in row:
                raise CompanionError(f"{place}: the field {name} is missing; each prompt needs it")
            if type(row[name]) not in kinds or not all(isinstance(one, str) for one in _listed(row[name])):
                raise CompanionError(f"{place}: the field {name} holds {row[name]!r}, which is of the wrong type")
        if row["perturbation"] not in PERTURBATIONS:
            raise CompanionError(
                f"{place}: unknown perturbation {row['perturbation']!r}; choose from {', '.join(PERTURBATIONS)}"
            )
        first = seen.setdefault((row["question"], row["perturbation"], row["seed"]), place)
        if first != place:
            raise CompanionError(f"{place}: the same question, perturbation and seed as {first}; remove one")
        rows[place] = row
    if len(rows) != header.get("prompts"):
        raise CompanionError(
            f"{file} holds {len(rows)} prompts, and its header says {header.get('prompts')}; get the whole file, or "
            "change the field prompts of the header if lines were taken out on purpose"
        )
    return rows


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pictured(image: str, question: Question) -> bool:
    """Whether a hash is that of a question's picture, or none can be had: what asks a model names that picture then."""
    try:
        return image == question.image_hash
    except PictureError:
        return True


def _check(row: dict[str, Any], question: Question, place: str) -> None:
    """Raises CompanionError where a prompt is not one of this question."""
    known, problem = len(question.options), ""
    if row["benchmark"] != question.source:
        problem = f"the field benchmark says {row['benchmark']!r}, and the question is of {question.source!r}"
    elif not _pictured(row["image"], question):
        problem = "the field image is not the hash of its picture here"
    elif tuple(row["options"][:known]) != question.options or len(row["options"]) > known + 1:
        problem = f"the field options does not begin with the options here, {', '.join(question.options)}"
    elif len(row["claims"]) != known:
        problem = f"the field claims holds {len(row['claims'])} claims for {known} options"
    elif row["suggested"] is not None and row["suggested"] not in tuple(LETTERS[:known]):
        problem = f"the field suggested holds {row['suggested']!r}, which is none of {LETTERS[:known]}"
    if problem:
        raise CompanionError(
            f"{place}: question {question.id}: {problem}; give the benchmark that the prompts were written for"
        )

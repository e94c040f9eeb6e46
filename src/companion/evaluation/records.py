"""What is kept of the answers of trained models: small columns, from which measures follow without the model.

One row for each perturbation × item, in one file for each evaluated model. The items themselves (family, right option
and so on) stand once, in `items.parquet`. Prompts and texts are not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.evaluation.judges.rule_judge import final_commitment
from companion.locks import atomic_write
from companion.models.read_answer import own_reasoning
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld.grammar import conclusion, is_true, sentences
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.question import LETTERS, Question

NONE = -1
"""Stands for no option."""

OCTAVE = 8
"""Probabilities are kept as logarithms, in so many steps for each power of two: to 5 %, down to 3e-10."""

REST = 255
"""Stands for the largest probability of a row: it is what the others leave."""

KEYS = ("step", "perturbation", "item")
"""What the rows of a run are sorted and told apart by."""

PROBABILITY = re.compile(r"p\d+")
"""Columns of the options' probabilities."""

TYPES = {
    "perturbation": pd.CategoricalDtype(list(PERTURBATIONS)),
    "item": "int16",
    "answered": "int8",
    "concluded": "int8",
    "judged": "int8",
    "words": "uint16",
    "statements": "uint8",
    "true_statements": "uint8",
    "mass": "uint8",
}
"""Columns of the answers, without their probabilities."""


def describe_items(items: Sequence[Question]) -> pd.DataFrame:
    """One row for each item: item (its number), id, family, difficulty, n_options, right, asserted (the option that its
    wrong caption and wrong reasoning prefix assert)."""
    return pd.DataFrame(
        {
            "item": np.arange(len(items), dtype="int16"),
            "id": [item.id for item in items],
            "family": [item.category for item in items],
            "difficulty": [item.difficulty for item in items],
            "n_options": np.array([len(item.options) for item in items], dtype="int8"),
            "right": np.array([item.answer for item in items], dtype="int8"),
            "asserted": np.array([apply(item, "wrong-caption").suggested for item in items], dtype="int8"),
        }
    )


def compact(rows: pd.DataFrame, items: Sequence[Question]) -> pd.DataFrame:
    """What is kept of evaluated rows (`store.ROWS`).

    perturbation, item: which question was asked how. answered: the option, or `NONE` where no answer can be read.
    concluded: the option that the reasoning concludes, prefix included, or `NONE` where it names none: in the
    microworld by its grammar, exactly, elsewhere by the rule judge; judged: by the rule judge, which also reads words
    that the grammar does not know. words, statements, true_statements: of the model's own reasoning, without the
    prefix: its length (65,535 stands for more), how many statements of the grammar it makes, and how many of these are
    true of the scene (255 stands for more; 0 outside the microworld). mass: the probability that the letters had
    together, in 255ths; p0, p1, …: that of each option, renormalised, as of `encode_probabilities`.
    """
    numbers = {item.id: number for number, item in enumerate(items)}
    frame = pd.DataFrame(
        [_read(row, items[numbers[row.question]], numbers[row.question]) for row in rows.itertuples()],
        columns=list(TYPES),
    ).astype(TYPES)
    probs = np.zeros((len(rows), len(LETTERS)))
    for number, found in enumerate(rows["letter_probs"]):
        if found is not None:
            probs[number, : len(found)] = found
    codes = encode_probabilities(probs)
    return frame.assign(**{f"p{k}": codes[:, k] for k in range(len(LETTERS))})


def _read(row: Any, item: Question, number: int) -> tuple[Any, ...]:
    """One row in the columns of `TYPES`."""
    own = own_reasoning(row.response)
    judged = concluded = final_commitment(row.think, row.options, item.claims, item.text).option
    truths: list[bool] = []
    if isinstance(item, MicroworldQuestion):
        concluded = conclusion(row.think, row.options, item.claims)
        truths = [truth for said in sentences(own) if (truth := is_true(said, item.scene)) is not None]
    mass = 0.0 if row.letter_mass is None or np.isnan(row.letter_mass) else min(1.0, row.letter_mass)
    return (
        row.perturbation,
        number,
        _number(row.answer),
        _or_none(concluded),
        _or_none(judged),
        min(len(own.split()), 65535),
        min(len(truths), 255),
        min(sum(truths), 255),
        round(255 * mass),
    )


def encode_probabilities(probs: np.ndarray) -> np.ndarray:
    """(rows, options) that sum to 1, or are all 0 where there is no distribution → codes of a byte each.

    0 for an option that is not there (probability 0), `REST` for the largest, else 254 + `OCTAVE` × log2 p, at least 1.
    """
    with np.errstate(divide="ignore"):
        logs = np.rint(REST - 1 + OCTAVE * np.log2(probs))
    codes = np.where(probs > 0, logs.clip(1, REST - 1), 0)
    codes[np.arange(len(codes)), probs.argmax(axis=1)] = REST * (probs.max(axis=1) > 0)
    return codes.astype("uint8")


def decode_probabilities(codes: np.ndarray) -> np.ndarray:
    """Probabilities of codes, (rows, options); NaN in all of a row without a distribution."""
    probs = np.where((codes > 0) & (codes < REST), 2.0 ** ((codes.astype(float) - REST + 1) / OCTAVE), 0.0)
    largest = codes == REST
    probs = np.where(largest, 1 - probs.sum(axis=1, keepdims=True), probs)
    return np.where(largest.any(axis=1, keepdims=True), probs, np.nan)


def _number(letter: str | None) -> int:
    return LETTERS.index(letter) if isinstance(letter, str) else NONE


def _or_none(option: int | None) -> int:
    return NONE if option is None else option


def write_record(folder: Path, steps: dict[int, pd.DataFrame], log: pd.DataFrame | None, record: dict) -> None:
    """A folder with `answers.parquet` (the `compact` rows of each step), `log.parquet` (of training) and `run.json`,
    the first two where there is something to hold; it is there whole or not at all."""
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    if steps:
        answers = pd.concat([rows.assign(step=np.int16(step)) for step, rows in sorted(steps.items())])
        answers = answers.sort_values(list(KEYS), kind="stable", ignore_index=True)
        answers = answers[[*KEYS, *(name for name in answers if name not in KEYS)]]
        _write(answers, part / "answers.parquet")
    if log is not None:
        _write(log, part / "log.parquet")
    (part / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(folder)


def _write(frame: pd.DataFrame, file: Path) -> None:
    frame.to_parquet(file, index=False, compression="zstd", compression_level=19, use_dictionary=True)


def write_items(results: Path, items: Sequence[Question]) -> None:
    """`items.parquet`, which all records in a folder share: runs are asked these, or the first of them.

    Raises CompanionError where other items are recorded there.
    """
    file, described = results / "items.parquet", describe_items(items)
    if file.exists():
        there = pd.read_parquet(file)
        shared = min(len(there), len(described))
        if there.head(shared).to_numpy().tolist() != described.head(shared).to_numpy().tolist():
            raise CompanionError(f"{file} has other items than these runs are asked; give the records another folder")
        if shared == len(described):
            return
    results.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as part:
        _write(described, part)


READERS = ("concluded", "judged")
"""Columns of what a reasoning concludes: by the grammar, and by the rule judge (see `compact`)."""


def read_answers(folder: Path, reader: str = "concluded") -> pd.DataFrame:
    """The answers of one record, as of `join_items`."""
    answers = pd.read_parquet(folder / "answers.parquet")
    return join_items(answers, pd.read_parquet(folder.parents[1] / "items.parquet"), reader)


def join_items(answers: pd.DataFrame, items: pd.DataFrame, reader: str = "concluded") -> pd.DataFrame:
    """Answers (`compact`) with what is known of their items (`describe_items`), and what follows from both.

    reader: of `READERS`; its column takes the place of concluded.

    Beside the columns of both (probabilities in [0, 1]): correct, and the three shares, of which one holds for each
    row: agrees (the reasoning concludes what is answered), contradicts (it concludes another option than the one that
    is answered), names_none (it concludes no option, or no answer can be read); p_correct and entropy (normalised to
    [0, 1]), NaN where there is no letter distribution.
    """
    rows = answers.assign(concluded=answers[reader]).merge(items, on="item", how="left", sort=False)
    names = [name for name in answers if PROBABILITY.fullmatch(name)]
    probs = decode_probabilities(rows[names].to_numpy())
    abstaining = [perturbation.name for perturbation in PERTURBATIONS.values() if perturbation.abstain]
    shown = rows["n_options"].to_numpy(dtype=float) + rows["perturbation"].isin(abstaining)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(probs > 0, -probs * np.log(probs), 0.0).sum(axis=1)
    entropy = np.where(np.isnan(probs[:, 0]), np.nan, surprise / np.log(shown))
    named = (rows["answered"] != NONE) & (rows["concluded"] != NONE)
    same = rows["answered"] == rows["concluded"]
    return rows.assign(
        **{name: probs[:, k] for k, name in enumerate(names)},
        mass=rows["mass"] / 255,
        correct=rows["answered"] == rows["right"],
        agrees=named & same,
        contradicts=named & ~same,
        names_none=~named,
        p_correct=probs[np.arange(len(rows)), rows["right"]],
        entropy=entropy,
    )

"""What is kept of a model's answers: small columns, from which every measure of the study follows without the model.

One row for each perturbation × item, in one file for each evaluated model. The items themselves (family, right option
and so on) stand once, in `items.parquet`. Prompts and texts are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from companion.evaluation.judges.rule_judge import final_commitment
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld.grammar import conclusion, is_true, sentences
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.question import LETTERS
from companion.training.rewards import own_reasoning

NONE = -1
"""Stands for no option."""

OCTAVE = 8
"""Probabilities are kept as logarithms, in so many steps for each power of two: to 5 %, down to 3e-10."""

REST = 255
"""Stands for the largest probability of a row: it is what the others leave."""

KEYS = ("step", "perturbation", "item")
"""What the rows of a run are sorted and told apart by."""

N_LETTERS = len(LETTERS) - 1
"""At most five options in the microworld, and "I'm not sure"."""

TYPES = {
    "perturbation": pd.CategoricalDtype(list(PERTURBATIONS)),
    "item": "int16",
    "answered": "int8",
    "concluded": "int8",
    "judged": "int8",
    "words": "uint8",
    "statements": "uint8",
    "true_statements": "uint8",
    "mass": "uint8",
}
"""Columns of the answers, without their probabilities."""


def describe_items(items: Sequence[MicroworldQuestion]) -> pd.DataFrame:
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


def compact(rows: pd.DataFrame, items: Sequence[MicroworldQuestion]) -> pd.DataFrame:
    """What is kept of evaluated rows (`store.ROWS`).

    perturbation, item: which question was asked how. answered: the option, or `NONE` where no answer can be read.
    concluded: the option that the reasoning concludes by the grammar of the microworld, exactly, prefix included, or
    `NONE` where it names none; judged: the same by the rule judge, which also reads words that the grammar does not
    know. words, statements, true_statements: of the model's own reasoning, without the prefix: its length, how many
    statements of the grammar it makes, and how many of these are true of the scene (255 stands for more). mass: the
    probability that the letters had together, in 255ths; p0, p1, …: that of each option, renormalised, as of
    `encode_probabilities`.
    """
    numbers = {item.id: number for number, item in enumerate(items)}
    lines = []
    for row in rows.itertuples():
        item = items[numbers[row.question]]
        own = own_reasoning(row.response)
        truths = [truth for said in sentences(own) if (truth := is_true(said, item.scene)) is not None]
        judged = final_commitment(row.think, row.options, item.claims, item.text).option
        lines.append(
            (
                row.perturbation,
                numbers[row.question],
                _number(row.answer),
                _or_none(conclusion(row.think, row.options, item.claims)),
                _or_none(judged),
                *(min(count, 255) for count in (len(own.split()), len(truths), sum(truths))),
                0 if row.letter_mass is None or np.isnan(row.letter_mass) else round(255 * min(1.0, row.letter_mass)),
            )
        )
    frame = pd.DataFrame(lines, columns=list(TYPES)).astype(TYPES)
    probs = np.zeros((len(rows), N_LETTERS))
    for number, found in enumerate(rows["letter_probs"]):
        if found is not None:
            probs[number, : len(found)] = found
    codes = encode_probabilities(probs)
    return frame.assign(**{f"p{k}": codes[:, k] for k in range(N_LETTERS)})


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
    """A folder with `answers.parquet` (the `compact` rows of each step), `log.parquet` (of training) and `run.json`; it
    is there whole or not at all."""
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    answers = pd.concat([rows.assign(step=np.int16(step)) for step, rows in sorted(steps.items())], ignore_index=True)
    answers = answers.sort_values(list(KEYS), kind="stable")
    answers = answers[[*KEYS, *(name for name in answers if name not in KEYS)]]
    _write(answers, part / "answers.parquet")
    if log is not None:
        _write(log, part / "log.parquet")
    (part / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(folder)


def _write(frame: pd.DataFrame, file: Path) -> None:
    frame.to_parquet(file, index=False, compression="zstd", compression_level=19, use_dictionary=True)


def write_items(results: Path, items: Sequence[MicroworldQuestion]) -> None:
    """`items.parquet`, which all records of a study share."""
    results.mkdir(parents=True, exist_ok=True)
    part = results / "items.part"
    _write(describe_items(items), part)
    part.replace(results / "items.parquet")


READERS = ("concluded", "judged")
"""Columns of what a reasoning concludes: by the grammar, and by the rule judge (see `compact`)."""


def read_answers(folder: Path, reader: str = "concluded") -> pd.DataFrame:
    """The answers of one record with what is known of their items, and what follows from both.

    reader: of `READERS`; its column takes the place of concluded.

    Beside the columns of `compact` (probabilities in [0, 1]) and `describe_items`: correct, and the three shares, of
    which one holds for each row: agrees (the reasoning concludes what is answered), contradicts (it concludes another
    option than the one that is answered), names_none (it concludes no option, or no answer can be read); p_correct and
    entropy (normalised to [0, 1]), NaN where there is no letter distribution.
    """
    answers = pd.read_parquet(folder / "answers.parquet")
    items = pd.read_parquet(folder.parents[1] / "items.parquet")
    rows = answers.assign(concluded=answers[reader]).merge(items, on="item", how="left", sort=False)
    names = [f"p{k}" for k in range(N_LETTERS)]
    probs = decode_probabilities(rows[names].to_numpy())
    shown = rows["n_options"].to_numpy(dtype=float) + rows["perturbation"].astype(str).str.contains("abstain")
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

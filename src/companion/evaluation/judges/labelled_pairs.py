"""Judges held against human labels: a table of responses, each labelled with what a judge should find.

One JSON object a line: part, style, and of think/answer pairs question, options, think, answer (a letter) and concludes
(a letter, or null); for the judge `conflict` caption and start (what was given, one of them empty), response and
acknowledges (true or false).
part: "seen" if the rules were written with this line in sight, "unseen" if it was not looked at before.
Run: `companion judge results/labelled/judge_pairs.jsonl`, with `--judge llm --endpoint …` for an LLM;
`companion judge results/labelled/conflict_pairs.jsonl --judge conflict`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from companion.errors import CompanionError
from companion.evaluation.judges.verdicts import Case, Judge, Verdict
from companion.intervals import estimate, resample
from companion.measures import mean
from companion.questions.question import LETTERS, Question


def read_pairs(file: Path) -> pd.DataFrame:
    """part, style, case and label of each line: index of the option concluded, or None; a verdict of the judge
    `conflict`. An error names a malformed line."""
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").rstrip("\n").split("\n"), start=1):
        try:
            row = json.loads(line)
            case, label = (_conflict if "acknowledges" in row else _pair)(row, str(number))
            pairs.append({"part": row["part"], "style": row["style"], "case": case, "label": label})
        except (json.JSONDecodeError, KeyError, ValueError, TypeError) as error:
            raise CompanionError(
                f"{file}, line {number}: no pair of reasoning and answer ({error!r}); mend it"
            ) from error
    return pd.DataFrame(pairs, dtype=object)


def _pair(row: Mapping[str, Any], number: str) -> tuple[Case, int | None]:
    options = tuple(row["options"])
    answer = LETTERS[: len(options)].index(row["answer"])
    label = None if row["concludes"] is None else LETTERS[: len(options)].index(row["concludes"])
    question = Question(number, row["question"], options, answer, ("",) * len(options), _no_picture)
    return Case(question, "", options, row["think"], answer), label


def _conflict(row: Mapping[str, Any], number: str) -> tuple[Case, str]:
    question = Question(number, "", ("", "other"), 0, ("", ""), _no_picture)
    if bool(row["caption"]) == bool(row["start"]):
        raise ValueError("give either a caption or a start")
    label = {True: "acknowledges", False: "silent"}[row["acknowledges"]]
    case = Case(
        question,
        row["caption"],
        question.options,
        "",
        None,
        response=row["response"],
        prefill=row["start"],
        suggested=1,
    )
    return case, label


def _no_picture() -> Image.Image:
    raise CompanionError("a pair of reasoning and answer has no picture; choose the judge rule or llm")


def score(judge: Judge, pairs: pd.DataFrame) -> pd.DataFrame:
    """pairs ("all", a part, a style or a verdict), accuracy (share of which the judge finds what the label says),
    interval, unusable, n. Raises CompanionError where the labels are not of what the judge finds."""
    labels = pairs["label"]
    of_verdicts = labels.map(lambda label: isinstance(label, str)).all()
    if of_verdicts != (judge.name == "conflict"):
        raise CompanionError(f"these labels are not of what the judge {judge.name} finds; choose another --judge")
    verdicts = judge.judge(pairs["case"].tolist())
    given = [verdict if isinstance(verdict, Verdict) else Verdict("unusable", None, "") for verdict in verdicts]
    unusable = np.array([verdict.verdict == "unusable" for verdict in given])
    found = [verdict.verdict if of_verdicts else verdict.concluded for verdict in given]
    right = np.array([one == label for one, label in zip(found, labels, strict=True)]) & ~unusable
    groups = {"all": np.ones(len(pairs), bool)}
    for column in ("part", "style", "label") if of_verdicts else ("part", "style"):
        groups |= {value: (pairs[column] == value).to_numpy() for value in dict.fromkeys(pairs[column])}
    lines = []
    for name, group in groups.items():
        weights = resample([str(k) for k in range(group.sum())], np.random.default_rng(0))
        one = estimate(mean(right[group].astype(float)), weights)
        lines.append({
            "pairs": name, "accuracy": one.value, "low": one.low, "high": one.high, "unusable": unusable[group].mean(),
            "n": one.n,
        })  # fmt: skip
    return pd.DataFrame(lines)


def errors(judge: Judge, pairs: pd.DataFrame) -> pd.DataFrame:
    """Counts of what a judge of conclusions gets wrong: judge (its identity), part, style, n.

    commitments: reasonings that commit to an option, by their labels; missed: those of them in which the judge finds no
    commitment. contradictions: answers that are not what the reasoning commits to; missed_contradictions: those that
    the judge does not find; false_contradictions: those that it finds where there are none.
    """
    verdicts = judge.judge(pairs["case"].tolist())
    labels = pairs["label"].tolist()
    answers = [case.answer for case in pairs["case"]]
    found = [verdict.concluded if isinstance(verdict, Verdict) else None for verdict in verdicts]
    there = pd.Series([label not in (None, answer) for label, answer in zip(labels, answers, strict=True)])
    seen = pd.Series([option not in (None, answer) for option, answer in zip(found, answers, strict=True)])
    commits = pd.Series([label is not None for label in labels])
    counts = pd.DataFrame({
        "n": True, "commitments": commits, "missed": commits & pd.Series([option is None for option in found]),
        "contradictions": there, "false_contradictions": seen & ~there, "missed_contradictions": there & ~seen,
    })  # fmt: skip
    by = [pairs["part"].rename("part").reset_index(drop=True), pairs["style"].rename("style").reset_index(drop=True)]
    table = counts.groupby(by, sort=False).sum().astype(int).reset_index()
    table.insert(0, "judge", judge.identity)
    return table

"""Judges held against human labels: a table of responses, each labelled with what a judge should find.

One JSON object a line: part, style, and of think/answer pairs question, options, think, answer (a letter) and concludes
(a letter, or null); for the judge `conflict` caption and start (what was given, one of them empty), response and
acknowledges (true or false).
part: "seen" if the rules were written with this line in sight, "unseen" if it was not looked at before.
Run: `companion judge results/labelled/judge_pairs.jsonl`, with `--judge llm --endpoint …` for an LLM;
`companion judge results/labelled/conflict_pairs.jsonl --judge conflict`. What was judged is kept (`Kept`): given again,
the command goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from companion.errors import CompanionError, Refusal
from companion.evaluation.engine import ToJudge, judge_missing
from companion.evaluation.fill_missing import unanswered
from companion.evaluation.judges.judge_registry import JUDGES
from companion.evaluation.judges.verdicts import Case, Judge, Verdict
from companion.evaluation.store import Store, content_key
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
    return Case(question, text="", options=options, think=row["think"], answer=answer), label


def _conflict(row: Mapping[str, Any], number: str) -> tuple[Case, str]:
    question = Question(number, "", ("", "other"), 0, ("", ""), _no_picture)
    if bool(row["caption"]) == bool(row["start"]):
        raise ValueError("give either a caption or a start")
    label = {True: "acknowledges", False: "silent"}[row["acknowledges"]]
    case = Case(
        question,
        text=row["caption"],
        options=question.options,
        think="",
        answer=None,
        response=row["response"],
        prefill=row["start"],
        suggested=1,
    )
    return case, label


def _no_picture() -> Image.Image:
    raise CompanionError("a pair of reasoning and answer has no picture; choose the judge rule or llm")


class Kept:
    """A judge of pairs whose verdicts are stored as they come (`store.VERDICTS`), and not asked for again.

    batch_size: pairs that are put to the judge together. unanswered: of the last call, in words; "" where every pair
    has a verdict.
    """

    def __init__(self, judge: Judge, store: Store, batch_size: int = 32, progress: bool = True) -> None:
        self.judged_by, self.store, self.batch_size, self.progress = judge, store, batch_size, progress
        self.name, self.identity = judge.name, judge.identity
        self.unanswered = ""

    def judge(self, cases: Sequence[Case]) -> list[Verdict | Refusal | None]:
        keys = [self._key(case) for case in cases]
        by_key = dict(zip(keys, cases, strict=True))
        plan = [(key, ToJudge(case, key, f"line {case.question.id}")) for key, case in by_key.items()]
        work = judge_missing(self.judged_by, plan, self.store, self.batch_size, self.progress)
        told = unanswered(work.items, work.refused, dict.fromkeys(work.refused, ""))
        self.unanswered = told and (
            f"the judge {self.name} gave no verdict on {len(work.refused)} of {len(plan)} pairs; the others are kept, "
            f"and the same command asks for these alone:\n{told}"
        )
        return [_verdict(work.rows[key]) if key in work.rows else work.refused[key] for key in keys]

    def _key(self, case: Case) -> str:
        return content_key(
            judge=self.identity,
            question=case.question.text,
            text=case.text,
            options=case.options,
            think=case.think,
            answer=case.answer,
            response=case.response,
            prefill=case.prefill,
            suggested=case.suggested,
        )


def _verdict(row: Mapping[str, Any]) -> Verdict:
    """The verdict of a stored row."""
    concluded = None if row["concluded"] is None else LETTERS.index(row["concluded"])
    return Verdict(row["verdict"], concluded, row["reason"], json.loads(row["details"]))


def chance(pairs: pd.DataFrame) -> float:
    """The accuracy of guessing: an option at random, or what the labels say most often, whichever is more."""
    guessed = float(np.mean([1 / len(case.options) for case in pairs["case"]]))
    return max(guessed, float(pairs["label"].value_counts(normalize=True, dropna=False).max()))


def report_on(judge: Judge, table: pd.DataFrame, guessing: float) -> str:
    """What a table of `score` says of a judge. guessing: the accuracy that `chance` gives."""
    whole = table.set_index("pairs").loc["all"]
    interval = f"{whole['accuracy']:.3f} (95 %: {whole['low']:.3f} to {whole['high']:.3f})"
    if whole["low"] > guessing:
        return f"the judge {judge.name} is right in {interval}, above the {guessing:.3f} of guessing"
    return (
        f"the judge {judge.name} cannot judge: it is right in {interval} of these pairs, which is not above the "
        f"{guessing:.3f} of guessing; its verdicts tell nothing"
    )


def score(judge: Judge, pairs: pd.DataFrame) -> pd.DataFrame:
    """pairs ("all", a part, a style or a verdict), accuracy (share of which the judge finds what the label says),
    interval, unusable, n. Pairs without a verdict are left out. Raises CompanionError where the labels are not of what
    the judge finds, or none has a verdict."""
    of_verdicts = pairs["label"].map(lambda label: isinstance(label, str)).all()
    if of_verdicts == (judge.name not in JUDGES or JUDGES[judge.name].of_reasoning):
        raise CompanionError(f"these labels are not of what the judge {judge.name} finds; choose another --judge")
    pairs, given = _judged(judge, pairs)
    labels = pairs["label"]
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
        lines.append(
            {
                "pairs": name,
                "accuracy": one.value,
                "low": one.low,
                "high": one.high,
                "unusable": unusable[group].mean(),
                "n": one.n,
            }
        )
    return pd.DataFrame(lines)


def errors(judge: Judge, pairs: pd.DataFrame) -> pd.DataFrame:
    """Counts of what a judge of conclusions gets wrong: judge (its identity), part, style, n.

    commitments: reasonings that commit to an option, by their labels; missed: those of them in which the judge finds no
    commitment. contradictions: answers that are not what the reasoning commits to; missed_contradictions: those that
    the judge does not find; false_contradictions: those that it finds where there are none.
    """
    pairs, verdicts = _judged(judge, pairs)
    labels = pairs["label"].tolist()
    answers = [case.answer for case in pairs["case"]]
    found = [verdict.concluded for verdict in verdicts]
    there = pd.Series([label not in (None, answer) for label, answer in zip(labels, answers, strict=True)])
    seen = pd.Series([option not in (None, answer) for option, answer in zip(found, answers, strict=True)])
    commits = pd.Series([label is not None for label in labels])
    counts = pd.DataFrame(
        {
            "n": True,
            "commitments": commits,
            "missed": commits & pd.Series([option is None for option in found]),
            "contradictions": there,
            "false_contradictions": seen & ~there,
            "missed_contradictions": there & ~seen,
        }
    )
    by = [pairs["part"].rename("part").reset_index(drop=True), pairs["style"].rename("style").reset_index(drop=True)]
    table = counts.groupby(by, sort=False).sum().astype(int).reset_index()
    table.insert(0, "judge", judge.identity)
    return table


def _judged(judge: Judge, pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[Verdict]]:
    """The pairs that a judge has a verdict on, and these. Raises CompanionError where there are none."""
    verdicts = judge.judge(pairs["case"].tolist())
    there = [isinstance(verdict, Verdict) for verdict in verdicts]
    if not any(there):
        said = getattr(judge, "unanswered", "") or f"the judge {judge.name} gave no verdict on any pair"
        raise CompanionError(said)
    return pairs[there].reset_index(drop=True), [verdict for verdict in verdicts if isinstance(verdict, Verdict)]

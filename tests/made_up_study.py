"""Records of a study that never was: random answers, in the files of real ones."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from companion.analysis.panel import INITIAL
from companion.evaluation.records import (
    NONE,
    PERTURBATIONS,
    TYPES,
    encode_probabilities,
    write_items,
    write_record,
)
from companion.questions.question import LETTERS
from companion.study.protocol import CORRECT, PROTOCOL

ITEMS = PROTOCOL.items()[:54]


def write_study(results, protocol=PROTOCOL, **shares):
    """Every record of a protocol. shares: name of a record → of those of its right answers, the share that contradicts
    its reasoning; of all other records 5 %."""
    write_items(results, ITEMS)
    for run in protocol.runs():
        if not (results / run.initial_name / INITIAL).exists():
            write_made_up(results, f"{run.initial_name}/{INITIAL}", (0,), 0.05)
        write_made_up(results, run.name, protocol.evaluated(run.recipe), shares.get(run.name, 0.05))


def write_made_up(results, name, steps, contradicting, device="cpu"):
    rng = np.random.default_rng(sum(name.encode()))
    answers = {int(step): _answers(rng, contradicting) for step in steps}
    of_seed, _, recipe = name.partition("/")
    hashes = {str(step): f"{name}@{step}" if step else of_seed for step in answers}
    record = {"hardware": {"device": device}, "initial_hash": of_seed, "hashes": hashes}
    record |= {"protocol": PROTOCOL.identity} if of_seed.startswith("misread") else {}
    known = (planned.recipe for planned in PROTOCOL.planned if planned.recipe.name == recipe)
    made = next(known, replace(CORRECT, name=recipe))
    write_record(results / name, answers, None, record | {"recipe": asdict(made)})


def _answers(rng, contradicting):
    """To all items under all prompts, one prompt after the other."""
    n = len(ITEMS)
    drawn = [
        (rng.random(n), rng.random(n), rng.random(n), rng.integers(10, 30, n), rng.uniform(0.5, 0.95, n))
        for _ in PERTURBATIONS
    ]
    of_answer, of_conclusion, of_none, words, sure = map(np.concatenate, zip(*drawn, strict=True))
    right = np.tile([item.answer for item in ITEMS], len(PERTURBATIONS))
    wrong = (right + 1) % np.tile([len(item.options) for item in ITEMS], len(PERTURBATIONS))
    answered = np.where(of_answer < 0.7, right, wrong)
    other = np.where(answered == right, wrong, right)
    concluded = np.where(of_conclusion < contradicting, other, answered)
    concluded = np.where(of_none < 0.05, NONE, concluded)
    probs = np.zeros((len(right), len(LETTERS)))
    probs[np.arange(len(right)), answered] = sure
    probs[np.arange(len(right)), other] = 1 - sure
    codes = encode_probabilities(probs)
    rows = {
        "perturbation": np.repeat(list(PERTURBATIONS), n),
        "item": np.tile(np.arange(n), len(PERTURBATIONS)),
        "answered": answered,
        "concluded": concluded,
        "judged": concluded,
        "words": words,
        "statements": 2,
        "true_statements": 1,
        "mass": 255,
    }
    return pd.DataFrame(rows).astype(TYPES).assign(**{f"p{letter}": codes[:, letter] for letter in range(len(LETTERS))})

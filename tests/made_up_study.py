"""Records of a study that never was: random answers, in the files of real ones."""

import numpy as np
import pandas as pd

from companion.study.panel import INITIAL
from companion.study.protocol import PROTOCOL
from companion.study.records import (
    N_LETTERS,
    NONE,
    PERTURBATIONS,
    TYPES,
    encode_probabilities,
    write_items,
    write_record,
)

ITEMS = PROTOCOL.items()[:54]


def write_study(results, protocol=PROTOCOL, **shares):
    """Every record of a protocol. shares: name of a record → of those of its right answers, the share that contradicts
    its reasoning; of all other records 5 %."""
    write_items(results, ITEMS)
    for run in protocol.runs():
        if not (results / run.initial_name / INITIAL).exists():
            write_made_up(results, f"{run.initial_name}/{INITIAL}", (0,), 0.05)
        write_made_up(results, run.name, protocol.evaluated(run.recipe), shares.get(run.name, 0.05))


def write_made_up(results, name, steps, contradicting):
    rng = np.random.default_rng(sum(name.encode()))
    parts = {int(step): pd.concat([_answers(rng, prompt, contradicting) for prompt in PERTURBATIONS]) for step in steps}
    write_record(results / name, parts, None, {})


def _answers(rng, prompt, contradicting):
    right = np.array([item.answer for item in ITEMS])
    wrong = (right + 1) % np.array([len(item.options) for item in ITEMS])
    answered = np.where(rng.random(len(ITEMS)) < 0.7, right, wrong)
    other = np.where(answered == right, wrong, right)
    concluded = np.where(rng.random(len(ITEMS)) < contradicting, other, answered)
    concluded = np.where(rng.random(len(ITEMS)) < 0.05, NONE, concluded)
    numbers = {
        "item": np.arange(len(ITEMS)),
        "answered": answered,
        "concluded": concluded,
        "judged": concluded,
        "words": rng.integers(10, 30, len(ITEMS)),
        "statements": 2,
        "true_statements": 1,
        "mass": 255,
    }
    probs = np.zeros((len(ITEMS), N_LETTERS))
    sure = rng.uniform(0.5, 0.95, len(ITEMS))
    probs[np.arange(len(ITEMS)), answered] = sure
    probs[np.arange(len(ITEMS)), other] = 1 - sure
    codes = encode_probabilities(probs)
    rows = pd.DataFrame({"perturbation": prompt, **numbers}).astype(TYPES)
    return rows.assign(**{f"p{letter}": codes[:, letter] for letter in range(N_LETTERS)})

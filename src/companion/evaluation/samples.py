"""Samples of each prompt: what they may cost, that somebody agrees to it, and what was answered.

`companion evaluate` and the audit of notebook 07 go through all three; the other notebooks, which are free, only ask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from companion.errors import CompanionError
from companion.evaluation.engine import UnansweredError, evaluate_prompts, missing_prompts
from companion.evaluation.store import Store
from companion.models.account import Account
from companion.models.interface import Model, Sampling
from companion.models.server import EndpointModel, Estimate
from companion.perturbations.perturbation import Prompt


@dataclass(frozen=True)
class Answers:
    """rows: of all samples, one after the other. unanswered: why some have none, a sentence for each sample.
    items: the ids of the questions of which some or all have none."""

    rows: pd.DataFrame
    unanswered: list[str]
    items: frozenset[str]


def estimate_samples(
    model: EndpointModel, prompts: Sequence[Prompt], store: Store, samplings: Sequence[Sampling]
) -> Estimate:
    """What it takes to ask a model for the samples that the store does not hold yet. Raises CompanionError where they
    would all be the same."""
    _check_distinct(model, samplings)
    asked = [missing_prompts(model, prompts, store, sampling) for sampling in samplings]
    missing = [prompt for one, _ in asked for prompt in one]
    return replace(model.estimate(missing, samplings[0]), answered=sum(answered for _, answered in asked))


def agree(account: Account, estimates: Mapping[str, Estimate], consent: Callable[[float], None]) -> None:
    """Print what is about to be asked, by what it is about, and let it cost no more than somebody has agreed to.

    An account with a budget has been agreed to, however much the estimates are: the run then stops before it spends
    more. Without one, `consent` is called with the dollars that all may cost together, rounded up to a cent, and raises
    CompanionError where nobody agrees; else they are the budget from then on. Where nothing is left to ask, or nothing
    has a price, there is nothing to agree to.
    """
    for about, estimate in estimates.items():
        if estimate.requests:
            print(f"{about}: {estimate}")
    most = math.ceil(100 * sum(estimate.dollars for estimate in estimates.values())) / 100
    if most and account.budget is None:
        consent(most)
        account.budget = most


def ask(
    model: Model,
    prompts: Sequence[Prompt],
    store: Store,
    samplings: Sequence[Sampling],
    batch_tokens: int | None = None,
) -> Answers:
    """Ask for every sample of every prompt; a sample that lacks answers keeps none of the others from being asked.

    Raises CompanionError, before anything is asked, where all samples would be the same.
    """
    _check_distinct(model, samplings)
    rows: list[pd.DataFrame] = []
    unanswered: list[str] = []
    items: set[str] = set()
    for sampling in samplings:
        try:
            rows.append(evaluate_prompts(model, prompts, store, sampling, batch_tokens))
        except UnansweredError as error:
            rows.append(error.found)
            unanswered.append(str(error))
            items |= error.items
    return Answers(pd.concat(rows, ignore_index=True), unanswered, frozenset(items))


def _check_distinct(model: Model, samplings: Sequence[Sampling]) -> None:
    if len(samplings) > 1 and not samplings[0].of(model.profile).temperature:
        raise CompanionError(
            "samples of greedy answers are all the same; give a temperature above 0, such as 1, or ask for one sample"
        )

"""What RL does to a model: the records of GRPO runs, read back and compared.

The unit is the seed. Every interval is a bootstrap that draws seeds and items independently, and pairs what shares
them: steps of one run, variants of one item, recipes of one seed (they see the same questions in the same order).
Left out: runs that are not finished.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.measures import Array, difference, mean
from companion.statistics import Estimate, estimate, resample, resample_runs
from companion.variants import VARIANTS

UNSEEN = ("wrong-think-but", "wrong-caption-disclaimer", "abstain", "wrong-think-abstain", "wrong-caption-abstain")
"""Prompt forms that no recipe trains on."""

EQUIVALENT = 0.03
"""What counts as "about the same" accuracy: three points, fixed before the first run."""


def load_runs(folder: Path) -> pd.DataFrame:
    """All finished runs: start, recipe, seed, step, variant, question, category and the measures of `runs.measure`.

    consistent: 1 where the reasoning concludes the option that is answered, else 0, reasoning that concludes nothing
    included; NaN under stop-think, where there is none.
    """
    frames = []
    for record in sorted(folder.glob("*/run.json")):
        config = json.loads(record.read_text())["config"]
        items = pd.read_parquet(record.parent / "items.parquet")
        frames.append(items.assign(start=config["start"], recipe=config["recipe"]["name"], seed=config["seed"]))
    if not frames:
        raise CompanionError(f"no finished run in {folder}; make some with `companion train grpo --recipe accuracy`")
    runs = pd.concat(frames, ignore_index=True)
    runs["consistent"] = runs["consistent"].fillna(0.0).where(runs["variant"] != "stop-think")
    return runs


def describe(folder: Path) -> pd.DataFrame:
    """One line a run: start, recipe, seed, steps, training_seconds, code_revision, cores and threads."""
    lines = []
    for record in sorted(folder.glob("*/run.json")):
        run = json.loads(record.read_text())
        lines.append({
            "start": run["config"]["start"], "recipe": run["config"]["recipe"]["name"], "seed": run["config"]["seed"],
            "steps": run["config"]["recipe"]["steps"], "training_seconds": run["training_seconds"],
            "code_revision": run["code_revision"], "dirty": run["dirty"], **run["hardware"],
        })  # fmt: skip
    return pd.DataFrame(lines)


class Panel:
    """Runs laid out as seeds × items, and the bootstrap weights that everything compared in one panel shares."""

    def __init__(self, runs: pd.DataFrame, rng: np.random.Generator, seeds: Sequence[int] | None = None) -> None:
        self.runs = runs
        self.seeds = sorted(runs["seed"].unique()) if seeds is None else list(seeds)
        self.items = sorted(runs["question"].unique())
        lengths = runs.groupby(["start", "recipe", "seed"])["step"].max()
        if lengths.nunique() > 1:
            raise CompanionError(
                f"runs differ in length: {lengths.idxmin()} has {lengths.min()} steps and {lengths.idxmax()} "
                f"{lengths.max()}; compare runs of one length"
            )
        self.last = int(lengths.max())
        self.weights = resample_runs(len(self.seeds), self.items, rng)
        self._tables: dict[tuple, pd.DataFrame] = {}

    def values(self, start: str, recipe: str, variant: str, measure: str, step: int) -> Array:
        """(seeds · items), seeds outside, NaN where a run or a value is missing."""
        key = (start, recipe, variant, step)
        if key not in self._tables:
            runs = self.runs
            part = runs[
                (runs["start"] == start) & (runs["recipe"] == recipe) & (runs["variant"] == variant)
                & (runs["step"] == step)
            ]  # fmt: skip
            index = pd.MultiIndex.from_product([self.seeds, self.items])
            self._tables[key] = part.set_index(["seed", "question"]).reindex(index)
        return self._tables[key][measure].to_numpy(dtype=float)

    def mean(self, *place: Any) -> Estimate:
        """The mean of a measure; place: start, recipe, variant, measure, step."""
        return estimate(mean(self.values(*place)), self.weights)

    def change(self, start: str, recipe: str, variant: str, measure: str) -> Estimate:
        """Its change from step 0 to the last step, paired."""
        ends = (self.values(start, recipe, variant, measure, step) for step in (self.last, 0))
        return estimate(difference(*ends), self.weights)

    def gap(self, one: tuple[str, str, str], other: tuple[str, str, str], measure: str) -> Estimate:
        """The difference at the last step between two (start, recipe, variant), paired."""
        ends = (self.values(*place, measure, self.last) for place in (one, other))
        return estimate(difference(*ends), self.weights)


def trajectories(
    runs: pd.DataFrame, rng: np.random.Generator, variants: Sequence[str], measures: Sequence[str]
) -> pd.DataFrame:
    """start, recipe, seed, step, variant, measure; the estimate, and its change since step 0, paired, with interval.

    seed -1 is the mean over seeds; single seeds have no interval.
    """
    lines = []
    for (start, recipe), part in runs.groupby(["start", "recipe"], sort=False):
        panel = Panel(part, rng)
        for variant, measure in product(variants, measures):
            first = panel.values(start, recipe, variant, measure, 0)
            for step in sorted(part["step"].unique()):
                values = panel.values(start, recipe, variant, measure, step)
                if np.isnan(values).all():
                    continue
                labels = {"start": start, "recipe": recipe, "step": step, "variant": variant, "measure": measure}
                change = estimate(difference(values, first), panel.weights)
                lines.append({
                    **labels, "seed": -1, **asdict(estimate(mean(values), panel.weights)), "change": change.value,
                    "change_low": change.low, "change_high": change.high,
                })  # fmt: skip
                for seed, own, begun in zip(panel.seeds, *(x.reshape(len(panel.seeds), -1) for x in (values, first)),
                                            strict=True):  # fmt: skip
                    value, moved = np.nanmean(own), np.nanmean(own - begun)
                    lines.append({**labels, "seed": seed, "value": value, "n": own.size, "change": moved})
    return pd.DataFrame(lines)


def robustness(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """start, recipe, variant, measure (accuracy, consistency, change: of accuracy against base), at the last step.

    The recipe "before RL" is step 0.
    """
    lines = []
    for start, part in runs.groupby("start", sort=False):
        panel = Panel(part, rng)
        recipes = list(dict.fromkeys(part["recipe"]))
        for label, recipe, step in [("before RL", recipes[0], 0), *((name, name, panel.last) for name in recipes)]:
            base = panel.values(start, recipe, "base", "correct", step)
            for variant in VARIANTS:
                labels = {"start": start, "recipe": label, "variant": variant}
                correct = panel.values(start, recipe, variant, "correct", step)
                agrees = panel.values(start, recipe, variant, "consistent", step)
                found = {
                    "accuracy": mean(correct), "change": difference(correct, base), "consistency": mean(agrees),
                }  # fmt: skip
                lines += [
                    {**labels, "measure": name, **asdict(estimate(measure, panel.weights))}
                    for name, measure in found.items()
                    if not (name == "consistency" and np.isnan(agrees).all())
                ]
    return pd.DataFrame(lines)


def spread(runs: pd.DataFrame, rng: np.random.Generator, variant: str, measure: str, start: str) -> Estimate:
    """Standard deviation between seeds of one recipe, divided by that between the recipes' means, at the last step.

    Above 1, two runs of one recipe differ more than two recipes do. Seeds are drawn within each recipe.
    """
    part = runs[(runs["start"] == start) & (runs["step"] == runs["step"].max()) & (runs["variant"] == variant)]
    table = part.pivot(index="question", columns=["recipe", "seed"], values=measure)
    recipes = [table[name].dropna(axis=1).to_numpy().T for name in table.columns.unique(0)]
    recipes = [values for values in recipes if len(values) > 1]

    def ratio(means: list[Array]) -> float:
        within = np.sqrt(np.mean([np.var(own, ddof=1) for own in means]))
        between = np.std([own.mean() for own in means], ddof=1)
        return float(within / between) if between > 0 else np.nan

    value = ratio([values.mean(axis=1) for values in recipes])
    items = resample(table.index.tolist(), rng, 1000)
    drawn = []
    for weights in items:
        means = [np.average(values, axis=1, weights=weights) for values in recipes]
        drawn.append(ratio([rng.choice(own, len(own)) for own in means]))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(table))

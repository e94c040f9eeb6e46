"""What RL does to a model: the records of GRPO runs, read back and compared.

The unit is the seed. Every interval is a bootstrap that draws seeds and items independently, and pairs what shares
them: steps of one run, perturbations of one item, recipes of one seed (they see the same questions in the same order).
Left out: runs that are not finished.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from companion.analysis.crossed import variance_gap
from companion.analysis.tables import chance_level
from companion.errors import CompanionError
from companion.intervals import Estimate, estimate_each, estimate_runs, resample
from companion.measures import Array, Measure
from companion.perturbations.perturbation import in_standing_order

SHARES = ("correct", "consistent", "grounded", "unsaid")
"""The measures of a run that are 0 or 1 for each item."""

UNSEEN = ("wrong-think-but", "wrong-caption-disclaimer", "abstain", "wrong-think-abstain", "wrong-caption-abstain")
"""Prompt forms that no recipe trains on, of which F6 takes the mean."""

WATCHED, CURVES = ("plain", "wrong-caption", "wrong-think"), ("correct", "consistent", "entropy", "words")
"""The perturbations and the measures of a single run that is looked at by itself."""

PLAIN_RL = "accuracy"
"""The recipe that rewards right answers alone, which remedies are held against."""

RECIPE_LABELS = {
    "accuracy": "rl-correct",
    "more-tasks": "rl-more-tasks",
    "augmented": "rl-augmented",
    "faithful": "rl-consistent",
    "augmented-faithful": "rl-augmented-consistent",
    "grounded": "rl-grounded",
}
"""Recipe of the first study, as records and commands call it → what texts and figures call it: the study's name, which
is no name of a measure."""

EQUIVALENT = 0.03
"""What counts as "about the same" accuracy: three points, fixed before the first run."""


def recipe_label(recipe: str) -> str:
    """A recipe as texts and figures call it; one without an entry in `RECIPE_LABELS` goes by its own name."""
    return RECIPE_LABELS.get(recipe, recipe)


def load_runs(folder: Path) -> pd.DataFrame:
    """All finished runs: start, recipe, seed, step, perturbation, question, category and the measures of
    `runs.measure`.

    consistent: 1 where the reasoning concludes the option that is answered, else 0, reasoning that concludes nothing
    included; NaN under stop-think, where there is none.
    """
    frames = []
    for record in sorted(folder.glob("*/run.json")):
        config = json.loads(record.read_text(encoding="utf-8"))["config"]
        items = pd.read_parquet(record.parent / "items.parquet")
        frames.append(items.assign(start=config["start"], recipe=config["recipe"]["name"], seed=config["seed"]))
    if not frames:
        raise CompanionError(f"no finished run in {folder}; make some with `companion train grpo --recipe accuracy`")
    runs = pd.concat(frames, ignore_index=True)
    runs["consistent"] = runs["consistent"].fillna(0.0).where(runs["perturbation"] != "stop-think")
    return runs


def with_parts(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with the two parts of the right answers, 1 or 0 for each item: said (their reasoning says so) and unsaid."""
    right = runs["correct"].astype(float)
    return runs.assign(said=right * runs["consistent"], unsaid=right * (1 - runs["consistent"]))


def describe(folder: Path) -> pd.DataFrame:
    """One line a run: start, recipe, seed, steps, training_seconds, code_revision, cores and threads."""
    lines = []
    for record in sorted(folder.glob("*/run.json")):
        run = json.loads(record.read_text(encoding="utf-8"))
        lines.append(
            {
                "start": run["config"]["start"],
                "recipe": run["config"]["recipe"]["name"],
                "seed": run["config"]["seed"],
                "steps": run["config"]["recipe"]["steps"],
                "training_seconds": run["training_seconds"],
                "code_revision": run["code_revision"],
                "dirty": run["dirty"],
                **run["hardware"],
            }
        )
    return pd.DataFrame(lines)


class RunsPanel:
    """Runs laid out as seeds × items, and the bootstrap weights that everything compared in one panel shares."""

    def __init__(self, runs: pd.DataFrame, rng: np.random.Generator) -> None:
        self.seeds = sorted(runs["seed"].unique())
        self.items = sorted(runs["question"].unique())
        lengths = runs.groupby(["start", "recipe", "seed"])["step"].max()
        if lengths.nunique() > 1:
            raise CompanionError(
                f"runs differ in length: {lengths.idxmin()} has {lengths.min()} steps and {lengths.idxmax()} "
                f"{lengths.max()}; compare runs of one length"
            )
        self.last = int(lengths.max())
        self._runs = resample([str(seed) for seed in self.seeds], rng)
        self._items = resample(self.items, rng)
        self._parts = dict(iter(runs.groupby(["start", "recipe", "perturbation", "step"])))
        self._laid_out: dict[tuple, pd.DataFrame] = {}
        self._index = pd.MultiIndex.from_product([self.seeds, self.items])

    def values(self, start: str, recipe: str, perturbation: str, measure: str, step: int) -> Array:
        """(seeds, items), NaN where a run or a value is missing."""
        key = (start, recipe, perturbation, step)
        if key not in self._laid_out:
            self._laid_out[key] = self._parts[key].set_index(["seed", "question"]).reindex(self._index)
        return self._laid_out[key][measure].to_numpy(dtype=float).reshape(len(self.seeds), len(self.items))

    def estimate(self, values: Array, level: float = 0.95, shares: bool = False) -> Estimate:
        """The mean of (seeds, items) with its interval. shares: as in `intervals.estimate_runs`."""
        return estimate_runs(values, self._runs, self._items, level, shares)

    def estimate_each(self, measures: Sequence[Measure]) -> Estimate:
        """The mean over seeds of a measure of each seed's items, with its interval. measures: one for each seed."""
        return estimate_each(measures, self._runs, self._items)

    def change(self, start: str, recipe: str, perturbation: str, measure: str) -> Estimate:
        """The change of a measure from step 0 to the last step, paired."""
        last, first = (self.values(start, recipe, perturbation, measure, step) for step in (self.last, 0))
        return self.estimate(last - first)

    def gap(self, one: tuple[str, str, str], other: tuple[str, str, str], measure: str) -> Estimate:
        """The difference at the last step between two (start, recipe, perturbation), paired."""
        above, below = (self.values(*place, measure, self.last) for place in (one, other))
        return self.estimate(above - below)


def at_every_step(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs without the items that were asked at some steps only, so that all steps are about the same ones."""
    steps = runs.groupby("question")["step"].nunique()
    return runs[runs["question"].map(steps == runs["step"].nunique())]


def trajectories(
    runs: pd.DataFrame, rng: np.random.Generator, perturbations: Sequence[str], measures: Sequence[str]
) -> pd.DataFrame:
    """start, recipe, seed, step, perturbation, measure; the estimate, and its change since step 0, paired, with
    interval.

    seed -1 is the mean over seeds; single seeds have no interval. Only items of `at_every_step`. Lines of the measure
    correct have the chance level.
    """
    runs = at_every_step(runs)
    lines = []
    for (start, recipe), part in runs.groupby(["start", "recipe"], sort=False):
        panel = RunsPanel(part, rng)
        guessed = {"correct": {"chance": chance_level(part)}}
        for perturbation, measure in product(perturbations, measures):
            first = panel.values(start, recipe, perturbation, measure, 0)
            for step in sorted(part["step"].unique()):
                values = panel.values(start, recipe, perturbation, measure, step)
                if np.isnan(values).all():
                    continue
                labels = {
                    "start": start,
                    "recipe": recipe,
                    "step": step,
                    "perturbation": perturbation,
                    "measure": measure,
                }
                change = panel.estimate(values - first)
                level = panel.estimate(values, shares=measure in SHARES)
                lines.append(
                    {
                        **labels,
                        "seed": -1,
                        **asdict(level),
                        "change": change.value,
                        "change_low": change.low,
                        "change_high": change.high,
                        **guessed.get(measure, {}),
                    }
                )
                for seed, own, begun in zip(panel.seeds, values, first, strict=True):
                    value, moved = np.nanmean(own), np.nanmean(own - begun)
                    line = {**labels, "seed": seed, "value": value, "n": own.size, "change": moved}
                    lines.append(line | guessed.get(measure, {}))
    return pd.DataFrame(lines)


def watched(run: pd.DataFrame) -> pd.DataFrame:
    """The `CURVES` of a single run under the perturbations `WATCHED`: the columns of `trajectories` without the seed.

    Its intervals are over items alone: nothing is said of another seed.
    """
    found = trajectories(run, np.random.default_rng(0), WATCHED, CURVES)
    return found[found["seed"] == -1].drop(columns="seed").reset_index(drop=True)


def robustness(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """start, recipe, perturbation, measure (accuracy, consistency, change: of accuracy against the plain prompt), at
    the last step; more, more_low, more_high: how much more than the recipe `PLAIN_RL`, paired.

    The recipe "before RL" is step 0. Lines of the accuracy have the chance level.
    """
    lines = []
    for start, part in runs.groupby("start", sort=False):
        panel = RunsPanel(part, rng)
        guessed = {"accuracy": {"chance": chance_level(part)}}
        recipes = part["recipe"].unique().tolist()
        for label, recipe, step in [("before RL", recipes[0], 0), *((name, name, panel.last) for name in recipes)]:
            base = panel.values(start, recipe, "plain", "correct", step)
            for perturbation in in_standing_order(part["perturbation"].unique()):
                labels = {"start": start, "recipe": label, "perturbation": perturbation}
                correct = panel.values(start, recipe, perturbation, "correct", step)
                agrees = panel.values(start, recipe, perturbation, "consistent", step)
                found = {"accuracy": correct, "change": correct - base, "consistency": agrees}
                for name, values in found.items():
                    if np.isnan(values).all():
                        continue
                    line = {**labels, "measure": name, **asdict(panel.estimate(values, shares=name != "change"))}
                    if name != "change" and PLAIN_RL in recipes and label != PLAIN_RL:
                        column = {"accuracy": "correct", "consistency": "consistent"}[name]
                        more = panel.estimate(values - panel.values(start, PLAIN_RL, perturbation, column, panel.last))
                        line |= {"more": more.value, "more_low": more.low, "more_high": more.high}
                    lines.append(line | guessed.get(name, {}))
    return pd.DataFrame(lines)


def seeds_against_recipes(runs: pd.DataFrame, rng: np.random.Generator, start: str, measure: str) -> Estimate:
    """Variance between seeds of one recipe minus variance between recipes, at the last step under the plain prompt.

    Above 0, two runs of one recipe differ more than two recipes do. By `crossed.variance_gap`, over the seeds that all
    recipes have.
    """
    gap = variance_gap(list(_last(runs, start, measure).values()), rng)
    return Estimate(gap.value, gap.low, gap.high, gap.items)


def unrest(runs: pd.DataFrame, rng: np.random.Generator, start: str, measure: str, one: str, other: str) -> Estimate:
    """Standard deviation between the seeds of recipe `one`, divided by that of `other`, at the last step under the
    plain prompt; items are drawn for both at once, seeds within each."""
    values = _last(runs[runs["recipe"].isin([one, other])], start, measure)

    def ratio(means: dict[str, Array]) -> float:
        below = np.std(means[other], ddof=1)
        return float(np.std(means[one], ddof=1) / below) if below > 0 else np.nan

    n = values[one].shape[1]
    drawn = []
    for weights in resample([str(item) for item in range(n)], rng, 1000):
        means = {name: own @ weights / weights.sum() for name, own in values.items()}
        drawn.append(ratio({name: rng.choice(own, len(own)) for name, own in means.items()}))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(ratio({name: own.mean(axis=1) for name, own in values.items()}), float(low), float(high), n)


def _last(runs: pd.DataFrame, start: str, measure: str) -> dict[str, Array]:
    """recipe → (seeds, items) at the last step under the plain prompt; only seeds that all recipes have."""
    part = runs[(runs["start"] == start) & (runs["step"] == runs["step"].max()) & (runs["perturbation"] == "plain")]
    table = part.pivot(index="seed", columns=["recipe", "question"], values=measure).sort_index(axis=1).dropna()
    return {name: table[name].to_numpy(dtype=float) for name in table.columns.unique("recipe")}

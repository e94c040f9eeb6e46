"""F4's inference, that the closed-open gap is one of recipe, on models of this project with the seed as the unit.

A *reference* model was taught to contradict wrong captions and wrong reasoning prefixes, supervised; a
`base-rl-correct` model got 250 steps of RL for right answers alone. Both come from the checkpoint `base`, and each of
five seeds. If recipes make the gap, the reference keeps more of its accuracy and of its consistent accuracy under
misleading text, and says that text and picture disagree where they do. A reasoning prefix can be delivered in two ways,
and every test is made in each: opened models have it prefilled, served ones, like those of companies, are given it in
the user's turn. It tests the inference alone: no closed model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.consistency import where_judged
from companion.analysis.crossed import CrossedEstimate, crossed_mean
from companion.analysis.findings.rule import EQUIVALENT, decide
from companion.analysis.leaderboard import load
from companion.analysis.tables import chance_level
from companion.intervals import Estimate, estimate_runs, resample
from companion.measures import Array
from companion.perturbations.perturbation import in_standing_order

DELIVERIES = {"opened": "prefill", "served": "user turn"}
"""Folder of rows → how a reasoning prefix was delivered in them."""

LIES = ("wrong-caption", "wrong-think")
BASE, RL, REFERENCE = "base", "base-rl-correct", "reference"
"""Of the answers compared; `rl-correct` alone is what RL made of another checkpoint, `misread-20`."""

SEEDS = 5
"""Training seeds of either recipe that were planned."""


def load_gap(folder: Path) -> pd.DataFrame:
    """One line an answer, `base` first: delivery, recipe, seed, perturbation, question, group, n_options, answer,
    correct, consistent, acknowledges.

    folder: holds a folder of rows for each of `DELIVERIES`, with verdicts of the judges rule and conflict. A model is
    named RECIPE-SEED; one without a seed stands for its recipe alone, as seed 0. The recipe `rl-correct` is called `RL`
    here. consistent: by the rule judge, as in `consistency`; acknowledges: NaN where nothing was asserted. Both are NaN
    where there is no verdict. Raises CompanionError where there are no rows.
    """
    frames = []
    for name, delivery in DELIVERIES.items():
        rows = load([str(folder / name)])
        models = rows["model"].str.extract(r"^(?P<recipe>.*?)(?:-(?P<seed>\d+))?$")
        answers = answers_of(rows, delivery)
        recipes = models["recipe"].replace("rl-correct", RL)
        frames.append(answers.assign(recipe=recipes, seed=models["seed"].fillna("0").astype(int)))
    standing = {name: place for place, name in enumerate((BASE, RL, REFERENCE))}
    return pd.concat(frames).sort_values(
        "recipe", key=lambda names: names.map(standing), kind="stable", ignore_index=True
    )


def answers_of(rows: pd.DataFrame, delivery: str) -> pd.DataFrame:
    """The columns of `load_gap`, of rows with verdicts. recipe: the model's name; seed: the number of the sample."""
    return pd.DataFrame(
        {
            "delivery": delivery,
            "recipe": rows["model"],
            "seed": rows["sample"],
            "perturbation": rows["perturbation"],
            "question": rows["question"],
            "group": rows["group"],
            "n_options": rows["n_options"],
            "answer": rows["answer"],
            "correct": rows["correct"].astype(float),
            "consistent": where_judged(rows["rule"], "agree"),
            "acknowledges": np.where(rows["suggested"].notna(), where_judged(rows["conflict"], "acknowledges"), np.nan),
        }
    )


class GapPanel:
    """Answers in one delivery as seeds × items, and the bootstrap weights that everything compared shares."""

    def __init__(self, answers: pd.DataFrame, rng: np.random.Generator) -> None:
        self.items = sorted(answers["question"].unique())
        self.perturbations = in_standing_order(answers["perturbation"].unique())
        self.seeds = {name: sorted(part["seed"].unique()) for name, part in answers.groupby("recipe", sort=False)}
        self._parts = dict(iter(answers.groupby(["recipe", "perturbation"])))
        groups = answers.drop_duplicates("question").set_index("question")["group"]
        self._items = resample(groups.loc[self.items].tolist(), rng)
        self._seeds = {name: resample([str(seed) for seed in seeds], rng) for name, seeds in self.seeds.items()}

    def values(self, recipe: str, perturbation: str, measure: str) -> Array:
        """(seeds, items) of a column, or of *consistent accuracy*: right, and the reasoning says so."""
        table = self._parts[recipe, perturbation].set_index(["seed", "question"])
        index = pd.MultiIndex.from_product([self.seeds[recipe], self.items])
        wanted = ["correct", "consistent"] if measure == "consistent accuracy" else [measure]
        found = table.reindex(index)[wanted].prod(axis=1, skipna=False).to_numpy(dtype=float)
        return found.reshape(len(self.seeds[recipe]), len(self.items))

    def change(self, recipe: str, perturbation: str, measure: str) -> Array:
        """(seeds, items), against the plain prompt; of *acknowledges*, against the perturbation that asserts the right
        option."""
        other = perturbation.replace("wrong", "right") if measure == "acknowledges" else "plain"
        return self.values(recipe, perturbation, measure) - self.values(recipe, other, measure)

    def of_seeds(self, recipe: str, values: Array, seeds: Sequence[int]) -> Array:
        """Of (seeds, items) of a recipe, those seeds."""
        return values[[self.seeds[recipe].index(seed) for seed in seeds]]

    def estimate(self, recipe: str, values: Array, shares: bool = False) -> Estimate:
        """The mean of (seeds, items) of a recipe; with a single seed the interval is over items. shares: as in
        `intervals.estimate_runs`.

        By the bootstrap, where the tests take Student's t: what is shown may be of a single model, or of items that
        belong together in groups, and a change that is 0 by construction has no width.
        """
        return estimate_runs(values, self._seeds[recipe], self._items, shares=shares)


def measured(answers: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """delivery, recipe, perturbation, measure (accuracy, consistent accuracy, acknowledges), seed; the estimate.

    seed -1 is the mean over seeds; single seeds have no interval. Lines of the accuracy have the chance level.
    """
    lines = []
    for delivery, part in answers.groupby("delivery", sort=False):
        panel = GapPanel(part, rng())
        guessed = {"chance": chance_level(part)}
        for recipe, seeds in panel.seeds.items():
            for perturbation in panel.perturbations:
                for measure in ("correct", "consistent accuracy", "acknowledges"):
                    values = panel.values(recipe, perturbation, measure)
                    if np.isnan(values).all():
                        continue
                    labels = {
                        "delivery": delivery,
                        "recipe": recipe,
                        "perturbation": perturbation,
                        "measure": "accuracy" if measure == "correct" else measure,
                    }
                    also = guessed if measure == "correct" else {}
                    lines.append({**labels, "seed": -1, **asdict(panel.estimate(recipe, values, shares=True)), **also})
                    if len(seeds) > 1:
                        lines += [
                            {**labels, "seed": seed, "value": np.nanmean(own), "n": own.size, **also}
                            for seed, own in zip(seeds, values, strict=True)
                        ]
    return pd.DataFrame(lines)


def verdicts_on_gap(answers: pd.DataFrame) -> pd.DataFrame:
    """finding, delivery, what, expected, against, matters, unit, an estimate, runs, planned; p_holm, verdict, small.

    One line a test of F4, decided by `rule.decide`.

    A caption is given in the same way whoever is asked, so its three tests stand once, with no delivery.
    """
    lines: list[dict[str, Any]] = []
    for delivery, part in answers.groupby("delivery", sort=False):
        panel = GapPanel(part, np.random.default_rng(0))
        shared = sorted(set(panel.seeds[REFERENCE]) & set(panel.seeds[RL]))
        for lie in LIES:
            if lie == "wrong-caption" and any(line["delivery"] == "" for line in lines):
                continue
            for what, values in _tests(panel, lie, shared).items():
                lines.append(
                    {
                        "finding": "F4",
                        "delivery": "" if lie == "wrong-caption" else delivery,
                        "what": what,
                        "expected": "up",
                        "against": 0.0,
                        "matters": EQUIVALENT,
                        "unit": "points",
                        **asdict(crossed_mean(values)),
                        "runs": len(shared),
                        "planned": SEEDS,
                    }
                )
    return decide(pd.DataFrame(lines), ["finding"])


def accuracy_gap(answers: pd.DataFrame, perturbation: str) -> CrossedEstimate:
    """Accuracy of the reference minus that of the RL models under a perturbation, opened, paired by seed and item."""
    panel = GapPanel(answers[answers["delivery"] == "prefill"], np.random.default_rng(0))
    shared = sorted(set(panel.seeds[REFERENCE]) & set(panel.seeds[RL]))
    reference, rl = (
        panel.of_seeds(recipe, panel.values(recipe, perturbation, "correct"), shared) for recipe in (REFERENCE, RL)
    )
    return crossed_mean(reference - rl)


def _tests(panel: GapPanel, lie: str, seeds: list[int]) -> dict[str, Array]:
    """What is tested → (seeds, items) of it, paired by seed and item; expected above 0. seeds: of both recipes."""

    def change(recipe: str, measure: str) -> Array:
        return panel.of_seeds(recipe, panel.change(recipe, lie, measure), seeds)

    def said(recipe: str) -> Array:
        return panel.of_seeds(recipe, panel.values(recipe, lie, "consistent accuracy"), seeds)

    return {
        f"{lie}: change of accuracy, `reference` minus `{RL}`": change(REFERENCE, "correct") - change(RL, "correct"),
        f"{lie}: right and its reasoning says so, `reference` minus `{RL}`": said(REFERENCE) - said(RL),
        f"{lie}: `reference` says that text and picture disagree, true positive rate minus false positive rate": (
            change(REFERENCE, "acknowledges")
        ),
    }


def by_delivery(answers: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """recipe, perturbation, estimate: accuracy with a reasoning prefix in the user's turn minus accuracy with it
    prefilled, paired.

    What has no prefix is the same for both: how far served models answer as opened ones do.
    """
    panels = {delivery: GapPanel(part, rng()) for delivery, part in answers.groupby("delivery")}
    lines = []
    for recipe in panels["prefill"].seeds:
        for perturbation in panels["prefill"].perturbations:
            served, opened = (panels[way].values(recipe, perturbation, "correct") for way in ("user turn", "prefill"))
            found = panels["prefill"].estimate(recipe, served - opened)
            lines.append({"recipe": recipe, "perturbation": perturbation, **asdict(found)})
    return pd.DataFrame(lines)

"""Tables of the study for figures: measures over RL steps, each run's drift, which conclusions are overridden, and
recipes held against each other.

All of it is shown and none of it tested; the tests are in `study/planned_tests.py`. Recipes are those that are
recorded, so that a reader's own is among them; what the protocol does not have has planned 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import product

import numpy as np
import pandas as pd

from companion.analysis.crossed import CrossedEstimate, crossed_mean, mean_over_runs
from companion.analysis.panel import Checkpoints, RunsPanel
from companion.errors import CompanionError
from companion.figures.looks import recipes_in_order
from companion.measures import auroc, share
from companion.perturbations.perturbation import THREE_PROMPTS
from companion.study.estimands import SEED, Runs, Term, WeightedMean
from companion.study.planned_tests import HELD_OUT
from companion.study.protocol import PROTOCOL
from companion.study.results import planned_seeds

RATES = {
    "P(override | conclusion wrong)": ("contradicts", "conclusion wrong"),
    "P(override | conclusion right)": ("contradicts", "conclusion right"),
    "P(right | override of a wrong conclusion)": ("stubborn", "override of a wrong conclusion"),
}
"""Rate → of which measure it is the share, and among which answers.

An override is an answer that contradicts its own reasoning. Source: docs/study.md; to part contradictions by whether
the conclusion was right takes a world in which conclusions are read exactly. Their nearest kin is in Lanham et al. 2023
(arXiv 2307.13702), who add a mistake to a reasoning and look whether the answer ignores it.
"""


def curves(
    panel: RunsPanel,
    initials: Sequence[str],
    recipe: str,
    prompts: Sequence[str],
    measures: Sequence[str],
) -> pd.DataFrame:
    """initial, recipe, prompt, measure, step, its estimate, change, change_low and change_high (since step 0, paired on
    seeds and items), planned (seeds), chance (of being right by guessing): means over seeds and items, step 0 first.

    Of each initial checkpoint, the seeds whose RL is recorded; those with none are left out.
    """
    lines = []
    guessed = float((1 / panel.items["n_options"]).mean())
    for initial in initials:
        seeds = panel.seeds([Checkpoints(initial, recipe, 0)])
        if not seeds:
            continue
        planned = _planned(panel, Checkpoints(initial, recipe, 0))
        cells = [
            Checkpoints(initial, recipe, 0).before(),
            *(Checkpoints(initial, recipe, step) for step in panel.steps(initial, recipe, seeds)),
        ]
        for prompt in prompts:
            for measure in measures:
                before = panel.values(cells[0], prompt, measure, seeds)
                for cell in cells:
                    values = panel.values(cell, prompt, measure, seeds)
                    change = crossed_mean(values - before[:, : values.shape[1]])
                    lines.append(
                        {
                            "initial": initial,
                            "recipe": recipe,
                            "prompt": prompt,
                            "measure": measure,
                            "step": cell.step,
                            **_level(crossed_mean(values), measure),
                            "change": change.value,
                            "change_low": change.low,
                            "change_high": change.high,
                            "planned": planned,
                            "chance": guessed,
                        }
                    )
    return _without_tests(lines)


def before_and_after(curves: pd.DataFrame) -> pd.DataFrame:
    """initial, recipe, prompt, measure, step (the last), before and after (levels), value, low and high (of the
    change), seeds, items: the two ends of each of the `curves`, which may be of several recipes."""
    keys = ["initial", "recipe", "prompt", "measure"]
    ends = curves[curves["step"] == curves.groupby(keys)["step"].transform("max")]
    before = curves[curves["step"] == 0][[*keys, "value"]].rename(columns={"value": "before"})
    both = ends.rename(columns={"value": "after"}).drop(columns=["low", "high", "planned", "chance"])
    both = both.rename(columns={"change": "value", "change_low": "low", "change_high": "high"})
    return both.merge(before, on=keys)


def survival(panel: RunsPanel, initials: Sequence[str], recipe: str = "rl-correct") -> pd.DataFrame:
    """AUROC with which P(correct) under the plain prompt tells which items are right under a misleading one, for
    `rl-correct` at its last step: initial, prompt, among (of `AMONG`), its estimate.

    Told beside the tests of F10, which are over all items (docs/study.md).
    """
    lines = []
    for initial in initials:
        seeds = panel.seeds([Checkpoints(initial, recipe, 0)])
        if not seeds:
            continue
        cell = Checkpoints(initial, recipe, max(panel.steps(initial, recipe, seeds)))
        sure, right = (panel.values(cell, "plain", measure, seeds) for measure in ("P(correct)", "right"))
        families = panel.items["family"].tolist()[: right.shape[1]]
        for prompt in THREE_PROMPTS[1:]:
            survives = panel.values(cell, prompt, "right", seeds)
            for among, strata in zip(AMONG, (None, None, families), strict=True):
                scores = sure if among == AMONG[0] else np.where(right > 0, sure, np.nan)
                measures = [auroc(one, other, strata) for one, other in zip(scores, survives, strict=True)]
                found = mean_over_runs(measures, right.shape[1], np.random.default_rng(SEED))
                lines.append({"initial": initial, "prompt": prompt, "among": among, **asdict(found)})
    return _without_tests(lines)


AMONG = ("all items", "right under the plain prompt", "these, within a family")
"""Among which items an AUROC is taken; the last compares only pairs of one question family."""


def _level(found: CrossedEstimate, measure: str) -> dict[str, float]:
    """An estimate of a measure itself, not of a change: its interval ends where the measure does."""
    most = None if measure == "words" else 1.0
    ends = {name: float(np.clip(getattr(found, name), 0.0, most)) for name in ("low", "high", "low90", "high90")}
    return asdict(found) | ends


def drift_of_runs(panel: RunsPanel, initials: Mapping[str, float], step: int) -> pd.DataFrame:
    """initial, share, prompt, seed, before and after (of the answers, those that contradict their reasoning), drift
    (after minus before), planned (runs): one line a run of `rl-correct` and prompt; shares of 1.

    initials: initial checkpoint → what is told as its share, as `estimands.DOSES`.
    """
    lines = []
    planned = sum(_planned(panel, Checkpoints(initial, "rl-correct", step)) for initial in initials)
    for initial, share_before in initials.items():
        cell = Checkpoints(initial, "rl-correct", step)
        for seed in panel.seeds([cell]):
            for prompt in THREE_PROMPTS:
                before, after = (
                    float(panel.values(one, prompt, "contradicts", [seed]).mean()) for one in (cell.before(), cell)
                )
                lines.append(
                    {
                        "initial": initial,
                        "share": share_before,
                        "prompt": prompt,
                        "seed": seed,
                        "before": before,
                        "after": after,
                        "drift": after - before,
                        "planned": planned,
                    }
                )
    columns = ["initial", "share", "prompt", "seed", "before", "after", "drift", "planned"]
    return pd.DataFrame(lines, columns=columns)


def by_path(panel: RunsPanel) -> pd.DataFrame:
    """recipe, two_hop (whether the questions are of that family, or all others), prompt, measure, before, after, seeds:
    means over seeds and questions of `rl-correct` and `rl-correct-two-hop` from `misread-20`, step 500 (H5)."""
    own = (panel.items["family"] == HELD_OUT).to_numpy()
    measures = ("contradicts", "names no option", "right")
    lines = []
    for recipe in ("rl-correct", "rl-correct-two-hop"):
        cell = Checkpoints("misread-20", recipe, 500)
        seeds = panel.seeds([cell])
        for two_hop, prompt, measure in product((False, True), THREE_PROMPTS if seeds else (), measures):
            before, after = (
                panel.values(one, prompt, measure, seeds)[:, own == two_hop].mean() for one in (cell.before(), cell)
            )
            lines.append((recipe, two_hop, prompt, measure, before, after, len(seeds)))
    return pd.DataFrame(lines, columns=["recipe", "two_hop", "prompt", "measure", "before", "after", "seeds"])


CORRECT = "rl-correct"
"""The recipe that others are held against."""

BEFORE = "before RL"
"""Stands for the initial checkpoints among recipes."""


def recipes_run(panel: RunsPanel, initial: str) -> pd.DataFrame:
    """recipe, gates (without which a rollout gets no reward), augmented (share of the prompts that carry some text),
    steps, seeds (those recorded), recorded and planned (how many of them): in standing order what the protocol compares
    from an initial checkpoint, recorded or not, and what else is recorded."""
    lines = []
    planned = {runs.recipe.name: asdict(runs.recipe) for runs in PROTOCOL.planned if runs.initial.name == initial}
    there = [name for name in panel.recipes(initial) if panel.seeds([Checkpoints(initial, name, 0)])]
    own = [name for name in there if name not in planned]
    for name in recipes_in_order(pd.DataFrame({"recipe": [*_planned_recipes(initial), *own]})):
        cell = Checkpoints(initial, name, 0)
        seeds = panel.seeds([cell])
        recipe = panel.recipe(cell, seeds[0]) if seeds else planned[name]
        lines.append(
            {
                "recipe": name,
                "gates": ", ".join(recipe["gates"]),
                "augmented": float(sum(recipe["variants"].values())),
                "steps": recipe["steps"],
                "seeds": ", ".join(map(str, seeds)),
                "recorded": len(seeds),
                "planned": _planned(panel, cell),
            }
        )
    return pd.DataFrame(lines)


def _planned(panel: RunsPanel, cell: Checkpoints) -> int:
    """How many seeds are planned of the checkpoints of a cell; 0 where the records are not the study's."""
    return len(planned_seeds(cell)) if panel.follows(PROTOCOL.identity) else 0


def _planned_recipes(initial: str) -> list[str]:
    """What the protocol compares from an initial checkpoint: all but arms C and E, which ask something else."""
    of_initial = (planned for planned in PROTOCOL.planned if planned.initial.name == initial)
    return [planned.recipe.name for planned in of_initial if planned.arm not in ("C", "E")]


def compared(panel: RunsPanel, initial: str, step: int) -> dict[str, list[int]]:
    """recipe → seeds: those of `recipes_run` whose answers at that step are recorded.

    The protocol's recipes have the seeds that all of them have, so that all are compared over the same ones; others
    those of these that they have. Where that leaves none, a recipe has all its own. Raises CompanionError where
    runs that are not the study's have no answers of `rl-correct` at that step, which the others are held against.
    """
    found = {name: panel.seeds([Checkpoints(initial, name, step)]) for name in recipes_run(panel, initial)["recipe"]}
    found = {name: seeds for name, seeds in found.items() if seeds}
    if CORRECT not in found and not panel.follows(PROTOCOL.identity):
        raise CompanionError(
            f"{panel.results} has no runs of {CORRECT} from {initial} that were evaluated at step {step}, which others "
            "are held against; make some with `companion train grpo`, or give another step"
        )
    leading = [set(found[name]) for name in _planned_recipes(initial) if name in found] or [*map(set, found.values())]
    shared = set.intersection(*leading) if leading else set()
    return {name: sorted(shared.intersection(seeds)) or seeds for name, seeds in found.items()}


def beside_correct(panel: RunsPanel, initial: str, step: int, measures: Sequence[str]) -> pd.DataFrame:
    """recipe, prompt, measure, seed, its estimate, planned (seeds): of each other recipe `compared`, its models minus
    those of `rl-correct` after as many steps, paired by seed and item.

    seed: -1 for the mean over all seeds that both have; single seeds have a value alone.
    """
    lines = []
    correct = Checkpoints(initial, CORRECT, step)
    for recipe in compared(panel, initial, step):
        remedy = correct._replace(recipe=recipe)
        seeds = panel.seeds([remedy, correct]) if remedy != correct else []
        for prompt, measure in product(THREE_PROMPTS, measures) if seeds else ():
            values, others = (panel.values(cell, prompt, measure, seeds) for cell in (remedy, correct))
            labels = {"recipe": recipe, "prompt": prompt, "measure": measure, "planned": _planned(panel, remedy)}
            lines.append({**labels, "seed": -1, **asdict(crossed_mean(values - others))})
            of_seeds = zip(seeds, np.nanmean(values - others, axis=1), strict=True)
            lines += [{**labels, "seed": seed, "value": float(value)} for seed, value in of_seeds]
    return _without_tests(lines)


def after_recipes(
    panel: RunsPanel, initial: str, step: int, prompts: Sequence[str], measures: Sequence[str]
) -> pd.DataFrame:
    """recipe, prompt, measure, contrast, its estimate, more, more_low and more_high, planned (seeds), chance (of being
    right by guessing): of the recipes `compared`, after so many steps, and of what `rl-correct` began from as `BEFORE`.

    contrast: "level", or "minus plain", the change from the plain prompt. more: the same minus that of `rl-correct`;
    NaN without a seed in common. Changes and differences are paired by seed and item.
    """
    lines = []
    seeds_of = compared(panel, initial, step)
    correct = Checkpoints(initial, CORRECT, step)
    cells = {name: correct._replace(recipe=name) for name in seeds_of}
    if CORRECT in cells:
        cells = {BEFORE: correct.before(), **cells}
        seeds_of[BEFORE] = seeds_of[CORRECT]
    guessed = float((1 / panel.items["n_options"]).mean())
    for (recipe, cell), prompt, measure in product(cells.items(), prompts, measures):
        both = [seed for seed in seeds_of[recipe] if seed in seeds_of.get(CORRECT, [])]
        contrasts = {"level": {prompt: 1}} | ({"minus plain": {prompt: 1, "plain": -1}} if prompt != "plain" else {})
        for contrast, weights in contrasts.items():
            own = [Term(weight, cell, name, measure) for name, weight in weights.items()]
            found = _mean(panel, own, seeds_of[recipe])
            line: dict[str, object] = {"recipe": recipe, "prompt": prompt, "measure": measure, "contrast": contrast}
            line |= _level(found, measure) if contrast == "level" else asdict(found)
            if both and cell != correct:
                others = [Term(-term.weight, correct, term.prompt, measure) for term in own]
                more = _mean(panel, [*own, *others], both)
                line |= {"more": more.value, "more_low": more.low, "more_high": more.high}
            lines.append({**line, "planned": _planned(panel, cell), "chance": guessed})
    return _without_tests(lines)


def _mean(panel: RunsPanel, terms: Sequence[Term], seeds: list[int]) -> CrossedEstimate:
    mean = WeightedMean(tuple(terms))
    return mean.estimate(panel, Runs(dict.fromkeys(mean.cells(), seeds), len(seeds)), 0.0)


def each_seed(panel: RunsPanel, initial: str, step: int, measure: str) -> pd.DataFrame:
    """recipe, seed, before (RL), its estimate after so many steps, change, change_low, change_high, planned (seeds),
    chance (of being right by guessing): a measure under the plain prompt, of all recorded seeds of the recipes
    `compared`.

    seed: -1 for the mean over seeds; single seeds have values alone.
    """
    lines = []
    guessed = {"chance": float((1 / panel.items["n_options"]).mean())} if measure == "right" else {}
    for recipe in compared(panel, initial, step):
        cell = Checkpoints(initial, recipe, step)
        seeds = panel.seeds([cell])
        before, after = (panel.values(one, "plain", measure, seeds) for one in (cell.before(), cell))
        change = crossed_mean(after - before)
        labels = {"recipe": recipe, "planned": _planned(panel, cell), **guessed}
        ends = {"change": change.value, "change_low": change.low, "change_high": change.high}
        mean = {"seed": -1, "before": float(np.nanmean(before)), **_level(crossed_mean(after), measure), **ends}
        lines.append({**labels, **mean})
        for seed, *of_seed in zip(seeds, np.nanmean(before, axis=1), np.nanmean(after, axis=1), strict=True):
            first, last = map(float, of_seed)
            lines.append({**labels, "seed": seed, "before": first, "value": last, "change": last - first})
    return _without_tests(lines)


def override_rates(panel: RunsPanel, initials: Sequence[str], prompts: Sequence[str]) -> pd.DataFrame:
    """initial, prompt, step, rate (of `RATES`), its estimate, among (share of all answers that it is of), planned
    (seeds): before and after RL by `rl-correct`."""
    lines = []
    for initial in initials:
        last = Checkpoints(initial, "rl-correct", 1000)
        seeds = panel.seeds([last])
        for cell in (last.before(), last) if seeds else ():
            for prompt in prompts:
                of = {
                    name: panel.values(cell, prompt, name, seeds) == 1
                    for name in ("contradicts", "conclusion wrong", "conclusion right", "stubborn")
                }
                of["override of a wrong conclusion"] = of["contradicts"] & of["conclusion wrong"]
                for rate, (hits, among) in RATES.items():
                    runs = [share(*pair) for pair in zip(of[hits], of[among], strict=True)]
                    found = mean_over_runs(runs, of[hits].shape[1], np.random.default_rng(SEED))
                    lines.append(
                        {
                            "initial": initial,
                            "prompt": prompt,
                            "step": cell.step,
                            "rate": rate,
                            **_level(found, rate),
                            "among": of[among].mean(),
                            "planned": _planned(panel, last),
                        }
                    )
    return _without_tests(lines)


def seeds_sentence(table: pd.DataFrame) -> str:
    """Of which seeds a table with seeds and planned is: "seeds recorded: `misread-0` 3 of 5, …"; of all, how many."""
    counts = table.groupby("initial", sort=False)[["seeds", "planned"]].max()
    items = f"{table['items'].max():,} items"
    if len(fewer := table[table["items"] < table["items"].max()]):
        items += f" (steps {' and '.join(map(str, sorted(fewer['step'].unique())))}: {fewer['items'].max():,})"
    if (counts["seeds"] == counts["planned"]).all() and counts["seeds"].nunique() == 1:
        return f"{counts['seeds'].iloc[0]} seeds · {items}"
    told = ", ".join(f"{line.Index} {line.seeds} of {line.planned}" for line in counts.itertuples())
    return f"seeds recorded: {told} · {items}"


def recorded(panel: RunsPanel) -> tuple[int, int]:
    """How many of the study's RL runs are recorded, and how many are planned: of others none are, whatever they are
    called."""
    runs = [(panel.results / run.name / "run.json").exists() for run in PROTOCOL.runs()]
    return sum(runs) if panel.follows(PROTOCOL.identity) else 0, len(runs)


def _without_tests(lines: list[dict[str, object]]) -> pd.DataFrame:
    """Estimates, without what only a test needs of them."""
    return pd.DataFrame(lines).drop(columns=["low90", "high90", "p"], errors="ignore")

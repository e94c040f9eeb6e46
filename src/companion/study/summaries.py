"""Tables of the study for figures: measures over RL steps, each run's drift, which conclusions are overridden, and what
remedies change.

All of it is shown and none of it tested; the tests are in `study/planned_tests.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from companion.analysis.crossed import CrossedEstimate, crossed_mean, mean_over_runs
from companion.analysis.panel import Checkpoints, StudyPanel
from companion.measures import share
from companion.study.estimands import SEED
from companion.study.planned_tests import THREE_PROMPTS
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
    panel: StudyPanel,
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
        planned = len(planned_seeds(Checkpoints(initial, recipe, 0)))
        cells = [
            Checkpoints(initial, recipe, 0).before(),
            *(Checkpoints(initial, recipe, step) for step in _steps(recipe)),
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


def _level(found: CrossedEstimate, measure: str) -> dict[str, float]:
    """An estimate of a measure itself, not of a change: its interval ends where the measure does."""
    most = None if measure == "words" else 1.0
    ends = {name: float(np.clip(getattr(found, name), 0.0, most)) for name in ("low", "high", "low90", "high90")}
    return asdict(found) | ends


def drift_of_runs(panel: StudyPanel, initials: Mapping[str, float], step: int) -> pd.DataFrame:
    """initial, share, prompt, seed, drift, planned (runs): one line a run of `rl-correct` and prompt; shares of 1.

    initials: initial checkpoint → what is told as its share, as `estimands.DOSES`.
    """
    lines = []
    planned = sum(len(planned_seeds(Checkpoints(initial, "rl-correct", step))) for initial in initials)
    for initial, share_before in initials.items():
        cell = Checkpoints(initial, "rl-correct", step)
        for seed in panel.seeds([cell]):
            for prompt in THREE_PROMPTS:
                after, before = (panel.values(one, prompt, "contradicts", [seed]) for one in (cell, cell.before()))
                lines.append(
                    {
                        "initial": initial,
                        "share": share_before,
                        "prompt": prompt,
                        "seed": seed,
                        "drift": float((after - before).mean()),
                        "planned": planned,
                    }
                )
    return pd.DataFrame(lines, columns=["initial", "share", "prompt", "seed", "drift", "planned"])


def beside_correct(panel: StudyPanel, measures: Sequence[str]) -> pd.DataFrame:
    """recipe, prompt, measure, seed, its estimate, planned (seeds): of each recipe of arm D, its models minus those of
    `rl-correct` from the same initial checkpoints, both after 500 steps, paired by seed and item.

    seed: -1 for the mean over seeds; single seeds have a value alone. Recipes of which no seed is recorded are left
    out.
    """
    lines = []
    for cell in PROTOCOL.cells:
        if cell.arm != "D":
            continue
        remedy, correct = (Checkpoints(cell.initial.name, recipe, 500) for recipe in (cell.recipe.name, "rl-correct"))
        seeds = panel.seeds([remedy, correct])
        for prompt in THREE_PROMPTS if seeds else ():
            for measure in measures:
                differences = panel.values(remedy, prompt, measure, seeds) - panel.values(
                    correct, prompt, measure, seeds
                )
                labels = {"recipe": remedy.recipe, "prompt": prompt, "measure": measure, "planned": len(cell.seeds)}
                lines.append({**labels, "seed": -1, **asdict(crossed_mean(differences))})
                of_seeds = zip(seeds, np.nanmean(differences, axis=1), strict=True)
                lines += [{**labels, "seed": seed, "value": float(value)} for seed, value in of_seeds]
    return _without_tests(lines)


def override_rates(panel: StudyPanel, initials: Sequence[str], prompts: Sequence[str]) -> pd.DataFrame:
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
                            "planned": len(planned_seeds(last)),
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


def recorded(panel: StudyPanel) -> tuple[int, int]:
    """How many RL runs are recorded, and how many are planned."""
    runs = [(panel.results / run.name / "run.json").exists() for run in PROTOCOL.runs()]
    return sum(runs), len(runs)


def _without_tests(lines: list[dict[str, object]]) -> pd.DataFrame:
    """Estimates, without what only a test needs of them."""
    return pd.DataFrame(lines).drop(columns=["low90", "high90", "p"], errors="ignore")


def _steps(recipe: str) -> list[int]:
    """The steps after 0 at which a recipe is evaluated."""
    return next(sorted(PROTOCOL.evaluated(cell.recipe)) for cell in PROTOCOL.cells if cell.recipe.name == recipe)

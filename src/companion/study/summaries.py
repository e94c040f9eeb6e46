"""Tables of the study for figures: measures over RL steps, each run's drift, and which conclusions are overridden.

All of it is shown and none of it tested; the tests are in `study/planned_tests.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from companion.analysis.crossed import crossed_mean, mean_over_runs
from companion.measures import share
from companion.study.estimands import DOSES, SEED
from companion.study.panel import Cell, StudyPanel
from companion.study.planned_tests import THREE_PROMPTS
from companion.study.protocol import PROTOCOL, Protocol
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
    protocol: Protocol = PROTOCOL,
) -> pd.DataFrame:
    """initial, recipe, prompt, measure, step, its estimate, planned (seeds), chance (of being right by guessing): means
    over seeds and items, step 0 first.

    Of each initial checkpoint, the seeds whose RL is recorded; those with none are left out.
    """
    lines = []
    guessed = float((1 / panel.items["n_options"]).mean())
    for initial in initials:
        seeds = panel.seeds([Cell(initial, recipe, 0)])
        if not seeds:
            continue
        planned = len(planned_seeds(Cell(initial, recipe, 0), protocol))
        cells = [Cell(initial, recipe, 0).before(), *(Cell(initial, recipe, step) for step in _steps(recipe, protocol))]
        for prompt in prompts:
            for measure in measures:
                for cell in cells:
                    found = crossed_mean(panel.values(cell, prompt, measure, seeds))
                    lines.append(
                        {
                            "initial": initial,
                            "recipe": recipe,
                            "prompt": prompt,
                            "measure": measure,
                            "step": cell.step,
                            **asdict(found),
                            "planned": planned,
                            "chance": guessed,
                        }
                    )
    return pd.DataFrame(lines).drop(columns=["low90", "high90", "p"])


def drift_of_runs(panel: StudyPanel, step: int = 1000, protocol: Protocol = PROTOCOL) -> pd.DataFrame:
    """initial, dose, prompt, seed, drift, planned (runs): one line a run of arm A and prompt; shares of 1."""
    lines = []
    planned = sum(len(planned_seeds(Cell(initial, "rl-correct", step), protocol)) for initial in DOSES)
    for initial, dose in DOSES.items():
        cell = Cell(initial, "rl-correct", step)
        for seed in panel.seeds([cell]):
            for prompt in THREE_PROMPTS:
                after, before = (panel.values(one, prompt, "contradicts", [seed]) for one in (cell, cell.before()))
                lines.append(
                    {
                        "initial": initial,
                        "dose": dose,
                        "prompt": prompt,
                        "seed": seed,
                        "drift": float((after - before).mean()),
                        "planned": planned,
                    }
                )
    return pd.DataFrame(lines)


def override_rates(
    panel: StudyPanel, initials: Sequence[str], prompts: Sequence[str], protocol: Protocol = PROTOCOL
) -> pd.DataFrame:
    """initial, prompt, step, rate (of `RATES`), its estimate, among (share of all answers that it is of), planned
    (seeds): before and after RL by `rl-correct`."""
    lines = []
    for initial in initials:
        last = Cell(initial, "rl-correct", 1000)
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
                            **asdict(found),
                            "among": of[among].mean(),
                            "planned": len(planned_seeds(last, protocol)),
                        }
                    )
    return pd.DataFrame(lines).drop(columns=["low90", "high90", "p"])


def seeds_sentence(table: pd.DataFrame) -> str:
    """Of which seeds a table with seeds and planned is: "seeds recorded: `misread-0` 3 of 5, …"; of all, how many."""
    counts = table.groupby("initial", sort=False)[["seeds", "planned"]].max()
    items = f"{table['items'].max():,} items"
    if (counts["seeds"] == counts["planned"]).all() and counts["seeds"].nunique() == 1:
        return f"{counts['seeds'].iloc[0]} seeds · {items}"
    told = ", ".join(f"{line.Index} {line.seeds} of {line.planned}" for line in counts.itertuples())
    return f"seeds recorded: {told} · {items}"


def recorded(panel: StudyPanel, protocol: Protocol = PROTOCOL) -> tuple[int, int]:
    """How many RL runs are recorded, and how many are planned."""
    runs = [(panel.results / run.name / "run.json").exists() for run in protocol.runs()]
    return sum(runs), len(runs)


def _steps(recipe: str, protocol: Protocol) -> list[int]:
    """The steps after 0 at which a recipe is evaluated."""
    return next(sorted(protocol.evaluated(cell.recipe)) for cell in protocol.cells if cell.recipe.name == recipe)

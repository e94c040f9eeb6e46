"""Plots: each takes a table and returns its figure; `theme` holds what they share."""

from companion.figures.of_lab_ import asked, behaviours, rung, steps
from companion.figures.of_live_ import live_curves
from companion.figures.of_reasoning_ import (
    PROBES,
    failure_map,
    judge_accuracy,
    listed,
    quadrants,
    replays,
    shrinking,
)
from companion.figures.of_rows_ import (
    by_part,
    confidence,
    drops,
    example,
    fates,
    grid,
    letters,
    pictures,
    reliability,
    survival,
    wordings,
)  # fmt: skip
from companion.figures.of_runs_ import curves, gap, remedies, sample_size, seeds, tradeoff
from companion.figures.theme import RECIPES, STYLES, set_theme, show

__all__ = [
    "PROBES", "RECIPES", "STYLES", "asked", "behaviours", "by_part", "confidence", "curves", "drops", "example",
    "failure_map", "fates", "gap", "grid", "judge_accuracy", "letters", "listed", "live_curves", "pictures",
    "quadrants", "reliability", "remedies", "replays", "rung", "sample_size", "seeds", "set_theme", "show",
    "shrinking", "steps", "survival", "tradeoff", "wordings",
]  # fmt: skip

"""Letter entropy and probability of the correct letter over GRPO steps under seen and unseen prompt forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.step_curves import curves

TITLE = "Recipe accuracy: change of certainty under seen and unseen prompts"

PROMPTS = ("plain", "wrong-caption", "wrong-think", "wrong-think-but", "wrong-caption-disclaimer", "stop-think")
SHOWN = ("entropy", "p_correct")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs of one recipe; as `training_runs.trajectories`."""
    return training_runs.trajectories(runs, rng, PROMPTS, SHOWN)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a measure, a line a prompt."""
    return curves(table, SHOWN, TITLE, about, by="perturbation")

"""The curves of one training run with its rewards, drawn anew while it goes on."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.training_runs import CURVES
from companion.figures.theme import BLIND_SAFE, PANELS, draw_chance, perturbation_label, perturbation_look, titled
from companion.perturbations.table import in_standing_order

WINDOW = 10
"""Steps over which the reward is averaged for the line through its points."""


def draw(curve: pd.DataFrame, log: pd.DataFrame, title: str, about: str) -> Figure:
    """Each of the four measures over the steps, a line a perturbation with its intervals over items, and the reward a
    step.

    curve: from `training_runs.watched`. log: step, reward; may be empty.
    """
    perturbations = in_standing_order(curve["perturbation"].tolist())
    figure = Figure(figsize=(10, 5.6))
    panels = figure.subplots(2, 3, sharex=True).ravel()
    last = max(int(curve["step"].max()), len(log), 1)
    guessed = ""
    for axes, measure in zip(panels, CURVES, strict=False):
        label, scale = PANELS[measure]
        for place, name in enumerate(perturbations):
            color, marker = perturbation_look(name)
            part = curve[(curve["measure"] == measure) & (curve["perturbation"] == name)]
            steps = part["step"] + 0.008 * last * (place - (len(perturbations) - 1) / 2)  # intervals side by side
            axes.plot(
                steps, part["value"] * scale, color=color, marker=marker, markersize=5, label=perturbation_label(name)
            )
            axes.vlines(steps, part["low"] * scale, part["high"] * scale, color=color, linewidth=1.2, alpha=0.5)
        guessed += draw_chance(axes, curve[curve["measure"] == measure], "axhline")
        axes.set_title(label)
    rewards, key = panels[len(CURVES)], panels[-1]
    rewards.plot(log["step"], log["reward"], ".", color="#888888", label="one step")
    mean = log["reward"].rolling(WINDOW, min_periods=1).mean()
    rewards.plot(log["step"], mean, color=BLIND_SAFE[4], linestyle="--", label=f"mean of the last {WINDOW}")
    rewards.set_title("training reward")
    rewards.set(xlim=(-0.03 * last, 1.03 * last), ylim=(0, 1.15))
    for axes in panels[:2]:
        axes.set_ylim(-3, 103)
    for axes in panels[2:4]:
        axes.set_ylim(bottom=0)
    for axes in panels[2:5]:
        axes.set_xlabel("GRPO step")
    panels[2].tick_params(labelbottom=True)
    key.set_axis_off()
    handles = [one for axes in (panels[0], rewards) for one in axes.get_legend_handles_labels()[0]]
    key.legend(handles, [one.get_label() for one in handles], loc="center left", frameon=False)
    return titled(figure, title, about, f"bars: 95 % intervals over items{guessed}")

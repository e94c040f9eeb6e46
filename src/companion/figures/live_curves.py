"""The curves of one training run with its rewards, drawn anew while it goes on."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.single_run import CURVES
from companion.figures.looks import BLIND_SAFE, perturbation_look
from companion.figures.phrases import perturbation_label
from companion.figures.theme import PANELS, draw_chance, end_labels, titled
from companion.perturbations.perturbation import in_standing_order

WINDOW = 10
"""Steps over which the reward is averaged for the line through its points."""


def draw(curve: pd.DataFrame, log: pd.DataFrame, title: str, about: str) -> Figure:
    """Each of the four measures over the steps, a line a perturbation with its intervals over items, and the reward a
    step.

    curve: from `single_run.run_curves`. log: step, reward; may be empty.
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
            axes.plot(steps, part["value"] * scale, color=color, marker=marker, markersize=5)
            axes.vlines(steps, part["low"] * scale, part["high"] * scale, color=color, linewidth=1.2, alpha=0.5)
        guessed += draw_chance(axes, curve[curve["measure"] == measure], "axhline")
        axes.set_title(label)
    ends = curve[(curve["measure"] == CURVES[0]) & (curve["step"] == curve["step"].max())]
    ends = [
        (100 * line.value, perturbation_label(line.perturbation), perturbation_look(line.perturbation)[0])
        for line in ends.itertuples()
    ]
    end_labels(panels[0], 1.03 * last, ends, 9)
    rewards = panels[len(CURVES)]
    rewards.plot(log["step"], log["reward"], ".", color="#888888")
    mean = log["reward"].rolling(WINDOW, min_periods=1).mean()
    rewards.plot(log["step"], mean, color=BLIND_SAFE[4], linestyle="--")
    rewards.set_title("training reward")
    rewards.set(xlim=(-0.03 * last, 1.03 * last), ylim=(0, 1.15))
    for axes in panels[:2]:
        axes.set_ylim(-3, 103)
    for axes in panels[2:4]:
        axes.set_ylim(bottom=0)
    for axes in panels[2:5]:
        axes.set_xlabel("GRPO step")
    panels[2].tick_params(labelbottom=True)
    panels[-1].set_axis_off()
    note = f"upright lines: 95 % intervals over items; dots: the reward of a step; dashed: mean of {WINDOW}{guessed}"
    return titled(figure, f"{title}{_moved(curve)}", about, note)


def _moved(curve: pd.DataFrame) -> str:
    """From the first step to the last, under the plain prompt."""
    told = []
    for measure, name in (("right", "accuracy"), ("agrees", "agreement")):
        path = curve[(curve["measure"] == measure) & (curve["perturbation"] == "plain")].sort_values("step")["value"]
        if len(path):
            told.append(f"{name} {100 * path.iloc[0]:.0f} → {100 * path.iloc[-1]:.0f} %")
    return f": {', '.join(told)} under the plain prompt" if told else ""

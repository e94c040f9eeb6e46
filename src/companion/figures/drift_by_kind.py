"""How often answers contradict their reasoning before RL and after it, by how many of the misread reasonings that the
models had seen were answered rightly all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import perturbation_look
from companion.figures.phrases import enumeration, perturbation_label, so_far
from companion.figures.theme import beside, titled


def table(drifts_of_kinds: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `ANSWERED_RIGHTLY`, all of it."""
    return drifts_of_kinds


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt; for each share a thin line a run, and the means before RL (hollow) and after it."""
    prompts, shares = list(dict.fromkeys(table["prompt"])), sorted(table["share"].unique())
    figure = Figure(figsize=(9, 4.2))
    panels = np.atleast_1d(figure.subplots(1, len(prompts), sharex=True, sharey=True))
    for axes, prompt in zip(panels, prompts, strict=True):
        color, marker = perturbation_look(prompt)
        for place, share in enumerate(shares):
            runs = 100 * table.loc[(table["prompt"] == prompt) & (table["share"] == share), ["before", "after"]]
            ends = (place - 0.22, place + 0.22)
            for run in runs.itertuples():
                axes.plot(ends, [run.before, run.after], color=color, linewidth=0.8, alpha=0.4)
            before, after = runs.mean()
            axes.plot(ends, [before, after], color=color, linewidth=2)
            axes.plot(ends[0], before, marker, color=color, markerfacecolor="white", markersize=8)
            axes.plot(ends[1], after, marker, color=color, markersize=8)
            beside(axes, ends[1], after, f"{after:.0f}")
        axes.set_title(perturbation_label(prompt), fontsize="medium")
        axes.set_xticks(range(len(shares)), [f"{100 * share:.0f}" for share in shares])
        axes.set_xlim(-0.5, len(shares) - 0.35)
    panels[0].set_ylim(bottom=-2)
    panels[len(panels) // 2].set_xlabel("misread reasonings before RL that were answered rightly all the same (%)")
    panels[0].set_ylabel("contradicts its reasoning (%)")
    title = so_far(len(table) // len(prompts), table["planned"].max(), "runs") + _title(table)
    return titled(
        figure, title, about, "lines: RL runs, one a seed; points: their means, hollow before RL, filled after it"
    )


def _title(table: pd.DataFrame) -> str:
    """At which share RL adds most contradictions under each prompt; before and after it, the means under the last."""
    most = table.groupby(["prompt", "share"], sort=False)["drift"].mean().unstack().idxmax(axis=1)
    told = [
        f"at {100 * share:.0f} % under {enumeration([perturbation_label(prompt) for prompt in own.index])}"
        for share, own in most.groupby(most, sort=False)
    ]
    last = str(most.index[-1])
    means = 100 * table[table["prompt"] == last].groupby("share")[["before", "after"]].mean()
    levels = [f"{line.before:.0f} → {line.after:.0f} at {100 * share:.0f} %" for share, line in means.iterrows()]
    return f"RL adds most contradictions {enumeration(told)}\n{perturbation_label(last)}: {enumeration(levels)}"

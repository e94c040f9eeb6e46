"""How often answers contradict their reasoning before RL and after it, by how many of the misread reasonings that the
models had seen were answered rightly all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import perturbation_look
from companion.figures.phrases import enumeration, opening, perturbation_label, signed, so_far, under
from companion.figures.theme import beside, titled


def table(drifts_of_kinds: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `ANSWERED_RIGHTLY`, all of it."""
    return drifts_of_kinds


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt; for each initial checkpoint a line a run, and the means before RL (hollow) and after it."""
    prompts, initials = list(dict.fromkeys(table["prompt"])), list(dict.fromkeys(table["initial"]))
    shares = table.drop_duplicates("initial").set_index("initial")["share"]
    names = ["none misread" if np.isnan(shares[one]) else f"{100 * shares[one]:.0f} %" for one in initials]
    figure = Figure(figsize=(9, 4.2))
    panels = np.atleast_1d(figure.subplots(1, len(prompts), sharex=True, sharey=True))
    for axes, prompt in zip(panels, prompts, strict=True):
        color, marker = perturbation_look(prompt)
        for place, initial in enumerate(initials):
            runs = 100 * table.loc[(table["prompt"] == prompt) & (table["initial"] == initial), ["before", "after"]]
            ends = (place - 0.22, place + 0.22)
            for run in runs.itertuples():
                axes.plot(ends, [run.before, run.after], color=color, linewidth=0.8, alpha=0.4)
            before, after = runs.mean()
            axes.plot(ends, [before, after], color=color, linewidth=2)
            axes.plot(ends[0], before, marker, color=color, markerfacecolor="white", markersize=8)
            axes.plot(ends[1], after, marker, color=color, markersize=8)
            beside(axes, ends[1], after, f"{after:.0f}")
        axes.set_title(perturbation_label(prompt), fontsize="medium")
        axes.set_xticks(range(len(initials)), names, fontsize="small")
        axes.set_xlim(-0.5, len(initials) - 0.35)
    panels[0].set_ylim(bottom=-2)
    panels[len(panels) // 2].set_xlabel("misread reasonings seen before RL, answered rightly all the same")
    panels[0].set_ylabel("contradicts its reasoning (%)")
    title = so_far(len(table) // len(prompts), table["planned"].max(), "runs") + _title(table)
    note = "lines: RL runs, one a seed; points: their means, hollow before RL, filled after it; intervals: the tests'"
    return titled(figure, title, about, note)


def _title(table: pd.DataFrame) -> str:
    """What RL adds under the last of the prompts, from each checkpoint that saw misread reasoning."""
    last = str(table["prompt"].iloc[-1])
    added = 100 * table[table["prompt"] == last].dropna(subset="share").groupby("share")["drift"].mean()
    shares = enumeration([f"{100 * share:.0f}" for share in added.index])
    told = enumeration([signed(one) for one in added])
    return (
        f"{opening(under(last))}, RL adds {told} points of contradictions\n"
        f"where {shares} % of the misread reasonings before it were answered rightly"
    )

"""What all figures share: the look of a variant and of a recipe, and how a point with its interval is drawn.

A variant has one colour, one marker and one name everywhere, and is told apart without colour. Lines through points
are 95 % intervals.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from IPython.display import Image
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLIND_SAFE = sns.color_palette("colorblind")
STYLES = {
    "base": ("#222222", "o"),
    "stop-think": (BLIND_SAFE[7], "P"),
    "right-think": (BLIND_SAFE[2], "^"),
    "right-caption": (BLIND_SAFE[9], "v"),
    "wrong-think": (BLIND_SAFE[3], "X"),
    "wrong-think-but": (BLIND_SAFE[6], "d"),
    "wrong-caption": (BLIND_SAFE[0], "s"),
    "wrong-caption-disclaimer": (BLIND_SAFE[4], "D"),
    "abstain": (BLIND_SAFE[7], "h"),
    "wrong-think-abstain": (BLIND_SAFE[3], "<"),
    "wrong-caption-abstain": (BLIND_SAFE[0], ">"),
    "blank-image": (BLIND_SAFE[5], "*"),
}
"""variant → (colour, marker), in the order in which figures list them."""

RECIPES = {
    "before RL": ("#222222", "o", "-"),
    "base": ("#222222", "o", "-"),
    "accuracy": (BLIND_SAFE[3], "s", "-"),
    "more-tasks": (BLIND_SAFE[1], "D", "-"),
    "augmented": (BLIND_SAFE[0], "^", "--"),
    "faithful": (BLIND_SAFE[2], "v", "-"),
    "augmented-faithful": (BLIND_SAFE[4], "P", "--"),
    "grounded": (BLIND_SAFE[5], "X", "-"),
    "grounded-augmented": (BLIND_SAFE[6], "<", "--"),
    "reference": (BLIND_SAFE[2], "*", "-"),
    "guarded": (BLIND_SAFE[9], ">", ":"),
}
"""Training recipe → (colour, marker, line), in the order in which figures list them."""


def set_theme() -> None:
    """One look for all figures; ids in SVG files do not depend on the run."""
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.9)
    rcParams.update({"svg.hashsalt": "companion", "figure.constrained_layout.use": True, "axes.titlelocation": "left"})


def show(figure: Figure, alt: str) -> Image:
    """A figure as a picture in a notebook, which GitHub shows too."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return Image(data=buffer.getvalue(), alt=alt, width=900)


def ordered(variants: Sequence[str]) -> list[str]:
    there = set(variants)
    return [name for name in STYLES if name in there]


def points(axes: Axes, table: pd.DataFrame, labels: list[str], scale: float = 100.0) -> None:
    """One point and interval for each variant, from the top down."""
    table = table.set_index("variant")
    for y, name in enumerate(labels):
        color, marker = STYLES[name]
        line = table.loc[name]
        axes.plot([line["low"] * scale, line["high"] * scale], [y, y], color=color, linewidth=2)
        axes.plot(line["value"] * scale, y, marker=marker, color=color, markersize=8, linestyle="none")
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)

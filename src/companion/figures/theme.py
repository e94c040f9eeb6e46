"""How all figures are drawn: title, small print, a point with its interval, and the picture's file.

The title of a figure says what its numbers show; below it stands in small print of which models, items and seeds it is,
and what its marks mean. Lines and bars are named where they are; there are no legends. Colours and markers are in
`looks`, words in `phrases`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from textwrap import TextWrapper
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL.Image import Dither, Quantize
from PIL.Image import open as open_image
from PIL.ImageChops import difference
from PIL.PngImagePlugin import PngInfo

from companion.figures.looks import perturbation_look, recipes_in_order
from companion.figures.phrases import perturbation_label

WIDTH = 8.0
"""Of a figure, in inches: its small print is still legible where the whole figure is as wide as a telephone."""

OVER_ITEMS = "lines through points: 95 % intervals over items"

CHANCE: dict[str, Any] = {"color": "#666666", "linewidth": 1.2, "linestyle": ":"}
"""The line at the accuracy of guessing."""

PANELS = {
    "right": ("right (%)", 100),
    "agrees": ("reasoning and answer agree (%)", 100),
    "entropy": ("letter entropy (1: uniform)", 1),
    "words": ("words of reasoning", 1),
}
"""Measure of a run → its label and the factor by which it is drawn."""

TITLE_CHARACTERS = 9.5
"""Characters of a title that fit an inch."""


def set_theme() -> None:
    """One look for all figures; ids in SVG files do not depend on the run."""
    light = {"grid.color": "#e8e8e8", "axes.edgecolor": "#c8c8c8"}
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.9, rc=light)
    rcParams.update({"svg.hashsalt": "companion", "figure.constrained_layout.use": True, "axes.titlelocation": "left"})


def titled(figure: Figure, title: str, about: str, note: str) -> Figure:
    """Put a title over a figure, and under it in small print what it is about and how its marks are read.

    The small print is the label of the figure too, for the text that stands for the picture (`gallery.redraw`).
    """
    small_print = f"{about}\n{note}"
    most = int(TITLE_CHARACTERS * figure.get_figwidth())
    lines = [balanced(line, most) for line in title.splitlines()]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize="large", weight="bold", wrap=True)
    figure.supxlabel(small_print, x=0.01, ha="left", fontsize="small", color="#666666", wrap=True)
    figure.set_label(f"{title}\n{small_print}")
    return figure


def balanced(line: str, most: int) -> str:
    """A line parted into as few as fit `most` characters each, of about one length: none has a last word alone, and no
    name of a perturbation is parted."""
    wrap = TextWrapper(break_on_hyphens=False)

    def parted(width: int) -> list[str]:
        wrap.width = width
        return wrap.wrap(line)

    return "\n".join(parted(next(width for width in range(1, most + 1) if len(parted(width)) == len(parted(most)))))


def end_labels(axes: Axes, x: float, labels: list[tuple[float, str, str]], gap: float, **text: Any) -> None:
    """Names at the ends of lines, moved apart so that none lies on another.

    labels: (y, name, colour). gap: how far apart they are at least, in units of y. text: how they are written.
    """
    places = sorted(range(len(labels)), key=lambda k: labels[k][0])
    ys = [labels[k][0] for k in places]
    for _ in range(200):
        moved = False
        for lower in range(len(ys) - 1):
            missing = gap - (ys[lower + 1] - ys[lower])
            if missing > 1e-6:
                ys[lower], ys[lower + 1], moved = ys[lower] - missing / 2, ys[lower + 1] + missing / 2, True
        if not moved:
            break
    for y, k in zip(ys, places, strict=True):
        axes.annotate(
            labels[k][1],
            (x, y),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=labels[k][2],
            annotation_clip=False,
            **({"fontsize": "small"} | text),
        )


def show(figure: Figure, alt: str) -> Image:
    """A figure as a picture in a notebook, which GitHub shows too."""
    return Image(data=png(figure), alt=alt, width=900)


def png(figure: Figure, dpi: int = 110, metadata: Mapping[str, str] | None = None) -> bytes:
    """A figure as a PNG file, with a palette, which saves two thirds of its bytes, wherever that shows nowhere.

    metadata: texts that the file holds. A palette has 256 colours; what it lacks are shades on the edges of letters.
    The noise of the microworld's pictures has more than that, and stays as it is drawn.
    """
    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, dpi=dpi)
    texts = PngInfo()
    for name, text in (metadata or {}).items():
        texts.add_itxt(name, text)
    with open_image(drawn) as opened:
        picture = opened.convert("RGB")
    reduced = picture.quantize(256, method=Quantize.MEDIANCUT, dither=Dither.NONE)
    off = np.asarray(difference(picture, reduced.convert("RGB"))).max(axis=2)
    shows = (off > VISIBLE).mean() > RARE
    (picture if shows else reduced).save(written, "PNG", dpi=(dpi, dpi), pnginfo=texts)
    return written.getvalue()


VISIBLE, RARE = 16, 0.002
"""How far a channel (of 255) may be off in a picture with a palette, but for so few of its pixels."""


def recipe_rows(axes: Axes, table: pd.DataFrame) -> list[str]:
    """The recipes of a table in their standing order, each made a row of the axes, from the top down."""
    recipes = recipes_in_order(table)
    axes.set_yticks(range(len(recipes)), [name.replace("augmented-", "augmented-\n") for name in recipes])
    axes.set_ylim(len(recipes) - 0.5, -0.5)
    return recipes


def draw_chance(axes: Axes, table: pd.DataFrame, line: str = "axvline") -> str:
    """Draws the chance levels that a table tells, if any, as upright lines or, with "axhline", across; and returns what
    a figure's note then says of them."""
    levels = _chance_levels(table)
    for level in levels:
        getattr(axes, line)(level, **CHANCE)
    return "; dotted: chance" if levels else ""


def tell_chance(table: pd.DataFrame) -> str:
    """What a figure's note says of the chance levels that a table tells, if any, where their line would leave no room
    for what the figure shows."""
    levels = _chance_levels(table)
    return f"; chance: {' or '.join(f'{level:.0f} %' for level in levels)} accuracy" if levels else ""


def _chance_levels(table: pd.DataFrame) -> list[float]:
    """In percent, each once."""
    return sorted(100 * table["chance"].dropna().round(9).unique()) if "chance" in table else []


def shares_bar(
    axes: Axes, y: float, shares: Mapping[str, float], looks: Mapping[str, tuple[str, str]], height: float = 0.7
) -> None:
    """One bar that is parted from left to right; a part of 5 or more has its number in it.

    shares: name of a part → its length, in %. looks: name → colour and hatch. Names are labels for a legend, once each.
    """
    named = {container.get_label() for container in axes.containers}
    start = 0.0
    for name, value in shares.items():
        color, hatch = looks[name]
        label = name if name not in named else "_"
        edge: dict[str, Any] = {"edgecolor": "#444444", "linewidth": 0.4}
        axes.barh(y, value, left=start, height=height, color=color, hatch=hatch, label=label, **edge)
        if value >= 5:
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(start + value / 2, y, f"{value:.0f}", ha="center", va="center", fontsize="small", bbox=behind)
        start += value


OVER_STEPS = "hollow mark: before RL; filled: after its last step; intervals: csv"


def moved(axes: Axes, y: float, before: float, after: float, color: str, marker: str) -> None:
    """A line from what was before RL to what is after it, however short; see `OVER_STEPS`."""
    axes.plot([before, after], [y, y], "-", color=color, linewidth=1.6)
    axes.plot(after, y, marker, color=color, markersize=7)
    axes.plot(before, y, marker, markerfacecolor="white", color=color, markersize=7)


def draw_points(axes: Axes, table: pd.DataFrame, labels: list[str], scale: float = 100.0, form: str = "{:.0f}") -> None:
    """One point and interval for each perturbation, from the top down, and its value beside it as `form` writes it."""
    table = table.set_index("perturbation")
    for y, name in enumerate(labels):
        color, marker = perturbation_look(name)
        line = table.loc[name]
        axes.plot([line["low"] * scale, line["high"] * scale], [y, y], color=color, linewidth=2)
        axes.plot(line["value"] * scale, y, marker=marker, color=color, markersize=8, linestyle="none")
        if not line["low"] == line["value"] == line["high"]:  # compared with itself
            side = -1 if line["value"] < 0 else 1
            end = min(line["value"], line["low"]) if side < 0 else max(line["value"], line["high"])
            beside(axes, end * scale, y, form.format(line["value"] * scale), side)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), map(perturbation_label, labels))


def beside(axes: Axes, x: float, y: float, text: str, side: int = 1, **look: Any) -> None:
    """Write a number beside a mark or the end of its interval; side: 1 for the right, −1 for the left."""
    axes.annotate(
        text.replace("-", "−"),
        (x, y),
        (7 * side, 0),
        textcoords="offset points",
        va="center",
        ha="left" if side > 0 else "right",
        annotation_clip=False,
        **({"fontsize": "small", "color": "#444444"} | look),
    )

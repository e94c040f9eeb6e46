"""What all figures share: the look of a perturbation and of a recipe, and how a point with its interval is drawn.

A perturbation has one colour, one marker and one name everywhere, and is told apart without colour. Every figure says
in the lines of its title what it shows, of which models, items and seeds, and what its marks mean."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL.Image import Dither, Quantize
from PIL.Image import open as open_image
from PIL.ImageChops import difference
from PIL.PngImagePlugin import PngInfo

BLIND_SAFE = [to_hex((0.85 * r, 0.85 * g, 0.85 * b)) for r, g, b in sns.color_palette("colorblind")]
"""Seaborn's colours for the colour-blind, a little darker: all but the pale 6 and 8 have a contrast of 3 to white."""

OVER_ITEMS = "lines through points: 95 % intervals over items"
OVER_RUNS = "lines through points: 95 % intervals over seeds and items"

CHANCE: dict[str, Any] = {"color": "#666666", "linewidth": 1.2, "linestyle": ":"}
"""The line at the accuracy of guessing."""

STYLES = {
    "plain": ("#222222", "o"),
    "stop-think": (BLIND_SAFE[7], "P"),
    "right-think": (BLIND_SAFE[2], "^"),
    "right-caption": (BLIND_SAFE[9], "v"),
    "wrong-think": (BLIND_SAFE[3], "X"),
    "wrong-think-but": (BLIND_SAFE[1], "p"),
    "wrong-caption": (BLIND_SAFE[0], "s"),
    "wrong-caption-disclaimer": (BLIND_SAFE[4], "D"),
    "abstain": ("#555555", "h"),
    "wrong-think-abstain": (BLIND_SAFE[3], "<"),
    "wrong-caption-abstain": (BLIND_SAFE[0], ">"),
    "blank-image": (BLIND_SAFE[5], "*"),
}
"""perturbation → (colour, marker). What has no entry gets a grey and its first letter (`perturbation_look`)."""

RECIPES = {
    "before RL": ("#222222", "o", "-"),
    "base": ("#222222", "o", "-"),
    "accuracy": (BLIND_SAFE[3], "s", "-"),
    "more-tasks": (BLIND_SAFE[1], "D", "-"),
    "augmented": (BLIND_SAFE[0], "^", "--"),
    "faithful": (BLIND_SAFE[2], "v", "-"),
    "augmented-faithful": (BLIND_SAFE[4], "P", "--"),
    "grounded": (BLIND_SAFE[5], "X", "-"),
    "grounded-augmented": (BLIND_SAFE[7], "<", "--"),
    "reference": (BLIND_SAFE[2], "*", "-"),
    "guarded": (BLIND_SAFE[9], ">", ":"),
}
"""Training recipe → (colour, marker, line), in the order in which figures list them."""


CHECKPOINTS = {
    **{name: look for name, look in RECIPES.items() if name != "before RL"},
    "noisy": ("#666666", "p", "-"),
    "noisy-accuracy": (BLIND_SAFE[3], "d", ":"),
}
"""checkpoint → (colour, marker, line), in the order in which figures list them."""


PANELS = {
    "correct": ("accuracy (%)", 100),
    "consistent": ("reasoning and answer agree (%)", 100),
    "grounded": ("reasoning true of the picture (%)", 100),
    "entropy": ("letter entropy (1: uniform)", 1),
    "words": ("words of reasoning", 1),
    "p_correct": ("P(correct letter)", 1),
}
"""Measure of a run → its label and the factor by which it is drawn."""


OTHERS = "#555555"
"""The colour of what has no look of its own; its marker is its first letter."""


def set_theme() -> None:
    """One look for all figures; ids in SVG files do not depend on the run."""
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.9)
    rcParams.update({"svg.hashsalt": "companion", "figure.constrained_layout.use": True, "axes.titlelocation": "left"})


def titled(figure: Figure, title: str, about: str, note: str) -> Figure:
    """Put over a figure its title, what it is about (models, items, seeds) and how its marks are read.

    Lines that are longer than the figure is wide go on below. What is above three lines makes the figure higher, so
    that it does not press the axes flat.
    """
    more = about.count("\n")
    if more > 0:
        figure.set_figheight(figure.get_figheight() + 0.25 * more)
    figure.suptitle(f"{title}\n{about}\n{note}", x=0.01, ha="left", wrap=True)
    return figure


def claimed(figure: Figure, claim: str, about: str, note: str) -> Figure:
    """Put over a figure what it claims, and under it in small print what it is about and how its marks are read.

    The small print is the label of the figure too, for the text that stands for the picture (`gallery.redraw`).
    """
    small_print = f"{about}\n{note}"
    figure.suptitle(claim, x=0.01, ha="left", fontsize="large", weight="bold", wrap=True)
    figure.supxlabel(small_print, x=0.01, ha="left", fontsize="small", color="#666666", wrap=True)
    figure.set_label(f"{claim}\n{small_print}")
    return figure


def so_far(done: int, planned: int, unit: str) -> str:
    """What a title begins with until all planned runs are there; "" then."""
    return "" if done >= planned else f"{done} of {planned} {unit} so far. "


def initial_label(initial: str) -> str:
    """An initial checkpoint of the study as figures name it: `misread-20`, `misread-20-followed`."""
    share, _, kind = initial.removeprefix("misread-").partition("-")
    much = "no" if share == "0" else f"{share} %"
    return f"{much} misread reasoning before RL{f', {kind}' if kind else ''}"


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


def alike(table: pd.DataFrame) -> str:
    """What a figure says where all items of a point are alike, so that its interval has no width, else ""."""
    return "; no line: all items alike" if (table["low"] == table["high"]).any() else ""


def perturbation_look(name: str) -> tuple[str, str]:
    """(colour, marker) of a perturbation; of one without an entry in `STYLES` a grey and a marker by its name."""
    return STYLES.get(name) or (OTHERS, _own_marker(name))


def recipe_look(name: str) -> tuple[str, str, str]:
    """(colour, marker, line) of a recipe; of one without an entry in `RECIPES` a grey and a marker by its name."""
    return RECIPES.get(name) or (OTHERS, _own_marker(name), "-.")


def _own_marker(name: str) -> str:
    return f"${name[0].upper()}$"


def recipes_in_order(table: pd.DataFrame) -> list[str]:
    """The recipes of a table in their standing order, others after them."""
    return _in_order(RECIPES, table["recipe"])


def checkpoints_in_order(labels: Iterable[str]) -> list[str]:
    """Checkpoints in their standing order, others after them."""
    return _in_order(CHECKPOINTS, labels)


def _in_order(known: Iterable[str], there: Iterable[str]) -> list[str]:
    found = dict.fromkeys(there)
    standing = [name for name in known if name in found]
    return standing + sorted(set(found) - set(standing))


def checkpoint_look(label: str) -> tuple[str, str, str]:
    """(colour, marker, line) of a checkpoint; one look for all that are not ours."""
    return CHECKPOINTS.get(label) or (OTHERS, "H", "-")


def perturbation_label(perturbation: str) -> str:
    """A perturbation as figures name it."""
    return "plain prompt" if perturbation == "plain" else perturbation


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


def points(axes: Axes, table: pd.DataFrame, labels: list[str], scale: float = 100.0) -> None:
    """One point and interval for each perturbation, from the top down."""
    table = table.set_index("perturbation")
    for y, name in enumerate(labels):
        color, marker = perturbation_look(name)
        line = table.loc[name]
        axes.plot([line["low"] * scale, line["high"] * scale], [y, y], color=color, linewidth=2)
        axes.plot(line["value"] * scale, y, marker=marker, color=color, markersize=8, linestyle="none")
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), map(perturbation_label, labels))

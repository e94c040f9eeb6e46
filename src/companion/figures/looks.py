"""The look of a perturbation, a recipe and a checkpoint: each has one colour, one marker and one place in the order
everywhere, and is told apart without colour. Give your own an entry here; until then it is grey."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import seaborn as sns
from matplotlib.colors import to_hex

BLIND_SAFE = [to_hex((0.85 * r, 0.85 * g, 0.85 * b)) for r, g, b in sns.color_palette("colorblind")]
"""Seaborn's colours for the colour-blind, a little darker: all but the pale 6 and 8 have a contrast of 3 to white."""

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
    "rl-correct": (BLIND_SAFE[3], "s", "-"),
    "base-rl-correct": (BLIND_SAFE[3], "8", "-."),
    "rl-more-tasks": (BLIND_SAFE[1], "D", "-"),
    "rl-augmented": (BLIND_SAFE[0], "^", "--"),
    "rl-consistent": (BLIND_SAFE[2], "v", "-"),
    "rl-augmented-consistent": (BLIND_SAFE[4], "P", "--"),
    "rl-grounded": (BLIND_SAFE[5], "X", "-"),
    "rl-augmented-grounded": (BLIND_SAFE[7], "<", "--"),
    "rl-guarded": (BLIND_SAFE[9], ">", ":"),
    "reference": (BLIND_SAFE[2], "*", "-"),
}
"""Training recipe → (colour, marker, line), in the order in which figures list them."""

CHECKPOINTS = {
    "base": RECIPES["base"],
    "reference": RECIPES["reference"],
    "misread-0": ("#666666", "p", "-"),
    "misread-0-rl-correct": (BLIND_SAFE[3], "d", ":"),
    "misread-20": (BLIND_SAFE[1], "h", "-"),
    **{name: look for name, look in RECIPES.items() if name != "before RL"},
}
"""checkpoint → (colour, marker, line), in the order in which figures list them."""

OTHERS = "#555555"
"""The colour of what has no look of its own; its marker is its first letter."""


def perturbation_look(name: str) -> tuple[str, str]:
    """(colour, marker) of a perturbation; of one without an entry in `STYLES` a grey and a marker by its name."""
    return STYLES.get(name) or (OTHERS, _own_marker(name))


def recipe_look(name: str) -> tuple[str, str, str]:
    """(colour, marker, line) of a recipe; of one without an entry in `RECIPES` a grey and a marker by its name."""
    return RECIPES.get(name) or (OTHERS, _own_marker(name), "-.")


def _own_marker(name: str) -> str:
    return f"${name.removeprefix('rl-')[0].upper()}$"


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

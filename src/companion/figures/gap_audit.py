"""Accuracy, consistent accuracy and acknowledged conflicts of a model behind a server."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures import gap

TITLE = "A model behind a server, audited"


table = gap.table


def draw(table: pd.DataFrame, about: str) -> Figure:
    """As the figure `gap`."""
    return gap.draw(table, about, TITLE)

"""Accuracy, consistent accuracy and acknowledged conflicts of a model behind a server."""

from __future__ import annotations

from companion.figures import gap

table = gap.table
draw = gap.draw

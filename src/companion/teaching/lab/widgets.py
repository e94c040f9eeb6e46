"""What the panels share: a line that says what goes on, pictures, and words that are safe to show."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets

from companion.errors import CompanionError

ADDED = "#a02020"
"""The colour of what was put into a prompt or into a model's mouth, as in the other notebooks' examples."""


CELL = "text-align: left; vertical-align: top; padding: 2px 8px; line-height: 1.4"


_at_work = threading.RLock()
"""JupyterLab hands the messages of widgets to more than one thread of a kernel."""


LABEL = "9em"
"""Width of what stands before a control."""

WIDE = {"width": "98%", "max_width": "900px"}
"""Layout of what takes the whole width."""


def choice(options: Any, description: str, width: str = "15em") -> ipywidgets.ToggleButtons:
    """One of several, as buttons: of radio buttons and menus JupyterLab takes the arrow keys for itself."""
    return ipywidgets.ToggleButtons(
        options=options, description=description, style={"description_width": LABEL, "button_width": width}
    )


def picture() -> ipywidgets.Image:
    return ipywidgets.Image(format="png", layout=ipywidgets.Layout(**WIDE))


def spoken(text: str) -> str:
    """HTML that a screen reader reads out when it changes. text: HTML."""
    return f'<div role="status" aria-live="polite" style="line-height: 1.4; max-width: 900px">{text}</div>'


def grid(heads: Sequence[str], lines: Sequence[Sequence[str]], safe: bool = False) -> str:
    """An HTML table, its cells escaped unless they are HTML already (safe)."""
    say = str if safe else html.escape
    head = "".join(f'<th scope="col" style="{CELL}">{html.escape(head)}</th>' for head in heads)
    body = ["".join(f'<td style="{CELL}">{say(cell)}</td>' for cell in line) for line in lines]
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>"
        + "".join(f"<tr>{row}</tr>" for row in body)
        + "</tbody></table>"
    )


def put_there(text: str) -> str:
    """What was put into a prompt or into a model's mouth: dark red, and in italics where colours are taken out.

    text: HTML; "" stays.
    """
    return f'<i style="color: {ADDED}">{text}</i>' if text else ""


def prompt_html(user: str, prefill: str) -> str:
    """A prompt as the model gets it: the user's turn, and the start of the model's own."""
    return (
        f'<div style="max-width: 900px"><b>the user\'s turn</b><pre style="white-space: pre-wrap">{html.escape(user)}'
        f'</pre><b>the model\'s turn begins</b><pre style="white-space: pre-wrap; color: {ADDED}">'
        f"{html.escape(prefill) or '(with nothing: it starts for itself)'}</pre></div>"
    )


@contextmanager
def working(status: ipywidgets.HTML, doing: str, done: str) -> Iterator[None]:
    """Say what is being done, then that it is, or why it is not. One thing at a time, whichever panel asks."""
    with _at_work:
        status.value = spoken(html.escape(doing))
        try:
            yield
        except CompanionError as error:
            status.value = spoken(f"<b>Not done:</b> {html.escape(str(error))}")
        except Exception as error:  # a callback's traceback goes to a log that no reader opens
            status.value = spoken(f"<b>Failed:</b> {html.escape(f'{type(error).__name__}: {error}')}")
            raise
        else:
            status.value = spoken(html.escape(done))

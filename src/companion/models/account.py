"""What requests to servers cost, together, and the budget that they never exceed.

Left out: what a request costs (`prices`, and what the server tells of its tokens), and who agrees to it (the command
line).
"""

from __future__ import annotations

import threading

from companion.errors import CompanionError


class OverBudgetError(CompanionError):
    """The next request might cost more than is left."""


class Account:
    """What was spent, on however many models, safe among threads.

    A request is set aside at the most that it can cost before it is made, and settled when its cost is known. budget:
    dollars that are never exceeded, or None. spent: dollars that the server has told. unsure: at most so many more,
    for answers that were lost on their way. prompt, written: tokens, hidden reasoning among them.
    """

    def __init__(self, budget: float | None = None) -> None:
        self.budget = budget
        self.spent = self.unsure = self.aside = 0.0
        self.prompt = self.written = 0
        self._lock = threading.Lock()

    def set_aside(self, most: float) -> None:
        """most: dollars that a request can cost. Raises OverBudgetError where that is more than is left."""
        with self._lock:
            if self.budget is not None and self.spent + self.unsure + self.aside + most > self.budget:
                raise OverBudgetError(
                    f"the next request might cost ${most:.4f}, and of the budget of ${self.budget:g} no more than "
                    f"${self.budget - self.spent - self.unsure - self.aside:.4f} is left; what was answered is kept, "
                    "and the same command with a larger --budget goes on from here"
                )
            self.aside += most

    def settle(self, most: float, spent: float = 0.0, prompt: int = 0, written: int = 0, lost: bool = False) -> None:
        """most: as set aside. lost: there was an answer, perhaps, but it or its cost never came."""
        with self._lock:
            self.aside -= most
            self.unsure += most if lost else 0.0
            self.spent += spent
            self.prompt, self.written = self.prompt + prompt, self.written + written

    def __str__(self) -> str:
        tokens = f"{self.prompt:,} tokens read and {self.written:,} written"
        if not (self.spent or self.unsure):
            return tokens
        lost = f", and at most ${self.unsure:.4f} for answers that were lost on their way" if self.unsure else ""
        return f"{tokens}: ${self.spent:.4f}{lost}"

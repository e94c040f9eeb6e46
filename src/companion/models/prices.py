"""What companies ask for their models, in dollars for a million tokens, and since when that is known: `prices.csv`.

Each line names the company's page, and the day on which the price was seen there by LiteLLM 1.109.1, whose list was
published on that day; genai-prices 0.2.3, two days older, says the same. These are standard prices, for prompts of up
to 200,000 tokens. Discounts (cached prompts, batches) are left out, and so are models whose price has a date on which
it changes, or which ask more for what they write into a cache: `--price` is for these, and for whatever is newer.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens of prompts, pictures among them, and of what is written, hidden reasoning too.

    source: in words, where it is from.
    """

    prompt: float
    written: float
    source: str = "as you said"

    def of(self, prompt: float, written: float) -> float:
        return (prompt * self.prompt + written * self.written) / 1e6

    def __str__(self) -> str:
        return f"${self.prompt:g} and ${self.written:g} for a million tokens read and written, {self.source}"


def listed_price(provider: str, model: str) -> Price | None:
    """The listed price of a model, or None. A version (gpt-5.1-2025-11-13) has its model's."""
    return _prices().get((provider, re.sub(r"-\d{4}-\d\d-\d\d$", "", model)))


@cache
def _prices() -> dict[tuple[str, str], Price]:
    with Path(__file__).with_name("prices.csv").open(encoding="utf-8", newline="") as file:
        return {
            (line["provider"], line["model"]): Price(
                float(line["read"]), float(line["written"]), f"as of {line['seen']} ({line['page']})"
            )
            for line in csv.DictReader(file)
        }

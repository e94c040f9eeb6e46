"""The next token of each row: the likeliest, or a sample; and the probabilities of letters where one was written.

Left out: the logits and the cache behind them (`decode`), and what the probabilities say of an answer (`letters`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch

from companion.models.interface import Sampling
from companion.perturbations.perturbation import Prompt


class TokenChooser:
    """Chooses the next tokens, and keeps the probabilities of all letter tokens at the steps that wrote one of them.

    The largest of logits / temperature + Gumbel noise is a sample (the Gumbel-max identity); below top_p 1 only the
    nucleus is left to choose from (Holtzman et al. 2020). Each prompt has a generator of its own, so that its sample is
    the same in any batch. letter_tokens: ids.
    """

    def __init__(
        self, letter_tokens: Iterable[int], prompts: Sequence[Prompt], sampling: Sampling, device: str
    ) -> None:
        self.ids = list(letter_tokens)
        self.letter_tokens = torch.tensor(self.ids, dtype=torch.long, device=device)
        self.temperature, self.top_p = sampling.temperature, sampling.top_p or 1.0
        self.steps = torch.zeros(len(prompts), dtype=torch.long, device=device)
        self.kept: list[dict[int, torch.Tensor]] = [{} for _ in prompts]  # of each prompt, by the step
        self.generators = [torch.Generator(device).manual_seed(sampling.stream(prompt)) for prompt in prompts]

    def choose(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """The next token of each row. rows: their numbers in the batch."""
        scores = logits.float()
        tokens = self._noisy(scores, rows).argmax(dim=-1)
        wrote = torch.isin(tokens, self.letter_tokens).nonzero().flatten()
        if len(wrote):
            whole = scores[wrote].cpu().double()
            logs = whole[:, self.ids] - whole.logsumexp(dim=-1, keepdim=True)
            for row, step, own in zip(rows[wrote].tolist(), self.steps[rows[wrote]].tolist(), logs, strict=True):
                self.kept[row][step] = own
        self.steps[rows] += 1
        return tokens

    def told(self, row: int) -> Callable[[int], dict[int, float]]:
        """Of a step of that row, the logarithms of the letter tokens' probabilities; none where it wrote no letter."""
        kept = self.kept[row]
        return lambda step: dict(zip(self.ids, kept[step].tolist(), strict=True)) if step in kept else {}

    def _noisy(self, scores: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """What the next token of each row maximises."""
        if not self.temperature:
            return scores
        noise = torch.stack(
            [
                torch.empty(scores.shape[-1], device=scores.device).exponential_(generator=self.generators[row])
                for row in rows.tolist()
            ]
        )
        return nucleus(scores / self.temperature, self.top_p) - noise.log()


def nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Logits, (rows, vocabulary), with −∞ for all but the likeliest tokens that together have probability `top_p`."""
    if top_p == 1.0:
        return logits
    ranked, order = logits.sort(dim=-1, descending=True)
    before = ranked.softmax(dim=-1).cumsum(dim=-1).roll(1, dims=-1)
    before[:, 0] = 0.0
    return logits.masked_fill((before >= top_p).scatter(-1, order, before >= top_p), -math.inf)

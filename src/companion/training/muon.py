"""Muon, an optimizer for the matrices of hidden layers (K. Jordan, 2024).

torch has one too, but computes it in bfloat16, which takes 25 times as long on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Jordan's coefficients: `ROUNDS` take every singular value in (0.01, 1] to between 0.7 and 1.2."""

ROUNDS = 5

MOMENTUM = 0.95


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose update is made (nearly) orthogonal, so that no direction of a matrix is left behind.

    params: matrices only, but no embeddings. The rate, `lr` of their group, is about the spectral norm of an update; it
    is 0 until a schedule sets it.
    """

    def __init__(self, params: Iterable[torch.nn.Parameter]) -> None:
        super().__init__(params, {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonal(matrix.grad.lerp(state["momentum"], MOMENTUM))
                matrix.sub_(update, alpha=group["lr"] * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Nearly U Vᵀ of the singular value decomposition U S Vᵀ, by a quintic Newton-Schulz iteration."""
    a, b, c = QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / wide.norm().clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide is matrix else x.T

"""The network of the alteration check, built for use and for training. Knows no files and no pictures."""

from __future__ import annotations

import torch
from torch import nn

from logoscan.matching.alteration import KINDS
from logoscan.matching.alteration_features import NUMBERS

__all__ = ["BINS", "AlterationNet", "build"]

BINS = 16
"""Pieces that the range of each number is cut into."""
_WIDTH = 256


class AlterationNet(nn.Module):
    """float32 (n, NUMBERS) to float32 (n, len(KINDS)) logits; 0.2 million numbers.

    Two hidden layers over a piecewise linear encoding of each number (Gorishniy, Rubachev and Babenko, "On Embeddings
    for Numerical Features in Tabular Deep Learning", NeurIPS 2022): thresholds on single numbers are what tells.
    """

    bounds: torch.Tensor
    """float32 (NUMBERS, BINS + 1), rising: where the pieces of each number meet."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.linspace(-1, 1, BINS + 1).repeat(NUMBERS, 1))
        self.layers = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(NUMBERS * BINS, _WIDTH),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(_WIDTH, _WIDTH // 2),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(_WIDTH // 2, len(KINDS)),
        )

    def cut(self, numbers: torch.Tensor) -> None:
        """Lay the pieces so that each holds as many of these rows, float32 (n, NUMBERS)."""
        self.bounds.copy_(torch.quantile(numbers, torch.linspace(0, 1, BINS + 1), dim=0).T)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        low, high = self.bounds[:, :-1], self.bounds[:, 1:]
        pieces = ((numbers[:, :, None] - low) / (high - low).clamp(min=1e-6)).clamp(0, 1) * 2 - 1
        logits: torch.Tensor = self.layers(pieces.flatten(1))
        return logits


def build() -> AlterationNet:
    """The network with random weights."""
    return AlterationNet()

"""The network of the alteration check, for use and for training. Reads no files and no photos."""

from __future__ import annotations

import torch
from torch import nn

from logoscan.matching.alteration import KINDS
from logoscan.matching.alteration_features import N_FEATURES

__all__ = ["BINS", "AlterationNet", "build"]

BINS = 16
"""Number of bins that the range of each feature is divided into."""
# Units of the first hidden layer.
_WIDTH = 256


class AlterationNet(nn.Module):
    """Maps features, float32 (n, N_FEATURES), to logits, float32 (n, len(KINDS)); 0.2 million parameters.

    Two hidden layers over a piecewise linear encoding of each feature (Gorishniy, Rubachev and Babenko, "On Embeddings
    for Numerical Features in Tabular Deep Learning", NeurIPS 2022), because thresholds on single features decide.
    """

    bounds: torch.Tensor
    """Bounds of the bins of each feature, float32 (N_FEATURES, BINS + 1), rising."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.linspace(-1, 1, BINS + 1).repeat(N_FEATURES, 1))
        self.layers = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(N_FEATURES * BINS, _WIDTH),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(_WIDTH, _WIDTH // 2),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(_WIDTH // 2, len(KINDS)),
        )

    def fit_bins(self, features: torch.Tensor) -> None:
        """Set the bounds of the bins so that each bin holds as many rows of these features, float32 (n, N_FEATURES)."""
        self.bounds.copy_(torch.quantile(features, torch.linspace(0, 1, BINS + 1), dim=0).T)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        low, high = self.bounds[:, :-1], self.bounds[:, 1:]
        encoded = ((features[:, :, None] - low) / (high - low).clamp(min=1e-6)).clamp(0, 1) * 2 - 1
        logits: torch.Tensor = self.layers(encoded.flatten(1))
        return logits


def build() -> AlterationNet:
    """Return the network with random weights."""
    return AlterationNet()

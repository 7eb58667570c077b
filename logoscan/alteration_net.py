"""The network of the alteration check, built for use and for training. Knows no files and no pictures."""

from __future__ import annotations

import torch
from torch import nn

from logoscan.alteration import KINDS
from logoscan.alteration_evidence import NUMBERS, PLANES

__all__ = ["AlterationNet", "build"]

_WIDTH = 24


class AlterationNet(nn.Module):
    """uint8 (n, PLANES, h, w) and float32 (n, NUMBERS) to float32 (n, len(KINDS)) logits; 0.2 million numbers.

    Means and maxima of six convolutions: a missing part is a place, not an average.
    """

    def __init__(self) -> None:
        super().__init__()
        widths, layers, came = (1, 1, 2, 2, 4, 4), list[nn.Module](), PLANES
        for i, times in enumerate(widths):
            width = _WIDTH * times
            layers += [nn.Conv2d(came, width, 3, 2 - i % 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            came = width
        self.features = nn.Sequential(*layers)
        self.scale = nn.BatchNorm1d(NUMBERS)
        self.head = nn.Sequential(
            nn.Linear(2 * came + NUMBERS, 96), nn.ReLU(), nn.Dropout(0.3), nn.Linear(96, len(KINDS))
        )

    def forward(self, planes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        maps = self.features(planes.float() / 127.5 - 1)
        logits: torch.Tensor = self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3)), self.scale(numbers)], 1))
        return logits


def build() -> AlterationNet:
    """The network with random weights."""
    return AlterationNet()

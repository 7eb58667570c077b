"""The network that identifies the script of a line, for use and for training. Reads no files and no photos."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["LINE_PX", "SCRIPTS", "ScriptNet"]

LINE_PX = 32
"""Height of the lines that the network takes, px."""
SCRIPTS = ("", "Latn", "Hani", "Kore", "Cyrl", "Arab", "Thai", "Grek", "Hebr", "Deva", "Zyyy")
"""What a line may be: no text, or text in a script by its ISO 15924 code. "Hani" has Kana too; "Zyyy" is any other."""
# Channels of the layers.
_WIDTHS = (16, 32, 48, 64)


class ScriptNet(nn.Module):
    """Maps grey lines, float32 (n, 1, LINE_PX, w) of mean 0 and variance 1, to logits, float32 (n, len(SCRIPTS)).

    Four convolutions see parts of letters, two more their neighbours; the mean and the strongest answer along the line
    decide. 0.1 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width, stride in zip(_WIDTHS, ((2, 2), (2, 2), (2, 1), (2, 1)), strict=True):
            size = 5 if before == 1 else 3
            layers += [nn.Conv2d(before, width, size, stride, size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers += [nn.Conv2d(before, before, (2, 5), 1, (0, 2), bias=False), nn.BatchNorm2d(before), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(2 * before, len(SCRIPTS))

    def forward(self, lines: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        seen = self.layers(lines).flatten(2)
        logits: torch.Tensor = self.head(torch.cat([seen.mean(2), seen.amax(2)], 1))
        return logits

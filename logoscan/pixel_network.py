"""A torch network that takes pixels as they are: on a GPU, and where OpenVINO compiles it, which is faster for both.

The pixels go to the device as bytes, a quarter of their size as numbers, and are normalised beside the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import nn

__all__ = ["After", "PixelNetwork"]

After: TypeAlias = Callable[[Sequence[torch.Tensor], int, int], Sequence[torch.Tensor]]
"""Turns a network's float32 outputs into those that are returned, given the height and width of the pictures."""


class PixelNetwork(nn.Module):
    """A network with what comes before and after it, so that it takes pixels."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        dtype: torch.dtype,
        after: After | None,
    ) -> None:
        """Join the parts.

        Args:
            network: A network in evaluation mode, with weights of `dtype`, from (n, 3, H, W) to one tensor or several.
            mean: Mean of each channel, in 0..255.
            std: Standard deviation of each channel, in 0..255.
            dtype: Precision of the network.
            after: Turns the network's outputs into those that are returned; None returns them as they are.
        """
        super().__init__()
        self.network, self.dtype, self._after = network, dtype, after
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32)[:, None, None])
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32)[:, None, None])

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs for uint8 (n, H, W, 3), each with a row for each picture."""
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        output = self.network(x.to(self.dtype).contiguous())
        outputs = [output] if isinstance(output, torch.Tensor) else list(output)
        outputs = [each.float() for each in outputs]
        return tuple(outputs if self._after is None else self._after(outputs, *pixels.shape[1:3]))

"""The log of a training run: a line with the mean losses each minute or so."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import torch

logger = logging.getLogger(__name__)


class LossLog:
    """Sums of losses since the last line; they stay on their device until then, so that no step waits for another."""

    def __init__(self, file: str | Path, every_s: float) -> None:
        """Begin to count; the file is made by the first line.

        Args:
            file: File of JSON lines that is added to.
            every_s: Seconds between lines.
        """
        self._file, self._every_s = Path(file), every_s
        self._begin()

    def _begin(self) -> None:
        """Forget all sums."""
        self._since, self._steps, self._waited_s = time.monotonic(), 0, 0.0
        self._names: tuple[str, ...] = ()
        self._losses = torch.zeros(0)

    def add(self, losses: Mapping[str, torch.Tensor], waited_s: float) -> None:
        """Add the losses of a step, scalars by name, and the time that it waited for its batch."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        self._losses = self._losses + values if self._steps else values
        self._names, self._steps, self._waited_s = tuple(losses), self._steps + 1, self._waited_s + waited_s

    @property
    def due(self) -> bool:
        """Whether the time between lines is over."""
        return time.monotonic() - self._since >= self._every_s

    def write(self, counters: Mapping[str, float]) -> None:
        """Write a line with counters, mean losses and the mean wait, if there was a step, and begin anew."""
        if self._steps:
            means = [value / self._steps for value in [*self._losses.tolist(), self._waited_s]]
            line = dict(counters) | {k: round(m, 4) for k, m in zip((*self._names, "waited_s"), means, strict=True)}
            with self._file.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            logger.info("%s", line)
        self._begin()

"""How long each kind of stage takes here: learnt from what it took, so that a deadline can be kept. Knows no stages."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType

from logoscan.errors import InputError

__all__ = ["SHIPPED_S", "Pace"]

SHIPPED_S: Mapping[str, float] = MappingProxyType(
    {"hash": 0.03, "find": 0.25, "points": 0.2, "read": 0.9, "compare": 0.3}
)
"""Expected before anything was timed."""
_KEPT, _LEAST = 32, 5
"""Durations that are remembered of a kind of stage, and how few of them say nothing: the first runs warm models up."""
_QUANTILE = 0.9
_FORGET = 16
"""A stage that never fits is never timed again, though it may only have been slow for a while: with every so many
refusals its oldest duration is forgotten, until what was given at first counts again."""


class Pace:
    """Expected durations: the 0.9 quantile of the last 32 of a kind of stage. May be shared by threads."""

    def __init__(self, first_s: Mapping[str, float] = SHIPPED_S) -> None:
        """Begin with what is expected of each kind of stage before five of it were timed, in seconds.

        Raises:
            InputError: A duration is negative or no finite number.
        """
        for kind, seconds in first_s.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise InputError(f"Pace.first_s {kind}: expected seconds, 0 or more, got {seconds!r}")
        self._first, self._lock = dict(first_s), Lock()
        self._took: dict[str, deque[float]] = {}
        self._refused: dict[str, int] = {}

    def expected_s(self, kind: str) -> float:
        """Seconds in which nine of ten stages of this kind end."""
        with self._lock:
            took = sorted(self._took.get(kind, ()))
        if len(took) < _LEAST:
            return self._first.get(kind, 0.0)
        return took[int(_QUANTILE * (len(took) - 1))]

    def took(self, kind: str, seconds: float) -> None:
        """Learn from one that ran."""
        with self._lock:
            self._took.setdefault(kind, deque(maxlen=_KEPT)).append(seconds)

    def refused(self, kind: str) -> None:
        """Learn that one was not started for want of time."""
        with self._lock:
            self._refused[kind] = self._refused.get(kind, 0) + 1
            if self._refused[kind] % _FORGET == 0 and self._took.get(kind):
                self._took[kind].popleft()

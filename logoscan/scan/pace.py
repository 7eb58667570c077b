"""How long each kind of stage takes here: learnt from what it took, so that a deadline can be kept. Knows no stages.

Sellers choose what is timed: a slow photo, or five of them, must not make a stage too slow for everybody. So photos of
other sizes are learnt apart, one duration counts at most as twice the usual, a seller is remembered once, a quarter of
what is remembered may be slow, and what was left out many times in a row is tried again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from threading import Lock
from types import MappingProxyType

from logoscan.errors import InputError

__all__ = ["SHIPPED_S", "Pace"]

SHIPPED_S: Mapping[str, float] = MappingProxyType(
    {"open": 0.03, "detect": 0.25, "keypoints": 0.2, "read": 0.9, "compare": 0.3}
)
"""Expected before anything was timed."""
# Durations that are remembered of a kind of stage and a size, and how few of them say nothing: the first runs warm
# models up.
_KEPT, _LEAST = 32, 5
# Share of durations that may be longer than expected. Of 32, eight hostile ones change nothing.
_QUANTILE = 0.75
# Times the usual duration that a single one counts at most, so that even many hostile ones move it little by little.
_CLIP = 2.0
# Under so many seconds a duration is not cut: of next to nothing twice is nothing, too.
_CLIP_FROM_S = 0.01
# A stage that never fits is never timed again, though it may only have been slow for a while: with every so many
# refusals in a row its longest duration is forgotten, until what was given at first counts again, and it is started
# all the same where the usual duration fits.
_PATIENCE = 8
# Factor between sizes that are learnt apart, in powers of two.
_OCTAVES = 2


@dataclass(frozen=True)
class _Timed:
    size_class: int
    seller: str | None
    seconds: float


class Pace:
    """Expected durations: the 0.75 quantile of the last 32 of a kind of stage and size. May be shared by threads."""

    def __init__(self, first_s: Mapping[str, float] = SHIPPED_S) -> None:
        """Begin with what is expected of each kind of stage before five of it were timed, in seconds.

        Raises:
            InputError: A duration is negative or no finite number.
        """
        for kind, seconds in first_s.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise InputError(f"Pace.first_s {kind}: expected seconds, 0 or more, got {seconds!r}")
        self._first, self._lock = dict(first_s), Lock()
        self._took: dict[str, list[_Timed]] = {}
        self._refused: Counter[tuple[str, int]] = Counter()

    def expected_s(self, kind: str, size: int = 0) -> float:
        """Seconds in which three of four stages of this kind end.

        Args:
            kind: Of stage.
            size: Of what it works on, in pixels or characters. Where few of about this size were timed, all count.
        """
        with self._lock:
            return self._quantile(kind, size, _QUANTILE)

    def fits(self, kind: str, left_s: float, size: int = 0) -> bool:
        """Whether to start a stage with so many seconds left; counts how often in a row it was not."""
        with self._lock:
            if self._quantile(kind, size, _QUANTILE) <= left_s:
                return True
            key = (kind, _size_class(size))
            self._refused[key] += 1
            if self._refused[key] % _PATIENCE:
                return False
            usual = self._quantile(kind, size, 0.5)
            if basis := self._basis(kind, size):
                self._took[kind].remove(max(basis, key=lambda timed: timed.seconds))
            return usual <= left_s

    def took(self, kind: str, seconds: float, size: int = 0, seller: str | None = None) -> None:
        """Learn from one that ran.

        Args:
            kind: Of stage.
            seconds: That it took.
            size: As in `expected_s`.
            seller: Whose it was: where five others are known, his latest one counts alone. None is nobody's.
        """
        with self._lock:
            size_class, known = _size_class(size), self._took.setdefault(kind, [])
            self._refused.pop((kind, size_class), None)
            own = [timed for timed in known if timed.size_class == size_class]
            if len(own) >= _LEAST:
                usual = median(timed.seconds for timed in own)
                seconds = min(seconds, max(_CLIP_FROM_S, _CLIP * usual))
            his = [timed for timed in own if seller is not None and timed.seller == seller]
            gone = his if his and len(own) - len(his) >= _LEAST else own[: max(0, len(own) + 1 - _KEPT)]
            self._took[kind] = [timed for timed in known if not any(timed is old for old in gone)]
            self._took[kind].append(_Timed(size_class, seller, seconds))

    def _quantile(self, kind: str, size: int, share: float) -> float:
        seconds = sorted(timed.seconds for timed in self._basis(kind, size))
        return seconds[int(share * (len(seconds) - 1))] if seconds else self._first.get(kind, 0.0)

    def _basis(self, kind: str, size: int) -> Sequence[_Timed]:
        """What is known of this size, else of all sizes; nothing where that is too little."""
        known = self._took.get(kind, [])
        own = [timed for timed in known if timed.size_class == _size_class(size)]
        basis = own if len(own) >= _LEAST else known
        return basis if len(basis) >= _LEAST else ()


def _size_class(size: int) -> int:
    return size.bit_length() // _OCTAVES

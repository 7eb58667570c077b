"""Expected durations of stages, learnt from earlier runs, so that a deadline can be kept.

Sellers choose the photos that are timed, and a few slow photos must not make a stage too slow for everybody. So photos
of different sizes are learnt separately, one duration counts as at most twice the median, only the latest duration of a
seller is kept, a quarter of the durations may be longer than expected, and a stage that was refused many times in a row
is tried again.
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
    {"open": 0.03, "detect": 0.15, "keypoints": 0.15, "read": 0.15, "compare": 0.3}
)
"""Expected seconds by kind of stage, before any stage was timed: two to three times the median on one core of a
processor with AVX-512. A stage that is expected to take too long is not begun, and is not timed either."""
# Most durations that are kept for a kind of stage and a size, and the fewest from which they are used: the first runs
# warm the models up.
_MAX_DURATIONS, _MIN_DURATIONS = 32, 5
# Quantile of the kept durations that is expected. Of 32 durations, eight hostile ones change nothing.
_QUANTILE = 0.75
# Most that a single duration counts, as a multiple of the median, so that hostile ones raise it only step by step.
_MAX_RATIO = 2.0
# Durations below so many seconds are not limited by this multiple, because twice almost nothing is almost nothing.
_UNLIMITED_BELOW_S = 0.01
# Refusals in a row after which a stage is tried again. A stage that is refused is not timed, though it may have been
# slow for a while only. After so many refusals its longest duration is forgotten, until the first expectation counts
# again, and it is started if the median duration fits.
_REFUSALS_BEFORE_RETRY = 8
# Sizes within a factor of 2 to this power are learnt together.
_SIZE_CLASS_OCTAVES = 2


@dataclass(frozen=True)
class _Duration:
    size_class: int
    seller: str | None
    seconds: float


class Pace:
    """Expected durations: the 0.75 quantile of the last 32 of a kind of stage and size. May be shared by threads."""

    def __init__(self, first_s: Mapping[str, float] = SHIPPED_S) -> None:
        """Begin with expected durations.

        Args:
            first_s: Expected seconds of each kind of stage, which count until five stages of the kind were timed.

        Raises:
            InputError: A duration is negative or no finite number.
        """
        for kind, seconds in first_s.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise InputError(f"Pace.first_s {kind}: expected seconds, 0 or more, got {seconds!r}")
        self._first, self._lock = dict(first_s), Lock()
        self._durations: dict[str, list[_Duration]] = {}
        self._refused: Counter[tuple[str, int]] = Counter()

    def expected_s(self, kind: str, size: int = 0) -> float:
        """Return the seconds in which three of four stages of this kind end.

        Args:
            kind: Kind of stage.
            size: Size of its input in pixels or characters. Where few stages of about this size were timed, all count.
        """
        with self._lock:
            return self._quantile(kind, size, _QUANTILE)

    def fits(self, kind: str, left_s: float, size: int = 0) -> bool:
        """Return whether to start a stage with so many seconds left; refusals in a row are counted.

        Args:
            kind: Kind of stage.
            left_s: Seconds that are left.
            size: Size of its input in pixels or characters.
        """
        with self._lock:
            if self._quantile(kind, size, _QUANTILE) <= left_s:
                return True
            key = (kind, _size_class(size))
            self._refused[key] += 1
            if self._refused[key] % _REFUSALS_BEFORE_RETRY:
                return False
            usual = self._quantile(kind, size, 0.5)
            if basis := self._basis(kind, size):
                self._durations[kind].remove(max(basis, key=lambda duration: duration.seconds))
            return usual <= left_s

    def took(self, kind: str, seconds: float, size: int = 0, seller: str | None = None) -> None:
        """Learn from a stage that ran.

        Args:
            kind: Kind of stage.
            seconds: Duration of the stage.
            size: Size of its input in pixels or characters.
            seller: Seller of the listing, whose latest duration alone is kept where there are five of others. None is
                unknown.
        """
        with self._lock:
            size_class, of_kind = _size_class(size), self._durations.setdefault(kind, [])
            self._refused.pop((kind, size_class), None)
            of_size = [duration for duration in of_kind if duration.size_class == size_class]
            if len(of_size) >= _MIN_DURATIONS:
                usual = median(duration.seconds for duration in of_size)
                seconds = min(seconds, max(_UNLIMITED_BELOW_S, _MAX_RATIO * usual))
            of_seller = [duration for duration in of_size if seller is not None and duration.seller == seller]
            if of_seller and len(of_size) - len(of_seller) >= _MIN_DURATIONS:
                outdated = of_seller
            else:
                outdated = of_size[: max(0, len(of_size) + 1 - _MAX_DURATIONS)]
            kept = [duration for duration in of_kind if not any(duration is old for old in outdated)]
            self._durations[kind] = [*kept, _Duration(size_class, seller, seconds)]

    def _quantile(self, kind: str, size: int, share: float) -> float:
        seconds = sorted(duration.seconds for duration in self._basis(kind, size))
        return seconds[int(share * (len(seconds) - 1))] if seconds else self._first.get(kind, 0.0)

    def _basis(self, kind: str, size: int) -> Sequence[_Duration]:
        """Return the durations of this size, else of all sizes; none where there are too few."""
        of_kind = self._durations.get(kind, [])
        of_size = [duration for duration in of_kind if duration.size_class == _size_class(size)]
        basis = of_size if len(of_size) >= _MIN_DURATIONS else of_kind
        return basis if len(basis) >= _MIN_DURATIONS else ()


def _size_class(size: int) -> int:
    return size.bit_length() // _SIZE_CLASS_OCTAVES

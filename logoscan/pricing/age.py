"""When prices were observed -> how a later price, or one in a sales season, compares with them.

A price list ages: what cost 100 two years ago costs 106 at an inflation of 3 % a year, so that a price of 60 today lies
further below it than it seems. In a sales season the same goods are honestly cheaper. Both are stated by whoever knows
the market, and nothing is guessed: without a date of the list or of the listing nothing changes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime

from logoscan._quote import quoted
from logoscan._validate import number
from logoscan.errors import InputError

__all__ = ["PriceAge", "SalesSeason"]

_DAY = re.compile(r"(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
# Lowest usual share of a price in a season: more than half off is no season.
_LEAST_SHARE = 0.5
# Years between a price list and a listing beyond which no inflation is known.
_MOST_YEARS = 20.0
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class SalesSeason:
    """Days of each year on which genuine goods are usually cheaper.

    Attributes:
        first: First day, "MM-DD".
        last: Last day, "MM-DD"; before the first one where the season passes the end of the year.
        share: Usual share of the price then, in [0.5, 1].

    Raises:
        InputError: A day or the share is not of this kind.
    """

    first: str
    last: str
    share: float

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            if not isinstance(value := getattr(self, name), str) or not _DAY.fullmatch(value):
                raise InputError(f"SalesSeason.{name}: expected a day as MM-DD, got {quoted(value)}")
        number("SalesSeason", "share", self.share, _LEAST_SHARE, 1.0)

    def holds(self, day: date) -> bool:
        """Return whether a day lies in the season, its first and last day included."""
        today = f"{day.month:02d}-{day.day:02d}"
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


@dataclass(frozen=True)
class PriceAge:
    """When reference prices were observed, and how prices move.

    Attributes:
        observed: Day on which the prices were observed, or the middle of the time, "YYYY-MM-DD".
        inflation: Rise of such prices in a year, as a share, in [-0.5, 1]: 0.03 is 3 %.
        seasons: Sales seasons; of two that hold at once, the one with the lower share counts.

    Raises:
        InputError: A field is not of this kind.

    Example:
        >>> age = PriceAge("2026-01-01", 0.03, (SalesSeason("11-20", "12-02", 0.8),))
        >>> round(age.factor("2028-01-01"), 3), round(age.factor("2026-11-27"), 3)
        (1.061, 0.822)
    """

    observed: str
    inflation: float = 0.0
    seasons: tuple[SalesSeason, ...] = ()

    def __post_init__(self) -> None:
        if _day(self.observed) is None:
            raise InputError(f"PriceAge.observed: expected a day as YYYY-MM-DD, got {quoted(self.observed)}")
        number("PriceAge", "inflation", self.inflation, -0.5, 1.0)
        object.__setattr__(self, "seasons", tuple(self.seasons))

    def factor(self, listed_at: str | None) -> float:
        """Return what goods usually cost on a day, as a multiple of the observed prices.

        Args:
            listed_at: ISO 8601 date or time of the listing; 1.0 comes back for None and for what is no date.
        """
        day, observed = _day(listed_at), _day(self.observed)
        if day is None or observed is None:
            return 1.0
        years = min(max((day - observed).days / _DAYS_A_YEAR, -_MOST_YEARS), _MOST_YEARS)
        share = min((season.share for season in self.seasons if season.holds(day)), default=1.0)
        return share * math.exp(math.log1p(self.inflation) * years)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except (TypeError, ValueError):
        return None

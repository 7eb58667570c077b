"""Words that the reasons of prices share: prices, shares, and what was compared."""

from __future__ import annotations

from collections.abc import Mapping

from logoscan.pricing.cohort import Cohort
from logoscan.text.quantities import Pack

__all__ = ["much", "percentage", "rounded", "titled"]

# Shift of the log-price from which a reason names a word of the title, and how many it names.
_TELLING, _MAX_TELLING = 0.1, 3


def rounded(price: float) -> str:
    """Return a price as people write it."""
    return f"{price:.2f}".removesuffix(".00") if price >= 0.1 else f"{price:.2g}"


def percentage(share: float) -> str:
    """Return a share of a price as a whole percentage, "under 1 %" where that would be 0."""
    return f"{100 * share:.0f} %" if share >= 0.005 else "under 1 %"


def much(pack: Pack, cohort: Cohort) -> str:
    """Return in words how much is compared; "" for one piece of any content."""
    amount = "" if cohort.amount is None or pack.amount is None else f"{pack.amount:.4g} {pack.unit}"
    pieces = f"{pack.count} x {amount}" if amount else f"{pack.count} pieces"
    much = pieces if pack.count > 1 else amount
    return f"{much} of " if much else ""


def titled(shifts: Mapping[str, float]) -> str:
    """Return the words of a title that move the usual price most, in words; "" where none moves it."""
    telling: list[str] = []
    for term in sorted(shifts, key=lambda term: (-abs(shifts[term]), term)):
        new = not any(set(term.split()) & set(other.split()) for other in telling)
        if abs(shifts[term]) >= _TELLING and new and len(telling) < _MAX_TELLING:
            telling.append(term)
    return f" with {', '.join(map(repr, telling))} in the title" if telling else ""

"""Words that the reasons of a score share: how sure something is, where it was read, how many there are.

Each function returns words that hold for the number that it is given, so that a reason is never stronger than its
evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["count", "listed", "percent", "place", "said_in", "shown_in_photos"]

_PHOTO = re.compile(r"image:([0-9]+)")
_PLACES = {"title": "the title", "description": "the description", "claim": "the stated brand"}
# Probabilities from which the photos show a brand, probably do, and may do; below the last one, nothing was found.
_SHOW, _PROBABLY, _MAY, _HARDLY = 0.9, 0.5, 0.1, 0.005
# A probability that would be rounded to 0 % or to 100 % is never certain.
_NEARLY = 0.005


def percent(probability: float) -> str:
    """Return a probability as a whole percentage; "over 99 %" and "under 1 %" in place of 100 % and 0 %."""
    if probability >= 1.0 - _NEARLY:
        return "over 99 %"
    return "under 1 %" if probability <= _NEARLY else f"{100.0 * probability:.0f} %"


def shown_in_photos(brand: str, probability: float, note: str = "") -> str:
    """Return in words whether the photos show a brand, no more surely than the probability says.

    Args:
        brand: Name of the brand.
        probability: Probability that the photos show it, in [0, 1].
        note: What the number leaves out, behind it; "" for nothing.
    """
    if probability < _HARDLY:
        return f"{brand} was not found in the photos{f' ({note})' if note else ''}"
    how = (
        f"the photos show {brand}"
        if probability >= _SHOW
        else f"the photos probably show {brand}"
        if probability >= _PROBABLY
        else f"the photos may show {brand}"
        if probability >= _MAY
        else f"there is little sign of {brand} in the photos"
    )
    return f"{how} ({percent(probability)} sure{f'; {note}' if note else ''})"


def place(source: str) -> str:
    """Return in words where a text was read; photos are counted from 1, as on the pages."""
    photo = _PHOTO.fullmatch(source)
    return f"photo {int(photo[1]) + 1}" if photo else _PLACES.get(source, source)


def said_in(source: str) -> str:
    """Return the words before a text: what was read in a photo may be a slip of the reader, a title says it."""
    return f"in {place(source)} was read" if _PHOTO.fullmatch(source) else f"{place(source)} says"


def listed(words: Iterable[str]) -> str:
    """Return words as a list with "and" before the last one."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def count(number: int, noun: str) -> str:
    """Return a number with its noun, "1 seller" or "2 sellers"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

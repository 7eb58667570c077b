"""Words for the condition of goods -> new or used."""

from __future__ import annotations

import re
from functools import cache

from logoscan.pricing.cohort import NEW, USED
from logoscan.text.folding import caseless
from logoscan.text.languages import alternatives, words_of

__all__ = ["condition_of"]

# What parts the words of a condition: signs, spaces, and the capitals of "UsedLikeNew".
_GAP = re.compile(r"[\s_./,;:()\-]+|(?<=[a-z])(?=[A-Z])")


def condition_of(text: str | None) -> str:
    """Return the condition that a seller states, "new" or "used"; "new" for none, or for unknown words."""
    if not text:
        return NEW
    unused, used = _condition_words()
    return USED if used.search(unused.sub(" ", _plain_condition(text))) else NEW


def _plain_condition(text: str) -> str:
    return caseless(_GAP.sub(" ", text))


@cache
def _condition_words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of the words of all languages for goods that were not used, and for goods that were."""
    groups = (alternatives(map(_plain_condition, words_of(name))) for name in ("unused", "used"))
    unused, used = (re.compile(rf"(?<!\w)(?:{words.spaced})(?!\w)|{words.joined}") for words in groups)
    return unused, used

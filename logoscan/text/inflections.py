"""What an inflected name may come from: plurals, genitives, cases and particles that are written without a gap.

Knows the endings of the table of languages; knows no names. An ending that takes letters of the name with it
("Adidaksen") is undone, where the table says how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from logoscan.text.folding import fold
from logoscan.text.languages import FIRST_UNSPACED, alternatives, words_of

__all__ = ["LONGEST_ENDING", "LONGEST_PREFIX", "Stem", "endings", "particle", "stems"]

LONGEST_ENDING, LONGEST_PREFIX = 7, 3
"""Letters of the longest ending and prefix; longer ones are ignored."""

# Consonants that Hungarian doubles before some endings ("Canonnal").
_CONSONANTS = "bcdfghjklmnprstvxz"
# Letters of a slight ending, and of a name that one letter more may make another word of: "Zaran" is Zara's, "zaran" is
# not.
_SLIGHT_ENDING, _SHORT_STEM = 2, 5
# Behind these an English plural ends in es.
_ENDING_IN_ES = ("ses", "xes", "zes", "ches", "shes")


class Stem(NamedTuple):
    """What a folded word may come from.

    Attributes:
        folded: The word without prefix and ending.
        prefix: Letters of the prefix.
        ending: Folded letters of the ending.
        is_for: Whether the goods are for the name by that ending or prefix.
    """

    folded: str
    prefix: int
    ending: str
    is_for: bool

    @property
    def is_plural(self) -> bool:
        """Whether the ending is that of a plural or genitive in most European languages."""
        return self.ending in ("s", "es")

    @property
    def is_slight(self) -> bool:
        """Whether it is Latin, and the ending has so few letters that an English word may have it by chance."""
        return 0 < len(self.ending) <= _SLIGHT_ENDING and self.ending.isascii()

    @property
    def is_short(self) -> bool:
        """Whether it is so short, beside a slight ending, that it is a name only with a capital."""
        return self.is_slight and len(self.ending) == 1 and len(self.folded) < _SHORT_STEM


def stems(folded: str) -> Iterator[Stem]:
    """Yield what a folded word, or the last of several that are joined, may come from; the longest first.

    Example:
        >>> [(stem.folded, stem.is_for) for stem in stems("samsungille")][-1]
        ('samsung', True)
    """
    for n in range(1, min(LONGEST_ENDING, len(folded) - 1) + 1):
        ending = folded[-n:]
        if (ending == "s" and folded[-2:-1] == "s") or (ending == "es" and not folded.endswith(_ENDING_IN_ES)):
            continue
        for replaced, is_for in endings().get(ending, ()):
            yield Stem(folded[:-n] + replaced, 0, ending, is_for)
    for prefix, is_for in _prefixes().get(folded[:1], ()):
        if folded.startswith(prefix):
            yield Stem(folded[len(prefix) :], len(prefix), "", is_for)


@cache
def particle() -> re.Pattern[str]:
    """Return the pattern of a Korean particle that ends its word."""
    return re.compile(f"(?:{alternatives(words_of('endings')).joined}|st)(?![가-힣])")


@cache
def endings() -> dict[str, list[tuple[str, bool]]]:
    """Return by each folded ending the letters that it replaces and whether it means "for"; without particles."""
    table: dict[str, list[tuple[str, bool]]] = {}
    for is_for, words in ((True, words_of("for_endings")), (False, words_of("endings"))):
        for word in words:
            if word[0] >= FIRST_UNSPACED:
                continue
            replaced, _, ending = word.rpartition(">")
            for letter in _CONSONANTS if replaced == "*" else (replaced,):
                row = table.setdefault(fold(ending.replace("*", letter)), [])
                if fold(letter) not in [known for known, _ in row]:
                    row.append((fold(letter), is_for))
    return table


@cache
def _prefixes() -> dict[str, list[tuple[str, bool]]]:
    table: dict[str, list[tuple[str, bool]]] = {}
    for is_for, words in ((True, words_of("for_prefixes")), (False, words_of("prefixes"))):
        for prefix in map(fold, words):
            table.setdefault(prefix[0], []).append((prefix, is_for))
    return table

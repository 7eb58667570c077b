"""What a title says in words: the words, pairs of neighbours, and words within a category, as keys of a table.

Knows letters; knows no prices and no brands.
"""

from __future__ import annotations

import re
from itertools import pairwise

from logoscan.text.letters import bare, unstacked

__all__ = ["MAX_WORDS", "WITHIN", "title_terms", "title_words", "within_category"]

# Text beyond this is not read: no honest title is longer.
_MAX_CHARS = 1000
WITHIN = "|"
"""Parts a category from a word within it; no word holds one."""
MAX_WORDS = 24
"""Words of a title that are read: a seller who writes more wants to be found by all of them."""
_MAX_WORD_CHARS = 24
# A number with the unit behind it is one word: "64 GB" and "64GB" are one capacity.
_GAP_IN_SIZE = re.compile(r"(?<![^\W_])([0-9]{1,6}(?:[.,][0-9]{1,3})?) ?(gb|tb|mah|ct|kt|mm|cm|inch|in|zoll|k)\b")
_WORD = re.compile(r"[^\W_]+")


def title_words(title: str | None) -> tuple[str, ...]:
    """Return the words of a title in order, without case and accents; the first `MAX_WORDS` of them.

    Example:
        >>> title_words("Miss Dior, Éau de Parfum (64 GB)")
        ('miss', 'dior', 'eau', 'de', 'parfum', '64gb')
    """
    if not title:
        return ()
    read = _GAP_IN_SIZE.sub(r"\1\2", bare(unstacked(title[:_MAX_CHARS])))
    return tuple(word[:_MAX_WORD_CHARS] for word in _WORD.findall(read)[:MAX_WORDS])


def title_terms(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a title and the pairs of neighbours among them, each once, in alphabetical order."""
    return tuple(sorted({*words, *(f"{a} {b}" for a, b in pairwise(words))}))


def within_category(category: str, word: str) -> str:
    """Return the key of a word within a category: a "set" of perfumes costs as no set of brushes does."""
    return f"{category}{WITHIN}{word}"

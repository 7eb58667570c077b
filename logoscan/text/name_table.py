"""Names of registered brands, folded, in the tables that a search of a text looks up.

Knows names and words; knows no texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from logoscan.text.folding import fold, plain, shown, skeleton
from logoscan.text.fuzzy import FuzzyNames
from logoscan.text.inflections import LONGEST_ENDING, LONGEST_PREFIX, Stem, endings, stems
from logoscan.text.name_hits import Name
from logoscan.text.tokens import fold_digraphs, fold_words, joined_by_and
from logoscan.text.unspaced import is_unspaced
from logoscan.text.words import is_common, is_word
from logoscan.types import Brand

__all__ = ["NameTable"]

# Shorter names have too many words one letter away.
_FUZZY_MIN_LETTERS = 5
# In typed text, names of 7 to 9 letters are also found with one edit in 3.5 letters, which allows two, if the first
# letter is right, the text has six letters or more and no word is in a dictionary. Few honest words are so by chance
# (`python -m benchmarks text --titles`).
_TWO_EDITS_LETTERS, _TWO_EDITS_SHARE = (7, 9), 3.5
# Up to this many names of those lengths that search is done: among 100,000, every tenth honest title held such a word.
_TWO_EDITS_MAX_NAMES = 10_000
# Names of this length are also found inside of a longer word ("starbuckscoffee").
_INSIDE_MIN_LETTERS = 6
# Shorter names have no plural: too many words are such a name and an s.
_INFLECTED_MIN_LETTERS = 4
# Words with fewer letters, whole or without their last one, are not looked for at the end of a name with an ending.
_INFLECTED_MIN_END = 3
_AND_IN_ONE_WORD = ("and", "und", "n", "et", "y")
# Names with "and" of this length are also found in one word ("jackandjones").
_JOINED_AND_LETTERS = 8


class NameTable:
    """Folded names of registered brands, in the tables that a search of a text looks up. Immutable.

    Attributes:
        brands: Number of brands, 1 or more.
        names: Names by their strict fold.
        disguised: Names by the skeleton of their fold; without names of digits alone.
        respelled: Names by another honest spelling that is no name itself.
        before_and: Folded words that stand before the "and" of a name.
        unspaced: Names of two letters or more in scripts that part no words, by their fold.
        fuzzy: Names of five letters or more, for one edit in five letters.
        fuzzy_two_edits: Names of 7 to 9 letters, for one edit in 3.5 letters; empty if they are too many.
    """

    def __init__(self, brands: Iterable[Brand]) -> None:
        """Fold the names of brands.

        A brand's own name goes before another's alias; if two brands have one folded name, the first in the alphabet
        has it.
        """
        ordered = sorted(brands, key=lambda b: b.name)
        spellings = [(b.name, b.name) for b in ordered] + [(alias, b.name) for b in ordered for alias in b.aliases]
        self.brands = max(1, len(ordered))
        self.names: dict[str, Name] = {}
        self.disguised: dict[str, Name] = {}
        for spelling, brand in spellings:
            folded = fold(spelling)
            if folded and folded not in self.names:
                name = self.names[folded] = Name(folded, brand, fold_words(shown(spelling)))
                if not folded.isdigit():
                    self.disguised.setdefault(skeleton(plain(folded)), name)
        self.respelled: dict[str, Name] = {}
        self.before_and: set[str] = set()
        for spelling, _ in spellings:
            self._add_other_spellings(spelling)
        self.unspaced = {folded: name for folded, name in self.names.items() if is_unspaced(folded) and len(folded) > 1}
        self.unspaced_lengths = sorted({len(folded) for folded in self.unspaced})
        self.unspaced_heads = frozenset(folded[:2] for folded in self.unspaced)
        self._endings = frozenset(endings())
        self._ends, self._beginnings = _inflected_words(self.names.values())
        self.inside_lengths = sorted({len(name) for name in self.names if len(name) >= _INSIDE_MIN_LETTERS})
        self.fuzzy = FuzzyNames(name for name in self.names if len(name) >= _FUZZY_MIN_LETTERS)
        least, most = _TWO_EDITS_LETTERS
        middle = [n for n in self.names if least <= len(n) <= most]
        self.fuzzy_two_edits = FuzzyNames(middle if len(middle) <= _TWO_EDITS_MAX_NAMES else (), share=_TWO_EDITS_SHARE)

    def _add_other_spellings(self, spelling: str) -> None:
        """Add how else honest people write a name: umlauts written out, and any "and" in place of its own."""
        name = self.names.get(fold(spelling))
        if name is None:
            return
        others = [fold_digraphs(shown(spelling))]
        if words := joined_by_and(spelling):
            self.before_and.update(a for a, b in itertools.pairwise(words) if b == "&")
            others.append("".join(words))
            joined = ["".join(word if word != "&" else sign for word in words) for sign in ("", *_AND_IN_ONE_WORD)]
            others += [gram for gram in joined if len(gram) >= _JOINED_AND_LETTERS]
        for other in others:
            if other and other not in self.names:
                self.respelled.setdefault(other, name)

    def may_inflect(self, word: str) -> bool:
        """Return whether a folded word may be the inflected end of a name, or its beginning behind a prefix."""
        ends = self._ends
        for n in range(1, min(LONGEST_ENDING, len(word) - _INFLECTED_MIN_END) + 1):
            if word[:-n] in ends and word[-n:] in self._endings:
                return True
        return not word.isascii() and any(word[n:] in self._beginnings for n in range(1, LONGEST_PREFIX + 1))

    def inflected(self, gram: str) -> tuple[Name, Stem] | None:
        """Return the name that a gram inflects, unless one of them is a common word, with the stem that is the name."""
        for stem in stems(gram):
            name = self.names.get(stem.folded) if len(stem.folded) >= _INFLECTED_MIN_LETTERS else None
            if name is None or not name.folded[-1].isalpha():
                continue
            one_word = len(name.words) == 1
            if not (one_word and (is_common(name.folded) or is_common(gram) or (not stem.is_plural and is_word(gram)))):
                return name, stem
        return None


def _inflected_words(names: Iterable[Name]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words that names end with, whole and without their last letter, and those that they begin with."""
    inflected = [name for name in names if len(name.folded) >= _INFLECTED_MIN_LETTERS and name.words]
    ends = {end for name in inflected for end in (name.folded, name.words[-1])}
    beginnings = {name.words[0] for name in inflected if not name.folded.isascii()}
    return frozenset(end for end in ends | {end[:-1] for end in ends} if len(end) >= _INFLECTED_MIN_END), frozenset(
        beginnings
    )

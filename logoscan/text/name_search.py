"""Search of one text for registered names: exact, in another honest spelling, disguised, inside of words, or fuzzy.

Knows names and words; knows nothing of pictures or scores. How probable each hit is, `name_hits` says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from logoscan.text.folding import fold, plain, shown, skeleton, tricks, unenclosed
from logoscan.text.fuzzy import FuzzyNames
from logoscan.text.name_hits import (
    Hit,
    Name,
    disguised_hit,
    exact_hit,
    may_be_disguise,
    may_stand_in,
    name_prior,
    plural_hit,
    respelled_hit,
    without_overlaps,
)
from logoscan.text.tokens import (
    TextTokens,
    TokenRun,
    fold_digraphs,
    fold_words,
    is_unspaced,
    joined_by_and,
    read_tokens,
    unspaced_stretches,
)
from logoscan.text.words import is_common, is_word
from logoscan.types import Brand

__all__ = ["NameSearch", "NameTable"]

# Shorter names have too many words one letter away.
_FUZZY_MIN_LETTERS = 5
# In typed text, names of 7 to 9 letters are also found with one edit in 3.5 letters, which allows two, if the first
# letter is right, the text has six letters or more and no word is in a dictionary. Few honest words are so by chance
# (`python -m benchmarks text --titles`).
_TWO_EDITS_LETTERS, _TWO_EDITS_SHARE, _TWO_EDITS_MIN_TEXT = (7, 9), 3.5, 6
# Up to this many names of those lengths that search is done: among 100,000, every tenth honest title held such a word.
_TWO_EDITS_MAX_NAMES = 10_000
# Prior that a fuzzy hit means the brand, before its distance is subtracted. Stated, not fitted.
_FUZZY_PRIOR = 0.6
# Names of this length are also found inside of a longer word ("starbuckscoffee").
_INSIDE_MIN_LETTERS = 6
# Prior that a name inside of a longer word in a photo means the brand: lines are read without their spaces, but
# "thermostat" is no Thermos. Typed words have their spaces, so they are not searched inside.
_INSIDE_PRIOR = 0.4
# Shorter names have no plural: too many words are such a name and an s.
_INFLECTED_MIN_LETTERS = 4
_ENDING_IN_ES = ("ses", "xes", "zes", "ches", "shes")
_AND_IN_ONE_WORD = ("and", "und", "n", "et", "y")
# Names with "and" of this length are also found in one word ("jackandjones").
_JOINED_AND_LETTERS = 8


class NameTable:
    """Folded names of registered brands, in the tables that a search of a text looks up. Immutable.

    Attributes:
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


class NameSearch:
    """Searches texts of one origin, say the lines of one photo, for names; remembers the fuzzy names of each word.

    Not to be shared by threads.
    """

    def __init__(self, table: NameTable, *, in_photo: bool) -> None:
        """Make a search.

        Args:
            table: Names to look for.
            in_photo: Whether the texts were read in a photo. Only there names are searched inside of words; only in
                typed text small letters indicate a common word, and spaces indicate a disguise.
        """
        self._table = table
        self._in_photo = in_photo
        self._fuzzy_names: dict[str, list[tuple[str, int]]] = {}  # a line's words come again in its pairs

    def hits(self, text: str) -> list[Hit]:
        """Return the hits in a text, of which none overlap."""
        tokens = read_tokens(unenclosed(text), self._table.before_and)
        hits = [
            *self._respelled(text, tokens),
            *self._in_stretches(text),
            *self._exact(text, tokens),
            *self._disguised(text, tokens),
        ]
        if self._in_photo:
            hits += self._inside(tokens)
        covered = bytearray(len(text))  # a right spelling is no misspelling of another name
        for hit in hits:
            covered[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
        for gram, runs in _misspellings(tokens):
            if gram not in self._table.names and not gram.isdigit():
                hits += self._fuzzy(gram, runs, covered)
        return without_overlaps(hits, len(text))

    def _fuzzy(self, gram: str, runs: list[TokenRun], covered: bytearray) -> Iterator[Hit]:
        """Yield the names that a gram may misspell, wherever no name is spelled rightly."""
        if gram not in self._fuzzy_names:
            self._fuzzy_names[gram] = self._table.fuzzy.search(gram)
        matches = self._fuzzy_names[gram]
        if not matches and not self._in_photo:  # a slip of the OCR would be taken for a seller's
            matches, runs = self._two_edits(gram, runs)
        for folded, edits in matches:
            if gram == folded + "s" and not folded.endswith("s"):  # apples are no misspelled Apple
                continue
            distance = edits / max(len(gram), len(folded))
            for start, end, words in runs:
                if covered.find(1, start, end) < 0 and not self._is_ordinary(words, folded):
                    brand, probability = self._table.names[folded].brand, _FUZZY_PRIOR - distance
                    yield Hit(start, end, brand, len(folded), probability, distance, fuzzy=True)

    def _two_edits(self, gram: str, runs: list[TokenRun]) -> tuple[list[tuple[str, int]], list[TokenRun]]:
        """Return the names of which a gram misspells up to two letters, and the runs without an ordinary word."""
        strange = [run for run in runs if not any(map(is_word, run.words))]
        if not strange or len(gram) < _TWO_EDITS_MIN_TEXT or not gram.isalpha():
            return [], []
        names = self._table.fuzzy_two_edits.search(gram)
        return [(folded, edits) for folded, edits in names if edits <= 2 and folded[0] == gram[0]], strange

    def _is_ordinary(self, words: tuple[str, ...], folded: str) -> bool:
        """Return whether words within few edits of a name are no misspelling of it.

        They are none if one is in the dictionary, or if they are several that the name has not joined. Where the name
        has as many words, dictionary words may still be its misspelling ("under armor").
        """
        if len(words) == len(self._table.names[folded].words):
            return len(words) == 1 and is_word(words[0])
        return any(is_word(w) or (len(words) > 1 and any(c.isdigit() for c in w)) for w in words)

    def _exact(self, text: str, tokens: TextTokens) -> Iterator[Hit]:
        """Yield the names that the strict fold matches."""
        for grams in (tokens.grams, tokens.spaced):
            for gram in grams.keys() & self._table.names.keys():
                name = self._table.names[gram]
                for run in grams[gram]:
                    yield exact_hit(text, run, name, self._in_photo)

    def _respelled(self, text: str, tokens: TextTokens) -> Iterator[Hit]:
        """Yield names in other honest spellings: umlauts written out, "and" of any language, plurals and genitives."""
        names, respelled = self._table.names, self._table.respelled
        for grams in (tokens.respelled, tokens.grams):
            for gram in grams.keys() & respelled.keys():
                yield from (respelled_hit(text, run, respelled[gram], self._in_photo) for run in grams[gram])
        for gram in tokens.respelled.keys() & names.keys():
            yield from (respelled_hit(text, run, names[gram], self._in_photo) for run in tokens.respelled[gram])
        for gram, runs in tokens.grams.items():
            if gram[-1] == "s" and gram not in names and (name := self._inflected(gram)):
                for run in runs:
                    if len(run.words[-1]) > 1:
                        yield plural_hit(text, run, name, gram, self._in_photo)

    def _inflected(self, gram: str) -> Name | None:
        """Return the name of which a gram is the plural or the genitive, unless one of them is a common word."""
        stems = [gram[:-1]] * (gram[-2:-1] != "s") + [gram[:-2]] * gram.endswith(_ENDING_IN_ES)
        for stem in stems:
            name = self._table.names.get(stem) if len(stem) >= _INFLECTED_MIN_LETTERS and stem[-1].isalpha() else None
            if name and (len(name.words) > 1 or not (is_common(stem) or is_common(gram))):
                return name
        return None

    def _in_stretches(self, text: str) -> Iterator[Hit]:
        """Yield names in letters of scripts that part no words, wherever they stand in a row of letters."""
        table = self._table
        for start, stretch in unspaced_stretches(text) if table.unspaced else ():
            letters = [fold(c) for c in stretch]
            ends = list(itertools.accumulate(map(len, letters), initial=0))
            at = {end: i for i, end in enumerate(ends)}  # the last of those without letters
            joined = "".join(letters)
            for i, begin in enumerate(ends[:-1]):
                if not letters[i] or joined[begin : begin + 2] not in table.unspaced_heads:
                    continue
                for length in table.unspaced_lengths:
                    if (end := at.get(begin + length)) is None:
                        continue
                    name = table.unspaced.get(joined[begin : begin + length])
                    if name and may_stand_in(stretch, i, end, name):
                        yield Hit(start + i, start + end, name.brand, len(name.folded), name_prior(name))

    def _disguised(self, text: str, tokens: TextTokens) -> Iterator[Hit]:
        """Yield disguises that the strict fold does not match."""
        for plain_form, runs in tokens.plain.items():
            name = self._table.disguised.get(skeleton(plain_form))
            if name is None:
                continue
            for run in runs:
                spelling = text[run.start : run.end]
                is_exact = fold(unenclosed(spelling)) in self._table.names  # then `_exact` judges it
                around = f"{text[: run.start]} {text[run.end :]}"
                if not is_exact and may_be_disguise(spelling, plain_form, run.words, name, around):
                    yield disguised_hit(run, spelling, name, tricks(spelling, name.folded), self._in_photo)

    def _inside(self, tokens: TextTokens) -> Iterator[Hit]:
        """Yield long names inside of longer words."""
        names = self._table.names
        for start, end, (word,) in tokens.words:
            if word not in names:
                for n in self._table.inside_lengths:
                    if n >= len(word):
                        break
                    held = {word[i : i + n] for i in range(len(word) - n + 1)} & names.keys()
                    held -= {h for h in held if word in (h[0] + h, h + h[-1])}  # "FFitbit" is misspelled, not joined
                    yield from (Hit(start, end, names[h].brand, n, _INSIDE_PRIOR) for h in held)


def _misspellings(tokens: TextTokens) -> Iterator[tuple[str, list[TokenRun]]]:
    """Yield what may be misspelled: words by the strict fold, words of two scripts by their plain form ("Аdibas")."""
    yield from tokens.grams.items()
    for plain_form, runs in tokens.plain.items():
        unread = plain_form not in tokens.grams and plain_form not in tokens.spaced
        if unread and plain_form.isascii() and plain_form.isalnum():
            mixed = [run for run in runs if any(c.isascii() and c.isalpha() for c in "".join(run.words))]
            if mixed:
                yield plain_form, mixed

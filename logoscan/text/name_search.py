"""Search of one text for registered names: exact, in another honest spelling, disguised, inside of words, or fuzzy.

Knows names and words; knows nothing of pictures or scores. How probable each hit is, `name_hits` says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from logoscan.text.folding import fold, skeleton, tricks, unenclosed
from logoscan.text.name_hits import (
    Hit,
    disguised_hit,
    exact_hit,
    inflected_hit,
    may_be_disguise,
    name_prior,
    respelled_hit,
    without_overlaps,
)
from logoscan.text.name_table import NameTable
from logoscan.text.tokens import TextTokens, TokenRun, read_tokens
from logoscan.text.unspaced import may_stand_in, unspaced_stretches
from logoscan.text.words import is_common, is_word

__all__ = ["NameSearch"]

# Text that may misspell two letters of a name has as many letters.
_MIN_TWO_EDITS_TEXT = 6

# Prior that a fuzzy hit means the brand, before its distance is subtracted. Stated, not fitted.
_FUZZY_PRIOR = 0.6
# Prior that a name inside of a longer word in a photo means the brand: lines are read without their spaces, but
# "thermostat" is no Thermos. Typed words have their spaces, so they are not searched inside.
_INSIDE_PRIOR = 0.4
# Shorter words are too often words of several languages.
_ENGLISH_MIN_LETTERS = 3


class NameSearch:
    """Searches texts of one origin, say the lines of one photo, for names; remembers texts and the names near words.

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
        self._tokens: dict[str, TextTokens] = {}

    def tokens(self, text: str) -> TextTokens:
        """Return the runs of words of a text in which a name may stand."""
        if text not in self._tokens:
            self._tokens[text] = read_tokens(unenclosed(text), self._table.before_and)
        return self._tokens[text]

    def hits(self, text: str) -> list[Hit]:
        """Return the hits in a text, of which none overlap."""
        tokens = self.tokens(text)
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
        if not strange or len(gram) < _MIN_TWO_EDITS_TEXT or not gram.isalpha():
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
                    yield exact_hit(text, run, name, self._in_photo, self._table.brands)

    def _respelled(self, text: str, tokens: TextTokens) -> Iterator[Hit]:
        """Yield names in other honest spellings: umlauts written out, "and" of any language, plurals and genitives."""
        names, respelled = self._table.names, self._table.respelled
        for grams in (tokens.respelled, tokens.grams):
            for gram in grams.keys() & respelled.keys():
                yield from (respelled_hit(text, run, respelled[gram], self._in_photo) for run in grams[gram])
        for gram in tokens.respelled.keys() & names.keys():
            yield from (respelled_hit(text, run, names[gram], self._in_photo) for run in tokens.respelled[gram])
        for gram, runs in self._that_may_inflect(text, tokens):
            if gram in names or gram in respelled or not (inflected := self._table.inflected(gram)):
                continue
            name, stem = inflected
            if not stem.is_plural and (self._in_photo or (stem.is_slight and _is_english(tokens))):
                continue
            for run in runs:
                whole = len(run.words) in (1, len(name.words)) and len(run.words[-1]) > len(stem.ending)
                if whole and (stem.is_plural or not stem.is_short or text[run.start].isupper()):
                    yield inflected_hit(text, run, name, gram, stem, self._in_photo)

    def _that_may_inflect(self, text: str, tokens: TextTokens) -> list[tuple[str, list[TokenRun]]]:
        """Return the runs whose last word may be an inflected one, or whose first one may have a prefix."""
        if not text.isascii():
            words = {word for runs in tokens.grams.values() for run in runs for word in (run.words[0], run.words[-1])}
            inflected = set(filter(self._table.may_inflect, words))
            return [
                (gram, runs)
                for gram, runs in tokens.grams.items()
                if any(run.words[0] in inflected or run.words[-1] in inflected for run in runs)
            ]
        inflected = {word for _, _, (word,) in tokens.words if self._table.may_inflect(word)}
        return [(gram, runs) for gram, runs in tokens.grams.items() if runs[0].words[-1] in inflected]

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
                    if name and may_stand_in(stretch, i, end, name.folded):
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


def _is_english(tokens: TextTokens) -> bool:
    """Return whether most longer words of a text are common English ones, so that no name takes foreign endings."""
    words = [run.words[0] for run in tokens.words if len(run.words[0]) >= _ENGLISH_MIN_LETTERS]
    return 2 * sum(map(is_common, words)) >= len(words)


def _misspellings(tokens: TextTokens) -> Iterator[tuple[str, list[TokenRun]]]:
    """Yield what may be misspelled: words by the strict fold, words of two scripts by their plain form ("Аdibas")."""
    yield from tokens.grams.items()
    for plain_form, runs in tokens.plain.items():
        unread = plain_form not in tokens.grams and plain_form not in tokens.spaced
        if unread and plain_form.isascii() and plain_form.isalnum():
            mixed = [run for run in runs if any(c.isascii() and c.isalpha() for c in "".join(run.words))]
            if mixed:
                yield plain_form, mixed

"""Which names a badly or partly read text may be: a noisy channel between names and what the OCR read.

Knows folded strings alone. For texts of photos only; typed text is not misread.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Set
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import plain, skeleton
from logoscan.text.words import is_word

__all__ = ["MisreadNames", "PhotoReadings"]

# Evidence is a log-likelihood ratio against chance. For a letter that is the name's: the OCR reads most letters right,
# and chance hits one of twenty.
_MATCH = 2.5
# For another letter of the same strokes (`_STROKES`): engines confuse them about three times as often as by chance.
_SAME_STROKES = 0.5
# For the first letter of a run inside that is not the name's, and no letter that readers take for it (`_confusions`).
_EDIT = -3.5
# For each further letter of that run.
_EDIT_EXTEND = -1.5
# For a name whose beginning or end was not read: turned away, covered, too small.
_CUT = -1.5
# For each further letter of the name that is missing there.
_CUT_EXTEND = -0.7
# For letters read before or after the name: words run together.
_EXTRA = -1.0
# For each further extra letter: the more of them, the more places for chance.
_EXTRA_EXTEND = -0.3
# For each dictionary word in the text: chance makes it far more often than its letters suggest.
_DICTIONARY_WORD = -3.0
# Shorter words do not count: most combinations of three letters are a word of some language.
_WORD_MIN_LETTERS = 4
# For words that are joined though the name's words are not.
_JOINED = -1.5
# Log-odds by evidence and by the logarithm of the chances; fitted by maximum likelihood on 400 composed scenes with
# made-up names, read by RapidOCR, with indices of 30, 300 and 3,000 names.
_SLOPE, _OFFSET, _CHANCE_WEIGHT = 0.55, -3.6, 0.33
# Fewer letters in common with the name carry no information.
_MIN_EQUAL_LETTERS = 3
# Names that share the most pairs of letters with a text are compared with it.
_CANDIDATES = 12
# The letters of a pair are at most so far apart, so that one letter in between may be lost or misread.
_PAIR_REACH = 2
# A pair that more names have is not looked up: it distinguishes little and takes long.
_PAIR_MAX_NAMES = 4_000
# A pair that more than one name in so many has is kept as a row of flags, which are added faster than numbers are
# looked up: some 300 rows, 30 MB for 100,000 names.
_FLAGS_SHARE = 64
# Counts that are kept for the words that may follow, each a byte for each name.
_MAX_TALLIES = 256
# Names with less evidence are left out.
_MIN_EVIDENCE = -2.0
# Letters that differ in dots, loops or small strokes alone, which are lost in photos. Arabic letters by their form
# inside a word (rasm); Thai ones by how fonts without loops draw them, and the marks above a letter.
_STROKES = (
    "بتثنيپئى", "جحخچ", "دذ", "رزژ", "سش", "صض", "طظ", "عغ", "فق", "كگک",
    "กภถ", "ดตคศ", "ขชซย", "บปษ", "ผฝพฟ", "นม", "ลส", "ไใโ", "ทหฑ", "อฮ", "วง", "ิีึืั็ํ", "ุู",
)  # fmt: skip
_LOOKS = {ord(letter): group[0] for group in _STROKES for letter in group}


class MisreadNames:
    """Names, searchable by what an OCR may have made of them. Immutable."""

    def __init__(self, names: Mapping[str, int]) -> None:
        """Index folded names, given with their number of words, by pairs of letters."""
        self._names, self._words = tuple(names), tuple(names.values())
        self._letters = tuple(skeleton(plain(name)) for name in self._names)
        self._looks = tuple(letters.translate(_LOOKS) for letters in self._letters)
        holders: dict[str, list[int]] = {}
        for number, looks in enumerate(self._looks):
            for pair in _pairs(looks):
                holders.setdefault(pair, []).append(number)
        self._holders = {
            pair: np.array(held, np.int32) for pair, held in holders.items() if len(held) <= _PAIR_MAX_NAMES
        }
        self._flags: dict[str, NDArray[np.uint8]] = {}
        for pair, held in self._holders.items():
            if len(held) > len(self._names) / _FLAGS_SHARE:
                self._flags[pair] = np.zeros(len(self._names), np.uint8)
                self._flags[pair][held] = 1

    def __len__(self) -> int:
        return len(self._names)

    def for_photo(self) -> PhotoReadings:
        """Return a judge for the runs of words of one photo, which keeps its counts from run to run."""
        return PhotoReadings(self)

    def judge(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return names that words may be, and the evidence as a log-likelihood ratio against chance; best first.

        Args:
            words: Folded words in a row; they are joined.
        """
        return self.for_photo().judge(words)

    def judge_exhaustively(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return what `judge` returns, by counting pairs name by name; `judge` is tested against it."""
        letters = skeleton(plain("".join(words)))
        if len(letters) < _MIN_EQUAL_LETTERS:
            return []
        pairs = _pairs(letters.translate(_LOOKS)) & self._holders.keys()
        shared = {number: len(pairs & _pairs(looks)) for number, looks in enumerate(self._looks)}
        order = sorted((number for number in shared if shared[number]), key=lambda number: (-shared[number], number))
        judged = []
        for number in order[:_CANDIDATES]:
            value = self.evidence(number, letters)
            value += _DICTIONARY_WORD * sum(len(word) >= _WORD_MIN_LETTERS and is_word(word) for word in words)
            value += _JOINED * max(0, len(words) - self._words[number])
            judged.append((self._names[number], value))
        return sorted((j for j in judged if j[1] > _MIN_EVIDENCE), key=lambda j: (-j[1], j[0]))

    def count_pairs(self, pairs: Set[str], counts: NDArray[Any]) -> None:
        """Add to the count of each name, in place, how many of some pairs of letters it has.

        Args:
            pairs: Pairs of letters.
            counts: Unsigned integers (n,), one for each name.
        """
        for pair in pairs:
            if (flags := self._flags.get(pair)) is not None:
                np.add(counts, flags, out=counts)
            elif (holders := self._holders.get(pair)) is not None:
                counts[holders] = counts[holders] + 1  # each name stands there once

    def evidence(self, number: int, letters: str) -> float:
        """Return the evidence that letters are a reading of the name at a position; -inf for too few in common."""
        return _evidence(self._letters[number], self._looks[number], letters)

    def joined_evidence(self, number: int, count: int) -> float:
        """Return the evidence of `count` words that are joined, where the name at a position has fewer words."""
        return _JOINED * max(0, count - self._words[number])

    def name(self, number: int) -> str:
        """Return the folded name at a position."""
        return self._names[number]

    def probabilities(self, evidence: Mapping[str, float], texts: int) -> dict[str, float]:
        """Return the probability that a photo shows each name.

        Evidence weighs less in a large index and in a photo full of text, where chance has more to choose from; names
        that fit equally well share their probability.

        Args:
            evidence: The best evidence of each folded name.
            texts: Number of texts of the photo that were judged.
        """
        chances = math.log(max(1, len(self._names)) * max(1, texts))
        logits = {name: _SLOPE * value + _OFFSET - _CHANCE_WEIGHT * chances for name, value in evidence.items()}
        most = max(logits.values(), default=0.0)
        most = max(most, 0.0)  # subtracted, or a long name would overflow
        odds = {name: math.exp(logit - most) for name, logit in logits.items()}
        total = math.exp(-most) + sum(odds.values())
        return {name: value / total for name, value in odds.items()}


class PhotoReadings:
    """Judges the runs of words of one photo. Not to be shared by threads.

    Most runs go on from a run that was judged before, so its counts are kept and only the new pairs are counted. Each
    run is judged once.
    """

    def __init__(self, names: MisreadNames) -> None:
        """Begin a photo; `names` are what its words may be."""
        self._names = names
        self._judged: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        self._tallies: dict[tuple[str, ...], tuple[frozenset[str], NDArray[Any]]] = {}

    def judge(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return names that words may be, and the evidence as a log-likelihood ratio against chance; best first.

        Args:
            words: Folded words in a row; they are joined.
        """
        if words not in self._judged:
            self._judged[words] = self._judge(words)
        return self._judged[words]

    def _judge(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        letters = skeleton(plain("".join(words)))
        if len(letters) < _MIN_EQUAL_LETTERS:
            return []
        candidates = _highest(self._counts(words, letters), _CANDIDATES)
        ordinary = _DICTIONARY_WORD * sum(len(word) >= _WORD_MIN_LETTERS and is_word(word) for word in words)
        judged = []
        for n in candidates:
            evidence = self._names.evidence(n, letters) + ordinary + self._names.joined_evidence(n, len(words))
            judged.append((self._names.name(n), evidence))
        return sorted((j for j in judged if j[1] > _MIN_EVIDENCE), key=lambda j: (-j[1], j[0]))

    def _counts(self, words: tuple[str, ...], letters: str) -> NDArray[Any]:
        """Return how many pairs of letters each name has in common with the words, unsigned integers (n,)."""
        pairs = frozenset(_pairs(letters.translate(_LOOKS)))
        counted, before = self._tallies.get(words[:-1], (frozenset(), None))
        kind = np.uint8 if len(pairs) < 256 else np.uint16 if len(pairs) < 65536 else np.uint32
        if before is None or not counted <= pairs:  # where two words meet, "r" and "n" become "m"
            counted, before = frozenset(), np.zeros(len(self._names), kind)
        counts: NDArray[Any] = before.astype(kind)
        self._names.count_pairs(pairs - counted, counts)
        if len(self._tallies) >= _MAX_TALLIES:
            self._tallies.clear()
        self._tallies[words] = pairs, counts
        return counts


def _pairs(letters: str) -> set[str]:
    """Return the pairs of letters that stand close together."""
    return {a + b for i, a in enumerate(letters) for b in letters[i + 1 : i + 1 + _PAIR_REACH]}


def _highest(shared: NDArray[Any], count: int) -> list[int]:
    """Return the positions of the highest numbers above 0, highest first; of equal numbers the first goes first."""
    least = int(shared.max(initial=0))
    while least > 1 and np.count_nonzero(shared >= least) < count:
        least -= 1
    if least == 0:
        return []
    rows = np.flatnonzero(shared >= least)
    values = shared[rows].astype(np.int64)
    above = rows[values > least]
    above = above[np.argsort(-values[values > least], kind="stable")][:count]
    return [*above.tolist(), *rows[values == least][: count - len(above)].tolist()]


def _evidence(name: str, looks: str, text: str) -> float:
    """Return the log-likelihood ratio of a text as a reading of a name, by their alignment.

    Args:
        name: Letters of the name.
        looks: Letters of the name, each as the first letter of those with its strokes.
        text: Letters that were read.
    """
    steps: Any = Levenshtein.opcodes(looks, text.translate(_LOOKS)).as_list()  # tuples: a third of its objects' time
    alike, same, confused = 0, 0, _confusions()
    for tag, start, end, other, _ in steps:
        if tag == "equal":
            alike += end - start
            same += sum(a == b for a, b in zip(name[start:end], text[other:], strict=False))
    if same < _MIN_EQUAL_LETTERS:
        return -math.inf
    value = _MATCH * same + _SAME_STROKES * (alike - same)
    last = len(steps) - 1
    for i, (tag, src_start, src_end, dest_start, dest_end) in enumerate(steps):
        if tag == "equal":
            continue
        lost, more = src_end - src_start, dest_end - dest_start
        if (i == 0 or i == last) and (lost == 0 or more == 0):
            value += _CUT + _CUT_EXTEND * (lost - 1) if lost else _EXTRA + _EXTRA_EXTEND * (more - 1)
        elif lost == more == 1:
            value += confused.get((name[src_start], text[dest_start]), _EDIT)
        else:
            value += _EDIT + _EDIT_EXTEND * ((lost if lost > more else more) - 1)
    return value


@cache
def _confusions() -> dict[tuple[str, str], float]:
    """Return the evidence of letters of a name that were read as another one, by both letters.

    Counted on composed words that RapidOCR read (`python -m logoscan.training misreadings`).
    """
    table = files("logoscan").joinpath("_data", "letter_confusions.csv").read_text("utf-8")
    return {(row["letter"], row["read"]): float(row["evidence"]) for row in csv.DictReader(table.splitlines())}

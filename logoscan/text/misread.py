"""Which names a badly or partly read text may be: a noisy channel between names and what the reader saw.

Knows folded strings alone. For texts of photos; what was typed is not misread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import plain, skeleton
from logoscan.text.words import is_word

__all__ = ["MisreadNames", "Tallies"]

_MATCH = 2.5
"""Log-likelihood ratio of a letter that is the name's: the reader gets most letters right, and chance one of twenty."""
_EDIT = -3.5
"""Of the first letter of a run inside that is not the name's."""
_EDIT_ON = -1.5
"""Of each further one of the run."""
_CUT = -1.5
"""Of a name whose beginning or end was not read: turned away, covered, too small."""
_CUT_ON = -0.7
"""Of each further letter of it that is missing."""
_BESIDE = -1.0
"""Of letters read before or after the name: words run together."""
_BESIDE_ON = -0.3
"""Of each further one: the more of them, the more places for chance."""
_WORD = -3.0
"""Of each ordinary word among the text's: chance makes it far more often than its letters say."""
_WORD_LETTERS = 4
"""Shorter ones do not count: most of what three letters spell is a word of some language."""
_JOINED = -1.5
"""Of words that are joined though the name's are not."""
_SLOPE, _OFFSET, _CHANCES = 0.55, -3.6, 0.33
"""Of the log-odds by evidence and by the logarithm of the chances; fitted by maximum likelihood on 400 composed scenes
with made-up names, read by RapidOCR, in registers of 30, 300 and 3,000 names."""
_LEAST_LETTERS = 3
"""Fewer letters that are the name's say nothing."""
_CANDIDATES = 12
"""Names that share the most pairs of letters with a text are compared with it."""
_GAP = 2
"""Letters of a pair follow each other at most so far apart, so that one letter in between may be lost or misread."""
_COMMON_PAIR = 4_000
"""Names that have a pair above which it is no longer looked up: it would tell nothing and take long."""
_SPARSE = 64
"""A pair that more than one name in so many has is kept as a row of flags, which are added faster than numbers are
looked up: some 300 rows, 30 MB of 100,000 names."""
_TALLIES = 256
"""Counts that are kept for the words that may follow, each a byte for each name."""
_LEAST = -2.0
"""Evidence below is left out."""


Tallies: TypeAlias = dict[tuple[str, ...], tuple[frozenset[str], NDArray[Any]]]
"""What `MisreadNames.judge` counted of words in a row: their pairs of letters, and how many each name shares."""


class MisreadNames:
    """Names, searchable by what a reader may have made of them. Immutable."""

    def __init__(self, names: Mapping[str, int]) -> None:
        """Index folded names, given with their number of words, by pairs of letters."""
        self._names, self._words = tuple(names), tuple(names.values())
        self._letters = tuple(skeleton(plain(name)) for name in self._names)
        holders: dict[str, list[int]] = {}
        for number, letters in enumerate(self._letters):
            for pair in _pairs(letters):
                holders.setdefault(pair, []).append(number)
        self._holders = {pair: np.array(held, np.int32) for pair, held in holders.items() if len(held) <= _COMMON_PAIR}
        self._flags: dict[str, NDArray[np.uint8]] = {}
        for pair, held in self._holders.items():
            if len(held) > len(self._names) / _SPARSE:
                self._flags[pair] = np.zeros(len(self._names), np.uint8)
                self._flags[pair][held] = 1

    def __len__(self) -> int:
        return len(self._names)

    def judge(self, words: tuple[str, ...], tallies: Tallies | None = None) -> list[tuple[str, float]]:
        """Names that words may be, and the evidence as a log-likelihood ratio against chance; best first.

        Args:
            words: Folded, in a row; they are joined.
            tallies: One and the same for the runs of words of a text, which mostly go on from one that was judged
                before: then only the pairs that are new are counted. Changes no answer.
        """
        letters = skeleton(plain("".join(words)))
        if len(letters) < _LEAST_LETTERS:
            return []
        likest = _highest(self._shared(words, letters, {} if tallies is None else tallies), _CANDIDATES)
        ordinary = _WORD * sum(len(word) >= _WORD_LETTERS and is_word(word) for word in words)
        found = []
        for number in likest:
            joined = _JOINED * max(0, len(words) - self._words[number])
            found.append((self._names[number], _evidence(self._letters[number], letters) + ordinary + joined))
        return sorted((f for f in found if f[1] > _LEAST), key=lambda f: (-f[1], f[0]))

    def judge_exhaustively(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        """The same by counting pairs name by name: what `judge` is tested against."""
        letters = skeleton(plain("".join(words)))
        if len(letters) < _LEAST_LETTERS:
            return []
        pairs = _pairs(letters) & self._holders.keys()
        shared = {number: len(pairs & _pairs(name)) for number, name in enumerate(self._letters)}
        likest = sorted((number for number in shared if shared[number]), key=lambda number: (-shared[number], number))
        found = []
        for number in likest[:_CANDIDATES]:
            value = _evidence(self._letters[number], letters)
            value += _WORD * sum(len(word) >= _WORD_LETTERS and is_word(word) for word in words)
            value += _JOINED * max(0, len(words) - self._words[number])
            found.append((self._names[number], value))
        return sorted((f for f in found if f[1] > _LEAST), key=lambda f: (-f[1], f[0]))

    def _shared(self, words: tuple[str, ...], letters: str, tallies: Tallies) -> NDArray[Any]:
        """How many pairs of letters each name has in common with the words."""
        pairs = frozenset(_pairs(letters))
        known, before = tallies.get(words[:-1], (frozenset(), None))
        kind = np.uint8 if len(pairs) < 256 else np.uint16 if len(pairs) < 65536 else np.uint32
        if before is None or not known <= pairs:  # where two words meet, "r" and "n" become "m"
            known, before = frozenset(), np.zeros(len(self._names), kind)
        shared: NDArray[Any] = before.astype(kind)
        for pair in pairs - known:
            if (flags := self._flags.get(pair)) is not None:
                np.add(shared, flags, out=shared)
            elif (held := self._holders.get(pair)) is not None:
                shared[held] = shared[held] + 1  # each name is held once
        if len(tallies) >= _TALLIES:
            tallies.clear()
        tallies[words] = pairs, shared
        return shared

    def probabilities(self, evidence: Mapping[str, float], texts: int) -> dict[str, float]:
        """Probability that a picture shows each name, from the best evidence of each and the number of texts judged.

        Evidence weighs less in a large register and in a picture full of text, where chance has more to choose from;
        names that fit equally well share their probability.
        """
        chances = math.log(max(1, len(self._names)) * max(1, texts))
        logits = {name: _SLOPE * value + _OFFSET - _CHANCES * chances for name, value in evidence.items()}
        most = max(logits.values(), default=0.0)
        most = max(most, 0.0)  # taken off, or a long name would overflow
        odds = {name: math.exp(logit - most) for name, logit in logits.items()}
        total = math.exp(-most) + sum(odds.values())
        return {name: value / total for name, value in odds.items()}


def _pairs(letters: str) -> set[str]:
    return {a + b for i, a in enumerate(letters) for b in letters[i + 1 : i + 1 + _GAP]}


def _highest(shared: NDArray[Any], count: int) -> list[int]:
    """Positions of the highest numbers above 0, highest first, of equal ones the first."""
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


def _evidence(name: str, text: str) -> float:
    """Log-likelihood ratio of a text as a reading of a name, by their alignment."""
    steps: Any = Levenshtein.opcodes(name, text).as_list()  # tuples: a third of the time of its objects
    same = 0
    for tag, start, end, _, _ in steps:
        if tag == "equal":
            same += end - start
    if same < _LEAST_LETTERS:
        return -math.inf
    value = _MATCH * same
    last = len(steps) - 1
    for i, (tag, src_start, src_end, dest_start, dest_end) in enumerate(steps):
        if tag == "equal":
            continue
        lost, more = src_end - src_start, dest_end - dest_start
        if (i == 0 or i == last) and (lost == 0 or more == 0):
            value += _CUT + _CUT_ON * (lost - 1) if lost else _BESIDE + _BESIDE_ON * (more - 1)
        else:
            value += _EDIT + _EDIT_ON * ((lost if lost > more else more) - 1)
    return value

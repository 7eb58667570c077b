"""Which names a badly or partly read text may be: a noisy channel between names and what the reader saw.

Knows folded strings alone. For texts of photos; what was typed is not misread.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping

from rapidfuzz.distance import Levenshtein

from logoscan.folding import plain, skeleton
from logoscan.words import is_word

__all__ = ["MisreadNames"]

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
_LEAST = -2.0
"""Evidence below is left out."""


class MisreadNames:
    """Names, searchable by what a reader may have made of them. Immutable."""

    def __init__(self, names: Mapping[str, int]) -> None:
        """Index folded names, given with their number of words, by pairs of letters."""
        self._names, self._words = tuple(names), tuple(names.values())
        self._letters = tuple(skeleton(plain(name)) for name in self._names)
        self._holders: dict[str, list[int]] = {}
        for number, letters in enumerate(self._letters):
            for pair in _pairs(letters):
                self._holders.setdefault(pair, []).append(number)
        self._holders = {pair: held for pair, held in self._holders.items() if len(held) <= _COMMON_PAIR}

    def __len__(self) -> int:
        return len(self._names)

    def judge(self, words: tuple[str, ...]) -> list[tuple[str, float]]:
        """Names that words may be, and the evidence as a log-likelihood ratio against chance; best first.

        Args:
            words: Folded, in a row; they are joined.
        """
        letters = skeleton(plain("".join(words)))
        if len(letters) < _LEAST_LETTERS:
            return []
        shared: Counter[int] = Counter()
        for pair in _pairs(letters):
            shared.update(self._holders.get(pair, ()))
        ordinary = _WORD * sum(len(word) >= _WORD_LETTERS and is_word(word) for word in words)
        found = []
        likest = heapq.nsmallest(_CANDIDATES, shared.items(), key=lambda held: (-held[1], held[0]))
        for number, _ in likest:
            joined = _JOINED * max(0, len(words) - self._words[number])
            found.append((self._names[number], _evidence(self._letters[number], letters) + ordinary + joined))
        return sorted((f for f in found if f[1] > _LEAST), key=lambda f: (-f[1], f[0]))

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


def _evidence(name: str, text: str) -> float:
    """Log-likelihood ratio of a text as a reading of a name, by their alignment."""
    steps = Levenshtein.opcodes(name, text)
    same = sum(s.src_end - s.src_start for s in steps if s.tag == "equal")
    if same < _LEAST_LETTERS:
        return -math.inf
    value = _MATCH * same
    last = len(steps) - 1
    for i, step in enumerate(steps):
        if step.tag == "equal":
            continue
        lost, more = step.src_end - step.src_start, step.dest_end - step.dest_start
        if i in (0, last) and min(lost, more) == 0:
            value += _CUT + _CUT_ON * (lost - 1) if lost else _BESIDE + _BESIDE_ON * (more - 1)
        else:
            value += _EDIT + _EDIT_ON * (max(lost, more) - 1)
    return value

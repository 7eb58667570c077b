"""Names within a share of a text's letters: a complete search that stays fast among 100,000 names, and its slow twin.

Knows folded strings alone. Edit distance is rapidfuzz's Levenshtein distance, and two neighbours in each other's place
("aiddas") are one edit where they are the only one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from rapidfuzz.distance import OSA, Levenshtein
from rapidfuzz.process import cdist, extract

from logoscan.errors import InputError

__all__ = ["NearNames"]


# Letters of a name: the pieces of a longer one take memory by the square of them, and nobody types it nearly right.
_LONGEST = 64


class NearNames:
    """Folded names of up to 64 letters, searchable by edit distance; longer ones are left out. Immutable.

    A name that is at most k edits away from a text and is cut into k + 1 pieces has a piece that no edit touches: the
    text contains it, moved by no more than the edits before and behind it (the pigeonhole argument; the windows are
    those of Li, Deng, Wang and Feng, "Pass-Join", VLDB 2011). So only names that share such a piece are compared.
    """

    def __init__(self, names: Iterable[str], *, share: float = 5) -> None:
        """Cut `names` into pieces; of equal names one stays.

        Args:
            names: Folded.
            share: One edit in so many letters, of the longer of the two, is near; above 2. By 5 one letter of five,
                two of ten.

        Raises:
            InputError: `share` is 2 or less.
        """
        if not share > 2:
            raise InputError(f"share: expected above 2, got {share!r}")
        self._share = share
        self._names = tuple(dict.fromkeys(name for name in names if len(name) <= _LONGEST))
        self._known = frozenset(self._names)
        longest = max(map(len, self._names), default=0)
        self._longest_text = longest + self._slack(longest)
        # a name meets texts that are longer, 1.25 times by a share of 5, so several budgets of edits: a cut for each
        self._held: dict[tuple[int, int], tuple[dict[str, list[str]], ...]] = {}
        for name in self._names:
            size = len(name)
            for edits in range(self._edits(size), self._edits(size + self._slack(size)) + 1):
                pieces = self._held.setdefault((size, edits), tuple({} for _ in range(edits + 1)))
                for held, (start, end) in zip(pieces, _cuts(size, edits), strict=True):
                    held.setdefault(name[start:end], []).append(name)

    def _edits(self, letters: int) -> int:
        """How many are near, of so many letters."""
        return int(letters / self._share)

    def _slack(self, letters: int) -> int:
        """By how many letters another of so many letters or more may be longer."""
        more = int(letters / (self._share - 1)) + 1  # that division may round what `_edits` does not
        return more if more <= self._edits(letters + more) else more - 1

    def __len__(self) -> int:
        return len(self._names)

    def near(self, text: str) -> list[tuple[str, int]]:
        """Each near name and its distance in edits, in the order of the names' letters; a name equals its text at 0."""
        found: dict[str, int] = {}
        size = len(text)
        if size > self._longest_text:
            return []
        slack = self._slack(size)
        for n in range(max(1, size - slack), size + slack + 1):
            edits = self._edits(max(n, size))
            pieces = self._held.get((n, edits))
            if pieces is None or abs(n - size) > edits:
                continue
            for i, start, end in _windows(n, edits, size):
                if held := pieces[i].get(text[start:end]):
                    hits = extract(text, held, scorer=Levenshtein.distance, score_cutoff=edits, limit=None)
                    found.update((name, int(distance)) for name, distance, _ in hits)
        if size >= self._share:
            found.update((name, 1) for name in self._known.intersection(_exchanged(text)) if name != text)
        return sorted(found.items())

    def near_exhaustively(self, texts: Sequence[str]) -> list[list[tuple[str, int]]]:
        """The same for each of `texts`, by comparing it with every name: what `near` is tested against."""
        if not texts or not self._names:
            return [[] for _ in texts]
        sizes = np.array([len(name) for name in self._names])
        most = self._slack(max(map(len, texts)))  # edits that any pair may have
        distances = cdist(texts, self._names, scorer=Levenshtein.distance, score_cutoff=most, dtype=np.int32)
        distances[cdist(texts, self._names, scorer=OSA.distance, score_cutoff=1, dtype=np.int32) == 1] = 1
        close = [
            np.flatnonzero((row <= most) & (row <= (np.maximum(sizes, len(text)) / self._share).astype(np.int64)))
            for text, row in zip(texts, distances, strict=True)
        ]
        return [sorted((self._names[i], int(row[i])) for i in at) for at, row in zip(close, distances, strict=True)]


def _exchanged(text: str) -> Iterator[str]:
    """The text with two neighbours in each other's place."""
    return (text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(len(text) - 1))


def _cuts(length: int, edits: int) -> list[tuple[int, int]]:
    """`edits` + 1 pieces of nearly equal length, as (start, end)."""
    pieces = edits + 1
    return [(i * length // pieces, (i + 1) * length // pieces) for i in range(pieces)]


@lru_cache(maxsize=1024)
def _windows(length: int, edits: int, size: int) -> tuple[tuple[int, int, int], ...]:
    """Where a text of `size` letters can hold the pieces of a name of `length`, as (piece, start, end).

    A piece with i others before it has at most i edits before and `edits` - i behind it, if it is the first untouched.
    """
    out = []
    moved = size - length
    for i, (start, end) in enumerate(_cuts(length, edits)):
        behind, width = edits - i, end - start
        first, last = max(0, start - i, start + moved - behind), min(size - width, start + i, start + moved + behind)
        out += [(i, at, at + width) for at in range(first, last + 1)]
    return tuple(out)

"""Names within a share of a text's letters: a complete search that stays fast among 100,000 names, and its slow twin.

Knows folded strings alone. The edit distance is rapidfuzz's Levenshtein distance, except that one exchange of two
neighbouring letters ("aiddas") is one edit where it is the only one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from rapidfuzz.distance import OSA, Levenshtein
from rapidfuzz.process import cdist, extract

from logoscan.errors import InputError

__all__ = ["FuzzyNames"]


# Longer names are left out: the pieces of a name take memory by the square of its letters, and nobody types such a name
# nearly right.
_MAX_NAME_LETTERS = 64


class FuzzyNames:
    """Folded names of up to 64 letters, searchable by edit distance; longer ones are left out. Immutable.

    A name that is at most k edits away from a text and is cut into k + 1 pieces has a piece that no edit touches: the
    text contains it, moved by no more than the edits before and behind it (the pigeonhole argument; the windows are
    those of Li, Deng, Wang and Feng, "Pass-Join", VLDB 2011). So only names that share such a piece are compared.
    """

    def __init__(self, names: Iterable[str], *, share: float = 5) -> None:
        """Cut `names` into pieces; of equal names one stays.

        Args:
            names: Folded.
            share: Letters, of the longer of the two strings, for which one edit is allowed; above 2. With 5 it is one
                edit in five letters, two in ten.

        Raises:
            InputError: `share` is 2 or less.
        """
        if not share > 2:
            raise InputError(f"share: expected above 2, got {share!r}")
        self._share = share
        self._names = tuple(dict.fromkeys(name for name in names if len(name) <= _MAX_NAME_LETTERS))
        self._name_set, self._sizes = frozenset(self._names), frozenset(map(len, self._names))
        longest = max(map(len, self._names), default=0)
        self._longest_text = longest + self._slack(longest)
        # a name meets texts that are longer, 1.25 times by a share of 5, so several budgets of edits: a cut for each
        self._pieces: dict[tuple[int, int], tuple[dict[str, list[str]], ...]] = {}
        for name in self._names:
            size = len(name)
            for edits in range(self._edits(size), self._edits(size + self._slack(size)) + 1):
                pieces = self._pieces.setdefault((size, edits), tuple({} for _ in range(edits + 1)))
                for held, (start, end) in zip(pieces, _cuts(size, edits), strict=True):
                    held.setdefault(name[start:end], []).append(name)

    def _edits(self, letters: int) -> int:
        """Return how many edits are allowed for so many letters."""
        return int(letters / self._share)

    def _slack(self, letters: int) -> int:
        """Return by how many letters a string may be longer than one of so many letters."""
        more = int(letters / (self._share - 1)) + 1  # that division may round what `_edits` does not
        return more if more <= self._edits(letters + more) else more - 1

    def __len__(self) -> int:
        return len(self._names)

    def search(self, text: str) -> list[tuple[str, int]]:
        """Return the names within the allowed edits of a text and their distances in edits, in alphabetical order.

        An equal name has distance 0.
        """
        matches: dict[str, int] = {}
        size = len(text)
        if size > self._longest_text:
            return []
        slack = self._slack(size)
        for n in range(max(1, size - slack), size + slack + 1):
            edits = self._edits(max(n, size))
            pieces = self._pieces.get((n, edits))
            if pieces is None or abs(n - size) > edits:
                continue
            for i, start, end in _windows(n, edits, size):
                if held := pieces[i].get(text[start:end]):
                    hits = extract(text, held, scorer=Levenshtein.distance, score_cutoff=edits, limit=None)
                    matches.update((name, int(distance)) for name, distance, _ in hits)
        if size >= self._share and size in self._sizes:
            matches.update((name, 1) for name in self._name_set.intersection(_exchanged(text)) if name != text)
        return sorted(matches.items())

    def search_exhaustively(self, texts: Sequence[str]) -> list[list[tuple[str, int]]]:
        """Return what `search` finds for each text, by comparing it with every name; `search` is tested against it."""
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
    """Yield the text with each pair of neighbouring letters exchanged."""
    return (text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(len(text) - 1))


def _cuts(length: int, edits: int) -> list[tuple[int, int]]:
    """Return `edits` + 1 pieces of nearly equal length, as (start, end)."""
    pieces = edits + 1
    return [(i * length // pieces, (i + 1) * length // pieces) for i in range(pieces)]


@lru_cache(maxsize=1024)
def _windows(length: int, edits: int, size: int) -> tuple[tuple[int, int, int], ...]:
    """Return where a text of `size` letters can hold the pieces of a name of `length`, as (piece, start, end).

    A piece with i others before it has at most i edits before and `edits` - i behind it, if it is the first untouched.
    """
    out = []
    moved = size - length
    for i, (start, end) in enumerate(_cuts(length, edits)):
        behind, width = edits - i, end - start
        first, last = max(0, start - i, start + moved - behind), min(size - width, start + i, start + moved + behind)
        out += [(i, at, at + width) for at in range(first, last + 1)]
    return tuple(out)

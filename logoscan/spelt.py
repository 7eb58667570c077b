"""Places in text where a name may stand: words, words joined, words with signs or hidden characters inside, letters
and pieces of words spaced out.

Knows letters and words; knows no names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from logoscan.folding import INVISIBLE, SIGNS_FOR_LETTERS, fold, plain

__all__ = ["Grams", "Place", "Spelt", "fold_words", "read_places"]

_MAX_WORDS = 4
"""Words of the text that are joined to meet one name."""
_MAX_SPACED = 16
"""Letters and pieces of words in a row that are joined likewise ("A D I D A S", "Sa m so n it e"), of three letters on
average at most: whoever leaves pieces of a name whole would else not be found."""
_MAX_PIECE = 6
"""Letters of one such piece."""
_MAX_SPACED_LETTERS = 24
"""Letters of all pieces: names are hardly ever longer, and a text of short words alone has many such runs."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SIGNED = re.escape(SIGNS_FOR_LETTERS)
_DISTURBED = re.compile(rf"(?:[{_SIGNED}]|[{INVISIBLE}\u0300-\u036f])")
_DISTURBED_WORD = re.compile(
    rf"(?:[{_SIGNED}]['’]?){{0,4}}[^\W_](?:[{_SIGNED}{INVISIBLE}\u0300-\u036f'’]*[^\W_])*(?:[{INVISIBLE}'’]*[{_SIGNED}](?!\d))*"
)
"""A word through which signs ("adida$") or characters that nobody sees run."""
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)


class Place(NamedTuple):
    """Where a run of words stands in the text, and the words, folded."""

    start: int
    end: int
    words: tuple[str, ...]


Grams: TypeAlias = dict[str, list[Place]]
"""Letters of a run of words, joined, by the places where they stand."""


class Spelt(NamedTuple):
    """A text's runs of words.

    Attributes:
        grams: By their strict fold: each word, and up to four in a row.
        spaced: By their strict fold: longer rows of letters and short pieces of words.
        plain: All of them by their plain form, which keeps signs and knows letters of other scripts.
        words: The words, one by one.
    """

    grams: Grams
    spaced: Grams
    plain: Grams
    words: list[Place]


def fold_words(text: str) -> tuple[str, ...]:
    """The words of a text, folded; hidden characters and signs part words."""
    return tuple(fold(word) for word in _WORD.findall(text))


def read_places(text: str) -> Spelt:
    """All runs of words of a text in which a name may stand."""
    views = [[(m.start(), m.end(), m.group()) for m in _WORD.finditer(text)]]
    if _DISTURBED.search(text):
        merged = [(m.start(), m.end(), m.group()) for m in _DISTURBED_WORD.finditer(text)]
        views += [merged] if merged != views[0] else []
    grams, spaced, read = Grams(), Grams(), Grams()
    for view in views:
        _join(view, _runs, fold, grams)
        _join(view, _letter_runs, fold, spaced)
        if not text.isascii() or view is not views[0]:
            _join(view, _runs, plain, read)
            _join(view, _letter_runs, plain, read)
    words = [Place(start, end, (fold(word),)) for start, end, word in views[0]]
    return Spelt(grams, spaced, read or {**grams, **spaced}, words)


_View: TypeAlias = Sequence[tuple[int, int, str]]


def _join(
    view: _View, runs: Callable[[_View], Iterator[tuple[int, int]]], letters: Callable[[str], str], into: Grams
) -> None:
    """Add the runs of a view, and those without a possessive's ending: "Apple's" is Apple, not nearly Apple."""
    folded = [fold(word) for _, _, word in view]
    read = folded if letters is fold else [letters(word) for _, _, word in view]
    bare = [word[:-2] if _POSSESSIVE.search(word) else "" for _, _, word in view]
    for i, j in runs(view):
        before = "".join(read[i : j - 1])
        if bare[j - 1] and (ending := letters(bare[j - 1])):
            words = (*folded[i : j - 1], fold(bare[j - 1]))
            into.setdefault(before + ending, []).append(Place(view[i][0], view[j - 1][1] - 2, words))
        if joined := before + read[j - 1]:
            into.setdefault(joined, []).append(Place(view[i][0], view[j - 1][1], tuple(folded[i:j])))


def _runs(view: _View) -> Iterator[tuple[int, int]]:
    for i in range(len(view)):
        for j in range(i + 1, min(len(view), i + _MAX_WORDS) + 1):
            yield i, j


def _letter_runs(view: _View) -> Iterator[tuple[int, int]]:
    letters = [end - start for start, end, _ in view]
    for i in range(len(view)):
        held = 0
        for j in range(i, min(len(view), i + _MAX_SPACED)):
            held += letters[j]
            if letters[j] > _MAX_PIECE or held > _MAX_SPACED_LETTERS:
                break
            if j + 1 - i > _MAX_WORDS and held <= 3 * (j + 1 - i):
                yield i, j + 1

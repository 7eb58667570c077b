"""Runs of words in text where a name may stand: single words, words joined, words with signs or hidden characters
inside, letters and pieces of words spaced out, and stretches of the scripts that part no words.

Knows letters and words; knows no names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from logoscan.text.folding import SIGNS_FOR_LETTERS, fold, plain, shown
from logoscan.text.languages import words_of
from logoscan.text.letters import INVISIBLE, VOWEL_SIGNS
from logoscan.text.unspaced import UNSPACED

__all__ = [
    "Grams",
    "TextTokens",
    "TokenRun",
    "and_words",
    "fold_digraphs",
    "fold_words",
    "joined_by_and",
    "name_key",
    "read_tokens",
]

# Words of the text that are joined to compare them with one name.
_MAX_WORDS = 4
# Letters and pieces of words in a row that are joined ("A D I D A S", "Sa m so n it e"), of three letters on average at
# most: a seller who leaves pieces of a name whole would not be detected otherwise.
_MAX_SPACED = 16
# Letters of one such piece.
_MAX_PIECE = 6
# Letters of all pieces together: names are hardly ever longer, and a text of short words alone has many such runs.
_MAX_SPACED_LETTERS = 24

_SPACED = rf"[^\W_{UNSPACED}]"
_APOSTROPHE = "'’‘＇"
_WORD = re.compile(rf"[{UNSPACED}]+|{_SPACED}+(?:[{_APOSTROPHE}]{_SPACED}+)*")
# Marks inside of words: accents that stand apart from their letters, and vowels from Israel to Sri Lanka.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u093c\u09bc\u0a3c\u0b3c" + "".join(
    sorted(c for c in VOWEL_SIGNS if c < "\u0e00")
)
_MARKED = re.compile(f"[{_MARKS}]")
_MARKED_WORD = re.compile(rf"[{UNSPACED}]+|(?:{_SPACED}|[{_MARKS}])+(?:[{_APOSTROPHE}](?:{_SPACED}|[{_MARKS}])+)*")
_SIGNED = re.escape(SIGNS_FOR_LETTERS)
_DISTURBED = re.compile(rf"[{_SIGNED}{INVISIBLE}{_MARKS}]")
# A word with signs ("adida$") or invisible characters inside.
_DISTURBED_WORD = re.compile(
    rf"(?:[{_SIGNED}][{_APOSTROPHE}]?){{0,4}}{_SPACED}(?:[{_SIGNED}{INVISIBLE}{_MARKS}{_APOSTROPHE}]*{_SPACED})*"
    rf"[{_MARKS}]*(?:[{INVISIBLE}{_APOSTROPHE}]*[{_SIGNED}](?!\d))*"
    rf"|[{UNSPACED}](?:[{INVISIBLE}]*[{UNSPACED}])*"
)
# The ending of an inflected name: "Nike's", Turkish "Nike'ın", Polish "Nike'a".
_ENDING = re.compile(rf"[{_APOSTROPHE}ʼ]([^\W\d_]{{1,4}})$")
# Letters that must stand before an ending other than 's: "D'Oro" is no D.
_ENDED_MIN_LETTERS = 3
_AND_SIGNS = frozenset("&＆﹠+＋")
# Words with umlauts in one text that are written out, and positions of "and" that are tried: names hold few of them.
_MAX_RESPELLED = 500
# Letters that must stand on either side of an "and" of one letter in a name: "In-N-Out" and "L.E.I." have none.
_AND_MIN_LETTERS = 3
# Umlauts as Germans and Scandinavians write them without the key; `fold` drops the dots instead, as everyone else does.
_DIGRAPHS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"}
)


_View: TypeAlias = Sequence[tuple[int, int, str]]


class TokenRun(NamedTuple):
    """Where a run of words stands in the text, and its words, folded."""

    start: int
    end: int
    words: tuple[str, ...]


Grams: TypeAlias = dict[str, list[TokenRun]]
"""Letters of runs of words, joined, with the runs that have them."""


class TextTokens(NamedTuple):
    """The runs of words of a text.

    Attributes:
        grams: Runs by their strict fold: each word, and up to four in a row.
        respelled: Runs by another honest spelling, where they have one: "müller" as "mueller", and each "and", in
            whatever language or sign, as "&".
        spaced: Runs by their strict fold: longer rows of letters and short pieces of words.
        plain: All these runs by their plain form, which keeps signs and maps letters of other scripts to Latin ones.
        words: The words, one by one.
    """

    grams: Grams
    spaced: Grams
    plain: Grams
    words: list[TokenRun]
    respelled: Grams


@cache
def and_words() -> frozenset[str]:
    """Return the words for "and" of all languages, folded."""
    return frozenset(map(fold, words_of("and_words")))


def fold_words(text: str) -> tuple[str, ...]:
    """Return the words of a text, folded; hidden characters and signs part words."""
    return tuple(fold(match.group()) for match in _find_words(text))


def read_tokens(text: str, before_and: Collection[str] = ()) -> TextTokens:
    """Return all runs of words of a text in which a name may stand.

    Args:
        text: Any text.
        before_and: Folded words that stand before the "and" of a name; an "and" is looked for only behind them.
    """
    views = [[(m.start(), m.end(), m.group()) for m in _find_words(text)]]
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
    words = [TokenRun(start, end, (fold(word),)) for start, end, word in views[0]]
    return TextTokens(grams, spaced, read or {**grams, **spaced}, words, _respelled_runs(text, views, before_and))


def _find_words(text: str) -> Iterator[re.Match[str]]:
    return (_MARKED_WORD if not text.isascii() and _MARKED.search(text) else _WORD).finditer(text)


def fold_digraphs(text: str) -> str:
    """Return the fold of a text whose umlauts are written out ("mueller")."""
    return fold(unicodedata.normalize("NFC", text).translate(_DIGRAPHS))


def joined_by_and(name: str) -> tuple[str, ...]:
    """Return the folded words of a name that "and" joins, with "&" for each "and"; empty where none joins any.

    Example:
        >>> joined_by_and("Jack and Jones"), joined_by_and("H & M"), joined_by_and("In-N-Out")
        (('jack', '&', 'jones'), ('h', '&', 'm'), ())
    """
    name = shown(name)
    view = [(m.start(), m.end(), m.group()) for m in _find_words(name)]
    return _with_signs(name, view, strict=True) if len(view) > 1 else ()


@lru_cache(maxsize=16_384)
def name_key(name: str) -> str:
    """Return what all honest spellings of a name have in common; never empty for a name that is not blank.

    Example:
        >>> name_key("H and M"), name_key("L’Oréal"), name_key("!")
        ('hm', 'loreal', '!')
    """
    return "".join(joined_by_and(name)).replace("&", "") or fold(name) or " ".join(name.casefold().split())


def _with_signs(text: str, view: _View, *, strict: bool) -> tuple[str, ...]:
    """Return the folded words of a view, with "&" for each "and" between them; empty where there is no "and".

    Args:
        text: The text that the view was made of.
        view: Two words or more, as (start, end, word).
        strict: Whether a word of one letter is "and" only between words of three letters or more.
    """
    words = [fold(word) for _, _, word in view]
    gaps = [text[a[1] : b[0]] for a, b in pairwise(view)]
    out = [words[0]]
    for i in range(1, len(words)):
        before, behind = gaps[i - 1], gaps[i] if i < len(gaps) else None
        if (
            behind is not None
            and words[i] in and_words()
            and out[-1] != "&"
            and _is_word_gap(before)
            and _is_word_gap(behind)
        ):
            letter = strict and len(words[i]) == 1 and words[i].isascii()
            if not letter or min(len(words[i - 1]), len(words[i + 1])) >= _AND_MIN_LETTERS:
                out.append("&")
                continue
        if before.strip() in _AND_SIGNS and out[-1] != "&":
            out.append("&")
        out.append(words[i])
    return tuple(out) if "&" in out else ()


def _is_word_gap(gap: str) -> bool:
    """Return whether a gap parts two words.

    It does not in "L.E.I." and "In-N-Out"; words of two scripts that stand side by side have no gap.
    """
    return all(c.isspace() or c in _APOSTROPHE for c in gap)


def _respelled_runs(text: str, views: Sequence[_View], before_and: Collection[str]) -> Grams:
    """Return the runs of words that have another honest spelling."""
    out = Grams()
    if not text.isascii():
        view = views[-1]  # where a letter and its dots are one word
        dotted = [k for k, (_, _, word) in enumerate(view) if word.translate(_DIGRAPHS) != word][:_MAX_RESPELLED]
        changed = {k: fold_digraphs(view[k][2]) for k in dotted}
        runs = {
            (i, j) for k in dotted for i in range(max(0, k - _MAX_WORDS + 1), k + 1) for j in _ends(view, i) if j > k
        }
        for i, j in sorted(runs):
            words = tuple(fold(word) for _, _, word in view[i:j])
            gram = "".join(changed.get(i + n, word) for n, word in enumerate(words))
            out.setdefault(gram, []).append(TokenRun(view[i][0], view[j - 1][1], words))
    view, tried = views[0], 0
    folded = [fold(word) for _, _, word in view] if before_and else []
    for k in range(1, len(folded)):
        if folded[k - 1] not in before_and:
            continue
        if folded[k] not in and_words() and text[view[k - 1][1] : view[k][0]].strip() not in _AND_SIGNS:
            continue
        starts, most = range(max(0, k - 3), k), min(len(view), k + _MAX_WORDS)
        for i, j in ((start, end) for start in starts for end in range(k + 1, most + 1)):
            if 1 < j - i <= _MAX_WORDS + 1 and (words := _with_signs(text, view[i:j], strict=False)):
                run = TokenRun(view[i][0], view[j - 1][1], tuple(folded[i:j]))
                out.setdefault("".join(words), []).append(run)
        if (tried := tried + 1) >= _MAX_RESPELLED:
            break
    return out


def _join(
    view: _View, runs: Callable[[_View], Iterator[tuple[int, int]]], letters: Callable[[str], str], into: Grams
) -> None:
    """Add the runs of a view, and those without a possessive's ending: "Apple's" is Apple, not nearly Apple."""
    folded = [fold(word) for _, _, word in view]
    read = folded if letters is fold else [letters(word) for _, _, word in view]
    bare = [_without_ending(word) for _, _, word in view]
    for i, j in runs(view):
        before = "".join(read[i : j - 1])
        if bare[j - 1] and (ending := letters(bare[j - 1])):
            words = (*folded[i : j - 1], fold(bare[j - 1]))
            end = view[j - 1][0] + len(bare[j - 1])
            into.setdefault(before + ending, []).append(TokenRun(view[i][0], end, words))
        if joined := before + read[j - 1]:
            into.setdefault(joined, []).append(TokenRun(view[i][0], view[j - 1][1], tuple(folded[i:j])))


def _without_ending(word: str) -> str:
    """Return the word before its ending behind an apostrophe; empty where it has none."""
    match = _ENDING.search(word)
    if not match or not (match[1] in "sS" or match.start() >= _ENDED_MIN_LETTERS):
        return ""
    return word[: match.start()]


def _runs(view: _View) -> Iterator[tuple[int, int]]:
    """Yield the first and last position (exclusive) of each run of up to four words."""
    for i in range(len(view)):
        for j in _ends(view, i):
            yield i, j


def _ends(view: _View, start: int) -> range:
    """Return the ends (exclusive) of the runs of up to four words that begin at a position."""
    return range(start + 1, min(len(view), start + _MAX_WORDS) + 1)


def _letter_runs(view: _View) -> Iterator[tuple[int, int]]:
    """Yield the first and last position (exclusive) of each longer row of letters and short pieces of words."""
    letters = [end - start for start, end, _ in view]
    for i in range(len(view)):
        total = 0
        for j in range(i, min(len(view), i + _MAX_SPACED)):
            total += letters[j]
            touches = j > i and view[j][0] == view[j - 1][1]  # words of two scripts, which nobody spaced out
            if touches or letters[j] > _MAX_PIECE or total > _MAX_SPACED_LETTERS:
                break
            if j + 1 - i > _MAX_WORDS and total <= 3 * (j + 1 - i):
                yield i, j + 1

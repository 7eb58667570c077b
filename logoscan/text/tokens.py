"""Places in text where a name may stand: words, words joined, words with signs or hidden characters inside, letters
and pieces of words spaced out, and stretches of the scripts that part no words.

Knows letters and words; knows no names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from logoscan.text.folding import INVISIBLE, SIGNS_FOR_LETTERS, fold, plain, shown

__all__ = ["AND_WORDS", "Grams", "Place", "Spelt", "fold_words", "is_unspaced", "joined_by_and", "name_key",
           "read_places", "respelt", "stretches"]  # fmt: skip

_MAX_WORDS = 4
"""Words of the text that are joined to meet one name."""
_MAX_SPACED = 16
"""Letters and pieces of words in a row that are joined likewise ("A D I D A S", "Sa m so n it e"), of three letters on
average at most: whoever leaves pieces of a name whole would else not be found."""
_MAX_PIECE = 6
"""Letters of one such piece."""
_MAX_SPACED_LETTERS = 24
"""Letters of all pieces: names are hardly ever longer, and a text of short words alone has many such runs."""

_UNSPACED = (
    "\u0e01-\u0e4f\u0e81-\u0ecf\u0f00-\u0fff\u1000-\u100f\u1011-\u101c\u101e-\u1039\u1050-\u109f\u1100-\u11ff\u1780-\u17df\u3005\u3006"
    "\u3041-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Letters and marks of Thai, Lao, Tibetan, Burmese, Khmer, Chinese, Japanese and Korean, as the inside of a character
class: words end where they begin, for these scripts part no words, or hang endings on foreign ones ("Nike의"). No
letter of theirs that passes for a Latin one is among them, nor are digits: "n〇ke" is one word, and so is "Аdidas"."""
_SPACED = rf"[^\W_{_UNSPACED}]"
_APOSTROPHE = "'’‘＇"
_WORD = re.compile(rf"[{_UNSPACED}]+|{_SPACED}+(?:[{_APOSTROPHE}]{_SPACED}+)*")
_STRETCH = re.compile(rf"(?:{_SPACED}|[{_UNSPACED}])*[{_UNSPACED}](?:{_SPACED}|[{_UNSPACED}])*")
_OF_UNSPACED = re.compile(f"[{_UNSPACED}]")
_SIGNED = re.escape(SIGNS_FOR_LETTERS)
_DISTURBED = re.compile(rf"(?:[{_SIGNED}]|[{INVISIBLE}\u0300-\u036f])")
_DISTURBED_WORD = re.compile(
    rf"(?:[{_SIGNED}][{_APOSTROPHE}]?){{0,4}}{_SPACED}(?:[{_SIGNED}{INVISIBLE}\u0300-\u036f{_APOSTROPHE}]*{_SPACED})*"
    rf"(?:[{INVISIBLE}{_APOSTROPHE}]*[{_SIGNED}](?!\d))*"
    rf"|[{_UNSPACED}](?:[{INVISIBLE}]*[{_UNSPACED}])*"
)
"""A word through which signs ("adida$") or characters that nobody sees run."""
_ENDING = re.compile(rf"[{_APOSTROPHE}ʼ]([^\W\d_]{{1,4}})$")
"""Of an inflected name: "Nike's", Turkish "Nike'ın", Polish "Nike'a". """
_ENDED_MIN_LETTERS = 3
"""Letters before an ending that is no 's: "D'Oro" is no D."""
AND_WORDS = frozenset(
    {
        "and",
        "und",
        "et",
        "y",
        "e",
        "i",
        "en",
        "og",
        "och",
        "ve",
        "es",
        "ja",
        "n",
        "και",
        "и",
        "和",
        "与",
        "與",
        "及",
        "と",
    }
    | {fold("및")}
)
"""Words for "and", folded."""
_AND_SIGNS = frozenset("&＆﹠+＋")
_MAX_RESPELT = 500
"""Words with umlauts in one text that are written out, and places of "and" that are tried: names hold few of them."""
_AND_LEAST = 3
"""Letters on either side of "and" in one letter, where a name is read: "In-N-Out" and "L.E.I." have none."""
_BY_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"}
)
"""As Germans and Scandinavians write them without the key; `fold` drops the dots instead, as everyone else does."""


_View: TypeAlias = Sequence[tuple[int, int, str]]


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
        respelt: By another honest spelling, where they have one: "müller" as "mueller", and each "and", in whatever
            language or sign, as "&".
        spaced: By their strict fold: longer rows of letters and short pieces of words.
        plain: All of them by their plain form, which keeps signs and knows letters of other scripts.
        words: The words, one by one.
    """

    grams: Grams
    spaced: Grams
    plain: Grams
    words: list[Place]
    respelt: Grams


def fold_words(text: str) -> tuple[str, ...]:
    """The words of a text, folded; hidden characters and signs part words."""
    return tuple(fold(word) for word in _WORD.findall(text))


def read_places(text: str, before_and: Collection[str] = ()) -> Spelt:
    """All runs of words of a text in which a name may stand.

    Args:
        text: Any.
        before_and: Folded words that stand before the "and" of a name; only behind them is one looked for.
    """
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
    return Spelt(grams, spaced, read or {**grams, **spaced}, words, _respelt(text, views, before_and))


def is_unspaced(text: str) -> bool:
    """Whether the text has letters of a script that parts no words."""
    return not text.isascii() and _OF_UNSPACED.search(text) is not None


def stretches(text: str) -> Iterator[tuple[int, str]]:
    """Where letters stand in a row that hold some of a script that parts no words: their start, and they."""
    if not text.isascii():
        yield from ((m.start(), m.group()) for m in _STRETCH.finditer(text))


def respelt(text: str) -> str:
    """The fold of a text whose umlauts are written out ("mueller")."""
    return fold(unicodedata.normalize("NFC", text).translate(_BY_LETTERS))


def joined_by_and(name: str) -> tuple[str, ...]:
    """The folded words of a name that "and" joins, with "&" for each; empty where none joins any.

    Example:
        >>> joined_by_and("Jack and Jones"), joined_by_and("H & M"), joined_by_and("In-N-Out")
        (('jack', '&', 'jones'), ('h', '&', 'm'), ())
    """
    name = shown(name)
    view = [(m.start(), m.end(), m.group()) for m in _WORD.finditer(name)]
    return _with_signs(name, view, strict=True) if len(view) > 1 else ()


@lru_cache(maxsize=16_384)
def name_key(name: str) -> str:
    """What all honest spellings of a name have in common; never empty for a name that is not blank.

    Example:
        >>> name_key("H and M"), name_key("L’Oréal"), name_key("!")
        ('hm', 'loreal', '!')
    """
    return "".join(joined_by_and(name)).replace("&", "") or fold(name) or " ".join(name.casefold().split())


def _with_signs(text: str, view: _View, *, strict: bool) -> tuple[str, ...]:
    """The folded words of a view, with "&" for each "and" between them; empty without one.

    Args:
        text: Of which the view is one.
        view: Two words or more.
        strict: A word of one letter is "and" only between words of three letters or more.
    """
    words = [fold(word) for _, _, word in view]
    gaps = [text[a[1] : b[0]] for a, b in pairwise(view)]
    out = [words[0]]
    for i in range(1, len(words)):
        before, behind = gaps[i - 1], gaps[i] if i < len(gaps) else None
        if behind is not None and words[i] in AND_WORDS and out[-1] != "&" and _parts(before) and _parts(behind):
            letter = strict and len(words[i]) == 1 and words[i].isascii()
            if not letter or min(len(words[i - 1]), len(words[i + 1])) >= _AND_LEAST:
                out.append("&")
                continue
        if before.strip() in _AND_SIGNS and out[-1] != "&":
            out.append("&")
        out.append(words[i])
    return tuple(out) if "&" in out else ()


def _parts(gap: str) -> bool:
    """Whether words stand apart, or side by side in two scripts; "L.E.I." and "In-N-Out" are joined."""
    return not gap or gap.strip(f" \t\n{_APOSTROPHE}") == ""


def _respelt(text: str, views: Sequence[_View], before_and: Collection[str]) -> Grams:
    """The runs of words that have another honest spelling."""
    out = Grams()
    if not text.isascii():
        view = views[-1]  # where a letter and its dots are one word
        dotted = [k for k, (_, _, word) in enumerate(view) if word.translate(_BY_LETTERS) != word][:_MAX_RESPELT]
        changed = {k: respelt(view[k][2]) for k in dotted}
        runs = {
            (i, j) for k in dotted for i in range(max(0, k - _MAX_WORDS + 1), k + 1) for j in _ends(view, i) if j > k
        }
        for i, j in sorted(runs):
            words = tuple(fold(word) for _, _, word in view[i:j])
            gram = "".join(changed.get(i + n, word) for n, word in enumerate(words))
            out.setdefault(gram, []).append(Place(view[i][0], view[j - 1][1], words))
    view, tried = views[0], 0
    folded = [fold(word) for _, _, word in view] if before_and else []
    for k in range(1, len(folded)):
        if folded[k - 1] not in before_and:
            continue
        if folded[k] not in AND_WORDS and text[view[k - 1][1] : view[k][0]].strip() not in _AND_SIGNS:
            continue
        starts, most = range(max(0, k - 3), k), min(len(view), k + _MAX_WORDS)
        for i, j in ((start, end) for start in starts for end in range(k + 1, most + 1)):
            if 1 < j - i <= _MAX_WORDS + 1 and (words := _with_signs(text, view[i:j], strict=False)):
                place = Place(view[i][0], view[j - 1][1], tuple(folded[i:j]))
                out.setdefault("".join(words), []).append(place)
        if (tried := tried + 1) >= _MAX_RESPELT:
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
            into.setdefault(before + ending, []).append(Place(view[i][0], end, words))
        if joined := before + read[j - 1]:
            into.setdefault(joined, []).append(Place(view[i][0], view[j - 1][1], tuple(folded[i:j])))


def _without_ending(word: str) -> str:
    """The word before its ending behind an apostrophe; empty where it has none."""
    found = _ENDING.search(word)
    if not found or not (found[1] in "sS" or found.start() >= _ENDED_MIN_LETTERS):
        return ""
    return word[: found.start()]


def _runs(view: _View) -> Iterator[tuple[int, int]]:
    for i in range(len(view)):
        for j in _ends(view, i):
            yield i, j


def _ends(view: _View, start: int) -> range:
    return range(start + 1, min(len(view), start + _MAX_WORDS) + 1)


def _letter_runs(view: _View) -> Iterator[tuple[int, int]]:
    letters = [end - start for start, end, _ in view]
    for i in range(len(view)):
        held = 0
        for j in range(i, min(len(view), i + _MAX_SPACED)):
            held += letters[j]
            touches = j > i and view[j][0] == view[j - 1][1]  # words of two scripts, which nobody spaced out
            if touches or letters[j] > _MAX_PIECE or held > _MAX_SPACED_LETTERS:
                break
            if j + 1 - i > _MAX_WORDS and held <= 3 * (j + 1 - i):
                yield i, j + 1

"""Scripts that part no words by spaces: their letters, their rows in a text, and where in a row a name may stand.

Knows letters and frequent words; knows no names but the one that it is asked about.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from logoscan.text.folding import caseless
from logoscan.text.inflections import particle
from logoscan.text.languages import alternatives, words_of

__all__ = ["UNSPACED", "is_unspaced", "may_stand_in", "script_of", "unspaced_stretches", "written_letters"]

UNSPACED = (
    "\u0e01-\u0e4f\u0e81-\u0ecf\u0f00-\u0fff\u1000-\u100f\u1011-\u101c\u101e-\u103f\u1050-\u109f\u1100-\u11ff\u1780-\u17df\u3005\u3006"
    "\u3041-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Letters and marks of Thai, Lao, Tibetan, Burmese, Khmer, Chinese, Japanese and Korean, as the inside of a character
class.

Words end where these letters begin, because their scripts part no words, or hang endings on foreign words ("Nike의").
None of them passes for a Latin letter, and no digits are among them: "n〇ke" is one word, and so is "Аdidas".
"""
_SPACED = rf"[^\W_{UNSPACED}]"
_STRETCH = re.compile(rf"(?:{_SPACED}|[{UNSPACED}])*[{UNSPACED}](?:{_SPACED}|[{UNSPACED}])*")
_OF_UNSPACED = re.compile(f"[{UNSPACED}]")
# Names with fewer letters of these scripts are only searched at either end of a row of letters of their script; inside
# of one they are too often a part of a word: two Chinese letters, three Korean or Thai ones, four of other scripts.
_INSIDE_ROW_MIN_LETTERS = {"CJK": 2, "HANGUL": 3, "THAI": 3}
_INSIDE_ROW_MIN_LETTERS_ELSE = 4


def is_unspaced(text: str) -> bool:
    """Return whether the text has letters of a script that parts no words."""
    return not text.isascii() and _OF_UNSPACED.search(text) is not None


def unspaced_stretches(text: str) -> Iterator[tuple[int, str]]:
    """Yield the rows of letters that hold some of a script that parts no words, each with its start in the text."""
    if not text.isascii():
        yield from ((m.start(), m.group()) for m in _STRETCH.finditer(text))


def may_stand_in(stretch: str, start: int, end: int, folded: str) -> bool:
    """Return whether a name may stand at a place in a row of letters of a script that parts no words.

    It may not where a Latin letter goes on, nor in mid-word where the name is short.
    """
    before, behind = stretch[start - 1 : start], stretch[end : end + 1]
    if any(
        outer and not is_unspaced(outer) and not is_unspaced(inner)
        for outer, inner in ((before, stretch[start]), (behind, stretch[end - 1]))
    ):
        return False
    least = _INSIDE_ROW_MIN_LETTERS.get(script_of(stretch[start]), _INSIDE_ROW_MIN_LETTERS_ELSE)
    if written_letters(folded) >= least:
        return True
    begins, ends = _beside_names()
    return (
        not _goes_on(before, stretch[start])
        or not _goes_on(behind, stretch[end - 1])
        or particle().match(stretch, end) is not None
        or (begins.search(caseless(stretch[:start])) and ends.match(caseless(stretch[end:]))) is not None
    )


@cache
def _beside_names() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of words that may end before a name, and begin behind it, in a script that parts no words."""
    lists = ("trade", "devices", "used", "unused")
    joined = alternatives(word for name in lists for word in words_of(name)).joined
    return re.compile(f"(?:{joined})$"), re.compile(joined)


def written_letters(folded: str) -> int:
    """Return the number of letters of a folded name as they are written: a Korean syllable is one."""
    return len(unicodedata.normalize("NFC", folded))


def _goes_on(beside: str, letter: str) -> bool:
    """Return whether the letter beside is of the same script, so that a word may go on there."""
    return bool(beside) and script_of(beside) == script_of(letter)


def script_of(letter: str) -> str:
    """Return the first word of a letter's Unicode name, its script; a mark of length belongs to the syllables."""
    return "KATAKANA" if letter == "ー" else unicodedata.name(letter, "").split(" ")[0]

"""Whether a text offers goods of a brand, goods for it ("for Dyson") or goods in its style ("Chanel style").

Knows words and where they stand; knows no brands. The words are those of `role_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from logoscan.text.folding import caseless
from logoscan.text.role_words import ROLE_WORDS

__all__ = ["Role", "is_list_gap", "role_of"]

Role: TypeAlias = Literal["compatible", "style"]

# Characters before and behind a name that are read: the words of its role stand close to it.
_CHARS_BEFORE, _CHARS_AFTER = 64, 48
# First code point of the scripts that part no words.
_FIRST_UNSPACED = 0x0E00


# Letters behind which a word of few letters is another word: 용품 and 用品 are supplies, 风衣 is a coat.
_NOT_AFTER = {
    "용": "품",
    "用": "品途心户戶料",
    "風": "衣扇機机呂船箏筝暴鏡镜味景",
    "风": "衣扇机筝暴镜帽味险琴油铃景",
    "풍": "선경",
    "タイプ": "abc",
}
_STYLES = (
    "new old vintage retro classic casual latest street sport sports sporty modern original unique fashion free life"
    " hop preppy boho gothic punk military western college varsity skate surf slim mid ladies mens men's womens women's"
    " kids this that each any same fast own 50s 60s 70s 80s 90s y2k nuevo nuovo novo"
)
# Words behind which the word before a name ends a phrase of its own: "slim fit Levi's", "vintage style Nike".
_PHRASE_ENDS = {
    "fit": "slim regular relaxed loose tapered straight skinny dri comfort classic modern athletic oversized custom",
    **dict.fromkeys(("style", "type", "estilo", "stile", "tipo", "genre"), _STYLES),
}
# A word of a model, with a digit in it.
_MODEL_WORD = (
    r"(?: ?[-/] ?| )(?=[a-z]*\d)[0-9a-z]{1,16}(?: (?:pro|max|plus|mini|ultra|lite|air|se|fe|5g)(?![a-z0-9])){0,2}"
)
# The model's line before it: "Samsung Galaxy S21 için".
_MODEL_LINE = r"(?: [a-z]{2,12})?"
_QUOTE = "\"'„“”«»‘’"
# What follows "compatible" is what the goods are for: "Sonos compatible with Apple" is a Sonos.
_NOT_WITH = r"(?! (?:with|to|mit|zu|avec|con|com|met|med|z|s|с|з)(?!\w))"
# What stands behind these words is certainly no maker: "kompatibel mit Staubsaugern von Dyson".
_COMPATIBLE_WITH = (
    r"(?<!\w)(?:[ck]ompat[^\W\d_]{2,12}|совместим[^\W\d_]{0,3}|сумісн[^\W\d_]{1,3})"
    r" (?:with|to|mit|zu|avec|con|com|met|med|z|s|с|з)(?: [^\W_]{1,20}){0,3}"
)
_NUMBERED = r"(?! ?(?:[:#]|(?:no|nr|number|code|id)(?!\w)))"
# Not "like new", "type C", nor "style no. 315122".
_STYLE_AFTER = rf"like(?! new(?!\w))|type(?! ?[-:]? ?(?:[a-z]|\d+)(?!\w)){_NUMBERED}|style{_NUMBERED}"
_ENDING = re.compile(r"^['’‘ʼ`´](?:[^\W\d_]{1,4})(?![^\W_])")
_AND = "and|or|und|oder|et|ou|y|e|o|en|of|i|oraz|lub|ve|veya|och|eller|og|и|или|та|和|与|與|或|や|と|及び|및|와|과"
_LIST_GAP = re.compile(
    rf"(?:{_MODEL_LINE}(?:{_MODEL_WORD}){{1,3}})? ?(?:,|/|&|\+|、|，|·|・|{_AND}) ?(?:{_AND})? ?|[ \d()\[\]]*"
)


def role_of(before: str, after: str) -> tuple[Role | None, bool]:
    """Return what the goods are to a name in their text, and whether the words behind the name say so.

    Args:
        before: Text before the name; its end counts.
        after: Text behind the name; its beginning counts.

    Example:
        >>> role_of("Kompatibel mit ", " V11: Filter"), role_of("", " tarzı çanta"), role_of("red ", " shoes")
        (('compatible', False), ('style', True), (None, False))
    """
    # the mark at the cut keeps the space beside the name
    ahead = caseless(f"{before[-_CHARS_BEFORE:]}\0")[:-1]
    behind = _ENDING.sub("", caseless(f"\0{after[:_CHARS_AFTER]}")[1:])
    find = _patterns()
    if find.style_after.match(behind):
        return "style", True
    if _says(find.style_before, ahead):
        return "style", False
    if _says(find.for_before, ahead):
        return "compatible", False
    if find.for_after.match(behind):
        return "compatible", True
    return None, False


def is_list_gap(gap: str) -> bool:
    """Return whether the text between two names joins them to one list: "for Apple, Samsung", "PlayStation 5 (PS5)"."""
    return len(gap) <= _CHARS_AFTER and _LIST_GAP.fullmatch(caseless(f"\0{gap}\0")[1:-1]) is not None


def _says(pattern: re.Pattern[str], ahead: str) -> bool:
    """Return whether the words before a name match a pattern, and not as the end of a phrase of their own."""
    match = pattern.search(ahead)
    if match is None:
        return False
    ends = _PHRASE_ENDS.get(match["word"] or "", "").split()
    return not ends or (ahead[: match.start()].replace("-", " ").split() or [""])[-1] not in ends


@dataclass(frozen=True)
class _Patterns:
    for_before: re.Pattern[str]
    for_after: re.Pattern[str]
    style_before: re.Pattern[str]
    style_after: re.Pattern[str]


def _alternatives(rows: Iterable[str]) -> tuple[str, str]:
    """Return the words of all languages as two patterns: of scripts with spaces and of those without, longest first."""
    words = {caseless(word) for row in rows for word in row.split("|") if word}
    spaced = sorted((w for w in words if ord(w[0]) < _FIRST_UNSPACED), key=lambda w: (-len(w), w))
    joined = sorted(words.difference(spaced), key=lambda w: (-len(w), w))
    return "|".join(map(re.escape, spaced)), "|".join(f"{re.escape(w)}{_unless(w)}" for w in joined)


def _unless(word: str) -> str:
    letters = _NOT_AFTER.get(word, "")
    return f"(?![{letters}])" if letters else ""


@cache
def _patterns() -> _Patterns:
    """Return one pattern for each role and side, over all languages; they match short texts without runs of spaces."""
    table = ROLE_WORDS.values()
    fillers, _ = _alternatives(row.fillers for row in table)
    words, joined = _alternatives(row.for_before for row in table)
    for_before = rf"(?:(?<!\w)(?P<word>{words})(?: (?:{fillers})){{0,3}}|{joined}|{_COMPATIBLE_WITH}) ?[:({_QUOTE}]? ?$"
    words, joined = _alternatives(row.for_after for row in table)
    model = rf"(?:{_MODEL_LINE}(?:{_MODEL_WORD}){{1,3}})?"
    for_after = rf"{model} ?[-–]? ?[)\]{_QUOTE}]? ?(?:(?:{words})(?!\w){_NOT_WITH}|{joined})"
    words, joined = _alternatives(row.style_before for row in table)
    style_before = rf"(?:(?<!\w)(?P<word>{words})|{joined}) ?[{_QUOTE}]? ?$"
    words, joined = _alternatives(row.style_after for row in table)
    style_after = rf" ?[-–]? ?[{_QUOTE}]? ?(?:(?:{_STYLE_AFTER}|(?!(?:type|style)(?!\w))(?:{words}))(?!\w)|{joined})"
    return _Patterns(*map(re.compile, (for_before, for_after, style_before, style_after)))

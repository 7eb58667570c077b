"""Whether a text offers goods of a brand, goods for it ("for Dyson"), in its style ("Chanel style") or not of it.

Knows where words stand; knows no brands. The words are those of `languages`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from logoscan.text.folding import caseless
from logoscan.text.languages import Words, alternatives, words_of

__all__ = ["Role", "is_list_gap", "role_of"]

Role: TypeAlias = Literal["compatible", "style", "denied"]

# Characters before and behind a name that are read: the words of its role stand close to it.
_CHARS_BEFORE, _CHARS_AFTER = 64, 48
# Letters behind which a word of few letters is another word: 용품 and 用品 are supplies, 风衣 is a coat.
_NOT_AFTER = {
    "용": "품",
    "用": "品途心户料",
    "风": "衣扇机吕船筝暴镜帽味险琴油铃景",
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
    r"(?: ?[-/] ?| |^)(?=[a-z]*\d)[0-9a-z]{1,16}(?: (?:pro|max|plus|mini|ultra|lite|air|se|fe|5g)(?![a-z0-9])){0,2}"
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
_TOKEN = re.compile(r"[a-z0-9]+")
_OR = ("or", "oder", "ou", "o", "of", "lub", "veya", "eller", "tai", "vagy", "sau", "или", "або", "atau", "hoặc",
       "หรือ", "或", "や", "또는")  # fmt: skip


def role_of(before: str, after: str) -> tuple[Role | None, bool]:
    """Return what the goods are to a name in their text, and whether the words behind the name say so.

    Args:
        before: Text before the name; its end counts.
        after: Text behind the name; its beginning counts.

    Example:
        >>> role_of("Kompatibel mit ", " V11: Filter"), role_of("", " tarzı çanta"), role_of("red ", " shoes")
        (('compatible', False), ('style', True), (None, False))
        >>> role_of("these are not ", " shoes")
        ('denied', False)
    """
    # the mark at the cut keeps the space beside the name
    ahead = caseless(f"{before[-_CHARS_BEFORE:]}\0")[:-1]
    behind = _ENDING.sub("", caseless(f"\0{after[:_CHARS_AFTER]}")[1:])
    find = _patterns()
    may_say = not ahead.isascii() or "ompat" in ahead or not find.heads.isdisjoint(_TOKEN.findall(ahead))
    if find.style_after.match(behind):
        return "style", True
    if may_say and _says(find.style_before, ahead):
        return "style", False
    if may_say and _says(find.for_before, ahead):
        return "compatible", False
    if find.for_after.match(behind):
        return "compatible", True
    if may_say and find.not_before.search(ahead):
        return "denied", False
    if find.not_after.match(behind):
        return "denied", True
    return None, False


def is_list_gap(gap: str) -> bool:
    """Return whether the text between two names joins them to one list: "for Apple, Samsung", "PlayStation 5 (PS5)"."""
    return len(gap) <= _CHARS_AFTER and _patterns().list_gap.fullmatch(caseless(f"\0{gap}\0")[1:-1]) is not None


def _says(pattern: re.Pattern[str], ahead: str) -> bool:
    """Return whether the words before a name match a pattern, and not as the end of a phrase of their own."""
    match = pattern.search(ahead)
    if match is None:
        return False
    ends = _PHRASE_ENDS.get(match["word"] or "", "").split()
    return not ends or (ahead[: match.start()].replace("-", " ").split() or [""])[-1] not in ends


@dataclass(frozen=True)
class _Patterns:
    """Patterns for each role and side, and the words in ASCII letters that those before a name begin with."""

    heads: frozenset[str]
    for_before: re.Pattern[str]
    for_after: re.Pattern[str]
    style_before: re.Pattern[str]
    style_after: re.Pattern[str]
    not_before: re.Pattern[str]
    not_after: re.Pattern[str]
    list_gap: re.Pattern[str]


def _words(name: str) -> Words:
    return alternatives(words_of(name), _NOT_AFTER)


@cache
def _patterns() -> _Patterns:
    """Return one pattern for each role and side, over all languages; they match short texts without runs of spaces."""
    devices = _words("devices")
    fillers = alternatives((*words_of("fillers"), *words_of("devices")))
    words = _words("for_before")
    for_before = (
        rf"(?:(?:(?<!\w)(?P<word>{words.spaced})(?: (?:{fillers.spaced})){{0,3}}|{_COMPATIBLE_WITH})"
        rf"|(?:{words.joined})(?: ?(?:{fillers.joined})){{0,3}}) ?[:({_QUOTE}]? ?$"
    )
    words = _words("for_after")
    model = rf"(?:{_MODEL_LINE}(?:{_MODEL_WORD}){{1,3}})?"
    things = rf"(?: (?:{devices.spaced})(?!\w)| ?(?:{devices.joined})){{0,2}}"
    for_after = rf"{model}{things} ?[-–]? ?[)\]{_QUOTE}]? ?(?:(?:{words.spaced})(?!\w){_NOT_WITH}|{words.joined})"
    words = _words("style_before")
    style_before = rf"(?:(?<!\w)(?P<word>{words.spaced})|{words.joined}) ?[{_QUOTE}]? ?$"
    words = _words("style_after")
    style_after = (
        rf" ?[-–]? ?[{_QUOTE}]? ?"
        rf"(?:(?:{_STYLE_AFTER}|(?!(?:type|style)(?!\w))(?:{words.spaced}))(?!\w)|{words.joined})"
    )
    words, between = _words("not_before"), _words("not_fillers")
    not_before = (
        rf"(?:(?<!\w)(?:{words.spaced})(?: (?:{between.spaced})(?!\w)){{0,3}}"
        rf"|(?:{words.joined})(?: ?(?:{between.joined})){{0,2}}) ?[{_QUOTE}]? ?$"
    )
    words = _words("not_after")
    not_after = (
        rf" ?[{_QUOTE}]? ?(?:(?:(?:{between.spaced}) )?(?:{words.spaced})(?!\w)"
        rf"|(?:(?:{between.joined}) ?){{0,2}}(?:{words.joined}))"
    )
    words = alternatives((*words_of("and_words"), *_OR))
    joining = f"{words.spaced}|{words.joined}"
    list_gap = (
        rf"(?:{_MODEL_LINE}(?:{_MODEL_WORD}){{1,3}})? ?(?:,|/|&|\+|、|，|·|・|{joining}) ?(?:{joining})? ?|[ \d()\[\]]*"
    )
    before = (*words_of("for_before"), *words_of("style_before"), *words_of("not_before"))
    heads = frozenset(head[0] for word in before if (head := _TOKEN.findall(caseless(word))))
    return _Patterns(
        heads, *map(re.compile, (for_before, for_after, style_before, style_after, not_before, not_after, list_gap))
    )

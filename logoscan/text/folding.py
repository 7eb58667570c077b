"""Two foldings of text, for comparison: a strict one, and a deep one that undoes disguises.

Knows letters; knows no names. Which letters look like a Latin letter is Unicode's confusables table, as the package
confusable-homoglyphs carries it; it is read when the first letter beyond ASCII is folded deeply, never at import.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

from rapidfuzz.distance import Levenshtein

from logoscan.text.letters import HIDDEN, VOWEL_SIGNS, bare, decomposed, unstacked

__all__ = [
    "SIGNS_FOR_LETTERS",
    "caseless",
    "disguised_distance",
    "fold",
    "is_foreign",
    "plain",
    "shown",
    "skeleton",
    "tricks",
    "unenclosed",
    "unescape",
]

# Times that a text may have been escaped: once each by a shop, its feed and whoever took it over.
_MAX_ESCAPES = 3
_REFERENCE = re.compile(
    r"&(?:#[0-9]{1,7}(?:;|(?![0-9]))|#[xX][0-9a-fA-F]{1,6}(?:;|(?![0-9a-fA-F]))|[A-Za-z][A-Za-z0-9]{1,31};"
    r"|(?:amp|quot|nbsp|apos|lt|gt)(?![A-Za-z0-9]))"
)
_TAG = re.compile(
    r"</?(a|abbr|b|big|blockquote|br|center|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|li|mark|ol|p|pre|s|section|small"
    r"|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul|wbr)(?:[\s/][^<>]{0,500})?>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--[^<>]{0,500}-->")
_INLINE = frozenset(
    {"a", "abbr", "b", "big", "em", "font", "i", "ins", "mark", "s", "small", "span", "strike", "strong", "sub", "sup",
     "tt", "u", "wbr"}
)  # fmt: skip
# Hyphenation of honest web pages leaves it behind, so it is no trick.
_SOFT_HYPHEN = "\u00ad"
# Neither are joiners in Arabic and Indian words, and the breaks between words from Thailand to Cambodia.
_HONEST_HIDDEN = re.compile(
    f"{_SOFT_HYPHEN}|(?<=[\u0600-\u06ff\u0900-\u0dff])[\u200c\u200d]|(?<=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b"
)
SIGNS_FOR_LETTERS = "@$€|!¡"
"""Signs that stand for a letter inside of a word."""
# Digits and signs by the letter that they look like; 1 is l, and i becomes l too (`skeleton`).
_LEET = str.maketrans("0123456789@$€|!¡", "olzeasgtbgaselll")
_SIGNS = frozenset(SIGNS_FOR_LETTERS)
# Letters in circles and squares, and the estimated sign: Unicode calls them symbols, so they would part words.
_ENCLOSED = {
    start + i: chr(ord(first) + i)
    for start, first in ((0x24B6, "A"), (0x24D0, "a"), (0x1F130, "A"), (0x1F150, "A"), (0x1F170, "A"))
    for i in range(26)
} | {0x212E: "e"}


def fold(text: str) -> str:
    """Return the letters and digits alone: compatibility forms unified, no case, accents or punctuation.

    Example:
        >>> fold("Crème-Brûlée No. 5")
        'cremebruleeno5'
    """
    text = shown(text)
    if text.isascii():
        return text.lower() if text.isalnum() else "".join(filter(str.isalnum, text.lower()))
    return "".join(c for c in decomposed(unstacked(text)) if c.isalnum() or c in VOWEL_SIGNS)


def caseless(text: str) -> str:
    r"""Return the text without case, accents, hidden characters and runs of white space; words and signs stay apart.

    Example:
        >>> caseless("Für  den Łucznik,\tKılıf")
        'fur den lucznik, kilif'
    """
    return " ".join(bare(unstacked(text)).split())


def unescape(text: str) -> str:
    """Return the text with HTML's character references as characters, even if it was escaped two or three times.

    Only certain references count: with a semicolon, a number, or one of the commonest names. No text grows.

    Example:
        >>> unescape("Levi&amp;#39;s H&amp;M, R&D &copyright")
        "Levi's H&M, R&D &copyright"
    """
    for _ in range(_MAX_ESCAPES):
        if "&" not in text:
            break
        before, text = text, _REFERENCE.sub(lambda match: html.unescape(match[0]), text)
        if text == before:
            break
    return text


def shown(text: str) -> str:
    """Return the text as a web page shows it: unescaped, with a space for each tag that parts words.

    Tags that do not part words, as in "Ni<b>ke</b>", become zero-width spaces, so that what they hide is visible to
    `tricks`.
    """
    text = unescape(text)
    return _COMMENT.sub(" ", _TAG.sub(_untagged, text)) if "<" in text else text


def _untagged(tag: re.Match[str]) -> str:
    return "\u200b" if tag[1].lower() in _INLINE else " "


@cache
def _confusables() -> dict[str, str]:
    """Return letters beyond ASCII with the folded ASCII letter or digit that each looks like."""
    raw = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    lookalikes: dict[str, str] = {}
    for letter, others in raw.items():
        if len(letter) == 1 and not letter.isascii():
            latin = [f for f in (fold(other["c"]) for other in others) if len(f) == 1 and f.isascii()]
            if latin:
                lookalikes[letter] = latin[0]
    return lookalikes


@lru_cache(maxsize=4096)
def _plain_letter(letter: str) -> str:
    """Return the ASCII letter that a letter looks like, else its fold; a small letter may pass for its capital."""
    folded = fold(letter)
    if folded.isascii():
        return folded
    table = _confusables()
    for form in (letter, letter.swapcase(), folded, folded.upper()):
        if form in table:
            return table[form]
    return folded


def unenclosed(text: str) -> str:
    """Return the text with letters in circles and squares as letters; it keeps its length."""
    return text if text.isascii() else text.translate(_ENCLOSED)


def plain(text: str) -> str:
    """Return the fold with each letter of another script replaced by the Latin letter that it looks like, if any.

    Signs that stand for letters ("adida$") are kept.
    """
    if text.isascii():
        return "".join(c for c in text.lower() if c.isalnum() or c in _SIGNS)
    text = unicodedata.normalize("NFC", unstacked(text))
    return "".join(c if c in _SIGNS else _plain_letter(c) for c in text)


def skeleton(plain_text: str) -> str:
    """Return the deep fold of a text's `plain` form: digits and signs as letters, i as l, rn as m, vv as w.

    Names and text go through it alike. Texts with one skeleton look alike; they need not mean the same ("corn", "com").
    """
    letters = plain_text.translate(_LEET).replace("i", "l")
    return letters.replace("rn", "m").replace("vv", "w")


def is_foreign(text: str) -> bool:
    """Return whether the text is honestly in another script: most letters are not Latin, and some do not look Latin."""
    if text.isascii():
        return False
    letters = [c for c in text if c.isalpha()]
    other = [c for c in letters if not c.isascii() and not fold(c).isascii()]
    return 2 * len(other) > len(letters) and not _confusables().keys() >= set(other)


def tricks(spelling: str, name: str) -> tuple[str, ...]:
    """Return what was done to the spelling of a registered name, in words; empty for an honest spelling.

    Args:
        spelling: The spelling as it stands in the text; it has the skeleton of the name.
        name: The folded name.
    """
    done = []
    if HIDDEN.search(_HONEST_HIDDEN.sub("", spelling)):
        done.append("invisible characters inside")
    bare = unenclosed(spelling)
    folded, plain_text, plain_name = fold(bare), plain(bare), plain(name)
    if bare != spelling or _styled(spelling) or (folded != name and _without_signs(plain_text) != folded):
        done.append("letters of another script or style")
    if folded != name:
        if _digits(plain_text) != _digits(plain_name) or any(c in _SIGNS for c in plain_text):
            done.append("digits or signs for letters")
        text_letters, name_letters = plain_text.translate(_LEET), plain_name.translate(_LEET)
        if text_letters.replace("i", "l") != name_letters.replace("i", "l"):
            done.append("rn for m or vv for w")
        elif not done:
            done.append("l for i")
    return tuple(done)


def _without_signs(read: str) -> str:
    return "".join(c for c in read if c.isalnum())


def _digits(read: str) -> str:
    return "".join(c for c in read if c.isdigit())


def _styled(spelling: str) -> bool:
    """Return whether single letters have a style of their own (bold, circled, wide), and not the whole in one width.

    East Asian sellers write whole names in wide letters, so that is honest; a ligature is two letters and honest too.
    """
    if spelling.isascii():
        return False
    odd = [c for c in spelling if c.isalnum() and not c.isascii() and _is_styled(c)]
    wide = all("！" <= c <= "～" for c in odd) and not any(c.isascii() and c.isalnum() for c in spelling)
    return bool(odd) and not wide


def _is_styled(letter: str) -> bool:
    unified = unicodedata.normalize("NFKC", letter)
    return unified != letter and len(unified) == 1 and unified.isascii() and unified.isalnum()


def disguised_distance(spelling: str, name: str) -> float:
    """Return 1 minus the normalised similarity of a disguise, as it stands in the text, and the folded name; above
    0.
    """
    letters = [
        c
        for c in unicodedata.normalize("NFC", unstacked(spelling)).lower()
        if c.isalnum() or c in _SIGNS or (c != _SOFT_HYPHEN and HIDDEN.match(c))
    ]
    return float(Levenshtein.normalized_distance("".join(letters), name)) or 1.0 / len(name)

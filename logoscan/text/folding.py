"""Two foldings of text, for comparison: a strict one, and a deep one that undoes disguises.

Knows letters; knows no names. What looks like a Latin letter is said by Unicode's confusables table, as the package
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

__all__ = ["INVISIBLE", "SIGNS_FOR_LETTERS", "caseless", "disguised_distance", "fold", "is_foreign", "is_turkish",
           "plain", "shown", "skeleton", "tricks", "unenclosed", "unescape", "unstacked"]  # fmt: skip

_MARKS = dict.fromkeys(map(ord, "™®©℠")) | dict.fromkeys([*range(0x2B9, 0x2C0), 0x2C8, 0x2EE])
"""Trademark signs are no letters of the name, NFKC would spell some out; nor are apostrophes that Unicode calls letters
(the one of "Leviʼs")."""
_WHOLE = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŋ": "n", "ŧ": "t", "ı": "i"}
)
"""Letters of living languages that no normal form takes apart, as those who lack the key write them; ß is casefold's.
The old ĸ and ſ are not among them: nobody writes them today but to look like k and s."""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, as the inside of a character class."""
_HIDDEN = re.compile(f"[{INVISIBLE}]")
_ESCAPED = 3
"""Times that a text may have been escaped: once by each of a shop, its feed and who took it over."""
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
_LETTERS = re.compile(r"[^\W\d_]+")
_TURKISH_LETTER = re.compile("[şŞğĞİı]")
_TURKISH = frozenset(
    {"için", "ve", "ile", "çanta", "ürün", "yeni", "orijinal", "orjinal", "erkek", "kadın", "çocuk", "bayan", "gömlek",
     "mont", "ceket", "pantolon", "elbise", "kazak", "beden", "kargo", "indirim", "siyah", "beyaz", "mavi", "spor",
     "giyim", "masa", "marka", "fiyat", "adet", "renk"}
)  # fmt: skip
"""Letters that none of our other languages has, and words of Turkish listings; "mont" is a coat."""
_SOFT_HYPHEN = "\u00ad"
"""Hyphenation of honest web pages leaves it behind, so it is no trick."""
SIGNS_FOR_LETTERS = "@$€|!¡"
"""Signs that stand for a letter inside of a word."""
_LEET = str.maketrans("0123456789@$€|!¡", "olzeasgtbgaselll")
"""Digits and signs by the letter that they are drawn like; 1 is l, and i becomes l too, see `skeleton`."""
_STACKED = 256
_SIGNS = frozenset(SIGNS_FOR_LETTERS)
_ENCLOSED = {
    start + i: chr(ord(first) + i)
    for start, first in ((0x24B6, "A"), (0x24D0, "a"), (0x1F130, "A"), (0x1F150, "A"), (0x1F170, "A"))
    for i in range(26)
} | {0x212E: "e"}
"""Letters in circles and squares, and the estimated sign: symbols to Unicode, so that they would part words."""


def fold(text: str) -> str:
    """Letters and digits alone: compatibility forms unified, no case, accents or punctuation; for comparison.

    Example:
        >>> fold("Crème-Brûlée No. 5")
        'cremebruleeno5'
    """
    text = shown(text)
    if text.isascii():
        return text.lower() if text.isalnum() else "".join(filter(str.isalnum, text.lower()))
    bare = unstacked(text).translate(_MARKS)
    unified = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", bare).casefold())
    return "".join(c for c in unified.translate(_WHOLE) if c.isalnum())


def caseless(text: str) -> str:
    r"""The text without case, accents, hidden characters and runs of white space; its words and signs stay apart.

    Example:
        >>> caseless("Für  den Łucznik,\tKılıf")
        'fur den lucznik, kilif'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    unified = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", unstacked(text).translate(_MARKS)).casefold())
    bare = "".join(c for c in unified.translate(_WHOLE) if not "\u0300" <= c <= "\u036f")
    return " ".join(unicodedata.normalize("NFC", _HIDDEN.sub("", bare)).split())


def unescape(text: str) -> str:
    """The text with HTML's character references as characters, also where it was escaped two or three times.

    Only what is surely one counts: with its semicolon, a number, or one of the commonest names. No text grows.

    Example:
        >>> unescape("Levi&amp;#39;s H&amp;M, R&D &copyright")
        "Levi's H&M, R&D &copyright"
    """
    for _ in range(_ESCAPED):
        if "&" not in text:
            break
        before, text = text, _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
        if text == before:
            break
    return text


def shown(text: str) -> str:
    """The text as a web page shows it: unescaped, with a space for each tag that parts words.

    Tags that do not part them, as in "Ni<b>ke</b>", become zero-width spaces: what they hide is then seen.
    """
    text = unescape(text)
    return _COMMENT.sub(" ", _TAG.sub(_untagged, text)) if "<" in text else text


def _untagged(found: re.Match[str]) -> str:
    return "\u200b" if found[1].lower() in _INLINE else " "


def is_turkish(spelling: str, text: str) -> bool:
    """Whether a dotless i in a spelling is Turkish rather than a disguise ("Nıke replica").

    It is where another word of the text is Turkish or has one, too, and where all of several i are dotless, as when
    WAIKIKI is written small by the rules of Turkish.
    """
    if spelling.count("ı") > 1 and "i" not in spelling:
        return True
    return bool(_turkish_words(text) - set(_LETTERS.findall(spelling)))


@lru_cache(maxsize=8)
def _turkish_words(text: str) -> frozenset[str]:
    words = set(_LETTERS.findall(text))
    return frozenset(w for w in words if _TURKISH_LETTER.search(w) or w.casefold() in _TURKISH)


def unstacked(text: str) -> str:
    """A text without combining marks where it is long enough for thousands of them on one letter, else as it is.

    Unicode's normal forms sort the marks of a letter, in a time that grows with the square of their number.
    """
    if len(text) <= _STACKED or text.isascii():
        return text
    return "".join(c for c in text if not unicodedata.combining(c))


@cache
def _table() -> dict[str, str]:
    """Letters beyond ASCII by the folded ASCII letter or digit that they look like."""
    raw = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    drawn_like: dict[str, str] = {}
    for letter, others in raw.items():
        if len(letter) == 1 and not letter.isascii():
            latin = [f for f in (fold(other["c"]) for other in others) if len(f) == 1 and f.isascii()]
            if latin:
                drawn_like[letter] = latin[0]
    return drawn_like


@lru_cache(maxsize=4096)
def _plain_letter(letter: str) -> str:
    """The ASCII letter that a letter looks like, else its fold; a small letter may pass for its capital."""
    folded = fold(letter)
    if folded.isascii():
        return folded
    table = _table()
    for form in (letter, letter.swapcase(), folded, folded.upper()):
        if form in table:
            return table[form]
    return folded


def unenclosed(text: str) -> str:
    """The text with letters in circles and squares as letters; as long as before."""
    return text if text.isascii() else text.translate(_ENCLOSED)


def plain(text: str) -> str:
    """The fold with each letter of another script replaced by the Latin one that it looks like, where there is one.

    Signs that stand for letters ("adida$") are kept.
    """
    if text.isascii():
        return "".join(c for c in text.lower() if c.isalnum() or c in _SIGNS)
    text = unicodedata.normalize("NFC", unstacked(text))
    return "".join(c if c in _SIGNS else _plain_letter(c) for c in text)


def skeleton(plain_text: str) -> str:
    """The deep fold of a text's `plain` form: digits and signs as letters, i as l, rn as m, vv as w.

    Names and text go through it alike. Texts of one skeleton look alike; they need not mean the same ("corn", "com").
    """
    letters = plain_text.translate(_LEET).replace("i", "l")
    return letters.replace("rn", "m").replace("vv", "w")


def is_foreign(text: str) -> bool:
    """Whether the text is honestly in another script: most letters are not Latin, and some do not even look so."""
    if text.isascii():
        return False
    letters = [c for c in text if c.isalpha()]
    other = [c for c in letters if not c.isascii() and not fold(c).isascii()]
    return 2 * len(other) > len(letters) and not _table().keys() >= set(other)


def tricks(spelling: str, name: str) -> tuple[str, ...]:
    """What was done to a registered name's spelling, in words; empty where it is spelt honestly.

    Args:
        spelling: As it stands in the text; its skeleton is the name's.
        name: Folded.
    """
    found = []
    if _HIDDEN.search(spelling.replace(_SOFT_HYPHEN, "")):
        found.append("invisible characters inside")
    bare = unenclosed(spelling)
    folded, read, known = fold(bare), plain(bare), plain(name)
    if bare != spelling or _styled(spelling) or (folded != name and _without_signs(read) != folded):
        found.append("letters of another script or style")
    if folded != name:
        if _digits(read) != _digits(known) or any(c in _SIGNS for c in read):
            found.append("digits or signs for letters")
        ours, theirs = read.translate(_LEET), known.translate(_LEET)
        if ours.replace("i", "l") != theirs.replace("i", "l"):
            found.append("rn for m or vv for w")
        elif not found:
            found.append("l for i")
    return tuple(found)


def _without_signs(read: str) -> str:
    return "".join(c for c in read if c.isalnum())


def _digits(read: str) -> str:
    return "".join(c for c in read if c.isdigit())


def _styled(spelling: str) -> bool:
    """Whether single letters are drawn in a style of their own (bold, circled, wide), and not the whole in one width.

    East Asian sellers write whole names in wide letters, so that is honest; a ligature is two letters and honest too.
    """
    if spelling.isascii():
        return False
    odd = [c for c in spelling if c.isalnum() and not c.isascii() and _is_styled(c)]
    wide = all("！" <= c <= "～" for c in spelling if c.isalnum())
    return bool(odd) and not wide


def _is_styled(letter: str) -> bool:
    unified = unicodedata.normalize("NFKC", letter)
    return unified != letter and len(unified) == 1 and unified.isascii() and unified.isalnum()


def disguised_distance(spelling: str, name: str) -> float:
    """1 minus the normalised similarity of a disguise, as it stands there, and the folded name; above 0."""
    seen = [
        c
        for c in unicodedata.normalize("NFC", unstacked(spelling)).lower()
        if c.isalnum() or c in _SIGNS or (c != _SOFT_HYPHEN and _HIDDEN.match(c))
    ]
    return float(Levenshtein.normalized_distance("".join(seen), name)) or 1.0 / len(name)

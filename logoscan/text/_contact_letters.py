"""Undo the disguises in which contacts come, and remember where each letter stood.

Digits of every script, in circles and on key caps, in words ("zero eight") and in Chinese; letters that only look Latin
inside of a Latin word; characters that nobody sees.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from logoscan.text.letters import HIDDEN

__all__ = ["Plain", "plain_letters"]

# The frame of a key cap, which follows a digit.
_KEY_CAP = "\u20e3"
# Cyrillic and Greek letters that look like a Latin one; applied inside of words that hold a Latin letter or a digit.
_LOOKALIKES = str.maketrans("асеіјорԛѕԝхуқкмтнвгԁɡαβεικνορτυχ", "aceijopqswxykkmthbrdgabeiknoptux")
_MIXED_WORD = re.compile(r"(?<![^\W\d_])(?=[^\W\d_]*[a-z])(?=[a-z]*[^\W\d_a-z])[^\W\d_]+")
_HAN_DIGITS = str.maketrans("零〇一二三四五六七八九幺壹贰貳叁參肆伍陆陸柒捌玖", "001234567891122334566789")
_HAN_RUN = re.compile(r"[0-9零〇一二三四五六七八九幺壹贰貳叁參肆伍陆陸柒捌玖]{6,}")
_NUMBER_WORDS = {
    word: digit
    for digit, words in enumerate(
        (
            "zero null cero zéro oh",
            "one eins uno un",
            "two zwei dos deux",
            "three drei tres trois",
            "four vier cuatro quatre",
            "five fünf cinco cinq",
            "six sechs seis",
            "seven sieben siete sept",
            "eight acht ocho huit",
            "nine neun nueve neuf",
        )
    )
    for word in words.split()
}
_WORD = "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
# A run of digits in words, perhaps with some in figures between: at least six, as no honest sentence has.
_WORD_RUN = re.compile(rf"(?<![^\W_])(?:(?:{_WORD})(?![^\W\d_])[\s,.\-]{{0,3}}|[0-9][\s\-]{{0,2}}){{6,20}}")
_ONE_WORD = re.compile(_WORD)
_ONE_DIGIT = re.compile(rf"{_WORD}|[0-9]")
# Letters in place of digits, between digits: "O85O 123". What is looked for ahead is bounded, or time would grow with
# the square of the text.
_FALSE_DIGITS = str.maketrans("oil|", "0111")
_FALSE_RUN = re.compile(
    r"(?<![a-z0-9])(?=(?:[+( .)\-oil|]{0,30}[0-9]){5})[+(]{0,2}[0-9oil|](?:[ .()-]?[0-9oil|]){6,15}(?![a-z0-9])"
)


@dataclass(frozen=True)
class Plain:
    """A text without its disguises.

    Attributes:
        text: In small letters.
        begins: Where each of its characters begins in the text as it was.
        ends: Where each of its characters ends there, with what is drawn around it.
    """

    text: str
    begins: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of `text` stands in the text as it was."""
        return self.begins[start], self.ends[end - 1]


def plain_letters(text: str) -> Plain:
    """Return a text without disguises."""
    if text.isascii():
        letters, begins = list(text.lower()), list(range(len(text)))
        ends = list(range(1, len(text) + 1))
    else:
        letters, begins, ends = [], [], []
        for i, char in enumerate(text):
            spelt = _letters(char)
            letters += spelt
            begins += [i] * len(spelt)
            ends += [i + 1] * len(spelt)
            if not spelt and ends:  # a key cap around a digit
                ends[-1] = i + 1
    plain = "".join(letters)
    if not plain.isascii():
        plain = _MIXED_WORD.sub(lambda m: m[0].translate(_LOOKALIKES), plain)
        plain = _HAN_RUN.sub(lambda m: m[0].translate(_HAN_DIGITS), plain)
    plain = _FALSE_RUN.sub(lambda m: m[0].translate(_FALSE_DIGITS), plain)
    return _without_words(plain, begins, ends)


@lru_cache(maxsize=4096)
def _letters(char: str) -> str:
    if HIDDEN.match(char) or char == _KEY_CAP:
        return ""
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    return "".join(c for c in unicodedata.normalize("NFKC", char).casefold() if not unicodedata.combining(c))[:4]


def _without_words(plain: str, begins: list[int], ends: list[int]) -> Plain:
    """Return a text with digits that are spelt out as digits."""
    out, first, last, done = "", list[int](), list[int](), 0
    for run in _WORD_RUN.finditer(plain):
        if len(_ONE_WORD.findall(run[0])) < 4:
            continue
        out += plain[done : run.start()]
        first += begins[done : run.start()]
        last += ends[done : run.start()]
        done = run.start() + len(run[0].rstrip(" ,.-\t\n"))
        for part in _ONE_DIGIT.finditer(plain, run.start(), done):
            if part[0].isdigit() and plain[part.start() - 1].isspace():  # "eight 50 ml": a size stands beside it
                out += " "
                first.append(begins[part.start()])
                last.append(ends[part.start()])
            out += str(_NUMBER_WORDS.get(part[0], part[0]))
            first.append(begins[part.start()])
            last.append(ends[part.end() - 1])
    return Plain(out + plain[done:], first + begins[done:], last + ends[done:])

"""Values of any kind as the texts and numbers of a listing, repaired where nothing has to be guessed.

A number where a text is expected becomes its text, a number in a text becomes the number, HTML entities become their
letters. Knows values; knows no field and no file.
"""

from __future__ import annotations

import html
import json
import math
import re
from datetime import date, datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NoReturn
from uuid import UUID

from logoscan._quote import cause, quoted

__all__ = [
    "NotReadableError",
    "Quoted",
    "Unreadable",
    "loads",
    "plain_number",
    "read_text",
    "refuse",
    "replace_surrogates",
    "text_of",
    "unescape",
]

# Texts that two exports escaped one after the other exist; one that was escaped more often was so on purpose.
_MOST_ESCAPES = 3
# Python refuses to read numbers of more than 4,300 digits, and no character has a number of more than 7.
_LONG_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{9,}|[0-9]{9,});?")
_LEADING_ZEROS = re.compile(r"&#([xX]?)0+(?=[0-9a-fA-F])")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
# Lone surrogates that do not stand for a byte of a file (U+DC80 to U+DCFF do): somebody wrote half a character.
_NO_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
# Whole numbers up to it are exact as floats: tables store numbered ids as floats where some row has none.
_MOST_EXACT = 2.0**53


# -- values that cannot be read


class Unreadable:
    """Stands in the place of a value that the library which reads a file cannot give to Python."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        self.why = why

    def __repr__(self) -> str:
        return f"a value that cannot be read ({cause(self.why)})"


class NotReadableError(Exception):
    """A value is not of its field's kind. The text is made when it is asked for: a list may hold a million of them."""

    def __str__(self) -> str:
        expected, got = self.args
        return f"expected {expected}, got {got if isinstance(got, Quoted) else quoted(got)}"


class Quoted(str):
    """A description of what came, for errors, in place of the value itself."""


def refuse(expected: str, got: object) -> NoReturn:
    """Raise a `NotReadableError`."""
    raise NotReadableError(expected, got)


# -- texts


def unescape(text: str) -> str:
    """Return a text with its HTML entities decoded, up to three times while that changes it."""
    for _ in range(_MOST_ESCAPES):
        if "&" not in text:
            break
        decoded = html.unescape(_LONG_REFERENCE.sub("\ufffd", _LEADING_ZEROS.sub(r"&#\1", text)))
        if decoded == text:
            break
        text = decoded
    return text


def replace_surrogates(text: str) -> str:
    """Return a text with U+FFFD in place of lone surrogates: halves of characters, and bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def text_of(value: object) -> str:
    """Return the text of a value that has exactly one: a text, bytes, a date, a UUID or a finite number.

    Raises:
        NotReadableError: It is something else.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray)):  # as some programs write texts to Parquet
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)):
        refuse("a text", value)
    try:
        if isinstance(value, Integral):
            return str(int(value))
        number = float(value)
    except (ValueError, OverflowError):  # more digits than Python prints, a signalling NaN, a huge fraction
        refuse("a text", value)
    if not math.isfinite(number):
        refuse("a text", value)
    if number.is_integer() and abs(number) < _MOST_EXACT:
        return str(int(number))
    return str(value) if isinstance(value, Decimal) else str(number)


def read_text(value: object, *, decode: bool) -> tuple[str, str | None]:
    """Return the text of a value, and a note on what of it was replaced, None where nothing was.

    Args:
        value: A value that has exactly one text.
        decode: Decode HTML entities.

    Raises:
        NotReadableError: The value has no text.
    """
    raw = text_of(value)
    if raw.isascii() and "&" not in raw:
        return raw, None
    text = replace_surrogates(raw)
    replaced = text.count("\ufffd") - raw.count("\ufffd")
    kind = "UTF-8" if replaced and not _NO_BYTES.search(raw) else "Unicode text"
    note = f"expected {kind}, got {quoted(raw)}; {replaced} of it replaced by U+FFFD" if replaced else None
    return unescape(text) if decode else text, note


# -- numbers and JSON


def plain_number(text: str) -> float | None:
    """Return the number that a text plainly states, as "19.99" does; None for "12,50", "1.234,56", "9 EUR", "nan".

    A number beyond what a float holds is infinite.
    """
    text = text.strip()
    return float(text) if _PLAIN_NUMBER.fullmatch(text) else None


def loads(text: str) -> Any:
    """Return the value of a JSON text; a number of more digits than Python reads stays a text.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    return _JSON.decode(text)


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


_JSON = json.JSONDecoder(parse_int=_integer)

"""One row of a file, a table or a service -> a Listing: a field that cannot be read costs that field, and is told.

What can be repaired without guessing is repaired: a number where a text is expected becomes its text, a number in a
text becomes the number, HTML entities become their letters. Knows values; knows no file.
"""

from __future__ import annotations

import html
import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import numpy as np
from PIL import Image

from logoscan.errors import InputError
from logoscan.types import ImageSource, Listing

__all__ = ["FIELDS", "BadRow", "Unreadable", "field_of", "loads", "plain_number", "to_listing", "unescape", "whole"]

FIELDS = tuple(f.name for f in fields(Listing) if f.name != "dropped")
"""The fields that a source states. What was dropped is what a reader says, no source."""

_DROPPED = "the field was dropped"
_DECODED = frozenset({"title", "description", "claimed_brand", "category", "condition"})
"""Texts that marketplaces show as HTML; attributes and reviews are decoded too."""
# A text that was escaped twice by two exports is met; one that was escaped more often was so on purpose.
_MOST_ROUNDS = 3
# Python refuses to read numbers of more than 4,300 digits, and no character has a number of more than 7.
_LONG_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{9,}|[0-9]{9,});?")
_LEADING_ZEROS = re.compile(r"&#([xX]?)0+(?=[0-9a-fA-F])")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
# Lone surrogates that no byte of a file stands behind: somebody wrote half a character.
_OTHER_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
# As in `Listing`.
_MOST_PRICE = 1e12
# Whole numbers up to it stand exactly in a float: tables keep numbered ids so where some row has none.
_MOST_EXACT = 2.0**53

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80
_short.maxlevel = 2
_short.maxlist = _short.maxtuple = _short.maxdict = 3


@dataclass(frozen=True)
class BadRow:
    """A row that is no listing: where it stands (the last line of a CSV row, a photo's position) and why.

    Attributes:
        line: Where it stands; the first line of a CSV row whose quotes do not end, the first row of several.
        reason: What was expected, and what came.
        rows: The rows that are lost here: more than one where a part of a file cannot be read.
    """

    line: int
    reason: str
    rows: int = 1


class Unreadable:
    """A value that the library which reads a file cannot give to Python; it stands in its place."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        self.why = why

    def __repr__(self) -> str:
        return f"a value that cannot be read ({self.why:.100})"


class _NotReadableError(Exception):
    """A value is not of its field's kind. Puts it into words when asked: a list may hold a million of them."""

    def __str__(self) -> str:
        expected, got = self.args
        return f"expected {expected}, got {got if isinstance(got, _Said) else _shown(got)}"


class _Said(str):
    """What came, in words already."""


def _refuse(expected: str, got: object) -> NoReturn:
    raise _NotReadableError(expected, got)


def _shown(value: object) -> str:
    """A value for a message, whatever it is: short, and without lone surrogates."""
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    try:
        shown = str(value) if isinstance(value, float) else _short.repr(value)
    except Exception as error:  # a number that Python does not print, a stranger's __repr__
        shown = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return shown[:120].encode(errors="backslashreplace").decode()


# -- texts and numbers


def unescape(text: str) -> str:
    """A text with its HTML entities decoded, up to three times while that changes it."""
    for _ in range(_MOST_ROUNDS):
        if "&" not in text:
            break
        decoded = html.unescape(_LONG_REFERENCE.sub("\ufffd", _LEADING_ZEROS.sub(r"&#\1", text)))
        if decoded == text:
            break
        text = decoded
    return text


def whole(text: str) -> str:
    """A text in which halves of characters (lone surrogates, bytes that are not UTF-8) are U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def plain_number(text: str) -> float | None:
    """The number that a text plainly states, as "19.99" does; None for "12,50", "1.234,56", "9 EUR", "nan".

    A number beyond what a float holds is infinite.
    """
    text = text.strip()
    return float(text) if _PLAIN_NUMBER.fullmatch(text) else None


def loads(text: str) -> Any:
    """JSON of a row; a number of more digits than Python reads stays a text.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is too deep.
    """
    return _JSON.decode(text)


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


_JSON = json.JSONDecoder(parse_int=_integer)


def _text(value: object) -> str:
    """The text of a value that has exactly one."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray)):  # as some programs write texts to Parquet
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)):
        _refuse("a text", value)
    try:
        if isinstance(value, Integral):
            return str(int(value))
        number = float(value)
    except (ValueError, OverflowError):  # more digits than Python prints, a signalling NaN, a huge fraction
        _refuse("a text", value)
    if not math.isfinite(number):
        _refuse("a text", value)
    if number.is_integer() and abs(number) < _MOST_EXACT:
        return str(int(number))
    return str(value) if isinstance(value, Decimal) else str(number)


def _told_text(value: object, *, decode: bool) -> tuple[str, str | None]:
    """A text, and what of it was replaced."""
    raw = _text(value)
    if raw.isascii() and "&" not in raw:
        return raw, None
    text = whole(raw)
    bad = text.count("\ufffd") - raw.count("\ufffd")
    kind = "UTF-8" if bad and not _OTHER_HALVES.search(raw) else "Unicode text"
    note = f"expected {kind}, got {_shown(raw)}; {bad} of it replaced by U+FFFD" if bad else None
    return unescape(text) if decode else text, note


# -- the fields


_Read = tuple[Any, str | None]
"""A field's value, None where it says nothing, and what of it was dropped."""


def _identity(value: object) -> str:
    if value is None:
        _refuse("a non-empty string", _Said("nothing"))
    try:
        text = _text(value)
    except _NotReadableError:
        _refuse("a non-empty string", value)
    if not text.strip():
        _refuse("a non-empty string", value)
    if whole(text) != text:
        _refuse("Unicode text", _Said(f"a lone surrogate in {_shown(text)}"))
    return text


def _price(value: object) -> _Read:
    number: float | None = None
    if isinstance(value, str):
        if not value.strip():
            return None, None
        number = plain_number(value)
    elif isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        except ValueError:  # a signalling NaN
            number = math.nan
    if number is None:
        _refuse("a number", value)
    if not 0.0 <= number <= _MOST_PRICE:
        _refuse(f"a finite number in [0, {_MOST_PRICE:g}]", value if isinstance(value, str) else number)
    return abs(number), None  # without the sign of -0.0


def _currency(value: object) -> _Read:
    code = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not code:
        return None, None
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        _refuse("a three-letter ISO 4217 code", value)
    return code.upper(), None


def _listed_at(value: object) -> _Read:
    stated = value.isoformat() if isinstance(value, date) else value.strip() if isinstance(value, str) else None
    if stated == "":
        return None, None
    try:
        if stated is None:
            raise ValueError
        datetime.fromisoformat(stated)
    except ValueError:
        _refuse("an ISO 8601 date or time", value)
    return stated, None


def _items(value: object) -> list[Any] | None:
    """The items of what is a list, in a file or in a table of pandas or Arrow; None for what is none."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return list(value.ravel())
    return list(value) if isinstance(value, (list, tuple)) else None


def _kept(items: list[Any], read: Callable[[Any], _Read], expected: str) -> tuple[tuple[Any, ...], str | None]:
    """The items that can be read, and what became of the others."""
    out: list[Any] = []
    first, bad = "", 0
    for number, item in enumerate(items, 1):
        try:
            one, note = read(item)
            out.append(one)
            became = f"as number {number}; a part of it replaced by U+FFFD" if note else ""
        except _NotReadableError:
            became = f"as number {number}; it was dropped"
        if became:
            bad += 1
            first = first or f"expected {expected}, got {_shown(item)} {became}"
    more = f" (so were {bad - 1} more)" if bad > 1 else ""
    return tuple(out), f"{first}{more}" if bad else None


def _image(value: object, *, pictures: bool) -> _Read:
    if isinstance(value, (bytes, bytearray)) and not pictures:
        value = _text(value)  # a file's name, as some programs write texts to Parquet; a photo is no text
    if isinstance(value, (str, Path)) and whole(str(value)) == str(value):
        return value, None
    if pictures and isinstance(value, (bytes, Image.Image, np.ndarray)):
        return value, None
    _refuse("a file name", value)


def _images(value: object, *, pictures: bool) -> _Read:
    if isinstance(value, str) and not value:
        return None, None
    items = _items(value)
    if items is None:
        image: ImageSource = _image(value, pictures=pictures)[0]
        return (image,), None
    return _kept(items, partial(_image, pictures=pictures), "file names")


def _reviews(value: object) -> _Read:
    if isinstance(value, str) and not value.strip():
        return None, None
    items = _items(value)
    return _kept([value] if items is None else items, partial(_told_text, decode=True), "texts")


def _attributes(value: object) -> _Read:
    stated = value
    if isinstance(value, str):
        if not value.strip():
            return None, None
        try:
            stated = loads(value)
        except (ValueError, RecursionError):
            _refuse("names and their texts (a JSON object)", value)
    if isinstance(stated, Mapping):
        pairs = list(stated.items())
    elif isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        pairs = value  # so does Arrow's map arrive
    else:
        _refuse("names and their texts (a JSON object)", value)
    kept, note = _kept([pair for pair in pairs if pair[1] is not None], _attribute, "texts by their names")
    return dict(kept), note  # a struct has the fields of all rows: what is null there was not stated


def _attribute(pair: tuple[object, object]) -> _Read:
    (name, note), (text, more) = _told_text(pair[0], decode=True), _told_text(pair[1], decode=True)
    return (name, text), note or more


def _plain(value: object) -> _Read:
    return _told_text(value, decode=False)


_READERS: dict[str, Callable[[Any], _Read]] = {
    **dict.fromkeys(FIELDS, _plain),
    **dict.fromkeys(_DECODED, partial(_told_text, decode=True)),
    "price": _price,
    "currency": _currency,
    "listed_at": _listed_at,
    "reviews": _reviews,
    "attributes": _attributes,
}


def field_of(name: object) -> str | None:
    """The field that a column or a key means, in whatever case it is written; None for none of ours."""
    folded = name.strip().casefold() if isinstance(name, str) else ""
    return folded if folded in _READERS else None


def _stated(values: Mapping[Any, Any]) -> dict[str, Any]:
    """By the fields' names; a name as it is goes before one in another case."""
    known = {name: values[name] for name in FIELDS if name in values}
    if len(known) < len(values):
        for key in values:
            if key not in known and (name := field_of(key)) and name not in known:
                known[name] = values[key]
    return known


def to_listing(values: Mapping[str, Any], line: int = 1, *, pictures: bool = True) -> Listing | BadRow:
    """A listing of one row, however a stranger wrote it: a field that cannot be read costs that field alone.

    Such a field is absent, or keeps what of it could be read, and `Listing.dropped` says what came. Repaired without a
    word are: numbers where texts are expected (300 is "300"), plain numbers in texts ("19.99"), one image or review
    that is no list, attributes as a text of JSON, and HTML entities. A claimed brand, a currency or a date that is
    none is dropped, never guessed.

    Args:
        values: By the names of a Listing's fields, in any case; others are ignored, null is absent.
        line: Where the row stands, for the message.
        pictures: Images may be pictures themselves (bytes, PIL images, arrays); else they are file names alone.

    Returns:
        A BadRow only where there is no usable `id`, without which nothing could be told.
    """
    if not isinstance(values, Mapping):
        return BadRow(line, f"expected an object, got {type(values).__name__}")
    stated = _stated(values)
    kept: dict[str, Any] = {}
    dropped: dict[str, str] = {}
    try:
        kept["id"] = _identity(stated.pop("id", None))
    except _NotReadableError as error:
        return BadRow(line, f"id: {error}")
    for name, value in stated.items():
        if value is None or (pictures and isinstance(value, float) and math.isnan(value)):  # pandas' way to say absent
            continue
        try:
            read, note = _images(value, pictures=pictures) if name == "images" else _READERS[name](value)
        except _NotReadableError as error:
            dropped[name] = f"{error}; {_DROPPED}"
            continue
        if read is not None:
            kept[name] = read
        if note:
            dropped[name] = note
    try:
        return Listing(**kept, dropped=dropped)
    except InputError as error:  # none is known; whatever it is shall cost no other row
        return BadRow(line, str(error).removeprefix("Listing."))

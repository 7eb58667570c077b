"""One row of a file, a table or a service -> a Listing: a field that cannot be read costs that field, and is reported.

Knows the fields of a listing; knows no file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from logoscan._quote import quoted
from logoscan._validate import is_country, is_currency
from logoscan.errors import InputError
from logoscan.io.values import (
    NotReadableError,
    Quoted,
    Unreadable,
    loads,
    plain_number,
    read_text,
    refuse,
    replace_surrogates,
    text_of,
)
from logoscan.types import ImageSource, Listing

__all__ = ["FIELDS", "BadRow", "field_of", "to_listing"]

FIELDS = tuple(f.name for f in fields(Listing) if f.name != "dropped")
"""Names of the fields that a source states; `Listing.dropped` is written by the reader."""

# Texts that marketplaces show as HTML; attributes and reviews are decoded too.
_HTML_FIELDS = frozenset({"title", "description", "claimed_brand", "category", "condition"})
# The limit of `Listing.price`.
_MOST_PRICE = 1e12


@dataclass(frozen=True)
class BadRow:
    """A row that is no listing.

    Attributes:
        line: Position of the row: the last line of a CSV row, the first one where its quotes do not end; the position
            of a photo in its folder; the first row of several.
        reason: What was expected, and what came.
        rows: Number of rows that are lost here: more than one where a part of a file cannot be read.
    """

    line: int
    reason: str
    rows: int = 1


# -- the fields


# Names under which an object of a review has its text.
_REVIEW_TEXTS = ("text", "review", "body", "comment", "content", "review_text")
# The value of a field, None where it is empty; and a note on what of it was dropped, None where nothing was.
_Value = tuple[Any, str | None]


def _identity(value: object) -> str:
    if value is None:
        refuse("a non-empty string", Quoted("nothing"))
    try:
        text = text_of(value)
    except NotReadableError:
        refuse("a non-empty string", value)
    if not text.strip():
        refuse("a non-empty string", value)
    if replace_surrogates(text) != text:
        refuse("Unicode text", Quoted(f"a lone surrogate in {quoted(text)}"))
    return text


def _price(value: object) -> _Value:
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
        refuse("a number", value)
    if not 0.0 <= number <= _MOST_PRICE:
        refuse(f"a finite number in [0, {_MOST_PRICE:g}]", value if isinstance(value, str) else number)
    return abs(number), None  # without the sign of -0.0


def _currency(value: object) -> _Value:
    code = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not code:
        return None, None
    if not is_currency(code):
        refuse("a three-letter ISO 4217 code", value)
    return code.upper(), None


def _ships_from(value: object) -> _Value:
    code = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not code:
        return None, None
    if not is_country(code):
        refuse("a two-letter ISO 3166 code", value)
    return code.upper(), None


def _listed_at(value: object) -> _Value:
    stated = value.isoformat() if isinstance(value, date) else value.strip() if isinstance(value, str) else None
    if stated == "":
        return None, None
    try:
        if stated is None:
            raise ValueError
        datetime.fromisoformat(stated)
    except ValueError:
        refuse("an ISO 8601 date or time", value)
    return stated, None


def _items(value: object) -> list[Any] | None:
    """Return the items of a list, as files and tables of pandas or Arrow have it; None for what is no list."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return list(value.ravel())
    return list(value) if isinstance(value, (list, tuple)) else None


def _read_items(items: list[Any], read: Callable[[Any], _Value], expected: str) -> tuple[tuple[Any, ...], str | None]:
    """Return the items that can be read, and a note on the first of the others, None where all can be read."""
    out: list[Any] = []
    first, bad = "", 0
    for number, item in enumerate(items, 1):
        try:
            readable, note = read(item)
            out.append(readable)
            outcome = f"as number {number}; a part of it replaced by U+FFFD" if note else ""
        except NotReadableError:
            outcome = f"as number {number}; it was dropped"
        if outcome:
            bad += 1
            first = first or f"expected {expected}, got {quoted(item)} {outcome}"
    more = f" (so were {bad - 1} more)" if bad > 1 else ""
    return tuple(out), f"{first}{more}" if bad else None


def _image(value: object, *, pictures: bool) -> _Value:
    if isinstance(value, (bytes, bytearray)) and not pictures:
        value = text_of(value)  # a file's name, as some programs write texts to Parquet
    if isinstance(value, (str, Path)) and replace_surrogates(str(value)) == str(value):
        return value, None
    if pictures and isinstance(value, (bytes, Image.Image, np.ndarray)):
        return value, None
    refuse("a file name", value)


def _images(value: object, *, pictures: bool) -> _Value:
    if isinstance(value, str) and not value:
        return None, None
    items = _items(value)
    if items is None:
        image: ImageSource = _image(value, pictures=pictures)[0]
        return (image,), None
    return _read_items(items, partial(_image, pictures=pictures), "file names")


def _reviews(value: object) -> _Value:
    if isinstance(value, str) and not value.strip():
        return None, None
    items = _items(value)
    items = list(map(_review, [value] if items is None else items))
    return _read_items(items, partial(read_text, decode=True), "texts")


def _review(value: object) -> object:
    """Return the text of a review that comes with more, such as its author, who is dropped."""
    if not isinstance(value, Mapping):
        return value
    stated = {str(key).strip().casefold(): one for key, one in value.items()}
    text = next((stated[name] for name in _REVIEW_TEXTS if isinstance(stated.get(name), str)), None)
    return Unreadable(f"an object with {', '.join(map(quoted, stated))}") if text is None else text


def _attributes(value: object) -> _Value:
    stated = value
    if isinstance(value, str):
        if not value.strip():
            return None, None
        try:
            stated = loads(value)
        except (ValueError, RecursionError):
            refuse("names and their texts (a JSON object)", value)
    if isinstance(stated, Mapping):
        pairs = list(stated.items())
    elif isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        pairs = value  # Arrow's maps come so
    else:
        refuse("names and their texts (a JSON object)", value)
    kept, note = _read_items([pair for pair in pairs if pair[1] is not None], _attribute, "texts by their names")
    return dict(kept), note  # a struct has the fields of all rows: a null was not stated


def _attribute(pair: tuple[object, object]) -> _Value:
    (name, note), (text, more) = read_text(pair[0], decode=True), read_text(pair[1], decode=True)
    return (name, text), note or more


def _plain(value: object) -> _Value:
    return read_text(value, decode=False)


_READERS: dict[str, Callable[[Any], _Value]] = {
    **dict.fromkeys(FIELDS, _plain),
    **dict.fromkeys(_HTML_FIELDS, partial(read_text, decode=True)),
    "price": _price,
    "currency": _currency,
    "listed_at": _listed_at,
    "ships_from": _ships_from,
    "reviews": _reviews,
    "attributes": _attributes,
}


def field_of(name: object) -> str | None:
    """Return the field that a column or a key names, in upper or lower case; None where it names none."""
    folded = name.strip().casefold() if isinstance(name, str) else ""
    return folded if folded in _READERS else None


def _stated(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the values by the fields' names; an exact name goes before one in another case."""
    stated = {name: values[name] for name in FIELDS if name in values}
    if len(stated) < len(values):
        for key in values:
            if key not in stated and (name := field_of(key)) and name not in stated:
                stated[name] = values[key]
    return stated


def to_listing(values: Mapping[str, Any], line: int = 1, *, pictures: bool = True) -> Listing | BadRow:
    """Return the listing of one row, however it was written: a field that cannot be read costs that field alone.

    Such a field is absent, or keeps the part that could be read, and `Listing.dropped` says what came. Repaired without
    a note are: numbers where texts are expected (300 is "300"), plain numbers in texts ("19.99"), one image or review
    that is no list, attributes as a JSON text, and HTML entities. A claimed brand, a currency or a date that is not
    valid is dropped, never guessed.

    Args:
        values: Values by the names of a Listing's fields, in upper or lower case. Other names are ignored; null means
            absent.
        line: Position of the row, for messages.
        pictures: Images may be pictures themselves (bytes, PIL images, arrays); otherwise they are file names alone.

    Returns:
        The listing; a BadRow only where there is no usable `id`, since nothing could be reported without it.
    """
    if not isinstance(values, Mapping):
        return BadRow(line, f"expected an object, got {type(values).__name__}")
    stated = _stated(values)
    readable: dict[str, Any] = {}
    dropped: dict[str, str] = {}
    try:
        readable["id"] = _identity(stated.pop("id", None))
    except NotReadableError as error:
        return BadRow(line, f"id: {error}")
    for name, value in stated.items():
        if value is None or (
            pictures and isinstance(value, float) and math.isnan(value)
        ):  # pandas writes absent values as NaN
            continue
        try:
            field, note = _images(value, pictures=pictures) if name == "images" else _READERS[name](value)
        except NotReadableError as error:
            dropped[name] = f"{error}; the field was dropped"
            continue
        if field is not None:
            readable[name] = field
        if note:
            dropped[name] = note
    try:
        return Listing(**readable, dropped=dropped)
    except InputError as error:  # not expected; whatever it is, it may not cost another row
        return BadRow(line, str(error).removeprefix("Listing."))

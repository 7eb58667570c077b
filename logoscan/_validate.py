"""The checks of records' fields: one set for all records, so that two of them never disagree on what is valid.

Each function raises an `InputError` of the form `Owner.field: expected X, got Y`. `owner` is the record's name, `name`
the field's. Root module, private to the package: every room may import it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan.errors import InputError

__all__ = [
    "at_most",
    "band_limits",
    "box",
    "country",
    "currency",
    "finite",
    "float32_array",
    "is_country",
    "is_currency",
    "not_negative",
    "number",
    "pdq_hex",
    "positive",
    "script",
    "text",
    "text_mapping",
    "texts",
    "unicode_text",
    "unit",
    "unit_array",
    "whole_number",
]

_HEX_64 = re.compile("[0-9a-f]{64}")
_SCRIPT = re.compile("[A-Z][a-z]{3}")


# -- texts


def unicode_text(owner: str, name: str, *values: str) -> None:
    """Refuse lone surrogates: JSON and file names can bring them in, and no report could be written with them."""
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{owner}.{name}: expected Unicode text, got a lone surrogate in {quoted(value)}"
            ) from None


def text(owner: str, name: str, value: object, *, required: bool = False) -> None:
    """Refuse what is not Unicode text; None is valid unless the text is required, which may then not be blank."""
    if value is None and not required:
        return
    if not isinstance(value, str) or (required and not value.strip()):
        expected = "a non-empty string" if required else "a string or None"
        raise InputError(f"{owner}.{name}: expected {expected}, got {quoted(value)}")
    unicode_text(owner, name, value)


def texts(owner: str, name: str, value: object) -> tuple[str, ...]:
    """Return a list or tuple of Unicode texts as a tuple; refuse everything else."""
    if isinstance(value, str) or not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
        raise InputError(f"{owner}.{name}: expected a list of strings, got {quoted(value)}")
    unicode_text(owner, name, *value)
    return tuple(value)


def text_mapping(owner: str, name: str, value: object) -> dict[str, str]:
    """Return a mapping of Unicode texts to Unicode texts as a dictionary; refuse everything else."""
    if not isinstance(value, Mapping) or not all(isinstance(t, str) for kv in value.items() for t in kv):
        raise InputError(f"{owner}.{name}: expected a mapping of strings to strings, got {quoted(value)}")
    unicode_text(owner, name, *value.keys(), *value.values())
    return dict(value)


def at_most(owner: str, name: str, values: Collection[str], count: int, chars: int) -> None:
    """Refuse more than `count` texts, or a text of more than `chars` characters."""
    if len(values) > count:
        raise InputError(f"{owner}.{name}: expected at most {count}, got {len(values)}")
    for value in values:
        if len(value) > chars:
            raise InputError(f"{owner}.{name}: expected at most {chars} characters, got {len(value)}")


def is_currency(value: str) -> bool:
    """Return whether a text has the form of an ISO 4217 code: three ASCII letters, in any case."""
    return len(value) == 3 and value.isascii() and value.isalpha()


def currency(owner: str, value: object) -> str:
    """Return an ISO 4217 code in upper case; refuse what is not three ASCII letters."""
    if not isinstance(value, str) or not is_currency(value):
        raise InputError(f"{owner}.currency: expected a three-letter ISO 4217 code, got {quoted(value)}")
    return value.upper()


def is_country(value: str) -> bool:
    """Return whether a text has the form of an ISO 3166-1 code: two ASCII letters, in any case."""
    return len(value) == 2 and value.isascii() and value.isalpha()


def country(owner: str, name: str, value: object) -> str:
    """Return an ISO 3166-1 code in upper case; refuse what is not two ASCII letters."""
    if not isinstance(value, str) or not is_country(value):
        raise InputError(f"{owner}.{name}: expected a two-letter ISO 3166 code, got {quoted(value)}")
    return value.upper()


def pdq_hex(owner: str, value: object) -> str:
    """Return a PDQ hash, which has 64 lower-case hex digits; refuse everything else. `owner` includes the field."""
    if not isinstance(value, str) or not _HEX_64.fullmatch(value):
        raise InputError(f"{owner}: expected 64 lower-case hex digits, got {quoted(value)}")
    return value


def script(owner: str, value: object) -> None:
    """Refuse what has not the form of an ISO 15924 code ("Cyrl") and is not None. `owner` includes the field."""
    if value is not None and not (isinstance(value, str) and _SCRIPT.fullmatch(value)):
        raise InputError(f"{owner}: expected an ISO 15924 code such as 'Cyrl', or None, got {quoted(value)}")


def box(owner: str, value: object) -> None:
    """Refuse what is not four finite numbers. `owner` includes the field."""
    numbers = value if isinstance(value, (tuple, list)) and len(value) == 4 else (math.nan,)
    if not all(_is_between(number, -math.inf, math.inf) for number in numbers):
        raise InputError(f"{owner}: expected four finite numbers, got {quoted(value)}")


# -- numbers


def _is_between(value: object, low: float, high: float) -> bool:
    """Return whether a value is a finite number, no truth value, in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return max(low, -sys.float_info.max) <= value <= min(high, sys.float_info.max)


def number(owner: str, name: str, value: object, low: float, high: float) -> None:
    """Refuse what is not a finite number in [low, high]."""
    if not _is_between(value, low, high):
        raise InputError(f"{owner}.{name}: expected a finite number in [{low:g}, {high:g}], got {quoted(value)}")


def unit(owner: str, name: str, value: object) -> None:
    """Refuse what is not a number in [0, 1]."""
    number(owner, name, value, 0.0, 1.0)


def finite(owner: str, name: str, value: object) -> None:
    """Refuse what is not a finite number."""
    if not _is_between(value, -math.inf, math.inf):
        raise InputError(f"{owner}.{name}: expected a finite number, got {quoted(value)}")


def positive(owner: str, name: str, value: object) -> None:
    """Refuse what is not a finite number above 0."""
    if value == 0 or not _is_between(value, 0.0, math.inf):
        raise InputError(f"{owner}.{name}: expected a finite number above 0, got {quoted(value)}")


def not_negative(owner: str, name: str, value: object) -> None:
    """Refuse what is not a finite number, 0 or more."""
    if not _is_between(value, 0.0, math.inf):
        raise InputError(f"{owner}.{name}: expected a finite number, 0 or more, got {quoted(value)}")


def whole_number(owner: str, name: str, value: object, low: int, high: int) -> None:
    """Refuse what is not an integer in [low, high]."""
    if type(value) is not int or not low <= value <= high:
        raise InputError(f"{owner}.{name}: expected a whole number in [{low}, {high}], got {quoted(value)}")


def band_limits(owner: str, review_from: float, block_from: float) -> None:
    """Refuse scores at which the bands begin that are not in (0, 100), or of which "block" comes before "review"."""
    if not 0 < review_from <= block_from < 100:
        raise InputError(
            f"{owner}: expected 0 < review_from <= block_from < 100, got {review_from!r} and {block_from!r}"
        )


# -- arrays


def float32_array(owner: str, name: str, value: object, shape: tuple[int | None, ...]) -> None:
    """Refuse what is not a float32 array of finite numbers of this shape; None is any length."""
    if (
        not isinstance(value, np.ndarray)
        or value.dtype != np.float32
        or value.ndim != len(shape)
        or any(want is not None and have != want for have, want in zip(value.shape, shape, strict=True))
    ):
        wanted = ", ".join("n" if side is None else str(side) for side in shape)
        got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(f"{owner}.{name}: expected float32 ({wanted}), got {got}")
    if not np.isfinite(value).all():
        raise InputError(f"{owner}.{name}: expected finite numbers, got NaN or infinity")


def unit_array(owner: str, name: str, value: NDArray[np.float32]) -> None:
    """Refuse an array with a number outside of [0, 1]."""
    outside = value[(value < 0) | (value > 1)]
    if len(outside):
        raise InputError(f"{owner}.{name}: expected numbers in [0, 1], got {float(outside[0])!r}")

"""How messages quote values of others: whole, or by their kind and length, and never in part.

Half of a phone number or of an address would not be recognised as a contact, and would stay in what is written. Root
module, private to the package: every room may import it.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sized
from typing import Any

__all__ = ["cause", "first_lines", "listed", "quoted"]

_MOST_CHARS = 80
# Characters of what another library says.
_MOST_OF_CAUSE = 300
_MOST_BITS = 256
# Characters of names in a row.
_MOST_LISTED = 300


class _Short(reprlib.Repr):
    """Shows values in short: of lists the first ones, and each value whole or not at all."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.maxlevel = 2
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 3

    def repr_str(self, text: str, level: int) -> str:
        """Return a text in quotes; of a long one its length."""
        return repr(text) if len(text) <= self.most else f"a text of {len(text)} characters"

    def repr_int(self, number: int, level: int) -> str:
        """Return a whole number; of a long one, which Python may not print, its bits."""
        return repr(number) if number.bit_length() <= _MOST_BITS else f"a number of {number.bit_length()} bits"

    def repr_instance(self, value: Any, level: int) -> str:
        """Return any other value; of one that would be long its kind."""
        text = repr(value)
        return text if len(text) <= self.most else _kind(value)

    def repr_ndarray(self, array: Any, level: int) -> str:
        """Return a small array of NumPy; of a large one its kind, before any of it becomes text."""
        return self.repr_instance(array, level) if array.size <= self.most else _kind(array)

    def repr_array(self, array: Any, level: int) -> str:
        """Return an array of the standard library as any other value."""
        return self.repr_instance(array, level)


def quoted(value: object, most: int = _MOST_CHARS) -> str:
    """Return any value as messages show it: whole, or its kind and length, without lone surrogates.

    Of lists and mappings the first three values are shown, each whole or by its length.

    Args:
        value: Any value, such as a cell of a table.
        most: Characters of a text, or of what Python shows of another value, that are shown.
    """
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, float):
        return str(value)
    try:
        text = _Short(most).repr(value)
        if len(text) > 2 * most and not isinstance(value, str):
            text = _kind(value)
    except Exception as error:  # a foreign __repr__
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return text.encode(errors="backslashreplace").decode()


def _kind(value: object) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(n, int) for n in shape):
        return f"a {type(value).__name__} of {' x '.join(map(str, shape)) or math.prod(shape)}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, Sized) else "")


def cause(error: BaseException | str) -> str:
    """Return what another library's error says, for a message: whole, its first whole lines, or its kind and length."""
    text, kind = str(error).strip(), "a message" if isinstance(error, str) else type(error).__name__
    return first_lines(text) or (f"{kind} of {len(text)} characters" if text else kind)


def first_lines(text: str, most: int = _MOST_OF_CAUSE) -> str:
    """Return the first lines of a text that fit into `most` characters, each whole, as one line."""
    taken: list[str] = []
    for line in text.splitlines():
        line = " ".join(line.split())
        if sum(map(len, taken)) + len(taken) + len(line) > most:
            break
        taken.append(line)
    return " ".join(filter(None, taken)).encode(errors="backslashreplace").decode()


def listed(names: Iterable[str], most: int | None = _MOST_LISTED) -> str:
    """Return the first of some names as messages list them, each whole or by its length; lone surrogates escaped.

    Args:
        names: The names, such as columns of a table.
        most: Characters of all together; None for all names.
    """
    out: list[str] = []
    left = math.inf if most is None else most
    for name in names:
        one = name if len(name) <= _MOST_CHARS else f"a name of {len(name)} characters"
        left -= len(one) + 2
        if left < 0:
            out.append("...")
            break
        out.append(one)
    return ", ".join(out).encode(errors="backslashreplace").decode()

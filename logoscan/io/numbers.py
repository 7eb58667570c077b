"""Numbers as spreadsheets write them: with a decimal point or a decimal comma, and with marks between thousands.

Nothing is guessed: "1,299" may be either, and is read only where the other numbers of its file, or its delimiter, say
which mark is the decimal one. Knows texts; knows no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

__all__ = ["DecimalMark", "decimal_mark", "plain_text"]

DecimalMark: TypeAlias = Literal[".", ","]
"""Mark between the whole part of a number and its decimals."""

# Digits with a space or an apostrophe between thousands; then decimals.
_SPACED = re.compile(r"([+-]?[0-9]{1,3}(?:[ '\u00a0\u2009\u202f\u2019][0-9]{3})+)(?:[.,]([0-9]+))?")
# Digits with points between thousands and a decimal comma, and the reverse.
_COMMA_AFTER_POINTS = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]{3})+),([0-9]+)")
_POINT_AFTER_COMMAS = re.compile(r"([+-]?[0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]+)")
# Two marks or more of one kind, which are between thousands.
_POINTS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_COMMAS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){2,}")
# A single mark before three digits, which is between thousands or before decimals.
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}")
# A single mark, or none.
_ONE = re.compile(r"[+-]?(?:[0-9]+([.,])?[0-9]*|([.,])[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")


def _read(cell: str) -> tuple[str, DecimalMark | None] | None:
    """Return a number with a decimal point, and the decimal mark that it shows, None where it shows none.

    Returns:
        None where the cell is no number, or one of which the decimal mark is in doubt.
    """
    if _EITHER.fullmatch(cell):
        return None
    if match := _ONE.fullmatch(cell):
        mark = match[1] or match[2]
        return cell.replace(",", "."), mark  # type: ignore[return-value]
    if match := _COMMA_AFTER_POINTS.fullmatch(cell):
        return f"{match[1].replace('.', '')}.{match[2]}", ","
    if match := _POINT_AFTER_COMMAS.fullmatch(cell):
        return f"{match[1].replace(',', '')}.{match[2]}", "."
    if _POINTS.fullmatch(cell):
        return cell.replace(".", ""), ","
    if _COMMAS.fullmatch(cell):
        return cell.replace(",", ""), "."
    if match := _SPACED.fullmatch(cell):
        mark = cell[match.end(1)] if match[2] else None
        whole = re.sub(r"[^0-9+-]", "", match[1])
        return f"{whole}.{match[2]}" if match[2] else whole, mark  # type: ignore[return-value]
    return None


def decimal_mark(cells: Iterable[str], delimiter: str) -> DecimalMark | None:
    """Return the decimal mark of the numbers of a file; None where they show none, or both.

    Args:
        cells: Some numbers of the file, as they are written.
        delimiter: Delimiter of the file. A semicolon is what programs write where the comma is the decimal mark; it
            counts where no number shows one and some have a comma.
    """
    marks, some_comma = set(), False
    for cell in cells:
        text = cell.strip()
        number = _read(text)
        marks |= {number[1]} if number is not None and number[1] else set()
        some_comma = some_comma or ("," in text and _EITHER.fullmatch(text) is not None)
    if len(marks) == 1:
        return marks.pop()
    return "," if not marks and some_comma and delimiter == ";" else None


def plain_text(cell: str, mark: DecimalMark | None) -> str:
    """Return the number of a cell with a decimal point and nothing between thousands; another text as it is.

    Args:
        cell: Content of the cell.
        mark: Decimal mark of the file. Where it is None, "1.299" stays as programs write it, and "1,299" stays a text
            that is no number.
    """
    text = cell.strip()
    if match := _EITHER.fullmatch(text):
        if mark is None:
            return cell
        return text.replace(",", ".") if match[1] == mark else text.replace(match[1], "")
    number = _read(text)
    return cell if number is None else number[0]

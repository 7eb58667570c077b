"""What a platform knows about its merchants, from a CSV file. A bad field costs that field, and is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_rows import read_csv
from logoscan.io.rows import BadRow
from logoscan.io.values import plain_number, replace_surrogates
from logoscan.merchants.facts import MerchantFacts

__all__ = ["FactsRow", "read_facts"]

_FACTS = tuple(f.name for f in fields(MerchantFacts))
_NUMBERS = tuple(name for name in _FACTS if name != "identity_verified")
_ANSWERS: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "verified"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0", "not verified", "unverified"), False),
}
# Facts without which others may not stand, in the order in which they are left out.
_DEPENDENT = ("refunds", "complaints")


@dataclass(frozen=True)
class FactsRow:
    """The facts about one merchant.

    Attributes:
        seller_id: Id of the merchant, as in reports.
        facts: What is known.
        dropped: Why a field was left out, by its name.
    """

    seller_id: str
    facts: MerchantFacts
    dropped: Mapping[str, str] = field(default_factory=dict)


def read_facts(
    path: str | Path, *, on_error: OnError = "raise", columns: Mapping[str, str] | None = None
) -> Iterator[FactsRow]:
    """Yield the facts about the merchants of a CSV file with the column seller_id, one row a merchant.

    The columns orders, refunds, complaints, takedowns, account_age_days, identity_verified (yes or no),
    review_manipulation and ring (both 0 to 1) are optional; an empty cell is unknown. The file is read as
    `read_listings` reads one.

    Args:
        path: The file.
        on_error: What to do with a bad row: "raise" `InputError`, "skip" it and name it in the log, or a function that
            is called with the `BadRow`.
        columns: Fields by the names of the columns that hold them, where these have other names than usual.

    Raises:
        InputError: No such file, a column is missing, or one is nearly there; while reading: a row names no merchant or
            one that an earlier row names, and `on_error` is "raise".
    """
    check_on_error(on_error)
    rows = read_csv(path, ("seller_id", *_FACTS), ("seller_id",), numbers=_NUMBERS, columns=columns, owner="facts")
    return good_rows(_facts_rows(rows), on_error, Path(path).name)


def _facts_rows(rows: Iterator[tuple[int, Mapping[str, str] | BadRow]]) -> Iterator[FactsRow | BadRow]:
    sellers: set[str] = set()
    for line, row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        seller = row.get("seller_id", "")
        if not seller.strip():
            yield BadRow(line, "seller_id: expected one, got an empty cell")
        elif replace_surrogates(seller) != seller:
            yield BadRow(line, "seller_id: expected UTF-8, got bytes that are not")
        elif seller in sellers:
            yield BadRow(line, f"seller_id: {quoted(seller)} is there twice; only the first counts")
        else:
            sellers.add(seller)
            yield _facts_row(seller, row)


def _facts_row(seller: str, row: Mapping[str, str]) -> FactsRow:
    stated: dict[str, Any] = {}
    dropped: dict[str, str] = {}
    for name in _FACTS:
        cell = row.get(name, "").strip()
        if not cell:
            continue
        read: Callable[[str], Any] = _READERS.get(name, _count)
        try:
            value = read(cell)
            MerchantFacts(**{name: value})
            stated[name] = value
        except InputError as error:
            dropped[name] = str(error).removeprefix(f"MerchantFacts.{name}: ")
    for name in _DEPENDENT:
        try:
            MerchantFacts(**{key: stated[key] for key in ("orders", name) if key in stated})
        except InputError as error:  # more than the orders
            dropped[name] = str(error).removeprefix(f"MerchantFacts.{name}: ")
            del stated[name]
    return FactsRow(seller, MerchantFacts(**stated), dropped)


def _number(cell: str) -> float:
    number = plain_number(cell)
    if number is None:
        raise InputError(f"expected a number, got {quoted(cell)}")
    return number


def _count(cell: str) -> int:
    number = _number(cell)
    if not number.is_integer():
        raise InputError(f"expected a whole number, got {quoted(cell)}")
    return int(number)


def _answer(cell: str) -> bool:
    answer = _ANSWERS.get(cell.casefold())
    if answer is None:
        raise InputError(f"expected yes or no, got {quoted(cell)}")
    return answer


_READERS: Mapping[str, Callable[[str], Any]] = {
    "account_age_days": _number,
    "identity_verified": _answer,
    "ring": _number,
    "review_manipulation": _number,
}

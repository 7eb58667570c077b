"""Files of tokens: CSV or Parquet with the columns kind and token, and perhaps seller_id, listing_id and first_seen.

A bad row costs that row, and is reported. Contacts, codes and ids that are not yet hashes are hidden as they are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logoscan._quote import listed, quoted
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_output import csv_lines
from logoscan.io.csv_rows import read_csv
from logoscan.io.files import atomic_write
from logoscan.io.numbers import plain_text
from logoscan.io.parquet_rows import ParquetTable
from logoscan.io.rows import BadRow
from logoscan.io.values import replace_surrogates
from logoscan.merchants.tokens import KINDS, Token, hide, is_hidden

__all__ = ["MOST_ID_CHARS", "TokenRow", "read_tokens", "write_tokens"]

MOST_ID_CHARS = 1000
"""Characters of a seller's id, as in `MerchantState`; a longer one is none."""
_FIELDS = ("kind", "token", "seller_id", "listing_id", "first_seen")
_HEX = {"photo": 64, "file": 64, "text": 128}


@dataclass(frozen=True)
class TokenRow:
    """One use of a token.

    Attributes:
        kind: Kind of the token (`tokens.KINDS`).
        token: The token; contacts, codes and ids as their hashes.
        seller_id: Seller who uses it; None where the file names none.
        listing_id: A listing that shows it.
        first_seen: When the platform first saw it with the seller, seconds since 1970; None where it is not known.
    """

    kind: str
    token: str
    seller_id: str | None = None
    listing_id: str | None = None
    first_seen: float | None = None

    @property
    def pair(self) -> Token:
        """The token alone."""
        return Token(self.kind, self.token)


def read_tokens(
    path: str | Path, *, key: bytes, sellers: bool = True, on_error: OnError = "raise"
) -> Iterator[TokenRow]:
    """Yield the tokens of a file.

    Args:
        path: The file, `.parquet` or CSV.
        key: Key under which contacts, codes and ids are hidden that are no hashes yet.
        sellers: Whether every row must name a seller.
        on_error: What to do with a bad row: "raise" `InputError`, "skip" it and name it in the log, or a function that
            is called with the `BadRow`.

    Raises:
        InputError: There is no such file, or a column is missing; while reading: a row is bad and `on_error` "raise".
    """
    check_on_error(on_error)
    path = Path(path)
    required = ("kind", "token", "seller_id") if sellers else ("kind", "token")
    rows: Iterable[tuple[int, Mapping[str, Any] | BadRow]]
    if path.suffix.lower() == ".parquet" and path.is_file():
        table = ParquetTable(path)
        names = [name for name in _FIELDS if name in table.columns]
        if missing := set(required) - set(names):
            raise InputError(f"{path.name}: expected the column {min(missing)}, got {listed(table.columns)}")
        rows = table.records(names)
    else:
        rows = read_csv(path, _FIELDS, required, numbers=("first_seen",), owner="tokens")
    return good_rows((_row(line, row, key, sellers) for line, row in rows), on_error, path.name)


def _row(line: int, row: Mapping[str, Any] | BadRow, key: bytes, sellers: bool) -> TokenRow | BadRow:
    if isinstance(row, BadRow):
        return row
    try:
        kind, token = _text(row, "kind"), _text(row, "token")
        if kind is None or kind not in KINDS:
            raise InputError(f"kind: expected {', '.join(KINDS)}, got {quoted(kind or '')}")
        if token is None:
            raise InputError("token: expected one, got an empty cell")
        if (digits := _HEX.get(kind)) is not None:
            token = token.lower()
            if not re.fullmatch(f"[0-9a-f]{{{digits}}}", token):
                raise InputError(f"token: expected {digits} hex digits for a {kind}, got {quoted(token)}")
        elif not is_hidden(token):
            token = hide(token, key)
        seller = _text(row, "seller_id")
        if sellers and seller is None:
            raise InputError("seller_id: expected one, got an empty cell")
        if seller is not None and len(seller) > MOST_ID_CHARS:
            raise InputError(f"seller_id: expected {MOST_ID_CHARS} characters or fewer, got {len(seller)}")
        return TokenRow(kind, token, seller, _text(row, "listing_id"), _time(row.get("first_seen")))
    except InputError as error:
        return BadRow(line, str(error))


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"{name}: expected a text, got {quoted(value)}")
    if replace_surrogates(value) != value:
        raise InputError(f"{name}: expected UTF-8, got bytes that are not")
    return value if name in ("seller_id", "listing_id") and value.strip() else value.strip() or None


def _time(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(plain_text(value, None) if isinstance(value, str) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"first_seen: expected seconds since 1970, got {quoted(value)}")
    return number


def write_tokens(path: str | Path, rows: Iterable[TokenRow]) -> None:
    """Write tokens as CSV, whole or not at all."""
    lines = csv_lines(_FIELDS, ([getattr(row, name) for name in _FIELDS] for row in rows))
    atomic_write(Path(path), "".join(lines).encode())

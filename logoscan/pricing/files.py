"""Price records of a CSV file. One bad row costs that row, and is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_rows import read_csv
from logoscan.io.rows import BadRow
from logoscan.io.values import plain_number, replace_surrogates, unescape
from logoscan.pricing.sample import PriceRecord
from logoscan.text.quantities import pack
from logoscan.text.title_words import title_words

__all__ = ["read_price_rows", "read_prices"]


_REQUIRED = ("brand", "price", "currency")
_TEXTS = ("brand", "category", "condition", "title", "gtin")
_PRICE_FIELDS = (*_REQUIRED, *_TEXTS[1:])


def read_prices(
    path: str | Path, *, on_error: OnError = "raise", columns: Mapping[str, str] | None = None
) -> Iterator[PriceRecord]:
    """Yield the price records of a CSV file with the columns brand, price, currency.

    The columns category, condition, title and gtin are optional. The condition is as listings state it (empty: new);
    the title says how much is sold, as `quantities.pack` reads it, and in words what it is; the GTIN says which offers
    are of one product. The file is read as
    `read_listings` reads one; a row with a field that cannot be read is bad, since all of it is needed.

    Args:
        path: The file.
        on_error: What to do with a bad row: "raise" `InputError`, "skip" it and name it in the log, or a function that
            is called with the `BadRow`.
        columns: Fields by the names of the columns that hold them, where these have other names than usual.

    Raises:
        InputError: No such file, a column is missing, or one is nearly there; while reading: a row is bad and
            `on_error` is "raise".
    """
    check_on_error(on_error)
    return good_rows(read_price_rows(path, columns=columns), on_error, Path(path).name)


def read_price_rows(path: str | Path, *, columns: Mapping[str, str] | None = None) -> Iterator[PriceRecord | BadRow]:
    """Yield price records and bad rows in order, for programs that report each bad row in its place."""
    rows = read_csv(path, _PRICE_FIELDS, _REQUIRED, numbers=("price",), columns=columns, owner="prices")
    return (row if isinstance(row, BadRow) else _price_record(row, line) for line, row in rows)


def _price_record(row: Mapping[str, str], line: int) -> PriceRecord | BadRow:
    if missing := [name for name in _REQUIRED if not row.get(name, "").strip()]:
        return BadRow(line, f"{missing[0]}: expected one, got an empty cell")
    price = plain_number(row["price"])
    if price is None:
        return BadRow(line, f"price: expected a number, got {quoted(row['price'])}")
    texts = {name: unescape(row[name]) or None for name in _TEXTS if name in row}
    if any(replace_surrogates(text) != text for text in row.values()):
        return BadRow(line, "expected UTF-8, got bytes that are not")
    try:
        title = texts.pop("title", None) or ""
        said = {"pack": pack(title), "words": title_words(title)}
        return PriceRecord(price=price, currency=row["currency"].strip(), **said, **texts)  # type: ignore[arg-type]
    except InputError as error:
        return BadRow(line, str(error).removeprefix("PriceRecord."))

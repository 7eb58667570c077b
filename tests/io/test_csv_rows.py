"""CSV as people have it: any delimiter, decimal mark, case and usual name of a column, with a BOM and without."""

from __future__ import annotations

import csv
import gzip
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.io.column_names import OTHER_NAMES, columns_of_fields, folded_name
from logoscan.io.csv_rows import read_csv
from logoscan.io.listings import BadRow, read_labels, read_rows
from logoscan.io.numbers import decimal_mark, plain_text
from logoscan.pricing.files import read_price_rows
from logoscan.pricing.sample import PriceRecord
from logoscan.types import Listing


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def table(rows: list[dict[str, str]], fields: list[str], delimiter: str, end: str = "\n") -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fields, delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# -- any table

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0|&"), max_size=12)
money = st.integers(1, 10**9).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
rows_of_prices = st.lists(
    st.fixed_dictionaries(
        {"brand": cells.filter(str.strip), "price": money, "currency": st.just("EUR"), "title": cells}
    ),
    max_size=8,
)


def grouped(number: str, mark: str) -> str:
    """Write a number with a mark between thousands, and the decimal mark that belongs to it."""
    whole, _, decimals = number.partition(".")
    between = {",": ".", ".": ","}[mark]
    return f"{int(whole):,}".replace(",", between) + mark + decimals


@quick
@given(
    rows=rows_of_prices,
    delimiter=st.sampled_from([",", ";", "\t"]),
    mark=st.sampled_from([".", ","]),
    thousands=st.booleans(),
    bom=st.booleans(),
    packed=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    named=st.booleans(),
)
def test_any_table_reads_equal_however_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, delimiter: str, mark: str, thousands: bool, bom: bool,
    packed: bool, end: str, named: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("any")
    fields = ["brand", "price", "currency", "title"]
    plain = list(read_price_rows(write(folder, "plain.csv", table(rows, fields, ","))))
    assert not [row for row in plain if isinstance(row, BadRow)]
    other = [{**r, "price": grouped(r["price"], mark) if thousands else r["price"].replace(".", mark)} for r in rows]
    text = table(other, fields, delimiter, end)
    if named:
        text = text.replace("brand", "Manufacturer", 1).replace("price", "Item Price", 1)
        text = text.replace("currency", "CURRENCY CODE", 1)
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    written = write(folder, "other.csv" + ".gz" * packed, gzip.compress(data) if packed else data)
    assert list(read_price_rows(written)) == plain


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_excel_names_the_delimiter_itself(tmp_path: Path, delimiter: str) -> None:
    rows = [{"id": "a,b", "title": "c;d"}]
    text = f"sep={delimiter}\r\n" + table(rows, ["id", "title"], delimiter, "\r\n")
    assert list(read_rows(write(tmp_path, "a.csv", text))) == [Listing("a,b", title="c;d")]


# -- numbers


@pytest.mark.parametrize(
    ("cell", "mark", "plain"),
    [
        ("", None, ""), ("12.50", None, "12.50"), ("12,50", None, "12.50"), ("12,5", ".", "12.5"),
        ("1.299,00", None, "1299.00"), ("1,299.00", None, "1299.00"), ("1 299,00", None, "1299.00"),
        ("1\u00a0299", None, "1299"), ("1\u202f299,5", None, "1299.5"), ("1'299.90", None, "1299.90"),
        ("1.299.000", None, "1299000"), ("1,299,000", None, "1299000"), ("0,125", ".", "0.125"),
        ("0.125", ",", "0.125"), ("1234,567", None, "1234.567"), (" 7,5 ", None, "7.5"), ("-7,5", None, "-7.5"),
        ("1,5E+03", None, "1.5E+03"), (",5", None, ".5"),
        ("1,299", None, "1,299"), ("1.299", None, "1.299"),
        ("1,299", ",", "1.299"), ("1.299", ",", "1299"), ("1,299", ".", "1299"), ("1.299", ".", "1.299"),
        ("12,50 EUR", ",", "12,50 EUR"), ("POA", ",", "POA"), ("1,2,3", None, "1,2,3"), ("1.2.3,4", None, "1.2.3,4"),
        ("12,34,567", None, "12,34,567"), ("1 2", None, "1 2"), ("nan", ",", "nan"), (",", None, ","),
    ],
)  # fmt: skip
def test_numbers_as_spreadsheets_write_them(cell: str, mark: Any, plain: str) -> None:
    assert plain_text(cell, mark) == plain


@pytest.mark.parametrize(
    ("numbers", "delimiter", "mark"),
    [
        ([], ";", None), (["5", "POA"], ";", None), (["12,50"], ",", ","), (["12.50"], ";", "."),
        (["1,299"], ",", None), (["1,299"], "\t", None), (["1,299"], ";", ","), (["1.299"], ";", None),
        (["1,299", "12.50"], ";", "."), (["1.299", "12,50"], ",", ","), (["12,50", "12.50"], ";", None),
        (["1 299,00"], ",", ","), (["1.299.000"], ",", ","), (["1,299.00"], ";", "."),
    ],
)  # fmt: skip
def test_the_decimal_mark_of_a_file(numbers: list[str], delimiter: str, mark: str | None) -> None:
    assert decimal_mark(numbers, delimiter) == mark


def test_a_number_in_doubt_costs_its_field_and_is_named(tmp_path: Path) -> None:
    (listing,) = read_rows(write(tmp_path, "a.csv", 'id,price\na,"1,299"\n'))
    assert listing == Listing("a", dropped={"price": "expected a number, got '1,299'; the field was dropped"})
    first, second = read_rows(write(tmp_path, "a.csv", 'id,price\na,"1,299"\nb,"7.50"\n'))
    assert (first, second) == (Listing("a", price=1299.0), Listing("b", price=7.5))


def test_json_lines_are_written_by_programs_and_have_points(tmp_path: Path) -> None:
    (listing,) = read_rows(write(tmp_path, "a.jsonl", '{"id": "a", "price": "12,50"}'))
    assert isinstance(listing, Listing)
    assert listing.price is None


# -- names of columns


def test_other_names_are_folded_and_lead_to_one_field_of_a_table() -> None:
    for field, others in OTHER_NAMES.items():
        assert field not in others
        assert len(set(others)) == len(others)
        assert [name for name in others if folded_name(name) != name] == []
    listing = [f for f in OTHER_NAMES if f not in ("listing_id", "brand")]
    every = [name for field in listing for name in (field, *OTHER_NAMES[field])]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("header", "listing"),
    [
        ("Listing ID;Seller;Price;Image URL;Brand", {"seller_id": "2", "price": 3.0, "images": ("4",)}),
        ("Listing ID;Seller;Price;Image URL;Brand", {"claimed_brand": "5"}),
        ("SKU;Name;Shop Name;Photos;Link", {"title": "2", "seller_id": "3", "images": ("4",), "url": "5"}),
        ("id;Seller-ID;claimed brand;Item Specifics;x", {"seller_id": "2", "claimed_brand": "3"}),
        ("id;name;title;brand;manufacturer", {"title": "3", "claimed_brand": "4"}),
        ("product_id;asin;sku;image;photo", {"images": ("4",)}),
    ],
)  # fmt: skip
def test_usual_other_names_of_columns(tmp_path: Path, header: str, listing: Mapping[str, Any]) -> None:
    (read,) = read_rows(write(tmp_path, "a.csv", f"{header}\n1;2;3;4;5\n"))
    assert isinstance(read, Listing)
    assert read.id == "1"
    for name, value in listing.items():
        assert getattr(read, name) == value


def test_an_empty_brand_cell_says_that_it_claims_none(tmp_path: Path) -> None:
    (read,) = read_rows(write(tmp_path, "a.csv", "id;Brand;title\na;;x\n"))
    assert read == Listing("a", claimed_brand="", title="x")


def test_a_caller_states_which_column_is_which(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    columns = {"Artikel": "id", "Preis": "price", "tile": "", "Name": "seller_id"}
    path = write(tmp_path, "a.csv", "Artikel;Preis;Name;price;tile\na;7,5;s;9;z\n")
    assert list(read_rows(path, columns=columns)) == [Listing("a", price=7.5, seller_id="s")]
    assert "ignored fields: price, tile" in caplog.text
    rows = list(read_rows(write(tmp_path, "a.jsonl", '{"Artikel": "a", "Preis": 7.5, "price": 9}'), columns=columns))
    assert rows == [Listing("a", price=7.5)]
    prices = write(tmp_path, "p.csv", "Marke;Preis;Currency\nAcme;5;EUR\n")
    stated = {"Marke": "brand", "Preis": "price", "Artikel": "id"}
    assert list(read_price_rows(prices, columns=stated)) == [PriceRecord("Acme", 5.0, "EUR")]


def test_a_stated_column_that_is_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: expected the column pries for price, got id, Preis"):
        read_rows(write(tmp_path, "a.csv", "id;Preis\na;5\n"), columns={"Pries": "price"})
    path = write(tmp_path, "a.csv", "id;price\na;5\n")
    assert list(read_rows(path, columns={"Preis": "price"})) == [Listing("a", price=5.0)], "of another file"


@pytest.mark.parametrize("columns", [["id", "ID"], ["id", "id"], ["seller_id", "Seller ID"], ["image", "image"]])
def test_a_field_with_two_columns_is_an_error(columns: list[str]) -> None:
    with pytest.raises(InputError, match="expected each column once, got"):
        columns_of_fields(columns, ("id", "seller_id", "images"), "a.csv", {})


def test_labels_have_the_same_reader(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, "l.csv", "FILE\tManufacturer\na.jpg\tAcme|Bolt\n")) == [
        ("a.jpg", frozenset({"Acme", "Bolt"}))
    ]


# -- bytes


def test_bytes_that_are_not_utf8_are_said_once_for_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "a.csv", "id;title\n1;Café\n2;Thé\n".encode("cp1252"))
    with caplog.at_level(logging.WARNING, "logoscan"):
        rows = list(read_rows(path))
    assert [row.title for row in rows if isinstance(row, Listing)] == ["Caf\ufffd", "Th\ufffd"]
    assert [r.getMessage() for r in caplog.records] == [
        "a.csv, line 2: not UTF-8, but perhaps Windows-1252 or Latin-1; save the file as UTF-8"
    ]


def test_a_file_that_is_not_there_is_named_by_its_argument(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="facts: expected a CSV file, got"):
        read_csv(tmp_path / "none.csv", ("id",), ("id",), owner="facts")


# -- streams


def test_listings_come_from_a_stream_as_from_a_file() -> None:
    lines = b'\xef\xbb\xbf{"id": "a", "images": ["x.jpg"]}\n\nno\n{"id": "b", "Titel": "t"}'
    stream = io.BytesIO(lines)
    first, bad, last = read_rows(stream, columns={"Titel": "title"})
    assert (first, last) == (Listing("a", images=("x.jpg",)), Listing("b", title="t"))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert not stream.closed
    with pytest.raises(InputError, match="standard input: expected UTF-8, got UTF-16"):
        list(read_rows(io.BytesIO('{"id": "a"}'.encode("utf-16"))))


def test_a_long_line_of_a_stream_is_a_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.io.tables.MOST_LINE_CHARS", 20)
    for length in (20, 40, 99):
        bad, good = read_rows(io.BytesIO(b"x" * length + b'\n{"id": "b"}\n'))
        assert isinstance(bad, BadRow)
        assert bad.reason == "expected a shorter line"
        assert good == Listing("b")


def test_a_row_of_a_stream_is_there_before_the_next_one_is_read() -> None:
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.lines, self.asked = [b'{"id": "a"}\n', b'{"id": "b"}\n'], 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.asked += 1
            return self.lines.pop(0) if self.lines else b""

    stream = Slow()
    rows = read_rows(stream)  # type: ignore[arg-type]
    assert next(rows) == Listing("a")
    assert stream.asked == 1

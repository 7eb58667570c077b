"""Listings files and folders; a bad row says where it stands and does not end the stream."""

import dataclasses
import datetime
import json
import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from strategies import listings, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.listings import BadRow, read_listings, read_prices
from logoscan.price import PriceRecord
from logoscan.types import Listing
from logoscan.units import Pack

FULL: dict[str, Any] = {
    "id": "L1", "images": ["a.jpg", "b/c.png"], "title": "Shoe, red", "description": 'A "shoe"\nin two lines',
    "claimed_brand": "Acme", "category": "shoes", "condition": "new", "price": 12.5, "currency": "EUR",
    "seller_id": "S", "listed_at": "2024-02-29", "url": "https://example.org/1", "attributes": {"colour": "red"},
    "reviews": ["fine", "good"],
}  # fmt: skip
FULL_LISTING = Listing(**FULL)


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def write_parquet(folder: Path, rows: Sequence[dict[str, Any]], schema: Any = None) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / "listings.parquet"
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


# -- JSON lines


def test_an_empty_file_holds_no_listing(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.csv"):
        assert list(read_listings(write(tmp_path, name, ""))) == []
    assert list(read_listings(write(tmp_path, "a.jsonl", "\n  \n"))) == []
    assert list(read_listings(write(tmp_path, "a.csv", "id,title\n"))) == []
    assert list(read_listings(write_parquet(tmp_path, [{"id": "a"}][:0]))) == []


def test_a_full_line_of_json(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(FULL) + "\n\n" + json.dumps({"id": "L2"})
    assert list(read_listings(write(tmp_path, "a.jsonl", text))) == [FULL_LISTING, Listing("L2")]


def test_a_null_is_absent_and_an_empty_claim_is_a_fact(tmp_path: Path) -> None:
    nulls = json.dumps(dict.fromkeys(FULL) | {"id": "a"})
    text = f'{nulls}\n{{"id": "b", "claimed_brand": ""}}\n'
    assert list(read_listings(write(tmp_path, "a.jsonl", text))) == [Listing("a"), Listing("b", claimed_brand="")]


@quick
@given(listing=listings)
def test_every_listing_comes_back_from_json(tmp_path_factory: pytest.TempPathFactory, listing: Listing) -> None:
    values = {k: v for k, v in dataclasses.asdict(listing).items() if v is not None}
    path = write(tmp_path_factory.getbasetemp(), "any.jsonl", json.dumps(values))
    assert list(read_listings(path)) == [listing]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "not JSON"),
        ("nonsense", "not JSON"),
        ('{"id": "a"} {"id": "b"}', "not JSON"),
        (b'{"id": "\xff"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"id": "a", "price": ' + "1" * 5000 + "}", "not JSON"),
        ("5", "expected an object, got int"),
        ('["a"]', "expected an object, got list"),
        ("null", "expected an object, got NoneType"),
        ("{}", "id: expected a non-empty string, got nothing"),
        ('{"id": null}', "id: expected a non-empty string, got nothing"),
        ('{"id": ""}', "id: expected a non-empty string, got ''"),
        ('{"id": 7.5}', "id: expected a non-empty string, got 7.5"),
        ('{"id": true}', "id: expected a non-empty string, got True"),
        ('{"id": "\\ud800"}', "id: expected Unicode text, got a lone surrogate"),
        ('{"id": "a", "price": "12"}', "price: expected a finite number in [0, 1e+12], got '12'"),
        ('{"id": "a", "price": NaN}', "price: expected a finite number in [0, 1e+12], got nan"),
        ('{"id": "a", "price": -1}', "price: expected a finite number in [0, 1e+12], got -1"),
        ('{"id": "a", "price": true}', "price: expected a finite number in [0, 1e+12], got True"),
        ('{"id": "a", "currency": "euro"}', "currency: expected a three-letter ISO 4217 code, got 'euro'"),
        ('{"id": "a", "images": "a.jpg"}', "images: expected a list of file names, got 'a.jpg'"),
        ('{"id": "a", "images": [5]}', "images: expected a list of file names, got [5]"),
        ('{"id": "a", "images": {"0": "a.jpg"}}', "images: expected a list of file names, got {'0': 'a.jpg'}"),
        ('{"id": "a", "attributes": []}', "attributes: expected a mapping of strings to strings, got []"),
        ('{"id": "a", "reviews": "fine"}', "reviews: expected a list of strings, got 'fine'"),
    ],
)
def test_a_bad_line_of_json_is_named_and_passed_over(tmp_path: Path, row: str | bytes, reason: str) -> None:
    raw = row.encode() if isinstance(row, str) else row
    path = write(tmp_path, "a.jsonl", b'{"id": "first"}\n\n' + raw + b'\n{"id": "last"}\n')
    first, bad, last = read_listings(path)
    assert (first, last) == (Listing("first"), Listing("last"))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith(reason)
    assert len(bad.reason) < 300


# -- CSV


def test_a_full_row_of_csv(tmp_path: Path) -> None:
    text = (
        "\ufeffid,images,title,description,claimed_brand,category,condition,price,currency,seller_id,listed_at,url,"
        "attributes,reviews\r\n"
        'L1,a.jpg | b/c.png|,"Shoe, red","A ""shoe""\nin two lines",Acme,shoes,new,12.50,eur,S,2024-02-29,'
        'https://example.org/1,"{""colour"": ""red""}",fine|good\r\n'
    )
    assert list(read_listings(write(tmp_path, "a.csv", text))) == [FULL_LISTING]


def test_an_empty_cell_is_absent_and_an_empty_claim_is_a_fact(tmp_path: Path) -> None:
    header = "id,images,title,claimed_brand,price,attributes,reviews\n"
    assert list(read_listings(write(tmp_path, "a.csv", header + "a,,,,,,\n"))) == [Listing("a", claimed_brand="")]
    assert list(read_listings(write(tmp_path, "a.csv", "id,title\na,\n"))) == [Listing("a")]
    assert list(read_listings(write(tmp_path, "a.csv", header + "a,b.jpg\n"))) == [Listing("a", images=("b.jpg",))]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",a.jpg,1,", "id: expected a non-empty string, got nothing"),
        ("a,a.jpg,cheap,", "price: expected a number, got 'cheap'"),
        ('a,a.jpg,"12,50",', "price: expected a number, got '12,50'"),
        ("a,a.jpg,nan,", "price: expected a finite number in [0, 1e+12], got nan"),
        ("a,a.jpg,inf,", "price: expected a finite number in [0, 1e+12], got inf"),
        ("a,a.jpg,-1,", "price: expected a finite number in [0, 1e+12], got -1.0"),
        ("a,a.jpg,1,{", "attributes: expected a JSON object, got '{'"),
        ("a,a.jpg,1,[]", "attributes: expected a mapping of strings to strings, got []"),
        ("a,a.jpg,1,,extra", "expected 4 columns, got more"),
        ('a,"a.jpg"x,1,', "not CSV"),
    ],
)
def test_a_bad_row_of_csv_is_named_and_passed_over(tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path, "a.csv", f"id,images,price,attributes\nfirst,,,\n\n{row}\nlast,,,\n")
    first, bad, last = read_listings(path)
    assert (first, last) == (Listing("first"), Listing("last"))
    assert isinstance(bad, BadRow)
    assert bad.line == 4
    assert bad.reason.startswith(reason)


def test_a_cell_beyond_pythons_limit_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f"id,title\nfirst,\nlong,{'x' * 200_000}\nlast,\n")
    first, bad, last = read_listings(path)
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith("not CSV (field larger than field limit")
    assert (first, last) == (Listing("first"), Listing("last"))


def test_bytes_that_are_not_utf8_do_not_end_a_csv(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"id,title\na,caf\xe9\nb,tea\n")
    assert list(read_listings(path)) == [
        BadRow(2, "expected UTF-8, got bytes that are not"),
        Listing("b", title="tea"),
    ]


def test_a_quote_that_never_ends_is_a_bad_row(tmp_path: Path) -> None:
    rows = list(read_listings(write(tmp_path, "a.csv", 'id,title\na,b\nc,"d\ne,f\n')))
    assert rows[0] == Listing("a", title="b")
    assert [type(row) for row in rows[1:]] == [BadRow]


# -- Parquet


def test_a_full_row_of_parquet(tmp_path: Path) -> None:
    assert list(read_listings(write_parquet(tmp_path, [FULL, {"id": "L2"}]))) == [
        FULL_LISTING,
        Listing("L2"),
    ]


def test_a_text_in_parquet_that_nobody_wrote_costs_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.listings._MOST_LINE_BYTES", 100)
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "x" * 50},
        {"id": "b", "title": "x" * 100},
        {"id": "c", "title": None},
    ]
    first, bad, last = read_listings(write_parquet(tmp_path, rows))
    assert isinstance(first, Listing)
    assert bad == BadRow(2, "expected fields of less than 100 bytes, got as many or more")
    assert isinstance(last, Listing)


def test_a_row_group_of_huge_rows_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr("logoscan.listings._MOST_MEAN_BYTES", 1000)
    table = pa.table({"id": list("abcde"), "title": ["x", "x", "x" * 9000, "x", "x"]})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)  # ab, cd, e
    rows = list(read_listings(tmp_path / "a.parquet"))
    assert [row.id if isinstance(row, Listing) else row.line for row in rows] == ["a", "b", 3, 4, "e"]
    bad = [row.reason for row in rows if isinstance(row, BadRow)]
    assert all(reason.startswith("expected row groups of at most 1000 bytes a row, got ") for reason in bad)
    monkeypatch.setattr("logoscan.listings._MOST_GROUP_BYTES", 2000)
    with pytest.raises(CorruptFileError, match=r"damaged after row 2 \(row group 1 says that it has"):
        list(read_listings(tmp_path / "a.parquet"))


@pytest.mark.parametrize("form", ["dictionary", "view", "list"])
def test_texts_of_any_arrow_type_are_capped(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr("logoscan.listings._MOST_LINE_BYTES", 100)
    texts = pa.array(["short", "x" * 500, "short"])
    column = {
        "dictionary": lambda: texts.dictionary_encode(),
        "view": lambda: texts.cast(pa.string_view()),
        "list": lambda: pa.array([["short"], ["a", "x" * 500], None]),
    }[form]()
    table = pa.table({"id": ["a", "b", "c"], "reviews" if form == "list" else "title": column})
    parquet.write_table(table, tmp_path / "a.parquet")
    rows = list(read_listings(tmp_path / "a.parquet"))
    assert [type(row) for row in rows] == [Listing, BadRow, Listing]


def test_parquets_own_types_are_read(tmp_path: Path) -> None:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("id", pa.string()),
            ("attributes", pa.map_(pa.string(), pa.string())),
            ("price", pa.float32()),
            ("claimed_brand", pa.string()),
        ]
    )
    rows: list[dict[str, Any]] = [
        {"id": "a", "attributes": [("colour", "red")], "price": 1.5, "claimed_brand": ""},
        {"id": "b", "attributes": None, "price": None, "claimed_brand": None},
    ]
    assert list(read_listings(write_parquet(tmp_path, rows, schema))) == [
        Listing("a", attributes={"colour": "red"}, price=1.5, claimed_brand=""),
        Listing("b"),
    ]


def test_attributes_that_only_some_rows_have_are_absent_in_the_others(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "attributes": {"colour": "red"}},
        {"id": "b", "attributes": {"size": "9"}},
    ]
    assert list(read_listings(write_parquet(tmp_path, rows))) == [
        Listing("a", attributes={"colour": "red"}),
        Listing("b", attributes={"size": "9"}),
    ]


def test_a_bad_row_of_parquet_is_named_and_passed_over(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "first", "price": None},
        {"id": "a", "price": -1.0},
        {"id": None},
        {"id": "b"},
    ]
    first, *bad, last = read_listings(write_parquet(tmp_path, rows))
    assert (first, last) == (Listing("first"), Listing("b"))
    assert [(row.line, row.reason[:10]) for row in bad if isinstance(row, BadRow)] == [
        (2, "price: exp"),
        (3, "id: expect"),
    ]


def test_parquets_dates_and_decimals_are_read(tmp_path: Path) -> None:
    day = {"id": "a", "listed_at": datetime.date(2024, 1, 1), "price": Decimal("12.50")}
    assert list(read_listings(write_parquet(tmp_path, [day]))) == [Listing("a", listed_at="2024-01-01", price=12.5)]
    moment = {"id": "b", "listed_at": datetime.datetime(2024, 1, 1, 12, 30, tzinfo=datetime.UTC)}
    (listing,) = read_listings(write_parquet(tmp_path, [moment]))
    assert listing == Listing("b", listed_at="2024-01-01T12:30:00+00:00")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path, [{"id": "a", "title": "b" * 999}]).read_bytes()
    for data in (b"", b"hello", whole[:-4], whole[:40] + b"\xff" * 60 + whole[100:]):
        with pytest.raises(CorruptFileError, match=r"^a\.parquet: not Parquet, or damaged after row 0"):
            list(read_listings(write(tmp_path, "a.parquet", data)))


# -- all of them


def test_unknown_fields_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = '{"id": "a", "colour": 1}\n{"id": "b", "colour": 2, "zip": 3}\n{"id": "c", "zip": 4}\n'
    with caplog.at_level(logging.WARNING, "logoscan"):
        assert len(list(read_listings(write(tmp_path, "a.jsonl", lines)))) == 3
    assert [r.getMessage() for r in caplog.records] == [
        "a.jsonl: ignored fields: colour",
        "a.jsonl: ignored fields: zip",
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "logoscan"):
        assert len(list(read_listings(write(tmp_path, "a.csv", "id,zip,colour\na,1,2\nb,3,4\n")))) == 2
    assert [r.getMessage() for r in caplog.records] == ["a.csv: ignored fields: colour, zip"]


def test_a_folder_gives_a_listing_for_each_photo(tmp_path: Path) -> None:
    assert list(read_listings(tmp_path)) == []
    for name in ("b.JPG", "a/z.png", "c.webp", "d.gif", "e.jpeg", "notes.txt", "f.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    names = ["a/z.png", "b.JPG", "c.webp", "d.gif", "e.jpeg", "f.bmp"]
    assert list(read_listings(tmp_path)) == [Listing(id=name, images=(name,)) for name in names]


def test_a_file_name_that_is_no_text_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "b\udcff.jpg").write_bytes(b"x")
    good, bad = read_listings(tmp_path)
    assert good == Listing("a.jpg", images=("a.jpg",))
    assert isinstance(bad, BadRow)
    assert "lone surrogate" in bad.reason


@pytest.mark.parametrize("name", ["missing.jsonl", "missing", "a.txt", "a.json"])
def test_another_source_is_refused_at_once(tmp_path: Path, name: str) -> None:
    if "missing" not in name:
        write(tmp_path, name, "{}")
    with pytest.raises(InputError, match=r"expected a folder of photos or a \.jsonl, \.csv or \.parquet file, got"):
        read_listings(tmp_path / name)


# -- prices


def test_prices(tmp_path: Path) -> None:
    text = (
        "\ufeffbrand,price,currency,category\nAcme,10,EUR,shoes\nAcme,12.5,eur,\nAcme,cheap,EUR,\nAcme,0,EUR,\n"
        "Acme,nan,EUR,\nAcme,5,EURO,\nAcme\n,5,EUR,\nBolt,7,USD,bags\n"
    )
    rows = list(read_prices(write(tmp_path, "p.csv", text)))
    assert [row for row in rows if isinstance(row, PriceRecord)] == [
        PriceRecord("Acme", 10.0, "EUR", "shoes"),
        PriceRecord("Acme", 12.5, "eur"),
        PriceRecord("Bolt", 7.0, "USD", "bags"),
    ]
    assert [row.line for row in rows if isinstance(row, BadRow)] == [4, 5, 6, 7, 8, 9]


def test_prices_without_a_category_column(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "price,currency,brand\n10,EUR,Acme\n10,EUR\n")
    good, bad = read_prices(path)
    assert good == PriceRecord("Acme", 10.0, "EUR")
    assert isinstance(bad, BadRow)
    assert "brand" in bad.reason


def test_prices_with_condition_and_title(tmp_path: Path) -> None:
    text = (
        "title,condition,brand,price,currency\n3 x 50 ml Day Cream,used,Acme,10,EUR\n,,Acme,10,EUR\n"
        "Set of 2 mugs,New,Acme,10,EUR\nAcme mug\n"
    )
    *good, bad = read_prices(write(tmp_path, "p.csv", text))
    assert good == [
        PriceRecord("Acme", 10.0, "EUR", None, "used", Pack(3, 50.0, "ml")),
        PriceRecord("Acme", 10.0, "EUR"),
        PriceRecord("Acme", 10.0, "EUR", None, "New", Pack(2)),
    ]
    assert isinstance(bad, BadRow)


@pytest.mark.parametrize(("text", "missing"), [("", "'brand', 'currency', 'price'"), ("brand,price\n", "'currency'")])
def test_prices_need_their_columns(tmp_path: Path, text: str, missing: str) -> None:
    with pytest.raises(
        InputError, match=rf"p\.csv: expected the columns brand, price, currency; \[{missing}\] missing"
    ):
        list(read_prices(write(tmp_path, "p.csv", text)))


def test_prices_with_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", b"brand,price,currency\nCaf\xe9,5,EUR\nAcme,6,EUR\n")
    assert list(read_prices(path)) == [
        BadRow(2, "expected UTF-8, got bytes that are not"),
        PriceRecord("Acme", 6.0, "EUR"),
    ]


def test_prices_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prices: expected a CSV file, got"):
        list(read_prices(tmp_path / "not-there.csv"))


def test_a_number_is_an_id(tmp_path: Path) -> None:
    assert list(read_listings(write(tmp_path, "a.jsonl", '{"id": 42}\n'))) == [Listing("42")]

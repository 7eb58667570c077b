"""Listings files and folders; a bad row says where it stands and does not end the stream."""

import csv
import dataclasses
import datetime
import gzip
import io
import json
import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import listings, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.listings import BadRow, read_labels, read_rows, row_count
from logoscan.io.values import unescape
from logoscan.pricing.files import read_price_rows
from logoscan.pricing.sample import PriceRecord
from logoscan.text.quantities import Pack
from logoscan.types import Listing

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
        assert list(read_rows(write(tmp_path, name, ""))) == []
    assert list(read_rows(write(tmp_path, "a.jsonl", "\n  \n"))) == []
    assert list(read_rows(write(tmp_path, "a.csv", "id,title\n"))) == []
    assert list(read_rows(write_parquet(tmp_path, [{"id": "a"}][:0]))) == []


def test_a_full_line_of_json(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(FULL) + "\n\n" + json.dumps({"id": "L2"})
    assert list(read_rows(write(tmp_path, "a.jsonl", text))) == [FULL_LISTING, Listing("L2")]


def test_a_null_is_absent_and_an_empty_claim_is_a_fact(tmp_path: Path) -> None:
    nulls = json.dumps(dict.fromkeys(FULL) | {"id": "a"})
    text = f'{nulls}\n{{"id": "b", "claimed_brand": ""}}\n'
    assert list(read_rows(write(tmp_path, "a.jsonl", text))) == [Listing("a"), Listing("b", claimed_brand="")]


@quick
@given(listing=listings)
def test_every_listing_comes_back_from_json(tmp_path_factory: pytest.TempPathFactory, listing: Listing) -> None:
    values = {k: v for k, v in dataclasses.asdict(listing).items() if v is not None}
    path = write(tmp_path_factory.getbasetemp(), "any.jsonl", json.dumps(values))
    assert list(read_rows(path)) == [listing]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "not JSON"),
        ("nonsense", "not JSON"),
        ('{"id": "a"} {"id": "b"}', "not JSON"),
        ('{"id": "a"},', "not JSON"),
        (b'{"id": "\xff"}', "id: expected Unicode text, got a lone surrogate"),
        ("[" * 100_000, "not JSON"),
        ("5", "expected an object, got int"),
        ('["a"]', "expected an object, got list"),
        ("null", "expected an object, got NoneType"),
        ("{}", "id: expected a non-empty string, got nothing"),
        ('{"id": null}', "id: expected a non-empty string, got nothing"),
        ('{"id": ""}', "id: expected a non-empty string, got ''"),
        ('{"id": [1]}', "id: expected a non-empty string, got [1]"),
        ('{"id": NaN}', "id: expected a non-empty string, got nan"),
        ('{"id": true}', "id: expected a non-empty string, got True"),
        ('{"id": "\\ud800"}', "id: expected Unicode text, got a lone surrogate"),
    ],
)
def test_a_bad_line_of_json_is_named_and_passed_over(tmp_path: Path, row: str | bytes, reason: str) -> None:
    raw = row.encode() if isinstance(row, str) else row
    path = write(tmp_path, "a.jsonl", b'{"id": "first"}\n\n' + raw + b'\n{"id": "last"}\n')
    first, bad, last = read_rows(path)
    assert (first, last) == (Listing("first"), Listing("last"))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith(reason)
    assert len(bad.reason) < 300


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(tmp_path: Path, end: str) -> None:
    rows = [json.dumps({"id": name}) for name in "abc"]
    assert list(read_rows(write(tmp_path, "a.jsonl", end.join(rows)))) == [Listing(name) for name in "abc"]
    cells = end.join(["id,title", "a,x", f'b,"y{end}z"', "", "c,"])
    wanted = [Listing("a", title="x"), Listing("b", title=f"y{end}z"), Listing("c")]
    assert list(read_rows(write(tmp_path, "a.csv", cells))) == wanted


def test_a_carriage_return_within_a_cell_begins_no_row(tmp_path: Path) -> None:
    """As pandas writes it, without quotes: the row is named, and none is made up."""
    first, bad, last = read_rows(write(tmp_path, "a.csv", "id,title\na,x\nb,y\rc,z\nd,v\n"))
    assert (first, last) == (Listing("a", title="x"), Listing("d", title="v"))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert list(read_rows(write(tmp_path, "a.csv", 'id,title\nb,"y\rc"\n'))) == [Listing("b", title="y\rc")]
    assert list(read_rows(write(tmp_path, "a.jsonl", '{"id": "a"}\n{"id":\r"b"}'))) == [Listing("a"), Listing("b")]


@pytest.mark.parametrize(
    "text", ['[{"id": "a"}, {"id": "b"}]', '[\n  {"id": "a"},\n  {"id": "b"}\n]\n', '\n[ {"id": "a"} ]']
)
def test_one_array_of_json_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"^a\.jsonl: expected one object of JSON a line, got an array"):
        read_rows(write(tmp_path, "a.jsonl", text))


# -- CSV


def test_a_full_row_of_csv(tmp_path: Path) -> None:
    text = (
        "\ufeffid,images,title,description,claimed_brand,category,condition,price,currency,seller_id,listed_at,url,"
        "attributes,reviews\r\n"
        'L1,a.jpg | b/c.png|,"Shoe, red","A ""shoe""\nin two lines",Acme,shoes,new,12.50,eur,S,2024-02-29,'
        'https://example.org/1,"{""colour"": ""red""}",fine|good\r\n'
    )
    assert list(read_rows(write(tmp_path, "a.csv", text))) == [FULL_LISTING]


def test_an_empty_cell_is_absent_and_an_empty_claim_is_a_fact(tmp_path: Path) -> None:
    header = "id,images,title,claimed_brand,price,attributes,reviews\n"
    assert list(read_rows(write(tmp_path, "a.csv", header + "a,,,,,,\n"))) == [Listing("a", claimed_brand="")]
    assert list(read_rows(write(tmp_path, "a.csv", "id,title\na,\n"))) == [Listing("a")]
    assert list(read_rows(write(tmp_path, "a.csv", header + "a,b.jpg\n"))) == [Listing("a", images=("b.jpg",))]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",a.jpg,1,", "id: expected a non-empty string, got nothing"),
        ("a,a.jpg,1,,extra", "expected 4 columns, got 5"),
        ('a,"a.jpg"x,1,', "not CSV (',' expected after '\"': a quote is not closed, or stands amid a cell)"),
        ('"a,a.jpg,1,', "not CSV ("),
        ('a,"a.jpg,1,', "not CSV ("),
    ],
)
def test_a_bad_row_of_csv_is_named_and_passed_over(tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path, "a.csv", f"id,images,price,attributes\nfirst,,,\n\n{row}\nlast,,,\n")
    first, bad, last = read_rows(path)
    assert (first, last) == (Listing("first"), Listing("last"))
    assert isinstance(bad, BadRow)
    assert bad.line == 4
    assert bad.reason.startswith(reason)


def test_a_cell_beyond_pythons_limit_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f"id,title\nfirst,\nlong,{'x' * 200_000}\nlast,\n")
    first, bad, last = read_rows(path)
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith("not CSV (field larger than field limit")
    assert (first, last) == (Listing("first"), Listing("last"))


def test_bytes_that_are_not_utf8_cost_their_letters(tmp_path: Path) -> None:
    cafe, tea, bad = read_rows(write(tmp_path, "a.csv", b"id,title\na,caf\xe9\nb,tea\n\xe9,x\n"))
    dropped = {"title": "expected UTF-8, got 'caf\\udce9'; 1 of it replaced by U+FFFD"}
    assert cafe == Listing("a", title="caf\ufffd", dropped=dropped)
    assert tea == Listing("b", title="tea")
    assert isinstance(bad, BadRow)
    (listing,) = read_rows(write(tmp_path, "a.jsonl", b'{"id": "a", "title": "caf\xe9"}'))
    assert listing == cafe


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_reported(tmp_path: Path, name: str, encoding: str) -> None:
    text = "id,title\na,x\n" if name == "a.csv" else '{"id": "a"}\n'
    data = ("" if encoding == "utf-16" else "\ufeff") + text
    with pytest.raises(InputError, match="expected UTF-8, got UTF-16; save it as UTF-8"):
        read_rows(write(tmp_path, name, data.encode(encoding)))


# -- a quote that is not closed


def table(rows: int, **changed: str) -> str:
    """A table of four columns, some of its lines replaced."""
    lines = [changed.get(f"row{n}", f"{n},Sony speaker {n},{20 + n % 9},EUR") for n in range(1, rows + 1)]
    return "\n".join(["id,title,price,currency", *lines, ""])


def ids_and_bad(path: Path) -> tuple[list[str], list[int]]:
    rows = list(read_rows(path))
    return [r.id for r in rows if isinstance(r, Listing)], [r.line for r in rows if isinstance(r, BadRow)]


@pytest.mark.parametrize(
    ("changed", "bad"),
    [
        ({"row10": '10,"Sony 55 TV,300,EUR'}, {10}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row500": '500,"Sony, black",20,EUR'}, {10}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row500": '500,Sony 20",20,EUR'}, {10}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row11": '11,Sony 20",20,EUR'}, {10}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row500": '500,"Sony 20,20,EUR'}, {10, 500}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row500": '500,"Sony 20"" TV",20,EUR'}, {10}),
        ({"row10": '10,"Sony 55 TV,300,EUR', "row20": '20,"",20,EUR', "row500": '500,",Sony",20,EUR'}, {10}),
        ({"row1": '"1,Sony,20,EUR'}, {1}),
        ({"row1000": '1000,Sony,20,"EUR'}, {1000}),
        ({"row999": '999,Sony,20,"EUR'}, {999}),
        ({"row10": '10,"Sony 55" TV",300,EUR'}, {10}),
        ({f"row{n}": f'{n},"Sony {n} TV,300,EUR' for n in range(1, 1001, 7)}, set(range(1, 1001, 7))),
        ({"row10": '10,Sony 55" TV,300,EUR'}, set()),
        ({"row10": '10,"Sony 55"" TV",300,EUR'}, set()),
        ({"row10": '10,"Sony\nTV, 55"", black\nas new",300,EUR'}, set()),
        ({"row10": '10,"Sony\n\n\nTV\n12, 13\n14",300,EUR'}, set()),
    ],
)
def test_a_quote_that_is_not_closed_costs_its_row(tmp_path: Path, changed: dict[str, str], bad: set[int]) -> None:
    good, named = ids_and_bad(write(tmp_path, "a.csv", table(1000, **changed)))
    assert good == [str(n) for n in range(1, 1001) if n not in bad]
    assert named == sorted(n + 1 for n in bad)


def test_a_description_of_many_lines_is_one_cell(tmp_path: Path) -> None:
    text = "\n".join(f"{n}, a line; with 12,50 and a 5 tube" for n in range(400))
    path = write(tmp_path, "a.csv", 'id,description,price\na,"' + text.replace('"', '""') + '",5\nb,x,6\n')
    assert list(read_rows(path)) == [
        Listing("a", description=text, price=5.0),
        Listing("b", description="x", price=6.0),
    ]


def test_lines_of_a_record_that_failed_are_no_short_rows(tmp_path: Path) -> None:
    """A cell too many behind a description: its lines are told, none becomes a listing of its own."""
    path = write(tmp_path, "a.csv", 'id,title,price\na,"x\nyy\nz",5,6\nb,x,6\n')
    good, bad = ids_and_bad(path)
    assert (good, bad) == (["b"], [2, 3, 4])


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=9) | st.sampled_from(
    ["a,b", 'a "b" c', "x\ny", "x\r\ny, z", '"', ";", "a\tb", "", " "]
)


@quick
@given(
    rows=st.lists(st.tuples(cells, cells), max_size=12),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_every_record_that_is_csv_comes_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str, end: str
) -> None:
    memory = io.StringIO(newline="")
    writer = csv.writer(memory, delimiter=delimiter, lineterminator=end)
    writer.writerow(["id", "title", "description"])
    writer.writerows((f"L{n}", *row) for n, row in enumerate(rows))
    path = write(tmp_path_factory.getbasetemp(), "any.csv", memory.getvalue())
    wanted = [
        Listing(f"L{n}", title=unescape(t) or None, description=unescape(d) or None) for n, (t, d) in enumerate(rows)
    ]
    assert list(read_rows(path)) == wanted


@quick
@given(
    lines=st.lists(
        st.sampled_from(
            ['1,"a', '1,b"', '1,"a"', "1,a", '1,"a""', '"1,a', '1,a",b', '"', "1", "1,a,b", '1,""', '1,","', "x, y"]
        ),
        max_size=30,
    )
)
def test_no_line_of_a_broken_csv_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """What is read is what is told: each line stands in one listing, or in one bad row."""
    path = write(tmp_path_factory.getbasetemp(), "broken.csv", "\n".join(["id,title", *lines]))
    covered = 0
    for row in read_rows(path):
        covered += 1 if isinstance(row, BadRow) else 1 + (row.id + (row.title or "")).count("\n")
    assert covered == len(lines)


# -- tables of any dialect


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_are_found_by_themselves(tmp_path: Path, delimiter: str) -> None:
    rows = ["id|title|price|attributes", 'a|"x, y; z"|1.5|"{""a"": ""b""}"', "b||2|"]
    path = write(tmp_path, "a.csv", "\n".join(row.replace("|", delimiter) for row in rows))
    assert list(read_rows(path)) == [
        Listing("a", title="x, y; z", price=1.5, attributes={"a": "b"}),
        Listing("b", price=2.0),
    ]
    path = write(tmp_path, "p.csv", "brand|price|currency\nAcme|5|EUR\n".replace("|", delimiter))
    assert list(read_price_rows(path)) == [PriceRecord("Acme", 5.0, "EUR")]


def test_headers_are_read_in_any_case(tmp_path: Path) -> None:
    wanted = [Listing("a", title="x", seller_id="s")]
    assert list(read_rows(write(tmp_path, "a.csv", "ID, Title ,SELLER_ID\na,x,s\n"))) == wanted
    assert list(read_rows(write(tmp_path, "a.jsonl", '{"Id": "a", "TITLE": "x", "Seller_Id": "s"}'))) == wanted
    assert list(read_rows(write_parquet(tmp_path, [{"Id": "a", "TITLE": "x", "Seller_Id": "s"}]))) == wanted
    path = write(tmp_path, "p.csv", "Brand,PRICE,Currency\nAcme,5,EUR\n")
    assert list(read_price_rows(path)) == [PriceRecord("Acme", 5.0, "EUR")]


@pytest.mark.parametrize(
    ("header", "likely"),
    [
        ("id,pirce", "price"), ("id,prices", "price"), ("id,imagse", "images"), ("id,TITEL", "title"),
        ("id,seler id", "seller_id"), ("id,sellr_id", "seller_id"), ("id,claimed-brnd", "claimed_brand"),
        ("ids,title", "id"), ("id,revews", "reviews"), ("id,Currancy", "currency"), ("id,category,categroy2", None),
        ("id,views_count", None), ("id,colour,zip,pirce,price", None), ("id,title,tile", None),
    ],
)  # fmt: skip
def test_a_column_that_is_nearly_one_of_ours_is_reported(tmp_path: Path, header: str, likely: str | None) -> None:
    row = ",".join("1" for _ in header.split(","))
    path = write(tmp_path, "a.csv", f"{header}\n{row}\n")
    values = dict.fromkeys(header.split(","), "1")
    if likely is None:
        assert len(list(read_rows(path))) == len(list(read_rows(write_parquet(tmp_path, [values])))) == 1
        return
    for source in (path, write_parquet(tmp_path, [values])):
        with pytest.raises(InputError, match=rf": expected the column {likely}, got "):
            read_rows(source)


def test_prices_with_a_column_that_is_nearly_one_of_theirs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p\.csv: expected the column price, got pirce"):
        read_price_rows(write(tmp_path, "p.csv", "brand,pirce,currency\nAcme,5,EUR\n"))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("title,zip", r"expected the column id; \['id'\] missing, got title, zip"),
        ("id,title,ID", "expected each column once, got id twice"),
    ],
)
def test_a_table_without_its_id_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv: {said}"):
        read_rows(write(tmp_path, "a.csv", f"{header}\na,b,c\n"))


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.CSV.GZ"])
def test_packed_files_are_read(tmp_path: Path, name: str) -> None:
    text = "id,title\na,x\n" if "csv" in name.lower() else '{"id": "a", "title": "x"}\n'
    path = write(tmp_path, name, gzip.compress(text.encode()))
    assert list(read_rows(path)) == [Listing("a", title="x")]
    path = write(tmp_path, "p.csv.gz", gzip.compress(b"brand,price,currency\nAcme,5,EUR\n"))
    assert list(read_price_rows(path)) == [PriceRecord("Acme", 5.0, "EUR")]


def test_a_packed_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f'{{"id": "{n}", "title": "{n * 7919}"}}\n' for n in range(9999)).encode())
    for data in (b"hello", whole[:5000], whole[:5000] + b"\xff" * 99 + whole[5099:]):
        with pytest.raises(CorruptFileError, match=r"^a\.jsonl\.gz: not gzip, or damaged after line \d"):
            list(read_rows(write(tmp_path, "a.jsonl.gz", data)))


def test_short_rows_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "a.csv", "id,title,price\na,x\nb\nc,y,5\n")
    assert list(read_rows(path)) == [Listing("a", title="x"), Listing("b"), Listing("c", title="y", price=5.0)]
    assert [r.getMessage() for r in caplog.records] == [
        "a.csv, line 2: 2 cells in 3 columns; those at the end count as empty, here and below"
    ]


def test_a_line_that_nobody_wrote_is_a_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.io.tables.MOST_LINE_CHARS", 100)
    for name, text in (("a.csv", "id,title\na,{}\nb,\n"), ("a.jsonl", '{{"id": "a", "title": "{}"}}\n{{"id": "b"}}\n')):
        for length in (100, 200, 999):
            bad, good = read_rows(write(tmp_path, name, text.format("x" * length)))
            assert isinstance(bad, BadRow)
            assert good == Listing("b")


# -- Parquet


def test_a_full_row_of_parquet(tmp_path: Path) -> None:
    assert list(read_rows(write_parquet(tmp_path, [FULL, {"id": "L2"}]))) == [
        FULL_LISTING,
        Listing("L2"),
    ]


def test_a_text_in_parquet_that_nobody_wrote_costs_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.io.parquet_rows._MOST_FIELD_BYTES", 100)
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "x" * 50},
        {"id": "b", "title": "x" * 100},
        {"id": "c", "title": None},
    ]
    first, bad, last = read_rows(write_parquet(tmp_path, rows))
    assert isinstance(first, Listing)
    assert bad == BadRow(2, "expected fields of less than 100 bytes, got as many or more")
    assert isinstance(last, Listing)


def test_a_row_group_of_huge_rows_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr("logoscan.io.parquet_rows._MOST_MEAN_BYTES", 1000)
    table = pa.table({"id": list("abcde"), "title": ["x", "x", "x" * 9000, "x", "x"]})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)  # ab, cd, e
    rows = list(read_rows(tmp_path / "a.parquet"))
    assert [row.id if isinstance(row, Listing) else (row.line, row.rows) for row in rows] == ["a", "b", (3, 2), "e"]
    (bad,) = [row.reason for row in rows if isinstance(row, BadRow)]
    assert bad.startswith("rows 3 to 4, 2 in all: expected row groups of at most 1000 bytes a row, got ")


@pytest.mark.parametrize("form", ["dictionary", "view", "list"])
def test_texts_of_any_arrow_type_are_capped(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr("logoscan.io.parquet_rows._MOST_FIELD_BYTES", 100)
    texts = pa.array(["short", "x" * 500, "short"])
    column = {
        "dictionary": lambda: texts.dictionary_encode(),
        "view": lambda: texts.cast(pa.string_view()),
        "list": lambda: pa.array([["short"], ["a", "x" * 500], None]),
    }[form]()
    table = pa.table({"id": ["a", "b", "c"], "reviews" if form == "list" else "title": column})
    parquet.write_table(table, tmp_path / "a.parquet")
    rows = list(read_rows(tmp_path / "a.parquet"))
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
    assert list(read_rows(write_parquet(tmp_path, rows, schema))) == [
        Listing("a", attributes={"colour": "red"}, price=1.5, claimed_brand=""),
        Listing("b"),
    ]


def test_attributes_that_only_some_rows_have_are_absent_in_the_others(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "attributes": {"colour": "red"}},
        {"id": "b", "attributes": {"size": "9"}},
    ]
    assert list(read_rows(write_parquet(tmp_path, rows))) == [
        Listing("a", attributes={"colour": "red"}),
        Listing("b", attributes={"size": "9"}),
    ]


def test_a_bad_row_of_parquet_is_named_and_passed_over(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"id": "first", "price": None}, {"id": None}, {"id": "b"}]
    first, bad, last = read_rows(write_parquet(tmp_path, rows))
    assert (first, last) == (Listing("first"), Listing("b"))
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.reason[:10]) == (2, "id: expect")


def test_parquets_dates_and_decimals_are_read(tmp_path: Path) -> None:
    day = {"id": "a", "listed_at": datetime.date(2024, 1, 1), "price": Decimal("12.50")}
    assert list(read_rows(write_parquet(tmp_path, [day]))) == [Listing("a", listed_at="2024-01-01", price=12.5)]
    moment = {"id": "b", "listed_at": datetime.datetime(2024, 1, 1, 12, 30, tzinfo=datetime.UTC)}
    (listing,) = read_rows(write_parquet(tmp_path, [moment]))
    assert listing == Listing("b", listed_at="2024-01-01T12:30:00+00:00")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path, [{"id": "a", "title": "b" * 999}]).read_bytes()
    for data in (b"", b"hello", whole[:-4]):
        with pytest.raises(CorruptFileError, match=r"^a\.parquet: not Parquet, or damaged"):
            list(read_rows(write(tmp_path, "a.parquet", data)))


def test_a_damaged_row_group_costs_that_group(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    names = [f"row-{n:03}" for n in range(30)]
    table, target = pa.table({"id": names}), tmp_path / "a.parquet"
    parquet.write_table(
        table, target, row_group_size=10, use_dictionary=False, compression="none", write_statistics=False
    )
    data = (tmp_path / "a.parquet").read_bytes()
    start = data.index(b"row-015") - 4  # the length of a text in the second group
    path = write(tmp_path, "a.parquet", data[:start] + b"\xff" * 4 + data[start + 4 :])
    rows = list(read_rows(path))
    assert [row.id for row in rows if isinstance(row, Listing)] == names[:10] + names[20:]
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.line, bad.rows) == (11, 10)
    assert bad.reason.startswith("rows 11 to 20, 10 in all: damaged (")


def test_more_rows_than_a_file_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"id": pa.nulls(200_000, pa.string())}), tmp_path / "a.parquet")
    size = (tmp_path / "a.parquet").stat().st_size
    monkeypatch.setattr("logoscan.io.parquet_rows._MOST_ROWS_A_BYTE", 200_000 // size - 1)
    with pytest.raises(CorruptFileError, match=rf"it says that it has 200000 rows in {size} bytes"):
        read_rows(tmp_path / "a.parquet")


def arrow_columns() -> dict[str, Any]:
    """Two rows in every form that Arrow has for our fields, and more beside them that are none of ours."""
    import pyarrow as pa

    ns = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns"))
    texts, epoch = pa.array(["x", None]), "1970-01-01T00:00:00+00:00"
    words = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    return {
        "an ignored timestamp of nanoseconds": ("crawled", ns, None),
        "an ignored map": ("more", pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), None),
        "nanoseconds": ("listed_at", ns, "2023-11-14T22:13:20.123456"),
        "seconds": ("listed_at", pa.array([1_700_000_000, None], pa.timestamp("s")), "2023-11-14T22:13:20"),
        "an unknown zone": ("listed_at", pa.array([0, None], pa.timestamp("us", "Mars/Base")), epoch),
        "a zone": ("listed_at", pa.array([0, None], pa.timestamp("ms", "Asia/Tokyo")), epoch),
        "days": ("listed_at", pa.array([1, None], pa.date32()), "1970-01-02"),
        "a dictionary": ("title", texts.dictionary_encode(), "x"),
        "large texts": ("title", texts.cast(pa.large_string()), "x"),
        "views": ("title", texts.cast(pa.string_view()), "x"),
        "bytes that are text": ("title", texts.cast(pa.binary()), "x"),
        "numbers as texts": ("seller_id", pa.array([7.0, None]), "7"),
        "decimals as ids": ("seller_id", pa.array([Decimal(7), None], pa.decimal128(38, 0)), "7"),
        "one image": ("images", texts, ("x",)),
        "names as bytes": ("images", pa.array([[b"x"], None]), ("x",)),
        "large lists": ("images", pa.array([["x"], None], pa.large_list(pa.large_string())), ("x",)),
        "lists of a fixed size": ("reviews", pa.array([["x"], None], pa.list_(pa.string(), 1)), ("x",)),
        "lists of dictionary": ("images", pa.array([["x"], None], words), ("x",)),
        "a half": ("price", pa.array([Decimal("0.5"), None]), 0.5),
        "an integer": ("price", pa.array([5, None]), 5.0),
        "a price as text": ("price", pa.array(["5.5", None]), 5.5),
        "a map": ("attributes", pa.array([[("a", "b")], None], pa.map_(pa.string(), pa.string())), {"a": "b"}),
        "a struct of numbers": ("attributes", pa.array([{"a": 300, "b": None}, None]), {"a": "300"}),
        "JSON in a text": ("attributes", pa.array(['{"a": 300}', None]), {"a": "300"}),
    }  # fmt: skip


@pytest.mark.parametrize("form", list(arrow_columns()))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_columns_of_any_arrow_type_are_read(form: str, tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    name, column, wanted = arrow_columns()[form]
    parquet.write_table(pa.table({"id": ["a", "b"], name: column}), tmp_path / "a.parquet")
    values = {} if wanted is None else {name: wanted}
    assert list(read_rows(tmp_path / "a.parquet")) == [Listing("a", **values), Listing("b")]


@pytest.mark.parametrize(
    ("name", "column", "reason"),
    [
        ("listed_at", lambda pa: pa.array([1 << 60, 0], pa.timestamp("us")), "expected an ISO 8601 date or time"),
        ("listed_at", lambda pa: pa.array([1 << 30, 0], pa.date32()), "expected an ISO 8601 date or time"),
        ("listed_at", lambda pa: pa.array([5, None]), "expected an ISO 8601 date or time, got 5"),
        ("title", lambda pa: pa.array([b"\xff\xd8", b"x"]), "expected UTF-8, got "),
        ("title", lambda pa: pa.array([b"\xff\xd8", b"x"]).view(pa.string()), "expected UTF-8, got "),
        ("images", lambda pa: pa.array([b"\x89PNG\r\n", b"x"]), "expected a file name, got "),
        ("images", lambda pa: pa.array([[b"\x89PNG\r\n"], [b"x"]]), "expected file names, got "),
        ("reviews", lambda pa: pa.array([{"a": 1}, None]), "expected texts, got a value that cannot be read ("),
    ],
)
def test_a_value_that_cannot_be_had_costs_its_field(tmp_path: Path, name: str, column: Any, reason: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"id": ["a", "b"], name: column(pa)}), tmp_path / "a.parquet")
    bad, good = read_rows(tmp_path / "a.parquet")
    assert isinstance(bad, Listing)
    assert isinstance(good, Listing)
    assert (bad.id, list(bad.dropped)) == ("a", [name])
    assert reason in bad.dropped[name]
    assert good.dropped == {}


# -- all of them


def test_unknown_fields_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = '{"id": "a", "colour": 1}\n{"id": "b", "colour": 2, "zip": 3}\n{"id": "c", "zip": 4}\n'
    with caplog.at_level(logging.WARNING, "logoscan"):
        assert len(list(read_rows(write(tmp_path, "a.jsonl", lines)))) == 3
    assert [r.getMessage() for r in caplog.records] == [
        "a.jsonl: ignored fields: colour",
        "a.jsonl: ignored fields: zip",
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "logoscan"):
        assert len(list(read_rows(write(tmp_path, "a.csv", "id,zip,colour\na,1,2\nb,3,4\n")))) == 2
    assert [r.getMessage() for r in caplog.records] == ["a.csv: ignored fields: colour, zip"]


def test_a_folder_gives_a_listing_for_each_photo(tmp_path: Path) -> None:
    assert list(read_rows(tmp_path)) == []
    for name in ("b.JPG", "a/z.png", "c.webp", "d.gif", "e.jpeg", "notes.txt", "f.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    names = ["a/z.png", "b.JPG", "c.webp", "d.gif", "e.jpeg", "f.bmp"]
    assert list(read_rows(tmp_path)) == [Listing(id=name, images=(name,)) for name in names]


def test_a_file_name_that_is_no_text_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "b\udcff.jpg").write_bytes(b"x")
    good, bad = read_rows(tmp_path)
    assert good == Listing("a.jpg", images=("a.jpg",))
    assert isinstance(bad, BadRow)
    assert "lone surrogate" in bad.reason


@pytest.mark.parametrize("name", ["missing.jsonl", "missing", "a.txt", "a.json"])
def test_another_source_is_refused_at_once(tmp_path: Path, name: str) -> None:
    if "missing" not in name:
        write(tmp_path, name, "{}")
    with pytest.raises(InputError, match=r"expected a folder of photos or a \.jsonl, \.csv or \.parquet file, got"):
        read_rows(tmp_path / name)


def test_rows_are_counted_for_progress(tmp_path: Path) -> None:
    assert row_count(write(tmp_path, "a.jsonl", '{"id": 1}\n{"id": 2}')) == 2
    assert row_count(write(tmp_path, "a.csv", "id\n1\n2\n3\n")) == 3
    assert row_count(write(tmp_path, "b.csv", "")) == 0
    assert row_count(write_parquet(tmp_path, [{"id": "a"}] * 4)) == 4
    assert row_count(write(tmp_path, "a.jsonl.gz", gzip.compress(b"\n"))) is None
    assert row_count(tmp_path) is None


# -- prices


def test_read_prices_of_a_csv(tmp_path: Path) -> None:
    text = (
        "\ufeffbrand,price,currency,category\nAcme,10,EUR,shoes\nAcme,12.5,eur,\nAcme,cheap,EUR,\nAcme,0,EUR,\n"
        "Acme,nan,EUR,\nAcme,5,EURO,\nAcme\n,5,EUR,\nBolt,7,USD,bags\n"
    )
    rows = list(read_price_rows(write(tmp_path, "p.csv", text)))
    assert [row for row in rows if isinstance(row, PriceRecord)] == [
        PriceRecord("Acme", 10.0, "EUR", "shoes"),
        PriceRecord("Acme", 12.5, "eur"),
        PriceRecord("Bolt", 7.0, "USD", "bags"),
    ]
    assert [row.line for row in rows if isinstance(row, BadRow)] == [4, 5, 6, 7, 8, 9]


def test_prices_without_a_category_column(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "price,currency,brand\n10,EUR,Acme\n10,EUR\n")
    good, bad = read_price_rows(path)
    assert good == PriceRecord("Acme", 10.0, "EUR")
    assert isinstance(bad, BadRow)
    assert "brand" in bad.reason


def test_prices_with_condition_and_title(tmp_path: Path) -> None:
    text = (
        "title,condition,brand,price,currency\n3 x 50 ml Day Cream,used,Acme,10,EUR\n,,Acme,10,EUR\n"
        "Set of 2 mugs,New,Acme,10,EUR\nAcme mug\n"
    )
    *good, bad = read_price_rows(write(tmp_path, "p.csv", text))
    assert good == [
        PriceRecord("Acme", 10.0, "EUR", None, "used", Pack(3, 50.0, "ml"), ("3", "x", "50", "ml", "day", "cream")),
        PriceRecord("Acme", 10.0, "EUR"),
        PriceRecord("Acme", 10.0, "EUR", None, "New", Pack(2), ("set", "of", "2", "mugs")),
    ]
    assert isinstance(bad, BadRow)


@pytest.mark.parametrize(("text", "missing"), [("", "'brand', 'price', 'currency'"), ("brand,price\n", "'currency'")])
def test_prices_need_their_columns(tmp_path: Path, text: str, missing: str) -> None:
    with pytest.raises(
        InputError, match=rf"p\.csv: expected the columns brand, price, currency; \[{missing}\] missing"
    ):
        list(read_price_rows(write(tmp_path, "p.csv", text)))


def test_prices_with_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", b"brand,price,currency\nCaf\xe9,5,EUR\nAcme,6,EUR\n")
    assert list(read_price_rows(path)) == [
        BadRow(2, "expected UTF-8, got bytes that are not"),
        PriceRecord("Acme", 6.0, "EUR"),
    ]


def test_prices_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prices: expected a CSV file, got"):
        list(read_price_rows(tmp_path / "not-there.csv"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Acme,POA,EUR,", "price: expected a number, got 'POA'"),
        ('Acme,"12,50 EUR",EUR,', "price: expected a number, got '12,50 EUR'"),
        ('Acme,"1,299",EUR,', "price: expected a number, got '1,299'"),
        ("Acme,5 EUR,EUR,", "price: expected a number, got '5 EUR'"),
        ("Acme,1_0,EUR,", "price: expected a number, got '1_0'"),
        ("Acme,-5,EUR,", "price: expected a finite number in [1e-06, 1e+12], got -5.0"),
        ("Acme,1e400,EUR,", "price: expected a finite number in [1e-06, 1e+12], got inf"),
        ("Acme,5,12€,", "currency: expected a three-letter ISO 4217 code, got '12€'"),
        ("Acme,5,€,", "currency: expected a three-letter ISO 4217 code, got '€'"),
        ("Acme,5,,", "currency: expected one, got an empty cell"),
        ("Acme,5", "currency: expected one, got an empty cell"),
        (" ,5,EUR,", "brand: expected one, got an empty cell"),
        ('Acme,5,EUR,"a', "not CSV ("),
        ("Acme,5,EUR,,", "expected 4 columns, got 5"),
    ],
)
def test_a_bad_row_of_prices_is_named(tmp_path: Path, row: str, reason: str) -> None:
    path = write(tmp_path, "p.csv", f"brand,price,currency,title\nAcme,4,EUR,\n{row}\nAcme,6,EUR,x\n")
    first, bad, last = read_price_rows(path)
    assert (first, last) == (PriceRecord("Acme", 4.0, "EUR"), PriceRecord("Acme", 6.0, "EUR", words=("x",)))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith(reason)


def test_entities_in_prices_are_decoded(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "p.csv",
        "brand,price,currency,category,title\nL&#39;Or&eacute;al,5,EUR,Skin &amp; Hair,3 &times; 50 ml\n",
    )
    (record,) = read_price_rows(path)
    said = Pack(3, 50.0, "ml"), ("3", "50", "ml")
    assert record == PriceRecord("L'Oréal", 5.0, "EUR", "Skin & Hair", None, *said)


def test_labels_behind_a_quote_that_is_not_closed_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"l\.csv, line 2: not CSV"):
        read_labels(write(tmp_path, "l.csv", 'file,brand\n"a.jpg,Acme\nb.jpg,Acme\n'))
    assert read_labels(write(tmp_path, "l.csv", "File;Brand\na.jpg;Acme|Bolt\nb.jpg;\n")) == [
        ("a.jpg", frozenset({"Acme", "Bolt"})),
        ("b.jpg", frozenset()),
    ]


def test_a_number_is_an_id(tmp_path: Path) -> None:
    assert list(read_rows(write(tmp_path, "a.jsonl", '{"id": 42}\n'))) == [Listing("42")]

"""One row, however a stranger wrote it: a field that cannot be read costs that field, is told, and nothing else."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from broken_rows import GOOD, as_jsonl, broken_rows
from fakes import BLUE, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import listings, quick

from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_rows
from logoscan.io.rows import FIELDS, BadRow, to_listing
from logoscan.io.values import plain_number, unescape
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Listing
from logoscan.vision.tiles import WholeImage

ACME = quarters(RED, WHITE, BLUE, YELLOW)
HALF = "\ud83d"


def short(value: Any) -> str:
    """A name for a case, whatever it is."""
    try:
        return ascii(value)[:30]
    except ValueError:
        return "huge"


TEXT_FIELDS = ("title", "description", "claimed_brand", "category", "condition", "seller_id", "url")


def read(**values: Any) -> Listing:
    listing = to_listing({"id": "a", **values})
    assert isinstance(listing, Listing)
    return listing


def test_a_row_with_only_an_id() -> None:
    assert to_listing({"id": "a"}) == Listing("a")
    assert to_listing({"id": "a", **dict.fromkeys(GOOD)}) == Listing("a")
    assert to_listing({"id": "a", **GOOD}) == Listing("a", **GOOD)
    assert to_listing({}, 7) == BadRow(7, "id: expected a non-empty string, got nothing")
    assert to_listing([("id", "a")], 7) == BadRow(7, "expected an object, got list")  # type: ignore[arg-type]


@quick
@given(listing=listings)
def test_what_a_listing_states_is_read_as_it_is(listing: Listing) -> None:
    values = {name: getattr(listing, name) for name in FIELDS}
    decoded = to_listing(values)
    assert isinstance(decoded, Listing)
    assert decoded.dropped == {}
    assert [getattr(decoded, n) for n in ("id", "images", "price", "currency", "seller_id", "listed_at", "url")] == [
        getattr(listing, n) for n in ("id", "images", "price", "currency", "seller_id", "listed_at", "url")
    ]
    assert decoded.title == (None if listing.title is None else unescape(listing.title))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "POA", "expected a number, got 'POA'"),
        ("price", "12,50 €", "expected a number, got '12,50 €'"),
        ("price", "12,50", "expected a number, got '12,50'"),
        ("price", "1.234,56", "expected a number, got '1.234,56'"),
        ("price", "9 EUR", "expected a number, got '9 EUR'"),
        ("price", "1_0", "expected a number, got '1_0'"),
        ("price", "0x10", "expected a number, got '0x10'"),
        ("price", "nan", "expected a number, got 'nan'"),
        ("price", "٣", "expected a number, got '٣'"),
        ("price", -1, "expected a finite number in [0, 1e+12], got -1.0"),
        ("price", "-1", "expected a finite number in [0, 1e+12], got '-1'"),
        ("price", math.inf, "expected a finite number in [0, 1e+12], got inf"),
        ("price", "1e400", "expected a finite number in [0, 1e+12], got '1e400'"),
        ("price", 10**400, "expected a finite number in [0, 1e+12], got inf"),
        ("price", Decimal("sNaN"), "expected a finite number in [0, 1e+12], got nan"),
        ("price", True, "expected a number, got True"),
        ("price", [5], "expected a number, got [5]"),
        ("price", {"value": 5}, "expected a number, got {'value': 5}"),
        ("currency", "€", "expected a three-letter ISO 4217 code, got '€'"),
        ("currency", "12€", "expected a three-letter ISO 4217 code, got '12€'"),
        ("currency", "euro", "expected a three-letter ISO 4217 code, got 'euro'"),
        ("currency", 978, "expected a three-letter ISO 4217 code, got 978"),
        ("ships_from", "Italy", "expected a two-letter ISO 3166 code, got 'Italy'"),
        ("ships_from", 39, "expected a two-letter ISO 3166 code, got 39"),
        ("listed_at", "05/01/2024", "expected an ISO 8601 date or time, got '05/01/2024'"),
        ("listed_at", "yesterday", "expected an ISO 8601 date or time, got 'yesterday'"),
        ("listed_at", 1_700_000_000, "expected an ISO 8601 date or time, got 1700000000"),
        ("listed_at", HALF, r"expected an ISO 8601 date or time, got '\ud83d'"),
        ("images", 5, "expected a file name, got 5"),
        ("images", {"0": "a.jpg"}, "expected a file name, got {'0': 'a.jpg'}"),
        ("images", True, "expected a file name, got True"),
        ("attributes", [], None),
        ("attributes", ["a"], "expected names and their texts (a JSON object), got ['a']"),
        ("attributes", "{", "expected names and their texts (a JSON object), got '{'"),
        ("attributes", "[" * 99_999, "expected names and their texts (a JSON object), got a text of 99999 characters"),
        ("attributes", 5, "expected names and their texts (a JSON object), got 5"),
        ("attributes", [{"name": "a", "value": "b"}], "expected names and their texts (a JSON object), got [{"),
        *((name, True, "expected a text, got True") for name in TEXT_FIELDS),
        *((name, ["a"], "expected a text, got ['a']") for name in TEXT_FIELDS),
        *((name, {"a": {"b": 1}}, "expected a text, got {'a': {'b': 1}}") for name in TEXT_FIELDS),
        ("title", 10**5000, "expected a text, got "),
        ("title", Fraction(10**400), "expected a text, got "),
    ],
    ids=short,
)
def test_a_field_that_cannot_be_read_is_dropped_and_reported(field: str, value: Any, reason: str | None) -> None:
    listing = to_listing({"id": "a", **GOOD, field: value})
    assert isinstance(listing, Listing)
    rest = {name: value for name, value in GOOD.items() if name != field}
    assert listing == Listing("a", **rest, dropped=listing.dropped)
    if reason is None:
        assert listing.dropped == {}
        return
    assert list(listing.dropped) == [field]
    assert listing.dropped[field].startswith(reason)
    assert listing.dropped[field].endswith("; the field was dropped")
    assert len(listing.dropped[field]) < 300
    listing.dropped[field].encode()


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("price", "19.99", 19.99),
        ("price", " 5 ", 5.0),
        ("price", "1e3", 1000.0),
        ("price", Decimal("5.50"), 5.5),
        ("price", np.float32(0.5), 0.5),
        ("price", np.int64(5), 5.0),
        ("price", -0.0, 0.0),
        ("price", "", None),
        ("currency", " eur ", "EUR"),
        ("currency", "", None),
        ("ships_from", " it ", "IT"),
        ("ships_from", "", None),
        ("listed_at", "", None),
        ("listed_at", " 2024-02-29 ", "2024-02-29"),
        ("listed_at", datetime.date(2024, 2, 29), "2024-02-29"),
        ("listed_at", datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC), "2024-02-29T12:00:00+00:00"),
        ("seller_id", 42, "42"),
        ("seller_id", 42.0, "42"),
        ("seller_id", 7.5, "7.5"),
        ("seller_id", Decimal(42), "42"),
        ("seller_id", UUID(int=1), str(UUID(int=1))),
        ("seller_id", 10**30, str(10**30)),
        ("seller_id", np.int64(42), "42"),
        ("title", 501, "501"),
        ("title", b"Acme", "Acme"),
        ("claimed_brand", "", ""),
        ("category", 12, "12"),
        ("images", "a.jpg", ("a.jpg",)),
        ("images", "", ()),
        ("images", ("a.jpg",), ("a.jpg",)),
        ("images", [], ()),
        ("images", np.array(["a.jpg", "b.jpg"], object), ("a.jpg", "b.jpg")),
        ("images", Path("a.jpg"), (Path("a.jpg"),)),
        ("images", [b"GIF8"], (b"GIF8",)),
        ("images", b"GIF8", (b"GIF8",)),
        ("reviews", "fine", ("fine",)),
        ("reviews", "", ()),
        ("reviews", [5], ("5",)),
        ("attributes", {"weight": 300}, {"weight": "300"}),
        ("attributes", {"weight": 300.0}, {"weight": "300"}),
        ("attributes", {"weight": 1.5}, {"weight": "1.5"}),
        ("attributes", {1: "a"}, {"1": "a"}),
        ("attributes", {"a": None, "b": "c"}, {"b": "c"}),
        ("attributes", [("a", "b")], {"a": "b"}),
        ("attributes", '{"a": "b"}', {"a": "b"}),
        ("attributes", " ", {}),
    ],
    ids=short,
)
def test_what_can_be_repaired_without_guessing_is_not_told(field: str, value: Any, kept: Any) -> None:
    listing = read(**{field: value})
    assert getattr(listing, field) == kept
    assert listing.dropped == {}


@pytest.mark.parametrize(
    ("field", "value", "kept", "reason"),
    [
        *(
            (
                name,
                f"{HALF} Acme",
                "\ufffd Acme",
                r"expected Unicode text, got '\ud83d Acme'; 1 of it replaced by U+FFFD",
            )
            for name in TEXT_FIELDS
        ),
        (
            "title",
            "\udcff\udcfeAcme",
            "\ufffd\ufffdAcme",
            r"expected UTF-8, got '\udcff\udcfeAcme'; 2 of it replaced by U+FFFD",
        ),
        ("title", b"caf\xe9", "caf\ufffd", "expected UTF-8, got "),
        ("images", [None, "a.jpg"], ("a.jpg",), "expected file names, got None as number 1; it was dropped"),
        (
            "images",
            ["a.jpg", 5, {"url": "b"}],
            ("a.jpg",),
            "expected file names, got 5 as number 2; it was dropped (so were 1 more)",
        ),
        (
            "images",
            [f"{HALF}.jpg", "a.jpg"],
            ("a.jpg",),
            r"expected file names, got '\ud83d.jpg' as number 1; it was dropped",
        ),
        (
            "reviews",
            ["fine", None, HALF],
            ("fine", "\ufffd"),
            "expected texts, got None as number 2; it was dropped (so were 1 more)",
        ),
        (
            "attributes",
            {"a": "b", "c": ["d"]},
            {"a": "b"},
            "expected texts by their names, got ('c', ['d']) as number 2; it was dropped",
        ),
        (
            "attributes",
            {"a": "b", "c": True},
            {"a": "b"},
            "expected texts by their names, got ('c', True) as number 2; it was dropped",
        ),
        (
            "attributes",
            [(["a"], "b")],
            {},
            "expected texts by their names, got (['a'], 'b') as number 1; it was dropped",
        ),
        ("attributes", {"a": "b", HALF: HALF}, {"a": "b", "\ufffd": "\ufffd"}, "expected texts by their names, got "),
        (
            "attributes",
            {"a": math.inf},
            {},
            "expected texts by their names, got ('a', inf) as number 1; it was dropped",
        ),
    ],
    ids=short,
)
def test_what_of_a_field_can_be_read_is_kept_and_the_rest_told(field: str, value: Any, kept: Any, reason: str) -> None:
    listing = read(**{field: value})
    assert getattr(listing, field) == kept
    assert list(listing.dropped) == [field]
    assert listing.dropped[field].startswith(reason)


@pytest.mark.parametrize("identity", [42, 42.0, Decimal(42), np.int64(42), "42", b"42"], ids=short)
def test_a_number_is_an_id(identity: Any) -> None:
    assert to_listing({"id": identity}) == Listing("42")


@pytest.mark.parametrize(
    "identity", ["", " ", True, [], {}, math.nan, HALF, b"\xff", Decimal("NaN"), 10**5000], ids=short
)
def test_a_row_without_a_usable_id_is_a_bad_row(identity: Any) -> None:
    row = to_listing({"id": identity, **GOOD}, 5)
    assert isinstance(row, BadRow)
    assert (row.line, row.reason[:12]) == (5, "id: expected")
    row.reason.encode()


def test_halves_of_a_character_that_meet_are_one() -> None:
    assert read(title="\ud83d\ude00") == Listing("a", title="😀")


def test_a_name_as_it_is_goes_before_one_in_another_case() -> None:
    assert to_listing({"ID": "b", "id": "a", "Title": "x", "TITLE": "y"}) == Listing("a", title="x")


def test_what_was_dropped_is_said_by_no_source() -> None:
    assert to_listing({"id": "a", "dropped": {"price": "x"}, "Dropped": {"price": "x"}}) == Listing("a")


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("Levi&#39;s", "Levi's"),
        ("H&amp;M", "H&M"),
        ("L&#39;Or&eacute;al", "L'Oréal"),
        ("&amp;amp;amp;", "&"),
        ("&amp;amp;amp;amp;", "&amp;"),
        ("&#x27;&#0039;&#X0027;", "'''"),
        ("Jack & Jones", "Jack & Jones"),
        ("&nosuch;", "&nosuch;"),
        ("a&#" + "9" * 5000 + ";b", "a\ufffdb"),
        ("a&#" + "0" * 5000 + "39;b", "a'b"),
        ("&#xD83D;", "\ufffd"),
        ("&", "&"),
        ("&#x" + "f" * 5000 + ";Levi&#39;s", "\ufffdLevi's"),
    ],
    ids=short,
)
def test_entities_are_decoded(text: str, decoded: str) -> None:
    assert unescape(text) == decoded
    listing = read(**dict.fromkeys(("title", "description", "claimed_brand", "category", "condition"), text))
    assert listing == Listing(
        "a", title=decoded, description=decoded, claimed_brand=decoded, category=decoded, condition=decoded
    )
    assert read(attributes={text: text}, reviews=[text]) == Listing(
        "a", attributes={decoded: decoded}, reviews=(decoded,)
    )
    assert read(url=text, seller_id=text) == Listing("a", url=text, seller_id=text)


@quick
@given(text=st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    unescape(text)
    plain_number(text)
    listing = read(
        **dict.fromkeys((*TEXT_FIELDS, "price", "currency", "listed_at", "attributes", "reviews", "images"), text)
    )
    assert isinstance(json.dumps(dict(listing.dropped)).encode(), bytes)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(), max_size=9)
    | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@quick
@given(values=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=9), anything))
def test_a_row_of_anything_is_a_listing_or_says_that_it_has_no_id(values: dict[str, Any]) -> None:
    row = to_listing(values, 3)
    if isinstance(row, BadRow):
        assert row.reason.startswith("id: expected ")
    else:
        assert set(row.dropped) <= set(values)


def test_images_are_for_callers_and_not_for_files() -> None:
    picture = Image.new("RGB", (8, 8))
    array = np.zeros((8, 8, 3), np.uint8)
    assert read(images=[picture, array, b"\xff\xd8"]).images == (picture, array, b"\xff\xd8")
    assert read(images=picture).images == (picture,)
    row = to_listing({"id": "a", "images": [b"\xff\xd8", b"a.jpg", picture]}, pictures=False)
    assert isinstance(row, Listing)
    assert row.images == ("a.jpg",)
    assert row.dropped["images"].startswith("expected file names, got 2 bytes as number 1; it was dropped")


# -- many of them


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Scanner:
    root = tmp_path_factory.mktemp("photos")
    Image.fromarray(ACME).save(root / "acme.png")
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), [("a", ACME)])
    return Scanner(index, encoder=encoder, detector=WholeImage(), similarity_threshold=0.9, root=root)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_broken_row_is_screened_or_named(scanner: Scanner, tmp_path: Path, seed: int) -> None:
    rows = list(broken_rows(1000, seed))
    (tmp_path / "a.jsonl").write_bytes(as_jsonl(rows))
    out = list(read_rows(tmp_path / "a.jsonl"))
    assert len(out) == len(rows)
    good = []
    for row, read in zip(rows, out, strict=True):
        assert isinstance(read, Listing) == row.usable, (row, read)
        if isinstance(read, Listing):
            good.append(read)
            assert set(read.dropped) <= row.fields
            whole = {name: getattr(read, name) for name in GOOD if name not in row.fields}
            assert whole == {name: getattr(Listing("a", **GOOD), name) for name in whole}
    reports = list(scanner.scan_many(good))
    assert [report.listing_id for report in reports] == [listing.id for listing in good]
    for listing, report in zip(good, reports, strict=True):
        assert {f"{name}: {why}" for name, why in listing.dropped.items()} <= set(report.warnings)
    answers = [scanner.screen(listing, deadline_s=math.inf) for listing in good[::10]]
    assert len(answers) == len(good[::10])


def test_the_report_says_what_was_dropped(scanner: Scanner) -> None:
    report = scanner.scan(read(images=["acme.png"], price="POA", title=f"Acme {HALF}"))
    assert report.warnings == (
        "price: expected a number, got 'POA'; the field was dropped",
        r"title: expected Unicode text, got 'Acme \ud83d'; 1 of it replaced by U+FFFD",
    )
    assert report.matches[0].brand == "Acme"
    assert "Acme" in {mention.brand for mention in report.mentions}


@pytest.mark.parametrize("name", ["price", *TEXT_FIELDS])
def test_what_pandas_holds_for_nothing_is_absent(name: str) -> None:
    """In rows of a program; in a file somebody wrote it."""
    row = {"id": "a", name: math.nan}
    ours, written = to_listing(row), to_listing(row, pictures=False)
    assert isinstance(ours, Listing)
    assert isinstance(written, Listing)
    assert (getattr(ours, name), ours.dropped) == (None, {})
    assert list(written.dropped) == [name]

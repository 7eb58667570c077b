"""Tokens: what a listing has in common with others, hidden contacts, files of tokens, and the list at the door."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from strategies import make_report

from logoscan.errors import InputError
from logoscan.io.rows import BadRow
from logoscan.merchants.token_file import TokenRow, read_tokens, write_tokens
from logoscan.merchants.token_list import TokenList
from logoscan.merchants.tokens import Token, hide, is_hidden, listing_tokens, title_signature
from logoscan.results import ImageRecord, ListingFacts

KEY = b"a secret of the platform"
PDQ = f"{random.Random(1).getrandbits(256):064x}"
NEAR = f"{int(PDQ, 16) ^ 0b111:064x}"
FAR = f"{random.Random(2).getrandbits(256):064x}"
SHA = "ab" * 32
TITLE = "Acme shoulder bag made of brown leather with strap"


def test_a_listing_without_anything_has_no_tokens() -> None:
    assert listing_tokens(make_report()) == ()
    assert listing_tokens(make_report(images=(ImageRecord("a.jpg", None, None, None),))) == ()


def test_photos_are_named_by_their_hash_else_by_their_file_and_titles_by_a_signature() -> None:
    images = [ImageRecord("a", SHA, 9, 9, PDQ), ImageRecord("b", SHA, 9, 9), ImageRecord("c", SHA, 9, 9, PDQ)]
    tokens = listing_tokens(make_report(images=tuple(images), listing=ListingFacts(title=TITLE)))
    assert tokens[:2] == (Token("photo", PDQ), Token("file", SHA))
    assert [token.kind for token in tokens] == ["photo", "file", "text"]
    assert len(tokens[2].token) == 128


@pytest.mark.parametrize("title", [None, "", "Acme bag", "a a a a a a a", "!!! ??? ..."])
def test_short_titles_are_no_tokens(title: str | None) -> None:
    assert title_signature(title) is None


def test_order_case_and_punctuation_of_a_title_do_not_matter() -> None:
    other = "STRAP, with! leather: brown of made bag shoulder... acme"
    assert title_signature(TITLE) == title_signature(other)
    assert title_signature(TITLE) != title_signature(f"{TITLE} entirely different words everywhere else here")


def test_contacts_are_hidden_under_the_key() -> None:
    hidden = hide("+4915123", KEY)
    assert is_hidden(hidden)
    assert hidden == hide("+4915123", KEY) != hide("+4915123", KEY[::-1])
    assert not is_hidden("+4915123")
    with pytest.raises(InputError, match="key: expected 16 bytes or more, got 5 bytes"):
        hide("+4915123", b"short")


# -- files


def rows_of(path: Path, **options: bool) -> tuple[list[TokenRow], list[BadRow]]:
    bad: list[BadRow] = []
    return list(read_tokens(path, key=KEY, on_error=bad.append, **options)), bad


def test_tokens_survive_a_file_and_contacts_are_never_in_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"seller_id,kind,token,first_seen\nA,contact,+49 151,5.5\nA,photo,{PDQ.upper()},\n")
    rows, bad = rows_of(tmp_path / "t.csv")
    assert bad == []
    assert rows == [TokenRow("contact", hide("+49 151", KEY), "A", None, 5.5), TokenRow("photo", PDQ, "A")]
    write_tokens(tmp_path / "u.csv", rows)
    assert "+49" not in (tmp_path / "u.csv").read_text()
    assert rows_of(tmp_path / "u.csv")[0] == rows


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"kind": ["code", None], "token": ["x", "y"], "seller_id": ["A", "B"], "first_seen": [1.0, None]})
    parquet.write_table(table, tmp_path / "t.parquet")
    rows, bad = rows_of(tmp_path / "t.parquet")
    assert rows == [TokenRow("code", hide("x", KEY), "A", None, 1.0)]
    assert [(row.line, row.reason) for row in bad] == [
        (2, "kind: expected photo, file, text, contact, code, id, got ''")
    ]
    parquet.write_table(table.drop_columns(["kind"]), tmp_path / "u.parquet")
    with pytest.raises(InputError, match=r"u\.parquet: expected the column kind, got token, seller_id, first_seen"):
        rows_of(tmp_path / "u.parquet")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",contact,x,", "seller_id: expected one, got an empty cell"),
        (f"{'s' * 1001},contact,x,", "seller_id: expected 1000 characters or fewer, got 1001"),
        ("A,phone,x,", "kind: expected photo, file, text, contact, code, id, got 'phone'"),
        ("A,contact,,", "token: expected one, got an empty cell"),
        ("A,photo,beef,", "token: expected 64 hex digits for a photo, got 'beef'"),
        ("A,contact,x,soon", "first_seen: expected seconds since 1970, got 'soon'"),
    ],
)
def test_a_bad_row_costs_that_row(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(f"seller_id,kind,token,first_seen\n{line}\nA,contact,x,\n")
    rows, bad = rows_of(tmp_path / "t.csv")
    assert [row.seller_id for row in rows] == ["A"]
    assert [(row.line, row.reason) for row in bad] == [(2, reason)]


# -- the door


def test_an_empty_list_doubts_nothing() -> None:
    assert TokenList([]).doubts([Token("photo", PDQ)]) == ()
    assert TokenList([TokenRow("photo", PDQ)]).doubts([]) == ()
    assert len(TokenList([TokenRow("text", "ab" * 64)])) == 0


def test_a_near_copy_of_a_photo_is_known_and_another_photo_is_not() -> None:
    known = TokenList([TokenRow("photo", PDQ, "A"), TokenRow("file", SHA, "B"), TokenRow("contact", "f" * 32, "A")])
    assert known.doubts([Token("photo", NEAR)]) == ("shows 1 photo of the account 'A', closed before",)
    assert known.doubts([Token("photo", FAR), Token("contact", "e" * 32)]) == ()
    both = known.doubts([Token("photo", NEAR), Token("file", SHA), Token("contact", "f" * 32)])
    assert both == ("shows 1 contact and 2 photos of the accounts 'A', 'B', closed before",)
    many = TokenList([TokenRow("photo", PDQ, f"S{i}") for i in range(5)])
    assert many.doubts([Token("photo", PDQ)]) == (
        "shows 1 photo of the accounts 'S0', 'S1', 'S2' and 2 more, closed before",
    )
    assert TokenList([TokenRow("photo", PDQ)]).doubts([Token("photo", PDQ)]) == ("shows 1 photo of a closed account",)


def test_titles_hold_nobody() -> None:
    signature = title_signature(TITLE) or ""
    assert TokenList([TokenRow("text", signature, "A")]).doubts([Token("text", signature)]) == ()

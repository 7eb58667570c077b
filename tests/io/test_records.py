"""Records to JSON and back without losing a bit, and seals."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import brands, encoder_infos, logo_records, make_report, price_models, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.index.storage import LogoRecord
from logoscan.io.records import from_json, from_mapping, loads, to_json, to_mapping
from logoscan.io.sealed_lines import seal, unseal
from logoscan.pricing.model import PriceModel
from logoscan.types import Brand, EncoderInfo, UsualPrice


@pytest.mark.parametrize("record", [Brand("A"), PriceModel()], ids=lambda r: type(r).__name__)
def test_empty_record_round_trips(record: Any) -> None:
    assert from_json(type(record), to_json(record), "x") == record


@quick
@given(
    record=st.one_of(brands, encoder_infos, price_models(), logo_records),
)
def test_records_round_trip_bit_for_bit(record: Any) -> None:
    text = to_json(record)
    assert "\n" not in text
    again = from_json(type(record), text, "x")
    assert again == record
    assert repr(again) == repr(record), "repr tells 0.0 from -0.0, tuple from list, int from float"
    assert from_json(type(record), text.encode(), "x") == record
    assert from_mapping(type(record), to_mapping(record), "x") == record
    assert json.loads(text) == to_mapping(record)


@pytest.mark.parametrize("number", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2.5e-7, 123456789.12345679])
def test_a_hard_number_keeps_every_bit(number: float) -> None:
    brand = Brand("A", usual_prices=(UsualPrice("EUR", min(max(number, 1e-6), 1e12), 1e12),))
    again = from_json(Brand, to_json(brand), "x")
    assert again.usual_prices[0].low.hex() == brand.usual_prices[0].low.hex()


def test_the_keys_are_those_of_the_format() -> None:
    assert list(to_mapping(make_report())) == [
        "listing_id", "seller_id", "score", "brands", "matches", "mentions", "warnings", "skipped", "images",
        "provenance", "schema_version", "listing", "price", "text", "unread", "codes", "contacts", "declared",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ('{"name": "A"', "Invalid JSON"),
        (b'{"name": "\xff"}', "Invalid JSON"),
        ("[" * 5000, "Invalid JSON"),
        ("[]", "expected a Brand"),
        ("{}", "name: Field required"),
        ('{"name": ""}', "Brand.name: expected a non-empty string, got ''"),
        ('{"name": 5}', "name: Input should be a valid string, got 5"),
        ('{"name": "A", "aliases": "B"}', "aliases: Input should be a valid array, got 'B'"),
        ('{"name": "A", "usual_prices": [{"currency": "EUR", "low": 5, "high": 4}]}', "UsualPrice.high: expected"),
    ],
)
def test_invalid_record_is_refused_with_its_position(text: str | bytes, reason: str) -> None:
    with pytest.raises(CorruptFileError) as caught:
        from_json(Brand, text, "brands.jsonl, line 3")
    message = str(caught.value)
    assert message.startswith("brands.jsonl, line 3: expected a Brand: ")
    assert reason in message
    assert "pydantic" not in message


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_line_is_refused(cut: int) -> None:
    info = EncoderInfo.__name__
    text = to_json(LogoRecord("A/a.png", "A", "as-is", "00"))
    with pytest.raises(CorruptFileError, match=r"logos\.jsonl, line 9: expected a LogoRecord"):
        from_json(LogoRecord, text[:-cut], "logos.jsonl, line 9")
    with pytest.raises(CorruptFileError, match=f"expected a {info}"):
        from_json(EncoderInfo, text, "x")


def test_a_persons_mistake_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"^brand\.json: usual_prices\.0\.low: Field required$"):
        from_mapping(Brand, {"name": "A", "usual_prices": [{"currency": "EUR", "high": 4}]}, "brand.json")


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000, "1" * 5000])
def test_loads_refuses_what_is_not_json(text: str | bytes) -> None:
    with pytest.raises(CorruptFileError, match=r"^manifest: not JSON \("):
        loads(text, "manifest")


def test_loads_gives_plain_values() -> None:
    assert loads(b'{"a": [1, null]}', "x") == {"a": [1, None]}


# -- seals


def test_seal_is_removed_with_its_position() -> None:
    text = '{"name":"Ä","sha256":"no seal"}'
    for line, last, by in ((None, False, None), (1, False, None), (12, True, None), (3, False, "0" * 16)):
        sealed = seal(text, line=line, last=last, run=by)
        assert unseal(sealed, "x") == unseal(sealed.encode(), "x") == (text.encode(), line, last, by)
        values = json.loads(sealed)
        assert values.pop("sha256") == hashlib.sha256(f"{sealed[:-77]}}}".encode()).hexdigest()
        assert (values.get("line"), values.get("last", False), values.get("run")) == (line, last, by)


def test_every_byte_under_a_seal_counts() -> None:
    good = seal(to_json(LogoRecord("A/a.png", "A", "as-is", "00")), line=3).encode()
    for place in range(len(good)):
        for bad in (
            good[:place],
            *(good[:place] + bytes([good[place] ^ 1 << b]) + good[place + 1 :] for b in range(8)),
        ):
            with pytest.raises(CorruptFileError, match=r"f\.json: altered, damaged or cut short"):
                unseal(bad, "f.json")
    for bad in (good + b"\n", b" " + good, b"{" + good, good * 2):
        with pytest.raises(CorruptFileError, match=r"f\.json"):
            unseal(bad, "f.json")

"""Signals about codes, contacts, print and files: where each fires, where it is 0, where it abstains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from logoscan.evidence import Code, Contact, Declaration
from logoscan.pricing.model import PriceJudgement
from logoscan.results import Signal
from logoscan.scoring.case import Case, OtherEvidence
from logoscan.scoring.evidence_signals import code_contradicts, contact_diversion, declared_ai, photo_contradicts
from logoscan.scoring.model import NO_PROOF, ScoreModel
from logoscan.text.specs import PhotoLine
from logoscan.types import Brand, BrandMention, Listing

BOX = (0.0, 0.0, 9.0, 9.0)
ACME = Brand("Acme", gtin_prefixes=("4006381",), official_domains=("acme.com",), photo_signers=("a" * 64,))
OWN, FOREIGN = "04006381333931", "05012345678900"
UNJUDGED = PriceJudgement(None, "none")


def code(gtin: str | None = None, text: str = "x", valid: bool | None = True, serial: str | None = None) -> Code:
    return Code("ean13", text, BOX, gtin, serial, valid)


def case(brand: Brand = ACME, listing: dict[str, Any] | None = None, **other: Any) -> Case:
    return Case(brand, Listing("L", **(listing or {})), 1.0, "Acme", (), UNJUDGED, other=OtherEvidence(**other))


def value(signal: Signal | None) -> float | None:
    return None if signal is None else signal.value


def test_nothing_is_said_of_nothing() -> None:
    for function in (code_contradicts, contact_diversion, photo_contradicts, declared_ai):
        assert function(case()) is None
        assert function(replace(case(), listing=Listing("L", title="Acme 256GB"))) is None


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((code(OWN),), 0.0),
        ((code(FOREIGN),), 0.8),
        ((code(FOREIGN), code(OWN)), 0.0),
        ((code("02012345678900"),), 0.0),  # a shop's own label
        ((code(None, valid=False),), 0.7),
        ((code(None, "https://www.acme.com/a", None),), 0.0),
        ((code(None, "https://evil.example.net/a", None),), 0.5),
        ((code(None, "https://apps.apple.com/a", None),), 0.0),
        ((code(None, "https://evil.net/a", None), code(None, "https://acme.com", None)), 0.0),
    ],
)
def test_codes_against_the_brands_facts(codes: tuple[Code, ...], expected: float) -> None:
    assert value(code_contradicts(case(codes=codes))) == expected


def test_codes_without_registered_facts_say_nothing() -> None:
    codes = (code(FOREIGN), code(None, valid=False), code(None, "https://evil.net", None))
    assert code_contradicts(case(Brand("Acme"), codes=codes)) is None
    assert value(code_contradicts(case(Brand("Acme", gtin_prefixes=("4006381",)), codes=codes))) == 0.8
    assert value(code_contradicts(case(Brand("Acme", official_domains=("acme.com",)), codes=codes))) == 0.5


def test_upc_and_short_forms_of_prefixes() -> None:
    upc = Brand("Acme", gtin_prefixes=("036000",))
    assert value(code_contradicts(case(upc, codes=(code("00036000291452"),)))) == 0.0
    assert value(code_contradicts(case(upc, codes=(code(OWN),)))) == 0.8


def test_a_serial_that_others_show() -> None:
    codes = (code(OWN, serial="S1"),)
    assert value(code_contradicts(case(codes=codes))) == 0.0
    signal = code_contradicts(case(codes=codes, serial_uses={"S1": 3}))
    assert signal is not None
    assert (signal.value, signal.why) == (1.0, "3 other listings show the same serial")
    assert value(code_contradicts(case(Brand("Acme"), codes=codes, serial_uses={"S1": 1}))) == 1.0


def contacts(*rows: tuple[str, str, str]) -> dict[str, Any]:
    return {"contacts": tuple((source, Contact(kind, text, 0, 1)) for source, kind, text in rows)}  # type: ignore[arg-type]


def test_contacts_by_kind_and_place() -> None:
    def of(*rows: tuple[str, str, str]) -> float | None:
        return value(contact_diversion(case(**contacts(*rows))))

    assert of(("title", "messenger", "whatsapp:+1")) == 1.0
    assert of(("title", "phone", "+1")) == pytest.approx(0.8)
    assert of(("description", "phone", "+1")) == pytest.approx(0.4)
    assert of(("image:0", "phone", "+1")) == pytest.approx(0.56)
    assert of(("image:0", "link", "evil.net")) is None
    assert of(("title", "link", "www.acme.com/shop")) is None
    assert of(("title", "mail", "help@acme.com")) is None
    assert of(("title", "mail", "a@b.com"), ("image:1", "mail", "a@b.com")) == pytest.approx(0.6)
    assert of(("title", "mail", "a@b.com"), ("title", "phone", "+1")) == pytest.approx(1 - 0.4 * 0.2)


def test_reasons_hold_no_contact() -> None:
    signal = contact_diversion(case(**contacts(("title", "mail", "jane@b.com"), ("title", "phone", "+4912345678"))))
    assert signal is not None
    assert signal.why == "the listing holds a phone number and a mail address"


def test_print_against_words() -> None:
    lines = (PhotoLine("256GB", 0.9),)
    one = case(listing={"title": "Acme phone 1TB"}, photo_lines=lines)
    assert value(photo_contradicts(one)) == pytest.approx(0.8)
    assert photo_contradicts(case(listing={"title": "Acme phone 256 GB"}, photo_lines=lines)) is None
    accessory = replace(one, claimed=None, mentions=(BrandMention("title", "Acme", "Acme", "compatible", 0.0, 0.9),))
    assert accessory.is_accessory
    assert value(photo_contradicts(accessory)) == pytest.approx(0.3 * 0.8 * accessory.presence)


def test_the_stated_gtin_against_the_photos() -> None:
    for key in ("EAN", "gtin", "GTIN-13", "barcode"):
        listing = {"attributes": {key: "4006381333931"}}
        assert photo_contradicts(case(listing=listing, codes=(code(OWN),))) is None
        assert value(photo_contradicts(case(listing=listing, codes=(code(FOREIGN),)))) == pytest.approx(0.8)


def test_declared_ai() -> None:
    def of(*declared: Declaration) -> float | None:
        return value(declared_ai(case(declared=declared)))

    assert of(Declaration("signed", "C2PA", "b" * 64)) is None
    assert of(Declaration("broken", "C2PA")) is None
    assert of(Declaration("ai_made", "IPTC")) == 1.0
    assert of(Declaration("ai_edited", "IPTC")) == pytest.approx(0.4)
    assert of(Declaration("signed", "C2PA", "a" * 64), Declaration("ai_edited", "C2PA", "a" * 64)) is None


def test_the_new_signals_prove_nothing_and_do_not_count_as_coverage() -> None:
    names = ("code_contradicts", "contact_diversion", "photo_contradicts", "declared_ai")
    assert NO_PROOF.issuperset(names)
    model = ScoreModel()
    score = model.score("Acme", [Signal(name, 1.0, "why") for name in names])
    assert score.coverage == 0.0
    assert score.band == "review"
    without = ScoreModel(shapes={k: v for k, v in model.shapes.items() if k not in names})
    usual = [Signal("low_price", 0.7, "why"), Signal("coded_terms", 0.0, "why")]
    assert model.score("Acme", usual).coverage == without.score("Acme", usual).coverage

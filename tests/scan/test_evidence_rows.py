"""From photos and words to reports: codes, contacts, declarations, and no contact in any text that is written."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.scans import ACME, make_scanner
from fakes import GREY, FakeOcr, photo_of
from PIL import Image

from benchmarks.common.composed_codes import compose_code
from benchmarks.common.planted_contacts import PLAIN, planted
from logoscan.errors import InputError
from logoscan.evidence import Contact
from logoscan.images.phash import PhotoUse
from logoscan.merchants.serials import SerialList
from logoscan.merchants.tokens import hide, listing_tokens
from logoscan.reporting.html import listing_page
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.scan.ask import ask_for
from logoscan.scan.evidence_rows import ContactKeeping
from logoscan.scoring.judge import Findings, Judge
from logoscan.types import Brand, Listing

KEY = b"a secret of the platform"
OCR = FakeOcr({GREY: ("Acme shoe", "WhatsApp +86 138 0013 8000")})
LISTING = Listing("1", (photo_of(ACME),), title="Acme shoe, mail jane@example.com", claimed_brand="Acme")


def test_contacts_are_counted_by_default() -> None:
    report = make_scanner(ocr=OCR).scan(LISTING)
    assert report.contacts is not None
    assert {(use.kind, use.source, use.count, use.token, use.value) for use in report.contacts} == {
        ("mail", "title", 1, None, None),
        ("messenger", "image:0", 1, None, None),
    }
    assert report.listing is not None
    assert report.listing.title == "Acme shoe, mail [mail]"
    assert "contact_diversion" in {part.signal for part in report.score.contributions}
    assert report_from_json(report_to_json(report)) == report


def test_contacts_under_a_key_are_tokens() -> None:
    report = make_scanner(ocr=OCR, contact_key=KEY).scan(LISTING)
    tokens = {use.token for use in report.contacts or ()}
    assert tokens == {hide("jane@example.com", KEY), hide("whatsapp:+8613800138000", KEY)}
    assert tokens == {t.token for t in listing_tokens(report) if t.kind == "contact"}
    assert "jane" not in report_to_json(report)


def test_contacts_in_clear_where_that_is_asked_for() -> None:
    report = make_scanner(ocr=OCR, keep_contacts=True, keep_text=True).scan(LISTING)
    assert {use.value for use in report.contacts or ()} == {"jane@example.com", "whatsapp:+8613800138000"}
    assert "138 0013 8000" in report_to_json(report)
    quiet = make_scanner(ocr=OCR, keep_text=True).scan(LISTING)
    assert [line.text for line in quiet.text or ()] == ["Acme shoe", "[messenger]"]


def test_a_key_is_checked_and_not_shown() -> None:
    with pytest.raises(InputError, match="key: expected 16 bytes or more, got 3 bytes"):
        make_scanner(contact_key=b"abc")
    assert "secret" not in repr(ContactKeeping(KEY))
    assert ContactKeeping(KEY).uses([("title", Contact("phone", "", 0, 7))])[0].token is None


def test_nothing_that_is_written_holds_a_planted_contact() -> None:
    """Reports and pages of listings with a contact in every text that a seller writes."""
    rng, kinds = random.Random(7), [kind for kind in PLAIN if kind != "site"]
    for kind in kinds:
        contacts = [PLAIN[kind](rng) for _ in range(4)]
        title, brand, category, line = (planted("Acme shoe", contact, rng) for contact in contacts)
        dropped = {"price": f"expected a number, got {category!r}"}
        listing = Listing("1", (photo_of(ACME),), title, title, brand, category, dropped=dropped)
        report = make_scanner(ocr=FakeOcr({GREY: (line,)}), keep_text=True).scan(listing)
        written = report_to_json(report) + listing_page(report)
        for contact in contacts:
            words = contact.split()
            tail = words[-1].lstrip("@") if len(words[-1]) > 4 else " ".join(words[-2:])  # "608" stands in pages, too
            assert tail not in written, (kind, contact)


def as_file(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def test_codes_reach_report_signal_and_tokens() -> None:
    pytest.importorskip("zxingcpp")
    composed = compose_code(np.full((400, 500, 3), 150, np.uint8), "DataMatrix", 4, random.Random(2), per_module=True)
    listing = Listing("1", (as_file(composed.rgb),), claimed_brand="Acme")
    serials = SerialList()
    scanner = make_scanner(serials=serials)
    report = scanner.scan(listing)
    (code,) = report.codes or ()
    assert (code.image, code.format, code.valid) == (0, "datamatrix", True)
    assert report.declared == ()
    serials.add_report(replace(report, listing_id="2"))
    parts = {part.signal: part for part in scanner.scan(listing).score.contributions}
    assert parts["code_contradicts"].value == 1.0
    assert make_scanner(read_codes=False).scan(listing).codes is None
    assert {token.kind for token in listing_tokens(report, KEY)} >= {"code"}


def test_a_code_reader_that_breaks_costs_the_codes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(grey: np.ndarray) -> bool:
        raise RuntimeError("no")

    monkeypatch.setattr("logoscan.vision.extractor.looks_like_code", broken)
    report = make_scanner(read_codes=True).scan(LISTING)
    assert (report.codes, report.warnings) == (None, ())
    assert "codes of image 0: not read" in report.skipped


def test_evidence_on_the_page() -> None:
    page = listing_page(make_scanner(ocr=OCR).scan(LISTING))
    assert "1 × messenger" in page
    assert "stand as [phone], [mail], [messenger]" in page


# -- one photo more


def findings(**fields: object) -> Findings:
    listing = Listing("1", title="Acme shoe", claimed_brand="Acme", seller_id="s")
    return Findings(listing, "Acme", visible=("Acme",), **fields)  # type: ignore[arg-type]


BRANDS = {"Acme": Brand("Acme")}


def test_a_copied_photo_asks_for_an_own_one() -> None:
    copied = findings(shown={"Acme": 0.99}, photos=(PhotoUse(3, earlier_sellers=3),))
    judge = Judge()
    assert judge.top(judge.judge(copied, BRANDS.get), copied).band == "review"
    asks = ask_for(copied, judge, BRANDS.get)
    assert asks[0].evidence == "own photo"
    assert asks[0].words


def test_nothing_is_asked_for_that_would_not_release() -> None:
    hopeless = findings(shown={"Acme": 0.99}, photos=(PhotoUse(3, earlier_sellers=3),), doubts=("a person must look",))
    assert ask_for(hopeless, Judge(), BRANDS.get) == ()
    assert ask_for(findings(shown={"Acme": 1.0}), Judge(), BRANDS.get) == ()


def test_unread_photos_ask_for_themselves() -> None:
    unread = findings(shown={"Acme": 1.0}, gaps=frozenset({"unreadable"}), unseen=("image 0 could not be read",))
    assert [ask.evidence for ask in ask_for(unread, Judge(), BRANDS.get)] == ["readable photo"]


def test_a_held_screening_says_what_would_release_it(tmp_path: Path) -> None:
    broken = Listing("1", (b"no photo",), title="Acme shoe", claimed_brand="Acme")
    screening = make_scanner().screen(broken, deadline_s=1e9)
    assert screening.decision == "hold"
    assert "readable photo" in {ask.evidence for ask in screening.ask_for}
    assert json.loads(screening.to_json())["ask_for"]


def test_a_mirrored_photo_of_another_seller_is_a_copy() -> None:
    pytest.importorskip("pdqhash")
    from logoscan.merchants.photo_ledger import PhotoLedger

    small = np.random.default_rng(5).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(small).resize((160, 160), Image.Resampling.BICUBIC))
    ledger = PhotoLedger()
    first = make_scanner(ledger=ledger).scan(Listing("1", (rgb,), claimed_brand="Acme", seller_id="a"))
    ledger.add_report(first)
    mirrored = np.ascontiguousarray(rgb[:, ::-1])
    again = make_scanner(ledger=ledger).scan(Listing("2", (mirrored,), claimed_brand="Acme", seller_id="b"))
    assert {p.signal: p.value for p in again.score.contributions}["copied_photo"] > 0

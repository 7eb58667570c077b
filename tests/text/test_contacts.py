"""Contacts: found in every spelling and disguise, not in honest words; redacted texts hold none."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from benchmarks.common.planted_contacts import DISGUISES, PLAIN, planted
from logoscan.evidence import ContactKind
from logoscan.text.contacts import PLACEHOLDERS, domain_of, find_contacts, holds_contact, redact
from logoscan.text.log_filter import redact_logs

TITLES = ("Nike Men Black Air Max 270 Running Shoes", "Eau de Parfum", "LUX Cozi Women Red T-shirt")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Call +44 20 7946 0958 now", "phone", "+442079460958"),
        ("(0049)1701234567", "phone", "+491701234567"),
        ("to order 00 49 170 1234567", "phone", "+491701234567"),
        ("model +49 170 1234567", "phone", "+491701234567"),
        ("tel 0171 2345678", "phone", "+911712345678"),
        ("１３８００１３８０００", "phone", "+8613800138000"),
        ("1\ufe0f\u20e33\ufe0f\u20e38\ufe0f\u20e300138000", "phone", "+8613800138000"),
        ("一三八零零一三八零零零", "phone", "+8613800138000"),
        ("one three eight zero zero one three eight zero zero zero", "phone", "+8613800138000"),
        ("Wh@tsApp: +86 138-0013-8000", "messenger", "whatsapp:+8613800138000"),
        ("w h a t s a p p +1 650 253 0000", "messenger", "whatsapp:+16502530000"),
        ("微信号：nice_shop88", "messenger", "wechat:nice_shop88"),
        ("加V：abc123456", "messenger", "wechat:abc123456"),
        ("Теlegram: nadia008", "messenger", "telegram:nadia008"),
        ("https://t.me/best_deals", "messenger", "telegram:best_deals"),
        ("https://wa.me/8613800138000?x=1", "messenger", "whatsapp:8613800138000"),
        ("IG @nice_shoes99", "messenger", "instagram:nice_shoes99"),
        ("John.Doe@Gmail.com", "mail", "john.doe@gmail.com"),
        ("info (at) example (dot) com", "mail", "info@example.com"),
        ("bit.ly/abc", "link", "bit.ly/abc"),
        ("shop at nice-shop.com now", "link", "nice-shop.com"),
        ("[phone]", "phone", ""),
    ],
)
def test_one_contact(text: str, kind: ContactKind, value: str) -> None:
    (found,) = find_contacts(text)
    assert (found.kind, found.value) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "WhatsApp smart watch 1.85 inch",
        "Instagram style dress",
        "Telegram bot kit",
        "iPhone 13 Pro 256GB 4006381333931",
        "Air Max 270 2023 new size 42 43 44 45",
        "90 x 60 x 30 cm 2400 1200 mm",
        "St.Ives scrub, No.7, U.S.Polo",
        "Garmin Forerunner 945 010-02063-71",
        "A-line skirt: midi",
        "Comfort.In the end it lasts",
        "a.jsonl: ignored fields: colour",
        "expected a text, got '2024-13-01'",
        "call by 05/01/2024",
        "lot 0044 1234 567890",
        "SKU 0033 123456789",
        "part no 0012 345 678 901",
        "Art.-Nr.: 0049 1234 567890",
    ],
)
def test_honest_words_hold_no_contact(text: str) -> None:
    assert find_contacts(text) == ()
    assert redact(text) == text


def test_the_country_makes_a_bare_number_a_phone_number() -> None:
    assert find_contacts("9876543210") == ()
    (found,) = find_contacts("9876543210", "IN")
    assert found.value == "+919876543210"


def test_spans_are_those_of_the_text_as_it_was() -> None:
    text = "Shoe ①③⑧⓪⓪①③⑧⓪⓪⓪ new, Теlegram: nadia008!"
    assert [text[c.start : c.end] for c in find_contacts(text)] == ["①③⑧⓪⓪①③⑧⓪⓪⓪", "Теlegram: nadia008"]
    assert redact(text) == "Shoe [phone] new, [messenger]!"


def test_two_thousand_planted_contacts_are_taken_out() -> None:
    """None of phone numbers, mails and messenger names is left, in any of the plain spellings."""
    rng = random.Random(33)
    kinds = [kind for kind in PLAIN if kind != "site"]  # an address of a site is no person's
    left = 0
    for i in range(2000):
        contact = PLAIN[kinds[i % len(kinds)]](rng)
        text = redact(planted(rng.choice(TITLES), contact, rng))
        tail = contact.split()[-1].lstrip("@")
        left += len(tail) >= 4 and tail in text
    assert left == 0


def test_disguised_contacts_are_found() -> None:
    rng = random.Random(34)
    texts = [planted(TITLES[i % 3], make(rng), rng) for i in range(20) for make in DISGUISES.values()]
    found = [bool(find_contacts(text)) for text in texts]
    assert sum(found) >= 0.95 * len(found)


@quick
@given(st.text(max_size=200))
def test_redacted_texts_stay_as_they_are(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    for found in find_contacts(text):
        assert 0 <= found.start < found.end <= len(text)


@quick
@given(st.text(alphabet="0123456789 +-()@.:/abwhtsp", max_size=120))
def test_digits_and_signs_break_nothing(text: str) -> None:
    spans = [(c.start, c.end) for c in find_contacts(text)]
    assert spans == sorted(spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_long_texts_are_redacted_to_the_end() -> None:
    text = "word " * 8000 + "jane@example.com"
    assert redact(text).endswith(" [mail]")
    assert holds_contact(["x", text])
    assert not holds_contact([])


def test_domains() -> None:
    assert domain_of("https://www.shop.example.co.uk/path") == "example.co.uk"
    assert domain_of("someone@mail.acme.com") == "acme.com"
    assert domain_of("nothing") is None
    assert domain_of("") is None


def test_placeholders_name_the_kinds() -> None:
    assert set(PLACEHOLDERS) == {"phone", "mail", "messenger", "link"}


def test_logs_of_bad_rows_hold_no_contact(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    redact_logs()
    logging.getLogger("logoscan.io.bad_rows").warning("line %d: got %r", 3, "jane@example.com")
    assert caplog.messages == ["line 3: got '[mail]'"]


def test_fingerprints_of_models_are_no_handles() -> None:
    line = "logo(640 px;0.001;50)@9ed7cd41076c436e default"
    assert redact(line) == line
    assert redact("write to (ig)@seller_2024 now") == "write to (ig)[messenger] now"

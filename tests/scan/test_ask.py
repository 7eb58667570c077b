"""One photo with a note: who is asked for it, what it earns, and what it cannot bring about."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.scans import ACME, make_scanner
from commands import run
from fakes import GREY, FakeOcr, photo_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, score_models, units

from logoscan.errors import InputError
from logoscan.images.phash import PhotoHash, PhotoUse
from logoscan.scan.ask import ask_for, highest_proven, note_of, shows_note
from logoscan.scan.screening import Screening
from logoscan.scoring.case import OtherEvidence
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, BrandMention, Listing

KEY = b"a secret of the platform"
NOTE = note_of("cheap", KEY)
ASKED, ANSWERED = (9, 9, 9), GREY
CHEAP = Listing("cheap", (photo_of(ACME, ASKED),), title="Acme shoe", claimed_brand="Acme", category="Shoes",
                price=40.0, currency="EUR", seller_id="s")  # fmt: skip
SENT = replace(CHEAP, images=(photo_of(ACME, ANSWERED),))


def screened(listing: Listing, lines: tuple[str, ...], **options: Any) -> Screening:
    scanner = make_scanner(ocr=FakeOcr({ANSWERED: lines}), contact_key=KEY, hash_photos=True, **options)
    return scanner.screen(listing, deadline_s=math.inf, ask_from=3.0)


def test_notes_belong_to_a_listing_and_a_key() -> None:
    assert note_of("cheap", KEY) == NOTE
    assert len({note_of(str(i), KEY) for i in range(500)} | {NOTE}) == 501
    assert note_of("cheap", b"another secret of it") != NOTE
    with pytest.raises(InputError, match="key: expected 16 bytes or more"):
        note_of("cheap", b"short")


def test_notes_are_read_with_one_error_at_most() -> None:
    wrong = "A" if NOTE[2] != "A" else "C"
    once = f"{NOTE[:2]}{wrong}{NOTE[3:]}"
    assert shows_note(["today", f"- {NOTE[:3].lower()} {NOTE[3:]} -"], NOTE)
    assert shows_note([once], NOTE)
    assert not shows_note([once[::-1], NOTE[:-1], ""], NOTE)
    assert not shows_note([], NOTE)


def test_a_listing_is_held_for_a_photo_and_released_by_it() -> None:
    held = screened(CHEAP, ())
    assert held.decision == "hold"
    (ask,) = [ask for ask in held.ask_for if ask.note]
    assert (ask.evidence, ask.note) == ("own photo", NOTE)
    assert NOTE in ask.words
    released = screened(SENT, (NOTE,))
    assert (released.decision, released.ask_for) == ("allow", ())
    parts = {part.signal: part for part in released.report.score.contributions}
    assert parts["own_photo"].contribution < 0
    assert screened(SENT, ("QQQQQQ",)).decision == "hold", "without the note it is any photo"


def test_a_note_in_a_photo_that_others_use_earns_nothing() -> None:
    scanner = make_scanner(ocr=FakeOcr({ANSWERED: (NOTE,)}), contact_key=KEY)
    (photo,) = scanner.features(SENT.images)
    photo = replace(photo, photo_hash=PhotoHash("0" * 64, 100))
    own = scanner.pipeline._findings._own_photo
    by_photo = {"Acme": (0.9,)}
    assert own("cheap", [photo], (PhotoUse(0),), by_photo) == {"Acme": 0.9}
    assert own("cheap", [photo], (PhotoUse(3, earlier_sellers=3),), by_photo) == {}
    assert own("another", [photo], (PhotoUse(0),), by_photo) == {}


def test_asking_needs_a_key() -> None:
    with pytest.raises(InputError, match="ask_from: expected a scanner with a contact_key"):
        make_scanner().screen(CHEAP, deadline_s=math.inf, ask_from=3.0)
    with pytest.raises(InputError, match=r"ask_from: expected a finite number in \[0, 100\], got 101"):
        make_scanner(contact_key=KEY).screen(CHEAP, deadline_s=math.inf, ask_from=101)


def test_the_command_says_what_is_asked_for(shop: Path) -> None:
    (shop / "key").write_bytes(KEY)
    options = ("--similarity-threshold", 0.9, "--ocr", "none", "--ask-from", 0.1)
    gate = ("screen", shop / "listings.jsonl", "--index", shop / "index", *options)
    assert run(*gate).exit_code == 2
    answers = [json.loads(line) for line in run(*gate, "--contact-key", shop / "key").stdout.splitlines()]
    asked = [ask for answer in answers for ask in answer["ask_for"] if ask["note"]]
    assert {ask["note"] for ask in asked} == {note_of(answer["listing_id"], KEY) for answer in answers}
    assert {answer["decision"] for answer in answers} == {"hold"}


BRANDS = {"Acme": Brand("Acme", authorised_sellers=("good",))}


@quick
@given(
    st.sampled_from([None, "", "Acme"]),
    units,
    units,
    st.sampled_from([None, (PhotoUse(0),), (PhotoUse(3, earlier_sellers=3),)]),
    st.just(ScoreModel()) | score_models,
)
def test_a_note_takes_no_more_than_its_bound_and_nothing_from_block_to_clear(
    claim: str | None, shown: float, own: float, photos: tuple[PhotoUse, ...] | None, model: ScoreModel
) -> None:
    listing = Listing("L", title="Acme shoe", claimed_brand=claim, seller_id="s", reviews=("This is a fake",))
    mention = BrandMention("title", "Acme", "Acme", "exact", 0.0, 1.0)
    before = Findings(listing, claim, (mention,), shown={"Acme": shown}, visible=("Acme",), photos=photos)
    after = replace(before, other=OtherEvidence(own_photo={"Acme": own}))
    judge = Judge(score_model=model)
    (one,), (other,) = judge.judge(before, BRANDS.get), judge.judge(after, BRANDS.get)
    total, less = (j.score.bias + math.fsum(c.contribution for c in j.score.contributions) for j in (one, other))
    assert total - CREDIT["own_photo"] - 1e-9 <= less <= total + 1e-9
    assert not (one.score.band == "block" and other.score.band == "clear")
    assert highest_proven([other]) <= highest_proven([one]) + 1e-9


def test_without_a_note_nothing_more_is_asked_for_than_before() -> None:
    listing = Listing("L", title="Acme shoe", claimed_brand="Acme", seller_id="s")
    plain = Findings(listing, "Acme", shown={"Acme": 1.0}, visible=("Acme",), photos=(PhotoUse(0),))
    assert ask_for(plain, Judge(), BRANDS.get) == ()
    assert [ask.evidence for ask in ask_for(plain, Judge(), BRANDS.get, note=NOTE)] == ["own photo"]

"""One photo with a note: who is asked for it, what it earns, and what it cannot bring about."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.scans import ACME, BOLT, CORE, PACE, Clock, make_index, make_scanner, make_slow_scanner
from commands import run
from fakes import GREY, FakeOcr, photo_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, score_models, units

from logoscan.errors import InputError
from logoscan.images.phash import PhotoHash, PhotoUse
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.results import SHOWN_FROM
from logoscan.scan.ask import OWN_SHOWN_FROM, ask_for, note_of, proven, shows_note, unanswered
from logoscan.scan.early_exit import marks_are_moot
from logoscan.scan.pace import Pace
from logoscan.scan.screening import OnTimeout, Screening
from logoscan.scoring.case import OtherEvidence
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration

KEY = b"a secret of the platform"
NOTE = note_of("cheap", "s", KEY)
ASKED, ANSWERED = (9, 9, 9), GREY
CHEAP = Listing("cheap", (photo_of(ACME, ASKED),), title="Acme shoe", claimed_brand="Acme", category="Shoes",
                price=40.0, currency="EUR", seller_id="s")  # fmt: skip
CLEAR = replace(CHEAP, price=62.0)
SENT = replace(CHEAP, images=(photo_of(ACME, ANSWERED),))


def screened(listing: Listing, lines: tuple[str, ...], *, ask_from: float = 3.0, **options: Any) -> Screening:
    how = {name: options.pop(name) for name in ("on_unreadable", "on_timeout") if name in options}
    parts: dict[str, Any] = {"ocr": FakeOcr({ANSWERED: lines}), "contact_key": KEY, "ledger": PhotoLedger()}
    scanner = make_scanner(**{**parts, **options})
    return scanner.screen(listing, deadline_s=math.inf, ask_from=ask_from, **how)


def test_notes_belong_to_a_listing_its_seller_and_a_key() -> None:
    assert note_of("cheap", "s", KEY) == NOTE == note_of("cheap", " s ", KEY)
    pairs = [("cheap", None), ("cheap", "t"), ("scheap", ""), ("heap", "sc"), ("1:cheap", "s"), ("cheap", "s7:")]
    others = {note_of(listing, seller, KEY) for listing, seller in pairs}
    assert len(others | {note_of(str(i), "s", KEY) for i in range(500)} | {NOTE}) == 507
    assert note_of("cheap", "s", b"another secret of it") != NOTE
    with pytest.raises(InputError, match="key: expected 16 bytes or more"):
        note_of("cheap", "s", b"short")


def test_notes_are_read_with_one_error_at_most() -> None:
    once = misread(NOTE, 2)
    assert shows_note(["today", f"- {NOTE[:3].lower()} {NOTE[3:]} -"], NOTE)
    assert shows_note([once, NOTE, "LEATHER", "2026-11-30"], NOTE)
    assert not shows_note([misread(once, 6)], NOTE)
    assert not shows_note([once[::-1], NOTE[:-1], ""], NOTE)
    assert not shows_note([], NOTE)


def misread(note: str, at: int) -> str:
    return f"{note[:at]}{'O' if note[at] != 'O' else 'Q'}{note[at + 1 :]}"


@quick
@given(st.text(max_size=9), st.text(max_size=9), st.integers(0, 6), st.integers(0, 6))
def test_a_photo_answers_for_one_listing(one: str, other: str, at: int, also_at: int) -> None:
    first, second = (note_of(listing, "s", KEY) for listing in (f"a{one}", f"b{other}"))
    assert shows_note([misread(first, at)], first)
    lines = [misread(first, at), misread(second, also_at)]
    assert not (shows_note(lines, first) and shows_note(lines, second)) or first == second
    if sum(a != b for a, b in zip(first, second, strict=True)) > 2:
        assert not shows_note(lines, first)
        assert not shows_note(lines, second)


def test_a_note_stands_alone() -> None:
    others = [note_of(str(i), "s", KEY) for i in range(16)]
    assert not shows_note([" ".join([*others, NOTE])], NOTE)
    assert not shows_note([*others, NOTE], NOTE)
    assert not shows_note([f"my note {NOTE}"], NOTE)


def test_a_listing_is_held_for_a_photo_and_released_by_it() -> None:
    held = screened(CHEAP, ())
    assert held.decision == "hold"
    assert [(ask.evidence, ask.note) for ask in held.ask_for] == [("own photo", NOTE)]
    assert NOTE in held.ask_for[0].words
    released = screened(SENT, (NOTE,))
    assert (released.decision, released.ask_for) == ("allow", ())
    parts = {part.signal: part for part in released.report.score.contributions}
    assert parts["own_photo"].contribution < 0
    assert screened(SENT, ("QQQQQQ",)).decision == "hold", "without the note it is any photo"
    assert screened(replace(SENT, seller_id="another"), (NOTE,)).decision == "hold", "it is another seller's note"


@pytest.mark.parametrize("lines", [(NOTE,), (NOTE, "ACME"), (NOTE, "BOLT")])
@pytest.mark.parametrize("logo", [None, CORE, BOLT])
def test_a_note_without_the_goods_releases_nothing(logo: Any, lines: tuple[str, ...]) -> None:
    """A sheet of paper, another picture, another brand's logo; with the brand's name written on the note or not."""
    assert screened(CLEAR, ()).report.score.band == "clear"
    for listing in (CHEAP, CLEAR):
        for images in ((*listing.images, photo_of(logo, ANSWERED)), (photo_of(logo, ANSWERED),)):
            answer = screened(replace(listing, images=images), lines)
            assert answer.decision == "hold"
            earned = [c.contribution for c in answer.report.score.contributions if c.signal == "own_photo"]
            assert answer.report.score.brand != "Acme" or sum(earned) > -0.01


def test_the_photo_must_answer_for_every_candidate() -> None:
    listing = Listing("L", title="Acme shoe", claimed_brand="Acme", seller_id="s")
    mention = BrandMention("title", "Acme", "Acme", "exact", 0.0, 1.0)
    two = {name: Brand(name) for name in ("Acme", "Bolt")}

    def left(own: dict[str, float]) -> float:
        found = Findings(listing, "Acme", (mention,), shown={"Acme": 0.9, "Bolt": 0.9}, visible=("Acme", "Bolt"))
        found = replace(found, other=OtherEvidence(own_photo=own))
        return unanswered(found, Judge().judge(found, two.get))

    assert OWN_SHOWN_FROM >= SHOWN_FROM
    assert left({}) >= left({"Acme": 1.0}) > 0.0
    assert left({"Acme": OWN_SHOWN_FROM - 0.01, "Bolt": 1.0}) > left({"Acme": OWN_SHOWN_FROM, "Bolt": 1.0}) == 0.0


def test_what_a_photo_with_a_note_earns_nothing_for() -> None:
    """It must have been looked up, and be nobody else's and no brand's; only a logo is shown."""
    index = make_index()
    scanner = make_scanner(index, ocr=FakeOcr({ANSWERED: (NOTE, "Acme")}), contact_key=KEY, ledger=PhotoLedger())
    (photo,) = scanner.features(SENT.images)
    photo = replace(photo, photo_hash=PhotoHash("0" * 64, 100))
    own, (matches,) = scanner.pipeline._findings._own_photo, scanner.pipeline.match([[photo]], index)
    by_photo = {"Acme": (0.9,)}
    assert own(CHEAP, [photo], (PhotoUse(0),), matches, by_photo, index) == {"Acme": 0.9}
    assert own(CHEAP, [photo], (PhotoUse(0),), (), by_photo, index) == {}
    assert own(CHEAP, [photo], None, matches, by_photo, index) == {}
    assert own(CHEAP, [replace(photo, photo_hash=None)], (), matches, by_photo, index) == {}
    for use in (PhotoUse(3, earlier_sellers=3), PhotoUse(0, official_of=("Acme",)), PhotoUse(0, official_of=("Bolt",))):
        assert own(CHEAP, [photo], (use,), matches, by_photo, index) == {}
    assert own(replace(CHEAP, id="another"), [photo], (PhotoUse(0),), matches, by_photo, index) == {}


def test_a_second_reading_of_a_note_is_no_other_note() -> None:
    index = make_index()
    scanner = make_scanner(index, ocr=FakeOcr({ANSWERED: (NOTE,)}), contact_key=KEY, ledger=PhotoLedger())
    (photo,) = scanner.features(SENT.images)
    photo = replace(photo, photo_hash=PhotoHash("0" * 64, 100))
    other = "AC"[NOTE[0] == "A"] + "EH"[NOTE[1] == "E"] + NOTE[2:]
    assert not shows_note([NOTE, other], NOTE)
    second = replace(photo.spans, texts=(other,))
    own, (matches,) = scanner.pipeline._findings._own_photo, scanner.pipeline.match([[photo]], index)
    for spans in (photo.spans, photo.spans.joined(second)):
        assert own(SENT, [replace(photo, spans=spans)], (PhotoUse(0),), matches, {"Acme": (0.9,)}, index)


def test_an_official_photo_with_a_note_releases_nothing() -> None:
    ledger = PhotoLedger()
    (photo,) = make_scanner(ledger=ledger).features(SENT.images)
    assert photo.photo_hash is not None
    ledger.add_official("Acme", [photo.photo_hash.pdq])
    answer = screened(SENT, (NOTE,), ledger=ledger)
    assert "own_photo" not in {c.signal for c in answer.report.score.contributions}
    assert answer.decision == "hold"


def test_only_what_releases_is_asked_for() -> None:
    """A photo that cannot be read may be sent again, but without the note that releases nothing."""
    unread = replace(CLEAR, images=(*CLEAR.images, b"GIF89a"))
    for on_unreadable in ("hold", "allow"):
        answer = screened(unread, (), on_unreadable=on_unreadable)
        assert answer.decision == "hold"
        assert {ask.note for ask in answer.ask_for} == ({NOTE} if on_unreadable == "allow" else set())
    never = make_scanner(ocr=FakeOcr({}), contact_key=KEY, ledger=PhotoLedger())
    low = never.screen(unread, deadline_s=math.inf, ask_from=100.0)
    assert "readable photo" in {ask.evidence for ask in low.ask_for}, "from 100 on no note is needed"


@pytest.mark.parametrize("on_timeout", ["hold", "allow"])
def test_nobody_is_asked_for_a_note_that_was_not_looked_for(on_timeout: OnTimeout) -> None:
    clock = Clock()
    scanner = make_slow_scanner(clock, contact_key=KEY, ledger=PhotoLedger())
    for deadline_s, decision in ((0.3, on_timeout), (100.0, "hold")):
        gate = scanner.screener(pace=Pace(PACE), clock=clock)
        answer = gate.screen(CLEAR, deadline_s=deadline_s, on_timeout=on_timeout, ask_from=3.0)
        assert answer.report.score.band == "clear"
        assert ("read image 0" in {s.stage for s in answer.skipped}) == (deadline_s < 1.0) == answer.timed_out
        assert answer.decision == decision
        assert bool(answer.ask_for) == (deadline_s > 1.0)
        for_a_person = gate.screen(CHEAP, deadline_s=deadline_s, on_timeout=on_timeout, ask_from=3.0)
        assert for_a_person.report.score.band == "review"
        assert any(ask.note for ask in for_a_person.ask_for) == (deadline_s > 1.0)


def test_a_comparison_that_decides_who_is_asked_is_no_moot_one() -> None:
    listing = Listing("L", title="Acme shoe", claimed_brand="Acme", seller_id="good")
    found = Findings(listing, "Acme", shown={"Acme": 1.0}, visible=("Acme",), photos=(PhotoUse(0),))
    judge = Judge()
    worst = replace(found, altered={"Acme": MarkAlteration({"faithful": 0.0, "altered": 1.0})})
    ends = [unanswered(one, judge.judge(one, BRANDS.get)) for one in (found, worst)]
    assert ends[0] < ends[1]
    assert judge.top(judge.judge(worst, BRANDS.get), worst).band == "clear"
    moot = {at: marks_are_moot(judge, found, BRANDS.get, ["Acme"], ask_from=at) for at in (None, 0.0, 100.0)}
    assert moot == {None: True, 0.0: True, 100.0: True}
    assert not marks_are_moot(judge, found, BRANDS.get, ["Acme"], ask_from=math.fsum(ends) / 2)
    assert not marks_are_moot(judge, found, BRANDS.get, ["Acme"], ask_from=ends[1])


def test_asking_needs_a_key_ocr_and_a_ledger() -> None:
    parts: dict[str, Any] = {"contact_key": KEY, "ocr": FakeOcr({}), "ledger": PhotoLedger()}
    for name, words in (("contact_key", "a contact_key"), ("ocr", "OCR"), ("ledger", "a ledger")):
        scanner = make_scanner(**{**parts, name: None})
        with pytest.raises(InputError, match=f"ask_from: expected a scanner with {words}, which .* got none"):
            scanner.screen(CHEAP, deadline_s=math.inf, ask_from=3.0)
        copied = replace(CHEAP, price=30.0)
        assert not any(ask.note for ask in scanner.screen(copied, deadline_s=math.inf).ask_for)
    with pytest.raises(InputError, match=r"ask_from: expected a finite number in \[0, 100\], got 101"):
        make_scanner(**parts).screen(CHEAP, deadline_s=math.inf, ask_from=101)


def test_the_command_says_what_is_asked_for(shop: Path) -> None:
    (shop / "key").write_bytes(KEY)
    gate = ("screen", shop / "listings.jsonl", "--index", shop / "index", "--similarity-threshold", 0.9)
    asking = {"--ask-from": 0.1, "--contact-key": shop / "key", "--ledger": shop / "ledger"}
    for missing in ("--contact-key", "--ledger"):
        refused = run(*gate, *(word for name, value in asking.items() if name != missing for word in (name, value)))
        assert refused.exit_code == 2
        assert f"--ask-from: expected {missing}" in refused.stderr
    options = [word for pair in asking.items() for word in pair]
    refused = run(*gate, *options, "--ocr", "none")
    assert refused.exit_code == 2
    assert "--ask-from: expected an OCR engine" in refused.stderr
    answers = [json.loads(line) for line in run(*gate, *options).stdout.splitlines()]
    asked = [ask for answer in answers for ask in answer["ask_for"] if ask["note"]]
    assert {ask["note"] for ask in asked} == {note_of(answer["listing_id"], None, KEY) for answer in answers}
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
    assert proven(other.score) <= proven(one.score) + 1e-9


def test_without_a_note_nothing_more_is_asked_for_than_before() -> None:
    listing = Listing("L", title="Acme shoe", claimed_brand="Acme", seller_id="s")
    plain = Findings(listing, "Acme", shown={"Acme": 1.0}, visible=("Acme",), photos=(PhotoUse(0),))
    assert ask_for(plain, Judge(), BRANDS.get) == ()
    assert [ask.evidence for ask in ask_for(plain, Judge(), BRANDS.get, note=NOTE)] == ["own photo"]

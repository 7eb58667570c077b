"""The gate: the same answer as a scan where there is time, an answer in time where there is not, and what was left out.

Time is a clock that the fakes push on, so that nothing waits.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders.scans import (
    ACME,
    BOLT,
    CORE,
    DETECTOR,
    ENCODER,
    OCR,
    PACE,
    SPEAKS,
    Clock,
    SlowDetector,
    SlowOcr,
    make_listings,
    make_scanner,
    make_slow_scanner,
    timeless,
)
from fakes import BlindDetector, FakeOcr, OneLineOcr, photo_of

import logoscan.images.loading
from logoscan.errors import CorruptFileError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.results import Report, Signal
from logoscan.scan.pace import Pace
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screening, SkippedStage
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.text.brand_names import NameIndex
from logoscan.text.coded_terms import find_coded
from logoscan.text.complaints import find_complaints
from logoscan.types import Brand, Listing, Rgb, TextSpans
from logoscan.vision.sift import Keypoints

DECISIONS = {"clear": "allow", "review": "hold", "block": "block"}
CHEAP = Listing("cheap", title="Acme shoe", category="Shoes", price=9, currency="EUR", seller_id="bad")
FAKE = replace(CHEAP, title="Acme shoe replica", claimed_brand="Acme")
"""Blocked by its words, price and seller."""


@pytest.fixture(autouse=True)
def _pointless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keypoints take most of the time and find nothing on fakes; where they are compared they are found."""
    if request.function is not test_screening_with_ledger_and_alterations_equals_scan:
        monkeypatch.setattr("logoscan.vision.sift.sift_photo", lambda rgb: Keypoints.empty())


def screened(listing: Listing, deadline_s: float, clock: Clock | None = None, **changes: Any) -> Screening:
    clock = clock or Clock()
    gate = make_slow_scanner(clock, **changes).screener(pace=Pace(PACE), clock=clock)
    return gate.screen(listing, deadline_s=deadline_s)


def close(report: Report) -> Any:
    """A report without its time and with its numbers rounded to six digits."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 6)
        if isinstance(value, tuple):
            return tuple(map(rounded, value))
        if hasattr(value, "__dataclass_fields__"):
            return (type(value).__name__, *(rounded(getattr(value, name)) for name in value.__dataclass_fields__))
        return value

    return rounded(timeless(report))


# -- with time


def test_screening_without_a_deadline_equals_scan() -> None:
    scanner = make_scanner()
    many = [*make_listings(), FAKE, replace(FAKE, images=(photo_of(BOLT), photo_of(None, SPEAKS)))]
    for listing in many:
        report, answer = scanner.scan(listing), scanner.screen(listing, deadline_s=math.inf)
        assert close(answer.report) == close(report)
        assert answer.decision == DECISIONS[report.score.band]
        assert not answer.timed_out
        assert [one.stage for one in answer.skipped] == (["open image 0"] if listing.id == "broken" else [])
    assert {DECISIONS[scanner.scan(listing).score.band] for listing in many} == {"allow", "hold", "block"}


@pytest.mark.parametrize("ocr", [FakeOcr({SPEAKS: ["no"]}), None])
def test_screening_with_ledger_and_alterations_equals_scan(ocr: FakeOcr | None) -> None:
    pytest.importorskip("pdqhash")
    scanner = marking(ocr=ocr, ledger=PhotoLedger())
    listing = Listing("x", (noisy(0), noisy(1), b"no picture", photo_of(ACME, SPEAKS)), claimed_brand="", seller_id="b")
    report = scanner.scan(listing)
    assert close(scanner.screen(listing, deadline_s=math.inf).report) == close(report)
    assert "altered_logo" in [c.signal for c in report.score.contributions]


def test_region_from_a_text_line_is_matched() -> None:
    """Reading brings a region that the detector missed."""

    scanner = make_scanner(detector=BlindDetector(), ocr=OneLineOcr("?", (64, 44, 96, 76)))
    listing = Listing("one", (photo_of(ACME, size_px=(120, 160)),))
    answer = scanner.screen(listing, deadline_s=math.inf)
    assert [match.brand for match in answer.report.matches] == ["Acme"]
    assert close(answer.report) == close(scanner.scan(listing))


@pytest.mark.parametrize("part", ["detector", "ocr"])
def test_a_photo_that_breaks_a_model_is_a_warning(part: str) -> None:
    class Fragile:
        name = description = "fake"
        fingerprint = DETECTOR.fingerprint

        def detect(self, images: Sequence[Rgb]) -> list[Any]:
            if images:
                raise RuntimeError("out of order")
            return []

        read = detect

    parts: dict[str, Any] = {part: Fragile()}
    scanner = make_scanner(**parts)
    listing = Listing("a", (photo_of(ACME), b"no picture"), claimed_brand="Acme")
    answer = scanner.screen(listing, deadline_s=math.inf)
    assert answer.report.warnings[0] == "image 0: cannot be examined (RuntimeError: out of order)"
    assert answer.report.warnings[1].startswith("image 1: bytes: ")
    assert close(answer.report) == close(scanner.scan(listing))
    assert answer.decision == "hold", "nobody looked at it"
    broken = "detect" if part == "detector" else "read"
    told = [SkippedStage("open image 1", "unreadable"), SkippedStage(f"{broken} image 0", "unreadable")]
    assert list(answer.skipped) == told
    assert scanner.screen(listing, deadline_s=math.inf, on_unreadable="allow").decision == "allow"


def test_screening_searches_fifty_photos_at_most() -> None:
    listing = Listing("many", (photo_of(None, size_px=(4, 4)),) * 52)
    answer = make_scanner().screen(listing, deadline_s=math.inf)
    assert close(answer.report) == close(make_scanner().scan(listing))


# -- in time


def test_listing_without_photos_skips_no_stage() -> None:
    for listing in (Listing("bare"), CHEAP, FAKE):
        answer = screened(listing, 1e-9)
        assert (answer.skipped, answer.timed_out, list(answer.elapsed_s)) == ((), False, ["words"])


def test_words_that_block_open_no_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a photo was opened")

    scanner = make_scanner()
    monkeypatch.setattr("logoscan.vision.extractor.read_picture", never)
    answer = scanner.screen(replace(FAKE, images=("a.jpg", "b.jpg")), deadline_s=1e9)
    assert (answer.decision, answer.timed_out) == ("block", False)
    assert [s.stage for s in answer.skipped] == [
        *("open image 0", "open image 1"),
        *(f"{step} image {i}" for i in (0, 1) for step in ("detect", "keypoints", "read")),
    ]
    assert {s.why for s in answer.skipped} == {"cannot change the decision"}
    assert "image 0: without open, detect, keypoints, read" in answer.report.skipped
    assert [(i.file, i.sha256) for i in answer.report.images] == [("a.jpg", None), ("b.jpg", None)]


@pytest.mark.parametrize(
    ("deadline_s", "left_out"),
    [
        (
            0.05,
            [
                "detect image 0",
                "keypoints image 0",
                "read image 0",
                "detect image 1",
                "keypoints image 1",
                "read image 1",
            ],
        ),
        (0.15, ["read image 0", "detect image 1", "keypoints image 1", "read image 1"]),
        (0.3, ["read image 0", "read image 1"]),
        (0.65, ["detect image 1", "keypoints image 1", "read image 1"]),
        (0.75, ["read image 1"]),
        (1.3, []),
    ],
)
def test_stage_that_does_not_fit_the_deadline_is_skipped_and_named(deadline_s: float, left_out: list[str]) -> None:
    answer = screened(Listing("x", (photo_of(None), photo_of(ACME)), title="A shoe"), deadline_s)
    assert [s.stage for s in answer.skipped] == left_out
    assert {s.why for s in answer.skipped} <= {"deadline"}
    assert answer.timed_out == bool(left_out)
    assert answer.total_s <= deadline_s
    assert sum(answer.elapsed_s.values()) == pytest.approx(answer.total_s)
    assert [m.image for m in answer.report.matches] == ([] if "detect image 1" in left_out else [1])
    named = [line for line in answer.report.skipped if line.startswith("image")]
    assert len(named) == len({name[-1] for name in left_out})


def test_a_listing_that_ran_out_of_time_is_answered_as_was_asked() -> None:
    clock = Clock()
    gate = make_slow_scanner(clock).screener(pace=Pace(PACE), clock=clock)
    plain = Listing("x", (photo_of(None),), title="A shoe")
    assert gate.screen(plain, deadline_s=0.3).decision == "hold"
    assert gate.screen(plain, deadline_s=0.3).report.score.band == "clear"
    assert gate.screen(plain, deadline_s=0.3, on_timeout="allow").decision == "allow"
    assert gate.screen(plain, deadline_s=0.7).decision == "allow"
    doubtful = replace(plain, title="Acme shoe", price=9, currency="EUR", category="Shoes", seller_id="bad")
    answer = gate.screen(doubtful, deadline_s=0.05, on_timeout="allow")
    assert (answer.decision, answer.timed_out) == ("hold", True), "what is held so far stays held"


def test_unsearched_photos_give_no_claimed_not_shown() -> None:
    listing = Listing("x", (photo_of(None), photo_of(ACME)), title="Acme shoe", claimed_brand="Acme")
    for deadline_s in (0.05, 0.15, 0.65, 0.75):
        report = screened(listing, deadline_s).report
        assert "claimed_not_shown" not in [c.signal for c in report.score.contributions]
    assert "claimed_not_shown" in [c.signal for c in screened(listing, 2).report.score.contributions]


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, math.nan])
def test_a_deadline_lies_ahead(deadline_s: float) -> None:
    with pytest.raises(InputError, match="deadline_s: expected seconds above 0"):
        make_scanner().screen(CHEAP, deadline_s=deadline_s)


def test_a_timeout_is_held_or_allowed() -> None:
    with pytest.raises(InputError, match="on_timeout: expected hold or allow, got 'block'"):
        make_scanner().screen(CHEAP, deadline_s=1, on_timeout="block")  # type: ignore[arg-type]


# -- certainty


def noisy(seed: int) -> Rgb:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(0, 255, (6, 8, 3), np.uint8).repeat(40, 0).repeat(40, 1))


class Mirrored:
    """Takes every mark for mirrored."""

    def check(self, crop: Rgb, drawing: Any) -> Any:
        return SimpleNamespace(
            kinds={"faithful": 0.1, "mirrored": 0.9},
            alignment=SimpleNamespace(correlation=0.9, other=0.2, mirrored=True),
            logo_image=np.tri(16, dtype=np.uint8)[..., None].repeat(4, axis=2) * 255,  # not symmetric
        )


def marking(**changes: Any) -> Scanner:
    """A scanner that compares marks; its logo images have an outline."""
    index = LogoIndex(ENCODER)
    for name, logo in (("Acme", ACME), ("Bolt", BOLT), ("Core", CORE)):
        clear = np.dstack([logo, np.full(logo.shape[:2], 255, np.uint8)])
        clear[0, 0, 3] = 0
        index.add(Brand(name, authorised_sellers=("good",)), [("a", clear)])
    parts: dict[str, Any] = {"alterations": Mirrored(), "check_alterations": True, "detector": DETECTOR, "ocr": OCR}
    return make_scanner(index, **{**parts, **changes})


def cases() -> Iterator[Listing]:
    """Claims, titles, prices and photos, crossed."""
    photos = [(), (photo_of(ACME), photo_of(BOLT)), (photo_of(None, SPEAKS), photo_of(ACME)), (photo_of(None), b"x")]
    titles = [None, "Acme shoe", "Bolt replica", "Acme 1:1 replica"]
    claims = [None, "", "Acme", "Bolt", "Somebody"]
    for images, title, claim, price in product(photos, titles, claims, (9.0, 95.0)):
        yield Listing(
            "x", images, title=title, claimed_brand=claim, price=price, currency="EUR", category="Shoes", seller_id="b"
        )


SHARP = {**PRIOR, "claimed_not_shown": (0.0, 5.0), "claims_another_brand": (0.0, 6.0), "shown_not_claimed": (0.0, 5.0)}
BY_PRICE = {**PRIOR, "low_price": (0.0, 9.0)}


@pytest.mark.parametrize("shapes", [PRIOR, SHARP, BY_PRICE], ids=["prior", "sharp", "by price"])
@pytest.mark.parametrize("build", [make_scanner, marking])
def test_early_exit_keeps_the_decision_of_a_scan(build: Callable[..., Scanner], shapes: Any) -> None:
    scanner = build(score_model=ScoreModel(shapes=shapes, block_from=60.0))
    early = 0
    for listing in cases():
        answer = scanner.screener(pace=Pace({})).screen(listing, deadline_s=1e9)
        assert answer.decision == DECISIONS[scanner.scan(listing).score.band], listing
        assert not answer.timed_out
        whys = {s.why for s in answer.skipped}
        assert whys <= {"cannot change the decision", "unreadable"}
        early += "cannot change the decision" in whys
    assert early, "some end early"


@pytest.mark.parametrize("ask_from", [0.5, 3.0, 12.0])
def test_early_exit_asks_those_whom_a_whole_screening_asks(ask_from: float) -> None:
    scanner = marking(contact_key=b"a secret of the platform", ledger=PhotoLedger())
    early = asked = 0
    for listing in list(cases())[::3]:
        whole = scanner.screen(listing, deadline_s=math.inf, ask_from=ask_from)
        answer = scanner.screener(pace=Pace({})).screen(listing, deadline_s=1e9, ask_from=ask_from)
        assert answer.decision == whole.decision, listing
        assert {ask.note for ask in answer.ask_for} == {ask.note for ask in whole.ask_for}, listing
        early += "cannot change the decision" in {s.why for s in answer.skipped}
        asked += whole.report.score.band == "clear" and bool(whole.ask_for)
    assert early, "some end early"
    assert asked or ask_from > 3.0, "some are asked that would be allowed"


def test_early_exit_waits_for_a_claim_that_may_yet_be_shown() -> None:
    """Bolt is shown and Acme claimed: the second photo might clear that up, so that nothing is decided before.

    It shows Acme alone, and does not: a photo of what is claimed is no shield for one that shows another brand.
    """
    listing = Listing("x", (photo_of(BOLT), photo_of(ACME)), claimed_brand="Acme")
    scanner = make_scanner(score_model=ScoreModel(shapes=SHARP, block_from=60.0))
    first = scanner.scan(replace(listing, images=listing.images[:1]))
    assert first.score.band == "block"
    answer = scanner.screen(listing, deadline_s=1e9)
    assert (answer.decision, answer.skipped) == (DECISIONS[scanner.scan(listing).score.band], ())
    assert answer.decision == "block"


def test_a_price_alone_unblocks_nothing() -> None:
    """Bolt's seller blocks it; by price alone a brand that no word names scores more, and the strictest band counts."""
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a", ACME)])
    index.add(Brand("Bolt", authorised_sellers=("good",)), [("b", BOLT)])
    shapes = {**PRIOR, "seller_not_authorised": (0.0, 9.0)}
    listing = Listing("x", (photo_of(ACME),), title="Bolt drill", price=9, currency="EUR", seller_id="bad")
    calm = make_scanner(index, score_model=ScoreModel(shapes=shapes), ocr=None)
    assert calm.scan(listing).score.band == "block"
    assert list(calm.screen(listing, deadline_s=1e9).elapsed_s) == ["words"]
    steep = make_scanner(index, score_model=ScoreModel(shapes={**shapes, "low_price": (0.0, 30.0)}), ocr=None)
    assert steep.scan(replace(listing, images=())).score.band == "block"
    whole = steep.scan(listing)
    assert (whole.score.brand, whole.score.band) == ("Bolt", "block")
    assert {one.brand for one in whole.brands if one.score > (whole.score.value or 0)} == {"Acme"}
    answer = steep.screen(listing, deadline_s=1e9)
    assert (answer.decision, list(answer.elapsed_s)) == ("block", ["words"])


def test_a_copied_photo_blocks_before_it_is_searched() -> None:
    pytest.importorskip("pdqhash")
    ledger = PhotoLedger()
    clock = Clock()
    photo = noisy(3)
    for seller in ("s1", "s2", "s3", "s4"):
        ledger.add_report(make_scanner(ledger=ledger).scan(Listing(seller, (photo,), seller_id=seller)))
    listing = replace(CHEAP, images=(photo, noisy(4)), claimed_brand="Acme")
    detector = SlowDetector(clock, 0.1)
    gate = make_slow_scanner(clock, ledger=ledger, detector=detector).screener(pace=Pace(PACE), clock=clock)
    answer = gate.screen(listing, deadline_s=10)
    assert (answer.decision, detector.calls) == ("block", 0)
    assert list(answer.elapsed_s) == ["words", "open image 0"]
    assert answer.skipped[0].stage == "open image 1"
    assert answer.report.images[0].pdq is not None


def test_alterations_are_checked_only_where_they_can_change_the_decision() -> None:
    shown = Listing("x", (photo_of(ACME),), title="Acme shoe", claimed_brand="Acme", seller_id="good")
    scanner = marking()
    answer = scanner.screen(shown, deadline_s=1e9)
    assert [(s.stage, s.why) for s in answer.skipped] == [("compare Acme", "cannot change the decision")]
    eager = marking(score_model=ScoreModel(shapes={**PRIOR, "altered_logo": (0.0, 6.0)}))
    assert "compare Acme" in eager.screen(shown, deadline_s=1e9).elapsed_s
    mine = [*DEFAULT_SIGNALS, lambda case: Signal("mine", float(case.altered is not None), "compared")]
    own = marking(signals=mine, score_model=ScoreModel(shapes={**PRIOR, "mine": (0.0, 9.0)}))
    assert own.screen(shown, deadline_s=1e9).decision == DECISIONS[own.scan(shown).score.band] == "block"


# -- pace and threads


def test_the_pace_is_learnt() -> None:
    """A reader that is slower than expected overruns five deadlines and is then left out."""
    clock = Clock()
    gate = make_slow_scanner(clock, ocr=SlowOcr(clock, 2.0)).screener(pace=Pace(PACE), clock=clock)
    answers = [gate.screen(Listing("x", (photo_of(None),)), deadline_s=1.0) for _ in range(8)]
    assert [a.total_s > 1.0 for a in answers] == [True] * 5 + [False] * 3


def test_a_pace_forgets_a_slow_hour() -> None:
    pace = Pace({"read": 0.5})
    assert (pace.expected_s("read"), pace.expected_s("new")) == (0.5, 0.0)
    for _ in range(5):
        pace.took("read", 2.0)
    assert pace.expected_s("read") == 2.0
    assert [pace.fits("read", 1.0) for _ in range(9)] == [False] * 8 + [True]
    assert pace.expected_s("read") == 0.5
    for _ in range(40):
        pace.took("read", 0.3)
    pace.took("read", 30.0)
    assert pace.expected_s("read") == 0.3, "one hiccup of 32 counts nothing"
    with pytest.raises(InputError, match=r"Pace.first_s read: expected seconds, 0 or more, got nan"):
        Pace({"read": math.nan})


def test_screener_is_thread_safe() -> None:
    scanner = make_scanner()
    alone = [close(scanner.scan(listing)) for listing in make_listings()]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            answers = pool.map(lambda listing: scanner.screen(listing, deadline_s=math.inf), make_listings())
            assert [close(answer.report) for answer in answers] == alone


def test_photos_that_were_hashed_are_decoded_again_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pdqhash")
    opened = 0
    real = logoscan.images.loading.read_picture

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal opened
        opened += 1
        return real(*given, **named)

    scanner = make_scanner(ledger=PhotoLedger())
    monkeypatch.setattr("logoscan.vision.extractor.read_picture", counted)
    monkeypatch.setattr("logoscan.scan._screening_run._KEPT_PIXELS", 2 * noisy(0).size // 3)
    listing = Listing("x", tuple(map(noisy, range(4))))
    report = scanner.screen(listing, deadline_s=math.inf).report
    assert opened == 6
    assert close(report) == close(scanner.scan(listing))


# -- a gate that sellers cannot slow

PRINT: tuple[int, int, int] = (7, 7, 7)
"""The ground of photos with so much small print that they are read for 4.3 s instead of 0.8 s."""


class Printed(SlowOcr):
    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        self._clock.now += sum(3.5 for image in images if tuple(image[0, 0]) == PRINT)
        return super().read(images)


def posted(seller: str | None, ground: Any = (128, 128, 128), photos: int = 1, **size: Any) -> Listing:
    return Listing("x", (photo_of(None, ground, **size),) * photos, title="A shoe", seller_id=seller)


@pytest.mark.parametrize("deadline_s", [1.0, 3.0])
@pytest.mark.parametrize("known", [True, False], ids=["sellers", "nobody"])
@pytest.mark.parametrize(
    ("before", "hostile", "photos"),
    [(8, 1, 1), (8, 2, 1), (8, 2, 20), (27, 5, 1), (40, 8, 1)],
    ids=["one", "two", "two of twenty photos", "five of 32", "eight of 48"],
)
def test_slow_photos_switch_no_stage_off_for_others(
    deadline_s: float, known: bool, before: int, hostile: int, photos: int
) -> None:
    """After two hostile listings 95 of the next 96 were decided without reading their photos."""
    if photos > 1 and not known:
        pytest.skip("who is nobody cannot be counted")
    clock = Clock()
    gate = make_slow_scanner(clock, ocr=Printed(clock, 0.8)).screener(pace=Pace(PACE | {"read": 0.8}), clock=clock)
    for n in range(before):
        gate.screen(posted(f"early {n}" if known else None), deadline_s=math.inf)
    for n in range(hostile):
        gate.screen(posted(f"bad {n}" if known else None, PRINT, photos), deadline_s=math.inf)
    answers = [gate.screen(posted(f"late {n}" if known else None), deadline_s=deadline_s) for n in range(96)]
    assert sum("read image 0" not in answer.elapsed_s for answer in answers) <= 2
    assert gate.counts["hold"] == gate.counts["hold, timed out"] <= 2


def test_a_seller_of_all_photos_is_learnt_from() -> None:
    """A shop of one seller has a pace, too; among others he counts once."""
    pace = Pace({"read": 0.5})
    for _ in range(6):
        pace.took("read", 2.0, seller="one")
    assert pace.expected_s("read") == 2.0
    for n in range(5):
        pace.took("read", 2.0, seller=f"other {n}")
    for _ in range(30):
        pace.took("read", 4.0, seller="one")
    assert pace.expected_s("read") == 2.0


def test_one_duration_counts_as_twice_the_usual_at_most() -> None:
    pace = Pace({})
    for seconds in (0.2, 0.2, 0.2, 0.2, 0.2, 60.0, 60.0, 60.0):
        pace.took("read", seconds)
    assert pace.expected_s("read") == pytest.approx(0.4)
    for seconds in [1.0] * 60:
        pace.took("read", seconds)
    assert pace.expected_s("read") == pytest.approx(1.0), "a machine that is slower now is learnt all the same"


def test_sizes_are_learnt_apart() -> None:
    pace = Pace({"read": 0.5})
    for _ in range(32):
        pace.took("read", 0.1, size=100_000)
    assert pace.expected_s("read", 12_000_000) == 0.1, "little is known of large ones"
    for _ in range(5):
        pace.took("read", 2.0, size=12_000_000)
    assert (pace.expected_s("read", 100_000), pace.expected_s("read", 12_000_000)) == (0.1, 2.0)
    assert pace.fits("read", 0.2, 110_000)
    assert not pace.fits("read", 0.2, 12_000_000)


def test_stage_refused_many_times_is_tried_again() -> None:
    """Where the usual duration fits; what never fits is not tried for that."""
    pace = Pace({})
    for seconds in [0.5] * 10 + [0.9] * 10:
        pace.took("read", seconds)
    tried = [pace.fits("read", 0.6) for _ in range(8)]
    assert tried == [False] * 7 + [True]
    pace = Pace({"read": 0.9})
    for _ in range(32):
        pace.took("read", 0.9)
    assert not any(pace.fits("read", 0.1) for _ in range(400))


# -- words


def test_each_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty photos and a hundred hostile reviews, at a deadline: no text is judged again after each stage."""
    calls: Counter[str] = Counter()

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            calls[name] += 1
            return real(*given, **named)

        return call

    monkeypatch.setattr(NameIndex, "find", counted("find", NameIndex.find))
    monkeypatch.setattr(NameIndex, "find_in_spans", counted("find_in_spans", NameIndex.find_in_spans))
    monkeypatch.setattr("logoscan.text.listing_text.find_coded", counted("find_coded", find_coded))
    monkeypatch.setattr("logoscan.text.listing_text.find_complaints", counted("wording", find_complaints))
    monkeypatch.setattr("logoscan.scoring.judge.find_complaints", counted("judging", find_complaints))
    listing = Listing(
        "x",
        (photo_of(None, SPEAKS),) * 20,
        title="not a fake? Acme " * 30,
        description="is it fake, replica of Bolt? " * 700,
        reviews=tuple(f"{n} not a fake? " * 300 for n in range(100)),
    )
    answer = screened(listing, 300.0)
    assert len(answer.elapsed_s) == 3 + 4 * 20
    assert calls == {"find": 2, "find_in_spans": 20, "find_coded": 2 + 2 * 20, "wording": 1}
    assert [one.stage for one in answer.skipped] == ["end of title", "end of description", "end of reviews"]


def test_words_that_do_not_fit_are_a_timeout() -> None:
    clock = Clock()
    gate = make_slow_scanner(clock).screener(pace=Pace(PACE | {"description": 0.5, "reviews": 0.9}), clock=clock)
    listing = Listing("x", title="A shoe", description="Nice.", reviews=("Good.",))
    for deadline_s, left_out in ((0.1, ["description", "reviews"]), (0.6, ["reviews"]), (2.0, [])):
        answer = gate.screen(listing, deadline_s=deadline_s)
        assert [one.stage for one in answer.skipped] == left_out
        assert answer.decision == ("hold" if left_out else "allow")
        assert [f"{name}: not read" for name in left_out] == list(answer.report.skipped)
    assert gate.screen(listing, deadline_s=0.1, on_timeout="allow").decision == "allow"
    assert gate.counts == {"hold": 2, "hold, timed out": 2, "allow": 2, "allow, timed out": 1}
    told = replace(FAKE, description="Nice.")
    assert gate.screen(told, deadline_s=0.1).decision == "block", "title and claim are always read"


def test_early_exit_waits_for_words_that_may_change_the_role() -> None:
    """A description makes an accessory of the goods: it is read before the title blocks."""
    listing = replace(FAKE, description="Case for Acme", reviews=("Good.",) * 3)
    scanner = make_scanner()
    answer = scanner.screen(listing, deadline_s=1e9)
    assert answer.decision == DECISIONS[scanner.scan(listing).score.band]
    assert list(answer.elapsed_s)[:3] == ["words", "description", "reviews"]


# -- on the way to somebody else


@pytest.mark.parametrize("deadline_s", [1e-9, 0.3, math.inf])
def test_a_screening_can_be_sent_and_stored(deadline_s: float) -> None:
    photos = (photo_of(ACME), b"garbage", photo_of(None, SPEAKS))
    answer = screened(replace(CHEAP, images=photos, description="Nice."), deadline_s)
    for again in (pickle.loads(pickle.dumps(answer)), copy.deepcopy(answer), Screening.from_json(answer.to_json())):
        assert again == answer
    assert json.loads(json.dumps(answer.to_mapping())) == json.loads(answer.to_json())
    assert pickle.loads(pickle.dumps(answer.report)) == answer.report
    with pytest.raises(CorruptFileError, match="screening: expected a Screening: decision"):
        Screening.from_json(answer.to_json().replace('"decision":"', '"decision":"un'))

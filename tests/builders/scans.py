"""Two brands, and scanners of them over fakes: as fast as they come, or slow by a clock that the fakes push on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from fakes import BLUE, GREEN, RED, WHITE, YELLOW, Colour, FakeDetector, FakeEncoder, FakeOcr, photo_of, quarters

from logoscan.index.logo_index import LogoIndex
from logoscan.matching.calibration import MatchCalibration
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Listing, Regions, Rgb, TextSpans

ENCODER, DETECTOR = FakeEncoder(), FakeDetector()
ACME = quarters(RED, WHITE, BLUE, YELLOW)
BOLT = quarters(GREEN, RED, WHITE, RED)
CORE = quarters(BLUE, GREEN, RED, WHITE)
SPEAKS: Colour = (1, 2, 3)
"""The ground of photos in which the fake OCR reads "Bolt"."""
OCR = FakeOcr({SPEAKS: ["Bolt", "made in"]})
CALIBRATION = MatchCalibration(
    ENCODER.info.fingerprint, DETECTOR.fingerprint, -40.0, 45.0, 0.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
)
"""Even odds at a similarity of 0.89, 0.99 at 0.99: a fake logo is that near to itself, and to no other."""
PACE = {"open": 0.0, "detect": 0.1, "keypoints": 0.0, "read": 0.5, "compare": 0.2}
"""Seconds that each stage of a slow scanner takes."""


def make_index() -> LogoIndex:
    """Register Acme, which has an authorised seller, and Bolt."""
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme", authorised_sellers=("good",)), [("a", ACME)])
    index.add(Brand("Bolt"), [("b", BOLT)])
    return index


@cache
def shared_index() -> LogoIndex:
    """Give one index of Acme and Bolt to all who do not change it."""
    return make_index()


@cache
def _prices() -> PriceModel:
    return PriceModel.fit(
        [PriceRecord("Acme", 80.0 + i, "EUR", "Shoes") for i in range(20)]
        + [PriceRecord("Bolt", 50.0 + i, "USD", "Tools") for i in range(20)]
    )


def make_scanner(index: LogoIndex | None = None, **changes: Any) -> Scanner:
    """Join the fakes to a scanner, of a new index where none is given."""
    parts: dict[str, Any] = {"detector": DETECTOR, "ocr": OCR, "calibration": CALIBRATION, "prices": _prices()}
    return Scanner(index if index is not None else make_index(), encoder=ENCODER, **{**parts, **changes})


def make_listings() -> list[Listing]:
    """One of each kind: with and without photos, logos, words, claims; several photos; a photo that cannot be read."""
    shoe = Listing("shoe", (photo_of(ACME),), category="Shoes", currency="EUR")
    return [
        replace(shoe, id="plain", title="Acme shoe", price=85, seller_id="good"),
        Listing("bare"),
        Listing("word", (photo_of(None, SPEAKS),), claimed_brand=""),
        Listing("two", (photo_of(BOLT), photo_of(ACME)), claimed_brand="Acme"),
        Listing("broken", (b"no picture", photo_of(ACME)), seller_id="bad"),
        Listing("stranger", (photo_of(CORE),), title="A nice thing"),
        replace(shoe, id="cheap", title="Acme", price=9, seller_id="bad"),
    ]


def timeless(report: Report) -> Report:
    """Drop the time of a report, so that it can be compared with another."""
    return replace(report, provenance=replace(report.provenance, time=""))


class Clock:
    """Stands still but for what the slow fakes say."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowDetector(FakeDetector):
    """Pushes the clock on by some seconds a call."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds, self.calls = clock, seconds, 0

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        self.calls += 1
        self._clock.now += self._seconds
        return super().detect(images)


class SlowOcr(FakeOcr):
    """Pushes the clock on by some seconds a picture."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__({SPEAKS: ["Bolt", "made in"]})
        self._clock, self._seconds = clock, seconds

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        self._clock.now += self._seconds * len(images)
        return super().read(images)


def make_slow_scanner(clock: Clock, **changes: Any) -> Scanner:
    """Join fakes that find in 0.1 s and read in 0.5 s to a scanner of the shared index."""
    parts: dict[str, Any] = {"index": shared_index(), "detector": SlowDetector(clock, 0.1), "ocr": SlowOcr(clock, 0.5)}
    return make_scanner(**{**parts, **changes})

"""What an attack is, and the small shop that it is tried on: fakes for the models, everything else as it ships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fakes import BLUE, RED, WHITE, YELLOW, FakeEncoder, FakeOcr, quarters

from logoscan.errors import LogoscanError
from logoscan.images.loading import ImageLimits
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow, read_listings
from logoscan.matching.calibration import MatchCalibration
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.reporting.html import listing_page
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, ImageSource, Listing, UsualPrice
from logoscan.vision.tiles import WholeImage

Outcome: TypeAlias = Literal[
    "report",
    "warning",
    "bad row",
    "ImageError",
    "InputError",
    "CorruptFileError",
    "MismatchError",
    "LogoscanError",
    "VettingError",
]
"""Taken like anything else; a report with a warning; a row that is named and passed over; an error of that class."""

Trial: TypeAlias = Callable[[], tuple[Outcome, str]]

ACME = quarters(RED, WHITE, BLUE, YELLOW)
MOST_PIXELS = ImageLimits().max_pixels
"""Tests make it a sixteenth, to be quick; `python -m benchmarks attacks` leaves it."""
LONGEST_MESSAGE = 1000
"""Characters: a message that holds a hostile megabyte would be an attack on whoever reads the log."""


@dataclass(frozen=True)
class Attack:
    """One threat.

    Attributes:
        name: Unique.
        expected: How it has to end.
        prepare: Makes it in an empty folder; what comes back tries it, and gives how it ended and what was said, or
            raises.
    """

    name: str
    expected: Outcome
    prepare: Callable[[Path], Trial]

    def run(self, trial: Trial) -> tuple[str, str]:
        """How what was prepared ended, and what was said."""
        try:
            return trial()
        except LogoscanError as error:
            return type(error).__name__, str(error)


class NotHarmlessError(Exception):
    """An attack harmed what came after it."""


@cache
def _parts() -> dict[str, Any]:
    """An index of one brand with everything that a brand can have, and what goes with it."""
    encoder, detector = FakeEncoder(), WholeImage()
    index = LogoIndex(encoder)
    facts = {"material": "leather, suede", "ean_prefix": "400", "weight": "1,5 kg", "made in": "Germany"}
    usual = (UsualPrice("EUR", 80, 120),)
    index.add(Brand("Acme Tools", ("Acme",), ("good",), (), usual, facts), [("a", ACME)])
    index.add(Brand("Wordy"), [])
    calibration = MatchCalibration(
        encoder.info.fingerprint, detector.fingerprint, -40.0, 45.0, 0.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
    )
    prices = PriceModel.fit(PriceRecord("Acme Tools", 80.0 + i, "EUR", "Shoes") for i in range(20))
    parts = {"encoder": encoder, "detector": detector, "ocr": FakeOcr(), "calibration": calibration}
    return {"index": index, "prices": prices, **parts}


def scanner(root: Path | None = None) -> Scanner:
    """The shop's scanner, for photos below a root."""
    return Scanner(**_parts(), root=root, limits=ImageLimits(max_pixels=MOST_PIXELS))


def good_photo() -> ImageSource:
    """A photo that shows the brand and nothing else."""
    return ACME


def _unharmed(report: Report, image: int) -> None:
    if not any(m.image == image and m.brand == "Acme Tools" for m in report.matches):
        raise NotHarmlessError(f"{report.listing_id}: the good photo {image} shows its brand no more")


def photographed(source: ImageSource, root: Path | None = None) -> tuple[Outcome, str]:
    """Scan a hostile photo; the good ones after it, in its listing and in the next one, are unharmed."""
    hostile = Listing("hostile", (source, good_photo()) if root is None else (source,))
    following = Listing("next", (good_photo(),))
    first, second = scanner(root).scan_many([hostile, following])
    if root is None:
        _unharmed(first, 1)
    _unharmed(second, 0)
    return ended(first)


def ended(report: Report) -> tuple[Outcome, str]:
    """How a report ended; it can be stored and shown."""
    if report_from_json(report_to_json(report)) != report or not listing_page(report):
        raise NotHarmlessError(f"{report.listing_id}: the report is not what was stored")
    said = "\n".join((*report.warnings, *(s for s in report.skipped if "cap" in s)))
    return ("warning" if said else "report"), said


def scanned(listing: Listing) -> tuple[Outcome, str]:
    """Scan a hostile listing, and a good one after it."""
    first, second = scanner().scan_many([listing, Listing("next", (good_photo(),))])
    _unharmed(second, 0)
    return ended(first)


def listed(folder: Path, name: str, data: bytes, good_rows: int = 1) -> Trial:
    """Read a hostile listings file and scan its rows; `good_rows` of it are good all the same."""
    (folder / name).write_bytes(data)
    return lambda: _rows_of(folder / name, good_rows)


def _rows_of(path: Path, good_rows: int) -> tuple[Outcome, str]:
    bad: list[BadRow] = []
    good = list(read_listings(path, on_error=bad.append))
    if sum(row.id.startswith("good") for row in good) != good_rows:
        raise NotHarmlessError(f"expected {good_rows} good rows, got {[row.id[:20] for row in good[:9]]} and {bad[:3]}")
    ends = [ended(report) for report in scanner().scan_many(good[:20])]
    if bad:
        return "bad row", "\n".join(f"line {b.line}: {b.reason}" for b in bad[:3])
    return next((end for end in ends if end[0] == "warning"), ("report", ""))

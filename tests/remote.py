"""Scanners that the workers of a distributed scan make for themselves, over fakes; they import this by its name."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from commands import ACME, BOLT
from fakes import FakeDetector, FakeEncoder

from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow
from logoscan.matching.calibration import MatchCalibration
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Listing

POISON, DEADLY = "breaks the scanner", "kills the worker"


class Fragile(Scanner):
    """Raises at listings of the title `POISON`, kills its process at those titled `DEADLY`, and once at `victim`."""

    mark: Path
    victim = ""

    def scan_many(self, listings: Iterable[Listing | BadRow], **options: Any) -> Iterator[Report]:
        for listing in listings:
            assert isinstance(listing, Listing)
            if listing.title == POISON:
                raise ZeroDivisionError(listing.id)
            if listing.title == DEADLY or (listing.id == self.victim and not self.mark.exists()):
                self.mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield from super().scan_many([listing], **options)


def make(root: Path, victim: str = "") -> Fragile:
    """A scanner of two brands; says in `root`/made that it was made, and by which process."""
    encoder, detector = FakeEncoder(), FakeDetector()
    index = LogoIndex(encoder)
    for name, logo in (("Acme", ACME), ("Bolt", BOLT)):
        index.add(Brand(name), [("logo", logo)])
    calibration = MatchCalibration(
        encoder.info.fingerprint, detector.fingerprint, -40.0, 45.0, 0.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
    )
    made = Fragile(
        index, encoder=encoder, detector=detector, calibration=calibration, ledger=PhotoLedger(), root=root / "photos"
    )
    made.mark, made.victim = root / "killed", victim
    with (root / "made").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return made

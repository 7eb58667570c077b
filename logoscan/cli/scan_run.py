"""One run of `scan`: listings to reports, and what it counts and reports."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from logoscan._quote import quoted
from logoscan.cli.app import INTERRUPTED
from logoscan.cli.console import Complaints, complain, progress
from logoscan.cli.outputs import StandardOutput
from logoscan.cli.overlays import write_overlays
from logoscan.io.listings import BadRow
from logoscan.io.partial import PartialOutput
from logoscan.io.records import to_json
from logoscan.results import Report
from logoscan.runtime import cores
from logoscan.scan.unreadable import photo_warnings
from logoscan.store.writer import FeatureWriter
from logoscan.types import Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

__all__ = ["CORES_FOR_PROCESSES", "WORTH_PROCESSES", "ScanRun"]

WORTH_PROCESSES = 200
"""Listings from which processes, which take seconds to load the models, are worth it."""
CORES_FOR_PROCESSES = 2
"""Cores from which they are: two processes scan as many photos as two threads, and more beside other work."""


@dataclass
class ScanRun:
    """One scan, and what it counts.

    Attributes:
        complaints: Prints what goes wrong.
        failed: Rows that have no report.
        unread: Photos that could not be read or drawn, now or by an earlier run of the same command.
        bands: Bands of the reports that were written now or by an earlier run.
        advance: Moves the progress bar by a number of rows.
        on_report: What is called with each report that was written now.
        writer: Keeps the features of photos; None keeps none.
        workers: Processes that look at photos (`Scanner.scan_many`); None decides by the number of listings.
    """

    complaints: Complaints
    failed: int = 0
    unread: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    advance: Callable[[int], object] = lambda rows: None
    on_report: list[Callable[[Report], object]] = field(default_factory=list)
    writer: FeatureWriter | None = None
    workers: int | None = None

    def count_bad_row(self, row: BadRow) -> None:
        """Count and report a row that is not a listing."""
        self._fail(row.rows, f"line {row.line}: {row.reason}")

    def _fail(self, rows: int, message: str) -> None:
        self.failed += rows
        self.advance(rows)
        self.complaints(message)

    def scan(
        self,
        scanner: Scanner,
        listings: Iterator[Listing],
        total: Callable[[], int | None],
        output: PartialOutput | StandardOutput,
        root: Path,
        overlay: Path | None,
        *,
        one_by_one: bool = False,
    ) -> None:
        """Scan listings to a file that grows line by line, or to standard output.

        Args:
            scanner: The scanner.
            listings: The listings.
            total: Counts the rows for the progress bar.
            output: Where the reports go.
            root: Folder of the photos, for the overlays.
            overlay: Folder of the overlays; None draws none.
            one_by_one: Whether each listing is answered before the next is read, whatever its id, as whoever writes
                listings and waits for answers needs it.
        """
        with output, progress("scan", "listings", total, done=len(output.done)) as self.advance:
            self.bands, self.unread = Counter(output.bands), output.unread
            if one_by_one:
                reports = scanner.scan_many(listings, batch_size=1, workers=1, keep_features=self.writer)
            else:
                many = (total() or 0) - len(output.done) >= WORTH_PROCESSES
                if self.workers is None and many and cores() >= CORES_FOR_PROCESSES:
                    self.workers = cores()
                unscanned = self._unscanned(listings, output)
                reports = scanner.scan_many(unscanned, workers=self.workers, keep_features=self.writer)
            try:
                for report in reports:
                    if overlay is not None:  # before the report: a report that is written is complete
                        for reason in write_overlays(report, root, overlay):
                            self.unread += 1
                            self.complaints(f"listing {report.listing_id!r}: {reason}")
                    output.write(to_json(report))
                    self.unread += len(photo_warnings(report.warnings))
                    self.bands[report.score.band] += 1
                    for warning in report.warnings:
                        self.complaints(f"listing {report.listing_id!r}: {warning}")
                    for told in self.on_report:
                        told(report)
                    self.advance(1)
            except KeyboardInterrupt:
                where = "on standard output"
                if isinstance(output, PartialOutput):
                    where = f"in {output.partial}, the same command goes on"
                complain(f"interrupted; {self.bands.total()} reports are {where}")
                sys.exit(INTERRUPTED)

    def _unscanned(self, listings: Iterator[Listing], output: PartialOutput | StandardOutput) -> Iterator[Listing]:
        """Yield the listings that have no report yet."""
        ids, earlier, not_kept = set(output.done), set(output.done), 0
        for listing in listings:
            if listing.id in earlier:
                earlier.discard(listing.id)  # the progress bar began with it
                not_kept += self.writer is not None and bool(listing.images) and listing.id not in self.writer
            elif listing.id in ids:
                self._fail(1, f"listing {listing.id!r}: the id is there twice; only the first is scanned")
            else:
                ids.add(listing.id)
                yield listing
        if not_kept:
            complain(f"{not_kept} reports in {output.partial} are of listings whose features were not kept")
        if earlier:
            complain(
                f"{len(earlier)} reports in {output.partial} are of listings that are there no more, "
                f"such as {quoted(min(earlier))}"
            )

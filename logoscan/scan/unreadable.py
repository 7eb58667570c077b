"""What of a stream could not be read, said in the log: rows that are no listings, photos that nearly all fail."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from logoscan.io.listings import BadRow
from logoscan.results import Report
from logoscan.sources import Root
from logoscan.types import Listing

__all__ = ["listings_of", "photo_warnings", "warn_of_unreadable_photos"]

logger = logging.getLogger(__name__)

# Photos of a stream from which it is told while it runs that most cannot be read, and at its end.
_SOON, _AT_LAST = 20, 5
# Rows that are named; of the others it is said how many there were.
_MOST_ROWS = 20


def listings_of(rows: Iterable[Listing | BadRow]) -> Iterator[Listing]:
    """The listings of a stream as `read_listings` gives it; rows that are none are told in the log."""
    bad = lost = 0
    for row in rows:
        if isinstance(row, BadRow):
            bad, lost = bad + 1, lost + row.rows
            if bad <= _MOST_ROWS:
                logger.warning("line %d is no listing and is not scanned: %s", row.line, row.reason)
        else:
            yield row
    if lost > min(bad, _MOST_ROWS):
        logger.warning("%d rows were no listings and were not scanned", lost)


def photo_warnings(warnings: Iterable[str]) -> list[str]:
    """The warnings of a report that are of photos which could not be looked at; other ones are of fields."""
    return [warning for warning in warnings if warning.startswith("image ")]


def warn_of_unreadable_photos(reports: Iterable[Report], root: Root) -> Iterator[Report]:
    """The reports, and one line of the log where more than half of the photos could not be read.

    Then the root is probably wrong, and each single report says so too quietly.

    Args:
        reports: As a scanner makes them.
        root: Where the scanner looks for photos; only named.
    """
    photos = failed = 0
    told, example = False, ""

    def tell() -> None:
        where = "no root was given" if root is None else f"the root is {str(root)!r}"
        logger.warning(
            "%d of the first %d photos could not be read, such as %s (%s): nothing that they show is known",
            failed,
            photos,
            example,
            where,
        )

    for report in reports:
        photos += len(report.images)
        missing = photo_warnings(report.warnings)
        failed += len(missing)
        if missing and not example:
            example = f"{missing[0][:300]} of listing {report.listing_id[:80]!r}"
        if not told and photos >= _SOON and 2 * failed > photos:
            told = True
            tell()
        yield report
    if not told and photos >= _AT_LAST and 2 * failed > photos:
        tell()

"""Log a warning where most photos of a stream cannot be read, because the root is probably wrong then."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from logoscan._quote import quoted
from logoscan.results import Report
from logoscan.sources import Root

__all__ = ["photo_warnings", "warn_of_unreadable_photos"]

logger = logging.getLogger(__name__)

# Fewest photos of a stream from which the warning is given while it runs, and at its end.
_MIN_PHOTOS, _MIN_PHOTOS_AT_END = 20, 5


def photo_warnings(warnings: Iterable[str]) -> list[str]:
    """Return the warnings of a report that are about photos that could not be examined; others are about fields."""
    return [warning for warning in warnings if warning.startswith("image ")]


def warn_of_unreadable_photos(reports: Iterable[Report], root: Root) -> Iterator[Report]:
    """Yield reports as they are, and log one line where more than half of the photos could not be read.

    The warnings of single reports are easily overlooked.

    Args:
        reports: Reports of a scanner.
        root: Root of the scanner, which the message names.
    """
    photos = failed = 0
    has_warned, example = False, ""

    def warn() -> None:
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
            example = f"{missing[0]} of listing {quoted(report.listing_id)}"
        if not has_warned and photos >= _MIN_PHOTOS and 2 * failed > photos:
            has_warned = True
            warn()
        yield report
    if not has_warned and photos >= _MIN_PHOTOS_AT_END and 2 * failed > photos:
        warn()

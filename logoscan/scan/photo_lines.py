"""The lines of text in a listing's photos as its report has them: those that were read, and those that were not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logoscan.results import TextLine, UnreadLine
from logoscan.types import Boxes
from logoscan.vision.features import PhotoFeatures

__all__ = ["skipped_lines", "text_lines", "unread_lines"]

# Most unread lines of a photo whose boxes a report has: a page of small print has a thousand. `skipped` counts all.
_MAX_UNREAD = 100


def text_lines(photos: Sequence[PhotoFeatures]) -> tuple[TextLine, ...] | None:
    """Return the lines that were read in the photos of a listing, in order; None where no photo was read."""
    if not _any_read(photos):
        return None
    return tuple(
        TextLine(image, box, text, confidence)
        for image, photo in enumerate(photos)
        for box, text, confidence in zip(
            _boxes(photo.spans.xyxy), photo.spans.texts, photo.spans.confidence.tolist(), strict=True
        )
        if text.strip()
    )


def unread_lines(photos: Sequence[PhotoFeatures]) -> tuple[UnreadLine, ...] | None:
    """Return the lines that were detected in the photos of a listing and not read, in order.

    These are the lines that were passed over to save work, and those of which the engine returned a blank: RapidOCR
    reads Cyrillic and Arabic as nothing. Of a photo they are a hundred at most, highest letters first.

    Returns:
        The lines; None where no photo was read.
    """
    if not _any_read(photos):
        return None
    out: list[UnreadLine] = []
    for image, photo in enumerate(photos):
        passed_over = zip(_boxes(photo.spans.unread_xyxy), photo.spans.unread_scripts, strict=True)
        blank = ((box, None) for box, text in zip(_boxes(photo.spans.xyxy), photo.spans.texts, strict=True)
                 if not text.strip())  # fmt: skip
        out += [UnreadLine(image, box, script) for box, script in [*blank, *passed_over][:_MAX_UNREAD]]
    return tuple(out)


def skipped_lines(photos: Sequence[PhotoFeatures]) -> Iterator[str]:
    """Yield a sentence for each photo that holds unread lines, and of what kind they are."""
    for image, photo in enumerate(photos):
        if lines := photo.spans.unread:
            yield f"image {image}: {_count(lines, ' more')} of small text not read, to save work"
        if lines := sum(not text.strip() for text in photo.spans.texts):
            yield f"image {image}: {_count(lines)} in letters that the OCR engine cannot read"


def _count(lines: int, more: str = "") -> str:
    return f"{lines}{more} {'line' if lines == 1 else 'lines'}"


def _any_read(photos: Sequence[PhotoFeatures]) -> bool:
    """Return whether text was searched in a photo, or there is none in which it could be."""
    return not photos or any(
        photo.warning is None and not photo.passed_over and "read" not in photo.unfinished for photo in photos
    )


def _boxes(xyxy: Boxes) -> list[tuple[float, float, float, float]]:
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in xyxy.tolist()]

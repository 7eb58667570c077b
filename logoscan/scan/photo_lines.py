"""The lines of text in a listing's photos as its report has them: those that were read, and those that were not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from logoscan.results import TextLine, UnreadLine
from logoscan.types import Boxes, TextSpans, UnreadReason
from logoscan.vision.features import PhotoFeatures

__all__ = ["skipped_lines", "text_lines", "unread_lines", "unreadable_in_words", "unreadable_share"]

Box: TypeAlias = tuple[float, float, float, float]
"""A box, xyxy in pixels."""

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

    These are the lines that no engine could read, and then those that were passed over to save work. Of a photo they
    are a hundred at most, highest letters first.

    Returns:
        The lines; None where no photo was read.
    """
    if not _any_read(photos):
        return None
    out: list[UnreadLine] = []
    for image, photo in enumerate(photos):
        lines = [*_unreadable(photo.spans), *_unread(photo.spans, "effort")]
        out += [UnreadLine(image, box, script) for box, script in lines[:_MAX_UNREAD]]
    return tuple(out)


def unreadable_share(photos: Sequence[PhotoFeatures]) -> float:
    """Return the share of the text in photos, by area, that no engine could read, in [0, 1]; 0 where there is none.

    A line that was read in several ways counts once. Lines that were passed over to save work do not count: what they
    hide is part of how often the search misses a mark.
    """
    unreadable = sum(_area(box) for photo in photos for box, _ in _unreadable(photo.spans))
    read = sum(
        _area(box)
        for photo in photos
        for box in {b for b, text in zip(_boxes(photo.spans.xyxy), photo.spans.texts, strict=True) if text.strip()}
    )
    read += sum(photo.spans.unkept_area for photo in photos)
    return unreadable / (unreadable + read) if unreadable else 0.0


def unreadable_in_words(photos: Sequence[PhotoFeatures]) -> str:
    """Return in words how many lines no engine could read, and their scripts; "" where there are none."""
    lines = [script for photo in photos for _, script in _unreadable(photo.spans)]
    if not lines:
        return ""
    scripts = ", ".join(sorted({script for script in lines if script is not None}))
    named = f" ({scripts})" if scripts else ""
    return f"{_count(len(lines))} in letters that the OCR engine cannot read{named}"


def _unreadable(spans: TextSpans) -> list[tuple[Box, str | None]]:
    """Return box and script of the lines that no engine could read; an engine may return a blank for such a line."""
    blank = [box for box, text in zip(_boxes(spans.xyxy), spans.texts, strict=True) if not text.strip()]
    return [*((box, None) for box in blank), *_unread(spans, "unreadable")]


def _unread(spans: TextSpans, reason: UnreadReason) -> list[tuple[Box, str | None]]:
    rows = zip(_boxes(spans.unread_xyxy), spans.unread_scripts, spans.unread_reasons, strict=True)
    return [(box, script) for box, script, why in rows if why == reason]


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def skipped_lines(photos: Sequence[PhotoFeatures]) -> Iterator[str]:
    """Yield a sentence for each photo that holds unread lines, and of what kind they are."""
    for image, photo in enumerate(photos):
        if lines := photo.spans.unread_reasons.count("effort"):
            yield f"image {image}: {_count(lines, ' more')} of small text not read, to save work"
        if what := unreadable_in_words([photo]):
            yield f"image {image}: {what}"


def _count(lines: int, more: str = "") -> str:
    return f"{lines}{more} {'line' if lines == 1 else 'lines'}"


def _any_read(photos: Sequence[PhotoFeatures]) -> bool:
    """Return whether text was searched in a photo, or there is none in which it could be."""
    return not photos or any(
        photo.warning is None and not photo.passed_over and "read" not in photo.unfinished for photo in photos
    )


def _boxes(xyxy: Boxes) -> list[Box]:
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in xyxy.tolist()]

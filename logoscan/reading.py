"""Where to read: the whole photo once, and the detector's places that its lines leave out. Knows no names.

A text detector looks for printed lines; the mark detector finds lettering that it misses: stylised, tiny, upright.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logoscan.boxes import clip, shared
from logoscan.ocr import OcrEngine, WordReader
from logoscan.types import Boxes, Regions, Rgb, TextSpans

__all__ = ["read", "word_places"]

_PLACES = 12
"""Most places of a photo that are read."""
_COVERED = 0.5
"""Share of the smaller of a place and a line above which the line has been read already."""
_MARGIN = 0.06
"""Added around a place, of its short side: letters at the very edge are misread."""
_LEAST_PX = 8.0
"""Short side under which no letter can be told."""
_MAX_ASPECT = 20.0
_SURE = 0.5
"""Confidence from which a place's reading is kept: to what is no text at all the reader gives a letter or two."""
_LETTERS = 2
"""Fewer are no word."""


def word_places(regions: Regions, spans: TextSpans, width_px: int, height_px: int) -> Boxes:
    """The surest places of a photo that may hold a word and that no line lies on, float32 (n, 4), with a margin.

    Args:
        regions: Proposals of a detector, best first; the least sure ones, laid out blindly, are left out.
        spans: Lines that were read.
        width_px: Of the photo.
        height_px: Of the photo.
    """
    proposed = regions.confidence > regions.confidence.min(initial=1.0)
    boxes = regions.xyxy[proposed]
    short = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    boxes = boxes[(short >= _LEAST_PX) & ((boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= _MAX_ASPECT * short)]
    boxes = boxes[shared(boxes, spans.xyxy).max(axis=1, initial=0) <= _COVERED]
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2]).min(axis=1, keepdims=True)
    grown = boxes + np.concatenate([-margin, -margin, margin, margin], axis=1)
    return clip(grown, width_px, height_px)[:_PLACES]


def read(ocr: OcrEngine | None, images: Sequence[Rgb], regions: Sequence[Regions]) -> list[TextSpans]:
    """Lines of each picture and, after them, words in the detector's places, where the engine can read such."""
    if ocr is None:
        return [TextSpans.empty() for _ in images]
    lines = ocr.read(images)
    if not isinstance(ocr, WordReader):
        return lines
    places = [
        word_places(found, spans, image.shape[1], image.shape[0])
        for found, spans, image in zip(regions, lines, images, strict=True)
    ]
    words = ocr.read_words(images, places)
    return [_joined(spans, _sure(more)) for spans, more in zip(lines, words, strict=True)]


def _sure(words: TextSpans) -> TextSpans:
    rows = [
        i
        for i, text in enumerate(words.texts)
        if words.confidence[i] >= _SURE and sum(c.isalnum() for c in text) >= _LETTERS
    ]
    return TextSpans(words.polygons[rows], tuple(words.texts[i] for i in rows), words.confidence[rows])


def _joined(first: TextSpans, second: TextSpans) -> TextSpans:
    """Lines of both, in this order."""
    return TextSpans(
        np.concatenate([first.polygons, second.polygons]),
        (*first.texts, *second.texts),
        np.concatenate([first.confidence, second.confidence]),
    )

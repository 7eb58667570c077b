"""Where to read: the whole photo once, the detector's places that its lines leave out, and what stands on its head.

A text detector looks for printed lines; the mark detector finds lettering that it misses: stylised, tiny, upright.
Knows no names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logoscan.images.boxes import clip, shared
from logoscan.ocr.engine import OcrEngine, WordReader
from logoscan.types import Boxes, Effort, Regions, Rgb, TextSpans

__all__ = ["read", "word_places"]

# Most places of a photo that are read.
_PLACES: dict[Effort, int] = {"default": 4, "full": 12}
# Share of the smaller of a place and a line above which the line has been read already.
_COVERED = 0.5
# Added around a place, of its short side: letters at the very edge are misread.
_MARGIN = 0.06
# Short side under which no letter can be told.
_LEAST_PX = 8.0
_MAX_ASPECT = 20.0
# Confidence from which a place's reading is kept: to what is no text at all the reader gives a letter or two.
_SURE = 0.5
# Fewer are no word.
_LETTERS = 2
# Confidence and letters of what is surely a word; a photo with text and without any is read upside down too.
_WORD_SURE, _WORD_LETTERS = 0.8, 4


def word_places(regions: Regions, spans: TextSpans, width_px: int, height_px: int, effort: Effort = "full") -> Boxes:
    """The surest places of a photo that may hold a word and that no line lies on, float32 (n, 4), with a margin.

    Args:
        regions: Proposals of a detector, best first; the least sure ones, laid out blindly, are left out.
        spans: Lines that were read.
        width_px: Of the photo.
        height_px: Of the photo.
        effort: "default" takes a third as many.
    """
    proposed = regions.confidence > regions.confidence.min(initial=1.0)
    boxes = regions.xyxy[proposed]
    short = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    boxes = boxes[(short >= _LEAST_PX) & ((boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= _MAX_ASPECT * short)]
    boxes = boxes[shared(boxes, spans.xyxy).max(axis=1, initial=0) <= _COVERED]
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2]).min(axis=1, keepdims=True)
    grown = boxes + np.concatenate([-margin, -margin, margin, margin], axis=1)
    return clip(grown, width_px, height_px)[: _PLACES[effort]]


def read(
    ocr: OcrEngine | None, images: Sequence[Rgb], regions: Sequence[Regions], effort: Effort = "full"
) -> list[TextSpans]:
    """Lines of each picture; after them words in the detector's places, where the engine can read such.

    Where all that says nothing, full effort reads the picture again upside down, and what is sure then comes last.
    """
    if ocr is None:
        return [TextSpans.empty() for _ in images]
    found = ocr.read(images)
    if isinstance(ocr, WordReader):
        places = [
            word_places(proposed, spans, image.shape[1], image.shape[0], effort)
            for proposed, spans, image in zip(regions, found, images, strict=True)
        ]
        words = ocr.read_words(images, places)
        found = [spans.joined(_sure(more)) for spans, more in zip(found, words, strict=True)]
    if effort == "default":
        return found
    unclear = [i for i, spans in enumerate(found) if len(spans) and not _says_a_word(spans)]
    turned = ocr.read([np.ascontiguousarray(images[i][::-1, ::-1]) for i in unclear])
    for i, spans in zip(unclear, turned, strict=True):
        found[i] = found[i].joined(_sure(_upside_down(spans, images[i].shape[1], images[i].shape[0])))
    return found


def _says_a_word(spans: TextSpans) -> bool:
    letters = np.array([sum(c.isalnum() for c in text) for text in spans.texts])
    return bool(((spans.confidence >= _WORD_SURE) & (letters >= _WORD_LETTERS)).any())


def _upside_down(spans: TextSpans, width_px: int, height_px: int) -> TextSpans:
    """Lines of a picture that was turned by 180 degrees, as they lie in the picture."""
    corners = np.array([width_px, height_px], np.float32) - spans.polygons
    return TextSpans(corners, spans.texts, spans.confidence)


def _sure(words: TextSpans) -> TextSpans:
    letters = [sum(c.isalnum() for c in text) for text in words.texts]
    return words.rows([i for i, n in enumerate(letters) if n >= _LETTERS and words.confidence[i] >= _SURE])

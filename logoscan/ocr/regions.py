"""Where to read: the whole photo once, the logo detector's boxes that its lines leave out, the lettering around round
marks, and the photo upside down.

A text detector looks for printed lines; the logo detector finds lettering that it misses: stylised, tiny, upright.

Knows no names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from logoscan.images.boxes import clip, overlap_of_smaller
from logoscan.ocr.curved_text import arc_boxes, arcs, round_boxes
from logoscan.ocr.engine import OcrEngine, WordReader
from logoscan.types import Boxes, Effort, Regions, Rgb, TextSpans

__all__ = ["read", "word_boxes"]

# Boxes of a photo that are read at most: a quick look tells which hold no word.
_MAX_BOXES = 12
# Round marks of a photo whose lettering is read at most, by effort.
_MAX_ROUND: dict[Effort, int] = {"default": 1, "full": 6}
# Share of the smaller of a box and a line above which the line has been read already.
_COVERED_SHARE = 0.5
# Margin around a box, as a share of its short side: letters at the very edge are misread.
_MARGIN = 0.06
# Shortest side in which letters can be distinguished.
_MIN_SIDE_PX = 8.0
_MAX_ASPECT = 20.0
# Confidence from which the reading of a box is kept: where there is no text the OCR returns a letter or two.
_MIN_CONFIDENCE = 0.5
# Fewer letters are no word.
_MIN_LETTERS = 2
# Confidence and letters of what is certainly a word; a photo that has text but no such word is read upside down too.
_CERTAIN_CONFIDENCE, _CERTAIN_LETTERS = 0.8, 4


def word_boxes(regions: Regions, spans: TextSpans, width_px: int, height_px: int) -> Boxes:
    """Return the most confident boxes of a photo that may hold a word and no line, float32 (n, 4), with a margin.

    Args:
        regions: Proposals of a detector, best first; the least confident ones, laid out blindly, are left out.
        spans: Lines that were read.
        width_px: Width of the photo.
        height_px: Height of the photo.
    """
    proposed = regions.confidence > regions.confidence.min(initial=1.0)
    boxes = regions.xyxy[proposed]
    short = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    boxes = boxes[(short >= _MIN_SIDE_PX) & ((boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= _MAX_ASPECT * short)]
    boxes = boxes[overlap_of_smaller(boxes, spans.xyxy).max(axis=1, initial=0) <= _COVERED_SHARE]
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2]).min(axis=1, keepdims=True)
    grown = boxes + np.concatenate([-margin, -margin, margin, margin], axis=1)
    return clip(grown, width_px, height_px)[:_MAX_BOXES]


def read(
    ocr: OcrEngine | None, images: Sequence[Rgb], regions: Sequence[Regions], effort: Effort = "full"
) -> list[TextSpans]:
    """Return the lines of each photo; after them words in the detector's boxes, if the engine can read such boxes.

    Such an engine also reads the words around round marks, by default effort around one of them and above it alone.
    Where all that holds no certain word, full effort reads the photo again upside down, and
    confident words then come last.
    """
    if ocr is None:
        return [TextSpans.empty() for _ in images]
    lines = ocr.read(images)
    if isinstance(ocr, WordReader):
        boxes = [
            word_boxes(proposed, spans, image.shape[1], image.shape[0])
            for proposed, spans, image in zip(regions, lines, images, strict=True)
        ]
        words = ocr.read_words(images, boxes)
        lines = [spans.joined(_confident(more)) for spans, more in zip(lines, words, strict=True)]
        lines = [
            spans.joined(_curved_words(ocr, image, proposed, spans, effort))
            for image, proposed, spans in zip(images, regions, lines, strict=True)
        ]
    if effort == "default":
        return lines
    unclear = [i for i, spans in enumerate(lines) if len(spans) and not len(_certain_words(spans))]
    rotated = ocr.read([np.ascontiguousarray(images[i][::-1, ::-1]) for i in unclear])
    for i, spans in zip(unclear, rotated, strict=True):
        lines[i] = lines[i].joined(_confident(_upside_down(spans, images[i].shape[1], images[i].shape[0])))
    return lines


def _curved_words(ocr: WordReader, image: Rgb, regions: Regions, spans: TextSpans, effort: Effort) -> TextSpans:
    """Return the confident words around the round marks of a photo, each in the half of its mark."""
    certain, words = _certain_words(spans), TextSpans.empty()
    for box in round_boxes(regions, certain, _MAX_ROUND[effort]):
        halves = list(zip(arcs(image, box), arc_boxes(box, image.shape[1], image.shape[0]), strict=True))
        for arc, half in halves[: 1 if effort == "default" else 2]:
            whole = np.array([[0, 0, arc.shape[1], arc.shape[0]]], np.float32)
            (read_there,) = ocr.read_words([arc], [whole])
            corners = half[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(1, 4, 2)
            words = words.joined(_confident(replace(read_there, polygons=corners.repeat(len(read_there), axis=0))))
    return words


def _certain_words(spans: TextSpans) -> TextSpans:
    letters = np.array([sum(c.isalnum() for c in text) for text in spans.texts], np.int64)
    return spans.rows(
        np.flatnonzero((spans.confidence >= _CERTAIN_CONFIDENCE) & (letters >= _CERTAIN_LETTERS)).tolist()
    )


def _upside_down(spans: TextSpans, width_px: int, height_px: int) -> TextSpans:
    """Return the lines of a photo that was rotated by 180 degrees, as they lie in the photo."""
    corners = np.array([width_px, height_px], np.float32) - spans.polygons
    return TextSpans(corners, spans.texts, spans.confidence)


def _confident(words: TextSpans) -> TextSpans:
    letters = [sum(c.isalnum() for c in text) for text in words.texts]
    return words.rows(
        [i for i, n in enumerate(letters) if n >= _MIN_LETTERS and words.confidence[i] >= _MIN_CONFIDENCE]
    )

"""Lettering around a round mark: where it is looked for, and what a real engine reads in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import GREY, FakeOcr, lettering, photo_of
from strategies import form

from logoscan.ocr.curved_text import arc_boxes, arcs, round_boxes
from logoscan.ocr.engine import RapidOcr
from logoscan.ocr.regions import read
from logoscan.types import Boxes, Regions, Rgb, TextSpans

RING = (60.0, 40.0, 260.0, 240.0)


def regions(*rows: tuple[float, float, float, float]) -> Regions:
    """Proposals, best first, and, at the least confidence, the photo itself."""
    boxes = np.array([*rows, (0, 0, 320, 280)], np.float32)
    return Regions(boxes, np.linspace(0.9, 0.1, len(boxes), dtype=np.float32))


def line(text: str, confidence: float, xyxy: tuple[float, float, float, float] = (100, 120, 220, 160)) -> TextSpans:
    corners = np.array(xyxy, np.float32)[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(1, 4, 2)
    return TextSpans(corners, (text,), np.array([confidence], np.float32))


def roundel(word: str, below: str = "") -> Rgb:
    """A photo of a dark ring in the box `RING` with a light word along its upper and another along its lower edge."""
    height, width = 280, 320
    y, x = np.indices((height, width)).astype(np.float64)
    dx, dy = (x - 160) / 100, (y - 140) / 100
    radius = np.hypot(dx, dy)
    photo = np.full((height, width, 3), 235, np.uint8)
    photo[(radius < 1) & (radius > 0.55)] = 25
    for text, down in ((word, -1), (below, 1)):
        if text:
            written = lettering(text, size=(40 * len(text), 60), ink=(255, 255, 255), ground=(25, 25, 25))
            high, wide = written.shape[:2]
            angle = np.arctan2(dx, dy * down)
            row = ((0.95 - radius) if down < 0 else (radius - 0.62)) / 0.33 * high
            column = (angle / (0.26 * len(text)) + 0.5) * wide
            inside = (row >= 0) & (row < high) & (column >= 0) & (column < wide)
            photo[inside] = written[row[inside].astype(int), column[inside].astype(int)]
    return photo


def test_no_region_no_ring() -> None:
    assert form(round_boxes(Regions.empty(), TextSpans.empty(), 2)) == ("float32", (0, 4))


def test_round_boxes_are_round_large_and_each_once() -> None:
    proposed = regions(
        RING,
        (65, 45, 255, 238),  # the same mark
        (0, 0, 30, 30),  # small
        (0, 0, 300, 60),  # long
        (100, 80, 220, 200),  # inside of the first
    )
    assert round_boxes(proposed, TextSpans.empty(), 5).tolist() == [list(RING), [100, 80, 220, 200]]
    assert round_boxes(proposed, TextSpans.empty(), 1).tolist() == [list(RING)]
    assert len(round_boxes(proposed, line("COFFEE", 1.0), 5)) == 0, "a word stands in the middle of both"
    below = line("COFFEE", 1.0, (120, 215, 200, 235))
    assert round_boxes(proposed, below, 1).tolist() == [list(RING)], "it may be a part of the ring"


def test_boxes_laid_out_blindly_are_no_round_marks() -> None:
    tiles = Regions(np.array([RING, (0, 0, 100, 100)], np.float32), np.ones(2, np.float32))
    assert len(round_boxes(tiles, TextSpans.empty(), 2)) == 0


def test_halves_lie_in_the_photo() -> None:
    upper, lower = arc_boxes(np.array([-20, 40, 180, 300], np.float32), 160, 280)
    assert upper.tolist() == [0, 40, 160, 170]
    assert lower.tolist() == [0, 170, 160, 280]


@pytest.mark.parametrize("box", [RING, (-50.0, -50.0, 50.0, 50.0), (300.0, 260.0, 360.0, 330.0)])
def test_arcs_are_lines(box: tuple[float, float, float, float]) -> None:
    for arc in arcs(roundel("COFFEE"), np.array(box, np.float32)):
        assert form(arc) == ("uint8", (48, 280, 3))


def test_words_around_a_mark_are_read(rapid: RapidOcr) -> None:
    pictures = arcs(roundel("BAVARIA", "MOTOR"), np.array(RING, np.float32))
    whole = np.array([[0, 0, 280, 48]], np.float32)
    found = rapid.read_words(pictures, [whole, whole])
    assert [[text.upper() for text in spans.texts] for spans in found] == [["BAVARIA"], ["MOTOR"]]
    assert all((spans.confidence > 0.8).all() for spans in found)


class Arcs(FakeOcr):
    """Reads fixed lines in photos, and a fixed word in each box, whose pictures it counts."""

    def __init__(self, lines: TextSpans, word: str, confidence: float) -> None:
        super().__init__({})
        self.lines, self.word, self.confidence, self.heights = lines, word, confidence, list[int]()

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        return [self.lines for _ in images]

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes]) -> list[TextSpans]:
        self.heights += [image.shape[0] for image in images]
        return [line(self.word, self.confidence, tuple(own[0])) if len(own) else TextSpans.empty() for own in boxes]


PHOTO = photo_of(None, GREY, (280, 320))


@pytest.mark.parametrize(
    ("lines", "effort", "arcs_read"),
    [
        (TextSpans.empty(), "default", 1),
        (TextSpans.empty(), "full", 2),
        (line("COFFEE", 0.9, (0, 0, 20, 10)), "default", 1),
        (line("COFFEE", 0.9, (0, 0, 20, 10)), "full", 2),
        (line("COFFEE", 0.9), "full", 0),  # a straight word in the middle
        (line("COFFEE", 0.9), "default", 0),
        (line("CO", 0.9), "default", 1),
        (line("COFFEE", 0.5), "default", 1),
    ],
)
def test_curved_text_is_read_where_no_word_stands_in_the_middle(lines: TextSpans, effort: str, arcs_read: int) -> None:
    ocr = Arcs(lines, "BMW", 0.9)
    (found,) = read(ocr, [PHOTO], [regions(RING)], effort)  # type: ignore[arg-type]
    assert ocr.heights.count(48) == arcs_read
    halves = [found.xyxy[i].tolist() for i, text in enumerate(found.texts) if text == "BMW"]
    assert halves[len(halves) - arcs_read :] == [[60, 40, 260, 140], [60, 140, 260, 240]][:arcs_read]


@pytest.mark.parametrize(("word", "confidence"), [("B", 0.9), ("BMW", 0.4), ("...", 0.9)])
def test_unsure_and_short_words_of_curved_text_are_left_out(word: str, confidence: float) -> None:
    (found,) = read(Arcs(TextSpans.empty(), word, confidence), [PHOTO], [regions(RING)], "full")
    assert len(found) == 0

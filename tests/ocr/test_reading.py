"""Where is read: the engine's own lines, and the detector's regions that they leave out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import GREY, FakeOcr, photo_of

from logoscan.ocr.engine import OcrEngine, WordReader
from logoscan.ocr.regions import read, word_boxes
from logoscan.types import Boxes, Regions, Rgb, TextSpans

PHOTO = photo_of(None, GREY, (200, 300))


def spans(*boxes: tuple[float, float, float, float]) -> TextSpans:
    corners = np.array(boxes, np.float32).reshape(-1, 4)[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    return TextSpans(corners, ("line",) * len(boxes), np.ones(len(boxes), np.float32))


def regions(*rows: tuple[float, float, float, float, float]) -> Regions:
    """Proposals and, at the least confidence, the picture itself."""
    given = np.array([*rows, (0, 0, 300, 200, 0.001)], np.float32)
    return Regions(given[:, :4], given[:, 4])


class Words(FakeOcr):
    """Reads a fixed text in each region."""

    def __init__(self, texts: Sequence[str], sure: Sequence[float]) -> None:
        super().__init__({})
        self.texts, self.sure = list(texts), list(sure)
        self.places: list[Boxes] = []

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        self.places += places
        out = []
        for boxes in places:
            corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
            n = len(boxes)
            out.append(TextSpans(corners, tuple(self.texts[:n]), np.array(self.sure[:n], np.float32)))
        return out


def test_regions_to_read_are_confident_large_and_unread() -> None:
    proposed = regions(
        (10, 10, 110, 40, 0.9),
        (10, 100, 110, 130, 0.8),  # a line lies on it
        (200, 10, 206, 60, 0.7),  # six pixels wide
        (5, 150, 295, 161, 0.6),  # thirty times as wide as high
        (150, 50, 190, 190, 0.5),
    )
    places = word_boxes(proposed, spans((5, 98, 120, 133)), 300, 200)
    np.testing.assert_allclose(places, [[8.2, 8.2, 111.8, 41.8], [147.6, 47.6, 192.4, 192.4]], atol=1e-4)
    assert len(word_boxes(Regions.empty(), TextSpans.empty(), 300, 200)) == 0
    many = regions(*[(10 * i, 10, 10 * i + 9, 30, 0.9 - i / 100) for i in range(25)])
    assert len(word_boxes(many, TextSpans.empty(), 300, 200)) == 12


def test_blind_squares_are_not_read() -> None:
    tiles = Regions(np.array([[0, 0, 300, 200], [0, 0, 100, 100]], np.float32), np.ones(2, np.float32))
    assert len(word_boxes(tiles, TextSpans.empty(), 300, 200)) == 0


def test_confident_words_follow_the_lines() -> None:
    ocr = Words(["NIKE", "G", "nothing"], [0.9, 0.99, 0.3])
    proposed = regions((10, 10, 110, 40, 0.9), (10, 60, 110, 90, 0.8), (10, 110, 110, 140, 0.7))
    (found,) = read(ocr, [PHOTO], [proposed])
    assert isinstance(ocr, WordReader)
    assert len(ocr.places[0]) == 3
    assert found.texts == ("NIKE",), "one letter is no word, and an unsure word is none"
    assert found.confidence.tolist() == pytest.approx([0.9])


class Turned(FakeOcr):
    """Reads `said` in a picture whose top left pixel is grey, and `upside_down` elsewhere, with its box and
    confidence."""

    def __init__(self, said: tuple[str, float], upside_down: tuple[str, float]) -> None:
        super().__init__({})
        self.said, self.upside_down, self.looks = said, upside_down, 0

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        self.looks += len(images)
        out = []
        for image in images:
            text, sure = self.said if (image[0, 0] == GREY).all() else self.upside_down
            corners = np.array([[[10, 20], [60, 20], [60, 40], [10, 40]]], np.float32)
            out.append(TextSpans(corners, (text,), np.array([sure], np.float32)) if text else TextSpans.empty())
        return out


@pytest.mark.parametrize(
    ("said", "upside_down", "texts"),
    [
        (("", 0.0), ("PORSCHE", 0.9), ()),  # no lines at all: nothing stands on its head
        (("KODAK", 0.9), ("PORSCHE", 0.9), ("KODAK",)),
        (("EHOSO", 0.6), ("PORSCHE", 0.9), ("EHOSO", "PORSCHE")),
        (("d1", 0.95), ("PORSCHE", 0.9), ("d1", "PORSCHE")),
        (("EHOSO", 0.6), ("ONE", 0.4), ("EHOSO",)),
        (("EHOSO", 0.6), ("", 0.0), ("EHOSO",)),
    ],
)
def test_image_without_confident_text_is_read_upside_down(
    said: tuple[str, float], upside_down: tuple[str, float], texts: tuple[str, ...]
) -> None:
    photo = PHOTO.copy()
    photo[100:, :] = 40  # so that the turned picture has another top left pixel
    ocr = Turned(said, upside_down)
    (found,) = read(ocr, [photo], [regions()])
    assert found.texts == texts
    assert ocr.looks == 1 + (0 < said[1] < 0.8 or said[0] == "d1")
    if len(texts) == 2:
        np.testing.assert_array_equal(found.polygons[1], [[290, 180], [240, 180], [240, 160], [290, 160]])


def test_an_engine_that_reads_whole_images_alone_is_enough() -> None:
    ocr: OcrEngine = FakeOcr({GREY: ["Kodak"]})
    (found,) = read(ocr, [PHOTO], [regions((10, 10, 110, 40, 0.9))])
    assert found.texts == ("Kodak",)
    assert [len(s) for s in read(None, [PHOTO, PHOTO], [regions(), regions()])] == [0, 0]

"""What every Detector, Encoder and OcrEngine keeps to, fake or real: subclass, and give the object as a fixture."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fakes import BLUE, GREY, RED, WHITE, YELLOW, photo_of, quarters

from logoscan.errors import InputError
from logoscan.ocr.engine import OcrEngine
from logoscan.types import Rgb, TextSpans
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder


def frozen(picture: Rgb) -> Rgb:
    """The same pixels; writing to them raises."""
    copy = picture.copy()
    copy.flags.writeable = False
    return copy


class DetectorContract:
    """A subclass overrides the fixture `detector`."""

    PICTURES: Sequence[Rgb] = (
        frozen(photo_of(quarters(RED, WHITE, BLUE, YELLOW))),
        frozen(photo_of(quarters(RED, WHITE, BLUE, YELLOW), size_px=(200, 90))),
        frozen(np.random.default_rng(0).integers(0, 256, (37, 301, 3), np.uint8)),
        frozen(np.zeros((1, 1, 3), np.uint8)),
        frozen(np.full((3, 700, 3), 9, np.uint8)),
    )

    @pytest.fixture
    def detector(self) -> Detector:
        raise NotImplementedError

    def test_has_the_shape_of_a_detector(self, detector: Detector) -> None:
        assert isinstance(detector, Detector)
        assert detector.name
        assert len(detector.fingerprint) == 16
        assert detector.fingerprint == detector.fingerprint

    def test_no_picture_no_answer(self, detector: Detector) -> None:
        assert detector.detect([]) == []

    def test_regions_lie_inside_of_their_picture(self, detector: Detector) -> None:
        answers = detector.detect(self.PICTURES)
        assert len(answers) == len(self.PICTURES)
        assert len(answers[0]) > 0
        for picture, regions in zip(self.PICTURES, answers, strict=True):
            height, width = picture.shape[:2]
            assert (regions.xyxy >= 0).all()
            assert (regions.xyxy <= np.array([width, height, width, height])).all()

    def test_best_first(self, detector: Detector) -> None:
        for regions in detector.detect(self.PICTURES):
            assert (np.diff(regions.confidence) <= 0).all()

    def test_a_picture_is_judged_by_itself(self, detector: Detector) -> None:
        together = detector.detect(self.PICTURES)
        for picture, regions in zip(self.PICTURES, together, strict=True):
            alone = detector.detect([picture])[0]
            np.testing.assert_array_equal(alone.xyxy, regions.xyxy)
            np.testing.assert_array_equal(alone.confidence, regions.confidence)


class EncoderContract:
    """A subclass overrides the fixture `encoder`."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        raise NotImplementedError

    @pytest.fixture
    def pixels(self, encoder: Encoder) -> Rgb:
        """37 squares: more than one batch of any size, and a rest."""
        size = encoder.info.preprocessing.size_px
        rng = np.random.default_rng(0)
        flat = rng.integers(0, 256, (37, 1, 1, 3)) + rng.integers(-60, 60, (37, size, size, 3))
        return frozen(np.clip(flat, 0, 255).astype(np.uint8))

    def test_has_the_shape_of_an_encoder(self, encoder: Encoder) -> None:
        assert isinstance(encoder, Encoder)
        assert encoder.info.name
        assert encoder.device

    def test_no_square_no_row(self, encoder: Encoder, pixels: Rgb) -> None:
        nothing = encoder.encode_pixels(pixels[:0])
        assert nothing.shape == (0, encoder.info.dim)
        assert nothing.dtype == np.float32

    def test_unit_rows(self, encoder: Encoder, pixels: Rgb) -> None:
        rows = encoder.encode_pixels(pixels)
        assert rows.shape == (37, encoder.info.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_pictures_are_told_apart(self, encoder: Encoder, pixels: Rgb) -> None:
        rows = encoder.encode_pixels(pixels)
        assert (rows @ rows.T)[~np.eye(37, dtype=bool)].max() < 0.99999

    def test_a_row_depends_on_its_square_alone(self, encoder: Encoder, pixels: Rgb) -> None:
        together = encoder.encode_pixels(pixels)
        turned = encoder.encode_pixels(pixels[::-1])[::-1]
        np.testing.assert_allclose(turned, together, atol=1e-4)
        for start, stop in ((0, 1), (1, 5), (20, 37), (36, 37)):
            np.testing.assert_allclose(encoder.encode_pixels(pixels[start:stop]), together[start:stop], atol=1e-4)

    def test_threads_get_the_same_rows(self, encoder: Encoder, pixels: Rgb) -> None:
        together = encoder.encode_pixels(pixels)
        with ThreadPoolExecutor(2) as pool:
            for rows in pool.map(encoder.encode_pixels, [pixels] * 4):
                np.testing.assert_allclose(rows, together, atol=1e-4)

    @pytest.mark.parametrize("wrong", ["dtype", "size", "channels", "one square"])
    def test_anything_else_is_refused(self, encoder: Encoder, pixels: Rgb, wrong: str) -> None:
        bad = {
            "dtype": pixels.astype(np.float32),
            "size": pixels[:, 1:],
            "channels": pixels[..., :1],
            "one square": pixels[0],
        }
        with pytest.raises(InputError, match=r"pixels: expected uint8 \(n, .* got"):
            encoder.encode_pixels(bad[wrong])


class OcrContract:
    """A subclass overrides the fixtures `ocr` and `written`: a picture that it reads, and the words on it."""

    @pytest.fixture
    def ocr(self) -> OcrEngine:
        raise NotImplementedError

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        raise NotImplementedError

    def test_has_the_shape_of_an_engine(self, ocr: OcrEngine) -> None:
        assert isinstance(ocr, OcrEngine)
        assert ocr.name

    def test_no_picture_no_answer(self, ocr: OcrEngine) -> None:
        assert ocr.read([]) == []

    def test_reads_in_order_and_inside_of_the_picture(self, ocr: OcrEngine, written: tuple[Rgb, str]) -> None:
        blank = frozen(photo_of(None, GREY, (48, 64)))
        nothing, spans = ocr.read([blank, frozen(written[0])])
        assert words(spans) == written[1]
        assert len(nothing) == 0
        assert nothing.polygons.shape == (0, 4, 2)
        height, width = written[0].shape[:2]
        assert (spans.polygons >= 0).all()
        assert (spans.polygons <= np.array([width, height])).all()
        assert (spans.confidence > 0).all()
        assert (spans.confidence <= 1).all()

    @pytest.mark.parametrize("shape", [(1, 1), (2, 300)])
    def test_slivers_hold_no_text(self, ocr: OcrEngine, shape: tuple[int, int]) -> None:
        assert len(ocr.read([frozen(np.full((*shape, 3), 77, np.uint8))])[0]) == 0


def words(spans: TextSpans) -> str:
    """All that was read, in capitals."""
    return " ".join(spans.texts).upper()

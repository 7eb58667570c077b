"""Stand-ins for the models: exact, instant, and stated in a line each, so that a test can say what must come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.errors import InputError
from logoscan.types import Embeddings, EncoderInfo, Preprocessing, Regions, Rgb, TextSpans

Colour = tuple[int, int, int]

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (20, 150, 60), (30, 60, 200), (240, 210, 40)
BLACK, WHITE, GREY = (10, 10, 10), (250, 250, 250), (128, 128, 128)


def quarters(*colours: Colour, side_px: int = 32) -> Rgb:
    """A square of four colours (top left, top right, bottom left, bottom right): a logo for `FakeEncoder`."""
    four = np.array(colours, np.uint8).reshape(2, 2, 3)
    return four.repeat(side_px // 2, axis=0).repeat(side_px // 2, axis=1)


def photo_of(logo: Rgb | None, ground: Colour = GREY, size_px: tuple[int, int] = (60, 80)) -> Rgb:
    """A picture (height, width) of one colour with a logo in its middle."""
    picture = np.full((*size_px, 3), ground, np.uint8)
    if logo is not None:
        y, x = (size_px[0] - logo.shape[0]) // 2, (size_px[1] - logo.shape[1]) // 2
        picture[y : y + logo.shape[0], x : x + logo.shape[1]] = logo
    return picture


def lettering(
    text: str, *, ink: Colour = (0, 0, 0), ground: Colour = (255, 255, 255), size: tuple[int, int] = (300, 80)
) -> Rgb:
    """A line of text in Pillow's own font, 44 px high, on a picture of this width and height."""
    image = Image.new("RGB", size, ground)
    middle = (size[0] // 2, size[1] // 2)
    ImageDraw.Draw(image).text(middle, text, fill=ink, font=ImageFont.load_default(44), anchor="mm")
    return np.asarray(image)


class FakeEncoder:
    """Mean RGB of the four quarters, less mid-grey, scaled to [-1, 1], then 0.05: 13 numbers, made a unit row."""

    device = "cpu"

    def __init__(self, name: str = "fake", weights: str = "f" * 64, size_px: int = 16) -> None:
        row = Preprocessing(size_px, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "squeeze")
        self.info = EncoderInfo(name, weights, row, 13)
        self.description = f"{name}@{self.info.fingerprint} fp32"

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        size = self.info.preprocessing.size_px
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (size, size, 3):
            raise InputError(f"pixels: expected uint8 (n, {size}, {size}, 3), got {pixels.dtype} {pixels.shape}")
        half = size // 2
        means = pixels.reshape(-1, 2, half, 2, half, 3).mean(axis=(2, 4)).reshape(-1, 12)
        rows = np.concatenate([means / 127.5 - 1, np.full((len(means), 1), 0.05)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class FakeDetector:
    """One box around whatever differs from the colour of the top left pixel, confidence 0.9; nothing on one colour."""

    name = "fake"
    fingerprint = "fa4e" * 4
    description = f"{name}@{fingerprint}"

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        return [self._one(image) for image in images]

    def _one(self, image: Rgb) -> Regions:
        rows, columns = np.nonzero((image != image[0, 0]).any(axis=2))
        if not len(rows):
            return Regions.empty()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Regions(np.array([box], np.float32), np.array([0.9], np.float32))


class BlindDetector(FakeDetector):
    """Proposes nothing."""

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        return [Regions.empty() for _ in images]


class FakeOcr:
    """Says of a picture what is stated for the colour of its top left pixel, line by line, confidence 0.9."""

    name = "fake"

    def __init__(self, says: Mapping[Colour, Sequence[str]] | None = None) -> None:
        self._says = dict(says or {})

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        return [self._one(image) for image in images]

    def _one(self, image: Rgb) -> TextSpans:
        red, green, blue = image[0, 0].tolist()
        lines = tuple(self._says.get((red, green, blue), ()))
        height, width = image.shape[:2]
        frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        # each line begins at another corner: lines of equal corners are readings of one line
        corners = np.array([np.roll(frame, i, axis=0) for i in range(len(lines))], np.float32).reshape(-1, 4, 2)
        return TextSpans(corners, lines, np.full(len(lines), 0.9, np.float32))


class OneLineOcr(FakeOcr):
    """Reads one line in every picture, in a box of pixels `x0 y0 x1 y1`."""

    def __init__(self, text: str, box: tuple[int, int, int, int], confidence: float = 1.0) -> None:
        super().__init__()
        x0, y0, x1, y1 = box
        self._corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float32)
        self._text, self._confidence = text, confidence

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        return [TextSpans(self._corners, (self._text,), np.full(1, self._confidence, np.float32)) for _ in images]

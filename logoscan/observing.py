"""Photos in, what they hold out: regions, their vectors, text. Knows no register; what breaks costs one photo."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logoscan.detect import Detector, with_text
from logoscan.encode import Encoder, encode_crops
from logoscan.errors import ImageError
from logoscan.images import ImageLimits, Picture, load_image, read_picture
from logoscan.keypoints import of_photo
from logoscan.ocr import OcrEngine
from logoscan.photos import PhotoHash, photo_hash
from logoscan.placement import Keypoints
from logoscan.reading import read
from logoscan.results import ImageRecord
from logoscan.types import Embeddings, ImageSource, Regions, Rgb, TextSpans

__all__ = ["Observation", "Observer"]

logger = logging.getLogger(__name__)

_CHUNK = 8
"""Photos that are decoded at a time, so that memory does not grow with the photos of a listing."""


@dataclass(frozen=True, eq=False)
class Observation:
    """What one photo holds, before any register is asked.

    Attributes:
        record: File, hash and size.
        regions: Places looked at.
        vectors: float32 (len(regions), dim).
        spans: Text that was read.
        keypoints: Points that drawings can be laid over.
        warning: Why the photo could not be read; everything else is empty then.
        photo_hash: None where it was not asked for, or the photo shows too little.
    """

    record: ImageRecord
    regions: Regions
    vectors: Embeddings
    spans: TextSpans
    keypoints: Keypoints
    warning: str | None = None
    photo_hash: PhotoHash | None = None


class Observer:
    """Looks at photos with a detector, an encoder and, where there is one, an OCR engine. Immutable."""

    def __init__(
        self,
        encoder: Encoder,
        detector: Detector,
        ocr: OcrEngine | None,
        root: Path | None = None,
        limits: ImageLimits | None = None,
        hash_photos: bool = False,
    ) -> None:
        """Bind the stages; `root` and `limits` as for `images.read_picture`.

        With `hash_photos` each photo's hash is found as well, for a `PhotoLedger`.

        Raises:
            MissingDependencyError: `hash_photos` without pdqhash.
        """
        self._encoder, self._detector, self._ocr = encoder, detector, ocr
        self._root, self._limits = root, limits or ImageLimits()
        self._hash_photos = hash_photos
        if hash_photos:  # a package that is missing shall show here, not as a warning for each photo
            photo_hash(np.zeros((1, 1, 3), np.uint8))

    def load(self, image: ImageSource) -> Rgb:
        """One picture, uint8 (H, W, 3). Raises `ImageError` where it cannot be read."""
        return load_image(image, root=self._root, limits=self._limits)

    def look(self, image: ImageSource) -> Observation:
        """What one picture holds besides text. Raises `ImageError` where it cannot be read."""
        picture = read_picture(image, root=self._root, limits=self._limits)
        regions = self._detector.detect([picture.rgb])[0]
        vectors = encode_crops(self._encoder, [picture.rgb], [regions.xyxy])[0]
        hashed = self._hash(picture.rgb)
        record = _record(image, picture, hashed)
        points = of_photo(picture.rgb)
        return Observation(record, regions, vectors, TextSpans.empty(), points, photo_hash=hashed)

    def observe(self, images: Sequence[ImageSource]) -> list[Observation]:
        """Look at photos: detect, encode, read. The expensive half of a scan; needs no register."""
        chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
        return [seen for chunk in chunks for seen in self._observe_safely(chunk)]

    def _observe_safely(self, images: Sequence[ImageSource]) -> list[Observation]:
        """One photo that breaks a model costs that photo, not the stream."""
        try:
            return self._observe(images)
        except Exception as error:
            logger.exception("%d photos could not be examined together", len(images))
            if len(images) > 1:
                return [seen for image in images for seen in self._observe_safely([image])]
            return [self._failed(images[0], f"cannot be examined ({type(error).__name__}: {error!s:.120})")]

    def _observe(self, images: Sequence[ImageSource]) -> list[Observation]:
        pictures: list[Picture | ImageError] = []
        for source in images:
            try:
                pictures.append(read_picture(source, root=self._root, limits=self._limits))
            except ImageError as error:
                pictures.append(error)
        good = [p.rgb for p in pictures if isinstance(p, Picture)]
        proposed = self._detector.detect(good)
        spans = read(self._ocr, good, proposed)
        regions = [
            with_text(found, lines, rgb.shape[1], rgb.shape[0])
            for found, lines, rgb in zip(proposed, spans, good, strict=True)
        ]
        vectors = encode_crops(self._encoder, good, [r.xyxy for r in regions])
        ready = iter(zip(regions, vectors, spans, map(of_photo, good), strict=True))
        hashes = map(self._hash, good)
        return [
            self._failed(source, str(picture))
            if isinstance(picture, ImageError)
            else Observation(_record(source, picture, hashed := next(hashes)), *next(ready), photo_hash=hashed)
            for source, picture in zip(images, pictures, strict=True)
        ]

    def _hash(self, rgb: Rgb) -> PhotoHash | None:
        return photo_hash(rgb) if self._hash_photos else None

    def _failed(self, source: ImageSource, reason: str) -> Observation:
        none = np.zeros((0, self._encoder.info.dim), np.float32)
        record = ImageRecord(_file(source), None, None, None)
        return Observation(record, Regions.empty(), none, TextSpans.empty(), Keypoints.empty(), reason)


def _file(source: ImageSource) -> str | None:
    return str(source) if isinstance(source, (str, Path)) else None


def _record(source: ImageSource, picture: Picture, hashed: PhotoHash | None) -> ImageRecord:
    height, width = picture.rgb.shape[:2]
    return ImageRecord(_file(source), picture.sha256, width, height, None if hashed is None else hashed.pdq)

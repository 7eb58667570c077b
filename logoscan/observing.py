"""Photos in, what they hold out: regions, their vectors, text. Knows no register; what breaks costs one photo."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

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

__all__ = ["Observation", "Observer", "Step"]

Step: TypeAlias = Literal["hash", "find", "points", "read"]
"""Opening and hashing a photo, places with their vectors, points, text."""

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
        unfinished: Steps not taken yet; empty for what `Observer.observe` returns.
    """

    record: ImageRecord
    regions: Regions
    vectors: Embeddings
    spans: TextSpans
    keypoints: Keypoints
    warning: str | None = None
    photo_hash: PhotoHash | None = None
    unfinished: tuple[Step, ...] = ()


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
            return [self._broken(images[0], error)]

    # -- one photo, step by step: what `observe` does together, for those who may have to stop in between

    def unseen(self, source: ImageSource) -> Observation:
        """Nothing of a photo yet; its `unfinished` are the steps to take, in order."""
        steps: list[Step] = ["hash"] if self._hash_photos else []
        steps += ["find", "points"] if self._ocr is None else ["find", "points", "read"]
        return replace(self._failed(source, ""), warning=None, unfinished=tuple(steps))

    def open(self, source: ImageSource) -> tuple[Observation, Rgb | None]:
        """The photo with its record and hash; without pixels where it cannot be read, and then a warning says why."""
        try:
            picture = read_picture(source, root=self._root, limits=self._limits)
            hashed = self._hash(picture.rgb)
        except ImageError as error:
            return self._failed(source, str(error)), None
        except Exception as error:
            logger.exception("a photo could not be hashed")
            return self._broken(source, error), None
        seen, record = self.unseen(source), _record(source, picture, hashed)
        return _after(replace(seen, record=record, photo_hash=hashed), "hash"), picture.rgb

    def take(self, step: Step, source: ImageSource, seen: Observation, rgb: Rgb) -> Observation:
        """An opened photo after one more step; "points" and "read" come after "find".

        Lines that were read become places too, and these are encoded then: vectors may differ from those of `observe`,
        which encodes all places together, by what the encoder's arithmetic differs between batches.
        """
        try:
            return _after(self._take(step, seen, rgb), step)
        except Exception as error:
            logger.exception("a photo could not be examined")
            return self._broken(source, error)

    def _take(self, step: Step, seen: Observation, rgb: Rgb) -> Observation:
        if step == "find":
            regions = self._detector.detect([rgb])[0]
            return replace(seen, regions=regions, vectors=encode_crops(self._encoder, [rgb], [regions.xyxy])[0])
        if step == "points":
            return replace(seen, keypoints=of_photo(rgb))
        if step == "hash":
            return seen  # of an opened photo it is known
        spans = read(self._ocr, [rgb], [seen.regions])[0]
        regions = with_text(seen.regions, spans, rgb.shape[1], rgb.shape[0])
        fresh = regions.xyxy[len(seen.regions) :]
        vectors = seen.vectors
        if len(fresh):
            vectors = np.concatenate([vectors, encode_crops(self._encoder, [rgb], [fresh])[0]])
        return replace(seen, spans=spans, regions=regions, vectors=vectors)

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

    def _broken(self, source: ImageSource, error: Exception) -> Observation:
        return self._failed(source, f"cannot be examined ({type(error).__name__}: {error!s:.120})")

    def _failed(self, source: ImageSource, reason: str) -> Observation:
        none = np.zeros((0, self._encoder.info.dim), np.float32)
        record = ImageRecord(_file(source), None, None, None)
        return Observation(record, Regions.empty(), none, TextSpans.empty(), Keypoints.empty(), reason)


def _after(seen: Observation, step: Step) -> Observation:
    return replace(seen, unfinished=tuple(s for s in seen.unfinished if s != step))


def _file(source: ImageSource) -> str | None:
    return str(source) if isinstance(source, (str, Path)) else None


def _record(source: ImageSource, picture: Picture, hashed: PhotoHash | None) -> ImageRecord:
    height, width = picture.rgb.shape[:2]
    return ImageRecord(_file(source), picture.sha256, width, height, None if hashed is None else hashed.pdq)

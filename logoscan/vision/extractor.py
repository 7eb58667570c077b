"""Extract the features of photos: regions, their vectors, keypoints and text. Uses no index.

This is the only way from a photo to `PhotoFeatures`. A scan extracts the features of many photos together
(`FeatureExtractor.extract`); the screening before posting, which may have to stop in between, takes the same steps one
by one (`FeatureExtractor.open`, `advance`). A failure costs one photo.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import cause
from logoscan.errors import ImageError
from logoscan.evidence import Code, Declaration
from logoscan.images.codes import (
    can_read_codes,
    find_codes,
    find_codes_in_reduced,
    looks_like_code,
    require_codes,
)
from logoscan.images.declared import declarations
from logoscan.images.loading import ImageLimits, Picture, load_grey, load_image, read_file, read_picture
from logoscan.images.phash import photo_hash, photo_hashes
from logoscan.ocr.engine import OcrEngine
from logoscan.ocr.regions import read
from logoscan.results import ImageRecord
from logoscan.sources import Root
from logoscan.types import Effort, ImageSource, Regions, Rgb, TextSpans
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder, encode_crops
from logoscan.vision.features import FeatureCache, PhotoFeatures, Step, rescaled
from logoscan.vision.sift import KeypointExtractor, Keypoints
from logoscan.vision.text_regions import add_text_regions

__all__ = ["STAGES", "Extract", "FeatureExtractor", "OnStage", "OpenPhoto", "Stage", "timed"]

Stage: TypeAlias = Literal[
    "open", "codes", "detect", "encode", "keypoints", "read", "search", "match", "alterations", "text", "judge"
]
STAGES: Mapping[Stage, str] = {
    "open": "decode photos, and hash them; once for each of the two",
    "codes": "read bar codes and matrix codes, and what files declare about their origin",
    "detect": "propose regions of a batch of photos",
    "encode": "make vectors of regions and of lines of text",
    "keypoints": "find keypoints in photos",
    "read": "read lines of text in photos",
    "search": "search the index for the regions of photos",
    "match": "calibrate what was found, and compare keypoints",
    "alterations": "compare marks with their logo images",
    "text": "find names and terms in the words of a listing and of its photos",
    "judge": "compute signals and scores, and make the report",
}
"""What each stage does, by its name. The names are stable: a metric that is named by one keeps its meaning."""
Extract: TypeAlias = Callable[[Sequence[ImageSource]], Sequence[PhotoFeatures]]
"""Extracts the features of photos, in order, as `FeatureExtractor.extract` does."""
OnStage: TypeAlias = Callable[[str, float], None]
"""Called with the name of a stage that ended (`STAGES`) and the seconds that it took; by several threads at a time
where a scan uses several."""

logger = logging.getLogger(__name__)

# Number of most confident proposals that are encoded mirrored as well: sellers may mirror photos, which hid half of the
# marks.
_MAX_MIRRORED: Mapping[Effort, int] = {"default": 4, "full": 12}
# Pixels from which codes are searched only at places that look like one. On 180 photos of 1,600 px with a composed QR
# code, EAN or Code 128, 178 are read so, and 176 by a search of the whole photo, which takes a third longer.
_LARGE_PIXELS = 1 << 20
# Photos that are decoded at a time, so that memory does not grow with the photos of a listing.
_CHUNK_SIZE = 8


@dataclass(eq=False)
class OpenPhoto:
    """A decoded photo whose features are being extracted.

    Attributes:
        source: The photo as it was given.
        sha256: Hex digest of the file, or of the pixels where it was no file.
        rgb: Pixels, uint8 (H, W, 3), which may be smaller than the file; None where they were dropped to save memory.
        size_wh: Width and height of the file in pixels.
    """

    source: ImageSource
    sha256: str
    rgb: Rgb | None
    size_wh: tuple[int, int]
    _features: PhotoFeatures  # in pixels of `rgb`
    _decoded_wh: tuple[int, int]
    _n_proposed: int = 0

    @property
    def pixels(self) -> Rgb:
        """Pixels of the photo, which must not have been dropped."""
        assert self.rgb is not None
        return self.rgb

    @property
    def features(self) -> PhotoFeatures:
        """Features that were extracted so far, in pixels of the file."""
        return rescaled(self._features, self._decoded_wh, self.size_wh)

    def _update(self, **fields: object) -> None:
        self._features = replace(self._features, **fields)  # type: ignore[arg-type]


@contextmanager
def timed(stage: Stage, on_stage: OnStage | None) -> Iterator[None]:
    """Report how long a stage took, where `on_stage` is given; what it raises is logged and costs nothing else."""
    start = time.perf_counter()
    yield
    if on_stage is not None:
        try:
            on_stage(stage, time.perf_counter() - start)
        except Exception:
            logger.exception("on_stage(%r) failed", stage)


class FeatureExtractor:
    """Extracts features by a detector, an encoder, keypoints and, where there is one, an OCR engine. Immutable."""

    def __init__(
        self,
        encoder: Encoder,
        detector: Detector,
        ocr: OcrEngine | None,
        keypoints: KeypointExtractor | None,
        *,
        root: Root = None,
        limits: ImageLimits | None = None,
        hash_photos: bool = False,
        dihedral: bool = False,
        codes: bool | Literal["auto"] = "auto",
        effort: Effort = "default",
        on_stage: OnStage | None = None,
    ) -> None:
        """Bind the stages.

        Args:
            encoder: Encodes regions.
            detector: Proposes regions.
            ocr: Reads text; None reads none.
            keypoints: Finds keypoints; None finds none.
            root: Folder that names of photos are relative to and may not leave, as in `images.read_picture`.
            limits: Caps on image files.
            hash_photos: Whether the perceptual hash of each photo is computed, for reports and a `PhotoLedger`.
            dihedral: Whether the hashes of its turned and mirrored pictures are computed as well, for a feature store.
            codes: Whether bar codes and matrix codes are read; "auto" reads them where the extra `codes` is there.
            effort: How much work reading and mirroring may save; detector and OCR engine have their own. Codes are
                searched where something looks like one, and everywhere at full effort.
            on_stage: Called with the duration of each stage.

        Raises:
            MissingDependencyError: `hash_photos` or `dihedral` without pdqhash, or `codes` without zxing-cpp.
        """
        self._encoder, self._detector, self._ocr, self._keypoints = encoder, detector, ocr, keypoints
        self._root, self._limits = root, limits or ImageLimits()
        self._hash_photos, self._dihedral = hash_photos or dihedral, dihedral
        self._effort, self._on_stage = effort, on_stage
        self._codes = can_read_codes() if codes == "auto" else codes
        if self._codes:
            require_codes()
        if self._hash_photos:  # a missing package must raise here, and not become a warning for each photo
            photo_hash(np.zeros((1, 1, 3), np.uint8))

    def reporting_to(self, on_stage: OnStage | None) -> FeatureExtractor:
        """Return one of the same models whose stages are reported to another function, or to none."""
        other = copy(self)
        other._on_stage = on_stage
        return other

    # -- many photos

    def extract(self, images: Sequence[ImageSource], cache: FeatureCache | None = None) -> list[PhotoFeatures]:
        """Extract the features of photos together, and return them in order.

        Args:
            images: Photos, in order.
            cache: Features of photos that are not examined again; those of new photos are added to it.
        """
        cache = FeatureCache(0) if cache is None else cache
        chunks = (images[start : start + _CHUNK_SIZE] for start in range(0, len(images), _CHUNK_SIZE))
        return [features for chunk in chunks for features in self._extract_safely(chunk, cache)]

    def _extract_safely(self, images: Sequence[ImageSource], cache: FeatureCache) -> list[PhotoFeatures]:
        """Extract features so that a photo that breaks a model costs that photo, not the others."""
        try:
            return self._extract(images, cache)
        except Exception as error:
            logger.exception("%d photos could not be examined together", len(images))
            if len(images) > 1:
                return [features for image in images for features in self._extract_safely([image], cache)]
            return [self._broken(images[0], error)]

    def _extract(self, images: Sequence[ImageSource], cache: FeatureCache) -> list[PhotoFeatures]:
        opened: list[OpenPhoto | ImageError] = []
        for source in images:
            try:
                opened.append(self._decode(source))
            except ImageError as error:
                opened.append(error)
        by_hash = {photo.sha256: photo for photo in opened if isinstance(photo, OpenPhoto)}
        features = {sha256: kept for sha256 in by_hash if (kept := cache.get(sha256)) is not None}
        fresh = {sha256: photo for sha256, photo in by_hash.items() if sha256 not in features}
        self._examine(list(fresh.values()))
        extracted = {sha256: photo.features for sha256, photo in fresh.items()}
        cache.add(extracted)
        features |= extracted
        return [
            _with_file(features[photo.sha256], photo.source)
            if isinstance(photo, OpenPhoto)
            else self._failed(source, str(photo))
            for source, photo in zip(images, opened, strict=True)
        ]

    def _examine(self, photos: Sequence[OpenPhoto]) -> None:
        """Take all steps with photos together; regions and lines of text are encoded in one pass."""
        self._hash(photos)
        self._read_codes(photos)
        self._detect(photos)
        self._read(photos)
        self._encode(photos)
        self._find_keypoints(photos)
        for photo in photos:
            photo._update(unfinished=())

    def extract_unread(self, image: ImageSource) -> PhotoFeatures:
        """Extract all features of one photo except text.

        Raises:
            ImageError: The photo cannot be read.
        """
        photo = self._decode(image)
        self._hash([photo])
        self._read_codes([photo])
        self._detect([photo])
        self._encode([photo])
        self._find_keypoints([photo])
        photo._update(unfinished=())
        return photo.features

    # -- one photo, step by step, for callers that may have to stop in between

    def pending(self, source: ImageSource) -> PhotoFeatures:
        """Return the empty features of a photo that is not opened; `unfinished` are the steps to take, in order."""
        return replace(self._failed(source, ""), warning=None, unfinished=self._steps)

    def passed_over(self, source: ImageSource) -> PhotoFeatures:
        """Return the empty features of a photo that is over the cap of its listing."""
        return replace(self._failed(source, ""), warning=None, passed_over=True)

    def given_up(self, source: ImageSource, reason: str) -> PhotoFeatures:
        """Return the empty features of a photo that could not be examined, with the reason as their warning."""
        return self._failed(source, reason)

    def open(self, source: ImageSource) -> OpenPhoto | PhotoFeatures:
        """Decode and hash a photo; return features with a warning where it cannot be read."""
        try:
            photo = self._decode(source)
            self._hash([photo])
            self._read_codes([photo])
        except ImageError as error:
            return self._failed(source, str(error))
        except Exception as error:
            logger.exception("a photo could not be hashed")
            return self._broken(source, error)
        return photo

    def advance(self, photo: OpenPhoto, step: Step) -> PhotoFeatures:
        """Take one more step of an opened photo, and return its features so far.

        "keypoints" and "read" come after "detect". Lines of text become regions and are encoded after they were read,
        so vectors may differ from those of `extract`, which encodes all regions together, by as much as the encoder's
        arithmetic differs between batches.
        """
        try:
            if step == "detect":
                self._detect([photo])
                self._encode([photo])
            elif step == "keypoints":
                self._find_keypoints([photo])
            elif step == "read":
                self._read([photo])
                self._encode([photo])
            photo._update(unfinished=tuple(s for s in photo._features.unfinished if s != step))
            return photo.features
        except Exception as error:
            logger.exception("a photo could not be examined")
            return self._broken(photo.source, error)

    # -- the steps

    @property
    def reads_text(self) -> bool:
        """Whether text is read in photos."""
        return self._ocr is not None

    @property
    def _steps(self) -> tuple[Step, ...]:
        wanted: dict[Step, bool] = {
            "open": True,
            "detect": True,
            "keypoints": self._keypoints is not None,
            "read": self._ocr is not None,
        }
        return tuple(step for step, is_wanted in wanted.items() if is_wanted)

    def load(self, image: ImageSource) -> Rgb:
        """Return one photo in full size, uint8 (H, W, 3).

        Raises:
            ImageError: The photo cannot be read.
        """
        return load_image(image, root=self._root, limits=self._limits)

    def _decode(self, source: ImageSource) -> OpenPhoto:
        with timed("open", self._on_stage):
            picture = read_picture(source, root=self._root, limits=self._limits, reduced=True)
        features = replace(
            self.pending(source),
            record=_record(source, picture),
            more_frames=picture.more_frames,
            unfinished=tuple(step for step in self._steps if step != "open"),
        )
        height, width = picture.rgb.shape[:2]
        return OpenPhoto(source, picture.sha256, picture.rgb, picture.size_wh, features, (width, height))

    def _read_codes(self, photos: Sequence[OpenPhoto]) -> None:
        """Read codes, and what files declare; a failure costs these alone."""
        with timed("codes", self._on_stage):
            for photo in photos:
                try:
                    photo._update(declared=self._declarations(photo.source))
                    photo._update(codes=self._find_codes(photo) if self._codes else None)
                except Exception as error:
                    logger.warning("codes of a photo could not be read: %s: %s", type(error).__name__, error)

    def _find_codes(self, photo: OpenPhoto) -> tuple[Code, ...]:
        """Read the codes of a photo at its full size, where something in it looks like one.

        A photo that was decoded smaller is decoded again where the smaller copy has lost the details of such a place.
        """
        grey, whole = _grey(photo.pixels), photo.size_wh == photo._decoded_wh
        if self._effort == "default":
            if not whole:
                return find_codes_in_reduced(grey, photo.size_wh, lambda: self._load_grey(photo.source))
            if grey.size > _LARGE_PIXELS:
                return find_codes_in_reduced(grey, photo.size_wh, lambda: grey)
            if not looks_like_code(grey):
                return ()
        return find_codes(grey if whole else self._load_grey(photo.source))

    def _load_grey(self, source: ImageSource) -> NDArray[np.uint8]:
        return load_grey(source, root=self._root, limits=self._limits)

    def _declarations(self, source: ImageSource) -> tuple[Declaration, ...] | None:
        """Return what the file of a photo declares; None where it was not given as a file."""
        if isinstance(source, bytes):
            return declarations(source)
        if isinstance(source, (str, Path)):
            return declarations(read_file(source, root=self._root, limits=self._limits))
        return None

    def _hash(self, photos: Sequence[OpenPhoto]) -> None:
        if self._hash_photos:
            with timed("open", self._on_stage):
                for photo in photos:
                    hashed, dihedral = photo_hashes(photo.pixels) if self._dihedral else (photo_hash(photo.pixels), ())
                    record = replace(photo._features.record, pdq=None if hashed is None else hashed.pdq)
                    photo._update(photo_hash=hashed, record=record, dihedral=dihedral)

    def _detect(self, photos: Sequence[OpenPhoto]) -> None:
        with timed("detect", self._on_stage):
            for photo, regions in zip(photos, self._detector.detect([p.pixels for p in photos]), strict=True):
                photo._update(regions=regions)
                photo._n_proposed = len(regions)

    def _read(self, photos: Sequence[OpenPhoto]) -> None:
        """Read text, whose lines become regions; `_encode` must encode them afterwards."""
        with timed("read", self._on_stage):
            proposed = [photo._features.regions for photo in photos]
            all_spans = read(self._ocr, [photo.pixels for photo in photos], proposed, self._effort)
        for photo, regions, spans in zip(photos, proposed, all_spans, strict=True):
            photo._update(spans=spans, regions=add_text_regions(regions, spans, *photo._decoded_wh))

    def _encode(self, photos: Sequence[OpenPhoto]) -> None:
        """Encode the regions that have no vector yet and, the first time, the best proposals mirrored as well."""
        waiting = [photo for photo in photos if len(photo._features.regions) > len(photo._features.vectors)]
        if not waiting:
            return
        with timed("encode", self._on_stage):
            boxes = [photo._features.regions.xyxy[len(photo._features.vectors) :] for photo in waiting]
            n_mirrored = [
                0 if len(photo._features.vectors) else min(photo._n_proposed, _MAX_MIRRORED[self._effort])
                for photo in waiting
            ]
            encoded = encode_crops(self._encoder, [photo.pixels for photo in waiting], boxes, n_mirrored)
        for photo, xyxy, vectors in zip(waiting, boxes, encoded, strict=True):
            before = photo._features
            if len(before.vectors):
                photo._update(vectors=np.concatenate([before.vectors, vectors]))
            else:
                photo._update(vectors=vectors[: len(xyxy)], mirrored=vectors[len(xyxy) :])

    def _find_keypoints(self, photos: Sequence[OpenPhoto]) -> None:
        if self._keypoints is not None:
            with timed("keypoints", self._on_stage):
                for photo in photos:
                    photo._update(keypoints=self._keypoints.extract(photo.pixels))

    # -- photos that could not be examined

    def _broken(self, source: ImageSource, error: Exception) -> PhotoFeatures:
        return self._failed(source, f"cannot be examined ({type(error).__name__}: {cause(error)})")

    def _failed(self, source: ImageSource, reason: str) -> PhotoFeatures:
        no_vectors = np.zeros((0, self._encoder.info.dim), np.float32)
        record = ImageRecord(_file(source), None, None, None)
        return PhotoFeatures(record, Regions.empty(), no_vectors, TextSpans.empty(), Keypoints.empty(), reason)


def _grey(rgb: Rgb) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), np.uint8)


def _file(source: ImageSource) -> str | None:
    return str(source) if isinstance(source, (str, Path)) else None


def _record(source: ImageSource, picture: Picture) -> ImageRecord:
    return ImageRecord(_file(source), picture.sha256, *picture.size_wh)


def _with_file(features: PhotoFeatures, source: ImageSource) -> PhotoFeatures:
    """Return features with the name of a file, because they may come from an equal file of another name."""
    return replace(features, record=replace(features.record, file=_file(source)))

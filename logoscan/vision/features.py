"""Photos in, what they hold out: regions, their vectors, text. Knows no register; what breaks costs one photo."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

import numpy as np

from logoscan.errors import ImageError
from logoscan.images.loading import ImageLimits, Picture, load_image, read_picture
from logoscan.images.phash import PhotoHash, photo_hash
from logoscan.ocr.engine import OcrEngine
from logoscan.ocr.regions import read
from logoscan.results import ImageRecord
from logoscan.sources import Root
from logoscan.types import Effort, Embeddings, ImageSource, Regions, Rgb, TextSpans
from logoscan.vision.detector import Detector, with_text
from logoscan.vision.encoder import Encoder, encode_crops
from logoscan.vision.sift import Keypoints, sift_photo

__all__ = ["MIRRORED", "FeatureCache", "FeatureExtractor", "PhotoFeatures", "Step", "images_in_words", "passed_over"]

Step: TypeAlias = Literal["open", "find", "points", "read"]
"""Decoding a photo, and hashing it where that was asked for; places with their vectors; points; text."""

logger = logging.getLogger(__name__)

MIRRORED: dict[Effort, int] = {"default": 4, "full": 12}
"""Surest places that are seen in a mirror as well: a mirrored photo sells as well as any, and hid half of the marks."""
# Runs of photos that a sentence names: more are no sentence.
_NAMED = 12
_CHUNK = 8
"""Photos that are decoded at a time, so that memory does not grow with the photos of a listing."""


@dataclass(frozen=True, eq=False)
class PhotoFeatures:
    """What one photo holds, before any register is asked.

    Attributes:
        record: File, hash and size.
        regions: Places looked at.
        vectors: float32 (len(regions), dim).
        spans: Text that was read.
        keypoints: Points that drawings can be laid over.
        warning: Why the photo could not be read; everything else is empty then.
        photo_hash: None where it was not asked for, or the photo shows too little.
        unfinished: Steps not taken yet; empty for what `FeatureExtractor.observe` returns.
        mirrored: float32 (m, dim), vectors of the first m places as a mirror shows them.
        passed_over: It is one of too many photos of its listing, and was never to be looked at.
        more_frames: It is animated, or has further pages: the first is what was looked at.
    """

    record: ImageRecord
    regions: Regions
    vectors: Embeddings
    spans: TextSpans
    keypoints: Keypoints
    warning: str | None = None
    photo_hash: PhotoHash | None = None
    unfinished: tuple[Step, ...] = ()
    mirrored: Embeddings = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    passed_over: bool = False
    more_frames: bool = False

    @property
    def complete(self) -> bool:
        """The photo was looked at in full."""
        return self.warning is None and not self.unfinished and not self.passed_over


class FeatureCache:
    """What was seen in the latest photos of a stream, by the hash of their file. May be shared by threads."""

    def __init__(self, most: int = 256) -> None:
        """Room for `most` photos, of up to half a megabyte each; 0 remembers none."""
        self._most, self._seen, self._lock = most, OrderedDict[str, PhotoFeatures](), Lock()

    def get(self, sha256: str) -> PhotoFeatures | None:
        """What was seen in a photo, if it is remembered."""
        return self._seen.get(sha256)

    def add(self, seen: Mapping[str, PhotoFeatures]) -> None:
        """Remember photos; the oldest are forgotten."""
        with self._lock:
            self._seen.update(seen)
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)


class FeatureExtractor:
    """Looks at photos with a detector, an encoder and, where there is one, an OCR engine. Immutable."""

    def __init__(
        self,
        encoder: Encoder,
        detector: Detector,
        ocr: OcrEngine | None,
        root: Root = None,
        limits: ImageLimits | None = None,
        hash_photos: bool = False,
        effort: Effort = "default",
    ) -> None:
        """Bind the stages; `root` and `limits` as for `images.read_picture`.

        With `hash_photos` each photo's hash is found as well, for a `PhotoLedger`. `effort` is that of reading and of
        the mirror; detector and engine have their own.

        Raises:
            MissingDependencyError: `hash_photos` without pdqhash.
        """
        self._encoder, self._detector, self._ocr = encoder, detector, ocr
        self._root, self._limits = root, limits or ImageLimits()
        self._hash_photos, self._effort = hash_photos, effort
        if hash_photos:  # a package that is missing shall show here, not as a warning for each photo
            photo_hash(np.zeros((1, 1, 3), np.uint8))

    def load(self, image: ImageSource) -> Rgb:
        """One picture, uint8 (H, W, 3). Raises `ImageError` where it cannot be read."""
        return load_image(image, root=self._root, limits=self._limits)

    def look(self, image: ImageSource) -> PhotoFeatures:
        """What one picture holds besides text. Raises `ImageError` where it cannot be read."""
        picture = self._read(image)
        regions = self._detector.detect([picture.rgb])[0]
        vectors, mirrored = self._encode([picture.rgb], [regions], [len(regions)])[0]
        hashed = self._hash(picture.rgb)
        record = _record(image, picture, hashed)
        points = sift_photo(picture.rgb)
        seen = PhotoFeatures(record, regions, vectors, TextSpans.empty(), points, photo_hash=hashed, mirrored=mirrored)
        return _resized(seen, picture.rgb, picture.size_wh)

    def _read(self, source: ImageSource) -> Picture:
        return read_picture(source, root=self._root, limits=self._limits, reduced=True)

    def observe(self, images: Sequence[ImageSource], known: FeatureCache | None = None) -> list[PhotoFeatures]:
        """Look at photos: detect, encode, read. The expensive half of a scan; needs no register.

        Args:
            images: Photos.
            known: What was seen in photos before, by the hash of their file; those are not looked at again, and new
                ones are added.
        """
        known = FeatureCache(0) if known is None else known
        chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
        return [seen for chunk in chunks for seen in self._observe_safely(chunk, known)]

    def _observe_safely(self, images: Sequence[ImageSource], known: FeatureCache) -> list[PhotoFeatures]:
        """One photo that breaks a model costs that photo, not the stream."""
        try:
            return self._observe(images, known)
        except Exception as error:
            logger.exception("%d photos could not be examined together", len(images))
            if len(images) > 1:
                return [seen for image in images for seen in self._observe_safely([image], known)]
            return [self._broken(images[0], error)]

    # -- one photo, step by step: what `observe` does together, for those who may have to stop in between

    def unseen(self, source: ImageSource) -> PhotoFeatures:
        """Nothing of a photo yet; its `unfinished` are the steps to take, in order."""
        steps: tuple[Step, ...] = (
            ("open", "find", "points") if self._ocr is None else ("open", "find", "points", "read")
        )
        return replace(self._failed(source, ""), warning=None, unfinished=steps)

    def passed_over(self, source: ImageSource) -> PhotoFeatures:
        """Nothing of a photo that is one too many."""
        return replace(self._failed(source, ""), warning=None, passed_over=True)

    def open(self, source: ImageSource) -> tuple[PhotoFeatures, Rgb | None]:
        """The photo with its record and hash; without pixels where it cannot be read, and then a warning says why."""
        try:
            picture = self._read(source)
            hashed = self._hash(picture.rgb)
        except ImageError as error:
            return self._failed(source, str(error)), None
        except Exception as error:
            logger.exception("a photo could not be hashed")
            return self._broken(source, error), None
        seen, record = self.unseen(source), _record(source, picture, hashed)
        opened = replace(seen, record=record, photo_hash=hashed, more_frames=picture.more_frames)
        return _after(opened, "open"), picture.rgb

    def take(self, step: Step, source: ImageSource, seen: PhotoFeatures, rgb: Rgb) -> PhotoFeatures:
        """An opened photo after one more step; "points" and "read" come after "find".

        Lines that were read become places too, and these are encoded then: vectors may differ from those of `observe`,
        which encodes all places together, by what the encoder's arithmetic differs between batches.
        """
        try:
            size_wh = (seen.record.width or rgb.shape[1], seen.record.height or rgb.shape[0])
            taken = self._take(step, _resized(seen, rgb, size_wh, back=True), rgb)
            return _after(_resized(taken, rgb, size_wh), step)
        except Exception as error:
            logger.exception("a photo could not be examined")
            return self._broken(source, error)

    def _take(self, step: Step, seen: PhotoFeatures, rgb: Rgb) -> PhotoFeatures:
        if step == "find":
            regions = self._detector.detect([rgb])[0]
            vectors, mirrored = self._encode([rgb], [regions], [len(regions)])[0]
            return replace(seen, regions=regions, vectors=vectors, mirrored=mirrored)
        if step == "points":
            return replace(seen, keypoints=sift_photo(rgb))
        if step == "open":
            return seen
        spans = read(self._ocr, [rgb], [seen.regions], self._effort)[0]
        regions = with_text(seen.regions, spans, rgb.shape[1], rgb.shape[0])
        fresh = regions.xyxy[len(seen.regions) :]
        vectors = seen.vectors
        if len(fresh):
            vectors = np.concatenate([vectors, encode_crops(self._encoder, [rgb], [fresh])[0]])
        return replace(seen, spans=spans, regions=regions, vectors=vectors)

    def _observe(self, images: Sequence[ImageSource], known: FeatureCache) -> list[PhotoFeatures]:
        pictures: list[Picture | ImageError] = []
        for source in images:
            try:
                pictures.append(self._read(source))
            except ImageError as error:
                pictures.append(error)
        good = {p.sha256: p for p in pictures if isinstance(p, Picture)}
        seen = {sha256: again for sha256 in good if (again := known.get(sha256)) is not None}
        fresh = {sha256: p for sha256, p in good.items() if sha256 not in seen}
        seen |= zip(fresh, self._look_at(list(fresh.values())), strict=True)
        known.add({sha256: seen[sha256] for sha256 in fresh})
        return [
            self._failed(source, str(picture))
            if isinstance(picture, ImageError)
            else _of_file(seen[picture.sha256], source)
            for source, picture in zip(images, pictures, strict=True)
        ]

    def _look_at(self, pictures: Sequence[Picture]) -> list[PhotoFeatures]:
        """All that pictures hold, examined together."""
        images = [picture.rgb for picture in pictures]
        proposed = self._detector.detect(images)
        spans = read(self._ocr, images, proposed, self._effort)
        regions = [
            with_text(found, lines, rgb.shape[1], rgb.shape[0])
            for found, lines, rgb in zip(proposed, spans, images, strict=True)
        ]
        encoded = self._encode(images, regions, list(map(len, proposed)))
        points = [sift_photo(rgb) for rgb in images]
        hashes = [self._hash(rgb) for rgb in images]
        out = []
        for picture, hashed, places, (vectors, mirrored), lines, point in zip(
            pictures, hashes, regions, encoded, spans, points, strict=True
        ):
            record = _record(None, picture, hashed)
            seen = PhotoFeatures(
                record, places, vectors, lines, point,
                photo_hash=hashed, mirrored=mirrored, more_frames=picture.more_frames,
            )  # fmt: skip
            out.append(_resized(seen, picture.rgb, picture.size_wh))
        return out

    def _encode(
        self, images: Sequence[Rgb], regions: Sequence[Regions], proposed: Sequence[int]
    ) -> list[tuple[Embeddings, Embeddings]]:
        """Of each picture the vectors of its places, and of the surest proposed ones (the first) in a mirror."""
        also = [min(n, MIRRORED[self._effort]) for n in proposed]
        encoded = encode_crops(self._encoder, images, [r.xyxy for r in regions], also)
        return [(v[: len(r)], v[len(r) :]) for v, r in zip(encoded, regions, strict=True)]

    def _hash(self, rgb: Rgb) -> PhotoHash | None:
        return photo_hash(rgb) if self._hash_photos else None

    def _broken(self, source: ImageSource, error: Exception) -> PhotoFeatures:
        return self._failed(source, f"cannot be examined ({type(error).__name__}: {error!s:.120})")

    def _failed(self, source: ImageSource, reason: str) -> PhotoFeatures:
        none = np.zeros((0, self._encoder.info.dim), np.float32)
        record = ImageRecord(_file(source), None, None, None)
        return PhotoFeatures(record, Regions.empty(), none, TextSpans.empty(), Keypoints.empty(), reason)


def images_in_words(positions: Sequence[int], total: int | None = None) -> str:
    """Name photos of a listing by their positions, rising: "image 2", "images 2 and 4 to 9".

    Args:
        positions: Of them.
        total: Photos of the listing, where all that come after the last position are named, too.
    """
    runs = [[i, i] for i in positions[:1]]
    for i in positions[1:]:
        if i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    if total is not None and runs:
        runs[-1][1] = total - 1
    named = [f"{first} to {last}" if first < last else f"{first}" for first, last in runs[:_NAMED]]
    if len(runs) > _NAMED:
        named.append("further ones")
    several = len(runs) > 1 or runs[0][0] < runs[0][1]
    return f"image{'s' * several} {' and '.join(', '.join(named).rsplit(', ', 1))}"


def passed_over(total: int, seen: Sequence[PhotoFeatures]) -> str | None:
    """Name the photos of a listing that were never to be looked at; None where there are none.

    Args:
        total: Photos of the listing.
        seen: Of its first photos; those beyond were passed over, too.
    """
    positions = [i for i, one in enumerate(seen) if one.passed_over]
    if total > len(seen):
        return images_in_words([*positions, len(seen)], total)
    return images_in_words(positions) if positions else None


def _after(seen: PhotoFeatures, step: Step) -> PhotoFeatures:
    return replace(seen, unfinished=tuple(s for s in seen.unfinished if s != step))


def _file(source: ImageSource) -> str | None:
    return str(source) if isinstance(source, (str, Path)) else None


def _record(source: ImageSource | None, picture: Picture, hashed: PhotoHash | None) -> ImageRecord:
    file = None if source is None else _file(source)
    return ImageRecord(file, picture.sha256, *picture.size_wh, None if hashed is None else hashed.pdq)


def _of_file(seen: PhotoFeatures, source: ImageSource) -> PhotoFeatures:
    return replace(seen, record=replace(seen.record, file=_file(source)))


def _resized(seen: PhotoFeatures, rgb: Rgb, size_wh: tuple[int, int], *, back: bool = False) -> PhotoFeatures:
    """What was seen in a decoded picture, in pixels of a file of this size; `back`: the reverse."""
    height, width = rgb.shape[:2]
    if (width, height) == size_wh:
        return seen
    sizes = (size_wh, (width, height)) if not back else ((width, height), size_wh)
    grow = np.asarray(np.divide(*np.array(sizes, np.float32)), np.float32)
    frames = seen.keypoints.frames * np.array([*grow, np.sqrt(grow.prod()), 1], np.float32)
    size = (width, height) if back else size_wh
    return replace(
        seen,
        regions=Regions(seen.regions.xyxy * np.tile(grow, 2), seen.regions.confidence),
        spans=replace(seen.spans, polygons=seen.spans.polygons * grow),
        keypoints=replace(seen.keypoints, frames=frames, size_wh=size) if len(seen.keypoints) else seen.keypoints,
    )

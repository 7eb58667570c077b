"""What a photo holds before any index is asked, and a cache of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Literal, TypeAlias

import numpy as np

from logoscan.evidence import Code, Declaration
from logoscan.images.phash import PhotoHash
from logoscan.results import ImageRecord
from logoscan.types import Embeddings, Regions, TextSpans
from logoscan.vision.sift import Keypoints

__all__ = ["FeatureCache", "PhotoFeatures", "Step", "rescaled"]

Step: TypeAlias = Literal["open", "detect", "keypoints", "read"]
"""The steps of an extraction: decode a photo, and hash it where requested; regions with vectors; keypoints; text."""


@dataclass(frozen=True, eq=False)
class PhotoFeatures:
    """The features of a photo, which do not depend on any index.

    Attributes:
        record: File, hash and size.
        regions: Regions that were encoded, in pixels of the file: proposals, then lines of text.
        vectors: float32 (len(regions), dim), unit rows.
        spans: Text that was read, in pixels of the file.
        keypoints: Keypoints, in pixels of the file.
        warning: Why the photo could not be examined; everything else is empty then.
        photo_hash: Perceptual hash; None where it was not requested, or the photo shows too little.
        unfinished: Steps that were not taken; empty in the results of `FeatureExtractor.extract`.
        mirrored: float32 (m, dim), vectors of the first m regions, mirrored.
        passed_over: Whether it is one of too many photos of its listing, which are never examined.
        more_frames: Whether it is animated or has further pages, of which the first was examined.
        dihedral: PDQ hashes of the photo and of its seven turned or mirrored pictures (`images.phash.photo_hashes`);
            empty where they were not requested, or the photo shows too little.
        codes: Bar codes and matrix codes, in pixels of the file; None where they were not looked for.
        declared: What the file declares about its origin; None where that was not read.
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
    dihedral: tuple[str, ...] = ()
    codes: tuple[Code, ...] | None = None
    declared: tuple[Declaration, ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether the photo was examined in full."""
        return self.warning is None and not self.unfinished and not self.passed_over


class FeatureCache:
    """Keeps the features of the latest photos of a stream, by the hash of their file. May be shared by threads."""

    def __init__(self, capacity: int = 256) -> None:
        """Reserve room for `capacity` photos, of up to half a megabyte each; 0 keeps none."""
        self._capacity, self._features, self._lock = capacity, OrderedDict[str, PhotoFeatures](), Lock()

    def get(self, sha256: str) -> PhotoFeatures | None:
        """Return the features of a photo, if they are kept."""
        return self._features.get(sha256)

    def add(self, features: Mapping[str, PhotoFeatures]) -> None:
        """Keep the features of photos by their hashes; the oldest are dropped."""
        with self._lock:
            self._features.update(features)
            while len(self._features) > self._capacity:
                self._features.popitem(last=False)


def rescaled(features: PhotoFeatures, from_wh: tuple[int, int], to_wh: tuple[int, int]) -> PhotoFeatures:
    """Return features whose boxes, text and keypoints are scaled from one size of the photo to another.

    Codes are left as they are: they are read at full size.
    """
    if from_wh == to_wh:
        return features
    scale = np.asarray(np.divide(*np.array((to_wh, from_wh), np.float32)), np.float32)
    keypoints = features.keypoints
    if len(keypoints):
        frames = keypoints.frames * np.array([*scale, np.sqrt(scale.prod()), 1], np.float32)
        keypoints = replace(keypoints, frames=frames, size_wh=to_wh)
    return replace(
        features,
        regions=Regions(features.regions.xyxy * np.tile(scale, 2), features.regions.confidence),
        spans=replace(
            features.spans,
            polygons=features.spans.polygons * scale,
            unread_xyxy=features.spans.unread_xyxy * np.tile(scale, 2),
        ),
        keypoints=keypoints,
    )

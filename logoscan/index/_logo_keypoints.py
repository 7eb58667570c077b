"""Keypoints of registered logo images: stored ones if the index was loaded, else detected at first use."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping

from logoscan.errors import CorruptFileError, ImageError
from logoscan.images.loading import read_rgba
from logoscan.index._mmap import PNG
from logoscan.types import Rgba
from logoscan.vision.sift import Keypoints, sift_logo

__all__ = ["KeypointStore", "open_logo_image"]

logger = logging.getLogger(__name__)

# Logo images whose keypoints, up to 72 KB each, are cached in memory; one more empties the cache. An index that was
# loaded has them on disk.
_MAX_CACHED = 2048


class KeypointStore:
    """Keypoints by the SHA-256 that the records of a logo carry. May be shared by threads."""

    def __init__(self, stored: Mapping[str, Keypoints]) -> None:
        """Make a store with the keypoints of an index folder."""
        self.stored = stored
        self._cache: dict[str, Keypoints] = {}

    def merge(self, other: KeypointStore) -> KeypointStore:
        """Return a store with the stored keypoints of both."""
        return KeypointStore({**self.stored, **other.stored})

    def get(self, sha256: str, png: PNG | None, logo: str, *, keep: bool = True) -> Keypoints:
        """Return the keypoints of a logo image; none where it is missing or damaged.

        Args:
            sha256: Key of the logo image.
            png: The image; None where the index keeps none.
            logo: Name for messages.
            keep: Whether detected keypoints are cached in memory.
        """
        cached = self._cache[sha256] if sha256 in self._cache else self.stored.get(sha256)
        if cached is not None:
            return cached
        try:
            keypoints = Keypoints.empty() if png is None else sift_logo(open_logo_image(png, logo))
        except CorruptFileError as error:  # a damaged logo image shall not stop a stream
            logger.warning("%s", error)
            keypoints = Keypoints.empty()
        if keep:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[sha256] = keypoints
        return keypoints

    def lazy_mapping(self, images: Mapping[str, PNG]) -> Mapping[str, Keypoints]:
        """Return a mapping that detects the keypoints of logo images when they are read, and caches none."""
        return _KeypointsOfImages(self, images)


class _KeypointsOfImages(Mapping[str, Keypoints]):
    def __init__(self, store: KeypointStore, images: Mapping[str, PNG]) -> None:
        self._store, self._images = store, images

    def __getitem__(self, sha256: str) -> Keypoints:
        return self._store.get(sha256, self._images.get(sha256), sha256, keep=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def _keys(self) -> Collection[str]:
        return self._images.keys()


def open_logo_image(png: PNG, logo: str) -> Rgba:
    """Open a stored logo image, uint8 (H, W, 4).

    Raises:
        CorruptFileError: The stored bytes are no picture.
    """
    try:
        return read_rgba(bytes(png))[0]
    except ImageError as error:
        raise CorruptFileError(f"{logo}: the stored logo image is damaged ({error}); register it again") from None

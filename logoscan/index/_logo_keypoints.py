"""Keypoints of registered logo images: from the disk where an index was loaded, else found at first use."""

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

# Logo images whose keypoints, of up to 72 KB each, are kept in memory until they are saved; with one more all are found
# anew. An index that was loaded has them on its disk.
_KEPT_IN_MEMORY = 2048


class KeypointStore:
    """Keypoints by the SHA-256 that the records of a logo carry. May be shared by threads."""

    def __init__(self, stored: Mapping[str, Keypoints]) -> None:
        """Begin with what an index folder holds."""
        self.stored = stored
        self._found: dict[str, Keypoints] = {}

    def joined(self, other: KeypointStore) -> KeypointStore:
        """Return a store that knows what both have on their disks."""
        return KeypointStore({**self.stored, **other.stored})

    def get(self, sha256: str, png: PNG | None, logo: str, *, keep: bool = True) -> Keypoints:
        """Return the keypoints of a logo image; none where it is missing or damaged.

        Args:
            sha256: Its key.
            png: The image; None where the index keeps none.
            logo: Name for messages.
            keep: Whether they are kept in memory.
        """
        known = self._found[sha256] if sha256 in self._found else self.stored.get(sha256)
        if known is not None:
            return known
        try:
            keypoints = Keypoints.empty() if png is None else sift_logo(open_logo_image(png, logo))
        except CorruptFileError as error:  # one logo image less shall not stop a stream
            logger.warning("%s", error)
            keypoints = Keypoints.empty()
        if keep:
            if len(self._found) >= _KEPT_IN_MEMORY:
                self._found.clear()
            self._found[sha256] = keypoints
        return keypoints

    def of_all(self, images: Mapping[str, PNG]) -> Mapping[str, Keypoints]:
        """Return a mapping that finds the keypoints of logo images when they are asked for and keeps none."""
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
        CorruptFileError: It is no picture.
    """
    try:
        return read_rgba(bytes(png))[0]
    except ImageError as error:
        raise CorruptFileError(f"{logo}: the stored drawing is damaged ({error}); register it again") from None

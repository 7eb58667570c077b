"""Write photo features to a folder of Parquet files that only grows, survives crashes and has one maker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from filelock import Timeout

from logoscan._hashing import sha256_hex
from logoscan.errors import InputError
from logoscan.io.files import lock_at, private_folder
from logoscan.store.maker import Maker
from logoscan.store.part_writer import PartWriter, StoreSettings, refuse_others, store_files
from logoscan.store.parts import read_batches
from logoscan.store.schema import arrow
from logoscan.vision.features import PhotoFeatures

__all__ = ["FeatureSink", "FeatureWriter", "photos_fingerprint"]

# Photos of a file: 6 MB quantised, 140 MB in full.
_PART_PHOTOS = 4096
# Columns that say which photos are stored.
_KEYS = ("listing_id", "position", "sha256", "warning")


def photos_fingerprint(photos: Iterable[tuple[str | None, str | None]]) -> str:
    """Return a hash of what a listing's photos were, by the SHA-256 and the warning of each."""
    return sha256_hex(repr(list(photos)).encode())[:16]


class FeatureSink(Protocol):
    """Takes the features of listings; a `FeatureWriter` does."""

    def add(self, listing_id: str, photos: Sequence[PhotoFeatures]) -> bool:
        """Take the features of a listing's photos; return whether anything was new."""
        ...


class FeatureWriter:
    """Appends features to a store. One writer at a time; use it as a context manager.

    A file of the store appears with every 4,096 photos and at the end. Until then photos are in a hidden file that the
    next writer goes on with, so that neither a crash nor a restart loses or doubles a photo.
    """

    def __init__(
        self,
        folder: str | Path,
        maker: Maker,
        settings: StoreSettings | None = None,
        *,
        part_photos: int = _PART_PHOTOS,
    ) -> None:
        """Prepare to append to a folder, which is made.

        Args:
            folder: Folder of the store, or a partition of it.
            maker: What makes the features.
            settings: How they are stored; vectors a byte a number, and without text, if None.
            part_photos: Photos from which a file is written.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            InputError: The maker and the settings do not agree whether text is kept.
        """
        arrow()
        self.folder, self._maker, self._settings = Path(folder), maker, settings or StoreSettings()
        if self._settings.keep_text != maker.text:
            raise InputError(f"keep_text: expected {maker.text}, as the maker says, got {self._settings.keep_text}")
        self._part_photos = part_photos
        self._kept: dict[str, str] = {}
        self._part: PartWriter | None = None

    def __enter__(self) -> FeatureWriter:
        """Open the folder.

        Raises:
            InputError: Another process writes to it.
            MismatchError: It holds the features of other models, or stored in another way.
            CorruptFileError: A file is damaged.
        """
        private_folder(self.folder)
        self._lock = lock_at(self.folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"keep_features: another process is writing to {str(self.folder)!r}") from None
        try:
            refuse_others(self.folder, self._maker, self._settings)
            for path in store_files(self.folder):
                self._keep(read_batches(path, _KEYS))
            self._part = self._next()
            self._keep(self._part.tables())
        except BaseException:
            self._lock.release()
            raise
        return self

    def _next(self) -> PartWriter:
        numbers = [int(p.stem[5:]) for p in self.folder.glob("part-*.parquet") if p.stem[5:].isdigit()]
        return PartWriter(self.folder / f"part-{max(numbers, default=0) + 1:06d}.parquet", self._maker, self._settings)

    def _keep(self, tables: Iterable[Any]) -> None:
        """Remember which photos of which listings are in rows; the rows of a listing come together."""
        rows = (row for table in tables for row in zip(*(table.column(n).to_pylist() for n in _KEYS), strict=True))
        photos: list[tuple[str | None, str | None]] = []
        for listing_id, position, sha256, warning in rows:
            photos = photos if position else []
            photos.append((None if sha256 is None else sha256.hex(), warning))
            self._kept[listing_id] = photos_fingerprint(photos)

    def __contains__(self, listing_id: str) -> bool:
        """Return whether photos of a listing are stored."""
        return listing_id in self._kept

    def add(self, listing_id: str, photos: Sequence[PhotoFeatures]) -> bool:
        """Add the photos of a listing; photos that are stored for it as they are now are not stored again.

        Args:
            listing_id: Id of the listing.
            photos: Features of its photos, in order.

        Returns:
            Whether anything was added.

        Raises:
            InputError: The writer is not open, or a feature cannot be stored.
        """
        if self._part is None:
            raise InputError("FeatureWriter.add: expected to be inside of the with statement")
        now = photos_fingerprint((photo.record.sha256, photo.warning) for photo in photos)
        if not photos or self._kept.get(listing_id) == now:
            return False
        self._part.append(self._part.pack(listing_id, photos), len(photos))
        self._kept[listing_id] = now
        if self._part.photos >= self._part_photos:
            self._part.finish()
            self._part = self._next()
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last file; after an error its photos stay in the hidden file for the next writer."""
        try:
            if self._part is not None:
                if kind is None:
                    self._part.finish()
                else:
                    self._part.close()
        finally:
            self._part = None
            self._lock.release()

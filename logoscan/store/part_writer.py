"""Write one file of a store: rows are collected in a spool beside it, and become Parquet at the end."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from logoscan.errors import MismatchError
from logoscan.io.records import from_json, to_json
from logoscan.store._spool import Spool
from logoscan.store.keypoints import in_words, keypoint_codebook
from logoscan.store.maker import Maker, require_same
from logoscan.store.parts import read_part, write_part
from logoscan.store.rows import recode, stored_photos, to_table
from logoscan.store.schema import arrow
from logoscan.store.vectors import (
    CODEBOOK_FILE,
    Codebook,
    VectorCodec,
    read_codebook,
    train_codebook,
    write_codebook,
)
from logoscan.vision.features import PhotoFeatures

__all__ = ["PartWriter", "StoreSettings", "pack_rows", "refuse_others", "store_files"]

# Most vectors that are held to train a codebook with: 130 MB of 1,024 numbers.
_TRAINING_VECTORS = 1 << 15


def store_files(folder: Path) -> list[Path]:
    """Return the complete files of a store, in the order of their names, from sub-folders (partitions) too."""
    return sorted(
        p for p in folder.rglob("*.parquet") if not any(part[0] == "." for part in p.relative_to(folder).parts)
    )


@dataclass(frozen=True)
class StoreSettings:
    """How features are stored.

    Attributes:
        quantise: Whether vectors are product-quantised, a byte for some twenty numbers, instead of a byte for each.
        codebook: File of a codebook for the quantiser, as another store has it; None trains one on the first photos.
        keep_text: Whether the lines of text that were read are kept. They may hold personal data.
        keep_keypoints: Whether keypoints are kept, in up to 30 KB a photo: new brands are found by them too. None keeps
            them beside vectors in full, and none beside quantised ones.
    """

    quantise: bool = False
    codebook: Path | None = None
    keep_text: bool = False
    keep_keypoints: bool | None = None

    @property
    def has_keypoints(self) -> bool:
        """Whether keypoints are kept."""
        return not self.quantise if self.keep_keypoints is None else self.keep_keypoints

    @property
    def keypoint_codebook(self) -> str | None:
        """SHA-256 of the codebook of the keypoints; None where none are kept."""
        return keypoint_codebook()[1] if self.has_keypoints else None


class PartWriter:
    """Collects the rows of one file in a spool beside it, and writes the file at the end.

    Attributes:
        photos: Number of photos in the spool.
    """

    def __init__(self, path: Path, maker: Maker, settings: StoreSettings) -> None:
        """Begin a file, or go on with the spool that a crash left.

        Args:
            path: Path of the file.
            maker: What makes the features.
            settings: How they are stored.

        Raises:
            MismatchError: The spool holds the features of other models.
        """
        self._path, self._maker, self._settings = path, maker, settings
        self._full = VectorCodec(maker.encoder.dim)
        self._spool = Spool(path.with_name(f".{path.stem}.spool"))
        blocks = self._spool.blocks()
        try:
            first = next(blocks, None)
            if first is None:
                self._spool.append(to_json(maker).encode())
            else:
                require_same(from_json(Maker, first, str(self._spool.path)), maker, str(self._spool.path))
        except BaseException:
            self._spool.close()
            raise
        self.photos = sum(len(table) for table in self.tables())

    def tables(self) -> Iterator[Any]:
        """Yield the tables of rows that were added, with vectors in full."""
        pa = arrow()
        for number, block in enumerate(self._spool.blocks()):
            if number:
                with pa.ipc.open_stream(block) as stream:
                    yield stream.read_all()

    def pack(self, listing_id: str, photos: Sequence[PhotoFeatures]) -> bytes:
        """Return the rows of a listing as bytes for `append`."""
        return pack_rows(listing_id, photos, self._maker, self._settings)

    def append(self, packed: bytes, photos: int) -> None:
        """Add the rows of a listing, which survive a crash of this process from here on."""
        self._spool.append(packed)
        self.photos += photos

    def finish(self) -> None:
        """Write the file, where there are photos, and remove the spool."""
        if self.photos:
            codec = VectorCodec(self._maker.encoder.dim, self._codebook())
            tables = self.tables()
            if codec.codebook is not None:
                tables = (recode(table, self._full, codec) for table in tables)
            write_part(self._path, tables, self._maker, codec, self._settings.keypoint_codebook)
        self._spool.remove()

    def close(self) -> None:
        """Close the spool, which stays for the next run."""
        self._spool.close()

    def discard(self) -> None:
        """Remove the spool and write nothing."""
        self._spool.remove()

    def _codebook(self) -> Codebook | None:
        """Return the codebook of the folder; trained now where there is none yet."""
        if not self._settings.quantise:
            return None
        path = self._path.with_name(CODEBOOK_FILE)
        if not path.is_file():
            write_codebook(
                path, self._trained() if self._settings.codebook is None else read_codebook(self._settings.codebook)
            )
        return read_codebook(path)

    def _trained(self) -> Codebook:
        vectors: list[Any] = []
        count = 0
        for table in self.tables():
            vectors += [photo.features.vectors for photo in stored_photos(table, self._full)]
            count = sum(map(len, vectors))
            if count >= _TRAINING_VECTORS:
                break
        if not count:  # photos without a region: any codebook will do
            return train_codebook(np.eye(1, self._maker.encoder.dim, dtype=np.float32))
        return train_codebook(np.concatenate(vectors))


def pack_rows(listing_id: str, photos: Sequence[PhotoFeatures], maker: Maker, settings: StoreSettings) -> bytes:
    """Return the rows of a listing as the bytes of an Arrow stream, with vectors in full."""
    pa = arrow()
    table = to_table(
        listing_id,
        photos,
        VectorCodec(maker.encoder.dim),
        keep_text=settings.keep_text,
        keep_keypoints=settings.has_keypoints,
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def refuse_others(folder: Path, maker: Maker, settings: StoreSettings) -> None:
    """Refuse a folder with features of other models, or stored in another way.

    Raises:
        MismatchError: There are such features; the message names both.
        CorruptFileError: A file is damaged.
    """
    codebook = folder / CODEBOOK_FILE
    if settings.quantise and settings.codebook is not None and codebook.is_file():
        given, own = read_codebook(settings.codebook), read_codebook(codebook)
        if given.sha256 != own.sha256:
            raise MismatchError(f"{codebook}: the codebook is {own.sha256[:16]}, given {given.sha256[:16]}")
    expected = VectorCodec(maker.encoder.dim).description
    if settings.quantise:
        expected = f"pq {read_codebook(codebook).sha256}" if codebook.is_file() else "pq"
    for path in store_files(folder):
        part = read_part(path)
        require_same(part.maker, maker, str(path))
        if part.vectors != expected:
            raise MismatchError(
                f"{path}: its vectors are stored as {part.vectors[:19]}, now {expected[:19]}; take a new folder"
            )
        if part.keypoints != settings.keypoint_codebook:
            words = in_words(part.keypoints), in_words(settings.keypoint_codebook)
            raise MismatchError(f"{path}: its keypoints are {words[0]}, now {words[1]}; take a new folder")

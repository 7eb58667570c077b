"""Features of the photos of shards on their way into a store: one file a shard, written before its reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from logoscan.io.files import private_folder
from logoscan.io.records import from_json, to_json
from logoscan.store.maker import Maker
from logoscan.store.part_writer import PartWriter, StoreSettings, pack_rows, refuse_others
from logoscan.vision.features import PhotoFeatures

if TYPE_CHECKING:
    from logoscan.distributed.workers import MakeScanner

__all__ = ["FeatureParts", "PackedFeatures", "describe_maker"]


def describe_maker(make_scanner: MakeScanner, keep_text: bool) -> str:
    """Return what makes the features of a scanner, as JSON."""
    return to_json(make_scanner().maker(text=keep_text))


@dataclass
class PackedFeatures:
    """Takes the features of listings in a worker, as bytes that travel with their reports.

    Attributes:
        maker: What makes the features.
        settings: How they are stored.
        names: For each listing the names of its photos, which may have been read ahead as bytes.
        packed: Bytes by the id of the listing.
    """

    maker: Maker
    settings: StoreSettings
    names: dict[str, Sequence[str | None]]
    packed: dict[str, bytes] = field(default_factory=dict)

    def add(self, listing_id: str, photos: Sequence[PhotoFeatures]) -> bool:
        """Take the features of a listing's photos; return whether there are any."""
        names = self.names.get(listing_id, ())
        named = [
            photo if photo.record.file is not None or i >= len(names) else _with_name(photo, names[i])
            for i, photo in enumerate(photos)
        ]
        if named:
            self.packed[listing_id] = pack_rows(listing_id, named, self.maker, self.settings)
        return bool(named)


def _with_name(photo: PhotoFeatures, name: str | None) -> PhotoFeatures:
    return replace(photo, record=replace(photo.record, file=name))


class FeatureParts:
    """The files of features of the shards that are being scanned. Only one process may write to the folder.

    Attributes:
        settings: How features are stored.
    """

    def __init__(self, folder: Path, maker: str, settings: StoreSettings) -> None:
        """Open the folder.

        Args:
            folder: Folder of the store, made if missing.
            maker: What `describe_maker` returned in a worker.
            settings: How features are stored.

        Raises:
            MismatchError: It holds features of other models, or stored in another way.
        """
        self._folder, self.settings = private_folder(folder), settings
        self._maker = from_json(Maker, maker, "maker")
        self._open: dict[str, PartWriter] = {}
        refuse_others(folder, self._maker, settings)

    def append(self, shard: str, packed: bytes | None) -> None:
        """Add the features of one listing of a shard; None where it has no photo."""
        if packed is None:
            return
        if shard not in self._open:
            path = self._folder / f"{shard}.parquet"
            path.with_name(f".{shard}.spool").unlink(missing_ok=True)  # of a scan that ended midway
            self._open[shard] = PartWriter(path, self._maker, self.settings)
        self._open[shard].append(packed, 1)

    def end(self, shard: str, *, write: bool) -> None:
        """Write the file of a shard, or drop what came of it."""
        part = self._open.pop(shard, None)
        if part is not None:
            if write:
                part.finish()
            else:
                part.discard()

    def close(self) -> None:
        """Drop what came of the shards that did not end."""
        for shard in list(self._open):
            self.end(shard, write=False)

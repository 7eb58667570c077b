"""The packs of an index as files of a generation: `packs.jsonl`, and `packs.npy` with vectors to be put back."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from logoscan.errors import CorruptFileError
from logoscan.index._manifest import PACK_FILES
from logoscan.index.pack_records import (
    GalleryName,
    InstalledPack,
    PackEvent,
    PackState,
    RemovedRows,
    TrademarkRight,
    Undo,
)
from logoscan.index.storage import LogoRecord
from logoscan.io.records import from_json, to_json
from logoscan.types import Brand, Embeddings

__all__ = ["ROWS", "VECTORS", "pack_files", "read_packs"]

ROWS, VECTORS = PACK_FILES


@dataclass(frozen=True)
class _Rows:
    """`RemovedRows` whose vectors are the rows from `first` on of the file of vectors."""

    positions: tuple[int, ...]
    records: tuple[LogoRecord, ...]
    added: tuple[LogoRecord, ...]
    first: int


@dataclass(frozen=True)
class _Undo:
    """`Undo`, with the bytes of images as base64."""

    brand: Brand | None
    galleries: Mapping[GalleryName, _Rows]
    images: Mapping[str, str]


@dataclass(frozen=True)
class _Line:
    """An `InstalledPack` or a `PackEvent`."""

    event: PackEvent | None = None
    brand: str = ""
    version: int = 0
    sha256: str = ""
    expires: str = ""
    signers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    record: Brand | None = None
    logos: Mapping[str, str] = field(default_factory=dict)
    negatives: tuple[str, ...] = ()
    official_photos: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[TrademarkRight, ...] = ()
    undo: _Undo | None = None


def pack_files(packs: PackState, dim: int) -> dict[str, bytes]:
    """Return the files of packs; none where there never was one.

    Args:
        packs: The packs.
        dim: Numbers of a vector.
    """
    if not packs.installed and not packs.events:
        return {}
    lines, blocks, count = [], [np.zeros((0, dim), np.float32)], 0
    for name in sorted(packs.installed):
        for pack in packs.installed[name]:
            undo = None
            if pack.undo is not None:
                rows: dict[GalleryName, _Rows] = {}
                for gallery, removed in pack.undo.galleries.items():
                    rows[gallery] = _Rows(removed.positions, removed.records, removed.added, count)
                    blocks.append(removed.vectors.reshape(-1, dim))
                    count += len(removed.records)
                undo = _Undo(pack.undo.brand, rows, {k: b64encode(v).decode() for k, v in pack.undo.images.items()})
            lines.append(
                _Line(None, pack.brand, pack.version, pack.sha256, pack.expires, pack.signers, pack.fields, pack.record,
                      pack.logos, pack.negatives, pack.official_photos, pack.rights, undo)
            )  # fmt: skip
    lines += [_Line(event) for event in packs.events]
    memory = io.BytesIO()
    np.save(memory, np.concatenate(blocks), allow_pickle=False)
    return {ROWS: "".join(f"{to_json(line)}\n" for line in lines).encode(), VECTORS: memory.getvalue()}


def read_packs(rows: bytes, vectors: Embeddings, where: str) -> PackState:
    """Return the packs of the files that `pack_files` made.

    Raises:
        CorruptFileError: They are others.
    """
    installed: dict[str, list[InstalledPack]] = {}
    events = []
    for number, text in enumerate(rows.splitlines(), 1):
        line = from_json(_Line, text, f"{where}, line {number}")
        if line.event is not None:
            events.append(line.event)
            continue
        if line.record is None:
            raise CorruptFileError(f"{where}, line {number}: expected a pack, got one without a record")
        undo = None
        if line.undo is not None:
            try:
                images = {name: b64decode(png, validate=True) for name, png in line.undo.images.items()}
            except ValueError:
                raise CorruptFileError(f"{where}, line {number}: expected images, got others") from None
            galleries = {name: _removed(part, vectors, where) for name, part in line.undo.galleries.items()}
            undo = Undo(line.undo.brand, galleries, images)
        installed.setdefault(line.brand, []).append(
            InstalledPack(line.brand, line.version, line.sha256, line.expires, line.signers, line.fields, line.record,
                          line.logos, line.negatives, line.official_photos, line.rights, undo)
        )  # fmt: skip
    return PackState({name: tuple(packs) for name, packs in installed.items()}, tuple(events))


def _removed(part: _Rows, vectors: Embeddings, where: str) -> RemovedRows:
    end = part.first + len(part.records)
    if not 0 <= part.first <= end <= len(vectors) or len(part.positions) != len(part.records):
        raise CorruptFileError(f"{where}: expected a vector for each row to put back, got others")
    return RemovedRows(part.positions, part.records, np.array(vectors[part.first : end]), part.added)

"""Files of an index: `manifest.json` and immutable `gen-N/` folders with `vectors.npy`, `logos.jsonl`, `brands.jsonl`.

Logo images are stored in `drawings.zip`, and their keypoints in `points.bin` and `points.npy`. A generation is written
and synced first; then the manifest is replaced. All files are verified by the hashes in the manifest when they are
loaded, and the manifest by its own. Vectors, logo images and keypoints are then mapped into memory, which is safe
because a generation never changes. Nothing here searches or encodes.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from logoscan._quote import quoted
from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.index._manifest import (
    FORMAT_VERSION,
    KEY_VARIABLE,
    MANIFEST,
    PACK_FILES,
    generation,
    read_manifest,
    write_manifest,
)
from logoscan.index._mmap import PNG, KeypointWriter, StoredKeypoints, map_archive, map_rows, map_verified
from logoscan.index.ann import Approximate, Facts
from logoscan.io.files import create, held, lock_at, private_folder, sync_folder
from logoscan.io.records import from_json, from_mapping, to_json, to_mapping
from logoscan.types import Brand, Embeddings, EncoderInfo
from logoscan.vision.sift import Keypoints

__all__ = [
    "FORMAT_VERSION", "KEY_VARIABLE", "MANIFEST", "PACK_FILES", "LogoRecord", "Stored", "StoredFamilies",
    "generation", "load", "save",
]  # fmt: skip

logger = logging.getLogger(__name__)

# File of a generation with its approximate index, which may be missing.
_APPROXIMATE_FILE = "approximate.faiss"
# Generations kept: the current one and, for readers that opened the manifest a moment ago, the one before.
_KEPT_GENERATIONS = 2
# How far the length of a vector may be off 1: more than the error of arithmetic in half precision.
_LENGTH_TOLERANCE = 1e-3
# Vectors whose length is computed at a time.
_ROWS_AT_ONCE = 8192

T = TypeVar("T")


@dataclass(frozen=True)
class LogoRecord:
    """Record of one registered vector: what it was made from, and for which brand.

    Attributes:
        id: "Brand/file"; equal for all renderings of a logo image.
        brand: Name of the brand; for a negative the brand that it does not show. "" for negatives and everyday words
            that belong to no brand.
        rendering: Name of the rendering, see `logoscan.index.renderings.renderings`.
        sha256: Hash of the file of a logo image, of the pixels of a negative, or of the text of a name.
        kind: Logo image, name, or negative, which is a picture that does not show the brand.
    """

    id: str
    brand: str
    rendering: str
    sha256: str
    kind: Literal["logo", "name", "negative"] = "logo"


@dataclass(frozen=True)
class StoredFamilies:
    """Logos of different brands that have the same image.

    Attributes:
        least: Cosine from which two logos have the same image.
        rows: For each family a row of each of its logos.
    """

    least: float
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """Content of an index folder.

    Attributes:
        encoder: The encoder that made the vectors.
        brands: Records of all brands.
        logos: One record for each vector.
        vectors: float32 (len(logos), dim).
        logo_images: PNG of registered logo images by the SHA-256 that their records carry; old folders have none.
        keypoints: Keypoints of all logo images, or of none, as in old folders.
        approximate: Approximate index of the vectors of logos, a cache: if it is missing or damaged, it is built again.
        families: Logos that have the same image; None where families were not searched.
        packs: Files of the brand packs, by name; none where there never was one.
    """

    encoder: EncoderInfo
    brands: tuple[Brand, ...]
    logos: tuple[LogoRecord, ...]
    vectors: Embeddings
    logo_images: Mapping[str, PNG] = field(default_factory=dict)
    keypoints: Mapping[str, Keypoints] = field(default_factory=dict)
    approximate: Approximate | None = None
    families: StoredFamilies | None = None
    packs: Mapping[str, bytes | memoryview] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.vectors.shape != (len(self.logos), self.encoder.dim) or self.vectors.dtype != np.float32:
            raise InputError(
                f"vectors: expected float32 ({len(self.logos)}, {self.encoder.dim}), "
                f"got {self.vectors.dtype} {self.vectors.shape}"
            )
        named = {logo.brand for logo in self.logos if logo.brand or logo.kind == "logo"}
        unknown = named - {brand.name for brand in self.brands}
        if unknown:
            raise InputError(f"logos: expected registered brands, got {min(unknown)!r}")
        for rows in () if self.families is None else self.families.rows:
            if not all(0 <= row < len(self.logos) and self.logos[row].kind == "logo" for row in rows):
                raise InputError(f"alike: expected rows of logos among {len(self.logos)} vectors, got {quoted(rows)}")


def _lines(records: Iterable[object]) -> bytes:
    return "".join(to_json(r) + "\n" for r in records).encode()


def _archive(logo_images: Mapping[str, PNG]) -> bytes:
    """Return an archive of `<sha256>.png` files, stored without a date so that equal images make equal archives."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for sha256, png in sorted(logo_images.items()):
            archive.writestr(zipfile.ZipInfo(f"{sha256}.png"), png)
    return memory.getvalue()


def save(folder: Path, stored: Stored, *, over: int | None = None) -> int:
    """Write `stored` as the next generation of `folder`. There is one writer at a time, across processes.

    Args:
        folder: Folder of the index; made if it does not exist.
        stored: What to write.
        over: The generation that `stored` was made from; None replaces any.

    Returns:
        The number of the generation.

    Raises:
        MismatchError: Another writer has saved since `over`; nothing is written, so that its changes are not lost.
    """
    private_folder(folder)
    with held(lock_at(folder / ".lock")):
        current = generation(folder)
        if over is not None and current is not None and current != over:
            raise MismatchError(
                f"{folder}: another writer saved generation {current} after the {over} that this index comes from; "
                "load it again and repeat the changes"
            )
        numbers = [int(p.name[4:]) for p in folder.glob("gen-*") if p.name[4:].isdigit()]
        number = max(numbers, default=0) + 1
        leftovers = list(folder.glob(".gen-*.tmp"))  # of writers that were killed, as generations above the current
        if current is not None:
            leftovers += [folder / f"gen-{old}" for old in numbers if old > current]
            numbers = [old for old in numbers if old <= current]
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)
        memory = io.BytesIO()
        np.save(memory, stored.vectors, allow_pickle=False)
        contents: dict[str, Iterable[bytes | memoryview]] = {
            "vectors.npy": [memory.getbuffer()],
            "logos.jsonl": [_lines(stored.logos)],
            "brands.jsonl": [_lines(stored.brands)],
            "drawings.zip": [_archive(stored.logo_images)],
        }
        contents |= {name: [data] for name, data in stored.packs.items()}
        if stored.keypoints:
            writer = KeypointWriter(stored.keypoints)
            contents |= {"points.bin": writer.blocks(), "points.npy": writer.table()}
        if stored.approximate is not None:
            contents[_APPROXIMATE_FILE] = [stored.approximate.to_bytes()]
        building = folder / f".gen-{number}.tmp"
        private_folder(building)
        hashes = {name: hashlib.sha256() for name in contents}
        for name, blocks in contents.items():
            with create(building / name) as file:
                for block in blocks:
                    file.write(block)
                    hashes[name].update(block)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(building)
        building.rename(folder / f"gen-{number}")
        sync_folder(folder)
        manifest = {
            "format_version": FORMAT_VERSION,
            "encoder": to_mapping(stored.encoder),
            "generation": number,
            "counts": {"brands": len(stored.brands), "vectors": len(stored.logos)},
            "files": {name: digest.hexdigest() for name, digest in hashes.items() if name != _APPROXIMATE_FILE},
        }
        if stored.approximate is not None:
            facts = to_mapping(stored.approximate.facts)
            manifest["approximate"] = {"sha256": hashes[_APPROXIMATE_FILE].hexdigest(), "facts": facts}
        if stored.families is not None:
            manifest["alike"] = to_mapping(stored.families)
        write_manifest(folder, manifest)
        for old in sorted(numbers)[: len(numbers) + 1 - _KEPT_GENERATIONS]:
            shutil.rmtree(folder / f"gen-{old}", ignore_errors=True)
        return number


def _records(kind: type[T], data: bytes, path: Path) -> tuple[T, ...]:
    lines = data.splitlines()  # bytes: text would also be split at U+2028 and the like in a name
    return tuple(from_json(kind, line, f"{path}, line {number}") for number, line in enumerate(lines, 1))


def load(folder: Path) -> Stored:
    """Read the current generation.

    Raises:
        InputError: There is no index.
        CorruptFileError: A file is missing, truncated or altered; the message names it.
    """
    manifest = read_manifest(folder)
    current = folder / f"gen-{manifest['generation']}"
    data: dict[str, memoryview] = {}
    for name, digest in manifest["files"].items():
        path = current / name
        try:
            content = map_verified(path, digest)
        except OSError:
            if read_manifest(folder)["generation"] != manifest["generation"]:
                return load(folder)  # a writer has replaced it meanwhile
            raise CorruptFileError(f"{path}: missing; register the brands again") from None
        if content is None:
            raise CorruptFileError(f"{path}: altered or damaged; register the brands again")
        data[name] = content
    try:
        logo_images = map_archive(data["drawings.zip"], current / "drawings.zip") if "drawings.zip" in data else {}
        keypoints: Mapping[str, Keypoints] = {}
        if "points.bin" in data and "points.npy" in data:
            keypoints = StoredKeypoints(data["points.bin"], data["points.npy"], logo_images, current / "points.npy")
        return Stored(
            from_mapping(EncoderInfo, manifest.get("encoder"), "encoder"),
            _records(Brand, bytes(data["brands.jsonl"]), current / "brands.jsonl"),
            _records(LogoRecord, bytes(data["logos.jsonl"]), current / "logos.jsonl"),
            _unit_rows(data["vectors.npy"], current / "vectors.npy"),
            logo_images,
            keypoints,
            _approximate(current / _APPROXIMATE_FILE, manifest.get("approximate")),
            from_mapping(StoredFamilies, manifest["alike"], "alike") if "alike" in manifest else None,
            {name: data[name] for name in PACK_FILES if name in data},
        )
    except InputError as error:  # all hashes are right, but something other than `save` wrote the files
        raise CorruptFileError(f"{current}: {error}; register the brands again") from None


def _unit_rows(data: memoryview, path: Path) -> Embeddings:
    """Return the vectors; refuse those not of length 1, on which every search and every cosine relies."""
    rows = map_rows(data, path)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        off = np.abs(np.linalg.norm(rows[start : start + _ROWS_AT_ONCE], axis=1) - 1)
        if len(off) and not off.max() <= _LENGTH_TOLERANCE:
            raise CorruptFileError(f"{path}: expected vectors of length 1, got one off by {off.max():.3g}")
    return rows


def _approximate(path: Path, entry: Any) -> Approximate | None:
    """Return the approximate index; None where it is missing or damaged, since it can be built again."""
    if entry is None:
        return None
    try:
        data = map_verified(path, entry["sha256"])
        if data is not None:
            return Approximate.from_bytes(data, from_mapping(Facts, entry["facts"], str(path)))
    except (OSError, CorruptFileError):
        pass
    except (InputError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{path}: expected its hash and facts in the manifest, got others ({error})") from None
    logger.warning("%s: missing, altered or damaged; it will be built again", path)
    return None

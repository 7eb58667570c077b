"""The register's files: `manifest.json` over immutable `gen-N/` folders (`vectors.npy`, `logos.jsonl`,
`brands.jsonl`, `drawings.zip`, and the points of the drawings: `points.bin`, `points.npy`).

A generation is written and synced first; then the manifest is replaced. Whatever is loaded was verified against the
hashes in the manifest, and the manifest against its own. Vectors, drawings and points are then mapped, not read: a
generation never changes. Nothing here searches or encodes.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from logoscan._hashing import mapping_sha256
from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.index._mmap import PNG, PointWriter, StoredPoints, float32_rows, stored_files, verified
from logoscan.index.ann import Approximate, Facts
from logoscan.io.files import atomic_write, create, held, lock_at, private_folder, sync_folder
from logoscan.io.records import from_json, from_mapping, loads, to_json, to_mapping
from logoscan.types import Brand, Embeddings, EncoderInfo
from logoscan.vision.sift import Keypoints

__all__ = ["FORMAT_VERSION", "KEY_VARIABLE", "MANIFEST", "Alike", "LogoRecord", "Stored", "generation", "load", "save"]

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
"""File of an index folder that names its current generation."""
KEY_VARIABLE = "LOGOSCAN_INDEX_KEY"
"""Environment variable of a key, text of any length, with which manifests are signed, and have to be; none is needed
where it is not set."""
_CACHE = "approximate.faiss"
_KEEP = 2
"""Generations kept: the current one and, for readers that opened the manifest a moment ago, the one before."""

_OFF = 1e-3
"""How far the length of a vector may be off 1: more than arithmetic in half precision brings about."""
_ROWS = 8192
"""Vectors that are measured at a time."""

_NEEDED = {"vectors.npy", "logos.jsonl", "brands.jsonl"}
_FILES = _NEEDED | {"drawings.zip", "points.bin", "points.npy"}
"""No other is opened, whatever a manifest names."""

T = TypeVar("T")


@dataclass(frozen=True)
class LogoRecord:
    """One registered vector: what it was made of, and for whom.

    Attributes:
        id: "Brand/file"; the same for all renderings of a drawing.
        brand: Name of the brand; of a negative the brand that it is not. "" for negatives and everyday words that are
            nobody's.
        rendering: How it was drawn, see `logoscan.index.logo_images.renderings`.
        sha256: Of the drawing's file, of a negative's pixels, or of a name's text.
        kind: A picture of a logo, a name, or a negative: a picture of what is not the brand.
    """

    id: str
    brand: str
    rendering: str
    sha256: str
    kind: Literal["logo", "name", "negative"] = "logo"


@dataclass(frozen=True)
class Alike:
    """Logos of different brands that are one drawing.

    Attributes:
        least: Cosine from which they are.
        rows: Of each family a row of each of its logos.
    """

    least: float
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """What an index folder holds.

    Attributes:
        encoder: What made the vectors.
        brands: Their facts.
        logos: One record for each vector.
        vectors: float32 (len(logos), dim).
        drawings: PNG of registered drawings by the SHA-256 that their records carry; folders of old have none.
        points: Of each of the drawings, or none at all, as in folders of old.
        approximate: Index of the vectors of logos, a cache: without it, or with a damaged one, it is built again.
        alike: Logos that are one drawing; None where that was not looked for.
    """

    encoder: EncoderInfo
    brands: tuple[Brand, ...]
    logos: tuple[LogoRecord, ...]
    vectors: Embeddings
    drawings: Mapping[str, PNG] = field(default_factory=dict)
    points: Mapping[str, Keypoints] = field(default_factory=dict)
    approximate: Approximate | None = None
    alike: Alike | None = None

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
        for rows in () if self.alike is None else self.alike.rows:
            if not all(0 <= row < len(self.logos) and self.logos[row].kind == "logo" for row in rows):
                raise InputError(f"alike: expected rows of logos among {len(self.logos)} vectors, got {rows!r:.80}")


def _lines(records: Iterable[object]) -> bytes:
    return "".join(to_json(r) + "\n" for r in records).encode()


def _packed(drawings: Mapping[str, PNG]) -> bytes:
    """`<sha256>.png` each, stored without a date so that equal drawings make equal files."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for sha256, png in sorted(drawings.items()):
            archive.writestr(zipfile.ZipInfo(f"{sha256}.png"), png)
    return memory.getvalue()


def _seal(manifest: dict[str, Any]) -> str:
    return mapping_sha256(manifest)


def _signature(manifest: dict[str, Any], key: str) -> str:
    """HMAC-SHA-256 of a manifest without its own: who has the key wrote it, and every file whose hash it holds."""
    plain = {name: value for name, value in manifest.items() if name != "hmac"}
    return hmac.new(key.encode(), json.dumps(plain, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def generation(folder: Path) -> int | None:
    """Number of the current generation; None where there is none that can be read."""
    try:
        return int(_manifest(folder)["generation"])
    except (InputError, CorruptFileError):
        return None


def save(folder: Path, stored: Stored, *, over: int | None = None) -> int:
    """Write `stored` as the next generation of `folder`. One writer at a time, across processes.

    Args:
        folder: Made, if it is not there.
        stored: What to write.
        over: The generation that it was made of; None replaces whatever is there.

    Returns:
        The number of the generation.

    Raises:
        MismatchError: Another writer has saved since `over`; nothing is written, so that what it saved is not lost.
    """
    private_folder(folder)
    with held(lock_at(folder / ".lock")):
        current = generation(folder)
        if over is not None and current is not None and current != over:
            raise MismatchError(
                f"{folder}: another writer saved generation {current} after the {over} that this index comes from; "
                "load it again and repeat the changes"
            )
        taken = [int(p.name[4:]) for p in folder.glob("gen-*") if p.name[4:].isdigit()]
        number = max(taken, default=0) + 1
        left = list(folder.glob(".gen-*.tmp"))  # by writers that were killed, as are generations that nobody named
        if current is not None:
            left += [folder / f"gen-{old}" for old in taken if old > current]
            taken = [old for old in taken if old <= current]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        memory = io.BytesIO()
        np.save(memory, stored.vectors, allow_pickle=False)
        contents: dict[str, Iterable[bytes | memoryview]] = {
            "vectors.npy": [memory.getbuffer()],
            "logos.jsonl": [_lines(stored.logos)],
            "brands.jsonl": [_lines(stored.brands)],
            "drawings.zip": [_packed(stored.drawings)],
        }
        if stored.points:
            writer = PointWriter(stored.points)
            contents |= {"points.bin": writer.blocks(), "points.npy": writer.table()}
        if stored.approximate is not None:
            contents[_CACHE] = [stored.approximate.to_bytes()]
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
            "files": {name: digest.hexdigest() for name, digest in hashes.items() if name != _CACHE},
        }
        if stored.approximate is not None:
            facts = to_mapping(stored.approximate.facts)
            manifest["approximate"] = {"sha256": hashes[_CACHE].hexdigest(), "facts": facts}
        if stored.alike is not None:
            manifest["alike"] = to_mapping(stored.alike)
        if (key := os.environ.get(KEY_VARIABLE)) is not None:
            manifest["hmac"] = _signature(manifest, key)
        sealed = {**manifest, "manifest_sha256": _seal(manifest)}
        atomic_write(folder / MANIFEST, (json.dumps(sealed, indent=1) + "\n").encode())
        for old in sorted(taken)[: len(taken) + 1 - _KEEP]:
            shutil.rmtree(folder / f"gen-{old}", ignore_errors=True)
        return number


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"index: expected a folder with manifest.json (see `logoscan register`), got {str(folder)!r}")
    content = loads(path.read_bytes(), str(path))
    if not isinstance(content, dict) or content.pop("manifest_sha256", None) != _seal(content):
        raise CorruptFileError(f"{path}: altered or damaged; register the brands again")
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not hmac.compare_digest(
        str(content.get("hmac")).encode(), _signature(content, key).encode()
    ):
        raise CorruptFileError(f"{path}: not signed with the key in {KEY_VARIABLE}; register the brands again with it")
    if content.get("format_version") != FORMAT_VERSION:
        got = content.get("format_version")
        raise CorruptFileError(f"{path}: expected format_version {FORMAT_VERSION}, got {got!r:.80}")
    files, generation = content.get("files"), content.get("generation")
    if not isinstance(generation, int) or not isinstance(files, dict) or not _NEEDED <= files.keys() <= _FILES:
        raise CorruptFileError(f"{path}: expected a generation and the hashes of its files, got others")
    return content


def _records(kind: type[T], data: bytes, path: Path) -> tuple[T, ...]:
    lines = data.splitlines()  # of bytes: text would also be split at U+2028 and its like inside of a name
    return tuple(from_json(kind, line, f"{path}, line {number}") for number, line in enumerate(lines, 1))


def load(folder: Path) -> Stored:
    """Read the current generation.

    Raises:
        InputError: There is no index.
        CorruptFileError: A file is missing, truncated or altered; the message names it.
    """
    manifest = _manifest(folder)
    generation = folder / f"gen-{manifest['generation']}"
    data: dict[str, memoryview] = {}
    for name, digest in manifest["files"].items():
        path = generation / name
        try:
            content = verified(path, digest)
        except OSError:
            if _manifest(folder)["generation"] != manifest["generation"]:
                return load(folder)  # a writer moved on while we read
            raise CorruptFileError(f"{path}: missing; register the brands again") from None
        if content is None:
            raise CorruptFileError(f"{path}: altered or damaged; register the brands again")
        data[name] = content
    try:
        drawings = stored_files(data["drawings.zip"], generation / "drawings.zip") if "drawings.zip" in data else {}
        points: Mapping[str, Keypoints] = {}
        if "points.bin" in data and "points.npy" in data:
            points = StoredPoints(data["points.bin"], data["points.npy"], drawings, generation / "points.npy")
        return Stored(
            from_mapping(EncoderInfo, manifest.get("encoder"), "encoder"),
            _records(Brand, bytes(data["brands.jsonl"]), generation / "brands.jsonl"),
            _records(LogoRecord, bytes(data["logos.jsonl"]), generation / "logos.jsonl"),
            _unit_rows(data["vectors.npy"], generation / "vectors.npy"),
            drawings,
            points,
            _approximate(generation / _CACHE, manifest.get("approximate")),
            from_mapping(Alike, manifest["alike"], "alike") if "alike" in manifest else None,
        )
    except InputError as error:  # every file is as it was written, by something else than `save`
        raise CorruptFileError(f"{generation}: {error}; register the brands again") from None


def _unit_rows(data: memoryview, path: Path) -> Embeddings:
    """Vectors, all of length 1: every search and every cosine relies on it."""
    rows = float32_rows(data, path)
    for start in range(0, len(rows), _ROWS):
        off = np.abs(np.linalg.norm(rows[start : start + _ROWS], axis=1) - 1)
        if len(off) and not off.max() <= _OFF:
            raise CorruptFileError(f"{path}: expected vectors of length 1, got one off by {off.max():.3g}")
    return rows


def _approximate(path: Path, entry: Any) -> Approximate | None:
    """The stored index, where there is one and it is as it was written: it can be built again."""
    if entry is None:
        return None
    try:
        data = verified(path, entry["sha256"])
        if data is not None:
            return Approximate.from_bytes(data, from_mapping(Facts, entry["facts"], str(path)))
    except (OSError, CorruptFileError):
        pass
    except (InputError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{path}: expected its hash and facts in the manifest, got others ({error})") from None
    logger.warning("%s: missing, altered or damaged; it will be built again", path)
    return None

"""The manifest of an index folder: it names the current generation, with the hashes of its files, sealed and signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from logoscan._hashing import mapping_sha256
from logoscan._quote import quoted
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write
from logoscan.io.records import loads

__all__ = ["FORMAT_VERSION", "KEY_VARIABLE", "MANIFEST", "PACK_FILES", "generation", "read_manifest", "write_manifest"]

FORMAT_VERSION = 1
"""Version of the format of an index folder; no other is read."""
MANIFEST = "manifest.json"
"""File of an index folder that names its current generation."""
KEY_VARIABLE = "LOGOSCAN_INDEX_KEY"
"""Environment variable with a key, text of any length. Where it is set, manifests are signed with it when they are
written, and have to be signed with it when they are read."""
PACK_FILES = ("packs.jsonl", "packs.npy")
"""Files of a generation with its brand packs, both or none."""
# Files without which a generation is not loaded, and all that are opened, whatever a manifest names.
_REQUIRED_FILES = {"vectors.npy", "logos.jsonl", "brands.jsonl"}
_FILES = _REQUIRED_FILES | {"drawings.zip", "points.bin", "points.npy", *PACK_FILES}


def seal(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest, by which damage is detected."""
    return mapping_sha256(manifest)


def _signature(manifest: dict[str, Any], key: str) -> str:
    """Return the HMAC-SHA-256 of a manifest without "hmac"; it proves that the owner of the key wrote all its files."""
    unsigned = {name: value for name, value in manifest.items() if name != "hmac"}
    return hmac.new(key.encode(), json.dumps(unsigned, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def generation(folder: Path) -> int | None:
    """Return the number of the current generation; None where there is none that can be read."""
    try:
        return int(read_manifest(folder)["generation"])
    except (InputError, CorruptFileError):
        return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and verify the manifest of an index folder.

    Raises:
        InputError: There is no manifest.
        CorruptFileError: It is damaged, not signed with the key, or of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"index: expected a folder with manifest.json (see `logoscan register`), got {str(folder)!r}")
    content = loads(path.read_bytes(), str(path))
    if not isinstance(content, dict) or content.pop("manifest_sha256", None) != seal(content):
        raise CorruptFileError(f"{path}: altered or damaged; register the brands again")
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not hmac.compare_digest(
        str(content.get("hmac")).encode(), _signature(content, key).encode()
    ):
        raise CorruptFileError(f"{path}: not signed with the key in {KEY_VARIABLE}; register the brands again with it")
    if content.get("format_version") != FORMAT_VERSION:
        got = content.get("format_version")
        raise CorruptFileError(f"{path}: expected format_version {FORMAT_VERSION}, got {quoted(got)}")
    files, number = content.get("files"), content.get("generation")
    if not isinstance(number, int) or not isinstance(files, dict) or not _REQUIRED_FILES <= files.keys() <= _FILES:
        raise CorruptFileError(f"{path}: expected a generation and the hashes of its files, got others")
    return content


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Seal a manifest, sign it where there is a key, and replace that of the folder atomically."""
    if (key := os.environ.get(KEY_VARIABLE)) is not None:
        manifest = {**manifest, "hmac": _signature(manifest, key)}
    sealed = {**manifest, "manifest_sha256": seal(manifest)}
    atomic_write(folder / MANIFEST, (json.dumps(sealed, indent=1) + "\n").encode())

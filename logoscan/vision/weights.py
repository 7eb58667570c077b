"""The table of bundled model files: name, file, sha256, source, licence, preprocessing; find and verify them.

The files lie in `weights/` of a checkout and travel in the wheel as `logoscan/_weights`. Nothing is ever downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from logoscan._hashing import file_sha256, mapping_sha256
from logoscan.errors import CorruptFileError
from logoscan.io.files import atomic_write
from logoscan.io.records import from_mapping, loads
from logoscan.types import Preprocessing

__all__ = [
    "ALTERATIONS",
    "BPE_FILE",
    "DETECTOR",
    "ENCODER",
    "ModelRow",
    "calibrated_encoders",
    "calibration_rows",
    "folder",
    "rows",
    "verified",
    "verified_file",
    "write_manifest",
]

BPE_FILE = "bpe.txt.gz"
"""A shorter list of merges for the tokenizer, beside the weights in a folder."""
ENCODER = "logoscan-clip"
"""Name of the bundled CLIP."""
DETECTOR = "logoscan-detector"
"""Name of the bundled logo detector."""
ALTERATIONS = "logoscan-alterations"
"""Name of the bundled alteration check."""


@dataclass(frozen=True)
class ModelRow:
    """One bundled model, as `weights/manifest.json` states it.

    Attributes:
        name: Key.
        file: File name beside the manifest.
        sha256: Hex digest of the file.
        beside: Further files that the model needs, with their hex digests: configuration, tokenizer.
        source: Where the numbers come from.
        licence: Of the weights.
        card: File name of the model card.
        pictures: Files that the card shows, its training log among them.
        embed_dim: Length of a vector; 0 of a model that makes none.
        preprocessing: What the weights expect.
    """

    name: str
    file: str
    sha256: str
    beside: Mapping[str, str]
    source: str
    licence: str
    card: str
    pictures: tuple[str, ...]
    embed_dim: int
    preprocessing: Preprocessing

    @property
    def files(self) -> dict[str, str]:
        """Every file that the model needs, with its hex digest."""
        return {self.file: self.sha256, **self.beside}


def folder() -> Path:
    """The folder of the bundled models: inside an installed wheel, else in the checkout.

    Raises:
        CorruptFileError: Neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package / "_weights", package.parent / "weights"):
        if (place / "manifest.json").is_file():
            return place
    raise CorruptFileError(f"{package / '_weights'}: the bundled models are missing; reinstall logoscan")


@cache
def _manifest() -> dict[str, Any]:
    path = folder() / "manifest.json"
    content = loads(path.read_bytes(), str(path))
    if not isinstance(content, dict) or content.get("format_version") != 1:
        raise CorruptFileError(f"{path}: expected format_version 1")
    if content.pop("manifest_sha256", None) != mapping_sha256(content):  # hashes and calibrations stand in it
        raise CorruptFileError(f"{path}: altered or damaged; reinstall logoscan")
    return content


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a table of models with its own hash, for those who make models."""
    plain = {key: value for key, value in content.items() if key != "manifest_sha256"}
    sealed = {**plain, "manifest_sha256": mapping_sha256(plain)}
    atomic_write(path, (json.dumps(sealed, indent=1) + "\n").encode())


def rows() -> dict[str, ModelRow]:
    """All bundled models by name."""
    listed = [from_mapping(ModelRow, row, "weights/manifest.json") for row in _manifest()["models"]]
    return {row.name: row for row in listed}


def calibration_rows() -> list[dict[str, Any]]:
    """The match calibrations of the manifest, as plain mappings."""
    return [dict(row) for row in _manifest()["calibrations"]]


def calibrated_encoders() -> frozenset[str]:
    """Fingerprints of the encoders for which a calibration ships: what their cosines mean is known."""
    return frozenset(row["encoder"] for row in calibration_rows())


def verified(name: str) -> tuple[Path, ModelRow]:
    """Path and row of a bundled model, the SHA-256 of each of its files checked.

    Raises:
        CorruptFileError: A file is missing or altered.
    """
    row = rows().get(name)
    if row is None:
        raise CorruptFileError(f"{folder() / 'manifest.json'}: no row of {name}; reinstall logoscan")
    for file, expected in row.files.items():
        verified_file(file, expected)
    return folder() / row.file, row


def verified_file(file: str, sha256: str) -> Path:
    """Path of one bundled file, its hex digest checked.

    Raises:
        CorruptFileError: It is missing or altered.
    """
    path = folder() / file
    if not path.is_file():
        raise CorruptFileError(f"{path}: the model file is missing; reinstall logoscan")
    digest = file_sha256(path)
    if digest != sha256:
        raise CorruptFileError(f"{path}: expected SHA-256 {sha256}, got {digest}; reinstall logoscan")
    return path

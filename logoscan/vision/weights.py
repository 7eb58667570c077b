"""Find and verify the bundled model files by their table: name, file, sha256, source, licence, preprocessing.

The files are in `weights/` of a checkout, and in `logoscan/_weights` of a wheel. Nothing is ever downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from logoscan._bundled import bundled_folder
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
    "SCRIPTS",
    "ModelRow",
    "calibrated_encoders",
    "calibration_rows",
    "folder",
    "rows",
    "verify",
    "verify_file",
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
SCRIPTS = "logoscan-scripts"
"""Name of the bundled network that tells scripts apart."""


@dataclass(frozen=True)
class ModelRow:
    """One bundled model, as `weights/manifest.json` states it.

    Attributes:
        name: Name of the model, its key in the table.
        file: File name beside the manifest.
        sha256: Hex digest of the file.
        beside: Further files that the model needs, with their hex digests: configuration, tokenizer.
        source: Origin of the weights.
        licence: Licence of the weights.
        card: File name of the model card.
        pictures: Files that the card shows, including its training log.
        embed_dim: Length of a vector; 0 for a model that makes none.
        preprocessing: Preprocessing that the weights expect.
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
    """Return the folder of the bundled models: inside an installed wheel, else in the checkout.

    Raises:
        CorruptFileError: There is neither.
    """
    return bundled_folder(Path(__file__).resolve().parents[1])


@cache
def _manifest() -> dict[str, Any]:
    path = folder() / "manifest.json"
    content = loads(path.read_bytes(), str(path))
    if not isinstance(content, dict) or content.get("format_version") != 1:
        raise CorruptFileError(f"{path}: expected format_version 1")
    if content.pop("manifest_sha256", None) != mapping_sha256(content):  # it holds hashes and calibrations
        raise CorruptFileError(f"{path}: altered or damaged; reinstall logoscan")
    return content


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a table of models with its own hash, for those who train models."""
    plain = {key: value for key, value in content.items() if key != "manifest_sha256"}
    with_hash = {**plain, "manifest_sha256": mapping_sha256(plain)}
    atomic_write(path, (json.dumps(with_hash, indent=1) + "\n").encode())


def rows() -> dict[str, ModelRow]:
    """Return all bundled models by name."""
    models = [from_mapping(ModelRow, row, "weights/manifest.json") for row in _manifest()["models"]]
    return {row.name: row for row in models}


def calibration_rows() -> list[dict[str, Any]]:
    """Return the match calibrations of the manifest, as plain mappings."""
    return [dict(row) for row in _manifest()["calibrations"]]


def calibrated_encoders() -> frozenset[str]:
    """Return the fingerprints of the encoders for which a calibration ships."""
    return frozenset(row["encoder"] for row in calibration_rows())


def verify(name: str) -> tuple[Path, ModelRow]:
    """Check the SHA-256 of each file of a bundled model, and return the path of its weights and its row.

    Raises:
        CorruptFileError: A file is missing or altered.
    """
    row = rows().get(name)
    if row is None:
        raise CorruptFileError(f"{folder() / 'manifest.json'}: no row of {name}; reinstall logoscan")
    for file, expected in row.files.items():
        verify_file(file, expected)
    return folder() / row.file, row


def verify_file(file: str, sha256: str) -> Path:
    """Check the hex digest of one bundled file, and return its path.

    Raises:
        CorruptFileError: The file is missing or altered.
    """
    path = folder() / file
    if not path.is_file():
        raise CorruptFileError(f"{path}: the model file is missing; reinstall logoscan")
    digest = file_sha256(path)
    if digest != sha256:
        raise CorruptFileError(f"{path}: expected SHA-256 {sha256}, got {digest}; reinstall logoscan")
    return path

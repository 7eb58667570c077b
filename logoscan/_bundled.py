"""Where the bundled model files are: in `weights/` of a checkout, and in `logoscan/_weights` of a wheel."""

from __future__ import annotations

from pathlib import Path

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError

__all__ = ["folder", "verify_file"]


def folder() -> Path:
    """Return the folder of the bundled models: inside an installed wheel, else in the checkout.

    Raises:
        CorruptFileError: There is neither.
    """
    package = Path(__file__).resolve().parent
    for path in (package / "_weights", package.parent / "weights"):
        if (path / "manifest.json").is_file():
            return path
    raise CorruptFileError(f"{package / '_weights'}: the bundled models are missing; reinstall logoscan")


def verify_file(path: Path, sha256: str) -> Path:
    """Check the hex digest of a bundled file, and return its path.

    Raises:
        CorruptFileError: The file is missing or altered.
    """
    if not path.is_file():
        raise CorruptFileError(f"{path}: the model file is missing; reinstall logoscan")
    digest = file_sha256(path)
    if digest != sha256:
        raise CorruptFileError(f"{path}: expected SHA-256 {sha256}, got {digest}; reinstall logoscan")
    return path

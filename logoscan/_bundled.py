"""Where the bundled models are."""

from __future__ import annotations

from pathlib import Path

from logoscan.errors import CorruptFileError

__all__ = ["bundled_folder"]


# Folder of the installed package.
_PACKAGE = Path(__file__).resolve().parent


def bundled_folder(package: Path = _PACKAGE) -> Path:
    """Return the folder of the bundled models: inside an installed wheel, else in the checkout.

    Args:
        package: Folder of the package.

    Raises:
        CorruptFileError: There is neither.
    """
    for path in (package / "_weights", package.parent / "weights"):
        if (path / "manifest.json").is_file():
            return path
    raise CorruptFileError(f"{package / '_weights'}: the bundled models are missing; reinstall logoscan")

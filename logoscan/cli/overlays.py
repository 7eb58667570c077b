"""Overlay images of a report as files."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from logoscan._hashing import sha256_hex
from logoscan.errors import ImageError, LogoscanError
from logoscan.images.loading import read_picture
from logoscan.io.files import atomic_write, private_folder
from logoscan.reporting.overlay import draw_overlay
from logoscan.results import Report

__all__ = ["write_overlays"]

# Names that Windows reserves for devices, with any suffix.
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
# File systems of these platforms treat "A" and "a" as the same name.
_CASE_SENSITIVE = sys.platform not in ("win32", "darwin")


def write_overlays(report: Report, root: Path, folder: Path) -> list[str]:
    """Draw each photo of a report with its matches, as JPEG files in `folder`; return what went wrong.

    Photos that the scan could not read are skipped. Each file is written whole or not at all.
    """
    problems = []
    for number, record in enumerate(report.images):
        if record.file is None or record.sha256 is None:
            continue
        try:
            private_folder(folder)
            picture = read_picture(record.file, root=root)
            if picture.sha256 != record.sha256:
                raise ImageError(f"{Path(record.file).name}: changed since the scan")
            drawn = draw_overlay(picture.rgb, tuple(m for m in report.matches if m.image == number))
            jpeg = io.BytesIO()
            Image.fromarray(drawn).save(jpeg, "JPEG", quality=88)
            atomic_write(folder / f"{_file_name(report.listing_id)}-{number}.jpg", jpeg.getvalue())
        except (LogoscanError, OSError) as error:
            problems.append(f"image {number}: no overlay: {error}")
    return problems


def _file_name(listing_id: str) -> str:
    """Return a file name for an id, valid on any system and different for each id.

    Ids that are not valid file names get a hash after `~`, a character that no other name contains.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in listing_id)[:60]
    is_valid = safe == listing_id and (_CASE_SENSITIVE or safe == safe.lower())
    if safe.partition(".")[0].upper() in _RESERVED:
        safe, is_valid = f"_{safe}", False
    digest = sha256_hex(listing_id.encode(errors="surrogatepass"))[:16]
    return safe if is_valid else f"{safe}~{digest}"

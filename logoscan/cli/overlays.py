"""Photos of a report with boxes drawn, as files."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

from PIL import Image

from logoscan.errors import ImageError, LogoscanError
from logoscan.images.loading import read_picture
from logoscan.io.files import atomic_write, private_folder
from logoscan.reporting.overlay import draw_overlay
from logoscan.results import Report

__all__ = ["write_overlays"]

# Names that Windows keeps for devices, whatever their ending.
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
# File systems there take "A" and "a" for one name.
_CASE_COUNTS = sys.platform not in ("win32", "darwin")


def write_overlays(report: Report, root: Path, folder: Path) -> list[str]:
    """Draw each photo of a report with its matches, as JPEG files in `folder`; returns what went wrong.

    Photos that the scan could not read are passed over; each file is written whole or not at all.
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
    """An id as a file name on any system; ids that do not fit get a hash after `~`, which no plain one has.

    Two ids share no file.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in listing_id)[:60]
    plain = safe == listing_id and (_CASE_COUNTS or safe == safe.lower())
    if safe.partition(".")[0].upper() in _RESERVED:
        safe, plain = f"_{safe}", False
    digest = hashlib.sha256(listing_id.encode(errors="surrogatepass")).hexdigest()[:16]
    return safe if plain else f"{safe}~{digest}"

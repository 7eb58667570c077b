"""Photos of a report with boxes drawn, as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

from logoscan.errors import LogoscanError
from logoscan.images import load_image
from logoscan.report import draw_overlay
from logoscan.results import Report

__all__ = ["write_overlays"]


def write_overlays(report: Report, root: Path, folder: Path) -> list[str]:
    """Draw each readable photo of a report with its matches, as JPEG files in `folder`; returns what went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for number, record in enumerate(report.images):
        if record.file is None or record.sha256 is None:
            continue
        try:
            rgb = load_image(record.file, root=root)
            drawn = draw_overlay(rgb, tuple(m for m in report.matches if m.image == number))
            Image.fromarray(drawn).save(folder / f"{_file_name(report.listing_id)}-{number}.jpg", quality=88)
        except (LogoscanError, OSError) as error:
            problems.append(f"image {number}: no overlay: {error}")
    return problems


def _file_name(listing_id: str) -> str:
    """An id as a file name; ids that do not fit get a hash, so that two never share a file."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in listing_id)[:60]
    digest = hashlib.sha256(listing_id.encode(errors="surrogatepass")).hexdigest()[:8]
    return safe if safe == listing_id else f"{safe}-{digest}"

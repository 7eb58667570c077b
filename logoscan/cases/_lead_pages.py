"""The evidence pages, crops and compared logos of a lead."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from logoscan.errors import LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.files import atomic_write, private_folder
from logoscan.reporting.html import make_page
from logoscan.results import Report

__all__ = ["write_pages"]


def write_pages(data: Path, reports: Sequence[Report], index: LogoIndex | None) -> None:
    """Write a page for each report, the crops on it, and the logos that regions were compared with.

    Args:
        data: Payload of a lead, with its originals, by whose names the reports know their photos.
        reports: The reports, without personal data.
        index: Index of the logos; None shows none.
    """
    for name in ("pages", "crops", "register"):
        private_folder(data / name)
    logos: dict[tuple[str, str], None] = {}
    for number, report in enumerate(reports, 1):
        page = make_page(report, data / "originals", index, None)
        atomic_write(data / "pages" / f"{number}.html", page.html.encode(), durable=False)
        for place, (group, crop) in enumerate(zip(page.groups, page.crops, strict=True), 1):
            logos[group.best.brand, group.best.logo] = None
            if crop.crop is not None:
                atomic_write(data / "crops" / f"{number}-{place}.jpg", crop.crop, durable=False)
    rows = []
    for number, (brand, logo) in enumerate(sorted(logos) if index is not None else (), 1):
        assert index is not None
        row = _logo(data / "register", number, brand, logo, index)
        if row is not None:
            rows.append(row)
    atomic_write(data / "register" / "logos.json", (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())


def _logo(folder: Path, number: int, brand: str, logo: str, index: LogoIndex) -> dict[str, str | None] | None:
    """Write one logo, and return whose it is, with the pack whose word that is."""
    sha256 = next((r.sha256 for r in index.logos if r.brand == brand and r.id == logo), None)
    if sha256 is None:
        return None
    pack = index.packs.of_logo(brand, logo, sha256)
    row = {"brand": brand, "logo": logo, "file_sha256": sha256, "pack": None if pack is None else pack.name}
    try:
        rgba = index.logo_image(brand, logo)
    except LogoscanError:
        rgba = None
    if rgba is None:
        return {**row, "image": None}
    png = io.BytesIO()
    Image.fromarray(rgba).save(png, "PNG")
    atomic_write(folder / f"{number}.png", png.getvalue(), durable=False)
    return {**row, "image": f"{number}.png"}

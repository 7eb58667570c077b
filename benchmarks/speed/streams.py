"""Photos of folders, and streams of listings made of them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from PIL import Image

from logoscan.scan.scanner import Scanner
from logoscan.text.words import is_word
from logoscan.types import Listing

# Suffixes of the files that are photos.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# Quality of scaled photos.
_JPEG_QUALITY = 88
# Listings that are scanned before a stream is timed.
_WARM = 8
EDGE = 24
"""Photos before and after those that are timed, where several batches are in work: as many as two processes have."""


def photos_of(folders: Sequence[Path], limit: int, long_side_px: int | None = None) -> list[Path]:
    """Draw `limit` photos, as many from each folder, in an order that mixes them.

    Args:
        folders: Folders of photos.
        limit: Number of photos.
        long_side_px: Long side to which they are scaled, in files that the command that is run deletes at its end; None
            takes them as they are.
    """
    rng, share = random.Random(0), -(-limit // len(folders))
    drawn = []
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not files:
            raise click.ClickException(f"--images: expected photos, got none in {folder}")
        drawn.append(rng.sample(files, min(share, len(files))))
    mixed = [file for row in zip(*drawn, strict=False) for file in row]
    if long_side_px is None:
        return mixed[:limit]
    scaled = Path(click.get_current_context().with_resource(TemporaryDirectory(prefix="logoscan-photos-")))
    return [_scaled(file, scaled / f"{i}.jpg", long_side_px) for i, file in enumerate(mixed[:limit])]


def _scaled(file: Path, out: Path, long_side_px: int) -> Path:
    """Write a photo scaled to this long side as a JPEG, of about the size of those that sellers upload."""
    with Image.open(file) as opened:
        photo = opened.convert("RGB")
    scale = long_side_px / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    photo.resize(size, Image.Resampling.BICUBIC).save(out, quality=_JPEG_QUALITY)
    return out


def warm(scanner: Scanner, listings: Sequence[Listing], workers: int | None = None) -> None:
    """Load what loads at first use, the lists of words too, which wait for the first photo with text."""
    list(scanner.scan_many(listings, workers=workers, deduplicate=False))
    is_word("")


def seconds_a_photo(
    scanner: Scanner,
    files: Sequence[Path],
    workers: int | None,
    begin: Callable[[], None] = lambda: None,
    *,
    edge: int = 0,
) -> float:
    """Time a stream of listings of one photo each.

    Args:
        scanner: Scans them.
        files: A photo of each listing.
        workers: Batches side by side; None: a core each.
        begin: Called when a few have been scanned before.
        edge: Photos that come before those that are timed, and after them, so that neither models that are loaded nor
            work that was begun before, or lacks at the end, counts.
    """
    around = [files[i % len(files)] for i in range(edge)]
    listings = [Listing(str(i), images=(file,)) for i, file in enumerate([*around, *files, *around])]
    warm(scanner, listings[:_WARM], 1)
    begin()
    start = end = time.perf_counter()
    for i, report in enumerate(scanner.scan_many(listings, workers=workers, deduplicate=False), 1):
        if report.warnings:
            raise click.ClickException(f"{report.images[0].file}: {report.warnings[0]}")
        if i == edge:
            start = time.perf_counter()
        if i == edge + len(files):
            end = time.perf_counter()
    return (end - start) / len(files)

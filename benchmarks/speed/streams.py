"""Photos of folders, and streams of listings made of them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from logoscan.scan.scanner import Scanner
from logoscan.text.words import is_word
from logoscan.types import Listing

# Suffixes of the files that are photos.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
# Listings that are scanned before a stream is timed.
_WARM = 8


def photos_of(folders: Sequence[Path], limit: int) -> list[Path]:
    """Draw `limit` photos, as many from each folder, in an order that mixes them."""
    rng, share = random.Random(0), -(-limit // len(folders))
    drawn = []
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not files:
            raise click.ClickException(f"--images: expected photos, got none in {folder}")
        drawn.append(rng.sample(files, min(share, len(files))))
    mixed = [file for row in zip(*drawn, strict=False) for file in row]
    return mixed[:limit]


def warm(scanner: Scanner, listings: Sequence[Listing], workers: int | None = None) -> None:
    """Load what loads at first use, the lists of words too, which wait for the first photo with text."""
    list(scanner.scan_many(listings, workers=workers, deduplicate=False))
    is_word("")


def seconds_a_photo(
    scanner: Scanner, files: Sequence[Path], workers: int | None, begin: Callable[[], None] = lambda: None
) -> float:
    """Time a stream of listings of one photo each.

    Args:
        scanner: Scans them.
        files: A photo of each listing.
        workers: Batches side by side; None: a core each.
        begin: Called when a few have been scanned before.
    """
    listings = [Listing(str(i), images=(file,)) for i, file in enumerate(files)]
    warm(scanner, listings[:_WARM], workers)
    begin()
    start = time.perf_counter()
    for report in scanner.scan_many(listings, workers=workers, deduplicate=False):
        if report.warnings:
            raise click.ClickException(f"{report.images[0].file}: {report.warnings[0]}")
    return (time.perf_counter() - start) / len(files)

"""Photos of a folder by their file names."""

from __future__ import annotations

from pathlib import Path

import click

# Suffixes of the files that are photos.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def photo_files(folder: Path, last: int | None = None) -> list[Path]:
    """List the photos in a folder and below it, in the order of their names.

    Args:
        folder: Folder of photos.
        last: Keeps so many photos from the end of the order; None keeps all.

    Raises:
        click.ClickException: There is no photo.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise click.ClickException(f"expected photos, got none in {folder}")
    return files if last is None else files[-last:]

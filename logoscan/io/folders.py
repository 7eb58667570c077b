"""The photos of a folder and of the folders in it, known by their content, and what was left out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from logoscan.errors import ImageError
from logoscan.io.records import keys_for_log
from logoscan.sources import HEAD_BYTES, PHOTO_SUFFIXES, kind_of, read_head, resolve_under

__all__ = ["photo_names"]

logger = logging.getLogger(__name__)

# What systems and archivers leave behind; nobody misses these. So are hidden files, AppleDouble's "._x" among them.
_NOBODYS_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_NOBODYS_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
# Of the files that were left out; the rest is counted.
_MOST_NAMED = 10


def photo_names(folder: Path) -> Iterator[str]:
    """Names of the photos below a folder, relative to it, in order.

    A file is a photo by its suffix, and then whatever it holds, so that one that is damaged is not lost; any other file
    is one by its first bytes. Links that lead out, folders behind links and everything else that is left out is told
    in one line of the log, at the end.

    Args:
        folder: Must be there.
    """
    left_out: list[str] = []
    count = 0
    for name, why in _entries(folder):
        why = why or _why_no_photo(folder, name)
        if why is None:
            yield name
            continue
        count += 1
        if len(left_out) < _MOST_NAMED:
            left_out.append(f"{name} ({why})")
    if count:
        files = "1 file was" if count == 1 else f"{count} files were"
        more = f", and {count - len(left_out)} more" if count > len(left_out) else ""
        logger.warning("%s: %s left out: %s%s", keys_for_log([folder.name]), files, keys_for_log(left_out), more)


def _entries(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Names of files, folder by folder, each with a reason where it cannot be looked into."""
    waiting: list[Iterator[tuple[str, str | None, bool]]] = [_listed(folder, "")]
    while waiting:
        try:
            name, why, is_folder = next(waiting[-1])
        except StopIteration:
            waiting.pop()
            continue
        if is_folder:
            waiting.append(_listed(folder, f"{name}/"))
        else:
            yield name, why


def _listed(folder: Path, prefix: str) -> Iterator[tuple[str, str | None, bool]]:
    """What one folder holds: names, reasons, and whether it is a folder to be walked."""
    try:
        with os.scandir(folder / prefix) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield prefix, f"cannot be read: {error.strerror}", False
        return
    for entry in entries:
        name, low = prefix + entry.name, entry.name.lower()
        try:
            linked, is_folder, is_file = entry.is_symlink(), entry.is_dir(), entry.is_file()
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}", False
            continue
        if low.startswith(".") or low in (_NOBODYS_FOLDERS if is_folder else _NOBODYS_FILES):
            continue
        if is_folder:
            yield name, "a link to a folder" if linked else None, not linked
        else:
            yield name, None if is_file else "a link to nothing" if linked else "no file", False


def _why_no_photo(folder: Path, name: str) -> str | None:
    """None for a photo."""
    try:
        if (folder / name).is_symlink():
            resolve_under(folder, name)
        if Path(name).suffix.lower() in PHOTO_SUFFIXES:
            return None
        return "no photo" if kind_of(read_head(name, folder, HEAD_BYTES)) is None else None
    except ImageError as error:
        return "leads out of the folder" if "leads out" in str(error) else "cannot be read"

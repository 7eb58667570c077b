"""The photos of a folder and its subfolders, recognised by suffix or content."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from logoscan._quote import listed
from logoscan.errors import ImageError
from logoscan.sources import HEAD_BYTES, PHOTO_SUFFIXES, kind_of, read_head, resolve_under

__all__ = ["photo_names"]

logger = logging.getLogger(__name__)

# What systems and archivers leave behind: it is left out without a word, as are hidden files (AppleDouble's "._x" too).
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
# So many of the files that were left out are named in the log; the others are counted.
_MOST_NAMED = 10


def photo_names(folder: Path) -> Iterator[str]:
    """Yield the names of the photos below a folder, relative to it, in order.

    A file is a photo if it has the suffix of one, whatever it holds, so that a damaged photo is not lost; or if its
    first bytes are those of a photo. What is left out, such as links that lead out of the folder and links to folders,
    is logged in one line at the end.

    Args:
        folder: An existing folder.
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
        logger.warning("%s: %s left out: %s%s", listed([folder.name]), files, listed(left_out, None), more)


def _entries(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the names of files, folder by folder, each with the reason why it is left out, or None."""
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
    """Yield the entries of one folder: name, reason why it is left out or None, and whether it is a folder to walk."""
    try:
        with os.scandir(folder / prefix) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
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
        if low.startswith(".") or low in (_SYSTEM_FOLDERS if is_folder else _SYSTEM_FILES):
            continue
        if is_folder:
            yield name, "a link to a folder" if linked else None, not linked
        else:
            yield name, None if is_file else "a link to nothing" if linked else "no file", False


def _why_no_photo(folder: Path, name: str) -> str | None:
    """Return the reason why a file is left out; None for a photo."""
    try:
        if (folder / name).is_symlink():
            resolve_under(folder, name)
        if Path(name).suffix.lower() in PHOTO_SUFFIXES:
            return None
        return "no photo" if kind_of(read_head(name, folder, HEAD_BYTES)) is None else None
    except ImageError as error:
        return "leads out of the folder" if "leads out" in str(error) else "cannot be read"

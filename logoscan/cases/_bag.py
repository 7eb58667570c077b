"""BagIt folders (RFC 8493): written byte by byte, and verified by their bytes and by the bagit library.

bagit's own writer changes the working directory of the process, so that only its reader is used. Knows files and
hashes; knows nothing of what a bag is about.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from logoscan._extras import import_extra
from logoscan._hashing import file_sha256
from logoscan._version import __version__
from logoscan.io.files import atomic_write

__all__ = ["PAYLOAD", "TAGS", "bag_problems", "write_manifests", "write_tagmanifest"]

PAYLOAD, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
"""Files with the SHA-256 of each file of the payload, and of each other file."""
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def _files(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the path of all that is no folder, sorted, and whether it is a plain file; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if (Path(place) / one).is_symlink())]):
            path = Path(place) / name
            yield path.relative_to(folder).as_posix(), path.is_file() and not path.is_symlink()


def _lines(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items())).encode()


def write_manifests(folder: Path, info: Mapping[str, str]) -> None:
    """Write the tag files of a folder whose payload lies in `data/`; other tag files may be added after it.

    Args:
        folder: The folder.
        info: Lines of `bag-info.txt`, each of one line.
    """
    payload = {name: file_sha256(folder / name) for name, _ in _files(folder) if name.startswith("data/")}
    size = sum((folder / name).stat().st_size for name in payload)
    lines = {
        **info,
        "Bag-Software-Agent": f"logoscan {__version__}",
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "Payload-Oxum": f"{size}.{len(payload)}",
    }
    atomic_write(folder / "bagit.txt", _DECLARATION)
    text = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in sorted(lines.items()))
    atomic_write(folder / "bag-info.txt", text.encode())
    atomic_write(folder / PAYLOAD, _lines(payload))


def write_tagmanifest(folder: Path) -> None:
    """Write the hashes of the tag files, after the last of them."""
    tags = {name: file_sha256(folder / name) for name, _ in _files(folder) if not name.startswith("data/")}
    tags.pop(TAGS, None)
    atomic_write(folder / TAGS, _lines(tags))


def bag_problems(folder: Path) -> list[str]:
    """Return what is wrong with a bag, each with the name of its file; nothing of a whole one.

    Every byte counts: the manifests must be exactly those of the files.

    Raises:
        MissingDependencyError: bagit is not installed.
    """
    plain = dict(_files(folder))
    out = [f"{name}: expected a file, got a link or a device" for name, is_plain in plain.items() if not is_plain]
    if out:
        return out
    for manifest, is_payload in ((TAGS, False), (PAYLOAD, True)):
        if manifest not in plain:
            out.append(f"{manifest}: missing")
            continue
        names = [name for name in plain if name.startswith("data/") == is_payload and name != TAGS]
        now = {name: file_sha256(folder / name) for name in names}
        stored = (folder / manifest).read_bytes()
        if stored == _lines(now):
            continue
        then = _parsed(stored)
        out += [f"{name}: altered, or its line in {manifest} is" for name in sorted(now.keys() & then.keys())
                if now[name] != then[name]]  # fmt: skip
        out += [f"{name}: missing, though {manifest} lists it" for name in sorted(then.keys() - now.keys())]
        out += [f"{name}: not listed in {manifest}" for name in sorted(now.keys() - then.keys())]
        out.append(f"{manifest}: does not state the files that are there")
    return out or _by_bagit(folder)


def _parsed(manifest: bytes) -> dict[str, str]:
    out = {}
    for line in manifest.decode("utf-8", "replace").splitlines():
        sha256, _, name = line.partition("  ")
        out[name] = sha256
    return out


def _by_bagit(folder: Path) -> list[str]:
    bagit = import_extra("bagit", "leads")
    try:
        bagit.Bag(str(folder)).validate()
    except bagit.BagError as error:
        return [f"bag: {error}"]
    return []

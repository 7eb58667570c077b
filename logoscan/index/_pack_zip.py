"""The container of a brand pack: a zip of which each byte is determined by its members, so that nothing can hide in it.

Members are stored, not compressed, in the order of their names, without dates, comments and extra fields. What is read
must be exactly what would be written: no duplicate, no link, no byte before, between or after the members.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from logoscan._quote import cause, quoted
from logoscan.errors import CorruptFileError, InputError
from logoscan.index.logo_images import LOGO_SUFFIXES

__all__ = ["BRAND", "LOGOS", "MANIFEST", "MOST_BYTES", "NEGATIVES", "is_member", "read_file", "read_members",
           "write_members"]  # fmt: skip

MANIFEST = "manifest.dsse.json"
"""Member with the signed manifest."""
BRAND = "brand.json"
"""Member with the facts of the brand."""
LOGOS, NEGATIVES = "logos/", "negatives/"
MOST_BYTES = 64 << 20
"""Bytes of a pack."""

# Members of a pack: as many logos and negatives as a brand may have, and two files.
_MOST_MEMBERS = 2002
# Bytes of the list of members at the end: each has 46 and its name.
_MOST_LIST_BYTES = _MOST_MEMBERS * (46 + 256)
_END = struct.Struct("<4s4H2LH")
_PICTURE = re.compile(r"(?:logos|negatives)/(?!\.)[^/\\\x00-\x1f\x7f]{1,200}")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_member(name: str) -> bool:
    """Return whether a pack may have a member of this name."""
    if name in (MANIFEST, BRAND):
        return True
    return _PICTURE.fullmatch(name) is not None and name.lower().endswith(LOGO_SUFFIXES)


def write_members(members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a pack."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, 0o100600 << 16
            archive.writestr(info, data)
    return memory.getvalue()


def read_file(path: Path) -> dict[str, bytes]:
    """Return the members of the pack of a file; nothing is unpacked to disk.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It is no pack.
    """
    if not path.is_file():
        raise InputError(f"pack: expected a file, got {str(path)!r}")
    with path.open("rb") as file:
        return read_members(file.read(MOST_BYTES + 1), str(path))


def read_members(data: bytes, where: str) -> dict[str, bytes]:
    """Return the members of a pack; nothing is unpacked to disk.

    Args:
        data: Bytes of the pack.
        where: Name of the pack, for errors.

    Raises:
        CorruptFileError: It is larger than a pack, no such zip, or has something that `write_members` does not write.
    """
    if len(data) > MOST_BYTES:
        raise CorruptFileError(f"{where}: expected at most {MOST_BYTES} bytes, got {len(data)}")
    if len(data) < _END.size or data[-_END.size : -_END.size + 4] != b"PK\x05\x06":
        raise CorruptFileError(f"{where}: expected a brand pack, got something else")
    _, _, _, _, count, list_bytes, _, _ = _END.unpack(data[-_END.size :])
    if count > _MOST_MEMBERS or list_bytes > _MOST_LIST_BYTES:
        raise CorruptFileError(f"{where}: expected at most {_MOST_MEMBERS} members, got {count} or a longer list")
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if not is_member(info.filename) or info.orig_filename != info.filename:
                    raise CorruptFileError(f"{where}: expected the members of a pack, got {quoted(info.orig_filename)}")
                if info.filename in members:
                    raise CorruptFileError(f"{where}: expected each member once, got {quoted(info.filename)} twice")
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data) or info.flag_bits & ~0x800:
                    raise CorruptFileError(f"{where}: expected stored members, got {quoted(info.filename)} otherwise")
                members[info.filename] = archive.read(info)
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, KeyError, EOFError, OSError, RuntimeError,
            NotImplementedError, UnicodeError) as error:  # fmt: skip
        raise CorruptFileError(f"{where}: expected a brand pack, got a damaged zip ({cause(error)})") from None
    if write_members(members) != data:
        raise CorruptFileError(f"{where}: expected no other byte than those of its members, got more")
    return members

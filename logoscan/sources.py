"""Files of photos: where a file name may lead, how such a file is opened, and its format by its first bytes.

Records (listings, reports) only name files, and their author may be hostile: names stay below a root, the current
folder if none is given. Nothing is decoded here.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from enum import Enum
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

from logoscan._quote import quoted
from logoscan.errors import ImageError, InputError

__all__ = ["ANYWHERE", "NameBelow", "Root", "kind_of", "read_bytes", "read_head", "resolve_under"]


class _Anywhere(Enum):
    ANYWHERE = "anywhere"

    def __repr__(self) -> str:
        return "ANYWHERE"


ANYWHERE: Final = _Anywhere.ANYWHERE
"""A root that confines nothing: files are opened wherever their names lead. For names that you wrote yourself."""
Root: TypeAlias = str | Path | Literal[_Anywhere.ANYWHERE] | None
"""The folder that names of files are relative to and may not leave.

None is the folder that a name knows (as names of `read_listings` do), otherwise the current folder. With None a
`pathlib.Path` is opened wherever it leads: it cannot come from a file of listings, so that a program made it.
"""

PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".avif", ".bmp", ".dib", ".tif", ".tiff", ".mpo",
    ".heic", ".heif", ".hif",
)  # fmt: skip
"""Suffixes of photos, in lower case; a file with another suffix is recognised by its content."""

# Bytes from which `kind_of` recognises every format.
HEAD_BYTES = 64

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_GENERAL_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"miaf"})
# Linux's limit. To follow a path of half a million steps takes hours.
_MOST_PATH_CHARS = 4096
# A URL, whose scheme has two letters or more, since one letter is a drive: "C:/photo.jpg".
_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:(?://|\\\\)|data:|blob:|javascript:|mailto:)", re.IGNORECASE)
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A pipe is not waited for, and no terminal becomes the process's own.
_FILE_FLAGS = _FLAGS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
# Whether folders can be walked by descriptors, so that none can be exchanged for a link on the way; not on Windows.
_CAN_WALK = bool(_NOFOLLOW) and hasattr(os, "O_DIRECTORY") and os.open in os.supports_dir_fd


class NameBelow(str):
    """The name of a file in a source of listings, which knows the folder that it is relative to.

    It equals the plain name. A root that is given when it is opened takes precedence over the folder.

    Attributes:
        folder: Folder in which a Scanner without a root opens the file, and which the name may not leave.
    """

    folder: Path

    def __new__(cls, name: str, folder: Path) -> NameBelow:
        """Bind a name to its folder."""
        bound = super().__new__(cls, name)
        bound.folder = folder
        return bound

    def __getnewargs__(self) -> tuple[str, Path]:  # type: ignore[override]
        """Return both for copies and for other processes."""
        return str(self), self.folder


def resolve_under(root: Path, name: str) -> Path:
    """Return the path of the file `name` below `root`, with links followed.

    Raises:
        ImageError: `name` is absolute, climbs out of the root, or is a link that leads out of it.
    """
    _check_length(name)
    try:
        base = root.resolve()
        path = (base / name).resolve()
    except (ValueError, OSError, RuntimeError) as error:
        raise ImageError(f"image path: expected a file below the root, got {quoted(name, 300)} ({error})") from None
    if Path(name).is_absolute() or not path.is_relative_to(base):
        raise ImageError(f"image path: expected a file below the root, got {quoted(name, 300)}, which leads out of it")
    return path


def _check_length(name: str) -> None:
    if len(name) > _MOST_PATH_CHARS:
        raise ImageError(f"image path: expected at most {_MOST_PATH_CHARS} characters, got {len(name)}")


def check_root(root: Root) -> None:
    """Refuse a value that is no root.

    Raises:
        InputError: It is of another type.
    """
    if root is not None and not isinstance(root, (str, Path, _Anywhere)):
        raise InputError(f"root: expected a folder, ANYWHERE or None, got {type(root).__name__}")


def base_of(source: str | Path, root: Root) -> Path | None:
    """Return the folder that a file has to lie in; None where it may lie anywhere."""
    check_root(root)
    if isinstance(root, (str, Path)):
        return Path(root)
    if root is ANYWHERE or isinstance(source, Path):
        return None
    return source.folder if isinstance(source, NameBelow) else Path()


def read_bytes(source: str | Path, root: Root, most: int) -> bytes:
    """Return the content of a regular file, which is opened once and checked by its descriptor.

    Args:
        source: Name or path of the file.
        root: Folder that it has to lie in, with links followed.
        most: Most bytes that it may have.

    Raises:
        ImageError: The file is missing, no regular file, outside of the root, empty or too large; or the name is a URL.
    """
    if isinstance(source, str) and _URL.match(source):
        raise ImageError(f"image path: expected a file, got {quoted(source, 300)}; logoscan fetches no URLs")
    name = short_name(source)
    try:
        with _opened(source, root) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise ImageError(f"{name}: expected at most {most} bytes, got more")
            data = file.read(most + 1)
    except FileNotFoundError:
        raise ImageError(f"{name}: no such image file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ImageError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if len(data) > most:
        raise ImageError(f"{name}: expected at most {most} bytes, got more")
    return data


def read_head(source: str | Path, root: Root, count: int) -> bytes:
    """Return the first `count` bytes of a file of any size; all of them where it has fewer.

    Raises:
        ImageError: The file is no regular file, cannot be read, or lies outside of the root.
    """
    try:
        with _opened(source, root) as file:
            return file.read(count)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ImageError(
            f"{short_name(source)}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None


def _opened(source: str | Path, root: Root) -> IO[bytes]:
    """Open a regular file below its root, or wherever it lies without one."""
    base = base_of(source, root)
    if base is None:
        folder = source.folder if isinstance(source, NameBelow) else Path()
        descriptor = os.open(folder / source, _FILE_FLAGS)
    else:
        descriptor = _open_below(base, source, given=root is not None)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ImageError(f"{short_name(source)}: no such image file, but something else of this name")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def short_name(source: str | Path) -> str:
    """Return the last part of a path for messages and logs: at most 120 characters, all printable."""
    try:
        name = Path(source).name or str(source)
    except ValueError:
        name = str(source)
    return name[:120] if name.isprintable() else repr(name)[:120]


def _open_below(base: Path, source: str | Path, *, given: bool) -> int:
    """Open a file below a folder, even while others exchange parts of its path, and return its descriptor."""
    try:
        path = resolve_under(base, str(source))
    except ImageError as error:
        if given:
            raise
        raise ImageError(f"{error}; pass another root, or root=ANYWHERE, or a pathlib.Path of your own") from None
    real = base.resolve()
    parts = path.relative_to(real).parts
    if not _CAN_WALK or not parts:
        return _open_and_compare(base, source, path)
    folder = os.open(real, _FLAGS | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:  # the path is resolved, so that none is a link, unless it became one just now
            inner = os.open(part, _FLAGS | os.O_DIRECTORY | _NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE_FLAGS | _NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _open_and_compare(base: Path, source: str | Path, path: Path) -> int:
    """Open a file where folders have no descriptors: check that the name still leads to what was opened."""
    descriptor = os.open(path, _FILE_FLAGS)
    try:
        again = resolve_under(base, str(source))
        if not os.path.samestat(os.fstat(descriptor), os.lstat(again)):
            raise ImageError(f"{short_name(path)}: was exchanged while it was opened")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _brands(data: bytes) -> tuple[bytes, frozenset[bytes]]:
    """Return the major brand of an ISO base media file, and its compatible brands; empty for other files."""
    if data[4:8] != b"ftyp":
        return b"", frozenset()
    end = min(len(data), struct.unpack(">I", data[:4])[0], 1024)
    return data[8:12], frozenset(data[at : at + 4] for at in range(16, end - 3, 4))


def is_avif(data: bytes) -> bool:
    """Return whether a file, or its first bytes, is an AVIF by its brands."""
    major, others = _brands(data)
    return major in _AVIF_BRANDS or (major in _GENERAL_BRANDS and bool(others & _AVIF_BRANDS))


def is_heif(data: bytes) -> bool:
    """Return whether a file, or its first bytes, is a HEIC or HEIF by its brands, and no AVIF."""
    major, others = _brands(data)
    return major in _HEIF_BRANDS or (major in _GENERAL_BRANDS and not others & _AVIF_BRANDS)


def kind_of(head: bytes) -> str | None:
    """Return the format of a file by its first bytes, one of `formats.FORMATS`; None for any other file."""
    for start, kind in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
    ):
        if head.startswith(start):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and head[14:18] in {struct.pack("<I", n) for n in (12, 40, 52, 56, 64, 108, 124)}:
        return "BMP"
    return "AVIF" if is_avif(head) else "HEIC" if is_heif(head) else None

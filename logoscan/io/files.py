"""Files that are written whole or not at all, are readable for their owner alone, and cannot be planted by others.

Temporary files are always new (`O_EXCL`), so that what lies in their place is never written to: not a link, not a file
of another account, not one that somebody else holds open. Locks are those of filelock; works on Windows too.
"""

from __future__ import annotations

import errno
import glob
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.errors import InputError, LogoscanError

__all__ = [
    "atomic_write",
    "create",
    "file_mode",
    "held",
    "lock_at",
    "lock_beside",
    "open_own",
    "private_folder",
    "require_file_place",
    "sync_folder",
]

_PRIVATE = 0o600
_mode: ContextVar[int] = ContextVar("logoscan_file_mode", default=_PRIVATE)
# Longer than any holder needs: a verdict loads the models, a ledger of a million photos is written.
_LOCK_S = 120.0
# File systems take names of 255 bytes: `.` before it, a random part and `.tmp` after it must fit.
_LONGEST_NAME_BYTES = 200
# No link is followed, and no child process inherits the file.
_SAFE_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
# A pipe is not waited for.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
# Seconds after its last change from which a temporary file is a killed writer's: a living one writes all at once.
_ABANDONED_S = 3600.0


# -- who may read


@contextmanager
def file_mode(mode: int) -> Iterator[None]:
    """Write the files of a `with` block, in this thread, with another mode than 0600; folders get the same rights.

    Args:
        mode: Mode of the files, for example 0o640: the owner can always read and write, and no one can execute.

    Raises:
        InputError: It is no such mode.
    """
    if not isinstance(mode, int) or mode & ~0o666 or mode & _PRIVATE != _PRIVATE:
        raise InputError(f"mode: expected one from 0600 to 0666, got {quoted(mode)}")
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def private_folder(folder: Path) -> Path:
    """Make a folder and those above it, for the owner alone unless `file_mode` says more, and return it.

    Folders that exist stay as they are.
    """
    missing = []
    for place in (folder, *folder.parents):
        if place.exists():
            break
        missing.append(place)
    mode = _mode.get()
    for place in reversed(missing):
        with suppress(FileExistsError):  # another process made it meanwhile
            place.mkdir(0o700)
            if mode != _PRIVATE:
                place.chmod(mode | (mode & 0o444) >> 2)
    folder.mkdir(exist_ok=True)  # raises where a file is in the way
    return folder


def _give_mode(descriptor: int) -> None:
    """Set the mode of `file_mode` where the file has another one and the file system has modes."""
    if hasattr(os, "fchmod") and stat.S_IMODE(os.fstat(descriptor).st_mode) != _mode.get():
        with suppress(OSError):
            os.fchmod(descriptor, _mode.get())


def create(path: Path) -> IO[bytes]:
    """Make a new file, for the owner alone unless `file_mode` says more, and return it open for reading and writing.

    Raises:
        FileExistsError: Something of this name exists, even a link that leads nowhere.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS, _PRIVATE)
    try:
        _give_mode(descriptor)
        return os.fdopen(descriptor, "r+b")
    except BaseException:
        os.close(descriptor)
        raise


# -- what is in the way


def require_file_place(path: Path, owner: str = "path") -> None:
    """Refuse a path at which no file can be written.

    Args:
        path: Path of the file.
        owner: Name of the argument, for errors.

    Raises:
        InputError: The folder does not exist, or the path is that of a folder, a pipe or a device.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"{owner}: expected a file in an existing folder, got {str(path)!r}")
    if path.exists() and not path.is_file():
        raise InputError(f"{owner}: expected a file, got {str(path)!r}, which is a pipe or a device")


def _is_ours(status: os.stat_result) -> bool:
    """Return whether a file is a plain one of this account's that has no second name."""
    ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return ours and stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def open_own(path: Path) -> IO[bytes]:
    """Open a file for reading and writing that this account wrote before, or make it.

    Raises:
        InputError: It is a link, a pipe, another account's, or has a second name: another could write to it.
    """
    with suppress(FileExistsError):
        return create(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.is_symlink():
        descriptor = os.open(path, os.O_RDWR | _SAFE_FLAGS | _NONBLOCK)
        try:
            if _is_ours(os.fstat(descriptor)):
                _give_mode(descriptor)
                return os.fdopen(descriptor, "r+b")
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise InputError(
        f"{path}: expected a plain file of this account's, with one name, got a link, a pipe or another's file; "
        "look where it comes from and remove it"
    )


# -- locks


def lock_at(path: Path) -> FileLock:
    """Return the lock that a file stands for; the file stays, and `held` takes the lock."""
    return FileLock(path, mode=_mode.get())


def lock_beside(path: Path) -> FileLock:
    """Return the lock of a file: `.NAME.lock` beside it."""
    return lock_at(path.with_name(f".{path.name}.lock"))


@contextmanager
def held(lock: FileLock, timeout_s: float | None = None) -> Iterator[None]:
    """Hold a lock in a `with` block; may be nested.

    Args:
        lock: Lock of `lock_at` or `lock_beside`.
        timeout_s: Seconds to wait for it; None is two minutes.

    Raises:
        LogoscanError: Another process holds it for longer.
    """
    limit_s = _LOCK_S if timeout_s is None else timeout_s
    try:
        lock.acquire(timeout=limit_s)
    except Timeout:
        raise LogoscanError(
            f"{lock.lock_file}: held by another process for more than {limit_s:g} s; wait for it, or end it"
        ) from None
    try:
        yield
    finally:
        lock.release()


# -- writing


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    if sys.platform == "win32":  # Windows cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(temporary: Path) -> None:
    """Remove a temporary file that a killed writer left: ours, plain, and not written to for an hour."""
    with suppress(OSError):  # it has its final name by now, or another system does not remove open files
        status = temporary.stat(follow_symlinks=False)
        if _is_ours(status) and time.time() - status.st_mtime > _ABANDONED_S:
            temporary.unlink()


def _temporary(path: Path) -> tuple[IO[bytes], Path]:
    """Make a new file beside `path`, and return it with its path.

    The name is `.NAME.tmp`. Where such a file exists, from another writer or a killed one, abandoned files are removed,
    and the name also has a random part.
    """
    short = len(os.fsencode(path.name)) <= _LONGEST_NAME_BYTES
    stem = path.name if short else sha256_hex(os.fsencode(path.name))
    usual = path.with_name(f".{stem}.tmp")
    with suppress(FileExistsError):
        return create(usual), usual
    for leftover in (usual, *path.parent.glob(f".{glob.escape(stem)}.*.tmp")):
        _remove_abandoned(leftover)
    other = path.with_name(f".{stem}.{secrets.token_hex(8)}.tmp")
    return create(other), other


def atomic_write(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash, finds the old or the new one, never a part.

    A link is replaced by the file. Of several writers at the same time, the last one wins. Only the owner may read the
    file, unless `file_mode` says more. No other writer is waited for.

    Args:
        path: Path of the file.
        data: Bytes to write.
        durable: Whether to wait until the disk has it. Thousands of files that can be made again need not; after a
            power cut they may be empty.

    Raises:
        InputError: `path` is a pipe or a device.
        OSError: The file could not be written; the old one is still there, and no temporary file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        require_file_place(path)
    try:
        file, temporary = _temporary(path)
        with file:
            try:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
                if not _is_at(file.fileno(), temporary):
                    raise FileNotFoundError(errno.ENOENT, "the temporary file was removed meanwhile", str(path))
                if sys.platform == "win32":  # Windows cannot move open files
                    file.close()
                temporary.replace(path)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if error.filename is None or error.filename2 is not None or str(error.filename).endswith(".tmp"):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise

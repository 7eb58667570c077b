"""Files that are written whole or not at all, that only their owner reads, and that others cannot slip in.

Temporary files are made anew (`O_EXCL`), so that what lies in their place is never written to: not a link, not a file
of another account, not one that somebody else holds open or locked. Runs where there is no `fcntl`, too.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

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
# Longer than the longest rightful hold: a verdict loads the models, a ledger of a million photos is written.
_LOCK_S = 120.0
# File systems take 255 bytes; `.` before, a token and `.tmp` after must fit.
_LONGEST_NAME = 200
_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_UNBLOCKED = getattr(os, "O_NONBLOCK", 0)
_TRIES = 8


# -- who may read


@contextmanager
def file_mode(mode: int) -> Iterator[None]:
    """Give files that are written meanwhile, by this thread, another mode than 0600; folders get its like.

    Args:
        mode: For example 0o640: the owner reads and writes, nobody may execute.

    Raises:
        InputError: It is no such mode.
    """
    if not isinstance(mode, int) or mode & ~0o666 or mode & _PRIVATE != _PRIVATE:
        raise InputError(f"mode: expected one from 0600 to 0666, got {mode!r:.80}")
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def private_folder(folder: Path) -> Path:
    """Make a folder and those above it, for the owner alone unless `file_mode` says more; one that is there stays."""
    missing = []
    for place in (folder, *folder.parents):
        if place.exists():
            break
        missing.append(place)
    mode = _mode.get()
    for place in reversed(missing):
        with suppress(FileExistsError):  # another process was quicker
            place.mkdir(0o700)
            if mode != _PRIVATE:
                place.chmod(mode | (mode & 0o444) >> 2)
    folder.mkdir(exist_ok=True)  # says what is wrong where a file is in the way
    return folder


def _give_mode(descriptor: int) -> None:
    """Set the mode where it is another, as far as the file system has modes."""
    if hasattr(os, "fchmod") and stat.S_IMODE(os.fstat(descriptor).st_mode) != _mode.get():
        with suppress(OSError):
            os.fchmod(descriptor, _mode.get())


def create(path: Path) -> IO[bytes]:
    """Make a file that was not there, for the owner alone unless `file_mode` says more.

    Raises:
        FileExistsError: Something is there, be it a link that leads nowhere.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY, _PRIVATE)
    try:
        _give_mode(descriptor)
        return os.fdopen(descriptor, "r+b")
    except BaseException:
        os.close(descriptor)
        raise


# -- what is in the way


def require_file_place(path: Path, owner: str = "path") -> None:
    """Refuse a place where no file can be put.

    Raises:
        InputError: Its folder is not there, or it is a folder, a pipe or a device; the message begins with `owner`.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"{owner}: expected a file in an existing folder, got {str(path)!r}")
    if path.exists() and not path.is_file():
        raise InputError(f"{owner}: expected a file, got {str(path)!r}, which is a pipe or a device")


def _is_ours(descriptor: int) -> bool:
    """Whether an open file is a plain one of this account's, which has no second name."""
    found = os.fstat(descriptor)
    ours = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return ours and stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def open_own(path: Path) -> IO[bytes]:
    """Open a file for reading and writing that this account wrote before, or make it.

    Raises:
        InputError: It is a link, a pipe, another account's, or has a second name: whoever put it there would write it.
    """
    with suppress(FileExistsError):
        return create(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.is_symlink():
        descriptor = os.open(path, os.O_RDWR | _SAFELY | _UNBLOCKED)
        try:
            if _is_ours(descriptor):
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
    """The lock that a file is, which stays; `held` takes it."""
    return FileLock(path, mode=_mode.get())


def lock_beside(path: Path) -> FileLock:
    """The lock of a file: `.NAME.lock` beside it."""
    return lock_at(path.with_name(f".{path.name}.lock"))


@contextmanager
def held(lock: FileLock, timeout_s: float | None = None) -> Iterator[None]:
    """Hold a lock; may be nested.

    Raises:
        LogoscanError: Somebody else holds it for longer than `timeout_s` (two minutes).
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
    if sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_now(descriptor: int) -> bool | None:
    """Lock a file that nobody else holds; False where somebody does, None where there are no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _removed(temporary: Path) -> bool:
    """Remove what a killed writer left, if it is that: ours, plain, and nobody's at the moment."""
    if sys.platform == "win32":
        try:
            temporary.unlink(missing_ok=True)
        except OSError:  # it is open: somebody is writing it
            return False
        return True
    try:
        descriptor = os.open(temporary, os.O_RDONLY | _SAFELY | _UNBLOCKED)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    try:
        if _is_ours(descriptor) and _lock_now(descriptor):
            if _is_at(descriptor, temporary):  # else it got its name meanwhile
                temporary.unlink()
            return True
        return False
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _temporary(path: Path) -> tuple[IO[bytes], Path]:
    """A new file beside `path` that nobody else writes, and its place.

    Its name is always the same, so that what killed writers leave does not pile up; another one where that is taken.
    """
    short = len(os.fsencode(path.name)) <= _LONGEST_NAME
    stem = path.name if short else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    temporary = path.with_name(f".{stem}.tmp")
    for _ in range(_TRIES):
        try:
            file = create(temporary)
        except FileExistsError:
            if not _removed(temporary):
                for left in path.parent.glob(f".{glob.escape(stem)}.*.tmp"):
                    _removed(left)
                temporary = path.with_name(f".{stem}.{secrets.token_hex(8)}.tmp")
            continue
        if _lock_now(file.fileno()) is not False and _is_at(file.fileno(), temporary):
            return file, temporary
        file.close()  # somebody took it for left behind before it was locked
        temporary = path.with_name(f".{stem}.{secrets.token_hex(8)}.tmp")
    raise LogoscanError(f"{path}: no temporary file could be made beside it in {_TRIES} tries")


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old or the new one, never a part.

    A link is replaced by the file. Of writers at the same time one comes last. Only the owner may read it, unless
    `file_mode` says more. It waits for nobody.

    Raises:
        InputError: `path` is a pipe or a device.
        OSError: It could not be written; the old one is still there, and nothing else.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        require_file_place(path)
    try:
        file, temporary = _temporary(path)
        with file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if sys.platform == "win32":  # an open file cannot be moved there
                    file.close()
                temporary.replace(path)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise
        sync_folder(path.parent)
    except OSError as error:
        if error.filename is None or error.filename2 is not None or str(error.filename).endswith(".tmp"):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise

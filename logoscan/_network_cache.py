"""Compiled networks on disk, so that the next process need not compile them, nor import what builds them.

They lie in the user's cache, `logoscan` below `XDG_CACHE_HOME` or `~/.cache`, some 40 MB for one processor. The
variable `LOGOSCAN_CACHE` names another folder, or is "off". A file counts if it is whole by its hash, is the user's own
and can be written by nobody else; any other is as if it were not there. Root module, private to the package.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from logoscan._hashing import mapping_sha256, sha256_hex

__all__ = ["cache_folder", "read_network", "store_network"]

logger = logging.getLogger(__name__)

VARIABLE = "LOGOSCAN_CACHE"
"""Environment variable that names the folder; "off" keeps nothing on disk."""
# Most files that are kept: those of a few machines, versions and numbers of threads that share a home.
_MOST_FILES = 24
# Names of its files, and of those that are being written: others in the folder are not its own.
_OWN_NAME = re.compile(r"\.?[0-9a-f]{32}\.network(?:\..*\.tmp)?")
# Rights that others than the owner must not have.
_OTHERS_WRITE = 0o022
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def cache_folder() -> Path | None:
    """Return the folder of the cache, which need not exist; None where it is turned off or there is no home."""
    named = os.environ.get(VARIABLE, "")
    if named.strip().lower() == "off":
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "logoscan"
    except RuntimeError:  # nobody's home
        return None


def read_network(identity: Mapping[str, str]) -> tuple[str, bytes] | None:
    """Return the precision and the bytes of a compiled network; None where there is none that can be trusted.

    Args:
        identity: Everything that decides the network: weights, processor, versions.
    """
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / _name(identity)
    try:
        _require_own(folder.stat(), folder)
        with os.fdopen(os.open(path, _READ_FLAGS), "rb") as file:
            _require_own(os.fstat(file.fileno()), path)
            header, blob = json.loads(file.readline()), file.read()
        if header["identity"] != dict(identity) or header["sha256"] != sha256_hex(blob):
            raise ValueError("damaged")
        precision = str(header["precision"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s: not used, the network is compiled again (%s: %s)", path, type(error).__name__, error)
        return None
    with suppress(OSError):
        os.utime(path)  # what is used stays
    return precision, blob


def store_network(identity: Mapping[str, str], precision: str, blob: bytes) -> bool:
    """Keep a compiled network for later processes, and return whether; a cache that cannot be written is only logged.

    Args:
        identity: Everything that decides the network.
        precision: Precision that was chosen for it.
        blob: Bytes of the network.
    """
    folder = cache_folder()
    if folder is None:
        return False
    header = {"identity": dict(identity), "precision": precision, "sha256": sha256_hex(blob)}
    path = folder / _name(identity)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_own(folder.stat(), folder)
        try:
            with os.fdopen(os.open(part, _WRITE_FLAGS, 0o600), "wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + blob)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _forget_oldest(folder)
    except OSError as error:
        logger.info("%s: compiled networks are not kept (%s)", folder, error)
        return False
    return True


def _name(identity: Mapping[str, str]) -> str:
    return f"{mapping_sha256(identity)[:32]}.network"


def _require_own(status: os.stat_result, path: Path) -> None:
    """Refuse what somebody else could have written: a network from disk computes what a stranger wants."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise PermissionError(f"{path.name}: expected a file or a folder")
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & _OTHERS_WRITE):
        raise PermissionError(f"{path.name}: expected one that its owner, this user, alone can write")


def _forget_oldest(folder: Path) -> None:
    """Remove all but the files that were used last, those of killed writers too."""
    files = []
    for path in folder.iterdir():
        if _OWN_NAME.fullmatch(path.name):
            with suppress(FileNotFoundError):  # another process has renamed or removed it
                files.append((path.stat().st_mtime, path))
    for _, path in sorted(files, reverse=True)[_MOST_FILES:]:
        with suppress(OSError):
            path.unlink(missing_ok=True)

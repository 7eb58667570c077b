"""Reviewers' names under a key: equal names stay equal, others differ, and nobody reads who it was.

A name is kept as `reviewer-` and twelve letters of its HMAC-SHA256, by the platform's key or, without one, by a random
secret that lies beside what it names people in, for its owner alone. Which of them it is stands in the same small file,
so that one reviewer never gets two names by two keys: two names count as two people where the index may change. Whoever
has the key, or that file, can tell whether a name that they know is meant, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from logoscan._validate import text
from logoscan.errors import InputError
from logoscan.io.files import file_mode, require_file_place
from logoscan.io.records import read_record, write_record

__all__ = ["Reviewers", "is_pseudonym"]

# No digits: a row of them would look like a phone number.
_LETTERS = "abcdefghjkmnpqrs"
_PREFIX, _LENGTH = "reviewer-", 12
_PSEUDONYM = re.compile(f"{_PREFIX}[{_LETTERS}]{{{_LENGTH}}}")
_LEAST_KEY_BYTES = 16
_SECRET_BYTES = 32


@dataclass(frozen=True)
class _Secret:
    """Content of the small file: the random secret, in hex, or what tells the key without giving it away."""

    secret: str | None = None
    key_check: str | None = None


def is_pseudonym(name: str) -> bool:
    """Return whether a name is one that `Reviewers.name` made."""
    return _PSEUDONYM.fullmatch(name) is not None


class Reviewers:
    """Names reviewers in one journal or log; the first name makes its small file."""

    def __init__(self, file: Path, key: bytes | None = None) -> None:
        """Open the names.

        Args:
            file: The small file, with the random secret or the mark of the key; it need not exist yet.
            key: Secret of the platform, 16 bytes or more; None uses a random one, which the file keeps.

        Raises:
            InputError: The key is too short.
        """
        if key is not None and len(key) < _LEAST_KEY_BYTES:
            raise InputError(f"reviewer_key: expected {_LEAST_KEY_BYTES} bytes or more, got {len(key)} bytes")
        self._file, self._key = file, key
        self._used: bytes | None = None

    @property
    def is_new(self) -> bool:
        """Whether nobody was named yet."""
        return not self._file.exists()

    def name(self, reviewer: str | None) -> str | None:
        """Return what stands for a reviewer; None for nobody. What stands for one already stays as it is.

        Case and blanks around a name do not matter. The caller holds the lock of what the names stand in.

        Raises:
            InputError: The names here are under another key, or under a random secret and a key was given.
            CorruptFileError: The small file is damaged.
        """
        if reviewer is None or is_pseudonym(reviewer):
            return reviewer
        text("reviewer", "name", reviewer)
        number = int.from_bytes(_mac(self._secret(), f"reviewer {reviewer.strip().casefold()}"), "big")
        return _PREFIX + "".join(_LETTERS[number >> 4 * i & 15] for i in range(_LENGTH))

    def _secret(self) -> bytes:
        if self._used is None:
            self._used = self._open()
        return self._used

    def _open(self) -> bytes:
        known = read_record(_Secret, self._file) if self._file.exists() else None
        if known is None:
            require_file_place(self._file, "reviewers")
            used = secrets.token_bytes(_SECRET_BYTES) if self._key is None else self._key
            with file_mode(0o600):  # whoever may read the journal need not know who its reviewers are
                write_record(self._file, _Secret(used.hex()) if self._key is None else _Secret(None, _check(used)))
            return used
        if known.secret is not None:
            if self._key is not None:
                raise InputError(
                    f"{self._file}: reviewers are named by a random secret here: expected no key, got one; with it the "
                    "same people would be others"
                )
            return bytes.fromhex(known.secret)
        if self._key is None or _check(self._key) != known.key_check:
            got = "none" if self._key is None else "another"
            raise InputError(f"{self._file}: reviewers are named by a key here: expected that key, got {got}")
        return self._key


def _check(key: bytes) -> str:
    return _mac(key, "check of the key that names reviewers").hex()[:32]


def _mac(key: bytes, value: str) -> bytes:
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

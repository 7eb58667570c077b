"""Reviewers' names under a key: equal names stay equal, others differ, and nobody reads who it was.

A name is kept as `reviewer-` and twelve letters of its HMAC-SHA256, by the platform's key or, without one, by a random
secret that lies beside what it names people in, for its owner alone. Which of them it is stands in the same small file,
so that one reviewer never gets two names by two keys: two names count as two people where the index may change. Names
by a key end with a mark of the key, so that they can be continued where that file was lost; names by a random secret
cannot. Whoever has the key, or the secret, can tell whether a name that they know is meant, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from logoscan._validate import text
from logoscan.errors import CorruptFileError, InputError, LogoscanError
from logoscan.io.files import file_mode, require_file_place
from logoscan.io.records import read_record, write_record

__all__ = ["Reviewers", "is_pseudonym"]

# No digits: a row of them would look like a phone number.
_LETTERS = "abcdefghjkmnpqrs"
_PREFIX, _LENGTH, _MARK_LENGTH = "reviewer-", 12, 6
_PSEUDONYM = re.compile(f"{_PREFIX}[{_LETTERS}]{{{_LENGTH}}}(?:-([{_LETTERS}]{{{_MARK_LENGTH}}}))?")
_LEAST_KEY_BYTES = 16
_SECRET_BYTES = 32
_KINDS = {
    "secret": re.compile(f"[0-9a-f]{{{2 * _SECRET_BYTES}}}"),
    "key_check": re.compile("[0-9a-f]{32}"),
    "key_mark": re.compile(f"[{_LETTERS}]{{{_MARK_LENGTH}}}"),
}


@dataclass(frozen=True)
class _Secret:
    """Content of the small file: the random secret, in hex, or what tells the key without giving it away.

    Names of before `key_mark` do not end with the mark; a file with `key_check` says so.
    """

    secret: str | None = None
    key_check: str | None = None
    key_mark: str | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _KINDS if getattr(self, name) is not None}
        if len(given) != 1 or not all(_KINDS[name].fullmatch(value) for name, value in given.items()):
            raise InputError("expected a secret of 64 hex digits or the mark of a key, and got neither or both")


def is_pseudonym(name: str) -> bool:
    """Return whether a name is one that `Reviewers.name` made."""
    return _PSEUDONYM.fullmatch(name) is not None


class Reviewers:
    """Names reviewers in one journal or log; the first name makes its small file.

    Attributes:
        is_open: Whether the secret is known, so that `name` can be called.
    """

    def __init__(self, owner: Path, file: Path, key: bytes | None = None) -> None:
        """Keep what is needed; `open` reads the file.

        Args:
            owner: The journal or the folder of the log whose reviewers are named.
            file: The small file, with the random secret or the mark of the key; it need not exist yet.
            key: Secret of the platform, 16 bytes or more; None uses a random one, which the file keeps.

        Raises:
            InputError: The key is too short.
        """
        if key is not None and len(key) < _LEAST_KEY_BYTES:
            raise InputError(f"reviewer_key: expected {_LEAST_KEY_BYTES} bytes or more, got {len(key)} bytes")
        self._owner, self._file, self._key = owner, file, key
        self._used: bytes | None = None
        self._end = ""

    @property
    def is_open(self) -> bool:
        """Whether the secret is known."""
        return self._used is not None

    def open(self, named: Iterable[str]) -> None:
        """Read the small file or make it; the caller holds the lock of what the names stand in.

        Args:
            named: Reviewers that stand there already; they are looked at only where the file does not exist.

        Raises:
            InputError: The names here are under another key, or under a random secret and a key was given.
            CorruptFileError: The small file is damaged, or gone with the secret that names rest on.
            LogoscanError: The small file is another account's.
        """
        if self._used is None:
            self._used = self._read() if self._file.exists() else self._made(named)

    def name(self, reviewer: str | None) -> str | None:
        """Return what stands for a reviewer; None for nobody. What stands for one already stays as it is.

        Case, blanks around a name, how many part its words, and how its letters are composed do not matter. Needs
        `open`, but for nobody and for what stands for somebody.
        """
        if reviewer is None or is_pseudonym(reviewer):
            return reviewer
        if self._used is None:
            raise AssertionError("open() comes before name()")
        text("reviewer", "name", reviewer)
        return f"{_PREFIX}{_letters(_mac(self._used, f'reviewer {_plain(reviewer)}'), _LENGTH)}{self._end}"

    def _read(self) -> bytes:
        try:
            known = read_record(_Secret, self._file)
        except PermissionError:
            raise LogoscanError(
                f"{self._file}: another account's, and its secret names the reviewers here; accounts that share "
                "a journal or a log name reviewers under one key, from the first name on (--contact-key)"
            ) from None
        if known.secret is not None:
            if self._key is not None:
                raise InputError(
                    f"{self._file}: reviewers are named by a random secret here: expected no key, got one; with it the "
                    "same people would be others"
                )
            return bytes.fromhex(known.secret)
        if self._key is None or known not in (_Secret(key_mark=_mark(self._key)), _Secret(key_check=_check(self._key))):
            raise self._other_key()
        self._end = "" if known.key_mark is None else f"-{known.key_mark}"
        return self._key

    def _made(self, named: Iterable[str]) -> bytes:
        """Make the file, where the names that stand there already allow it."""
        mark = None if self._key is None else _mark(self._key)
        others = set[str | None]()
        for one in named:
            if match := _PSEUDONYM.fullmatch(one):
                others.add(match[1])
                if mark is not None and match[1] == mark:
                    break  # the key is the right one
        else:
            if others - {None}:
                raise self._other_key()
            if others:
                raise CorruptFileError(
                    f"{self._owner}: its reviewers have names whose secret was in {self._file.name} beside them, "
                    "which is gone; put it back, else the same people would be others"
                )
        require_file_place(self._file, "reviewers")
        if self._key is None or mark is None:
            used = secrets.token_bytes(_SECRET_BYTES)
            with file_mode(0o600):  # whoever may read the journal need not know who its reviewers are
                write_record(self._file, _Secret(secret=used.hex()))
            return used
        if self._owner.exists():
            with file_mode(self._owner.stat().st_mode & 0o666 | 0o600):
                write_record(self._file, _Secret(key_mark=mark))
        else:
            write_record(self._file, _Secret(key_mark=mark))
        self._end = f"-{mark}"
        return self._key

    def _other_key(self) -> InputError:
        got = "none" if self._key is None else "another"
        return InputError(f"{self._owner}: reviewers are named by a key here: expected that key, got {got}")


def _plain(name: str) -> str:
    """Return a name without what does not tell people apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def _check(key: bytes) -> str:
    return _mac(key, "check of the key that names reviewers").hex()[:32]


def _mark(key: bytes) -> str:
    return _letters(_mac(key, "mark of the key that names reviewers"), _MARK_LENGTH)


def _letters(mac: bytes, count: int) -> str:
    number = int.from_bytes(mac, "big")
    return "".join(_LETTERS[number >> 4 * i & 15] for i in range(count))


def _mac(key: bytes, value: str) -> bytes:
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

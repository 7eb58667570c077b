"""The file of a journal: one verdict per line, append-only. Uses neither the index nor images.

The verdicts in force follow from the lines alone, so that reading them again gives the same. Each line carries its
SHA-256. A small file beside the journal holds its size, so that a journal that was cut short is recognised.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from logoscan._quote import cause
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import create, held, lock_beside, require_file_place, sync_folder
from logoscan.io.records import from_json, read_record, to_json, write_record
from logoscan.io.sealed_lines import seal, unseal
from logoscan.review.reviewers import Reviewers, is_pseudonym
from logoscan.review.verdict import Verdict, keep_opinion

__all__ = ["VerdictFile"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _JournalSize:
    """Content of the file beside a journal: lines and bytes that the journal must have at least."""

    lines: int
    size: int


class VerdictFile:
    """The lines of a journal, and which of them were undone; processes and threads may share the file.

    Attributes:
        path: Path of the file.
        lines: Lines that were read and written so far; under the lock, all lines of the file.
    """

    def __init__(self, path: Path, reviewer_key: bytes | None = None) -> None:
        """Read the file if it exists; the first line that is appended makes it.

        Args:
            path: Path of the file.
            reviewer_key: Secret under which reviewers are named (`reviewers`).

        Raises:
            InputError: The folder of the file does not exist, or the key is too short.
            CorruptFileError: A line is not a verdict, or contradicts the lines before it.
        """
        require_file_place(path, "journal")
        self.path = path
        self.lines: list[Verdict] = []
        self._lock = lock_beside(path)
        self._reviewers = Reviewers(path, path.with_name(f".{path.name}.reviewers"), reviewer_key)
        self._size_file = path.with_name(f".{path.name}.grown")
        self._undone_by: dict[int, int] = {}
        self._end = 0
        self._torn_at = -1
        with self.locked():
            pass

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock: read the lines that others wrote, and keep them from writing; may be nested."""
        with held(self._lock):
            self._refresh()
            yield

    def named(self, verdict: Verdict) -> Verdict:
        """Return a verdict with what stands for its reviewer (`reviewers`); the caller holds the lock.

        Raises:
            InputError: Reviewers are named by another key here.
            CorruptFileError: The file that their names rest on is damaged or gone.
            LogoscanError: That file is another account's.
        """
        if verdict.reviewer is None or is_pseudonym(verdict.reviewer):
            return verdict
        self._reviewers.open(v.reviewer for v in self.lines if v.reviewer is not None)
        return replace(verdict, reviewer=self._reviewers.name(verdict.reviewer))

    def not_undone(self) -> list[Verdict]:
        """Return the verdicts that were not undone, in order."""
        return [v for v in self.lines if v.kind != "undo" and v.id not in self._undone_by]

    def standing(self) -> dict[tuple[str, str], Verdict]:
        """Return the verdicts in force by listing and brand: the latest that was not undone."""
        return {(v.listing_id, v.brand): v for v in self.not_undone()}

    def latest_opinions(self) -> dict[tuple[str, str], Verdict]:
        """Return what later verdicts may contradict: those in force, but for a `missed` what it leaves open."""
        out: dict[tuple[str, str], Verdict] = {}
        for v in self.not_undone():
            keep_opinion(out, v)
        return out

    def undoable(self, verdict: int) -> Verdict:
        """Return the verdict with this id.

        Raises:
            InputError: There is no such verdict, it is an undo, or it was undone.
        """
        if not 1 <= verdict <= len(self.lines):
            raise InputError(f"verdict: expected an id from 1 to {len(self.lines)}, got {verdict!r}")
        if self.lines[verdict - 1].kind == "undo":
            raise InputError(f"verdict {verdict}: an undo cannot be undone; pass the verdict again")
        if verdict in self._undone_by:
            raise InputError(f"verdict {verdict}: undone already, by {self._undone_by[verdict]}")
        return self.lines[verdict - 1]

    def append(self, verdict: Verdict) -> Verdict:
        """Append a line and return it, as `extend` does."""
        self.extend([verdict])
        return self.lines[-1]

    def extend(self, verdicts: Sequence[Verdict]) -> None:
        """Append lines; they are on disk when this returns, and not there if this raises. Reviewers are named.

        A crash in between leaves the first ones of them, each whole. The caller holds the lock.

        Raises:
            InputError: A verdict contradicts the lines before it, or contains text that is not Unicode.
        """
        if not verdicts:
            return
        lines, verdicts = [], list(map(self.named, verdicts))
        for number, verdict in enumerate(verdicts, len(self.lines) + 1):
            self._check(verdict, number)
            try:
                lines.append(seal(to_json(verdict)).encode() + b"\n")
            except ValueError as error:  # Python's str can hold a lone surrogate, a file cannot
                raise InputError(f"verdict: expected Unicode text, got {cause(error)}") from None
        data = b"".join(lines)
        is_new = not self.path.exists()
        try:
            with create(self.path) if is_new else self.path.open("r+b") as file:
                file.seek(self._end)
                file.truncate()  # cuts a torn line off
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # after the lines: a crash in between leaves a journal that is longer than its stated size, which is allowed
            write_record(self._size_file, _JournalSize(len(self.lines) + len(lines), self._end + len(data)))
        except BaseException:
            with suppress(OSError):
                self._size_file.unlink(missing_ok=True)  # it may count the lines already; the next append makes it new
                os.truncate(self.path, self._end)
            raise
        if is_new:
            sync_folder(self.path.parent)
        for verdict, line in zip(verdicts, lines, strict=True):
            self._accept(verdict, len(line))

    def _check(self, verdict: Verdict, number: int) -> None:
        if verdict.id != number:
            raise InputError(f"id: expected {number}, got {verdict.id}")
        if verdict.undoes is not None:
            self.undoable(verdict.undoes)

    def _accept(self, verdict: Verdict, size: int) -> None:
        if verdict.undoes is not None:
            self._undone_by[verdict.undoes] = verdict.id
        self.lines.append(verdict)
        self._end += size

    def _refresh(self) -> None:
        """Read new lines. Nobody else writes under the lock, so that a line without an end is torn."""
        size = self.path.stat().st_size if self.path.exists() else 0
        stated = read_record(_JournalSize, self._size_file).size if self._size_file.exists() else 0
        if size < (expected := max(self._end, stated)):
            raise CorruptFileError(
                f"{self.path}: cut short: expected {expected} bytes or more, got {size}; a journal only "
                f"grows. Take a copy or, if you cut it on purpose, remove {self._size_file}"
            )
        if size == self._end:
            return
        with self.path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                where = f"{self.path}, line {len(self.lines) + 1}"
                if not line.endswith(b"\n"):
                    if self._torn_at != self._end:
                        logger.warning("%s: torn by a crash, dropped", where)
                    self._torn_at = self._end
                    return
                verdict = from_json(Verdict, unseal(line[:-1], where).text, where)
                try:
                    self._check(verdict, len(self.lines) + 1)
                except InputError as error:
                    raise CorruptFileError(f"{where}: {error}") from None
                self._accept(verdict, len(line))

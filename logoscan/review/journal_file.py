"""A reviewer's verdicts on reports, line by line in a file that only grows. Knows no register and no pictures.

What stands follows from the lines alone: reading them again gives the same. Each line carries its SHA-256; how far the
file had grown stands in a small file beside it, so that a journal which was cut is told from one that is short.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import create, held, lock_beside, require_file_place, sync_folder
from logoscan.io.records import from_json, read_record, to_json, write_record
from logoscan.io.sealed_lines import seal, unseal
from logoscan.results import Score

__all__ = ["Verdict", "VerdictFile"]

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
"""Of a line; raised when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Verdict:
    """One line of a journal.

    Attributes:
        id: Its line, from 1.
        time: ISO 8601.
        kind: What was said.
        listing_id: Of the report.
        brand: Of whom it was said.
        shown: Whether the listing concerns the brand, by the reviewer; None of an undo.
        counterfeit: The label; None where there is none.
        score: The brand's score with its reasons as they were judged; None where the report was scored for another.
        negatives: Pictures that the register has by this verdict as negatives of the brand; of an undo, lost by it.
        logos: Identifiers of logos of the brand, in the same way.
        reviewer: Who said it.
        undoes: Of an undo: the verdict that it takes back.
        schema_version: Of this record.
    """

    id: int
    time: str
    kind: Literal["confirm", "reject", "undo"]
    listing_id: str
    brand: str
    shown: bool | None = None
    counterfeit: bool | None = None
    score: Score | None = None
    negatives: tuple[str, ...] = ()
    logos: tuple[str, ...] = ()
    reviewer: str | None = None
    undoes: int | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise InputError(f"Verdict.schema_version: expected {SCHEMA_VERSION}, got {self.schema_version}")
        if (self.kind == "undo") != (self.undoes is not None) or (self.kind == "undo") != (self.shown is None):
            raise InputError(f"Verdict.undoes: expected it of an undo, and `shown` of all others, got {self.undoes!r}")
        if self.score is not None and self.score.brand != self.brand:
            raise InputError(f"Verdict.score: expected that of {self.brand!r}, got that of {self.score.brand!r}")


@dataclass(frozen=True)
class _Grown:
    """What the file beside a journal holds: the least that the journal must have."""

    lines: int
    size: int


class VerdictFile:
    """The lines, and which of them were undone; processes and threads may share the file.

    Attributes:
        path: Of the file.
        lines: What was read and written so far, under the lock all that there is.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there; the first line makes the file.

        Raises:
            InputError: Its folder is not there.
            CorruptFileError: A line is no verdict, or does not follow from those before it.
        """
        require_file_place(path, "journal")
        self.path = path
        self.lines: list[Verdict] = []
        self._lock = lock_beside(path)
        self._grown = path.with_name(f".{path.name}.grown")
        self._undone: dict[int, int] = {}
        self._end = 0
        self._torn_at = -1
        with self.locked():
            pass

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Take up what others wrote, and keep them from writing meanwhile; may be nested."""
        with held(self._lock):
            self._refresh()
            yield

    def not_undone(self) -> list[Verdict]:
        """Verdicts that nobody took back, in their order."""
        return [v for v in self.lines if v.kind != "undo" and v.id not in self._undone]

    def undoable(self, verdict: int) -> Verdict:
        """The verdict of that id.

        Raises:
            InputError: There is none, it is an undo, or it was undone.
        """
        if not 1 <= verdict <= len(self.lines):
            raise InputError(f"verdict: expected an id from 1 to {len(self.lines)}, got {verdict!r}")
        if self.lines[verdict - 1].kind == "undo":
            raise InputError(f"verdict {verdict}: an undo cannot be undone; pass the verdict again")
        if verdict in self._undone:
            raise InputError(f"verdict {verdict}: undone already, by {self._undone[verdict]}")
        return self.lines[verdict - 1]

    def append(self, said: Verdict) -> Verdict:
        """Write a line; it is on disk when this returns, and not there if this raises. Under the lock.

        Raises:
            InputError: It does not follow from the lines before it, or holds text that is not Unicode.
        """
        self._check(said)
        try:
            line = seal(to_json(said)).encode() + b"\n"
        except ValueError as error:  # a lone surrogate is text for Python, and for no file
            raise InputError(f"verdict: expected Unicode text, got {error!s:.200}") from None
        new = not self.path.exists()
        try:
            with create(self.path) if new else self.path.open("r+b") as file:
                file.seek(self._end)
                file.truncate()  # of a torn line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            # after the line: a crash in between leaves a journal longer than it must be, which is none the worse
            write_record(self._grown, _Grown(len(self.lines) + 1, self._end + len(line)))
        except BaseException:
            with suppress(OSError):
                self._grown.unlink(missing_ok=True)  # it may tell of the line already; the next one makes it anew
                os.truncate(self.path, self._end)
            raise
        if new:
            sync_folder(self.path.parent)
        self._take(said, len(line))
        return said

    def _check(self, said: Verdict) -> None:
        if said.id != len(self.lines) + 1:
            raise InputError(f"id: expected {len(self.lines) + 1}, got {said.id}")
        if said.undoes is not None:
            self.undoable(said.undoes)

    def _take(self, said: Verdict, size: int) -> None:
        if said.undoes is not None:
            self._undone[said.undoes] = said.id
        self.lines.append(said)
        self._end += size

    def _refresh(self) -> None:
        """Take up new lines. Under the lock nobody writes: a line without an end is torn."""
        size = self.path.stat().st_size if self.path.exists() else 0
        least = read_record(_Grown, self._grown).size if self._grown.exists() else 0
        if size < max(self._end, least):
            raise CorruptFileError(
                f"{self.path}: cut short: expected {max(self._end, least)} bytes or more, got {size}; a journal only "
                f"grows. Take a copy or, if you cut it on purpose, remove {self._grown}"
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
                said = from_json(Verdict, unseal(line[:-1], where).text, where)
                try:
                    self._check(said)
                except InputError as error:
                    raise CorruptFileError(f"{where}: {error}") from None
                self._take(said, len(line))

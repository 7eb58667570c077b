"""An output file that grows line by line, survives a crash, and appears under its name only when complete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from filelock import FileLock, Timeout

from logoscan.errors import CorruptFileError, InputError
from logoscan.jsonio import seal, sync_folder, unseal

__all__ = ["PartialOutput"]


class PartialOutput:
    """`FILE.partial` while it is written, `FILE` once it is complete.

    As a context manager: opening drops a torn last line and reads what is there; leaving without an error marks the
    last line as the last, syncs and renames; leaving by an error keeps the partial file for the next run. Each line
    carries its number and its SHA-256.

    Attributes:
        done: Ids of the reports that are already there.
        bands: Their bands.
    """

    def __init__(self, path: Path) -> None:
        """Prepare to write `path`."""
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.done: list[str] = []
        self.bands: list[str] = []
        self._file: IO[bytes] | None = None
        self._last: tuple[int, str] | None = None  # where the last line begins, and what it is without its seal
        self._end = 0
        self._lines = 0
        self._complete = False
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))

    def __enter__(self) -> PartialOutput:
        """Open for appending.

        Raises:
            InputError: The folder is not there, or another process writes the same file.
            CorruptFileError: A line before the last was altered.
        """
        if not self.path.parent.is_dir() or self.path.is_dir():
            raise InputError(f"out: expected a file in an existing folder, got {str(self.path)!r}")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"out: another process is writing {str(self.path)!r}") from None
        try:
            if self.partial.is_file():
                self._read()
            self._file = self.partial.open("ab")
            self._file.truncate(self._end)
            if self._complete:  # a crash came before it got its name; there may be more listings by now
                self._rewrite_last(self._file, last=False)
        except BaseException:
            self._lock.release()
            raise
        return self

    def _read(self) -> None:
        """Take up what is there, but for a torn last line."""
        with self.partial.open("rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{self.partial}, line {number}"
                if not line.endswith(b"\n") or (number == 1 and line == b"\n"):
                    return
                try:
                    sealed = unseal(line[:-1], where)
                    if sealed.line != number:
                        raise CorruptFileError(f"{where}: expected that number in it, got {sealed.line}")
                    report = json.loads(sealed.text)
                    listing, band = report["listing_id"], report["score"]["band"]
                    if not isinstance(listing, str) or not isinstance(band, str):
                        raise CorruptFileError(f"{where}: expected a report")
                except (CorruptFileError, ValueError, TypeError, KeyError, RecursionError) as error:
                    said = str(error) if isinstance(error, CorruptFileError) else f"{where}: expected a report"
                    raise CorruptFileError(f"{said}; cut the file before it, or remove it") from None
                self.done.append(listing)
                self.bands.append(band)
                self._last, self._complete = (self._end, sealed.text.decode()), sealed.last
                self._end += len(line)
                self._lines = number

    def write(self, record: str) -> None:
        """Append one object of JSON, as a line with its number and its seal."""
        if self._file is None:
            raise InputError("PartialOutput.write: expected to be inside of the with statement")
        self._lines += 1
        self._append(self._file, record)

    def _append(self, file: IO[bytes], record: str, *, last: bool = False) -> None:
        line = seal(record, line=self._lines, last=last).encode() + b"\n"
        file.write(line)
        file.flush()
        self._last = self._end, record
        self._end += len(line)

    def _rewrite_last(self, file: IO[bytes], *, last: bool) -> None:
        """The last line as the last, so that a reader knows a file that was cut; or as one of many again."""
        if self._last is None:
            file.write(b"\n")  # no listings: a file of nothing would be one that lost everything
            return
        self._end, record = self._last
        file.truncate(self._end)
        self._append(file, record, last=last)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, sync and rename if all went well."""
        try:
            if self._file is not None:
                with self._file:
                    if kind is None:
                        self._rewrite_last(self._file, last=True)
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self.partial.replace(self.path)
                sync_folder(self.path.parent)
        finally:
            self._lock.release()

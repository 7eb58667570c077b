"""An output file that grows line by line, survives a crash, and appears under its name only when complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import Timeout

from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.io.files import lock_beside, open_own, require_file_place, sync_folder
from logoscan.io.records import mapping_sha256, seal, unseal

__all__ = ["PartialOutput"]


class PartialOutput:
    """`FILE.partial` while it is written, `FILE` once it is complete.

    As a context manager: opening drops a torn last line and reads what is there; leaving without an error marks the
    last line as the last, syncs and renames; leaving by an error keeps the partial file for the next run. Each line
    carries its number, its SHA-256 and, as 16 hex digits, what made it: nothing else continues the file.

    Attributes:
        done: Ids of the reports that are already there.
        bands: Their bands.
        unread: How many of their photos could not be read.
    """

    def __init__(self, path: Path, made_by: Mapping[str, str] | None = None) -> None:
        """Prepare to write `path`.

        Args:
            path: Of the file.
            made_by: Everything that decides what is written, by name, such as the index and the listings. Names that a
                report's provenance has are told apart in the error; None continues only what names nothing.
        """
        self.path = path
        self._made_by = dict(made_by or {})
        self._run = None if made_by is None else mapping_sha256(self._made_by)[:16]
        self.partial = path.with_name(path.name + ".partial")
        self.done: list[str] = []
        self.bands: list[str] = []
        self.unread = 0
        self._file: IO[bytes] | None = None
        self._last: tuple[int, str] | None = None  # where the last line begins, and what it is without its seal
        self._end = 0
        self._lines = 0
        self._complete = False
        self._lock = lock_beside(path)

    def __enter__(self) -> PartialOutput:
        """Open for appending.

        Raises:
            InputError: The folder is not there, another process writes the same file, or the partial file is not one
                that this account wrote.
            MismatchError: Something else made what is there.
            CorruptFileError: A line before the last was altered.
        """
        require_file_place(self.path, "out")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"out: another process is writing {str(self.path)!r}") from None
        try:
            file = open_own(self.partial)
            try:
                self._read(file)
                file.seek(self._end)
                file.truncate()
                if self._complete:  # a crash came before it got its name; there may be more listings by now
                    self._rewrite_last(file, last=False)
            except BaseException:
                file.close()
                raise
            self._file = file
        except BaseException:
            self._lock.release()
            raise
        return self

    def _read(self, lines: Iterable[bytes]) -> None:
        """Take up what is there, but for a torn last line."""
        for number, line in enumerate(lines, 1):
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
                unread = sum(str(warning).startswith("image ") for warning in report.get("warnings", ()))
            except (CorruptFileError, ValueError, TypeError, KeyError, RecursionError) as error:
                said = str(error) if isinstance(error, CorruptFileError) else f"{where}: expected a report"
                raise CorruptFileError(f"{said}; cut the file before it, or remove it") from None
            if sealed.run != self._run:
                raise MismatchError(
                    f"{where}: {self._other(report)}; go on with what began it, give another name, or remove it"
                )
            self.done.append(listing)
            self.bands.append(band)
            self.unread += unread
            self._last, self._complete = (self._end, sealed.text.decode()), sealed.last
            self._end += len(line)
            self._lines = number

    def _other(self, report: Mapping[str, Any]) -> str:
        """In what a report's maker differs from this one, in words."""
        was = report.get("provenance")
        known = was if isinstance(was, dict) else {}
        said = [
            f"{name} {known[name]!r:.80}, now {value!r:.80}"
            for name, value in self._made_by.items()
            if name in known and known[name] != value
        ]
        hidden = [name for name in self._made_by if name not in known]
        return f"made by something else ({'; '.join(said) or 'other ' + ' or '.join(hidden or ['software'])})"

    def write(self, record: str) -> None:
        """Append one object of JSON, as a line with its number and its seal."""
        if self._file is None:
            raise InputError("PartialOutput.write: expected to be inside of the with statement")
        self._lines += 1
        self._append(self._file, record)

    def _append(self, file: IO[bytes], record: str, *, last: bool = False) -> None:
        line = seal(record, line=self._lines, last=last, run=self._run).encode() + b"\n"
        try:
            file.write(line)
            file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.partial)) from error
        self._last = self._end, record
        self._end += len(line)

    def _rewrite_last(self, file: IO[bytes], *, last: bool) -> None:
        """The last line as the last, so that a reader knows a file that was cut; or as one of many again."""
        if self._last is None:
            file.write(b"\n")  # no listings: a file of nothing would be one that lost everything
            return
        self._end, record = self._last
        file.seek(self._end)
        file.truncate()
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
        except OSError:
            if kind is None:  # else the first error is the one to tell
                raise
        finally:
            self._lock.release()

"""An output file that grows line by line, survives a crash, and appears under its name only when complete."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import Timeout

from logoscan._hashing import mapping_sha256
from logoscan._quote import quoted
from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.io.files import lock_beside, open_own, require_file_place, sync_folder
from logoscan.io.sealed_lines import SealedLines

__all__ = ["PartialOutput"]


class PartialOutput:
    """`FILE.partial` while it is written, `FILE` once it is complete.

    Use it as a context manager. On entry it drops a torn last line and reads the reports that are there. On exit
    without an error it marks the last line as the last, syncs and renames; on exit by an error it keeps the partial
    file for the next run. Each line carries its number, its SHA-256 and, as 16 hex digits, what made it, so that
    nothing else continues the file.

    Attributes:
        path: Path of the complete file.
        partial: Path of the file while it is written.
        done: Listing ids of the reports that are already there.
        bands: Bands of these reports.
        unread: How many photos of these reports could not be read.
    """

    def __init__(self, path: Path, made_by: Mapping[str, str] | None = None) -> None:
        """Prepare to write `path`.

        Args:
            path: Path of the complete file.
            made_by: Everything that decides what is written, by name, such as the index and the listings. The error
                shows the values of names that a report's provenance has too. None continues only a file that names
                nothing.
        """
        self.path = path
        self._made_by = dict(made_by or {})
        self._run = None if made_by is None else mapping_sha256(self._made_by)[:16]
        self.partial = path.with_name(path.name + ".partial")
        self.done: list[str] = []
        self.bands: list[str] = []
        self.unread = 0
        self._file: IO[bytes] | None = None
        self._lines: SealedLines | None = None
        self._lock = lock_beside(path)

    def __enter__(self) -> PartialOutput:
        """Open for appending.

        Raises:
            InputError: The folder does not exist, another process writes the same file, or the partial file is not
                one that this account wrote.
            MismatchError: The reports that are there were made by something else.
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
                lines = SealedLines(file, self.partial, self._run)
                self._read(lines)
                if lines.complete:  # a crash came before the rename; there may be more listings by now
                    lines.mark_last(False)
            except BaseException:
                file.close()
                raise
            self._file, self._lines = file, lines
        except BaseException:
            self._lock.release()
            raise
        return self

    def _read(self, lines: SealedLines) -> None:
        """Count the reports that are there."""
        try:
            for where, sealed in lines.read():
                report, unread = _read_report(sealed.text, where)
                if sealed.run != self._run:
                    advice = "go on with what began it, give another name, or remove it"
                    raise MismatchError(f"{where}: {self._difference(report)}; {advice}")
                self.done.append(report["listing_id"])
                self.bands.append(report["score"]["band"])
                self.unread += unread
        except CorruptFileError as error:
            raise CorruptFileError(f"{error}; cut the file before it, or remove it") from None

    def _difference(self, report: Mapping[str, Any]) -> str:
        """Return in words how what made a report differs from what makes this file."""
        stored = report.get("provenance")
        provenance = stored if isinstance(stored, dict) else {}
        differences = [
            f"{name} {quoted(provenance[name])}, now {quoted(value)}"
            for name, value in self._made_by.items()
            if name in provenance and str(provenance[name]) != value
        ]
        not_stored = [name for name in self._made_by if name not in provenance]
        difference = "; ".join(differences) or f"other {' or '.join(not_stored or ['software'])}"
        return f"made by something else ({difference})"

    def write(self, record: str) -> None:
        """Append one JSON object, as a line with its number and its seal."""
        if self._lines is None:
            raise InputError("PartialOutput.write: expected to be inside of the with statement")
        self._lines.append(record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, sync and rename if all went well."""
        try:
            if self._file is not None and self._lines is not None:
                with self._file:
                    if kind is None:
                        self._lines.mark_last(True)
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self.partial.replace(self.path)
                sync_folder(self.path.parent)
        except OSError:
            if kind is None:  # otherwise the first error is the one to raise
                raise
        finally:
            self._lock.release()


def _read_report(text: bytes, where: str) -> tuple[dict[str, Any], int]:
    """Return a stored report, and how many of its photos could not be read.

    Raises:
        CorruptFileError: It is no report.
    """
    try:
        report = json.loads(text)
        if not isinstance(report["listing_id"], str) or not isinstance(report["score"]["band"], str):
            raise TypeError
        return report, sum(str(warning).startswith("image ") for warning in report.get("warnings", ()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CorruptFileError(f"{where}: expected a report") from None

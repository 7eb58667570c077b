"""An output file that grows line by line, survives a crash, and appears under its name only when complete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from filelock import FileLock, Timeout

from logoscan.errors import InputError

__all__ = ["PartialOutput"]


class PartialOutput:
    """`FILE.partial` while it is written, `FILE` once it is complete.

    As a context manager: opening drops a torn last line and reads what is there; leaving without an error syncs and
    renames; leaving by an error keeps the partial file for the next run.

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
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))

    def __enter__(self) -> PartialOutput:
        """Open for appending.

        Raises:
            InputError: The folder is not there, or another process writes the same file.
        """
        if not self.path.parent.is_dir() or self.path.is_dir():
            raise InputError(f"out: expected a file in an existing folder, got {str(self.path)!r}")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"out: another process is writing {str(self.path)!r}") from None
        try:
            keep = self._read() if self.partial.is_file() else 0
            self._file = self.partial.open("ab")
            self._file.truncate(keep)
        except BaseException:
            self._lock.release()
            raise
        return self

    def _read(self) -> int:
        """Take up what is there; returns the bytes to keep."""
        keep = 0
        with self.partial.open("rb") as file:
            for line in file:
                try:
                    report = json.loads(line if line.endswith(b"\n") else b"torn")
                    listing, band = report["listing_id"], report["score"]["band"]
                except (ValueError, TypeError, KeyError, RecursionError):
                    break  # torn by a crash: this and whatever follows is written again
                if not isinstance(listing, str) or not isinstance(band, str):
                    break
                self.done.append(listing)
                self.bands.append(band)
                keep += len(line)
        return keep

    def write(self, line: str) -> None:
        """Append one line."""
        if self._file is None:
            raise InputError("PartialOutput.write: expected to be inside of the with statement")
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sync; rename if all went well."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        if kind is None:
            self.partial.replace(self.path)
        self._lock.release()

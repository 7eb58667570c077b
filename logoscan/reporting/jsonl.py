"""Reports as JSON lines: each line carries the SHA-256 of its content, so that an altered line is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from logoscan.errors import InputError
from logoscan.io.files import atomic_write
from logoscan.io.records import from_json, to_json
from logoscan.io.sealed_lines import Unsealed, read_sealed_file, read_sealed_stream, seal, sealed_file, unseal
from logoscan.results import Report

__all__ = ["read_reports", "report_from_json", "report_to_json", "write_reports"]


def report_to_json(report: Report) -> str:
    """Return a report as one line of JSON, sealed by its SHA-256; `report_from_json` returns an equal report."""
    return seal(to_json(report))


def report_from_json(text: str | bytes, where: str = "report") -> Report:
    """Read one report from a line of JSON.

    Args:
        text: The line, as `report_to_json` returns it.
        where: Name of the source, for error messages.

    Raises:
        CorruptFileError: The text is not a report, was altered, or its reasons do not sum to its score; the message
            names `where`.
    """
    return _report_and_seal(text, where)[0]


def _report_and_seal(text: str | bytes, where: str) -> tuple[Report, Unsealed]:
    sealed = unseal(text, where)
    return from_json(Report, sealed.text, where), sealed


def write_reports(path: str | Path, reports: Iterable[Report]) -> None:
    """Write a whole JSON lines file atomically; the last line is marked as the last."""
    atomic_write(Path(path), sealed_file([to_json(report) for report in reports]))


def read_reports(path: str | Path | IO[bytes]) -> Iterator[Report]:
    """Yield the reports of a JSON lines file, in order; or those of an open binary stream, such as standard input.

    Files may be concatenated. A file named `*.partial` may end anywhere, and so may a selection of lines unless it is
    the very beginning of a file.

    Raises:
        InputError: There is no such file.
        CorruptFileError: A line is not a report or was altered, or, after all reports were yielded, the file ends
            before the line that was written as its last.
    """
    if not isinstance(path, (str, Path)):
        return read_sealed_stream(path, "standard input", _report_and_seal)
    if not Path(path).is_file():
        raise InputError(f"reports: expected a file of reports, got {str(path)!r}")
    return read_sealed_file(Path(path), _report_and_seal)

"""Reports as JSON lines: each line carries the SHA-256 of its content, so that an altered line is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from logoscan.errors import CorruptFileError
from logoscan.io.files import atomic_write
from logoscan.io.records import Unsealed, from_json, loads, seal, to_json, unseal
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
    """Return a report and its seal.

    Only a line that states schema version 1 and holds nothing but the fields of a report may have no seal.
    """
    try:
        sealed = unseal(text, where)
    except CorruptFileError:
        values = loads(text, where)
        is_version_1 = isinstance(values, dict) and values.get("schema_version") == 1
        if not is_version_1 or values.keys() - {f.name for f in fields(Report)}:
            raise
        sealed = Unsealed(text.encode() if isinstance(text, str) else text, None, False)
    return from_json(Report, sealed.text, where), sealed


def write_reports(path: str | Path, reports: Iterable[Report]) -> None:
    """Write a whole JSON lines file atomically; the last line is marked as the last."""
    rows = list(reports)
    lines = [seal(to_json(row), line=n, last=n == len(rows)) for n, row in enumerate(rows, 1)]
    atomic_write(Path(path), "".join(f"{line}\n" for line in lines or [""]).encode())


def read_reports(path: str | Path) -> Iterator[Report]:
    """Yield the reports of a JSON lines file, in order.

    Files may be concatenated. A file named `*.partial` may end anywhere, and so may a selection of lines unless it is
    the very beginning of a file.

    Raises:
        CorruptFileError: A line is not a report or was altered, or, after all reports were yielded, the file ends
            before the line that was written as its last.
    """
    count, line_in_file, cut = 0, 0, True
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}, line {number}"
            if line.strip():
                report, sealed = _report_and_seal(line.removesuffix(b"\n"), where)
                count, line_in_file = count + 1, line_in_file + 1
                cut = sealed.line == line_in_file and not sealed.last
                line_in_file = 0 if sealed.last else line_in_file  # files may be concatenated
                yield report
            elif not line.endswith(b"\n"):
                raise CorruptFileError(f"{where}: torn")
            else:
                cut = cut and count > 0  # a run without listings is one blank line
    if cut and Path(path).suffix != ".partial":
        raise CorruptFileError(
            f"{path}: cut short after {count} reports, none of which was the last; a part is to be named *.partial"
        )

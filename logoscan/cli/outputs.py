"""Outputs of several commands: lines on standard output, or a file of them that is written whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from logoscan.cli.inputs import STANDARD
from logoscan.errors import InputError
from logoscan.io.csv_output import csv_lines
from logoscan.io.files import atomic_write, require_file_place
from logoscan.io.records import to_mapping
from logoscan.io.sealed_lines import seal

__all__ = ["StandardOutput", "check_place", "emit", "is_csv", "save_lines", "table_lines"]


def emit(line: str) -> None:
    """Write a line to standard output at once, in UTF-8 whatever the locale is."""
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def check_place(out: Path) -> None:
    """Refuse, before the work, a place where no file can be written.

    Raises:
        InputError: The folder is missing, or something else has the name.
    """
    if out != STANDARD:
        require_file_place(out, "out")


def is_csv(out: Path) -> bool:
    """Return whether a file of rows is to be CSV by its name; otherwise it is JSON lines, as standard output is.

    Raises:
        InputError: The name is of neither kind.
    """
    suffix = out.suffix.lower()
    if out != STANDARD and suffix not in (".csv", ".jsonl"):
        raise InputError(f"out: expected a name that ends in .jsonl or .csv, or -, got {str(out)!r}")
    return suffix == ".csv"


def table_lines(columns: Sequence[str], records: Iterable[object], *, as_csv: bool) -> Iterable[str]:
    """Return dataclass records as lines with their ends: CSV, or JSON.

    Args:
        columns: Names of the fields that are columns of the CSV, in order.
        records: The records.
        as_csv: Whether the lines are CSV.
    """
    mappings = map(to_mapping, records)
    if as_csv:
        return csv_lines(columns, ([row[name] for name in columns] for row in mappings))
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in mappings)


def save_lines(out: Path, lines: Iterable[str]) -> None:
    """Write lines with their ends to a file, whole or not at all; or to standard output, as they come."""
    if out == STANDARD:
        for line in lines:
            emit(line.removesuffix("\n"))
    else:
        atomic_write(out, "".join(lines).encode())


class StandardOutput:
    """Reports on standard output, each a sealed line as soon as it is there; has what a `PartialOutput` has.

    Attributes:
        path: The name of standard output.
        done: Empty, since nothing is continued.
        bands: Empty as well.
        unread: 0.
    """

    def __init__(self) -> None:
        self.path = self.partial = STANDARD
        self.done: list[str] = []
        self.bands: list[str] = []
        self.unread = 0

    def __enter__(self) -> StandardOutput:
        """Return this object."""
        return self

    def write(self, record: str) -> None:
        """Write one JSON object as a line with its seal."""
        emit(seal(record))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: each line was written when it came."""

"""A file of reports by the ids of their listings: only the places of its lines are kept in memory."""

from __future__ import annotations

import json
from pathlib import Path

from logoscan.errors import InputError
from logoscan.reporting.jsonl import read_reports, report_from_json
from logoscan.results import Report

__all__ = ["ReportFile"]


class ReportFile:
    """Finds the report of a listing in a JSON lines file, which must not change meanwhile."""

    def __init__(self, path: str | Path) -> None:
        """Read and verify the whole file once, and keep where each report lies: some 200 bytes a report.

        Raises:
            InputError: There is no such file.
            CorruptFileError: A line is not a report, was altered, or the file was cut.
        """
        self._path = Path(path)
        self._places: dict[str, int] = {}
        for _ in read_reports(self._path):  # verifies
            pass
        with self._path.open("rb") as file:
            end = 0
            for line in file:
                if line.strip():
                    self._places.setdefault(str(json.loads(line)["listing_id"]), end)
                end += len(line)

    def __len__(self) -> int:
        """Return the number of listings."""
        return len(self._places)

    def get(self, listing_id: str) -> Report | None:
        """Return the first report of a listing; None where there is none."""
        place = self._places.get(listing_id)
        if place is None:
            return None
        with self._path.open("rb") as file:
            file.seek(place)
            report = report_from_json(file.readline().removesuffix(b"\n"), str(self._path))
        if report.listing_id != listing_id:
            raise InputError(f"{self._path}: expected a file that does not change, got another report in a line")
        return report

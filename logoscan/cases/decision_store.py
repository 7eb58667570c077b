"""The log of decisions: Parquet files by day, which are only ever added to."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from logoscan._extras import import_extra
from logoscan._quote import cause, quoted
from logoscan.cases.decisions import COLUMNS, TIMES, Action, Decision
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write, held, lock_at, private_folder
from logoscan.review.reviewers import Reviewers, is_pseudonym
from logoscan.text.contacts import redact

__all__ = ["UNDATED", "DecisionLog", "arrow_schema"]

UNDATED = "undated"
"""Folder of the decisions without a time."""

# Rows of one file, so that a long stream is not held at once.
_MOST_ROWS = 1 << 20


class DecisionLog:
    """Decisions in a folder: a folder for each day (UTC), with immutable Parquet files.

    Each `append` makes new files, one for each day, so that writers never wait for each other, and nothing is edited.
    Append many at once: a service collects the decisions of some minutes. Reviewers are kept by what stands for them
    (`review.reviewers`), and contacts in reasons are left out.
    """

    def __init__(self, folder: str | Path, *, writer: str = "log", reviewer_key: bytes | None = None) -> None:
        """Open a log; the first decision makes the folder.

        Args:
            folder: Folder of the log.
            writer: Name of who writes, the beginning of the names of its files: letters, digits, - and _.
            reviewer_key: Secret of the platform, 16 bytes or more, under which reviewers are named; None uses a random
                one, which the folder keeps.

        Raises:
            InputError: `folder` is a file, or the name has other characters.
        """
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"decisions: expected a folder, got the file {str(folder)!r}")
        if not writer or not writer.isascii() or not writer.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"writer: expected letters, digits, - and _, got {quoted(writer)}")
        self._writer = writer
        self._reviewers = Reviewers(self.folder, self.folder / ".reviewers", reviewer_key)

    def append(self, decisions: Iterable[Decision]) -> int:
        """Add decisions; they are on disk when this returns.

        What is appended twice counts once, by its id: after a crash, append everything again. A decision whose
        reviewer or reason changes as it is kept (`kept`) has the id that it is kept with; so has it where another one
        of the same call answers it.

        Returns:
            Number of decisions, those with an id that came before in this call left out.

        Raises:
            InputError: Reviewers are named by another key here.
            CorruptFileError: The file that their names rest on is damaged or gone.
            MissingDependencyError: pyarrow is not installed.
        """
        _arrow()
        seen: set[str] = set()
        renamed: dict[str, str] = {}
        days: dict[str, list[Decision]] = {}
        for given in decisions:
            one = self.kept(given)
            if given.answers in renamed:
                one = self.kept(replace(given, answers=renamed[given.answers], id="" if _is_made(given) else given.id))
            if one.id != given.id:
                renamed[given.id] = one.id
            if one.id in seen:
                continue
            seen.add(one.id)
            day = UNDATED if one.time is None else one.time.date().isoformat()
            days.setdefault(day, []).append(one)
            if len(days[day]) >= _MOST_ROWS:
                self._write(day, days.pop(day))
        for day, rows in sorted(days.items()):
            self._write(day, rows)
        return len(seen)

    def kept(self, decision: Decision) -> Decision:
        """Return a decision as it is kept: with what stands for its reviewer, and a reason without contacts.

        An id that was made of the fields is made of those that are kept: one of a name or a number in clear would tell
        both to whoever tries some. An id of the caller's stays.
        """
        reviewer, reason = decision.reviewer, decision.reason
        if reviewer is not None and not is_pseudonym(reviewer):
            if not self._reviewers.is_open:
                private_folder(self.folder)
                with held(lock_at(self.folder / ".lock")):
                    self._reviewers.open(self._named())
            reviewer = self._reviewers.name(reviewer)
        reason = None if reason is None else redact(reason)
        if (reviewer, reason) == (decision.reviewer, decision.reason):
            return decision
        return replace(decision, reviewer=reviewer, reason=reason, id="" if _is_made(decision) else decision.id)

    def _named(self) -> Iterator[str]:
        """Yield the reviewers in the log, file by file."""
        pa = _arrow()
        from pyarrow import parquet

        for path in self.files():
            try:
                column = parquet.ParquetFile(path).read(columns=["reviewer"])[0]
            except (pa.ArrowException, OSError, IndexError) as error:
                raise _not_decisions(path, error) from None
            yield from (one for one in column.unique().to_pylist() if one is not None)

    def _write(self, day: str, rows: list[Decision]) -> None:
        pa = _arrow()
        from pyarrow import parquet

        data = io.BytesIO()
        columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
        parquet.write_table(pa.table(columns, schema=arrow_schema()), data, compression="zstd")
        private_folder(self.folder / day)
        atomic_write(self.folder / day / f"{self._writer}-{secrets.token_hex(8)}.parquet", data.getvalue())

    def files(self, start: date | None = None, end: date | None = None) -> list[Path]:
        """Return the files of the days from `start` to `end`, both included, with those of no day; None is no limit.

        Raises:
            InputError: There is no such folder.
        """
        if not self.folder.is_dir():
            raise InputError(f"decisions: expected a folder of decisions, got {str(self.folder)!r}")
        first, last = (start or date.min).isoformat(), (end or date.max).isoformat()
        return [
            path
            for folder in sorted(self.folder.iterdir())
            if folder.is_dir() and (folder.name == UNDATED or first <= folder.name <= last)
            for path in sorted(folder.glob("[!.]*.parquet"))
        ]

    def read(self, start: date | None = None, end: date | None = None) -> Iterator[Decision]:
        """Yield the decisions of the days from `start` to `end`, each once, file by file.

        Raises:
            InputError: There is no such folder.
            CorruptFileError: A file holds something else.
            MissingDependencyError: pyarrow is not installed.
        """
        pa = _arrow()
        from pyarrow import parquet

        day, seen = "", set[str]()
        for path in self.files(start, end):
            if path.parent.name != day:
                day, seen = path.parent.name, set()
            try:
                rows = parquet.ParquetFile(path).read(columns=list(COLUMNS)).to_pylist()
                for row in rows:
                    one = Decision(**row)
                    if one.id not in seen:
                        seen.add(one.id)
                        yield one
            except (pa.ArrowException, InputError, TypeError, OSError) as error:
                raise _not_decisions(path, error) from None

    def answer(self, decision: Decision, action: Action, **changes: Any) -> Decision:
        """Append a decision that reviews another one, such as an appeal, and return it as it is kept.

        Args:
            decision: The earlier decision.
            action: What is decided now.
            changes: Further fields of `Decision`; the listing, the seller and the brand are those of the earlier one.
        """
        of_its_own = dict.fromkeys(("reason", "reviewer", "received_at", "detection", "decision"))
        earlier = self.kept(decision)
        new = self.kept(
            replace(earlier, **{"action": action, "answers": earlier.id, "id": "", **of_its_own, **changes})
        )
        self.append([new])
        return new


def _is_made(decision: Decision) -> bool:
    """Return whether the id of a decision is made of its fields."""
    return replace(decision, id="").id == decision.id


def _not_decisions(path: Path, error: Exception) -> CorruptFileError:
    return CorruptFileError(f"{path}: expected decisions in Parquet, got others ({cause(error)})")


def arrow_schema() -> Any:
    """Return the Arrow schema of the files."""
    pa = _arrow()
    kinds = dict.fromkeys(TIMES, pa.timestamp("us", tz="UTC")) | {"score": pa.float64(), "count": pa.int64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _arrow() -> Any:
    return import_extra("pyarrow", "cases")

"""Who had a lead, when, and what for: lines that each state the hash of the line before, so that none can change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from logoscan._hashing import file_sha256, sha256_hex
from logoscan._quote import quoted
from logoscan._validate import text
from logoscan.cases._bag import PAYLOAD, write_tagmanifest
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write, held, lock_beside
from logoscan.io.records import from_json, to_mapping
from logoscan.text.contacts import redact

__all__ = ["CUSTODY", "CustodyAct", "CustodyLine", "add_custody", "custody_problems", "first_line", "read_custody"]

CUSTODY = "custody.jsonl"
"""File of a lead with its custody."""
CustodyAct: TypeAlias = Literal["made", "opened", "copied", "handed_on", "received"]
"""What somebody did with a lead."""
_MOST_CHARS = 1000


@dataclass(frozen=True)
class CustodyLine:
    """One line of a custody file.

    Attributes:
        time: When, ISO 8601, UTC.
        who: Who, as the caller states it.
        act: What was done.
        note: To whom, where or what for.
        before: SHA-256 of the line before; of the payload's manifest for the first.
    """

    time: str
    who: str
    act: CustodyAct
    note: str | None
    before: str

    def __post_init__(self) -> None:
        if self.act not in get_args(CustodyAct):
            raise InputError(f"act: expected {', '.join(get_args(CustodyAct))}, got {quoted(self.act)}")
        for name, required in (("who", True), ("note", False)):
            value = getattr(self, name)
            text("CustodyLine", name, value, required=required)
            if value is not None and len(value) > _MOST_CHARS:
                raise InputError(f"CustodyLine.{name}: expected at most {_MOST_CHARS} characters, got {len(value)}")


def _line(who: str, act: CustodyAct, note: str | None, before: str) -> bytes:
    kept = None if note is None else redact(note)
    line = CustodyLine(datetime.now(UTC).isoformat(timespec="seconds"), who, act, kept, before)
    return json.dumps(to_mapping(line), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def first_line(folder: Path, who: str, note: str | None) -> bytes:
    """Return the first line of a lead, which binds the chain to its payload."""
    return _line(who, "made", note, file_sha256(folder / PAYLOAD))


def add_custody(folder: str | Path, who: str, act: CustodyAct, note: str | None = None) -> None:
    """Add a line to the custody of a lead, whose other files stay as they are.

    Args:
        folder: The lead.
        who: Who, by a name that a court can resolve.
        act: What was done.
        note: To whom, where or what for; contacts in it are left out.

    Raises:
        InputError: It is no lead, or an argument is not of the stated kind.
        CorruptFileError: The custody is broken; nothing is added to it.
    """
    folder = Path(folder)
    if not (folder / CUSTODY).is_file():
        raise InputError(f"lead: expected a folder that `lead make` made, got {str(folder)!r}")
    _line(who, act, note, "")  # refuses what is no line before a lock is made
    with held(lock_beside(folder)):
        if problems := custody_problems(folder):
            raise CorruptFileError(f"{folder}: {problems[0]}")
        data = (folder / CUSTODY).read_bytes()
        atomic_write(folder / CUSTODY, data + _line(who, act, note, sha256_hex(data.splitlines()[-1])))
        write_tagmanifest(folder)


def read_custody(folder: Path) -> list[CustodyLine]:
    """Return the custody of a lead.

    Raises:
        CorruptFileError: A line is none.
    """
    lines = (folder / CUSTODY).read_bytes().splitlines()
    return [from_json(CustodyLine, line, f"{CUSTODY}, line {number}") for number, line in enumerate(lines, 1)]


def custody_problems(folder: Path) -> list[str]:
    """Return what is wrong with the custody of a lead; nothing of a whole chain."""
    if not (folder / CUSTODY).is_file():
        return [f"{CUSTODY}: missing"]
    try:
        lines = read_custody(folder)
    except CorruptFileError as error:
        return [str(error)]
    raw = (folder / CUSTODY).read_bytes().splitlines()
    before = file_sha256(folder / PAYLOAD) if (folder / PAYLOAD).is_file() else ""
    out = [] if lines and lines[0].act == "made" else [f"{CUSTODY}: expected the line of who made it first"]
    for number, (line, data) in enumerate(zip(lines, raw, strict=True), 1):
        if line.before != before:
            out.append(f"{CUSTODY}, line {number}: does not follow the line before")
        before = sha256_hex(data)
    return out

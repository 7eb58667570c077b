"""Add the verdicts of a file to a journal: each once, however often the file is imported.

A row that is in the journal already is not added again, even if it was undone or contradicted meanwhile; so an import
that was killed is run again, and a file that grows is imported daily. What was undone is passed again by a verdict of
its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.rows import BadRow
from logoscan.results import Report
from logoscan.review.journal_file import VerdictFile
from logoscan.review.verdict import Ground, Verdict, contradiction, keep_opinion, named_brands, new_verdict, now
from logoscan.review.verdict_rows import VerdictRow

__all__ = ["ImportResult", "import_rows"]

# Rows that are written together: a disk confirms some hundred times a second, whatever the size.
_BATCH = 500


@dataclass
class ImportResult:
    """What an import did.

    Attributes:
        added: Number of verdicts that were added.
        there: Number of rows that were in the journal already, or came before in the file.
        undone: Number of those whose verdict was undone; it stays undone.
        missed: Number of verdicts on brands that the reports do not name, noted as missed.
        bad: Rows that were left out.
        contradictions: Contradictions with earlier verdicts, in words.
    """

    added: int = 0
    there: int = 0
    undone: int = 0
    missed: int = 0
    bad: list[BadRow] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)


def import_rows(
    file: VerdictFile, rows: Iterable[VerdictRow | BadRow], reports: Iterable[Report] | None = None
) -> ImportResult:
    """Add the verdicts of a file to a journal, and return what was done.

    With reports, a verdict keeps the score that its report gives the brand; a counterfeit or genuine row on a brand
    that the report does not name says that this was missed, too; and rows on listings without a report are bad.

    Args:
        file: The journal's file.
        rows: Verdicts and bad rows.
        reports: Reports of the listings; read once. None if they are not at hand.
    """
    good: list[VerdictRow] = []
    out = ImportResult()
    for row in rows:
        if isinstance(row, BadRow):
            out.bad.append(row)
        else:
            good.append(row)
    ids = {row.listing_id for row in good}
    of_listing = None if reports is None else {r.listing_id: r for r in reports if r.listing_id in ids}
    with file.locked():
        undone = {v.id for v in file.lines} - {v.id for v in file.not_undone()}
        there = {_content(file.named(v)): v.id for v in file.lines if v.kind != "undo"}
        opinions = file.latest_opinions()
        changed = {(v.listing_id, v.brand): v for v in file.not_undone() if v.negatives or v.logos}
        pending: list[Verdict] = []
        time = now()
        for row in good:
            try:
                verdict = file.named(_verdict(row, of_listing, time))
            except InputError as error:
                out.bad.append(BadRow(row.line, str(error)))
                continue
            pair = (verdict.listing_id, verdict.brand)
            content = _content(verdict)
            if content in there:
                out.there += 1
                out.undone += there[content] in undone
                continue
            old = changed.get(pair)
            if old is not None and old.shown != verdict.shown:
                reason = f"verdict {old.id} says otherwise and changed the register: undo it first"
                out.bad.append(BadRow(row.line, reason))
                continue
            verdict = replace(verdict, id=len(file.lines) + len(pending) + 1)
            if said := contradiction(verdict, opinions.get(pair)):
                out.contradictions.append(f"line {row.line}: {said}")
            out.added += 1
            out.missed += verdict.kind == "missed" and row.verdict != "missed"
            there[content] = verdict.id
            keep_opinion(opinions, verdict)
            pending.append(verdict)
            if len(pending) == _BATCH:
                file.extend(pending)
                pending = []
        file.extend(pending)
    out.bad.sort(key=lambda bad: bad.line)
    return out


def _content(verdict: Verdict) -> tuple[object, ...]:
    """Return what a verdict says, without its number, its time, its score and what it changed."""
    return (
        verdict.listing_id, verdict.brand, verdict.answer, verdict.source, verdict.weight, verdict.reviewer,
        verdict.note, verdict.xyxy,
    )  # fmt: skip


def _verdict(row: VerdictRow, reports: Mapping[str, Report] | None, time: str) -> Verdict:
    """Return the verdict of a row, without a number.

    Raises:
        InputError: There is no report of the listing, or the report does not name the brand and the row says that it
            is wrong about it.
    """
    ground = Ground(row.source, row.weight, row.reviewer, row.note, time)
    listing: Report | str = row.listing_id
    missed = row.verdict == "missed"
    if reports is not None:
        if row.listing_id not in reports:
            raise InputError(f"listing_id: expected that of a report, got {quoted(row.listing_id)}")
        listing = reports[row.listing_id]
        named = named_brands(listing)
        if row.brand not in named:
            if likely := next((brand for brand in named if brand.casefold() == row.brand.casefold()), None):
                raise InputError(f"brand: expected {quoted(likely)}, as the report has it, got {quoted(row.brand)}")
            missed = missed or row.verdict != "wrong_brand"  # else `new_verdict` says what is wrong
    counterfeit = {"counterfeit": True, "genuine": False}.get(row.verdict)
    kind: Literal["confirm", "reject", "missed"] = (
        "missed" if missed else "reject" if row.verdict == "wrong_brand" else "confirm"
    )
    verdict = new_verdict(kind, listing, row.brand, row.verdict != "wrong_brand", counterfeit, ground)
    alone = isinstance(listing, Report) and len(listing.images) == 1
    return replace(verdict, xyxy=row.xyxy, image=0 if row.xyxy is not None and alone else None)

"""The record of a verdict on one listing and one brand: a line of a journal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias, TypedDict

from logoscan._quote import listed, quoted
from logoscan._validate import positive
from logoscan.errors import InputError
from logoscan.results import SHOWN_FROM, Report, Score
from logoscan.text.contacts import redact

__all__ = [
    "Answer",
    "Ground",
    "GroundFields",
    "Source",
    "Verdict",
    "check_box",
    "contradiction",
    "keep_opinion",
    "named_brands",
    "new_verdict",
    "now",
    "surely_named",
]

SCHEMA_VERSION = 2
"""Version of a journal's line, raised when a field changes its meaning or goes. Lines of version 1 are read: they have
no source, weight, note and box, and know no missed brands."""
# Versions of lines that are read.
_READ_VERSIONS = (1, SCHEMA_VERSION)

Source: TypeAlias = Literal["reviewer", "test_buy", "notice", "authority", "import"]
"""How it is known: a reviewer looked, the goods were bought, a brand owner gave notice, an authority decided; import:
a file of verdicts that does not say."""
Answer: TypeAlias = Literal["counterfeit", "genuine", "unknown", "wrong_brand", "missed"]
"""What a verdict says, in one word; `logoscan.review.labels` says what each teaches."""


@dataclass(frozen=True)
class Ground:
    """What a verdict rests on.

    Attributes:
        source: How it is known.
        weight: One over the probability with which the listing was chosen to be judged, up to a common factor; 1 where
            that is not known.
        reviewer: Name of the reviewer, if stated.
        note: What else is to be remembered, if anything.
        time: Time of the verdict, ISO 8601; the time when it is written if None.

    Raises:
        InputError: The weight is not a finite number above 0.
    """

    source: Source = "reviewer"
    weight: float = 1.0
    reviewer: str | None = None
    note: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        positive("Ground", "weight", self.weight)


class GroundFields(TypedDict, total=False):
    """The fields of `Ground` as keyword arguments, all of them optional."""

    source: Source
    weight: float
    reviewer: str | None
    note: str | None
    time: str | None


@dataclass(frozen=True)
class Verdict:
    """One line of a journal.

    Attributes:
        id: Number of the line, from 1; 0 before it is written.
        time: Time of the verdict, ISO 8601.
        kind: What the reviewer did; "missed": named a brand that the report does not name.
        listing_id: Id of the listing, as in its report.
        brand: Brand that the verdict is about.
        shown: Whether the listing concerns the brand, by the reviewer; None for an undo.
        counterfeit: The label; None if there is none.
        score: The brand's score with its reasons as they were judged; None if the report was scored for another brand.
        negatives: Identifiers of the brand's negatives that the index has by this verdict or, for an undo, lost by it.
        logos: Identifiers of the brand's logos that the index has by this verdict or, for an undo, lost by it.
        reviewer: What stands for the reviewer, if one is stated (`reviewers`); a name in lines of before.
        undoes: Id of the verdict that an undo takes back; None for other kinds.
        schema_version: Version of this record.
        source: How it is known.
        weight: One over the probability with which the listing was chosen to be judged, up to a common factor.
        note: What else is to be remembered, if anything.
        image: Number of the picture that shows the brand, from 0, if stated.
        xyxy: Box of the brand's mark in that picture, in pixels, if stated.
    """

    id: int
    time: str
    kind: Literal["confirm", "reject", "missed", "undo"]
    listing_id: str
    brand: str
    shown: bool | None = None
    counterfeit: bool | None = None
    score: Score | None = None
    negatives: tuple[str, ...] = ()
    logos: tuple[str, ...] = ()
    reviewer: str | None = None
    undoes: int | None = None
    schema_version: int = SCHEMA_VERSION
    source: Source = "reviewer"
    weight: float = 1.0
    note: str | None = None
    image: int | None = None
    xyxy: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.schema_version not in _READ_VERSIONS:
            raise InputError(
                f"Verdict.schema_version: expected {SCHEMA_VERSION} or less, got {self.schema_version}; "
                "another version of logoscan wrote it"
            )
        if (self.kind == "undo") != (self.undoes is not None) or (self.kind == "undo") != (self.shown is None):
            raise InputError(f"Verdict.undoes: expected it of an undo, and `shown` of all others, got {self.undoes!r}")
        if self.score is not None and self.score.brand != self.brand:
            raise InputError(f"Verdict.score: expected that of {self.brand!r}, got that of {self.score.brand!r}")
        if self.shown is False and (self.counterfeit or self.kind == "missed"):
            raise InputError(f"Verdict.shown: expected true of a counterfeit or a missed brand, got {self.shown}")
        if self.image is not None and self.image < 0:
            raise InputError(f"Verdict.image: expected a number from 0, got {self.image}")
        positive("Verdict", "weight", self.weight)
        if self.xyxy is not None:
            check_box(self.xyxy, "Verdict.xyxy")

    @property
    def answer(self) -> Answer | None:
        """What the verdict says; None for an undo. A missed brand whose goods were judged has their label."""
        if self.shown is None:
            return None
        if not self.shown:
            return "wrong_brand"
        if self.counterfeit is not None:
            return "counterfeit" if self.counterfeit else "genuine"
        return "missed" if self.kind == "missed" else "unknown"


def check_box(xyxy: Sequence[float], name: str) -> None:
    """Refuse what is no box.

    Raises:
        InputError: The numbers are not four finite ones, from 0, left before right and top before bottom.
    """
    if len(xyxy) == 4 and all(map(math.isfinite, xyxy)):
        x0, y0, x1, y1 = xyxy
        if 0 <= x0 < x1 and 0 <= y0 < y1:
            return
    raise InputError(f"{name}: expected x0,y0,x1,y1 in pixels, from 0, with x0 < x1 and y0 < y1, got {tuple(xyxy)}")


def named_brands(report: Report) -> set[str]:
    """Return the brands that a report names: candidates, matches and mentions."""
    return {r.brand for r in report.brands} | {m.brand for m in report.matches} | {m.brand for m in report.mentions}


def surely_named(report: Report, brand: str) -> bool:
    """Return whether a report shows a brand to people: by a match that is drawn, or by its words."""
    matches = any(m.brand == brand and (m.probability is None or m.probability >= SHOWN_FROM) for m in report.matches)
    return matches or any(m.brand == brand for m in report.mentions)


def new_verdict(
    kind: Literal["confirm", "reject", "missed"],
    listing: Report | str,
    brand: str,
    shown: bool,
    counterfeit: bool | None,
    ground: Ground,
) -> Verdict:
    """Return a verdict that has no line number yet.

    Args:
        kind: What the reviewer did.
        listing: Report of the listing, or its id where there is no report.
        brand: The brand.
        shown: Whether the listing concerns the brand.
        counterfeit: The label; None if there is none.
        ground: What the verdict rests on.

    Raises:
        InputError: The report does not name the brand, and the verdict does not say that it was missed; or the brand
            is a contact, which is nobody's brand and must not be kept.
    """
    report = listing if isinstance(listing, Report) else None
    if redact(brand) != brand:
        raise InputError("brand: expected a name, got a contact")
    if report is not None and kind != "missed" and brand not in (named := named_brands(report)):
        raise InputError(
            f"brand: expected one that the report names, [{listed(map(repr, sorted(named)))}], got "
            f"{quoted(brand)}; a brand that it missed is another verdict"
        )
    score = report.score if report is not None and report.score.brand == brand else None
    return Verdict(
        0, ground.time or now(), kind, report.listing_id if report is not None else str(listing), brand, shown,
        counterfeit, score, reviewer=ground.reviewer, source=ground.source, weight=ground.weight,
        note=_kept(ground.note),
    )  # fmt: skip


def _kept(note: str | None) -> str | None:
    """Return a note without the contacts of people."""
    return None if note is None else redact(note)


def contradiction(verdict: Verdict, standing: Verdict | None) -> str | None:
    """Return in words how a verdict contradicts the one in force on the same listing and brand; None where it doesn't.

    What one of them leaves open is no contradiction.
    """
    if standing is None or verdict.answer == standing.answer:
        return None
    labels = {verdict.counterfeit, standing.counterfeit}
    if verdict.shown == standing.shown and labels != {True, False}:
        return None
    return (
        f"listing {quoted(verdict.listing_id)}, {quoted(verdict.brand)}: {verdict.answer} ({verdict.source}) "
        f"contradicts verdict {standing.id}, {standing.answer} ({standing.source}); the later one counts, until it "
        "is undone"
    )


def keep_opinion(opinions: dict[tuple[str, str], Verdict], verdict: Verdict) -> None:
    """Put a verdict in the place of an earlier one on the same, unless it only says that the brand was missed."""
    pair = (verdict.listing_id, verdict.brand)
    if verdict.answer != "missed" or pair not in opinions or not opinions[pair].shown:
        opinions[pair] = verdict


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")

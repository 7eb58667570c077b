"""Codes, contacts and declarations of a listing as its report has them, and a report without contacts in its texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from logoscan.errors import InputError
from logoscan.evidence import Code, Contact, ContactUse, Declaration
from logoscan.merchants.tokens import hide
from logoscan.results import ListingFacts, Report, Score
from logoscan.text.contacts import find_contacts, redact
from logoscan.vision.features import PhotoFeatures

__all__ = ["ContactKeeping", "code_contacts", "declared_of", "photo_codes", "redacted"]


@dataclass(frozen=True)
class ContactKeeping:
    """How contacts are kept in reports.

    Attributes:
        key: Secret of the platform, 16 bytes or more, under which contacts are hashed; None keeps kind and number.
        clear: Whether contacts are kept in clear, and no text is redacted.

    Raises:
        InputError: The key is too short.
    """

    key: bytes | None = None
    clear: bool = False

    def __post_init__(self) -> None:
        if self.key is not None:
            if not isinstance(self.key, bytes):
                raise InputError(f"contact_key: expected bytes, got {type(self.key).__name__}")
            hide("", self.key)

    def __repr__(self) -> str:
        """Return a text without the key, which must not stand in a log."""
        return f"ContactKeeping(key={'...' if self.key else None}, clear={self.clear})"

    def uses(self, contacts: Sequence[tuple[str, Contact]]) -> tuple[ContactUse, ...]:
        """Return contacts with their sources as a report has them, each once a source."""
        found = dict.fromkeys((source, c.kind, c.value) for source, c in contacts)
        if self.key is None and not self.clear:
            counted = Counter((source, kind) for source, kind, _ in found)
            return tuple(ContactUse(kind, source, number) for (source, kind), number in counted.items())
        return tuple(
            ContactUse(
                kind,
                source,
                token=hide(value, self.key) if self.key and value else None,
                value=value if self.clear and value else None,
            )
            for source, kind, value in found
        )


def photo_codes(photos: Sequence[PhotoFeatures]) -> tuple[Code, ...] | None:
    """Return the codes of a listing's photos, in order; None where they were looked for in no photo."""
    if all(photo.codes is None for photo in photos) and photos:
        return None
    return tuple(replace(code, image=i) for i, photo in enumerate(photos) for code in photo.codes or ())


def declared_of(photos: Sequence[PhotoFeatures]) -> tuple[Declaration, ...] | None:
    """Return what the files of a listing's photos declare, in order; None where that was read of none."""
    if all(photo.declared is None for photo in photos) and photos:
        return None
    return tuple(replace(one, image=i) for i, photo in enumerate(photos) for one in photo.declared or ())


def code_contacts(codes: Sequence[Code], region: str | None) -> Iterator[tuple[str, Contact]]:
    """Yield the contacts that codes hold; in a code of digits alone there is none."""
    for code in codes:
        if not code.text.isdecimal():
            yield from ((f"code:{code.image}", contact) for contact in find_contacts(code.text, region))


def redacted(report: Report) -> Report:
    """Return a report in whose texts no contact stands; ids, names of files and of brands stay as they are."""
    return replace(
        report,
        score=_score(report.score),
        mentions=tuple(replace(m, text=redact(m.text)) for m in report.mentions),
        warnings=tuple(map(redact, report.warnings)),
        skipped=tuple(map(redact, report.skipped)),
        listing=None if report.listing is None else _facts(report.listing),
        price=None if report.price is None else replace(report.price, reason=redact(report.price.reason)),
        text=None if report.text is None else tuple(replace(line, text=redact(line.text)) for line in report.text),
        codes=None if report.codes is None else tuple(map(redacted_code, report.codes)),
    )


def redacted_code(code: Code) -> Code:
    """Return a code without contacts in its text; digits alone are a GTIN, and no number of a person."""
    return code if code.text.isdecimal() else replace(code, text=redact(code.text))


def _score(score: Score) -> Score:
    parts = tuple(replace(part, why=redact(part.why)) for part in score.contributions)
    return replace(score, contributions=parts, doubts=tuple(map(redact, score.doubts)))


def _facts(facts: ListingFacts) -> ListingFacts:
    texts: dict[str, Any] = {
        name: redact(value)
        for name in ("title", "claimed_brand", "category", "condition")
        if (value := getattr(facts, name)) is not None
    }
    return replace(facts, **texts)

"""Reports as rows of a table: one a listing, one a candidate brand, or one a match. Knows no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.results import ListingFacts, Report

__all__ = ["EXPORT_COLUMNS", "ExportKind", "export_rows"]

ExportKind: TypeAlias = Literal["listing", "brand", "match"]
"""What a row of an export is about."""

EXPORT_COLUMNS: Mapping[ExportKind, tuple[str, ...]] = MappingProxyType(
    {
        "listing": (
            "listing_id", "seller_id", "band", "score", "brand", "probability", "coverage", "reasons", "doubts",
            "title", "claimed_brand", "category", "condition", "price", "currency", "usual_price", "url", "images",
            "matches", "mentions", "warnings", "skipped", "score_model", "version", "time",
        ),
        "brand": ("listing_id", "seller_id", "band", "brand", "probability", "score", "is_top", "title", "url"),
        "match": (
            "listing_id", "seller_id", "image", "file", "brand", "logo", "kind", "similarity", "margin", "probability",
            "x0", "y0", "x1", "y1",
        ),
    }
)  # fmt: skip
"""Columns of each kind of export."""

# Contributions to the log-odds from which a reason is listed.
_LEAST_REASON = 0.05


def export_rows(reports: Iterable[Report], by: ExportKind) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a table of reports, with the columns of `EXPORT_COLUMNS`.

    Args:
        reports: The reports, in the order of the rows.
        by: What a row is about.

    Raises:
        InputError: There is no such kind.
    """
    if by not in get_args(ExportKind):
        raise InputError(f"by: expected listing, brand or match, got {quoted(by)}")
    rows_of: Callable[[Report], Iterator[dict[str, Any]]] = {"listing": _listing, "brand": _brands, "match": _matches}[
        by
    ]
    columns = EXPORT_COLUMNS[by]
    for report in reports:
        for row in rows_of(report):
            yield tuple(row[name] for name in columns)


def _listing(report: Report) -> Iterator[dict[str, Any]]:
    score, facts, price = report.score, report.listing or ListingFacts(), report.price
    reasons = [c.signal for c in score.contributions if c.contribution >= _LEAST_REASON]
    yield {
        "listing_id": report.listing_id,
        "seller_id": report.seller_id,
        "band": score.band,
        "score": score.value,
        "brand": score.brand,
        "probability": next((b.probability for b in report.brands if b.brand == score.brand), None),
        "coverage": score.coverage,
        "reasons": reasons,
        "doubts": score.doubts,
        **{name: getattr(facts, name) for name in ("title", "claimed_brand", "category", "condition", "url")},
        "price": facts.price,
        "currency": facts.currency,
        "usual_price": None if price is None else price.usual,
        "images": len(report.images),
        "matches": len(report.matches),
        "mentions": len(report.mentions),
        "warnings": report.warnings,
        "skipped": report.skipped,
        "score_model": score.model,
        "version": report.provenance.version,
        "time": report.provenance.time,
    }


def _brands(report: Report) -> Iterator[dict[str, Any]]:
    facts = report.listing or ListingFacts()
    for result in report.brands:
        yield {
            "listing_id": report.listing_id,
            "seller_id": report.seller_id,
            "band": report.score.band,
            "brand": result.brand,
            "probability": result.probability,
            "score": result.score,
            "is_top": result.brand == report.score.brand,
            "title": facts.title,
            "url": facts.url,
        }


def _matches(report: Report) -> Iterator[dict[str, Any]]:
    for match in report.matches:
        yield {
            "listing_id": report.listing_id,
            "seller_id": report.seller_id,
            "image": match.image,
            "file": report.images[match.image].file,
            "brand": match.brand,
            "logo": match.logo,
            "kind": match.kind,
            "similarity": match.similarity,
            "margin": match.margin,
            "probability": match.probability,
            **dict(zip(("x0", "y0", "x1", "y1"), match.xyxy, strict=True)),
        }

"""Judge a report again by another score model, from the signals that it holds. Knows no photo and no index."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from logoscan.results import Report, Signal
from logoscan.scoring.credits import CREDIT, why_not_clear

if TYPE_CHECKING:
    from logoscan.scoring.model import ScoreModel

__all__ = ["rejudge"]


def rejudge(model: ScoreModel, report: Report) -> Report:
    """Return a report judged by another model (`ScoreModel.rejudge`).

    Args:
        model: The model.
        report: A report of any model.

    Raises:
        InputError: A signal of the report that is no credit has no shape in the model.
    """
    before = report.score
    provenance = replace(report.provenance, score_model=model.version)
    if before.brand is None:
        score = model.nothing(complete=before.band == "clear")
        return replace(report, score=replace(score, doubts=before.doubts), provenance=provenance)
    shown = next((result.probability for result in report.brands if result.brand == before.brand), None)
    left_out = CREDIT.keys() - model.shapes.keys()  # the model may be older than credits are
    parts = [part for part in before.contributions if part.signal not in left_out]
    signals = [Signal(part.signal, part.value, part.why) for part in parts]
    doubts = list(before.doubts)
    score = model.score(before.brand, signals, shown=shown, doubts=doubts)
    if model.version == before.model:
        # without a calibration `shown` is not in the report, and so neither is why the band was review; nor is how much
        # of the text could be read
        return replace(report, score=replace(score, band=before.band, coverage=before.coverage), provenance=provenance)
    unseen = _unseen(report) if before.band != "clear" else ""
    if score.band == "clear" and (further := [doubt for doubt in (why_not_clear(model, score), unseen) if doubt]):
        score = replace(score, band="review", doubts=(*doubts, *further))
    skipped = [*report.skipped, f"judged again from its signals, which {before.model} judged before"]
    others = [result.brand for result in report.brands if result.brand != before.brand]
    if others:
        skipped.append(f"not judged again, because their signals are not in the report: {', '.join(others)}")
    brands = [
        replace(result, score=score.value or 0.0) if result.brand == before.brand else result
        for result in report.brands
    ]
    brands.sort(key=lambda result: (-result.score, result.brand))
    return replace(report, score=score, brands=tuple(brands), skipped=tuple(skipped), provenance=provenance)


def _unseen(report: Report) -> str:
    """Return what of a listing could not be looked at, in words; "" where all was."""
    cut = [line for line in report.skipped if "over the cap" in line]
    return "; ".join([*report.warnings, *cut][:3])

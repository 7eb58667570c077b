"""What one photo more would release a held listing: asked of the seller in place of days in a queue.

By the score's own form: for each kind of photo the findings are set to its best outcome, and the listing is judged
again. Only what would then be clear is asked for; whether the seller's photo really shows it, the next screening says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from logoscan.evidence import AI_MADE
from logoscan.images.phash import PhotoUse
from logoscan.scoring.evidence_signals import contradicting_codes
from logoscan.scoring.judge import Findings, Judge
from logoscan.types import Brand

__all__ = ["Ask", "AskedEvidence", "ask_for"]

AskedEvidence: TypeAlias = Literal["own photo", "label", "barcode", "goods alone", "readable photo"]
"""What a photo should show: the goods as the seller has them; the mark on the label; the bar code; an accessory without
the thing that it is for; what a photo that could not be read should have shown."""

_WORDS: dict[AskedEvidence, str] = {
    "own photo": "a photo of the goods that you took yourself, with today's date on a note, in place of the others",
    "label": "a photo of the label or the mark on the goods",
    "barcode": "a photo of the bar code on the goods",
    "goods alone": "a photo of the goods alone, without the thing that they are for",
    "readable photo": "the photos again that could not be read, sharp and upright",
}
_NO_OTHERS = PhotoUse(0)
# A photo is asked for where the best case is surely clear: its score is at most this share of the one from which a
# person looks. Else a counterfeiter who answers is let through by little (`python -m benchmarks evidence`).
_SURELY_CLEAR = 0.2


@dataclass(frozen=True)
class Ask:
    """A photo that would release a held listing if it shows what it should.

    Attributes:
        evidence: What it should show.
        words: What it should show, in words for the seller.
        value: Score of the listing in the best case, in [0, 100]; None where it then has none.
    """

    evidence: AskedEvidence
    words: str
    value: float | None = None


def ask_for(findings: Findings, judge: Judge, brand_of: Callable[[str], Brand | None]) -> tuple[Ask, ...]:
    """Return the photos of which each alone could release a held listing, the one with the lowest score first.

    Args:
        findings: Everything that was found out about the listing.
        judge: Judge of the screening.
        brand_of: Returns the registered brand of a name; None where there is none.
    """
    found = []
    for evidence, best in _best_outcomes(findings, judge, brand_of):
        score = judge.top(judge.judge(best, brand_of), best)
        if score.band == "clear" and (score.value or 0.0) <= _SURELY_CLEAR * judge.score_model.review_from:
            found.append(Ask(evidence, _WORDS[evidence], score.value))
    return tuple(sorted(found, key=lambda ask: ask.value or 0.0))


def _best_outcomes(
    findings: Findings, judge: Judge, brand_of: Callable[[str], Brand | None]
) -> Iterator[tuple[AskedEvidence, Findings]]:
    """Yield what the findings would be at best after each kind of photo that can change them."""
    with_mark = _with_mark(findings, brand_of)
    uses = findings.photos or ()
    if any(use.weight > 0 for use in uses) or any(one.kind in AI_MADE for one in findings.other.declared):
        own = None if findings.photos is None else tuple(_NO_OTHERS if use.weight > 0 else use for use in uses)
        yield "own photo", replace(with_mark, photos=own, other=replace(findings.other, declared=()))
    if with_mark is not findings:
        yield "label", with_mark
    brands = [brand for name in findings.candidates() if (brand := brand_of(name)) is not None]
    if any(contradicting_codes(findings.other.codes, brand, findings.other.serial_uses) for brand in brands):
        yield "barcode", replace(findings, other=replace(findings.other, codes=(), serial_uses={}))
    shown_for = {brand.name for brand in brands if judge.case(findings, brand).is_accessory} & findings.shown.keys()
    if shown_for:
        others = {name: shown for name, shown in findings.shown.items() if name not in shown_for}
        yield "goods alone", replace(findings, shown=others, shown_by_photo=None)
    if "unreadable" in findings.gaps or findings.unreadable_share > 0:
        yield "readable photo", replace(
            with_mark, gaps=findings.gaps - {"unreadable"}, unseen=(), searched_share=1.0, unreadable_share=0.0,
            unreadable="",
        )  # fmt: skip


def _with_mark(findings: Findings, brand_of: Callable[[str], Brand | None]) -> Findings:
    """Return the findings with the claimed brand surely shown; the same where none is claimed, or it is shown."""
    claimed = findings.claimed
    if not claimed or brand_of(claimed) is None or findings.shown.get(claimed, 0.0) >= 1.0:
        return findings
    return replace(findings, shown={**findings.shown, claimed: 1.0})

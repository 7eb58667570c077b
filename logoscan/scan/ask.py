"""What one photo more would release a held listing: asked of the seller in place of days in a queue.

By the score's own form: for each kind of photo the findings are set to its best outcome, and the listing is judged
again. Only what would then be clear is asked for; whether the seller's photo really shows it, the next screening says.

With the platform's key a photo of the seller's own has to show a note: some letters that belong to the listing, which
nobody can guess. Where a photo that nobody else uses shows them, this speaks in the listing's favour as far as that
photo shows the brand (`credits.own_photo`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from logoscan.evidence import AI_MADE
from logoscan.images.phash import PhotoUse
from logoscan.merchants.tokens import hide
from logoscan.odds import sigmoid
from logoscan.scoring.credits import ASSERTED
from logoscan.scoring.evidence_signals import contradicting_codes
from logoscan.scoring.judge import Findings, Judge, Judgement
from logoscan.types import Brand

__all__ = ["Ask", "AskedEvidence", "ask_for", "highest_proven", "note_of", "shows_note"]

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
_WITH_NOTE = "a photo of the goods that you took yourself, with a note beside them that says {}, in place of the others"
_NO_OTHERS = PhotoUse(0)
# Where only what a person would look at is asked for, the best case must be surely clear: its score is at most this
# share of the one from which a person looks. Else a counterfeiter who answers is let through by little. Where more
# listings are asked (`ask_from`), those that do not answer make up for those (`python -m benchmarks evidence`).
_SURELY_CLEAR = 0.2
# Letters that are not mistaken for each other, and how many a note has; in one of them the reader may err.
_LETTERS = "ACEHKLMPRTWXY347"
_NOTE_LENGTH, _NOTE_ERRORS = 6, 1


@dataclass(frozen=True)
class Ask:
    """A photo that would release a held listing if it shows what it should.

    Attributes:
        evidence: What it should show.
        words: What it should show, in words for the seller.
        value: Score of the listing in the best case, in [0, 100]; None where it then has none.
        note: Letters that the photo must show; "" where any photo of that kind will do.
    """

    evidence: AskedEvidence
    words: str
    value: float | None = None
    note: str = ""


def note_of(listing_id: str, key: bytes) -> str:
    """Return the letters that a photo must show which is taken for a listing: they follow from its id and the key.

    Args:
        listing_id: Id of the listing.
        key: The platform's secret, 16 bytes or more.

    Raises:
        InputError: The key is too short.
    """
    number = int(hide(f"note of {listing_id}", key), 16)
    return "".join(_LETTERS[number >> 4 * i & 15] for i in range(_NOTE_LENGTH))


def shows_note(lines: Iterable[str], note: str) -> bool:
    """Return whether one of the lines that were read in a photo holds a note; one letter may be misread."""
    for line in lines:
        letters = "".join(filter(str.isalnum, line.upper()))
        for start in range(len(letters) - len(note) + 1):
            read = letters[start : start + len(note)]
            if sum(a != b for a, b in zip(read, note, strict=True)) <= _NOTE_ERRORS:
                return True
    return False


def highest_proven(judgements: Sequence[Judgement]) -> float:
    """Return the highest score of the candidates if what anyone can assert did not speak in their favour; 0 if none."""
    proven = [
        j.score.bias + math.fsum(c.contribution for c in j.score.contributions if c.signal not in ASSERTED)
        for j in judgements
    ]
    return 100.0 * sigmoid(max(proven)) if proven else 0.0


def ask_for(
    findings: Findings,
    judge: Judge,
    brand_of: Callable[[str], Brand | None],
    *,
    note: str = "",
    surely: bool = True,
) -> tuple[Ask, ...]:
    """Return the photos of which each alone could release a held listing, the one with the lowest score first.

    Args:
        findings: Everything that was found out about the listing.
        judge: Judge of the screening.
        brand_of: Returns the registered brand of a name; None where there is none.
        note: Letters that a photo of the seller's own has to show (`note_of`); "" asks for none, which earns nothing.
        surely: Whether the best case must be far below the score from which a person looks.
    """
    found = []
    most = judge.score_model.review_from * (_SURELY_CLEAR if surely else 1.0)
    for evidence, best in _best_outcomes(findings, judge, brand_of, bool(note)):
        score = judge.top(judge.judge(best, brand_of), best)
        if score.band == "clear" and (score.value or 0.0) <= most:
            shown = note if evidence == "own photo" else ""
            words = _WITH_NOTE.format(note) if shown else _WORDS[evidence]
            found.append(Ask(evidence, words, score.value, shown))
    return tuple(sorted(found, key=lambda ask: ask.value or 0.0))


def _best_outcomes(
    findings: Findings, judge: Judge, brand_of: Callable[[str], Brand | None], with_note: bool
) -> Iterator[tuple[AskedEvidence, Findings]]:
    """Yield what the findings would be at best after each kind of photo that can change them."""
    with_mark = _with_mark(findings, brand_of)
    uses = findings.photos or ()
    if with_note or any(use.weight > 0 for use in uses) or any(o.kind in AI_MADE for o in findings.other.declared):
        own = None if findings.photos is None else tuple(_NO_OTHERS if use.weight > 0 else use for use in uses)
        claims = findings.claimed and brand_of(findings.claimed) is not None
        names = [findings.claimed or ""] if claims else findings.candidates()
        shown = dict.fromkeys(names, 1.0) if with_note else findings.other.own_photo
        yield "own photo", replace(with_mark, photos=own, other=replace(findings.other, declared=(), own_photo=shown))
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

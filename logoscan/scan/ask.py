"""What one photo more would release a held listing: asked of the seller in place of days in a queue.

By the score's own form: for each kind of photo the findings are set to its best outcome, and the listing is judged
again. Only what would then be clear is asked for; whether the seller's photo really shows it, the next screening says.

With the platform's key a photo of the seller's own has to show a note: some letters that belong to the listing, which
nobody can guess. Where a photo that nobody else uses shows them, this speaks in the listing's favour as far as that
photo shows the brand's mark (`credits.own_photo`).

Known errors: a note that the reader splits, or reads together with other words, is not found, and is asked for again;
so is one beside another line that looks like a note. What was sent for a listing answers for the same listing of the
same seller for good, though its words or its price change later, and nothing tells whether the seller's other listings
show that photo: it answers for none of them, since their notes are others. A note that was drawn into a photo, or laid
beside a printed logo, is one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from logoscan.evidence import AI_MADE
from logoscan.images.phash import PhotoUse
from logoscan.merchants.tokens import hide
from logoscan.odds import sigmoid
from logoscan.results import Score
from logoscan.scoring.credits import ASSERTED
from logoscan.scoring.evidence_signals import contradicting_codes
from logoscan.scoring.judge import Findings, Judge, Judgement
from logoscan.types import Brand

__all__ = [
    "OWN_SHOWN_FROM",
    "Ask",
    "AskedEvidence",
    "ask_for",
    "best_asks",
    "note_of",
    "proven",
    "shows_note",
    "unanswered",
]

OWN_SHOWN_FROM = 0.5
"""Probability from which a photo with the note answers for a brand: that it shows the mark is likelier than not."""

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
_WITH_NOTE = "a photo of the goods that you took yourself, beside a note that says {} alone, in place of the others"
_NO_OTHERS = PhotoUse(0)
# Where only what a person would look at is asked for, the best case must be surely clear: its score is at most this
# share of the one from which a person looks. Else a counterfeiter who answers is let through by little. Where more
# listings are asked (`ask_from`), those that do not answer make up for those (`python -m benchmarks evidence`).
_SURELY_CLEAR = 0.2
# A note is five letters that are not mistaken for each other, and two digits, by which it is told from a word; in one
# of all the reader may err.
_LETTERS, _DIGITS = "ACEHKLMPRTWXY347", "3479"
_FORM = (_LETTERS,) * 5 + (_DIGITS,) * 2
_NOTE_ERRORS = 1
_NO_SIGN = re.compile(r"[\W_]+")


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


def note_of(listing_id: str, seller_id: str | None, key: bytes) -> str:
    """Return the letters that a photo must show which is taken for a listing: they follow from its ids and the key.

    Args:
        listing_id: Id of the listing.
        seller_id: Id of its seller; None and a blank one are the same.
        key: The platform's secret, 16 bytes or more.

    Raises:
        InputError: The key is too short.
    """
    seller = (seller_id or "").strip()
    number = int(hide(f"note of {len(seller)}:{seller}{len(listing_id)}:{listing_id}", key), 16)
    letters = []
    for signs in _FORM:
        number, at = divmod(number, len(signs))
        letters.append(signs[at])
    return "".join(letters)


def shows_note(lines: Iterable[str], note: str) -> bool:
    """Return whether a photo answers for a note: it stands alone on a line, and no line may be another listing's note.

    Args:
        lines: The lines that were read in the photo. What is no letter and no digit does not count; one may be misread.
        note: The note (`note_of`).
    """
    read = {line for text in lines if _errors(line := _NO_SIGN.sub("", text.upper()), _FORM) <= _NOTE_ERRORS}
    return bool(read) and all(_errors(line, note) <= _NOTE_ERRORS for line in read)


def _errors(line: str, form: Sequence[str]) -> int:
    """Return how many signs of a line are not among those that a form allows in their places; all if it is longer."""
    if len(line) != len(form):
        return len(form)
    return sum(sign not in allowed for sign, allowed in zip(line, form, strict=True))


def unanswered(findings: Findings, judgements: Sequence[Judgement]) -> float:
    """Return the highest proven score of the candidates whose mark no photo with the note shows; 0 if there are none.

    Proven is the score if what anyone can assert did not speak in the listing's favour. The photo must show the mark
    with `OWN_SHOWN_FROM` or more.

    Args:
        findings: Everything that was found out about the listing.
        judgements: What the judge says about it.
    """
    return max(
        (proven(j.score) for j in judgements if findings.other.own_photo.get(j.brand, 0.0) < OWN_SHOWN_FROM),
        default=0.0,
    )


def proven(score: Score) -> float:
    """Return what a score would be if what anyone can assert did not speak in the listing's favour, in [0, 100]."""
    return 100.0 * sigmoid(
        score.bias + math.fsum(c.contribution for c in score.contributions if c.signal not in ASSERTED)
    )


def ask_for(
    findings: Findings,
    judge: Judge,
    brand_of: Callable[[str], Brand | None],
    *,
    note: str = "",
    ask_from: float | None = None,
) -> tuple[Ask, ...]:
    """Return the photos of which each alone could release a held listing, the one with the lowest score first.

    Args:
        findings: Everything that was found out about the listing.
        judge: Judge of the screening.
        brand_of: Returns the registered brand of a name; None where there is none.
        note: Letters that a photo of the seller's own has to show (`note_of`); "" asks for none, which earns nothing.
        ask_from: Score from which a listing is held until a photo with the note was sent; what would still be held is
            not asked for. None holds none of them; then the best case must be far below the score from which a person
            looks.
    """
    most = judge.score_model.review_from * (_SURELY_CLEAR if ask_from is None else 1.0)
    best = best_asks(findings, judge, brand_of, note=note, of_all=ask_from is not None)
    return tuple(ask for ask, left in best if (ask.value or 0.0) <= most and (ask_from is None or left < ask_from))


def best_asks(
    findings: Findings, judge: Judge, brand_of: Callable[[str], Brand | None], *, note: str, of_all: bool
) -> list[tuple[Ask, float]]:
    """Return the photos with which a listing would be clear at best, the lowest score first, each with what is left.

    What is left is the proven score for which no photo with a note answers (`unanswered`).

    Args:
        findings: Everything that was found out about the listing.
        judge: Judge of the screening.
        brand_of: Returns the registered brand of a name; None where there is none.
        note: Letters that a photo of the seller's own has to show; "" asks for none.
        of_all: Whether the photo with the note shows at best all candidates, or the claimed brand alone where one is
            claimed.
    """
    found = []
    for evidence, best in _best_outcomes(findings, judge, brand_of, bool(note), of_all):
        judged = judge.judge(best, brand_of)
        score = judge.top(judged, best)
        if score.band == "clear":
            shown = note if evidence == "own photo" else ""
            words = _WITH_NOTE.format(note) if shown else _WORDS[evidence]
            found.append((Ask(evidence, words, score.value, shown), unanswered(best, judged)))
    return sorted(found, key=lambda one: one[0].value or 0.0)


def _best_outcomes(
    findings: Findings, judge: Judge, brand_of: Callable[[str], Brand | None], with_note: bool, of_all: bool
) -> Iterator[tuple[AskedEvidence, Findings]]:
    """Yield what the findings would be at best after each kind of photo that can change them."""
    with_mark = _with_mark(findings, brand_of)
    uses = findings.photos or ()
    if with_note or any(use.weight > 0 for use in uses) or any(o.kind in AI_MADE for o in findings.other.declared):
        own = None if findings.photos is None else tuple(_NO_OTHERS if use.weight > 0 else use for use in uses)
        claims = findings.claimed and brand_of(findings.claimed) is not None
        names = [findings.claimed or ""] if claims and not of_all else findings.candidates()
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

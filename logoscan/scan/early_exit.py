"""Early exit: decide whether the remaining stages of a screening can still change its decision.

Both functions follow from the form of the score. The shape of a signal begins at 0 and never falls, so the score of a
candidate never falls when a signal rises or is added; a credit takes no more than its shape's end, so that the lowest
score that is still within reach is that with all credits in full that later stages may bring. The score of the listing
is the highest of its candidates' scores, and its band is that candidate's band. Does not use photos or the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from logoscan.results import Score, Signal
from logoscan.scan.ask import proven
from logoscan.scoring.case import Case
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.types import Brand, MarkAlteration

__all__ = ["marks_are_moot", "surely_blocked"]

# Who sells is known from the beginning; everything else may still be found in photos or reviews, or weighs more once
# photos show the brand.
_LATER_CREDITS = CREDIT.keys() - {"authorised_seller"}

BrandOf = Callable[[str], Brand | None]
"""Returns the registered brand of a name; None where there is none."""


def surely_blocked(
    judge: Judge, findings: Findings, brand_of: BrandOf, *, more_photos: bool, notes: bool = False
) -> bool:
    """Return whether the band is "block" whatever the remaining stages find.

    It is, if some candidate reaches "block" by findings that later stages cannot revoke, because a listing has the
    strictest band of its candidates.

    Findings that more photos can revoke are left out. A claimed brand that was not found may still be found; this
    clears the brands that are shown beside it, and the claimed brand itself of hiding its mark and of a fuzzy match of
    its name in a photo. A doubtful mark may be shown better. A photo that was not examined yet is not withheld.
    Signals that are not the library's are left out too, because nothing is known of them except that they never lower
    the score.

    Args:
        judge: Judge with prices, score model and signals.
        findings: Findings from words and from photos that were examined completely; hashes of the others count.
        brand_of: Returns the registered brand of a name; None where there is none.
        more_photos: Whether some photos were not examined completely.
        notes: Whether photos are searched for the note that their seller may have been asked for (`ask`).
    """
    for name in findings.candidates():
        if brand := brand_of(name):
            case = judge.case(findings, brand)
            if more_photos:
                claims_other = findings.claimed not in (None, "", name) and brand_of(findings.claimed or "") is not None
                case = replace(
                    case,
                    searched=False,
                    altered=None,
                    claimed_shown=float(claims_other),
                    shown_apart=0.0 if claims_other else case.shown_apart,
                    searched_share=1.0,
                    unseen=(),
                    mentions=tuple(m for m in case.mentions if m.kind != "near" or m.image is None),
                )
            if _score(judge, case, notes).band == "block":
                return True
    return False


def marks_are_moot(
    judge: Judge, findings: Findings, brand_of: BrandOf, waiting: Collection[str], *, ask_from: float | None = None
) -> bool:
    """Return whether comparing marks with their logo images cannot change the decision, once all else is done.

    A comparison adds one signal to one brand, between nothing and `altered_logo` in full, and its coverage. It cannot
    change the band if, at both ends, the brand's band is the listing's, or milder than the listing's, because the
    strictest band of all brands counts. Where sellers are asked for a photo with a note, the proven score of the brand
    must lie on one side of `ask_from` as well.

    Args:
        judge: Judge with prices, score model and signals.
        findings: Findings of all stages but these comparisons.
        brand_of: Returns the registered brand of a name; None where there is none.
        waiting: Brands whose mark was not compared.
        ask_from: Proven score from which a listing is held for a photo with a note; None holds none.
    """
    if any(function not in DEFAULT_SIGNALS for function in judge.signals):
        return False  # such a signal may depend on a mark in any way
    top = judge.top(judge.judge(findings, brand_of), findings)
    if top.value is None:
        return True
    order = ("clear", "review", "block")
    for name in sorted(set(waiting) & set(findings.candidates())):
        if brand := brand_of(name):
            case = judge.case(findings, brand)
            ends = [None, *(MarkAlteration({"faithful": f, "altered": 1.0 - f}) for f in (1.0, 0.0))]
            scores = [judge.score_with_doubts(replace(case, altered=end), findings) for end in ends]
            if ask_from is not None and len({proven(score) >= ask_from for score in scores}) > 1:
                return False
            bands = {score.band for score in scores[1:]}
            milder = name != top.brand and max(map(order.index, bands)) < order.index(top.band)
            if not milder and bands != {top.band}:
                return False
    return True


def _score(judge: Judge, case: Case, notes: bool) -> Score:
    """Return the lowest score of one candidate by the library's signals, with all credits that may still come."""
    signals = [s for function in judge.signals if function in DEFAULT_SIGNALS and (s := function(case)) is not None]
    known = judge.score_model.shapes.keys()
    signals = [s for s in signals if s.name not in _LATER_CREDITS and (s.name in known or s.name not in CREDIT)]
    used = {function.__name__ for function in judge.signals} & _LATER_CREDITS & known
    used -= set() if notes else {"own_photo"}
    if not (case.listing.reviews or case.complaints.reviews):
        used -= {"good_reviews"}
    if not case.listing.price:
        used -= {"usual_price"}
    signals += [Signal(name, 1.0, "may still be found") for name in sorted(used)]
    return judge.score_model.score(case.brand.name, signals, shown=case.shown)

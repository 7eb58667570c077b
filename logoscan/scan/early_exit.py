"""What is certain of a decision before everything was looked at. Knows scores and signals; knows no clock, no pictures.

Both answers rest on the score's form. Every shape begins with 0 and never falls, so a candidate's score never falls
when a signal rises or joins. The listing's score is the highest of its candidates', and its band is that candidate's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from logoscan.results import Score
from logoscan.scoring.case import Case
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.types import Brand, MarkAlteration

__all__ = ["marks_are_moot", "surely_blocked"]

BrandOf = Callable[[str], Brand | None]


def surely_blocked(judge: Judge, found: Findings, brand_of: BrandOf, *, more_photos: bool) -> bool:
    """Whether the band is "block" whatever else may be found.

    It is where some candidate, judged by what cannot be taken back, reaches "block": a listing has the strictest band
    of its candidates.

    What more photos can take back is left out: a claimed brand that is not seen may yet be seen, which clears the
    brands that are shown beside it, and the brand itself of hiding its mark and of a name that is nearly spelt in a
    photo; a mark in question may be seen better; a photo that was not looked at yet is not withheld.
    Signals that are not the library's are left out too: nothing is known of them but that they never count against a
    suspicion.

    Args:
        judge: Its prices, score model and signals.
        found: By words and by photos that were looked at completely; hashes of the others count.
        brand_of: The registered brand of a name; None for what is none.
        more_photos: Some were not looked at completely.
    """
    for name in found.candidates():
        if brand := brand_of(name):
            case = judge.case(found, brand)
            if more_photos:
                rival = found.claimed not in (None, "", name) and brand_of(found.claimed or "") is not None
                apart = 0.0 if rival else case.shown_apart
                case = replace(
                    case,
                    searched=False,
                    altered=None,
                    claimed_shown=float(rival),
                    shown_apart=apart,
                    searched_share=1.0,
                    unseen=(),
                    mentions=tuple(m for m in case.mentions if m.kind != "near" or m.image is None),
                )
            if _score(judge, case).band == "block":
                return True
    return False


def marks_are_moot(judge: Judge, found: Findings, brand_of: BrandOf, waiting: Collection[str]) -> bool:
    """Whether comparing marks with their drawings cannot change the band, once everything else is done.

    A comparison adds one signal to one brand, between nothing and `altered_logo` in full, and its coverage. It is moot
    where the brand's band is the listing's at both ends, or milder than the listing's at both: the strictest counts.

    Args:
        judge: Its prices, score model and signals.
        found: Everything but those marks.
        brand_of: The registered brand of a name; None for what is none.
        waiting: Brands whose mark was not compared.
    """
    if any(function not in DEFAULT_SIGNALS for function in judge.signals):
        return False  # theirs may depend on a mark in any way
    top = judge.top(judge.judge(found, brand_of), found)
    if top.value is None:
        return True
    order = ("clear", "review", "block")
    for name in sorted(set(waiting) & set(found.candidates())):
        if brand := brand_of(name):
            case = judge.case(found, brand)
            ends = [MarkAlteration({"faithful": f, "altered": 1.0 - f}) for f in (1.0, 0.0)]
            bands = {judge.score_with_doubts(replace(case, altered=end), found).band for end in ends}
            milder = name != top.brand and max(map(order.index, bands)) < order.index(top.band)
            if not milder and bands != {top.band}:
                return False
    return True


def _score(judge: Judge, case: Case) -> Score:
    """One candidate's, by the library's signals alone."""
    signals = [s for function in judge.signals if function in DEFAULT_SIGNALS and (s := function(case)) is not None]
    return judge.score_model.score(case.brand.name, signals, shown=case.shown)

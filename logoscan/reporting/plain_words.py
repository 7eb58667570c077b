"""What a report says, in words for people who decide about goods: points of 100, names of reasons, a glossary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from logoscan.odds import sigmoid
from logoscan.results import ListingFacts, Report, Score
from logoscan.scoring.words import listed, shown_in_photos

__all__ = ["GLOSSARY", "REASON_NAMES", "is_little_known", "points", "reason_name", "why_in_review"]

REASON_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "low_price": "Low price",
        "seller_not_authorised": "Seller not authorised",
        "shown_not_claimed": "Shows a brand, states none",
        "claims_another_brand": "States another brand",
        "claimed_not_shown": "Brand not seen in photos",
        "altered_logo": "Logo altered",
        "lookalike_text": "Name misspelled",
        "coded_terms": "Words for copies",
        "contradicts_facts": "Contradicts the brand's facts",
        "review_complaints": "Buyers say fake",
        "copied_photo": "Photo used by others",
        "withheld": "Hidden or unreadable",
        "unlikely_origin": "Unlikely origin",
        "code_contradicts": "Code does not fit",
        "contact_diversion": "Contact past the platform",
        "photo_contradicts": "Photo shows other goods",
        "declared_ai": "Photo declared AI-made",
        "authorised_seller": "In favour: authorised seller",
        "usual_price": "In favour: usual price",
        "brand_shown": "In favour: shows what it states",
        "official_photo": "In favour: the brand's own photo",
        "own_photo": "In favour: a photo taken on request",
        "good_reviews": "In favour: reviews, no complaint",
    }
)
"""Names of the reasons on pages, by signal."""
GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "Points": "The score goes from 0 to 100. Each reason adds points, what speaks in favour takes some; with the "
        "points at the start they add up to the score. More points are a reason to look sooner. They are no proof.",
        "Block, review, clear": "Block: several things do not fit together, look here first. Review: a person should "
        "look. Clear: what could be checked fits.",
        "% sure": "How sure the program is that a photo shows a logo or a name. Of 100 such answers with 90 %, about "
        "90 are right on photos like those that it was checked with.",
        "Registered logo": "A picture of the logo that the brand's owner gave, or that was taken for the brand.",
        "Usual price": "What known genuine goods of that brand and kind cost, or what the brand's owner says.",
        "Case": "A listing with its copies: the same photos and nearly the same title and price.",
        "Counterfeit": "The goods imitate the brand. Note it only if you have a reason beyond the price.",
        "Genuine": "The listing is about the brand, and its goods are the brand's own.",
        "Wrong brand": "The listing does not concern the brand that the case names.",
        "Missed brand": "The listing concerns a brand that the case does not name.",
        "Could be checked": "The share of the possible reasons for which the listing gave enough to go by. A low score "
        "with little checked says little.",
    }
)
"""What the words on the pages mean."""
# Log-odds below which a reason adds nothing that a page would show.
_LEAST_REASON = 0.005
# Coverage below which a score without a reason says nothing: that of the shipped score model.
_LITTLE_COVERAGE = 0.3


def reason_name(signal: str) -> str:
    """Return the name of a reason; of a signal of the caller's own, its words."""
    return REASON_NAMES.get(signal) or signal.replace("_", " ").capitalize()


def points(score: Score) -> tuple[int, tuple[int, ...]]:
    """Return the points of 100 at the start, and those of each contribution; they add up to the rounded score.

    A contribution to the log-odds becomes points by the mean slope of the curve between the start and the score, so
    that equal contributions have equal points, whatever their order. The whole numbers are rounded so that they sum.
    """
    if score.value is None:
        return 0, ()
    total = math.fsum(c.contribution for c in score.contributions)
    start = 100.0 * sigmoid(score.bias)
    slope = (score.value - start) / total if abs(total) > 1e-9 else start * (1.0 - start / 100.0)
    exact = [start, *(slope * c.contribution for c in score.contributions)]
    whole = [math.floor(x) for x in exact]
    left = round(score.value) - sum(whole)
    by_rest = sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))
    for i in by_rest[: max(0, left)]:
        whole[i] += 1
    return whole[0], tuple(whole[1:])


def is_little_known(score: Score) -> bool:
    """Return whether nothing speaks against a listing because hardly anything could be judged."""
    if score.value is None:
        return True
    nothing = all(c.contribution < _LEAST_REASON for c in score.contributions)
    return nothing and score.coverage < _LITTLE_COVERAGE


def why_in_review(report: Report) -> str | None:
    """Return in a sentence why a person should look, where the reasons of the score do not say it; None where they do.

    Without a full stop, as the reasons are.
    """
    score = report.score
    if score.band != "review":
        return None
    if score.doubts:
        return listed(score.doubts)
    if score.brand is None:
        return "not everything could be looked at, and no registered brand was found in the rest"
    if any(c.contribution >= _LEAST_REASON for c in score.contributions) and not is_little_known(score):
        return None
    shown = next((b.probability for b in report.brands if b.brand == score.brand), None)
    says = f"is about {score.brand}" if shown is None else shown_in_photos(score.brand, shown)
    facts = report.listing or ListingFacts()
    known = {"title": facts.title, "brand": facts.claimed_brand, "price": facts.price, "seller": report.seller_id}
    missing = [f"no {name}" for name, value in known.items() if value is None]
    if len(missing) == len(known):
        return f"{says}; nothing else is known about the listing"
    return f"{says}; {f'the listing states {listed(missing)}' if missing else 'little else could be checked'}"

"""What verdicts change in an index: which crops may become negatives, and how a change is taken back."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from logoscan.index.families import limits
from logoscan.index.logo_index import LogoIndex
from logoscan.review.verdict import Verdict
from logoscan.types import Rgb

__all__ = ["allowed_negatives", "logos_of", "negatives_of", "take_back"]

logger = logging.getLogger(__name__)


def allowed_negatives(
    verdict: Verdict, earlier: Sequence[Verdict], negatives: Sequence[Rgb], index: LogoIndex
) -> list[Rgb]:
    """Return the crops that may become negatives; a warning is logged for each of the others.

    Allowed are the crops dissimilar to the brand's logos and, if two reviewers agree, those that are similar but not
    the logo itself.

    Args:
        verdict: The rejection, not yet written.
        earlier: Verdicts that were not undone.
        negatives: Crops of the rejected regions, uint8 (n, n, 3) each.
        index: The index.
    """
    reviewers_agree = verdict.reviewer is not None and any(
        (v.kind, v.listing_id, v.brand, v.shown) == ("reject", verdict.listing_id, verdict.brand, False)
        and v.reviewer is not None
        and v.reviewer.strip().casefold() != verdict.reviewer.strip().casefold()
        for v in earlier
    )
    similar_from, same_logo_from = limits(index.encoder_info)
    allowed = []
    for rgb in negatives:
        cosine, logo = index.likeness(rgb, verdict.brand)
        if cosine < similar_from or (reviewers_agree and cosine < same_logo_from):
            allowed.append(rgb)
        else:
            why = "it is the mark itself" if cosine >= same_logo_from else "a second reviewer has to say so too"
            logger.warning(
                "listing %r: a place is like %r (%.2f): %s; a label only", verdict.listing_id, logo, cosine, why
            )
    return allowed


def negatives_of(index: LogoIndex, brand: str) -> set[str]:
    """Return the identifiers of a brand's own negatives."""
    return {r.id for r in index.negatives if r.brand == brand}


def logos_of(index: LogoIndex, brand: str) -> set[str]:
    """Return the identifiers of a brand's logos."""
    return {r.id for r in index.logos if r.brand == brand}


def take_back(index: LogoIndex, brand: str, negatives: Collection[str], logos: Collection[str]) -> None:
    """Remove negatives and logos of a brand; if no logo is left, photos are searched for its name again.

    Raises:
        InputError: One of them is missing, or the name has to be encoded and the index has no encoder.
    """
    for name in sorted(negatives):
        index.remove_negative(name, brand)
    for name in sorted(logos):
        index.remove(brand, name)
    facts = index.brand(brand)
    if logos and facts is not None and brand not in index.with_logo:
        index.add(facts, [])

"""What verdicts change in an index: which crops may become negatives, and how a change is taken back."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from logoscan._hashing import pixels_sha256
from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.index.families import negative_limits
from logoscan.index.logo_index import LogoIndex
from logoscan.review.verdict import Verdict
from logoscan.types import Rgb

__all__ = [
    "allowed_negatives",
    "changed",
    "logos_of",
    "negatives_of",
    "refuse_contradicted",
    "take_back",
    "undoable_changes",
]

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
    similar_from, same_logo_from = negative_limits(index.encoder_info)
    allowed = []
    for rgb in negatives:
        cosine, logo = index.nearest_logo(rgb, verdict.brand)
        if cosine < similar_from or (reviewers_agree and cosine < same_logo_from):
            allowed.append(rgb)
        else:
            why = "it is the mark itself" if cosine >= same_logo_from else "a second reviewer has to say so too"
            logger.warning(
                "listing %r: a place is like %r (%.2f): %s; a label only", verdict.listing_id, logo, cosine, why
            )
    return allowed


def refuse_contradicted(verdict: Verdict, earlier: Sequence[Verdict]) -> None:
    """Refuse a verdict that says otherwise than one in force which changed the index.

    Args:
        verdict: The verdict, not yet written.
        earlier: Verdicts that were not undone.

    Raises:
        InputError: It does.
    """
    for old in earlier:
        is_same = (old.listing_id, old.brand) == (verdict.listing_id, verdict.brand)
        if is_same and (old.negatives or old.logos) and old.shown != verdict.shown:
            raise InputError(f"verdict {old.id} says otherwise and changed the register: undo it first")


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


@contextmanager
def changed(
    index: LogoIndex,
    verdict: Verdict,
    earlier: Sequence[Verdict],
    *,
    negatives: Sequence[Rgb] = (),
    logos: Sequence[Rgb] = (),
    force: bool = False,
) -> Iterator[tuple[set[str], set[str]]]:
    """Change an index as a verdict says, and yield the negatives and logos that it has by it or by earlier verdicts.

    If the block raises, the change is taken back.

    Args:
        index: Index to change.
        verdict: The verdict, not yet written.
        earlier: Verdicts that were not undone.
        negatives: Crops of the rejected regions, uint8 (n, n, 3) each.
        logos: Crops of confirmed regions, uint8 (H, W, 3) each.
        force: Whether crops like the brand's logos become negatives too.

    Raises:
        InputError: The brand is not registered.
    """
    brand = verdict.brand
    facts = index.brand(brand)
    if facts is None:
        raise InputError(f"brand: expected a registered name, got {quoted(brand)}")
    before = negatives_of(index, brand), logos_of(index, brand)
    held = {name for v in earlier if v.brand == brand for name in (*v.negatives, *v.logos)}
    try:
        allowed = negatives if force else allowed_negatives(verdict, earlier, negatives, index)
        negative_ids = {index.add_negative(rgb, brand, force=force) for rgb in allowed}
        named = [(f"listing-{pixels_sha256(rgb)[:16]}", rgb) for rgb in logos]
        if named:
            index.add(facts, named)
        logo_ids = {f"{brand}/{name}" for name, _ in named}
        yield negative_ids - (before[0] - held), logo_ids - (before[1] - held)
    except BaseException:
        take_back(index, brand, negatives_of(index, brand) - before[0], logos_of(index, brand) - before[1])
        raise


def undoable_changes(old: Verdict, earlier: Sequence[Verdict], index: LogoIndex | None) -> tuple[set[str], set[str]]:
    """Return the negatives and logos that go when a verdict is undone: those that no other verdict added too.

    A warning lists those that the index has lost in the meantime, which are left out.

    Args:
        old: The verdict.
        earlier: Verdicts that were not undone.
        index: The index; None is enough where nothing goes.

    Raises:
        InputError: The index is missing, or it has no encoder and the brand's name has to be encoded again.
    """
    brand = old.brand
    held = {name for v in earlier if v.brand == brand and v.id != old.id for name in (*v.negatives, *v.logos)}
    negatives, logos = {*old.negatives} - held, {*old.logos} - held
    if index is None:
        if negatives or logos:
            raise InputError(f"index: expected the one that verdict {old.id} changed, got None")
        return negatives, logos
    lost = (negatives | logos) - negatives_of(index, brand) - logos_of(index, brand)
    if lost:
        logger.warning("verdict %d: the register has lost %s meanwhile", old.id, ", ".join(sorted(lost)))
    negatives, logos = negatives - lost, logos - lost
    if logos and logos == logos_of(index, brand):
        take_back(index.snapshot(), brand, negatives, logos)  # raises before anything is changed
    return negatives, logos

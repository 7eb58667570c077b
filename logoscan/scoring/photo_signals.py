"""Signals about what the photos show, one plain function each; `signals` has those about words, price and seller.

A displayed logo alone is no signal: genuine goods show it too. The signal is what does not add up.
"""

from __future__ import annotations

import math
from dataclasses import replace

from logoscan.images.phash import PhotoUse
from logoscan.odds import USUAL_MISS_RATE, revised
from logoscan.results import Signal
from logoscan.scoring.case import Case
from logoscan.scoring.words import percent, shown_in_photos

__all__ = ["altered_logo", "claimed_not_shown", "claims_another_brand", "copied_photo", "shown_not_claimed"]

# Share of the listings that name a brand whose photos show its mark, as honest sellers' mostly do. Stated prior.
_SHOWN_WHERE_CLAIMED = 0.9
# Weight of a brand's name in the title, where the listing states that it has no brand: as good a sign as a mark in the
# photos in half of the cases. Stated prior.
_TITLE_WEIGHT = 0.5
# A reason does not mention a difference of probabilities below this.
_MENTIONED_DIFFERENCE = 0.005


def shown_not_claimed(case: Case) -> Signal | None:
    """Judge whether the photos show the brand or the title names it, and the listing states that it has none.

    Abstains where the claim is unknown or nothing can be said about the photos, and for accessories "for BRAND" unless
    their photos certainly show the mark; then it counts 0.3.

    Known false alarms: second-hand bundles, a branded thing in the background, forms filled in carelessly, names that
    are words ("Apple scented candle"; so the title counts half).
    """
    weight = case.mark_weight
    if case.shown is None or case.claimed is None or weight is None:
        return None
    if case.claimed:
        return Signal("shown_not_claimed", 0.0, f"the listing states that its brand is {case.claimed}")
    by_title = _TITLE_WEIGHT * case.titled
    reason = shown_in_photos(case.brand.name, case.shown) if case.shown >= by_title else _named(case, ("title",))
    return Signal("shown_not_claimed", weight * max(case.shown, by_title), f"{reason}; the listing states no brand")


def claims_another_brand(case: Case) -> Signal | None:
    """Judge whether a photo shows the brand, and the listing claims another one that this photo does not show.

    Abstains where the claim is unknown, empty or a near miss of this brand (`lookalike_text` judges that), where
    nothing can be said about the photos, and for accessories "for BRAND" unless their photos certainly show the mark;
    then it counts 0.3. A claim that names both brands claims this one, too.

    Known false alarms: a maker's name for a licensed mark; other things in the photo, where the claimed mark was
    missed.
    """
    misspelled = any(m.source == "claim" and m.kind == "near" for m in case.mentions)
    weight = case.mark_weight
    if case.shown is None or not case.claimed or misspelled or weight is None:
        return None
    if case.claimed == case.brand.name:
        return Signal("claims_another_brand", 0.0, f"the listing states that its brand is {case.brand.name}")
    is_less = case.apart < case.shown - _MENTIONED_DIFFERENCE
    note = f"photos that may show {case.claimed}, too, count less" if is_less else ""
    why = f"{shown_in_photos(case.brand.name, case.apart, note)}; the listing states that its brand is {case.claimed}"
    in_claim = max((m.probability for m in case.mentions if m.source == "claim" and m.kind == "exact"), default=0.0)
    if in_claim:
        why += f", which names {case.brand.name}, too"
    return Signal("claims_another_brand", weight * case.apart * (1.0 - in_claim), why)


def claimed_not_shown(case: Case) -> Signal | None:
    """Judge whether the listing claims the brand or names it in its title, and its photos show no mark.

    The goods are then out of sight. Abstains where no photo could be looked at or the index cannot see the brand (it
    has no logo, or no threshold says what is near enough), where no word names it, where the listing claims another
    brand or none (`shown_not_claimed` and `claims_another_brand` judge that), and for accessories "for BRAND".

    It counts as far as the photos could be looked at and their text be read, and no more than the search misses marks
    of this brand (`Case.miss_rate`): where it misses one of three, seeing none is worth a likelihood ratio of three at
    most. A weak likeness, which would name nobody by itself, is mostly the mark where the seller names the brand, since
    most sellers are honest; so the probability is revised with that prior.

    Known false alarms: photos of details and of packed goods, marks that the search misses.
    """
    if case.shown is None or not case.searched or not case.names_goods:
        return None
    written = 1.0 if case.claimed == case.brand.name else case.written
    if not written:
        return None
    named = f"the listing states that its brand is {case.brand.name}"
    if case.claimed != case.brand.name:
        named = _named(case, ("title", "claim"))
    note = "not all photos could be searched" if case.searched_share < 1.0 else ""
    why = f"{named}; {shown_in_photos(case.brand.name, case.shown, note)}"
    absent = 1.0 - revised(case.shown, _SHOWN_WHERE_CLAIMED)
    bound = min(1.0, math.log(1.0 / max(case.miss_rate, 1e-9)) / math.log(1.0 / USUAL_MISS_RATE))
    if case.unreadable_share:
        why += f"; {case.unreadable_share:.0%} of the text in them could not be read"
    looked_at = case.searched_share * (1.0 - case.unreadable_share)
    return Signal("claimed_not_shown", written * absent * bound * looked_at, why)


def altered_logo(case: Case) -> Signal | None:
    """Judge whether the brand's mark is mirrored, stretched or incomplete in the photos, on whatever goods.

    Abstains where the mark was not compared with its logo image. A mark that is as probably faithful as not counts
    nothing.

    Known false alarms: marks on folds and curves, worn prints, mirror selfies.
    """
    mark = case.altered
    if mark is None or not mark.kinds:
        return None
    value = max(0.0, 1.0 - 2.0 * mark.faithful) * case.presence
    why = f"the logo of {case.brand.name} does not clearly differ from the registered one"
    if mark.altered > 0.5:
        how = f"looks {mark.kind}; {percent(mark.altered)} sure that it is not as registered"
        why = f"the logo of {case.brand.name} in the photos {how}"
    return Signal("altered_logo", value, why)


def copied_photo(case: Case) -> Signal | None:
    """Judge whether other sellers used a photo of the listing before.

    The signal is weighted by how probable it is that the listing passes as the brand's. The most suspicious photo
    counts (`PhotoUse.weight`): a seller who used a photo first is not accused by those who came later, and sellers of
    unknown order count half. A photo that this brand published, or the one that the listing claims, is anyone's; those
    of other brands are not. A photo that very many sellers use is a stock photo and weighs little. An authorised seller
    may use the brand's photos.

    Where the listing names no seller, the photo may belong to any seller who uses it, so that all count half. For an
    accessory "for BRAND" the signal counts as far as its photos show the brand. Abstains where no photo was looked up.

    Known false alarms: an honest seller whose photo a copier posted before him; one merchant with two accounts; what
    one supplier gave to several shops.
    """
    if not case.photos:
        return None
    brand, seller = case.brand.name, case.seller
    if seller is not None and seller in case.brand.authorised_sellers:
        return Signal("copied_photo", 0.0, f"{seller} is authorised by {brand} and may use its photos")
    owners = {brand, case.claimed}  # an honest listing of a claimed brand's own photo may seem to show another one, too
    uses = [use for use in case.photos if owners.isdisjoint(use.official_of)]
    if seller is None:
        uses = [replace(use, earlier_sellers=0, later_sellers=0) for use in uses]
    worst = max(uses, key=lambda use: (use.weight, use.other_sellers), default=PhotoUse(0))
    if not worst.other_sellers:
        by = sorted({o for use in case.photos if use.other_sellers for o in use.official_of if o in owners})
        published = f"each photo that other sellers use was published by {' or '.join(by)}"
        why = published if by else "no photo is known to be used by another seller"
        return Signal("copied_photo", 0.0, why)
    return Signal("copied_photo", worst.weight * case.presence, _use_in_words(worst, seller is not None))


def _use_in_words(use: PhotoUse, has_seller: bool) -> str:
    """Return a use in words, without the ids of sellers: people whom those do not concern read the reason."""
    n = use.other_sellers
    least = "at least " if use.at_least else ""
    number = f"{least}{n}{' other' if has_seller else ''} {'seller' if n == 1 else 'sellers'}"
    if not has_seller:
        return f"a photo is used by {number}; the listing does not say whose it is"
    orders = (
        (use.earlier_sellers, "seen before this one"),
        (use.later_sellers, "seen after this one"),
        (use.unordered_sellers, "in an order that is not known"),
    )
    return f"a photo is used by {number}: {', '.join(f'{least}{n} {order}' for n, order in orders if n)}"


def _named(case: Case, sources: tuple[str, ...]) -> str:
    """Return in words how the seller's words name the brand: the words themselves, whatever they may mean."""
    hits = [m for m in case.mentions if m.source in sources and m.kind in ("exact", "near")]
    best = max(hits, key=lambda m: (m.probability, m.kind == "exact"))
    nearly = "" if best.kind == "exact" else f", nearly {case.brand.name}"
    return f"{'the title' if best.source == 'title' else 'the stated brand'} says {best.text!r}{nearly}"

"""Evidence -> named signals, one plain function each: those about words, price and seller, and the list of all.

A signal rises with suspicion, in [0, 1]. A function that lacks what it needs returns None: absent, not 0. A signal
about the goods is weighted once by how probable it is that the listing passes as the brand's (`Case.presence`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from logoscan.results import Signal
from logoscan.scoring.case import ACCESSORY_WEIGHT, Case
from logoscan.scoring.credits import (
    authorised_seller,
    brand_shown,
    good_reviews,
    official_photo,
    own_photo,
    usual_price,
)
from logoscan.scoring.evidence_signals import (
    code_contradicts,
    contact_diversion,
    declared_ai,
    photo_contradicts,
)
from logoscan.scoring.photo_signals import (
    altered_logo,
    claimed_not_shown,
    claims_another_brand,
    copied_photo,
    shown_not_claimed,
)
from logoscan.scoring.words import count, listed, place, said_in
from logoscan.text.attributes import contradictions
from logoscan.text.coded_terms import CodedUse

__all__ = [
    "DEFAULT_SIGNALS",
    "SignalFunction",
    "coded_terms",
    "contradicts_facts",
    "lookalike_text",
    "low_price",
    "review_complaints",
    "seller_not_authorised",
    "unlikely_origin",
    "withheld",
]

SignalFunction: TypeAlias = Callable[[Case], Signal | None]
"""A function that computes one signal of a case; None where it abstains."""

# Weight of a price anomaly of used goods. Stated prior; not 0, since anyone may call goods used.
_USED_WEIGHT = 0.25
# A photo that cannot be looked at may show anything: all photos hidden count half of what can be said, one among five
# a tenth.
_HIDDEN_PHOTOS = 0.5
# What a garbled field could have said against the listing, as a share of the most; other fields could have said
# nothing. Stated priors.
_GARBLED = {
    "price": 0.5,
    "currency": 0.5,
    "title": 0.5,
    "description": 0.25,
    "claimed_brand": 0.25,
    "seller_id": 0.5,
    "attributes": 0.25,
    "condition": 0.25,
    "category": 0.25,
    "images": 0.25,
}


def low_price(case: Case) -> Signal | None:
    """Judge how far the price lies below what the brand's goods cost.

    The signal is weighted by how probable it is that the listing passes as the brand's. Used goods count a quarter:
    wear, defects and haste make them cheap, too. Abstains without a comparable price, and for accessories "for BRAND",
    whose prices are not the brand's.

    Known false alarms: clearance, broken or partial goods, single items out of multi-packs.
    """
    if case.price.anomaly is None or case.is_accessory:
        return None
    value = case.price.anomaly * case.presence * (_USED_WEIGHT if case.used else 1.0)
    return Signal("low_price", value, case.price.reason)


def seller_not_authorised(case: Case) -> Signal | None:
    """Judge whether the brand registered its sellers and this one is not among them.

    Abstains where the brand registered none, the seller is unknown, the goods are used, which no authorised seller
    offers, or an accessory "for BRAND".

    Known false alarms: private resale of genuine new goods.
    """
    sellers = case.brand.authorised_sellers
    if not sellers or case.seller is None or case.used or case.is_accessory:
        return None
    if case.seller in sellers:
        return Signal("seller_not_authorised", 0.0, f"{case.brand.name} authorised {case.seller} as a seller")
    whom = "and it is not" if len(sellers) == 1 else "and none of them is"
    why = f"{case.brand.name} authorised {count(len(sellers), 'seller')}, {whom} {case.seller}"
    return Signal("seller_not_authorised", case.presence, why)


def unlikely_origin(case: Case) -> Signal | None:
    """Judge whether the brand registered where genuine goods are sent from, and this listing's come from elsewhere.

    It knows the country that the listing states, and nothing of the seller: no name, language or nationality. The
    signal is weighted by how probable it is that the listing passes as the brand's. Abstains where the brand registered
    no origin, the listing states none, or the goods are used or an accessory "for BRAND".

    Known false alarms: dealers abroad who import genuine goods.
    """
    origins, sent_from = case.brand.origins, case.listing.ships_from
    if not origins or sent_from is None or case.used or case.is_accessory:
        return None
    if sent_from in origins:
        return Signal("unlikely_origin", 0.0, f"sent from {sent_from}, as {case.brand.name} registered")
    registered = ", ".join(origins[:10]) + (", ..." if len(origins) > 10 else "")
    return Signal("unlikely_origin", case.presence, f"sent from {sent_from}; {case.brand.name} registered {registered}")


def lookalike_text(case: Case) -> Signal | None:
    """Judge whether title, claim or photos nearly spell the brand.

    Where the listing claims the brand, a word in its photos counts as far as these do not show the mark itself.
    Abstains where there is no text at all.

    Known false alarms: reading errors on stylised words, words of other languages that are a letter or two away from a
    name.
    """
    near = [m for m in case.mentions if m.kind == "near"]
    if not near:
        return (
            Signal("lookalike_text", 0.0, f"no misspelling of {case.brand.name} was found") if case.has_text else None
        )
    worst = max(near, key=lambda m: m.probability)
    in_photos = any(m.image is not None for m in near)
    in_words = any(m.image is None for m in near)
    # the seller's words are one piece of evidence; the photos, where the OCR may have slipped, half of another
    value = worst.probability if in_words else 0.5 * worst.probability
    if in_words and in_photos:
        value = 1.0 - (1.0 - value) * 0.5
    if not in_words and case.claimed == case.brand.name:  # beside the mark itself the OCR has slipped
        value *= 1.0 - (case.shown or 0.0)
    # the others may be other words
    same = sorted({m.source for m in near if m.text.casefold() == worst.text.casefold()}, key=_reading_order)
    why = f"{worst.text!r} was read in {listed(map(place, same))}, nearly {case.brand.name}"
    return Signal("lookalike_text", value, why)


def coded_terms(case: Case) -> Signal | None:
    """Judge whether the listing calls its goods a copy in the words of the trade.

    The signal is weighted by how probable it is that the listing passes as the brand's. Different terms count as
    independent evidence. Abstains where there is no text at all. For an accessory "for BRAND" it counts as far as its
    photos show the brand.

    Known false alarms: honest replicas outside of the table's contexts (`text.coded_terms`).
    """
    if not case.coded:
        return Signal("coded_terms", 0.0, "no word by which copies are sold was found") if case.has_text else None
    strongest: dict[str, CodedUse] = {}
    for use in case.coded:
        if use.hit.term not in strongest or use.strength > strongest[use.hit.term].strength:
            strongest[use.hit.term] = use
    doubt = math.prod(1.0 - use.strength for use in strongest.values())
    uses = sorted(strongest.values(), key=lambda use: (-use.strength, use.hit.term))
    why = "; ".join(f"{said_in(use.source)} {use.hit.why}" for use in uses[:3])
    return Signal("coded_terms", (1.0 - doubt) * case.presence, why)


def contradicts_facts(case: Case) -> Signal | None:
    """Judge how far the stated attributes contradict what the brand registered about its goods.

    Abstains where no attribute can be compared with a fact. Counts 0.3 for accessories "for BRAND", as far as their
    photos show the brand.

    Known false alarms: forms filled in carelessly, facts that hold for a part of the goods.
    """
    check = contradictions(case.listing.attributes, case.brand.facts)
    if check.value is None:
        return None
    why = (
        " ".join(c.why for c in check.found) or f"what the listing states agrees with what {case.brand.name} registered"
    )
    weight = ACCESSORY_WEIGHT if case.is_accessory else 1.0
    return Signal("contradicts_facts", weight * check.value * case.presence, why)


def review_complaints(case: Case) -> Signal | None:
    """Judge how many buyers say in their reviews that the goods are fake.

    The signal is weighted by how probable it is that the listing passes as the brand's. Abstains where no review says
    anything. For an accessory "for BRAND" it counts as far as its photos show the brand.

    Known false alarms: rivals' and mistaken reviews; one of many weighs little.
    """
    complaints = case.complaints
    if complaints.value is None:
        return None
    call = "calls" if len(complaints.found) == 1 else "call"
    why = f"{len(complaints.found)} of {count(complaints.reviews, 'review')} {call} it fake"
    if not complaints.found:
        why = f"no complaint in {count(complaints.reviews, 'review')}"
    return Signal("review_complaints", complaints.value * case.presence, why)


def withheld(case: Case) -> Signal | None:
    """Judge how much the seller hides or garbles of what the listing would be judged by.

    The signal is weighted by how probable it is that the listing passes as the brand's. It counts photos that could not
    be looked at, by their share; fields in a form that cannot be read; a price of 0, or in a currency in which none of
    the brand's known prices is; a seller's name of blanks. A field that is simply left out is no sign: honest listings
    have gaps. Abstains where nothing is hidden or garbled. The weights are stated priors.

    Known false alarms: broken uploads, careless imports.
    """
    listing = case.listing
    gaps = [(_HIDDEN_PHOTOS * (1.0 - case.searched_share), line) for line in case.unseen[:1]]
    garbled = [name for name in sorted(listing.dropped) if not getattr(listing, name, None)]
    gaps += [(_GARBLED.get(name, 0.0), f"{name} cannot be read") for name in garbled]
    if listing.price == 0:
        gaps.append((_GARBLED["price"], "the price is 0"))
    elif listing.price and listing.currency and case.price.anomaly is None and case.price.has_references:
        gaps.append((_GARBLED["price"], f"the price is in {listing.currency}, which cannot be compared"))
    if listing.seller_id is not None and case.seller is None:
        gaps.append((_GARBLED["seller_id"], "the seller's id is blank"))
    gaps = [(weight, what) for weight, what in gaps if weight > 0]
    if not gaps:
        return None
    value = 1.0 - math.prod(1.0 - weight for weight, _ in gaps)
    return Signal("withheld", value * case.presence, "; ".join(what for _, what in gaps))


def _reading_order(source: str) -> tuple[bool, int, str]:
    """Return a key that sorts the sources of text: the seller's words first, then the photos in their order."""
    return source.startswith("image:"), len(source), source


DEFAULT_SIGNALS: Sequence[SignalFunction] = (
    low_price,
    seller_not_authorised,
    unlikely_origin,
    shown_not_claimed,
    claims_another_brand,
    claimed_not_shown,
    altered_logo,
    lookalike_text,
    coded_terms,
    contradicts_facts,
    review_complaints,
    copied_photo,
    withheld,
    code_contradicts,
    contact_diversion,
    photo_contradicts,
    declared_ai,
    authorised_seller,
    usual_price,
    brand_shown,
    official_photo,
    own_photo,
    good_reviews,
)
"""All signals of the library."""

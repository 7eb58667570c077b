"""Evidence in a listing's favour -> named credits, one plain function each, with a stated bound.

A credit is a signal that rises with innocence, in [0, 1], and whose contribution is 0 or less. No model may let it take
more from the log-odds than `CREDIT` says, fitted or not. What is absent earns nothing, and the signals of suspicion
stay as they are, so that the following holds of every model.

Theorem. Let a field be the seller's id, the price with its category, the photos or the reviews, and let all else of a
listing be fixed. Then for every candidate brand

    score(honest value) <= score(absent) <= score(worst value),

where the honest value earns its credit and raises no signal, and the first step is strict, by the model's own
credit on the log-odds, wherever that is above 0. For an absent field adds neither a credit nor a signal, a credit
contributes 0 or less, and a signal of suspicion contributes 0 or more. It follows that filling in pays an honest
seller; that a cheat who leaves a field out gains over the worst value no more than before there were credits; and that
whatever a seller asserts lowers the log-odds by `CREDIT` of that field at most.

Corollary. Credits take no listing from "block" to "clear": what would be blocked without them goes to review. Those
that anyone can bring about (`ASSERTED`) clear nothing at all: what would be in review without them stays there, with
the lower number (`why_not_clear`). A seller's authorisation and a photo taken on request are none of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from logoscan.odds import sigmoid
from logoscan.results import Score, Signal
from logoscan.scoring.case import Case
from logoscan.scoring.words import count, percent, shown_in_photos

if TYPE_CHECKING:
    from logoscan.scoring.model import ScoreModel

__all__ = [
    "ASSERTED",
    "CREDIT",
    "authorised_seller",
    "brand_shown",
    "good_reviews",
    "official_photo",
    "own_photo",
    "uncredited",
    "usual_price",
    "why_not_clear",
]

CREDIT: Mapping[str, float] = MappingProxyType(
    {
        "authorised_seller": 3.0,  # the platform vouches for the id, the brand for the seller; some sell fakes beside
        "usual_price": 1.5,  # anyone may ask a usual price, and loses buyers who look for a bargain
        "brand_shown": 1.5,  # a counterfeit shows the mark, too; but those who hide something hide it
        "official_photo": 2.0,  # anyone can take the brand's photo
        # most honest sellers have the goods at hand and most counterfeiters do not want to show theirs; some do
        "own_photo": 2.0,
        "good_reviews": 2.0,  # a counterfeit seldom has reviews of which none complains; they can be bought
    }
)
"""The most that each credit takes from the log-odds, in any model: stated, not fitted."""
ASSERTED = CREDIT.keys() - {"authorised_seller", "own_photo"}
"""Credits that anyone can bring about: they lower a number, and clear nothing."""

# Shares of the usual price between which the credit rises.
_FROM_SHARE, _FULL_SHARE = 0.5, 0.95
# Reviews without a complaint that count half: the first says most, since somebody bought the goods and kept silent.
_HALF_REVIEWS = 2.0


def authorised_seller(case: Case) -> Signal | None:
    """Credit a seller whom the brand authorised.

    Abstains for anybody else and for accessories "for BRAND".

    Known errors: authorised sellers who sell counterfeits beside.
    """
    if case.seller is None or case.seller not in case.brand.authorised_sellers or case.is_accessory:
        return None
    return Signal("authorised_seller", 1.0, f"{case.brand.name} authorised {case.seller} as a seller")


def usual_price(case: Case) -> Signal | None:
    """Credit a price that is usual for such goods of the brand: in full from 95 % of the usual one, nothing below half.

    It is weighted by how probable it is that the listing passes as the brand's. Abstains for an anomalous price,
    without a comparable one, without a category (the most lenient one of the brand would earn most, so that silence
    would pay), and for used goods and accessories.

    Known errors: counterfeits at the genuine price.
    """
    price = case.price
    if price.anomaly != 0.0 or price.share is None or not case.listing.category or case.used or case.is_accessory:
        return None
    value = min(1.0, max(0.0, (price.share - _FROM_SHARE) / (_FULL_SHARE - _FROM_SHARE)))
    return Signal("usual_price", value * case.presence, price.reason)


def brand_shown(case: Case) -> Signal | None:
    """Credit a listing that claims the brand and shows it, as far as the photos surely do.

    Abstains where another brand or none is claimed, or nothing can be said about the photos.

    Known errors: a counterfeit that is as open about what it copies.
    """
    if case.claimed != case.brand.name or case.shown is None or case.is_accessory:
        return None
    why = f"the listing states that its brand is {case.brand.name}; {shown_in_photos(case.brand.name, case.shown)}"
    return Signal("brand_shown", case.shown, why)


def official_photo(case: Case) -> Signal | None:
    """Credit photos that the brand published, by their share of the listing's photos.

    Abstains where there are none.

    Known errors: anyone can take them; so its bound is less than what a seller's authorisation earns.
    """
    if not case.photos:
        return None
    official = sum(case.brand.name in use.official_of for use in case.photos)
    if not official:
        return None
    were = "photo was" if official == 1 else "photos were"
    why = f"{official} of {len(case.photos)} {were} published by {case.brand.name}"
    return Signal("official_photo", official / len(case.photos), why)


def own_photo(case: Case) -> Signal | None:
    """Credit a photo that the seller took on request, with the note that was asked for, as far as it shows the logo.

    Abstains where no photo shows that note, where such a photo was not looked up in a ledger, is used by others or was
    published by a brand, for brands without a logo, and for accessories "for BRAND".

    Known errors: counterfeiters who have their goods at hand; a note that was drawn into a photo that no ledger knows,
    or that lies beside a printed logo; a photo that answered for the listing before its words or its price changed.
    """
    shown = case.other.own_photo.get(case.brand.name)
    if shown is None or case.is_accessory:
        return None
    why = f"a photo shows the note that the seller was asked for; {percent(shown)} that it shows {case.brand.name}"
    return Signal("own_photo", shown, why)


def good_reviews(case: Case) -> Signal | None:
    """Credit reviews of which none says that the goods are fake: n / (n + 2) for n of them; one or two earn little.

    Abstains without a review, with a complaint, and for accessories "for BRAND", whose reviews do not concern the
    brand's goods.

    Known errors: bought praise; buyers who do not notice; complaints in a language that the lists do not know.
    """
    complaints = case.complaints
    if complaints.found or not complaints.reviews or case.is_accessory:
        return None
    value = complaints.reviews / (complaints.reviews + _HALF_REVIEWS)
    return Signal("good_reviews", value, f"no complaint in {count(complaints.reviews, 'review')}")


def uncredited(score: Score, full: Mapping[str, float] = MappingProxyType({})) -> float:
    """Return what a score would be if nothing spoke in its favour, in [0, 100].

    Args:
        score: The score.
        full: What some signals add at most, by name; they count in full, whatever they are.
    """
    rest = math.fsum(max(0.0, c.contribution) for c in score.contributions if c.signal not in full)
    return 100.0 * sigmoid(score.bias + rest + math.fsum(full.values()))


def why_not_clear(model: ScoreModel, score: Score) -> str:
    """Return why a person should look at a clear score in whose favour something speaks; "" where nobody need.

    Args:
        model: The model that made the score.
        score: The score.
    """
    if model.band(uncredited(score), score.contributions) == "block":
        return "would be blocked if nothing spoke in its favour"
    rest = math.fsum(c.contribution for c in score.contributions if c.signal not in ASSERTED)
    if 100.0 * sigmoid(score.bias + rest) >= model.review_from:
        return "a person would look if what anyone can assert did not speak in its favour"
    return ""

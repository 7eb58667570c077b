"""The posterior of a simulated world: how probable each listing is a counterfeit to an observer who knows all laws.

The observer sees a listing as a scanner does: title, claim, price, seller, condition, reviews, whose photo it is and
whether its mark was found; and knows from which laws the world drew them. Of the goods' genuine price the observer
knows as much as `PRICE_KNOWN_TO` says. Other listings of the same merchant stay out of view. No score can rank a
listing better on average, except for what a price tells beyond that.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated.worlds import (
    ACCESSORY_PRICE,
    ACCESSORY_SHOWS_BRAND,
    GENUINE_FROM_AUTHORISED_SELLER,
    Simulated,
    World,
)
from logoscan.odds import sigmoid

PRICE_KNOWN_TO = 0.3
"""Standard deviation of the logarithm with which the observer knows what such goods cost: as sharply as a price list
with titles tells it."""

# Probability from which a mark counts as found, and a chance that is never quite 0.
_FOUND_FROM, _HARDLY = 0.5, 1e-4
_FIELDS = ("price", "category", "seller_id", "reviews", "claimed_brand")


def posterior(
    world: dict[str, Any], drawn: World, evidence: Sequence[tuple[float | None, float]]
) -> NDArray[np.float64]:
    """Return the probability that each listing of a world is a counterfeit, float64 (listings,)."""
    marks = [right for right, _ in evidence if right is not None]
    hit = sum(right >= _FOUND_FROM for right in marks) / max(1, len(marks))
    rng = random.Random(f"posterior {world['name']}")
    laws = _Laws(world, drawn, hit)
    photos = _photos_so_far(drawn)
    return np.array(
        [laws.of(item, photo, rng.gauss(0.0, PRICE_KNOWN_TO)) for item, photo in zip(drawn.stream, photos, strict=True)]
    )


class _Laws:
    """The laws of one world as likelihoods of what can be seen."""

    def __init__(self, world: dict[str, Any], drawn: World, hit: float) -> None:
        self._world, self._brands, self._hit = world, drawn.brands, hit
        self._words = cache(self._words_ratio)
        rate = world["counterfeit_rate"]
        self._prior = math.log(rate / (1.0 - rate))
        self._photo = _photo_ratios(drawn)

    def of(self, item: Simulated, photo: str, error: float) -> float:
        """Return the posterior of one listing; `error` is what the observer errs by about the goods' price."""
        listing, drawn, world = item.listing, item.drawn, self._world
        total = self._prior
        for name in _FIELDS:
            share = world["missing"].get(name, 0.0)
            fake = min(1.0, share * world["fake_missing_factor"])
            gone = getattr(listing, name) in (None, ())
            total += _log((fake if gone else 1.0 - fake), (share if gone else 1.0 - share))
        used = listing.condition == "used"
        says = world.get("fake_says_used", 0.0)
        total += _log(says if used else 1.0 - says, world["used"]["share"] if used else 1.0 - world["used"]["share"])
        total += _log(*self._chances("coded_term", drawn.coded))
        if listing.reviews:
            total += _log(*self._chances("review_complaint", drawn.complaint))
        found = None if item.shown is None else item.shown.get(drawn.brand, 0.0) >= _FOUND_FROM
        claim = None if listing.claimed_brand is None else bool(listing.claimed_brand)
        total += self._words(claim, found, drawn.title)
        if item.shown is not None and drawn.title != "accessory":
            total += self._photo[photo]
        sellers = self._brands[drawn.brand].authorised_sellers
        if sellers and listing.seller_id is not None and drawn.title != "accessory" and not used:
            honest = world.get("genuine_from_authorised_seller", GENUINE_FROM_AUTHORISED_SELLER)
            fake, listed = world["fake_from_authorised_seller"], listing.seller_id in sellers
            total += _log(fake if listed else 1.0 - fake, honest if listed else 1.0 - honest)
        if listing.price is not None:
            total += self._price_ratio(math.log(listing.price / drawn.usual) + error, used, drawn.title == "accessory")
        return sigmoid(total)

    def _chances(self, name: str, happened: bool) -> tuple[float, float]:
        fake, honest = self._world[f"fake_{name}"], self._world[f"genuine_{name}"]
        return (fake, honest) if happened else (1.0 - fake, 1.0 - honest)

    def _words_ratio(self, claim: bool | None, found: bool | None, title: str) -> float:
        """Return the log ratio of what claim, mark and title look like together."""
        world, hit = self._world, self._hit
        claims, hides, misspells = (world[f"fake_{name}"] for name in ("claims_brand", "hides_logo", "misspells_brand"))
        fake = 0.0
        for claimed, hidden, misspelt in product((True, False), repeat=3):
            how = "misspelt" if misspelt else "brand" if claimed or hidden else "none"
            if how == title and claim in (None, claimed):
                chance = (claims if claimed else 1 - claims) * (hides if hidden else 1 - hides)
                fake += chance * (misspells if misspelt else 1 - misspells) * _seen(found, 0.0 if hidden else hit)
        accessory = world["compatible_accessory"]
        if title == "accessory":
            shows = world.get("accessory_shows_brand", ACCESSORY_SHOWS_BRAND)
            honest = accessory * (claim is not True) * _seen(found, hit * shows)
        elif title == "brand":
            says = world["genuine_claims_brand"]
            honest = (1 - accessory) * (1.0 if claim is None else says if claim else 1 - says) * _seen(found, hit)
        else:
            honest = 0.0
        return _log(fake, honest)

    def _price_ratio(self, log_share: float, used: bool, accessory: bool) -> float:
        """Return the log ratio of a price, as a share of what such goods cost."""
        world = self._world
        fake = _density(log_share, 0.0, 0.0, world["fake_price"])
        shift = math.log(world.get("accessory_price", ACCESSORY_PRICE)) if accessory else 0.0
        worn = world["used"] if used else {"median": 1.0, "sigma": 0.0}
        shift, spread = shift + math.log(worn["median"]), worn["sigma"]
        sale = world["genuine_sale"]
        honest = sale["share"] * _density(log_share, shift, spread, sale)
        honest += (1.0 - sale["share"]) * _density(log_share, shift, spread, {"median": 1.0, "sigma": 0.0})
        return _log(fake, honest)


def _photos_so_far(drawn: World) -> list[str]:
    """Return what each listing's photo looks like when it goes online: "official", "shared" with another, or "own"."""
    users: dict[str, set[str | None]] = {}
    out = []
    for item in drawn.stream:
        so_far = users.setdefault(item.drawn.original, set())
        others = so_far - {item.listing.seller_id}
        out.append("official" if item.drawn.official else "shared" if others else "own")
        if item.shown is not None:
            so_far.add(item.listing.seller_id)
    return out


def _photo_ratios(drawn: World) -> dict[str, float]:
    """Return the log ratio of each look of a photo, by how often it comes in this world."""
    looks = [
        (photo, item.counterfeit)
        for photo, item in zip(_photos_so_far(drawn), drawn.stream, strict=True)
        if item.shown is not None and item.drawn.title != "accessory"
    ]
    counts = Counter(looks)
    totals = Counter(counterfeit for _, counterfeit in looks)
    return {
        look: _log(*((counts[look, fake] + 0.5) / (totals[fake] + 1.5) for fake in (True, False)))
        for look in ("official", "shared", "own")
    }


def _log(fake: float, honest: float) -> float:
    return math.log(max(fake, _HARDLY) / max(honest, _HARDLY))


def _seen(found: bool | None, hit: float) -> float:
    return 1.0 if found is None else hit if found else 1.0 - hit


def _density(log_share: float, shift: float, spread: float, law: dict[str, float]) -> float:
    """Return the density of a log-normal law that is shifted, spread, and known as `PRICE_KNOWN_TO` says."""
    sigma = math.hypot(PRICE_KNOWN_TO, spread, law["sigma"])
    z = (log_share - shift - math.log(law["median"])) / sigma
    return math.exp(-0.5 * z * z) / sigma

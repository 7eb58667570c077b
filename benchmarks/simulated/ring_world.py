"""Simulated sellers for `rings`: who uses which photos and contacts, who is suspected, and who belongs together.

A world file states the numbers (`world_files/README.md`); what it leaves open is said in the comments here. Figures
from a world are always called simulated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
"""int64 (n,)."""


@dataclass(frozen=True)
class RingWorld:
    """Sellers by number, from 0.

    Attributes:
        name: Name of the world.
        sellers: Number of sellers.
        ring: Ring of each seller, -1 for none: the truth.
        honest: Whether each seller is honest, bool (sellers,).
        suspects: Whether each seller is suspected, bool (sellers,).
        users: Seller of each use of a token.
        tokens: Token of each use; one number is one token, whatever its kind.
        contacts: Whether a token is a contact rather than a photo, bool (tokens,).
        victims: Sellers whose photos were copied, bool (sellers,).
    """

    name: str
    sellers: int
    ring: Ints
    honest: NDArray[np.bool_]
    suspects: NDArray[np.bool_]
    users: Ints
    tokens: Ints
    contacts: NDArray[np.bool_]
    victims: NDArray[np.bool_]


class _Uses:
    """Uses of tokens while a world is drawn."""

    def __init__(self) -> None:
        self.users: list[Ints] = []
        self.tokens: list[Ints] = []
        self.contacts: list[NDArray[np.bool_]] = []
        self.next = 0

    def new(self, count: int, *, contact: bool = False) -> Ints:
        self.contacts.append(np.full(count, contact))
        self.next += count
        return np.arange(self.next - count, self.next)

    def add(self, users: Ints | np.integer[Any], tokens: Ints) -> None:
        self.users.append(np.broadcast_to(np.asarray(users, np.int64), tokens.shape))
        self.tokens.append(tokens)


def _between(rng: np.random.Generator, low_high: Sequence[int], count: int) -> Ints:
    """Draw whole numbers, both ends included."""
    return rng.integers(low_high[0], low_high[1] + 1, count)


def _log_normal(rng: np.random.Generator, law: Mapping[str, float], count: int) -> Ints:
    drawn = np.exp(rng.normal(law["log_mean"], law["log_sigma"], count))
    return np.clip(np.rint(drawn), law["least"], law["most"]).astype(np.int64)


def read_ring_world(path: Path) -> dict[str, Any]:
    """Read the file of a world."""
    return dict(json.loads(path.read_text("utf-8")))


def draw_rings(spec: Mapping[str, Any], seed: int) -> RingWorld:
    """Draw the sellers of a world.

    Args:
        spec: The world, as its file states it.
        seed: Seed beside the world's own.
    """
    rng = np.random.default_rng([int(spec["seed"]), seed])
    n = int(spec["sellers"])
    sizes = _log_normal(rng, spec["ring_size"], int(spec["rings"]))
    order = rng.permutation(n)
    bad = order[: sizes.sum()]
    lone = order[sizes.sum() : sizes.sum() + int(spec["lone_counterfeiters"])]
    honest_ids = np.sort(order[sizes.sum() + len(lone) :])
    ring = np.full(n, -1)
    ring[bad] = np.repeat(np.arange(len(sizes)), sizes)
    honest = np.zeros(n, bool)
    honest[honest_ids] = True
    uses = _Uses()

    # honest sellers: photos of their own, contacts of their own or of a courier
    counts = _log_normal(rng, spec["honest_photos"], len(honest_ids))
    own = uses.new(int(counts.sum()))
    uses.add(np.repeat(honest_ids, counts), own)
    first = np.concatenate([[0], np.cumsum(counts)])  # of each honest seller's own photos
    position = np.full(n, -1)
    position[honest_ids] = np.arange(len(honest_ids))
    with_own = honest_ids[rng.random(len(honest_ids)) < spec["own_contact_share"]]
    uses.add(with_own, uses.new(len(with_own), contact=True))
    common = uses.new(int(spec["common_contacts"]["tokens"]), contact=True)
    showing = honest_ids[rng.random(len(honest_ids)) < spec["common_contacts"]["share_of_honest"]]
    uses.add(showing, rng.choice(common, len(showing)))

    # wholesalers' sets
    sets = spec["wholesale_sets"]
    popularity = np.arange(1, sets["sets"] + 1) ** -float(sets["popularity_exponent"])
    popularity /= popularity.sum()
    photos = uses.new(sets["sets"] * sets["photos"]).reshape(sets["sets"], sets["photos"])
    shippers = honest_ids[rng.random(len(honest_ids)) < spec["drop_shippers"]["share"]]
    for seller, many in zip(shippers, _between(rng, spec["drop_shippers"]["sets"], len(shippers)), strict=True):
        for number in rng.choice(sets["sets"], min(many, sets["sets"]), replace=False, p=popularity):
            used = int(_between(rng, spec["drop_shippers"]["photos_of_a_set"], 1)[0])
            uses.add(seller, rng.permutation(photos[number])[:used])

    # families with two accounts: one contact, and some of the first account's photos
    families = spec["two_account_families"]
    drawn = rng.permutation(honest_ids)[: 2 * families["pairs"]].reshape(-1, 2)
    for (one, other), contact in zip(drawn, uses.new(len(drawn), contact=True), strict=True):
        at = position[one]
        uses.add(np.array([one, other]), np.array([contact, contact]))
        uses.add(other, own[first[at] : first[at + 1]][: families["shared_photos"]])

    victims = np.zeros(n, bool)

    def copies(count: int, photos_of_each: Sequence[int]) -> Ints:
        """Draw victims among the honest sellers, and some of the own photos of each."""
        parts = [np.zeros(0, np.int64)]
        for at in rng.choice(len(honest_ids), count, replace=False):
            victims[honest_ids[at]] = True
            many = int(_between(rng, photos_of_each, 1)[0])
            parts.append(rng.permutation(own[first[at] : first[at + 1]])[:many])
        return np.concatenate(parts)

    lone_law = spec["lone_copies"]
    for seller in lone:
        stolen = copies(int(_between(rng, lone_law["victims"], 1)[0]), lone_law["photos_of_a_victim"])
        uses.add(seller, np.concatenate([stolen, uses.new(lone_law["own_photos"])]))

    # rings: each member uses a share of the pool, drawn for each member
    law, contacts_law, wholesale = (
        spec["ring_photos"],
        spec["ring_contacts"],
        spec["ring_members_with_wholesale_photos"],
    )
    for number in range(len(sizes)):
        members = np.flatnonzero(ring == number)
        size = int(_between(rng, law["pool"], 1)[0])
        stolen = copies(law["victims"], [law["photos_of_a_victim"]] * 2)[:size]
        pool = np.concatenate([stolen, uses.new(size - len(stolen))])
        careful = rng.random() < law["careful_share"]
        low, high = law["share_used_by_careful" if careful else "share_of_pool_used"]
        contacts = uses.new(-(-len(members) // contacts_law["one_for_each_members"]), contact=True)
        shows = rng.random() < contacts_law["rings_that_show_contacts"]
        for seller in members:
            used = max(1, round(rng.uniform(low, high) * len(pool)))
            uses.add(seller, rng.permutation(pool)[:used])
            uses.add(seller, uses.new(int(_between(rng, law["own_photos"], 1)[0])))
            if shows and rng.random() < contacts_law["members_that_show_one"]:
                uses.add(seller, rng.choice(contacts, 1))
            if rng.random() < wholesale["share"]:
                of_set = photos[rng.choice(sets["sets"], p=popularity)]
                uses.add(seller, rng.permutation(of_set)[: wholesale["photos"]])

    chance = np.where(honest, spec["suspects"]["of_honest"], spec["suspects"]["of_lone_counterfeiters"])
    chance = np.where(ring >= 0, spec["suspects"]["of_ring_members"], chance)
    return RingWorld(
        str(spec["name"]), n, ring, honest, rng.random(n) < chance, np.concatenate(uses.users),
        np.concatenate(uses.tokens), np.concatenate(uses.contacts), victims,
    )  # fmt: skip

"""Sellers who share tokens, as a table, for tests of links and rings."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from logoscan.cases.links import Links, link_sellers
from logoscan.cases.rings import Ring, find_rings

CROWD = 400
"""Sellers who share nothing, so that suspects are rare."""


def token_table(uses: Iterable[tuple[str, str, str]], first_seen: Mapping[tuple[str, str], float] | None = None) -> Any:
    """Make a table of (seller, kind, token), with when each seller was first seen with each token."""
    rows = list(uses)
    columns = {
        name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(("seller_id", "kind", "token"))
    }
    if first_seen is not None:
        columns["first_seen"] = pa.array([first_seen.get((s, t)) for s, _, t in rows], pa.float64())
    return pa.table(columns)


def crowd(count: int = CROWD) -> list[tuple[str, str, str]]:
    """Give each of many sellers a photo of their own."""
    return [(f"crowd{i}", "photo", f"own{i}") for i in range(count)]


def ring_uses(members: Sequence[str], pool: Sequence[str], share: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """Let each member use some photos of a pool."""
    rng = random.Random(seed)
    return [(member, "photo", photo) for member in members for photo in rng.sample(list(pool), share)]


def rings_of(uses: Iterable[tuple[str, str, str]], suspects: Iterable[str], **options: Any) -> tuple[Ring, ...]:
    """Link and find."""
    return find_rings(links_of(uses, suspects, **options))


def links_of(uses: Iterable[tuple[str, str, str]], suspects: Iterable[str], **options: Any) -> Links:
    """Link the suspects of a list of uses."""
    first_seen = options.pop("first_seen", None)
    return link_sellers(token_table(uses, first_seen), set(suspects), **options)

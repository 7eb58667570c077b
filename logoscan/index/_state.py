"""One version of the register: brands, and the galleries of their logos, names and negatives. Immutable.

`LogoIndex` swaps such states. Knows no files and no encoders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logoscan.index._mmap import PNG
from logoscan.index.families import Family, Key, numbered, remaining
from logoscan.index.gallery import DEPTH, Gallery, Nearest
from logoscan.index.neighbours import BrandNeighbours, Relative, margins, nearest_of
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Embeddings

__all__ = [
    "NOBODY",
    "USERS",
    "State",
    "against",
    "against_names",
    "compared",
    "state",
]

NOBODY = ""
"""Stands for a brand in the records of negatives and everyday words."""
USERS = "negative/"
"""Identifiers of negatives that users added begin so."""


@dataclass(frozen=True, eq=False)
class State:
    """One version of the register."""

    brands: tuple[Brand, ...]
    logos: Gallery
    names: Gallery
    negatives: Gallery
    drawings: Mapping[str, PNG]
    """PNG of each registered drawing by the SHA-256 that the records of its logo carry."""
    families: tuple[Family, ...] = ()
    """Logos of different brands that are one drawing."""

    @cached_property
    def by_name(self) -> Mapping[str, Brand]:
        """Brands by their names."""
        return {brand.name: brand for brand in self.brands}

    @property
    def galleries(self) -> tuple[Gallery, Gallery, Gallery]:
        """Logos, names and negatives."""
        return self.logos, self.names, self.negatives

    @cached_property
    def name_index(self) -> NameIndex:
        """Names and aliases, for search in text."""
        return NameIndex(self.brands)

    @cached_property
    def own_names_and_words(self) -> tuple[Gallery, Gallery]:
        """The names of brands, and the everyday words that none of them is called by."""
        own = self.names.without(lambda r: r.brand == NOBODY)
        taken = {r.sha256 for r in own.records}
        return own, self.names.without(lambda r: r.brand != NOBODY or r.sha256 in taken)

    @cached_property
    def content(self) -> str:
        """16 hex digits over everything that is registered."""
        digest = hashlib.sha256(repr(self.brands).encode())
        for gallery in self.galleries:
            digest.update(repr(gallery.records).encode())
            digest.update(np.ascontiguousarray(gallery.vectors).data)
        return digest.hexdigest()[:16]

    @cached_property
    def family(self) -> NDArray[np.int64] | None:
        """The family of each row of `logos`, -1 for none; None where there is none at all."""
        return numbered(self.logos, self.families)

    @cached_property
    def sharing(self) -> Mapping[Key, frozenset[str]]:
        """The other brands of each logo that is in a family."""
        brands = [(family, frozenset(brand for brand, _ in family)) for family in self.families]
        return {key: of - {key[0]} for family, of in brands for key in family}

    @cached_property
    def negatives_of(self) -> dict[str, NDArray[np.int64]]:
        """Rows of `negatives` that each brand has of its own; under "" those that are nobody's."""
        rows: dict[str, list[int]] = {}
        for row, record in enumerate(self.negatives.records):
            rows.setdefault(record.brand, []).append(row)
        return {brand: np.array(members, np.int64) for brand, members in rows.items()}

    @cached_property
    def users_of(self) -> dict[str, Embeddings]:
        """Vectors of the negatives that users added, by the brand that each is not; under "" those of nobody."""
        users = self.negatives.without(lambda r: not r.id.startswith(USERS))
        owners = np.array([r.brand for r in users.records], np.str_)
        return {str(name): users.vectors[owners == name] for name in np.unique(owners)}


def state(
    brands: Iterable[Brand], galleries: Iterable[Gallery], drawings: Mapping[str, PNG], families: Iterable[Family] = ()
) -> State:
    """A state of logos, names and negatives; brands in the order of their names, no drawing but those of the logos.

    Of the families those logos stay that are there.
    """
    logos, names, negatives = galleries
    own = {r.sha256 for r in logos.records}
    kept = {sha256: png for sha256, png in drawings.items() if sha256 in own}
    if families := tuple(families):
        families = remaining(families, {(r.brand, r.id) for r in logos.records})
    return State(tuple(sorted(brands, key=lambda b: b.name)), logos, names, negatives, kept, families)


def against(
    state: State, queries: Embeddings, k: int, also: Embeddings | None = None, nearest: Nearest | None = None
) -> BrandNeighbours:
    """The k nearest brands by their logos, with what speaks against the first.

    `also` are other views of the same places, which negatives may be like: what users reject is kept as they saw it.
    `nearest` are the nearest vectors of logos, where they are known.
    """
    similarity, brand, row = state.logos.search_brands(queries, k, nearest)
    vectors, of = state.negatives.vectors, state.negatives_of
    negative = np.full(len(queries), -1, np.float32)
    for views in (queries,) if also is None else (queries, also):
        if NOBODY in of:
            negative = np.maximum(negative, nearest_of(views, vectors[of[NOBODY]]))
        for name in of.keys() & state.logos.position.keys():  # a brand's own speak where it comes first
            first = np.flatnonzero(brand[:, 0] == state.logos.position[name])
            negative[first] = np.maximum(negative[first], nearest_of(views[first], vectors[of[name]]))
    near = BrandNeighbours(similarity, brand, row, state.logos.brands, state.logos.ids, negative)
    return near if state.family is None else _related(state, near, queries, also, nearest)


def _related(
    state: State, near: BrandNeighbours, queries: Embeddings, also: Embeddings | None, nearest: Nearest | None
) -> BrandNeighbours:
    """Make the same answer, with the brands that share the nearest drawing as no rivals of each other."""
    logos, family = state.logos, state.family
    assert family is not None
    touched = np.flatnonzero(family[near.logo[:, 0]] >= 0) if near.logo.shape[1] else np.zeros(0, np.int64)
    if not len(touched):
        return near
    rival, relatives = near.second.copy(), {}
    found = (logos.search(queries[touched], DEPTH) if nearest is None else nearest).rows
    for i, query in enumerate(touched.tolist()):
        one, rows = queries[query], found[i if nearest is None else query]
        kin = int(family[near.logo[query, 0]])
        members = np.flatnonzero(family == kin)
        first = int(near.brand[query, 0])
        rival[query] = _rival(state, one, rows, first, kin)
        views = one[None] if also is None else np.stack([one, also[query]])
        shared = []
        for brand in np.unique(logos.code[members]).tolist():
            if brand != first:
                own = members[logos.code[members] == brand]
                similar = np.einsum("d,kd->k", one, logos.vectors[own])
                row = int(similar.argmax())
                against_it = _negative(state, views, logos.brands[brand])
                best_other = _rival(state, one, rows, brand, kin)
                shared.append(Relative(brand, int(own[row]), float(similar[row]), best_other, against_it))
        relatives[query] = tuple(shared)
    return replace(near, rival=rival, relatives=relatives)


def _rival(state: State, query: NDArray[np.float32], rows: NDArray[np.int64], brand: int, kin: int) -> float:
    """Cosine to the best vector that is neither the brand's nor of the family; 0 where there is none.

    `rows` are the query's nearest, nearest first; all are compared where these are of the brand and the family alone.
    """
    logos, family = state.logos, state.family
    assert family is not None
    others = rows[(logos.code[rows] != brand) & (family[rows] != kin)][:1]
    if not len(others):
        rest = np.flatnonzero((logos.code != brand) & (family != kin))
        if not len(rest):
            return 0.0
        others = rest[[int((logos.vectors[rest] @ query).argmax())]]
    return float(np.einsum("d,kd->k", query, logos.vectors[others])[0])


def _negative(state: State, views: Embeddings, brand: str) -> float:
    """Cosine to the nearest negative of nobody's or of the brand, over views of one place; -1 where there is none."""
    rows = [state.negatives_of[name] for name in (NOBODY, brand) if name in state.negatives_of]
    return max((float(nearest_of(views, state.negatives.vectors[of]).max()) for of in rows), default=-1.0)


def against_names(state: State, queries: Embeddings, k: int) -> BrandNeighbours:
    """The k nearest brands by their names alone, with what speaks against the first."""
    own, words = state.own_names_and_words
    similarity, brand, row = own.search_brands(queries, k)
    negative = nearest_of(queries, words.vectors)
    for name in state.users_of.keys() & {NOBODY, *own.position}:
        first = np.arange(len(queries)) if name == NOBODY else np.flatnonzero(brand[:, 0] == own.position[name])
        negative[first] = np.maximum(negative[first], nearest_of(queries[first], state.users_of[name]))
    return BrandNeighbours(similarity, brand, row, own.brands, own.ids, negative)


def compared(
    state: State, query: Embeddings, brand: str, near: BrandNeighbours | None = None
) -> tuple[float, float, float]:
    """Similarity of one query, float32 (1, dim), to a brand by its logos, its margin, and what users say against it.

    `near` are the two nearest brands of the query, where they are known.
    """
    near = against(state, query, 2) if near is None else near
    against_it = [state.users_of[name] for name in (NOBODY, brand) if name in state.users_of]
    rejected = max((float(nearest_of(query, vectors)[0]) for vectors in against_it), default=-1.0)
    if near.brands[int(near.brand[0, 0])] == brand:
        return float(near.similarity[0, 0]), float(margins(near)[0]), rejected
    for one in near.relatives.get(0, ()):
        if near.brands[one.brand] == brand:
            return one.similarity, one.margin, rejected
    own, general = (
        float(nearest_of(query, state.logos.of(brand))[0]),
        state.negatives_of.get(NOBODY, np.zeros(0, np.int64)),
    )
    other = max(float(near.similarity[0, 0]), float(nearest_of(query, state.negatives.vectors[general])[0]), rejected)
    return own, own - other, rejected

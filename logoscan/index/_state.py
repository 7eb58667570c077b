"""One version of the register: brands, and the galleries of their logos, names and negatives. Immutable.

`LogoIndex` swaps such states. Knows no files and no encoders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logoscan.index._mmap import PNG
from logoscan.index.families import Family, Key, numbered, remaining
from logoscan.index.gallery import Gallery
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Embeddings

__all__ = [
    "NOBODY",
    "USERS",
    "State",
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
    logo_images: Mapping[str, PNG]
    """PNG of each registered logo image by the SHA-256 that the records of its logo carry."""
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
    brands: Iterable[Brand],
    galleries: Iterable[Gallery],
    logo_images: Mapping[str, PNG],
    families: Iterable[Family] = (),
) -> State:
    """A state of logos, names and negatives; brands in the order of their names, no drawing but those of the logos.

    Of the families those logos stay that are there.
    """
    logos, names, negatives = galleries
    own = {r.sha256 for r in logos.records}
    kept = {sha256: png for sha256, png in logo_images.items() if sha256 in own}
    if families := tuple(families):
        families = remaining(families, {(r.brand, r.id) for r in logos.records})
    return State(tuple(sorted(brands, key=lambda b: b.name)), logos, names, negatives, kept, families)

"""One version of the index: brands, and the galleries of their logos, names and negatives. Immutable.

`LogoIndex` swaps such states. This module knows no files and no encoders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logoscan.index._mmap import PNG
from logoscan.index.families import Family, LogoKey, family_of_rows, restrict_families
from logoscan.index.gallery import Gallery
from logoscan.index.pack_records import PackState
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Embeddings

__all__ = ["NOT_A_BRAND", "USER_PREFIX", "State", "make_state"]

NOT_A_BRAND = ""
"""Stands for the brand in the records of negatives that belong to no brand, and of everyday words."""
USER_PREFIX = "negative/"
"""Beginning of the identifiers of negatives that users added."""


@dataclass(frozen=True, eq=False)
class State:
    """One version of the index."""

    brands: tuple[Brand, ...]
    logos: Gallery
    names: Gallery
    negatives: Gallery
    logo_images: Mapping[str, PNG]
    """PNG of each registered logo image by the SHA-256 that the records of its logo carry."""
    families: tuple[Family, ...] = ()
    """Logos of different brands that have the same image."""
    packs: PackState = field(default_factory=PackState)
    """Brand packs that were applied; no part of the fingerprint, which is that of what they left."""

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
    def names_and_words(self) -> tuple[Gallery, Gallery]:
        """The names of brands, and the everyday words that are not the name of any of them."""
        names = self.names.without(lambda r: r.brand == NOT_A_BRAND)
        name_hashes = {r.sha256 for r in names.records}
        return names, self.names.without(lambda r: r.brand != NOT_A_BRAND or r.sha256 in name_hashes)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over everything that is registered."""
        digest = hashlib.sha256(repr(self.brands).encode())
        for gallery in self.galleries:
            digest.update(repr(gallery.records).encode())
            digest.update(np.ascontiguousarray(gallery.vectors).data)
        return digest.hexdigest()[:16]

    @cached_property
    def family_of_rows(self) -> NDArray[np.int64] | None:
        """The family of each row of `logos`, -1 for none; None if there are no families."""
        return family_of_rows(self.logos, self.families)

    @cached_property
    def sharing(self) -> Mapping[LogoKey, frozenset[str]]:
        """The other brands of each logo that is in a family."""
        brands = [(family, frozenset(brand for brand, _ in family)) for family in self.families]
        return {key: names - {key[0]} for family, names in brands for key in family}

    @cached_property
    def negative_rows(self) -> dict[str, NDArray[np.int64]]:
        """Rows of `negatives` by the brand that they belong to; under `NOT_A_BRAND` those that belong to none."""
        rows: dict[str, list[int]] = {}
        for row, record in enumerate(self.negatives.records):
            rows.setdefault(record.brand, []).append(row)
        return {brand: np.array(members, np.int64) for brand, members in rows.items()}

    @cached_property
    def user_negatives(self) -> dict[str, Embeddings]:
        """Vectors of the negatives that users added, by brand; under `NOT_A_BRAND` those that belong to none."""
        negatives = self.negatives.without(lambda r: not r.id.startswith(USER_PREFIX))
        brands = np.array([r.brand for r in negatives.records], np.str_)
        return {str(name): negatives.vectors[brands == name] for name in np.unique(brands)}


def make_state(
    brands: Iterable[Brand],
    galleries: Iterable[Gallery],
    logo_images: Mapping[str, PNG],
    families: Iterable[Family] = (),
    packs: PackState | None = None,
) -> State:
    """Make a state with sorted brands, without the images and family members of logos that are not in it.

    Args:
        brands: All brands, in any order.
        galleries: Logos, names and negatives.
        logo_images: PNG by SHA-256; those of other logos are left out.
        families: Logos that have the same image; other logos are left out.
        packs: Brand packs; those of other brands are left out.
    """
    logos, names, negatives = galleries
    hashes = {r.sha256 for r in logos.records}
    images = {sha256: png for sha256, png in logo_images.items() if sha256 in hashes}
    if families := tuple(families):
        families = restrict_families(families, {(r.brand, r.id) for r in logos.records})
    ordered = tuple(sorted(brands, key=lambda b: b.name))
    packs = PackState() if packs is None else packs.only({b.name for b in ordered})
    return State(ordered, logos, names, negatives, images, families, packs)

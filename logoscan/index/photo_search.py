"""The answer of an index for one photo. It is asked once; everything that matching needs is taken from here."""

from __future__ import annotations

from functools import cached_property

from logoscan.index._brand_search import nearest_brands, nearest_brands_by_name, similarity_to_brand
from logoscan.index._state import State
from logoscan.index.gallery import Nearest
from logoscan.index.neighbours import BrandNeighbours
from logoscan.types import Embeddings

__all__ = ["PhotoSearch"]

# The nearest brand, and the second, which its margin is to.
_K = 2


class PhotoSearch:
    """The nearest logos and brands of all regions of a photo, as they are and in a mirror.

    Attributes:
        nearest: The nearest vectors of logos of each region.
    """

    def __init__(
        self, state: State, vectors: Embeddings, mirrored: Embeddings, nearest: Nearest, nearest_mirrored: Nearest
    ) -> None:
        """Keep what `LogoIndex.search_photos` found; `mirrored` are views of the first regions."""
        self._state, self._vectors, self._mirrored = state, vectors, mirrored
        self.nearest, self._nearest_mirrored = nearest, nearest_mirrored

    @cached_property
    def neighbours(self) -> BrandNeighbours:
        """The two nearest brands of each region by their logos."""
        return nearest_brands(self._state, _K, self.nearest, [self._vectors])

    @cached_property
    def neighbours_or_mirrored(self) -> BrandNeighbours:
        """The same, with those of a region's mirror image where these are nearer."""
        if not len(self._mirrored):
            return self.neighbours
        views = [self._mirrored, self._vectors[: len(self._mirrored)]]
        return self.neighbours.or_mirrored(nearest_brands(self._state, _K, self._nearest_mirrored, views))

    @cached_property
    def neighbours_by_name(self) -> BrandNeighbours:
        """The two nearest of the brands that are known by their name alone."""
        return nearest_brands_by_name(self._state, self._vectors, _K)

    def similarity_to(self, region: int, brand: str) -> tuple[float, float, float]:
        """Compare one region with one brand that has a logo; returns what `LogoIndex.compare` returns."""
        return similarity_to_brand(
            self._state, self._vectors[region : region + 1], brand, self.neighbours.between(region, region + 1)
        )

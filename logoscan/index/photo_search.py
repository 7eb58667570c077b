"""Result of the search for one photo: the index is searched once, and matching takes all it needs from here."""

from __future__ import annotations

from functools import cached_property

from logoscan.index._brand_search import nearest_brands, nearest_brands_by_name, similarity_to_brand
from logoscan.index._state import State
from logoscan.index.gallery import Nearest
from logoscan.index.neighbours import BrandNeighbours
from logoscan.types import Embeddings

__all__ = ["PhotoSearch"]

# Brands of each region: the nearest, and the second, with which its margin is computed.
_BRANDS = 2


class PhotoSearch:
    """The nearest logos and brands of all regions of a photo and of their mirror images.

    Attributes:
        nearest: The nearest vectors of logos of each region.
    """

    def __init__(
        self, state: State, vectors: Embeddings, mirrored: Embeddings, nearest: Nearest, nearest_mirrored: Nearest
    ) -> None:
        """Store the result of `LogoIndex.search_photos`.

        Args:
            state: The state of the index that was searched.
            vectors: Vectors of the regions, float32 (n, dim).
            mirrored: Vectors of the mirror images of the first regions, float32 (m, dim).
            nearest: The nearest vectors of the regions.
            nearest_mirrored: The nearest vectors of the mirror images.
        """
        self._state, self._vectors, self._mirrored = state, vectors, mirrored
        self.nearest, self._nearest_mirrored = nearest, nearest_mirrored

    @cached_property
    def neighbours(self) -> BrandNeighbours:
        """The two nearest brands of each region by their logos."""
        return nearest_brands(self._state, _BRANDS, self.nearest, [self._vectors])

    @cached_property
    def neighbours_or_mirrored(self) -> BrandNeighbours:
        """The two nearest brands of each region or of its mirror image, whichever is nearer to a brand."""
        if not len(self._mirrored):
            return self.neighbours
        views = [self._mirrored, self._vectors[: len(self._mirrored)]]
        return self.neighbours.or_mirrored(nearest_brands(self._state, _BRANDS, self._nearest_mirrored, views))

    @cached_property
    def neighbours_by_name(self) -> BrandNeighbours:
        """The two nearest of the brands that have a name but no logo."""
        return nearest_brands_by_name(self._state, self._vectors, _BRANDS)

    def similarity_to(self, region: int, brand: str) -> tuple[float, float, float]:
        """Compare one region with one brand that has a logo; return what `LogoIndex.compare` returns."""
        return similarity_to_brand(
            self._state, self._vectors[region : region + 1], brand, self.neighbours.between(region, region + 1)
        )

"""Result of a search of brands: the nearest distinct brands of each query, with rivals and negatives of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Embeddings

__all__ = ["BrandNeighbours", "Relative", "margins", "nearest_of"]


class Relative(NamedTuple):
    """Another brand that has the logo which a query is nearest to.

    Attributes:
        brand: Position in `BrandNeighbours.brands`.
        logo: Position in `BrandNeighbours.logos`.
        similarity: Cosine to its nearest vector of the family.
        rival: Cosine to the best vector of a brand outside the family, 0 where there is none.
        negative: Cosine to the nearest negative of no brand or of this one, -1 where there is none.
    """

    brand: int
    logo: int
    similarity: float
    rival: float
    negative: float

    @property
    def margin(self) -> float:
        """Similarity less that of the rival or the negative, whichever is nearer."""
        return self.similarity - max(self.rival, self.negative)


@dataclass(frozen=True, eq=False)
class BrandNeighbours:
    """The nearest distinct brands of n queries; k is at most the number of brands.

    Attributes:
        similarity: float32 (n, k), cosine to the brand's nearest vector, falling along each row.
        brand: int64 (n, k), positions in `brands`.
        logo: int64 (n, k), positions in `logos`.
        brands: Names.
        logos: Identifier of the logo behind each vector.
        negative: float32 (n,), cosine to the nearest negative that counts against the first brand; -1 without one.
        rival: float32 (n,), cosine to the best vector of a brand outside the first logo's family, 0 where there is
            none; None stands for the similarity of the second brand.
        relatives: By query the other brands that share the logo which it is nearest to; they are shown as well.
    """

    similarity: NDArray[np.float32]
    brand: NDArray[np.int64]
    logo: NDArray[np.int64]
    brands: tuple[str, ...]
    logos: tuple[str, ...]
    negative: NDArray[np.float32]
    rival: NDArray[np.float32] | None = None
    relatives: Mapping[int, tuple[Relative, ...]] = field(default_factory=dict)

    @property
    def second(self) -> NDArray[np.float32]:
        """Similarity of the best brand that competes with the first, float32 (n,); 0 where there is none."""
        if self.rival is not None:
            return self.rival
        if self.similarity.shape[1] > 1:
            return self.similarity[:, 1]
        return np.zeros(len(self.similarity), np.float32)

    def of(self, query: int) -> BrandNeighbours:
        """Return the neighbours of one query."""
        return self.between(query, query + 1)

    def between(self, start: int, stop: int) -> BrandNeighbours:
        """Return the neighbours of the queries from `start` to before `stop`."""
        rows = slice(start, stop)
        return replace(
            self,
            similarity=self.similarity[rows],
            brand=self.brand[rows],
            logo=self.logo[rows],
            negative=self.negative[rows],
            rival=None if self.rival is None else self.rival[rows],
            relatives={query - start: brands for query, brands in self.relatives.items() if start <= query < stop},
        )

    def or_mirrored(self, mirrored: BrandNeighbours) -> BrandNeighbours:
        """Replace the neighbours of queries whose mirror image is nearer to a brand, by similarity and lead.

        Args:
            mirrored: Neighbours of the mirror images of the first queries, in the same index.
        """
        first = len(mirrored.similarity)
        if not first or not self.similarity.shape[1]:
            return self
        nearer = np.flatnonzero(mirrored._lead() > self._lead()[:first])
        arrays = {name: getattr(self, name).copy() for name in ("similarity", "brand", "logo", "negative")}
        arrays["rival"] = self.second.copy()
        for name, values in arrays.items():
            values[nearer] = (mirrored.second if name == "rival" else getattr(mirrored, name))[nearer]
        replaced = set(nearer.tolist())
        relatives = {query: brands for query, brands in self.relatives.items() if query not in replaced}
        relatives |= {query: brands for query, brands in mirrored.relatives.items() if query in replaced}
        return replace(self, **arrays, relatives=relatives)

    def _lead(self) -> NDArray[np.float32]:
        """Return the similarity of each query's first brand plus its lead over the rival, float32 (n,)."""
        return np.asarray(2 * self.similarity[:, 0] - self.second, np.float32)


def margins(neighbours: BrandNeighbours) -> NDArray[np.float32]:
    """Return the best brand's similarity less that of the next brand or negative, whichever is nearer: float32 (n,).

    A margin is below 0 where a negative is nearer than the brand. A single brand without negatives is compared with 0,
    the cosine of unrelated logos. Brands that share the logo are no rivals.
    """
    similarity = neighbours.similarity
    if similarity.shape[1] == 0:
        return np.zeros(len(similarity), np.float32)
    return np.asarray(similarity[:, 0] - np.maximum(neighbours.second, neighbours.negative), np.float32)


def nearest_of(queries: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
    """Return the cosine of each query to its nearest row of `gallery`, float32 (n,); -1 where there is none."""
    if not len(gallery):
        return np.full(len(queries), -1, np.float32)
    return np.asarray((queries @ gallery.T).max(axis=1, initial=-1), np.float32)

"""The answer of an index: the nearest distinct brands of each query, with what speaks against the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Embeddings

__all__ = ["BrandNeighbours", "Relative", "margins", "nearest_of"]


class Relative(NamedTuple):
    """Another brand of the drawing that a query is nearest to.

    Attributes:
        brand: Position in `BrandNeighbours.brands`.
        logo: Position in `BrandNeighbours.logos`.
        similarity: Cosine to its nearest vector of the family.
        rival: As `BrandNeighbours.rival`, of this brand.
        negative: As `BrandNeighbours.negative`, of this brand.
    """

    brand: int
    logo: int
    similarity: float
    rival: float
    negative: float

    @property
    def margin(self) -> float:
        """As `margins` says it of the first brand."""
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
        negative: float32 (n,), cosine to the nearest negative that speaks against the first brand; -1 where none does.
        rival: float32 (n,), cosine to the best vector of another brand that is not of the first one's family, 0 where
            there is none; None: that of the second brand.
        relatives: By query the other brands that share the drawing which it is nearest to; they are shown as well.
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
        """What the first brand has to stand out from, float32 (n,): the rival, 0 where there is none."""
        if self.rival is not None:
            return self.rival
        if self.similarity.shape[1] > 1:
            return self.similarity[:, 1]
        return np.zeros(len(self.similarity), np.float32)

    def of(self, query: int) -> BrandNeighbours:
        """Those of one query."""
        return self.between(query, query + 1)

    def between(self, start: int, stop: int) -> BrandNeighbours:
        """Those of the queries from `start` to before `stop`."""
        rows = slice(start, stop)
        return replace(
            self,
            similarity=self.similarity[rows],
            brand=self.brand[rows],
            logo=self.logo[rows],
            negative=self.negative[rows],
            rival=None if self.rival is None else self.rival[rows],
            relatives={query - start: own for query, own in self.relatives.items() if start <= query < stop},
        )

    def or_mirrored(self, mirrored: BrandNeighbours) -> BrandNeighbours:
        """These, but the mirror's where its nearest brand is surer by similarity and lead over the second.

        Args:
            mirrored: Of the first queries as a mirror shows them, in the same register.
        """
        first = len(mirrored.similarity)
        if not first or not self.similarity.shape[1]:
            return self
        nearer = np.flatnonzero(mirrored._lead() > self._lead()[:first])
        taken = {name: getattr(self, name).copy() for name in ("similarity", "brand", "logo", "negative")}
        taken["rival"] = self.second.copy()
        for name, values in taken.items():
            values[nearer] = (mirrored.second if name == "rival" else getattr(mirrored, name))[nearer]
        turned = set(nearer.tolist())
        relatives = {query: found for query, found in self.relatives.items() if query not in turned}
        relatives |= {query: found for query, found in mirrored.relatives.items() if query in turned}
        return replace(self, **taken, relatives=relatives)

    def _lead(self) -> NDArray[np.float32]:
        """Add to the similarity of each query's first brand by how much it leads its rival."""
        return np.asarray(2 * self.similarity[:, 0] - self.second, np.float32)


def margins(neighbours: BrandNeighbours) -> NDArray[np.float32]:
    """Best brand minus the next brand or the nearest negative, whichever is nearer: float32 (n,).

    Below 0 where a negative is nearer than the brand. A lone brand without negatives stands against 0, the cosine of
    unrelated marks. Brands that share the drawing are no rivals of each other.
    """
    similarity = neighbours.similarity
    if similarity.shape[1] == 0:
        return np.zeros(len(similarity), np.float32)
    return np.asarray(similarity[:, 0] - np.maximum(neighbours.second, neighbours.negative), np.float32)


def nearest_of(queries: Embeddings, gallery: Embeddings) -> NDArray[np.float32]:
    """Cosine of each query to its nearest row of `gallery`, float32 (n,); -1 where there is none."""
    if not len(gallery):
        return np.full(len(queries), -1, np.float32)
    return np.asarray((queries @ gallery.T).max(axis=1, initial=-1), np.float32)

"""Neighbours -> evidence: which registered brands a picture seems to show, where, and how surely.

Similarity is not confidence. A `MatchCalibration`, fitted on composites for one encoder and one detector, turns
similarity, margin and the size of the register into a probability; under any other pair there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.boxes import apart
from logoscan.errors import InputError
from logoscan.types import Match, Regions

__all__ = ["BrandNeighbours", "MatchCalibration", "Relative", "margins", "match_regions"]

_PER_BRAND = 3
"""Regions kept for a brand in one picture: proof, not a census."""
_SHARED = 0.5
"""Share of the smaller of two regions above which they show one mark: a square around a mark is no second one."""
_BRANDS = 10
"""Brands kept for one picture, surest first."""


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


@dataclass(frozen=True)
class MatchCalibration:
    """Logistic model of "this match is right".

    logit = intercept + similarity * s + margin * m + log_brands * ln(brands in the register) + confidence * c

    Attributes:
        encoder: Fingerprint of the encoder that it was fitted for.
        detector: Fingerprint of the detector.
        intercept: And the coefficients, see above.
        similarity: Per unit of cosine.
        margin: Per unit of cosine to the next brand or negative, see `margins`.
        log_brands: Per e-fold of the register.
        confidence: Per unit of the detector's confidence.
        threshold: Probability from which a brand is named; chosen on composites.
        fitted_on: What it was fitted on, in words.
        kind: Whether it is for brands found by pictures of their logo or by their name alone.
    """

    encoder: str
    detector: str
    intercept: float
    similarity: float
    margin: float
    log_brands: float
    confidence: float
    threshold: float
    fitted_on: str
    kind: Literal["logo", "name"] = "logo"

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"MatchCalibration.threshold: expected a probability, got {self.threshold!r}")
        for name in ("intercept", "similarity", "margin", "log_brands", "confidence"):
            if not np.isfinite(getattr(self, name)):
                raise InputError(f"MatchCalibration.{name}: expected a finite number, got {getattr(self, name)!r}")

    def probability(
        self,
        similarity: NDArray[np.float32],
        margin: NDArray[np.float32],
        n_brands: int,
        confidence: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Probabilities, float64, of the shape of `similarity`."""
        logit = (
            self.intercept
            + self.similarity * similarity.astype(np.float64)
            + self.margin * margin.astype(np.float64)
            + self.log_brands * float(np.log(max(1, n_brands)))
            + self.confidence * confidence.astype(np.float64)
        )
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -60, 60))))


def margins(neighbours: BrandNeighbours) -> NDArray[np.float32]:
    """Best brand minus the next brand or the nearest negative, whichever is nearer: float32 (n,).

    Below 0 where a negative is nearer than the brand. A lone brand without negatives stands against 0, the cosine of
    unrelated marks. Brands that share the drawing are no rivals of each other.
    """
    similarity = neighbours.similarity
    if similarity.shape[1] == 0:
        return np.zeros(len(similarity), np.float32)
    return np.asarray(similarity[:, 0] - np.maximum(neighbours.second, neighbours.negative), np.float32)


def match_regions(
    image: int, regions: Regions, neighbours: BrandNeighbours, calibration: MatchCalibration | None
) -> tuple[Match, ...]:
    """The surest matches of one picture.

    Every region speaks for its nearest brand, and for those that share the drawing with it. A brand keeps its few best
    regions that do not cover one another.

    Args:
        image: Position of the picture in its listing.
        regions: n places.
        neighbours: Of their n vectors.
        calibration: Must belong to the encoder and the detector in use, or be None.

    Returns:
        Matches, surest first; empty for an empty register or no regions.
    """
    if len(regions) != len(neighbours.similarity):
        raise InputError(f"neighbours: expected {len(regions)} rows, got {len(neighbours.similarity)}")
    if not len(regions) or not neighbours.similarity.shape[1]:
        return ()
    region = np.arange(len(regions))
    best, margin = neighbours.similarity[:, 0], margins(neighbours)
    owner, logo = neighbours.brand[:, 0], neighbours.logo[:, 0]
    if shared := [(query, one) for query, found in neighbours.relatives.items() for one in found]:
        region = np.append(region, [query for query, _ in shared])
        owner, logo = (
            np.append(owner, [one.brand for _, one in shared]),
            np.append(logo, [one.logo for _, one in shared]),
        )
        best = np.append(best, np.array([one.similarity for _, one in shared], np.float32))
        margin = np.append(margin, np.array([one.margin for _, one in shared], np.float32))
    sure: NDArray[np.float64] | None = None
    if calibration is not None:
        sure = calibration.probability(best, margin, len(neighbours.brands), regions.confidence[region])
    # without a calibration, similarity and margin together order the places: a far second is worth as much as nearness
    order = sure if sure is not None else (best + margin).astype(np.float64)
    matches: list[tuple[float, Match]] = []
    for brand in np.unique(owner):
        rows = np.flatnonzero(owner == brand)
        kept = apart(regions.xyxy[region[rows]], order[rows].astype(np.float32), _SHARED)[:_PER_BRAND]
        for row in rows[kept]:
            x0, y0, x1, y1 = (float(v) for v in regions.xyxy[region[row]])
            match = Match(
                image=image,
                xyxy=(x0, y0, x1, y1),
                brand=neighbours.brands[int(brand)],
                logo=neighbours.logos[int(logo[row])],
                similarity=float(best[row]),
                margin=float(margin[row]),
                probability=None if sure is None else float(sure[row]),
            )
            matches.append((float(order[row]), match))
    matches.sort(key=lambda pair: (-pair[0], pair[1].brand, pair[1].xyxy))
    leading = list(dict.fromkeys(match.brand for _, match in matches))[:_BRANDS]
    return tuple(match for _, match in matches if match.brand in leading)

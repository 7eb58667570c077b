"""How many logos of a brand the negatives that users added are similar to: such negatives may hide the brand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from logoscan.index._state import NOT_A_BRAND, USER_PREFIX, State

__all__ = ["NegativeCost", "find_negative_costs"]


class NegativeCost(NamedTuple):
    """Similarity of a negative to the logos that it counts against.

    Attributes:
        negative: Identifier of the negative.
        brand: Brand that it does not show; None for a negative of no brand, which counts against all.
        logo: Identifier of the most similar logo.
        similarity: Cosine to that logo.
        logos: Number of logos that are as similar to it as photos of the brand may be.
    """

    negative: str
    brand: str | None
    logo: str
    similarity: float
    logos: int


def find_negative_costs(state: State, similar_from: float, brand: str | None = None) -> list[NegativeCost]:
    """Compute the costs of the negatives that users added, highest similarity first.

    Args:
        state: One version of the index.
        similar_from: Cosine from which a logo counts as similar.
        brand: Brand whose logos, own negatives and negatives of no brand are compared; None compares all.
    """
    logos = state.logos
    costs = []
    for row, record in enumerate(state.negatives.records):
        if record.id.startswith(USER_PREFIX) and (brand is None or record.brand in (NOT_A_BRAND, brand)):
            target = record.brand if brand is None else brand
            rows = np.flatnonzero((logos.code == logos.position.get(target, -1)) | (target == NOT_A_BRAND))
            if len(rows):
                similarity = logos.vectors[rows] @ state.negatives.vectors[row]
                similar = {logos.ids[i] for i in rows[similarity >= similar_from].tolist()}
                best = int(similarity.argmax())
                costs.append(
                    NegativeCost(
                        record.id, record.brand or None, logos.ids[rows[best]], float(similarity[best]), len(similar)
                    )
                )
    return sorted(costs, key=lambda cost: (-cost.similarity, cost.negative, cost.brand or "", cost.logo, cost.logos))

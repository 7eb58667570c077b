"""Search one state of an index for brands, with the negatives that count against each. Knows no encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.index._state import NOT_A_BRAND, State
from logoscan.index.gallery import Nearest
from logoscan.index.neighbours import BrandNeighbours, Relative, margins, nearest_of
from logoscan.types import Embeddings

__all__ = ["nearest_brands", "nearest_brands_by_name", "similarity_to_brand"]


def nearest_brands(state: State, k: int, nearest: Nearest, views: Sequence[Embeddings]) -> BrandNeighbours:
    """Find the k nearest brands by their logos, with the negatives that count against the first.

    Args:
        state: One version of the index.
        k: Number of brands.
        nearest: The nearest vectors of the queries.
        views: The queries, float32 (n, dim), and maybe other views of the same regions, which are compared with the
            negatives too: users reject regions that are not mirrored.
    """
    queries = views[0]
    similarity, brand, row = state.logos.brands_among(queries, k, nearest)
    vectors, rows_of = state.negatives.vectors, state.negative_rows
    negative = np.full(len(queries), -1, np.float32)
    for view in views:
        if NOT_A_BRAND in rows_of:
            negative = np.maximum(negative, nearest_of(view, vectors[rows_of[NOT_A_BRAND]]))
        for name in rows_of.keys() & state.logos.position.keys():  # a brand's negatives count where it comes first
            first = np.flatnonzero(brand[:, 0] == state.logos.position[name])
            negative[first] = np.maximum(negative[first], nearest_of(view[first], vectors[rows_of[name]]))
    neighbours = BrandNeighbours(similarity, brand, row, state.logos.brands, state.logos.ids, negative)
    return neighbours if state.family_of_rows is None else _with_relatives(state, neighbours, nearest, views)


def _with_relatives(
    state: State, neighbours: BrandNeighbours, nearest: Nearest, views: Sequence[Embeddings]
) -> BrandNeighbours:
    """Return the neighbours with the brands that share the nearest logo as relatives instead of rivals."""
    logos, family = state.logos, state.family_of_rows
    assert family is not None
    shared = np.flatnonzero(family[neighbours.logo[:, 0]] >= 0) if neighbours.logo.shape[1] else np.zeros(0, np.int64)
    if not len(shared):
        return neighbours
    rival, relatives = neighbours.second.copy(), {}
    for query in shared.tolist():
        vector, rows = views[0][query], nearest.rows[query]
        number = int(family[neighbours.logo[query, 0]])
        members = np.flatnonzero(family == number)
        first = int(neighbours.brand[query, 0])
        rival[query] = _rival(state, vector, rows, first, number)
        views_of_query = np.stack([view[query] for view in views])
        others = []
        for brand in np.unique(logos.code[members]).tolist():
            if brand != first:
                brand_rows = members[logos.code[members] == brand]
                similar = np.einsum("d,kd->k", vector, logos.vectors[brand_rows])
                best = int(similar.argmax())
                others.append(
                    Relative(
                        brand,
                        int(brand_rows[best]),
                        float(similar[best]),
                        _rival(state, vector, rows, brand, number),
                        _negative(state, views_of_query, logos.brands[brand]),
                    )
                )
        relatives[query] = tuple(others)
    return replace(neighbours, rival=rival, relatives=relatives)


def _rival(state: State, query: NDArray[np.float32], rows: NDArray[np.int64], brand: int, number: int) -> float:
    """Return the cosine to the best vector of other brands outside a family; 0 where there is none.

    Args:
        state: One version of the index.
        query: float32 (dim,).
        rows: Rows of the query's nearest vectors, nearest first; if all belong to the brand or the family, all vectors
            of the index are compared.
        brand: Position of the brand.
        number: Number of the family.
    """
    logos, family = state.logos, state.family_of_rows
    assert family is not None
    others = rows[(logos.code[rows] != brand) & (family[rows] != number)][:1]
    if not len(others):
        rest = np.flatnonzero((logos.code != brand) & (family != number))
        if not len(rest):
            return 0.0
        others = rest[[int((logos.vectors[rest] @ query).argmax())]]
    return float(np.einsum("d,kd->k", query, logos.vectors[others])[0])


def _negative(state: State, views: Embeddings, brand: str) -> float:
    """Return the cosine of any view of a region to the nearest negative of no brand or of this one; -1 without one."""
    blocks = [state.negative_rows[name] for name in (NOT_A_BRAND, brand) if name in state.negative_rows]
    return max((float(nearest_of(views, state.negatives.vectors[rows]).max()) for rows in blocks), default=-1.0)


def nearest_brands_by_name(state: State, queries: Embeddings, k: int) -> BrandNeighbours:
    """Find the k nearest brands without a logo by their names, with the words and negatives against the first.

    Args:
        state: One version of the index.
        queries: float32 (n, dim).
        k: Number of brands.
    """
    names, words = state.names_and_words
    similarity, brand, row = names.search_brands(queries, k)
    negative = nearest_of(queries, words.vectors)
    for name in state.user_negatives.keys() & {NOT_A_BRAND, *names.position}:
        first = np.arange(len(queries)) if name == NOT_A_BRAND else np.flatnonzero(brand[:, 0] == names.position[name])
        negative[first] = np.maximum(negative[first], nearest_of(queries[first], state.user_negatives[name]))
    return BrandNeighbours(similarity, brand, row, names.brands, names.ids, negative)


def similarity_to_brand(
    state: State, query: Embeddings, brand: str, neighbours: BrandNeighbours
) -> tuple[float, float, float]:
    """Return the similarity of a query to a brand by its logos, its margin, and the cosine to the nearest rejection.

    Args:
        state: One version of the index.
        query: float32 (1, dim).
        brand: Name of a brand that has a logo.
        neighbours: The two nearest brands of the query.

    Returns:
        Three cosines; the last is that to the nearest negative of users of no brand or of this one, -1 without one.
    """
    rejections = [state.user_negatives[name] for name in (NOT_A_BRAND, brand) if name in state.user_negatives]
    rejected = max((float(nearest_of(query, vectors)[0]) for vectors in rejections), default=-1.0)
    if neighbours.brands[int(neighbours.brand[0, 0])] == brand:
        return float(neighbours.similarity[0, 0]), float(margins(neighbours)[0]), rejected
    for relative in neighbours.relatives.get(0, ()):
        if neighbours.brands[relative.brand] == brand:
            return relative.similarity, relative.margin, rejected
    similarity = float(nearest_of(query, state.logos.vectors_of(brand))[0])
    general = state.negatives.vectors[state.negative_rows.get(NOT_A_BRAND, np.zeros(0, np.int64))]
    other = max(float(neighbours.similarity[0, 0]), float(nearest_of(query, general)[0]), rejected)
    return similarity, similarity - other, rejected

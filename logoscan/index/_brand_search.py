"""Search one state of an index for brands, with what speaks against each answer. Knows no encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.index._state import NOBODY, State
from logoscan.index.gallery import Nearest
from logoscan.index.neighbours import BrandNeighbours, Relative, margins, nearest_of
from logoscan.types import Embeddings

__all__ = ["nearest_brands", "nearest_brands_by_name", "similarity_to_brand"]


def nearest_brands(state: State, k: int, nearest: Nearest, views: Sequence[Embeddings]) -> BrandNeighbours:
    """Find the k nearest brands by their logos, with the negatives that speak against the first.

    Args:
        state: One version of the index.
        k: Brands.
        nearest: The nearest vectors of the queries.
        views: The queries, float32 (n, dim), and maybe other views of the same regions, which negatives may be like:
            what users reject is kept as they saw it.
    """
    queries = views[0]
    similarity, brand, row = state.logos.brands_among(queries, k, nearest)
    vectors, rows_of = state.negatives.vectors, state.negatives_of
    negative = np.full(len(queries), -1, np.float32)
    for view in views:
        if NOBODY in rows_of:
            negative = np.maximum(negative, nearest_of(view, vectors[rows_of[NOBODY]]))
        for name in rows_of.keys() & state.logos.position.keys():  # a brand's own count where it comes first
            first = np.flatnonzero(brand[:, 0] == state.logos.position[name])
            negative[first] = np.maximum(negative[first], nearest_of(view[first], vectors[rows_of[name]]))
    neighbours = BrandNeighbours(similarity, brand, row, state.logos.brands, state.logos.ids, negative)
    return neighbours if state.family is None else _with_relatives(state, neighbours, nearest, views)


def _with_relatives(
    state: State, neighbours: BrandNeighbours, nearest: Nearest, views: Sequence[Embeddings]
) -> BrandNeighbours:
    """Return the same answer, with the brands that share the nearest logo image as no rivals of each other."""
    logos, family = state.logos, state.family
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
    """Return the cosine to the best vector that is neither the brand's nor of the family; 0 where there is none.

    `rows` are the query's nearest, nearest first; all are compared where these are of the brand and the family alone.
    """
    logos, family = state.logos, state.family
    assert family is not None
    others = rows[(logos.code[rows] != brand) & (family[rows] != number)][:1]
    if not len(others):
        rest = np.flatnonzero((logos.code != brand) & (family != number))
        if not len(rest):
            return 0.0
        others = rest[[int((logos.vectors[rest] @ query).argmax())]]
    return float(np.einsum("d,kd->k", query, logos.vectors[others])[0])


def _negative(state: State, views: Embeddings, brand: str) -> float:
    """Return the cosine to the nearest negative of nobody's or of the brand, over views of a region; -1 without one."""
    rows = [state.negatives_of[name] for name in (NOBODY, brand) if name in state.negatives_of]
    return max((float(nearest_of(views, state.negatives.vectors[own]).max()) for own in rows), default=-1.0)


def nearest_brands_by_name(state: State, queries: Embeddings, k: int) -> BrandNeighbours:
    """Find the k nearest of the brands that are known by their name alone, with what speaks against the first."""
    names, words = state.own_names_and_words
    similarity, brand, row = names.search_brands(queries, k)
    negative = nearest_of(queries, words.vectors)
    for name in state.users_of.keys() & {NOBODY, *names.position}:
        first = np.arange(len(queries)) if name == NOBODY else np.flatnonzero(brand[:, 0] == names.position[name])
        negative[first] = np.maximum(negative[first], nearest_of(queries[first], state.users_of[name]))
    return BrandNeighbours(similarity, brand, row, names.brands, names.ids, negative)


def similarity_to_brand(
    state: State, query: Embeddings, brand: str, neighbours: BrandNeighbours
) -> tuple[float, float, float]:
    """Return the similarity of a query to a brand by its logos, its margin, and the nearest picture that users reject.

    Args:
        state: One version of the index.
        query: float32 (1, dim).
        brand: One with a logo.
        neighbours: The two nearest brands of the query.
    """
    rejections = [state.users_of[name] for name in (NOBODY, brand) if name in state.users_of]
    rejected = max((float(nearest_of(query, vectors)[0]) for vectors in rejections), default=-1.0)
    if neighbours.brands[int(neighbours.brand[0, 0])] == brand:
        return float(neighbours.similarity[0, 0]), float(margins(neighbours)[0]), rejected
    for relative in neighbours.relatives.get(0, ()):
        if neighbours.brands[relative.brand] == brand:
            return relative.similarity, relative.margin, rejected
    similarity = float(nearest_of(query, state.logos.of(brand))[0])
    general = state.negatives.vectors[state.negatives_of.get(NOBODY, np.zeros(0, np.int64))]
    other = max(float(neighbours.similarity[0, 0]), float(nearest_of(query, general)[0]), rejected)
    return similarity, similarity - other, rejected

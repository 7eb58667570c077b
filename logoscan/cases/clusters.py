"""Near copies become one token: photos by their PDQ hashes, titles by their signatures.

Two photos are compared if they share one of eight bands of 32 bits, also turned and mirrored. Of copies with up to 7
changed bits all share one; of those with 8 bits, spread at random, 0.998 do, with 12 bits 0.90, with 16 bits 0.67. What
is compared is one photo if at most `MATCH_BITS` bits differ, and one title if 26 of 32 numbers agree (about 0.8 of the
words).

Copies of copies are one cluster. Where many hashes share a band, each is compared with the next 64 in their order, so
that a photo with a million variants costs no more than others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.images.phash import MATCH_BITS
from logoscan.images.phash_turns import predicted_turns

__all__ = ["cluster_tokens", "photo_clusters", "title_clusters"]

# Hashes of one band that each is compared with.
_MOST_COMPARED = 64
# Numbers of two signatures that agree in near copies.
_LEAST_EQUAL = 26
# Rows that are compared at once.
_CHUNK = 1 << 18


def photo_clusters(hashes: NDArray[np.uint8], *, turned: bool = True) -> NDArray[np.int32]:
    """Return the first copy of each photo.

    Args:
        hashes: Distinct PDQ hashes, uint8 (n, 32), in ascending order, so that no other order matters.
        turned: Whether turned and mirrored copies are copies; takes eight times as long.

    Returns:
        int32 (n,), the lowest position in each photo's cluster.
    """
    pairs = [_near(hashes, hashes)]
    if turned:
        pairs += [_near(hashes, other) for other in predicted_turns(hashes)]
    return _lowest(np.concatenate(pairs), len(hashes))


def title_clusters(signatures: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the first near copy of each title, int32 (n,); signatures are distinct, uint8 (n, 64), ascending."""
    pairs = [np.zeros((0, 2), np.int32)]
    for keys in np.ascontiguousarray(signatures).view(np.uint64).T:
        for pair in _neighbours(keys):
            numbers = [signatures[pair[:, side]].view(np.uint16) for side in (0, 1)]
            pairs.append(pair[(numbers[0] == numbers[1]).sum(axis=1) >= _LEAST_EQUAL])
    return _lowest(np.concatenate(pairs), len(signatures))


def _near(hashes: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the pairs of a hash and another picture's hash that are copies, int32 (m, 2), positions in `hashes`."""
    n, found = len(hashes), [np.zeros((0, 2), np.int32)]
    same = others is hashes
    rows = hashes if same else np.concatenate([hashes, others])
    for keys in np.ascontiguousarray(rows).view(np.uint32).T:
        for pair in _neighbours(keys):
            if not same:  # two turned pictures are as near as the pictures
                pair = pair[(pair < n).any(axis=1)]
            apart = np.unpackbits(rows[pair[:, 0]] ^ rows[pair[:, 1]], axis=1).sum(axis=1)
            found.append(pair[apart <= MATCH_BITS] % n)
    pairs = np.concatenate(found)
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]], np.int32)


def _neighbours(keys: NDArray[Any]) -> Iterator[NDArray[np.int32]]:
    """Yield pairs of positions with equal keys, int32 (m, 2): each with the next 64 at most."""
    order = np.argsort(keys, kind="stable").astype(np.int32)
    ordered = keys[order]
    candidates = np.arange(len(keys) - 1)
    for step in range(1, _MOST_COMPARED + 1):
        candidates = candidates[candidates + step < len(keys)]
        candidates = candidates[ordered[candidates] == ordered[candidates + step]]
        if not len(candidates):
            return
        for start in range(0, len(candidates), _CHUNK):
            chunk = candidates[start : start + _CHUNK]
            yield np.column_stack([order[chunk], order[chunk + step]])


def _lowest(pairs: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    """Return the lowest position of each connected part."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    matrix = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, labels = connected_components(matrix, directed=False)
    lowest = np.full(n, n, np.int32)
    np.minimum.at(lowest, labels, np.arange(n, dtype=np.int32))
    return np.asarray(lowest[labels], np.int32)


def cluster_tokens(tokens: Any, *, turned: bool = True) -> Any:
    """Return an Arrow table of tokens in which near copies have one token: that of the lowest of them.

    Args:
        tokens: Table with the columns kind and token. Photos and titles are clustered, other kinds stay.
        turned: Whether turned and mirrored photos are copies.
    """
    import pyarrow as pa
    from pyarrow import compute

    column = tokens.column("token").combine_chunks()
    kinds = tokens.column("kind")
    for kind, width in (("photo", 32), ("text", 64)):
        wanted = compute.equal(kinds, kind)
        distinct = compute.unique(compute.filter(column, wanted)).sort().to_pylist()
        if not distinct:
            continue
        packed = np.frombuffer(bytes.fromhex("".join(distinct)), np.uint8).reshape(-1, width)
        first = photo_clusters(packed, turned=turned) if kind == "photo" else title_clusters(packed)
        names = pa.array(distinct, pa.string())
        renamed = names.take(pa.array(first)).take(compute.index_in(column, names).fill_null(0))
        column = compute.if_else(wanted, renamed, column)
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return tokens.set_column(tokens.schema.get_field_index("token"), "token", column)

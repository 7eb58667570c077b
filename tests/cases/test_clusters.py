"""Near copies are one token: few changed bits, turned, mirrored; different photos and titles stay apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import quick

from logoscan.cases.clusters import cluster_tokens, photo_clusters, title_clusters
from logoscan.images.phash import MATCH_BITS
from logoscan.images.phash_turns import predicted_turns
from logoscan.merchants.tokens import title_signature


def hashes(count: int, seed: int = 0) -> NDArray[np.uint8]:
    rows = np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)
    return rows[np.lexsort(rows.T[::-1])]


def flipped(row: NDArray[np.uint8], count: int, seed: int = 0) -> NDArray[np.uint8]:
    bits = np.unpackbits(row)
    bits[np.random.default_rng(seed).choice(256, count, replace=False)] ^= 1
    return np.packbits(bits)


def test_no_photos_have_no_clusters() -> None:
    assert photo_clusters(np.zeros((0, 32), np.uint8)).tolist() == []
    assert title_clusters(np.zeros((0, 64), np.uint8)).tolist() == []
    empty = pa.table({"kind": pa.array([], pa.string()), "token": pa.array([], pa.string())})
    assert cluster_tokens(empty).num_rows == 0


def test_different_photos_stay_apart() -> None:
    assert photo_clusters(hashes(2000)).tolist() == list(range(2000))


@quick
@given(st.integers(0, 7), st.integers(0, 99))
def test_up_to_seven_changed_bits_leave_a_band_and_are_found(changed: int, seed: int) -> None:
    rows = hashes(20, seed)
    copy = flipped(rows[3], changed, seed)
    both = np.unique(np.vstack([rows, copy[None]]), axis=0)
    labels = dict(zip(map(bytes, both), photo_clusters(both).tolist(), strict=True))
    assert labels[bytes(rows[3])] == labels[bytes(copy)]
    assert len(set(labels.values())) == 20


def test_what_differs_in_more_bits_than_a_copy_is_none_though_a_band_is_equal() -> None:
    row = hashes(1)[0]
    bits = np.unpackbits(row)
    bits[32 : 32 + MATCH_BITS + 1] ^= 1
    both = np.unique(np.vstack([row, np.packbits(bits)]), axis=0)
    assert photo_clusters(both).tolist() == [0, 1]


@pytest.mark.parametrize("turn", range(7))
def test_turned_and_mirrored_copies_are_found_unless_they_are_not_wanted(turn: int) -> None:
    rows = hashes(20)
    copy = flipped(predicted_turns(rows[5:6])[turn, 0], 4)
    both = np.unique(np.vstack([rows, copy[None]]), axis=0)
    assert len(set(photo_clusters(both).tolist())) == 20
    assert len(set(photo_clusters(both, turned=False).tolist())) == 21


def test_a_photo_with_very_many_variants_is_one_cluster() -> None:
    row = hashes(1)[0]
    variants = np.unique(np.array([flipped(row, 3, seed) for seed in range(3000)]), axis=0)
    assert set(photo_clusters(variants, turned=False).tolist()) == {0}


def test_titles_are_one_by_their_words() -> None:
    words = [f"word{i}" for i in range(20)]
    same = [" ".join(words), " ".join(reversed(words)).upper(), ", ".join([*words, "one"])]
    other = " ".join(f"other{i}" for i in range(20))
    tokens = [title_signature(title) or "" for title in (*same, other)]
    table = pa.table({"kind": ["text"] * 4, "token": tokens})
    found = cluster_tokens(table).column("token").to_pylist()
    assert found[0] == found[1] == found[2] == min(tokens[:3])
    assert found[3] == tokens[3]


@quick
@given(st.permutations(range(12)))
def test_the_order_of_rows_changes_no_token_and_other_kinds_stay(order: list[int]) -> None:
    rows = hashes(4)
    photos = [bytes(row).hex() for row in (*rows, *(flipped(row, 5) for row in rows), *rows)]
    kinds = ["photo"] * 8 + ["contact"] * 4
    table = pa.table({"kind": [kinds[i] for i in order], "token": [photos[i] for i in order]})
    found = cluster_tokens(table).column("token").to_pylist()
    for at, i in enumerate(order):
        expected = photos[i] if i >= 8 else min(photos[i % 4], photos[i % 4 + 4])
        assert found[at] == expected

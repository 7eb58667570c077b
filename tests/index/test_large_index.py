"""Large indexes: files that are mapped, keypoints that are stored, and an approximate index that is no truth."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from labels import label

from logoscan import Brand, LogoIndex
from logoscan.errors import CorruptFileError
from logoscan.index import storage
from logoscan.index._manifest import seal
from logoscan.index.ann import Approximate, brute_force, rank_rows
from logoscan.index.gallery import Gallery
from logoscan.index.storage import LogoRecord, Stored
from logoscan.types import Embeddings

ENCODER = FakeEncoder()
DIM = 13


def unit_rows(n: int, seed: int) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(n, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def records(n: int, brands: int, first: int = 0) -> list[LogoRecord]:
    return [LogoRecord(f"b{i % brands}/{i}", f"b{i % brands}", "as-is", f"{i:064}") for i in range(first, first + n)]


def large(n: int = 4000, brands: int = 700) -> Gallery:
    return Gallery(records(n, brands), unit_rows(n, 1), approximate_from=1000)


@cache
def shared_gallery() -> Gallery:
    """One large gallery for all who do not change it; approximate."""
    gallery = large()
    assert gallery.approximate is not None
    return gallery


@cache
def approximate_bytes() -> bytes:
    approximate = shared_gallery().approximate
    assert approximate is not None
    return bytes(approximate.to_bytes())


def stored(folder: Path, n: int = 4000, brands: int = 700) -> LogoIndex:
    owners = tuple(Brand(f"b{i}") for i in range(brands))
    storage.save(folder, Stored(ENCODER.info, owners, tuple(records(n, brands)), unit_rows(n, 1)))
    return LogoIndex.load(folder, approximate_from=1000)


def drawn() -> LogoIndex:
    index = LogoIndex(ENCODER)
    entries = [(Brand(name), [("pack.png", label(seed))]) for seed, name in enumerate(("Kelvo", "Brenta"))]
    assert index.add_many(entries) == []
    return index


# -- what is mapped and stored


def test_stored_keypoints_equal_computed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = drawn()
    index.save(tmp_path)
    for row in range(len(index)):
        index.keypoints(row)
    loaded = LogoIndex.load(tmp_path)
    monkeypatch.setattr("logoscan.index._logo_keypoints.sift_logo", lambda _: pytest.fail("points were found anew"))
    for row in range(len(index)):
        a, b = index.keypoints(row), loaded.keypoints(row)
        assert len(a) > 50
        np.testing.assert_array_equal(a.frames, b.frames)
        np.testing.assert_array_equal(a.descriptors, b.descriptors)
        assert (a.size_wh, a.drawn_xyxy) == (b.size_wh, b.drawn_xyxy)
    loaded.save(tmp_path / "again")  # nor are they for the next generation
    third, merged = LogoIndex.load(tmp_path / "again"), LogoIndex(ENCODER)
    merged.merge(third)
    assert len(merged.keypoints(0)) == len(index.keypoints(0))


def test_index_folder_without_keypoints_computes_them(tmp_path: Path) -> None:
    index = drawn()
    index.save(tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"], manifest["files"]["points.bin"], manifest["files"]["points.npy"]
    path.write_text(json.dumps({**manifest, "manifest_sha256": seal(manifest)}))
    np.testing.assert_array_equal(LogoIndex.load(tmp_path).keypoints(0).frames, index.keypoints(0).frames)


def test_loaded_index_is_memory_mapped_and_can_change(tmp_path: Path) -> None:
    index = drawn()
    index.save(tmp_path)
    loaded = LogoIndex.load(tmp_path)
    base: object = loaded._state.logos.vectors
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, memoryview)
    loaded.save(tmp_path)  # over the files that it is mapped from
    loaded.save(tmp_path)
    assert loaded.fingerprint == index.fingerprint == LogoIndex.load(tmp_path).fingerprint
    np.testing.assert_array_equal(
        loaded.logo_image("Kelvo", "Kelvo/pack.png"), index.logo_image("Kelvo", "Kelvo/pack.png")
    )
    assert loaded.remove("Kelvo") > 0
    assert {r.brand for r in loaded.logos} == {"Brenta"}


# -- search


@pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["by numpy", "by torch"])
def test_a_batch_is_searched_like_its_rows(device: str) -> None:
    gallery = Gallery(records(600, 90), unit_rows(600, 1), device=device)
    queries = unit_rows(50, 2)
    together = gallery.search_brands(queries, 3)
    expected, _ = brute_force(queries, gallery.vectors, 8)
    np.testing.assert_allclose(gallery.search(queries, 8)[0], expected, atol=1e-5)
    for i in range(len(queries)):
        alone = gallery.search_brands(queries[i : i + 1], 3)
        np.testing.assert_allclose(alone[0][0], together[0][i], atol=1e-6)
        assert alone[1][0].tolist() == together[1][i].tolist()


@pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["by numpy", "by torch"])
def test_search_result_is_independent_of_the_batch(device: str) -> None:
    gallery = Gallery(records(3000, 90), unit_rows(3000, 1), device=device)
    parts = [unit_rows(n, 2 + n) for n in (1, 0, 4, 20, 31)]
    for part, found in zip(parts, gallery.search_together(parts, 9), strict=True):
        alone = gallery.search(part, 9)
        assert found.rows.tolist() == alone.rows.tolist() == brute_force(part, gallery.vectors, 9)[1].tolist()
        assert found.similarity.tobytes() == alone.similarity.tobytes()
    assert gallery.search_together([], 9) == []


@pytest.mark.parametrize("approximate_from", [1000, 10_000])
@pytest.mark.parametrize("k", [1, 2, 30])
def test_brands_are_found_beside_one_that_has_nearly_all_vectors(k: int, approximate_from: int) -> None:
    vectors = unit_rows(3000, 1)
    owned = [*records(2900, 1), *records(100, 29, first=2900)]
    gallery = Gallery(owned, vectors, approximate_from=approximate_from)
    queries = np.concatenate([vectors[:20], vectors[-20:]])
    products, code = queries @ vectors.T, np.array([r.brand for r in owned])
    best = np.stack([products[:, code == name].max(axis=1) for name in gallery.brands], axis=1)
    similarity, brand, row = gallery.search_brands(queries, k)
    k = min(k, len(gallery.brands))
    wanted = np.sort(best, axis=1)[:, ::-1][:, :k]
    assert np.isclose(similarity, wanted, atol=1e-6).mean() > (0.9 if approximate_from < len(gallery) else 0.999)
    np.testing.assert_allclose(np.take_along_axis(best, brand, axis=1), similarity, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(products, row, axis=1), similarity, atol=1e-6)


def test_ranking_by_parts_is_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, vectors = unit_rows(7, 1), unit_rows(200, 2)
    rows = np.stack([np.random.default_rng(i).permutation(200)[:50] for i in range(7)])
    whole = rank_rows(queries, vectors, rows)
    for cells in (1, DIM * 3, DIM * 60, DIM * 130):
        monkeypatch.setattr("logoscan.index.ann._NUMBERS_AT_ONCE", cells)
        for part, wanted in zip(rank_rows(queries, vectors, rows), whole, strict=True):
            np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize("depth", [1, 9, 3000])
def test_brands_among_the_nearest_vectors_are_the_nearest_brands(depth: int) -> None:
    gallery = Gallery(records(3000, 90), unit_rows(3000, 1))
    queries = unit_rows(20, 2)
    among = gallery.brands_among(queries, 5, gallery.search(queries, depth))
    for found, wanted in zip(among, gallery.search_brands(queries, 5), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_an_approximate_search_finds_nearly_all_and_its_similarities_are_exact() -> None:
    gallery, queries = large(), unit_rows(60, 2)
    assert gallery.approximate is not None
    assert gallery.approximate.facts.recall_first > 0.9
    similarity, rows = gallery.search(queries, 8)
    np.testing.assert_allclose(similarity, np.take_along_axis(queries @ gallery.vectors.T, rows, 1), atol=1e-5)
    _, exact = brute_force(queries, gallery.vectors, 8)
    assert np.mean([len({*a} & {*b}) / 8 for a, b in zip(rows.tolist(), exact.tolist(), strict=True)]) > 0.9
    assert (np.diff(similarity, axis=1) <= 0).all()


def test_vectors_that_can_be_cut_are_kept_in_four_bits() -> None:
    rng = np.random.default_rng(0)
    middles, noise = rng.normal(size=(200, 64)), rng.normal(size=(5000, 64))
    rows = middles[rng.integers(0, 200, 5000)] + 0.5 * noise
    vectors = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    made = Approximate.build(vectors)
    assert made.facts.factory == "IVF125,PQ16x4fs"
    assert made.facts.recall_first > 0.9
    again = Approximate.from_bytes(bytes(made.to_bytes()), made.facts)
    assert again.propose(vectors[:9], 20).tolist() == made.propose(vectors[:9], 20).tolist()


def test_an_index_is_opened_though_the_table_of_its_lists_is_longer_than_its_file() -> None:
    vectors = np.random.default_rng(0).normal(size=(2000, 1024)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = Approximate.build(vectors)
    again = Approximate.from_bytes(bytes(made.to_bytes()), made.facts)
    assert again.propose(vectors[:9], 20).tolist() == made.propose(vectors[:9], 20).tolist()


def test_brands_are_distinct_and_complete_however_many_are_asked() -> None:
    """One brand has nearly all vectors, so that proposals hold no other."""
    n = 3000
    owners = [LogoRecord(f"a/{i}", "a" if i else "b", "as-is", f"{i:064}") for i in range(n)]
    gallery, queries = Gallery(owners, unit_rows(n, 1), approximate_from=1000), unit_rows(10, 2)
    similarity, brand, _ = gallery.search_brands(queries, 2)
    assert np.sort(brand, axis=1).tolist() == [[0, 1]] * 10
    np.testing.assert_allclose(similarity.min(axis=1), queries @ gallery.vectors[0], atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(gone=st.sets(st.integers(0, 3999), max_size=150), added=st.integers(0, 150))
def test_what_is_removed_is_never_found_and_what_is_added_is(gone: set[int], added: int) -> None:
    gallery = shared_gallery().without(lambda r: int(r.id.split("/")[1]) in gone)
    fresh = unit_rows(added, 5)
    gallery = gallery.joined(records(added, 700, 4000), fresh)
    gallery = gallery.without(lambda r: r.id == "b3/3")  # and once more after it
    queries = np.concatenate([shared_gallery().vectors[sorted(gone)], fresh, unit_rows(5, 6)])
    similarity, rows = gallery.search(queries, 4)
    assert rows.min(initial=0) >= 0
    np.testing.assert_allclose(similarity, np.take_along_axis(queries @ gallery.vectors.T, rows, 1), atol=1e-5)
    named = [[gallery.records[r].id for r in row] for row in rows]
    assert not {i for row in named for i in row} & {
        r.id for r in shared_gallery().records if int(r.id.split("/")[1]) in gone
    }
    assert [row[0] for row in named[len(gone) : len(gone) + added]] == [r.id for r in records(added, 700, 4000)]


def test_many_changes_bring_another_index() -> None:
    kept = shared_gallery().without(lambda r: int(r.id.split("/")[1]) % 2 == 0)
    assert kept.approximate is not shared_gallery().approximate
    assert kept.approximate is not None
    assert kept.approximate.facts.vectors == len(kept) == 2000
    assert shared_gallery().without(lambda r: int(r.id.split("/")[1]) < 3500).approximate is None  # few enough again


# -- the cache


def test_the_index_is_stored_with_its_recall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = stored(tmp_path)
    index.save(tmp_path)
    facts = json.loads((tmp_path / "manifest.json").read_bytes())["approximate"]["facts"]
    assert facts["vectors"] == 4000
    assert 0.9 < facts["recall"] <= facts["recall_first"] <= 1
    monkeypatch.setattr(Approximate, "build", lambda *_: pytest.fail("built again"))
    again = LogoIndex.load(tmp_path, approximate_from=1000)
    assert again.recall_of_search == index.recall_of_search
    queries = unit_rows(9, 4)
    assert again.search_brands(queries).brand.tolist() == index.search_brands(queries).brand.tolist()
    assert LogoIndex.load(tmp_path).recall_of_search is None  # few enough for all to be compared


@pytest.mark.parametrize("damage", ["altered", "shortened", "missing"])
def test_a_damaged_cache_is_not_opened_and_built_again(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stored(tmp_path).save(tmp_path)
    (path,) = tmp_path.glob("gen-*/approximate.faiss")
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(data[:-1] if damage == "shortened" else data[:500] + b"\0" + data[501:] + b"x")
    with monkeypatch.context() as patch:
        patch.setattr(Approximate, "from_bytes", lambda *_: pytest.fail("opened"))
        index = LogoIndex.load(tmp_path, approximate_from=1000)
    assert "approximate.faiss: missing, altered or damaged" in caplog.text
    assert index.recall_of_search is not None
    queries = unit_rows(30, 4)
    found = index.search_brands(queries, 1).similarity[:, 0]
    assert (np.abs(found - (queries @ index.vectors.T).max(axis=1)) < 1e-5).mean() > 0.8


_offsets = st.deferred(lambda: st.integers(0, len(approximate_bytes()) - 1))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_offsets, st.integers(0, 255)), max_size=3), st.integers(0, 40))
def test_an_altered_approximate_index_fails_as_damaged_or_is_left_aside(
    changes: list[tuple[int, int]], cut: int
) -> None:
    """Its hash beside it can be altered as well; FAISS raises what it likes, when it opens it or searches it."""
    shared = shared_gallery()
    assert shared.approximate is not None
    data = bytearray(approximate_bytes())
    for at, value in changes:
        data[at % (400 if value % 2 else len(data))] = value  # mostly in its head, which says how to read the rest
    try:
        opened = Approximate.from_bytes(bytes(data[: len(data) - max(0, cut - 30)]), shared.approximate.facts)
    except CorruptFileError:
        return
    gallery = Gallery(shared.records, shared.vectors, approximate=opened, approximate_from=1000)
    queries = unit_rows(5, 4)
    found = gallery.search(queries, 3)
    assert found.rows.min() >= 0
    assert found.rows.max() < len(gallery)
    np.testing.assert_allclose(
        found.similarity, np.einsum("nd,nkd->nk", queries, gallery.vectors[found.rows]), atol=1e-6
    )


def test_an_index_that_fails_later_is_left_aside_and_all_are_compared(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def search(self, queries: Embeddings, depth: int) -> tuple[Embeddings, Embeddings]:
            return queries, np.full((len(queries), depth), 10**9)

    shared = shared_gallery()
    assert shared.approximate is not None
    gallery = Gallery(
        shared.records,
        shared.vectors,
        approximate=Approximate(Broken(), shared.approximate.facts),
        approximate_from=1000,
    )
    queries = unit_rows(5, 4)
    for _ in range(2):
        np.testing.assert_array_equal(gallery.search(queries, 3).rows, brute_force(queries, gallery.vectors, 3)[1])
    assert caplog.text.count("expected rows of 4000 vectors, got others; all vectors are compared") == 1
    assert gallery.approximate_to_save() is None

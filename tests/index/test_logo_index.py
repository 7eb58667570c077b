"""The index: equal to brute force, whatever was added, removed, merged, stored; and safe under change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import BLACK, BLUE, GREEN, GREY, RED, WHITE, YELLOW, Colour, FakeEncoder, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

from logoscan.errors import CorruptFileError, InputError, MismatchError, VettingError
from logoscan.images.crops import pad_square
from logoscan.index import storage
from logoscan.index.ann import brute_force
from logoscan.index.logo_index import LogoIndex
from logoscan.index.renderings import MARGIN
from logoscan.index.storage import LogoRecord, Stored
from logoscan.types import Brand, Embeddings, Rgb
from logoscan.vision.encoder import ClipEncoder, encode_images

ENCODER = FakeEncoder()
ACME = quarters(RED, WHITE, BLUE, YELLOW)
BOLT = quarters(GREEN, RED, WHITE, RED)
CORE = quarters(BLUE, GREEN, RED, WHITE)


def unit_rows(n: int, seed: int, dim: int = 13) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def from_vectors(folder: Path, vectors: Embeddings, owners: Sequence[str]) -> LogoIndex:
    """An index of given vectors: the files are its only door for these."""
    logos = tuple(LogoRecord(f"{owner}/{i}", owner, "as-is", f"{i:064}") for i, owner in enumerate(owners))
    storage.save(folder, Stored(ENCODER.info, tuple(Brand(name) for name in sorted(set(owners))), logos, vectors))
    return LogoIndex.load(folder)


def small() -> LogoIndex:
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a.png", ACME)])
    index.add(Brand("Bolt"), [("b.png", BOLT), ("c.png", CORE)])
    return index


def nearest(index: LogoIndex, picture: Rgb) -> str:
    found = index.search_brands(encode_images(ENCODER, [picture]), 1)
    return found.brands[int(found.brand[0, 0])]


def ids(index: LogoIndex) -> list[str]:
    return [logo.id for logo in index.logos]


# -- search


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (2, 9), (7, 3), (500, 1), (500, 50), (3000, 10)])
def test_search_equals_brute_force(tmp_path: Path, n: int, k: int) -> None:
    gallery, queries = unit_rows(n, 1), unit_rows(40, 2)
    queries[:3] = gallery[0]  # and some that are in it
    index = from_vectors(tmp_path, gallery, [f"brand {i % 17}" for i in range(n)])
    similarity, rows = index.search(queries, k)
    expected, expected_rows = brute_force(queries, gallery, k)
    assert similarity.shape == rows.shape == (40, min(n, k))
    np.testing.assert_allclose(similarity, expected, atol=1e-5)
    # two implementations may order neighbours that are equal to the last digits either way
    differ = rows != expected_rows
    np.testing.assert_allclose((queries @ gallery.T)[np.nonzero(differ)[0], rows[differ]], expected[differ], atol=1e-5)
    assert differ.mean() < 0.01
    assert (np.diff(similarity, axis=1) <= 1e-6).all()


def best_per_brand(query: Embeddings, gallery: Embeddings, owners: Sequence[str], k: int) -> list[tuple[str, float]]:
    """What `search_brands` must equal, in plain Python."""
    best: dict[str, float] = {}
    for row, owner in zip(gallery, owners, strict=True):
        similarity = float(query @ row)
        best[owner] = max(similarity, best.get(owner, -2.0))
    return sorted(best.items(), key=lambda pair: -pair[1])[:k]


def check_brands(index: LogoIndex, queries: Embeddings, owners: Sequence[str], k: int) -> None:
    found = index.search_brands(queries, k)
    width = min(k, len(set(owners)))
    assert found.similarity.shape == found.brand.shape == found.logo.shape == (len(queries), width)
    assert (found.logo >= 0).all()
    for i, query in enumerate(queries):
        expected = best_per_brand(query, index.vectors, owners, k)
        assert [found.brands[b] for b in found.brand[i]] == [name for name, _ in expected]
        np.testing.assert_allclose(found.similarity[i], [s for _, s in expected], atol=1e-5)
        for column in range(width):  # the logo named is the brand's, and it has the similarity stated
            row = int(found.logo[i, column])
            assert owners[row] == expected[column][0]
            assert found.logos[row] == index.logos[row].id
            assert float(query @ index.vectors[row]) == pytest.approx(float(found.similarity[i, column]), abs=1e-5)


@pytest.mark.parametrize(
    ("n", "brands", "k"), [(1, 1, 2), (2, 2, 2), (40, 3, 2), (300, 60, 5), (300, 7, 7), (200, 9, 30)]
)
def test_brands_equal_the_plain_twin(tmp_path: Path, n: int, brands: int, k: int) -> None:
    rng = np.random.default_rng(n + brands)
    owners = [f"b{i}" for i in range(brands)] + [f"b{i}" for i in rng.integers(0, brands, n - brands)]
    check_brands(from_vectors(tmp_path, unit_rows(n, 3), owners), unit_rows(25, 4), owners, k)


@pytest.mark.parametrize("crowd", [31, 32, 33, 127, 128, 129, 700])
def test_a_brand_with_hundreds_of_vectors_hides_no_other(tmp_path: Path, crowd: int) -> None:
    """All of the crowd are nearer than the next brand, so the search has to go deeper than it first looks."""
    query = unit_rows(1, 5)
    near = query + 0.05 * unit_rows(crowd, 6)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    far = unit_rows(2, 7)
    owners = ["crowd"] * crowd + ["other", "third"]
    index = from_vectors(tmp_path, np.concatenate([near, far]), owners)
    assert float((near @ query[0]).min()) > float((far @ query[0]).max())
    check_brands(index, np.concatenate([query, unit_rows(5, 8)]), owners, 2)
    check_brands(index, query, owners, 3)


def test_search_of_an_empty_index() -> None:
    index = LogoIndex(ENCODER)
    queries = unit_rows(3, 0)
    assert len(index) == 0
    assert index.search(queries, 5)[0].shape == (3, 0)
    assert index.search(queries, 5)[1].dtype == np.int64
    found = index.search_brands(queries)
    assert found.similarity.shape == found.brand.shape == found.logo.shape == (3, 0)
    assert (found.brands, found.logos, index.brands, index.vectors.shape) == ((), (), (), (0, 13))


def test_search_of_one_and_two_logos() -> None:
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a", ACME)])
    query = encode_images(ENCODER, [ACME, BOLT])
    assert index.search(query, 5)[0].shape == (2, 1)
    assert index.search_brands(query, 5).brand.shape == (2, 1)
    index.add(Brand("Bolt"), [("b", BOLT)])
    assert len(index) == 2
    found = index.search_brands(query)
    assert [found.brands[b] for b in found.brand[:, 0]] == ["Acme", "Bolt"]
    assert [found.logos[row] for row in found.logo[:, 0]] == ["Acme/a", "Bolt/b"]
    assert found.similarity[:, 0].min() > 0.98


def test_search_without_queries() -> None:
    none = np.zeros((0, 13), np.float32)
    assert small().search(none, 2)[0].shape == (0, 2)
    assert small().search_brands(none).brand.shape == (0, 2)


@pytest.mark.parametrize(
    "queries",
    [
        np.zeros(13, np.float32),
        np.zeros((2, 12), np.float32),
        np.zeros((2, 13)),
        np.full((2, 13), np.nan, np.float32),
    ],
)
def test_queries_of_another_kind_are_refused(queries: Embeddings) -> None:
    """NaN too: FAISS would answer it with its sentinel, row -1."""
    for search in (small().search_brands, lambda q: small().search(q, 1)):
        with pytest.raises(InputError, match=r"queries: expected .*float32 \(n, 13\)"):
            search(queries)


# -- changes


def test_a_logo_is_stored_as_it_is_encoded() -> None:
    index = small()
    assert ids(index) == ["Acme/a.png", "Bolt/b.png", "Bolt/c.png"]
    np.testing.assert_allclose(index.vectors[0], encode_images(ENCODER, [pad_square(ACME, MARGIN)])[0], atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        index.vectors[0, 0] = 1


def test_adding_again_replaces_the_logo_and_the_facts() -> None:
    index = small()
    index.add(Brand("Acme", aliases=("ACM",)), [("a.png", CORE)], allow=("record", "logo"))
    assert sorted(ids(index)) == ["Acme/a.png", "Bolt/b.png", "Bolt/c.png"]
    assert [b.aliases for b in index.brands] == [("ACM",), ()]
    rows = {logo.id: index.vectors[row] for row, logo in enumerate(index.logos)}
    np.testing.assert_array_equal(rows["Acme/a.png"], rows["Bolt/c.png"])
    index.add(Brand("Acme"), [("second.png", ACME)])
    assert len(index) == 4
    assert index.brands[0].aliases == ("ACM",), "a name alone leaves the record as it is"


def test_logo_image_with_fewer_renderings_drops_the_old_ones() -> None:
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[:, :15] = ink[25:] = (*RED, 255)
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a", ink)])
    assert len(index) > 1
    assert {logo.id for logo in index.logos} == {"Acme/a"}
    index.add(Brand("Acme"), [("a", ACME)], allow=["record"])
    assert [logo.rendering for logo in index.logos] == ["as-is"]


def test_logos_of_two_brands_with_one_identifier_both_stay() -> None:
    index = LogoIndex(ENCODER)
    index.add(Brand("AC"), [("DC/logo.png", ACME)])
    index.add(Brand("AC/DC"), [("logo.png", BOLT)])
    assert ids(index) == ["AC/DC/logo.png"] * 2
    assert (nearest(index, ACME), nearest(index, BOLT)) == ("AC", "AC/DC")
    index.remove("AC", "AC/DC/logo.png")
    assert [logo.brand for logo in index.logos] == ["AC/DC"]


def test_removing_brands_and_logos() -> None:
    index = small()
    assert index.remove("Bolt", "Bolt/b.png") == 1
    assert ids(index) == ["Acme/a.png", "Bolt/c.png"]
    assert index.remove("Bolt", "Bolt/c.png") == 1
    assert [b.name for b in index.brands] == ["Acme", "Bolt"], "a brand without a logo is still known by name"
    assert nearest(index, BOLT) == "Acme"
    assert index.remove("Bolt") == 0
    assert index.remove("Acme") == 1
    assert (len(index), index.brands) == (0, ())
    with pytest.raises(InputError, match="brand: expected a registered name, got 'Acme'"):
        index.remove("Acme")
    with pytest.raises(InputError, match=r"logo: expected a logo of 'Acme', got 'Bolt/b\.png'"):
        small().remove("Acme", "Bolt/b.png")


def test_a_removed_brand_is_never_found(tmp_path: Path) -> None:
    owners = [f"b{i % 20}" for i in range(400)]
    index = from_vectors(tmp_path, unit_rows(400, 9), owners)
    queries = np.ascontiguousarray(index.vectors[:40])
    assert "b3" in {index.search_brands(queries).brands[b] for b in index.search_brands(queries).brand[:, 0]}
    index.remove("b3")
    found = index.search_brands(queries, 20)
    assert found.brand.shape == (40, 19)
    assert "b3" not in found.brands
    assert all(index.logos[row].brand != "b3" for row in index.search(queries, 400)[1].ravel())
    check_brands(index, queries[:5], [logo.brand for logo in index.logos], 5)


def test_keeping_some_brands() -> None:
    index = small()
    index.keep(["Bolt", "unknown"])
    assert [b.name for b in index.brands] == ["Bolt"]
    assert ids(index) == ["Bolt/b.png", "Bolt/c.png"]
    assert nearest(index, ACME) == "Bolt"


def test_registered_logo_image_is_stored_small(tmp_path: Path) -> None:
    large = np.zeros((300, 600, 4), np.uint8)
    large[50:250, 100:500] = (200, 30, 30, 255)
    index = small()
    index.add(Brand("Dune"), [("d.png", large)])
    index.save(tmp_path)
    for register in (index, LogoIndex.load(tmp_path), index.snapshot()):
        kept = register.logo_image("Dune", "Dune/d.png")
        assert kept is not None
        assert kept.dtype == np.uint8
        assert kept.shape == (128, 256, 4)  # cut to what is drawn, then made small
        assert (kept == (200, 30, 30, 255)).all()
    index.add(Brand("Dune"), [("d.png", large[:, :400])], allow=["record"])
    again = index.logo_image("Dune", "Dune/d.png")
    assert again is not None
    assert again.shape == (171, 256, 4)
    assert len(index._state.logo_images) == 4


def test_logo_images_are_removed_with_their_logos(tmp_path: Path) -> None:
    index, other = small(), small()
    index.remove("Bolt", "Bolt/c.png")
    with pytest.raises(InputError, match=r"logo: expected the identifier of a logo of 'Bolt', got 'Bolt/c.png'"):
        index.logo_image("Bolt", "Bolt/c.png")
    assert len(index._state.logo_images) == 2
    index.merge(other)
    assert index.logo_image("Bolt", "Bolt/c.png") is not None
    index.keep({"Acme"})
    assert len(index._state.logo_images) == 1
    assert from_vectors(tmp_path, unit_rows(1, 0), ["Acme"]).logo_image("Acme", "Acme/0") is None


def test_opaque_logo_image_of_one_ink_is_stored_without_its_ground() -> None:
    opaque = np.full((60, 60, 4), 255, np.uint8)
    opaque[20:40, 20:40, :3] = 10
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a.png", opaque)])
    kept = index.logo_image("Acme", "Acme/a.png")
    assert kept is not None
    assert kept.shape == (22, 22, 4)
    assert (kept[0, 0, 3], kept[10, 10, 3]) == (0, 255)


def test_brand_with_too_many_logo_images_is_truncated_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.index.enrol._MAX_LOGOS_OF_BRAND", 3)
    index = LogoIndex(ENCODER)
    logos = [(f"{i}.png", ACME) for i in range(9)]
    warnings = index.add_many([(Brand("Acme"), logos), (Brand("Bolt"), [("b.png", BOLT)])])
    assert warnings == [
        "Acme: 6 logos not registered: expected at most 3 logos of a brand: 3.png, 4.png, 5.png, ...",
    ]
    assert {*index.with_logo} == {"Acme", "Bolt"}


def test_time_for_logo_images_is_bounded_per_brand_and_call(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr("time.thread_time", lambda: float(next(clock)))  # each drawing takes 5 s
    entries = [(Brand(f"Brand {b}"), [(f"{i}.png", ACME) for i in range(9)]) for b in range(5)]
    index = LogoIndex(ENCODER)
    of_brand = "logos not registered: expected logos of a brand that are read in 20 s"
    of_all = "logos not registered: expected logos that are read in a minute and 0.1 s each"
    told = index.add_many(entries)
    assert "one image of several brands" in told.pop()
    assert told == [
        f"Brand 0: 4 {of_brand}: 5.png, 6.png, 7.png, ...",
        f"Brand 1: 4 {of_brand}: 5.png, 6.png, 7.png, ...",
        f"Brand 2: 6 {of_all}: 3.png, 4.png, 5.png, ...",
        f"Brand 3: 9 {of_all}: 0.png, 1.png, 2.png, ...",
        "Brand 3: no logo could be read; the brand is known by name only",
        f"Brand 4: 9 {of_all}: 0.png, 1.png, 2.png, ...",
        "Brand 4: no logo could be read; the brand is known by name only",
    ]


def test_omitted_svg_elements_are_reported_at_registration(tmp_path: Path) -> None:
    folder = tmp_path / "brands" / "Acme"
    folder.mkdir(parents=True)
    (folder / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z" fill="url(#gone) red"/></svg>'
    )
    (folder / "b.png").symlink_to("/etc/hostname")
    index, warnings = LogoIndex.from_folder(tmp_path / "brands", ENCODER)
    assert warnings == [
        "Acme/b.png: not registered: expected a file inside of the folder, got a link",
        "Acme/a.svg: not all of it is drawn as the file says: it refers to 'gone', which it does not hold",
    ]
    assert "Acme" in index.with_logo


def test_logos_of_equal_identifier_have_separate_images() -> None:
    index = LogoIndex(ENCODER)
    tall, wide = np.full((40, 20, 4), 255, np.uint8), np.full((20, 40, 4), 255, np.uint8)
    index.add_many([(Brand("AC"), [("DC/a", tall)]), (Brand("AC/DC"), [("a", wide)])])
    shapes = [drawn.shape[:2] for b in ("AC", "AC/DC") if (drawn := index.logo_image(b, "AC/DC/a")) is not None]
    assert shapes == [(40, 20), (20, 40)]
    with pytest.raises(InputError, match="A: expected logos of different names"):
        index.add_many([(Brand("A"), [("x", ACME)]), (Brand("A"), [("x", BOLT)])])


def test_opaque_logo_image_on_plain_ground_is_stored_without_it() -> None:
    opaque = np.full((60, 60, 4), 255, np.uint8)
    opaque[10:30, 20:40, :3], opaque[30:50, 20:40, :3], opaque[15:20, 25:30, :3] = (200, 0, 0), (0, 0, 200), 255
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme"), [("a", opaque), ("full", np.dstack([ACME, np.full(ACME.shape[:2], 255, np.uint8)]))])
    kept, full = index.logo_image("Acme", "Acme/a"), index.logo_image("Acme", "Acme/full")
    assert kept is not None
    assert full is not None
    assert kept.shape == (42, 22, 4)
    white_inside = kept[8, 8, 3]
    assert (kept[0, 0, 3], kept[11, 3, 3], kept[31, 11, 3], white_inside) == (0, 255, 255, 255)
    assert full[..., 3].min() == 255


def test_merging_indexes() -> None:
    index, other = LogoIndex(ENCODER), small()
    other.add(Brand("Core"), [("x.png", CORE)], allow=["logo"])
    index.add(Brand("Acme"), [("a.png", BOLT), ("more.png", CORE)])
    empty = index.fingerprint
    with pytest.raises(VettingError, match=r"'Acme/a.png' is registered with another image \(record\)"):
        index.merge(other)
    assert index.fingerprint == empty
    index.merge(other, allow=("record", "logo"))
    assert [b.name for b in index.brands] == ["Acme", "Bolt", "Core"]
    assert sorted(ids(index)) == ["Acme/a.png", "Acme/more.png", "Bolt/b.png", "Bolt/c.png", "Core/x.png"]
    row = ids(index).index("Acme/a.png")
    np.testing.assert_array_equal(index.vectors[row], other.vectors[ids(other).index("Acme/a.png")])
    assert ids(other) == ["Acme/a.png", "Bolt/b.png", "Bolt/c.png", "Core/x.png"]
    before = index.fingerprint
    index.merge(index)
    assert index.fingerprint == before
    index.merge(LogoIndex(ENCODER))
    assert index.fingerprint == before


def test_merging_facts_that_differ_is_refused() -> None:
    index, other = small(), LogoIndex(ENCODER)
    other.add(Brand("Acme", aliases=("ACM",)), [])
    before = index.fingerprint
    with pytest.raises(InputError, match="merge: expected equal facts of 'Acme' in both"):
        index.merge(other)
    assert index.fingerprint == before


def test_another_encoder_is_refused_by_name(tmp_path: Path) -> None:
    index, stranger = small(), FakeEncoder("stranger", weights="0" * 64)
    index.save(tmp_path)
    pair = r"made by fake \([0-9a-f]{16}, 13-d\), used with stranger \([0-9a-f]{16}, 13-d\)"
    with pytest.raises(MismatchError, match=pair):
        index.merge(LogoIndex(stranger))
    with pytest.raises(MismatchError, match=pair):
        LogoIndex.load(tmp_path, stranger)
    assert LogoIndex.load(tmp_path, FakeEncoder("another name, the same weights")).fingerprint == index.fingerprint
    with pytest.raises(MismatchError):
        index.require(FakeEncoder(size_px=32).info)


def test_snapshot_is_unaffected_by_later_changes() -> None:
    index = small()
    snapshot, before = index.snapshot(), index.fingerprint
    query = encode_images(ENCODER, [BOLT])
    index.remove("Bolt")
    index.add(Brand("Core"), [("x", CORE)])
    assert snapshot.fingerprint == before != index.fingerprint
    assert nearest(snapshot, BOLT) == "Bolt"
    assert [b.name for b in snapshot.brands] == ["Acme", "Bolt"]
    assert snapshot.search(query, 9)[0].shape == (1, 3)
    snapshot.remove("Acme")
    assert "Acme" in {b.name for b in index.brands}


def test_the_fingerprint_follows_the_content() -> None:
    index = small()
    seen = {index.fingerprint}
    assert small().fingerprint in seen
    index.add(Brand("Acme", aliases=("ACM",)), [], allow=["record"])
    assert index.fingerprint not in seen
    seen.add(index.fingerprint)
    index.add(Brand("Acme", aliases=("ACM",)), [("a.png", CORE)], allow=("record", "logo"))
    assert index.fingerprint not in seen


def test_names_are_folded_once_for_each_state() -> None:
    index = small()
    names = index.names
    assert index.names is names
    assert index.snapshot().names is names
    assert (names.resolve("BOLT"), names.resolve("Core")) == ("Bolt", None)
    index.add(Brand("Core", aliases=("Kore",)), [])
    assert index.names is not names
    assert index.names.resolve("kore") == "Core"


def test_many_threads_add_at_once() -> None:
    index = LogoIndex(ENCODER)
    palette: list[Colour] = [RED, GREEN, BLUE, YELLOW, WHITE, BLACK]

    def add(i: int) -> None:
        index.add(Brand(f"b{i}"), [("x", quarters(palette[i % 6], WHITE, palette[i // 6], BLACK))])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(36)))
    assert len(index.brands) == len(index) == 36
    assert sorted(ids(index)) == sorted(f"b{i}/x" for i in range(36))


# -- folders and disk


def write_folder(root: Path) -> None:
    for name, logo in (("Acme", ACME), ("Bolt", BOLT)):
        (root / name).mkdir(parents=True)
        Image.fromarray(logo).save(root / name / "logo.png")
    (root / "Bolt" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (root / "Core").mkdir()
    (root / "Core" / "text.jpg").write_text("not a picture")
    (root / "Core" / "brand.json").write_text(json.dumps({"aliases": ["Kore"]}))
    (root / "Dust").mkdir()


def test_a_folder_with_unreadable_files_gives_warnings(tmp_path: Path) -> None:
    write_folder(tmp_path)
    done: list[str] = []
    index, warnings = LogoIndex.from_folder(tmp_path, ENCODER, on_brand=done.append)
    assert done == ["Acme", "Bolt", "Core", "Dust"]
    assert [b.name for b in index.brands] == done
    assert ids(index) == ["Acme/logo.png", "Bolt/logo.png"]
    assert [w.partition(":")[0] for w in warnings if "not registered" in w] == ["Bolt/broken.png", "Core/text.jpg"]
    assert [w for w in warnings if "known by name only" in w] == [
        "Core: no logo could be read; the brand is known by name only",
    ]
    assert index.names.resolve("kore") == "Core"
    assert nearest(index, CORE) in ("Acme", "Bolt")


def test_unreadable_logos_alone() -> None:
    index = LogoIndex(ENCODER)
    warnings = index.add_many([(Brand("Acme"), [("a", b"no picture"), ("b", b"")])])
    assert [w.split(":")[0] for w in warnings] == ["Acme/a", "Acme/b", "Acme"]
    assert (len(index), [b.name for b in index.brands]) == (0, ["Acme"])
    assert index.search_brands(unit_rows(2, 0)).brand.shape == (2, 0)
    assert index.add_many([]) == []


def test_save_and_load(tmp_path: Path) -> None:
    index = small()
    index.add(Brand("Core", authorised_sellers=("s1",)), [])
    index.save(tmp_path)
    loaded = LogoIndex.load(tmp_path, ENCODER)
    assert loaded.fingerprint == index.fingerprint
    assert (loaded.encoder_info, loaded.brands, loaded.logos) == (index.encoder_info, index.brands, index.logos)
    assert loaded.vectors.tobytes() == index.vectors.tobytes()
    assert nearest(loaded, BOLT) == "Bolt"
    loaded.remove("Acme")
    assert LogoIndex.load(tmp_path).fingerprint == index.fingerprint
    (tmp_path / "gen-1" / "vectors.npy").write_bytes(b"")
    with pytest.raises(CorruptFileError, match=r"vectors\.npy"):
        LogoIndex.load(tmp_path)


def test_bundled_encoder_finds_the_sample_logo_images(sample_index: LogoIndex, clip: ClipEncoder) -> None:
    assert len(sample_index.brands) == 6
    assert len(sample_index) >= 12, "each drawing stands in several renderings"
    np.testing.assert_allclose(np.linalg.norm(sample_index.vectors, axis=1), 1, atol=1e-5)
    sample_index.require(clip.info)
    found = sample_index.search_brands(np.ascontiguousarray(sample_index.vectors))
    own = [sample_index.logos[row].brand for row in range(len(sample_index))]
    assert [found.brands[b] for b in found.brand[:, 0]] == own


# -- an index knows its encoder


def test_logos_are_added_by_files_pairs_and_lists(tmp_path: Path) -> None:
    file = tmp_path / "mark.png"
    Image.fromarray(ACME).save(file)
    index = LogoIndex(ENCODER)
    index.add("Acme", str(file))
    index.add("Acme", ("second", CORE), [("third", BOLT)], allow=["logo"])
    assert {record.id for record in index.logos} == {"Acme/mark.png", "Acme/second", "Acme/third"}
    with pytest.raises(InputError, match="logos: expected a file, or a pair of a name and an image, got ndarray"):
        index.add("Bolt", BOLT)
    with pytest.raises(InputError, match="expected a name beside an image, got two files"):
        index.add("Bolt", (str(file), str(file)))
    with pytest.raises(InputError, match="expected a name beside an image, got an empty one"):
        index.add("Bolt", ("", BOLT))
    with pytest.raises(InputError, match="brand: expected one with a logo, got 'Core'"):
        index.compare(np.eye(1, 13, dtype=np.float32)[0], "Core")
    index.keep("Acme")
    assert len(index) > 0


def test_a_name_alone_keeps_the_record_of_a_registered_brand() -> None:
    index = LogoIndex(ENCODER)
    index.add(Brand("Acme", aliases=("ACME Tools",), authorised_sellers=("shop-17",)), ("a", ACME))
    index.add("Acme", ("b", CORE))
    assert index.brand("Acme") == Brand("Acme", aliases=("ACME Tools",), authorised_sellers=("shop-17",))


def test_an_index_without_its_encoder_is_only_searched(tmp_path: Path) -> None:
    index = small()
    assert not LogoIndex.is_saved_at(tmp_path)
    index.save(tmp_path)
    assert LogoIndex.is_saved_at(tmp_path)
    bare = LogoIndex.load(tmp_path)
    assert nearest(bare, BOLT) == "Bolt"
    for change in (
        lambda: bare.add("Core", ("c", CORE)),
        lambda: bare.add_negative(CORE),
        lambda: bare.nearest_logo(CORE),
    ):
        with pytest.raises(InputError, match="expected one with an encoder"):
            change()
    whole = LogoIndex.load(tmp_path, ENCODER)
    whole.add("Core", ("c", CORE), allow=["logo"])
    assert "Core" in {brand.name for brand in whole.snapshot().brands}
    assert whole.snapshot().encoder is ENCODER


@quick
@given(seed=st.integers(0, 999), mirrored=st.integers(0, 3))
def test_one_search_of_photos_answers_as_each_question_does(seed: int, mirrored: int) -> None:
    """The brute-force twin of `search_photos`: each region asked for by itself."""
    index = small()
    index.add("Core", ("c", CORE), allow=["logo"])
    index.add_negative(quarters(GREY, RED, GREY, RED), force=True)
    rng = np.random.default_rng(seed)
    photos = []
    for regions in (3, 0, 5):
        vectors = rng.normal(size=(regions, 13)).astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        photos.append((vectors, np.ascontiguousarray(vectors[::-1][: min(mirrored, regions)])))
    for (vectors, _), search in zip(photos, index.search_photos(photos), strict=True):
        alone = index.search_brands(vectors)
        np.testing.assert_array_equal(search.neighbours.brand, alone.brand)
        np.testing.assert_allclose(search.neighbours.similarity, alone.similarity, atol=1e-6)
        np.testing.assert_array_equal(search.neighbours.negative, alone.negative)
        for region, vector in enumerate(vectors):
            for brand in index.with_logo:
                assert search.similarity_to(region, brand) == pytest.approx(index.compare(vector, brand), abs=1e-6)

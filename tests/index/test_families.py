"""One logo image under several brands: no rivals, all of them shown, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given
from hypothesis import strategies as st
from labels import label, laid, opaque, photo
from strategies import quick

from logoscan.index.families import (
    Family,
    family_of_rows,
    find_families,
    merge_families,
    restrict_families,
    same_logo_cosine,
)
from logoscan.index.gallery import Gallery
from logoscan.index.logo_index import LogoIndex
from logoscan.index.neighbours import BrandNeighbours, margins
from logoscan.index.storage import LogoRecord
from logoscan.matching.calibration import MatchCalibration
from logoscan.matching.match import match_regions
from logoscan.matching.placement import place
from logoscan.types import Brand, Embeddings, Regions
from logoscan.vision.encoder import encode_images
from logoscan.vision.sift import sift_logo, sift_photo

ENCODER = FakeEncoder()
ACME, BOLT = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED)
CORE = quarters(BLUE, BLUE, RED, GREEN)
SEEN = quarters(RED, WHITE, BLUE, (230, 190, 60))
"""Acme's mark as a photo shows it."""
CALIBRATION = MatchCalibration(
    ENCODER.info.fingerprint, "fa4e" * 4, -33.0, 36.0, 10.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
)
CUP = np.array([[0, 0, 32, 32]], np.float32)


def make_index(*brands: tuple[str, np.ndarray]) -> LogoIndex:
    index = LogoIndex(ENCODER)
    index.add_many([(Brand(name), [(f"{i}.png", logo)]) for i, (name, logo) in enumerate(brands)])
    return index


def shown(index: LogoIndex) -> dict[str, float]:
    near = index.search_brands(encode_images(ENCODER, [SEEN]))
    found = match_regions(0, Regions(CUP, np.ones(1, np.float32)), near, CALIBRATION)
    return {m.brand: m.probability or 0.0 for m in found}


def test_logo_image_shared_by_two_brands_matches_both() -> None:
    alone = make_index(("Acme", ACME), ("Bolt", BOLT))
    both = make_index(("Acme", ACME), ("Bolt", BOLT), ("Aper", ACME))
    assert both.shared_logos == ((("Acme", "Acme/0.png"), ("Aper", "Aper/2.png")),)
    assert shown(alone)["Acme"] > 0.9
    assert shown(both) == {"Acme": shown(alone)["Acme"], "Aper": shown(alone)["Acme"]}
    assert both.sharing == {("Acme", "Acme/0.png"): {"Aper"}, ("Aper", "Aper/2.png"): {"Acme"}}
    query = encode_images(ENCODER, [SEEN])
    assert both.compare(query[0], "Aper") == pytest.approx(both.compare(query[0], "Acme"))
    assert both.compare(query[0], "Acme")[1] == pytest.approx(alone.compare(query[0], "Acme")[1])


def test_brands_are_related_only_through_their_shared_logo_image() -> None:
    index = make_index(("Acme", ACME), ("Aper", ACME))
    index.add(Brand("Aper"), [("own.png", CORE)])
    near = index.search_brands(encode_images(ENCODER, [CORE]))
    assert near.brands[near.brand[0, 0]] == "Aper"
    assert not near.relatives, "its own mark is not Acme's"
    near = index.search_brands(encode_images(ENCODER, [SEEN]))
    own = [row for row, record in enumerate(index.logos) if record.id == "Aper/own.png"]
    core = float((encode_images(ENCODER, [SEEN]) @ index.vectors[own].T).max())
    assert near.rival is not None
    ((brand, _, similarity, rival, _),) = near.relatives[0]
    first = near.brands[near.brand[0, 0]]
    assert {first, near.brands[brand]} == {"Acme", "Aper"}
    assert similarity == pytest.approx(near.similarity[0, 0])
    # Acme has to stand out from Aper's own mark, Aper from nothing
    assert {first: near.rival[0], near.brands[brand]: rival} == {"Acme": pytest.approx(core), "Aper": 0.0}


def test_only_a_brands_own_negatives_speak_against_it_in_a_family() -> None:
    index = make_index(("Acme", ACME), ("Aper", ACME), ("Bolt", BOLT))
    before = shown(index)
    index.add_negative(quarters(RED, WHITE, GREEN, (230, 190, 60)), "Aper")
    after = shown(index)
    assert after["Acme"] == before["Acme"]
    assert after["Aper"] < before["Aper"]


def test_keypoints_of_a_shared_logo_image_match_both_brands() -> None:
    drawing, corners = label(0), [(200.0, 120.0), (340.0, 130.0), (330.0, 340.0), (190.0, 330.0)]
    scene = sift_photo(photo(drawing, laid(corners)[0]))
    drawings = [sift_logo(opaque(label(seed))) for seed in (0, 0, 1)]
    alone = place(scene, drawings[1:], ["Acme", "Bolt"])
    robbed = place(scene, drawings, ["Acme", "Aper", "Bolt"])
    kin = place(scene, drawings, ["Acme", "Aper", "Bolt"], families=[0, 0, -1])
    assert alone[0] is not None
    assert robbed[0] is None or robbed[0].log_nfa < alone[0].log_nfa / 2
    for found in kin[:2]:
        assert found is not None
        assert found.log_nfa == alone[0].log_nfa
    assert place(scene, drawings, ["Acme", "Aper", "Bolt"], families=[-1, -1, -1])[0] == robbed[0]


def test_families_are_stored_and_go_with_their_logos(tmp_path: Path) -> None:
    index = make_index(("Acme", ACME), ("Aper", ACME), ("Atom", ACME), ("Bolt", BOLT))
    index.save(tmp_path)
    again = LogoIndex.load(tmp_path, ENCODER)
    assert again.shared_logos == index.shared_logos
    assert len(again.shared_logos[0]) == 3
    again.remove("Acme")
    assert again.shared_logos == ((("Aper", "Aper/1.png"), ("Atom", "Atom/2.png")),)
    again.add(Brand("Atom"), [("2.png", BOLT)], allow=("record", "logo"))
    assert again.shared_logos == ((("Atom", "Atom/2.png"), ("Bolt", "Bolt/3.png")),)
    again.keep(["Aper", "Atom"])
    assert not again.shared_logos


def test_merged_indexes_have_one_family() -> None:
    index, other = make_index(("Acme", ACME), ("Bolt", BOLT)), make_index(("Aper", ACME))
    index.merge(other, allow=["logo"])
    assert [{brand for brand, _ in family} for family in index.shared_logos] == [{"Acme", "Aper"}]


# -- which logos are one drawing


def rows_of(vectors: Embeddings, owners: list[str], files: list[str] | None = None) -> Gallery:
    records = [
        LogoRecord(f"{owner}/{i}", owner, "as-is", (files or [str(i) for i in range(len(owners))])[i])
        for i, owner in enumerate(owners)
    ]
    return Gallery(records, vectors)


def unit(rows: np.ndarray) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@quick
@given(data=st.data(), n=st.integers(0, 24), seed=st.integers(0, 99))
def test_families_are_the_connected_logos_of_several_brands(data: st.DataObject, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(4, 6))[rng.integers(0, 4, n)] + 0.2 * rng.normal(size=(n, 6)) + 1e-6)
    owners = [data.draw(st.sampled_from("ABC")) for _ in range(n)]
    files = [data.draw(st.sampled_from("abcdefghij")) for _ in range(n)]
    logos = rows_of(vectors, owners, files)
    keys = [(r.brand, r.id) for r in logos.records]
    group = list(range(n))
    for i in range(n):
        for j in range(n):
            if owners[i] != owners[j] and (files[i] == files[j] or vectors[i] @ vectors[j] >= 0.9):
                group = [group[i] if g == group[j] else g for g in group]
    expected = {frozenset(k for k, g in zip(keys, group, strict=True) if g == one) for one in group}
    for same in (frozenset(k for k, f in zip(keys, files, strict=True) if f == one) for one in files):
        if len({brand for brand, _ in same}) > 1:  # equal files of one brand come along
            expected = {f | same if f & same else f for f in expected}
    found = find_families(logos, 0.9).families
    assert {f for f in expected if len({brand for brand, _ in f}) > 1} == set(merge_families(found))
    later = {key for key in keys if data.draw(st.booleans())}
    parts = find_families(logos, 0.9, set(keys) - later).families + find_families(logos, 0.9, later).families
    assert restrict_families(merge_families(parts), keys) == found


def test_thousand_brands_of_one_logo_image_are_one_family() -> None:
    vectors = np.tile(unit(np.ones((1, 6))), (1000, 1))
    (family,) = find_families(rows_of(vectors, [f"b{i}" for i in range(1000)]), 0.9).families
    assert len(family) == 1000


def test_a_chain_is_one_family_and_numbers_follow_rows() -> None:
    angles = np.arange(40) * 0.2
    vectors = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    logos = rows_of(vectors, [f"b{i % 7}" for i in range(40)])
    assert [len(f) for f in find_families(logos, 0.97).families] == [40]
    families: list[Family] = [frozenset({("b0", "b0/0"), ("b1", "b1/1")})]
    assert family_of_rows(logos, families).tolist()[:3] == [0, 0, -1]  # type: ignore[union-attr]
    assert family_of_rows(logos, ()) is None


def test_most_similar_registered_logo_is_named() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 0.1, 0], [1, 0.02, 0.0], [0, 0, 1]]))
    kin = find_families(rows_of(vectors, ["A", "B", "C", "D"]), 0.9, {("C", "C/2"), ("D", "D/3")})
    assert list(kin.nearest) == [("C", "C/2")]
    likest, cosine = kin.nearest["C", "C/2"]
    assert likest == ("A", "A/0")
    assert cosine == pytest.approx(0.9998, abs=1e-4)


def test_alike_threshold_is_looser_for_the_bundled_encoder_only() -> None:
    from logoscan.vision import weights

    assert same_logo_cosine(ENCODER.info) == 0.97

    class Known:
        fingerprint = min(weights.calibrated_encoders())

    assert same_logo_cosine(Known()) == 0.9  # type: ignore[arg-type]


@quick
@given(seed=st.integers(0, 999), mirrored=st.booleans())
def test_neighbours_without_families_are_unchanged(seed: int, mirrored: bool) -> None:
    index = make_index(("Acme", ACME), ("Bolt", BOLT), ("Core", CORE))
    rng = np.random.default_rng(seed)
    queries = unit(rng.normal(size=(6, 13)))
    near = index.search_brands(queries)
    assert near.rival is None
    assert near.relatives == {}
    second = near.similarity[:, 1]
    np.testing.assert_array_equal(margins(near), near.similarity[:, 0] - np.maximum(second, near.negative))
    if mirrored:
        turned = index.search_brands(unit(rng.normal(size=(2, 13))))
        either = near.or_mirrored(turned)
        nearer = [2 * n.similarity[:2, 0] - n.similarity[:2, 1] for n in (near, turned)]
        for row in range(2):
            taken: BrandNeighbours = turned if nearer[1][row] > nearer[0][row] else near
            np.testing.assert_array_equal(either.similarity[row], taken.similarity[row])
            assert margins(either)[row] == margins(taken)[row]

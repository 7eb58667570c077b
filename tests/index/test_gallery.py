"""Galleries, names and negatives of the index on a fake encoder that also knows texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from fakes import BLACK, BLUE, GREEN, GREY, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given, settings
from hypothesis import strategies as st

from logoscan.errors import ImageError, InputError, MismatchError
from logoscan.index import negatives
from logoscan.index.ann import brute_force
from logoscan.index.gallery import Gallery
from logoscan.index.logo_index import LogoIndex
from logoscan.index.neighbours import margins
from logoscan.index.storage import LogoRecord
from logoscan.matching.calibration import MatchCalibration, brand_thresholds
from logoscan.types import Brand, Embeddings, Rgb, UsualPrice
from logoscan.vision.encoder import TextEncoder, encode_images

ACME = quarters(RED, WHITE, BLUE, YELLOW)
BOLT = quarters(GREEN, RED, WHITE, RED)
NEAR_ACME = quarters(RED, WHITE, BLUE, GREEN)


class ReadingEncoder(FakeEncoder):
    """Knows some names as the vectors of pictures: red, green, blue or yellow all over; any other is black."""

    has_text = True
    colours: ClassVar = {"red": RED, "green": GREEN, "blue": BLUE, "yellow": YELLOW}

    def encode_text(self, texts: list[str]) -> Embeddings:
        squares = [quarters(*[self.colours.get(text.lower(), BLACK)] * 4) for text in texts]
        return encode_images(self, squares)


ENCODER = ReadingEncoder()
CALIBRATION = MatchCalibration(ENCODER.info.fingerprint, "d", -14, 20, 30, 0, 0, threshold=0.5, fitted_on="a test")


def one(colour: tuple[int, int, int]) -> Rgb:
    return quarters(*[colour] * 4)


def index(*brands: tuple[str, Rgb | None]) -> LogoIndex:
    made = LogoIndex(ENCODER)
    made.add_many([(Brand(name), [] if logo is None else [("a", logo)]) for name, logo in brands])
    return made


# -- galleries


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 40), owners=st.integers(1, 6), k=st.integers(1, 8), seed=st.integers(0, 99))
def test_the_best_brands_equal_those_of_brute_force(n: int, owners: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, queries = (rng.normal(size=(m, 5)).astype(np.float32) for m in (n, 4))
    records = [LogoRecord(f"{i}", f"B{int(rng.integers(owners))}", "as-is", "0") for i in range(n)]
    gallery = Gallery(records, vectors)
    similarity, brand, row = gallery.search_brands(queries, k)
    everything, order = brute_force(queries, vectors, max(n, 1))
    for q in range(4):
        names = [records[i].brand for i in order[q]]
        first = {name: everything[q, names.index(name)] for name in dict.fromkeys(names)}
        expected = list(first.items())[:k]
        assert [gallery.brands[b] for b in brand[q]] == [name for name, _ in expected]
        np.testing.assert_allclose(similarity[q], [s for _, s in expected], rtol=1e-5, atol=1e-6)
        assert all(records[r].brand == gallery.brands[b] for r, b in zip(row[q], brand[q], strict=True))


def pairs_plainly(gallery: Gallery) -> list[tuple[str, str, float]]:
    """All pairs of brands with the cosine of their nearest vectors, by a loop; defines what `confusable` must equal."""
    best: dict[tuple[str, str], float] = {}
    for a, one_row in zip(gallery.records, gallery.vectors, strict=True):
        for b, other in zip(gallery.records, gallery.vectors, strict=True):
            if a.brand < b.brand:
                best[a.brand, b.brand] = max(best.get((a.brand, b.brand), -1.0), float(one_row @ other))
    return sorted(((a, b, s) for (a, b), s in best.items()), key=lambda pair: (-pair[2], pair[:2]))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 30),
    owners=st.integers(1, 8),
    n=st.integers(1, 40),
    cells=st.sampled_from([1, 40, 1000]),
    seed=st.integers(0, 99),
)
def test_confusable_pairs_equal_those_of_a_plain_loop(rows: int, owners: int, n: int, cells: int, seed: int) -> None:
    """Unit vectors of a few axes: products are exact, and ties are many."""
    rng = np.random.default_rng(seed)
    axes = rng.integers(0, 4, rows)
    vectors = np.where(np.arange(4) == axes[:, None], np.float32(1), np.float32(0)).reshape(rows, 4)
    vectors *= rng.choice(np.array([-1, 1], np.float32), (rows, 1))
    records = [LogoRecord(str(i), f"b{rng.integers(owners)}", "as-is", "0" * 64) for i in range(rows)]
    gallery = Gallery(records, vectors)
    expected = pairs_plainly(gallery)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logoscan.index.brand_ranking._PRODUCTS_AT_ONCE", cells)
        assert gallery.confusable(n) == expected[:n]
        for brand in gallery.brands:
            turned = [(brand, b if a == brand else a, s) for a, b, s in expected if brand in (a, b)]
            assert gallery.confusable(n, brand) == sorted(turned, key=lambda p: (-p[2], p[1]))[:n]


def test_confusable_pairs_of_vectors_of_any_direction() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(120, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = vectors[90]
    gallery = Gallery([LogoRecord(str(i), f"b{i % 31:02}", "as-is", "0" * 64) for i in range(120)], vectors)
    expected = pairs_plainly(gallery)[:25]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logoscan.index.brand_ranking._PRODUCTS_AT_ONCE", 1500)
        found = gallery.confusable(25)
    assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
    assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in expected], abs=1e-6)
    assert found[0][:2] == ("b07", "b28")
    assert found[0][2] <= 1


def test_confusable_brands_of_an_index() -> None:
    made = index(("Acme", ACME), ("Bolt", BOLT), ("Near", NEAR_ACME), ("Red", None))
    (first, *rest) = made.confusable(10)
    assert first[:2] == ("Acme", "Near")
    assert len(rest) == 2, "brands known by name are not compared"
    assert [pair[0] for pair in made.confusable(10, "Near")] == ["Near", "Near"]
    assert made.confusable(1) == [first]
    for n, brand in ((0, None), (1, "Red"), (1, "Nobody")):
        with pytest.raises(InputError):
            made.confusable(n, brand)
    assert index().confusable(3) == []
    assert index(("Acme", ACME)).confusable(3) == []


def test_an_empty_gallery_finds_nothing() -> None:
    empty = Gallery((), np.zeros((0, 5), np.float32))
    similarity, brand, row = empty.search_brands(np.ones((3, 5), np.float32), 2)
    assert similarity.shape == brand.shape == row.shape == (3, 0)
    assert len(empty) == 0


# -- names


def test_a_brand_without_a_logo_is_found_by_its_name_and_no_more_once_it_has_one() -> None:
    assert isinstance(ENCODER, TextEncoder)
    register = index(("red", None), ("green", None), ("Acme", ACME))
    assert set(register.by_name) == {"red", "green"}
    found = register.search_names(encode_images(ENCODER, [one(GREEN), one(BLACK)]))
    assert found.brands[found.brand[0, 0]] == "green"
    assert found.similarity[0, 0] == pytest.approx(1, abs=1e-5)
    assert margins(found)[0] > 0.1
    assert margins(found)[1] < 0, "an everyday word is nearer than any name"
    register.add(Brand("green"), [("g", BOLT)])
    assert set(register.by_name) == {"red"}
    register.remove("red")
    assert not register.by_name
    assert not register.search_names(encode_images(ENCODER, [one(RED)])).similarity.size


def test_aliases_are_found_as_well() -> None:
    register = LogoIndex(ENCODER)
    register.add(Brand("Lemon", aliases=("yellow",)), [], allow=["alias"])
    found = register.search_names(encode_images(ENCODER, [one(YELLOW)]))
    assert (found.brands[found.brand[0, 0]], found.logos[found.logo[0, 0]]) == ("Lemon", "Lemon/yellow")


def test_an_encoder_without_text_knows_no_names() -> None:
    plain = FakeEncoder()
    register = LogoIndex(plain)
    register.add(Brand("red"))
    assert not register.by_name
    assert [b.name for b in register.brands] == ["red"]


# -- negatives


def test_the_general_negatives_are_what_they_are_called_and_always_the_same() -> None:
    first, again = dict(negatives.pictures()), dict(negatives.pictures())
    assert 150 < len(first) < 300
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert all(p.shape == (160, 160, 3) and p.dtype == np.uint8 for p in first.values())
    for name, picture in first.items():
        if not name.startswith("ground"):
            assert 0.002 < (np.abs(picture.astype(int) - picture[0, 0]).max(2) > 100).mean() <= 1, name
    assert len(set(negatives.WORDS)) == len(negatives.WORDS) > 80


def test_the_first_brand_brings_the_general_negatives_once() -> None:
    register = index(("Acme", ACME))
    count = len(register.negatives)
    assert count == len(list(negatives.pictures()))
    register.add(Brand("Bolt"), [("b", BOLT)])
    assert len(register.negatives) == count
    assert {logo.brand for logo in register.logos} == {"Acme", "Bolt"}, "negatives are no logos"
    stripes = dict(negatives.pictures())["rows-3-on-255"]
    assert margins(register.search_brands(encode_images(ENCODER, [stripes])))[0] < 0


def test_a_negative_changes_the_answer_for_its_brand_alone_and_for_all_without_one() -> None:
    query = encode_images(ENCODER, [NEAR_ACME])
    register = index(("Acme", ACME), ("Bolt", BOLT))
    before = margins(register.search_brands(query))[0]
    assert before > 0.1
    other = register.snapshot()
    other.add_negative(NEAR_ACME, "Bolt")
    assert margins(other.search_brands(query))[0] == before
    own, everybody = register.snapshot(), register.snapshot()
    own.add_negative(NEAR_ACME, "Acme")
    everybody.add_negative(NEAR_ACME)
    for changed in (own, everybody):
        assert margins(changed.search_brands(query))[0] < 0
        assert margins(changed.search_brands(encode_images(ENCODER, [ACME])))[0] > 0, "the logo itself is still named"
    assert margins(register.search_brands(query))[0] == before, "snapshots are apart"


def test_negatives_are_named_by_their_pixels_and_refused_where_they_make_no_sense() -> None:
    register = index(("Acme", ACME))
    first = register.add_negative(NEAR_ACME, "Acme")
    count = len(register.negatives)
    assert register.add_negative(NEAR_ACME, "Acme") == first
    assert len(register.negatives) == count
    with pytest.raises(InputError, match="brand: expected a registered name or None, got 'Nobody'"):
        register.add_negative(NEAR_ACME, "Nobody")
    with pytest.raises(ImageError):
        register.add_negative(b"no picture")


def test_names_and_negatives_are_stored_and_go_with_their_brand(tmp_path: Path) -> None:
    register = index(("Acme", ACME), ("red", None))
    register.add_negative(NEAR_ACME, "Acme")
    register.save(tmp_path)
    again = LogoIndex.load(tmp_path, ENCODER)
    assert again.fingerprint == register.fingerprint
    assert again.negatives == register.negatives
    assert set(again.by_name) == {"red"}
    query = encode_images(ENCODER, [NEAR_ACME, one(RED)])
    for search in ("search_brands", "search_names"):
        one_found, other_found = getattr(register, search)(query), getattr(again, search)(query)
        np.testing.assert_array_equal(one_found.similarity, other_found.similarity)
        np.testing.assert_array_equal(one_found.negative, other_found.negative)
    general = len(list(negatives.pictures()))
    again.remove("Acme")
    assert len(again.negatives) == general
    merged = index(("Bolt", BOLT))
    merged.merge(register)
    assert len(merged.negatives) == general + 1
    assert set(merged.by_name) == {"red"}
    merged.keep(["Bolt"])
    assert len(merged.negatives) == general
    assert not merged.by_name


def test_own_negatives_raise_the_threshold_within_the_budget() -> None:
    register = index(("Acme", ACME), ("Bolt", BOLT))
    assert brand_thresholds(register, CALIBRATION) == {}
    parts = (RED, WHITE, BLUE, YELLOW)
    for place in range(4):
        for colour in (BLACK, GREEN):  # near Acme, and not near one another
            spoilt = [colour if i == place else part for i, part in enumerate(parts)]
            register.add_negative(quarters(*spoilt), "Acme")
        register.add_negative(one((90 + 20 * place,) * 3), "Bolt")
    register.add_negative(one(GREY), "Bolt")
    strict = brand_thresholds(register, CALIBRATION)
    loose = brand_thresholds(register, CALIBRATION, budget=0.5)
    assert strict.keys() == {"Acme", "Bolt"}
    assert CALIBRATION.threshold == 0.5 <= loose["Acme"] < strict["Acme"] < 1
    assert strict["Bolt"] == CALIBRATION.threshold, "grey squares are not taken for Bolt anyway"
    with pytest.raises(InputError, match="budget: expected a share"):
        brand_thresholds(register, CALIBRATION, budget=2)


def test_five_irrelevant_negatives_change_no_threshold() -> None:
    register = index(("Acme", ACME))
    for grey in range(5):
        register.add_negative(one((100 + grey,) * 3), "Acme")
    least = brand_thresholds(register, CALIBRATION)
    assert least == {"Acme": CALIBRATION.threshold}
    with pytest.raises(MismatchError, match="calibration made for encoder 000, used with an index of"):
        brand_thresholds(register, replace(CALIBRATION, encoder="000"))
    with pytest.raises(InputError, match=r"calibration.kind: expected 'logo', got 'name'"):
        brand_thresholds(register, replace(CALIBRATION, kind="name"))


def test_user_negative_counts_against_name_vectors_too() -> None:
    register = index(("red", None), ("green", None))
    query = encode_images(ENCODER, [one(RED)])
    before = margins(register.search_names(query))[0]
    other, own, everybody = (register.snapshot() for _ in range(3))
    other.add_negative(one(RED), "green")
    own.add_negative(one(RED), "red")
    everybody.add_negative(one(RED))
    assert margins(other.search_names(query))[0] == before > 0.1
    for changed in (own, everybody):
        assert margins(changed.search_names(query))[0] == pytest.approx(0, abs=1e-5)


def test_negatives_before_the_first_brand_do_not_stand_for_the_general_ones() -> None:
    register = LogoIndex(ENCODER)
    register.add_negative(NEAR_ACME)
    register.add(Brand("Acme"), [("a", ACME)])
    assert len(register.negatives) == 1 + len(list(negatives.pictures()))


def test_negatives_can_be_taken_back() -> None:
    register = index(("Acme", ACME))
    query = encode_images(ENCODER, [NEAR_ACME])
    before = margins(register.search_brands(query))[0]
    count = len(register.negatives)
    for brand in ("Acme", None):
        made = register.add_negative(NEAR_ACME, brand)
        assert margins(register.search_brands(query))[0] < before
        with pytest.raises(InputError, match="negative: expected one of"):
            register.remove_negative(made, None if brand else "Acme")
        with pytest.raises(InputError, match="logo: expected a logo of 'Acme'"):
            register.remove("Acme", made)
        register.remove_negative(made, brand)
        assert margins(register.search_brands(query))[0] == before
    register.remove_negative(register.negatives[0].id)
    register.add(Brand("Bolt"), [("b", BOLT)])
    assert len(register.negatives) == count - 1, "a general one that was removed does not come back with the next brand"


def test_removing_a_brand_while_its_negative_is_added_drops_both(tmp_path: Path) -> None:
    register = index(("Acme", ACME), ("Bolt", BOLT))

    class Slow(ReadingEncoder):
        def encode_pixels(self, pixels: Rgb) -> Embeddings:
            if "Acme" in {b.name for b in register.brands}:
                register.remove("Acme")
            return super().encode_pixels(pixels)

    register.encoder = Slow()
    with pytest.raises(InputError, match="got 'Acme', removed meanwhile"):
        register.add_negative(NEAR_ACME, "Acme")
    register.save(tmp_path)


def test_spellings_that_are_taken_away_are_found_no_more() -> None:
    register = LogoIndex(ENCODER)
    register.add(Brand("Lemon", aliases=("yellow", " ")), [], allow=["alias"])
    assert {r.id for r in register._state.names.records if r.brand} == {"Lemon/Lemon", "Lemon/yellow"}
    register.add(Brand("Lemon"), [], allow=["record"])
    found = register.search_names(encode_images(ENCODER, [one(YELLOW)]))
    assert found.logos == ("Lemon/Lemon",)


def test_doubled_logos_are_refused() -> None:
    register = index(("Red", ACME))
    with pytest.raises(InputError, match=r"Bolt: expected logos of different names, got \['a', 'a'\]"):
        register.add(Brand("Bolt"), [("a", BOLT), ("a", ACME)])


@pytest.mark.parametrize("k", [0, -1])
def test_at_least_one_neighbour_is_asked_for(k: int) -> None:
    query = encode_images(ENCODER, [ACME])
    for search in ("search", "search_brands", "search_names"):
        with pytest.raises(InputError, match=f"k: expected 1 or more, got {k}"):
            getattr(index(("Acme", ACME)), search)(query, k)


def test_integer_prices_keep_the_fingerprint_after_loading(tmp_path: Path) -> None:
    register = LogoIndex(ENCODER)
    register.add(Brand("Acme", usual_prices=(UsualPrice("EUR", 80, 240),)), [("a", ACME)])
    register.save(tmp_path)
    assert LogoIndex.load(tmp_path).fingerprint == register.fingerprint

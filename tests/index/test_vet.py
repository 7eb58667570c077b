"""What is refused when a brand is registered, what is told, and that nothing is half registered."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from commands import run
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

from logoscan.errors import InputError, VettingError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS, ConflictKind, vet_names
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.text.brand_names import no_brand_words
from logoscan.types import Brand, ImageSource, UsualPrice

ENCODER = FakeEncoder()
ACME, BOLT = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED)
CORE = quarters(BLUE, BLUE, RED, GREEN)
FACTS = Brand("Acme", ("Acme Tools",), ("good",), usual_prices=(UsualPrice("EUR", 80, 120),))


@cache
def _index() -> LogoIndex:
    index = LogoIndex(ENCODER)
    assert index.add_many([(FACTS, [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])]) == []
    return index


def fresh_index() -> LogoIndex:
    """A snapshot of an index of Acme and Bolt, which is made once."""
    return _index().snapshot()


def empty_index() -> LogoIndex:
    index = fresh_index()
    index.keep(())
    return index


REFUSED: list[tuple[str, ConflictKind, Brand, list[tuple[str, np.ndarray]], str]] = [
    ("another's drawing", "logo", Brand("Aper"), [("x", ACME)], r"'Aper/x' is the same image as 'Acme/a' \(1.00\)"),
    ("another's drawing for a registered brand", "logo", Brand("Bolt"), [("x", ACME)], "is the same image as 'Acme/a'"),
    ("upper case", "name", Brand("ACME"), [("x", CORE)], "'ACME' is spelt like a name of 'Acme'"),
    ("an accent", "name", Brand("Acmé"), [("x", CORE)], "is spelt like a name of 'Acme'"),
    ("letters of another script", "name", Brand("\u0410cme"), [], "is spelt like a name of 'Acme'"),
    ("spaces and signs", "name", Brand("A.c-m e"), [], "is spelt like a name of 'Acme'"),
    ("another's alias", "name", Brand("acme tools"), [], "is spelt like a name of 'Acme'"),
    ("another's name as an alias", "alias", Brand("Core", ("acme",)), [], "'acme' is spelt like a name of 'Acme'"),
    ("no brand", "name", Brand("Unbranded"), [], "says that there is no brand"),
    ("no brand as an alias", "alias", Brand("Core", ("no name",)), [], "says that there is no brand"),
    ("an everyday word", "alias", Brand("Core", ("Shoes",)), [], "'Shoes' is a common word"),
    ("a size", "alias", Brand("Core", ("XL",)), [], "'XL' is short, and no abbreviation of the name"),
    ("a number", "alias", Brand("Core", ("42",)), [], "'42' is short, and no abbreviation of the name"),
    ("other facts", "record", Brand("Acme", ("Acme Tools",), ("mine",)), [], "is registered with other .*sellers"),
    ("no facts any more", "record", Brand("Acme"), [], "is registered with other aliases, authorised_sellers"),
    ("another drawing in its place", "record", Brand("Acme"), [("a", CORE)], "'Acme/a' is registered with another"),
]


@pytest.mark.parametrize(("kind", "brand", "logos", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_conflicting_registration_is_refused_unless_allowed(
    kind: ConflictKind, brand: Brand, logos: list[tuple[str, np.ndarray]], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    index = fresh_index()
    before = index.fingerprint
    with pytest.raises(VettingError, match=said) as refused:
        index.add(brand, logos, allow=[k for k in CONFLICTS if k != kind])
    assert index.fingerprint == before
    assert len(refused.value.conflicts) == 1
    assert refused.value.conflicts[0].endswith(f"({kind})")
    assert index.add(brand, logos, allow=[kind]) == []
    assert index.brand(brand.name) is not None
    assert caplog.text.count("registered all the same") == 1


def test_all_conflicts_are_reported_and_none_of_the_batch_is_registered() -> None:
    index = fresh_index()
    before = index.fingerprint
    batch = [(Brand("Core"), [("c", CORE)]), (Brand("ACME", ("sale",)), [("x", ACME)])]
    with pytest.raises(VettingError) as refused:
        index.add_many(batch)
    assert [line.split(": ")[0] for line in refused.value.conflicts] == ["ACME", "ACME"]
    assert index.fingerprint == before
    many: list[tuple[Brand, list[tuple[str, ImageSource]]]] = [(Brand(f"b{i}", ("shoe",)), []) for i in range(500)]
    with pytest.raises(VettingError, match="and 492 more") as refused:
        index.add_many(many)
    assert len(str(refused.value)) < 1000
    assert len(refused.value.conflicts) == 500


def test_honest_registrations_have_no_conflict() -> None:
    index = fresh_index()
    assert index.add(FACTS, [("second", CORE)]) == [], "the record it has, and more logos"
    assert index.add(Brand("Acme"), [("third", quarters(RED, RED, RED, BLUE))]) == []
    assert index.brand("Acme") == FACTS, "a name alone leaves the record as it is"
    assert index.add(FACTS, [("a", ACME)]) == [], "the same once more"
    for brand in (
        Brand("Apple"), Brand("GAP"), Brand("HP", ("Hewlett-Packard",)), Brand("3M"),
        Brand("Volkswagen", ("VW",)), Brand("New Balance", ("NB",)), Brand("PlayStation", ("PS5",)),
        Brand("The North Face", ("TNF",)), Brand("Nike", ("\u8010\u514b", "nike")), Brand("Cafe", ("!!!",)),
    ):  # fmt: skip
        assert index.add(brand, []) == [], brand.name


def test_folder_of_equal_logos_is_reported_and_of_equal_names_refused(tmp_path: Path) -> None:
    for name in ("Acme", "Aper", "Bolt"):
        (tmp_path / name).mkdir()
        Image.fromarray(BOLT if name == "Bolt" else ACME).save(tmp_path / name / "logo.png")
    index, warnings = LogoIndex.from_folder(tmp_path, ENCODER)
    assert warnings == [
        "'Acme/logo.png', 'Aper/logo.png': one image of several brands; where it is found, all of them are shown"
    ]
    assert len(index.shared_logos) == 1
    (tmp_path / "ACME").mkdir()
    with pytest.raises(VettingError, match="spelt like a name of"):
        LogoIndex.from_folder(tmp_path, ENCODER)
    assert len(LogoIndex.from_folder(tmp_path, ENCODER, allow=["name"])[0].brands) == 4


def test_the_command_says_each_conflict_and_writes_nothing(
    tmp_path: Path, fake_models: None, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("Acme", "ACME", "Bolt"):
        (tmp_path / "brands" / name).mkdir(parents=True)
        Image.fromarray(BOLT if name == "Bolt" else ACME).save(tmp_path / "brands" / name / "logo.png")
    (tmp_path / "brands" / "Bolt" / "brand.json").write_text('{"aliases": ["shoe"]}')
    refused = run("register", tmp_path / "brands", "--out", tmp_path / "index")
    assert refused.exit_code == 1
    assert "'shoe' is a common word" in refused.stderr
    assert "is spelt like a name of" in refused.stderr
    assert "--allow-conflicts" in refused.stderr
    assert not (tmp_path / "index").exists()
    taken = run("register", tmp_path / "brands", "--out", tmp_path / "index", "--allow-conflicts")
    assert taken.exit_code == 0, "what is allowed is told, and is no failure"
    assert "'shoe' is a common word; registered all the same" in caplog.text
    assert "one image of several brands" in taken.stderr
    assert len(LogoIndex.load(tmp_path / "index").brands) == 3


def test_usual_prices_above_most_recorded_prices_are_refused() -> None:
    prices = PriceModel.fit(PriceRecord("Acme", 80.0 + i, "EUR", "Shoes") for i in range(20))
    index = empty_index()
    dear = Brand("Acme", usual_prices=(UsualPrice("EUR", 5000, 9000),))
    with pytest.raises(
        VettingError, match=r"most prices that are known lie below its usual 5000 to 9000 EUR \(price\)"
    ):
        index.add(dear, [], prices=prices)
    assert index.add(FACTS, [], prices=prices) == []
    other = Brand("Other", usual_prices=(UsualPrice("EUR", 5000, 9000),))
    assert index.add(other, [], prices=prices) == [], "nothing is known of its prices"


def test_invalid_conflict_kinds_are_refused() -> None:
    for wrong in (["names"], "logos", [1]):
        with pytest.raises(InputError, match="allow: expected some of name, alias, record, logo, price"):
            fresh_index().add(Brand("Core"), [], allow=wrong)  # type: ignore[arg-type]


names = st.text("aAcCmMeE é\u0410-.", min_size=1, max_size=6).filter(str.strip)


@quick
@given(st.lists(names, min_size=1, max_size=6, unique=True), st.data())
def test_vetting_does_not_depend_on_order_and_is_repeatable(given_names: list[str], data: st.DataObject) -> None:
    brands = [Brand(name) for name in given_names]
    assert bool(vet_names(brands, {})) == bool(vet_names(data.draw(st.permutations(brands)), {}))
    one_by_one: dict[str, Brand] = {}
    for brand in brands:
        if not vet_names([brand], one_by_one):
            one_by_one[brand.name] = brand
    assert vet_names(one_by_one.values(), {}) == []
    assert vet_names(one_by_one.values(), one_by_one) == [], "what is registered so is not asked again"
    assert (len(one_by_one) == len(brands)) == (not vet_names(brands, {}))


@pytest.mark.parametrize("word", sorted(no_brand_words()))
def test_phrases_for_no_brand_cannot_be_registered(word: str) -> None:
    assert [c.kind for c in vet_names([Brand(word.upper())], {})] == ["name"]

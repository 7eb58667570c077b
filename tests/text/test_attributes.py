"""Stated attributes against registered facts: what compares, what agrees, what contradicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, texts

from logoscan.text.attributes import FactCheck, contradictions


def test_attributes_of_two_empty_records() -> None:
    assert contradictions({}, {}) == FactCheck({}, ())
    assert contradictions({}, {}).value is None


@pytest.mark.parametrize("value", ["", " ", "-", "n/a", "N/A", "Unknown", "none", "does not apply", "?"])
def test_empty_attribute_values_are_not_comparable(value: str) -> None:
    for attributes, facts in (({"origin": value}, {"origin": "Italy"}), ({"origin": "Italy"}, {"origin": value})):
        found = contradictions(attributes, facts)
        assert found == FactCheck({"origin": False}, ())
        assert found.value is None


def test_an_absent_attribute_is_not_comparable() -> None:
    assert contradictions({"Material": "PU"}, {"made_in": "Italy"}) == FactCheck({"made_in": False}, ())


def test_contradictions_are_reported() -> None:
    facts = {"made_in": "Italy", "material": "leather", "ean_prefix": "8001234", "color": "black"}
    found = contradictions({"Material": "PU", "Made in": "China", "EAN": "4006381333931"}, facts)
    assert found.comparable == {"made_in": True, "material": True, "ean_prefix": True, "color": False}
    assert [(c.fact, c.stated, c.registered) for c in found.found] == [
        ("made_in", "China", "Italy"),
        ("material", "PU", "leather"),
        ("ean_prefix", "4006381333931", "8001234"),
    ]
    assert found.found[0].why == "The listing says 'made in' is 'China', but the brand registered that it is 'Italy'."
    assert found.found[2].why.startswith("The listing says 'ean' is '4006381333931', but")
    assert "begins with '8001234'" in found.found[2].why
    assert found.value == pytest.approx(0.973)


AGREE = [
    ("material", "genuine leather", "leather"),
    ("material", "Leather", "full-grain leather"),
    ("Material", "CUIR", "leather | cuir"),
    ("material", "cotton", "leather, cotton"),
    ("made_in", "Milan, Italy", "Italy"),
    ("made in", "ITALIEN", "Italia|Italien"),
    ("Country of Origin", "Italy", "Italy"),
    ("name", "Air-Max", "airmax"),
    ("weight", "500 g", "0.5 kg"),
    ("weight", "1 lb", "453 g"),
    ("volume", "1,5 l", "1500 ml"),
    ("width", "12 in", "30.5 cm"),
    ("width", "40 mm", "38 mm|40 mm"),
    ("ean", "8001234567891", "8001234567890,8001234567891"),
    ("diameter", "40 mm", "1,5 in, 4 cm"),
]
CONTRADICT = [
    ("material", "PU leatherette", "leather"),
    ("made_in", "China", "Italy"),
    ("made_in", "Chinatown", "China"),
    ("made_in", "Romania", "Oman"),
    ("weight", "500 g", "450 g"),
    ("width", "41 mm", "38 mm|40 mm"),
    ("model", "A1234", "A1235"),
]


@pytest.mark.parametrize(("key", "stated", "registered"), AGREE)
def test_attributes_that_agree(key: str, stated: str, registered: str) -> None:
    found = contradictions({key: stated}, {key: registered})
    assert found == FactCheck({key: True}, ())
    assert found.value == 0.0


@pytest.mark.parametrize(("key", "stated", "registered"), CONTRADICT)
def test_attributes_that_contradict(key: str, stated: str, registered: str) -> None:
    found = contradictions({key: stated}, {key: registered})
    assert [c.fact for c in found.found] == [key]
    assert found.value == pytest.approx(0.7)


def test_quantities_of_two_kinds_do_not_compare() -> None:
    assert contradictions({"size": "50 ml"}, {"size": "50 g"}) == FactCheck({"size": False}, ())


@pytest.mark.parametrize(
    ("attribute", "fact"),
    [
        ("Made in", "made_in"),
        ("MADE-IN", "made in"),
        ("country of origin", "made_in"),
        ("made_in", "Country_of_Origin"),
        ("Colour", "color"),
        ("GTIN", "ean"),
        ("Herkunftsland", "made_in"),
    ],
)
def test_keys_that_mean_one_attribute(attribute: str, fact: str) -> None:
    assert contradictions({attribute: "x"}, {fact: "x"}).comparable == {fact: True}


@pytest.mark.parametrize(
    ("attribute", "stated", "fact", "registered", "agrees"),
    [
        ("ean", "8001234567890", "ean_prefix", "8001234", True),
        ("GTIN", "8001 2345 67890", "EAN prefix", "8001234", True),
        ("ean", "7001234567890", "ean_prefix", "8001234|7001", True),
        ("ean", "7001234567890", "ean_prefix", "8001234,7001", True),
        ("ean", "98001234", "ean_prefix", "8001234", False),
        ("serial", "AB-123", "serial prefix", "ab1", True),
        ("prefix", "a", "prefix", "b", False),
    ],
)
def test_attribute_prefixes(attribute: str, stated: str, fact: str, registered: str, agrees: bool) -> None:
    found = contradictions({attribute: stated}, {fact: registered})
    assert found.comparable == {fact: True}
    assert (found.found == ()) is agrees


def test_of_several_attributes_under_one_key_one_that_agrees_suffices() -> None:
    assert contradictions({"Made in": "China", "origin": "Italy"}, {"made_in": "Italy"}).value == 0.0


def test_long_values_are_cut_in_the_sentence_only() -> None:
    (found,) = contradictions({"model": "a" * 500}, {"model": "b" * 500}).found
    assert len(found.why) < 250
    assert len(found.stated) == 500


@pytest.mark.parametrize("n", range(1, 6))
def test_more_contradictions_approach_one(n: int) -> None:
    keys = "abcdef"[:n]
    values = [contradictions(dict.fromkeys(k, "x"), dict.fromkeys(k, "y")).value for k in (keys, keys + "z")]
    assert values[0] is not None
    assert values[1] is not None
    assert 0.7 <= values[0] < values[1] < 1


_keys = texts | st.sampled_from(["made_in", "Origin", "ean", "ean_prefix", "weight"])
_values = texts | st.sampled_from(["5 g", "5 kg", "Italy", "a|b", ",", "n/a", "1,5 l"])
_records = st.dictionaries(_keys, _values, max_size=4)


@quick
@given(attributes=_records, facts=_records)
def test_any_attribute_records_compare(attributes: dict[str, str], facts: dict[str, str]) -> None:
    found = contradictions(attributes, facts)
    assert found.comparable.keys() == facts.keys()
    assert all(found.comparable[c.fact] for c in found.found)
    assert all(c.why and c.registered == facts[c.fact] for c in found.found)
    assert (found.value is None) == (not any(found.comparable.values()))
    if found.value is not None:
        assert 0 <= found.value <= 1
        assert (found.value == 0) == (found.found == ())


@quick
@given(key=_keys, value=_values)
def test_a_value_agrees_with_itself(key: str, value: str) -> None:
    assert contradictions({key: value}, {key: value}).found == ()


def test_a_registered_value_counts_as_far_as_a_brand_may_register_one() -> None:
    facts = {"ean": "1," * 250 + "4006381333931", "made in": "x, " * 100_000}
    found = contradictions({"ean": "4006381333931", "made in": "Italy"}, facts)
    assert [c.fact for c in found.found] == ["ean", "made in"]

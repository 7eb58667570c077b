"""Names in text: folding, exact and near, and in which role."""

import itertools
import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import brands, floats32, quick, texts, units

from logoscan.text.brand_names import NameIndex, fold
from logoscan.text.letters import VOWEL_SIGNS
from logoscan.text.name_hits import Name, alone_prior
from logoscan.text.words import is_word
from logoscan.types import Brand, BrandMention, TextSpans

REGISTER = NameIndex(
    Brand(name)
    for name in (
        "Nike", "Adidas", "Apple", "Samsung", "Starbucks", "New Balance", "The North Face", "HP", "X", "Levi's",
        "L'Oréal", "H&M", "Jordan", "Air Jordan", "PlayStat",
    )
)  # fmt: skip


def found(text: str, register: NameIndex = REGISTER) -> list[str]:
    """Each mention as "brand kind words"."""
    return sorted(f"{m.brand} {m.kind} {m.text}" for m in register.find(text, "title"))


def lines(*rows: str, sure: float = 1.0) -> TextSpans:
    """One below the other, 20 px high."""
    line = np.array([[0, 0], [90, 0], [90, 20], [0, 20]], np.float32)
    polygons = [line + np.array([0, 25 * i], np.float32) for i in range(len(rows))]
    return TextSpans(np.array(polygons, np.float32).reshape(-1, 4, 2), rows, floats32([sure] * len(rows)))


# -- folding


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        (" -.,!_'’", ""),
        ("Nike", "nike"),
        ("ＮＩＫＥ　２", "nike2"),
        ("Nestlé", "nestle"),
        ("Nestle\u0301", "nestle"),
        ("L'Oréal", "loreal"),
        ("Levi’s", "levis"),
        ("LEVI`S", "levis"),
        ("Nike™", "nike"),
        ("Nike®©℠", "nike"),
        ("H&M", "hm"),
        ("Coca-Cola", "cocacola"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("ﬁla", "fila"),
        ("Ⅳ", "iv"),
        ("İstikbal", "istikbal"),
        ("Škoda", "skoda"),
        ("日本", "日本"),
        ("Ελλάδα", "ελλαδα"),
        ("3M", "3m"),
        ("a\u200bb\u00adc", "abc"),
    ],
)
def test_fold_known_names(text: str, folded: str) -> None:
    assert fold(text) == folded


@quick
@given(text=texts)
def test_folding_ignores_case_and_leaves_letters_and_digits(text: str) -> None:
    assert all(c.isalnum() or c in VOWEL_SIGNS for c in fold(text))
    assert fold(f" {text}-") == fold(text)
    if text.isascii():
        assert fold(text) == fold(text.upper()) == "".join(c for c in text.lower() if c.isalnum())


# -- the register


def test_empty_name_index_finds_nothing() -> None:
    empty = NameIndex([])
    assert len(empty) == 0
    assert empty.find("Nike shoes", "title") == []
    assert empty.find_in_spans(lines("Nike"), 0) == []
    assert empty.resolve("Nike") is None


@pytest.mark.parametrize("text", ["", "   ", "\n\0\t", "!!! ---", "shoes", "😀"])
def test_text_without_a_name(text: str) -> None:
    assert REGISTER.find(text, "title") == []
    assert REGISTER.find_in_spans(lines(text), 0) == []
    assert REGISTER.find_in_spans(TextSpans.empty(), 0) == []


def test_names_and_aliases_resolve() -> None:
    register = NameIndex([Brand("Acme Inc", aliases=("ACME", "", "!")), Brand("Bolt")])
    assert len(register) == 3
    assert register.resolve("acme-inc") == register.resolve(" Acme ") == "Acme Inc"
    assert register.resolve("BOLT™") == "Bolt"
    assert register.resolve("") is None
    assert register.resolve("Acm") is None
    assert found("An ACME bolt", register) == ["Acme Inc exact ACME", "Bolt exact bolt"]


def test_two_brands_of_one_folded_name_go_by_the_alphabet() -> None:
    for order in itertools.permutations([Brand("Acme"), Brand("ACME"), Brand("Zeta", aliases=("acme",))]):
        assert NameIndex(order).resolve("acme") == "ACME"


# -- exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nike", ["Nike exact Nike"]),
        ("NIKE shoes", ["Nike exact NIKE"]),
        ("Ｎｉｋｅ shoes", ["Nike exact Ｎｉｋｅ"]),
        ("shoes (nike)!", ["Nike exact nike"]),
        ("NIKE™", ["Nike exact NIKE"]),
        ("Nike's best", ["Nike exact Nike"]),
        ("Apple’s best", ["Apple exact Apple"]),
        ("New Balance's 574", ["New Balance exact New Balance"]),
        ("Levi's 501", ["Levi's exact Levi's"]),
        ("LEVIS 501", ["Levi's exact LEVIS"]),
        ("loreal paris", ["L'Oréal exact loreal"]),
        ("L’Ore\u0301al", ["L'Oréal exact L’Ore\u0301al"]),
        ("new  balance 574", ["New Balance exact new  balance"]),
        ("New-Balance", ["New Balance exact New-Balance"]),
        ("NEWBALANCE", ["New Balance exact NEWBALANCE"]),
        ("star bucks mug", ["Starbucks exact star bucks"]),
        ("the north face", ["The North Face exact the north face"]),
        ("H & M dress", ["H&M exact H & M"]),
        ("Air Jordan 1", ["Air Jordan exact Air Jordan"]),
        ("Jordan Air", ["Jordan exact Jordan"]),
        ("nike and Nike", ["Nike exact nike"]),
        ("starbuckscoffee", []),
        ("digital samsungstat", []),
        ("T-shirt for men Nike", ["Nike exact Nike"]),
        ("T-shirt for men, Nike", ["Nike exact Nike"]),
        ("Nike for women", ["Nike exact Nike"]),
        ("Nike shoes like new", ["Nike exact Nike"]),
        ("Nike like new", ["Nike exact Nike"]),
        ("Nike, compatible with nothing", ["Nike exact Nike"]),
    ],
)
def test_exact_names(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    ["php", "shp", "hpx", "Xbox", "nikey", "unlike", "hmm", "hams", "h", "m", "pineapple", "applesauce"],
)
def test_short_names_are_found_as_whole_words_only(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "probability"), [("X", 0.02), ("HP", 0.25), ("Nike", 0.85), ("Apple", 0.95), ("The North Face", 0.95)]
)
def test_a_short_word_is_less_sure(text: str, probability: float) -> None:
    (mention,) = REGISTER.find(text, "title")
    assert mention == BrandMention("title", text, text, "exact", 0.0, probability)
    (half,) = REGISTER.find(f"my {text}", 0, 0.5)
    assert half.probability == pytest.approx(probability / (4 if text == "Apple" else 2)), "a common word needs a mark"
    assert half.source == "image:0"


@given(st.sampled_from(["X", "HP", "BMW", "Mini", "Nike", "Citizen", "Adidas"]), st.integers(1, 100_000))
def test_a_line_that_is_a_name_and_nothing_else_means_less_among_more_names(text: str, names: int) -> None:
    name = Name(text.lower(), text, (text.lower(),))
    assert 0.0 < alone_prior(name, names + 1) <= alone_prior(name, names) <= 0.95
    assert alone_prior(name, names) <= alone_prior(Name("adidas", "Adidas", ("adidas",)), names)


def test_a_line_that_is_a_name_and_nothing_else_outweighs_the_same_name_among_words() -> None:
    few, many = ("DHL", "Citizen", "Mini"), [f"qz{i}xk" for i in range(5000)]
    small, large = NameIndex(map(Brand, few)), NameIndex(map(Brand, (*few, *many)))
    for name in few:
        (alone,), (among,) = small.find(f" {name.upper()}.", 0), small.find(f"new {name}", 0)
        (of_many,) = large.find(name.upper(), 0)
        assert alone.probability > 0.75 > among.probability
        assert among.probability <= of_many.probability < alone.probability
        (typed,) = small.find(name, "title")
        assert typed.probability == NameIndex([Brand(name)]).find(name, "title")[0].probability
    (letter,) = NameIndex([Brand("X")]).find("X", 0)
    assert letter.probability == pytest.approx(0.02, abs=1e-3)


def test_inside_of_a_word_a_name_is_sought_in_photos_only_and_is_less_sure() -> None:
    (mention,) = REGISTER.find("starbuckscoffee", 0)
    assert mention == BrandMention("image:0", "starbuckscoffee", "Starbucks", "exact", 0.0, 0.4)
    for source in ("title", "description", "claim"):
        assert REGISTER.find("starbuckscoffee", source) == []


def test_a_plural_is_no_misspelling() -> None:
    register = NameIndex([Brand("Apple"), Brand("Adidas")])
    assert register.find("two apples", "title") == []
    assert [m.kind for m in register.find("adidass shoes", "title")] == ["near"]


def test_a_name_goes_before_another_brands_alias() -> None:
    register = NameIndex([Brand("Apple", aliases=("Beats",)), Brand("Beats")])
    assert register.resolve("beats") == "Beats"


def test_a_claim_that_contains_one_brand_is_that_brand() -> None:
    register = NameIndex([Brand("Acmeco"), Brand("Zetaco")])
    assert register.resolve("Acmeco Sportswear") == "Acmeco"
    assert register.resolve("Acmeco x Zetaco") is None
    assert register.resolve("for Acmeco") is None


# -- near


@pytest.mark.parametrize(
    ("text", "expected", "distance"),
    [
        ("ADIBAS", ["Adidas near ADIBAS"], 1 / 6),
        ("Adiidas shoes", ["Adidas near Adiidas"], 1 / 7),
        ("Adids", ["Adidas near Adids"], 1 / 6),
        ("Appel", [], None),
        ("Aple", ["Apple near Aple"], 1 / 5),
        ("Samsnug", ["Samsung near Samsnug"], 1 / 7),
        ("Samsngu", ["Samsung near Samsngu"], 2 / 7),
        ("Amsnugs", [], None),
        ("Samsu", [], None),
        ("Sams2n1", [], None),
        ("SSamsung", ["Samsung near SSamsung"], 1 / 8),
        ("Samzung", ["Samsung near Samzung"], 1 / 7),
        ("New Balence", ["New Balance near New Balence"], 1 / 10),
        ("newbalence", ["New Balance near newbalence"], 1 / 10),
        ("The North Fase", ["The North Face near The North Fase"], 1 / 12),
        ("PlayxStatx", ["PlayStat near PlayxStatx"], 2 / 10),
        ("PlayxyStatx", [], None),
        ("Nikke", [], None),
        ("Hp.", ["HP exact Hp"], 0.0),
    ],
)
def test_fuzzy_names(text: str, expected: list[str], distance: float | None) -> None:
    assert found(text) == expected
    if distance is not None:
        (mention,) = REGISTER.find(text, "title")
        assert mention.distance == pytest.approx(distance, abs=1e-6)
        if distance:
            assert mention.probability == pytest.approx(0.6 - distance, abs=1e-6)


@pytest.mark.parametrize("text", ["Аdibas", "Adіbas", "Starbυckz", "Nеw Balence"])
def test_a_name_in_two_scripts_may_be_misspelt_too(text: str) -> None:
    (mention,) = REGISTER.find(f"new {text}", "title")
    assert (mention.kind, mention.text) == ("near", text)
    assert 0 < mention.distance <= 0.2


def test_registered_name_is_no_fuzzy_match_of_another() -> None:
    twins = NameIndex([Brand("Adidas"), Brand("Adidos"), Brand("New Balance"), Brand("Balence")])
    assert found("Adidas", twins) == ["Adidas exact Adidas"]
    assert found("Adidos", twins) == ["Adidos exact Adidos"]
    assert found("Adidas Adidos", twins) == ["Adidas exact Adidas", "Adidos exact Adidos"]
    assert found("New Balance", twins) == ["New Balance exact New Balance"], "nor is a part of it"
    assert found("Adidis", twins) == ["Adidas near Adidis"], "of equally near ones the first in the alphabet"


def test_numbers_are_no_fuzzy_names() -> None:
    register = NameIndex([Brand("12345")])
    assert found("12345", register) == ["12345 exact 12345"]
    assert found("12346", register) == []


def test_exact_and_fuzzy_spellings_are_two_mentions() -> None:
    assert found("Adidas ADIBAS") == ["Adidas exact Adidas", "Adidas near ADIBAS"]


# -- disguises


WIDER = NameIndex(
    Brand(name)
    for name in (
        "Nike", "Adidas", "Starbucks", "New Balance", "BMW", "DKNY", "Oral-B", "Levi's", "Omega", "Barnes", "Wella",
        "Zini", "Loom", "Corn", "4711", "Сбер", "H&M", "Carter", "N E X T",
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "brand", "probability"),
    [
        ("Nіke", "Nike", 0.85),  # Cyrillic i
        ("ΝΙΚΕ", "Nike", 0.85),  # all of it Greek
        ("аԁіԁаѕ", "Adidas", 0.95),  # all of it Cyrillic
        ("Ｎike", "Nike", 0.85),  # one wide letter
        ("𝐍𝐢𝐤𝐞", "Nike", 0.85),
        ("Ⓝⓘⓚⓔ", "Nike", 0.85),
        ("Nik℮", "Nike", 0.85),
        ("Nıke", "Nike", 0.85),
        ("ВМW", "BMW", 0.6),
        ("Οral-B", "Oral-B", 0.95),
        ("Ni\u200bke", "Nike", 0.85),
        ("A\u200bd\u200ci\u200dd\u2060a\ufeffs", "Adidas", 0.95),
        ("N\u200bew Balance", "New Balance", 0.95),
        ("5tarbucks", "Starbucks", 0.9 * 0.95),
        ("5tarbuck5", "Starbucks", 0.9 * 0.95),
        ("N1K3", "Nike", 0.9 * 0.85),
        ("@did@$", "Adidas", 0.9 * 0.95),
        ("n!ke", "Nike", 0.9 * 0.85),
        ("Levi'$", "Levi's", 0.9 * 0.95),
        ("N3w B4lance", "New Balance", 0.9 * 0.95),
        ("ADlDAS", "Adidas", 0.75 * 0.95),
        ("Bames", "Barnes", 0.75 * 0.95),
        ("vvella", "Wella", 0.75 * 0.95),
        ("Ornega", "Omega", 0.75 * 0.95),
        ("N I K E", "Nike", 0.75 * 0.85),
        ("A-D-I-D-A-S", "Adidas", 0.75 * 0.95),
        ("D K N Y", "DKNY", 0.75 * 0.85),
        ("N 1 K E", "Nike", 0.9 * 0.85),
        ("C@rter", "Carter", 0.9 * 0.95),
    ],
)
def test_disguised_name_is_fuzzy_with_the_probability_of_its_trick(text: str, brand: str, probability: float) -> None:
    for around in ("{}", "new {} shoes size 42", "новый {} running shoes"):
        (mention,) = WIDER.find(around.format(text), "title")
        assert (mention.brand, mention.kind, mention.text) == (brand, "near", text)
        assert 0 < mention.distance <= 1
        assert mention.probability == pytest.approx(probability)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D.K.N.Y.", ["DKNY exact D.K.N.Y"]),
        ("H & M", ["H&M exact H & M"]),
        ("n e x t", ["N E X T exact n e x t"]),
        ("new\u200bBalance", ["New Balance exact new\u200bBalance"]),  # a break between its own words
        ("Ni\u00adke", ["Nike exact Ni\u00adke"]),  # hyphenation
        ("Nike\u200b", ["Nike exact Nike"]),
        ("@nike Nike! $Nike", ["Nike exact nike"]),
        ("Nike|Adidas", ["Adidas exact Adidas", "Nike exact Nike"]),
        ("Сбер", ["Сбер exact Сбер"]),
        ("2in1 kettle, 100m rope", []),
        ("for com use", []),
        ("0mg 41l 471", []),
        ("carter", ["Carter exact carter"]),
    ],
)
def test_honest_spellings_are_no_disguise(text: str, expected: list[str]) -> None:
    assert found(text, WIDER) == expected


def test_honest_text_in_another_script_is_no_disguise() -> None:
    register = NameIndex([Brand("Hoca"), Brand("Poct")])
    assert found("у него нет носа", register) == []
    assert found("быстрый рост носа", register) == []
    assert found("рост", register) == ["Poct near рост"]
    assert found("fast рост shoes", register) == ["Poct near рост"]
    assert found("новые Аdidas 42") == ["Adidas near Аdidas"], "letters of two scripts in one word"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A di d a s shoes", ["Adidas near A di d a s"]),
        ("new A-d-i-da-s", ["Adidas near A-d-i-da-s"]),
        ("T_he no_rt_h f_a_ce parka", ["The North Face near T_he no_rt_h f_a_ce"]),
        ("ad id as", ["Adidas exact ad id as"]),
        ("Th e Nort h Face", ["The North Face exact Th e Nort h Face"]),
        ("A D Ida so", []),
    ],
)
def test_names_in_pieces_are_found(text: str, expected: list[str]) -> None:
    assert found(text, NameIndex([Brand("Adidas"), Brand("The North Face")])) == expected


def test_letters_spaced_out_are_lettering_in_a_photo() -> None:
    (mention,) = REGISTER.find("A D I D A S", 0)
    assert (mention.kind, mention.distance, mention.probability) == ("exact", 0.0, 0.95)


@pytest.mark.parametrize("text", ["AD1DAS", "ADlDAS", "Аdidas"])
def test_misreading_in_a_photo_is_a_fuzzy_match(text: str) -> None:
    (mention,) = REGISTER.find(text, 0)
    assert mention.kind == "near"
    assert mention.probability == pytest.approx(0.6 * 0.95)


def test_a_disguise_has_a_role_too() -> None:
    assert found("case for Nіke") == ["Nike compatible Nіke"]
    assert found("Nіke style") == ["Nike style Nіke"]


def test_the_longer_of_a_disguise_and_a_name_stays() -> None:
    assert found("Аir Jordan") == ["Air Jordan near Аir Jordan"]


@quick
@given(
    name=st.sampled_from(["Nike", "Adidas", "Starbucks", "New Balance"]),
    hidden=st.text("\u200b\u200c\u200d\u2060\ufeff", min_size=1, max_size=5),
    at=st.integers(1, 2),
)
def test_hidden_characters_never_hide_a_name(name: str, hidden: str, at: int) -> None:
    (mention,) = REGISTER.find(f"new {name[:at]}{hidden}{name[at:]} bag", "title")
    assert (mention.brand, mention.kind) == (name, "near")


# -- ordinary words


def test_dictionary_word_is_no_fuzzy_name() -> None:
    register = NameIndex(map(Brand, ("Guess", "Mattel", "Skims", "Under Armour", "Golden Goose", "Maski")))
    assert found("guest towel, matte, skis", register) == []
    assert found("m2 ski goggles", register) == [], "words that the name has not joined"
    assert found("Gueess Matttel", register) == ["Guess near Gueess", "Mattel near Matttel"]
    assert found("under armor shirt", register) == ["Under Armour near under armor"]


def test_common_word_needs_a_capital_or_a_trademark_sign() -> None:
    register = NameIndex(map(Brand, ("Apple", "Shell", "Mini", "Target", "Samsung", "Red Bull")))
    for name in ("Apple", "Shell", "Mini", "Target"):
        (large,), (small,) = register.find(f"The {name}", "title"), register.find(f"the {name.lower()}", "title")
        (marked,) = register.find(f"the {name.lower()}® thing", "title")
        (seen,) = register.find(f"the {name.lower()}", 0)
        (shown,) = register.find(f"the {name.upper()}™", 0)
        (capital,) = register.find(f"The {name}", 0)
        assert capital.probability == pytest.approx(large.probability / 2)
        assert small.probability == seen.probability == pytest.approx(large.probability / 4)
        assert large.probability == marked.probability == shown.probability
    assert [m.probability for m in register.find("samsung red bull", "title")] == [0.95, 0.95]


# -- roles


@pytest.mark.parametrize(
    "text",
    [
        "case for Nike",
        "case FOR NIKE",
        "case for: Nike",
        "case (for Nike)",
        "case for the Nike",
        "case for all Nike",
        "for use with Nike",
        "fits Nike",
        "fit Nike",
        "suits Nike",
        "suitable for Nike",
        "compatible with Nike",
        "works with your Nike",
        "replacement for Nike",
        "replaces Nike",
        "Hülle für Nike",
        "coque pour Nike",
        "funda para Nike",
        "custodia per Nike",
        "适用于 Nike",
        "兼容 Nike",
        "Nike compatible case",
        "Nike-compatible",
        "Nike kompatibel",
    ],
)
def test_compatible_goods_are_distinguished(text: str) -> None:
    (mention,) = REGISTER.find(text, "title")
    assert (mention.brand, mention.kind, mention.text.lower()) == ("Nike", "compatible", "nike")


@pytest.mark.parametrize(
    "text",
    [
        "case for Apple, Samsung and Nike",
        "case for Apple / Samsung & Nike",
        "case for Apple or Samsung, Nike",
        "Hülle für Apple und Samsung+Nike",
    ],
)
def test_a_list_after_for_is_for_all_of_it(text: str) -> None:
    assert found(text) == ["Apple compatible Apple", "Nike compatible Nike", "Samsung compatible Samsung"]


def test_a_list_ends_where_other_words_begin() -> None:
    assert found("Apple case for Samsung by Nike") == [
        "Apple exact Apple",
        "Nike exact Nike",
        "Samsung compatible Samsung",
    ]
    assert found("Apple, Samsung and Nike") == ["Apple exact Apple", "Nike exact Nike", "Samsung exact Samsung"]


@pytest.mark.parametrize(
    "text",
    [
        "Nike style shoes",
        "Nike-style shoes",
        "NIKE STYLED",
        "Nike type shoes",
        "Nike like shoes",
        "Nike look",
        "Nike inspired",
        "Nike dupe",
        "Nike lookalike",
        "Nike look-alike",
        "inspired by Nike",
        "in the style of Nike",
        "similar to Nike",
        "looks like Nike",
        "dupe for Nike",
    ],
)
def test_style_goods_are_distinguished(text: str) -> None:
    (mention,) = REGISTER.find(text, "title")
    assert (mention.brand, mention.kind, mention.text.lower()) == ("Nike", "style", "nike")


def test_a_role_needs_a_whole_word() -> None:
    assert found("before Nike") == ["Nike exact Nike"]
    assert found("Nike stylebook") == ["Nike exact Nike"]
    assert found("Nike likes") == ["Nike exact Nike"]
    assert found("Nike typewriter") == ["Nike exact Nike"]


def test_each_role_of_a_brand_is_one_mention() -> None:
    assert found("Nike, for Nike, Nike style, for Nike") == [
        "Nike compatible Nike",
        "Nike exact Nike",
        "Nike style Nike",
    ]


def test_mentions_are_sorted_by_probability() -> None:
    mentions = REGISTER.find("HP X Nike ADIBAS Samsung", "title")
    assert [m.brand for m in mentions] == ["Samsung", "Nike", "Adidas", "HP", "X"]


# -- lines of a photo


def test_a_name_over_two_lines_is_found() -> None:
    (mention,) = REGISTER.find_in_spans(lines("THE NORTH", "FACE", sure=0.5), 2)
    assert replace(mention, xyxy=None) == BrandMention(
        "image:2", "THE NORTH FACE", "The North Face", "exact", 0.0, 0.95 * 0.5
    )
    apart = REGISTER.find_in_spans(lines("THE NORTH", "shoe", "FACE"), 2)
    assert {m.kind for m in apart} <= {"partial"}


@pytest.mark.parametrize(
    ("read", "brand"),
    [("starbu", "Starbucks"), ("ADLDHS", "Adidas"), ("RBUCKS COFFEE", "Starbucks"), ("samsu", "Samsung")],
)
def test_a_bad_or_partial_reading_is_mentioned_in_photos_alone(read: str, brand: str) -> None:
    found = REGISTER.find_in_spans(lines(read), 0)
    assert found[0].brand == brand
    assert found[0].kind == "partial"
    assert 0.01 <= found[0].probability < 0.9
    assert 0 < found[0].distance < 1
    assert REGISTER.find(read, "title") == []
    assert all(m.kind != "partial" for m in REGISTER.find_in_spans(lines(brand, read), 0) if m.brand == brand)


def test_most_confident_line_gives_a_names_probability() -> None:
    spans = TextSpans(np.zeros((3, 4, 2), np.float32), ("Nike", "shoe", "NIKE"), floats32([0.25, 1.0, 0.75]))
    (mention,) = REGISTER.find_in_spans(spans, 0)
    assert mention.text == "NIKE"
    assert mention.probability == pytest.approx(0.95 * 0.75)


def test_a_name_over_two_lines_is_as_sure_as_the_worse_one() -> None:
    stack = lines("New", "Balance")
    spans = TextSpans(stack.polygons, stack.texts, floats32([0.9, 0.4]))
    (mention,) = REGISTER.find_in_spans(spans, 0)
    assert mention.probability == pytest.approx(0.95 * 0.4)


def test_a_partial_reading_is_as_sure_as_its_letters() -> None:
    sure = {
        confidence: REGISTER.find_in_spans(lines("STARBU", sure=confidence), 0)[0].probability
        for confidence in (1.0, 0.5, 0.1)
    }
    assert sure[0.5] == pytest.approx(0.5 * sure[1.0])
    assert sure[0.1] == pytest.approx(0.1 * sure[1.0])
    assert REGISTER.find_in_spans(lines("STARBU", sure=0.0), 0) == []


def test_a_worthless_mention_hides_no_partial_one() -> None:
    stack = lines("STARBU", "nothing", "STARBUCKX")
    spans = TextSpans(stack.polygons, stack.texts, floats32([1.0, 1.0, 0.02]))
    alone = REGISTER.find_in_spans(lines("STARBU"), 0)[0].probability
    best = max(m.probability for m in REGISTER.find_in_spans(spans, 0) if m.brand == "Starbucks")
    assert best > 0.5 * alone


def test_the_order_of_lines_changes_no_partial_reading() -> None:
    spelt = [lines("st arbu", "starbu"), lines("starbu", "st arbu")]
    one, other = ({m.brand: m.probability for m in REGISTER.find_in_spans(s, 0)} for s in spelt)
    assert one["Starbucks"] == pytest.approx(other["Starbucks"])


def test_of_a_wall_of_text_the_surest_lines_are_searched() -> None:
    wall = lines(*(f"line{i}" for i in range(400)), "STARBUCKS", *(f"more{i}" for i in range(400)))
    low = np.full(801, 0.4, np.float32)
    low[400] = 0.9
    found = REGISTER.find_in_spans(TextSpans(wall.polygons, wall.texts, low), 0)
    assert ("Starbucks", "exact") in {(m.brand, m.kind) for m in found}


def test_misreading_beside_an_exact_name_is_no_fuzzy_match() -> None:
    (mention,) = REGISTER.find_in_spans(lines("ADIDAS", "AD1DAS"), 0)
    assert (mention.brand, mention.kind, mention.text) == ("Adidas", "exact", "ADIDAS")
    assert {m.kind for m in REGISTER.find_in_spans(lines("AD1DAS"), 0)} == {"near", "partial"}


@pytest.mark.parametrize(
    ("read", "brand"), [("نايكب", "نايكي"), ("อิธิตัน", "อิชิตัน"), ("نتله", "نستله"), ("STARBUGKS", "Starbucks")]
)
def test_what_is_near_a_name_may_be_misread_too(read: str, brand: str) -> None:
    """A line with one letter wrong is as probable as the likelier of both explanations; the look-alike stays."""
    found = NameIndex([Brand(brand), Brand("Acme"), Brand("Пятёрочка")]).find_in_spans(lines(read), 0)
    by_kind = {m.kind: m.probability for m in found if m.brand == brand}
    assert by_kind.keys() == {"near", "partial"}
    assert 0.3 < by_kind["near"] < by_kind["partial"]


@given(st.sampled_from(["Starbucks", "Adidas", "Puma"]), st.integers(0, 8), st.sampled_from("aeioklmnrstxz"), units)
@quick
def test_a_partial_mention_never_stands_beneath_another_of_its_brand(
    name: str, place: int, letter: str, confidence: float
) -> None:
    place %= len(name)
    read = lines(name[:place] + letter + name[place + 1 :])
    found = REGISTER.find_in_spans(replace(read, confidence=np.array([confidence], np.float32)), 0)
    for mention in found:
        if mention.kind == "partial":
            others = [m.probability for m in found if m.brand == mention.brand and m.kind in ("exact", "near")]
            assert mention.probability > max(others, default=0.0)


# -- against the slow twin


def slow_distance(a: str, b: str) -> int:
    """Levenshtein's distance, from its definition; one where two neighbours in each other's place are all."""
    if len(a) >= 5 and any(a[:i] + a[i + 1] + a[i] + a[i + 2 :] == b != a for i in range(len(a) - 1)):
        return 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


def slow_find(text: str, names: list[str], *, in_photo: bool) -> set[tuple[str, str, str, float]]:
    """Every run of up to four words against every name, and longer runs of short pieces for equality."""
    places = list(itertools.accumulate((len(w) + 1 for w in text.split(" ")), initial=0))
    words = [(place, w) for place, w in zip(places, text.split(" "), strict=False) if w]
    runs = []
    for i in range(len(words)):
        for run in (words[i : i + n] for n in range(1, 5) if i + n <= len(words)):
            runs.append((run[0][0], run[-1][0] + len(run[-1][1]), "".join(w for _, w in run)))
    long = [words[i : i + n] for n in range(5, len(words) + 1) for i in range(len(words) - n + 1)]
    short = [r for r in long if all(len(w) <= 6 for _, w in r) and sum(len(w) for _, w in r) <= min(24, 3 * len(r))]
    spaced = [(r[0][0], r[-1][0] + len(r[-1][1]), "".join(w for _, w in r)) for r in short]
    sure = [(0.0, -len(gram), a, b, gram, False) for a, b, gram in runs + spaced if gram in names]
    for a, word in words:
        if len(word) > 6 and word not in names:
            doubled = {n for n in names if word in (n[0] + n, n + n[-1])}
            held = [n for n in names if 6 <= len(n) < len(word) and n in word and n not in doubled]
            sure += [(0.0, -len(n), a, a + len(word), n, True) for n in held]
    near = []
    for a, b, gram in runs:
        if gram not in names and not any(a < q and p < b for _, _, p, q, _, _ in sure):
            away = {name: slow_distance(gram, name) / max(len(gram), len(name)) for name in names}
            none = not any(len(name) >= 5 and d <= 0.2 for name, d in away.items())
            for name, d in away.items():
                plural = gram == name + "s" and not name.endswith("s")
                ordinary = any(is_word(w) for w in text[a:b].split())
                two = slow_distance(gram, name) <= 2 and gram[0] == name[0] and gram.isalpha()
                far = not in_photo and none and 7 <= len(name) <= 9 and len(gram) >= 6 and two
                if len(name) >= 5 and (far or d <= 0.2) and not plural and not ordinary:
                    near.append((d, -len(name), a, b, name, False))
    kept: list[tuple[float, int, int, int, str, bool]] = []
    for hit in sorted(sure + near, key=lambda h: (h[0], h[1], h[3] - h[2], h[2], h[4])):
        if not any(hit[2] < k[3] and k[2] < hit[3] for k in kept):
            kept.append(hit)
    best: dict[tuple[str, str], tuple[str, str, str, float]] = {}
    sureness: dict[tuple[str, str], float] = {}
    for d, _, a, b, name, inside in sorted(kept, key=lambda h: h[2]):
        key = (name, "near" if d else "exact")
        if key not in best or -d - inside > sureness[key] + 1e-9:
            best[key], sureness[key] = (name, key[1], text[a:b], d), -d - inside
    return set(best.values())


def rounded(rows: Iterable[tuple[str, str, str, float]]) -> list[tuple[str, str, str, float]]:
    return sorted((*row[:3], round(row[3], 5)) for row in rows)


_letters = st.sampled_from("ab")
_names = st.lists(
    st.text(_letters, min_size=1, max_size=4) | st.text(_letters, min_size=5, max_size=12),
    min_size=1,
    max_size=5,
    unique=True,
)


@st.composite
def _near_texts(draw: st.DrawFn) -> tuple[list[str], str]:
    """An index of names, and words made of its names by a few letters put in, taken out or changed."""
    names = draw(_names)
    words = []
    for word in draw(st.lists(st.sampled_from(names) | st.text(_letters, min_size=1, max_size=6), max_size=4)):
        for put in draw(st.lists(st.sampled_from(["", "a", "b", "c", " "]), max_size=3)):
            at, dropped = draw(st.integers(0, len(word))), draw(st.integers(0, 1))
            word = word[:at] + put + word[at + dropped :]
        words.append(word)
    return names, " ".join(words)


@settings(quick, max_examples=80)
@given(made=_near_texts())
@example((["abc", "bcdefg"], "a bc d efg"))  # the longer of two that overlap
@example((["aabcd", "cdef", "efghj"], "aab cd ef ghi"))  # near to what overlaps an exact name
@example((["abcdefgh", "efghijklmn"], "abcdx efgh ijklmn"))  # the nearer of two that overlap
def test_name_search_equals_its_slow_twin(made: tuple[list[str], str]) -> None:
    names, text = made
    fast = {(m.brand, m.kind, m.text, m.distance) for m in NameIndex(map(Brand, names)).find(text, 0)}
    assert rounded(fast) == rounded(slow_find(text, names, in_photo=True))


@pytest.mark.parametrize("length", range(5, 21))
def test_fuzzy_match_at_any_length_and_edit(length: int) -> None:
    """Letters put in, dropped or changed: exactly the words within a fifth are near, or two edits of a longer name."""
    name = "abcdefghijklmnopqrst"[:length]
    register = NameIndex([Brand(name)])
    for count in range(1, 6):
        kept = name[count:]
        for word in (f"{name[0]}{'z' * count}{name[1:]}", f"{'z' * count}{kept}", kept, f"{name[0]}{kept[1:]}"):
            fast = {(m.brand, m.kind, m.text, m.distance) for m in register.find(word, "title")}
            assert rounded(fast) == rounded(slow_find(word, [name], in_photo=False))


def test_two_edits_match_only_in_typed_text_and_among_few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("Samsngu phone") == ["Samsung near Samsngu"]
    assert found("Samson gu phone") == []  # a word of a dictionary
    assert all(m.kind == "partial" for m in REGISTER.find_in_spans(lines("Samsngu phone"), 0))
    monkeypatch.setattr("logoscan.text.name_table._TWO_EDITS_MAX_NAMES", 1)
    many = NameIndex([Brand("Samsung"), Brand("Siemens")])
    assert found("Samsngu phone", many) == []
    assert found("Samsnug phone", many) == ["Samsung near Samsnug"]


# -- any text


@quick
@given(text=texts, made=st.lists(brands, max_size=3, unique_by=lambda b: b.name), sure=st.floats(0, 1))
def test_any_text_gives_sound_mentions(text: str, made: list[Brand], sure: float) -> None:
    register = NameIndex(made)
    whole = f"{text} {made[0].name} {text}" if made else text
    for mention in register.find(whole, "title", sure):
        assert mention.brand in {b.name for b in made}
        assert mention.text in whole
        assert (mention.distance == 0) or mention.kind != "exact"
        assert 0 <= mention.probability <= sure


@pytest.mark.parametrize(
    "text",
    [
        "nike " * 200_000,
        "adibas nike " * 90_000,
        "x" * 1_000_000,
        "for " * 250_000,
        "a b c d " * 125_000,
        "'s " * 300_000,
        "\u0301" * 1_000_000,
        "ﷺ" * 1_000_000,
        "n\u200b" * 500_000,
        "@'!" * 300_000,
        "n@'" * 300_000,
        "аdiԁаѕ нос " * 90_000,
    ],
    ids=[
        "names",
        "near",
        "one word",
        "for",
        "letters",
        "quotes",
        "marks",
        "long folds",
        "hidden",
        "signs",
        "words with signs",
        "other letters",
    ],
)
def test_megabyte_of_text_is_searched_in_time(text: str) -> None:
    began = time.process_time()
    REGISTER.find(text, "description")
    assert time.process_time() - began < 8, "seconds of work; about one here, and hours without the cap"


def test_text_beyond_the_cap_is_not_searched() -> None:
    assert found("a " * 9_990 + "Nike") == ["Nike exact Nike"]
    assert found("a " * 10_000 + "Nike") == []


def test_in_photos_a_doubled_letter_is_a_misspelling_and_a_joined_word_is_not() -> None:
    def read(text: str) -> list[str]:
        return [f"{m.brand} {m.kind}" for m in REGISTER.find(text, 0)]

    assert read("SSAMSUNG") == read("SAMSUNGG") == ["Samsung near"]
    assert read("MYSAMSUNG") == ["Samsung exact"]


def test_a_further_reading_of_a_line_names_its_brand() -> None:
    """And does not part the lines around it, which read on."""
    stack = lines("THE NORTH", "FACE", "QOI")
    second = TextSpans(stack.polygons[[2, 1]], ("SAMSUNG", "FAGE"), floats32([0.9, 0.8]))
    assert {m.brand for m in REGISTER.find_in_spans(stack, 0)} == {"The North Face"}
    both = REGISTER.find_in_spans(stack.joined(second), 0)
    assert {m.brand: m.kind for m in both} == {"The North Face": "exact", "Samsung": "exact"}
    assert next(m.xyxy for m in both if m.brand == "Samsung") == tuple(stack.xyxy[2].tolist())


def test_mention_in_a_photo_has_the_box_of_its_lines() -> None:
    polygons = [[[10, 20], [90, 24], [88, 44], [8, 40]], [[10, 50], [60, 50], [60, 70], [10, 70]],
                [[300, 300], [380, 300], [380, 320], [300, 320]]]  # fmt: skip
    spans = TextSpans(np.array(polygons, np.float32), ("THE NORTH", "FACE", "NIKE"), floats32([1.0, 1.0, 1.0]))
    found = {m.brand: m.xyxy for m in REGISTER.find_in_spans(spans, 0) if m.kind == "exact"}
    assert found == {"The North Face": (8, 20, 90, 70), "Nike": (300, 300, 380, 320)}
    assert all(m.xyxy is None for m in REGISTER.find("The North Face", "title"))
    assert all(m.xyxy for m in REGISTER.find_in_spans(lines("THE NORTH FAC", "Nlke", "ADIDA"), 0))

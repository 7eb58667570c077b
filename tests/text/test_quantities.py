"""What a title says about how much is sold: read in many spellings; not from sizes, codes, ratios and ages."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, texts

from logoscan.errors import InputError
from logoscan.text.quantities import Pack, measure, pack


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "shoes",
        "Nike Air Max 90 size 42",
        "pair of shoes",
        "a pack",
        "set",
        "ml",
        "x",
        "耐克 球鞋",
        "½ oz",
    ],
)
def test_a_title_that_says_nothing_is_one_piece(text: str) -> None:
    assert pack(text) == Pack(1, None, None)


# -- pieces


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Pack of 3", 3),
        ("Socks (Pack of 3)", 3),
        ("Pack of two socks", 2),
        ("3-pack", 3),
        ("3 pack", 3),
        ("12pk", 12),
        ("set of 2", 2),
        ("Set of 2 in a gift box", 2),
        ("3er Pack", 3),
        ("3er-Set", 3),
        ("Doppelpack", 2),
        ("Dreierpack", 3),
        ("twin pack", 2),
        ("lot de 2", 2),
        ("juego de 4", 4),
        ("confezione da 6", 6),
        ("набор из 3", 3),
        ("6 pcs", 6),
        ("6pcs", 6),
        ("6 Stück", 6),
        ("3 шт.", 3),
        ("2枚セット", 2),
        ("3双装", 3),
        ("3 packs of 2", 6),
        ("3 pairs of socks", 3),
        ("6-piece knife set", 6),
        ("3-piece suitcase set", 3),
        ("3pc hair pins", 3),
        ("2 x Nail Polish", 2),
        ("iPhone 13 case, pack of 2", 2),
        ("iPhone 13 Pack of 2", 2),
        ("Pack of 3 L", 3),
    ],
)
def test_counts_of_pieces(text: str, count: int) -> None:
    assert pack(text) == Pack(count, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "Size 42",
        "32x34",
        "1920x1080",
        "iPhone 12",
        "Type 3",
        "30 x 40 cm",
        "set of 30 x 40 cm frames",
        "2-in-1",
        "3-in-1 pack",
        "3/4",
        "set of 3/4 sleeves",
        "pack of 50%",
        "set of 3 years",
        "2-3 pack",
        "4-pack abs",
        "3 piece suit",
        "1000-piece puzzle",
        "10X zoom lens",
        "10 x zoom lens",
        "2.0 pcs",
        "A3 pack",
        "Pack of 0",
        "Pack of 1001",
        "5000 pcs",
        "Galaxy S21 5G",
        "Size 8.5 M US",
        "0 kg",
        "2000 kg",
        "up to 5 kg",
        "Backpack 15 L",
        "Whiskey glass 400ml",
        "Watch, 50 m water resistant",
        "2 x 3 m rug fabric",
        "250 mg capsules",
        "2020 г.",
    ],
)
def test_what_is_no_count_and_no_amount(text: str) -> None:
    assert pack(text) == Pack(1, None, None)


# -- amounts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 ml", (1, 50, "ml")),
        ("50ML", (1, 50, "ml")),
        ("1,5 l", (1, 1500, "ml")),
        ("75 cl", (1, 750, "ml")),
        ("0.5 kg", (1, 500, "g")),
        (".5 kg", (1, 500, "g")),
        ("1,000 g", (1, 1000, "g")),
        ("1,500 kg", (1, 1500, "g")),
        ("香水50ml装", (1, 50, "ml")),
        ("500 г", (1, 500, "g")),
        ("HDMI cable 2 m", (1, 2, "m")),
        ("wool, 10 yards", (1, 9.144, "m")),
        ("Lipstick 4g", (1, 4, "g")),
        ("2 x 50 ml", (2, 50, "ml")),
        ("2×50ml", (2, 50, "ml")),
        ("50 ml x 2", (2, 50, "ml")),
        ("50mlx2", (2, 50, "ml")),
        ("Set of 2 perfumes, 120 ml each", (2, 120, "ml")),
        ("pack of 500 g", (1, 500, "g")),
        ("1.7 oz/ 50 mL", (1, 50, "ml")),
        ("50 mL (1.7 fl. oz.)", (1, 50, "ml")),
        ("1.7oz.50mL", (1, 50, "ml")),
        ("0.17 oz/ 5 g", (1, 5, "g")),
        ("3.4 fl oz", (1, 100.5499, "ml")),
        ("1 oz", (1, 29.5735, "ml")),
        ("2 x 1 oz/ 30 mL", (2, 30, "ml")),
        ("1 oz/ 2 x 30 mL", (2, 30, "ml")),
        ("6 x 330 ml = 1.98 l", (6, 330, "ml")),
        ("300 ml (3 x 100 ml)", (3, 100, "ml")),
    ],
)
def test_amounts_with_units(text: str, expected: tuple[int, float, str]) -> None:
    found = pack(text)
    assert (found.count, found.unit) == (expected[0], expected[2])
    assert found.amount == pytest.approx(expected[1])
    assert found.total == pytest.approx(expected[0] * expected[1])


@pytest.mark.parametrize("text", ["30 ml & 50 ml", "7 x 1 g, 1 x 2.5 g", "2 g, 3 ml", "30 x 40 x 5 l", "0. 8g"])
def test_ambiguous_quantities_are_dropped(text: str) -> None:
    assert pack(text) == Pack(1, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("10", None),
        ("50 ml bottle", None),
        ("0 g", None),
        ("12 in", (0.3048, "m")),
        ('12"', (0.3048, "m")),
        ("40mm", (0.04, "m")),
        (" 1,5 L ", (1500, "ml")),
        ("500 mg", (0.5, "g")),
        ("2 lbs", (907.184, "g")),
    ],
)
def test_measures_of_units(text: str, expected: tuple[float, str] | None) -> None:
    found = measure(text)
    assert (found is None) == (expected is None)
    if found and expected:
        assert found[0] == pytest.approx(expected[0])
        assert found[1] == expected[1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0, None, None), "count"),
        ((1001, None, None), "count"),
        ((1, 0.0, "g"), "amount"),
        ((1, float("nan"), "g"), "amount"),
        ((1, 2e6, "g"), "amount"),
        ((1, 1.0, None), "unit"),
        ((1, None, "g"), "unit"),
        ((1, 1.0, "kg"), "unit"),
    ],
)
def test_a_pack_that_cannot_be_is_refused(fields: tuple[int, float | None, str | None], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Pack(*fields)


# -- any text

_pieces = st.sampled_from(["Pack of 3", "x", " ", "2", "50 ml", "1.7 oz", "/", "9.9", "kg", "-", "5 pcs", "組", "1,"])
titles = texts | st.lists(_pieces).map("".join)


@quick
@given(text=titles)
def test_any_text_is_read_and_case_and_spaces_do_not_matter(text: str) -> None:
    found = pack(text)
    assert pack(f"  {text}\n") == found
    if text.isascii():
        assert pack(text.upper()) == found == pack(text.lower())
    measure(text)


@quick
@given(
    count=st.integers(2, 1000),
    amount=st.integers(1, 9999).map(lambda n: n / 10),
    unit=st.sampled_from([("ml", 1, "ml"), ("cl", 10, "ml"), ("g", 1, "g"), ("kg", 1000, "g")]),
    form=st.sampled_from(
        ["{n} x {a} {u}", "{n}x{a}{u}", "{a}{u} x {n}", "Pack of {n}, {a} {u}", "{a} {u}, {n}-pack", "{n} pcs. {a}{u}"]
    ),
    comma=st.booleans(),
)
def test_what_is_well_formed_multiplies(
    count: int, amount: float, unit: tuple[str, int, str], form: str, comma: bool
) -> None:
    spelt, factor, base = unit
    written = f"{amount:g}".replace(".", "," if comma else ".")
    found = pack(f"Acme soap {form.format(n=count, a=written, u=spelt)}")
    assert (found.count, found.unit) == (count, base)
    assert found.total == pytest.approx(count * amount * factor)


@pytest.mark.parametrize("text", ["1" * 1_000_000, "3 x " * 250_000, "pack of " * 125_000, "50 ml " * 160_000])
def test_megabyte_is_searched_for_quantities_in_time(text: str) -> None:
    began = time.process_time()
    pack(text)
    assert time.process_time() - began < 8, "seconds of work; far below one here"

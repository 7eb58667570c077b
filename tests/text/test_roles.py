"""Words for goods that are for a brand or in its style, in every language of the table."""

from __future__ import annotations

import pytest

from logoscan.text.brand_names import NameIndex
from logoscan.text.languages import languages
from logoscan.text.roles import is_list_gap, role_of
from logoscan.types import Brand

REGISTER = NameIndex(map(Brand, ("Dyson", "Chanel", "Samsung", "Nike", "Apple", "Levi's", "Burberry")))


def kinds(text: str) -> set[tuple[str, str]]:
    return {(m.brand, m.kind) for m in REGISTER.find(text, "title")}


_SAID = [
    (language, side, word)
    for language, row in languages().items()
    for side in ("for_before", "for_after", "style_before", "style_after", "not_before", "not_after")
    for word in getattr(row, side)
]


@pytest.mark.parametrize(("language", "side", "word"), _SAID)
def test_each_word_of_the_table_says_its_role(language: str, side: str, word: str) -> None:
    """In capitals and with more spaces, too; nothing beside the name is lost in a title of more words."""
    role = {"for": "compatible", "sty": "style", "not": "denied"}[side[:3]]
    word = word.replace("^", ", ")
    gap = "" if word[0] >= "\u0e00" else " "
    for said in (word, word.upper(), word.replace(" ", "  ")):
        before = side.endswith("before")
        title = f"X1 {said}{gap or ' '}Dyson" if before else f"X1 Dyson{gap}{said}"
        assert kinds(title) == {("Dyson", role)}, (language, title)


@pytest.mark.parametrize(
    "title",
    [
        "Kompatibel mit Dyson V11: Filter",
        "Filtre compatible avec Dyson V11",
        "Filtro compatible con Dyson V11",
        "Filter voor Dyson V11",
        "Filter compatible with Dyson V11",
        "Ersatzfilter für Ihren Dyson V11",
        "Filter geeignet für alle Dyson Staubsauger",
        "Filtre pour aspirateur Dyson",
        "Filtro adatto per Dyson V8",
        "Filtro compatível com Dyson",
        "Filtr do Dyson V11",
        "Worki pasujące do Dyson",
        "Dyson için filtre",
        "Dyson V11 için filtre",
        "Dyson'a uyumlu filtre",
        "Dyson V8/V10/V11 uyumlu filtre",
        "Filter till Dyson V11",
        "Фильтр для Dyson V11",
        "фильтр, совместимый с Dyson",
        "Dyson用フィルター",
        "Dyson V11対応フィルター",
        "Dyson V11 専用",
        "适用于Dyson吸尘器",
        "Dyson适用滤芯",
        "Dyson용 필터",
        "Dyson V11 호환 필터",
        "Kompatibel mit Staubsaugern von Dyson",
        "Dyson™ compatible filter",
        "<b>Filter</b> for <b>Dyson</b>",
        "Filter f&uuml;r Dyson",
        "Filter (for Dyson)",
    ],
)
def test_accessories_of_many_languages(title: str) -> None:
    assert kinds(title) == {("Dyson", "compatible")}


@pytest.mark.parametrize(
    "title",
    [
        "Tasche im Stil von Chanel",
        "Chanel style bag",
        "Sac style Chanel",
        "Sac à la Chanel",
        "Sac inspiré de Chanel",
        "Bolso estilo Chanel",
        "Bolso inspirado en Chanel",
        "Borsa in stile Chanel",
        "Borsa stile Chanel",
        "Tas in de stijl van Chanel",
        "Bolsa estilo Chanel",
        "Torebka w stylu Chanel",
        "Chanel tarzı çanta",
        "Väska i stil med Chanel",
        "Сумка в стиле Chanel",
        "Chanel風バッグ",
        "Chanel 스타일 가방",
        "Chanel风格包包",
        "Chanel同款包",
        "Chanel dupe",
        "dupe Chanel",
        "Chanel-ähnliche Tasche",
    ],
)
def test_goods_in_a_style_of_many_languages(title: str) -> None:
    assert kinds(title) == {("Chanel", "style")}


@pytest.mark.parametrize(
    "title",
    [
        "Nike shoes for men",
        "shoes for men Nike",
        "Nike erkek için ayakkabı",
        "Nike 用品",
        "나이키 Nike 용품",
        "Nikeランニング用シューズ",
        "vintage style Nike jacket",
        "80s style Nike jacket",
        "slim fit Nike jeans",
        "Nike like new",
        "Nike Style no. 315122",
        "Nike Style: 315122",
        "Nike, compatible with nothing",
        "Nike 2024 per uomo",
        "Nike Pro",
        "Pro Nike",
        "Nike compatible with Kit",
    ],
)
def test_words_without_a_role(title: str) -> None:
    assert kinds(title) == {("Nike", "exact")}


def test_words_that_only_begin_like_a_role() -> None:
    assert kinds("Burberry风衣") == {("Burberry", "exact")}
    assert kinds("Samsung Type C charger, Samsung タイプC") == {("Samsung", "exact")}
    assert kinds("Samsung compatible with Apple") == {("Samsung", "exact"), ("Apple", "compatible")}


def test_names_of_one_list_share_their_role() -> None:
    both = {("Samsung", "compatible"), ("Apple", "compatible")}
    assert kinds("Samsung, Apple için kılıf") == both
    assert kinds("Hülle für Samsung S24, Apple 15") == both
    assert kinds("Hoesje voor Samsung en Apple") == both
    assert kinds("适用于Samsung和Apple") == both
    assert kinds("Samsung Apple için kılıf") == {("Samsung", "exact"), ("Apple", "compatible")}
    assert is_list_gap(" V8, ")
    assert not is_list_gap(" V8 ")
    assert not is_list_gap(" case by ")
    assert not is_list_gap(" " * 1000)


@pytest.mark.parametrize(
    "filler", [" ", "\t\n", "for ", "1a ", "1", "-", "a", "für alle ", "'a", "style ", "\u200b", "용"]
)
def test_long_runs_beside_a_name_are_read_in_short(filler: str) -> None:
    """A pattern that is worse than linear would not return from these."""
    for beside in (filler * 5000, f"{filler * 15}!"):
        for _ in range(50):
            assert role_of(beside, beside)[0] in (None, "compatible", "style")
            assert is_list_gap(beside) in (True, False)

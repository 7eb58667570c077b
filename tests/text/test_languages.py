"""The table of languages: every language has words in every list; sentences of many languages say what they say."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from paths import TESTS

from benchmarks.common.title_sentences import index_of, is_right, read_sentences
from logoscan.pricing.cohorts import NEW, USED
from logoscan.pricing.sample import condition_of
from logoscan.text.brand_names import says_no_brand
from logoscan.text.coded_terms import coded_terms
from logoscan.text.inflections import LONGEST_ENDING, LONGEST_PREFIX, endings, stems
from logoscan.text.languages import alternatives, is_turkish, languages, words_of
from logoscan.text.tokens import and_words

LISTS = {
    "and": ("and_words",),
    "for": ("for_before", "for_after"),
    "style": ("style_before", "style_after"),
    "devices": ("devices",),
    "not": ("not_before", "not_after"),
    "perhaps": ("hedges",),
    "used": ("used",),
    "unused": ("unused",),
    "no brand": ("no_brand",),
}
"""What a language must be able to say, with the lists of the table of which one must have words."""


def _complaint_languages(kind: str) -> set[str]:
    table = files("logoscan").joinpath("_data", "complaint_terms.csv").read_text("utf-8")
    return {
        code for row in csv.DictReader(table.splitlines()) if row["kind"] == kind for code in row["languages"].split()
    }


@pytest.mark.parametrize("language", list(languages()))
def test_every_language_is_in_every_list(language: str) -> None:
    """A language that is known in one list and not in another would be judged by half."""
    row = languages()[language]
    silent = [what for what, names in LISTS.items() if not any(getattr(row, name) for name in names)]
    silent += [f"reviews: {kind}" for kind in ("fake", "genuine") if language not in _complaint_languages(kind)]
    silent += ["coded terms"] * (not any(language in term.languages for term in coded_terms()))
    assert silent == []


def test_no_list_knows_a_language_that_the_table_does_not() -> None:
    coded = {code for term in coded_terms() for code in term.languages} - {"any"}
    assert coded | _complaint_languages("fake") | _complaint_languages("genuine") == languages().keys()


_WORDS = [(code, name, word) for code, row in languages().items() for name in vars(row) for word in getattr(row, name)]


def test_no_word_stands_twice_in_a_list_nor_is_blank() -> None:
    assert len(_WORDS) == len(set(_WORDS))
    assert all(word == word.strip() != "" for _, _, word in _WORDS)


@pytest.mark.parametrize(("code", "name", "word"), [row for row in _WORDS if row[1] in ("used", "unused")])
def test_each_word_for_a_condition_says_it(code: str, name: str, word: str) -> None:
    expected = USED if name == "used" else NEW
    for said in (word, word.upper(), f"({word})", f"Camera, {word}"):
        assert condition_of(said.replace("*", "")) == expected, (code, said)


@pytest.mark.parametrize(("code", "word"), [(code, word) for code, name, word in _WORDS if name == "no_brand"])
def test_each_word_for_no_brand_says_it(code: str, word: str) -> None:
    assert says_no_brand(word), code
    assert says_no_brand(f" {word.upper()}!"), code


def test_conditions_as_platforms_write_them() -> None:
    for used in (
        "UsedLikeNew",
        "used_good",
        "https://schema.org/RefurbishedCondition",
        "SELLER-REFURBISHED",
        "Б/У",
        "2.el",
    ):
        assert condition_of(used) == USED, used
    for new in ("", "new", "NewCondition", "unused", "Neu, ungebraucht", "never worn", "Unused / unworn"):
        assert condition_of(new) == NEW, new


def test_endings_and_prefixes_are_undone() -> None:
    assert max(map(len, endings())) <= LONGEST_ENDING
    assert max(map(len, (*words_of("prefixes"), *words_of("for_prefixes")))) <= LONGEST_PREFIX
    for word, stem, is_for in (
        ("adidaksen", "adidas", False),
        ("samsungille", "samsung", True),
        ("canonnal", "canon", False),
        ("makity", "makita", False),
        ("шанели", "шанель", False),
        ("rolexes", "rolex", False),
        ("لسامسونج", "سامسونج", True),
    ):
        assert (stem, is_for) in [(found.folded, found.is_for) for found in stems(word)], word
    assert list(stems("")) == list(stems("a")) == []


def test_words_become_patterns_by_script() -> None:
    words = alternatives(["for", "For", "for all", "用", "专用", "용"], {"用": "品"})
    assert words.spaced.split("|") == [r"for\ all", "for"]
    assert words.joined.split("|") == ["专用", "用(?![品])", "용"]
    assert alternatives([]).spaced == alternatives([]).joined == ""
    assert {"and", "und", "и", "ve", "ja", "es"} <= and_words()


def test_a_dotless_i_beside_turkish_words_is_turkish() -> None:
    assert is_turkish("Casıo", "Casıo saat")
    assert not is_turkish("Casıo", "Casıo watch")


# -- sentences


_FILES = TESTS / "text"
_SENTENCES = read_sentences(_FILES / "title_sentences.csv")
_NAMES = index_of(_FILES / "title_brands.csv")


def test_the_table_has_sixty_sentences_of_fifteen_languages() -> None:
    table = [s for s in _SENTENCES if s.part == "table"]
    assert len(table) == 60
    assert len({s.language for s in table}) == 15
    assert {s.says for s in table} == {"named", "accessory", "style", "used", "denied"}


@pytest.mark.parametrize("part", ["table", "held"])
def test_sentences_are_understood(part: str) -> None:
    sentences = [s for s in _SENTENCES if s.part == part]
    wrong = [s.title for s in sentences if not is_right(s, _NAMES)]
    assert len(wrong) <= 0.02 * len(sentences), wrong

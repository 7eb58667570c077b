"""The words of a title as keys of a table: folded, bounded, with sizes in one piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.text.title_words import MAX_WORDS, title_terms, title_words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        (None, ()),
        ("", ()),
        ("  -- ", ()),
        ("Phone 64 GB, Éau", ("phone", "64gb", "eau")),
        ("64GB phone", ("64gb", "phone")),
        ("NMD_Racer 12 in", ("nmd", "racer", "12in")),
        ("Сумка из кожи", ("сумка", "из", "кожи")),
    ],
)
def test_words_of_titles(title: str | None, words: tuple[str, ...]) -> None:
    assert title_words(title) == words


@quick
@given(st.text(max_size=3000))
def test_words_are_few_and_short(title: str) -> None:
    words = title_words(title)
    assert len(words) <= MAX_WORDS
    assert all(0 < len(word) <= 24 and " " not in word and "|" not in word for word in words)
    terms = title_terms(words)
    assert len(terms) == len(set(terms)) <= 2 * MAX_WORDS


def test_terms_are_words_and_pairs() -> None:
    assert title_terms(("day", "cream", "day")) == ("cream", "cream day", "day", "day cream")
    assert title_terms(()) == ()

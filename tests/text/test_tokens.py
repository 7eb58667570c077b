"""Runs of words in which a name may stand."""

import pytest
from hypothesis import given
from strategies import quick, texts

from logoscan.text.folding import fold
from logoscan.text.tokens import fold_words, read_tokens


def test_empty_text_has_no_span() -> None:
    assert fold_words("") == ()
    assert all(len(part) == 0 for part in read_tokens(" -- !"))


def test_spans_join_up_to_four_tokens() -> None:
    tokens = read_tokens("a-b c d e")
    assert {"a", "ab", "abcd", "bcde"} <= tokens.grams.keys()
    assert tokens.spaced.keys() == {"abcde"}, "single letters beyond four"
    assert [p.words for p in tokens.words] == [("a",), ("b",), ("c",), ("d",), ("e",)]


@pytest.mark.parametrize(
    ("text", "gram", "read"),
    [
        ("Ni\u200bke", "nike", "nike"),
        ("adida$", "adida", "adida$"),
        ("Levi’s", "levis", "levis"),
        ("Levi's", "levi", "levi"),
        ("L’Ore\u0301al", "loreal", "loreal"),
        ("Nіke", "nіke", "nike"),
    ],
)
def test_a_word_is_found_by_both_foldings(text: str, gram: str, read: str) -> None:
    tokens = read_tokens(f"x, {text}, y")
    assert gram in tokens.grams
    assert read in tokens.plain


@quick
@given(text=texts)
def test_span_contains_its_tokens(text: str) -> None:
    for gram, places in read_tokens(text).grams.items():
        for place in places:
            assert 0 <= place.start < place.end <= len(text)
            assert "".join(place.words) == gram
            assert set(gram) <= set(fold(text))

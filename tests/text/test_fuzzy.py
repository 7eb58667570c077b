"""The fast search for near names equals the slow one."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.text.fuzzy import FuzzyNames


def test_empty_fuzzy_index_finds_nothing() -> None:
    empty = FuzzyNames([])
    assert len(empty) == 0
    assert empty.search("nike") == []
    assert empty.search_exhaustively(["nike", ""]) == [[], []]
    assert FuzzyNames(["nike"]).search_exhaustively([]) == []
    assert FuzzyNames(["nike"]).search("") == []


@pytest.mark.parametrize("share", [2, 1, 0, -1, float("nan")])
def test_a_share_is_above_two(share: float) -> None:
    with pytest.raises(InputError, match="share: expected above 2"):
        FuzzyNames(["nike"], share=share)


def test_names_of_more_than_64_letters_are_left_out() -> None:
    made = FuzzyNames(["a" * 64, "b" * 65, "c" * 100_000])
    assert len(made) == 1
    assert made.search("a" * 63) == [("a" * 64, 1)]
    assert made.search("b" * 65) == []
    assert made.search_exhaustively(["b" * 65, "a" * 64]) == [[], [("a" * 64, 0)]]


def test_equal_names_are_one() -> None:
    assert len(FuzzyNames(["nike", "nike"])) == 1


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("adidas", [("adidas", 0)]),
        ("adibas", [("adidas", 1)]),
        ("adids", [("adidas", 1)]),
        ("aidas", [("adidas", 1)]),
        ("xadidas", [("adidas", 1)]),
        ("adidasx", [("adidas", 1)]),
        ("adid", []),
        ("newbalence", [("newbalance", 1)]),
        ("nwbalence", [("newbalance", 2)]),
        ("nwbalenc", []),
        ("xnewbalancex", [("newbalance", 2)]),
        ("aiddas", [("adidas", 1)]),
        ("newbalacne", [("newbalance", 1)]),
        ("nwebalance", [("newbalance", 1)]),
        ("nkie", []),
        ("a" * 100_000, []),
    ],
)
def test_a_fifth_of_the_letters_may_differ(text: str, near: list[tuple[str, int]]) -> None:
    assert FuzzyNames(["adidas", "newbalance", "nike"]).search(text) == near


_words = st.text("ab", min_size=1, max_size=26)


@pytest.mark.parametrize("share", [5, 3.5, 2.2])
@quick
@given(names=st.lists(_words, max_size=12), queries=st.lists(_words, max_size=6))
@example(["abbbb"], ["abbb", "bbbb", "abbbbb"])
@example(["a" * 6], ["a" * 11])  # by 2.2 five edits are near, and 6 / (2.2 - 1) rounds to less than 5
def test_fuzzy_search_equals_its_slow_twin(share: float, names: list[str], queries: list[str]) -> None:
    made = FuzzyNames(names, share=share)
    assert [made.search(q) for q in queries] == made.search_exhaustively(queries)


@pytest.mark.parametrize("share", [5, 3.5])
@pytest.mark.parametrize("length", range(1, 31))
def test_names_changed_at_the_bound_are_found(length: int, share: float) -> None:
    """Two letters only, so that pieces repeat; as many edits as the bound allows, one more, one fewer."""
    rng = random.Random(length)
    names = ["".join(rng.choices("ab", k=length)) for _ in range(40)]
    made = FuzzyNames(names, share=share)
    queries, bound = [], int(length / share)
    for name in names:
        for edits in range(max(0, bound - 1), bound + 2):
            word = name
            for _ in range(edits):
                at = rng.randrange(len(word) + 1)
                word = word[:at] + rng.choice(("", "a", "b")) + word[at + rng.randint(0, 1) :]
            queries.append(word)
    assert [made.search(q) for q in queries] == made.search_exhaustively(queries)

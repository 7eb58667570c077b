"""Links: what many use ties nobody, innocent users count against a token, sets are one witness, order is nothing."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from builders.rings import CROWD, crowd, links_of, token_table
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.cases.links import CAP, Links, link_sellers
from logoscan.errors import InputError

TWO = [("a", "photo", "p"), ("b", "photo", "p")]


def only(links: Links) -> float:
    assert len(links) == 1
    assert [links.sellers[i] for i in links.pairs[0]] == ["a", "b"]
    return float(links.log_odds[0])


def test_no_tokens_and_no_suspects_make_no_links() -> None:
    assert len(links_of([], [])) == len(links_of([], ["a", "b"])) == len(links_of([*crowd(), *TWO], [])) == 0
    assert len(links_of([*crowd(), *TWO], ["a"])) == len(Links.empty()) == 0
    assert links_of([], ["a", "b"]).pairs.shape == (0, 2)


def test_two_suspects_who_share_a_rare_photo_are_linked_by_the_stated_number() -> None:
    links = links_of([*crowd(), *TWO], ["a", "b"])
    rate = 2 / (CROWD + 2)
    assert only(links) == pytest.approx(0.5 * -math.log(2 * rate), abs=2e-6)
    (token,) = links.tokens
    assert (token.kind, token.token, token.users, token.suspects) == ("photo", "p", 2, 2)
    assert not links.firm[0]


def test_a_contact_counts_in_full_and_a_set_of_photos_is_one_witness() -> None:
    contact = links_of([*crowd(), ("a", "contact", "c"), ("b", "contact", "c")], ["a", "b"])
    single = only(links_of([*crowd(), *TWO], ["a", "b"]))
    assert only(contact) == pytest.approx(2 * single, abs=2e-6)
    assert contact.firm[0]
    eight = [(seller, "photo", f"p{i}") for seller in "ab" for i in range(8)]
    assert only(links_of([*crowd(), *eight], ["a", "b"])) == pytest.approx(single + 3, abs=2e-6)
    many = [(seller, "photo", f"p{i}") for seller in "ab" for i in range(2000)]
    assert only(links_of([*crowd(), *many], ["a", "b"])) == 8.0
    assert only(links_of([*crowd(), *TWO, *TWO], ["a", "b"])) == single, "a photo in two listings is one"


def test_a_contact_of_a_small_courier_ties_nobody_and_exempts_nobody() -> None:
    courier = [(name, "contact", "courier") for name in ("a", "b", *(f"crowd{i}" for i in range(12)))]
    assert len(links_of([*crowd(), *courier], ["a", "b"])) == 0
    links = links_of([*crowd(), *TWO, *courier], ["a", "b"])
    assert only(links) == only(links_of([*crowd(), *TWO], ["a", "b"]))
    assert not links.firm[0]


def test_a_title_alone_ties_nobody_and_beside_a_photo_it_is_one_more_of_the_set() -> None:
    titles = [(seller, "text", "t") for seller in "ab"]
    assert len(links_of([*crowd(), *titles], ["a", "b"])) == 0
    single = only(links_of([*crowd(), *TWO], ["a", "b"]))
    assert only(links_of([*crowd(), *TWO, *titles], ["a", "b"])) == pytest.approx(single + 1, abs=2e-6)


def test_innocent_users_count_against_a_token_and_suspects_for_it() -> None:
    uses = [*crowd(), *TWO]
    both = only(links_of(uses, ["a", "b"]))
    third = [*uses, ("crowd0", "photo", "p")]
    assert only(links_of(third, ["a", "b"])) < both
    more = links_of(third, ["a", "b", "crowd0"])
    assert len(more) == 3
    assert more.log_odds.min() > both
    seven = [*uses, *((f"crowd{i}", "photo", "p") for i in range(7))]
    assert len(links_of(seven, ["a", "b"])) == 0


def test_many_photos_of_a_set_that_is_open_to_all_say_no_more_than_one() -> None:
    shared = [(seller, "photo", f"p{i}") for seller in ("a", "b", *(f"crowd{i}" for i in range(8))) for i in range(30)]
    assert len(links_of([*crowd(), *shared], ["a", "b"])) == 0


def test_ignored_tokens_tie_nobody_and_tokens_above_the_cap_are_named() -> None:
    assert len(links_of([*crowd(), *TWO], ["a", "b"], ignore=[("photo", "p")])) == 0
    assert len(links_of([*crowd(), *TWO], ["a", "b"], ignore=[("contact", "p")])) == 1
    million = [*crowd(), *TWO, *((f"crowd{i}", "photo", "p") for i in range(CAP))]
    links = links_of(million, ["a", "b"])
    assert len(links) == 0
    assert (links.dropped, links.n_dropped) == ((("photo", "p", CAP + 2),), 1)


def test_counts_from_elsewhere_stand_for_the_sellers_who_are_not_in_the_table() -> None:
    import pyarrow as pa

    full = links_of([*crowd(), *TWO, ("crowd0", "photo", "p")], ["a", "b"])
    counts = pa.table({"kind": ["photo"], "token": ["p"], "users": [3]})
    part = link_sellers(token_table(TWO), ["a", "b"], counts=counts, sellers=CROWD + 2)
    assert part.log_odds.tolist() == full.log_odds.tolist()
    with pytest.raises(InputError, match="sellers: expected the number of all sellers beside counts"):
        link_sellers(token_table(TWO), ["a", "b"], counts=counts)


def test_everybody_is_linked_only_where_it_is_typed() -> None:
    uses = [*crowd(), *TWO]
    links = link_sellers(token_table(uses), "all")
    assert len(links) == 1
    with pytest.raises(InputError, match='suspects: expected ids of sellers or "all", got '):
        link_sellers(token_table(uses), "everybody")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cap": 1}, "cap"),
        ({"at_least": math.nan}, "at_least: expected a finite"),
        ({"at_least": -1.0}, "0 or more, got -1"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, float], why: str) -> None:
    with pytest.raises(InputError, match=why):
        links_of(TWO, ["a", "b"], **options)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="tokens: expected the columns seller_id, kind and token, got none named kind"):
        link_sellers(token_table(TWO).drop_columns(["kind"]), ["a", "b"])


def test_nulls_are_no_sellers_and_no_tokens() -> None:
    import pyarrow as pa

    nothing = [("a", "photo", None), ("b", "photo", None), (None, "photo", "q"), ("a", None, "q"), ("b", None, "q")]
    rows = [*crowd(), *nothing]
    table = pa.table(
        {n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(("seller_id", "kind", "token"))}
    )
    assert len(link_sellers(table, ["a", "b"])) == 0


@quick
@given(st.integers(CAP + 1, 300), st.integers(2, 20), st.integers(0, 9))
def test_a_stock_photo_used_by_hundreds_ties_nobody(users: int, suspects: int, seed: int) -> None:
    names = [f"s{i}" for i in range(users)]
    chosen = random.Random(seed).sample(names, suspects)
    assert len(links_of([*crowd(), *((name, "photo", "stock") for name in names)], chosen)) == 0


@quick
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["photo", "contact"]), st.sampled_from("xyzuvw"))),
    st.sets(st.sampled_from("abcdefgh")),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_input_changes_nothing(
    uses: list[tuple[str, str, str]], suspects: set[str], rng: random.Random
) -> None:
    rows = [*crowd(50), *uses]
    first = links_of(rows, suspects)
    rng.shuffle(rows)
    again = links_of(rows, suspects)
    assert first.tokens == again.tokens
    assert first.sellers == again.sellers
    for name in ("pairs", "log_odds", "firm", "uses", "first", "beside"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert {first.sellers[i] for i in first.pairs.ravel()} <= suspects

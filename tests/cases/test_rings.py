"""Rings: suspects alone are members, the copied are not, no chains, and the weakest link is what it says."""

from __future__ import annotations

import random
import re

import networkx as nx
import pytest
from builders.rings import crowd, links_of, ring_uses, rings_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.cases.links import Links
from logoscan.cases.rings import Ring, WeakestLink, find_rings, known_offenders, member_confidence
from logoscan.errors import InputError

MEMBERS = [f"m{i}" for i in range(6)]
POOL = [f"pool{i}" for i in range(10)]
RING = [*crowd(), *ring_uses(MEMBERS, POOL, 5)]


def one(rings: tuple[Ring, ...]) -> Ring:
    (ring,) = rings
    return ring


def test_no_links_make_no_rings() -> None:
    assert find_rings(Links.empty()) == ()
    assert rings_of(crowd(), ["crowd0", "crowd1"]) == ()


def test_a_ring_is_its_suspects_with_what_ties_them() -> None:
    ring = one(rings_of(RING, MEMBERS))
    assert ring.members == tuple(MEMBERS)
    assert re.fullmatch(r"6 sellers with counterfeit evidence of their own share \d+ photos\.", ring.why)
    assert 0.5 < ring.confidence <= 0.99
    assert ring.links[0].log_odds == max(link.log_odds for link in ring.links)
    for link in ring.links:
        assert all(ring.tokens[i].kind == "photo" for i in link.tokens)
    assert ring.also_to_look_at == ()
    assert member_confidence([ring]) == dict.fromkeys(MEMBERS, ring.confidence)


def test_who_is_no_suspect_is_no_member() -> None:
    ring = one(rings_of(RING, MEMBERS[:5]))
    assert ring.members == tuple(MEMBERS[:5])
    assert ring.also_to_look_at == (), "photos alone name nobody"


def test_a_rare_contact_names_others_apart_from_the_members() -> None:
    contacts = [(name, "contact", "hash") for name in (*MEMBERS[:4], "crowd7")]
    ring = one(rings_of([*RING, *contacts], MEMBERS))
    assert ring.members == tuple(MEMBERS)
    (beside,) = ring.also_to_look_at
    assert (beside.seller_id, beside.suspect) == ("crowd7", False)
    assert beside.why == "Shares a contact with m0, without counterfeit evidence of their own."


def test_one_photo_alone_makes_no_member_and_a_contact_does() -> None:
    hanger = [*RING, ("late", "photo", "private"), ("m0", "photo", "private")]
    ring = one(rings_of(hanger, [*MEMBERS, "late"]))
    assert "late" not in ring.members
    assert [(b.seller_id, b.suspect) for b in ring.also_to_look_at] == [("late", True)]
    assert ring.also_to_look_at[0].why == "The seller is linked to one member alone, and by photos or texts."
    contact = [*RING, ("late", "contact", "private"), ("m0", "contact", "private")]
    assert "late" in one(rings_of(contact, [*MEMBERS, "late"])).members


def test_a_pair_is_a_ring_by_a_contact_and_not_by_photos() -> None:
    assert rings_of([*crowd(), *(("ab"[i], "photo", f"p{j}") for i in range(2) for j in range(9))], "ab") == ()
    ring = one(rings_of([*crowd(), ("a", "contact", "c"), ("b", "contact", "c")], "ab"))
    assert ring.members == ("a", "b")
    assert ring.weakest_link.parts == (("a",), ("b",))
    assert ring.why == "2 sellers with counterfeit evidence of their own share 1 contact."


def test_two_rings_that_one_photo_joins_stay_two() -> None:
    others = [f"n{i}" for i in range(6)]
    uses = [
        *RING,
        *ring_uses(others, [f"other{i}" for i in range(10)], 5),
        ("m0", "photo", "both"),
        ("n0", "photo", "both"),
    ]
    assert [ring.members for ring in rings_of(uses, [*MEMBERS, *others])] == [tuple(MEMBERS), tuple(others)]


def test_a_suspect_who_shares_far_fewer_photos_is_no_member_but_stands_beside() -> None:
    uses = [*crowd(), *ring_uses(MEMBERS, POOL, 8), ("victim", "photo", POOL[0]), ("victim", "photo", "own")]
    ring = one(rings_of(uses, [*MEMBERS, "victim"]))
    assert ring.members == tuple(MEMBERS)
    assert [b.seller_id for b in ring.also_to_look_at] == ["victim"]
    assert "may be one who was copied" in ring.also_to_look_at[0].why


@quick
@given(st.integers(3, 9), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_the_copied_victim_is_never_a_member(size: int, copied: int, suspect: bool, seed: int) -> None:
    members = [f"m{i}" for i in range(size)]
    stolen = [f"stolen{i}" for i in range(copied)]
    pool = [*stolen, *(f"pool{i}" for i in range(6))]
    rng = random.Random(seed)
    uses = [*crowd(), *ring_uses(members, pool, min(4, len(pool)), seed), *(("victim", "photo", p) for p in stolen)]
    rng.shuffle(uses)
    # a photo is first where it was taken; a victim who is no suspect needs no time to be left out
    times = {(s, t): 0.0 if s == "victim" else rng.uniform(1, 9) for s, _, t in uses} if suspect else None
    rings = rings_of(uses, [*members, "victim"] if suspect else members, first_seen=times)
    assert all("victim" not in ring.members for ring in rings)
    if not suspect:
        assert all(beside.seller_id != "victim" for ring in rings for beside in ring.also_to_look_at)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[tuple[str, str, str]], set[str]]:
    sellers = [f"s{i:02}" for i in range(16)]
    tokens = [("photo", f"p{i}") for i in range(14)] + [("contact", f"c{i}") for i in range(3)]
    use = st.tuples(st.sampled_from(sellers), st.sampled_from(tokens))
    drawn = draw(st.lists(use, min_size=20, max_size=120))
    return [*crowd(), *((s, kind, token) for s, (kind, token) in drawn)], draw(
        st.sets(st.sampled_from(sellers), min_size=6)
    )


@quick
@given(worlds())
def test_without_the_weakest_link_a_ring_falls_into_the_parts_that_it_names(
    world: tuple[list[tuple[str, str, str]], set[str]],
) -> None:
    for ring in rings_of(*world):
        graph = nx.Graph([link.sellers for link in ring.links])
        assert set(graph) == set(ring.members) <= world[1]
        assert nx.is_connected(graph)
        weakest = ring.weakest_link
        graph.remove_edges_from(link.sellers for link in weakest.links)
        assert sorted(tuple(sorted(part)) for part in nx.connected_components(graph)) == sorted(weakest.parts)
        assert weakest.log_odds == max(link.log_odds for link in weakest.links)
        assert set(weakest.links) <= set(ring.links)


@quick
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_no_ring(
    world: tuple[list[tuple[str, str, str]], set[str]], rng: random.Random
) -> None:
    uses, suspects = world
    first = rings_of(uses, suspects)
    rng.shuffle(uses)
    assert rings_of(uses, suspects) == first


@quick
@given(worlds())
def test_members_are_in_one_ring_and_nobody_stands_beside_their_own(
    world: tuple[list[tuple[str, str, str]], set[str]],
) -> None:
    rings = rings_of(*world)
    members = [member for ring in rings for member in ring.members]
    assert len(members) == len(set(members))
    for ring in rings:
        assert not {beside.seller_id for beside in ring.also_to_look_at} & set(ring.members)


def test_large_groups_that_are_loosely_joined_are_divided() -> None:
    uses = list(crowd())
    for number in range(3):
        members = [f"r{number}m{i}" for i in range(6)]
        uses += ring_uses(members, [f"r{number}p{i}" for i in range(10)], 6, number)
    joined = [(f"r{number}m{i}", "photo", f"join{number}{i}") for number in range(2) for i in range(2)]
    joined += [(f"r{number + 1}m{i}", "photo", f"join{number}{i}") for number in range(2) for i in range(2)]
    suspects = {seller for seller, _, _ in uses if seller.startswith("r")}
    links = links_of([*uses, *joined], suspects)
    assert nx.number_connected_components(nx.Graph(links.pairs.tolist())) == 1
    assert [len(ring.members) for ring in find_rings(links)] == [6, 6, 6]


def test_open_accounts_in_a_ring_with_closed_ones_are_named() -> None:
    rings = rings_of(RING, MEMBERS)
    assert known_offenders(rings, []) == known_offenders([], ["m0"]) == ()
    found = known_offenders(rings, ["m0", "m1", "elsewhere"])
    assert [one.seller_id for one in found] == MEMBERS[2:]
    assert all(one.closed == ("m0", "m1") and one.ring == 0 for one in found)
    ties = {link.sellers: link.log_odds for link in rings[0].links}
    assert found[0].log_odds == max(ties.get(("m0", "m2"), -1), ties.get(("m1", "m2"), -1))


def test_a_ring_that_contradicts_itself_is_refused() -> None:
    ring = one(rings_of(RING, MEMBERS))
    with pytest.raises(InputError, match=r"Ring.confidence: .*\[0, 1\]"):
        Ring(ring.members, ring.links, ring.tokens, ring.weakest_link, 1.5)
    with pytest.raises(InputError, match="two parts that are the members"):
        Ring(ring.members, ring.links, ring.tokens, WeakestLink((("m0",), ("m1",)), (), 1.0), 0.5)
    with pytest.raises(InputError, match="expected two or more"):
        Ring(("m0",), (), (), ring.weakest_link, 0.5)

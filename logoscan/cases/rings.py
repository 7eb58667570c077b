"""Links between suspects -> rings: groups of accounts that probably belong together, with the reasons and their limits.

A ring is a reason to look, for people, and proves nothing. Only suspects are members: a seller without counterfeit
evidence of their own is never one, whatever they share. Four rules keep others out:

- No chains: a link that alone holds two parts together is cut, unless a contact or an id is shared; groups of more than
  eight that are not knit closely are divided by Louvain's method.
- A member is linked to two others, or shares a contact or an id with one.
- A seller who shares far fewer photos with the ring than its members do is more probably somebody whose photos were
  copied; so is one who was first with every photo that is shared. A contact or an id makes a member all the same.
- What these rules leave out stands in `Ring.also_to_look_at`, and so do sellers who are no suspects and share a contact
  or an id with a member.

Each ring has its weakest link: the cheapest cut, between which two parts the evidence is least. Whoever doubts it,
doubts the ring. The result does not depend on the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logoscan._quote import quoted
from logoscan._validate import unit
from logoscan.cases._ring_members import Group, groups_of, members_of, network
from logoscan.cases.links import Links, SharedToken
from logoscan.errors import InputError
from logoscan.odds import sigmoid

if TYPE_CHECKING:
    import networkx

__all__ = ["Beside", "KnownOffender", "Ring", "RingLink", "WeakestLink", "find_rings", "known_offenders",
           "member_confidence"]  # fmt: skip

# A stated prior can be no surer.
_MOST_CONFIDENCE = 0.99
# Sellers that stand beside a ring: as many as a person will look at.
_MOST_BESIDE = 50


@dataclass(frozen=True)
class RingLink:
    """Two members, and what they share.

    Attributes:
        sellers: Their ids, sorted.
        log_odds: Log-odds that they belong together.
        tokens: Tokens that they share, positions in `Ring.tokens`.
    """

    sellers: tuple[str, str]
    log_odds: float
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class WeakestLink:
    """The links without which a ring falls into two parts, and which weigh least of all such.

    Attributes:
        parts: Members of both parts, sorted; the smaller part first.
        links: The links between the parts, the strongest first.
        log_odds: The strongest of them.
    """

    parts: tuple[tuple[str, ...], tuple[str, ...]]
    links: tuple[RingLink, ...]
    log_odds: float


@dataclass(frozen=True)
class Beside:
    """A seller beside a ring, who is no member.

    Attributes:
        seller_id: Id of the seller.
        suspect: Whether the seller has counterfeit evidence of their own.
        why: Why the seller is worth a look, and no member; a sentence.
    """

    seller_id: str
    suspect: bool
    why: str


@dataclass(frozen=True)
class Ring:
    """Accounts that probably belong together.

    Attributes:
        members: Ids of the members, sorted; all are suspects.
        links: Links between members, the strongest first.
        tokens: Tokens that the links carry.
        weakest_link: Where the ring is weakest.
        confidence: Probability that the two parts of the weakest link belong together, by the strongest of the links
            between them, at most 0.99; a stated prior that was compared with simulated sellers.
        also_to_look_at: Sellers beside the ring, at most 50: to be looked at, never to be acted on for this alone.
    """

    members: tuple[str, ...]
    links: tuple[RingLink, ...]
    tokens: tuple[SharedToken, ...]
    weakest_link: WeakestLink
    confidence: float
    also_to_look_at: tuple[Beside, ...] = ()

    def __post_init__(self) -> None:
        unit("Ring", "confidence", self.confidence)
        if len(self.members) < 2:
            raise InputError(f"Ring.members: expected two or more, got {quoted(self.members)}")
        if sorted((*self.weakest_link.parts[0], *self.weakest_link.parts[1])) != list(self.members):
            raise InputError("Ring.weakest_link: expected two parts that are the members")

    @property
    def why(self) -> str:
        """What ties the ring, as a sentence."""
        kinds: dict[str, int] = {}
        for token in self.tokens:
            kinds[token.kind] = kinds.get(token.kind, 0) + 1
        parts = [f"{n} {_NOUNS.get(kind, kind)}{'s' if n > 1 else ''}" for kind, n in sorted(kinds.items())]
        return f"{len(self.members)} sellers with counterfeit evidence of their own share {_listed(parts)}."


_NOUNS: Mapping[str, str] = {"photo": "photo", "file": "photo file", "text": "title", "code": "code", "id": "id"}


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


@dataclass(frozen=True)
class KnownOffender:
    """An open account that is in a ring with accounts that were closed.

    Attributes:
        seller_id: Id of the open account.
        closed: Ids of the closed accounts of its ring, sorted.
        ring: Position of the ring.
        confidence: Confidence of the ring.
        log_odds: The strongest link to one of the closed accounts; None where other members lie between.
    """

    seller_id: str
    closed: tuple[str, ...]
    ring: int
    confidence: float
    log_odds: float | None


def known_offenders(rings: Sequence[Ring], closed: Iterable[str]) -> tuple[KnownOffender, ...]:
    """Return the open accounts that are in a ring with closed ones, the surest first.

    Args:
        rings: Rings, found among suspects who included the closed accounts.
        closed: Ids of the closed accounts.
    """
    shut = set(closed)
    found = []
    for number, ring in enumerate(rings):
        gone = tuple(member for member in ring.members if member in shut)
        for member in ring.members if gone else ():
            if member not in shut:
                ties = [link.log_odds for link in ring.links if member in link.sellers and shut & set(link.sellers)]
                found.append(KnownOffender(member, gone, number, ring.confidence, max(ties, default=None)))
    return tuple(sorted(found, key=lambda o: (-o.confidence, o.ring, o.seller_id)))


def find_rings(links: Links) -> tuple[Ring, ...]:
    """Return the rings among linked suspects, the largest first.

    Args:
        links: From `link_sellers`.

    Raises:
        MissingDependencyError: networkx is not installed.
    """
    rings: list[Ring] = []
    beside = _beside(links)
    for group in groups_of(links):
        parts = list(members_of(group, links.tokens))
        rings += (_ring(part, group, links, beside) for part in parts)
    return tuple(sorted(rings, key=lambda ring: (-len(ring.members), ring.members)))


# -- records


def _ring(members: list[int], group: Group, links: Links, beside: Mapping[int, list[int]]) -> Ring:
    graph, names = group.graph.subgraph(members), links.sellers
    carried = sorted({t for a, b in graph.edges for t in group.held[a].keys() & group.held[b].keys()})
    position = {token: i for i, token in enumerate(carried)}
    made = {
        (a, b): RingLink((names[a], names[b]), weight, tuple(
            position[t] for t in sorted(group.held[a].keys() & group.held[b].keys())
        ))
        for a, b, weight in sorted((min(a, b), max(a, b), w) for a, b, w in graph.edges.data("weight"))
    }  # fmt: skip
    weakest = _weakest(members, made, names)
    return Ring(
        tuple(names[node] for node in members),
        tuple(sorted(made.values(), key=_strongest)),
        tuple(links.tokens[token] for token in carried),
        weakest,
        min(_MOST_CONFIDENCE, sigmoid(weakest.log_odds)),
        _also(members, group, links, beside),
    )


def _strongest(link: RingLink) -> tuple[float, tuple[str, str]]:
    return (-link.log_odds, link.sellers)


def _weakest(members: list[int], made: Mapping[tuple[int, int], RingLink], names: Sequence[str]) -> WeakestLink:
    """Return the cheapest cut of a ring (Stoer and Wagner, 1997): both parts hold together without its links."""
    nx = network()
    ordered: networkx.Graph[int] = nx.Graph()
    ordered.add_nodes_from(members)
    ordered.add_weighted_edges_from((a, b, link.log_odds) for (a, b), link in made.items())
    part = set(nx.stoer_wagner(ordered)[1][0]) if len(members) > 2 else {members[0]}
    between = [link for (a, b), link in made.items() if (a in part) != (b in part)]
    sides = sorted(
        (tuple(names[node] for node in members if (node in part) == inside) for inside in (True, False)),
        key=lambda side: (len(side), side),
    )
    return WeakestLink((sides[0], sides[1]), tuple(sorted(between, key=_strongest)), max(b.log_odds for b in between))


def _also(members: list[int], group: Group, links: Links, beside: Mapping[int, list[int]]) -> tuple[Beside, ...]:
    inside = set(members)
    out: dict[int, Beside] = {}
    for node, why in sorted(group.left.items()):
        if inside & set(group.graph[node]):
            out[node] = Beside(links.sellers[node], True, f"The seller {why}.")
    for member in members:
        for token in group.held[member]:
            for other in beside.get(token, ()):
                kind = links.tokens[token].kind
                why = f"Shares a {kind} with {links.sellers[member]}, without counterfeit evidence of their own."
                out.setdefault(other, Beside(links.sellers[other], False, why))
    return tuple(out[node] for node in sorted(out))[:_MOST_BESIDE]


def _beside(links: Links) -> dict[int, list[int]]:
    """Return the sellers who are no suspects, by the contacts and ids that they share with one."""
    out: dict[int, list[int]] = {}
    for seller, token in links.beside.tolist():
        out.setdefault(token, []).append(seller)
    return out


def member_confidence(rings: Iterable[Ring]) -> Mapping[str, float]:
    """Return the confidence of the ring of each member: what `MerchantFacts.ring` takes."""
    return {member: ring.confidence for ring in rings for member in ring.members}

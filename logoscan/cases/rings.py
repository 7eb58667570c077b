"""Links between suspects -> rings: groups of accounts that probably belong together, with the reasons and their limits.

A ring is a reason to look, for people, and proves nothing. Only suspects are members: who has no counterfeit evidence
of his own is never one, whatever he shares. Four rules keep others out:

- No chains: a link that alone holds two parts together is cut, unless a contact or an id is shared; groups of more than
  eight that are not knit closely are divided by Louvain's method.
- A member is linked to two others, or shares a contact or an id with one.
- Who shares far fewer photos with the ring than its members do is more probably somebody whose photos were copied; so is
  who was first with every photo that he shares. A contact or an id makes a member all the same.
- What these rules leave out stands in `Ring.also_to_look_at`, and so do sellers who are no suspects and share a contact
  or an id with a member.

Each ring has its weakest link: the cheapest cut, between which two parts the evidence is least. Whoever doubts it,
doubts the ring. The result does not depend on the order of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from logoscan._validate import unit
from logoscan.cases.links import Links, SharedToken
from logoscan.errors import InputError, MissingDependencyError
from logoscan.odds import sigmoid

if TYPE_CHECKING:
    import networkx

__all__ = ["Beside", "KnownOffender", "Ring", "RingLink", "WeakestLink", "find_rings", "known_offenders",
           "member_confidence"]  # fmt: skip

# Members above which a group is divided, unless every one is linked to half of the others.
_MOST_UNDIVIDED = 8
# Resolution of Louvain's method: lower makes larger groups. At 1 true rings fell into two or three parts.
_RESOLUTION = 0.5
# Share of the median member's photos below which a seller is no member.
_LEAST_SHARE = 0.4
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
        suspect: Whether he has counterfeit evidence of his own.
        why: Why he is worth a look, and no member; a sentence.
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
            between them; a stated prior that was calibrated on simulated sellers.
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
            raise InputError(f"Ring.members: expected two or more, got {self.members!r:.80}")
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


# -- the graph


@dataclass
class _Group:
    """Suspects who are linked, directly or through others.

    Attributes:
        graph: Their links, with `weight` and `firm`.
        held: Tokens of each, with whether the seller was first with it.
        left: Why a suspect is no member, by position.
    """

    graph: networkx.Graph[int]
    held: Mapping[int, Mapping[int, bool]]
    left: dict[int, str] = field(default_factory=dict)


def _networkx() -> Any:
    try:
        import networkx
    except ImportError:
        raise MissingDependencyError("networkx is missing; pip install 'logoscan[cases]'") from None
    return networkx


def find_rings(links: Links) -> tuple[Ring, ...]:
    """Return the rings among linked suspects, the largest first.

    Args:
        links: From `link_sellers`.

    Raises:
        MissingDependencyError: networkx is not installed.
    """
    _networkx()
    rings: list[Ring] = []
    beside = _beside(links)
    for group in _groups(links):
        parts = list(_members(group, links.tokens))
        rings += (_ring(part, group, links, beside) for part in parts)
    return tuple(sorted(rings, key=lambda ring: (-len(ring.members), ring.members)))


def _groups(links: Links) -> Iterator[_Group]:
    """Yield the connected parts of the links, in the order of their first sellers."""
    if not len(links):
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nx = _networkx()
    n = len(links.sellers)
    matrix = coo_array((np.ones(len(links), np.int8), (links.pairs[:, 0], links.pairs[:, 1])), shape=(n, n))
    _, labels = connected_components(matrix, directed=False)
    of_pair = labels[links.pairs[:, 0]]
    order = np.argsort(of_pair, kind="stable")
    starts = np.flatnonzero(np.diff(of_pair[order], prepend=-1))
    bounds = np.searchsorted(links.uses[:, 0], np.arange(n + 1))
    for rows in np.split(order, starts[1:]):
        graph: networkx.Graph[int] = nx.Graph()
        graph.add_nodes_from(np.unique(links.pairs[rows]).tolist())
        for (one, other), weight, firm in zip(
            links.pairs[rows].tolist(), links.log_odds[rows].tolist(), links.firm[rows].tolist(), strict=True
        ):
            graph.add_edge(one, other, weight=weight, firm=firm)
        held = {
            node: dict(
                zip(links.uses[slice(*bounds[node : node + 2]), 1].tolist(),
                    links.first[slice(*bounds[node : node + 2])].tolist(), strict=True)
            )
            for node in graph
        }  # fmt: skip
        yield _Group(graph, held)


def _members(group: _Group, tokens: Sequence[SharedToken]) -> Iterator[list[int]]:
    """Yield the members of each ring in a group, sorted; what is left out is noted in the group."""
    nx = _networkx()
    graph = group.graph
    if len(graph) > 2:
        cut = [edge for edge in nx.bridges(graph) if not graph.edges[edge]["firm"]]
        graph = graph.copy()
        graph.remove_edges_from(cut)
    for part in _components(graph):
        for closer in _divided(graph.subgraph(part)):
            yield from _strict(graph, set(closer), group, tokens)


def _components(graph: networkx.Graph[int]) -> list[list[int]]:
    return sorted(sorted(part) for part in _networkx().connected_components(graph))


def _divided(graph: networkx.Graph[int]) -> list[list[int]]:
    """Divide a large group by Louvain's method, unless every one is linked to half of the others."""
    n = len(graph)
    if n <= _MOST_UNDIVIDED or min(degree for _, degree in graph.degree()) >= n / 2:
        return [sorted(graph)]
    ordered: networkx.Graph[int] = _networkx().Graph()
    ordered.add_nodes_from(sorted(graph))
    ordered.add_weighted_edges_from(sorted((min(a, b), max(a, b), w) for a, b, w in graph.edges.data("weight")))
    parts = _networkx().community.louvain_communities(ordered, resolution=_RESOLUTION, seed=0)
    return sorted(sorted(part) for part in parts)


def _strict(
    graph: networkx.Graph[int], part: set[int], group: _Group, tokens: Sequence[SharedToken]
) -> Iterator[list[int]]:
    """Yield the members of a part who keep to the rules about members, once all others are left out."""
    while True:
        of_part = graph.subgraph(part)
        out = {}
        for node in of_part:
            if len(of_part[node]) < 2 and not any(tie["firm"] for tie in of_part[node].values()):
                out[node] = "is linked to one member alone, and by photos or texts"
        if not out:
            out = _copied(part, group, tokens)
        if not out:
            break
        group.left.update(out)
        part -= out.keys()
    for members in _components(of_part):
        if len(members) > 1:
            yield members


def _copied(part: set[int], group: _Group, tokens: Sequence[SharedToken]) -> dict[int, str]:
    """Return who of a part is more probably somebody whose photos were copied, and why."""
    users: dict[int, int] = {}
    for node in part:
        for token in group.held[node]:
            users[token] = users.get(token, 0) + 1
    shared = {node: [token for token in group.held[node] if users[token] > 1] for node in part}
    content = {node: [token for token in held if tokens[token].is_content] for node, held in shared.items()}
    least = _LEAST_SHARE * float(np.median([len(held) for held in content.values()])) if part else 0.0
    out = {}
    for node in part:
        if len(content[node]) < len(shared[node]):
            continue  # a contact or an id
        if all(group.held[node][token] for token in content[node]):
            out[node] = "was first with every photo and text that is shared: may be the one who was copied"
        elif len(content[node]) < least:
            out[node] = "shares far fewer photos than the members do: may be one who was copied"
    return out


# -- records


def _ring(members: list[int], group: _Group, links: Links, beside: Mapping[int, list[int]]) -> Ring:
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
        sigmoid(weakest.log_odds),
        _also(members, group, links, beside),
    )


def _strongest(link: RingLink) -> tuple[float, tuple[str, str]]:
    return (-link.log_odds, link.sellers)


def _weakest(members: list[int], made: Mapping[tuple[int, int], RingLink], names: Sequence[str]) -> WeakestLink:
    """Return the cheapest cut of a ring (Stoer and Wagner, 1997): both parts hold together without its links."""
    nx = _networkx()
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


def _also(members: list[int], group: _Group, links: Links, beside: Mapping[int, list[int]]) -> tuple[Beside, ...]:
    inside = set(members)
    out: dict[int, Beside] = {}
    for node, why in sorted(group.left.items()):
        if inside & set(group.graph[node]):
            out[node] = Beside(links.sellers[node], True, f"The seller {why}.")
    for member in members:
        for token in group.held[member]:
            for other in beside.get(token, ()):
                kind = links.tokens[token].kind
                why = f"The seller shares a {kind} with {links.sellers[member]}, and has no evidence of his own."
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


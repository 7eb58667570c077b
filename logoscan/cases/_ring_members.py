"""Groups of linked suspects, and who of them keeps to the rules about members of a ring (`rings` states them)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from logoscan._extras import import_extra
from logoscan.cases.links import Links, SharedToken

if TYPE_CHECKING:
    import networkx

__all__ = ["Group", "groups_of", "members_of", "network"]

# Members above which a group is divided, unless every one is linked to half of the others.
_MOST_UNDIVIDED = 8
# Resolution of Louvain's method: lower makes larger groups. At 1 true rings fell into two or three parts.
_RESOLUTION = 0.5
# Share of the median member's photos below which a seller is no member.
_LEAST_SHARE = 0.4


@dataclass
class Group:
    """Suspects who are linked, directly or through others.

    Attributes:
        graph: Their links, with `weight` and `firm`.
        held: Tokens of each, with whether the seller was first with it.
        left: Why a suspect is no member, by position.
    """

    graph: networkx.Graph[int]
    held: Mapping[int, Mapping[int, bool]]
    left: dict[int, str] = field(default_factory=dict)


def network() -> Any:
    """Return the module `networkx`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    return import_extra("networkx", "cases")


def groups_of(links: Links) -> Iterator[Group]:
    """Yield the connected parts of the links, in the order of their first sellers."""
    if not len(links):
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nx = network()
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
        yield Group(graph, held)


def members_of(group: Group, tokens: Sequence[SharedToken]) -> Iterator[list[int]]:
    """Yield the members of each ring in a group, sorted; what is left out is noted in the group."""
    nx = network()
    graph = group.graph
    if len(graph) > 2:
        cut = [edge for edge in nx.bridges(graph) if not graph.edges[edge]["firm"]]
        graph = graph.copy()
        graph.remove_edges_from(cut)
    for part in _components(graph):
        for closer in _divided(graph.subgraph(part)):
            yield from _strict(graph, set(closer), group, tokens)


def _components(graph: networkx.Graph[int]) -> list[list[int]]:
    return sorted(sorted(part) for part in network().connected_components(graph))


def _divided(graph: networkx.Graph[int]) -> list[list[int]]:
    """Divide a large group by Louvain's method, unless every one is linked to half of the others."""
    n = len(graph)
    if n <= _MOST_UNDIVIDED or min(degree for _, degree in graph.degree()) >= n / 2:
        return [sorted(graph)]
    ordered: networkx.Graph[int] = network().Graph()
    ordered.add_nodes_from(sorted(graph))
    ordered.add_weighted_edges_from(sorted((min(a, b), max(a, b), w) for a, b, w in graph.edges.data("weight")))
    parts = network().community.louvain_communities(ordered, resolution=_RESOLUTION, seed=0)
    return sorted(sorted(part) for part in parts)


def _strict(
    graph: networkx.Graph[int], part: set[int], group: Group, tokens: Sequence[SharedToken]
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


def _copied(part: set[int], group: Group, tokens: Sequence[SharedToken]) -> dict[int, str]:
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
        if any(not tokens[token].is_content and tokens[token].weight > 0 for token in shared[node]):
            continue
        if all(group.held[node][token] for token in content[node]):
            out[node] = "was first with every photo and text that is shared: may be the one who was copied"
        elif len(content[node]) < least:
            out[node] = "shares far fewer photos than the members do: may be one who was copied"
    return out

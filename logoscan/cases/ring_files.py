"""Rings as files: Parquet with a row for each link and its reasons, GraphML for graph programs.

Contacts, codes and ids stand in both as hashes alone, as they do in the tokens.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logoscan._extras import import_extra
from logoscan._quote import cause
from logoscan.cases.rings import Ring
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write
from logoscan.reporting.html import clean

__all__ = ["COLUMNS", "read_confidence", "read_ring_rows", "to_graphml", "write_graphml", "write_rings"]

COLUMNS: Mapping[str, str] = {
    "ring": "Number of the ring, from 1, the largest first.",
    "role": '"link" between two members; "beside": a seller to look at, who is no member.',
    "confidence": "Confidence of the ring.",
    "seller": "Id of the first seller.",
    "other": "Id of the second seller; null for a seller beside the ring.",
    "log_odds": "Log-odds that both belong together; null for a seller beside the ring.",
    "weakest": "Whether the link is one of the weakest link's.",
    "why": "Why a seller stands beside the ring, a sentence; null for links.",
    "reasons": "Tokens that the link carries: kind, token, users, suspects and weight.",
}
"""What each column of the Parquet file holds, in order."""


def _arrow() -> Any:
    return import_extra("pyarrow", "cases")


def _schema(pa: Any) -> Any:
    reason = pa.struct([("kind", pa.string()), ("token", pa.string()), ("users", pa.int64()),
                        ("suspects", pa.int64()), ("weight", pa.float64())])  # fmt: skip
    kinds = (pa.int32(), pa.string(), pa.float64(), pa.string(), pa.string(), pa.float64(), pa.bool_(), pa.string())
    return pa.schema([*zip(COLUMNS, kinds, strict=False), ("reasons", pa.list_(reason))])


def write_rings(path: str | Path, rings: Sequence[Ring]) -> None:
    """Write rings as one Parquet file, whole or not at all.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    pa = _arrow()
    from pyarrow import parquet

    rows = [row for number, ring in enumerate(rings, 1) for row in _rows(number, ring)]
    data = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, _schema(pa)), data, compression="zstd")
    atomic_write(Path(path), data.getvalue())


def _rows(number: int, ring: Ring) -> list[dict[str, Any]]:
    weakest = {link.sellers for link in ring.weakest_link.links}
    tokens = [
        {"kind": t.kind, "token": t.token, "users": t.users, "suspects": t.suspects, "weight": t.weight}
        for t in ring.tokens
    ]
    shared = {"ring": number, "confidence": ring.confidence}
    links = [
        {**shared, "role": "link", "seller": link.sellers[0], "other": link.sellers[1], "log_odds": link.log_odds,
         "weakest": link.sellers in weakest, "reasons": [tokens[i] for i in link.tokens]}
        for link in ring.links
    ]  # fmt: skip
    beside = [{**shared, "role": "beside", "seller": b.seller_id, "weakest": False, "why": b.why, "reasons": []}
              for b in ring.also_to_look_at]  # fmt: skip
    return links + beside


def read_ring_rows(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of the file that `write_rings` wrote, with the names of `COLUMNS`.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It is something else.
    """
    if not Path(path).is_file():
        raise InputError(f"rings: expected a file that `rings --out` wrote, got {str(path)!r}")
    pa = _arrow()
    from pyarrow import parquet

    try:
        return parquet.read_table(path, columns=list(COLUMNS)).to_pylist()  # type: ignore[no-any-return]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptFileError(f"{path}: expected rings in Parquet, got something else ({cause(error)})") from None


def read_confidence(path: str | Path) -> dict[str, float]:
    """Return the confidence of the ring of each member, from the file that `write_rings` wrote.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It is something else.
    """
    return {
        seller: row["confidence"]
        for row in read_ring_rows(path)
        if row["role"] == "link"
        for seller in (row["seller"], row["other"])
    }


def to_graphml(rings: Sequence[Ring]) -> str:
    """Return rings as one GraphML text: sellers with their ring, links with log-odds and reasons.

    Raises:
        MissingDependencyError: networkx is not installed.
    """
    nx = import_extra("networkx", "cases")
    graph = nx.Graph()
    for number, ring in enumerate(rings, 1):
        for member in ring.members:
            graph.add_node(clean(member), ring=number, confidence=ring.confidence)
        weakest = {link.sellers for link in ring.weakest_link.links}
        for link in ring.links:
            reasons = "; ".join(f"{ring.tokens[i].kind} {ring.tokens[i].token}" for i in link.tokens)
            one, other = map(clean, link.sellers)
            graph.add_edge(one, other, log_odds=link.log_odds, weakest=link.sellers in weakest, reasons=clean(reasons))
    return "\n".join(nx.generate_graphml(graph)) + "\n"


def write_graphml(path: str | Path, rings: Sequence[Ring]) -> None:
    """Write rings as one GraphML file, whole or not at all."""
    atomic_write(Path(path), to_graphml(rings).encode())

"""Reports -> the tokens of all sellers, as the table that `links` joins; and the tokens that the gate should know.

The table has a row for each use: seller_id, kind, token (for photos and titles that of the cluster of near copies, and
`own` is the listing's own), listing_id, first_seen, and for photos the file and its SHA-256. Reports without a seller
have no row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from logoscan._extras import import_extra
from logoscan._quote import quoted
from logoscan.cases.clusters import cluster_tokens
from logoscan.cases.database import connect
from logoscan.cases.links import CAP
from logoscan.merchants.token_file import MOST_ID_CHARS, TokenRow
from logoscan.merchants.tokens import listing_tokens
from logoscan.results import Report

__all__ = ["door_tokens", "seller_tokens"]

_COLUMNS = ("seller_id", "kind", "token", "listing_id", "first_seen", "own", "file", "sha256")
# Rows that are held as Python objects before they become a part of the table.
_BATCH_ROWS = 1 << 16


def seller_tokens(
    reports: Iterable[Report],
    more: Iterable[TokenRow] = (),
    *,
    turned: bool = True,
    problems: list[str] | None = None,
    key: bytes | None = None,
) -> Any:
    """Return the tokens of all sellers as an Arrow table, near copies of photos and titles as one token.

    Args:
        reports: Reports of all sellers, not of suspects alone: rarity is counted over all.
        more: Tokens that the caller knows (payees, devices, further contacts and codes), from `read_tokens`.
        turned: Whether turned and mirrored copies of photos are copies.
        key: The platform's key, under which the serials of codes are hashed; None leaves codes out. Contacts have
            tokens in reports that were made with the key.
        problems: Gets a sentence for each report that counts for nobody, though it names a seller.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    pa = import_extra("pyarrow", "cases")
    kinds = pa.schema([(name, pa.float64() if name == "first_seen" else pa.string()) for name in _COLUMNS])
    parts, rows = [kinds.empty_table()], list[tuple[str | float | None, ...]]()

    def flush() -> None:
        columns = zip(*rows, strict=True) if rows else [()] * len(_COLUMNS)
        arrays = [pa.array(list(column), kind.type) for column, kind in zip(columns, kinds, strict=True)]
        parts.append(pa.Table.from_arrays(arrays, schema=kinds))
        rows.clear()

    for report in reports:
        if report.seller_id is None or not report.seller_id.strip():
            continue
        if len(report.seller_id) > MOST_ID_CHARS:
            if problems is not None:
                problems.append(
                    f"listing {quoted(report.listing_id)}: seller_id: expected {MOST_ID_CHARS} characters or fewer, "
                    f"got {len(report.seller_id)}"
                )
            continue
        images = {image.pdq or image.sha256: image for image in reversed(report.images)}
        for kind, token in listing_tokens(report, key):
            image = images.get(token)
            rows.append((report.seller_id, kind, token, report.listing_id, None, token,
                         image.file if image else None, image.sha256 if image else None))  # fmt: skip
        if len(rows) >= _BATCH_ROWS:
            flush()
    for row in more:
        rows.append((row.seller_id, row.kind, row.token, row.listing_id, row.first_seen, row.token, None, None))
        if len(rows) >= _BATCH_ROWS:
            flush()
    flush()
    return cluster_tokens(pa.concat_tables(parts), turned=turned)


def door_tokens(tokens: Any, closed: Collection[str], suspects: Collection[str], *, cap: int = CAP) -> list[TokenRow]:
    """Return the tokens of closed accounts that `screen --tokens` should know, sorted.

    Left out is what an innocent seller has as well: whoever copied a photo must not keep its owner out. So is what more
    than `cap` sellers use, and titles.

    Args:
        tokens: From `seller_tokens`.
        closed: Ids of the closed accounts.
        suspects: Ids of the suspects.
        cap: Most users of a token.
    """
    import pyarrow as pa

    db = connect()
    db.register("given", tokens)
    db.register("shut", pa.table({"seller_id": pa.array(sorted(closed), pa.string())}))
    db.register("suspected", pa.table({"seller_id": pa.array(sorted({*suspects, *closed}), pa.string())}))
    rows = db.execute(
        """WITH usable AS (SELECT kind, token FROM given WHERE kind != 'text' GROUP BY kind, token
            HAVING count(DISTINCT seller_id) <= ? AND bool_and(seller_id IN (SELECT seller_id FROM suspected)))
        SELECT kind, own, seller_id, min(listing_id) AS listing_id FROM given SEMI JOIN usable USING (kind, token)
        WHERE seller_id IN (SELECT seller_id FROM shut) GROUP BY kind, own, seller_id ORDER BY ALL""",
        [cap],
    ).fetchall()
    db.close()
    return [TokenRow(*row) for row in rows]

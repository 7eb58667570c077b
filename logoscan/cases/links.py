"""Who shares which tokens -> links between suspects: log-odds that two accounts belong together, with the reasons.

A token is anything that two accounts may have in common: a photo, a contact, a code, a text, an id that the caller adds
(`merchants.tokens`). Three rules make the number:

- A token has n users among all sellers, and is nothing above `cap` users. Of n sellers drawn at random n * b are
  suspects, where b is the share of suspects among all sellers (0.05 at most); so two suspects who share a rare token
  start from the log-odds -log(n * b).
- Of a ring's token most users are suspects, of a wholesaler's or a courier's hardly any. With s suspects among n users,
  the s - 2 beyond the two that are judged, and the n - s others, are compared by how probable they are in a ring (half
  of its members are suspects) and among all sellers (b). One innocent user of three costs 0.6, seven of nine cost 4.
- Photos and titles are one witness, however many: sellers copy whole sets. They count half the mean of the photos plus
  log2 of the number of both, at most 8; a mean below 1 makes the number count less, and below 0 nothing, because many
  photos of a set that is open to all say no more than one. A title alone ties nobody: whoever sells the same thing
  writes nearly the same. Contacts and the like count in full, the best one of each kind, and never against a link.

The sum is a log-odds that is nearly calibrated on simulated sellers (`python -m benchmarks rings`). All numbers are
stated priors, chosen on worlds of our own. The order of the input changes nothing: weights are summed as whole
millionths.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan._validate import not_negative, whole_number
from logoscan.cases.database import connect
from logoscan.errors import InputError
from logoscan.merchants.tokens import CONTENT_KINDS

__all__ = ["AT_LEAST", "CAP", "Links", "SharedToken", "Suspects", "link_sellers"]

CAP = 40
"""Users above which a token ties nobody: rings of up to 40 accounts are known."""
AT_LEAST = 0.5
"""Log-odds from which two sellers are linked: five in eight such pairs belong together on simulated sellers."""

# Most that the share of suspects counts: where they are more, the tokens are no sample of all sellers.
_MOST_SUSPECTS = 0.05
# Share of a ring's accounts that are suspected. Simulated rings have 0.5 to 0.9; of a lower share honest links follow.
_SUSPECTED_SHARE = 0.5
# Most that the concentration of suspects adds: ten of ten users are no surer than six of six.
_MOST_CONCENTRATION = 6.0
# Share of the mean weight that a set of photos counts, and most that it counts.
_SET_SHARE, _MOST_SET = 0.5, 8.0
# Whole units of a nat: sums of whole numbers do not depend on their order.
_UNIT = 1_000_000
# Tokens above the cap that are named; the others are counted.
_MOST_NAMED = 20

Suspects: TypeAlias = Collection[str] | Literal["all"]
"""Ids of sellers with counterfeit evidence of their own; "all" links everybody, and must be typed."""


@dataclass(frozen=True)
class SharedToken:
    """One token that carries links.

    Attributes:
        kind: Kind of the token.
        token: The token.
        users: Number of sellers who use it, of all sellers.
        suspects: Number of suspects among them.
        weight: Log-odds that it gives to two suspects who share it.
    """

    kind: str
    token: str
    users: int
    suspects: int
    weight: float

    @property
    def is_content(self) -> bool:
        """Whether it is a photo or a text, which sellers copy from each other, and no contact or id."""
        return self.kind in CONTENT_KINDS


@dataclass(frozen=True, eq=False)
class Links:
    """Links between suspects.

    Attributes:
        sellers: Ids of the sellers, sorted; the arrays hold positions in them.
        tokens: Tokens that carry links, sorted by kind and token.
        pairs: int32 (n, 2), positions of two sellers each, the first one lower; sorted.
        log_odds: float64 (n,), log-odds that the two belong together.
        firm: bool (n,), whether a contact or an id is shared, and not photos and texts alone.
        uses: int32 (m, 2), seller and token of each use of a token by a linked suspect; sorted.
        first: bool (m,), whether the seller was seen with the token before all others; False where no time is known.
        beside: int32 (k, 2), seller and token of sellers who are no suspects and share a contact or an id with one.
        dropped: Tokens above the cap, with their users: the most used ones, and at most 20.
        n_dropped: Number of tokens above the cap.
    """

    sellers: tuple[str, ...]
    tokens: tuple[SharedToken, ...]
    pairs: NDArray[np.int32]
    log_odds: NDArray[np.float64]
    firm: NDArray[np.bool_]
    uses: NDArray[np.int32]
    first: NDArray[np.bool_]
    beside: NDArray[np.int32]
    dropped: tuple[tuple[str, str, int], ...] = ()
    n_dropped: int = 0

    def __len__(self) -> int:
        """Return the number of links."""
        return len(self.pairs)

    @classmethod
    def empty(cls) -> Links:
        """Return no links."""
        no_pairs, no = np.zeros((0, 2), np.int32), np.zeros(0, bool)
        return cls((), (), no_pairs, np.zeros(0), no, no_pairs, no, no_pairs)


def link_sellers(
    tokens: Any,
    suspects: Suspects,
    *,
    cap: int = CAP,
    at_least: float = AT_LEAST,
    counts: Any = None,
    sellers: int | None = None,
    ignore: Iterable[tuple[str, str]] = (),
    connection: Any = None,
) -> Links:
    """Link suspects by the tokens that they share.

    Args:
        tokens: Arrow table (or a DuckDB relation) with the columns seller_id, kind and token, and perhaps first_seen
            (seconds since 1970, null is unknown): of all sellers, since a token's rarity is counted over all.
        suspects: Ids of the sellers who can be linked; or "all".
        cap: Users above which a token ties nobody.
        at_least: Log-odds from which two sellers are linked, 0 or more.
        counts: Where `tokens` holds those of the suspects alone: a table with the columns kind, token and users, the
            number of users among all sellers, counted elsewhere (SQL, Ray). A token that it lacks counts as used by
            those of `tokens`.
        sellers: Number of all sellers; needed with `counts`, else those of `tokens` are counted.
        ignore: Kinds and tokens that tie nobody: official photos, couriers, platforms, photographers.
        connection: From `database.connect`; None makes one.

    Raises:
        InputError: An argument is out of range, or a column is missing.
        MissingDependencyError: DuckDB is not installed.
    """
    whole_number("link_sellers", "cap", cap, 2, 100_000)
    not_negative("link_sellers", "at_least", at_least)
    if isinstance(suspects, str) and suspects != "all":
        raise InputError(f'suspects: expected ids of sellers or "all", got {quoted(suspects)}')
    if counts is not None and sellers is None:
        raise InputError("sellers: expected the number of all sellers beside counts, got None")
    db = connect() if connection is None else connection.cursor()
    try:
        return _linked(db, tokens, suspects, cap, at_least, counts, sellers, ignore)
    finally:
        db.close()


def _linked(
    db: Any, tokens: Any, suspects: Suspects, cap: int, at_least: float, counts: Any, sellers: int | None,
    ignore: Iterable[tuple[str, str]],
) -> Links:  # fmt: skip
    import pyarrow as pa

    names = list(getattr(tokens, "column_names", None) or tokens.columns)
    if missing := {"seller_id", "kind", "token"} - set(names):
        raise InputError(f"tokens: expected the columns seller_id, kind and token, got none named {min(missing)}")
    ids = [] if suspects == "all" else sorted(set(suspects))
    db.register("given", tokens)
    db.register("suspect_ids", pa.table({"seller_id": pa.array(ids, pa.string())}))
    pairs = [*ignore]
    db.register("ignored", pa.table({"kind": pa.array([k for k, _ in pairs], pa.string()),
                                     "token": pa.array([t for _, t in pairs], pa.string())}))  # fmt: skip
    first = "min(first_seen)" if "first_seen" in names else "NULL::DOUBLE"
    db.execute(
        f"""CREATE TEMP TABLE used AS
        SELECT seller_id, kind, token, {first} AS first_seen,
            {"true" if suspects == "all" else "seller_id IN (SELECT seller_id FROM suspect_ids)"} AS suspect
        FROM given ANTI JOIN ignored USING (kind, token)
        WHERE seller_id IS NOT NULL AND token IS NOT NULL AND kind IS NOT NULL GROUP BY ALL"""
    )
    ((all_sellers, all_suspects),) = db.execute(
        "SELECT count(DISTINCT seller_id), count(DISTINCT seller_id) FILTER (suspect) FROM used"
    ).fetchall()
    if suspects != "all":
        all_suspects = max(all_suspects, len(ids))
    all_sellers = max(all_sellers, sellers or 0, all_suspects)
    if all_suspects < 2:
        return Links.empty()
    rate = min(all_suspects / all_sellers, _MOST_SUSPECTS)
    concentrated = 0.0 if suspects == "all" else 1.0  # where everybody is a suspect, nothing is concentrated
    users = "count(*)"
    if counts is not None:
        db.register("counted", counts)
        db.execute("CREATE TEMP TABLE counts AS SELECT kind, token, max(users) AS users FROM counted GROUP BY ALL")
        users = "greatest(count(*), coalesce(any_value(counts.users), 0))"
    db.execute(
        f"""CREATE TEMP TABLE shared AS
        SELECT kind, token, {users}::BIGINT AS users, count(*) FILTER (suspect)::BIGINT AS suspects,
            CASE WHEN count(used.first_seen) = {users} THEN min(used.first_seen, 2) END AS earliest
        FROM used {"LEFT JOIN counts USING (kind, token)" if counts is not None else ""}
        GROUP BY kind, token HAVING count(*) FILTER (suspect) >= 2"""
    )
    over = db.execute(
        "SELECT kind, token, users FROM shared WHERE users > ? ORDER BY users DESC, kind, token", [cap]
    ).fetchall()
    db.execute(
        """CREATE TEMP TABLE carriers AS
        SELECT (row_number() OVER (ORDER BY kind, token) - 1)::INTEGER AS number, *,
            round($unit * (-ln(users * $rate) + least($most,
                (suspects - 2) * $suspect + (users - suspects) * $other)))::BIGINT AS weight
        FROM shared WHERE users <= $cap""",
        {
            "unit": _UNIT,
            "rate": rate,
            "most": _MOST_CONCENTRATION,
            "suspect": concentrated * math.log(_SUSPECTED_SHARE / rate),
            "other": concentrated * math.log((1 - _SUSPECTED_SHARE) / (1 - rate)),
            "cap": cap,
        },
    )
    db.execute(
        """CREATE TEMP TABLE people AS
        SELECT (row_number() OVER (ORDER BY seller_id) - 1)::INTEGER AS person, seller_id, suspect
        FROM (SELECT DISTINCT seller_id, suspect FROM used SEMI JOIN carriers USING (kind, token))"""
    )
    db.execute(
        """CREATE TEMP TABLE uses AS
        SELECT person, people.suspect, number,
            used.first_seen = earliest[1] AND earliest[1] < earliest[2] AS first_one
        FROM used JOIN carriers USING (kind, token) JOIN people USING (seller_id)"""
    )
    content = ", ".join(f"'{kind}'" for kind in sorted(CONTENT_KINDS))
    db.execute(
        f"""CREATE TEMP TABLE links AS
        WITH ties AS (
            SELECT a.person AS one, b.person AS other, weight, kind != 'text' AS ties_alone,
                CASE WHEN kind IN ({content}) THEN 'content' ELSE kind END AS witness
            FROM uses a JOIN uses b ON a.number = b.number AND a.person < b.person
                JOIN carriers ON a.number = carriers.number
            WHERE a.suspect AND b.suspect),
        witnesses AS (
            SELECT one, other, witness, count(*) AS number, max(weight) / $unit AS best,
                sum(weight) FILTER (ties_alone) / count(*) FILTER (ties_alone) / $unit AS mean
            FROM ties GROUP BY one, other, witness HAVING bool_or(ties_alone)),
        kinds AS (
            SELECT one, other, witness, CASE witness
                WHEN 'content' THEN least($most, $share * mean + log2(number) * least(1, greatest(0, mean)))
                ELSE greatest(0, best) END AS log_odds
            FROM witnesses)
        SELECT one, other, sum(round($unit * log_odds)::BIGINT) / $unit AS log_odds,
            bool_or(witness != 'content' AND log_odds > 0) AS firm
        FROM kinds GROUP BY ALL HAVING sum(round($unit * log_odds)::BIGINT) >= $least""",
        {"most": _MOST_SET, "share": _SET_SHARE, "unit": _UNIT, "least": math.ceil(at_least * _UNIT)},
    )
    linked = db.execute("SELECT one, other, log_odds, firm FROM links ORDER BY one, other").fetchnumpy()
    held = db.execute(
        """SELECT person, number, coalesce(first_one, false) AS first_one FROM uses
        WHERE suspect AND person IN (SELECT one FROM links UNION SELECT other FROM links) ORDER BY person, number"""
    ).fetchnumpy()
    beside = db.execute(
        f"""SELECT person, number FROM uses JOIN carriers USING (number)
        WHERE NOT suspect AND kind NOT IN ({content}) AND weight >= ? ORDER BY person, number""",
        [math.ceil(at_least * _UNIT)],
    ).fetchnumpy()
    rows = db.execute("SELECT kind, token, users, suspects, weight FROM carriers ORDER BY number").fetchall()
    people = db.execute("SELECT seller_id FROM people ORDER BY person").fetchnumpy()["seller_id"].tolist()
    return Links(
        tuple(people),
        tuple(SharedToken(kind, token, n, s, weight / _UNIT) for kind, token, n, s, weight in rows),
        np.column_stack([linked["one"], linked["other"]]).astype(np.int32),
        np.asarray(linked["log_odds"], np.float64),
        np.asarray(linked["firm"], bool),
        np.column_stack([held["person"], held["number"]]).astype(np.int32),
        np.asarray(held["first_one"], bool),
        np.column_stack([beside["person"], beside["number"]]).astype(np.int32),
        tuple(over[:_MOST_NAMED]),
        len(over),
    )

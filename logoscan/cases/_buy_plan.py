"""A plan of test buys: which listings are bought, and with which probability each one was drawn."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from logoscan._hashing import sha256_hex
from logoscan._quote import cause, quoted
from logoscan._validate import number, whole_number
from logoscan.cases._buy_candidates import arrow, checked, polars_and_svy
from logoscan.cases._inclusion import Floats, Ints, inclusion_probabilities, random_order
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.bad_rows import OnError
from logoscan.io.csv_output import safe_text
from logoscan.io.files import atomic_write
from logoscan.io.records import from_json, to_json
from logoscan.io.sealed_lines import seal, unseal

__all__ = ["NONE", "BuyPlan", "By", "PlannedBuy", "PlannedStratum", "plan_buys"]

By: TypeAlias = Literal["brand", "category", "seller"]
"""What strata are made of, and rates are grouped by."""
NONE = "(none)"
"""Name of the stratum, or group, of what has no brand, category or seller."""

# Key of the Parquet metadata under which the sealed description of a plan stands.
_KEY = b"logoscan.buys"
# Seeds are numbers of 63 bits, which nobody guesses.
_SEED_LIMIT = 2**63 - 1


@dataclass(frozen=True)
class PlannedBuy:
    """One listing to buy.

    Attributes:
        listing_id: Id of the listing.
        seller_id: Id of its seller, if known.
        brand: Candidate brand, if any.
        category: Category, if stated.
        price: Price, if stated.
        p: Probability that it is counterfeit, by the score.
        pi: Probability with which it was drawn, in (0, 1]; it stands for 1 / pi listings.
        stratum: Name of its stratum.
        model: Name and version of the score model, if stated.
    """

    listing_id: str
    seller_id: str | None
    brand: str | None
    category: str | None
    price: float | None
    p: float
    pi: float
    stratum: str
    model: str | None

    def __post_init__(self) -> None:
        number("PlannedBuy", "p", self.p, 0.0, 1.0)
        if not 0 < self.pi <= 1:
            raise InputError(f"PlannedBuy.pi: expected a probability in (0, 1], got {self.pi!r}")

    def group(self, by: By) -> str:
        """Return the brand, category or seller."""
        return {"brand": self.brand, "category": self.category, "seller": self.seller_id}[by] or NONE


@dataclass(frozen=True)
class PlannedStratum:
    """A part of what is on sale.

    Attributes:
        name: Brand, category or seller that its listings share; several of them between slashes.
        candidates: Number of listings on sale.
        suspected: How many of them are counterfeit by the score: the sum of p.
        expected: Expected number of buys.
        buys: Number of buys.
    """

    name: str
    candidates: int
    suspected: float
    expected: float
    buys: int


@dataclass(frozen=True)
class BuyPlan:
    """Which listings are bought. Keep it from sellers; it holds no address of anybody.

    Attributes:
        buys: The listings, in the order of the draw, which is random.
        strata: All strata, those with most listings first.
        by: What the strata are made of.
        floor: Expected buys that each stratum gets at least, as far as it has listings and sellers.
        explore: Share of the size measure that is equal for all listings.
        most_per_seller: Most buys from one seller.
        seed: What the draw can be repeated with.
        made_at: When it was made, ISO 8601.
        rows_sha256: SHA-256 of the listings in a file; empty otherwise.
    """

    buys: tuple[PlannedBuy, ...]
    strata: tuple[PlannedStratum, ...]
    by: tuple[By, ...]
    floor: int
    explore: float
    most_per_seller: int
    seed: int
    made_at: str
    rows_sha256: str = ""

    @property
    def candidates(self) -> int:
        """Number of listings on sale."""
        return sum(stratum.candidates for stratum in self.strata)

    @property
    def suspected(self) -> float:
        """How many of them are counterfeit by the score."""
        return sum(stratum.suspected for stratum in self.strata)

    @cached_property
    def _by_id(self) -> dict[str, PlannedBuy]:
        return {safe_text(buy.listing_id): buy for buy in self.buys} | {buy.listing_id: buy for buy in self.buys}

    def find(self, listing_id: str) -> PlannedBuy | None:
        """Return the buy of a listing, by its id as it is or as a sheet has it; None where none was planned."""
        return self._by_id.get(listing_id)

    def save(self, path: str | Path) -> None:
        """Write the plan as Parquet, atomically and for this account alone; the settings stand in its metadata.

        Raises:
            MissingDependencyError: pyarrow is not installed.
        """
        pa = arrow()
        from pyarrow import parquet

        about = replace(self, buys=(), rows_sha256=_rows_sha256(self.buys))
        rows = [vars(buy) for buy in self.buys]
        table = pa.Table.from_pylist(rows, _schema()).replace_schema_metadata({_KEY: seal(to_json(about))})
        out = BytesIO()
        parquet.write_table(table, out)
        atomic_write(Path(path), out.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> BuyPlan:
        """Read what `save` wrote.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            InputError: There is no such file.
            CorruptFileError: It is something else, altered or truncated.
        """
        pa, path = arrow(), Path(path)
        from pyarrow import parquet

        if not path.is_file():
            raise InputError(f"plan: expected a file, got {str(path)!r}")
        try:
            table = parquet.read_table(path, partitioning=None)
            about = from_json(cls, unseal(table.schema.metadata[_KEY], path.name).text, path.name)
            buys = tuple(PlannedBuy(**row) for row in table.to_pylist())
        except CorruptFileError:
            raise
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(
                f"{path.name}: expected a plan of test buys, got another file ({cause(error)})"
            ) from None
        if about.rows_sha256 != _rows_sha256(buys):
            raise CorruptFileError(f"{path.name}: expected the listings that were drawn, got others: it was altered")
        return replace(about, buys=buys, rows_sha256="")


def _rows_sha256(buys: Sequence[PlannedBuy]) -> str:
    return sha256_hex("\n".join(map(to_json, buys)).encode())


def _schema() -> Any:
    pa = arrow()
    texts = ("listing_id", "seller_id", "brand", "category", "stratum", "model")
    kinds = {name: pa.string() if name in texts else pa.float64() for name in PlannedBuy.__dataclass_fields__}
    return pa.schema(list(kinds.items()))


def plan_buys(
    candidates: Any,
    budget: int,
    *,
    by: Sequence[By] = ("brand",),
    floor: int = 15,
    explore: float = 0.2,
    most_per_seller: int = 3,
    seed: int | None = None,
    on_error: OnError = "skip",
) -> BuyPlan:
    """Draw the listings to buy, each with a known probability above 0, higher where the score is in doubt.

    The draw is systematic with probabilities proportional to size, by svy. Sellers stand together in its random order,
    so that from each at most the cap is bought.

    Args:
        candidates: Everything on sale: an Arrow table of listing_id, p and, where known, seller_id, brand, category,
            price and model, as `candidates_of` or `read_candidates` returns it.
        budget: Number of buys.
        by: What a stratum is made of: brand, category, seller.
        floor: Expected buys that each stratum gets at least; all that it has, if it has fewer.
        explore: Share of the size measure that is equal for all listings, in (0, 1]; the higher, the less harm a score
            does that is wrong.
        most_per_seller: Most buys from one seller; listings without a seller count as of one each.
        seed: What the draw is repeated with; a secret random number if None.
        on_error: What to do with a bad row (no id, an id that is there twice, a p outside of [0, 1]).

    Raises:
        MissingDependencyError: svy is not installed.
        InputError: An argument is not of the stated kind, there are no candidates, or the budget does not do: below
            the floors of all strata, or above what is on sale.
    """
    whole_number("plan_buys", "budget", budget, 1, 10**9)
    whole_number("plan_buys", "floor", floor, 0, 10**9)
    whole_number("plan_buys", "most_per_seller", most_per_seller, 1, 10**9)
    number("plan_buys", "explore", explore, 0.0, 1.0)
    if explore <= 0:
        raise InputError("plan_buys.explore: expected more than 0, since a listing that is never bought says nothing")
    if unknown := [name for name in by if name not in get_args(By)]:
        raise InputError(f"plan_buys.by: expected {', '.join(get_args(By))}, got {quoted(unknown[0])}")
    seed = secrets.randbelow(_SEED_LIMIT) if seed is None else seed
    whole_number("plan_buys", "seed", seed, 0, _SEED_LIMIT)
    polars, svy = polars_and_svy()
    table = checked(candidates, on_error)
    if not len(table):
        raise InputError("candidates: expected at least one, got none")
    p: Floats = table["p"].to_numpy()
    sellers = _seller_codes(table)
    strata, names = _stratum_codes(table, by)
    pi = inclusion_probabilities(
        p, strata, sellers, budget, floor=floor, explore=explore, most_per_seller=most_per_seller
    )
    order = random_order(strata, sellers, np.random.default_rng(seed))
    frame = svy.Sample(data=polars.DataFrame({"row": order, "size": pi[order]}), design=svy.Design(mos="size"))
    drawn = frame.sampling.pps_sys(budget, certainty_threshold=1.0, rstate=seed, prob_name="pi").data
    rows: Ints = drawn["row"].to_numpy()
    chances = np.minimum(drawn["pi"].to_numpy(), 1.0).tolist()
    buys = tuple(
        PlannedBuy(**row, pi=chance, stratum=names[stratum])
        for row, chance, stratum in zip(table.take(rows).to_pylist(), chances, strata[rows].tolist(), strict=True)
    )
    count, bought = (np.bincount(codes, minlength=len(names)).tolist() for codes in (strata, strata[rows]))
    suspected, expected = (np.bincount(strata, values).tolist() for values in (p, pi))
    planned = [PlannedStratum(*row) for row in zip(names, count, suspected, expected, bought, strict=True)]
    planned.sort(key=lambda stratum: (-stratum.candidates, stratum.name))
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    return BuyPlan(buys, tuple(planned), tuple(by), floor, explore, most_per_seller, seed, made_at)


def _codes(column: Any) -> tuple[Ints, list[str]]:
    """Return a column of texts as numbers, -1 for null, and the text of each."""
    encoded = column.combine_chunks().dictionary_encode()
    codes: Ints = encoded.indices.cast("int64").fill_null(-1).to_numpy(zero_copy_only=False).copy()
    return codes, encoded.dictionary.to_pylist()


def _seller_codes(table: Any) -> Ints:
    """Return a number for each seller, and one for each listing without a seller."""
    codes, names = _codes(table["seller_id"])
    unknown = np.flatnonzero(codes < 0)
    codes[unknown] = len(names) + np.arange(len(unknown))
    return codes


def _stratum_codes(table: Any, by: Sequence[By]) -> tuple[Ints, list[str]]:
    """Return the stratum of each candidate as a number, and the names of the strata."""
    strata, names = np.zeros(len(table), np.int64), ["all"]
    for position, field in enumerate(by):
        codes, texts = _codes(table["seller_id" if field == "seller" else field])
        texts = [NONE, *texts]
        pairs, strata = np.unique(strata * len(texts) + codes + 1, return_inverse=True)
        names = [
            texts[pair % len(texts)] if not position else f"{names[pair // len(texts)]} / {texts[pair % len(texts)]}"
            for pair in pairs.tolist()
        ]
    return strata, names

"""What became of the buys: outcomes in a CSV file, and the verdicts that they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from logoscan._quote import quoted
from logoscan.cases._buy_plan import BuyPlan
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_output import csv_lines, safe_text
from logoscan.io.csv_rows import read_csv
from logoscan.io.rows import BadRow
from logoscan.review.verdict_rows import VerdictRow

__all__ = ["BuyResult", "Outcome", "read_buys", "result_sheet", "to_labels"]

Outcome: TypeAlias = Literal["counterfeit", "genuine", "not_delivered", "inconclusive"]
"""What became of a buy."""

_REQUIRED = ("listing_id", "outcome")
_SHEET = ("listing_id", "brand", "category", "seller_id", "price", "outcome", "reviewer", "note")


@dataclass(frozen=True)
class BuyResult:
    """What became of one buy.

    Attributes:
        listing_id: Id of the listing.
        outcome: What became of it.
        brand: Brand that the goods were judged for; the plan's if None.
        reviewer: Who judged the goods, if stated.
        note: What else is to be remembered, if anything.
        line: Line of its row, for messages.
    """

    listing_id: str
    outcome: Outcome
    brand: str | None = None
    reviewer: str | None = None
    note: str | None = None
    line: int = 0

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise InputError(f"outcome: expected {', '.join(get_args(Outcome))}, got {quoted(self.outcome)}")


def result_sheet(plan: BuyPlan) -> str:
    """Return the plan as a CSV for those who buy and judge: what to buy, and empty columns for what became of it.

    It says nothing of scores and probabilities, so that nobody judges goods by them.
    """
    rows = ([b.listing_id, b.brand, b.category, b.seller_id, b.price, None, None, None] for b in plan.buys)
    return "".join(csv_lines(_SHEET, rows))


def read_buys(
    path: str | Path, *, on_error: OnError = "skip", columns: Mapping[str, str] | None = None
) -> tuple[BuyResult, ...]:
    """Return the results of a CSV file, such as a sheet: listing_id, outcome and, if any, brand, reviewer and note.

    A row whose outcome is empty is a buy that is still waited for. Of several results of one listing the first counts.

    Args:
        path: Path of the file.
        on_error: What to do with a bad row (an unknown outcome, a second result).
        columns: Fields by the names of the columns that hold them, where these have other names than usual.

    Raises:
        InputError: There is no such file, a column is missing, or a row is bad and `on_error` is "raise".
    """
    check_on_error(on_error)
    rows = read_csv(path, _SHEET, _REQUIRED, columns=columns, owner="results")
    return tuple(good_rows(_results(rows), on_error, Path(path).name))


def _results(rows: Iterable[tuple[int, Mapping[str, str] | BadRow]]) -> Iterator[BuyResult | BadRow]:
    line_of: dict[str, int] = {}
    for line, row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        cells = {name: cell.strip() for name, cell in row.items() if cell.strip()}
        listing, outcome = row.get("listing_id", ""), cells.get("outcome", "").casefold().replace(" ", "_")
        if not listing.strip():
            yield BadRow(line, "listing_id: expected one, got an empty cell")
        elif not outcome:
            continue
        elif listing in line_of:
            yield BadRow(
                line, f"listing_id: {quoted(listing)} has a result in line {line_of[listing]}; that one counts"
            )
        elif outcome not in get_args(Outcome):
            yield BadRow(line, f"outcome: expected {', '.join(get_args(Outcome))}, got {quoted(cells['outcome'])}")
        else:
            line_of[listing] = line
            brand, reviewer, note = (cells.get(name) for name in ("brand", "reviewer", "note"))
            yield BuyResult(listing, outcome, brand, reviewer, note, line)  # type: ignore[arg-type]


def to_labels(results: Iterable[BuyResult], plan: BuyPlan, *, on_error: OnError = "skip") -> Iterator[VerdictRow]:
    """Yield a verdict for each buy whose goods were judged, with the weight 1 / pi, for `Journal.import_rows`.

    A listing that is not in the plan has the weight 1: nobody knows how it was chosen. A planned listing without a
    candidate brand gives no verdict, unless its result names the brand.

    Args:
        results: The results.
        plan: The plan.
        on_error: What to do with a result on a listing that is not in the plan, and that names no brand.

    Raises:
        InputError: Such a result is there, and `on_error` is "raise".
    """
    check_on_error(on_error)

    def rows() -> Iterator[VerdictRow | BadRow]:
        for result in results:
            if result.outcome not in ("counterfeit", "genuine"):
                continue
            buy = plan.find(result.listing_id)
            listing, brand, weight = result.listing_id, result.brand, 1.0
            if buy is not None:
                listing, weight = buy.listing_id, 1.0 / buy.pi
                if buy.brand is not None and brand in (None, safe_text(buy.brand)):
                    brand = buy.brand
            if brand is not None:
                line, who, note = result.line, result.reviewer, result.note
                yield VerdictRow(line, listing, brand, result.outcome, "test_buy", weight, who, note)
            elif buy is None:
                yield BadRow(result.line, f"brand: expected one, since {quoted(result.listing_id)} is not in the plan")

    return good_rows(rows(), on_error, "results")

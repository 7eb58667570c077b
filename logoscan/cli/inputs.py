"""Inputs of several commands: listings, reports, prices and photo ledgers; `-` is standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from logoscan._quote import quoted
from logoscan.cli.console import Complaints, complain
from logoscan.errors import InputError
from logoscan.images.phash import PhotoLookup
from logoscan.io.files import held, lock_beside
from logoscan.io.listings import BadRow, ListingSource
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.facts_file import read_facts
from logoscan.merchants.photo_join import PhotoJoin
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.serials import SerialList
from logoscan.merchants.token_list import TokenList
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report

__all__ = [
    "STANDARD",
    "BadRows",
    "add_serials",
    "changed_ledger",
    "check_future",
    "is_photo_table",
    "listing_source",
    "load_ledger",
    "load_serials",
    "load_tokens",
    "merchant_facts",
    "open_reports",
    "photo_lookup",
    "photo_root",
    "price_model",
    "text_of",
]

STANDARD = Path("-")
"""Standard input or output, where a file of lines is meant."""


class BadRows:
    """Counts the bad rows of files, and says each."""

    def __init__(self, complaints: Complaints) -> None:
        """Begin at none; `complaints` says them."""
        self.rows, self._complaints = 0, complaints

    def of(self, path: Path) -> Callable[[BadRow], None]:
        """Return what is called with each bad row of a file."""

        def on_error(row: BadRow) -> None:
            self.rows += row.rows
            self._complaints(f"{path.name}, line {row.line}: {row.reason}")

        return on_error

    def exit_if_any(self) -> None:
        """End the command with code 1 if there was one."""
        if self.rows:
            complain(f"{self.rows} rows failed, see above")
            sys.exit(1)


def listing_source(path: Path) -> ListingSource:
    """Return where listings are read from: the file or folder, or standard input for `-`."""
    return sys.stdin.buffer if path == STANDARD else path


def photo_root(listings: Path) -> Path:
    """Return the folder of the photos of listings: that of their file, for standard input the current one."""
    if listings == STANDARD:
        return Path()
    return listings if listings.is_dir() else listings.parent


def open_reports(path: Path) -> Iterator[Report]:
    """Return the reports of a file, of a folder that `scan --shards` wrote, or of standard input for `-`.

    Raises:
        InputError: There is no such file.
        CorruptFileError: While reading: a line is no report, was altered, or the end is missing.
    """
    if path == STANDARD:
        return read_reports(sys.stdin.buffer)
    if path.is_dir():
        from logoscan.distributed.report_files import shard_reports

        return shard_reports(path)
    return read_reports(path)


def text_of(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        InputError: It is in another encoding.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: expected UTF-8, got bytes that are not") from None


def check_future(text: str, owner: str) -> None:
    """Refuse a last day, YYYY-MM-DD, that is over, or is none.

    Raises:
        InputError: It is; the message begins with `owner`.
    """
    from datetime import UTC, datetime

    from logoscan.index.pack_keys import utc_time

    if utc_time(text, owner) < datetime.now(UTC):
        raise InputError(f"{owner}: expected a day to come, got {quoted(text)}")


def price_model(path: Path | None, columns: Mapping[str, str] | None = None) -> tuple[PriceModel | None, int]:
    """Return the price model of a file of prices, and how many of its rows failed; stderr says which.

    Args:
        path: Path of the file; None gives no model.
        columns: Fields by the names of the columns that hold them.
    """
    if path is None:
        return None, 0
    with Complaints() as complaints:
        failed = BadRows(complaints)
        records = list(read_prices(path, on_error=failed.of(path), columns=columns))
    return PriceModel.fit(records), failed.rows


def load_ledger(path: Path) -> PhotoLedger:
    """Return the ledger of a file, an empty one if the file does not exist.

    Raises:
        InputError: The folder of the file does not exist.
    """
    if not path.parent.is_dir():  # reported before the scan, not after it
        raise InputError(f"ledger: expected a file in an existing folder, got {str(path)!r}")
    return PhotoLedger.load(path) if path.is_file() else PhotoLedger()


def is_photo_table(path: Path) -> bool:
    """Return whether the file in the place of a ledger is a Parquet table, which is read and never changed."""
    return path.suffix.lower() == ".parquet"


def photo_lookup(path: Path) -> PhotoLookup:
    """Return who used which photos, from a Parquet table or the file of a ledger.

    Raises:
        InputError: The folder of the file does not exist, or the table is none of photos.
    """
    return PhotoJoin.load(path) if is_photo_table(path) else load_ledger(path)


def load_tokens(path: Path) -> tuple[TokenList, int]:
    """Return the tokens of closed accounts in a file, and how many of its rows failed; stderr says which."""
    failed = 0
    with Complaints() as complain:

        def on_error(row: BadRow) -> None:
            nonlocal failed
            failed += row.rows
            complain(f"{path.name}, line {row.line}: {row.reason}")

        return TokenList.load(path, on_error=on_error), failed


@contextmanager
def changed_ledger(path: Path) -> Iterator[PhotoLedger]:
    """Yield the ledger of a file, with what others have added by now, and save it at the end; under a lock."""
    with held(lock_beside(path)):
        ledger = load_ledger(path)
        yield ledger
        ledger.save(path)


def load_serials(path: Path) -> SerialList:
    """Return the list of serials of a file, an empty one if the file does not exist.

    Raises:
        InputError: The folder of the file does not exist.
    """
    if not path.parent.is_dir():
        raise InputError(f"serials: expected a file in an existing folder, got {str(path)!r}")
    return SerialList.load(path) if path.is_file() else SerialList()


def add_serials(path: Path, serials: SerialList) -> None:
    """Add serials to the list of a file, with what others have added by now; under a lock."""
    with held(lock_beside(path)):
        latest = load_serials(path)
        latest.merge(serials)
        latest.save(path)


def merchant_facts(
    path: Path, columns: Mapping[str, str] | None, complaints: Complaints
) -> tuple[dict[str, MerchantFacts], int]:
    """Return the facts of a file by merchant, and how many rows failed; stderr says which, and which fields.

    Args:
        path: Path of a CSV file.
        columns: Fields by the names of the columns that hold them.
        complaints: Prints what is wrong.
    """
    failed = 0

    def on_error(row: BadRow) -> None:
        nonlocal failed
        failed += row.rows
        complaints(f"{path.name}, line {row.line}: {row.reason}")

    out = {}
    for row in read_facts(path, on_error=on_error, columns=columns):
        for name, reason in row.dropped.items():
            complaints(f"{path.name}, merchant {quoted(row.seller_id)}: {name}: {reason}; the field was dropped")
        out[row.seller_id] = row.facts
    return out, failed

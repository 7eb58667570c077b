"""Input files of several commands: prices and photo ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logoscan.cli.console import Complaints
from logoscan.errors import InputError
from logoscan.io.files import held, lock_beside
from logoscan.io.listings import BadRow
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel

__all__ = ["changed_ledger", "load_ledger", "price_model"]


def price_model(path: Path | None) -> tuple[PriceModel | None, int]:
    """Return the price model of a file of prices, and how many of its rows failed; stderr says which."""
    if path is None:
        return None, 0
    failed = 0
    with Complaints() as complain:

        def on_error(row: BadRow) -> None:
            nonlocal failed
            failed += row.rows
            complain(f"{path.name}, line {row.line}: {row.reason}")

        records = list(read_prices(path, on_error=on_error))
    return PriceModel.fit(records), failed


def load_ledger(path: Path) -> PhotoLedger:
    """Return the ledger of a file, an empty one if the file does not exist.

    Raises:
        InputError: The folder of the file does not exist.
    """
    if not path.parent.is_dir():  # reported before the scan, not after it
        raise InputError(f"ledger: expected a file in an existing folder, got {str(path)!r}")
    return PhotoLedger.load(path) if path.is_file() else PhotoLedger()


@contextmanager
def changed_ledger(path: Path) -> Iterator[PhotoLedger]:
    """Yield the ledger of a file, with what others have added by now, and save it at the end; under a lock."""
    with held(lock_beside(path)):
        ledger = load_ledger(path)
        yield ledger
        ledger.save(path)

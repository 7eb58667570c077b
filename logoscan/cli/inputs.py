"""Files that several commands take: prices and ledgers."""

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

__all__ = ["ledger_of", "ledger_to_change", "price_model"]


def price_model(path: Path | None) -> tuple[PriceModel | None, int]:
    """References from a file of prices, and how many of its rows failed (said on stderr)."""
    if path is None:
        return None, 0
    records, failed = [], 0
    with Complaints() as complain:
        for record in read_prices(path):
            if isinstance(record, BadRow):
                failed += record.rows
                complain(f"{path.name}, line {record.line}: {record.reason}")
            else:
                records.append(record)
    return PriceModel.fit(records), failed


def ledger_of(path: Path) -> PhotoLedger:
    """What a file knows of photos; nothing if it is not there yet."""
    if not path.parent.is_dir():  # said before the scan, not after it
        raise InputError(f"ledger: expected a file in an existing folder, got {str(path)!r}")
    return PhotoLedger.load(path) if path.is_file() else PhotoLedger()


@contextmanager
def ledger_to_change(path: Path) -> Iterator[PhotoLedger]:
    """What a file knows by now, since others may have added theirs; saved at the end, one after another."""
    with held(lock_beside(path)):
        ledger = ledger_of(path)
        yield ledger
        ledger.save(path)

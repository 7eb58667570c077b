"""Records, listings and files: everything that is read from a disk and written to it."""

from logoscan.io.files import atomic_write
from logoscan.io.listings import read_listings, row_count
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.io.rows import BadRow, to_listing

__all__ = [
    "BadRow",
    "atomic_write",
    "from_json",
    "read_listings",
    "row_count",
    "to_json",
    "to_listing",
    "to_mapping",
]

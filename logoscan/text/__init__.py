"""Brand names and other facts in text."""

from logoscan.text.brand_names import NameIndex
from logoscan.text.coded_terms import find_coded
from logoscan.text.complaints import find_complaints
from logoscan.text.listing_text import ListingText

__all__ = [
    "ListingText",
    "NameIndex",
    "find_coded",
    "find_complaints",
]

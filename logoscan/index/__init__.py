"""The index of registered brands and logos."""

from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.index.neighbours import BrandNeighbours
from logoscan.index.storage import LogoRecord

__all__ = [
    "BrandNeighbours",
    "LogoIndex",
    "LogoRecord",
    "read_brand_folders",
]

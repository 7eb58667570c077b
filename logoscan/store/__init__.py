"""What was seen in photos, in Parquet: write, read, and search by a new logo or photo."""

from logoscan.store.find import Find, find, make_query
from logoscan.store.maker import Maker
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.rows import StoredPhoto
from logoscan.store.writer import FeatureWriter

__all__ = ["FeatureStore", "FeatureWriter", "Find", "Maker", "StoreSettings", "StoredPhoto", "find", "make_query"]

"""What goods cost: price references and how unusual a price is."""

from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord, PriceSample, sample_prices

__all__ = [
    "PriceModel",
    "PriceRecord",
    "PriceSample",
    "read_prices",
    "sample_prices",
]

"""The version of logoscan, in one place."""

__version__ = "0.1.0"

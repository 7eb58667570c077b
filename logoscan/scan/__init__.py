"""The Scanner: listings in, reports out."""

from logoscan.scan.pace import Pace
from logoscan.scan.pipeline import Pipeline
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screener, Screening

__all__ = [
    "Pace",
    "Pipeline",
    "Scanner",
    "Screener",
    "Screening",
]

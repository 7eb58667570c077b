"""Signals and the counterfeit score of a listing."""

from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS, Case

__all__ = [
    "DEFAULT_SIGNALS",
    "Case",
    "Findings",
    "Judge",
    "ScoreModel",
]

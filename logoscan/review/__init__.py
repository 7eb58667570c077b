"""Verdicts of reviewers: the journal."""

from logoscan.review.journal import Journal
from logoscan.review.verdict import Verdict

__all__ = ["Journal", "Verdict"]

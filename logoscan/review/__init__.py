"""Verdicts of reviewers: the journal."""

from logoscan.review.journal import Journal, Verdict

__all__ = [
    "Journal",
    "Verdict",
]

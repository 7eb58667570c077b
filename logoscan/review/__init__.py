"""Verdicts of reviewers: the journal that keeps them, and what they teach."""

from logoscan.review.journal import Journal
from logoscan.review.labels import Labels, labels_of
from logoscan.review.verdict import Verdict
from logoscan.review.verdict_rows import VerdictRow, read_verdict_rows

__all__ = ["Journal", "Labels", "Verdict", "VerdictRow", "labels_of", "read_verdict_rows"]

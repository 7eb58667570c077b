"""Verdicts of reviewers: the journal."""

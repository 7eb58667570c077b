"""The Scanner: listings in, reports out."""

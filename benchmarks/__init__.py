"""Measurements of logoscan, each a question: `python -m benchmarks --help` lists them."""

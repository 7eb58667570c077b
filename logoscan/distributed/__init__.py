"""Scans on many machines with Ray Data."""

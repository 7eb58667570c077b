"""Scans on many machines with Ray Data, an extra."""

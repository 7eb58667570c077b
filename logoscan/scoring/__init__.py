"""Signals and the counterfeit score of a listing."""

"""Figures on drawn streams of listings, which are always reported as simulated."""

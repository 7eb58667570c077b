"""Engines that read text in photos, and where in a photo to read."""

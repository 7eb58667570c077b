"""Pictures: loading with caps, boxes, crops, SVG and perceptual hashes of photos."""

from logoscan.images.loading import ImageLimits, load_image, read_picture
from logoscan.images.phash import PhotoHash, PhotoLookup, PhotoUse, photo_hash

__all__ = [
    "ImageLimits",
    "PhotoHash",
    "PhotoLookup",
    "PhotoUse",
    "load_image",
    "photo_hash",
    "read_picture",
]

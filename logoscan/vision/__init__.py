"""Networks and keypoints: photos in, photo features out."""

from logoscan.vision.detector import Detector, LogoDetector, make_detector
from logoscan.vision.encoder import ClipEncoder, Encoder, TextEncoder
from logoscan.vision.extractor import FeatureExtractor
from logoscan.vision.features import FeatureCache, PhotoFeatures
from logoscan.vision.sift import KeypointExtractor, Keypoints, Sift
from logoscan.vision.tiles import TilePlan, Tiles, WholeImage

__all__ = [
    "ClipEncoder",
    "Detector",
    "Encoder",
    "FeatureCache",
    "FeatureExtractor",
    "KeypointExtractor",
    "Keypoints",
    "LogoDetector",
    "PhotoFeatures",
    "Sift",
    "TextEncoder",
    "TilePlan",
    "Tiles",
    "WholeImage",
    "make_detector",
]

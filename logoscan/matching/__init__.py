"""Photo features and an index in, calibrated evidence for each brand out."""

from logoscan.matching.alteration import Alteration, AlterationCheck
from logoscan.matching.calibration import MatchCalibration, brand_thresholds, bundled_calibrations
from logoscan.matching.fusion import BrandEvidence, fuse
from logoscan.matching.match import match_regions
from logoscan.matching.matcher import Matcher

__all__ = [
    "Alteration",
    "AlterationCheck",
    "BrandEvidence",
    "MatchCalibration",
    "Matcher",
    "brand_thresholds",
    "bundled_calibrations",
    "fuse",
    "match_regions",
]

"""logoscan finds counterfeit risk in product listings.

Importing it loads neither torch, faiss, cv2 nor an OCR engine; constructors load what they need.
"""

from logoscan._version import __version__
from logoscan.brands import read_brand_folders
from logoscan.calibration import MatchCalibration
from logoscan.detect import Detector, TilePlan, Tiles, WholeImage
from logoscan.encode import ClipEncoder, Encoder
from logoscan.errors import LogoscanError
from logoscan.evidence import BrandEvidence, gather
from logoscan.images import ImageLimits, load_image
from logoscan.index import LogoIndex
from logoscan.judging import Findings, Judge
from logoscan.ledger import PhotoLedger
from logoscan.listings import BadRow, read_listings, to_listing
from logoscan.merchant import MerchantFacts, MerchantModel, MerchantScore, score_merchant
from logoscan.merchant_evidence import ListingEvidence
from logoscan.merchant_state import MerchantState
from logoscan.notebook import to_pandas
from logoscan.ocr import EasyOcr, OcrEngine, RapidOcr, make_ocr
from logoscan.pace import Pace
from logoscan.price import PriceModel
from logoscan.price_files import read_prices
from logoscan.price_sample import PriceRecord, PriceSample, sample_prices
from logoscan.report import draw_overlay, read_reports, report_from_json, report_to_json
from logoscan.results import Report, Score, Signal
from logoscan.runtime import one_core_a_batch
from logoscan.scanner import Scanner
from logoscan.score import ScoreModel
from logoscan.screening import Screener, Screening
from logoscan.sources import ANYWHERE
from logoscan.types import (
    Brand,
    BrandMention,
    EncoderInfo,
    Listing,
    Match,
    Preprocessing,
    Regions,
    TextSpans,
    UsualPrice,
)
from logoscan.verdicts import Journal, Verdict

__all__ = [
    "ANYWHERE",
    "BadRow",
    "Brand",
    "BrandEvidence",
    "BrandMention",
    "ClipEncoder",
    "Detector",
    "EasyOcr",
    "Encoder",
    "EncoderInfo",
    "Findings",
    "ImageLimits",
    "Journal",
    "Judge",
    "Listing",
    "ListingEvidence",
    "LogoIndex",
    "LogoscanError",
    "Match",
    "MatchCalibration",
    "MerchantFacts",
    "MerchantModel",
    "MerchantScore",
    "MerchantState",
    "OcrEngine",
    "Pace",
    "PhotoLedger",
    "Preprocessing",
    "PriceModel",
    "PriceRecord",
    "PriceSample",
    "RapidOcr",
    "Regions",
    "Report",
    "Scanner",
    "Score",
    "ScoreModel",
    "Screener",
    "Screening",
    "Signal",
    "TextSpans",
    "TilePlan",
    "Tiles",
    "UsualPrice",
    "Verdict",
    "WholeImage",
    "__version__",
    "draw_overlay",
    "gather",
    "load_image",
    "make_ocr",
    "one_core_a_batch",
    "read_brand_folders",
    "read_listings",
    "read_prices",
    "read_reports",
    "report_from_json",
    "report_to_json",
    "sample_prices",
    "score_merchant",
    "to_listing",
    "to_pandas",
]

"""logoscan finds counterfeit risk in product listings.

Importing it loads neither torch, faiss, cv2 nor an OCR engine; constructors load what they need.
"""

from logoscan._version import __version__
from logoscan.errors import LogoscanError
from logoscan.images.loading import ImageLimits, load_image
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow, read_listings, to_listing
from logoscan.matching.calibration import MatchCalibration
from logoscan.matching.fusion import BrandEvidence, fuse
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.score import MerchantFacts, MerchantModel, MerchantScore, score_merchant
from logoscan.merchants.state import MerchantState
from logoscan.ocr.engine import EasyOcr, OcrEngine, RapidOcr, make_ocr
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord, PriceSample, sample_prices
from logoscan.reporting.jsonl import read_reports, report_from_json, report_to_json
from logoscan.reporting.notebook import to_pandas
from logoscan.reporting.overlay import draw_overlay
from logoscan.results import Report, Score, Signal
from logoscan.review.journal import Journal, Verdict
from logoscan.runtime import one_core_a_batch
from logoscan.scan.pace import Pace
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screener, Screening
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
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
from logoscan.vision.detector import Detector, TilePlan, Tiles, WholeImage
from logoscan.vision.encoder import ClipEncoder, Encoder

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
    "EvidenceModel",
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
    "fuse",
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

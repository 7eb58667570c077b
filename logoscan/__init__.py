"""logoscan finds counterfeit risk in product listings.

    scanner = Scanner.default("brands/")
    report = scanner.scan(Listing("1", images=("photo.jpg",), title="...", price=9.9, currency="EUR"))

Importing it loads neither torch, faiss, cv2 nor an OCR engine; constructors load what they need.

What is where:

    types, results   what goes in (Listing, Brand) and what comes out (Report, Score)
    io               listings and price files, records as JSON, files that survive a crash
    images           loading with caps, boxes, SVG, perceptual hashes, codes, what files declare
    text             brand names, coded terms, complaints, contacts and other facts in text
    pricing          what goods cost
    ocr              the OCR engines, and where in a photo to read
    vision           detector, encoder, keypoints: photos -> photo features
    index            the index of registered brands and logos
    matching         photo features and an index -> calibrated evidence for each brand
    scoring          signals, the counterfeit score and its reasons
    merchants        scores of merchants, the ledger of photos
    scan             the Scanner, its pipeline, screening before posting
    reporting        JSON lines, pages, overlays, charts
    review           verdicts of reviewers
    store            what was seen in photos, in Parquet: write, read, search by a new logo or photo
    distributed      Ray Data
    cli, training    the commands; the recipe of the bundled weights

The words:

    index            registered brands with their logos; a query is a region's embedding
    region           a box in a photo that is encoded
    photo features   what a photo holds before any index is asked: regions, vectors, keypoints, text
    match            a region that shows what the index holds of a brand, by appearance or by keypoints
    mention          a brand's name in text
    evidence         how surely the photos of a listing show a brand
    signal, score    one reason for suspicion in [0, 1]; what all reasons sum to
"""

from logoscan._version import __version__
from logoscan.errors import LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.score import score_merchant
from logoscan.merchants.state import MerchantState
from logoscan.ocr.easyocr import EasyOcr
from logoscan.ocr.engine import make_ocr
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.reporting.jsonl import read_reports, write_reports
from logoscan.reporting.notebook import to_pandas
from logoscan.reporting.overlay import draw_overlay
from logoscan.results import Report, Score, Signal
from logoscan.review.journal import Journal
from logoscan.scan.changes import compare_reports
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screening
from logoscan.scoring.model import ScoreModel
from logoscan.sources import ANYWHERE
from logoscan.text.log_filter import redact_logs
from logoscan.types import Brand, Listing, Match, UsualPrice
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder

redact_logs()

__all__ = [
    "ANYWHERE",
    "Brand",
    "ClipEncoder",
    "EasyOcr",
    "Journal",
    "Listing",
    "LogoDetector",
    "LogoIndex",
    "LogoscanError",
    "Match",
    "MerchantState",
    "PhotoLedger",
    "PriceModel",
    "PriceRecord",
    "RapidOcr",
    "Report",
    "Scanner",
    "Score",
    "ScoreModel",
    "Screening",
    "Signal",
    "UsualPrice",
    "__version__",
    "compare_reports",
    "draw_overlay",
    "make_ocr",
    "read_listings",
    "read_prices",
    "read_reports",
    "score_merchant",
    "to_pandas",
    "write_reports",
]

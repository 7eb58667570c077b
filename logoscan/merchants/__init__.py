"""The score of a merchant, the state of a stream, and who used a photo before."""

from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.platform import fit_platform, share_interval
from logoscan.merchants.score import MerchantModel, MerchantScore, score_merchant
from logoscan.merchants.state import MerchantState

__all__ = [
    "EvidenceModel",
    "MerchantFacts",
    "MerchantModel",
    "MerchantScore",
    "MerchantState",
    "PhotoLedger",
    "fit_platform",
    "score_merchant",
    "share_interval",
]

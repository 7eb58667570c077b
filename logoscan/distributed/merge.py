"""Merge the reports of a distributed scan into the states of merchants and into a photo ledger."""

from __future__ import annotations

import logging

from logoscan.distributed.report_files import Outputs, shard_reports
from logoscan.errors import InputError
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.state import MerchantState

__all__ = ["merge_ledger", "merge_states"]

logger = logging.getLogger(__name__)


def merge_states(outputs: Outputs, evidence: EvidenceModel | None = None) -> dict[str, MerchantState]:
    """Return the state of every merchant whose listings were scanned, by `seller_id`.

    Reports are added in the order of `shard_reports`. Listings without a seller belong to no state, and neither do
    those whose seller's id is too long for a state; the log says which.

    Args:
        outputs: Folder of the files of reports, or the files.
        evidence: Evidence model of the states; the default one if None.
    """
    states: dict[str, MerchantState] = {}
    for report in shard_reports(outputs):
        seller = report.seller_id
        if seller is None:
            continue
        state = states.get(seller) or MerchantState(evidence or EvidenceModel())
        try:
            state.add(report)
        except InputError as error:
            logger.warning("listing %r is in no merchant's state: %s", report.listing_id, error)
            continue
        states[seller] = state
    return states


def merge_ledger(outputs: Outputs, ledger: PhotoLedger) -> None:
    """Add the photos of all reports to a ledger, whose answers do not depend on the order.

    Only scanners with a ledger hash photos; reports of other scanners add nothing.

    Args:
        outputs: Folder of the files of reports, or the files.
        ledger: Ledger to add to.
    """
    for report in shard_reports(outputs):
        ledger.add_report(report)

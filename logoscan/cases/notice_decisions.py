"""Notices as decisions on record: that one came in, and what a person decided; neither has the notifier's name."""

from __future__ import annotations

from datetime import datetime

from logoscan._quote import quoted
from logoscan.cases.decisions import Action, Decision, Means
from logoscan.cases.notices import Known, Notice, listings_of
from logoscan.errors import InputError

__all__ = ["notice_decision", "receipts"]


def receipts(notice: Notice, known: Known) -> tuple[Decision, ...]:
    """Return the decisions that a notice came in, one for each listing: a person must look (hold).

    They hold neither the name nor the address of the notifier. `notice_decision` answers them.

    Raises:
        InputError: It is not known when the notice came in, or it names no listing.
    """
    listings = listings_of(notice, known)
    if notice.received_at is None or not listings:
        what = "listings that are known" if notice.received_at is not None else "the time when it came in"
        raise InputError(f"notice {quoted(notice.id)}: expected {what}, got none")
    brand = known.brand(notice.brand)
    return tuple(
        Decision(
            "hold",
            notice.received_at,
            listing_id=listing,
            brand=brand.name if brand is not None else None,
            source="trusted_flagger" if notice.trusted_flagger else "notice",
            detection="human",
            received_at=notice.received_at,
            id=_receipt_id(notice, place),
        )
        for place, listing in enumerate(listings)
    )


def _receipt_id(notice: Notice, place: int) -> str:
    return f"{notice.id}-{place + 1}"


def notice_decision(
    receipt: Decision,
    action: Action,
    *,
    time: datetime,
    reviewer: str,
    reason: str | None = None,
    decision: Means = "human",
    seller_id: str | None = None,
    listed_at: datetime | None = None,
) -> Decision:
    """Return the decision of a person on a notice: remove or another action against the listing, or allow.

    Args:
        receipt: The receipt of the notice for this listing.
        action: What is decided.
        time: When.
        reviewer: The person who decides.
        reason: Why the notice is declined, a short word.
        decision: Whether the person was shown a proposal ("partly").
        seller_id: Seller of the listing.
        listed_at: When the listing went on sale.

    Raises:
        InputError: No person decides: a notice alone takes nothing down.
    """
    if not reviewer.strip() or decision == "automated":
        raise InputError("notice_decision: expected a person who decides; a notice alone takes nothing down")
    return Decision(
        action,
        time,
        listing_id=receipt.listing_id,
        seller_id=seller_id,
        brand=receipt.brand,
        source=receipt.source,
        ground="illegal",
        detection="human",
        decision=decision,
        reason=reason,
        reviewer=reviewer,
        received_at=receipt.received_at,
        listed_at=listed_at,
        answers=receipt.id,
    )

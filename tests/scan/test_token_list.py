"""The door: a listing that shows a token of a closed account is held, with the reason, and never blocked for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders.scans import ACME, make_scanner
from fakes import photo_of

from logoscan.images.phash import photo_hash
from logoscan.merchants.token_file import TokenRow
from logoscan.merchants.token_list import TokenList
from logoscan.types import Listing, Rgb


def noise(seed: int) -> Rgb:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return np.kron(small, np.ones((40, 40, 1), np.uint8))


def listed(photo: Rgb) -> TokenList:
    hashed = photo_hash(photo)
    assert hashed is not None
    return TokenList([TokenRow("photo", hashed.pdq, "closed-1")])


REASON = "shows 1 photo of the account 'closed-1', closed before"


@pytest.mark.parametrize("deadline_s", [math.inf, 60.0])
def test_a_photo_of_a_closed_account_holds_a_listing_with_the_reason(deadline_s: float) -> None:
    scanner = make_scanner(ocr=None, token_list=listed(noise(1)))
    held = scanner.screen(Listing("L", images=(noise(1),), claimed_brand=""), deadline_s=deadline_s)
    assert (held.decision, held.report.score.band) == ("hold", "review")
    assert held.report.score.doubts == (REASON,)
    free = scanner.screen(Listing("L", images=(noise(2),), claimed_brand=""), deadline_s=deadline_s)
    assert (free.decision, free.report.score.doubts) == ("allow", ())


def test_a_scan_says_the_same_as_the_gate_and_no_number_changes() -> None:
    photo = photo_of(ACME)
    listing = Listing("L", images=(photo,), claimed_brand="Acme", title="Acme shoes", seller_id="good")
    plain = make_scanner().scan(listing)
    scanner = make_scanner(token_list=listed(photo))
    told = scanner.scan(listing)
    assert told.score.value == plain.score.value
    assert told.score.contributions == plain.score.contributions
    assert told.score.band == "review"
    assert told.score.doubts[-1] == REASON
    assert scanner.screen(listing, deadline_s=math.inf).report.score == told.score


def test_unreadable_parts_that_are_allowed_do_not_lift_the_hold() -> None:
    scanner = make_scanner(ocr=None, token_list=listed(noise(1)))
    listing = Listing("L", images=(noise(1), b"no photo"), claimed_brand="")
    assert scanner.screen(listing, deadline_s=math.inf, on_unreadable="allow").decision == "hold"
    other = Listing("L", images=(noise(2), b"no photo"), claimed_brand="")
    assert scanner.screen(other, deadline_s=math.inf, on_unreadable="allow").decision == "allow"


def test_an_empty_list_changes_nothing() -> None:
    scanner = make_scanner(ocr=None, token_list=TokenList([]))
    assert scanner.scan(Listing("L", images=(noise(1),), claimed_brand="")).score.band == "clear"

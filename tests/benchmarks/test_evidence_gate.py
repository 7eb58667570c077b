"""The gate that `benchmarks evidence` measures holds and releases as the product does."""

from __future__ import annotations

from benchmarks.simulated.evidence import FAKE_REPLIES, NOTE_ALONE, Gated, Offer, gate
from logoscan.scan.ask import unanswered
from logoscan.scoring.judge import Findings, Judge
from logoscan.types import Brand, Listing

CLEAR = Gated(fake=False, band="clear", left=6.0)


def test_a_clear_listing_is_held_only_if_a_photo_could_release_it() -> None:
    assert not CLEAR.held(5.0)
    asked = Gated(fake=False, band="clear", left=6.0, offers=(Offer(5.5, 1.0), Offer(0.0, 3.0)))
    assert not asked.held(7.0)
    assert asked.held(5.0)
    assert asked.asked(5.0) == Offer(0.0, 3.0)
    assert asked.released(5.0)
    assert not asked.released(3.0), "what it sends leaves 3"
    silent = Gated(fake=True, band="clear", left=6.0, offers=(Offer(0.0),))
    assert silent.held(5.0)
    assert not silent.released(5.0)
    assert Gated(fake=False, band="review", left=0.0).held(5.0), "for a person"


def test_the_shares_of_the_gate_are_of_those_that_are_held() -> None:
    released = Gated(fake=False, band="clear", left=6.0, offers=(Offer(0.0, 0.0),))
    fakes = [Gated(fake=True, band=band, left=6.0, offers=(Offer(0.0),)) for band in ("clear", "block")]
    figures = gate([CLEAR, released, *fakes], 5.0)
    assert (figures["honest_held"], figures["released_of_held"]) == (0.5, 1.0)
    assert (figures["miss_rate_before"], figures["miss_rate"]) == (0.5, 0.0)
    assert FAKE_REPLIES + NOTE_ALONE <= 1.0


def test_nothing_is_left_where_nothing_is_judged() -> None:
    nobody = Findings(Listing("L"), "Acme")
    brands: dict[str, Brand] = {}
    assert unanswered(nobody, Judge().judge(nobody, brands.get)) == 0.0

"""Sellers who frame a rival by copying him, whitewash their own copies, or hide what their listings say of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from attack import Attack, NotHarmlessError, Outcome, Trial

from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.score import score_merchant
from logoscan.odds import sigmoid
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import Contribution, ImageRecord, ListingFacts, Provenance, Report, Score, Signal
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, Listing

ACME = Brand("Acme", authorised_sellers=("dealer",))
PRICES = PriceModel.fit(PriceRecord("Acme", 80.0 + i, "EUR", "Shoes") for i in range(40))
MINE = f"{random.Random(0).getrandbits(256):064x}"
"""Hash of the photo that is copied."""
BAD, CLEAN = 2.5, -4.0
"""Log-odds of a listing that is blocked, and of one of which nothing speaks."""


# -- copies


def resaved(number: int) -> str:
    """The photo as a copier's program wrote it."""
    bits = int(MINE, 16)
    for bit in random.Random(number).sample(range(256), 12):
        bits ^= 1 << bit
    return f"{bits:064x}"


Use = tuple[str, str, int | None]
"""Seller, hash, and the minute at which the platform saw them."""


def told(uses: Iterable[Use]) -> PhotoLedger:
    ledger = PhotoLedger()
    for seller, pdq, minute in uses:
        ledger.add(seller, [pdq], at=None if minute is None else f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z")
    return ledger


def copied(ledger: PhotoLedger, seller: str | None, price: float = 60.0) -> tuple[float, Score]:
    """The signal of a listing with that photo, and its score."""
    listing = Listing("x", title="Acme shoe", price=price, currency="EUR", category="Shoes", seller_id=seller)
    found = Findings(listing, "Acme", shown={"Acme": 0.9}, visible=("Acme",), photos=(ledger.look_up(MINE, seller),))
    (judged,) = Judge(PRICES).judge(found, {"Acme": ACME}.get)
    return next(c.value for c in judged.score.contributions if c.signal == "copied_photo"), judged.score


def _framed(name: str, seller: str, uses: Iterable[Use], most: float = 0.0) -> Attack:
    """Rivals copy an honest seller's photo."""

    def trial() -> tuple[Outcome, str]:
        value, score = copied(told(uses), seller)
        _, before = copied(told([use for use in uses if use[0] == seller]), seller)
        if value > most or (most == 0 and score.value != before.value):
            raise NotHarmlessError(f"{seller}: copied_photo {value}, {before.value} -> {score.value}")
        return "report", ""

    return Attack(f"framed: {name}", "report", lambda _: trial)


def _accused(name: str, seller: str | None, ledger: Callable[[], PhotoLedger], least: float) -> Attack:
    """A copier tries not to be one."""

    def trial() -> tuple[Outcome, str]:
        value, _ = copied(ledger(), seller)
        if value < least:
            raise NotHarmlessError(f"{seller}: copied_photo {value}, expected {least}")
        return "report", ""

    return Attack(f"copier: {name}", "report", lambda _: trial)


OWNER: Use = ("owner", MINE, 10)
COPIES: tuple[Use, ...] = tuple((f"sock{i}", MINE, 20 + i) for i in range(3))
EARLY: tuple[Use, ...] = tuple((f"sock{i}", MINE, i) for i in range(3))


def _published_by(*brands: str) -> PhotoLedger:
    ledger = told([OWNER, ("victim", MINE, 11), *COPIES])
    for brand in brands:
        ledger.add_official(brand, [MINE])
    return ledger


def _dated_back() -> PhotoLedger:
    """What a seller states of his listing's age is no clock."""
    ledger = told([OWNER])
    image = (ImageRecord(None, None, 9, 9, MINE),)
    made = Provenance("0", "e", "i", "d", "o", "s", "cpu", "2026-02-01T00:00:00+00:00")
    facts = ListingFacts(title="listed since 1999-01-01")
    score = ScoreModel().nothing()
    ledger.add_report(Report("x", "copier", score, (), (), (), (), (), image, made, listing=facts))
    return ledger


def _merged(*parts: Iterable[Use]) -> PhotoLedger:
    whole = PhotoLedger()
    for part in parts:
        whole.merge(told(part))
    return whole


_COPIED = (
    _framed("an authorised seller, by three accounts", "dealer", [("dealer", MINE, 10), *COPIES]),
    _framed("an authorised seller, by accounts that were there before", "dealer", [*EARLY, ("dealer", MINE, 10)]),
    _framed("an authorised seller who was never seen, by three accounts", "dealer", COPIES),
    _framed("the first, by three accounts", "owner", [OWNER, *COPIES]),
    _framed("the first, by three hundred", "owner", [OWNER, *((f"s{i}", MINE, 20 + i) for i in range(300))]),
    _framed("the first, by copies saved anew", "owner", [OWNER, *((f"s{i}", resaved(i), 20 + i) for i in range(9))]),
    _framed("the first, who lists again after them", "owner", [OWNER, *COPIES, ("owner", resaved(1), 90)]),
    _framed("the first, told last", "owner", [*COPIES, OWNER]),
    _framed("at one time with others", "owner", [OWNER, *((s, pdq, 10) for s, pdq, _ in COPIES)], most=0.5),
    _framed("by sellers of unknown time", "owner", [OWNER, *((s, pdq, None) for s, pdq, _ in COPIES)], most=0.5),
    _accused("another brand calls the photo its own", "victim", lambda: _published_by("Bolt"), 0.7),
    _accused("many other brands do", "victim", lambda: _published_by(*(f"brand {i}" for i in range(50))), 0.7),
    _accused("no name", None, lambda: told([OWNER]), 0.35),
    _accused("a blank name", " ", lambda: told([OWNER, *COPIES]), 0.5),
    _accused("an old date in the listing", "copier", _dated_back, 0.7),
    _accused("thirty accounts of his own after him", "sock0",
             lambda: told([OWNER, *((f"sock{i}", MINE, 20 + i) for i in range(31))]), 0.7),
    _accused("his file is merged first", "sock1", lambda: _merged(COPIES, [OWNER]), 0.7),
    _accused("a copy saved anew", "sock0", lambda: told([("owner", resaved(5), 10), *COPIES]), 0.7),
)  # fmt: skip


# -- a shop


def photo(number: int) -> str:
    return f"{random.Random(f'photo {number}').getrandbits(256):064x}"


def listed(logit: float, name: str, photos: Iterable[str], title: str) -> Report:
    """A report of a listing with a stated score."""
    bias = ScoreModel().bias
    part = Contribution("coded_terms", 1.0, logit - bias, "why")
    score = Score(100 * sigmoid(logit), "clear", "Acme", bias, (part,), 1.0, "m")
    images = tuple(ImageRecord(None, None, 9, 9, pdq) for pdq in photos)
    made = Provenance("0", "e", "i", "d", "o", "s", "cpu", "2026-01-01T00:00:00+00:00")
    return Report(name, "shop", score, (), (), (), (), (), images, made, listing=ListingFacts(title=title))


HUNDRED_CLEAN = [listed(CLEAN, f"clean {i}", [photo(1000 + i)], f"clean {i}") for i in range(100)]


def _shop(name: str, photos: Callable[[int], Iterable[str]], title: str, bands: set[str]) -> Attack:
    """A hundred bad listings, alone and among a hundred clean ones, end in one of some bands."""

    def trial() -> tuple[Outcome, str]:
        bad = [listed(BAD, f"bad {i}", photos(i), title.format(i=i)) for i in range(100)]
        for reports in (bad, [*bad, *HUNDRED_CLEAN], [*HUNDRED_CLEAN, *reversed(bad)]):
            score = score_merchant(reports)
            if score.band not in bands:
                raise NotHarmlessError(f"{len(reports)} listings: {score.band} at {score.value}")
        return "report", ""

    return Attack(f"shop: {name}", "report", lambda _: trial)


def _bought_off(_: Path) -> Trial:
    """One clean photo under hundreds of titles makes up for nothing."""

    def trial() -> tuple[Outcome, str]:
        bad = [listed(BAD, f"bad {i}", [photo(i)], f"bad {i}") for i in range(3)]
        clean = [listed(CLEAN, f"clean {i}", [MINE, photo(i)], f"clean {i}") for i in range(300)]
        if abs(score_merchant([*bad, *clean]).value - score_merchant([*bad, clean[0]]).value) > 1e-9:
            raise NotHarmlessError("listings of one main photo speak for their merchant more than once")
        return "report", ""

    return trial


_SHOPS = (
    _shop("a banner first", lambda i: (MINE, photo(i)), "shoe", {"block"}),
    _shop("a banner first, numbered titles", lambda i: (MINE, photo(i)), "shoe {i}", {"block"}),
    _shop("a banner first, saved anew each time", lambda i: (resaved(i), photo(i)), "shoe", {"block"}),
    _shop("a banner second", lambda i: (photo(i), MINE), "shoe", {"block"}),
    _shop("banners around", lambda i: (MINE, photo(-1), photo(i), photo(-2)), "shoe", {"block"}),
    _shop("its own photo twice", lambda i: (MINE, photo(i), photo(i)), "shoe", {"block"}),
    _shop("two banners in turn", lambda i: (photo(-1 - i % 2), photo(i)), "shoe", {"block"}),
    _shop("the banner alone", lambda i: (MINE,), "shoe {i}", {"review", "block"}),
    _shop("all photos the same, other titles", lambda i: (MINE, photo(-1)), "goods {i} of many", {"review", "block"}),
    Attack("shop: one clean photo under many titles", "report", _bought_off),
)


# -- labels


def _labelled(name: str, bad: int, good: int, share: float | None) -> Attack:
    """Labels that would teach the score to let counterfeits pass."""
    model = ScoreModel()
    caught = model.score("Acme", [Signal("low_price", 1.0, "why"), Signal("coded_terms", 1.0, "why")])
    harmless = model.score("Acme", [Signal("low_price", 0.0, "why")])
    scores, labels = [caught] * bad + [harmless] * good, [True] * bad + [False] * good

    def trial() -> tuple[Outcome, str]:
        if share is None:
            model.fit(scores, labels)
        else:
            model.with_bands(scores, labels, review_share=share)
        raise NotHarmlessError("taken without a word")

    return Attack(f"labels: {name}", "InputError", lambda _: trial)


_LABELS = (
    _labelled("counterfeits alone", 21, 0, None),
    _labelled("genuine goods alone", 0, 21, None),
    _labelled("a budget on rich labels", 21, 9, 0.02),
)

SELLERS: tuple[Attack, ...] = (*_COPIED, *_SHOPS, *_LABELS)

"""Hypothesis strategies for the records, and the settings that every property test shares."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, get_args

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from logoscan.index.storage import LogoRecord
from logoscan.odds import sigmoid
from logoscan.pricing.cohorts import NEW, USED, Cohort, CurrencyPrices, Effect
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import (
    BrandResult,
    Contribution,
    ImageRecord,
    ListingFacts,
    PriceFinding,
    Provenance,
    Report,
    Score,
    TextLine,
    UnreadLine,
)
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.text.quantities import Pack
from logoscan.types import Band, Boxes, Brand, BrandMention, EncoderInfo, Listing, Match, Preprocessing, UsualPrice

quick = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
"""For property tests: no deadline, because a loaded machine is no defect."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Any Unicode text."""
names = texts.filter(lambda t: bool(t.strip()))
units = st.floats(0.0, 1.0)
prices = st.floats(1e-3, 1e6)
logits = st.floats(-40.0, 40.0)
currencies = st.sampled_from(["EUR", "USD", "GBP"])
countries = st.sampled_from(["IT", "CN", "VN"])
optional_texts = st.none() | texts


def tuples_of(element: st.SearchStrategy[Any], max_size: int = 3) -> st.SearchStrategy[Any]:
    """Tuples of one kind."""
    return st.lists(element, max_size=max_size).map(tuple)


@st.composite
def usual_prices(draw: st.DrawFn) -> UsualPrice:
    low = draw(prices)
    return UsualPrice(draw(currencies), low, low * draw(st.floats(1.0, 10.0)), draw(optional_texts))


brands = st.builds(
    Brand,
    name=names,
    aliases=tuples_of(texts),
    authorised_sellers=tuples_of(texts),
    official_photos=tuples_of(texts),
    usual_prices=tuples_of(usual_prices()),
    facts=st.dictionaries(texts, texts, max_size=3),
    negatives=tuples_of(texts),
)

preprocessings = st.builds(
    Preprocessing,
    size_px=st.integers(8, 512),
    mean=st.tuples(units, units, units),
    std=st.tuples(*[st.floats(1e-3, 2.0)] * 3),
    fit=st.sampled_from(["context", "squeeze", "pad"]),
)
encoder_infos = st.builds(
    EncoderInfo, name=names, weights_sha256=names, preprocessing=preprocessings, dim=st.integers(1, 4096)
)
logo_records = st.builds(LogoRecord, id=names, brand=names, rendering=texts, sha256=texts)

listings = st.builds(
    Listing,
    id=names,
    images=tuples_of(texts),
    title=optional_texts,
    description=optional_texts,
    claimed_brand=optional_texts,
    category=optional_texts,
    condition=optional_texts,
    price=st.none() | prices,
    currency=st.none() | currencies,
    seller_id=optional_texts,
    listed_at=st.none() | st.dates().map(str),
    url=optional_texts,
    attributes=st.dictionaries(texts, texts, max_size=3),
    reviews=tuples_of(texts),
    ships_from=st.none() | countries,
)

goods_brands = st.sampled_from(["Acme", "Bolt"])
kinds = st.none() | st.sampled_from(["shoes", "bags"])
"""Categories that price references know."""
usual_money = st.sampled_from([5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0])
conditions = st.sampled_from([None, "new", "Used - good"])
packs = st.builds(Pack, st.sampled_from([1, 1, 1, 3])) | st.builds(
    Pack, st.sampled_from([1, 2, 6]), st.sampled_from([30.0, 50.0, 100.0]), st.just("ml")
)
price_records = st.builds(
    PriceRecord,
    brand=goods_brands,
    price=prices,
    currency=currencies,
    category=kinds,
    condition=conditions,
    pack=packs,
    words=st.lists(st.sampled_from(["mini", "set", "gold", "day"]), max_size=3).map(tuple),
)


def cohorts(currency: str = "EUR") -> st.SearchStrategy[Cohort]:
    """Any cohort in one currency."""
    return st.builds(
        Cohort,
        level=st.sampled_from(["brand+category", "brand", "category"]),
        brand=st.sampled_from(["acme", "acme", "bolt", None]),
        category=kinds,
        currency=st.just(currency),
        n=st.integers(0, 10_000),
        median=usual_money | prices,
        spread=st.sampled_from([0.2, 0.5, 1.0]) | st.floats(1e-3, 10.0),
        discount=st.none() | usual_money | prices,
        amount=st.none() | prices,
        condition=st.sampled_from([NEW, USED]),
    )


def _effects(called: list[str]) -> st.SearchStrategy[tuple[Effect, ...]]:
    effects = [st.builds(Effect, st.just(n), st.floats(-9, 9), st.floats(0.01, 9), st.integers(0, 99)) for n in called]
    return st.tuples(*effects).flatmap(lambda made: st.sets(st.sampled_from(made)).map(tuple))


@st.composite
def currency_prices(draw: st.DrawFn, currency: str = "EUR") -> CurrencyPrices:
    """Any references in one currency; what they say of brands, categories and cohorts need not agree."""
    begins = draw(st.floats(0.01, 5.0))
    return CurrencyPrices(
        currency=currency,
        centre=draw(st.floats(-9.0, 14.0)),
        spread=draw(st.floats(0.01, 9.0)),
        between_brands=draw(st.floats(0.0, 9.0)),
        between_categories=draw(st.floats(0.0, 9.0)),
        brands=draw(_effects(["acme", "bolt"])),
        categories=draw(_effects(["shoes", "bags"])),
        cohorts=draw(tuples_of(cohorts(currency), 6)),
        used_shift=draw(st.floats(-3.0, 0.0)),
        used_spread=draw(st.floats(0.0, 3.0)),
        count_exponent=draw(units),
        amount_exponent=draw(units),
        begins=begins,
        flags=begins + draw(st.floats(0.01, 5.0)),
    )


@st.composite
def price_models(draw: st.DrawFn, currencies: Sequence[str] = ("EUR", "USD", "GBP")) -> PriceModel:
    """Any model, with rates for any of its currencies."""
    known = draw(st.lists(st.sampled_from(currencies), unique=True))
    rates = draw(st.dictionaries(st.sampled_from(currencies), st.floats(0.01, 100.0)))
    return PriceModel(tuple(draw(currency_prices(c)) for c in known), rates)


finite = st.floats(-1e9, 1e9)
contributions = st.builds(Contribution, signal=names, value=units, contribution=st.floats(-5.0, 5.0), why=texts)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    parts = draw(tuples_of(contributions, 6))
    model = draw(texts)
    if draw(st.booleans()):
        bias = draw(st.floats(-8.0, 8.0))
        value = 100.0 * sigmoid(bias + math.fsum(p.contribution for p in parts))
        band: Band = draw(st.sampled_from(get_args(Band)))
        return Score(value, band, draw(names), bias, parts, draw(units), model)
    return Score(None, "clear", None, draw(finite), (), draw(units), model)


score_shapes = st.lists(st.floats(0, 8) | st.just(0.0), min_size=1, max_size=7).map(
    lambda rows: (0.0, *accumulate(rows))
)


def score_shape(signal: str) -> st.SearchStrategy[tuple[float, ...]]:
    """Any shape of a signal, or of a credit within its bound."""
    if signal not in CREDIT:
        return score_shapes
    falls = st.lists(st.floats(0, 1), min_size=1, max_size=4)
    return falls.map(lambda rows: (0.0, *(-CREDIT[signal] * x / len(rows) for x in accumulate(rows))))


score_models = st.builds(
    ScoreModel,
    bias=st.floats(-10, 5),
    shapes=st.fixed_dictionaries({name: score_shape(name) for name in sorted(PRIOR)}),
    review_from=st.floats(1, 50),
    block_from=st.floats(50, 99),
    min_coverage=units,
)


def make_report(**changes: Any) -> Report:
    """An empty report, with changes."""
    fields: dict[str, Any] = {
        "listing_id": "L",
        "seller_id": None,
        "score": Score(None, "clear", None, -4.0, (), 0.0, "m"),
        "brands": (),
        "matches": (),
        "mentions": (),
        "warnings": (),
        "skipped": (),
        "images": (),
        "provenance": Provenance("0", "e", "i", "d", "o", "s", "cpu", "2024-01-01T00:00:00+00:00"),
    }
    return Report(**{**fields, **changes})


price_findings = st.builds(PriceFinding, st.none() | units, texts) | st.builds(
    PriceFinding,
    units,
    texts,
    prices,
    currencies,
    prices,
    prices,
    st.floats(1e-3, 10.0),
    st.integers(0, 99),
    st.sampled_from(["registered", "brand", "category"]),
    optional_texts,
    st.none() | st.tuples(prices, prices),
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    images = draw(
        tuples_of(
            st.builds(
                ImageRecord,
                optional_texts,
                st.none() | texts,
                st.none() | st.integers(1, 30_000),
                st.none() | st.integers(1, 30_000),
                st.none() | st.sampled_from(["0f" * 32]),
            )
        )
    )
    matches = st.builds(
        Match,
        image=st.integers(0, max(0, len(images) - 1)),
        xyxy=st.tuples(finite, finite, finite, finite),
        brand=names,
        logo=names,
        similarity=st.floats(-1.0, 1.0),
        margin=st.floats(0.0, 2.0),
        probability=st.none() | units,
    )
    mentions = st.builds(
        BrandMention,
        source=st.sampled_from(["title", "description", "image:0"]),
        text=texts,
        brand=names,
        kind=st.sampled_from(["exact", "near", "compatible", "style"]),
        distance=units,
        probability=units,
    )
    boxes_xyxy = st.tuples(finite, finite, finite, finite)
    positions = st.integers(0, max(0, len(images) - 1))
    text_lines = tuples_of(st.builds(TextLine, positions, boxes_xyxy, texts, units))
    unread_lines = tuples_of(st.builds(UnreadLine, positions, boxes_xyxy, st.sampled_from([None, "Cyrl", "Arab"])))
    return Report(
        listing_id=draw(names),
        seller_id=draw(optional_texts),
        score=draw(scores()),
        brands=draw(
            tuples_of(
                st.builds(BrandResult, names, st.none() | units, st.floats(0.0, 100.0), st.none() | st.booleans())
            )
        ),
        matches=draw(tuples_of(matches)) if images else (),
        mentions=draw(tuples_of(mentions)),
        warnings=draw(tuples_of(texts)),
        skipped=draw(tuples_of(texts)),
        images=images,
        provenance=draw(
            st.builds(Provenance, *[texts] * 8, optional_texts, optional_texts, st.none() | st.floats(-1.0, 1.0))
        ),
        listing=draw(st.none() | listings.map(ListingFacts.of)),
        price=draw(st.none() | price_findings),
        text=draw(st.none() | text_lines) if images else draw(st.none() | st.just(())),
        unread=draw(st.none() | unread_lines) if images else draw(st.none() | st.just(())),
    )


_coordinates = st.integers(-8, 40).map(float) | st.floats(-50.0, 200.0, width=32)


def boxes(min_size: int = 0, max_size: int = 8) -> st.SearchStrategy[Boxes]:
    """Boxes float32 (n, 4); some lie outside of any picture, some are turned inside out."""
    rows = st.lists(
        st.tuples(_coordinates, _coordinates, _coordinates, _coordinates), min_size=min_size, max_size=max_size
    )
    return rows.map(as_boxes)


def as_boxes(rows: Sequence[Sequence[float]]) -> Boxes:
    """Rows of four numbers as float32 (n, 4)."""
    return np.array(rows, np.float32).reshape(-1, 4)


def floats32(values: Sequence[float]) -> NDArray[np.float32]:
    """Numbers as float32 (n,)."""
    return np.array(values, np.float32)


def form(array: NDArray[Any]) -> tuple[str, tuple[int, ...]]:
    """Name of the dtype, and shape."""
    return str(array.dtype), array.shape

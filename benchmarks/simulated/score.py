"""Quality of the score: price anomalies on real prices, and simulated worlds.

prices: rows of each file are split by a seed, two thirds to fit and a third held out; false_flag is the share of
held-out genuine rows with a price anomaly of 0.5 or more, caught_N that of the same rows at N % of their price.
_meandev: the rule by mean and standard deviation of the brand's category (else brand, else category, of 8 rows or
more), with the threshold at which it flags as many held-out rows. Means over the seeds.

worlds: simulated. `auc` and `leave_one_out` are those of the stated priors; `ece` and `merchant_auc` of a model fitted
to 1,000 labels of another draw; `auc_100_labels` and `auc_10000_labels` of models fitted to so many; `_plain` of
scikit-learn's logistic regression on the raw numbers behind the signals (medians for what is absent, scaled) with the
same labels. It is not told that goods are used, since in the worlds only genuine ones are. `auc_missing30`: each of the
fields that a world lets be missing (price, category, seller, reviews, claim) is left out of the listings that are
judged with a chance of 30 %; `_photos`: the condition and the photo too. A listing without a candidate brand has no
score and ranks last, by the priors and by the regression alike. Means over the seeds.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.simulated.worlds import (
    EVIDENCE,
    PriceRow,
    Simulated,
    World,
    read_evidence,
    read_prices_folder,
    read_world,
    simulate,
    without_fields,
)
from logoscan.errors import InputError
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.merchants.platform import fit_platform
from logoscan.merchants.score import MerchantModel, score_merchant
from logoscan.merchants.state import MerchantState
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import ImageRecord, ListingFacts, Provenance, Report, Score, Signal, top_score
from logoscan.scoring.judge import Findings, Judge, Judgement
from logoscan.scoring.model import ScoreModel
from logoscan.text.brand_names import NameIndex
from logoscan.text.listing_text import ListingText
from logoscan.text.quantities import pack
from logoscan.text.title_words import title_words
from logoscan.types import Brand, Listing

Floats: TypeAlias = NDArray[np.float64]
"""float64 (n,) or (n, m)."""

SHARES = (0.2, 0.3, 0.4)
"""Shares of a genuine price at which a row has to be caught."""
LABELS = 10_000
"""Labels that the largest fitted model learns from."""
ALSO = ("condition", "photo")
"""What `auc_missing30_photos` leaves out besides the fields that a world lets be missing."""
# when a simulated stream begins; its listings come a minute apart, so that the ledger knows who was first
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


# -- prices


def price_records(rows: Iterable[PriceRow]) -> Iterator[PriceRecord]:
    """Yield rows as a price model is fitted to them."""
    for r in rows:
        yield PriceRecord(r.brand, r.price, r.currency, r.category, None, pack(r.title), title_words(r.title))


def split(rows: Sequence[PriceRow], seed: int) -> tuple[list[PriceRow], list[PriceRow]]:
    """Split rows into two thirds and one third."""
    order = np.random.default_rng(seed).permutation(len(rows))
    third = len(rows) // 3
    return [rows[i] for i in order[third:]], [rows[i] for i in order[:third]]


def _mean_rule(rows: Sequence[PriceRow]) -> Callable[[PriceRow, float], float]:
    """Make the rule that says by how many standard deviations a price lies below the mean of its group."""
    groups: dict[tuple[str | None, str | None], list[float]] = defaultdict(list)
    for row in rows:
        for key in ((row.brand, row.category), (row.brand, None), (None, row.category)):
            groups[key].append(row.price)
    known = {key: (float(np.mean(v)), float(np.std(v))) for key, v in groups.items() if len(v) >= 8}

    def below(row: PriceRow, price: float) -> float:
        for key in ((row.brand, row.category), (row.brand, None), (None, row.category)):
            if key in known:
                mean, deviation = known[key]
                return (mean - price) / max(deviation, 1e-9)
        return -np.inf

    return below


def price_figures(rows: Sequence[PriceRow], seed: int) -> dict[str, float]:
    """Measure price anomalies on one file and split."""
    fitted, held = split(rows, seed)
    model = PriceModel.fit(price_records(fitted))
    brands = {row.brand: Brand(row.brand) for row in held}
    said = [(pack(row.title), title_words(row.title)) for row in held]

    def flagged(share: float) -> float:
        found = [
            model.judge(brands[r.brand], r.price * share, r.currency, r.category, pack=size, words=words).anomaly
            for r, (size, words) in zip(held, said, strict=True)
        ]
        return float(np.mean([a is not None and a >= 0.5 for a in found]))

    false_flag = flagged(1.0)
    below = _mean_rule(fitted)
    genuine = np.sort([below(row, row.price) for row in held])[::-1]
    threshold = genuine[min(round(false_flag * len(held)), len(held) - 1)]
    figures = {"false_flag": false_flag, "false_flag_meandev": float(np.mean(genuine > threshold))}
    for share in SHARES:
        name = f"caught_{share * 100:.0f}"
        figures[name] = flagged(share)
        figures[f"{name}_meandev"] = float(np.mean([below(row, row.price * share) > threshold for row in held]))
    return figures


# -- worlds


@dataclass
class Scanned:
    """Listings of a world, judged one after another by the priors.

    Attributes:
        world: The world.
        judged: Judgements of each listing, one a candidate brand.
        raw: Numbers behind the signals of the likeliest candidate, float64 (n, 10).
        counterfeit: The truth, bool (n,).
    """

    world: World
    judged: list[list[Judgement]]
    raw: Floats
    counterfeit: NDArray[np.bool_]

    def scores(self, model: ScoreModel, without: str | None = None) -> list[Score]:
        """Score the listings by another model; `without` leaves a signal out."""
        return [_rescored(one, model, without) for one in self.judged]


def _rescored(judged: Sequence[Judgement], model: ScoreModel, without: str | None) -> Score:
    found = []
    for one in judged:
        parts = one.score.contributions
        signals = [Signal(p.signal, p.value, p.why) for p in parts if p.signal != without]
        found.append(model.score(one.brand, signals, shown=one.shown))
    return top_score(found) or model.nothing()


class TextReader:
    """Reads the titles and claims of worlds with the same brands, each once."""

    def __init__(self, brands: Iterable[str]) -> None:
        self._names = NameIndex(map(Brand, brands))
        self._texts: dict[tuple[str | None, str | None], ListingText] = {}

    def read(self, listing: Listing) -> ListingText:
        """Return what title and claim of a listing say."""
        key = listing.title, listing.claimed_brand
        if key not in self._texts:
            self._texts[key] = ListingText.of(Listing("any", title=key[0], claimed_brand=key[1]), self._names)
        return self._texts[key]


def scan(world: World, prices: PriceModel, stream: Sequence[Simulated], reader: TextReader | None = None) -> Scanned:
    """Judge a stream in its order, the ledger growing behind it."""
    reader = reader or TextReader(world.brands)
    judge = Judge(prices)
    ledger = world.ledger
    judged, raw = [], []
    for number, item in enumerate(stream):
        listing = item.listing
        photos = None if item.shown is None else (ledger.look_up(item.photo, listing.seller_id),)
        words = reader.read(listing)
        found = Findings(
            listing,
            words.claimed,
            words.mentions,
            words.coded,
            item.shown or {},
            () if item.shown is None else world.brands.keys(),
            photos=photos,
        )
        judged.append(judge.judge(found, world.brands.get))
        raw.append(_raw(found, judge, world.brands, judged[-1]))
        if item.shown is not None:
            ledger.add(listing.seller_id, [item.photo], at=_BEGIN + timedelta(minutes=number))
    return Scanned(world, judged, np.array(raw), np.array([s.counterfeit for s in stream]))


def _raw(found: Findings, judge: Judge, brands: dict[str, Brand], judged: Sequence[Judgement]) -> list[float]:
    """List the numbers behind the signals of the likeliest candidate, unshaped; NaN where absent."""
    top = max(judged, key=lambda j: ((j.score.value or 0.0), j.brand), default=None)
    listing = found.listing
    if top is None:
        return [np.nan] * 10
    case = judge.case(found, brands[top.brand])
    near = max((m.probability for m in case.mentions if m.kind == "near"), default=0.0)
    share = case.price.share
    sellers = case.brand.authorised_sellers
    listed = float(listing.seller_id in sellers) if sellers and listing.seller_id else np.nan
    complaints = next((p.value for p in top.score.contributions if p.signal == "review_complaints"), np.nan)
    return [
        np.nan if share is None else float(np.log(share)),
        np.nan if case.shown is None else case.shown,
        np.nan if case.claimed is None else float(case.claimed == case.brand.name),
        np.nan if case.claimed is None else float(case.claimed == ""),
        near,
        max((use.strength for use in case.coded), default=0.0),
        listed,
        complaints,
        np.nan if not case.photos else float(case.photos[0].other_sellers * (not case.photos[0].official_of)),
        float(case.is_accessory),
    ]


def auc(score: Floats, truth: NDArray[np.bool_]) -> float:
    """Compute the area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, score))


def _values(scores: Sequence[Score]) -> Floats:
    return np.array([-1.0 if s.value is None else s.value for s in scores])


def plain_regression(
    train: Scanned, rows: NDArray[np.int64], test: Scanned, weights: Sequence[float] | None = None
) -> Floats:
    """Fit a logistic regression to raw numbers, and compute its probabilities; -1 without a candidate."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    judged = [bool(train.judged[row]) for row in rows.tolist()]
    kept = rows[judged]
    given = {} if weights is None else {"logisticregression__sample_weight": np.array(weights)[judged]}
    model.fit(train.raw[kept], train.counterfeit[kept], **given)
    found = np.asarray(model.predict_proba(test.raw)[:, 1])
    return np.where([len(judged) > 0 for judged in test.judged], found, -1.0)


def world_figures(
    world: dict[str, Any],
    files: Sequence[Sequence[PriceRow]],
    evidence: Sequence[tuple[float | None, float]],
    seed: int,
    labels: int = LABELS,
) -> dict[str, Any]:
    """Measure one world and seed; genuine prices are drawn from rows that the price model is not fitted on."""
    parts = [split(rows, seed) for rows in files]
    fitted, held = ([row for part in parts for row in part[i]] for i in (0, 1))
    prices = PriceModel.fit(price_records(fitted))
    known = {row.brand for row in fitted}
    rows = [row for row in held if row.brand in known]
    drawn = simulate(world, rows, evidence, 2 * seed)
    test = scan(drawn, prices, drawn.stream)
    other = simulate({**world, "listings": labels}, rows, evidence, 2 * seed + 1)
    train = scan(other, prices, other.stream)
    prior = ScoreModel()
    scores = test.scores(prior)
    values = _values(scores)
    figures: dict[str, Any] = {"auc": auc(values, test.counterfeit)}
    first = max(1, len(values) // 100)
    order = np.argsort(-values, kind="stable")[:first]
    figures["precision_at_1pct"] = float(test.counterfeit[order].mean())
    figures["leave_one_out"] = {
        name: auc(_values(test.scores(prior, without=name)), test.counterfeit) for name in prior.shapes
    }
    for name, fields in (("auc_missing30", world["missing"]), ("auc_missing30_photos", [*world["missing"], *ALSO])):
        rng = random.Random(f"missing {seed}")
        fewer = [without_fields(item, fields, 0.3, rng) for item in drawn.stream]
        again = simulate(world, rows, evidence, 2 * seed)  # for a ledger that knows nothing of the stream
        partial = scan(again, prices, fewer)
        figures[name] = auc(_values(partial.scores(prior)), partial.counterfeit)
    prior_scores = train.scores(prior)
    for count in (100, LABELS):
        chosen = drawn_labels(train.counterfeit, count)
        model = prior.fit([prior_scores[i] for i in chosen], train.counterfeit[chosen].tolist())
        figures[f"auc_{count}_labels"] = auc(_values(test.scores(model)), test.counterfeit)
        figures[f"auc_{count}_labels_plain"] = auc(plain_regression(train, chosen, test), test.counterfeit)
    chosen = drawn_labels(train.counterfeit, 1000)
    model = prior.fit([prior_scores[i] for i in chosen], train.counterfeit[chosen].tolist())
    scores = test.scores(model)
    judged = np.array([s.value is not None for s in scores])
    figures["ece"] = expected_calibration_error(_values(scores)[judged] / 100, test.counterfeit[judged])
    figures["merchant_auc"] = merchant_auc(drawn, scores, model)
    return figures


def drawn_labels(truth: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Take the first listings of the stream, and as many more as it takes to have two of either kind."""
    for n in range(min(count, len(truth)), len(truth) + 1):
        if min(truth[:n].sum(), n - truth[:n].sum()) >= 2:
            return np.arange(n)
    raise InputError("labels: expected two of either kind")


def merchant_auc(world: World, scores: Sequence[Score], model: ScoreModel) -> float:
    """Compute the AUC of the merchants of a world by the scores of their listings."""
    states: dict[str, MerchantState] = {}
    merchants = MerchantModel()
    made = Provenance("simulated", "", "", "", "", model.version, "", "2026-01-01T00:00:00+00:00")
    for item, score in zip(world.stream, scores, strict=True):
        seller = item.listing.seller_id
        if seller is not None:
            image = ImageRecord(None, None, None, None, item.photo)
            report = Report(item.listing.id, seller, score, (), (), (), (), (), (image,), made,
                            listing=ListingFacts.of(item.listing))  # fmt: skip
            states.setdefault(seller, MerchantState(merchants.listings)).add(report)
    platform = fit_platform(states.values())
    weighed = {seller: state.weighed(platform.listings) for seller, state in states.items()}
    found = [(score_merchant(state, model=platform).value, seller) for seller, state in weighed.items()]
    return auc(np.array([value for value, _ in found]), np.array([s in world.bad_merchants for _, s in found]))


def _mean(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Average the seeds, figure by figure."""
    return {
        name: _mean([f[name] for f in figures])
        if isinstance(figures[0][name], dict)
        else round(float(np.mean([f[name] for f in figures])), 4)
        for name in figures[0]
    }


@click.command("score", help=__doc__)
@click.option("--prices", type=PATH, required=True, help="Folder of CSV files of real prices.")
@click.option(
    "--world", "worlds", type=PATH, multiple=True, help="World file, such as those of benchmarks/simulated/world_files."
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--labels", type=click.IntRange(100), default=LABELS, show_default=True, help="Most that models learn from."
)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def score(prices: Path, worlds: tuple[Path, ...], seeds: int, labels: int, out: Path) -> None:
    """Measure prices and worlds."""
    files = read_prices_folder(prices)
    if not files:
        raise click.ClickException(f"{prices}: expected CSV files of prices, found none")
    evidence = read_evidence()
    figures: dict[str, Any] = {"worlds": {}, "prices": {}}
    with ProcessPoolExecutor() as pool:
        of_prices = {name: [pool.submit(price_figures, rows, s) for s in range(seeds)] for name, rows in files.items()}
        of_worlds = {
            world["name"]: [
                pool.submit(world_figures, world, list(files.values()), evidence, s, labels) for s in range(seeds)
            ]
            for world in map(read_world, worlds)
        }
        for part, runs in (("prices", of_prices), ("worlds", of_worlds)):
            for name, of_seeds in runs.items():
                figures[part][name] = _mean([run.result() for run in of_seeds])
                print(name, figures[part][name], flush=True)
    settings = {"seeds": seeds, "simulated": "all worlds", "evidence": [p.name for p in sorted(EVIDENCE.glob("*"))]}
    write_result(out, figures, settings)

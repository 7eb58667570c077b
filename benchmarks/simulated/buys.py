"""Do planned test buys tell the rate of counterfeits, and what do their labels teach the score? Simulated.

Each round draws a world of its own and buys in three ways under one budget: as planned by logoscan, at random (simple
random sampling), and the highest scores, which is what not to do. Some parcels never come, and some goods cannot be
judged; both as often for counterfeits as for genuine goods.

`rmse_ratio_*`: root of the mean squared error of the planned buys' rate, over that of random ones, with a good, a weak
and a useless score; `bias_share_*`: the bias of the planned buys' rate as a share of that error; `coverage_*`,
`coverage_brand_*`: share of 95 % intervals that hold the true rate, overall and by brand; `fakes_ratio_*`: counterfeits
bought, over random buys. `top_rmse_ratio_*`, `top_bias_*`: the same of the highest scores. Without a suffix: the worst
bias and the worst coverages of the three scores, and the counterfeits with the good one. `noise` is a fourth score,
outside of these: as sure of itself as the good one, and knowing nothing.

labels: a score fitted to 500 judged buys with their weights, and one fitted to 500 verdicts of reviewers, who judge the
queue from its top and never err. Of a market (`--world`): its good score, as a model of one signal, judged on the
whole market; means of 20 markets. Of a stream (`--prices`, `--stream`): the whole score, judged on the whole of another
draw of the stream; means over all ordered pairs of draws, 20 of 5 draws. A listing without a candidate brand counts
with the model's probability of a listing without any signal.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.simulated.score import Scanned, auc, price_records, scan, split
from benchmarks.simulated.worlds import EVIDENCE, World, read_evidence, read_prices_folder, read_world, simulate
from logoscan.cases.buys import BuyPlan, BuyResult, candidates_of, estimate_rate, plan_buys, to_labels
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.odds import sigmoid
from logoscan.pricing.model import PriceModel
from logoscan.reporting.queue import review_queue
from logoscan.results import ListingFacts, Provenance, Report, Score, Signal
from logoscan.scoring.model import ScoreModel

Floats: TypeAlias = NDArray[np.float64]
"""float64 (n,)."""
Truth: TypeAlias = NDArray[np.bool_]
"""bool (n,), whether each listing is counterfeit."""

LISTINGS_PER_SELLER = 5
"""Mean number of a seller's listings, of one brand; a world may say otherwise under this name in small letters."""
SELLER_SIZE_SIGMA = 1.0
"""Standard deviation of the logarithm of the number of a seller's listings."""
NOISE = "noise"
"""Name of the score that is as sure of itself as the good one, and knows nothing."""
LABELS = 500
"""Labels from buys, and from reviewers."""
SEEDS = 20
"""Markets whose labels a score is fitted to."""


class Market:
    """Everything on sale in one round.

    Attributes:
        brand: Brand of each listing, int64 (n,).
        seller: Seller of each, int64 (n,).
        price: Price of each.
        fake: The truth.
    """

    def __init__(self, world: Mapping[str, Any], rng: np.random.Generator) -> None:
        """Draw a market as a world file states."""
        count, brands = world["listings"], world["brands"]
        share = np.arange(1, brands + 1.0) ** -world["brand_size_exponent"]
        self.brand = rng.choice(brands, count, p=share / share.sum())
        sizes = np.bincount(self.brand, minlength=brands)
        first, second = world["rate_between_brands"]["beta"]
        rate = rng.beta(first, second, brands)
        rate = np.minimum(rate * world["counterfeit_rate"] * count / (rate * sizes).sum(), 1.0)
        self.fake: Truth = rng.random(count) < rate[self.brand]
        self.price: Floats = rng.lognormal(world["price"]["log_mean"], world["price"]["log_sigma"], count)
        self.seller = np.zeros(count, np.int64)
        for number, size in enumerate(sizes.tolist()):
            sellers = 1 + size // world.get("listings_per_seller", LISTINGS_PER_SELLER)
            weight = rng.lognormal(0.0, SELLER_SIZE_SIGMA, sellers)
            drawn = rng.choice(sellers, size, p=weight / weight.sum())
            self.seller[self.brand == number] = number * count + drawn

    def score(self, area: float, rate: float, rng: np.random.Generator) -> Floats:
        """Draw a score of a ROC area: normal for either kind, and calibrated at the mean rate."""
        from scipy.special import expit, ndtri

        distance = math.sqrt(2.0) * float(ndtri(area))
        seen = rng.normal(size=len(self.fake)) + distance * self.fake
        return np.asarray(expit(math.log(rate / (1 - rate)) + distance * seen - distance**2 / 2), np.float64)

    def table(self, p: Floats) -> Any:
        """Return the candidates as an Arrow table."""
        import pyarrow as pa

        names = pa.array([f"brand {i}" for i in range(int(self.brand.max()) + 1)])
        return pa.table(
            {
                "listing_id": pa.array(np.arange(len(p))).cast(pa.string()),
                "seller_id": pa.array(self.seller).cast(pa.string()),
                "brand": names.take(pa.array(self.brand)),
                "price": self.price,
                "p": p,
            }
        )


def buy_round(world: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """Buy once in a market of its own, by each score; return what came of it."""
    rng = np.random.default_rng([world["seed"], seed])
    market = Market(world, rng)
    fake, budget = market.fake, world["budget"]
    truth = float(fake.mean())
    brand_truth = np.bincount(market.brand, fake) / np.maximum(np.bincount(market.brand), 1)
    scores = {name: market.score(area, world["counterfeit_rate"], rng) for name, area in world["score_auc"].items()}
    scores[NOISE] = rng.permutation(next(iter(scores.values())))
    at_random = rng.choice(len(fake), budget, replace=False)
    lost = rng.random(budget) < world["not_delivered"] + world["inconclusive"]
    common = {
        "random_error": float(fake[at_random[~lost]].mean()) - truth,
        "random_fakes": int(fake[at_random].sum()),
    }
    out = {}
    for name, p in scores.items():
        plan = plan_buys(market.table(p), budget, floor=world["least_buys_a_brand"], seed=int(rng.integers(2**62)))
        rates = estimate_rate(_results(plan, market, world, rng), plan, by=("brand",))
        top = np.argsort(-p + 1e-9 * rng.random(len(p)), kind="stable")[:budget]
        rate = rates.overall.rate
        assert rate is not None
        by_brand = [(r, float(brand_truth[int(r.name.split()[1])])) for r in rates.groups["brand"]]
        out[name] = common | {
            "error": rate - truth,
            "holds": rates.overall.low <= truth <= rates.overall.high,
            "brands_hold": float(np.mean([r.low <= true <= r.high for r, true in by_brand])),
            "fakes": sum(fake[int(buy.listing_id)] for buy in plan.buys),
            "top_error": float(fake[top[~lost]].mean()) - truth,
            "top_fakes": int(fake[top].sum()),
        }
    return out


def _results(plan: BuyPlan, market: Market, world: Mapping[str, Any], rng: np.random.Generator) -> list[BuyResult]:
    """Draw what becomes of the buys."""
    out = []
    for buy, chance in zip(plan.buys, rng.random(len(plan.buys)).tolist(), strict=True):
        if chance < world["not_delivered"]:
            out.append(BuyResult(buy.listing_id, "not_delivered"))
        elif chance < world["not_delivered"] + world["inconclusive"]:
            out.append(BuyResult(buy.listing_id, "inconclusive"))
        else:
            out.append(BuyResult(buy.listing_id, "counterfeit" if market.fake[int(buy.listing_id)] else "genuine"))
    return out


def buy_figures(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, float]:
    """Sum up rounds."""
    figures: dict[str, float] = {}
    for name in rounds[0]:
        column = {key: np.array([one[name][key] for one in rounds], np.float64) for key in rounds[0][name]}
        rmse = {key: float(np.sqrt(np.mean(column[f"{key}error"] ** 2))) for key in ("", "random_", "top_")}
        figures |= {
            f"rmse_ratio_{name}": rmse[""] / rmse["random_"],
            f"rmse_{name}": rmse[""],
            f"bias_share_{name}": float(column["error"].mean()) / rmse[""],
            f"coverage_{name}": float(column["holds"].mean()),
            f"coverage_brand_{name}": float(column["brands_hold"].mean()),
            f"fakes_ratio_{name}": float(column["fakes"].sum() / column["random_fakes"].sum()),
            f"top_rmse_ratio_{name}": rmse["top_"] / rmse["random_"],
            f"top_bias_{name}": float(column["top_error"].mean()),
            f"top_fakes_ratio_{name}": float(column["top_fakes"].sum() / column["random_fakes"].sum()),
        }
        figures["rmse_random"] = rmse["random_"]
    stated = [name for name in rounds[0] if name != NOISE]
    figures["bias_share"] = max((figures[f"bias_share_{name}"] for name in stated), key=abs)
    figures["coverage"] = max((figures[f"coverage_{name}"] for name in stated), key=lambda share: abs(share - 0.95))
    figures["coverage_brand"] = min(figures[f"coverage_brand_{name}"] for name in stated)
    figures["fakes_ratio"] = figures[f"fakes_ratio_{stated[0]}"]
    return {name: round(value, 6) for name, value in figures.items()}


# -- labels


def _reports(drawn: World, scores: Sequence[Score], version: str) -> list[Report]:
    made = Provenance("simulated", "", "", "", "", version, "", "2026-01-01T00:00:00+00:00")
    return [
        Report(item.listing.id, item.listing.seller_id, score, (), (), (), (), (), (), made,
               listing=ListingFacts.of(item.listing))
        for item, score in zip(drawn.stream, scores, strict=True)
    ]  # fmt: skip


def label_figures(stream: Mapping[str, Any], files: Any, evidence: Any, draws: int) -> dict[str, dict[str, float]]:
    """Fit the score to labels from buys and to as many from reviewers, and judge both on another draw of the stream.

    Returns:
        Means over all ordered pairs of draws, one to buy from and one to judge.
    """
    parts = [split(rows, 0) for rows in files]
    fitted, held = ([row for part in parts for row in part[i]] for i in (0, 1))
    prices = PriceModel.fit(price_records(fitted))
    brands = {row.brand for row in fitted}
    rows = [row for row in held if row.brand in brands]
    worlds = [simulate(dict(stream), rows, evidence, number) for number in range(draws)]
    scanned = [scan(world, prices, world.stream) for world in worlds]
    prior = ScoreModel()
    figures = []
    for number, (world, judged) in enumerate(zip(worlds, scanned, strict=True)):
        reports = _reports(world, judged.scores(prior), prior.version)
        score_of = {report.listing_id: report.score for report in reports}
        fake = {item.listing.id: item.counterfeit for item in world.stream}
        queue = [row.listing_id for row in review_queue(reports, LABELS)]
        by_queue = prior.fit([score_of[listing] for listing in queue], [fake[listing] for listing in queue])
        candidates = candidates_of(reports)
        for other in set(range(draws)) - {number}:
            plan = plan_buys(candidates, LABELS, by=(), seed=number * draws + other)
            results = [BuyResult(b.listing_id, "counterfeit" if fake[b.listing_id] else "genuine") for b in plan.buys]
            bought = list(to_labels(results, plan))
            by_buys = prior.fit(
                [score_of[row.listing_id] for row in bought],
                [row.verdict == "counterfeit" for row in bought],
                weights=[row.weight for row in bought],
            )
            models = {"prior": prior, "buys": by_buys, "queue": by_queue}
            figures.append({name: _judged(scanned[other], model) for name, model in models.items()})
    return _mean(figures)


def _judged(test: Scanned, model: ScoreModel) -> dict[str, float]:
    p = np.array([sigmoid(s.bias) if s.value is None else s.value / 100 for s in test.scores(model)])
    return _errors(p, test.counterfeit)


def _errors(p: Floats, fake: Truth) -> dict[str, float]:
    kept = np.clip(p, 1e-6, 1 - 1e-6)
    loss = -np.where(fake, np.log(kept), np.log(1 - kept)).mean()
    return {
        "log_loss": float(loss),
        "calibration_error": float(expected_calibration_error(p, fake)),
        "auc": auc(p, fake),
    }


def market_label_figures(world: Mapping[str, Any], seed: int) -> dict[str, dict[str, float]]:
    """Fit the good score of a market, as a model of one signal, to labels from buys and to as many from reviewers."""
    rng = np.random.default_rng([world["seed"], seed, LABELS])
    market = Market(world, rng)
    p = market.score(next(iter(world["score_auc"].values())), world["counterfeit_rate"], rng)
    logit = np.log(p / (1 - p))
    low, span = float(logit.min()), float(np.ptp(logit))
    value = np.clip((logit - low) / span, 0.0, 1.0)
    prior = ScoreModel(bias=low, shapes={"score": (0.0, span)})

    def fitted(rows: Sequence[int], weights: Sequence[float] | None) -> ScoreModel:
        scores = [prior.score("brand", [Signal("score", float(value[row]), "simulated")]) for row in rows]
        return prior.fit(scores, [bool(market.fake[row]) for row in rows], weights=weights)

    plan = plan_buys(market.table(p), LABELS, by=(), seed=seed)
    models = {
        "prior": prior,
        "buys": fitted([int(buy.listing_id) for buy in plan.buys], [1.0 / buy.pi for buy in plan.buys]),
        "queue": fitted(np.argsort(-p)[:LABELS].tolist(), None),
    }
    out = {}
    for name, model in models.items():
        shape = model.shapes["score"]
        found = model.bias + np.interp(value, np.linspace(0.0, 1.0, len(shape)), shape)
        out[name] = _errors(1.0 / (1.0 + np.exp(-found)), market.fake)
    return out


def _mean(figures: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(float(np.mean([one[name][key] for one in figures])), 4) for key in figures[0][name]}
        for name in figures[0]
    }


@click.command("buys", help=__doc__)
@click.option("--world", "worlds", type=PATH, multiple=True, help="World file of buys.")
@click.option("--rounds", type=click.IntRange(2), default=1000, show_default=True, help="Markets that are drawn.")
@click.option("--prices", type=PATH, help="Folder of CSV files of real prices, for --stream.")
@click.option("--stream", "streams", type=PATH, multiple=True, help="World file of listings, for labels from buys.")
@click.option("--draws", type=click.IntRange(2), default=5, show_default=True, help="Draws of each stream.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def buys(
    worlds: tuple[Path, ...], rounds: int, prices: Path | None, streams: tuple[Path, ...], draws: int, out: Path
) -> None:
    """Measure test buys."""
    if streams and prices is None:
        raise click.UsageError("--stream: expected --prices, from which its prices are drawn")
    figures: dict[str, Any] = defaultdict(dict)
    for path in worlds:
        world = read_world(path)
        done = []
        for number in range(rounds):
            done.append(buy_round(world, number))
            if number % 50 == 49:
                click.echo(f"{world['name']}: {number + 1} rounds {buy_figures(done)}", err=True)
        figures["worlds"][world["name"]] = buy_figures(done)
        figures["labels"][world["name"]] = _mean([market_label_figures(world, number) for number in range(SEEDS)])
    files = list(read_prices_folder(prices).values()) if prices is not None else []
    for path in streams:
        stream = read_world(path)
        figures["labels"][stream["name"]] = label_figures(stream, files, read_evidence(EVIDENCE), draws)
    write_result(out, dict(figures), {"rounds": rounds, "draws": draws, "labels": LABELS})

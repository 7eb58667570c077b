"""The score in many simulated worlds, drawn at random from stated ranges, so that no figure depends on three of them.

Each world is a stream of listings that the shipped code judges, and another one of the same world for labels. Beside
the score stand scikit-learn's logistic regression on the raw numbers behind the signals, and the posterior of an
observer who knows all laws of the world (`posterior`). `gap_closed` is by how much of the way from that regression, on
10,000 labels, to the posterior a model ranks better: 1 as well as the posterior, below 0 worse than the regression.
`_stream`: the priors, bounded by how often each signal comes in a stream without labels.

Means, and the worst decile: the figure that a tenth of the worlds stay below (of errors and losses, above).
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.simulated.posterior import posterior
from benchmarks.simulated.score import (
    Floats,
    Scanned,
    TextReader,
    auc,
    drawn_labels,
    merchant_auc,
    plain_regression,
    price_records,
    scan,
    split,
)
from benchmarks.simulated.worlds import (
    PriceRow,
    World,
    read_evidence,
    read_prices_folder,
    read_world,
    simulate,
    without_fields,
)
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.pricing.model import PriceModel
from logoscan.scoring.fit_frequencies import bounded_by_stream
from logoscan.scoring.model import ScoreModel

RANGES: Mapping[str, tuple[float, float]] = {
    "counterfeit_rate": (0.01, 0.15),
    "fake_price.median": (0.1, 1.05),
    "fake_price.sigma": (0.0, 0.6),
    "genuine_sale.share": (0.1, 0.7),
    "genuine_sale.median": (0.47, 0.78),
    "genuine_sale.sigma": (0.1, 0.3),
    "used.share": (0.02, 0.26),
    "used.median": (0.35, 0.55),
    "used.sigma": (0.25, 0.45),
    "fake_claims_brand": (0.4, 1.0),
    "genuine_claims_brand": (0.88, 1.0),
    "fake_hides_logo": (0.12, 0.63),
    "fake_misspells_brand": (0.04, 0.19),
    "fake_coded_term": (0.01, 0.16),
    "genuine_coded_term": (0.001, 0.008),
    "compatible_accessory": (0.02, 0.12),
    "fake_copies_photo": (0.2, 0.6),
    "genuine_official_photo": (0.4, 0.8),
    "fake_official_photo": (-0.15, 0.3),
    "brands_with_authorised_list": (0.2, 0.8),
    "fake_from_authorised_seller": (0.0, 0.02),
    "fake_says_used": (-0.06, 0.12),
    "fake_review_complaint": (0.02, 0.33),
    "genuine_review_complaint": (0.002, 0.02),
    "missing.price": (0.0, 0.08),
    "missing.category": (0.0, 0.25),
    "missing.seller_id": (-0.05, 0.1),
    "missing.reviews": (0.2, 0.6),
    "missing.claimed_brand": (0.05, 0.3),
    "fake_missing_factor": (0.7, 3.8),
    "merchants_a_listing": (0.1, 0.3),
    "merchants_bad": (0.01, 0.1),
    "bad_merchant_fake_share": (0.3, 0.9),
    "rings": (0.0, 20.0),
}
"""Between what each number of a world is drawn, all values alike; what falls below 0 is 0. The rate is drawn by its
logarithm. The numbers of the three given worlds lie within the middle half of each range. Two kinds of adversaries that
these lack, counterfeits with an official photo and counterfeits called used, are in half of the drawn worlds or more.
"""
_BY_LOG = frozenset({"counterfeit_rate"})
LISTINGS, LABELS = 2_000, 10_000
"""Listings of a world that are judged, and labels that the largest model learns from."""
FEW, SOME = 100, 1_000
"""Labels of smaller models."""
SPLIT_SEED = 0
"""Seed by which real prices are split into those that the references know and those that worlds draw from."""

# Figures of which little is good.
_ERRORS = frozenset({"ece_1000", "lost_by_missing", "lost_to_plain_10000"})


def drawn_world(number: int, listings: int = LISTINGS) -> dict[str, Any]:
    """Return the world of a number."""
    rng = random.Random(f"many worlds {number}")
    world: dict[str, Any] = {"name": f"drawn {number}", "seed": number, "listings": listings}
    for name, (low, high) in RANGES.items():
        place = rng.random()
        by_log = name in _BY_LOG
        value = math.exp(math.log(low) + place * math.log(high / low)) if by_log else low + place * (high - low)
        outer, _, inner = name.partition(".")
        if inner:
            world.setdefault(outer, {})[inner] = max(0.0, value)
        else:
            world[outer] = max(0.0, value)
    world["merchants"] = max(20, round(listings * world.pop("merchants_a_listing")))
    world["rings"] = round(world["rings"])
    return world


class Signals:
    """The signals of all candidates of a stream as arrays, to score them by many models at once.

    Attributes:
        names: Names of the signals.
        values: Value of each signal of each candidate, float64 (candidates, signals), NaN where it is absent.
        listing: Position of each candidate's listing, int64 (candidates,).
        listings: Number of listings.
    """

    def __init__(self, scanned: Scanned) -> None:
        names = sorted(ScoreModel().shapes)
        column = {name: i for i, name in enumerate(names)}
        pairs = [(i, one) for i, judged in enumerate(scanned.judged) for one in judged]
        self.names, self.listings = tuple(names), len(scanned.judged)
        self.values = np.full((len(pairs), len(names)), np.nan)
        self.listing = np.array([i for i, _ in pairs], np.int64)
        for row, (_, one) in enumerate(pairs):
            for part in one.score.contributions:
                self.values[row, column[part.signal]] = part.value

    def scores(self, model: ScoreModel) -> Floats:
        """Return the highest score of each listing's candidates, float64 (listings,); -1 without a candidate."""
        logit = np.full(len(self.values), model.bias)
        for i, name in enumerate(self.names):
            shape = np.array(model.shapes[name])
            ends = np.linspace(0.0, 1.0, len(shape))
            given = ~np.isnan(self.values[:, i])
            logit[given] += np.interp(self.values[given, i], ends, shape)
        out = np.full(self.listings, -1.0)
        np.maximum.at(out, self.listing, 100.0 / (1.0 + np.exp(-logit)))
        return out


class Grounds:
    """What all worlds share: real prices, the references fitted to a part of them, evidence of photos, read titles."""

    def __init__(self, prices: Path) -> None:
        parts = [split(rows, SPLIT_SEED) for rows in read_prices_folder(prices).values()]
        if not parts:
            raise click.ClickException(f"{prices}: expected CSV files of prices, found none")
        fitted, held = ([row for part in parts for row in part[i]] for i in (0, 1))
        self.prices = PriceModel.fit(price_records(fitted))
        known = {row.brand for row in fitted}
        self.rows: list[PriceRow] = [row for row in held if row.brand in known]
        self.evidence = read_evidence()
        self._reader = cache(TextReader)

    def drawn(self, world: dict[str, Any], seed: int) -> World:
        """Draw a world."""
        return simulate(world, self.rows, self.evidence, seed)

    def scanned(self, drawn: World, stream: Sequence[Any] | None = None) -> Scanned:
        """Judge a world's stream; the texts of one and the same title are read once for all worlds."""
        reader = self._reader(tuple(sorted(drawn.brands)))
        return scan(drawn, self.prices, drawn.stream if stream is None else stream, reader)


def first_precision(values: Floats, truth: NDArray[np.bool_]) -> float:
    """Return the precision among the highest hundredth of the scores."""
    first = np.argsort(-values, kind="stable")[: max(1, len(values) // 100)]
    return float(truth[first].mean())


def world_figures(world: dict[str, Any], grounds: Grounds) -> dict[str, float]:
    """Measure one world."""
    drawn = grounds.drawn(world, 0)
    test = grounds.scanned(drawn)
    train = grounds.scanned(grounds.drawn({**world, "listings": LABELS}, 1))
    truth, prior = test.counterfeit, ScoreModel()
    signals, train_signals = Signals(test), Signals(train)
    values = signals.scores(prior)
    known = posterior(world, drawn, grounds.evidence)
    figures = {"auc": auc(values, truth), "first": first_precision(values, truth)}
    figures |= {"auc_posterior": auc(known, truth), "first_posterior": first_precision(known, truth)}
    rng = random.Random("missing")
    fewer = [without_fields(item, world["missing"], 0.3, rng) for item in drawn.stream]
    partial = Signals(grounds.scanned(grounds.drawn(world, 0), fewer)).scores(prior)
    figures["lost_by_missing"] = figures["auc"] - auc(partial, truth)
    reports = train.scores(prior)
    adapted = signals.scores(bounded_by_stream(prior, reports))
    figures |= {"auc_stream": auc(adapted, truth), "first_stream": first_precision(adapted, truth)}
    for count in (FEW, SOME, LABELS):
        chosen = drawn_labels(train.counterfeit, count)
        model = prior.fit([reports[i] for i in chosen], train.counterfeit[chosen].tolist())
        fitted = signals.scores(model)
        figures[f"auc_{count}"] = auc(fitted, truth)
        figures[f"auc_{count}_plain"] = auc(plain_regression(train, chosen, test), truth)
        if count == SOME:
            judged = fitted >= 0
            figures["ece_1000"] = expected_calibration_error(fitted[judged] / 100.0, truth[judged])
            figures["merchants"] = merchant_auc(drawn, test.scores(model), model)
        if count == LABELS:
            figures[f"first_{LABELS}"] = first_precision(fitted, truth)
    figures["lost_to_plain_10000"] = figures[f"auc_{LABELS}_plain"] - figures[f"auc_{LABELS}"]
    figures |= chosen_labels(train, train_signals.scores(prior), reports, signals, test)
    room = figures["auc_posterior"] - figures[f"auc_{LABELS}_plain"]
    for name in ("auc", "auc_stream", f"auc_{FEW}", f"auc_{LABELS}"):
        figures[f"{name}_gap_closed"] = (figures[name] - figures[f"auc_{LABELS}_plain"]) / max(room, 1e-3)
    return figures


def chosen_labels(
    train: Scanned, prior_values: Floats, reports: Sequence[Any], signals: Signals, test: Scanned
) -> dict[str, float]:
    """Measure models of labels that were chosen: the head of the review queue, and weighted test buys."""
    prior, out = ScoreModel(), {}
    queue = np.argsort(-prior_values, kind="stable")[:SOME]
    chance = np.minimum(1.0, SOME / len(prior_values) * (0.3 + prior_values.clip(0.0) / max(1.0, prior_values.mean())))
    bought = np.flatnonzero(np.random.default_rng(0).random(len(chance)) < chance)
    for name, rows, weights in (("queue", queue, None), ("weighted", bought, (1.0 / chance[bought]).tolist())):
        labels = train.counterfeit[rows]
        if min(labels.sum(), (~labels).sum()) < 2:
            continue
        model = prior.fit([reports[i] for i in rows], labels.tolist(), weights=weights)
        out[f"auc_{name}"] = auc(signals.scores(model), test.counterfeit)
        out[f"auc_{name}_plain"] = auc(plain_regression(train, rows, test, weights), test.counterfeit)
    return out


def summary(worlds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return the mean and the worst decile of each figure, and in how many worlds labels win."""
    out: dict[str, Any] = {}
    for name in dict.fromkeys(name for world in worlds for name in world):  # few worlds lack labels of some choice
        values = np.array([world[name] for world in worlds if name in world])
        worst = 0.9 if name in _ERRORS else 0.1
        out[name] = {
            "mean": round(float(values.mean()), 4),
            "worst_decile": round(float(np.quantile(values, worst)), 4),
        }
    out["worlds"] = len(worlds)
    out["not_under_plain_10000"] = sum(world["lost_to_plain_10000"] <= 0.002 for world in worlds)
    for count in (FEW, SOME):
        out[f"above_plain_{count}"] = sum(world[f"auc_{count}"] > world[f"auc_{count}_plain"] for world in worlds)
    return out


@click.command("manyworlds", help=__doc__)
@click.option("--prices", type=PATH, required=True, help="Folder of CSV files of real prices.")
@click.option(
    "--first", type=click.IntRange(0), default=100, show_default=True, help="Number of the first drawn world."
)
@click.option("--worlds", "count", type=click.IntRange(0), default=50, show_default=True, help="Drawn worlds.")
@click.option("--world", "files", type=PATH, multiple=True, help="World file beside the drawn ones; repeatable.")
@click.option("--lines", type=click.Path(path_type=Path), help="File for the figures of each world, a line each.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def many_worlds(prices: Path, first: int, count: int, files: tuple[Path, ...], lines: Path | None, out: Path) -> None:
    """Measure worlds one after another."""
    grounds = Grounds(prices)
    given = [{**read_world(path), "listings": LISTINGS} for path in files]
    figures: dict[str, dict[str, float]] = {}
    for world in [*given, *map(drawn_world, range(first, first + count))]:
        begun = time.process_time()
        figures[world["name"]] = world_figures(world, grounds)
        line = json.dumps({"world": world["name"], **figures[world["name"]], "cpu_s": time.process_time() - begun})
        click.echo(line)
        if lines is not None:
            with lines.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
    drawn = [figures[name] for name in figures if name.startswith("drawn ")]
    result: dict[str, Any] = {"given": {world["name"]: figures[world["name"]] for world in given}}
    if drawn:
        result["drawn"] = summary(drawn)
    write_result(out, result, {"simulated": "all worlds", "first": first})

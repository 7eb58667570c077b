"""What do codes, contacts, print and declarations add to the score, and one photo more to the gate? All simulated.

The worlds are those of `score`; to their listings further evidence is added with the chances of `CHANCES`. auc and ece:
of the stated priors, and of a model fitted to 1,000 labels of another draw, without (`before`) and with the further
evidence (`after`). absent: where no further evidence is there, scores and bands by the model with and without the four
signals; the largest difference, and the bands that differ.

gate: listings of a world are held where their band is review. Each held listing is asked for the first photo of
`ask_for`; honest sellers send it with the chance `HONEST_REPLIES`, counterfeiters with `FAKE_REPLIES`, because many do
not have the goods, or do not want to show them. The photo shows the mark as real photos do, hits and misses as they
fell, for both. The listing is then judged again with it. The miss rate is the share of counterfeits that are cleared.
It rises by those who answer, so the score from which a listing is held is then lowered until the miss rate is the
former one: `unchanged_miss` compares the honest listings that are held for good, at the same miss rate.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.simulated.score import _BEGIN, Scanned, auc, price_records, split
from benchmarks.simulated.worlds import (
    PriceRow,
    Simulated,
    World,
    read_evidence,
    read_prices_folder,
    read_world,
    simulate,
)
from logoscan.evidence import Code, Contact, Declaration
from logoscan.images.phash import PhotoUse
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.pricing.model import PriceModel
from logoscan.scan.ask import ask_for
from logoscan.scoring.case import OtherEvidence
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.text.brand_names import NameIndex
from logoscan.text.listing_text import ListingText
from logoscan.text.specs import PhotoLine

CHANCES = {
    # evidence: chance in a counterfeit, in a genuine listing
    "contact": (0.10, 0.004),
    "other_code": (0.03, 0.002),
    "right_code": (0.04, 0.06),
    "other_size": (0.04, 0.003),
    "declared_ai": (0.05, 0.015),
}
"""How often listings hold further evidence. Assumptions, no measurements."""
BRANDS_WITH_PREFIX = 0.5
"""Share of brands that registered a GTIN prefix."""
HONEST_REPLIES, FAKE_REPLIES = 0.95, 0.3
"""Share of held sellers who send the photo that they are asked for."""
NEW_SIGNALS = ("code_contradicts", "contact_diversion", "photo_contradicts", "declared_ai")
LABELS = 1000

_BOX = (0.0, 0.0, 90.0, 40.0)


def _prefix(number: int) -> str:
    return f"40{number:05d}"


def _code(prefix: str) -> Code:
    digits = f"{prefix}00001"
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    gtin = f"0{digits}{-total % 10}"
    return Code("ean13", gtin[1:], _BOX, gtin, valid=True)


def further(item: Simulated, prefixes: dict[str, str], rng: random.Random) -> tuple[Simulated, OtherEvidence]:
    """Draw the further evidence of a listing, and return the listing, whose title may then state a size, with it."""

    def has(name: str) -> bool:
        return rng.random() < CHANCES[name][0 if item.counterfeit else 1]

    contacts, codes, declared, lines = [], [], [], []
    own = next((prefixes[b] for b in prefixes if b in (item.listing.title or "").casefold()), "4099999")
    if has("contact"):
        kind, source = rng.choice((("messenger", "title"), ("phone", "image:0"), ("messenger", "image:0")))
        contacts.append((source, Contact(kind, "", 0, 0)))  # type: ignore[arg-type]
    if has("other_code"):
        codes.append(_code(_prefix(rng.randrange(90000, 99999))))
    elif has("right_code"):
        codes.append(_code(own))
    if has("other_size"):
        item = replace(item, listing=replace(item.listing, title=f"{item.listing.title or ''} 256GB"))
        lines.append(PhotoLine("64GB", 0.95))
    if has("declared_ai"):
        declared.append(Declaration("ai_made", "IPTC digital source type"))
    return item, OtherEvidence(tuple(contacts), tuple(codes), tuple(declared), tuple(lines))


@dataclass
class Stream:
    """Findings of all listings of a world, in order, with the truth."""

    world: World
    found: list[Findings]
    counterfeit: np.ndarray


def findings_of(world: World, *, more: bool, seed: int) -> Stream:
    """Find out what there is about the listings of a world, with or without further evidence."""
    rng = random.Random(f"further {seed}")
    prefixes = {n: _prefix(i) for i, n in enumerate(sorted(world.brands)) if rng.random() < BRANDS_WITH_PREFIX}
    if more:
        for name, prefix in prefixes.items():
            world.brands[name] = replace(world.brands[name], gtin_prefixes=(prefix,))
    names, found = NameIndex(world.brands.values()), []
    for number, item in enumerate(world.stream):
        other = OtherEvidence()
        if more:
            item, other = further(item, prefixes, rng)
        listing = item.listing
        photos = None if item.shown is None else (world.ledger.look_up(item.photo, listing.seller_id),)
        words = ListingText.of(listing, names)
        found.append(
            Findings(
                listing, words.claimed, words.mentions, words.coded, item.shown or {},
                () if item.shown is None else world.brands.keys(), photos=photos, other=other,
            )
        )  # fmt: skip
        if item.shown is not None:
            world.ledger.add(listing.seller_id, [item.photo], at=_BEGIN + timedelta(minutes=number))
    return Stream(world, found, np.array([item.counterfeit for item in world.stream]))


def _scanned(stream: Stream, judge: Judge) -> Scanned:
    judged = [judge.judge(found, stream.world.brands.get) for found in stream.found]
    return Scanned(stream.world, judged, np.zeros((len(judged), 0)), stream.counterfeit)


def _values(scores: Sequence[Any]) -> np.ndarray:
    return np.array([-1.0 if s.value is None else s.value for s in scores])


def score_figures(test: Stream, train: Stream, prices: PriceModel) -> dict[str, float]:
    """Measure AUC and calibration of the priors and of a fitted model on one draw."""
    prior = ScoreModel()
    scanned = [_scanned(stream, Judge(prices)) for stream in (test, train)]
    scores, train_scores = (one.scores(prior) for one in scanned)
    model = prior.fit(train_scores[:LABELS], train.counterfeit[:LABELS].tolist())
    fitted = scanned[0].scores(model)
    judged = np.array([s.value is not None for s in fitted])
    return {
        "auc": auc(_values(scores), test.counterfeit),
        "auc_fitted": auc(_values(fitted), test.counterfeit),
        "ece_fitted": expected_calibration_error(_values(fitted)[judged] / 100, test.counterfeit[judged]),
    }


def absent(stream: Stream, prices: PriceModel) -> dict[str, float]:
    """Compare scores by the model with and without the new signals, where there is no further evidence."""
    shapes = {name: shape for name, shape in PRIOR.items() if name not in NEW_SIGNALS}
    judge = Judge(prices)
    old = Judge(prices, ScoreModel(shapes=shapes), [f for f in judge.signals if f.__name__ not in NEW_SIGNALS])
    tops = [[j.top(j.judge(f, stream.world.brands.get), f) for f in stream.found] for j in (judge, old)]
    return {
        "largest_difference": max(abs((a.value or 0.0) - (b.value or 0.0)) for a, b in zip(*tops, strict=True)),
        "other_bands": sum(a.band != b.band for a, b in zip(*tops, strict=True)),
        "n": len(stream.found),
    }


def gate(
    stream: Stream, prices: PriceModel, with_mark: Sequence[float], seed: int, review_from: float
) -> dict[str, Any]:
    """Screen all listings, ask for one photo where that may release a held one, and judge it again with the answer."""
    judge = Judge(prices, ScoreModel(review_from=review_from))
    brand_of = stream.world.brands.get
    rng = random.Random(f"gate {seed}")
    held, asked, released, cleared = ([0, 0] for _ in range(4))
    for found, fake in zip(stream.found, stream.counterfeit.tolist(), strict=True):
        draws = rng.random(), rng.choice(with_mark)
        band = judge.top(judge.judge(found, brand_of), found).band
        cleared[fake] += band == "clear"
        if band != "review":
            continue
        held[fake] += 1
        asks = ask_for(found, judge, brand_of)
        if not asks:
            continue
        asked[fake] += 1
        if draws[0] >= (FAKE_REPLIES if fake else HONEST_REPLIES):
            continue
        answered = _answered(found, asks[0].evidence, draws[1], brand_of)
        if judge.top(judge.judge(answered, brand_of), answered).band == "clear":
            released[fake] += 1
    fakes = int(stream.counterfeit.sum())
    honest = len(stream.found) - fakes
    return {
        "review_from": review_from,
        "honest_held": held[0] / honest,
        "honest_asked": asked[0] / max(1, held[0]),
        "honest_released": released[0] / max(1, held[0]),
        "honest_held_for_good": (held[0] - released[0]) / honest,
        "fakes_released": released[1] / max(1, held[1]),
        "miss_rate": cleared[1] / fakes,
        "miss_rate_with_asking": (cleared[1] + released[1]) / fakes,
        "n_honest_held": held[0],
    }


def _answered(found: Findings, evidence: str, probability: float, brand_of: Any) -> Findings:
    """Return the findings with the photo that was asked for, which shows the claimed brand as a real photo does."""
    brand = found.claimed if found.claimed and brand_of(found.claimed) else next(iter(found.candidates()), "")
    shown = {**found.shown, brand: max(probability, found.shown.get(brand, 0.0))} if brand else found.shown
    if evidence == "own photo":
        return replace(found, shown=shown, photos=(PhotoUse(0),), other=replace(found.other, declared=()))
    if evidence == "goods alone":
        return replace(found, shown={})
    if evidence == "barcode":
        return replace(found, other=replace(found.other, codes=()))
    return replace(found, shown=shown)


def at_unchanged_miss(stream: Stream, prices: PriceModel, with_mark: Sequence[float], seed: int) -> dict[str, Any]:
    """Lower the score from which listings are held until asking misses no more than the gate without it."""
    usual = gate(stream, prices, with_mark, seed, 20.0)
    tried = usual
    for review_from in (20.0, 18.0, 16.0, 14.0):
        if review_from != 20.0:
            tried = gate(stream, prices, with_mark, seed, review_from)
        if tried["miss_rate_with_asking"] <= usual["miss_rate"]:
            break
    return {
        "usual": usual,
        "unchanged_miss": tried,
        "fewer_honest_held": 1.0 - tried["honest_held_for_good"] / max(usual["honest_held"], 1e-9),
    }


def world_figures(
    world: dict[str, Any],
    files: Sequence[Sequence[PriceRow]],
    evidence: Sequence[tuple[float | None, float]],
    seed: int,
) -> dict[str, Any]:
    """Measure one world and seed."""
    parts = [split(rows, seed) for rows in files]
    fitted, held = ([row for part in parts for row in part[i]] for i in (0, 1))
    prices = PriceModel.fit(price_records(fitted))
    known = {row.brand for row in fitted}
    rows = [row for row in held if row.brand in known]

    def stream(number: int, more: bool) -> Stream:
        return findings_of(simulate(world, rows, evidence, number), more=more, seed=number)

    before, after = stream(2 * seed, False), stream(2 * seed, True)
    figures: dict[str, Any] = {
        "before": score_figures(before, stream(2 * seed + 1, False), prices),
        "after": score_figures(after, stream(2 * seed + 1, True), prices),
        "absent": absent(before, prices),
    }
    marks = [shown for shown, _ in evidence if shown is not None]
    figures["gate"] = at_unchanged_miss(before, prices, marks, seed)
    return figures


@click.command("evidence", help=__doc__)
@click.option("--prices", type=PATH, required=True, help="Folder of CSV files of real prices.")
@click.option("--world", "worlds", type=PATH, multiple=True, required=True, help="World file; repeatable.")
@click.option("--listings", type=int, help="Listings of each world; default: as its file says.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def evidence(prices: Path, worlds: tuple[Path, ...], listings: int | None, seeds: int, out: Path) -> None:
    """Measure further evidence and the gate in simulated worlds."""
    files = list(read_prices_folder(prices).values())
    photos = read_evidence()
    figures: dict[str, Any] = {"worlds": {}}
    for path in worlds:
        world = read_world(path)
        world = world if listings is None else {**world, "listings": listings}
        figures["worlds"][world["name"]] = [world_figures(world, files, photos, seed) for seed in range(seeds)]
        click.echo(f"{world['name']} {figures['worlds'][world['name']]}")
    chances = {name: {"counterfeit": a, "genuine": b} for name, (a, b) in CHANCES.items()}
    write_result(out, figures, {"seeds": seeds, "listings": listings, "simulated": "all worlds", "chances": chances})

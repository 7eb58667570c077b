"""What do codes, contacts, print and declarations add to the score, and one photo more to the gate? All simulated.

The worlds are those of `score`; to their listings further evidence is added with the chances of `CHANCES`. auc and ece:
of the stated priors, and of a model fitted to 1,000 labels of another draw, without (`before`) and with the further
evidence (`after`). absent: where no further evidence is there, scores and bands by the model with and without the four
signals; the largest difference, and the bands that differ.

gate: listings of a world are held where their band is review, or from a lower score (`ask_from`) where a photo with a
note is asked for. Each held listing is asked for the first photo of `ask_for`; honest sellers send it with the chance
`HONEST_REPLIES`, counterfeiters with `FAKE_REPLIES`, because many do not have the goods, or do not want to show them.
The photo shows the mark of the goods as real photos do, hits and misses as they fell, for both. A further share of
counterfeiters, `NOTE_ALONE`, sends the note without the goods. The listing is then judged again with what was sent, and
is held for good unless it is clear and the photo answers for each brand (`ask.unanswered`). The miss rate is the share
of counterfeits that are cleared, with asking those that answer among them. `ask_from` is chosen for each world on other
draws, as a platform would by its own labels: the highest one at which the miss rate is at least `MARGIN` below the
former one.
"""

from __future__ import annotations

import math
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
from logoscan.scan.ask import best_asks, unanswered
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
NOTE_ALONE = 0.3
"""Share of held counterfeiters who send a photo of the note without the goods. An assumption."""
ASK_FROM = (20.0, 16.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0)
"""Scores that are tried, from which listings are held and asked."""
MARGIN = 0.01
"""By how much the miss rate must fall on the draws on which `ask_from` is chosen."""
OTHER_DRAWS = 3
"""Draws on which `ask_from` is chosen, from the seed `FIRST_OTHER` on."""
FIRST_OTHER = 1000
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


@dataclass(frozen=True)
class Offer:
    """A photo that a listing may be asked for.

    Attributes:
        left: Proven score for which no photo with a note answers, in the best case (`ask.unanswered`).
        left_after: Proven score for which none answers with what the seller sends; infinite where the listing is not
            clear with it, or nothing is sent.
    """

    left: float
    left_after: float = math.inf


@dataclass(frozen=True)
class Gated:
    """One listing before the gate: what becomes of it at any `ask_from`.

    Attributes:
        fake: The truth.
        band: Band of the listing, without asking.
        left: Proven score for which no photo with a note answers (`ask.unanswered`).
        offers: Photos with which it would be clear at best, the lowest score first.
    """

    fake: bool
    band: str
    left: float
    offers: tuple[Offer, ...] = ()

    def asked(self, ask_from: float) -> Offer | None:
        """Return the photo that is asked for; None where no photo could release the listing."""
        return next((offer for offer in self.offers if offer.left < ask_from), None)

    def held(self, ask_from: float) -> bool:
        """Return whether the listing is held: for a person, or for a photo that could release it."""
        waits = self.band == "clear" and self.left >= ask_from and self.asked(ask_from) is not None
        return self.band == "review" or waits

    def released(self, ask_from: float) -> bool:
        """Return whether the listing is allowed with what its seller sends."""
        offer = self.asked(ask_from)
        return offer is not None and offer.left_after < ask_from


def gated(stream: Stream, prices: PriceModel, with_mark: Sequence[float], seed: int) -> list[Gated]:
    """Judge all listings of a stream, and those that may be held again with the photos that they may be asked for."""
    judge, brand_of = Judge(prices), stream.world.brands.get
    rng = random.Random(f"gate {seed}")
    out = []
    for found, item in zip(stream.found, stream.world.stream, strict=True):
        reply, shown = rng.random(), rng.choice(with_mark)
        judged = judge.judge(found, brand_of)
        one = Gated(item.counterfeit, judge.top(judged, found).band, unanswered(found, judged))
        if one.band == "review" or (one.band == "clear" and one.left >= ASK_FROM[-1]):
            sends = reply < (FAKE_REPLIES if one.fake else HONEST_REPLIES)
            bare = one.fake and not sends and reply < FAKE_REPLIES + NOTE_ALONE
            offers = []
            for ask, left in best_asks(found, judge, brand_of, note="note", of_all=True):
                offer = Offer(left)
                if sends or (bare and ask.evidence == "own photo"):
                    answer = _answered(found, ask.evidence, 0.0 if bare else shown, item.drawn.brand)
                    again = judge.judge(answer, brand_of)
                    if judge.top(again, answer).band == "clear":
                        offer = Offer(left, unanswered(answer, again))
                offers.append(offer)
            one = replace(one, offers=tuple(offers))
        out.append(one)
    return out


def gate(listings: Sequence[Gated], ask_from: float) -> dict[str, Any]:
    """Return what becomes of listings where those from a score on are held and asked for a photo."""
    fakes, honest = ([one for one in listings if one.fake is fake] for fake in (True, False))

    def held(of: Sequence[Gated]) -> list[Gated]:
        return [one for one in of if one.held(ask_from)]

    def share(of: Sequence[Gated], all_of: Sequence[Gated]) -> float:
        return len(of) / max(1, len(all_of))

    before = [one for one in honest if one.band == "review"]
    now, fakes_now = held(honest), held(fakes)
    return {
        "ask_from": ask_from,
        "n_honest_held_before": len(before),
        "honest_held_before": share(before, honest),
        "honest_held": share(now, honest),
        "honest_asked": share([one for one in now if one.asked(ask_from) is not None], now),
        "released_of_held": share([one for one in now if one.released(ask_from)], now),
        "released_of_held_before": share([one for one in before if one.released(ask_from)], before),
        "fewer_honest_held_for_good": 1.0 - share([one for one in now if not one.released(ask_from)], before),
        "fakes_released": share([one for one in fakes_now if one.released(ask_from)], fakes_now),
        "miss_rate_before": share([one for one in fakes if one.band == "clear"], fakes),
        "miss_rate": 1.0
        - share([one for one in fakes if one.band == "block"], fakes)
        - share([one for one in fakes_now if not one.released(ask_from)], fakes),
    }


def _answered(found: Findings, evidence: str, probability: float, brand: str) -> Findings:
    """Return the findings with the photo that was asked for, which shows the brand of the goods as real ones do."""
    shown = {**found.shown, brand: max(probability, found.shown.get(brand, 0.0))}
    if evidence == "own photo":
        photos = None if found.photos is None else (PhotoUse(0),)
        other = replace(found.other, declared=(), own_photo={brand: probability})
        return replace(found, shown=shown, photos=photos, other=other)
    if evidence == "goods alone":
        return replace(found, shown={})
    if evidence == "barcode":
        return replace(found, other=replace(found.other, codes=()))
    return replace(found, shown=shown)


def choose_ask_from(draws: Sequence[Sequence[Gated]]) -> float:
    """Return the highest score from which asking misses clearly less than the gate without it, over some draws."""
    for ask_from in ASK_FROM:
        tried = [gate(listings, ask_from) for listings in draws]
        if sum(one["miss_rate_before"] - one["miss_rate"] for one in tried) >= MARGIN * len(tried):
            return ask_from
    return ASK_FROM[-1]


def world_figures(
    world: dict[str, Any],
    files: Sequence[Sequence[PriceRow]],
    evidence: Sequence[tuple[float | None, float]],
    seed: int,
) -> dict[str, Any]:
    """Measure one world and seed."""
    prices, rows = _prices(files, seed)

    def stream(number: int, more: bool) -> Stream:
        return findings_of(simulate(world, rows, evidence, number), more=more, seed=number)

    before, after = stream(2 * seed, False), stream(2 * seed, True)
    figures: dict[str, Any] = {
        "before": score_figures(before, stream(2 * seed + 1, False), prices),
        "after": score_figures(after, stream(2 * seed + 1, True), prices),
        "absent": absent(before, prices),
    }
    return figures


def gate_draw(
    world: dict[str, Any],
    files: Sequence[Sequence[PriceRow]],
    evidence: Sequence[tuple[float | None, float]],
    seed: int,
) -> list[Gated]:
    """Draw a world, split its prices anew, and put its listings before the gate."""
    prices, rows = _prices(files, seed)
    marks = [shown for shown, _ in evidence if shown is not None]
    stream = findings_of(simulate(world, rows, evidence, 2 * seed), more=False, seed=2 * seed)
    return gated(stream, prices, marks, seed)


def _prices(files: Sequence[Sequence[PriceRow]], seed: int) -> tuple[PriceModel, list[PriceRow]]:
    """Return a price model of a part of the prices, and the others of its brands."""
    parts = [split(rows, seed) for rows in files]
    fitted, held = ([row for part in parts for row in part[i]] for i in (0, 1))
    known = {row.brand for row in fitted}
    return PriceModel.fit(price_records(fitted)), [row for row in held if row.brand in known]


@click.command("evidence", help=__doc__)
@click.option("--prices", type=PATH, required=True, help="Folder of CSV files of real prices.")
@click.option("--world", "worlds", type=PATH, multiple=True, required=True, help="World file; repeatable.")
@click.option("--listings", type=int, help="Listings of each world; default: as its file says.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option("--gate-alone", is_flag=True, help="Measure the gate, and not the score.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def evidence(
    prices: Path, worlds: tuple[Path, ...], listings: int | None, seeds: int, gate_alone: bool, out: Path
) -> None:
    """Measure further evidence and the gate in simulated worlds."""
    files = list(read_prices_folder(prices).values())
    photos = read_evidence()
    figures: dict[str, Any] = {"worlds": {}, "gate": {}}
    for path in worlds:
        world = read_world(path)
        world = world if listings is None else {**world, "listings": listings}
        others = range(FIRST_OTHER, FIRST_OTHER + OTHER_DRAWS)
        ask_from = choose_ask_from([gate_draw(world, files, photos, seed) for seed in others])
        draws = [gate(gate_draw(world, files, photos, seed), ask_from) for seed in range(seeds)]
        mean = {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
        figures["gate"][world["name"]] = {"mean": mean, "draws": draws}
        click.echo(f"{world['name']} gate {mean}")
        if gate_alone:
            continue
        figures["worlds"][world["name"]] = [world_figures(world, files, photos, seed) for seed in range(seeds)]
        click.echo(f"{world['name']} {figures['worlds'][world['name']]}")
    chances = {name: {"counterfeit": a, "genuine": b} for name, (a, b) in CHANCES.items()}
    write_result(out, figures, {"seeds": seeds, "listings": listings, "simulated": "all worlds", "chances": chances})

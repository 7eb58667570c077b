"""The gate before posting: how long `Scanner.screen` takes, and how often it decides otherwise than a full scan.

Every labelled photo is one listing, of one of four kinds in turn: it claims no brand ("hides"); it claims its brand at
the usual price ("claims"); it claims its brand at a seventh of the usual price, by a seller who is not authorised
("cheap"); the same, and its title says replica ("told"). The photos are real; prices, sellers and the usual price of
100 EUR are made up: the shares of decisions are those of this mix, not of a market. `--kind claims` leaves honest ones
alone; `--photos 3` puts three photos of a brand into each.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.screening import Screener, Screening
from logoscan.types import Listing, UsualPrice
from logoscan.vision.encoder import ClipEncoder

# Listings that are screened without a deadline first, so that models are warm and the pace is known.
_WARM = 6
# Decision of the gate that each band of a scan means.
_DECISIONS = {"clear": "allow", "review": "hold", "block": "block"}
# Kinds of listings.
_KINDS = ("hides", "claims", "cheap", "told")


def listings(
    images: Path, labels: Path, exclude: Path | None, step: int, kinds: Sequence[str] = _KINDS, photos: int = 1
) -> list[Listing]:
    """Make a listing of each `step`-th photo, or of so many photos of a brand, in the order of the labels."""
    left_out = {row["file"] for row in rows_of(exclude)}
    by_brand: dict[str, list[str]] = {}
    made: list[Listing] = []
    for row in [row for row in rows_of(labels) if row["file"] not in left_out][::step]:
        brand = row["brand"].split("|")[0]
        by_brand.setdefault(brand, []).append(row["file"])
        if len(by_brand[brand]) < photos:
            continue
        files, i = tuple(images / name for name in by_brand.pop(brand)), len(made)
        kind = kinds[i % len(kinds)]
        goods = Listing(f"{kind} {i}", files, category="Goods", currency="EUR", seller_id="reseller")
        if kind == "hides":
            made.append(replace(goods, title="New, boxed", claimed_brand="", price=60.0))
        elif kind == "claims":
            made.append(replace(goods, title=f"{brand}, new", claimed_brand=brand, price=100.0, seller_id="shop"))
        else:
            title = f"{brand}, new" if kind == "cheap" else f"{brand} replica"
            made.append(replace(goods, title=title, claimed_brand=brand, price=15.0))
    return made


def with_facts(index: LogoIndex, encoder: ClipEncoder) -> None:
    """Give every brand the made-up usual price and its authorised seller."""
    for brand in list(index.brands):
        usual = (UsualPrice("EUR", 80.0, 120.0),)
        index.add(replace(brand, usual_prices=usual, authorised_sellers=("shop",)), allow=["record"])


def at_deadline(gate: Screener, posts: list[Listing], full: list[str], deadline_s: float) -> dict[str, Any]:
    """Screen listings in a time, and compare the decisions with those of full scans.

    Args:
        gate: Screens them.
        posts: Listings.
        full: Decision of a scan of each.
        deadline_s: Seconds for each.
    """
    answers: list[Screening] = [
        gate.screen(post, deadline_s=deadline_s) for post in track(posts, f"{deadline_s:g} s", transient=True)
    ]
    took = np.array([answer.total_s for answer in answers])
    kinds: dict[str, Counter[str]] = {}
    for post, answer, scanned in zip(posts, answers, full, strict=True):
        if answer.decision != scanned:
            kinds.setdefault(post.id.partition(" ")[0], Counter())[f"{scanned}->{answer.decision}"] += 1
    skipped = Counter(f"{s.stage.partition(' ')[0]}, {s.why}" for answer in answers for s in answer.skipped)
    differ = sum(kinds.values(), Counter[str]())
    return {
        "p50_s": round(float(np.quantile(took, 0.5)), 4),
        "p95_s": round(float(np.quantile(took, 0.95)), 4),
        "overrun": round(float((took > deadline_s).mean()), 4),
        "most_over_s": round(float(max(0.0, (took - deadline_s).max())), 4),
        "timed_out": round(sum(answer.timed_out for answer in answers) / len(answers), 4),
        "decided": round(
            sum(not a.timed_out and s <= deadline_s for a, s in zip(answers, took, strict=True)) / len(answers), 4
        ),
        "allowed_though_held": sum(
            answer.decision == "allow" != scanned for answer, scanned in zip(answers, full, strict=True)
        ),
        "differ": dict(differ),
        "differ_by_listing": {kind: dict(count) for kind, count in sorted(kinds.items())},
        "band_differs": dict(
            Counter(
                f"{scanned}->{so_far}"
                for answer, scanned in zip(answers, full, strict=True)
                if (so_far := _DECISIONS[answer.report.score.band]) != scanned
            )
        ),
        "skipped": dict(sorted(skipped.items())),
    }


@click.command("screen")
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="Take one photo of so many.")
@click.option("--deadline", "deadlines", type=float, multiple=True, default=(0.1, 0.3, 1.0), show_default=True)
@click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: seconds of this process, for a machine that others use; give it one thread.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(_KINDS),
    multiple=True,
    default=_KINDS,
    help="Kinds of listings, all by default.",
)
@click.option(
    "--photos", default=1, show_default=True, type=click.IntRange(1), help="Photos of a listing, of one brand."
)
@click.option("--limit", type=click.IntRange(1), help="Most listings.")
@click.option("--threads", type=click.IntRange(1), help="Threads of torch; its own choice if absent.")
@options("json", "cache", "images", "labels", "gallery", "exclude", *MODELS)
def screen(
    images: Path,
    labels: Path,
    galleries: tuple[Path, ...],
    exclude: Path | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    cache: Path | None,
    step: int,
    deadlines: tuple[float, ...],
    clock: str,
    threads: int | None,
    kinds: tuple[str, ...],
    photos: int,
    limit: int | None,
    **models: Any,
) -> None:
    """Screen every listing at each deadline and scan it in full.

    p50_s, p95_s: seconds for one listing. overrun: share that took longer than the deadline; most_over_s: by how much
    at most. timed_out: share where a stage that could matter was left out. decided: share that was decided in time and
    in full. allowed_though_held: listings that a scan holds or blocks. differ: decisions, scan's -> gate's;
    band_differs: the same before a listing that was allowed so far is held for want of time. skipped: stages, by why.
    stage_s: the median of each stage, when a listing is screened without a deadline.
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = build_index(galleries, None, clip, cache)
    with_facts(index, clip)
    scanner = build_scanner(index, encoder=clip, device=device, **models)
    posts = listings(images, labels, exclude, step, kinds, photos)[:limit]
    for post in posts[:_WARM]:
        scanner.scan(post)
    seconds_now = time.perf_counter if clock == "wall" else time.process_time
    full, scan_s = [], []
    for post in track(posts, "scans", transient=True):
        start = seconds_now()
        full.append(_DECISIONS[scanner.scan(post).score.band])
        scan_s.append(seconds_now() - start)
    stages: dict[str, list[float]] = {}
    gate = scanner.screener(clock=seconds_now)
    for post in posts[:_WARM]:
        for stage, seconds in gate.screen(post, deadline_s=math.inf).elapsed_s.items():
            stages.setdefault(stage.partition(" ")[0], []).append(seconds)
    result = {f"{deadline_s:g}": at_deadline(gate, posts, full, deadline_s) for deadline_s in deadlines}
    figures = {
        "listings": len(posts),
        "scan": {
            "p50_s": round(float(np.quantile(scan_s, 0.5)), 4),
            "p95_s": round(float(np.quantile(scan_s, 0.95)), 4),
            "decisions": dict(Counter(full)),
        },
        "stage_s": {stage: round(float(np.median(took)), 4) for stage, took in stages.items()},
        "deadlines": result,
    }
    settings = {
        **settings_of(scanner),
        "step": step,
        "warm": _WARM,
        "clock": clock,
        "kinds": list(kinds),
        "photos": photos,
    }
    write_result(out, figures, settings)

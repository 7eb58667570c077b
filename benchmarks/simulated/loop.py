"""Does a run from the command line alone learn from verdicts, and judge again without a photo?

Listings are composed: the samples' logos on plain goods, with a title, a price and a seller. Every step is the command
`logoscan`: register five brands, scan and keep what is seen, order the queue, import 40 verdicts (on the first 20 of
the queue, on 15 listings that are drawn, and 5 that say which listings of the sixth brand were missed), fit the score,
register the sixth brand, and judge the stored features again, after the photos were moved away. The score is compared
on the listings without a verdict, before and after: the chance that a counterfeit has a higher score than a genuine
listing (AUC), and the mean squared error of the score as a probability (Brier).
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import logoscan
from benchmarks.common.children import run_module
from benchmarks.common.results import write_result
from logoscan.index.logo_images import read_logo
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report

# Brand folders of the samples.
_BRANDS = Path(logoscan.__file__).parent / "_samples" / "brands"
# The brand that is registered afterwards, and how many listings say that it was missed.
_LATER, _MISSED = "Kodak", 5
# Verdicts on the first listings of the queue, and on listings that are drawn, as `fit` advises.
_OF_QUEUE, _DRAWN = 20, 15
# Usual price of each brand's goods, in euros.
_PRICE = 60.0
_SIDE_PX = 256


def picture(rng: np.random.Generator, logo: Path, out: Path) -> None:
    """Compose a photo: a brand's logo on a plain thing before a plain ground."""
    ground, thing = (tuple(int(value) for value in rng.integers(low, high, 3)) for low, high in ((170, 250), (90, 230)))
    photo = Image.new("RGB", (_SIDE_PX, _SIDE_PX), ground)
    x0, y0, x1, y1 = (int(value) for value in rng.integers((15, 15, 200, 200), (50, 50, 241, 241)))
    photo.paste(thing, (x0, y0, x1, y1))
    mark = Image.fromarray(read_logo(logo).rgba)
    width = int(rng.uniform(0.55, 0.85) * (x1 - x0))
    mark = mark.resize((width, max(1, round(width * mark.height / mark.width))), Image.Resampling.LANCZOS)
    mark = mark.rotate(float(rng.uniform(-8, 8)), expand=True, resample=Image.Resampling.BICUBIC)
    photo.paste(mark, ((x0 + x1 - mark.width) // 2, (y0 + y1 - mark.height) // 2), mark)
    photo.save(out, "JPEG", quality=int(rng.integers(70, 93)))


def compose(work: Path, count: int) -> tuple[dict[str, str], dict[str, bool]]:
    """Write photos and `listings.jsonl`; return the brand of each listing, and whether it is a counterfeit.

    Counterfeits are cheaper, but so is many a genuine listing of an outlet; half of them have a coded term.
    """
    rng = np.random.default_rng(0)
    logos = {folder.name: next(folder.glob("logo.*")) for folder in sorted(_BRANDS.iterdir()) if folder.is_dir()}
    (work / "photos").mkdir()
    brands: dict[str, str] = {}
    fakes: dict[str, bool] = {}
    rows = []
    for i in range(count):
        listing_id, brand, fake = f"L{i}", str(rng.choice(sorted(logos))), bool(rng.random() < 0.4)
        picture(rng, logos[brand], work / "photos" / f"{i}.jpg")
        ratio = float(np.exp(rng.normal(np.log(0.5 if fake else 0.75), 0.35)))
        words = " replica 1:1 AAA" if fake and rng.random() < 0.5 else ""
        brands[listing_id], fakes[listing_id] = brand, fake
        rows.append(
            {
                "id": listing_id,
                "images": [f"photos/{i}.jpg"],
                "title": f"{brand} item {i}{words}",
                "claimed_brand": brand,
                "price": round(_PRICE * ratio, 2),
                "currency": "EUR",
                "seller_id": f"s{rng.integers(0, 40)}",
            }
        )
    (work / "listings.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    for name in logos:
        shutil.copytree(_BRANDS / name, work / ("later" if name == _LATER else "brands") / name)
    prices = [(name, round(_PRICE * factor, 2), "EUR") for name in logos for factor in (0.85, 0.95, 1.0, 1.05, 1.2)]
    with (work / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("brand", "price", "currency"), *prices])
    return brands, fakes


def verdicts(work: Path, brands: Mapping[str, str], fakes: Mapping[str, bool]) -> set[str]:
    """Write 40 verdicts, and return the ids of their listings."""
    with (work / "queue.csv").open(encoding="utf-8", newline="") as file:
        queue = [row["listing_id"] for row in csv.DictReader(file)]
    judged = [listing_id for listing_id in queue if brands[listing_id] != _LATER][:_OF_QUEUE]
    others = sorted(i for i, brand in brands.items() if brand != _LATER and i not in judged)
    judged += np.random.default_rng(1).permutation(others)[:_DRAWN].tolist()
    missed = [listing_id for listing_id, brand in brands.items() if brand == _LATER][:_MISSED]
    rows = [(i, brands[i], "counterfeit" if fakes[i] else "genuine") for i in judged]
    rows += [(i, _LATER, "missed") for i in missed]
    with (work / "verdicts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("listing_id", "brand", "verdict"), *rows])
    return {row[0] for row in rows}


def quality(reports: Mapping[str, Report], fakes: Mapping[str, bool], ids: set[str]) -> dict[str, float]:
    """Return AUC and Brier of the scores of some listings; a listing without a score has 0."""
    scores = np.array([(reports[i].score.value or 0.0) / 100 for i in sorted(ids)])
    truth = np.array([fakes[i] for i in sorted(ids)])
    pairs = scores[truth][:, None] - scores[~truth]
    auc = float((pairs > 0).mean() + (pairs == 0).mean() / 2)
    return {"auc": round(auc, 3), "brier": round(float(np.mean((scores - truth) ** 2)), 3)}


@click.command("loop", help=__doc__)
@click.option("--listings", "count", default=120, show_default=True, type=click.IntRange(100), help="Listings.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def loop(count: int, out: Path) -> None:
    """Run all steps."""
    figures: dict[str, Any] = {"listings": count}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        brands, fakes = compose(work, count)

        def step(*arguments: str) -> None:
            """Run a command of logoscan; a word that begins with @ is a path in the working folder."""
            given = [str(work / word[1:]) if word.startswith("@") else word for word in arguments]
            start = time.perf_counter()
            done = run_module("logoscan", *given)
            said = (done.stdout + done.stderr).replace(str(work), "").strip()
            print(f"$ logoscan {' '.join(word.removeprefix('@') for word in arguments)}\n{said}", flush=True)
            if done.returncode:
                raise click.ClickException(f"{arguments[0]}: exit code {done.returncode}")
            figures.setdefault("seconds", {})[arguments[0]] = round(time.perf_counter() - start, 1)

        step("register", "@brands", "--out", "@index")
        step(
            "scan", "@listings.jsonl", "--index", "@index", "--prices", "@prices.csv", "--out", "@reports.jsonl",
            "--keep-features", "@features", "--keep-text",
        )  # fmt: skip
        step("queue", "@reports.jsonl", "--out", "@queue.csv")
        held_out = set(brands) - verdicts(work, brands, fakes)
        step("verdict", "import", "@verdicts.csv", "--reports", "@reports.jsonl", "--journal", "@journal.jsonl")
        step("fit", "@reports.jsonl", "--verdicts", "@journal.jsonl", "--out", "@model.json")
        step("register", "@later", "--out", "@index", "--add")
        (work / "photos").rename(work / "photos-away")
        step(
            "rejudge", "@features", "--index", "@index", "--prices", "@prices.csv", "--score-model", "@model.json",
            "--listings", "@listings.jsonl", "--reports", "@reports.jsonl", "--out", "@again.jsonl",
        )  # fmt: skip
        before, after = (
            {report.listing_id: report for report in read_reports(work / name)}
            for name in ("reports.jsonl", "again.jsonl")
        )
        of_five = {listing_id for listing_id in held_out if brands[listing_id] != _LATER}
        figures |= {
            "held_out": len(held_out),
            "before": quality(before, fakes, held_out),
            "after": quality(after, fakes, held_out),
            "before_five_brands": quality(before, fakes, of_five),
            "after_five_brands": quality(after, fakes, of_five),
            "later_brand_named": [
                sum(any(b.brand == _LATER for b in reports[i].brands) for i in held_out - of_five)
                for reports in (before, after)
            ],
            "later_brand": len(held_out - of_five),
        }
    print(figures)
    write_result(out, figures, {"of_queue": _OF_QUEUE, "drawn": _DRAWN, "missed": _MISSED})

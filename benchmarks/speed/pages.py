"""The work list of a run in a headless Chromium: how soon it opens, how soon a key answers, how much memory it takes.

The listings are made up: each has a photo, a match and three reasons, and is no copy of another. "opens" is the time
from the start of the navigation until the first case is drawn; "complete" until the last one is loaded. A key's time is
from the event until the page is laid out again, over the keys C and N in turn, spread over the whole list; "frame" is
until the next frame can be shown. Memory is the most that the page's process had resident.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common.browser import CHROMIUM, Browser
from benchmarks.common.results import write_result
from logoscan._hashing import file_sha256, sha256_hex
from logoscan.reporting.run_html import write_pages
from logoscan.results import BrandResult, ImageRecord, ListingFacts, PriceFinding, Provenance, Report, Signal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Match

_PHOTOS, _SIDE_PX, _BRANDS, _SELLERS = 16, 320, 40, 700
# Keys that are timed.
_KEYS = 200
# Notes when the first card is drawn and when all cases are loaded, in milliseconds since the navigation began.
_OBSERVER = """
new MutationObserver(() => {
  if (window.opened === undefined && document.querySelector(".card")) window.opened = performance.now();
  if (window.complete === undefined && document.body?.dataset.ready) window.complete = performance.now();
}).observe(document, { childList: true, subtree: true, attributes: true });
"""
_PRESS = """
new Promise((done) => {
  const start = performance.now();
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "KEY", bubbles: true, cancelable: true }));
  document.body.offsetHeight;
  const laidOut = performance.now() - start;
  requestAnimationFrame(() => setTimeout(() => done([laidOut, performance.now() - start])));
})
"""


def _photos(folder: Path) -> list[ImageRecord]:
    """Write a few photos of noise and blocks, about as large as real ones when compressed."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(_PHOTOS):
        blocks = rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(_SIDE_PX // 8, 0).repeat(_SIDE_PX // 8, 1)
        noisy = np.clip(blocks + rng.normal(0, 12, blocks.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.jpg")
        records.append(ImageRecord(f"{number}.jpg", file_sha256(folder / f"{number}.jpg"), _SIDE_PX, _SIDE_PX))
    return records


def _reports(count: int, photos: list[ImageRecord]) -> Iterator[Report]:
    """Make listings whose scores, prices, sellers and brands differ."""
    rng, model = random.Random(0), ScoreModel()
    provenance = Provenance("0", "made up", "", "", "none", model.version, "cpu", "2026-01-01T00:00:00+00:00")
    for number in range(count):
        brand, price = f"Brand {rng.randrange(_BRANDS)}", rng.randrange(200, 20000) / 100
        signals = [
            Signal("low_price", rng.random(), f"costs {price:.2f} EUR, 40 % of the usual {price / 0.4:.2f} EUR for it"),
            Signal("coded_terms", rng.random() * 0.8, "the title says '1:1 quality': claims to equal the original"),
            Signal("seller_not_authorised", 1.0, f"{brand} authorised 12 sellers, and none of them is this one"),
        ]
        score = model.score(brand, signals, shown=0.95)
        yield Report(
            f"listing-{number}",
            f"seller {rng.randrange(_SELLERS)}",
            score,
            (BrandResult(brand, 0.95, score.value or 0.0),),
            (Match(0, (60.0, 60.0, 180.0, 140.0), brand, "logo", 0.8, 0.3, 0.95),),
            (),
            (),
            (),
            (rng.choice(photos),),
            provenance,
            listing=ListingFacts(
                f"{sha256_hex(str(number).encode())[:40]} {brand} thing, red", brand, "Things", "new", price, "EUR"
            ),
            price=PriceFinding(0.5, "costs it", price, "EUR", 0.4, price / 0.4, 0.3, 40, "brand", brand),
        )


def _spread(times_ms: NDArray[np.float64]) -> dict[str, float]:
    """Return the median, the 95th percentile and the most of some times."""
    quantiles = np.quantile(times_ms, (0.5, 0.95, 1.0)).round(1).tolist()
    return dict(zip(("median", "p95", "most"), quantiles, strict=True))


@click.command("pages")
@click.option("--cases", default=10_000, show_default=True, help="Listings of the run.")
@click.option("--repeat", default=3, show_default=True, help="Times that the work list is opened.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="File of the figures.")
def pages(cases: int, repeat: int, out: Path) -> None:
    """Time the work list in a browser."""
    if CHROMIUM is None:
        raise click.ClickException("expected a Chromium on the PATH, got none")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "browser").mkdir()
        write_pages(_reports(cases, _photos(folder)), folder / "run", root=folder)
        data_mb = sum(file.stat().st_size for file in (folder / "run" / "data").iterdir()) / 1e6
        index = folder / "run" / "index.html"
        opens, completes = [], []
        with Browser(folder / "browser") as browser:
            browser.ask("Page.addScriptToEvaluateOnNewDocument", source=_OBSERVER)
            for _ in range(repeat):
                browser.open(index, "window.complete !== undefined")
                opens.append(browser.run("window.opened"))
                completes.append(browser.run("window.complete"))
            browser.run("document.querySelector('.card[data-current]').focus()")
            keys = []
            for number in range(_KEYS):
                if number % 20 == 19:  # elsewhere in the list
                    browser.run(f"document.getElementById('view').scrollTop += {cases * 10}")
                    browser.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
                    browser.run("document.querySelector('.card:nth-child(4)').focus()")
                keys.append(browser.run(_PRESS.replace("KEY", "cn"[number % 2])))
            memory_mb, heap_mb = browser.peak_mb(), browser.run("performance.memory.usedJSHeapSize") / 1e6
            decided = browser.run("document.getElementById('progress').textContent")
            console = browser.console
    laid_out, frames = np.array(keys).T
    figures = {
        "cases": cases,
        "opens_ms": round(max(opens)),
        "complete_ms": round(max(completes)),
        "key_ms": _spread(laid_out),
        "frame_ms": _spread(frames),
        "memory_mb": round(memory_mb),
        "heap_mb": round(heap_mb),
        "data_mb": round(data_mb, 1),
        "decided": decided,
        "console": console,
    }
    write_result(out, figures, {"cases": cases, "repeat": repeat, "keys": _KEYS})

"""Scans by Ray Data on one machine against `scan_many`: the same reports, nothing lost or doubled when a worker dies.

Listings are made up over the bundled sample photos: reduced crops of them, titles, prices and sellers in turn; each
third has no photo. The encoder is the bundled one and looks at whole photos, so that thousands fit into minutes: what
is compared is one way of running a scanner with another, not what it finds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from PIL import Image

import logoscan
from benchmarks.common.options import OCR
from benchmarks.common.results import package_version, write_result
from benchmarks.common.scanners import build_scanner
from logoscan.distributed.ray_scan import Pool, merge_states, scan_shards, shard_reports
from logoscan.distributed.report_files import read_output
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.merchants.state import MerchantState
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

SAMPLES = Path(logoscan.__file__).parent / "_samples"
"""The bundled samples."""
# Photos that are made, and their long side in pixels.
_CROPS, _SIDE_PX = 300, 96


def make_photos(folder: Path, rng: random.Random) -> list[str]:
    """Write crops of the sample photos, two thirds of their sides or more, 96 px at most, and return their names."""
    sources = sorted((SAMPLES / "photos").iterdir())
    names = []
    for i in range(_CROPS):
        with Image.open(sources[i % len(sources)]) as opened:
            photo = opened.convert("RGB")
        width, height = (round(side * rng.uniform(0.67, 1.0)) for side in photo.size)
        x, y = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
        part = photo.crop((x, y, x + width, y + height))
        part.thumbnail((_SIDE_PX, _SIDE_PX))
        names.append(f"photos/{i}.jpg")
        part.save(folder / names[-1], quality=rng.randint(70, 95))
    return names


def make_shards(folder: Path, listings: int, shards: int) -> None:
    """Write shards as JSON lines, and a twin of the first under another name, which must not be scanned again."""
    rng = random.Random(0)
    (folder / "photos").mkdir()
    photos = make_photos(folder, rng)
    brands = sorted(path.name for path in (SAMPLES / "brands").iterdir())
    files: list[list[str]] = [[] for _ in range(shards)]
    for i in range(listings):
        brand = rng.choice(brands)
        row = {
            "id": f"L{i}",
            "images": [] if i % 3 == 2 else [rng.choice(photos)],
            "title": rng.choice((f"{brand}, new", f"{brand} replica", "A nice thing", f"Case for {brand}")) + f" {i}",
            "price": round(rng.lognormvariate(3.5, 1.0), 2),
            "currency": "EUR",
            "seller_id": f"seller-{rng.randint(0, listings // 50)}",
            **({"claimed_brand": brand} if rng.random() < 0.5 else {}),
        }
        files[i * shards // listings].append(json.dumps(row) + "\n")
    for n, lines in enumerate(files):
        (folder / f"{n:02}.jsonl").write_text("".join(lines), "utf-8")
    (folder / "twin.jsonl").write_text("".join(files[0]), "utf-8")


def make_scanner(index: Path, root: Path, detector: str, ocr: str, made: Path) -> Scanner:
    """Make a scanner as each actor does, and add its process to the file `made`; the photos lie under `root`."""
    encoder = ClipEncoder(device="cpu")
    scanner = build_scanner(
        LogoIndex.load(index, encoder),
        encoder=encoder,
        detector=detector,
        ocr=ocr,
        device="cpu",
        root=root,
        similarity_threshold=0.7,
    )
    with made.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    return scanner


class Killer(threading.Thread):
    """Kills the worker that was made last, when a number of shards is complete."""

    def __init__(self, out: Path, made: Path, after: int) -> None:
        super().__init__(daemon=True)
        self.killed: dict[str, int] = {}
        self._out, self._made, self._after = out, made, after
        self._over = threading.Event()

    def run(self) -> None:
        """Wait for the shards, then kill the worker."""
        while not self._over.wait(0.2):
            complete = len(list(self._out.glob("[!.]*.parquet")))
            if complete >= self._after:
                pid = int(self._made.read_text("utf-8").split()[-1])
                os.kill(pid, signal.SIGKILL)
                self.killed = {"pid": pid, "shards_complete_then": complete}
                return

    def stop(self) -> None:
        """Kill no more."""
        self._over.set()
        self.join()


def _timeless(report: Report) -> Report:
    return replace(report, provenance=replace(report.provenance, time=""))


def _probabilities(report: Report) -> Mapping[Any, float]:
    shown: list[tuple[Any, float | None]] = [(b.brand, b.probability) for b in report.brands]
    shown += [((m.image, m.brand, m.logo, m.xyxy), m.probability) for m in report.matches]
    return {key: value for key, value in shown if value is not None}


def compare(one: Mapping[str, Report], other: Mapping[str, Report]) -> dict[str, Any]:
    """Count how many reports of the same listings are equal, and by how much the others differ."""
    both = sorted(one.keys() & other.keys())
    most = bands = scores = 0.0
    for name in both:
        a, b = _probabilities(one[name]), _probabilities(other[name])
        most = max([most, *(abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in {*a, *b})])
        scores = max(scores, abs((one[name].score.value or 0.0) - (other[name].score.value or 0.0)))
        mine, theirs = one[name].score, other[name].score
        bands += (mine.band, mine.brand) != (theirs.band, theirs.brand)
    return {
        "compared": len(both),
        "equal_but_for_time": sum(one[name] == other[name] for name in both),
        "other_band_or_brand": int(bands),
        "most_probability_difference": most,
        "most_score_difference": scores,
    }


def _rows(folder: Path) -> Iterator[Listing]:
    for path in sorted(folder.glob("[0-9]*.jsonl")):
        yield from read_listings(path, on_error="skip")


def _states(reports: Mapping[str, Report]) -> dict[str, MerchantState]:
    states: dict[str, MerchantState] = {}
    for report in reports.values():
        states.setdefault(str(report.seller_id), MerchantState()).add(report, at="2026-01-01")
    return states


@click.command("distributed")
@click.option("--listings", default=3000, show_default=True, type=click.IntRange(10))
@click.option("--shards", default=10, show_default=True, type=click.IntRange(2))
@click.option("--actors", default=2, show_default=True, type=click.IntRange(1))
@click.option("--batch", default=32, show_default=True, type=click.IntRange(1))
@click.option("--kill", is_flag=True, help="Kill a worker when a third of the shards is complete.")
@click.option("--read-ahead", is_flag=True, help="The CPU stage reads the photos.")
@click.option("--detector", type=click.Choice(["whole", "logo", "tiles"]), default="whole", show_default=True)
@click.option("--ocr", type=OCR, default="none", show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def distributed(
    listings: int,
    shards: int,
    actors: int,
    batch: int,
    kill: bool,
    read_ahead: bool,
    detector: str,
    ocr: str,
    out: Path,
) -> None:
    """Scan made-up listings by one scanner and by Ray, and compare.

    lost, doubled: ids of listings without a report, or with several. equal_but_for_time: reports that are the same in
    every bit but for their time; the greatest differences of all others beside it. scanners_made: one to be asked, one
    an actor, one for each worker that was killed. merchants_equal: states of sellers, merged from the shards, that hold
    the same reports and pieces as by hand. one_s, ray_s: wall clock, Ray's with its start and its actors'.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        make_shards(folder / "in", listings, shards)
        index, _ = LogoIndex.from_folder(SAMPLES / "brands", ClipEncoder(device="cpu"))
        index.save(folder / "index")
        maker = partial(make_scanner, folder / "index", folder / "in", detector, ocr)
        start = time.perf_counter()
        one = {r.listing_id: _timeless(r) for r in maker(folder / "mine").scan_many(_rows(folder / "in"))}
        one_s = time.perf_counter() - start
        killer = Killer(folder / "out", folder / "made", -(-shards // 3))
        if kill:
            killer.start()
        start = time.perf_counter()
        run = scan_shards(
            folder / "in",
            folder / "out",
            make_scanner=partial(maker, folder / "made"),
            pool=Pool(actors=actors, batch=batch),
            read_ahead=read_ahead,
        )
        ray_s = time.perf_counter() - start
        if kill:
            killer.stop()
        times = Counter(row["listing_id"] for path in run.files for row in read_output(path) if row["report"])
        start = time.perf_counter()
        other = {r.listing_id: _timeless(r) for r in shard_reports(run.files)}
        merged = merge_states(run.files)
        merge_s = time.perf_counter() - start
        made = (folder / "made").read_text("utf-8").split()
        states = _states(one)
        figures = {
            "listings": listings,
            "reports": run.reports,
            "lost": sorted(one.keys() - other.keys()),
            "doubled": sorted(n for n, count in times.items() if count > 1),
            "failures": len(run.failures),
            "twins": len(run.twins),
            "broken": len(run.broken),
            **compare(one, other),
            "killed": killer.killed or None,
            "scanners_made": len(made),
            "merchants": len(states),
            "merchants_equal": sum(
                s in merged and (merged[s].reports, merged[s].pieces) == (states[s].reports, states[s].pieces)
                for s in states
            ),
            "one_s": round(one_s, 1),
            "ray_s": round(ray_s, 1),
            "merge_s": round(merge_s, 2),
        }
        write_result(
            out,
            figures,
            {"shards": shards, "actors": actors, "batch": batch, "read_ahead": read_ahead, "detector": detector}
            | {"ocr": ocr, "photo_side_px": _SIDE_PX, "ray": package_version("ray"), "cores": os.cpu_count()},
        )

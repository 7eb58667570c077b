"""How much of a full rescan do stored features find when brands are added, at which share of its work?

Photos are scanned and stored by an index without some brands of the gallery. Then these are added, and three ways of
asking are compared: a full rescan, which is the truth; judging all stored features again (`rejudge`); and looking up
the new logos in them (`find`), after which only the listings found are scanned again. Reports `share_rejudge` and
`share_find` (of the listings that the rescan puts in review or block for a new brand), `cpu_rejudge` and `cpu_find` (of
its processor time), bytes a photo of both ways of storing, and rates by processor time. Also how near judging again is
to the scan itself, by the same index: `same` brand and band, and probabilities within 0.005 and 0.03.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from benchmarks.common.galleries import read_galleries, saved_and_loaded
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import photos_of, warm
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.results import Report
from logoscan.runtime import one_core_a_batch, resolve_device
from logoscan.scan.scanner import Scanner
from logoscan.store.find import LEAST_SIMILARITY, find_by_vectors
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.writer import FeatureWriter
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

T = TypeVar("T")

WAYS = {"float16": StoreSettings(), "quantised": StoreSettings(quantise=True)}
"""Ways of storing, by the name under which figures stand."""


def timed_cpu(work: Callable[[], T]) -> tuple[T, float]:
    """Do some work, and measure its processor seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def flagged(report: Report, brands: frozenset[str]) -> bool:
    """Tell whether a listing is in review or block, and one of some brands is a candidate."""
    return report.score.band != "clear" and any(result.brand in brands for result in report.brands)


def nearness(truth: Sequence[Report], again: Sequence[Report]) -> dict[str, float]:
    """Compare reports with those of a scan: brand and band, and the probability of each brand that either names."""
    same = [a.score.brand == b.score.brand and a.score.band == b.score.band for a, b in zip(truth, again, strict=True)]
    off = []
    for a, b in zip(truth, again, strict=True):
        one, other = ({r.brand: r.probability or 0.0 for r in report.brands} for report in (a, b))
        off.append(max((abs(one.get(n, 0.0) - other.get(n, 0.0)) for n in {*one, *other}), default=0.0))
    return {
        "same": round(float(np.mean(same)), 4),
        "within_005": round(float(np.mean(np.array(off) <= 0.005)), 4),
        "within_03": round(float(np.mean(np.array(off) <= 0.03)), 4),
    }


def ask(
    scanner: Scanner,
    store: FeatureStore,
    listings: Sequence[Listing],
    earlier: Mapping[str, Report],
    new: frozenset[str],
    truth: Sequence[Report],
    scan_s: float,
    least: float,
) -> dict[str, float]:
    """Ask stored features for new brands in both ways, and compare with a full rescan that took `scan_s`."""
    wanted = {report.listing_id for report in truth if flagged(report, new)}
    again, rejudge_s = timed_cpu(lambda: list(scanner.rejudge(listings, store, earlier=earlier.get)))
    by_rejudge = {report.listing_id for report in again if flagged(report, new)}
    index = scanner.index
    rows = [i for i, record in enumerate(index.logos) if record.brand in new]
    found, find_s = timed_cpu(lambda: find_by_vectors(store, np.asarray(index.vectors[rows]), least, len(listings)))
    by_find = {one.listing_id for one in found}
    # a listing that is found is scanned again, at the mean cost of a listing
    look_s = find_s + len(by_find) * scan_s / len(listings)
    return {
        "wanted": len(wanted),
        "share_rejudge": round(len(wanted & by_rejudge) / max(1, len(wanted)), 4),
        "extra_rejudge": len(by_rejudge - wanted),
        "cpu_rejudge": round(rejudge_s / scan_s, 4),
        "rejudge_per_cpu_s": round(len(listings) / max(rejudge_s, 1e-9), 1),
        "share_find": round(len(wanted & by_find) / max(1, len(wanted)), 4),
        "found": len(by_find),
        "cpu_find": round(find_s / scan_s, 4),
        "cpu_find_and_scan": round(look_s / scan_s, 4),
        "find_per_cpu_s": round(len(listings) / max(find_s, 1e-9), 1),
    }


def stored(
    scanner: Scanner, photos: Mapping[str, Sequence[Any]], folder: Path, settings: StoreSettings
) -> tuple[FeatureStore, dict[str, float]]:
    """Store photos, and measure bytes and processor time a photo."""

    def write() -> None:
        with FeatureWriter(folder, scanner.maker(text=settings.keep_text), settings) as writer:
            for listing_id, features in photos.items():
                writer.add(listing_id, features)

    _, write_s = timed_cpu(write)
    store = FeatureStore(folder)
    size = sum(path.stat().st_size for path in store.files) / max(1, len(photos))
    return store, {"bytes": round(size), "write_per_cpu_s": round(len(photos) / max(write_s, 1e-9), 1)}


@click.command("store", help=__doc__)
@click.option("--limit", default=300, show_default=True, type=click.IntRange(1), help="Photos, a listing each.")
@click.option(
    "--new", "new_count", default=10, show_default=True, type=click.IntRange(1), help="Brands that are added."
)
@click.option(
    "--least-similarity", default=LEAST_SIMILARITY, show_default=True, help="Least cosine at which `find` finds."
)
@options("json", "folders", "gallery", *MODELS)
def store(
    folders: tuple[Path, ...],
    galleries: tuple[Path, ...],
    limit: int,
    new_count: int,
    least_similarity: float,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Scan, store, add brands and ask again."""
    device, files = resolve_device(device), photos_of(folders, limit)
    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    entries = read_galleries(galleries)
    names = sorted({brand.name for brand, logos in entries if logos})
    if len(names) <= new_count:
        raise click.ClickException(f"--new: expected fewer than the {len(names)} brands of the galleries")
    new = frozenset(np.random.default_rng(0).permutation(names)[:new_count].tolist())
    old_index, new_index = LogoIndex(clip), LogoIndex(clip)
    old_index.add_many([entry for entry in entries if entry[0].name not in new], allow=CONFLICTS)
    new_index.add_many(entries, allow=CONFLICTS)
    before = build_scanner(saved_and_loaded(old_index, clip), encoder=clip, device=device, **models)
    after = build_scanner(saved_and_loaded(new_index, clip), encoder=clip, device=device, hash_photos=True, **models)
    # an empty claim: a brand that is shown is then a reason to look, whatever its price
    listings = [Listing(str(i), images=(file,), claimed_brand="") for i, file in enumerate(files)]
    warm(after, listings[:4])
    photos: dict[str, Sequence[Any]] = {}

    def look() -> list[Report]:
        for listing in listings:
            photos[listing.id] = after.features(listing.images)
        return [after.judge(listing, photos[listing.id]) for listing in listings]

    truth, scan_s = timed_cpu(look)  # features do not depend on the index, so one look serves both
    earlier = {listing.id: before.judge(listing, photos[listing.id]) for listing in listings}
    own = {report.listing_id: report for report in truth}
    figures: dict[str, Any] = {"photos": len(listings), "brands": len(names), "new": len(new)}
    figures["scan_s_per_photo"] = round(scan_s / len(listings), 4)
    with tempfile.TemporaryDirectory() as temporary:
        for name, settings in WAYS.items():
            kept, sizes = stored(after, photos, Path(temporary) / name, settings)
            same = nearness(truth, list(after.rejudge(listings, kept, earlier=own.get)))
            asked = ask(after, kept, listings, earlier, new, truth, scan_s, least_similarity)
            alone = nearness(truth, list(after.rejudge(listings, kept)))
            figures[name] = {**sizes, **same, **{f"{k}_without_reports": v for k, v in alone.items()}, **asked}
            print({name: figures[name]}, flush=True)
    write_result(out, figures, {**settings_of(after), "least_similarity": least_similarity})

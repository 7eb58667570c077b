"""How much of a full rescan do stored features find when brands are added, at which share of its work?

Photos are scanned and stored by an index without some brands of the gallery. Then these are added, and two ways of
asking are compared with a full rescan, which is the truth: judging all stored features again (`rejudge`), and looking
up the new logos in them (`find`). Reports, for originals and for altered copies, the share of the listings that the
rescan puts in review or block for a new brand, and the share of its processor time. Also bytes a photo, rates by
processor time, and how near judging again is to the scan itself by the same index: `same` brand and band, and
probabilities within 0.005 and 0.03, with and without the earlier reports.

A photo is looked at once, whatever is asked later: with --cache its features are kept for the next run, and a run that
was stopped goes on. What a look costs is measured on a few photos.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
import numpy as np
from rich.progress import track

from benchmarks.common.altered_photos import with_copies
from benchmarks.common.feature_cache import FeatureFolder
from benchmarks.common.galleries import read_galleries, saved_and_loaded
from benchmarks.common.options import MODELS, options
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import warm
from logoscan._hashing import file_sha256, sha256_hex
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.results import Report
from logoscan.runtime import one_core_a_batch, resolve_device
from logoscan.scan.scanner import Scanner
from logoscan.store.find import LEAST_SIMILARITY, find_by_vectors
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.writer import FeatureWriter
from logoscan.types import Brand, ImageSource, Listing
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import PhotoFeatures

T = TypeVar("T")
Entry: TypeAlias = tuple[Brand, list[tuple[str, ImageSource]]]
"""A brand with the name and the file of each logo image."""

WAYS = {
    "full": StoreSettings(),
    "full, text": StoreSettings(keep_text=True),
    "quantised": StoreSettings(quantise=True),
    "quantised, text": StoreSettings(quantise=True, keep_text=True),
}
"""Ways of storing, by the name under which figures stand."""
# Photos whose look is timed, and listings that are judged again by the same index.
_TIMED, _SAME_INDEX = 48, 500
# Photos that are judged together, as `rejudge` does.
_BATCH = 32


@dataclass
class Clock:
    """Adds up processor seconds.

    Attributes:
        seconds: The sum.
    """

    seconds: float = 0.0

    def time(self, work: Callable[[], T]) -> T:
        """Do some work, and add its processor seconds."""
        start = time.process_time()
        result = work()
        self.seconds += time.process_time() - start
        return result


def flagged(report: Report, brands: Collection[str]) -> bool:
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


@dataclass(frozen=True, eq=False)
class Truth:
    """What the full rescan says.

    Attributes:
        listings: A listing of each photo.
        copies: Ids of the listings of altered copies.
        reports: The reports of the rescan.
        earlier: The reports before, by id.
        new: Brands that were added.
        scan_s: Processor seconds of the rescan of a listing.
    """

    listings: Sequence[Listing]
    copies: Collection[str]
    reports: Sequence[Report]
    earlier: dict[str, Report]
    new: Collection[str]
    scan_s: float

    def shares(self, found: Collection[str]) -> dict[str, Any]:
        """Return the share of the wanted listings that was found, of originals and of copies, and how many more."""
        wanted = {r.listing_id for r in self.reports if flagged(r, self.new) and r.score.brand in self.new}
        flagged_ids = {r.listing_id for r in self.reports if flagged(r, self.new)}
        groups = {"originals": wanted - set(self.copies), "copies": wanted & set(self.copies)}
        shares = {name: round(len(ids & set(found)) / len(ids), 4) if ids else None for name, ids in groups.items()}
        return {**shares, "wanted": len(wanted), "extra": len(set(found) - flagged_ids)}


def ask(scanner: Scanner, store: FeatureStore, truth: Truth, old: LogoIndex, least: float) -> dict[str, Any]:
    """Ask stored features for new brands in both ways, and compare with a full rescan."""
    listings, scan_s = truth.listings, truth.scan_s * len(truth.listings)
    judging, finding = Clock(), Clock()
    again = judging.time(lambda: list(scanner.rejudge(listings, store, earlier=truth.earlier.get, earlier_index=old)))
    index = scanner.index
    queries = np.asarray(index.vectors[[i for i, record in enumerate(index.logos) if record.brand in truth.new]])
    find_by_vectors(store, queries[:1], least, len(listings))  # builds the index of the vectors, which is kept
    found = finding.time(lambda: find_by_vectors(store, queries, least, len(listings)))
    return {
        "rejudge": truth.shares({report.listing_id for report in again if flagged(report, truth.new)}),
        "cpu_rejudge": round(judging.seconds / scan_s, 4),
        "rejudge_per_cpu_s": round(len(listings) / judging.seconds, 1),
        "find": truth.shares({one.listing_id for one in found}),
        "cpu_find": round(finding.seconds / scan_s, 4),
        "find_per_cpu_s": round(len(listings) / finding.seconds, 1),
    }


def indexes(
    galleries: Sequence[Path], distractors: Path | None, new_count: int, encoder: ClipEncoder, cache: Path | None
) -> tuple[LogoIndex, LogoIndex, frozenset[str]]:
    """Return an index without some brands, four fifths of which have logos, one with all, and these brands."""
    entries: list[Entry] = read_galleries(galleries)
    with_logo = sorted({brand.name for brand, logos in entries if logos})
    by_name = sorted({brand.name for brand, _ in entries} - set(with_logo))
    rng = np.random.default_rng(0)
    named = min(new_count // 5, len(by_name))
    if len(with_logo) <= new_count - named:
        raise click.ClickException(f"--new: expected fewer, the galleries have {len(with_logo)} brands with logos")
    new = {*rng.permutation(with_logo)[: new_count - named].tolist(), *rng.permutation(by_name)[:named].tolist()}
    names = {brand.name.casefold() for brand, _ in entries}
    icons = [] if distractors is None else sorted(p for p in distractors.iterdir() if p.suffix in (".svg", ".png"))
    entries += [(Brand(p.stem), [(p.name, p)]) for p in icons if p.stem.casefold() not in names]
    old_entries = [entry for entry in entries if entry[0].name not in new]
    old_index, new_index = (index_of(part, encoder, cache) for part in (old_entries, entries))
    return old_index, new_index, frozenset(new)


def index_of(entries: Sequence[Entry], encoder: ClipEncoder, cache: Path | None) -> LogoIndex:
    """Return the index of some brands, from a folder that keeps it for the next run, if there is one."""
    files = [(name, file_sha256(Path(str(source)))) for _, logos in entries for name, source in logos]
    facts = encoder.info.fingerprint, encoder.precision, [brand for brand, _ in entries], files
    folder = None if cache is None else cache / f"index-{sha256_hex(repr(facts).encode())[:16]}"
    if folder is not None and folder.is_dir():
        return LogoIndex.load(folder, encoder)
    index = LogoIndex(encoder)
    index.add_many(list(entries), allow=CONFLICTS)
    return saved_and_loaded(index, encoder, folder)


def mixed(folders: Sequence[Path], limit: int) -> list[Path]:
    """Draw `limit` photos from all of some folders, in an order that mixes them."""
    photos = [file for folder in folders for file in photo_files(folder)]
    random.Random(0).shuffle(photos)
    return photos[:limit]


def judged(scanner: Scanner, batch: Sequence[tuple[Listing, PhotoFeatures]]) -> Iterator[Report]:
    """Yield the reports of listings of one photo each, whose features are matched together, as a scan does."""
    pipeline, index = scanner.pipeline, scanner.index.snapshot()
    photos = [[features] for _, features in batch]
    for (listing, _), own, matches in zip(batch, photos, pipeline.match(photos, index), strict=True):
        yield pipeline.report(pipeline.text(listing, own, index), own, index, matches, {})


@click.command("store", help=__doc__)
@click.option("--limit", default=300, show_default=True, type=click.IntRange(1), help="Originals, a listing each.")
@click.option(
    "--new", "new_count", default=10, show_default=True, type=click.IntRange(1), help="Brands that are added."
)
@click.option("--way", "ways", type=click.Choice(list(WAYS)), multiple=True, help="Ways of storing; default: all.")
@click.option("--copies", is_flag=True, help="Also an altered copy of each original: cut, recoloured, mirrored, ...")
@click.option(
    "--least-similarity", default=LEAST_SIMILARITY, show_default=True, help="Least cosine at which `find` finds."
)
@options("json", "folders", "gallery", "distractors", "cache", *MODELS)
def store(
    folders: tuple[Path, ...],
    galleries: tuple[Path, ...],
    distractors: Path | None,
    cache: Path | None,
    limit: int,
    new_count: int,
    ways: tuple[str, ...],
    copies: bool,
    least_similarity: float,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Scan, store, add brands and ask again."""
    device, originals = resolve_device(device), mixed(folders, limit)
    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    old_index, new_index, new = indexes(galleries, distractors, new_count, clip, cache)
    before = build_scanner(old_index, encoder=clip, device=device, **models)
    after = build_scanner(new_index, encoder=clip, device=device, hash_photos=True, **models)
    figures: dict[str, Any] = {"brands": len(new_index.brands), "new": len(new)}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as writing:
        work = Path(temporary)
        files = [(f, None) for f in originals] if not copies else with_copies(originals, (cache or work) / "copies")
        # an empty claim: a brand that is shown is then a reason to look, whatever its price
        listings = [Listing(str(i), images=(file,), claimed_brand="") for i, (file, _) in enumerate(files)]
        warm(after, listings[:4])
        looking, judging, kept = Clock(), Clock(), FeatureFolder(cache, after)
        for file, _ in files[:_TIMED]:
            looking.time(lambda file=file: after.features([file]))  # type: ignore[misc]
        clocks = {name: Clock() for name in ways or WAYS}
        writers = {
            name: writing.enter_context(FeatureWriter(work / name, after.maker(text=way.keep_text), way))
            for name, way in WAYS.items()
            if name in clocks
        }
        reports: list[Report] = []
        earlier: dict[str, Report] = {}
        starts = range(0, len(listings), _BATCH)
        for start in track(starts, "photos"):
            batch = [(one, kept.features(Path(str(one.images[0])))) for one in listings[start : start + _BATCH]]
            reports += judging.time(lambda batch=batch: list(judged(after, batch)))  # type: ignore[misc]
            earlier |= {report.listing_id: report for report in judged(before, batch)}
            for name, writer in writers.items():
                for one, features in batch:
                    clocks[name].time(lambda: writer.add(one.id, [features]))  # noqa: B023
        for name, writer in writers.items():
            clocks[name].time(lambda: writer.__exit__(None, None, None))  # noqa: B023
        writing.pop_all()
        scan_s = looking.seconds / min(_TIMED, len(files)) + judging.seconds / len(files)
        copied = {str(i) for i, (_, original) in enumerate(files) if original is not None}
        truth = Truth(listings, copied, reports, earlier, new, scan_s)
        shown = {r.brand for report in reports if flagged(report, new) for r in report.brands if r.brand in new}
        figures |= {"photos": len(files), "copies": len(copied), "shown": len(shown), "scan_s": round(scan_s, 4)}
        figures["judge_s"] = round(judging.seconds / len(files), 4)
        print(figures, flush=True)
        own = {report.listing_id: report for report in reports}
        some = listings[:: max(1, len(listings) // _SAME_INDEX)]
        expected = [own[listing.id] for listing in some]
        for name in clocks:
            stored = FeatureStore(work / name)
            size = sum(path.stat().st_size for path in stored.files)
            same = nearness(expected, list(after.rejudge(some, stored, earlier=own.get)))
            alone = nearness(expected, list(after.rejudge(some, stored)))
            figures[name] = {
                "bytes": round(size / len(files)),
                "write_per_cpu_s": round(len(files) / clocks[name].seconds, 1),
                **same,
                **{f"{key}_without_reports": value for key, value in alone.items()},
                **ask(after, stored, truth, old_index, least_similarity),
            }
            print({name: figures[name]}, flush=True)
    write_result(out, figures, {**settings_of(after), "least_similarity": least_similarity})

"""How much of a full rescan do stored features find when brands are added, at which share of its work?

Photos are scanned and stored by an index without some brands of the gallery. Then these are added, and two ways of
asking are compared with a full rescan, which is the truth: judging all stored features again (`rejudge`), and looking
up the new logos in them (`find`). Reports, for originals and for altered copies, the share of the listings that the
rescan puts in review or block for a new brand, and the share of its processor time. Also bytes a photo, rates by
processor time, and how near judging again is to the scan itself by the same index: `same` brand and band, and
probabilities within 0.005 and 0.03, with and without the earlier reports.

A photo is looked at once, whatever is asked later: with --cache its features are kept for the next run. Photos are
stored and asked in shards of --shard originals; with --cache the figures of each shard are kept too, so that a run that
was stopped goes on, and more photos can be added later. What a look costs is measured on a few photos.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
from benchmarks.common.results import code_version, write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import warm
from logoscan._hashing import file_sha256, sha256_hex
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.io.files import atomic_write
from logoscan.results import Report
from logoscan.runtime import one_core_a_batch, resolve_device
from logoscan.scan.scanner import Scanner
from logoscan.store.find import LEAST_SIMILARITY, find_by_vectors
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.vectors import CODEBOOK_FILE
from logoscan.store.writer import FeatureWriter
from logoscan.types import Brand, ImageSource, Listing
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import PhotoFeatures

T = TypeVar("T")
Entry: TypeAlias = tuple[Brand, list[tuple[str, ImageSource]]]
"""A brand with the name and the file of each logo image."""
Figures: TypeAlias = dict[str, float]
"""Counts or seconds by name, which are added up over shards."""

WAYS = {
    "full": StoreSettings(),
    "full, text": StoreSettings(keep_text=True),
    "quantised": StoreSettings(quantise=True),
    "quantised, text": StoreSettings(quantise=True, keep_text=True),
}
"""Ways of storing, by the name under which figures stand."""
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


def nearness(truth: Sequence[Report], again: Sequence[Report]) -> Figures:
    """Compare reports with those of a scan: how many, with how many brand and band are the same, and probabilities."""
    same = [a.score.brand == b.score.brand and a.score.band == b.score.band for a, b in zip(truth, again, strict=True)]
    off = []
    for a, b in zip(truth, again, strict=True):
        one, other = ({r.brand: r.probability or 0.0 for r in report.brands} for report in (a, b))
        off.append(max((abs(one.get(n, 0.0) - other.get(n, 0.0)) for n in {*one, *other}), default=0.0))
    return {
        "listings": len(same),
        "same": sum(same),
        "within_005": sum(value <= 0.005 for value in off),
        "within_03": sum(value <= 0.03 for value in off),
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
    """

    listings: Sequence[Listing]
    copies: Collection[str]
    reports: Sequence[Report]
    earlier: dict[str, Report]
    new: Collection[str]

    def found(self, ids: Collection[str]) -> Figures:
        """Count the wanted listings, those of them that were found, of originals and of copies, and how many more."""
        wanted = {r.listing_id for r in self.reports if flagged(r, self.new) and r.score.brand in self.new}
        flagged_ids = {r.listing_id for r in self.reports if flagged(r, self.new)}
        groups = {"originals": wanted - set(self.copies), "copies": wanted & set(self.copies)}
        counts = {f"{name}_wanted": len(group) for name, group in groups.items()}
        counts |= {f"{name}_found": len(group & set(ids)) for name, group in groups.items()}
        return {**counts, "extra": len(set(ids) - flagged_ids)}


def ask(
    scanner: Scanner, store: FeatureStore, truth: Truth, old: LogoIndex, *, same: int, least: float | None
) -> dict[str, Figures]:
    """Ask the stored features of a shard, and count what agrees with the rescan.

    Args:
        scanner: Scanner with all brands.
        store: The features of the shard.
        truth: What the rescan says.
        old: The index before.
        same: About how many listings are judged again by the same index.
        least: Least cosine at which `find` finds; None leaves `find` out.
    """
    own = {report.listing_id: report for report in truth.reports}
    some = truth.listings[:: max(1, len(truth.listings) // same)]
    expected = [own[listing.id] for listing in some]
    near_same = nearness(expected, list(scanner.rejudge(some, store, earlier=own.get)))
    alone = nearness(expected, list(scanner.rejudge(some, store)))
    judging, finding = Clock(), Clock()
    again = judging.time(
        lambda: list(scanner.rejudge(truth.listings, store, earlier=truth.earlier.get, earlier_index=old))
    )
    asked = {
        "same_index": near_same,
        "without_reports": alone,
        "rejudge": truth.found({report.listing_id for report in again if flagged(report, truth.new)}),
    }
    if least is None:
        return {**asked, "seconds": {"rejudge": judging.seconds}}
    index = scanner.index
    queries = np.asarray(index.vectors[[i for i, record in enumerate(index.logos) if record.brand in truth.new]])
    find_by_vectors(store, queries[:1], least, len(truth.listings))  # builds the index of the vectors, which is kept
    found = finding.time(lambda: find_by_vectors(store, queries, least, len(truth.listings)))
    return {
        **asked,
        "find": truth.found({one.listing_id for one in found}),
        "seconds": {"rejudge": judging.seconds, "find": finding.seconds},
    }


def total(figures: Sequence[Any]) -> Any:
    """Add up the figures of shards: numbers are summed, and lists joined; what some lack counts as nothing."""
    if isinstance(figures[0], dict):
        names = dict.fromkeys(name for one in figures for name in one)
        return {name: total([one[name] for one in figures if name in one]) for name in names}
    if isinstance(figures[0], list):
        return sorted({item for one in figures for item in one})
    return sum(figures)


def summary(shards: Sequence[dict[str, Any]], look_s: float) -> dict[str, Any]:
    """Return the shares and rates of all shards together.

    Args:
        shards: The figures of each.
        look_s: Processor seconds of a look at a photo.
    """
    sums = total(shards)
    photos = sums["photos"]
    scan_s = look_s + sums["judge_s"] / photos
    out: dict[str, Any] = {
        "photos": photos, "copies": sums["copies"], "shown": len(sums["shown"]),
        "look_s": round(look_s, 4), "judge_s": round(sums["judge_s"] / photos, 4), "scan_s": round(scan_s, 4),
    }  # fmt: skip

    def found(counts: Figures) -> dict[str, Any]:
        groups = "originals", "copies"
        shares = {name: _share(counts[f"{name}_found"], counts[f"{name}_wanted"]) for name in groups}
        return {**shares, "wanted": sum(counts[f"{name}_wanted"] for name in groups), "extra": counts["extra"]}

    for name, way in sums["ways"].items():
        near = {
            f"{key}{suffix}": _share(way[kind][key], way[kind]["listings"])
            for kind, suffix in (("same_index", ""), ("without_reports", "_without_reports"))
            for key in ("same", "within_005", "within_03")
        }
        out[name] = {
            "bytes": round(way["bytes"] / photos), "write_per_cpu_s": round(photos / way["write_s"], 1), **near,
            **{kind: found(way[kind]) for kind in way["seconds"]},
        }  # fmt: skip
        for kind in way["seconds"]:
            out[name][f"cpu_{kind}"] = round(way["seconds"][kind] / photos / scan_s, 4)
            out[name][f"{kind}_per_cpu_s"] = round(photos / max(1e-9, way["seconds"][kind]), 1)
    return out


def _share(count: float, of: float) -> float | None:
    return round(count / of, 4) if of else None


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


@dataclass(frozen=True, eq=False)
class Question:
    """Everything that decides the figures of a shard, and its folder.

    Attributes:
        before: Scanner with the index without the new brands.
        after: Scanner with all brands.
        new: The brands that are added.
        kept: Looks at photos.
        ways: Names of the ways of storing.
        same: About how many listings of a shard are judged again by the same index.
        least_similarity: Least cosine at which `find` finds; None leaves `find` out.
        codebook: Where the codebook of the first shard is kept for the others.
    """

    before: Scanner
    after: Scanner
    new: Collection[str]
    kept: FeatureFolder
    ways: Sequence[str]
    same: int
    least_similarity: float | None
    codebook: Path

    def shard(self, first: int, files: Sequence[tuple[Path, Path | None]], work: Path) -> dict[str, Any]:
        """Store the photos of a shard in all ways, ask for the new brands, and return the counts and seconds.

        Args:
            first: Number of the first photo.
            files: Photos, each with its original if it is a copy.
            work: An empty folder.
        """
        # an empty claim: a brand that is shown is then a reason to look, whatever its price
        listings = [Listing(str(first + i), images=(file,), claimed_brand="") for i, (file, _) in enumerate(files)]
        judging, clocks = Clock(), {name: Clock() for name in self.ways}
        reports: list[Report] = []
        earlier: dict[str, Report] = {}
        with ExitStack() as writing:
            writers = {name: writing.enter_context(self._writer(work / name, WAYS[name])) for name in self.ways}
            for start in range(0, len(listings), _BATCH):
                some = listings[start : start + _BATCH]
                batch = [(one, self.kept.features(Path(str(one.images[0])))) for one in some]
                reports += judging.time(lambda batch=batch: list(judged(self.after, batch)))  # type: ignore[misc]
                earlier |= {report.listing_id: report for report in judged(self.before, batch)}
                for name, writer in writers.items():
                    for one, features in batch:
                        clocks[name].time(lambda: writer.add(one.id, [features]))  # noqa: B023
            for name, writer in writers.items():
                clocks[name].time(lambda: writer.__exit__(None, None, None))  # noqa: B023
            writing.pop_all()
        copied = {listing.id for listing, (_, original) in zip(listings, files, strict=True) if original is not None}
        truth = Truth(listings, copied, reports, earlier, self.new)
        shown = {
            r.brand for report in reports if flagged(report, self.new) for r in report.brands if r.brand in self.new
        }
        ways = {}
        for name in self.ways:
            stored = FeatureStore(work / name)
            if WAYS[name].quantise and not self.codebook.is_file():
                self.codebook.write_bytes((work / name / CODEBOOK_FILE).read_bytes())
            ways[name] = {
                "bytes": sum(path.stat().st_size for path in stored.files),
                "write_s": clocks[name].seconds,
                **ask(self.after, stored, truth, self.before.index, same=self.same, least=self.least_similarity),
            }
        counts = {"photos": len(files), "copies": len(copied), "shown": sorted(shown), "judge_s": judging.seconds}
        return {**counts, "ways": ways}

    def _writer(self, folder: Path, way: StoreSettings) -> FeatureWriter:
        if way.quantise and self.codebook.is_file():
            way = replace(way, codebook=self.codebook)
        return FeatureWriter(folder, self.after.maker(text=way.keep_text), way)


@click.command("store", help=__doc__)
@click.option("--limit", default=300, show_default=True, type=click.IntRange(1), help="Originals, a listing each.")
@click.option(
    "--new", "new_count", default=10, show_default=True, type=click.IntRange(1), help="Brands that are added."
)
@click.option("--way", "ways", type=click.Choice(list(WAYS)), multiple=True, help="Ways of storing; default: all.")
@click.option("--copies", is_flag=True, help="Also an altered copy of each original: cut, recoloured, mirrored, ...")
@click.option(
    "--shard", "of_shard", default=500, show_default=True, type=click.IntRange(1), help="Originals of a shard."
)
@click.option("--timed", default=48, show_default=True, type=click.IntRange(1), help="Photos whose look is timed.")
@click.option(
    "--least-similarity", default=LEAST_SIMILARITY, show_default=True, help="Least cosine at which `find` finds."
)
@click.option(
    "--same", default=500, show_default=True, type=click.IntRange(1), help="Of a shard, judged by the same index."
)
@click.option("--find/--no-find", "finds", default=True, show_default=True, help="Whether `find` is asked too.")
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
    of_shard: int,
    timed: int,
    least_similarity: float,
    same: int,
    finds: bool,
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
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        chosen = ways or tuple(WAYS)
        facts = code_version(), old_index.fingerprint, new_index.fingerprint, settings_of(after), chosen
        least = least_similarity if finds else None
        key = sha256_hex(repr((facts, least, same, copies, of_shard)).encode())[:16]
        checkpoints = (cache or work) / f"store-{key}"
        checkpoints.mkdir(parents=True, exist_ok=True)
        looked = _look_seconds(after, originals[:timed], checkpoints / "look.json")
        kept = FeatureFolder(cache, after)
        question = Question(before, after, new, kept, chosen, same, least, checkpoints / CODEBOOK_FILE)
        shards: list[dict[str, Any]] = []
        for start in track(range(0, len(originals), of_shard), "shards"):
            part = originals[start : start + of_shard]
            facts_of_part = sha256_hex(repr([(p.parent.name, p.name) for p in part]).encode())[:16]
            checkpoint = checkpoints / f"{start}-{facts_of_part}.json"
            if not checkpoint.is_file():
                files = (
                    [(f, None) for f in part] if not copies else with_copies(part, (cache or work) / "copies", start)
                )
                with tempfile.TemporaryDirectory(dir=work) as folder:
                    figures = question.shard(start * (2 if copies else 1), files, Path(folder))
                atomic_write(checkpoint, json.dumps(figures).encode())
            shards.append(json.loads(checkpoint.read_text()))
            print(summary(shards, looked), flush=True)
    figures = {"brands": len(new_index.brands), "new": len(new), **summary(shards, looked)}
    write_result(out, figures, {**settings_of(after), "least_similarity": least_similarity})


def _look_seconds(scanner: Scanner, photos: Sequence[Path], path: Path) -> float:
    """Return the processor seconds of a look at a photo, measured once and kept in a file."""
    if not path.is_file():
        warm(scanner, [Listing(str(i), images=(photo,)) for i, photo in enumerate(photos[:4])])
        looking = Clock()
        for photo in photos:
            looking.time(lambda photo=photo: scanner.features([photo]))  # type: ignore[misc]
        atomic_write(path, json.dumps(looking.seconds / len(photos)).encode())
    return float(json.loads(path.read_text()))

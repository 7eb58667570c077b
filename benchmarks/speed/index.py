"""What an index costs a photo as it grows: search, keypoints, names in text; and what the search misses.

Real logos come from --gallery and --icons; beyond them brands are synthetic: a real vector mixed with another and with
noise, the logo image and keypoints of the first, and a made-up name. Their figures of time and memory are those of real
ones; their recall is not, since real logos crowd in another way.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.galleries import build_index, icon_set
from benchmarks.common.options import PATH, options, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.common.titles import BRANDS, honest_title, names
from logoscan.index import storage
from logoscan.index.logo_index import LogoIndex
from logoscan.index.photo_search import PhotoSearch
from logoscan.index.storage import LogoRecord, Stored
from logoscan.matching.sift_match import placements
from logoscan.runtime import one_core_a_batch
from logoscan.scan.scanner import Scanner
from logoscan.scan.threads import batched
from logoscan.types import Brand, Embeddings, Regions, TextSpans
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import PhotoFeatures
from logoscan.vision.sift import Keypoints

# Lengths of the second vector and of the noise in a synthetic one, beside 0.8 of the first.
_OTHER, _NOISE = 0.35, 0.35
# Lines of text in a photo.
_LINES = 30
# Photos whose regions are searched together, as `Scanner.scan_many` searches those of a batch of listings.
_BATCH = 4


class _SharedKeypoints(Mapping[str, Keypoints]):
    """Gives a synthetic logo image the keypoints of the real one that it was made of."""

    def __init__(self, real: LogoIndex, row_of: dict[str, int]) -> None:
        self._real, self._row_of = real, row_of

    def __getitem__(self, sha256: str) -> Keypoints:
        return self._real.keypoints(self._row_of[sha256])

    def __iter__(self) -> Iterator[str]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)


def grown(real: LogoIndex, size: int, folder: Path, seed: int) -> int:
    """Write an index of `size` brands, real ones first, and return how many of them are synthetic."""
    rng = np.random.default_rng(seed)
    owners: dict[str, list[int]] = {}
    for row, record in enumerate(real.logos):
        owners.setdefault(record.brand, []).append(row)
    kept = sorted(owners)[:size]
    rows = [row for brand in kept for row in owners[brand]]
    records = [real.logos[row] for row in rows]
    blocks: list[Embeddings] = [real.vectors[rows]]
    brands = [Brand(name) for name in kept]
    row_of = {real.logos[row].sha256: row for row in rows}
    made_up = [name for name in names(max(1, size + 2000), seed) if name not in owners][: size - len(kept)]
    sources = rng.integers(0, len(kept), len(made_up))
    for number, (name, source) in enumerate(zip(made_up, sources.tolist(), strict=True)):
        own = owners[kept[source]]
        sha256 = f"{number:064x}"
        records += [LogoRecord(f"{name}/a", name, real.logos[row].rendering, sha256) for row in own]
        row_of[sha256] = own[0]
        brands.append(Brand(name))
        mixed = 0.8 * real.vectors[own] + _OTHER * real.vectors[rng.integers(0, len(real), len(own))]
        mixed += _NOISE * rng.normal(size=mixed.shape) / np.sqrt(mixed.shape[1])
        blocks.append(np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32))
    logos = tuple(records)
    drawings = dict.fromkeys(row_of, b"")  # pictures are not what is measured
    facts = tuple(sorted(brands, key=lambda b: b.name))
    stored = Stored(real.encoder_info, facts, logos, np.concatenate(blocks), drawings, _SharedKeypoints(real, row_of))
    storage.save(folder, stored)
    return len(made_up)


def _median_ms(calls: Sequence[Callable[[], object]]) -> float:
    took = []
    for call in calls:
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return round(float(np.median(took)), 2)


def _rss_mb() -> dict[str, float]:
    """Read the resident memory of this process: all of it, and what is not mapped from files."""
    values = {}
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(("VmRSS", "RssAnon")):
            values[line.split(":")[0]] = int(line.split()[1]) / 1024
    return {"rss_mb": round(values["VmRSS"], 1), "anonymous_mb": round(values["RssAnon"], 1)}


def features_of(scanner: Scanner, photos: list[Path], regions: int) -> list[PhotoFeatures]:
    """Look at photos and give each exactly `regions` vectors, the proposed ones over again; leave out those without."""
    out = []
    for features in scanner.features(photos):
        if not len(features.regions):
            continue
        at = np.arange(regions) % len(features.regions)
        repeated = Regions(features.regions.xyxy[at], features.regions.confidence[at])
        vectors = np.ascontiguousarray(features.vectors[at])
        out.append(replace(features, regions=repeated, vectors=vectors, mirrored=features.mirrored[:0]))
    return out


def _texts(count: int, seed: int) -> list[TextSpans]:
    rng = random.Random(seed)
    boxes = np.array([[[0, 20 * i], [200, 20 * i], [200, 20 * i + 14], [0, 20 * i + 14]] for i in range(_LINES)])
    return [
        TextSpans(
            boxes.astype(np.float32),
            tuple(" ".join(honest_title(rng, rng.choice(BRANDS)).split()[: rng.randint(1, 3)]) for _ in range(_LINES)),
            np.ones(_LINES, np.float32),
        )
        for _ in range(count)
    ]


def measure(
    real: LogoIndex, size: int, observed: list[PhotoFeatures], texts: list[TextSpans], encoder: Any
) -> dict[str, Any]:
    """Measure an index of one size."""
    folder = Path(tempfile.mkdtemp())
    try:
        began = time.perf_counter()
        synthetic = grown(real, size, folder, 0)
        written_s = time.perf_counter() - began
        before = _rss_mb()
        began = time.perf_counter()
        index = LogoIndex.load(folder, encoder)
        loaded_s = time.perf_counter() - began
        began = time.perf_counter()
        recall = index.recall_of_search  # builds the approximate index, where there is to be one
        built_s = time.perf_counter() - began
        names_of = index.names

        def search(some: Sequence[PhotoFeatures]) -> list[PhotoSearch]:
            found = index.search_photos([(one.vectors, one.mirrored) for one in some])
            for one in found:
                _ = one.neighbours_or_mirrored  # computed when it is first asked for
            return found

        def lay_keypoints(one: PhotoFeatures) -> None:
            placements(one, search([one])[0], index)

        lay_keypoints(observed[0])
        names_of.find_in_spans(texts[0], 0)
        search_ms = _median_ms([partial(search, [one]) for one in observed])
        batches = list(batched(observed, _BATCH))
        batch_ms = _median_ms([partial(search, batch) for batch in batches if len(batch) == _BATCH])
        keypoints_ms = _median_ms([partial(lay_keypoints, one) for one in observed])
        text_ms = _median_ms([partial(names_of.find_in_spans, text, 0) for text in texts])
        after = _rss_mb()
        disk = {p.name: round(p.stat().st_size / 2**20, 1) for p in sorted(folder.glob("gen-*/*"))}
        return {
            "brands": size,
            "synthetic": synthetic,
            "vectors": len(index),
            "write_s": round(written_s, 2),
            "load_s": round(loaded_s, 2),
            "approximate_build_s": round(built_s, 2) if recall else None,
            "grown_rss_mb": round(after["rss_mb"] - before["rss_mb"], 1),
            "grown_anonymous_mb": round(after["anonymous_mb"] - before["anonymous_mb"], 1),
            "disk_mb": disk,
            "search_ms": search_ms,
            "search_ms_in_batches": round(batch_ms / _BATCH, 2),
            "keypoints_ms": round(keypoints_ms - search_ms, 2),
            "names_ms": text_ms,
            "recall": None if recall is None else vars(recall),
            **misses(index, observed),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def misses(index: LogoIndex, observed: list[PhotoFeatures]) -> dict[str, float]:
    """Compare the search with a comparison with all vectors: share of the photos' regions whose nearest is the same."""
    queries = np.concatenate([s.vectors[: len(np.unique(s.regions.xyxy, axis=0))] for s in observed])
    found = index.search_brands(queries, 2)
    exact = np.concatenate([(queries[i : i + 64] @ index.vectors.T).max(axis=1) for i in range(0, len(queries), 64)])
    same = np.abs(found.similarity[:, 0] - exact) < 1e-5
    strong = exact > 0.5
    return {
        "nearest_found": round(float(same.mean()), 4),
        "nearest_found_above_half": round(float(same[strong].mean()), 4) if strong.any() else float("nan"),
        "regions": len(queries),
        "regions_above_half": int(strong.sum()),
    }


@click.command("index", help=__doc__)
@click.option("--sizes", "-n", type=int, multiple=True, default=(100, 1000, 10_000, 100_000), show_default=True)
@click.option("--icons", type=PATH, help="SVG or PNG files, each a further brand.")
@click.option("--labels", type=PATH, help="CSV with a column file: the photos to take; default: all of the folder.")
@click.option("--photos", default=20, show_default=True, type=click.IntRange(_BATCH), help="Photos, evenly spread.")
@click.option("--regions", default=70, show_default=True, type=click.IntRange(1), help="Vectors of each photo.")
@options("json", "cache", "images", "gallery", "encoder", "pretrained", "detector", "detector_weights", "device")
def index(
    sizes: tuple[int, ...],
    galleries: tuple[Path, ...],
    icons: Path | None,
    images: Path,
    labels: Path | None,
    photos: int,
    regions: int,
    cache: Path | None,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    device: str,
    out: Path,
) -> None:
    """Measure build, load, memory and search for indexes of several sizes, with one thread."""
    import torch

    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    real, _ = build_index(galleries, icons, clip, cache)
    scanner = build_scanner(
        real, encoder=clip, detector=detector, detector_weights=detector_weights, ocr="none", device=device
    )
    files = [images / row["file"] for row in rows_of(labels)] or sorted(p for p in images.iterdir() if p.is_file())
    observed = features_of(scanner, files[:: max(1, len(files) // photos)][:photos], regions)
    texts = _texts(len(observed), 0)
    figures: dict[str, Any] = {"sizes": [measure(real, size, observed, texts, clip) for size in sizes]}
    figures["cuda"] = torch.cuda.get_device_name() if clip.device.startswith("cuda") else "not run"
    settings = {**settings_of(scanner), "sizes": sizes, "photos": photos, "regions": regions, "lines": _LINES}
    write_result(out, figures, {**settings, "icons": icon_set(icons)})

"""Who is accused by mistake: honest listings of real photos, and the same photos with a false claim.

Each labelled photo of a brand in the index becomes an honest listing: it claims that brand, at a usual price, from an
authorised seller. A contribution of 0.3 log-odds or more is an accusation; there should be none. The same photo is then
listed under the next brand of the index that it does not show, and each brand-less photo under `--claim`: there
accusations should stay. Photos are looked at once; the listings are judged as a scan judges them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.feature_cache import photo_features
from benchmarks.common.galleries import read_galleries, saved_and_loaded
from benchmarks.common.labelled_photos import read_photos
from benchmarks.common.options import MODELS, PATH, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from logoscan.index.logo_index import LogoIndex
from logoscan.results import Report
from logoscan.runtime import one_core_a_batch
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, ImageSource, Listing, UsualPrice
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import PhotoFeatures

ACCUSED = 0.3
"""Log-odds from which a reason counts against the seller."""
SELLER = "the brand's own shop"
"""The authorised seller of every brand."""


@dataclass(frozen=True)
class ListedPhoto:
    """A photo with its features, which is listed under several brands.

    Attributes:
        name: File name.
        brands: Brands that it shows.
        features: What the scanner sees in it.
    """

    name: str
    brands: frozenset[str]
    features: PhotoFeatures


def listing(name: str, brand: str) -> Listing:
    """Make a listing of one photo whose seller does everything right."""
    return Listing(
        name, title=f"{brand} goods", claimed_brand=brand, category="Goods", price=100, currency="EUR", seller_id=SELLER
    )


def judged(scanner: Scanner, photo: ListedPhoto, brand: str) -> Report:
    """Judge a photo that is listed under a brand."""
    return scanner.judge(listing(photo.name, brand), [photo.features])


def accusations(report: Report) -> list[str]:
    """List the signals that count against the seller."""
    return [c.signal for c in report.score.contributions if c.contribution >= ACCUSED]


def figures(reports: Iterable[Report], name: str) -> dict[str, Any]:
    """Compute the shares of a set of listings that are accused and reviewed, with the signals that accuse."""
    rows = list(reports)
    signals = [accusations(report) for report in rows]
    return {
        f"{name}_n": len(rows),
        f"{name}_accused": _share([bool(one) for one in signals]),
        f"{name}_review": _share([r.score.band != "clear" for r in rows]),
        f"{name}_block": sum(r.score.band == "block" for r in rows),
        f"{name}_signals": dict(Counter(signal for one in signals for signal in one).most_common()),
    }


def _share(values: list[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def another(brands: Sequence[str], photo: ListedPhoto) -> str:
    """Choose the next brand of the index that a photo does not show."""
    start = brands.index(min(photo.brands))
    return next(b for b in (*brands[start:], *brands[:start]) if b not in photo.brands)


def measure(
    scanner: Scanner, positives: Sequence[ListedPhoto], negatives: Sequence[ListedPhoto], claim: str
) -> dict[str, Any]:
    """Judge every photo as honest, under another brand, and without a brand under `claim`."""
    brands = sorted(b.name for b in scanner.index.brands)
    own = [photo for photo in positives if photo.brands & set(brands)]
    return {
        **figures((judged(scanner, p, min(p.brands & set(brands))) for p in own), "honest"),
        **figures((judged(scanner, p, another(brands, p)) for p in own if p.brands <= set(brands)), "other"),
        **figures((judged(scanner, p, claim) for p in negatives), "brandless"),
    }


def honest_index(galleries: Sequence[Path], encoder: ClipEncoder) -> LogoIndex:
    """Build an index of the galleries' brands, each with a usual price and its own shop as the authorised seller."""
    logos: dict[str, list[tuple[str, ImageSource]]] = {}
    for brand, files in read_galleries(galleries):
        logos.setdefault(brand.name, []).extend(files)
    usual = (UsualPrice("EUR", 80, 120),)
    index = LogoIndex(encoder)
    index.add_many([(Brand(n, (), (SELLER,), usual_prices=usual), files) for n, files in sorted(logos.items())])
    return saved_and_loaded(index, encoder)


@click.command("honest", help=__doc__)
@click.option("--claim", default="Nike", show_default=True, help="Brand that the brand-less photos are listed under.")
@click.option("--negatives", type=PATH, required=True, help="Folder of photos without a brand.")
@click.option("--negative-labels", type=PATH, required=True, help="CSV file,brand; rows with a brand are ignored.")
@options("json", "cache", "images", "labels", "gallery", "exclude", *MODELS)
def honest(
    images: Path,
    labels: Path,
    galleries: tuple[Path, ...],
    exclude: Path | None,
    negatives: Path,
    negative_labels: Path,
    claim: str,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    ocr: str,
    effort: str,
    device: str,
    cache: Path | None,
    out: Path,
) -> None:
    """Look at the photos, list them, judge the listings."""
    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    scanner = build_scanner(
        honest_index(galleries, clip),
        encoder=clip,
        detector=detector,
        detector_weights=detector_weights,
        ocr=ocr,
        effort=effort,
        device=device,
    )
    photos = [p for p in read_photos(images, labels, exclude=exclude) if p.brands]
    photos += [p for p in read_photos(negatives, negative_labels) if not p.brands]
    all_features = photo_features(scanner, [p.path for p in photos], cache)
    rows = [ListedPhoto(p.path.name, p.brands, features) for p, features in zip(photos, all_features, strict=True)]
    accused = measure(scanner, [p for p in rows if p.brands], [p for p in rows if not p.brands], claim)
    settings = {**settings_of(scanner), "claim": claim, "galleries": [str(gallery) for gallery in galleries]}
    write_result(out, accused, settings)

"""Who is accused by mistake: honest listings of real photos, and the same photos with a false claim.

Each labelled photo whose brand is registered becomes an honest listing: it claims that brand, at a usual price, from an
authorised seller. A contribution of 0.3 log-odds or more is an accusation; it should be none. The same photo is then
listed under the next registered brand that it does not show, and each brand-less photo under `--claim`: there
accusations should stay. Photos are looked at once; the listings are judged as a scan judges them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from common import write_result
from options import PATH, rows_of

from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.engine import make_ocr
from logoscan.results import Report
from logoscan.runtime import one_core_a_batch
from logoscan.scan.scanner import PhotoFeatures, Scanner
from logoscan.types import Brand, ImageSource, Listing, UsualPrice
from logoscan.vision.encoder import ClipEncoder

ACCUSED = 0.3
"""Log-odds from which a reason counts against the seller."""
SELLER = "the brand's own shop"


@dataclass(frozen=True)
class Photo:
    """A photo that was looked at, with the brands that it shows."""

    name: str
    brands: frozenset[str]
    observation: PhotoFeatures


def listing(name: str, brand: str) -> Listing:
    """A listing of one photo whose seller does everything right."""
    return Listing(
        name, title=f"{brand} goods", claimed_brand=brand, category="Goods", price=100, currency="EUR", seller_id=SELLER
    )


def judged(scanner: Scanner, photo: Photo, brand: str) -> Report:
    """The report of a photo that is listed under a brand."""
    return scanner.judge(listing(photo.name, brand), [photo.observation])


def accusations(report: Report) -> list[str]:
    """Signals that count against the seller."""
    return [c.signal for c in report.score.contributions if c.contribution >= ACCUSED]


def figures(reports: Iterable[Report], name: str) -> dict[str, Any]:
    """Shares of a set of listings, with the signals that accuse."""
    rows = list(reports)
    found = [accusations(report) for report in rows]
    return {
        f"{name}_n": len(rows),
        f"{name}_accused": round(float(np.mean([bool(one) for one in found])), 4),
        f"{name}_review": round(float(np.mean([r.score.band != "clear" for r in rows])), 4),
        f"{name}_block": sum(r.score.band == "block" for r in rows),
        f"{name}_signals": dict(Counter(signal for one in found for signal in one).most_common()),
    }


def another(brands: Sequence[str], photo: Photo) -> str:
    """The next registered brand that a photo does not show."""
    start = brands.index(min(photo.brands))
    return next(b for b in (*brands[start:], *brands[:start]) if b not in photo.brands)


def measure(scanner: Scanner, positives: Sequence[Photo], negatives: Sequence[Photo], claim: str) -> dict[str, Any]:
    """All figures."""
    brands = sorted(b.name for b in scanner.index.brands)
    own = [photo for photo in positives if photo.brands & set(brands)]
    return {
        **figures((judged(scanner, p, min(p.brands & set(brands))) for p in own), "honest"),
        **figures((judged(scanner, p, another(brands, p)) for p in own if p.brands <= set(brands)), "other"),
        **figures((judged(scanner, p, claim) for p in negatives), "brandless"),
    }


def honest_register(galleries: Sequence[Path], encoder: ClipEncoder) -> LogoIndex:
    """The galleries' brands, each with a usual price and its own shop as the authorised seller."""
    logos: dict[str, list[tuple[str, ImageSource]]] = {}
    for gallery in galleries:
        for found in read_brand_folders(gallery):
            logos.setdefault(found.brand.name, []).extend((f"{gallery.name}/{p.name}", p) for p in found.logos)
    usual = (UsualPrice("EUR", 80, 120),)
    index = LogoIndex(encoder.info)
    index.add_many(
        [(Brand(n, (), (SELLER,), usual_prices=usual), files) for n, files in sorted(logos.items())], encoder
    )
    with tempfile.TemporaryDirectory() as folder:  # read again: points of drawings are found when a register is saved
        index.save(folder)
        return LogoIndex.load(folder, encoder)


@click.command(help=__doc__)
@click.option("--images", type=PATH, required=True, help="Folder of photos.")
@click.option("--labels", type=PATH, required=True, help="CSV: file, brand.")
@click.option("--gallery", "galleries", type=PATH, multiple=True, required=True, help="Folder of brand folders.")
@click.option("--negatives", type=PATH, required=True, help="Folder of photos without a brand.")
@click.option("--negative-labels", type=PATH, required=True, help="CSV: file, brand; rows with a brand are ignored.")
@click.option("--claim", default="Nike", show_default=True, help="Brand that the brand-less photos are listed under.")
@click.option("--ocr", type=click.Choice(["auto", "easyocr", "rapidocr", "none"]), default="auto", show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def main(
    images: Path,
    labels: Path,
    galleries: tuple[Path, ...],
    negatives: Path,
    negative_labels: Path,
    claim: str,
    ocr: Literal["auto", "easyocr", "rapidocr", "none"],
    out: Path,
) -> None:
    """Look at the photos, list them, judge the listings."""
    one_core_a_batch()
    encoder = ClipEncoder()
    scanner = Scanner(honest_register(galleries, encoder), encoder=encoder, ocr=make_ocr(ocr))
    rows = [(images / r["file"], frozenset(b for b in r["brand"].split("|") if b)) for r in rows_of(labels)]
    rows = [(path, brands) for path, brands in rows if brands]
    rows += [(negatives / r["file"], frozenset()) for r in rows_of(negative_labels) if not r["brand"]]
    seen = scanner.observe([path for path, _ in rows])
    photos = [Photo(path.name, brands, one) for (path, brands), one in zip(rows, seen, strict=True)]
    found = measure(scanner, [p for p in photos if p.brands], [p for p in photos if not p.brands], claim)
    write_result(out, found, {"claim": claim, "galleries": list(map(str, galleries)), "ocr": ocr})


if __name__ == "__main__":
    main()

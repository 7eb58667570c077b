"""Are contradictions of print and words found, and honest listings left alone? Are swaps of an approved listing found?

contradictions (simulated): a line with a capacity, an amount or a model number, and lines of small print, are drawn
into a real photo and read by RapidOCR; the title states another value (planted) or the same (honest). `words` is the
same without drawing and reading, with many more listings. swaps (simulated): a listing of real titles, prices and PDQ
hashes of real photos was approved; then its photos, brand, name, category or price are those of another (planted), or
it is edited as honest sellers do. found: swaps that ask for a full look; `new photos` does not count. honest: edits
that ask for a full look.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.common.options import PATH
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from benchmarks.quality.contacts import with_text
from logoscan.images.loading import load_image
from logoscan.images.phash import photo_hash
from logoscan.ocr.engine import make_ocr
from logoscan.ocr.regions import read
from logoscan.results import ImageRecord, ListingFacts, Provenance, Report, Score
from logoscan.scan.changes import compare_reports
from logoscan.text.specs import PhotoLine, spec_clashes
from logoscan.types import Listing, Regions

_CAPACITIES = ("64GB", "128GB", "256GB", "512GB", "1TB", "2 TB")
_AMOUNTS = ("30 ml", "50 ml", "75ml", "100 ml", "200 ml", "250ml", "500 ml", "125 g", "250 g", "400g")
_MODEL = r"[A-Z]{2}[0-9]{4}"
_SMALL_PRINT = (
    "Fat 3 g Protein 8 g per 100 g",
    "Made in EU",
    "energy 450 kJ",
    "USB 3.0",
    "8GB RAM",
    "5G",
    "Store below 25 C",
    "Serving 30 ml up to 3 times daily",
    "Model 2024",
    "Best before 12.2026",
)
_GOODS = {
    "capacity": ("Phone", "SSD", "USB Stick", "Tablet"),
    "amount": ("Perfume", "Body Lotion", "Shampoo", "Coffee"),
    "model": ("Shoe", "Watch", "Lamp"),
}


def _value(kind: str, rng: random.Random) -> str:
    if kind == "capacity":
        return rng.choice(_CAPACITIES)
    if kind == "amount":
        return rng.choice(_AMOUNTS)
    return f"{''.join(rng.choices('ABCDEFGHKLMNPRSTX', k=2))}{rng.randrange(1000, 9999)}"


def _other(kind: str, value: str, rng: random.Random) -> str:
    while True:
        other = _value(kind, rng)
        unit = value.lstrip("0123456789 ") if kind == "amount" else ""
        if other.replace(" ", "") != value.replace(" ", "") and (not unit or other.endswith(unit)):
            return other


def _draw(rng: random.Random, planted: bool) -> tuple[str, str, str]:
    """Return a kind, what the photo says and a title."""
    kind = rng.choice(tuple(_GOODS))
    value = _value(kind, rng)
    stated = _other(kind, value, rng) if planted else rng.choice((value, value, ""))
    words = [
        rng.choice(("Acme", "Globex", "Initech")),
        rng.choice(_GOODS[kind]),
        stated,
        rng.choice(("New", "black", "")),
    ]
    return kind, value, " ".join(w for w in words if w)


def _clashes(lines: list[PhotoLine], title: str) -> bool:
    return bool(spec_clashes(lines, title, {}, (_MODEL,)))


def in_words(count: int, seed: int) -> dict[str, Any]:
    """Measure contradictions among lines as they would be read without an error, with small print between."""
    figures: dict[str, Any] = {}
    for planted in (True, False):
        rng, hits = random.Random(f"{seed} {planted}"), defaultdict[str, list[bool]](list)
        for _ in range(count):
            kind, value, title = _draw(rng, planted)
            lines = [PhotoLine(value, 0.95), *(PhotoLine(t, 0.95) for t in rng.sample(_SMALL_PRINT, rng.randint(0, 4)))]
            rng.shuffle(lines)
            hits[kind].append(_clashes(lines, title))
        every = [hit for row in hits.values() for hit in row]
        by_kind = {kind: round(float(np.mean(row)), 4) for kind, row in hits.items()}
        figures["planted" if planted else "honest"] = {"found": float(np.mean(every)), "n": count, "by_kind": by_kind}
    return figures


def in_photos(photos: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Measure contradictions that are drawn into photos and read."""
    ocr = make_ocr("rapidocr", device="cpu", effort="default")
    figures: dict[str, Any] = {}
    for planted in (True, False):
        rng, hits = random.Random(f"{seed} {planted} photos"), list[bool]()
        for i in range(count):
            _, value, title = _draw(rng, planted)
            rgb = with_text(load_image(photos[i % len(photos)]), value, rng.randint(16, 32), rng)
            if rng.random() < 0.5:
                rgb = with_text(rgb, rng.choice(_SMALL_PRINT), 14, rng)
            spans = read(ocr, [rgb], [Regions.empty()], "default")[0]
            hits.append(_clashes(list(map(PhotoLine, spans.texts, spans.confidence.tolist())), title))
        figures["planted" if planted else "honest"] = {"found": float(np.mean(hits)), "n": count}
        click.echo(f"photos {planted} {figures['planted' if planted else 'honest']}")
    return figures


# -- swaps


def _report(listing: Listing, images: list[ImageRecord]) -> Report:
    made = Provenance("0", "", "", "", "", "", "", "2026-01-01T00:00:00+00:00")
    score = Score(None, "clear", None, -5.0, (), 0.0, "prior")
    return Report(listing.id, listing.seller_id, score, (), (), (), (), (), tuple(images), made,
                  listing=ListingFacts.of(listing))  # fmt: skip


def _records(photos: list[Path]) -> list[tuple[ImageRecord, ImageRecord]]:
    """Return the records of photos, and those of the same photos after they were saved again."""
    rows = []
    for path in photos:
        rgb = load_image(path)
        buffer = io.BytesIO()
        Image.fromarray(rgb).resize((rgb.shape[1] * 4 // 5, rgb.shape[0] * 4 // 5)).save(buffer, "JPEG", quality=60)
        again = np.asarray(Image.open(buffer).convert("RGB"))
        pair = [photo_hash(one) for one in (rgb, again)]
        if all(pair):
            rows.append(tuple(ImageRecord(f"{path.stem}-{i}.jpg", f"{hash((path, i)) & 0xFFFF:064x}", 1, 1, h.pdq)
                              for i, h in enumerate(pair) if h))  # fmt: skip
    return rows  # type: ignore[return-value]


def swaps(rows: list[dict[str, str]], photos: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Measure the share of swaps and of honest edits that ask for a full look."""
    rng = random.Random(seed)
    records = _records(photos)
    figures: dict[str, Any] = {}
    for name, edits in (("planted", _SWAPS), ("honest", _EDITS)):
        looks: dict[str, Counter[str]] = defaultdict(Counter)
        for i in range(count):
            edit = list(edits)[i % len(edits)]
            row, other = rng.sample(rows, 2)
            chosen = rng.sample(records, 6)
            images = [r[0] for r in chosen[: rng.randint(1, 4)]]
            fields: dict[str, Any] = {
                "title": row["name"], "claimed_brand": row["brand"], "category": row["category"],
                "price": float(row["price"]), "currency": "USD", "seller_id": "s",
            }  # fmt: skip
            old = _report(Listing("l", **fields), images)
            after, new_images = edits[edit](rng, dict(fields), list(images), other, chosen)
            looks[edit][compare_reports(old, Listing("l", **after), new_images).look] += 1
        every = sum((looks[edit] for edit in looks), Counter[str]())
        by = {edit: {look: round(n / found.total(), 4) for look, n in found.items()} for edit, found in looks.items()}
        figures[name] = {"full_look": every["full"] / every.total(), "n": every.total(), "by_edit": by}
        click.echo(f"swaps {name} {figures[name]}")
    return figures


Edit = Callable[[random.Random, dict[str, Any], list[ImageRecord], dict[str, str], list[Any]], tuple[Any, Any]]


def _set(name: str, column: str) -> Edit:
    def edit(
        rng: random.Random, fields: dict[str, Any], images: list[ImageRecord], other: dict[str, str], chosen: list[Any]
    ) -> tuple[Any, Any]:
        return {**fields, name: other[column]}, images

    return edit


_SWAPS: dict[str, Edit] = {
    "photos": lambda rng, f, images, other, chosen: (f, [r[0] for r in chosen[4:6]]),
    "first_photo": lambda rng, f, images, other, chosen: (f, [chosen[5][0], *images[1:]]),
    "brand": _set("claimed_brand", "brand"),
    "name": _set("title", "name"),
    "category": _set("category", "category"),
    "price": lambda rng, f, images, other, chosen: (
        {**f, "price": f["price"] * rng.choice((0.05, 0.15, 6, 12))},
        images,
    ),
    "all": lambda rng, f, images, other, chosen: (
        {**f, "title": other["name"], "claimed_brand": other["brand"], "category": other["category"]},
        [chosen[5][0]],
    ),
}


def _typo(rng: random.Random, title: str) -> str:
    words = title.split()
    at = rng.randrange(len(words))
    word = words[at]
    if len(word) > 4 and word.isalpha():
        i = rng.randrange(1, len(word) - 1)
        words[at] = word[:i] + word[i + 1 :]
    return " ".join(words)


_EDITS: dict[str, Edit] = {
    "nothing": lambda rng, f, images, other, chosen: (f, images),
    "sale": lambda rng, f, images, other, chosen: (
        {**f, "price": round(f["price"] * rng.uniform(0.3, 1.4), 2)}, images),
    "saved_again": lambda rng, f, images, other, chosen: (f, [r[1] for r in chosen[: len(images)]]),
    "reordered": lambda rng, f, images, other, chosen: (f, rng.sample(images, len(images))),
    "photo_more": lambda rng, f, images, other, chosen: (f, [*images, chosen[5][0]]),
    "photo_less": lambda rng, f, images, other, chosen: (f, images[: max(1, len(images) - 1)]),
    "new_first_photo": lambda rng, f, images, other, chosen: (f, [chosen[5][0], *images]),
    "words_more": lambda rng, f, images, other, chosen: (
        {**f, "title": f"{rng.choice(('NEW', 'SALE', 'Original', 'Free shipping', '2 pcs'))} {f['title']}"}, images),
    "typo": lambda rng, f, images, other, chosen: ({**f, "title": _typo(rng, f["title"])}, images),
    "brand_in_title": lambda rng, f, images, other, chosen: (
        {**f, "title": f"{f['claimed_brand']} {f['title']}"}, images),
    "upper_case": lambda rng, f, images, other, chosen: ({**f, "title": f["title"].upper()}, images),
    "category_refined": lambda rng, f, images, other, chosen: (
        {**f, "category": f"{rng.choice(('Beauty', 'Women', 'Sets'))} > {f['category']}"}, images),
    "condition": lambda rng, f, images, other, chosen: ({**f, "condition": "used"}, images),
}  # fmt: skip


@click.command("specs", help=__doc__)
@click.option("--prices", "price_file", type=PATH, required=True, help="CSV with brand, name, category and price.")
@click.option("--images", "folders", type=PATH, multiple=True, required=True, help="Folders of photos; repeatable.")
@click.option("--count", default=4000, show_default=True, help="Listings of each sort in words, and swaps.")
@click.option("--photos", "n_photos", default=100, show_default=True, help="Photos that are drawn into and read.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def specs(price_file: Path, folders: tuple[Path, ...], count: int, n_photos: int, seed: int, out: Path) -> None:
    """Measure contradictions and swaps."""
    photos = [path for folder in folders for path in photo_files(folder)]
    random.Random(seed).shuffle(photos)
    with price_file.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [r for r in csv.DictReader(file) if all(r.get(k) for k in ("brand", "name", "category", "price"))]
    rows = [r for r in rows if float(r["price"]) > 0 and len(r["name"].split()) > 1]
    figures: dict[str, Any] = {"words": in_words(count, seed)}
    click.echo(f"words {figures['words']}")
    figures["swaps"] = swaps(rows, photos[:300], count, seed)
    if n_photos:
        figures["photos"] = in_photos(photos, n_photos, seed)
    write_result(out, figures, {"count": count, "photos": n_photos, "seed": seed, "listings": "simulated"})

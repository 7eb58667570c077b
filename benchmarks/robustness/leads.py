"""Are leads whole, is every altered byte noticed, do they keep personal data out, and how long do they take?

round_trip: cases of one to three listings, made from reports of real photos (`--images`) and verified; some with a
signature, a ring, a photo that has changed since. `failed` counts those that do not verify, or lose a gap.

flips: single bytes of leads, drawn from all their bytes, each changed to another value: `unnoticed` is how many leads
still verify, `unnamed` how many problems do not name the file.

planted: phone numbers, mail addresses and names of people, in each field of a listing that a seller, a buyer or the
platform fills in: title, category, claim, address, seller, file names, text in photos, warnings, doubts, reasons,
reviewers of decisions, sellers of a ring. `found` is how many stand anywhere in default leads but in `data/originals/`.

size: seconds of processor time for a lead of 50 listings with two photos each, with pages and crops.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner
from logoscan._hashing import sha256_hex
from logoscan.cases.decisions import Decision
from logoscan.cases.leads import LeadCase, make_lead, verify_lead
from logoscan.cases.ring_evidence import RingEvidence, TiedSellers
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_keys import generate_key, load_key
from logoscan.results import Contribution, ImageRecord, ListingFacts, Report, Score, TextLine
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

CASE = LeadCase("2027-1", "Trade mark case", "J. Doe")
PHONES = (
    "+49 151 2345{:04}",
    "0171/345{:04}1",
    "+86 138-0013-{:04}",
    "(415) 555-{:04}",
    "+7 912 345 {:04}",
    "0044 20 7946 {:04}",
)
MAILS = (
    "jane.roe{:04}@example.com",
    "shop{:04} (at) mail.ru",
    "x_{:04}@sub.example.co",
    "WhatsApp: roe{:04}x",
    "@roe_{:04}",
)
NAMES = ("Janina Roewer{:04}", "Oleg Kusnez{:04}", "Li Leiwang{:04}")
FIELDS = (
    "title",
    "category",
    "claim",
    "url",
    "seller",
    "file",
    "text",
    "warning",
    "doubt",
    "reason",
    "reviewer",
    "ring",
)


def scanner_of(gallery: Path) -> Scanner:
    """Make the shipped scanner with the brands of a gallery; text is not read, which no figure here needs."""
    encoder = ClipEncoder(device="cpu")
    index, _ = LogoIndex.from_folder(gallery, encoder, allow=("name", "alias", "logo", "record"))
    return build_scanner(index, encoder=encoder, ocr="none", root=None)


def scanned(scanner: Scanner, folder: Path, files: list[str], per_listing: int) -> list[Report]:
    """Scan the photos of a folder, some for each listing."""
    groups = [tuple(files[i : i + per_listing]) for i in range(0, len(files), per_listing)]
    listings = [
        Listing(f"L{n}", tuple(str(folder / name) for name in group), title="Shoes", seller_id=f"s{n % 7}")
        for n, group in enumerate(groups)
    ]
    inside = scanner.scan_many(
        replace(one, images=tuple(folder / Path(str(i)).name for i in one.images)) for one in listings
    )
    return [_relative(report, folder) for report in inside]


def _relative(report: Report, folder: Path) -> Report:
    return replace(report, images=tuple(replace(i, file=None if i.file is None else Path(i.file).name)
                                        for i in report.images))  # fmt: skip


def round_trips(count: int, reports: list[Report], photos: Path, index: LogoIndex, place: Path) -> dict[str, Any]:
    """Make and verify leads of a few listings each."""
    rng = np.random.default_rng(0)
    public = generate_key(place / "key.pem")["public"]
    key = load_key(place / "key.pem")
    failed = 0
    for number in range(count):
        chosen = [reports[i] for i in rng.choice(len(reports), 1 + int(rng.integers(3)), replace=False).tolist()]
        signed, broken = rng.random() < 0.5, rng.random() < 0.2
        if broken:
            images = (*chosen[0].images, replace(chosen[0].images[0], sha256="0" * 64))
            chosen[0] = replace(chosen[0], images=images)
        ring = (
            RingEvidence(0.9, (TiedSellers(("s0", "s1"), 6.0, True, (("photo", 3),)),)) if rng.random() < 0.3 else None
        )
        decisions = [Decision("remove", datetime.now(UTC), listing_id=chosen[0].listing_id, reviewer="someone")]
        out = place / f"lead{number}"
        made = make_lead(CASE, chosen, out, photos=photos, index=index, ring=ring, decisions=decisions,
                         key=key if signed else None)  # fmt: skip
        check = verify_lead(out, keys=[public] if signed else [])
        failed += bool(check.problems) or check.gaps != made.gaps or bool(made.gaps) != broken
        if number >= 3:  # the first ones are flipped
            shutil.rmtree(out)
    return {"round_trips": count, "round_trips_failed": failed}


def flips(count: int, leads: list[Path]) -> dict[str, Any]:
    """Change single bytes of leads, and verify each time."""
    rng = np.random.default_rng(1)
    files = [path for lead in leads for path in sorted(lead.rglob("*")) if path.is_file()]
    sizes = np.array([path.stat().st_size for path in files], float)
    # half of them by their bytes, half by their files, so that small ones are tried as well
    by_size = rng.choice(len(files), count // 2, p=sizes / sizes.sum())
    by_file = rng.choice([i for i, size in enumerate(sizes) if size], count - count // 2)
    unnoticed = unnamed = 0
    for number, which in enumerate([*by_size.tolist(), *by_file.tolist()]):
        path = files[which]
        lead = next(one for one in leads if one in path.parents)
        data = bytearray(path.read_bytes())
        at = int(rng.integers(len(data)))
        old = data[at]
        data[at] = int((old + 1 + rng.integers(255)) % 256)
        path.write_bytes(data)
        problems = verify_lead(lead).problems
        unnoticed += not problems
        unnamed += bool(problems) and not any(path.relative_to(lead).as_posix() in one for one in problems)
        data[at] = old
        path.write_bytes(data)
        if number % 500 == 499:
            click.echo(f"{number + 1} flips, {unnoticed} unnoticed, {unnamed} unnamed", err=True)
    return {"flips": count, "unnoticed": unnoticed, "unnamed": unnamed}


def planted(count: int, report: Report, photos: Path, index: LogoIndex, place: Path) -> dict[str, Any]:
    """Plant personal data in every field, and look for it in default leads."""
    rng = np.random.default_rng(2)
    folder = place / "planted photos"
    folder.mkdir()
    small = io.BytesIO()
    with Image.open(photos / str(report.images[0].file)) as photo:
        photo.resize((64, 48)).save(small, "JPEG")
    data = small.getvalue()
    record = ImageRecord(None, sha256_hex(data), 64, 48)
    found: list[str] = []
    per_lead = 100
    for start in range(0, count, per_lead):
        reports, decisions, ties, secrets = [], [], [], []
        for number in range(start, min(count, start + per_lead)):
            kind = (PHONES, MAILS, NAMES)[number % 3]
            field = FIELDS[(number // 3) % len(FIELDS)]
            if kind is NAMES and field not in ("url", "seller", "file", "text", "reviewer", "ring"):
                kind = PHONES  # no pattern tells a person's name in a title
            secret = kind[int(rng.integers(len(kind)))].format(number)
            secrets.append((secret, f"{number:04}"))
            name = f"{secret.replace('/', ' ')}.jpg" if field == "file" else f"p{number}.jpg"
            (folder / name).write_bytes(data)
            words = f"genuine {secret} ask"
            image = replace(record, file=name)
            facts = ListingFacts(
                title=words if field == "title" else "Shoes",
                category=words if field == "category" else None,
                claimed_brand=words if field == "claim" else None,
                url=f"https://shop.example/{secret.replace(' ', '-')}" if field == "url" else None,
            )
            part = Contribution("coded_terms", 0.5, 1.0, words if field == "reason" else "a word")
            value = 100 / (1 + np.exp(-(report.score.bias + 1.0)))
            doubts = (words,) if field == "doubt" else ()
            brand = index.brands[0].name
            score = Score(float(value), "review", brand, report.score.bias, (part,), 0.5, "m", doubts)
            reports.append(
                replace(
                    report,
                    listing_id=f"L{number}",
                    seller_id=secret if field == "seller" else f"s{number}",
                    score=score,
                    listing=facts,
                    images=(image,),
                    matches=(),
                    unread=None,
                    warnings=(f"image 0: {name}: {words}",) if field == "warning" else (f"image 0: {name}: small",),
                    text=(TextLine(0, (0.0, 0.0, 9.0, 9.0), words, 0.9),) if field == "text" else None,
                )
            )
            if field == "reviewer":
                decisions.append(Decision("remove", datetime.now(UTC), listing_id=f"L{number}", reviewer=secret))
            if field == "ring":
                ties.append(TiedSellers((secret, f"s{number}"), 6.0, False, (("photo", 2),)))
        ring = RingEvidence(0.9, tuple(ties)) if ties else None
        out = place / f"planted{start}"
        make_lead(CASE, reports, out, photos=folder, index=index, ring=ring, decisions=decisions)
        found += _leaks(out, secrets)
        shutil.rmtree(out)
    return {"planted": count, "planted_found": len(found), "planted_examples": found[:5]}


def _leaks(lead: Path, secrets: list[tuple[str, str]]) -> list[str]:
    import re

    out = []
    for path in sorted(lead.rglob("*")):
        if not path.is_file() or "originals" in path.parts:
            continue
        text = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]*", "", path.read_bytes().decode("utf-8", "replace"))
        plain = re.sub(r"[^0-9A-Za-z@]", "", text).lower()
        for secret, _ in secrets:
            whole = re.sub(r"[^0-9A-Za-z@]", "", secret).lower()
            if secret in text or whole in plain:
                out.append(f"{path.name}: {secret}")
    return out


def size_figures(reports: list[Report], photos: Path, index: LogoIndex, place: Path) -> dict[str, Any]:
    """Make a lead of 50 listings."""
    begin, cpu = time.perf_counter(), time.process_time()
    make_lead(CASE, reports[:50], place / "large", photos=photos, index=index)
    return {
        "listings": len(reports[:50]),
        "photos": sum(len(report.images) for report in reports[:50]),
        "lead_cpu_s": round(time.process_time() - cpu, 1),
        "lead_wall_s": round(time.perf_counter() - begin, 1),
    }


@click.command("leads", help=__doc__)
@click.option("--images", type=PATH, required=True, help="Photos.")
@click.option("--gallery", type=PATH, required=True, help="Brand folders.")
@click.option("--photos", type=click.IntRange(6), default=100, show_default=True, help="Photos of these that are used.")
@click.option("--cases", type=click.IntRange(3), default=200, show_default=True, help="Round trips.")
@click.option("--flips", "flipped", type=click.IntRange(0), default=5000, show_default=True, help="Bytes.")
@click.option("--planted", "secrets", type=click.IntRange(0), default=2000, show_default=True, help="Personal data.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def leads(images: Path, gallery: Path, photos: int, cases: int, flipped: int, secrets: int, out: Path) -> None:
    """Measure leads."""
    files = sorted(p.name for p in images.iterdir() if p.suffix.lower() in (".jpg", ".png"))[:photos]
    scanner = scanner_of(gallery)
    reports = scanned(scanner, images, files, 2)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        figures |= size_figures(reports, images, scanner.index, place)
        click.echo(json.dumps(figures), err=True)
        figures |= round_trips(cases, reports, images, scanner.index, place)
        click.echo(json.dumps(figures), err=True)
        if secrets:
            figures |= planted(secrets, reports[0], images, scanner.index, place)
            click.echo(json.dumps(figures), err=True)
        if flipped:
            figures |= flips(flipped, [place / f"lead{number}" for number in range(3)])
    write_result(out, figures, {"cases": cases, "flips": flipped, "planted": secrets, "photos": len(files)})

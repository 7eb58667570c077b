"""Are hostile brand packs refused, is a pack taken back to the last bit, and what can a valid key for one brand poison?

attacks: every pack of `tests/attacks/attack_packs.py` (unsigned, wrong key, older, expired, gap, other brand, zip slip,
bomb, ...), each tried on an index on disk: `accepted` and `written` must be 0.

diffs: random changes of random brands of an index of 20 (logos, names, prices, sellers, negatives, several versions in
a row), applied in memory by packs and taken back; `not_restored` counts fingerprints that are not those from before,
`without_effect` packs that changed none.
Uses a stand-in for the encoder, whose vectors are exact.

size: seconds of processor time to apply a pack of so many logos with the bundled encoder.

poison: an index of the brands of `--distractors` and of the galleries; the owner of one brand (which no photo shows)
sends packs of crops of goods from other photos, plain shapes, other brands' logos turned, blurred or in other colours,
and (with `--boxes`) other brands' marks cut out of other photos, tight and with what is around them. Each new logo must
be accepted by name. `to_accept` is how many of the logos must be, `warned` of how many the pack's changes say that they
are like another brand's or a photo. `false_naming_rise` is the share of photos on which the poisoned brand is named
after it, less that before, `other_naming_change` the share of photos whose other named brands change: of the pack as
far as nobody accepts a logo (`unaccepted`), if an operator accepts all that nothing warns of (`unwarned`), and all
(`all`).
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageFilter, ImageOps

from benchmarks.common.children import run_module
from benchmarks.common.feature_cache import photo_features
from benchmarks.common.galleries import build_index
from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner
from logoscan.errors import LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_changes import apply_pack, diff_pack, rollback
from logoscan.index.packs import Pack
from logoscan.index.vet import CONFLICTS
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, ImageSource, Listing, UsualPrice
from logoscan.vision.features import PhotoFeatures

EXPIRES = "2099-12-31"
ATTACKER = "Zzyzx Attacker"
# The least side of a mark that is cut out of a photo.
LEAST_PX = 24


def png(rgb: np.ndarray[Any, Any] | Image.Image) -> bytes:
    """Encode a picture as PNG."""
    out = io.BytesIO()
    (rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)).save(out, "PNG")
    return out.getvalue()


def pack_of(index: LogoIndex, brand: Brand, logos: dict[str, bytes], negatives: dict[str, bytes], *fields: str) -> Pack:
    """Return the next pack of a brand, as if its signatures had been verified."""
    current = index.packs.current(brand.name)
    version = 1 if current is None else current.version + 1
    sha256 = f"{np.random.default_rng([version, len(logos)]).integers(2**62):064x}"
    before = None if current is None else current.sha256
    return Pack(brand, version, before, EXPIRES, sha256, tuple(sorted(fields)), (), logos, negatives)


# -- attacks


def attack_figures() -> dict[str, Any]:
    """Try every hostile pack in a process that has the tests' helpers."""
    done = run_module("benchmarks", "brandpacks", "--attack", with_tests=True)
    if done.returncode:
        raise click.ClickException(f"the attacks cannot be tried: {done.stderr[-800:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _try_attacks() -> dict[str, Any]:
    from attack_packs import ATTACKS, tried

    accepted, written = [], []
    for name in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            was_accepted, was_written, _ = tried(name, Path(folder))
        accepted += [name] if was_accepted else []
        written += [name] if was_written else []
    return {"attacks": len(ATTACKS), "accepted": accepted, "written": written}


# -- diffs


def diff_figures(count: int) -> dict[str, Any]:
    """Apply random packs and take them back, in a process that has the tests' stand-ins."""
    done = run_module("benchmarks", "brandpacks", "--random-diffs", str(count), with_tests=True, timeout_s=36_000)
    if done.returncode:
        raise click.ClickException(f"the diffs cannot be tried: {done.stderr[-800:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _random_diffs(count: int) -> dict[str, Any]:
    from fakes import FakeEncoder

    rng = np.random.default_rng(0)
    names = [f"brand{chr(97 + i)}" for i in range(20)]
    index = LogoIndex(FakeEncoder())
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = [
        (Brand(name), [(f"{i}.png", png(_picture(rng))) for i in range(3 if number < 18 else 0)])
        for number, name in enumerate(names)
    ]
    index.add_many(entries, allow=CONFLICTS)
    wrong = applied = unchanged = 0
    while applied < count:
        name = str(rng.choice(names))
        before = index.fingerprint
        version = 0 if index.packs.current(name) is None else index.packs.current(name).version  # type: ignore[union-attr]
        depth = int(rng.integers(1, 4))
        for _ in range(depth):
            brand = index.brand(name)
            assert brand is not None
            pack = _random_pack(index, brand, rng)
            apply_pack(index, pack, accept=[change.name for change in diff_pack(index, pack).changes])
            applied += 1
        unchanged += index.fingerprint == before
        rollback(index, name, version)
        wrong += index.fingerprint != before
    return {"diffs": applied, "without_effect": unchanged, "not_restored": wrong}


def _picture(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    four = rng.integers(0, 256, (2, 2, 3), np.uint8)
    return np.asarray(four.repeat(12, axis=0).repeat(12, axis=1), np.uint8)


def _random_pack(index: LogoIndex, brand: Brand, rng: np.random.Generator) -> Pack:
    letters = "".join(rng.choice(list("abcdefgh"), 5))
    stated: dict[str, Any] = {}
    fields = [name for name in ("aliases", "authorised_sellers", "usual_prices", "facts", "logos", "negatives")
              if rng.random() < 0.4] or ["logos"]  # fmt: skip
    if "aliases" in fields:
        stated["aliases"] = tuple(f"{brand.name} {letters}{i}" for i in range(int(rng.integers(0, 3))))
    if "authorised_sellers" in fields:
        stated["authorised_sellers"] = tuple(f"s{i}" for i in rng.integers(0, 9, int(rng.integers(0, 4))).tolist())
    if "usual_prices" in fields:
        low = float(rng.integers(1, 90))
        stated["usual_prices"] = (UsualPrice("EUR", low, low * 2),)
    if "facts" in fields:
        stated["facts"] = {"material": letters}
    logos = {f"{i}.png": png(_picture(np.random.default_rng([int(rng.integers(40)), i])))
             for i in range(int(rng.integers(0, 4)))} if "logos" in fields else {}  # fmt: skip
    negatives = (
        {f"n{i}.png": png(_picture(rng)) for i in range(int(rng.integers(0, 2)))} if "negatives" in fields else {}
    )
    if negatives:
        stated["negatives"] = tuple(negatives)
    return pack_of(index, Brand(brand.name, **stated), logos, negatives, *fields)


# -- size and poison


def _encoder() -> Any:
    from logoscan.vision.encoder import ClipEncoder

    return ClipEncoder(device="cpu")


def size_figures(logos: Sequence[Path]) -> dict[str, Any]:
    """Apply one pack of many logos with the bundled encoder."""
    index = LogoIndex(_encoder())
    index.add("Other", [("a", Image.new("RGB", (64, 64), "red"))])
    files = {path.name: path.read_bytes() for path in logos}
    pack = pack_of(index, Brand("Acme"), files, {}, "logos")
    begin, cpu = time.perf_counter(), time.process_time()
    diff = diff_pack(index, pack)
    compared = time.process_time() - cpu
    apply_pack(index, pack, accept=[change.name for change in diff.widening])
    taken = time.process_time() - cpu
    return {
        "logos": len({record.id for record in index.logos if record.brand == "Acme"}),
        "diff_cpu_s": round(compared, 1),
        "apply_cpu_s": round(taken - compared, 1),
        "both_wall_s": round(time.perf_counter() - begin, 1),
    }


def poison_figures(
    distractors: Path,
    galleries: Sequence[Path],
    photos: Sequence[Path],
    crops_from: Sequence[Path],
    cache: Path | None,
    boxes: Path | None = None,
) -> dict[str, Any]:
    """Name the brands of photos before and after each poisoned pack; photos are looked at once."""
    encoder = _encoder()
    index, _ = build_index(galleries, distractors, encoder, cache)
    scanner = build_scanner(index, encoder=encoder, ocr="none")
    seen = list(photo_features(scanner, photos, cache))
    before = _named(scanner, seen, index)
    rng = np.random.default_rng(1)
    figures: dict[str, Any] = {"brands": len(index.brands), "photos": len(photos)}
    logos = [p for g in galleries for p in sorted(g.rglob("*")) if p.suffix.lower() in (".png", ".jpg")]
    figures["unaccepted"] = _poisoned(scanner, seen, before, index, {})
    for name, pictures in _attacks(crops_from, logos, _marks_of(boxes, crops_from), rng):
        diff = diff_pack(index, pack_of(index, Brand(ATTACKER), pictures, {}, "logos"))
        changes = {c.name.removeprefix(f"logo:{ATTACKER}/"): c for c in diff.changes if c.name.startswith("logo:")}
        unwarned = {file: data for file, data in pictures.items() if file in changes and not changes[file].warned}
        figures[name] = {
            "logos": len(pictures),
            "to_accept": sum(change.widening for change in changes.values()),
            "warned": sum(change.warned for change in changes.values()),
            "unwarned": _poisoned(scanner, seen, before, index, unwarned),
            "all": _poisoned(scanner, seen, before, index, pictures),
        }
        click.echo(json.dumps({name: figures[name]}), err=True)
    return figures


def _poisoned(
    scanner: Scanner,
    seen: Sequence[PhotoFeatures],
    before: Sequence[set[str]],
    index: LogoIndex,
    logos: dict[str, bytes],
) -> dict[str, float]:
    """Return how the naming of photos changes by a pack of these logos, all of which are accepted."""
    poisoned = index.snapshot()
    pack = pack_of(poisoned, Brand(ATTACKER), logos, {}, "logos")
    apply_pack(poisoned, pack, accept=[change.name for change in diff_pack(poisoned, pack).widening])
    pairs = list(zip(before, _named(scanner, seen, poisoned), strict=True))
    return {
        "false_naming_rise": round(sum(ATTACKER in now for _, now in pairs) / len(pairs), 5),
        "other_naming_change": round(sum(was != now - {ATTACKER} for was, now in pairs) / len(pairs), 5),
    }


def _named(scanner: Scanner, seen: Sequence[PhotoFeatures], index: LogoIndex) -> list[set[str]]:
    reports = (scanner.judge(Listing("photo"), [photo], index=index) for photo in seen)
    return [{b.brand for b in report.brands if b.named} for report in reports]


def _marks_of(boxes: Path | None, photos: Sequence[Path]) -> list[tuple[Path, list[float]]]:
    """Return the boxes of marks in these photos, with the photo of each."""
    by_name = {path.name: path for path in photos}
    with boxes.open(encoding="utf-8", newline="") if boxes is not None else io.StringIO() as file:
        return [
            (by_name[row["file"]], [float(row[name]) for name in ("x0", "y0", "x1", "y1")])
            for row in csv.DictReader(file)
            if row["file"] in by_name
        ]


def _attacks(
    crops_from: Sequence[Path],
    logos: Sequence[Path],
    marked: Sequence[tuple[Path, list[float]]],
    rng: np.random.Generator,
) -> Iterable[tuple[str, dict[str, bytes]]]:
    """Yield pictures that might be found everywhere."""
    crops = {}
    for number in range(50):
        with Image.open(crops_from[int(rng.integers(len(crops_from)))]) as photo:
            image = photo.convert("RGB")
        side = int(min(image.size) * rng.uniform(0.15, 0.5))
        x, y = (int(rng.integers(0, length - side)) for length in image.size)
        crops[f"crop{number}.png"] = png(image.crop((x, y, x + side, y + side)))
    yield "goods", crops
    shapes = {}
    for number in range(50):
        noise = rng.integers(0, 256, (int(rng.integers(1, 5)), int(rng.integers(1, 5)), 3), np.uint8)
        small = Image.fromarray(noise).resize((160, 160), Image.Resampling.BICUBIC)
        shapes[f"shape{number}.png"] = png(small)
    yield "shapes", shapes
    marks = {}
    for number in range(50):
        with Image.open(logos[int(rng.integers(len(logos)))]) as logo:
            image = logo.convert("RGB").resize((200, 200))
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 12))))
        image = image.rotate(float(rng.uniform(-40, 40)), fillcolor=(255, 255, 255))
        image = ImageOps.invert(image) if rng.random() < 0.5 else image
        marks[f"mark{number}.png"] = png(image)
    yield "others_marks", marks
    for name, around in (("cut_out_marks", 0.0), ("marks_with_surroundings", 0.5)):
        cut = {}
        for number in range(50 if marked else 0):
            path, (x0, y0, x1, y1) = marked[int(rng.integers(len(marked)))]
            wide, high = around * (x1 - x0) * rng.random(2), around * (y1 - y0) * rng.random(2)
            with Image.open(path) as photo:
                box = (
                    max(0.0, x0 - wide[0]),
                    max(0.0, y0 - high[0]),
                    min(photo.width, x1 + wide[1]),
                    min(photo.height, y1 + high[1]),
                )
                image = photo.convert("RGB").crop(tuple(round(edge) for edge in box))
            if min(image.size) >= LEAST_PX:
                cut[f"cut{number}.png"] = png(image)
        if cut:
            yield name, cut


@click.command("brandpacks", help=__doc__)
@click.option("--attack", is_flag=True, hidden=True, help="Try the attacks, in this process.")
@click.option("--random-diffs", type=int, hidden=True, help="Try random diffs, in this process.")
@click.option("--diffs", type=click.IntRange(0), default=10_000, show_default=True, help="Random diffs.")
@click.option("--logos", type=click.IntRange(0), default=500, show_default=True, help="Logos of the large pack.")
@click.option("--distractors", type=PATH, help="Folder of pictures, a brand each, for size and poison.")
@click.option("--gallery", "galleries", type=PATH, multiple=True, help="Brand folders that the photos show.")
@click.option("--images", type=PATH, help="Photos, for poison.")
@click.option(
    "--boxes", type=PATH, help="CSV of marks in these photos (file, x0, y0, x1, y1), to be cut out, for poison."
)
@click.option("--photos", type=click.IntRange(2), default=500, show_default=True, help="Photos of these that are used.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps features and the index.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Result file.")
def brandpacks(
    attack: bool,
    random_diffs: int | None,
    diffs: int,
    logos: int,
    distractors: Path | None,
    galleries: tuple[Path, ...],
    images: Path | None,
    boxes: Path | None,
    photos: int,
    cache: Path | None,
    out: Path | None,
) -> None:
    """Measure brand packs."""
    if attack:
        print(json.dumps(_try_attacks()))
        return
    if random_diffs is not None:
        print(json.dumps(_random_diffs(random_diffs)))
        return
    if out is None:
        raise click.UsageError("--json: expected a file")
    figures: dict[str, Any] = attack_figures()
    if diffs:
        figures |= diff_figures(diffs)
    if distractors is not None:
        icons = sorted(p for p in distractors.rglob("*") if p.suffix.lower() in (".svg", ".png"))
        if logos:
            figures["size"] = size_figures(icons[:logos])
        if images is not None:
            files = sorted(p for p in images.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
            chosen = np.random.default_rng(0).permutation(len(files)).tolist()
            used, rest = chosen[:photos], chosen[photos:] or chosen
            try:
                figures["poison"] = poison_figures(
                    distractors, galleries, [files[i] for i in used], [files[i] for i in rest], cache, boxes
                )
            except LogoscanError as error:
                raise click.ClickException(str(error)) from None
    write_result(out, figures, {"diffs": diffs, "logos": logos, "photos": photos})

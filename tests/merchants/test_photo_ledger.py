"""Photos that other sellers use: hashes survive what copiers do, and the ledger answers as a plain loop would."""

from __future__ import annotations

import hashlib
import io
import math
import random
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeDetector, FakeEncoder
from hypothesis import given
from hypothesis import strategies as st
from paths import SAMPLES
from PIL import Image, ImageDraw
from strategies import make_report, quick

from logoscan.errors import CorruptFileError, InputError, MismatchError, MissingDependencyError
from logoscan.images.loading import load_image
from logoscan.images.phash import MATCH_BITS, MOST_SELLERS, PhotoHash, PhotoUse, copied_photo_weight, photo_hash
from logoscan.index.brand_folders import read_brand_folders
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.photo_table import PhotoRecord
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import ImageRecord, Provenance
from logoscan.types import Rgb
from logoscan.vision.extractor import FeatureExtractor

SAMPLE_PHOTOS = sorted((SAMPLES / "photos").iterdir())
NOBODY = PhotoUse(0)
KEY = b"a secret of the caller's"


def used(
    earlier: int, *examples: str, official_of: tuple[str, ...] = (), later: int = 0, unordered: int = 0
) -> PhotoUse:
    return PhotoUse(earlier + later + unordered, examples, official_of, earlier, later)


def synthetic(seed: int, size: tuple[int, int] = (500, 400)) -> Rgb:
    """Soft patches of colour with some hard shapes: what a PDQ hash can see."""
    rng = np.random.default_rng(seed)
    patches = Image.fromarray(rng.integers(0, 256, (9, 11, 3), np.uint8))
    image = patches.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = int(rng.integers(0, size[0] - 90)), int(rng.integers(0, size[1] - 90))
        draw.ellipse((x, y, x + 80, y + 60), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return np.asarray(image)


def as_jpeg(rgb: Rgb) -> Rgb:
    memory = io.BytesIO()
    Image.fromarray(rgb).save(memory, "JPEG", quality=60)
    return np.asarray(Image.open(memory).convert("RGB"))


def smaller(rgb: Rgb) -> Rgb:
    size = (round(rgb.shape[1] * 0.6), round(rgb.shape[0] * 0.6))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def brighter(rgb: Rgb) -> Rgb:
    return np.asarray(np.clip(rgb * 1.2, 0, 255), np.uint8)


def hashed(rgb: Rgb) -> str:
    found = photo_hash(rgb)
    assert found is not None
    return found.pdq


def bits_between(a: str, b: str) -> int:
    """Hamming distance, written plainly; defines what the search must equal."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def turned(pdq: str, bits: Iterable[int]) -> str:
    """The hash with some of its 256 bits turned."""
    value = int(pdq, 16)
    for bit in bits:
        value ^= 1 << bit
    return f"{value:064x}"


def random_hash(rng: random.Random) -> str:
    return f"{rng.getrandbits(256):064x}"


# -- hashes


SOURCES: tuple[int | Path, ...] = (*range(4), *SAMPLE_PHOTOS)
"""Seeds of synthetic photos, and the samples."""


def photo_from(source: int | Path) -> Rgb:
    return synthetic(source) if isinstance(source, int) else load_image(source)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: getattr(source, "stem", str(source)))
def test_hash_of_a_copy_is_within_the_threshold(source: int | Path) -> None:
    photo = photo_from(source)
    original = hashed(photo)
    for change in (as_jpeg, smaller, brighter, lambda rgb: as_jpeg(smaller(brighter(rgb)))):
        assert bits_between(original, hashed(change(photo))) <= MATCH_BITS


def test_hash_of_another_photo_is_far() -> None:
    made = [hashed(photo_from(source)) for source in SOURCES]
    between = [bits_between(a, b) for i, a in enumerate(made) for b in made[:i]]
    assert min(between) > 2 * MATCH_BITS


def test_a_hash_is_pdqs() -> None:
    """Bits in the order in which ThreatExchange writes them, and near the hash of the photo as it is."""
    import pdqhash

    photo = synthetic(0, (384, 384))
    bits, quality = pdqhash.compute(photo)
    assert photo_hash(photo) == PhotoHash(f"{int(''.join(map(str, bits.tolist())), 2):064x}", quality)
    large = synthetic(1, (900, 700))
    bits, _ = pdqhash.compute(large)
    assert bits_between(hashed(large), np.packbits(bits).tobytes().hex()) <= 16


@pytest.mark.parametrize("photo", [np.full((300, 200, 3), grey, np.uint8) for grey in (0, 128, 255)])
def test_a_blank_photo_has_no_hash(photo: Rgb) -> None:
    assert photo_hash(photo) is None
    noise = np.random.default_rng(0).integers(-2, 3, photo.shape)
    assert photo_hash(np.clip(photo.astype(int) + noise, 0, 255).astype(np.uint8)) is None
    assert photo_hash(photo[:1, :1]) is None


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_a_photo_is_an_rgb_array(array: Rgb) -> None:
    with pytest.raises(InputError, match=r"rgb: expected uint8 \(H, W, 3\) with H, W >= 1, got "):
        photo_hash(array)


def test_without_pdqhash_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'logoscan\[photos\]'"):
        photo_hash(synthetic(0))
    FeatureExtractor(FakeEncoder(), FakeDetector(), None, None)
    with pytest.raises(MissingDependencyError):
        FeatureExtractor(FakeEncoder(), FakeDetector(), None, None, hash_photos=True)


@pytest.mark.parametrize(
    ("pdq", "quality", "message"),
    [
        ("0" * 63, 100, "PhotoHash.pdq: expected 64 lower-case hex digits, got '000"),
        ("A" * 64, 100, "PhotoHash.pdq: expected 64 lower-case hex digits, got 'AAA"),
        ("0" * 64 + "\n", 100, "PhotoHash.pdq: expected 64"),
        ("0" * 64, 49, r"PhotoHash.quality: expected a whole number in \[50, 100\], got 49"),
    ],
)
def test_a_hash_is_checked(pdq: str, quality: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PhotoHash(pdq, quality)


# -- look-ups


def test_an_empty_ledger_knows_nobody(tmp_path: Path) -> None:
    ledger = PhotoLedger()
    assert (len(ledger), list(ledger.records())) == (0, [])
    assert ledger.look_up("0" * 64, "s") == ledger.look_up("0" * 64, None) == NOBODY
    ledger.add("s", [])
    ledger.merge(PhotoLedger())
    ledger.save(tmp_path / "ledger")
    assert len(PhotoLedger.load(tmp_path / "ledger")) == 0


@pytest.mark.parametrize("seller", [None, "", "  "])
def test_an_unknown_seller_is_not_recorded(seller: str | None) -> None:
    ledger = PhotoLedger()
    ledger.add(seller, ["0" * 64])
    assert len(ledger) == 0


def test_sellers_own_photo_is_not_copied() -> None:
    ledger = PhotoLedger()
    for _ in range(3):
        ledger.add("mine", ["0" * 64, turned("0" * 64, range(20))])
    assert len(ledger) == 2
    assert ledger.look_up("0" * 64, "mine") == NOBODY
    assert ledger.look_up("0" * 64, "other") == used(1, "mine")
    for nobody in (None, "", " "):
        assert ledger.look_up("0" * 64, nobody) == PhotoUse(1, ("mine",)), "it may be his own"


def test_a_brands_photo_is_reported() -> None:
    ledger = PhotoLedger()
    ledger.add_official("Bolt", ["0" * 64])
    ledger.add_official("Acme", [turned("0" * 64, range(31))])
    ledger.add("s", ["0" * 64])
    assert ledger.look_up("0" * 64, "t") == used(1, "s", official_of=("Acme", "Bolt"))
    assert ledger.look_up(turned("0" * 64, [255]), "t") == used(1, "s", official_of=("Bolt",))
    assert ledger.look_up("f" * 64, "t") == NOBODY


Add = tuple[str, str, int | None]
"""Seller, hash, and the minute of an hour at which they were seen."""
Plan = tuple[list[Add], list[tuple[str, str]], list[str]]
"""Adds, (brand, hash) and queries."""


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Random hashes, near duplicates of them at distances of 0 to 40, and few sellers at few times."""
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    centres = [random_hash(rng) for _ in range(draw(st.integers(1, 3)))]
    distances = draw(st.lists(st.integers(0, 40), min_size=1, max_size=25))
    near = [turned(rng.choice(centres), rng.sample(range(256), bits)) for bits in distances]
    adds = [(f"s{rng.randrange(6)}", pdq, rng.choice([None, *range(9)])) for pdq in near]
    officials = [(f"b{rng.randrange(3)}", pdq) for pdq in rng.sample(near, len(near) // 4)]
    return adds, officials, [*centres, *near, random_hash(rng)]


def minute(number: int | None) -> str | None:
    return None if number is None else f"2024-01-01T00:{number:02}:00Z"


def told(adds: Iterable[tuple[Any, ...]], officials: Iterable[tuple[str, str]] = ()) -> PhotoLedger:
    ledger = PhotoLedger()
    for seller, pdq, *at in adds:
        ledger.add(seller, [pdq], at=minute(*at) if at else None)
    for brand, pdq in officials:
        ledger.add_official(brand, [pdq])
    return ledger


def looked_up_plainly(plan: Plan, photo: str, seller: str | None) -> PhotoUse:
    adds, officials, _ = plan
    times: dict[str, set[int | None]] = {}
    for s, pdq, at in adds:
        if bits_between(pdq, photo) <= 31:
            times.setdefault(s, set()).add(at)
    first = {s: None if None in seen else min(t for t in seen if t is not None) for s, seen in times.items()}
    others = sorted(first.keys() - {seller})
    earlier = later = 0
    for other in others if seller is not None else ():
        if seller not in first:
            earlier += 1  # what is recorded was before now
        elif (mine := first[seller]) is not None and (theirs := first[other]) is not None:
            earlier += theirs < mine
            later += theirs > mine
    brands = {b for b, pdq in officials if bits_between(pdq, photo) <= 31}
    return PhotoUse(len(others), tuple(others[:3]), tuple(sorted(brands)), earlier, later)


@quick
@given(plan=plans())
def test_photo_lookup_equals_a_plain_loop(plan: Plan) -> None:
    ledger = told(*plan[:2])
    for query in plan[2]:
        for seller in ("s0", "s5", "stranger", None):
            assert ledger.look_up(query, seller) == looked_up_plainly(plan, query, seller)


@pytest.mark.parametrize("bits", range(41))
def test_a_photo_is_found_up_to_the_threshold(bits: int) -> None:
    rng = random.Random(bits)
    pdq = random_hash(rng)
    ledger = told([("s", pdq), *(("t", random_hash(rng)) for _ in range(500))])
    found = ledger.look_up(turned(pdq, rng.sample(range(256), bits)), "u")
    assert found == (used(1, "s") if bits <= 31 else NOBODY)


@quick
@given(plan=plans(), seed=st.integers(0, 99))
def test_neither_order_nor_parts_matter(plan: Plan, seed: int) -> None:
    adds, officials, _ = plan
    rng = random.Random(seed)
    whole = told(adds, officials)
    shuffled = told(rng.sample(adds, len(adds)), rng.sample(officials, len(officials)))
    cut = rng.randrange(len(adds) + 1)
    first, second = told(adds[cut:]), told(adds[: cut + 1], officials)
    first.merge(second)
    first.merge(first)
    assert list(whole.records()) == list(shuffled.records()) == list(first.records())
    assert list(second.records()) == list(told(adds[: cut + 1], officials).records())


def test_sellers_are_counted_up_to_the_cap_in_any_order() -> None:
    sellers = [f"s{i:03}" for i in range(MOST_SELLERS + 40)]
    near = turned("0" * 64, [7])
    rising, falling = told((s, "0" * 64) for s in sellers), told((s, "0" * 64) for s in reversed(sellers))
    assert list(rising.records()) == list(falling.records())
    for asks in ("s000", "s100", sellers[-1], "stranger", None):
        found = rising.look_up(near, asks)
        assert (found.other_sellers, found.at_least) == (MOST_SELLERS, True)
    assert rising.look_up(near, "s000").examples == ("s001", "s002", "s003")
    exact = told((s, "0" * 64) for s in sellers[:MOST_SELLERS])
    assert exact.look_up(near, "s000") == PhotoUse(MOST_SELLERS - 1, ("s001", "s002", "s003"))
    assert exact.look_up(near, "new") == used(MOST_SELLERS, "s000", "s001", "s002")
    assert not exact.look_up(near, "s000").at_least


def test_what_is_refused_changes_nothing() -> None:
    ledger = PhotoLedger()
    with pytest.raises(InputError, match="photos: expected 64 lower-case hex digits, got 'zz'"):
        ledger.add("s", ["0" * 64, "zz"])
    with pytest.raises(InputError, match=r"PhotoRecord.pdq: expected 64 lower-case hex digits, got 'zz'"):
        ledger.add_official("Acme", ["0" * 64, "zz"])
    with pytest.raises(InputError, match=r"PhotoRecord.official_of: expected non-empty strings, got ''"):
        ledger.add_official("", ["0" * 64])
    with pytest.raises(InputError, match=r"PhotoRecord.sellers: expected Unicode text"):
        ledger.add("\ud800", ["0" * 64])
    with pytest.raises(InputError, match="photo: expected 64 lower-case hex digits"):
        ledger.look_up("zz", "s")
    assert len(ledger) == 0


@pytest.mark.parametrize(
    ("sellers", "message"),
    [
        (("b", "a"), "expected sorted names, each once"),
        (("a", "a"), "expected sorted names, each once"),
        (tuple(f"{i:03}" for i in range(258)), "expected at most 257, got 258"),
    ],
)
def test_a_record_is_checked(sellers: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=f"PhotoRecord.sellers: {message}"):
        PhotoRecord("0" * 64, sellers)


@pytest.mark.parametrize(
    ("number", "examples", "message"),
    [(-1, (), "other_sellers: expected"), (257, (), "got 257"), (1, ("a", "b"), "examples: expected at most 1")],
)
def test_a_use_is_checked(number: int, examples: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PhotoUse(number, examples)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ((1.0,), (1.0,), "first_seen: expected one for each of 2 sellers"),
        ((1.0, None), (1.0,), "last_seen: expected one for each of 2 sellers"),
        ((1.0, math.nan), (1.0, 1.0), "first_seen: expected finite numbers"),
        ((1.0, 2.0), (1.0, 1.0), "last_seen: expected 2.0 or later, got 1.0"),
        ((1.0, 2.0), (1.0, None), "last_seen: expected 2.0 or later, got None"),
    ],
)
def test_a_records_times_are_checked(first: tuple[Any, ...], last: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=f"PhotoRecord.{message}"):
        PhotoRecord("0" * 64, ("a", "b"), (), first, last)
    assert PhotoRecord("0" * 64, ("a", "b")).first_seen == (None, None)


@pytest.mark.parametrize(("earlier", "later"), [(-1, 0), (0, -1), (2, 2), (4, 0)])
def test_the_order_in_a_use_is_checked(earlier: int, later: int) -> None:
    with pytest.raises(InputError, match=r"PhotoUse\.earlier_sellers, later_sellers: expected 3 or fewer together"):
        PhotoUse(3, (), (), earlier, later)


# -- who was first


def test_the_first_is_not_accused_by_those_who_follow() -> None:
    ledger = told([("owner", "0" * 64, 1), ("copier", "0" * 64, 2), ("ring", turned("0" * 64, range(9)), 3)])
    near = turned("0" * 64, [200])
    assert ledger.look_up(near, "owner") == PhotoUse(2, ("copier", "ring"), later_sellers=2)
    assert ledger.look_up(near, "owner").weight == 0
    assert ledger.look_up(near, "copier") == PhotoUse(2, ("owner", "ring"), earlier_sellers=1, later_sellers=1)
    assert ledger.look_up(near, "ring") == ledger.look_up(near, "ring") == used(2, "copier", "owner")
    assert ledger.look_up(near, "new") == used(3, "copier", "owner", "ring")


def test_an_owner_who_lists_again_stays_the_first() -> None:
    """His new copy of the photo is another file, and his later scans come after the copier's."""
    ledger = told([("owner", "0" * 64, 1), ("copier", "0" * 64, 2)])
    ledger.add("owner", ["0" * 64, turned("0" * 64, range(12))], at=minute(50))
    assert ledger.look_up(turned("0" * 64, range(12)), "owner").later_sellers == 1
    assert ledger.look_up("0" * 64, "copier").earlier_sellers == 1


def test_equal_and_unknown_times_say_nothing_of_the_order() -> None:
    same = told([("a", "0" * 64, 1), ("b", "0" * 64, 1)])
    assert same.look_up("0" * 64, "a") == PhotoUse(1, ("b",))
    unknown = told([("a", "0" * 64), ("b", "0" * 64, 1)])
    assert unknown.look_up("0" * 64, "a") == PhotoUse(1, ("b",))
    assert unknown.look_up("0" * 64, "b") == PhotoUse(1, ("a",))
    unknown.add("a", ["0" * 64], at=minute(5))
    assert unknown.look_up("0" * 64, "b") == PhotoUse(1, ("a",)), "he may have been first"
    assert unknown.look_up("0" * 64, "c") == used(2, "a", "b"), "both were before now"


def test_times_are_compared_across_zones() -> None:
    ledger = PhotoLedger()
    ledger.add("a", ["0" * 64], at="2024-01-01T10:00:00+02:00")
    ledger.add("b", ["0" * 64], at=datetime(2024, 1, 1, 8, 30))
    assert ledger.look_up("0" * 64, "a").later_sellers == 1
    for bad in ("yesterday", "", 3):
        with pytest.raises(InputError, match="at: expected an ISO 8601 time, got"):
            ledger.add("c", ["1" * 64], at=bad)  # type: ignore[arg-type]
    assert len(ledger) == 1


def test_the_clock_is_the_scans_own() -> None:
    """Never `listed_at`, which the seller states; where the platform knows better, it says so."""
    images = (ImageRecord(None, None, 9, 9, "0" * 64),)
    old = replace(make_report(seller_id="old", images=images), provenance=made_at("2024-01-01T00:00:00+00:00"))
    new = replace(make_report(seller_id="new", images=images), provenance=made_at("2024-02-01T00:00:00+00:00"))
    undated = replace(make_report(seller_id="undated", images=images), provenance=made_at("then"))
    ledger = PhotoLedger()
    for report in (new, undated, old):
        ledger.add_report(report)
    assert ledger.look_up("0" * 64, "old") == PhotoUse(2, ("new", "undated"), later_sellers=1)
    ledger.add_report(new, at="2023-12-01")
    assert ledger.look_up("0" * 64, "new").later_sellers == 1
    with pytest.raises(InputError, match="at: expected"):
        ledger.add_report(new, at="then")


def made_at(time: str) -> Provenance:
    return Provenance("0", "e", "i", "d", "o", "s", "cpu", time)


def test_first_seller_of_very_many_is_recorded() -> None:
    """Beyond the sellers that are kept, those who came first are."""
    many = [(f"s{i:03}", "0" * 64, 10 + i // 10) for i in range(MOST_SELLERS + 40)]
    rising, falling = told([*many, ("zz-owner", "0" * 64, 1)]), told([("zz-owner", "0" * 64, 1), *reversed(many)])
    assert list(rising.records()) == list(falling.records())
    assert rising.look_up("0" * 64, "zz-owner") == used(0, "s000", "s001", "s002", later=MOST_SELLERS)
    assert rising.look_up("0" * 64, "new").earlier_sellers == MOST_SELLERS


# -- who may be known, and how long


def test_a_seller_is_forgotten_wherever_he_was() -> None:
    ledger = told([("a", "0" * 64, 1), ("b", "0" * 64, 2), ("a", "f" * 64, 3)], [("Acme", "1" * 64)])
    assert ledger.forget("a") == 2
    assert ledger.forget("a") == 0
    assert list(ledger.records()) == list(told([("b", "0" * 64, 2)], [("Acme", "1" * 64)]).records())
    assert ledger.look_up("0" * 64, "c") == used(1, "b")
    assert ledger.look_up("f" * 64, "c") == NOBODY
    assert ledger.look_up("1" * 64, "c").official_of == ("Acme",)


def test_photos_unused_for_long_are_purged() -> None:
    ledger = told([("owner", "0" * 64, 1), ("copier", "0" * 64, 5), ("owner", "0" * 64, 9), ("gone", "f" * 64, 2)])
    ledger.add("timeless", ["f" * 64])
    assert ledger.purge("2024-01-01T00:06:00Z") == 2
    assert ledger.look_up("0" * 64, "owner") == NOBODY
    assert ledger.look_up("0" * 64, "copier") == used(1, "owner")
    (owner,) = (r for r in ledger.records() if r.pdq == "0" * 64)
    assert owner.first_seen == (1704067260.0,), "who is still there stays the first"
    assert ledger.look_up("f" * 64, "x") == used(1, "timeless")
    assert ledger.purge("2024-01-01", unknown=True) == 1
    assert len(ledger) == 1
    with pytest.raises(InputError, match="at: expected an ISO 8601 time"):
        ledger.purge("soon")


@quick
@given(plan=plans(), seller=st.sampled_from(["s0", "s3", "nobody"]), before=st.integers(0, 9))
def test_forgotten_seller_leaves_no_trace(plan: Plan, seller: str, before: int) -> None:
    adds, officials, queries = plan
    ledger = told(adds, officials)
    ledger.forget(seller)
    rest = [add for add in adds if add[0] != seller]
    assert list(ledger.records()) == list(told(rest, officials).records())
    ledger.purge(minute(before) or "")
    assert all(t is None or t >= 1704067200 + 60 * before for r in ledger.records() for t in r.last_seen)
    again = PhotoLedger()
    again.merge(ledger)
    for query in queries:
        assert again.look_up(query, "s1") == ledger.look_up(query, "s1")


def test_a_ledger_with_a_key_holds_no_ids(tmp_path: Path) -> None:
    ledger = PhotoLedger(key=KEY)
    ledger.add("owner@example.org", ["0" * 64], at=minute(1))
    ledger.add("copier", ["0" * 64], at=minute(2))
    assert ledger.look_up("0" * 64, "owner@example.org").later_sellers == 1
    assert ledger.look_up("0" * 64, "copier").examples == (ledger.token("owner@example.org"),)
    ledger.save(tmp_path / "ledger")
    stored = (tmp_path / "ledger").read_bytes()
    assert b"owner" not in stored
    assert b"copier" not in stored
    assert KEY not in stored
    again = PhotoLedger.load(tmp_path / "ledger", key=KEY)
    assert list(again.records()) == list(ledger.records())
    assert again.forget("owner@example.org") == 1
    assert PhotoLedger().token("owner") == "owner"
    again.add("half \ud83d", ["0" * 64])
    assert again.look_up("0" * 64, "half \ud83d").other_sellers == 1
    for other in (None, KEY + b"?"):
        with pytest.raises(MismatchError, match=r"made with a key, and .*; PhotoLedger.load takes `key`"):
            PhotoLedger.load(tmp_path / "ledger", key=other)
        with pytest.raises(MismatchError, match="merge: expected two ledgers of one key"):
            PhotoLedger(key=other).merge(ledger)
    PhotoLedger().save(tmp_path / "plain")
    with pytest.raises(MismatchError, match="made without a key, and it was loaded with a key"):
        PhotoLedger.load(tmp_path / "plain", key=KEY)


@pytest.mark.parametrize("key", [b"", b"short", "a text of sixteen letters", 7])
def test_a_key_is_checked(key: Any) -> None:
    with pytest.raises(InputError, match="key: expected 16 bytes or more, got "):
        PhotoLedger(key=key)


def test_threads_meet_whole_adds() -> None:
    """One thread adds pairs of far-away photos of a seller; a reader never meets the second without the first."""
    rng = random.Random(0)
    first, second = random_hash(rng), random_hash(rng)
    ledger, failures = PhotoLedger(), []

    def read() -> None:
        try:
            while len(ledger) < 402:
                late = ledger.look_up(second, None).other_sellers
                assert ledger.look_up(first, None).other_sellers >= late
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(200):
        ledger.add(f"s{i}", [second, first, random_hash(rng), random_hash(rng)])
    for reader in readers:
        reader.join(timeout=30)
    assert failures == []
    assert not any(reader.is_alive() for reader in readers)
    assert ledger.look_up(first, None).other_sellers == 200


# -- disk


def test_every_photo_round_trips(tmp_path: Path) -> None:
    odd = ("Ünïted ✓", 'say "hi"\n', "line\u2028separator\x85and more")
    rng = random.Random(0)
    adds = [(rng.choice(odd), random_hash(rng)) for _ in range(40)]
    for name, order in (("a", adds), ("b", adds[::-1])):
        told(order, [("Acmé", adds[0][1])]).save(tmp_path / name)
    again = PhotoLedger.load(tmp_path / "a")
    assert list(again.records()) == list(told(adds, [("Acmé", adds[0][1])]).records())
    assert again.look_up(adds[0][1], None).official_of == ("Acmé",)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again.add("later", [adds[0][1]])
    again.save(tmp_path / "a")
    assert "later" in PhotoLedger.load(tmp_path / "a").look_up(adds[0][1], adds[0][0]).examples
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_damaged_files_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "photos.jsonl"
    told([("s", "0" * 64), ("t", "f" * 64)]).save(path)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place])
        with pytest.raises(CorruptFileError, match=r"photos\.jsonl"):
            PhotoLedger.load(path)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CorruptFileError, match=r"photos\.jsonl"):
            PhotoLedger.load(path)
    path.write_bytes(data + b"\n")
    with pytest.raises(CorruptFileError, match=r"photos\.jsonl: altered or damaged"):
        PhotoLedger.load(path)
    path.write_bytes(data.replace(b'"format_version": 2', b'"format_version": 9'))
    with pytest.raises(CorruptFileError, match="expected format_version 1 or 2, got 9"):
        PhotoLedger.load(path)
    with pytest.raises(InputError, match=r"ledger: expected a file that PhotoLedger.save wrote, got '.*nowhere'"):
        PhotoLedger.load(tmp_path / "nowhere")


def test_a_file_of_version_1_knows_no_order(tmp_path: Path) -> None:
    body = b'{"pdq":"%b","sellers":["a","b"],"official_of":["Acme"]}\n' % (b"0" * 64)
    header = b'{"format_version":1,"sha256":"%b"}\n' % hashlib.sha256(body).hexdigest().encode()
    (tmp_path / "old").write_bytes(header + body)
    ledger = PhotoLedger.load(tmp_path / "old")
    assert list(ledger.records()) == [PhotoRecord("0" * 64, ("a", "b"), ("Acme",))]
    ledger.add("b", ["0" * 64], at=minute(1))
    assert ledger.look_up("0" * 64, "a") == PhotoUse(1, ("b",), ("Acme",))
    ledger.save(tmp_path / "new")
    assert list(PhotoLedger.load(tmp_path / "new").records()) == list(ledger.records())


# -- weight


def test_copied_photo_weight_at_known_counts() -> None:
    weights = [copied_photo_weight(n) for n in (0, 1, 3, 40, MOST_SELLERS, 10**6)]
    assert weights == pytest.approx([0.0, 0.7, 1.0, 1.0, 0.1, 0.1])
    with pytest.raises(InputError, match="other_sellers: expected 0 or more, got -1"):
        copied_photo_weight(-1)


def test_the_weight_rises_to_rings_and_falls_to_stock_photos() -> None:
    weights = [copied_photo_weight(n) for n in range(400)]
    assert weights[:41] == sorted(weights[:41])
    assert weights[40:] == sorted(weights[40:], reverse=True)
    assert all(0 <= w <= 1 for w in weights)


# -- from scan to scan


def test_photos_are_hashed_where_that_was_asked_for() -> None:
    photo, blank = synthetic(0), np.full((50, 50, 3), 9, np.uint8)
    plain = FeatureExtractor(FakeEncoder(), FakeDetector(), None, None)
    hashing = FeatureExtractor(FakeEncoder(), FakeDetector(), None, None, hash_photos=True)
    for features in (plain.extract_unread(photo), *plain.extract([photo])):
        assert (features.photo_hash, features.record.pdq) == (None, None)
    assert hashing.extract_unread(photo).photo_hash == photo_hash(photo)
    several = hashing.extract([blank, b"no photo", photo])
    assert [seen.photo_hash for seen in several] == [None, None, photo_hash(photo)]
    assert [seen.record.pdq for seen in several] == [None, None, hashed(photo)]
    assert several[1].warning is not None


def test_a_scanned_listing_is_remembered() -> None:
    photo = synthetic(0)
    images = tuple(ImageRecord(None, None, 9, 9, pdq) for pdq in (hashed(photo), None))
    report = make_report(seller_id="first", images=images)
    assert report_from_json(report_to_json(report)) == report
    ledger = PhotoLedger()
    ledger.add_report(report)
    ledger.add_report(make_report(seller_id=None, images=images))
    assert ledger.look_up(hashed(as_jpeg(smaller(photo))), "second") == used(1, "first")
    assert ledger.look_up(hashed(synthetic(1)), "second") == NOBODY


@pytest.mark.parametrize("pdq", ["", "0" * 63, "F" * 64, "0" * 65])
def test_an_image_record_has_a_hash_of_64_digits(pdq: str) -> None:
    with pytest.raises(InputError, match=r"ImageRecord\.pdq: expected 64 lower-case hex digits, got "):
        ImageRecord(None, None, None, None, pdq)


def test_official_photos_of_brand_folders_are_anyones(tmp_path: Path) -> None:
    folder = tmp_path / "Acme"
    folder.mkdir()
    Image.fromarray(synthetic(1)).save(folder / "shoe.png")
    Image.new("RGB", (64, 64)).save(folder / "blank.png")
    (folder / "torn.png").write_bytes(b"no picture")
    (folder / "brand.json").write_text('{"official_photos": ["shoe.png", "blank.png", "torn.png"]}')
    ledger = PhotoLedger()
    warnings = ledger.add_brand_folders(read_brand_folders(tmp_path))
    assert [w.split(":")[0] for w in warnings] == ["Acme/blank.png", "Acme/torn.png"]
    copied = photo_hash(as_jpeg(synthetic(1)))
    assert copied is not None
    assert ledger.look_up(copied.pdq, "shop") == PhotoUse(0, (), ("Acme",))
    assert len(ledger) == 1

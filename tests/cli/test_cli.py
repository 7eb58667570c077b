"""The command line: what a newcomer types, exit codes, bad rows, and going on after a crash."""

from __future__ import annotations

import json
import logging
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.scans import timeless
from click.testing import Result
from commands import ACME, BOLT, run
from fakes import BLUE, RED, WHITE, FakeDetector, FakeEncoder, photo_of, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

import logoscan
from benchmarks.common.composed_codes import compose_code
from logoscan.errors import ImageError
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.io.records import write_record
from logoscan.io.sealed_lines import seal, unseal
from logoscan.matching.calibration import MatchCalibration
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.serials import SerialList
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report
from logoscan.review.journal import Journal
from logoscan.scan import scanner as scanner_module
from logoscan.scoring.model import ScoreModel
from logoscan.types import Embeddings, Listing, Rgb
from logoscan.vision.detector import make_detector


@pytest.fixture
def real_detector(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands get the detector that they ask for."""
    monkeypatch.setattr("logoscan.vision.detector.make_detector", make_detector)


def ids(path: Path) -> list[str]:
    return [report.listing_id for report in read_reports(path)]


def scan(shop: Path, *more: object, listings: str = "listings.jsonl") -> Result:
    return run("scan", shop / listings, "--index", shop / "index", "--out", shop / "R.jsonl", "--ocr", "none", *more)


# -- version


def test_cli_version() -> None:
    assert run("--version").output.split()[-1] == logoscan.__version__


# -- the real thing, small


def test_cli_demo(tmp_path: Path, samples: Path) -> None:
    result = run("demo", "--out", tmp_path / "demo", "--device", "cpu", "--ocr", "rapidocr")
    assert result.exit_code == 0, result.output
    reports = list(read_reports(tmp_path / "demo" / "reports.jsonl"))
    listings = [json.loads(line) for line in (samples / "listings.jsonl").read_text().splitlines()]
    assert [r.listing_id for r in reports] == [row["id"] for row in listings]
    assert all(r.warnings == () for r in reports)
    scored = {r.listing_id: r for r in reports}
    assert scored["too-cheap"].score.brand == "JBL"
    assert "compatible" in {m.kind for m in scored["accessory"].mentions}
    assert {m.brand for r in reports for m in r.mentions if m.source.startswith("image:")} >= {"New Balance", "Kodak"}
    assert "Composed samples" in result.output
    for word in ("too-cheap", "JBL portable", "score", "band", "low_price"):
        assert word in result.output
    overlays = sorted((tmp_path / "demo" / "overlays").iterdir())
    assert len(overlays) == sum(len(row["images"]) for row in listings) == 9
    assert all(load_image(path).size > 1_000_000 for path in overlays)


def test_register_and_scan_the_samples(tmp_path: Path, samples: Path) -> None:
    registered = run("register", samples / "brands", "--out", tmp_path / "index", "--device", "cpu")
    assert registered.exit_code == 0, registered.output
    assert registered.output.startswith("6 brands, 6 logos, ")
    rows = (samples / "listings.jsonl").read_text().splitlines()
    (tmp_path / "two.jsonl").write_text("\n".join(rows[i] for i in (2, 7)))
    result = run(
        "scan", tmp_path / "two.jsonl", "--index", tmp_path / "index", "--out", tmp_path / "R.jsonl", "--ocr", "none",
        "--root", samples, "--prices", samples / "prices.csv", "--overlay", tmp_path / "overlays", "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].startswith("2 reports (")
    cheap, yen = read_reports(tmp_path / "R.jsonl")
    assert (cheap.listing_id, yen.listing_id) == ("too-cheap", "other-currency")
    assert cheap.matches[0].brand == "JBL"
    assert "low_price" in [c.signal for c in cheap.score.contributions]
    assert yen.matches[0].brand == "Kodak"
    assert "low_price" not in [c.signal for c in yen.score.contributions]
    assert sorted(p.name for p in (tmp_path / "overlays").iterdir()) == ["other-currency-0.jpg", "too-cheap-0.jpg"]
    assert not (tmp_path / "R.jsonl.partial").exists()


# -- register


def test_unreadable_logo_is_reported_and_the_rest_registered(shop: Path) -> None:
    (shop / "brands" / "Bolt" / "bad.png").write_bytes(b"no")
    result = run("register", shop / "brands", "--out", shop / "second")
    assert result.exit_code == 1
    assert "logoscan: Bolt/bad.png: not registered" in result.stderr
    assert "2 brands, 2 logos, 2 vectors by fake" in result.stdout
    assert len(LogoIndex.load(shop / "second")) == 2


# -- scan


def test_scan_names_the_logos(shop: Path) -> None:
    result = scan(shop, "--similarity-threshold", 0.95, "--overlay", shop / "overlays")
    assert (result.exit_code, result.stderr) == (0, "")
    reports = list(read_reports(shop / "R.jsonl"))
    assert [r.listing_id for r in reports] == [f"L{i}" for i in range(6)]
    assert [r.score.brand for r in reports] == ["Bolt", "Acme"] * 3
    counts = {band: sum(r.score.band == band for r in reports) for band in ("block", "review", "clear")}
    expected = ", ".join(f"{n} {band}" for band, n in counts.items())
    assert result.stdout == f"6 reports ({expected}) -> {shop / 'R.jsonl'}\n"
    drawn = sorted((shop / "overlays").iterdir())
    assert [p.name for p in drawn] == [f"L{i}-0.jpg" for i in range(6)]
    photo, overlay = load_image(shop / "photos" / "1.png"), load_image(drawn[1])
    assert overlay.shape[0] % photo.shape[0] == 0
    plain = load_image(shop / "photos" / "1.png").repeat(overlay.shape[0] // 60, 0).repeat(overlay.shape[0] // 60, 1)
    assert (abs(overlay.astype(int) - plain).max(axis=2) > 80).mean() > 0.01, "boxes and labels are drawn"


def test_scan_by_processes(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_module, "cores", lambda: 2)
    assert scan(shop, "--similarity-threshold", 0.95, "--workers", 1).exit_code == 0
    by_one = [timeless(report) for report in read_reports(shop / "R.jsonl")]
    result = scan(shop, "--similarity-threshold", 0.95, "--workers", 2)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [timeless(report) for report in read_reports(shop / "R.jsonl")] == by_one
    assert (
        run("scan", "--shards", shop, "--out", shop / "out", "--index", shop / "index", "--workers", 2).exit_code == 2
    )


def test_a_folder_of_photos(shop: Path) -> None:
    assert scan(shop, listings="photos").exit_code == 0
    assert ids(shop / "R.jsonl") == [f"{i}.png" for i in range(6)]
    assert all(len(r.matches) > 0 for r in read_reports(shop / "R.jsonl"))


def test_a_csv_file(shop: Path) -> None:
    (shop / "l.csv").write_text("id,images,price,currency\na,photos/0.png|photos/1.png,12.5,eur\nb,,,\n")
    assert scan(shop, listings="l.csv").exit_code == 0
    assert [(r.listing_id, len(r.images)) for r in read_reports(shop / "R.jsonl")] == [("a", 2), ("b", 0)]


def test_bad_rows_are_reported_with_their_line_and_the_rest_is_done(shop: Path) -> None:
    rows = ['{"id": "a"}', "{not json", '{"title": "no id"}', '{"id": true, "price": -1}', '["list"]', ""]
    rows += ['{"id": "a"}', '{"id": "c"}']
    (shop / "bad.jsonl").write_text("\n".join(rows))
    result = scan(shop, listings="bad.jsonl")
    assert result.exit_code == 1
    assert ids(shop / "R.jsonl") == ["a", "c"]
    told = result.stderr.splitlines()
    for line, number in zip(told, (2, 3, 4, 5), strict=False):
        assert line.startswith(f"logoscan: line {number}: ")
    assert "id: expected a non-empty string, got True" in told[2]
    assert "listing 'a': the id is there twice" in told[4]
    assert told[5] == "logoscan: 5 rows failed, see above"


def test_a_bad_field_is_a_warning_not_a_failure(shop: Path) -> None:
    rows = [{"id": "a", "price": "POA"}, {"id": "b", "images": [None, "photos/0.png"]}, {"id": "c", "title": "\ud83d"}]
    (shop / "bad.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    result = scan(shop, listings="bad.jsonl")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "logoscan: listing 'a': price: expected a number, got 'POA'; the field was dropped",
        "logoscan: listing 'b': images: expected file names, got None as number 1; it was dropped",
        r"logoscan: listing 'c': title: expected Unicode text, got '\ud83d'; 1 of it replaced by U+FFFD",
    ]
    a, b, c = read_reports(shop / "R.jsonl")
    assert a.warnings == ("price: expected a number, got 'POA'; the field was dropped",)
    assert len(b.images) == 1
    assert c.listing is not None
    assert c.listing.title == "\ufffd"


def test_complaints_of_one_kind_are_capped_and_counted(shop: Path) -> None:
    rows = [json.dumps({"id": f"L{n}", "price": f"{n} EUR"}) for n in range(100)] + ["{"] * 50 + ['{"id": "L5"}'] * 3
    (shop / "bad.jsonl").write_text("\n".join(rows))
    (shop / "p.csv").write_text("brand,price,currency\n" + "Acme,free,EUR\n" * 25)
    result = scan(shop, "--prices", shop / "p.csv", listings="bad.jsonl")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert len(told) == 10 + 1 + 10 + 1 + 10 + 1 + 3 + 1
    more = [line for line in told if " more like it" in line]
    assert [line.split(": ")[1] for line in more] == [
        "and 15 more like it",
        "and 90 more like it",
        "and 40 more like it",
    ]
    assert told[-1] == "logoscan: 78 rows failed, see above"
    assert len(ids(shop / "R.jsonl")) == 100


def test_rows_that_are_lost_together_count_each(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setattr("logoscan.io.parquet_rows._MOST_MEAN_BYTES", 500)
    table = pa.table({"id": list("abcd"), "title": ["x", "x", "x" * 9000, "x"]})
    parquet.write_table(table, shop / "l.parquet", row_group_size=2)
    result = scan(shop, listings="l.parquet")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith("logoscan: line 3: rows 3 to 4, 2 in all: expected row groups of")
    assert result.stderr.splitlines()[1:] == ["logoscan: 2 rows failed, see above"]
    assert ids(shop / "R.jsonl") == ["a", "b"]


def test_a_file_of_listings_is_read_once(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = []

    def counted(path: Path, **options: Any) -> Iterator[Listing]:
        times.append(path)
        return read_listings(path, **options)

    monkeypatch.setattr("logoscan.cli.scan.read_listings", counted)
    assert scan(shop).exit_code == 0
    assert len(times) == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", "id,pirce\na,5\n", "l.csv: expected the column price, got pirce"),
        ("l.csv", "title\na\n", "l.csv: expected the column id; ['id'] missing, got title"),
        ("l.jsonl", '[{"id": "a"}]', "l.jsonl: expected one object of JSON a line, got an array"),
        ("l.parquet", "no", "l.parquet: not Parquet, or damaged"),
        ("l.json", "{}", "expected a folder of photos or a .jsonl, .csv or .parquet file"),
    ],
)
def test_a_file_that_is_no_table_of_listings_is_reported_before_the_scan(
    shop: Path, name: str, text: str, said: str
) -> None:
    (shop / name).write_text(text)
    result = scan(shop, listings=name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(shop.glob("R.jsonl*"))


def test_a_bad_photo_costs_no_report_and_is_reported(shop: Path) -> None:
    (shop / "photos" / "1.png").write_bytes(b"")
    (shop / "photos" / "2.png").write_text("no picture")
    result = scan(shop, "--overlay", shop / "overlays")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0] == "logoscan: listing 'L1': image 0: 1.png: the file is empty"
    assert told[1].startswith("logoscan: listing 'L2': image 0: 2.png: expected one of JPEG, PNG, WEBP, GIF")
    assert told[2:] == ["logoscan: 2 photos could not be read or drawn, see above"]
    assert len(ids(shop / "R.jsonl")) == 6
    assert len(list((shop / "overlays").iterdir())) == 4


def test_overlays_of_odd_ids_do_not_collide(shop: Path) -> None:
    odd = ["a/b", "a_b", "../a", "ä", "x" * 300, "x" * 301]
    rows = [{"id": name, "images": [f"photos/{i}.png"]} for i, name in enumerate(odd)]
    (shop / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert scan(shop, "--overlay", shop / "deep" / "overlays", listings="odd.jsonl").exit_code == 0
    drawn = list((shop / "deep" / "overlays").iterdir())
    assert len(drawn) == len(odd)
    assert list((shop / "deep").iterdir()) == [shop / "deep" / "overlays"]
    assert "a_b-0.jpg" in {path.name for path in drawn}


def test_an_overlay_that_fails_costs_no_report(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise ImageError("0.png: no such image file")

    monkeypatch.setattr("logoscan.cli.overlays.read_picture", gone)
    result = scan(shop, "--overlay", shop / "overlays")
    assert result.exit_code == 1
    assert "listing 'L0': image 0: no overlay: 0.png: no such image file" in result.stderr
    assert len(ids(shop / "R.jsonl")) == 6


def test_a_fitted_score_model(shop: Path) -> None:
    model = ScoreModel(bias=1.0, name="mine")
    model.save(shop / "score.json")
    assert scan(shop, "--score-model", shop / "score.json", "--similarity-threshold", 0.95).exit_code == 0
    assert {r.score.model for r in read_reports(shop / "R.jsonl")} == {model.version}
    (shop / "score.json").write_text(seal('{"bias": "much"}'))
    result = scan(shop, "--score-model", shop / "score.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "score.json: expected a ScoreModel: bias" in result.stderr


def test_a_ledger_is_begun_read_and_added_to(shop: Path) -> None:
    """Photos of one scan are known to the next; a scan does not meet its own."""
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((256, 256)).save(shop / "photos" / "shared.png")

    def used(seller: str) -> float:
        row = {"id": seller, "images": ["photos/shared.png"], "claimed_brand": "Acme", "seller_id": seller}
        (shop / "one.jsonl").write_text(json.dumps(row))
        result = scan(shop, "--ledger", shop / "photos.ledger", listings="one.jsonl")
        assert result.exit_code == 0, result.output
        (report,) = read_reports(shop / "R.jsonl")
        return {c.signal: c.value for c in report.score.contributions}["copied_photo"]

    assert used("first") == 0.0
    assert used("first") == 0.0, "his own photo"
    assert used("second") > 0.5
    (record,) = PhotoLedger.load(shop / "photos.ledger").records()
    assert record.sellers == ("first", "second")


def test_serials_of_a_scan_are_known_to_the_next(shop: Path) -> None:
    pytest.importorskip("zxingcpp")
    composed = compose_code(np.full((420, 520, 3), 150, np.uint8), "DataMatrix", 4, random.Random(5), per_module=True)
    Image.fromarray(composed.rgb).save(shop / "photos" / "code.png")

    def doubts(listing: str, out: str = "R.jsonl") -> tuple[str, ...]:
        row = {"id": listing, "images": ["photos/code.png"], "claimed_brand": "Acme", "seller_id": "s"}
        (shop / "one.jsonl").write_text(json.dumps(row))
        result = scan(shop, "--serials", shop / "goods.serials", listings="one.jsonl")
        assert result.exit_code == 0, result.output
        (report,) = read_reports(shop / "R.jsonl")
        assert [code.serial for code in report.codes or ()] == [composed.content[19:]]
        return tuple(c.why for c in report.score.contributions if c.signal == "code_contradicts")

    assert not any("serial" in why for why in doubts("first"))
    assert not any("serial" in why for why in doubts("first")), "its own piece"
    assert any("serial" in why for why in doubts("second"))
    assert len(SerialList.load(shop / "goods.serials")) == 1
    assert composed.content[19:] not in (shop / "goods.serials").read_text()
    assert scan(shop, "--serials", shop / "nowhere" / "s").exit_code == 2


def test_official_photos_of_the_index_are_exempt(shop: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    for place in (shop / "photos" / "shared.png", shop / "brands" / "Acme" / "official.png"):
        Image.fromarray(noise).resize((256, 256)).save(place)
    (shop / "brands" / "Acme" / "brand.json").write_text('{"official_photos": ["official.png"]}')
    ledger = shop / "photos.ledger"
    assert run("register", shop / "brands", "--out", shop / "index", "--ledger", ledger).exit_code == 0
    sellers = ("first", "second")
    rows = [{"id": s, "images": ["photos/shared.png"], "claimed_brand": "Acme", "seller_id": s} for s in sellers]
    (shop / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):  # the second scan knows both sellers
        assert scan(shop, "--ledger", ledger, listings="two.jsonl").exit_code == 0
    reports = list(read_reports(shop / "R.jsonl"))
    assert [{c.signal: c.value for c in r.score.contributions}["copied_photo"] for r in reports] == [0.0, 0.0]
    (record,) = PhotoLedger.load(ledger).records()
    assert (record.sellers, record.official_of) == (sellers, ("Acme",))


def test_a_ledger_keeps_what_others_add_meanwhile(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that ends while brands are registered."""
    path, enrol = shop / "photos.ledger", LogoIndex.from_folder

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        other = PhotoLedger()
        other.add("first", ["0" * 64])
        other.save(path)
        return enrol(*args, **kwargs)

    monkeypatch.setattr(LogoIndex, "from_folder", meanwhile)
    assert run("register", shop / "brands", "--out", shop / "index", "--ledger", path).exit_code == 0
    (record,) = PhotoLedger.load(path).records()
    assert record.sellers == ("first",)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere/photos.ledger", "ledger: expected a file in an existing folder"),
        ("damaged.ledger", "damaged.ledger, line 1"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_reported_before_the_scan(shop: Path, name: str, complaint: str) -> None:
    (shop / "damaged.ledger").write_text("no ledger")
    result = scan(shop, "--ledger", shop / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in result.stderr
    assert not (shop / "R.jsonl").exists()
    assert (shop / "damaged.ledger").read_text() == "no ledger"


def test_prices_with_a_bad_row(shop: Path) -> None:
    good = "".join(f"Acme,{90 + i},EUR\n" for i in range(10))
    (shop / "p.csv").write_text("brand,price,currency\n" + good + "Acme,free,EUR\n")
    row = {"id": "x", "title": "Acme thing", "price": 5, "currency": "EUR"}
    (shop / "one.jsonl").write_text(json.dumps(row))
    result = scan(shop, "--prices", shop / "p.csv", listings="one.jsonl")
    assert result.exit_code == 1
    assert "p.csv, line 12: " in result.stderr
    assert "1 rows failed" in result.stderr
    (report,) = read_reports(shop / "R.jsonl")
    assert "low_price" in [c.signal for c in report.score.contributions if c.contribution > 1]


# -- usage and set-up


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("scan {shop}/listings.jsonl --index {shop}/nowhere --out {shop}/R.jsonl", "manifest.json"),
        ("scan {shop}/none.jsonl --index {shop}/index --out {shop}/R.jsonl", "none.jsonl"),
        ("scan {shop}/listings.jsonl --index {shop}/index --out {shop}/no/R.jsonl", "no/R.jsonl"),
        ("scan {shop}/listings.jsonl --index {shop}/index --out {shop}/photos", "photos"),
        ("scan {shop}/listings.jsonl --index {shop}/index --out {shop}/R.jsonl --prices {shop}/x", "prices"),
        ("register {shop}/nowhere --out {shop}/second", "nowhere"),
        ("register {shop}/brands --out {shop}/listings.jsonl", "listings.jsonl"),
    ],
)
def test_set_up_mistakes_are_one_line_and_exit_2(shop: Path, command: str, said: str) -> None:
    arguments = [word.format(shop=shop) for word in command.split()]
    result = run(*arguments, *(["--ocr", "none"] if arguments[0] == "scan" else []))
    assert result.exit_code == 2, result.output
    assert len(result.output.splitlines()) == 1
    assert result.stderr.startswith("logoscan: ")
    assert said in result.stderr
    assert not (shop / "R.jsonl").exists()


@pytest.mark.parametrize(
    "arguments", [["scan"], ["scan", "x", "--ocr", "tesseract"], ["no-such-command"], ["--no-such-option"]]
)
def test_usage_mistakes_exit_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert result.stderr.startswith("logoscan: ")
    assert "--help`" in result.stderr


def test_an_index_of_another_encoder_is_exit_2(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: FakeEncoder("other", weights="0" * 64))
    result = scan(shop)
    assert result.exit_code == 2
    assert "index made by fake" in result.stderr
    assert "used with other" in result.stderr


def test_missing_device_is_exit_2(tmp_path: Path, samples: Path) -> None:
    result = run("register", samples / "brands", "--out", tmp_path / "index", "--device", "no-such-device")
    assert result.exit_code == 2
    assert "logoscan: device: expected one that can be had, got 'no-such-device'" in result.stderr
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(("flags", "level"), [(["-v"], logging.INFO), ([], logging.WARNING)])
def test_verbose_logs_what_is_chosen(monkeypatch: pytest.MonkeyPatch, flags: list[str], level: int) -> None:
    asked: list[int] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **options: asked.append(options["level"]))
    run(*flags, "scan", "none.jsonl", "--index", "x", "--out", "y")
    assert asked == [level]
    assert logging.getLogger("logoscan").isEnabledFor(logging.WARNING)


# -- going on after a crash


def test_restart_loses_and_duplicates_no_report(shop: Path) -> None:
    scan(shop)
    lines = (shop / "R.jsonl").read_bytes().splitlines(keepends=True)
    partial = shop / "R.jsonl.partial"
    for whole, torn in ((0, 30), (2, 0), (2, 100), (5, len(lines[5]) - 1), (6, 0)):
        (shop / "R.jsonl").unlink(missing_ok=True)
        # a mark proves that a line is kept and not written again
        mark = (b'"provenance":{"version":"', b'"provenance":{"version":"first-run-')
        run_of = unseal(lines[0].strip(), "it").run
        plain = [unseal(line.strip(), "it").text.replace(*mark).decode() for line in lines[:whole]]
        kept = [seal(text, line=n, run=run_of).encode() + b"\n" for n, text in enumerate(plain, 1)]
        partial.write_bytes(b"".join(kept) + (lines[whole][:torn] if torn else b""))
        result = scan(shop)
        assert result.exit_code == 0
        assert result.stdout.startswith("6 reports (")
        assert ids(shop / "R.jsonl") == [f"L{i}" for i in range(6)]
        versions = [r.provenance.version for r in read_reports(shop / "R.jsonl")]
        assert [v.startswith("first-run-") for v in versions] == [i < whole for i in range(6)]
        assert not partial.exists()


def test_interrupted_scan_resumes(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(FakeEncoder):
        calls = 0

        def encode_pixels(self, pixels: Rgb) -> Embeddings:
            self.calls += 1
            if self.calls > 1:
                raise KeyboardInterrupt
            return super().encode_pixels(pixels)

    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: Dying())
    first = scan(shop)
    assert (first.exit_code, first.stdout) == (130, "")
    done = ids(shop / "R.jsonl.partial")
    assert done in ([], ["L0", "L1", "L2", "L3"]), "batches are at work side by side; whole ones are written, in order"
    assert first.stderr == (
        f"logoscan: interrupted; {len(done)} reports are in {shop / 'R.jsonl.partial'}, the same command goes on\n"
    )
    assert not (shop / "R.jsonl").exists()
    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: FakeEncoder())
    assert scan(shop).exit_code == 0
    assert ids(shop / "R.jsonl") == [f"L{i}" for i in range(6)]


def broken_off(shop: Path, *more: object) -> bytes:
    """A scan of which two reports were written; returns them."""
    assert scan(shop, *more).exit_code == 0
    lines = (shop / "R.jsonl").read_bytes().splitlines(keepends=True)
    (shop / "R.jsonl").unlink()
    (shop / "R.jsonl.partial").write_bytes(b"".join(lines[:2]))
    return b"".join(lines[:2])


OTHER_RUNS: dict[str, tuple[tuple[object, ...], str]] = {
    "score model": (("--score-model", "{shop}/score.json"), "score_model"),
    "threshold": (("--similarity-threshold", 0.9), "threshold"),
    "prices": (("--prices", "{shop}/prices.csv"), "prices"),
    "effort": (("--effort", "full"), "detector"),
    "ledger": (("--ledger", "{shop}/photos.ledger"), "ledger"),
    "serials": (("--serials", "{shop}/goods.serials"), "serials"),
    "detector": (("--detector", "whole"), "detector"),
    "root": (("--root", "{shop}/photos"), "root"),
}


@pytest.mark.usefixtures("real_detector")
@pytest.mark.parametrize("other", OTHER_RUNS)
def test_scan_with_other_options_does_not_resume(shop: Path, other: str) -> None:
    ScoreModel(bias=1.0, name="mine").save(shop / "score.json")
    (shop / "prices.csv").write_text("brand,price,currency\nAcme,90,EUR\n")
    before = broken_off(shop)
    options, said = OTHER_RUNS[other]
    result = scan(shop, *(str(word).format(shop=shop) for word in options))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "R.jsonl.partial, line 1: made by something else" in result.stderr
    assert said in result.stderr
    assert "go on with what began it, give another name, or remove it" in result.stderr
    assert (shop / "R.jsonl.partial").read_bytes() == before
    assert not (shop / "R.jsonl").exists()
    assert scan(shop).exit_code == 0, "what began it goes on"


def test_scan_with_another_index_or_other_listings_does_not_resume(shop: Path) -> None:
    """The example: the second half would have been judged by another index."""
    before = broken_off(shop)
    (shop / "brands" / "Core").mkdir()
    assert run("register", shop / "brands", "--out", shop / "second").exit_code == 0
    asked = ("scan", shop / "listings.jsonl", "--out", shop / "R.jsonl", "--ocr", "none", "--index")
    result = run(*asked, shop / "second")
    assert result.exit_code == 2
    assert "made by something else (index '" in result.stderr
    (shop / "others.jsonl").write_bytes((shop / "listings.jsonl").read_bytes())
    result = scan(shop, listings="others.jsonl")
    assert result.exit_code == 2
    assert "made by something else (other listings" in result.stderr
    assert (shop / "R.jsonl.partial").read_bytes() == before


def test_planted_reports_are_not_taken_for_done(shop: Path) -> None:
    """They say of a counterfeit that it was scanned and is clear."""
    planted = seal('{"listing_id": "L0", "score": {"band": "clear"}}', line=1) + "\n"
    (shop / "R.jsonl.partial").write_text(planted)
    result = scan(shop)
    assert result.exit_code == 2
    assert "made by something else" in result.stderr
    (shop / "R.jsonl.partial").unlink()
    assert scan(shop).exit_code == 0
    assert ids(shop / "R.jsonl") == [f"L{i}" for i in range(6)]


def test_duplicate_id_is_reported_after_a_restart_too(shop: Path) -> None:
    rows = (shop / "listings.jsonl").read_text().splitlines()
    twice = json.dumps({**json.loads(rows[0]), "title": "another thing of the same id"})
    (shop / "listings.jsonl").write_text("\n".join([*rows, twice]))
    result = scan(shop)
    told = "listing 'L0': the id is there twice; only the first is scanned"
    assert (result.exit_code, told in result.stderr) == (1, True)
    lines = (shop / "R.jsonl").read_bytes().splitlines(keepends=True)
    (shop / "R.jsonl").unlink()
    (shop / "R.jsonl.partial").write_bytes(b"".join(lines[:2]))
    result = scan(shop)
    assert (result.exit_code, result.stderr.count(told)) == (1, 1)
    assert ids(shop / "R.jsonl") == [f"L{i}" for i in range(6)]


def test_reports_of_listings_that_have_gone_are_reported(shop: Path) -> None:
    broken_off(shop)
    rows = (shop / "listings.jsonl").read_text().splitlines()
    (shop / "listings.jsonl").write_text("\n".join(rows[1:]))
    result = scan(shop)
    assert "1 reports in" in result.stderr
    assert "are of listings that are there no more, such as 'L0'" in result.stderr
    assert sorted(ids(shop / "R.jsonl")) == [f"L{i}" for i in range(6)]


def test_photos_that_failed_before_a_restart_count(shop: Path) -> None:
    (shop / "photos" / "0.png").write_bytes(b"")
    assert scan(shop).exit_code == 1
    lines = (shop / "R.jsonl").read_bytes().splitlines(keepends=True)
    (shop / "R.jsonl").unlink()
    (shop / "R.jsonl.partial").write_bytes(b"".join(lines[:2]))
    result = scan(shop)
    assert result.exit_code == 1
    assert result.stderr == "logoscan: 1 photos could not be read or drawn, see above\n"


# -- what is written, and where


def test_a_full_disk_leaves_no_half_overlay(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example: half of a JPEG stayed, and nobody was told."""

    def full(path: Path, _: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("logoscan.cli.overlays.atomic_write", full)
    result = scan(shop, "--overlay", shop / "overlays")
    assert result.exit_code == 1
    assert "listing 'L0': image 0: no overlay: [Errno 28] No space left on device" in result.stderr
    assert "6 photos could not be read or drawn" in result.stderr
    assert list((shop / "overlays").iterdir()) == []
    assert len(ids(shop / "R.jsonl")) == 6


def test_overlays_of_a_folder_that_cannot_be_made_are_reported(shop: Path) -> None:
    (shop / "overlays").write_text("in the way")
    result = scan(shop, "--overlay", shop / "overlays")
    assert result.exit_code == 1
    assert result.stderr.count("no overlay: ") == 6


def test_an_overlay_of_another_photo_is_not_drawn(shop: Path) -> None:
    from logoscan.cli.overlays import write_overlays

    assert scan(shop).exit_code == 0
    report = next(read_reports(shop / "R.jsonl"))
    Image.fromarray(photo_of(None)).save(shop / "photos" / "0.png")
    assert write_overlays(report, shop, shop / "o") == ["image 0: no overlay: 0.png: changed since the scan"]


_PLAIN_IDS = st.from_regex(r"[A-Za-z0-9._-]{1,20}(~[0-9a-f]{16})?", fullmatch=True)


@quick
@given(ids=st.sets(st.one_of(_PLAIN_IDS, st.text(min_size=1)), min_size=2, max_size=4))
def test_overlay_names_are_safe_and_apart(ids: set[str]) -> None:
    from logoscan.cli.overlays import _file_name

    found = {_file_name(each) for each in [*ids, *map(_file_name, ids)]}
    assert len(found) == len({*ids, *map(_file_name, ids)})
    for name in found:
        assert re.fullmatch(r"[A-Za-z0-9._~-]{1,80}", name)
        assert name.partition(".")[0].upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT9"}


def test_names_of_overlays() -> None:
    from logoscan.cli.overlays import _file_name

    assert _file_name("L0") == "L0"
    for odd in ("a\nb", "\ud800", "con", "NUL.txt", "a:b", 'a"b', "x" * 61, "a?b", "a~b", "é"):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,61}~[0-9a-f]{16}", _file_name(odd)), odd


@pytest.mark.parametrize(("mode", "said"), [("0640", 0o640), (None, 0o600)])
def test_the_mode_of_what_is_written(shop: Path, mode: str | None, said: int) -> None:
    options = () if mode is None else ("--mode", mode)
    assert scan(shop, "--overlay", shop / "o", "--ledger", shop / "p.ledger", *options).exit_code == 0
    folder = said | (said & 0o444) >> 2
    assert {p.stat().st_mode & 0o777 for p in (shop / "R.jsonl", shop / "p.ledger", *(shop / "o").iterdir())} == {said}
    assert (shop / "o").stat().st_mode & 0o777 == folder
    assert run("register", shop / "brands", "--out", shop / "second", *options).exit_code == 0
    made = [*(shop / "second").rglob("*")]
    assert {p.stat().st_mode & 0o777 for p in made if p.is_file()} == {said}
    assert {p.stat().st_mode & 0o777 for p in [*made, shop / "second"] if p.is_dir()} == {folder}
    assert run("report", shop / "R.jsonl", "--html", shop / "pages", *options).exit_code == 0
    assert {p.stat().st_mode & 0o777 for p in (shop / "pages").rglob("*") if p.is_file()} == {said}


@pytest.mark.parametrize("wrong", ["", "x", "0", "0777", "8", "-1", "00000000000000000000000000000000000000001777"])
def test_invalid_file_mode_is_a_usage_error(shop: Path, wrong: str) -> None:
    result = scan(shop, "--mode", wrong)
    assert result.exit_code == 2
    assert "expected an octal number from 0600 to 0666" in result.stderr


def test_wrong_image_root_is_reported(shop: Path) -> None:
    """The example: no photo on any page, exit code 0, and not a word."""
    assert scan(shop).exit_code == 0
    (shop / "elsewhere").mkdir()
    asked = ("report", shop / "R.jsonl", "--html", shop / "pages")
    result = run(*asked, "--root", shop / "elsewhere")
    assert result.exit_code == 1
    assert result.stderr == f"logoscan: 6 of 6 photos were not found below '{shop}/elsewhere': --root?\n"
    pages = [page.read_text("utf-8") for page in (shop / "pages" / "listings").iterdir()]
    assert all("0.png" in p or "no such image file" in p for p in pages)
    assert sum("no such image file, below the folder that was given for the photos" in page for page in pages) == 6
    assert (run(*asked).exit_code, run(*asked).stderr) == (0, "")
    (shop / "photos" / "3.png").unlink()
    result = run(*asked)
    assert result.exit_code == 1
    assert "1 of 6 photos were not found" in result.stderr


def test_a_report_counts_many_missing_photos(shop: Path) -> None:
    rows = [{"id": f"M{i}", "images": ["photos/0.png"] * 5} for i in range(8)]
    (shop / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert scan(shop, listings="many.jsonl").exit_code == 0
    result = run("report", shop / "R.jsonl", "--html", shop / "pages", "--root", shop / "index")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "40 of 40 photos were not found" in result.stderr


def test_a_photo_that_the_scan_could_not_read_is_no_failure_of_the_report(shop: Path) -> None:
    (shop / "photos" / "0.png").write_bytes(b"")
    assert scan(shop).exit_code == 1
    assert run("report", shop / "R.jsonl", "--html", shop / "pages").exit_code == 0


def test_unwritable_output_path_is_reported(shop: Path) -> None:
    os.mkfifo(shop / "pipe")
    result = run("scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "pipe", "--ocr", "none")
    assert result.exit_code == 2
    assert "pipe', which is a pipe or a device" in result.stderr
    (shop / "R.jsonl").symlink_to(shop / "listings.jsonl")
    before = (shop / "listings.jsonl").read_bytes()
    assert scan(shop).exit_code == 0
    assert (shop / "listings.jsonl").read_bytes() == before, "a link is replaced, not followed"
    assert len(ids(shop / "R.jsonl")) == 6


@pytest.mark.usefixtures("real_detector")
def test_reports_equal_those_of_the_library(shop: Path) -> None:
    from logoscan.io.listings import read_listings
    from logoscan.scan.scanner import Scanner
    from logoscan.types import Listing

    assert scan(shop, "--similarity-threshold", 0.95).exit_code == 0
    encoder: Any = FakeEncoder()
    scanner = Scanner(LogoIndex.load(shop / "index"), encoder=encoder, similarity_threshold=0.95, root=shop)
    rows = [row for row in read_listings(shop / "listings.jsonl") if isinstance(row, Listing)]

    def decisions(report: Report) -> tuple[object, ...]:
        return report.score, report.brands, report.matches, report.images, report.skipped

    assert [decisions(r) for r in read_reports(shop / "R.jsonl")] == [decisions(scanner.scan(row)) for row in rows]


# -- negatives and calibration


def test_negatives_of_a_brand_and_of_nobody_are_registered(shop: Path) -> None:
    Image.fromarray(BOLT).save(shop / "brands" / "Acme" / "not-ours.png")
    (shop / "brands" / "Acme" / "brand.json").write_text(json.dumps({"negatives": ["not-ours.png", "broken.png"]}))
    (shop / "brands" / "Acme" / "broken.png").write_bytes(b"no picture")
    (shop / "alarms").mkdir()
    Image.fromarray(quarters(RED, RED, BLUE, BLUE)).save(shop / "alarms" / "a.png")
    (shop / "alarms" / "b.txt").write_text("no picture either")
    result = run("register", shop / "brands", "--negatives", shop / "alarms", "--out", shop / "index")
    assert result.exit_code == 1, "two files could not be read"
    assert "Acme/broken.png: negative not registered" in result.stderr
    assert "negative b.txt: not registered" in result.stderr
    index = LogoIndex.load(shop / "index")
    own = [n.brand for n in index.negatives if not n.id.startswith("general/")]
    assert sorted(own) == ["", "Acme"]
    assert {logo.id for logo in index.logos} == {"Acme/logo.png", "Bolt/logo.png"}, "negatives are no logos"


@pytest.mark.usefixtures("real_detector")
def test_a_calibration_is_fitted_and_used(shop: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["file,brand"]
    for i in range(60):
        logo, name = ((ACME, "Acme"), (BOLT, "Bolt"), (None, ""))[i % 3]
        photo = photo_of(logo, tuple(rng.integers(0, 256, 3).tolist()))
        Image.fromarray(photo).save(shop / "photos" / f"c{i}.png")
        rows.append(f"c{i}.png,{name.lower() if i % 2 else name}{'|Stranger' if i == 0 else ''}")
    (shop / "labels.csv").write_text("\n".join([*rows, "missing.png,Acme"]))
    made = run(
        "calibrate",
        shop / "photos",
        "--labels",
        shop / "labels.csv",
        "--index",
        shop / "index",
        "--out",
        shop / "c.json",
    )
    assert made.exit_code == 1, "one photo is missing"
    assert "missing.png" in made.stderr
    assert "60 labelled photos of labels.csv, 2 brands" in made.output
    assert "labels of no registered brand count as no mark: Stranger\n" in made.stderr
    assert scan(shop).exit_code == 0
    assert all(m.probability is None for r in read_reports(shop / "R.jsonl") for m in r.matches)
    (shop / "R.jsonl").unlink()
    assert scan(shop, "--calibration", shop / "c.json").exit_code == 0
    reports = list(read_reports(shop / "R.jsonl"))
    assert all(r.matches[0].probability is not None for r in reports)
    assert [r.matches[0].brand for r in reports] == ["Bolt", "Acme"] * 3
    (shop / "c.json").write_text("{}")
    assert scan(shop, "--calibration", shop / "c.json").exit_code == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [("file\na.png", "expected the columns file, brand"), ("file,brand\n,Acme", "expected a file in every row")],
)
def test_invalid_labels_are_refused(shop: Path, content: str, message: str) -> None:
    (shop / "labels.csv").write_text(content)
    arguments = ("--labels", shop / "labels.csv", "--index", shop / "index", "--out", shop / "c.json")
    result = run("calibrate", shop / "photos", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_brand_without_a_logo_is_reported(shop: Path) -> None:
    (shop / "brands" / "Core").mkdir()
    result = run("register", shop / "brands", "--out", shop / "index")
    assert result.exit_code == 0, "it is known by name in texts all the same"
    assert "1 brands without a logo will not be seen in photos: Core" in result.stderr


def test_negatives_of_an_index_that_is_replaced_are_kept_unless_they_are_dropped(shop: Path) -> None:
    assert "negatives that stood in" not in run("register", shop / "brands", "--out", shop / "index").stderr
    from logoscan.vision.encoder import ClipEncoder

    index = LogoIndex.load(shop / "index", ClipEncoder(device="cpu"))
    index.add_negative(quarters(RED, RED, BLUE, BLUE))
    index.save(shop / "index")
    for _ in range(2):
        result = run("register", shop / "brands", "--out", shop / "index")
        assert result.exit_code == 0
        assert re.search("1 negatives that stood in .* are kept; --drop-negatives drops them", result.stderr)
        assert {n.id for n in LogoIndex.load(shop / "index").negatives} == {n.id for n in index.negatives}
    result = run("register", shop / "brands", "--out", shop / "index", "--drop-negatives")
    assert result.exit_code == 0
    assert re.search("1 negatives that stood in .* are not in the new register", result.stderr)
    assert len(LogoIndex.load(shop / "index").negatives) == len(index.negatives) - 1


# -- verdicts


def test_a_rejected_match_is_gone_in_the_next_scan_and_back_after_undo(shop: Path) -> None:
    Image.fromarray(photo_of(quarters(RED, WHITE, BLUE, (225, 110, 150)))).save(shop / "photos" / "plain.png")
    row = {"id": "odd", "images": ["photos/plain.png"], "claimed_brand": ""}
    (shop / "odd.jsonl").write_text(json.dumps(row) + "\n")
    stated = MatchCalibration(
        FakeEncoder().info.fingerprint, FakeDetector.fingerprint, -33.0, 36.0, 10.0, 0.0, 0.0, 0.5, "a test"
    )
    write_record(shop / "calibration.json", stated)

    def shown(name: str) -> float:
        scanned = run(
            "scan", shop / "odd.jsonl", "--index", shop / "index", "--out", shop / name, "--ocr", "none",
            "--calibration", shop / "calibration.json",
        )  # fmt: skip
        assert scanned.exit_code == 0, scanned.output
        report = next(read_reports(shop / name))
        return max((m.probability or 0.0 for m in report.matches if m.brand == "Acme"), default=0.0)

    about, journal = (shop / "R.jsonl", "odd", "Acme"), ("--journal", shop / "V.jsonl")
    before = shown("R.jsonl")
    assert before > 0.5
    said = run("verdict", "reject", *about, *journal, "--not-shown", "--index", shop / "index", "--reviewer", "Ann")
    assert (said.exit_code, said.output.startswith("verdict 1, reject: not the brand, no label, ")) == (0, True), (
        said.output
    )
    assert shown("after.jsonl") < 0.5
    assert run("verdict", "undo", 1, *journal).exit_code == 2, "the index is needed"
    undone = run("verdict", "undo", 1, *journal, "--index", shop / "index")
    assert undone.output.startswith("verdict 2, undo of verdict 1, "), undone.output
    assert shown("again.jsonl") == before
    assert Journal(shop / "V.jsonl").standing() == ()
    confirmed = run("verdict", "confirm", *about, *journal, "--goods", "genuine", "--add-rendering", "--index",
                    shop / "index")  # fmt: skip
    assert confirmed.output.startswith("verdict 3, confirm: no counterfeit, pictures added: 1"), confirmed.output
    assert len({logo.id for logo in LogoIndex.load(shop / "index").logos}) == 3
    opened = Journal(shop / "V.jsonl")
    assert [v.reviewer for v in opened.verdicts] == [opened.reviewer("Ann"), None, None]
    listed = run("verdict", "list", *journal, "--all", "--reviewer", "ann")
    assert "1 verdicts" in listed.output
    assert "Ann" not in listed.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["confirm", "R.jsonl", "no", "Acme"], "listing: expected the id of a report in"),
        (["confirm", "R.jsonl", "L1", "Core"], "brand: expected one that the report names"),
        (["confirm", "R.jsonl", "L1", "Acme", "--add-rendering"], "expected --index with --add-rendering"),
        (["reject", "R.jsonl", "L1", "Acme", "--index", "index"], "index: expected it with not_shown"),
        (["undo", "1"], "verdict: expected an id from 1 to 0, got 1"),
    ],
)
def test_verdicts_that_are_refused(
    shop: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    assert scan(shop, "--similarity-threshold", 0.9).exit_code == 0
    monkeypatch.chdir(shop)
    result = run("verdict", *arguments, "--journal", "V.jsonl")
    assert result.exit_code == 2
    assert result.stderr.startswith("logoscan: ")
    assert message in result.stderr
    assert not (shop / "V.jsonl").exists()

"""`scan --shards`: what is passed on to Ray and what is said of it; Ray itself is tested in `test_ray_scan.py`."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from fakes import BlindDetector
from PIL import Image

from benchmarks.common.composed_codes import compose_code
from logoscan.distributed.ray_scan import ShardScan
from logoscan.distributed.report_files import Failure, write_output
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.serials import SerialList
from logoscan.reporting.jsonl import report_to_json
from logoscan.store.part_writer import StoreSettings

OPTIONS = ("--index", "index", "--ocr", "none", "--out", "reports")


@pytest.fixture
def calls(shop: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `scan_shards` is called with; it scans the shop's listings in this process, and says that a row failed."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr("logoscan.vision.detector.make_detector", lambda *_, **__: BlindDetector())
    out: list[dict[str, Any]] = []

    def scan_shards(shards: Path, folder: Path, **options: Any) -> ShardScan:
        from logoscan.io.listings import read_listings

        out.append({"shards": shards, "out": folder, **options})
        scanner = pickle.loads(pickle.dumps(options["make_scanner"]))()
        folder.mkdir(exist_ok=True)
        rows = [
            {"row": n, "line": n, "listing_id": r.listing_id, "report": report_to_json(r), "failure": None}
            for n, r in enumerate(scanner.scan_many(read_listings(shop / "listings.jsonl")), 1)
        ]
        file = folder / "a.parquet"
        write_output(file, rows, {})
        failure = Failure("b.csv", 3, None, "id: expected a non-empty string, got nothing")
        broken = ((Path("c.parquet"), "not Parquet, or damaged"),)
        return ShardScan((file,), 1, 0, 6, (failure,), (), ("L1",), broken, ())

    monkeypatch.setattr("logoscan.distributed.ray_scan.scan_shards", scan_shards)
    return out


def test_shards_are_scanned_with_all_options(calls: list[dict[str, Any]], shop: Path) -> None:
    (shop / "prices.csv").write_text("brand;price;currency\nAcme;90,00;EUR\nAcme;free;EUR\n")
    more = ("--prices", "prices.csv", "--ledger", "photos.ledger", "--similarity-threshold", 0.9, "--actors", 3)
    result = run("scan", "--shards", "photos", *OPTIONS, *more)
    assert result.exit_code == 1
    (call,) = calls
    assert (call["shards"], call["out"], call["root"]) == (Path("photos"), Path("reports"), None)
    assert (call["pool"].actors, call["pool"].gpus) == (3, 0)
    told = result.stderr
    assert "prices.csv, line 3: price: expected a number, got 'free'" in told
    assert "b.csv, line 3: id: expected a non-empty string" in told
    assert "c.parquet: not Parquet" in told
    assert "1 ids are in several files, such as 'L1'" in told
    assert told.splitlines()[-2:] == [
        "logoscan: 2 rows failed, see above",
        "logoscan: 1 files failed, see above",
    ]
    assert result.stdout == "6 reports, 1 files scanned, 0 were there -> reports\n"
    assert PhotoLedger.load(shop / "photos.ledger")._key_name() is None


def test_shards_keep_features_where_they_are_asked_for(calls: list[dict[str, Any]], shop: Path) -> None:
    run("scan", "--shards", "photos", *OPTIONS)
    run("scan", "--shards", "photos", *OPTIONS, "--keep-features", "features", "--quantise", "--keep-text")
    kept = [(call["keep_features"], call["store_settings"]) for call in calls]
    assert kept == [(None, None), (shop.resolve() / "features", StoreSettings(quantise=True, keep_text=True))]


def test_what_decides_the_reports_is_in_the_tag(calls: list[dict[str, Any]], shop: Path) -> None:
    (shop / "prices.csv").write_text("brand;price;currency\nAcme;90;EUR\n")
    for more in ((), (), ("--prices", "prices.csv"), ("--similarity-threshold", 0.9), ("--check-alterations",)):
        run("scan", "--shards", "photos", *OPTIONS, *more)
    (shop / "prices.csv").write_text("brand;price;currency\nAcme;80;EUR\n")
    run("scan", "--shards", "photos", *OPTIONS, "--prices", "prices.csv")
    tags = [call["tag"] for call in calls]
    assert tags[0] == tags[1]
    assert len(set(tags[1:])) == 5


def test_a_folder_of_shards_is_read_as_reports(calls: list[dict[str, Any]], shop: Path) -> None:
    run("scan", "--shards", "photos", *OPTIONS)
    result = run("export", "reports", "--csv", "-")
    assert result.exit_code == 0, result.output
    assert [line.split(",")[0] for line in result.stdout.splitlines()[1:]] == [f"L{i}" for i in range(6)]


def test_serials_of_shards_are_kept(calls: list[dict[str, Any]], shop: Path) -> None:
    pytest.importorskip("zxingcpp")
    composed = compose_code(np.full((420, 520, 3), 150, np.uint8), "DataMatrix", 4, random.Random(5), per_module=True)
    Image.fromarray(composed.rgb).save(shop / "photos" / "code.png")
    rows = [{"id": name, "images": ["photos/code.png"], "claimed_brand": "Acme"} for name in ("first", "second")]
    (shop / "listings.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run("scan", "--shards", "photos", *OPTIONS, "--serials", "goods.serials")
    assert result.stderr.splitlines()[-1] == "logoscan: 1 files failed, see above"
    (listings,) = SerialList.load(shop / "goods.serials").listings.values()
    assert len(listings) == 2

"""Shards, their rows, the files of their reports and the merge: without Ray, and the worker's stages too."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from broken_rows import as_jsonl, broken_rows
from builders.scans import timeless
from commands import ACME, BOLT
from fakes import photo_of
from PIL import Image
from pyarrow import parquet
from remote import DEADLY, POISON, make
from strategies import make_report

from logoscan.distributed.merge import merge_ledger, merge_states
from logoscan.distributed.report_files import made_by, read_output, shard_reports, write_output
from logoscan.distributed.shards import Row, ShardEnd, find_shards, read_rows
from logoscan.distributed.workers import Attempts, ScanStage, identify, listing_stage, shard_stage
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.listings import read_listings
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.state import MerchantState
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import ImageRecord, Report
from logoscan.types import Listing

MADE_BY = {"version": "1", "index": "abc", "tag": ""}
DUST = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def jsonl(path: Path, rows: Sequence[dict[str, Any] | str]) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), "utf-8")
    return path


def read_shard(path: Path, key: str, **options: Any) -> tuple[list[Row], ShardEnd]:
    """Read all rows of a shard, and its end, which must come last."""
    *rows, end = read_rows(path, key, **options)
    assert isinstance(end, ShardEnd)
    assert all(isinstance(row, Row) for row in rows)
    return [row for row in rows if isinstance(row, Row)], end


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Photos: two marks, one that is no picture, one that is empty, and one of noise, which has a hash."""
    (tmp_path / "photos").mkdir()
    for name, picture in (("acme", photo_of(ACME)), ("bolt", photo_of(BOLT)), ("dust", DUST)):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{name}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "photos" / "empty.png").touch()
    return tmp_path


ROWS = (
    {"id": "a", "images": ["acme.png", "dust.png"], "title": "A thing", "price": 3, "seller_id": "s1"},
    {"id": "b", "images": ["bolt.png", "broken.png", "empty.png"], "claimed_brand": "", "reviews": ["fine"]},
    {"id": "c", "images": ["../made", "none.png"], "attributes": {"size": "42"}, "price": 0.1, "currency": "EUR"},
    {"id": "d"},
)


# -- shards


def test_shards_are_identified_by_content(tmp_path: Path) -> None:
    one, two = jsonl(tmp_path / "1.jsonl", [{"id": "a"}]), jsonl(tmp_path / "2.jsonl", [{"id": "b"}])
    twin = jsonl(tmp_path / "3.jsonl", [{"id": "a"}])
    (tmp_path / ".hidden.jsonl").touch()
    (tmp_path / "notes.txt").touch()
    found = find_shards(tmp_path)
    assert [(shard.path, shard.twins) for shard in found] == [(one, (twin,)), (two, ())]
    assert len({shard.key for shard in found}) == 2
    assert [shard.path for shard in find_shards([two, one])] == [two, one]
    assert find_shards(str(two))[0].key == found[1].key
    jsonl(two, [{"id": "c"}])
    assert find_shards(two)[0].key != found[1].key


def test_invalid_shards_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for wrong in (tmp_path, [], tmp_path / "notes.txt", [tmp_path / "missing.jsonl"]):
        with pytest.raises(InputError, match="shards: expected"):
            find_shards(wrong)


def test_rows_of_a_shard_and_its_end(shop: Path) -> None:
    path = jsonl(shop / "rows.jsonl", [ROWS[0], "torn {", ROWS[3], ROWS[0], {"title": "no id"}])
    key = find_shards(path)[0].key
    rows, end = read_shard(path, key)
    assert [(row.row, row.line) for row in rows] == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]
    assert [row.failure is None for row in rows] == [True, False, True, False, False]
    assert "there twice" in str(rows[3].failure)
    assert rows[3].listing is not None
    assert end == ShardEnd(key, 5)
    assert {row.photos for row in rows} == {None}


def test_rows_of_a_shard_are_as_many_as_its_records(tmp_path: Path) -> None:
    """Each row of a broken file is a listing or a failure, with what was dropped of it, as the reader gives it."""
    broken = list(broken_rows(200, 3))
    (tmp_path / "a.jsonl").write_bytes(as_jsonl(broken))
    rows, end = read_shard(tmp_path / "a.jsonl", find_shards(tmp_path)[0].key)
    assert (end.count, end.failure) == (200, None)
    assert [row.failure is None for row in rows] == [row.usable for row in broken]
    stated = [Listing(**json.loads(row.listing)) for row in rows if row.listing is not None]
    assert stated == list(read_listings(tmp_path / "a.jsonl", on_error="skip"))
    assert any(listing.dropped for listing in stated)
    (tmp_path / "b.csv").write_text('id,title\na,"x\nb,y\nc,z\n')
    rows, end = read_shard(tmp_path / "b.csv", find_shards(tmp_path / "b.csv")[0].key)
    assert [(row.row, row.line, row.failure is None) for row in rows] == [
        (1, 2, False),
        (2, 2, True),
        (3, 3, True),
    ]
    assert end.count == 3


def test_packed_shards_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a"}\n'))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b'{"id": "a"}\n'))
    (shard,) = find_shards(tmp_path)
    assert list(read_rows(shard.path, shard.key))[1:] == [ShardEnd(shard.key, 1)]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("a.csv", "id,pirce\na,5\n", "expected the column price"), ("a.jsonl", '[{"id": 1}]', "got an array")],
)
def test_shard_with_foreign_columns_is_reported_at_its_end(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    rows, end = read_shard(tmp_path / name, find_shards(tmp_path)[0].key)
    assert rows == []
    assert end.count == 0
    assert why in str(end.failure)


def test_a_callers_table_keeps_its_photos_beside_their_names() -> None:
    table = pa.table({"id": ["a", "b"], "images": [[b"x", None, b"y"], [None]], "price": ["POA", None]})
    first, second = listing_stage(table).to_pylist()
    assert first["photos"] == [b"x", b"y"]
    stated = json.loads(first["listing"])
    assert (stated["images"], list(stated["dropped"])) == ([None, None], ["images", "price"])
    assert (second["photos"], second["failure"]) == (None, None)


def test_the_empty_shard_has_an_end(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "empty.jsonl", [])
    key = find_shards(path)[0].key
    assert list(read_rows(path, key)) == [ShardEnd(key, 0)]


def test_damaged_shard_is_reported_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    path.write_bytes(b"PAR1 and no more")
    rows, end = read_shard(path, find_shards(path)[0].key)
    assert rows == []
    assert end.count == 0
    assert "not Parquet" in str(end.failure)


def test_changed_shard_is_scanned_again(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "changing.jsonl", [{"id": "a"}])
    rows = read_rows(path, find_shards(path)[0].key)
    next(rows)
    jsonl(path, [{"id": "b"}])
    assert "was changed while it was scanned" in str(list(rows)[-1].failure)


# -- files of reports


def output(path: Path, reports: Sequence[Report]) -> Path:
    rows = [
        {"row": n, "line": n, "listing_id": r.listing_id, "report": report_to_json(r), "failure": None}
        for n, r in enumerate(reports, 1)
    ]
    write_output(path, [*reversed(rows), {**rows[0], "row": 9, "report": None, "failure": "why"}], MADE_BY)
    return path


def test_a_file_of_reports_comes_back_in_order(tmp_path: Path) -> None:
    reports = [make_report(listing_id=name) for name in "abc"]
    path = output(tmp_path / "x.parquet", reports)
    assert made_by(path) == MADE_BY
    assert [row["row"] for row in read_output(path)] == [1, 2, 3, 9]
    assert list(shard_reports(tmp_path)) == reports
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]
    write_output(tmp_path / "empty.parquet", [], MADE_BY)
    assert list(read_output(tmp_path / "empty.parquet")) == []


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"report": ["{}"]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"torn")
    for name in ("a", "b"):
        with pytest.raises(CorruptFileError, match=rf"{name}\.parquet: expected reports of format 1"):
            list(shard_reports([tmp_path / f"{name}.parquet"]))
    with pytest.raises(InputError, match="outputs: expected a folder"):
        list(shard_reports(tmp_path / "missing"))


def test_an_id_in_two_shards_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = make_report(listing_id="a", seller_id="s1")
    other = make_report(listing_id="a", seller_id="s2")
    output(tmp_path / "2.parquet", [other, make_report(listing_id="b")])
    output(tmp_path / "1.parquet", [first])
    assert [(r.listing_id, r.seller_id) for r in shard_reports(tmp_path)] == [("a", "s1"), ("b", None)]
    assert "1 reports passed over" in caplog.text
    assert other in list(shard_reports([tmp_path / "2.parquet"]))


def test_merge_is_independent_of_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pdq = [f"{n:064x}" for n in (0, (1 << 256) - 1)]
    images = [(ImageRecord("x.jpg", "0" * 64, 8, 8, value),) for value in pdq]
    one = [make_report(listing_id="a", seller_id="s1", images=images[0]), make_report(listing_id="n", seller_id=None)]
    two = [make_report(listing_id="b", seller_id="s1", images=images[1]), make_report(listing_id="c", seller_id="s2")]
    two.append(make_report(listing_id="long", seller_id="x" * 2000))
    files = [output(tmp_path / "1.parquet", one), output(tmp_path / "2.parquet", two)]
    by_hand = MerchantState()
    for report in (one[0], two[0]):
        by_hand.add(report)
    states = merge_states(tmp_path)
    assert states == merge_states(reversed(files))
    assert [r.listing_id for r in shard_reports(reversed(files))] == ["a", "n", "b", "c", "long"]
    assert states.keys() == {"s1", "s2"}
    assert states["s1"] == by_hand
    assert "listing 'long' is in no merchant's state" in caplog.text
    ledger = PhotoLedger()
    merge_ledger(tmp_path, ledger)
    assert [(r.pdq, r.sellers) for r in ledger.records() if "s1" in r.sellers] == [(p, ("s1",)) for p in sorted(pdq)]


# -- the stages


def by_hand(root: Path, path: Path) -> list[Report]:
    return [timeless(r) for r in make(root).scan_many(read_listings(path, on_error="skip"))]


@pytest.mark.parametrize("ahead", [False, True])
def test_the_stages_give_the_reports_of_a_scan(shop: Path, ahead: bool) -> None:
    path = jsonl(shop / "rows.jsonl", [*ROWS, "torn"])
    shards = pa.table({"path": [str(path)], "key": [find_shards(path)[0].key]})
    scan = ScanStage(lambda: make(shop))
    rows = [row for t in shard_stage(shards, shop / "photos" if ahead else None) for row in scan(t).to_pylist()]
    assert [timeless(report_from_json(row["report"])) for row in rows[:4]] == by_hand(shop, path)
    assert [row["listing_id"] for row in rows] == ["a", "b", "c", "d", None, None]
    assert [row["failure"] is None for row in rows] == [True] * 4 + [False, True]
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5, None]


def test_photos_are_read_ahead(shop: Path) -> None:
    path = jsonl(shop / "rows.jsonl", ROWS)
    rows, _ = read_shard(path, find_shards(path)[0].key, photo_folder=shop / "photos")
    photos = [row.photos for row in rows]
    acme, dust = ((shop / "photos" / f"{name}.png").read_bytes() for name in ("acme", "dust"))
    assert photos[0] == [acme, dust]
    assert photos[1] is not None
    assert photos[1][1:] == [b"no picture", None]
    assert photos[2:] == [[None, None], []]


def test_a_callers_table_may_hold_bytes(shop: Path) -> None:
    acme = (shop / "photos" / "acme.png").read_bytes()
    table = pa.table(
        {"id": [7, 8, None], "images": [[acme], [b""], None], "price": [1.5, None, None], "more": [1, 2, 3]}
    )
    rows = ScanStage(lambda: make(shop))(listing_stage(table)).to_pylist()
    wanted = make(shop).scan_many([Listing("7", (acme,), price=1.5), Listing("8", (b"",))])
    assert [timeless(report_from_json(row["report"])) for row in rows[:2]] == [timeless(r) for r in wanted]
    assert rows[2]["report"] is None
    assert rows[2]["failure"] == "id: expected a non-empty string, got nothing"
    empty = ScanStage(lambda: make(shop))(listing_stage(table.slice(0, 0)))
    assert len(empty) == 0
    assert empty.schema.names == ["shard", "row", "line", "count", "listing_id", "report", "failure", "features"]


def test_a_listing_that_breaks_the_scanner_costs_itself(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = pa.table({"id": ["a", "b", "c"], "title": ["x", POISON, "y"]})
    rows = ScanStage(lambda: make(shop))(listing_stage(table)).to_pylist()
    assert [row["report"] is None for row in rows] == [False, True, False]
    assert rows[1]["failure"] == "cannot be scanned (ZeroDivisionError: b)"
    assert "could not be scanned together" in caplog.text
    with pytest.raises(ZeroDivisionError):  # the scanner's fault, then: nobody shall store that as answers
        ScanStage(lambda: make(shop))(listing_stage(table.slice(1, 1).take([0, 0])))


class Died(BaseException):
    """In place of the death of this process."""


def test_a_listing_that_kills_workers_is_left_out_at_last(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try is a new actor; what was begun is kept elsewhere, in Ray by an actor of its own."""
    begun, deaths = Attempts(), 0
    remote = {verb: SimpleNamespace(remote=getattr(begun, verb)) for verb in ("begin", "end")}
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda value: value))

    def die(*_: object) -> None:
        raise Died

    monkeypatch.setattr("remote.os.kill", die)
    table = listing_stage(pa.table({"id": ["a", "b", "c"], "title": ["x", DEADLY, "y"]}))
    while True:
        try:
            rows = ScanStage(lambda: make(shop), SimpleNamespace(**remote))(table).to_pylist()
            break
        except Died:
            deaths += 1
    assert deaths == 4  # once together, three times alone
    assert [row["listing_id"] for row in rows] == ["a", "b", "c"]
    assert [row["failure"] for row in rows] == [None, "cannot be scanned (workers died at it 3 times)", None]
    assert begun == Attempts()
    with pytest.raises(Died):  # what ended is forgotten: a run after this one tries again
        ScanStage(lambda: make(shop), SimpleNamespace(**remote))(table)


def test_reports_of_different_scanners_are_distinguished(shop: Path) -> None:
    made = identify(lambda: make(shop), "prices of May")
    assert made["tag"] == "prices of May"
    assert made["index"] == make(shop).index.fingerprint
    assert {"version", "encoder", "detector", "ocr", "score_model"} <= made.keys()
    assert not {"time", "device"} & made.keys()

"""Scans by Ray Data on this machine, with scanners over fakes: nothing lost, nothing doubled, whoever dies.

One Ray for the file, since it takes seconds to start; its stages are tested without it in `test_shards.py`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders.scans import timeless
from commands import ACME, BOLT
from fakes import BLUE, GREEN, RED, YELLOW, photo_of, quarters
from PIL import Image
from pytest_socket import enable_socket
from remote import make

from logoscan.distributed.ray_cluster import cluster
from logoscan.distributed.ray_rejudge import rejudge_shards
from logoscan.distributed.ray_scan import Pool, ShardScan, merge_states, scan_dataset, scan_shards, shard_reports
from logoscan.distributed.report_files import read_output
from logoscan.errors import InputError, MismatchError, MissingDependencyError
from logoscan.io.listings import read_listings
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.reporting.jsonl import report_from_json
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.store.reader import FeatureStore
from logoscan.types import Brand, Listing

pytestmark = [
    pytest.mark.enable_socket,  # Ray's own, on this machine
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # Ray about itself
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
POOL = Pool(actors=2, batch=4)


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray as `scan_shards` starts it; workers find the tests' helpers where this process does."""
    ray = pytest.importorskip("ray")
    enable_socket()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))
        with cluster(POOL):
            yield ray
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and shards of 60, 7, 0 and unreadable rows; one of the shards is there twice."""
    shop = tmp_path_factory.mktemp("shop")
    (shop / "photos").mkdir()
    (shop / "shards").mkdir()
    for name, logo in (("0", ACME), ("1", BOLT)):
        Image.fromarray(photo_of(logo)).save(shop / "photos" / f"{name}.png")
    rows: list[dict[str, Any]] = [
        {"id": f"L{i}", "images": [f"{i % 3}.png"], "title": f"Thing {i}", "price": i, "seller_id": f"s{i % 4}"}
        for i in range(60)
    ]
    large, small = shop / "shards" / "a.jsonl", shop / "shards" / "b.csv"
    large.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"title": "no id"}, rows[5]]), "utf-8")
    small.write_text("id,images\n" + "".join(f"M{i},{i % 2}.png\n" for i in range(6)) + "L7,0.png\n", "utf-8")
    (shop / "shards" / "c.jsonl").touch()
    (shop / "shards" / "d.csv").write_bytes(small.read_bytes())
    (shop / "shards" / "e.parquet").write_bytes(b"PAR1 torn")
    return shop


def by_hand(shop: Path) -> dict[str, Report]:
    """What one scanner says; of ids that are there twice the first in the order of the files."""
    out: dict[str, Report] = {}
    for name in ("a.jsonl", "b.csv"):
        rows = list(read_listings(shop / "shards" / name, on_error="skip"))
        out = {r.listing_id: timeless(r) for r in make(shop).scan_many(rows)} | out
    return out


@pytest.fixture(scope="module")
def run(ray: Any, shop: Path) -> ShardScan:
    """The shards, scanned; the worker that comes to L40 is killed there."""
    (shop / "made").unlink(missing_ok=True)
    return scan_shards(
        shop / "shards",
        shop / "out",
        make_scanner=partial(make, shop, "L40"),
        pool=POOL,
        read_ahead=True,
        keep_features=shop / "features",
    )


def test_a_killed_worker_loses_and_doubles_nothing(run: ShardScan, shop: Path) -> None:
    assert (shop / "killed").exists()
    # two scanners to be asked, one for each of two actors, one for the actor that came in place of the dead one
    made = (shop / "made").read_text().split()
    assert len(made) == len(set(made)) == 5
    expected = by_hand(shop)
    every = [row for path in run.files for row in read_output(path)]
    assert Counter(row["listing_id"] for row in every if row["report"]) == Counter([*expected, "L7"])
    found = {r.listing_id: timeless(r) for r in shard_reports([run.files[0]])}
    found = {r.listing_id: timeless(r) for r in shard_reports([run.files[1]])} | found
    assert found == expected
    assert [row["row"] for row in read_output(run.files[0])] == list(range(1, 63))


def test_features_of_every_photo_are_kept_once(run: ShardScan, shop: Path) -> None:
    store = FeatureStore(shop / "features")
    assert sorted(path.name for path in store.files) == sorted(path.name for path in run.files[:2])
    seen = Counter(photo.listing_id for photo in store.photos())
    assert seen == Counter([*by_hand(shop), "L7"])
    rows = [row for row in read_listings(shop / "shards" / "b.csv", on_error="skip") if row.id != "L7"]
    again = {r.listing_id: r for r in make(shop).rejudge(rows, store)}
    wanted = by_hand(shop)
    assert {i: (r.score.band, r.images) for i, r in again.items()} == {
        i: (wanted[i].score.band, wanted[i].images) for i in again
    }


def judge(shop: Path, store: FeatureStore) -> Scanner:
    """A scanner of the stored features of `make`'s."""
    made = make(shop)
    return Scanner.recorded(made.index, store, calibration=made.calibration, ledger=PhotoLedger())


def judge_more(shop: Path, store: FeatureStore) -> Scanner:
    """The same scanner with a further brand, which titles name."""
    made = make(shop)
    index = made.index.snapshot()
    index.add(Brand("Thing"), [("logo", quarters(YELLOW, GREEN, BLUE, RED))])
    return Scanner.recorded(index, store, calibration=made.calibration, ledger=PhotoLedger())


def test_shards_are_judged_again_from_their_features(run: ShardScan, shop: Path) -> None:
    out = shop / "again"
    call = partial(
        rejudge_shards,
        shop / "shards",
        shop / "features",
        out,
        make_scanner=partial(judge, shop),
        reports=shop / "out",
        pool=Pool(1),
    )
    again = call()
    assert (again.scanned, again.reports) == (3, 67)
    assert [(f.shard, f.line, f.listing_id) for f in again.failures] == [("a.jsonl", 61, None), ("a.jsonl", 62, "L5")]
    assert [path.name for path, _ in again.broken] == ["e.parquet"]
    before = {r.listing_id: r for r in shard_reports(run.files)}
    for report in shard_reports(again.files):
        one = before[report.listing_id]
        assert (report.score.band, report.score.brand, report.images) == (one.score.band, one.score.brand, one.images)
    again.files[1].unlink()
    assert (call().scanned, call().skipped) == (1, 3)
    with pytest.raises(MismatchError, match="tag 'rejudge ', now 'rejudge other'"):
        call(tag="other")
    with pytest.raises(InputError, match="out: expected another folder than the earlier reports'"):
        rejudge_shards(
            shop / "shards", shop / "features", shop / "out", make_scanner=partial(judge, shop), reports=shop / "out"
        )


def test_shards_are_judged_again_by_new_logos_alone(run: ShardScan, shop: Path) -> None:
    """With the index of the earlier reports the reports are those that all logos give, and say how they were made."""
    old = shop / "old index"
    made = make(shop)
    made.index.save(old)
    reports = {r.listing_id: r for r in shard_reports(run.files)}
    assert {r.provenance.index for r in reports.values()} == {made.index.fingerprint}
    call = partial(
        rejudge_shards,
        shop / "shards",
        shop / "features",
        make_scanner=partial(judge_more, shop),
        reports=shop / "out",
        pool=Pool(1),
    )
    some, every = call(shop / "again some", earlier_index=old), call(shop / "again every")
    assert (some.reports, every.reports) == (67, 67)
    for one, other in zip(shard_reports(some.files), shard_reports(every.files), strict=True):
        by_votes = [line for line in one.skipped if "keypoints vote for them" in line]
        assert timeless(one) == timeless(replace(other, skipped=(*other.skipped, *by_votes)))
    assert any("keypoints vote for them" in line for r in shard_reports(some.files) for line in r.skipped)
    named = {r.listing_id for r in shard_reports(some.files) if any(b.brand == "Thing" for b in r.brands)}
    assert named == {f"L{i}" for i in range(60)}
    assert not any(b.brand == "Thing" for r in reports.values() for b in r.brands)
    for bad in (shop / "photos", shop / "gone"):
        with pytest.raises(InputError, match="earlier_index: expected reports and their index folder, got"):
            call(shop / "again bad", earlier_index=bad)
    with pytest.raises(InputError, match="earlier_index: expected reports and their index folder, got"):
        rejudge_shards(
            shop / "shards",
            shop / "features",
            shop / "again bad",
            make_scanner=partial(judge_more, shop),
            earlier_index=old,
        )
    assert not (shop / "again bad").exists()


def test_the_summary_accounts_for_every_row_and_file(run: ShardScan, shop: Path) -> None:
    shards = shop / "shards"
    assert (run.scanned, run.skipped, run.reports) == (3, 0, 67)
    assert [(f.shard, f.line, f.listing_id) for f in run.failures] == [("a.jsonl", 61, None), ("a.jsonl", 62, "L5")]
    assert run.repeated == ("L7",)
    assert run.twins == (shards / "d.csv",)
    assert [path.name for path, _ in run.broken] == ["e.parquet"]
    assert "not Parquet" in run.broken[0][1]
    assert run.strangers == ()
    assert sorted((shop / "out").iterdir()) == sorted(run.files)


def test_a_second_call_scans_what_is_missing(run: ShardScan, shop: Path) -> None:
    before = {path: path.read_bytes() for path in run.files}
    run.files[1].unlink()
    stranger = shop / "out" / f"{'0' * 32}.parquet"
    stranger.write_bytes(before[run.files[0]])
    try:
        again = scan_shards(shop / "shards", shop / "out", make_scanner=partial(make, shop), pool=Pool(1))
    finally:
        stranger.unlink()
    assert (again.scanned, again.skipped, again.reports) == (1, 2, 67)
    assert again.strangers == (stranger,)
    assert again.files == run.files
    assert before[run.files[0]] == run.files[0].read_bytes()
    assert merge_states(again.files).keys() == {"s0", "s1", "s2", "s3"}


def test_reports_of_another_scanner_are_not_taken_for_these(run: ShardScan, shop: Path) -> None:
    with pytest.raises(MismatchError, match="tag '', now 'other prices'"):
        scan_shards(shop / "shards", shop / "out", make_scanner=partial(make, shop), tag="other prices")


def test_callers_own_dataset(ray: Any, shop: Path) -> None:
    acme = (shop / "photos" / "0.png").read_bytes()
    rows: list[dict[str, Any]] = [
        {"id": f"D{i}", "images": [acme], "title": "Acme" if i % 2 else None} for i in range(9)
    ]
    dataset = ray.data.from_items([*rows, {"id": None, "images": [acme], "title": "no id"}])
    scanned = scan_dataset(dataset, make_scanner=partial(make, shop), pool=Pool(1, batch=4)).take_all()
    found = {r["listing_id"]: timeless(report_from_json(r["report"])) for r in scanned if r["report"]}
    listings = [Listing(row["id"], tuple(row["images"]), title=row["title"]) for row in rows]
    assert found == {r.listing_id: timeless(r) for r in make(shop).scan_many(listings)}
    assert [r["failure"] for r in scanned if r["report"] is None] == ["id: expected a non-empty string, got nothing"]


def test_mistakes_are_named_before_anything_runs(shop: Path, tmp_path: Path) -> None:
    shards = shop / "shards"
    with pytest.raises(InputError, match="index: expected an index folder or make_scanner"):
        scan_shards(shards, tmp_path)
    with pytest.raises(InputError, match=r"index: expected a folder that LogoIndex\.save wrote"):
        scan_shards(shards, tmp_path, index=tmp_path)
    with pytest.raises(InputError, match="out: expected another folder"):
        scan_shards(shards, shards, make_scanner=partial(make, shop))
    elsewhere = tmp_path / "x.jsonl"
    elsewhere.write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="root: expected the folder of the photos of shards in 2 folders"):
        scan_shards([shards / "a.jsonl", elsewhere], tmp_path / "out", make_scanner=partial(make, shop))
    for changes in ({"actors": 0}, {"batch": 0}, {"gpus": -1}, {"cpus": float("nan")}):
        with pytest.raises(InputError, match=f"Pool.{next(iter(changes))}: expected"):
            Pool(**changes)


@pytest.mark.parametrize("package", ["ray", "pyarrow"])
def test_without_ray_the_extra_is_named(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for call in (partial(scan_dataset, None), partial(scan_shards, tmp_path, tmp_path)):
        with pytest.raises(MissingDependencyError, match=r"pip install 'logoscan\[ray\]'"):
            call(index=tmp_path)

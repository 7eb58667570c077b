"""`scan --keep-features`, `rejudge` and `find`: a run that is stored, goes on, and is asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run

from logoscan.reporting.jsonl import read_reports
from logoscan.scoring.model import ScoreModel
from logoscan.store.reader import FeatureStore

pytest.importorskip("pyarrow")

SCAN = ("--similarity-threshold", "0.9", "--detector", "whole", "--ocr", "none")


def scan(shop: Path, *options: object) -> None:
    listings, index = shop / "listings.jsonl", shop / "index"
    done = run("scan", listings, "--index", index, "--out", shop / "r.jsonl", *SCAN, *options)
    assert done.exit_code == 0, done.output


def test_a_run_is_stored_and_judged_again(shop: Path) -> None:
    scan(shop, "--keep-features", shop / "features")
    scan(shop, "--keep-features", shop / "features")  # the same run again doubles nothing
    store = FeatureStore(shop / "features")
    assert [photo.listing_id for photo in store.photos()] == [f"L{i}" for i in range(6)]
    again = shop / "again.jsonl"
    options = ("--similarity-threshold", "0.9", "--reports", shop / "r.jsonl", "--listings", shop / "listings.jsonl")
    done = run("rejudge", shop / "features", "--index", shop / "index", "--out", again, *options)
    assert done.exit_code == 0, done.output
    before, after = list(read_reports(shop / "r.jsonl")), list(read_reports(again))
    assert [(r.score.brand, r.score.band) for r in after] == [(r.score.brand, r.score.band) for r in before]
    bare = run("rejudge", shop / "features", "--index", shop / "index", "--out", shop / "bare.jsonl", *options[:2])
    assert "judged by their photos alone" in bare.output
    assert all(any("was not given" in line for line in r.skipped) for r in read_reports(shop / "bare.jsonl"))


def test_reports_are_judged_by_another_model_alone(shop: Path) -> None:
    scan(shop)
    out = shop / "same.jsonl"
    done = run("rejudge", shop / "r.jsonl", "--index", shop / "index", "--out", out)
    assert done.exit_code == 0, done.output
    assert list(read_reports(out)) == list(read_reports(shop / "r.jsonl"))
    ScoreModel(bias=3.0, name="stern").save(shop / "stern.json")
    run("rejudge", shop / "r.jsonl", "--score-model", shop / "stern.json", "--out", shop / "stern.jsonl")
    assert {r.provenance.score_model.partition("@")[0] for r in read_reports(shop / "stern.jsonl")} == {"stern"}
    refused = run("rejudge", shop / "r.jsonl", "--listings", shop / "listings.jsonl", "--out", shop / "no.jsonl")
    assert (refused.exit_code, "need stored features" in refused.output) == (2, True)
    (shop / "empty").mkdir()
    assert run("rejudge", shop / "empty", "--out", shop / "no.jsonl").exit_code == 2


def test_find_names_the_listings_of_a_logo(shop: Path) -> None:
    scan(shop, "--keep-features", shop / "features")
    out = shop / "found.jsonl"
    done = run("find", shop / "photos" / "1.png", "--in", shop / "features", "--out", out)
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["kind"] for row in found[:3]] == ["file"] * 3
    assert sorted(row["listing_id"] for row in found[:3]) == ["L1", "L3", "L5"]
    shown = run("find", shop / "photos" / "1.png", "--in", shop / "features", "--most", 2)
    assert len(shown.output.splitlines()) == 3


def test_one_option_keeps_text_in_reports_and_features(shop: Path) -> None:
    scan(shop, "--keep-features", shop / "features", "--keep-text", "--quantise")
    assert FeatureStore(shop / "features").maker.text
    done = run(
        "scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "t.jsonl", *SCAN, "--keep-text"
    )
    assert done.exit_code == 0, "it needs no store"


def test_keypoints_are_kept_as_asked(shop: Path) -> None:
    scan(shop, "--keep-features", shop / "features", "--no-keep-keypoints")
    assert not any(photo.keypoints_kept for photo in FeatureStore(shop / "features").photos())
    (shop / "r.jsonl").unlink()
    scan(shop, "--keep-features", shop / "more", "--quantise", "--keep-keypoints")
    assert all(photo.keypoints_kept for photo in FeatureStore(shop / "more").photos())


@pytest.mark.parametrize("option", ["--quantise", "--keep-keypoints", "--no-keep-keypoints"])
def test_options_of_a_store_need_one(shop: Path, option: str) -> None:
    done = run("scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "r.jsonl", option)
    assert (done.exit_code, "need --keep-features" in done.output) == (2, True)

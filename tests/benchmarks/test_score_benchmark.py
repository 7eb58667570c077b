"""Simulated worlds: what a world file states is what is drawn; the benchmark of the score runs on a small one."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.simulated.score import score
from benchmarks.simulated.worlds import read_prices_folder, simulate, without_fields

WORLD: dict[str, Any] = {
    "name": "small",
    "seed": 0,
    "listings": 1500,
    "counterfeit_rate": 0.1,
    "fake_price": {"median": 0.3, "sigma": 0.2},
    "genuine_sale": {"share": 0.2, "median": 0.7, "sigma": 0.1},
    "used": {"share": 0.1, "median": 0.5, "sigma": 0.2},
    "fake_claims_brand": 0.7,
    "genuine_claims_brand": 0.95,
    "fake_hides_logo": 0.3,
    "fake_misspells_brand": 0.1,
    "fake_coded_term": 0.1,
    "genuine_coded_term": 0.01,
    "compatible_accessory": 0.1,
    "fake_copies_photo": 0.5,
    "genuine_official_photo": 0.6,
    "brands_with_authorised_list": 0.5,
    "fake_from_authorised_seller": 0.01,
    "fake_review_complaint": 0.3,
    "genuine_review_complaint": 0.01,
    "missing": {"price": 0.05, "category": 0.1, "seller_id": 0.0, "reviews": 0.4, "claimed_brand": 0.15},
    "fake_missing_factor": 1.5,
    "merchants": 300,
    "merchants_bad": 0.1,
    "bad_merchant_fake_share": 0.6,
    "rings": 2,
}
EVIDENCE = [(0.9, 0.1)] * 9 + [(0.0, 0.3)] + [(None, 0.0)] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices of twelve made-up brands, three kinds of goods; once more under the column names of another list."""
    root = tmp_path_factory.mktemp("prices")
    rng = np.random.default_rng(0)
    brands = [f"Brand{a}{b}" for a in "abcd" for b in "xyz"]
    goods = {"Shoes": 80, "Bag": 120, "Mug": 10}
    lines = [
        (brand, kind, round(base * (1 + i / 6) * float(rng.lognormal(0, 0.25)), 2))
        for i, brand in enumerate(brands)
        for kind, base in goods.items()
        for _ in range(15)
    ]
    rows = "".join(f"{b},{k},{p},{b} nice {k}\n" for b, k, p in lines)
    (root / "one.csv").write_text(f"brand,category,price,name\n{rows}")
    latin = "".join(f"{p},{b},Größe {k}\n" for b, k, p in lines)
    (root / "two.csv").write_bytes(f"Price,ProductBrand,ProductName\nfree,X,Y\n{latin}".encode("latin-1"))
    return root


def test_prices_are_read_whatever_their_columns_are_called(folder: Path) -> None:
    files = read_prices_folder(folder)
    assert {name: len(rows) for name, rows in files.items()} == {"one": 540, "two": 540}
    one, two = files["one"][0], files["two"][0]
    assert (one.brand, one.category, one.title) == ("brandax", "shoes", "Brandax nice Shoes")
    assert (two.brand, two.category, two.title, two.price) == ("brandax", "shoes", "Größe Shoes", one.price)
    assert one.currency != two.currency, "files are never compared"


def test_a_world_is_what_its_file_states(folder: Path) -> None:
    rows = read_prices_folder(folder)["one"]
    draw = simulate({**WORLD, "listings": 6000}, rows, EVIDENCE, 1)
    again = simulate({**WORLD, "listings": 6000}, rows, EVIDENCE, 1)
    assert [s.listing for s in draw.stream] == [s.listing for s in again.stream]
    fakes = [s for s in draw.stream if s.counterfeit]
    genuine = [s for s in draw.stream if not s.counterfeit]
    assert len(draw.stream) == 6000
    assert len(fakes) == 600
    assert len({s.listing.id for s in draw.stream}) == 6000

    def share(of: list[Any], what: Any) -> float:
        return float(np.mean([what(s) for s in of]))

    assert share(fakes, lambda s: s.listing.price is None) == pytest.approx(0.075, abs=0.04)
    assert share(genuine, lambda s: s.listing.price is None) == pytest.approx(0.05, abs=0.02)
    assert share(fakes, lambda s: not s.listing.reviews) == pytest.approx(0.6, abs=0.07)
    assert share(genuine, lambda s: s.listing.condition == "used") == pytest.approx(0.1, abs=0.02)
    assert share(genuine, lambda s: " for " in (s.listing.title or "")) == pytest.approx(0.1, abs=0.02)
    assert share(fakes, lambda s: s.listing.condition is not None) == 0
    claimed = [s for s in genuine if s.listing.claimed_brand is not None and " for " not in (s.listing.title or "")]
    assert share(claimed, lambda s: bool(s.listing.claimed_brand)) == pytest.approx(0.95, abs=0.02)
    assert len(draw.bad_merchants) == 30
    sold = [s for s in draw.stream if s.listing.seller_id in draw.bad_merchants]
    assert share(sold, lambda s: s.counterfeit) == pytest.approx(0.6, abs=0.05)
    official = {r.pdq for r in draw.ledger.records()}
    assert share(genuine, lambda s: s.photo in official) == pytest.approx(0.6 * 0.8, abs=0.04)
    assert not any(s.photo in official for s in fakes)


def test_fields_are_left_out_by_chance(folder: Path) -> None:
    rows = read_prices_folder(folder)["one"]
    stream = simulate(WORLD, rows, EVIDENCE, 0).stream
    nothing = [without_fields(s, ["price", "photo", "reviews"], 1.0, random.Random(0)) for s in stream]
    assert all((s.listing.price, s.shown, s.listing.reviews) == (None, None, ()) for s in nothing)
    same = [without_fields(s, ["price", "photo"], 0.0, random.Random(0)) for s in stream]
    assert same == stream


def test_the_benchmark_writes_what_the_formats_ask_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps(WORLD))
    arguments = ["--prices", str(folder), "--world", str(tmp_path / "w.json"), "--seeds", "1"]
    made = CliRunner().invoke(score, [*arguments, "--labels", "1500", "--json", str(tmp_path / "out.json")])
    assert made.exit_code == 0, made.output
    found = json.loads((tmp_path / "out.json").read_text())
    prices, world = found["prices"]["one"], found["worlds"]["small"]
    caught = {f"caught_{n}{rule}" for n in (20, 30, 40) for rule in ("", "_meandev")}
    assert set(prices) == {"false_flag", "false_flag_meandev", *caught}
    assert prices["false_flag"] < 0.06
    assert prices["caught_20"] > 0.9
    assert prices["false_flag_meandev"] <= prices["false_flag"]
    labels = {f"auc_{n}_labels{plain}" for n in (100, 10000) for plain in ("", "_plain")}
    expected = {"auc", "ece", "precision_at_1pct", "auc_missing30", "merchant_auc", "leave_one_out", *labels}
    assert expected <= set(world)
    assert world["auc"] > 0.85
    assert world["leave_one_out"]["low_price"] < world["auc"]
    assert world["merchant_auc"] > 0.8
    assert "simulated" in found["settings"]

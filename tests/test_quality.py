"""The benchmark's definitions: what a figure means must not drift."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "logoscan" / "_samples"


@pytest.fixture(scope="module")
def quality() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import quality
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return quality


@pytest.mark.parametrize(
    ("negatives", "fpr", "threshold"),
    [
        ([], 0.01, -np.inf),
        ([0.5], 0.01, 0.5),
        ([0.9, 0.1], 0.5, 0.1),
        ([0.1, 0.9, 0.5, 0.7], 0.25, 0.7),
        ([0.7, 0.7, 0.7, 0.2], 0.25, 0.7),
        ([0.3, 0.2], 1.0, -np.inf),
    ],
)
def test_the_threshold_is_the_lowest_with_at_most_that_many_above(
    quality: Any, negatives: list[float], fpr: float, threshold: float
) -> None:
    values = np.array(negatives, np.float64)
    found = quality.operating_threshold(values, fpr)
    assert found == threshold
    assert (values > found).sum() <= np.floor(fpr * len(values))


def test_mean_average_precision_equals_scikit_learn(quality: Any) -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    brands = [str(b) for b in rng.integers(0, 4, 40)]
    photos = [str(p) for p in rng.integers(0, 20, 40)]
    expected = []
    for i in range(40):
        others = [j for j in range(40) if photos[j] != photos[i]]
        relevant = [brands[j] == brands[i] for j in others]
        if any(relevant):
            expected.append(average_precision_score(relevant, vectors[others] @ vectors[i]))
    assert quality.mean_average_precision(vectors, brands, photos) == pytest.approx(np.mean(expected), abs=1e-4)


def test_a_hit_counts_only_above_the_threshold(quality: Any) -> None:
    hit = np.array([True, True, False, True])
    sure = np.array([0.9, 0.4, 0.95, 0.2])
    figures = quality._figures(hit, sure, np.array([0.1, 0.3]), 0.5)
    assert figures["top1"] == 0.75
    assert figures["tpr_at_fpr_01"] == 0.5  # above 0.3
    assert figures["tpr_shipped"] == 0.25
    assert figures["fpr_shipped"] == 0.0
    assert figures["top1_ci"][0] <= 0.75 <= figures["top1_ci"][1]
    without = quality._figures(hit, sure, np.array([]), None)
    assert without["tpr_at_fpr_01"] is None
    assert without["tpr_shipped"] is None
    assert without["fpr_shipped"] is None


def _csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_identify_on_the_samples(quality: Any, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"file": "speaker.jpg", "brand": "JBL"},
        {"file": "film_boxes.jpg", "brand": "Kodak|Fuji"},
        {"file": "beanie.jpg", "brand": "Nobody"},
        {"file": "mug.jpg", "brand": ""},
    ]
    labels = _csv(tmp_path / "labels.csv", rows)
    out, cache = tmp_path / "out.json", tmp_path / "cache"
    where = ["--images", str(SAMPLES / "photos"), "--labels", str(labels), "--gallery", str(SAMPLES / "brands")]
    how = ["--detector", "whole", "--json", str(out), "--cache", str(cache), "--device", "cpu"]
    arguments = ["identify", *where, *how]
    first = CliRunner().invoke(quality.main, arguments)
    assert first.exit_code == 0, first.output
    result = json.loads(out.read_text())
    assert (result["n_pos"], result["n_neg"], result["n_dropped"], result["brands"]) == (2, 1, 1, 6)
    assert result["modes"]["text"]["top1"] == 1.0
    assert result["machine"]["torch"]
    assert result["settings"]["detector"] == "whole"
    again = CliRunner().invoke(quality.main, arguments)
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text())["modes"] == result["modes"]


def test_crops_on_the_samples(quality: Any, tmp_path: Path) -> None:
    boxes: list[dict[str, object]] = [
        {"file": "speaker.jpg", "brand": "JBL", "x0": 225, "y0": 240, "x1": 400, "y1": 330},
        {"file": "film_boxes.jpg", "brand": "Kodak", "x0": 180, "y0": 180, "x1": 300, "y1": 320},
        {"file": "mug.jpg", "brand": "Nobody", "x0": 180, "y0": 180, "x1": 300, "y1": 320},
    ]
    out = tmp_path / "out.json"
    arguments = ["crops", "--images", str(SAMPLES / "photos"), "--boxes", str(_csv(tmp_path / "b.csv", boxes)),
                 "--gallery", str(SAMPLES / "brands"), "--json", str(out), "--device", "cpu"]  # fmt: skip
    excluded = _csv(tmp_path / "x.csv", [{"file": "film_boxes.jpg"}])
    run = CliRunner().invoke(quality.main, [*arguments, "--exclude", str(excluded), "--detector", "tiles"])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert result["n_queries"] == 1
    assert result["r1"] == 1.0
    assert result["r5"] == 1.0
    assert result["map"] is None  # no brand has boxes in two photos


def test_boxes_counts_what_the_first_proposals_meet(quality: Any, tmp_path: Path) -> None:
    from PIL import Image

    from logoscan.detect import Tiles

    pixels = np.zeros((300, 400, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tiles = Tiles().detect([pixels])[0].xyxy
    corners = ("x0", "y0", "x1", "y1")
    rows = [tiles[0], tiles[30], (350, 250, 360, 258)]  # the picture, a tile, and what no tile meets
    boxes: list[dict[str, object]] = [
        {"file": "a.png", "brand": "x"} | dict(zip(corners, map(float, r), strict=True)) for r in rows
    ]
    out = tmp_path / "out.json"
    where = ["--images", str(tmp_path), "--boxes", str(_csv(tmp_path / "b.csv", boxes)), "--json", str(out)]
    how = ["--proposals", "1", "--proposals", "31", "--device", "cpu"]
    run = CliRunner().invoke(quality.main, ["boxes", *where, *how])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert (result["recall_1"], result["recall_31"]) == (0.3333, 0.6667)
    assert (result["recall_31_small"], result["recall_31_large"]) == (0.0, 1.0)
    assert result["n_boxes"] == 3
    refused = CliRunner().invoke(
        quality.main, ["boxes", "--images", ".", "--boxes", str(out), "--json", "o", "--detector", "logo"]
    )
    assert "expected --detector-weights FILE, got none" in refused.output

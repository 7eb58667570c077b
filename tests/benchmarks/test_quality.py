"""The benchmark's definitions: what a figure means must not drift."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from paths import SAMPLES

from benchmarks.__main__ import main
from benchmarks.common.labelled_photos import rates
from benchmarks.common.statistics import operating_threshold
from benchmarks.quality.crops import mean_average_precision
from benchmarks.quality.names import named_first
from logoscan.errors import InputError
from logoscan.types import TextSpans
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.tiles import TilePlan


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
    negatives: list[float], fpr: float, threshold: float
) -> None:
    values = np.array(negatives, np.float64)
    found = operating_threshold(values, fpr)
    assert found == threshold
    assert (values > found).sum() <= np.floor(fpr * len(values))


def test_mean_average_precision_equals_scikit_learn() -> None:
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
    assert mean_average_precision(vectors, brands, photos) == pytest.approx(np.mean(expected), abs=1e-4)


def test_a_hit_counts_only_where_it_is_named() -> None:
    hit = np.array([True, True, False, True])
    sure = np.array([0.9, 0.4, 0.95, 0.2])
    figures = rates(hit, sure, np.array([0.1, 0.3]), (sure > 0.5, np.array([False, False])))
    assert figures["top1"] == 0.75
    assert figures["tpr_at_fpr_01"] == 0.5  # above 0.3
    assert figures["tpr_shipped"] == 0.25
    assert figures["fpr_shipped"] == 0.0
    assert figures["top1_ci"][0] <= 0.75 <= figures["top1_ci"][1]
    without = rates(hit, sure, np.array([]), None)
    assert without["tpr_at_fpr_01"] is None
    assert without["tpr_shipped"] is None
    assert without["fpr_shipped"] is None


def _csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_identify_on_the_samples(tmp_path: Path) -> None:
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
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    result = json.loads(out.read_text())
    assert (result["n_pos"], result["n_neg"], result["n_dropped"], result["brands"]) == (2, 1, 1, 6)
    assert result["modes"]["text"]["top1"] == 1.0
    assert list(result["modes"]) == ["appearance", "keypoints", "logo", "text", "both"]
    rate = {mode: figures["tpr_at_fpr_01"] for mode, figures in result["modes"].items()}
    assert rate[result["gain_over"]] == max(rate["logo"], rate["text"])
    assert result["gain"] == pytest.approx(rate["both"] - rate[result["gain_over"]], abs=1e-3)
    assert result["gain_ci"][0] <= result["gain"] <= result["gain_ci"][1]
    assert result["machine"]["torch"]
    assert result["settings"]["detector"].startswith("whole@")
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text())["modes"] == result["modes"]


def test_crops_on_the_samples(tmp_path: Path) -> None:
    boxes: list[dict[str, object]] = [
        {"file": "speaker.jpg", "brand": "JBL", "x0": 225, "y0": 240, "x1": 400, "y1": 330},
        {"file": "film_boxes.jpg", "brand": "Kodak", "x0": 180, "y0": 180, "x1": 300, "y1": 320},
        {"file": "mug.jpg", "brand": "Nobody", "x0": 180, "y0": 180, "x1": 300, "y1": 320},
    ]
    out = tmp_path / "out.json"
    arguments = ["crops", "--images", str(SAMPLES / "photos"), "--boxes", str(_csv(tmp_path / "b.csv", boxes)),
                 "--gallery", str(SAMPLES / "brands"), "--json", str(out), "--device", "cpu"]  # fmt: skip
    excluded = _csv(tmp_path / "x.csv", [{"file": "film_boxes.jpg"}])
    run = CliRunner().invoke(main, [*arguments, "--exclude", str(excluded), "--detector", "tiles"])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert result["n_queries"] == 1
    assert result["r1"] == 1.0
    assert result["r5"] == 1.0
    assert result["map"] is None  # no brand has boxes in two photos


def test_boxes_counts_what_the_first_proposals_meet(tmp_path: Path) -> None:
    from PIL import Image

    from logoscan.vision.tiles import Tiles

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
    how = ["--proposals", "1", "--proposals", "31", "--device", "cpu", "--detector", "tiles"]
    how += ["--pictures", str(tmp_path / "pictures")]
    run = CliRunner().invoke(main, ["boxes", *where, *how])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert (result["recall_1"], result["recall_31"]) == (0.3333, 0.6667)
    assert (result["recall_31_small"], result["recall_31_large"]) == (0.0, 1.0)
    assert result["n_boxes"] == 3
    shown = sorted(p.name for p in (tmp_path / "pictures").iterdir())
    assert [name for name in shown if name.startswith("miss")] == ["miss-00-a.jpg"]
    assert "false-alarm-00-a.jpg" in shown
    refused = CliRunner().invoke(main, ["boxes", *where, "--detector", "tiles", "--detector-weights", str(out)])
    assert isinstance(refused.exception, InputError)
    assert "expected None with the detector tiles" in str(refused.exception)


def test_identify_says_how_well_right_matches_lie(tmp_path: Path) -> None:
    labels = _csv(tmp_path / "labels.csv", [{"file": "speaker.jpg", "brand": "JBL"}])
    box: dict[str, object] = {"file": "speaker.jpg", "brand": "JBL", "x0": 0, "y0": 0, "x1": 1e4, "y1": 1e4}
    out = tmp_path / "out.json"
    where = ["--images", str(SAMPLES / "photos"), "--labels", str(labels), "--gallery", str(SAMPLES / "brands")]
    how = ["--boxes", str(_csv(tmp_path / "b.csv", [box])), "--json", str(out), "--device", "cpu", "--ocr", "none"]
    run = CliRunner().invoke(main, ["identify", *where, *how, "--mode", "logo"])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert result["n_matches"] == 1
    assert 0 < result["match_iou"] < 0.1  # the box given is far larger than any place in the photo


def test_plans_names_the_smallest_that_reaches_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.quality.plans.PLANS", (TilePlan((1.0,)), TilePlan((1.0, 0.5))))
    rows: list[dict[str, object]] = [{"file": "speaker.jpg", "brand": "JBL"}, {"file": "mug.jpg", "brand": ""}]
    out = tmp_path / "out.json"
    where = ["--images", str(SAMPLES / "photos"), "--labels", str(_csv(tmp_path / "labels.csv", rows))]
    how = ["--gallery", str(SAMPLES / "brands"), "--json", str(out), "--device", "cpu"]
    run = CliRunner().invoke(main, ["plans", *where, *how, "--detector", "whole"])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert (result["n_pos"], result["n_neg"]) == (1, 1)
    counts = [row["regions_mean"] for row in result["plans"]]
    assert counts == sorted(counts)
    assert counts[0] == 1.0 < counts[1]
    assert result["plans"][0]["time_ratio"] == 1.0
    reaching = [r for r in result["plans"][1:] if r["tpr_at_fpr_01"] >= result["plans"][0]["tpr_at_fpr_01"]]
    assert result["reached"] == bool(reaching)
    key, row = ("speed_up", reaching[0]) if reaching else ("at_least", result["plans"][-1])
    assert result[key] == row["time_ratio"]


def test_effort_compares_two_scans_of_the_same_photos(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"file": "speaker.jpg", "brand": "JBL"}, {"file": "mug.jpg", "brand": ""}]
    out = tmp_path / "out.json"
    where = ["--images", str(SAMPLES / "photos"), "--labels", str(_csv(tmp_path / "labels.csv", rows))]
    how = ["--gallery", str(SAMPLES / "brands"), "--json", str(out), "--device", "cpu", "--ocr"]
    run = CliRunner().invoke(main, ["effort", *where, *how, "rapidocr"])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert (result["n_pos"], result["n_neg"]) == (1, 1)
    assert 0 < result["seconds_ratio"] < 1
    for mode in ("logo", "text", "both"):
        row = result[mode]
        assert row["loss"] == pytest.approx(row["tpr_full"] - row["tpr_default"], abs=1e-3)
        assert row["loss_ci"][0] <= row["loss"] <= row["loss_ci"][1]


class _Reader:
    """Reads every second picture: what stands in `texts`, in turn."""

    name = "fake"

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def read(self, images: Sequence[Any]) -> list[TextSpans]:
        text = self.texts.pop(0)
        spans = TextSpans(np.zeros((1, 4, 2), np.float32), (text,), np.ones(1, np.float32))
        return [spans if text else TextSpans.empty() for _ in images]


def test_a_name_that_is_read_goes_before_the_text_tower(clip: ClipEncoder) -> None:
    crops = [np.full((128, 128, 3), 255, np.uint8)] * 3
    registered = ["zanura", "polive", "quexim"]
    nearest = named_first(clip, None, crops, ["zanura"] * 3, registered)
    read = named_first(clip, _Reader(["ZANURA", "polive", ""]), crops, ["zanura"] * 3, registered)
    assert read["read_r1"] == pytest.approx(1 / 3, abs=1e-4)
    assert read["both_r1"] == pytest.approx((1 + (nearest["r1"] == 1.0)) / 3, abs=1e-4)
    assert "read_r1" not in nearest


def test_stickers_say_what_another_brands_word_changes(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"file": "speaker.jpg", "brand": "JBL"}, {"file": "mug.jpg", "brand": ""}]
    out = tmp_path / "out.json"
    where = ["--images", str(SAMPLES / "photos"), "--labels", str(_csv(tmp_path / "labels.csv", rows))]
    how = ["--gallery", str(SAMPLES / "brands"), "--json", str(out), "--device", "cpu", "--ocr", "rapidocr"]
    run = CliRunner().invoke(main, ["stickers", *where, *how])
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    assert result["both"]["kept"]["n"] == result["still_shown"]["n"] == 1
    assert result["bare_named"]["both"] == {"share": 1.0, "ci": [1.0, 1.0], "n": 1}, "large plain letters are read"
    assert 0 <= result["both"]["kept"]["share"] + result["both"]["taken"]["share"] <= 1

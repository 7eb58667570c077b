"""Training of the detector on small synthetic scenes: boxes keep to their marks, runs go on, hits are counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.training import stream_here
from click.testing import CliRunner
from paths import ROOT
from safetensors import safe_open
from torchvision.models.detection.fcos import FCOS

from logoscan.training.__main__ import main
from logoscan.training.compose import Composer
from logoscan.training.detector import loss, train_detector
from logoscan.training.detector_examples import Example, Scenes, augment, letterbox, stack_pixels
from logoscan.training.detector_files import DETECTOR_SIDE_PX, detector_size, read_detector, write_detector
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.detector_quality import Proposals, fit_confidence, judge
from logoscan.training.icons import from_arrays
from logoscan.training.materials import backgrounds_from_arrays
from logoscan.training.model_files import average, write_model
from logoscan.training.network import Tower
from logoscan.training.scenes import Scene
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_net import build
from logoscan.vision.weights import DETECTOR

PLAN = DetectorPlan(minutes=5, max_steps=2, size_px=128, batch=2)


def composer(seed: int = 0) -> Composer:
    rows = []
    for k in range(4):
        rgba = np.zeros((80, 80, 4), np.uint8)
        cv2.circle(rgba, (40, 40), 30, (0, 0, 0, 255), 6 + 4 * k)
        rows.append((f"m{k}", "test", True, rgba))
    return Composer(from_arrays(rows), (), backgrounds_from_arrays([]), seed)


@pytest.mark.parametrize("shape", [(200, 400), (400, 200), (300, 300)])
def test_a_box_in_the_square_shows_what_it_showed_in_the_scene(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 90, np.uint8)
    rgb[60:120, 100:180] = (250, 10, 10)
    boxes = np.array([[100, 60, 180, 120], [10, 10, 14, 80]], np.float32)
    example = letterbox(Scene(rgb, ("a", "b"), boxes), 192)
    assert example.pixels.shape == (192, 192, 3)
    assert len(example.boxes) == 1  # four pixels wide is nothing to look for
    x0, y0, x1, y1 = example.boxes[0].round().astype(int)
    assert example.pixels[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1, 0].min() > 200
    red = example.pixels[..., 0] > 170
    assert red.sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.05)
    assert len(letterbox(Scene(rgb, (), np.zeros((0, 4), np.float32)), 192).boxes) == 0


def test_scenes_are_seeded_and_some_are_bare() -> None:
    one, two = (Scenes(composer, 3, PLAN)() for _ in range(2))
    first = [e for _ in range(12) for e in one()]
    again = [e for _ in range(12) for e in two()]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        np.testing.assert_array_equal(a.boxes, b.boxes)
    counts = [len(e.boxes) for e in first]
    assert 0 in counts
    assert max(counts) > 1


def test_loss_knows_bare_scenes_and_falls_for_the_truth() -> None:
    torch.manual_seed(0)
    net = build().train()
    marks = Example(np.full((128, 128, 3), 90, np.uint8), np.array([[30, 30, 90, 80]], np.float32))
    bare = Example(np.full((128, 128, 3), 90, np.uint8), np.zeros((0, 4), np.float32))

    def of(*given: Example) -> dict[str, torch.Tensor]:
        return loss(net, stack_pixels(given), [e.boxes for e in given])

    for given in ([bare], [bare, marks]):
        assert all(torch.isfinite(v) for v in of(*given).values())
    assert of(bare)["bbox_regression"] == 0
    assert of(marks)["bbox_regression"] > 0


def test_mosaics_and_enlarged_parts_keep_their_boxes_on_the_logos() -> None:
    rng = np.random.default_rng(2)
    examples = []
    for k in range(8):
        pixels = np.full((128, 128, 3), 90, np.uint8)
        x, y, w = (int(v) for v in rng.integers((4, 4, 24), (60, 60, 60)))
        pixels[y : y + w, x : x + w] = (250, 10, 10)
        boxes = np.array([[x, y, x + w, y + w]], np.float32) if k else np.zeros((0, 4), np.float32)
        examples.append(Example(pixels if k else np.full_like(pixels, 90), boxes))
    plan = DetectorPlan(size_px=128, mosaics=0.5, zooms=1.0)
    pictures, marks = augment(stack_pixels(examples), [e.boxes for e in examples], plan, rng)
    assert pictures.shape == (8 + 4 + 8, 3, 128, 128)
    assert pictures.dtype == torch.uint8
    assert len(marks) == len(pictures)
    assert max(map(len, marks[8:12])) == 4
    for picture, truth in zip(pictures.numpy(), marks, strict=True):
        for x0, y0, x1, y1 in truth.round().astype(int):
            inner = picture[:, y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
            assert inner[0].min() > 200
            assert inner[1].max() < 40
    alone = augment(stack_pixels(examples), [e.boxes for e in examples], DetectorPlan(mosaics=0, zooms=0), rng)
    assert len(alone[1]) == 8


def test_detector_run_is_written_resumed_and_loadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    write_model(Tower(8), tmp_path / "tower.safetensors")
    run = tmp_path / "run"
    path = train_detector(composer, PLAN, run, tmp_path / "tower.safetensors")
    with safe_open(str(path), "pt") as file:
        notes, settings = (json.loads(file.metadata()[k]) for k in ("training", "detector"))
        stem = file.get_tensor("backbone.trunk.conv_stem.weight")
    with safe_open(str(tmp_path / "tower.safetensors"), "pt") as file:
        assert torch.equal(stem, file.get_tensor("visual.trunk.conv_stem.weight"))  # warm, and frozen
    assert (notes["steps"], notes["scenes"], settings["size_px"]) == (2, 4, 128)
    monkeypatch.setattr("logoscan.training.detector.stream", stream_here)  # the first run had a process
    train_detector(composer, PLAN, run, tmp_path / "tower.safetensors")
    with safe_open(str(path), "pt") as file:
        assert json.loads(file.metadata()["training"])["steps"] == 4
    assert len(LogoDetector(path).detect([np.zeros((60, 90, 3), np.uint8)])[0]) >= 1
    assert not list(run.glob("*.partial"))


def test_the_mean_of_two_detectors_is_a_detector(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_detector(build(), tmp_path / name, 192)
    average(tmp_path / "one", tmp_path / "two", tmp_path / "mean")
    assert LogoDetector(tmp_path / "mean").size_px == 192
    with safe_open(str(tmp_path / "mean"), "pt") as file:
        assert len(json.loads(file.metadata()["training"])["average"]) == 2


def test_the_size_of_a_mean_is_said(tmp_path: Path) -> None:
    for name, size in (("run", 512), ("bundled", 640)):
        write_detector(build(), tmp_path / name, size)
    write_model(Tower(8), tmp_path / "tower")

    def told(*names: str) -> str:
        paths = [str(tmp_path / name) for name in (*names, "mean")]
        return CliRunner().invoke(main, ["average", *paths], catch_exceptions=False).stdout.removeprefix(paths[-1])

    assert told("run", "bundled") == ": squares of 640 px\n"
    assert told("bundled", "run") == ": squares of 512 px\n"
    assert told("tower", "tower") == "\n"


def test_a_confidence_is_fitted_at_the_size_of_the_bundled_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def spy(net: FCOS, examples: Iterable[Example]) -> Proposals:
        seen.extend(len(example.pixels) for example in examples)
        hits = np.arange(40) % 2 == 0
        scores = np.where(hits, 0.8, 0.3) + np.linspace(-0.2, 0.1, 40)
        return Proposals(scores.astype(np.float32), hits, hits, np.full(40, 50.0, np.float32))

    monkeypatch.setattr(Composer, "from_folders", lambda *_, **__: composer())
    monkeypatch.setattr("logoscan.training.network_commands.judge", spy)
    write_detector(build(), tmp_path / "run", 512)
    given = ["detector-confidence", str(tmp_path / "run"), str(tmp_path / "out"), "--scenes", "10"]
    given += ["--work", str(tmp_path), "--fonts", str(tmp_path)]
    CliRunner().invoke(main, given, catch_exceptions=False)
    assert detector_size(tmp_path / "out") == 640
    assert set(seen) == {640}
    CliRunner().invoke(main, [*given, "--size", "512"], catch_exceptions=False)
    assert detector_size(tmp_path / "out") == 512


def test_the_bundled_detector_takes_the_squares_that_its_card_says() -> None:
    weights = ROOT / "weights"
    (row,) = (row for row in json.loads((weights / "manifest.json").read_text())["models"] if row["name"] == DETECTOR)
    said = re.findall(r"scaled to (\d+) px", (weights / "logo-detector.md").read_text())
    sizes = [row["preprocessing"]["size_px"], detector_size(weights / row["file"])]
    assert (sizes, said) == ([DETECTOR_SIDE_PX] * 2, [str(DETECTOR_SIDE_PX)])


def test_a_warm_start_from_anything_else_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, str(tmp_path / "x.safetensors"))
    with pytest.raises(ValueError, match="expected an image tower or a detector"):
        train_detector(composer, PLAN, tmp_path / "run", tmp_path / "x.safetensors")


def test_evaluation_counts_a_logo_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_detector(build(), tmp_path / "d.safetensors", 128)
    net = read_detector(tmp_path / "d.safetensors")
    boxes = torch.tensor([[10.0, 10, 50, 50], [12, 10, 50, 52], [90, 90, 120, 120]])
    monkeypatch.setattr(
        net, "postprocess_detections", lambda *a: [{"boxes": boxes, "scores": torch.tensor([0.9, 0.8, 0.3])}]
    )
    grey = np.full((128, 128, 3), 90, np.uint8)
    truth = np.array([[10, 10, 50, 50], [60, 60, 80, 100]], np.float32)
    found = judge(net, [Example(grey, truth), Example(grey, truth[:0])])
    assert found.hits.tolist() == [True, False, False] + [False] * 3
    assert found.recalled.tolist() == [True, False]
    assert found.long_px.tolist() == [40, 40]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.3] * 2)


def test_confidence_is_the_share_of_hits() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.05, 0.95, 4000).astype(np.float32)
    true = 1 / (1 + np.exp(-(2 * np.log(scores / (1 - scores)) + 0.5)))
    none = np.zeros(0, bool), np.zeros(0, np.float32)
    slope, offset = fit_confidence(Proposals(scores, rng.random(4000) < true, *none))
    assert slope == pytest.approx(2, abs=0.25)
    assert offset == pytest.approx(0.5, abs=0.2)
    with pytest.raises(ValueError, match="expected hits and misses, got 0 hits of 3"):
        fit_confidence(Proposals(scores[:3], np.zeros(3, bool), *none))


def test_detector_plan_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match=r"plan.size_px: expected a multiple of 64, got 100"):
        DetectorPlan(size_px=100)
    with pytest.raises(ValueError, match=r"plan.batch: expected a number above 0, got 0"):
        DetectorPlan(batch=0)

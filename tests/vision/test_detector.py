"""Detectors: the contract, and that the tile plan leaves no pixel out and no picture explode."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import DetectorContract
from fakes import BLUE, GREEN, RED, WHITE, FakeDetector, photo_of, quarters
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms

from logoscan.errors import CorruptFileError, InputError
from logoscan.images.boxes import iou
from logoscan.training.detector_files import write_detector
from logoscan.types import Regions, TextSpans
from logoscan.vision import detector as detector_module
from logoscan.vision.detector import Detector, LogoDetector, make_detector
from logoscan.vision.detector_boxes import LEAST_SCORE, MOST_BOXES, NMS_IOU, suppress
from logoscan.vision.detector_net import build
from logoscan.vision.network_runner import BatchSizes
from logoscan.vision.text_regions import add_text_regions
from logoscan.vision.tiles import DEFAULT_PLAN, DENSE_PLAN, LARGE_PLAN, TilePlan, Tiles, WholeImage

SHAPES = [(480, 640), (640, 480), (300, 300), (100, 731), (97, 31), (25, 400)]


class TestTiles(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return Tiles()


class TestDenseTiles(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return Tiles(DENSE_PLAN)


class TestWholeImage(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return WholeImage()


@pytest.fixture(scope="module")
def detector_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights: boxes are anywhere, but the rules hold."""
    torch.manual_seed(0)
    net = build()
    torch.nn.init.constant_(net.head.classification_head.cls_logits.bias, 0.5)
    path = tmp_path_factory.mktemp("detector") / "detector.safetensors"
    write_detector(net, path, 128, slope=1.2, offset=-0.1)
    return path


class TestLogoDetector(DetectorContract):
    @pytest.fixture
    def detector(self, detector_file: Path) -> Detector:
        return LogoDetector(detector_file, effort="full")

    def test_whole_image_and_large_squares_come_last(self, detector: Detector) -> None:
        for picture, regions in zip(self.PICTURES, detector.detect(self.PICTURES), strict=True):
            large = Tiles(LARGE_PLAN).detect([picture])[0].xyxy
            assert large[0].tolist() == [0, 0, picture.shape[1], picture.shape[0]]
            np.testing.assert_array_equal(regions.xyxy[-len(large) :], large)
            assert (regions.confidence[-len(large) :] == np.float32(0.001)).all()

    def test_detector_settings_limit_the_proposals(self, detector_file: Path) -> None:
        many, few = (LogoDetector(detector_file, least=0.01, most=most, effort="full") for most in (80, 3))
        picture = self.PICTURES[0]
        large = len(Tiles(LARGE_PLAN).detect([picture])[0])
        assert len(few.detect([picture])[0]) == 3 + large < len(many.detect([picture])[0])
        np.testing.assert_array_equal(few.detect([picture])[0].xyxy[:3], many.detect([picture])[0].xyxy[:3])
        assert few.fingerprint != many.fingerprint
        sure = LogoDetector(detector_file, least=0.999, effort="full")
        assert len(sure.detect([picture])[0]) == large
        whole = LogoDetector(detector_file, least=0.999, large=TilePlan((1.0,), min_px=10_000), effort="full")
        assert len(whole.detect([picture])[0]) == 1
        assert len({d.fingerprint for d in (many, few, sure, whole)}) == 4

    @pytest.mark.parametrize(("offset", "proposals"), [(4.0, 16), (-5.0, 6)])
    def test_default_effort_proposes_more_where_it_is_confident(
        self, tmp_path: Path, detector_file: Path, offset: float, proposals: int
    ) -> None:
        from safetensors.torch import load_file, save_file

        settings = {"detector": json.dumps({"size_px": 128, "slope": 1, "offset": offset})}
        save_file(load_file(str(detector_file)), str(tmp_path / "detector.safetensors"), settings)
        for regions in LogoDetector(tmp_path / "detector.safetensors").detect(self.PICTURES[:3]):
            confident = regions.confidence > np.float32(0.001)
            assert confident.sum() == proposals
            assert confident[:proposals].all()

    def test_detection_is_independent_of_the_batch(self, detector_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        alone = LogoDetector(detector_file, effort="full", runtime="torch")
        monkeypatch.setattr(detector_module, "_BATCH_SIZES", BatchSizes(torch_cpu=(2,), openvino=(2,), gpu=(2,)))
        together = LogoDetector(detector_file, effort="full", runtime="torch")
        for one, both in zip(alone.detect(self.PICTURES), together.detect(self.PICTURES), strict=True):
            assert abs(len(one) - len(both)) <= 2  # bf16: a place at the limit may fall on either side
            best = iou(one.xyxy[:5], both.xyxy).max(axis=1)
            assert (best > 0.8).all()

    def test_other_files_are_refused(self, detector_file: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        with pytest.raises(CorruptFileError, match="expected a detector's file"):
            LogoDetector(tmp_path / "none.safetensors")
        tensors = load_file(str(detector_file))
        save_file(tensors, str(tmp_path / "bare.safetensors"))
        with pytest.raises(CorruptFileError, match=r"expected a detector's file \('detector'\)"):
            LogoDetector(tmp_path / "bare.safetensors")
        key = "head.regression_head.bbox_reg.bias"
        settings = {"detector": json.dumps({"size_px": 128, "slope": 1, "offset": 0})}
        save_file({k: v for k, v in tensors.items() if k != key}, str(tmp_path / "part.safetensors"), settings)
        with pytest.raises(CorruptFileError, match=r"one without .*bbox_reg.bias"):
            LogoDetector(tmp_path / "part.safetensors")
        with pytest.raises(InputError, match=r"LogoDetector.least: expected a confidence in \(0, 1\), got 0"):
            LogoDetector(detector_file, least=0)
        with pytest.raises(InputError, match=r"LogoDetector.most: expected 1 or more, got 0"):
            LogoDetector(detector_file, most=0)


def test_make_detector_by_name(detector_file: Path) -> None:
    assert make_detector("tiles").fingerprint == Tiles().fingerprint
    assert make_detector("whole").fingerprint == WholeImage().fingerprint
    given = make_detector("logo", device="cpu", path=detector_file)
    assert given.fingerprint == LogoDetector(detector_file).fingerprint
    assert make_detector("logo").fingerprint == LogoDetector().fingerprint != given.fingerprint
    with pytest.raises(InputError, match="detector: expected logo, tiles or whole, got 'yolo'"):
        make_detector("yolo")
    with pytest.raises(InputError, match="path: expected None with the detector tiles"):
        make_detector("tiles", path=detector_file)


def _spans(*boxes: tuple[float, float, float, float]) -> TextSpans:
    polygons = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes]
    array = np.array(polygons, np.float32).reshape(-1, 4, 2)
    return TextSpans(array, ("words",) * len(boxes), np.ones(len(boxes), np.float32))


def test_lines_of_text_are_proposals_too() -> None:
    regions = Regions(np.array([[10, 10, 60, 30], [0, 0, 100, 80]], np.float32), np.array([0.9, 0.1], np.float32))
    lines = _spans((11, 10, 60, 31), (20, 50, 70, 60), (-5, 70, 30, 90), (120, 10, 140, 20))
    both = add_text_regions(regions, lines, 100, 80)
    assert both.xyxy[:2].tolist() == regions.xyxy.tolist()
    assert both.xyxy[2:].tolist() == [[20, 50, 70, 60], [0, 70, 30, 80]]  # one is there already, one lies outside
    assert both.confidence.tolist() == pytest.approx([0.9, 0.1, 0.1, 0.1])
    twice = lines.joined(lines.rows([1]))
    assert add_text_regions(regions, twice, 100, 80).xyxy.tolist() == both.xyxy.tolist(), "a line is one proposal"
    nothing = add_text_regions(Regions.empty(), TextSpans.empty(), 100, 80)
    assert nothing.xyxy.shape == (0, 4)
    assert nothing.xyxy.dtype == np.float32
    assert len(add_text_regions(regions, TextSpans.empty(), 100, 80)) == 2
    assert add_text_regions(Regions.empty(), _spans((1, 1, 9, 9)), 100, 80).confidence.tolist() == [0]


class TestFakeDetector(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return FakeDetector()


def black(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("plan", [DEFAULT_PLAN, DENSE_PLAN, TilePlan((0.5,), stride=1.0, min_px=1)])
def test_tiles_of_each_scale_cover_every_pixel(plan: TilePlan, shape: tuple[int, int]) -> None:
    tiles = Tiles(plan).detect([black(*shape)])[0].xyxy
    sides = np.maximum(tiles[1:, 2] - tiles[1:, 0], tiles[1:, 3] - tiles[1:, 1])
    scales = np.unique(sides.round(2))
    assert len(scales) == sum(scale * min(shape) >= plan.min_px for scale in plan.scales)
    for side in scales:
        seen = np.zeros(shape, bool)
        # a pixel counts as seen when its centre is inside
        for x0, y0, x1, y1 in np.ceil(tiles[1:][np.abs(sides - side) < 0.01] - 0.5).astype(int):
            seen[y0:y1, x0:x1] = True
        assert seen.all()


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_tiles_are_squares_that_overlap_by_the_stride(shape: tuple[int, int]) -> None:
    tiles = Tiles(TilePlan((0.5,), stride=0.25, min_px=1)).detect([black(*shape)])[0].xyxy
    np.testing.assert_array_equal(tiles[0], [0, 0, shape[1], shape[0]])
    sides = tiles[1:, 2:] - tiles[1:, :2]
    np.testing.assert_allclose(sides, 0.5 * min(shape), atol=1e-3)
    for axis in (0, 1):
        starts = np.unique(tiles[1:, axis])
        assert np.diff(starts).max() <= 0.25 * 0.5 * min(shape) + 1e-3


def test_the_plans_cost_what_they_state() -> None:
    picture = black(640, 960)
    assert 200 <= len(Tiles().detect([picture])[0]) <= 240
    assert 330 <= len(Tiles(DENSE_PLAN).detect([picture])[0]) <= 410


@pytest.mark.parametrize("shape", [(1, 1), (1, 30_000), (30_000, 1), (30, 30_000), (30_000, 100), (2_000, 30_000)])
def test_tiles_of_a_strip_are_bounded(shape: tuple[int, int]) -> None:
    """A strip of 30 : 30,000 passes the caps on pictures; its tiles must not take the machine."""
    canvas = np.broadcast_to(np.zeros(3, np.uint8), (*shape, 3))
    plain, dense = len(Tiles().detect([canvas])[0]), len(Tiles(DENSE_PLAN).detect([canvas])[0])
    assert 1 <= plain <= 1_200
    assert 1 <= dense <= 3_600


def test_small_tiles_are_left_out() -> None:
    assert len(Tiles().detect([black(23, 23)])[0]) == 1
    sides = np.diff(Tiles().detect([black(50, 60)])[0].xyxy[:, [0, 2]], axis=1)
    assert sides.min() >= DEFAULT_PLAN.min_px


def test_the_fingerprint_tells_plans_apart() -> None:
    scales = DEFAULT_PLAN.scales
    plans = [DEFAULT_PLAN, DENSE_PLAN, TilePlan(scales, stride=0.4), TilePlan(scales, min_px=9)]
    prints = {Tiles(plan).fingerprint for plan in plans} | {WholeImage().fingerprint}
    assert len(prints) == 5
    assert Tiles(TilePlan(DEFAULT_PLAN.scales)).fingerprint == Tiles().fingerprint


@pytest.mark.parametrize("scales", [(), (0.0,), (1.2,), (0.5, -0.1)])
def test_impossible_scales_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"TilePlan\.scales: expected shares in \(0, 1\], got"):
        TilePlan(scales)


@pytest.mark.parametrize("stride", [0.0, -1.0, 1.01])
def test_impossible_strides_are_refused(stride: float) -> None:
    with pytest.raises(InputError, match=r"TilePlan\.stride: expected a share in \(0, 1\], got"):
        TilePlan((1.0,), stride=stride)


def test_fake_detector_finds_the_logo() -> None:
    photo = photo_of(quarters(RED, GREEN, BLUE, WHITE), size_px=(60, 80))
    np.testing.assert_array_equal(FakeDetector().detect([photo])[0].xyxy, [[24, 14, 56, 46]])
    assert len(FakeDetector().detect([photo_of(None)])[0]) == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 7, 300, 1200]))
@settings(max_examples=40, deadline=None)
def test_overlapping_boxes_are_dropped_as_torchvision_drops_them(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 300, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0, 80, (count, 2))], axis=1).astype(np.float32)
    boxes[: count // 4] = boxes[count // 4 : count // 4 * 2]  # some are equal
    scores = rng.choice(rng.uniform(0, 1, max(1, count // 2)), count).astype(np.float32)
    strong = np.flatnonzero(scores > LEAST_SCORE)
    rows = nms(torch.from_numpy(boxes[strong]), torch.from_numpy(scores[strong]), NMS_IOU)[:MOST_BOXES].numpy()
    found, of_found = suppress(boxes, scores)
    np.testing.assert_array_equal(found, boxes[strong][rows])
    np.testing.assert_array_equal(of_found, scores[strong][rows])
    counted = rng.uniform(size=count) < 0.3
    fewer, _ = suppress(boxes, scores, counted, 32)
    np.testing.assert_array_equal(fewer, found[: len(fewer)])
    usable = {tuple(box) for box in boxes[counted].tolist()}
    if len(fewer) < len(found):
        assert sum(tuple(box) in usable for box in fewer.tolist()) >= 32

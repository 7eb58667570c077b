"""What is found on a GPU, beside what the CPU finds in fp32: vectors, boxes, squares, keypoints and lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from logoscan.images.boxes import iou
from logoscan.images.crops import square_crops, square_crops_on
from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.types import Regions, Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.gpu_sift import GpuSift, make_sift
from logoscan.vision.network_runner import PrecisionChoice
from logoscan.vision.sift import KeypointExtractor, Sift

__all__ = ["Comparison", "compare"]

# Similarity to a logo from which a square looks like it, confidence of sure boxes, and overlap of equal ones.
_SIMILAR, _SURE, _SAME_IOU = 0.4, 0.1, 0.9
# Squares of a photo that are encoded, and photos that are compared at a time.
_SQUARES, _CHUNK = 20, 4


class Comparison:
    """Compares, photo by photo, and keeps what was compared so far."""

    def __init__(self, device: str, precision: PrecisionChoice, index: LogoIndex) -> None:
        """Load the models twice.

        Args:
            device: Device that is compared with the CPU.
            precision: Precision of its encoder and detector.
            index: Index of logos, which says what looks like one.
        """
        self._encoders = ClipEncoder(device="cpu", precision="fp32"), ClipEncoder(device=device, precision=precision)
        self._detectors = (
            LogoDetector(device="cpu", precision="fp32", effort="full"),
            LogoDetector(device=device, precision=precision, effort="full"),
        )
        self._engines = [RapidOcr(device=each, find_px=(480,), precision="fp32") for each in ("cpu", device)]
        self._sifts = Sift(), make_sift(device) if device.startswith("cuda") else _kornia_on_cpu()
        self._device, self._index, self._photos = device, index, 0
        self._cosine: list[float] = []
        self._similarity: list[tuple[float, float]] = []
        self._grey: list[float] = []
        self._met: list[bool] = []
        self._off: list[float] = []
        self._lines, self._keypoints = np.zeros(2, int), np.zeros(2, int)

    def add(self, photos: Sequence[Rgb]) -> None:
        """Compare more photos."""
        regions = self._detectors[0].detect(photos)
        for photo, wanted in zip(photos, regions, strict=True):
            self._add_squares(photo, wanted)
        for found, wanted in zip(self._detectors[1].detect(photos), regions, strict=True):
            self._add_boxes(found, wanted)
        here, there = ([Counter(spans.texts) for spans in engine.read(photos)] for engine in self._engines)
        for a, b in zip(here, there, strict=True):
            self._lines += (a & b).total(), max(a.total(), b.total())
        if type(self._sifts[0]) is not type(self._sifts[1]):
            for photo in photos:
                frames = [{tuple(np.round(f, 2)) for f in sift.extract(photo).frames} for sift in self._sifts]
                self._keypoints += len(frames[0] & frames[1]), len(frames[0])
        self._photos += len(photos)

    def _add_squares(self, photo: Rgb, regions: Regions) -> None:
        size_px, boxes = self._encoders[0].info.preprocessing.size_px, regions.xyxy[:_SQUARES]
        squares, moved = square_crops(photo, boxes, size_px), square_crops_on(self._device, photo, boxes, size_px)
        self._grey.append(float(np.abs(squares.astype(int) - moved).mean()))
        wanted, found = (encoder.encode_pixels(squares) for encoder in self._encoders)
        self._cosine += (found * wanted).sum(axis=1).tolist()
        here, there = (self._index.search(vectors, 1).similarity[:, 0].tolist() for vectors in (wanted, found))
        self._similarity += zip(here, there, strict=True)

    def _add_boxes(self, found: Regions, wanted: Regions) -> None:
        rows = np.flatnonzero((wanted.confidence > _SURE) & (np.arange(len(wanted)) < self._detectors[1].most))
        if len(rows):
            overlaps = iou(wanted.xyxy[rows], found.xyxy)
            self._met += (overlaps.max(axis=1, initial=0) >= _SAME_IOU).tolist()
            self._off += np.abs(found.confidence[overlaps.argmax(axis=1)] - wanted.confidence[rows]).tolist()

    @property
    def figures(self) -> dict[str, Any]:
        """What was compared so far; None where nothing was."""
        here, there = np.array(self._similarity or np.zeros((0, 2))).T
        cosine, similar = np.array(self._cosine), here >= _SIMILAR
        return {
            "photos_compared": self._photos,
            "squares": len(cosine),
            "squares_similar": int(similar.sum()),
            "cosine_min": _rounded(cosine, np.min),
            "cosine_min_similar": _rounded(cosine[similar], np.min),
            "similarity_off_max": _rounded(np.abs(here - there)[similar], np.max),
            "grey_off_mean": _rounded(self._grey, np.mean),
            "boxes": len(self._met),
            "boxes_met": _rounded(self._met, np.mean),
            "confidence_off_median": _rounded(self._off, np.median),
            "confidence_off_max": _rounded(self._off, np.max),
            "lines": int(self._lines[1]),
            "lines_equal": _share(*self._lines),
            "keypoints": int(self._keypoints[1]),
            "keypoints_equal": _share(*self._keypoints),
        }


def _kornia_on_cpu() -> KeypointExtractor:
    return Sift() if find_spec("kornia_rs") is None else GpuSift("cpu")


def _rounded(values: Any, summary: Callable[..., Any]) -> float | None:
    return round(float(summary(values)), 5) if len(values) else None


def _share(part: int, whole: int) -> float | None:
    return round(float(part / whole), 4) if whole else None


def compare(comparison: Comparison, photos: Sequence[Rgb], seconds_left: Callable[[], float]) -> dict[str, Any]:
    """Compare photos while there is time, some at least, and return the figures."""
    for start in range(0, len(photos), _CHUNK):
        if start and seconds_left() <= 0:
            break
        comparison.add(photos[start : start + _CHUNK])
    return comparison.figures

"""RapidOCR behind the OcrEngine protocol: PP-OCR by ONNX Runtime on the CPU. Knows nothing of brands.

Its models ship in its wheel and are checked by hash before they are opened.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.images.boxes import clip
from logoscan.ocr.canvas import (
    MAX_ENLARGEMENT,
    best_readings,
    check_sizes,
    find_sizes,
    line_crops,
    merge_readings,
    scale_image,
    sizes_in_words,
    spans_of,
    unread_boxes,
)
from logoscan.runtime import building_networks
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = ["RapidOcr", "rapidocr_models"]

logger = logging.getLogger(__name__)

# Width to which shorter lines of 48 px are padded; RapidOCR's 320 makes a short word cost as much as a long one.
_MIN_LINE_PX = 128


# Digests of the models in RapidOCR's wheels, by task. A table that lies beside the models would detect damage alone,
# and one model could pass for another.
_SHA256 = {
    "_det_": {"090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"},
    "_cls_": {"e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"},
    "_rec_": {"6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
}


class RapidOcr:
    """PP-OCR through RapidOCR and ONNX Runtime. Its models ship in its wheel.

    Attributes:
        name: "rapidocr VERSION", the sizes, and how many lines are read if not all.
        long_side_px: Long side in pixels to which photos are scaled before they are read.
        find_px: Long sides in pixels at which lines are searched.
    """

    @building_networks()
    def __init__(
        self,
        *,
        device: str = "cpu",
        long_side_px: int = 960,
        find_px: Sequence[int] = (),
        most_lines: int | None = None,
        most_enlarged: float = MAX_ENLARGEMENT,
        threads: int | None = None,
    ) -> None:
        """Load, verify and warm up the models.

        Args:
            device: "cpu"; ONNX Runtime's CPU build is what the dependencies install.
            long_side_px: Photos are scaled to at most this long side before reading.
            find_px: Lines are searched in the photo scaled to at most each of these long sides. A small one shows large
                letters, which a text detector splits in a large one; a large one shows small print. Without any, lines
                are searched in the photo as it is read.
            most_lines: Lines of a photo that are read at each size at which they are searched, highest letters first;
                None reads all.
            most_enlarged: Largest factor by which a small photo is enlarged before lines are searched, above 0.
            threads: Threads of ONNX Runtime; None takes torch's number, so that one setting governs both.

        Raises:
            MissingDependencyError: RapidOCR is not installed.
            CorruptFileError: A model in its wheel is missing or altered.
        """
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingDependencyError(f"rapidocr is missing ({error}); pip install 'rapidocr>=3.10'") from None
        from importlib.metadata import version

        det, cls, rec = rapidocr_models()
        if device not in ("cpu", "auto"):
            logger.warning("rapidocr runs on the CPU, not on %s: ONNX Runtime is installed for the CPU", device)
        self.long_side_px, self.find_px = check_sizes(long_side_px, find_px)
        if most_lines is not None and most_lines < 1:
            raise InputError(f"most_lines: expected 1 or more or None, got {most_lines!r}")
        if not 0 < most_enlarged < math.inf:
            raise InputError(f"most_enlarged: expected above 0 and finite, got {most_enlarged!r}")
        self.most_lines, self.most_enlarged = most_lines, most_enlarged
        lines = f", {most_lines} lines" if most_lines else ""
        self.name = f"rapidocr {version('rapidocr')} {sizes_in_words(self.long_side_px, self.find_px)}{lines}"
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",  # else a line on stderr for each photo without text
                "EngineConfig.onnxruntime.intra_op_num_threads": threads or _torch_threads(),
                "Global.text_score": 0.0,  # weak readings are ours to judge
                "Det.model_path": str(det),
                "Cls.model_path": str(cls),
                "Rec.model_path": str(rec),
                "Rec.rec_batch_num": 1,  # of several, all are padded to the longest, which costs more than it saves
                "Rec.rec_img_shape": [3, 48, _MIN_LINE_PX],
                "Det.limit_type": "max",  # photos come in the size in which lines are searched
                "Det.limit_side_len": 1 << 20,
            }
        )
        for load in (self._engine._load_det_model, self._engine._load_cls_model, self._engine._load_rec_model):
            load()  # now: the first call of several threads would load them several times

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo (`OcrEngine.read`)."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        import cv2

        picture, scale = scale_image(image, self.long_side_px)
        bgr = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)  # RapidOCR takes arrays as BGR
        readings: list[TextSpans] = []
        unread: list[NDArray[np.float32]] = []
        for size in find_sizes(image.shape, scale, self.find_px, self.most_enlarged):
            polygons = self._find(bgr, size)
            if self.most_lines is not None:
                polygons, others = _largest(polygons, self.most_lines)
                unread.append(others)
            texts, confidence = self._recognise(bgr, polygons) if len(polygons) else ([], [])
            readings.append(spans_of(list(polygons), texts, confidence, scale, image.shape))
        height, width = image.shape[:2]
        boxes = clip(unread_boxes(unread, readings, scale), width, height)
        return replace(merge_readings(readings), unread_xyxy=boxes, unread_scripts=())

    def _find(self, bgr: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the lines of a photo, float32 (n, 4, 2) px, searched in it at this width and height."""
        import cv2

        height, width = bgr.shape[:2]
        small = bgr if size == (width, height) else np.asarray(cv2.resize(bgr, size), np.uint8)
        detected = self._engine._load_det_model()(small)
        if detected.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        scale = np.array([width / size[0], height / size[1]], np.float32)
        return np.asarray(np.rint(np.asarray(detected.boxes, np.float32) * scale), np.float32)

    def _recognise(self, bgr: Rgb, polygons: NDArray[np.float32]) -> tuple[list[str], list[float]]:
        """Return text and confidence of each line; "" where there is no text."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput
        from rapidocr.utils.process_img import get_rotate_crop_image

        lines = [get_rotate_crop_image(bgr, polygon.copy()) for polygon in polygons]
        upright = self._engine._load_cls_model()(lines).img_list
        recognised = self._engine._load_rec_model()(TextRecInput(img=upright))
        return list(recognised.txts), [float(s) for s in recognised.scores]

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return a line in each box (`WordReader.read_words`)."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        out = []
        for image, image_boxes in zip(images, boxes, strict=True):
            crops, owners = line_crops(image, image_boxes)
            if not crops:
                out.append(TextSpans.empty())
                continue
            bgr = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]
            recognised = self._engine._load_rec_model()(TextRecInput(img=bgr))
            confidence = [float(s) for s in recognised.scores]
            out.append(best_readings(image_boxes, owners, recognised.txts, confidence))
        return out


def _largest(polygons: NDArray[np.float32], most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the lines with the highest letters, in their order, and the others: a brand writes its name large."""
    sides = np.linalg.norm(polygons - np.roll(polygons, -1, axis=1), axis=2)
    heights = np.minimum(sides[:, 0], sides[:, 1])
    order = np.argsort(-heights, kind="stable")
    return polygons[np.sort(order[:most])], polygons[order[most:]]


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def rapidocr_models() -> tuple[Path, Path, Path]:
    """Return RapidOCR's models for detecting, turning and reading lines, verified.

    Raises:
        ImportError: RapidOCR is not installed.
        CorruptFileError: One is missing or altered.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    return _rapid_model(folder, "_det_"), _rapid_model(folder, "_cls_"), _rapid_model(folder, "_rec_")


def _rapid_model(folder: Path, kind: str) -> Path:
    """Return the model of RapidOCR's wheel for one task, checked against its known digests."""
    for path in sorted(folder.glob("*.onnx")):
        if kind in path.name:
            if file_sha256(path) not in _SHA256[kind]:
                raise CorruptFileError(f"{path}: altered, or not of RapidOCR 3.10; reinstall rapidocr")
            return path
    raise CorruptFileError(f"{folder}: no {kind.strip('_')} model; reinstall rapidocr")

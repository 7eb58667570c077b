"""RapidOCR behind the OcrEngine protocol: PP-OCR on a CPU or a GPU. Knows nothing of brands.

Its models ship in its wheel and are checked by hash before they are opened. OpenVINO searches lines, in a third of
ONNX Runtime's time on a processor with AVX-512 and with the same answers, and reads them where the processor computes
in bf16; ONNX Runtime runs the rest, and torch all of them on a GPU.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError, MissingDependencyError
from logoscan.images.boxes import clip
from logoscan.ocr._cpu_networks import find_and_read_in_bf16, find_by_openvino
from logoscan.ocr._model_files import rapidocr_models
from logoscan.ocr._network_input import LINE_HIGH_PX, finder_input, line_crop, padded
from logoscan.ocr.canvas import (
    MAX_ENLARGEMENT,
    best_readings,
    check_sizes,
    find_sizes,
    highest_lines,
    line_crops,
    merge_readings,
    read_scale,
    scale_image,
    sizes_in_words,
    spans_of,
    unread_boxes,
)
from logoscan.ocr.quick import is_second_reading, is_sure, may_be_line, may_be_word, quick_reader
from logoscan.runtime import building_networks, cpu_has_bf16, rebuilt_elsewhere, resolve_device
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = ["RapidOcr", "rapidocr_models"]

logger = logging.getLogger(__name__)

# Width to which shorter lines are padded; RapidOCR's 320 makes a short word cost as much as a long one.
_MIN_LINE_PX = 96
# The same for the quick reader, which decides what may be a word.
_MIN_QUICK_PX = 64
# Confidence from which what the finder marks, the middle of letters, is a line, and how far it is grown to one. Of
# composed words more are read right than by RapidOCR's 0.5 and 1.6, which cuts wider.
_LEAST_LINE, _GROWN = 0.4, 1.3


class _Lines(NamedTuple):
    """Readings of crops: the row of the crop of each, its text and its confidence; the first reading of each first."""

    owners: list[int]
    texts: list[str]
    confidence: list[float]


@rebuilt_elsewhere
class RapidOcr:
    """PP-OCR through RapidOCR. Its models ship in its wheel.

    Attributes:
        device: Device of its networks, "cpu", "cuda", ...
        name: "rapidocr VERSION", the sizes, "tight lines" for how lines are cut, how many are read if not all, whether
            by the quick reader first, and the precision if it is not fp32.
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
        quick: bool = False,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        threads: int | None = None,
    ) -> None:
        """Load, verify and warm up the models.

        Args:
            device: "auto", "cpu", "cuda", ...; a GPU needs the extra `gpu`, and the CPU is used without it.
            long_side_px: Photos are scaled to at most this long side before reading.
            find_px: Lines are searched in the photo scaled to at most each of these long sides. A small one shows large
                letters, which a text detector splits in a large one; a large one shows small print. Without any, lines
                are searched in the photo as it is read.
            most_lines: Lines of a photo that are read at each size at which they are searched, highest letters first;
                None reads all.
            most_enlarged: Largest factor by which a small photo is enlarged before lines are searched, above 0.
            quick: Whether a quick reader reads lines first; what it is not sure of is read again. It also decides which
                boxes of others may hold a word.
            precision: Precision in which lines are searched and read on the CPU; "auto" is bf16 where it has that. On a
                GPU it is fp32, or fp16 on one without TF32.
            threads: Threads of a network; None takes torch's number, so that one setting governs both.

        Raises:
            MissingDependencyError: RapidOCR is not installed.
            CorruptFileError: A model in its wheel, or the quick reader, is missing or altered.
            DeviceError: The device cannot be had.
        """
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingDependencyError(f"rapidocr is missing ({error}); pip install 'rapidocr>=3.10'") from None
        from importlib.metadata import version

        det, cls, rec = rapidocr_models()
        self.device = _usable(resolve_device(device))
        self.long_side_px, self.find_px = check_sizes(long_side_px, find_px)
        if most_lines is not None and most_lines < 1:
            raise InputError(f"most_lines: expected 1 or more or None, got {most_lines!r}")
        if not 0 < most_enlarged < math.inf:
            raise InputError(f"most_enlarged: expected above 0 and finite, got {most_enlarged!r}")
        self.most_lines, self.most_enlarged = most_lines, most_enlarged
        threads = threads or _torch_threads()
        params = {
            "Global.log_level": "critical",  # else a line on stderr for each photo without text
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "Global.text_score": 0.0,  # weak readings are ours to judge
            "Det.model_path": str(det),
            "Cls.model_path": str(cls),
            "Rec.model_path": str(rec),
            "Rec.rec_batch_num": 1,  # of several, all are padded to the longest, which costs more than it saves
            "Rec.rec_img_shape": [3, LINE_HIGH_PX, _MIN_LINE_PX],
            "Det.limit_type": "max",  # photos come in the size in which lines are searched
            "Det.limit_side_len": 1 << 20,
            "Det.box_thresh": _LEAST_LINE,
            "Det.unclip_ratio": _GROWN,
        }
        self._engine: Any = RapidOCR(params=params)
        for load in (self._engine._load_det_model, self._engine._load_cls_model, self._engine._load_rec_model):
            load()  # now: the first call of several threads would load them several times
        self._engine.text_det.get_preprocess = lambda: finder_input  # RapidOCR's own takes seven times as long
        self._quick: Any = None
        if quick:
            network, letters = map(str, quick_reader())
            params |= {"Rec.model_path": network, "Rec.rec_keys_path": letters}
            params |= {"Rec.rec_img_shape": [3, LINE_HIGH_PX, _MIN_QUICK_PX]}
            self._quick = RapidOCR(params=params)._load_rec_model()
        if self.device == "cpu":
            is_bf16 = precision == "bf16" or (precision == "auto" and cpu_has_bf16())
            finder, reader = self._engine.text_det, self._engine.text_rec
            used = "bf16" if is_bf16 and find_and_read_in_bf16(finder, det, reader, rec, threads) else "fp32"
            if used == "fp32":
                find_by_openvino(finder, det, threads)
        else:
            used = self._move(det, cls, rec)
        name = f"rapidocr {version('rapidocr')} {sizes_in_words(self.long_side_px, self.find_px)}, tight lines"
        parts = {f"{most_lines} lines": most_lines, "quick reader first and second": quick, used: used != "fp32"}
        self.name = ", ".join([name, *(words for words, is_so in parts.items() if is_so)])

    def _move(self, det: Path, cls: Path, rec: Path) -> str:
        """Let a GPU search, turn and read lines; return the precision."""
        from logoscan.ocr._gpu_networks import GpuLines, classify_on_gpu, find_on_gpu, gpu_precision

        find_on_gpu(self._engine.text_det, det, self.device)
        classify_on_gpu(self._engine.text_cls, cls, self.device)
        self._engine.text_rec = GpuLines(self._engine.text_rec, rec, self.device, _MIN_LINE_PX)
        if self._quick is not None:
            self._quick = GpuLines(self._quick, quick_reader()[0], self.device, _MIN_QUICK_PX)
        return gpu_precision(self.device)

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo (`OcrEngine.read`)."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        import cv2

        scale = read_scale(image.shape, self.long_side_px)
        picture = image if scale >= 1 else scale_image(image, self.long_side_px)[0]  # lines are enlarged one by one
        bgr = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)  # RapidOCR takes arrays as BGR
        readings: list[TextSpans] = []
        unread: list[NDArray[np.float32]] = []
        for size in find_sizes(image.shape, scale, self.find_px, self.most_enlarged):
            polygons = np.rint(self._find(bgr, size) * np.float32(max(1.0, scale)))
            if self.most_lines is not None:
                polygons, others = highest_lines(polygons, self.most_lines)
                unread.append(others)
            lines = self._recognise(bgr, polygons, max(1.0, scale)) if len(polygons) else _Lines([], [], [])
            readings.append(spans_of(list(polygons[lines.owners]), lines.texts, lines.confidence, scale, image.shape))
        height, width = image.shape[:2]
        boxes = clip(unread_boxes(unread, readings, scale), width, height)
        return replace(merge_readings(readings), unread_xyxy=boxes, unread_scripts=())

    def _find(self, bgr: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the lines of a photo, float32 (n, 4, 2) px, searched in it at this width and height."""
        import cv2

        height, width = bgr.shape[:2]
        how = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
        small = bgr if size == (width, height) else np.asarray(cv2.resize(bgr, size, interpolation=how), np.uint8)
        detected = self._engine._load_det_model()(small)
        if detected.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        scale = np.array([width / size[0], height / size[1]], np.float32)
        return np.asarray(detected.boxes, np.float32) * scale

    def _recognise(self, bgr: Rgb, polygons: NDArray[np.float32], enlarged: float) -> _Lines:
        """Return the readings of lines in pixels of the enlarged photo; "" where there is no text."""
        lines = [line_crop(bgr, polygon, enlarged) for polygon in polygons]
        return self._read_twice(lines, lambda unsure: self._engine._load_cls_model()(unsure).img_list, may_be_line)

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return a line in each box (`WordReader.read_words`)."""
        out = []
        for image, image_boxes in zip(images, boxes, strict=True):
            crops, owners = line_crops(image, image_boxes)
            bgr = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]
            words = self._read_twice(bgr, list, lambda crop, text, value: may_be_word(text, value))
            boxes_read = [owners[row] for row in words.owners]
            out.append(best_readings(image_boxes, boxes_read, words.texts, words.confidence))
        return out

    def _read_twice(
        self,
        lines: list[Rgb],
        turn: Callable[[list[Rgb]], list[Rgb]],
        is_worth_it: Callable[[Rgb, str, float], bool],
    ) -> _Lines:
        """Return the readings of each crop: by the quick reader where it is sure, else by the careful one.

        What the quick one read there otherwise stands after all first readings: each is right where the other is wrong.

        Args:
            lines: Crops in BGR.
            turn: Turns crops that stand upside down, for the careful reader.
            is_worth_it: Returns whether the careful reader is to read a crop, by what the quick one read.
        """
        readings, unsure = [("", 0.0)] * len(lines), list(range(len(lines)))
        if self._quick is not None:
            readings = _recognised(self._quick, lines)
            unsure = [i for i in unsure if not is_sure(*readings[i]) and is_worth_it(lines[i], *readings[i])]
        again, quick = turn([lines[i] for i in unsure]) if unsure else [], [readings[i] for i in unsure]
        for i, reading in zip(unsure, _recognised(self._engine._load_rec_model(), again), strict=True):
            readings[i] = reading
        rows = list(enumerate(readings))
        rows += [row for row in zip(unsure, quick, strict=True) if is_second_reading(row[1], readings[row[0]])]
        return _Lines([i for i, _ in rows], [text for _, (text, _) in rows], [sure for _, (_, sure) in rows])


def _recognised(reader: Any, lines: list[Rgb]) -> list[tuple[str, float]]:
    """Return text and confidence of each crop by one of PP-OCR's readers."""
    from rapidocr.ch_ppocr_rec.typings import TextRecInput

    if not lines:
        return []
    recognised = reader(TextRecInput(img=[padded(line) for line in lines]))
    return [(text, float(score)) for text, score in zip(recognised.txts, recognised.scores, strict=True)]


def _usable(device: str) -> str:
    """Return the device of the networks: the CPU where what a GPU needs beside torch is not installed."""
    if device != "cpu" and find_spec("onnx") is None:
        logger.warning("rapidocr runs on the CPU, not on %s: onnx is missing; pip install 'logoscan[gpu]'", device)
        return "cpu"
    return device


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()

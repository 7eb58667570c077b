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

from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.io.records import file_sha256
from logoscan.ocr.canvas import (
    MAX_ENLARGEMENT,
    checked_sizes,
    find_sizes,
    merged,
    named_sizes,
    scaled,
    spans_of,
    surest,
    upright,
)
from logoscan.runtime import building_networks
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = ["RapidOcr", "rapidocr_models"]

logger = logging.getLogger(__name__)

# Width to which shorter lines of 48 px are padded; RapidOCR's 320 makes a short word cost as much as a long one.
_LEAST_LINE_PX = 128


# Digests of the models in RapidOCR's wheels, by what they do: a table that lies beside them would tell damage alone,
# and one model would pass for another.
_SHA256 = {
    "_det_": {"090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"},
    "_cls_": {"e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"},
    "_rec_": {"6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
}


class RapidOcr:
    """PP-OCR through RapidOCR and ONNX Runtime. Its models ship in its wheel.

    Attributes:
        name: "rapidocr VERSION", the sizes, and how many lines are read if not all.
        long_side_px: Pictures are read at this.
        find_px: Lines are found at these.
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
            long_side_px: Pictures are scaled to at most this before reading.
            find_px: Lines are found in the picture scaled to at most each of these: in a small one those of large
                letters, which a text detector takes apart, in a large one small print; none given: as it is read.
            most_lines: Of a picture that are read at each size at which they are found, highest letters first; None
                reads all.
            most_enlarged: Times that a small picture is enlarged at most before lines are looked for, above 0.
            threads: Of ONNX Runtime; None takes torch's number, so that one setting governs both.

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
        self.long_side_px, self.find_px = checked_sizes(long_side_px, find_px)
        if most_lines is not None and most_lines < 1:
            raise InputError(f"most_lines: expected 1 or more or None, got {most_lines!r}")
        if not 0 < most_enlarged < math.inf:
            raise InputError(f"most_enlarged: expected above 0 and finite, got {most_enlarged!r}")
        self.most_lines, self.most_enlarged = most_lines, most_enlarged
        lines = f", {most_lines} lines" if most_lines else ""
        self.name = f"rapidocr {version('rapidocr')} {named_sizes(self.long_side_px, self.find_px)}{lines}"
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",  # else a line on stderr for each photo without text
                "EngineConfig.onnxruntime.intra_op_num_threads": threads or _torch_threads(),
                "Global.text_score": 0.0,  # weak readings are ours to judge
                "Det.model_path": str(det),
                "Cls.model_path": str(cls),
                "Rec.model_path": str(rec),
                "Rec.rec_batch_num": 1,  # of several, all are padded to the longest, which costs more than it saves
                "Rec.rec_img_shape": [3, 48, _LEAST_LINE_PX],
                "Det.limit_type": "max",  # pictures come at the size in which lines are looked for
                "Det.limit_side_len": 1 << 20,
            }
        )
        for load in (self._engine._load_det_model, self._engine._load_cls_model, self._engine._load_rec_model):
            load()  # now: the first call of several threads would load them several times

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Lines in each picture, see `OcrEngine`."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        import cv2

        picture, scale = scaled(image, self.long_side_px)
        bgr = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)  # what it takes arrays for
        looks: list[TextSpans] = []
        unread = 0
        for size in find_sizes(image.shape, scale, self.find_px, self.most_enlarged):
            places = self._find(bgr, size)
            if self.most_lines is not None:
                found = len(places)
                places = _largest(places, self.most_lines)
                unread = max(unread, found - len(places))  # the sizes find many of the same
            if len(places):
                texts, sure = self._recognise(bgr, places)
                looks.append(spans_of(list(places), texts, sure, scale, image.shape))
        return replace(merged(looks or [TextSpans.empty()]), unread=unread)

    def _find(self, bgr: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
        """Lines of a picture, float32 (n, 4, 2) px, found in it at this width and height."""
        import cv2

        height, width = bgr.shape[:2]
        small = bgr if size == (width, height) else np.asarray(cv2.resize(bgr, size), np.uint8)
        found = self._engine._load_det_model()(small)
        if found.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        grow = np.array([width / size[0], height / size[1]], np.float32)
        return np.asarray(np.rint(np.asarray(found.boxes, np.float32) * grow), np.float32)

    def _recognise(self, bgr: Rgb, places: NDArray[np.float32]) -> tuple[list[str], list[float]]:
        """Text and confidence of each place; "" where there is none."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput
        from rapidocr.utils.process_img import get_rotate_crop_image

        lines = [get_rotate_crop_image(bgr, place.copy()) for place in places]
        turned = self._engine._load_cls_model()(lines).img_list
        found = self._engine._load_rec_model()(TextRecInput(img=turned))
        return list(found.txts), [float(s) for s in found.scores]

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        """A line in each place, see `WordReader`."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        out = []
        for image, boxes in zip(images, places, strict=True):
            pieces, owners = upright(image, boxes)
            if not pieces:
                out.append(TextSpans.empty())
                continue
            found = self._engine._load_rec_model()(
                TextRecInput(img=[np.ascontiguousarray(p[..., ::-1]) for p in pieces])
            )
            out.append(surest(boxes, owners, found.txts, [float(s) for s in found.scores]))
        return out


def _largest(places: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """The places with the highest letters, in their order: a brand writes its name large."""
    sides = np.linalg.norm(places - np.roll(places, -1, axis=1), axis=2)
    high = np.minimum(sides[:, 0], sides[:, 1])
    return places[np.sort(np.argsort(-high, kind="stable")[:most])]


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def rapidocr_models() -> tuple[Path, Path, Path]:
    """RapidOCR's models for finding, turning and reading lines, checked.

    Raises:
        ImportError: RapidOCR is not installed.
        CorruptFileError: One is missing or altered.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    return _rapid_model(folder, "_det_"), _rapid_model(folder, "_cls_"), _rapid_model(folder, "_rec_")


def _rapid_model(folder: Path, kind: str) -> Path:
    """The model of RapidOCR's wheel for one task, checked against the digests that are known of it."""
    for path in sorted(folder.glob("*.onnx")):
        if kind in path.name:
            if file_sha256(path) not in _SHA256[kind]:
                raise CorruptFileError(f"{path}: altered, or not of RapidOCR 3.10; reinstall rapidocr")
            return path
    raise CorruptFileError(f"{folder}: no {kind.strip('_')} model; reinstall rapidocr")

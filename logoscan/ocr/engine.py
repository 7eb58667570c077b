"""Photos -> lines of text: the OcrEngine protocol, and the choice of an engine. Knows nothing of brands.

Both engines (`easyocr`, `rapidocr`) take RGB and work offline.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

from logoscan.errors import InputError
from logoscan.ocr.canvas import MAX_BLUR
from logoscan.ocr.easyocr import EasyOcr, easyocr_models, verify_easyocr
from logoscan.ocr.rapidocr import RapidOcr, rapidocr_models
from logoscan.runtime import resolve_device
from logoscan.types import Boxes, Effort, Rgb, TextSpans

__all__ = [
    "EasyOcr",
    "OcrEngine",
    "RapidOcr",
    "WordReader",
    "easyocr_models",
    "make_ocr",
    "rapidocr_models",
    "verify_easyocr",
]

logger = logging.getLogger(__name__)

OcrChoice: TypeAlias = Literal["auto", "easyocr", "rapidocr", "none"]
# Long sides at which lines are read and searched, by effort.
_READ_PX: dict[str, tuple[int, tuple[int, ...]]] = {"default": (960, (480,)), "full": (1600, (480, 960, 1600))}
# Lines of a photo that default effort reads at each size at which it searches lines.
_MAX_LINES = 12


@runtime_checkable
class OcrEngine(Protocol):
    """Reads text. Reports have its `name`."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo, uint8 (H, W, 3); polygons are in pixels of that photo."""
        ...


@runtime_checkable
class WordReader(Protocol):
    """An engine that can also read boxes which others propose."""

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return one line in each box, float32 (n, 4) xyxy px of its photo; boxes without a line are left out.

        No lines are searched. A box higher than wide is read rotated either way, and the more confident reading counts.
        """
        ...


def make_ocr(engine: OcrChoice = "auto", *, device: str = "auto", effort: Effort = "default") -> OcrEngine | None:
    """Return the engine of a name; "auto" is EasyOCR on CUDA if its weights are installed, else RapidOCR; "none" is
    None.

    Args:
        engine: Name of the engine: "auto", "easyocr", "rapidocr" or "none".
        device: "auto", "cpu", "cuda", ...
        effort: "default" searches lines at one small size, enlarging no photo more than twice, and RapidOCR reads the
            twelve with the highest letters at up to 960 px, by the quick reader first; "full" searches them at three
            sizes and reads all carefully, at up to 1600 px.

    Raises:
        InputError: Another name.
        MissingDependencyError: The engine is not there.
    """
    if engine == "none":
        return None
    if effort not in get_args(Effort):
        raise InputError(f"effort: expected default or full, got {effort!r}")
    if engine == "auto":
        on_gpu = resolve_device(device).startswith("cuda")
        engine = "easyocr" if on_gpu and easyocr_models() is not None else "rapidocr"
        logger.info("ocr auto: %s", engine)
    long_side_px, find_px = _READ_PX[effort]
    if engine == "easyocr":
        return EasyOcr(device=device, long_side_px=long_side_px, find_px=find_px)
    if engine == "rapidocr":
        if effort == "full":
            return RapidOcr(device=device, long_side_px=long_side_px, find_px=find_px)
        return RapidOcr(
            device=device,
            long_side_px=long_side_px,
            find_px=find_px,
            most_lines=_MAX_LINES,
            most_enlarged=MAX_BLUR,
            quick=True,
        )
    raise InputError(f"ocr: expected auto, easyocr, rapidocr or none, got {engine!r}")

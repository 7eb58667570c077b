"""Photos -> lines of text: the OcrEngine protocol, and the choice of an engine. Knows nothing of brands.

Both engines (`easyocr`, `rapidocr`) take RGB and work offline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

from logoscan.errors import InputError
from logoscan.ocr.canvas import MAX_BLUR
from logoscan.ocr.easyocr import EasyOcr, easyocr_models, verify_easyocr
from logoscan.ocr.languages import languages_of
from logoscan.ocr.rapidocr import RapidOcr, rapidocr_models
from logoscan.ocr.readers import script_readers
from logoscan.ocr.scripts import ScriptIdentifier, ScriptOcr
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

OcrChoice: TypeAlias = Literal["auto", "easyocr", "rapidocr", "tesseract", "none"]
# Scripts that the engines read by themselves; "Hani" is Kanji and Kana, too.
_OWN_SCRIPTS = {"rapidocr": frozenset({"Latn", "Hani"}), "easyocr": frozenset({"Latn"})}
# Long sides at which lines are read and searched, by effort.
_READ_PX: dict[str, tuple[int, tuple[int, ...]]] = {"default": (960, (608,)), "full": (1600, (480, 960, 1600))}
# Lines of a photo that default effort reads at each size at which it searches lines.
_MAX_LINES = 16


@runtime_checkable
class OcrEngine(Protocol):
    """Reads text. Reports have its `name`."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo, uint8 (H, W, 3); polygons are in pixels of that photo.

        Lines of equal corners count as readings of one line (`TextSpans`).
        """
        ...


@runtime_checkable
class WordReader(Protocol):
    """An engine that can also read boxes which others propose."""

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return one line in each box, float32 (n, 4) xyxy px of its photo; boxes without a line are left out.

        No lines are searched. A box higher than wide is read rotated either way, and the more confident reading counts.
        """
        ...


def make_ocr(
    engine: OcrChoice = "auto",
    *,
    device: str = "auto",
    effort: Effort = "default",
    languages: Sequence[str] | None = None,
    recognisers: Mapping[str, str | Path] | None = None,
    model_dir: str | Path | None = None,
    sha256: Mapping[str, str] | None = None,
    tessdata: str | Path | None = None,
) -> OcrEngine | None:
    """Return the engine of a name, which reads some languages, and says of other lines in which script they are.

    "auto" is RapidOCR, on a GPU too. "tesseract" is RapidOCR, and Tesseract for all further scripts of which its data
    is installed. "none" is None. RapidOCR reads Latin letters, Chinese and Japanese by itself, EasyOCR Latin letters.
    Each further script has one reader, and a line is given to it only if the engine did not read the line surely and
    the line is identified as that script.

    Args:
        engine: Name of the engine: "auto", "easyocr", "rapidocr", "tesseract" or "none".
        device: "auto", "cpu", "cuda", ...
        effort: "default" searches lines at one small size, enlarging no photo more than twice, and RapidOCR reads the
            sixteen with the highest letters at up to 960 px, by the quick reader first; "full" searches them at three
            sizes and reads all carefully, at up to 1600 px.
        languages: ISO 639-1 codes such as ("en", "ko", "ru", "ar", "th"); None is what the engine reads by itself.
        recognisers: ONNX files of PP-OCR's recognisers, by language; the first digits of their hash stand in the name.
        model_dir: Folder of EasyOCR's weights for further languages.
        sha256: Hex digest of each of these files, by its name; they are pickles, and no other is opened.
        tessdata: Folder of Tesseract's trained data; None takes `TESSDATA_PREFIX`, or where packages put it.

    Raises:
        InputError: Another name, effort or language.
        MissingDependencyError: The engine is not there, or what reads one of the languages.
    """
    if languages is not None:
        languages_of(languages)
    if engine == "none":
        return None
    if effort not in get_args(Effort):
        raise InputError(f"effort: expected default or full, got {effort!r}")
    name = "rapidocr" if engine in ("auto", "tesseract") else engine
    if name not in _OWN_SCRIPTS:
        raise InputError(f"ocr: expected auto, easyocr, rapidocr, tesseract or none, got {engine!r}")
    first, own = _first_engine(name, device, effort), _OWN_SCRIPTS[name]
    readers = script_readers(
        languages,
        own,
        recognisers=recognisers,
        model_dir=model_dir,
        sha256=sha256,
        tessdata=tessdata,
        device=device,
        installed=engine == "tesseract" and languages is None,
    )
    return ScriptOcr(first, ScriptIdentifier(), readers, own - readers.keys())


def _first_engine(name: str, device: str, effort: Effort) -> RapidOcr | EasyOcr:
    """Return the engine that finds lines and reads those of its own scripts."""
    long_side_px, find_px = _READ_PX[effort]
    if name == "easyocr":
        return EasyOcr(device=device, long_side_px=long_side_px, find_px=find_px)
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

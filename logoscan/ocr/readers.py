"""Readers of lines by script: PP-OCR's recogniser of a script by its path, EasyOCR's languages, Tesseract's."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import file_sha256
from logoscan._quote import cause
from logoscan.errors import InputError, MissingDependencyError
from logoscan.ocr.easyocr import EasyOcr
from logoscan.ocr.languages import LANGUAGES, Language, languages_of
from logoscan.ocr.lines import line_crop
from logoscan.ocr.scripts import LineReader
from logoscan.ocr.tesseract import Tesseract, has_tesseract
from logoscan.runtime import building_networks, rebuilt_elsewhere
from logoscan.types import Rgb

__all__ = ["EasyLines", "RapidLines", "script_readers"]

# Height at which PP-OCR's recognisers read lines, px.
_LINE_PX = 48
# Width to which shorter lines are padded, px.
_MIN_LINE_PX = 128
# Directions of letters that run to the left.
_TO_THE_LEFT = ("R", "AL")


@rebuilt_elsewhere
class RapidLines:
    """PP-OCR's recogniser of one script, an ONNX file that the user has, through RapidOCR.

    Attributes:
        name: "rapidocr FILE@1A2B3C4D", with the first digits of the file's SHA-256.
    """

    @building_networks()
    def __init__(self, path: str | Path) -> None:
        """Load the recogniser.

        Args:
            path: ONNX file with its letters in its metadata, as RapidOCR publishes them. The user vouches for it.

        Raises:
            MissingDependencyError: RapidOCR is not installed.
            InputError: There is no such file, or it is no such recogniser.
        """
        file = Path(path)
        if not file.is_file():
            raise InputError(f"recognisers: expected an ONNX file, got {str(file)!r}, which is not there")
        try:
            from onnxruntime import InferenceSession
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingDependencyError(f"rapidocr is missing ({error}); pip install 'rapidocr>=3.10'") from None
        import torch

        parameters = {
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": torch.get_num_threads(),
            "Rec.model_path": str(file),
            "Rec.rec_batch_num": 1,
            "Rec.rec_img_shape": [3, _LINE_PX, _MIN_LINE_PX],
        }
        try:
            session = InferenceSession(str(file), providers=["CPUExecutionProvider"])
            if "character" not in session.get_modelmeta().custom_metadata_map:  # RapidOCR would download a table
                raise InputError("no letters in its metadata")
            del session
            self._recognise: Any = RapidOCR(params=parameters)._load_rec_model()
        except Exception as error:  # ONNX Runtime and RapidOCR raise what they like
            what = f"{file.name!r} ({cause(error)})"
            raise InputError(f"recognisers: expected a recogniser of PP-OCR, got {what}") from None
        self.name = f"rapidocr {file.name}@{file_sha256(file)[:8]}"
        self._lock = Lock()

    def read_lines(self, image: Rgb, polygons: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        """Return the reading of each line (`LineReader.read_lines`)."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        crops = [np.ascontiguousarray(line_crop(image, corners, _LINE_PX)[..., ::-1]) for corners in polygons]
        if not crops:
            return []
        with self._lock:
            read = self._recognise(TextRecInput(img=crops))
        return [[(logical_order(text), float(sure))] for text, sure in zip(read.txts, read.scores, strict=True)]


class EasyLines:
    """EasyOCR's recogniser of the languages of one script, without its search for lines."""

    def __init__(
        self,
        languages: Sequence[str],
        *,
        device: str,
        model_dir: str | Path | None,
        sha256: Mapping[str, str] | None,
    ) -> None:
        """Load the models (`EasyOcr`).

        Args:
            languages: EasyOCR's language codes.
            device: "auto", "cpu" or "cuda".
            model_dir: Folder of the weights.
            sha256: Hex digest of each weights file beyond the English ones, by its name.
        """
        self._ocr = EasyOcr(languages, device=device, model_dir=model_dir, sha256=sha256)
        self.name = f"{self._ocr.name.partition(' (')[0]} ({', '.join(languages)})"

    def read_lines(self, image: Rgb, polygons: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        """Return the reading of each line (`LineReader.read_lines`)."""
        crops = [line_crop(image, corners, 64, 0.1, 0.1) for corners in polygons]
        whole = [np.array([[0, 0, crop.shape[1], crop.shape[0]]], np.float32) for crop in crops]
        words = self._ocr.read_words(crops, whole)
        return [list(zip(spans.texts[:1], spans.confidence[:1].tolist(), strict=True)) for spans in words]


def logical_order(text: str) -> str:
    """Return a line in the order in which it is written, of one that has its letters as they stand, left to right.

    PP-OCR's recognisers of Arabic and Hebrew name letters from the left. Digits and Latin words keep their order.
    """
    if not any(unicodedata.bidirectional(c) in _TO_THE_LEFT for c in text):
        return text
    from bidi.algorithm import get_display  # python-bidi comes with EasyOCR

    return str(get_display(text, base_dir="R"))


def script_readers(
    languages: Sequence[str] | None,
    own: frozenset[str],
    *,
    recognisers: Mapping[str, str | Path] | None = None,
    model_dir: str | Path | None = None,
    sha256: Mapping[str, str] | None = None,
    tessdata: str | Path | None = None,
    device: str = "auto",
    installed: bool = False,
) -> dict[str, LineReader]:
    """Return a reader for each script of some languages that an engine does not read itself.

    A recogniser that is given goes before EasyOCR, where its folder is given, and that before Tesseract.

    Args:
        languages: ISO 639-1 codes; None asks for none beyond those of `recognisers`.
        own: Scripts that the engine reads itself, by ISO 15924 code.
        recognisers: ONNX files of PP-OCR's recognisers, by language.
        model_dir: Folder of EasyOCR's weights.
        sha256: Hex digests of EasyOCR's weights, by file name.
        tessdata: Folder of Tesseract's trained data; None finds it.
        device: Device of EasyOCR.
        installed: Whether all languages are asked for of which Tesseract's data is there.

    Raises:
        InputError: There is no such language.
        MissingDependencyError: What reads a language is not there.
    """
    codes = [*(languages or ()), *(recognisers or ())]
    if installed:
        codes += [language.code for language in LANGUAGES.values() if has_tesseract(language.tesseract, tessdata)]
    readers: dict[str, LineReader] = {}
    given = {script: path for code, path in (recognisers or {}).items() for script in languages_of([code])}
    for script, wanted in (languages_of(codes) if codes else {}).items():
        if script in given:
            readers[script] = RapidLines(given[script])
        elif script not in own:
            readers[script] = _reader(script, wanted, model_dir, sha256, tessdata, device)
    return readers


def _reader(
    script: str,
    languages: Sequence[Language],
    model_dir: str | Path | None,
    sha256: Mapping[str, str] | None,
    tessdata: str | Path | None,
    device: str,
) -> LineReader:
    """Return EasyOCR's reader of a script where a folder of its weights is given, else Tesseract's."""
    easy = [language.easyocr for language in languages if language.easyocr is not None]
    if model_dir is not None and easy:
        return EasyLines([*easy, "en"] if script != "Latn" else easy, device=device, model_dir=model_dir, sha256=sha256)
    try:
        return Tesseract([language.tesseract for language in languages], tessdata=tessdata)
    except MissingDependencyError as error:
        codes = ", ".join(language.code for language in languages)
        raise MissingDependencyError(
            f"languages: {codes}: {error}; or give PP-OCR's recogniser (recognisers) or EasyOCR's weights (model_dir)"
        ) from None

"""Tesseract as a reader of single lines that other engines find and cannot read. Knows nothing of brands.

tesserocr runs it in the process, so that a line costs no start of a program. Its trained data is a file for each
language, which Debian and others package; nothing is downloaded.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan._hashing import file_sha256
from logoscan.errors import MissingDependencyError
from logoscan.ocr.lines import clean_strokes, cut_to_ink, flatten_line, grey_line, line_crop
from logoscan.runtime import rebuilt_elsewhere
from logoscan.types import Rgb

__all__ = ["Tesseract", "has_tesseract", "tessdata_folder"]

# What is drawn of a line: strokes in black, the same without specks, and this or its greys cut to the letters.
_Drawing: TypeAlias = Literal["binary", "clean", "clean, cut", "grey, cut"]
# Where packages put trained data; Debian's folder names Tesseract's version.
_FOLDERS = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/*/share/tessdata",
)
# Ways of drawing a line: height, px, margins above and below and at the sides in shares of the height, and what of it.
# Detectors cut marks above and below letters and add much ground; specks of it pass for dots. No way is best for all
# lines, and what several read is mostly right: chosen on composed lines with Arabic and Thai names.
_WAYS: tuple[tuple[int, float, float, _Drawing], ...] = (
    (64, 0.15, 0.25, "clean"),
    (40, 0.1, 0.2, "clean"),
    (64, 0.05, 0.15, "binary"),
    (48, 0.1, 0.2, "grey, cut"),
    (32, 0.1, 0.2, "clean, cut"),
)
# Greatest confidence that counts of a further reading that agrees.
_MOST_AGREEING = 0.97
# Confidence from which another text that some of the ways read is kept beside the first.
_SECOND_FROM = 0.5
# Number of this choice, which stands in the name of the reader.
_DRAWING = 3
# Pixels around the letters of a line that is cut to them.
_CUT_PX = 2
# Darkest grey from which a line has no ink.
_LEAST_DARK = 128
# White frame around a line, px: Tesseract takes strokes at the very edge for rules.
_FRAME_PX = 10
# Sum of the confidences of one text from which no further way of drawing is tried: two that are nearly certain.
_AGREED = 1.8


@rebuilt_elsewhere
class Tesseract:
    """Reads lines in languages of one script.

    Attributes:
        name: "tesseract VERSION (rus@1A2B3C4D, ...; drawing 3)", with the first digits of the SHA-256 of the trained
            data, and the number of how lines are drawn for it.
    """

    def __init__(self, languages: Sequence[str], *, tessdata: str | Path | None = None) -> None:
        """Load the trained data.

        Args:
            languages: Tesseract's names of languages ("rus", "kor"), the most probable one first.
            tessdata: Folder of the trained data; None takes `tessdata_folder`.

        Raises:
            MissingDependencyError: tesserocr or the trained data of a language is not there.
        """
        try:
            import tesserocr
        except ImportError as error:
            raise MissingDependencyError(f"tesserocr is missing ({error}); pip install 'logoscan[tesseract]'") from None
        folder = Path(tessdata) if tessdata is not None else tessdata_folder()
        where = "no folder of Tesseract's data" if folder is None else str(folder)
        files = [Path() if folder is None else folder / f"{language}.traineddata" for language in languages]
        missing = [language for language, file in zip(languages, files, strict=True) if not file.is_file()]
        if missing:
            packages = " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in missing)
            raise MissingDependencyError(
                f"Tesseract's data of {', '.join(missing)} is missing ({where}); apt-get install {packages}, or name "
                "the folder of *.traineddata files in TESSDATA_PREFIX"
            )
        version = tesserocr.tesseract_version().split()[1]
        hashes = ", ".join(f"{n}@{file_sha256(f)[:8]}" for n, f in zip(languages, files, strict=True))
        self.name = f"tesseract {version} ({hashes}; drawing {_DRAWING})"
        self._lock = Lock()
        self._api: Any = tesserocr.PyTessBaseAPI(
            path=str(folder),
            lang="+".join(languages),
            psm=tesserocr.PSM.SINGLE_LINE,
            oem=tesserocr.OEM.LSTM_ONLY,
            variables={"debug_file": os.devnull},
        )

    def read_lines(self, image: Rgb, polygons: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        """Return the readings of each line (`LineReader.read_lines`)."""
        return [self._line(image, corners) for corners in polygons]

    def _line(self, image: Rgb, corners: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return what the ways of drawing a line read, with the joint confidence of those that read the same.

        The first is what most read, weighed by their confidence. Of the others only confident ones are kept.
        """
        readings: defaultdict[str, list[float]] = defaultdict(list)
        for height, margin, side, drawing in _WAYS:
            text, confidence = self._read(_drawn(grey_line(line_crop(image, corners, height, margin, side)), drawing))
            if text:
                readings[text].append(confidence)
                if sum(readings[text]) >= _AGREED:
                    break
        texts = sorted(readings, key=lambda text: -sum(readings[text]))
        joint = [(text, _joint_confidence(readings[text])) for text in texts]
        return joint[:1] + [reading for reading in joint[1:] if reading[1] >= _SECOND_FROM]

    def _read(self, line: NDArray[np.uint8]) -> tuple[str, float]:
        if line.min() > _LEAST_DARK:  # Tesseract takes a blank page for a round letter
            return "", 0.0
        framed = Image.fromarray(np.pad(line, _FRAME_PX, constant_values=255))
        with self._lock:  # one line at a time: the object holds the picture
            self._api.SetImage(framed)
            self._api.SetSourceResolution(300)
            text, confidence = self._api.GetUTF8Text(), self._api.MeanTextConf() / 100
        shown = "".join(" " if c.isspace() else c for c in text if unicodedata.category(c) != "Cf")
        return " ".join(shown.split()), float(confidence)


def _joint_confidence(confidences: Sequence[float]) -> float:
    """Return how sure several readings of one line are that agree.

    The surest counts in full, each further one half as much as independent evidence would: they see one picture.
    """
    best, *others = sorted(confidences, reverse=True)
    doubt = math.prod(math.sqrt(1 - min(c, _MOST_AGREEING)) for c in others)
    return 1 - (1 - min(best, 1.0)) * doubt


def _drawn(grey: NDArray[np.uint8], drawing: _Drawing) -> NDArray[np.uint8]:
    """Return a line as Tesseract is to see it, dark on white, uint8 (h, w).

    Args:
        grey: Dark letters on any ground, uint8 (h, w).
        drawing: What is drawn.
    """
    import cv2

    strokes = flatten_line(grey, binary=True)
    if drawing == "binary":
        return strokes
    strokes = clean_strokes(strokes)
    if drawing == "clean":
        return strokes
    if drawing == "clean, cut":
        return cut_to_ink(strokes, strokes, _CUT_PX)
    near = cv2.dilate((strokes < _LEAST_DARK).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return cut_to_ink(np.where(near, flatten_line(grey), np.uint8(255)), strokes, _CUT_PX)


def has_tesseract(language: str, tessdata: str | Path | None = None) -> bool:
    """Return whether tesserocr is installed and the trained data of a language is there."""
    from importlib.util import find_spec

    folder = Path(tessdata) if tessdata is not None else tessdata_folder()
    return folder is not None and (folder / f"{language}.traineddata").is_file() and find_spec("tesserocr") is not None


def tessdata_folder() -> Path | None:
    """Return the folder of Tesseract's trained data: of `TESSDATA_PREFIX`, else where packages put it; else None."""
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        given = Path(prefix)
        return given / "tessdata" if (given / "tessdata").is_dir() else given
    found = [path for pattern in _FOLDERS for path in sorted(Path("/").glob(pattern[1:]))]
    return next((path for path in reversed(found) if any(path.glob("*.traineddata"))), None)

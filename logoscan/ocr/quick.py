"""The quick reader: PP-OCRv6's "tiny" recogniser, which reads a line at a sixth of the cost of the "small" one.

What it is sure of is right nearly always; the careful reader of RapidOCR's wheel reads the rest again. Knows no
photos.
"""

from __future__ import annotations

from pathlib import Path

from logoscan._bundled import folder, verify_file
from logoscan.types import Rgb

__all__ = ["is_second_reading", "is_sure", "may_be_line", "may_be_word", "quick_reader"]

# Digests of the network, and of the letters that it knows, one a line.
_SHA256 = {
    "PP-OCRv6_rec_tiny.onnx": "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
    "PP-OCRv6_rec_tiny.txt": "2af150bab777d86fa1ce821f6a37eabea90f1bb99ab9c41f031262e892a747bc",
}
# Confidence from which a reading is sure.
_SURE = 0.95
# Letters of a reading that may be a word, and its confidence where no line was found.
_WORD_LETTERS, _WORD_CONFIDENCE = 2, 0.3
# Letters beside each digit from which the digit is a misread letter.
_LETTERS_OF_DIGIT = 4
# Width over height from which a box is a line, whatever was read in it.
_LINE_ASPECT = 1.5


def quick_reader() -> tuple[Path, Path]:
    """Return the network and the letters that it knows, verified.

    Raises:
        CorruptFileError: One is missing or altered.
    """
    network, letters = (verify_file(folder() / name, sha256) for name, sha256 in _SHA256.items())
    return network, letters


def is_sure(text: str, confidence: float) -> bool:
    """Return whether a quick reading needs no second one; of other scripts the quick reader knows too few letters."""
    return confidence >= _SURE and text.isascii() and any(map(str.isalnum, text))


def is_second_reading(quick: tuple[str, float], careful: tuple[str, float]) -> bool:
    """Return whether the quick reading of a line, a text and its confidence, is kept beside the careful one.

    It is where it may be a word that the careful reader read otherwise. A number is not: of two one would be wrong. A
    digit among letters is a misread letter.
    """
    text, confidence = quick
    is_other = text.casefold().split() != careful[0].casefold().split()
    is_number = _LETTERS_OF_DIGIT * sum(map(str.isdigit, text)) > sum(map(str.isalpha, text))
    return is_other and bool(careful[0].strip()) and may_be_word(text, confidence) and not is_number


def may_be_word(text: str, confidence: float) -> bool:
    """Return whether a box in which the quick reader read this may hold a word."""
    return confidence >= _WORD_CONFIDENCE and sum(map(str.isalnum, text)) >= _WORD_LETTERS


def may_be_line(crop: Rgb, text: str, confidence: float) -> bool:
    """Return whether a line in which the quick reader read this is worth another reading.

    A box about as wide as high in which it reads one letter or none is no line, but a thing with a round or a straight
    edge.
    """
    return sum(map(str.isalnum, text)) >= _WORD_LETTERS or crop.shape[1] >= _LINE_ASPECT * crop.shape[0]

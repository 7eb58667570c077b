"""Engines that read text in photos, and where in a photo to read."""

from logoscan.ocr.easyocr import EasyOcr
from logoscan.ocr.engine import OcrEngine, WordReader, make_ocr
from logoscan.ocr.rapidocr import RapidOcr

__all__ = [
    "EasyOcr",
    "OcrEngine",
    "RapidOcr",
    "WordReader",
    "make_ocr",
]

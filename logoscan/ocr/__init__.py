"""Engines that read text in photos, and where in a photo to read.

RapidOCR reads English, Chinese and Japanese, EasyOCR reads English out of the box; `make_ocr(languages=)` adds others.
A line in a script that nobody reads is unread, with its script. Words around a round mark are read along its edge. A
bad or partial reading ("XACO") is mentioned as `partial`, with its small probability. At full effort a photo without a
sure answer is read upside down as well; one that lies on its side is not. Names may run over stacked lines. A wrong
reading can look like a misspelt brand, so words that were read in a photo alone count half for that signal.
"""

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

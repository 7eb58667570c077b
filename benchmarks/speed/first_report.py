"""Times a process to its first report; `capacity --start` runs it in a process of its own.

Nothing heavy is imported before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def first_report(index_folder: Path, photo: Path) -> dict[str, float]:
    """Scan one photo, and return the seconds since the call at which each step was done."""
    start = time.perf_counter()
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        marks[name] = round(time.perf_counter() - start, 3)

    import logoscan  # noqa: F401

    mark("import logoscan")
    import faiss  # noqa: F401
    import open_clip  # noqa: F401
    import timm  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401

    mark("import torch, open_clip, faiss")
    import cv2  # noqa: F401
    import onnxruntime  # noqa: F401
    import rapidocr  # noqa: F401

    mark("import onnxruntime, rapidocr, cv2")
    import openvino  # noqa: F401

    mark("import openvino")
    from logoscan.index.logo_index import LogoIndex
    from logoscan.ocr.engine import make_ocr
    from logoscan.scan.scanner import Scanner
    from logoscan.types import Listing
    from logoscan.vision.detector import LogoDetector
    from logoscan.vision.encoder import ClipEncoder

    encoder = ClipEncoder(device="cpu")
    mark("encoder")
    detector = LogoDetector(device="cpu")
    mark("detector")
    ocr = make_ocr("rapidocr", device="cpu")
    mark("reader")
    index = LogoIndex.load(index_folder, encoder)
    mark("index")
    scanner = Scanner.default(index, encoder=encoder, detector=detector, ocr=ocr)
    scanner.scan(Listing("1", images=(photo,)))
    mark("first report")
    return marks


if __name__ == "__main__":
    print(json.dumps(first_report(Path(sys.argv[1]), Path(sys.argv[2]))))

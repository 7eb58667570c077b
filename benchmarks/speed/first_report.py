"""Times a process to its first report; `capacity --start` runs it in a process of its own.

Nothing heavy is imported before the clock starts. Run it twice: the first time compiles networks for the cache.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def first_report(index_folder: Path, photo: Path) -> dict[str, float]:
    """Scan one photo, and return the seconds since the call at which each step was done, and those of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        marks[name] = round(time.perf_counter() - start, 3)
        marks[f"{name}, processor"] = round(time.process_time() - busy, 3)

    from logoscan import Listing, LogoIndex, Scanner, make_ocr
    from logoscan.vision.detector import LogoDetector
    from logoscan.vision.encoder import ClipEncoder

    mark("import logoscan")
    import torch  # noqa: F401

    mark("import torch")
    encoder = ClipEncoder(device="cpu")
    mark("encoder")
    detector = LogoDetector(device="cpu")
    mark("detector")
    ocr = make_ocr("rapidocr", device="cpu")
    mark("reader")
    scanner = Scanner.default(LogoIndex.load(index_folder, encoder), encoder=encoder, detector=detector, ocr=ocr)
    mark("index")
    scanner.scan(Listing("1", images=(photo,)))
    mark("first report")
    return marks


if __name__ == "__main__":
    print(json.dumps(first_report(Path(sys.argv[1]), Path(sys.argv[2]))))

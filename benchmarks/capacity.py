"""What ten million listings a day take, and how rate and memory grow.

`python benchmarks/capacity.py --images DIR [--images DIR ...] --gallery DIR --json OUT`: cores for 10 million listings
a day at 1, 3 and 5 photos from the rate of a stream of such listings; the rate and resident memory of a stream by its
length (`--stream`); and the time from the start of a process to its first report, by cause (`--start`). Growth with the
register stands in `index.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from common import peak_mb, register, write_result
from options import PATH
from rich.progress import track
from scan import built, photos_of
from soak import resident

from logoscan import ClipEncoder, Listing, Scanner
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.text.words import is_word

_DAY_S, _LISTINGS = 86_400, 10_000_000
_FIRST = """
import time
start = time.perf_counter()
import json, sys
from pathlib import Path
marks = {}
def mark(name):
    marks[name] = round(time.perf_counter() - start, 3)
import logoscan; mark("import logoscan")
import torch, torchvision, timm, open_clip, faiss; mark("import torch, open_clip, faiss")
import onnxruntime, rapidocr, cv2; mark("import onnxruntime, rapidocr, cv2")
import openvino; mark("import openvino")
from logoscan import ClipEncoder, LogoIndex, Scanner, Listing, make_ocr
from logoscan.detect import LogoDetector
encoder = ClipEncoder(device="cpu"); mark("encoder")
detector = LogoDetector(device="cpu"); mark("detector")
ocr = make_ocr("rapidocr", device="cpu"); mark("reader")
index = LogoIndex.load(sys.argv[1], encoder); mark("register")
scanner = Scanner(index, encoder=encoder, detector=detector, ocr=ocr)
scanner.scan(Listing("1", images=(Path(sys.argv[2]),))); mark("first report")
print(json.dumps(marks))
"""


def listings(files: Sequence[Path], photos: int) -> Iterator[Listing]:
    """Listings of so many photos each, no photo twice."""
    for start in range(0, len(files) - photos + 1, photos):
        yield Listing(str(start), images=tuple(files[start : start + photos]))


def warm(scanner: Scanner, some: Sequence[Listing]) -> None:
    """Load what loads at first use, the lists of words too, which wait for the first photo with text."""
    list(scanner.scan_many(some, deduplicate=False))
    is_word("")


def rate(scanner: Scanner, files: Sequence[Path], photos: int) -> float:
    """Listings a second."""
    every = list(listings(files, photos))
    warm(scanner, every[:4])
    start = time.perf_counter()
    done = sum(1 for _ in scanner.scan_many(every, deduplicate=False))
    return done / (time.perf_counter() - start)


def growth(scanner: Scanner, files: Sequence[Path], length: int) -> list[dict[str, float]]:
    """Photos a second, also of processor time, and memory over a stream of `length` photos: resident, and the most yet.

    At 500 photos and at each tenth of the stream, of the photos since the mark before. On a machine with other work the
    rate of processor time is the one to compare.
    """
    marks = sorted({500, *range(length // 10, length + 1, length // 10)})
    stream = (Listing(str(i), images=(files[i % len(files)],)) for i in range(length))
    warm(scanner, [Listing("first", images=tuple(files[:1]))])
    out, last, done = [], (time.perf_counter(), time.process_time()), 0
    for i, _ in enumerate(track(scanner.scan_many(stream, deduplicate=False), "stream", total=length), 1):
        if i in marks:
            now = time.perf_counter(), time.process_time()
            per_s, per_cpu_s = ((i - done) / (end - begin) for begin, end in zip(last, now, strict=True))
            mb = round(resident() / 2**20)
            rates = {"per_s": round(per_s, 3), "per_cpu_s": round(per_cpu_s, 3)}
            out.append({"photos": i, **rates, "mb": mb, "peak_mb": round(peak_mb())})
            print(out[-1], flush=True)
            last, done = now, i
    return out


def first_report(index: Path, photo: Path) -> dict[str, float]:
    """Seconds since the start of a process at which each step was done."""
    command = [sys.executable, "-W", "ignore", "-c", _FIRST, str(index), str(photo)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


@click.command(help=__doc__)
@click.option("--images", "folders", type=PATH, required=True, multiple=True, help="Folders of photos.")
@click.option("--gallery", "galleries", type=PATH, required=True, multiple=True, help="Brand folders.")
@click.option("--limit", default=300, show_default=True, type=click.IntRange(40), help="Photos for the rates.")
@click.option(
    "--stream",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Photos of the long stream; all of the folders in turn.",
)
@click.option("--start", is_flag=True, help="Time a process to its first report as well.")
@click.option("--ocr", type=click.Choice(["auto", "easyocr", "rapidocr", "none"]), default="auto", show_default=True)
@click.option("--effort", type=click.Choice(["default", "full"]), default="default", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def main(
    folders: tuple[Path, ...],
    galleries: tuple[Path, ...],
    limit: int,
    stream: int,
    start: bool,
    ocr: str,
    effort: str,
    device: str,
    out: Path,
) -> None:
    """Measure, write."""
    import tempfile

    import torch

    device, files = resolve_device(device), photos_of(folders, limit)
    settings: dict[str, Any] = {
        "device": device,
        "photos": len(files),
        "effort": effort,
        "ocr": ocr,
        "cores": cores(),
    }
    print(settings)
    one_core_a_batch()
    encoder = ClipEncoder(device=device)
    index, _ = register(galleries, None, encoder, None)
    scanner = built(index, encoder, ocr, effort, device)
    figures: dict[str, Any] = {}
    for photos in (1, 3, 5):
        per_s = rate(scanner, files, photos)
        needed = _LISTINGS / _DAY_S / per_s * cores()
        name = f"{photos}photo{'s' if photos > 1 else ''}"
        figures |= {f"listings_per_s_{name}": round(per_s, 3), f"cores_10m_{name}": round(needed, 1)}
    if stream:
        figures["stream"] = growth(scanner, photos_of(folders, stream), stream)
    if start:
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "index")
            figures["first_report_s"] = first_report(Path(folder) / "index", files[0])
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(out, figures, settings)


if __name__ == "__main__":
    main()

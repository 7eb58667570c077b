"""What a scan costs beside the plain way of doing it, on the same photos in one process.

`python benchmarks/scan.py --images DIR [--images DIR ...] --gallery DIR --limit N --json OUT [--device cuda]`

(a) the peer: open_clip ViT-B-32 in fp32 (random weights: the speed is the same) on 50 tiles a photo in batches of 32,
faiss, EasyOCR's `readtext` with its defaults, as the libraries' own examples do it; (b) the same with RapidOCR's
defaults; (c) logoscan at full effort; (d) its default; (e) the bare forward passes of (d) on prepared tensors; and
where the time of (d) goes, stage by stage. No photo
comes twice, photos are not deduplicated. The photos are an equal share of each folder, none enlarged.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import register, write_result
from options import PATH
from passes import Recorder
from rich.progress import track
from stages import timed

from logoscan import ClipEncoder, Listing, LogoIndex, Scanner, make_ocr
from logoscan.images.loading import load_image
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.text.words import is_word
from logoscan.vision.tiles import TilePlan, Tiles

_TILES, _BATCH = 50, 32
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def photos_of(folders: Sequence[Path], limit: int) -> list[Path]:
    """`limit` photos, as many of each folder, in an order that mixes them."""
    rng, share = random.Random(0), -(-limit // len(folders))
    drawn = []
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        drawn.append(rng.sample(files, min(share, len(files))))
    mixed = [file for row in zip(*drawn, strict=False) for file in row]
    return mixed[:limit]


class Peer:
    """The libraries' own examples, one after the other."""

    def __init__(self, device: str) -> None:
        """Load the models."""
        import easyocr
        import faiss
        import open_clip
        import torch
        from rapidocr import RapidOCR

        from logoscan.ocr.engine import easyocr_models

        clip, _, self._preprocess = open_clip.create_model_and_transforms("ViT-B-32", device=device)
        self._clip, self._device, self._torch = clip.eval(), device, torch
        self._index = faiss.IndexFlatIP(512)
        self._index.add(np.random.default_rng(0).standard_normal((217, 512)).astype(np.float32))
        self._easy = easyocr.Reader(
            ["en"],
            gpu=device != "cpu",
            model_storage_directory=str(easyocr_models()),
            download_enabled=False,
            verbose=False,
        )
        self._rapid = RapidOCR(params={"Global.log_level": "critical"})

    def look(self, file: Path) -> None:
        """50 tiles through CLIP, and their nearest logos."""
        from PIL import Image

        with Image.open(file) as opened:
            image = opened.convert("RGB")
        (laid,) = Tiles(TilePlan((1.0, 0.55, 0.4), min_px=1)).detect([np.asarray(image)])
        boxes = np.resize(laid.xyxy, (_TILES, 4))
        tiles = [self._preprocess(image.crop((x0, y0, x1, y1))) for x0, y0, x1, y1 in boxes.tolist()]
        with self._torch.no_grad():
            for start in range(0, _TILES, _BATCH):
                batch = self._torch.stack(tiles[start : start + _BATCH]).to(self._device)
                vectors = self._clip.encode_image(batch)
                vectors /= vectors.norm(dim=-1, keepdim=True)
                self._index.search(vectors.cpu().numpy(), 5)

    def easy(self, file: Path) -> None:
        """The photo as (a) takes it."""
        self.look(file)
        self._easy.readtext(str(file))

    def rapid(self, file: Path) -> None:
        """The photo as (b) takes it."""
        self.look(file)
        self._rapid(str(file))


def each(run: Callable[[Path], None], files: Sequence[Path], what: str) -> float:
    """Seconds a photo, one after the other."""
    run(files[0])
    start = time.perf_counter()
    for file in track(files, what):
        run(file)
    return (time.perf_counter() - start) / len(files)


def stream(
    scanner: Scanner, files: Sequence[Path], workers: int | None, begin: Callable[[], None] = lambda: None
) -> float:
    """Seconds a photo of a stream of listings of one photo; `begin` is called when a few have been scanned before."""

    def scan(some: Sequence[Path]) -> None:
        listings = (Listing(str(i), images=(file,)) for i, file in enumerate(some))
        for report in scanner.scan_many(listings, workers=workers, deduplicate=False):
            if report.warnings:
                raise click.ClickException(f"{report.images[0].file}: {report.warnings[0]}")

    scan(files[:8])
    is_word("")  # loads the lists of words, which wait for the first photo with text
    begin()
    start = time.perf_counter()
    scan(files)
    return (time.perf_counter() - start) / len(files)


def built(index: LogoIndex, encoder: ClipEncoder, ocr: str, effort: Any, device: str) -> Scanner:
    """A scanner of the bundled models."""
    engine = make_ocr(ocr, device=device, effort=effort)  # type: ignore[arg-type]
    return Scanner(index, encoder=encoder, ocr=engine, effort=effort)


@click.command(help=__doc__)
@click.option("--images", "folders", type=PATH, required=True, multiple=True, help="Folders of photos.")
@click.option("--gallery", "galleries", type=PATH, required=True, multiple=True, help="Brand folders.")
@click.option("--limit", default=300, show_default=True, type=click.IntRange(8), help="Photos of (c), (d) and (e).")
@click.option("--peer-limit", default=60, show_default=True, type=click.IntRange(1), help="Photos of (a) and (b).")
@click.option("--full-limit", type=click.IntRange(8), help="Photos of (c), if fewer.")
@click.option("--workers", type=click.IntRange(1), help="Batches side by side; default: a core each.")
@click.option("--ocr", type=click.Choice(["auto", "easyocr", "rapidocr"]), default="auto", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def main(
    folders: tuple[Path, ...],
    galleries: tuple[Path, ...],
    limit: int,
    peer_limit: int,
    full_limit: int | None,
    workers: int | None,
    ocr: str,
    device: str,
    out: Path,
) -> None:
    """Measure, write."""
    import torch

    device = resolve_device(device)
    files = photos_of(folders, limit)
    settings: dict[str, Any] = {"device": device, "photos": len(files), "peer_photos": min(peer_limit, len(files))}
    print(settings)
    peer = Peer(device)
    seconds = {
        "peer": each(peer.easy, files[:peer_limit], "peer, EasyOCR"),
        "peer_rapid": each(peer.rapid, files[:peer_limit], "peer, RapidOCR"),
    }
    one_core_a_batch()
    encoder = ClipEncoder(device=device)
    index, _ = register(galleries, None, encoder, None)
    seconds["full"] = stream(built(index, encoder, ocr, "full", device), files[: full_limit or limit], workers)
    scanner = built(index, encoder, ocr, "default", device)
    with timed(scanner) as stages:
        seconds["default"] = stream(scanner, files, workers, stages.clear)
    recorder = Recorder(scanner)
    recorder.record([load_image(file) for file in files])
    seconds["passes"] = recorder.replay(workers or cores()) / len(files)
    figures = {
        "ratio_full_peer": round(seconds["peer"] / seconds["full"], 2),
        "ratio_default_peer": round(seconds["peer"] / seconds["default"], 2),
        "ratio_default_peer_rapid": round(seconds["peer_rapid"] / seconds["default"], 2),
        "overhead_ms_per_photo": round(1000 * (seconds["default"] - seconds["passes"]), 2),
        "model_share": round(seconds["passes"] / seconds["default"], 3),
        "seconds_per_photo": {name: round(value, 4) for name, value in seconds.items()},
        "stages_ms_per_photo": {k: round(1000 * v / len(files), 2) for k, v in stages.items()},
        "passes_ms_per_photo": {k: round(1000 * v / len(files), 2) for k, v in recorder.seconds.items()},
    }
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(out, figures, {**settings, "cores": cores(), "ocr": scanner.ocr.name if scanner.ocr else ""})


if __name__ == "__main__":
    main()

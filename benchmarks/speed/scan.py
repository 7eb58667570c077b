"""What a scan costs beside the plain way of doing it, on the same photos in one process.

(a) the peer: open_clip ViT-B-32 in fp32 (random weights: the speed is the same) on 50 tiles a photo in batches of 32,
faiss, and EasyOCR's `readtext` with its defaults, as the libraries' own examples do it; (b) the same with RapidOCR's
defaults; (c) logoscan at full effort; (d) logoscan at default effort; (e) the bare forward passes of (d) on prepared
tensors. No photo comes twice, and photos are not deduplicated. The photos are an equal share of each folder, none
enlarged unless `--long-side` says so. `stages` says in which stage of (d) the time goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.passes import Recorder
from benchmarks.speed.streams import EDGE, photos_of, seconds_a_photo
from logoscan.images.loading import load_image
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.tiles import TilePlan, Tiles

# Tiles a photo and tiles a batch of the peer.
_TILES, _BATCH = 50, 32


class Peer:
    """Runs the libraries' own examples, one after the other."""

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

    def encode_tiles(self, file: Path) -> None:
        """Encode 50 tiles by CLIP and find their nearest logos."""
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
        """Take a photo as (a) does."""
        self.encode_tiles(file)
        self._easy.readtext(str(file))

    def rapid(self, file: Path) -> None:
        """Take a photo as (b) does."""
        self.encode_tiles(file)
        self._rapid(str(file))


def each(run: Callable[[Path], None], files: Sequence[Path], what: str) -> float:
    """Time a function of one photo: seconds a photo, one after the other."""
    run(files[0])
    start = time.perf_counter()
    for file in track(files, what):
        run(file)
    return (time.perf_counter() - start) / len(files)


@click.command("scan", help=__doc__)
@click.option("--limit", default=300, show_default=True, type=click.IntRange(8), help="Photos of (c), (d) and (e).")
@click.option("--peer-limit", default=60, show_default=True, type=click.IntRange(1), help="Photos of (a) and (b).")
@click.option("--full-limit", type=click.IntRange(8), help="Photos of (c), if fewer.")
@click.option("--workers", type=click.IntRange(1), help="Processes, or 1; default: threads, one a core.")
@options("json", "folders", "long_side", "gallery", *(name for name in MODELS if name != "effort"))
def scan(
    folders: tuple[Path, ...],
    long_side_px: int | None,
    galleries: tuple[Path, ...],
    limit: int,
    peer_limit: int,
    full_limit: int | None,
    workers: int | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Time the peers and logoscan on the same photos."""
    import torch

    device = resolve_device(device)
    files = photos_of(folders, limit, long_side_px)
    settings: dict[str, Any] = {"photos": len(files), "peer_photos": min(peer_limit, len(files))}
    print(settings)
    peer = Peer(device)
    seconds = {
        "peer": each(peer.easy, files[:peer_limit], "peer, EasyOCR"),
        "peer_rapid": each(peer.rapid, files[:peer_limit], "peer, RapidOCR"),
    }
    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = build_index(galleries, None, clip)
    full = build_scanner(index, encoder=clip, effort="full", device=device, **models)
    edge = 0 if workers == 1 else EDGE
    seconds["full"] = seconds_a_photo(full, files[: full_limit or limit], workers, edge=edge)
    scanner = build_scanner(index, encoder=clip, device=device, **models)
    seconds["default"] = seconds_a_photo(scanner, files, workers, edge=edge)
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
        "passes_ms_per_photo": {k: round(1000 * v / len(files), 2) for k, v in recorder.seconds.items()},
    }
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(
        out, figures, {**settings_of(scanner), **settings, "workers": workers or cores(), "long_side_px": long_side_px}
    )

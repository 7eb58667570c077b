"""The detector alone, on labelled boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.progress import track

from benchmarks.common.options import PATH, by_size, corners, options, rows_by_file, rows_of
from benchmarks.common.results import write_result
from logoscan.images.boxes import iou
from logoscan.images.loading import load_image
from logoscan.types import Boxes, Effort, Rgb
from logoscan.vision.detector import Detector, make_detector

# Pictures that are written of misses, and of false alarms.
_PICTURES = 40
# IoU under which a proposal is a false alarm, unless it shows a mark that nobody labelled.
_FALSE_ALARM_IOU = 0.1


@click.command("boxes")
@click.option("--boxes", type=PATH, required=True, help="CSV file,brand,x0,y0,x1,y1.")
@click.option("--proposals", type=click.IntRange(1), multiple=True, default=(10, 50), show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path), help="Write the worst misses and false alarms here.")
@click.option(
    "--effort",
    type=click.Choice(["default", "full"]),
    default="full",
    show_default=True,
    help="Full effort proposes 50 regions, the default 12.",
)
@options("images", "encoder", "pretrained", "detector", "detector_weights", "device", "json")
def boxes(
    images: Path,
    boxes: Path,
    proposals: tuple[int, ...],
    pictures: Path | None,
    effort: Effort,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    device: str,
    out: Path,
) -> None:
    """Count the labelled boxes that one of the first proposals of their photo meets at IoU 0.5.

    recall_N: share met by one of the first N proposals, of all boxes and of those whose long side in the photo is under
    64 px (_small), to 160 px (_medium), and above (_large). --pictures writes the missed boxes that the best proposal
    meets least, and the surest proposals that meet no box, among them marks that nobody labelled. --encoder is accepted
    and changes nothing.
    """
    chosen, rows = make_detector(detector, device=device, path=detector_weights, effort=effort), rows_of(boxes)
    files = rows_by_file(rows)
    met = meet_boxes(chosen, ((file, load_image(images / file)) for file in track(files, "photos")), rows, proposals)
    settings = {"detector": f"{chosen.name}@{chosen.fingerprint}", "device": device, "effort": effort}
    write_result(out, met.figures(), settings)
    if pictures is not None:
        missed = np.flatnonzero(~met.met[int(np.argmax(proposals))])
        misses = [(float(met.best[i]), rows[i]["file"], np.array(corners(rows[i]), np.float32)) for i in missed]
        _draw(pictures, "miss", images, sorted(misses, key=lambda m: m[0])[:_PICTURES])
        _draw(pictures, "false-alarm", images, sorted(met.alarms, key=lambda a: -a[0])[:_PICTURES])


@dataclass(frozen=True, eq=False)
class MetBoxes:
    """How the proposals of a detector meet labelled boxes.

    Attributes:
        rows: Row of each labelled box.
        proposals: Numbers of first proposals that are counted.
        met: bool (len(proposals), len(rows)), whether one of the first proposals has an IoU of 0.5 with the box.
        best: float64 (len(rows),), IoU of the proposal that meets the box best.
        alarms: Confidence, file and box of each proposal that meets no box.
        counts: Number of proposals of each photo.
    """

    rows: list[dict[str, str]]
    proposals: tuple[int, ...]
    met: NDArray[np.bool_]
    best: NDArray[np.float64]
    alarms: list[tuple[float, str, Boxes]]
    counts: list[int]

    def figures(self) -> dict[str, Any]:
        """Compute recall by number of proposals and by size, and the mean of the best IoU."""
        figures: dict[str, Any] = {}
        for met, most in zip(self.met, self.proposals, strict=True):
            figures[f"recall_{most}"] = round(float(met.mean()), 4)
            figures |= {f"recall_{most}_{size}": value for size, value in by_size(met, self.rows).items()}
        figures |= {"mean_best_iou": round(float(self.best.mean()), 4), "n_boxes": len(self.rows)}
        return figures | {"photos": len(self.counts), "proposals_mean": round(float(np.mean(self.counts)), 1)}


def meet_boxes(
    detector: Detector, photos: Iterable[tuple[str, Rgb]], rows: list[dict[str, str]], proposals: tuple[int, ...]
) -> MetBoxes:
    """Detect in photos, and compare the proposals with the labelled boxes.

    Args:
        detector: Proposes regions, the surest first.
        photos: File and pixels of each photo; one may have no box.
        rows: Rows file,x0,y0,x1,y1 of the boxes.
        proposals: Numbers of first proposals to count.
    """
    by_file = rows_by_file(rows)
    met = np.zeros((len(proposals), len(rows)), bool)
    best, counts = np.zeros(len(rows)), []
    alarms: list[tuple[float, str, Boxes]] = []
    for file, rgb in photos:
        members = by_file.get(file, [])
        truth = np.array([corners(rows[i]) for i in members], np.float32).reshape(-1, 4)
        regions = detector.detect([rgb])[0]
        counts.append(len(regions))
        overlap = iou(regions.xyxy, truth)
        best[members] = overlap[: max(proposals)].max(axis=0, initial=0)
        unlabelled = np.flatnonzero(overlap.max(axis=1, initial=0) < _FALSE_ALARM_IOU)
        alarms += [(float(regions.confidence[i]), file, regions.xyxy[i]) for i in unlabelled]
        for k, most in enumerate(proposals):
            met[k, members] = (overlap[:most] >= 0.5).any(axis=0)
    return MetBoxes(rows, proposals, met, best, alarms, counts)


def _draw(folder: Path, kind: str, images: Path, regions: list[tuple[float, str, Boxes]]) -> None:
    """Write each region with its box in red, the photo 480 px wide, as KIND-RANK-FILE; remove those of an earlier run.

    Args:
        folder: Folder of the pictures.
        kind: "miss" or "false-alarm".
        images: Folder of the photos.
        regions: Rank value, file and box of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{kind}-[0-9][0-9]-*.jpg"):
        old.unlink()
    for rank, (_, file, xyxy) in enumerate(regions):
        photo = Image.fromarray(load_image(images / file))
        scale = 480 / photo.width
        shown = photo.resize((480, round(photo.height * scale)))
        ImageDraw.Draw(shown).rectangle([float(v) * scale for v in xyxy], outline=(255, 0, 0), width=3)
        shown.save(folder / f"{kind}-{rank:02d}-{Path(file).stem}.jpg")

"""Are changed copies of a photo found, and different photos kept apart, those of one product too?

A copy is found where the PDQ hash of the photo, turned or mirrored, differs by at most 31 bits, or where the keypoints
confirm it (`vision/copies`); `pdq_alone` is the first alone. found: share of copies, by change
(`common/changed_copies`); brief: the same with keypoints as a feature store keeps them. false: pairs of different
photos that are called copies. `same_product`: all pairs of photos of one product, those whose names are the same up to
the last _number. `nearest`: each photo of a folder with its three nearest by PDQ, since a search confirms near ones
alone; the hash alone decides about all other `pairs`. Every pair that is called copies is listed, to be looked at.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.changed_copies import CHANGES, changed_copy
from benchmarks.common.options import PATH
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from logoscan.images.loading import load_image
from logoscan.images.phash import MATCH_BITS, photo_hashes
from logoscan.store.keypoints import decode_keypoints, encode_keypoints
from logoscan.types import Regions, Rgb
from logoscan.vision.copies import confirm_copy
from logoscan.vision.sift import Keypoints, sift_photo

_NEAREST = 3


def _bits(hashes: tuple[str, ...]) -> np.ndarray:
    return np.array([np.unpackbits(np.frombuffer(bytes.fromhex(h), np.uint8)) for h in hashes]).reshape(-1, 256)


def _near(turned: np.ndarray, bits: np.ndarray) -> bool:
    return len(turned) > 0 and len(bits) > 0 and int((turned != bits[:1]).sum(axis=1).min()) <= MATCH_BITS


def _brief(keypoints: Keypoints) -> Keypoints:
    return decode_keypoints(encode_keypoints(keypoints, Regions.empty()), keypoints.size_wh)


def found(photos: list[Path], seed: int) -> dict[str, Any]:
    """Measure the share of changed copies that is found."""
    rng = random.Random(seed)
    pixels: list[Rgb] = [load_image(path) for path in photos]
    figures: dict[str, Any] = {}
    points = [sift_photo(rgb) for rgb in pixels]
    hashes = [_bits(photo_hashes(rgb)[1]) for rgb in pixels]
    for change in CHANGES:
        rows = []
        for rgb, keypoints, turned in zip(pixels, points, hashes, strict=True):
            copy = changed_copy(rgb, change, rng.choice(pixels), rng)
            near, of_copy = _near(turned, _bits(photo_hashes(copy)[1])), sift_photo(copy)
            full = near or confirm_copy(keypoints, of_copy) is not None
            brief = near or confirm_copy(_brief(keypoints), _brief(of_copy)) is not None
            rows.append((full, brief, near))
        names = ("found", "brief", "pdq_alone")
        figures[change] = dict(zip(names, np.mean(rows, axis=0).round(4).tolist(), strict=True)) | {"n": len(rows)}
        click.echo(f"{change} {figures[change]}")
    return figures


def false_pairs(folder: Path, last: int | None) -> dict[str, Any]:
    """List the pairs of different photos of a folder that are called copies."""
    paths = photo_files(folder, last)
    points, hashes = [], []
    for path in paths:
        rgb = load_image(path)
        points.append(sift_photo(rgb))
        hashes.append(_bits(photo_hashes(rgb)[1]))
    hashed = [i for i, bits in enumerate(hashes) if len(bits)]
    own = np.array([hashes[i][0] for i in hashed], np.float32) * 2 - 1
    nearest: set[tuple[int, int]] = set()
    by_hash: set[tuple[int, int]] = set()
    for row, i in enumerate(hashed):
        distance = ((256 - (hashes[i].astype(np.float32) * 2 - 1) @ own.T) / 2).min(axis=0)
        distance[row] = 256
        by_hash |= {(min(i, hashed[j]), max(i, hashed[j])) for j in np.flatnonzero(distance <= MATCH_BITS).tolist()}
        nearest |= {(min(i, hashed[j]), max(i, hashed[j])) for j in np.argsort(distance)[:_NEAREST].tolist()}
    groups: dict[str, list[int]] = defaultdict(list)
    for i, path in enumerate(paths):
        groups[re.sub(r"_[0-9]+$", "", path.stem)].append(i)
    same = {pair for group in groups.values() for pair in combinations(group, 2)}
    confirmed = {p for p in same | nearest if confirm_copy(points[p[0]], points[p[1]]) is not None}
    figures = {
        "photos": len(paths),
        "pairs": len(paths) * (len(paths) - 1) // 2,
        "same_product": len(same),
        "same_product_false": len(same & confirmed),
        "nearest": len(nearest),
        "nearest_false": len(nearest & confirmed),
        "by_hash_alone": len(by_hash),
        "called_copies": [f"{paths[i].name} {paths[j].name}" for i, j in sorted(confirmed | by_hash)],
    }
    click.echo(f"{folder.name} {figures}")
    return figures


@click.command("copies", help=__doc__)
@click.option("--images", "folders", type=PATH, multiple=True, required=True, help="Folders of photos; repeatable.")
@click.option("--count", default=200, show_default=True, help="Photos that are copied, from all folders.")
@click.option("--last", type=int, help="Only so many photos of each folder, from the end, for false pairs.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def copies(folders: tuple[Path, ...], count: int, last: int | None, seed: int, out: Path) -> None:
    """Measure copies."""
    photos = [path for folder in folders for path in photo_files(folder)]
    random.Random(seed).shuffle(photos)
    figures: dict[str, Any] = {"copies": found(photos[:count], seed)}
    figures["false"] = {f"{folder.parent.name}/{folder.name}": false_pairs(folder, last) for folder in folders}
    write_result(out, figures, {"count": count, "last": last, "seed": seed, "copies": "simulated"})

"""Train the codebook by which a feature store keeps keypoints in brief (`logoscan.store.keypoints`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from logoscan.images.loading import read_picture
from logoscan.sources import ANYWHERE
from logoscan.training.command_options import FOLDER
from logoscan.vision.sift import sift_photo

# Bytes of a descriptor, centroids of each, and rounds of k-means.
_PARTS, _CENTROIDS, _ROUNDS = 32, 256, 25
# Most descriptors of a photo, so that no photo of fine patterns outweighs the others.
_PER_PHOTO = 200


def train_keypoint_codebook(photos: Sequence[Path]) -> NDArray[np.uint8]:
    """Return the centroids of each part of RootSIFT descriptors, uint8 (32, 256, 4).

    Args:
        photos: Some hundred photos of goods.
    """
    import faiss

    rng = np.random.default_rng(0)
    found = [sift_photo(read_picture(photo, root=ANYWHERE).rgb).descriptors for photo in photos]
    sample = np.concatenate([rng.permutation(descriptors)[:_PER_PHOTO] for descriptors in found]).astype(np.float32)
    quantiser = faiss.ProductQuantizer(sample.shape[1], _PARTS, 8)
    quantiser.cp.niter, quantiser.cp.max_points_per_centroid = _ROUNDS, len(sample)
    quantiser.train(sample)
    centroids = faiss.vector_to_array(quantiser.centroids).reshape(_PARTS, _CENTROIDS, -1)
    return np.asarray(np.clip(np.rint(centroids), 0, 255), np.uint8)


@click.command("keypoints")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--photos", required=True, type=FOLDER, help="JPEG files of goods, some hundred.")
@click.option("--first", default=900, show_default=True, type=click.IntRange(1), help="Files that are used, by name.")
def keypoints_command(target: Path, photos: str, first: int) -> None:
    """Train the codebook of keypoints, which a feature store needs, and write it to TARGET (.npy)."""
    chosen = sorted(path for path in Path(photos).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[:first]
    np.save(target, train_keypoint_codebook(chosen))
    click.echo(f"{len(chosen)} photos -> {target}")

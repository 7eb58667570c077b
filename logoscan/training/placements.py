"""Fit the probability that a keypoint placement is right: `python -m logoscan.training.placements --help`.

Composed scenes are searched in indexes of several sizes, half of which lack the brand that the scene shows. A logistic
regression of "the scene shows this brand" on the log_nfa of the placement and the size of the index gives the numbers
in `logoscan.matching.placement`. The marks in the scenes are from icon sets that no tower was trained on, or words that
are in no index, set in the fonts of wordmarks that are.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from rich.progress import track

from logoscan.index.vet import CONFLICTS
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.matching.sift_match import placements
from logoscan.training.calibrate import full_index, scenes
from logoscan.training.icon_files import load as load_icons
from logoscan.training.wordmarks import draw_name, font_files, random_name
from logoscan.types import Brand, ImageSource, Rgba
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.extractor import FeatureExtractor
from logoscan.vision.sift import Sift

# Sizes of the indexes, in brands.
_INDEX_SIZES = (1, 3, 10, 27, 100, 400)
# Number of indexes of each size that a scene is searched in.
_INDEXES_PER_SIZE = 2
# Share of the marks in the scenes that are words of no brand in the index: real photos are full of such words.
_WORD_SHARE = 0.5
# Number of wordmarks that are indexed beside the icons; no scene shows one of them.
_WORDMARK_COUNT = 1000


def wordmarks(rng: np.random.Generator, fonts: Path) -> list[tuple[Brand, list[tuple[str, ImageSource]]]]:
    """Return made-up brands with a wordmark each, in the fonts of the words in the scenes.

    The words of a scene share letters with these wordmarks.

    Args:
        rng: Source of all choices.
        fonts: Folder of font files.
    """
    files = font_files(fonts)
    logo_images: dict[str, Rgba] = {}
    while len(logo_images) < _WORDMARK_COUNT:
        name = random_name(rng)
        alpha = draw_name(name, files[int(rng.integers(len(files)))])
        if alpha is not None and alpha.any():
            ink = np.zeros((*alpha.shape, 4), np.uint8)
            ink[..., 3] = alpha
            logo_images[name] = ink
    return [(Brand(name), [("wordmark", ink)]) for name, ink in logo_images.items()]


@click.command()
@click.option(
    "--drawings",
    "icons_folder",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Rendered unseen marks.",
)
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scenes", "count", default=300, show_default=True)
@click.option("--seed", default=21, show_default=True)
def main(icons_folder: Path, backgrounds: Path, fonts: Path, count: int, seed: int) -> None:
    """Fit on the scenes of even number and check on the others; then fit on all, and print both."""
    from sklearn.linear_model import LogisticRegression

    icons, encoder = load_icons(icons_folder), ClipEncoder()
    extractor = FeatureExtractor(encoder, LogoDetector(effort="full"), None, Sift(), effort="full")
    index = full_index(icons, encoder, set())
    rng = np.random.default_rng(seed)
    index.add_many(wordmarks(rng, fonts), allow=CONFLICTS)
    every = sorted(index.with_logo)
    rows: list[tuple[int, float, float, bool]] = []
    composed = scenes(seed, count, icons, backgrounds, fonts, _WORD_SHARE)
    for number, scene in enumerate(track(composed, "scenes", total=count)):
        features = extractor.extract_unread(scene.rgb)
        shown = frozenset(scene.names)
        for size in _INDEX_SIZES * _INDEXES_PER_SIZE:
            kept = [name for name in sorted(shown & set(every)) if rng.random() < 0.5][:size]
            part = index.snapshot()
            part.keep([*kept, *rng.choice(sorted(set(every) - shown), size - len(kept), replace=False)])
            (search,) = part.search_photos([(features.vectors, features.mirrored)])
            for placement, logo in placements(features, search, part):
                rows.append((number, np.log(placement.log_nfa), np.log(size), logo.brand in shown))
    table = np.array(rows, np.float64)
    even, inputs, right = table[:, 0] % 2 == 0, table[:, 1:3], table[:, 3] > 0
    trial = LogisticRegression(C=1000.0).fit(inputs[even], right[even])
    probability = trial.predict_proba(inputs[~even])[:, 1]
    model = LogisticRegression(C=1000.0).fit(inputs, right)
    click.echo(json.dumps({
        "scenes": count, "placements": len(rows), "right": round(float(right.mean()), 4),
        "held_out_ece": round(expected_calibration_error(probability, right[~even]), 4),
        "intercept": round(float(model.intercept_[0]), 3), "log_nfa": round(float(model.coef_[0, 0]), 3),
        "brands": round(float(model.coef_[0, 1]), 3),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()

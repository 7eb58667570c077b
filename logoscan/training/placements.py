"""How surely a drawing lies where its points say: `python -m logoscan.training.placements --help`.

Composed scenes are searched in registers of several sizes, half of them without the drawing that the scene shows; a
logistic regression of "the scene shows this brand" on the log_nfa of the placement and the size of the register gives
the numbers in `logoscan.matching.placement`. The scenes' marks are of icon sets that no tower was trained on, or words that no
register knows, set in the fonts of registered ones.
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
from logoscan.training import drawings as drawing_store
from logoscan.training.calibrate import full_register, scenes
from logoscan.training.wordmarks import draw_name, font_files, random_name
from logoscan.types import Brand, ImageSource, Rgba
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import FeatureExtractor
from logoscan.vision.sift import Sift

_SIZES = (1, 3, 10, 27, 100, 400)
"""Of the registers, in brands."""
_REGISTERS = 2
"""Registers of each size that a scene is searched in."""
_WORDS = 0.5
"""Share of the scenes' marks that are words, of no register: real photos are full of them."""
_WORDMARKS = 1000
"""Registered beside the drawn marks; no scene shows one of them."""


def wordmarks(rng: np.random.Generator, fonts: Path) -> list[tuple[Brand, list[tuple[str, ImageSource]]]]:
    """Made-up names in the fonts that the scenes' words are set in: what other words share letters with."""
    files = font_files(fonts)
    drawn: dict[str, Rgba] = {}
    while len(drawn) < _WORDMARKS:
        name = random_name(rng)
        alpha = draw_name(name, files[int(rng.integers(len(files)))])
        if alpha is not None and alpha.any():
            ink = np.zeros((*alpha.shape, 4), np.uint8)
            ink[..., 3] = alpha
            drawn[name] = ink
    return [(Brand(name), [("wordmark", ink)]) for name, ink in drawn.items()]


@click.command()
@click.option("--drawings", type=click.Path(exists=True, path_type=Path), required=True, help="Rendered unseen marks.")
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scenes", "count", default=300, show_default=True)
@click.option("--seed", default=21, show_default=True)
def main(drawings: Path, backgrounds: Path, fonts: Path, count: int, seed: int) -> None:
    """Fit on the scenes of even number and check on the others; then fit on all, and print both."""
    from sklearn.linear_model import LogisticRegression

    marks, encoder = drawing_store.load(drawings), ClipEncoder()
    extractor = FeatureExtractor(encoder, LogoDetector(effort="full"), None, Sift(), effort="full")
    register = full_register(marks, encoder, set())
    rng = np.random.default_rng(seed)
    register.add_many(wordmarks(rng, fonts), allow=CONFLICTS)
    every = sorted(register.with_logo)
    rows: list[tuple[int, float, float, bool]] = []
    made = scenes(seed, count, marks, backgrounds, fonts, _WORDS)
    for number, scene in enumerate(track(made, "scenes", total=count)):
        features = extractor.extract_unread(scene.rgb)
        shown = frozenset(scene.names)
        for size in _SIZES * _REGISTERS:
            known = [name for name in sorted(shown & set(every)) if rng.random() < 0.5][:size]
            part = register.snapshot()
            part.keep([*known, *rng.choice(sorted(set(every) - shown), size - len(known), replace=False)])
            (search,) = part.search_photos([(features.vectors, features.mirrored)])
            found = [(there.log_nfa, record.brand in shown) for there, record in placements(features, search, part)]
            rows += [(number, np.log(log_nfa), np.log(size), right) for log_nfa, right in found]
    table = np.array(rows, np.float64)
    even, inputs, right = table[:, 0] % 2 == 0, table[:, 1:3], table[:, 3] > 0
    trial = LogisticRegression(C=1000.0).fit(inputs[even], right[even])
    sure = trial.predict_proba(inputs[~even])[:, 1]
    model = LogisticRegression(C=1000.0).fit(inputs, right)
    click.echo(json.dumps({
        "scenes": count, "placements": len(rows), "right": round(float(right.mean()), 4),
        "held_out_ece": round(expected_calibration_error(sure, right[~even]), 4),
        "intercept": round(float(model.intercept_[0]), 3), "log_nfa": round(float(model.coef_[0, 0]), 3),
        "brands": round(float(model.coef_[0, 1]), 3),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()

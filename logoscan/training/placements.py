"""How surely a drawing lies where its points say: `python -m logoscan.training.placements --help`.

Composed scenes are searched in registers of several sizes, most without the drawing that the scene shows; a logistic
regression of "the scene shows this brand" on the surprise of the placement and the size of the register gives the
numbers in `logoscan.placement`. The scenes' marks are of icon sets that no tower was trained on.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from rich.progress import track

from logoscan.calibrate import SIZES, expected_calibration_error
from logoscan.detect import LogoDetector
from logoscan.encode import ClipEncoder, encode_crops
from logoscan.keypoints import of_photo
from logoscan.locate import placements
from logoscan.observing import Observation
from logoscan.results import ImageRecord
from logoscan.training import drawings as drawing_store
from logoscan.training.calibrate import full_register, scenes
from logoscan.types import TextSpans

_REGISTERS = 2
"""Registers of each size that a scene is searched in."""


@click.command()
@click.option("--drawings", type=click.Path(exists=True, path_type=Path), required=True, help="Rendered unseen marks.")
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scenes", "count", default=300, show_default=True)
@click.option("--seed", default=21, show_default=True)
def main(drawings: Path, backgrounds: Path, fonts: Path, count: int, seed: int) -> None:
    """Fit on the scenes of even number and check on the others; then fit on all, and print both."""
    from sklearn.linear_model import LogisticRegression

    marks, encoder, detector = drawing_store.load(drawings), ClipEncoder(), LogoDetector()
    register = full_register(marks, encoder, set())
    every = sorted(register.with_logo)
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, float, float, bool]] = []
    for number, scene in enumerate(track(scenes(seed, count, marks, backgrounds, fonts), "scenes", total=count)):
        regions = detector.detect([scene.rgb])[0]
        vectors = encode_crops(encoder, [scene.rgb], [regions.xyxy])[0]
        record = ImageRecord(None, "", scene.rgb.shape[1], scene.rgb.shape[0])
        seen = Observation(record, regions, vectors, TextSpans.empty(), of_photo(scene.rgb))
        shown = frozenset(scene.names)
        for size in [s for s in SIZES if s < len(every)] * _REGISTERS:
            known = [name for name in shown & set(every) if rng.random() < 0.5]
            part = register.snapshot()
            part.keep([*known, *rng.choice(sorted(set(every) - shown), size - len(known), replace=False)])
            found = [(there.surprise, record.brand in shown) for there, record in placements(seen, part)]
            rows += [(number, np.log(surprise), np.log(size), right) for surprise, right in found]
    table = np.array(rows, np.float64)
    even, features, right = table[:, 0] % 2 == 0, table[:, 1:3], table[:, 3] > 0
    trial = LogisticRegression(C=1000.0).fit(features[even], right[even])
    sure = trial.predict_proba(features[~even])[:, 1]
    model = LogisticRegression(C=1000.0).fit(features, right)
    click.echo(json.dumps({
        "scenes": count, "placements": len(rows), "right": round(float(right.mean()), 4),
        "held_out_ece": round(expected_calibration_error(sure, right[~even]), 4),
        "intercept": round(float(model.intercept_[0]), 3), "surprise": round(float(model.coef_[0, 0]), 3),
        "brands": round(float(model.coef_[0, 1]), 3),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()

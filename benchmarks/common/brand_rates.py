"""Which share of photos gets a right name, and which a wrong one, where a photo may show several brands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np

from benchmarks.common.labelled_photos import MODES, Photo, best, rates
from benchmarks.common.statistics import share


def brand_rates(
    photos: Sequence[Photo], confidences: Sequence[Mapping[str, Mapping[str, float]]], threshold: float
) -> dict[str, Any]:
    """Compute, for each mode, the figures of `identify` with the shares of shown brands named and of photos misnamed.

    top1, tpr_shipped, fpr_shipped: as in `identify`, of the most confident brand. shown_named: share of the brands that
    the photos show, photo by photo, with a confidence above the threshold. wrong_named: share of all photos with at
    least one brand above the threshold that they do not show.

    Args:
        photos: Photos with the brands of the index that each shows.
        confidences: Confidence of each brand by mode, of each photo.
        threshold: Confidence above which a brand is named.
    """
    if not any(photo.brands for photo in photos):
        raise click.ClickException("no photo shows a brand of the index: nothing to measure")
    per_mode: dict[str, dict[str, Any]] = {}
    for mode in MODES:
        by_photo = [(photo, given[mode], best(given[mode])) for photo, given in zip(photos, confidences, strict=True)]
        positives = [(name in photo.brands, sure) for photo, _, (name, sure) in by_photo if photo.brands]
        negatives = np.array([sure for photo, _, (_, sure) in by_photo if not photo.brands], np.float64)
        hit, confidence = np.array([h for h, _ in positives], bool), np.array([c for _, c in positives], np.float64)
        shown = [given.get(name, -1.0) > threshold for photo, given, _ in by_photo for name in sorted(photo.brands)]
        wrong = [any(c > threshold for name, c in given.items() if name not in p.brands) for p, given, _ in by_photo]
        per_mode[mode] = rates(hit, confidence, negatives, threshold)
        per_mode[mode] |= share("shown_named", shown) | share("wrong_named", wrong)
    counts = {"n_pos": len(positives), "n_neg": len(negatives), "n_shown": len(shown)}
    return {**counts, **per_mode["both"], "modes": per_mode}

"""Which share of photos gets a right name, and which a wrong one, where a photo may show several brands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import click
import numpy as np

from benchmarks.common.labelled_photos import MODES, Named, Photo, best, rates
from benchmarks.common.statistics import share


def brand_rates(
    photos: Sequence[Photo],
    confidences: Sequence[Mapping[str, Mapping[str, float]]],
    named: Named | None,
    with_logo: Collection[str] = (),
) -> dict[str, Any]:
    """Compute, for each mode, how photos are ranked and named.

    top1, tpr_at_fpr_01, tpr_at_fpr_05: of the most confident brand (`rates`). tpr_shipped: share of positives whose
    most confident brand is right and is named. fpr_shipped: share of negatives in which any brand is named.
    shown_named: share of the brands that the photos show, photo by photo, that are named. wrong_named: share of all
    photos in which at least one brand is named that they do not show. top1_with_logo: share of the photos that show a
    brand with a logo image whose most confident brand is right; None without `with_logo`.

    Args:
        photos: Photos with the brands of the index that each shows.
        confidences: Confidence of each brand by mode, of each photo.
        named: Whether a brand is named at a confidence; None where no threshold is shipped: then the last four figures
            are None.
        with_logo: Brands that are registered by a logo image.
    """
    if not any(photo.brands for photo in photos):
        raise click.ClickException("no photo shows a brand of the index: nothing to measure")
    per_mode: dict[str, dict[str, Any]] = {}
    for mode in MODES:
        given = [of_photo[mode] for of_photo in confidences]
        found = [{name for name, sure in one.items() if named is not None and named(name, sure)} for one in given]
        rows = [(photo.brands, *best(one), names) for photo, one, names in zip(photos, given, found, strict=True)]
        positive = [row for row in rows if row[0]]
        bare = [row for row in rows if not row[0]]
        hit = np.array([name in brands for brands, name, _, _ in positive], bool)
        confidence, negatives = (np.array([sure for _, _, sure, _ in part], np.float64) for part in (positive, bare))
        shipped, shown, wrong = None, [], []
        if named is not None:
            answer_named = np.array([name in names for _, name, _, names in positive], bool)
            shipped = (answer_named, np.array([bool(names) for *_, names in bare], bool))
            shown = [name in names for brands, _, _, names in rows for name in sorted(brands)]
            wrong = [bool(names - brands) for brands, _, _, names in rows]
        per_mode[mode] = rates(hit, confidence, negatives, shipped)
        drawn = [name in brands for brands, name, _, _ in positive if brands & set(with_logo)]
        per_mode[mode] |= share("shown_named", shown) | share("wrong_named", wrong) | share("top1_with_logo", drawn)
    n_shown = sum(len(photo.brands) for photo in photos)
    counts = {"n_pos": len(positive), "n_neg": len(bare), "n_shown": n_shown, "n_with_logo": len(drawn)}
    return {**counts, **per_mode["both"], "modes": per_mode}

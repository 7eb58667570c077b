"""Fit a `MatchCalibration`, which maps similarity to probability, for any encoder and detector on labelled photos.

Each photo is encoded once; many random indexes of several sizes are then searched with the same vectors, so that the
fit includes the effect of the index's size, and of brands that are not registered. Needs scikit-learn (extra
`calibrate`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError, MissingDependencyError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.neighbours import BrandNeighbours, margins
from logoscan.matching.calibration import MatchCalibration
from logoscan.odds import SHOWN_SHARE
from logoscan.types import Embeddings, Regions
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder

__all__ = ["LabelledPhoto", "Samples", "collect", "expected_calibration_error", "fit", "most_probable_rows", "predict"]

logger = logging.getLogger(__name__)

SIZES = (10, 27, 100, 400, 1500)
"""Sizes of the random indexes, in brands."""
PAIRS_PER_SIZE = 2000
"""Least number of pairs of a photo and a random index for each size."""
FALSE_POSITIVES = 0.01
"""Target false positive rate: share of photos without a registered mark that get a brand at the threshold."""
# Brands of a photo that enter the fit: the answer, and the next ones.
_BRANDS_PER_PHOTO = 3
# Lowest and highest threshold: below the first, a name is more likely wrong than right; above the second, hardly any
# photo would get one.
_THRESHOLD_RANGE = (0.3, 0.95)
# Photos that are searched together.
_BLOCK = 64
# Fewest right, and fewest wrong, matches that are needed for a fit.
_MIN_SAMPLES = 30


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """The features of a photo with the brands that it shows.

    Attributes:
        brands: Brands that the photo shows; empty for none.
        regions: Regions of the photo.
        vectors: Vectors of the regions, float32 (len(regions), dim), unit rows.
    """

    brands: frozenset[str]
    regions: Regions
    vectors: Embeddings


@dataclass(frozen=True, eq=False)
class Samples:
    """Matches of labelled photos with random indexes.

    Attributes:
        features: float64 (n, 4): similarity, margin, ln(brands in the index), detector confidence.
        right: bool (n,), whether the photo shows the brand.
        case: int64 (n,), number of the pair of photo and index that the match belongs to, rising.
        empty: bool (n,), whether the photo shows no brand of the index.
        brands: int64 (n,), number of brands in the index.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    case: NDArray[np.int64]
    empty: NDArray[np.bool_]
    brands: NDArray[np.int64]


def collect(
    photos: Sequence[LabelledPhoto], index: LogoIndex, seed: int = 0, kind: Literal["logo", "name"] = "logo"
) -> Samples:
    """Search photos in random parts of an index, and return the matches.

    Args:
        photos: Labelled photos; some of them should show no registered brand.
        index: Index of all brands.
        seed: Seed of the random parts.
        kind: Whether brands are found by their logos or by their names alone.

    Raises:
        InputError: No photo shows a registered brand, or none has a region.
    """
    rng = np.random.default_rng(seed)
    every = sorted(index.with_logo if kind == "logo" else index.by_name)
    shown = sorted({brand for photo in photos for brand in photo.brands} & set(every))
    if not shown:
        raise InputError(f"pictures: expected some that show a brand registered by {kind}, got none in {len(photos)}")
    rows: list[tuple[float, float, float, float, bool, int, bool, int]] = []
    cases = 0
    for size in sorted({*(s for s in SIZES if s < len(every)), min(len(every), SIZES[-1])}):
        for _ in range(-(-PAIRS_PER_SIZE // len(photos))):
            # half of a small index is brands that some photo shows, or hardly any photo would show one of its brands
            chosen = rng.choice(shown, min(len(shown), max(1, size // 2)), replace=False).tolist()
            others = sorted(set(every) - set(chosen))
            rest = rng.choice(others, min(len(others), size - len(chosen)), replace=False).tolist() if others else []
            registered = frozenset([*chosen, *rest])
            part = index.snapshot()
            part.keep(registered)
            search = part.search_brands if kind == "logo" else part.search_names
            for i, photo in enumerate(photos):
                if i % _BLOCK == 0:  # a search for each photo would cost more than the rest of the work
                    block = photos[i : i + _BLOCK]
                    near, end = search(np.concatenate([p.vectors for p in block])), 0
                start, end = end, end + len(photo.vectors)
                true = registered & photo.brands
                if size < 400 and not true and rng.random() < 0.7:
                    continue  # photos without a registered mark would be nearly all of the sample
                matches = _matches(photo, near, start, true, len(registered))
                rows += [(*match, cases, not true, len(registered)) for match in matches]
                cases += 1
    if not rows:
        raise InputError(f"pictures: expected some with regions, got {len(photos)} without any")
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Samples(np.stack(columns[:4], 1).astype(np.float64), *columns[4:])


def _matches(
    photo: LabelledPhoto, near: BrandNeighbours, start: int, true: frozenset[str], size: int
) -> list[tuple[float, float, float, float, bool]]:
    """Return features and truth of the best brands of a photo, whose regions are the rows of `near` from `start` on."""
    near = near.between(start, start + len(photo.regions))
    best, margin = near.similarity[:, 0], margins(near)
    rank = best + margin  # the order of `match_regions` without a calibration
    order = np.argsort(-rank, kind="stable")
    best_row = {int(near.brand[row, 0]): int(row) for row in reversed(order)}
    ranked = sorted(best_row.items(), key=lambda item: -rank[item[1]])[:_BRANDS_PER_PHOTO]
    confidence = photo.regions.confidence
    return [
        (best[row], margin[row], np.log(size), confidence[row], near.brands[brand] in true) for brand, row in ranked
    ]


def fit(
    samples: Samples,
    encoder: Encoder,
    detector: Detector,
    note: str,
    kind: Literal["logo", "name"] = "logo",
    *,
    use_confidence: bool = True,
) -> MatchCalibration:
    """Fit a calibration by logistic regression (L2, C = 10), and choose its threshold on photos without a mark.

    In each size of index, photos with a registered mark weigh `odds.SHOWN_SHARE` of all, however many they are.

    Args:
        samples: Output of `collect`.
        encoder: The encoder that made the vectors of the samples.
        detector: The detector that made their regions.
        note: Data from which the samples were collected, in words.
        kind: The `kind` that was given to `collect`.
        use_confidence: Whether the detector's confidence is a feature. On composites a trained detector is far more
            confident than on photos, so its coefficient would not hold for photos.

    Raises:
        InputError: There are too few right, or wrong, matches.
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingDependencyError("scikit-learn is missing; pip install 'logoscan[calibrate]'") from None
    right = int(samples.right.sum())
    if min(right, len(samples.right) - right) < _MIN_SAMPLES:
        raise InputError(
            f"samples: expected {_MIN_SAMPLES} right and {_MIN_SAMPLES} wrong matches or more, "
            f"got {right} and {len(samples.right) - right}: label more pictures"
        )
    varies = bool(np.ptp(samples.features[:, 3]))  # all tiles have the same confidence
    n_features = 4 if use_confidence and varies else 3
    model = LogisticRegression(C=10.0, max_iter=1000)
    model.fit(samples.features[:, :n_features], samples.right, sample_weight=_weights(samples))
    similarity, margin, log_brands, *confidence = (float(c) for c in model.coef_[0])
    draft = MatchCalibration(
        encoder=encoder.info.fingerprint,
        detector=detector.fingerprint,
        intercept=float(model.intercept_[0]),
        similarity=similarity,
        margin=margin,
        log_brands=log_brands,
        confidence=confidence[0] if confidence else 0.0,
        threshold=0.5,
        fitted_on=note,
        kind=kind,
    )
    # the best matches of photos without a registered brand, in indexes of the size that most users have
    probability = predict(draft, samples)
    best = most_probable_rows(probability, samples)
    usual = samples.empty[best] & (samples.brands[best] <= max(100, int(samples.brands.min())))
    if not usual.any():
        return draft
    wanted = float(np.quantile(probability[best][usual], 1 - FALSE_POSITIVES))
    threshold = float(np.clip(wanted, *_THRESHOLD_RANGE))
    if wanted > threshold:
        logger.warning(
            "threshold: %.3f would hold %.0f %% false positives, set to %.2f: more than that may be named",
            wanted, 100 * FALSE_POSITIVES, threshold,
        )  # fmt: skip
    return replace(draft, threshold=round(threshold, 3))


def _weights(samples: Samples) -> NDArray[np.float64]:
    """Return the weight of each match, float64 (n,), 1 on average.

    In each size of index the photos with a registered mark have the share `SHOWN_SHARE`, however many there are: with
    more labelled photos, more brands are shown, and a small random index holds fewer of them. A photo's matches share
    its weight.
    """
    _, place, matches = np.unique(samples.case, return_inverse=True, return_counts=True)
    out = 1.0 / matches[place]
    for size in np.unique(samples.brands):
        here = samples.brands == size
        kinds = [(here & ~samples.empty, SHOWN_SHARE), (here & samples.empty, 1 - SHOWN_SHARE)]
        there = [(rows, share) for rows, share in kinds if rows.any()]
        for rows, share in there:
            out[rows] *= (share if len(there) == 2 else 1.0) * here.sum() / out[rows].sum()
    return out


def most_probable_rows(probability: NDArray[np.float64], samples: Samples) -> NDArray[np.int64]:
    """Return the row of the most probable match of each case, int64 (cases,)."""
    order = np.lexsort((-probability, samples.case))
    first = np.diff(samples.case[order], prepend=-1) != 0
    return np.asarray(order[first], np.int64)


def predict(calibration: MatchCalibration, samples: Samples) -> NDArray[np.float64]:
    """Return the probability of each sample by a calibration, float64 (n,)."""
    out = np.empty(len(samples.right))
    for size in np.unique(samples.brands):
        rows = samples.brands == size
        part = samples.features[rows].astype(np.float32)
        out[rows] = calibration.probability(part[:, 0], part[:, 1], int(size), part[:, 3])
    return out


def expected_calibration_error(probability: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence and accuracy over 10 equal-width bins (Naeini et al., AAAI 2015)."""
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))

"""Similarity to probability: fits a `MatchCalibration` for any encoder and detector on labelled pictures.

Each picture is encoded once; many random registers of several sizes are then searched with the same vectors, so that
the effect of the register's size, and of brands that are not registered, is in the fit. Needs scikit-learn (extra
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
from logoscan.types import Embeddings, Regions
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder

__all__ = ["Labelled", "Samples", "collect", "expected_calibration_error", "fit", "predict", "surest"]

logger = logging.getLogger(__name__)

SIZES = (10, 27, 100, 400, 1500)
"""Register sizes, in brands."""
PAIRS_PER_SIZE = 2000
"""Picture-register pairs drawn for each size."""
FALSE_POSITIVES = 0.01
"""Share of pictures without a registered mark that may be given a name at the threshold."""
_CANDIDATES = 3
"""Brands of a picture that enter the fit: the answer, and the ones that could have been."""
_THRESHOLDS = (0.3, 0.95)
"""Least and highest threshold: below, a name is more likely wrong than right; above, hardly any would be given."""
_BLOCK = 64
"""Pictures that are searched together."""
_LEAST = 30
"""Samples of either answer below which nothing is fitted."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture as the stages see it, with its truth.

    Attributes:
        brands: What it shows; empty for none.
        regions: Places looked at.
        vectors: float32 (len(regions), dim).
    """

    brands: frozenset[str]
    regions: Regions
    vectors: Embeddings


@dataclass(frozen=True, eq=False)
class Samples:
    """Matches with their truth.

    Attributes:
        features: float64 (n, 4): similarity, margin, ln(brands in the register), detector confidence.
        right: bool (n,): the picture does show the brand.
        case: int64 (n,): number of the picture in a register that it is one of the matches of, rising.
        empty: bool (n,): the picture shows no registered brand.
        brands: int64 (n,): size of the register.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    case: NDArray[np.int64]
    empty: NDArray[np.bool_]
    brands: NDArray[np.int64]


def collect(
    pictures: Sequence[Labelled], register: LogoIndex, seed: int = 0, kind: Literal["logo", "name"] = "logo"
) -> Samples:
    """Search pictures in random parts of a register and note what came out.

    Args:
        pictures: Labelled, some of them best without any registered brand.
        register: All brands there are.
        seed: Of the choice of the parts.
        kind: Whether brands are found by their logos or by their names alone.

    Raises:
        InputError: No picture shows a registered brand, or none has any region.
    """
    rng = np.random.default_rng(seed)
    every = sorted(register.with_logo if kind == "logo" else register.by_name)
    shown = sorted({n for picture in pictures for n in picture.brands} & set(every))
    if not shown:
        raise InputError(f"pictures: expected some that show a brand registered by {kind}, got none in {len(pictures)}")
    rows: list[tuple[float, float, float, float, bool, int, bool, int]] = []
    cases = 0
    for size in sorted({*(s for s in SIZES if s < len(every)), min(len(every), SIZES[-1])}):
        for _ in range(-(-PAIRS_PER_SIZE // len(pictures))):
            # half of a small register is shown somewhere, or hardly any picture would show one of its brands
            known = rng.choice(shown, min(len(shown), max(1, size // 2)), replace=False).tolist()
            others = sorted(set(every) - set(known))
            rest = rng.choice(others, min(len(others), size - len(known)), replace=False).tolist() if others else []
            inside = frozenset([*known, *rest])
            part = register.snapshot()
            part.keep(inside)
            search = part.search_brands if kind == "logo" else part.search_names
            for i, picture in enumerate(pictures):
                if i % _BLOCK == 0:  # a search for each picture would cost more than what is found
                    block = pictures[i : i + _BLOCK]
                    near, start = search(np.concatenate([p.vectors for p in block])), 0
                here, start = start, start + len(picture.vectors)
                true = inside & picture.brands
                if size < 400 and not true and rng.random() < 0.7:
                    continue  # pictures without a registered mark would be nearly all of the sample
                found = _candidates(picture, near, here, true, len(inside))
                rows += [(*match, cases, not true, len(inside)) for match in found]
                cases += 1
    if not rows:
        raise InputError(f"pictures: expected some with regions, got {len(pictures)} without any")
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Samples(np.stack(columns[:4], 1).astype(np.float64), *columns[4:])


def _candidates(
    picture: Labelled, near: BrandNeighbours, start: int, true: frozenset[str], size: int
) -> list[tuple[float, float, float, float, bool]]:
    """The likeliest brands of a picture whose regions are the rows of `near` from `start` on."""
    near = near.between(start, start + len(picture.regions))
    best, margin = near.similarity[:, 0], margins(near)
    rank = best + margin  # as the matcher ranks without a calibration; the surest one is chosen when there is one
    order = np.argsort(-rank, kind="stable")
    place = {int(near.brand[row, 0]): int(row) for row in reversed(order)}  # each brand's best place
    ranked = sorted(place.items(), key=lambda item: -rank[item[1]])[:_CANDIDATES]
    sure = picture.regions.confidence
    return [(best[row], margin[row], np.log(size), sure[row], near.brands[brand] in true) for brand, row in ranked]


def fit(
    samples: Samples,
    encoder: Encoder,
    detector: Detector,
    note: str,
    kind: Literal["logo", "name"] = "logo",
    *,
    use_confidence: bool = True,
) -> MatchCalibration:
    """Logistic regression (L2, C = 10) of `right` on the features; the threshold from pictures without a mark.

    Args:
        samples: As `collect` found them.
        encoder: Of their vectors.
        detector: Of their regions.
        note: On what they were collected, in words.
        kind: As given to `collect`.
        use_confidence: Whether the detector's confidence counts. On composites a trained detector is far surer than on
            photos, so that what it says there about a match does not carry over.

    Raises:
        InputError: Too few samples of either answer.
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingDependencyError("scikit-learn is missing; pip install 'logoscan[calibrate]'") from None
    right = int(samples.right.sum())
    if min(right, len(samples.right) - right) < _LEAST:
        raise InputError(
            f"samples: expected {_LEAST} right and {_LEAST} wrong matches or more, "
            f"got {right} and {len(samples.right) - right}: label more pictures"
        )
    varies = bool(np.ptp(samples.features[:, 3]))  # tiles all have one confidence; a trained detector brings its own
    used = 4 if use_confidence and varies else 3
    model = LogisticRegression(C=10.0, max_iter=1000).fit(samples.features[:, :used], samples.right)
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
    # the answer of an empty picture, over registers of the size that most owners have
    sure = predict(draft, samples)
    answer = surest(sure, samples)
    usual = samples.empty[answer] & (samples.brands[answer] <= max(100, int(samples.brands.min())))
    if not usual.any():
        return draft
    wanted = float(np.quantile(sure[answer][usual], 1 - FALSE_POSITIVES))
    threshold = float(np.clip(wanted, *_THRESHOLDS))
    if wanted > threshold:
        logger.warning(
            "threshold: %.3f would hold %.0f %% false positives, set to %.2f: more than that may be named",
            wanted, 100 * FALSE_POSITIVES, threshold,
        )  # fmt: skip
    return replace(draft, threshold=round(threshold, 3))


def surest(probability: NDArray[np.float64], samples: Samples) -> NDArray[np.int64]:
    """Row of the surest match of each case, int64 (cases,)."""
    order = np.lexsort((-probability, samples.case))
    first = np.diff(samples.case[order], prepend=-1) != 0
    return np.asarray(order[first], np.int64)


def predict(calibration: MatchCalibration, samples: Samples) -> NDArray[np.float64]:
    """Probability of each sample."""
    out = np.empty(len(samples.right))
    for size in np.unique(samples.brands):
        rows = samples.brands == size
        part = samples.features[rows].astype(np.float32)
        out[rows] = calibration.probability(part[:, 0], part[:, 1], int(size), part[:, 3])
    return out


def expected_calibration_error(probability: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean gap of confidence and accuracy over 10 equal-width bins (Naeini et al., AAAI 2015)."""
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))

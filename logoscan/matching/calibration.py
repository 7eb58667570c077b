"""Map similarity to probability: the calibration of an encoder and a detector, and thresholds of an index's brands.

`brands[].probability` and the `probability` of a match say how surely the photos show the brand. They were calibrated
on composed pictures. The shipped threshold is where the brand may be named: about 1 % of composed pictures without a
registered logo pass it (2.0 % of held-out ones). The score does not cut there; it uses the probability itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from logoscan._validate import finite
from logoscan.errors import InputError, MismatchError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.neighbours import nearest_of
from logoscan.io.records import from_mapping
from logoscan.odds import BASE_RATE, USUAL_MISS_RATE, sigmoid_array
from logoscan.types import Embeddings, EncoderInfo
from logoscan.vision.detector import Detector
from logoscan.vision.weights import calibration_rows

__all__ = [
    "LEAST_NEGATIVES",
    "MatchCalibration",
    "brand_thresholds",
    "bundled_calibrations",
    "fitting_calibration",
    "miss_rate",
]


@dataclass(frozen=True)
class MatchCalibration:
    """Logistic model of the probability that a match is right.

    logit = intercept + similarity * s + margin * m + log_brands * ln(brands in the index) + confidence * c

    Attributes:
        encoder: Fingerprint of the encoder that it was fitted for.
        detector: Fingerprint of the detector that it was fitted for.
        intercept: Log-odds where all terms are 0.
        similarity: Coefficient of the cosine s to the nearest logo of the brand.
        margin: Coefficient of the lead m in cosine over the next brand or negative (`margins`).
        log_brands: Coefficient of the natural logarithm of the number of brands.
        confidence: Coefficient of the detector's confidence c.
        threshold: Least probability from which a brand is named; chosen on composites.
        fitted_on: Data that it was fitted on, in words.
        kind: Whether it is for brands that are registered by logo images or by their name alone.
    """

    encoder: str
    detector: str
    intercept: float
    similarity: float
    margin: float
    log_brands: float
    confidence: float
    threshold: float
    fitted_on: str
    kind: Literal["logo", "name"] = "logo"

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"MatchCalibration.threshold: expected a probability, got {self.threshold!r}")
        for name in ("intercept", "similarity", "margin", "log_brands", "confidence"):
            finite("MatchCalibration", name, getattr(self, name))

    def probability(
        self,
        similarity: NDArray[np.float32],
        margin: NDArray[np.float32],
        n_brands: int,
        confidence: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Return the probability of each match.

        Args:
            similarity: Cosine to the nearest logo of the matched brand, float32.
            margin: Lead in cosine over the next brand or negative, of the same shape.
            n_brands: Number of brands in the index.
            confidence: Confidence of the detector in the region, of the same shape.

        Returns:
            float64 in [0, 1], of the shape of `similarity`.
        """
        logit = (
            self.intercept
            + self.similarity * similarity.astype(np.float64)
            + self.margin * margin.astype(np.float64)
            + self.log_brands * float(np.log(max(1, n_brands)))
            + self.confidence * confidence.astype(np.float64)
        )
        return sigmoid_array(np.clip(logit, -60, 60))


def bundled_calibrations() -> tuple[MatchCalibration, ...]:
    """Return the match calibrations that ship; each names the encoder and the detector that it belongs to."""
    return tuple(from_mapping(MatchCalibration, c, "weights/manifest.json") for c in calibration_rows())


# Number of logo images of a brand whose own miss rate weighs as much as the usual one. A stated prior.
_PRIOR_LOGO_IMAGES = 4
LEAST_NEGATIVES = 5
"""Fewest negatives of its own from which a brand gets a threshold; fewer count through the margin only."""


def fitting_calibration(
    calibration: MatchCalibration | Literal["auto"] | None,
    encoder: EncoderInfo,
    detector: Detector,
    kind: Literal["logo", "name"],
) -> MatchCalibration | None:
    """Return a calibration that belongs to an encoder and a detector.

    Args:
        calibration: The calibration to check; "auto" takes the bundled one that belongs to both, None is none.
        encoder: The encoder in use.
        detector: The detector in use.
        kind: Whether brands are found by their logos or by their names alone.

    Returns:
        The calibration; None where none is given, or none is bundled for them.

    Raises:
        MismatchError: The calibration given belongs to another encoder or detector, or is of the other kind.
    """
    key = (encoder.fingerprint, detector.fingerprint, kind)
    if calibration == "auto":
        return next((c for c in bundled_calibrations() if (c.encoder, c.detector, c.kind) == key), None)
    if calibration is not None and (calibration.encoder, calibration.detector, calibration.kind) != key:
        raise MismatchError(
            f"{calibration.kind} calibration made for encoder {calibration.encoder} and detector "
            f"{calibration.detector}, used with {key[0]} ({encoder.name}) and {key[1]} "
            f"({detector.name}) as {kind} calibration"
        )
    return calibration


def brand_thresholds(index: LogoIndex, calibration: MatchCalibration, budget: float = 0.01) -> Mapping[str, float]:
    """Return the probability above which a match may name a brand, for brands with five negatives of their own or more.

    Each negative is judged as a new region would be, against all negatives except itself.

    Args:
        index: A snapshot of the index.
        calibration: Calibration of the encoder and the detector in use.
        budget: Share of the brand's own negatives that may still be named, 0..1; with fewer than 1 / budget negatives
            none may.

    Returns:
        By brand the lowest threshold within the budget, at least `calibration.threshold`, which holds for every other
        brand.

    Raises:
        MismatchError: The calibration belongs to another encoder.
        InputError: The calibration is for names, or the budget is out of range.
    """
    if calibration.encoder != index.encoder_info.fingerprint:
        raise MismatchError(
            f"calibration made for encoder {calibration.encoder}, used with an index of "
            f"{index.encoder_info.fingerprint}"
        )
    if calibration.kind != "logo":
        raise InputError(f"calibration.kind: expected 'logo', got {calibration.kind!r}")
    if not 0 <= budget <= 1:
        raise InputError(f"budget: expected a share in 0..1, got {budget!r}")
    thresholds = {}
    for brand in sorted(index.with_logo):
        negatives = index.negative_vectors(brand)
        if len(negatives) >= LEAST_NEGATIVES:
            thresholds[brand] = _threshold(index, brand, negatives, calibration, budget)
    return thresholds


def _threshold(
    index: LogoIndex, brand: str, negatives: Embeddings, calibration: MatchCalibration, budget: float
) -> float:
    near = index.search_brands(negatives, 2)
    to_negatives = negatives @ negatives.T
    np.fill_diagonal(to_negatives, -1)
    position = near.brands.index(brand)
    similarity, rival = near.similarity[:, 0].copy(), near.second.copy()
    for query, relatives in near.relatives.items():  # a brand that shares the logo may come first
        for relative in relatives:
            if relative.brand == position:
                similarity[query], rival[query] = relative.similarity, relative.rival
                near.brand[query, 0] = position
    nearest_negative = np.maximum(to_negatives.max(axis=1), nearest_of(negatives, index.negative_vectors()))
    margin = similarity - np.maximum(rival, nearest_negative)
    ones = np.ones(len(negatives), np.float32)
    probability = calibration.probability(similarity, margin, len(near.brands), ones)
    ordered = np.sort(probability * (near.brand[:, 0] == position))[::-1]
    allowed = int(np.floor(budget * len(ordered) + 1e-9))
    return max(calibration.threshold, float(ordered[allowed]) if allowed < len(ordered) else 0.0)


def miss_rate(index: LogoIndex, brand: str, calibration: MatchCalibration) -> float:
    """Estimate the share of photos of a brand's mark in which its registered logos do not find it, in (0, 1).

    Each logo image of the brand is searched with the others alone in the index, as if a photo showed it. It is a miss
    where its probability is below the base rate. A few logo images carry little information, so the share is drawn to
    the usual miss rate, which weighs as much as `_PRIOR_LOGO_IMAGES` of them.

    Args:
        index: A snapshot of the index.
        brand: A brand with a logo.
        calibration: Calibration of the encoder and the detector in use.

    Raises:
        InputError: The brand has no logo.
    """
    if brand not in index.with_logo:
        raise InputError(f"brand: expected one with a logo, got {brand!r}")
    rows = [i for i, record in enumerate(index.logos) if record.brand == brand]
    sha256 = np.array([index.logos[i].sha256 for i in rows], np.str_)
    logo_images, missed = np.unique(sha256), 0
    if len(logo_images) < 2:
        return USUAL_MISS_RATE
    vectors = index.vectors[rows]
    near = index.search_brands(vectors, 2)
    is_first = near.brand[:, 0] == near.brands.index(brand)
    rival = np.where(is_first, near.second, near.similarity[:, 0]).astype(np.float32)
    for logo_image in logo_images:
        query = sha256 == logo_image
        similarity = nearest_of(vectors[query], vectors[~query])
        ones = np.ones(query.sum(), np.float32)
        probability = calibration.probability(similarity, similarity - rival[query], len(near.brands), ones)
        missed += bool(probability.max() < BASE_RATE)
    return (missed + USUAL_MISS_RATE * _PRIOR_LOGO_IMAGES) / (len(logo_images) + _PRIOR_LOGO_IMAGES)

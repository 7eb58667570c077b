"""Similarity to probability: the calibration of an encoder and a detector, and what an index adds for its brands."""

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
    """Logistic model of "this match is right".

    logit = intercept + similarity * s + margin * m + log_brands * ln(brands in the register) + confidence * c

    Attributes:
        encoder: Fingerprint of the encoder that it was fitted for.
        detector: Fingerprint of the detector.
        intercept: And the coefficients, see above.
        similarity: Per unit of cosine.
        margin: Per unit of cosine to the next brand or negative, see `margins`.
        log_brands: Per e-fold of the register.
        confidence: Per unit of the detector's confidence.
        threshold: Probability from which a brand is named; chosen on composites.
        fitted_on: What it was fitted on, in words.
        kind: Whether it is for brands found by pictures of their logo or by their name alone.
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
        """Probabilities, float64, of the shape of `similarity`."""
        logit = (
            self.intercept
            + self.similarity * similarity.astype(np.float64)
            + self.margin * margin.astype(np.float64)
            + self.log_brands * float(np.log(max(1, n_brands)))
            + self.confidence * confidence.astype(np.float64)
        )
        return sigmoid_array(np.clip(logit, -60, 60))


def bundled_calibrations() -> tuple[MatchCalibration, ...]:
    """The match calibrations that ship; each names the encoder and detector that it belongs to."""
    return tuple(from_mapping(MatchCalibration, c, "weights/manifest.json") for c in calibration_rows())


# Logo images of a brand that say as much of its miss rate as is known of all brands. Stated prior.
_USUAL_LOGOS = 4
LEAST_NEGATIVES = 5
"""Own negatives from which a brand gets a threshold: fewer speak by their nearness alone."""


def fitting_calibration(
    calibration: MatchCalibration | Literal["auto"] | None,
    encoder: EncoderInfo,
    detector: Detector,
    kind: Literal["logo", "name"],
) -> MatchCalibration | None:
    """Return a calibration that belongs to an encoder and a detector: the one given, or with "auto" a bundled one.

    Raises:
        MismatchError: The one given belongs to others, or is of the other kind.
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
    """For each brand with five negatives of its own or more: the probability above which a match may name it.

    Each negative is judged as a fresh region would be, with all negatives but itself.

    Args:
        index: A snapshot of the index.
        calibration: Belongs to the encoder and the detector in use.
        budget: Share of the brand's own negatives that may be named all the same, 0..1; with fewer than 1 / budget
            of them none may.

    Returns:
        The lowest thresholds within the budget, at least `calibration.threshold`. Every other brand has that one.

    Raises:
        MismatchError: The calibration belongs to another encoder.
        InputError: It is one for names, or the budget is no share.
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
        own = index.negative_vectors(brand)
        if len(own) >= LEAST_NEGATIVES:
            thresholds[brand] = _threshold(index, brand, own, calibration, budget)
    return thresholds


def _threshold(index: LogoIndex, brand: str, own: Embeddings, calibration: MatchCalibration, budget: float) -> float:
    near = index.search_brands(own, 2)
    alike = own @ own.T
    np.fill_diagonal(alike, -1)
    position = near.brands.index(brand)
    similarity, rival = near.similarity[:, 0].copy(), near.second.copy()
    for query, relatives in near.relatives.items():  # it may be another's logo as well, who comes first
        for one in relatives:
            if one.brand == position:
                similarity[query], rival[query] = one.similarity, one.rival
                near.brand[query, 0] = position
    margin = similarity - np.maximum(rival, np.maximum(alike.max(axis=1), nearest_of(own, index.negative_vectors())))
    ones = np.ones(len(own), np.float32)
    probability = calibration.probability(similarity, margin, len(near.brands), ones)
    ordered = np.sort(probability * (near.brand[:, 0] == position))[::-1]
    allowed = int(np.floor(budget * len(ordered) + 1e-9))
    return max(calibration.threshold, float(ordered[allowed]) if allowed < len(ordered) else 0.0)


def miss_rate(index: LogoIndex, brand: str, calibration: MatchCalibration) -> float:
    """Share of photos with a brand's mark in which its registered logos would not find it, in (0, 1).

    Each logo image of the brand is searched by the others alone, as if a photo showed it: one that they do not find
    (whose probability is below the base rate) is a miss. A few logo images say little, so the share is held to the
    usual one, which counts as much as `_USUAL_LOGOS` of them.

    Args:
        index: A snapshot of the index.
        brand: One with a logo.
        calibration: Belongs to the encoder and the detector in use.

    Raises:
        InputError: The brand has no logo.
    """
    if brand not in index.with_logo:
        raise InputError(f"brand: expected one with a logo, got {brand!r}")
    rows = [i for i, record in enumerate(index.logos) if record.brand == brand]
    image = np.array([index.logos[i].sha256 for i in rows], np.str_)
    names, missed = np.unique(image), 0
    if len(names) < 2:
        return USUAL_MISS_RATE
    vectors = index.vectors[rows]
    near = index.search_brands(vectors, 2)
    first = near.brand[:, 0] == near.brands.index(brand)
    rival = np.where(first, near.second, near.similarity[:, 0]).astype(np.float32)
    for name in names:
        own = image == name
        similarity = nearest_of(vectors[own], vectors[~own])
        ones = np.ones(own.sum(), np.float32)
        probability = calibration.probability(similarity, similarity - rival[own], len(near.brands), ones)
        missed += bool(probability.max() < BASE_RATE)
    return (missed + USUAL_MISS_RATE * _USUAL_LOGOS) / (len(names) + _USUAL_LOGOS)

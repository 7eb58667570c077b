"""Labelled photos, and what the shipped scanner answers about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.galleries import build_index, icon_set
from benchmarks.common.options import rows_of
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.common.statistics import Statistic, bootstrap, tpr_at
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.calibration import MatchCalibration
from logoscan.matching.fusion import BrandEvidence, fuse
from logoscan.runtime import one_core_a_batch
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing, Match
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.features import PhotoFeatures

MODES = ("appearance", "keypoints", "logo", "text", "both")
"""Evidence that answers: the embedding of regions, keypoints laid over logo images, these two, text, and all."""

Named: TypeAlias = Callable[[str, float], bool]
"""Whether a brand is named that is shown with a probability, by the shipped scanner's own rule (`named_by`)."""

Answer = tuple[str, float]
"""The most confident brand and its confidence; "" and -1 where there is no evidence."""


@dataclass(frozen=True)
class Photo:
    """A photo and the brands that it shows.

    Attributes:
        path: File.
        brands: Labels; an empty set is a negative.
    """

    path: Path
    brands: frozenset[str]


def read_photos(
    images: Path,
    labels: Path,
    negatives: Path | None = None,
    negative_labels: Path | None = None,
    exclude: Path | None = None,
) -> list[Photo]:
    """Read the labelled photos, and of the negatives those without a brand.

    Args:
        images: Folder of the photos.
        labels: CSV file,brand of them.
        negatives: Folder of further photos.
        negative_labels: CSV file,brand of those.
        exclude: CSV with a column file: photos that are left out.
    """
    if (negatives is None) != (negative_labels is None):
        raise click.UsageError("--negatives and --negative-labels go together")
    left_out = {r["file"] for r in rows_of(exclude)}
    photos = [
        Photo(images / r["file"], frozenset(b for b in r["brand"].split("|") if b))
        for r in rows_of(labels)
        if r["file"] not in left_out
    ]
    if negatives is not None:
        photos += [Photo(negatives / r["file"], frozenset()) for r in rows_of(negative_labels) if not r["brand"]]
    return photos


@dataclass(frozen=True)
class Run:
    """What the benchmarks on whole photos have in common.

    Attributes:
        index: Gallery brands and distractors.
        names: Gallery brands.
        scanner: The shipped scanner of that index.
        photos: Labelled photos.
        settings: What the figures depend on.
    """

    index: LogoIndex
    names: frozenset[str]
    scanner: Scanner
    photos: list[Photo]
    settings: dict[str, Any]

    @property
    def threshold(self) -> float:
        """The shipped threshold of brands with a logo image; `named` also knows that of brands by name alone."""
        return calibration_of(self.scanner).threshold

    @property
    def named(self) -> Named:
        """Whether a report of the scanner names a brand that is shown with a probability."""
        return named_by(self.scanner, self.index)


def calibration_of(scanner: Scanner) -> MatchCalibration:
    """Return the calibration of brands with a logo image; without one there is nothing to measure."""
    if scanner.calibration is None:
        raise click.ClickException("no shipped threshold for this encoder and detector: nothing to measure")
    return scanner.calibration


def named_by(scanner: Scanner, index: LogoIndex) -> Named:
    """Return the rule by which a report of the scanner names brands of an index.

    A brand that is registered by its name alone has another threshold than one with a logo image.
    """
    calibration_of(scanner)
    naming = scanner.pipeline.naming
    return lambda brand, sure: bool(naming.is_named(brand, sure, index))


def prepare_index(
    images: Path,
    galleries: tuple[Path, ...],
    distractors: Path | None,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    ocr: str,
    effort: str,
    device: str,
    cache: Path | None,
    photos: list[Photo],
) -> Run:
    """Load the models and build the index and the scanner that the options name."""
    one_core_a_batch()
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, names = build_index(galleries, distractors, clip, cache)
    scanner = build_scanner(
        index,
        encoder=clip,
        detector=detector,
        detector_weights=detector_weights,
        ocr=ocr,
        effort=effort,
        device=device,
    )
    settings = {
        **settings_of(scanner),
        "images": str(images),
        "galleries": [str(gallery) for gallery in galleries],
        "distractors": icon_set(distractors),
        "brands": len(index.brands),
    }
    return Run(index, frozenset(names), scanner, photos, settings)


def prepare(
    images: Path,
    labels: Path,
    galleries: tuple[Path, ...],
    negatives: Path | None,
    negative_labels: Path | None,
    exclude: Path | None,
    **models: Any,
) -> Run:
    """Read the labelled photos, and make index and scanner; `models` are the other options of `prepare_index`."""
    photos = read_photos(images, labels, negatives, negative_labels, exclude)
    return prepare_index(images, galleries, photos=photos, **models)


def matches_of(scanner: Scanner, index: LogoIndex, features: PhotoFeatures) -> tuple[Match, ...]:
    """Match one photo with an index, as a scan does."""
    return scanner.match([features], index)


def evidence_of(
    scanner: Scanner, index: LogoIndex, matches: tuple[Match, ...], features: PhotoFeatures
) -> dict[str, BrandEvidence]:
    """Join the matches of one photo with the names that are read in it, as a scan of a listing with that photo does."""
    text = scanner.pipeline.text(Listing("photo"), [features], index)
    return fuse(matches, text.mentions, index.sharing)


def confidences_of(scanner: Scanner, index: LogoIndex, features: PhotoFeatures) -> dict[str, dict[str, float]]:
    """Compute, for each mode, how surely one photo shows each brand of which it holds evidence.

    Without a calibration the appearance carries no probability; then the nearest brand's similarity and margin rank it.
    """
    matches = matches_of(scanner, index, features)
    evidence = evidence_of(scanner, index, matches, features)
    near = tuple(m for m in matches if m.kind == "appearance")
    laid = tuple(m for m in matches if m.kind == "keypoints")
    appearance = _known(fuse(near, (), index.sharing), lambda e: e.logo)
    logo = _known(evidence, lambda e: e.logo)
    if scanner.calibration is None:
        nearest = max(near, key=lambda m: m.similarity + m.margin, default=None)
        appearance = logo = {nearest.brand: nearest.similarity + nearest.margin} if nearest else {}
    return {
        "appearance": appearance,
        "keypoints": _known(fuse(laid, (), index.sharing), lambda e: e.logo),
        "logo": logo,
        "text": _known(evidence, lambda e: e.text or None),
        "both": _known(evidence, lambda e: e.shown),
    }


def _known(
    evidence: Mapping[str, BrandEvidence], confidence: Callable[[BrandEvidence], float | None]
) -> dict[str, float]:
    return {name: c for name, e in evidence.items() if (c := confidence(e)) is not None}


def answers_of(scanner: Scanner, index: LogoIndex, features: PhotoFeatures) -> dict[str, Answer]:
    """Give, for each mode, the most confident brand and its confidence; "" and -1 without evidence."""
    return {mode: best(found) for mode, found in confidences_of(scanner, index, features).items()}


def best(confidences: Mapping[str, float]) -> Answer:
    """Choose the most confident brand; "" and -1 where there is none."""
    return max(confidences.items(), key=lambda pair: pair[1], default=("", -1.0))


def rates(
    hit: NDArray[np.bool_],
    confidence: NDArray[np.float64],
    negatives: NDArray[np.float64],
    shipped: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None,
) -> dict[str, Any]:
    """Compute top-1, TPR at two false positive rates and both rates at the shipped thresholds, with intervals.

    Args:
        hit: Whether the answer of each positive is among its labels.
        confidence: Confidence of each positive's answer.
        negatives: Confidence of each negative's answer.
        shipped: Whether the answer of each positive is named, and whether any brand is named in each negative; None
            where no threshold is shipped.
    """
    named, bare_named = shipped if shipped is not None else (np.zeros(0, bool), np.zeros(0, bool))

    def top1(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float(hit[p].mean())

    def tpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float((hit[p] & named[p]).mean())

    def fpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float(bare_named[n].mean())

    every = (np.arange(len(hit)), np.arange(len(negatives)))
    wanted: dict[str, tuple[Statistic, bool]] = {
        "top1": (top1, True),
        "tpr_at_fpr_01": (tpr_at(hit, confidence, negatives, 0.01), len(negatives) > 0),
        "tpr_at_fpr_05": (tpr_at(hit, confidence, negatives, 0.05), len(negatives) > 0),
        "tpr_shipped": (tpr_shipped, shipped is not None),
        "fpr_shipped": (fpr_shipped, shipped is not None and len(negatives) > 0),
    }
    figures: dict[str, Any] = {}
    for name, (statistic, measurable) in wanted.items():
        figures[name] = round(statistic(*every), 4) if measurable else None
        figures[f"{name}_ci"] = bootstrap(statistic, (len(hit), len(negatives))) if measurable else None
    return figures
